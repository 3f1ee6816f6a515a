/*
 * A full disk. Devices are refused, before anything is signed for them, until
 * there is room again; what is read goes on.
 *
 * To start takes room, too: what the last run had reserved becomes void on
 * record, a front's certificate is on record before it is used, and SQLite
 * has files of its own. So a file, "reserve", keeps that room. It is given up
 * when a start, or a certificate, would fail for want of it.
 */
#include <fcntl.h>
#include <stdio.h>

#include "cmd/imprintd/desk.h"
#include "lib/base/clock.h"
#include "lib/crypto/random.h"

#define RESERVE		"reserve"
#define RESERVE_PART	"reserve.part"
#define RESERVE_SIZE	((uint64_t)2 << 20)	/* some 30 certificates */
#define BLOCK_SIZE	((size_t)64 << 10)
#define AGAIN_NS	INT64_C(5000000000)

/* Octets that no file system makes smaller. */
static enum err
reserve_fill(const struct io *io, const char *path, struct diag *diag)
{
	_cleanup_file_ struct file file = FILE_INIT;
	uint8_t block[BLOCK_SIZE];
	uint64_t at;
	enum err err;

	err = random_bytes(block, sizeof(block), diag);
	if (!err)
		err = file_open(io, path, O_RDWR | O_CREAT | O_TRUNC, 0600,
		    &file, diag);
	for (at = 0; at < RESERVE_SIZE && !err; at += sizeof(block))
		err = file_write_at(&file, at, bytes_of(block,
		    sizeof(block)), diag);
	return err ? err : file_sync(&file, diag);
}

static void
part_remove(const struct io *io, const char *part)
{
	struct diag diag = DIAG_INIT;

	if (io_unlink(io, part, &diag) != ERR_OK)
		log_diag("authority", "room that is not kept", &diag);
}

/* ERR_OK: there was as much room beside the reserve, and it is there. */
static enum err
reserve_make(const struct io *io, const char *dir, struct diag *diag)
{
	char path[PATH_SIZE], part[PATH_SIZE];
	enum err err;

	err = path_join(path, dir, RESERVE);
	if (!err)
		err = path_join(part, dir, RESERVE_PART);
	if (err)
		return diag_fail(diag, err, NULL, "%s: path too long", dir);
	err = reserve_fill(io, part, diag);
	if (!err)
		err = io_rename(io, part, path, diag);
	if (err)
		part_remove(io, part);
	return err;
}

bool
disk_reserve_give(const struct io *io, const char *dir)
{
	char path[PATH_SIZE], part[PATH_SIZE];

	if (path_join(part, dir, RESERVE_PART) == ERR_OK)
		part_remove(io, part);
	if (path_join(path, dir, RESERVE) != ERR_OK ||
	    !io_exists(io, path) || io_unlink(io, path, NULL) != ERR_OK)
		return false;
	log_line("authority", "the disk is full: the room that was reserved"
	    " for this is used");
	return true;
}

void
disk_full(struct desk *desk)
{
	desk->disk_ns = time_monotonic_ns() + AGAIN_NS;
	if (!desk->disk_full)
		log_line("authority", "the disk is full: devices are told to"
		    " come again; make room on it");
	desk->disk_full = true;
	uploads_idle_release(desk);
}

void
disk_begin(struct desk *desk)
{
	const char *dir = authority_dir(desk->authority);
	struct diag diag = DIAG_INIT;
	char path[PATH_SIZE];
	enum err err;

	if (desk->disk_full || path_join(path, dir, RESERVE) != ERR_OK ||
	    io_exists(desk->cmd->io, path))
		return;
	err = reserve_make(desk->cmd->io, dir, &diag);
	if (err)
		log_diag("authority", "no room is kept for a start on a full"
		    " disk", &diag);
	if (err == ERR_NOSPACE)
		disk_full(desk);
}

void
disk_keep(struct desk *desk)
{
	struct diag diag = DIAG_INIT;
	enum err err;

	if (!desk->disk_full || time_monotonic_ns() < desk->disk_ns)
		return;
	err = reserve_make(desk->cmd->io, authority_dir(desk->authority),
	    &diag);
	if (err && err != ERR_NOSPACE)
		log_diag("authority", "is there room on the disk", &diag);
	if (err) {
		disk_full(desk);
		return;
	}
	desk->disk_full = false;
	log_line("authority", "there is room on the disk again");
}

enum err
disk_check(struct desk *desk, struct diag *diag)
{
	struct diag why = DIAG_INIT;
	enum err err;

	if (!desk_broken(desk))
		return ERR_OK;
	export_free(&desk->export);	/* of what was read before */
	err = store_mend(authority_store(desk->authority), &why);
	if (err)
		return diag_fail(diag, ERR_IO, NULL, "%s", why.what);
	disk_full(desk);
	return ERR_OK;
}

bool
disk_room_give(struct desk *desk)
{
	if (disk_check(desk, NULL) != ERR_OK || !disk_reserve_give(
	    desk->cmd->io, authority_dir(desk->authority)))
		return false;
	disk_full(desk);
	return true;
}
