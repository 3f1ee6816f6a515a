/*
 * What the authority acknowledged of stations' ledgers.
 *
 * A station tells where its ledger stands (lib/identity/ledger_head.h), and
 * what was acknowledged of it last. If that is what stands here, the chain
 * extends it, for the station has looked when it took it in: the new head is
 * kept and an acknowledgement signed by the document signer. Else the last
 * one is given again: a station whose ledger was put back finds so when it
 * takes it in. The same head again is given the same acknowledgement.
 *
 * A head comes in an operator's request, or from the station itself over the
 * network: the station's signature is what counts both times, and who
 * carries it is believed nothing. One that was held back, or comes again, does
 * not rest on the last one and changes nothing.
 *
 * A report is refused when it does not rest on the last one: its station
 * did not take it in, or cannot.
 */
#ifndef IMPRINT_AUTHORITY_ACKNOWLEDGE_H
#define IMPRINT_AUTHORITY_ACKNOWLEDGE_H

#include "lib/authority/authority.h"
#include "lib/identity/ledger_head.h"

enum acknowledge_outcome {
	ACKNOWLEDGE_NEW = 1,
	ACKNOWLEDGE_BEFORE = 2,	/* this very head */
	ACKNOWLEDGE_LAST = 3	/* what was told does not rest on it */
};
/* The answer to REQUEST_STATION_ACKNOWLEDGE, whose body is a head: [outcome,
 * acknowledgement]. encoded is a view of it. ERR_SYNTAX. */
struct acknowledge_answer {
	enum acknowledge_outcome outcome;
	struct bytes		encoded;
	struct acknowledged	acknowledged;
};
MUST_USE enum err acknowledge_answer_get(struct authority *,
    struct bytes result, struct acknowledge_answer *ret_answer,
    struct diag *);

/* The same without what was acknowledged: that is to be read, once its signer
 * is known. */
MUST_USE enum err acknowledge_answer_peek(struct bytes result,
    struct acknowledge_answer *ret_answer, struct diag *);

/* Between two new ones to a station over the network. */
#define ACKNOWLEDGE_GAP_S	3
/*
 * Of a head as it came over the network; on record (OPERATION_ACKNOWLEDGE)
 * when it is new, the anchor moved on as after a request: see
 * authority_warning(). Appended: the acknowledgement. ERR_SYNTAX,
 * ERR_VERSION; ERR_AUTH: of no station that is registered here; ERR_CONFLICT:
 * of one that is lost, of another ledger, or it knows of an acknowledgement
 * that is not known here; ERR_BUSY: too soon after the last one. Nothing is
 * on record of what is refused.
 */
MUST_USE enum err acknowledge_head(struct authority *, struct bytes head,
    int64_t now, struct buf *acknowledgement, struct diag *);
/* Is it a head that a station which is registered here signed? ERR_NOTFOUND,
 * ERR_AUTH, ERR_SYNTAX, ERR_VERSION. */
MUST_USE enum err acknowledge_head_verify(struct authority *,
    struct bytes head, struct diag *);

/* What holds the ledger of a report. */
struct acknowledge_basis {
	const char	*wrong;		/* why not to rely on it, or NULL */
	uint64_t	 entries;	/* that its own anchor holds */
	uint64_t	 acknowledged;	/* entries; 0: nothing was */
};
/* Does the report rest on the last acknowledgement to its station?
 * ERR_CORRUPT. */
MUST_USE enum err acknowledge_report_check(struct authority *,
    const struct public_key *signing, const struct report *,
    struct acknowledge_basis *ret_basis, struct diag *);

#endif
