/* A directory of certification requests, a file each, as one list. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cmd/imprint/imprint.h"
#include "lib/x509/certificate.h"
#include "lib/x509/csr.h"

#define REQUEST_MAX	(2 * CSR_MAX)	/* octets of a file, PEM */
#define TAG_SEQUENCE	0x30

void
list_dir_release(struct list_dir *dir)
{
	size_t i;

	for (i = 0; i < dir->count; i++)
		free(dir->names[i]);
	free(dir->names);
	*dir = (struct list_dir){ .names = NULL };
}

bool
list_dir_is(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

const char *
list_dir_name(const struct list_dir *dir, uint64_t place)
{
	return place >= 1 && place <= dir->count ?
	    dir->names[place - 1] : NULL;
}

static bool
is_request(const char *name)
{
	static const char *const endings[] = { ".csr", ".pem", ".der" };
	size_t i, len = strlen(name);

	for (i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (name[0] != '.' && len > 4 &&
		    strcmp(name + len - 4, endings[i]) == 0)
			return true;
	return false;
}

static enum err
name_add(struct cmd *cmd, struct list_dir *dir, size_t *cap, const char *name)
{
	char **more;

	if (dir->count == *cap) {
		*cap = *cap * 2 + 64;
		more = reallocarray(dir->names, *cap, sizeof(*more));
		if (more == NULL)
			return diag_nomem(&cmd->diag);
		dir->names = more;
	}
	dir->names[dir->count] = strdup(name);
	if (dir->names[dir->count] == NULL)
		return diag_nomem(&cmd->diag);
	dir->count++;
	return ERR_OK;
}

static int
name_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum err
names_read(struct cmd *cmd, const char *path, struct list_dir *dir)
{
	const struct dirent *entry;
	size_t cap = 0, others = 0;
	enum err err = ERR_OK;
	DIR *stream;

	stream = opendir(path);
	if (stream == NULL)
		return diag_fail(&cmd->diag, errno == EACCES ?
		    ERR_PERMISSION : ERR_IO, NULL, "%s: cannot be read",
		    path);
	while (!err && (entry = readdir(stream)) != NULL) {
		if (is_request(entry->d_name))
			err = name_add(cmd, dir, &cap, entry->d_name);
		else
			others += entry->d_name[0] != '.';
	}
	(void)closedir(stream);
	if (err)
		return err;
	if (dir->count == 0)
		return diag_fail(&cmd->diag, ERR_INVALID, NULL, "%s: holds "
		    "no file that ends in .csr, .pem or .der", path);
	if (others > 0)
		cmd_warn(cmd, "%s: %zu that do not end in .csr, .pem or .der "
		    "were passed over", path, others);
	qsort(dir->names, dir->count, sizeof(*dir->names), name_compare);
	return ERR_OK;
}

/* Blocks that begin in a text. */
static size_t
blocks_count(struct bytes text)
{
	static const char begin[] = "-----BEGIN ";
	const size_t len = sizeof(begin) - 1;
	size_t i, count = 0;

	for (i = 0; i + len <= text.len; i++)
		count += memcmp(text.ptr + i, begin, len) == 0;
	return count;
}

/* One request, as PEM. */
static enum err
request_take(struct cmd *cmd, const char *path, const char *name,
    struct buf *out)
{
	_cleanup_buf_ struct buf content = { .limit = REQUEST_MAX };
	char file[PATH_SIZE];
	size_t blocks;
	enum err err;

	if (path_join(file, path, name) != ERR_OK)
		return diag_fail(&cmd->diag, ERR_LIMIT, NULL,
		    "%s/%s: the path is too long", path, name);
	err = io_read_file(cmd->io, file, &content, &cmd->diag);
	if (err)
		return err;
	if (content.len > 0 && content.ptr[0] == TAG_SEQUENCE) {
		pem_put(out, "CERTIFICATE REQUEST", buf_bytes(&content));
		return buf_err(out);
	}
	blocks = blocks_count(buf_bytes(&content));
	if (blocks != 1) {
		(void)diag_fail(&cmd->diag, ERR_INVALID, NULL, "%s: holds %zu "
		    "requests", file, blocks);
		diag_hint(&cmd->diag, "in a directory each file is one "
		    "device's request, PEM or DER");
		return ERR_INVALID;
	}
	buf_put_bytes(out, buf_bytes(&content));
	buf_put_u8(out, '\n');
	return buf_err(out);
}

enum err
list_dir_open(struct cmd *cmd, struct authority *authority, const char *path,
    struct list_dir *dir, struct file *ret_file)
{
	_cleanup_buf_ struct buf request = BUF_INIT;
	uint64_t at = 0;
	size_t i;
	enum err err;

	err = names_read(cmd, path, dir);
	if (!err)
		err = input_unnamed(cmd, authority, path, ret_file);
	for (i = 0; i < dir->count && !err; i++) {
		buf_clear(&request);
		err = request_take(cmd, path, dir->names[i], &request);
		if (!err)
			err = file_write_at(ret_file, at,
			    buf_bytes(&request), &cmd->diag);
		at += request.len;
	}
	return err;
}
