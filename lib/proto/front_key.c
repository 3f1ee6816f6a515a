#include "lib/proto/front_key.h"

#include "lib/base/cbor_write.h"

enum err
front_key_sign(const uint8_t challenge[CHALLENGE_SIZE],
    struct signer *signer, struct buf *out, struct diag *diag)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	uint8_t kid[COSE_KID_SIZE];
	enum err err;

	cbor_put_array(&payload, 3);
	cbor_put_uint(&payload, INTERNAL_VERSION);
	cbor_put_bstr(&payload, bytes_of(challenge, CHALLENGE_SIZE));
	cose_key_put(&payload, signer_public(signer));
	err = buf_err(&payload);
	if (!err)
		err = cose_key_thumbprint(signer_public(signer), kid);
	if (err)
		return diag_fail(diag, err, NULL, "front key");
	return cose_sign1_sign(out, signer, bytes_of(kid, sizeof(kid)),
	    FRONT_KEY_TYP, buf_bytes(&payload), BYTES_NONE, diag);
}

static enum err
payload_read(struct bytes payload, const uint8_t challenge[CHALLENGE_SIZE],
    struct public_key *ret_key, struct diag *diag)
{
	struct bytes said, encoded, private;
	struct public_key key;
	struct cbor cbor;
	enum err err;

	cbor_open(&cbor, payload);
	(void)cbor_get_versioned(&cbor, 3, INTERNAL_VERSION);
	said = cbor_get_bstr_sized(&cbor, CHALLENGE_SIZE);
	encoded = cbor_get_item(&cbor);
	if (!cbor_close(&cbor))
		return diag_fail(diag, ERR_AUTH, NULL,
		    "front key: not [1, challenge, key]");
	if (!bytes_equal(said, bytes_of(challenge, CHALLENGE_SIZE)))
		return diag_fail(diag, ERR_AUTH, NULL,
		    "front key: the challenge is another channel's");
	err = cose_key_parse(encoded, &key, &private, diag);
	if (!err && (key.alg != KEY_P256 || private.len > 0))
		err = ERR_AUTH;
	if (err)
		return diag_fail(diag, ERR_AUTH, NULL,
		    "front key: it must be a P-256 public key");
	public_key_copy(ret_key, &key);
	return ERR_OK;
}

enum err
front_key_verify(struct bytes proof,
    const uint8_t challenge[CHALLENGE_SIZE], struct public_key *ret_key,
    struct diag *diag)
{
	_cleanup_verifier_ struct verifier *verifier = NULL;
	_cleanup_sha256_ struct sha256 *hash = NULL;
	struct cose_sign1 message;
	struct public_key key;
	bool good = false;
	enum err err;

	err = cose_sign1_parse(proof, &message, diag);
	if (err)
		return err;
	if (!bytes_equal(message.typ, bytes_text(FRONT_KEY_TYP)))
		return diag_fail(diag, ERR_AUTH, "RFC 9596 2",
		    "front key: typ is not " FRONT_KEY_TYP);
	err = payload_read(message.payload, challenge, &key, diag);
	if (!err)
		err = verifier_new(&key, &verifier, diag);
	if (!err)
		err = sha256_new(&hash, diag);
	if (!err)
		err = cose_sign1_verify(&message, verifier, key.alg,
		    BYTES_NONE, hash, &good);
	if (!err && !good)
		err = diag_fail(diag, ERR_AUTH, "RFC 9052 4.4",
		    "front key: not signed by that key");
	if (err)
		return err;
	public_key_copy(ret_key, &key);
	return ERR_OK;
}
