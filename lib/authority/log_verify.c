#include "lib/authority/log_verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/authority/authority_internal.h"
#include "lib/authority/log_leaves.h"
#include "lib/authority/lookup.h"
#include "lib/authority/operation.h"
#include "lib/log/tile_builder.h"
#include "lib/log/tile_verify.h"

#define BLOCK		2048	/* leaves at a time */
#define TEXT_SIZE	512

struct verify {
	struct authority	*authority;
	const struct log_verify	*to;
	struct log_verified	 verified;
	struct store_log	 row;
	struct merkle		 tree;
	char			 origin[CHECKPOINT_ORIGIN_MAX + 1];
	char			 dir[PATH_SIZE];
	struct checkpoint	 stored, file;
	bool			 has_stored, has_file, tiles_differ;
	struct sha256		*sha256;
	struct log_leaves	*leaves;
	struct tile_builder	*builder;
};

static void
verify_release(struct verify *v)
{
	sha256_free(&v->sha256);
	log_leaves_free(&v->leaves);
	tile_builder_free(&v->builder);
}

static void found(struct verify *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
found(struct verify *v, const char *fmt, ...)
{
	char text[TEXT_SIZE];
	va_list args;

	v->verified.differences++;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (v->to->found != NULL)
		v->to->found(v->to->ctx, text);
}

/* Damage is what is looked for: told, and not an error. ret_go: go on? */
static enum err
tell(struct verify *v, enum err err, const struct diag *why, bool *ret_go,
    struct diag *diag)
{
	*ret_go = err == ERR_OK;
	if (err != ERR_CORRUPT && err != ERR_NOTFOUND) {
		if (err && diag != NULL)
			*diag = *why;
		return err;
	}
	found(v, "%s", why->what);
	return ERR_OK;
}

/*
 * What stands published, then what the registry signed last, then its tree:
 * somebody may be publishing, and does it the other way round.
 */
static enum err
heads_read(struct verify *v, bool *ret_go, struct diag *file_why,
    struct diag *diag)
{
	struct diag why = DIAG_INIT;
	enum err err, file;

	file = log_checkpoint_file(v->authority, v->dir, &v->file, NULL,
	    file_why);
	err = log_checkpoint_stored(v->authority, v->row.log, v->origin,
	    &v->stored, &v->has_stored, NULL, &why);
	err = tell(v, err, &why, ret_go, diag);
	if (!err && file == ERR_OK && v->file.size < v->stored.size)
		file = log_checkpoint_file(v->authority, v->dir, &v->file,
		    NULL, file_why);
	v->has_file = file == ERR_OK;
	if (file == ERR_IO || file == ERR_NOMEM || file == ERR_PERMISSION)
		return diag_fail(diag, file, NULL, "%s", file_why->what);
	why = (struct diag)DIAG_INIT;
	if (!err)
		err = authority_log(v->authority, v->row.log, &v->row,
		    &v->tree, &why);
	err = tell(v, err, &why, ret_go, diag);
	v->verified.size = v->tree.size;
	return err;
}

static void
heads_compare(struct verify *v, const struct diag *file_why)
{
	if (!v->has_file) {
		if (v->has_stored || file_why->code != ERR_NOTFOUND)
			found(v, "%s", file_why->what);
		return;
	}
	if (strcmp(v->file.origin, v->origin) != 0)
		found(v, "%s/checkpoint: it is of %s", v->dir,
		    v->file.origin);
	else if (v->file.size != v->stored.size)
		found(v, "%s/checkpoint: it speaks of %" PRIu64 " entries, "
		    "the last one that the registry knows of %" PRIu64,
		    v->dir, v->file.size, v->stored.size);
	else if (memcmp(v->file.root, v->stored.root, SHA256_SIZE) != 0)
		found(v, "%s/checkpoint: its root is not the one that the "
		    "registry signed", v->dir);
}

static enum err
verify_open(struct verify *v, uint32_t log, bool *ret_go, struct diag *diag)
{
	struct diag file_why = DIAG_INIT;
	enum err err;

	err = authority_need_keys(v->authority, diag);
	if (!err)
		err = store_log_get(v->authority->store, log, &v->row, NULL,
		    NULL, diag);
	if (!err)
		err = log_publish_name(v->authority, &v->row,
		    v->verified.name, v->origin, diag);
	if (!err)
		err = log_publish_dir(v->authority, v->verified.name, v->dir,
		    diag);
	if (!err)
		err = heads_read(v, ret_go, &file_why, diag);
	if (err)
		return err;
	heads_compare(v, &file_why);
	err = sha256_new(&v->sha256, diag);
	if (!err)
		err = log_leaves_new(v->authority, log, &v->leaves, diag);
	return err ? err : tile_builder_new(&v->builder, diag);
}

/* A tile as the registry's leaves make it against its file. */
static enum err
tile_compare(void *ctx, const struct tile *tile, const uint8_t *hashes,
    struct diag *diag)
{
	uint8_t there[TILE_SIZE_MAX];
	struct diag why = DIAG_INIT;
	char name[TILE_PATH_SIZE];
	struct verify *v = ctx;
	unsigned i, first = 0, count = 0;
	bool go;
	enum err err;

	v->verified.tiles++;
	err = tile_read(v->authority->io, v->dir, tile, there, &why);
	if (tile->level > 0) {
		/* told by tile_verify() */
		v->tiles_differ = v->tiles_differ || err || memcmp(there,
		    hashes, tile->width * SHA256_SIZE) != 0;
		return ERR_OK;
	}
	if (err)
		return tell(v, err, &why, &go, diag);
	for (i = 0; i < tile->width; i++)
		if (memcmp(there + i * SHA256_SIZE, hashes + i * SHA256_SIZE,
		    SHA256_SIZE) != 0 && count++ == 0)
			first = i;
	if (count == 0)
		return ERR_OK;
	v->tiles_differ = true;
	tile_path(tile, name);
	found(v, "index %" PRIu64 ": the registry's leaf is not that of "
	    "%s/%s; so it is for %u of its %u", (tile->index <<
	    TILE_HEIGHT) + first, v->dir, name, count, tile->width);
	return ERR_OK;
}

/* ret_go false: an index has no leaf, which is told. */
static enum err
feed(struct verify *v, uint64_t to, bool *ret_go, struct diag *diag)
{
	uint8_t hashes[BLOCK * SHA256_SIZE];
	struct diag why = DIAG_INIT;
	uint64_t at;
	size_t part;
	enum err err = ERR_OK;

	*ret_go = true;
	for (at = tile_builder_size(v->builder); at < to && !err && *ret_go;
	    at += part) {
		part = to - at < BLOCK ? (size_t)(to - at) : BLOCK;
		err = log_leaves_read(v->leaves, at, part, hashes, &why);
		err = tell(v, err, &why, ret_go, diag);
		if (!err && *ret_go)
			err = tile_builder_add(v->builder, hashes, part,
			    diag);
		if (v->to->progress != NULL)
			v->to->progress(v->to->ctx, at + part,
			    v->tree.size);
	}
	return err;
}

static enum err
stored_compare(struct verify *v)
{
	uint8_t root[SHA256_SIZE];
	struct merkle tree;
	enum err err;

	err = tile_builder_tree(v->builder, &tree);
	if (!err)
		err = merkle_root(&tree, v->sha256, root);
	if (!err && memcmp(root, v->stored.root, SHA256_SIZE) != 0)
		found(v, "its first %" PRIu64 " leaves do not give the root "
		    "of the last checkpoint", v->stored.size);
	return err;
}

/* The leaves up to the checkpoint, and what is published of them. */
static enum err
published_compare(struct verify *v, bool *ret_go, struct diag *diag)
{
	bool same = v->has_file && v->file.size == v->stored.size;
	enum err err;

	*ret_go = true;
	if (!v->has_stored)
		return ERR_OK;
	if (v->stored.size > v->tree.size) {
		found(v, "its last checkpoint speaks of %" PRIu64
		    " entries, the registry has %" PRIu64, v->stored.size,
		    v->tree.size);
		return ERR_OK;
	}
	v->verified.is_published = v->has_file;
	v->verified.published = v->stored.size;
	tile_builder_each(v->builder, same ? tile_compare : NULL, v);
	err = feed(v, v->stored.size, ret_go, diag);
	if (!err && *ret_go)
		err = tile_builder_edge(v->builder, diag);
	if (!err && *ret_go)
		err = stored_compare(v);
	tile_builder_each(v->builder, NULL, NULL);
	return err;
}

static enum err
rest_compare(struct verify *v, struct diag *diag)
{
	uint64_t first = 0, count = 0;
	struct merkle tree = MERKLE_INIT;
	bool go = false;
	enum err err;

	err = feed(v, v->tree.size, &go, diag);
	if (!err && go)
		err = tile_builder_tree(v->builder, &tree);
	if (!err && go && merkle_differ(&tree, &v->tree, &first, &count))
		found(v, "the leaves of indices %" PRIu64 " to %" PRIu64
		    " do not give its tree", first, first + count - 1);
	return err;
}

static void
tile_found(void *ctx, const char *what)
{
	found(ctx, "%s", what);
}

/* Do the files fit each other and their checkpoint? Then not they differ. */
static enum err
tiles_blame(struct verify *v, struct diag *diag)
{
	struct tile_verify to = { .found = tile_found, .ctx = v };
	struct tree_head head = { .size = v->file.size };
	struct tile_verified verified;

	if (!v->has_file || (!v->tiles_differ &&
	    v->file.size == v->stored.size))
		return ERR_OK;
	memcpy(head.root, v->file.root, SHA256_SIZE);
	return tile_verify(v->authority->io, v->dir, &head, &to, &verified,
	    diag);
}

static enum err
verify_run(struct verify *v, struct diag *diag)
{
	struct diag why = DIAG_INIT;
	bool go = true;
	enum err err;

	err = published_compare(v, &go, diag);
	if (!err && go)
		err = rest_compare(v, diag);
	if (!err)
		err = tiles_blame(v, diag);
	if (err || v->row.log != LOG_OPERATIONS_NUMBER)
		return err;
	err = operation_replay(v->authority, NULL, NULL, &why);
	return tell(v, err, &why, &go, diag);
}

enum err
log_verify(struct authority *authority, uint32_t log,
    const struct log_verify *to, struct log_verified *ret_verified,
    struct diag *diag)
{
	__attribute__((cleanup(verify_release))) struct verify v = {
		.authority = authority, .to = to };
	bool go = false;
	enum err err;

	err = verify_open(&v, log, &go, diag);
	if (!err && go)
		err = verify_run(&v, diag);
	if (!err)
		*ret_verified = v.verified;
	return err;
}

enum err
log_rebuild(struct authority *authority, uint32_t log, uint64_t first,
    uint64_t count, const struct log_verify *to, uint64_t *ret_rebuilt,
    uint64_t *ret_differences, struct diag *diag)
{
	_cleanup_lookup_ struct lookup *lookup = NULL;
	struct verify v = { .authority = authority, .to = to };
	struct address address = { .log = log, .index = first };
	const struct template *template;
	struct identity identity;
	struct store_range range = { .count = 0 };
	bool go;
	enum err err;

	err = lookup_new(authority, &lookup, diag);
	for (; address.index - first < count && !err; address.index++) {
		struct diag why = DIAG_INIT;

		if (address.index - range.first >= range.count)
			err = store_range_get(authority->store, log,
			    address.index, &range, &why);
		if (!err && range.state != RANGE_COMMITTED)
			continue;
		if (!err)
			err = lookup_get(lookup, &address, &identity, &range,
			    &template, &why);
		++*ret_rebuilt;
		err = tell(&v, err, &why, &go, diag);
	}
	*ret_differences += v.verified.differences;
	return err;
}
