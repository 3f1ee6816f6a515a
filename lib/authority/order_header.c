#include "lib/authority/order_header.h"

#include "lib/authority/authority_internal.h"
#include "lib/authority/claim.h"
#include "lib/authority/order_record.h"
#include "lib/identity/station.h"

/* The key that the order's record names: the station may have a newer one. */
static enum err
recipient_get(struct authority *authority, const struct order_header *in,
    struct pack_header *header, struct public_key *ret_recipient,
    struct diag *diag)
{
	struct station_statement statement;
	struct order_record record;
	enum err err;

	err = order_record_get(authority, in->order->number, &record, diag);
	if (!err)
		err = station_statement_get(authority, in->pack->station,
		    record.packs[in->pack->no - 1].kid, &statement, diag);
	if (err)
		return err;
	*ret_recipient = statement.sealing;
	memcpy(header->binding.recipient, statement.kid, SHA256_SIZE);
	return ERR_OK;
}

static enum err
claim_seal(struct authority *authority, const struct order_header *in,
    struct pack_header *header, const struct public_key *recipient,
    struct diag *diag)
{
	uint8_t key[CLAIM_KEY_SIZE];
	enum err err;

	err = claim_key_of(authority, bytes_of(header->binding.pack,
	    PACKAGE_ID_SIZE), key, diag);
	if (!err)
		err = pack_claim_seal(header, in->order->log, key, recipient,
		    diag);
	wipe(key, sizeof(key));
	return err;
}

enum err
order_header_make(struct authority *authority, const struct order_header *in,
    struct pack_header *ret_header, struct public_key *ret_recipient,
    struct diag *diag)
{
	struct pack_header *header = ret_header;
	size_t i;
	enum err err;

	err = recipient_get(authority, in, header, ret_recipient, diag);
	if (err)
		return err;
	memcpy(header->binding.pack, in->pack->id, PACKAGE_ID_SIZE);
	memcpy(header->binding.order, in->order->id, PACKAGE_ID_SIZE);
	memcpy(header->binding.product, in->order->product, SHA256_SIZE);
	header->mode = in->mode;
	header->number = in->pack->no;
	header->order_number = in->order->number;
	header->count = in->pack->count;
	header->recipient_alg = ret_recipient->alg;
	header->ecosystem = bytes_of(authority->info.id, ECOSYSTEM_ID_SIZE);
	header->product_name = bytes_text(in->product->name);
	pack_header_ask(header, in->product);
	for (i = 0; i < PACK_CERTS_MAX && in->certs[i].len > 0; i++)
		header->certs[i] = buf_bytes(&in->certs[i]);
	header->cert_count = i;
	return claim_seal(authority, in, header, ret_recipient, diag);
}
