/* Document signers: a new one takes over, receipts are signed again. */
#include "lib/authority/test_world.h"

#include "lib/authority/chunk_receipt.h"
#include "lib/authority/lookup.h"
#include "lib/authority/signer.h"
#include "lib/identity/document.h"
#include "lib/identity/pack.h"
#include "lib/x509/x509_read.h"
#include "tests/support/io_fault.h"

#define METERS	25	/* at 0..24, in chunks of 8 */
#define CAMERAS	10	/* at 25..34 */
#define CHUNKS	4	/* of meters */

/* A copy with a keystore of its own: what is made here must not get into the
 * one that all tests share. */
static void
copy_unlocked(struct world *w, const struct io *io)
{
	struct diag diag = DIAG_INIT;

	world_copy(w, io_posix());
	world_close(w);
	keystore_free(&w->keystore);
	hmac_free(&w->row_mac);
	good(authority_open(io, w->dir, AUTHORITY_WRITE, &w->authority,
	    &diag), &diag);
	good(authority_unlock(w->authority, bytes_text(PASSPHRASE), NOW,
	    &diag), &diag);
}

static int
fresh(void **state)
{
	copy_unlocked(*state, io_posix());
	return 0;
}

static int
orders_run(void **state)
{
	struct diag diag = DIAG_INIT;
	struct world *w;

	if (world_make(state) != 0)
		return -1;
	w = *state;
	world_open(w, io_posix());
	good(order_go(w, order_make(w, METER, METERS, 1, 8), 2, &diag),
	    &diag);
	good(order_go(w, order_make(w, 0, CAMERAS, 1, 8), 2, &diag), &diag);
	world_close(w);
	return 0;
}

static enum err
signer_ask(struct world *w, uint32_t number, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;

	assert_int_equal(request_put_signer(&body, number), ERR_OK);
	return submit(w, REQUEST_SIGNER_NEW, buf_bytes(&body), &result, diag);
}

static enum err
renew(struct world *w, struct diag *diag)
{
	struct signer_renewal renewal = { .now = NOW };

	return signer_renew(w->authority, &renewal, diag);
}

static uint64_t
left(struct world *w)
{
	struct diag diag = DIAG_INIT;
	uint64_t count = UINT64_MAX;

	good(signer_renew_left(w->authority, &count, &diag), &diag);
	return count;
}

static struct authority_signer
current(struct world *w)
{
	struct authority_signer signer;
	struct diag diag = DIAG_INIT;

	good(signer_current(w->authority, &signer, &diag), &diag);
	return signer;
}

/* The document of an identity, its signer's number; generation as given. */
static uint32_t
document_get(struct world *w, uint64_t index, uint32_t generation,
    struct buf *out)
{
	_cleanup_verifier_ struct verifier *verifier = NULL;
	_cleanup_lookup_ struct lookup *lookup = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct address address = { LOG_BULK_NUMBER, index };
	const struct template *template;
	struct authority_signer signer;
	struct diag diag = DIAG_INIT;
	struct identity identity;
	struct store_range range;
	struct document document;
	bool is_good = false;

	good(lookup_new(w->authority, &lookup, &diag), &diag);
	lookup_generation(lookup, generation);
	good(lookup_get(lookup, &address, &identity, &range, &template,
	    &diag), &diag);
	good(document_parse(identity.document, &document, &diag), &diag);
	good(signer_by_kid(w->authority, document.message.kid, &signer,
	    &diag), &diag);
	good(sha256_new(&sha256, &diag), &diag);
	good(verifier_new(&signer.key, &verifier, &diag), &diag);
	good(document_verify(&document, verifier, KEY_P256, sha256,
	    &is_good), &diag);
	assert_true(is_good);
	assert_int_equal(document.status_idx, index);
	buf_put_bytes(out, identity.document);
	assert_int_equal(buf_err(out), ERR_OK);
	return signer.number;
}

