#include "lib/authority/test_world.h"

#include "lib/authority/lookup.h"
#include "lib/identity/document.h"
#include "lib/x509/x509_read.h"

#define CAMERAS		30
#define TURBINES	10

/* Cameras at 0..29, turbine sensors at 30..39. */
static int
orders_run(void **state)
{
	struct world *w;
	struct diag diag = DIAG_INIT;

	if (world_make(state) != 0)
		return -1;
	w = *state;
	world_open(w, io_posix());
	good(order_go(w, order_make(w, 0, CAMERAS, 1, 8), 2, &diag), &diag);
	good(order_go(w, order_make(w, 2, TURBINES, 2, 8), 2, &diag), &diag);
	world_close(w);
	return 0;
}

static void
get(struct world *w, struct lookup *lookup, uint64_t index,
    struct identity *ret_identity)
{
	struct address address = { LOG_BULK_NUMBER, index };
	const struct template *template;
	struct diag diag = DIAG_INIT;
	struct store_range range;

	(void)w;
	good(lookup_get(lookup, &address, ret_identity, &range, &template,
	    &diag), &diag);
	assert_int_equal(ret_identity->index, index);
	assert_true(index >= range.first && index - range.first <
	    range.count);
}

static void
hex_of(struct bytes octets, const char *between, char *out, size_t size)
{
	size_t i;

	*out = '\0';
	for (i = 0; i < octets.len; i++)
		(void)snprintf(out + strlen(out), size - strlen(out),
		    "%s%02x", i > 0 ? between : "", octets.ptr[i]);
}

static void
found(struct world *w, const char *word, uint64_t index,
    enum address_kind kind)
{
	enum address_kind have = ADDRESS_INDEX;
	struct address address = { 0, UINT64_MAX };
	struct diag diag = DIAG_INIT;

	if (lookup_find(w->authority, word, &address, &have, &diag))
		fail_msg("%s: %s", word, diag.what);
	assert_int_equal(address.log, LOG_BULK_NUMBER);
	assert_int_equal(address.index, index);
	assert_int_equal(have, kind);
}

static void
not_found(struct world *w, const char *word)
{
	enum address_kind kind;
	struct address address;
	struct diag diag = DIAG_INIT;

	if (lookup_find(w->authority, word, &address, &kind, &diag) !=
	    ERR_NOTFOUND)
		fail_msg("%s: found", word);
	assert_true(diag.what[0] != '\0' && diag.hint[0] != '\0');
}

/* Every way to name a device leads to its index. */
static void
test_words(void **state)
{
	static const uint64_t indices[] = { 0, 7, 8, 29, 30, 39 };
	_cleanup_lookup_ struct lookup *lookup = NULL;
	struct world *w = *state;
	char word[128];
	size_t i, n;

	good(lookup_new(w->authority, &lookup, NULL), NULL);
	for (i = 0; i < COUNT(indices); i++) {
		uint64_t index = indices[i];
		struct identity identity;
		struct x509_info info;

		get(w, lookup, index, &identity);
		(void)snprintf(word, sizeof(word), "%ju", (uintmax_t)index);
		found(w, word, index, ADDRESS_INDEX);
		(void)snprintf(word, sizeof(word), "bulk/%ju",
		    (uintmax_t)index);
		found(w, word, index, ADDRESS_INDEX);
		found(w, identity.ueid_hex, index, ADDRESS_UEID);
		hex_of(bytes_of(identity.ueid, UEID_SIZE), ":", word,
		    sizeof(word));
		found(w, word, index, ADDRESS_UEID);
		for (n = 0; n < PRODUCT_SLOTS_MAX; n++) {
			if (identity.certificate[n].len == 0)
				continue;
			assert_int_equal(x509_read(identity.certificate[n],
			    &info, NULL), ERR_OK);
			hex_of(bytes_of(info.serial, info.serial_len), "",
			    word, sizeof(word));
			found(w, word, index, ADDRESS_SERIAL);
			hex_of(bytes_of(info.serial, info.serial_len), ":",
			    word, sizeof(word));
			found(w, word, index, ADDRESS_SERIAL);
		}
		for (n = 0; identity.name[n] != NULL; n++)
			found(w, identity.name[n], index, ADDRESS_NAME);
		assert_true(n > 0);
	}
}

