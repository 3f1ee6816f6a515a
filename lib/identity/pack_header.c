/* The fields of a pack's header. Writer: pack_write.c. */
#include "lib/identity/pack_internal.h"

static void
names_read(struct cbor *cbor, struct pack_header *header)
{
	size_t i, count = cbor_get_array(cbor);

	if (count == 0 || count > PRODUCT_NAMES_MAX) {
		cbor_fail(cbor, "none or too many kinds of names");
		return;
	}
	for (i = 0; i < count; i++) {
		cbor_get_array_sized(cbor, 2);
		header->names[i].kind = cbor_get_tstr(cbor);
		header->names[i].type = (enum name_type)pack_get_u32(cbor);
		if (name_type_name(header->names[i].type) == NULL)
			cbor_fail(cbor, "a name of no known type");
	}
	header->name_count = count;
}

static void
form_read(struct cbor *cbor, struct pack_header *header)
{
	size_t parts = cbor_get_array(cbor);

	header->form = (enum product_form)pack_get_u32(cbor);
	if (parts == 2)
		header->layout = cbor_get_tstr(cbor);
	if (header->form == FORM_CBOR ||
	    product_form_name(header->form) == NULL)
		cbor_fail(cbor, "a form of no known kind");
	if ((parts != 1 && parts != 2) ||
	    (header->layout.len > 0) != (header->form == FORM_IMAGE))
		cbor_fail(cbor, "a layout goes with an image");
}

/* What was asked for is asked for, or the pack is not opened: no key that is
 * not known is passed over. */
static void
asks_read(struct cbor *cbor, struct pack_header *header)
{
	size_t i, count = cbor_get_map(cbor);

	if (count == 0)
		cbor_fail(cbor, "asks for nothing");
	for (i = 0; i < count && cbor_ok(cbor); i++) {
		switch (cbor_get_uint(cbor)) {
		case PACK_ASKS_EVIDENCE:
			header->evidence =
			    (enum product_evidence)pack_get_u32(cbor);
			if (!pack_asks_evidence(header) ||
			    product_evidence_name(header->evidence) == NULL)
				cbor_fail(cbor, "evidence of no known kind");
			break;
		case PACK_ASKS_NAMES:
			names_read(cbor, header);
			break;
		case PACK_ASKS_MODE:
			header->mode = (enum order_mode)pack_get_u32(cbor);
			if (!pack_is_for_devices(header))
				cbor_fail(cbor, "mode of no known kind");
			break;
		case PACK_ASKS_FORM:
			form_read(cbor, header);
			break;
		case PACK_ASKS_CLAIM:
			pack_claim_get(cbor, header, &header->claim);
			break;
		default:
			cbor_fail(cbor, "asks for what is not known");
		}
	}
}

void
pack_header_get(struct cbor *cbor, struct pack_header *header,
    unsigned version)
{
	size_t i, count;

	cbor_get_array_sized(cbor, version == 1 ? 11 : 12);
	pack_get_fixed(cbor, header->binding.pack, PACKAGE_ID_SIZE);
	pack_get_fixed(cbor, header->binding.order, PACKAGE_ID_SIZE);
	pack_get_fixed(cbor, header->binding.product, SHA256_SIZE);
	pack_get_fixed(cbor, header->binding.recipient, SHA256_SIZE);
	header->recipient_alg = (enum key_alg)pack_get_u32(cbor);
	header->number = pack_get_u32(cbor);
	header->order_number = pack_get_u32(cbor);
	header->count = cbor_get_uint(cbor);
	header->ecosystem = cbor_get_bstr_sized(cbor, PACKAGE_ID_SIZE);
	header->product_name = cbor_get_tstr(cbor);
	count = cbor_get_array(cbor);
	if (count > PACK_CERTS_MAX) {
		cbor_fail(cbor, "too many certificates");
		return;
	}
	for (i = 0; i < count; i++)
		header->certs[i] = cbor_get_bstr(cbor);
	header->cert_count = count;
	if (version > 1)
		asks_read(cbor, header);
}