static void
trust_check(struct world *w, uint32_t signers)
{
	_cleanup_buf_ struct buf pem = BUF_INIT, all = BUF_INIT;
	_cleanup_buf_ struct buf one = BUF_INIT, der = BUF_INIT;
	struct authority_signer signer = current(w);
	struct diag diag = DIAG_INIT;
	char path[PATH_SIZE];
	size_t at, count = 0;

	assert_int_equal(authority_path(w->authority, "publish/trust.pem",
	    path, NULL), ERR_OK);
	good(io_read_file(io_posix(), path, &pem, &diag), &diag);
	good(pem_get_all(buf_bytes(&pem), "CERTIFICATE", &all, &diag),
	    &diag);
	for (at = 0; at < all.len; at += 4 + get_be32(all.ptr + at))
		count++;
	assert_int_equal(count, 4 + signers);
	assert_int_equal(signer.number, signers);
	(void)snprintf(path, sizeof(path), "%s/publish/ca/%s.cer", w->dir,
	    signer.name);
	good(io_read_file(io_posix(), path, &one, &diag), &diag);
	good(authority_certificate(w->authority, signer.name, &der, &diag),
	    &diag);
	assert_true(bytes_equal(buf_bytes(&one), buf_bytes(&der)));
}

/* The root issued it, to sign documents, for ever. */
static void
certificate_check(struct world *w, const struct authority_signer *signer)
{
	_cleanup_x509_trust_ struct x509_trust *trust = NULL;
	_cleanup_buf_ struct buf root = BUF_INIT, der = BUF_INIT;
	enum x509_verdict verdict = X509_DENY_INCOMPLETE;
	struct diag diag = DIAG_INIT;
	struct x509_info info;

	good(x509_trust_new(&trust, &diag), &diag);
	good(authority_certificate(w->authority, KEY_ROOT, &root, &diag),
	    &diag);
	good(x509_trust_add_root(trust, buf_bytes(&root), &diag), &diag);
	good(authority_certificate(w->authority, signer->name, &der, &diag),
	    &diag);
	good(x509_verify(trust, buf_bytes(&der), NOW, EKU_DOCUMENT_SIGNING,
	    &verdict, NULL, 0, &diag), &diag);
	assert_int_equal(verdict, X509_ACCEPT);
	good(x509_read(buf_bytes(&der), &info, &diag), &diag);
	assert_false(info.ca);
	assert_int_equal(info.not_after, TIME_MAX_S);
}

static void
test_renewal(void **state)
{
	struct authority_signer signer;
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	uint64_t i;

	trust_check(w, 1);
	assert_int_equal(left(w), 0);
	good(signer_ask(w, 2, &diag), &diag);
	signer = current(w);
	assert_int_equal(signer.number, 2);
	assert_string_equal(signer.name, "document.2");
	certificate_check(w, &signer);
	assert_int_equal(left(w), CHUNKS);
	for (i = 0; i < METERS + CAMERAS; i++) {
		_cleanup_buf_ struct buf old = BUF_INIT;

		assert_int_equal(document_get(w, i, 0, &old), 1);
	}
	good(renew(w, &diag), &diag);
	assert_int_equal(left(w), 0);
	trust_check(w, 2);
	for (i = 0; i < METERS + CAMERAS; i++) {
		_cleanup_buf_ struct buf new = BUF_INIT, old = BUF_INIT;
		struct document a, b;

		assert_int_equal(document_get(w, i, 0, &new), i < METERS ?
		    2 : 1);
		assert_int_equal(document_get(w, i, i < METERS ? 1 : 0,
		    &old), 1);
		good(document_parse(buf_bytes(&new), &a, NULL), NULL);
		good(document_parse(buf_bytes(&old), &b, NULL), NULL);
		assert_true(bytes_equal(a.claims, b.claims));
		assert_int_equal(bytes_equal(buf_bytes(&new),
		    buf_bytes(&old)), i >= METERS);
	}
}

/* What is ordered before and after, direct and with receipts, is signed by
 * the new one; twice over. */
