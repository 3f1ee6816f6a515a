/*
 * The identities that a command's words, --order, --pack, --range, --from and
 * --evidence name, as ranges: sorted, none over another, all of them issued.
 * Who names devices (UEID, name, order, pack) names all that they may still
 * use (field_living()); an index or a serial number is one identity alone.
 */
#ifndef IMPRINT_CMD_IMPRINT_TARGET_H
#define IMPRINT_CMD_IMPRINT_TARGET_H

#include "cmd/imprint/imprint.h"
#include "lib/authority/status.h"

struct targets {
	struct status_ranges	 list;
	uint64_t		 identities;
};

#define _cleanup_targets_ __attribute__((cleanup(targets_release)))
void	targets_release(struct targets *);
/* ERR_NOTFOUND and ERR_INVALID name the word, or file and line. */
MUST_USE enum err targets_get(struct cmd *, struct authority *,
    struct targets *);
/* Is anything named at all? */
bool	targets_named(const struct cmd *);
/* What was typed, in printable ASCII and at most size octets with NUL. */
void	targets_words(const struct cmd *, char *text, size_t size);

#endif
