#include "lib/authority/publish.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/authority/anchor.h"
#include "lib/authority/log_publish.h"
#include "lib/authority/operation.h"
#include "lib/authority/publish_internal.h"
#include "lib/authority/publish_mend.h"
#include "lib/authority/signer.h"
#include "lib/authority/status.h"
#include "lib/base/cbor_write.h"

#define DAY_S		86400
#define TTL_S		(DAY_S / 2)	/* when to fetch a list again */
#define META_PUBLISHED	"published-"
#define STATE_VERSION	1
#define STATE_MAX	256
#define LOGS_MAX	16

/* All logs, published together. */
struct publishing {
	struct authority	*authority;
	const struct publish	*request;
	struct operation_head	 head;
	struct publication	 logs[LOGS_MAX];
	size_t			 count;
	bool			 needed;	/* any of them */
	struct diag		*diag;
};

static void
state_put(struct buf *out, const struct published *what)
{
	cbor_put_array(out, 9);
	cbor_put_uint(out, STATE_VERSION);
	cbor_put_text(out, what->log);
	cbor_put_uint(out, what->number);
	cbor_put_int(out, what->this_update);
	cbor_put_int(out, what->next_update);
	cbor_put_bstr(out, bytes_of(what->digest, SHA256_SIZE));
	cbor_put_uint(out, what->lists);
	cbor_put_uint(out, what->status_count);
	cbor_put_bstr(out, bytes_of(what->status_sum, SHA256_SIZE));
}

static bool
state_get(struct bytes encoded, const char *log,
    struct published *ret_published)
{
	struct published what = { 0 };
	struct bytes name, digest, sum;
	uint64_t version;
	struct cbor cbor;

	cbor_open(&cbor, encoded);
	cbor_get_array_sized(&cbor, 9);
	version = cbor_get_uint(&cbor);
	name = cbor_get_tstr(&cbor);
	what.number = cbor_get_uint(&cbor);
	what.this_update = cbor_get_int(&cbor);
	what.next_update = cbor_get_int(&cbor);
	digest = cbor_get_bstr_sized(&cbor, SHA256_SIZE);
	what.lists = cbor_get_uint(&cbor);
	what.status_count = cbor_get_uint(&cbor);
	sum = cbor_get_bstr_sized(&cbor, SHA256_SIZE);
	if (!cbor_close(&cbor) || version != STATE_VERSION ||
	    !bytes_equal(name, bytes_text(log)))
		return false;
	(void)snprintf(what.log, sizeof(what.log), "%s", log);
	memcpy(what.digest, digest.ptr, SHA256_SIZE);
	memcpy(what.status_sum, sum.ptr, SHA256_SIZE);
	*ret_published = what;
	return true;
}

static enum err
state_mac(struct authority *authority, struct bytes encoded,
    uint8_t ret_mac[SHA256_SIZE])
{
	struct bytes parts[] = { bytes_text(META_PUBLISHED), encoded };

	return hmac_parts(authority->row_mac, parts, 2, ret_mac);
}

static void
state_name(const char *log, char ret_name[STORE_NAME_MAX + 1])
{
	(void)snprintf(ret_name, STORE_NAME_MAX + 1, META_PUBLISHED "%.48s",
	    log);
}

static enum err
published_get(struct authority *authority, const char *log,
    struct published *ret_published, uint8_t ret_mac[SHA256_SIZE],
    struct diag *diag)
{
	_cleanup_buf_ struct buf stored = { .limit = STATE_MAX };
	char name[STORE_NAME_MAX + 1];
	struct bytes encoded;
	enum err err;

	err = authority_need_keys(authority, diag);
	if (err)
		return err;
	state_name(log, name);
	err = store_meta_get(authority->store, name, &stored, NULL);
	if (err == ERR_NOTFOUND)
		return diag_fail(diag, err, NULL,
		    "log %s: its status was never published", log);
	if (!err && stored.len > SHA256_SIZE) {
		encoded = bytes_of(stored.ptr, stored.len - SHA256_SIZE);
		err = state_mac(authority, encoded, ret_mac);
		if (!err && secret_equal(bytes_of(ret_mac, SHA256_SIZE),
		    bytes_of(stored.ptr + encoded.len, SHA256_SIZE)) &&
		    state_get(encoded, log, ret_published))
			return ERR_OK;
	}
	return diag_fail(diag, err ? err : ERR_CORRUPT, NULL,
	    "registry: what was published of log %s was altered", log);
}

