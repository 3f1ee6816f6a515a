/* The logs of an ecosystem: verify, publish. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/imprint/daemon.h"
#include "lib/authority/log_verify.h"
#include "lib/authority/operation.h"

#define WORKERS_MAX	64
#define PART		1024	/* identities a worker takes at a time */
#define LOGS_MAX	8

void
difference_print(void *ctx, const char *what)
{
	struct differences *d = ctx;

	if (d->cmd->json) {
		printf("%s\n  {\"where\": \"%s\", \"what\": ",
		    d->count > 0 ? "," : "", d->where);
		json_string(stdout, what, strlen(what));
		printf("}");
	} else {
		printf("NO  %s: ", d->where);
		text_print(stdout, what, strlen(what));
		printf("\n");
	}
	d->count++;
}

struct verification {
	struct cmd		*cmd;
	struct authority	*authority;
	const char		*only;		/* NULL: all logs */
	struct differences	 differences;
	struct progress		 progress;
	char			 where[STORE_NAME_MAX + 8];
	struct store_log	 logs[LOGS_MAX];
	struct log_verified	 verified[LOGS_MAX];
	uint64_t		 rebuilt[LOGS_MAX];
	size_t			 count;
};

static enum err
log_note(void *ctx, const struct store_log *log)
{
	struct verification *v = ctx;

	if (v->only != NULL && strcmp(v->only, log->name) != 0)
		return ERR_OK;
	if (v->count == LOGS_MAX)
		return ERR_LIMIT;
	v->logs[v->count++] = *log;
	return ERR_OK;
}

static enum err
logs_find(struct verification *v)
{
	struct store_log log;
	enum err err;

	err = store_log_each(authority_store(v->authority), log_note, v,
	    &v->cmd->diag);
	/* none: its error says so */
	if (!err && v->count == 0)
		err = store_log_by_name(authority_store(v->authority),
		    v->only != NULL ? v->only : LOG_BULK, &log,
		    &v->cmd->diag);
	return err;
}

static void
where_set(struct verification *v, const char *log)
{
	(void)snprintf(v->where, sizeof(v->where), "%s%s",
	    log != NULL ? "log " : "registry", log != NULL ? log : "");
	v->differences.where = v->where;
}

static void
progressed(void *ctx, uint64_t done, uint64_t total)
{
	struct progress *progress = ctx;

	progress->total = total;
	progress_update(progress, done);
}

struct verify_ctx {
	struct differences	*differences;
	struct progress		*progress;
};

static void
verify_found(void *ctx, const char *what)
{
	difference_print(((struct verify_ctx *)ctx)->differences, what);
}

static void
verify_progress(void *ctx, uint64_t done, uint64_t total)
{
	progressed(((struct verify_ctx *)ctx)->progress, done, total);
}

static enum err
logs_verify(struct verification *v)
{
	struct verify_ctx ctx = { &v->differences, &v->progress };
	struct log_verify to = { verify_found, verify_progress, &ctx };
	struct diag why = DIAG_INIT;
	size_t i;
	enum err err;

	where_set(v, NULL);
	err = store_check(authority_store(v->authority), &why);
	if (err == ERR_CORRUPT)
		difference_print(&v->differences, why.what);
	else if (err)
		return diag_fail(&v->cmd->diag, err, NULL, "%s", why.what);
	err = ERR_OK;
	for (i = 0; i < v->count && !err; i++) {
		where_set(v, v->logs[i].name);
		progress_start(&v->progress, v->where, "entries", 0,
		    v->logs[i].size);
		err = log_verify(v->authority, v->logs[i].log, &to,
		    &v->verified[i], &v->cmd->diag);
		progress_end(&v->progress);
	}
	return err;
}

/* One log's identities, shared out among workers. */
struct rebuild {
	struct verification	*v;
	const struct store_log	*log;
	pthread_mutex_t		 lock;
	uint64_t		 next, done, rebuilt, differences;
	enum err		 err;
};

struct worker {
	struct rebuild		*rebuild;
	struct authority	*authority;	/* its own */
	pthread_t		 thread;
	bool			 runs;
};

static void
rebuild_found(void *ctx, const char *what)
{
	struct rebuild *r = ctx;

	(void)pthread_mutex_lock(&r->lock);
	difference_print(&r->v->differences, what);
	(void)pthread_mutex_unlock(&r->lock);
}

