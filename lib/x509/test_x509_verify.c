#include "lib/x509/test_make.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* root > ca (path length 0) > device; stranger: a root of the same name. */
struct world {
	struct authority	 root, ca, stranger;
	struct public_key	 key;
	struct x509_trust	*trust;
};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->root = w->ca = w->stranger = (struct authority)AUTHORITY_INIT;
	authority_make(&w->root, "Root", 1, NULL);
	authority_make(&w->ca, "CA", 0, &w->root);
	authority_make(&w->stranger, "Root", 1, NULL);
	key_make(KEY_P256, &w->key, NULL);
	assert_int_equal(x509_trust_new(&w->trust, NULL), ERR_OK);
	assert_int_equal(x509_trust_add_root(w->trust,
	    buf_bytes(&w->root.der), NULL), ERR_OK);
	assert_int_equal(x509_trust_add_intermediate(w->trust,
	    buf_bytes(&w->ca.der), NULL), ERR_OK);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	x509_trust_free(&w->trust);
	authority_release(&w->root);
	authority_release(&w->ca);
	authority_release(&w->stranger);
	free(w);
	return 0;
}

static void
leaf_make(const struct world *w, const struct certificate_profile *p,
    const struct authority *issuer, struct buf *out)
{
	_cleanup_filling_ struct filling f = { .validity = BUF_INIT };

	filling_make(&f, &w->key);
	certificate_make(p, &f, issuer->signer, out);
}

static enum x509_verdict
verdict_at(const struct world *w, struct bytes leaf, int64_t now, unsigned eku)
{
	enum x509_verdict verdict = X509_ACCEPT;
	struct diag diag = DIAG_INIT;
	char detail[128];

	if (x509_verify(w->trust, leaf, now, eku, &verdict, detail,
	    sizeof(detail), &diag) != ERR_OK)
		fail_msg("%s", diag.what);
	assert_int_equal(detail[0] == '\0', verdict == X509_ACCEPT);
	return verdict;
}

static void
test_times(void **state)
{
	static const struct {
		int64_t			now;
		enum x509_verdict	verdict;
	} times[] = {
		{ TIME_2026 - 1, X509_DENY_NOT_YET_VALID },
		{ TIME_2026, X509_ACCEPT },
		{ TIME_2026 + 1000, X509_ACCEPT },
		{ TIME_2046, X509_ACCEPT },
		{ TIME_2046 + 1, X509_DENY_EXPIRED },
		{ 0, X509_DENY_NOT_YET_VALID },
		{ TIME_MAX_S, X509_DENY_EXPIRED },
	};
	struct world *w = *state;
	const struct certificate_profile p = device_profile(&w->ca);
	_cleanup_buf_ struct buf leaf = BUF_INIT;
	size_t i;

	leaf_make(w, &p, &w->ca, &leaf);
	for (i = 0; i < COUNT(times); i++)
		assert_int_equal(verdict_at(w, buf_bytes(&leaf), times[i].now,
		    EKU_CLIENT_AUTH), times[i].verdict);
}

