/* Any octets as what the authority answers a device: a root's certificate of
 * the length that the first two octets tell, then the answer. All signatures
 * are good, and it is to what was asked, so that every check behind them is
 * reached; what is taken lies in the input. */
#include <stdlib.h>
#include <string.h>

#include "cmd/imprint-device/field_answer.h"
#include "device/adapters/openssl/device_openssl.h"
#include "lib/base/cbor.h"

static int
verify(void *state, const uint8_t point[IMPRINT_DEVICE_POINT_SIZE],
    const uint8_t digest[IMPRINT_DEVICE_HASH_SIZE],
    const uint8_t signature[IMPRINT_DEVICE_SIGNATURE_SIZE], bool *ret_good)
{
	(void)state;
	*ret_good = point[1] != digest[0] || signature[0] != 0;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct imprint_device_identity id = { .cert_count = 1 };
	struct imprint_device_crypto crypto = *imprint_device_openssl();
	size_t head = size < 2 ? 0 : (size_t)data[0] << 8 | data[1];
	struct field_asked asked = { &crypto, &id, NULL, BYTES_NONE };
	uint8_t root[FIELD_HASH_SIZE];
	struct diag diag = DIAG_INIT;
	struct field_answer answer;
	struct bytes raw;
	struct cbor c;
	enum err err;

	if (size < 2 || head > size - 2)
		return 0;
	crypto.verify = verify;
	id.certs[0] = (struct imprint_bytes){ data + 2, head };
	if (crypto.sha256(crypto.state, id.certs, 1, root) != 0)
		abort();
	asked.root = root;
	raw = bytes_of(data + 2 + head, size - 2 - head);
	/* the statement has its request's id where a request has it */
	cbor_open(&c, raw);
	(void)cbor_get_array(&c);
	(void)cbor_get_uint(&c);
	cbor_skip(&c);
	asked.request = cbor_get_bstr(&c);
	err = field_answer_read(&asked, raw, &answer, &diag);
	if ((err != ERR_OK) != (diag.what[0] != '\0'))
		abort();
	if (!err && answer.package.len > 0 && (answer.package.ptr < raw.ptr ||
	    answer.package.ptr + answer.package.len > data + size))
		abort();
	return 0;
}
