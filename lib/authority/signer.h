/*
 * Document signers: the keys that sign documents, receipts and packs, one
 * after the other.
 *
 * Signer 1 is made by init, each next one by a request (REQUEST_SIGNER_NEW).
 * The key of signer n is "document" (1) or "document.n" in the keystore; its
 * certificate, issued by the root, has that name in the registry, under the
 * row MAC. The last one with a certificate signs. All of them stay trusted,
 * for documents signed directly keep their signature; receipts are signed
 * again by each new signer (signer_renew()), claims untouched.
 *
 * What a crash leaves: a key without a certificate, which has signed nothing
 * and is taken up by the next request; a certificate that is not published,
 * or receipts of an earlier signer, which signer_renew() goes on with.
 */
#ifndef IMPRINT_AUTHORITY_SIGNER_H
#define IMPRINT_AUTHORITY_SIGNER_H

#include "lib/authority/authority.h"

#define SIGNERS_MAX	32	/* as many as a station takes */
#define SIGNER_NAME_SIZE 16

struct authority_signer {
	uint32_t		number;			/* from 1 */
	char			name[SIGNER_NAME_SIZE];	/* label, certificate */
	struct public_key	key;
	uint8_t			kid[COSE_KID_SIZE];
};

/* "document" or "document.N" of number 1 to SIGNERS_MAX. */
void	signer_name(uint32_t number, char ret_name[SIGNER_NAME_SIZE]);

/* ERR_NOTFOUND: there is no such signer; ERR_CORRUPT. */
MUST_USE enum err signer_get(struct authority *, uint32_t number,
    struct authority_signer *ret_signer, struct diag *);
/* Who signs now. */
MUST_USE enum err signer_current(struct authority *,
    struct authority_signer *ret_signer, struct diag *);
/* ERR_CORRUPT: none of ours; what names it was not issued here. */
MUST_USE enum err signer_by_kid(struct authority *, struct bytes kid,
    struct authority_signer *ret_signer, struct diag *);

/* Certificates of all signers into publish/ca/, then trust.pem with them;
 * files that are right already stay as they are. */
MUST_USE enum err signer_publish(struct authority *, struct diag *);
/* Is trust.pem what it shall be? */
MUST_USE enum err signer_published(struct authority *, bool *ret_published,
    struct diag *);

struct signer_renewal {
	int64_t		  now;
	/* told how many receipts are signed; asked before each batch */
	void		(*progress)(void *ctx, uint64_t done);
	bool		(*stop)(void *ctx);
	void		 *ctx;
};
/* Receipts that an earlier signer signed. */
MUST_USE enum err signer_renew_left(struct authority *, uint64_t *ret_left,
    struct diag *);
/*
 * Publish the signers and sign every receipt that the current one has not
 * signed, batch by batch; what is done stays done. A receipt is signed again
 * only if the stored leaves are those its earlier signer signed: ERR_CORRUPT.
 * ERR_INTERRUPTED: stop() said so.
 */
MUST_USE enum err signer_renew(struct authority *,
    const struct signer_renewal *, struct diag *);

#endif