static void
test_issuance_after(void **state)
{
	static const size_t products[] = { 0, METER, 0, METER };
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	uint32_t number, orders[4];
	uint64_t index = METERS + CAMERAS;
	size_t i;

	orders[0] = order_make(w, 0, 5, 1, 2);
	orders[1] = order_make(w, METER, 5, 1, 2);
	for (number = 2; number <= 3; number++) {
		good(signer_ask(w, number, &diag), &diag);
		orders[2] = order_make(w, 0, 5, 1, 2);
		orders[3] = order_make(w, METER, 5, 1, 2);
		for (i = number == 2 ? 0 : 2; i < 4; i++) {
			_cleanup_pack_ struct pack *pack = NULL;
			_cleanup_buf_ struct buf document = BUF_INIT;
			struct authority_signer signer = current(w);
			char path[PATH_SIZE];

			assert_true(products[i] < PRODUCTS);
			good(order_go(w, orders[i], 2, &diag), &diag);
			trust_check(w, number);
			assert_int_equal(document_get(w, index, 0,
			    &document), number);
			index += 5;
			good(authority_pack_path(w->authority, orders[i], 1,
			    true, path, &diag), &diag);
			good(pack_open(io_posix(), path, &signer.key, 1,
			    &pack, &diag), &diag);
		}
	}
	/* the meters of signer 2 and those of signer 1, all to signer 3 */
	assert_int_equal(left(w), CHUNKS + 6);
	good(renew(w, &diag), &diag);
	assert_int_equal(left(w), 0);
	for (index = 0; index < METERS; index++) {
		_cleanup_buf_ struct buf document = BUF_INIT;

		assert_int_equal(document_get(w, index, 0, &document), 3);
	}
}

static void
test_refused(void **state)
{
	_cleanup_buf_ struct buf result = BUF_INIT;
	struct world *w = *state;
	struct diag diag = DIAG_INIT;

	assert_int_equal(signer_ask(w, 1, NULL), ERR_CONFLICT);
	assert_int_equal(signer_ask(w, 3, NULL), ERR_CONFLICT);
	assert_int_equal(signer_ask(w, 0, NULL), ERR_CONFLICT);
	assert_int_equal(submit(w, REQUEST_SIGNER_NEW, bytes_text("\x61x"),
	    &result, NULL), ERR_SYNTAX);
	assert_int_equal(current(w).number, 1);
	good(signer_ask(w, 2, &diag), &diag);
	/* a second operator who asked for the same */
	assert_int_equal(signer_ask(w, 2, &diag), ERR_CONFLICT);
	assert_non_null(strstr(diag.what, "number 2 signs now"));
	assert_int_equal(current(w).number, 2);
}

static bool
stop_at_once(void *ctx)
{
	unsigned *left_to_ask = ctx;

	return (*left_to_ask)-- == 0;
}

/* A pack that has begun ends under the signer it began with. */
static void
test_growing_pack(void **state)
{
	struct world *w = *state;
	unsigned asks = 3;
	struct order_run run = { .workers = 1, .now = NOW,
	    .stop = stop_at_once, .ctx = &asks };
	struct diag diag = DIAG_INIT;

	run.number = order_make(w, METER, 40, 1, 8);
	assert_int_equal(authority_order_run(w->authority, &run, NULL),
	    ERR_INTERRUPTED);
	assert_int_equal(signer_ask(w, 2, &diag), ERR_STATE);
	assert_non_null(strstr(diag.what, "order 3: its pack 1"));
	assert_non_null(strstr(diag.hint, "order run 3"));
	diag = (struct diag)DIAG_INIT;
	good(order_go(w, run.number, 1, &diag), &diag);
	good(signer_ask(w, 2, &diag), &diag);
}

struct watch {
	unsigned	asks;
	uint64_t	done;
};

static void
watch_progress(void *ctx, uint64_t done)
{
	struct watch *watch = ctx;

	assert_true(done > watch->done);
	watch->done = done;
}

static bool
watch_stop(void *ctx)
{
	struct watch *watch = ctx;

	return watch->asks-- == 0;
}

