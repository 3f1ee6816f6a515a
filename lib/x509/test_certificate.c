#include "lib/x509/test_make.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct authority root = AUTHORITY_INIT;

static int
group_setup(void **state)
{
	(void)state;
	authority_make(&root, "Root", -1, NULL);
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	authority_release(&root);
	return 0;
}

static void
sample_good(struct bytes der, const struct certificate_profile *p,
    const struct filling *f)
{
	struct diag diag = DIAG_INIT;

	if (x509_check_sample(der, p, f->fields, &root.key, &diag) != ERR_OK)
		fail_msg("%s %s", diag.what, diag.ref);
}

static void
test_root_is_read_back(void **state)
{
	struct x509_info info;
	_cleanup_buf_ struct buf name = BUF_INIT;

	(void)state;
	assert_int_equal(x509_read(buf_bytes(&root.der), &info, NULL), ERR_OK);
	assert_true(info.ca);
	assert_int_equal(info.key_usage, KU_KEY_CERT_SIGN | KU_CRL_SIGN);
	assert_int_equal(info.extended_key_usage, 0);
	assert_string_equal(info.common_name, "Root");
	assert_string_equal(info.organization, "Example Imaging");
	assert_string_equal(info.serial_number, "");
	assert_int_equal(info.not_before, TIME_2026);
	assert_int_equal(info.not_after, TIME_2046);
	assert_memory_equal(info.key_id, root.key_id, KEY_ID_SIZE);
	assert_int_equal(x509_subject(buf_bytes(&root.der), &name, NULL),
	    ERR_OK);
	assert_true(bytes_equal(buf_bytes(&name), buf_bytes(&root.name)));
}

static void
test_device_is_read_back(void **state)
{
	const struct certificate_profile p = device_profile(&root);
	_cleanup_filling_ struct filling f = { .validity = BUF_INIT };
	_cleanup_buf_ struct buf der = BUF_INIT;
	struct public_key key;
	struct x509_info info;

	(void)state;
	key_make(KEY_P256, &key, NULL);
	filling_make(&f, &key);
	certificate_make(&p, &f, root.signer, &der);
	sample_good(buf_bytes(&der), &p, &f);
	assert_int_equal(x509_read(buf_bytes(&der), &info, NULL), ERR_OK);
	assert_false(info.ca);
	assert_int_equal(info.key_usage, KU_DIGITAL_SIGNATURE);
	assert_int_equal(info.extended_key_usage, EKU_CLIENT_AUTH);
	assert_string_equal(info.common_name,
	    "0100112233445566778899aabbccddeeff");
	assert_string_equal(info.serial_number, "CAM-000017");
	assert_int_equal(info.public_key.alg, KEY_P256);
	assert_memory_equal(info.public_key.raw, key.raw, key.len);
	assert_memory_equal(info.key_id, f.key_id, KEY_ID_SIZE);
	assert_int_equal(info.issuer_key_id_len, KEY_ID_SIZE);
	assert_memory_equal(info.issuer_key_id, root.key_id, KEY_ID_SIZE);
	assert_int_equal(info.serial_len, 4);
}

/* Other kinds of certificate. */
static void
profile_vary_kind(struct certificate_profile *p, int variant)
{
	switch (variant) {
	case 14:
		p->common_name = "server 1";
		p->dns_name = "a.example";
		p->extended_key_usage = EKU_SERVER_AUTH;
		break;
	case 15:
		p->extended_key_usage = EKU_SERVER_AUTH | EKU_CLIENT_AUTH |
		    EKU_DOCUMENT_SIGNING;
		break;
	case 16:
		p->key_usage = KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT;
		break;
	case 17:
		p->subject_alg = KEY_X25519;
		p->key_usage = KU_KEY_AGREEMENT;
		p->extended_key_usage = 0;
		break;
	case 18:
		p->subject_alg = KEY_ED25519;
		break;
	case 19:
		*p = ca_profile(&root, "CA", 0);
		break;
	case 20:
		*p = ca_profile(&root, "CA", 200);
		break;
	case 21:
		*p = ca_profile(&root, "CA", -1);
		p->key_usage = KU_KEY_CERT_SIGN;
		break;
	case 22:
		memset(p, 0, sizeof(*p));
		p->issuer_name = buf_bytes(&root.name);
		p->subject_alg = KEY_P256;
		break;
	default:
		fail();
	}
}

