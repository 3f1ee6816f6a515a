/*
 * The line: what fixtures ask of a station, and what they are told.
 *
 * A fixture reserves an identity for the device it holds, writes the package
 * into it, then commits or scraps. Every call may be repeated: the answer is
 * the same. A package is bound at its first hand-out to the device's own id,
 * the chip's or a scanned serial: that device gets the same bytes again until
 * it is done, another device never.
 *
 *   unused -> reserved -> injected -> reworked
 *                \-> scrapped    (any state but unused; a reason)
 *
 * Rework: a device that is done takes a fresh package; the old one is void,
 * with a reason. So does one that was scrapped after all, and one whose order
 * was closed before it was done; of one that was done before, the final report
 * said so, and the authority alone can take it back. A rework names the package
 * that it voids, so that a late copy of the call, which names another than the
 * device has by then, voids nothing. A commit or scrap may name the package
 * that it means, and must once its device has had another before: a late copy
 * from before the rework changes nothing then.
 *
 * A fixture holds what it reserved for half a minute; then another one may go
 * on with the device. What is reserved when an order is closed, and what became
 * of it is not known, is open: the authority revokes it.
 *
 * Verbs add to the ledger and change what is in memory; nothing may leave the
 * process before floor_sync() has said that it is durable. So an event loop
 * carries out what has come in, syncs once, answers all. After a failed sync
 * the station must be opened again. One thread.
 */
#ifndef IMPRINT_STATION_FLOOR_H
#define IMPRINT_STATION_FLOOR_H

#include "station/station.h"

#define FLOOR_TEXT_MAX		63	/* fixture, badge, order, firmware */
#define FLOOR_DEVICE_MAX	64	/* octets of a chip id or serial */
#define FLOOR_REASON_MAX	127
#define FLOOR_NONCE_SIZE	32
#define FLOOR_NAMES_MAX		8
#define FLOOR_EVIDENCE_MAX	SIGNATURE_MAX	/* octets */

/* Numeric codes: they stand in answers and never change their meaning. */
enum floor_code {
	FLOOR_OK = 0,
	FLOOR_REPEATED = 1,		/* done before: the same answer */
	FLOOR_BAD_REQUEST = 10,		/* a field is missing or out of range */
	FLOOR_BAD_TOKEN = 11,
	FLOOR_NO_PACKAGE = 20,		/* none left of this product */
	FLOOR_NO_DEVICE = 21,		/* nothing is reserved for it */
	FLOOR_NOT_FOR_CHIP = 22,	/* all that are left were made for
					 * other devices */
	FLOOR_DONE = 30,		/* injected: a rework needs a reason */
	FLOOR_SCRAPPED = 31,
	FLOOR_OTHER_FIXTURE = 32,	/* another fixture holds it just now */
	FLOOR_CLOSED = 33,		/* its order has been reported */
	FLOOR_NOT_THAT = 34,		/* the device has another package than
					 * the call says, or the call must
					 * say which and does not */
	FLOOR_EVIDENCE = 40,		/* wrong, or not what is needed */
	FLOOR_NAME = 41,		/* not of a kind to be told on the line,
					 * malformed, or another device's */
	FLOOR_BROKEN = 50,		/* station cannot write or read */
	FLOOR_FULL = 51			/* no room on its disk; nothing was
					 * done, and it goes on with room */
};

enum floor_device {
	FLOOR_CHIP = 1,		/* id of its chip */
	FLOOR_SERIAL = 2	/* scanned */
};

enum floor_evidence {
	FLOOR_UNPROVEN = 0,
	FLOOR_READBACK = 1,	/* SHA-256 of what was read back from it, in
				 * the form it was given */
	FLOOR_SIGNED = 2	/* signature of the injected key (the document's
				 * cnf) over "imprint evidence" || nonce, as
				 * lib/crypto/key.h: ES256 is r || s */
};

/* Who asks; texts, empty when not told; fixture is by its token. index: of the
 * package that a commit or scrap means, when has_index. */
struct floor_call {
	char		fixture[FLOOR_TEXT_MAX + 1];
	char		badge[FLOOR_TEXT_MAX + 1];
	char		mes_order[FLOOR_TEXT_MAX + 1];
	int64_t		now;
	enum floor_device device_kind;
	uint8_t		device[FLOOR_DEVICE_MAX];
	size_t		device_len;
	bool		has_index;
	uint64_t	index;
};

