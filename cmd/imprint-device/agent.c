#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/imprint-device/agent.h"
#include "lib/base/clock.h"

#define LOCK		"lock"
#define TIME_FILE	"time"	/* the latest that was signed for us */

/* It is not earlier than this build: a clock behind it is wrong. */
#ifndef IMPRINT_BUILD_TIME
#define IMPRINT_BUILD_TIME	INT64_C(1767225600)	/* 2026-01-01 */
#endif

/* Decimal seconds and a line feed; a missing file says nothing. */
static enum err
time_recall(struct cmd *cmd, struct agent *agent)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	char path[PATH_SIZE], again[32];
	long long seen;
	enum err err;

	if (path_join(path, agent->home, TIME_FILE) != ERR_OK)
		return diag_fail(&cmd->diag, ERR_LIMIT, NULL,
		    "%s: path too long", agent->home);
	if (!io_exists(cmd->io, path))
		return ERR_OK;
	text.limit = sizeof(again);
	err = io_read_file(cmd->io, path, &text, &cmd->diag);
	if (!err)
		buf_put(&text, "", 1);
	if (err || buf_err(&text))
		return err ? err : buf_err(&text);
	seen = strtoll((const char *)text.ptr, NULL, 10);
	(void)snprintf(again, sizeof(again), "%lld\n", seen);
	if (strcmp(again, (const char *)text.ptr) != 0) {
		diag_fail(&cmd->diag, ERR_CORRUPT, NULL,
		    "%s: not a time as it is kept here", path);
		diag_hint(&cmd->diag, "erase it: the next status list sets"
		    " it again");
		return ERR_CORRUPT;
	}
	imprint_device_time_seen(&agent->device, (int64_t)seen);
	return ERR_OK;
}

enum err
agent_time_keep(struct cmd *cmd, struct agent *agent, int64_t seen)
{
	char path[PATH_SIZE], text[32];
	int len;

	if (seen <= agent->device.floor)
		return ERR_OK;
	if (path_join(path, agent->home, TIME_FILE) != ERR_OK)
		return diag_fail(&cmd->diag, ERR_LIMIT, NULL,
		    "%s: path too long", agent->home);
	len = snprintf(text, sizeof(text), "%lld\n", (long long)seen);
	return io_write_file(cmd->io, path, bytes_of(text, (size_t)len),
	    0600, &cmd->diag);
}

/* The storage failed, as it says, or what it has is not what was written. */
static enum err
agent_damaged(struct cmd *cmd, const char *what)
{
	if (cmd->diag.code != ERR_OK)
		return cmd->diag.code;
	diag_fail(&cmd->diag, ERR_CORRUPT, NULL, "what this device has stored"
	    " of %s does not hold together", what);
	diag_hint(&cmd->diag, "restore its home directory, or erase it and"
	    " install a fresh package");
	return ERR_CORRUPT;
}

static const char *const set_names[] = { "keys", "keys-b" };

static enum err
keys_open(struct cmd *cmd, struct agent *agent, unsigned set)
{
	struct agent_keys *k = &agent->sets[set];

	agent_blocks_init(&k->files, cmd, agent->home, set_names[set],
	    &k->blocks);
	imprint_device_slots_init(&k->slots, &k->blocks,
	    imprint_device_openssl(), &k->storage);
	return imprint_openssl_keys_open(&k->held, &k->storage, &k->table) ==
	    IMPRINT_DEVICE_OK ? ERR_OK : agent_damaged(cmd, "its keys");
}

static bool
keys_empty(const struct agent_keys *k)
{
	unsigned i;

	for (i = 0; i < IMPRINT_DEVICE_HANDLES; i++)
		if (k->held.held[i] != NULL)
			return false;
	return true;
}

/* Does the identity fit the set? Without one, none does. */
static bool
keys_fit(struct agent *agent, struct agent_keys *set)
{
	agent->device.keys = &set->table;
	return imprint_device_load(&agent->device, time_now()) ==
	    IMPRINT_DEVICE_OK && agent->device.report.step[
	    IMPRINT_DEVICE_STEP_KEYS] == IMPRINT_DEVICE_ACCEPT;
}

