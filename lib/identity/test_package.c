#include "lib/identity/test_make.h"

#include "lib/identity/package.h"

#define INDEX	UINT64_C(4711)

static const enum key_alg algs[] = { KEY_X25519, KEY_P256 };

/* Encodings stand for themselves: a package does not look into them. */
static const char document[] = "the document";
static const uint8_t private_0[KEY_PRIVATE_SIZE] = { 0xa0 };
static const uint8_t private_1[KEY_PRIVATE_SIZE] = { 0xa1 };
static const struct package_key keys[] = {
	{ 0, KEY_P256, { private_0, KEY_PRIVATE_SIZE } },
	{ 7, KEY_X25519, { private_1, KEY_PRIVATE_SIZE } },
};

struct box {
	enum key_alg		 alg;
	struct public_key	 recipient;
	uint8_t			 private[KEY_PRIVATE_SIZE];
	struct package_binding	 binding;
	uint8_t			 commitment[SHA256_SIZE];
	uint8_t			 enc[HPKE_ENC_MAX];
	size_t			 enc_len;
	struct package_sealer	*sealer;
	struct buf		 sealed;
};

#define _cleanup_box_ __attribute__((cleanup(box_release)))

static void
box_release(struct box *box)
{
	package_sealer_free(&box->sealer);
	buf_release(&box->sealed);
}

static void
box_begin(struct box *box)
{
	assert_int_equal(package_sealer_begin(box->sealer, &box->binding,
	    &box->recipient, box->enc, &box->enc_len, NULL), ERR_OK);
}

static void
box_seal(struct box *box, uint64_t index, size_t key_count)
{
	buf_clear(&box->sealed);
	assert_int_equal(package_seal(box->sealer, index, box->commitment,
	    bytes_text(document), keys, key_count, &box->sealed, NULL),
	    ERR_OK);
}

static void
box_make(struct box *box, enum key_alg alg)
{
	*box = (struct box){ .alg = alg, .sealed = BUF_INIT };
	memset(box->binding.pack, 1, PACKAGE_ID_SIZE);
	memset(box->binding.order, 2, PACKAGE_ID_SIZE);
	memset(box->binding.product, 3, SHA256_SIZE);
	memset(box->binding.recipient, 4, SHA256_SIZE);
	memset(box->commitment, 5, SHA256_SIZE);
	key_make(alg, &box->recipient, box->private, NULL);
	assert_int_equal(package_sealer_new(&box->sealer, NULL), ERR_OK);
	box_begin(box);
	box_seal(box, INDEX, COUNT(keys));
}

static enum err
box_open(const struct box *box, uint64_t index, struct secret *out)
{
	const struct bytes certs[] = { bytes_text("one"), bytes_text("two") };
	_cleanup_opener_ struct package_opener *opener = NULL;
	struct diag diag = DIAG_INIT;
	enum err err;

	assert_int_equal(package_opener_new(&box->binding, box->alg,
	    bytes_of(box->private, KEY_PRIVATE_SIZE), bytes_of(box->enc,
	    box->enc_len), &opener, NULL), ERR_OK);
	err = package_open(opener, index, box->commitment,
	    buf_bytes(&box->sealed), certs, COUNT(certs), out, &diag);
	assert_true((diag.what[0] != '\0') == (err != ERR_OK));
	assert_true((out->ptr == NULL) == (err != ERR_OK));
	return err;
}

/* ["imprint-package", 1, document, keys, [certificate, ...]] */
static void
check_device_form(struct bytes form, size_t key_count)
{
	struct cbor cbor;
	size_t i;

	cbor_open(&cbor, form);
	cbor_get_array_sized(&cbor, 5);
	assert_true(bytes_equal(cbor_get_tstr(&cbor),
	    bytes_text("imprint-package")));
	assert_int_equal(cbor_get_uint(&cbor), 1);
	assert_true(bytes_equal(cbor_get_bstr(&cbor), bytes_text(document)));
	cbor_get_array_sized(&cbor, key_count);
	for (i = 0; i < key_count; i++) {
		cbor_get_array_sized(&cbor, 3);
		assert_int_equal(cbor_get_uint(&cbor), keys[i].slot);
		assert_int_equal(cbor_get_uint(&cbor), keys[i].alg);
		assert_true(bytes_equal(cbor_get_bstr(&cbor),
		    keys[i].private));
	}
	cbor_get_array_sized(&cbor, 2);
	assert_true(bytes_equal(cbor_get_bstr(&cbor), bytes_text("one")));
	assert_true(bytes_equal(cbor_get_bstr(&cbor), bytes_text("two")));
	assert_true(cbor_close(&cbor));
}

static void
test_round_trip(void **state)
{
	static const uint64_t indices[] = { 0, 23, 24, 65536,
		UINT64_C(1) << 32, INDEX_MAX };
	size_t a, i;

	(void)state;
	for (a = 0; a < COUNT(algs); a++) {
		_cleanup_box_ struct box box;

		box_make(&box, algs[a]);
		assert_int_equal(box.enc_len, algs[a] == KEY_P256 ? 65 : 32);
		for (i = 0; i < COUNT(indices); i++) {
			_cleanup_secret_ struct secret out = SECRET_INIT;

			box_seal(&box, indices[i], i % 3);
			assert_int_equal(box_open(&box, indices[i], &out),
			    ERR_OK);
			check_device_form(secret_bytes(&out), i % 3);
		}
	}
}

