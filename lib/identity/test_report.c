#include "lib/identity/test_make.h"

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/cbor_write.h"
#include "lib/identity/report_internal.h"

struct report_world {
	char			 dir[32], path[64];
	struct public_key	 key;
	struct signer		*signer;
	uint8_t			 kid[COSE_KID_SIZE];
};

#define _cleanup_report_world_						\
	__attribute__((cleanup(report_world_release)))

static void
report_world_make(struct report_world *w)
{
	memset(w, 0, sizeof(*w));
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/reportXXXXXX");
	assert_non_null(mkdtemp(w->dir));
	(void)snprintf(w->path, sizeof(w->path), "%s/r.report", w->dir);
	key_make(KEY_P256, &w->key, NULL, &w->signer);
	assert_int_equal(cose_key_thumbprint(&w->key, w->kid), ERR_OK);
}

static void
report_world_release(struct report_world *w)
{
	signer_free(&w->signer);
	(void)unlink(w->path);
	assert_int_equal(rmdir(w->dir), 0);
}

/* A record of each kind, by number. */
static void
record_make(size_t i, struct report_record *ret_record)
{
	static const uint8_t proof[96] = { 7, 8, 9 };
	struct report_record r = { .pack = (uint32_t)(i / 4),
	    .position = 3 * (i % 4), .index = 100 + i,
	    .time = TIME_2026 + (int64_t)i, .fixture = bytes_text("fx-1"),
	    .badge = bytes_text("M\xc3\xbcller"),
	    .mes_order = bytes_text("MES 17"),
	    .firmware = bytes_text("1.2.3") };

	switch (i % 4) {
	case 0:
		r.state = REPORT_INJECTED;
		r.device_kind = REPORT_CHIP;
		r.device = bytes_of("\0\1\2\3", 4);
		r.evidence = REPORT_SIGNED;
		r.proof = bytes_of(proof, sizeof(proof));
		r.names[0] = (struct report_name){ bytes_text("mac"),
		    bytes_text("02:00:00:00:00:01") };
		r.names[1] = (struct report_name){ bytes_text("imei"),
		    bytes_text("490154203237518") };
		r.name_count = 2;
		break;
	case 1:
		r.state = REPORT_REWORKED;
		r.device_kind = REPORT_SERIAL;
		r.device = bytes_text("SN-1");
		r.evidence = REPORT_READBACK;
		r.proof = bytes_of(proof, 32);
		r.reason = bytes_text("flash replaced");
		break;
	case 2:
		r.state = REPORT_SCRAPPED;
		r.reason = bytes_text("fell down");
		break;
	default:
		r.state = REPORT_OPEN;
	}
	*ret_record = r;
}

static void
report_make(struct report *r)
{
	*r = (struct report){ .sequence = 2, .made = TIME_2026 + 9,
	    .final = true, .ledger_entries = 77, .anchor = REPORT_TPM,
	    .anchor_len = 12, .pack_count = 3 };
	memset(r->station, 0x51, sizeof(r->station));
	memset(r->order, 0x52, sizeof(r->order));
	memset(r->ledger_head, 0x53, sizeof(r->ledger_head));
	memset(r->anchor_value, 0x54, r->anchor_len);
	memset(r->packs[0].id, 1, PACKAGE_ID_SIZE);
	memset(r->packs[1].id, 2, PACKAGE_ID_SIZE);
	memset(r->packs[2].id, 3, PACKAGE_ID_SIZE);
	r->packs[0].count = 10;
	r->packs[1].count = 12;
	r->packs[2].count = 5;
}

static void
report_write(struct report_world *w, struct report *report, size_t records)
{
	_cleanup_report_writer_ struct report_writer *writer = NULL;
	struct report_record record;
	struct diag diag = DIAG_INIT;
	size_t i;

	assert_int_equal(report_begin(io_posix(), w->path, &writer, &diag),
	    ERR_OK);
	for (i = 0; i < records; i++) {
		record_make(i, &record);
		assert_int_equal(report_add(writer, &record, &diag), ERR_OK);
	}
	assert_int_equal(report_end(writer, report, w->signer,
	    bytes_of(w->kid, sizeof(w->kid)), &diag), ERR_OK);
}

