/*
 * Orders for devices whose keys were made elsewhere: the list that comes with
 * one, taken in and handed to its ranges.
 *
 * Invariants: entries are those of the list whose hash the operator signed,
 * read here from what its maker signed; no key and no id of a list has two
 * entries, in any order that was not cancelled before its pack left, but for
 * one whose identity is revoked as given up (cessationOfOperation,
 * privilegeWithdrawn), with all that it enrolled for since: the mark moves to
 * the newer one. An order's n-th identity is its list's n-th device; an entry
 * whose range became void goes to the next one.
 *
 * Entries lie in blocks under a MAC, see devices_block.c.
 */
#ifndef IMPRINT_AUTHORITY_DEVICES_H
#define IMPRINT_AUTHORITY_DEVICES_H

#include "lib/authority/authority.h"
#include "lib/identity/delivery.h"
#include "lib/identity/device_list.h"
#include "lib/log/entry.h"

/* A list as it was handed in. */
struct devices_file {
	const struct file	*file;
	const char		*format;	/* NULL: by its first octets */
	struct bytes		 signature;	/* detached; empty: none */
	/* as struct device_list_input has them, or NULL */
	const char		*key_id, *challenge;
	void			(*bad)(void *ctx, uint64_t place,
				    const struct diag *);
	void			*bad_ctx;
};

/* What a request says of it. */
struct devices_said {
	enum order_mode	mode;
	uint8_t		hash[SHA256_SIZE];	/* of the canonical form */
	uint64_t	entries;
	struct bytes	approval;		/* empty: none */
};

/* A list that was read. */
struct devices_list {
	struct device_list_head	head;
	uint8_t			hash[SHA256_SIZE];
	uint64_t		entries;
};

/*
 * Read a list from its beginning to its end, verified against the registered
 * chip makers. product: whose slots the keys are for. Errors as
 * device_list_format's read and device_list_end().
 */
MUST_USE enum err devices_file_read(struct authority *,
    const struct devices_file *, enum order_mode, const struct product *,
    int64_t now, const struct device_list_sink *,
    struct devices_list *ret_list, struct diag *);
/* The same where the registry is not at hand, verified against what the caller
 * knows of chip makers: an authority reads the list once more. */
MUST_USE enum err devices_file_read_by(const struct device_list_signer *,
    size_t signer_count, const struct devices_file *, enum order_mode,
    const struct product *, int64_t now, const struct device_list_sink *,
    struct devices_list *ret_list, struct diag *);

/*
 * Can an order of this product go this way, whatever the list? ERR_INVALID:
 * its keys are made elsewhere, or here; or it wants evidence that nobody can
 * check who has no key to open the packages.
 */
MUST_USE enum err devices_product_check(const struct product *,
    enum order_mode, struct diag *);

/* What an approval of a list is for: SHA-256 of [product hash, mode, entries,
 * SHA-256 of its canonical form]. */
MUST_USE enum err devices_approved(const uint8_t product[SHA256_SIZE],
    const struct devices_said *, uint8_t ret_hash[SHA256_SIZE]);

/*
 * Take the list in, for an order that has its number: as its request says, an
 * entry an identity, keys as the product's slots want them, nobody's before,
 * and believed: signed, proved or approved by another operator than this one.
 * Within a transaction. ERR_AUTH, ERR_INVALID, ERR_CONFLICT.
 */
MUST_USE enum err devices_import(struct authority *,
    const struct store_order *, const struct product *,
    const struct devices_file *, const struct devices_said *, int64_t now,
    struct diag *);
/* Entries that lie in no complete pack are nobody's again; when an order is
 * cancelled, within its transaction. */
MUST_USE enum err devices_release(struct authority *,
    const struct store_order *, struct diag *);

/* Which entry of its order's list a range's first identity is for, from 0; the
 * next entries follow. ERR_NOTFOUND, without diag: there is no list. */
MUST_USE enum err devices_entry(struct authority *, const struct store_range *,
    uint64_t *ret_entry, struct diag *);

/* The evidence class of what is issued for a list. */
enum evidence_class devices_evidence(const struct store_device_list *);

/* Devices of a range, while its identities are made. */
struct devices_held {
	struct buf	octets;		/* entries, one after another */
	struct buf	at;		/* where each begins: uint32_t */
};
void	devices_held_release(struct devices_held *);
/* One of them; views into held. */
struct device_held {
	struct bytes	id;
	size_t		key_count;
	struct {
		unsigned	slot;
		enum key_alg	alg;
		struct bytes	raw;
	}		key[PRODUCT_SLOTS_MAX];
};
/* ERR_CORRUPT: there is none at position. */
MUST_USE enum err devices_held_get(const struct devices_held *,
    uint32_t position, struct device_held *ret_device);
/* The key of a slot, as a public key. ERR_CORRUPT: it has none. */
MUST_USE enum err device_held_key(const struct device_held *, unsigned slot,
    struct public_key *ret_key);

/* The list of an order while it runs; of one without, mode is
 * ORDER_STATION. */
struct devices_run {
	struct authority		*authority;
	enum order_mode			 mode;
	struct store_device_list	 list;
	uint64_t			 next;	/* as a value of the pool */
};
MUST_USE enum err devices_run_open(struct authority *,
    const struct store_order *, struct devices_run *ret_run, struct diag *);
/* The range that was just reserved takes its devices, in the same
 * transaction. */
MUST_USE enum err devices_run_take(struct devices_run *,
    const struct store_range *, struct devices_held *, struct diag *);

#endif
