#include <stdlib.h>

#include "lib/base/cbor_write.h"

static void
head_put(struct buf *b, enum cbor_type type, uint64_t value)
{
	uint8_t head[9];
	uint8_t major = (uint8_t)((unsigned int)type << 5);

	if (value < 24) {
		buf_put_u8(b, (uint8_t)(major | value));
	} else if (value <= UINT8_MAX) {
		head[0] = major | 24;
		head[1] = (uint8_t)value;
		buf_put(b, head, 2);
	} else if (value <= UINT16_MAX) {
		head[0] = major | 25;
		put_be16(head + 1, (uint16_t)value);
		buf_put(b, head, 3);
	} else if (value <= UINT32_MAX) {
		head[0] = major | 26;
		put_be32(head + 1, (uint32_t)value);
		buf_put(b, head, 5);
	} else {
		head[0] = major | 27;
		put_be64(head + 1, value);
		buf_put(b, head, 9);
	}
}

void
cbor_put_uint(struct buf *b, uint64_t value)
{
	head_put(b, CBOR_UINT, value);
}

void
cbor_put_int(struct buf *b, int64_t value)
{
	if (value >= 0)
		head_put(b, CBOR_UINT, (uint64_t)value);
	else
		head_put(b, CBOR_NINT, (uint64_t)(-1 - value));
}

void
cbor_put_bstr_head(struct buf *b, size_t len)
{
	head_put(b, CBOR_BSTR, len);
}

void
cbor_put_bstr(struct buf *b, struct bytes value)
{
	head_put(b, CBOR_BSTR, value.len);
	buf_put_bytes(b, value);
}

void
cbor_put_tstr(struct buf *b, struct bytes value)
{
	head_put(b, CBOR_TSTR, value.len);
	buf_put_bytes(b, value);
}

void
cbor_put_text(struct buf *b, const char *text)
{
	cbor_put_tstr(b, bytes_text(text));
}

void
cbor_put_array(struct buf *b, size_t count)
{
	head_put(b, CBOR_ARRAY, count);
}

void
cbor_put_map(struct buf *b, size_t pairs)
{
	head_put(b, CBOR_MAP, pairs);
}

void
cbor_put_tag(struct buf *b, uint64_t tag)
{
	head_put(b, CBOR_TAG, tag);
}

void
cbor_put_bool(struct buf *b, bool value)
{
	buf_put_u8(b, value ? 0xf5 : 0xf4);
}

void
cbor_put_null(struct buf *b)
{
	buf_put_u8(b, 0xf6);
}

/* RFC 8949 4.2.1: bytewise order of the encoded keys. */
static int
pair_compare(const void *a, const void *b)
{
	const struct bytes *x = &((const struct cbor_pair *)a)->key;
	const struct bytes *y = &((const struct cbor_pair *)b)->key;
	size_t common = x->len < y->len ? x->len : y->len;
	int order = common == 0 ? 0 : memcmp(x->ptr, y->ptr, common);

	if (order != 0)
		return order;
	return x->len < y->len ? -1 : x->len > y->len;
}

void
cbor_put_map_sorted(struct buf *b, struct cbor_pair *pairs, size_t count)
{
	size_t i;

	if (count > 1)
		qsort(pairs, count, sizeof(*pairs), pair_compare);
	for (i = 1; i < count; i++) {
		if (bytes_equal(pairs[i - 1].key, pairs[i].key)) {
			if (b->err == ERR_OK)
				b->err = ERR_INVALID;
			return;
		}
	}
	cbor_put_map(b, count);
	for (i = 0; i < count; i++) {
		buf_put_bytes(b, pairs[i].key);
		buf_put_bytes(b, pairs[i].value);
	}
}
