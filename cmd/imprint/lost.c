#include "cmd/imprint/lost.h"

#include <stdlib.h>

#include "lib/authority/signer.h"
#include "lib/log/note.h"

#define FILE_MAX	((size_t)256 << 20)	/* as 'revoke --from' takes */

void
lost_release(struct lost *lost)
{
	status_ranges_release(&lost->list);
}

static enum err
lost_add(struct lost *lost, uint32_t log, uint64_t index)
{
	lost->identities++;
	return status_ranges_extend(&lost->list, log, index, 1,
	    &lost->cmd->diag);
}

static enum err
list_check_signer(struct lost *lost, const struct status_list *list,
    struct diag *diag)
{
	_cleanup_verifier_ struct verifier *verifier = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct authority_signer signer;
	bool good = false;
	enum err err;

	err = signer_by_kid(lost->authority, list->message.kid, &signer,
	    diag);
	if (!err)
		err = verifier_new(&signer.key, &verifier, diag);
	if (!err)
		err = sha256_new(&sha256, diag);
	if (!err)
		err = cose_sign1_verify(&list->message, verifier,
		    signer.key.alg, BYTES_NONE, sha256, &good);
	if (!err && !good)
		err = diag_fail(diag, ERR_AUTH, NULL, "status list: altered "
		    "or forged: the signature is not good");
	return err;
}

/* The array of the list of that name, which the caller frees. */
static enum err
list_read(struct lost *lost, const char *path, const char *name,
    uint8_t **ret_array, size_t *ret_size, struct diag *diag)
{
	_cleanup_buf_ struct buf file = { .limit = STATUS_LIST_SIZE_MAX };
	char uri[STATUS_LIST_URI_MAX + 1];
	struct status_list list;
	enum err err;

	(void)snprintf(uri, sizeof(uri), "%s/status/%s",
	    authority_info(lost->authority)->publish_url, name);
	err = io_read_file(lost->cmd->io, path, &file, diag);
	if (!err)
		err = status_list_parse(buf_bytes(&file), &list, diag);
	if (!err && !bytes_equal(list.uri, bytes_text(uri)))
		err = diag_fail(diag, ERR_INVALID, NULL,
		    "status list: is another one than %s", uri);
	if (!err)
		err = list_check_signer(lost, &list, diag);
	return err ? err : status_list_inflate(&list, ret_array, ret_size,
	    diag);
}

struct list_walk {
	uint8_t		*array;
	uint64_t	 first, end;	/* indices of the list */
};

/* What is revoked now needs nothing more: it is taken out of the old list. */
static enum err
list_row(void *ctx, const struct store_status *row)
{
	struct list_walk *walk = ctx;
	uint64_t index, end = row->first + row->count;

	if (row->state != STATUS_REVOKED)
		return ERR_OK;
	index = row->first > walk->first ? row->first : walk->first;
	for (; index < end && index < walk->end; index++)
		status_array_set(walk->array,
		    (uint32_t)(index - walk->first), STATUS_VALID);
	return ERR_OK;
}

static enum err
list_compare(struct lost *lost, const struct store_log *log, uint64_t first,
    uint8_t *array, size_t size)
{
	struct list_walk walk = { .array = array, .first = first,
	    .end = first + (uint64_t)size * 4 };
	uint64_t index;
	enum err err;

	if (walk.end > log->size)
		walk.end = log->size;
	err = store_status_each(authority_store(lost->authority), log->log,
	    first, walk.end - first, list_row, &walk, &lost->cmd->diag);
	for (index = first; index < walk.end && !err; index++)
		if (status_array_get(array, (uint32_t)(index - first)) ==
		    STATUS_REVOKED)
			err = lost_add(lost, log->log, index);
	return err;
}

