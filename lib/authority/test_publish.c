/* What is published of status, and in which order of numbers and times. */
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/authority/lookup.h"
#include "lib/authority/operation.h"
#include "lib/authority/publish.h"
#include "lib/authority/signer.h"
#include "lib/authority/request_status.h"
#include "lib/authority/test_world.h"
#include "lib/x509/crl_read.h"
#include "lib/x509/crl_write.h"
#include "lib/x509/x509_read.h"
#include "tests/support/io_fault.h"

#define DAY_S	86400

/* Both files of the bulk log, taken apart and their signatures checked. */
struct view {
	struct buf		 crl_file, list_file;
	struct crl		 crl;
	uint64_t		 number;
	struct crl_index	*entries;
	struct status_list	 list;
	uint8_t			*array;
	size_t			 array_size;
};

static void
view_release(struct view *v)
{
	buf_release(&v->crl_file);
	buf_release(&v->list_file);
	crl_index_free(&v->entries);
	free(v->array);
}
#define _cleanup_view_ __attribute__((cleanup(view_release)))

static void
file_get(struct world *w, const char *name, struct buf *out)
{
	char path[PATH_SIZE];
	struct diag diag = DIAG_INIT;

	assert_int_equal(path_join(path, w->dir, name), ERR_OK);
	*out = (struct buf)BUF_INIT;
	good(io_read_file(io_posix(), path, out, &diag), &diag);
}

static void
view_verify(struct world *w, struct view *v)
{
	_cleanup_buf_ struct buf ca = BUF_INIT, subject = BUF_INIT;
	_cleanup_verifier_ struct verifier *verifier = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct diag diag = DIAG_INIT;
	struct crl_issuer issuer;
	struct authority_signer signer;
	struct x509_info info;
	bool is_good = false;

	good(sha256_new(&sha256, &diag), &diag);
	good(authority_certificate(w->authority, LOG_BULK, &ca, &diag),
	    &diag);
	good(x509_read(buf_bytes(&ca), &info, &diag), &diag);
	good(x509_subject(buf_bytes(&ca), &subject, &diag), &diag);
	issuer.name = buf_bytes(&subject);
	issuer.key = info.public_key;
	memcpy(issuer.key_id, info.key_id, KEY_ID_SIZE);
	good(crl_check_issuer(&v->crl, &issuer, sha256, &diag), &diag);
	good(signer_current(w->authority, &signer, &diag), &diag);
	good(verifier_new(&signer.key, &verifier, &diag), &diag);
	good(cose_sign1_verify(&v->list.message, verifier, signer.key.alg,
	    BYTES_NONE, sha256, &is_good), NULL);
	assert_true(is_good);
}

static void
view_get(struct world *w, struct view *v)
{
	struct diag diag = DIAG_INIT;
	size_t i;

	memset(v, 0, sizeof(*v));
	file_get(w, "publish/crl/bulk.crl", &v->crl_file);
	file_get(w, "publish/status/bulk-00000000.cwt", &v->list_file);
	good(crl_parse(buf_bytes(&v->crl_file), &v->crl, &diag), &diag);
	for (i = 0; i < v->crl.number.len; i++)
		v->number = v->number << 8 | v->crl.number.ptr[i];
	good(crl_index_new(&v->crl, &v->entries, &diag), &diag);
	good(status_list_parse(buf_bytes(&v->list_file), &v->list, &diag),
	    &diag);
	view_verify(w, v);
	good(status_list_inflate(&v->list, &v->array, &v->array_size,
	    &diag), &diag);
	assert_int_equal(v->array_size, STATUS_LIST_ARRAY_MAX);
	/* lists are replaced first */
	assert_true(v->list.issued >= v->crl.this_update);
	assert_true(bytes_equal(v->list.uri, bytes_text(
	    "https://pki.example.net/status/bulk-00000000.cwt")));
}

static enum err
publish_at(struct world *w, int64_t now, bool if_needed, struct diag *diag)
{
	struct publish publish = { .now = now, .if_needed = if_needed };

	return authority_publish_status(w->authority, &publish, diag);
}

