#include "lib/authority/authority_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/authority/anchor.h"
#include "lib/authority/operation.h"
#include "lib/authority/signer.h"
#include "lib/base/clock.h"
#include "lib/x509/x509_read.h"

#define TREE_LABEL	"imprint tree"

void
authority_close(struct authority **authority)
{
	if (*authority == NULL)
		return;
	keystore_free(&(*authority)->keystore);
	hmac_free(&(*authority)->row_mac);
	store_close(&(*authority)->store);
	file_release(&(*authority)->lock);
	free(*authority);
	*authority = NULL;
}

void
authority_accept(struct authority *authority, unsigned what)
{
	authority->accepted |= what;
}

const struct diag *
authority_warning(const struct authority *authority)
{
	return authority->warning.code != ERR_OK ? &authority->warning : NULL;
}

const struct authority_info *
authority_info(const struct authority *authority)
{
	return &authority->info;
}

struct store *
authority_store(struct authority *authority)
{
	return authority->store;
}

const char *
authority_dir(const struct authority *authority)
{
	return authority->dir;
}

enum err
authority_path(const struct authority *authority, const char *name,
    char ret_path[PATH_SIZE], struct diag *diag)
{
	enum err err;

	err = path_join(ret_path, authority->dir, name);
	if (err)
		return diag_fail(diag, err, NULL, "path too long: %s/%s",
		    authority->dir, name);
	return ERR_OK;
}

static enum err
meta_get(struct store *store, const char *name, void *out, size_t least,
    size_t size, struct diag *diag)
{
	_cleanup_buf_ struct buf value = BUF_INIT;
	enum err err;

	err = store_meta_get(store, name, &value, diag);
	if (err)
		return err;
	if (value.len < least || value.len > size)
		return diag_fail(diag, ERR_CORRUPT, NULL,
		    "registry: %s is of a length it cannot have", name);
	memcpy(out, value.ptr, value.len);
	return ERR_OK;
}

static enum err
info_load(struct authority *authority, struct diag *diag)
{
	struct authority_info *info = &authority->info;
	struct store *store = authority->store;
	uint8_t created[8];
	enum err err;

	err = meta_get(store, META_NAME, info->name, 1, ECOSYSTEM_NAME_MAX,
	    diag);
	if (!err)
		err = meta_get(store, META_URL, info->publish_url, 1,
		    PUBLISH_URL_MAX, diag);
	if (!err && strstr(info->publish_url, "://") == NULL)
		err = diag_fail(diag, ERR_CORRUPT, NULL,
		    "registry: %s is no URL", META_URL);
	if (!err)
		err = meta_get(store, META_ID, info->id, ECOSYSTEM_ID_SIZE,
		    ECOSYSTEM_ID_SIZE, diag);
	if (!err)
		err = meta_get(store, META_CREATED, created, sizeof(created),
		    sizeof(created), diag);
	if (!err)
		info->created = (int64_t)get_be64(created);
	return err;
}

static enum err
lock_take(struct authority *authority, struct diag *diag)
{
	char path[PATH_SIZE];
	enum err err;

	err = authority_path(authority, FILE_LOCK, path, diag);
	if (!err)
		err = file_open(authority->io, path, O_RDWR, 0,
		    &authority->lock, diag);
	if (!err)
		err = file_lock(&authority->lock, diag);
	if (err == ERR_BUSY)
		diag_hint(diag, "another imprint command works on this "
		    "ecosystem; wait for it to end");
	return err;
}

static enum err
nothing_there(const char *dir, int why, struct diag *diag)
{
	enum err err;

	if (why == EACCES) {
		err = diag_fail(diag, ERR_PERMISSION, NULL,
		    "%s: this user may not look into it", dir);
		diag_hint(diag, "run it as the user who made the ecosystem");
		return err;
	}
	err = diag_fail(diag, ERR_NOTFOUND, NULL, "%s: no ecosystem here",
	    dir);
	diag_hint(diag, "make one with 'imprint init', or name another place "
	    "with --home and --ecosystem");
	return err;
}

enum err
authority_open(const struct io *io, const char *dir,
    enum authority_mode mode, struct authority **ret_authority,
    struct diag *diag)
{
	_cleanup_authority_ struct authority *authority = NULL;
	char path[PATH_SIZE];
	enum err err;

	authority = calloc(1, sizeof(*authority));
	if (authority == NULL)
		return diag_nomem(diag);
	authority->io = io;
	authority->mode = mode;
	authority->lock = (struct file)FILE_INIT;
	if (snprintf(authority->dir, PATH_SIZE, "%s", dir) >= PATH_SIZE)
		return diag_fail(diag, ERR_LIMIT, NULL, "path too long: %s",
		    dir);
	err = authority_path(authority, FILE_REGISTRY, path, diag);
	if (err)
		return err;
	if (!io_exists(io, path))
		return nothing_there(dir, errno, diag);
	if (mode == AUTHORITY_WRITE)
		err = lock_take(authority, diag);
	if (!err)
		err = store_open(io, path, mode == AUTHORITY_WRITE ?
		    STORE_WRITE : STORE_READ, &authority->store, diag);
	if (!err)
		err = info_load(authority, diag);
	if (err)
		return err;
	*ret_authority = authority;
	authority = NULL;	/* transferred */
	return ERR_OK;
}

