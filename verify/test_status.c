/*
 * Revoked, suspended, fresh, stale: every verdict about status, and every
 * publication that is refused.
 */
#include "lib/identity/status_list.h"
#include "lib/x509/test_crl_make.h"
#include "verify/test_world.h"
#include "verify/verify_internal.h"

#define NONE		(-1)	/* no publication, or an entry of others only */
#define GOOD		(-2)
#define HOUR		INT64_C(3600)
#define DEVICE_INDEX	5

static const uint8_t device_serial[] = { 0x01, 0x99, 0x42 };
static const uint8_t other_serial[] = { 0x01, 0x99, 0x43 };
static const struct recipe usual = { .serial = { device_serial, 3 },
	.status_idx = DEVICE_INDEX };

/* A CRL of a CA with an entry of another device, and of ours if reason is
 * one. */
static void
crl_of(const struct authority *a, struct signer *signer, uint64_t number,
    int64_t this, int64_t next, int reason, struct buf *out)
{
	const struct crl_entry entries[] = {
		{ bytes_of(other_serial, 3), this - HOUR,
		    CRL_KEY_COMPROMISE },
		{ bytes_of(device_serial, 3), this - HOUR,
		    (enum crl_reason)reason },
	};
	struct crl_head head = crl_head_of(a, number, this, next);

	crl_make(&head, entries, reason >= 0 ? 2 : 1, signer, out);
}

/* The list of ours.status_uri in which our device has this status. */
static void
list_of(const struct ecosystem *e, const char *uri, int64_t issued,
    int64_t expires, int status, struct buf *out)
{
	const struct status_list_head head = { .uri = bytes_text(uri),
		.issued = issued, .expires = expires, .ttl_s = 60 };
	uint8_t array[2] = { 0x55, 0 };

	if (status > 0)
		status_array_set(array, DEVICE_INDEX, (enum status)status);
	buf_clear(out);
	assert_int_equal(status_list_write(out, &head, bytes_of(array, 2),
	    e->document, NULL), ERR_OK);
}

static void
give(struct imprint_verifier *v, const struct buf *data, int expected,
    const char *text)
{
	char reason[256] = "?";
	int code;

	code = imprint_verifier_add_status(v, data->ptr, data->len, reason,
	    sizeof(reason));
	if (code != expected || strstr(reason, text) == NULL)
		fail_msg("%d, not %d: \"%s\" does not say \"%s\"", code,
		    expected, reason, text);
}

static void
ask(struct imprint_verifier *v, const struct device *d, int show, int64_t now,
    struct imprint_answer *ret)
{
	struct imprint_question q = question_make(d, show);

	q.now = now;
	assert_int_equal(imprint_verify(v, &q, ret), IMPRINT_OK);
}