/* What is read here is read again by whoever needs it. */
static void
keys_choose(struct cmd *cmd, struct agent *agent)
{
	struct diag kept = cmd->diag;
	unsigned set = 0;

	if (!keys_empty(&agent->sets[1]) && (keys_empty(&agent->sets[0]) ||
	    (!keys_fit(agent, &agent->sets[0]) &&
	    keys_fit(agent, &agent->sets[1]))))
		set = 1;
	agent_blocks_release(&agent->files.files);
	cmd->diag = kept;
	agent->keys = &agent->sets[set];
	agent->device.keys = &agent->keys->table;
}

enum err
agent_forget_previous(struct agent *agent)
{
	struct agent_keys *other = &agent->sets[agent->keys ==
	    &agent->sets[0]];
	enum err err;

	err = agent_blocks_forget(&agent->files.files, &agent->files.slots,
	    false);
	/* that of the set in use, too: keys from before */
	if (!err)
		err = agent_blocks_forget(&agent->keys->files,
		    &agent->keys->slots, false);
	if (!err)
		err = agent_blocks_forget(&other->files, &other->slots, true);
	return err;
}

const char *
agent_home(const struct cmd *cmd)
{
	const char *home = cmd_value(cmd, "home");

	return home != NULL ? home : AGENT_HOME;
}

enum err
agent_open(struct cmd *cmd, struct agent *agent)
{
	enum err err;

	agent->home = agent_home(cmd);
	err = secret_alloc(&agent->buffer, IMPRINT_DEVICE_PACKAGE_MAX);
	if (err)
		return diag_nomem(&cmd->diag);
	agent_storage_init(&agent->files, cmd, agent->home, &agent->storage);
	imprint_device_init(&agent->device, imprint_device_openssl(),
	    &agent->storage, IMPRINT_BUILD_TIME, agent->buffer.ptr,
	    agent->buffer.cap);
	err = keys_open(cmd, agent, 0);
	if (!err)
		err = keys_open(cmd, agent, 1);
	if (err)
		return err;
	keys_choose(cmd, agent);
	return time_recall(cmd, agent);
}

void
agent_close(struct agent *agent)
{
	unsigned i;

	for (i = 0; i < 2; i++) {
		imprint_openssl_keys_close(&agent->sets[i].held);
		agent_blocks_release(&agent->sets[i].files);
	}
	agent_blocks_release(&agent->files.files);
	secret_release(&agent->buffer);
}

enum err
agent_enter(struct cmd *cmd, const struct agent *agent, struct file *ret_lock)
{
	char path[PATH_SIZE];
	enum err err;

	if (path_join(path, agent->home, LOCK) != ERR_OK)
		return diag_fail(&cmd->diag, ERR_LIMIT, NULL,
		    "%s: path too long", agent->home);
	if (!io_exists(cmd->io, agent->home)) {
		err = io_mkdir(cmd->io, agent->home, 0700, &cmd->diag);
		if (!err)
			err = io_sync_parent(cmd->io, agent->home,
			    &cmd->diag);
		if (err)
			return err;
	}
	err = file_open(cmd->io, path, O_RDWR | O_CREAT, 0600, ret_lock,
	    &cmd->diag);
	return err ? err : file_lock(ret_lock, &cmd->diag);
}

enum err
agent_error(struct cmd *cmd, enum imprint_device_error error)
{
	switch (error) {
	case IMPRINT_DEVICE_OK:
		return ERR_OK;
	case IMPRINT_DEVICE_ERROR_NONE:
		diag_fail(&cmd->diag, ERR_NOTFOUND, NULL,
		    "this device has no identity yet");
		diag_hint(&cmd->diag, "install one: imprint-device install"
		    " < package; or name the directory with --home");
		return ERR_NOTFOUND;
	case IMPRINT_DEVICE_ERROR_LIMIT:
		return diag_fail(&cmd->diag, ERR_CORRUPT, NULL,
		    "the stored identity is larger than 64 KB");
	case IMPRINT_DEVICE_ERROR_CRYPTO:
		return diag_fail(&cmd->diag, ERR_CRYPTO, NULL,
		    "the cryptographic library failed");
	case IMPRINT_DEVICE_ERROR_STORAGE:
		break;
	}
	return agent_damaged(cmd, "its identity");
}

