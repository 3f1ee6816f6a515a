/*
 * Files that operators hand in over the network, in parts, before the request
 * that they come with. A part is signed by its place and hash; whose file it
 * is altogether, the request says by a hash of its own. They have no name, so
 * nothing is left of one when this process ends. How a list of devices is to
 * be read is handed in beside it: who says so wrongly has it read to another
 * hash, or not at all.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cmd/imprintd/desk.h"
#include "lib/base/clock.h"
#include "lib/base/json_write.h"
#include "lib/crypto/hash.h"

#define UPLOAD_MAX	((uint64_t)128 << 20)	/* octets of one */
/* After its last part; whatever the clock is set to meanwhile. */
#define UPLOAD_NS	(900 * INT64_C(1000000000))
#define IDLE_NS		(10 * INT64_C(1000000000))
#define MARGIN		((uint64_t)64 << 20)	/* that the registry needs */
#define DIGITS_MAX	12

static const struct desk_upload none = {
	.files = { { .file = FILE_INIT }, { .file = FILE_INIT } },
	.about = { .limit = LOCAL_MESSAGE_MAX }
};

void
upload_init(struct desk_upload *upload)
{
	*upload = none;
}

void
upload_release(struct desk_upload *upload)
{
	size_t i;

	for (i = 0; i < UPLOAD_FILES; i++)
		file_release(&upload->files[i].file);
	buf_release(&upload->about);
	*upload = none;
}

void
uploads_idle_release(struct desk *desk)
{
	const int64_t until_ns = time_monotonic_ns() - IDLE_NS + UPLOAD_NS;
	size_t i;

	for (i = 0; i < UPLOADS_MAX; i++)
		if (desk->uploads[i]
			.
			operator[0] != '\0' && desk->uploads[i]
			.until_ns<until_ns)
			upload_release(&desk->uploads[i]);
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

/* u: what was begun before, or NULL: a free place is taken. */
static enum err
upload_place(struct desk *desk, struct desk_upload *u,
    struct desk_upload **ret_upload, struct diag *diag)
{
	size_t i;

	for (i = 0; i < UPLOADS_MAX && u == NULL; i++)
		if (desk->uploads[i].operator[0] == '\0')
			u = &desk->uploads[i];
	if (u == NULL)
		return diag_fail(diag, ERR_BUSY, NULL,
		    "files: too many are handed in just now");
	if (u->operator[0] == '\0')
		*u = none;
	*ret_upload = u;
	return ERR_OK;
}

/* A file without a name, in place of what was handed in before. */
static enum err
file_begin(struct desk *desk, struct desk_upload *u, enum upload_kind kind,
    struct diag *diag)
{
	struct file file = FILE_INIT;
	char name[32], path[PATH_SIZE];
	enum err err;

	(void)snprintf(name, sizeof(name), "upload.%zu",
	    (size_t)(u - desk->uploads));
	err = path_join(path, authority_dir(desk->authority), name);
	if (!err)
		err = io_unlink(desk->cmd->io, path, diag);
	if (!err)
		err = file_open(desk->cmd->io, path, O_RDWR | O_CREAT |
		    O_EXCL, 0600, &file, diag);
	if (!err)
		err = io_unlink(desk->cmd->io, path, diag);
	if (err) {
		file_release(&file);
		return err;
	}
	file_release(&u->files[kind].file);
	u->files[kind].file = file;
	u->files[kind].size = 0;
	if (kind == UPLOAD_DEVICES)	/* it was about another list */
		buf_clear(&u->about);
	return ERR_OK;
}

static enum err
upload_begin(struct desk *desk, const char *whose, enum upload_kind kind,
    struct desk_upload **upload, struct diag *diag)
{
	struct desk_upload *u = *upload;
	enum err err;

	err = upload_place(desk, u, &u, diag);
	if (!err)
		err = file_begin(desk, u, kind, diag);
	if (err)
		return err;
	(void)snprintf(u->operator, sizeof(u->operator), "%s", whose);
	*upload = u;
	return ERR_OK;
}

/* A part, as its query says: "at=0&part=HEX", "as=devices&at=0&part=HEX". */
struct part {
	uint64_t		at;
	uint8_t			hash[SHA256_SIZE];
	enum upload_kind	kind;
};

static void
kind_parse(const char **query, enum upload_kind *ret_kind)
{
	static const struct {
		const char		*text;
		enum upload_kind	 kind;
	} kinds[] = { { "as=devices&", UPLOAD_DEVICES },
		{ "as=about&", UPLOAD_ABOUT } };
	size_t i, len;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		len = strlen(kinds[i].text);
		if (strncmp(*query, kinds[i].text, len) != 0)
			continue;
		*ret_kind = kinds[i].kind;
		*query += len;
		return;
	}
}

