#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/crypto/hpke.h"
#include "lib/crypto/scrypt.h"
#include "lib/keystore/keystore.h"

#define PASSPHRASE	"correct horse battery staple"
#define HEADER_SIZE	56
#define AT_LOG2_N	9
#define AT_SALT		12
#define AT_NONCE	44

struct place {
	char	dir[64];
	char	path[PATH_SIZE];
};

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/test-keystore-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	assert_int_equal(path_join(p->path, p->dir, "keys"), ERR_OK);
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	(void)unlink(p->path);
	(void)rmdir(p->dir);
	free(p);
	return 0;
}

static enum err
open_with(const char *path, const char *passphrase, struct keystore **ret)
{
	struct diag diag = DIAG_INIT;
	enum err err;

	err = keystore_file_open(io_posix(), path, bytes_text(passphrase),
	    ret, &diag);
	assert_int_equal(err, diag.code);
	assert_true(err == ERR_OK || diag.what[0] != '\0');
	return err;
}

static void
create_with(const char *path, struct keystore **ret)
{
	assert_int_equal(keystore_file_create(io_posix(), path,
	    bytes_text(PASSPHRASE), ret, NULL), ERR_OK);
}

/* A store of a few keys, saved. */
static void
sample_save(const char *path)
{
	_cleanup_keystore_ struct keystore *k = NULL;

	create_with(path, &k);
	assert_int_equal(keystore_generate(k, "root", KEY_P256, NULL), ERR_OK);
	assert_int_equal(keystore_generate(k, "log", KEY_ED25519, NULL),
	    ERR_OK);
	assert_int_equal(keystore_generate_secret(k, "index.1", 32, NULL),
	    ERR_OK);
	assert_int_equal(keystore_save(k, NULL), ERR_OK);
}

static void
file_read(const char *path, struct buf *b)
{
	assert_int_equal(io_read_file(io_posix(), path, b, NULL), ERR_OK);
}

static void
file_replace(const char *path, struct bytes content)
{
	assert_int_equal(io_write_file(io_posix(), path, content, 0600, NULL),
	    ERR_OK);
}

/* The same content under log2 N = 10, so that many openings take no time. */
static void
file_cheapen(const char *path)
{
	_cleanup_secret_ struct secret old = SECRET_INIT, new = SECRET_INIT;
	_cleanup_secret_ struct secret content = SECRET_INIT;
	_cleanup_buf_ struct buf file = BUF_INIT, out = BUF_INIT;
	_cleanup_aead_ struct aead *aead = NULL;
	struct bytes salt;

	file_read(path, &file);
	salt = bytes_of(file.ptr + AT_SALT, 32);
	assert_int_equal(scrypt_derive(bytes_text(PASSPHRASE), salt, 32768, 8,
	    1, &old, NULL), ERR_OK);
	assert_int_equal(scrypt_derive(bytes_text(PASSPHRASE), salt, 1024, 8,
	    1, &new, NULL), ERR_OK);
	assert_int_equal(aead_new(&aead, NULL), ERR_OK);
	assert_int_equal(secret_alloc(&content, file.len), ERR_OK);
	assert_int_equal(aead_open(aead, old.ptr, file.ptr + AT_NONCE,
	    bytes_of(file.ptr, HEADER_SIZE), bytes_of(file.ptr + HEADER_SIZE,
	    file.len - HEADER_SIZE), &content), ERR_OK);
	file.ptr[AT_LOG2_N] = 10;
	buf_put(&out, file.ptr, HEADER_SIZE);
	assert_int_equal(aead_seal(aead, new.ptr, file.ptr + AT_NONCE,
	    bytes_of(file.ptr, HEADER_SIZE), secret_bytes(&content), &out),
	    ERR_OK);
	file_replace(path, buf_bytes(&out));
}

