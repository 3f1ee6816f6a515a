#include "lib/authority/order_run.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/authority/anchor.h"
#include "lib/authority/chunk_receipt.h"
#include "lib/authority/claim.h"
#include "lib/authority/log_publish.h"
#include "lib/authority/names_internal.h"
#include "lib/authority/operation.h"
#include "lib/authority/order_header.h"
#include "lib/authority/order_manifest.h"
#include "lib/authority/order_record.h"
#include "lib/authority/pipeline.h"
#include "lib/authority/publish.h"
#include "lib/base/cbor_write.h"
#include "lib/crypto/random.h"
#include "lib/log/entry.h"

#define JOBS_MAX (PIPELINE_WORKERS_MAX + PIPELINE_AHEAD)

/* Everything a run holds open. */
struct run {
	struct authority	*authority;
	const struct order_run	*request;
	struct store_order	 order;
	struct store_log	 log;
	struct merkle		 tree;
	struct sha256		*sha256;
	uint32_t		 template_id;
	struct template		*template;
	struct names_run	 names;
	struct devices_run	 devices;
	struct authority_signer	 signer;	/* of documents and packs */
	struct secret		 serial_key, ueid_key;
	struct pipeline		*pipeline;
	struct chunk_job	*jobs;		/* a ring of job_count */
	size_t			 job_count;
	struct buf		 certs[PACK_CERTS_MAX];
	struct product		 product;
	bool			 claims;	/* its devices are claimed */
	struct buf		 frontier;
	bool			 stopping;	/* asked once, it stays so */
	uint64_t		 next_index;	/* of the next chunk */
	bool			 no_room;	/* its names have no digits */
};

/* The pack at hand. */
struct filling {
	struct store_pack	 pack;
	struct pack_header	 header;
	struct public_key	 recipient;
	struct file		 file;
	uint64_t		 reserved;	/* under way or done */
	uint32_t		 next_chunk;
	size_t			 first, waiting;	/* of the ring */
};

static enum err
run_keys(struct run *run, struct diag *diag)
{
	struct keystore *keystore = run->authority->keystore;
	char serial_label[KEYSTORE_LABEL_MAX + 1];
	char issuer_label[KEYSTORE_LABEL_MAX + 1];
	struct pipeline_keys keys = { .keystore = keystore,
	    .issuer_label = issuer_label,
	    .document_label = run->signer.name };
	unsigned workers = run->request->workers;
	long online;
	enum err err;

	(void)snprintf(serial_label, sizeof(serial_label),
	    "index.serial.%.32s.%u", run->log.name, run->log.epoch);
	(void)snprintf(issuer_label, sizeof(issuer_label), "issuer.%.32s",
	    run->log.name);
	err = keystore_secret(keystore, serial_label, &run->serial_key, diag);
	if (!err)
		err = keystore_secret(keystore, KEY_UEID, &run->ueid_key,
		    diag);
	if (err)
		return err;
	if (workers == 0) {
		online = sysconf(_SC_NPROCESSORS_ONLN);
		workers = online < 1 ? 1 : online > PIPELINE_WORKERS_MAX ?
		    PIPELINE_WORKERS_MAX : (unsigned)online;
	}
	keys.serial_key = secret_bytes(&run->serial_key);
	keys.ueid_key = secret_bytes(&run->ueid_key);
	run->job_count = workers + PIPELINE_AHEAD;
	run->jobs = calloc(run->job_count, sizeof(*run->jobs));
	if (run->jobs == NULL)
		return diag_nomem(diag);
	return pipeline_new(run->template, &keys, workers, &run->pipeline,
	    diag);
}

/* The certificates that every package of a pack brings along. */
static enum err
run_certs(struct run *run, struct diag *diag)
{
	const char *names[] = { run->log.name, run->signer.name, KEY_ROOT };
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < sizeof(names) / sizeof(names[0]) && !err; i++)
		err = authority_certificate(run->authority, names[i],
		    &run->certs[i], diag);
	return err;
}

static enum err
run_product(struct run *run, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct store_object object;
	enum err err;

	err = object_by_hash(run->authority->store, run->authority->row_mac,
	    STORE_PRODUCT,
	    run->order.product, &body, &object, diag);
	return err ? err : product_decode(object.body, &run->product, diag);
}

