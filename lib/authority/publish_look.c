/* Publication as whoever asks for a file of it meets it. */
#include <stdio.h>
#include <sys/stat.h>

#include "lib/authority/log_publish.h"
#include "lib/authority/operation.h"
#include "lib/authority/publish_internal.h"
#include "lib/authority/signer.h"

/* One look. */
struct looking {
	struct authority	*authority;
	void			(*lacks)(void *ctx, const char *path,
				    enum publish_lack);
	void			*ctx;
	struct diag		*diag;
};

/* A folder too. */
static void
place_look(const struct looking *l, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0 || (S_ISREG(st.st_mode) && st.st_size == 0))
		l->lacks(l->ctx, path, PUBLISH_MISSING);
	else if ((st.st_mode & S_IROTH) == 0 || (S_ISDIR(st.st_mode) &&
	    (st.st_mode & S_IXOTH) == 0))
		l->lacks(l->ctx, path, PUBLISH_HIDDEN);
}

static enum err
name_look(const struct looking *l, const char *name)
{
	char path[PATH_SIZE];
	enum err err;

	err = authority_path(l->authority, name, path, l->diag);
	if (!err)
		place_look(l, path);
	return err;
}

/* CRL and lists of an issuing CA. */
static enum err
status_look(const struct looking *l, const struct store_log *log)
{
	struct publication p = { .authority = l->authority, .log = *log };
	char path[PATH_SIZE], beside[PATH_SIZE], name[PATH_SIZE];
	struct look look = { 0 };
	uint64_t list;
	enum err err;

	err = authority_published(l->authority, log->name, &p.what, NULL);
	if (err)
		return err == ERR_NOTFOUND ? ERR_OK : authority_published(
		    l->authority, log->name, &p.what, l->diag);
	err = crl_path(&p, path, beside, l->diag);
	if (!err && crl_look(&p, &look, NULL) == ERR_OK && look.there &&
	    look.number == p.what.number)
		place_look(l, path);
	else if (!err)
		l->lacks(l->ctx, path, io_exists(l->authority->io, path) ?
		    PUBLISH_OTHER : PUBLISH_MISSING);
	for (list = 0; list < p.what.lists && !err; list++) {
		(void)snprintf(name, sizeof(name), DIR_STATUS
		    "/%s-%08llx.cwt", log->name, (unsigned long long)list);
		err = name_look(l, name);
	}
	return err;
}

static enum err
checkpoint_look(const struct looking *l, const struct store_log *log)
{
	char name[LOG_NAME_MAX + 1], origin[CHECKPOINT_ORIGIN_MAX + 1];
	char dir[PATH_SIZE], path[PATH_SIZE];
	struct checkpoint stored;
	bool there = false;
	enum err err;

	err = log_publish_name(l->authority, log, name, origin, l->diag);
	if (!err)
		err = log_checkpoint_stored(l->authority, log->log, origin,
		    &stored, &there, NULL, l->diag);
	if (err || !there)
		return err;
	err = log_publish_dir(l->authority, name, dir, l->diag);
	if (!err)
		err = path_join(path, dir, "checkpoint");
	if (!err) {
		place_look(l, dir);
		place_look(l, path);
	}
	return err;
}

static enum err
log_look(void *ctx, const struct store_log *log)
{
	const struct looking *l = ctx;
	enum err err;

	err = checkpoint_look(l, log);
	if (!err && log->log != LOG_OPERATIONS_NUMBER)
		err = status_look(l, log);
	return err;
}

enum err
authority_published_look(struct authority *authority,
    void (*lacks)(void *ctx, const char *path, enum publish_lack), void *ctx,
    struct diag *diag)
{
	static const char *const names[] = { DIR_PUBLISH, DIR_PUBLISH "/ca",
		DIR_PUBLISH "/trust.pem" };
	struct looking l = { .authority = authority, .lacks = lacks,
		.ctx = ctx, .diag = diag };
	size_t i;
	enum err err;

	err = authority_need_keys(authority, diag);
	for (i = 0; i < sizeof(names) / sizeof(names[0]) && !err; i++)
		err = name_look(&l, names[i]);
	return err ? err : store_log_each(authority->store, log_look, &l,
	    diag);
}

enum err
authority_published_crl(struct authority *authority, const char *log,
    struct published *ret_published, struct diag *diag)
{
	struct publication p = { .authority = authority };
	struct look look = { 0 };
	enum err err;

	(void)snprintf(p.log.name, sizeof(p.log.name), "%s", log);
	err = authority_published(authority, log, &p.what, diag);
	if (err)
		return err;
	if (crl_look(&p, &look, NULL) != ERR_OK)
		look.there = false;
	p.what.number = look.there ? look.number : 0;
	p.what.this_update = look.time;
	p.what.next_update = look.next;
	*ret_published = p.what;
	return ERR_OK;
}
