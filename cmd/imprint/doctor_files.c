/* What can be seen without the registry's content: modes, room, leftovers,
 * and the process itself. */
#include "cmd/imprint/doctor.h"
#include "cmd/imprint/lost.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/authority/demand.h"
#include "lib/authority/operation.h"
#include "lib/authority/publish.h"
#include "lib/base/clock.h"
#include "lib/crypto/library.h"
#include "lib/identity/status_list.h"
#include "lib/x509/crl_read.h"

#define DAY_S		((int64_t)86400)
/* A file that a command has under way is younger. */
#define LEFTOVER_AGE_S	((int64_t)3600)
#define BACKUP_AGE_S	(30 * DAY_S)
/* As a verifier bears it: docs/protocol/status.md. */
#define AHEAD_S		((int64_t)5 * 60)
#define HINT_SIZE	(PATH_SIZE + 128)

/* What others may not do with a file of ours. */
enum privacy {
	PRIVACY_SERVED,		/* write */
	PRIVACY_OWN,		/* write; reading is a warning */
	PRIVACY_SECRET		/* read */
};

static void
mode_check(struct doctor *d, const char *path, enum privacy privacy)
{
	char hint[HINT_SIZE];
	struct stat st, dir;

	if (lstat(path, &st) != 0 || S_ISLNK(st.st_mode))
		return;
	(void)snprintf(hint, sizeof(hint), "chmod go%s %s",
	    privacy == PRIVACY_SERVED ? "-w" : "-rwx", path);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		doctor_say(d, DOCTOR_PROBLEM, hint, "%s: others may write to "
		    "it (mode %04o): look whether it was changed", path,
		    (unsigned)st.st_mode & 07777);
	else if (privacy != PRIVACY_SERVED &&
	    (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		doctor_say(d, privacy == PRIVACY_SECRET ? DOCTOR_PROBLEM :
		    DOCTOR_WARNING, hint, "%s: others may read it (mode "
		    "%04o)", path, (unsigned)st.st_mode & 07777);
	if (stat(d->dir, &dir) == 0 && st.st_uid != dir.st_uid) {
		(void)snprintf(hint, sizeof(hint), "chown %u %s, and find out "
		    "how it came there", (unsigned)dir.st_uid, path);
		doctor_say(d, DOCTOR_PROBLEM, hint, "%s: belongs to another "
		    "user (%u) than its ecosystem", path,
		    (unsigned)st.st_uid);
	}
}

/* fn for each entry of a directory but "." and ".."; none if it is none. */
static void
directory_each(struct doctor *d, const char *dir,
    void (*fn)(struct doctor *, const char *path, const char *name,
    void *ctx), void *ctx)
{
	char path[PATH_SIZE];
	struct dirent *entry;
	DIR *stream;

	stream = opendir(dir);
	if (stream == NULL) {
		if (errno != ENOENT)
			doctor_say(d, DOCTOR_SKIPPED, NULL, "%s: cannot be "
			    "listed: %s", dir, strerror(errno));
		return;
	}
	while ((entry = readdir(stream)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0 ||
		    path_join(path, dir, entry->d_name) != ERR_OK)
			continue;
		fn(d, path, entry->d_name, ctx);
	}
	(void)closedir(stream);
}

static void
entry_mode(struct doctor *d, const char *path, const char *name, void *ctx)
{
	const enum privacy *privacy = ctx;

	(void)name;
	mode_check(d, path, *privacy);
}

/* An ecosystem's own files; what is served and the operators' keys apart. */
static void
top_mode(struct doctor *d, const char *path, const char *name, void *ctx)
{
	(void)ctx;
	if (strcmp(name, "publish") == 0)
		mode_check(d, path, PRIVACY_SERVED);
	else if (strcmp(name, "keystore") == 0)
		mode_check(d, path, PRIVACY_SECRET);
	else
		mode_check(d, path, PRIVACY_OWN);
}

static void
parent_check(struct doctor *d, const char *path)
{
	struct cmd probe = { .program = d->cmd->program };

	if (cmd_check_private(&probe, path) != ERR_OK)
		doctor_diag(d, DOCTOR_PROBLEM, &probe.diag);
}

static bool
ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), tail = strlen(end);

	return len > tail && strcmp(name + len - tail, end) == 0;
}

/* What is published and others cannot read. */
struct hidden {
	size_t	 count;
	char	 first[PATH_SIZE];
};

