/*
 * A list of devices whose keys were made elsewhere: chips that packages are
 * sealed to, or devices that keep the keys of their identity. Whatever a
 * maker or line hands in (manifest, CSV, CSRs, COSE keys), its reader checks
 * and brings into this one form; requests sign its SHA-256.
 *
 * Canonical form: a CBOR sequence (RFC 8742) of byte strings, each with one
 * deterministic item in it, then the number of entries:
 *
 *   bstr .cbor [DEVICE_LIST_MAGIC, 1, kind, trust, source]
 *   bstr .cbor [id, [[slot, COSE_Key], ...]]	one for each device
 *   uint
 *
 * Invariants, held by writer and reader alike: keys are valid points or
 * moduli, X25519 ones not of small order; slots ascend; a chip has one key,
 * X25519 or P-256, in slot 0; no key and no id (unless empty) is there twice.
 * The same entries in the same order give the same octets.
 *
 * Memory: about 50 octets an entry, to find what is there twice.
 */
#ifndef IMPRINT_IDENTITY_DEVICE_LIST_H
#define IMPRINT_IDENTITY_DEVICE_LIST_H

#include "lib/base/io.h"
#include "lib/crypto/cose.h"
#include "lib/policy/product.h"

#define DEVICE_LIST_MAGIC	"imprint-device-list"
#define DEVICE_LIST_VERSION	1
#define DEVICE_LIST_MAX		10000000	/* entries */
#define DEVICE_ID_MAX		64		/* octets */
#define DEVICE_SOURCE_MAX	63		/* [a-z0-9][a-z0-9-]* */
#define DEVICE_ENTRY_MAX	((size_t)32 << 10)	/* octets of one */

enum device_list_kind {
	DEVICE_LIST_CHIPS = 1,	/* keys that packages are sealed to */
	DEVICE_LIST_KEYS = 2	/* public keys of identities */
};

/* Why the list may be believed. What a list says of itself counts for
 * nothing: the reader that verified it says it. */
enum device_list_trust {
	DEVICE_LIST_SIGNED = 1,	/* by a registered chip maker: source */
	DEVICE_LIST_APPROVED = 2, /* unsigned: two operators must stand for
				   * it */
	DEVICE_LIST_POSSESSION = 3, /* each key proved by a signature of its
				     * own */
	DEVICE_LIST_MANIFEST = 4 /* a registered chip maker's signature stands
				  * for proof of possession: source */
};

struct device_list_head {
	enum device_list_kind	kind;
	enum device_list_trust	trust;
	char			source[DEVICE_SOURCE_MAX + 1]; /* chip maker
						* as registered; "": nobody */
};

/* One device. */
struct device_entry {
	struct bytes		id;	/* 0 .. DEVICE_ID_MAX octets */
	size_t			key_count;
	struct {
		unsigned		slot;
		struct public_key	key;
	}			key[PRODUCT_SLOTS_MAX];
};

/*
 * Writing. sink: where octets and entries go as they are made; each may be
 * NULL, then there is only count and hash. begun: before the first entry. An
 * error of theirs ends the list. entry and encoded (the item, without the
 * byte string's head) are valid during the call; number counts from 0.
 */
struct device_list_sink {
	enum err	(*put)(void *ctx, struct bytes octets);
	enum err	(*each)(void *ctx, uint64_t number,
			    const struct device_entry *,
			    struct bytes encoded);
	void		*ctx;
	enum err	(*begun)(void *ctx, const struct device_list_head *);
};

struct device_list_writer;
/*
 * title: what messages call the input, "chips.csv"; place_word: what they
 * count in, "line" or "entry". Both must outlive the writer.
 */
MUST_USE enum err device_list_writer_new(const char *title,
    const char *place_word, const struct device_list_sink *,
    struct device_list_writer **ret_writer, struct diag *);
/* For the messages of those who feed it. */
const char *device_list_writer_title(const struct device_list_writer *);
void	device_list_writer_free(struct device_list_writer **);
#define _cleanup_list_writer_ \
    __attribute__((cleanup(device_list_writer_free)))
