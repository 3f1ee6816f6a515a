#include "lib/base/cbor.h"

#define AI_ONE		24	/* RFC 8949 3: additional information */
#define AI_EIGHT	27
#define SIMPLE_FALSE	20
#define SIMPLE_TRUE	21
#define SIMPLE_NULL	22

struct head {
	enum cbor_type	type;
	uint64_t	value;
	size_t		size;	/* octets of the head itself */
};

/* One open array, map or tag of the walk. */
struct level {
	uint64_t	left;		/* items still to come */
	bool		is_map;
	size_t		key_pos;	/* last complete key; 0: none yet */
	size_t		key_len;
	size_t		key_start;	/* where the present key began */
};

static bool
fail(struct cbor *c, const char *text)
{
	if (c->error == NULL)
		c->error = text;
	return false;
}

void
cbor_fail(struct cbor *c, const char *text)
{
	(void)fail(c, text);
}

bool
cbor_ok(const struct cbor *c)
{
	return c->error == NULL;
}

static size_t
left_of(const struct cbor *c)
{
	return c->len - c->pos;
}

/* The argument after an initial octet whose low bits say 24 to 27. */
static bool
argument_read(struct cbor *c, unsigned int info, struct head *h)
{
	static const uint64_t least[4] = { 24, 0x100, 0x10000, 0x100000000 };
	size_t i, count = (size_t)1 << (info - AI_ONE);
	uint64_t value = 0;

	if (left_of(c) <= count)
		return fail(c, "truncated");
	for (i = 1; i <= count; i++)
		value = (value << 8) | c->ptr[c->pos + i];
	/* RFC 8949 4.2.1: as short as possible */
	if (value < least[info - AI_ONE])
		return fail(c, "length or number not in its shortest form");
	h->value = value;
	h->size = count + 1;
	return true;
}

static bool
simple_check(struct cbor *c, unsigned int info)
{
	if (info >= SIMPLE_FALSE && info <= SIMPLE_NULL)
		return true;
	if (info > AI_ONE && info <= AI_EIGHT)
		return fail(c, "floating point is not used here");
	return fail(c, "simple value is not used here");
}

/* Read the head at pos without moving. */
static bool
head_read(struct cbor *c, struct head *h)
{
	unsigned int first, info;

	if (c->error != NULL)
		return false;
	if (c->pos >= c->len)
		return fail(c, "truncated");
	first = c->ptr[c->pos];
	info = first & 0x1f;
	h->type = (enum cbor_type)(first >> 5);
	h->value = info;
	h->size = 1;
	if (info == 31)
		return fail(c, "indefinite length or stray break");
	if (info > AI_EIGHT)
		return fail(c, "reserved additional information");
	if (h->type == CBOR_SIMPLE)
		return simple_check(c, info);
	if (info < AI_ONE)
		return true;
	return argument_read(c, info, h);
}

