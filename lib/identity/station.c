#include "lib/identity/station.h"

#include "lib/base/cbor_write.h"

enum err
station_name_check(const char *name, struct diag *diag)
{
	size_t len = strlen(name);

	if (len >= 1 && len <= STATION_NAME_MAX && name[0] != '-' &&
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len)
		return ERR_OK;
	return diag_fail(diag, ERR_INVALID, NULL,
	    "station \"%.80s\": allowed are 1 to %d of a-z, 0-9 and -, "
	    "not first -", name, STATION_NAME_MAX);
}

enum err
station_statement_sign(const struct station_statement *statement,
    struct signer *signer, struct buf *out, struct diag *diag)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	uint8_t kid[COSE_KID_SIZE];
	enum err err;

	err = station_name_check(statement->name, diag);
	if (!err)
		err = cose_key_thumbprint(signer_public(signer), kid);
	if (err)
		return err;
	cbor_put_array(&payload, 5);
	cbor_put_uint(&payload, STATION_VERSION);
	cbor_put_text(&payload, statement->name);
	cose_key_put(&payload, &statement->sealing);
	cose_key_put(&payload, &statement->signing);
	cbor_put_int(&payload, statement->created);
	err = buf_err(&payload);
	if (err)
		return err;
	return cose_sign1_sign(out, signer, bytes_of(kid, sizeof(kid)),
	    STATION_TYP, buf_bytes(&payload), BYTES_NONE, diag);
}

static enum err
public_take(struct bytes encoded, struct public_key *ret_key,
    struct diag *diag)
{
	struct bytes private = BYTES_NONE;
	enum err err;

	err = cose_key_parse(encoded, ret_key, &private, diag);
	if (!err && private.len != 0)
		err = diag_fail(diag, ERR_INVALID, NULL,
		    "station statement: holds a private key");
	return err;
}

static enum err
payload_parse(struct bytes payload, struct station_statement *statement,
    struct diag *diag)
{
	struct bytes name, sealing, signing;
	struct cbor cbor;
	uint64_t version;
	enum err err;

	cbor_open(&cbor, payload);
	version = cbor_get_versioned(&cbor, 5, STATION_VERSION);
	if (cbor_ok(&cbor) && version != STATION_VERSION)
		return diag_fail(diag, ERR_VERSION, NULL,
		    "station statement: version %llu, this build reads %d",
		    (unsigned long long)version, STATION_VERSION);
	name = cbor_get_tstr(&cbor);
	sealing = cbor_get_item(&cbor);
	signing = cbor_get_item(&cbor);
	statement->created = cbor_get_int(&cbor);
	if (!cbor_close(&cbor))
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "station statement: %s", cbor.error);
	if (name.len > STATION_NAME_MAX || memchr(name.ptr, 0, name.len))
		return diag_fail(diag, ERR_INVALID, NULL,
		    "station statement: name out of bounds");
	memcpy(statement->name, name.ptr, name.len);
	statement->name[name.len] = '\0';
	err = station_name_check(statement->name, diag);
	if (!err)
		err = public_take(sealing, &statement->sealing, diag);
	if (!err)
		err = public_take(signing, &statement->signing, diag);
	if (!err && (statement->signing.alg != KEY_P256 ||
	    (statement->sealing.alg != KEY_X25519 &&
	    statement->sealing.alg != KEY_P256)))
		err = diag_fail(diag, ERR_INVALID, NULL,
		    "station %s: keys of the wrong kind", statement->name);
	return err;
}

enum err
station_statement_parse(struct bytes encoded,
    struct station_statement *ret_statement, struct diag *diag)
{
	_cleanup_verifier_ struct verifier *verifier = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct station_statement statement = { 0 };
	struct cose_sign1 message;
	bool good = false;
	enum err err;

	if (encoded.len > STATION_STATEMENT_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "station statement: larger than any");
	err = cose_sign1_parse(encoded, &message, diag);
	if (!err)
		err = payload_parse(message.payload, &statement, diag);
	if (!err)
		err = verifier_new(&statement.signing, &verifier, diag);
	if (!err)
		err = sha256_new(&sha256, diag);
	if (!err)
		err = cose_sign1_verify(&message, verifier, KEY_P256,
		    BYTES_NONE, sha256, &good);
	if (!err)
		err = cose_key_thumbprint(&statement.sealing, statement.kid);
	if (err)
		return err;
	if (!good || !bytes_equal(message.typ, bytes_text(STATION_TYP)))
		return diag_fail(diag, ERR_AUTH, "RFC 9052 4.4",
		    "station %s: the statement is not signed by its own key",
		    statement.name);
	*ret_statement = statement;
	return ERR_OK;
}