static enum err
run_open(struct run *run, struct diag *diag)
{
	struct authority *authority = run->authority;
	size_t i;
	enum err err;

	for (i = 0; i < PACK_CERTS_MAX; i++)
		run->certs[i].limit = BUF_LIMIT_DEFAULT;
	run->frontier.limit = BUF_LIMIT_DEFAULT;
	err = authority_void_reserved(authority, run->order.log,
	    run->request->now, diag);
	if (!err)
		err = authority_log(authority, run->order.log, &run->log,
		    &run->tree, diag);
	if (!err)
		err = sha256_new(&run->sha256, diag);
	if (!err)
		err = signer_current(authority, &run->signer, diag);
	/* what it signs must find its certificate published */
	if (!err)
		err = signer_publish(authority, diag);
	if (!err)
		err = authority_template_order(authority, &run->order,
		    &run->log, run->request->now, &run->template_id,
		    &run->template, diag);
	if (!err && (run->order.chunk_size == 0 ||
	    run->order.chunk_size > PACK_CHUNK_MAX))
		err = diag_fail(diag, ERR_CORRUPT, NULL,
		    "order %u: chunks of %u", run->order.number,
		    run->order.chunk_size);
	run->next_index = run->log.reserved;
	if (!err)
		err = names_run_open(authority, &run->order, run->template,
		    &run->names, diag);
	if (!err)
		err = devices_run_open(authority, &run->order, &run->devices,
		    diag);
	if (!err)
		err = run_product(run, diag);
	if (!err)
		err = claim_needed(authority, run->product.name,
		    &run->claims, diag);
	if (!err)
		err = run_certs(run, diag);
	if (!err)
		err = run_keys(run, diag);
	for (i = 0; !err && i < run->job_count; i++) {
		run->jobs[i].chunk.limit = BUF_LIMIT_DEFAULT;
		run->jobs[i].entries.limit = BUF_LIMIT_DEFAULT;
		run->jobs[i].leaves.limit = BUF_LIMIT_DEFAULT;
		run->jobs[i].names.text.limit = BUF_LIMIT_DEFAULT;
		run->jobs[i].devices.octets.limit = BUF_LIMIT_DEFAULT;
		run->jobs[i].devices.at.limit = BUF_LIMIT_DEFAULT;
	}
	return err;
}

static void
run_release(struct run *run)
{
	size_t i;

	pipeline_free(&run->pipeline);
	for (i = 0; i < run->job_count && run->jobs != NULL; i++)
		chunk_job_release(&run->jobs[i]);
	free(run->jobs);
	for (i = 0; i < PACK_CERTS_MAX; i++)
		buf_release(&run->certs[i]);
	buf_release(&run->frontier);
	template_free(&run->template);
	secret_release(&run->serial_key);
	secret_release(&run->ueid_key);
	sha256_free(&run->sha256);
}

static enum err
filling_header(struct run *run, struct filling *f, struct diag *diag)
{
	const struct order_header in = { .order = &run->order,
	    .pack = &f->pack, .product = &run->product,
	    .mode = run->devices.mode, .certs = run->certs };

	return order_header_make(run->authority, &in, &f->header,
	    &f->recipient, diag);
}

static enum err
filling_lost(const char *path, const char *what, struct diag *diag)
{
	enum err err;

	err = diag_fail(diag, ERR_CORRUPT, NULL, "pack %s: %s", path, what);
	diag_hint(diag, "bring the file back, or cancel the order with "
	    "'imprint order cancel' and make a new one");
	return err;
}

static enum err
filling_put(struct run *run, const struct filling *f, struct diag *diag)
{
	struct store *store = run->authority->store;
	enum err err;

	err = store_begin(store, diag);
	if (err)
		return err;
	err = store_pack_put(store, &f->pack, diag);
	if (!err)
		return store_commit(store, diag);
	store_rollback(store);
	return err;
}

