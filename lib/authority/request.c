#include "lib/authority/request.h"

#include <stdio.h>
#include <string.h>

#include "lib/authority/anchor.h"
#include "lib/authority/authority_internal.h"
#include "lib/authority/operation.h"
#include "lib/authority/operator.h"
#include "lib/authority/request_internal.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"
#include "lib/crypto/random.h"

#define REQUEST_VERSION 1

enum err
request_sign(const uint8_t ecosystem[ECOSYSTEM_ID_SIZE],
    enum request_type type, struct bytes body, int64_t now,
    struct signer *signer, struct buf *out, struct diag *diag)
{
	uint8_t id[REQUEST_ID_SIZE];
	enum err err;

	err = random_bytes(id, sizeof(id), diag);
	return err ? err : request_sign_as(ecosystem, id, type, body, now,
	    signer, out, diag);
}

enum err
request_sign_as(const uint8_t ecosystem[ECOSYSTEM_ID_SIZE],
    const uint8_t id[REQUEST_ID_SIZE], enum request_type type,
    struct bytes body, int64_t now, struct signer *signer, struct buf *out,
    struct diag *diag)
{
	_cleanup_buf_ struct buf payload = { .limit = REQUEST_SIZE_MAX };
	uint8_t kid[COSE_KID_SIZE];
	enum err err;

	err = cose_key_thumbprint(signer_public(signer), kid);
	if (err)
		return err;
	cbor_put_array(&payload, 6);
	cbor_put_uint(&payload, REQUEST_VERSION);
	cbor_put_bstr(&payload, bytes_of(ecosystem, ECOSYSTEM_ID_SIZE));
	cbor_put_bstr(&payload, bytes_of(id, REQUEST_ID_SIZE));
	cbor_put_uint(&payload, type);
	cbor_put_int(&payload, now);
	cbor_put_bstr(&payload, body);
	err = buf_err(&payload);
	if (err)
		return diag_fail(diag, err, NULL, "request: too large");
	return cose_sign1_sign(out, signer, bytes_of(kid, sizeof(kid)),
	    REQUEST_TYP, buf_bytes(&payload), BYTES_NONE, diag);
}

static enum err
request_payload(struct bytes payload, struct request *request,
    struct diag *diag)
{
	uint64_t version;
	struct cbor cbor;

	cbor_open(&cbor, payload);
	version = cbor_get_versioned(&cbor, 6, REQUEST_VERSION);
	if (cbor_ok(&cbor) && version != REQUEST_VERSION)
		return diag_fail(diag, ERR_VERSION, NULL,
		    "request: version %llu, this build knows %d",
		    (unsigned long long)version, REQUEST_VERSION);
	request->ecosystem = cbor_get_bstr_sized(&cbor, ECOSYSTEM_ID_SIZE);
	request->id = cbor_get_bstr_sized(&cbor, REQUEST_ID_SIZE);
	request->type = cbor_get_uint(&cbor);
	request->time = cbor_get_int(&cbor);
	request->body = cbor_get_bstr(&cbor);
	if (!cbor_close(&cbor))
		return diag_fail(diag, ERR_SYNTAX, "RFC 8949 4.2",
		    "request: %s", cbor.error);
	return ERR_OK;
}

