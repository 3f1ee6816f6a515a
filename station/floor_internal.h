/* Between the files of the line's verbs. */
#ifndef IMPRINT_STATION_FLOOR_INTERNAL_H
#define IMPRINT_STATION_FLOOR_INTERNAL_H

#include "lib/identity/document.h"
#include "lib/policy/name.h"
#include "station/floor.h"
#include "station/home.h"

#define FLOOR_PACKS_OPEN	16

struct floor_open_pack {
	struct pack	*pack;
	size_t		 number;	/* in the station's packs */
	uint64_t	 used;		/* when, by the floor's counter */
};

struct floor {
	struct station		*station;
	struct floor_open_pack	 open[FLOOR_PACKS_OPEN];
	uint64_t		 uses;
	struct floor_made	*made;		/* of the station's packs */
	size_t			 made_count;
	void			(*unread)(void *ctx,
				    const uint8_t pack[PACKAGE_ID_SIZE],
				    const struct diag *why);	/* or NULL */
	void			*unread_ctx;
	struct buf		 room, other_room;	/* of records */
};

/* A device as the station knows it, with the records of its package. */
struct floor_found {
	struct station_device	*device;	/* NULL: never seen */
	struct station_pack	*pack;
	struct station_order	*order;
	enum station_package	 state;
	struct ledger_record	 reserve, last;	/* views into the rooms */
};
MUST_USE enum err floor_find(struct floor *, const struct floor_call *,
    struct floor_found *ret_found, struct diag *);

/* Can the records of a call be made? FLOOR_OK, or FLOOR_FULL. Before anything
 * is told. */
MUST_USE enum err floor_room(struct floor *, enum floor_code *ret_code,
    struct diag *);

bool	floor_call_good(const struct floor_call *);
/* UTF-8 without controls that a record can hold. */
bool	floor_text_good(const char *);
/* Does another fixture hold it just now? */
bool	floor_held(const struct floor_call *, const struct floor_found *);
/* Does the call mean the package that the device has? */
bool	floor_meant(const struct floor_call *, const struct floor_found *);
void	floor_who(const struct floor_call *, struct ledger_record *);

/* The station's pack opened, for as long as nothing else is. */
MUST_USE enum err floor_pack(struct floor *, const struct station_pack *,
    struct pack **ret_pack, struct diag *);
/* Open it anew the next time: a good one may be in its place then. */
void	floor_pack_drop(struct floor *, const struct station_pack *);
/* Of the product and order that are asked for? */
bool	floor_fits(const struct floor *, const struct station_pack *,
	    const struct floor_reserve *);
/*
 * A package that nobody has had: the one that a list made for this device,
 * else the next of the oldest pack for any. pack NULL: none; ret_code says
 * why. Packs that cannot be read are passed over; an error only when nothing
 * else is left.
 */
struct floor_place {
	struct station_pack	*pack;
	uint64_t		 position;
	bool			 last;	/* no other could take its place */
};
MUST_USE enum err floor_pick(struct floor *, const struct floor_call *,
    const struct floor_reserve *, struct floor_place *ret_place,
    enum floor_code *ret_code, struct diag *);
/* The pack cannot be read, why not; and it can. Of a pack that was picked. */
void	floor_pass_over(struct floor *, const struct station_pack *,
	    int64_t now, const struct diag *why);
void	floor_was_read(struct floor *, const struct station_pack *);
/* why, into diag, with its hint. */
enum err floor_diag_take(struct diag *, enum err, const struct diag *why);
void	floor_made_free(struct floor *);
/* A package as its device gets it, of a pack for chips as the chip alone can
 * open it; out: as package_open(). */
MUST_USE enum err floor_package_open(struct floor *,
    const struct station_pack *, uint64_t position, uint64_t *ret_index,
    struct secret *out, struct diag *);
/* The document in a package. */
MUST_USE enum err floor_document(const struct secret *package,
    struct bytes *ret_document, struct diag *);

/* FLOOR_OK when the device showed what it was to show. */
MUST_USE enum err floor_evidence_check(struct floor *,
    const struct floor_found *, const struct floor_commit *,
    enum floor_code *ret_code, struct diag *);
/* Names into the record, in their canonical texts, which texts holds. */
MUST_USE enum err floor_names_check(struct floor *,
    const struct floor_found *, const struct floor_commit *,
    char texts[FLOOR_NAMES_MAX][NAME_TEXT_SIZE],
    struct ledger_record *record, enum floor_code *ret_code, struct diag *);

#endif
