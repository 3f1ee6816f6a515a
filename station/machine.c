/* On which machine was the ledger last written? */
#include "station/home.h"

#define MACHINE_ID	"/etc/machine-id"
#define MACHINE_MAX	((size_t)256)

/* Not the id itself, which is nobody else's business: machine-id(5). */
static bool
machine_hash(const struct io *io, uint8_t ret_hash[SHA256_SIZE])
{
	_cleanup_buf_ struct buf text = { .limit = MACHINE_MAX };
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct bytes parts[2];

	if (io_read_file(io, MACHINE_ID, &text, NULL) != ERR_OK ||
	    text.len == 0 || sha256_new(&sha256, NULL) != ERR_OK)
		return false;
	parts[0] = bytes_text("imprint-station machine");
	parts[1] = buf_bytes(&text);
	return sha256_parts(sha256, parts, 2, ret_hash) == ERR_OK;
}

enum err
home_machine_note(struct station *s, struct diag *diag)
{
	_cleanup_buf_ struct buf before = { .limit = MACHINE_MAX };
	uint8_t hash[SHA256_SIZE];
	char path[PATH_SIZE];
	enum err err;

	if (!machine_hash(s->io, hash))
		return ERR_OK;
	err = home_path(s->home, HOME_MACHINE, path, diag);
	if (err)
		return err;
	err = io_read_file(s->io, path, &before, NULL);
	if (!err && bytes_equal(buf_bytes(&before), bytes_of(hash,
	    SHA256_SIZE)))
		return ERR_OK;
	s->moved = err == ERR_OK;
	return io_write_file(s->io, path, bytes_of(hash, SHA256_SIZE), 0600,
	    diag);
}
