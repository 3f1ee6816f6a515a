/*
 * Sealing keys after the first, which is in station.keys: one file each,
 * HOME/keys/N.key, N = 1, 2, ...; the highest is that of the statement.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cbor_write.h"
#include "lib/crypto/cose.h"
#include "station/home.h"

#define KEY_MAGIC	"imprint-station-key"
#define KEY_VERSION	1
#define KEY_FILE_MAX	((size_t)512)

static enum err
key_path(const struct station *s, unsigned number, char path[PATH_SIZE],
    struct diag *diag)
{
	char name[64];

	(void)snprintf(name, sizeof(name), HOME_SEALING "/%u.key", number);
	return home_path(s->home, name, path, diag);
}

static enum err
key_decode(struct bytes encoded, struct station_key *key, struct diag *diag)
{
	struct bytes cose, private = BYTES_NONE;
	struct cbor c;
	enum err err;

	cbor_open(&c, encoded);
	cbor_get_array_sized(&c, 4);
	if (!bytes_equal(cbor_get_tstr(&c), bytes_text(KEY_MAGIC)) ||
	    cbor_get_uint(&c) != KEY_VERSION)
		cbor_fail(&c, "not a sealing key of this version");
	key->created = cbor_get_int(&c);
	cose = cbor_get_item(&c);
	if (!cbor_close(&c))
		return diag_fail(diag, ERR_CORRUPT, NULL, "sealing key: %s",
		    c.error);
	err = cose_key_parse(cose, &key->public, &private, diag);
	if (!err && (key->public.alg != KEY_X25519 ||
	    private.len != KEY_PRIVATE_SIZE))
		err = diag_fail(diag, ERR_CORRUPT, NULL,
		    "sealing key: not a private key of its kind");
	if (!err)
		err = cose_key_thumbprint(&key->public, key->kid);
	return err ? err : home_sealing_take(private, &key->private);
}

/* Zeros are a key that is being destroyed: as good as none. */
enum err
home_sealing_take(struct bytes private, struct secret *out)
{
	static const uint8_t zeros[KEY_PRIVATE_SIZE];

	if (secret_equal(private, bytes_of(zeros, sizeof(zeros))))
		return ERR_OK;
	return secret_copy(out, private);
}

static enum err
key_read(struct station *s, unsigned number, struct diag *diag)
{
	_cleanup_secret_ struct secret encoded = SECRET_INIT;
	struct station_key key = { .number = number };
	struct station_key *keys;
	char path[PATH_SIZE];
	enum err err;

	err = key_path(s, number, path, diag);
	if (!err)
		err = io_read_secret(s->io, path, KEY_FILE_MAX, &encoded,
		    diag);
	if (!err)
		err = key_decode(secret_bytes(&encoded), &key, diag);
	if (err) {
		diag_prefix(diag, "%s", path);
		return err;
	}
	keys = reallocarray(s->keys, s->key_count + 1, sizeof(*keys));
	if (keys == NULL) {
		secret_release(&key.private);
		return diag_nomem(diag);
	}
	s->keys = keys;
	keys[s->key_count++] = key;	/* transferred */
	if (number > s->key_newest) {
		s->key_newest = number;
		s->statement.sealing = key.public;
		s->statement.created = key.created;
		memcpy(s->statement.kid, key.kid, SHA256_SIZE);
	}
	return ERR_OK;
}

enum err
home_sealing_read(struct station *s, struct diag *diag)
{
	char path[PATH_SIZE], text[32];
	struct dirent *entry;
	unsigned number;
	DIR *dir;
	enum err err;

	err = home_path(s->home, HOME_SEALING, path, diag);
	if (err)
		return err;
	dir = opendir(path);
	if (dir == NULL)
		return io_exists(s->io, path) ? diag_fail(diag, ERR_IO, NULL,
		    "%s: cannot be listed", path) : ERR_OK;
	while (!err && (entry = readdir(dir)) != NULL) {
		number = (unsigned)strtoul(entry->d_name, NULL, 10);
		(void)snprintf(text, sizeof(text), "%u.key", number);
		if (number > 0 && strcmp(entry->d_name, text) == 0)
			err = key_read(s, number, diag);
	}
	(void)closedir(dir);
	return err;
}

void
station_keys_release(struct station *s)
{
	size_t i;

	for (i = 0; i < s->key_count; i++)
		secret_release(&s->keys[i].private);
	free(s->keys);
	s->keys = NULL;
	s->key_count = 0;
}