/* Every field a profile can leave out or put in, one after the other. */
static void
profile_vary(struct certificate_profile *p, int variant)
{
	switch (variant) {
	case 0:
		p->issuer_key_id = BYTES_NONE;
		break;
	case 1:
		p->organization = NULL;
		break;
	case 2:
		p->with_serial_number = false;
		break;
	case 3:
		p->with_ski = false;
		break;
	case 4:
		p->crl_prefix = NULL;
		break;
	case 5:
		p->crl_partitioned = false;
		break;
	case 6:
		p->crl_suffix = NULL;
		break;
	case 7:
		p->crl_suffix = "";
		break;
	case 8:
		p->ocsp_url = NULL;
		break;
	case 9:
		p->ca_issuers_url = NULL;
		break;
	case 10:
		p->ocsp_url = p->ca_issuers_url = NULL;
		break;
	case 11:
		p->extended_key_usage = 0;
		break;
	case 12:
		p->key_usage = 0;
		break;
	case 13:
		p->organization = "M\xc3\xbcller \xe5\x85\x89\xe5\xad\xa6 AG";
		break;
	default:
		profile_vary_kind(p, variant);
		break;
	}
}
#define VARIANTS	23

static void
test_profiles(void **state)
{
	struct certificate_profile p;
	int i;

	(void)state;
	for (i = 0; i < VARIANTS; i++) {
		_cleanup_filling_ struct filling f = { .validity = BUF_INIT };
		_cleanup_buf_ struct buf der = BUF_INIT;
		struct public_key key;
		struct x509_info info;

		p = device_profile(&root);
		profile_vary(&p, i);
		key_make(p.subject_alg, &key, NULL);
		filling_make(&f, &key);
		certificate_make(&p, &f, root.signer, &der);
		sample_good(buf_bytes(&der), &p, &f);
		assert_int_equal(x509_read(buf_bytes(&der), &info, NULL),
		    ERR_OK);
		assert_string_equal(info.organization,
		    p.organization == NULL ? "" : p.organization);
		assert_int_equal(info.public_key.alg, p.subject_alg);
		assert_int_equal(info.ca, p.ca);
		print_message("profile %d: %zu octets\n", i, der.len);
	}
}

/*
 * A certificate for a key of each algorithm, with every key usage it can
 * have, passes the sample's rules, the reader and path validation; a usage it
 * cannot have is refused.
 */
static void
test_algorithms(void **state)
{
	static const unsigned usages[] = { KU_DIGITAL_SIGNATURE,
		KU_CONTENT_COMMITMENT, KU_KEY_ENCIPHERMENT, KU_KEY_AGREEMENT };
	static const unsigned needed[] = { KEY_SIGNS, KEY_SIGNS, KEY_DECRYPTS,
		KEY_AGREES };
	_cleanup_x509_trust_ struct x509_trust *trust = NULL;
	const struct key_algorithm *a;
	struct certificate_profile p;
	enum x509_verdict verdict;
	struct x509_info info;
	struct public_key key;
	size_t i, n;

	(void)state;
	assert_int_equal(x509_trust_new(&trust, NULL), ERR_OK);
	assert_int_equal(x509_trust_add_root(trust, buf_bytes(&root.der),
	    NULL), ERR_OK);
	for (i = 0; (a = key_algorithm_at(i)) != NULL; i++) {
		if (key_alg_available(a->alg, NULL) != ERR_OK) {
			print_message("%s is skipped: it needs OpenSSL %s\n",
			    a->name, a->needs);
			continue;
		}
		key_make(a->alg, &key, NULL);
		for (n = 0; n < sizeof(usages) / sizeof(usages[0]); n++) {
			_cleanup_filling_ struct filling f = {
				.validity = BUF_INIT };
			_cleanup_form_ struct form *form = NULL;
			_cleanup_buf_ struct buf der = BUF_INIT;

			p = device_profile(&root);
			p.subject_alg = a->alg;
			p.key_usage = usages[n];
			if ((a->can & needed[n]) == 0) {
				assert_int_equal(certificate_form(&p, &form,
				    NULL), ERR_INVALID);
				continue;
			}
			filling_make(&f, &key);
			certificate_make(&p, &f, root.signer, &der);
			sample_good(buf_bytes(&der), &p, &f);
			assert_int_equal(x509_read(buf_bytes(&der), &info,
			    NULL), ERR_OK);
			assert_true(public_key_equal(&info.public_key, &key));
			assert_memory_equal(info.key_id, f.key_id,
			    KEY_ID_SIZE);
			assert_int_equal(info.key_usage, usages[n]);
			assert_int_equal(x509_verify(trust, buf_bytes(&der),
			    TIME_2026 + 1, 0, &verdict, NULL, 0, NULL),
			    ERR_OK);
			assert_int_equal(verdict, X509_ACCEPT);
		}
	}
}

