#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "lib/base/io.h"
#include "lib/policy/product_diff.h"
#include "lib/policy/product_yaml.h"

#define COUNT(table)	(sizeof(table) / sizeof((table)[0]))
#define CAMERA		"examples/products/camera.yaml"
/* RFC 6979 A.2.5: a P-256 public key. */
#define KEY \
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7" \
	"Yfps5mliLmDyn7Z5A/4QCLi8maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ=="

/* The camera's file with one piece of text put in place of another. */
static void
camera_changed(const char *from, const char *to, struct product *ret_product)
{
	_cleanup_buf_ struct buf file = BUF_INIT, text = BUF_INIT;
	struct diag diag = DIAG_INIT;
	const char *at;

	assert_int_equal(io_read_file(io_posix(), CAMERA, &file, NULL),
	    ERR_OK);
	at = strstr(buf_text(&file), from);
	if (at == NULL)
		fail_msg("no \"%s\" in " CAMERA, from);
	buf_put(&text, file.ptr, (size_t)(at - (const char *)file.ptr));
	buf_printf(&text, "%s%s", to, at + strlen(from));
	if (product_yaml_parse(CAMERA, buf_bytes(&text), ret_product,
	    &diag) != ERR_OK)
		fail_msg("%s", diag.what);
}

/* "field: before -> after" a line. */
static enum err
change_put(void *ctx, const struct product_change *change)
{
	buf_printf(ctx, "%s: %s -> %s\n", change->field,
	    change->before != NULL ? change->before : "none",
	    change->after != NULL ? change->after : "none");
	return ERR_OK;
}

static const struct {
	const char	*from, *to;
	const char	*changes;
} rows[] = {
	{ "product: camera", "product: camera-2",
	    "product: camera -> camera-2\n" },
	{ "\"1.0.0\"", "1.10", "version: 1.0.0 -> 1.10\n" },
	{ "Optics\n", "Lenses\n", "metadata.manufacturer: Example Optics -> "
	    "Example Lenses\n" },
	{ "oemid: 32473", "oemid: 1", "metadata.oemid: 32473 -> 1\n" },
	{ "oemid: 32473", "#", "metadata.oemid: 32473 -> none\n" },
	{ "hwmodel: CAM-200", "hwmodel: CAM-300",
	    "metadata.hwmodel: CAM-200 -> CAM-300\n" },
	{ "  swname: cam-firmware\n", "", "metadata.swname: cam-firmware -> "
	    "none\n" },
	{ "video: [GET, POST]", "video: [GET]",
	    "capabilities.video: GET, POST -> GET\n" },
	{ "  settings: [GET, PUT]", "  settings: [GET, PUT]\n"
	    "  stream/main: [GET, iPATCH]",
	    "capabilities.stream/main: none -> GET, iPATCH\n" },
	{ "  settings: [GET]\n", "", "authorisations.settings: GET -> "
	    "none\n" },
	{ "validity: 20 years", "validity: never", "credentials[slot 0]"
	    ".certificate.validity: 20 years -> never\n" },
	{ "validity: 20 years", "validity: 20 years\n      omit: [crl, ski]",
	    "credentials[slot 0].certificate.omit: none -> ski, crl\n" },
	{ "algorithm: X25519", "algorithm: P-256",
	    "credentials[slot 1].algorithm: X25519 -> P-256\n" },
	{ "  - slot: 1", "  - slot: 4",
	    "credentials[slot 1].slot: 1 -> none\n"
	    "credentials[slot 1].purpose: encrypt -> none\n"
	    "credentials[slot 1].algorithm: X25519 -> none\n"
	    "credentials[slot 1].key-from: authority -> none\n"
	    "credentials[slot 4].slot: none -> 4\n"
	    "credentials[slot 4].purpose: none -> encrypt\n"
	    "credentials[slot 4].algorithm: none -> X25519\n"
	    "credentials[slot 4].key-from: none -> authority\n" },
	{ "CAM-{index:9}", "C-{index:12}", "names[serial-number].format: "
	    "CAM-{index:9} -> C-{index:12}\n" },
	{ "service: root", "service: {key: " KEY "}",
	    "trust-anchors.service: root -> none\n"
	    "trust-anchors.service.key: none -> " KEY "\n" },
	{ "validity: never", "validity: 1 year",
	    "document.validity: never -> 1 year\n" },
	/* another file, the same product */
	{ "photo: [GET, POST]", "photo: [POST, GET]", "" },
	{ "# A consumer", "# a", "" },
};

/* Each field: what is said, both ways, and that it agrees with the hash. */
static void
test_fields(void **state)
{
	uint8_t hash[2][SHA256_SIZE];
	struct product product[2];
	size_t i;

	(void)state;
	camera_changed("", "", &product[0]);
	assert_int_equal(product_hash(&product[0], hash[0]), ERR_OK);
	for (i = 0; i < COUNT(rows); i++) {
		_cleanup_buf_ struct buf out = BUF_INIT, back = BUF_INIT;

		camera_changed(rows[i].from, rows[i].to, &product[1]);
		assert_int_equal(product_hash(&product[1], hash[1]), ERR_OK);
		assert_int_equal(product_diff(&product[0], &product[1],
		    change_put, &out, NULL), ERR_OK);
		assert_string_equal(buf_text(&out), rows[i].changes);
		assert_int_equal(product_diff(&product[1], &product[0],
		    change_put, &back, NULL), ERR_OK);
		assert_int_equal(back.len == 0, out.len == 0);
		assert_int_equal(memcmp(hash[0], hash[1], SHA256_SIZE) == 0,
		    out.len == 0);
	}
}

static enum err
change_stop(void *ctx, const struct product_change *change)
{
	unsigned *calls = ctx;

	(void)change;
	(*calls)++;
	return ERR_INTERRUPTED;
}

static void
test_stop(void **state)
{
	struct product before, after;
	unsigned calls = 0;

	(void)state;
	camera_changed("", "", &before);
	camera_changed("  - slot: 1", "  - slot: 4", &after);
	assert_int_equal(product_diff(&before, &after, change_stop, &calls,
	    NULL), ERR_INTERRUPTED);
	assert_int_equal(calls, 1);
}

/* What product_check() refuses is not compared. */
static void
test_not_a_product(void **state)
{
	struct product before, after;
	struct diag diag = DIAG_INIT;
	unsigned calls = 0;

	(void)state;
	camera_changed("", "", &before);
	after = before;
	after.credential_count = 0;
	assert_int_not_equal(product_diff(&before, &after, change_stop,
	    &calls, &diag), ERR_OK);
	assert_int_not_equal(diag.code, ERR_OK);
	assert_int_equal(calls, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_not_a_product),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
