#include <fcntl.h>
#include <unistd.h>

#include <stdlib.h>

#include "cmd/imprint/daemon.h"
#include "cmd/imprint/remote_document.h"
#include "lib/authority/export.h"
#include "lib/base/cbor.h"
#include "lib/proto/local.h"

#define MODE_PUBLIC	0644
#define MODE_OWN	0600	/* who has the claims can tell the log's
				 * entry of a device */
#define FLUSH_AT	((size_t)64 << 10)
#define AHEAD_MAX	((size_t)64 << 20)
#define PART		".tmp"

enum target_kind {
	TARGET_STDOUT = 1,
	TARGET_FILE = 2,
	TARGET_DIR = 3		/* a file each, named by the UEID */
};

/* One run of the command. */
struct job {
	struct cmd		*cmd;
	const struct rendering	*rendering;
	struct authority	*authority;
	struct export		*export;
	uint64_t		 order;		/* 0: the words */
	bool			 several;
	const char		*out;		/* NULL: standard output */
	enum target_kind	 kind;
	mode_t			 mode;
	uint64_t		 count;		/* rendered so far */
	struct progress		 progress;	/* of an order */
	struct buf		 text;		/* not written yet */
	/* what imprintd has rendered, from the next on */
	struct buf		 ahead;
	struct cbor		 ahead_items;
	struct address		 ahead_at;
	uint64_t		 ahead_left;
	/* TARGET_FILE: grows beside its name */
	struct file		 file;
	char			 part[PATH_SIZE];
	uint64_t		 size;
};

static void
job_release(struct job *job)
{
	if (job->file.fd >= 0)	/* not finished */
		(void)job->cmd->io->unlink(job->cmd->io->state, job->part);
	file_release(&job->file);
	buf_release(&job->text);
	buf_release(&job->ahead);
	export_free(&job->export);
	authority_close(&job->authority);
}
#define _cleanup_job_ __attribute__((cleanup(job_release)))

static bool
has(const struct job *job, unsigned trait)
{
	return (job->rendering->traits & trait) != 0;
}

/* Where it goes: standard output, one file, or a file each. */
static enum err
target_choose(struct job *job)
{
	struct cmd *cmd = job->cmd;

	job->mode = has(job, RENDERING_PUBLIC) ? MODE_PUBLIC : MODE_OWN;
	if (job->out != NULL && strcmp(job->out, "-") == 0)
		job->out = NULL;
	if (job->out != NULL && list_dir_is(job->out)) {
		job->kind = TARGET_DIR;
		return ERR_OK;
	}
	job->kind = job->out == NULL ? TARGET_STDOUT : TARGET_FILE;
	if (!job->several || has(job, RENDERING_LINE))
		return ERR_OK;
	if (job->out == NULL) {
		(void)diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "%s: several do not go to one stream",
		    job->rendering->name);
		diag_hint(&cmd->diag, "--out DIR takes a file each; json, jwt "
		    "and ndjson go one to a line");
		return ERR_INVALID;
	}
	if (io_exists(cmd->io, job->out)) {
		(void)diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "%s: is no directory", job->out);
		diag_hint(&cmd->diag, "several identities go to a directory, "
		    "a file each; json, jwt and ndjson also to one "
		    "file");
		return ERR_INVALID;
	}
	job->kind = TARGET_DIR;
	return ERR_OK;
}

static enum err
directory_open(struct job *job)
{
	struct cmd *cmd = job->cmd;
	enum err err;

	if (list_dir_is(job->out))
		return ERR_OK;
	err = io_mkdir(cmd->io, job->out, 0700, &cmd->diag);
	if (!err)
		err = io_sync_parent(cmd->io, job->out, &cmd->diag);
	return err;
}

static enum err
target_open(struct job *job)
{
	struct cmd *cmd = job->cmd;
	enum err err;

	if (job->kind == TARGET_STDOUT)
		return ERR_OK;
	if (job->kind == TARGET_DIR)
		return directory_open(job);
	/* told early; the rename decides */
	if (!cmd_flag(cmd, "force") && io_exists(cmd->io, job->out)) {
		(void)diag_fail(&cmd->diag, ERR_EXISTS, NULL,
		    "%s: exists already", job->out);
		diag_hint(&cmd->diag, "--force replaces it");
		return ERR_EXISTS;
	}
	if (snprintf(job->part, PATH_SIZE, "%s" PART, job->out) >= PATH_SIZE)
		return diag_fail(&cmd->diag, ERR_LIMIT, NULL,
		    "--out: the path is too long");
	err = io_unlink(cmd->io, job->part, &cmd->diag);
	if (!err)
		err = file_open(cmd->io, job->part, O_WRONLY | O_CREAT |
		    O_EXCL | O_NOFOLLOW, job->mode, &job->file, &cmd->diag);
	return err;
}