/* A pack of this name may be of an order that a lost registry knew. */
static enum err
filling_free(struct run *run, const struct filling *f, struct diag *diag)
{
	char path[PATH_SIZE];
	enum err err;

	err = authority_pack_path(run->authority, run->order.number,
	    f->pack.no, true, path, diag);
	if (err || !io_exists(run->authority->io, path))
		return err;
	err = diag_fail(diag, ERR_EXISTS, NULL, "pack %s: is there already, "
	    "and not of this order", path);
	diag_hint(diag, "it may hold identities of a registry that was lost: "
	    "keep it, move it elsewhere, and run the order again");
	return err;
}

/* A new file with its header; its length is then known to the registry. */
static enum err
filling_begin(struct run *run, struct filling *f, const char *path,
    struct diag *diag)
{
	_cleanup_buf_ struct buf header = BUF_INIT;
	const struct io *io = run->authority->io;
	enum err err;

	if (!run->claims)
		f->header.claim = (struct pack_claim){ .log = 0 };
	err = pack_put_header(&header, &f->header);
	if (!err)
		err = filling_free(run, f, diag);
	if (err)
		return diag_fail(diag, err, NULL, "pack %s: header", path);
	err = file_open(io, path, O_RDWR | O_CREAT | O_TRUNC, 0600, &f->file,
	    diag);
	if (!err)
		err = file_write_at(&f->file, 0, buf_bytes(&header), diag);
	if (!err)
		err = file_sync(&f->file, diag);
	if (!err)
		err = io_sync_parent(io, path, diag);
	if (err)
		return err;
	f->pack.length = header.len;
	return filling_put(run, f, diag);
}

/* Cut back to what is committed. */
static enum err
filling_resume(struct run *run, struct filling *f, const char *path,
    struct diag *diag)
{
	uint64_t size;
	enum err err;

	err = file_open(run->authority->io, path, O_RDWR, 0600, &f->file,
	    NULL);
	if (err == ERR_NOTFOUND)
		return filling_lost(path, "the growing pack is gone", diag);
	if (!err)
		err = file_size(&f->file, &size, diag);
	if (err)
		return diag_fail(diag, err, NULL, "pack %s: cannot be opened",
		    path);
	if (size < f->pack.length)
		return filling_lost(path, "shorter than what was committed",
		    diag);
	if (size > f->pack.length)
		err = file_truncate(&f->file, f->pack.length, diag);
	return err ? err : pack_header_resume(&f->header, &f->file, diag);
}

static enum err
filling_open(struct run *run, uint32_t no, struct filling *f,
    struct diag *diag)
{
	char path[PATH_SIZE];
	enum err err;

	err = store_pack_get(run->authority->store, run->order.number, no,
	    &f->pack, diag);
	if (!err)
		err = filling_header(run, f, diag);
	if (!err)
		err = authority_pack_path(run->authority, run->order.number,
		    no, false, path, diag);
	if (err || f->pack.complete)
		return err;
	f->reserved = f->pack.committed;
	f->next_chunk = f->pack.chunks;
	if (f->pack.length == 0)
		return filling_begin(run, f, path, diag);
	return filling_resume(run, f, path, diag);
}

static uint32_t
chunk_count(const struct run *run, const struct filling *f)
{
	uint64_t left = f->pack.count - f->reserved;

	return left < run->order.chunk_size ? (uint32_t)left :
	    run->order.chunk_size;
}

/* Reserve the next chunk within the caller's transaction; into job. */
static enum err
chunk_reserve(struct run *run, struct filling *f, struct chunk_job *job,
    struct diag *diag)
{
	struct store_range *range = &job->range;
	enum err err;

	*range = (struct store_range){ .log = run->log.log,
	    .count = chunk_count(run, f),
	    .epoch = run->log.epoch, .state = RANGE_RESERVED,
	    .template = run->template_id, .order = run->order.number,
	    .pack = f->pack.no, .chunk = f->next_chunk,
	    .issued = run->request->now, .evidence = EVIDENCE_ORDER };
	if (run->devices.mode != ORDER_STATION)
		range->evidence = devices_evidence(&run->devices.list);
	err = random_bytes(range->seed, RANGE_SEED_SIZE, diag);
	if (!err)
		err = store_range_reserve(run->authority->store, range, diag);
	if (!err)
		err = names_run_take(&run->names, range, &job->names, diag);
	if (!err)
		err = devices_run_take(&run->devices, range, &job->devices,
		    diag);
	if (!err)
		err = rows_range_add(run->authority, range, diag);
	if (err)
		return err;
	run->next_index = range->first + range->count;
	job->binding = f->header.binding;
	job->recipient = f->recipient;
	job->mode = run->devices.mode;
	f->reserved += range->count;
	f->next_chunk++;
	return ERR_OK;
}