static enum err
record_compare(void *ctx, const struct report *report,
    const struct report_record *got, struct diag *diag)
{
	struct report_record want;
	size_t *next = ctx, i;

	(void)diag;
	record_make((*next)++, &want);
	assert_int_equal(report->pack_count, 3);
	assert_int_equal(got->pack, want.pack);
	assert_int_equal(got->position, want.position);
	assert_int_equal(got->index, want.index);
	assert_int_equal(got->state, want.state);
	assert_int_equal(got->time, want.time);
	assert_int_equal(got->device_kind, want.device_kind);
	assert_true(bytes_equal(got->device, want.device));
	assert_true(bytes_equal(got->fixture, want.fixture));
	assert_true(bytes_equal(got->badge, want.badge));
	assert_true(bytes_equal(got->mes_order, want.mes_order));
	assert_true(bytes_equal(got->firmware, want.firmware));
	assert_int_equal(got->evidence, want.evidence);
	assert_true(bytes_equal(got->proof, want.proof));
	assert_true(bytes_equal(got->reason, want.reason));
	assert_int_equal(got->name_count, want.name_count);
	for (i = 0; i < want.name_count; i++) {
		assert_true(bytes_equal(got->names[i].kind,
		    want.names[i].kind));
		assert_true(bytes_equal(got->names[i].text,
		    want.names[i].text));
	}
	return ERR_OK;
}

static void
test_round_trip(void **state)
{
	_cleanup_report_world_ struct report_world w;
	struct report_totals sum;
	struct report in, out;
	size_t next = 0;

	(void)state;
	report_world_make(&w);
	report_make(&in);
	report_write(&w, &in, 7);
	assert_int_equal(report_read(io_posix(), w.path, &w.key,
	    record_compare, &next, &out, NULL), ERR_OK);
	assert_int_equal(next, 7);
	assert_memory_equal(&in, &out, sizeof(in));
	assert_int_equal(out.records, 7);
	assert_int_equal(out.packs[0].injected, 1);
	assert_int_equal(out.packs[0].unused, 6);
	assert_int_equal(out.packs[1].open, 0);
	assert_int_equal(out.packs[1].unused, 9);
	assert_int_equal(out.packs[2].unused, 5);
	report_total(&out, &sum);
	assert_int_equal(sum.count, 27);
	assert_int_equal(sum.injected + sum.reworked + sum.scrapped +
	    sum.open, 7);
	assert_int_equal(sum.unused, 20);
	assert_int_equal(report_peek(io_posix(), w.path, &out, NULL), ERR_OK);
	assert_memory_equal(&in, &out, sizeof(in));
}

static void
test_empty(void **state)
{
	_cleanup_report_world_ struct report_world w;
	struct report in, out;

	(void)state;
	report_world_make(&w);
	report_make(&in);
	in.anchor = REPORT_UNANCHORED;
	in.anchor_len = 0;
	memset(in.anchor_value, 0, sizeof(in.anchor_value));
	in.final = false;
	report_write(&w, &in, 0);
	assert_int_equal(report_read(io_posix(), w.path, &w.key, NULL, NULL,
	    &out, NULL), ERR_OK);
	assert_memory_equal(&in, &out, sizeof(in));
}

/* More than the blocks that are written and read at once. */
static enum err
record_count(void *ctx, const struct report *report,
    const struct report_record *record, struct diag *diag)
{
	uint64_t *next = ctx;

	(void)report;
	(void)diag;
	assert_int_equal(record->position, *next);
	(*next)++;
	return ERR_OK;
}

static void
test_large(void **state)
{
	_cleanup_report_writer_ struct report_writer *writer = NULL;
	_cleanup_report_world_ struct report_world w;
	static char text[REPORT_REASON_MAX + 1];
	struct report_record record;
	struct report in, out;
	uint64_t i, next = 0;

	(void)state;
	memset(text, 'x', REPORT_REASON_MAX);
	report_world_make(&w);
	report_make(&in);
	in.packs[0].count = 5000;
	assert_int_equal(report_begin(io_posix(), w.path, &writer, NULL),
	    ERR_OK);
	for (i = 0; i < 5000; i++) {
		record_make(2, &record);
		record.position = i;
		record.reason = bytes_of(text, i % REPORT_REASON_MAX);
		assert_int_equal(report_add(writer, &record, NULL), ERR_OK);
	}
	assert_int_equal(report_end(writer, &in, w.signer,
	    bytes_of(w.kid, sizeof(w.kid)), NULL), ERR_OK);
	assert_int_equal(report_read(io_posix(), w.path, &w.key, record_count,
	    &next, &out, NULL), ERR_OK);
	assert_int_equal(next, 5000);
	assert_int_equal(out.packs[0].scrapped, 5000);
}

