/*
 * What a change of status would come to, by the server's word: to be shown,
 * and to ask whether it is meant; nothing of it is signed.
 */
#ifndef IMPRINT_CMD_IMPRINT_REMOTE_STATUS_H
#define IMPRINT_CMD_IMPRINT_REMOTE_STATUS_H

#include "cmd/imprint/remote.h"
#include "lib/authority/order_count.h"

#define REMOTE_FEW	5

/* Grows with each answer; all zero: none yet. */
struct remote_dry {
	struct status_count	 count;
	struct remote_dry_order {
		struct order_count	of;
		struct order_product	product;
	} * orders; /* owned */
	size_t			 order_count;
	bool			 more;		/* orders were left out */
	/* the first identities, as lines */
	char			 few[REMOTE_FEW][512];
	size_t			 few_count;
	uint64_t		 identities;
	/* With more than one an identity may be in several: counts are what
	 * they are at most. */
	size_t			 answers;
};
#define AT_MOST		"at most "
void	remote_dry_release(struct remote_dry *);
/* Of a body of REQUEST_STATUS_CHOSEN. */
MUST_USE enum err remote_dry_run(struct cmd *, struct bytes body,
    struct remote_dry *);
/* "12 of order 3, camera 1.0.0": a line, most before it, or a JSON object. */
void	order_count_print(struct cmd *, bool first, const char *most,
	    const struct order_count *, const struct order_product *);
/* Orders and the first identities, as the dry run here prints them; with
 * --json the end of its object. */
void	remote_dry_print(struct cmd *, const struct remote_dry *);

#endif
