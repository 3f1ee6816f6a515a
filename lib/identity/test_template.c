#include "lib/identity/test_make.h"

#include "lib/base/cbor_write.h"
#include "tests/support/hex.h"

#define PARTS 10

static void
encode(const struct template *template, struct buf *out)
{
	buf_clear(out);
	assert_int_equal(template_encode(template, out), ERR_OK);
}

static void
test_sample_products(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(sample_files); i++) {
		_cleanup_world_ struct world w = { .maker = NULL };
		_cleanup_template_ struct template *back = NULL;
		_cleanup_buf_ struct buf first = BUF_INIT, again = BUF_INIT;

		world_make(&w, sample_files[i]);
		encode(w.template, &first);
		assert_int_equal(template_decode(buf_bytes(&first), &back,
		    NULL), ERR_OK);
		encode(back, &again);
		assert_true(bytes_equal(buf_bytes(&first),
		    buf_bytes(&again)));
		assert_int_equal(template_entry_size(back),
		    template_entry_size(w.template));
		assert_memory_equal(back->product, w.template->product,
		    SHA256_SIZE);
		assert_int_equal(back->log, 1);
		assert_string_equal(back->status_prefix,
		    PUBLISH "/status/bulk-");
		assert_int_equal(back->slot_count, w.product.credential_count);
		assert_int_equal(back->name_count, w.product.name_count);
		assert_int_equal(back->serial_number,
		    w.template->serial_number);
		assert_string_equal(back->names[back->serial_number].kind,
		    NAME_SERIAL_NUMBER);
	}
}

/* These octets are in registries, for ever. */
static void
test_same_octets(void **state)
{
	static const char *const hashes[COUNT(sample_files)] = {
		"b52ce6f8fc9787b9a3d5b40cb0b12628"
		"d7ec82cd5896e9e732659e87562aa499",
		"02aa4dd47ca4328cb38e6648e6e9445c"
		"cfa9c325042171e7a2f67562dbd6a46a",
		"9a1f856c92b86021f333e870e92b729e"
		"fc4ea77b4bd1537b7e95be57be6dcab8",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(hashes); i++) {
		_cleanup_world_ struct world w = { .maker = NULL };
		_cleanup_template_ struct template *template = NULL;
		_cleanup_buf_ struct buf encoded = BUF_INIT, hex = BUF_INIT;
		uint8_t hash[SHA256_SIZE];

		world_make(&w, sample_files[i]);
		memset(w.about.key_id, 0x11, KEY_ID_SIZE);
		memset(w.about.document_kid, 0x22, COSE_KID_SIZE);
		assert_int_equal(template_new(&w.product, &w.about, &template,
		    NULL), ERR_OK);
		encode(template, &encoded);
		assert_int_equal(sha256_once(buf_bytes(&encoded), hash),
		    ERR_OK);
		buf_put_hex(&hex, bytes_of(hash, sizeof(hash)));
		assert_string_equal(buf_text(&hex), hashes[i]);
	}
}

/* Certificates of 64, keys of 33 or 32, the document's 64. */
static void
test_entry_size(void **state)
{
	static const size_t sizes[] = { 33 + 64 + 32 + 64, 33 + 64 + 32 + 64,
		33 + 64 + 33 + 33 + 64 + 64 };
	struct identity identity;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(sample_files); i++) {
		_cleanup_world_ struct world w = { .maker = NULL };

		world_make(&w, sample_files[i]);
		assert_int_equal(template_entry_size(w.template), sizes[i]);
		assert_int_equal(world_identity(&w, 7, &identity), ERR_OK);
		assert_int_equal(identity.entry.len, sizes[i]);
	}
}

