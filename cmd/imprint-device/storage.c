#include <fcntl.h>

#include "cmd/imprint-device/agent.h"

#define RECORD		"identity"
#define HEAD		IMPRINT_DEVICE_SLOT_HEAD

/* A slot is NAME.0 or NAME.1 in the home. */
static bool
slot_path(const struct agent_blocks *b, unsigned slot, char path[PATH_SIZE])
{
	char name[32];

	(void)snprintf(name, sizeof(name), "%s.%u", b->name, slot);
	if (path_join(path, b->home, name) == ERR_OK)
		return true;
	diag_fail(b->diag, ERR_LIMIT, NULL, "%s: path too long", b->home);
	return false;
}

/* Once open it is what it was then, whatever another process installs. */
static enum err
slot_open(struct agent_blocks *b, unsigned slot, int flags)
{
	char path[PATH_SIZE];

	if (b->file[slot].fd >= 0)
		return ERR_OK;
	if (!slot_path(b, slot, path))
		return ERR_LIMIT;
	return file_open(b->io, path, flags, 0600, &b->file[slot], b->diag);
}

/* What is not there, or no longer than that, reads as erased. */
static int
blocks_read(void *state, unsigned slot, size_t offset, uint8_t *buffer,
    size_t len)
{
	struct agent_blocks *b = state;
	struct diag kept = *b->diag;
	size_t got = 0;
	enum err err;

	err = slot_open(b, slot, O_RDONLY);
	if (err == ERR_NOTFOUND) {
		*b->diag = kept;
		err = ERR_OK;
	} else if (!err)
		err = file_read_upto(&b->file[slot], offset, buffer, len,
		    &got, b->diag);
	memset(buffer + got, 0xff, len - got);
	return err ? -1 : 0;
}

/* A new file takes the name, so that the head is never a hole of zeros, which
 * would read as the switch. */
static int
blocks_erase(void *state, unsigned slot)
{
	struct agent_blocks *b = state;
	uint8_t erased[HEAD];
	char path[PATH_SIZE];

	memset(erased, 0xff, sizeof(erased));
	file_release(&b->file[slot]);
	if (!slot_path(b, slot, path) || io_write_file(b->io, path,
	    bytes_of(erased, sizeof(erased)), 0600, b->diag) != ERR_OK)
		return -1;
	b->written = slot;
	return slot_open(b, slot, O_RDWR) == ERR_OK ? 0 : -1;
}

static int
blocks_write(void *state, unsigned slot, size_t offset, const uint8_t *data,
    size_t len)
{
	const struct agent_blocks *b = state;

	return file_write_at(&b->file[slot], offset, bytes_of(data, len),
	    b->diag) == ERR_OK ? 0 : -1;
}

static int
blocks_sync(void *state)
{
	const struct agent_blocks *b = state;

	return file_sync(&b->file[b->written], b->diag) == ERR_OK ? 0 : -1;
}

void
agent_blocks_init(struct agent_blocks *b, struct cmd *cmd, const char *home,
    const char *name, struct imprint_device_blocks *ret_blocks)
{
	*b = (struct agent_blocks){ .io = cmd->io, .home = home, .name = name,
		.diag = &cmd->diag, .file = { FILE_INIT, FILE_INIT } };
	*ret_blocks = (struct imprint_device_blocks){ .state = b,
		.slot_size = IMPRINT_DEVICE_PACKAGE_MAX + HEAD,
		.read = blocks_read, .erase = blocks_erase,
		.write = blocks_write, .sync = blocks_sync };
}

void
agent_blocks_release(struct agent_blocks *b)
{
	file_release(&b->file[0]);
	file_release(&b->file[1]);
}

enum err
agent_blocks_sync(const struct agent_blocks *b,
    const struct imprint_device_slots *slots)
{
	enum err err = ERR_OK;

	if (slots->current < 2 && b->file[slots->current].fd >= 0)
		err = file_sync(&b->file[slots->current], b->diag);
	return err ? err : io_sync_dir(b->io, b->home, b->diag);
}

static enum err
path_remove(const struct agent_blocks *b, const char *path)
{
	enum err err;

	if (!io_exists(b->io, path))
		return ERR_OK;
	err = io_unlink(b->io, path, b->diag);
	return err ? err : io_sync_dir(b->io, b->home, b->diag);
}

/* What the authority denied, until it is known who is right. */
static bool
aside_path(const struct agent_blocks *b, char path[PATH_SIZE])
{
	char name[32];

	(void)snprintf(name, sizeof(name), "%s.aside", b->name);
	if (path_join(path, b->home, name) == ERR_OK)
		return true;
	diag_fail(b->diag, ERR_LIMIT, NULL, "%s: path too long", b->home);
	return false;
}

enum err
agent_blocks_forget(struct agent_blocks *b,
    const struct imprint_device_slots *slots, bool all)
{
	unsigned i, n = slots->current == 0 ? 1 : 0;
	char path[PATH_SIZE];
	enum err err = ERR_OK;

	/* nothing is current */
	if (slots->current > 1 && !all)
		return ERR_OK;
	for (i = 0; i < (all ? 2U : 1U) && !err; i++, n = 1 - n) {
		file_release(&b->file[n]);
		if (!slot_path(b, n, path))
			return ERR_LIMIT;
		err = path_remove(b, path);
	}
	if (!err && !aside_path(b, path))
		return ERR_LIMIT;
	return err ? err : path_remove(b, path);
}

/* Slots of which one reads as erased. */
struct hidden {
	const struct imprint_device_blocks	*inner;
	unsigned				 slot;
};