/* What has gathered, to the stream or the file. */
static enum err
target_flush(struct job *job)
{
	enum err err = ERR_OK;

	if (job->kind == TARGET_STDOUT) {
		if (fwrite(job->text.ptr, 1, job->text.len, stdout) !=
		    job->text.len)
			err = diag_fail(&job->cmd->diag, ERR_IO, NULL,
			    "standard output: cannot be written");
	} else {
		err = file_write_at(&job->file, job->size,
		    buf_bytes(&job->text), &job->cmd->diag);
		job->size += job->text.len;
	}
	buf_clear(&job->text);
	return err;
}

/* The whole file under its name. */
static enum err
target_close(struct job *job)
{
	struct cmd *cmd = job->cmd;
	enum err err = ERR_OK;

	if (job->kind == TARGET_DIR)
		return ERR_OK;
	if (job->text.len > 0)
		err = target_flush(job);
	if (err || job->kind == TARGET_STDOUT)
		return err;
	err = file_sync(&job->file, &cmd->diag);
	if (!err && cmd_flag(cmd, "force"))
		err = io_rename(cmd->io, job->part, job->out, &cmd->diag);
	else if (!err)
		err = io_rename_new(cmd->io, job->part, job->out,
		    &cmd->diag);
	if (err)
		return err;
	file_release(&job->file);
	return io_sync_parent(cmd->io, job->out, &cmd->diag);
}

/* Of a run of the whole order that was broken off: it is there already. */
static bool
file_same(const struct job *job, const char *path)
{
	_cleanup_buf_ struct buf found = { .limit = job->text.len + 1 };

	return job->order != 0 && io_exists(job->cmd->io, path) &&
	    io_read_file(job->cmd->io, path, &found, NULL) == ERR_OK &&
	    bytes_equal(buf_bytes(&found), buf_bytes(&job->text));
}

static enum err
file_put(struct job *job, const char *ueid)
{
	struct cmd *cmd = job->cmd;
	char name[UEID_HEX_SIZE + 16], path[PATH_SIZE];
	enum err err;

	(void)snprintf(name, sizeof(name), "%s%s", ueid,
	    job->rendering->ending);
	if (path_join(path, job->out, name) != ERR_OK)
		return diag_fail(&cmd->diag, ERR_LIMIT, NULL,
		    "--out: the path is too long");
	if (cmd_flag(cmd, "force")) {
		err = io_write_file(cmd->io, path, buf_bytes(&job->text),
		    job->mode, &cmd->diag);
	} else {
		err = file_same(job, path) ? ERR_OK :
		    io_create_file(cmd->io, path, buf_bytes(&job->text),
		    job->mode, &cmd->diag);
		if (err == ERR_EXISTS)
			diag_hint(&cmd->diag, "%llu of this run are written; "
			    "--force replaces what is there",
			    (unsigned long long)job->count);
	}
	buf_clear(&job->text);
	return err;
}

/* A stream of several, and a terminal, wants lines. */
static void
line_end(struct job *job)
{
	const struct buf *text = &job->text;

	if (has(job, RENDERING_TEXT) && text->len > 0 &&
	    text->ptr[text->len - 1] != '\n' &&
	    (job->several || job->kind == TARGET_STDOUT))
		buf_put_u8(&job->text, '\n');
}

