/*
 * Every verdict but those of status, reached from what devices show.
 */
#include "verify/test_world.h"

static const struct {
	const char		*name;
	int			 show;
	enum imprint_verdict	 verdict;
	const char		*reason;	/* part of it */
	struct recipe		 recipe;
	const char		*object;
	uint32_t		 permissions;
	int64_t			 now;		/* 0: NOW */
} cases[] = {
	{ "certificate", CERT, IMPRINT_ALLOW, "certificate is genuine",
	    .now = NOW },
	{ "document", DOC, IMPRINT_ALLOW, "document is genuine",
	    .now = NOW },
	{ "both", BOTH, IMPRINT_ALLOW, "of one device",
	    .now = NOW },
	{ "right", BOTH, IMPRINT_ALLOW, "of one device",
	    .object = "photo", .permissions = IMPRINT_POST },
	{ "both rights", DOC, IMPRINT_ALLOW, "genuine",
	    .object = "photo", .permissions = IMPRINT_GET | IMPRINT_POST },
	{ "nothing shown", 0, IMPRINT_DENY, "Neither",
	    .now = NOW },
	{ "nothing shown, right asked", 0, IMPRINT_DENY, "Neither",
	    .object = "photo", .permissions = IMPRINT_GET },

	{ "right lacking", BOTH, IMPRINT_DENY_PERMISSION,
	    "PUT on 'settings' is needed; the device can do: GET PUT; it is"
	    " authorised to do: GET.",
	    .object = "settings", .permissions = IMPRINT_PUT },
	{ "half of the rights", BOTH, IMPRINT_DENY_PERMISSION, "GET PUT on",
	    .object = "settings", .permissions = IMPRINT_GET | IMPRINT_PUT },
	{ "capability lacking", BOTH, IMPRINT_DENY_PERMISSION,
	    "can do: nothing; it is authorised to do: POST",
	    .object = "video", .permissions = IMPRINT_POST },
	{ "object unknown", DOC, IMPRINT_DENY_PERMISSION, "'pho\?\?\?\?ox'",
	    .object = "pho\n\033\"'ox", .permissions = IMPRINT_GET },
	{ "beginning of an object", DOC, IMPRINT_DENY_PERMISSION, "phot",
	    .object = "phot", .permissions = IMPRINT_GET },
	{ "right without document", CERT, IMPRINT_DENY_NO_DOCUMENT,
	    "GET on 'photo' was asked for", .object = "photo",
	    .permissions = IMPRINT_GET },

	{ "stranger's certificate", CERT, IMPRINT_DENY_UNTRUSTED, "No path",
	    .recipe = { .stranger_ca = true } },
	{ "stranger's certificate, our document", BOTH,
	    IMPRINT_DENY_UNTRUSTED, "No path",
	    .recipe = { .stranger_ca = true } },
	{ "stranger's signer", DOC, IMPRINT_DENY_UNTRUSTED,
	    "not among the 1 trusted", .recipe = { .stranger_signer = true } },
	{ "stranger's signer, our certificate", BOTH, IMPRINT_DENY_UNTRUSTED,
	    "not among", .recipe = { .stranger_signer = true } },
	{ "forged kid", BOTH, IMPRINT_DENY_SIGNATURE, "altered or forged",
	    .recipe = { .forged = true } },
	{ "signed for something else", DOC, IMPRINT_DENY_MALFORMED, "typ",
	    .recipe = { .typ = "application/imprint-pack-manifest+cose" } },

	{ "certificate expired", CERT, IMPRINT_DENY_EXPIRED,
	    "device certificate expired at 2026-01-02T00:00:00Z",
	    .recipe = { .until = TIME_2026 + DAY } },
	{ "certificate's last second", CERT, IMPRINT_ALLOW, "genuine",
	    .recipe = { .until = NOW } },
	{ "certificate not yet valid", CERT, IMPRINT_DENY_NOT_YET_VALID,
	    "device certificate is valid only from 2026-02-01",
	    .recipe = { .from = NOW + DAY } },
	{ "root expired", CERT, IMPRINT_DENY_EXPIRED, "above the device's",
	    .recipe = { .until = TIME_2060 }, .now = TIME_2046 + DAY },
	{ "before the root", CERT, IMPRINT_DENY_NOT_YET_VALID,
	    "above the device's", .recipe = { .from = TIME_2026 - 9 * DAY },
	    .now = TIME_2026 - DAY },
	{ "document expired", DOC, IMPRINT_DENY_EXPIRED,
	    "document expired at 2026-01-31T00:00:00Z",
	    .recipe = { .expires = NOW } },
	{ "document's last second", DOC, IMPRINT_ALLOW, "genuine",
	    .recipe = { .expires = NOW + 1 } },
	{ "document of the future", DOC, IMPRINT_DENY_NOT_YET_VALID,
	    "issued in the future", .recipe = { .issued = NOW + 1 } },
	{ "document of now", DOC, IMPRINT_ALLOW, "genuine",
	    .recipe = { .issued = NOW } },
	{ "signer expired", DOC, IMPRINT_DENY_EXPIRED,
	    "document's signer expired at 2046-01-01",
	    .now = TIME_2046 + 1 },
	{ "signer not yet valid", DOC, IMPRINT_DENY_NOT_YET_VALID,
	    "document's signer is valid only from",
	    .recipe = { .issued = TIME_2026 - DAY }, .now = TIME_2026 - 1 },

	{ "no extended key usage", CERT, IMPRINT_ALLOW, "genuine",
	    .recipe = { .usage = ~0U } },
	{ "server's certificate", CERT, IMPRINT_DENY_PURPOSE,
	    "not for client authentication",
	    .recipe = { .usage = EKU_SERVER_AUTH } },
	{ "signer's certificate", CERT, IMPRINT_DENY_PURPOSE,
	    "not for client authentication",
	    .recipe = { .usage = EKU_DOCUMENT_SIGNING } },
	{ "key for agreement only", CERT, IMPRINT_DENY_PURPOSE,
	    "may not be used so", .recipe = { .key_usage = KU_KEY_AGREEMENT } },
	{ "CA's certificate", CERT, IMPRINT_DENY_PURPOSE, "",
	    .recipe = { .is_ca = true } },
	{ "CA that may sign", CERT, IMPRINT_DENY_PURPOSE, "CA's",
	    .recipe = { .is_ca = true, .usage = EKU_CLIENT_AUTH,
	    .key_usage = KU_DIGITAL_SIGNATURE | KU_KEY_CERT_SIGN } },
	{ "no UEID", CERT, IMPRINT_DENY_PURPOSE, "'gateway' is not a UEID",
	    .recipe = { .common_name = "gateway" } },
	{ "UEID in upper case", CERT, IMPRINT_DENY_PURPOSE, "is not a UEID",
	    .recipe = { .common_name = "0100112233445566778899AABBCCDDEEFF" } },
	{ "UEID too short", CERT, IMPRINT_DENY_PURPOSE, "is not a UEID",
	    .recipe = { .common_name = "010011223344" } },

	{ "another device", BOTH, IMPRINT_DENY_MISMATCH, "another device",
	    .recipe = { .ueid = UEID_B } },
	{ "another key", BOTH, IMPRINT_DENY_MISMATCH, "another key",
	    .recipe = { .other_key = true } },
	{ "another certificate", BOTH, IMPRINT_DENY_MISMATCH, "slot 0",
	    .recipe = { .renewed = true } },
};