static int
hidden_read(void *state, unsigned slot, size_t offset, uint8_t *buffer,
    size_t len)
{
	const struct hidden *h = state;

	if (slot != h->slot)
		return h->inner->read(h->inner->state, slot, offset, buffer,
		    len);
	memset(buffer, 0xff, len);
	return 0;
}

static enum err
aside_move(struct agent_blocks *b, unsigned slot, bool away)
{
	char aside[PATH_SIZE], path[PATH_SIZE];
	enum err err;

	file_release(&b->file[slot]);
	if (!aside_path(b, aside) || !slot_path(b, slot, path))
		return ERR_LIMIT;
	err = io_rename(b->io, away ? path : aside, away ? aside : path,
	    b->diag);
	return err ? err : io_sync_dir(b->io, b->home, b->diag);
}

enum err
agent_blocks_back(struct agent_blocks *b,
    const struct imprint_device_slots *slots,
    const uint8_t hash[IMPRINT_DEVICE_HASH_SIZE])
{
	struct hidden hidden = { slots->blocks, slots->current };
	const struct imprint_device_blocks blocks = { .state = &hidden,
		.slot_size = slots->blocks->slot_size, .read = hidden_read };
	_cleanup_secret_ struct secret record = SECRET_INIT;
	uint8_t found[IMPRINT_DEVICE_HASH_SIZE] = { 0 };
	struct imprint_device_storage storage;
	struct imprint_device_slots other;
	struct imprint_bytes part;
	enum imprint_device_error error;

	if (slots->current > 1)
		return ERR_NOTFOUND;
	if (secret_alloc(&record, IMPRINT_DEVICE_PACKAGE_MAX) != ERR_OK)
		return diag_nomem(b->diag);
	imprint_device_slots_init(&other, &blocks, slots->crypto, &storage);
	part.ptr = record.ptr;
	error = storage.read(storage.state, record.ptr, record.cap,
	    &part.len);
	if (error == IMPRINT_DEVICE_OK)
		error = slots->crypto->sha256(slots->crypto->state, &part, 1,
		    found) == 0 ? IMPRINT_DEVICE_OK :
		    IMPRINT_DEVICE_ERROR_CRYPTO;
	if (error != IMPRINT_DEVICE_OK || memcmp(found, hash,
	    sizeof(found)) != 0)
		return b->diag->code != ERR_OK ? b->diag->code :
		    ERR_NOTFOUND;
	return aside_move(b, slots->current, true);
}

enum err
agent_blocks_forth(struct agent_blocks *b,
    const struct imprint_device_slots *slots)
{
	char aside[PATH_SIZE], path[PATH_SIZE];
	unsigned n = slots->current == 0 ? 1 : 0;

	if (!aside_path(b, aside) || !slot_path(b, n, path))
		return ERR_LIMIT;
	if (slots->current > 1 || !io_exists(b->io, aside) ||
	    io_exists(b->io, path))
		return ERR_NOTFOUND;
	return aside_move(b, n, false);
}

/* The record as one file, as it was kept before there were slots. */
static enum imprint_device_error
old_read(const struct agent_storage *s, uint8_t *buffer, size_t size,
    size_t *ret_len)
{
	const struct agent_blocks *b = &s->files;
	_cleanup_file_ struct file f = FILE_INIT;
	struct diag diag = DIAG_INIT;
	char path[PATH_SIZE];
	uint64_t len = 0;
	enum err err;

	if (path_join(path, b->home, RECORD) != ERR_OK)
		return IMPRINT_DEVICE_ERROR_STORAGE;
	err = file_open(b->io, path, O_RDONLY, 0, &f, &diag);
	if (err == ERR_NOTFOUND)
		return IMPRINT_DEVICE_ERROR_NONE;
	if (!err)
		err = file_size(&f, &len, &diag);
	if (!err && len > size)
		return IMPRINT_DEVICE_ERROR_LIMIT;
	if (!err)
		err = file_read_at(&f, 0, buffer, (size_t)len, &diag);
	if (err) {
		*b->diag = diag;
		return IMPRINT_DEVICE_ERROR_STORAGE;
	}
	*ret_len = (size_t)len;
	return IMPRINT_DEVICE_OK;
}

static enum imprint_device_error
storage_read(void *state, uint8_t *buffer, size_t size, size_t *ret_len)
{
	struct agent_storage *s = state;
	enum imprint_device_error error;

	error = s->inner.read(s->inner.state, buffer, size, ret_len);
	return error == IMPRINT_DEVICE_ERROR_NONE ?
	    old_read(s, buffer, size, ret_len) : error;
}

/* Into a slot; the one file goes once that is durable. */
static enum imprint_device_error
storage_write(void *state, struct imprint_bytes record)
{
	struct agent_storage *s = state;
	const struct agent_blocks *b = &s->files;
	enum imprint_device_error error;
	char path[PATH_SIZE];

	error = s->inner.write(s->inner.state, record);
	if (error != IMPRINT_DEVICE_OK)
		return error;
	if (path_join(path, b->home, RECORD) != ERR_OK ||
	    !io_exists(b->io, path))
		return IMPRINT_DEVICE_OK;
	return io_unlink(b->io, path, b->diag) == ERR_OK &&
	    io_sync_dir(b->io, b->home, b->diag) == ERR_OK ?
	    IMPRINT_DEVICE_OK : IMPRINT_DEVICE_ERROR_STORAGE;
}

void
agent_storage_init(struct agent_storage *s, struct cmd *cmd, const char *home,
    struct imprint_device_storage *ret_storage)
{
	agent_blocks_init(&s->files, cmd, home, RECORD, &s->blocks);
	imprint_device_slots_init(&s->slots, &s->blocks,
	    imprint_device_openssl(), &s->inner);
	*ret_storage = (struct imprint_device_storage){ .state = s,
		.read = storage_read, .write = storage_write };
}
