/*
 * A package that is sealed to the device's chip: HPKE base mode (RFC 9180),
 * DHKEM of X25519 or P-256 with HKDF-SHA256, and of its context the exported
 * key alone (5.3). HKDF needs SHA-256 only.
 */
#include "device/src/internal.h"

#define MAGIC		"imprint-chip-package"
#define NOT_ONE		"sealed package: not one"
#define VERSION		1
#define HASH_SIZE	IMPRINT_DEVICE_HASH_SIZE
#define ID_SIZE		16
#define TAG_SIZE	16
#define BLOCK_SIZE	64	/* of SHA-256 */
#define HMAC_PARTS_MAX	6
#define AAD_MAX		160
#define ENC_MAX		65
#define ROOM_MORE	32

enum { CBOR_MAJOR_UINT = 0, CBOR_MAJOR_BSTR = 2 };

static const char context[] = "imprint package";

/* ["imprint-package", 1, and then document and keys as they come */
static const uint8_t plain_head[] = "\x85\x6fimprint-package\x01";
#define PLAIN_HEAD	(sizeof(plain_head) - 1)
#define PLAIN_FIRST	0x82	/* [document, keys] */

struct sealed {
	uint64_t		index;
	struct bytes		pack, order, product, commitment, recipient;
	struct bytes		enc, package, certs;
};

/* A key schedule on its way; the first call that fails sticks. */
struct hpke {
	const struct imprint_device_crypto	*crypto;
	struct imprint_bytes			 suite;
	int					 failed;
};

static struct imprint_bytes
text(const char *t)
{
	return export(bytes_text(t));
}

static struct imprint_bytes
octets(const uint8_t *ptr, size_t len)
{
	return export(bytes_of(ptr, len));
}

/* HMAC-SHA-256 (RFC 2104) with a key of 32 octets; ret_mac may be it. */
static void
hmac(struct hpke *h, const uint8_t key[HASH_SIZE],
    const struct imprint_bytes *parts, size_t count,
    uint8_t ret_mac[HASH_SIZE])
{
	struct imprint_bytes all[1 + HMAC_PARTS_MAX];
	uint8_t block[BLOCK_SIZE], inner[HASH_SIZE], outer[HASH_SIZE];
	size_t i;

	for (i = 0; i < BLOCK_SIZE; i++)
		block[i] = (i < HASH_SIZE ? key[i] : 0) ^ 0x36;
	all[0] = octets(block, sizeof(block));
	for (i = 0; i < count; i++)
		all[1 + i] = parts[i];
	h->failed |= h->crypto->sha256(h->crypto->state, all, 1 + count,
	    inner);
	for (i = 0; i < BLOCK_SIZE; i++)
		block[i] ^= 0x36 ^ 0x5c;
	all[1] = octets(inner, sizeof(inner));
	if (h->failed == 0)
		h->failed |= h->crypto->sha256(h->crypto->state, all, 2,
		    outer);
	if (h->failed == 0)
		memcpy(ret_mac, outer, HASH_SIZE);
	imprint_device_wipe(block, sizeof(block));
	imprint_device_wipe(inner, sizeof(inner));
	imprint_device_wipe(outer, sizeof(outer));
}

/* LabeledExtract (4); salt NULL: none, which is one of zeros (RFC 5869 2.2). */
static void
extract(struct hpke *h, const uint8_t *salt, const char *label,
    struct imprint_bytes ikm, uint8_t ret_prk[HASH_SIZE])
{
	static const uint8_t zeros[HASH_SIZE];
	struct imprint_bytes parts[4];

	parts[0] = text("HPKE-v1");
	parts[1] = h->suite;
	parts[2] = text(label);
	parts[3] = ikm;
	hmac(h, salt == NULL ? zeros : salt, parts, 4, ret_prk);
}

