/*
 * A package: an identity document and the device's private keys.
 *
 * Inside (sealed):  [document, [[slot, alg, private], ...]]
 * As a device gets it, once the station has opened it:
 *   ["imprint-package", 1, document, [[slot, alg, private], ...],
 *    [certificate, ...]]
 * where the certificates (issuing CA, document signer, root) come from the
 * pack's header. All deterministic CBOR.
 *
 * Sealing: HPKE, one encapsulation for each chunk and recipient; a package's
 * AEAD key = Export("imprint package" || index as 8 octets, 32), used once,
 * nonce all zero; AAD = [pack, order, index, product hash, commitment,
 * recipient key id].
 */
#ifndef IMPRINT_IDENTITY_PACKAGE_H
#define IMPRINT_IDENTITY_PACKAGE_H

#include "lib/base/secret.h"
#include "lib/crypto/hpke.h"
#include "lib/policy/product.h"

#define PACKAGE_MAGIC		"imprint-package"
#define PACKAGE_VERSION		1
#define PACKAGE_SIZE_MAX	((size_t)64 << 10)
#define PACKAGE_ID_SIZE		16

/* What every package of a chunk is bound to. */
struct package_binding {
	uint8_t	pack[PACKAGE_ID_SIZE];
	uint8_t	order[PACKAGE_ID_SIZE];
	uint8_t	product[SHA256_SIZE];
	uint8_t	recipient[SHA256_SIZE];	/* COSE_Key thumbprint */
};

/* Seals for one chunk at a time; belongs to one thread. */
struct package_sealer;
MUST_USE enum err package_sealer_new(struct package_sealer **ret_sealer,
    struct diag *);
void	package_sealer_free(struct package_sealer **);
#define _cleanup_sealer_ __attribute__((cleanup(package_sealer_free)))
/* Fresh encapsulation; the last one is forgotten. */
MUST_USE enum err package_sealer_begin(struct package_sealer *,
    const struct package_binding *, const struct public_key *recipient,
    uint8_t ret_enc[HPKE_ENC_MAX], size_t *ret_enc_len, struct diag *);
/* Appends the sealed package to out. keys: by slot of the template. */
struct package_key {
	unsigned	slot;
	enum key_alg	alg;
	struct bytes	private;	/* secret memory */
};
MUST_USE enum err package_seal(struct package_sealer *, uint64_t index,
    const uint8_t commitment[SHA256_SIZE], struct bytes document,
    const struct package_key *keys, size_t key_count, struct buf *out,
    struct diag *);

/* Opens packages of one chunk. */
struct package_opener;
MUST_USE enum err package_opener_new(const struct package_binding *,
    enum key_alg, struct bytes private, struct bytes enc,
    struct package_opener **ret_opener, struct diag *);
void	package_opener_free(struct package_opener **);
#define _cleanup_opener_ __attribute__((cleanup(package_opener_free)))
/*
 * Open and write out the form a device gets, with certs (each DER). ERR_AUTH
 * when it is not for this key, altered, or of another place. out: its room is
 * used again (secret_reserve()); given back on failure.
 */
MUST_USE enum err package_open(struct package_opener *, uint64_t index,
    const uint8_t commitment[SHA256_SIZE], struct bytes sealed,
    const struct bytes *certs, size_t cert_count, struct secret *out,
    struct diag *);

#endif
