/* Detached CMS signatures, their signer the key 1. */
#include "fuzz/device_list.h"
#include "lib/x509/cms.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_cms_ struct cms *cms = NULL;
	struct diag diag = DIAG_INIT;
	enum err err;

	err = cms_open(bytes_of(data, size), maker_cert(), 1790000000, &cms,
	    &diag);
	if (!err)
		err = cms_update(cms, bytes_text("id,key\n"));
	if (!err)
		err = cms_end(cms, &diag);
	if ((err != ERR_OK) != (diag.what[0] != '\0'))
		abort();
	return 0;
}