/* What comes out of a stored template is what came out of the first one. */
static void
test_same_identity(void **state)
{
	_cleanup_world_ struct world w = { .maker = NULL };
	_cleanup_template_ struct template *back = NULL;
	_cleanup_maker_ struct identity_maker *maker = NULL;
	_cleanup_buf_ struct buf stored = BUF_INIT;
	struct identity made, rebuilt;

	(void)state;
	world_make(&w, sample_files[2]);
	encode(w.template, &stored);
	assert_int_equal(template_decode(buf_bytes(&stored), &back, NULL),
	    ERR_OK);
	buf_release(&stored);		/* nothing points into it */
	assert_int_equal(world_identity(&w, 4711, &made), ERR_OK);
	template_free(&w.template);
	w.template = back;
	back = NULL;
	world_maker(&w, &maker);
	assert_int_equal(identity_maker_range(maker, &w.range, NULL), ERR_OK);
	assert_int_equal(identity_maker_rebuild(maker, 4711, made.entry,
	    &rebuilt, NULL), ERR_OK);
	assert_true(bytes_equal(made.document, rebuilt.document));
	assert_memory_equal(made.leaf, rebuilt.leaf, SHA256_SIZE);
}

/*
 * Products and templates are stored, and named by hashes: whatever is added
 * to this build, those of the samples stay as they were, to the octet.
 */
static void
test_stored_forms(void **state)
{
	static const struct {
		const char	*product, *template;
	} golden[] = {
		{ "61ae8c38974156f795ffa82a871740cf"
		    "7e84a570b13629ffd5f9066b4f788762",
		    "b52ce6f8fc9787b9a3d5b40cb0b12628"
		    "d7ec82cd5896e9e732659e87562aa499" },
		{ "3a749e6ad7dea0fe4f8a440e3b6c1c35"
		    "e22fa73eb7d9e6c76b0a3dc1c650ee33",
		    "02aa4dd47ca4328cb38e6648e6e9445c"
		    "cfa9c325042171e7a2f67562dbd6a46a" },
		{ "7291508c3408df292185e30714dff1eb"
		    "c1d25b251b8fb363a3b5e421ed31f27a",
		    "9a1f856c92b86021f333e870e92b729e"
		    "fc4ea77b4bd1537b7e95be57be6dcab8" },
	};
	struct buf name = BUF_INIT, encoded = BUF_INIT, hex = BUF_INIT;
	struct template_issuer about = { .issuer = PUBLISH "/test",
	    .publish_url = PUBLISH, .log_name = "bulk", .log = 1 };
	uint8_t hash[SHA256_SIZE];
	size_t i;

	(void)state;
	certificate_put_name(&name, "Example", "Issuing CA bulk");
	about.name = buf_bytes(&name);
	memset(about.root_hash, 0x77, SHA256_SIZE);
	memset(about.key_id, 0x11, KEY_ID_SIZE);
	memset(about.document_kid, 0x22, COSE_KID_SIZE);
	for (i = 0; i < COUNT(sample_files); i++) {
		_cleanup_template_ struct template *template = NULL;
		struct product product;

		product_load(sample_files[i], &product);
		assert_int_equal(product_hash(&product, hash), ERR_OK);
		buf_clear(&hex);
		buf_put_hex(&hex, bytes_of(hash, SHA256_SIZE));
		assert_string_equal(buf_text(&hex), golden[i].product);
		assert_int_equal(template_new(&product, &about, &template,
		    NULL), ERR_OK);
		encode(template, &encoded);
		assert_int_equal(sha256_once(buf_bytes(&encoded), hash),
		    ERR_OK);
		buf_clear(&hex);
		buf_put_hex(&hex, bytes_of(hash, SHA256_SIZE));
		assert_string_equal(buf_text(&hex), golden[i].template);
	}
	buf_release(&name);
	buf_release(&encoded);
	buf_release(&hex);
}