/* Interrupted after a batch, it goes on from there. */
static void
test_interrupted(void **state)
{
	struct watch watch = { .asks = 1 };
	struct signer_renewal renewal = { .now = NOW, .ctx = &watch,
	    .progress = watch_progress, .stop = watch_stop };
	struct world *w = *state;
	struct diag diag = DIAG_INIT;

	good(order_go(w, order_make(w, METER, 150, 1, 1), 2, &diag), &diag);
	good(signer_ask(w, 2, &diag), &diag);
	assert_int_equal(left(w), CHUNKS + 150);
	assert_int_equal(signer_renew(w->authority, &renewal, &diag),
	    ERR_INTERRUPTED);
	assert_non_null(strstr(diag.hint, "document-signer renew"));
	assert_int_equal(watch.done, 64);
	assert_int_equal(left(w), CHUNKS + 150 - 64);
	trust_check(w, 2);
	watch = (struct watch){ .asks = 100 };
	good(signer_renew(w->authority, &renewal, &diag), &diag);
	assert_int_equal(watch.done, CHUNKS + 150 - 64);
	assert_int_equal(left(w), 0);
	/* nothing more to do */
	watch = (struct watch){ .asks = 0 };
	diag = (struct diag)DIAG_INIT;
	good(signer_renew(w->authority, &renewal, &diag), &diag);
	assert_int_equal(watch.done, 0);
}

/* What was altered in the registry is not signed again. */
static void
test_altered(void **state)
{
	static const struct {
		const char	*sql;
		enum err	 err;
	} harm[] = {
		{ "UPDATE receipt SET signature = zeroblob(64) "
		    "WHERE first = 8", ERR_CORRUPT },
		{ "UPDATE receipt SET signature = (SELECT signature FROM "
		    "receipt WHERE first = 0) WHERE first = 8", ERR_CORRUPT },
		{ "UPDATE receipt SET kid = zeroblob(32) WHERE first = 8",
		    ERR_CORRUPT },
		{ "UPDATE receipt SET first = 9 WHERE first = 8",
		    ERR_CORRUPT },
		{ "UPDATE receipt SET first = 26 WHERE first = 8",
		    ERR_CORRUPT },
		{ "UPDATE receipt SET first = 5000 WHERE first = 8",
		    ERR_NOTFOUND },
		{ "UPDATE range SET evidence = 0 WHERE first = 8",
		    ERR_CORRUPT },
		{ "UPDATE segment SET leaves = zeroblob(length(leaves)) "
		    "WHERE first = 8", ERR_CORRUPT },
		{ "UPDATE segment SET leaves = (SELECT leaves FROM segment "
		    "WHERE first = 0) WHERE first = 8", ERR_CORRUPT },
		{ "DELETE FROM segment WHERE first = 8", ERR_NOTFOUND },
	};
	struct world *w = *state;
	size_t i;

	for (i = 0; i < COUNT(harm); i++) {
		_cleanup_buf_ struct buf document = BUF_INIT;
		struct diag diag = DIAG_INIT;
		enum err err;

		copy_unlocked(w, io_posix());
		good(signer_ask(w, 2, &diag), &diag);
		registry_change(w, harm[i].sql);
		err = renew(w, &diag);
		if (err != harm[i].err || diag.what[0] == '\0')
			fail_msg("%s: %s", harm[i].sql, err_name(err));
		/* nothing of the batch */
		assert_int_equal(document_get(w, 0, 0, &document), 1);
	}
}

/* One who writes to the registry does not become its signer. */
static void
test_altered_certificate(void **state)
{
	static const char *const harm[] = {
		"UPDATE object SET body = (SELECT body FROM object WHERE "
		    "kind = 1 AND name = 'document') WHERE kind = 1 AND "
		    "name = 'document.2'",
		"UPDATE object SET name = 'document.2' WHERE kind = 1 AND "
		    "name = 'online'",
	};
	struct world *w = *state;
	size_t i;

	for (i = 0; i < COUNT(harm); i++) {
		struct authority_signer signer;
		struct diag diag = DIAG_INIT;

		copy_unlocked(w, io_posix());
		if (i == 0)
			good(signer_ask(w, 2, &diag), &diag);
		registry_change(w, harm[i]);
		assert_int_equal(signer_current(w->authority, &signer,
		    &diag), ERR_CORRUPT);
		assert_int_equal(renew(w, NULL), ERR_CORRUPT);
	}
}