/* Times in hours from NOW. */
static const struct {
	const char		*name;
	int			 show;
	int64_t			 max_age_s;	/* 0: not required */
	int			 crl;		/* reason, GOOD or NONE */
	int			 crl_this, crl_next;
	int			 list;		/* status, GOOD or NONE */
	int			 list_issued, list_expires;
	enum imprint_verdict	 verdict;
	const char		*reason;
	int			 status_time;	/* 99: 0 */
	int			 expires;	/* 99: of what is shown */
} cases[] = {
	{ "nothing known", BOTH, 0, NONE, 0, 0, NONE, 0, 0,
	    IMPRINT_ALLOW, "of one device", 99, 99 },
	{ "good by CRL", CERT, 0, GOOD, -1, 1, NONE, 0, 0,
	    IMPRINT_ALLOW, "genuine", -1, 99 },
	{ "good by list", DOC, 0, NONE, 0, 0, GOOD, -2, 1,
	    IMPRINT_ALLOW, "genuine", -2, 99 },
	{ "good by both", BOTH, 0, GOOD, -1, 1, GOOD, -2, 1,
	    IMPRINT_ALLOW, "genuine", -1, 99 },
	{ "good long ago", CERT, 0, GOOD, -99, -98, NONE, 0, 0,
	    IMPRINT_ALLOW, "genuine", -99, 99 },
	{ "CRL, document shown", DOC, 0, CRL_KEY_COMPROMISE, -1, 1, NONE, 0,
	    0, IMPRINT_ALLOW, "genuine", 99, 99 },
	{ "list, certificate shown", CERT, 0, NONE, 0, 0, STATUS_INVALID, -1,
	    1, IMPRINT_ALLOW, "genuine", 99, 99 },

	{ "revoked by CRL", CERT, 0, CRL_KEY_COMPROMISE, -1, 1, NONE, 0, 0,
	    IMPRINT_DENY_REVOKED, "was revoked at 2026-01-30T22:00:00Z"
	    " (keyCompromise), by the CRL of 2026-01-30T23:00:00Z", 99, 0 },
	{ "revoked without a reason", CERT, 0, CRL_UNSPECIFIED, -1, 1, NONE,
	    0, 0, IMPRINT_DENY_REVOKED, "(unspecified)", 99, 0 },
	{ "revoked by an old CRL", BOTH, 0, CRL_SUPERSEDED, -99, -98, NONE,
	    0, 0, IMPRINT_DENY_REVOKED, "superseded", 99, 0 },
	{ "revoked by a CRL to come", CERT, 0, CRL_SUPERSEDED, 98, 99, NONE,
	    0, 0, IMPRINT_DENY_REVOKED, "superseded", 99, 0 },
	{ "suspended by CRL", CERT, 0, CRL_CERTIFICATE_HOLD, -1, 1, NONE, 0,
	    0, IMPRINT_DENY_SUSPENDED, "was suspended at", 99, 0 },
	{ "revoked by list", DOC, 0, NONE, 0, 0, STATUS_INVALID, -1, 1,
	    IMPRINT_DENY_REVOKED, "revoked, by the status list of"
	    " 2026-01-30T23:00:00Z", 99, 0 },
	{ "revoked by an old list", DOC, 0, NONE, 0, 0, STATUS_INVALID, -99,
	    -98, IMPRINT_DENY_REVOKED, "status list", 99, 0 },
	{ "suspended by list", DOC, 0, NONE, 0, 0, STATUS_SUSPENDED, -1, 1,
	    IMPRINT_DENY_SUSPENDED, "is suspended", 99, 0 },
	{ "revoked by CRL alone", BOTH, 0, CRL_SUPERSEDED, -1, 1, GOOD, -1,
	    1, IMPRINT_DENY_REVOKED, "CRL", 99, 0 },
	{ "revoked by list alone", BOTH, 0, GOOD, -1, 1, STATUS_INVALID, -1,
	    1, IMPRINT_DENY_REVOKED, "status list", 99, 0 },
	{ "suspended and revoked", BOTH, 0, CRL_CERTIFICATE_HOLD, -1, 1,
	    STATUS_INVALID, -1, 1, IMPRINT_DENY_REVOKED, "status list",
	    99, 0 },
	{ "revoked and suspended", BOTH, 0, CRL_SUPERSEDED, -1, 1,
	    STATUS_SUSPENDED, -1, 1, IMPRINT_DENY_REVOKED, "CRL", 99, 0 },

	{ "required, nothing known", BOTH, 7200, NONE, 0, 0, NONE, 0, 0,
	    IMPRINT_DENY_STATUS, "neither a CRL", 99, 0 },
	{ "required, fresh CRL", CERT, 7200, GOOD, -1, 9, NONE, 0, 0,
	    IMPRINT_ALLOW, "genuine", -1, 1 },
	{ "required, just fresh", CERT, 7200, GOOD, -2, 9, NONE, 0, 0,
	    IMPRINT_ALLOW, "genuine", -2, 0 },
	{ "required, too old", CERT, 7199, GOOD, -2, 9, NONE, 0, 0,
	    IMPRINT_DENY_STATUS, "of 2026-01-30T22:00:00Z, at most 7199",
	    99, 0 },
	{ "required, ends at nextUpdate", CERT, 7200, GOOD, -1, 0, NONE, 0, 0,
	    IMPRINT_ALLOW, "genuine", -1, 0 },
	{ "required, nextUpdate passed", CERT, 360000, GOOD, -9, -8, NONE, 0,
	    0, IMPRINT_DENY_STATUS, "not known any more", 99, 0 },
	{ "required, from the future", CERT, 7200, GOOD, 1, 9, NONE, 0, 0,
	    IMPRINT_DENY_STATUS, "not known any more", 99, 0 },
	{ "required, fresh list", DOC, 7200, NONE, 0, 0, GOOD, -1, 9,
	    IMPRINT_ALLOW, "genuine", -1, 1 },
	{ "required, exp reached", DOC, 7200, NONE, 0, 0, GOOD, -1, 0,
	    IMPRINT_DENY_STATUS, "not known any more", 99, 0 },
	{ "required, list too old", DOC, 3599, NONE, 0, 0, GOOD, -1, 9,
	    IMPRINT_DENY_STATUS, "not known any more", 99, 0 },
	{ "required, list, certificate shown", CERT, 7200, NONE, 0, 0, GOOD,
	    -1, 9, IMPRINT_DENY_STATUS, "neither a CRL", 99, 0 },
	{ "required, CRL, document shown", DOC, 7200, GOOD, -1, 9, NONE, 0,
	    0, IMPRINT_DENY_STATUS, "neither a CRL", 99, 0 },
	{ "required, both shown, CRL", BOTH, 7200, GOOD, -1, 9, NONE, 0, 0,
	    IMPRINT_ALLOW, "of one device", -1, 1 },
	{ "required, both shown, list", BOTH, 7200, NONE, 0, 0, GOOD, -1, 9,
	    IMPRINT_ALLOW, "of one device", -1, 1 },
	{ "required, old CRL, fresh list", BOTH, 7200, GOOD, -9, 9, GOOD, -1,
	    9, IMPRINT_ALLOW, "of one device", -1, 1 },
	{ "required, fresh CRL, old list", BOTH, 7200, GOOD, 0, 9, GOOD, -9,
	    9, IMPRINT_ALLOW, "of one device", 0, 2 },
	{ "required, the longer one counts", BOTH, 7200, GOOD, -1, 9, GOOD,
	    0, 9, IMPRINT_ALLOW, "of one device", 0, 2 },
	{ "required, both old", BOTH, 3599, GOOD, -1, 9, GOOD, -1, 9,
	    IMPRINT_DENY_STATUS, "not known any more", 99, 0 },
	{ "required, revoked long ago", CERT, 7200, CRL_SUPERSEDED, -99, -98,
	    NONE, 0, 0, IMPRINT_DENY_REVOKED, "superseded", 99, 0 },
	{ "required, fresh list, revoked by old CRL", BOTH, 7200,
	    CRL_SUPERSEDED, -99, -98, GOOD, -1, 9, IMPRINT_DENY_REVOKED,
	    "superseded", 99, 0 },
};