static void
publish_good(struct world *w, int64_t now)
{
	struct diag diag = DIAG_INIT;

	good(publish_at(w, now, false, &diag), &diag);
}

static void
change_at(struct world *w, int64_t now, enum status_action action,
    unsigned reason, uint64_t first, uint64_t count)
{
	struct status_range range = { LOG_BULK_NUMBER, first, count };
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct diag diag = DIAG_INIT;

	assert_int_equal(request_put_status(&body, action, reason, &range, 1,
	    "test"), ERR_OK);
	good(submit_at(w, now, REQUEST_STATUS, buf_bytes(&body), &result,
	    &diag), &diag);
}

static void
change(struct world *w, enum status_action action, unsigned reason,
    uint64_t first, uint64_t count)
{
	change_at(w, NOW, action, reason, first, count);
}

/* 40 identities, indices 0 to 39. */
static void
issue(struct world *w)
{
	struct diag diag = DIAG_INIT;

	good(order_go(w, order_make(w, 0, 40, 1, 16), 2, &diag), &diag);
}

/* The serial numbers of an identity, from its certificates. */
static size_t
serials_of(struct world *w, uint64_t index,
    uint8_t serials[PRODUCT_SLOTS_MAX][SERIAL_SIZE])
{
	struct address address = { LOG_BULK_NUMBER, index };
	_cleanup_lookup_ struct lookup *lookup = NULL;
	const struct template *template;
	struct diag diag = DIAG_INIT;
	struct store_range range;
	struct identity identity;
	struct x509_info info;
	size_t i, n = 0;

	good(lookup_new(w->authority, &lookup, &diag), &diag);
	good(lookup_get(lookup, &address, &identity, &range, &template,
	    &diag), &diag);
	for (i = 0; i < template->slot_count; i++) {
		if (identity.certificate[i].len == 0)
			continue;
		good(x509_read(identity.certificate[i], &info, &diag), &diag);
		assert_int_equal(info.serial_len, SERIAL_SIZE);
		memcpy(serials[n++], info.serial, SERIAL_SIZE);
	}
	assert_true(n > 0);
	return n;
}

/* An index is listed so, in both. */
static void
assert_listed(struct world *w, const struct view *v, uint64_t index,
    enum status status, enum crl_reason reason)
{
	uint8_t serials[PRODUCT_SLOTS_MAX][SERIAL_SIZE];
	struct crl_revocation revocation;
	size_t n = serials_of(w, index, serials), i;

	assert_int_equal(status_array_get(v->array, (uint32_t)index),
	    status);
	for (i = 0; i < n; i++) {
		assert_int_equal(crl_index_find(v->entries,
		    bytes_of(serials[i], SERIAL_SIZE), &revocation),
		    status != STATUS_VALID);
		if (status == STATUS_VALID)
			continue;
		assert_int_equal(revocation.reason, reason);
		assert_int_equal(revocation.revoked, NOW);
	}
}

static void
test_content(void **state)
{
	struct world *w = *state;
	_cleanup_view_ struct view v = { 0 };
	uint64_t i;

	issue(w);
	change(w, STATUS_REVOKE, CRL_KEY_COMPROMISE, 3, 15);
	change(w, STATUS_SUSPEND, CRL_CERTIFICATE_HOLD, 20, 10);
	change(w, STATUS_RESUME, 0, 24, 2);
	publish_good(w, NOW + 100);
	view_get(w, &v);
	assert_int_equal(v.crl.next_update - v.crl.this_update,
	    PUBLISH_DAYS * DAY_S);
	assert_int_equal(v.list.issued, v.crl.this_update);
	assert_int_equal(v.list.expires, v.crl.next_update);
	assert_int_equal(crl_index_count(v.entries), 15 + 8);
	for (i = 0; i < 40; i++) {
		if (i >= 3 && i < 18)
			assert_listed(w, &v, i, STATUS_REVOKED,
			    CRL_KEY_COMPROMISE);
		else if (i >= 20 && i < 30 && i != 24 && i != 25)
			assert_listed(w, &v, i, STATUS_SUSPENDED,
			    CRL_CERTIFICATE_HOLD);
		else
			assert_listed(w, &v, i, STATUS_VALID,
			    CRL_UNSPECIFIED);
	}
}