/* Without its key a signer is none: an older keystore put back. */
static void
test_older_keystore(void **state)
{
	struct world *w = *state;
	struct diag diag = DIAG_INIT;

	good(signer_ask(w, 2, &diag), &diag);
	world_close(w);
	shell("cp '%s/base/keystore' '%s/keystore'", w->root, w->dir);
	good(authority_open(io_posix(), w->dir, AUTHORITY_WRITE,
	    &w->authority, &diag), &diag);
	assert_int_equal(authority_unlock(w->authority,
	    bytes_text(PASSPHRASE), NOW, &diag), ERR_NOTFOUND);
	assert_non_null(strstr(diag.what, "document.2"));
	assert_non_null(strstr(diag.hint, "older than the registry"));
	authority_close(&w->authority);
	keystore_free(&w->keystore);
	hmac_free(&w->row_mac);
}

/* The disk fails at one operation; then everything is tried again by a
 * process that knows nothing of it. Returns whether it failed at all. */
static bool
fault_once(struct world *w, enum io_fault_kind kind, unsigned long at)
{
	const struct io_fault_plan plan = { .kind = kind, .at = at };
	struct io *io = io_fault_new(&plan);
	struct diag diag = DIAG_INIT;
	uint32_t number;
	uint64_t i;
	enum err err;

	copy_unlocked(w, io_posix());
	authority_close(&w->authority);
	err = authority_open(io, w->dir, AUTHORITY_WRITE, &w->authority,
	    &diag);
	if (!err)
		err = authority_unlock(w->authority, bytes_text(PASSPHRASE),
		    NOW, &diag);
	if (!err)
		err = signer_ask(w, 2, &diag);
	if (!err)
		err = renew(w, &diag);
	assert_true(err == ERR_OK || diag.what[0] != '\0');
	authority_close(&w->authority);
	good(authority_open(io_posix(), w->dir, AUTHORITY_WRITE,
	    &w->authority, NULL), NULL);
	diag = (struct diag)DIAG_INIT;
	good(authority_unlock(w->authority, bytes_text(PASSPHRASE), NOW,
	    &diag), &diag);
	number = current(w).number;
	assert_true(number == 2 || (number == 1 && err != ERR_OK));
	if (number == 1)
		good(signer_ask(w, 2, &diag), &diag);
	good(renew(w, &diag), &diag);
	trust_check(w, 2);
	assert_int_equal(left(w), 0);
	for (i = 0; i < METERS; i += 6) {
		_cleanup_buf_ struct buf document = BUF_INIT;

		assert_int_equal(document_get(w, i, 0, &document), 2);
	}
	io_fault_free(io);
	return err != ERR_OK;
}

static void
test_faults(void **state)
{
	static const enum io_fault_kind kinds[] = { IO_FAULT_EIO,
		IO_FAULT_ENOSPC, IO_FAULT_SYNC };
	const struct io_fault_plan none = { .kind = IO_FAULT_NONE };
	struct world *w = *state;
	struct io *io = io_fault_new(&none);
	struct diag diag = DIAG_INIT;
	unsigned long at, total;
	unsigned failures = 0;

	copy_unlocked(w, io);
	good(signer_ask(w, 2, &diag), &diag);
	good(renew(w, &diag), &diag);
	total = io_fault_count(io);
	authority_close(&w->authority);
	io_fault_free(io);
	for (at = 1; at <= total; at += 1 + total / 25)
		failures += fault_once(w, kinds[at % COUNT(kinds)], at);
	assert_true(failures > 8);
}

static void
test_names(void **state)
{
	char name[SIGNER_NAME_SIZE];

	(void)state;
	signer_name(1, name);
	assert_string_equal(name, "document");
	signer_name(SIGNERS_MAX, name);
	assert_string_equal(name, "document.32");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_renewal, fresh),
		cmocka_unit_test_setup(test_issuance_after, fresh),
		cmocka_unit_test_setup(test_refused, fresh),
		cmocka_unit_test_setup(test_growing_pack, fresh),
		cmocka_unit_test_setup(test_interrupted, fresh),
		cmocka_unit_test(test_altered),
		cmocka_unit_test(test_altered_certificate),
		cmocka_unit_test_setup(test_older_keystore, fresh),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, orders_run, world_free);
}
