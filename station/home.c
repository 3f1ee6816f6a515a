#include "station/home.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

#include "lib/base/cbor_write.h"
#include "lib/crypto/cose.h"

#define KEYS_MAGIC	"imprint-station-keys"
#define KEYS_VERSION	1
#define KEYS_MAX	((size_t)1024)
#define STATEMENT_END	".station"

enum err
home_path(const char *home, const char *name, char path[PATH_SIZE],
    struct diag *diag)
{
	if (path_join(path, home, name) == ERR_OK)
		return ERR_OK;
	return diag_fail(diag, ERR_LIMIT, NULL, "%s/%s: path too long", home,
	    name);
}

enum err
home_lock(const struct io *io, const char *home, struct file *ret_lock,
    struct diag *diag)
{
	char path[PATH_SIZE];
	enum err err;

	err = home_path(home, HOME_LOCK, path, diag);
	if (!err)
		err = file_open(io, path, O_RDWR | O_CREAT, 0600, ret_lock,
		    diag);
	if (!err)
		err = file_lock(ret_lock, diag);
	return err;
}

/* The key pairs before they are written. */
struct pair {
	struct public_key	public_key;
	struct secret		private_key;
};

#define PAIR_INIT { .private_key = SECRET_INIT }
#define _cleanup_pair_ __attribute__((cleanup(pair_release)))

static void
pair_release(struct pair *pair)
{
	secret_release(&pair->private_key);
}

static enum err
pair_make(enum key_alg alg, struct pair *pair, struct diag *diag)
{
	return key_pair_make(alg, &pair->public_key, &pair->private_key,
	    diag);
}

/* [magic, version, name, created, sealing COSE_Key, signing COSE_Key] */
static enum err
keys_encode(const struct station_statement *s, const struct pair *sealing,
    const struct pair *signing, struct secret *out)
{
	_cleanup_buf_ struct buf head = BUF_INIT;
	enum err err;

	cbor_put_array(&head, 6);
	cbor_put_text(&head, KEYS_MAGIC);
	cbor_put_uint(&head, KEYS_VERSION);
	cbor_put_text(&head, s->name);
	cbor_put_int(&head, s->created);
	err = buf_err(&head);
	if (!err)
		err = secret_alloc(out, KEYS_MAX);
	if (!err)
		err = secret_put(out, buf_bytes(&head));
	if (!err)
		err = cose_key_put_private(out, &sealing->public_key,
		    secret_bytes(&sealing->private_key));
	if (!err)
		err = cose_key_put_private(out, &signing->public_key,
		    secret_bytes(&signing->private_key));
	return err;
}

static enum err
keys_write(const struct io *io, const char *home,
    const struct station_statement *statement, const struct pair *sealing,
    const struct pair *signing, struct diag *diag)
{
	_cleanup_secret_ struct secret encoded = SECRET_INIT;
	char path[PATH_SIZE];
	enum err err;

	err = keys_encode(statement, sealing, signing, &encoded);
	if (err)
		return diag_fail(diag, err, NULL,
		    "station: keys cannot be encoded");
	err = home_path(home, HOME_KEYS, path, diag);
	if (!err)
		err = io_create_file(io, path, secret_bytes(&encoded), 0600,
		    diag);
	return err;
}

static enum err
statement_path(const char *home, const char *station, char path[PATH_SIZE],
    struct diag *diag)
{
	char name[STATION_NAME_MAX + 16];

	(void)snprintf(name, sizeof(name), "%s" STATEMENT_END, station);
	return home_path(home, name, path, diag);
}

static enum err
statement_write(const struct io *io, const char *home,
    const struct station_statement *statement, const struct secret *signing,
    struct diag *diag)
{
	_cleanup_signer_ struct signer *signer = NULL;
	_cleanup_buf_ struct buf encoded = BUF_INIT;
	char path[PATH_SIZE];
	enum err err;

	err = statement_path(home, statement->name, path, diag);
	if (!err)
		err = signer_new(KEY_P256, secret_bytes(signing), &signer,
		    diag);
	if (!err)
		err = station_statement_sign(statement, signer, &encoded,
		    diag);
	if (!err)
		err = io_write_file(io, path, buf_bytes(&encoded), 0644,
		    diag);
	return err;
}

static enum err
directories_make(const struct io *io, const char *home, struct diag *diag)
{
	char path[PATH_SIZE];
	enum err err;

	err = io_mkdir(io, home, 0700, diag);
	if (!err)
		err = io_sync_parent(io, home, diag);
	if (!err)
		err = home_path(home, HOME_PACKS, path, diag);
	if (!err)
		err = io_mkdir(io, path, 0700, diag);
	if (!err)
		err = io_sync_dir(io, home, diag);
	return err;
}

