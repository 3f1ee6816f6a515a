/*
 * Makes identities of one template: certificates, claims, log leaf, stored
 * entry and signed document; and rebuilds them to the byte from an entry.
 * With receipts the document follows later, from claims and the chunk's tree:
 * document_put_receipt().
 *
 * One maker belongs to one thread; its contexts and buffers are set up once
 * and used for every identity. Private keys never come here.
 *
 * Entry: for each slot the public key (public_key_put_stored()) and, with a
 * certificate, its signature (64); then the document's (64), unless its
 * signature is a receipt.
 */
#ifndef IMPRINT_IDENTITY_MAKER_H
#define IMPRINT_IDENTITY_MAKER_H

#include "lib/identity/index.h"
#include "lib/identity/template.h"
#include "lib/log/entry.h"

struct identity_maker;

/*
 * Names that do not follow from the index: those of the identities first ..
 * first + count - 1, with numbers of names as the template has them.
 */
struct identity_names {
	uint64_t	first;
	uint32_t	count;
	/* from range: the value of the first one; the next has the next */
	uint64_t	value[PRODUCT_NAMES_MAX];
	/* from order-csv: canonical texts, name after name as the template
	 * has them, identity after identity; owned by the caller */
	const char	(*text)[NAME_TEXT_SIZE];
};

/*
 * What an identity of the field keeps of the one that its device was born
 * with. texts: by the template's names, "" unless from birth.
 */
struct identity_birth {
	uint32_t	log;
	uint64_t	index;
	char		text[PRODUCT_NAMES_MAX][NAME_TEXT_SIZE];
};

/* A reservation's part: the same for all indices in it. */
struct identity_range {
	uint8_t			epoch;
	struct bytes		seed;		/* 32 octets */
	int64_t			issued;		/* iat, nbf, notBefore */
	enum evidence_class	evidence;
	/* must live as long as the range; NULL when the template needs none
	 * (template_needs_names()) */
	const struct identity_names *names;
	/* the UEID is this one's; NULL: of the index itself. As long as the
	 * range; needed by templates with names from birth */
	const struct identity_birth *birth;
};

/* One identity; views into the maker, valid until its next call. */
struct identity {
	uint64_t	index;
	uint8_t		ueid[UEID_SIZE];
	char		ueid_hex[UEID_HEX_SIZE];
	uint8_t		commitment[SHA256_SIZE];	/* of the claims */
	uint8_t		leaf[SHA256_SIZE];
	struct bytes	claims;
	struct bytes	document;		/* empty with receipts */
	/* by the template's order */
	const struct public_key *key[PRODUCT_SLOTS_MAX];
	struct bytes	certificate[PRODUCT_SLOTS_MAX];	/* or empty */
	/* what went into each certificate, for checking a sample */
	const struct bytes *certificate_fields[PRODUCT_SLOTS_MAX];
	const char	*name[PRODUCT_NAMES_MAX];	/* NULL: not known */
	struct bytes	entry;
};

/*
 * serial_key and ueid_key: 32 octets each, copied into contexts. template
 * must outlive the maker.
 */
MUST_USE enum err identity_maker_new(const struct template *,
    struct bytes serial_key, struct bytes ueid_key,
    struct identity_maker **ret_maker, struct diag *);
void	identity_maker_free(struct identity_maker **);
#define _cleanup_maker_ __attribute__((cleanup(identity_maker_free)))

/* Enter a range. ERR_INVALID when a time falls outside 1970..9999. */
MUST_USE enum err identity_maker_range(struct identity_maker *,
    const struct identity_range *, struct diag *);

/* Issue index with these public keys (by the template's order). document is
 * NULL with receipts. */
MUST_USE enum err identity_maker_make(struct identity_maker *,
    uint64_t index, const struct public_key *keys, struct signer *issuer,
    struct signer *document, struct identity *ret_identity, struct diag *);

/* The same from its entry. ERR_CORRUPT when the entry cannot be one. */
MUST_USE enum err identity_maker_rebuild(struct identity_maker *,
    uint64_t index, struct bytes entry, struct identity *ret_identity,
    struct diag *);

#endif
