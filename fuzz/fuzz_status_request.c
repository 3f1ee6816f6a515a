/* What is accepted as a change of status is written again to the octet. */
#include <stdlib.h>

#include "lib/authority/request_status.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_status_request_ struct status_request request = { 0 };
	_cleanup_buf_ struct buf words = BUF_INIT, again = BUF_INIT;
	struct diag diag = DIAG_INIT;

	if (status_request_parse(bytes_of(data, size), &request, &diag) !=
	    ERR_OK) {
		if (diag.what[0] == '\0')
			abort();
		return 0;
	}
	buf_put_bytes(&words, request.words);
	if (request.words.len > 0 &&
	    memchr(request.words.ptr, '\0', request.words.len) != NULL)
		return 0;
	if (request_put_status(&again, request.change.action,
	    request.change.reason, request.ranges, request.count,
	    buf_text(&words)) != ERR_OK ||
	    !bytes_equal(buf_bytes(&again), bytes_of(data, size)))
		abort();
	return 0;
}
