/* One pack from a server, part by part: what was signed first. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/imprint/remote_order.h"
#include "cmd/imprint/remote_rows.h"

#define SIZE_MAX_OCTETS	(UINT64_C(1) << 50)

struct fetch {
	struct cmd			*cmd;
	const struct remote_pack	*pack;
	struct file			 part;
	char				 path[PATH_SIZE], to[PATH_SIZE];
	uint64_t			 size;	/* 0: not known yet */
	uint64_t			 have;	/* end of what came in a row */
	struct buf			 head, tail;	/* until they are known
							 * to be signed */
	bool				 mine;	/* the lock is held */
	bool				 again;	/* some was there before */
};

static enum err
stopped(struct fetch *f)
{
	f->cmd->diag = (struct diag)DIAG_INIT;
	(void)diag_fail(&f->cmd->diag, ERR_INTERRUPTED, NULL,
	    "order %u: pack %u: stopped", f->pack->order, f->pack->no);
	diag_hint(&f->cmd->diag, "the same command goes on");
	return ERR_INTERRUPTED;
}

static enum err
not_good(struct fetch *f)
{
	f->cmd->diag.code = ERR_AUTH;
	f->cmd->diag.hint[0] = '\0';
	diag_hint(&f->cmd->diag, "do not rely on that server: look on the "
	    "authority's machine");
	return ERR_AUTH;
}

/* Some octets from at, appended. */
static enum err
octets_get(struct fetch *f, uint64_t at, struct buf *out)
{
	_cleanup_json_value_ struct json_value *answer = NULL;
	_cleanup_buf_ struct buf octets = BUF_INIT;
	char target[TARGET_SIZE];
	uint64_t size = 0, said = 0;
	enum err err;

	(void)snprintf(target, sizeof(target), "/v1/orders/%u/packs/%u?at=%ju",
	    f->pack->order, f->pack->no, (uintmax_t)at);
	err = remote_ask_again(f->cmd, target, BYTES_NONE, &answer);
	if (interrupt_requested())
		return stopped(f);
	if (err)
		return err;
	err = json_get_number(answer, "size", SIZE_MAX_OCTETS, 0, &size,
	    &f->cmd->diag);
	if (!err)
		err = json_get_number(answer, "at", SIZE_MAX_OCTETS, 0, &said,
		    &f->cmd->diag);
	if (!err)
		err = octets_read(f->cmd, answer, "octets", true, &octets);
	if (!err && (said != at || octets.len == 0 || octets.len > size ||
	    at > size - octets.len || (f->size != 0 && f->size != size)))
		err = diag_fail(&f->cmd->diag, ERR_IO, NULL, "octets: not "
		    "those that were asked for");
	if (err)
		return unread(f->cmd, err);
	f->size = size;
	buf_put_bytes(out, buf_bytes(&octets));
	return buf_err(out);
}

/* The octets from .. to, and perhaps some more, appended: in memory. */
static enum err
memory_get(struct fetch *f, uint64_t from, uint64_t to, struct buf *out)
{
	size_t before = out->len;
	enum err err = ERR_OK;

	while (!err && from + (out->len - before) < to)
		err = octets_get(f, from + (out->len - before), out);
	return err;
}

/* Some octets from at, written there. ret_end: of them. What comes of the
 * manifest with the last of the chunks is not looked at: it is there. */
static enum err
part_get(struct fetch *f, uint64_t at, uint64_t *ret_end)
{
	_cleanup_buf_ struct buf octets = BUF_INIT;
	uint64_t manifest = f->size - f->tail.len;
	enum err err;

	err = octets_get(f, at, &octets);
	if (err)
		return err;
	if (at < manifest && octets.len > manifest - at)
		octets.len = (size_t)(manifest - at);
	*ret_end = at + octets.len;
	return file_write_at(&f->part, at, buf_bytes(&octets),
	    &f->cmd->diag);
}

/* The octets from .. to, and perhaps some more. ret_end: of them. */
static enum err
span_get(struct fetch *f, uint64_t from, uint64_t to, uint64_t *ret_end)
{
	enum err err = ERR_OK;

	while (!err && from < to)
		err = part_get(f, from, &from);
	if (!err && ret_end != NULL)
		*ret_end = from;
	return err;
}