static enum err
part_parse(const char *query, struct part *ret_part, struct diag *diag)
{
	static const char at_is[] = "at=", part_is[] = "&part=";
	struct part part = { .kind = UPLOAD_FILE };
	size_t i = sizeof(at_is) - 1, len = 0;
	bool good;

	kind_parse(&query, &part.kind);
	good = strncmp(query, at_is, i) == 0;
	for (; good && query[i] >= '0' && query[i] <= '9'; i++) {
		part.at = part.at * 10 + (uint64_t)(query[i] - '0');
		good = i < sizeof(at_is) - 1 + DIGITS_MAX;
	}
	good = good && i > sizeof(at_is) - 1 &&
	    strncmp(query + i, part_is, sizeof(part_is) - 1) == 0 &&
	    hex_decode(query + i + sizeof(part_is) - 1, part.hash,
	    SHA256_SIZE, &len) == ERR_OK && len == SHA256_SIZE;
	*ret_part = part;
	return good ? ERR_OK : diag_fail(diag, ERR_INVALID, NULL,
	    "query: say at=N&part=H: its place in the file, its SHA-256; "
	    "before it as=devices& or as=about&, or nothing");
}

static enum err
room_check(const struct file *file, size_t size, struct diag *diag)
{
	struct statvfs disk;

	if (fstatvfs(file->fd, &disk) != 0 ||
	    (uint64_t)disk.f_bavail * disk.f_frsize >= MARGIN + size)
		return ERR_OK;
	return diag_fail(diag, ERR_NOSPACE, NULL, "file: the server's disk "
	    "has no room for it");
}

static enum err
part_write(struct desk_upload *u, const struct part *said, struct bytes part,
    struct diag *diag)
{
	uint64_t *size = &u->files[said->kind].size;
	enum err err;

	if (said->at > *size)
		return diag_fail(diag, ERR_STATE, NULL, "file: %llu octets of "
		    "it are here: go on there", (unsigned long long)*size);
	if (part.len > UPLOAD_MAX || said->at > UPLOAD_MAX - part.len) {
		err = diag_fail(diag, ERR_LIMIT, NULL, "file: larger than "
		    "%llu octets", (unsigned long long)UPLOAD_MAX);
		diag_hint(diag, "hand it in on the server itself");
		return err;
	}
	if (said->at + part.len <= *size)	/* a part once more */
		return ERR_OK;
	err = room_check(&u->files[said->kind].file, part.len, diag);
	if (!err)
		err = file_write_at(&u->files[said->kind].file, said->at,
		    part, diag);
	if (!err)
		*size = said->at + part.len;
	return err;
}

/* Whole, at once; it is read again when it is used. */
static enum err
about_take(struct desk_upload *u, const struct part *said, struct bytes part,
    struct diag *diag)
{
	struct local_submit submit;
	enum err err;

	if (said->at != 0 || part.len > LOCAL_MESSAGE_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL, "file: what is said "
		    "about a list of devices comes as one part");
	err = local_get_submit(part, &submit, diag);
	if (err)
		return err;
	buf_clear(&u->about);
	buf_put_bytes(&u->about, part);
	return buf_err(&u->about);
}

