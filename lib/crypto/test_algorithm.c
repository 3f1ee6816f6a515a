/* Every algorithm through everything that a key can be asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/crypto/cose.h"
#include "lib/crypto/key_internal.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "tests/support/hex.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define SEED \
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

/* A pair of each algorithm, made once. */
static struct pair {
	const struct key_algorithm	*algorithm;
	struct public_key		 public;
	struct secret			 private;
} pairs[8];
static size_t pair_count;

static int
pairs_make(void **state)
{
	const struct key_algorithm *a;
	struct pair *p;
	size_t i;

	(void)state;
	for (i = 0; (a = key_algorithm_at(i)) != NULL; i++) {
		if (key_alg_available(a->alg, NULL) != ERR_OK) {
			print_message("%s is skipped: it needs OpenSSL %s\n",
			    a->name, a->needs);
			continue;
		}
		p = &pairs[pair_count++];
		p->algorithm = a;
		if (key_pair_make(a->alg, &p->public, &p->private, NULL) !=
		    ERR_OK)
			return -1;
	}
	return i == COUNT(pairs) ? 0 : -1;
}

static int
pairs_free(void **state)
{
	(void)state;
	while (pair_count > 0)
		secret_release(&pairs[--pair_count].private);
	return 0;
}

static void
test_table(void **state)
{
	const struct key_algorithm *a;
	enum key_alg alg;
	size_t i;

	(void)state;
	for (i = 0; (a = key_algorithm_at(i)) != NULL; i++) {
		assert_ptr_equal(key_algorithm(a->alg), a);
		assert_int_equal(key_alg_by_name(a->name, &alg), ERR_OK);
		assert_int_equal(alg, a->alg);
		assert_string_equal(key_alg_name(alg), a->name);
		assert_true(a->public_len <= KEY_PUBLIC_MAX);
		assert_true(a->private_max <= KEY_PRIVATE_MAX);
		assert_true(a->signature_len <= SIGNATURE_MAX);
		assert_true((a->signature_len > 0) ==
		    ((a->can & KEY_SIGNS) != 0));
		assert_int_equal(a->x_at + a->x_len + a->y_len,
		    a->public_len);
		if (a->signature_len > 0)
			assert_int_equal(key_algorithm_by_cose(
			    a->cose_alg)->cose_alg, a->cose_alg);
	}
	assert_null(key_algorithm((enum key_alg)0));
	assert_null(key_algorithm((enum key_alg)9));
	assert_null(key_algorithm_by_cose(0));
	assert_null(key_algorithm_by_cose(-257));	/* RS256 */
}

/* What this OpenSSL cannot do is refused by name, with what it needs. */
static void
test_unavailable(void **state)
{
	const struct key_algorithm *a;
	struct keygen *keygen = NULL;
	struct public_key key;
	uint8_t seed[32] = { 0 };
	size_t i;

	(void)state;
	for (i = 0; (a = key_algorithm_at(i)) != NULL; i++) {
		struct diag diag = DIAG_INIT;

		if (key_alg_available(a->alg, &diag) == ERR_OK)
			continue;
		assert_int_equal(diag.code, ERR_UNSUPPORTED);
		assert_non_null(strstr(diag.what, a->name));
		assert_non_null(strstr(diag.what, "needs OpenSSL 3.5"));
		assert_int_equal(keygen_new(a->alg, &keygen, NULL),
		    ERR_UNSUPPORTED);
		assert_null(keygen);
		assert_int_equal(key_derive_public(a->alg,
		    bytes_of(seed, sizeof(seed)), &key, NULL),
		    ERR_UNSUPPORTED);
	}
}