/* LabeledExpand (4) to 32 octets, which are one block of HKDF-Expand. */
static void
expand(struct hpke *h, const uint8_t prk[HASH_SIZE], const char *label,
    struct imprint_bytes info, uint8_t ret_out[HASH_SIZE])
{
	static const uint8_t size[] = { 0, HASH_SIZE }, counter = 1;
	struct imprint_bytes parts[HMAC_PARTS_MAX];

	parts[0] = octets(size, sizeof(size));
	parts[1] = text("HPKE-v1");
	parts[2] = h->suite;
	parts[3] = text(label);
	parts[4] = info;
	parts[5] = octets(&counter, 1);
	hmac(h, prk, parts, HMAC_PARTS_MAX, ret_out);
}

/*
 * From what the keys agreed on to the package's key: ExtractAndExpand (4.1),
 * KeySchedule of base mode (5.1), Export (5.3). Each step's secret takes the
 * place of the one before.
 */
static int
package_key(const struct imprint_device_crypto *crypto, bool x25519,
    struct bytes enc, const struct imprint_device_public *own, uint64_t index,
    uint8_t secret[HASH_SIZE])
{
	uint8_t kem[] = { 'K', 'E', 'M', 0, (uint8_t)(x25519 ? 0x20 : 0x10) };
	uint8_t suite[] = { 'H', 'P', 'K', 'E', 0, kem[4], 0, 1, 0, 2 };
	uint8_t mixed[2 * ENC_MAX], schedule[1 + 2 * HASH_SIZE] = { 0 };
	uint8_t name[sizeof(context) - 1 + 8];
	size_t len = enc.len;
	struct hpke h;

	h.crypto = crypto;
	h.failed = 0;
	h.suite = octets(kem, sizeof(kem));
	memcpy(mixed, enc.ptr, enc.len);
	if (!x25519)
		mixed[len++] = 0x04;
	memcpy(mixed + len, own->x.ptr, own->x.len);
	len += own->x.len;
	if (!x25519)
		memcpy(mixed + len, own->y.ptr, own->y.len);
	len += x25519 ? 0 : own->y.len;
	extract(&h, NULL, "eae_prk", octets(secret, HASH_SIZE), secret);
	expand(&h, secret, "shared_secret", octets(mixed, len), secret);
	h.suite = octets(suite, sizeof(suite));
	extract(&h, NULL, "psk_id_hash", octets(NULL, 0), schedule + 1);
	extract(&h, NULL, "info_hash", text(context),
	    schedule + 1 + HASH_SIZE);
	extract(&h, secret, "secret", octets(NULL, 0), secret);
	expand(&h, secret, "exp", octets(schedule, sizeof(schedule)), secret);
	memcpy(name, context, sizeof(context) - 1);
	put_be32(name + sizeof(context) - 1, (uint32_t)(index >> 32));
	put_be32(name + sizeof(context) + 3, (uint32_t)index);
	expand(&h, secret, "sec", octets(name, sizeof(name)), secret);
	return h.failed;
}

static void
sealed_read(struct cbor *c, struct sealed *s)
{
	size_t i, count;
	struct cbor certs;

	s->pack = cbor_get_bstr_sized(c, ID_SIZE);
	s->order = cbor_get_bstr_sized(c, ID_SIZE);
	s->index = cbor_get_uint(c);
	s->product = cbor_get_bstr_sized(c, HASH_SIZE);
	s->commitment = cbor_get_bstr_sized(c, HASH_SIZE);
	s->recipient = cbor_get_bstr_sized(c, HASH_SIZE);
	s->enc = cbor_get_bstr(c);
	s->package = cbor_get_bstr(c);
	s->certs = cbor_get_item(c);
	if (!cbor_close(c))
		return;
	cbor_open_checked(&certs, s->certs);
	count = cbor_get_array(&certs);
	for (i = 0; i < count && cbor_ok(&certs); i++)
		(void)cbor_get_bstr(&certs);
	if (!cbor_close(&certs) || count > IMPRINT_DEVICE_CERTS_MAX)
		cbor_fail(c, "sealed package: its certificates are none");
	if (s->package.len <= TAG_SIZE)
		cbor_fail(c, "sealed package: nothing in it");
}

