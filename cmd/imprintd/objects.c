/* One thing at a time, for operators over the network: a product, the
 * document signers, an identity's document. */
#include <stdio.h>
#include <string.h>

#include "cmd/imprintd/desk.h"
#include "lib/authority/claim.h"
#include "lib/authority/export.h"
#include "lib/authority/field.h"
#include "lib/authority/operation.h"
#include "lib/authority/signer.h"
#include "lib/base/clock.h"
#include "lib/base/json_write.h"

#define BODY_MAX	((size_t)64 << 10)	/* in base64url it fits */
#define PREFIX_MIN	4	/* hexadecimal digits of a hash */

/* A product by the first digits of its hash. */
struct prefix_walk {
	const char		*prefix;
	unsigned		 found;
	struct store_object	 object;
	struct buf		 body;
};

static enum err
prefix_try(void *ctx, const struct store_object *object)
{
	_cleanup_buf_ struct buf hex = BUF_INIT;
	struct prefix_walk *walk = ctx;

	buf_put_hex(&hex, bytes_of(object->hash, STORE_HASH_SIZE));
	if (buf_err(&hex) || strncmp(buf_text(&hex), walk->prefix,
	    strlen(walk->prefix)) != 0)
		return buf_err(&hex);
	walk->found++;
	walk->object = *object;
	buf_clear(&walk->body);
	buf_put_bytes(&walk->body, object->body);
	return buf_err(&walk->body);
}

static enum err
product_by_prefix(struct desk *desk, const char *word, struct buf *body,
    struct store_object *ret_object, struct diag *diag)
{
	struct prefix_walk walk = { .prefix = word, .body = BUF_INIT };
	size_t len = strlen(word);
	enum err err = ERR_OK;

	if (len >= PREFIX_MIN && strspn(word, "0123456789abcdef") == len)
		err = authority_object_each(desk->authority, STORE_PRODUCT,
		    prefix_try, &walk, diag);
	if (!err && walk.found == 0)
		err = diag_fail(diag, ERR_NOTFOUND, NULL,
		    "product %s: not known here", word);
	else if (!err && walk.found > 1)
		err = diag_fail(diag, ERR_INVALID, NULL, "product %s: %u "
		    "hashes begin with it; give more digits", word,
		    walk.found);
	if (!err) {
		buf_put_bytes(body, buf_bytes(&walk.body));
		*ret_object = walk.object;
		err = buf_err(body);
	}
	buf_release(&walk.body);
	return err;
}

/* NAME, NAME@VERSION, or else the first digits of a hash. */
static enum err
product_find(struct desk *desk, const char *word, struct buf *body,
    struct store_object *ret_object, struct diag *diag)
{
	const char *at = strchr(word, '@');
	size_t len = at != NULL ? (size_t)(at - word) : strlen(word);
	char name[STORE_NAME_MAX + 1];
	enum err err = ERR_NOTFOUND;

	if (len < sizeof(name)) {
		memcpy(name, word, len);
		name[len] = '\0';
		err = authority_object_get(desk->authority, STORE_PRODUCT,
		    name, at != NULL ? at + 1 : NULL, body, ret_object, NULL);
	}
	return err == ERR_NOTFOUND ? product_by_prefix(desk, word, body,
	    ret_object, diag) : err;
}

enum err
resource_product(struct desk *desk, const char *word, struct buf *out,
    struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct json json = { .b = out, .line = true };
	struct store_object object;
	char plain[SEGMENT_SIZE];
	enum err err;

	if (!segment_decode(word, plain))
		return diag_fail(diag, ERR_INVALID, "RFC 3986 2.1",
		    "path: a product's name that cannot be read");
	err = product_find(desk, plain, &body, &object, diag);
	if (!err && body.len > BODY_MAX)
		err = diag_fail(diag, ERR_LIMIT, NULL, "product %s: is too "
		    "long to be answered", plain);
	if (err)
		return err;
	json_open(&json, '{');
	product_put(&json, &object);
	json_key(&json, bytes_text("body"));
	json_put_base64url(&json, buf_bytes(&body));
	json_close(&json, '}');
	return ERR_OK;
}