static bool
run_stopping(struct run *run)
{
	if (!run->stopping && run->request->stop != NULL)
		run->stopping = run->request->stop(run->request->ctx);
	return run->stopping;
}

/* Without digits for an index, or values in a block, no index is taken. */
static bool
names_fit(struct run *run, const struct filling *f)
{
	uint64_t last = run->next_index + chunk_count(run, f) - 1;
	char text[NAME_TEXT_SIZE];
	size_t i;

	for (i = 0; i < run->template->name_count; i++)
		if (run->template->names[i].from == NAME_FROM_INDEX &&
		    name_format(&run->template->names[i], last, text) !=
		    ERR_OK)
			run->no_room = true;
	if (!names_run_room(&run->names, chunk_count(run, f)))
		run->no_room = true;
	return !run->no_room;
}

static enum err
stopped(const struct run *run, struct diag *diag)
{
	enum err err;

	err = diag_fail(diag, run->no_room ? ERR_LIMIT : ERR_INTERRUPTED,
	    NULL, "order %u: %s at %llu of %llu identities",
	    run->order.number, run->no_room ?
	    "its product has no more names" : "stopped",
	    (unsigned long long)run->order.committed,
	    (unsigned long long)run->order.count);
	if (run->no_room)
		diag_hint(diag, "give the product a version with more "
		    "digits or another block, cancel this order and order "
		    "again");
	else
		diag_hint(diag, "nothing is lost: 'imprint order run %u' "
		    "goes on from here", run->order.number);
	return err;
}

static bool
filling_more(struct run *run, const struct filling *f)
{
	return f->reserved < f->pack.count && f->waiting < run->job_count &&
	    !run_stopping(run) && names_fit(run, f);
}

/* Fill the ring: one transaction for all of its reservations. */
static enum err
chunks_start(struct run *run, struct filling *f, struct diag *diag)
{
	size_t from = f->waiting, i;
	enum err err;

	err = store_begin(run->authority->store, diag);
	while (!err && filling_more(run, f)) {
		err = chunk_reserve(run, f, &run->jobs[(f->first +
		    f->waiting) % run->job_count], diag);
		f->waiting++;
	}
	if (!err)
		err = store_commit(run->authority->store, diag);
	else
		store_rollback(run->authority->store);
	for (i = from; i < f->waiting && !err; i++)
		err = pipeline_submit(run->pipeline,
		    &run->jobs[(f->first + i) % run->job_count]);
	return err;
}

/* The finished chunk goes to the end of the pack, synced. */
static enum err
chunk_append(struct filling *f, struct chunk_job *job, struct diag *diag)
{
	enum err err;

	err = file_write_at(&f->file, f->pack.length,
	    buf_bytes(&job->chunk), diag);
	if (!err)
		err = file_sync(&f->file, diag);
	if (err)
		return err;
	job->range.pack_offset = f->pack.length;
	job->range.pack_length = job->chunk.len;
	memcpy(job->range.chunk_hash, job->hash, SHA256_SIZE);
	return ERR_OK;
}

static enum err
chunk_record(struct run *run, struct filling *f, struct chunk_job *job,
    struct diag *diag)
{
	struct store *store = run->authority->store;
	const struct store_range *range = &job->range;
	enum err err;

