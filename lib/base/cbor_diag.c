#include <inttypes.h>

#include "lib/base/cbor_write.h"

/*
 * JSON's escapes, and one for every control character: the text may come
 * from a stranger and go to a terminal. C1 controls are C2 80 to C2 9F.
 */
static void
text_put(struct buf *b, struct bytes text)
{
	size_t i;

	buf_put_u8(b, '"');
	for (i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			buf_printf(b, "\\u%04x", c);
		else if (c == 0xc2 && i + 1 < text.len &&
		    text.ptr[i + 1] < 0xa0)
			buf_printf(b, "\\u%04x", text.ptr[++i]);
		else
			buf_put_u8(b, c);
	}
	buf_put_u8(b, '"');
}

static void
number_put(struct buf *b, struct bytes head, bool negative)
{
	uint64_t value = 0;
	size_t i;

	if (head.len == 1)
		value = head.ptr[0] & 0x1f;
	for (i = 1; i < head.len; i++)
		value = (value << 8) | head.ptr[i];
	if (!negative)
		buf_printf(b, "%" PRIu64, value);
	else if (value == UINT64_MAX)
		buf_printf(b, "-18446744073709551616");
	else
		buf_printf(b, "-%" PRIu64, value + 1);
}

static void
simple_put(struct buf *b, struct bytes item)
{
	if (item.len != 1)
		return;
	if (item.ptr[0] == 0xf6)
		buf_printf(b, "null");
	else
		buf_printf(b, "%s", item.ptr[0] == 0xf5 ? "true" : "false");
}

/* Depth is bounded by the walk that has checked the item. */
static void
item_put(struct buf *b, struct cbor *c)
{
	enum cbor_type type = cbor_peek(c);
	size_t i, count;

	switch (type) {
	case CBOR_UINT:
	case CBOR_NINT:
		number_put(b, cbor_get_item(c), type == CBOR_NINT);
		break;
	case CBOR_BSTR:
		buf_printf(b, "h'");
		buf_put_hex(b, cbor_get_bstr(c));
		buf_printf(b, "'");
		break;
	case CBOR_TSTR:
		text_put(b, cbor_get_tstr(c));
		break;
	case CBOR_ARRAY:
		buf_printf(b, "[");
		count = cbor_get_array(c);
		for (i = 0; i < count && cbor_ok(c); i++) {
			buf_printf(b, "%s", i > 0 ? ", " : "");
			item_put(b, c);
		}
		buf_printf(b, "]");
		break;
	case CBOR_MAP:
		buf_printf(b, "{");
		count = cbor_get_map(c);
		for (i = 0; i < count && cbor_ok(c); i++) {
			buf_printf(b, "%s", i > 0 ? ", " : "");
			item_put(b, c);
			buf_printf(b, ": ");
			item_put(b, c);
		}
		buf_printf(b, "}");
		break;
	case CBOR_TAG:
		buf_printf(b, "%" PRIu64 "(", cbor_get_tag(c));
		item_put(b, c);
		buf_printf(b, ")");
		break;
	case CBOR_SIMPLE:
		simple_put(b, cbor_get_item(c));
		break;
	default:
		break;
	}
}

void
cbor_put_diagnostic(struct buf *b, struct bytes item)
{
	struct cbor c;

	cbor_open(&c, item);
	if (!cbor_ok(&c)) {
		buf_printf(b, "/ %s at octet %zu /", c.error, c.pos);
		return;
	}
	item_put(b, &c);
}
