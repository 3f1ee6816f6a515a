/*
 * What the registry keeps of the field beside ranges and entries: of each
 * identity of the log LOG_ONLINE what it was made of (enrolment), and of each
 * device that moved on from the identity it was born with, what it has now
 * (device). Each row is under a MAC of its own, and all are in the sum of rows
 * (rows.h), so that none is added, put back or removed behind the authority's
 * back.
 */
#ifndef IMPRINT_AUTHORITY_FIELD_H
#define IMPRINT_AUTHORITY_FIELD_H

#include "lib/authority/enrol.h"
#include "lib/authority/lookup.h"
#include "lib/authority/rows.h"
#include "lib/authority/status.h"

struct field_enrolment {
	struct address	birth;		/* whose UEID it has */
	struct address	basis;		/* whose key asked for it */
	unsigned	type;		/* enum device_request_type */
	uint8_t		id[DEVICE_REQUEST_ID_SIZE];
	uint8_t		request[SHA256_SIZE];	/* hash of its octets */
	uint8_t		package[SHA256_SIZE];
	/* names from birth, by the template's names; "": another source */
	size_t		name_count;
	char		text[PRODUCT_NAMES_MAX][NAME_TEXT_SIZE];
};

#define FIELD_SEALED_MAX	8192	/* octets of one sealed package */
#define FIELD_EVENTS_MAX	16	/* of one device, until it moves on; */
#define FIELD_EVENTS_FRONT	4	/* on the front's word not beyond */

#define FIELD_OWNER_SIZE	129	/* CLAIM_OWNER_MAX and NUL */
#define FIELD_GUESSES_MAX	64

/* Whose a device is: claim.h. All 0: nobody ever claimed it. */
enum field_claim_state {
	FIELD_UNCLAIMED = 0, FIELD_CLAIMED = 1, FIELD_RELEASED = 2
};
const char *field_claim_name(enum field_claim_state);
struct field_claim {
	enum field_claim_state state;
	char		owner[FIELD_OWNER_SIZE];	/* of a claimed one */
	int64_t		time;		/* of the claim or release, */
	uint64_t	operation;	/* and its entry */
	unsigned	guesses;	/* wrong codes since, */
	int64_t		guessed;	/* and when the last one came */
};

struct field_device {
	bool		has_current, has_pending;
	uint64_t	current, pending;	/* in the log LOG_ONLINE */
	/* issued, less one for each day since then: how many at once is the
	 * product's to say, confirmed or not */
	unsigned	attempts;
	int64_t		since;		/* 0 with no attempts */
	unsigned	events;		/* refusals on record since then */
	/* requests whose identities others took the place of since then */
	uint8_t		ids[PRODUCT_ATTEMPTS_MAX][DEVICE_REQUEST_ID_SIZE];
	size_t		id_count;
	/* what was answered for pending, with keys made here; 0: none were.
	 * Gone once it is confirmed or superseded */
	size_t		sealed_len;
	uint8_t		sealed[FIELD_SEALED_MAX];
	struct field_claim claim;
};

/* ERR_NOTFOUND, without diag; ERR_CORRUPT: altered. A locked ecosystem is
 * read unchecked, to be shown. */
MUST_USE enum err field_enrolment_get(struct authority *, uint64_t index,
    struct field_enrolment *ret_enrolment, struct diag *);
MUST_USE enum err field_device_get(struct authority *,
    const struct address *birth, struct field_device *ret_device,
    struct diag *);

/* Put within the caller's transaction; changes are for rows_change(). An
 * enrolment is put once. */
MUST_USE enum err field_enrolment_put(struct authority *, uint64_t index,
    const struct field_enrolment *, struct row_sum *changes, struct diag *);
MUST_USE enum err field_device_put(struct authority *,
    const struct address *birth, const struct field_device *,
    struct row_sum *changes, struct diag *);

/* Where a device is now: the identity that it confirmed last, or birth itself
 * if it has none. */
MUST_USE enum err field_current(struct authority *,
    const struct address *birth, struct address *ret_current,
    struct diag *);
/* The identities of a device, oldest first: its birth, those that it confirmed
 * and the one that waits. Of more than FIELD_STEPS_MAX, the newest. A device
 * that never enrolled has none. */
#define FIELD_STEPS_MAX	64
enum field_place {
	FIELD_BIRTH = 1, FIELD_EARLIER = 2, FIELD_PRESENT = 3,
	FIELD_WAITING = 4
};
const char *field_place_name(enum field_place);
struct field_life {
	struct address		address[FIELD_STEPS_MAX + 2];
	enum field_place	place[FIELD_STEPS_MAX + 2];
	size_t			count;
};
MUST_USE enum err field_life(struct authority *, const struct address *,
    struct field_life *ret_life, struct diag *);
/* What a device may still use: its birth, the identity that it has now and the
 * one that waits; of one that never enrolled, birth alone. */
struct field_living {
	struct address	address[3];
	size_t		count;
};
MUST_USE enum err field_living(struct authority *, const struct address *,
    struct field_living *ret_living, struct diag *);
/* Was what this row says revoked by a turn of enrolment, because another
 * identity took its place? Operators and reports revoke for the same reason:
 * then nothing has its place. */
MUST_USE enum err field_left_place(struct authority *,
    const struct store_status *row, bool *ret_left, struct diag *);
/* The status of a birth; of one that was superseded by a turn of enrolment, as
 * a product may want it (product_field), that of what took its place: no less
 * than that is over. One that was revoked otherwise is, for any reason. */
MUST_USE enum err field_birth_status(struct authority *,
    const struct address *birth, enum status *ret_status, struct diag *);
/* Of a range of births, those of devices that enrolled, by index. The callback
 * may read. */
MUST_USE enum err field_births_each(struct authority *,
    const struct status_range *births,
    enum err (*each)(void *ctx, const struct address *birth), void *ctx,
    struct diag *);
/* What the devices born in a range enrolled for, present or waiting: what is
 * not revoked of it is added at the list's end, in no order. It goes where
 * their births are revoked. */
MUST_USE enum err field_enrolled(struct authority *,
    const struct status_range *births, struct status_ranges *list,
    struct diag *);
/* The same of births in the list that left their place to it: a change of
 * their status means it, for they are revoked already. resume: but for what
 * is suspended until somebody claims the device. Apart, to begin with; what is
 * added is not. ERR_LIMIT: list->max. */
MUST_USE enum err field_outlived(struct authority *,
    struct status_ranges *list, bool resume, struct diag *);
/* The birth of any identity; birth itself for one of another log. */
MUST_USE enum err field_birth(struct authority *, const struct address *,
    struct address *ret_birth, struct diag *);

#endif
