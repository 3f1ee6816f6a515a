/* What a command of this machine says to the authority, and back; what an
 * operator asks from afar. */
#include <stdlib.h>

#include "lib/authority/query.h"
#include "lib/proto/local.h"

static void
same(struct bytes body, struct buf *out)
{
	if (buf_err(out) != ERR_OK || !bytes_equal(body, buf_bytes(out)))
		abort();
	buf_clear(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes body = bytes_of(data, size);
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct diag diag = DIAG_INIT;
	struct local_submit submit;
	struct local_export export;
	uint64_t first, second;
	enum request_type type;
	struct bytes ecosystem;
	struct query query;
	enum err err;

	(void)request_peek(body, &type, NULL);
	(void)query_parse(body, &ecosystem, &query, NULL);
	if (local_get_submit(body, &submit, NULL) == ERR_OK)
		local_put_submit(&out, &submit), same(body, &out);
	if (local_get_pair(body, UINT32_MAX, &first, &second, NULL) == ERR_OK)
		local_put_pair(&out, first, second), same(body, &out);
	if (local_get_export(body, &export, NULL) == ERR_OK)
		local_put_export(&out, &export), same(body, &out);
	err = local_get_error(body, &diag);
	if (err != ERR_SYNTAX)
		local_put_error(&out, err, &diag), same(body, &out);
	return 0;
}