static void
test_extended_key_usage(void **state)
{
	static const struct {
		unsigned		has, asked;
		enum x509_verdict	verdict;
	} usages[] = {
		{ EKU_CLIENT_AUTH, EKU_CLIENT_AUTH, X509_ACCEPT },
		{ EKU_CLIENT_AUTH, 0, X509_ACCEPT },
		{ EKU_CLIENT_AUTH, EKU_SERVER_AUTH, X509_DENY_PURPOSE },
		{ EKU_CLIENT_AUTH, EKU_DOCUMENT_SIGNING, X509_DENY_PURPOSE },
		{ EKU_DOCUMENT_SIGNING, EKU_DOCUMENT_SIGNING, X509_ACCEPT },
		{ EKU_SERVER_AUTH | EKU_CLIENT_AUTH, EKU_SERVER_AUTH,
		    X509_ACCEPT },
		{ 0, EKU_CLIENT_AUTH, X509_ACCEPT },
		{ 0, EKU_SERVER_AUTH, X509_ACCEPT },
		{ 0, EKU_DOCUMENT_SIGNING, X509_DENY_PURPOSE },
	};
	struct world *w = *state;
	struct certificate_profile p = device_profile(&w->ca);
	_cleanup_buf_ struct buf leaf = BUF_INIT;
	size_t i;

	for (i = 0; i < COUNT(usages); i++) {
		p.extended_key_usage = usages[i].has;
		leaf_make(w, &p, &w->ca, &leaf);
		assert_int_equal(verdict_at(w, buf_bytes(&leaf), TIME_2026,
		    usages[i].asked), usages[i].verdict);
	}
	/* client authentication signs: the key usage must allow it */
	p = device_profile(&w->ca);
	p.key_usage = KU_KEY_AGREEMENT;
	leaf_make(w, &p, &w->ca, &leaf);
	assert_int_equal(verdict_at(w, buf_bytes(&leaf), TIME_2026,
	    EKU_CLIENT_AUTH), X509_DENY_CONSTRAINT);
	assert_int_equal(verdict_at(w, buf_bytes(&leaf), TIME_2026, 0),
	    X509_ACCEPT);
}

static void
test_issuer_limited_to_a_purpose(void **state)
{
	struct world *w = *state;
	struct certificate_profile p = ca_profile(&w->root, "Servers", 0);
	_cleanup_filling_ struct filling f = { .validity = BUF_INIT };
	_cleanup_authority_ struct authority a = AUTHORITY_INIT;
	_cleanup_buf_ struct buf leaf = BUF_INIT;

	key_make(KEY_P256, &a.key, &a.signer);
	filling_make(&f, &a.key);
	memcpy(a.key_id, f.key_id, KEY_ID_SIZE);
	p.extended_key_usage = EKU_SERVER_AUTH;
	certificate_make(&p, &f, w->root.signer, &a.der);
	root_name(&a.name, "Servers");
	assert_int_equal(x509_trust_add_intermediate(w->trust,
	    buf_bytes(&a.der), NULL), ERR_OK);
	p = device_profile(&a);
	p.extended_key_usage = EKU_CLIENT_AUTH | EKU_SERVER_AUTH;
	leaf_make(w, &p, &a, &leaf);
	assert_int_equal(verdict_at(w, buf_bytes(&leaf), TIME_2026,
	    EKU_SERVER_AUTH), X509_ACCEPT);
	assert_int_equal(verdict_at(w, buf_bytes(&leaf), TIME_2026,
	    EKU_CLIENT_AUTH), X509_DENY_PURPOSE);
}

static void
test_foreign_root(void **state)
{
	_cleanup_authority_ struct authority ca = AUTHORITY_INIT;
	_cleanup_buf_ struct buf leaf = BUF_INIT;
	struct certificate_profile p;
	struct world *w = *state;

	authority_make(&ca, "Foreign CA", 0, &w->stranger);
	p = device_profile(&ca);
	leaf_make(w, &p, &ca, &leaf);
	assert_int_equal(verdict_at(w, buf_bytes(&leaf), TIME_2026, 0),
	    X509_DENY_INCOMPLETE);
	/* the stranger's own certificates do not make a path */
	assert_int_equal(x509_trust_add_intermediate(w->trust,
	    buf_bytes(&ca.der), NULL), ERR_OK);
	assert_int_equal(x509_trust_add_intermediate(w->trust,
	    buf_bytes(&w->stranger.der), NULL), ERR_OK);
	assert_int_equal(verdict_at(w, buf_bytes(&leaf), TIME_2026, 0),
	    X509_DENY_INCOMPLETE);
	assert_int_equal(verdict_at(w, buf_bytes(&w->stranger.der),
	    TIME_2026, 0), X509_DENY_INCOMPLETE);
}

/* Says it is issued by our CA, name and key id, and is signed by another. */
static void
test_forged(void **state)
{
	struct world *w = *state;
	struct certificate_profile p = device_profile(&w->ca);
	_cleanup_buf_ struct buf leaf = BUF_INIT;

	leaf_make(w, &p, &w->stranger, &leaf);
	assert_int_equal(verdict_at(w, buf_bytes(&leaf), TIME_2026, 0),
	    X509_DENY_SIGNATURE);
}

