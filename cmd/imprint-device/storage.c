#include <fcntl.h>

#include "cmd/imprint-device/agent.h"

#define RECORD	"identity"

static enum imprint_device_error
storage_path(const struct agent_storage *s, char path[PATH_SIZE])
{
	if (path_join(path, s->home, RECORD) == ERR_OK)
		return IMPRINT_DEVICE_OK;
	diag_fail(s->diag, ERR_LIMIT, NULL, "%s: path too long", s->home);
	return IMPRINT_DEVICE_ERROR_STORAGE;
}

enum imprint_device_error
agent_storage_read(void *state, uint8_t *buffer, size_t size, size_t *ret_len)
{
	const struct agent_storage *s = state;
	_cleanup_file_ struct file f = FILE_INIT;
	struct diag diag = DIAG_INIT;
	char path[PATH_SIZE];
	uint64_t len = 0;
	enum err err;

	if (storage_path(s, path) != IMPRINT_DEVICE_OK)
		return IMPRINT_DEVICE_ERROR_STORAGE;
	err = file_open(s->io, path, O_RDONLY, 0, &f, &diag);
	if (err == ERR_NOTFOUND)
		return IMPRINT_DEVICE_ERROR_NONE;
	if (!err)
		err = file_size(&f, &len, &diag);
	if (!err && len > size)
		return IMPRINT_DEVICE_ERROR_LIMIT;
	if (!err)
		err = file_read_at(&f, 0, buffer, (size_t)len, &diag);
	if (err) {
		*s->diag = diag;
		return IMPRINT_DEVICE_ERROR_STORAGE;
	}
	*ret_len = (size_t)len;
	return IMPRINT_DEVICE_OK;
}

/* Temporary name, sync, rename, sync of the directory: io_write_file(). */
enum imprint_device_error
agent_storage_write(void *state, struct imprint_bytes record)
{
	const struct agent_storage *s = state;
	char path[PATH_SIZE];

	if (storage_path(s, path) != IMPRINT_DEVICE_OK ||
	    io_write_file(s->io, path, bytes_of(record.ptr, record.len), 0600,
	    s->diag) != ERR_OK)
		return IMPRINT_DEVICE_ERROR_STORAGE;
	return IMPRINT_DEVICE_OK;
}
