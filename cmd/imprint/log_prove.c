/* Proofs about logs, and their entries written out. */
#include "cmd/imprint/imprint.h"
#include "lib/authority/log_prove.h"
#include "lib/authority/operation.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"
#include "lib/log/tile_verify.h"

static void
hash_print(const char *name, const uint8_t hash[SHA256_SIZE])
{
	printf(", \"%s\": \"", name);
	hex_print(stdout, bytes_of(hash, SHA256_SIZE));
	printf("\"");
}

static void
proof_print(const struct log_proof *proof, const struct buf *note)
{
	unsigned i;

	printf(", \"path\": [");
	for (i = 0; i < proof->proof.count; i++) {
		printf("%s\n  \"", i > 0 ? "," : "");
		hex_print(stdout, bytes_of(proof->proof.node[i],
		    SHA256_SIZE));
		printf("\"");
	}
	printf("], \"checkpoint\": ");
	json_string(stdout, (const char *)note->ptr, note->len);
	printf("}\n");
}

static enum err
inclusion_print(struct cmd *cmd, struct authority *authority)
{
	_cleanup_buf_ struct buf entry = BUF_INIT, note = BUF_INIT;
	_cleanup_lookup_ struct lookup *lookup = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	uint8_t leaf[SHA256_SIZE];
	enum address_kind kind;
	struct address address;
	struct log_proof proof;
	enum err err;

	err = lookup_find(authority, cmd->argv[0], &address, &kind,
	    &cmd->diag);
	if (!err)
		err = lookup_new(authority, &lookup, &cmd->diag);
	if (!err)
		err = log_entry_get(authority, lookup, &address, &entry,
		    &cmd->diag);
	if (!err)
		err = sha256_new(&sha256, &cmd->diag);
	if (!err)
		err = merkle_leaf(sha256, buf_bytes(&entry), leaf);
	if (!err)
		err = log_prove_inclusion(authority, address.log,
		    address.index, leaf, &proof, &note, &cmd->diag);
	if (err)
		return err;
	printf("{\"origin\": \"%s\", \"index\": %llu, \"size\": %llu, "
	    "\"entry\": \"", proof.checkpoint.origin,
	    (unsigned long long)address.index,
	    (unsigned long long)proof.checkpoint.size);
	hex_print(stdout, buf_bytes(&entry));
	printf("\"");
	hash_print("leaf", leaf);
	hash_print("root", proof.checkpoint.root);
	proof_print(&proof, &note);
	return ERR_OK;
}

static enum err
consistency_print(struct cmd *cmd, struct authority *authority)
{
	const char *name = cmd_value(cmd, "log");
	_cleanup_buf_ struct buf note = BUF_INIT;
	uint64_t from = 0, to = 0;
	struct log_proof proof;
	struct store_log log;
	enum err err;

	err = cmd_number(cmd, "from", 0, INT64_MAX, 0, &from);
	if (!err)
		err = cmd_number(cmd, "to", 1, INT64_MAX, 0, &to);
	if (!err)
		err = store_log_by_name(authority_store(authority),
		    name != NULL ? name : LOG_BULK, &log, &cmd->diag);
	if (!err)
		err = log_prove_consistency(authority, log.log, from, to,
		    &proof, &note, &cmd->diag);
	if (err)
		return err;
	if (to == 0)
		to = proof.checkpoint.size;
	printf("{\"origin\": \"%s\", \"from\": %llu, \"to\": %llu",
	    proof.checkpoint.origin, (unsigned long long)from,
	    (unsigned long long)to);
	hash_print("from_root", proof.from_root);
	hash_print("to_root", proof.to_root);
	proof_print(&proof, &note);
	return ERR_OK;
}

