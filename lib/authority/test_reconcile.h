/*
 * For the tests about reports of stations, made here with keys known here.
 * Order 1: packs of 5 for floor-1 and floor-2, identities 0 to 9; order 2: 3
 * for floor-1, identities 10 to 12.
 */
#ifndef IMPRINT_AUTHORITY_TEST_RECONCILE_H
#define IMPRINT_AUTHORITY_TEST_RECONCILE_H

#include "lib/authority/test_names.h"

#include "lib/authority/reconcile.h"

#define NAMES	"{kind: serial-number, from: index, " \
		"format: \"G-{index:6}\"}, " \
		"{kind: mac, from: line, type: mac}"
#define FLOORS	2
#define PACK	5

static struct floor_keys {
	struct signer	*signer;
	uint8_t		 kid[COSE_KID_SIZE];		/* signing */
	uint8_t		 sealing[COSE_KID_SIZE];
} floors[FLOORS];

static uint8_t gadget[SHA256_SIZE];

static inline void
floor_statement(const char *name, struct floor_keys *f, struct buf *out)
{
	struct station_statement statement = { .created = NOW };

	(void)snprintf(statement.name, sizeof(statement.name), "%s", name);
	key_make(KEY_X25519, &statement.sealing, NULL, NULL);
	if (f->signer == NULL)
		key_make(KEY_P256, &statement.signing, NULL, &f->signer);
	statement.signing = *signer_public(f->signer);
	assert_int_equal(cose_key_thumbprint(&statement.signing, f->kid),
	    ERR_OK);
	assert_int_equal(cose_key_thumbprint(&statement.sealing, f->sealing),
	    ERR_OK);
	good(station_statement_sign(&statement, f->signer, out, NULL), NULL);
}

static inline uint32_t
order_floors(struct world *w, uint64_t count, size_t packs)
{
	static const char *const names[FLOORS] = { "floor-1", "floor-2" };
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct diag diag = DIAG_INIT;
	uint32_t number;

	assert_int_equal(request_put_order(&body, gadget, count, names,
	    packs), ERR_OK);
	good(submit(w, REQUEST_ORDER_CREATE, buf_bytes(&body), &result,
	    &diag), &diag);
	number = (uint32_t)number_of(buf_bytes(&result));
	order_chunks(w, number, 2);
	order_done(w, number);
	return number;
}

static inline int
floors_make(void **state)
{
	struct diag diag = DIAG_INIT;
	struct world *w;
	char name[16];
	size_t i;

	if (world_make(state) != 0)
		return -1;
	w = *state;
	world_open(w, io_posix());
	for (i = 0; i < FLOORS; i++) {
		_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;

		(void)snprintf(name, sizeof(name), "floor-%zu", i + 1);
		floor_statement(name, &floors[i], &body);
		good(submit(w, REQUEST_STATION_ADD, buf_bytes(&body), &result,
		    &diag), &diag);
	}
	product_make(w, "gadget", NAMES, gadget);
	assert_int_equal(order_floors(w, 2 * PACK, 2), 1);
	assert_int_equal(order_floors(w, 3, 1), 2);
	world_close(w);
	return 0;
}

static inline int
floors_free(void **state)
{
	size_t i;

	for (i = 0; i < FLOORS; i++)
		signer_free(&floors[i].signer);
	return world_free(state);
}

struct rec {
	uint64_t		 position;
	enum report_state	 state;
	const char		*device;	/* NULL: not bound */
	const char		*mac;		/* NULL: none */
	uint64_t		 index;		/* 0: as it should be */
};

struct say {
	uint32_t		 order, pack;
	size_t			 floor;
	uint64_t		 sequence, entries, count;
	bool			 final;
	struct rec		 recs[8];
	/* lies */
	size_t			 signed_by;	/* 1 + floor; 0: right */
	bool			 other_order, other_pack, other_head;
	const char		*kind;
	bool			 forged;	/* evidence */
};

static inline void
record_make(const struct say *say, const struct rec *rec,
    struct report_record *r)
{
	static const uint8_t hash[SHA256_SIZE] = { 5 };
	static const uint8_t forged[REPORT_NONCE_SIZE + 64] = { 6 };

	*r = (struct report_record){ .position = rec->position,
	    .state = rec->state, .time = NOW + 60,
	    .index = rec->index != 0 ? rec->index :
	    (say->order == 2 ? 2 * PACK : (say->pack - 1) * PACK) +
	    rec->position, .fixture = bytes_text("fx-1"),
	    .badge = bytes_text("b7"), .mes_order = bytes_text("MES 1"),
	    .firmware = bytes_text("1.0") };
	if (rec->device != NULL) {
		r->device_kind = REPORT_SERIAL;
		r->device = bytes_text(rec->device);
	}
	if (rec->state == REPORT_INJECTED && rec->position % 2 == 0) {
		r->evidence = REPORT_READBACK;
		r->proof = bytes_of(hash, sizeof(hash));
	}
	if (rec->state == REPORT_INJECTED && say->forged) {
		r->evidence = REPORT_SIGNED;
		r->proof = bytes_of(forged, sizeof(forged));
	}
	if (rec->state == REPORT_SCRAPPED)
		r->reason = bytes_text("fell");
	if (rec->mac != NULL) {
		r->names[0] = (struct report_name){ bytes_text(
		    say->kind != NULL ? say->kind : "mac"),
		    bytes_text(rec->mac) };
		r->name_count = 1;
	}
}

static inline void
say_path(struct world *w, const struct say *say, char path[PATH_SIZE])
{
	char name[64];

	(void)snprintf(name, sizeof(name), "r-%u-%zu-%ju.report", say->order,
	    say->floor, (uintmax_t)say->sequence);
	assert_int_equal(path_join(path, w->dir, name), ERR_OK);
}

