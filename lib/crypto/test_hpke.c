#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/crypto/hpke.h"
#include "lib/crypto/hpke_internal.h"
#include "tests/support/hex.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/*
 * RFC 9180's published test-vectors.json: base mode, HKDF-SHA256,
 * AES-256-GCM, both KEMs. Sequence numbers 0, 1, 2, 4 and 256 are given.
 */
struct hpke_vector {
	enum key_alg	 alg;
	const char	*info, *sk_e, *sk_r, *pk_r, *enc;
	struct {
		unsigned int	 sequence;
		const char	*aad, *plain, *cipher;
	} seals[5];
	struct {
		const char	*context, *value;
	} exports[3];
};

static const struct hpke_vector vectors[] = {
	{
	    .alg = KEY_X25519,
	    .info =
		"4f6465206f6e2061204772656369616e2055726e",
	    .sk_e =
		"179d4b53b6365c45b600c4163b61d95cbc2f4d9e36f1695558dce265ab8b"
		"ab11",
	    .sk_r =
		"497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320"
		"333d",
	    .pk_r =
		"430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00"
		"c00c",
	    .enc =
		"6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7f"
		"c256",
	    .seals = {
		{ 0,
		    "436f756e742d30",
		    "4265617574792069732074727574682c207472757468206265617574"
		    "79",
		    "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f51"
		    "2be9931980a41de125a925cdad859d5b7a" },
		{ 1,
		    "436f756e742d31",
		    "4265617574792069732074727574682c207472757468206265617574"
		    "79",
		    "2c43aff25343fdbff864506f0818b9d87df84ea01b1a2144d23b4d40"
		    "c26bf655fdf197fe40297a8aebeed5cc2d" },
		{ 2,
		    "436f756e742d32",
		    "4265617574792069732074727574682c207472757468206265617574"
		    "79",
		    "e0a8f2cf92ff61215edbb8c55dc31fe9e2eb42a5685867bb68542115"
		    "42099f9e940c4b41c192bc390835b1a5f7" },
		{ 4,
		    "436f756e742d34",
		    "4265617574792069732074727574682c207472757468206265617574"
		    "79",
		    "448a8892f261cbb6bf5b7b64a4fae8a2c86492494b069c10525895d8"
		    "71c27c2f12cd17e0588fedaba9f7b0cd4c" },
		{ 256,
		    "436f756e742d323536",
		    "4265617574792069732074727574682c207472757468206265617574"
		    "79",
		    "53624f4f9f173453b14e633b45390ff54cacaa4428d44baee1bff813"
		    "3fab1ab3afe60f88e4634b525c54e92eda" },
	    },
	    .exports = {
		{
		    "",
		    "ded6cffafaea6b812cbf3e241e88332adbc077aca81512914213810e"
		    "e291770a" },
		{
		    "00",
		    "04d3cb6cc116b28ffd22ad5bc276c60d31fec71ceb87ae24db811c64"
		    "b7507339" },
		{
		    "54657374436f6e74657874",
		    "7c5ded445732c14fe09727d29b4251c0fd38455fe8440571e687f088"
		    "6aac94d2" },
	    },
	},
	{
	    .alg = KEY_P256,
	    .info =
		"4f6465206f6e2061204772656369616e2055726e",
	    .sk_e =
		"90345e3a1d116c1dd39ae76d95ab858c142223a63e44f8f85318cfa91a84"
		"858e",
	    .sk_r =
		"317f915db7bc629c48fe765587897e01e282d3e8445f79f27f65d031a880"
		"82b2",
	    .pk_r =
		"04abc7e49a4c6b3566d77d0304addc6ed0e98512ffccf505e6a8e3eb25c6"
		"85136f853148544876de76c0f2ef99cdc3a05ccf5ded7860c7c021238f9e"
		"2073d2356c",
	    .enc =
		"04c06b4f6bebc7bb495cb797ab753f911aff80aefb86fd8b6fcc35525f3a"
		"b5f03e0b21bd31a86c6048af3cb2d98e0d3bf01da5cc4c39ff5370d331a4"
		"f1f7d5a4e0",
	    .seals = {
		{ 0,
		    "436f756e742d30",
		    "4265617574792069732074727574682c207472757468206265617574"
		    "79",
		    "58c61a45059d0c5704560e9d88b564a8b63f1364b8d1fcb3c4c6ddc1"
		    "d291742465e902cd216f8908da49f8f96f" },
		{ 1,
		    "436f756e742d31",
		    "4265617574792069732074727574682c207472757468206265617574"
		    "79",
		    "b4e7c90d1dd62cb563694956eb517ab55d5e7d1f6366a0066c04abab"
		    "aa444dbaf60a30d7bb7d3e91b969762dee" },
		{ 2,
		    "436f756e742d32",
		    "4265617574792069732074727574682c207472757468206265617574"
		    "79",
		    "65463cc0e5fd16e1650a55fb37d5b6fe6e5ac5b6f6e8c2640cfb0fcd"
		    "528dc37bc0963b5c53d6238c42d447ddf4" },
		{ 4,
		    "436f756e742d34",
		    "4265617574792069732074727574682c207472757468206265617574"
		    "79",
		    "8537ff19240d613badd398dbeedf0338ca9f549bad6775ae8c3a6726"
		    "66057f6709e0931155cd1cae7071c6fd27" },
		{ 256,
		    "436f756e742d323536",
		    "4265617574792069732074727574682c207472757468206265617574"
		    "79",
		    "fcc4c798b73d45d4a241f4d05886befed63b8bdf0252454072c9f617"
		    "0f6e262f2738cf2ea290053b2181ad46d6" },
	    },
	    .exports = {
		{
		    "",
		    "7a4c2b89e1909fb0e3ca42d5040f4c2d8346dc0643d787b8474e804f"
		    "8f72798e" },
		{
		    "00",
		    "3ca0e7e10b601a32edd2f91c49bac766892c52bde2df01a6126320c6"
		    "e6eb8af1" },
		{
		    "54657374436f6e74657874",
		    "76c6b4f404990ae362be3efe0d60d9669d87017f9dfe33b8c2ed9fd3"
		    "1d295182" },
	    },
	},
};

