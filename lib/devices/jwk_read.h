/*
 * JSON as chip makers' manifests have it: members that must be there, and
 * public keys as JSON Web Keys (RFC 7517, 7518 6.2, 6.3, 8037). Internal to
 * lib/devices; the way out is lib/crypto/jwk.h.
 */
#ifndef IMPRINT_DEVICES_JWK_READ_H
#define IMPRINT_DEVICES_JWK_READ_H

#include <jansson.h>

#include "lib/crypto/key.h"

#define JSON_TEXT_MAX	((size_t)32 << 10)	/* octets of one text */

static inline void
json_cleanup(json_t **json)
{
	json_decref(*json);
	*json = NULL;
}
#define _cleanup_json_ __attribute__((cleanup(json_cleanup)))

/* One object, no member of it twice. what: for messages. ERR_SYNTAX. */
MUST_USE enum err json_object_read(struct bytes text, const char *what,
    json_t **ret_object, struct diag *);
/* A member that is a string; what: of what it is. ERR_SYNTAX. */
MUST_USE enum err json_text(const json_t *object, const char *what,
    const char *name, struct bytes *ret_text, struct diag *);
/* The same decoded from base64url, out cleared first. */
MUST_USE enum err json_octets(const json_t *object, const char *what,
    const char *name, struct buf *out, struct diag *);

/*
 * The public key of a JWK. ERR_SYNTAX, ERR_UNSUPPORTED (kty, crv), ERR_INVALID
 * (no valid key, or its private part is with it).
 */
MUST_USE enum err jwk_read(const json_t *jwk, struct public_key *ret_key,
    struct diag *);

#endif
