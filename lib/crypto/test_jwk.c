#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/crypto/jwk.h"
#include "tests/support/hex.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	enum key_alg	 alg;
	const char	*raw;
	const char	*jwk;
	const char	*thumbprint;	/* RFC 7638; NULL: none published */
} rows[] = {
	/* RFC 7517 A.1 */
	{ KEY_P256, "04"
	    "30a0424cd21c2944838a2d75c92b37e76ea20d9f00893a3b4eee8a3c0aafec3e"
	    "e04b65e92456d9888b52b379bdfbd51ee869ef1f0fc65b6659695b6cce081723",
	    "{\"crv\":\"P-256\",\"kty\":\"EC\","
	    "\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
	    "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}",
	    NULL },
	/* RFC 8037 A.2, A.3 */
	{ KEY_ED25519,
	    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
	    "{\"crv\":\"Ed25519\",\"kty\":\"OKP\","
	    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
	    "90facafea9b1556698540f70c0117a22ea37bd5cf3ed3c47093c1707282b4b89" },
	/* RFC 8037 A.6 */
	{ KEY_X25519,
	    "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
	    "{\"crv\":\"X25519\",\"kty\":\"OKP\","
	    "\"x\":\"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08\"}",
	    NULL },
};

static void
key_fill(size_t row, struct public_key *ret_key)
{
	*ret_key = (struct public_key){ .alg = rows[row].alg };
	assert_int_equal(hex_decode(rows[row].raw, ret_key->raw,
	    sizeof(ret_key->raw), &ret_key->len), ERR_OK);
}

static void
test_published(void **state)
{
	uint8_t digest[SHA256_SIZE], expected[SHA256_SIZE];
	struct public_key key;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;

		key_fill(i, &key);
		assert_int_equal(jwk_put(&b, &key), ERR_OK);
		assert_string_equal(buf_text(&b), rows[i].jwk);
		if (rows[i].thumbprint == NULL)
			continue;
		assert_int_equal(sha256_once(buf_bytes(&b), digest), ERR_OK);
		assert_int_equal(HEX(rows[i].thumbprint, expected).len,
		    SHA256_SIZE);
		assert_memory_equal(digest, expected, SHA256_SIZE);
	}
}

static void
test_refused(void **state)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	_cleanup_buf_ struct buf small = { .limit = 8 };
	struct public_key key;

	(void)state;
	key_fill(0, &key);
	assert_int_equal(jwk_put(&small, &key), ERR_LIMIT);
	key.len--;
	assert_int_equal(jwk_put(&b, &key), ERR_UNSUPPORTED);
	key.alg = (enum key_alg)99;
	assert_int_equal(jwk_put(&b, &key), ERR_UNSUPPORTED);
	assert_int_equal(b.len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
