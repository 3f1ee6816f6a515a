#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/x509/certificate.h"

#define BEGIN	"-----BEGIN CERTIFICATE-----\n"
#define END	"-----END CERTIFICATE-----\n"

static void
test_written(void **state)
{
	_cleanup_buf_ struct buf pem = BUF_INIT;
	uint8_t der[49];

	(void)state;
	memset(der, 'a', sizeof(der));
	pem_put(&pem, "CERTIFICATE", bytes_of(der, sizeof(der)));
	assert_string_equal(buf_text(&pem), BEGIN
	    "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh\n"
	    "YQ==\n" END);
}

static void
test_round_trip(void **state)
{
	uint8_t der[200];
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(der); i++)
		der[i] = (uint8_t)(i * 7);
	for (len = 1; len <= sizeof(der); len++) {
		_cleanup_buf_ struct buf pem = BUF_INIT, out = BUF_INIT;

		pem_put(&pem, "CERTIFICATE", bytes_of(der, len));
		assert_int_equal(pem_get_all(buf_bytes(&pem), "CERTIFICATE",
		    &out, NULL), ERR_OK);
		assert_int_equal(out.len, 4 + len);
		assert_int_equal(get_be32(out.ptr), len);
		assert_memory_equal(out.ptr + 4, der, len);
	}
}

static void
test_several_blocks(void **state)
{
	static const char text[] = "subject=CN = Root\r\n\r\n"
	    "-----BEGIN CERTIFICATE-----\r\nAQI=\r\n"
	    "-----END CERTIFICATE-----\r\n"
	    "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
	    "more words\n" BEGIN "AwQF\n-----END CERTIFICATE-----";
	static const uint8_t expected[] = { 0, 0, 0, 2, 1, 2, 0, 0, 0, 3, 3, 4,
		5 };
	_cleanup_buf_ struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(pem_get_all(bytes_text(text), "CERTIFICATE", &out,
	    NULL), ERR_OK);
	assert_true(bytes_equal(buf_bytes(&out), bytes_of(expected,
	    sizeof(expected))));
}

static void
test_refused(void **state)
{
	static const struct {
		const char	*text;
		enum err	 err;
	} bad[] = {
		{ "", ERR_NOTFOUND },
		{ "AQID\n", ERR_NOTFOUND },
		{ "-----BEGIN X509 CRL-----\nAQID\n-----END X509 CRL-----\n",
		    ERR_NOTFOUND },
		{ BEGIN "AQID\n", ERR_SYNTAX },
		{ BEGIN END, ERR_SYNTAX },
		{ BEGIN "\n" END, ERR_SYNTAX },
		{ BEGIN "AQI\n" END, ERR_SYNTAX },
		{ BEGIN "AQID?\n" END, ERR_SYNTAX },
		{ BEGIN "Proc-Type: 4,ENCRYPTED\n\nAQID\n" END, ERR_SYNTAX },
		{ BEGIN "AQID\n" BEGIN "AQID\n" END, ERR_SYNTAX },
		{ BEGIN "AQID\n" END BEGIN "AQID\n", ERR_SYNTAX },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;
		struct diag diag = DIAG_INIT;

		assert_int_equal(pem_get_all(bytes_text(bad[i].text),
		    "CERTIFICATE", &out, &diag), bad[i].err);
		assert_int_equal(diag.code, bad[i].err);
	}
}

static void
test_limit(void **state)
{
	_cleanup_buf_ struct buf out = { .limit = 6 };

	(void)state;
	assert_int_equal(pem_get_all(bytes_text(BEGIN "AQID\n" END),
	    "CERTIFICATE", &out, NULL), ERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_several_blocks),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
