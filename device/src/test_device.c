#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/include/imprint/device.h"

/* Of other adapters, too: device/adapters/psa/test_device.c. */
#ifndef TEST_CRYPTO
#include "device/adapters/openssl/device_openssl.h"
#define TEST_CRYPTO	imprint_device_openssl
#define TEST_LACKS	{ NULL }
#define TEST_STRIDE	1
#endif

#define VECTORS		"tests/vectors/device-packages.txt"
#define ALGORITHMS	"tests/vectors/device-algorithms.txt"
#define CASES_MAX	256
#define NOW		INT64_C(1790000000)

struct vector {
	char			*name;
	char			*verdict;
	int64_t			 now;
	uint8_t			 pinned[IMPRINT_DEVICE_HASH_SIZE];
	bool			 has_pin;
	struct imprint_bytes	 package;
};

static struct vector vectors[CASES_MAX];
static size_t vector_count;

static uint8_t *
unhex(const char *text, size_t *ret_len)
{
	size_t i, len = strlen(text) / 2;
	uint8_t *out = malloc(len + 1);
	unsigned value;

	assert_non_null(out);
	for (i = 0; i < len; i++) {
		assert_int_equal(sscanf(text + 2 * i, "%2x", &value), 1);
		out[i] = (uint8_t)value;
	}
	*ret_len = len;
	return out;
}

/* name|verdict|now|pinned root|package */
static void
vector_read(char *line, struct vector *v)
{
	char *field[5];
	uint8_t *pin;
	size_t i, len;

	line[strcspn(line, "\n")] = '\0';
	for (i = 0; i < 5; i++) {
		field[i] = strsep(&line, "|");
		assert_non_null(field[i]);
	}
	v->name = strdup(field[0]);
	v->verdict = strdup(field[1]);
	v->now = strtoll(field[2], NULL, 10);
	pin = unhex(field[3], &len);
	v->has_pin = len == sizeof(v->pinned);
	if (v->has_pin)
		memcpy(v->pinned, pin, sizeof(v->pinned));
	free(pin);
	v->package.ptr = unhex(field[4], &v->package.len);
}

static int
vectors_read(const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t size = 0;

	if (f == NULL)
		return -1;
	while (getline(&line, &size, f) > 0) {
		assert_in_range(vector_count, 0, CASES_MAX - 1);
		vector_read(line, &vectors[vector_count++]);
	}
	free(line);
	return fclose(f);
}

static int
vectors_open(void **state)
{
	(void)state;
	return vectors_read(VECTORS) == 0 ? vectors_read(ALGORITHMS) : -1;
}

static int
vectors_close(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < vector_count; i++) {
		free(vectors[i].name);
		free(vectors[i].verdict);
		free((void *)(uintptr_t)vectors[i].package.ptr);
	}
	return 0;
}

static const struct vector *
vector_get(const char *name)
{
	size_t i;

	for (i = 0; i < vector_count; i++)
		if (strcmp(vectors[i].name, name) == 0)
			return &vectors[i];
	fail_msg("no vector %s", name);
	return NULL;
}