static void
test_derive(void **state)
{
	struct public_key key;
	struct bytes private;
	size_t i;

	(void)state;
	for (i = 0; i < pair_count; i++) {
		private = secret_bytes(&pairs[i].private);
		assert_int_equal(key_derive_public(pairs[i].public.alg,
		    private, &key, NULL), ERR_OK);
		assert_true(public_key_equal(&key, &pairs[i].public));
		assert_int_equal(public_key_check(key.alg,
		    bytes_of(key.raw, key.len), &key, NULL), ERR_OK);
		/* an octet less or more */
		private.len--;
		assert_int_equal(key_derive_public(key.alg, private, &key,
		    NULL), ERR_INVALID);
		assert_int_equal(public_key_check(key.alg,
		    bytes_of(key.raw, key.len - 1), &key, NULL), ERR_INVALID);
	}
}

static void
test_stored(void **state)
{
	struct public_key key;
	size_t i;

	(void)state;
	for (i = 0; i < pair_count; i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;

		public_key_put_stored(&out, &pairs[i].public);
		assert_int_equal(out.len, pairs[i].algorithm->stored_len);
		assert_int_equal(public_key_from_stored(pairs[i].public.alg,
		    buf_bytes(&out), &key), ERR_OK);
		assert_true(public_key_equal(&key, &pairs[i].public));
		assert_int_equal(public_key_from_stored(pairs[i].public.alg,
		    bytes_of(out.ptr, out.len - 1), &key), ERR_CORRUPT);
	}
}

/* OpenSSL reads our SubjectPublicKeyInfo and writes the same. */
static void
test_spki(void **state)
{
	struct public_key key;
	const uint8_t *at;
	size_t i;
	int len;

	(void)state;
	for (i = 0; i < pair_count; i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;
		_cleanup_pkey_ EVP_PKEY *pkey = NULL;
		uint8_t *again = NULL;

		public_key_put_spki(&out, &pairs[i].public);
		assert_int_equal(public_key_from_spki(buf_bytes(&out), &key,
		    NULL), ERR_OK);
		assert_true(public_key_equal(&key, &pairs[i].public));
		at = out.ptr;
		pkey = d2i_PUBKEY(NULL, &at, (long)out.len);
		assert_non_null(pkey);
		len = i2d_PUBKEY(pkey, &again);
		assert_true(len > 0);
		assert_true(bytes_equal(bytes_of(again, (size_t)len),
		    buf_bytes(&out)));
		OPENSSL_free(again);
	}
}

/* Each octet before the key changed: never this key, never a crash. */
static void
test_spki_damage(void **state)
{
	struct public_key key;
	size_t i, n, head;

	(void)state;
	for (i = 0; i < pair_count; i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;

		public_key_put_spki(&out, &pairs[i].public);
		head = out.len - pairs[i].public.len -
		    pairs[i].algorithm->bits_tail.len;
		for (n = 0; n < head; n++) {
			out.ptr[n] ^= 1;
			assert_true(public_key_from_spki(buf_bytes(&out),
			    &key, NULL) != ERR_OK ||
			    key.alg != pairs[i].public.alg);
			out.ptr[n] ^= 1;
		}
		for (n = 0; n < out.len; n += n < head ? 1 : 97)
			assert_int_not_equal(public_key_from_spki(
			    bytes_of(out.ptr, n), &key, NULL), ERR_OK);
	}
}

/* OpenSSL reads our PKCS#8 as the key that belongs to the public one. */
static void
test_pem(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < pair_count; i++) {
		_cleanup_secret_ struct secret pem = SECRET_INIT;
		_cleanup_pkey_ EVP_PKEY *read = NULL, *public = NULL;
		BIO *bio;

		assert_int_equal(private_key_put_pem(pairs[i].public.alg,
		    secret_bytes(&pairs[i].private), &pem, NULL), ERR_OK);
		bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
		read = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
		BIO_free(bio);
		assert_non_null(read);
		public = pkey_from_public(&pairs[i].public);
		assert_int_equal(EVP_PKEY_eq(read, public), 1);
	}
}

