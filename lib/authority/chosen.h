/*
 * Identities that an operator chooses by what they are, rather than by their
 * indices: those of an order, a pack, a class of evidence, what a device has.
 *
 * Who asks from elsewhere does not know which indices these are, and must not
 * sign what somebody on the way said they are. So the request says what was
 * chosen (REQUEST_STATUS_CHOSEN), the authority finds the ranges, and its
 * answer, which is on record, says which: the operations' replay takes them
 * from there.
 */
#ifndef IMPRINT_AUTHORITY_CHOSEN_H
#define IMPRINT_AUTHORITY_CHOSEN_H

#include "lib/authority/evidence.h"
#include "lib/authority/request_status.h"

#define CHOSEN_MAX		100000	/* of one request */
#define CHOSEN_RANGES_MAX	300000	/* that they are: their entry must
					 * hold them all */
#define CHOSEN_ORDERS_MAX	64	/* orders and packs */
#define CHOSEN_EVIDENCES_MAX	16
#define CHOSEN_WORD_MAX		255	/* octets */

enum chosen_kind {
	CHOSEN_RANGE = 1,	/* [1, log, first, count] */
	/* [2, word]: what lookup_find() takes. An index or a serial number is
	 * one identity alone; a UEID or a name all that its device may still
	 * use (field_living()) */
	CHOSEN_WORD = 2,
	/* [3, order], [4, order, pack]: and what its devices have by now */
	CHOSEN_ORDER = 3,
	CHOSEN_PACK = 4,
	/* [5, class, since / null, until / null] */
	CHOSEN_EVIDENCE = 5
};

struct chosen {
	enum chosen_kind	kind;
	struct status_range	range;
	char			word[CHOSEN_WORD_MAX + 1];
	uint32_t		order;
	uint64_t		pack;		/* from 1 */
	struct evidence_query	query;		/* INT64_MIN, INT64_MAX: any */
};

void	chosen_put(struct buf *, const struct chosen *);
/* Fails the reader. */
void	chosen_get(struct cbor *, struct chosen *ret_chosen);
/*
 * Find it: its ranges are added to the list, neither sorted nor apart from
 * those before. ERR_LIMIT: list->max; ERR_NOTFOUND: no such order, nothing was
 * issued in it, or so; and as lookup_find().
 */
MUST_USE enum err chosen_find(struct authority *, const struct chosen *,
    struct status_ranges *list, struct diag *);

/* The body, [action, reason, [chosen, ...], words]; items: count of them, one
 * after another as chosen_put() writes them. */
MUST_USE enum err request_put_chosen(struct buf *, enum status_action,
    unsigned reason, struct bytes items, size_t count, const char *words);
/* What such a body comes to now, field_outlived() included, sorted and apart;
 * ret_change: action and reason. ERR_SYNTAX; ERR_INVALID, also: an order, pack
 * or evidence chosen twice; ERR_LIMIT; and as chosen_find(). */
MUST_USE enum err request_chosen_find(struct authority *, struct bytes body,
    struct status_change *ret_change, struct status_ranges *list,
    struct diag *);
/* Its action and reason, without looking for anything. */
MUST_USE enum err request_chosen_change(struct bytes body,
    struct status_change *ret_change, struct diag *);

/* The answer: [changed, same, kept, [[log, first, count], ...]]; that of
 * REQUEST_STATUS, too, when it came to more than its ranges. */
struct chosen_answer {
	struct status_count	count;
	struct status_range	*ranges;	/* owned; sorted, apart */
	size_t			ranges_count;
};
void	chosen_answer_release(struct chosen_answer *);
#define _cleanup_chosen_answer_						\
	__attribute__((cleanup(chosen_answer_release)))
/* ret_answer: all zero; what was taken is to be released even after an error.
 * ERR_SYNTAX, ERR_NOMEM. */
MUST_USE enum err chosen_answer_get(struct bytes encoded,
    struct chosen_answer *ret_answer, struct diag *);
/* Without the ranges, if there are any, [changed, same, kept], as the network
 * has it: they can be longer than an answer. Appended. */
MUST_USE enum err chosen_answer_brief(struct bytes encoded, struct buf *out,
    struct diag *);

#endif