enum err
operator_signed(struct authority *authority, struct bytes encoded,
    const char *what, const char *typ, struct cose_sign1 *ret_message,
    char ret_operator[STORE_NAME_MAX + 1], struct diag *diag)
{
	_cleanup_verifier_ struct verifier *verifier = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct public_key key;
	bool good = false;
	enum err err;

	err = cose_sign1_parse(encoded, ret_message, diag);
	if (err)
		return err;
	/* whoever carries it could write there: other octets, the same
	 * signature */
	if (!bytes_equal(ret_message->unprotected, bytes_of("\xa0", 1)))
		return diag_fail(diag, ERR_SYNTAX, "RFC 9052 3", "%s: its "
		    "unprotected header is not empty", what);
	if (!bytes_equal(ret_message->typ, bytes_text(typ)))
		return diag_fail(diag, ERR_AUTH, "RFC 9596 2",
		    "%s: the signed object is of another type", what);
	err = operator_by_kid(authority->store, authority->row_mac,
	    ret_message->kid, ret_operator, &key, NULL);
	if (err == ERR_NOTFOUND)
		return diag_fail(diag, ERR_AUTH, NULL,
		    "%s: signed by a key that is no operator's here", what);
	if (!err)
		err = verifier_new(&key, &verifier, diag);
	if (!err)
		err = sha256_new(&sha256, diag);
	if (!err)
		err = cose_sign1_verify(ret_message, verifier, key.alg,
		    BYTES_NONE, sha256, &good);
	if (err)
		return err;
	return good ? ERR_OK : diag_fail(diag, ERR_AUTH, "RFC 9052 4.4",
	    "%s: the signature of operator %s is not good", what,
	    ret_operator);
}

/* Who signed it? Everything later relies on this alone. */
static enum err
request_verify(struct authority *authority, struct bytes encoded,
    struct request *request, struct diag *diag)
{
	struct cose_sign1 message;
	enum err err;

	err = operator_signed(authority, encoded, "request", REQUEST_TYP,
	    &message, request->signed_by, diag);
	if (!err)
		err = request_payload(message.payload, request, diag);
	if (err)
		return err;
	if (!bytes_equal(request->ecosystem,
	    bytes_of(authority->info.id, ECOSYSTEM_ID_SIZE)))
		return diag_fail(diag, ERR_AUTH, NULL,
		    "request: meant for another ecosystem");
	return ERR_OK;
}

enum err
request_read(struct authority *authority, struct bytes encoded,
    enum request_type *ret_type, struct bytes *ret_body, struct diag *diag)
{
	struct request request = { 0 };
	enum err err;

	err = request_verify(authority, encoded, &request, diag);
	if (err)
		return err;
	*ret_type = (enum request_type)request.type;
	*ret_body = request.body;
	return ERR_OK;
}

enum err
request_look(struct authority *authority, struct bytes encoded,
    struct request_seen *ret_seen, struct diag *diag)
{
	struct request_seen seen = { .known = false };
	_cleanup_buf_ struct buf known = BUF_INIT;
	struct request request = { 0 };
	char name[STORE_NAME_MAX + 1];
	uint8_t hash[SHA256_SIZE];
	struct store_object record;
	size_t i;
	enum err err;

	err = authority_need_keys(authority, diag);
	if (!err)
		err = request_verify(authority, encoded, &request, diag);
	if (!err)
		err = sha256_once(encoded, hash);
	if (err)
		return err;
	for (i = 0; i < REQUEST_ID_SIZE; i++)
		(void)snprintf(name + 2 * i, 3, "%02x", request.id.ptr[i]);
	err = object_get(authority->store, authority->row_mac, STORE_REQUEST,
	    name, NULL, &known, &record, NULL);
	if (err && err != ERR_NOTFOUND)
		return diag_fail(diag, err, NULL,
		    "request %s: its record cannot be trusted", name);
	seen.known = err == ERR_OK;
	seen.other = seen.known && memcmp(record.hash, hash,
	    SHA256_SIZE) != 0;
	seen.type = (enum request_type)request.type;
	seen.time = request.time;
	seen.with_file = request.type == REQUEST_RECONCILE;
	if (request.type == REQUEST_ORDER_CREATE)
		request_order_files(request.body, &seen.with_file,
		    &seen.with_devices);
	memcpy(seen.operator, request.signed_by, sizeof(seen.operator));
	*ret_seen = seen;
	return ERR_OK;
}

struct recent {
	struct authority	*authority;
	void			(*each)(void *ctx, const char *operator,
				    int64_t time);
	void			*ctx;
};

