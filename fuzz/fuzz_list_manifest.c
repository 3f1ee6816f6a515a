/* Chip makers' manifests. A first octet of 0: the rest is a file; else it is
 * the payload of a JWS, which is signed here with the private key 1. */
#include "fuzz/device_list.h"

static void
jws_put(struct buf *out, struct bytes payload)
{
	_cleanup_signer_ struct signer *signer = NULL;
	_cleanup_buf_ struct buf header = BUF_INIT, text = BUF_INIT;
	uint8_t digest[SHA256_SIZE], sig[SIGNATURE_SIZE];

	if (sha256_once(maker_cert(), digest) != ERR_OK ||
	    signer_new(KEY_P256, bytes_of(maker_key, sizeof(maker_key)),
	    &signer, NULL) != ERR_OK)
		abort();
	buf_printf(&header, "{\"alg\":\"ES256\",\"x5t#S256\":\"");
	buf_put_base64url(&header, bytes_of(digest, sizeof(digest)));
	buf_printf(&header, "\"}");
	buf_put_base64url(&text, buf_bytes(&header));
	buf_printf(out, "[{\"protected\":\"%s\",\"payload\":\"",
	    buf_text(&text));
	buf_put_u8(&text, '.');
	buf_put_base64url(&text, payload);
	buf_put_base64url(out, payload);
	if (signer_sign(signer, buf_bytes(&text), sig) != ERR_OK)
		abort();
	buf_printf(out, "\",\"signature\":\"");
	buf_put_base64url(out, bytes_of(sig, sizeof(sig)));
	buf_printf(out, "\"}]");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf file = BUF_INIT;

	if (size == 0)
		return 0;
	if (data[0] == 0)
		buf_put(&file, data + 1, size - 1);
	else
		jws_put(&file, bytes_of(data + 1, size - 1));
	list_fuzz("manifest", buf_bytes(&file));
	return 0;
}
