/* Receipts: those of tests/vectors/make_receipts.py, and our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/log/receipt.h"
#include "tests/support/hex.h"

#define VECTORS		"tests/vectors/receipts.txt"
#define OCTETS_MAX	4096
#define FIELDS		5
#define CHUNK		100

struct outcome {
	const char	*name;
	enum err	 err;
	bool		 good;
};

static const struct outcome outcomes[] = {
	{ "good", ERR_OK, true },
	{ "bad", ERR_OK, false },
	{ "syntax", ERR_SYNTAX, false },
	{ "unsupported", ERR_UNSUPPORTED, false },
};

static bool
is_good(const struct receipt *r, const uint8_t *commitment,
    const struct public_key *key)
{
	_cleanup_verifier_ struct verifier *verifier = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	bool good = false;

	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(verifier_new(key, &verifier, NULL), ERR_OK);
	assert_int_equal(receipt_verify(r, commitment, verifier, key->alg,
	    sha256, &good), ERR_OK);
	return good;
}

/* name|outcome|key|commitment|receipt */
static void
vector_check(char *line)
{
	uint8_t raw[KEY_PUBLIC_MAX], commitment[SHA256_SIZE];
	static uint8_t octets[OCTETS_MAX];
	const struct outcome *o = outcomes;
	struct diag diag = DIAG_INIT;
	struct public_key key;
	char *field[FIELDS];
	struct receipt r;
	struct bytes input;
	enum err err;
	size_t i;

	line[strcspn(line, "\n")] = '\0';
	for (i = 0; i < FIELDS; i++) {
		field[i] = strsep(&line, "|");
		assert_non_null(field[i]);
	}
	while (strcmp(o->name, field[1]) != 0)
		assert_true(++o < outcomes +
		    sizeof(outcomes) / sizeof(outcomes[0]));
	assert_int_equal(public_key_check(KEY_P256, HEX(field[2], raw), &key,
	    NULL), ERR_OK);
	(void)HEX(field[3], commitment);
	input = HEX(field[4], octets);
	err = receipt_parse(input, &r, &diag);
	if (err != o->err || (err != ERR_OK && (diag.what[0] == '\0' ||
	    diag.code != err)))
		fail_msg("%s: %s expected, %s: %s", field[0], o->name,
		    err_name(err), diag.what);
	if (err == ERR_OK && is_good(&r, commitment, &key) != o->good)
		fail_msg("%s: %s expected", field[0], o->name);
}

static void
test_vectors(void **state)
{
	FILE *file = fopen(VECTORS, "r");
	char *line = NULL;
	size_t size = 0, count = 0;

	(void)state;
	assert_non_null(file);
	for (; getline(&line, &size, file) > 0; count++)
		vector_check(line);
	assert_true(count > 120);
	free(line);
	assert_int_equal(fclose(file), 0);
}

/* A chunk of our own, signed. */
struct chunk {
	struct public_key	 key;
	struct signer		*signer;
	struct sha256		*sha256;
	uint8_t			 commitments[CHUNK][SHA256_SIZE];
	struct subtree		 tree;
	struct buf		 protected;
	struct receipt_chunk	 about;
	uint8_t			 sig[SIGNATURE_SIZE];
};

static void
chunk_leaf(struct chunk *c, size_t i, uint8_t ret_leaf[SHA256_SIZE])
{
	_cleanup_buf_ struct buf entry = BUF_INIT;

	assert_int_equal(sha256_once(bytes_of(&i, sizeof(i)),
	    c->commitments[i]), ERR_OK);
	log_entry_put(&entry, LOG_ENTRY_IDENTITY, c->about.first + i,
	    c->about.evidence, bytes_of(c->commitments[i], SHA256_SIZE));
	assert_int_equal(merkle_leaf(c->sha256, buf_bytes(&entry), ret_leaf),
	    ERR_OK);
}

