/* Reader: report_read.c. */
#include <fcntl.h>
#include <stdlib.h>

#include "lib/base/cbor_write.h"
#include "lib/identity/report_internal.h"

#define WRITE_BLOCK	((size_t)256 << 10)

struct report_writer {
	const struct io		*io;
	char			 path[PATH_SIZE], temporary[PATH_SIZE];
	struct file		 file;
	bool			 made, done;
	uint64_t		 offset;	/* of what is in pending */
	struct buf		 pending;
	struct sha256		*sha256;
	struct report_tally	 tally;
};

void
report_writer_free(struct report_writer **writer)
{
	struct report_writer *w = *writer;

	if (w == NULL)
		return;
	file_release(&w->file);
	if (w->made && !w->done)
		(void)w->io->unlink(w->io->state, w->temporary);
	buf_release(&w->pending);
	sha256_free(&w->sha256);
	free(w);
	*writer = NULL;
}

/* Out to the file; hashed unless it is the trailer. */
static enum err
flush(struct report_writer *w, bool hashed, struct diag *diag)
{
	enum err err;

	err = buf_err(&w->pending);
	if (!err && hashed)
		err = sha256_update(w->sha256, buf_bytes(&w->pending));
	if (!err)
		err = file_write_at(&w->file, w->offset,
		    buf_bytes(&w->pending), diag);
	if (err)
		return err;
	w->offset += w->pending.len;
	buf_clear(&w->pending);
	return ERR_OK;
}

enum err
report_begin(const struct io *io, const char *path,
    struct report_writer **ret_writer, struct diag *diag)
{
	_cleanup_report_writer_ struct report_writer *w = NULL;
	size_t len = strlen(path);
	enum err err;

	if (len == 0 || len > PATH_SIZE - sizeof(".tmp"))
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "report: name of the file too long");
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return diag_nomem(diag);
	w->io = io;
	w->file = (struct file)FILE_INIT;
	w->pending.limit = WRITE_BLOCK + REPORT_SIGNED_MAX +
	    REPORT_RECORD_MAX;
	memcpy(w->path, path, len);
	memcpy(w->temporary, path, len);
	memcpy(w->temporary + len, ".tmp", sizeof(".tmp"));
	err = file_open(io, w->temporary, O_RDWR | O_CREAT | O_TRUNC, 0600,
	    &w->file, diag);
	if (err)
		return err;
	w->made = true;
	err = sha256_new(&w->sha256, diag);
	if (!err)
		err = sha256_begin(w->sha256);
	if (err)
		return err;
	buf_put(&w->pending, REPORT_MAGIC, REPORT_MAGIC_SIZE);
	buf_put_be16(&w->pending, REPORT_VERSION);
	buf_put_be16(&w->pending, 0);
	*ret_writer = w;
	w = NULL;	/* transferred */
	return ERR_OK;
}

static void
record_put(struct buf *out, const struct report_record *r)
{
	size_t i;

	cbor_put_array(out, 15);
	cbor_put_uint(out, r->pack);
	cbor_put_uint(out, r->position);
	cbor_put_uint(out, r->index);
	cbor_put_uint(out, r->state);
	cbor_put_int(out, r->time);
	cbor_put_uint(out, r->device_kind);
	cbor_put_bstr(out, r->device);
	cbor_put_tstr(out, r->fixture);
	cbor_put_tstr(out, r->badge);
	cbor_put_tstr(out, r->mes_order);
	cbor_put_tstr(out, r->firmware);
	cbor_put_uint(out, r->evidence);
	cbor_put_bstr(out, r->proof);
	cbor_put_tstr(out, r->reason);
	cbor_put_array(out, r->name_count);
	for (i = 0; i < r->name_count; i++) {
		cbor_put_array(out, 2);
		cbor_put_tstr(out, r->names[i].kind);
		cbor_put_tstr(out, r->names[i].text);
	}
}

enum err
report_add(struct report_writer *w, const struct report_record *record,
    struct diag *diag)
{
	const char *wrong = report_record_check(record);
	size_t start = w->pending.len;
	enum err err;

	if (wrong == NULL && !report_tally_add(&w->tally, record))
		wrong = "not in order of pack and position";
	if (wrong != NULL)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "report: pack %u, position %llu: %s",
		    (unsigned)record->pack,
		    (unsigned long long)record->position, wrong);
	buf_put_be32(&w->pending, 0);
	record_put(&w->pending, record);
	err = buf_err(&w->pending);
	if (err)
		return diag_fail(diag, err, NULL, "report: record too large");
	put_be32(w->pending.ptr + start,
	    (uint32_t)(w->pending.len - start - 4));
	return w->pending.len < WRITE_BLOCK ? ERR_OK : flush(w, true, diag);
}

