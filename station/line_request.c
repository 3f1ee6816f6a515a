#include "station/line_request.h"

#include <stdio.h>

#include "lib/http/json_read.h"

static enum err
device_set(struct floor_call *call, enum floor_device kind, const char *text,
    struct diag *diag)
{
	size_t len = strlen(text);
	enum err err = ERR_OK;

	call->device_kind = kind;
	if (kind == FLOOR_CHIP)
		err = hex_decode(text, call->device, FLOOR_DEVICE_MAX,
		    &call->device_len);
	if (err)
		return diag_fail(diag, err, NULL, "device: chip: not"
		    " hexadecimal, or more than %d octets",
		    FLOOR_DEVICE_MAX);
	if (kind == FLOOR_SERIAL && len <= FLOOR_DEVICE_MAX) {
		memcpy(call->device, text, len);
		call->device_len = len;
	}
	if (call->device_len == 0)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "device: %s: 1 to %d octets", kind == FLOOR_CHIP ?
		    "chip" : "serial", FLOOR_DEVICE_MAX);
	return ERR_OK;
}

/* {"chip": HEX} or {"serial": TEXT} */
static enum err
device_read(const struct json_value *json, struct floor_call *call,
    struct diag *diag)
{
	static const char *const members[] = { "chip", "serial", NULL };
	char text[2 * FLOOR_DEVICE_MAX + 1];
	const struct json_value *device;
	bool chip;
	enum err err;

	err = json_get_object(json, "device", &device, diag);
	if (err)
		return err;
	chip = device != NULL && json_has(device, "chip");
	if (device == NULL || chip == json_has(device, "serial"))
		return diag_fail(diag, ERR_INVALID, NULL, "device: needs"
		    " either a chip or a serial");
	err = json_only(device, members, diag);
	if (!err)
		err = json_get_text(device, chip ? "chip" : "serial", text,
		    sizeof(text), diag);
	if (!err)
		err = device_set(call, chip ? FLOOR_CHIP : FLOOR_SERIAL,
		    text, diag);
	return err;
}

/* The package that a commit or scrap means; may be missing. */
static enum err
index_read(const struct json_value *json, struct floor_call *call,
    struct diag *diag)
{
	call->has_index = json_has(json, "index");
	return json_get_number(json, "index", INT64_MAX, 0, &call->index,
	    diag);
}

static enum err
call_read(const struct json_value *json, struct floor_call *call,
    struct diag *diag)
{
	enum err err;

	err = device_read(json, call, diag);
	if (!err)
		err = json_get_text(json, "badge", call->badge,
		    sizeof(call->badge), diag);
	if (!err)
		err = json_get_text(json, "mes_order", call->mes_order,
		    sizeof(call->mes_order), diag);
	return err;
}

static enum err
reserve_read(const struct json_value *json, struct line_request *r,
    struct diag *diag)
{
	static const char *const members[] = { "device", "badge",
		"mes_order", "product", "order", "rework", "voids",
		NULL };
	struct floor_reserve *to = &r->reserve;
	uint64_t order;
	enum err err;

	err = json_only(json, members, diag);
	if (!err)
		err = json_get_text(json, "product", to->product,
		    sizeof(to->product), diag);
	if (!err)
		err = json_get_number(json, "order", UINT32_MAX, 0, &order,
		    diag);
	if (!err)
		err = json_get_number(json, "voids", INT64_MAX, 0,
		    &to->voids, diag);
	if (!err)
		err = json_get_text(json, "rework", to->reason,
		    sizeof(to->reason), diag);
	if (err)
		return err;
	to->order = (uint32_t)order;
	to->rework = json_has(json, "rework");
	if (to->rework && to->reason[0] == '\0')
		return diag_fail(diag, ERR_INVALID, NULL,
		    "rework: needs a reason");
	if (to->rework != json_has(json, "voids"))
		return diag_fail(diag, ERR_INVALID, NULL, "voids: goes with"
		    " rework, the index of the package that it voids");
	return ERR_OK;
}

static enum err
name_read(void *ctx, const char *kind, const char *text, struct diag *diag)
{
	struct floor_commit *commit = ctx;
	struct floor_name *name;

	if (commit->name_count == FLOOR_NAMES_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "names: more than %d", FLOOR_NAMES_MAX);
	name = &commit->names[commit->name_count];
	if (strlen(kind) >= sizeof(name->kind) ||
	    strlen(text) >= sizeof(name->text))
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "names: %.64s: too long", kind);
	memcpy(name->kind, kind, strlen(kind) + 1);
	memcpy(name->text, text, strlen(text) + 1);
	commit->name_count++;
	return ERR_OK;
}

/* {"readback": BASE64} or {"signature": BASE64} */
static enum err
evidence_read(const struct json_value *json, struct floor_commit *commit,
    struct diag *diag)
{
	static const char *const members[] = { "readback", "signature",
		NULL };
	const struct json_value *evidence;
	bool signature;
	enum err err;