	err = merkle_append(&run->tree, run->sha256, job->leaves.ptr,
	    range->count);
	if (!err)
		err = authority_tree_put(run->authority, range->log,
		    &run->tree, &run->frontier, diag);
	if (!err)
		err = store_entries_put(store, range->log, range->first,
		    range->count, template_entry_size(run->template),
		    buf_bytes(&job->entries), buf_bytes(&job->leaves), diag);
	if (!err && run->template->signature == SIGNATURE_RECEIPT)
		err = chunk_receipt_put(run->authority, range, &run->signer,
		    job->signature, run->request->now, diag);
	if (!err)
		err = store_range_close(store, range, RANGE_COMMITTED,
		    buf_bytes(&run->frontier), diag);
	f->pack.committed += range->count;
	f->pack.length += range->pack_length;
	f->pack.chunks++;
	run->order.committed += range->count;
	if (!err)
		err = store_pack_put(store, &f->pack, diag);
	if (!err)
		err = store_order_set(store, run->order.number,
		    run->order.committed, ORDER_OPEN, diag);
	return err;
}

/*
 * Commit the oldest chunk and reserve the next in the same transaction; its
 * job slot is free then, and filled again.
 */
static enum err
chunk_commit(struct run *run, struct filling *f, struct diag *diag)
{
	struct chunk_job *job = &run->jobs[f->first];
	bool more;
	enum err err;

	if (run->request->idle != NULL) {
		do {
			run->request->idle(run->request->ctx);
		} while (!pipeline_done(run->pipeline, job));
	}
	pipeline_wait(run->pipeline, job);
	if (job->err) {
		if (diag != NULL)
			*diag = job->diag;
		return job->err;
	}
	err = chunk_append(f, job, diag);
	if (!err)
		err = store_begin(run->authority->store, diag);
	if (err)
		return err;
	err = chunk_record(run, f, job, diag);
	f->first = (f->first + 1) % run->job_count;
	f->waiting--;
	more = filling_more(run, f);
	if (!err && more)
		err = chunk_reserve(run, f, job, diag);
	if (!err)
		err = store_commit(run->authority->store, diag);
	else
		store_rollback(run->authority->store);
	if (err || !more)
		return err;
	f->waiting++;
	return pipeline_submit(run->pipeline, job);
}

/*
 * All chunks are committed: manifest, name, then the registry's word. The
 * final name may be there from a run that ended just before that word.
 */
static enum err
filling_complete(struct run *run, struct filling *f, struct diag *diag)
{
	char part[PATH_SIZE], path[PATH_SIZE];
	struct authority *authority = run->authority;
	const struct order_manifest manifest = { .log = run->log.log,
	    .order = run->order.number, .pack = &f->pack,
	    .header = &f->header, .signer = run->signer.name };
	enum err err;

	err = authority_pack_path(authority, run->order.number, f->pack.no,
	    false, part, diag);
	if (!err)
		err = authority_pack_path(authority, run->order.number,
		    f->pack.no, true, path, diag);
	if (!err)
		err = order_manifest_append(authority, &manifest, &f->file,
		    diag);
	/* what leaves the authority is anchored first */
	if (!err)
		err = anchor_update(authority, run->request->now, diag);
	if (!err)
		err = io_rename(authority->io, part, path, diag);
	if (!err)
		err = io_sync_parent(authority->io, path, diag);
	if (err)
		return err;
	f->pack.complete = true;
	return filling_put(run, f, diag);
}

/* The rename of an earlier run was the last thing it did. */
static enum err
filling_renamed(struct run *run, uint32_t no, struct diag *diag)
{
	char part[PATH_SIZE], path[PATH_SIZE];
	const struct io *io = run->authority->io;
	struct store_pack pack;
	enum err err;

	err = store_pack_get(run->authority->store, run->order.number, no,
	    &pack, diag);
	if (!err)
		err = authority_pack_path(run->authority, run->order.number,
		    no, false, part, diag);
	if (!err)
		err = authority_pack_path(run->authority, run->order.number,
		    no, true, path, diag);
	if (err || pack.complete || pack.committed != pack.count ||
	    io_exists(io, part) || !io_exists(io, path))
		return err;
	err = io_rename(io, path, part, diag);
	return err;
}

