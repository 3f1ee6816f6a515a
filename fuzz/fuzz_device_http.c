/* A server's answer to a device: whatever it is, its body lies within what was
 * read, and decoded chunks are not more than they were. */
#include <stdlib.h>
#include <string.h>

#include "device/adapters/openssl/internal.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);
	struct adapter_answer answer;
	size_t len = 0, again = 0;

	if (copy == NULL)
		abort();
	memcpy(copy, data, size);
	if (adapter_http_head(copy, size, &answer) == ADAPTER_HTTP_WHOLE) {
		if (answer.start > size || answer.status < 100 ||
		    answer.status > 599)
			abort();
		size -= answer.start;
		if (answer.chunked && adapter_http_chunks(copy + answer.start,
		    size, false, &len) == ADAPTER_HTTP_WHOLE &&
		    (adapter_http_chunks(copy + answer.start, size, true,
		    &again) != ADAPTER_HTTP_WHOLE || len != again ||
		    len > size))
			abort();
	}
	free(copy);
	return 0;
}