/* Several products, one of them with several certificates an identity. */
static void
test_products(void **state)
{
	struct world *w = *state;
	_cleanup_view_ struct view v = { 0 };
	uint8_t serials[PRODUCT_SLOTS_MAX][SERIAL_SIZE];
	struct diag diag = DIAG_INIT;
	size_t product, certificates = 0;
	uint64_t i;

	for (product = 0; product < PRODUCTS; product++)
		good(order_go(w, order_make(w, product, 5, 1, 2), 2, &diag),
		    &diag);
	change(w, STATUS_REVOKE, CRL_SUPERSEDED, 1, 13);
	publish_good(w, NOW + 100);
	view_get(w, &v);
	for (i = 0; i < 15; i++) {
		if (i == 0 || i == 14) {
			assert_listed(w, &v, i, STATUS_VALID, 0);
			continue;
		}
		certificates += serials_of(w, i, serials);
		assert_listed(w, &v, i, STATUS_REVOKED, CRL_SUPERSEDED);
	}
	assert_int_equal(crl_index_count(v.entries), certificates);
}

static void
reserve(struct world *w, uint32_t count)
{
	struct store_range range = { .log = LOG_BULK_NUMBER, .count = count,
	    .epoch = EPOCH_FIRST, .issued = NOW, .template = 1,
	    .seed = { 7 } };
	struct store *store = w->authority->store;
	struct diag diag = DIAG_INIT;

	good(store_begin(store, &diag), &diag);
	good(store_range_reserve(store, &range, &diag), &diag);
	good(rows_range_add(w->authority, &range, &diag), &diag);
	good(store_commit(store, &diag), &diag);
}

static unsigned
template_certificates(struct world *w)
{
	_cleanup_template_ struct template *template = NULL;
	unsigned count = 0;
	size_t i;

	good(authority_template(w->authority, 1, &template, NULL), NULL);
	for (i = 0; i < template->slot_count; i++)
		count += template->slots[i].certificate != NULL;
	return count;
}

/* What a run that died had reserved is void and revoked: something signed
 * may exist. Its numbers are those of its seed. */
static void
test_reserved(void **state)
{
	struct world *w = *state;
	_cleanup_hmac_ struct hmac *seed = NULL;
	_cleanup_secret_ struct secret key = SECRET_INIT;
	_cleanup_aes_ struct aes *aes = NULL;
	_cleanup_view_ struct view v = { 0 };
	const uint8_t seven[RANGE_SEED_SIZE] = { 7 };
	struct crl_revocation revocation;
	uint8_t serial[SERIAL_SIZE];
	struct diag diag = DIAG_INIT;
	struct store_log log;
	uint64_t i;

	issue(w);
	reserve(w, 5);
	publish_good(w, NOW);
	good(store_log_get(w->authority->store, LOG_BULK_NUMBER, &log, NULL,
	    NULL, &diag), &diag);
	assert_int_equal(log.size, 45);
	view_get(w, &v);
	assert_int_equal(crl_index_count(v.entries),
	    5 * template_certificates(w));
	good(keystore_secret(w->authority->keystore, "index.serial.bulk.1",
	    &key, &diag), &diag);
	good(aes_new(secret_bytes(&key), &aes, &diag), &diag);
	good(hmac_new(bytes_of(seven, sizeof(seven)), &seed, &diag), &diag);
	for (i = 0; i < 45; i++)
		assert_int_equal(status_array_get(v.array, (uint32_t)i),
		    i < 40 ? STATUS_VALID : STATUS_REVOKED);
	for (i = 40; i < 45; i++) {
		good(serial_make(aes, seed, 1, i, 0, serial), NULL);
		assert_true(crl_index_find(v.entries,
		    bytes_of(serial, SERIAL_SIZE), &revocation));
		assert_int_equal(revocation.reason,
		    CRL_CESSATION_OF_OPERATION);
	}
	good(operation_replay(w->authority, NULL, NULL, &diag), &diag);
}