/* No flipped bit leads to an acceptance. */
static void
test_tampered(void **state)
{
	enum x509_verdict verdict;
	struct world *w = *state;
	const struct certificate_profile p = device_profile(&w->ca);
	_cleanup_buf_ struct buf leaf = BUF_INIT;
	struct bytes cn = bytes_text("CAM-000017");
	uint8_t *at;
	size_t i;

	leaf_make(w, &p, &w->ca, &leaf);
	for (i = 0; i < leaf.len; i++) {
		leaf.ptr[i] ^= (uint8_t)(1 << (i % 8));
		verdict = X509_ACCEPT;
		(void)!x509_verify(w->trust, buf_bytes(&leaf), TIME_2026, 0,
		    &verdict, NULL, 0, NULL);
		assert_int_not_equal(verdict, X509_ACCEPT);
		leaf.ptr[i] ^= (uint8_t)(1 << (i % 8));
	}
	at = memmem(leaf.ptr, leaf.len, cn.ptr, cn.len);
	assert_non_null(at);
	at[9] = '8';
	assert_int_equal(verdict_at(w, buf_bytes(&leaf), TIME_2026, 0),
	    X509_DENY_SIGNATURE);
	at[9] = '7';
	assert_int_equal(verdict_at(w, buf_bytes(&leaf), TIME_2026, 0),
	    X509_ACCEPT);
}

static void
test_issuer_is_no_ca(void **state)
{
	_cleanup_authority_ struct authority a = AUTHORITY_INIT;
	_cleanup_filling_ struct filling f = { .validity = BUF_INIT };
	struct world *w = *state;
	struct certificate_profile p = device_profile(&w->ca);
	_cleanup_buf_ struct buf leaf = BUF_INIT;

	/* a device that issues with its own, good certificate */
	key_make(KEY_P256, &a.key, &a.signer);
	filling_make(&f, &a.key);
	memcpy(a.key_id, f.key_id, KEY_ID_SIZE);
	p.common_name = "Device 1";
	p.with_serial_number = false;
	certificate_make(&p, &f, w->ca.signer, &a.der);
	root_name(&a.name, "Device 1");
	assert_int_equal(verdict_at(w, buf_bytes(&a.der), TIME_2026, 0),
	    X509_ACCEPT);
	assert_int_equal(x509_trust_add_intermediate(w->trust,
	    buf_bytes(&a.der), NULL), ERR_OK);
	p = device_profile(&a);
	leaf_make(w, &p, &a, &leaf);
	assert_int_equal(verdict_at(w, buf_bytes(&leaf), TIME_2026, 0),
	    X509_DENY_CONSTRAINT);
}

static void
test_path_length(void **state)
{
	_cleanup_authority_ struct authority sub = AUTHORITY_INIT;
	_cleanup_buf_ struct buf leaf = BUF_INIT;
	struct certificate_profile p;
	struct world *w = *state;

	/* the CA's path length is 0: no CA beneath it */
	authority_make(&sub, "Sub CA", 0, &w->ca);
	assert_int_equal(x509_trust_add_intermediate(w->trust,
	    buf_bytes(&sub.der), NULL), ERR_OK);
	p = device_profile(&sub);
	leaf_make(w, &p, &sub, &leaf);
	assert_int_equal(verdict_at(w, buf_bytes(&leaf), TIME_2026, 0),
	    X509_DENY_CONSTRAINT);
}

