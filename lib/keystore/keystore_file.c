#include "lib/keystore/keystore.h"

#include <stdlib.h>

#include "lib/base/cbor.h"
#include "lib/crypto/hpke.h"
#include "lib/crypto/random.h"
#include "lib/crypto/scrypt.h"

/*
 * magic (8), version (1), log2 N (1), r (1), p (1), salt (32), nonce (12);
 * then ciphertext and tag, all of the above authenticated with them.
 */
#define MAGIC			"IMPRKEYS"
#define MAGIC_SIZE		8
#define FORMAT_VERSION		1
#define AT_VERSION		8
#define AT_LOG2_N		9
#define AT_R			10
#define AT_P			11
#define AT_SALT			12
#define SALT_SIZE		32
#define AT_NONCE		(AT_SALT + SALT_SIZE)
#define NONCE_SIZE		12
#define HEADER_SIZE		(AT_NONCE + NONCE_SIZE)

#define LOG2_N_DEFAULT		15
#define LOG2_N_MIN		10
#define LOG2_N_MAX		18
#define R_DEFAULT		8
#define R_MAX			8
#define P_DEFAULT		1
#define P_MAX			4

/* An entry's share: label, heads, algorithm, value; and the map's head. */
#define ENTRY_MAX		(KEYSTORE_LABEL_MAX + KEYSTORE_SECRET_MAX + 8)
#define CONTENT_MAX		(3 + KEYSTORE_KEYS_MAX * ENTRY_MAX)
#define FILE_MAX		(HEADER_SIZE + CONTENT_MAX + HPKE_TAG_SIZE)

/* Keys of an entry's map: {alg, private} or {secret}. */
enum { ENTRY_ALG = 1, ENTRY_PRIVATE = 2, ENTRY_SECRET = 3 };

struct entry {
	char			label[KEYSTORE_LABEL_MAX + 1];
	bool			is_pair;
	struct public_key	public;		/* of a pair */
	size_t			at, len;	/* its value in values */
};

struct key_file {
	const struct io	*io;
	char		*path;
	struct secret	 passphrase;
	struct secret	 values;	/* private keys and secrets */
	struct entry	*entries;	/* in the file's order of labels */
	size_t		 count;
	bool		 exists;	/* on disk, made by an earlier save */
};

static void
key_file_free(void *state)
{
	struct key_file *f = state;

	if (f == NULL)
		return;
	secret_release(&f->passphrase);
	secret_release(&f->values);
	free(f->entries);
	free(f->path);
	free(f);
}

static void
key_file_cleanup(struct key_file **f)
{
	key_file_free(*f);
}

#define _cleanup_key_file_ __attribute__((cleanup(key_file_cleanup)))

static enum err
key_file_new(const struct io *io, const char *path, struct bytes passphrase,
    struct key_file **ret_file, struct diag *diag)
{
	_cleanup_key_file_ struct key_file *f = NULL;

	if (passphrase.len == 0) {
		(void)diag_fail(diag, ERR_INVALID, NULL,
		    "keystore %s: the passphrase is empty", path);
		diag_hint(diag, "give a passphrase of at least one character");
		return ERR_INVALID;
	}
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return diag_nomem(diag);
	f->io = io;
	f->path = strdup(path);
	f->entries = calloc(KEYSTORE_KEYS_MAX, sizeof(*f->entries));
	if (f->path == NULL || f->entries == NULL ||
	    secret_copy(&f->passphrase, passphrase) != ERR_OK ||
	    secret_alloc(&f->values,
	    KEYSTORE_KEYS_MAX * KEYSTORE_SECRET_MAX) != ERR_OK)
		return diag_nomem(diag);
	*ret_file = f;
	f = NULL;	/* transferred */
	return ERR_OK;
}

/* Deterministic CBOR's order: the shorter first, then by octets. */
static int
label_compare(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);

	if (la != lb)
		return la < lb ? -1 : 1;
	return memcmp(a, b, la);
}

/* Its place, or that of the first label after it. */
static size_t
entry_place(const struct key_file *f, const char *label)
{
	size_t i;

	for (i = 0; i < f->count; i++)
		if (label_compare(f->entries[i].label, label) >= 0)
			break;
	return i;
}

static enum err
entry_find(const struct key_file *f, const char *label,
    const struct entry **ret_entry, struct diag *diag)
{
	size_t i = entry_place(f, label);

	if (i == f->count || label_compare(f->entries[i].label, label) != 0)
		return diag_fail(diag, ERR_NOTFOUND, NULL,
		    "keystore %s: no key with the label %s", f->path, label);
	*ret_entry = &f->entries[i];
	return ERR_OK;
}

static struct bytes
entry_value(const struct key_file *f, const struct entry *e)
{
	return bytes_of(f->values.ptr + e->at, e->len);
}

