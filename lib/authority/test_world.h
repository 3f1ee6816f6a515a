/*
 * An ecosystem for the tests of this folder: made once for a program, with
 * the sample products and two stations; each test works on a copy of it,
 * with the keystore that is open already.
 */
#ifndef IMPRINT_AUTHORITY_TEST_WORLD_H
#define IMPRINT_AUTHORITY_TEST_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/authority/authority_internal.h"
#include "lib/authority/operation.h"
#include "lib/authority/operator.h"
#include "lib/authority/order_record.h"
#include "lib/authority/order_run.h"
#include "lib/authority/request.h"
#include "lib/authority/signer.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"
#include "lib/crypto/random.h"
#include "lib/identity/index.h"
#include "lib/identity/station.h"
#include "lib/policy/product_yaml.h"
#include "tests/support/registry.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define NOW		INT64_C(1767225600)	/* 2026-01-01T00:00:00Z */
#define PASSPHRASE	"correct horse"
#define PRODUCTS	4
#define STATIONS	2

static const char *const product_files[PRODUCTS] = {
	"examples/products/camera.yaml",
	"examples/products/glucose-monitor.yaml",
	"examples/products/wind-turbine-sensor.yaml",
	"examples/products/water-meter.yaml",	/* with receipts */
};
#define METER		3
static const char *const station_names[STATIONS] = { "line-1", "line-2" };
static const enum key_alg station_algs[STATIONS] = { KEY_X25519, KEY_P256 };

struct world {
	char			 root[64];	/* holds everything */
	char			 dir[96];	/* the copy at hand */
	struct authority	*authority;
	/* while that is closed: what unlocking gave */
	struct keystore		*keystore;
	struct hmac		*row_mac;
	struct signer		*operator;
	uint8_t			 product[PRODUCTS][SHA256_SIZE];
	uint8_t			 station[STATIONS][KEY_PRIVATE_SIZE];
	uint8_t			 signing[STATIONS][KEY_PRIVATE_SIZE];
};

static inline void shell(const char *, ...)
    __attribute__((format(printf, 1, 2)));

static inline void
shell(const char *format, ...)
{
	char command[512];
	va_list args;

	va_start(args, format);
	assert_true(vsnprintf(command, sizeof(command), format, args) <
	    (int)sizeof(command));
	va_end(args);
	/* cp and rm on a scratch folder: NOLINTNEXTLINE(cert-env33-c) */
	assert_int_equal(system(command), 0);
}

static inline void
good(enum err err, const struct diag *diag)
{
	if (err != ERR_OK)
		fail_msg("%s: %s", err_name(err),
		    diag != NULL ? diag->what : "");
}

/* private: NULL, or room for a key of 32 octets. */
static inline void
key_make(enum key_alg alg, struct public_key *ret_key,
    uint8_t private[KEY_PRIVATE_SIZE], struct signer **ret_signer)
{
	_cleanup_keygen_ struct keygen *keygen = NULL;
	uint8_t own[KEY_PRIVATE_MAX];
	size_t len = 0;

	assert_int_equal(keygen_new(alg, &keygen, NULL), ERR_OK);
	assert_int_equal(keygen_run(keygen, ret_key, own, &len), ERR_OK);
	if (private != NULL)
		memcpy(private, own, KEY_PRIVATE_SIZE);
	if (ret_signer != NULL)
		assert_int_equal(signer_new(alg, bytes_of(own, len),
		    ret_signer, NULL), ERR_OK);
}

static inline enum err
submit_at(struct world *w, int64_t now, enum request_type type,
    struct bytes body, struct buf *result, struct diag *diag)
{
	_cleanup_buf_ struct buf request = BUF_INIT;

	assert_int_equal(request_sign(authority_info(w->authority)->id, type,
			     body, now, w->operator, & request, NULL),
	    ERR_OK);
	buf_clear(result);
	return authority_submit(w->authority, buf_bytes(&request), now, result,
	    diag);
}

static inline enum err
submit(struct world *w, enum request_type type, struct bytes body,
    struct buf *result, struct diag *diag)
{
	return submit_at(w, NOW, type, body, result, diag);
}

