/*
 * CRLs written here are read by OpenSSL's parser and by ours. Called with a
 * directory, it leaves samples there for tests/e2e/test_status_formats.py
 * instead.
 */
#include "lib/x509/test_crl_make.h"
#include "lib/x509/x509_internal.h"
#include "tests/support/io_fault.h"

#define TIME_2050	INT64_C(2524608000)

static struct authority bulk = AUTHORITY_INIT;

static void
crl_cleanup(X509_CRL **crl)
{
	X509_CRL_free(*crl);
}

static void
pkey_of(const struct public_key *key, EVP_PKEY **ret)
{
	_cleanup_buf_ struct buf spki = BUF_INIT;
	const uint8_t *at;

	public_key_put_spki(&spki, key);
	at = spki.ptr;
	*ret = d2i_PUBKEY(NULL, &at, (long)spki.len);
	assert_non_null(*ret);
}

static int64_t
time_of(const ASN1_TIME *time)
{
	struct tm tm;

	assert_int_equal(ASN1_TIME_to_tm(time, &tm), 1);
	return timegm(&tm);
}

/* OpenSSL's word on it: whole, signed, re-encoded to the same octets. */
static X509_CRL *
openssl_read(const struct buf *der)
{
	_cleanup_pkey_ EVP_PKEY *key = NULL;
	_cleanup_octets_ uint8_t *again = NULL;
	const uint8_t *at = der->ptr;
	X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)der->len);
	struct crl read;

	assert_non_null(crl);
	assert_true(at == der->ptr + der->len);
	assert_int_equal(X509_CRL_get_version(crl), X509_CRL_VERSION_2);
	pkey_of(&bulk.key, &key);
	assert_int_equal(X509_CRL_verify(crl, key), 1);
	assert_int_equal(crl_parse(buf_bytes(der), &read, NULL), ERR_OK);
	assert_int_equal(i2d_re_X509_CRL_tbs(crl, &again), read.tbs.len);
	assert_memory_equal(again, read.tbs.ptr, read.tbs.len);
	return crl;
}

static void
check_entry(X509_REVOKED *r, const struct crl_entry *e)
{
	const ASN1_INTEGER *serial = X509_REVOKED_get0_serialNumber(r);
	ASN1_ENUMERATED *reason;
	int critical;

	assert_int_equal(ASN1_STRING_length(serial),
	    e->serial.len - (e->serial.ptr[0] == 0 ? 1 : 0));
	assert_memory_equal(ASN1_STRING_get0_data(serial),
	    e->serial.ptr + (e->serial.ptr[0] == 0 ? 1 : 0),
	    (size_t)ASN1_STRING_length(serial));
	assert_true(time_of(X509_REVOKED_get0_revocationDate(r)) == e->revoked);
	reason = X509_REVOKED_get_ext_d2i(r, NID_crl_reason, &critical, NULL);
	if (e->reason == CRL_UNSPECIFIED) {
		assert_null(reason);
		return;
	}
	assert_int_equal(critical, 0);
	assert_int_equal(ASN1_ENUMERATED_get(reason), e->reason);
	ASN1_ENUMERATED_free(reason);
}

static const uint8_t serials[5][SERIAL_MAX] = {
	{ 0x01, 0x10, 0x20 }, { 0x00, 0x80 }, { 0x7f }, { 0x05 }, { 0x06 },
};
static const struct crl_entry entries[] = {
	{ { serials[0], 17 }, TIME_2026, CRL_KEY_COMPROMISE },
	{ { serials[1], 2 }, TIME_2026 + 86399, CRL_UNSPECIFIED },
	{ { serials[2], 20 }, TIME_2026 + 3723, CRL_CERTIFICATE_HOLD },
	{ { serials[3], 1 }, TIME_2050 - 1, CRL_AA_COMPROMISE },
	{ { serials[4], 1 }, TIME_2050, CRL_UNSPECIFIED },
};
#define ENTRIES	(sizeof(entries) / sizeof(entries[0]))