static void
test_save_and_reopen(void **state)
{
	static const char *const pairs[] = { "root", "ca", "log", "sealing" };
	static const enum key_alg algs[] = { KEY_P256, KEY_P256, KEY_ED25519,
		KEY_X25519 };
	_cleanup_keystore_ struct keystore *a = NULL, *b = NULL;
	_cleanup_secret_ struct secret sa = SECRET_INIT, sb = SECRET_INIT;
	struct public_key pa, pb;
	struct place *p = *state;
	struct stat st;
	size_t i;

	create_with(p->path, &a);
	for (i = 0; i < 4; i++)
		assert_int_equal(keystore_generate(a, pairs[i], algs[i], NULL),
		    ERR_OK);
	assert_int_equal(keystore_generate_secret(a, "index", 32, NULL),
	    ERR_OK);
	assert_false(io_exists(io_posix(), p->path));
	assert_int_equal(keystore_save(a, NULL), ERR_OK);
	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(open_with(p->path, PASSPHRASE, &b), ERR_OK);
	for (i = 0; i < 4; i++) {
		assert_int_equal(keystore_public(a, pairs[i], &pa, NULL),
		    ERR_OK);
		assert_int_equal(keystore_public(b, pairs[i], &pb, NULL),
		    ERR_OK);
		assert_int_equal(pb.alg, algs[i]);
		assert_true(bytes_equal(bytes_of(pa.raw, pa.len),
		    bytes_of(pb.raw, pb.len)));
	}
	assert_int_equal(keystore_secret(a, "index", &sa, NULL), ERR_OK);
	assert_int_equal(keystore_secret(b, "index", &sb, NULL), ERR_OK);
	assert_int_equal(sb.len, 32);
	assert_true(secret_equal(secret_bytes(&sa), secret_bytes(&sb)));
}

static void
test_later_saves(void **state)
{
	_cleanup_keystore_ struct keystore *a = NULL, *b = NULL, *c = NULL;
	_cleanup_buf_ struct buf first = BUF_INIT, second = BUF_INIT;
	struct place *p = *state;
	struct public_key key;
	size_t i, same;

	sample_save(p->path);
	file_read(p->path, &first);
	assert_int_equal(open_with(p->path, PASSPHRASE, &a), ERR_OK);
	assert_int_equal(keystore_generate(a, "a-much-longer-label.than.others",
	    KEY_P256, NULL), ERR_OK);
	/* not there for others before it is saved */
	assert_int_equal(open_with(p->path, PASSPHRASE, &b), ERR_OK);
	assert_int_equal(keystore_public(b, "a-much-longer-label.than.others",
	    &key, NULL), ERR_NOTFOUND);
	assert_int_equal(keystore_save(a, NULL), ERR_OK);
	assert_int_equal(open_with(p->path, PASSPHRASE, &c), ERR_OK);
	assert_int_equal(keystore_public(c, "a-much-longer-label.than.others",
	    &key, NULL), ERR_OK);
	assert_int_equal(keystore_public(c, "root", &key, NULL), ERR_OK);
	/* a fresh salt and nonce: hardly an octet of them stays */
	file_read(p->path, &second);
	same = 0;
	for (i = AT_SALT; i < HEADER_SIZE; i++)
		same += first.ptr[i] == second.ptr[i];
	assert_true(same < 8);
}

static void
test_create_does_not_overwrite(void **state)
{
	_cleanup_keystore_ struct keystore *k = NULL, *old = NULL;
	struct place *p = *state;
	struct diag diag = DIAG_INIT;

	sample_save(p->path);
	create_with(p->path, &k);
	assert_int_equal(keystore_save(k, &diag), ERR_EXISTS);
	assert_int_equal(diag.code, ERR_EXISTS);
	assert_int_equal(open_with(p->path, PASSPHRASE, &old), ERR_OK);
}

static void
test_signers_work(void **state)
{
	_cleanup_verifier_ struct verifier *verifier = NULL;
	_cleanup_keystore_ struct keystore *k = NULL;
	_cleanup_signer_ struct signer *signer = NULL;
	const struct bytes message = bytes_text("to be signed");
	uint8_t sig[SIGNATURE_SIZE];
	struct place *p = *state;
	struct public_key key;
	bool good = false;

	sample_save(p->path);
	assert_int_equal(open_with(p->path, PASSPHRASE, &k), ERR_OK);
	assert_int_equal(keystore_public(k, "root", &key, NULL), ERR_OK);
	assert_int_equal(keystore_signer(k, "root", &signer, NULL), ERR_OK);
	keystore_free(&k);
	/* independent of the keystore's life */
	assert_int_equal(signer_sign(signer, message, sig), ERR_OK);
	assert_int_equal(verifier_new(&key, &verifier, NULL), ERR_OK);
	assert_int_equal(verifier_check(verifier, message,
	    bytes_of(sig, sizeof(sig)), &good), ERR_OK);
	assert_true(good);
	sig[5] ^= 1;
	assert_int_equal(verifier_check(verifier, message,
	    bytes_of(sig, sizeof(sig)), &good), ERR_OK);
	assert_false(good);
}