/* Each variant's certificate fails under the profile it varies. */
static void
test_sample_of_another_profile(void **state)
{
	const struct certificate_profile plain = device_profile(&root);
	struct certificate_profile p;
	int i;

	(void)state;
	for (i = 0; i < VARIANTS; i++) {
		_cleanup_filling_ struct filling f = { .validity = BUF_INIT };
		_cleanup_buf_ struct buf der = BUF_INIT;
		struct diag diag = DIAG_INIT;
		struct public_key key;

		p = plain;
		profile_vary(&p, i);
		key_make(p.subject_alg, &key, NULL);
		filling_make(&f, &key);
		certificate_make(&p, &f, root.signer, &der);
		assert_int_equal(x509_check_sample(buf_bytes(&der), &plain,
		    f.fields, &root.key, &diag), ERR_INTERNAL);
		assert_true(diag.what[0] != '\0' && diag.ref[0] != '\0');
	}
}

static void
test_sample_of_other_fields(void **state)
{
	const struct certificate_profile p = device_profile(&root);
	_cleanup_filling_ struct filling f = { .validity = BUF_INIT };
	_cleanup_filling_ struct filling g = { .validity = BUF_INIT };
	_cleanup_buf_ struct buf der = BUF_INIT;
	struct bytes changed[CERT_FIELDS];
	struct public_key key, other;
	size_t i;

	(void)state;
	key_make(KEY_P256, &key, NULL);
	key_make(KEY_P256, &other, NULL);
	filling_make(&f, &key);
	filling_make(&g, &other);
	filling_times(&g, TIME_2026 + 1, TIME_2046);
	g.fields[CERT_FIELD_SERIAL] = bytes_text("\x01\x02\x03");
	g.fields[CERT_FIELD_COMMON_NAME] = bytes_text("01");
	g.fields[CERT_FIELD_SERIAL_NUMBER] = bytes_text("CAM-000018");
	g.fields[CERT_FIELD_PARTITION] = bytes_text("0000002b");
	certificate_make(&p, &f, root.signer, &der);
	sample_good(buf_bytes(&der), &p, &f);
	for (i = 0; i < CERT_FIELDS; i++) {
		memcpy(changed, f.fields, sizeof(changed));
		changed[i] = g.fields[i];
		assert_int_equal(x509_check_sample(buf_bytes(&der), &p,
		    changed, &root.key, NULL), ERR_INTERNAL);
	}
	assert_int_equal(x509_check_sample(buf_bytes(&der), &p, f.fields,
	    &other, NULL), ERR_INTERNAL);
}

static void
test_every_patched_octet(void **state)
{
	const struct certificate_profile p = device_profile(&root);
	_cleanup_filling_ struct filling f = { .validity = BUF_INIT };
	_cleanup_buf_ struct buf der = BUF_INIT;
	struct public_key key;
	size_t i;

	(void)state;
	key_make(KEY_P256, &key, NULL);
	filling_make(&f, &key);
	certificate_make(&p, &f, root.signer, &der);
	for (i = 0; i < der.len; i++) {
		der.ptr[i] ^= (uint8_t)(1 << (i % 8));
		assert_int_equal(x509_check_sample(buf_bytes(&der), &p,
		    f.fields, &root.key, NULL), ERR_INTERNAL);
		der.ptr[i] ^= (uint8_t)(1 << (i % 8));
	}
	buf_put_u8(&der, 0);
	assert_int_equal(x509_check_sample(buf_bytes(&der), &p, f.fields,
	    &root.key, NULL), ERR_INTERNAL);
	sample_good(bytes_of(der.ptr, der.len - 1), &p, &f);
}