static int
chunk_new(void **state)
{
	_cleanup_secret_ struct secret private = SECRET_INIT;
	struct chunk *c = calloc(1, sizeof(*c));
	uint8_t leaves[CHUNK * SHA256_SIZE], kid[COSE_KID_SIZE];
	size_t i;

	assert_non_null(c);
	c->about = (struct receipt_chunk){ .first = 5000, .size = CHUNK,
	    .evidence = EVIDENCE_ORDER };
	c->protected.limit = BUF_LIMIT_DEFAULT;
	assert_int_equal(sha256_new(&c->sha256, NULL), ERR_OK);
	assert_int_equal(key_pair_make(KEY_P256, &c->key, &private, NULL),
	    ERR_OK);
	assert_int_equal(signer_new(KEY_P256, secret_bytes(&private),
	    &c->signer, NULL), ERR_OK);
	assert_int_equal(cose_key_thumbprint(&c->key, kid), ERR_OK);
	for (i = 0; i < CHUNK; i++)
		chunk_leaf(c, i, leaves + i * SHA256_SIZE);
	assert_int_equal(subtree_build(&c->tree, c->sha256, leaves, CHUNK),
	    ERR_OK);
	receipt_put_protected(&c->protected, bytes_of(kid, sizeof(kid)),
	    &c->about);
	assert_int_equal(receipt_sign(c->signer, buf_bytes(&c->protected),
	    subtree_root(&c->tree), c->sig), ERR_OK);
	*state = c;
	return 0;
}

static int
chunk_free(void **state)
{
	struct chunk *c = *state;

	signer_free(&c->signer);
	sha256_free(&c->sha256);
	subtree_release(&c->tree);
	buf_release(&c->protected);
	free(c);
	return 0;
}

static void
test_round_trip(void **state)
{
	struct chunk *c = *state;
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct receipt r;
	uint32_t i;

	for (i = 0; i < CHUNK; i++) {
		buf_clear(&out);
		receipt_put(&out, buf_bytes(&c->protected), &c->tree, i,
		    c->sig);
		assert_int_equal(buf_err(&out), ERR_OK);
		assert_int_equal(receipt_parse(buf_bytes(&out), &r, NULL),
		    ERR_OK);
		assert_int_equal(r.chunk.first, 5000);
		assert_int_equal(r.chunk.size, CHUNK);
		assert_int_equal(r.chunk.evidence, EVIDENCE_ORDER);
		assert_int_equal(r.leaf, i);
		assert_int_equal(receipt_index(&r), 5000 + i);
		assert_true(is_good(&r, c->commitments[i], &c->key));
		assert_false(is_good(&r, c->commitments[(i + 1) % CHUNK],
		    &c->key));
	}
}

/* One octet of a receipt stands for one thing: no other one is good. */
static void
test_every_octet(void **state)
{
	struct chunk *c = *state;
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct receipt r;
	size_t i;

	receipt_put(&out, buf_bytes(&c->protected), &c->tree, 98, c->sig);
	assert_int_equal(buf_err(&out), ERR_OK);
	for (i = 0; i < out.len; i++) {
		out.ptr[i] ^= (uint8_t)(1 << i % 8);
		if (receipt_parse(buf_bytes(&out), &r, NULL) == ERR_OK &&
		    is_good(&r, c->commitments[98], &c->key))
			fail_msg("good with octet %zu altered", i);
		out.ptr[i] ^= (uint8_t)(1 << i % 8);
	}
	for (i = 0; i < out.len; i++)
		assert_int_not_equal(receipt_parse(bytes_of(out.ptr, i), &r,
		    NULL), ERR_OK);
}

static void
test_check_root(void **state)
{
	_cleanup_verifier_ struct verifier *verifier = NULL;
	struct chunk *c = *state;
	uint8_t root[SHA256_SIZE];
	bool good = false;

	memcpy(root, subtree_root(&c->tree), sizeof(root));
	assert_int_equal(verifier_new(&c->key, &verifier, NULL), ERR_OK);
	assert_int_equal(receipt_check_root(buf_bytes(&c->protected), root,
	    c->sig, verifier, c->sha256, &good), ERR_OK);
	assert_true(good);
	root[0] ^= 1;
	assert_int_equal(receipt_check_root(buf_bytes(&c->protected), root,
	    c->sig, verifier, c->sha256, &good), ERR_OK);
	assert_false(good);
}

static void
test_too_long(void **state)
{
	uint8_t octets[RECEIPT_SIZE_MAX + 1] = { 0 };
	struct receipt r;

	(void)state;
	assert_int_equal(receipt_parse(bytes_of(octets, sizeof(octets)), &r,
	    NULL), ERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_every_octet),
		cmocka_unit_test(test_check_root),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, chunk_new, chunk_free);
}
