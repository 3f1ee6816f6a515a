/*
 * The identities that a command's words, --order, --pack, --range, --from and
 * --evidence name: as ranges, sorted, none over another, all of them issued;
 * by way of a server as what was chosen (lib/authority/chosen.h), which the
 * authority finds.
 */
#ifndef IMPRINT_CMD_IMPRINT_TARGET_H
#define IMPRINT_CMD_IMPRINT_TARGET_H

#include "cmd/imprint/imprint.h"
#include "lib/authority/chosen.h"

struct targets {
	struct status_ranges	 list;		/* empty with --server */
	struct buf		 items;		/* else empty */
	uint64_t		 identities;	/* of an open one at least */
	bool			 open;		/* how many is not known here */
	bool			 resume;	/* what it is for; set before */
};
#define TARGETS_INIT	{ .items = BUF_INIT }

#define _cleanup_targets_ __attribute__((cleanup(targets_release)))
void	targets_release(struct targets *);
/* ERR_NOTFOUND and ERR_INVALID name the word, or file and line. */
MUST_USE enum err targets_get(struct cmd *, struct authority *,
    struct targets *);
/* The next items, count of them, as many as a request has room for over the
 * network; at: 0 before the first. false: none are left. */
bool	targets_part(const struct targets *, size_t *at,
	    struct bytes *ret_items, size_t *ret_count);
/* Is anything named at all? */
bool	targets_named(const struct cmd *);
/* What was typed, in printable ASCII and at most size octets with NUL. */
void	targets_words(const struct cmd *, char *text, size_t size);

#endif
