/*
 * Publication of status: what any web server may serve from publish/.
 *
 *   crl/NAME.crl               all that is not valid of an issuing CA (RFC
 *                              5280 5), void identities too; resumed ones are
 *                              not in the next (removeFromCRL is for deltas,
 *                              which come later, as do partitions)
 *   status/NAME-XXXXXXXX.cwt   Token Status Lists of 2^20 indices each, for
 *                              as many as the log has indices
 *
 * Status rows that are not what the operations made of them publish nothing.
 *
 * Never back: the CRL number grows by at least one, thisUpdate and iat by at
 * least a second, whatever the clock says, and beyond what lies in publish/,
 * should the registry be an older one. The number is on record, and the
 * anchor moved, before the first file is replaced: after a power cut in
 * between it is lost, never used for another content. Each file is written
 * beside, synced and renamed; lists first, then the CRL, so that the CRL of a
 * number stands for lists as new. What fails before that leaves all as it was.
 */
#ifndef IMPRINT_AUTHORITY_PUBLISH_H
#define IMPRINT_AUTHORITY_PUBLISH_H

#include "lib/authority/authority.h"

#define PUBLISH_DAYS		7	/* until nextUpdate, if not said */
#define PUBLISH_DAYS_MAX	366

/* What was published last for a log. */
struct published {
	char		log[STORE_NAME_MAX + 1];
	uint64_t	number;			/* of the CRL */
	int64_t		this_update, next_update;
	uint8_t		digest[SHA256_SIZE];	/* that was signed */
	uint64_t	lists;
	/* the head's, see operation.h: has status changed since? */
	uint64_t	status_count;
	uint8_t		status_sum[SHA256_SIZE];
};

struct publish {
	int64_t		 now;
	unsigned	 days;		/* until nextUpdate; 0: as last time,
					 * PUBLISH_DAYS the first time */
	bool		 if_needed;	/* only if a log's status or number
					 * of lists changed, half of the time
					 * to nextUpdate is over, or a file
					 * is not there */
	/* told of each log that was published; may be NULL */
	void		(*done)(void *ctx, const struct published *,
			    uint64_t certificates, uint64_t crl_bytes);
	void		*ctx;
};

/*
 * Publish the status of every issuing CA. What runs that died reserved
 * becomes void first. ERR_CONFLICT: a published log is ahead of the registry,
 * which was put back; ERR_CORRUPT: status was altered; ERR_NOSPACE, ERR_IO:
 * what was published before is still there, whole. Not within a transaction;
 * the authority is unlocked, and open for writing.
 */
MUST_USE enum err authority_publish_status(struct authority *,
    const struct publish *, struct diag *);

/* ERR_NOTFOUND: nothing was published yet; ERR_CORRUPT. By the record: what
 * lies in publish/ is for the next two to say. */
MUST_USE enum err authority_published(struct authority *, const char *log,
    struct published *ret_published, struct diag *);

/* The same, with number and times of the CRL that lies there, which is opened
 * for it; number 0: there is none that is one of ours. */
MUST_USE enum err authority_published_crl(struct authority *, const char *log,
    struct published *ret_published, struct diag *);

enum publish_lack {
	PUBLISH_MISSING,	/* or empty */
	PUBLISH_OTHER,		/* no CRL, or not the last one */
	PUBLISH_HIDDEN		/* others cannot read it */
};
/* Tell of each place in publish/ that is not as it was published: folders,
 * trust.pem, CRLs, status lists, checkpoints; not of tiles. The authority is
 * unlocked. ERR_CORRUPT, ERR_IO. */
MUST_USE enum err authority_published_look(struct authority *,
    void (*lacks)(void *ctx, const char *path, enum publish_lack), void *ctx,
    struct diag *);

#endif