static void
test_times(void **state)
{
	static const struct {
		const char	*from, *to;
		const char	*der;	/* of the Validity, as text */
	} times[] = {
		{ "1970-01-01T00:00:00Z", "1999-12-31T23:59:59Z",
		    "0\x1e\x17\x0d" "700101000000Z\x17\x0d" "991231235959Z" },
		{ "2000-02-29T00:00:01Z", "2049-12-31T23:59:59Z",
		    "0\x1e\x17\x0d" "000229000001Z\x17\x0d" "491231235959Z" },
		{ "2049-12-31T23:59:59Z", "2050-01-01T00:00:00Z",
		    "0\x20\x17\x0d" "491231235959Z\x18\x0f" "20500101000000Z" },
		{ "2050-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
		    "0\x22\x18\x0f" "20500101000000Z\x18\x0f"
		    "99991231235959Z" },
	};
	const struct certificate_profile p = device_profile(&root);
	struct public_key key;
	size_t i;

	(void)state;
	key_make(KEY_P256, &key, NULL);
	for (i = 0; i < COUNT(times); i++) {
		_cleanup_filling_ struct filling f = { .validity = BUF_INIT };
		_cleanup_buf_ struct buf der = BUF_INIT;
		struct x509_info info;
		int64_t from, to;

		assert_int_equal(time_parse(times[i].from, &from), ERR_OK);
		assert_int_equal(time_parse(times[i].to, &to), ERR_OK);
		filling_make(&f, &key);
		filling_times(&f, from, to);
		assert_true(bytes_equal(buf_bytes(&f.validity),
		    bytes_text(times[i].der)));
		certificate_make(&p, &f, root.signer, &der);
		sample_good(buf_bytes(&der), &p, &f);
		assert_int_equal(x509_read(buf_bytes(&der), &info, NULL),
		    ERR_OK);
		assert_true(info.not_before == from && info.not_after == to);
	}
}

static void
test_refused_times(void **state)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(certificate_put_validity(&b, 2, 1), ERR_INVALID);
	assert_int_equal(certificate_put_validity(&b, -1, 1), ERR_INVALID);
	assert_int_equal(certificate_put_validity(&b, 0, TIME_MAX_S + 1),
	    ERR_INVALID);
}

static void
test_serial_numbers(void **state)
{
	static const struct {
		const char	*serial;
		bool		 good;
	} serials[] = {
		{ "01", true }, { "7f", true }, { "0080", true },
		{ "00ffffffffffffffffffffffffffffffffffffff", true },
		{ "7fffffffffffffffffffffffffffffffffffffff", true },
		{ "0100000000000000000000000000000000", true },
		{ "", false }, { "00", false }, { "80", false },
		{ "007f", false }, { "0000ff", false },
		{ "010000000000000000000000000000000000000000", false },
	};
	const struct certificate_profile p = device_profile(&root);
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	_cleanup_form_ struct form *form = NULL;
	_cleanup_filling_ struct filling f = { .validity = BUF_INIT };
	uint8_t serial[SERIAL_MAX + 1], sig[SIGNATURE_SIZE];
	struct public_key key;
	size_t i, len;

	(void)state;
	key_make(KEY_P256, &key, NULL);
	filling_make(&f, &key);
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(certificate_form(&p, &form, NULL), ERR_OK);
	for (i = 0; i < COUNT(serials); i++) {
		_cleanup_buf_ struct buf tbs = BUF_INIT, der = BUF_INIT;
		struct x509_info info;

		assert_int_equal(hex_decode(serials[i].serial, serial,
		    sizeof(serial), &len), ERR_OK);
		f.fields[CERT_FIELD_SERIAL] = bytes_of(serial, len);
		assert_int_equal(certificate_sign(form, f.fields, root.signer,
		    sha256, &tbs, &der, sig),
		    serials[i].good ? ERR_OK : ERR_INVALID);
		if (!serials[i].good)
			continue;
		sample_good(buf_bytes(&der), &p, &f);
		assert_int_equal(x509_read(buf_bytes(&der), &info, NULL),
		    ERR_OK);
		assert_true(bytes_equal(bytes_of(info.serial,
		    info.serial_len), bytes_of(serial, len)));
	}
}

