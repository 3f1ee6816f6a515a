/* Keys that are in the device: what is sealed to its chip, what says that it
 * made them, and what it signs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/src/internal.h"

/* Of other adapters, too: device/adapters/psa/test_keys.c. */
#ifndef TEST_CRYPTO
#include "device/adapters/openssl/device_openssl.h"
#define TEST_CRYPTO	imprint_device_openssl

/* A record that stays over a restart. */
static struct record {
	uint8_t	octets[IMPRINT_OPENSSL_KEYS_SIZE];
	size_t	len;
	bool	fails;
} record;

static enum imprint_device_error
record_read(void *state, uint8_t *buffer, size_t size, size_t *ret_len)
{
	(void)state;
	if (record.len == 0)
		return IMPRINT_DEVICE_ERROR_NONE;
	assert_true(record.len <= size);
	memcpy(buffer, record.octets, record.len);
	*ret_len = record.len;
	return IMPRINT_DEVICE_OK;
}

static enum imprint_device_error
record_write(void *state, struct imprint_bytes octets)
{
	(void)state;
	if (record.fails)
		return IMPRINT_DEVICE_ERROR_STORAGE;
	memcpy(record.octets, octets.ptr, octets.len);
	record.len = octets.len;
	return IMPRINT_DEVICE_OK;
}

static const struct imprint_device_storage storage = {
	NULL, record_read, record_write
};
static struct imprint_openssl_keys held;

/* Open what is kept, as after a restart. */
static void
keys_open(struct imprint_device_keystore *keys)
{
	assert_int_equal(imprint_openssl_keys_open(&held, &storage, keys),
	    IMPRINT_DEVICE_OK);
}

static void
keys_close(void)
{
	imprint_openssl_keys_close(&held);
}

static void
keys_forget(void)
{
	record.len = 0;
}

/* A key that was put in from elsewhere, in ascending handles. */
static void
key_put(unsigned handle, enum imprint_device_alg alg, const uint8_t *octets)
{
	uint8_t *at;

	if (record.len == 0) {
		memcpy(record.octets, "imprint-keys\x01", 13);
		record.len = 13;
	}
	at = record.octets + record.len;
	at[0] = (uint8_t)handle;
	at[1] = (uint8_t)alg;
	memcpy(at + 2, octets, 32);
	record.len += 34;
}
#define TEST_RECORD
#endif

#define SEALED		"tests/vectors/device-sealed.txt"
#define HELD		"tests/vectors/device-held.txt"
#define NOW		INT64_C(1790000000)
#define FIELDS_MAX	6
#define ROOM		8192

static struct imprint_bytes
unhex(const char *text)
{
	size_t i, len = strlen(text) / 2;
	uint8_t *out = malloc(len + 1);
	struct imprint_bytes b = { out, len };
	unsigned value;

	assert_non_null(out);
	for (i = 0; i < len; i++) {
		assert_int_equal(sscanf(text + 2 * i, "%2x", &value), 1);
		out[i] = (uint8_t)value;
	}
	return b;
}

static void
drop(struct imprint_bytes b)
{
	free((void *)(uintptr_t)b.ptr);
}