static void
test_labels(void **state)
{
	static const char too_long[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	static const char *const bad[] = { "", "Root", "a b", "a/b",
		"k\xc3\xa4", too_long };
	_cleanup_keystore_ struct keystore *k = NULL;
	struct place *p = *state;
	struct public_key key;
	size_t i;

	create_with(p->path, &k);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(keystore_generate(k, bad[i], KEY_P256, NULL),
		    ERR_INVALID);
		assert_int_equal(keystore_generate_secret(k, bad[i], 32, NULL),
		    ERR_INVALID);
		assert_int_equal(keystore_public(k, bad[i], &key, NULL),
		    ERR_INVALID);
	}
	assert_int_equal(keystore_generate(k, too_long + 1, KEY_P256, NULL),
	    ERR_OK);
	assert_int_equal(keystore_generate(k, "root", KEY_P256, NULL), ERR_OK);
	assert_int_equal(keystore_generate(k, "root", KEY_P256, NULL),
	    ERR_EXISTS);
	assert_int_equal(keystore_generate_secret(k, "root", 32, NULL),
	    ERR_EXISTS);
	assert_int_equal(keystore_public(k, "roo", &key, NULL), ERR_NOTFOUND);
	assert_int_equal(keystore_public(k, "rooz", &key, NULL), ERR_NOTFOUND);
}

static void
test_kinds_stay_apart(void **state)
{
	_cleanup_secret_ struct secret secret = SECRET_INIT;
	_cleanup_keystore_ struct keystore *k = NULL;
	_cleanup_signer_ struct signer *signer = NULL;
	struct place *p = *state;
	struct public_key key;

	create_with(p->path, &k);
	assert_int_equal(keystore_generate(k, "pair", KEY_P256, NULL), ERR_OK);
	assert_int_equal(keystore_generate(k, "seal", KEY_X25519, NULL),
	    ERR_OK);
	assert_int_equal(keystore_generate_secret(k, "secret", 64, NULL),
	    ERR_OK);
	/* a private key cannot be read out */
	assert_int_equal(keystore_secret(k, "pair", &secret, NULL),
	    ERR_INVALID);
	assert_int_equal(keystore_public(k, "secret", &key, NULL),
	    ERR_INVALID);
	assert_int_equal(keystore_signer(k, "secret", &signer, NULL),
	    ERR_INVALID);
	assert_int_equal(keystore_signer(k, "seal", &signer, NULL),
	    ERR_INVALID);
	assert_int_equal(keystore_generate_secret(k, "none", 0, NULL),
	    ERR_INVALID);
	assert_int_equal(keystore_generate_secret(k, "long",
	    KEYSTORE_SECRET_MAX + 1, NULL), ERR_INVALID);
	assert_int_equal(keystore_generate(k, "odd", (enum key_alg)9, NULL),
	    ERR_INVALID);
	assert_null(signer);
	assert_null(secret.ptr);
}

/* As many keys as fit, with the longest labels and values. */
static void
test_full_store(void **state)
{
	_cleanup_keystore_ struct keystore *k = NULL, *again = NULL;
	_cleanup_secret_ struct secret secret = SECRET_INIT;
	struct place *p = *state;
	char label[KEYSTORE_LABEL_MAX + 1];
	int i;

	create_with(p->path, &k);
	for (i = KEYSTORE_KEYS_MAX - 1; i >= 0; i--) {
		(void)snprintf(label, sizeof(label), "%0*d",
		    KEYSTORE_LABEL_MAX, i);
		assert_int_equal(keystore_generate_secret(k, label,
		    KEYSTORE_SECRET_MAX, NULL), ERR_OK);
	}
	assert_int_equal(keystore_generate_secret(k, "one-more", 32, NULL),
	    ERR_LIMIT);
	assert_int_equal(keystore_generate(k, "one-more", KEY_P256, NULL),
	    ERR_LIMIT);
	assert_int_equal(keystore_save(k, NULL), ERR_OK);
	assert_int_equal(open_with(p->path, PASSPHRASE, &again), ERR_OK);
	assert_int_equal(keystore_secret(again, label, &secret, NULL), ERR_OK);
	assert_int_equal(secret.len, KEYSTORE_SECRET_MAX);
}