struct pair {
	struct hpke	*sender, *recipient;
};

static void
pair_release(struct pair *p)
{
	hpke_free(&p->sender);
	hpke_free(&p->recipient);
}
#define _cleanup_pair_ __attribute__((cleanup(pair_release)))

/* Both ends from the vector's keys; checks enc on the way. */
static void
pair_start(const struct hpke_vector *v, struct pair *p)
{
	uint8_t sk_e[32], sk_r[32], raw[65], want[65], info[64];
	uint8_t enc[HPKE_ENC_MAX];
	struct public_key recipient;
	struct bytes i, e;
	size_t len;

	i = HEX(v->info, info);
	e = HEX(v->enc, want);
	assert_int_equal(public_key_check(v->alg, HEX(v->pk_r, raw),
	    &recipient, NULL), ERR_OK);
	assert_int_equal(hpke_sender_new_fixed(&recipient, HEX(v->sk_e, sk_e),
	    i, enc, &len, &p->sender, NULL), ERR_OK);
	assert_int_equal(len, e.len);
	assert_memory_equal(enc, want, len);
	assert_int_equal(hpke_recipient_new(v->alg, HEX(v->sk_r, sk_r), e, i,
	    &p->recipient, NULL), ERR_OK);
}

static void
test_vectors_export(void **state)
{
	uint8_t context[64], want[32], got[32];
	struct bytes c;
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(vectors); i++) {
		_cleanup_pair_ struct pair p = { NULL, NULL };

		pair_start(&vectors[i], &p);
		for (n = 0; n < COUNT(vectors[i].exports); n++) {
			c = HEX(vectors[i].exports[n].context, context);
			(void)HEX(vectors[i].exports[n].value, want);
			assert_int_equal(hpke_export(p.sender, c, got, 32),
			    ERR_OK);
			assert_memory_equal(got, want, 32);
			assert_int_equal(hpke_export(p.recipient, c, got, 32),
			    ERR_OK);
			assert_memory_equal(got, want, 32);
		}
	}
}

