#include "lib/authority/log_publish.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/authority/authority_internal.h"
#include "lib/authority/log_leaves.h"
#include "lib/authority/operation.h"
#include "lib/authority/publish_mend.h"
#include "lib/log/tile_builder.h"

#define BLOCK		2048	/* leaves at a time */
#define FILE_CHECKPOINT	"checkpoint"
#define FILE_VKEY	"vkey"

struct publish {
	struct authority	*authority;
	struct store_log	 row;
	struct merkle		 tree;		/* what shall be published */
	char			 name[LOG_NAME_MAX + 1];
	char			 origin[CHECKPOINT_ORIGIN_MAX + 1];
	char			 dir[PATH_SIZE];
	struct checkpoint	 stored;	/* the last one signed */
	bool			 has_stored;
	struct buf		 stored_note, file_note;
	struct sha256		*sha256;
	struct log_leaves	*leaves;
	struct tile_builder	*builder;
	uint64_t		 tiles;		/* written */
	void			(*progress)(void *ctx, uint64_t done);
	void			*ctx;
};

static void
publish_release(struct publish *p)
{
	buf_release(&p->stored_note);
	buf_release(&p->file_note);
	sha256_free(&p->sha256);
	log_leaves_free(&p->leaves);
	tile_builder_free(&p->builder);
}

enum err
log_publish_name(struct authority *authority, const struct store_log *log,
    char ret_name[LOG_NAME_MAX + 1],
    char ret_origin[CHECKPOINT_ORIGIN_MAX + 1], struct diag *diag)
{
	struct operation_head head;
	enum err err;

	err = operation_head(authority, &head, diag);
	if (err)
		return err;
	if (head.epoch > 1)
		(void)snprintf(ret_name, LOG_NAME_MAX + 1, "%s-%" PRIu32,
		    log->name, head.epoch);
	else
		(void)snprintf(ret_name, LOG_NAME_MAX + 1, "%s", log->name);
	authority_origin(authority->info.publish_url, ret_name, ret_origin);
	return ERR_OK;
}

enum err
log_publish_dir(const struct authority *authority, const char *name,
    char ret_dir[PATH_SIZE], struct diag *diag)
{
	char path[sizeof(DIR_PUBLISH "/log/") + LOG_NAME_MAX];

	(void)snprintf(path, sizeof(path), DIR_PUBLISH "/log/%s", name);
	return authority_path(authority, path, ret_dir, diag);
}

enum err
log_checkpoint_stored(struct authority *authority, uint32_t log,
    const char *origin, struct checkpoint *ret_checkpoint, bool *ret_there,
    struct buf *note, struct diag *diag)
{
	_cleanup_buf_ struct buf stored = BUF_INIT;
	struct checkpoint c = { .size = 0 };
	struct public_key key;
	struct store_log row;
	enum err err;

	err = store_log_get(authority->store, log, &row, NULL, &stored,
	    diag);
	if (!err && stored.len > 0)
		err = keystore_public(authority->keystore, KEY_LOG, &key,
		    diag);
	if (!err && stored.len > 0 && checkpoint_verify(buf_bytes(&stored),
	    &key, &c, NULL) != ERR_OK)
		err = diag_fail(diag, ERR_CORRUPT, NULL, "registry: log %s: "
		    "its checkpoint was altered: no good signature", row.name);
	if (err)
		return err;
	*ret_there = stored.len > 0 && strcmp(c.origin, origin) == 0;
	if (!*ret_there)
		c = (struct checkpoint){ .size = 0 };
	*ret_checkpoint = c;
	if (*ret_there && note != NULL)
		buf_put_bytes(note, buf_bytes(&stored));
	return note != NULL ? buf_err(note) : ERR_OK;
}

enum err
log_checkpoint_file(struct authority *authority, const char *dir,
    struct checkpoint *ret_checkpoint, struct buf *note, struct diag *diag)
{
	_cleanup_buf_ struct buf own = { .limit = CHECKPOINT_FILE_MAX };
	struct diag why = DIAG_INIT;
	char path[PATH_SIZE];
	struct public_key key;
	enum err err;

	err = path_join(path, dir, FILE_CHECKPOINT);
	if (!err)
		err = keystore_public(authority->keystore, KEY_LOG, &key,
		    diag);
	if (!err)
		err = io_read_file(authority->io, path, &own, diag);
	if (!err && note != NULL) {
		buf_put_bytes(note, buf_bytes(&own));
		err = buf_err(note);
	}
	if (err)
		return err;
	err = checkpoint_verify(buf_bytes(&own), &key, ret_checkpoint, &why);
	return err ? diag_fail(diag, err, why.ref[0] != '\0' ? why.ref : NULL,
	    "%s: %s", path, why.what) : ERR_OK;
}