/* Before the first entry, once the reader knows. ERR_INVALID: a source that
 * is no name, missing with SIGNED and MANIFEST, or there without. */
MUST_USE enum err device_list_begin(struct device_list_writer *,
    const struct device_list_head *, struct diag *);
/*
 * place: of the entry in the input, as messages say it. Messages are
 * "title: place_word place: ...". ERR_INVALID (a key, slot, id; twice, with
 * the place of the first), ERR_LIMIT. Nothing more may be added then.
 */
MUST_USE enum err device_list_add(struct device_list_writer *,
    const struct device_entry *, uint64_t place, struct diag *);
/* ERR_INVALID: it has no entry. */
MUST_USE enum err device_list_end(struct device_list_writer *,
    uint64_t *ret_count, uint8_t ret_hash[SHA256_SIZE], struct diag *);

/* Does a file begin as the canonical form? */
bool	device_list_is(struct bytes head);
#define DEVICE_LIST_HEAD_SIZE	32	/* octets to tell it by */

/*
 * Read the canonical form from the file's beginning to its end into a writer
 * that was made with place_word "entry" (from 1). trust and source are not
 * taken from it: a file of kind CHIPS or KEYS without a signature around it
 * is DEVICE_LIST_APPROVED. ERR_SYNTAX, ERR_VERSION, ERR_INVALID (another kind
 * than asked for), and those of device_list_add().
 */
MUST_USE enum err device_list_read(const struct file *,
    enum device_list_kind, struct device_list_writer *, struct diag *);

/* One entry from its encoding, keys checked, no more. ERR_SYNTAX,
 * ERR_INVALID, ERR_UNSUPPORTED (a key of another kind). */
MUST_USE enum err device_entry_decode(struct bytes encoded,
    struct device_entry *ret_entry, struct diag *);

/*
 * What a key or an id is known by, in a list and in the registry. An id is
 * one chip maker's: source as in the list.
 */
MUST_USE enum err device_key_mark(struct sha256 *, const struct public_key *,
    uint8_t ret_mark[SHA256_SIZE]);
MUST_USE enum err device_id_mark(struct sha256 *, const char *source,
    struct bytes id, uint8_t ret_mark[SHA256_SIZE]);

/* What the list says of itself once it was begun: who signed for it. */
const struct device_list_head *device_list_writer_head(
    const struct device_list_writer *);

/*
 * Readers of what others make. Each verifies first, then begins, adds and
 * leaves the end to the caller. The list that comes out has trust as
 * verified: never what the input says of itself.
 */
struct device_list_signer {
	const char	*name;		/* of the registered chip maker */
	struct bytes	 cert;		/* DER: the one that signs; a maker
					 * may have several, one after
					 * another */
};
struct device_list_input {
	const struct file	*file;
	struct bytes		 signature;	/* detached; empty: none */
	enum device_list_kind	 kind;		/* asked for */
	const struct device_list_signer *signers;
	size_t			 signer_count;
	int64_t			 now;
	/* of the keys, where the input does not say: the product's slots
	 * by number, with KEYS; chips are slot 0 */
	const unsigned		*slots;
	size_t			 slot_count;
	/* a manifest's key to take; NULL: the one called like the slot */
	const char		*key_id;
	/* what proofs of possession must be over; NULL: any text */
	const char		*challenge;
	/* told of each bad entry, of which the first is the error; or NULL */
	void			(*bad)(void *ctx, uint64_t place,
				    const struct diag *);
	void			*bad_ctx;
};
struct device_list_format {
	const char	*name;		/* "manifest", "csv", "csr", ... */
	/* Could it be this, by its first DEVICE_LIST_HEAD_SIZE octets? */
	bool		(*is)(struct bytes head);
	const char	*place_word;	/* what its places count */
	/* ERR_SYNTAX, ERR_UNSUPPORTED, ERR_INVALID (proof or key),
	 * ERR_AUTH (signature not good, or not of a registered maker) */
	enum err	(*read)(const struct device_list_input *,
			    struct device_list_writer *, struct diag *);
};

#endif