/* What the writer refuses; the reader refuses the same (test_payloads). */
static void
test_writer_refuses(void **state)
{
	static const uint8_t zeros[REPORT_PROOF_MAX + 1] = { 0 };
	_cleanup_report_world_ struct report_world w;
	struct report_record r[20];
	struct report report;
	size_t i, n = 0;

	(void)state;
	for (i = 0; i < COUNT(r); i++)
		record_make(0, &r[i]);
	r[n++].state = (enum report_state)3;
	r[n++].time = -1;
	r[n++].fixture = bytes_text("a\nb");
	r[n++].badge = bytes_text("\x7f");
	r[n++].firmware = bytes_of("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 64);
	r[n++].reason = bytes_text("no scrap");
	r[n++].device_kind = (enum report_device)3;
	r[n++].device_kind = REPORT_NO_DEVICE;
	r[n++].device = BYTES_NONE;
	r[n++].device = bytes_of(zeros, REPORT_DEVICE_MAX + 1);
	r[n++].device_kind = REPORT_SERIAL;
	r[n++].evidence = REPORT_UNPROVEN;
	r[n++].evidence = REPORT_READBACK;
	r[n++].evidence = (enum report_evidence)3;
	r[n++].proof = bytes_of(zeros, REPORT_PROOF_MAX + 1);
	r[n++].proof = bytes_of(zeros, REPORT_NONCE_SIZE);
	r[n++].state = REPORT_OPEN;
	r[n++].name_count = REPORT_NAMES_MAX + 1;
	r[n++].names[0].text = BYTES_NONE;
	r[n++].names[1].kind = bytes_text("mac");
	assert_int_equal(n, COUNT(r));
	report_world_make(&w);
	for (i = 0; i < n; i++) {
		_cleanup_report_writer_ struct report_writer *writer = NULL;
		struct diag diag = DIAG_INIT;

		assert_int_equal(report_begin(io_posix(), w.path, &writer,
		    NULL), ERR_OK);
		if (report_add(writer, &r[i], &diag) != ERR_INVALID)
			fail_msg("record %zu", i);
		assert_int_equal(diag.code, ERR_INVALID);
	}
	for (i = 0; i < 3; i++) {
		_cleanup_report_writer_ struct report_writer *writer = NULL;

		assert_int_equal(report_begin(io_posix(), w.path, &writer,
		    NULL), ERR_OK);
		report_make(&report);
		record_make(1, &r[0]);
		if (i == 0)
			r[0].position = report.packs[0].count;
		if (i == 1)
			r[0].pack = 3;
		assert_int_equal(report_add(writer, &r[0], NULL), ERR_OK);
		assert_int_equal(report_add(writer, &r[0], NULL),
		    ERR_INVALID);
		if (i == 2)
			report.sequence = 0;
		assert_int_equal(report_end(writer, &report, w.signer,
		    bytes_of(w.kid, sizeof(w.kid)), NULL), ERR_INVALID);
	}
	assert_int_equal(access(w.path, F_OK), -1);
}

static void
write_file(const char *path, struct bytes content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content.ptr, content.len), content.len);
	assert_int_equal(close(fd), 0);
}

static enum err
read_again(const struct report_world *w, const struct public_key *key)
{
	struct diag diag = DIAG_INIT;
	struct report report;
	enum err err;

	err = report_read(io_posix(), w->path, key, NULL, NULL, &report,
	    &diag);
	assert_true((err == ERR_OK) == (diag.what[0] == '\0'));
	return err;
}

static void
test_truncated(void **state)
{
	_cleanup_buf_ struct buf whole = BUF_INIT;
	_cleanup_report_world_ struct report_world w;
	struct report report;
	size_t i;

	(void)state;
	report_world_make(&w);
	report_make(&report);
	report_write(&w, &report, 5);
	assert_int_equal(io_read_file(io_posix(), w.path, &whole, NULL),
	    ERR_OK);
	for (i = 0; i < whole.len; i++) {
		write_file(w.path, bytes_of(whole.ptr, i));
		assert_int_not_equal(read_again(&w, &w.key), ERR_OK);
	}
	buf_put_u8(&whole, 0);
	write_file(w.path, buf_bytes(&whole));
	assert_int_equal(read_again(&w, &w.key), ERR_STATE);
}