struct floor_reserve {
	char		product[LEDGER_PRODUCT_MAX + 1];	/* "": any */
	uint32_t	order;			/* number; 0: any open one */
	bool		rework;
	uint64_t	voids;	/* index of the package that the rework voids */
	char		reason[FLOOR_REASON_MAX + 1];	/* of a rework, alone */
	const struct package_form *form;	/* as station_form() */
	struct bytes	layout;
	bool		unproven;	/* who asks gives no evidence: of what
					 * needs some FLOOR_EVIDENCE */
};

struct floor_name {
	char		kind[32];
	char		text[128];
};

/* What goes into the device, and on its label. sealed: only the chip that it
 * was made for can open it: of UEID and names nothing is known here. */
struct floor_package {
	bool		sealed;
	uint8_t		pack[PACKAGE_ID_SIZE];
	uint64_t	position, index;
	uint32_t	order;
	uint8_t		ueid[33];
	size_t		ueid_len;
	struct floor_name names[FLOOR_NAMES_MAX];
	size_t		name_count;
	char		claim_code[CLAIM_CODE_SIZE];	/* "": none */
	uint8_t		nonce[FLOOR_NONCE_SIZE];	/* for the evidence */
	enum product_evidence evidence;	/* that is asked for, at least */
	enum product_form form;		/* the product's */
	/* In that form. Before: SECRET_INIT, or room that is used again.
	 * Empty when there is none. */
	struct secret	package;
};

struct floor_commit {
	char		firmware[FLOOR_TEXT_MAX + 1];
	enum floor_evidence evidence;
	uint8_t		proof[FLOOR_EVIDENCE_MAX];	/* hash or signature */
	size_t		proof_len;
	struct floor_name names[FLOOR_NAMES_MAX];	/* known on the line */
	size_t		name_count;
};

struct floor_state {
	enum station_package state;
	uint8_t		pack[PACKAGE_ID_SIZE];
	uint64_t	position, index;
	int64_t		time;			/* of the last change */
	enum floor_evidence evidence;
	char		fixture[FLOOR_TEXT_MAX + 1];
};

struct floor;

/* station must be open for work and outlive the floor. */
MUST_USE enum err floor_open(struct station *, struct floor **ret_floor,
    struct diag *);
void	floor_close(struct floor **);
#define _cleanup_floor_ __attribute__((cleanup(floor_close)))

/*
 * The verbs. ret_code says what became of it; ERR_OK with any code. An error
 * (ERR_IO, ERR_CORRUPT, ERR_NOMEM) means FLOOR_BROKEN. Same device and same
 * parameters again: FLOOR_REPEATED.
 */
MUST_USE enum err floor_reserve(struct floor *, const struct floor_call *,
    const struct floor_reserve *, struct floor_package *ret_package,
    enum floor_code *ret_code, struct diag *);
MUST_USE enum err floor_commit(struct floor *, const struct floor_call *,
    const struct floor_commit *, enum floor_code *ret_code, struct diag *);
MUST_USE enum err floor_scrap(struct floor *, const struct floor_call *,
    const char *reason, enum floor_code *ret_code, struct diag *);
MUST_USE enum err floor_query(struct floor *, const struct floor_call *,
    struct floor_state *ret_state, enum floor_code *ret_code, struct diag *);
/* Durable now is all that the verbs did. */
MUST_USE enum err floor_sync(struct floor *, struct diag *);

/*
 * A pack that cannot be read does not stop the line: it is passed over as long
 * as there is another that will do, and tried again after half a minute. Why,
 * once for each, to unread(); and by number of the station's packs.
 */
void	floor_on_unread(struct floor *, void (*unread)(void *ctx,
	    const uint8_t pack[PACKAGE_ID_SIZE], const struct diag *why),
	    void *ctx);
bool	floor_unread(const struct floor *, size_t pack);
/* Read which devices packs were made for, of those that are new: so that no
 * fixture waits for it. */
void	floor_prepare(struct floor *, int64_t now);

/* For the line leader. */
struct floor_order {
	uint32_t	order;
	char		product[LEDGER_PRODUCT_MAX + 1];
	/* count is the sum of unused to reworked; unproven: of injected */
	uint64_t	count, unused, reserved, injected, scrapped, reworked;
	uint64_t	unproven;
	bool		closed;
	bool		low;		/* a fiftieth or less is unused */
};
size_t	floor_order_count(const struct floor *);
void	floor_order_at(const struct floor *, size_t,
	    struct floor_order *ret_order);
/* The same without a floor: at of the station's orders. */
void	floor_order_of(const struct station *, size_t at,
	    struct floor_order *ret_order);

#endif
