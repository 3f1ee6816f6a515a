#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/proto/est.h"
#include "lib/x509/cms.h"

static void
test_paths(void **state)
{
	char label[EST_LABEL_MAX + 1] = "x";

	(void)state;
	assert_int_equal(est_path(bytes_text("/.well-known/est/cacerts"),
	    label), EST_CACERTS);
	assert_string_equal(label, "");
	assert_int_equal(est_path(bytes_text(
	    "/.well-known/est/camera/simplereenroll"), label),
	    EST_SIMPLEREENROLL);
	assert_string_equal(label, "camera");
	assert_int_equal(est_path(bytes_text(
	    "/.well-known/est/a/csrattrs"), label), EST_CSRATTRS);
	assert_int_equal(est_path(bytes_text(
	    "/.well-known/est/serverkeygen"), label), EST_SERVERKEYGEN);
}

static void
test_no_paths(void **state)
{
	static const char *const paths[] = { "", "/", "/.well-known/est",
		"/.well-known/est/", "/.well-known/est//cacerts",
		"/.well-known/est/cacerts/", "/.well-known/est/cacert",
		"/.well-known/est/CACERTS", "/.well-known/est/a/b/cacerts",
		"/.well-known/est/cacerts/cacerts", "/cacerts",
		"/.well-known/est/a\tb/cacerts",
	};
	char label[EST_LABEL_MAX + 1], path[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (est_path(bytes_text(paths[i]), label) != EST_NONE)
			fail_msg("%s", paths[i]);
	/* one octet longer than a label is */
	(void)snprintf(path, sizeof(path), EST_PATH "%0*d/cacerts",
	    EST_LABEL_MAX, 0);
	assert_int_equal(est_path(bytes_text(path), label), EST_CACERTS);
	(void)snprintf(path, sizeof(path), EST_PATH "%0*d/cacerts",
	    EST_LABEL_MAX + 1, 0);
	assert_int_equal(est_path(bytes_text(path), label), EST_NONE);
}

static void
body_is(const char *body)
{
	static const uint8_t der[] = { 0x30, 0x03, 0x02, 0x01, 0x07 };
	_cleanup_buf_ struct buf out = BUF_INIT;

	assert_int_equal(est_get_request(bytes_text(body), &out, NULL),
	    ERR_OK);
	assert_int_equal(out.len, sizeof(der));
	assert_memory_equal(out.ptr, der, sizeof(der));
}

static void
test_bodies(void **state)
{
	(void)state;
	body_is("MAMCAQc=");
	body_is("MAMC\r\nAQc=\r\n");
	body_is("-----BEGIN CERTIFICATE REQUEST-----\nMAMCAQc=\n"
	    "-----END CERTIFICATE REQUEST-----\n");
	body_is("subject=none\n-----BEGIN NEW CERTIFICATE REQUEST-----\r\n"
	    "MAMCAQc=\r\n-----END NEW CERTIFICATE REQUEST-----\r\n");
}

static void
body_refused(const char *body, enum err expected)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct diag diag = DIAG_INIT;

	if (est_get_request(bytes_text(body), &out, &diag) != expected)
		fail_msg("%.40s", body);
	assert_int_equal(diag.code, expected);
}

static void
test_bad_bodies(void **state)
{
	static char long_body[EST_BODY_MAX + 2];

	(void)state;
	body_refused("", ERR_SYNTAX);
	body_refused("\r\n", ERR_SYNTAX);
	body_refused("MAMC!Qc=", ERR_SYNTAX);
	body_refused("-----BEGIN CERTIFICATE-----\nMAMCAQc=\n"
	    "-----END CERTIFICATE-----\n", ERR_SYNTAX);
	body_refused("-----BEGIN CERTIFICATE REQUEST-----\nMAMCAQc=\n",
	    ERR_SYNTAX);
	body_refused("-----BEGIN CERTIFICATE REQUEST-----\nMAMCAQc=\n"
	    "-----END CERTIFICATE REQUEST-----\n"
	    "-----BEGIN CERTIFICATE REQUEST-----\nMAMCAQc=\n"
	    "-----END CERTIFICATE REQUEST-----\n", ERR_SYNTAX);
	memset(long_body, 'A', EST_BODY_MAX + 1);
	body_refused(long_body, ERR_LIMIT);
}

static void
test_certificates(void **state)
{
	static const uint8_t one[] = { 0x30, 0x01, 0x01 };
	static const uint8_t two[] = { 0x30, 0x01, 0x02 };
	static const uint8_t expected[] = { 0x30, 0x2b, 0x06, 0x09, 0x2a, 0x86,
		0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02, 0xa0, 0x1e, 0x30,
		0x1c, 0x02, 0x01, 0x01, 0x31, 0x00, 0x30, 0x0b, 0x06, 0x09,
		0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01, 0xa0,
		0x06, 0x30, 0x01, 0x01, 0x30, 0x01, 0x02, 0x31, 0x00 };
	const struct bytes all[] = { bytes_of(one, sizeof(one)),
		bytes_of(two, sizeof(two)) };
	_cleanup_buf_ struct buf der = BUF_INIT, body = BUF_INIT,
	    back = BUF_INIT;

	(void)state;
	cms_put_certificates(&der, all, 2);
	assert_int_equal(der.len, sizeof(expected));
	assert_memory_equal(der.ptr, expected, sizeof(expected));
	assert_int_equal(est_put_certificates(&body, all, 2), ERR_OK);
	assert_null(memchr(body.ptr, '\n', body.len));
	assert_int_equal(base64_decode(buf_bytes(&body), &back), ERR_OK);
	assert_memory_equal(back.ptr, expected, sizeof(expected));
}

/* RFC 7030 4.4.2, RFC 2046 5.1 */
static void
test_key(void **state)
{
	static const char expected[] = "--imprint-est\r\n"
	    "Content-Type: application/pkcs7-mime; "
	    "smime-type=server-generated-key\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\na2V5\r\n"
	    "--imprint-est\r\n"
	    "Content-Type: application/pkcs7-mime; smime-type=certs-only\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n";
	static const uint8_t one[] = { 0x30, 0x01, 0x01 };
	_cleanup_buf_ struct buf body = BUF_INIT, certs = BUF_INIT;
	const struct bytes certificate = bytes_of(one, sizeof(one));

	(void)state;
	assert_int_equal(est_put_key(&body, bytes_text("key"), certificate),
	    ERR_OK);
	assert_int_equal(est_put_certificates(&certs, &certificate, 1),
	    ERR_OK);
	assert_int_equal(strncmp(buf_text(&body), expected,
	    sizeof(expected) - 1), 0);
	assert_int_equal(strncmp(buf_text(&body) + sizeof(expected) - 1,
	    buf_text(&certs), certs.len), 0);
	assert_string_equal(buf_text(&body) + sizeof(expected) - 1 +
	    certs.len, "\r\n--imprint-est--\r\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_no_paths),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_bad_bodies),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_key)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