static void
cases_judge(struct imprint_verifier *v, bool receipt)
{
	struct imprint_answer a;
	struct imprint_question q;
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		_cleanup_device_ struct device d = { .certificate = BUF_INIT };
		struct recipe recipe = cases[i].recipe;

		recipe.receipt = receipt;
		device_make(&d, &recipe);
		q = question_make(&d, cases[i].show);
		q.object = cases[i].object;
		q.permissions = cases[i].permissions;
		if (cases[i].now != 0)
			q.now = cases[i].now;
		assert_int_equal(imprint_verify(v, &q, &a), IMPRINT_OK);
		if (a.verdict != cases[i].verdict ||
		    strstr(a.reason, cases[i].reason) == NULL)
			fail_msg("%s: %s: %s", cases[i].name,
			    imprint_verdict_name(a.verdict), a.reason);
	}
}

/* The same verdicts however a document is signed. */
static void
test_cases(void **state)
{
	cases_judge(*state, false);
	cases_judge(*state, true);
}

/* Devices with keys of each algorithm that authenticates. */
static void
test_algorithms(void **state)
{
	struct imprint_verifier *v = *state;
	const struct key_algorithm *a;
	struct imprint_question q;
	struct imprint_answer answer;
	size_t i;

	for (i = 0; (a = key_algorithm_at(i)) != NULL; i++) {
		_cleanup_device_ struct device d = { .certificate = BUF_INIT };
		_cleanup_device_ struct device e = { .certificate = BUF_INIT };
		const struct recipe good = { .alg = a->alg };
		const struct recipe other = { .alg = a->alg,
			.other_key = true };

		if ((a->can & KEY_SIGNS) == 0)
			continue;
		device_make(&d, &good);
		q = question_make(&d, BOTH);
		assert_int_equal(imprint_verify(v, &q, &answer), IMPRINT_OK);
		if (key_alg_available(a->alg, NULL) != ERR_OK) {
			assert_int_equal(answer.verdict,
			    IMPRINT_DENY_MALFORMED);
			assert_non_null(strstr(answer.reason,
			    "needs OpenSSL 3.5"));
			continue;
		}
		assert_int_equal(answer.verdict, IMPRINT_ALLOW);
		device_make(&e, &other);
		q = question_make(&e, BOTH);
		assert_int_equal(imprint_verify(v, &q, &answer), IMPRINT_OK);
		assert_int_equal(answer.verdict, IMPRINT_DENY_MISMATCH);
	}
}

