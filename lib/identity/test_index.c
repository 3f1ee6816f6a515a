#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/identity/index.h"
#include "tests/support/hex.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/*
 * Made apart from this code, with python3-cryptography, from the definitions
 * in index.h. Serial key 00..1f, UEID key 40..5f, seed 80..9f.
 */
static const struct {
	uint64_t	 index;
	unsigned	 slot;
	uint8_t		 epoch;
	uint64_t	 issuer;
	const char	*serial, *salt, *ueid;
} vectors[] = {
	{ UINT64_C(0x0), 0, 0x01, 1,
	    "01b9e5a91d4c042f1d9888bf29a2822242",
	    "603e8af06bdbae348f9dba36972e0064",
	    "011e59e15b9c1b4980c55a3601c193f4ae" },
	{ UINT64_C(0x0), 15, 0x01, 1,
	    "0124bb261ff9c74d6da7224eaa98a094da",
	    "603e8af06bdbae348f9dba36972e0064",
	    "011e59e15b9c1b4980c55a3601c193f4ae" },
	{ UINT64_C(0x17), 1, 0x01, 3,
	    "0102eb4c29c4a52cdf884698441543187b",
	    "5056761d4b740f36c9a1c178c9deefb3",
	    "01cb672c961fb3ef4ec50617070a4fa417" },
	{ UINT64_C(0x18), 0, 0x02, 4,
	    "0215a5ffd694d994fd1d767a1e0d92f98c",
	    "4ee2ea4b84f66fd5f8fc80d184465049",
	    "016544e5c63c5530b24f31fcd410ab83ef" },
	{ UINT64_C(0xff), 3, 0x7e, 4,
	    "7e786f61c17be6415a22414e1757bf5a0c",
	    "adaefe5217d6e12c6b4f68222c3d5451",
	    "016ad3e387f19d84ef5823f313a0464644" },
	{ UINT64_C(0xffff), 0, 0x01, 2,
	    "01e4df0a9c080401225ddbdb1a227090e1",
	    "992aa1a9f70e79a1eec681dd0a62f354",
	    "0130904b966db27e18c59431eb3cff24ca" },
	{ UINT64_C(0x10000), 7, 0x01, 3,
	    "01b743e4fb822f5906079301b95da29fc9",
	    "90893d59c7459353fc895d507e083963",
	    "019b23c8743f3d99506e909d753d7f2cf2" },
	{ UINT64_C(0x100000), 0, 0x05, 5,
	    "053bdc86acb208520e01462a39d5d42090",
	    "31e27ab60e00d4ea6f6d08f63ca467ff",
	    "015222f462b3305f9000ca1c7e226967da" },
	{ UINT64_C(0x100000000), 1, 0x01, 5,
	    "016a2f81a0039f280aaf93b172924e292a",
	    "4555be6b6696e5ad591fc46c13a23f5d",
	    "012aea380706712d1113b54fec7d0dfcf9" },
	{ UINT64_C(0xffffffffffffff), 15, 0x7e, 4,
	    "7eadd035463ea181174cb768ca69b87277",
	    "8bf989ec961486214b6edec312e1e190",
	    "01ebebf33e8920f0986a011854dc3ed9d4" },
};

struct keys {
	struct aes	*serial, *ueid;
	struct hmac	*seed;
};

#define _cleanup_keys_ __attribute__((cleanup(keys_release)))

static void
keys_release(struct keys *keys)
{
	aes_free(&keys->serial);
	aes_free(&keys->ueid);
	hmac_free(&keys->seed);
}

/* change: added to the first octet of serial key and seed. */
static void
keys_make(struct keys *keys, uint8_t serial_change, uint8_t seed_change)
{
	uint8_t octets[0xa0];
	size_t i;

	for (i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)i;
	octets[0] = (uint8_t)(octets[0] + serial_change);
	octets[0x80] = (uint8_t)(octets[0x80] + seed_change);
	assert_int_equal(aes_new(bytes_of(octets, 32), &keys->serial, NULL),
	    ERR_OK);
	assert_int_equal(aes_new(bytes_of(octets + 0x40, 32), &keys->ueid,
	    NULL), ERR_OK);
	assert_int_equal(hmac_new(bytes_of(octets + 0x80, 32), &keys->seed,
	    NULL), ERR_OK);
}