static void
test_cose_key(void **state)
{
	struct bytes private = BYTES_NONE;
	struct public_key key;
	size_t i;

	(void)state;
	for (i = 0; i < pair_count; i++) {
		_cleanup_secret_ struct secret pair = SECRET_INIT;
		_cleanup_buf_ struct buf out = BUF_INIT;
		struct bytes given = secret_bytes(&pairs[i].private);
		enum err err;

		cose_key_put(&out, &pairs[i].public);
		assert_int_equal(cose_key_parse(buf_bytes(&out), &key,
		    &private, NULL), ERR_OK);
		assert_int_equal(private.len, 0);
		assert_true(public_key_equal(&key, &pairs[i].public));
		err = cose_key_put_private(&pair, &pairs[i].public, given);
		if (pairs[i].algorithm->kind == KEY_RSA) {
			assert_int_equal(err, ERR_UNSUPPORTED);
			continue;
		}
		assert_int_equal(err, ERR_OK);
		assert_int_equal(cose_key_parse(secret_bytes(&pair), &key,
		    &private, NULL), ERR_OK);
		assert_true(public_key_equal(&key, &pairs[i].public));
		assert_true(bytes_equal(private, given));
	}
}

/* RSA (RFC 8230 4): d beside n and e, and another exponent. */
static void
test_cose_key_rsa(void **state)
{
	struct bytes private = BYTES_NONE;
	struct public_key key;
	size_t i;

	(void)state;
	for (i = 0; i < pair_count; i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;

		if (pairs[i].algorithm->kind != KEY_RSA)
			continue;
		cose_key_put(&out, &pairs[i].public);
		out.ptr[0]++;
		buf_put(&out, "\x22\x41\x01", 3);	/* -3: d */
		assert_int_equal(cose_key_parse(buf_bytes(&out), &key,
		    &private, NULL), ERR_UNSUPPORTED);
		out.ptr[out.len - 3] = 0x24;		/* -5: q */
		assert_int_equal(cose_key_parse(buf_bytes(&out), &key,
		    &private, NULL), ERR_UNSUPPORTED);
		out.ptr[0]--;
		out.len -= 3;
		out.ptr[out.len - 1] = 3;
		assert_int_equal(cose_key_parse(buf_bytes(&out), &key,
		    &private, NULL), ERR_SYNTAX);
	}
}

/* Signed: good. Another message, signature, length or key: not. */
static void
test_sign(void **state)
{
	struct bytes message = bytes_text("sample");
	uint8_t sig[SIGNATURE_MAX];
	struct public_key other;
	size_t i, len;
	bool good;

	(void)state;
	for (i = 0; i < pair_count; i++) {
		_cleanup_signer_ struct signer *signer = NULL;
		_cleanup_verifier_ struct verifier *verifier = NULL;
		_cleanup_secret_ struct secret secret = SECRET_INIT;
		enum err err;

		err = signer_new(pairs[i].public.alg,
		    secret_bytes(&pairs[i].private), &signer, NULL);
		len = pairs[i].algorithm->signature_len;
		if (len == 0) {
			assert_int_equal(err, ERR_INVALID);
			assert_int_equal(verifier_new(&pairs[i].public,
			    &verifier, NULL), ERR_INVALID);
			continue;
		}
		assert_int_equal(err, ERR_OK);
		assert_true(public_key_equal(signer_public(signer),
		    &pairs[i].public));
		assert_int_equal(signer_sign(signer, message, sig), ERR_OK);
		assert_int_equal(verifier_new(&pairs[i].public, &verifier,
		    NULL), ERR_OK);
		good = false;
		assert_int_equal(verifier_check(verifier, message,
		    bytes_of(sig, len), &good), ERR_OK);
		assert_true(good);
		assert_int_equal(verifier_check(verifier, bytes_text("Sample"),
		    bytes_of(sig, len), &good), ERR_OK);
		assert_false(good);
		assert_int_equal(verifier_check(verifier, message,
		    bytes_of(sig, len - 1), &good), ERR_OK);
		assert_false(good);
		sig[len / 2] ^= 0x10;
		assert_int_equal(verifier_check(verifier, message,
		    bytes_of(sig, len), &good), ERR_OK);
		assert_false(good);
		sig[len / 2] ^= 0x10;
		verifier_free(&verifier);
		assert_int_equal(key_pair_make(pairs[i].public.alg, &other,
		    &secret, NULL), ERR_OK);
		assert_int_equal(verifier_new(&other, &verifier, NULL),
		    ERR_OK);
		assert_int_equal(verifier_check(verifier, message,
		    bytes_of(sig, len), &good), ERR_OK);
		assert_false(good);
	}
}

