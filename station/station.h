/*
 * A factory station: takes packs in, opens their packages and hands each of
 * them out at most once.
 *
 * Home directory (0700): station.keys (0600), NAME.station (its statement),
 * trust.pem, ledger, machine (a hash of where it was last worked in),
 * packs/ID.pack. station.keys is written after trust.pem and ledger: where it
 * is, all is there but perhaps the statement, which is made of it. There is
 * never a statement of keys that do not exist.
 *
 * Invariant: before a package leaves, a ledger record that says so is
 * durable. What the ledger calls out is never handed out again, whatever
 * became of it.
 */
#ifndef IMPRINT_STATION_STATION_H
#define IMPRINT_STATION_STATION_H

#include "lib/base/io.h"
#include "lib/identity/ledger_head.h"
#include "lib/identity/pack.h"
#include "lib/identity/station.h"
#include "station/keymap.h"
#include "station/ledger.h"

#define STATION_PACKS_MAX	4096
#define STATION_PACK_MAX	UINT64_C(1000000000)	/* packages of one */
#define STATION_SIGNERS_MAX	32
#define STATION_TRUST_MAX	((size_t)1 << 20)

enum station_package {
	STATION_UNUSED = 0,
	STATION_UNKNOWN = 1,	/* out, and nobody said what became of it; of
				 * a device: reserved */
	STATION_INJECTED = 2,
	STATION_FAILED = 3,	/* a plug-in's failure */
	STATION_SCRAPPED = 4,
	STATION_REWORKED = 5	/* its device took another one */
};

#define STATION_STATE_BITS	4	/* above them: enum floor_evidence */

/* A pack as the ledger tells it. */
struct station_pack {
	uint8_t		 id[PACKAGE_ID_SIZE];
	uint8_t		 order[PACKAGE_ID_SIZE];
	uint8_t		 recipient[SHA256_SIZE];	/* key id */
	char		 product[LEDGER_PRODUCT_MAX + 1];
	size_t		 order_at;	/* in the station's orders */
	uint64_t	 count;
	uint8_t		*packages;	/* station_package_state() of each */
	uint32_t	*devices;	/* 1 + number of each one's; 0: none */
	uint64_t	 next;		/* all before it are not unused */
	uint64_t	 injected, failed, unknown, scrapped, reworked;
	uint64_t	 unproven;	/* of those injected */
};

/* What its ledger says about a device. */
struct station_device {
	uint64_t	reserve_at;	/* records of its package: the last */
	uint64_t	last_at;	/* reserve, and of any kind */
	uint32_t	position;
	uint16_t	pack;		/* number */
	bool		renewed;	/* it had another package before */
};
_Static_assert(STATION_PACKS_MAX <= UINT16_MAX, "a device's pack");

/* A sealing key after the first. */
struct station_key {
	unsigned		number;
	int64_t			created;
	uint8_t			kid[SHA256_SIZE];
	struct public_key	public;
	struct secret		private;
};

struct station_order {
	uint8_t		id[PACKAGE_ID_SIZE];
	uint32_t	number;		/* 0: imported by version 1 */
	char		product[LEDGER_PRODUCT_MAX + 1];
	uint64_t	reports;	/* number of the last one */
	bool		closing;	/* a final report is on its way */
	bool		closed;		/* and its key is destroyed */
};

/* What holds the ledger from outside, as the ledger tells it. */
struct station_anchor {
	unsigned		kind;	/* enum ledger_anchor: TPM, FILE,
					 * PROGRAM; NONE */
	uint64_t		number;
	char			place[LEDGER_PLACE_MAX + 1];
	struct ledger_point	at;	/* with its last record */
	struct ledger_point	before;	/* with the one before that */
	bool			held;	/* at, as far as this process knows;
					 * else before */
	bool			silent;	/* could not be asked last time */
	/* of the authority; none: 0 entries */
	uint64_t		acknowledged;
	uint8_t			receipt[ACKNOWLEDGED_MAX];
	size_t			receipt_len;
	uint64_t		refuted;	/* entries acknowledged that
						 * the chain has not; 0: none */
};

