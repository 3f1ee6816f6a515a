/* Heads of ledgers, acknowledgements, and what a report says of its anchor.
 * A first octet of 0: the rest is a file; 1 and 2: a payload of either, which
 * is signed here; 3: the last. */
#include <stdlib.h>

#include "lib/identity/ledger_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct signer *signer;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t ones[KEY_PRIVATE_SIZE] = { [31] = 1 };
	_cleanup_buf_ struct buf file = BUF_INIT, again = BUF_INIT;
	uint8_t kid[COSE_KID_SIZE];
	struct acknowledged a;
	struct anchored held;
	struct ledger_head h;

	if (signer == NULL && signer_new(KEY_P256, bytes_of(ones,
	    sizeof(ones)), &signer, NULL))
		abort();
	if (size == 0 || cose_key_thumbprint(signer_public(signer), kid))
		return 0;
	if (data[0] == 1 || data[0] == 2) {
		if (cose_sign1_sign(&file, signer, bytes_of(kid, sizeof(kid)),
		    data[0] == 1 ? HEAD_TYP : ACKNOWLEDGED_TYP,
		    bytes_of(data + 1, size - 1), BYTES_NONE, NULL))
			return 0;
	} else
		buf_put(&file, data + 1, size - 1);
	/* what is read can be written, and is the same then */
	if (ledger_head_parse(buf_bytes(&file), signer_public(signer), &h,
	    NULL) == ERR_OK && ledger_head_sign(&h, signer, &again, NULL))
		abort();
	if (acknowledged_parse(buf_bytes(&file), signer_public(signer), 1,
	    &a, NULL) == ERR_OK && acknowledged_sign(&a, signer, &again,
	    NULL))
		abort();
	if (data[0] == 3 && anchored_get(buf_bytes(&file), &held)) {
		anchored_put(&again, &held);
		if (!bytes_equal(buf_bytes(&again), buf_bytes(&file)))
			abort();
	}
	return 0;
}