static void
test_cose_sign1(void **state)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct bytes kid = bytes_text("kid");
	struct cose_sign1 msg;
	size_t i;
	bool good;

	(void)state;
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	for (i = 0; i < pair_count; i++) {
		_cleanup_signer_ struct signer *signer = NULL;
		_cleanup_verifier_ struct verifier *verifier = NULL;
		_cleanup_buf_ struct buf out = BUF_INIT;
		const struct pair *p = &pairs[i];

		if (p->algorithm->signature_len == 0)
			continue;
		assert_int_equal(signer_new(p->public.alg,
		    secret_bytes(&p->private), &signer, NULL), ERR_OK);
		assert_int_equal(verifier_new(&p->public, &verifier, NULL),
		    ERR_OK);
		assert_int_equal(cose_sign1_sign(&out, signer, kid, "t",
		    bytes_text("payload"), BYTES_NONE, NULL), ERR_OK);
		assert_int_equal(cose_sign1_parse(buf_bytes(&out), &msg,
		    NULL), ERR_OK);
		assert_int_equal(msg.alg, p->algorithm->cose_alg);
		assert_int_equal(msg.signature.len,
		    p->algorithm->signature_len);
		good = false;
		assert_int_equal(cose_sign1_verify(&msg, verifier,
		    p->public.alg, BYTES_NONE, sha256, &good), ERR_OK);
		assert_true(good);
		assert_int_equal(cose_sign1_verify(&msg, verifier,
		    p->public.alg, bytes_text("aad"), sha256, &good), ERR_OK);
		assert_false(good);
	}
}

/* RSAPrivateKey: whatever octet changes, it is no key of this public one. */
static void
test_rsa_private_damage(void **state)
{
	struct public_key key;
	struct secret *s;
	size_t i, n;

	(void)state;
	for (i = 0; i < pair_count; i++) {
		if (pairs[i].algorithm->alg != KEY_RSA2048)
			continue;
		s = &pairs[i].private;
		for (n = 0; n < s->len; n += n < 16 ? 1 : 41) {
			s->ptr[n] ^= 1;
			assert_int_equal(key_derive_public(KEY_RSA2048,
			    secret_bytes(s), &key, NULL), ERR_INVALID);
			s->ptr[n] ^= 1;
		}
		/* the right kind, another size */
		assert_int_equal(key_derive_public(KEY_RSA3072,
		    secret_bytes(s), &key, NULL), ERR_INVALID);
	}
}

static void
test_bad_public(void **state)
{
	uint8_t raw[KEY_PUBLIC_MAX];
	struct diag diag = DIAG_INIT;
	struct public_key key;

	(void)state;
	memset(raw, 0xff, sizeof(raw));
	assert_int_equal(public_key_check(KEY_RSA2048, bytes_of(raw, 256),
	    &key, NULL), ERR_OK);
	raw[0] = 0x7f;
	assert_int_equal(public_key_check(KEY_RSA2048, bytes_of(raw, 256),
	    &key, &diag), ERR_INVALID);
	assert_non_null(strstr(diag.what, "even or too small"));
	raw[0] = 0xff;
	raw[383] = 0xfe;
	assert_int_equal(public_key_check(KEY_RSA3072, bytes_of(raw, 384),
	    &key, NULL), ERR_INVALID);
	assert_int_equal(public_key_check(KEY_RSA3072, bytes_of(raw, 256),
	    &key, NULL), ERR_INVALID);
	raw[0] = 0x04;
	assert_int_equal(public_key_check(KEY_P384, bytes_of(raw, 97), &key,
	    NULL), ERR_INVALID);
	assert_int_equal(public_key_check((enum key_alg)9, bytes_of(raw, 97),
	    &key, NULL), ERR_INVALID);
}

