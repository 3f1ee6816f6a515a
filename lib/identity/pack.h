/*
 * A pack: the file that brings an order's packages to one station.
 *
 *   header   "IMPRPACK", version (2 octets), 0 (2), length (4), CBOR
 *   chunk    "CHNK", number (4), first index (8), count (4), length (4) of
 *            the whole chunk, length of enc (2), enc; for each package its
 *            offset from the chunk's start (4), length (4) and commitment
 *            (32); then the sealed packages
 *   manifest COSE_Sign1 by the document key, typ PACK_MANIFEST_TYP, over
 *            [version, pack, order, pack number, count, header hash,
 *             [[offset, length, first, count, hash], ...]]
 *   trailer  manifest's offset (8), its length (4), "IMPREND1"
 *
 * Version 2 says more in its header, what the station asks for on the line and
 * for whom the packages are; a pack that says no more is of version 1. Version
 * 3 carries what the claim codes of its identities derive from (claim_code.h),
 * sealed to the station alone, so that it has the code for each label; a
 * product whose devices need none has packs of version 1 or 2. In a
 * pack for chips, and for devices with keys of their own, a package is the
 * CBOR array
 *
 *   [key id of the device, its id, enc, sealed]
 *
 * where enc is empty with devices' own keys: nothing is secret in those, the
 * chunk's encapsulation to the station seals them. A chip's package has one
 * of its own, and its binding names the chip as the recipient; the chunk has
 * none, and the station cannot open it.
 *
 * All numbers big-endian. A file without a trailer is not a pack yet. Any
 * package can be read on its own: trailer, manifest, chunk's table, package.
 */
#ifndef IMPRINT_IDENTITY_PACK_H
#define IMPRINT_IDENTITY_PACK_H

#include "lib/base/io.h"
#include "lib/identity/claim_code.h"
#include "lib/identity/delivery.h"
#include "lib/identity/package.h"

#define PACK_VERSION		3
#define PACK_CHUNK_MAX		4096	/* packages of a chunk */
#define PACK_CERTS_MAX		8
#define PACK_HEADER_MAX		((size_t)64 << 10)
#define PACK_MANIFEST_MAX	((size_t)64 << 20)
#define PACK_MANIFEST_TYP	"application/imprint-pack-manifest+cose"

/* A name that is known on the line alone. */
struct pack_name {
	struct bytes		kind;
	enum name_type		type;
};

/*
 * The pack's key of claim codes, HPKE (base mode, info "imprint claim key") to
 * the station's key, AAD = [pack, order, product hash, log, recipient key id].
 */
#define PACK_CLAIM_SIZE	(CLAIM_KEY_SIZE + HPKE_TAG_SIZE)
struct pack_claim {
	uint32_t	log;		/* of the identities; 0: no codes */
	uint8_t		enc[HPKE_ENC_MAX];
	size_t		enc_len;
	uint8_t		sealed[PACK_CLAIM_SIZE];
};

struct pack_header {
	struct package_binding	binding;
	uint32_t		number;		/* of the pack in its order */
	uint32_t		order_number;
	uint64_t		count;		/* packages */
	enum key_alg		recipient_alg;
	struct bytes		ecosystem;	/* its id, 16 octets */
	struct bytes		product_name;	/* text, for people */
	struct bytes		certs[PACK_CERTS_MAX];	/* DER */
	size_t			cert_count;
	/* from version 2 on */
	enum product_evidence	evidence;	/* at least */
	struct pack_name	names[PRODUCT_NAMES_MAX];
	size_t			name_count;
	enum order_mode		mode;	/* 0: as ORDER_STATION */
	enum product_form	form;	/* of what the station hands out */
	struct bytes		layout;	/* with FORM_IMAGE */
	/* from version 3 on */
	struct pack_claim	claim;
};

struct pack_chunk {
	uint64_t	offset, length;
	uint64_t	first;			/* index */
	uint32_t	count;
	uint8_t		hash[SHA256_SIZE];
};

/* Is each package for one device that a list named? */
static inline bool
pack_is_for_devices(const struct pack_header *h)
{
	return h->mode == ORDER_CHIP || h->mode == ORDER_DEVICE_KEY;
}

/* Writing. */
/* What the station is to ask for on the line, and in which form it hands
 * packages out; views into the product. mode is set already. */
void	pack_header_ask(struct pack_header *, const struct product *);
MUST_USE enum err pack_put_header(struct buf *, const struct pack_header *);
/*
 * The pack's key into the header, whose binding is there already. It is the
 * same each time, so that a pack that was begun goes on; of another pack the
 * key is another.
 */
MUST_USE enum err pack_claim_seal(struct pack_header *, uint32_t log,
    const uint8_t key[CLAIM_KEY_SIZE], const struct public_key *recipient,
    struct diag *);
/* The header of a file that goes on: one that was begun as version 1 asks for
 * nothing, one before version 3 has no claim codes. ERR_CONFLICT: the file
 * begins with another header. */
MUST_USE enum err pack_header_resume(struct pack_header *,
    const struct file *, struct diag *);
/* Begin a chunk in an empty buf; then for each package append its sealed
 * bytes with pack_chunk_add(); then end. */