static int64_t
hours(int n)
{
	return n == 99 ? 0 : NOW + n * HOUR;
}

static void
test_cases(void **state)
{
	struct device *d = *state;
	struct imprint_answer a;
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		struct imprint_verifier *v = verifier_make(&ours.trust);
		_cleanup_buf_ struct buf data = BUF_INIT;

		if (cases[i].crl != NONE) {
			crl_of(&ours.bulk, ours.bulk.signer, 1,
			    NOW + cases[i].crl_this * HOUR,
			    NOW + cases[i].crl_next * HOUR, cases[i].crl,
			    &data);
			give(v, &data, IMPRINT_OK, "");
		}
		if (cases[i].list != NONE) {
			list_of(&ours, STATUS_URI,
			    NOW + cases[i].list_issued * HOUR,
			    NOW + cases[i].list_expires * HOUR,
			    cases[i].list, &data);
			give(v, &data, IMPRINT_OK, "");
		}
		assert_int_equal(imprint_verifier_require_status(v,
		    cases[i].max_age_s), IMPRINT_OK);
		ask(v, d, cases[i].show, NOW, &a);
		if (a.verdict != cases[i].verdict ||
		    strstr(a.reason, cases[i].reason) == NULL)
			fail_msg("%s: %s: %s", cases[i].name,
			    imprint_verdict_name(a.verdict), a.reason);
		if (a.status_time != hours(cases[i].status_time))
			fail_msg("%s: status of %lld", cases[i].name,
			    (long long)a.status_time);
		if (a.verdict == IMPRINT_ALLOW && cases[i].expires != 99 &&
		    a.expires != hours(cases[i].expires))
			fail_msg("%s: expires %lld", cases[i].name,
			    (long long)a.expires);
		if (a.verdict == IMPRINT_ALLOW && cases[i].expires == 99 &&
		    a.expires != TIME_2046)
			fail_msg("%s: expires", cases[i].name);
		imprint_verifier_free(v);
	}
}

