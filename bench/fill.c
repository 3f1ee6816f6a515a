#include "bench/fill.h"
#include "lib/authority/rows.h"

#include "lib/authority/request.h"
#include "lib/base/clock.h"
#include "lib/crypto/random.h"
#include "lib/log/entry.h"
#include "lib/log/merkle.h"

#define COMMIT_CHUNKS	64	/* in one transaction */

struct fill {
	struct authority *authority;
	struct store	*store;
	uint32_t	 template;
	struct store_log log;
	struct merkle	 tree;
	struct sha256	*sha256;
	size_t		 entry_size;
	uint64_t	 random;
	struct buf	 entries, leaves, frontier;
	struct diag	*diag;
};

/* Like keys and signatures, it cannot be compressed. */
static void
noise_put(struct fill *f, struct buf *out, size_t len)
{
	uint8_t *at = buf_extend(out, (len + 7) / 8 * 8);
	size_t i;

	if (at == NULL)
		return;
	for (i = 0; i < len; i += 8) {
		f->random ^= f->random << 13;
		f->random ^= f->random >> 7;
		f->random ^= f->random << 17;
		put_be64(at + i, f->random);
	}
	out->len -= (len + 7) / 8 * 8 - len;
}

static enum err
chunk_fill(struct fill *f, uint32_t count)
{
	struct store_range range = { .log = f->log.log, .count = count,
	    .epoch = f->log.epoch, .template = f->template,
	    .issued = time_now(), .evidence = EVIDENCE_ORDER };
	enum err err;

	buf_clear(&f->entries);
	buf_clear(&f->leaves);
	buf_clear(&f->frontier);
	noise_put(f, &f->entries, count * f->entry_size);
	noise_put(f, &f->leaves, (size_t)count * SHA256_SIZE);
	err = random_bytes(range.seed, RANGE_SEED_SIZE, f->diag);
	if (!err)
		err = store_range_reserve(f->store, &range, f->diag);
	if (!err)
		err = rows_range_add(f->authority, &range, f->diag);
	if (!err)
		err = merkle_append(&f->tree, f->sha256, f->leaves.ptr,
		    count);
	if (!err)
		err = authority_tree_put(f->authority, range.log, &f->tree,
		    &f->frontier, f->diag);
	if (!err)
		err = store_entries_put(f->store, range.log, range.first,
		    count, f->entry_size, buf_bytes(&f->entries),
		    buf_bytes(&f->leaves), f->diag);
	if (!err)
		err = store_range_close(f->store, &range, RANGE_COMMITTED,
		    buf_bytes(&f->frontier), f->diag);
	return err;
}

static enum err
chunks_fill(struct fill *f, uint64_t count, uint64_t *ret_done)
{
	uint64_t done = 0;
	uint32_t chunk;
	size_t i;
	enum err err;

	err = store_begin(f->store, f->diag);
	for (i = 0; i < COMMIT_CHUNKS && done < count && !err; i++) {
		chunk = count - done < CHUNK_SIZE ? (uint32_t)(count - done) :
		    CHUNK_SIZE;
		err = chunk_fill(f, chunk);
		done += chunk;
	}
	*ret_done = done;
	if (!err)
		return store_commit(f->store, f->diag);
	store_rollback(f->store);
	return err;
}

static enum err
fill_open(struct fill *f, struct authority *authority)
{
	_cleanup_template_ struct template *template = NULL;
	enum err err;

	err = authority_template(authority, f->template, &template, f->diag);
	if (err)
		return err;
	f->entry_size = template_entry_size(template);
	err = authority_log(f->authority, template->log, &f->log, &f->tree,
	    f->diag);
	if (!err && f->log.size != f->log.reserved)
		err = diag_fail(f->diag, ERR_STATE, NULL,
		    "log %s: has reserved ranges: run its orders first",
		    f->log.name);
	if (!err)
		err = sha256_new(&f->sha256, f->diag);
	return err;
}

enum err
fill_identities(struct authority *authority, uint32_t template,
    uint64_t count, void (*progress)(void *ctx, uint64_t done), void *ctx,
    struct diag *diag)
{
	struct fill f = { .authority = authority,
	    .store = authority_store(authority),
	    .template = template, .tree = MERKLE_INIT, .diag = diag,
	    .random = UINT64_C(0x9e3779b97f4a7c15),
	    .entries = BUF_INIT, .leaves = BUF_INIT, .frontier = BUF_INIT };
	uint64_t done = 0, more = 0;
	enum err err;

	err = fill_open(&f, authority);
	while (done < count && !err) {
		err = chunks_fill(&f, count - done, &more);
		done += more;
		if (progress != NULL)
			progress(ctx, done);
	}
	sha256_free(&f.sha256);
	buf_release(&f.entries);
	buf_release(&f.leaves);
	buf_release(&f.frontier);
	return err;
}