static void
test_vectors(void **state)
{
	_cleanup_keys_ struct keys keys = { 0 };
	uint8_t serial[SERIAL_SIZE], salt[SALT_SIZE], ueid[UEID_SIZE];
	uint8_t room[32];
	size_t i;

	(void)state;
	keys_make(&keys, 0, 0);
	for (i = 0; i < COUNT(vectors); i++) {
		assert_int_equal(serial_make(keys.serial, keys.seed,
		    vectors[i].epoch, vectors[i].index, vectors[i].slot,
		    serial), ERR_OK);
		assert_memory_equal(serial, HEX(vectors[i].serial, room).ptr,
		    SERIAL_SIZE);
		assert_int_equal(salt_make(keys.seed, vectors[i].index, salt),
		    ERR_OK);
		assert_memory_equal(salt, HEX(vectors[i].salt, room).ptr,
		    SALT_SIZE);
		assert_int_equal(ueid_make(keys.ueid, vectors[i].issuer,
		    vectors[i].index, ueid), ERR_OK);
		assert_memory_equal(ueid, HEX(vectors[i].ueid, room).ptr,
		    UEID_SIZE);
	}
}

static void
test_inverse(void **state)
{
	_cleanup_keys_ struct keys keys = { 0 };
	struct serial_claim claim;
	uint64_t issuer = 0, index = 0;
	uint8_t room[32];
	bool good;
	size_t i;

	(void)state;
	keys_make(&keys, 0, 0);
	for (i = 0; i < COUNT(vectors); i++) {
		assert_int_equal(serial_open(keys.serial,
		    HEX(vectors[i].serial, room).ptr, &claim), ERR_OK);
		assert_int_equal(claim.index, vectors[i].index);
		assert_int_equal(claim.slot, vectors[i].slot);
		good = false;
		assert_int_equal(serial_check(keys.seed, &claim, &good),
		    ERR_OK);
		assert_true(good);
		assert_int_equal(ueid_open(keys.ueid,
		    HEX(vectors[i].ueid, room).ptr, &issuer, &index), ERR_OK);
		assert_int_equal(issuer, vectors[i].issuer);
		assert_int_equal(index, vectors[i].index);
	}
}

static bool
is_good(const struct keys *keys, const uint8_t serial[SERIAL_SIZE])
{
	struct serial_claim claim;
	bool good = true;

	assert_int_equal(serial_open(keys->serial, serial, &claim), ERR_OK);
	assert_int_equal(serial_check(keys->seed, &claim, &good), ERR_OK);
	return good;
}