/* What the station cannot work without, before its keys. */
static enum err
home_fill(const struct io *io, const char *home, struct bytes trust_pem,
    const struct station_statement *statement, struct diag *diag)
{
	char path[PATH_SIZE];
	enum err err;

	err = home_path(home, HOME_TRUST, path, diag);
	if (!err)
		err = io_write_file(io, path, trust_pem, 0644, diag);
	if (!err)
		err = home_path(home, HOME_LEDGER, path, diag);
	if (!err)
		err = ledger_create(io, path, statement->kid, diag);
	return err;
}

/*
 * Statements without keys, of a station that was never finished: somebody
 * might register one, and packs sealed to it could be opened by nobody. A
 * directory without a ledger was no station: its files are somebody's.
 */
static enum err
leftovers_clear(const struct io *io, const char *home, struct diag *diag)
{
	const size_t end = strlen(STATEMENT_END);
	char path[PATH_SIZE];
	struct dirent *entry;
	size_t len;
	DIR *dir;
	enum err err;

	err = home_path(home, HOME_LEDGER, path, diag);
	if (err || !io_exists(io, path))
		return err;
	dir = opendir(home);
	if (dir == NULL)
		return diag_fail(diag, ERR_IO, NULL, "%s: cannot be listed",
		    home);
	while (!err && (entry = readdir(dir)) != NULL) {
		len = strlen(entry->d_name);
		if (len <= end || strcmp(entry->d_name + len - end,
		    STATEMENT_END) != 0)
			continue;
		err = home_path(home, entry->d_name, path, diag);
		if (!err)
			err = io_unlink(io, path, diag);
	}
	(void)closedir(dir);
	return err;
}

static enum err
exists_already(const char *home, struct diag *diag)
{
	diag_fail(diag, ERR_EXISTS, NULL, "%s: is a station already", home);
	diag_hint(diag, "packs that are sealed to it can be opened by its"
	    " keys alone: choose another --home for a new station");
	return ERR_EXISTS;
}

/* A new station under the lock: the statement last, of keys that exist. */
static enum err
station_make(const struct io *io, const char *home, const char *name,
    struct bytes trust_pem, int64_t now,
    struct station_statement *ret_statement, struct diag *diag)
{
	_cleanup_pair_ struct pair sealing = PAIR_INIT, signing = PAIR_INIT;
	struct station_statement statement = { .created = now };
	enum err err;

	memcpy(statement.name, name, strlen(name) + 1);
	err = leftovers_clear(io, home, diag);
	if (!err)
		err = pair_make(KEY_X25519, &sealing, diag);
	if (!err)
		err = pair_make(KEY_P256, &signing, diag);
	statement.sealing = sealing.public_key;
	statement.signing = signing.public_key;
	if (!err)
		err = cose_key_thumbprint(&statement.sealing, statement.kid);
	if (!err)
		err = home_fill(io, home, trust_pem, &statement, diag);
	if (!err)
		err = keys_write(io, home, &statement, &sealing, &signing,
		    diag);
	if (!err)
		err = statement_write(io, home, &statement,
		    &signing.private_key, diag);
	if (!err)
		*ret_statement = statement;
	return err;
}

/* Was it pinned so when the run was broken off? */
static bool
trust_same(const struct io *io, const char *home, struct bytes trust_pem)
{
	_cleanup_buf_ struct buf pem = { .limit = STATION_TRUST_MAX };
	char path[PATH_SIZE];

	return home_path(home, HOME_TRUST, path, NULL) == ERR_OK &&
	    io_read_file(io, path, &pem, NULL) == ERR_OK &&
	    bytes_equal(buf_bytes(&pem), trust_pem);
}

/* The keys are there: finish what was broken off after them, or refuse. */
static enum err
station_finish(const struct io *io, const char *home, const char *name,
    struct bytes trust_pem, struct station_statement *ret_statement,
    struct diag *diag)
{
	_cleanup_station_ struct station s = STATION_INIT;
	bool missing = false;
	enum err err;

	s.io = io;
	memcpy(s.home, home, strlen(home) + 1);
	err = home_keys_read(&s, diag);
	if (!err)
		err = home_statement_mend(&s, &missing, diag);
	if (err)
		return err;
	if (!missing || strcmp(s.statement.name, name) != 0 ||
	    !trust_same(io, home, trust_pem))
		return exists_already(home, diag);
	*ret_statement = s.statement;
	return ERR_OK;
}

enum err
station_init(const struct io *io, const char *home, const char *name,
    struct bytes trust_pem, int64_t now,
    struct station_statement *ret_statement, struct diag *diag)
{
	struct public_key signers[STATION_SIGNERS_MAX];
	_cleanup_file_ struct file lock = FILE_INIT;
	char path[PATH_SIZE];
	size_t count = 0;
	enum err err;