static void
test_refused_fields(void **state)
{
	static const char long_text[] = "0123456789012345678901234567890123456"
	    "7890123456789012345678901234";	/* 65 */
	static const struct {
		enum certificate_field	field;
		const char		*value;
	} bad[] = {
		{ CERT_FIELD_COMMON_NAME, "" },
		{ CERT_FIELD_COMMON_NAME, long_text },
		{ CERT_FIELD_COMMON_NAME, "a\xff" },
		{ CERT_FIELD_COMMON_NAME, "a\xed\xa0\x80" },
		{ CERT_FIELD_COMMON_NAME, "a\xc0\x80" },
		{ CERT_FIELD_COMMON_NAME, "a\nb" },
		{ CERT_FIELD_SERIAL_NUMBER, "" },
		{ CERT_FIELD_SERIAL_NUMBER, long_text },
		{ CERT_FIELD_SERIAL_NUMBER, "A*1" },
		{ CERT_FIELD_SERIAL_NUMBER, "A_1" },
		{ CERT_FIELD_SERIAL_NUMBER, "\xc3\xa4" },
		{ CERT_FIELD_PARTITION, "2a" },
		{ CERT_FIELD_PARTITION, "0000002a0" },
		{ CERT_FIELD_KEY_ID, "short" },
	};
	const struct certificate_profile p = device_profile(&root);
	_cleanup_buf_ struct buf tbs = BUF_INIT, der = BUF_INIT;
	_cleanup_form_ struct form *form = NULL;
	uint8_t sig[SIGNATURE_SIZE] = { 0 };
	struct public_key key;
	size_t i;

	(void)state;
	key_make(KEY_P256, &key, NULL);
	assert_int_equal(certificate_form(&p, &form, NULL), ERR_OK);
	for (i = 0; i < COUNT(bad); i++) {
		_cleanup_filling_ struct filling f = { .validity = BUF_INIT };

		filling_make(&f, &key);
		assert_int_equal(certificate_rebuild(form, f.fields, sig,
		    &tbs, &der), ERR_OK);
		f.fields[bad[i].field] = bytes_text(bad[i].value);
		assert_int_equal(certificate_rebuild(form, f.fields, sig,
		    &tbs, &der), ERR_INVALID);
		f.fields[bad[i].field] = BYTES_NONE;
		assert_int_equal(certificate_rebuild(form, f.fields, sig,
		    &tbs, &der), ERR_INTERNAL);
	}
}

/* What each of these profiles has is not allowed. */
static void
profile_spoil(struct certificate_profile *p, int variant)
{
	static const char long_name[] = "0123456789012345678901234567890123456"
	    "7890123456789012345678901234";	/* 65 */

	switch (variant) {
	case 0:
		p->organization = "";
		break;
	case 1:
		p->organization = long_name;
		break;
	case 2:
		p->organization = "\xff";
		break;
	case 3:
		p->common_name = "";
		break;
	case 4:
		p->crl_prefix = "http://a b/";
		break;
	case 5:
		p->crl_prefix = "";
		break;
	case 6:
		p->crl_suffix = "\xc3\xa4";
		break;
	case 7:
		p->ocsp_url = "";
		break;
	case 8:
		p->ca_issuers_url = "http://\x7f/";
		break;
	case 9:
		p->dns_name = "a b";
		break;
	case 10:
		p->issuer_name = BYTES_NONE;
		break;
	case 11:
		p->issuer_key_id.len = 19;
		break;
	case 12:
		p->key_usage = 1 << 8;
		break;
	case 13:
		p->extended_key_usage = EKU_OTHER;
		break;
	case 14:
		p->key_usage = KU_KEY_CERT_SIGN;
		break;
	case 15:
		p->key_usage = KU_CRL_SIGN;
		break;
	case 16:
		p->ca = true;
		break;
	case 17:
		p->subject_alg = KEY_X25519;
		break;
	case 18:
		p->subject_alg = KEY_ED25519;
		p->key_usage = KU_KEY_AGREEMENT;
		break;
	case 19:
		p->subject_alg = (enum key_alg)99;
		break;
	default:
		fail();
	}
}