static enum err
recent_take(void *ctx, const struct store_operation *row)
{
	const struct recent *recent = ctx;
	struct request request = { 0 };
	struct operation operation;
	struct bytes encoded;
	struct cbor cbor;
	enum err err;

	err = operation_parse(row->entry, &operation, NULL);
	if (err)
		return ERR_CORRUPT;
	cbor_open(&cbor, operation.body);
	(void)cbor_get_array(&cbor);
	encoded = cbor_get_bstr(&cbor);
	if (!cbor_ok(&cbor))
		return ERR_CORRUPT;
	err = request_verify(recent->authority, encoded, &request, NULL);
	if (!err)
		recent->each(recent->ctx, request.signed_by, request.time);
	/* by rules of then: it would not be taken now */
	return request_is_refusal(err) ? ERR_OK : err;
}

/* An entry before which all are older than since. */
static enum err
recent_from(struct authority *authority, int64_t since, uint64_t *ret_from,
    struct diag *diag)
{
	struct operation_head head;
	struct store_operation row;
	uint64_t from, step;
	enum err err;

	err = operation_head(authority, &head, diag);
	if (err)
		return err;
	for (from = head.size, step = 64; from > 0; step *= 2) {
		_cleanup_buf_ struct buf entry = BUF_INIT;

		from -= step < from ? step : from;
		err = store_operation_get(authority->store, from, &entry,
		    &row, diag);
		if (err)
			return err;
		if (row.time < since)
			break;
	}
	*ret_from = from;
	return ERR_OK;
}

enum err
request_each_since(struct authority *authority, int64_t since,
    void (*each)(void *ctx, const char *operator, int64_t time), void *ctx,
    struct diag *diag)
{
	struct recent recent = { authority, each, ctx };
	uint64_t from;
	enum err err;

	err = recent_from(authority, since, &from, diag);
	if (!err)
		err = store_operation_each(authority->store, from,
		    OPERATION_REQUEST, recent_take, &recent, diag);
	return err ? diag_fail(diag, err, NULL, "operations log: the last "
	    "requests cannot be read") : ERR_OK;
}

enum err
request_peek(struct bytes encoded, enum request_type *ret_type,
    struct diag *diag)
{
	struct request request = { 0 };
	struct cose_sign1 message;
	enum err err;

	err = cose_sign1_parse(encoded, &message, diag);
	if (!err)
		err = request_payload(message.payload, &request, diag);
	if (!err)
		*ret_type = (enum request_type)request.type;
	return err;
}

/* That the clock went back is on record with this request itself. */
enum err
request_clock(struct authority *authority, const struct request *request,
    int64_t now, struct buf *result, struct diag *diag)
{
	struct cbor cbor;

	(void)authority;
	(void)now;
	(void)result;
	cbor_open(&cbor, request->body);
	(void)cbor_get_int(&cbor);
	return cbor_close(&cbor) ? ERR_OK : diag_fail(diag, ERR_SYNTAX, NULL,
	    "clock request: %s", cbor.error);
}

static const struct {
	uint64_t	 type;
	enum err	(*run)(struct authority *, const struct request *,
			    int64_t now, struct buf *result, struct diag *);
} handlers[] = {
	{ REQUEST_PRODUCT_ADD, request_product_add },
	{ REQUEST_STATION_ADD, request_station_add },
	{ REQUEST_SERVICE_ADD, request_service_add },
	{ REQUEST_ORDER_CREATE, request_order_create },
	{ REQUEST_ORDER_CANCEL, request_order_cancel },
	{ REQUEST_STATUS, request_status },
	{ REQUEST_STATUS_CHOSEN, request_status_chosen },
	{ REQUEST_CLOCK, request_clock },
	{ REQUEST_ANCHOR, request_anchor },
	{ REQUEST_EPOCH, request_epoch },
	{ REQUEST_SIGNER_NEW, request_signer_new },
	{ REQUEST_OPERATOR_ADD, request_operator_add },
	{ REQUEST_CHIP_MAKER_ADD, request_chip_maker_add },
	{ REQUEST_CHIP_MAKER_REMOVE, request_chip_maker_remove },
	{ REQUEST_RECONCILE, request_reconcile },
	{ REQUEST_STATION_LOST, request_station_lost },
	{ REQUEST_STATION_RENEW, request_station_renew },
	{ REQUEST_STATION_ACKNOWLEDGE, request_station_acknowledge },
	{ REQUEST_DEVICE_CLAIM, request_device_claim },
	{ REQUEST_DEVICE_RELEASE, request_device_release },
	{ REQUEST_MANUFACTURER_ADD, request_manufacturer_add },
	{ REQUEST_MANUFACTURER_REMOVE, request_manufacturer_remove },
};

