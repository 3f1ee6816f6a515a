/* Head and acknowledgement by way of the process that has the station. */
#include "station/incoming.h"

#define HEAD		"head"
#define ACKNOWLEDGEMENT	"acknowledgement"
#define ASK_END		".ask"			/* it is wanted, or left */
#define TOLD_END	".told"

static enum err
head_tell(struct station *s, int64_t now, struct diag *diag)
{
	_cleanup_buf_ struct buf encoded = BUF_INIT;
	struct ledger_head head;
	char path[PATH_SIZE];
	enum err err;

	err = station_head(s, now, &encoded, &head, diag);
	if (!err)
		err = incoming_path(s->home, HEAD, TOLD_END, path, diag);
	return err ? err : io_write_file(s->io, path, buf_bytes(&encoded),
	    0600, diag);
}

static enum err
acknowledgement_take(struct station *s, int64_t now, struct diag *diag)
{
	_cleanup_buf_ struct buf encoded = { .limit = ACKNOWLEDGED_MAX };
	struct acknowledged a;
	char path[PATH_SIZE];
	enum err err;

	err = incoming_path(s->home, ACKNOWLEDGEMENT, ASK_END, path, diag);
	if (!err)
		err = io_read_file(s->io, path, &encoded, diag);
	if (!err)
		err = station_acknowledge(s, buf_bytes(&encoded), now, &a,
		    diag);
	/* it was put back: nothing goes out any more */
	if (err == ERR_CORRUPT && s->anchor.refuted != 0)
		ledger_spoil(s->ledger, err, diag);
	return err;
}

static enum err
one_take(struct station *s, const char *id, enum err (*take)(struct station *,
    int64_t now, struct diag *), int64_t now, struct diag *diag)
{
	struct diag of = DIAG_INIT;
	char path[PATH_SIZE];
	enum err err, why;

	err = incoming_path(s->home, id, ASK_END, path, diag);
	if (err || !io_exists(s->io, path))
		return err;
	why = ledger_room(s->ledger, &of);
	if (why == ERR_NOSPACE)	/* there may be soon */
		return diag_fail(diag, why, NULL, "%s", of.what);
	if (!why)
		why = take(s, now, &of);
	err = io_unlink(s->io, path, diag);
	return err ? err : incoming_answer(s, id, why, &of, diag);
}

enum err
sync_take(struct station *s, int64_t now, struct diag *diag)
{
	enum err err;

	err = one_take(s, HEAD, head_tell, now, diag);
	return err ? err : one_take(s, ACKNOWLEDGEMENT, acknowledgement_take,
	    now, diag);
}

/* Leave content, wait until it is taken; the answer's path, if there is one. */
static enum err
leave(const struct io *io, const char *home, const char *id,
    struct bytes content, struct diag *diag)
{
	static const char *const ends[] = { TOLD_END, INCOMING_ANSWER };
	char path[PATH_SIZE];
	enum err err = ERR_OK;
	size_t i;

	/* of one who did not wait */
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]) && !err; i++) {
		err = incoming_path(home, id, ends[i], path, diag);
		if (!err)
			err = io_unlink(io, path, diag);
	}
	if (!err)
		err = incoming_path(home, id, ASK_END, path, diag);
	if (!err)
		err = io_write_file(io, path, content, 0600, diag);
	return err ? err : incoming_wait(io, home, id, ASK_END, diag);
}

static enum err
leaving_begin(const struct io *io, const char *home, struct file *lock,
    struct diag *diag)
{
	if (!incoming_is_served(io, home))
		return diag_fail(diag, ERR_BUSY, NULL,
		    "%s: another process works here, and none serves", home);
	return incoming_lock(io, home, INCOMING_LOCK, lock, diag);
}

enum err
station_ask_head(const struct io *io, const char *home, struct buf *encoded,
    struct ledger_head *ret_head, struct diag *diag)
{
	_cleanup_file_ struct file lock = FILE_INIT;
	char path[PATH_SIZE];
	enum err err;

	err = leaving_begin(io, home, &lock, diag);
	if (!err)
		err = leave(io, home, HEAD, BYTES_NONE, diag);
	if (!err)
		err = incoming_path(home, HEAD, TOLD_END, path, diag);
	if (!err)
		err = io_read_file(io, path, encoded, diag);
	return err ? err : ledger_head_peek(buf_bytes(encoded), ret_head,
	    diag);
}

enum err
station_leave_acknowledgement(const struct io *io, const char *home,
    struct bytes encoded, struct acknowledged *ret_acknowledged,
    struct diag *diag)
{
	_cleanup_station_ struct station look = STATION_INIT;
	_cleanup_file_ struct file lock = FILE_INIT;
	struct acknowledged a;
	enum err err;

	err = leaving_begin(io, home, &lock, diag);
	if (!err)
		err = station_open(io, home, STATION_LOOK, &look, diag);
	if (!err)
		err = acknowledged_parse(encoded, look.signers,
		    look.signer_count, &a, diag);
	if (!err)
		err = leave(io, home, ACKNOWLEDGEMENT, encoded, diag);
	if (!err)
		*ret_acknowledged = a;
	return err;
}
