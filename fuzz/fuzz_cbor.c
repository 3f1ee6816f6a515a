/*
 * Anything at all into the CBOR reader and the COSE parsers. What the reader
 * accepts must print, and skipping it must end where the walk ended.
 */
#include <stdlib.h>

#include "lib/base/cbor_write.h"
#include "lib/crypto/cose.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct bytes input = bytes_of(data, size), private;
	struct cose_sign1 msg;
	struct public_key key;
	struct cbor c;
	bool good;

	cbor_open_checked(&c, input);
	cbor_skip(&c);
	good = cbor_close(&c);
	cbor_open(&c, input);
	if (cbor_ok(&c)) {
		cbor_skip(&c);
		if (!good || !cbor_close(&c))
			abort();
		cbor_put_diagnostic(&text, input);
		if (buf_err(&text) != ERR_OK || text.len == 0)
			abort();
	}
	(void)!cose_sign1_parse(input, &msg, NULL);
	(void)!cose_key_parse(input, &key, &private, NULL);
	return 0;
}
