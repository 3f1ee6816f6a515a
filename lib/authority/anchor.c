#include "lib/authority/anchor.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/authority/authority_internal.h"
#include "lib/authority/operation.h"
#include "lib/authority/request_internal.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"
#include "lib/base/command.h"
#include "lib/log/entry.h"

#define SETTING_ANCHOR		"anchor"
#define COMMAND_TIMEOUT_S	60

static enum err
place_parse(struct bytes body, struct anchor_place *ret_place,
    struct diag *diag)
{
	struct anchor_place place = { 0 };
	struct bytes path;
	uint64_t kind;
	struct cbor cbor;

	cbor_open(&cbor, body);
	cbor_get_array_sized(&cbor, 2);
	kind = cbor_get_uint(&cbor);
	path = cbor_get_tstr(&cbor);
	if (!cbor_close(&cbor))
		return diag_fail(diag, ERR_SYNTAX, NULL, "anchor request: %s",
		    cbor.error);
	if (kind > ANCHOR_COMMAND || path.len >= sizeof(place.path) ||
	    (path.len > 0 && memchr(path.ptr, '\0', path.len) != NULL) ||
	    (kind == ANCHOR_NONE ? path.len != 0 : path.len == 0 ||
	    path.ptr[0] != '/'))
		return diag_fail(diag, ERR_INVALID, NULL,
		    "anchor: a file or program is named by its absolute "
		    "path, of at most %zu octets", sizeof(place.path) - 1);
	place.kind = (enum anchor_kind)kind;
	if (path.len > 0)
		memcpy(place.path, path.ptr, path.len);
	*ret_place = place;
	return ERR_OK;
}

enum err
anchor_place(struct authority *authority, struct anchor_place *ret_place,
    struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct store_object object;
	enum err err;

	err = authority_object_get(authority, STORE_SETTING, SETTING_ANCHOR,
	    NULL, &body, &object, NULL);
	if (err == ERR_NOTFOUND) {
		*ret_place = (struct anchor_place){ .kind = ANCHOR_NONE };
		return ERR_OK;
	}
	if (!err)
		err = place_parse(object.body, ret_place, diag);
	return err ? diag_fail(diag, err, NULL,
	    "registry: where the anchor is cannot be relied on") : ERR_OK;
}

struct now_walk {
	struct authority	*authority;
	struct anchor		*anchor;
	struct sha256		*sha256;
	struct diag		*diag;
};

static enum err
now_log(void *ctx, const struct store_log *log)
{
	struct now_walk *walk = ctx;
	struct anchor_log *out = &walk->anchor->logs[walk->anchor->count];
	struct store_log row;
	struct merkle tree;
	enum err err;

	if (walk->anchor->count == ANCHOR_LOGS_MAX)
		return ERR_LIMIT;
	err = authority_log(walk->authority, log->log, &row, &tree,
	    walk->diag);
	if (!err)
		err = merkle_root(&tree, walk->sha256, out->root);
	if (err)
		return err;
	(void)snprintf(out->name, sizeof(out->name), "%s", row.name);
	out->size = tree.size;
	walk->anchor->count++;
	return ERR_OK;
}

enum err
anchor_now(struct authority *authority, int64_t now,
    struct anchor *ret_anchor, struct diag *diag)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct anchor anchor = { .time = now };
	struct now_walk walk = { authority, &anchor, NULL, diag };
	struct operation_head head;
	enum err err;

	err = operation_head(authority, &head, diag);
	if (!err)
		err = sha256_new(&sha256, diag);
	walk.sha256 = sha256;
	if (!err)
		err = store_log_each(authority->store, now_log, &walk, diag);
	if (err)
		return diag_fail(diag, err, NULL, "anchor: cannot be made");
	anchor.epoch = head.epoch;
	memcpy(anchor.ecosystem, authority->info.id, ECOSYSTEM_ID_SIZE);
	(void)snprintf(anchor.origin, sizeof(anchor.origin), "%s"
	    ANCHOR_ORIGIN_END, strstr(authority->info.publish_url, "://") +
	    3);
	*ret_anchor = anchor;
	return ERR_OK;
}

static enum err
now_signed(struct authority *authority, int64_t now, struct buf *out,
    struct diag *diag)
{
	_cleanup_signer_ struct signer *signer = NULL;
	struct anchor anchor;
	enum err err;

	err = anchor_now(authority, now, &anchor, diag);
	if (!err)
		err = keystore_signer(authority->keystore, KEY_LOG, &signer,
		    diag);
	return err ? err : anchor_sign(&anchor, signer, out, diag);
}

enum err
anchor_parse(struct authority *authority, struct bytes note,
    const char *path, struct anchor *ret_anchor, struct diag *diag)
{
	struct public_key key;
	struct anchor anchor;
	enum err err;

	err = keystore_public(authority->keystore, KEY_LOG, &key, diag);
	if (!err)
		err = anchor_verify(note, &key, &anchor, diag);
	if (err)
		return err;
	if (memcmp(anchor.ecosystem, authority->info.id,
	    ECOSYSTEM_ID_SIZE) != 0)
		return diag_fail(diag, ERR_CONFLICT, NULL,
		    "anchor %s: it is of another ecosystem", path);
	*ret_anchor = anchor;
	return ERR_OK;
}

