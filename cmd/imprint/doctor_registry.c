/* What the registry says about itself, its keys, files and the time. */
#include "cmd/imprint/doctor.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "lib/authority/anchor.h"
#include "lib/authority/log_publish.h"
#include "lib/authority/operation.h"
#include "lib/authority/order_run.h"
#include "lib/authority/rows.h"
#include "lib/base/clock.h"
#include "lib/log/checkpoint.h"
#include "lib/x509/x509_read.h"

#define DAY_S		((int64_t)86400)
#define EXPIRY_S	(90 * DAY_S)
/* What is under way may be behind for so long. */
#define BEHIND_S	((int64_t)3600)
#define OLDER		"an old registry.db was put back: bring the newest " \
			"one back. If it is lost: 'imprint epoch begin'"

void
doctor_registry(struct doctor *d)
{
	const struct authority_info *info;
	char path[PATH_SIZE];
	struct stat st;

	if (d->authority == NULL) {
		doctor_diag(d, DOCTOR_PROBLEM, &d->why_closed);
		return;
	}
	info = authority_info(d->authority);
	doctor_path(d, "registry.db", path);
	doctor_say(d, DOCTOR_OK, NULL, "ecosystem %s, schema %d, %.1f MB",
	    info->name, STORE_SCHEMA_VERSION,
	    stat(path, &st) == 0 ? (double)st.st_size / 1e6 : 0.0);
}

void
doctor_structure(struct doctor *d)
{
	struct diag diag = DIAG_INIT;

	if (d->quick)
		doctor_say(d, DOCTOR_SKIPPED, NULL, "not checked: --quick");
	else if (store_check(authority_store(d->authority), &diag) !=
	    ERR_OK || (d->unlocked && (rows_check_ranges(d->authority,
	    &diag) != ERR_OK || rows_check_tables(d->authority, &diag) !=
	    ERR_OK)))
		doctor_diag(d, DOCTOR_PROBLEM, &diag);
	else
		doctor_say(d, DOCTOR_OK, NULL, "the registry is whole and "
		    "agrees with itself");
}

void
doctor_keystore(struct doctor *d)
{
	if (d->unlocked)
		doctor_say(d, DOCTOR_OK, NULL, "opens, and its keys are those "
		    "of the certificates");
	else if (d->why_locked.code != ERR_OK)
		doctor_diag(d, DOCTOR_PROBLEM, &d->why_locked);
	else
		doctor_say(d, DOCTOR_SKIPPED, "give the passphrase by "
		    "--passphrase-file, --passphrase-fd or a credential",
		    "not checked: needs the passphrase");
}

/* The latest time that the registry knows of, and what it was. */
struct latest {
	struct doctor	*d;
	int64_t		 time;
	const char	*what;
};

static void
latest_take(struct latest *latest, int64_t time, const char *what)
{
	if (time > latest->time) {
		latest->time = time;
		latest->what = what;
	}
}

/* When the last entry of a log was made; 0: there is none. */
static int64_t
log_last(struct doctor *d, const struct store_log *log)
{
	struct store *store = authority_store(d->authority);
	_cleanup_buf_ struct buf entry = BUF_INIT;
	struct store_operation operation;
	struct store_range range;

	if (log->size == 0)
		return 0;
	if (log->log == LOG_OPERATIONS_NUMBER)
		return store_operation_get(store, log->size - 1, &entry,
		    &operation, NULL) == ERR_OK ? operation.time : 0;
	return store_range_get(store, log->log, log->size - 1, &range,
	    NULL) == ERR_OK ? range.issued : 0;
}

static enum err
latest_log(void *ctx, const struct store_log *log)
{
	struct latest *latest = ctx;

	latest_take(latest, log_last(latest->d, log),
	    log->log == LOG_OPERATIONS_NUMBER ? "the last operation" :
	    "the last identity");
	return ERR_OK;
}

static enum err
latest_order(void *ctx, const struct store_order *order)
{
	latest_take(ctx, order->created, "the last order");
	return ERR_OK;
}