static enum err
older(const struct publish *p, const struct checkpoint *file,
    const char *what, struct diag *diag)
{
	enum err err;

	err = diag_fail(diag, ERR_CONFLICT, "RFC 9162 2.1.4", "log %s: the "
	    "registry is older than what was published: %s/" FILE_CHECKPOINT
	    " speaks of %s (%" PRIu64 " entries) than the last one that the "
	    "registry knows of (%" PRIu64 ")", p->row.name, p->dir, what,
	    file->size, p->stored.size);
	diag_hint(diag, "an old registry.db was put back: bring the newest "
	    "one back. If it is lost: 'imprint epoch begin'");
	return err;
}

/* Does the registry's own log have the root that stands published? */
static enum err
root_compare(const struct publish *p, const struct checkpoint *file,
    bool *ret_same, struct diag *diag)
{
	uint8_t root[SHA256_SIZE];
	enum err err = ERR_OK;

	if (p->has_stored && file->size == p->stored.size)
		memcpy(root, p->stored.root, SHA256_SIZE);
	else	/* a crash left an earlier one */
		err = authority_root_at(p->authority, p->row.log, file->size,
		    root, diag);
	if (!err)
		*ret_same = memcmp(file->root, root, SHA256_SIZE) == 0;
	return err;
}

/* What stands published was signed before the registry forgot it? */
static enum err
file_compare(struct publish *p, struct diag *diag)
{
	struct diag why = DIAG_INIT;
	struct checkpoint file;
	bool same = false;
	enum err err;

	err = log_checkpoint_file(p->authority, p->dir, &file, &p->file_note,
	    &why);
	/* damaged, or none: it will be replaced */
	if (err == ERR_NOTFOUND || err == ERR_SYNTAX || err == ERR_AUTH ||
	    err == ERR_LIMIT)
		return ERR_OK;
	if (err && diag != NULL)
		*diag = why;
	if (err || strcmp(file.origin, p->origin) != 0)
		return err;
	/* stored.size is 0 when none is known */
	if (file.size > p->stored.size)
		return older(p, &file, "more", diag);
	err = root_compare(p, &file, &same, diag);
	return !err && !same ? older(p, &file, "others", diag) : err;
}

/* The folder, and what a reader checks checkpoints with. */
static enum err
place_make(struct publish *p, struct diag *diag)
{
	_cleanup_buf_ struct buf line = BUF_INIT, there = BUF_INIT;
	const struct io *io = p->authority->io;
	struct public_key key;
	char path[PATH_SIZE];
	enum err err;

	err = io_mkdir_public(io, p->dir, diag);
	if (!err)
		err = path_join(path, p->dir, TILE_TMP);
	if (!err)
		err = io_unlink(io, path, diag);
	if (!err)
		err = path_join(path, p->dir, FILE_VKEY);
	if (!err)
		err = keystore_public(p->authority->keystore, KEY_LOG, &key,
		    diag);
	if (!err)
		err = note_put_verifier_key(p->origin, &key, &line);
	if (err)
		return err;
	if (io_exists(io, path) &&
	    io_read_file(io, path, &there, NULL) == ERR_OK &&
	    bytes_equal(buf_bytes(&there), buf_bytes(&line)))
		return ERR_OK;
	return io_write_public(io, path, buf_bytes(&line), diag);
}

/* What is, and what was published. */
static enum err
publish_look(struct publish *p, struct authority *authority, uint32_t log,
    struct diag *diag)
{
	enum err err;

	p->authority = authority;
	p->stored_note.limit = CHECKPOINT_FILE_MAX;
	p->file_note.limit = CHECKPOINT_FILE_MAX;
	err = authority_need_keys(authority, diag);
	if (!err)
		err = authority_log(authority, log, &p->row, &p->tree, diag);
	if (!err)
		err = log_publish_name(authority, &p->row, p->name,
		    p->origin, diag);
	if (!err)
		err = log_publish_dir(authority, p->name, p->dir, diag);
	if (!err)
		err = log_checkpoint_stored(authority, log, p->origin,
		    &p->stored, &p->has_stored, &p->stored_note, diag);
	if (!err && p->stored.size > p->tree.size)
		err = diag_fail(diag, ERR_CORRUPT, NULL, "log %s: its "
		    "checkpoint speaks of %" PRIu64 " entries, its tree has "
		    "%" PRIu64, p->row.name, p->stored.size, p->tree.size);
	return err ? err : file_compare(p, diag);
}

