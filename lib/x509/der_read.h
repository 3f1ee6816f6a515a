/*
 * Strict reader of DER (X.690 10) for what strangers send: shortest definite
 * lengths, tag numbers below 31, nothing left over. It shares no code with
 * the writer of der.h.
 *
 * A struct der is a cursor over items in a row. The first failure sticks:
 * later reads return nothing and der_ok() is false, so a parser reads
 * straight on and asks once. Views point into the input.
 */
#ifndef IMPRINT_X509_DER_READ_H
#define IMPRINT_X509_DER_READ_H

#include "lib/base/bytes.h"

struct der {
	const uint8_t	*start;		/* of the outermost input */
	struct bytes	 rest;
	const char	*error;		/* NULL while well */
	size_t		 error_at;	/* octets from start */
};

void	der_open(struct der *, struct bytes);

static inline bool
der_ok(const struct der *d)
{
	return d->error == NULL;
}

/* Fail it by hand: a check of the caller's. text must be static. */
void	der_fail(struct der *, const char *text);
/* Is an item left, and does it have this tag? */
bool	der_next_is(const struct der *, uint8_t tag);
/* The content of the next item, which must have this tag. */
struct bytes der_get(struct der *, uint8_t tag);
/* The same with its tag and length. */
struct bytes der_get_whole(struct der *, uint8_t tag);
/* A cursor over the content of the next item, which is passed over. */
void	der_enter(struct der *, uint8_t tag, struct der *ret_inner);
/* Done with it: all of it must have been read. Takes over its failure. */
void	der_leave(struct der *, struct der *inner);
/* Nothing may be left: fails the cursor otherwise. True when all is well. */
bool	der_close(struct der *);

/* INTEGER that is not negative: its octets without a leading zero; the
 * number 0 is one octet. At most max octets. */
struct bytes der_get_unsigned(struct der *, size_t max);
/* ENUMERATED below 128. */
unsigned der_get_enumerated(struct der *);
/* BOOLEAN DEFAULT FALSE: absent is false, and only TRUE is ever encoded. */
bool	der_get_default_false(struct der *);
/* UTCTime from 1970 through 2049, GeneralizedTime from 2050, to the second
 * and in UTC: RFC 5280 4.1.2.5. */
int64_t	der_get_time(struct der *);

#endif