static inline void
product_read(const char *file, struct product *out)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct diag diag = DIAG_INIT;

	good(io_read_file(io_posix(), file, &text, &diag), &diag);
	good(product_yaml_parse(file, buf_bytes(&text), out, &diag), &diag);
}

static inline void
product_body(const char *file, struct buf *out)
{
	struct product product;

	product_read(file, &product);
	assert_int_equal(product_encode(&product, out), ERR_OK);
}

static inline void
station_body(const char *name, enum key_alg alg,
    uint8_t private[KEY_PRIVATE_SIZE], uint8_t signing[KEY_PRIVATE_SIZE],
    struct buf *out)
{
	_cleanup_signer_ struct signer *signer = NULL;
	struct station_statement statement = { .created = NOW };
	struct diag diag = DIAG_INIT;

	(void)snprintf(statement.name, sizeof(statement.name), "%s", name);
	key_make(alg, &statement.sealing, private, NULL);
	key_make(KEY_P256, &statement.signing, signing, &signer);
	good(station_statement_sign(&statement, signer, out, &diag), &diag);
}

static inline struct authority_init
world_init(const char *dir)
{
	return (struct authority_init){ .dir = dir, .name = "test",
	    .publish_url = "https://pki.example.net", .operator_name = "ada",
	    .passphrase = bytes_text(PASSPHRASE),
	    .operator_passphrase = bytes_text("operator's"), .now = NOW };
}

/* Lock and unlock without the time that a passphrase takes. */
static inline void
keys_take(struct world *w)
{
	w->keystore = w->authority->keystore;
	w->row_mac = w->authority->row_mac;
	w->authority->keystore = NULL;
	w->authority->row_mac = NULL;
}

static inline void
keys_give(struct world *w)
{
	w->authority->keystore = w->keystore;
	w->authority->row_mac = w->row_mac;
	w->keystore = NULL;
	w->row_mac = NULL;
}

static inline void
world_close(struct world *w)
{
	if (w->authority == NULL)
		return;
	keys_take(w);
	authority_close(&w->authority);
}

/* Open the ecosystem at dir (again). */
static inline enum err
world_try(struct world *w, const struct io *io, struct diag *diag)
{
	enum err err;

	world_close(w);
	err = authority_open(io, w->dir, AUTHORITY_WRITE, &w->authority,
	    diag);
	if (err)
		return err;
	keys_give(w);
	return ERR_OK;
}

static inline void
world_open(struct world *w, const struct io *io)
{
	struct diag diag = DIAG_INIT;

	good(world_try(w, io, &diag), &diag);
}

/* For the group: makes everything that takes time. */
static inline int
world_make(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct diag diag = DIAG_INIT;
	struct authority_init init;
	char key[128];
	size_t i;

	assert_non_null(w);
	(void)snprintf(w->root, sizeof(w->root),
	    "/dev/shm/imprint-authority-XXXXXX");
	assert_non_null(mkdtemp(w->root));
	(void)snprintf(w->dir, sizeof(w->dir), "%s/base", w->root);
	init = world_init(w->dir);
	good(authority_init(io_posix(), &init, &diag), &diag);
	world_open(w, io_posix());
	good(authority_unlock(w->authority, bytes_text(PASSPHRASE), NOW,
	    &diag), &diag);
	(void)snprintf(key, sizeof(key), "%s/operators/ada.key", w->dir);
	good(operator_key_open(io_posix(), key, bytes_text("operator's"),
		 &w->operator, & diag),
	    &diag);
	for (i = 0; i < PRODUCTS; i++) {
		_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;

		product_body(product_files[i], &body);
		good(submit(w, REQUEST_PRODUCT_ADD, buf_bytes(&body),
		    &result, &diag), &diag);
		memcpy(w->product[i], result.ptr, SHA256_SIZE);
	}
	for (i = 0; i < STATIONS; i++) {
		_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;

		station_body(station_names[i], station_algs[i],
		    w->station[i], w->signing[i], &body);
		good(submit(w, REQUEST_STATION_ADD, buf_bytes(&body),
		    &result, &diag), &diag);
	}
	world_close(w);
	*state = w;
	return 0;
}

