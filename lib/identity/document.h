/*
 * The identity document as a reader sees it: the claims of claims.h, signed
 * in one of two ways.
 *
 *   direct   COSE_Sign1 (RFC 9052), tag 18, over the claims
 *   receipt  [claims, receipt]: a byte string and lib/log/receipt.h
 *
 * Parsing checks form, claim types and, with a receipt, that it is for the
 * index in the claims' status; whether the signature is good, the times fit
 * and the issuer is trusted is decided by verify/ (services) and device/
 * (devices).
 *
 * Unknown claims are passed over. Every view points into the input.
 */
#ifndef IMPRINT_IDENTITY_DOCUMENT_H
#define IMPRINT_IDENTITY_DOCUMENT_H

#include "lib/crypto/cose.h"
#include "lib/identity/claims.h"
#include "lib/log/receipt.h"

#define DOCUMENT_SIZE_MAX	((size_t)16 << 10)
#define DOCUMENT_ANCHORS_MAX	16

struct document_object {
	struct bytes	object;		/* text */
	uint32_t	bits;
};

struct document_key {
	unsigned		slot;
	enum product_purpose	purpose;
	enum product_maker	maker;
	struct bytes		certificate;	/* DER leaf, or empty: */
	struct bytes		key;		/* the bare key's COSE_Key */
};

struct document_anchor {
	struct bytes		purpose;	/* text */
	bool			is_key;
	struct bytes		key;		/* its COSE_Key, or */
	struct bytes		x5t;		/* 32 octets when not a key */
};

struct document_name {
	struct bytes	kind, text;
};

/* A name that is a UEID: an EUI or an IMEI. */
struct document_sueid {
	struct bytes	kind, ueid;	/* 7 to 33 octets */
};

struct document {
	enum product_signature	signature;
	struct cose_sign1	message;	/* or the receipt's */
	struct receipt		receipt;	/* unless direct */
	struct bytes		claims;		/* encoded */
	struct bytes		issuer;
	int64_t			issued, not_before, expires; /* expires:
							TIME_MAX_S if absent */
	struct bytes		salt;
	struct public_key	confirmation;	/* cnf */
	struct document_object	scope[PRODUCT_OBJECTS_MAX];
	size_t			scope_count;
	struct bytes		ueid;		/* 7 to 33 octets */
	struct document_sueid	sueids[PRODUCT_NAMES_MAX];
	size_t			sueid_count;
	uint32_t		oemid;
	struct bytes		hwmodel, hwversion, swname, swversion;
	struct bytes		profile;
	uint64_t		status_idx;
	struct bytes		status_uri;	/* empty: no status claim */
	struct document_object	capabilities[PRODUCT_OBJECTS_MAX];
	size_t			capability_count;
	struct document_key	keys[PRODUCT_SLOTS_MAX];
	size_t			key_count;
	struct document_anchor	anchors[DOCUMENT_ANCHORS_MAX];
	size_t			anchor_count;
	struct bytes		product;	/* 32 octets */
	uint64_t		policy;
	struct document_name	names[PRODUCT_NAMES_MAX];
	size_t			name_count;
};

/* ERR_SYNTAX, ERR_LIMIT, ERR_UNSUPPORTED, ERR_INVALID (no point of its
 * curve); diag names the claim. */
MUST_USE enum err document_parse(struct bytes, struct document *ret_document,
    struct diag *);
/*
 * What a label says of a device, of a document that somebody else answers for:
 * ueid, names and name_count are set, and nothing else. Views of the input, as
 * all of them. ERR_SYNTAX, ERR_LIMIT.
 */
MUST_USE enum err document_read_label(struct bytes, struct document *,
    struct diag *);

/* The public key of one of its COSE_Keys, which were checked when it was
 * parsed. */
MUST_USE enum err document_key_read(struct bytes cose_key,
    struct public_key *ret_key);

/* Is the signature the key's? With a receipt: are the claims, at the place it
 * names, in the tree that the key signed? */
MUST_USE enum err document_verify(const struct document *, struct verifier *,
    enum key_alg, struct sha256 *, bool *ret_good);

/* Put one together from claims and a chunk's tree, as receipt_put(). */
void	document_put_receipt(struct buf *, struct bytes claims,
	    struct bytes protected, const struct subtree *, uint32_t leaf,
	    const uint8_t sig[SIGNATURE_SIZE]);

/* Effective right: capabilities and scope; 0 when the object is in neither. */
uint32_t document_rights(const struct document *, struct bytes object);

/* Renderings for people and tools; the same claims. */
void	document_put_json(struct buf *, const struct document *);
/* The same in one line, without its end. */
void	document_put_json_line(struct buf *, const struct document *);
void	document_put_text(struct buf *, const struct document *);

#endif