/* Seal and open up to the last sequence number given. */
static void
seals_check(const struct hpke_vector *v, struct pair *p)
{
	uint8_t aad[64], plain[64], cipher[128];
	struct bytes a, m, c;
	unsigned int sequence;
	size_t n = 0;

	for (sequence = 0; sequence <= 256; sequence++) {
		_cleanup_buf_ struct buf sealed = BUF_INIT;
		_cleanup_secret_ struct secret opened = SECRET_INIT;
		bool given = v->seals[n].sequence == sequence;

		a = HEX(v->seals[n].aad, aad);
		m = HEX(v->seals[n].plain, plain);
		c = HEX(v->seals[n].cipher, cipher);
		assert_int_equal(hpke_seal(p->sender, a, m, &sealed), ERR_OK);
		if (given)
			assert_true(bytes_equal(buf_bytes(&sealed), c));
		assert_int_equal(secret_alloc(&opened, 64), ERR_OK);
		assert_int_equal(hpke_open(p->recipient, a,
		    buf_bytes(&sealed), &opened), ERR_OK);
		assert_true(bytes_equal(secret_bytes(&opened), m));
		n += given ? 1 : 0;
	}
	assert_int_equal(n, COUNT(v->seals));
}

static void
test_vectors_seal(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(vectors); i++) {
		_cleanup_pair_ struct pair p = { NULL, NULL };

		pair_start(&vectors[i], &p);
		seals_check(&vectors[i], &p);
	}
}

/* Fresh ephemeral keys: both ends agree, and no two runs do. */
static void
test_round_trip(void **state)
{
	static const enum key_alg algs[] = { KEY_P256, KEY_X25519 };
	uint8_t private[32], enc[HPKE_ENC_MAX], keys[3][100];
	struct public_key public;
	size_t i, len;

	(void)state;
	for (i = 0; i < COUNT(algs); i++) {
		_cleanup_keygen_ struct keygen *keygen = NULL;
		_cleanup_pair_ struct pair p = { NULL, NULL };
		_cleanup_pair_ struct pair other = { NULL, NULL };

		assert_int_equal(keygen_new(algs[i], &keygen, NULL), ERR_OK);
		assert_int_equal(keygen_run(keygen, &public, private,
		    &len), ERR_OK);
		assert_int_equal(hpke_sender_new(&public, bytes_text("i"),
		    enc, &len, &other.sender, NULL), ERR_OK);
		assert_int_equal(hpke_sender_new(&public, bytes_text("i"),
		    enc, &len, &p.sender, NULL), ERR_OK);
		assert_int_equal(len, algs[i] == KEY_P256 ? 65 : 32);
		assert_int_equal(hpke_recipient_new(algs[i],
		    bytes_of(private, 32), bytes_of(enc, len),
		    bytes_text("i"), &p.recipient, NULL), ERR_OK);
		assert_int_equal(hpke_export(p.sender, bytes_text("x"),
		    keys[0], 100), ERR_OK);
		assert_int_equal(hpke_export(p.recipient, bytes_text("x"),
		    keys[1], 100), ERR_OK);
		assert_int_equal(hpke_export(other.sender, bytes_text("x"),
		    keys[2], 100), ERR_OK);
		assert_memory_equal(keys[0], keys[1], 100);
		assert_memory_not_equal(keys[0], keys[2], 100);
	}
}

