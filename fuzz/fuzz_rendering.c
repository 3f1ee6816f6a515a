/* Any octets as an identity document, rendered as claims of a JWT and as a C
 * header: whatever parses, renders, and every octet is plain. */
#include <stdlib.h>

#include "lib/identity/rendering_internal.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct rendering_source source = { .slot = RENDERING_ALL_SLOTS };
	struct document d;
	size_t i;

	source.encoded = bytes_of(data, size);
	source.document = &d;
	if (document_parse(source.encoded, &d, NULL) != ERR_OK)
		return 0;
	if (jwt_put_claims(&out, &source, NULL) != ERR_OK ||
	    memchr(out.ptr, '\n', out.len) != NULL ||
	    rendering_c.put(&source, &out, NULL) != ERR_OK)
		abort();
	for (i = 0; i < out.len; i++)
		if ((out.ptr[i] < 0x20 && out.ptr[i] != '\n' &&
		    out.ptr[i] != '\t') || out.ptr[i] == 0x7f)
			abort();
	return 0;
}
