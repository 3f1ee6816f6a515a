#include "lib/authority/log_prove.h"

#include <inttypes.h>

#include "lib/authority/authority_internal.h"
#include "lib/authority/log_leaves.h"
#include "lib/authority/operation.h"
#include "lib/log/entry.h"
#include "lib/log/tile.h"

/* lookup_get() compares the leaf. */
static enum err
identity_entry(struct lookup *lookup, const struct address *address,
    struct buf *out, struct diag *diag)
{
	const struct template *template;
	struct store_range range;
	struct identity identity;
	enum err err;

	err = lookup_get(lookup, address, &identity, &range, &template, diag);
	if (err)
		return err;
	log_entry_put(out, LOG_ENTRY_IDENTITY, address->index,
	    (enum evidence_class)range.evidence,
	    bytes_of(identity.commitment, SHA256_SIZE));
	return buf_err(out);
}

enum err
log_entry_get(struct authority *authority, struct lookup *lookup,
    const struct address *address, struct buf *out, struct diag *diag)
{
	struct store_operation operation;
	struct store_range range;
	enum err err;

	if (address->log == LOG_OPERATIONS_NUMBER)
		return store_operation_get(authority->store, address->index,
		    out, &operation, diag);
	err = store_range_get(authority->store, address->log, address->index,
	    &range, diag);
	if (err || range.state != RANGE_VOID)
		return err ? err : identity_entry(lookup, address, out, diag);
	log_void_entry(out, address->index, range.evidence);
	return buf_err(out);
}

struct prove {
	struct log_proof	 result;
	struct sha256		*sha256;
	struct tile_reader	*reader;
	struct hash_source	 source;
	char			 dir[PATH_SIZE];
};

static void
prove_release(struct prove *p)
{
	sha256_free(&p->sha256);
	tile_reader_free(&p->reader);
}

static enum err
prove_open(struct prove *p, struct authority *authority, uint32_t log,
    struct buf *note, struct diag *diag)
{
	char name[LOG_NAME_MAX + 1], origin[CHECKPOINT_ORIGIN_MAX + 1];
	struct store_log row;
	enum err err;

	err = store_log_get(authority->store, log, &row, NULL, NULL, diag);
	if (!err)
		err = log_publish_name(authority, &row, name, origin, diag);
	if (!err)
		err = log_publish_dir(authority, name, p->dir, diag);
	if (!err)
		err = log_checkpoint_file(authority, p->dir,
		    &p->result.checkpoint, note, diag);
	if (err == ERR_NOTFOUND)
		diag_hint(diag, "nothing of this log is published yet: "
		    "'imprint log publish %s'", row.name);
	if (!err)
		err = sha256_new(&p->sha256, diag);
	if (!err)
		err = tile_reader_new(authority->io, p->dir,
		    p->result.checkpoint.size, &p->reader, diag);
	if (!err)
		p->source = tile_reader_source(p->reader);
	return err;
}

static enum err
not_proved(const struct prove *p, struct diag *diag)
{
	enum err err;

	err = diag_fail(diag, ERR_CORRUPT, "RFC 9162 2.1", "%s: its tiles do "
	    "not prove it", p->dir);
	diag_hint(diag, "'imprint log verify' says which differ, 'imprint "
	    "log publish' writes them again");
	return err;
}

enum err
log_prove_inclusion(struct authority *authority, uint32_t log,
    uint64_t index, const uint8_t leaf[SHA256_SIZE],
    struct log_proof *ret_proof, struct buf *note, struct diag *diag)
{
	__attribute__((cleanup(prove_release))) struct prove p = {
		.sha256 = NULL };
	struct tree_head head;
	bool good = false;
	enum err err;

	err = prove_open(&p, authority, log, note, diag);
	if (err)
		return err;
	head.size = p.result.checkpoint.size;
	memcpy(head.root, p.result.checkpoint.root, SHA256_SIZE);
	memcpy(p.result.to_root, head.root, SHA256_SIZE);
	if (index >= head.size) {
		err = diag_fail(diag, ERR_NOTFOUND, NULL, "index %" PRIu64
		    ": %" PRIu64 " entries are published so far", index,
		    head.size);
		diag_hint(diag, "'imprint log publish' brings it up to date");
		return err;
	}
	err = proof_inclusion(&p.source, p.sha256, index, head.size,
	    &p.result.proof, diag);
	if (!err)
		err = proof_verify_inclusion(p.sha256, leaf, index, &head,
		    &p.result.proof, &good);
	if (!err && !good)
		err = not_proved(&p, diag);
	if (!err)
		*ret_proof = p.result;
	return err;
}

static enum err
consistency_check(struct prove *p, uint64_t from, uint64_t to, bool *ret_good)
{
	struct tree_head old = { .size = from }, new = { .size = to };

	memcpy(old.root, p->result.from_root, SHA256_SIZE);
	memcpy(new.root, p->result.to_root, SHA256_SIZE);
	return proof_verify_consistency(p->sha256, &old, &new,
	    &p->result.proof, ret_good);
}

enum err
log_prove_consistency(struct authority *authority, uint32_t log,
    uint64_t from, uint64_t to, struct log_proof *ret_proof,
    struct buf *note, struct diag *diag)
{
	__attribute__((cleanup(prove_release))) struct prove p = {
		.sha256 = NULL };
	bool good = false;
	uint64_t size;
	enum err err;

	err = prove_open(&p, authority, log, note, diag);
	if (err)
		return err;
	size = p.result.checkpoint.size;
	to = to == 0 ? size : to;
	if (to > size || from > to)
		return diag_fail(diag, ERR_INVALID, NULL, "sizes %" PRIu64
		    " and %" PRIu64 ": in order, and at most the %" PRIu64
		    " that are published", from, to, size);
	err = proof_root(&p.source, p.sha256, from, p.result.from_root,
	    diag);
	if (!err)
		err = proof_root(&p.source, p.sha256, to, p.result.to_root,
		    diag);
	if (!err)
		err = proof_consistency(&p.source, p.sha256, from, to,
		    &p.result.proof, diag);
	if (!err)
		err = consistency_check(&p, from, to, &good);
	if (!err && (!good || (to == size && memcmp(p.result.to_root,
	    p.result.checkpoint.root, SHA256_SIZE) != 0)))
		err = not_proved(&p, diag);
	if (!err)
		*ret_proof = p.result;
	return err;
}