static inline int
world_free(void **state)
{
	struct world *w = *state;

	authority_close(&w->authority);
	keystore_free(&w->keystore);
	hmac_free(&w->row_mac);
	signer_free(&w->operator);
	shell("rm -rf '%s'", w->root);
	free(w);
	return 0;
}

/* A fresh copy of the base, opened through io. */
static inline void
world_copy(struct world *w, const struct io *io)
{
	world_close(w);
	shell("rm -rf '%s/copy'; cp -a '%s/base' '%s/copy'", w->root, w->root,
	    w->root);
	(void)snprintf(w->dir, sizeof(w->dir), "%s/copy", w->root);
	world_open(w, io);
}

/* For each test. */
static inline int
world_fresh(void **state)
{
	world_copy(*state, io_posix());
	return 0;
}

/* Change the registry behind everybody's back. */
static inline void
registry_change(struct world *w, const char *sql)
{
	char path[PATH_SIZE];

	assert_int_equal(path_join(path, w->dir, "registry.db"), ERR_OK);
	registry_execute(path, sql);
}

static inline uint64_t
number_of(struct bytes encoded)
{
	struct cbor cbor;
	uint64_t number;

	cbor_open(&cbor, encoded);
	number = cbor_get_uint(&cbor);
	assert_true(cbor_close(&cbor));
	return number;
}

/* Smaller chunks than an order would have. */
static inline void
order_chunks(struct world *w, uint32_t number, unsigned chunk)
{
	char sql[100];

	(void)snprintf(sql, sizeof(sql), "UPDATE orders SET chunk_size = %u "
	    "WHERE number = %u", chunk, number);
	registry_change(w, sql);
}

/* An order of packs packs, for the stations in turn; chunk 0: as it comes. */
static inline uint32_t
order_of(struct world *w, const uint8_t product[SHA256_SIZE], uint64_t count,
    size_t packs, unsigned chunk)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	const char *stations[ORDER_PACKS_MAX];
	struct diag diag = DIAG_INIT;
	uint32_t number;
	size_t i;

	for (i = 0; i < packs; i++)
		stations[i] = station_names[i % STATIONS];
	assert_int_equal(request_put_order(&body, product, count, stations,
	    packs), ERR_OK);
	good(submit(w, REQUEST_ORDER_CREATE, buf_bytes(&body), &result,
	    &diag), &diag);
	number = (uint32_t)number_of(buf_bytes(&result));
	if (chunk > 0)
		order_chunks(w, number, chunk);
	return number;
}

static inline uint32_t
order_make(struct world *w, size_t product, uint64_t count, size_t packs,
    unsigned chunk)
{
	return order_of(w, w->product[product], count, packs, chunk);
}

static inline enum err
order_go(struct world *w, uint32_t number, unsigned workers,
    struct diag *diag)
{
	struct order_run run = { .number = number, .workers = workers,
	    .now = NOW };

	return authority_order_run(w->authority, &run, diag);
}

/* Committed indices that nobody will ever rebuild. */
static inline void
log_make(struct world *w, uint32_t log, uint32_t count)
{
	struct store_range range = { .log = log, .count = count,
	    .epoch = EPOCH_FIRST, .issued = NOW, .template = 1 };
	struct store *store = w->authority->store;
	_cleanup_buf_ struct buf frontier = BUF_INIT;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct diag diag = DIAG_INIT;
	struct store_log row;
	struct merkle tree;

	good(sha256_new(&sha256, &diag), &diag);
	good(authority_log(w->authority, log, &row, &tree, &diag), &diag);
	good(store_begin(store, &diag), &diag);
	good(random_bytes(range.seed, sizeof(range.seed), &diag), &diag);
	good(store_range_reserve(store, &range, &diag), &diag);
	good(rows_range_add(w->authority, &range, &diag), &diag);
	good(authority_void_leaves(&tree, sha256, &range), &diag);
	good(authority_tree_put(w->authority, log, &tree, &frontier, &diag),
	    &diag);
	good(store_range_close(store, &range, RANGE_COMMITTED,
	    buf_bytes(&frontier), &diag), &diag);
	good(store_commit(store, &diag), &diag);
}

#endif
