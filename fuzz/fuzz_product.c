/* Product files and their canonical form: what is accepted must survive
 * being written and read again, byte for byte. */
#include <stdlib.h>

#include "lib/policy/product_yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(bool good)
{
	if (!good)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf cbor = BUF_INIT, again = BUF_INIT;
	_cleanup_buf_ struct buf yaml = BUF_INIT;
	struct diag diag = DIAG_INIT;
	struct product p, q;

	if (product_decode(bytes_of(data, size), &p, NULL) != ERR_OK &&
	    product_yaml_parse("f", bytes_of(data, size), &p, &diag) !=
	    ERR_OK) {
		check(diag.what[0] != '\0');
		return 0;
	}
	check(product_encode(&p, &cbor) == ERR_OK);
	check(product_yaml_write(&p, &yaml) == ERR_OK);
	check(product_yaml_parse("f", buf_bytes(&yaml), &q, NULL) == ERR_OK);
	check(product_encode(&q, &again) == ERR_OK);
	check(bytes_equal(buf_bytes(&cbor), buf_bytes(&again)));
	check(product_decode(buf_bytes(&cbor), &q, NULL) == ERR_OK);
	return 0;
}
