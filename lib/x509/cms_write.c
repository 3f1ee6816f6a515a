#include "lib/x509/cms.h"
#include "lib/x509/der.h"

#define VERSION 1	/* RFC 5652 5.1: certificates only, content id-data */

void
cms_put_certificates(struct buf *b, const struct bytes *certificates,
    size_t count)
{
	static const uint8_t data[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
		0x01, 0x07, 0x01 };
	static const uint8_t signed_data[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7,
		0x0d, 0x01, 0x07, 0x02 };
	size_t i, info, content, body, item;

	info = b->len;
	der_put_oid(b, bytes_of(signed_data, sizeof(signed_data)));
	content = b->len;
	body = b->len;
	der_put_uint(b, VERSION);
	der_put(b, DER_SET, BYTES_NONE);	/* digest algorithms */
	item = b->len;
	der_put_oid(b, bytes_of(data, sizeof(data)));
	der_wrap(b, DER_SEQUENCE, item);
	item = b->len;
	for (i = 0; i < count; i++)
		buf_put_bytes(b, certificates[i]);
	der_wrap(b, DER_CONTEXT_CONSTRUCTED(0), item);
	der_put(b, DER_SET, BYTES_NONE);	/* signers */
	der_wrap(b, DER_SEQUENCE, body);
	der_wrap(b, DER_CONTEXT_CONSTRUCTED(0), content);
	der_wrap(b, DER_SEQUENCE, info);
}
