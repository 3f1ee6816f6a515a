/*
 * What fixtures send, out of their JSON (docs/protocol/line.md).
 */
#ifndef IMPRINT_STATION_LINE_REQUEST_H
#define IMPRINT_STATION_LINE_REQUEST_H

#include "station/floor.h"

enum line_verb {
	LINE_RESERVE = 1,
	LINE_COMMIT = 2,
	LINE_SCRAP = 3,
	LINE_QUERY = 4
};

struct line_request {
	enum line_verb		verb;
	struct floor_call	call;	/* but fixture and now */
	struct floor_reserve	reserve;
	struct floor_commit	commit;
	char			reason[FLOOR_REASON_MAX + 1];	/* of a scrap */
};

/*
 * Everything that has not the form of the verb is refused, unknown members
 * too; what it means is for the floor to say. ERR_SYNTAX, ERR_INVALID and
 * ERR_LIMIT name the member; ERR_NOMEM.
 */
MUST_USE enum err line_request_read(enum line_verb, struct bytes json,
    struct line_request *ret_request, struct diag *);
/* A query without a body: "serial=TEXT" or "chip=HEX", percent-encoded (RFC
 * 3986 2.1). The same errors. */
MUST_USE enum err line_query_read(struct bytes query,
    struct line_request *ret_request, struct diag *);

#endif