/* Where header and manifest are, by the octets at both ends. */
static enum err
ends_find(struct fetch *f, struct pack_ends *ret_ends)
{
	_cleanup_buf_ struct buf trailer = BUF_INIT;
	struct cmd *cmd = f->cmd;
	enum err err;

	err = memory_get(f, 0, PACK_HEAD_SIZE, &f->head);
	if (!err && f->size < PACK_HEAD_SIZE + PACK_TRAILER_SIZE)
		return unread(cmd, diag_fail(&cmd->diag, ERR_IO, NULL,
		    "pack: shorter than any"));
	if (!err && f->head.len < f->size)
		err = memory_get(f, f->size - PACK_TRAILER_SIZE, f->size,
		    &trailer);
	else if (!err)
		buf_put(&trailer, f->head.ptr + f->size - PACK_TRAILER_SIZE,
		    PACK_TRAILER_SIZE);
	if (!err)
		err = buf_err(&trailer);
	if (err)
		return err;
	err = pack_ends(f->head.ptr, trailer.ptr, f->size, ret_ends,
	    &cmd->diag);
	return err ? unread(cmd, err) : ERR_OK;
}

/* Header and manifest: all that is needed to know what was signed. */
static enum err
ends_get(struct fetch *f)
{
	struct pack_ends ends = { 0, 0 };
	enum err err;

	err = ends_find(f, &ends);
	if (!err)
		err = memory_get(f, f->head.len, ends.header_end, &f->head);
	if (!err && f->head.len > ends.manifest)
		buf_put(&f->tail, f->head.ptr + ends.manifest,
		    f->head.len - ends.manifest);
	return err ? err : memory_get(f, ends.manifest + f->tail.len, f->size,
	    &f->tail);
}

static bool
in_ecosystem(const struct pack_header *h)
{
	return bytes_equal(h->ecosystem, bytes_of(remote_ecosystem(),
	    ECOSYSTEM_ID_SIZE));
}

/* Is it the one that was asked for? */
static bool
is_asked(const struct fetch *f, const struct pack_header *h)
{
	return h->order_number == f->pack->order &&
	    h->number == f->pack->no &&
	    in_ecosystem(h);
}

/* Before it is, nothing of what was fetched before is touched. */
static enum err
signed_check(struct fetch *f)
{
	const struct pack_octets ends = { buf_bytes(&f->head),
		buf_bytes(&f->tail), f->size };
	_cleanup_pack_ struct pack *pack = NULL;
	const struct pack_header *h;
	enum err err;

	err = pack_open_ends(f->path, &ends, f->pack->keys,
	    f->pack->key_count, &pack, &f->cmd->diag);
	if (!err && is_asked(f, pack_header(pack)))
		return ERR_OK;
	if (err && err != ERR_AUTH && err != ERR_SYNTAX && err != ERR_STATE)
		return err;
	h = err ? NULL : pack_header(pack);
	if (h != NULL)
		(void)diag_fail(&f->cmd->diag, ERR_AUTH, NULL, "pack %s: is "
		    "pack %u of order %u%s", f->path, h->number,
		    h->order_number, in_ecosystem(h) ? "" :
		    " of another ecosystem");
	return not_good(f);
}

static enum err
signed_open(struct fetch *f, struct pack **ret_pack)
{
	struct cmd *cmd = f->cmd;
	enum err err;

	err = signed_check(f);
	if (!err)
		err = file_truncate(&f->part, f->size, &cmd->diag);
	if (!err)
		err = file_write_at(&f->part, 0, buf_bytes(&f->head),
		    &cmd->diag);
	if (!err)
		err = file_write_at(&f->part, f->size - f->tail.len,
		    buf_bytes(&f->tail), &cmd->diag);
	if (err)
		return err;
	f->have = f->head.len;
	return pack_open(cmd->io, f->path, f->pack->keys, f->pack->key_count,
	    ret_pack, &cmd->diag);
}

static enum err
chunk_get(struct fetch *f, struct pack *pack, size_t i)
{
	const struct pack_chunk *chunk = pack_chunk_at(pack, i);
	bool good = false;
	enum err err = ERR_OK;

	if (f->again)
		err = pack_check_chunk(pack, i, &good, &f->cmd->diag);
	if (err || good)
		return err;
	if (f->have < chunk->offset)
		f->have = chunk->offset;
	err = span_get(f, f->have, chunk->offset + chunk->length, &f->have);
	if (!err)
		err = pack_check_chunk(pack, i, &good, &f->cmd->diag);
	if (err || good)
		return err;
	(void)diag_fail(&f->cmd->diag, ERR_AUTH, NULL, "order %u: pack %u: "
	    "chunk %zu: what came is not what was signed", f->pack->order,
	    f->pack->no, i);
	return not_good(f);
}

