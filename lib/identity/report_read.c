/* Writer: report_write.c. */
#include <fcntl.h>
#include <stdlib.h>

#include "lib/identity/report_internal.h"

#define READ_BLOCK	((size_t)256 << 10)

struct reader {
	struct file		 own;		/* opened here */
	struct file		 file;		/* a view of that, or of the
						 * caller's */
	uint64_t		 end;		/* of the records */
	struct buf		 signed_bytes;
	struct cose_sign1	 message;	/* points there */
	struct report		 report;
};

#define _cleanup_reader_ __attribute__((cleanup(reader_free)))

static void
reader_free(struct reader **reader)
{
	if (*reader == NULL)
		return;
	file_release(&(*reader)->own);
	buf_release(&(*reader)->signed_bytes);
	free(*reader);
	*reader = NULL;
}

static enum err
syntax(struct diag *diag, const struct reader *r, const char *what)
{
	return diag_fail(diag, ERR_SYNTAX, NULL, "report %s: %s",
	    r->file.path, what);
}

static void
get_fixed(struct cbor *cbor, uint8_t *out, size_t len)
{
	struct bytes b = cbor_get_bstr_sized(cbor, len);

	if (cbor_ok(cbor))
		memcpy(out, b.ptr, len);
}

static enum err
header_read(const struct reader *r, struct diag *diag)
{
	uint8_t head[REPORT_HEAD];
	uint64_t size;
	enum err err;

	err = file_size(&r->file, &size, diag);
	if (err)
		return err;
	if (size < REPORT_HEAD + REPORT_TRAILER)
		return syntax(diag, r, "shorter than any report");
	err = file_read_at(&r->file, 0, head, sizeof(head), diag);
	if (err)
		return err;
	if (memcmp(head, REPORT_MAGIC, REPORT_MAGIC_SIZE) != 0)
		return syntax(diag, r, "not a report: no IMPRREPT in front");
	if (get_be16(head + 8) != REPORT_VERSION)
		return diag_fail(diag, ERR_VERSION, NULL,
		    "report %s: version %u, this build reads %d",
		    r->file.path, get_be16(head + 8), REPORT_VERSION);
	if (get_be16(head + 10) != 0)
		return syntax(diag, r, "header is not one of version 1");
	return ERR_OK;
}

static enum err
trailer_read(struct reader *r, struct diag *diag)
{
	uint8_t trailer[REPORT_TRAILER], *body;
	uint64_t size, offset;
	uint32_t len;
	enum err err;

	err = file_size(&r->file, &size, diag);
	if (!err)
		err = file_read_at(&r->file, size - REPORT_TRAILER, trailer,
		    REPORT_TRAILER, diag);
	if (err)
		return err;
	if (memcmp(trailer + 12, REPORT_END_MAGIC, REPORT_MAGIC_SIZE) != 0) {
		err = diag_fail(diag, ERR_STATE, NULL,
		    "report %s: has no end: cut off", r->file.path);
		diag_hint(diag, "fetch the whole file again");
		return err;
	}
	offset = get_be64(trailer);
	len = get_be32(trailer + 8);
	if (len > REPORT_SIGNED_MAX || offset < REPORT_HEAD ||
	    offset > size || size - offset != (uint64_t)len + REPORT_TRAILER)
		return syntax(diag, r, "trailer out of bounds");
	body = buf_extend(&r->signed_bytes, len);
	if (body == NULL)
		return diag_nomem(diag);
	r->end = offset;
	err = file_read_at(&r->file, offset, body, len, diag);
	if (!err)
		err = cose_sign1_parse(buf_bytes(&r->signed_bytes),
		    &r->message, diag);
	if (err)
		diag_prefix(diag, "report %s", r->file.path);
	return err;
}

static void
pack_get(struct cbor *cbor, struct report_pack *pack)
{
	uint64_t *const figures[] = { &pack->injected, &pack->reworked,
	    &pack->scrapped, &pack->open, &pack->unused };
	uint64_t left;
	size_t i;

	cbor_get_array_sized(cbor, 7);
	get_fixed(cbor, pack->id, PACKAGE_ID_SIZE);
	pack->count = left = cbor_get_uint(cbor);
	for (i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		*figures[i] = cbor_get_uint(cbor);
		/* each by itself, so that no sum overflows */
		if (*figures[i] > left)
			cbor_fail(cbor, "a pack's figures exceed its count");
		left -= *figures[i];
	}
	if (left != 0)
		cbor_fail(cbor, "a pack's figures do not make its count");
}

