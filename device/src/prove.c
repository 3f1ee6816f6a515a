/* What a device says with its keys: proof of possession, and evidence. */
#include "device/src/internal.h"

#define HASH_SIZE	IMPRINT_DEVICE_HASH_SIZE
#define ID_MAX		64	/* docs/protocol/lists.md */
#define PROOF_TEXT_MAX	4096
#define PROOF_ROOM	512

enum { CBOR_MAJOR_UINT = 0, CBOR_MAJOR_BSTR = 2, CBOR_MAJOR_TSTR = 3 };

static const char evidence_context[] = "imprint evidence";

/* {alg: ES256, typ: "application/imprint-key-proof+cose"} */
static const uint8_t protected_header[] = "\xa2\x01\x26\x10\x78\x22"
    "application/imprint-key-proof+cose";

struct writer {
	uint8_t	*out;
	size_t	 len;
};

static void
octets_put(struct writer *w, const void *octets, size_t len)
{
	if (len > 0)
		memcpy(w->out + w->len, octets, len);
	w->len += len;
}

static void
head_put(struct writer *w, unsigned major, uint64_t value)
{
	uint8_t head[CBOR_HEAD_MAX];

	octets_put(w, head, imprint_device_cbor_head(head, major, value));
}

/* The public key of a handle. */
static enum imprint_device_error
key_get(const struct imprint_device_keystore *keys, unsigned handle,
    uint8_t room[IMPRINT_DEVICE_HELD_SIZE], struct imprint_device_public *key)
{
	static const struct imprint_device_public none;

	*key = none;
	if (handle >= IMPRINT_DEVICE_HANDLES)
		return IMPRINT_DEVICE_ERROR_NONE;
	if (keys->get(keys->state, handle, room, key) != 0)
		return IMPRINT_DEVICE_ERROR_CRYPTO;
	return key->x.len > 0 ? IMPRINT_DEVICE_OK : IMPRINT_DEVICE_ERROR_NONE;
}

static enum imprint_device_error
parts_sign(const struct imprint_device_crypto *crypto,
    const struct imprint_device_keystore *keys,
    const struct imprint_device_key *key, const struct imprint_bytes *parts,
    size_t count, uint8_t ret_signature[IMPRINT_DEVICE_SIGNATURE_SIZE])
{
	uint8_t digest[HASH_SIZE];

	if (crypto->sha256(crypto->state, parts, count, digest) != 0 ||
	    keys->sign(keys->state, key, digest, ret_signature) != 0)
		return IMPRINT_DEVICE_ERROR_CRYPTO;
	return IMPRINT_DEVICE_OK;
}

/* [1, id, slot, COSE_Key, text] */
static void
payload_put(struct writer *w, const struct imprint_device_public *key,
    unsigned handle, struct imprint_bytes id, struct imprint_bytes text)
{
	struct imprint_bytes parts[COSE_KEY_PARTS];
	size_t i;

	octets_put(w, "\x85\x01", 2);
	head_put(w, CBOR_MAJOR_BSTR, id.len);
	octets_put(w, id.ptr, id.len);
	/* a chip has one key, and that is in slot 0 */
	head_put(w, CBOR_MAJOR_UINT, handle == IMPRINT_DEVICE_CHIP ? 0 :
	    handle);
	imprint_device_cose_key_parts(key, parts);
	for (i = 0; i < COSE_KEY_PARTS; i++)
		octets_put(w, parts[i].ptr, parts[i].len);
	head_put(w, CBOR_MAJOR_TSTR, text.len);
	octets_put(w, text.ptr, text.len);
}

/* All but the signature; the payload goes to its place first, behind room
 * for the longest head, and moves up to where it belongs. */
static struct imprint_bytes
message_put(struct writer *w, const struct imprint_device_public *key,
    unsigned handle, struct imprint_bytes id, struct imprint_bytes text)
{
	struct writer payload;
	struct imprint_bytes at;

	octets_put(w, "\xd2\x84", 2);
	head_put(w, CBOR_MAJOR_BSTR, sizeof(protected_header) - 1);
	octets_put(w, protected_header, sizeof(protected_header) - 1);
	octets_put(w, "\xa0", 1);
	payload.out = w->out + w->len + CBOR_HEAD_MAX;
	payload.len = 0;
	payload_put(&payload, key, handle, id, text);
	head_put(w, CBOR_MAJOR_BSTR, payload.len);
	memmove(w->out + w->len, payload.out, payload.len);
	at.ptr = w->out + w->len;
	at.len = payload.len;
	w->len += payload.len;
	return at;
}

enum imprint_device_error
imprint_device_proof(const struct imprint_device_crypto *crypto,
    const struct imprint_device_keystore *keys, unsigned handle,
    unsigned signer, struct imprint_bytes id, struct imprint_bytes text,
    uint8_t *out, size_t size, size_t *ret_len)
{
	static const struct imprint_device_key none;
	uint8_t room[IMPRINT_DEVICE_HELD_SIZE];
	uint8_t heads[2][CBOR_HEAD_MAX];
	struct imprint_device_key by = none;
	struct imprint_device_public key;
	struct imprint_bytes parts[SIGN1_PARTS], header, payload;
	enum imprint_device_error error;
	struct writer w;

	if (id.len > ID_MAX || text.len > PROOF_TEXT_MAX ||
	    size < PROOF_ROOM + id.len + text.len)
		return IMPRINT_DEVICE_ERROR_LIMIT;
	error = key_get(keys, signer, room, &by.public_key);
	if (error == IMPRINT_DEVICE_OK)
		error = key_get(keys, handle, room, &key);
	if (error != IMPRINT_DEVICE_OK)
		return error;
	w.out = out;
	w.len = 0;
	payload = message_put(&w, &key, handle, id, text);
	header.ptr = protected_header;
	header.len = sizeof(protected_header) - 1;
	imprint_device_sign1_parts(header, payload, heads, parts);
	by.slot = signer;
	head_put(&w, CBOR_MAJOR_BSTR, IMPRINT_DEVICE_SIGNATURE_SIZE);
	error = parts_sign(crypto, keys, &by, parts, SIGN1_PARTS,
	    out + w.len);
	if (error == IMPRINT_DEVICE_OK)
		*ret_len = w.len + IMPRINT_DEVICE_SIGNATURE_SIZE;
	return error;
}

enum imprint_device_error
imprint_device_evidence(const struct imprint_device_crypto *crypto,
    const struct imprint_device_keystore *keys,
    const struct imprint_device_identity *id,
    const uint8_t nonce[IMPRINT_DEVICE_NONCE_SIZE],
    uint8_t ret_signature[IMPRINT_DEVICE_SIGNATURE_SIZE])
{
	struct imprint_bytes parts[2];
	size_t i;

	parts[0].ptr = (const uint8_t *)evidence_context;
	parts[0].len = sizeof(evidence_context) - 1;
	parts[1].ptr = nonce;
	parts[1].len = IMPRINT_DEVICE_NONCE_SIZE;
	for (i = 0; i < id->key_count; i++)
		if (id->keys[i].purpose == IMPRINT_DEVICE_AUTHENTICATE &&
		    id->keys[i].public_key.alg == IMPRINT_DEVICE_P256)
			return parts_sign(crypto, keys, &id->keys[i], parts,
			    2, ret_signature);
	return IMPRINT_DEVICE_ERROR_NONE;
}