enum exit_code
log_prove_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	bool consistency = cmd_flag(cmd, "from");
	enum err err;

	if (cmd->argc != (consistency ? 0 : 1))
		return cmd_usage(cmd, "one identity, or --from SIZE alone");
	if (!consistency && (cmd_flag(cmd, "to") || cmd_flag(cmd, "log")))
		return cmd_usage(cmd, "--to and --log belong to --from");
	err = ecosystem_open(cmd, AUTHORITY_READ, true, &authority);
	if (!err)
		err = consistency ? consistency_print(cmd, authority) :
		    inclusion_print(cmd, authority);
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}

/* What is exported: a log as it is published, and its entries. */
struct export {
	struct cmd		*cmd;
	struct authority	*authority;
	struct store_log	 log;
	struct lookup		*lookup;
	const char		*out;
	char			 dir[PATH_SIZE];
	struct checkpoint	 checkpoint;
	struct buf		 note, bundle, entry;
	struct progress		 progress;
};

static enum err
bundle_put(struct export *e, uint64_t index)
{
	struct address address = { e->log.log, index };
	enum err err;

	buf_clear(&e->entry);
	err = log_entry_get(e->authority, e->lookup, &address, &e->entry,
	    &e->cmd->diag);
	if (err)
		return err;
	if (e->entry.len > BUNDLE_ENTRY_MAX) {
		err = diag_fail(&e->cmd->diag, ERR_LIMIT, "C2SP tlog-tiles",
		    "log %s: entry %llu has %zu octets, a bundle holds "
		    "entries of up to %d", e->log.name,
		    (unsigned long long)index, e->entry.len,
		    BUNDLE_ENTRY_MAX);
		diag_hint(&e->cmd->diag, "'imprint log export operations "
		    "--json' writes it too");
		return err;
	}
	buf_put_be16(&e->bundle, (uint16_t)e->entry.len);
	buf_put_bytes(&e->bundle, buf_bytes(&e->entry));
	return buf_err(&e->bundle);
}

static enum err
bundles_export(struct export *e)
{
	struct tile tile;
	uint64_t index;
	unsigned i;
	enum err err = ERR_OK;

	for (index = 0; !err && tile_at(TILE_ENTRIES, index,
	    e->checkpoint.size, &tile); index++) {
		buf_clear(&e->bundle);
		for (i = 0; i < tile.width && !err; i++)
			err = bundle_put(e, (index << TILE_HEIGHT) + i);
		if (!err)
			err = tile_put(e->cmd->io, e->out, &tile,
			    buf_bytes(&e->bundle), &e->cmd->diag);
		progress_update(&e->progress, (index << TILE_HEIGHT) + i);
		if (!err && interrupt_requested())
			err = diag_fail(&e->cmd->diag, ERR_INTERRUPTED, NULL,
			    "stopped on request; the same again ends it");
	}
	return err;
}

static enum err
tiles_export(struct export *e)
{
	uint8_t hashes[TILE_SIZE_MAX];
	struct tile tile;
	uint64_t index;
	unsigned level;
	enum err err = ERR_OK;

	for (level = 0; level < TILE_LEVELS && !err; level++)
		for (index = 0; !err && tile_at(level, index,
		    e->checkpoint.size, &tile); index++) {
			err = tile_read(e->cmd->io, e->dir, &tile, hashes,
			    &e->cmd->diag);
			if (!err)
				err = tile_put(e->cmd->io, e->out, &tile,
				    bytes_of(hashes, tile.width *
				    SHA256_SIZE), &e->cmd->diag);
		}
	return err;
}

/* The checkpoint comes last, when all it speaks of is on disk. */
static enum err
heads_export(struct export *e)
{
	_cleanup_buf_ struct buf vkey = BUF_INIT;
	char path[PATH_SIZE];
	enum err err;

	err = path_join(path, e->dir, "vkey");
	if (!err)
		err = io_read_file(e->cmd->io, path, &vkey, &e->cmd->diag);
	if (!err)
		err = io_sync_fs(e->cmd->io, e->out, &e->cmd->diag);
	if (!err)
		err = path_join(path, e->out, "vkey");
	if (!err)
		err = io_write_file(e->cmd->io, path, buf_bytes(&vkey), 0644,
		    &e->cmd->diag);
	if (!err)
		err = path_join(path, e->out, "checkpoint");
	if (!err)
		err = io_write_file(e->cmd->io, path, buf_bytes(&e->note),
		    0644, &e->cmd->diag);
	return err;
}