static void
test_altered(void **state)
{
	_cleanup_buf_ struct buf whole = BUF_INIT;
	_cleanup_report_world_ struct report_world w;
	struct report report;
	enum err err;
	size_t i;
	int fd;

	(void)state;
	report_world_make(&w);
	report_make(&report);
	report_write(&w, &report, 5);
	assert_int_equal(io_read_file(io_posix(), w.path, &whole, NULL),
	    ERR_OK);
	fd = open(w.path, O_WRONLY);
	assert_true(fd >= 0);
	for (i = 0; i < whole.len; i++) {
		uint8_t bad = whole.ptr[i] ^ (uint8_t)(1u << (i % 8));

		assert_int_equal(pwrite(fd, &bad, 1, (off_t)i), 1);
		err = read_again(&w, &w.key);
		if (err == ERR_OK)
			fail_msg("octet %zu", i);
		assert_int_equal(pwrite(fd, whole.ptr + i, 1, (off_t)i), 1);
	}
	assert_int_equal(close(fd), 0);
	assert_int_equal(read_again(&w, &w.key), ERR_OK);
}

static void
test_other_key(void **state)
{
	_cleanup_report_world_ struct report_world w;
	struct public_key other;
	struct report report;

	(void)state;
	report_world_make(&w);
	report_make(&report);
	key_make(KEY_P256, &other, NULL, NULL);
	report_write(&w, &report, 2);
	assert_int_equal(read_again(&w, &other), ERR_AUTH);
	/* the kid alone does not do */
	assert_int_equal(cose_key_thumbprint(&other, w.kid), ERR_OK);
	report_write(&w, &report, 2);
	assert_int_equal(read_again(&w, &other), ERR_AUTH);
	assert_int_equal(read_again(&w, &w.key), ERR_AUTH);
}

/* A signer that can be made to say anything: one lie each. */
enum lie {
	TRUE_ALL, LIE_VERSION, LIE_STATION, LIE_SEQUENCE, LIE_MADE,
	LIE_RECORDS, LIE_HASH, LIE_ANCHOR_KIND, LIE_ANCHOR_LONG, LIE_NO_PACK,
	LIE_PACK_TWICE, LIE_FIGURES, LIE_UNUSED, LIE_OVER, LIE_OTHER_FIGURES,
	LIE_TYP, LIE_EXTRA, LIE_RECORD_PACK, LIE_RECORD_POSITION,
	LIE_RECORD_ORDER, LIE_RECORD_LONG, LIE_RECORD_CUT, LIE_RECORD_STATE,
	LIE_RECORD_EXTRA, LIE_RECORD_PADDED, LIE_COUNT
};

static void
lie_record(struct buf *out, enum lie lie, uint64_t position)
{
	_cleanup_buf_ struct buf r = BUF_INIT;
	size_t i;

	cbor_put_array(&r, 15 + (lie == LIE_RECORD_EXTRA));
	cbor_put_uint(&r, lie == LIE_RECORD_PACK);
	cbor_put_uint(&r, lie == LIE_RECORD_POSITION ? 4 : position);
	cbor_put_uint(&r, 9);
	cbor_put_uint(&r, lie == LIE_RECORD_STATE ? 3 : REPORT_SCRAPPED);
	cbor_put_uint(&r, 5);
	cbor_put_uint(&r, 0);
	cbor_put_bstr(&r, BYTES_NONE);
	for (i = 0; i < 4; i++)
		cbor_put_text(&r, "");
	cbor_put_uint(&r, 0);
	cbor_put_bstr(&r, BYTES_NONE);
	cbor_put_text(&r, "");
	cbor_put_array(&r, 0);
	if (lie == LIE_RECORD_EXTRA)
		cbor_put_null(&r);
	if (lie == LIE_RECORD_PADDED)
		buf_put_u8(&r, 0);
	buf_put_be32(out, lie == LIE_RECORD_LONG ?
	    (uint32_t)REPORT_RECORD_MAX + 1 :
	    (uint32_t)r.len + (lie == LIE_RECORD_CUT));
	buf_put_bytes(out, buf_bytes(&r));
}

static void
lie_packs(struct buf *p, enum lie lie)
{
	static const uint8_t id[PACKAGE_ID_SIZE] = { 3 };
	uint64_t scrapped = lie == LIE_OTHER_FIGURES ? 1 : 2;
	size_t i, packs = lie == LIE_NO_PACK ? 0 :
	    1 + (lie == LIE_PACK_TWICE);

	cbor_put_array(p, packs);
	for (i = 0; i < packs; i++) {
		cbor_put_array(p, 7);
		cbor_put_bstr(p, bytes_of(id, sizeof(id)));
		cbor_put_uint(p, 4);
		cbor_put_uint(p, lie == LIE_FIGURES);
		cbor_put_uint(p, lie == LIE_OVER ? UINT64_MAX : 0);
		cbor_put_uint(p, scrapped);
		cbor_put_uint(p, 0);
		cbor_put_uint(p, 4 - scrapped - (lie == LIE_UNUSED));
	}
}