static inline void
say_it(struct world *w, const struct say *say, struct report *report)
{
	_cleanup_report_writer_ struct report_writer *writer = NULL;
	const struct floor_keys *f = &floors[say->floor];
	const struct floor_keys *by = say->signed_by == 0 ? f :
	    &floors[say->signed_by - 1];
	struct report_record record;
	struct diag diag = DIAG_INIT;
	struct store_order order;
	struct store_pack pack;
	char path[PATH_SIZE];
	size_t i;

	say_path(w, say, path);
	good(store_order_get(w->authority->store, say->order, &order, NULL),
	    NULL);
	good(store_pack_get(w->authority->store, say->order, say->pack, &pack,
	    NULL), NULL);
	*report = (struct report){ .sequence = say->sequence,
	    .made = NOW + 100, .final = say->final, .pack_count = 1,
	    .ledger_entries = say->entries != 0 ? say->entries :
	    100 * say->sequence };
	memcpy(report->station, f->sealing, COSE_KID_SIZE);
	memcpy(report->order, order.id, STORE_ID_SIZE);
	memcpy(report->packs[0].id, pack.id, STORE_ID_SIZE);
	report->order[0] ^= (uint8_t)say->other_order;
	report->packs[0].id[0] ^= (uint8_t)say->other_pack;
	report->ledger_head[0] ^= (uint8_t)say->other_head;
	report->packs[0].count = say->count != 0 ? say->count : pack.count;
	good(report_begin(io_posix(), path, &writer, &diag), &diag);
	for (i = 0; i < COUNT(say->recs) && say->recs[i].state != 0; i++) {
		record_make(say, &say->recs[i], &record);
		good(report_add(writer, &record, &diag), &diag);
	}
	good(report_end(writer, report, by->signer, bytes_of(by->kid,
	    COSE_KID_SIZE), &diag), &diag);
}

/* Submit what lies there under the report's name. */
static inline enum err
submit_report(struct world *w, const struct say *say,
    const struct report *report, struct reconcile_result *ret_result,
    struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT, request = BUF_INIT;
	_cleanup_buf_ struct buf result = BUF_INIT;
	_cleanup_file_ struct file file = FILE_INIT;
	char path[PATH_SIZE];
	enum err err;

	say_path(w, say, path);
	assert_int_equal(request_put_reconcile(&body, say->order, report),
	    ERR_OK);
	good(request_sign(authority_info(w->authority)->id, REQUEST_RECONCILE,
		 buf_bytes(&body), NOW, w->operator, & request, NULL),
	    NULL);
	good(file_open(io_posix(), path, O_RDONLY, 0, &file, diag), diag);
	err = authority_submit_file(w->authority, buf_bytes(&request), &file,
	    NOW, &result, diag);
	if (!err && ret_result != NULL)
		good(reconcile_result_get(buf_bytes(&result), ret_result,
		    NULL), NULL);
	return err;
}

/* Load it; how many were revoked with it. */
static inline uint64_t
loaded(struct world *w, const struct say *say, enum reconcile_outcome want)
{
	_cleanup_reconcile_result_ struct reconcile_result result = { 0 };
	struct diag diag = DIAG_INIT;
	struct report report;
	uint64_t revoked = 0;
	size_t i, k;

	say_it(w, say, &report);
	good(submit_report(w, say, &report, &result, &diag), &diag);
	assert_int_equal(result.outcome, want);
	for (i = 0; i < result.reasons; i++)
		for (k = 0; k < result.revoked[i].list.count; k++)
			revoked += result.revoked[i].list.ranges[k].count;
	return revoked;
}

static inline void
refused(struct world *w, const struct say *say, enum err want,
    const char *what)
{
	struct diag diag = DIAG_INIT;
	struct report report;
	enum err err;

	say_it(w, say, &report);
	err = submit_report(w, say, &report, NULL, &diag);
	if (err != want || strstr(diag.what, what) == NULL)
		fail_msg("%s: %s, not: %s", err_name(err), diag.what, what);
}

static inline void
status_is(struct world *w, uint64_t index, enum status want, unsigned reason)
{
	struct store_status row = { .reason = 0 };
	enum status status;

	good(status_get(w->authority, LOG_BULK_NUMBER, index, &status, &row,
	    NULL), NULL);
	if (status != want || (want != STATUS_VALID && row.reason != reason))
		fail_msg("identity %ju: status %d, reason %u",
		    (uintmax_t)index, (int)status, row.reason);
}

static inline void
all_agrees(struct world *w)
{
	struct diag diag = DIAG_INIT;

	good(operation_replay(w->authority, NULL, NULL, &diag), &diag);
}

#define MAC_0	"02:00:00:00:00:00"
#define MAC_1	"02:00:00:00:00:01"

static const struct say early = { .order = 1, .pack = 1, .sequence = 1,
	.recs = { { 0, REPORT_INJECTED, "SN-0", "02-00-00-00-00-00", 0 },
	    { 1, REPORT_OPEN, "SN-1", NULL, 0 },
	    { 2, REPORT_SCRAPPED, NULL, NULL, 0 } } };
static const struct say last = { .order = 1, .pack = 1, .sequence = 2,
	.final = true,
	.recs = { { 0, REPORT_REWORKED, "SN-0", "020000000000", 0 },
	    { 1, REPORT_OPEN, "SN-1", NULL, 0 },
	    { 2, REPORT_SCRAPPED, NULL, NULL, 0 },
	    { 3, REPORT_INJECTED, "SN-0", "020000000000", 0 } } };

#endif