static void
test_openssl(void **state)
{
	struct crl_head head = crl_head_of(&bulk, UINT64_MAX, TIME_2026,
	    TIME_2050);
	__attribute__((cleanup(crl_cleanup))) X509_CRL *crl = NULL;
	_cleanup_buf_ struct buf der = BUF_INIT;
	STACK_OF(X509_REVOKED) *list;
	AUTHORITY_KEYID *akid;
	ASN1_INTEGER *number;
	uint64_t value;
	size_t i;

	(void)state;
	crl_make(&head, entries, ENTRIES, bulk.signer, &der);
	crl = openssl_read(&der);
	assert_true(time_of(X509_CRL_get0_lastUpdate(crl)) == TIME_2026);
	assert_true(time_of(X509_CRL_get0_nextUpdate(crl)) == TIME_2050);
	assert_int_equal(X509_CRL_get_ext_count(crl), 2);
	akid = X509_CRL_get_ext_d2i(crl, NID_authority_key_identifier, NULL,
	    NULL);
	assert_non_null(akid);
	assert_int_equal(akid->keyid->length, KEY_ID_SIZE);
	assert_memory_equal(akid->keyid->data, bulk.key_id, KEY_ID_SIZE);
	AUTHORITY_KEYID_free(akid);
	number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	assert_int_equal(ASN1_INTEGER_get_uint64(&value, number), 1);
	assert_true(value == UINT64_MAX);
	ASN1_INTEGER_free(number);
	list = X509_CRL_get_REVOKED(crl);
	assert_int_equal(sk_X509_REVOKED_num(list), ENTRIES);
	for (i = 0; i < ENTRIES; i++)
		check_entry(sk_X509_REVOKED_value(list, (int)i), &entries[i]);
}

static void
test_empty(void **state)
{
	struct crl_head head = crl_head_of(&bulk, 0, 0, 1);
	__attribute__((cleanup(crl_cleanup))) X509_CRL *crl = NULL;
	_cleanup_crl_index_ struct crl_index *index = NULL;
	_cleanup_buf_ struct buf der = BUF_INIT;
	struct crl read;

	(void)state;
	crl_make(&head, NULL, 0, bulk.signer, &der);
	crl = openssl_read(&der);
	assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), -1);
	assert_int_equal(crl_parse(buf_bytes(&der), &read, NULL), ERR_OK);
	assert_int_equal(crl_index_new(&read, &index, NULL), ERR_OK);
	assert_int_equal(crl_index_count(index), 0);
}

#define SWEEP	2100

/* Sizes over the borders of length octets and of the writer's blocks: the
 * first serial number steers octet by octet. */
static void
test_sizes(void **state)
{
	static const size_t starts[] = { 0, 2083 };
	static uint8_t numbers[SWEEP][3];
	static struct crl_entry many[SWEEP];
	struct crl_head head = crl_head_of(&bulk, 1, TIME_2026, TIME_2050);
	size_t i, count, start, small = 0, large = 0;

	(void)state;
	for (i = 0; i < SWEEP; i++) {
		put_be16(numbers[i] + 1, (uint16_t)i);
		numbers[i][0] = 1;
		many[i] = (struct crl_entry){ .serial = bytes_of(numbers[i],
		    3), .revoked = TIME_2026 + (int64_t)i * 7001,
		    .reason = i % 3 ? CRL_SUPERSEDED : CRL_UNSPECIFIED };
	}
	for (i = 0; i < 120; i++) {
		__attribute__((cleanup(crl_cleanup))) X509_CRL *crl = NULL;
		_cleanup_buf_ struct buf der = BUF_INIT;

		start = i / 60;
		count = starts[start] + i % 60 / 17;
		many[0].serial = bytes_of("\1\1\1\1\1\1\1\1\1\1\1\1"
		    "\1\1\1\1\1\1\1\1", 4 + i % 17);
		crl_make(&head, many, count, bulk.signer, &der);
		crl = openssl_read(&der);
		assert_int_equal(sk_X509_REVOKED_num(
		    X509_CRL_get_REVOKED(crl)), count == 0 ? -1 : (int)count);
		small += start == 1 && der.ptr[1] == 0x82;
		large += start == 1 && der.ptr[1] == 0x83;
	}
	assert_true(small > 0 && large > 0);
}

/* One octet of the subject more at a time, over the border of the outermost
 * length: where the signature's own length decides the size of the head. */
static void
test_head_borders(void **state)
{
	struct crl_head head = crl_head_of(&bulk, 1, TIME_2026, TIME_2050);
	size_t heads[2] = { 0, 0 };
	char name[65];
	size_t i;

	(void)state;
	for (i = 1; i < 128; i++) {
		__attribute__((cleanup(crl_cleanup))) X509_CRL *crl = NULL;
		_cleanup_buf_ struct buf der = BUF_INIT, issuer = BUF_INIT;

		memset(name, 'x', sizeof(name));
		name[i / 2] = '\0';
		certificate_put_name(&issuer, i % 2 ? "o" : "oo", name);
		if (buf_err(&issuer) != ERR_OK)
			continue;
		head.issuer_name = buf_bytes(&issuer);
		crl_make(&head, NULL, 0, bulk.signer, &der);
		crl = openssl_read(&der);
		assert_non_null(crl);
		heads[der.ptr[1] == 0x81 ? 0 : 1]++;
	}
	assert_true(heads[0] > 0 && heads[1] > 0);
}