enum err
anchor_read(struct authority *authority, const char *path,
    struct anchor *ret_anchor, struct diag *diag)
{
	_cleanup_buf_ struct buf note = { .limit = ANCHOR_FILE_MAX };
	enum err err;

	err = io_read_file(authority->io, path, &note, diag);
	return err ? err : anchor_parse(authority, buf_bytes(&note), path,
	    ret_anchor, diag);
}

static enum err
older(const char *path, const char *what, uint64_t have, uint64_t seen,
    int64_t when, struct diag *diag)
{
	char text[TIME_TEXT_SIZE];
	enum err err;

	time_format(when, text);
	err = diag_fail(diag, ERR_CORRUPT, NULL,
	    "registry: older than its anchor: %s is at %llu, but %s saw %llu "
	    "at %s", what, (unsigned long long)have, path,
	    (unsigned long long)seen, text);
	diag_hint(diag, "an old registry.db was put back: bring the newest "
	    "one back. If it is lost: 'imprint epoch begin' goes on without "
	    "using any index twice. Nothing was signed");
	return err;
}

static enum err
forked(const char *path, const struct anchor_log *seen, struct diag *diag)
{
	enum err err;

	err = diag_fail(diag, ERR_CORRUPT, "RFC 9162 2.1.4",
	    "registry: log %s is not the one that %s saw: its first %llu "
	    "entries are others", seen->name, path,
	    (unsigned long long)seen->size);
	diag_hint(diag, "a registry of another line of events was put in "
	    "place: bring the right one back, or 'imprint epoch begin'. "
	    "Nothing was signed");
	return err;
}

/* Is what was seen a part of this log? */
static enum err
log_compare(struct authority *authority, const char *path,
    const struct anchor *anchor, const struct anchor_log *seen,
    struct diag *diag)
{
	uint8_t root[SHA256_SIZE];
	struct store_log row;
	enum err err;

	err = store_log_by_name(authority->store, seen->name, &row, diag);
	if (err)
		return err;
	if (row.size < seen->size)
		return older(path, seen->name, row.size, seen->size,
		    anchor->time, diag);
	err = authority_root_at(authority, row.log, seen->size, root, diag);
	if (err)
		return err;
	return memcmp(root, seen->root, SHA256_SIZE) == 0 ? ERR_OK :
	    forked(path, seen, diag);
}

static enum err
file_check(struct authority *authority, const char *path, struct diag *diag)
{
	struct operation_head head;
	struct anchor anchor;
	size_t i;
	enum err err;

	err = anchor_read(authority, path, &anchor, diag);
	if (err == ERR_NOTFOUND || err == ERR_IO || err == ERR_PERMISSION) {
		diag_hint(diag, "without its anchor nobody can tell whether "
		    "this registry is the newest: bring the file back, or "
		    "name a new one with 'imprint anchor set'. Nothing was "
		    "signed");
		return err;
	}
	if (!err)
		err = operation_head(authority, &head, diag);
	if (!err && anchor.epoch > head.epoch)
		err = older(path, "its epoch", head.epoch, anchor.epoch,
		    anchor.time, diag);
	/* after a new epoch and before its anchor: other trees */
	if (!err && anchor.epoch < head.epoch)
		return ERR_OK;
	for (i = 0; i < anchor.count && !err; i++)
		err = log_compare(authority, path, &anchor, &anchor.logs[i],
		    diag);
	return err;
}

static enum err
program_run(struct authority *authority, const char *path,
    const char *argument, int64_t now, struct diag *diag)
{
	_cleanup_buf_ struct buf note = { .limit = ANCHOR_FILE_MAX };
	int status = 0;
	enum err err;

	err = now_signed(authority, now, &note, diag);
	if (!err)
		err = command_run(path, argument, buf_bytes(&note),
		    COMMAND_TIMEOUT_S, &status, diag);
	if (err || status == 0)
		return err;
	err = diag_fail(diag, ERR_CORRUPT, NULL,
	    "anchor program %s: \"%s\" ended with %d: it refuses this state",
	    path, argument, status);
	diag_hint(diag, "see what it printed; an old registry put back must "
	    "be replaced by the newest one, or 'imprint epoch begin' if that "
	    "is lost");
	return err;
}

enum err
anchor_compare(struct authority *authority, const struct anchor_place *place,
    int64_t now, struct diag *diag)
{
	switch (place->kind) {
	case ANCHOR_NONE:
		break;
	case ANCHOR_FILE:
		return file_check(authority, place->path, diag);
	case ANCHOR_COMMAND:
		return program_run(authority, place->path, "check", now,
		    diag);
	}
	return ERR_OK;
}

