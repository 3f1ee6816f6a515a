/*
 * For the tests about names: products made of a list of names, files, orders
 * with a file.
 */
#ifndef IMPRINT_AUTHORITY_TEST_NAMES_H
#define IMPRINT_AUTHORITY_TEST_NAMES_H

#include <fcntl.h>

#include "lib/authority/test_world.h"

#include "lib/authority/lookup.h"
#include "lib/authority/names_internal.h"
#include "lib/authority/rows.h"

/* A product of one credential, with these names in YAML's flow style. */
static inline enum err
product_try(struct world *w, const char *name, const char *names,
    uint8_t ret_hash[SHA256_SIZE], struct diag *diag)
{
	_cleanup_buf_ struct buf yaml = BUF_INIT, body = BUF_INIT;
	_cleanup_buf_ struct buf result = BUF_INIT;
	struct product product;
	enum err err;

	buf_printf(&yaml, "product: %s\nversion: \"1\"\n"
	    "metadata: {hwmodel: M}\ncapabilities: {}\nauthorisations: {}\n"
	    "credentials:\n  - {slot: 0, purpose: authenticate, "
	    "algorithm: P-256, key-from: authority, "
	    "certificate: {validity: never}}\n"
	    "document: {signature: direct, validity: never}\n"
	    "delivery: station\nnames: [%s]\n", name, names);
	err = product_yaml_parse(name, buf_bytes(&yaml), &product, diag);
	if (!err)
		err = product_encode(&product, &body);
	if (!err)
		err = submit(w, REQUEST_PRODUCT_ADD, buf_bytes(&body),
		    &result, diag);
	if (!err)
		memcpy(ret_hash, result.ptr, SHA256_SIZE);
	return err;
}

static inline void
product_make(struct world *w, const char *name, const char *names,
    uint8_t ret_hash[SHA256_SIZE])
{
	struct diag diag = DIAG_INIT;

	good(product_try(w, name, names, ret_hash, &diag), &diag);
}

static inline void
product_refused(struct world *w, const char *names, const char *what)
{
	uint8_t hash[SHA256_SIZE];
	struct diag diag = DIAG_INIT;

	if (product_try(w, "refused", names, hash, &diag) != ERR_CONFLICT ||
	    strstr(diag.what, what) == NULL)
		fail_msg("%s: %s: %s", names, err_name(diag.code), diag.what);
}

static inline void
file_make(struct world *w, struct bytes text, struct file *ret_file)
{
	char path[PATH_SIZE];

	assert_int_equal(path_join(path, w->dir, "names.csv"), ERR_OK);
	assert_int_equal(io_write_file(io_posix(), path, text, 0600, NULL),
	    ERR_OK);
	assert_int_equal(file_open(io_posix(), path, O_RDONLY, 0, ret_file,
	    NULL), ERR_OK);
}

/* What the request says of a file: its hash, and lines as given. */
static inline struct names_file
file_said(struct bytes text, uint64_t lines)
{
	struct names_file said = { .lines = lines };

	assert_int_equal(sha256_once(text, said.hash), ERR_OK);
	return said;
}

static inline enum err
order_submit(struct world *w, const uint8_t product[SHA256_SIZE],
    uint64_t count, size_t packs, const struct names_file *said,
    const struct file *file, uint32_t *ret_number, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT, request = BUF_INIT;
	_cleanup_buf_ struct buf result = BUF_INIT;
	enum err err;

	assert_int_equal(request_put_order_files(&body, product, count,
	    station_names, packs, said, NULL), ERR_OK);
	assert_int_equal(request_sign(authority_info(w->authority)->id,
			     REQUEST_ORDER_CREATE, buf_bytes(&body), NOW,
			     w->operator, & request, NULL),
	    ERR_OK);
	err = authority_submit_file(w->authority, buf_bytes(&request), file,
	    NOW, &result, diag);
	if (!err)
		*ret_number = (uint32_t)number_of(buf_bytes(&result));
	return err;
}