struct station {
	const struct io			*io;
	char				 home[PATH_SIZE];
	struct file			 lock, serving;
	struct station_statement	 statement;	/* of the newest key */
	uint8_t				 id[SHA256_SIZE]; /* first key's id */
	struct secret			 sealing;	/* private: the first,
							 * empty: destroyed */
	struct secret			 signing;
	struct station_key		*keys;		/* later ones */
	size_t				 key_count;
	unsigned			 key_newest;	/* number; 0: first */
	struct public_key		 signers[STATION_SIGNERS_MAX];
	size_t				 signer_count;
	struct ledger			*ledger;	/* NULL: looking only */
	uint64_t			 records;	/* when looking only */
	uint8_t				 head[SHA256_SIZE];
	struct station_pack		*packs;		/* by import */
	size_t				 pack_count;
	struct station_order		*orders;
	size_t				 order_count;
	/* not when looking only */
	struct keymap			*device_map, *name_map; /* to devices */
	struct station_device		*devices;
	size_t				 device_count, device_room;
	uint64_t			 out;		/* ever, of all packs */
	struct station_anchor		 anchor;
	struct ledger_point		 told;		/* by the last head */
	bool				 moved;	/* from another machine */
};

#define STATION_INIT { .lock = FILE_INIT, .serving = FILE_INIT,		\
	.sealing = SECRET_INIT,	\
	.signing = SECRET_INIT }
#define _cleanup_station_ __attribute__((cleanup(station_close)))

/*
 * Make keys and home. trust_pem: the ecosystem's trust.pem, pinned here. A
 * run that was broken off may be repeated; when the statement alone is missing
 * it is made of the keys that are there. ERR_EXISTS when it is a station
 * already; ERR_INVALID for a bad name; errors of station_trust().
 */
MUST_USE enum err station_init(const struct io *, const char *home,
    const char *name, struct bytes trust_pem, int64_t now,
    struct station_statement *ret_statement, struct diag *);

enum station_access {
	STATION_LOOK,	/* no lock, no private keys, nothing is changed */
	/* alone: ERR_BUSY when another process works here; a statement that
	 * is missing is written again; the ledger's anchor must hold it */
	STATION_WORK,
	STATION_MEND	/* the same, but the anchor is not asked */
};
/* station must be STATION_INIT. ERR_NOTFOUND when home is no station. For
 * work also the errors of station_anchor_check(). */
MUST_USE enum err station_open(const struct io *, const char *home,
    enum station_access, struct station *, struct diag *);
void	station_close(struct station *);

/*
 * Document signers' keys in trust.pem that have a path to the root in it
 * (extended key usage documentSigning), at any time of their lives: a pack
 * outlives a signer. ERR_SYNTAX, ERR_AUTH (none; no root, or more than one),
 * ERR_LIMIT.
 */
MUST_USE enum err station_trust(struct bytes pem,
    struct public_key ret_keys[STATION_SIGNERS_MAX], size_t *ret_count,
    struct diag *);

/*
 * Pin a newer trust.pem, when the authority has a new document signer. It may
 * come from anywhere: it must be of the same root and no other (ERR_AUTH),
 * and know every signer that is known already (ERR_CONFLICT): packs of
 * earlier ones are still to be opened. Nothing is changed on failure.
 */
MUST_USE enum err station_trust_renew(struct station *,
    struct bytes trust_pem, struct diag *);

/* The root that it is bound to, DER, appended. */
MUST_USE enum err station_root(const struct station *, struct buf *der,
    struct diag *);

static inline enum station_package
station_package_state(const struct station_pack *pack, uint64_t position)
{
	return (enum station_package)(pack->packages[position] &
	    ((1 << STATION_STATE_BITS) - 1));
}

static inline uint64_t
station_pack_unused(const struct station_pack *p)
{
	return p->count - p->injected - p->failed - p->unknown -
	    p->scrapped - p->reworked;
}

/*
 * A fresh sealing key, so that those before it can be destroyed with their
 * orders. The statement at NAME.station is of this key from now on; it is to
 * be registered with the authority. Packs to the older keys still open.
 */