enum err
anchor_check(struct authority *authority, int64_t now, struct diag *diag)
{
	struct anchor_place place;
	enum err err;

	err = anchor_place(authority, &place, diag);
	if (err || (authority->accepted & AUTHORITY_ANCHOR) ||
	    (place.kind == ANCHOR_COMMAND &&
	    authority->mode != AUTHORITY_WRITE))
		return err;
	return anchor_compare(authority, &place, now, diag);
}

static enum err
place_put(struct authority *authority, const struct anchor_place *place,
    int64_t now, struct diag *diag)
{
	_cleanup_buf_ struct buf note = { .limit = ANCHOR_FILE_MAX };
	enum err err;

	if (place->kind == ANCHOR_NONE)
		return ERR_OK;
	if (place->kind == ANCHOR_COMMAND)
		return program_run(authority, place->path, "put", now, diag);
	err = now_signed(authority, now, &note, diag);
	if (!err)
		err = io_write_file(authority->io, place->path,
		    buf_bytes(&note), 0644, diag);
	/* its disk is another one: room on ours is of no use */
	return err ? diag_fail(diag, err == ERR_NOSPACE ? ERR_IO : err, NULL,
	    "anchor %s: it cannot be moved on", place->path) : ERR_OK;
}

enum err
anchor_update(struct authority *authority, int64_t now, struct diag *diag)
{
	struct anchor_place place;
	enum err err;

	err = anchor_place(authority, &place, diag);
	return err ? err : place_put(authority, &place, now, diag);
}

/* The anchor that is left must agree: only one that is gone, or a program
 * that cannot be run, can be left behind. */
static enum err
place_leave(struct authority *authority, int64_t now, struct diag *diag)
{
	struct anchor_place place;
	enum err err;

	err = anchor_place(authority, &place, diag);
	if (err || place.kind == ANCHOR_NONE)
		return err;
	if (place.kind == ANCHOR_FILE)
		return io_exists(authority->io, place.path) ?
		    file_check(authority, place.path, diag) : ERR_OK;
	err = program_run(authority, place.path, "check", now, diag);
	return err == ERR_IO ? ERR_OK : err;
}

/* A file that is there must be an anchor that this state extends. */
static enum err
place_free(struct authority *authority, const struct anchor_place *place,
    struct diag *diag)
{
	enum err err;

	if (place->kind != ANCHOR_FILE ||
	    !io_exists(authority->io, place->path))
		return ERR_OK;
	err = file_check(authority, place->path, diag);
	if (err == ERR_SYNTAX || err == ERR_AUTH || err == ERR_CONFLICT)
		diag_hint(diag, "%s is something else's: name another file",
		    place->path);
	return err;
}

enum err
anchor_begin(struct authority *authority, const char *path, int64_t now,
    struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct anchor_place place = { .kind = ANCHOR_FILE };
	struct store_object object = { .kind = STORE_SETTING,
	    .name = SETTING_ANCHOR, .version = "1", .created = now };
	enum err err;

	if (path[0] != '/' || strlen(path) >= sizeof(place.path))
		return diag_fail(diag, ERR_INVALID, NULL,
		    "anchor \"%s\": give its absolute path", path);
	if (io_exists(authority->io, path))
		return diag_fail(diag, ERR_EXISTS, NULL,
		    "anchor %s: is there already; nothing was changed", path);
	(void)snprintf(place.path, sizeof(place.path), "%s", path);
	err = request_put_anchor(&body, &place);
	if (!err)
		err = sha256_once(buf_bytes(&body), object.hash);
	object.body = buf_bytes(&body);
	return err ? err : object_put(authority->store, authority->row_mac,
	    &object, diag);
}

enum err
request_put_anchor(struct buf *out, const struct anchor_place *place)
{
	cbor_put_array(out, 2);
	cbor_put_uint(out, place->kind);
	cbor_put_text(out, place->path);
	return buf_err(out);
}

enum err
request_anchor(struct authority *authority, const struct request *request,
    int64_t now, struct buf *result, struct diag *diag)
{
	_cleanup_buf_ struct buf old = BUF_INIT;
	struct store_object object = { .kind = STORE_SETTING,
	    .name = SETTING_ANCHOR, .body = request->body, .created = now };
	struct anchor_place place;
	struct store_object last;
	unsigned long version = 0;
	enum err err;

	(void)result;
	err = place_parse(request->body, &place, diag);
	if (!err)
		err = place_leave(authority, now, diag);
	if (!err)
		err = place_free(authority, &place, diag);
	/* it says less than what this request adds: it must be of use now */
	if (!err)
		err = place_put(authority, &place, now, diag);
	if (!err)
		err = sha256_once(request->body, object.hash);
	if (err)
		return err;
	err = authority_object_get(authority, STORE_SETTING, SETTING_ANCHOR,
	    NULL, &old, &last, NULL);
	if (err && err != ERR_NOTFOUND)
		return diag_fail(diag, err, NULL, "registry: the anchor's "
		    "setting cannot be relied on");
	if (!err)
		version = strtoul(last.version, NULL, 10);
	(void)snprintf(object.version, sizeof(object.version), "%lu",
	    version + 1);
	return object_put(authority->store, authority->row_mac, &object,
	    diag);
}
