/* Any octets as a certificate, read by the device: what it takes, OpenSSL
 * takes, too, and a path to itself never hangs. */
#include <stdlib.h>

#include "device/adapters/openssl/internal.h"
#include "device/src/certificate.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct imprint_device_identity id;
	struct imprint_bytes der = { data, size };
	struct certificate c;
	struct path path;
	X509 *x;

	if (imprint_device_certificate_read(view(der), &c) != NULL)
		return 0;
	x = adapter_certificate(der);
	if (x == NULL)
		abort();
	X509_free(x);
	id.certs[0] = der;
	id.certs[1] = der;
	id.cert_count = 2;
	if (imprint_device_path_find(imprint_device_openssl(), &id, view(der),
	    PATH_CLIENT, &path) != 0)
		abort();
	return 0;
}