/* A certificate's content; false when it cannot be read, which is said. */
static bool
certificate_read(struct doctor *d, const char *name,
    struct x509_info *ret_info)
{
	_cleanup_buf_ struct buf der = BUF_INIT;
	struct diag diag = DIAG_INIT;
	enum err err;

	err = authority_certificate(d->authority, name, &der, &diag);
	if (!err)
		err = x509_read(buf_bytes(&der), ret_info, &diag);
	if (err)
		doctor_diag(d, DOCTOR_PROBLEM, &diag);
	return err == ERR_OK;
}

void
doctor_clock(struct doctor *d)
{
	static const char set[] = "set the system's clock; if it is right "
	    "now and was wrong then: imprint clock accept";
	struct store *store = authority_store(d->authority);
	char now[TIME_TEXT_SIZE], then[TIME_TEXT_SIZE];
	struct latest latest = { .d = d };
	struct x509_info root;

	time_format(d->now, now);
	if (!certificate_read(d, KEY_ROOT, &root))
		return;
	if (d->now < root.not_before) {
		time_format(root.not_before, then);
		doctor_say(d, DOCTOR_PROBLEM, "set the system's clock",
		    "it says %s, but the root certificate is valid from %s",
		    now, then);
		return;
	}
	if (store_log_each(store, latest_log, &latest, NULL) != ERR_OK ||
	    store_order_each(store, latest_order, &latest, NULL) != ERR_OK) {
		doctor_say(d, DOCTOR_SKIPPED, NULL,
		    "not checked: the registry cannot be read");
		return;
	}
	time_format(latest.time, then);
	if (d->now < latest.time - OPERATION_BACK_S)
		doctor_say(d, DOCTOR_PROBLEM, set, "it says %s, but %s was "
		    "made at %s", now, latest.what, then);
	else if (latest.time > 0 && d->now > latest.time + OPERATION_AHEAD_S)
		doctor_say(d, DOCTOR_PROBLEM, set, "it says %s, years after "
		    "%s of %s", now, latest.what, then);
	else
		doctor_say(d, DOCTOR_OK, NULL, "%s fits what the registry "
		    "knows", now);
}

/* A file on the disk that holds the registry goes with it. */
static bool
same_disk(const struct doctor *d, const char *path)
{
	struct stat there, here;

	return stat(path, &there) == 0 && stat(d->dir, &here) == 0 &&
	    there.st_dev == here.st_dev;
}

static bool
anchor_is_behind(struct doctor *d, const struct anchor *anchor)
{
	struct store *store = authority_store(d->authority);
	struct store_log log;
	size_t i;

	for (i = 0; i < anchor->count; i++)
		if (store_log_by_name(store, anchor->logs[i].name, &log,
		    NULL) == ERR_OK && log.size > anchor->logs[i].size &&
		    log_last(d, &log) < d->now - BEHIND_S)
			return true;
	return false;
}

static void
anchor_file(struct doctor *d, const struct anchor_place *place)
{
	char time[TIME_TEXT_SIZE];
	struct diag diag = DIAG_INIT;
	struct anchor anchor;

	if (anchor_read(d->authority, place->path, &anchor, &diag) !=
	    ERR_OK) {
		doctor_diag(d, DOCTOR_PROBLEM, &diag);
		return;
	}
	time_format(anchor.time, time);
	if (anchor_is_behind(d, &anchor))
		doctor_say(d, DOCTOR_WARNING, "can it be written? the next "
		    "request or run moves it on", "%s: has not moved since "
		    "%s, and the registry has", place->path, time);
	if (same_disk(d, place->path))
		doctor_say(d, DOCTOR_WARNING, "keep it on another disk or "
		    "machine: imprint anchor set", "%s: on the file system "
		    "of the registry, with which it would be put back",
		    place->path);
	if (d->said == 0)
		doctor_say(d, DOCTOR_OK, NULL, "%s: the registry extends it, "
		    "epoch %u, %s", place->path, anchor.epoch, time);
}