/* Is it about a key that the adapter has not, by the vector's name? */
static bool
lacks(const char *name)
{
	static const char *const list[] = TEST_LACKS;
	size_t i;

	for (i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (list[i] != NULL &&
		    strncmp(name, list[i], strlen(list[i])) == 0)
			return true;
	return false;
}

static enum imprint_device_error
judge(const struct imprint_device_crypto *crypto, struct imprint_bytes package,
    const uint8_t *root, int64_t now, struct imprint_device_report *report)
{
	struct imprint_device_trust trust = {
		.root = root, .now = now, .floor = 1
	};
	struct imprint_device_identity identity;

	return imprint_device_verify(crypto, package, &trust, &identity,
	    report);
}

static void
every_vector_has_its_verdict(void **state)
{
	struct imprint_device_report report;
	const struct vector *v;
	size_t i, bad = 0;

	(void)state;
	assert_true(vector_count > 130);
	for (i = 0; i < vector_count; i++) {
		v = &vectors[i];
		assert_int_equal(judge(TEST_CRYPTO(), v->package,
		    v->has_pin ? v->pinned : NULL, v->now, &report),
		    IMPRINT_DEVICE_OK);
		if (strcmp(imprint_device_verdict_name(report.verdict),
		    v->verdict) == 0)
			continue;
		if (lacks(v->name) && report.verdict ==
		    IMPRINT_DEVICE_DENY_UNSUPPORTED)
			continue;
		print_error("%s: %s expected, found %s (%s)\n", v->name,
		    v->verdict, imprint_device_verdict_name(report.verdict),
		    report.reason);
		bad++;
	}
	assert_int_equal(bad, 0);
}

/* A refusal says why, and at which step. */
static void
a_refusal_names_its_step(void **state)
{
	struct imprint_device_report report;
	size_t i, step;

	(void)state;
	for (i = 0; i < vector_count; i++) {
		assert_int_equal(judge(TEST_CRYPTO(),
		    vectors[i].package, vectors[i].has_pin ?
		    vectors[i].pinned : NULL, vectors[i].now, &report),
		    IMPRINT_DEVICE_OK);
		assert_true((report.verdict == IMPRINT_DEVICE_ACCEPT) ==
		    (report.reason[0] == '\0'));
		for (step = 0; step < IMPRINT_DEVICE_STEP_COUNT; step++)
			if (report.step[step] != IMPRINT_DEVICE_ACCEPT)
				break;
		if (step < IMPRINT_DEVICE_STEP_COUNT)
			assert_int_equal(report.step[step], report.verdict);
		for (step++; step < IMPRINT_DEVICE_STEP_COUNT; step++)
			assert_int_equal(report.step[step],
			    IMPRINT_DEVICE_DENY);
	}
}

/* Every one; with a slow library, unless under TORTURE, a sample. */
static size_t
stride(void)
{
	const char *torture = getenv("TORTURE");

	return torture != NULL && torture[0] != '\0' ? 1 : TEST_STRIDE;
}

static bool
refused(struct imprint_bytes package)
{
	struct imprint_device_report report;

	assert_int_equal(judge(TEST_CRYPTO(), package, NULL, NOW,
	    &report), IMPRINT_DEVICE_OK);
	return report.verdict != IMPRINT_DEVICE_ACCEPT &&
	    report.verdict != IMPRINT_DEVICE_UNKNOWN_TIME;
}

/* One signed directly, one by a receipt. */
static const char *const good_names[] = { "good", "receipt-good" };
#define GOOD_COUNT	(sizeof(good_names) / sizeof(good_names[0]))

static void
truncations_are_refused(struct imprint_bytes good)
{
	struct imprint_bytes cut;
	uint8_t *copy;
	size_t len;

	for (len = 0; len < good.len; len++) {
		/* a block of its own, so that reading beyond is seen */
		copy = malloc(len + (len == 0));
		assert_non_null(copy);
		memcpy(copy, good.ptr, len);
		cut.ptr = copy;
		cut.len = len;
		assert_true(refused(cut));
		free(copy);
	}
}

static void
every_truncation_is_refused(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < GOOD_COUNT; i++)
		truncations_are_refused(vector_get(good_names[i])->package);
}

static void
flipped_bytes_are_refused(struct imprint_bytes good)
{
	uint8_t *copy = malloc(good.len);
	struct imprint_bytes altered;
	size_t i, n;

	assert_non_null(copy);
	memcpy(copy, good.ptr, good.len);
	altered.ptr = copy;
	altered.len = good.len;
	assert_false(refused(altered));
	for (i = 0; i < good.len; i += stride()) {
		const uint8_t masks[] = { 0xff, (uint8_t)(1 << (i % 8)) };

		for (n = 0; n < sizeof(masks); n++) {
			copy[i] ^= masks[n];
			if (!refused(altered))
				fail_msg("accepted with byte %zu ^ %02x", i,
				    masks[n]);
			copy[i] ^= masks[n];
		}
	}
	free(copy);
}

static void
every_flipped_byte_is_refused(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < GOOD_COUNT; i++)
		flipped_bytes_are_refused(vector_get(good_names[i])->package);
}

/* What a receipt says is there to be shown. */
static void
a_receipt_tells_its_place(void **state)
{
	struct imprint_device_identity identity;
	const char *reason;

	(void)state;
	assert_int_equal(imprint_device_open(
	    vector_get("receipt-good")->package, &identity, &reason),
	    IMPRINT_DEVICE_ACCEPT);
	assert_true(identity.receipt.present);
	assert_int_equal(identity.receipt.first, (3 << 20) - 4);
	assert_int_equal(identity.receipt.size, 7);
	assert_int_equal(identity.receipt.leaf, 5);
	assert_int_equal(identity.receipt.evidence, 1);
	assert_int_equal(imprint_device_open(vector_get("good")->package,
	    &identity, &reason), IMPRINT_DEVICE_ACCEPT);
	assert_false(identity.receipt.present);
}