static void
test_unknown_words(void **state)
{
	static const char *const words[] = {
		"", "40", "bulk/40", "online/0", "other/0", "/", "bulk/",
		"-1", "+1", "0x1", " 1", "1 ", "99999999999999999",
		"9999999999999999999999", "bulk/0/0", "CAM-", "CAM-000000030",
		"CAM-00000000", "CAM-0000000001", "cam-000000001",
		"WTS/0000029", "WTS/0000040",
		"01aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"00aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"02aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"7faaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"ffaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"01aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"01aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"0:1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "::::",
		("a-name-longer-than-any-log-could-have-"
		 "a-name-longer-than-any-log-could-have/1"),
	};
	struct world *w = *state;
	char word[8192];
	size_t i;

	for (i = 0; i < COUNT(words); i++)
		not_found(w, words[i]);
	memset(word, 'x', sizeof(word));
	word[sizeof(word) - 1] = '\0';
	not_found(w, word);
}

/* A serial number or UEID with one digit changed is nobody's. */
static void
test_changed_words(void **state)
{
	_cleanup_lookup_ struct lookup *lookup = NULL;
	struct world *w = *state;
	struct identity identity;
	struct x509_info info;
	char ueid[64], serial[64], kept;
	size_t i;

	good(lookup_new(w->authority, &lookup, NULL), NULL);
	get(w, lookup, 3, &identity);
	assert_int_equal(x509_read(identity.certificate[0], &info, NULL),
	    ERR_OK);
	hex_of(bytes_of(identity.ueid, UEID_SIZE), "", ueid, sizeof(ueid));
	hex_of(bytes_of(info.serial, info.serial_len), "", serial,
	    sizeof(serial));
	for (i = 0; i < 34; i++) {
		kept = ueid[i];
		ueid[i] = kept == '7' ? '8' : '7';
		not_found(w, ueid);
		ueid[i] = kept;
		kept = serial[i];
		serial[i] = kept == '7' ? '8' : '7';
		not_found(w, serial);
		serial[i] = kept;
	}
	found(w, ueid, 3, ADDRESS_UEID);
	found(w, serial, 3, ADDRESS_SERIAL);
}

/* Any order of asking; documents are those of their index and verify. */
static void
test_get(void **state)
{
	static const uint64_t indices[] = { 39, 0, 38, 1, 8, 7, 29, 30, 29,
		0, 0, 16 };
	_cleanup_lookup_ struct lookup *lookup = NULL;
	_cleanup_verifier_ struct verifier *verifier = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct world *w = *state;
	struct authority_signer signer;
	size_t i;

	good(lookup_new(w->authority, &lookup, NULL), NULL);
	good(signer_current(w->authority, &signer, NULL), NULL);
	good(verifier_new(&signer.key, &verifier, NULL), NULL);
	good(sha256_new(&sha256, NULL), NULL);
	for (i = 0; i < COUNT(indices); i++) {
		struct diag diag = DIAG_INIT;
		struct identity identity;
		struct document document;
		bool is_good = false;

		get(w, lookup, indices[i], &identity);
		good(document_parse(identity.document, &document, &diag),
		    &diag);
		assert_int_equal(document.status_idx, indices[i]);
		good(cose_sign1_verify(&document.message, verifier, KEY_P256,
		    BYTES_NONE, sha256, &is_good), &diag);
		assert_true(is_good);
	}
}

static void
test_get_unknown(void **state)
{
	static const struct address addresses[] = {
		{ LOG_BULK_NUMBER, 40 }, { LOG_BULK_NUMBER, UINT64_MAX },
		{ LOG_ONLINE_NUMBER, 0 }, { 0, 0 }, { 77, 0 },
	};
	_cleanup_lookup_ struct lookup *lookup = NULL;
	struct world *w = *state;
	size_t i;

	good(lookup_new(w->authority, &lookup, NULL), NULL);
	for (i = 0; i < COUNT(addresses); i++) {
		const struct template *template;
		struct diag diag = DIAG_INIT;
		struct identity identity;
		struct store_range range;

		assert_int_equal(lookup_get(lookup, &addresses[i], &identity,
		    &range, &template, &diag), ERR_NOTFOUND);
		assert_non_null(strstr(diag.what, "never issued"));
		get(w, lookup, 5, &identity);
	}
}