static void
expect_refused(enum err expected, struct crl_head head,
    const struct crl_entry *e, struct signer *signer)
{
	_cleanup_crl_writer_ struct crl_writer *w = NULL;
	_cleanup_file_ struct file file = FILE_INIT;
	struct diag diag = DIAG_INIT;
	uint64_t size = 0;
	enum err err;

	crl_file_open(&file);
	err = crl_writer_new(&head, signer, &file, &w, &diag);
	assert_true((err == ERR_OK) == (w != NULL));
	if (!err && e != NULL)
		err = crl_writer_add(w, e, &diag);
	if (!err)
		err = crl_writer_end(w, &size, &diag);
	assert_int_equal(err, expected);
	assert_int_equal(diag.code, expected);
	assert_true(diag.what[0] != '\0');
	assert_true(size == 0);
}

static void
test_refused(void **state)
{
	const struct crl_head good = crl_head_of(&bulk, 1, TIME_2026,
	    TIME_2050);
	static const uint8_t minus[] = { 0x80 }, zero[] = { 0, 0x7f };
	static const uint8_t name[65536] = { 0 };
	_cleanup_signer_ struct signer *ed25519 = NULL;
	struct crl_entry e = entries[0];
	struct public_key key;
	struct crl_head head;

	(void)state;
	key_make(KEY_ED25519, &key, &ed25519);
	expect_refused(ERR_UNSUPPORTED, good, NULL, ed25519);
#define HEAD(expected, change)						\
	head = good;							\
	change;								\
	expect_refused(expected, head, NULL, bulk.signer);
	HEAD(ERR_INVALID, head.next_update = head.this_update)
	HEAD(ERR_INVALID, head.this_update = -1)
	HEAD(ERR_INVALID, head.next_update = TIME_MAX_S + 1)
	HEAD(ERR_INVALID, head.issuer_key_id.len = 19)
	HEAD(ERR_LIMIT, head.entries_size = CRL_SIZE_MAX)
	HEAD(ERR_LIMIT, head.issuer_name = bytes_of(name, sizeof(name)))
	HEAD(ERR_INTERNAL, head.entries_size = 1)
#undef HEAD
#define ENTRY(expected, change)						\
	e = entries[0];							\
	head = good;							\
	head.entries_size = 1000;					\
	change;								\
	expect_refused(expected, head, &e, bulk.signer);
	ENTRY(ERR_INVALID, e.serial.len = 0)
	ENTRY(ERR_INVALID, e.serial.len = SERIAL_MAX + 1)
	ENTRY(ERR_INVALID, e.serial = bytes_of(minus, 1))
	ENTRY(ERR_INVALID, e.serial = bytes_of(zero, 2))
	ENTRY(ERR_INVALID, e.reason = CRL_REMOVE_FROM_CRL)
	ENTRY(ERR_INVALID, e.reason = (enum crl_reason)7)
	ENTRY(ERR_INVALID, e.reason = (enum crl_reason)11)
	ENTRY(ERR_INVALID, e.reason = (enum crl_reason) - 1)
	ENTRY(ERR_INVALID, e.revoked = -1)
	ENTRY(ERR_INVALID, e.revoked = TIME_MAX_S + 1)
	ENTRY(ERR_INTERNAL, head.entries_size = 49)
	ENTRY(ERR_INTERNAL, head.entries_size = 51)
#undef ENTRY
}

/* What was refused leaves the writer as it was. */
static void
test_after_refusal(void **state)
{
	struct crl_head head = crl_head_of(&bulk, 1, TIME_2026, TIME_2050);
	_cleanup_crl_writer_ struct crl_writer *w = NULL;
	_cleanup_file_ struct file file = FILE_INIT;
	_cleanup_buf_ struct buf der = BUF_INIT;
	struct crl_entry e = entries[0];
	X509_CRL *crl;
	uint64_t size;
	uint8_t *at;

	(void)state;
	head.entries_size = 2 * crl_entry_size(17, TIME_2026,
	    CRL_KEY_COMPROMISE);
	crl_file_open(&file);
	assert_int_equal(crl_writer_new(&head, bulk.signer, &file, &w, NULL),
	    ERR_OK);
	assert_int_equal(crl_writer_add(w, &e, NULL), ERR_OK);
	e.revoked = -1;
	assert_int_equal(crl_writer_add(w, &e, NULL), ERR_INVALID);
	assert_int_equal(crl_writer_add(w, &e, NULL), ERR_INVALID);
	e.revoked = TIME_2026 + 1;
	assert_int_equal(crl_writer_add(w, &e, NULL), ERR_OK);
	assert_int_equal(crl_writer_end(w, &size, NULL), ERR_OK);
	at = buf_extend(&der, (size_t)size);
	assert_int_equal(file_read_at(&file, 0, at, der.len, NULL), ERR_OK);
	crl = openssl_read(&der);
	assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), 2);
	check_entry(sk_X509_REVOKED_value(X509_CRL_get_REVOKED(crl), 1), &e);
	X509_CRL_free(crl);
}