enum err
resource_logs(struct desk *desk, struct buf *out, struct diag *diag)
{
	static const uint32_t logs[] = { LOG_BULK_NUMBER, LOG_ONLINE_NUMBER,
		LOG_OPERATIONS_NUMBER };
	struct json json = { .b = out, .line = true };
	struct store_log log;
	size_t i;
	enum err err = ERR_OK;

	json_open(&json, '{');
	json_key(&json, bytes_text("logs"));
	json_open(&json, '[');
	for (i = 0; i < sizeof(logs) / sizeof(logs[0]) && !err; i++) {
		err = store_log_get(authority_store(desk->authority),
		    logs[i], &log, NULL, NULL, diag);
		if (err)
			break;
		json_next(&json);
		json_open(&json, '{');
		json_put_text(&json, "log", bytes_text(log.name));
		json_put_number(&json, "size", log.size);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	json_close(&json, '}');
	return err;
}

static void
signer_put(struct json *json, const struct authority_signer *signer,
    bool current)
{
	json_next(json);
	json_open(json, '{');
	json_put_number(json, "number", signer->number);
	json_put_text(json, "name", bytes_text(signer->name));
	json_put_flag(json, "signs", current);
	json_put_hex(json, "thumbprint", bytes_of(signer->kid,
	    COSE_KID_SIZE));
	json_close(json, '}');
}

/* All receipts are walked for it: at most a twentieth of the time. */
static enum err
left_get(struct desk *desk, uint32_t signer, uint64_t *ret_left,
    struct diag *diag)
{
	int64_t end, begin = time_monotonic_ns();
	struct desk_left *kept = &desk->left;
	uint64_t left = 0;
	enum err err;

	if (kept->signer != signer || begin >= kept->until_ns) {
		err = signer_renew_left(desk->authority, &left, diag);
		if (err)
			return err;
		end = time_monotonic_ns();
		*kept = (struct desk_left){ signer, left,
			end + 20 * (end - begin) };
	}
	*ret_left = kept->count;
	return ERR_OK;
}

enum err
resource_signers(struct desk *desk, struct buf *out, struct diag *diag)
{
	struct json json = { .b = out, .line = true };
	struct authority_signer current, signer;
	uint64_t left = 0;
	uint32_t number;
	enum err err;

	err = signer_current(desk->authority, &current, diag);
	if (!err)
		err = left_get(desk, current.number, &left, diag);
	if (err)
		return err;
	json_open(&json, '{');
	json_key(&json, bytes_text("signers"));
	json_open(&json, '[');
	for (number = 1; !err && number <= current.number; number++) {
		err = signer_get(desk->authority, number, &signer, diag);
		if (!err)
			signer_put(&json, &signer, number == current.number);
	}
	json_close(&json, ']');
	json_put_number(&json, "receipts_left", left);
	json_close(&json, '}');
	return err;
}

enum err
resource_device(struct desk *desk, const char *word, struct buf *out,
    struct diag *diag)
{
	struct json json = { .b = out, .line = true };
	struct field_device device = { .id_count = 0 };
	struct address address, birth;
	enum address_kind kind;
	char plain[SEGMENT_SIZE];
	bool wanted = false;
	enum err err;

	if (!segment_decode(word, plain))
		return diag_fail(diag, ERR_INVALID, "RFC 3986 2.1",
		    "path: a device's name that cannot be read");
	err = lookup_find(desk->authority, plain, &address, &kind, diag);
	if (!err)
		err = field_birth(desk->authority, &address, &birth, diag);
	if (err)
		return err;
	err = claim_wanted(desk->authority, &birth, &wanted, diag);
	if (err)
		return err;
	err = field_device_get(desk->authority, &birth, &device, diag);
	if (err && (err != ERR_NOTFOUND || diag->code != ERR_OK))
		return err;
	json_open(&json, '{');
	json_put_text(&json, "log", bytes_text(birth.log ==
	    LOG_ONLINE_NUMBER ? LOG_ONLINE : LOG_BULK));
	json_put_number(&json, "index", birth.index);
	json_put_text(&json, "state", bytes_text(
	    device.claim.state != FIELD_UNCLAIMED || wanted ?
	    field_claim_name(device.claim.state) : "not-needed"));
	json_put_some(&json, "owner", bytes_text(device.claim.owner));
	json_put_number(&json, "wrong_codes", device.claim.guesses);
	json_put_number(&json, "refused", device.events);
	json_close(&json, '}');
	return ERR_OK;
}

/* Documents. */

/* As a JWT, signed now. */
static enum err
jwt_put(struct desk *desk, const struct address *address, struct json *json,
    struct diag *diag)
{
	_cleanup_export_ struct export *export = NULL;
	struct export_options options = { .slot = RENDERING_ALL_SLOTS,
		.line = true };
	_cleanup_buf_ struct buf text = { .limit = BODY_MAX };
	char ueid[UEID_HEX_SIZE];
	enum err err;

	err = rendering_find("jwt", &options.rendering, diag);
	if (!err)
		err = export_new(desk->authority, &options, &export, diag);
	if (!err)
		err = export_identity(export, address, &text, ueid, diag);
	if (!err)
		json_put_text(json, "jwt", buf_bytes(&text));
	return err;
}

static enum err
document_put(struct desk *desk, const struct address *address,
    uint32_t generation, struct json *json, struct diag *diag)
{
	_cleanup_lookup_ struct lookup *lookup = NULL;
	const struct template *template;
	struct store_range range;
	struct identity identity;
	enum err err;

	err = lookup_new(desk->authority, &lookup, diag);
	if (err)
		return err;
	lookup_generation(lookup, generation);
	err = lookup_get(lookup, address, &identity, &range, &template, diag);
	if (err)
		return err;
	json_put_octets(json, "document", identity.document);
	return ERR_OK;
}

enum err
resource_document(struct desk *desk, const char *word, const char *query,
    bool jwt, struct buf *out, struct diag *diag)
{
	struct json json = { .b = out, .line = true };
	enum address_kind kind;
	struct address address;
	char plain[SEGMENT_SIZE];
	uint64_t generation = 0;
	enum err err;

	if (!segment_decode(word, plain))
		return diag_fail(diag, ERR_INVALID, "RFC 3986 2.1",
		    "path: an identity's name that cannot be read");
	err = query_number(query, "signer", SIGNERS_MAX, &generation,
	    diag);
	if (!err && jwt && generation != 0)
		err = diag_fail(diag, ERR_INVALID, NULL, "query: a JWT is "
		    "the present document signer's");
	if (!err)
		err = lookup_find(desk->authority, plain, &address, &kind,
		    diag);
	if (err)
		return err;
	json_open(&json, '{');
	json_put_text(&json, "log", bytes_text(address.log ==
	    LOG_ONLINE_NUMBER ? LOG_ONLINE : LOG_BULK));
	json_put_number(&json, "index", address.index);
	if (!err)
		err = jwt ? jwt_put(desk, &address, &json, diag) :
		    document_put(desk, &address, (uint32_t)generation, &json,
		    diag);
	json_close(&json, '}');
	return err;
}
