/*
 * What writer and reader of a report share: layout, and what a record may
 * say.
 */
#ifndef IMPRINT_IDENTITY_REPORT_INTERNAL_H
#define IMPRINT_IDENTITY_REPORT_INTERNAL_H

#include "lib/identity/report.h"

#define REPORT_MAGIC		"IMPRREPT"
#define REPORT_END_MAGIC	"IMPREND1"
#define REPORT_MAGIC_SIZE	8
#define REPORT_HEAD		12
#define REPORT_TRAILER		20
#define REPORT_SIGNED_MAX	((size_t)64 << 10)

/* What is wrong with it, or NULL. */
const char *report_record_check(const struct report_record *);
/* One more of its pack; false when it does not follow the one before. */
struct report_tally {
	struct report_pack	packs[REPORT_PACKS_MAX];	/* no ids */
	uint64_t		records;
	uint32_t		pack;		/* of the last one */
	uint64_t		position;
};
bool	report_tally_add(struct report_tally *, const struct report_record *);

#endif