static void
test_url_too_long(void **state)
{
	static const size_t lengths[] = { 230, 260 };
	char url[300];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(lengths); i++) {
		_cleanup_world_ struct world w = { .maker = NULL };
		_cleanup_template_ struct template *template = NULL;
		struct diag diag = DIAG_INIT;
		enum err err;

		world_make(&w, sample_files[0]);
		(void)snprintf(url, sizeof(url), "https://");
		memset(url + 8, 'a', lengths[i]);
		url[8 + lengths[i]] = '\0';
		w.about.publish_url = url;
		err = template_new(&w.product, &w.about, &template, &diag);
		assert_int_equal(err, i == 0 ? ERR_OK : ERR_LIMIT);
		assert_true((diag.what[0] != '\0') == (err != ERR_OK));
	}
}

/* One part of a good encoding put in place of itself. */
static const struct {
	size_t part;
	const char *hex;
	enum err err;
} bad[] = {
	{ 0, "02", ERR_VERSION },
	{ 0, "00", ERR_VERSION },
	{ 0, "20", ERR_CORRUPT },
	{ 0, "6131", ERR_CORRUPT },
	{ 1, "40", ERR_CORRUPT },			/* product's hash */
	{ 1, "00", ERR_CORRUPT },
	{ 2, "1b0000000100000001", ERR_CORRUPT },	/* log 2^32 + 1 */
	{ 2, "20", ERR_CORRUPT },
	{ 3, "1b0000000100000014", ERR_CORRUPT },	/* years */
	{ 3, "3b7fffffffffffffff", ERR_CORRUPT },
	{ 3, "f6", ERR_CORRUPT },
	{ 4, "43" "616263", ERR_CORRUPT },		/* prefix a bstr */
	{ 4, "63" "610062", ERR_CORRUPT },		/* NUL in it */
	{ 5, "f6", ERR_CORRUPT },			/* claims form */
	{ 5, "40", ERR_CORRUPT },
	{ 5, "43" "820280", ERR_VERSION },
	{ 6, "60", ERR_CORRUPT },			/* protected header */
	{ 7, "a0", ERR_CORRUPT },			/* slots */
	{ 7, "8100", ERR_CORRUPT },
	{ 7, "8183000101", ERR_CORRUPT },
	{ 7, "8184080101f6", ERR_CORRUPT },		/* slot 8 */
	{ 7, "8184000001f6", ERR_CORRUPT },		/* algorithm 0 */
	{ 7, "8184000901f6", ERR_CORRUPT },		/* algorithm 9 */
	{ 7, "8184001b000000010000000101f6", ERR_CORRUPT },
	{ 7, "818400011a00010000f6", ERR_CORRUPT },	/* years */
	{ 7, "8184000101f5", ERR_CORRUPT },		/* form true */
	{ 7, "818400010140", ERR_CORRUPT },		/* form empty */
	{ 7, "8984000101f684000101f684000101f684000101f684000101f6"
	    "84000101f684000101f684000101f684000101f6", ERR_CORRUPT },
	{ 8, "80", ERR_CORRUPT },		/* no names: number 0 is off */
	{ 8, "818361616162" "00", ERR_CORRUPT },	/* no digits */
	{ 8, "818361616162" "14", ERR_CORRUPT },	/* 20 digits */
	{ 8, "818261616162", ERR_CORRUPT },
	{ 8, "8183416161" "6201", ERR_CORRUPT },
	{ 9, "21", ERR_CORRUPT },			/* -2 */
	{ 9, "01", ERR_CORRUPT },			/* one name only */
	{ 9, "1b0000000100000000", ERR_CORRUPT },	/* 2^32 */
	{ 9, "f6", ERR_CORRUPT },
	/* and what is good */
	{ 0, "01", ERR_OK },
	{ 3, "20", ERR_OK },
	{ 7, "80", ERR_OK },
	{ 7, "8184070203f6", ERR_OK },
	{ 8, "818361616013", ERR_OK },
	{ 9, "20", ERR_OK },
};

static void
parts_split(struct bytes encoded, struct bytes parts[PARTS])
{
	struct cbor cbor;
	size_t i;

	cbor_open(&cbor, encoded);
	cbor_get_array_sized(&cbor, PARTS);
	for (i = 0; i < PARTS; i++)
		parts[i] = cbor_get_item(&cbor);
	assert_true(cbor_close(&cbor));
}