/* left: with it, how many more of its log are wanted in any case. */
static enum err
ahead_fetch(struct job *job, const struct address *address, uint64_t left)
{
	struct diag *diag = &job->cmd->diag;
	struct local_export wanted = { .log = address->log,
	    .first = address->index, .line = job->several &&
	    job->kind != TARGET_DIR };
	enum err err;

	wanted.count = left < LOCAL_EXPORT_MAX ? (uint32_t)left :
	    LOCAL_EXPORT_MAX;
	(void)snprintf(wanted.format, sizeof(wanted.format), "%s",
	    job->rendering->name);
	buf_clear(&job->ahead);
	job->ahead.limit = AHEAD_MAX;
	job->ahead_left = 0;
	err = daemon_export(&wanted, &job->ahead, diag);
	if (err)
		return err;
	cbor_open(&job->ahead_items, buf_bytes(&job->ahead));
	job->ahead_left = cbor_get_array(&job->ahead_items);
	job->ahead_at = *address;
	return job->ahead_left == wanted.count ? ERR_OK : diag_fail(diag,
	    ERR_INTERNAL, NULL, "imprintd: renderings are missing");
}

static enum err
ahead_take(struct job *job, const struct address *address, uint64_t left,
    char ret_ueid[UEID_HEX_SIZE])
{
	struct bytes ueid, text;
	enum err err;

	if (job->ahead_left == 0 || job->ahead_at.log != address->log ||
	    job->ahead_at.index != address->index) {
		err = ahead_fetch(job, address, left);
		if (err)
			return err;
	}
	cbor_get_array_sized(&job->ahead_items, 2);
	ueid = cbor_get_tstr(&job->ahead_items);
	text = cbor_get_bstr(&job->ahead_items);
	if (!cbor_ok(&job->ahead_items) || ueid.len != UEID_HEX_SIZE - 1)
		return diag_fail(&job->cmd->diag, ERR_INTERNAL, NULL,
		    "imprintd: a rendering that cannot be read");
	memcpy(ret_ueid, ueid.ptr, ueid.len);
	ret_ueid[ueid.len] = '\0';
	buf_put_bytes(&job->text, text);
	job->ahead_left--;
	job->ahead_at.index++;
	return ERR_OK;
}

/* What was rendered goes where it shall. */
static enum err
rendered_put(struct job *job, const char *ueid)
{
	enum err err = ERR_OK;

	if (job->kind == TARGET_DIR)
		err = file_put(job, ueid);
	else
		line_end(job);
	if (!err)
		err = buf_err(&job->text);
	if (!err && job->kind != TARGET_DIR && job->text.len >= FLUSH_AT)
		err = target_flush(job);
	/* an order that is run meanwhile has more */
	if (!err && job->order != 0 && job->count < job->progress.total)
		progress_update(&job->progress, job->count + 1);
	if (!err)
		job->count++;
	return err;
}

static enum err
identity_put(struct job *job, const struct address *address, uint64_t left)
{
	char ueid[UEID_HEX_SIZE];
	enum err err;

	err = job->export == NULL ? ahead_take(job, address, left, ueid) :
	    export_identity(job->export, address, &job->text, ueid,
	    &job->cmd->diag);
	return err ? err : rendered_put(job, ueid);
}

static enum err
range_put(void *ctx, const struct store_range *range)
{
	struct job *job = ctx;
	struct address address;
	uint32_t i;
	enum err err = ERR_OK;

	for (i = 0; i < range->count && !err; i++) {
		if (interrupt_requested())
			return diag_fail(&job->cmd->diag, ERR_INTERRUPTED,
			    NULL, "interrupted");
		address = (struct address){ range->log, range->first + i };
		err = identity_put(job, &address, range->count - i);
	}
	return err;
}

static enum err
order_put(struct job *job)
{
	struct store *store = authority_store(job->authority);
	struct diag *diag = &job->cmd->diag;
	struct store_order order;
	enum err err;

	err = store_order_get(store, (uint32_t)job->order, &order, diag);
	if (!err)
		err = target_open(job);
	interrupt_catch();
	if (!err) {
		progress_start(&job->progress, "exporting", "identities", 0,
		    order.committed);
		err = store_range_each(store, 0, (uint32_t)job->order,
		    RANGE_COMMITTED, range_put, job, diag);
		progress_end(&job->progress);
	}
	if (!err && job->count == 0)
		err = diag_fail(diag, ERR_NOTFOUND, NULL,
		    "order %u: nothing was issued yet", order.number);
	if (!err && job->count < order.count)
		cmd_warn(job->cmd, "order %u is not complete: %llu of %llu",
		    order.number, (unsigned long long)job->count,
		    (unsigned long long)order.count);
	return err;
}