static enum err
export_run(struct export *e)
{
	char name[LOG_NAME_MAX + 1], origin[CHECKPOINT_ORIGIN_MAX + 1];
	char size[32];
	enum err err;

	err = log_publish_name(e->authority, &e->log, name, origin,
	    &e->cmd->diag);
	if (!err)
		err = log_publish_dir(e->authority, name, e->dir,
		    &e->cmd->diag);
	if (!err)
		err = log_checkpoint_file(e->authority, e->dir,
		    &e->checkpoint, &e->note, &e->cmd->diag);
	if (err == ERR_NOTFOUND)
		diag_hint(&e->cmd->diag, "nothing of this log is published "
		    "yet: 'imprint log publish %s'", e->log.name);
	if (!err)
		err = io_mkdir(e->cmd->io, e->out, 0755, &e->cmd->diag);
	if (err)
		return err;
	progress_start(&e->progress, "exporting", "entries", 0,
	    e->checkpoint.size);
	err = bundles_export(e);
	progress_end(&e->progress);
	if (!err)
		err = tiles_export(e);
	if (!err)
		err = heads_export(e);
	if (err)
		return err;
	number_format(e->checkpoint.size, size);
	if (e->cmd->json)
		printf("{\"origin\": \"%s\", \"size\": %llu}\n", origin,
		    (unsigned long long)e->checkpoint.size);
	else
		printf("%s: %s entries are in %s\n", origin, size, e->out);
	return ERR_OK;
}

static enum err
operation_print(void *ctx, const struct store_operation *operation)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct export *e = ctx;
	struct operation parsed;
	char time[TIME_TEXT_SIZE];
	enum err err;

	err = operation_parse(operation->entry, &parsed, &e->cmd->diag);
	if (err)
		return err;
	cbor_put_diagnostic(&body, parsed.body);
	time_format(parsed.time, time);
	printf("{\"index\": %llu, \"time\": \"%s\", \"kind\": \"%s\", "
	    "\"body\": ", (unsigned long long)parsed.seq, time,
	    operation_kind_name(parsed.kind));
	json_string(stdout, (const char *)body.ptr, body.len);
	printf(", \"entry\": \"");
	hex_print(stdout, operation->entry);
	printf("\"}\n");
	return buf_err(&body);
}

enum exit_code
log_export_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	struct export e = { .cmd = cmd, .out = cmd_value(cmd, "out"),
	    .note.limit = CHECKPOINT_FILE_MAX,
	    .bundle.limit = BUNDLE_SIZE_MAX,
	    .entry.limit = OPERATION_SIZE_MAX };
	bool lines;
	enum err err;

	if (cmd->argc != 1)
		return cmd_usage(cmd, "which log?");
	lines = cmd->json && strcmp(cmd->argv[0], LOG_OPERATIONS) == 0;
	if ((e.out != NULL) == lines)
		return cmd_usage(cmd, "--out DIR is needed; or, for the log "
		    "of operations, --json");
	err = ecosystem_open(cmd, AUTHORITY_READ, true, &authority);
	e.authority = authority;
	if (!err)
		err = store_log_by_name(authority_store(authority),
		    cmd->argv[0], &e.log, &cmd->diag);
	if (!err)
		err = lookup_new(authority, &e.lookup, &cmd->diag);
	interrupt_catch();
	if (!err && lines)
		err = store_operation_each(authority_store(authority), 0, 0,
		    operation_print, &e, &cmd->diag);
	else if (!err)
		err = export_run(&e);
	lookup_free(&e.lookup);
	buf_release(&e.note);
	buf_release(&e.bundle);
	buf_release(&e.entry);
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}