	err = json_get_object(json, "evidence", &evidence, diag);
	if (err || evidence == NULL)
		return err;
	signature = json_has(evidence, "signature");
	if (signature == json_has(evidence, "readback"))
		return diag_fail(diag, ERR_INVALID, NULL, "evidence: needs"
		    " either a signature or a readback");
	err = json_only(evidence, members, diag);
	if (!err)
		err = json_get_base64(evidence, signature ? "signature" :
		    "readback", commit->proof, FLOOR_EVIDENCE_MAX,
		    &commit->proof_len, diag);
	commit->evidence = signature ? FLOOR_SIGNED : FLOOR_READBACK;
	return err;
}

static enum err
commit_read(const struct json_value *json, struct line_request *r,
    struct diag *diag)
{
	static const char *const members[] = { "device", "badge",
		"mes_order", "index", "firmware", "evidence", "names", NULL };
	enum err err;

	err = json_only(json, members, diag);
	if (!err)
		err = index_read(json, &r->call, diag);
	if (!err)
		err = json_get_text(json, "firmware", r->commit.firmware,
		    sizeof(r->commit.firmware), diag);
	if (!err)
		err = evidence_read(json, &r->commit, diag);
	if (!err)
		err = json_each_text(json, "names", name_read, &r->commit,
		    diag);
	return err;
}

static enum err
scrap_read(const struct json_value *json, struct line_request *r,
    struct diag *diag)
{
	static const char *const members[] = { "device", "badge",
		"mes_order", "index", "reason", NULL };
	enum err err;

	err = json_only(json, members, diag);
	if (!err)
		err = index_read(json, &r->call, diag);
	if (!err)
		err = json_get_text(json, "reason", r->reason,
		    sizeof(r->reason), diag);
	if (!err && r->reason[0] == '\0')
		err = diag_fail(diag, ERR_INVALID, NULL, "reason: a scrap"
		    " needs one");
	return err;
}

static enum err
query_read(const struct json_value *json, struct diag *diag)
{
	static const char *const members[] = { "device", "badge",
		"mes_order", NULL };

	return json_only(json, members, diag);
}

enum err
line_request_read(enum line_verb verb, struct bytes text,
    struct line_request *ret_request, struct diag *diag)
{
	_cleanup_json_value_ struct json_value *json = NULL;
	struct line_request r = { .verb = verb };
	enum err err;

	err = json_read_object(text, &json, diag);
	if (err)
		return err;
	switch (verb) {
	case LINE_RESERVE:
		err = reserve_read(json, &r, diag);
		break;
	case LINE_COMMIT:
		err = commit_read(json, &r, diag);
		break;
	case LINE_SCRAP:
		err = scrap_read(json, &r, diag);
		break;
	case LINE_QUERY:
		err = query_read(json, diag);
		break;
	}
	if (!err)
		err = call_read(json, &r.call, diag);
	if (!err)
		*ret_request = r;
	return err;
}

/* "%41" and the like; '+' stays what it is. */
static enum err
percent_decode(struct bytes text, char *ret_text, size_t size,
    struct diag *diag)
{
	char hex[3] = "";
	uint8_t octet;
	size_t i, len = 0, one;

	for (i = 0; i < text.len; i++) {
		octet = text.ptr[i];
		if (octet == '%' && text.len - i > 2) {
			memcpy(hex, text.ptr + i + 1, 2);
			if (hex_decode(hex, &octet, 1, &one) != ERR_OK)
				octet = 0;
			i += 2;
		} else if (octet == '%') {
			octet = 0;
		}
		if (octet == 0 || len + 1 >= size)
			return diag_fail(diag, ERR_SYNTAX, "RFC 3986 2.1",
			    "query: not well encoded, or too long");
		ret_text[len++] = (char)octet;
	}
	ret_text[len] = '\0';
	return ERR_OK;
}

enum err
line_query_read(struct bytes query, struct line_request *ret_request,
    struct diag *diag)
{
	static const char *const keys[] = { "chip=", "serial=" };
	struct line_request r = { .verb = LINE_QUERY };
	char text[2 * FLOOR_DEVICE_MAX + 1];
	size_t i, len;
	enum err err;

	for (i = 0; i < 2; i++) {
		len = strlen(keys[i]);
		if (query.len < len || memcmp(query.ptr, keys[i], len) != 0)
			continue;
		err = percent_decode(bytes_of(query.ptr + len, query.len -
		    len), text, sizeof(text), diag);
		if (!err)
			err = device_set(&r.call, i == 0 ? FLOOR_CHIP :
			    FLOOR_SERIAL, text, diag);
		if (!err)
			*ret_request = r;
		return err;
	}
	return diag_fail(diag, ERR_INVALID, NULL,
	    "query: ?serial=TEXT or ?chip=HEX");
}