/* All words are found before anything is written. */
static enum err
words_put(struct job *job)
{
	struct cmd *cmd = job->cmd;
	struct address addresses[CMD_ARGS_MAX];
	enum address_kind kind;
	enum err err = ERR_OK;
	int i;

	for (i = 0; i < cmd->argc && !err; i++)
		err = lookup_find(job->authority, cmd->argv[i],
		    &addresses[i], &kind, &cmd->diag);
	if (!err)
		err = target_open(job);
	for (i = 0; i < cmd->argc && !err; i++)
		err = identity_put(job, &addresses[i], 1);
	return err;
}

/* By way of a server: all documents are found good before anything is
 * written. */
static enum err
there_run(struct job *job, const struct export_options *options,
    struct remote_document *documents)
{
	_cleanup_remote_trust_ struct remote_trust trust = REMOTE_TRUST_INIT;
	struct cmd *cmd = job->cmd;
	enum err err;
	int i;

	err = remote_open(cmd);
	if (!err)
		err = remote_trust_open(cmd, &trust);
	for (i = 0; i < cmd->argc && !err; i++)
		err = remote_document_get(cmd, &trust, cmd->argv[i], 0,
		    has(job, RENDERING_SIGNS), &documents[i]);
	if (!err)
		err = target_open(job);
	for (i = 0; i < cmd->argc && !err; i++) {
		err = remote_document_render(cmd, &documents[i], options,
		    &job->text);
		if (!err)
			err = rendered_put(job, documents[i].ueid_hex);
	}
	return err ? err : target_close(job);
}

/* An order's, one after the other. */
struct there_order {
	struct job			*job;
	const struct export_options	*options;
	struct remote_trust		 trust;
	uint64_t			 count;	/* that the order shall have */
};

static enum err
there_place(void *ctx, const struct address *address)
{
	_cleanup_remote_document_ struct remote_document document =
	    REMOTE_DOCUMENT_INIT;
	struct there_order *there = ctx;
	struct job *job = there->job;
	char word[32];
	enum err err;

	if (interrupt_requested())
		return diag_fail(&job->cmd->diag, ERR_INTERRUPTED, NULL,
		    "interrupted");
	if (job->count == there->count)
		return diag_fail(&job->cmd->diag, ERR_IO, NULL, "order %u: "
		    "the server names more than its %llu identities",
		    (unsigned)job->order, (unsigned long long)there->count);
	(void)snprintf(word, sizeof(word), "%s/%llu", address->log ==
	    LOG_ONLINE_NUMBER ? LOG_ONLINE : LOG_BULK,
	    (unsigned long long)address->index);
	err = remote_document_get(job->cmd, &there->trust, word, 0, has(job,
	    RENDERING_SIGNS), &document);
	if (!err)
		err = remote_document_render(job->cmd, &document,
		    there->options, &job->text);
	return err ? err : rendered_put(job, document.ueid_hex);
}

static enum err
there_order(struct job *job, const struct export_options *options)
{
	struct there_order there = { job, options, REMOTE_TRUST_INIT, 0 };
	uint64_t committed = 0;
	struct cmd *cmd = job->cmd;
	enum err err;

	err = remote_open(cmd);
	if (!err)
		err = remote_order_count(cmd, (uint32_t)job->order,
		    &committed, &there.count);
	if (!err)
		err = remote_trust_open(cmd, &there.trust);
	if (!err)
		err = target_open(job);
	interrupt_catch();
	progress_start(&job->progress, "exporting", "identities", 0,
	    committed);
	if (!err)
		err = remote_order_each(cmd, (uint32_t)job->order,
		    there_place, &there);
	progress_end(&job->progress);
	remote_trust_release(&there.trust);
	if (!err && job->count == 0)
		err = diag_fail(&cmd->diag, ERR_NOTFOUND, NULL, "order %u: "
		    "the server names no identity of it",
		    (unsigned)job->order);
	if (err)
		return err;
	if (job->count < there.count)
		cmd_warn(cmd, "order %u is not complete: %llu of %llu",
		    (unsigned)job->order, (unsigned long long)job->count,
		    (unsigned long long)there.count);
	cmd_warn(cmd, "which identities are of order %u is the server's word",
	    (unsigned)job->order);
	return target_close(job);
}