enum err
authority_published(struct authority *authority, const char *log,
    struct published *ret_published, struct diag *diag)
{
	uint8_t mac[SHA256_SIZE];

	return published_get(authority, log, ret_published, mac, diag);
}

/* The head's sum of them: none can be taken away or put back. */
static enum err
published_sum(struct authority *authority, const struct published *what,
    const uint8_t mac[SHA256_SIZE], struct diag *diag)
{
	struct operation_head head;
	struct published before;
	uint8_t old[SHA256_SIZE];
	enum err err;

	err = operation_head(authority, &head, diag);
	if (err)
		return err;
	err = published_get(authority, what->log, &before, old, NULL);
	if (!err)
		row_sum_change(&head.published, old, false);
	if (err && err != ERR_NOTFOUND)
		return published_get(authority, what->log, &before, old,
		    diag);
	row_sum_change(&head.published, mac, true);
	return operation_head_put(authority, &head, diag);
}

struct published_walk {
	struct authority	*authority;
	struct row_sum		 sum;
	struct diag		*diag;
};

static enum err
published_add(void *ctx, const struct store_log *log)
{
	struct published_walk *walk = ctx;
	struct published what;
	uint8_t mac[SHA256_SIZE];
	enum err err;

	err = published_get(walk->authority, log->name, &what, mac, NULL);
	if (err == ERR_NOTFOUND)
		return ERR_OK;
	if (err)
		return published_get(walk->authority, log->name, &what, mac,
		    walk->diag);
	row_sum_change(&walk->sum, mac, true);
	return ERR_OK;
}

static enum err
published_check(struct authority *authority,
    const struct operation_head *head, struct diag *diag)
{
	struct published_walk walk = { .authority = authority,
	    .diag = diag };
	enum err err;

	err = store_log_each(authority->store, published_add, &walk, diag);
	if (err || (walk.sum.count == head->published.count &&
	    memcmp(walk.sum.sum, head->published.sum, SHA256_SIZE) == 0))
		return err;
	err = diag_fail(diag, ERR_CORRUPT, NULL,
	    "registry: what it says was published last is not what was");
	diag_hint(diag, "somebody wrote to registry.db: restore it from a "
	    "backup; nothing was published");
	return err;
}

static enum err
published_put(struct authority *authority, const struct published *what,
    struct diag *diag)
{
	_cleanup_buf_ struct buf encoded = { .limit = STATE_MAX };
	char name[STORE_NAME_MAX + 1];
	uint8_t mac[SHA256_SIZE];
	enum err err;

	state_put(&encoded, what);
	err = buf_err(&encoded);
	if (!err)
		err = state_mac(authority, buf_bytes(&encoded), mac);
	if (err)
		return diag_fail(diag, err, NULL, "publication: its record");
	err = published_sum(authority, what, mac, diag);
	if (err)
		return err;
	buf_put(&encoded, mac, sizeof(mac));
	err = buf_err(&encoded);
	state_name(what->log, name);
	return err ? err : store_meta_put(authority->store, name,
	    buf_bytes(&encoded), diag);
}

static uint64_t
lists_of(const struct store_log *log)
{
	return (log->size + STATUS_LIST_COUNT - 1) >> STATUS_LIST_BITS;
}

/* "status/bulk-00000000.cwt" */
static void
list_name(const struct publication *p, uint64_t list,
    char ret_name[PATH_SIZE])
{
	(void)snprintf(ret_name, PATH_SIZE, "status/%s-%08llx.cwt",
	    p->log.name, (unsigned long long)list);
}

static enum err
list_path(const struct publication *p, uint64_t list, bool beside,
    char ret_path[PATH_SIZE], struct diag *diag)
{
	char name[PATH_SIZE], path[PATH_SIZE + 32];

	list_name(p, list, name);
	(void)snprintf(path, sizeof(path), DIR_PUBLISH "/%s%s", name,
	    beside ? ".tmp" : "");
	return authority_path(p->authority, path, ret_path, diag);
}

struct list_walk {
	uint8_t		*array;
	uint64_t	 first, end;	/* indices of the list */
};

static enum err
list_row(void *ctx, const struct store_status *row)
{
	struct list_walk *walk = ctx;
	uint64_t index = row->first, end = row->first + row->count;

	if (index < walk->first)
		index = walk->first;
	if (end > walk->end)
		end = walk->end;
	for (; index < end; index++)
		status_array_set(walk->array,
		    (uint32_t)(index - walk->first), (enum status)row->state);
	return ERR_OK;
}