/* Is the label free, and is there room? */
static enum err
entry_allowed(const struct key_file *f, const char *label, struct diag *diag)
{
	size_t i = entry_place(f, label);

	if (i < f->count && label_compare(f->entries[i].label, label) == 0)
		return diag_fail(diag, ERR_EXISTS, NULL,
		    "keystore %s: the label %s is taken; labels are never"
		    " reused", f->path, label);
	if (f->count == KEYSTORE_KEYS_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "keystore %s: it holds %d keys, no more fit", f->path,
		    KEYSTORE_KEYS_MAX);
	return ERR_OK;
}

/* Take in the last len octets of values. public: NULL for a secret. */
static void
entry_insert(struct key_file *f, const char *label, size_t len,
    const struct public_key *public)
{
	size_t i = entry_place(f, label);
	struct entry *e = &f->entries[i];

	memmove(e + 1, e, (f->count - i) * sizeof(*e));
	memset(e, 0, sizeof(*e));
	memcpy(e->label, label, strlen(label) + 1);
	e->at = f->values.len - len;
	e->len = len;
	e->is_pair = public != NULL;
	if (public != NULL)
		public_key_copy(&e->public, public);
	f->count++;
}

/* The authority's own keys; all of them have KEY_PRIVATE_SIZE octets. */
static bool
alg_is_kept(uint64_t alg)
{
	return alg == KEY_P256 || alg == KEY_X25519 || alg == KEY_ED25519;
}

static enum err
key_file_generate(void *state, const char *label, enum key_alg alg,
    struct diag *diag)
{
	_cleanup_keygen_ struct keygen *keygen = NULL;
	struct key_file *f = state;
	struct public_key public;
	size_t len = 0;
	enum err err;

	if (!alg_is_kept((uint64_t)alg))
		return diag_fail(diag, ERR_INVALID, NULL,
		    "key %s: the keystore keeps P-256, X25519 and Ed25519",
		    label);
	err = entry_allowed(f, label, diag);
	if (!err)
		err = keygen_new(alg, &keygen, diag);
	if (err)
		return err;
	err = keygen_run(keygen, &public, f->values.ptr + f->values.len,
	    &len);
	if (err)
		return diag_fail(diag, err, NULL,
		    "key %s: the key pair could not be made", label);
	f->values.len += len;
	entry_insert(f, label, len, &public);
	return ERR_OK;
}

static enum err
key_file_generate_secret(void *state, const char *label, size_t len,
    struct diag *diag)
{
	struct key_file *f = state;
	enum err err;

	err = entry_allowed(f, label, diag);
	if (!err)
		err = random_bytes(f->values.ptr + f->values.len, len, diag);
	if (err)
		return err;
	f->values.len += len;
	entry_insert(f, label, len, NULL);
	return ERR_OK;
}

static enum err
key_file_public(void *state, const char *label, struct public_key *ret_public,
    struct diag *diag)
{
	const struct entry *e;
	enum err err;

	err = entry_find(state, label, &e, diag);
	if (err)
		return err;
	if (!e->is_pair)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "key %s: a symmetric key has no public part", label);
	*ret_public = e->public;
	return ERR_OK;
}

static enum err
key_file_signer(void *state, const char *label, struct signer **ret_signer,
    struct diag *diag)
{
	const struct entry *e;
	enum err err;

	err = entry_find(state, label, &e, diag);
	if (err)
		return err;
	if (!e->is_pair || e->public.alg == KEY_X25519)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "key %s: it is no signing key", label);
	return signer_new(e->public.alg, entry_value(state, e), ret_signer,
	    diag);
}

static enum err
key_file_secret(void *state, const char *label, struct secret *ret_secret,
    struct diag *diag)
{
	const struct entry *e;
	enum err err;

	err = entry_find(state, label, &e, diag);
	if (err)
		return err;
	if (e->is_pair)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "key %s: a key pair never leaves the keystore", label);
	err = secret_copy(ret_secret, entry_value(state, e));
	return err ? diag_nomem(diag) : ERR_OK;
}

/* A CBOR head (RFC 8949 3) into a secret; values here are below 2^16. */
static enum err
put_head(struct secret *s, enum cbor_type major, size_t value)
{
	uint8_t head[3] = { (uint8_t)(major << 5) };
	size_t len;

	if (value < 24) {
		head[0] = (uint8_t)(head[0] | value);
		len = 1;
	} else if (value < 0x100) {
		head[0] |= 24;
		head[1] = (uint8_t)value;
		len = 2;
	} else {
		head[0] |= 25;
		put_be16(head + 1, (uint16_t)value);
		len = 3;
	}
	return secret_put(s, bytes_of(head, len));
}

static enum err
put_string(struct secret *s, enum cbor_type major, struct bytes value)
{
	enum err err;

	err = put_head(s, major, value.len);
	return err ? err : secret_put(s, value);
}