/* The clock stands still, goes back a little, goes on. */
static void
test_never_back(void **state)
{
	static const int64_t clock[] = { 0, 0, 0, 5, 3, 3, -100, -590, 1000,
	    1000, 900, 5 * DAY_S };
	struct world *w = *state;
	_cleanup_view_ struct view first = { 0 };
	struct operation_head head;
	struct diag diag = DIAG_INIT;
	uint64_t number;
	int64_t last;
	size_t i;

	issue(w);
	view_get(w, &first);
	number = first.number;
	last = first.crl.this_update;
	for (i = 0; i < COUNT(clock); i++) {
		_cleanup_view_ struct view v = { 0 };

		publish_good(w, NOW + clock[i]);
		view_get(w, &v);
		assert_int_equal(v.number, number + 1);
		assert_true(v.crl.this_update > last);
		assert_true(v.crl.this_update >= NOW + clock[i]);
		/* and no further ahead than it must be */
		assert_true(v.crl.this_update <= NOW + clock[i] ||
		    v.crl.this_update == last + 1);
		number = v.number;
		last = v.crl.this_update;
		good(operation_head(w->authority, &head, &diag), &diag);
		assert_true(head.time >= last);
	}
	good(operation_replay(w->authority, NULL, NULL, &diag), &diag);
}

/* The clock was a year ahead, and an operator accepted the right one since:
 * the time goes back then, the number never. */
static void
test_clock_accepted(void **state)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct world *w = *state;
	_cleanup_view_ struct view before = { 0 }, after = { 0 };
	struct diag diag = DIAG_INIT;

	issue(w);
	publish_good(w, NOW + 365 * (int64_t)DAY_S);
	view_get(w, &before);
	authority_accept(w->authority, AUTHORITY_CLOCK);
	cbor_put_int(&body, NOW);
	good(submit(w, REQUEST_CLOCK, buf_bytes(&body), &result, &diag),
	    &diag);
	world_open(w, io_posix());
	publish_good(w, NOW + 10);
	view_get(w, &after);
	assert_int_equal(after.number, before.number + 1);
	assert_int_equal(after.crl.this_update, NOW + 10);
}

static void
crl_put(struct world *w, const struct crl_head *plan, struct signer *signer)
{
	_cleanup_buf_ struct buf ca = BUF_INIT, subject = BUF_INIT;
	_cleanup_crl_writer_ struct crl_writer *writer = NULL;
	_cleanup_file_ struct file file = FILE_INIT;
	struct crl_head head = *plan;
	struct diag diag = DIAG_INIT;
	char path[PATH_SIZE];
	struct x509_info info;
	uint64_t size;

	good(authority_certificate(w->authority, LOG_BULK, &ca, &diag),
	    &diag);
	good(x509_read(buf_bytes(&ca), &info, &diag), &diag);
	good(x509_subject(buf_bytes(&ca), &subject, &diag), &diag);
	head.issuer_name = buf_bytes(&subject);
	head.issuer_key_id = bytes_of(info.key_id, KEY_ID_SIZE);
	assert_int_equal(path_join(path, w->dir, "publish/crl/bulk.crl"),
	    ERR_OK);
	good(file_open(io_posix(), path, O_RDWR | O_CREAT | O_TRUNC, 0644,
	    &file, &diag), &diag);
	good(crl_writer_new(&head, signer, &file, &writer, &diag), &diag);
	good(crl_writer_end(writer, &size, &diag), &diag);
}

/* An older registry beside a newer publication: its number and time count,
 * if it is ours. */
