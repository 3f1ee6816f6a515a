/* Requests of devices, up to their keys: what is taken lies in the input. */
#include <stdlib.h>

#include "lib/authority/enrol_internal.h"

static void
inside(struct bytes part, const uint8_t *data, size_t size)
{
	if (part.len > 0 && (part.ptr < data || part.len > size ||
	    (size_t)(part.ptr - data) > size - part.len))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct device_key keys[PRODUCT_SLOTS_MAX];
	struct device_request request;
	struct public_key recipient;
	struct diag diag = DIAG_INIT;
	size_t i, count = 0;
	bool sealed;

	if (device_request_parse(bytes_of(data, size), &request, &diag) !=
	    ERR_OK) {
		if (diag.what[0] == '\0')
			abort();
		return 0;
	}
	inside(request.leaf, data, size);
	inside(request.body, data, size);
	if (request.authority.len != SHA256_SIZE ||
	    request.id.len != DEVICE_REQUEST_ID_SIZE)
		abort();
	if (device_keys_parse(request.body, keys, &count, &recipient, &sealed,
	    NULL) != ERR_OK)
		return 0;
	for (i = 0; i < count; i++)
		if (keys[i].slot >= PRODUCT_SLOTS_MAX)
			abort();
	return 0;
}
