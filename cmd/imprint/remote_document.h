/*
 * An identity's document by way of a server. It is taken only when a document
 * signer under the trusted root signed it, and it is of what was asked for:
 * renderings are made of it here, so whoever carries it can alter none. Which
 * of a device's identities is its present one is the server's word.
 */
#ifndef IMPRINT_CMD_IMPRINT_REMOTE_DOCUMENT_H
#define IMPRINT_CMD_IMPRINT_REMOTE_DOCUMENT_H

#include "cmd/imprint/remote.h"
#include "lib/authority/export.h"
#include "lib/identity/document.h"
#include "lib/x509/x509_read.h"

/* Of what publish/trust.pem there has, the CAs and document signers that have
 * a path to the root that is trusted here; nothing else. */
struct remote_trust {
	struct buf		 certificates;	/* pem_next() */
	struct x509_trust	*paths;
};
#define REMOTE_TRUST_INIT { .certificates = BUF_INIT }
#define _cleanup_remote_trust_ __attribute__((cleanup(remote_trust_release)))
void	remote_trust_release(struct remote_trust *);
MUST_USE enum err remote_trust_open(struct cmd *, struct remote_trust *);
/* The document signer of this kid, present or earlier. */
MUST_USE enum err remote_signer_find(struct cmd *,
    const struct remote_trust *, struct bytes kid,
    struct public_key *ret_key, bool *ret_found);
/* The keys of its document signers; ERR_LIMIT. */
#define REMOTE_SIGNERS_MAX	64
MUST_USE enum err remote_trust_signers(struct cmd *,
    const struct remote_trust *, struct public_key keys[REMOTE_SIGNERS_MAX],
    size_t *ret_count);
/* Octets of an answer's member: base64url, or text as it is. */
MUST_USE enum err octets_read(struct cmd *, const struct json_value *,
    const char *name, bool encoded, struct buf *out);
/* The same as PEM, root first: as a trust.pem of this machine. */
MUST_USE enum err remote_trust_pem(struct cmd *, struct buf *out);
MUST_USE enum err remote_trust_text(const struct remote_trust *,
    struct buf *out);

struct remote_document {
	struct address		 address;
	struct buf		 encoded;
	struct document		 document;	/* views encoded */
	struct public_key	 signer;
	struct buf		 issuer;	/* DER of the issuing CA */
	struct buf		 jwt;		/* if it was asked for */
	char			 ueid_hex[2 * 33 + 1];
};
#define REMOTE_DOCUMENT_INIT { .encoded = BUF_INIT, .issuer = BUF_INIT,	\
	.jwt = BUF_INIT }
#define _cleanup_remote_document_					\
	__attribute__((cleanup(remote_document_release)))
void	remote_document_release(struct remote_document *);
/* generation: the document signer's number of a receipt, 0 the newest; jwt:
 * signed there as well. ret_document: REMOTE_DOCUMENT_INIT. ERR_AUTH: it is
 * not good, or of another identity; ERR_CONFLICT: word may be a name that the
 * line gave, which no document has; ERR_NOTFOUND. */
MUST_USE enum err remote_document_get(struct cmd *,
    const struct remote_trust *, const char *word, uint32_t generation,
    bool jwt, struct remote_document *ret_document);
/* How many identities an order has, and shall have, as the server says. */
MUST_USE enum err remote_order_count(struct cmd *, uint32_t order,
    uint64_t *ret_committed, uint64_t *ret_count);
/* Each identity that an order has, as the server says, none of them twice;
 * ERR_IO and what each returns. */
MUST_USE enum err remote_order_each(struct cmd *, uint32_t order,
    enum err (*each)(void *ctx, const struct address *), void *ctx);
/* Append the rendering. Errors of export_identity(). */
MUST_USE enum err remote_document_render(struct cmd *,
    const struct remote_document *, const struct export_options *,
    struct buf *out);

#endif