/* Without keys: indices and names are found, the rest is refused. */
static void
test_locked(void **state)
{
	struct world *w = *state;
	struct lookup *lookup = NULL;
	enum address_kind kind;
	struct address address;

	keys_take(w);
	assert_int_equal(lookup_new(w->authority, &lookup, NULL), ERR_STATE);
	assert_null(lookup);
	found(w, "12", 12, ADDRESS_INDEX);
	found(w, "CAM-000000012", 12, ADDRESS_NAME);
	assert_int_equal(lookup_find(w->authority,
	    "01aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", &address, &kind, NULL),
	    ERR_STATE);
	keys_give(w);
}

/* Put octets of a blob of segment `first' in place of others. */
static void
segment_flip(struct world *w, const char *column, unsigned octet)
{
	char sql[400];

	/* the hexadecimal text lets SQL change one digit */
	(void)snprintf(sql, sizeof(sql),
	    "UPDATE segment SET %s = (SELECT CAST(substr(%s, 1, %u) || "
	    "CASE substr(%s, %u, 1) WHEN x'00' THEN x'01' ELSE x'00' END "
	    "|| substr(%s, %u) AS BLOB)) WHERE log = 1 AND first = 0",
	    column, column, octet, column, octet + 1, column, octet + 2);
	registry_change(w, sql);
}

static enum err
get_anew(struct world *w, uint64_t index, struct diag *diag)
{
	_cleanup_lookup_ struct lookup *lookup = NULL;
	struct address address = { LOG_BULK_NUMBER, index };
	const struct template *template;
	struct identity identity;
	struct store_range range;

	good(lookup_new(w->authority, &lookup, NULL), NULL);
	return lookup_get(lookup, &address, &identity, &range, &template,
	    diag);
}

/* A camera's entry: key 33, signature 64, key 32, document's 64. */
static void
test_altered_entry(void **state)
{
	static const struct {
		const char *column;
		unsigned octet;
	} table[] = {
		{ "leaves", 0 },
		{ "leaves", 31 },
		{ "entries", 0 },
		{ "entries", 1 },
		{ "entries", 32 },
		{ "entries", 33 },
		{ "entries", 96 },
		{ "entries", 97 },
		{ "entries", 128 },
		{ "entries", 129 },
		{ "entries", 160 },
		{ "entries", 192 },
	};
	struct world *w = *state;
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		struct diag diag = DIAG_INIT;

		world_copy(w, io_posix());
		good(get_anew(w, 0, &diag), &diag);
		segment_flip(w, table[i].column, table[i].octet);
		if (get_anew(w, 0, &diag) != ERR_CORRUPT)
			fail_msg("%s, octet %u", table[i].column,
			    table[i].octet);
		assert_true(diag.what[0] != '\0');
		diag = (struct diag)DIAG_INIT;
		good(get_anew(w, 1, &diag), &diag);	/* its neighbour */
	}
}

/* What else an identity is made of. */
static void
test_altered_registry(void **state)
{
	static const char *const harm[] = {
		"UPDATE range SET seed = zeroblob(32) WHERE first = 0",
		"UPDATE range SET issued = issued + 1 WHERE first = 0",
		"UPDATE range SET evidence = 0 WHERE first = 0",
		"UPDATE range SET template = 2 WHERE first = 0",
		"UPDATE range SET template = 3 WHERE first = 0",
		"UPDATE range SET issued = 253402300800 WHERE first = 0",
	};
	struct world *w = *state;
	size_t i;

	for (i = 0; i < COUNT(harm); i++) {
		struct diag diag = DIAG_INIT;
		enum err err;

		world_copy(w, io_posix());
		registry_change(w, harm[i]);
		err = get_anew(w, 0, &diag);
		if (err != ERR_CORRUPT && err != ERR_INVALID)
			fail_msg("%s: %s", harm[i], err_name(err));
		assert_true(diag.what[0] != '\0');
	}
}

static void
test_kind_names(void **state)
{
	enum address_kind kind;

	(void)state;
	for (kind = ADDRESS_INDEX; kind <= ADDRESS_NAME; kind++)
		assert_true(strlen(address_kind_name(kind)) > 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_words, world_fresh),
		cmocka_unit_test_setup(test_unknown_words, world_fresh),
		cmocka_unit_test_setup(test_changed_words, world_fresh),
		cmocka_unit_test_setup(test_get, world_fresh),
		cmocka_unit_test_setup(test_get_unknown, world_fresh),
		cmocka_unit_test_setup(test_locked, world_fresh),
		cmocka_unit_test(test_altered_entry),
		cmocka_unit_test(test_altered_registry),
		cmocka_unit_test(test_kind_names),
	};

	return cmocka_run_group_tests(tests, orders_run, world_free);
}
