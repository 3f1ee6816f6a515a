/*
 * Writer of DER (X.690) into a builder, for what certificates hold. Failures
 * stick in the builder; a text outside its repertoire is ERR_INVALID.
 */
#ifndef IMPRINT_X509_DER_H
#define IMPRINT_X509_DER_H

#include "lib/base/buf.h"

/* Identifier octets (X.690 8.1.2). */
enum {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_OID = 0x06,
	DER_ENUMERATED = 0x0a,
	DER_UTF8_STRING = 0x0c,
	DER_PRINTABLE_STRING = 0x13,
	DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31
};
/* Context-specific tags, number 0 to 30. */
#define DER_CONTEXT(number)		((uint8_t)(0x80 | (number)))
#define DER_CONTEXT_CONSTRUCTED(number)	((uint8_t)(0xa0 | (number)))

/* Size of tag and length in front of len octets. */
size_t	der_head_size(size_t len);
/* Tag and length alone; the caller appends len octets. */
void	der_put_head(struct buf *, uint8_t tag, size_t len);
void	der_put(struct buf *, uint8_t tag, struct bytes content);
/* An object identifier from its content octets. */
void	der_put_oid(struct buf *, struct bytes content);
void	der_put_uint(struct buf *, uint64_t);
void	der_put_true(struct buf *);
void	der_put_utf8(struct buf *, const char *);
void	der_put_printable(struct buf *, const char *);
/* Whole octets. */
void	der_put_bit_string(struct buf *, struct bytes);
/* A named bit list (X.690 11.2.2): bit n of bits is named bit n, n < 8. */
void	der_put_named_bits(struct buf *, unsigned bits);

/*
 * Time as RFC 5280 4.1.2.5 wants it: UTCTime through 2049, GeneralizedTime
 * from 2050. der_time() writes it whole, with tag and length, and returns its
 * size; 0 when t is out of range, which sticks in a builder as ERR_INVALID.
 */
#define DER_TIME_MAX	17
size_t	der_time(int64_t t, uint8_t ret_time[DER_TIME_MAX]);
void	der_put_time(struct buf *, int64_t t);

/* Put tag and length in front of all that was appended since the builder
 * held start octets. */
void	der_wrap(struct buf *, uint8_t tag, size_t start);

/* Repertoires. utf8 also counts the characters. */
bool	der_is_utf8(struct bytes, size_t *ret_characters);
bool	der_is_printable(struct bytes);
/* Visible ASCII without space: what a URI or DNS name may hold. */
bool	der_is_visible(struct bytes);

#endif