MUST_USE enum err pack_chunk_begin(struct buf *, uint32_t number,
    uint64_t first, uint32_t count, struct bytes enc);
/* Call just before appending the package's bytes: fills the table. */
void	pack_chunk_mark(struct buf *, size_t enc_len, uint32_t position,
	    const uint8_t commitment[SHA256_SIZE]);
/* A package for a device that a list named. */
struct pack_device {
	uint8_t		kid[SHA256_SIZE];	/* of its first key */
	struct bytes	id;			/* may be empty */
	struct bytes	enc;			/* empty: the chunk's */
	struct bytes	sealed;
};
void	pack_device_put(struct buf *, const struct pack_device *);
/* Views into encoded. ERR_SYNTAX. */
MUST_USE enum err pack_device_get(struct bytes encoded,
    struct pack_device *ret_device);
/* Fills in lengths and hashes the chunk. */
MUST_USE enum err pack_chunk_end(struct buf *, size_t enc_len,
    struct sha256 *, uint8_t ret_hash[SHA256_SIZE]);
/* Manifest and trailer, to stand at offset of the file. */
MUST_USE enum err pack_put_manifest(struct buf *, uint64_t offset,
    const struct pack_header *, const uint8_t header_hash[SHA256_SIZE],
    const struct pack_chunk *, size_t chunk_count, struct signer *,
    struct bytes kid, struct diag *);

/* Reading. */
struct pack;
/* Opens and checks form, manifest signature and header; not the chunks.
 * ERR_SYNTAX, ERR_VERSION, ERR_LIMIT, ERR_STATE (no trailer: unfinished),
 * ERR_AUTH (not signed by one of the document keys given). */
MUST_USE enum err pack_open(const struct io *, const char *path,
    const struct public_key *document_keys, size_t key_count,
    struct pack **ret_pack, struct diag *);
void	pack_close(struct pack **);
#define _cleanup_pack_ __attribute__((cleanup(pack_close)))
const struct pack_header *pack_header(const struct pack *);
size_t	pack_chunk_count(const struct pack *);
const struct pack_chunk *pack_chunk_at(const struct pack *, size_t);
/* Recompute every chunk's hash, streamed. ERR_CORRUPT says which chunk.
 * progress may be NULL; it is told the packages checked so far. */
MUST_USE enum err pack_check(struct pack *,
    void (*progress)(void *ctx, uint64_t done), void *ctx, struct diag *);
/* The same of one chunk. */
MUST_USE enum err pack_check_chunk(struct pack *, size_t, bool *ret_good,
    struct diag *);
/*
 * Of a pack of size octets that comes in parts: where its header ends and its
 * manifest begins, by its first PACK_HEAD_SIZE and last PACK_TRAILER_SIZE
 * octets. ERR_SYNTAX; ERR_STATE: it has no end.
 */
#define PACK_HEAD_SIZE		16
#define PACK_TRAILER_SIZE	20
struct pack_ends {
	uint64_t	header_end, manifest;
};
MUST_USE enum err pack_ends(const uint8_t head[PACK_HEAD_SIZE],
    const uint8_t trailer[PACK_TRAILER_SIZE], uint64_t size,
    struct pack_ends *ret_ends, struct diag *);
/*
 * What was signed, from these alone, before the chunks between are there: of
 * the pack only header and chunks' places may be asked. head: up to the
 * header's end at least; tail: the last octets, from the manifest on at least,
 * size or fewer; name: for messages. Errors of pack_open().
 */
struct pack_octets {
	struct bytes	head, tail;
	uint64_t	size;
};
MUST_USE enum err pack_open_ends(const char *name,
    const struct pack_octets *, const struct public_key *document_keys,
    size_t key_count, struct pack **ret_pack, struct diag *);
/*
 * Open the package at position (0 .. count - 1) with the recipient's private
 * key, into the form a device gets. ret_index: its index. ERR_PERMISSION: it
 * is a chip's; nobody else can open it. out: as package_open().
 */
MUST_USE enum err pack_open_package(struct pack *, uint64_t position,
    struct bytes private, uint64_t *ret_index, struct secret *out,
    struct diag *);

/*
 * The claim code of an identity of the pack, for its label; "" when the pack
 * has none or private is empty. ERR_AUTH: not for this key. The key that codes
 * derive from is kept with the pack while it is open.
 */
MUST_USE enum err pack_claim_code(struct pack *, struct bytes private,
    uint64_t index, char ret_code[CLAIM_CODE_SIZE], struct diag *);

/*
 * A package as it lies in the pack, for a device that a list named. Views
 * into room. ERR_STATE: the pack is not for such.
 */
struct pack_sealed {
	uint64_t		index;
	uint8_t			commitment[SHA256_SIZE];
	struct pack_device	device;
};
MUST_USE enum err pack_read_sealed(struct pack *, uint64_t position,
    struct buf *room, struct pack_sealed *ret_sealed, struct diag *);
/* The position of a device's package, by its id or its key's id; all of the
 * pack is looked through. ERR_NOTFOUND. */
MUST_USE enum err pack_find_device(struct pack *, struct bytes which,
    uint64_t *ret_position, struct diag *);

#endif