/* The array is of full length from the first: what is issued later is in it
 * already, valid. */
static enum err
list_publish(struct publication *p, uint64_t list, struct signer *signer,
    uint8_t *array, struct diag *diag)
{
	struct list_walk walk = { .array = array,
	    .first = list << STATUS_LIST_BITS };
	struct status_list_head head = { .issued = p->what.this_update,
	    .expires = p->what.next_update, .ttl_s = TTL_S };
	_cleanup_buf_ struct buf out = { .limit = STATUS_LIST_SIZE_MAX };
	char name[PATH_SIZE], uri[PUBLISH_URL_MAX + PATH_SIZE + 2];
	_cleanup_file_ struct file file = FILE_INIT;
	enum err err;

	walk.end = walk.first + STATUS_LIST_COUNT;
	memset(array, 0, STATUS_LIST_ARRAY_MAX);
	list_name(p, list, name);
	(void)snprintf(uri, sizeof(uri), "%s/%s",
	    p->authority->info.publish_url, name);
	head.uri = bytes_text(uri);
	err = store_status_each(p->authority->store, p->log.log, walk.first,
	    STATUS_LIST_COUNT, list_row, &walk, diag);
	if (!err)
		err = status_list_write(&out, &head, bytes_of(array,
		    STATUS_LIST_ARRAY_MAX), signer, diag);
	if (!err)
		err = list_path(p, list, true, name, diag);
	if (!err)
		err = file_open(p->authority->io, name, O_WRONLY | O_CREAT |
		    O_TRUNC, 0644, &file, diag);
	if (!err)
		err = file_make_public(&file, diag);
	if (!err)
		err = file_write_at(&file, 0, buf_bytes(&out), diag);
	if (!err)
		err = file_sync(&file, diag);
	return err;
}

static enum err
lists_publish(struct publication *p, struct diag *diag)
{
	_cleanup_signer_ struct signer *signer = NULL;
	struct authority_signer by;
	uint8_t *array;
	uint64_t list;
	enum err err;

	err = signer_current(p->authority, &by, diag);
	/* what it signs must find its certificate published */
	if (!err)
		err = signer_publish(p->authority, diag);
	if (!err)
		err = keystore_signer(p->authority->keystore, by.name,
		    &signer, diag);
	if (err)
		return err;
	array = malloc(STATUS_LIST_ARRAY_MAX);
	if (array == NULL)
		return diag_nomem(diag);
	for (list = 0; list < p->what.lists && !err; list++)
		err = list_publish(p, list, signer, array, diag);
	free(array);
	return err;
}

/*
 * Later than all before; but what is far ahead was the word of a clock that
 * was wrong then: an operator accepted the present one since, or unlocking
 * would have refused it.
 */
static void
time_after(int64_t before, int64_t base, int64_t *time)
{
	if (before >= *time && before - base <= OPERATION_BACK_S)
		*time = before + 1;
}

/* Is one of its lists gone? */
static bool
list_missing(const struct publication *p)
{
	char path[PATH_SIZE];
	uint64_t list;

	for (list = 0; list < p->what.lists; list++) {
		_cleanup_file_ struct file file = FILE_INIT;

		if (list_path(p, list, false, path, NULL) != ERR_OK ||
		    file_open(p->authority->io, path, O_RDONLY, 0, &file,
		    NULL) != ERR_OK)
			return true;
	}
	return false;
}

static bool
is_needed(const struct publishing *all, const struct publication *p,
    const struct look *look, int64_t now)
{
	const struct published *last = &p->what;

	return !all->request->if_needed || last->number == 0 ||
	    !look->there || look->number != last->number ||
	    last->lists != lists_of(&p->log) || list_missing(p) ||
	    last->status_count != all->head.status_count ||
	    memcmp(last->status_sum, all->head.status_sum,
	    SHA256_SIZE) != 0 ||
	    now >= last->this_update + (last->next_update -
	    last->this_update) / 2;
}