void
doctor_anchor(struct doctor *d)
{
	struct diag diag = DIAG_INIT;
	struct anchor_place place;

	if (anchor_place(d->authority, &place, &diag) != ERR_OK) {
		doctor_diag(d, DOCTOR_PROBLEM, &diag);
		return;
	}
	if (place.kind == ANCHOR_NONE)
		doctor_say(d, DOCTOR_WARNING, "imprint anchor set FILE, on "
		    "another disk or machine (docs/guides/recovery.md)",
		    "none: an old registry.db put back would not be "
		    "noticed");
	else if (!d->unlocked)
		doctor_say(d, DOCTOR_SKIPPED, NULL,
		    "not checked: needs the keystore open");
	else if (anchor_compare(d->authority, &place, d->now, &diag) !=
	    ERR_OK)
		doctor_diag(d, DOCTOR_PROBLEM, &diag);
	else if (place.kind == ANCHOR_FILE)
		anchor_file(d, &place);
	else
		doctor_say(d, DOCTOR_OK, NULL, "%s accepts this state",
		    place.path);
}

/* Is a log longer than its checkpoint, and has been for a while? Operations
 * are published with whatever comes next. */
static void
behind_check(struct doctor *d, const struct store_log *log, uint64_t size)
{
	char have[32], last[TIME_TEXT_SIZE];
	int64_t time = log_last(d, log);

	if (size >= log->size || time >= d->now - BEHIND_S ||
	    log->log == LOG_OPERATIONS_NUMBER)
		return;
	number_format(size, have);
	time_format(time, last);
	doctor_say(d, DOCTOR_WARNING, "finish the open orders, or imprint "
	    "log publish", "log %s: its checkpoint has %s of %llu entries, "
	    "the last one of %s", log->name, have,
	    (unsigned long long)log->size, last);
}

/* The checkpoint signed last: by the published key, not beyond the log. */
static void
checkpoint_compare(struct doctor *d, const struct store_log *log,
    struct bytes note, const struct public_key *key)
{
	struct checkpoint checkpoint;
	struct diag diag = DIAG_INIT;

	if (checkpoint_verify(note, key, &checkpoint, &diag) != ERR_OK) {
		diag_prefix(&diag, "log %s", log->name);
		doctor_diag(d, DOCTOR_PROBLEM, &diag);
	} else if (checkpoint.size > log->size) {
		doctor_say(d, DOCTOR_PROBLEM, "an old registry.db was put "
		    "back: bring the newest one back", "log %s: its "
		    "checkpoint speaks of %llu entries, it has %llu",
		    log->name, (unsigned long long)checkpoint.size,
		    (unsigned long long)log->size);
	} else {
		behind_check(d, log, checkpoint.size);
	}
}

/* The log's folder in publish/log, by the checkpoint's origin: from the second
 * epoch on it is not the log's name. */
static bool
folder_name(struct bytes origin, char ret_name[STORE_NAME_MAX + 1])
{
	size_t at;

	for (at = origin.len; at > 0 && origin.ptr[at - 1] != '/'; at--)
		;
	if (at == 0 || origin.len - at == 0 ||
	    origin.len - at > STORE_NAME_MAX || origin.ptr[at] == '.')
		return false;
	memcpy(ret_name, origin.ptr + at, origin.len - at);
	ret_name[origin.len - at] = '\0';
	return true;
}

static enum err
file_get(struct doctor *d, const char *folder, const char *name,
    struct buf *out)
{
	char path[PATH_SIZE], file[STORE_NAME_MAX + 64];

	(void)snprintf(file, sizeof(file), "publish/log/%s/%s", folder, name);
	doctor_path(d, file, path);
	return io_read_file(d->cmd->io, path, out, NULL);
}

static void
published_compare(struct doctor *d, const struct store_log *log,
    struct bytes note)
{
	_cleanup_buf_ struct buf published = { .limit = NOTE_FILE_MAX };
	_cleanup_buf_ struct buf line = { .limit = NOTE_FILE_MAX };
	char folder[STORE_NAME_MAX + 1], name[NOTE_NAME_MAX + 1];
	struct bytes text = note, origin;
	struct checkpoint file;
	struct public_key key;

