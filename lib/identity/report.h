/*
 * A station's report of an order: what became of every identity it was given.
 *
 *   header   "IMPRREPT", version (2 octets), 0 (2)
 *   records  length (4), deterministic CBOR, one after another: all that were
 *            handed out, by pack and position
 *   trailer  COSE_Sign1 by the station's signing key, typ REPORT_TYP, kid its
 *            thumbprint, over
 *            [version, station (thumbprint of the sealing key), order id,
 *             sequence, made, [records, SHA-256 of header and records],
 *             [ledger's entries, its head], [anchor kind, value] or null,
 *             final, [[pack, count, injected, reworked, scrapped, open,
 *             unused], ...]]
 *            its offset (8), its length (4), "IMPREND1"
 *
 * record: [pack number in the trailer's list, position, index, state, time,
 *   device kind, device id, fixture, badge, MES order, firmware,
 *   evidence kind, proof, reason, [[name kind, text], ...]]
 *
 * All numbers big-endian. What is not in a record is unused: still sealed, or
 * returned with a final report, which closes the order at this station: the
 * key that opens its packs is destroyed. Of one report's identities no two
 * records are alike in pack and position; that a device's id stands in two
 * live ones is for the authority to find. Texts are UTF-8 without control
 * characters, so they can be shown.
 */
#ifndef IMPRINT_IDENTITY_REPORT_H
#define IMPRINT_IDENTITY_REPORT_H

#include "lib/base/io.h"
#include "lib/crypto/cose.h"
#include "lib/identity/package.h"

#define REPORT_VERSION		1
#define REPORT_TYP		"application/imprint-report+cose"
#define REPORT_PACKS_MAX	256
#define REPORT_RECORD_MAX	((size_t)8 << 10)
#define REPORT_NAMES_MAX	8
#define REPORT_TEXT_MAX		63	/* fixture, badge, order, firmware */
#define REPORT_DEVICE_MAX	64
#define REPORT_REASON_MAX	127
#define REPORT_NONCE_SIZE	32
#define REPORT_PROOF_MAX	(REPORT_NONCE_SIZE + SIGNATURE_MAX)
#define REPORT_NAME_KIND_MAX	31
#define REPORT_NAME_TEXT_MAX	127
#define REPORT_ANCHOR_MAX	768

enum report_state {
	REPORT_OPEN = 1,	/* handed out; what became of it is not known */
	REPORT_INJECTED = 2,
	REPORT_SCRAPPED = 4,
	REPORT_REWORKED = 5	/* the device took another one later */
};

/* The numbers are the line's own: enum floor_device, enum floor_evidence. */
enum report_device {
	REPORT_NO_DEVICE = 0,		/* not bound */
	REPORT_CHIP = 1,
	REPORT_SERIAL = 2
};

enum report_evidence {
	REPORT_UNPROVEN = 0,		/* no proof */
	REPORT_READBACK = 1,		/* SHA-256 of what was read back */
	REPORT_SIGNED = 2	/* nonce, 32 octets, then the injected key's
				 * signature over "imprint evidence" || nonce,
				 * as lib/crypto/key.h: for checking again */
};

/* What outside of the station's disk shows that its ledger was not put back;
 * value: struct anchored of lib/identity/ledger_head.h. */
enum report_anchor {
	REPORT_UNANCHORED = 0,
	REPORT_TPM = 1,		/* a counter in a TPM's NV memory */
	REPORT_ACKNOWLEDGED = 2,	/* the authority alone */
	REPORT_FILE = 3,	/* a file elsewhere */
	REPORT_PROGRAM = 4	/* a program of the operator's */
};
/* "tpm", "acknowledgement", "file", "program"; "" of no other. */
const char *report_anchor_name(enum report_anchor);

/* Views belong to who filled it in; in a reader's callback they last until it
 * returns. */