struct bytes
station_sealing(const struct station *s, const struct station_pack *pack)
{
	size_t i;

	if (memcmp(pack->recipient, s->id, SHA256_SIZE) == 0)
		return secret_bytes(&s->sealing);
	for (i = 0; i < s->key_count; i++)
		if (memcmp(pack->recipient, s->keys[i].kid, SHA256_SIZE) == 0)
			return secret_bytes(&s->keys[i].private);
	return BYTES_NONE;
}

static enum err
key_encode(int64_t now, const struct public_key *public,
    const struct secret *private, struct secret *out)
{
	_cleanup_buf_ struct buf head = BUF_INIT;
	enum err err;

	cbor_put_array(&head, 4);
	cbor_put_text(&head, KEY_MAGIC);
	cbor_put_uint(&head, KEY_VERSION);
	cbor_put_int(&head, now);
	err = buf_err(&head);
	if (!err)
		err = secret_alloc(out, KEY_FILE_MAX);
	if (!err)
		err = secret_put(out, buf_bytes(&head));
	return err ? err : cose_key_put_private(out, public,
	    secret_bytes(private));
}

enum err
station_key_new(struct station *s, int64_t now, struct diag *diag)
{
	_cleanup_secret_ struct secret private = SECRET_INIT;
	_cleanup_secret_ struct secret encoded = SECRET_INIT;
	unsigned number = s->key_newest + 1;
	struct public_key public;
	char path[PATH_SIZE];
	bool renewed = false;
	enum err err;

	err = home_path(s->home, HOME_SEALING, path, diag);
	if (!err)
		err = io_mkdir(s->io, path, 0700, diag);
	if (!err)
		err = io_sync_dir(s->io, s->home, diag);
	if (!err)
		err = key_pair_make(KEY_X25519, &public, &private, diag);
	if (!err && key_encode(now, &public, &private, &encoded) != ERR_OK)
		err = diag_nomem(diag);
	if (!err)
		err = key_path(s, number, path, diag);
	if (!err)
		err = io_create_file(s->io, path, secret_bytes(&encoded),
		    0600, diag);
	if (!err)
		err = key_read(s, number, diag);
	return err ? err : home_statement_mend(s, &renewed, diag);
}

/*
 * Zeros over the key where it stands: one write of 32 octets, so that a file
 * system that writes in place keeps no copy. Then the name goes.
 */
static enum err
file_destroy(const struct station *s, const char *path,
    const struct secret *private, bool keep, struct diag *diag)
{
	static const uint8_t zeros[KEY_PRIVATE_SIZE];
	_cleanup_secret_ struct secret content = SECRET_INIT;
	_cleanup_file_ struct file file = FILE_INIT;
	const uint8_t *at = NULL;
	enum err err;

	err = io_read_secret(s->io, path, KEY_FILE_MAX * 2, &content, diag);
	if (err == ERR_NOTFOUND && !keep)
		return ERR_OK;
	if (!err)
		err = file_open(s->io, path, O_RDWR, 0, &file, diag);
	if (err)
		return err;
	if (private->len > 0)
		at = memmem(content.ptr, content.len, private->ptr,
		    private->len);
	if (at != NULL)
		err = file_write_at(&file, (uint64_t)(at - content.ptr),
		    bytes_of(zeros, sizeof(zeros)), diag);
	if (!err && at != NULL)
		err = file_sync(&file, diag);
	if (!err && !keep)
		err = io_unlink(s->io, path, diag);
	return err || keep ? err : io_sync_parent(s->io, path, diag);
}

enum err
home_sealing_destroy(struct station *s, const uint8_t kid[SHA256_SIZE],
    struct diag *diag)
{
	char path[PATH_SIZE];
	size_t i;
	enum err err;

	if (memcmp(kid, s->id, SHA256_SIZE) == 0) {
		err = home_path(s->home, HOME_KEYS, path, diag);
		if (!err)
			err = file_destroy(s, path, &s->sealing, true, diag);
		if (!err)
			secret_release(&s->sealing);
		return err;
	}
	for (i = 0; i < s->key_count; i++) {
		if (memcmp(kid, s->keys[i].kid, SHA256_SIZE) != 0)
			continue;
		err = key_path(s, s->keys[i].number, path, diag);
		if (!err)
			err = file_destroy(s, path, &s->keys[i].private,
			    false, diag);
		if (!err)
			secret_release(&s->keys[i].private);
		return err;
	}
	return ERR_OK;	/* destroyed by an earlier run */
}
