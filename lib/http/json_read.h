/*
 * Reading a JSON text of a stranger (RFC 8259), within bounds: UTF-8, one
 * value, no name twice in an object (4), no U+0000, whole numbers within 64
 * bits, nested no deeper than JSON_DEPTH_MAX. Writing: lib/base/json_write.h.
 */
#ifndef IMPRINT_HTTP_JSON_READ_H
#define IMPRINT_HTTP_JSON_READ_H

#include "lib/base/buf.h"
#include "lib/base/diag.h"

#define JSON_TEXT_MAX	((size_t)1 << 20)
#define JSON_DEPTH_MAX	16

struct json_value;

/* ERR_SYNTAX with line and column, ERR_LIMIT, ERR_NOMEM; ERR_INVALID: it is
 * not an object. */
MUST_USE enum err json_read_object(struct bytes text,
    struct json_value **ret_object, struct diag *);
void	json_value_free(struct json_value **);
#define _cleanup_json_value_ __attribute__((cleanup(json_value_free)))

/*
 * Members of an object. One that is null counts as missing. Errors name the
 * member: ERR_INVALID (another type, out of range), ERR_LIMIT (too long),
 * ERR_SYNTAX (no base64).
 */
bool	json_has(const struct json_value *, const char *name);
/* ERR_INVALID names the first member that is not in the list, which ends with
 * NULL: a misspelt one would be passed over otherwise. */
MUST_USE enum err json_only(const struct json_value *,
    const char *const *names, struct diag *);
/* It stays the outer one's. Missing: NULL. */
MUST_USE enum err json_get_object(const struct json_value *,
    const char *name, const struct json_value **ret_object, struct diag *);
/* Text with a NUL after it; missing: "". */
MUST_USE enum err json_get_text(const struct json_value *, const char *name,
    char *ret_text, size_t size, struct diag *);
/* Missing: fallback. */
MUST_USE enum err json_get_number(const struct json_value *,
    const char *name, uint64_t max, uint64_t fallback, uint64_t *ret_number,
    struct diag *);
MUST_USE enum err json_get_flag(const struct json_value *, const char *name,
    bool fallback, bool *ret_flag, struct diag *);
/* Octets of standard base64 with its padding, at most max. Missing: none. */
MUST_USE enum err json_get_base64(const struct json_value *,
    const char *name, uint8_t *ret_octets, size_t max, size_t *ret_len,
    struct diag *);
/* Text member by text member of an object; missing: nothing. ERR_INVALID when
 * one is no text, and what text returns. */
MUST_USE enum err json_each_text(const struct json_value *,
    const char *name, enum err (*text)(void *ctx, const char *name,
    const char *text, struct diag *), void *ctx, struct diag *);
/* The same of the members of an array, with the array's name. */
MUST_USE enum err json_each_item(const struct json_value *,
    const char *name, enum err (*text)(void *ctx, const char *name,
    const char *text, struct diag *), void *ctx, struct diag *diag);
/* Objects of an array that must be there. ERR_INVALID, and what each
 * returns. */
MUST_USE enum err json_each_object(const struct json_value *,
    const char *name, enum err (*each)(void *ctx, const struct json_value *,
    struct diag *), void *ctx, struct diag *diag);

#endif