static enum err
pack_run(struct run *run, uint32_t no, struct diag *diag)
{
	struct filling f = { .file = FILE_INIT };
	enum err err;

	err = filling_renamed(run, no, diag);
	if (!err)
		err = filling_open(run, no, &f, diag);
	if (err || f.pack.complete)
		goto out;
	err = chunks_start(run, &f, diag);
	while (!err && f.waiting > 0) {
		err = chunk_commit(run, &f, diag);
		if (!err && run->request->progress != NULL)
			run->request->progress(run->request->ctx,
			    run->order.committed);
	}
	if (!err && f.pack.committed < f.pack.count)
		err = stopped(run, diag);
	else if (!err)
		err = filling_complete(run, &f, diag);
out:
	file_release(&f.file);
	return err;
}

static enum err
order_finish(struct run *run, struct diag *diag)
{
	struct store *store = run->authority->store;
	enum err err;

	err = store_begin(store, diag);
	if (err)
		return err;
	err = store_order_set(store, run->order.number, run->order.committed,
	    ORDER_COMPLETE, diag);
	if (!err)
		return store_commit(store, diag);
	store_rollback(store);
	return err;
}

/* A status list for all that was issued; voids, if there were any. */
static enum err
status_publish(const struct run *run, struct diag *diag)
{
	struct publish publish = { .now = run->request->now,
	    .if_needed = true };

	return authority_publish_status(run->authority, &publish, diag);
}

/* Checkpoint and status come before the order is complete: a complete order
 * is never taken up again. */
static enum err
packs_run(struct run *run, struct diag *diag)
{
	uint32_t no;
	enum err err = ERR_OK, sealed;

	for (no = 1; no <= run->order.packs && !err; no++)
		err = pack_run(run, no, diag);
	if (err && err != ERR_INTERRUPTED && !run->no_room)
		return err;
	sealed = authority_log_publish(run->authority, run->order.log,
	    err ? NULL : diag);
	if (!sealed)
		sealed = status_publish(run, err ? NULL : diag);
	if (!sealed)
		sealed = authority_log_publish(run->authority,
		    LOG_OPERATIONS_NUMBER, err ? NULL : diag);
	if (err || sealed)
		return err ? err : sealed;
	return order_finish(run, diag);
}

/* Start and stop are on record; a start without a stop was a crash. */
static enum err
run_record(const struct run *run, enum operation_kind kind, enum err outcome,
    struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;

	cbor_put_array(&body, kind == OPERATION_START ? 3 : 4);
	cbor_put_text(&body, "order run");
	cbor_put_uint(&body, run->order.number);
	cbor_put_uint(&body, run->order.committed);
	if (kind == OPERATION_STOP)
		cbor_put_text(&body, err_name(outcome));
	if (buf_err(&body))
		return diag_nomem(diag);
	return operation_record(run->authority, kind, run->request->now,
	    buf_bytes(&body), diag);
}

static enum err
run_whole(struct run *run, struct diag *diag)
{
	enum err err, recorded;

	err = run_record(run, OPERATION_START, ERR_OK, diag);
	if (err)
		return err;
	run->authority->running = run->order.log;
	err = run_open(run, diag);
	if (!err)
		err = packs_run(run, diag);
	run->authority->running = 0;
	recorded = run_record(run, OPERATION_STOP, err, err ? NULL : diag);
	if (!err)
		err = recorded;
	if (!err)
		err = anchor_update(run->authority, run->request->now, diag);
	return err;
}

enum err
authority_order_run(struct authority *authority,
    const struct order_run *request, struct diag *diag)
{
	struct run run = { .authority = authority, .request = request };
	enum err err;

	err = authority_need_keys(authority, diag);
	if (!err)
		err = store_order_get(authority->store, request->number,
		    &run.order, diag);
	if (!err && run.order.state == ORDER_COMPLETE)
		return rows_check_order(authority, &run.order, diag);
	if (err)
		return err;
	if (run.order.state == ORDER_CANCELLED)
		return diag_fail(diag, ERR_STATE, NULL,
		    "order %u: was cancelled", run.order.number);
	err = order_record_check(authority, &run.order, diag);
	if (!err)
		err = rows_check_ranges(authority, diag);
	if (!err)
		err = rows_check_order(authority, &run.order, diag);
	if (!err)
		err = run_whole(&run, diag);
	run_release(&run);
	return err;
}