bool
imprint_device_is_sealed(struct imprint_bytes sealed)
{
	uint64_t version;
	struct cbor c;

	(void)imprint_device_head_read(&c, sealed, MAGIC, NOT_ONE,
	    &version);
	return cbor_ok(&c);
}

static enum imprint_device_error
refuse(struct imprint_device_report *report,
    enum imprint_device_verdict verdict, const char *reason)
{
	report->verdict = verdict;
	report->reason = reason;
	return IMPRINT_DEVICE_OK;
}

static size_t
aad_put(uint8_t aad[AAD_MAX], const struct sealed *s)
{
	const struct bytes before[] = { s->pack, s->order };
	const struct bytes after[] = { s->product, s->commitment,
		s->recipient };
	size_t i, len = 0;

	aad[len++] = 0x86;
	for (i = 0; i < 2; i++) {
		len += imprint_device_cbor_head(aad + len, CBOR_MAJOR_BSTR,
		    before[i].len);
		memcpy(aad + len, before[i].ptr, before[i].len);
		len += before[i].len;
	}
	len += imprint_device_cbor_head(aad + len, CBOR_MAJOR_UINT, s->index);
	for (i = 0; i < 3; i++) {
		len += imprint_device_cbor_head(aad + len, CBOR_MAJOR_BSTR,
		    after[i].len);
		memcpy(aad + len, after[i].ptr, after[i].len);
		len += after[i].len;
	}
	return len;
}

/* The sender's key as one of the chip's algorithm. */
static bool
enc_read(struct bytes enc, bool x25519, struct imprint_device_public *peer)
{
	peer->alg = x25519 ? IMPRINT_DEVICE_X25519 : IMPRINT_DEVICE_P256;
	if (enc.len != (x25519 ? 32U : ENC_MAX) ||
	    (!x25519 && enc.ptr[0] != 0x04))
		return false;
	peer->x = octets(x25519 ? enc.ptr : enc.ptr + 1, 32);
	peer->y = octets(x25519 ? NULL : enc.ptr + 33, x25519 ? 0 : 32);
	return true;
}

static bool
is_zero(const uint8_t secret[HASH_SIZE])
{
	uint8_t any = 0;
	size_t i;

	for (i = 0; i < HASH_SIZE; i++)
		any |= secret[i];
	return any == 0;
}

/* The package's key; ret_secret holds none unless the verdict stands. */
static enum imprint_device_error
secret_make(const struct imprint_device_crypto *crypto,
    const struct imprint_device_keystore *keys, const struct sealed *s,
    struct imprint_device_report *report, uint8_t ret_secret[HASH_SIZE])
{
	static const struct imprint_device_key none;
	uint8_t room[IMPRINT_DEVICE_HELD_SIZE], kid[HASH_SIZE];
	struct imprint_device_key chip = none;
	struct imprint_device_public peer;
	bool x25519, good = false;