/* The private keys of one package; of long ones every 97th bit. */
static void
private_bits(const struct vector *v)
{
	struct imprint_device_identity identity;
	struct imprint_bytes altered;
	uint8_t *copy = malloc(v->package.len);
	const char *reason;
	size_t k, bit, at, len;

	assert_non_null(copy);
	memcpy(copy, v->package.ptr, v->package.len);
	altered.ptr = copy;
	altered.len = v->package.len;
	assert_int_equal(imprint_device_open(v->package, &identity, &reason),
	    IMPRINT_DEVICE_ACCEPT);
	assert_int_equal(identity.key_count, 2);
	for (k = 0; k < identity.key_count; k++) {
		at = (size_t)(identity.keys[k].private_key.ptr -
		    v->package.ptr);
		len = identity.keys[k].private_key.len;
		for (bit = 0; bit<8 * len; bit += len> 48 ? 97 : stride()) {
			copy[at + bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_true(refused(altered));
			copy[at + bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
	free(copy);
}

/* All bits count: X25519 would overlook five of them. */
static void
every_bit_of_a_private_key_counts(void **state)
{
	static const char *const names[] = {
		"good", "p384", "ed25519", "rsa2048"
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!lacks(names[i]))
			private_bits(vector_get(names[i]));
}

static void
a_package_beyond_64_kb_is_refused(void **state)
{
	struct imprint_device_report report;
	struct imprint_bytes large;
	uint8_t *zero = calloc(1, IMPRINT_DEVICE_PACKAGE_MAX + 1);

	(void)state;
	assert_non_null(zero);
	large.ptr = zero;
	large.len = IMPRINT_DEVICE_PACKAGE_MAX + 1;
	assert_int_equal(judge(TEST_CRYPTO(), large, NULL, NOW,
	    &report), IMPRINT_DEVICE_OK);
	assert_int_equal(report.verdict, IMPRINT_DEVICE_DENY_MALFORMED);
	assert_string_equal(report.reason, "package: larger than 64 KB");
	free(zero);
}

/* What was refused leaves nothing behind to be looked at by mistake. */
static void
a_refused_form_leaves_an_empty_identity(void **state)
{
	static const struct imprint_device_identity empty;
	static const char *const names[] = {
		"empty-file", "private-missing", "typ-other"
	};
	struct imprint_device_identity identity;
	const char *reason;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		memset(&identity, 0xa5, sizeof(identity));
		assert_int_not_equal(imprint_device_open(
		    vector_get(names[i])->package, &identity, &reason),
		    IMPRINT_DEVICE_ACCEPT);
		assert_memory_equal(&identity, &empty, sizeof(empty));
	}
}

/* Cryptography whose call number at fails. */
struct failing {
	unsigned	calls, at;
};

static bool
fails(void *state)
{
	struct failing *f = state;

	return ++f->calls == f->at;
}

static int
failing_sha256(void *state, const struct imprint_bytes *parts, size_t count,
    uint8_t ret_digest[IMPRINT_DEVICE_HASH_SIZE])
{
	return fails(state) ? -1 : TEST_CRYPTO()->sha256(NULL,
	    parts, count, ret_digest);
}

static int
failing_verify(void *state, const uint8_t *point, const uint8_t *digest,
    const uint8_t *signature, bool *ret_good)
{
	return fails(state) ? -1 : TEST_CRYPTO()->verify(NULL,
	    point, digest, signature, ret_good);
}

static bool
supports(void *state, enum imprint_device_alg alg)
{
	(void)state;
	return TEST_CRYPTO()->supports(NULL, alg);
}

static int
failing_matches(void *state, const struct imprint_device_public *public,
    struct imprint_bytes private_key, bool *ret_match)
{
	return fails(state) ? -1 : TEST_CRYPTO()->matches(NULL,
	    public, private_key, ret_match);
}

static void
failing_library(struct imprint_bytes good)
{
	struct failing f = { 0, 0 };
	const struct imprint_device_crypto crypto = {
		&f, failing_sha256, failing_verify, supports,
		failing_matches, NULL, NULL
	};
	struct imprint_device_report report;
	unsigned calls;

	assert_int_equal(judge(&crypto, good, NULL, NOW, &report),
	    IMPRINT_DEVICE_OK);
	assert_int_equal(report.verdict, IMPRINT_DEVICE_ACCEPT);
	calls = f.calls;
	assert_true(calls > 8);
	for (f.at = 1; f.at <= calls; f.at++) {
		f.calls = 0;
		assert_int_equal(judge(&crypto, good, NULL, NOW, &report),
		    IMPRINT_DEVICE_ERROR_CRYPTO);
		assert_int_equal(report.verdict, IMPRINT_DEVICE_DENY);
	}
}

static void
a_failing_library_is_never_acceptance(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < GOOD_COUNT; i++)
		failing_library(vector_get(good_names[i])->package);
}

static void
a_right_needs_capability_and_scope(void **state)
{
	static const struct {
		const char	*object;
		uint32_t	 rights;
	} table[] = {
		{ "photo", 1 << IMPRINT_DEVICE_GET |
		    1 << IMPRINT_DEVICE_POST },
		{ "video", 0 },		/* able, not allowed */
		{ "settings", 1 << IMPRINT_DEVICE_GET },
		{ "phot", 0 }, { "photos", 0 }, { "", 0 }
	};
	struct imprint_device_identity identity;
	struct imprint_device_object object;
	struct imprint_bytes kind, text;
	const char *reason;
	size_t i;

	(void)state;
	assert_int_equal(imprint_device_open(vector_get("good")->package,
	    &identity, &reason), IMPRINT_DEVICE_ACCEPT);
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct imprint_bytes name = {
			(const uint8_t *)table[i].object,
			strlen(table[i].object)
		};

		assert_int_equal(imprint_device_rights(&identity, name),
		    table[i].rights);
		assert_int_equal(imprint_device_may(&identity, name,
		    IMPRINT_DEVICE_POST), table[i].rights >> 1 & 1);
	}
	for (i = 0; imprint_device_object_at(&identity, i, &object); i++)
		assert_int_equal(object.effective,
		    object.capable & object.scope);
	assert_int_equal(i, 3);
	assert_true(imprint_device_name_at(&identity, 0, &kind, &text));
	assert_memory_equal(text.ptr, "CAM-000000007", text.len);
	assert_false(imprint_device_name_at(&identity, 1, &kind, &text));
}

/* Storage in memory; error: what it returns instead. */
struct memory {
	uint8_t			  record[IMPRINT_DEVICE_PACKAGE_MAX];
	size_t			  len;
	unsigned		  writes;
	enum imprint_device_error read_error, write_error;
};

static enum imprint_device_error
memory_read(void *state, uint8_t *buffer, size_t size, size_t *ret_len)
{
	const struct memory *m = state;

	if (m->read_error != IMPRINT_DEVICE_OK)
		return m->read_error;
	if (m->len == 0)
		return IMPRINT_DEVICE_ERROR_NONE;
	if (m->len > size)
		return IMPRINT_DEVICE_ERROR_LIMIT;
	memcpy(buffer, m->record, m->len);
	*ret_len = m->len;
	return IMPRINT_DEVICE_OK;
}

static enum imprint_device_error
memory_write(void *state, struct imprint_bytes record)
{
	struct memory *m = state;

	if (m->write_error != IMPRINT_DEVICE_OK)
		return m->write_error;
	memcpy(m->record, record.ptr, record.len);
	m->len = record.len;
	m->writes++;
	return IMPRINT_DEVICE_OK;
}

struct bench {
	struct memory			memory;
	struct imprint_device_storage	storage;
	struct imprint_device		device;
	uint8_t				buffer[IMPRINT_DEVICE_PACKAGE_MAX];
	struct imprint_device_report	report;
	enum imprint_device_install	install;
};

static int
bench_new(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return -1;
	b->storage.state = &b->memory;
	b->storage.read = memory_read;
	b->storage.write = memory_write;
	imprint_device_init(&b->device, TEST_CRYPTO(), &b->storage,
	    1, b->buffer, sizeof(b->buffer));
	*state = b;
	return 0;
}

static int
bench_free(void **state)
{
	free(*state);
	return 0;
}

static enum imprint_device_error
install(struct bench *b, const char *name, int64_t now, bool replace)
{
	struct imprint_device_identity identity;

	return imprint_device_install(&b->device, vector_get(name)->package,
	    now, replace, &identity, &b->report, &b->install);
}

/* One after the other on the same device. */
static void
installs_in_a_row(void **state)
{
	static const struct {
		const char			*name;
		bool				 replace;
		enum imprint_device_install	 install;
		enum imprint_device_verdict	 verdict;
	} table[] = {
		{ "scope-widened", false, IMPRINT_DEVICE_REFUSED,
		    IMPRINT_DEVICE_DENY_SIGNATURE },
		{ "good", false, IMPRINT_DEVICE_INSTALLED,
		    IMPRINT_DEVICE_ACCEPT },
		{ "good", false, IMPRINT_DEVICE_INSTALLED_BEFORE,
		    IMPRINT_DEVICE_ACCEPT },
		{ "private-of-other", true, IMPRINT_DEVICE_REFUSED,
		    IMPRINT_DEVICE_DENY_KEYS },
		{ "second-device", false, IMPRINT_DEVICE_REFUSED,
		    IMPRINT_DEVICE_DENY_OTHER_DEVICE },
		{ "abroad", false, IMPRINT_DEVICE_REFUSED,
		    IMPRINT_DEVICE_DENY_OTHER_ROOT },
		{ "abroad", true, IMPRINT_DEVICE_REFUSED,
		    IMPRINT_DEVICE_DENY_OTHER_ROOT },
		{ "older", true, IMPRINT_DEVICE_REFUSED,
		    IMPRINT_DEVICE_DENY_OLDER },
		{ "newer", false, IMPRINT_DEVICE_INSTALLED,
		    IMPRINT_DEVICE_ACCEPT },
		{ "good", false, IMPRINT_DEVICE_REFUSED,
		    IMPRINT_DEVICE_DENY_OLDER },
		{ "second-device", true, IMPRINT_DEVICE_INSTALLED,
		    IMPRINT_DEVICE_ACCEPT },
		{ "abroad", true, IMPRINT_DEVICE_REFUSED,
		    IMPRINT_DEVICE_DENY_OTHER_ROOT }
	};
	struct bench *b = *state;
	unsigned writes = 0;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(install(b, table[i].name, NOW,
		    table[i].replace), IMPRINT_DEVICE_OK);
		assert_int_equal(b->report.verdict, table[i].verdict);
		assert_int_equal(b->install, table[i].install);
		writes += table[i].install == IMPRINT_DEVICE_INSTALLED;
		assert_int_equal(b->memory.writes, writes);
	}
	assert_int_equal(imprint_device_load(&b->device, NOW),
	    IMPRINT_DEVICE_OK);
	assert_int_equal(b->device.report.verdict, IMPRINT_DEVICE_ACCEPT);
}

