/* Opened packages in every form. Up to the first NUL a layout, then the
 * package: whatever they are, a refusal says why. */
#include <stdlib.h>

#include "lib/identity/package_form.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size > 0 ? memchr(data, '\0', size) : NULL;
	struct bytes layout, package;
	size_t i;

	if (nul == NULL)
		return 0;
	layout = bytes_of(data, (size_t)(nul - data));
	package = bytes_of(nul + 1, size - layout.len - 1);
	for (i = 0; package_forms[i] != NULL; i++) {
		_cleanup_secret_ struct secret out = SECRET_INIT;
		struct diag diag = DIAG_INIT;
		enum err err;

		err = package_form_put(package_forms[i], package,
		    package_forms[i]->layout ? layout : BYTES_NONE, &out,
		    &diag);
		if ((err == ERR_OK) != (diag.what[0] == '\0') ||
		    (err == ERR_OK) != (out.len > 0))
			abort();
	}
	return 0;
}