/* The epoch is the caller's to look at; any other bit gives it away. */
static void
test_flipped(void **state)
{
	_cleanup_keys_ struct keys keys = { 0 };
	uint8_t serial[SERIAL_SIZE];
	unsigned bit;

	(void)state;
	keys_make(&keys, 0, 0);
	assert_int_equal(serial_make(keys.serial, keys.seed, 1, 77, 0,
	    serial), ERR_OK);
	assert_true(is_good(&keys, serial));
	for (bit = 8; bit < 8 * SERIAL_SIZE; bit++) {
		serial[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(is_good(&keys, serial));
		serial[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(is_good(&keys, serial));
}

static void
test_claim_changed(void **state)
{
	_cleanup_keys_ struct keys keys = { 0 };
	struct serial_claim claim, changed;
	uint8_t serial[SERIAL_SIZE];
	bool good = true;
	size_t i;

	(void)state;
	keys_make(&keys, 0, 0);
	assert_int_equal(serial_make(keys.serial, keys.seed, 1, 77, 3,
	    serial), ERR_OK);
	assert_int_equal(serial_open(keys.serial, serial, &claim), ERR_OK);
	for (i = 0; i < 10; i++) {
		changed = claim;
		if (i == 8)
			changed.index++;
		else if (i == 9)
			changed.slot++;
		else
			changed.r[i] ^= 1;
		assert_int_equal(serial_check(keys.seed, &changed, &good),
		    ERR_OK);
		assert_false(good);
	}
}

/* Another range's seed, another issuing CA's or epoch's key. */
static void
test_other_secrets(void **state)
{
	static const struct {
		uint8_t key, seed;
		bool good;
	} table[] = {
		{ 0, 0, true },
		{ 1, 0, false },
		{ 0, 1, false },
		{ 1, 1, false },
	};
	uint8_t room[SERIAL_SIZE];
	size_t i, v;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		_cleanup_keys_ struct keys keys = { 0 };

		keys_make(&keys, table[i].key, table[i].seed);
		for (v = 0; v < COUNT(vectors); v++)
			assert_int_equal(is_good(&keys,
			    HEX(vectors[v].serial, room).ptr), table[i].good);
	}
}

static void
test_limits(void **state)
{
	static const struct {
		uint8_t		epoch;
		uint64_t	index;
		unsigned	slot;
		enum err	err;
	} table[] = {
		{ EPOCH_FIRST, 0, 0, ERR_OK },
		{ EPOCH_OUTSIDE - 1, INDEX_MAX, SLOT_MAX, ERR_OK },
		{ 0, 0, 0, ERR_INTERNAL },
		{ EPOCH_OUTSIDE, 0, 0, ERR_INTERNAL },
		{ 0x80, 0, 0, ERR_INTERNAL },	/* the serial were negative */
		{ EPOCH_FIRST, INDEX_MAX + 1, 0, ERR_INTERNAL },
		{ EPOCH_FIRST, UINT64_MAX, 0, ERR_INTERNAL },
		{ EPOCH_FIRST, 0, SLOT_MAX + 1, ERR_INTERNAL },
	};
	_cleanup_keys_ struct keys keys = { 0 };
	uint8_t serial[SERIAL_SIZE], untouched[SERIAL_SIZE];
	size_t i;

	(void)state;
	keys_make(&keys, 0, 0);
	memset(untouched, 0xee, sizeof(untouched));
	for (i = 0; i < COUNT(table); i++) {
		memset(serial, 0xee, sizeof(serial));
		assert_int_equal(serial_make(keys.serial, keys.seed,
		    table[i].epoch, table[i].index, table[i].slot, serial),
		    table[i].err);
		if (table[i].err)
			assert_memory_equal(serial, untouched,
			    sizeof(serial));
	}
}

/* Slots and neighbours have nothing in common that shows. */
static void
test_distinct(void **state)
{
	_cleanup_keys_ struct keys keys = { 0 };
	uint8_t serial[64][SERIAL_SIZE];
	size_t i, j;

	(void)state;
	keys_make(&keys, 0, 0);
	for (i = 0; i < COUNT(serial); i++)
		assert_int_equal(serial_make(keys.serial, keys.seed, 1, i / 16,
		    (unsigned)(i % 16), serial[i]), ERR_OK);
	for (i = 0; i < COUNT(serial); i++)
		for (j = 0; j < i; j++)
			assert_memory_not_equal(serial[i], serial[j],
			    SERIAL_SIZE);
}

static void
test_ueid_type(void **state)
{
	_cleanup_keys_ struct keys keys = { 0 };
	uint64_t issuer = 5, index = 6;
	uint8_t ueid[UEID_SIZE] = { 0 };
	unsigned type;

	(void)state;
	keys_make(&keys, 0, 0);
	for (type = 0; type < 256; type++) {
		ueid[0] = (uint8_t)type;
		assert_int_equal(ueid_open(keys.ueid, ueid, &issuer, &index),
		    type == 1 ? ERR_OK : ERR_NOTFOUND);
		if (type == 0)
			assert_true(issuer == 5 && index == 6);
	}
}

/* Many at once are the same as one after the other. */
static void
test_many(void **state)
{
	static const struct {
		uint64_t first;
		size_t	 count;
		unsigned slots;
		enum err err;
	} cases[] = {
		{ 0, 1, 1, ERR_OK }, { 5, 3, 0x8001, ERR_OK },
		{ 0xffff, 100, 2, ERR_OK }, { 7, 256, 0xffff, ERR_OK },
		{ 9, 5, 0, ERR_OK }, { INDEX_MAX, 1, 4, ERR_OK },
		{ INDEX_MAX, 2, 4, ERR_INTERNAL },
		{ 0, 4097, 1, ERR_INTERNAL },
		{ 0, 1, 0x10000, ERR_INTERNAL },
	};
	static uint8_t got[AES_BLOCKS_MAX * SERIAL_SIZE];
	uint8_t want[SERIAL_SIZE], key[32] = { 1 }, seed[32] = { 2 };
	_cleanup_hmac_ struct hmac *hmac = NULL;
	_cleanup_aes_ struct aes *aes = NULL;
	unsigned slot;
	uint8_t *at;
	size_t i, j;

	(void)state;
	assert_int_equal(aes_new(bytes_of(key, 32), &aes, NULL), ERR_OK);
	assert_int_equal(hmac_new(bytes_of(seed, 32), &hmac, NULL), ERR_OK);
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(serials_make(aes, hmac, 3, cases[i].first,
		    cases[i].count, cases[i].slots, got), cases[i].err);
		if (cases[i].err)
			continue;
		at = got;
		for (j = 0; j < cases[i].count; j++) {
			for (slot = 0; slot <= SLOT_MAX; slot++) {
				if ((cases[i].slots >> slot & 1) == 0)
					continue;
				assert_int_equal(serial_make(aes, hmac, 3,
				    cases[i].first + j, slot, want), ERR_OK);
				assert_memory_equal(at, want, SERIAL_SIZE);
				at += SERIAL_SIZE;
			}
		}
	}
	assert_int_equal(serials_make(aes, hmac, 0, 1, 1, 1, got),
	    ERR_INTERNAL);
	assert_int_equal(serials_make(aes, hmac, EPOCH_OUTSIDE, 1, 1, 1,
	    got), ERR_INTERNAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_inverse),
		cmocka_unit_test(test_flipped),
		cmocka_unit_test(test_claim_changed),
		cmocka_unit_test(test_other_secrets),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_distinct),
		cmocka_unit_test(test_ueid_type),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