static void
entry_hidden(struct doctor *d, const char *path, const char *name, void *ctx)
{
	struct hidden *hidden = ctx;
	struct stat st;
	mode_t wanted;

	/* one that is being written */
	if (ends_with(name, ".tmp") || lstat(path, &st) != 0)
		return;
	wanted = S_ISDIR(st.st_mode) ? S_IROTH | S_IXOTH :
	    S_ISREG(st.st_mode) ? S_IROTH : 0;
	if ((st.st_mode & wanted) != wanted && hidden->count++ == 0)
		(void)snprintf(hidden->first, sizeof(hidden->first), "%s",
		    path);
	if (S_ISDIR(st.st_mode))
		directory_each(d, path, entry_hidden, ctx);
}

/* What is above publish/ does not matter to the fronts of imprintd, which are
 * given it open. */
static void
hidden_check(struct doctor *d)
{
	struct hidden hidden = { .count = 0 };
	char path[PATH_SIZE], hint[HINT_SIZE];

	doctor_path(d, "publish", path);
	entry_hidden(d, path, "publish", &hidden);
	(void)snprintf(hint, sizeof(hint), "chmod -R go+rX %s", path);
	if (hidden.count > 0)
		doctor_say(d, DOCTOR_PROBLEM, hint, "%s: others cannot read "
		    "it (%zu such in publish/): fronts of imprintd and web "
		    "servers, as other users, do not serve it", hidden.first,
		    hidden.count);
}

void
doctor_permissions(struct doctor *d)
{
	static const struct {
		const char	*name;
		enum privacy	 privacy;
	} folders[] = {
		{ "operators", PRIVACY_SECRET },
		{ "packs", PRIVACY_OWN },
		{ "publish", PRIVACY_SERVED },
		{ "publish/ca", PRIVACY_SERVED },
		{ "publish/log", PRIVACY_SERVED },
		{ "publish/crl", PRIVACY_SERVED },
		{ "publish/status", PRIVACY_SERVED },
	};
	char path[PATH_SIZE], *slash;
	enum privacy privacy;
	size_t i;
	int level;

	(void)snprintf(path, sizeof(path), "%s", d->dir);
	for (level = 0; level < 2 && (slash = strrchr(path, '/')) != NULL &&
	    slash != path; level++) {
		*slash = '\0';
		parent_check(d, path);
	}
	parent_check(d, d->dir);
	mode_check(d, d->dir, PRIVACY_OWN);
	directory_each(d, d->dir, top_mode, NULL);
	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		doctor_path(d, folders[i].name, path);
		privacy = folders[i].privacy;
		directory_each(d, path, entry_mode, &privacy);
	}
	hidden_check(d);
	if (d->said == 0)
		doctor_say(d, DOCTOR_OK, NULL, "%s: others can neither change "
		    "it nor read what is not published", d->dir);
}

/* Octets in publish/, of what demand.h has: tiles, and the CRL. */
#define PUBLISHED		64
#define PUBLISHED_ONLINE	140

/* Less than one part in so many of the file system is left. */
#define ROOM_LOW	20

/* "1.5 GB" */
static void
octets_format(double octets, char text[32])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB",
		"PB", "EB" };
	size_t i;

	for (i = 0; octets >= 1000 && i < 6; i++)
		octets /= 1000;
	(void)snprintf(text, 32, i == 0 ? "%.0f %s" : "%.1f %s", octets,
	    units[i]);
}

/* What each identity of the field takes there, and each that is ordered. */
static void
room_check(struct doctor *d, const char *path, const struct demand *demand,
    double each_enrolled, double each_ordered)
{
	char free_text[32], need_text[32], left_text[32], days[64] = "";
	double room, whole, need, fits, last;
	struct statvfs fs;

	if (statvfs(path, &fs) != 0) {
		doctor_say(d, DOCTOR_SKIPPED, NULL, "%s: %s", path,
		    strerror(errno));
		return;
	}
	room = (double)fs.f_bavail * (double)fs.f_frsize;
	whole = (double)fs.f_blocks * (double)fs.f_frsize;
	need = (double)demand->left * each_ordered;
	fits = room / each_ordered;
	octets_format(room, free_text);
	octets_format(need, need_text);
	number_format((uint64_t)fits, left_text);
	last = demand_days(demand, room, each_enrolled, each_ordered);
	if (last >= 0)
		(void)snprintf(days, sizeof(days), ", %.0f days as of late",
		    last);
	if (room < need)
		doctor_say(d, DOCTOR_PROBLEM, "make room, or cancel an order "
		    "before its run stops for want of it", "%s: %s free, and "
		    "the open orders need %s", path, free_text, need_text);
	else if (room - need < whole / ROOM_LOW || fs.f_favail == 0)
		doctor_say(d, DOCTOR_WARNING, "make room: without it nothing "
		    "can be issued or revoked", "%s: %s free, of which open "
		    "orders need %s; room for %s identities%s", path,
		    free_text, need_text, left_text, days);
	else
		doctor_say(d, DOCTOR_OK, NULL, "%s: %s free, room for %s "
		    "identities%s", path, free_text, left_text, days);
}

