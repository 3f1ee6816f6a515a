/* Packs for a station that serves: another process leaves them, checked, and
 * the one that has the lock takes them in. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "station/incoming.h"

#define INCOMING	"incoming"
#define SERVING		"serving"		/* its lock: by who serves */
#define COPY		INCOMING "/copy.tmp"
#define PACK_END	".pack"
#define ANSWER_MAX	((size_t)2048)
#define ID_TEXT		(2 * PACKAGE_ID_SIZE)
#define POLL_NS		50000000
#define SERVING_TRIES	20
#define POLLS_MAX	1200			/* a minute */

enum err
incoming_path(const char *home, const char *id, const char *end,
    char path[PATH_SIZE], struct diag *diag)
{
	char name[sizeof(INCOMING) + ID_TEXT + 16];

	(void)snprintf(name, sizeof(name), INCOMING "/%s%s", id, end);
	return home_path(home, name, path, diag);
}

enum err
incoming_lock(const struct io *io, const char *home, const char *name,
    struct file *ret_lock, struct diag *diag)
{
	char path[PATH_SIZE];
	enum err err;

	err = home_path(home, name, path, diag);
	if (!err)
		err = file_open(io, path, O_RDWR | O_CREAT, 0600, ret_lock,
		    diag);
	return err ? err : file_lock(ret_lock, diag);
}

enum err
station_serving(struct station *s, struct diag *diag)
{
	const struct timespec pause = { .tv_nsec = POLL_NS };
	char path[PATH_SIZE];
	unsigned i;
	enum err err;

	err = home_path(s->home, INCOMING, path, diag);
	if (!err)
		err = io_mkdir(s->io, path, 0700, diag);
	if (err)
		return err;
	/* who asks whether one serves holds it for a moment */
	err = ERR_BUSY;
	for (i = 0; i < SERVING_TRIES && err == ERR_BUSY; i++) {
		if (i > 0)
			(void)nanosleep(&pause, NULL);
		file_release(&s->serving);
		err = incoming_lock(s->io, s->home, SERVING, &s->serving,
		    NULL);
	}
	return err == ERR_OK ? ERR_OK : diag_fail(diag, err, NULL,
	    "%s/" SERVING ": cannot be locked", s->home);
}

/* Into the home before its record: as after an import that was broken off, a
 * file without a record is nothing yet. */
static enum err
pack_adopt(struct station *s, const char *path, int64_t now,
    struct diag *diag)
{
	_cleanup_pack_ struct pack *pack = NULL;
	const struct pack_header *h;
	char target[PATH_SIZE];
	bool known;
	enum err err;

	err = pack_open(s->io, path, s->signers, s->signer_count, &pack,
	    diag);
	if (err)
		return err;
	h = pack_header(pack);
	known = station_pack_find(s, h->binding.pack) != NULL;
	err = import_admit(s, pack, path, diag);
	if (!err)
		err = station_pack_path(s, h->binding.pack, target, diag);
	if (!err)
		err = io_rename(s->io, path, target, diag);
	if (!err)
		err = io_sync_parent(s->io, target, diag);
	return err || known ? err : import_record(s, h, now, diag);
}

/* Number, what, hint, a line each. */
enum err
incoming_answer(const struct station *s, const char *id, enum err why,
    const struct diag *of, struct diag *diag)
{
	_cleanup_buf_ struct buf text = { .limit = ANSWER_MAX };
	char answer[PATH_SIZE];
	enum err err;

	buf_printf(&text, "%d\n%s\n%s\n", (int)why, of->what, of->hint);
	err = buf_err(&text);
	if (!err)
		err = incoming_path(s->home, id, INCOMING_ANSWER, answer, diag);
	return err ? err : io_write_file(s->io, answer, buf_bytes(&text),
	    0600, diag);
}

/* The id of a pack that waits; false: none does. */
static bool
incoming_next(const char *home, char ret_id[ID_TEXT + 1])
{
	const struct dirent *entry;
	char path[PATH_SIZE];
	bool found = false;
	DIR *dir;

	if (home_path(home, INCOMING, path, NULL) != ERR_OK ||
	    (dir = opendir(path)) == NULL)
		return false;
	while (!found && (entry = readdir(dir)) != NULL) {
		found = strspn(entry->d_name, "0123456789abcdef") ==
		    ID_TEXT && strcmp(entry->d_name + ID_TEXT, PACK_END) == 0;
		if (found)
			(void)snprintf(ret_id, ID_TEXT + 1, "%.*s", ID_TEXT,
			    entry->d_name);
	}
	(void)closedir(dir);
	return found;
}

enum err
station_take(struct station *s, int64_t now, struct diag *diag)
{
	char path[PATH_SIZE], id[ID_TEXT + 1];
	enum err err = ERR_OK, why;

	while (!err && incoming_next(s->home, id)) {
		struct diag of = DIAG_INIT;

		err = incoming_path(s->home, id, PACK_END, path, diag);
		if (err)
			return err;
		why = ledger_room(s->ledger, &of);
		if (why == ERR_NOSPACE)	/* there may be soon */
			return diag_fail(diag, why, NULL, "%s", of.what);
		if (!why)
			why = pack_adopt(s, path, now, &of);
		if (why)
			err = io_unlink(s->io, path, diag);
		if (!err)
			err = incoming_answer(s, id, why, &of, diag);
	}
	return err ? err : sync_take(s, now, diag);
}

/* A pack on its way to the station that serves. */
struct leaving {
	const struct io	*io;
	const char	*home, *from;
	struct station	*look;
	struct station_left *left;
	void		(*progress)(void *ctx, uint64_t done, uint64_t total);
	void		*ctx;
	char		 id[ID_TEXT + 1];
};