static void
test_rejected(void **state)
{
	_cleanup_world_ struct world w = { .maker = NULL };
	_cleanup_buf_ struct buf good = BUF_INIT, text = BUF_INIT;
	struct bytes parts[PARTS];
	uint8_t room[128];
	size_t i, j;

	(void)state;
	world_make(&w, sample_files[0]);
	encode(w.template, &good);
	parts_split(buf_bytes(&good), parts);
	for (i = 0; i < COUNT(bad); i++) {
		_cleanup_template_ struct template *template = NULL;
		struct diag diag = DIAG_INIT;
		enum err err;

		buf_clear(&text);
		cbor_put_array(&text, PARTS);
		for (j = 0; j < PARTS; j++)
			buf_put_bytes(&text, j == bad[i].part ?
			    HEX(bad[i].hex, room) : parts[j]);
		err = template_decode(buf_bytes(&text), &template, &diag);
		if (err != bad[i].err)
			fail_msg("part %zu, %s: %s %s", bad[i].part,
			    bad[i].hex, err_name(err), diag.what);
		assert_true((template == NULL) == (err != ERR_OK));
		assert_true((diag.what[0] == '\0') == (err == ERR_OK));
	}
}

/* Texts longer than their room, by one. */
static void
test_text_lengths(void **state)
{
	_cleanup_world_ struct world w = { .maker = NULL };
	_cleanup_buf_ struct buf good = BUF_INIT, text = BUF_INIT;
	struct bytes parts[PARTS];
	char prefix[TEMPLATE_TEXT_MAX + 2];
	size_t len, j;

	(void)state;
	world_make(&w, sample_files[0]);
	encode(w.template, &good);
	parts_split(buf_bytes(&good), parts);
	memset(prefix, 'p', sizeof(prefix));
	for (len = TEMPLATE_TEXT_MAX; len <= TEMPLATE_TEXT_MAX + 1; len++) {
		_cleanup_template_ struct template *template = NULL;

		buf_clear(&text);
		cbor_put_array(&text, PARTS);
		for (j = 0; j < PARTS; j++)
			if (j == 4)
				cbor_put_tstr(&text, bytes_of(prefix, len));
			else
				buf_put_bytes(&text, parts[j]);
		assert_int_equal(template_decode(buf_bytes(&text), &template,
		    NULL), len == TEMPLATE_TEXT_MAX ? ERR_OK : ERR_CORRUPT);
	}
}

/* Nothing that is decoded reads back as something else. */
static void
test_damage(void **state)
{
	_cleanup_world_ struct world w = { .maker = NULL };
	_cleanup_buf_ struct buf whole = BUF_INIT, again = BUF_INIT;
	size_t i;

	(void)state;
	world_make(&w, sample_files[0]);
	encode(w.template, &whole);
	for (i = 0; i < whole.len; i++) {
		_cleanup_template_ struct template *back = NULL;

		assert_int_not_equal(template_decode(bytes_of(whole.ptr, i),
		    &back, NULL), ERR_OK);
	}
	for (i = 0; i < whole.len; i++) {
		_cleanup_template_ struct template *back = NULL;

		whole.ptr[i] ^= (uint8_t)(1 << i % 8);
		if (template_decode(buf_bytes(&whole), &back, NULL) ==
		    ERR_OK) {
			encode(back, &again);
			assert_true(bytes_equal(buf_bytes(&whole),
			    buf_bytes(&again)));
		}
		whole.ptr[i] ^= (uint8_t)(1 << i % 8);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample_products),
		cmocka_unit_test(test_same_octets),
		cmocka_unit_test(test_entry_size),
		cmocka_unit_test(test_same_identity),
		cmocka_unit_test(test_stored_forms),
		cmocka_unit_test(test_url_too_long),
		cmocka_unit_test(test_rejected),
		cmocka_unit_test(test_text_lengths),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