/* Before the bound a good answer, after its expires a denial. */
static void
test_expires_holds(void **state)
{
	struct imprint_verifier *v = verifier_make(&ours.trust);
	_cleanup_buf_ struct buf crl = BUF_INIT;
	struct device *d = *state;
	struct imprint_answer a;

	crl_of(&ours.bulk, ours.bulk.signer, 1, NOW - HOUR, NOW + 9 * HOUR,
	    GOOD, &crl);
	give(v, &crl, IMPRINT_OK, "");
	assert_int_equal(imprint_verifier_require_status(v, 2 * HOUR),
	    IMPRINT_OK);
	ask(v, d, CERT, NOW, &a);
	assert_int_equal(a.verdict, IMPRINT_ALLOW);
	ask(v, d, CERT, a.expires, &a);
	assert_int_equal(a.verdict, IMPRINT_ALLOW);
	ask(v, d, CERT, a.expires + 1, &a);
	assert_int_equal(a.verdict, IMPRINT_DENY_STATUS);
	/* a publisher's clock may be ahead, but not by more */
	ask(v, d, CERT, NOW - HOUR - 300, &a);
	assert_int_equal(a.verdict, IMPRINT_ALLOW);
	ask(v, d, CERT, NOW - HOUR - 301, &a);
	assert_int_equal(a.verdict, IMPRINT_DENY_STATUS);
	assert_int_equal(imprint_verifier_require_status(v, INT64_MAX),
	    IMPRINT_OK);
	ask(v, d, CERT, NOW, &a);
	assert_int_equal(a.verdict, IMPRINT_ALLOW);
	assert_true(a.expires == NOW + 9 * HOUR);
	assert_int_equal(imprint_verifier_require_status(v, 0), IMPRINT_OK);
	ask(v, d, CERT, NOW + 99 * HOUR, &a);
	assert_int_equal(a.verdict, IMPRINT_ALLOW);
	imprint_verifier_free(v);
}

/* Newer takes the place of older; older is refused and changes nothing. */
static void
test_never_back(void **state)
{
	struct imprint_verifier *v = verifier_make(&ours.trust);
	_cleanup_buf_ struct buf data = BUF_INIT;
	struct device *d = *state;
	struct imprint_answer a;

#define CRL(number, hour, reason, expected, text)			\
	crl_of(&ours.bulk, ours.bulk.signer, number, NOW + (hour)*HOUR, \
	    NOW + 99 * HOUR, reason, &data);				\
	give(v, &data, expected, text);					\
	ask(v, d, BOTH, NOW, &a);
	CRL(255, 0, GOOD, IMPRINT_OK, "")
	assert_int_equal(a.verdict, IMPRINT_ALLOW);
	CRL(256, 1, CRL_CERTIFICATE_HOLD, IMPRINT_OK, "")
	assert_int_equal(a.verdict, IMPRINT_DENY_SUSPENDED);
	CRL(255, 2, GOOD, IMPRINT_ERROR_STALE, "older than the one held")
	assert_int_equal(a.verdict, IMPRINT_DENY_SUSPENDED);
	CRL(257, 0, GOOD, IMPRINT_ERROR_STALE, "older than the one held")
	assert_int_equal(a.verdict, IMPRINT_DENY_SUSPENDED);
	CRL(256, 1, CRL_CERTIFICATE_HOLD, IMPRINT_OK, "")
	assert_int_equal(a.verdict, IMPRINT_DENY_SUSPENDED);
	CRL(257, 1, GOOD, IMPRINT_OK, "")
	assert_int_equal(a.verdict, IMPRINT_ALLOW);
	CRL(UINT64_MAX, 2, CRL_SUPERSEDED, IMPRINT_OK, "")
	assert_int_equal(a.verdict, IMPRINT_DENY_REVOKED);
	CRL(UINT64_MAX - 1, 3, GOOD, IMPRINT_ERROR_STALE, "older")
	assert_int_equal(a.verdict, IMPRINT_DENY_REVOKED);
#undef CRL
	imprint_verifier_free(v);
	v = verifier_make(&ours.trust);
#define LIST(hour, status, expected, text)				\
	list_of(&ours, STATUS_URI, NOW + (hour)*HOUR, NOW + 99 * HOUR, status, \
	    &data);                                                            \
	give(v, &data, expected, text);					\
	ask(v, d, BOTH, NOW, &a);
	LIST(1, STATUS_SUSPENDED, IMPRINT_OK, "")
	assert_int_equal(a.verdict, IMPRINT_DENY_SUSPENDED);
	LIST(0, GOOD, IMPRINT_ERROR_STALE, "older than the one held")
	assert_int_equal(a.verdict, IMPRINT_DENY_SUSPENDED);
	LIST(1, STATUS_SUSPENDED, IMPRINT_OK, "")
	LIST(2, GOOD, IMPRINT_OK, "")
	assert_int_equal(a.verdict, IMPRINT_ALLOW);
#undef LIST
	imprint_verifier_free(v);
}

