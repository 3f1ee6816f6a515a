/* A chip's package from the pack to the chip. */
#include "lib/identity/test_make.h"

#include "lib/base/cbor_write.h"
#include "lib/identity/chip_package.h"

#define INDEX	7
#define PARTS	11

static const uint8_t device_private[KEY_PRIVATE_SIZE] = { 0xa0 };

struct chip {
	struct pack_header	header;
	struct pack_sealed	sealed;
	uint8_t			private[KEY_PRIVATE_SIZE];
	uint8_t			enc[HPKE_ENC_MAX];
	struct buf		inside;
};

/* As the pipeline seals it. */
static void
chip_make(struct chip *c, enum key_alg alg)
{
	_cleanup_sealer_ struct package_sealer *sealer = NULL;
	struct package_key key = { 3, KEY_X25519, bytes_of(device_private,
	    KEY_PRIVATE_SIZE) };
	struct public_key public;
	size_t enc_len = 0;

	*c = (struct chip){ .inside = BUF_INIT };
	key_make(alg, &public, c->private, NULL);
	memset(c->header.binding.pack, 1, PACKAGE_ID_SIZE);
	memset(c->header.binding.order, 2, PACKAGE_ID_SIZE);
	memset(c->header.binding.product, 3, SHA256_SIZE);
	assert_int_equal(cose_key_thumbprint(&public,
	    c->header.binding.recipient), ERR_OK);
	c->header.certs[0] = bytes_text("first certificate");
	c->header.certs[1] = bytes_text("second");
	c->header.cert_count = 2;
	c->sealed.index = INDEX;
	memset(c->sealed.commitment, 4, SHA256_SIZE);
	memcpy(c->sealed.device.kid, c->header.binding.recipient,
	    SHA256_SIZE);
	assert_int_equal(package_sealer_new(&sealer, NULL), ERR_OK);
	assert_int_equal(package_sealer_begin(sealer, &c->header.binding,
	    &public, c->enc, &enc_len, NULL), ERR_OK);
	assert_int_equal(package_seal(sealer, INDEX, c->sealed.commitment,
	    bytes_text("document"), &key, 1, &c->inside, NULL), ERR_OK);
	c->sealed.device.enc = bytes_of(c->enc, enc_len);
	c->sealed.device.sealed = buf_bytes(&c->inside);
	/* the pack's own recipient is the station */
	memset(c->header.binding.recipient, 5, SHA256_SIZE);
}

static enum err
chip_open(const struct chip *c, enum key_alg alg, struct bytes package,
    struct diag *diag)
{
	_cleanup_secret_ struct secret out = SECRET_INIT;
	struct cbor cbor;
	enum err err;

	err = chip_package_open(package, alg, bytes_of(c->private,
	    KEY_PRIVATE_SIZE), &out, diag);
	assert_int_equal(out.ptr == NULL, err != ERR_OK);
	if (err)
		return err;
	cbor_open(&cbor, secret_bytes(&out));
	cbor_get_array_sized(&cbor, 5);
	assert_true(bytes_equal(cbor_get_tstr(&cbor),
	    bytes_text(PACKAGE_MAGIC)));
	assert_int_equal(cbor_get_uint(&cbor), PACKAGE_VERSION);
	assert_true(bytes_equal(cbor_get_bstr(&cbor),
	    bytes_text("document")));
	cbor_get_array_sized(&cbor, 1);
	cbor_get_array_sized(&cbor, 3);
	assert_int_equal(cbor_get_uint(&cbor), 3);
	cbor_skip(&cbor);
	assert_true(bytes_equal(cbor_get_bstr(&cbor),
	    bytes_of(device_private, KEY_PRIVATE_SIZE)));
	cbor_get_array_sized(&cbor, 2);
	assert_true(bytes_equal(cbor_get_bstr(&cbor),
	    bytes_text("first certificate")));
	cbor_skip(&cbor);
	assert_true(cbor_close(&cbor));
	return ERR_OK;
}

static const enum key_alg algs[] = { KEY_X25519, KEY_P256 };

static void
test_round_trip(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		_cleanup_buf_ struct buf package = BUF_INIT;
		struct diag diag = DIAG_INIT;
		struct chip c;

		chip_make(&c, algs[i]);
		chip_package_put(&package, &c.header, &c.sealed);
		assert_int_equal(chip_open(&c, algs[i], buf_bytes(&package),
		    &diag), ERR_OK);
		/* not with another key, not as another algorithm */
		c.private[3] ^= 4;
		assert_int_equal(chip_open(&c, algs[i], buf_bytes(&package),
		    &diag), ERR_AUTH);
		assert_string_equal(diag.what,
		    "chip package: is another chip's");
		c.private[3] ^= 4;
		assert_int_equal(chip_open(&c, algs[1 - i],
		    buf_bytes(&package), NULL), ERR_AUTH);
		buf_release(&c.inside);
	}
}