static void
a_device_without_a_clock_takes_its_identity(void **state)
{
	struct bench *b = *state;

	assert_int_equal(install(b, "good", IMPRINT_DEVICE_TIME_UNKNOWN,
	    false), IMPRINT_DEVICE_OK);
	assert_int_equal(b->install, IMPRINT_DEVICE_INSTALLED);
	assert_int_equal(b->report.verdict, IMPRINT_DEVICE_UNKNOWN_TIME);
	/* the document's issue is the floor now */
	assert_int_equal(imprint_device_load(&b->device, NOW),
	    IMPRINT_DEVICE_OK);
	assert_int_equal(b->device.report.floor, b->device.identity.issued);
}

/* A signed time of a server is one that has been. */
static void
a_time_seen_is_the_floor(void **state)
{
	struct bench *b = *state;

	assert_int_equal(install(b, "good", NOW, false), IMPRINT_DEVICE_OK);
	imprint_device_time_seen(&b->device, NOW + 100);
	imprint_device_time_seen(&b->device, NOW - 100);
	imprint_device_time_seen(&b->device, INT64_MAX);
	assert_int_equal(imprint_device_load(&b->device, NOW + 99),
	    IMPRINT_DEVICE_OK);
	assert_int_equal(b->device.report.verdict,
	    IMPRINT_DEVICE_UNKNOWN_TIME);
	assert_int_equal(b->device.report.floor, NOW + 100);
	assert_int_equal(imprint_device_load(&b->device, NOW + 100),
	    IMPRINT_DEVICE_OK);
	assert_int_equal(b->device.report.verdict, IMPRINT_DEVICE_ACCEPT);
	/* of what expires before it, no clock is needed to say so */
	assert_int_equal(install(b, "expiry-in-future", 0, false),
	    IMPRINT_DEVICE_OK);
	assert_int_equal(b->report.verdict, IMPRINT_DEVICE_DENY_EXPIRED);
}