MUST_USE enum err station_key_new(struct station *, int64_t now,
    struct diag *);

struct station_reported {
	uint64_t	sequence, records;
	uint64_t	injected, unproven, scrapped, reworked, open, unused;
	bool		final;
	bool		key_destroyed;	/* else another order needs it still */
	bool		anchor_behind;	/* it could not be moved on before */
};
/*
 * Report an order to path (lib/identity/report.h). final closes it: nothing
 * of it is handed out or taken back any more, and when the report is durable,
 * the key that opens its packs is destroyed, unless another order that is
 * open has it too; broken off, it is repeated. ERR_NOTFOUND: no such order;
 * ERR_STATE: final, and the key is that of the statement, to which packs may
 * be sealed yet: station_key_new() comes first.
 */
MUST_USE enum err station_report(struct station *, uint32_t order,
    const char *path, bool final, int64_t now,
    struct station_reported *ret_reported, struct diag *);

/* Where the ledger stands, signed, appended: for the authority, which
 * acknowledges it. ERR_STATE: it has no entries yet. */
MUST_USE enum err station_head(struct station *, int64_t now,
    struct buf *encoded, struct ledger_head *ret_head, struct diag *);
/*
 * Take an acknowledgement in. ERR_AUTH, ERR_SYNTAX; ERR_CONFLICT: of another
 * station; ERR_STATE: an older one than was taken in before; ERR_CORRUPT: of
 * what is not in this ledger, which was put back: on record, and from then on
 * the station is not opened for work.
 */
MUST_USE enum err station_acknowledge(struct station *,
    struct bytes acknowledgement, int64_t now,
    struct acknowledged *ret_acknowledged, struct diag *);
/*
 * The same two for a process that finds the station at work: by way of the
 * one that serves, a minute at most. ERR_BUSY: nobody serves, or it does not
 * answer.
 */
MUST_USE enum err station_ask_head(const struct io *, const char *home,
    struct buf *encoded, struct ledger_head *ret_head, struct diag *);
MUST_USE enum err station_leave_acknowledgement(const struct io *,
    const char *home, struct bytes acknowledgement,
    struct acknowledged *ret_acknowledged, struct diag *);
/* What was taken in last; ERR_NOTFOUND, without diag: nothing. */
MUST_USE enum err station_acknowledged(const struct station *,
    struct acknowledged *ret_acknowledged, struct diag *);

/* Private part of the key a pack is sealed to; empty when it is destroyed. */
struct bytes station_sealing(const struct station *,
    const struct station_pack *);
/* Gather a record, and what it does to the station. */
MUST_USE enum err station_tell(struct station *, struct ledger_record *,
    struct diag *);

/* By the ledger's word; NULL: not imported. */
struct station_pack *station_pack_find(struct station *,
    const uint8_t id[PACKAGE_ID_SIZE]);
/* HOME/packs/ID.pack; ERR_LIMIT. */
MUST_USE enum err station_pack_path(const struct station *,
    const uint8_t id[PACKAGE_ID_SIZE], char path[PATH_SIZE], struct diag *);
/*
 * Open a pack's file, which must be of that pack. Errors of pack_open(), but
 * ERR_CORRUPT when it is gone, or another pack's; with a hint.
 */
MUST_USE enum err station_pack_open(const struct station *,
    const struct station_pack *, struct pack **ret_pack, struct diag *);

enum station_import {
	STATION_IMPORTED = 1,
	STATION_IMPORTED_BEFORE = 2,	/* and still there, undamaged */
	STATION_REPAIRED = 3		/* its copy was damaged: replaced */
};
/*
 * Take a pack in: signature, recipient, every chunk's hash; the file is
 * copied. progress may be NULL; done of total packages. Errors of
 * pack_open() and pack_check(); ERR_CONFLICT when it is sealed to another
 * station; ERR_INVALID when path is no regular file; ERR_LIMIT.
 */
MUST_USE enum err station_import(struct station *, const char *path,
    int64_t now, void (*progress)(void *ctx, uint64_t done, uint64_t total),
    void *ctx, enum station_import *ret_import,
    const struct station_pack **ret_pack, struct diag *);