static void
leaving_progress(void *ctx, uint64_t done)
{
	const struct leaving *l = ctx;

	if (l->progress != NULL)
		l->progress(l->ctx, done, l->left->count);
}

static void
left_fill(struct leaving *l, const struct pack_header *h)
{
	_cleanup_buf_ struct buf id = BUF_INIT;
	struct bytes name = h->product_name;

	buf_put_hex(&id, bytes_of(h->binding.pack, PACKAGE_ID_SIZE));
	(void)snprintf(l->id, sizeof(l->id), "%s", buf_text(&id));
	memcpy(l->left->pack, h->binding.pack, PACKAGE_ID_SIZE);
	l->left->count = h->count;
	if (name.len > LEDGER_PRODUCT_MAX)
		name.len = LEDGER_PRODUCT_MAX;
	memcpy(l->left->product, name.ptr, name.len);
	l->left->product[name.len] = '\0';
	l->left->known = station_pack_find(l->look, h->binding.pack) != NULL;
}

/* A copy, all of it checked, under the name that is looked for. */
static enum err
pack_put(struct leaving *l, struct diag *diag)
{
	_cleanup_pack_ struct pack *pack = NULL;
	const struct station *s = l->look;
	char copy[PATH_SIZE], path[PATH_SIZE];
	enum err err;

	err = home_path(l->home, COPY, copy, diag);
	if (!err)
		err = import_regular(l->from, diag);
	if (!err)
		err = file_copy(l->io, l->from, copy, 0600, diag);
	if (!err)
		err = pack_open(l->io, copy, s->signers, s->signer_count,
		    &pack, diag);
	if (err)
		return err;
	left_fill(l, pack_header(pack));
	err = pack_check(pack, leaving_progress, l, diag);
	if (!err)
		err = incoming_path(l->home, l->id, INCOMING_ANSWER, path,
		    diag);
	if (!err)
		err = io_unlink(l->io, path, diag);
	if (!err)
		err = incoming_path(l->home, l->id, PACK_END, path, diag);
	if (!err)
		err = io_rename(l->io, copy, path, diag);
	return err ? err : io_sync_parent(l->io, path, diag);
}

static enum err
answer_read(const struct io *io, const char *path, struct diag *diag)
{
	_cleanup_buf_ struct buf text = { .limit = ANSWER_MAX };
	char *what, *hint, *end, *number;
	enum err err;

	err = io_read_file(io, path, &text, diag);
	if (!err)
		err = io_unlink(io, path, diag);
	if (err)
		return err;
	number = (char *)(uintptr_t)buf_text(&text);
	what = strchr(number, '\n');
	hint = what == NULL ? NULL : strchr(what + 1, '\n');
	end = hint == NULL ? NULL : strchr(hint + 1, '\n');
	if (end == NULL || buf_err(&text))
		return diag_fail(diag, ERR_CORRUPT, NULL,
		    "%s: not an answer", path);
	err = (enum err)strtol(number, NULL, 10);
	if (err == ERR_OK)
		return ERR_OK;
	*hint = *end = '\0';
	diag_hint(diag, "%s", hint + 1);
	return diag_fail(diag, err, NULL, "%s", what + 1);
}

bool
incoming_is_served(const struct io *io, const char *home)
{
	_cleanup_file_ struct file lock = FILE_INIT;

	return incoming_lock(io, home, SERVING, &lock, NULL) == ERR_BUSY;
}

enum err
incoming_wait(const struct io *io, const char *home, const char *id,
    const char *end, struct diag *diag)
{
	const struct timespec pause = { .tv_nsec = POLL_NS };
	char path[PATH_SIZE], answer[PATH_SIZE];
	unsigned i;
	enum err err;

	err = incoming_path(home, id, end, path, diag);
	if (!err)
		err = incoming_path(home, id, INCOMING_ANSWER, answer, diag);
	if (err)
		return err;
	for (i = 0; i < POLLS_MAX && !io_exists(io, answer) &&
	    incoming_is_served(io, home); i++)
		(void)nanosleep(&pause, NULL);
	if (io_exists(io, answer))
		return answer_read(io, answer, diag);
	err = io_unlink(io, path, diag);
	if (err)
		return err;
	diag_fail(diag, ERR_BUSY, NULL, "%s: the station that serves did not"
	    " say that it has taken in what was left for it", home);
	diag_hint(diag, "give the command again: what it has already stays"
	    " so, and it says so");
	return ERR_BUSY;
}

enum err
station_leave(const struct io *io, const char *home, const char *path,
    void (*progress)(void *ctx, uint64_t done, uint64_t total), void *ctx,
    struct station_left *ret_left, struct diag *diag)
{
	_cleanup_station_ struct station look = STATION_INIT;
	_cleanup_file_ struct file lock = FILE_INIT;
	struct station_left left = { .count = 0 };
	struct leaving l = {
		.io = io, .home = home, .from = path, .look = &look,
		.left = &left, .progress = progress, .ctx = ctx
	};
	enum err err;

	if (!incoming_is_served(io, home))
		return diag_fail(diag, ERR_BUSY, NULL,
		    "%s: another process works here, and none serves", home);
	err = station_open(io, home, STATION_LOOK, &look, diag);
	if (!err)
		err = incoming_lock(io, home, INCOMING_LOCK, &lock, diag);
	if (!err)
		err = pack_put(&l, diag);
	if (!err)
		err = incoming_wait(io, home, l.id, PACK_END, diag);
	if (!err)
		*ret_left = left;
	return err;
}