	err = station_name_check(name, diag);
	if (!err)
		err = station_trust(trust_pem, signers, &count, diag);
	if (!err)
		err = directories_make(io, home, diag);
	if (!err)
		err = home_lock(io, home, &lock, diag);
	if (!err)
		err = home_path(home, HOME_KEYS, path, diag);
	if (err)
		return err;
	if (io_exists(io, path))
		return station_finish(io, home, name, trust_pem,
		    ret_statement, diag);
	return station_make(io, home, name, trust_pem, now, ret_statement,
	    diag);
}

static enum err
key_take(struct bytes encoded, enum key_alg alg, struct public_key *key,
    struct secret *private_key, struct diag *diag)
{
	struct bytes found = BYTES_NONE;
	enum err err;

	err = cose_key_parse(encoded, key, &found, diag);
	if (err)
		return err;
	if (key->alg != alg || found.len != KEY_PRIVATE_SIZE)
		return diag_fail(diag, ERR_CORRUPT, NULL,
		    "station.keys: not a private key of its kind");
	return secret_copy(private_key, found);
}

static enum err
sealing_take(struct station *s, struct bytes encoded, struct diag *diag)
{
	_cleanup_secret_ struct secret private = SECRET_INIT;
	enum err err;

	err = key_take(encoded, KEY_X25519, &s->statement.sealing, &private,
	    diag);
	return err ? err : home_sealing_take(secret_bytes(&private),
	    &s->sealing);
}

static enum err
keys_decode(struct station *s, struct bytes encoded, struct diag *diag)
{
	struct bytes name, sealing, signing;
	uint64_t version;
	struct cbor c;
	size_t count;
	enum err err;

	cbor_open(&c, encoded);
	count = cbor_get_array(&c);
	if (!bytes_equal(cbor_get_tstr(&c), bytes_text(KEYS_MAGIC)))
		cbor_fail(&c, "not a station's keys");
	version = cbor_get_uint(&c);
	if (cbor_ok(&c) && version != KEYS_VERSION)
		return diag_fail(diag, ERR_VERSION, NULL,
		    "station.keys: version %ju, this build reads %d",
		    (uintmax_t)version, KEYS_VERSION);
	if (count != 6)
		cbor_fail(&c, "array of another size expected");
	name = cbor_get_tstr(&c);
	s->statement.created = cbor_get_int(&c);
	sealing = cbor_get_item(&c);
	signing = cbor_get_item(&c);
	if (!cbor_close(&c) || name.len > STATION_NAME_MAX)
		return diag_fail(diag, ERR_CORRUPT, NULL, "station.keys: %s",
		    c.error != NULL ? c.error : "name too long");
	memcpy(s->statement.name, name.ptr, name.len);
	s->statement.name[name.len] = '\0';
	err = sealing_take(s, sealing, diag);
	if (!err)
		err = key_take(signing, KEY_P256, &s->statement.signing,
		    &s->signing, diag);
	if (!err)
		err = cose_key_thumbprint(&s->statement.sealing,
		    s->statement.kid);
	memcpy(s->id, s->statement.kid, SHA256_SIZE);
	return err ? err : home_sealing_read(s, diag);
}

enum err
home_keys_read(struct station *s, struct diag *diag)
{
	_cleanup_secret_ struct secret encoded = SECRET_INIT;
	struct diag cause = DIAG_INIT;
	char path[PATH_SIZE];
	enum err err;

	err = home_path(s->home, HOME_KEYS, path, diag);
	if (err)
		return err;
	err = io_read_secret(s->io, path, KEYS_MAX, &encoded, &cause);
	if (err == ERR_NOTFOUND) {
		diag_fail(diag, ERR_NOTFOUND, NULL,
		    "%s: is no station", s->home);
		diag_hint(diag, "name its directory with --home, or make one"
		    " with: imprint-station init");
		return err;
	}
	if (err)
		return diag_fail(diag, err, NULL, "%s", cause.what);
	return keys_decode(s, secret_bytes(&encoded), diag);
}

/* Is it there, and of the newest key? What is not ours is left alone. */
static bool
statement_is_of(const struct station *s, const char *path)
{
	_cleanup_buf_ struct buf encoded = { .limit = STATION_STATEMENT_MAX };
	struct station_statement found;

	if (!io_exists(s->io, path))
		return false;
	return s->key_newest == 0 ||
	    (io_read_file(s->io, path, &encoded, NULL) == ERR_OK &&
	    station_statement_parse(buf_bytes(&encoded), &found, NULL) ==
	    ERR_OK && memcmp(found.kid, s->statement.kid, SHA256_SIZE) == 0);
}

enum err
home_statement_mend(const struct station *s, bool *ret_missing,
    struct diag *diag)
{
	char path[PATH_SIZE];
	enum err err;

	*ret_missing = false;
	err = statement_path(s->home, s->statement.name, path, diag);
	if (err || statement_is_of(s, path))
		return err;
	err = statement_write(s->io, s->home, &s->statement, &s->signing,
	    diag);
	*ret_missing = err == ERR_OK;
	return err;
}
