/* Any octets as a receipt: read, and its path followed to a root. */
#include <stdlib.h>

#include "lib/log/receipt.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	uint8_t root[SHA256_SIZE] = { 0 };
	struct diag diag = DIAG_INIT;
	struct receipt r;

	if (receipt_parse(bytes_of(data, size), &r, &diag) != ERR_OK) {
		if (diag.code == ERR_OK || diag.what[0] == '\0')
			abort();
		return 0;
	}
	if (r.leaf >= r.chunk.size || r.chunk.size > SUBTREE_MAX ||
	    r.path_count != subtree_path_length(r.leaf, r.chunk.size))
		abort();
	if (sha256_new(&sha256, NULL) != ERR_OK ||
	    subtree_path_root(sha256, root, r.leaf, r.chunk.size, r.path,
	    root) != ERR_OK)
		abort();
	return 0;
}