static void
packs_get(struct cbor *cbor, struct report *report)
{
	size_t i, k, count = cbor_get_array(cbor);

	if (count == 0 || count > REPORT_PACKS_MAX) {
		cbor_fail(cbor, "number of packs out of range");
		return;
	}
	for (i = 0; i < count && cbor_ok(cbor); i++) {
		pack_get(cbor, &report->packs[i]);
		for (k = 0; k < i; k++)
			if (memcmp(report->packs[i].id, report->packs[k].id,
			    PACKAGE_ID_SIZE) == 0)
				cbor_fail(cbor, "a pack twice");
	}
	report->pack_count = count;
}

static void
anchor_get(struct cbor *cbor, struct report *report)
{
	struct bytes value;
	uint64_t kind;

	if (cbor_peek(cbor) == CBOR_SIMPLE) {
		cbor_get_null(cbor);
		return;
	}
	cbor_get_array_sized(cbor, 2);
	kind = cbor_get_uint(cbor);
	value = cbor_get_bstr(cbor);
	if (kind == REPORT_UNANCHORED || kind > REPORT_PROGRAM)
		cbor_fail(cbor, "anchor of no known kind");
	if (value.len > REPORT_ANCHOR_MAX)
		cbor_fail(cbor, "anchor out of bounds");
	if (!cbor_ok(cbor))
		return;
	report->anchor = (enum report_anchor)kind;
	memcpy(report->anchor_value, value.ptr, value.len);
	report->anchor_len = value.len;
}

static enum err
payload_read(struct reader *r, struct diag *diag)
{
	struct report *report = &r->report;
	struct cbor cbor;
	uint64_t version;

	cbor_open(&cbor, r->message.payload);
	version = cbor_get_versioned(&cbor, 10, REPORT_VERSION);
	if (cbor_ok(&cbor) && version != REPORT_VERSION)
		return diag_fail(diag, ERR_VERSION, NULL,
		    "report %s: version %llu, this build reads %d",
		    r->file.path, (unsigned long long)version,
		    REPORT_VERSION);
	get_fixed(&cbor, report->station, COSE_KID_SIZE);
	get_fixed(&cbor, report->order, PACKAGE_ID_SIZE);
	report->sequence = cbor_get_uint(&cbor);
	report->made = cbor_get_int(&cbor);
	cbor_get_array_sized(&cbor, 2);
	report->records = cbor_get_uint(&cbor);
	get_fixed(&cbor, report->hash, SHA256_SIZE);
	cbor_get_array_sized(&cbor, 2);
	report->ledger_entries = cbor_get_uint(&cbor);
	get_fixed(&cbor, report->ledger_head, SHA256_SIZE);
	anchor_get(&cbor, report);
	report->final = cbor_get_bool(&cbor);
	packs_get(&cbor, report);
	if (report->sequence == 0)
		cbor_fail(&cbor, "sequence 0");
	if (report->made < 0)
		cbor_fail(&cbor, "time out of range");
	if (!cbor_close(&cbor))
		return syntax(diag, r, cbor.error);
	return ERR_OK;
}

/* in: the caller's, or NULL to open path. */
static enum err
report_open(const struct io *io, const char *path, const struct file *in,
    struct reader **ret_reader, struct diag *diag)
{
	_cleanup_reader_ struct reader *r = calloc(1, sizeof(*r));
	enum err err = ERR_OK;

	if (r == NULL)
		return diag_nomem(diag);
	r->own = (struct file)FILE_INIT;
	r->signed_bytes.limit = REPORT_SIGNED_MAX;
	if (in == NULL)
		err = file_open(io, path, O_RDONLY, 0, &r->own, diag);
	r->file = in != NULL ? *in : r->own;
	if (!err)
		err = header_read(r, diag);
	if (!err)
		err = trailer_read(r, diag);
	if (!err)
		err = payload_read(r, diag);
	if (err)
		return err;
	*ret_reader = r;
	r = NULL;	/* transferred */
	return ERR_OK;
}

static enum err
signature_check(const struct reader *r, const struct public_key *key,
    struct diag *diag)
{
	_cleanup_verifier_ struct verifier *verifier = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	uint8_t kid[COSE_KID_SIZE];
	bool good = false;
	enum err err;

	err = cose_key_thumbprint(key, kid);
	if (err)
		return err;
	if (!bytes_equal(r->message.kid, bytes_of(kid, sizeof(kid)))) {
		err = diag_fail(diag, ERR_AUTH, NULL,
		    "report %s: signed by a key that is not this station's",
		    r->file.path);
		diag_hint(diag, "is it of another station of that name, or "
		    "of one that was set up anew?");
		return err;
	}
	err = verifier_new(key, &verifier, diag);
	if (!err)
		err = sha256_new(&sha256, diag);
	if (!err)
		err = cose_sign1_verify(&r->message, verifier, key->alg,
		    BYTES_NONE, sha256, &good);
	if (err)
		return err;
	if (!good || !bytes_equal(r->message.typ, bytes_text(REPORT_TYP)))
		return diag_fail(diag, ERR_AUTH, "RFC 9052 4.4",
		    "report %s: the signature is not good: altered",
		    r->file.path);
	return ERR_OK;
}