/* The last tile, or its folder: were they made under a tight umask? */
static bool
edge_lacks(const struct publish *p)
{
	char name[TILE_PATH_SIZE], path[PATH_SIZE];
	struct tile edge;
	bool is_public;

	if (p->stored.size == 0 || !tile_at(0, (p->stored.size - 1) /
	    TILE_WIDTH, p->stored.size, &edge))
		return false;
	tile_path(&edge, name);
	if (path_join(path, p->dir, name) != ERR_OK)
		return false;
	is_public = io_is_public(p->authority->io, path);
	*strrchr(path, '/') = '\0';
	return !is_public || !io_is_public(p->authority->io, path);
}

static enum err
publish_open(struct publish *p, struct authority *authority, uint32_t log,
    bool all, struct diag *diag)
{
	enum err err;

	err = publish_look(p, authority, log, diag);
	if (!err)
		err = place_make(p, diag);
	if (!err)
		err = publish_mend(authority, all || edge_lacks(p), diag);
	if (!err)
		err = sha256_new(&p->sha256, diag);
	if (!err)
		err = log_leaves_new(authority, log, &p->leaves, diag);
	return err ? err : tile_builder_new(&p->builder, diag);
}

/* Give the builder leaves up to a size. */
static enum err
feed(struct publish *p, uint64_t to, struct diag *diag)
{
	uint8_t hashes[BLOCK * SHA256_SIZE];
	uint64_t at;
	size_t part;
	enum err err = ERR_OK;

	for (at = tile_builder_size(p->builder); at < to && !err; at += part) {
		part = to - at < BLOCK ? (size_t)(to - at) : BLOCK;
		err = log_leaves_read(p->leaves, at, part, hashes, diag);
		if (!err)
			err = tile_builder_add(p->builder, hashes, part,
			    diag);
		if (p->progress != NULL)
			p->progress(p->ctx, at + part);
	}
	return err;
}

static enum err
stored_extended(struct publish *p, bool *ret_good)
{
	uint8_t root[SHA256_SIZE];
	struct merkle tree;
	enum err err;

	err = tile_builder_tree(p->builder, &tree);
	if (!err)
		err = merkle_root(&tree, p->sha256, root);
	if (!err)
		*ret_good = !p->has_stored ||
		    memcmp(root, p->stored.root, SHA256_SIZE) == 0;
	return err;
}

/* Is the builder's tree that of the registry? Else, where do they part? */
static enum err
tree_compare(struct publish *p, struct diag *diag)
{
	uint64_t first = 0, count = 0;
	struct merkle tree;
	enum err err;

	err = tile_builder_tree(p->builder, &tree);
	if (err || !merkle_differ(&tree, &p->tree, &first, &count))
		return err;
	return diag_fail(diag, ERR_CORRUPT, NULL, "log %s: the leaves of "
	    "indices %" PRIu64 " to %" PRIu64 " are not those its tree was "
	    "made of", p->row.name, first, first + count - 1);
}

static enum err
put_where_needed(void *ctx, const struct tile *tile, const uint8_t *hashes,
    struct diag *diag)
{
	uint8_t there[TILE_SIZE_MAX];
	struct publish *p = ctx;
	size_t len = (size_t)tile->width * SHA256_SIZE;

	if (tile_read(p->authority->io, p->dir, tile, there, NULL) ==
	    ERR_OK && memcmp(there, hashes, len) == 0)
		return ERR_OK;
	p->tiles++;
	return tile_put(p->authority->io, p->dir, tile, bytes_of(hashes, len),
	    diag);
}

static enum err
tiles_write(struct publish *p, struct diag *diag)
{
	enum err err;

	tile_builder_each(p->builder, put_where_needed, p);
	err = feed(p, p->tree.size, diag);
	if (!err)
		err = tile_builder_edge(p->builder, diag);
	return err ? err : tree_compare(p, diag);
}

/*
 * From what is published on: the tiles of its right edge and the leaves after
 * them must give the last checkpoint, else all is done from the start.
 */
static enum err
from_edge(struct publish *p, bool *ret_done, struct diag *diag)
{
	enum err err;

	*ret_done = false;
	err = tile_builder_load(p->builder, p->authority->io, p->dir,
	    p->stored.size - p->stored.size % TILE_WIDTH, NULL);
	if (!err)
		err = feed(p, p->stored.size, NULL);
	if (!err)
		err = stored_extended(p, ret_done);
	/* whatever it was, the start will meet it again if it matters */
	if (err || !*ret_done)
		return ERR_OK;
	return tiles_write(p, diag);
}