/* Length of the UTF-8 sequence at p (RFC 3629), 0 when there is none. */
static size_t
utf8_length(const uint8_t *p, size_t len)
{
	size_t i, count;
	uint8_t low = 0x80, high = 0xbf;

	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		count = 2;
	else if ((p[0] & 0xf0) == 0xe0)
		count = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		count = 4;
	else
		return 0;
	/* no overlong forms, no surrogates, nothing beyond U+10FFFF */
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (len < count || p[1] < low || p[1] > high)
		return 0;
	for (i = 2; i < count; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return count;
}

bool
cbor_is_utf8(struct bytes text)
{
	size_t n;

	while (text.len > 0) {
		n = text.ptr[0] < 0x80 ? 1 : utf8_length(text.ptr, text.len);
		if (n == 0)
			return false;
		text.ptr += n;
		text.len -= n;
	}
	return true;
}

/*
 * Check a head against what is left and pass over it and, for strings, over
 * the content. ret_items: items inside; each takes at least one octet.
 */
static bool
item_enter(struct cbor *c, struct head *h, uint64_t *ret_items)
{
	uint64_t rest;

	if (!head_read(c, h))
		return false;
	rest = left_of(c) - h->size;
	*ret_items = 0;
	switch (h->type) {
	case CBOR_BSTR:
	case CBOR_TSTR:
		if (h->value > rest)
			return fail(c, "truncated string");
		h->size += (size_t)h->value;
		break;
	case CBOR_MAP:
		if (h->value > rest / 2)
			return fail(c, "truncated map");
		*ret_items = h->value * 2;
		break;
	case CBOR_ARRAY:
		if (h->value > rest)
			return fail(c, "truncated array");
		*ret_items = h->value;
		break;
	case CBOR_TAG:
		if (rest == 0)
			return fail(c, "truncated tag");
		*ret_items = 1;
		break;
	default:
		break;
	}
	c->pos += h->size;
	return true;
}

static int
key_compare(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	if (order != 0)
		return order;
	return a_len < b_len ? -1 : a_len > b_len;
}

/* A key of this map has just ended at pos: RFC 8949 4.2.1, 5.6. */
static bool
key_check(struct cbor *c, struct level *l)
{
	size_t start = l->key_start, len = c->pos - start;
	int order;

	if (l->key_len > 0) {
		order = key_compare(c->ptr + l->key_pos, l->key_len,
		    c->ptr + start, len);
		if (order >= 0) {
			c->pos = start;
			return fail(c, order == 0 ? "map key used twice" :
			    "map keys out of order");
		}
	}
	l->key_pos = start;
	l->key_len = len;
	return true;
}

/* An item has ended: account for it in every level that it completes. */
static bool
levels_close(struct cbor *c, struct level *levels, size_t *depth)
{
	struct level *l;

	while (*depth > 0) {
		l = &levels[*depth - 1];
		/* keys are the items with an even number left before them */
		if (l->is_map && l->left % 2 == 0 && !key_check(c, l))
			return false;
		l->left--;
		if (l->left > 0) {
			l->key_start = c->pos;
			return true;
		}
		(*depth)--;
	}
	return true;
}

static bool
level_open(struct cbor *c, struct level *levels, size_t *depth,
    const struct head *h, uint64_t items)
{
	struct level *l;

	if (*depth == CBOR_DEPTH_MAX)
		return fail(c, "nested too deeply");
	if (items == 0)
		return levels_close(c, levels, depth);
	l = &levels[(*depth)++];
	l->left = items;
	l->is_map = h->type == CBOR_MAP;
	l->key_pos = 0;
	l->key_len = 0;
	l->key_start = c->pos;
	return true;
}

/* Check one item with all it holds; pos ends behind it. */
static bool
item_walk(struct cbor *c)
{
	struct level levels[CBOR_DEPTH_MAX];
	size_t start, depth = 0;
	uint64_t items;
	struct head h;

	do {
		start = c->pos;
		if (!item_enter(c, &h, &items))
			return false;
		if (h.type == CBOR_TSTR && !cbor_is_utf8(bytes_of(c->ptr +
		    c->pos - (size_t)h.value, (size_t)h.value))) {
			c->pos = start;
			return fail(c, "text is not UTF-8");
		}
		if (h.type == CBOR_ARRAY || h.type == CBOR_MAP ||
		    h.type == CBOR_TAG) {
			if (!level_open(c, levels, &depth, &h, items))
				return false;
		} else if (!levels_close(c, levels, &depth)) {
			return false;
		}
	} while (depth > 0);
	return true;
}

void
cbor_open_checked(struct cbor *c, struct bytes input)
{
	c->ptr = input.ptr;
	c->len = input.len;
	c->pos = 0;
	c->error = NULL;
}

void
cbor_open(struct cbor *c, struct bytes input)
{
	cbor_open_checked(c, input);
	if (!item_walk(c))
		return;
	if (c->pos != c->len) {
		(void)fail(c, "bytes after the item");
		return;
	}
	c->pos = 0;
}

enum cbor_type
cbor_peek(const struct cbor *c)
{
	if (c->error != NULL)
		return CBOR_BAD;
	if (c->pos >= c->len)
		return CBOR_END;
	return (enum cbor_type)(c->ptr[c->pos] >> 5);
}

/* Read the head of an item that must be of this type; do not move. */
static bool
head_expect(struct cbor *c, enum cbor_type type, struct head *h,
    const char *text)
{
	if (c->error != NULL)
		return false;
	if (c->pos >= c->len)
		return fail(c, "an item is missing");
	if ((enum cbor_type)(c->ptr[c->pos] >> 5) != type)
		return fail(c, text);
	return head_read(c, h);
}

uint64_t
cbor_get_uint(struct cbor *c)
{
	struct head h;

	if (!head_expect(c, CBOR_UINT, &h, "expected an unsigned integer"))
		return 0;
	c->pos += h.size;
	return h.value;
}

int64_t
cbor_get_int(struct cbor *c)
{
	enum cbor_type type = CBOR_UINT;
	struct head h;

	if (cbor_peek(c) == CBOR_NINT)
		type = CBOR_NINT;
	if (!head_expect(c, type, &h, "expected an integer"))
		return 0;
	if (h.value > (uint64_t)INT64_MAX) {
		(void)fail(c, "integer out of range");
		return 0;
	}
	c->pos += h.size;
	return type == CBOR_NINT ? -1 - (int64_t)h.value : (int64_t)h.value;
}

static struct bytes
string_get(struct cbor *c, enum cbor_type type, const char *text)
{
	struct bytes found = BYTES_NONE;
	uint64_t items;
	struct head h;

	if (!head_expect(c, type, &h, text) || !item_enter(c, &h, &items))
		return found;
	found = bytes_of(c->ptr + c->pos - (size_t)h.value, (size_t)h.value);
	return found;
}

struct bytes
cbor_get_bstr(struct cbor *c)
{
	return string_get(c, CBOR_BSTR, "expected a byte string");
}

struct bytes
cbor_get_tstr(struct cbor *c)
{
	return string_get(c, CBOR_TSTR, "expected a text string");
}

struct bytes
cbor_get_bstr_sized(struct cbor *c, size_t len)
{
	size_t start = c->pos;
	struct bytes found = cbor_get_bstr(c);

	if (c->error == NULL && found.len != len) {
		c->pos = start;
		(void)fail(c, "byte string of another length expected");
	}
	return c->error == NULL ? found : BYTES_NONE;
}

bool
cbor_get_bool(struct cbor *c)
{
	struct head h;

	if (!head_expect(c, CBOR_SIMPLE, &h, "expected true or false"))
		return false;
	if (h.value != SIMPLE_TRUE && h.value != SIMPLE_FALSE)
		return fail(c, "expected true or false");
	c->pos += h.size;
	return h.value == SIMPLE_TRUE;
}

void
cbor_get_null(struct cbor *c)
{
	struct head h;

	if (!head_expect(c, CBOR_SIMPLE, &h, "expected null"))
		return;
	if (h.value != SIMPLE_NULL) {
		(void)fail(c, "expected null");
		return;
	}
	c->pos += h.size;
}

static uint64_t
container_get(struct cbor *c, enum cbor_type type, const char *text)
{
	uint64_t items;
	struct head h;

	if (!head_expect(c, type, &h, text) || !item_enter(c, &h, &items))
		return 0;
	return h.value;
}

size_t
cbor_get_array(struct cbor *c)
{
	return (size_t)container_get(c, CBOR_ARRAY, "expected an array");
}

size_t
cbor_get_map(struct cbor *c)
{
	return (size_t)container_get(c, CBOR_MAP, "expected a map");
}

void
cbor_get_array_sized(struct cbor *c, size_t count)
{
	size_t start = c->pos;
	size_t found = cbor_get_array(c);

	if (c->error == NULL && found != count) {
		c->pos = start;
		(void)fail(c, "array of another size expected");
	}
}

uint64_t
cbor_get_versioned(struct cbor *c, size_t count, uint64_t known)
{
	size_t start = c->pos;
	size_t found = cbor_get_array(c);
	uint64_t version = cbor_get_uint(c);

	if (c->error == NULL && version == known && found != count) {
		c->pos = start;
		(void)fail(c, "array of another size expected");
	}
	return version;
}

uint64_t
cbor_get_tag(struct cbor *c)
{
	return container_get(c, CBOR_TAG, "expected a tag");
}

void
cbor_skip(struct cbor *c)
{
	uint64_t items, todo = 1;
	struct head h;

	if (c->error == NULL && c->pos >= c->len)
		(void)fail(c, "an item is missing");
	while (todo > 0 && item_enter(c, &h, &items)) {
		todo += items - 1;
		if (todo > left_of(c)) {
			(void)fail(c, "truncated");
			return;
		}
	}
}

struct bytes
cbor_get_item(struct cbor *c)
{
	size_t start = c->pos;

	cbor_skip(c);
	if (c->error != NULL)
		return BYTES_NONE;
	return bytes_of(c->ptr + start, c->pos - start);
}

bool
cbor_close(struct cbor *c)
{
	if (c->error == NULL && c->pos != c->len)
		return fail(c, "more items than expected");
	return c->error == NULL;
}