static enum err
write_faulty(const struct io_fault_plan *plan, const char *path,
    unsigned long *ret_count)
{
	struct crl_head head = crl_head_of(&bulk, 1, TIME_2026, TIME_2050);
	struct io *io = io_fault_new(plan);
	struct crl_writer *w = NULL;
	struct file file = FILE_INIT;
	uint64_t size = 0;
	enum err err;
	size_t i;

	head.entries_size = 5000 * crl_entry_size(17, TIME_2026,
	    CRL_KEY_COMPROMISE);
	err = file_open(io, path, O_RDWR | O_CREAT | O_TRUNC, 0600, &file,
	    NULL);
	if (!err)
		err = crl_writer_new(&head, bulk.signer, &file, &w, NULL);
	for (i = 0; !err && i < 5000; i++)
		err = crl_writer_add(w, &entries[0], NULL);
	if (!err)
		err = crl_writer_end(w, &size, NULL);
	assert_true((err == ERR_OK) == (size > 0));
	crl_writer_free(&w);
	file_release(&file);
	*ret_count = io_fault_count(io);
	io_fault_free(io);
	return err;
}

/* A disk that is full at any write is told, never passed over. */
static void
test_disk_full(void **state)
{
	struct io_fault_plan plan = { .kind = IO_FAULT_NONE };
	char path[] = "/tmp/imprint-crl-XXXXXX";
	unsigned long count, i, n;
	int fd;

	(void)state;
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(write_faulty(&plan, path, &count), ERR_OK);
	assert_true(count > 5);
	plan.kind = IO_FAULT_ENOSPC_ONCE;
	for (i = 1; i <= count; i++) {
		plan.at = i;
		assert_int_equal(write_faulty(&plan, path, &n), ERR_NOSPACE);
	}
	assert_int_equal(unlink(path), 0);
}

static void
sample_write(const char *dir, const char *name, const void *octets,
    size_t len)
{
	char path[PATH_SIZE];

	assert_int_equal(path_join(path, dir, name), ERR_OK);
	assert_int_equal(io_write_file(io_posix(), path, bytes_of(octets,
	    len), 0644, NULL), ERR_OK);
}

/* CA, a certificate each that is revoked, on hold and good, and the CRL. */
static void
samples_write(const char *dir)
{
	static const char *const names[] = { "revoked.der", "held.der",
		"good.der" };
	struct certificate_profile p = device_profile(&bulk);
	struct crl_head head = crl_head_of(&bulk, 258, TIME_2026, TIME_2050);
	_cleanup_buf_ struct buf der = BUF_INIT;
	struct crl_entry list[ENTRIES];
	struct public_key key;
	size_t i;

	memcpy(list, entries, sizeof(list));
	for (i = 0; i < 3; i++) {
		_cleanup_filling_ struct filling f = { .validity = BUF_INIT };

		key_make(KEY_P256, &key, NULL);
		filling_make(&f, &key);
		f.fields[CERT_FIELD_SERIAL] = i == 0 ? entries[0].serial :
		    i == 1 ? entries[2].serial : bytes_of("\x11\x22", 2);
		certificate_make(&p, &f, bulk.signer, &der);
		sample_write(dir, names[i], der.ptr, der.len);
	}
	sample_write(dir, "ca.der", bulk.der.ptr, bulk.der.len);
	crl_make(&head, list, ENTRIES, bulk.signer, &der);
	sample_write(dir, "sample.crl", der.ptr, der.len);
	crl_make(&head, NULL, 0, bulk.signer, &der);
	sample_write(dir, "empty.crl", der.ptr, der.len);
}

static int
setup(void **state)
{
	(void)state;
	authority_make(&bulk, "bulk", 0, NULL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	authority_release(&bulk);
	return 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_openssl),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_head_borders),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_after_refusal),
		cmocka_unit_test(test_disk_full),
	};

	if (argc == 1)
		return cmocka_run_group_tests(tests, setup, teardown);
	(void)setup(NULL);
	samples_write(argv[1]);
	return teardown(NULL);
}
