#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/crypto/scrypt.h"

/* RFC 7914 12; the first 32 of its 64 octets, which do not depend on the
 * length asked for. The last one, 1 GiB of memory, is beyond our limit. */
static const struct {
	const char	*passphrase, *salt;
	uint64_t	 n;
	uint32_t	 r, p;
	const char	*key;
} vectors[] = {
	{ "", "", 16, 1, 1,
	    "77d6576238657b203b19ca42c18a0497"
	    "f16b4844e3074ae8dfdffa3fede21442" },
	{ "password", "NaCl", 1024, 8, 16,
	    "fdbabe1c9d3472007856e7190d01e9fe"
	    "7c6ad7cbc8237830e77376634b373162" },
	{ "pleaseletmein", "SodiumChloride", 16384, 8, 1,
	    "7023bdcb3afd7348461c06cd81fd38eb"
	    "fda8fbba904f8e3ea9b543f6545da1f2" },
};

static void
test_vectors(void **state)
{
	uint8_t expected[SCRYPT_KEY_SIZE];
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		_cleanup_secret_ struct secret key = SECRET_INIT;

		assert_int_equal(hex_decode(vectors[i].key, expected,
		    sizeof(expected), &len), ERR_OK);
		assert_int_equal(scrypt_derive(
		    bytes_text(vectors[i].passphrase),
		    bytes_text(vectors[i].salt), vectors[i].n, vectors[i].r,
		    vectors[i].p, &key, NULL), ERR_OK);
		assert_int_equal(key.len, SCRYPT_KEY_SIZE);
		assert_memory_equal(key.ptr, expected, sizeof(expected));
	}
}

static void
test_refused_parameters(void **state)
{
	static const struct {
		uint64_t	n;
		uint32_t	r, p;
	} bad[] = {
		{ 0, 8, 1 }, { 1, 8, 1 }, { 1000, 8, 1 }, { 1024, 0, 1 },
		{ 1024, 8, 0 }, { UINT64_C(1) << 19, 8, 1 },
		{ UINT64_C(1) << 63, 1, 1 }, { 2, UINT32_MAX, 1 },
		{ 2, 1, UINT32_MAX }, { 2, 1 << 15, 1 << 15 },
		{ 2, 1 << 14, 1 << 15 },
	};
	struct secret key = SECRET_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct diag diag = DIAG_INIT;

		assert_int_equal(scrypt_derive(bytes_text("p"),
		    bytes_text("s"), bad[i].n, bad[i].r, bad[i].p, &key,
		    &diag), ERR_INVALID);
		assert_int_equal(diag.code, ERR_INVALID);
		assert_null(key.ptr);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_refused_parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