static void
change_key(struct box *box)
{
	struct public_key other;

	key_make(box->alg, &other, box->private, NULL);
}

static void
change_pack(struct box *box)
{
	box->binding.pack[PACKAGE_ID_SIZE - 1] ^= 1;
}

static void
change_order(struct box *box)
{
	box->binding.order[0] ^= 1;
}

static void
change_product(struct box *box)
{
	box->binding.product[SHA256_SIZE - 1] ^= 1;
}

static void
change_recipient(struct box *box)
{
	box->binding.recipient[0] ^= 1;
}

static void
change_commitment(struct box *box)
{
	box->commitment[SHA256_SIZE - 1] ^= 1;
}

/* The encapsulation of another chunk. */
static void
change_enc(struct box *box)
{
	box_begin(box);
}

static void
change_nothing(struct box *box)
{
	(void)box;
}

static void
test_bound(void **state)
{
	static const struct {
		void		(*change)(struct box *);
		uint64_t	 index;
		enum err	 err;
	} table[] = {
		{ change_nothing, INDEX, ERR_OK },
		{ change_nothing, INDEX + 1, ERR_AUTH },
		{ change_nothing, INDEX | UINT64_C(1) << 63, ERR_AUTH },
		{ change_key, INDEX, ERR_AUTH },
		{ change_pack, INDEX, ERR_AUTH },
		{ change_order, INDEX, ERR_AUTH },
		{ change_product, INDEX, ERR_AUTH },
		{ change_recipient, INDEX, ERR_AUTH },
		{ change_commitment, INDEX, ERR_AUTH },
		{ change_enc, INDEX, ERR_AUTH },
	};
	size_t a, i;

	(void)state;
	for (a = 0; a < COUNT(algs); a++)
		for (i = 0; i < COUNT(table); i++) {
			_cleanup_secret_ struct secret out = SECRET_INIT;
			_cleanup_box_ struct box box;

			box_make(&box, algs[a]);
			table[i].change(&box);
			if (box_open(&box, table[i].index, &out) !=
			    table[i].err)
				fail_msg("row %zu", i);
		}
}

static void
test_altered(void **state)
{
	_cleanup_box_ struct box box;
	struct buf whole;
	size_t i;

	(void)state;
	box_make(&box, KEY_X25519);
	for (i = 0; i < box.sealed.len; i++) {
		_cleanup_secret_ struct secret out = SECRET_INIT;

		box.sealed.ptr[i] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(box_open(&box, INDEX, &out), ERR_AUTH);
		box.sealed.ptr[i] ^= (uint8_t)(1 << i % 8);
	}
	whole = box.sealed;
	for (i = 0; i < whole.len; i++) {
		_cleanup_secret_ struct secret out = SECRET_INIT;

		box.sealed.len = i;
		assert_int_equal(box_open(&box, INDEX, &out), ERR_AUTH);
	}
	box.sealed = whole;
	buf_put_u8(&box.sealed, 0);
	{
		_cleanup_secret_ struct secret out = SECRET_INIT;

		assert_int_equal(box_open(&box, INDEX, &out), ERR_AUTH);
	}
}

static void
test_too_large(void **state)
{
	_cleanup_secret_ struct secret out = SECRET_INIT;
	_cleanup_box_ struct box box;
	uint8_t *large = calloc(1, PACKAGE_SIZE_MAX + 1);

	(void)state;
	assert_non_null(large);
	box_make(&box, KEY_X25519);
	assert_int_equal(package_seal(box.sealer, INDEX, box.commitment,
	    bytes_of(large, PACKAGE_SIZE_MAX), keys, 1, &box.sealed, NULL),
	    ERR_LIMIT);
	buf_clear(&box.sealed);
	buf_put(&box.sealed, large, PACKAGE_SIZE_MAX + 1);
	assert_int_equal(box_open(&box, INDEX, &out), ERR_LIMIT);
	free(large);
}

/* The same thing sealed twice shares nothing: fresh encapsulations. */
static void
test_fresh(void **state)
{
	_cleanup_box_ struct box box;
	_cleanup_buf_ struct buf before = BUF_INIT;
	uint8_t enc[HPKE_ENC_MAX];

	(void)state;
	box_make(&box, KEY_X25519);
	buf_put_bytes(&before, buf_bytes(&box.sealed));
	memcpy(enc, box.enc, sizeof(enc));
	box_begin(&box);
	box_seal(&box, INDEX, COUNT(keys));
	assert_memory_not_equal(enc, box.enc, box.enc_len);
	assert_false(bytes_equal(buf_bytes(&before),
	    buf_bytes(&box.sealed)));
}

/* An encapsulated key that is no point: an error, nothing opened. */
static void
test_bad_enc(void **state)
{
	static const uint8_t zero[HPKE_ENC_MAX];
	size_t a, len;

	(void)state;
	for (a = 0; a < COUNT(algs); a++) {
		_cleanup_box_ struct box box;

		box_make(&box, algs[a]);
		for (len = 0; len <= box.enc_len; len++) {
			_cleanup_opener_ struct package_opener *opener = NULL;

			assert_int_not_equal(package_opener_new(&box.binding,
			    box.alg, bytes_of(box.private, KEY_PRIVATE_SIZE),
			    bytes_of(zero, len), &opener, NULL), ERR_OK);
			assert_null(opener);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_altered),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_fresh),
		cmocka_unit_test(test_bad_enc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
