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
	/* RFC 7638 3.1 */
	{ KEY_RSA2048,
	    "d2fc7b6a0a1e6c67104aeb8f88b257669b4df679ddad099b5c4a6cd9a88015b5"
	    "a133bf0b856c7871b6df000b554fceb3c2ed512bb68f145c6e8434752fab52a1"
	    "cfc124408f79b58a4578c16428855789f7a249e384cb2d9fae2d67fd96fb926c"
	    "198e077399fdc815c0af097dde5aadeff44de70e827f4878432439bfeeb96068"
	    "d0474fc50d6d90bf3a98dfaf1040c89c02d692ab3b3c2896609d86fd73b774ce"
	    "0740647ceeeaa310bd12f985a8eb9f59fdd426cea5b2120f4f2a34bcab764b7e"
	    "6c54d6840238bcc40587a59e66ed1f33894577635c470af75cf92c20d1da43e1"
	    "bfc419e222a6f0d0bb358c5e38f9cb050aeafe904814f1ac1aa49cca9ea0ca83",
	    "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\""
	    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtV"
	    "T86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64t"
	    "Z_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2Q"
	    "vzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbO"
	    "pbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_"
	    "xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
	    "\"}",
	    "3736cbb1787cb8309c77ee8c3705c5e16ffb9e859715901f1e4c59b11182f57b" },
	/* the key of RFC 6979 A.2.6 */
	{ KEY_P384,
	    "04ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c"
	    "64def8f0ea9055866064a254515480bc138015d9b72d7d57244ea8ef9ac0c621"
	    "896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd25332647"
	    "20",
	    "{\"crv\":\"P-384\",\"kty\":\"EC\",\"x\":\""
	    "7DpOQVtOGaRWhhgCn0J_pdqai8SukuAuBqrlKGswDGTe-PDqkFWGYGSiVFFU"
	    "gLwT"
	    "\",\"y\":\""
	    "gBXZty19VyROqO-awMYhiWcIpZNn-d-59UyoSz8cnbEoiyMcOuDU_nNE_SUz"
	    "Jkcg"
	    "\"}",
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
