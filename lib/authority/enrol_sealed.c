/*
 * Keys that the authority makes for a device of the field: sealed at once to
 * the key that the device gave in its signed request, in the form that a
 * chip's package has (docs/protocol/pack.md). They are kept nowhere else; the
 * sealed octets only until the identity is confirmed or superseded.
 */
#include "lib/authority/enrol_internal.h"
#include "lib/base/cbor_write.h"
#include "lib/identity/chip_package.h"

void
enrol_made_release(struct enrol_made *made)
{
	size_t i;

	for (i = 0; i < PRODUCT_SLOTS_MAX; i++)
		secret_release(&made->private[i]);
}

enum err
enrol_made_keys(const struct template *template, struct enrol_made *made,
    struct public_key *publics, struct diag *diag)
{
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < template->slot_count && !err; i++)
		err = key_pair_make(template->slots[i].alg, &publics[i],
		    &made->private[i], diag);
	return err;
}

static void
keys_list(const struct template *template, const struct enrol_made *made,
    struct package_key keys[PRODUCT_SLOTS_MAX])
{
	size_t i;

	for (i = 0; i < template->slot_count; i++)
		keys[i] = (struct package_key){ template->slots[i].slot,
		    template->slots[i].alg, secret_bytes(&made->private[i]) };
}

/* What was written so far goes into the hash; nothing secret passes here. */
static enum err
hash_text(struct sha256 *sha256, struct buf *text)
{
	enum err err = buf_err(text);

	if (!err)
		err = sha256_update(sha256, buf_bytes(text));
	buf_clear(text);
	return err;
}

/* SHA-256 of the package as the device will have it, opened. */
static enum err
opened_hash(struct sha256 *sha256, const struct template *template,
    const struct package_key *keys, struct bytes document,
    const struct bytes certs[ENROL_CERTS], uint8_t ret_hash[SHA256_SIZE])
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	size_t i;
	enum err err;

	cbor_put_array(&text, 5);
	cbor_put_text(&text, PACKAGE_MAGIC);
	cbor_put_uint(&text, PACKAGE_VERSION);
	cbor_put_bstr(&text, document);
	cbor_put_array(&text, template->slot_count);
	err = sha256_begin(sha256);
	for (i = 0; i < template->slot_count && !err; i++) {
		cbor_put_array(&text, 3);
		cbor_put_uint(&text, keys[i].slot);
		cbor_put_uint(&text, keys[i].alg);
		cbor_put_bstr_head(&text, keys[i].private.len);
		err = hash_text(sha256, &text);
		if (!err)
			err = sha256_update(sha256, keys[i].private);
	}
	cbor_put_array(&text, ENROL_CERTS);
	for (i = 0; i < ENROL_CERTS; i++)
		cbor_put_bstr(&text, certs[i]);
	if (!err)
		err = hash_text(sha256, &text);
	return err ? err : sha256_end(sha256, ret_hash);
}

static enum err
binding_make(const struct template *template, const struct enrol_made *made,
    const struct device_request *request, const uint8_t *request_hash,
    struct package_binding *ret_binding)
{
	memcpy(ret_binding->pack, request->id.ptr, PACKAGE_ID_SIZE);
	memcpy(ret_binding->order, request_hash, PACKAGE_ID_SIZE);
	memcpy(ret_binding->product, template->product, SHA256_SIZE);
	return cose_key_thumbprint(&made->recipient, ret_binding->recipient);
}

static enum err
package_make(const struct pack_header *header, struct pack_sealed *sealed,
    const struct enrol_made *made, struct bytes document,
    const struct package_key *keys, size_t count, struct buf *out,
    struct diag *diag)
{
	_cleanup_sealer_ struct package_sealer *sealer = NULL;
	_cleanup_buf_ struct buf octets = BUF_INIT;
	uint8_t enc[HPKE_ENC_MAX];
	size_t enc_len;
	enum err err;

	err = package_sealer_new(&sealer, diag);
	if (!err)
		err = package_sealer_begin(sealer, &header->binding,
		    &made->recipient, enc, &enc_len, diag);
	if (!err)
		err = package_seal(sealer, sealed->index, sealed->commitment,
		    document, keys, count, &octets, diag);
	if (err)
		return err;
	memcpy(sealed->device.kid, header->binding.recipient, SHA256_SIZE);
	sealed->device.enc = bytes_of(enc, enc_len);
	sealed->device.sealed = buf_bytes(&octets);
	chip_package_put(out, header, sealed);
	return buf_err(out);
}

enum err
enrol_seal(struct enrol *e, const struct template *template,
    const struct enrol_made *made, const struct device_request *request,
    const uint8_t *request_hash, const struct identity *identity,
    const struct bytes certs[ENROL_CERTS], uint8_t ret_hash[SHA256_SIZE],
    struct buf *out, struct diag *diag)
{
	struct pack_header header = { .cert_count = ENROL_CERTS };
	struct pack_sealed sealed = { .index = identity->index };
	struct package_key keys[PRODUCT_SLOTS_MAX];
	size_t i;
	enum err err;

	keys_list(template, made, keys);
	for (i = 0; i < ENROL_CERTS; i++)
		header.certs[i] = certs[i];
	memcpy(sealed.commitment, identity->commitment, SHA256_SIZE);
	err = binding_make(template, made, request, request_hash,
	    &header.binding);
	if (!err)
		err = package_make(&header, &sealed, made, identity->document,
		    keys, template->slot_count, out, diag);
	return err ? err : opened_hash(e->sha256, template, keys,
	    identity->document, certs, ret_hash);
}
