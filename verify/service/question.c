#include "verify/service/question.h"

#include "lib/http/json_read.h"
#include "lib/x509/certificate.h"

#define PEM_BEGIN	"-----BEGIN "

static enum err
permission_add(void *ctx, const char *name, const char *text,
    struct diag *diag)
{
	struct question *q = ctx;
	unsigned bit = 0;

	if (permission_by_name(text, &bit) != ERR_OK)
		return diag_fail(diag, ERR_INVALID, "RFC 9237 4",
		    "%s: \"%.32s\": allowed are GET, POST, PUT, DELETE, FETCH,"
		    " PATCH, iPATCH", name, text);
	q->ask.permissions |= UINT32_C(1) << bit;
	return ERR_OK;
}

static enum err
certificate_keep(struct bytes der, struct question *q, struct diag *diag)
{
	if (der.len > sizeof(q->certificate))
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "certificate: %zu octets; at most %zu", der.len,
		    sizeof(q->certificate));
	memcpy(q->certificate, der.ptr, der.len);
	q->ask.certificate = q->certificate;
	q->ask.certificate_len = der.len;
	return ERR_OK;
}

/* PEM, of which the first is the device's, or DER in base64. */
static enum err
certificate_read(struct bytes text, struct question *q, struct diag *diag)
{
	_cleanup_buf_ struct buf all = BUF_INIT;
	struct bytes der = BYTES_NONE, rest;
	enum err err;

	if (text.len == 0)
		return ERR_OK;
	if (memmem(text.ptr, text.len, PEM_BEGIN, strlen(PEM_BEGIN)) == NULL) {
		err = base64_decode(text, &all);
		if (err == ERR_NOMEM)
			return diag_nomem(diag);
		if (err || all.len == 0)
			return diag_fail(diag, ERR_SYNTAX, "RFC 4648 4",
			    "certificate: neither PEM nor base64");
		return certificate_keep(buf_bytes(&all), q, diag);
	}
	err = pem_get_all(text, "CERTIFICATE", &all, diag);
	rest = buf_bytes(&all);
	if (err || !pem_next(&rest, &der)) {
		diag_prefix(diag, "certificate");
		return err ? err : diag_fail(diag, ERR_SYNTAX, "RFC 7468 5",
		    "certificate: none in it");
	}
	return certificate_keep(der, q, diag);
}

/* A right without permissions would be granted to everybody, and permissions
 * without an object would be passed over. */
static enum err
right_check(struct question *q, struct diag *diag)
{
	if ((q->object[0] != '\0') != (q->ask.permissions != 0))
		return diag_fail(diag, ERR_INVALID, NULL,
		    "object and permissions belong together: %s is missing",
		    q->object[0] != '\0' ? "the second" : "the first");
	if (q->object[0] != '\0')
		q->ask.object = q->object;
	return ERR_OK;
}

static void
question_begin(struct question *q)
{
	memset(&q->ask, 0, sizeof(q->ask));
	q->object[0] = '\0';
}

enum err
question_read_json(struct bytes body, struct question *ret_question,
    struct diag *diag)
{
	static const char *const names[] = { "certificate", "document",
		"object", "permissions", NULL };
	_cleanup_json_value_ struct json_value *json = NULL;
	struct question *q = ret_question;
	char certificate[QUESTION_TEXT_MAX];
	enum err err;

	question_begin(q);
	err = json_read_object(body, &json, diag);
	if (!err)
		err = json_only(json, names, diag);
	if (!err)
		err = json_get_text(json, "certificate", certificate,
		    sizeof(certificate), diag);
	if (!err)
		err = certificate_read(bytes_text(certificate), q, diag);
	if (!err)
		err = json_get_base64(json, "document", q->document,
		    sizeof(q->document), &q->ask.document_len, diag);
	if (!err && q->ask.document_len > 0)
		q->ask.document = q->document;
	if (!err)
		err = json_get_text(json, "object", q->object,
		    sizeof(q->object), diag);
	if (!err)
		err = json_each_item(json, "permissions", permission_add, q,
		    diag);
	return err ? err : right_check(q, diag);
}

/* RFC 3986 2.1; out: at most text.len octets. A NUL or half an escape is no
 * text of ours. */
static enum err
percent_decode(struct bytes text, const char *name, struct buf *out,
    struct diag *diag)
{
	char digits[3] = "";
	uint8_t octet;
	size_t i, len;

	for (i = 0; i < text.len; i++) {
		octet = text.ptr[i];
		if (octet == '%') {
			if (text.len - i < 3)
				octet = '\0';
			else
				memcpy(digits, text.ptr + i + 1, 2);
			if (octet == '\0' || hex_decode(digits, &octet, 1,
			    &len) != ERR_OK)
				octet = '\0';
			i += 2;
		}
		if (octet == '\0')
			return diag_fail(diag, ERR_SYNTAX, "RFC 3986 2.1",
			    "%s: not percent-encoded", name);
		buf_put_u8(out, octet);
	}
	return buf_err(out) ? diag_nomem(diag) : ERR_OK;
}

