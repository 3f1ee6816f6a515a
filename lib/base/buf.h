/*
 * A bounded builder of bytes.
 *
 * It grows by allocation up to its limit. The first failure sticks: later
 * writes do nothing and buf_err() tells it, so an encoder writes straight on
 * and asks once at the end. Views from buf_bytes() last until the next write.
 * Not for secrets: those live in struct secret.
 */
#ifndef IMPRINT_BASE_BUF_H
#define IMPRINT_BASE_BUF_H

#include "lib/base/bytes.h"
#include "lib/base/err.h"

struct buf {
	uint8_t		*ptr;
	size_t		 len;
	size_t		 cap;
	size_t		 limit;		/* bytes it may hold at most */
	enum err	 err;		/* ERR_OK, ERR_NOMEM or ERR_LIMIT */
};

#define BUF_LIMIT_DEFAULT	((size_t)64 << 20)
#define BUF_INIT	{ .limit = BUF_LIMIT_DEFAULT }

/* Release on leaving scope. */
#define _cleanup_buf_ __attribute__((cleanup(buf_release)))

/* Release what it holds; it may be used again afterwards. */
void	buf_release(struct buf *);
/* Empty it, keep its memory, forget a failure. */
void	buf_clear(struct buf *);
/* Make room for more bytes beyond len. */
void	buf_reserve(struct buf *, size_t more);
/* Append. */
void	buf_put(struct buf *, const void *, size_t);
void	buf_put_bytes(struct buf *, struct bytes);
void	buf_put_u8(struct buf *, uint8_t);
void	buf_put_be16(struct buf *, uint16_t);
void	buf_put_be32(struct buf *, uint32_t);
void	buf_put_be64(struct buf *, uint64_t);
void	buf_printf(struct buf *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
/* Lower-case hexadecimal. */
void	buf_put_hex(struct buf *, struct bytes);
/* len more bytes to fill in by hand; NULL once it has failed. */
uint8_t	*buf_extend(struct buf *, size_t len);
/* Put bytes in at offset at, moving what follows. at <= len. */
void	buf_insert(struct buf *, size_t at, struct bytes);
/* A NUL after the content, not counted; "" once it has failed. */
const char *buf_text(struct buf *);

static inline struct bytes
buf_bytes(const struct buf *b)
{
	return bytes_of(b->ptr, b->len);
}

static inline MUST_USE enum err
buf_err(const struct buf *b)
{
	return b->err;
}

/*
 * Hexadecimal text to bytes; len(out) = strlen(text) / 2 at most cap.
 * ERR_SYNTAX on an odd length or a foreign character, ERR_LIMIT beyond cap.
 */
MUST_USE enum err hex_decode(const char *text, uint8_t *out, size_t cap,
    size_t *ret_len);

/* Standard base64 with padding (RFC 4648 4), unwrapped. */
void	buf_put_base64(struct buf *, struct bytes);
/* base64url without padding (RFC 4648 5, RFC 7515 2). */
void	buf_put_base64url(struct buf *, struct bytes);
/*
 * Decode base64, white space skipped. ERR_SYNTAX on anything else foreign,
 * wrong padding or non-zero trailing bits.
 */
MUST_USE enum err base64_decode(struct bytes text, struct buf *out);
/* Decode base64url without padding, nothing skipped. ERR_SYNTAX on anything
 * foreign or non-zero trailing bits. */
MUST_USE enum err base64url_decode(struct bytes text, struct buf *out);

#endif
