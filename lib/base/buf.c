#include "lib/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_FIRST	64

/* Room for need bytes in all; the limit is the caller's business. */
static bool
buf_grow(struct buf *b, size_t need)
{
	uint8_t *ptr;
	size_t cap;

	if (need <= b->cap)
		return true;
	cap = b->cap < BUF_FIRST ? BUF_FIRST : b->cap;
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	ptr = realloc(b->ptr, cap);
	if (ptr == NULL) {
		b->err = ERR_NOMEM;
		return false;
	}
	b->ptr = ptr;
	b->cap = cap;
	return true;
}

void
buf_release(struct buf *b)
{
	free(b->ptr);
	b->ptr = NULL;
	b->len = b->cap = 0;
	b->err = ERR_OK;
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	b->err = ERR_OK;
}

void
buf_reserve(struct buf *b, size_t more)
{
	if (b->err != ERR_OK)
		return;
	if (b->len > b->limit || more > b->limit - b->len) {
		b->err = ERR_LIMIT;
		return;
	}
	(void)buf_grow(b, b->len + more);
}

uint8_t *
buf_extend(struct buf *b, size_t len)
{
	uint8_t *at;

	/* one byte at least, so that only a failure gives NULL */
	if (b->err == ERR_OK && b->cap == 0)
		(void)buf_grow(b, 1);
	buf_reserve(b, len);
	if (b->err != ERR_OK)
		return NULL;
	at = b->ptr + b->len;
	b->len += len;
	return at;
}

void
buf_put(struct buf *b, const void *ptr, size_t len)
{
	uint8_t *at;

	at = buf_extend(b, len);
	if (at != NULL && len > 0)
		memcpy(at, ptr, len);
}

void
buf_put_bytes(struct buf *b, struct bytes bytes)
{
	buf_put(b, bytes.ptr, bytes.len);
}

void
buf_put_u8(struct buf *b, uint8_t v)
{
	buf_put(b, &v, sizeof(v));
}

void
buf_put_be16(struct buf *b, uint16_t v)
{
	uint8_t p[2];

	put_be16(p, v);
	buf_put(b, p, sizeof(p));
}

void
buf_put_be32(struct buf *b, uint32_t v)
{
	uint8_t p[4];

	put_be32(p, v);
	buf_put(b, p, sizeof(p));
}

void
buf_put_be64(struct buf *b, uint64_t v)
{
	uint8_t p[8];

	put_be64(p, v);
	buf_put(b, p, sizeof(p));
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0) {
		if (b->err == ERR_OK)
			b->err = ERR_LIMIT;
		return;
	}
	buf_reserve(b, (size_t)len);
	/* vsnprintf writes a NUL that is not content */
	if (b->err != ERR_OK || !buf_grow(b, b->len + (size_t)len + 1))
		return;
	va_start(ap, fmt);
	(void)vsnprintf((char *)b->ptr + b->len, (size_t)len + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)len;
}

void
buf_insert(struct buf *b, size_t at, struct bytes bytes)
{
	size_t tail;

	if (bytes.len == 0)
		return;
	tail = b->len - at;
	if (buf_extend(b, bytes.len) == NULL)
		return;
	memmove(b->ptr + at + bytes.len, b->ptr + at, tail);
	memcpy(b->ptr + at, bytes.ptr, bytes.len);
}

const char *
buf_text(struct buf *b)
{
	if (b->err != ERR_OK || !buf_grow(b, b->len + 1))
		return "";
	b->ptr[b->len] = '\0';
	return (const char *)b->ptr;
}