/* root, count - 2 intermediates and a leaf. */
static enum x509_verdict
long_chain_verdict(int count)
{
	struct authority chain[X509_CHAIN_MAX + 1];
	_cleanup_buf_ struct buf leaf = BUF_INIT;
	struct world w = { .trust = NULL };
	struct certificate_profile p;
	enum x509_verdict verdict;
	char name[24];
	int i;

	assert_int_equal(x509_trust_new(&w.trust, NULL), ERR_OK);
	for (i = 0; i < count - 1; i++) {
		chain[i] = (struct authority)AUTHORITY_INIT;
		(void)snprintf(name, sizeof(name), "Level %d", i);
		authority_make(&chain[i], name, -1,
		    i == 0 ? NULL : &chain[i - 1]);
		assert_int_equal(i == 0 ? x509_trust_add_root(w.trust,
		    buf_bytes(&chain[i].der), NULL) :
		    x509_trust_add_intermediate(w.trust,
		    buf_bytes(&chain[i].der), NULL), ERR_OK);
	}
	key_make(KEY_P256, &w.key, NULL);
	p = device_profile(&chain[count - 2]);
	leaf_make(&w, &p, &chain[count - 2], &leaf);
	verdict = verdict_at(&w, buf_bytes(&leaf), TIME_2026, 0);
	while (i-- > 0)
		authority_release(&chain[i]);
	x509_trust_free(&w.trust);
	return verdict;
}

static void
test_chain_limit(void **state)
{
	(void)state;
	assert_int_equal(long_chain_verdict(X509_CHAIN_MAX), X509_ACCEPT);
	assert_int_not_equal(long_chain_verdict(X509_CHAIN_MAX + 1),
	    X509_ACCEPT);
}

/* What a profile for constrained devices may leave out. */
static void
test_optional_fields(void **state)
{
	struct world *w = *state;
	struct certificate_profile p = device_profile(&w->ca);
	_cleanup_buf_ struct buf leaf = BUF_INIT;

	p.issuer_key_id = BYTES_NONE;
	p.with_ski = false;
	p.crl_prefix = p.ocsp_url = p.ca_issuers_url = NULL;
	leaf_make(w, &p, &w->ca, &leaf);
	assert_int_equal(verdict_at(w, buf_bytes(&leaf), TIME_2026,
	    EKU_CLIENT_AUTH), X509_ACCEPT);
	leaf_make(w, &p, &w->stranger, &leaf);
	assert_int_equal(verdict_at(w, buf_bytes(&leaf), TIME_2026,
	    EKU_CLIENT_AUTH), X509_DENY_SIGNATURE);
}

static void
test_bad_input(void **state)
{
	enum x509_verdict verdict;
	struct world *w = *state;
	const struct certificate_profile p = device_profile(&w->ca);
	_cleanup_buf_ struct buf leaf = BUF_INIT;
	struct x509_info info;
	struct diag diag = DIAG_INIT;
	size_t len;

	leaf_make(w, &p, &w->ca, &leaf);
	for (len = 0; len < leaf.len; len++) {
		verdict = X509_ACCEPT;
		assert_int_equal(x509_verify(w->trust, bytes_of(leaf.ptr,
		    len), TIME_2026, 0, &verdict, NULL, 0, NULL), ERR_SYNTAX);
		assert_int_equal(verdict, X509_DENY_INCOMPLETE);
		assert_int_equal(x509_read(bytes_of(leaf.ptr, len), &info,
		    NULL), ERR_SYNTAX);
	}
	buf_put_u8(&leaf, 0);
	assert_int_equal(x509_read(buf_bytes(&leaf), &info, &diag),
	    ERR_SYNTAX);
	assert_string_equal(diag.what, "certificate: 1 octets follow it");
	/* roots: self-signed CA certificates only */
	assert_int_equal(x509_trust_add_root(w->trust, bytes_of(leaf.ptr,
	    leaf.len - 1), NULL), ERR_INVALID);
	assert_int_equal(x509_trust_add_root(w->trust, buf_bytes(&w->ca.der),
	    NULL), ERR_INVALID);
	assert_int_equal(x509_trust_add_root(w->trust, buf_bytes(&leaf),
	    NULL), ERR_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_times),
		TEST(test_extended_key_usage),
		TEST(test_issuer_limited_to_a_purpose),
		TEST(test_foreign_root),
		TEST(test_forged),
		TEST(test_tampered),
		TEST(test_issuer_is_no_ca),
		TEST(test_path_length),
		TEST(test_chain_limit),
		TEST(test_optional_fields),
		TEST(test_bad_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
