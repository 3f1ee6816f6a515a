/*
 * PKCS#12 (RFC 7292): certificates and their chain. A certificate's friendly
 * name is the UEID and its slot.
 */
#include <stdio.h>

#include "lib/identity/rendering_internal.h"
#include "lib/x509/pkcs12.h"

#define NAME_SIZE	96	/* a UEID of 33 octets, a slot */

static enum err
pkcs12_rendering_put(const struct rendering_source *source, struct buf *out,
    struct diag *diag)
{
	struct pkcs12_certificate certificates[PRODUCT_SLOTS_MAX +
	    RENDERING_CHAIN_MAX];
	const struct document_key *keys[PRODUCT_SLOTS_MAX];
	char names[PRODUCT_SLOTS_MAX][NAME_SIZE];
	_cleanup_buf_ struct buf ueid = BUF_INIT;
	size_t i, count;
	enum err err;

	err = rendering_keys(source, keys, &count, diag);
	if (err)
		return err;
	buf_put_hex(&ueid, source->document->ueid);
	for (i = 0; i < count; i++) {
		(void)snprintf(names[i], NAME_SIZE, "%s slot %u",
		    buf_text(&ueid), keys[i]->slot);
		certificates[i].der = keys[i]->certificate;
		certificates[i].name = names[i];
	}
	for (i = 0; i < source->chain_count; i++, count++) {
		certificates[count].der = source->chain[i];
		certificates[count].name = NULL;
	}
	return pkcs12_put(certificates, count, source->password, out, diag);
}

const struct rendering rendering_pkcs12 = {
	.name = "pkcs12", .ending = ".p12",
	.traits = RENDERING_PASSWORD | RENDERING_SLOT,
	.put = pkcs12_rendering_put
};
