#include "lib/identity/document_render.h"

#include "lib/base/clock.h"

void
render_put_time(struct buf *b, int64_t t)
{
	char text[TIME_TEXT_SIZE];

	time_format(t, text);
	buf_put_bytes(b, bytes_text(text));
}

void
render_other_claims(const struct document *d,
    void (*put)(void *ctx, struct bytes key, struct bytes value), void *ctx)
{
	struct bytes key, value;
	struct cbor c, k;
	size_t i, pairs;

	cbor_open_checked(&c, d->claims);
	pairs = cbor_get_map(&c);
	for (i = 0; i < pairs && cbor_ok(&c); i++) {
		key = cbor_get_item(&c);
		value = cbor_get_item(&c);
		cbor_open_checked(&k, key);
		if (cbor_ok(&c) && (cbor_peek(&k) == CBOR_TSTR ||
		    document_claim_name(cbor_get_int(&k)) == NULL))
			put(ctx, key, value);
	}
}