void
doctor_disk(struct doctor *d)
{
	struct stat home, packs;
	struct demand demand;
	char path[PATH_SIZE];

	if (authority_demand(d->authority, d->now, &demand, NULL) != ERR_OK) {
		doctor_say(d, DOCTOR_SKIPPED, NULL,
		    "not checked: orders cannot be read");
		return;
	}
	doctor_path(d, "packs", path);
	if (stat(path, &packs) == 0 && stat(d->dir, &home) == 0 &&
	    packs.st_dev != home.st_dev) {
		room_check(d, d->dir, &demand, demand.online_octets,
		    demand.registry_octets);
		room_check(d, path, &demand, 0, demand.pack_octets);
	} else {
		room_check(d, d->dir, &demand, demand.online_octets,
		    demand.registry_octets + demand.pack_octets);
	}
	doctor_path(d, "publish", path);
	if (stat(path, &packs) == 0 && stat(d->dir, &home) == 0 &&
	    packs.st_dev != home.st_dev)
		room_check(d, path, &demand, PUBLISHED_ONLINE, PUBLISHED);
}

/* Publications are rarely larger; what is, is left to other tools. */
#define PUBLISHED_MAX	((size_t)256 << 20)

/* What is published until when. */
static void
published_say(struct doctor *d, const char *path, int64_t issued,
    int64_t until)
{
	char time[TIME_TEXT_SIZE];

	if (issued > d->now + AHEAD_S) {
		time_format(issued, time);
		doctor_say(d, DOCTOR_PROBLEM, "is the clock right?",
		    "%s: was published at %s, which is to come", path, time);
	} else if (until <= d->now) {
		time_format(until, time);
		doctor_say(d, DOCTOR_PROBLEM, "imprint publish: services deny "
		    "what they cannot know", "%s: was good until %s", path,
		    time);
	}
}

static void
entry_published(struct doctor *d, const char *path, const char *name,
    void *ctx)
{
	_cleanup_buf_ struct buf file = { .limit = PUBLISHED_MAX };
	struct diag diag = DIAG_INIT;
	struct status_list list;
	struct crl crl;
	enum err err;

	(void)ctx;
	if (!ends_with(name, ".crl") && !ends_with(name, ".cwt"))
		return;
	err = io_read_file(d->cmd->io, path, &file, &diag);
	if (err == ERR_LIMIT) {
		doctor_say(d, DOCTOR_SKIPPED, NULL, "%s: not checked: it is "
		    "too large", path);
		return;
	}
	if (!err && ends_with(name, ".crl")) {
		err = crl_parse(buf_bytes(&file), &crl, &diag);
		if (!err)
			published_say(d, path, crl.this_update,
			    crl.next_update);
	} else if (!err) {
		err = status_list_parse(buf_bytes(&file), &list, &diag);
		if (!err)
			published_say(d, path, list.issued, list.expires);
	}
	if (err) {
		diag_prefix(&diag, "%s", path);
		doctor_diag(d, DOCTOR_PROBLEM, &diag);
	}
}

static void
entry_count(struct doctor *d, const char *path, const char *name, void *ctx)
{
	size_t *count = ctx;

	(void)d;
	(void)path;
	*count += ends_with(name, ".crl") || ends_with(name, ".cwt");
}

