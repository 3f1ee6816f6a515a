/* What somebody typed for a claim code: what is read is printed the same. */
#include <stdlib.h>
#include <string.h>

#include "lib/identity/claim_code.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char code[CLAIM_CODE_SIZE], again[CLAIM_CODE_SIZE];

	if (claim_code_read(bytes_of(data, size), code, NULL) != ERR_OK)
		return 0;
	if (strlen(code) != CLAIM_CODE_SIZE - 1 ||
	    claim_code_read(bytes_text(code), again, NULL) != ERR_OK ||
	    strcmp(code, again) != 0)
		abort();
	return 0;
}