/* Every verdict there is occurs in the table. */
static void
test_cases_complete(void **state)
{
	unsigned seen = 0;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		seen |= 1U << cases[i].verdict;
	seen |= 1U << IMPRINT_DENY_MALFORMED;
	assert_int_equal(seen, (1U << (IMPRINT_DENY_NO_DOCUMENT + 1)) - 1);
}

static void
test_answer(void **state)
{
	const struct recipe recipe = { .expires = NOW + 5 * DAY };
	_cleanup_device_ struct device d = { .certificate = BUF_INIT };
	struct imprint_verifier *v = *state;
	struct imprint_question q;
	struct imprint_answer a;
	uint8_t ueid[UEID_SIZE];
	size_t len;

	device_make(&d, &recipe);
	q = question_make(&d, BOTH);
	assert_int_equal(imprint_verify(v, &q, &a), IMPRINT_OK);
	assert_int_equal(hex_decode(UEID_A, ueid, sizeof(ueid), &len), ERR_OK);
	assert_int_equal(a.ueid_len, UEID_SIZE);
	assert_memory_equal(a.ueid, ueid, UEID_SIZE);
	assert_int_equal(a.expires, NOW + 5 * DAY);
	assert_int_equal(a.right_count, 2);
	assert_string_equal(a.rights[0].object, "photo");
	assert_int_equal(a.rights[0].permissions, 3);
	assert_string_equal(a.rights[1].object, "settings");
	assert_int_equal(a.rights[1].permissions, 1);
	/* nothing is told of a device whose identity is not proven */
	d.document.ptr[d.document.len - 1] ^= 1;
	assert_int_equal(imprint_verify(v, &q, &a), IMPRINT_OK);
	assert_int_equal(a.verdict, IMPRINT_DENY_SIGNATURE);
	assert_int_equal(a.ueid_len, 0);
	assert_int_equal(a.right_count, 0);
	assert_int_equal(a.expires, 0);
}

/* All of bytes flipped, each alone, and all prefixes: nothing may pass. */
static void
tamper(struct imprint_verifier *v, struct imprint_question *q,
    struct buf *bytes, size_t *len)
{
	static const uint8_t masks[] = { 0x01, 0x20, 0x80, 0xff };
	struct imprint_answer a;
	size_t i, n;

	assert_int_equal(imprint_verify(v, q, &a), IMPRINT_OK);
	assert_int_equal(a.verdict, IMPRINT_ALLOW);
	for (i = 0; i < bytes->len; i++) {
		for (n = 0; n < COUNT(masks); n++) {
			bytes->ptr[i] ^= masks[n];
			if (imprint_verify(v, q, &a) == IMPRINT_OK &&
			    a.verdict == IMPRINT_ALLOW)
				fail_msg("octet %zu ^ %02x", i, masks[n]);
			bytes->ptr[i] ^= masks[n];
			assert_int_not_equal(a.verdict, IMPRINT_ALLOW);
		}
	}
	for (*len = 0; *len < bytes->len; (*len)++) {
		assert_int_equal(imprint_verify(v, q, &a), IMPRINT_OK);
		assert_int_equal(a.verdict, IMPRINT_DENY_MALFORMED);
	}
	buf_put_u8(bytes, 0);
}

