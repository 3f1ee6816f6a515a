#include "lib/authority/approval.h"

#include <stdio.h>

#include "lib/authority/authority_internal.h"
#include "lib/authority/operation.h"
#include "lib/authority/operator.h"
#include "lib/authority/request.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"
#include "lib/crypto/random.h"

#define DAY_S	86400
#define ID_SHORT	16	/* octets of it in a name */

static enum err
log_size(struct authority *authority, uint64_t *ret_size, struct diag *diag)
{
	struct store_log log;
	enum err err;

	err = store_log_get(authority->store, LOG_OPERATIONS_NUMBER, &log,
	    NULL, NULL, diag);
	if (!err)
		*ret_size = log.size;
	return err;
}

enum err
approval_sign(struct authority *authority, const char *what,
    const uint8_t hash[SHA256_SIZE], int64_t now, struct signer *signer,
    struct buf *out, struct diag *diag)
{
	uint64_t size = 0;
	enum err err;

	err = log_size(authority, &size, diag);
	return err ? err : approval_sign_seen(authority->info.id, size, what,
	    hash, now, signer, out, diag);
}

enum err
approval_sign_seen(const uint8_t ecosystem[ECOSYSTEM_ID_SIZE], uint64_t seen,
    const char *what, const uint8_t hash[SHA256_SIZE], int64_t now,
    struct signer *signer, struct buf *out, struct diag *diag)
{
	_cleanup_buf_ struct buf payload = { .limit = APPROVAL_SIZE_MAX };
	uint8_t kid[COSE_KID_SIZE], nonce[APPROVAL_NONCE_SIZE];
	enum err err;

	err = random_bytes(nonce, sizeof(nonce), diag);
	if (!err)
		err = cose_key_thumbprint(signer_public(signer), kid);
	if (err)
		return err;
	cbor_put_array(&payload, 8);
	cbor_put_uint(&payload, APPROVAL_VERSION);
	cbor_put_bstr(&payload, bytes_of(ecosystem, ECOSYSTEM_ID_SIZE));
	cbor_put_text(&payload, what);
	cbor_put_bstr(&payload, bytes_of(hash, SHA256_SIZE));
	cbor_put_uint(&payload, seen);
	cbor_put_int(&payload, now);
	cbor_put_int(&payload, now + (int64_t)APPROVAL_DAYS * DAY_S);
	cbor_put_bstr(&payload, bytes_of(nonce, sizeof(nonce)));
	err = buf_err(&payload);
	return err ? err : cose_sign1_sign(out, signer, bytes_of(kid,
	    sizeof(kid)), APPROVAL_TYP, buf_bytes(&payload), BYTES_NONE,
	    diag);
}

/* Whose is it? */
static enum err
approval_verify(struct authority *authority,
    const struct cose_sign1 *message, char ret_name[STORE_NAME_MAX + 1],
    struct diag *diag)
{
	_cleanup_verifier_ struct verifier *verifier = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct public_key key;
	bool good = false;
	enum err err;

	if (!bytes_equal(message->typ, bytes_text(APPROVAL_TYP)))
		return diag_fail(diag, ERR_AUTH, "RFC 9596 2",
		    "approval: the signed object is of another type");
	err = operator_by_kid(authority->store, authority->row_mac,
	    message->kid, ret_name, &key, NULL);
	if (err == ERR_NOTFOUND)
		return diag_fail(diag, ERR_AUTH, NULL,
		    "approval: signed by a key that is no operator's here");
	if (!err)
		err = verifier_new(&key, &verifier, diag);
	if (!err)
		err = sha256_new(&sha256, diag);
	if (!err)
		err = cose_sign1_verify(message, verifier, key.alg,
		    BYTES_NONE, sha256, &good);
	if (err || good)
		return err;
	return diag_fail(diag, ERR_AUTH, "RFC 9052 4.4", "approval: the "
	    "signature of operator %s is not good", ret_name);
}

struct approval {
	struct bytes	ecosystem, what, hash;
	uint64_t	seen;
	int64_t		time, expiry;
};

static enum err
approval_parse(struct bytes payload, struct approval *approval,
    struct diag *diag)
{
	uint64_t version;
	struct cbor cbor;

	cbor_open(&cbor, payload);
	version = cbor_get_versioned(&cbor, 8, APPROVAL_VERSION);
	if (cbor_ok(&cbor) && version != APPROVAL_VERSION)
		return diag_fail(diag, ERR_VERSION, NULL,
		    "approval: version %ju, this build knows %d",
		    (uintmax_t)version, APPROVAL_VERSION);
	approval->ecosystem = cbor_get_bstr_sized(&cbor, ECOSYSTEM_ID_SIZE);
	approval->what = cbor_get_tstr(&cbor);
	approval->hash = cbor_get_bstr_sized(&cbor, SHA256_SIZE);
	approval->seen = cbor_get_uint(&cbor);
	approval->time = cbor_get_int(&cbor);
	approval->expiry = cbor_get_int(&cbor);
	(void)cbor_get_bstr_sized(&cbor, APPROVAL_NONCE_SIZE);
	return cbor_close(&cbor) ? ERR_OK : diag_fail(diag, ERR_SYNTAX,
	    "RFC 8949 4.2", "approval: %s", cbor.error);
}