static enum err
part_take(struct desk *desk, const char *whose, const struct part *said,
    struct bytes part, struct desk_upload **ret_upload, struct diag *diag)
{
	const enum upload_kind of = said->kind == UPLOAD_ABOUT ?
	    UPLOAD_DEVICES : said->kind;
	struct desk_upload *u = upload_find(desk, whose);
	enum err err = ERR_OK;

	if (said->at == 0 && said->kind != UPLOAD_ABOUT)
		err = upload_begin(desk, whose, said->kind, &u, diag);
	if (!err && (u == NULL || u->files[of].file.fd < 0))
		return diag_fail(diag, ERR_STATE, NULL, "file: nothing of it "
		    "is here: begin again");
	if (!err)
		err = said->kind == UPLOAD_ABOUT ? about_take(u, said, part,
		    diag) : part_write(u, said, part, diag);
	*ret_upload = u;
	return err;
}

enum err
upload_take(struct desk *desk, const char *whose, const char *query,
    struct bytes part, struct buf *out, struct diag *diag)
{
	struct json json = { .b = out, .line = true };
	struct desk_upload *u = NULL;
	uint8_t hash[SHA256_SIZE];
	struct part said;
	enum err err;

	err = part_parse(query, &said, diag);
	if (!err)
		err = sha256_once(part, hash);
	if (!err && memcmp(said.hash, hash, SHA256_SIZE) != 0)
		err = diag_fail(diag, ERR_AUTH, NULL, "body: is not the part "
		    "that was signed for");
	if (!err)
		err = part_take(desk, whose, &said, part, &u, diag);
	if (err)
		return err;
	u->until_ns = time_monotonic_ns() + UPLOAD_NS;
	json_open(&json, '{');
	json_put_number(&json, "size", said.kind == UPLOAD_ABOUT ?
	    u->about.len : u->files[said.kind].size);
	json_close(&json, '}');
	return buf_err(out);
}

/* Called as its operator calls it. */
static void
handed_file(const struct desk_upload *u, enum upload_kind kind, char *title,
    struct desk_handed *handed)
{
	static char untitled[] = "file";

	handed->files[kind] = u->files[kind].file;
	handed->files[kind].path = title[0] != '\0' ? title : untitled;
}

static const char *
or_none(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

enum err
upload_give(const struct desk_upload *u, const struct request_seen *seen,
    struct desk_handed *handed, struct diag *diag)
{
	struct local_submit *submit = &handed->submit;
	enum err err = ERR_OK;

	if ((seen->with_file && (u == NULL ||
	    u->files[UPLOAD_FILE].file.fd < 0)) || (seen->with_devices &&
	    (u == NULL || u->files[UPLOAD_DEVICES].file.fd < 0)))
		return diag_fail(diag, ERR_NOTFOUND, NULL, "file: it was not "
		    "handed in before the request, or too long ago");
	*submit = (struct local_submit){ .names = false };
	if (seen->with_devices && u->about.len > 0)
		err = local_get_submit(buf_bytes(&u->about), submit, diag);
	if (err)
		return err;
	handed->with = (struct request_files){ .file = NULL };
	if (seen->with_file) {
		handed_file(u, UPLOAD_FILE, submit->names_title, handed);
		handed->with.file = &handed->files[UPLOAD_FILE];
	}
	if (seen->with_devices) {
		handed_file(u, UPLOAD_DEVICES, submit->devices_title, handed);
		handed->devices = (struct devices_file){
			.file = &handed->files[UPLOAD_DEVICES],
			.format = or_none(submit->format),
			.key_id = or_none(submit->key_id),
			.challenge = or_none(submit->challenge),
			.signature = submit->signature };
		handed->with.devices = &handed->devices;
	}
	return ERR_OK;
}