static void
test_tampered_document(void **state)
{
	static const bool receipt[] = { false, true };
	size_t i;

	for (i = 0; i < COUNT(receipt); i++) {
		const struct recipe recipe = { .receipt = receipt[i] };
		_cleanup_device_ struct device d = { .certificate = BUF_INIT };
		struct imprint_question q;

		device_make(&d, &recipe);
		q = question_make(&d, DOC);
		q.object = "photo";
		q.permissions = IMPRINT_POST;
		tamper(*state, &q, &d.document, &q.document_len);
	}
}

static void
test_tampered_certificate(void **state)
{
	const struct recipe recipe = { .stranger_ca = false };
	_cleanup_device_ struct device d = { .certificate = BUF_INIT };
	struct imprint_question q;

	device_make(&d, &recipe);
	q = question_make(&d, CERT);
	tamper(*state, &q, &d.certificate, &q.certificate_len);
}

static void
test_garbage(void **state)
{
	static const char *const garbage[] = { "", "x", "0000", "\xd2\x84",
		"\x82", "-----BEGIN CERTIFICATE-----\n" };
	struct imprint_verifier *v = *state;
	struct imprint_answer a;
	size_t i;

	for (i = 0; i < COUNT(garbage); i++) {
		struct imprint_question q = { .now = NOW };

		q.certificate = (const uint8_t *)garbage[i];
		q.certificate_len = strlen(garbage[i]);
		assert_int_equal(imprint_verify(v, &q, &a), IMPRINT_OK);
		assert_int_equal(a.verdict, IMPRINT_DENY_MALFORMED);
		q = (struct imprint_question){ .now = NOW };
		q.document = (const uint8_t *)garbage[i];
		q.document_len = strlen(garbage[i]);
		assert_int_equal(imprint_verify(v, &q, &a), IMPRINT_OK);
		assert_int_equal(a.verdict, IMPRINT_DENY_MALFORMED);
	}
}

static void
test_invalid_questions(void **state)
{
	static const struct imprint_question invalid[] = {
		{ .now = 0 },
		{ .now = -1 },
		{ .now = INT64_MAX },
		{ .now = NOW, .document_len = 1 },
		{ .now = NOW, .certificate_len = 1 },
		{ .now = NOW, .object = "photo" },
		{ .now = NOW, .permissions = IMPRINT_GET },
	};
	struct imprint_verifier *v = *state;
	struct imprint_answer a;
	size_t i;

	for (i = 0; i < COUNT(invalid); i++) {
		a.verdict = IMPRINT_ALLOW;
		assert_int_equal(imprint_verify(v, &invalid[i], &a),
		    IMPRINT_ERROR_INVALID);
		assert_int_equal(a.verdict, IMPRINT_DENY);
	}
	assert_int_equal(imprint_verify(NULL, &invalid[0], &a),
	    IMPRINT_ERROR_INVALID);
	assert_int_equal(imprint_verify(v, NULL, &a), IMPRINT_ERROR_INVALID);
	assert_int_equal(imprint_verify(v, &invalid[0], NULL),
	    IMPRINT_ERROR_INVALID);
}

static void
trust_refused(const char *pem, size_t len, const char *part)
{
	struct imprint_verifier *v = NULL;
	char reason[256];

	assert_int_equal(imprint_verifier_new(pem, len, &v, reason,
	    sizeof(reason)), IMPRINT_ERROR_SYNTAX);
	assert_null(v);
	if (strstr(reason, part) == NULL)
		fail_msg("%s", reason);
}

static void
test_trust_refused(void **state)
{
	_cleanup_buf_ struct buf pem = BUF_INIT;

	(void)state;
	trust_refused("", 0, "");
	trust_refused("hello", 5, "");
	pem_put(&pem, "CERTIFICATE", bytes_text("hello"));
	trust_refused(buf_text(&pem), pem.len, "certificate 1");
	buf_clear(&pem);
	pem_put(&pem, "CERTIFICATE", buf_bytes(&ours.bulk.der));
	trust_refused(buf_text(&pem), pem.len, "no root");
	assert_int_equal(imprint_verifier_new(NULL, 0, NULL, NULL, 0),
	    IMPRINT_ERROR_INVALID);
}