static void
lie_payload(struct buf *p, enum lie lie, struct bytes hash)
{
	static const uint8_t zeros[REPORT_ANCHOR_MAX + 1];

	cbor_put_array(p, 10 + (lie == LIE_EXTRA));
	cbor_put_uint(p, lie == LIE_VERSION ? 2 : 1);
	cbor_put_bstr(p, bytes_of(zeros, lie == LIE_STATION ? 31 : 32));
	cbor_put_bstr(p, bytes_of(zeros, PACKAGE_ID_SIZE));
	cbor_put_uint(p, lie != LIE_SEQUENCE);
	cbor_put_int(p, lie == LIE_MADE ? -1 : 5);
	cbor_put_array(p, 2);
	cbor_put_uint(p, lie == LIE_RECORDS ? 1 : 2);
	cbor_put_bstr(p, lie == LIE_HASH ? bytes_of(zeros, 32) : hash);
	cbor_put_array(p, 2);
	cbor_put_uint(p, 3);
	cbor_put_bstr(p, bytes_of(zeros, 32));
	cbor_put_array(p, 2);
	cbor_put_uint(p, lie == LIE_ANCHOR_KIND ? 5 : REPORT_TPM);
	cbor_put_bstr(p, bytes_of(zeros, lie == LIE_ANCHOR_LONG ?
	    sizeof(zeros) : sizeof(zeros) - 1));
	cbor_put_bool(p, false);
	lie_packs(p, lie);
	if (lie == LIE_EXTRA)
		cbor_put_null(p);
}

static void
lie_write(struct report_world *w, enum lie lie)
{
	_cleanup_buf_ struct buf file = BUF_INIT, payload = BUF_INIT;
	uint8_t hash[SHA256_SIZE];
	size_t offset;

	buf_put(&file, REPORT_MAGIC "\0\1\0\0", REPORT_HEAD);
	lie_record(&file, TRUE_ALL, lie == LIE_RECORD_ORDER);
	lie_record(&file, lie, lie == LIE_RECORD_ORDER ? 1 : 2);
	assert_int_equal(sha256_once(buf_bytes(&file), hash), ERR_OK);
	lie_payload(&payload, lie, bytes_of(hash, sizeof(hash)));
	offset = file.len;
	assert_int_equal(cose_sign1_sign(&file, w->signer,
	    bytes_of(w->kid, sizeof(w->kid)), lie == LIE_TYP ?
	    "application/imprint-station+cose" : REPORT_TYP,
	    buf_bytes(&payload), BYTES_NONE, NULL), ERR_OK);
	buf_put_be64(&file, offset);
	buf_put_be32(&file, (uint32_t)(file.len - offset - 8));
	buf_put(&file, REPORT_END_MAGIC, REPORT_MAGIC_SIZE);
	write_file(w->path, buf_bytes(&file));
}

static void
test_lies(void **state)
{
	_cleanup_report_world_ struct report_world w;
	enum err err, want;
	unsigned lie;

	(void)state;
	report_world_make(&w);
	lie_write(&w, TRUE_ALL);
	assert_int_equal(read_again(&w, &w.key), ERR_OK);
	for (lie = TRUE_ALL + 1; lie < LIE_COUNT; lie++) {
		lie_write(&w, (enum lie)lie);
		want = lie == LIE_VERSION ? ERR_VERSION :
		    lie == LIE_HASH ? ERR_CORRUPT :
		    lie == LIE_TYP ? ERR_AUTH : ERR_SYNTAX;
		err = read_again(&w, &w.key);
		if (err != want)
			fail_msg("lie %u: %s", lie, err_name(err));
	}
}

/* The caller's failure ends the reading, and is what it says. */
static enum err
record_refuse(void *ctx, const struct report *report,
    const struct report_record *record, struct diag *diag)
{
	(void)report;
	(void)record;
	return ++*(int *)ctx == 2 ? diag_fail(diag, ERR_CONFLICT, NULL, "no") :
	    ERR_OK;
}

static void
test_refused_by_caller(void **state)
{
	_cleanup_report_world_ struct report_world w;
	struct report report;
	int calls = 0;

	(void)state;
	report_world_make(&w);
	report_make(&report);
	report_write(&w, &report, 5);
	assert_int_equal(report_read(io_posix(), w.path, &w.key,
	    record_refuse, &calls, &report, NULL), ERR_CONFLICT);
	assert_int_equal(calls, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_writer_refuses),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_altered),
		cmocka_unit_test(test_other_key),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_refused_by_caller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