/* New trust takes over what it stands for as well, and nothing else. */
static void
test_hand_over(void **state)
{
	struct imprint_verifier *v = verifier_make(&ours.trust), *next;
	_cleanup_buf_ struct buf data = BUF_INIT;
	struct device *d = *state;
	struct imprint_answer a;

	assert_int_equal(imprint_verifier_require_status(v, HOUR),
	    IMPRINT_OK);
	crl_of(&ours.bulk, ours.bulk.signer, 7, NOW, NOW + HOUR,
	    CRL_SUPERSEDED, &data);
	give(v, &data, IMPRINT_OK, "");
	list_of(&ours, STATUS_URI, NOW, NOW + HOUR, STATUS_SUSPENDED, &data);
	give(v, &data, IMPRINT_OK, "");
	next = verifier_make(&ours.trust);
	assert_int_equal(status_hand_over(v, next, NULL), ERR_OK);
	imprint_verifier_free(v);
	ask(next, d, CERT, NOW, &a);
	assert_int_equal(a.verdict, IMPRINT_DENY_REVOKED);
	ask(next, d, DOC, NOW, &a);
	assert_int_equal(a.verdict, IMPRINT_DENY_SUSPENDED);
	crl_of(&ours.bulk, ours.bulk.signer, 6, NOW, NOW + HOUR, GOOD, &data);
	give(next, &data, IMPRINT_ERROR_STALE, "older");
	list_of(&ours, STATUS_URI, NOW - 1, NOW + HOUR, GOOD, &data);
	give(next, &data, IMPRINT_ERROR_STALE, "older");
	v = verifier_make(&strangers.trust);
	assert_int_equal(status_hand_over(next, v, NULL), ERR_OK);
	assert_int_equal(v->list_count, 0);
	assert_int_equal(next->list_count, 1);
	assert_int_equal(v->status_max_age_s, HOUR);
	ask(next, d, CERT, NOW, &a);
	assert_int_equal(a.verdict, IMPRINT_DENY_REVOKED);
	imprint_verifier_free(v);
	imprint_verifier_free(next);
}

/* Lists of other addresses tell nothing of our device, in any order given. */
static void
test_many_lists(void **state)
{
	static const char *const uris[] = { "https://ca.example/t",
		"https://ca.example/", "https://ca.example/s2",
		"https://ca.example/r", "a", "z" };
	struct imprint_verifier *v = verifier_make(&ours.trust);
	_cleanup_buf_ struct buf data = BUF_INIT;
	struct device *d = *state;
	struct imprint_answer a;
	size_t i;

	for (i = 0; i < COUNT(uris); i++) {
		list_of(&ours, uris[i], NOW, NOW + HOUR, STATUS_INVALID,
		    &data);
		give(v, &data, IMPRINT_OK, "");
		ask(v, d, DOC, NOW, &a);
		assert_int_equal(a.verdict, IMPRINT_ALLOW);
		assert_true(a.status_time == 0);
	}
	list_of(&ours, STATUS_URI, NOW, NOW + HOUR, STATUS_INVALID, &data);
	give(v, &data, IMPRINT_OK, "");
	ask(v, d, DOC, NOW, &a);
	assert_int_equal(a.verdict, IMPRINT_DENY_REVOKED);
	imprint_verifier_free(v);
}