static void
test_refused_profiles(void **state)
{
	struct certificate_profile p;
	int i;

	(void)state;
	for (i = 0; i < 20; i++) {
		struct form *form = NULL;
		struct diag diag = DIAG_INIT;

		p = device_profile(&root);
		profile_spoil(&p, i);
		assert_int_equal(certificate_form(&p, &form, &diag),
		    ERR_INVALID);
		assert_int_equal(diag.code, ERR_INVALID);
		assert_int_equal(strncmp(diag.what, "certificate profile: ",
		    21), 0);
		assert_null(form);
	}
}

static void
test_rebuild(void **state)
{
	const struct certificate_profile p = device_profile(&root);
	_cleanup_buf_ struct buf tbs = BUF_INIT, a = BUF_INIT, b = BUF_INIT;
	_cleanup_form_ struct form *form = NULL, *stored = NULL;
	_cleanup_filling_ struct filling f = { .validity = BUF_INIT };
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	_cleanup_buf_ struct buf encoded = BUF_INIT;
	uint8_t sig[SIGNATURE_SIZE];
	struct public_key key;
	int i;

	(void)state;
	key_make(KEY_P256, &key, NULL);
	filling_make(&f, &key);
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(certificate_form(&p, &form, NULL), ERR_OK);
	assert_int_equal(form_encode(form, &encoded), ERR_OK);
	assert_int_equal(form_decode(buf_bytes(&encoded), &stored, NULL),
	    ERR_OK);
	/* signatures of several lengths; out is appended to */
	for (i = 0; i < 50; i++) {
		assert_int_equal(certificate_sign(form, f.fields, root.signer,
		    sha256, &tbs, &a, sig), ERR_OK);
		assert_int_equal(certificate_rebuild(stored, f.fields, sig,
		    &tbs, &b), ERR_OK);
	}
	assert_true(bytes_equal(buf_bytes(&a), buf_bytes(&b)));
}

/* Not a limit, a figure to look at. */
static void
test_cost(void **state)
{
	const struct certificate_profile p = device_profile(&root);
	_cleanup_buf_ struct buf tbs = BUF_INIT, der = BUF_INIT;
	_cleanup_filling_ struct filling f = { .validity = BUF_INIT };
	_cleanup_form_ struct form *form = NULL;
	uint8_t sig[SIGNATURE_SIZE];
	struct public_key key;
	int64_t start;
	int i;

	(void)state;
	memset(sig, 0x7f, sizeof(sig));
	key_make(KEY_P256, &key, NULL);
	filling_make(&f, &key);
	assert_int_equal(certificate_form(&p, &form, NULL), ERR_OK);
	start = time_monotonic_ns();
	for (i = 0; i < 20000; i++) {
		buf_clear(&der);
		assert_int_equal(certificate_rebuild(form, f.fields, sig, &tbs,
		    &der), ERR_OK);
	}
	print_message("%zu octets, encoded in %lld ns\n", der.len,
	    (long long)(time_monotonic_ns() - start) / 20000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root_is_read_back),
		cmocka_unit_test(test_device_is_read_back),
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_algorithms),
		cmocka_unit_test(test_sample_of_another_profile),
		cmocka_unit_test(test_sample_of_other_fields),
		cmocka_unit_test(test_every_patched_octet),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_refused_times),
		cmocka_unit_test(test_serial_numbers),
		cmocka_unit_test(test_refused_fields),
		cmocka_unit_test(test_refused_profiles),
		cmocka_unit_test(test_rebuild),
		cmocka_unit_test(test_cost),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
