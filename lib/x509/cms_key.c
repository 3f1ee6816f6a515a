#include "lib/x509/cms_key.h"

#include "lib/x509/der.h"
#include "lib/x509/der_read.h"
#include "lib/x509/x509_internal.h"

#include <openssl/kdf.h>

#define KEK_SIZE	32
#define WRAPPED_SIZE	40	/* RFC 3394: of 32 octets */
#define IV_SIZE		16
#define AGREED_MAX	32
#define SIGNED_MAX	((size_t)16 << 10)

/* Content octets of object identifiers. */
static const uint8_t signed_data[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
	0x01, 0x07, 0x02 };
static const uint8_t enveloped_data[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
	0x01, 0x07, 0x03 };
static const uint8_t key_package[] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x02,
	0x01, 0x02, 0x4e, 0x05 };
static const uint8_t content_type[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
	0x01, 0x09, 0x03 };
static const uint8_t message_digest[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
	0x01, 0x09, 0x04 };
static const uint8_t sha256_id[] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
	0x02, 0x01 };
static const uint8_t ecdsa_sha256[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04,
	0x03, 0x02 };
static const uint8_t aes256_cbc[] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
	0x04, 0x01, 0x2a };
static const uint8_t aes256_wrap[] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
	0x04, 0x01, 0x2d };
/* dhSinglePass-stdDH-sha256kdf-scheme, -hkdf-sha256-scheme */
static const uint8_t x963_sha256[] = { 0x2b, 0x81, 0x04, 0x01, 0x0b, 0x01 };
static const uint8_t hkdf_sha256[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
	0x01, 0x09, 0x10, 0x03, 0x13 };
#define OID(octets)	bytes_of(octets, sizeof(octets))

/* How keys of a recipient agree. */
static const struct agreement {
	enum key_alg	 alg;
	const char	*type, *group, *kdf;	/* as OpenSSL calls them */
	struct bytes	 scheme;
} agreements[] = {
	{ KEY_P256, "EC", "P-256", "X963KDF", { x963_sha256,
	    sizeof(x963_sha256) } },
	{ KEY_X25519, "X25519", NULL, "HKDF", { hkdf_sha256,
	    sizeof(hkdf_sha256) } }
};

static inline void
cipher_cleanup(EVP_CIPHER_CTX **ctx)
{
	EVP_CIPHER_CTX_free(*ctx);
}
#define _cleanup_cipher_ __attribute__((cleanup(cipher_cleanup)))

static inline void
kdf_cleanup(EVP_KDF_CTX **ctx)
{
	EVP_KDF_CTX_free(*ctx);
}

static const struct agreement *
agreement_of(enum key_alg alg)
{
	size_t i;

	for (i = 0; i < sizeof(agreements) / sizeof(agreements[0]); i++)
		if (agreements[i].alg == alg)
			return &agreements[i];
	return NULL;
}

bool
cms_agrees(enum key_alg alg)
{
	return agreement_of(alg) != NULL;
}

static void
identifier_put(struct buf *b, struct bytes oid)
{
	size_t start = b->len;

	der_put_oid(b, oid);
	der_wrap(b, DER_SEQUENCE, start);
}

/* IssuerAndSerialNumber (RFC 5652 10.2.4). */
static enum err
issuer_put(struct buf *b, struct bytes certificate, struct diag *diag)
{
	struct der der, outer, tbs;
	struct bytes serial, issuer;
	size_t start = b->len;

	der_open(&der, certificate);
	der_enter(&der, DER_SEQUENCE, &outer);
	der_enter(&outer, DER_SEQUENCE, &tbs);
	(void)der_get(&tbs, DER_CONTEXT_CONSTRUCTED(0));
	serial = der_get_whole(&tbs, DER_INTEGER);
	(void)der_get(&tbs, DER_SEQUENCE);
	issuer = der_get_whole(&tbs, DER_SEQUENCE);
	if (!der_ok(&tbs))
		return diag_fail(diag, ERR_SYNTAX, "RFC 5280 4.1",
		    "certificate: %s", tbs.error);
	buf_put_bytes(b, issuer);
	buf_put_bytes(b, serial);
	der_wrap(b, DER_SEQUENCE, start);
	return buf_err(b);
}

/* SEQUENCE { type, SET { value } } */
static void
attribute_put(struct buf *b, struct bytes type, uint8_t tag,
    struct bytes value)
{
	size_t start = b->len, values;

	der_put_oid(b, type);
	values = b->len;
	der_put(b, tag, value);
	der_wrap(b, DER_SET, values);
	der_wrap(b, DER_SEQUENCE, start);
}

