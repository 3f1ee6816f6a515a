#include "lib/x509/certificate.h"

#define PEM_LINE_OCTETS	48	/* 64 characters, RFC 7468 2 */
#define PEM_LABEL_MAX	64

void
pem_put(struct buf *b, const char *label, struct bytes der)
{
	size_t at, len;

	buf_printf(b, "-----BEGIN %s-----\n", label);
	for (at = 0; at < der.len; at += len) {
		len = der.len - at;
		if (len > PEM_LINE_OCTETS)
			len = PEM_LINE_OCTETS;
		buf_put_base64(b, bytes_of(der.ptr + at, len));
		buf_put_u8(b, '\n');
	}
	buf_printf(b, "-----END %s-----\n", label);
}

/* Where needle begins in text from at on; text.len: nowhere. */
static size_t
text_find(struct bytes text, size_t at, struct bytes needle)
{
	const uint8_t *hit;

	hit = memmem(text.ptr + at, text.len - at, needle.ptr, needle.len);
	return hit == NULL ? text.len : (size_t)(hit - text.ptr);
}

/* One block's base64 as DER after its length. */
static enum err
block_put(struct bytes base64, struct buf *out, struct diag *diag)
{
	size_t start = out->len;
	enum err err;

	buf_put_be32(out, 0);
	err = base64_decode(base64, out);
	if (!err)
		err = buf_err(out);
	if (err)
		return diag_fail(diag, err, "RFC 7468 3",
		    "PEM: content is not base64, or too long");
	if (out->len == start + 4)
		return diag_fail(diag, ERR_SYNTAX, "RFC 7468 3",
		    "PEM: block without content");
	put_be32(out->ptr + start, (uint32_t)(out->len - start - 4));
	return ERR_OK;
}

enum err
pem_get_all(struct bytes text, const char *label, struct buf *out,
    struct diag *diag)
{
	_cleanup_buf_ struct buf begin = BUF_INIT, end = BUF_INIT;
	size_t at, start, stop;
	bool found = false;
	enum err err;

	if (strlen(label) > PEM_LABEL_MAX)
		return ERR_LIMIT;
	buf_printf(&begin, "-----BEGIN %s-----", label);
	buf_printf(&end, "-----END %s-----", label);
	err = buf_err(&begin) ? buf_err(&begin) : buf_err(&end);
	if (err)
		return err;
	/* text around the blocks is explanation (RFC 7468 2, 5.2) */
	for (at = 0; at < text.len; at = stop + end.len) {
		start = text_find(text, at, buf_bytes(&begin));
		if (start == text.len)
			break;
		start += begin.len;
		stop = text_find(text, start, buf_bytes(&end));
		if (stop == text.len)
			return diag_fail(diag, ERR_SYNTAX, "RFC 7468 2",
			    "PEM: %s begins and does not end", label);
		err = block_put(bytes_of(text.ptr + start, stop - start), out,
		    diag);
		if (err)
			return err;
		found = true;
	}
	if (!found)
		return diag_fail(diag, ERR_NOTFOUND, NULL,
		    "PEM: no block of type %s", label);
	return ERR_OK;
}

bool
pem_next(struct bytes *rest, struct bytes *ret_der)
{
	size_t len;

	if (rest->len < 4)
		return false;
	len = get_be32(rest->ptr);
	*ret_der = bytes_of(rest->ptr + 4, len);
	*rest = bytes_of(rest->ptr + 4 + len, rest->len - 4 - len);
	return true;
}