	chip.slot = IMPRINT_DEVICE_CHIP;
	if (keys->get(keys->state, IMPRINT_DEVICE_CHIP, room,
	    &chip.public_key) != 0)
		return IMPRINT_DEVICE_ERROR_CRYPTO;
	if (chip.public_key.x.len == 0)
		return refuse(report, IMPRINT_DEVICE_DENY_KEYS,
		    "sealed package: this device has no key of a chip");
	x25519 = chip.public_key.alg == IMPRINT_DEVICE_X25519;
	if (imprint_device_thumbprint(crypto, &chip.public_key, kid) != 0)
		return IMPRINT_DEVICE_ERROR_CRYPTO;
	if (!bytes_equal(s->recipient, bytes_of(kid, HASH_SIZE)))
		return refuse(report, IMPRINT_DEVICE_DENY_KEYS,
		    "sealed package: it is another chip's");
	if (!enc_read(s->enc, x25519, &peer))
		return refuse(report, IMPRINT_DEVICE_DENY_MALFORMED,
		    "sealed package: its encapsulated key is none");
	if (keys->agree(keys->state, &chip, &peer, ret_secret, &good) != 0)
		return IMPRINT_DEVICE_ERROR_CRYPTO;
	/* RFC 9180 7.1.4 */
	if (!good || is_zero(ret_secret))
		return refuse(report, IMPRINT_DEVICE_DENY_KEYS,
		    "sealed package: its encapsulated key is none");
	return package_key(crypto, x25519, s->enc, &chip.public_key, s->index,
	    ret_secret) == 0 ? IMPRINT_DEVICE_OK :
	    IMPRINT_DEVICE_ERROR_CRYPTO;
}

/* What is inside becomes the middle of the package; its array's head gives
 * way to the version. */
static enum imprint_device_error
room_fill(const struct imprint_device_crypto *crypto, const struct sealed *s,
    const uint8_t secret[HASH_SIZE], uint8_t *room, size_t *ret_len,
    struct imprint_device_report *report)
{
	size_t len = s->package.len - TAG_SIZE;
	uint8_t *inside = room + PLAIN_HEAD - 1;
	uint8_t aad[AAD_MAX];
	bool good = false;

	if (crypto->open(crypto->state, secret, octets(aad, aad_put(aad, s)),
	    export(s->package), inside, &good) != 0)
		return IMPRINT_DEVICE_ERROR_CRYPTO;
	if (!good)
		return refuse(report, IMPRINT_DEVICE_DENY_KEYS,
		    "sealed package: it does not open: altered");
	if (inside[0] != PLAIN_FIRST)
		return refuse(report, IMPRINT_DEVICE_DENY_MALFORMED,
		    "sealed package: what is inside is no package");
	memcpy(room, plain_head, PLAIN_HEAD);
	memcpy(inside + len, s->certs.ptr, s->certs.len);
	*ret_len = PLAIN_HEAD - 1 + len + s->certs.len;
	return refuse(report, IMPRINT_DEVICE_ACCEPT, "");
}

enum imprint_device_error
imprint_device_unseal(const struct imprint_device_crypto *crypto,
    const struct imprint_device_keystore *keys, struct imprint_bytes sealed,
    uint8_t *room, size_t size, size_t *ret_len,
    struct imprint_device_report *ret_report)
{
	static const struct imprint_device_report empty;
	enum imprint_device_error error;
	uint8_t secret[HASH_SIZE];
	uint64_t version;
	struct sealed s;
	struct cbor c;
	size_t count;

	*ret_len = 0;
	*ret_report = empty;
	ret_report->reason = "";
	count = imprint_device_head_read(&c, sealed, MAGIC, NOT_ONE,
	    &version);
	if (cbor_ok(&c) && version != VERSION)
		return refuse(ret_report, IMPRINT_DEVICE_DENY_UNSUPPORTED,
		    "sealed package: of a version that is not known");
	if (count != 11)
		cbor_fail(&c, "sealed package: not of eleven elements");
	sealed_read(&c, &s);
	if (!cbor_ok(&c))
		return refuse(ret_report, IMPRINT_DEVICE_DENY_MALFORMED,
		    c.error);
	if (sealed.len > size || size - sealed.len < ROOM_MORE)
		return IMPRINT_DEVICE_ERROR_LIMIT;
	error = secret_make(crypto, keys, &s, ret_report, secret);
	if (error == IMPRINT_DEVICE_OK &&
	    ret_report->verdict == IMPRINT_DEVICE_DENY)
		error = room_fill(crypto, &s, secret, room, ret_len,
		    ret_report);
	imprint_device_wipe(secret, sizeof(secret));
	return error;
}