enum err
agent_load(struct cmd *cmd, struct agent *agent)
{
	return agent_error(cmd, imprint_device_load(&agent->device,
	    time_now()));
}

static const char *
hint_text(enum imprint_device_verdict verdict)
{
	switch (verdict) {
	case IMPRINT_DEVICE_UNKNOWN_TIME:
	case IMPRINT_DEVICE_DENY_NOT_YET_VALID:
		return "set this device's clock, then try again";
	case IMPRINT_DEVICE_DENY_EXPIRED:
		return "check the clock; if it is right, this device needs a"
		    " new identity";
	case IMPRINT_DEVICE_DENY_OTHER_ROOT:
		return "this device was bound to its ecosystem by its first"
		    " identity; to give it to another, erase its home"
		    " directory";
	case IMPRINT_DEVICE_DENY_OTHER_DEVICE:
		return "a package belongs to one device; to give this one"
		    " another identity for good: --replace";
	case IMPRINT_DEVICE_DENY_OLDER:
		return "use the newest package of this device";
	case IMPRINT_DEVICE_DENY:
		return "the stored identity is damaged: restore it, or erase"
		    " the home directory and install a fresh package";
	case IMPRINT_DEVICE_DENY_MALFORMED:
	case IMPRINT_DEVICE_DENY_SIGNATURE:
		return "the package was altered or cut on its way: hand it"
		    " over again from the station";
	case IMPRINT_DEVICE_DENY_KEYS:
		return "it is another device's, or was altered on its way:"
		    " hand it over again from the station";
	case IMPRINT_DEVICE_DENY_UNSUPPORTED:
		return "it needs a newer version of this program";
	default:
		return NULL;
	}
}

void
agent_hint(enum imprint_device_verdict verdict, struct imprint_bytes package)
{
	uint64_t version = imprint_device_package_version(package);
	const char *hint = hint_text(verdict);

	if (verdict == IMPRINT_DEVICE_DENY_UNSUPPORTED && version != 0 &&
	    version != IMPRINT_DEVICE_PACKAGE_VERSION)
		fprintf(stderr, "  its version is %ju, this program reads"
		    " %d\n", (uintmax_t)version,
		    IMPRINT_DEVICE_PACKAGE_VERSION);
	if (hint != NULL)
		fprintf(stderr, "  %s\n", hint);
}

void
agent_refuse(struct cmd *cmd, const struct imprint_device_report *report,
    struct imprint_bytes package)
{
	fprintf(stderr, "%s: refused: %s: %s\n", cmd->program->name,
	    imprint_device_verdict_name(report->verdict), report->reason);
	agent_hint(report->verdict, package);
}

void
agent_json_report(const struct imprint_device_report *report)
{
	const char *verdict = imprint_device_verdict_name(report->verdict);

	printf("\"verdict\": ");
	json_string(stdout, verdict, strlen(verdict));
	printf(", \"reason\": ");
	json_string(stdout, report->reason, strlen(report->reason));
}

void
agent_put_text(FILE *f, struct imprint_bytes text)
{
	text_print(f, (const char *)text.ptr, text.len);
}

void
agent_put_hex(FILE *f, struct imprint_bytes bytes)
{
	size_t i;

	for (i = 0; i < bytes.len; i++)
		fprintf(f, "%02x", bytes.ptr[i]);
}

void
agent_put_permissions(FILE *f, uint32_t bits)
{
	const char *between = "";
	unsigned i;

	for (i = 0; i < IMPRINT_DEVICE_PERMISSIONS; i++) {
		if ((bits >> i & 1) == 0)
			continue;
		fprintf(f, "%s%s", between, imprint_device_permission_name(
		    (enum imprint_device_permission)i));
		between = " ";
	}
	if (between[0] == '\0')
		fputs("-", f);
}

void
agent_put_time(FILE *f, int64_t t)
{
	char text[TIME_TEXT_SIZE];

	if (t >= IMPRINT_DEVICE_TIME_NEVER) {
		fputs("never", f);
		return;
	}
	time_format(t, text);
	fputs(text, f);
}