/* An order of count with a file, which says of itself what it is. */
static inline enum err
order_try(struct world *w, const uint8_t product[SHA256_SIZE],
    uint64_t count, const char *csv, uint32_t *ret_number, struct diag *diag)
{
	_cleanup_file_ struct file file = FILE_INIT;
	struct names_file said = file_said(bytes_text(csv), count);

	file_make(w, bytes_text(csv), &file);
	return order_submit(w, product, count, 1, &said, &file, ret_number,
	    diag);
}

static inline uint32_t
order_named(struct world *w, const uint8_t product[SHA256_SIZE],
    uint64_t count, const char *csv, unsigned chunk)
{
	struct diag diag = DIAG_INIT;
	uint32_t number = 0;

	good(order_try(w, product, count, csv, &number, &diag), &diag);
	if (chunk > 0)
		order_chunks(w, number, chunk);
	return number;
}

static inline void
order_done(struct world *w, uint32_t number)
{
	struct diag diag = DIAG_INIT;

	good(order_go(w, number, 2, &diag), &diag);
}

static inline void
order_cancel(struct world *w, uint32_t number)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct diag diag = DIAG_INIT;

	cbor_put_uint(&body, number);
	good(submit(w, REQUEST_ORDER_CANCEL, buf_bytes(&body), &result,
	    &diag), &diag);
}

static inline void
found_at(struct world *w, const char *word, uint64_t index)
{
	enum address_kind kind = ADDRESS_INDEX;
	struct address address = { 0, 0 };
	struct diag diag = DIAG_INIT;

	if (lookup_find(w->authority, word, &address, &kind, &diag))
		fail_msg("%s: %s", word, diag.what);
	assert_int_equal(kind, ADDRESS_NAME);
	assert_int_equal(address.log, LOG_BULK_NUMBER);
	if (address.index != index)
		fail_msg("%s: at %ju, not %ju", word,
		    (uintmax_t)address.index, (uintmax_t)index);
}

static inline void
found_not(struct world *w, const char *word, enum err code,
    const char *what)
{
	enum address_kind kind;
	struct address address;
	struct diag diag = DIAG_INIT;

	if (lookup_find(w->authority, word, &address, &kind, &diag) != code ||
	    strstr(diag.what, what) == NULL)
		fail_msg("%s: %s: %s", word, err_name(diag.code), diag.what);
}

/* The names of an identity as "a b c", in the template's order. */
static inline void
names_are(struct world *w, uint64_t index, const char *expected)
{
	_cleanup_lookup_ struct lookup *lookup = NULL;
	struct address address = { LOG_BULK_NUMBER, index };
	_cleanup_buf_ struct buf text = BUF_INIT;
	const struct template *template;
	struct identity identity;
	struct store_range range;
	struct diag diag = DIAG_INIT;
	size_t i;

	good(lookup_new(w->authority, &lookup, &diag), &diag);
	good(lookup_get(lookup, &address, &identity, &range, &template,
	    &diag), &diag);
	for (i = 0; i < template->name_count; i++)
		if (identity.name[i] != NULL)
			buf_printf(&text, "%s%s", text.len > 0 ? " " : "",
			    identity.name[i]);
	assert_string_equal(buf_text(&text), expected);
}

/* A range reserved, its names taken, as by a run that died then. */
static inline void
range_abandon(struct world *w, uint32_t number, uint32_t count)
{
	struct store *store = w->authority->store;
	_cleanup_template_ struct template *template = NULL;
	struct names_held held = NAMES_HELD_INIT;
	struct store_order order;
	struct names_run run;
	struct store_range range = { .count = count, .epoch = EPOCH_FIRST,
	    .state = RANGE_RESERVED, .order = number, .pack = 1,
	    .issued = NOW, .evidence = EVIDENCE_ORDER };

	good(store_order_get(store, number, &order, NULL), NULL);
	range.log = order.log;
	range.template = order.template;
	good(authority_template(w->authority, order.template, &template,
	    NULL), NULL);
	good(names_run_open(w->authority, &order, template, &run, NULL),
	    NULL);
	good(store_begin(store, NULL), NULL);
	good(store_range_reserve(store, &range, NULL), NULL);
	good(names_run_take(&run, &range, &held, NULL), NULL);
	good(rows_range_add(w->authority, &range, NULL), NULL);
	good(store_commit(store, NULL), NULL);
	names_held_release(&held);
}

#endif