static enum err
there_put(struct job *job, const struct export_options *options)
{
	struct remote_document *documents;
	struct cmd *cmd = job->cmd;
	enum err err;
	int i;

	documents = calloc((size_t)cmd->argc, sizeof(*documents));
	if (documents == NULL)
		return diag_nomem(&cmd->diag);
	for (i = 0; i < cmd->argc; i++)
		documents[i] = (struct remote_document)REMOTE_DOCUMENT_INIT;
	err = there_run(job, options, documents);
	for (i = 0; i < cmd->argc; i++)
		remote_document_release(&documents[i]);
	free(documents);
	return err;
}

static enum err
job_run(struct job *job, const struct export_options *options)
{
	struct cmd *cmd = job->cmd;
	enum err err;

	if (remote_there(cmd))
		return job->order != 0 ? there_order(job, options) :
		    there_put(job, options);
	/* who signs holds the lock: this command, or imprintd */
	err = has(job, RENDERING_SIGNS) ?
	    ecosystem_open_requests(cmd, &job->authority) :
	    ecosystem_open(cmd, AUTHORITY_READ, true, &job->authority);
	if (!err && !daemon_there())
		err = export_new(job->authority, options, &job->export,
		    &cmd->diag);
	if (!err && job->order == 0)
		err = words_put(job);
	else if (!err)
		err = order_put(job);
	if (!err)
		err = target_close(job);
	return err;
}

static enum err
slot_get(struct job *job, int *ret_slot)
{
	struct cmd *cmd = job->cmd;
	uint64_t slot = 0;
	enum err err;

	*ret_slot = RENDERING_ALL_SLOTS;
	if (!cmd_flag(cmd, "slot"))
		return ERR_OK;
	if (!has(job, RENDERING_SLOT))
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "--slot: goes with pem, der and pkcs12, not with %s",
		    job->rendering->name);
	err = cmd_number(cmd, "slot", 0, PRODUCT_SLOTS_MAX - 1, 0, &slot);
	*ret_slot = (int)slot;
	return err;
}

static void
job_print(const struct job *job)
{
	if (job->kind == TARGET_STDOUT)
		return;		/* that is what was asked for */
	if (job->cmd->json) {
		printf("{\"format\": \"%s\", \"identities\": %llu, "
		    "\"out\": ", job->rendering->name,
		    (unsigned long long)job->count);
		json_string(stdout, job->out, strlen(job->out));
		printf("}\n");
		return;
	}
	text_print(stdout, job->out, strlen(job->out));
	printf(": %llu as %s\n", (unsigned long long)job->count,
	    job->rendering->name);
}

enum exit_code
identity_export_cmd(struct cmd *cmd)
{
	_cleanup_job_ struct job job = { .cmd = cmd, .file = FILE_INIT,
	    .text = BUF_INIT, .ahead = BUF_INIT, .out = cmd_value(cmd, "out") };
	const struct cmd_passphrase ask = { .name = "password",
	    .prompt = "Password of the new file", .confirm = true };
	_cleanup_secret_ struct secret password = SECRET_INIT;
	const char *format = cmd_value(cmd, "format");
	struct export_options options = { .slot = RENDERING_ALL_SLOTS };
	enum err err;

	if (format == NULL)
		return cmd_usage(cmd, "--format is needed");
	if ((cmd->argc == 0) == !cmd_flag(cmd, "order"))
		return cmd_usage(cmd, "which identities? some words, or "
		    "--order N");
	err = rendering_find(format, &job.rendering, &cmd->diag);
	if (!err)
		err = slot_get(&job, &options.slot);
	if (!err)
		err = cmd_number(cmd, "order", 1, UINT32_MAX, 0, &job.order);
	job.several = job.order != 0 || cmd->argc > 1;
	if (!err)
		err = target_choose(&job);
	if (!err && has(&job, RENDERING_PASSWORD))
		err = cmd_passphrase(cmd, &ask, &password);
	if (err)
		return cmd_fail(cmd, err);
	options.rendering = job.rendering;
	options.line = job.several && job.kind != TARGET_DIR;
	options.password = secret_bytes(&password);
	err = job_run(&job, &options);
	if (err)
		return cmd_fail(cmd, err);
	job_print(&job);
	return EXIT_OK;
}
