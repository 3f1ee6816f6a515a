/*
 * All that a line gives to a device whose keys are its own, as one line of
 * JSON: document, certificates and chain in base64 (RFC 4648 4), and what
 * tells whose it is: the SHA-256 thumbprint (RFC 9679) of each public key.
 */
#include <stdlib.h>

#include "lib/crypto/cose.h"
#include "lib/identity/rendering_internal.h"
#include "lib/x509/x509_read.h"

/* A bare key, or that of its certificate. */
static enum err
public_get(const struct document_key *key, struct public_key *ret_key,
    struct diag *diag)
{
	struct x509_info *info;
	enum err err;

	if (key->certificate.len == 0)
		return document_key_read(key->key, ret_key);
	info = calloc(1, sizeof(*info));
	if (info == NULL)
		return diag_nomem(diag);
	err = x509_read(key->certificate, info, diag);
	if (!err)
		public_key_copy(ret_key, &info->public_key);
	free(info);
	return err;
}

static enum err
key_put(struct buf *out, const struct document_key *key, bool first,
    struct diag *diag)
{
	uint8_t kid[COSE_KID_SIZE];
	struct public_key public;
	enum err err;

	err = public_get(key, &public, diag);
	if (!err)
		err = cose_key_thumbprint(&public, kid);
	if (err)
		return err;
	buf_printf(out, "%s{\"slot\":%u,\"algorithm\":\"%s\",\"kid\":\"",
	    first ? "" : ",", key->slot, key_alg_name(public.alg));
	buf_put_hex(out, bytes_of(kid, sizeof(kid)));
	buf_put_u8(out, '"');
	if (key->certificate.len > 0) {
		buf_printf(out, ",\"certificate\":\"");
		buf_put_base64(out, key->certificate);
		buf_put_u8(out, '"');
	}
	buf_put_u8(out, '}');
	return buf_err(out);
}

static enum err
ndjson_put(const struct rendering_source *source, struct buf *out,
    struct diag *diag)
{
	const struct document *d = source->document;
	enum err err = ERR_OK;
	size_t i;

	buf_printf(out, "{\"ueid\":\"");
	buf_put_hex(out, d->ueid);
	buf_printf(out, "\",\"keys\":[");
	for (i = 0; i < d->key_count && !err; i++)
		err = key_put(out, &d->keys[i], i == 0, diag);
	buf_printf(out, "],\"document\":\"");
	buf_put_base64(out, source->encoded);
	buf_printf(out, "\",\"chain\":[");
	for (i = 0; i < source->chain_count; i++) {
		buf_printf(out, "%s\"", i > 0 ? "," : "");
		buf_put_base64(out, source->chain[i]);
		buf_put_u8(out, '"');
	}
	buf_printf(out, "]}");
	return err ? err : buf_err(out);
}

const struct rendering rendering_ndjson = {
	.name = "ndjson", .ending = ".ndjson",
	.traits = RENDERING_LINE | RENDERING_TEXT, .put = ndjson_put
};
