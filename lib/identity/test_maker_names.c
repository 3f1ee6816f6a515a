/* Names that do not follow from the index: into documents and back. */
#include "lib/identity/test_make.h"

#include "lib/identity/claims.h"
#include "lib/identity/document.h"
#include "tests/support/hex.h"

#define METER	"examples/products/cellular-meter.yaml"
#define FIRST	1000
/* As the product has its names: sorted by kind. */
enum { CHIP_ID, IMEI, MAC, SERIAL };

/* imei, serial-number; imei, serial-number */
static const char texts[4][NAME_TEXT_SIZE] = {
	"490154203237518", "M-1", "352099001761481", "M 2/x",
};

static const struct identity_names given = {
	.first = FIRST, .count = 2,
	.value = { [MAC] = 0x02005e10ffff }, .text = texts,
};

static const struct {
	const char	*imei, *mac, *serial;
	const char	*imei_ueid, *mac_ueid;
} expected[] = {
	{ "490154203237518", "02:00:5e:10:ff:ff", "M-1",
	    "030409000105040200030203070501", "0202005e10ffff" },
	{ "352099001761481", "02:00:5e:11:00:00", "M 2/x",
	    "030305020009090000010706010408", "0202005e110000" },
};

static void
name_check(const struct document *d, const char *kind, const char *text)
{
	size_t i;

	for (i = 0; i < d->name_count; i++)
		if (bytes_equal(d->names[i].kind, bytes_text(kind)))
			break;
	assert_true(i < d->name_count);
	assert_true(bytes_equal(d->names[i].text, bytes_text(text)));
}

static void
test_names(void **state)
{
	_cleanup_world_ struct world w = { .names = &given };
	uint8_t room[NAME_UEID_MAX];
	struct identity identity;
	struct document d;
	size_t i;

	(void)state;
	world_make(&w, METER);
	for (i = 0; i < COUNT(expected); i++) {
		assert_int_equal(world_identity(&w, FIRST + i, &identity),
		    ERR_OK);
		assert_null(identity.name[CHIP_ID]);
		assert_string_equal(identity.name[IMEI], expected[i].imei);
		assert_string_equal(identity.name[MAC], expected[i].mac);
		assert_string_equal(identity.name[SERIAL],
		    expected[i].serial);
		assert_int_equal(document_parse(identity.document, &d, NULL),
		    ERR_OK);
		assert_int_equal(d.name_count, 3);
		name_check(&d, "imei", expected[i].imei);
		name_check(&d, "mac", expected[i].mac);
		name_check(&d, "serial-number", expected[i].serial);
		/* sorted by encoded label */
		assert_int_equal(d.sueid_count, 2);
		assert_true(bytes_equal(d.sueids[0].kind, bytes_text("mac")));
		assert_true(bytes_equal(d.sueids[0].ueid,
		    HEX(expected[i].mac_ueid, room)));
		assert_true(bytes_equal(d.sueids[1].kind,
		    bytes_text("imei")));
		assert_true(bytes_equal(d.sueids[1].ueid,
		    HEX(expected[i].imei_ueid, room)));
		/* the certificate's serialNumber */
		assert_non_null(memmem(identity.certificate[0].ptr,
		    identity.certificate[0].len, expected[i].serial,
		    strlen(expected[i].serial)));
	}
}

/* The same names in another array, and a template that was stored. */
static void
test_rebuild(void **state)
{
	_cleanup_world_ struct world w = { .names = &given };
	_cleanup_template_ struct template *back = NULL;
	_cleanup_maker_ struct identity_maker *maker = NULL;
	_cleanup_buf_ struct buf stored = BUF_INIT;
	struct identity made, rebuilt;
	struct identity_names other = given;
	char copy[4][NAME_TEXT_SIZE];

	(void)state;
	world_make(&w, METER);
	assert_int_equal(world_identity(&w, FIRST + 1, &made), ERR_OK);
	assert_int_equal(template_encode(w.template, &stored), ERR_OK);
	assert_int_equal(template_decode(buf_bytes(&stored), &back, NULL),
	    ERR_OK);
	assert_true(template_needs_names(back));
	assert_int_equal(template_csv_names(back), 2);
	assert_int_equal(back->serial_number, SERIAL);
	template_free(&w.template);
	w.template = back;
	back = NULL;
	world_maker(&w, &maker);
	memcpy(copy, texts, sizeof(copy));
	other.text = copy;
	w.range.names = &other;
	assert_int_equal(identity_maker_range(maker, &w.range, NULL), ERR_OK);
	assert_int_equal(identity_maker_rebuild(maker, FIRST + 1, made.entry,
	    &rebuilt, NULL), ERR_OK);
	assert_true(bytes_equal(made.document, rebuilt.document));
	assert_memory_equal(made.leaf, rebuilt.leaf, SHA256_SIZE);
	/* with another name it is another identity */
	copy[3][0] = 'N';
	assert_int_equal(identity_maker_rebuild(maker, FIRST + 1, made.entry,
	    &rebuilt, NULL), ERR_OK);
	assert_memory_not_equal(made.leaf, rebuilt.leaf, SHA256_SIZE);
}

static void
test_outside(void **state)
{
	_cleanup_world_ struct world w = { .names = &given };
	struct identity_names beyond = given;
	struct identity identity;
	struct diag diag = DIAG_INIT;

	(void)state;
	world_make(&w, METER);
	assert_int_equal(world_identity(&w, FIRST - 1, &identity),
	    ERR_INTERNAL);
	assert_int_equal(world_identity(&w, FIRST + 2, &identity),
	    ERR_INTERNAL);
	beyond.value[MAC] = 0x02005e1fffff;	/* the block's last */
	w.range.names = &beyond;
	assert_int_equal(identity_maker_range(w.maker, &w.range, NULL),
	    ERR_OK);
	assert_int_equal(world_identity(&w, FIRST, &identity), ERR_OK);
	assert_int_equal(world_identity(&w, FIRST + 1, &identity), ERR_LIMIT);
	w.range.names = NULL;
	assert_int_equal(identity_maker_range(w.maker, &w.range, &diag),
	    ERR_INTERNAL);
	assert_non_null(strstr(diag.what, "names"));
}

/* Nothing of a name that only the line knows, and no empty claim. */
static void
test_line_alone(void **state)
{
	_cleanup_world_ struct world w = { .names = NULL };
	struct identity identity;
	struct document d;
	uint32_t i;

	(void)state;
	product_load(METER, &w.product);
	for (i = 0; i < w.product.name_count; i++) {
		struct product_name *name = &w.product.names[i];
		char kind[PRODUCT_NAME_MAX + 1];

		memcpy(kind, name->kind, sizeof(kind));
		*name = (struct product_name){ .from = NAME_FROM_LINE,
		    .type = name->type };
		memcpy(name->kind, kind, sizeof(kind));
	}
	world_fill(&w);
	assert_false(template_needs_names(w.template));
	assert_int_equal(w.template->serial_number, -1);
	assert_int_equal(world_identity(&w, 5, &identity), ERR_OK);
	assert_null(identity.name[SERIAL]);
	assert_int_equal(document_parse(identity.document, &d, NULL), ERR_OK);
	/* an empty claim would have been refused */
	assert_int_equal(d.name_count + d.sueid_count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_rebuild),
		cmocka_unit_test(test_outside),
		cmocka_unit_test(test_line_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