	if (!note_line(&text, &origin) || !folder_name(origin, folder)) {
		doctor_say(d, DOCTOR_PROBLEM, d->otherwise, "log %s: its "
		    "checkpoint has no origin", log->name);
		return;
	}
	if (file_get(d, folder, "vkey", &line) != ERR_OK ||
	    note_parse_verifier_key(buf_bytes(&line), name, &key, NULL) !=
	    ERR_OK || !bytes_equal(bytes_text(name), origin)) {
		doctor_say(d, DOCTOR_PROBLEM, "restore it from a backup",
		    "publish/log/%s/vkey: is missing or damaged", folder);
		return;
	}
	checkpoint_compare(d, log, note, &key);
	if (file_get(d, folder, "checkpoint", &published) == ERR_OK &&
	    checkpoint_verify(buf_bytes(&published), &key, &file, NULL) ==
	    ERR_OK && file.size > log->size)
		doctor_say(d, DOCTOR_PROBLEM, OLDER, "log %s: the registry "
		    "is older than what was published: publish/log/%s/"
		    "checkpoint speaks of %llu entries, it has %llu",
		    log->name, folder, (unsigned long long)file.size,
		    (unsigned long long)log->size);
	else if (!bytes_equal(buf_bytes(&published), note))
		doctor_say(d, DOCTOR_WARNING, "imprint log publish",
		    "publish/log/%s/checkpoint: is not "
		    "what was signed last", folder);
}

/* Is a later state than the registry's published, or another one? Somebody
 * may be publishing: what was seen in between is looked at again. */
static bool
older_check(struct doctor *d, const struct store_log *log)
{
	struct diag diag = DIAG_INIT;

	if (!d->unlocked ||
	    authority_log_check(d->authority, log->log, NULL) == ERR_OK ||
	    authority_log_check(d->authority, log->log, &diag) == ERR_OK)
		return false;
	doctor_diag(d, DOCTOR_PROBLEM, &diag);
	return true;
}

static enum err
log_check(void *ctx, const struct store_log *row)
{
	_cleanup_buf_ struct buf frontier = BUF_INIT, note = BUF_INIT;
	struct doctor *d = ctx;
	struct store_log log;
	enum err err;

	err = store_log_get(authority_store(d->authority), row->log, &log,
	    &frontier, &note, NULL);
	if (err || older_check(d, &log))
		return err;
	if (note.len > 0)
		published_compare(d, &log, buf_bytes(&note));
	else
		behind_check(d, &log, 0);
	return ERR_OK;
}

void
doctor_logs(struct doctor *d)
{
	if (store_log_each(authority_store(d->authority), log_check, d,
	    NULL) != ERR_OK)
		doctor_say(d, DOCTOR_SKIPPED, NULL,
		    "not checked: the logs cannot be read");
	else if (d->said == 0)
		doctor_say(d, DOCTOR_OK, NULL, "checkpoints are signed and "
		    "published");
}

/* The growing pack must be there, as far as the registry knows it. */
static void
pack_check(struct doctor *d, const struct store_pack *pack)
{
	char part[PATH_SIZE], whole[PATH_SIZE], hint[PATH_SIZE];
	struct stat st;

	if (pack->complete || pack->length == 0 ||
	    authority_pack_path(d->authority, pack->order, pack->no, false,
	    part, NULL) != ERR_OK ||
	    authority_pack_path(d->authority, pack->order, pack->no, true,
	    whole, NULL) != ERR_OK)
		return;
	(void)snprintf(hint, sizeof(hint), "bring the file back, or imprint "
	    "order cancel %u", pack->order);
	if (stat(part, &st) != 0 && stat(whole, &st) != 0)
		doctor_say(d, DOCTOR_PROBLEM, hint, "%s: the growing pack is "
		    "gone", part);
	else if ((uint64_t)st.st_size < pack->length)
		doctor_say(d, DOCTOR_PROBLEM, hint, "%s: the growing pack is "
		    "shorter than what was committed", part);
}