/* The content's type and digest; what is signed is their SET. */
static enum err
attributes_make(struct buf *b, struct bytes content)
{
	uint8_t digest[SHA256_SIZE];
	enum err err;

	err = sha256_once(content, digest);
	attribute_put(b, OID(content_type), DER_OID, OID(key_package));
	attribute_put(b, OID(message_digest), DER_OCTET_STRING,
	    bytes_of(digest, SHA256_SIZE));
	der_wrap(b, DER_SET, 0);
	return err ? err : buf_err(b);
}

static enum err
signer_info_put(struct buf *b, struct bytes content, struct signer *by,
    struct bytes certificate, struct diag *diag)
{
	_cleanup_buf_ struct buf attributes = BUF_INIT;
	uint8_t raw[SIGNATURE_SIZE], der[ECDSA_DER_MAX];
	size_t start = b->len;
	enum err err;

	der_put_uint(b, 1);
	err = issuer_put(b, certificate, diag);
	if (!err)
		err = attributes_make(&attributes, content);
	if (!err)
		err = signer_sign(by, buf_bytes(&attributes), raw);
	if (err)
		return err;
	identifier_put(b, OID(sha256_id));
	attributes.ptr[0] = DER_CONTEXT_CONSTRUCTED(0);
	buf_put_bytes(b, buf_bytes(&attributes));
	identifier_put(b, OID(ecdsa_sha256));
	der_put(b, DER_OCTET_STRING, bytes_of(der, ecdsa_to_der(raw, der)));
	der_wrap(b, DER_SEQUENCE, start);
	return buf_err(b);
}

/* SignedData of content, in room that does not grow. */
static enum err
signed_put(struct buf *b, struct bytes content, struct signer *by,
    struct bytes certificate, struct diag *diag)
{
	size_t start, inner;
	enum err err;

	der_put_uint(b, 3);	/* RFC 5652 5.1: its content is not data */
	start = b->len;
	identifier_put(b, OID(sha256_id));
	der_wrap(b, DER_SET, start);
	start = b->len;
	der_put_oid(b, OID(key_package));
	inner = b->len;
	der_put(b, DER_OCTET_STRING, content);
	der_wrap(b, DER_CONTEXT_CONSTRUCTED(0), inner);
	der_wrap(b, DER_SEQUENCE, start);
	der_put(b, DER_CONTEXT_CONSTRUCTED(0), certificate);
	start = b->len;
	err = signer_info_put(b, content, by, certificate, diag);
	der_wrap(b, DER_SET, start);
	der_wrap(b, DER_SEQUENCE, 0);
	return err ? err : buf_err(b);
}

/* AsymmetricKeyPackage: a SEQUENCE of one. */
static enum err
package_make(enum key_alg alg, struct bytes private, struct secret *out,
    struct diag *diag)
{
	_cleanup_secret_ struct secret key = SECRET_INIT;
	_cleanup_buf_ struct buf head = BUF_INIT;
	enum err err;

	err = private_key_put_der(alg, private, &key, diag);
	if (err)
		return err;
	der_put_head(&head, DER_SEQUENCE, key.len);
	err = buf_err(&head);
	if (!err)
		err = secret_alloc(out, head.len + key.len);
	if (!err)
		err = secret_put(out, buf_bytes(&head));
	return err ? err : secret_put(out, secret_bytes(&key));
}

/* ECC-CMS-SharedInfo (RFC 5753 7.2) of AES-256 key wrap. */
static void
shared_info_put(struct buf *b)
{
	static const uint8_t bits[] = { 0, 0, 1, 0 };
	size_t start;

	identifier_put(b, OID(aes256_wrap));
	start = b->len;
	der_put(b, DER_OCTET_STRING, OID(bits));
	der_wrap(b, DER_CONTEXT_CONSTRUCTED(2), start);
	der_wrap(b, DER_SEQUENCE, 0);
}

static enum err
kek_derive(const struct agreement *how, const uint8_t *agreed, size_t len,
    uint8_t kek[KEK_SIZE], struct diag *diag)
{
	__attribute__((cleanup(kdf_cleanup))) EVP_KDF_CTX *ctx = NULL;
	_cleanup_buf_ struct buf info = BUF_INIT;
	OSSL_PARAM params[4];
	EVP_KDF *kdf;

	shared_info_put(&info);
	if (buf_err(&info) != ERR_OK)
		return buf_err(&info);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
	    (char *)(uintptr_t) "SHA256", 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
	    (void *)(uintptr_t)agreed, len);
	params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO,
	    info.ptr, info.len);
	params[3] = OSSL_PARAM_construct_end();
	kdf = EVP_KDF_fetch(NULL, how->kdf, NULL);
	ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
	EVP_KDF_free(kdf);
	if (ctx == NULL || EVP_KDF_derive(ctx, kek, KEK_SIZE, params) != 1)
		return ossl_fail(diag, "key derivation");
	return ERR_OK;
}

