/*
 * Hexadecimal and base64. Not in constant time: for public data, and for
 * secrets only where the text form itself is at rest in the clear.
 */
#include "lib/base/buf.h"

static const char hex_digits[] = "0123456789abcdef";
/* RFC 4648 4, and 5 for names of files and URLs; index 64 is the padding. */
static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
static const char base64url_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void
buf_put_hex(struct buf *b, struct bytes bytes)
{
	uint8_t *at;
	size_t i;

	if (bytes.len > SIZE_MAX / 2) {
		if (b->err == ERR_OK)
			b->err = ERR_LIMIT;
		return;
	}
	at = buf_extend(b, bytes.len * 2);
	if (at == NULL)
		return;
	for (i = 0; i < bytes.len; i++) {
		*at++ = (uint8_t)hex_digits[bytes.ptr[i] >> 4];
		*at++ = (uint8_t)hex_digits[bytes.ptr[i] & 15];
	}
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

enum err
hex_decode(const char *text, uint8_t *out, size_t cap, size_t *ret_len)
{
	size_t len, i;

	len = strlen(text);
	if (len % 2 != 0)
		return ERR_SYNTAX;
	for (i = 0; i < len; i++)
		if (hex_value(text[i]) < 0)
			return ERR_SYNTAX;
	if (len / 2 > cap)
		return ERR_LIMIT;
	for (i = 0; i < len / 2; i++)
		out[i] = (uint8_t)(hex_value(text[2 * i]) << 4 |
		    hex_value(text[2 * i + 1]));
	*ret_len = len / 2;
	return ERR_OK;
}

/* Four digits, or with no padding among them as many as it takes. */
static void
base64_put(struct buf *b, struct bytes bytes, const char *digits)
{
	bool padded = digits[64] == '=';
	size_t i, left, len;
	uint32_t group;
	uint8_t *at;
	unsigned k;

	if (bytes.len > SIZE_MAX / 2) {
		if (b->err == ERR_OK)
			b->err = ERR_LIMIT;
		return;
	}
	len = padded ? (bytes.len + 2) / 3 * 4 : (bytes.len * 4 + 2) / 3;
	at = buf_extend(b, len);
	if (at == NULL)
		return;
	for (i = 0; i + 3 <= bytes.len; i += 3) {
		group = (uint32_t)bytes.ptr[i] << 16 |
		    (uint32_t)bytes.ptr[i + 1] << 8 | bytes.ptr[i + 2];
		at[0] = (uint8_t)digits[group >> 18];
		at[1] = (uint8_t)digits[group >> 12 & 63];
		at[2] = (uint8_t)digits[group >> 6 & 63];
		at[3] = (uint8_t)digits[group & 63];
		at += 4;
	}
	if (i < bytes.len) {
		left = bytes.len - i;
		group = (uint32_t)bytes.ptr[i] << 16;
		if (left > 1)
			group |= (uint32_t)bytes.ptr[i + 1] << 8;
		for (k = 0; k < 4 && (k <= left || padded); k++)
			*at++ = (uint8_t)
			    digits[k <= left ? group >> (18 - 6 * k) & 63 : 64];
	}
}

void
buf_put_base64(struct buf *b, struct bytes bytes)
{
	base64_put(b, bytes, base64_digits);
}

void
buf_put_base64url(struct buf *b, struct bytes bytes)
{
	base64_put(b, bytes, base64url_digits);
}

static int
base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	if (c == '/')
		return 63;
	return -1;
}

struct base64_group {
	uint32_t	bits;
	unsigned	digits;		/* 0 to 3 taken so far */
	unsigned	pads;
};

static enum err
base64_take(struct base64_group *g, uint8_t c, struct buf *out)
{
	int v;

	if (c == '=') {
		g->pads++;
		return g->digits + g->pads > 4 ? ERR_SYNTAX : ERR_OK;
	}
	v = base64_value(c);
	if (v < 0 || g->pads > 0)
		return ERR_SYNTAX;
	g->bits = g->bits << 6 | (uint32_t)v;
	if (++g->digits < 4)
		return ERR_OK;
	buf_put_u8(out, (uint8_t)(g->bits >> 16));
	buf_put_u8(out, (uint8_t)(g->bits >> 8));
	buf_put_u8(out, (uint8_t)g->bits);
	g->bits = 0;
	g->digits = 0;
	return ERR_OK;
}

/* RFC 4648 3.5: the bits that padding leaves over must be zero. */
static enum err
base64_end(const struct base64_group *g, struct buf *out)
{
	if (g->digits == 0)
		return g->pads == 0 ? ERR_OK : ERR_SYNTAX;
	if (g->digits == 1 || g->digits + g->pads != 4)
		return ERR_SYNTAX;
	if (g->digits == 2) {
		if ((g->bits & 15) != 0)
			return ERR_SYNTAX;
		buf_put_u8(out, (uint8_t)(g->bits >> 4));
		return ERR_OK;
	}
	if ((g->bits & 3) != 0)
		return ERR_SYNTAX;
	buf_put_u8(out, (uint8_t)(g->bits >> 10));
	buf_put_u8(out, (uint8_t)(g->bits >> 2));
	return ERR_OK;
}

enum err
base64_decode(struct bytes text, struct buf *out)
{
	struct base64_group g = { 0 };
	size_t before, i;
	enum err err;

	before = out->len;
	err = ERR_OK;
	for (i = 0; i < text.len && err == ERR_OK; i++)
		if (text.ptr[i] == '\0' ||
		    strchr(" \t\r\n", text.ptr[i]) == NULL)
			err = base64_take(&g, text.ptr[i], out);
	if (err == ERR_OK)
		err = base64_end(&g, out);
	if (err == ERR_OK)
		err = buf_err(out);
	if (err)
		out->len = before;
	return err;
}

/* RFC 7515 2: the padding is left out, and nothing else may stand in it. */
enum err
base64url_decode(struct bytes text, struct buf *out)
{
	struct base64_group g = { 0 };
	size_t before = out->len, i;
	enum err err = ERR_OK;
	uint8_t c;

	for (i = 0; i < text.len && err == ERR_OK; i++) {
		c = text.ptr[i];
		if (c == '+' || c == '/' || c == '=')
			err = ERR_SYNTAX;
		else
			err = base64_take(&g, c == '-' ? '+' : c == '_' ?
			    '/' : c, out);
	}
	g.pads = (4 - g.digits) % 4;
	if (err == ERR_OK)
		err = base64_end(&g, out);
	if (err == ERR_OK)
		err = buf_err(out);
	if (err)
		out->len = before;
	return err;
}
