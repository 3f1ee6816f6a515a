/*
 * An entry of an issuance log: deterministic CBOR array
 * [version, kind, index, evidence class, commitment]. It tells nothing about
 * the device: the commitment is SHA-256 of a claims set that holds a secret
 * salt. A void entry carries null.
 */
#ifndef IMPRINT_LOG_ENTRY_H
#define IMPRINT_LOG_ENTRY_H

#include "lib/base/buf.h"
#include "lib/crypto/hash.h"

#define LOG_ENTRY_VERSION 1

enum log_entry_kind {
	LOG_ENTRY_IDENTITY = 1,
	LOG_ENTRY_VOID = 2	/* reserved, never issued; to be revoked */
};

/* What the authority verified before it issued. */
enum evidence_class {
	EVIDENCE_NONE = 0,
	EVIDENCE_ORDER = 1,	/* an order signed by an operator */
	/* such an order, and of its devices: */
	EVIDENCE_CHIP_MAKER = 2, /* a registered chip maker signed the list */
	EVIDENCE_APPROVED = 3,	/* a second operator approved the list */
	EVIDENCE_POSSESSION = 4, /* each key signed for itself */
	/* in the field, each key signed for itself, and the device with: */
	EVIDENCE_BOOTSTRAP = 5,	/* the identity of its factory */
	EVIDENCE_RENEWAL = 6,	/* the identity before this one */
	EVIDENCE_FRONT = 7,	/* the server's word for its TLS client alone:
				 * plain EST (RFC 7030) with a new key */
	/* renewed by its own key, and it goes back to such word */
	EVIDENCE_FRONT_RENEWAL = 8,
	/* a certificate of a registered manufacturer (IEEE 802.1AR) */
	EVIDENCE_MANUFACTURER = 9
};

/* commitment: SHA256_SIZE octets, or empty for a void entry. */
void	log_entry_put(struct buf *, enum log_entry_kind, uint64_t index,
	    enum evidence_class, struct bytes commitment);

#endif