static void
test_newer_file(void **state)
{
	struct world *w = *state;
	_cleanup_signer_ struct signer *ours = NULL, *other = NULL;
	static const struct {
		uint64_t	number;
		int64_t		time;
		bool		ours;
		uint64_t	want_number;
		int64_t		want_time;
	} table[] = {
		{ 700, NOW + 50, true, 701, NOW + 51 },
		{ 700, NOW - 50, true, 701, NOW },
		{ 700, NOW + 50, false, 2, NOW },
		{ 1, NOW + 50, true, 2, NOW + 51 },
		{ 1, NOW + 50, false, 2, NOW },
		/* a clock that was wrong then */
		{ 9, NOW + 100 * DAY_S, true, 10, NOW },
		{ (uint64_t)INT64_MAX + 7, NOW, true, 2, NOW },
	};
	struct public_key key;
	struct diag diag = DIAG_INIT;
	size_t i;

	key_make(KEY_P256, &key, NULL, &other);
	good(keystore_signer(w->authority->keystore, "issuer.bulk", &ours,
	    &diag), &diag);
	for (i = 0; i < COUNT(table); i++) {
		struct crl_head head = { .number = table[i].number,
		    .this_update = table[i].time,
		    .next_update = table[i].time + 5 };
		_cleanup_view_ struct view v = { 0 };

		world_copy(w, io_posix());
		issue(w);	/* publishes number 1 */
		crl_put(w, &head, table[i].ours ? ours : other);
		publish_good(w, NOW);
		view_get(w, &v);
		assert_int_equal(v.number, table[i].want_number);
		assert_true(v.crl.this_update >= table[i].want_time);
		assert_true(v.crl.this_update <= table[i].want_time + 3);
	}
}

/* What is no CRL does not stand in the way. */
static void
test_damaged_file(void **state)
{
	static const char *const harm[] = { "rm %s/publish/crl/bulk.crl",
	    ": > %s/publish/crl/bulk.crl",
	    "printf garbage > %s/publish/crl/bulk.crl",
	    "head -c 100000 /dev/zero > %s/publish/crl/bulk.crl",
	    "truncate -s 200 %s/publish/crl/bulk.crl",
	    "printf x >> %s/publish/crl/bulk.crl",
	    "rm -r %s/publish/crl %s/publish/status" };
	struct world *w = *state;
	size_t i;

	for (i = 0; i < COUNT(harm); i++) {
		_cleanup_view_ struct view v = { 0 };
		struct diag diag = DIAG_INIT;
		char command[400];

		world_copy(w, io_posix());
		issue(w);
		(void)snprintf(command, sizeof(command), "d=%s; %s", w->dir,
		    harm[i]);
		while (strstr(command, "%s") != NULL)
			memcpy(strstr(command, "%s"), "$d", 2);
		shell("%s", command);
		/* and it is seen that something is missing */
		good(publish_at(w, NOW, true, &diag), &diag);
		view_get(w, &v);
		assert_int_equal(v.number, 2);
	}
}

static uint64_t
number_now(struct world *w)
{
	struct published published;
	struct diag diag = DIAG_INIT;

	good(authority_published(w->authority, LOG_BULK, &published, &diag),
	    &diag);
	return published.number;
}

static void
test_if_needed(void **state)
{
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	struct published published;

	assert_int_equal(authority_published(w->authority, LOG_BULK,
	    &published, NULL), ERR_NOTFOUND);
	issue(w);
	assert_int_equal(number_now(w), 1);
	issue(w);		/* in the list already */
	good(publish_at(w, NOW + 3 * DAY_S, true, &diag), &diag);
	assert_int_equal(number_now(w), 1);
	change_at(w, NOW + 3 * DAY_S, STATUS_REVOKE, 0, 5, 1);
	good(publish_at(w, NOW + 3 * DAY_S, true, &diag), &diag);
	assert_int_equal(number_now(w), 2);
	/* nothing changed: no operation */
	change_at(w, NOW + 3 * DAY_S, STATUS_REVOKE, 0, 5, 1);
	good(publish_at(w, NOW + 4 * DAY_S, true, &diag), &diag);
	assert_int_equal(number_now(w), 2);
	/* half of its time is over */
	good(publish_at(w, NOW + 7 * DAY_S, true, &diag), &diag);
	assert_int_equal(number_now(w), 3);
	good(publish_at(w, NOW + 7 * DAY_S, false, &diag), &diag);
	assert_int_equal(number_now(w), 4);
	/* a file is gone */
	good(publish_at(w, NOW + 7 * DAY_S, true, &diag), &diag);
	assert_int_equal(number_now(w), 4);
	shell("rm '%s/publish/status/bulk-00000000.cwt'", w->dir);
	good(publish_at(w, NOW + 7 * DAY_S, true, &diag), &diag);
	assert_int_equal(number_now(w), 5);
	shell("test -s '%s/publish/status/bulk-00000000.cwt'", w->dir);
}

