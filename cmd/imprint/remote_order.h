/*
 * What a server says of an order's packs, and the packs themselves. A pack is
 * taken when a document signer under the trusted root signed for all of it:
 * its manifest first, then each chunk as it comes.
 */
#ifndef IMPRINT_CMD_IMPRINT_REMOTE_ORDER_H
#define IMPRINT_CMD_IMPRINT_REMOTE_ORDER_H

#include "cmd/imprint/remote_document.h"
#include "lib/identity/pack.h"

/* What the server says at an order's path of that name, "packs" say, and says
 * of that order. */
MUST_USE enum err remote_order_ask(struct cmd *, uint32_t order,
    const char *name, struct json_value **ret_answer);
/* As lines, or further members of a JSON object. */
MUST_USE enum err remote_packs_print(struct cmd *,
    const struct json_value *packs);

/* One pack to be fetched: no of order, into the folder out. */
struct remote_pack {
	uint32_t		 order, no;
	const char		*out;
	const struct public_key	*keys;		/* of document signers */
	size_t			 key_count;
};
/*
 * Under its name in out once it is whole, checked and durable. What was
 * fetched before lies beside it as .part, is checked and not fetched again.
 * ret_path: its name. ERR_AUTH: not what was signed; ERR_EXISTS: another pack
 * has the name; ERR_BUSY: it is fetched just now; ERR_INTERRUPTED.
 */
MUST_USE enum err remote_pack_fetch(struct cmd *, const struct remote_pack *,
    char ret_path[PATH_SIZE]);

#endif