static enum err
put_entry(struct secret *s, const struct key_file *f, const struct entry *e)
{
	enum err err;

	err = put_string(s, CBOR_TSTR, bytes_text(e->label));
	if (!err)
		err = put_head(s, CBOR_MAP, e->is_pair ? 2 : 1);
	if (!err && e->is_pair)
		err = put_head(s, CBOR_UINT, ENTRY_ALG);
	if (!err && e->is_pair)
		err = put_head(s, CBOR_UINT, (size_t)e->public.alg);
	if (!err)
		err = put_head(s, CBOR_UINT,
		    e->is_pair ? ENTRY_PRIVATE : ENTRY_SECRET);
	return err ? err : put_string(s, CBOR_BSTR, entry_value(f, e));
}

static enum err
content_write(const struct key_file *f, struct secret *content)
{
	enum err err;
	size_t i;

	err = secret_alloc(content, CONTENT_MAX);
	if (!err)
		err = put_head(content, CBOR_MAP, f->count);
	for (i = 0; !err && i < f->count; i++)
		err = put_entry(content, f, &f->entries[i]);
	return err;
}

static enum err
entry_parse(struct key_file *f, struct cbor *c, struct diag *diag)
{
	struct bytes label, value;
	struct public_key public;
	char text[KEYSTORE_LABEL_MAX + 1];
	uint64_t alg = 0;
	bool is_pair;
	enum err err;

	label = cbor_get_tstr(c);
	is_pair = cbor_get_map(c) == 2;
	if (is_pair && cbor_get_uint(c) == ENTRY_ALG)
		alg = cbor_get_uint(c);
	if (cbor_get_uint(c) != (is_pair ? ENTRY_PRIVATE : ENTRY_SECRET))
		cbor_fail(c, "unknown kind of key");
	value = cbor_get_bstr(c);
	if (!cbor_ok(c) || label.len == 0 || label.len > KEYSTORE_LABEL_MAX ||
	    memchr(label.ptr, '\0', label.len) != NULL ||
	    value.len == 0 || value.len > KEYSTORE_SECRET_MAX ||
	    (is_pair && !alg_is_kept(alg)))
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "keystore %s: an entry is malformed", f->path);
	memcpy(text, label.ptr, label.len);
	text[label.len] = '\0';
	if (is_pair) {
		err = key_derive_public((enum key_alg)alg, value,
		    &public, diag);
		if (err)
			return err;
	}
	err = entry_allowed(f, text, diag);
	if (!err)
		err = secret_put(&f->values, value);
	if (!err)
		entry_insert(f, text, value.len, is_pair ? &public : NULL);
	return err;
}

static enum err
content_parse(struct key_file *f, struct bytes content, struct diag *diag)
{
	struct cbor c;
	size_t i, count;
	enum err err;

	cbor_open(&c, content);
	count = cbor_get_map(&c);
	for (i = 0; i < count && cbor_ok(&c); i++) {
		err = entry_parse(f, &c, diag);
		if (err)
			return err;
	}
	if (!cbor_close(&c))
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "keystore %s: content: %s", f->path, c.error);
	return ERR_OK;
}

static enum err
header_derive(const struct key_file *f, const uint8_t header[HEADER_SIZE],
    struct secret *key, struct diag *diag)
{
	return scrypt_derive(secret_bytes(&f->passphrase),
	    bytes_of(header + AT_SALT, SALT_SIZE),
	    UINT64_C(1) << header[AT_LOG2_N], header[AT_R], header[AT_P], key,
	    diag);
}

/* A file's bytes: a fresh salt and nonce, hence a fresh key, each time. */
static enum err
file_seal(const struct key_file *f, struct buf *out, struct diag *diag)
{
	_cleanup_secret_ struct secret content = SECRET_INIT;
	_cleanup_secret_ struct secret key = SECRET_INIT;
	_cleanup_aead_ struct aead *aead = NULL;
	uint8_t header[HEADER_SIZE] = MAGIC;
	enum err err;

	header[AT_VERSION] = FORMAT_VERSION;
	header[AT_LOG2_N] = LOG2_N_DEFAULT;
	header[AT_R] = R_DEFAULT;
	header[AT_P] = P_DEFAULT;
	err = random_bytes(header + AT_SALT, SALT_SIZE + NONCE_SIZE, diag);
	if (!err)
		err = content_write(f, &content);
	if (!err)
		err = header_derive(f, header, &key, diag);
	if (!err)
		err = aead_new(&aead, diag);
	if (err)
		return err;
	buf_put(out, header, sizeof(header));
	err = aead_seal(aead, key.ptr, header + AT_NONCE,
	    bytes_of(header, sizeof(header)), secret_bytes(&content), out);
	return err ? err : buf_err(out);
}

