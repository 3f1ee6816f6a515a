#include "lib/x509/der.h"

#include "lib/base/clock.h"

#define DER_HEAD_MAX	(2 + sizeof(size_t))

/* Writes the head; returns its size. */
static size_t
head_write(uint8_t head[DER_HEAD_MAX], uint8_t tag, size_t len)
{
	size_t i, octets, rest;

	head[0] = tag;
	if (len < 0x80) {
		head[1] = (uint8_t)len;
		return 2;
	}
	octets = 0;
	for (rest = len; rest > 0; rest >>= 8)
		octets++;
	head[1] = (uint8_t)(0x80 | octets);
	for (i = 0; i < octets; i++)
		head[2 + i] = (uint8_t)(len >> (8 * (octets - 1 - i)));
	return 2 + octets;
}

size_t
der_head_size(size_t len)
{
	uint8_t head[DER_HEAD_MAX];

	return head_write(head, 0, len);
}

void
der_put_head(struct buf *b, uint8_t tag, size_t len)
{
	uint8_t head[DER_HEAD_MAX];

	buf_put(b, head, head_write(head, tag, len));
}

void
der_put(struct buf *b, uint8_t tag, struct bytes content)
{
	der_put_head(b, tag, content.len);
	buf_put_bytes(b, content);
}

void
der_put_oid(struct buf *b, struct bytes content)
{
	der_put(b, DER_OID, content);
}

void
der_put_uint(struct buf *b, uint64_t value)
{
	uint8_t octets[9] = { 0 };
	size_t skip;

	put_be64(octets + 1, value);
	/* shortest, first bit clear: it is not negative (X.690 8.3.2) */
	for (skip = 0; skip < 8; skip++)
		if (octets[skip] != 0 || (octets[skip + 1] & 0x80) != 0)
			break;
	der_put(b, DER_INTEGER, bytes_of(octets + skip, 9 - skip));
}

void
der_put_true(struct buf *b)
{
	const uint8_t yes = 0xff;

	der_put(b, DER_BOOLEAN, bytes_of(&yes, 1));
}

static void
put_text(struct buf *b, uint8_t tag, const char *text, bool good)
{
	if (!good && b->err == ERR_OK)
		b->err = ERR_INVALID;
	der_put(b, tag, bytes_text(text));
}

void
der_put_utf8(struct buf *b, const char *text)
{
	size_t count;

	put_text(b, DER_UTF8_STRING, text,
	    der_is_utf8(bytes_text(text), &count));
}

void
der_put_printable(struct buf *b, const char *text)
{
	put_text(b, DER_PRINTABLE_STRING, text,
	    der_is_printable(bytes_text(text)));
}

void
der_put_bit_string(struct buf *b, struct bytes content)
{
	der_put_head(b, DER_BIT_STRING, content.len + 1);
	buf_put_u8(b, 0);
	buf_put_bytes(b, content);
}

void
der_put_named_bits(struct buf *b, unsigned bits)
{
	uint8_t content[2] = { 0, 0 };
	unsigned n;

	for (n = 0; n < 8; n++) {
		if ((bits & (1U << n)) == 0)
			continue;
		content[0] = (uint8_t)(7 - n);	/* unused bits */
		content[1] = (uint8_t)(content[1] | (0x80U >> n));
	}
	der_put(b, DER_BIT_STRING, bytes_of(content, bits == 0 ? 1 : 2));
}

static void
put_digits(uint8_t *at, int value, int digits)
{
	while (digits-- > 0) {
		at[digits] = (uint8_t)('0' + value % 10);
		value /= 10;
	}
}

size_t
der_time(int64_t t, uint8_t ret_time[DER_TIME_MAX])
{
	struct civil_time c;
	uint8_t *at = ret_time + 2;
	int year_digits;

	if (time_civil(t, &c) != ERR_OK)
		return 0;
	year_digits = c.year >= 2050 ? 4 : 2;
	put_digits(at, c.year, year_digits);
	at += year_digits;
	put_digits(at, c.month, 2);
	put_digits(at + 2, c.day, 2);
	put_digits(at + 4, c.hour, 2);
	put_digits(at + 6, c.minute, 2);
	put_digits(at + 8, c.second, 2);
	at[10] = 'Z';
	ret_time[0] = year_digits == 4 ? DER_GENERALIZED_TIME : DER_UTC_TIME;
	ret_time[1] = (uint8_t)(year_digits + 11);
	return (size_t)year_digits + 13;
}

void
der_put_time(struct buf *b, int64_t t)
{
	uint8_t time[DER_TIME_MAX];
	size_t len = der_time(t, time);

	if (len == 0 && b->err == ERR_OK)
		b->err = ERR_INVALID;
	buf_put(b, time, len);
}

void
der_wrap(struct buf *b, uint8_t tag, size_t start)
{
	uint8_t head[DER_HEAD_MAX];

	if (b->err != ERR_OK)
		return;
	buf_insert(b, start,
	    bytes_of(head, head_write(head, tag, b->len - start)));
}

/* Octets of the well-formed character at the start of b; 0: none. */
static size_t
utf8_size(struct bytes b)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t i, size;
	uint32_t code;

	if (b.ptr[0] < 0x80)
		return 1;
	size = b.ptr[0] >= 0xf0 ? 4 : b.ptr[0] >= 0xe0 ? 3 : 2;
	if (b.ptr[0] < 0xc2 || b.ptr[0] > 0xf4 || size > b.len)
		return 0;
	code = b.ptr[0] & (0x7fU >> size);
	for (i = 1; i < size; i++) {
		if ((b.ptr[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (b.ptr[i] & 0x3f);
	}
	/* no overlong forms, no surrogates (RFC 3629 3) */
	if (code < least[size] || code > 0x10ffff ||
	    (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return size;
}

bool
der_is_utf8(struct bytes b, size_t *ret_characters)
{
	size_t at, size, count;

	count = 0;
	for (at = 0; at < b.len; at += size) {
		size = utf8_size(bytes_of(b.ptr + at, b.len - at));
		/* control characters have no place in a name */
		if (size == 0 || b.ptr[at] < 0x20 || b.ptr[at] == 0x7f)
			return false;
		count++;
	}
	*ret_characters = count;
	return true;
}

static bool
is_printable(uint8_t c)
{
	/* X.680 41.4 */
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == ' ' || c == '=' || c == '?' ||
	    (c >= '\'' && c <= ':' && c != '*');
}

bool
der_is_printable(struct bytes b)
{
	size_t i;

	for (i = 0; i < b.len; i++)
		if (!is_printable(b.ptr[i]))
			return false;
	return true;
}

bool
der_is_visible(struct bytes b)
{
	size_t i;

	for (i = 0; i < b.len; i++)
		if (b.ptr[i] <= 0x20 || b.ptr[i] >= 0x7f)
			return false;
	return true;
}