/* An ephemeral key, and what it agrees on with the recipient's. */
static enum err
agree(const struct agreement *how, const struct public_key *with,
    EVP_PKEY **ret_ephemeral, uint8_t kek[KEK_SIZE], struct diag *diag)
{
	_cleanup_pkey_ EVP_PKEY *peer = NULL, *own = NULL;
	_cleanup_pkey_ctx_ EVP_PKEY_CTX *ctx = NULL;
	_cleanup_buf_ struct buf spki = BUF_INIT;
	uint8_t agreed[AGREED_MAX];
	size_t len = sizeof(agreed);
	const uint8_t *at;
	enum err err;

	public_key_put_spki(&spki, with);
	if (buf_err(&spki) != ERR_OK)
		return buf_err(&spki);
	at = spki.ptr;
	peer = d2i_PUBKEY(NULL, &at, (long)spki.len);
	own = how->group != NULL ? EVP_PKEY_Q_keygen(NULL, NULL, how->type,
	    how->group) : EVP_PKEY_Q_keygen(NULL, NULL, how->type);
	ctx = own == NULL ? NULL : EVP_PKEY_CTX_new(own, NULL);
	if (peer == NULL || ctx == NULL || EVP_PKEY_derive_init(ctx) != 1 ||
	    EVP_PKEY_derive_set_peer(ctx, peer) != 1 ||
	    EVP_PKEY_derive(ctx, agreed, &len) != 1) {
		wipe(agreed, sizeof(agreed));
		return ossl_fail(diag, "key agreement");
	}
	err = kek_derive(how, agreed, len, kek, diag);
	wipe(agreed, sizeof(agreed));
	if (err)
		return err;
	*ret_ephemeral = own;
	own = NULL;	/* transferred */
	return ERR_OK;
}

static enum err
key_wrap(const uint8_t kek[KEK_SIZE], const uint8_t cek[KEK_SIZE],
    uint8_t ret_wrapped[WRAPPED_SIZE], struct diag *diag)
{
	_cleanup_cipher_ EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int len = 0;

	if (ctx != NULL)
		EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (ctx == NULL || EVP_EncryptInit_ex(ctx, EVP_aes_256_wrap(), NULL,
	    kek, NULL) != 1 || EVP_EncryptUpdate(ctx, ret_wrapped, &len, cek,
	    KEK_SIZE) != 1 || len != WRAPPED_SIZE)
		return ossl_fail(diag, "key wrap");
	return ERR_OK;
}

static enum err
recipient_id_put(struct buf *b, const struct cms_recipient *to,
    struct diag *diag)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	uint8_t id[KEY_ID_SIZE];
	size_t start = b->len;
	enum err err;

	if (to->certificate.len > 0)
		return issuer_put(b, to->certificate, diag);
	err = sha256_new(&sha256, diag);
	if (!err)
		err = certificate_key_id(sha256, &to->key, id);
	der_put(b, DER_OCTET_STRING, bytes_of(id, sizeof(id)));
	der_wrap(b, DER_CONTEXT_CONSTRUCTED(0), start);
	return err ? err : buf_err(b);
}

/* KeyAgreeRecipientInfo (RFC 5652 6.2.2). */
static enum err
recipient_put(struct buf *b, const struct cms_recipient *to,
    const uint8_t cek[KEK_SIZE], struct diag *diag)
{
	const struct agreement *how = agreement_of(to->key.alg);
	_cleanup_pkey_ EVP_PKEY *ephemeral = NULL;
	_cleanup_octets_ uint8_t *spki = NULL;
	uint8_t kek[KEK_SIZE], wrapped[WRAPPED_SIZE];
	size_t start = b->len, item;
	int len = 0;
	enum err err;

	err = agree(how, &to->key, &ephemeral, kek, diag);
	if (!err)
		err = key_wrap(kek, cek, wrapped, diag);
	wipe(kek, sizeof(kek));
	if (!err && (len = i2d_PUBKEY(ephemeral, &spki)) <= 0)
		err = ossl_fail(diag, "ephemeral key");
	if (err)
		return err;
	der_put_uint(b, 3);
	item = b->len;
	spki[0] = DER_CONTEXT_CONSTRUCTED(1);	/* OriginatorPublicKey */
	buf_put(b, spki, (size_t)len);
	der_wrap(b, DER_CONTEXT_CONSTRUCTED(0), item);
	item = b->len;
	der_put_oid(b, how->scheme);
	identifier_put(b, OID(aes256_wrap));
	der_wrap(b, DER_SEQUENCE, item);
	item = b->len;
	err = recipient_id_put(b, to, diag);
	der_put(b, DER_OCTET_STRING, bytes_of(wrapped, sizeof(wrapped)));
	der_wrap(b, DER_SEQUENCE, item);
	der_wrap(b, DER_SEQUENCE, item);
	der_wrap(b, DER_CONTEXT_CONSTRUCTED(1), start);
	return err ? err : buf_err(b);
}

