/*
 * Where an authority's own keys live. One interface, homes behind it: the
 * encrypted software file (keystore_file.c); PKCS#11 will be another table.
 *
 * Keys are named by label, one key per purpose; a label is never reused.
 * Signing keys never leave: a signer does their work. Symmetric index keys
 * (small, in every backup) can be read into a secret.
 */
#ifndef IMPRINT_KEYSTORE_KEYSTORE_H
#define IMPRINT_KEYSTORE_KEYSTORE_H

#include "lib/base/diag.h"
#include "lib/base/io.h"
#include "lib/base/secret.h"
#include "lib/crypto/key.h"

#define KEYSTORE_LABEL_MAX	63	/* [a-z0-9.-]+ */
#define KEYSTORE_KEYS_MAX	256
#define KEYSTORE_SECRET_MAX	64	/* octets of a symmetric key */

struct keystore;

/* What a home of keys offers; state is its own. */
struct keystore_ops {
	void	 (*free)(void *state);
	enum err (*generate)(void *state, const char *label, enum key_alg,
		    struct diag *);
	enum err (*generate_secret)(void *state, const char *label,
		    size_t len, struct diag *);
	enum err (*save)(void *state, struct diag *);
	enum err (*public_key)(void *state, const char *label,
		    struct public_key *ret_public, struct diag *);
	enum err (*signer)(void *state, const char *label,
		    struct signer **ret_signer, struct diag *);
	enum err (*secret)(void *state, const char *label,
		    struct secret *ret_secret, struct diag *);
};

MUST_USE enum err keystore_new(const struct keystore_ops *, void *state,
    struct keystore **ret_keystore, struct diag *);
void	keystore_free(struct keystore **);
#define _cleanup_keystore_ __attribute__((cleanup(keystore_free)))

/*
 * New keys exist in memory until keystore_save() has returned ERR_OK.
 * ERR_EXISTS when the label is taken, ERR_LIMIT beyond KEYSTORE_KEYS_MAX.
 */
MUST_USE enum err keystore_generate(struct keystore *, const char *label,
    enum key_alg, struct diag *);
MUST_USE enum err keystore_generate_secret(struct keystore *,
    const char *label, size_t len, struct diag *);
MUST_USE enum err keystore_save(struct keystore *, struct diag *);
/* ERR_NOTFOUND. */
MUST_USE enum err keystore_public(struct keystore *, const char *label,
    struct public_key *ret_public, struct diag *);
/* A signer of its own for each thread; independent of the keystore's life. */
MUST_USE enum err keystore_signer(struct keystore *, const char *label,
    struct signer **ret_signer, struct diag *);
MUST_USE enum err keystore_secret(struct keystore *, const char *label,
    struct secret *ret_secret, struct diag *);

/*
 * The software file: magic "IMPRKEYS", version, scrypt parameters (RFC 7914,
 * N 2^15 by default, r 8, p 1) and salt in the clear and authenticated,
 * content AES-256-GCM under the derived key, a fresh salt and nonce at each
 * save. Parameters read from a file are bounded before use.
 *
 * create: in memory until saved; ERR_EXISTS when the path is taken at save.
 * open: ERR_AUTH on a wrong passphrase or altered file, ERR_VERSION,
 * ERR_SYNTAX, ERR_NOTFOUND.
 */
MUST_USE enum err keystore_file_create(const struct io *, const char *path,
    struct bytes passphrase, struct keystore **ret_keystore, struct diag *);
MUST_USE enum err keystore_file_open(const struct io *, const char *path,
    struct bytes passphrase, struct keystore **ret_keystore, struct diag *);

#endif