/* The worker's next part; false: no more. Accounts for the last one. */
static bool
part_next(struct rebuild *r, uint64_t rebuilt, uint64_t done, enum err err,
    uint64_t *ret_first)
{
	bool more;

	(void)pthread_mutex_lock(&r->lock);
	r->rebuilt += rebuilt;
	r->done += done;
	if (err && !r->err)
		r->err = err;
	progress_update(&r->v->progress, r->done);
	if (interrupt_requested() && !r->err)
		r->err = ERR_INTERRUPTED;
	more = !r->err && r->next < r->log->size;
	*ret_first = r->next;
	r->next += more ? PART : 0;
	(void)pthread_mutex_unlock(&r->lock);
	return more;
}

static void *
worker_run(void *arg)
{
	struct worker *w = arg;
	struct rebuild *r = w->rebuild;
	struct log_verify to = { .found = rebuild_found, .ctx = r };
	uint64_t first, count = 0, rebuilt = 0, differences = 0;
	struct diag diag = DIAG_INIT;
	enum err err = ERR_OK;

	while (part_next(r, rebuilt, count, err, &first)) {
		rebuilt = 0;
		count = r->log->size - first < PART ?
		    r->log->size - first : PART;
		err = log_rebuild(w->authority, r->log->log, first, count,
		    &to, &rebuilt, &differences, &diag);
	}
	(void)pthread_mutex_lock(&r->lock);
	if (err)
		r->v->cmd->diag = diag;
	(void)pthread_mutex_unlock(&r->lock);
	return NULL;
}

static enum err
log_rebuild_all(struct verification *v, size_t which,
    struct worker *workers, size_t count)
{
	struct rebuild r = { .v = v, .log = &v->logs[which],
	    .lock = PTHREAD_MUTEX_INITIALIZER };
	size_t i;

	where_set(v, r.log->name);
	progress_start(&v->progress, "rebuilding", "identities", 0,
	    r.log->size);
	for (i = 0; i < count; i++) {
		workers[i].rebuild = &r;
		workers[i].runs = pthread_create(&workers[i].thread, NULL,
		    worker_run, &workers[i]) == 0;
	}
	/* without a single thread, it is done here */
	if (!workers[0].runs)
		(void)worker_run(&workers[0]);
	for (i = 0; i < count; i++)
		if (workers[i].runs)
			(void)pthread_join(workers[i].thread, NULL);
	progress_end(&v->progress);
	v->rebuilt[which] = r.rebuilt;
	return r.err;
}

/* Each worker reads the registry on its own. */
static enum err
identities_rebuild(struct verification *v)
{
	struct worker workers[WORKERS_MAX] = { { .rebuild = NULL } };
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	size_t i, count = 1;
	enum err err = ERR_OK;

	if (processors > 1)
		count = processors < WORKERS_MAX ? (size_t)processors :
		    WORKERS_MAX;
	for (i = 0; i < count && !err; i++)
		err = ecosystem_open(v->cmd, AUTHORITY_READ, true,
		    &workers[i].authority);
	interrupt_catch();
	for (i = 0; i < v->count && !err; i++)
		if (v->logs[i].log != LOG_OPERATIONS_NUMBER)
			err = log_rebuild_all(v, i, workers, count);
	if (err == ERR_INTERRUPTED)
		(void)diag_fail(&v->cmd->diag, err, NULL,
		    "stopped on request");
	for (i = 0; i < count; i++)
		authority_close(&workers[i].authority);
	return err;
}

static void
verified_print(const struct verification *v, size_t i, bool rebuilt)
{
	const struct log_verified *l = &v->verified[i];
	char size[32], published[32], number[32];

	if (v->cmd->json) {
		printf("%s\n  {\"log\": \"%s\", \"name\": \"%s\", \"size\": "
		    "%llu, \"published\": ", i > 0 ? "," : "",
		    v->logs[i].name, l->name, (unsigned long long)l->size);
		if (l->is_published)
			printf("%llu", (unsigned long long)l->published);
		else
			printf("null");
		printf(", \"tiles\": %llu, \"rebuilt\": ",
		    (unsigned long long)l->tiles);
		if (rebuilt)
			printf("%llu}", (unsigned long long)v->rebuilt[i]);
		else
			printf("null}");
		return;
	}
	number_format(l->size, size);
	number_format(l->published, published);
	number_format(l->tiles, number);
	printf("%s: %s entries, ", v->logs[i].name, size);
	if (l->is_published)
		printf("%s of them published as %s, tiles: %s", published,
		    l->name, number);
	else
		printf("nothing published");
	number_format(v->rebuilt[i], number);
	if (rebuilt)
		printf(", %s identities rebuilt", number);
	printf("\n");
}

