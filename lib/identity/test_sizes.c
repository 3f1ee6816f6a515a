/* Sizes that are told beforehand, against what is then made. */
#include "lib/identity/chip_package.h"
#include "lib/identity/document.h"
#include "lib/identity/sizes.h"
#include "lib/identity/test_make.h"
#include "lib/log/receipt.h"

#define MADE		96	/* one signature in four is longest */
#define MADE_MAX	5000
#define CHUNK		1024

static const uint8_t certs_octets[3][500];

struct told {
	struct world		 w;
	struct bytes		 certs[3];
	struct sizes_case	 ask;
	struct product_sizes	 sizes;
	struct secret		 package;
};

static void
told_release(struct told *t)
{
	secret_release(&t->package);
	world_release(&t->w);
}
#define _cleanup_told_ __attribute__((cleanup(told_release)))

static void
sizes_tell(struct told *t, enum order_mode mode)
{
	struct diag diag = DIAG_INIT;
	size_t i;

	for (i = 0; i < 3; i++)
		t->certs[i] = bytes_of(certs_octets[i], 400 + 30 * i);
	t->ask.product = &t->w.product;
	t->ask.template = t->w.template;
	t->ask.mode = mode;
	t->ask.chunk_size = CHUNK;
	t->ask.issued = TIME_2026;
	t->ask.certs = t->certs;
	t->ask.cert_count = 3;
	secret_release(&t->package);
	if (identity_sizes(&t->ask, &t->sizes, &t->package, &diag) != ERR_OK)
		fail_msg("%s", diag.what);
}

/* The document with a receipt, as the leaf'th of a full chunk. */
static void
receipt_document(struct told *t, const struct identity *identity,
    struct buf *out)
{
	struct receipt_chunk chunk = {
	    .first = identity->index / CHUNK * CHUNK, .size = CHUNK,
	    .evidence = EVIDENCE_ORDER };
	_cleanup_subtree_ struct subtree tree = SUBTREE_INIT;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	_cleanup_buf_ struct buf protected = BUF_INIT;
	static uint8_t leaves[CHUNK][SHA256_SIZE];
	uint8_t sig[SIGNATURE_SIZE];

	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(subtree_build(&tree, sha256, leaves[0], CHUNK),
	    ERR_OK);
	receipt_put_protected(&protected, bytes_of(t->w.about.document_kid,
	    COSE_KID_SIZE), &chunk);
	assert_int_equal(receipt_sign(t->w.document, buf_bytes(&protected),
	    subtree_root(&tree), sig), ERR_OK);
	document_put_receipt(out, identity->claims, buf_bytes(&protected),
	    &tree, (uint32_t)(identity->index - chunk.first), sig);
	assert_int_equal(buf_err(out), ERR_OK);
}

/* None of many is larger, and the largest is as large. */
static void
made_compare(struct told *t, uint64_t index)
{
	size_t largest[PRODUCT_SLOTS_MAX] = { 0 }, document = 0, i, n;
	struct identity identity;
	bool all = false;

	for (n = 0; n < MADE || (!all && n < MADE_MAX); n++) {
		_cleanup_buf_ struct buf receipt = BUF_INIT;
		size_t len;

		assert_int_equal(world_identity(&t->w, index + n % MADE,
		    &identity), ERR_OK);
		if (t->w.product.signature == SIGNATURE_RECEIPT)
			receipt_document(t, &identity, &receipt);
		len = receipt.len > 0 ? receipt.len : identity.document.len;
		document = len > document ? len : document;
		all = document >= t->sizes.document;
		for (i = 0; i < t->w.product.credential_count; i++) {
			if (identity.certificate[i].len > largest[i])
				largest[i] = identity.certificate[i].len;
			all = all && largest[i] >= t->sizes.certificate[i];
		}
	}
	for (i = 0; i < t->w.product.credential_count; i++)
		assert_int_equal(largest[i], t->sizes.certificate[i]);
	assert_int_equal(document, t->sizes.document);
}