struct order_walk {
	struct doctor	*d;
	unsigned	 open;
};

static enum err
order_check(void *ctx, const struct store_order *order)
{
	struct order_walk *walk = ctx;
	struct store_pack pack;
	uint32_t no;

	if (order->state != ORDER_OPEN)
		return ERR_OK;
	walk->open++;
	for (no = 1; no <= order->packs; no++)
		if (store_pack_get(authority_store(walk->d->authority),
		    order->number, no, &pack, NULL) == ERR_OK)
			pack_check(walk->d, &pack);
	return ERR_OK;
}

void
doctor_orders(struct doctor *d)
{
	struct order_walk walk = { .d = d };

	if (store_order_each(authority_store(d->authority), order_check,
	    &walk, NULL) != ERR_OK)
		doctor_say(d, DOCTOR_SKIPPED, NULL,
		    "not checked: orders cannot be read");
	else if (d->said == 0)
		doctor_say(d, DOCTOR_OK, NULL, "%u open, %s", walk.open,
		    walk.open > 0 ? "each can go on" : "nothing to do");
}

struct certificate_walk {
	struct doctor	*d;
	int64_t		 first;		/* of all ends */
};

static void
expiry_check(struct doctor *d, const char *name, const struct x509_info *info)
{
	bool service = strncmp(name, SERVICE_PREFIX,
	    strlen(SERVICE_PREFIX)) == 0;
	char time[TIME_TEXT_SIZE];

	time_format(info->not_after, time);
	if (info->not_before > d->now)
		doctor_say(d, DOCTOR_PROBLEM, "is the clock right?",
		    "%s: its certificate is not valid yet", name);
	else if (info->not_after <= d->now && service &&
	    info->not_after > d->now - EXPIRY_S)
		doctor_say(d, DOCTOR_WARNING, "imprint service add, if the "
		    "service is still there", "%s: its certificate expired "
		    "at %s", name, time);
	else if (info->not_after <= d->now && !service)
		doctor_say(d, DOCTOR_PROBLEM, "what it signs is refused: make "
		    "a new ecosystem", "%s: its certificate expired at %s",
		    name, time);
	else if (info->not_after > d->now &&
	    info->not_after < d->now + EXPIRY_S)
		doctor_say(d, DOCTOR_WARNING, service ? "imprint service add: "
		    "a new key and certificate" : "what it signs must be "
		    "replaced before", "%s: its certificate expires at %s",
		    name, time);
}

/* Only the newest of each name counts. */
static enum err
certificate_check(void *ctx, const struct store_object *object)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct certificate_walk *walk = ctx;
	struct store_object newest;
	struct x509_info info;

	if (authority_object_get(walk->d->authority, STORE_CERTIFICATE,
	    object->name, NULL, &body, &newest, NULL) == ERR_OK &&
	    strcmp(newest.version, object->version) != 0)
		return ERR_OK;
	if (!certificate_read(walk->d, object->name, &info))
		return ERR_OK;
	expiry_check(walk->d, object->name, &info);
	if (info.not_after > walk->d->now && info.not_after < walk->first)
		walk->first = info.not_after;
	return ERR_OK;
}

void
doctor_certificates(struct doctor *d)
{
	struct certificate_walk walk = { d, TIME_MAX_S };
	struct diag diag = DIAG_INIT;
	char time[TIME_TEXT_SIZE];

	if (authority_object_each(d->authority, STORE_CERTIFICATE,
	    certificate_check, &walk, &diag) != ERR_OK) {
		doctor_diag(d, DOCTOR_PROBLEM, &diag);
		return;
	}
	time_format(walk.first, time);
	if (d->said == 0)
		doctor_say(d, DOCTOR_OK, NULL, "the first to expire does so "
		    "at %s", time);
}
