#include "lib/authority/claim.h"

#include <stdlib.h>

#include "lib/authority/authority_internal.h"
#include "lib/authority/field.h"
#include "lib/authority/operation.h"
#include "lib/authority/order_record.h"
#include "lib/authority/request_internal.h"
#include "lib/authority/request_status.h"
#include "lib/base/cbor_write.h"
#include "lib/keystore/keystore.h"

/* For claim codes alone, of a key that every ecosystem has and that never
 * changes, as labels do not. */
static enum err
ecosystem_key(struct authority *authority, uint8_t ret_key[SHA256_SIZE],
    struct diag *diag)
{
	_cleanup_secret_ struct secret ueid_key = SECRET_INIT;
	_cleanup_hmac_ struct hmac *hmac = NULL;
	struct bytes what = bytes_text("imprint claim codes");
	enum err err;

	err = authority_need_keys(authority, diag);
	if (!err)
		err = keystore_secret(authority->keystore, KEY_UEID,
		    &ueid_key, diag);
	if (!err)
		err = hmac_new(secret_bytes(&ueid_key), &hmac, diag);
	return err ? err : hmac_parts(hmac, &what, 1, ret_key);
}

enum err
claim_key_of(struct authority *authority, struct bytes pack,
    uint8_t ret_key[CLAIM_KEY_SIZE], struct diag *diag)
{
	uint8_t key[SHA256_SIZE] = { 0 };
	enum err err;

	err = ecosystem_key(authority, key, diag);
	if (!err)
		err = claim_pack_key(bytes_of(key, sizeof(key)), pack,
		    ret_key);
	wipe(key, sizeof(key));
	return err;
}

/* As the order's record has it: who writes to the database makes no pack of
 * a station's from another one's. */
static enum err
range_key(struct authority *authority, const struct store_range *range,
    uint8_t ret_key[CLAIM_KEY_SIZE], struct diag *diag)
{
	struct order_record record;
	enum err err;

	if (range->order == 0)
		return claim_key_of(authority, BYTES_NONE, ret_key, diag);
	err = order_record_get(authority, range->order, &record, diag);
	if (err)
		return err;
	if (range->pack < 1 || range->pack > record.pack_count)
		return diag_fail(diag, ERR_CORRUPT, NULL, "registry: range "
		    "%u/%ju: of a pack that order %u has not", range->log,
		    (uintmax_t)range->first, range->order);
	return claim_key_of(authority, bytes_of(record.packs[range->pack -
	    1].id, STORE_ID_SIZE), ret_key, diag);
}

enum err
claim_code(struct authority *authority, const struct address *birth,
    char ret_code[CLAIM_CODE_SIZE], struct diag *diag)
{
	_cleanup_hmac_ struct hmac *codes = NULL;
	uint8_t pack[CLAIM_KEY_SIZE] = { 0 };
	struct store_range range;
	enum err err;

	err = store_range_get(authority->store, birth->log, birth->index,
	    &range, diag);
	if (!err && range.state != RANGE_COMMITTED)
		err = ERR_NOTFOUND;
	if (err == ERR_NOTFOUND)
		return diag_fail(diag, err, NULL, "claim: no identity was "
		    "issued at %u/%ju", birth->log, (uintmax_t)birth->index);
	if (!err)
		err = range_key(authority, &range, pack, diag);
	if (!err)
		err = hmac_new(bytes_of(pack, sizeof(pack)), &codes, diag);
	if (!err)
		err = claim_code_make(codes, birth->log, birth->index,
		    ret_code);
	wipe(pack, sizeof(pack));
	return err;
}

struct needed_walk {
	const char	*bootstrap;
	char		 found[PRODUCT_NAME_MAX + 1];
	bool		 needed;
	struct diag	*diag;
};

/* The newest version of the product counts, which comes last. */
static enum err
needed_look(void *ctx, const struct store_object *object)
{
	struct needed_walk *walk = ctx;
	struct product product;
	enum err err;

	err = product_decode(object->body, &product, walk->diag);
	if (err)
		return err;
	if (product.field.devices == 0 &&
	    strcmp(product.field.bootstrap, walk->bootstrap) == 0) {
		memcpy(walk->found, product.name, sizeof(walk->found));
		walk->needed = product.field.claim;
	} else if (strcmp(product.name, walk->found) == 0) {
		walk->needed = false;
	}
	return ERR_OK;
}

enum err
claim_needed(struct authority *authority, const char *product,
    bool *ret_needed, struct diag *diag)
{
	struct needed_walk walk = { .bootstrap = product, .diag = diag };
	enum err err;

	err = object_each(authority->store, authority->row_mac,
	    STORE_PRODUCT, needed_look, &walk, diag);
	if (!err)
		*ret_needed = walk.needed;
	return err;
}