static void
test_samples(void **state)
{
	/* from an index on that has the name's digits, and of the most
	 * octets in a status list */
	static const struct {
		const char	*file;
		uint64_t	 index;
	} samples[] = {
		{ "examples/products/camera.yaml", 0x3b8fff00 },
		{ "examples/products/wind-turbine-sensor.yaml", 0x7fff00 },
		{ "examples/products/water-meter.yaml", 0x3b8fff00 },
		{ "examples/products/door-lock.yaml", 0x3b8fff00 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(samples); i++) {
		_cleanup_told_ struct told t = { .package = SECRET_INIT };

		world_make(&t.w, samples[i].file);
		sizes_tell(&t, ORDER_STATION);
		made_compare(&t, samples[i].index);
		assert_int_equal(product_fits(&t.w.product, &t.sizes, NULL),
		    ERR_OK);
	}
}

/* A package as it is sealed, opened again: as large as was told. */
static void
test_package(void **state)
{
	struct package_binding binding = { .pack = { 1 } };
	uint8_t private[KEY_PRIVATE_SIZE], enc[HPKE_ENC_MAX];
	struct package_key keys[PRODUCT_SLOTS_MAX];
	_cleanup_told_ struct told t = { .package = SECRET_INIT };
	_cleanup_sealer_ struct package_sealer *sealer = NULL;
	_cleanup_opener_ struct package_opener *opener = NULL;
	_cleanup_secret_ struct secret opened = SECRET_INIT;
	_cleanup_buf_ struct buf sealed = BUF_INIT, document = BUF_INIT;
	_cleanup_buf_ struct buf chip = BUF_INIT;
	struct pack_header header = { .cert_count = 3 };
	struct pack_sealed out = { .index = UINT32_MAX };
	struct public_key recipient;
	size_t i, enc_len = 0, raw = 0, certs = 0;

	(void)state;
	world_make(&t.w, "examples/products/camera.yaml");
	sizes_tell(&t, ORDER_STATION);
	assert_non_null(buf_extend(&document, t.sizes.document));
	memset(document.ptr, 0, document.len);
	key_make(KEY_P256, &recipient, private, NULL);
	assert_int_equal(package_sealer_new(&sealer, NULL), ERR_OK);
	assert_int_equal(package_sealer_begin(sealer, &binding, &recipient,
	    enc, &enc_len, NULL), ERR_OK);
	for (i = 0; i < t.w.template->slot_count; i++) {
		keys[i] = (struct package_key){ t.w.template->slots[i].slot,
		    t.w.template->slots[i].alg, bytes_of(private, 32) };
		raw += 32;
		certs += t.sizes.certificate[i];
	}
	assert_int_equal(package_seal(sealer, 7, binding.product,
	    buf_bytes(&document), keys, i, &sealed, NULL), ERR_OK);
	assert_int_equal(package_opener_new(&binding, KEY_P256,
	    bytes_of(private, 32), bytes_of(enc, enc_len), &opener, NULL),
	    ERR_OK);
	assert_int_equal(package_open(opener, 7, binding.product,
	    buf_bytes(&sealed), t.certs, 3, &opened, NULL), ERR_OK);
	assert_int_equal(opened.len, t.sizes.package);
	assert_int_equal(opened.len, t.package.len);
	assert_int_equal(t.sizes.total, document.len + raw + certs + 400 +
	    430 + 460);

	sizes_tell(&t, ORDER_CHIP);
	for (i = 0; i < 3; i++)
		header.certs[i] = t.certs[i];
	out.device.enc = bytes_of(enc, enc_len);
	out.device.sealed = buf_bytes(&sealed);
	chip_package_put(&chip, &header, &out);
	/* the index: the largest told of has as many octets */
	assert_int_equal(chip.len, t.sizes.package);
	raw = t.sizes.total;
	sizes_tell(&t, ORDER_DEVICE_KEY);
	assert_int_equal(t.sizes.total, raw - 2 * 32);
}

/* Private keys of RSA vary: none is longer than was told. */
static void
test_rsa(void **state)
{
	_cleanup_told_ struct told t = { .package = SECRET_INIT };
	_cleanup_secret_ struct secret private = SECRET_INIT;
	size_t others, found;
	int i;

	(void)state;
	product_load("examples/products/door-lock.yaml", &t.w.product);
	memset(&t.w.product.target, 0, sizeof(t.w.product.target));
	t.w.product.credentials[0].alg = KEY_RSA2048;
	world_fill(&t.w);
	sizes_tell(&t, ORDER_DEVICE_KEY);
	others = t.sizes.total;
	sizes_tell(&t, ORDER_STATION);
	found = t.sizes.total - others;
	assert_in_range(found, 1190, 1194);
	for (i = 0; i < 3; i++) {
		struct public_key key;

		secret_release(&private);
		assert_int_equal(key_pair_make(KEY_RSA2048, &key, &private,
		    NULL), ERR_OK);
		assert_in_range(private.len, found - 8, found);
	}
}

static void
names_tell(struct told *t, size_t len, size_t *ret_document)
{
	t->ask.name_len[0] = len;
	sizes_tell(t, ORDER_STATION);
	*ret_document = t->sizes.document;
}

/* Names of a file count with the octets that the file's longest has. */
static void
test_names(void **state)
{
	_cleanup_told_ struct told t = { .package = SECRET_INIT };
	struct product_name *name = &t.w.product.names[0];
	struct identity_names names = { .first = 0, .count = 1 };
	size_t fewest = 0, more = 0;

	(void)state;
	product_load("examples/products/door-lock.yaml", &t.w.product);
	*name = (struct product_name){ .kind = "label",
	    .from = NAME_FROM_CSV };
	t.w.names = &names;
	world_fill(&t.w);
	names_tell(&t, 0, &fewest);
	names_tell(&t, 1, &more);
	assert_int_equal(more, fewest);
	names_tell(&t, 21, &more);
	assert_int_equal(more, fewest + 20);
	/* a head of two octets from 24 on */
	names_tell(&t, NAME_TEXT_MAX, &more);
	assert_int_equal(more, fewest + 63 + 1);
	t.ask.name_len[0] = NAME_TEXT_MAX + 1;
	assert_int_equal(identity_sizes(&t.ask, &t.sizes, &t.package, NULL),
	    ERR_LIMIT);
}

/* EUI-48 and EUI-64: 17 and 23 characters, and a UEID of 7 and 9 octets. */
static void
test_mac(void **state)
{
	_cleanup_told_ struct told t = { .package = SECRET_INIT };
	struct identity_names names = { .first = 0, .count = 1 };
	size_t fewest = 0, more = 0;

	(void)state;
	product_load("examples/products/door-lock.yaml", &t.w.product);
	t.w.product.names[0] = (struct product_name){ .kind = "mac",
	    .from = NAME_FROM_CSV, .type = NAME_MAC };
	t.w.names = &names;
	world_fill(&t.w);
	names_tell(&t, 17, &fewest);
	names_tell(&t, 23, &more);
	assert_int_equal(more, fewest + 6 + 2);
}

/* Certificates say years from 2050 on with two octets more. */
static void
test_time(void **state)
{
	_cleanup_told_ struct told t = { .package = SECRET_INIT };
	size_t before;

	(void)state;
	world_make(&t.w, "examples/products/door-lock.yaml");
	sizes_tell(&t, ORDER_STATION);
	before = t.sizes.certificate[0];
	assert_int_equal(time_add_years(TIME_2026, 10, &t.ask.issued),
	    ERR_OK);
	secret_release(&t.package);
	assert_int_equal(identity_sizes(&t.ask, &t.sizes, &t.package, NULL),
	    ERR_OK);
	assert_int_equal(t.sizes.certificate[0], before + 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_package),
		cmocka_unit_test(test_rsa),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_mac),
		cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