/* RFC 6979 A.2.6; thumbprint by python3-cbor2. */
static void
test_p384(void **state)
{
	_cleanup_verifier_ struct verifier *verifier = NULL;
	uint8_t d[48], room[128], kid[COSE_KID_SIZE];
	struct public_key key;
	bool good = false;

	(void)state;
	assert_int_equal(key_derive_public(KEY_P384, HEX(
	    "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa477407871"
	    "37d896d5724e4c70a825f872c9ea60d2edf5",
	    d), &key, NULL), ERR_OK);
	assert_true(bytes_equal(bytes_of(key.raw, key.len), HEX(
	    "04ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b"
	    "300c64def8f0ea9055866064a254515480bc138015d9b72d7d57244ea8ef"
	    "9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe73"
	    "44fd2533264720",
	    room)));
	assert_int_equal(cose_key_thumbprint(&key, kid), ERR_OK);
	assert_true(bytes_equal(bytes_of(kid, sizeof(kid)), HEX(
	    "a876460dc02fb84b5882306e6eb8d31264a31fed5cffb655169eb9abf1ce"
	    "f1cc",
	    room)));
	assert_int_equal(verifier_new(&key, &verifier, NULL), ERR_OK);
	assert_int_equal(verifier_check(verifier, bytes_text("sample"), HEX(
	    "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad"
	    "133c81a648152e44acf96e36dd1e80fabe4699ef4aeb15f178cea1fe40db"
	    "2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82"
	    "c71a38628ac8",
	    room), &good), ERR_OK);
	assert_true(good);
	/* the order of the group, and the point's other half */
	memset(d, 0xff, sizeof(d));
	assert_int_equal(key_derive_public(KEY_P384, bytes_of(d, 48), &key,
	    NULL), ERR_INVALID);
	memset(d, 0, sizeof(d));
	assert_int_equal(key_derive_public(KEY_P384, bytes_of(d, 48), &key,
	    NULL), ERR_INVALID);
}

/* A key and a signature of python3-cryptography, the thumbprint by
 * python3-cbor2. */