enum err
approval_check(struct authority *authority, struct bytes encoded,
    const char *what, const uint8_t hash[SHA256_SIZE], const char *requester,
    int64_t now, struct diag *diag)
{
	char name[STORE_NAME_MAX + 1];
	struct cose_sign1 message;
	struct approval a = { .seen = 0 };
	uint64_t size = 0;
	enum err err;

	err = cose_sign1_parse(encoded, &message, diag);
	if (!err)
		err = approval_verify(authority, &message, name, diag);
	if (!err)
		err = approval_parse(message.payload, &a, diag);
	if (!err)
		err = log_size(authority, &size, diag);
	if (err)
		return err;
	if (!bytes_equal(a.ecosystem, bytes_of(authority->info.id,
	    ECOSYSTEM_ID_SIZE)) || a.seen > size)
		return diag_fail(diag, ERR_AUTH, NULL,
		    "approval: meant for another ecosystem");
	if (!bytes_equal(a.what, bytes_text(what)) ||
	    !bytes_equal(a.hash, bytes_of(hash, SHA256_SIZE)))
		return diag_fail(diag, ERR_AUTH, NULL, "approval: operator "
		    "%s approved something else than this %s", name, what);
	if (strcmp(name, requester) == 0)
		return diag_fail(diag, ERR_AUTH, NULL, "approval: operator "
		    "%s orders and approves: another one must approve", name);
	if (now < a.time - REQUEST_SKEW_S || now > a.expiry)
		return diag_fail(diag, ERR_CLOCK, NULL, "approval: of "
		    "operator %s: %s", name, now > a.expiry ? "has expired" :
		    "made in the future: check both clocks");
	return ERR_OK;
}

/* By what was signed: a signature can be written in more than one way. */
static enum err
use_name(struct bytes encoded, struct store_object *object, struct diag *diag)
{
	struct cose_sign1 message;
	size_t i;
	enum err err;

	err = cose_sign1_parse(encoded, &message, diag);
	if (!err)
		err = sha256_once(message.payload, object->hash);
	for (i = 0; i < ID_SHORT && !err; i++)
		(void)snprintf(object->name + 2 * i, 3, "%02x",
		    object->hash[i]);
	return err;
}

enum err
approval_take(struct authority *authority, struct bytes encoded,
    const char *what, const uint8_t hash[SHA256_SIZE], const char *requester,
    uint32_t order, int64_t now, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT, old = BUF_INIT;
	struct store_object used = { .kind = STORE_APPROVAL, .created = now };
	struct store_object before;
	enum err err;

	err = approval_check(authority, encoded, what, hash, requester, now,
	    diag);
	if (!err)
		err = use_name(encoded, &used, diag);
	if (err)
		return err;
	err = authority_object_get(authority, STORE_APPROVAL, used.name, "",
	    &old, &before, NULL);
	if (err == ERR_OK) {
		err = diag_fail(diag, ERR_AUTH, NULL, "approval: of this %s: "
		    "was used before; one is good for one request", what);
		diag_hint(diag, "another operator must approve anew, also when "
		    "the order that it was used for was cancelled");
		return err;
	}
	if (err != ERR_NOTFOUND)
		return diag_fail(diag, err, NULL, "registry: what is known of "
		    "an approval cannot be read");
	cbor_put_array(&body, 2);
	cbor_put_text(&body, what);
	cbor_put_uint(&body, order);
	used.body = buf_bytes(&body);
	err = buf_err(&body);
	return err ? err : object_put(authority->store, authority->row_mac,
	    &used, diag);
}

static enum err
count_one(void *ctx, const struct store_object *object)
{
	(void)object;
	++*(uint64_t *)ctx;
	return ERR_OK;
}

enum err
approval_operators(struct authority *authority, uint64_t *ret_count,
    struct diag *diag)
{
	uint64_t count = 0;
	enum err err;

	err = authority_object_each(authority, STORE_OPERATOR, count_one,
	    &count, diag);
	if (!err)
		*ret_count = count;
	return err;
}

enum err
approval_second(struct authority *authority, struct bytes encoded,
    const char *what, struct bytes subject, const char *requester,
    int64_t now, struct diag *diag)
{
	uint8_t hash[SHA256_SIZE];
	uint64_t operators = 0;
	enum err err;

	err = approval_operators(authority, &operators, diag);
	if (!err)
		err = sha256_once(subject, hash);
	if (err)
		return err;
	if (encoded.len > 0)
		return approval_take(authority, encoded, what, hash,
		    requester, 0, now, diag);
	if (operators < 2)
		return ERR_OK;
	(void)diag_fail(diag, ERR_AUTH, NULL, "%s: no other operator approved "
	    "it: of %ju operators two must agree", what,
	    (uintmax_t)operators);
	diag_hint(diag, "another operator runs 'imprint %s approve', you add "
	    "with --approval FILE", strcmp(what, APPROVAL_OPERATOR) == 0 ?
	    "operator" : "chip-maker");
	return ERR_AUTH;
}