/*
 * For one that serves: say so, as long as the station is open. From now on
 * other processes leave packs, and station_take() takes them in, at once, for
 * their chunks are checked; one that is not for this station is refused to
 * its leaver. It tells heads and takes acknowledgements in too; one that
 * shows that the ledger was put back spoils it. ERR_BUSY: another one serves
 * here. An error of take() is the home's: the next call goes on with the same
 * pack.
 */
MUST_USE enum err station_serving(struct station *, struct diag *);
enum err station_take(struct station *, int64_t now, struct diag *);

struct station_left {
	uint8_t		pack[PACKAGE_ID_SIZE];
	uint64_t	count;
	char		product[LEDGER_PRODUCT_MAX + 1];
	bool		known;		/* imported before: its copy is new */
};
/*
 * For a process that finds the station at work: copy a pack, check all of it,
 * leave it to the one that serves and wait, a minute at most, until that has
 * it on record. Errors of station_import(), those of who serves too; ERR_BUSY:
 * nobody serves, or takes it in.
 */
MUST_USE enum err station_leave(const struct io *, const char *home,
    const char *path, void (*progress)(void *ctx, uint64_t done,
    uint64_t total), void *ctx, struct station_left *ret_left,
    struct diag *);

struct package_form;

struct station_inject {
	const char	*command;	/* for /bin/sh -c */
	char *const	*environment;	/* the plug-in's, IMPRINT_... added */
	uint64_t	 count;		/* at most; UINT64_MAX: all */
	unsigned	 jobs;		/* at once; 1 .. STATION_JOBS_MAX */
	unsigned	 timeout_s;
	bool		 keep_going;	/* whatever fails */
	const char	*serial;	/* station_inject_serial() */
	/* who works, for which order of the factory's: "" or at most 63
	 * octets of UTF-8 without controls */
	const char	*badge, *mes_order;
	/* as station_form() */
	const struct package_form *form;
	struct bytes	 layout;
	bool		(*stop)(void *ctx);	/* asked before each start */
	void		(*progress)(void *ctx, uint64_t done);
	void		*ctx;
};
#define STATION_JOBS_MAX	256

struct station_injected {
	uint64_t	out, injected, failed;	/* in this run */
	uint64_t	timed_out, unread;	/* of those failed */
	uint64_t	made;		/* passed over: made for one device
					 * each, */
	uint64_t	evidence;	/* of products that ask for it */
	bool		stopped;		/* by stop() */
	bool		gave_up;		/* three failed in a row */
};

/*
 * Hand out unused packages, oldest pack first, but of packs whose packages
 * were made for one device each and those of products that ask for evidence,
 * which a plug-in does not give, one plug-in each: package, in
 * its product's form or that of the plan, on its standard input,
 * IMPRINT_SEQUENCE (the how-manieth this station hands out, from 1),
 * IMPRINT_INDEX and IMPRINT_PACK in its environment, its standard output
 * joined to standard error, its own process group; exit status 0 is success
 * if it has read its whole package. Ends when count are
 * out, none is left, stop() says so, three have failed in a row (unless
 * keep_going), or the shell cannot run the command (status 126, 127:
 * ERR_INVALID). Until one has succeeded they run one at a time.
 * SIGPIPE must be ignored: a plug-in may not read its package. ERR_INVALID
 * also for a badge or order that no record can hold.
 * ret_injected is filled in even on failure; packages on their way when an
 * error comes are waited for.
 */
MUST_USE enum err station_inject(struct station *,
    const struct station_inject *, struct station_injected *ret_injected,
    struct diag *);
/*
 * Hand one package to the device with the plan's serial, as a fixture would
 * (station/floor.h): reserved for it first, injected when the plug-in
 * succeeds. When it does not, the package stays reserved, and the same serial
 * gets it again. ERR_STATE: the device is done, scrapped or held by a fixture,
 * or its product asks for evidence. ERR_NOTFOUND: no package is left.
 */
MUST_USE enum err station_inject_serial(struct station *,
    const struct station_inject *, struct station_injected *ret_injected,
    struct diag *);

#endif