static void
test_passphrases(void **state)
{
	struct keystore *k = NULL;
	struct place *p = *state;

	assert_int_equal(keystore_file_create(io_posix(), p->path,
	    BYTES_NONE, &k, NULL), ERR_INVALID);
	assert_int_equal(open_with(p->path, PASSPHRASE, &k), ERR_NOTFOUND);
	sample_save(p->path);
	assert_int_equal(open_with(p->path, "", &k), ERR_INVALID);
	assert_int_equal(open_with(p->path, PASSPHRASE " ", &k), ERR_AUTH);
	assert_int_equal(open_with(p->path, "c", &k), ERR_AUTH);
	assert_null(k);
}

static void
test_every_flipped_bit(void **state)
{
	_cleanup_buf_ struct buf file = BUF_INIT;
	struct keystore *k = NULL;
	struct place *p = *state;
	enum err err, expected;
	size_t i;

	sample_save(p->path);
	file_cheapen(p->path);
	assert_int_equal(open_with(p->path, PASSPHRASE, &k), ERR_OK);
	keystore_free(&k);
	file_read(p->path, &file);
	for (i = 0; i < file.len; i++) {
		file.ptr[i] ^= (uint8_t)(1 << (i % 8));
		file_replace(p->path, buf_bytes(&file));
		err = open_with(p->path, PASSPHRASE, &k);
		expected = i < 8 ? ERR_SYNTAX : i == 8 ? ERR_VERSION : ERR_AUTH;
		/* parameters: out of bounds, or another key */
		if (i >= AT_LOG2_N && i < AT_SALT && err == ERR_SYNTAX)
			expected = ERR_SYNTAX;
		assert_int_equal(err, expected);
		assert_null(k);
		file.ptr[i] ^= (uint8_t)(1 << (i % 8));
	}
}

static void
test_every_truncation(void **state)
{
	_cleanup_buf_ struct buf file = BUF_INIT;
	struct keystore *k = NULL;
	struct place *p = *state;
	enum err err;
	size_t len;

	sample_save(p->path);
	file_cheapen(p->path);
	file_read(p->path, &file);
	for (len = 0; len < file.len; len++) {
		file_replace(p->path, bytes_of(file.ptr, len));
		err = open_with(p->path, PASSPHRASE, &k);
		assert_int_equal(err, len < HEADER_SIZE + HPKE_TAG_SIZE ?
		    ERR_SYNTAX : ERR_AUTH);
	}
	buf_put_u8(&file, 0);
	file_replace(p->path, buf_bytes(&file));
	assert_int_equal(open_with(p->path, PASSPHRASE, &k), ERR_AUTH);
	/* no keystore is that long */
	assert_non_null(buf_extend(&file, 1 << 20));
	memset(file.ptr, 0, file.len);
	file_replace(p->path, buf_bytes(&file));
	assert_int_equal(open_with(p->path, PASSPHRASE, &k), ERR_LIMIT);
	assert_null(k);
}

static void
test_costly_parameters(void **state)
{
	static const uint8_t params[][3] = { { 19, 8, 1 }, { 63, 8, 1 },
		{ 64, 8, 1 }, { 255, 255, 255 }, { 15, 9, 1 }, { 15, 255, 1 },
		{ 15, 8, 5 }, { 15, 8, 255 }, { 9, 8, 1 }, { 0, 8, 1 },
		{ 15, 0, 1 }, { 15, 8, 0 } };
	_cleanup_buf_ struct buf file = BUF_INIT;
	struct keystore *k = NULL;
	struct place *p = *state;
	int64_t start;
	size_t i;

	sample_save(p->path);
	file_read(p->path, &file);
	start = time_monotonic_ns();
	for (i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
		memcpy(file.ptr + AT_LOG2_N, params[i], 3);
		file_replace(p->path, buf_bytes(&file));
		assert_int_equal(open_with(p->path, PASSPHRASE, &k),
		    ERR_SYNTAX);
	}
	/* refused before the work: the least of them would take longer */
	assert_true(time_monotonic_ns() - start < INT64_C(2000000000));
	assert_null(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_save_and_reopen),
		TEST(test_later_saves),
		TEST(test_create_does_not_overwrite),
		TEST(test_signers_work),
		TEST(test_labels),
		TEST(test_kinds_stay_apart),
		TEST(test_full_store),
		TEST(test_passphrases),
		TEST(test_every_flipped_bit),
		TEST(test_every_truncation),
		TEST(test_costly_parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
