/* One line of JSON, so that those of a pack make an NDJSON file. Binary is
 * base64 (RFC 4648 4), private keys PKCS#8. */
#include "lib/identity/form_internal.h"

static enum err
key_put(struct buf *out, const struct package_key *key, bool first,
    struct diag *diag)
{
	_cleanup_secret_ struct secret room = SECRET_INIT;
	struct buf der;
	enum err err;

	err = secret_alloc(&room, 2 * KEY_PRIVATE_MAX);
	if (err)
		return err;
	der = (struct buf){ .ptr = room.ptr, .cap = room.cap,
	    .limit = room.cap };
	err = package_put_pkcs8(&der, key, diag);
	if (err)
		return err;
	buf_printf(out, "%s{\"slot\":%u,\"algorithm\":\"%s\",\"key\":\"",
	    first ? "" : ",", key->slot, key_alg_name(key->alg));
	buf_put_base64(out, buf_bytes(&der));
	buf_printf(out, "\"}");
	return ERR_OK;
}

static void
certificates_put(struct buf *out, const struct package_plain *p)
{
	const struct document_key *key;
	bool begun = false;
	size_t i;

	buf_printf(out, "],\"certificates\":[");
	for (i = 0; i < p->document.key_count; i++) {
		key = &p->document.keys[i];
		if (key->certificate.len == 0)
			continue;
		buf_printf(out, "%s{\"slot\":%u,\"certificate\":\"",
		    begun ? "," : "", key->slot);
		buf_put_base64(out, key->certificate);
		buf_printf(out, "\"}");
		begun = true;
	}
	buf_printf(out, "],\"chain\":[");
	for (i = 0; i < p->chain_count; i++) {
		buf_printf(out, "%s\"", i > 0 ? "," : "");
		buf_put_base64(out, p->chain[i]);
		buf_put_u8(out, '"');
	}
}

static enum err
ndjson_put(const struct package_plain *p, struct bytes layout,
    struct buf *out, struct diag *diag)
{
	enum err err = ERR_OK;
	size_t i;

	(void)layout;
	buf_printf(out, "{\"ueid\":\"");
	buf_put_hex(out, p->document.ueid);
	buf_printf(out, "\",\"keys\":[");
	for (i = 0; i < p->key_count && !err; i++)
		err = key_put(out, &p->keys[i], i == 0, diag);
	certificates_put(out, p);
	buf_printf(out, "],\"document\":\"");
	buf_put_base64(out, p->encoded);
	buf_printf(out, "\"}\n");
	return err;
}

const struct package_form form_ndjson = {
	.name = "ndjson", .what = "one line of JSON, binary as base64",
	.put = ndjson_put
};