/* What it is bound to: each of it changed, and it does not open. */
static void
test_bound(void **state)
{
	struct diag diag = DIAG_INIT;
	struct chip c;
	uint8_t *bound[6], *at;
	size_t i;

	(void)state;
	chip_make(&c, KEY_X25519);
	bound[0] = c.header.binding.pack;
	bound[1] = c.header.binding.order;
	bound[2] = c.header.binding.product;
	bound[3] = c.sealed.commitment;
	bound[4] = c.enc;
	bound[5] = c.inside.ptr;
	for (i = 0; i <= 7; i++) {
		_cleanup_buf_ struct buf package = BUF_INIT;

		at = i < 6 ? &bound[i][0] : i == 6 ?
		    c.sealed.device.kid : NULL;
		if (at != NULL)
			*at ^= 1;
		else
			c.sealed.index++;
		chip_package_put(&package, &c.header, &c.sealed);
		assert_int_equal(chip_open(&c, KEY_X25519,
		    buf_bytes(&package), &diag), ERR_AUTH);
		if (at != NULL)
			*at ^= 1;
	}
	buf_release(&c.inside);
}

/* Parts 0 .. PARTS - 1, of which part lie is not what it should be. */
static void
lie_put(struct buf *out, const struct chip *c, size_t lie)
{
	uint8_t zeros[SHA256_SIZE + 1] = { 0 };
	size_t i, len;

	cbor_put_array(out, PARTS);
	cbor_put_text(out, lie == 0 ? "imprint-chip-packagE" :
	    CHIP_PACKAGE_MAGIC);
	cbor_put_uint(out, lie == 1 ? 2 : 1);
	for (i = 2; i < PARTS - 1; i++) {
		len = i == 2 || i == 3 ? PACKAGE_ID_SIZE : SHA256_SIZE;
		if (i == 4 && lie != i)
			cbor_put_uint(out, INDEX);
		else if ((i == 8 || i == 9) && lie == i)
			cbor_put_text(out, "x");
		else
			cbor_put_bstr(out, bytes_of(zeros, len +
			    (lie == i)));
	}
	cbor_put_array(out, lie == PARTS - 1 ? PACK_CERTS_MAX + 1 : 0);
	for (i = 0; i <= PACK_CERTS_MAX && lie == PARTS - 1; i++)
		cbor_put_bstr(out, c->header.certs[0]);
}

static void
test_malformed(void **state)
{
	_cleanup_buf_ struct buf good = BUF_INIT;
	struct chip c;
	size_t i;

	(void)state;
	chip_make(&c, KEY_P256);
	for (i = 0; i < PARTS; i++) {
		_cleanup_buf_ struct buf package = BUF_INIT;
		struct diag diag = DIAG_INIT;

		lie_put(&package, &c, i);
		assert_int_equal(chip_open(&c, KEY_P256, buf_bytes(&package),
		    &diag), i == 1 ? ERR_VERSION : ERR_SYNTAX);
		assert_int_equal(strncmp(diag.what, "chip package: ", 14),
		    0);
	}
	chip_package_put(&good, &c.header, &c.sealed);
	for (i = 0; i < good.len; i++)
		assert_int_equal(chip_open(&c, KEY_P256, bytes_of(good.ptr,
		    i), NULL), ERR_SYNTAX);
	buf_put_u8(&good, 0);
	assert_int_equal(chip_open(&c, KEY_P256, buf_bytes(&good), NULL),
	    ERR_SYNTAX);
	buf_release(&c.inside);
}

/* A package as a pack of version 2 has it. */
static void
test_pack_device(void **state)
{
	static const size_t enc_lens[] = { 0, 32, 65, 31, 64, 66 };
	uint8_t octets[80] = { 9 };
	size_t i;

	(void)state;
	for (i = 0; i < 6; i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;
		struct pack_device device = { .kid = { 1, 2 },
		    .id = bytes_text("id"), .enc = bytes_of(octets,
		    enc_lens[i]), .sealed = bytes_text("sealed") }, back;

		pack_device_put(&out, &device);
		assert_int_equal(pack_device_get(buf_bytes(&out), &back),
		    i < 3 ? ERR_OK : ERR_SYNTAX);
		if (i >= 3)
			continue;
		assert_memory_equal(back.kid, device.kid, SHA256_SIZE);
		assert_true(bytes_equal(back.id, device.id));
		assert_true(bytes_equal(back.enc, device.enc));
		assert_true(bytes_equal(back.sealed, device.sealed));
		out.len--;
		assert_int_equal(pack_device_get(buf_bytes(&out), &back),
		    ERR_SYNTAX);
	}
}

static void
test_modes(void **state)
{
	static const char *const names[] = { "station", "chip",
	    "device-key" };
	enum order_mode mode = ORDER_STATION;
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		assert_int_equal(order_mode_by_name(names[i], &mode), ERR_OK);
		assert_int_equal(mode, i + 1);
		assert_string_equal(order_mode_name(mode), names[i]);
	}
	assert_int_equal(order_mode_by_name("chips", &mode), ERR_NOTFOUND);
	assert_null(order_mode_name((enum order_mode)4));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_pack_device),
		cmocka_unit_test(test_modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