static enum err
packs_fill(const struct report_tally *tally, struct report *report,
    struct diag *diag)
{
	const struct report_pack *from;
	struct report_pack *to;
	uint64_t out;
	size_t i;

	for (i = 0; i < REPORT_PACKS_MAX; i++) {
		from = &tally->packs[i];
		to = &report->packs[i];
		if (from->count != 0 && (i >= report->pack_count ||
		    from->count > to->count))
			return diag_fail(diag, ERR_INVALID, NULL,
			    "report: pack %zu: a record beyond it", i);
		if (i >= report->pack_count)
			continue;
		to->injected = from->injected;
		to->reworked = from->reworked;
		to->scrapped = from->scrapped;
		to->open = from->open;
		out = to->injected + to->reworked + to->scrapped + to->open;
		to->unused = to->count - out;
	}
	return ERR_OK;
}

static void
packs_put(struct buf *out, const struct report *report)
{
	const struct report_pack *pack;
	size_t i;

	cbor_put_array(out, report->pack_count);
	for (i = 0; i < report->pack_count; i++) {
		pack = &report->packs[i];
		cbor_put_array(out, 7);
		cbor_put_bstr(out, bytes_of(pack->id, PACKAGE_ID_SIZE));
		cbor_put_uint(out, pack->count);
		cbor_put_uint(out, pack->injected);
		cbor_put_uint(out, pack->reworked);
		cbor_put_uint(out, pack->scrapped);
		cbor_put_uint(out, pack->open);
		cbor_put_uint(out, pack->unused);
	}
}

static void
payload_put(struct buf *out, const struct report *report)
{
	cbor_put_array(out, 10);
	cbor_put_uint(out, REPORT_VERSION);
	cbor_put_bstr(out, bytes_of(report->station, COSE_KID_SIZE));
	cbor_put_bstr(out, bytes_of(report->order, PACKAGE_ID_SIZE));
	cbor_put_uint(out, report->sequence);
	cbor_put_int(out, report->made);
	cbor_put_array(out, 2);
	cbor_put_uint(out, report->records);
	cbor_put_bstr(out, bytes_of(report->hash, SHA256_SIZE));
	cbor_put_array(out, 2);
	cbor_put_uint(out, report->ledger_entries);
	cbor_put_bstr(out, bytes_of(report->ledger_head, SHA256_SIZE));
	if (report->anchor == REPORT_UNANCHORED)
		cbor_put_null(out);
	else {
		cbor_put_array(out, 2);
		cbor_put_uint(out, report->anchor);
		cbor_put_bstr(out, bytes_of(report->anchor_value,
		    report->anchor_len));
	}
	cbor_put_bool(out, report->final);
	packs_put(out, report);
}

static enum err
trailer_put(struct report_writer *w, struct report *report,
    struct signer *signer, struct bytes kid, struct diag *diag)
{
	_cleanup_buf_ struct buf payload = { .limit = REPORT_SIGNED_MAX };
	uint64_t offset = w->offset;
	enum err err;

	payload_put(&payload, report);
	err = buf_err(&payload);
	if (!err)
		err = cose_sign1_sign(&w->pending, signer, kid, REPORT_TYP,
		    buf_bytes(&payload), BYTES_NONE, diag);
	if (err)
		return diag_fail(diag, err, NULL,
		    "report: cannot be signed");
	buf_put_be64(&w->pending, offset);
	buf_put_be32(&w->pending, (uint32_t)(w->pending.len - 8));
	buf_put(&w->pending, REPORT_END_MAGIC, REPORT_MAGIC_SIZE);
	return flush(w, false, diag);
}

enum err
report_end(struct report_writer *w, struct report *report,
    struct signer *signer, struct bytes kid, struct diag *diag)
{
	enum err err;

	if (report->pack_count > REPORT_PACKS_MAX ||
	    report->anchor_len > REPORT_ANCHOR_MAX || report->sequence == 0)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "report: packs, anchor or sequence out of range");
	err = packs_fill(&w->tally, report, diag);
	if (!err)
		err = flush(w, true, diag);
	if (!err)
		err = sha256_end(w->sha256, report->hash);
	if (err)
		return err;
	report->records = w->tally.records;
	err = trailer_put(w, report, signer, kid, diag);
	if (!err)
		err = file_sync(&w->file, diag);
	if (!err)
		err = io_rename(w->io, w->temporary, w->path, diag);
	if (err)
		return err;
	w->done = true;
	return io_sync_parent(w->io, w->path, diag);
}