/* One sender for recipient after recipient: each opens its own. */
static void
test_renew(void **state)
{
	static const enum key_alg algs[] = { KEY_P256, KEY_X25519, KEY_P256,
	    KEY_P256, KEY_X25519 };
	struct public_key bad = { .alg = KEY_P256, .len = 65 };
	uint8_t private[5][32], enc[5][HPKE_ENC_MAX], keys[3][32];
	struct bytes info = bytes_text("i");
	_cleanup_hpke_ struct hpke *sender = NULL;
	struct public_key public;
	size_t i, len = 0;

	(void)state;
	for (i = 0; i < COUNT(algs); i++) {
		_cleanup_keygen_ struct keygen *keygen = NULL;
		_cleanup_hpke_ struct hpke *own = NULL, *last = NULL;
		_cleanup_buf_ struct buf sealed = BUF_INIT;
		_cleanup_secret_ struct secret opened = SECRET_INIT;

		assert_int_equal(keygen_new(algs[i], &keygen, NULL), ERR_OK);
		assert_int_equal(keygen_run(keygen, &public, private[i],
		    &len), ERR_OK);
		assert_int_equal(hpke_sender_renew(&sender, &public, info,
		    enc[i], &len, NULL), ERR_OK);
		assert_int_equal(hpke_recipient_new(algs[i],
		    bytes_of(private[i], 32), bytes_of(enc[i], len), info,
		    &own, NULL), ERR_OK);
		assert_int_equal(hpke_export(sender, info, keys[0], 32),
		    ERR_OK);
		assert_int_equal(hpke_export(own, info, keys[1], 32), ERR_OK);
		assert_memory_equal(keys[0], keys[1], 32);
		/* its sequence begins anew */
		assert_int_equal(secret_alloc(&opened, 64), ERR_OK);
		assert_int_equal(hpke_seal(sender, info, info, &sealed),
		    ERR_OK);
		assert_int_equal(hpke_open(own, info, buf_bytes(&sealed),
		    &opened), ERR_OK);
		if (i == 0)
			continue;
		assert_int_equal(hpke_recipient_new(algs[i - 1],
		    bytes_of(private[i - 1], 32), bytes_of(enc[i - 1],
		    algs[i - 1] == KEY_P256 ? 65 : 32), info, &last, NULL),
		    ERR_OK);
		assert_int_equal(hpke_export(last, info, keys[2], 32),
		    ERR_OK);
		assert_memory_not_equal(keys[0], keys[2], 32);
	}
	assert_int_equal(hpke_sender_renew(&sender, &bad, info, enc[0], &len,
	    NULL), ERR_INVALID);
	assert_null(sender);
}

static void
test_open_refusals(void **state)
{
	_cleanup_pair_ struct pair p = { NULL, NULL };
	_cleanup_buf_ struct buf sealed = BUF_INIT;
	_cleanup_secret_ struct secret opened = SECRET_INIT;
	struct bytes aad = bytes_text("aad"), text = bytes_text("secret");
	size_t i;

	(void)state;
	pair_start(&vectors[0], &p);
	assert_int_equal(secret_alloc(&opened, 64), ERR_OK);
	assert_int_equal(hpke_seal(p.sender, aad, text, &sealed), ERR_OK);
	/* every bit counts, and a failure does not spend the number */
	for (i = 0; i < 8 * sealed.len; i++) {
		sealed.ptr[i / 8] ^= (uint8_t)(1 << (i % 8));
		assert_int_equal(hpke_open(p.recipient, aad,
		    buf_bytes(&sealed), &opened), ERR_AUTH);
		sealed.ptr[i / 8] ^= (uint8_t)(1 << (i % 8));
	}
	assert_int_equal(opened.len, 0);
	assert_int_equal(hpke_open(p.recipient, bytes_text("aae"),
	    buf_bytes(&sealed), &opened), ERR_AUTH);
	assert_int_equal(hpke_open(p.recipient, aad,
	    bytes_of(sealed.ptr, HPKE_TAG_SIZE - 1), &opened), ERR_AUTH);
	assert_int_equal(hpke_open(p.recipient, aad, buf_bytes(&sealed),
	    &opened), ERR_OK);
	/* replayed */
	assert_int_equal(hpke_open(p.recipient, aad, buf_bytes(&sealed),
	    &opened), ERR_AUTH);
	assert_int_equal(opened.len, text.len);
	/* a context works in one direction */
	assert_int_equal(hpke_open(p.sender, aad, buf_bytes(&sealed),
	    &opened), ERR_STATE);
	assert_int_equal(hpke_seal(p.recipient, aad, text, &sealed),
	    ERR_STATE);
}

static void
test_wrong_recipient(void **state)
{
	_cleanup_pair_ struct pair p = { NULL, NULL };
	_cleanup_buf_ struct buf sealed = BUF_INIT;
	_cleanup_secret_ struct secret opened = SECRET_INIT;
	_cleanup_hpke_ struct hpke *stranger = NULL;
	uint8_t sk[32], enc[65];

	(void)state;
	pair_start(&vectors[0], &p);
	/* the ephemeral key in the recipient's place */
	assert_int_equal(hpke_recipient_new(vectors[0].alg,
	    HEX(vectors[0].sk_e, sk), HEX(vectors[0].enc, enc), BYTES_NONE,
	    &stranger, NULL), ERR_OK);
	assert_int_equal(secret_alloc(&opened, 64), ERR_OK);
	assert_int_equal(hpke_seal(p.sender, BYTES_NONE, bytes_text("x"),
	    &sealed), ERR_OK);
	assert_int_equal(hpke_open(stranger, BYTES_NONE, buf_bytes(&sealed),
	    &opened), ERR_AUTH);
}