static enum err
key_file_save(void *state, struct diag *diag)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct key_file *f = state;
	enum err err;

	err = file_seal(f, &out, diag);
	if (err)
		return diag_fail(diag, err, NULL,
		    "keystore %s: cannot be encrypted", f->path);
	if (f->exists)
		return io_write_file(f->io, f->path, buf_bytes(&out), 0600,
		    diag);
	err = io_create_file(f->io, f->path, buf_bytes(&out), 0600, diag);
	if (!err)
		f->exists = true;
	return err;
}

static const struct keystore_ops key_file_ops = {
	.free = key_file_free,
	.generate = key_file_generate,
	.generate_secret = key_file_generate_secret,
	.save = key_file_save,
	.public_key = key_file_public,
	.signer = key_file_signer,
	.secret = key_file_secret
};

static enum err
header_check(const char *path, struct bytes file, struct diag *diag)
{
	const uint8_t *h = file.ptr;

	if (file.len < HEADER_SIZE + HPKE_TAG_SIZE ||
	    memcmp(h, MAGIC, MAGIC_SIZE) != 0)
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "keystore %s: it is no keystore, or cut short", path);
	if (h[AT_VERSION] != FORMAT_VERSION)
		return diag_fail(diag, ERR_VERSION, NULL,
		    "keystore %s: version %u; this program reads %d", path,
		    h[AT_VERSION], FORMAT_VERSION);
	/* a stranger's file must not choose how long we work */
	if (h[AT_LOG2_N] < LOG2_N_MIN || h[AT_LOG2_N] > LOG2_N_MAX ||
	    h[AT_R] == 0 || h[AT_R] > R_MAX || h[AT_P] == 0 || h[AT_P] > P_MAX)
		return diag_fail(diag, ERR_SYNTAX, "RFC 7914 2",
		    "keystore %s: scrypt N 2^%u, r %u, p %u: out of bounds",
		    path, h[AT_LOG2_N], h[AT_R], h[AT_P]);
	return ERR_OK;
}

/* The content of a checked file. ERR_AUTH. */
static enum err
file_unseal(const struct key_file *f, struct bytes file,
    struct secret *content, struct diag *diag)
{
	_cleanup_secret_ struct secret key = SECRET_INIT;
	_cleanup_aead_ struct aead *aead = NULL;
	enum err err;

	err = header_derive(f, file.ptr, &key, diag);
	if (!err)
		err = aead_new(&aead, diag);
	if (!err && secret_alloc(content, CONTENT_MAX) != ERR_OK)
		err = diag_nomem(diag);
	if (err)
		return err;
	err = aead_open(aead, key.ptr, file.ptr + AT_NONCE,
	    bytes_of(file.ptr, HEADER_SIZE),
	    bytes_of(file.ptr + HEADER_SIZE, file.len - HEADER_SIZE), content);
	if (err == ERR_AUTH) {
		(void)diag_fail(diag, err, NULL, "keystore %s: wrong"
		    " passphrase, or the file was altered", f->path);
		diag_hint(diag, "try the passphrase again; if it is right,"
		    " restore the file from a backup");
	}
	return err ? diag_fail(diag, err, NULL,
	    "keystore %s: cannot be decrypted", f->path) : ERR_OK;
}

static enum err
keystore_wrap(struct key_file **f, struct keystore **ret_keystore,
    struct diag *diag)
{
	enum err err;

	err = keystore_new(&key_file_ops, *f, ret_keystore, diag);
	if (!err)
		*f = NULL;	/* transferred */
	return err;
}

enum err
keystore_file_create(const struct io *io, const char *path,
    struct bytes passphrase, struct keystore **ret_keystore,
    struct diag *diag)
{
	_cleanup_key_file_ struct key_file *f = NULL;
	enum err err;

	err = key_file_new(io, path, passphrase, &f, diag);
	return err ? err : keystore_wrap(&f, ret_keystore, diag);
}

enum err
keystore_file_open(const struct io *io, const char *path,
    struct bytes passphrase, struct keystore **ret_keystore,
    struct diag *diag)
{
	_cleanup_secret_ struct secret content = SECRET_INIT;
	_cleanup_key_file_ struct key_file *f = NULL;
	_cleanup_buf_ struct buf file = { .limit = FILE_MAX };
	enum err err;

	err = key_file_new(io, path, passphrase, &f, diag);
	if (!err)
		err = io_read_file(io, path, &file, diag);
	if (!err)
		err = header_check(path, buf_bytes(&file), diag);
	if (!err)
		err = file_unseal(f, buf_bytes(&file), &content, diag);
	if (!err)
		err = content_parse(f, secret_bytes(&content), diag);
	if (err)
		return err;
	f->exists = true;
	return keystore_wrap(&f, ret_keystore, diag);
}
