/* A new epoch, and what the lost registry had revoked. */
#include "cmd/imprint/lost.h"

#include <dirent.h>

#include "lib/authority/anchor.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"

#define RANGES_SHOWN	20

/* What was published before knows what this registry forgot: it is kept
 * before the next publication takes its place. */
static enum err
publication_keep(struct cmd *cmd, struct authority *authority,
    const char *folder, const char *kept)
{
	char from[PATH_SIZE], a[PATH_SIZE], b[PATH_SIZE];
	struct dirent *entry;
	enum err err;
	DIR *d;

	if (snprintf(from, sizeof(from), "%s/publish/%s",
	    authority_dir(authority), folder) >= (int)sizeof(from))
		return ERR_LIMIT;
	d = opendir(from);
	if (d == NULL)
		return ERR_OK;
	err = io_mkdir(cmd->io, kept, 0700, &cmd->diag);
	while (!err && (entry = readdir(d)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		err = path_join(a, from, entry->d_name);
		if (!err)
			err = path_join(b, kept, entry->d_name);
		if (!err)
			err = file_copy(cmd->io, a, b, 0600, &cmd->diag);
	}
	(void)closedir(d);
	return err;
}

static enum err
publications_keep(struct cmd *cmd, struct authority *authority,
    unsigned epoch, char ret_kept[PATH_SIZE])
{
	enum err err;

	if (snprintf(ret_kept, PATH_SIZE, "%s/" LOST_FOLDER "%u",
	    authority_dir(authority), epoch) >= PATH_SIZE)
		return ERR_LIMIT;
	err = publication_keep(cmd, authority, "crl", ret_kept);
	if (!err)
		err = publication_keep(cmd, authority, "status", ret_kept);
	return err;
}

static void
range_print(const struct lost *lost, size_t i, bool json)
{
	const struct status_range *range = &lost->list.ranges[i];
	const char *log = range->log == LOG_ONLINE_NUMBER ? LOG_ONLINE :
	    LOG_BULK;

	(void)printf(json ? "%s\"%s/%llu" : "%s%s/%llu", i > 0 ? ", " : "",
	    log, (unsigned long long)range->first);
	if (range->count > 1)
		(void)printf("-%llu", (unsigned long long)(range->first +
		    range->count - 1));
	(void)printf(json ? "\"" : "");
}

static void
lost_json(const struct lost *lost, const char *path)
{
	size_t i;

	(void)printf("{\"count\": %llu, \"ranges\": [",
	    (unsigned long long)lost->identities);
	for (i = 0; i < lost->list.count; i++)
		range_print(lost, i, true);
	(void)printf("], \"file\": ");
	if (lost->list.count > 0)
		json_string(stdout, path, strlen(path));
	else
		(void)printf("null");
	(void)printf("}");
}

static void
lost_print(const struct lost *lost, const char *path)
{
	char number[32];
	size_t i;

	if (lost->list.count == 0)
		return;
	number_format(lost->identities, number);
	(void)printf("%s identit%s revoked, as was published, and %s not in "
	    "this registry:\n  ", number, lost->identities == 1 ? "y was" :
	    "ies were", lost->identities == 1 ? "is" : "are");
	for (i = 0; i < lost->list.count && i < RANGES_SHOWN; i++)
		range_print(lost, i, false);
	(void)printf("%s\nrevoke them again: imprint revoke --from %s\n",
	    i < lost->list.count ? ", ..." : "", path);
}

static void
epoch_print(struct cmd *cmd, const struct lost *lost, unsigned epoch,
    const char *kept, const char *path)
{
	if (cmd->json) {
		(void)printf("{\"epoch\": %u, \"lost_revocations\": ", epoch);
		lost_json(lost, path);
		return;
	}
	(void)printf("epoch %u: what the anchor saw and this registry does "
	    "not know is suspended;\n"
	    "'imprint log export operations --json' lists it, "
	    "'imprint resume' or 'imprint revoke' decides\n",
	    epoch);
	if (io_exists(cmd->io, kept))
		(void)printf("what was published before is kept in %s\n",
		    kept);
	lost_print(lost, path);
}

/* Under their new names: until then readers of the logs see none of it. */
static void
epoch_publish(struct cmd *cmd, struct authority *authority)
{
	const char *what = "logs";
	enum err err;

	err = logs_publish(cmd, authority, &what);
	if (err) {
		cmd->incomplete = true;
		cmd_warn(cmd, "the epoch has begun, but %s is not published: "
		    "%s; when this is mended, run 'imprint log publish'",
		    what, cmd->diag.what);
	}
	if (err && cmd->json)
		failed_print(cmd, what, err);
	(void)printf(cmd->json ? "}\n" : "");
}

static enum exit_code
epoch_begun(struct cmd *cmd, struct authority *authority, unsigned epoch)
{
	_cleanup_lost_ struct lost lost = { .cmd = cmd,
	    .authority = authority };
	char kept[PATH_SIZE], path[PATH_SIZE];
	enum err err;

	err = publications_keep(cmd, authority, epoch, kept);
	if (!err)
		err = lost_find(&lost, kept);
	if (!err)
		err = path_join(path, kept, LOST_FILE);
	if (!err && lost.list.count > 0)
		err = lost_write(&lost, path);
	if (err) {
		diag_prefix(&cmd->diag, "epoch %u has begun, but what was "
		    "published before it is not looked through", epoch);
		return cmd_fail(cmd, err);
	}
	epoch_print(cmd, &lost, epoch, kept, path);
	epoch_publish(cmd, authority);
	return EXIT_OK;
}

enum exit_code
epoch_begin_cmd(struct cmd *cmd)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_buf_ struct buf note = { .limit = ANCHOR_FILE_MAX };
	const char *reason = cmd_value(cmd, "reason");
	const char *path = cmd_value(cmd, "anchor");
	uint64_t epoch = 0, skip = 0;
	struct cbor cbor;
	enum err err;

	if (cmd->argc != 0 || reason == NULL)
		return cmd_usage(cmd, "epoch begin needs --reason TEXT, for "
		    "the record");
	err = ecosystem_open_accepting(cmd, AUTHORITY_ANCHOR | AUTHORITY_EPOCH,
	    true, &authority);
	if (!err)
		err = cmd_number(cmd, "skip", 0, UINT64_C(1) << 32, 0, &skip);
	if (!err && path != NULL)
		err = io_read_file(cmd->io, path, &note, &cmd->diag);
	if (!err)
		err = request_put_epoch(&body, reason, buf_bytes(&note),
		    skip);
	if (!err)
		err = request_submit(cmd, authority, REQUEST_EPOCH,
		    buf_bytes(&body), &result);
	if (err)
		return cmd_fail(cmd, err);
	cbor_open(&cbor, buf_bytes(&result));
	epoch = cbor_get_uint(&cbor);
	return epoch_begun(cmd, authority, (unsigned)epoch);
}