static enum err
encrypt(struct bytes plain, const uint8_t cek[KEK_SIZE],
    const uint8_t iv[IV_SIZE], struct buf *out, struct diag *diag)
{
	_cleanup_cipher_ EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t *to = buf_extend(out, plain.len + IV_SIZE);
	int len = 0, last = 0;

	if (to == NULL)
		return buf_err(out);
	if (ctx == NULL || EVP_EncryptInit_ex(ctx, EVP_aes_256_cbc(), NULL,
	    cek, iv) != 1 || EVP_EncryptUpdate(ctx, to, &len, plain.ptr,
	    (int)plain.len) != 1 ||
	    EVP_EncryptFinal_ex(ctx, to + len, &last) != 1)
		return ossl_fail(diag, "content encryption");
	out->len -= plain.len + IV_SIZE - (size_t)(len + last);
	return ERR_OK;
}

/* EncryptedContentInfo (RFC 5652 6.1). */
static enum err
content_put(struct buf *b, struct bytes plain, const uint8_t cek[KEK_SIZE],
    struct diag *diag)
{
	_cleanup_buf_ struct buf cipher = BUF_INIT;
	size_t start = b->len, item;
	uint8_t iv[IV_SIZE];
	enum err err;

	if (RAND_bytes(iv, sizeof(iv)) != 1)
		return ossl_fail(diag, "random numbers");
	err = encrypt(plain, cek, iv, &cipher, diag);
	der_put_oid(b, OID(signed_data));
	item = b->len;
	der_put_oid(b, OID(aes256_cbc));
	der_put(b, DER_OCTET_STRING, bytes_of(iv, sizeof(iv)));
	der_wrap(b, DER_SEQUENCE, item);
	der_put(b, DER_CONTEXT(0), buf_bytes(&cipher));
	der_wrap(b, DER_SEQUENCE, start);
	return err ? err : buf_err(b);
}

static enum err
envelope_put(struct buf *b, struct bytes plain,
    const struct cms_recipient *to, struct diag *diag)
{
	size_t start = b->len, content, body, item;
	uint8_t cek[KEK_SIZE];
	enum err err;

	if (RAND_priv_bytes(cek, sizeof(cek)) != 1)
		return ossl_fail(diag, "random numbers");
	der_put_oid(b, OID(enveloped_data));
	content = body = b->len;
	der_put_uint(b, 2);
	item = b->len;
	err = recipient_put(b, to, cek, diag);
	der_wrap(b, DER_SET, item);
	if (!err)
		err = content_put(b, plain, cek, diag);
	wipe(cek, sizeof(cek));
	der_wrap(b, DER_SEQUENCE, body);
	der_wrap(b, DER_CONTEXT_CONSTRUCTED(0), content);
	der_wrap(b, DER_SEQUENCE, start);
	return err ? err : buf_err(b);
}

enum err
cms_put_key(struct buf *out, enum key_alg alg, struct bytes private,
    struct signer *by, struct bytes by_certificate,
    const struct cms_recipient *to, struct diag *diag)
{
	_cleanup_secret_ struct secret package = SECRET_INIT,
	    room = SECRET_INIT;
	struct buf plain = { .ptr = NULL };
	enum err err;

	if (!cms_agrees(to->key.alg))
		return diag_fail(diag, ERR_UNSUPPORTED, NULL, "recipient: a "
		    "key of %s; P-256 and X25519 are known here",
		    key_alg_name(to->key.alg));
	err = package_make(alg, private, &package, diag);
	if (!err)
		err = secret_alloc(&room, SIGNED_MAX);
	if (err)
		return err;
	/* within the secret's room, which it can not leave */
	plain = (struct buf){ .ptr = room.ptr, .cap = room.cap,
		.limit = room.cap };
	err = signed_put(&plain, secret_bytes(&package), by, by_certificate,
	    diag);
	room.len = plain.len;
	return err ? err : envelope_put(out, buf_bytes(&plain), to, diag);
}
