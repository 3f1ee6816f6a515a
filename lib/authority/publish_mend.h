/*
 * What is published is for others to read, also what lies there already: made
 * by an earlier version under a tight umask, or put back by a copy.
 */
#ifndef IMPRINT_AUTHORITY_PUBLISH_MEND_H
#define IMPRINT_AUTHORITY_PUBLISH_MEND_H

#include "lib/authority/authority.h"

/* publish/, which a link may lead to, and everything below, see
 * io_make_public(): what cannot be mended stays as it is, and is published.
 * all: also when nothing lacks at the tops of the trees of tiles, which is all
 * that is looked at else. Errors of lib/base/io.h. */
MUST_USE enum err publish_mend(struct authority *, bool all, struct diag *);

#endif
