/*
 * A chip's package on its way from the station to the chip: what lies in the
 * pack, with all that opening it takes. Deterministic CBOR
 *
 *   ["imprint-chip-package", 1, pack, order, index, product hash, commitment,
 *    key id of the chip, enc, sealed, [certificate, ...]]
 *
 * Nothing in it is secret, and nothing here is signed: what is inside is.
 */
#ifndef IMPRINT_IDENTITY_CHIP_PACKAGE_H
#define IMPRINT_IDENTITY_CHIP_PACKAGE_H

#include "lib/crypto/cose.h"
#include "lib/identity/pack.h"

#define CHIP_PACKAGE_MAGIC	"imprint-chip-package"
#define CHIP_PACKAGE_VERSION	1

/* sealed: as pack_read_sealed() gave it, of a pack for chips. */
void	chip_package_put(struct buf *, const struct pack_header *,
	    const struct pack_sealed *);
/*
 * Open with the chip's private key, into the form a device gets. ERR_SYNTAX,
 * ERR_VERSION, ERR_AUTH (another chip's, altered). out: SECRET_INIT.
 */
MUST_USE enum err chip_package_open(struct bytes encoded, enum key_alg,
    struct bytes private, struct secret *out, struct diag *);

#endif