/* An index beyond the list, and a status the draft leaves to applications. */
static void
test_odd_lists(void **state)
{
	const struct recipe beyond = { .serial = { device_serial, 3 },
		.status_idx = 8 };
	struct imprint_verifier *v = verifier_make(&ours.trust);
	_cleanup_device_ struct device far = { .certificate = BUF_INIT };
	_cleanup_buf_ struct buf data = BUF_INIT, body = BUF_INIT;
	uint8_t kid[COSE_KID_SIZE];
	struct device *d = *state;
	struct imprint_answer a;
	static const uint8_t payload[] =
	    "\xa3\x02\x74" STATUS_URI
	    "\x06\x1a\x69\x7d\x46\x80\x19\xff\xfd\xa2\x63"
	    "lst\x4b"
	    "\x78\xda\x3b\xe9\xf2\x13\x00\x03\xdf\x02\x07\x64"
	    "bits\x02";
	const struct {
		uint64_t idx;
		enum imprint_verdict verdict;
	} c[] = {
		{ 3, IMPRINT_DENY_STATUS },
		{ 4, IMPRINT_ALLOW },
	};
	size_t i;

	device_make(&far, &beyond);
	list_of(&ours, STATUS_URI, NOW, NOW + HOUR, GOOD, &data);
	give(v, &data, IMPRINT_OK, "");
	ask(v, &far, DOC, NOW, &a);
	assert_int_equal(a.verdict, IMPRINT_ALLOW);
	assert_true(a.status_time == 0);
	assert_int_equal(imprint_verifier_require_status(v, 60), IMPRINT_OK);
	ask(v, &far, DOC, NOW, &a);
	assert_int_equal(a.verdict, IMPRINT_DENY_STATUS);
	ask(v, d, DOC, NOW, &a);
	assert_int_equal(a.verdict, IMPRINT_ALLOW);
	imprint_verifier_free(v);

	/* the draft's example, which has such a status, without exp */
	v = verifier_make(&ours.trust);
	assert_int_equal(cose_key_thumbprint(&ours.document_key, kid),
	    ERR_OK);
	assert_int_equal(cose_sign1_sign(&body, ours.document, bytes_of(kid,
	    sizeof(kid)), STATUS_LIST_TYP, bytes_of(payload, sizeof(payload) -
	    1), BYTES_NONE, NULL), ERR_OK);
	give(v, &body, IMPRINT_OK, "");
	for (i = 0; i < COUNT(c); i++) {
		const struct recipe recipe = { .status_idx = c[i].idx };
		_cleanup_device_ struct device other = {
			.certificate = BUF_INIT };

		device_make(&other, &recipe);
		ask(v, &other, DOC, NOW, &a);
		assert_int_equal(a.verdict, c[i].verdict);
	}
	imprint_verifier_free(v);
}

static void
test_pem(void **state)
{
	struct imprint_verifier *v = verifier_make(&ours.trust);
	_cleanup_buf_ struct buf der = BUF_INIT, pem = BUF_INIT;
	struct device *d = *state;
	struct imprint_answer a;

	crl_of(&ours.bulk, ours.bulk.signer, 1, NOW, NOW + HOUR, GOOD, &der);
	buf_put_bytes(&pem, bytes_text("two of them\n"));
	pem_put(&pem, "X509 CRL", buf_bytes(&der));
	crl_of(&ours.bulk, ours.bulk.signer, 2, NOW, NOW + HOUR,
	    CRL_SUPERSEDED, &der);
	pem_put(&pem, "X509 CRL", buf_bytes(&der));
	give(v, &pem, IMPRINT_OK, "");
	ask(v, d, CERT, NOW, &a);
	assert_int_equal(a.verdict, IMPRINT_DENY_REVOKED);
	imprint_verifier_free(v);
}

/* A CA certificate beside those of our trust, issued by its root. */
static void
trust_with(struct authority *ca, const char *name, int64_t from,
    unsigned usage, const struct ecosystem *by, struct buf *out)
{
	_cleanup_filling_ struct filling f = { .validity = BUF_INIT };
	struct certificate_profile p = ca_profile(&by->root, name, 0);

	key_make(KEY_P256, &ca->key, &ca->signer);
	filling_make(&f, &ca->key);
	memcpy(ca->key_id, f.key_id, KEY_ID_SIZE);
	filling_times(&f, from, TIME_2046);
	root_name(&ca->name, name);
	p.key_usage = usage;
	certificate_make(&p, &f, by->root.signer, &ca->der);
	buf_put_bytes(out, buf_bytes(&ours.trust));
	pem_put(out, "CERTIFICATE", buf_bytes(&ca->der));
}

static const struct {
	const char	*name, *common_name;
	int64_t		 from;
	unsigned	 usage;
	bool		 strange;
	int		 expected;
	const char	*text;
} authorities[] = {
	{ "another CA of ours", "other", TIME_2026,
	    KU_KEY_CERT_SIGN | KU_CRL_SIGN, false, IMPRINT_OK, "" },
	{ "of the issuer's name, with another key", "bulk", TIME_2026,
	    KU_KEY_CERT_SIGN | KU_CRL_SIGN, false, IMPRINT_OK, "" },
	{ "without cRLSign", "other", TIME_2026, KU_KEY_CERT_SIGN, false,
	    IMPRINT_ERROR_UNTRUSTED, "may not sign CRLs" },
	{ "not valid then", "other", NOW + 1, KU_KEY_CERT_SIGN | KU_CRL_SIGN,
	    false, IMPRINT_ERROR_UNTRUSTED, "no path led" },
	{ "of another root", "other", TIME_2026,
	    KU_KEY_CERT_SIGN | KU_CRL_SIGN, true, IMPRINT_ERROR_UNTRUSTED,
	    "no path led" },
};

