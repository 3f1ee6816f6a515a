/*
 * A JSON text that is an array of objects (RFC 8259), cut into its elements
 * as it comes in, so that memory does not grow with it. Only brackets and
 * strings are looked at here; each element is a whole JSON object for a
 * parser to read, or none, which that parser finds. Internal to lib/devices.
 */
#ifndef IMPRINT_DEVICES_JSON_ARRAY_H
#define IMPRINT_DEVICES_JSON_ARRAY_H

#include "lib/base/buf.h"

#define JSON_ELEMENT_MAX	((size_t)64 << 10)	/* octets */
#define JSON_DEPTH_MAX		32

struct json_array {
	enum json_state {
		JSON_BEFORE,	/* the array */
		JSON_FIRST,	/* element or its end */
		JSON_NEXT,	/* element, after a comma */
		JSON_INSIDE,	/* an element */
		JSON_BEHIND,	/* an element: comma or end */
		JSON_DONE
	}		 state;
	unsigned	 depth;
	bool		 string, escaped, deep;
	uint64_t	 at;		/* octets read */
	struct buf	 element;
};

#define JSON_ARRAY_INIT { .element = { .limit = JSON_ELEMENT_MAX } }

/*
 * The next octets. each: what is done with an element; too_large: it is not
 * there, being longer or deeper than the limits. Its error ends the reading.
 * ERR_SYNTAX: octet number a->at does not belong there.
 */
MUST_USE enum err json_array_feed(struct json_array *a, struct bytes,
    enum err (*each)(void *ctx, struct bytes element, bool too_large),
    void *ctx);
/* Has it ended? */
static inline bool
json_array_done(const struct json_array *a)
{
	return a->state == JSON_DONE;
}

#endif