struct report_record {
	uint32_t	pack;		/* in struct report's list */
	uint64_t	position, index;
	enum report_state state;
	int64_t		time;		/* of the last change */
	enum report_device device_kind;
	struct bytes	device;		/* empty if and only if not bound */
	struct bytes	fixture, badge, mes_order, firmware;	/* texts */
	enum report_evidence evidence;	/* only of one that was done */
	struct bytes	proof;
	struct bytes	reason;		/* of a scrap or a rework; may be "" */
	struct report_name {
		struct bytes kind, text;	/* no kind twice */
	} names[REPORT_NAMES_MAX];
	size_t		name_count;
};

struct report_pack {
	uint8_t		id[PACKAGE_ID_SIZE];
	uint64_t	count, injected, reworked, scrapped, open, unused;
};

struct report {
	uint8_t		station[COSE_KID_SIZE];
	uint8_t		order[PACKAGE_ID_SIZE];
	uint64_t	sequence;	/* 1, 2, ... of this order */
	int64_t		made;
	bool		final;
	uint64_t	records;
	uint8_t		hash[SHA256_SIZE];
	uint64_t	ledger_entries;
	uint8_t		ledger_head[SHA256_SIZE];
	enum report_anchor anchor;
	uint8_t		anchor_value[REPORT_ANCHOR_MAX];
	size_t		anchor_len;
	struct report_pack packs[REPORT_PACKS_MAX];
	size_t		pack_count;
};

/* Is it the signature of a device's key over the station's nonce? */
MUST_USE enum err report_evidence_check(const struct public_key *,
    struct bytes nonce, struct bytes signature, bool *ret_good,
    struct diag *);

/* injected + reworked + scrapped + open, of all packs: all handed out. */
struct report_totals {
	uint64_t	count, injected, reworked, scrapped, open, unused;
};
void	report_total(const struct report *, struct report_totals *ret_totals);

/*
 * Writing: to path.tmp, which takes its name in report_end(), whole and
 * synced; what stood under that name before is replaced. A writer that is
 * freed earlier leaves nothing behind.
 */
struct report_writer;
MUST_USE enum err report_begin(const struct io *, const char *path,
    struct report_writer **ret_writer, struct diag *);
/* In order of pack and position, or ERR_INVALID; ERR_LIMIT. */
MUST_USE enum err report_add(struct report_writer *,
    const struct report_record *, struct diag *);
/*
 * The caller fills in all but records, hash and the packs' figures beside
 * their count, which are filled in here. ERR_INVALID when a record lies
 * beyond its pack's count or names no pack.
 */
MUST_USE enum err report_end(struct report_writer *, struct report *,
    struct signer *, struct bytes kid, struct diag *);
void	report_writer_free(struct report_writer **);
#define _cleanup_report_writer_ __attribute__((cleanup(report_writer_free)))

/* Who asks for what a report says: station, order, without a signature
 * checked, so that the right key can be found. Errors of report_read(). */
MUST_USE enum err report_peek(const struct io *, const char *path,
    struct report *ret_report, struct diag *);
MUST_USE enum err report_peek_file(const struct file *,
    struct report *ret_report, struct diag *);

/*
 * Reading. First signature, form, order and hash of everything, and that the
 * counts are those of the records; then the records once more, each handed to
 * the caller (unless record is NULL), whose failure ends it. The second time
 * too all must hash the same, or ERR_CORRUPT comes after the last record: the
 * caller undoes what it did. ERR_SYNTAX, ERR_VERSION, ERR_LIMIT, ERR_STATE
 * (no trailer: cut off), ERR_AUTH (not signed by this key), ERR_CORRUPT
 * (records are not those signed).
 */
MUST_USE enum err report_read(const struct io *, const char *path,
    const struct public_key *station_signing,
    enum err (*record)(void *ctx, const struct report *,
	const struct report_record *, struct diag *),
    void *ctx, struct report *ret_report, struct diag *);
/* The same of a file that is open. */
MUST_USE enum err report_read_file(const struct file *,
    const struct public_key *station_signing,
    enum err (*record)(void *ctx, const struct report *,
	const struct report_record *, struct diag *),
    void *ctx, struct report *ret_report, struct diag *);

#endif