/* A signer whose root is not in the same file signs nothing. */
static void
test_trust_stranger_signer(void **state)
{
	const struct recipe recipe = { .stranger_signer = true };
	_cleanup_device_ struct device d = { .certificate = BUF_INIT };
	_cleanup_buf_ struct buf pem = BUF_INIT;
	struct imprint_verifier *v;
	struct imprint_question q;
	struct imprint_answer a;
	char reason[256];

	(void)state;
	buf_put_bytes(&pem, buf_bytes(&ours.trust));
	pem_put(&pem, "CERTIFICATE", buf_bytes(&strangers.document_der));
	device_make(&d, &recipe);
	q = question_make(&d, DOC);
	v = verifier_make(&pem);
	assert_int_equal(imprint_verify(v, &q, &a), IMPRINT_OK);
	assert_int_equal(a.verdict, IMPRINT_DENY_UNTRUSTED);
	imprint_verifier_free(v);
	/* and with its root it is not one ecosystem: such a signer could speak
	 * for devices of ours */
	pem_put(&pem, "CERTIFICATE", buf_bytes(&strangers.root.der));
	v = NULL;
	assert_int_equal(imprint_verifier_new((const char *)pem.ptr, pem.len,
	    &v, reason, sizeof(reason)), IMPRINT_ERROR_SYNTAX);
	assert_null(v);
	assert_non_null(strstr(reason, "2 roots"));
}

/* A signer's certificate that outlives its root ends with the root. */
static void
test_trust_signer_outlives_root(void **state)
{
	const struct recipe recipe = { .stranger_signer = true };
	_cleanup_device_ struct device d = { .certificate = BUF_INIT };
	_cleanup_buf_ struct buf pem = BUF_INIT;
	struct imprint_verifier *v;
	struct imprint_question q;
	struct imprint_answer a;

	(void)state;
	signer_certificate(&strangers, TIME_2060);
	pem_put(&pem, "CERTIFICATE", buf_bytes(&strangers.document_der));
	pem_put(&pem, "CERTIFICATE", buf_bytes(&strangers.root.der));
	device_make(&d, &recipe);
	v = verifier_make(&pem);
	q = question_make(&d, DOC);
	assert_int_equal(imprint_verify(v, &q, &a), IMPRINT_OK);
	assert_int_equal(a.verdict, IMPRINT_ALLOW);
	assert_int_equal(a.expires, TIME_2046);
	q.now = TIME_2046 + DAY;
	assert_int_equal(imprint_verify(v, &q, &a), IMPRINT_OK);
	assert_int_equal(a.verdict, IMPRINT_DENY_EXPIRED);
	imprint_verifier_free(v);
	signer_certificate(&strangers, TIME_2046);
}

static void
test_names(void **state)
{
	int i;

	(void)state;
	for (i = 0; i <= IMPRINT_DENY_NO_DOCUMENT; i++)
		assert_string_not_equal(
		    imprint_verdict_name((enum imprint_verdict)i),
		    imprint_verdict_name((enum imprint_verdict)99));
	assert_string_equal(imprint_verdict_name(IMPRINT_ALLOW), "allow");
	assert_string_not_equal(imprint_error_name(IMPRINT_ERROR_CRYPTO),
	    imprint_error_name(99));
}

static int
set_up(void **state)
{
	ecosystem_make(&ours, "root");
	ecosystem_make(&strangers, "stranger");
	*state = verifier_make(&ours.trust);
	return 0;
}

static int
tear_down(void **state)
{
	imprint_verifier_free(*state);
	ecosystem_release(&ours);
	ecosystem_release(&strangers);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_cases_complete),
		cmocka_unit_test(test_algorithms),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_tampered_document),
		cmocka_unit_test(test_tampered_certificate),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_invalid_questions),
		cmocka_unit_test(test_trust_refused),
		cmocka_unit_test(test_trust_stranger_signer),
		cmocka_unit_test(test_trust_signer_outlives_root),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