static void
test_days(void **state)
{
	struct world *w = *state;
	struct publish publish = { .now = NOW, .days = 1 };
	_cleanup_view_ struct view v = { 0 };
	struct diag diag = DIAG_INIT;

	issue(w);
	good(authority_publish_status(w->authority, &publish, &diag), &diag);
	view_get(w, &v);
	assert_int_equal(v.crl.next_update - v.crl.this_update, DAY_S);
	publish.days = PUBLISH_DAYS_MAX + 1;
	assert_int_equal(authority_publish_status(w->authority, &publish,
	    &diag), ERR_INVALID);
	keys_take(w);
	publish.days = 0;
	assert_int_equal(authority_publish_status(w->authority, &publish,
	    NULL), ERR_STATE);
	keys_give(w);
}

/* The record of what was published is under the row MAC. */
static void
test_record_altered(void **state)
{
	struct world *w = *state;
	struct diag diag = DIAG_INIT;

	issue(w);
	registry_change(w, "UPDATE meta SET value = substr(value, 1, "
	    "length(value) - 1) || " SQL_OTHER("substr(value, -1)")
	    " WHERE name = 'published-bulk'");
	assert_int_equal(publish_at(w, NOW, false, &diag), ERR_CORRUPT);
	assert_non_null(strstr(diag.what, "published of log bulk"));
	assert_int_equal(operation_replay(w->authority, NULL, NULL, NULL),
	    ERR_CORRUPT);
}

/* Taken away, or an older one put back: a number would be used again. */
static void
test_record_older(void **state)
{
	static const char *const table[] = {
		"DELETE FROM meta WHERE name = 'published-bulk'",
		"UPDATE meta SET value = (SELECT value FROM meta WHERE "
		    "name = 'older') WHERE name = 'published-bulk'",
	};
	struct world *w = *state;
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		struct diag diag = DIAG_INIT;

		world_copy(w, io_posix());
		issue(w);
		registry_change(w, "INSERT INTO meta SELECT 'older', value "
		    "FROM meta WHERE name = 'published-bulk'");
		publish_good(w, NOW);
		registry_change(w, table[i]);
		shell("rm -r '%s/publish/crl'", w->dir);
		assert_int_equal(publish_at(w, NOW, false, &diag),
		    ERR_CORRUPT);
		assert_non_null(strstr(diag.what, "published last"));
	}
}

/* A second list from 2^20 on. */
static void
test_lists(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf file = BUF_INIT;
	struct diag diag = DIAG_INIT;
	struct status_list list;
	uint8_t *array = NULL;
	size_t size = 0;

	reserve(w, STATUS_LIST_COUNT - 1);
	publish_good(w, NOW);
	assert_int_equal(authority_published(w->authority, LOG_BULK,
	    &(struct published){ 0 }, NULL), ERR_OK);
	reserve(w, 3);
	publish_good(w, NOW);
	file_get(w, "publish/status/bulk-00000001.cwt", &file);
	good(status_list_parse(buf_bytes(&file), &list, &diag), &diag);
	good(status_list_inflate(&list, &array, &size, &diag), &diag);
	assert_int_equal(status_array_get(array, 0), STATUS_REVOKED);
	assert_int_equal(status_array_get(array, 1), STATUS_REVOKED);
	assert_int_equal(status_array_get(array, 2), STATUS_VALID);
	free(array);
}