/* Was the present status published? */
static enum err
status_compare(void *ctx, const struct store_log *log)
{
	struct published published = { .status_count = 0 };
	struct operation_head head;
	struct diag diag = DIAG_INIT;
	struct doctor *d = ctx;
	enum err err;

	if (log->log == LOG_OPERATIONS_NUMBER)
		return ERR_OK;
	err = operation_head(d->authority, &head, &diag);
	if (!err)
		err = authority_published(d->authority, log->name,
		    &published, &diag);
	if (err && err != ERR_NOTFOUND)
		doctor_diag(d, DOCTOR_PROBLEM, &diag);
	else if (err && head.status_count > 0)
		doctor_say(d, DOCTOR_WARNING, "imprint publish", "log %s: "
		    "what was revoked or suspended was never published",
		    log->name);
	else if (!err && (published.status_count != head.status_count ||
	    memcmp(published.status_sum, head.status_sum,
	    sizeof(head.status_sum)) != 0))
		doctor_say(d, DOCTOR_WARNING, "imprint publish", "log %s: "
		    "something was revoked, suspended or resumed since its "
		    "status was published", log->name);
	return ERR_OK;
}

/* "before-epoch-N": were the revocations that it names made again? */
static void
entry_lost(struct doctor *d, const char *path, const char *name, void *ctx)
{
	char file[PATH_SIZE], hint[HINT_SIZE], number[32];
	struct diag diag = DIAG_INIT;
	uint64_t left = 0;
	enum err err;

	(void)ctx;
	if (strncmp(name, LOST_FOLDER, strlen(LOST_FOLDER)) != 0 ||
	    path_join(file, path, LOST_FILE) != ERR_OK ||
	    !io_exists(d->cmd->io, file))
		return;
	err = lost_left(d->authority, d->cmd->io, file, &left, &diag);
	(void)snprintf(hint, sizeof(hint), "imprint revoke --from %s", file);
	number_format(left, number);
	if (err)
		doctor_diag(d, DOCTOR_PROBLEM, &diag);
	else if (left > 0)
		doctor_say(d, DOCTOR_PROBLEM, hint, "%s: %s identities were "
		    "revoked, as was published before the registry was lost, "
		    "and are not now", file, number);
}

/* Modes and checkpoints are told of by other checks. */
static void
lack_say(void *ctx, const char *path, enum publish_lack lack)
{
	struct doctor *d = ctx;

	if (lack == PUBLISH_HIDDEN || ends_with(path, "/checkpoint"))
		return;
	doctor_say(d, DOCTOR_PROBLEM, "imprint publish", "%s: %s", path,
	    lack == PUBLISH_MISSING ? "was published, and is not there" :
	    "is not what was published last");
}

void
doctor_published(struct doctor *d)
{
	static const char *const folders[] = { "publish/crl",
		"publish/status" };
	char path[PATH_SIZE];
	size_t i, count = 0;

	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		doctor_path(d, folders[i], path);
		directory_each(d, path, entry_count, &count);
		directory_each(d, path, entry_published, NULL);
	}
	if (d->authority != NULL)
		directory_each(d, d->dir, entry_lost, NULL);
	if (d->unlocked && d->said == 0 && authority_published_look(
	    d->authority, lack_say, d, NULL) != ERR_OK)
		doctor_say(d, DOCTOR_SKIPPED, NULL, "not checked: what was "
		    "published cannot be read");
	if (d->unlocked && store_log_each(authority_store(d->authority),
	    status_compare, d, NULL) != ERR_OK)
		doctor_say(d, DOCTOR_SKIPPED, NULL,
		    "not checked: the logs cannot be read");
	if (d->said == 0)
		doctor_say(d, DOCTOR_OK, NULL, "%zu CRLs and status lists, "
		    "%s", count, count == 0 ? "none needed yet" :
		    "none out of date");
}

static bool
older_than(const struct doctor *d, const char *path, int64_t age_s)
{
	struct stat st;

	return stat(path, &st) == 0 && (int64_t)st.st_mtime < d->now - age_s;
}

static void
leftover_say(struct doctor *d, const char *path, const char *what,
    const char *why)
{
	char hint[HINT_SIZE];

	(void)snprintf(hint, sizeof(hint), "rm -r %s%s", path, why);
	doctor_say(d, DOCTOR_WARNING, hint, "%s: %s", path, what);
}

