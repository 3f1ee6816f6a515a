/*
 * Files that operators hand in over the network, in parts, before the request
 * that they come with. A part is signed by its place and hash; whose file it
 * is altogether, the request says by a hash of its own. They have no name, so
 * nothing is left of one when this process ends.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/imprintd/desk.h"
#include "lib/base/clock.h"
#include "lib/base/json_write.h"
#include "lib/crypto/hash.h"

#define UPLOAD_MAX	((uint64_t)128 << 20)	/* octets of one */
/* After its last part; whatever the clock is set to meanwhile. */
#define UPLOAD_NS	(900 * INT64_C(1000000000))
#define DIGITS_MAX	12

void
upload_release(struct desk_upload *upload)
{
	file_release(&upload->file);
	*upload = (struct desk_upload){ .file = FILE_INIT };
}

struct desk_upload *
upload_find(struct desk *desk, const char *whose)
{
	int64_t now = time_monotonic_ns();
	size_t i;

	for (i = 0; i < UPLOADS_MAX; i++) {
		struct desk_upload *u = &desk->uploads[i];

		if (u->until_ns < now && u->operator[0] != '\0')
			upload_release(u);
		if (u->operator[0] != '\0' &&
		    strcmp(u->operator, whose) == 0)
			return u;
	}
	return NULL;
}

/* u: what was begun before, in whose place it comes, or NULL. */
static enum err
upload_begin(struct desk *desk, const char *whose, struct desk_upload *u,
    struct desk_upload **ret_upload, struct diag *diag)
{
	char name[32], path[PATH_SIZE];
	size_t i;
	enum err err;

	if (u != NULL)
		upload_release(u);
	for (i = 0; i < UPLOADS_MAX && u == NULL; i++)
		if (desk->uploads[i].operator[0] == '\0')
			u = &desk->uploads[i];
	if (u == NULL)
		return diag_fail(diag, ERR_BUSY, NULL,
		    "files: too many are handed in just now");
	(void)snprintf(name, sizeof(name), "upload.%zu",
	    (size_t)(u - desk->uploads));
	err = path_join(path, authority_dir(desk->authority), name);
	if (!err)
		err = io_unlink(desk->cmd->io, path, diag);
	if (!err)
		err = file_open(desk->cmd->io, path, O_RDWR | O_CREAT |
		    O_EXCL, 0600, &u->file, diag);
	if (!err)
		err = io_unlink(desk->cmd->io, path, diag);
	if (!err) {	/* as messages to its operator name it */
		free(u->file.path);
		u->file.path = strdup("file");
		err = u->file.path != NULL ? ERR_OK : diag_nomem(diag);
	}
	if (err) {
		upload_release(u);
		return err;
	}
	(void)snprintf(u->operator, sizeof(u->operator), "%s", whose);
	*ret_upload = u;
	return ERR_OK;
}

/* "at=0&part=HEX": where it stands, and its SHA-256. */
static enum err
part_parse(const char *query, uint64_t *ret_at,
    uint8_t ret_hash[SHA256_SIZE], struct diag *diag)
{
	static const char at_is[] = "at=", part_is[] = "&part=";
	uint64_t at = 0;
	size_t i = sizeof(at_is) - 1, len = 0;
	bool good = strncmp(query, at_is, i) == 0;

	for (; good && query[i] >= '0' && query[i] <= '9'; i++) {
		at = at * 10 + (uint64_t)(query[i] - '0');
		good = i < sizeof(at_is) - 1 + DIGITS_MAX;
	}
	good = good && i > sizeof(at_is) - 1 &&
	    strncmp(query + i, part_is, sizeof(part_is) - 1) == 0 &&
	    hex_decode(query + i + sizeof(part_is) - 1, ret_hash, SHA256_SIZE,
	    &len) == ERR_OK && len == SHA256_SIZE;
	*ret_at = at;
	return good ? ERR_OK : diag_fail(diag, ERR_INVALID, NULL,
	    "query: say at=N&part=H: its place in the file, its SHA-256");
}

static enum err
part_write(struct desk_upload *u, uint64_t at, struct bytes part,
    struct diag *diag)
{
	enum err err;

	if (at > u->size)
		return diag_fail(diag, ERR_STATE, NULL, "file: %llu octets of "
		    "it are here: go on there", (unsigned long long)u->size);
	if (part.len > UPLOAD_MAX || at > UPLOAD_MAX - part.len) {
		err = diag_fail(diag, ERR_LIMIT, NULL, "file: larger than "
		    "%llu octets", (unsigned long long)UPLOAD_MAX);
		diag_hint(diag, "hand it in on the server itself");
		return err;
	}
	if (at + part.len <= u->size)	/* a part once more */
		return ERR_OK;
	err = file_write_at(&u->file, at, part, diag);
	if (!err)
		u->size = at + part.len;
	return err;
}

enum err
upload_take(struct desk *desk, const char *whose, const char *query,
    struct bytes part, struct buf *out, struct diag *diag)
{
	uint8_t said[SHA256_SIZE], hash[SHA256_SIZE];
	struct json json = { .b = out, .line = true };
	struct desk_upload *u;
	uint64_t at = 0;
	enum err err;

	err = part_parse(query, &at, said, diag);
	if (!err)
		err = sha256_once(part, hash);
	if (!err && memcmp(said, hash, SHA256_SIZE) != 0)
		err = diag_fail(diag, ERR_AUTH, NULL, "body: is not the part "
		    "that was signed for");
	if (err)
		return err;
	u = upload_find(desk, whose);
	if (at == 0)
		err = upload_begin(desk, whose, u, &u, diag);
	if (!err && u == NULL)
		return diag_fail(diag, ERR_STATE, NULL, "file: nothing of it "
		    "is here: begin again");
	if (!err)
		err = part_write(u, at, part, diag);
	if (err)
		return err;
	u->until_ns = time_monotonic_ns() + UPLOAD_NS;
	json_open(&json, '{');
	json_put_number(&json, "size", u->size);
	json_close(&json, '}');
	return buf_err(out);
}