/* Number and times of what is published next. */
static enum err
publication_plan(struct publishing *all, struct publication *p,
    bool *ret_needed)
{
	int64_t validity = (int64_t)DAY_S * all->request->days;
	struct operation next;
	struct look look;
	int64_t time;
	enum err err;

	err = authority_published(p->authority, p->log.name, &p->what,
	    NULL);
	if (err == ERR_CORRUPT)
		return authority_published(p->authority, p->log.name,
		    &p->what, all->diag);
	if (err && err != ERR_NOTFOUND)
		return err;
	err = crl_look(p, &look, all->diag);
	if (!err)
		err = operation_next(p->authority, all->request->now, &next,
		    all->diag);
	if (err)
		return err;
	*ret_needed = is_needed(all, p, &look, next.time);
	time = next.time;
	if (p->what.number > 0)
		time_after(p->what.this_update, next.time, &time);
	if (look.there)
		time_after(look.time, next.time, &time);
	if (look.there && look.number > p->what.number)
		p->what.number = look.number;
	memcpy(p->what.log, p->log.name, sizeof(p->what.log));
	p->what.number++;
	if (validity == 0)
		validity = p->what.next_update - p->what.this_update;
	if (validity == 0)
		validity = (int64_t)DAY_S * PUBLISH_DAYS;
	p->what.this_update = time;
	p->what.next_update = time + validity;
	p->what.lists = lists_of(&p->log);
	p->what.status_count = all->head.status_count;
	memcpy(p->what.status_sum, all->head.status_sum, SHA256_SIZE);
	return ERR_OK;
}

static enum err
publication_record(struct publishing *all, struct publication *p)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	enum err err;

	cbor_put_array(&body, 6);
	cbor_put_uint(&body, p->log.log);
	cbor_put_uint(&body, p->what.number);
	cbor_put_int(&body, p->what.this_update);
	cbor_put_int(&body, p->what.next_update);
	cbor_put_bstr(&body, bytes_of(p->what.digest, SHA256_SIZE));
	cbor_put_uint(&body, p->what.lists);
	err = buf_err(&body);
	if (!err)
		err = operation_append(p->authority, OPERATION_PUBLISH,
		    p->what.this_update, buf_bytes(&body), NULL, all->diag);
	return err ? err : published_put(p->authority, &p->what, all->diag);
}

/* Plan, files beside, record: in the transaction of all logs. */
static enum err
log_publish(struct publishing *all, struct publication *p)
{
	enum err err;

	err = publication_plan(all, p, &p->needed);
	if (err || !p->needed)
		return err;
	all->needed = true;
	err = crl_publish(p, all->diag);
	if (!err)
		err = lists_publish(p, all->diag);
	return err ? err : publication_record(all, p);
}

/* What lies beside is of no use; failing that, the next one overwrites it. */
static void
beside_remove(struct publication *p)
{
	char path[PATH_SIZE], beside[PATH_SIZE];
	uint64_t list;

	if (crl_path(p, path, beside, NULL) == ERR_OK)
		(void)(io_unlink(p->authority->io, beside, NULL) == ERR_OK);
	for (list = 0; list < p->what.lists; list++)
		if (list_path(p, list, true, beside, NULL) == ERR_OK)
			(void)(io_unlink(p->authority->io, beside, NULL) ==
			    ERR_OK);
}

static enum err
lists_replace(struct publication *p, struct diag *diag)
{
	char path[PATH_SIZE], beside[PATH_SIZE];
	uint64_t list;
	enum err err = ERR_OK;

	for (list = 0; list < p->what.lists && !err; list++) {
		err = list_path(p, list, true, beside, diag);
		if (!err)
			err = list_path(p, list, false, path, diag);
		if (!err)
			err = io_rename(p->authority->io, beside, path, diag);
	}
	return err;
}

static enum err
crl_replace(struct publication *p, struct diag *diag)
{
	char path[PATH_SIZE], beside[PATH_SIZE];
	enum err err;

	err = crl_path(p, path, beside, diag);
	return err ? err : io_rename(p->authority->io, beside, path, diag);
}

/* The names of one kind, for all logs, and their folder. */
static enum err
kind_replace(struct publishing *all, const char *folder,
    enum err (*replace)(struct publication *, struct diag *))
{
	char path[PATH_SIZE];
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < all->count && !err; i++)
		if (all->logs[i].needed)
			err = replace(&all->logs[i], all->diag);
	if (!err)
		err = authority_path(all->authority, folder, path, all->diag);
	return err ? err : io_sync_dir(all->authority->io, path, all->diag);
}

static enum err
files_replace(struct publishing *all)
{
	enum err err;

	err = kind_replace(all, DIR_STATUS, lists_replace);
	return err ? err : kind_replace(all, DIR_CRL, crl_replace);
}