/* Every operation of the disk fails once: what is published is the old or
 * the new, each whole, and the next publication goes on from there. */
static bool
fault_at(struct world *w, enum io_fault_kind kind, unsigned long at)
{
	const struct io_fault_plan plan = { .kind = kind, .at = at };
	_cleanup_view_ struct view old = { 0 }, now = { 0 }, next = { 0 };
	struct io *io = io_fault_new(&plan);
	struct diag diag = DIAG_INIT;
	enum err err;

	shell("rm -rf '%s/copy'; cp -a '%s/kept' '%s/copy'", w->root,
	    w->root, w->root);
	world_open(w, io_posix());
	view_get(w, &old);
	err = world_try(w, io, &diag);
	if (!err)
		err = publish_at(w, NOW + 10, false, &diag);
	assert_true(err == ERR_OK || err == ERR_IO || err == ERR_NOSPACE);
	assert_true((diag.what[0] != '\0') == (err != ERR_OK));
	world_open(w, io_posix());
	io_fault_free(io);
	view_get(w, &now);
	assert_true(now.number == old.number || now.number ==
	    old.number + 1);
	if (err == ERR_OK)
		assert_int_equal(now.number, old.number + 1);
	if (now.number == old.number)
		assert_true(bytes_equal(buf_bytes(&now.crl_file),
		    buf_bytes(&old.crl_file)));
	publish_good(w, NOW + 10);
	view_get(w, &next);
	shell("test -z \"$(find '%s/publish' ! -perm -044)\"", w->dir);
	assert_true(next.number > now.number);
	assert_true(next.crl.this_update > now.crl.this_update);
	diag = (struct diag)DIAG_INIT;
	good(operation_replay(w->authority, NULL, NULL, &diag), &diag);
	return err != ERR_OK;
}

static unsigned long
operations(struct world *w)
{
	const struct io_fault_plan plan = { .kind = IO_FAULT_NONE };
	struct io *io = io_fault_new(&plan);
	unsigned long count;

	world_open(w, io);
	publish_good(w, NOW + 10);
	count = io_fault_count(io);
	world_open(w, io_posix());
	io_fault_free(io);
	return count;
}

static void
test_faults(void **state)
{
	static const enum io_fault_kind kinds[] = { IO_FAULT_ENOSPC,
	    IO_FAULT_ENOSPC_ONCE, IO_FAULT_EIO, IO_FAULT_SYNC };
	struct world *w = *state;
	unsigned long count, at;
	unsigned failed = 0;
	mode_t before;
	size_t i;

	/* modes are set and mended, which may fail too */
	before = umask(077);
	issue(w);
	change(w, STATUS_REVOKE, CRL_KEY_COMPROMISE, 3, 15);
	publish_good(w, NOW);
	world_close(w);
	shell("chmod -R go= '%s/copy'", w->root);
	shell("rm -rf '%s/kept'; cp -a '%s/copy' '%s/kept'", w->root, w->root,
	    w->root);
	world_open(w, io_posix());
	count = operations(w);
	assert_true(count > 15);
	for (i = 0; i < COUNT(kinds); i++)
		for (at = 1; at <= count; at++)
			failed += fault_at(w, kinds[i], at);
	assert_true(failed > count);
	(void)umask(before);
}

#define PUBLISH_TEST(function)						\
	cmocka_unit_test_setup(function, world_fresh)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		PUBLISH_TEST(test_content),
		PUBLISH_TEST(test_products),
		PUBLISH_TEST(test_reserved),
		PUBLISH_TEST(test_never_back),
		PUBLISH_TEST(test_clock_accepted),
		PUBLISH_TEST(test_newer_file),
		PUBLISH_TEST(test_damaged_file),
		PUBLISH_TEST(test_if_needed),
		PUBLISH_TEST(test_days),
		PUBLISH_TEST(test_record_altered),
		PUBLISH_TEST(test_record_older),
		PUBLISH_TEST(test_lists),
		PUBLISH_TEST(test_faults),
	};

	return cmocka_run_group_tests(tests, world_make, world_free);
}