static void
test_rsa(void **state)
{
	_cleanup_verifier_ struct verifier *verifier = NULL;
	uint8_t room[256], kid[COSE_KID_SIZE];
	struct public_key key;
	bool good = false;

	(void)state;
	assert_int_equal(public_key_check(KEY_RSA2048, HEX(
	    "b71331f03e65331952c4dacf0fcc805e7fe62a8303f1b5922cb5c0d76135"
	    "7662d6ad00b9a9be12933d03fa0d46826ae56422e8407f47a36f50028be3"
	    "69e36ad4cd84586d1810358e89eda9280104ed20f50f27520168928d5590"
	    "dd8831348e42dc83cfe8add54d8ed942ac4df30b9c31b4852302a881f614"
	    "519211772b4db88dd39af9b4bdfac221667f7c320bea4da8c086c66c7fc2"
	    "68c3e88fafb08ba14f9cc8cef935479c6dc0a72994c8beca076f898cb753"
	    "2b67a3f2ac42e6ce338ed8848eb448a3c47824c1de244566e3fc47575430"
	    "2c894b3576eaa3be55c3e9a0093a440442b3d59959749ddb44744a12daca"
	    "8a5b33d3967292caa148df06e2531657",
	    room), &key, NULL), ERR_OK);
	assert_int_equal(cose_key_thumbprint(&key, kid), ERR_OK);
	assert_true(bytes_equal(bytes_of(kid, sizeof(kid)), HEX(
	    "8c768cfa9ac3bd9a7d5d8f752c584ada17cecc5b57024e4656a7c9fe902e"
	    "8b70",
	    room)));
	assert_int_equal(verifier_new(&key, &verifier, NULL), ERR_OK);
	assert_int_equal(verifier_check(verifier, bytes_text("sample"), HEX(
	    "85af5bf61af0898a1000e4983ffa239ea117ba88cd61a6c3d36808126c6b"
	    "991fb3a93e0e0375959f34e64613d37e395cdf442c48356bcb6065a0f428"
	    "4a3d890305ad9178313189c6b1eff124882871a3e876b32e447f6b3a2383"
	    "54cdef94a2c084e75d4bf87f56b2982bbc897566df3a33c154ffbcf824a7"
	    "4f68e6b937d94098770cb97800cfac26c7e12cdb28c9cd6af0949996dffd"
	    "f0141b5f0f16064a413dc4e858a7c1e348f93772231666da82d4ccf6ef92"
	    "e535fe0ea91740dcbf058d8dcf3645ca5160efa45cfc4a731fe04a891764"
	    "b7efcf12800557af28f8d9a805a44c5639d6c0e70405fdd9378411f5dc63"
	    "2dc91d48f8e602a56609ad999eda1241",
	    room), &good), ERR_OK);
	assert_true(good);
}

/* The seed of RFC 9881 C.1; SHA-256 of the public keys there (checked against
 * the tr of its expanded keys) and of their COSE_Keys. */
static void
test_mldsa(void **state)
{
	static const struct {
		enum key_alg	 alg;
		const char	*hash, *thumbprint;
	} keys[] = {
		{ KEY_MLDSA44,
	    "9f107644c1084526af3bc8098680b05499a2325a644e388fb4f970e058d1"
	    "9d46",
	    "043f891cb4855f4d87e0c87bf1fe38174b540b8b84ae6b3d6c99600b9635"
	    "44a1" },
		{ KEY_MLDSA65,
	    "d666806e11cee19a7c989f7445f90dd419cf4d2d51db8c0fdb4c0f0a5422"
	    "38c9",
	    "eea6088cda05d86e23663298fcb744ec2f9494b76a6897091663bde56110"
	    "508b" },
	};
	uint8_t seed[32], room[32], hash[32];
	struct public_key key;
	size_t i;

	(void)state;
	if (key_alg_available(KEY_MLDSA44, NULL) != ERR_OK)
		skip();
	for (i = 0; i < COUNT(keys); i++) {
		assert_int_equal(key_derive_public(keys[i].alg,
		    HEX(SEED, seed), &key, NULL), ERR_OK);
		assert_int_equal(sha256_once(bytes_of(key.raw, key.len),
		    hash), ERR_OK);
		assert_true(bytes_equal(bytes_of(hash, 32),
		    HEX(keys[i].hash, room)));
		assert_int_equal(cose_key_thumbprint(&key, hash), ERR_OK);
		assert_true(bytes_equal(bytes_of(hash, 32),
		    HEX(keys[i].thumbprint, room)));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_unavailable),
		cmocka_unit_test(test_derive),
		cmocka_unit_test(test_stored),
		cmocka_unit_test(test_spki),
		cmocka_unit_test(test_spki_damage),
		cmocka_unit_test(test_pem),
		cmocka_unit_test(test_cose_key),
		cmocka_unit_test(test_cose_key_rsa),
		cmocka_unit_test(test_sign),
		cmocka_unit_test(test_cose_sign1),
		cmocka_unit_test(test_rsa_private_damage),
		cmocka_unit_test(test_bad_public),
		cmocka_unit_test(test_p384),
		cmocka_unit_test(test_rsa),
		cmocka_unit_test(test_mldsa),
	};

	return cmocka_run_group_tests(tests, pairs_make, pairs_free);
}
