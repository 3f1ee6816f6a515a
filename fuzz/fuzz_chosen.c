/* What was chosen is written again to the octet; an answer is read. */
#include <stdlib.h>

#include "lib/authority/chosen.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_chosen_answer_ struct chosen_answer answer = {
		.ranges_count = 0 };
	_cleanup_buf_ struct buf again = BUF_INIT;
	struct status_change change;
	struct diag diag = DIAG_INIT;
	struct chosen chosen;
	struct cbor cbor;

	if (request_chosen_change(bytes_of(data, size), &change, &diag) !=
	    ERR_OK && diag.what[0] == '\0')
		abort();
	(void)!chosen_answer_get(bytes_of(data, size), &answer, NULL);
	cbor_open(&cbor, bytes_of(data, size));
	chosen_get(&cbor, &chosen);
	if (!cbor_close(&cbor))
		return 0;
	chosen_put(&again, &chosen);
	if (!bytes_equal(buf_bytes(&again), bytes_of(data, size)))
		abort();
	return 0;
}