static enum err
log_compare(struct lost *lost, const char *dir, const struct store_log *log)
{
	char path[PATH_SIZE], name[STORE_NAME_MAX + 32];
	struct diag why;
	uint8_t *array;
	uint64_t first;
	size_t size;
	enum err err = ERR_OK;

	for (first = 0; first < log->size && !err; first += STATUS_LIST_COUNT) {
		(void)snprintf(name, sizeof(name), "%s-%08llx.cwt", log->name,
		    (unsigned long long)(first >> STATUS_LIST_BITS));
		err = path_join(path, dir, name);
		if (err || !io_exists(lost->cmd->io, path))
			continue;
		why = (struct diag)DIAG_INIT;
		array = NULL;
		if (list_read(lost, path, name, &array, &size, &why) !=
		    ERR_OK) {
			cmd_warn(lost->cmd, "%s: whether it calls revoked "
			    "what this registry does not is not known: %s",
			    path, why.what);
			lost->cmd->incomplete = true;
			continue;
		}
		err = list_compare(lost, log, first, array, size);
		free(array);
	}
	return err;
}

enum err
lost_find(struct lost *lost, const char *dir)
{
	static const uint32_t logs[] = { LOG_BULK_NUMBER, LOG_ONLINE_NUMBER };
	struct store_log log;
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < sizeof(logs) / sizeof(logs[0]) && !err; i++) {
		err = store_log_get(authority_store(lost->authority), logs[i],
		    &log, NULL, NULL, &lost->cmd->diag);
		if (!err)
			err = log_compare(lost, dir, &log);
	}
	return err;
}

enum err
lost_write(const struct lost *lost, const char *path)
{
	_cleanup_buf_ struct buf out = { .limit = FILE_MAX };
	const struct status_range *range;
	char line[64];
	uint64_t j;
	size_t i;
	int len;

	for (i = 0; i < lost->list.count; i++) {
		range = &lost->list.ranges[i];
		for (j = 0; j < range->count; j++) {
			len = snprintf(line, sizeof(line), "%s/%llu\n",
			    range->log == LOG_ONLINE_NUMBER ? LOG_ONLINE :
			    LOG_BULK, (unsigned long long)(range->first + j));
			buf_put(&out, line, (size_t)len);
		}
	}
	if (buf_err(&out))
		return diag_fail(&lost->cmd->diag, buf_err(&out), NULL,
		    "%s: cannot be made", path);
	return io_write_file(lost->cmd->io, path, buf_bytes(&out), 0600,
	    &lost->cmd->diag);
}

static bool
line_parse(struct bytes line, uint32_t *ret_log, uint64_t *ret_index)
{
	static const struct {
		const char	*name;
		uint32_t	 log;
	} logs[] = {
		{ LOG_BULK "/", LOG_BULK_NUMBER },
		{ LOG_ONLINE "/", LOG_ONLINE_NUMBER },
	};
	size_t i, len;

	for (i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
		len = strlen(logs[i].name);
		if (line.len <= len ||
		    memcmp(line.ptr, logs[i].name, len) != 0)
			continue;
		*ret_log = logs[i].log;
		return note_decimal(bytes_of(line.ptr + len, line.len - len),
		    ret_index);
	}
	return false;
}

enum err
lost_left(struct authority *authority, const struct io *io, const char *path,
    uint64_t *ret_left, struct diag *diag)
{
	_cleanup_buf_ struct buf file = { .limit = FILE_MAX };
	struct bytes rest, line;
	struct store_status row;
	uint64_t index = 0, left = 0;
	uint32_t log = 0;
	enum status status;
	enum err err;

	err = io_read_file(io, path, &file, diag);
	if (err)
		return err;
	rest = buf_bytes(&file);
	while (rest.len > 0 && !err) {
		if (!note_line(&rest, &line) ||
		    !line_parse(line, &log, &index)) {
			diag_hint(diag, "bring it back as it was, or move it "
			    "away when all of it is revoked");
			return diag_fail(diag, ERR_SYNTAX, NULL, "%s: has a "
			    "line that is not LOG/INDEX", path);
		}
		err = status_get(authority, log, index, &status, &row, diag);
		left += !err && status != STATUS_REVOKED;
	}
	if (!err)
		*ret_left = left;
	return err;
}
