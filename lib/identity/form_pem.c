/* The package as it is, and as PEM (RFC 7468) in a row. */
#include "lib/identity/form_internal.h"
#include "lib/x509/certificate.h"

static enum err
cbor_put(const struct package_plain *p, struct bytes layout, struct buf *out,
    struct diag *diag)
{
	(void)layout;
	(void)diag;
	buf_put_bytes(out, p->whole);
	return ERR_OK;
}

const struct package_form form_cbor = {
	.name = "cbor", .what = "the package as it is", .put = cbor_put
};

static enum err
key_put(const struct package_plain *p, const struct package_key *key,
    struct buf *out, struct diag *diag)
{
	_cleanup_secret_ struct secret pem = SECRET_INIT;
	struct bytes certificate = package_certificate(p, key->slot);
	enum err err;

	buf_printf(out, "slot %u: %s\n", key->slot, key_alg_name(key->alg));
	err = private_key_put_pem(key->alg, key->private, &pem, diag);
	if (err)
		return err;
	buf_put(out, pem.ptr, pem.len);
	if (certificate.len > 0)
		pem_put(out, "CERTIFICATE", certificate);
	return ERR_OK;
}

static enum err
pem_form_put(const struct package_plain *p, struct bytes layout,
    struct buf *out, struct diag *diag)
{
	static const char *const names[] = FORM_CHAIN_NAMES;
	enum err err = ERR_OK;
	size_t i;

	(void)layout;
	for (i = 0; i < p->key_count && !err; i++)
		err = key_put(p, &p->keys[i], out, diag);
	for (i = 0; i < p->chain_count && !err; i++) {
		buf_printf(out, "%s\n", names[i]);
		pem_put(out, "CERTIFICATE", p->chain[i]);
	}
	buf_printf(out, "document\n");
	pem_put(out, "IMPRINT DOCUMENT", p->encoded);
	return err;
}

const struct package_form form_pem = {
	.name = "pem", .what = "keys, certificates and document as PEM",
	.put = pem_form_put
};
