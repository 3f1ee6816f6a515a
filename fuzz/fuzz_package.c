/* Any octets as a device's package: read, verified, all of it looked at. */
#include <stdlib.h>

#include "device/adapters/openssl/device_openssl.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct imprint_device_trust trust = {
		.now = 1790000000, .floor = 1
	};
	const struct imprint_bytes package = { data, size };
	struct imprint_device_identity id;
	struct imprint_device_report report;
	struct imprint_device_object object;
	struct imprint_bytes a, b;
	size_t n;

	if (imprint_device_verify(imprint_device_openssl(), package, &trust,
	    &id, &report) != IMPRINT_DEVICE_OK)
		abort();
	if ((report.verdict == IMPRINT_DEVICE_ACCEPT) !=
	    (report.reason[0] == '\0'))
		abort();
	for (n = 0; imprint_device_object_at(&id, n, &object); n++)
		if (imprint_device_rights(&id, object.object) !=
		    (object.capable & object.scope))
			abort();
	for (n = 0; imprint_device_name_at(&id, n, &a, &b); n++)
		;
	for (n = 0; imprint_device_anchor_at(&id, n, &a, &b); n++)
		;
	return 0;
}