static void
test_authorities(void **state)
{
	struct device *d = *state;
	struct imprint_answer a;
	size_t i;

	for (i = 0; i < COUNT(authorities); i++) {
		__attribute__((cleanup(authority_release))) struct authority
		    ca = AUTHORITY_INIT;
		_cleanup_buf_ struct buf trust = BUF_INIT, crl = BUF_INIT;
		struct imprint_verifier *v;

		trust_with(&ca, authorities[i].common_name,
		    authorities[i].from, authorities[i].usage,
		    authorities[i].strange ? &strangers : &ours, &trust);
		v = verifier_make(&trust);
		crl_of(&ca, ca.signer, 1, NOW, NOW + HOUR, CRL_SUPERSEDED,
		    &crl);
		give(v, &crl, authorities[i].expected, authorities[i].text);
		/* whatever it says, it says nothing of our device */
		ask(v, d, CERT, NOW, &a);
		assert_int_equal(a.verdict, IMPRINT_ALLOW);
		assert_true(a.status_time == 0);
		imprint_verifier_free(v);
	}
}

/* Without an authority key identifier the issuer's name is all there is; of
 * the CAs that have it, each CRL counts. */
static void
test_issuer_by_name(void **state)
{
	const struct recipe recipe = { .serial = { device_serial, 3 },
		.no_aki = true };
	__attribute__((cleanup(authority_release))) struct authority
	    ca = AUTHORITY_INIT;
	_cleanup_buf_ struct buf trust = BUF_INIT, crl = BUF_INIT;
	_cleanup_device_ struct device d;
	struct imprint_verifier *v;
	struct imprint_answer a;

	(void)state;
	device_make(&d, &recipe);
	trust_with(&ca, "bulk", TIME_2026, KU_KEY_CERT_SIGN | KU_CRL_SIGN,
	    &ours, &trust);
	v = verifier_make(&trust);
	crl_of(&ours.bulk, ours.bulk.signer, 1, NOW, NOW + HOUR, GOOD, &crl);
	give(v, &crl, IMPRINT_OK, "");
	ask(v, &d, CERT, NOW, &a);
	assert_int_equal(a.verdict, IMPRINT_ALLOW);
	assert_true(a.status_time == NOW);
	crl_of(&ca, ca.signer, 1, NOW, NOW + HOUR, CRL_SUPERSEDED, &crl);
	give(v, &crl, IMPRINT_OK, "");
	ask(v, &d, CERT, NOW, &a);
	assert_int_equal(a.verdict, IMPRINT_DENY_REVOKED);
	imprint_verifier_free(v);
}