static enum err
online_needed(struct authority *authority, const char *name,
    bool *ret_needed, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct store_object object;
	struct product product;
	enum err err;

	err = authority_object_get(authority, STORE_PRODUCT, name, NULL,
	    &body, &object, diag);
	if (!err)
		err = product_decode(object.body, &product, diag);
	if (!err)
		*ret_needed = product.field.claim;
	return err;
}

enum err
claim_wanted(struct authority *authority, const struct address *birth,
    bool *ret_wanted, struct diag *diag)
{
	_cleanup_template_ struct template *template = NULL;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct store_object object;
	struct store_range range;
	enum err err;

	err = store_range_get(authority->store, birth->log, birth->index,
	    &range, diag);
	if (!err)
		err = authority_template(authority, range.template, &template,
		    diag);
	if (!err)
		err = authority_object_by_hash(authority, STORE_PRODUCT,
		    template->product, &body, &object, diag);
	if (err)
		return err;
	return birth->log == LOG_ONLINE_NUMBER ? online_needed(authority,
	    object.name, ret_wanted, diag) : claim_needed(authority,
	    object.name, ret_wanted, diag);
}

enum err
claim_proof(const struct address *birth, const char code[CLAIM_CODE_SIZE],
    uint8_t ret_proof[SHA256_SIZE])
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	enum err err;

	cbor_put_array(&text, 4);
	cbor_put_text(&text, "imprint claim");
	cbor_put_uint(&text, birth->log);
	cbor_put_uint(&text, birth->index);
	cbor_put_text(&text, code);
	err = buf_err(&text);
	return err ? err : sha256_once(buf_bytes(&text), ret_proof);
}

enum err
claim_put_request(struct buf *out, const struct address *birth,
    const uint8_t proof[SHA256_SIZE], const char *owner)
{
	cbor_put_array(out, 4);
	cbor_put_uint(out, birth->log);
	cbor_put_uint(out, birth->index);
	cbor_put_bstr(out, bytes_of(proof, SHA256_SIZE));
	cbor_put_text(out, owner);
	return buf_err(out);
}

enum err
release_put_request(struct buf *out, const struct address *birth)
{
	cbor_put_array(out, 2);
	cbor_put_uint(out, birth->log);
	cbor_put_uint(out, birth->index);
	return buf_err(out);
}

enum err
claim_result_get(struct bytes encoded, struct claim_result *ret_result,
    struct diag *diag)
{
	struct status_range *ranges = NULL;
	uint64_t outcome, seconds;
	size_t count = 0;
	struct cbor cbor;
	enum err err;

	cbor_open(&cbor, encoded);
	cbor_get_array_sized(&cbor, 3);
	outcome = cbor_get_uint(&cbor);
	seconds = cbor_get_uint(&cbor);
	err = status_ranges_get(&cbor, &ranges, &count, diag);
	free(ranges);
	if (!err && (!cbor_close(&cbor) || outcome < CLAIM_DONE ||
	    outcome > CLAIM_TAKEN))
		err = diag_fail(diag, ERR_SYNTAX, NULL,
		    "claim: its answer is none");
	if (err)
		return err;
	ret_result->outcome = (enum claim_outcome)outcome;
	ret_result->seconds = seconds;
	ret_result->resumed = count > 0;
	return ERR_OK;
}

/* A claim or a release being carried out. */
struct claiming {
	struct authority	*authority;
	struct address		 birth;
	struct bytes		 proof, owner;	/* of a claim */
	struct field_device	 device;
	struct operation	 operation;	/* of this request */
	int64_t			 now;
	struct status_range	 ranges[2];	/* that it changes */
	size_t			 range_count;
	struct diag		*diag;
};

static void
birth_get(struct cbor *cbor, struct address *ret_birth)
{
	uint64_t log = cbor_get_uint(cbor);

	ret_birth->index = cbor_get_uint(cbor);
	if (log > UINT32_MAX || log == LOG_OPERATIONS_NUMBER)
		cbor_fail(cbor, "no log of identities");
	ret_birth->log = (uint32_t)log;
}

static bool
owner_fits(struct bytes owner)
{
	size_t i;

	if (owner.len < 1 || owner.len > CLAIM_OWNER_MAX)
		return false;
	for (i = 0; i < owner.len; i++)
		if (owner.ptr[i] < 0x20 || owner.ptr[i] == 0x7f)
			return false;
	return true;
}