enum err
authority_certificate(struct authority *authority, const char *name,
    struct buf *out, struct diag *diag)
{
	struct store_object object;

	return object_get(authority->store, authority->row_mac,
	    STORE_CERTIFICATE, name, NULL, out, &object, diag);
}

static enum err
clock_check(struct authority *authority, int64_t now, struct diag *diag)
{
	_cleanup_buf_ struct buf der = BUF_INIT;
	char have[TIME_TEXT_SIZE], need[TIME_TEXT_SIZE];
	struct x509_info info;
	enum err err;

	err = authority_certificate(authority, KEY_ROOT, &der, diag);
	if (!err)
		err = x509_read(buf_bytes(&der), &info, diag);
	if (err || now >= info.not_before)
		return err;
	time_format(now, have);
	time_format(info.not_before, need);
	err = diag_fail(diag, ERR_CLOCK, "RFC 5280 4.1.2.5",
	    "clock: it says %s, but the root certificate is valid from %s",
	    have, need);
	diag_hint(diag, "set the system's clock; nothing was signed");
	return err;
}

/*
 * Is it the keystore of this ecosystem? One from another, under the same
 * passphrase, would sign what no certificate of ours verifies.
 */
static enum err
key_check(struct authority *authority, struct keystore *keystore,
    const char *label, const char *certificate, struct diag *diag)
{
	_cleanup_buf_ struct buf der = BUF_INIT;
	struct public_key key;
	struct x509_info info;
	enum err err;

	err = authority_certificate(authority, certificate, &der, diag);
	if (!err)
		err = x509_read(buf_bytes(&der), &info, diag);
	if (err)
		return err;
	err = keystore_public(keystore, label, &key, diag);
	if (err == ERR_NOTFOUND)
		diag_hint(diag, "it is older than the registry, or of another "
		    "ecosystem: bring the right one back; nothing was "
		    "signed");
	if (err || (key.len == info.public_key.len &&
	    memcmp(key.raw, info.public_key.raw, key.len) == 0))
		return err;
	err = diag_fail(diag, ERR_CONFLICT, NULL,
	    "keystore of %s: its key %s is not that of the certificate",
	    authority->dir, label);
	diag_hint(diag, "it is of another ecosystem: bring the right one "
	    "back; nothing was signed");
	return err;
}

static enum err
keystore_check(struct authority *authority, struct keystore *keystore,
    struct diag *diag)
{
	static const struct {
		const char *label, *certificate;
	} pairs[] = {
		{ KEY_ROOT, "root" },
		{ KEY_INFRA, "infra" },
		{ "issuer." LOG_BULK, LOG_BULK },
		{ "issuer." LOG_ONLINE, LOG_ONLINE },
	};
	struct authority_signer signer;
	char name[SIGNER_NAME_SIZE];
	uint32_t number;
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]) && !err; i++)
		err = key_check(authority, keystore, pairs[i].label,
		    pairs[i].certificate, diag);
	if (!err)
		err = signer_current(authority, &signer, diag);
	for (number = 1; !err && number <= signer.number; number++) {
		signer_name(number, name);
		err = key_check(authority, keystore, name, name, diag);
	}
	return err;
}

/* Read again, this time under the MAC: unlocked, all of it is known good. */
static enum err
authority_check_certificates(struct authority *authority, struct diag *diag)
{
	static const char *const names[] = { KEY_ROOT, KEY_INFRA, LOG_BULK,
	    LOG_ONLINE };
	_cleanup_buf_ struct buf der = BUF_INIT;
	struct authority_signer signer;
	size_t i;
	enum err err;

	err = signer_current(authority, &signer, diag);
	for (i = 0; i < sizeof(names) / sizeof(names[0]) && !err; i++)
		err = authority_certificate(authority, names[i], &der, diag);
	return err;
}

enum err
authority_unlock(struct authority *authority, struct bytes passphrase,
    int64_t now, struct diag *diag)
{
	_cleanup_keystore_ struct keystore *keystore = NULL;
	_cleanup_secret_ struct secret row_key = SECRET_INIT;
	_cleanup_hmac_ struct hmac *row_mac = NULL;
	char path[PATH_SIZE];
	enum err err;

	err = clock_check(authority, now, diag);
	if (!err)
		err = authority_path(authority, FILE_KEYSTORE, path, diag);
	if (!err)
		err = keystore_file_open(authority->io, path, passphrase,
		    &keystore, diag);
	if (!err)
		err = keystore_check(authority, keystore, diag);
	if (!err)
		err = keystore_secret(keystore, KEY_ROW, &row_key, diag);
	if (!err)
		err = hmac_new(secret_bytes(&row_key), &row_mac, diag);
	if (err)
		return err;
	hmac_free(&authority->row_mac);
	authority->row_mac = row_mac;
	row_mac = NULL;		/* transferred */
	keystore_free(&authority->keystore);
	authority->keystore = keystore;
	keystore = NULL;	/* transferred */
	err = authority_check_certificates(authority, diag);
	if (!err)
		err = operation_unlock(authority, now, diag);
	if (!err)
		err = anchor_check(authority, now, diag);
	if (err) {
		hmac_free(&authority->row_mac);
		keystore_free(&authority->keystore);
	}
	return err;
}