/* RFC 9180 7.1.4: keys that must not be used. */
static void
test_bad_keys(void **state)
{
	static const struct {
		enum key_alg	 alg;
		const char	*enc;
	} bad[] = {
		{ KEY_X25519,
		    "00000000000000000000000000000000000000000000000000000000"
		    "00000000" },
		{ KEY_X25519,
		    "01000000000000000000000000000000000000000000000000000000"
		    "00000000" },
		{ KEY_X25519,
		    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		    "ffffff7f" },
		{ KEY_X25519,
		    "00" },
		{ KEY_P256,
		    "00" },
		{ KEY_P256,
		    "04000000000000000000000000000000000000000000000000000000"
		    "00000000000000000000000000000000000000000000000000000000"
		    "000000000000000000" },
		{ KEY_P256,
		    "03000000000000000000000000000000000000000000000000000000"
		    "00000000000000000000000000000000000000000000000000000000"
		    "000000000000000000" },
	};
	struct hpke *hpke = NULL;
	struct public_key public = { .alg = KEY_ED25519, .len = 32 };
	uint8_t sk[32], enc[HPKE_ENC_MAX];
	struct diag diag = DIAG_INIT;
	size_t i, len;

	(void)state;
	memset(sk, 1, sizeof(sk));
	for (i = 0; i < COUNT(bad); i++) {
		assert_int_equal(hpke_recipient_new(bad[i].alg,
		    bytes_of(sk, 32), HEX(bad[i].enc, enc), BYTES_NONE, &hpke,
		    &diag), ERR_INVALID);
		public.alg = bad[i].alg;
		public.len = strlen(bad[i].enc) / 2;
		memcpy(public.raw, enc, public.len);
		assert_int_equal(hpke_sender_new(&public, BYTES_NONE, enc,
		    &len, &hpke, NULL), ERR_INVALID);
	}
	assert_non_null(strstr(diag.what, "encapsulated key"));
	assert_int_equal(hpke_recipient_new(KEY_ED25519, bytes_of(sk, 32),
	    bytes_of(sk, 32), BYTES_NONE, &hpke, NULL), ERR_INVALID);
	memset(sk, 0, sizeof(sk));
	assert_int_equal(hpke_recipient_new(KEY_P256, bytes_of(sk, 32),
	    bytes_of(sk, 32), BYTES_NONE, &hpke, NULL), ERR_INVALID);
	assert_null(hpke);
}

static void
test_export_limit(void **state)
{
	static uint8_t key[255 * 32 + 1];
	_cleanup_pair_ struct pair p = { NULL, NULL };

	(void)state;
	pair_start(&vectors[1], &p);
	assert_int_equal(hpke_export(p.sender, BYTES_NONE, key, 255 * 32),
	    ERR_OK);
	assert_int_equal(hpke_export(p.sender, BYTES_NONE, key,
	    sizeof(key)), ERR_LIMIT);
}