/* The device of the request, as it is now. */
static enum err
device_load(struct claiming *c)
{
	struct store_range range;
	struct address birth;
	enum err err;

	err = store_range_get(c->authority->store, c->birth.log,
	    c->birth.index, &range, c->diag);
	if (!err && range.state != RANGE_COMMITTED)
		err = ERR_NOTFOUND;
	if (!err)
		err = field_birth(c->authority, &c->birth, &birth, c->diag);
	if (!err && (birth.log != c->birth.log ||
	    birth.index != c->birth.index))
		err = ERR_NOTFOUND;
	if (err == ERR_NOTFOUND)
		return diag_fail(c->diag, err, NULL, "claim: no device was "
		    "born with identity %u/%ju", c->birth.log,
		    (uintmax_t)c->birth.index);
	if (!err)
		err = field_device_get(c->authority, &c->birth, &c->device,
		    c->diag);
	if (err == ERR_NOTFOUND) {
		c->device = (struct field_device){ .id_count = 0 };
		err = ERR_OK;
	}
	return err ? err : operation_next(c->authority, c->now,
	    &c->operation, c->diag);
}

static enum err
device_keep(struct claiming *c)
{
	struct row_sum changes = { .count = 0 };
	enum err err;

	err = field_device_put(c->authority, &c->birth, &c->device, &changes,
	    c->diag);
	return err ? err : rows_change(c->authority, &changes, c->diag);
}

/* How it stands, and by which operation if that is not good. */
static enum err
range_consider(struct claiming *c, uint64_t index, enum status wanted,
    uint64_t operation)
{
	struct store_status row = { .operation = 0 };
	enum status status;
	enum err err;

	err = status_get(c->authority, LOG_ONLINE_NUMBER, index, &status,
	    &row, c->diag);
	if (!err && status == wanted && (wanted == STATUS_VALID ||
	    row.operation == operation))
		c->ranges[c->range_count++] = (struct status_range){
		    LOG_ONLINE_NUMBER, index, 1 };
	return err;
}

/* What the device has in the field: suspended, or resumed if it was the
 * release that suspended it. */
static enum err
status_move(struct claiming *c, enum status_action action)
{
	struct status_change change = { .action = action,
	    .reason = action == STATUS_SUSPEND ? CRL_CERTIFICATE_HOLD : 0,
	    .time = c->operation.time, .operation = c->operation.seq };
	enum status wanted = action == STATUS_SUSPEND ? STATUS_VALID :
	    STATUS_SUSPENDED;
	const struct field_device *device = &c->device;
	struct status_count count = { 0 };
	enum err err = ERR_OK;

	/* what waits was issued after what it is to follow: sorted */
	if (device->has_current)
		err = range_consider(c, device->current, wanted,
		    device->claim.operation);
	if (!err && device->has_pending)
		err = range_consider(c, device->pending, wanted,
		    device->claim.operation);
	if (err || c->range_count == 0)
		return err;
	return status_apply_all(c->authority, &change, c->ranges,
	    c->range_count, &count, c->diag);
}

static void
claim_put_result(const struct claiming *c, enum claim_outcome outcome,
    uint64_t seconds, struct buf *result)
{
	cbor_put_array(result, 3);
	cbor_put_uint(result, outcome);
	cbor_put_uint(result, seconds);
	status_ranges_put(result, c->ranges, c->range_count);
}

/* By a clock that was ahead, and is set right: the wait begins now, or it would
 * last until the clock has come there again. */
static enum err
guess_date(struct claiming *c)
{
	struct field_claim *claim = &c->device.claim;

	if (claim->guesses <= CLAIM_FREE || c->now >= claim->guessed)
		return ERR_OK;
	claim->guessed = c->now;
	return device_keep(c);
}

/* Seconds until a claim is looked at; 0: now. The last guess is past. */
static uint64_t
claim_wait(const struct claiming *c)
{
	const struct field_claim *claim = &c->device.claim;
	uint64_t wait = CLAIM_WAIT_S;
	unsigned n;

	if (claim->guesses <= CLAIM_FREE)
		return 0;
	for (n = CLAIM_FREE + 1; n < claim->guesses &&
	    wait < CLAIM_WAIT_MAX_S; n++)
		wait *= 2;
	if (wait > CLAIM_WAIT_MAX_S)
		wait = CLAIM_WAIT_MAX_S;
	return c->now - claim->guessed >= (int64_t)wait ? 0 :
	    wait - (uint64_t)(c->now - claim->guessed);
}