static enum err
object_take(struct bytes text, struct question *q, struct diag *diag)
{
	if (text.len >= sizeof(q->object))
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "object: %zu octets long; at most %zu", text.len,
		    sizeof(q->object) - 1);
	memcpy(q->object, text.ptr, text.len);
	q->object[text.len] = '\0';
	return ERR_OK;
}

/* "GET,POST", blanks around the comma or not. */
static enum err
permissions_take(struct bytes text, struct question *q, struct diag *diag)
{
	char word[33];
	size_t i, len = 0;
	enum err err;

	for (i = 0; i <= text.len; i++) {
		if (i < text.len && text.ptr[i] != ',') {
			if ((text.ptr[i] != ' ' || len > 0) &&
			    len < sizeof(word) - 1)
				word[len++] = (char)text.ptr[i];
			continue;
		}
		while (len > 0 && word[len - 1] == ' ')
			len--;
		word[len] = '\0';
		err = permission_add(q, "permission", word, diag);
		if (err)
			return err;
		len = 0;
	}
	return ERR_OK;
}

static enum err
right_take(const char *name, struct bytes value, struct question *q,
    struct diag *diag)
{
	bool is_object = strcmp(name, "object") == 0;

	if (is_object ? q->object[0] != '\0' : q->ask.permissions != 0)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "%s: stands there twice", name);
	if (value.len == 0)
		return diag_fail(diag, ERR_INVALID, NULL, "%s: empty", name);
	return is_object ? object_take(value, q, diag) :
	    permissions_take(value, q, diag);
}

/* One "name=value" of a query. */
static enum err
pair_take(struct bytes pair, struct question *q, struct diag *diag)
{
	static const char *const names[] = { "object", "permission" };
	_cleanup_buf_ struct buf value = BUF_INIT;
	enum err err;
	size_t i, len;

	for (i = 0; i < 2; i++) {
		len = strlen(names[i]);
		if (pair.len <= len || memcmp(pair.ptr, names[i], len) != 0 ||
		    pair.ptr[len] != '=')
			continue;
		err = percent_decode(bytes_of(pair.ptr + len + 1,
		    pair.len - len - 1), names[i], &value, diag);
		return err ? err : right_take(names[i], buf_bytes(&value), q,
		    diag);
	}
	return diag_fail(diag, ERR_INVALID, NULL,
	    "query: only object= and permission= are known");
}

static enum err
query_take(struct bytes query, struct question *q, struct diag *diag)
{
	const uint8_t *end;
	struct bytes pair;
	enum err err = ERR_OK;

	while (query.len > 0 && !err) {
		end = memchr(query.ptr, '&', query.len);
		pair = bytes_of(query.ptr, end == NULL ? query.len :
		    (size_t)(end - query.ptr));
		err = pair_take(pair, q, diag);
		if (end == NULL)
			break;
		query = bytes_of(end + 1, query.len - pair.len - 1);
	}
	return err;
}

static enum err
document_take(struct bytes text, struct question *q, struct diag *diag)
{
	_cleanup_buf_ struct buf octets = BUF_INIT;
	enum err err;

	err = base64_decode(text, &octets);
	if (err == ERR_NOMEM)
		return diag_nomem(diag);
	if (err)
		return diag_fail(diag, ERR_SYNTAX, "RFC 4648 4",
		    "document: no base64");
	if (octets.len > sizeof(q->document))
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "document: %zu octets; at most %zu", octets.len,
		    sizeof(q->document));
	if (octets.len == 0)
		return ERR_OK;
	memcpy(q->document, octets.ptr, octets.len);
	q->ask.document = q->document;
	q->ask.document_len = octets.len;
	return ERR_OK;
}

enum err
question_read_fields(const struct question_fields *fields,
    struct question *ret_question, struct diag *diag)
{
	_cleanup_buf_ struct buf certificate = BUF_INIT;
	struct question *q = ret_question;
	enum err err;

	question_begin(q);
	err = percent_decode(fields->certificate, "certificate",
	    &certificate, diag);
	if (!err)
		err = certificate_read(buf_bytes(&certificate), q, diag);
	if (!err)
		err = document_take(fields->document, q, diag);
	if (!err && fields->object.len > 0)
		err = right_take("object", fields->object, q, diag);
	if (!err && fields->permission.len > 0)
		err = right_take("permission", fields->permission, q, diag);
	if (!err)
		err = query_take(fields->query, q, diag);
	return err ? err : right_check(q, diag);
}
