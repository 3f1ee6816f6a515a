/*
 * What the renderings of a document share. Internal to lib/identity.
 *
 * Whatever comes out of a document is somebody else's text: it reaches a
 * terminal or a JSON file only through text_put_escaped().
 */
#ifndef IMPRINT_IDENTITY_DOCUMENT_RENDER_H
#define IMPRINT_IDENTITY_DOCUMENT_RENDER_H

#include "lib/identity/document.h"
#include "lib/base/json_write.h"

/* "cnf" for 8; NULL for a claim that document_parse() passes over. */
const char *document_claim_name(int64_t number);

/* RFC 3339; "?" out of range. */
void	render_put_time(struct buf *, int64_t);

/* Calls put for each claim that document_parse() passed over. key and value
 * are encoded items. */
void	render_other_claims(const struct document *,
	    void (*put)(void *ctx, struct bytes key, struct bytes value),
	    void *ctx);

/* Members of a JSON object: {object: [permission, ...]}, {kind: text}, and
 * the claims passed over in diagnostic notation (RFC 8949 8). */
void	document_json_objects(struct json *, const char *key,
	    const struct document_object *, size_t count);
void	document_json_names(struct json *, const char *key,
	    const struct document *);
void	document_json_other(struct json *, const char *key,
	    const struct document *);

#endif