static enum err
request_dispatch(struct authority *authority, const struct request *request,
    int64_t now, struct buf *result, struct diag *diag)
{
	size_t i;

	for (i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].type == request->type)
			return handlers[i].run(authority, request, now,
			    result, diag);
	return diag_fail(diag, ERR_UNSUPPORTED, NULL,
	    "request: type %llu is not known to this build",
	    (unsigned long long)request->type);
}

enum err
signed_fresh(const char *what, int64_t time, int64_t now, struct diag *diag)
{
	char made[TIME_TEXT_SIZE], here[TIME_TEXT_SIZE];
	enum err err;

	if (time <= now + REQUEST_SKEW_S && time >= now - REQUEST_SKEW_S)
		return ERR_OK;
	time_format(time, made);
	time_format(now, here);
	err = diag_fail(diag, ERR_CLOCK, NULL,
	    "%s: made at %s, here it is %s: more than %d minutes apart",
	    what, made, here, REQUEST_SKEW_S / 60);
	diag_hint(diag, "set both clocks and sign the %s again", what);
	return err;
}

static enum err
request_log(struct authority *authority, struct bytes encoded,
    struct bytes result, uint64_t since, int64_t now, struct diag *diag)
{
	_cleanup_buf_ struct buf body = { .limit = OPERATION_SIZE_MAX };
	enum err err;

	cbor_put_array(&body, 3);
	cbor_put_bstr(&body, encoded);
	cbor_put_bstr(&body, result);
	err = operation_put_objects(authority, since, &body, diag);
	if (!err)
		err = buf_err(&body);
	return err ? err : operation_append(authority, OPERATION_REQUEST, now,
	    buf_bytes(&body), NULL, diag);
}

static enum err
request_carry_out(struct authority *authority, const struct request *request,
    struct bytes encoded, struct store_object *record, int64_t now,
    struct buf *result, struct diag *diag)
{
	uint64_t since;
	enum err err;

	err = store_object_last(authority->store, &since, diag);
	if (!err)
		err = request_dispatch(authority, request, now, result, diag);
	if (!err)
		err = buf_err(result);
	record->body = buf_bytes(result);
	if (!err)
		err = object_put(authority->store, authority->row_mac, record,
		    diag);
	if (!err)
		err = request_log(authority, encoded, buf_bytes(result),
		    since, now, diag);
	return err;
}

static enum err
request_run(struct authority *authority, const struct request *request,
    struct bytes encoded, struct store_object *record, int64_t now,
    struct buf *result, struct diag *diag)
{
	unsigned accepted = authority->accepted;
	enum err err;

	err = signed_fresh("request", request->time, now, diag);
	if (!err)
		err = store_begin(authority->store, diag);
	if (err)
		return err;
	/* its entry is of now, whatever the last one says */
	if (request->type == REQUEST_CLOCK)
		authority_accept(authority, AUTHORITY_CLOCK);
	err = request_carry_out(authority, request, encoded, record, now,
	    result, diag);
	authority->accepted = accepted;
	if (!err)
		err = store_commit(authority->store, diag);
	if (err)
		store_rollback(authority->store);
	return err;
}

bool
request_is_refusal(enum err err)
{
	switch (err) {
	case ERR_OK:
	case ERR_NOMEM:
	case ERR_IO:
	case ERR_NOSPACE:
	case ERR_BUSY:
	case ERR_CORRUPT:
	case ERR_CRYPTO:
	case ERR_INTERNAL:
		return false;
	default:
		return true;
	}
}