/* Each line of a file, in fields; how many. */
static size_t
each_line(const char *path, void (*check)(char **field, void *ctx),
    void *ctx)
{
	FILE *f = fopen(path, "r");
	char *line = NULL, *rest, *field[FIELDS_MAX];
	size_t size = 0, count = 0, i;

	assert_non_null(f);
	while (getline(&line, &size, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		rest = line;
		for (i = 0; i < FIELDS_MAX; i++)
			field[i] = rest == NULL ? NULL : strsep(&rest, "|");
		check(field, ctx);
		count++;
	}
	free(line);
	(void)fclose(f);
	return count;
}

static void
chip_put(char **field)
{
	struct imprint_bytes private_key = unhex(field[3]);

	keys_forget();
	key_put(IMPRINT_DEVICE_CHIP, field[2][0] == '1' ?
	    IMPRINT_DEVICE_P256 : IMPRINT_DEVICE_X25519, private_key.ptr);
	drop(private_key);
}

static void
sealed_check(char **field, void *ctx)
{
	struct imprint_device_keystore keys;
	struct imprint_device_report report;
	struct imprint_bytes sealed = unhex(field[4]), opened;
	uint8_t *room = malloc(ROOM);
	size_t len = 1;

	(void)ctx;
	chip_put(field);
	keys_open(&keys);
	assert_non_null(room);
	assert_int_equal(imprint_device_unseal(TEST_CRYPTO(), &keys, sealed,
	    room, ROOM, &len, &report), IMPRINT_DEVICE_OK);
	if (strcmp(imprint_device_verdict_name(report.verdict),
	    field[1]) != 0)
		fail_msg("%s: %s expected, found %s (%s)", field[0],
		    field[1], imprint_device_verdict_name(report.verdict),
		    report.reason);
	assert_true((report.verdict == IMPRINT_DEVICE_ACCEPT) ==
	    (report.reason[0] == '\0'));
	opened = unhex(field[5]);
	assert_int_equal(len, opened.len);
	assert_memory_equal(room, opened.ptr, opened.len);
	drop(opened);
	drop(sealed);
	free(room);
	keys_close();
}

static void
every_sealed_package_has_its_verdict(void **state)
{
	(void)state;
	assert_true(each_line(SEALED, sealed_check, NULL) > 50);
}

static void
sealed_alter(char **field, void *ctx)
{
	struct imprint_device_keystore keys;
	struct imprint_device_report report;
	struct imprint_bytes good, cut;
	uint8_t *copy, *room;
	size_t len, at;

	(void)ctx;
	if (strcmp(field[0], "x25519-good") != 0 &&
	    strcmp(field[0], "p256-good") != 0)
		return;
	chip_put(field);
	keys_open(&keys);
	good = unhex(field[4]);
	room = malloc(good.len + 32);
	assert_non_null(room);
	for (at = 0; at < good.len; at++) {
		copy = malloc(at + 1);
		assert_non_null(copy);
		memcpy(copy, good.ptr, at);
		cut.ptr = copy;
		cut.len = at;
		assert_int_equal(imprint_device_unseal(TEST_CRYPTO(), &keys,
		    cut, room, good.len + 32, &len, &report),
		    IMPRINT_DEVICE_OK);
		assert_int_equal(report.verdict,
		    IMPRINT_DEVICE_DENY_MALFORMED);
		assert_int_equal(len, 0);
		free(copy);
	}
	/* as much room as was asked for, and no less */
	assert_int_equal(imprint_device_unseal(TEST_CRYPTO(), &keys, good,
	    room, good.len + 32, &len, &report), IMPRINT_DEVICE_OK);
	assert_int_equal(report.verdict, IMPRINT_DEVICE_ACCEPT);
	assert_int_equal(imprint_device_unseal(TEST_CRYPTO(), &keys, good,
	    room, good.len + 31, &len, &report), IMPRINT_DEVICE_ERROR_LIMIT);
	assert_int_equal(report.verdict, IMPRINT_DEVICE_DENY);
	drop(good);
	free(room);
	keys_close();
}

static void
no_part_of_a_sealed_package_opens(void **state)
{
	(void)state;
	(void)each_line(SEALED, sealed_alter, NULL);
}

/* A library that fails at one call of any kind. */
struct failing {
	struct imprint_device_keystore	keys;
	unsigned			calls, at;
};

static bool
failing_call(struct failing *f)
{
	return ++f->calls == f->at;
}

static int
failing_sha256(void *state, const struct imprint_bytes *parts, size_t count,
    uint8_t ret_digest[IMPRINT_DEVICE_HASH_SIZE])
{
	return failing_call(state) ? -1 : TEST_CRYPTO()->sha256(NULL, parts,
	    count, ret_digest);
}

static int
failing_open(void *state, const uint8_t key[32], struct imprint_bytes aad,
    struct imprint_bytes sealed, uint8_t *out, bool *ret_good)
{
	return failing_call(state) ? -1 : TEST_CRYPTO()->open(NULL, key, aad,
	    sealed, out, ret_good);
}

static int
failing_get(void *state, unsigned handle,
    uint8_t room[IMPRINT_DEVICE_HELD_SIZE],
    struct imprint_device_public *ret_key)
{
	struct failing *f = state;

	return failing_call(f) ? -1 : f->keys.get(f->keys.state, handle, room,
	    ret_key);
}

static int
failing_agree(void *state, const struct imprint_device_key *key,
    const struct imprint_device_public *peer, uint8_t ret_secret[32],
    bool *ret_good)
{
	struct failing *f = state;

	return failing_call(f) ? -1 : f->keys.agree(f->keys.state, key, peer,
	    ret_secret, ret_good);
}

static void
sealed_failing(char **field, void *ctx)
{
	struct failing f = { .at = 0 };
	const struct imprint_device_crypto crypto = { .state = &f,
		.sha256 = failing_sha256, .open = failing_open };
	const struct imprint_device_keystore keys = { .state = &f,
		.get = failing_get, .agree = failing_agree };
	struct imprint_device_report report;
	struct imprint_bytes good;
	static uint8_t room[ROOM];
	unsigned calls;
	size_t len;

	(void)ctx;
	if (strcmp(field[0], "p256-good") != 0)
		return;
	chip_put(field);
	keys_open(&f.keys);
	good = unhex(field[4]);
	assert_int_equal(imprint_device_unseal(&crypto, &keys, good, room,
	    ROOM, &len, &report), IMPRINT_DEVICE_OK);
	calls = f.calls;
	assert_true(calls > 15);
	for (f.at = 1; f.at <= calls; f.at++) {
		f.calls = 0;
		assert_int_equal(imprint_device_unseal(&crypto, &keys, good,
		    room, ROOM, &len, &report), IMPRINT_DEVICE_ERROR_CRYPTO);
		assert_int_equal(report.verdict, IMPRINT_DEVICE_DENY);
		assert_int_equal(len, 0);
	}
	drop(good);
	keys_close();
}

static void
a_failing_library_opens_nothing(void **state)
{
	(void)state;
	(void)each_line(SEALED, sealed_failing, NULL);
}

static void
held_check(char **field, void *ctx)
{
	struct imprint_bytes p256 = unhex(field[2]), x25519 = unhex(field[3]);
	struct imprint_bytes package = unhex(field[4]);
	struct imprint_device_keystore keys;
	struct imprint_device_identity identity;
	struct imprint_device_report report;
	struct imprint_device_trust trust = { .now = NOW, .floor = 1,
		.keys = &keys };
	unsigned n;

	(void)ctx;
	keys_forget();
	key_put(0, IMPRINT_DEVICE_P256, p256.ptr);
	for (n = 0; n < 2; n++) {
		if (n == 1)
			key_put(1, IMPRINT_DEVICE_X25519, x25519.ptr);
		keys_open(&keys);
		assert_int_equal(imprint_device_verify(TEST_CRYPTO(), package,
		    &trust, &identity, &report), IMPRINT_DEVICE_OK);
		if (n == 0)	/* one is missing */
			assert_true(report.verdict ==
			    IMPRINT_DEVICE_DENY_KEYS || report.verdict ==
			    IMPRINT_DEVICE_DENY_MALFORMED);
		else
			assert_string_equal(imprint_device_verdict_name(
			    report.verdict), field[1]);
		keys_close();
	}
	/* whoever does not say where they are is not asked */
	trust.keys = NULL;
	assert_int_equal(imprint_device_verify(TEST_CRYPTO(), package, &trust,
	    &identity, &report), IMPRINT_DEVICE_OK);
	assert_int_equal(report.verdict == IMPRINT_DEVICE_ACCEPT,
	    strcmp(field[1], "malformed") != 0);
	drop(p256);
	drop(x25519);
	drop(package);
}

static void
an_identity_is_of_the_device_that_has_its_keys(void **state)
{
	(void)state;
	assert_int_equal(each_line(HELD, held_check, NULL), 5);
}

static void
get_equal(const struct imprint_device_keystore *keys, unsigned handle,
    const struct imprint_device_public *expected)
{
	uint8_t room[IMPRINT_DEVICE_HELD_SIZE];
	struct imprint_device_public found;

	assert_int_equal(keys->get(keys->state, handle, room, &found), 0);
	assert_int_equal(found.alg, expected->alg);
	assert_true(bytes_equal(view(found.x), view(expected->x)));
	assert_true(bytes_equal(view(found.y), view(expected->y)));
}

/* Made once, there after a restart, each at its handle. */
static void
keys_are_made_once(void **state)
{
	uint8_t room[2][IMPRINT_DEVICE_HELD_SIZE];
	struct imprint_device_public made[2];
	struct imprint_device_keystore keys;

	(void)state;
	keys_forget();
	keys_open(&keys);
	assert_int_equal(keys.get(keys.state, 0, room[0], &made[0]), 0);
	assert_int_equal(made[0].x.len, 0);
	assert_int_not_equal(keys.make(keys.state, 0, IMPRINT_DEVICE_RSA2048,
	    IMPRINT_DEVICE_SIGN), 0);
	assert_int_not_equal(keys.make(keys.state, 0, IMPRINT_DEVICE_X25519,
	    IMPRINT_DEVICE_SIGN), 0);
	assert_int_not_equal(keys.make(keys.state, IMPRINT_DEVICE_HANDLES,
	    IMPRINT_DEVICE_P256, IMPRINT_DEVICE_SIGN), 0);
	assert_int_equal(keys.make(keys.state, 0, IMPRINT_DEVICE_P256,
	    IMPRINT_DEVICE_AUTHENTICATE), 0);
	assert_int_equal(keys.make(keys.state, IMPRINT_DEVICE_CHIP,
	    IMPRINT_DEVICE_X25519, IMPRINT_DEVICE_ENCRYPT), 0);
	assert_int_equal(keys.get(keys.state, 0, room[0], &made[0]), 0);
	assert_int_equal(keys.get(keys.state, IMPRINT_DEVICE_CHIP, room[1],
	    &made[1]), 0);
	assert_int_equal(made[0].y.len, 32);
	assert_int_equal(made[1].y.len, 0);
	assert_int_not_equal(keys.make(keys.state, 0, IMPRINT_DEVICE_P256,
	    IMPRINT_DEVICE_AUTHENTICATE), 0);
	keys_close();
	keys_open(&keys);
	get_equal(&keys, 0, &made[0]);
	get_equal(&keys, IMPRINT_DEVICE_CHIP, &made[1]);
	keys_close();
}

/* Both ends of an agreement get the same, with any peer but none. */
static void
two_keys_agree(enum imprint_device_alg alg)
{
	static const struct imprint_device_key none;
	struct imprint_device_key key[2] = { none, none };
	uint8_t room[2][IMPRINT_DEVICE_HELD_SIZE], secret[2][32];
	struct imprint_device_keystore keys;
	bool good;
	unsigned i;

	keys_forget();
	keys_open(&keys);
	for (i = 0; i < 2; i++) {
		key[i].slot = i;
		assert_int_equal(keys.make(keys.state, i, alg,
		    IMPRINT_DEVICE_ENCRYPT), 0);
		assert_int_equal(keys.get(keys.state, i, room[i],
		    &key[i].public_key), 0);
	}
	for (i = 0; i < 2; i++) {
		assert_int_equal(keys.agree(keys.state, &key[i],
		    &key[1 - i].public_key, secret[i], &good), 0);
		assert_true(good);
	}
	assert_memory_equal(secret[0], secret[1], 32);
	if (alg == IMPRINT_DEVICE_P256) {
		room[1][63] ^= 1;
		assert_int_equal(keys.agree(keys.state, &key[0],
		    &key[1].public_key, secret[0], &good), 0);
		assert_false(good);
	}
	key[0].slot = 5;
	assert_int_not_equal(keys.agree(keys.state, &key[0],
	    &key[1].public_key, secret[0], &good), 0);
	keys_close();
}

static void
keys_agree_with_each_other(void **state)
{
	(void)state;
	two_keys_agree(IMPRINT_DEVICE_P256);
	two_keys_agree(IMPRINT_DEVICE_X25519);
}

/* Is it a proof for the handle, signed by signer, over id and text? */
static void
proof_check(const struct imprint_device_keystore *keys, unsigned handle,
    unsigned signer, struct bytes proof)
{
	uint8_t room[2][IMPRINT_DEVICE_HELD_SIZE];
	struct imprint_device_public expected, by, found;
	struct bytes header, payload, signature;
	struct cbor c;
	bool good;

	assert_int_equal(keys->get(keys->state, handle, room[0], &expected),
	    0);
	assert_int_equal(keys->get(keys->state, signer, room[1], &by), 0);
	cbor_open(&c, proof);
	assert_int_equal(cbor_get_tag(&c), 18);
	cbor_get_array_sized(&c, 4);
	header = cbor_get_bstr(&c);
	assert_int_equal(cbor_get_map(&c), 0);
	payload = cbor_get_bstr(&c);
	signature = cbor_get_bstr_sized(&c, IMPRINT_DEVICE_SIGNATURE_SIZE);
	assert_true(cbor_close(&c));
	assert_int_equal(imprint_device_sign1_verify(TEST_CRYPTO(), &by,
	    export(header), export(payload), signature.ptr, &good), 0);
	assert_true(good);
	cbor_open(&c, payload);
	cbor_get_array_sized(&c, 5);
	assert_int_equal(cbor_get_uint(&c), 1);
	assert_true(bytes_equal(cbor_get_bstr(&c), bytes_text("id")));
	assert_int_equal(cbor_get_uint(&c),
	    handle == IMPRINT_DEVICE_CHIP ? 0 : handle);
	assert_true(imprint_device_cose_key_read(&c, &found));
	assert_true(bytes_equal(view(found.x), view(expected.x)));
	assert_true(bytes_equal(cbor_get_tstr(&c), bytes_text("text")));
	assert_true(cbor_close(&c));
}

static void
keys_prove_themselves(void **state)
{
	static const struct {
		unsigned handle, signer;
	} pairs[] = { { 0, 0 }, { 2, 0 } };
	const struct imprint_bytes id = export(bytes_text("id"));
	const struct imprint_bytes text = export(bytes_text("text"));
	struct imprint_device_keystore keys;
	uint8_t out[IMPRINT_DEVICE_POINT_SIZE + 512];
	size_t i, len = 0;

	(void)state;
	keys_forget();
	keys_open(&keys);
	assert_int_equal(imprint_device_proof(TEST_CRYPTO(), &keys, 0, 0, id,
	    text, out, sizeof(out), &len), IMPRINT_DEVICE_ERROR_NONE);
	assert_int_equal(keys.make(keys.state, 0, IMPRINT_DEVICE_P256,
	    IMPRINT_DEVICE_AUTHENTICATE), 0);
	assert_int_equal(keys.make(keys.state, 2, IMPRINT_DEVICE_X25519,
	    IMPRINT_DEVICE_ENCRYPT), 0);
	for (i = 0; i < 2; i++) {
		assert_int_equal(imprint_device_proof(TEST_CRYPTO(), &keys,
		    pairs[i].handle, pairs[i].signer, id, text, out,
		    sizeof(out), &len), IMPRINT_DEVICE_OK);
		proof_check(&keys, pairs[i].handle, pairs[i].signer,
		    bytes_of(out, len));
	}
	assert_int_equal(imprint_device_proof(TEST_CRYPTO(), &keys, 2, 2, id,
	    text, out, sizeof(out), &len), IMPRINT_DEVICE_ERROR_CRYPTO);
	assert_int_equal(imprint_device_proof(TEST_CRYPTO(), &keys, 0, 0, id,
	    text, out, 517, &len), IMPRINT_DEVICE_ERROR_LIMIT);
	keys_close();
}

/* By a key of the key store and by one of the package. */
static void
held_evidence(char **field, void *ctx)
{
	static const uint8_t nonce[IMPRINT_DEVICE_NONCE_SIZE] = { 7 };
	struct imprint_bytes p256, package;
	struct imprint_bytes parts[2] = { export(bytes_text(
	    "imprint evidence")), { nonce, sizeof(nonce) } };
	uint8_t signature[IMPRINT_DEVICE_SIGNATURE_SIZE];
	struct imprint_device_keystore keys;
	struct imprint_device_identity id;
	struct imprint_device_report report;
	struct imprint_device_trust trust = { .now = NOW, .floor = 1 };
	unsigned way;
	bool good;

	(void)ctx;
	if (strcmp(field[0], "held") != 0)
		return;
	p256 = unhex(field[2]);
	package = unhex(field[4]);
	assert_int_equal(imprint_device_verify(TEST_CRYPTO(), package, &trust,
	    &id, &report), IMPRINT_DEVICE_OK);
	assert_int_equal(report.verdict, IMPRINT_DEVICE_ACCEPT);
	for (way = 0; way < 2; way++) {
		keys_forget();
		if (way == 0)
			key_put(0, IMPRINT_DEVICE_P256, p256.ptr);
		else
			id.keys[0].private_key = p256;
		keys_open(&keys);
		assert_int_equal(imprint_device_evidence(TEST_CRYPTO(), &keys,
		    &id, nonce, signature), IMPRINT_DEVICE_OK);
		assert_int_equal(imprint_device_p256_verify(TEST_CRYPTO(),
		    &id.keys[0].public_key, parts, 2, signature, &good), 0);
		assert_true(good);
		keys_close();
	}
	id.keys[0].public_key.alg = IMPRINT_DEVICE_ED25519;
	assert_int_equal(imprint_device_evidence(TEST_CRYPTO(), &keys, &id,
	    nonce, signature), IMPRINT_DEVICE_ERROR_NONE);
	drop(p256);
	drop(package);
}

static void
evidence_is_signed(void **state)
{
	(void)state;
	(void)each_line(HELD, held_evidence, NULL);
}

#ifdef TEST_RECORD
/* A record is what this wrote, or none: nothing is made anew over it. */
static void
a_harmed_record_is_refused(void **state)
{
	struct imprint_device_keystore keys;
	struct record good;
	size_t i;

	(void)state;
	keys_are_made_once(NULL);
	good = record;
	for (i = 0; i < good.len + 1; i++) {
		record = good;
		if (i < good.len)
			record.len = i;
		else
			record.octets[record.len++] = 0;
		/* a whole number of keys is a record, too, and none is none */
		if (i == 0 || i == 13 || i == 13 + 34)
			continue;
		assert_int_equal(imprint_openssl_keys_open(&held, &storage,
		    &keys), IMPRINT_DEVICE_ERROR_STORAGE);
	}
	for (i = 0; i < 15; i++) {	/* magic, handle and algorithm */
		record = good;
		record.octets[i] ^= 0x40;
		assert_int_equal(imprint_openssl_keys_open(&held, &storage,
		    &keys), IMPRINT_DEVICE_ERROR_STORAGE);
	}
	record = good;
	memset(record.octets + 15, 0, 32);	/* no scalar */
	assert_int_equal(imprint_openssl_keys_open(&held, &storage, &keys),
	    IMPRINT_DEVICE_ERROR_STORAGE);
	record = good;
	record.octets[13 + 34] = 0;		/* a handle twice */
	assert_int_equal(imprint_openssl_keys_open(&held, &storage, &keys),
	    IMPRINT_DEVICE_ERROR_STORAGE);
	/* a key that could not be kept is none */
	keys_forget();
	keys_open(&keys);
	record.fails = true;
	assert_int_not_equal(keys.make(keys.state, 0, IMPRINT_DEVICE_P256,
	    IMPRINT_DEVICE_SIGN), 0);
	record.fails = false;
	assert_int_equal(keys.make(keys.state, 0, IMPRINT_DEVICE_P256,
	    IMPRINT_DEVICE_SIGN), 0);
	keys_close();
}
#endif

static int
teardown(void **state)
{
	(void)state;
	keys_forget();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_sealed_package_has_its_verdict),
		cmocka_unit_test(no_part_of_a_sealed_package_opens),
		cmocka_unit_test(a_failing_library_opens_nothing),
		cmocka_unit_test(
		    an_identity_is_of_the_device_that_has_its_keys),
		cmocka_unit_test(keys_are_made_once),
		cmocka_unit_test(keys_agree_with_each_other),
		cmocka_unit_test(keys_prove_themselves),
		cmocka_unit_test(evidence_is_signed),
#ifdef TEST_RECORD
		cmocka_unit_test(a_harmed_record_is_refused),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
