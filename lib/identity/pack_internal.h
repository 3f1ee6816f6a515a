/*
 * The pack's layout in numbers, shared by its writer and parser.
 */
#ifndef IMPRINT_IDENTITY_PACK_INTERNAL_H
#define IMPRINT_IDENTITY_PACK_INTERNAL_H

#include "lib/base/cbor.h"
#include "lib/identity/pack.h"

#define PACK_MAGIC		"IMPRPACK"
#define PACK_END_MAGIC		"IMPREND1"
#define PACK_CHUNK_MAGIC	"CHNK"
#define PACK_MAGIC_SIZE		8
#define PACK_HEAD		PACK_HEAD_SIZE	/* magic to length */
#define PACK_CHUNK_HEAD		26	/* magic to length of enc */
#define PACK_TABLE_ENTRY	40
#define PACK_TRAILER		PACK_TRAILER_SIZE

/* The last element of a header of version 2, a map. */
enum pack_asks {
	PACK_ASKS_EVIDENCE = 1,		/* enum product_evidence */
	PACK_ASKS_NAMES = 2,		/* [+ [kind, type]] */
	PACK_ASKS_MODE = 3,	/* enum order_mode, unless it is the station */
	PACK_ASKS_FORM = 4,	/* [form, ? layout] */
	PACK_ASKS_CLAIM = 5	/* [log, enc, sealed], from version 3 on */
};

static inline bool
pack_asks_evidence(const struct pack_header *h)
{
	return h->evidence != INJECTION_UNPROVEN;
}

static inline unsigned
pack_version(const struct pack_header *h)
{
	return h->claim.log > 0 ? 3 : pack_asks_evidence(h) ||
	    h->name_count > 0 ||
	    pack_is_for_devices(h) || h->form != FORM_CBOR ? 2 : 1;
}

/* Octets of an encapsulation to the station. */
static inline size_t
pack_station_enc_len(const struct pack_header *h)
{
	return h->recipient_alg == KEY_X25519 ? 32 : 65;
}

/* Octets of a chunk's; a pack for chips has none there. */
static inline size_t
pack_enc_len(const struct pack_header *h)
{
	return h->mode == ORDER_CHIP ? 0 : pack_station_enc_len(h);
}

static inline void
pack_get_fixed(struct cbor *cbor, uint8_t *out, size_t len)
{
	struct bytes b = cbor_get_bstr_sized(cbor, len);

	if (cbor_ok(cbor))
		memcpy(out, b.ptr, len);
}

static inline uint32_t
pack_get_u32(struct cbor *cbor)
{
	uint64_t value = cbor_get_uint(cbor);

	if (value > UINT32_MAX)
		cbor_fail(cbor, "number out of range");
	return (uint32_t)value;
}

/* The header after its length; why not is in the parser. */
void	pack_header_get(struct cbor *, struct pack_header *,
	    unsigned version);
/* The element of a header; in a parser that then knows why not. */
void	pack_claim_put(struct buf *, const struct pack_claim *);
void	pack_claim_get(struct cbor *, const struct pack_header *,
	    struct pack_claim *ret_claim);
/* Keyed with the pack's key. ERR_AUTH: not for this private key. */
MUST_USE enum err pack_claim_open(const struct pack_header *,
    struct bytes private, struct hmac **ret_codes, struct diag *);

#endif
