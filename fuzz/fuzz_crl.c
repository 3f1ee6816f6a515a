/* Any octets as a CRL. Its entries are found again, each by itself. */
#include <stdlib.h>

#include "lib/x509/crl_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_crl_index_ struct crl_index *index = NULL;
	struct diag diag = DIAG_INIT;
	struct crl_revocation r;
	struct crl crl;
	size_t i;

	if (crl_parse(bytes_of(data, size), &crl, &diag) != ERR_OK ||
	    crl_index_new(&crl, &index, &diag) != ERR_OK) {
		if (diag.code == ERR_OK || diag.what[0] == '\0')
			abort();
		return 0;
	}
	if (crl.number.len == 0 || crl.next_update <= crl.this_update ||
	    (crl_index_count(index) == 0) != (crl.entries.len == 0))
		abort();
	for (i = 0; i + SERIAL_MAX < crl.entries.len; i++)
		if (crl_index_find(index, bytes_of(crl.entries.ptr + i, 1 + i %
		    SERIAL_MAX), &r) && crl_reason_name(r.reason) == NULL)
			abort();
	return 0;
}