/* No file is touched before all leaves were seen to be right. */
static enum err
from_start(struct publish *p, struct diag *diag)
{
	bool good = false;
	enum err err;

	tile_builder_each(p->builder, NULL, NULL);
	err = tile_builder_load(p->builder, p->authority->io, p->dir, 0,
	    diag);
	if (!err)
		err = feed(p, p->stored.size, diag);
	if (!err)
		err = stored_extended(p, &good);
	if (!err && !good)
		err = diag_fail(diag, ERR_CORRUPT, "RFC 9162 2.1.4",
		    "log %s: its first %" PRIu64 " leaves are not those of "
		    "its last checkpoint", p->row.name, p->stored.size);
	if (!err)
		err = feed(p, p->tree.size, diag);
	if (!err)
		err = tree_compare(p, diag);
	if (!err)
		err = tile_builder_load(p->builder, p->authority->io, p->dir,
		    0, diag);
	return err ? err : tiles_write(p, diag);
}

/* Partial tiles whose full ones are durable now. */
static enum err
tidy(struct publish *p, uint64_t from, struct diag *diag)
{
	struct tile tile = { .width = TILE_WIDTH };
	unsigned shift;
	enum err err = ERR_OK;

	for (; tile.level + 1 < TILE_LEVELS; tile.level++) {
		shift = TILE_HEIGHT * (tile.level + 1);
		for (tile.index = from >> shift;
		    tile.index < p->tree.size >> shift && !err; tile.index++)
			err = tile_tidy(p->authority->io, p->dir, &tile,
			    diag);
	}
	return err;
}

static enum err
checkpoint_make(struct publish *p, struct buf *note, struct diag *diag)
{
	_cleanup_signer_ struct signer *signer = NULL;
	struct checkpoint checkpoint = { .size = p->tree.size };
	enum err err;

	err = merkle_root(&p->tree, p->sha256, checkpoint.root);
	if (!err)
		err = keystore_signer(p->authority->keystore, KEY_LOG,
		    &signer, diag);
	if (err)
		return err;
	memcpy(checkpoint.origin, p->origin, sizeof(checkpoint.origin));
	return checkpoint_sign(&checkpoint, signer, note, diag);
}

static enum err
checkpoint_store(struct publish *p, struct bytes note, struct diag *diag)
{
	enum err err;

	if (bytes_equal(note, buf_bytes(&p->stored_note)))
		return ERR_OK;
	err = store_begin(p->authority->store, diag);
	if (err)
		return err;
	err = store_checkpoint_put(p->authority->store, p->row.log, note,
	    diag);
	if (!err)
		return store_commit(p->authority->store, diag);
	store_rollback(p->authority->store);
	return err;
}

static enum err
publish_run(struct publish *p, bool all, struct diag *diag)
{
	_cleanup_buf_ struct buf note = { .limit = CHECKPOINT_FILE_MAX };
	const struct io *io = p->authority->io;
	char path[PATH_SIZE];
	bool done = false;
	enum err err = ERR_OK;

	if (!all && p->has_stored)
		err = from_edge(p, &done, diag);
	if (!err && !done)
		err = from_start(p, diag);
	if (!err)
		err = checkpoint_make(p, &note, diag);
	if (err || (p->tiles == 0 &&
	    bytes_equal(buf_bytes(&note), buf_bytes(&p->file_note))))
		return err;
	err = io_sync_fs(io, p->dir, diag);
	if (!err)
		err = tidy(p, done ? p->stored.size : 0, diag);
	if (!err)
		err = checkpoint_store(p, buf_bytes(&note), diag);
	if (!err)
		err = path_join(path, p->dir, FILE_CHECKPOINT);
	if (!err && !bytes_equal(buf_bytes(&note), buf_bytes(&p->file_note)))
		err = io_write_public(io, path, buf_bytes(&note), diag);
	return err;
}

enum err
authority_log_check(struct authority *authority, uint32_t log,
    struct diag *diag)
{
	__attribute__((cleanup(publish_release))) struct publish p = { 0 };

	return publish_look(&p, authority, log, diag);
}

enum err
authority_log_publish(struct authority *authority, uint32_t log,
    struct diag *diag)
{
	__attribute__((cleanup(publish_release))) struct publish p = { 0 };
	enum err err;

	err = publish_open(&p, authority, log, false, diag);
	return err ? err : publish_run(&p, false, diag);
}

enum err
authority_log_publish_all(struct authority *authority, uint32_t log,
    void (*progress)(void *ctx, uint64_t done), void *ctx,
    struct log_published *ret_published, struct diag *diag)
{
	__attribute__((cleanup(publish_release))) struct publish p = {
		.progress = progress, .ctx = ctx };
	enum err err;

	err = publish_open(&p, authority, log, true, diag);
	if (!err)
		err = publish_run(&p, true, diag);
	if (err)
		return err;
	ret_published->size = p.tree.size;
	ret_published->tiles = p.tiles;
	return ERR_OK;
}