static void
names_get(struct cbor *cbor, struct report_record *record)
{
	size_t i, count = cbor_get_array(cbor);

	if (count > REPORT_NAMES_MAX) {
		cbor_fail(cbor, "too many names");
		return;
	}
	for (i = 0; i < count; i++) {
		cbor_get_array_sized(cbor, 2);
		record->names[i].kind = cbor_get_tstr(cbor);
		record->names[i].text = cbor_get_tstr(cbor);
	}
	record->name_count = count;
}

static unsigned
get_small(struct cbor *cbor)
{
	uint64_t value = cbor_get_uint(cbor);

	if (value > UINT16_MAX)
		cbor_fail(cbor, "number out of range");
	return (unsigned)(value & UINT16_MAX);
}

/* Why it is none, or NULL. */
static const char *
record_get(struct bytes encoded, struct report_record *record)
{
	struct report_record r = { 0 };
	struct cbor cbor;

	cbor_open(&cbor, encoded);
	cbor_get_array_sized(&cbor, 15);
	r.pack = get_small(&cbor);
	r.position = cbor_get_uint(&cbor);
	r.index = cbor_get_uint(&cbor);
	r.state = (enum report_state)get_small(&cbor);
	r.time = cbor_get_int(&cbor);
	r.device_kind = (enum report_device)get_small(&cbor);
	r.device = cbor_get_bstr(&cbor);
	r.fixture = cbor_get_tstr(&cbor);
	r.badge = cbor_get_tstr(&cbor);
	r.mes_order = cbor_get_tstr(&cbor);
	r.firmware = cbor_get_tstr(&cbor);
	r.evidence = (enum report_evidence)get_small(&cbor);
	r.proof = cbor_get_bstr(&cbor);
	r.reason = cbor_get_tstr(&cbor);
	names_get(&cbor, &r);
	if (!cbor_close(&cbor))
		return cbor.error;
	*record = r;
	return report_record_check(&r);
}

/* One walk over header and records. */
struct walk {
	struct reader		*reader;
	struct sha256		*sha256;
	struct report_tally	*tally;
	struct buf		 block;
	uint64_t		 read;		/* of the file, into block */
	size_t			 at;		/* in block */
	enum err		(*record)(void *ctx, const struct report *,
	    const struct report_record *, struct diag *);
	void			*ctx;
};

/* At least want octets from w->at on, unless the records end first. */
static enum err
fill(struct walk *w, size_t want, struct diag *diag)
{
	uint64_t left = w->reader->end - w->read;
	uint8_t *room;
	size_t len;
	enum err err;

	if (w->block.len - w->at >= want || left == 0)
		return ERR_OK;
	w->block.len -= w->at;
	if (w->block.len != 0)
		memmove(w->block.ptr, w->block.ptr + w->at, w->block.len);
	w->at = 0;
	len = left < READ_BLOCK ? (size_t)left : READ_BLOCK;
	room = buf_extend(&w->block, len);
	if (room == NULL)
		return diag_nomem(diag);
	err = file_read_at(&w->reader->file, w->read, room, len, diag);
	if (!err)
		err = sha256_update(w->sha256, bytes_of(room, len));
	w->read += len;
	return err;
}

static enum err
record_bad(const struct walk *w, const char *what, struct diag *diag)
{
	return diag_fail(diag, ERR_SYNTAX, NULL, "report %s: record %llu: %s",
	    w->reader->file.path, (unsigned long long)w->tally->records,
	    what);
}

static enum err
record_next(struct walk *w, struct diag *diag)
{
	const struct report *report = &w->reader->report;
	struct report_record record;
	const char *wrong;
	size_t len;
	enum err err;

	err = fill(w, 4 + REPORT_RECORD_MAX, diag);
	if (err)
		return err;
	if (w->block.len - w->at < 4)
		return record_bad(w, "cut off", diag);
	len = get_be32(w->block.ptr + w->at);
	if (len > REPORT_RECORD_MAX)
		return record_bad(w, "longer than any", diag);
	if (w->block.len - w->at - 4 < len)
		return record_bad(w, "cut off", diag);
	wrong = record_get(bytes_of(w->block.ptr + w->at + 4, len), &record);
	if (wrong == NULL && (record.pack >= report->pack_count ||
	    record.position >= report->packs[record.pack].count))
		wrong = "of no pack of this report";
	if (wrong != NULL)
		return record_bad(w, wrong, diag);
	if (!report_tally_add(w->tally, &record))
		return record_bad(w, "not in order of pack and position",
		    diag);
	w->at += 4 + len;
	return w->record == NULL ? ERR_OK :
	    w->record(w->ctx, report, &record, diag);
}

