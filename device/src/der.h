/*
 * Strict reader of DER (X.690 10) for the device: shortest definite lengths
 * of at most 64 KB, tag numbers below 31, nothing left over.
 *
 * A struct der is a cursor over items in a row. The first failure sticks:
 * later reads return nothing, so a parser reads straight on and asks once.
 * Views point into the input. Texts of errors are static.
 */
#ifndef IMPRINT_DEVICE_DER_H
#define IMPRINT_DEVICE_DER_H

#include "lib/base/bytes.h"

enum {
	DER_BOOLEAN = 0x01, DER_INTEGER = 0x02, DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04, DER_OID = 0x06, DER_UTF8_STRING = 0x0c,
	DER_PRINTABLE_STRING = 0x13, DER_IA5_STRING = 0x16,
	DER_UTC_TIME = 0x17, DER_GENERALIZED_TIME = 0x18,
	DER_SEQUENCE = 0x30, DER_SET = 0x31
};

struct der {
	struct bytes	 rest;
	const char	*error;		/* NULL while well */
};

static inline void
imprint_der_open(struct der *d, struct bytes input)
{
	d->rest = input;
	d->error = NULL;
}

static inline bool
imprint_der_next_is(const struct der *d, uint8_t tag)
{
	return d->error == NULL && d->rest.len > 0 && d->rest.ptr[0] == tag;
}

/* Fail it by hand. */
void	imprint_der_fail(struct der *, const char *text);
/* The content of the next item, which must have this tag. */
struct bytes imprint_der_get(struct der *, uint8_t tag);
/* The same with its tag and length. */
struct bytes imprint_der_get_whole(struct der *, uint8_t tag);
/* A cursor over the content of the next item, which is passed over. */
void	imprint_der_enter(struct der *, uint8_t tag, struct der *ret_inner);
/* Done with it: all of it must have been read. Takes over its failure. */
void	imprint_der_leave(struct der *, const struct der *inner);
/* INTEGER that is not negative: its octets without a leading zero; the
 * number 0 is one octet. At most max octets. */
struct bytes imprint_der_get_unsigned(struct der *, size_t max);
/* BOOLEAN DEFAULT FALSE: absent is false, and only TRUE is ever encoded. */
bool	imprint_der_get_default_false(struct der *);
/* BIT STRING of whole octets. */
struct bytes imprint_der_get_octets(struct der *);
/* BIT STRING of named bits (X.690 11.2.2), at most eight, at least one of
 * them set: bit n of the result is bit n of the list. */
unsigned imprint_der_get_named_bits(struct der *);
struct bytes imprint_der_get_oid(struct der *);
/* UTCTime from 1970 through 2049, GeneralizedTime from 2050, to the second
 * and in UTC: RFC 5280 4.1.2.5. */
int64_t	imprint_der_get_time(struct der *);

#endif
