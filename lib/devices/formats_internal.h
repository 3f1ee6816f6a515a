/*
 * The readers of what chip makers and lines hand in: one file each, all to
 * the canonical list of lib/identity/device_list.h. Internal to lib/devices.
 *
 * Each refuses the list whole for one bad entry, with its place, and tells
 * of all bad ones (reading.h).
 */
#ifndef IMPRINT_DEVICES_FORMATS_INTERNAL_H
#define IMPRINT_DEVICES_FORMATS_INTERNAL_H

#include "lib/identity/device_list.h"

/*
 * "manifest": a JSON array with one JWS for each chip (RFC 7515 7.2.2), as
 * Microchip makes them for its Trust Platform: ES256 by the certificate that
 * x5t#S256 names, which must be a signer's itself. The payload's uniqueId is
 * the id, in hexadecimal; of publicKeySet the key is taken whose kid is the
 * slot's number, or input->key_id. SIGNED with CHIPS, MANIFEST with KEYS.
 */
extern const struct device_list_format device_manifest_format;
/*
 * "csv": a header line, then a device each. Columns: "id", hexadecimal or
 * missing; "key", of the only slot, or "key-N" of slot N; "/ALG" behind it
 * says the algorithm of raw keys. Keys in hexadecimal or base64: raw, as a
 * compressed point, or SubjectPublicKeyInfo. With a detached CMS signature
 * SIGNED or MANIFEST, without one APPROVED.
 */
extern const struct device_list_format device_csv_format;
/*
 * "csr": certification requests, PEM or DER, one after another. Only key and
 * proof are taken; ids are empty. POSSESSION with KEYS, APPROVED with CHIPS,
 * for that a key is proved makes no chip of it.
 */
extern const struct device_list_format device_csr_format;
/*
 * "cose": a sequence of COSE_Sign1, typ "application/imprint-key-proof+cose",
 * over [1, id, slot, COSE_Key, text]: docs/protocol/lists.md. Trust as csr.
 */
extern const struct device_list_format device_cose_format;

#define DEVICE_PROOF_TYP	"application/imprint-key-proof+cose"

#endif