/* What was refused is on record too; that it cannot be recorded (a full
 * disk) does not change the answer. */
static void
refusal_log(struct authority *authority, struct bytes encoded, int64_t now,
    enum err why, const struct diag *diag)
{
	_cleanup_buf_ struct buf body = { .limit = OPERATION_SIZE_MAX };
	uint8_t hash[SHA256_SIZE];

	if (!request_is_refusal(why) || authority->mode != AUTHORITY_WRITE ||
	    sha256_once(encoded, hash) != ERR_OK)
		return;
	cbor_put_array(&body, 3);
	cbor_put_bstr(&body, bytes_of(hash, sizeof(hash)));
	cbor_put_text(&body, err_name(why));
	cbor_put_text(&body, diag != NULL ? diag->what : "");
	if (buf_err(&body) == ERR_OK && operation_record(authority,
	    OPERATION_REFUSAL, now, buf_bytes(&body), NULL) != ERR_OK)
		store_rollback(authority->store);
}

static enum err
request_submit(struct authority *authority, struct bytes encoded,
    const struct request_files *files, int64_t now, struct buf *result,
    struct diag *diag)
{
	_cleanup_buf_ struct buf known = BUF_INIT, made = BUF_INIT;
	struct store_object record = { .kind = STORE_REQUEST,
	    .created = now }, old;
	struct request request = { .files = *files };
	size_t i;
	enum err err;

	err = request_verify(authority, encoded, &request, diag);
	if (!err)
		err = sha256_once(encoded, record.hash);
	if (err)
		return err;
	for (i = 0; i < REQUEST_ID_SIZE; i++)
		(void)snprintf(record.name + 2 * i, 3, "%02x",
		    request.id.ptr[i]);
	err = object_get(authority->store, authority->row_mac, STORE_REQUEST,
	    record.name, NULL, &known, &old, NULL);
	if (err == ERR_NOTFOUND) {
		err = request_run(authority, &request, encoded, &record, now,
		    &made, diag);
		if (err)
			return err;
		buf_put_bytes(result, buf_bytes(&made));
		return buf_err(result);
	}
	if (err)
		return diag_fail(diag, err, NULL,
		    "request %s: its record cannot be trusted", record.name);
	if (memcmp(old.hash, record.hash, SHA256_SIZE) != 0)
		return diag_fail(diag, ERR_CONFLICT, NULL,
		    "request %s: carried out before with other content",
		    record.name);
	buf_put_bytes(result, old.body);
	return buf_err(result);
}

enum err
authority_submit(struct authority *authority, struct bytes encoded,
    int64_t now, struct buf *result, struct diag *diag)
{
	return authority_submit_file(authority, encoded, NULL, now, result,
	    diag);
}

enum err
authority_submit_file(struct authority *authority, struct bytes encoded,
    const struct file *file, int64_t now, struct buf *result,
    struct diag *diag)
{
	const struct request_files files = { .file = file };

	return authority_submit_files(authority, encoded, &files, now, result,
	    diag);
}

enum err
authority_submit_files(struct authority *authority, struct bytes encoded,
    const struct request_files *files, int64_t now, struct buf *result,
    struct diag *diag)
{
	struct diag own = DIAG_INIT;
	enum err err;

	err = authority_need_keys(authority, diag);
	if (err)
		return err;
	if (diag == NULL)
		diag = &own;
	err = request_submit(authority, encoded, files, now, result, diag);
	if (err)
		refusal_log(authority, encoded, now, err, diag);
	authority->warning = (struct diag)DIAG_INIT;
	/* what was carried out stays so: the next request moves it on */
	if (!err && anchor_update(authority, now, &authority->warning) !=
	    ERR_OK)
		diag_hint(&authority->warning, "the request was carried out; "
		    "mend the anchor's place soon");
	return err;
}