static enum err
guess_check(struct claiming *c, bool *ret_right)
{
	char code[CLAIM_CODE_SIZE];
	uint8_t proof[SHA256_SIZE];
	enum err err;

	err = claim_code(c->authority, &c->birth, code, c->diag);
	if (!err)
		err = claim_proof(&c->birth, code, proof);
	if (!err)
		*ret_right = secret_equal(c->proof, bytes_of(proof,
		    sizeof(proof)));
	return err;
}

static enum err
guess_wrong(struct claiming *c, struct buf *result)
{
	struct field_claim *claim = &c->device.claim;
	enum err err;

	if (claim->guesses < FIELD_GUESSES_MAX)
		claim->guesses++;
	claim->guessed = c->now;
	err = device_keep(c);
	if (!err)
		claim_put_result(c, CLAIM_WRONG, claim_wait(c), result);
	return err;
}

static enum err
claim_take(struct claiming *c, struct buf *result)
{
	struct field_claim *claim = &c->device.claim;
	enum err err = ERR_OK;

	if (claim->state == FIELD_CLAIMED) {
		claim_put_result(c, bytes_equal(c->owner,
		    bytes_text(claim->owner)) ? CLAIM_SAME : CLAIM_TAKEN, 0,
		    result);
		return ERR_OK;
	}
	if (claim->state == FIELD_RELEASED)
		err = status_move(c, STATUS_RESUME);
	if (err)
		return err;
	*claim = (struct field_claim){ .state = FIELD_CLAIMED,
	    .time = c->operation.time, .operation = c->operation.seq };
	memcpy(claim->owner, c->owner.ptr, c->owner.len);
	err = device_keep(c);
	if (!err)
		claim_put_result(c, CLAIM_DONE, 0, result);
	return err;
}

/* Nobody owns what is revoked. */
static enum err
birth_stands(struct claiming *c)
{
	enum status status;
	enum err err;

	err = field_birth_status(c->authority, &c->birth, &status, c->diag);
	if (err || status != STATUS_REVOKED)
		return err;
	return diag_fail(c->diag, ERR_CONFLICT, NULL, "claim: the identity "
	    "that the device was born with is revoked");
}

enum err
request_device_claim(struct authority *authority,
    const struct request *request, int64_t now, struct buf *result,
    struct diag *diag)
{
	struct claiming c = { .authority = authority, .now = now,
	    .diag = diag };
	struct cbor cbor;
	bool right = false;
	uint64_t wait_s;
	enum err err;

	cbor_open(&cbor, request->body);
	cbor_get_array_sized(&cbor, 4);
	birth_get(&cbor, &c.birth);
	c.proof = cbor_get_bstr_sized(&cbor, SHA256_SIZE);
	c.owner = cbor_get_tstr(&cbor);
	if (!cbor_close(&cbor))
		return diag_fail(diag, ERR_SYNTAX, NULL, "claim: %s",
		    cbor.error);
	if (!owner_fits(c.owner))
		return diag_fail(diag, ERR_INVALID, NULL, "claim: the owner's"
		    " name has 1 to %d octets, no control characters",
		    CLAIM_OWNER_MAX);
	err = device_load(&c);
	if (!err)
		err = birth_stands(&c);
	if (!err)
		err = guess_date(&c);
	if (err)
		return err;
	wait_s = claim_wait(&c);
	if (wait_s > 0) {
		claim_put_result(&c, CLAIM_WAIT, wait_s, result);
		return ERR_OK;
	}
	err = guess_check(&c, &right);
	if (err)
		return err;
	return right ? claim_take(&c, result) : guess_wrong(&c, result);
}

enum err
request_device_release(struct authority *authority,
    const struct request *request, int64_t now, struct buf *result,
    struct diag *diag)
{
	struct claiming c = { .authority = authority, .now = now,
	    .diag = diag };
	struct field_claim *claim = &c.device.claim;
	struct cbor cbor;
	enum err err;

	cbor_open(&cbor, request->body);
	cbor_get_array_sized(&cbor, 2);
	birth_get(&cbor, &c.birth);
	if (!cbor_close(&cbor))
		return diag_fail(diag, ERR_SYNTAX, NULL, "release: %s",
		    cbor.error);
	err = device_load(&c);
	if (err)
		return err;
	if (claim->state != FIELD_CLAIMED)
		return diag_fail(diag, ERR_CONFLICT, NULL, "release: nobody "
		    "has claimed this device");
	err = status_move(&c, STATUS_SUSPEND);
	if (err)
		return err;
	*claim = (struct field_claim){ .state = FIELD_RELEASED,
	    .time = c.operation.time, .operation = c.operation.seq };
	err = device_keep(&c);
	if (!err)
		status_ranges_put(result, c.ranges, c.range_count);
	return err;
}