static enum err
folders_make(struct authority *authority, struct diag *diag)
{
	static const char *const names[] = { DIR_CRL, DIR_STATUS };
	char path[PATH_SIZE];
	bool made = false;
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < sizeof(names) / sizeof(names[0]) && !err; i++) {
		err = authority_path(authority, names[i], path, diag);
		if (err || io_exists(authority->io, path))
			continue;
		err = io_mkdir_public(authority->io, path, diag);
		made = true;
	}
	if (!err && made)
		err = io_sync_parent(authority->io, path, diag);
	return err ? err : publish_mend(authority, false, diag);
}

static enum err
log_collect(void *ctx, const struct store_log *log)
{
	struct publishing *all = ctx;

	if (log->log == LOG_OPERATIONS_NUMBER)
		return ERR_OK;
	if (all->count == LOGS_MAX)
		return ERR_LIMIT;
	all->logs[all->count++] = (struct publication){
	    .authority = all->authority, .log = *log };
	return ERR_OK;
}

/* What runs that died had reserved; the log ends after it then. */
static enum err
reserved_void(struct publishing *all, struct publication *p)
{
	enum err err;

	if (p->log.size == p->log.reserved)
		return ERR_OK;
	/* of a run that lives: nothing beyond the log's end has left it */
	if ((all->authority->enrolling && p->log.log == LOG_ONLINE_NUMBER) ||
	    p->log.log == all->authority->running)
		return ERR_OK;
	err = authority_void_within(all->authority, p->log.log,
	    all->request->now, all->diag);
	return err ? err : store_log_get(all->authority->store, p->log.log,
	    &p->log, NULL, NULL, all->diag);
}

/* A registry put back does not know all that is revoked: what is published
 * says so, and must not be replaced. */
static enum err
log_ahead(void *ctx, const struct store_log *log)
{
	struct publishing *all = ctx;

	return authority_log_check(all->authority, log->log, all->diag);
}

/* One transaction: what is checked is what is published. */
static enum err
publish_within(struct publishing *all)
{
	struct store *store = all->authority->store;
	size_t i;
	enum err err;

	err = store_log_each(store, log_ahead, all, all->diag);
	if (!err)
		err = store_log_each(store, log_collect, all, all->diag);
	for (i = 0; i < all->count && !err; i++)
		err = reserved_void(all, &all->logs[i]);
	if (!err)
		err = status_check(all->authority, all->diag);
	if (!err)
		err = rows_check_ranges(all->authority, all->diag);
	if (!err)
		err = operation_head(all->authority, &all->head, all->diag);
	if (!err)
		err = published_check(all->authority, &all->head, all->diag);
	if (!err)	/* what is gone of it */
		err = signer_publish(all->authority, all->diag);
	for (i = 0; i < all->count && !err; i++)
		err = log_publish(all, &all->logs[i]);
	return err;
}

static enum err
publish_all(struct publishing *all)
{
	struct authority *authority = all->authority;
	size_t i;
	enum err err;

	err = store_begin(authority->store, all->diag);
	if (err)
		return err;
	err = publish_within(all);
	if (!err)
		err = store_commit(authority->store, all->diag);
	else
		store_rollback(authority->store);
	/* what leaves the authority is anchored first */
	if (!err && all->needed)
		err = anchor_update(authority, all->request->now, all->diag);
	if (!err && all->needed)
		err = files_replace(all);
	for (i = 0; i < all->count && err; i++)
		if (all->logs[i].needed)
			beside_remove(&all->logs[i]);
	return err;
}

enum err
authority_publish_status(struct authority *authority,
    const struct publish *request, struct diag *diag)
{
	struct publishing *all;
	size_t i;
	enum err err;

	err = authority_need_keys(authority, diag);
	if (!err && request->days > PUBLISH_DAYS_MAX)
		err = diag_fail(diag, ERR_INVALID, NULL,
		    "publication: for %u days; allowed are 1 to %d",
		    request->days, PUBLISH_DAYS_MAX);
	if (!err)
		err = folders_make(authority, diag);
	if (err)
		return err;
	all = calloc(1, sizeof(*all));
	if (all == NULL)
		return diag_nomem(diag);
	all->authority = authority;
	all->request = request;
	all->diag = diag;
	err = publish_all(all);
	for (i = 0; i < all->count && !err && request->done != NULL; i++)
		if (all->logs[i].needed)
			request->done(request->ctx, &all->logs[i].what,
			    all->logs[i].certificates,
			    all->logs[i].crl_bytes);
	free(all);
	return err ? diag_fail(diag, err, NULL, "status: it cannot be "
	    "published") : ERR_OK;
}
