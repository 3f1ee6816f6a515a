#include "lib/authority/test_world.h"

#include "lib/authority/export.h"
#include "lib/x509/x509_read.h"

#define CAMERAS		20
#define TURBINES	4

/* Cameras at 0..19, turbine sensors at 20..23. */
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
	good(order_go(w, order_make(w, 2, TURBINES, 1, 8), 2, &diag), &diag);
	world_close(w);
	return 0;
}

static struct export_options
options_of(const char *name)
{
	struct export_options options = { .slot = RENDERING_ALL_SLOTS,
	    .password = bytes_text("secret") };

	good(rendering_find(name, &options.rendering, NULL), NULL);
	return options;
}

static enum err
export_one(struct world *w, const char *name, uint64_t index,
    struct buf *out, char ueid[UEID_HEX_SIZE], struct diag *diag)
{
	const struct export_options options = options_of(name);
	const struct address address = { LOG_BULK_NUMBER, index };
	_cleanup_export_ struct export *export = NULL;
	enum err err;

	err = export_new(w->authority, &options, &export, diag);
	if (!err)
		err = export_identity(export, &address, out, ueid, diag);
	return err;
}

/* Every rendering of an early and a late identity, of two products. */
static void
test_all(void **state)
{
	static const uint64_t indices[] = { 0, 19, 20, 23 };
	char ueid[UEID_HEX_SIZE], first[UEID_HEX_SIZE];
	struct world *w = *state;
	size_t i, k;

	for (i = 0; i < COUNT(indices); i++)
		for (k = 0; renderings[k] != NULL; k++) {
			_cleanup_buf_ struct buf out = BUF_INIT;
			struct diag diag = DIAG_INIT;

			good(export_one(w, renderings[k]->name, indices[i],
			    &out, ueid, &diag), &diag);
			assert_true(out.len > 100);
			if (k == 0)
				memcpy(first, ueid, sizeof(first));
			assert_string_equal(ueid, first);
		}
}

/* leaf, issuing CA, root: each issued by the next. */
static void
test_chain(void **state)
{
	_cleanup_x509_trust_ struct x509_trust *trust = NULL;
	_cleanup_buf_ struct buf pem = BUF_INIT, ders = BUF_INIT;
	enum x509_verdict verdict = X509_DENY_OTHER;
	struct diag diag = DIAG_INIT;
	char ueid[UEID_HEX_SIZE];
	struct world *w = *state;
	struct bytes der[3];
	size_t i, at = 0;

	good(export_one(w, "pem", 3, &pem, ueid, &diag), &diag);
	good(pem_get_all(buf_bytes(&pem), "CERTIFICATE", &ders, &diag),
	    &diag);
	for (i = 0; i < COUNT(der); i++) {
		der[i] = bytes_of(ders.ptr + at + 4, get_be32(ders.ptr + at));
		at += 4 + der[i].len;
	}
	assert_int_equal(at, ders.len);
	good(x509_trust_new(&trust, &diag), &diag);
	good(x509_trust_add_root(trust, der[2], &diag), &diag);
	good(x509_trust_add_intermediate(trust, der[1], &diag), &diag);
	good(x509_verify(trust, der[0], NOW + 60, EKU_CLIENT_AUTH, &verdict,
	    NULL, 0, &diag), &diag);
	assert_int_equal(verdict, X509_ACCEPT);
}

static void
test_refused(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct export_options options = options_of("pem");
	const struct address address = { LOG_BULK_NUMBER, 0 };
	struct diag diag = DIAG_INIT;
	char ueid[UEID_HEX_SIZE];
	struct world *w = *state;

	assert_int_equal(export_one(w, "jwt", CAMERAS + TURBINES, &out, ueid,
	    &diag), ERR_NOTFOUND);
	options.slot = 6;
	{
		_cleanup_export_ struct export *export = NULL;

		good(export_new(w->authority, &options, &export, NULL), NULL);
		assert_int_equal(export_identity(export, &address, &out,
		    ueid, NULL), ERR_NOTFOUND);
	}
	assert_int_equal(out.len, 0);
	/* altered: nothing is rendered, least of all signed */
	registry_change(w, "UPDATE range SET issued = issued + 1 "
	    "WHERE first = 0");
	diag = (struct diag)DIAG_INIT;
	assert_int_equal(export_one(w, "jwt", 0, &out, ueid, &diag),
	    ERR_CORRUPT);
	assert_int_equal(out.len, 0);
	keys_take(w);
	diag = (struct diag)DIAG_INIT;
	assert_int_equal(export_one(w, "pem", 1, &out, ueid, &diag),
	    ERR_STATE);
	keys_give(w);
}

/* Only who holds the lock signs. */
static void
test_reader(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	char ueid[UEID_HEX_SIZE];

	world_close(w);
	good(authority_open(io_posix(), w->dir, AUTHORITY_READ, &w->authority,
	    &diag), &diag);
	keys_give(w);
	assert_int_equal(export_one(w, "jwt", 1, &out, ueid, &diag),
	    ERR_STATE);
	assert_non_null(strstr(diag.what, "lock"));
	assert_int_equal(out.len, 0);
	diag = (struct diag)DIAG_INIT;
	good(export_one(w, "document", 1, &out, ueid, &diag), &diag);
	world_close(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_all, world_fresh),
		cmocka_unit_test_setup(test_chain, world_fresh),
		cmocka_unit_test_setup(test_refused, world_fresh),
		cmocka_unit_test_setup(test_reader, world_fresh),
	};

	return cmocka_run_group_tests(tests, orders_run, world_free);
}