/* Expired, its root is still the one that is pinned. */
static void
an_expired_identity_keeps_its_root(void **state)
{
	struct bench *b = *state;

	assert_int_equal(install(b, "expiry-in-future", NOW, false),
	    IMPRINT_DEVICE_OK);
	assert_int_equal(b->install, IMPRINT_DEVICE_INSTALLED);
	assert_int_equal(install(b, "abroad", NOW + 10, true),
	    IMPRINT_DEVICE_OK);
	assert_int_equal(b->report.verdict, IMPRINT_DEVICE_DENY_OTHER_ROOT);
	assert_int_equal(install(b, "good", NOW + 10, false),
	    IMPRINT_DEVICE_OK);
	assert_int_equal(b->install, IMPRINT_DEVICE_INSTALLED);
}

static void
a_damaged_record_is_not_replaced(void **state)
{
	struct bench *b = *state;

	assert_int_equal(install(b, "good", NOW, false), IMPRINT_DEVICE_OK);
	b->memory.record[200] ^= 1;
	assert_int_equal(imprint_device_load(&b->device, NOW),
	    IMPRINT_DEVICE_OK);
	assert_int_not_equal(b->device.report.verdict, IMPRINT_DEVICE_ACCEPT);
	assert_int_equal(install(b, "good", NOW, true), IMPRINT_DEVICE_OK);
	assert_int_equal(b->install, IMPRINT_DEVICE_REFUSED);
	assert_int_equal(b->report.verdict, IMPRINT_DEVICE_DENY);
	assert_int_equal(b->memory.writes, 1);
}