static enum err
records_walk(struct walk *w, struct diag *diag)
{
	uint8_t hash[SHA256_SIZE];
	enum err err;

	err = sha256_begin(w->sha256);
	if (!err)
		err = fill(w, REPORT_HEAD, diag);
	w->at = REPORT_HEAD;
	while (!err && (w->read < w->reader->end || w->at < w->block.len))
		err = record_next(w, diag);
	if (!err)
		err = sha256_end(w->sha256, hash);
	if (err)
		return err;
	if (memcmp(hash, w->reader->report.hash, SHA256_SIZE) != 0) {
		err = diag_fail(diag, ERR_CORRUPT, NULL,
		    "report %s: records differ from those that were signed",
		    w->reader->file.path);
		diag_hint(diag, "fetch the file again; if it stays so, "
		    "somebody altered it");
	}
	return err;
}

static enum err
counts_check(const struct reader *r, const struct report_tally *tally,
    struct diag *diag)
{
	const struct report_pack *said, *found;
	size_t i;

	if (r->report.records != tally->records)
		return syntax(diag, r, "number of records is not the one said");
	for (i = 0; i < r->report.pack_count; i++) {
		said = &r->report.packs[i];
		found = &tally->packs[i];
		if (said->injected != found->injected ||
		    said->reworked != found->reworked ||
		    said->scrapped != found->scrapped ||
		    said->open != found->open)
			return diag_fail(diag, ERR_SYNTAX, NULL,
			    "report %s: pack %zu: figures are not those of "
			    "its records", r->file.path, i);
	}
	return ERR_OK;
}

static enum err
records_read(struct reader *r, enum err (*record)(void *ctx,
    const struct report *, const struct report_record *, struct diag *),
    void *ctx, struct diag *diag)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct walk walk = { .reader = r, .record = record, .ctx = ctx,
	    .block = { .limit = READ_BLOCK + 8 + REPORT_RECORD_MAX } };
	enum err err;

	err = sha256_new(&sha256, diag);
	if (err)
		return err;
	walk.sha256 = sha256;
	walk.tally = calloc(1, sizeof(*walk.tally));
	if (walk.tally == NULL)
		return diag_nomem(diag);
	err = records_walk(&walk, diag);
	if (!err)
		err = counts_check(r, walk.tally, diag);
	buf_release(&walk.block);
	free(walk.tally);
	return err;
}

static enum err
peek(const struct io *io, const char *path, const struct file *in,
    struct report *ret_report, struct diag *diag)
{
	_cleanup_reader_ struct reader *r = NULL;
	enum err err;

	err = report_open(io, path, in, &r, diag);
	if (err)
		return err;
	*ret_report = r->report;
	return ERR_OK;
}

enum err
report_peek(const struct io *io, const char *path, struct report *ret_report,
    struct diag *diag)
{
	return peek(io, path, NULL, ret_report, diag);
}

enum err
report_peek_file(const struct file *file, struct report *ret_report,
    struct diag *diag)
{
	return peek(NULL, NULL, file, ret_report, diag);
}

static enum err
read_whole(struct reader *r, const struct public_key *station_signing,
    enum err (*record)(void *ctx, const struct report *,
	const struct report_record *, struct diag *),
    void *ctx, struct report *ret_report, struct diag *diag)
{
	enum err err;

	err = signature_check(r, station_signing, diag);
	if (!err)
		err = records_read(r, NULL, NULL, diag);
	if (!err && record != NULL)
		err = records_read(r, record, ctx, diag);
	if (!err)
		*ret_report = r->report;
	return err;
}

enum err
report_read(const struct io *io, const char *path,
    const struct public_key *station_signing,
    enum err (*record)(void *ctx, const struct report *,
	const struct report_record *, struct diag *),
    void *ctx, struct report *ret_report, struct diag *diag)
{
	_cleanup_reader_ struct reader *r = NULL;
	enum err err;

	err = report_open(io, path, NULL, &r, diag);
	return err ? err : read_whole(r, station_signing, record, ctx,
	    ret_report, diag);
}

enum err
report_read_file(const struct file *file,
    const struct public_key *station_signing,
    enum err (*record)(void *ctx, const struct report *,
	const struct report_record *, struct diag *),
    void *ctx, struct report *ret_report, struct diag *diag)
{
	_cleanup_reader_ struct reader *r = NULL;
	enum err err;

	err = report_open(NULL, NULL, file, &r, diag);
	return err ? err : read_whole(r, station_signing, record, ctx,
	    ret_report, diag);
}