enum err
authority_need_keys(const struct authority *authority, struct diag *diag)
{
	if (authority->keystore != NULL)
		return ERR_OK;
	return diag_fail(diag, ERR_STATE, NULL,
	    "ecosystem %s: its keystore is locked", authority->info.name);
}

enum err
authority_template(struct authority *authority, uint32_t id,
    struct template **ret_template, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	char name[STORE_NAME_MAX + 1];
	struct store_object object;
	enum err err;

	(void)snprintf(name, sizeof(name), "%u", id);
	err = object_get(authority->store, authority->row_mac,
	    STORE_TEMPLATE, name, NULL, &body, &object, diag);
	if (err)
		return err;
	return template_decode(object.body, ret_template, diag);
}

/* Another first item than a head's or an object's. */
static enum err
tree_mac(struct authority *authority, uint32_t log, struct bytes encoded,
    uint8_t ret_mac[SHA256_SIZE])
{
	uint8_t number[4];
	struct bytes parts[] = { bytes_text(TREE_LABEL),
	    bytes_of(number, sizeof(number)), encoded };

	put_be32(number, log);
	return hmac_parts(authority->row_mac, parts, 3, ret_mac);
}

enum err
authority_tree_put(struct authority *authority, uint32_t log,
    const struct merkle *tree, struct buf *out, struct diag *diag)
{
	uint8_t mac[SHA256_SIZE];
	enum err err;

	buf_clear(out);
	merkle_encode(tree, out);
	err = buf_err(out);
	if (!err && log != LOG_OPERATIONS_NUMBER) {
		err = tree_mac(authority, log, buf_bytes(out), mac);
		buf_put(out, mac, sizeof(mac));
	}
	if (!err)
		err = buf_err(out);
	return err ? diag_fail(diag, err, NULL, "log %u: tree", log) : ERR_OK;
}

static enum err
tree_get(struct authority *authority, uint32_t log, struct bytes stored,
    struct merkle *ret_tree)
{
	struct bytes encoded = stored;
	uint8_t mac[SHA256_SIZE];
	enum err err;

	if (stored.len == 0)
		return ERR_OK;
	if (log == LOG_OPERATIONS_NUMBER)
		return merkle_decode(stored, ret_tree);
	if (stored.len <= SHA256_SIZE)
		return ERR_CORRUPT;
	encoded.len -= SHA256_SIZE;
	if (authority->row_mac != NULL) {
		err = tree_mac(authority, log, encoded, mac);
		if (err)
			return err;
		if (!secret_equal(bytes_of(mac, SHA256_SIZE),
		    bytes_of(stored.ptr + encoded.len, SHA256_SIZE)))
			return ERR_CORRUPT;
	}
	return merkle_decode(encoded, ret_tree);
}

enum err
authority_log(struct authority *authority, uint32_t log,
    struct store_log *ret_log, struct merkle *ret_tree, struct diag *diag)
{
	_cleanup_buf_ struct buf frontier = BUF_INIT, note = BUF_INIT;
	struct merkle tree = MERKLE_INIT;
	enum err err;

	err = store_log_get(authority->store, log, ret_log, &frontier, &note,
	    diag);
	if (!err)
		err = tree_get(authority, log, buf_bytes(&frontier), &tree);
	if (!err && tree.size != ret_log->size)
		err = ERR_CORRUPT;
	if (err)
		return diag_fail(diag, err, NULL, "log %u: its tree was "
		    "altered, or does not fit its entries", log);
	*ret_tree = tree;
	return ERR_OK;
}

void
authority_origin(const char *publish_url, const char *log,
    char ret_origin[CHECKPOINT_ORIGIN_MAX + 1])
{
	(void)snprintf(ret_origin, CHECKPOINT_ORIGIN_MAX + 1, "%s/log/%s",
	    strstr(publish_url, "://") + 3, log);
}

enum err
authority_object_get(struct authority *authority, enum store_kind kind,
    const char *name, const char *version, struct buf *body_out,
    struct store_object *ret_object, struct diag *diag)
{
	return object_get(authority->store, authority->row_mac, kind, name,
	    version, body_out, ret_object, diag);
}

enum err
authority_object_by_hash(struct authority *authority, enum store_kind kind,
    const uint8_t hash[STORE_HASH_SIZE], struct buf *body_out,
    struct store_object *ret_object, struct diag *diag)
{
	return object_by_hash(authority->store, authority->row_mac, kind,
	    hash, body_out, ret_object, diag);
}

enum err
authority_object_each(struct authority *authority, enum store_kind kind,
    enum err (*each)(void *ctx, const struct store_object *), void *ctx,
    struct diag *diag)
{
	return object_each(authority->store, authority->row_mac, kind, each,
	    ctx, diag);
}