static void
storage_failures_are_returned(void **state)
{
	struct bench *b = *state;

	assert_int_equal(imprint_device_load(&b->device, NOW),
	    IMPRINT_DEVICE_ERROR_NONE);
	b->memory.write_error = IMPRINT_DEVICE_ERROR_STORAGE;
	assert_int_equal(install(b, "good", NOW, false),
	    IMPRINT_DEVICE_ERROR_STORAGE);
	assert_int_equal(b->install, IMPRINT_DEVICE_REFUSED);
	b->memory.write_error = IMPRINT_DEVICE_OK;
	b->memory.read_error = IMPRINT_DEVICE_ERROR_STORAGE;
	assert_int_equal(install(b, "good", NOW, false),
	    IMPRINT_DEVICE_ERROR_STORAGE);
	assert_int_equal(b->memory.writes, 0);
	b->memory.read_error = IMPRINT_DEVICE_OK;
	assert_int_equal(install(b, "good", NOW, false), IMPRINT_DEVICE_OK);
	b->device.buffer_size = 100;
	assert_int_equal(imprint_device_load(&b->device, NOW),
	    IMPRINT_DEVICE_ERROR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_vector_has_its_verdict),
		cmocka_unit_test(a_refusal_names_its_step),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(every_flipped_byte_is_refused),
		cmocka_unit_test(a_receipt_tells_its_place),
		cmocka_unit_test(every_bit_of_a_private_key_counts),
		cmocka_unit_test(a_package_beyond_64_kb_is_refused),
		cmocka_unit_test(a_refused_form_leaves_an_empty_identity),
		cmocka_unit_test(a_failing_library_is_never_acceptance),
		cmocka_unit_test(a_right_needs_capability_and_scope),
		cmocka_unit_test_setup_teardown(installs_in_a_row,
		    bench_new, bench_free),
		cmocka_unit_test_setup_teardown(
		    a_device_without_a_clock_takes_its_identity, bench_new,
		    bench_free),
		cmocka_unit_test_setup_teardown(a_time_seen_is_the_floor,
		    bench_new, bench_free),
		cmocka_unit_test_setup_teardown(
		    an_expired_identity_keeps_its_root, bench_new,
		    bench_free),
		cmocka_unit_test_setup_teardown(
		    a_damaged_record_is_not_replaced, bench_new, bench_free),
		cmocka_unit_test_setup_teardown(
		    storage_failures_are_returned, bench_new, bench_free)
	};

	return cmocka_run_group_tests(tests, vectors_open, vectors_close);
}