static enum err
chunks_get(struct fetch *f, struct pack *pack)
{
	struct progress progress;
	uint64_t done = 0;
	size_t i;
	enum err err = ERR_OK;

	progress_start(&progress, "fetching", "identities", 0,
	    pack_header(pack)->count);
	for (i = 0; i < pack_chunk_count(pack) && !err; i++) {
		err = chunk_get(f, pack, i);
		done += pack_chunk_at(pack, i)->count;
		if (!err)
			progress_update(&progress, done);
	}
	progress_end(&progress);
	return err;
}

/* The very pack is there, and whole: nothing is to be done. */
static enum err
target_look(struct fetch *f, bool *ret_there)
{
	_cleanup_pack_ struct pack *pack = NULL;
	struct diag none = DIAG_INIT;
	enum err err;

	err = pack_export_target(f->cmd, f->path, f->to);
	if (err)
		return err;
	if (pack_open(f->cmd->io, f->to, f->pack->keys, f->pack->key_count,
	    &pack, &none) == ERR_OK)
		*ret_there = pack_check(pack, NULL, NULL, &none) == ERR_OK;
	return ERR_OK;
}

/* Who had it open before may have given it its name meanwhile. */
static bool
is_named(const struct fetch *f)
{
	struct stat here, there;

	return fstat(f->part.fd, &here) == 0 && stat(f->path, &there) == 0 &&
	    here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

static enum err
part_open(struct fetch *f)
{
	struct cmd *cmd = f->cmd;
	uint64_t size = 0;
	char name[64];
	enum err err;

	(void)snprintf(name, sizeof(name), "order-%u-%u.pack", f->pack->order,
	    f->pack->no);
	err = path_join(f->to, f->pack->out, name);
	(void)snprintf(name, sizeof(name), "order-%u-%u.pack.part",
	    f->pack->order, f->pack->no);
	if (!err)
		err = path_join(f->path, f->pack->out, name);
	if (err)
		return diag_fail(&cmd->diag, err, NULL,
		    "%s: the path is too long", f->pack->out);
	err = file_open(cmd->io, f->path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600,
	    &f->part, &cmd->diag);
	if (!err)
		err = file_lock(&f->part, &cmd->diag);
	if (!err && !is_named(f))
		err = diag_fail(&cmd->diag, ERR_BUSY, NULL, "%s: another "
		    "command fetches it", f->path);
	f->mine = err == ERR_OK;
	if (!err)
		err = file_size(&f->part, &size, &cmd->diag);
	f->again = size > 0;
	return err;
}

static enum err
part_finish(struct fetch *f)
{
	struct cmd *cmd = f->cmd;
	enum err err;

	err = file_sync(&f->part, &cmd->diag);
	if (!err)
		err = io_rename(cmd->io, f->path, f->to, &cmd->diag);
	return err ? err : io_sync_parent(cmd->io, f->to, &cmd->diag);
}

static enum err
pack_fetch(struct fetch *f)
{
	_cleanup_pack_ struct pack *pack = NULL;
	bool there = false;
	enum err err;

	err = part_open(f);
	if (!err)
		err = ends_get(f);
	if (!err)
		err = signed_open(f, &pack);
	if (!err)
		err = target_look(f, &there);
	if (!err && there)
		return io_unlink(f->cmd->io, f->path, &f->cmd->diag);
	if (!err)
		err = chunks_get(f, pack);
	return err ? err : part_finish(f);
}

enum err
remote_pack_fetch(struct cmd *cmd, const struct remote_pack *pack,
    char ret_path[PATH_SIZE])
{
	struct fetch f = { .cmd = cmd, .pack = pack, .part = FILE_INIT,
		.head = BUF_INIT,
		.tail = { .limit = PACK_MANIFEST_MAX + PACK_TRAILER_SIZE } };
	enum err err;

	err = pack_fetch(&f);
	if (err && f.mine && !f.again && f.have == 0 &&
	    io_unlink(cmd->io, f.path, NULL) != ERR_OK)
		cmd_warn(cmd, "%s: is left behind", f.path);
	file_release(&f.part);
	buf_release(&f.head);
	buf_release(&f.tail);
	if (!err)
		memcpy(ret_path, f.to, PATH_SIZE);
	return err;
}