static void
verdict_print(const struct verification *v, bool rebuilt)
{
	size_t i;

	if (v->cmd->json)
		printf("%s], \"logs\": [", v->differences.count ? "\n" : "");
	for (i = 0; i < v->count; i++)
		verified_print(v, i, rebuilt);
	if (v->cmd->json)
		printf("\n], \"good\": %s}\n",
		    v->differences.count ? "false" : "true");
	else if (v->differences.count > 0)
		printf("NOT as it should be: %llu difference%s\n",
		    (unsigned long long)v->differences.count,
		    v->differences.count > 1 ? "s" : "");
	else
		printf("all as it should be\n");
}

enum exit_code
log_verify_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	struct verification v = { .cmd = cmd, .differences.cmd = cmd };
	bool rebuild = cmd_flag(cmd, "rebuild");
	enum err err;

	if (cmd_flag(cmd, "tiles"))
		return log_verify_tiles(cmd);
	if (cmd->argc > 1)
		return cmd_usage(cmd, "one log, or none for all");
	if (cmd_flag(cmd, "vkey") || cmd_flag(cmd, "checkpoint") ||
	    cmd_flag(cmd, "against"))
		return cmd_usage(cmd, "--vkey, --checkpoint and --against "
		    "belong to --tiles");
	v.only = cmd->argc == 1 ? cmd->argv[0] : NULL;
	err = ecosystem_open(cmd, AUTHORITY_READ, true, &authority);
	v.authority = authority;
	if (!err)
		err = logs_find(&v);
	if (err)
		return cmd_fail(cmd, err);
	printf(cmd->json ? "{\"differences\": [" : "");
	err = logs_verify(&v);
	if (!err && rebuild)
		err = identities_rebuild(&v);
	if (err) {
		printf(cmd->json ? "]}\n" : "");
		return cmd_fail(cmd, err);
	}
	verdict_print(&v, rebuild);
	return v.differences.count > 0 ? EXIT_DAMAGED : EXIT_OK;
}

static void
publish_progress(void *ctx, uint64_t done)
{
	progress_update(ctx, done);
}

static enum err
publish_one(struct cmd *cmd, struct authority *authority,
    const struct store_log *log, bool first)
{
	struct log_published published;
	struct progress progress;
	char size[32], tiles[32];
	enum err err;

	progress_start(&progress, log->name, "entries", 0, log->size);
	err = daemon_there() ? daemon_log_publish(log->log, &published,
	    &cmd->diag) : authority_log_publish_all(authority, log->log,
	    publish_progress, &progress, &published, &cmd->diag);
	progress_end(&progress);
	if (err && cmd->json) {
		printf("%s\n  {\"log\": \"%s\", \"failed\": ", first ? "" : ",",
		    log->name);
		cmd_json_error(cmd, err);
		printf("}");
	}
	if (err)
		return err;
	number_format(published.size, size);
	number_format(published.tiles, tiles);
	if (cmd->json)
		printf("%s\n  {\"log\": \"%s\", \"size\": %llu, \"tiles\": "
		    "%llu}", first ? "" : ",", log->name,
		    (unsigned long long)published.size,
		    (unsigned long long)published.tiles);
	else
		printf("%s: entries published: %s, tiles written: %s\n",
		    log->name, size, tiles);
	return ERR_OK;
}

enum exit_code
log_publish_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	struct verification v = { .cmd = cmd };
	size_t i;
	enum err err;

	if (cmd->argc > 1)
		return cmd_usage(cmd, "one log, or none for all");
	v.only = cmd->argc == 1 ? cmd->argv[0] : NULL;
	err = ecosystem_open_requests(cmd, &authority);
	v.authority = authority;
	if (!err)
		err = logs_find(&v);
	if (err)
		return cmd_fail(cmd, err);
	printf(cmd->json ? "[" : "");
	for (i = 0; i < v.count && !err; i++)
		err = publish_one(cmd, authority, &v.logs[i], i == 0);
	printf(cmd->json ? "\n]\n" : "");
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}
