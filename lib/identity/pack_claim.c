/* How the key of a pack's claim codes reaches its station. */
#include "lib/base/cbor_write.h"
#include "lib/identity/pack_internal.h"

#define CLAIM_INFO	"imprint claim key"
#define CLAIM_SEAL	"imprint claim seal"

void
pack_claim_put(struct buf *out, const struct pack_claim *claim)
{
	cbor_put_array(out, 3);
	cbor_put_uint(out, claim->log);
	cbor_put_bstr(out, bytes_of(claim->enc, claim->enc_len));
	cbor_put_bstr(out, bytes_of(claim->sealed, PACK_CLAIM_SIZE));
}

void
pack_claim_get(struct cbor *cbor, const struct pack_header *header,
    struct pack_claim *ret_claim)
{
	struct pack_claim claim = { .enc_len = pack_station_enc_len(header) };
	struct bytes enc, sealed;
	uint64_t log;

	cbor_get_array_sized(cbor, 3);
	log = cbor_get_uint(cbor);
	enc = cbor_get_bstr_sized(cbor, claim.enc_len);
	sealed = cbor_get_bstr_sized(cbor, PACK_CLAIM_SIZE);
	if (log == 0 || log > UINT32_MAX)
		cbor_fail(cbor, "claim codes of no log");
	if (!cbor_ok(cbor))
		return;
	claim.log = (uint32_t)log;
	memcpy(claim.enc, enc.ptr, claim.enc_len);
	memcpy(claim.sealed, sealed.ptr, PACK_CLAIM_SIZE);
	*ret_claim = claim;
}

static enum err
put_aad(struct buf *out, const struct pack_header *header, uint32_t log)
{
	const struct package_binding *binding = &header->binding;

	cbor_put_array(out, 5);
	cbor_put_bstr(out, bytes_of(binding->pack, PACKAGE_ID_SIZE));
	cbor_put_bstr(out, bytes_of(binding->order, PACKAGE_ID_SIZE));
	cbor_put_bstr(out, bytes_of(binding->product, SHA256_SIZE));
	cbor_put_uint(out, log);
	cbor_put_bstr(out, bytes_of(binding->recipient, SHA256_SIZE));
	return buf_err(out);
}

/* What the encapsulation is made of: known to who knows the pack's key, and
 * another for each pack and recipient. */
static enum err
seal_secret(const uint8_t key[CLAIM_KEY_SIZE], struct bytes aad,
    uint8_t ret_secret[SHA256_SIZE])
{
	_cleanup_hmac_ struct hmac *hmac = NULL;
	struct bytes parts[2] = { bytes_text(CLAIM_SEAL), aad };
	enum err err;

	err = hmac_new(bytes_of(key, CLAIM_KEY_SIZE), &hmac, NULL);
	return err ? err : hmac_parts(hmac, parts, 2, ret_secret);
}

enum err
pack_claim_seal(struct pack_header *header, uint32_t log,
    const uint8_t key[CLAIM_KEY_SIZE], const struct public_key *recipient,
    struct diag *diag)
{
	_cleanup_hpke_ struct hpke *hpke = NULL;
	_cleanup_buf_ struct buf aad = BUF_INIT, sealed = BUF_INIT;
	struct pack_claim claim = { .log = log };
	uint8_t secret[SHA256_SIZE];
	enum err err;

	err = put_aad(&aad, header, log);
	if (!err)
		err = seal_secret(key, buf_bytes(&aad), secret);
	if (!err)
		err = hpke_sender_derive(recipient, bytes_of(secret,
		    sizeof(secret)), bytes_text(CLAIM_INFO), claim.enc,
		    &claim.enc_len, &hpke, diag);
	wipe(secret, sizeof(secret));
	if (!err)
		err = hpke_seal(hpke, buf_bytes(&aad), bytes_of(key,
		    CLAIM_KEY_SIZE), &sealed);
	if (!err && sealed.len != PACK_CLAIM_SIZE)
		err = ERR_INTERNAL;
	if (err)
		return diag_fail(diag, err, NULL,
		    "pack: its claim codes cannot be sealed");
	memcpy(claim.sealed, sealed.ptr, PACK_CLAIM_SIZE);
	header->claim = claim;
	return ERR_OK;
}

enum err
pack_claim_open(const struct pack_header *header, struct bytes private,
    struct hmac **ret_codes, struct diag *diag)
{
	_cleanup_secret_ struct secret key = SECRET_INIT;
	_cleanup_hpke_ struct hpke *hpke = NULL;
	_cleanup_buf_ struct buf aad = BUF_INIT;
	const struct pack_claim *claim = &header->claim;
	enum err err;

	err = put_aad(&aad, header, claim->log);
	if (!err)
		err = secret_reserve(&key, PACK_CLAIM_SIZE);
	if (!err)
		err = hpke_recipient_new(header->recipient_alg, private,
		    bytes_of(claim->enc, claim->enc_len),
		    bytes_text(CLAIM_INFO), &hpke, diag);
	if (!err)
		err = hpke_open(hpke, buf_bytes(&aad), bytes_of(claim->sealed,
		    PACK_CLAIM_SIZE), &key);
	if (!err && key.len != CLAIM_KEY_SIZE)
		err = ERR_SYNTAX;
	if (!err)
		err = hmac_new(secret_bytes(&key), ret_codes, diag);
	if (!err)
		return ERR_OK;
	return diag_fail(diag, err, "RFC 9180 5.2", "pack: its claim codes "
	    "cannot be opened with this station's key");
}
