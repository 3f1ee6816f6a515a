/*
 * C2SP signed-note with Ed25519: a text of lines, an empty line, lines of
 * signatures. The key's name is the text's first line, its origin; the key
 * hash is SHA-256(name || 0x0a || 0x01 || key)[:4].
 *
 * One who reads a note splits it, parses the text, and verifies it before
 * anything in it is used. what ("checkpoint") begins every message.
 */
#ifndef IMPRINT_LOG_NOTE_H
#define IMPRINT_LOG_NOTE_H

#include "lib/base/buf.h"
#include "lib/base/diag.h"
#include "lib/crypto/key.h"

#define NOTE_NAME_MAX	200
#define NOTE_FILE_MAX	4096

/*
 * 1 to NOTE_NAME_MAX octets, neither spaces nor plus signs (signed-note),
 * printable ASCII so that it is safe to show.
 */
bool	note_name_good(struct bytes name);
/* ERR_INVALID that says so. */
enum err note_name_bad(const char *what, struct diag *);

/*
 * Append text and its signature to out, which gets all or nothing. text:
 * lines, each ended by a newline, none of them empty. ERR_INVALID: a name
 * that is none, a key that is not Ed25519; ERR_LIMIT.
 */
MUST_USE enum err note_sign(const char *what, struct bytes text,
    struct signer *, struct buf *out, struct diag *);

struct note {
	struct bytes	text;		/* with its last newline */
	struct bytes	signatures;
};
/* Views into bytes. ERR_SYNTAX: beyond NOTE_FILE_MAX, no empty line. */
MUST_USE enum err note_split(const char *what, struct bytes,
    struct note *ret_note, struct diag *);
/*
 * ERR_AUTH when no good signature by public under the first line's name is
 * on it; other well-formed signatures are passed over. ERR_SYNTAX: a
 * signature line is not well-formed; ERR_INVALID: public is not Ed25519.
 */
MUST_USE enum err note_verify(const char *what, const struct note *,
    const struct public_key *, struct diag *);

/* The verifier key: "name+hash+base64" and a newline. */
MUST_USE enum err note_put_verifier_key(const char *name,
    const struct public_key *, struct buf *out);
/* The reverse, of exactly that form. ERR_SYNTAX. */
MUST_USE enum err note_parse_verifier_key(struct bytes line,
    char ret_name[NOTE_NAME_MAX + 1], struct public_key *ret_public,
    struct diag *);

/* Parts of texts; each is false when it is not of exactly this form. */

/* Take a line, which a newline must end, off the front. */
bool	note_line(struct bytes *rest, struct bytes *ret_line);
/* Take what is before the next space off the front of a line. */
bool	note_word(struct bytes *line, struct bytes *ret_word);
/* Decimal without leading zeros, at most 2^64 - 1. */
bool	note_decimal(struct bytes, uint64_t *ret_number);
/* The base64 that we would write of size octets. */
bool	note_base64(struct bytes, uint8_t *out, size_t size);

#endif