/* The GCM specification (McGrew, Viega), test case 16. */
static void
test_aead_vector(void **state)
{
	_cleanup_aead_ struct aead *aead = NULL;
	_cleanup_buf_ struct buf sealed = BUF_INIT;
	_cleanup_secret_ struct secret opened = SECRET_INIT;
	uint8_t key[32], nonce[12], aad[20], plain[60], want[76];
	struct bytes a, m, c;
	size_t round;

	(void)state;
	(void)HEX("feffe9928665731c6d6a8f9467308308"
	    "feffe9928665731c6d6a8f9467308308", key);
	(void)HEX("cafebabefacedbaddecaf888", nonce);
	a = HEX("feedfacedeadbeeffeedfacedeadbeefabaddad2", aad);
	m = HEX("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a31"
	    "8a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
	    plain);
	c = HEX("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555"
	    "d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
	    "76fc6ece0f4e1768cddf8853bb2d551b", want);
	assert_int_equal(aead_new(&aead, NULL), ERR_OK);
	assert_int_equal(secret_alloc(&opened, 120), ERR_OK);
	for (round = 1; round <= 2; round++) {
		buf_clear(&sealed);
		assert_int_equal(aead_seal(aead, key, nonce, a, m, &sealed),
		    ERR_OK);
		assert_true(bytes_equal(buf_bytes(&sealed), c));
		assert_int_equal(aead_open(aead, key, nonce, a, c, &opened),
		    ERR_OK);
		assert_int_equal(opened.len, round * m.len);
		assert_memory_equal(opened.ptr + (round - 1) * m.len, plain,
		    m.len);
	}
	/* no room left */
	assert_true(opened.len + m.len <= opened.cap ||
	    aead_open(aead, key, nonce, a, c, &opened) == ERR_LIMIT);
	/* nothing but a tag */
	buf_clear(&sealed);
	assert_int_equal(aead_seal(aead, key, nonce, a, BYTES_NONE, &sealed),
	    ERR_OK);
	assert_int_equal(sealed.len, HPKE_TAG_SIZE);
	secret_clear(&opened);
	assert_int_equal(aead_open(aead, key, nonce, a, buf_bytes(&sealed),
	    &opened), ERR_OK);
	assert_int_equal(opened.len, 0);
}

/* A refused text leaves nothing of its plaintext behind. */
static void
test_aead_wiped(void **state)
{
	static const uint8_t zeros[64];
	_cleanup_aead_ struct aead *aead = NULL;
	_cleanup_buf_ struct buf sealed = BUF_INIT;
	_cleanup_secret_ struct secret opened = SECRET_INIT;
	uint8_t key[32] = { 1 }, nonce[12] = { 0 }, plain[64];

	(void)state;
	memset(plain, 0x5a, sizeof(plain));
	assert_int_equal(aead_new(&aead, NULL), ERR_OK);
	assert_int_equal(aead_seal(aead, key, nonce, BYTES_NONE,
	    bytes_of(plain, sizeof(plain)), &sealed), ERR_OK);
	sealed.ptr[sealed.len - 1] ^= 1;
	assert_int_equal(secret_alloc(&opened, 64), ERR_OK);
	assert_int_equal(aead_open(aead, key, nonce, BYTES_NONE,
	    buf_bytes(&sealed), &opened), ERR_AUTH);
	assert_memory_equal(opened.ptr, zeros, sizeof(zeros));
	assert_int_equal(opened.len, 0);
}

/* RFC 9180 A.1.1, A.3.1: ikmE, pkEm. */
static void
test_derive(void **state)
{
	static const struct {
		enum key_alg	 alg;
		const char	*secret, *enc;
	} known[] = {
		{ KEY_X25519,
		    "7268600d403fce431561aef583ee1613527cff655c1343f29812e667"
		    "06df3234",
		    "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741"
		    "f1bf4431" },
		{ KEY_P256,
		    "4270e54ffd08d79d5928020af4686d8f6b7d35dbe470265f1f5aa228"
		    "16ce860e",
		    "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5"
		    "e67b325ac98536d7b61a1af4b78e5b7f951c0900be863c403ce65c9b"
		    "fcb9382657222d18c4" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(known); i++) {
		_cleanup_hpke_ struct hpke *sender = NULL;
		uint8_t secret[32], enc[HPKE_ENC_MAX], raw[65];
		struct public_key public;
		size_t len = 0;

		assert_int_equal(public_key_check(known[i].alg,
		    HEX(vectors[i].pk_r, raw), &public, NULL), ERR_OK);
		assert_int_equal(hpke_sender_derive(&public,
		    HEX(known[i].secret, secret), bytes_text("i"), enc, &len,
		    &sender, NULL), ERR_OK);
		assert_true(bytes_equal(bytes_of(enc, len),
		    HEX(known[i].enc, raw)));
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors_export),
		cmocka_unit_test(test_vectors_seal),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_derive),
		cmocka_unit_test(test_renew),
		cmocka_unit_test(test_open_refusals),
		cmocka_unit_test(test_wrong_recipient),
		cmocka_unit_test(test_bad_keys),
		cmocka_unit_test(test_export_limit),
		cmocka_unit_test(test_aead_vector),
		cmocka_unit_test(test_aead_wiped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