static void
test_refused(void **state)
{
	static const char *const garbage[] = { "", "x", "0", "\xd2",
		"-----BEGIN X509 CRL-----\n",
		"-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n" };
	struct imprint_verifier *v = verifier_make(&ours.trust);
	_cleanup_buf_ struct buf data = BUF_INIT;
	struct device *d = *state;
	struct imprint_answer a;
	char reason[8];
	size_t i;

	for (i = 0; i < COUNT(garbage); i++)
		assert_int_equal(imprint_verifier_add_status(v, garbage[i],
		    strlen(garbage[i]), reason, sizeof(reason)),
		    IMPRINT_ERROR_SYNTAX);
	assert_int_equal(strlen(reason), sizeof(reason) - 1);
	crl_of(&strangers.bulk, strangers.bulk.signer, 1, NOW, NOW + HOUR,
	    CRL_SUPERSEDED, &data);
	give(v, &data, IMPRINT_ERROR_UNTRUSTED, "not one of the 1 issuing");
	crl_of(&ours.root, ours.root.signer, 1, NOW, NOW + HOUR,
	    CRL_SUPERSEDED, &data);
	give(v, &data, IMPRINT_ERROR_UNTRUSTED, "not one of the 1 issuing");
	crl_of(&ours.bulk, strangers.bulk.signer, 1, NOW, NOW + HOUR,
	    CRL_SUPERSEDED, &data);
	give(v, &data, IMPRINT_ERROR_UNTRUSTED, "altered or forged");
	list_of(&strangers, STATUS_URI, NOW, NOW + HOUR, STATUS_INVALID,
	    &data);
	give(v, &data, IMPRINT_ERROR_UNTRUSTED, "not among the 1 trusted");
	list_of(&ours, STATUS_URI, NOW, NOW + HOUR, STATUS_INVALID, &data);
	data.ptr[data.len - 1] ^= 1;
	give(v, &data, IMPRINT_ERROR_UNTRUSTED, "altered or forged");
	list_of(&ours, STATUS_URI, TIME_2046 + 1, TIME_2060, STATUS_INVALID,
	    &data);
	give(v, &data, IMPRINT_ERROR_UNTRUSTED, "was not valid");
	give(v, &d->document, IMPRINT_ERROR_SYNTAX, "typ");
	ask(v, d, BOTH, NOW, &a);
	assert_int_equal(a.verdict, IMPRINT_ALLOW);
	assert_true(a.status_time == 0);
	imprint_verifier_free(v);
	assert_int_equal(imprint_verifier_add_status(NULL, "", 0, NULL, 0),
	    IMPRINT_ERROR_INVALID);
	assert_int_equal(imprint_verifier_require_status(NULL, 1),
	    IMPRINT_ERROR_INVALID);
}

static void
test_parameters(void **state)
{
	struct imprint_verifier *v = verifier_make(&ours.trust);
	int i;

	(void)state;
	assert_int_equal(imprint_verifier_add_status(v, NULL, 0, NULL, 0),
	    IMPRINT_ERROR_INVALID);
	assert_int_equal(imprint_verifier_add_status(v, "x", 1, NULL, 0),
	    IMPRINT_ERROR_SYNTAX);
	assert_int_equal(imprint_verifier_require_status(v, -1),
	    IMPRINT_ERROR_INVALID);
	imprint_verifier_free(v);
	for (i = IMPRINT_DENY_REVOKED; i <= IMPRINT_DENY_STATUS; i++)
		assert_string_not_equal(
		    imprint_verdict_name((enum imprint_verdict)i),
		    imprint_verdict_name((enum imprint_verdict)99));
	assert_string_not_equal(imprint_error_name(IMPRINT_ERROR_STALE),
	    imprint_error_name(99));
}

/* No altered CRL or list is taken. */
static void
test_every_octet(void **state)
{
	struct imprint_verifier *v = verifier_make(&ours.trust);
	struct buf data[2] = { BUF_INIT, BUF_INIT };
	size_t n, i;

	(void)state;
	crl_of(&ours.bulk, ours.bulk.signer, 1, NOW, NOW + HOUR, GOOD,
	    &data[0]);
	list_of(&ours, STATUS_URI, NOW, NOW + HOUR, GOOD, &data[1]);
	for (n = 0; n < 2; n++) {
		for (i = 0; i < 8 * data[n].len; i++) {
			data[n].ptr[i / 8] ^= (uint8_t)(1U << i % 8);
			assert_int_not_equal(imprint_verifier_add_status(v,
			    data[n].ptr, data[n].len, NULL, 0), IMPRINT_OK);
			data[n].ptr[i / 8] ^= (uint8_t)(1U << i % 8);
		}
		for (i = 0; i < data[n].len; i++)
			assert_int_not_equal(imprint_verifier_add_status(v,
			    data[n].ptr, i, NULL, 0), IMPRINT_OK);
		give(v, &data[n], IMPRINT_OK, "");
		buf_release(&data[n]);
	}
	imprint_verifier_free(v);
}

static int
set_up(void **state)
{
	static struct device d;

	ecosystem_make(&ours, "root");
	ecosystem_make(&strangers, "stranger");
	device_make(&d, &usual);
	*state = &d;
	return 0;
}

static int
tear_down(void **state)
{
	device_release(*state);
	ecosystem_release(&ours);
	ecosystem_release(&strangers);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_expires_holds),
		cmocka_unit_test(test_never_back),
		cmocka_unit_test(test_hand_over),
		cmocka_unit_test(test_many_lists),
		cmocka_unit_test(test_odd_lists),
		cmocka_unit_test(test_pem),
		cmocka_unit_test(test_authorities),
		cmocka_unit_test(test_issuer_by_name),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_every_octet),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
