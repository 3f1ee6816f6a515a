/* Any octets as a status list, looked up by a device: as they are. The device
 * is that of the seed corpus of packages; its signer signs nothing here, so
 * no list is ever good. */
#include <stdio.h>
#include <stdlib.h>

#include "device/adapters/openssl/device_openssl.h"

#define PACKAGE	"fuzz/corpus/package/good"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t octets[IMPRINT_DEVICE_PACKAGE_MAX];
	static struct imprint_device_identity id;
	const struct imprint_device_trust trust = {
		.now = 1790000000, .floor = 1
	};
	struct imprint_bytes package = { octets, 0 }, list = { data, size };
	const struct imprint_bytes none = { NULL, 0 };
	struct imprint_device_standing standing;
	const char *reason;
	FILE *f;

	if (id.package.len == 0) {
		f = fopen(PACKAGE, "rb");
		if (f == NULL)
			abort();
		package.len = fread(octets, 1, sizeof(octets), f);
		(void)fclose(f);
		if (imprint_device_open(package, &id, &reason) !=
		    IMPRINT_DEVICE_ACCEPT)
			abort();
	}
	if (imprint_device_status(imprint_device_openssl(), &id, list, none,
	    &trust, &standing) != IMPRINT_DEVICE_OK ||
	    standing.verdict == IMPRINT_DEVICE_ACCEPT ||
	    standing.reason[0] == '\0')
		abort();
	return 0;
}