static void
entry_leftover(struct doctor *d, const char *path, const char *name,
    void *ctx)
{
	(void)ctx;
	if (strstr(name, ".schema-") != NULL && ends_with(name, ".backup")) {
		if (older_than(d, path, BACKUP_AGE_S))
			leftover_say(d, path, "a backup from before an "
			    "upgrade, more than a month old", ", once there "
			    "is a later backup");
	} else if (ends_with(name, ".tmp") || ends_with(name, ".new")) {
		if (older_than(d, path, LEFTOVER_AGE_S))
			leftover_say(d, path, "is left of a command that was "
			    "broken off", "");
	}
}

/* The folders of publish/log. */
static void
entry_log(struct doctor *d, const char *path, const char *name, void *ctx)
{
	struct stat st;

	(void)name;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		directory_each(d, path, entry_leftover, ctx);
}

/* "order-N-M.pack.part": does it grow, or was it forgotten? */
static void
entry_pack(struct doctor *d, const char *path, const char *name, void *ctx)
{
	struct store_order order;
	unsigned number, no;
	int end = 0;

	(void)ctx;
	if (!ends_with(name, ".part"))
		return;
	if (sscanf(name, "order-%u-%u.pack.part%n", &number, &no, &end) == 2 &&
	    end > 0 && name[end] == '\0' && store_order_get(
	    authority_store(d->authority), number, &order, NULL) == ERR_OK &&
	    order.state == ORDER_OPEN)
		return;
	leftover_say(d, path, "an unfinished pack that no open order fills",
	    "");
}

void
doctor_leftovers(struct doctor *d)
{
	static const char *const folders[] = { "", "operators", "publish",
		"publish/ca", "publish/log", "publish/crl", "publish/status",
		"packs" };
	char path[PATH_SIZE], *slash;
	size_t i;

	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		doctor_path(d, folders[i], path);
		directory_each(d, path, entry_leftover, NULL);
	}
	doctor_path(d, "packs", path);
	directory_each(d, path, entry_pack, NULL);
	doctor_path(d, "publish/log", path);
	directory_each(d, path, entry_log, NULL);
	(void)snprintf(path, sizeof(path), "%s", d->dir);
	slash = strrchr(path, '/');
	if (slash != NULL && slash != path) {
		*slash = '\0';
		directory_each(d, path, entry_leftover, NULL);
	}
	if (d->said == 0)
		doctor_say(d, DOCTOR_OK, NULL, "none");
}

/* A worker's share, measured, and what the rest needs; with room to spare. */
#define WORKER_OCTETS	((size_t)128 << 10)
#define OTHER_OCTETS	((size_t)256 << 10)

void
doctor_memory(struct doctor *d)
{
	_cleanup_secret_ struct secret secret = SECRET_INIT;
	long workers = sysconf(_SC_NPROCESSORS_ONLN);
	char need[32];
	size_t size;

	size = OTHER_OCTETS + WORKER_OCTETS *
	    (workers > 0 ? (size_t)workers : 1);
	octets_format((double)size, need);
	if (secret_alloc(&secret, size) == ERR_OK &&
	    secret_is_locked(&secret))
		doctor_say(d, DOCTOR_OK, NULL, "%s can be kept out of swap",
		    need);
	else
		doctor_say(d, DOCTOR_WARNING, "raise the limit: ulimit -l, "
		    "LimitMEMLOCK= of a service, limits.conf(5)",
		    "%s of secrets could not be kept out of swap", need);
}

void
doctor_dumps(struct doctor *d)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 &&
	    prctl(PR_GET_DUMPABLE) == 0)
		doctor_say(d, DOCTOR_OK, NULL, "none is written");
	else
		doctor_say(d, DOCTOR_PROBLEM, "ulimit -c 0, LimitCORE=0 of a "
		    "service, or kernel.core_pattern of sysctl(8)", "a crash "
		    "would write keys to a file: the system did not let this "
		    "program forbid it");
}

void
doctor_libraries(struct doctor *d)
{
	bool old_crypto, old_store;
	const char *crypto = crypto_library(&old_crypto);
	const char *store = store_library(&old_store);

	if (old_crypto || old_store)
		doctor_say(d, DOCTOR_WARNING, "install the version that it "
		    "was built with, or build it here", "%s, SQLite %s: %s "
		    "older than what this program was built with", crypto,
		    store, !old_store ? "OpenSSL is" : !old_crypto ?
		    "SQLite is" : "both are");
	else
		doctor_say(d, DOCTOR_OK, NULL, "%s, SQLite %s", crypto,
		    store);
}
