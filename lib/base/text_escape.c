#include "lib/base/json_write.h"

#define REPLACEMENT	0xfffd

/* The first character of text and its octets; what is not UTF-8 counts as
 * one replacement character for each octet. */
static uint32_t
character_take(struct bytes text, size_t *ret_len)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t first = text.ptr[0], value;
	size_t i, len;

	*ret_len = 1;
	if (first < 0x80)
		return first;
	len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	if (first < 0xc2 || first > 0xf4 || len > text.len)
		return REPLACEMENT;
	value = first & (0x7fU >> len);
	for (i = 1; i < len; i++) {
		if ((text.ptr[i] & 0xc0) != 0x80)
			return REPLACEMENT;
		value = value << 6 | (text.ptr[i] & 0x3fU);
	}
	if (value < least[len] || value > 0x10ffff ||
	    (value >= 0xd800 && value <= 0xdfff))
		return REPLACEMENT;
	*ret_len = len;
	return value;
}

/* Controls, line ends, and what turns the direction of writing. */
static bool
character_acts(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad ||
	    c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
	    (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
	    c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) || c >= 0xe0000;
}

static void
character_put_escape(struct buf *b, uint32_t c)
{
	if (c <= 0xffff) {
		buf_printf(b, "\\u%04x", c);
		return;
	}
	/* RFC 8259 7: a surrogate pair */
	c -= 0x10000;
	buf_printf(b, "\\u%04x\\u%04x", 0xd800 + (c >> 10),
	    0xdc00 + (c & 0x3ff));
}

/* Octets at the front that stand for themselves. */
static size_t
plain_len(struct bytes text, const char *also)
{
	const char *a;
	size_t i;

	for (i = 0; i < text.len; i++) {
		if (text.ptr[i] < 0x20 || text.ptr[i] >= 0x7f)
			return i;
		for (a = also; *a != '\0'; a++)
			if (text.ptr[i] == (uint8_t)*a)
				return i;
	}
	return i;
}

size_t
text_put_escaped(struct buf *b, struct bytes text, const char *also)
{
	size_t len, columns = 0;
	uint32_t c;

	for (; text.len > 0; text.ptr += len, text.len -= len) {
		len = plain_len(text, also);
		if (len > 0) {
			buf_put(b, text.ptr, len);
			columns += len;
			continue;
		}
		c = character_take(text, &len);
		if (c != 0 && c < 0x80 && strchr(also, (int)c) != NULL) {
			buf_put_u8(b, '\\');
			buf_put_u8(b, (uint8_t)c);
			columns += 2;
		} else if (character_acts(c)) {
			character_put_escape(b, c);
			columns += c <= 0xffff ? 6 : 12;
		} else if (c == REPLACEMENT && len == 1) {
			buf_put(b, "\xef\xbf\xbd", 3);
			columns++;
		} else {
			buf_put(b, text.ptr, len);
			columns++;
		}
	}
	return columns;
}
