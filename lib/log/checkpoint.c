#include "lib/log/checkpoint.h"

#include <inttypes.h>

#define KEY_HASH_SIZE	4
#define NOTE_ED25519	0x01	/* signature type of C2SP signed-note */
#define SIGNATURES_MAX	100
#define SIGNATURE_MARK	"\xe2\x80\x94 "	/* em dash, space */
#define SPEC		"C2SP tlog-checkpoint"
#define SPEC_NOTE	"C2SP signed-note"

/*
 * The origin is the key's name as well: neither spaces nor plus signs
 * (signed-note), and printable ASCII so that it is safe to show.
 */
static bool
origin_good(struct bytes origin)
{
	size_t i;

	if (origin.len == 0 || origin.len > CHECKPOINT_ORIGIN_MAX)
		return false;
	for (i = 0; i < origin.len; i++)
		if (origin.ptr[i] <= ' ' || origin.ptr[i] > '~' ||
		    origin.ptr[i] == '+')
			return false;
	return true;
}

static enum err
key_hash(const char *name, const struct public_key *public,
    uint8_t ret_hash[KEY_HASH_SIZE])
{
	_cleanup_buf_ struct buf input = BUF_INIT;
	uint8_t digest[SHA256_SIZE];
	enum err err;

	buf_put_bytes(&input, bytes_text(name));
	buf_put_u8(&input, '\n');
	buf_put_u8(&input, NOTE_ED25519);
	buf_put(&input, public->raw, public->len);
	err = buf_err(&input);
	if (!err)
		err = sha256_once(buf_bytes(&input), digest);
	if (err)
		return err;
	memcpy(ret_hash, digest, KEY_HASH_SIZE);
	return ERR_OK;
}

static enum err
key_check(const struct public_key *public, struct diag *diag)
{
	const char *name;

	if (public->alg == KEY_ED25519)
		return ERR_OK;
	name = key_alg_name(public->alg);
	return diag_fail(diag, ERR_INVALID, SPEC_NOTE,
	    "checkpoint: log key: Ed25519 is needed, this is %s",
	    name != NULL ? name : "unknown");
}

enum err
checkpoint_sign(const struct checkpoint *c, struct signer *signer,
    struct buf *out, struct diag *diag)
{
	_cleanup_buf_ struct buf note = BUF_INIT;
	uint8_t blob[KEY_HASH_SIZE + SIGNATURE_SIZE];
	enum err err;

	err = key_check(signer_public(signer), diag);
	if (err)
		return err;
	if (!origin_good(bytes_of(c->origin,
	    strnlen(c->origin, sizeof(c->origin)))))
		return diag_fail(diag, ERR_INVALID, SPEC, "checkpoint: "
		    "origin: 1 to %d printable characters without spaces "
		    "and plus signs are needed", CHECKPOINT_ORIGIN_MAX);
	buf_printf(&note, "%s\n%" PRIu64 "\n", c->origin, c->size);
	buf_put_base64(&note, bytes_of(c->root, SHA256_SIZE));
	buf_put_u8(&note, '\n');
	err = buf_err(&note);
	if (!err)
		err = key_hash(c->origin, signer_public(signer), blob);
	if (!err)
		err = signer_sign(signer, buf_bytes(&note),
		    blob + KEY_HASH_SIZE);
	if (err)
		return diag_fail(diag, err, NULL,
		    "checkpoint %s: cannot be signed", c->origin);
	buf_printf(&note, "\n" SIGNATURE_MARK "%s ", c->origin);
	buf_put_base64(&note, bytes_of(blob, sizeof(blob)));
	buf_put_u8(&note, '\n');
	err = buf_err(&note);
	if (!err) {
		buf_put_bytes(out, buf_bytes(&note));
		err = buf_err(out);
	}
	return err ? diag_fail(diag, err, NULL, "checkpoint %s: no room",
	    c->origin) : ERR_OK;
}

/* Take one line, which a newline must end, off the front. */
enum err
checkpoint_put_verifier_key(const char *origin,
    const struct public_key *public, struct buf *out)
{
	uint8_t hash[KEY_HASH_SIZE], key[1 + KEY_PRIVATE_SIZE];
	enum err err;

	err = key_check(public, NULL);
	if (!err)
		err = key_hash(origin, public, hash);
	if (err)
		return err;
	key[0] = 0x01;	/* Ed25519 */
	memcpy(key + 1, public->raw, KEY_PRIVATE_SIZE);
	buf_printf(out, "%s+", origin);
	buf_put_hex(out, bytes_of(hash, sizeof(hash)));
	buf_put_u8(out, '+');
	buf_put_base64(out, bytes_of(key, sizeof(key)));
	buf_put_u8(out, '\n');
	return buf_err(out);
}

static bool
line_next(struct bytes *rest, struct bytes *ret_line)
{
	const uint8_t *end;

	if (rest->len == 0)
		return false;
	end = memchr(rest->ptr, '\n', rest->len);
	if (end == NULL)
		return false;
	*ret_line = bytes_of(rest->ptr, (size_t)(end - rest->ptr));
	*rest = bytes_of(end + 1, rest->len - ret_line->len - 1);
	return true;
}

/* Decimal without leading zeros, at most 2^64 - 1. */
static bool
size_parse(struct bytes line, uint64_t *ret_size)
{
	uint64_t size = 0;
	unsigned digit;
	size_t i;

	if (line.len == 0 || (line.len > 1 && line.ptr[0] == '0'))
		return false;
	for (i = 0; i < line.len; i++) {
		if (line.ptr[i] < '0' || line.ptr[i] > '9')
			return false;
		digit = line.ptr[i] - (unsigned)'0';
		if (size > (UINT64_MAX - digit) / 10)
			return false;
		size = size * 10 + digit;
	}
	*ret_size = size;
	return true;
}

/* Exactly the base64 that we would write of size bytes. */
static bool
base64_exact(struct bytes text, uint8_t *out, size_t size)
{
	_cleanup_buf_ struct buf decoded = BUF_INIT;
	size_t i;

	if (text.len != (size + 2) / 3 * 4)
		return false;
	for (i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ')
			return false;
	if (base64_decode(text, &decoded) != ERR_OK || decoded.len != size)
		return false;
	memcpy(out, decoded.ptr, size);
	return true;
}

/* The text up to the empty line; rest: what follows that. */
static enum err
body_parse(struct bytes note, struct checkpoint *ret_checkpoint,
    struct bytes *ret_body, struct bytes *ret_rest, struct diag *diag)
{
	struct bytes rest = note, origin, line;

	if (!line_next(&rest, &origin) || !origin_good(origin))
		return diag_fail(diag, ERR_SYNTAX, SPEC,
		    "checkpoint: first line: no usable origin");
	memcpy(ret_checkpoint->origin, origin.ptr, origin.len);
	ret_checkpoint->origin[origin.len] = '\0';
	if (!line_next(&rest, &line) ||
	    !size_parse(line, &ret_checkpoint->size))
		return diag_fail(diag, ERR_SYNTAX, SPEC,
		    "checkpoint: second line: no tree size in decimal");
	if (!line_next(&rest, &line) ||
	    !base64_exact(line, ret_checkpoint->root, SHA256_SIZE))
		return diag_fail(diag, ERR_SYNTAX, SPEC,
		    "checkpoint: third line: no root hash in base64");
	for (;;) {
		*ret_body = bytes_of(note.ptr, note.len - rest.len);
		if (!line_next(&rest, &line))
			return diag_fail(diag, ERR_SYNTAX, SPEC_NOTE,
			    "checkpoint: no empty line before signatures");
		if (line.len == 0)
			break;
	}
	*ret_rest = rest;
	return ERR_OK;
}

/* "— name base64": ret_blob gets the decoded part. */
static bool
signature_parse(struct bytes line, struct bytes *ret_name,
    struct buf *ret_blob)
{
	static const size_t mark = sizeof(SIGNATURE_MARK) - 1;
	const uint8_t *space;
	size_t i;

	if (line.len <= mark || memcmp(line.ptr, SIGNATURE_MARK, mark) != 0)
		return false;
	line = bytes_of(line.ptr + mark, line.len - mark);
	space = memchr(line.ptr, ' ', line.len);
	if (space == NULL || space == line.ptr)
		return false;
	*ret_name = bytes_of(line.ptr, (size_t)(space - line.ptr));
	line = bytes_of(space + 1, line.len - ret_name->len - 1);
	for (i = 0; i < line.len; i++)
		if (line.ptr[i] <= ' ')
			return false;
	buf_clear(ret_blob);
	return base64_decode(line, ret_blob) == ERR_OK &&
	    ret_blob->len > KEY_HASH_SIZE;
}

static enum err
signature_check(const struct public_key *public, struct bytes body,
    struct bytes blob, struct diag *diag)
{
	_cleanup_verifier_ struct verifier *verifier = NULL;
	bool good = false;
	enum err err;

	if (blob.len != KEY_HASH_SIZE + SIGNATURE_SIZE)
		return diag_fail(diag, ERR_SYNTAX, SPEC_NOTE,
		    "checkpoint: signature: %zu octets, %d expected",
		    blob.len - KEY_HASH_SIZE, SIGNATURE_SIZE);
	err = verifier_new(public, &verifier, diag);
	if (!err)
		err = verifier_check(verifier, body,
		    bytes_of(blob.ptr + KEY_HASH_SIZE, SIGNATURE_SIZE), &good);
	if (err)
		return diag_fail(diag, err, NULL,
		    "checkpoint: signature: cannot be checked");
	if (!good)
		return diag_fail(diag, ERR_AUTH, SPEC_NOTE,
		    "checkpoint: signature: does not match the text");
	return ERR_OK;
}

/* Every line must be well-formed, also those of other keys. */
static enum err
signatures_verify(struct bytes body, struct bytes rest, const char *origin,
    const struct public_key *public, struct diag *diag)
{
	_cleanup_buf_ struct buf blob = BUF_INIT;
	uint8_t hash[KEY_HASH_SIZE];
	struct bytes line, name;
	bool found = false;
	unsigned count;
	enum err err;

	err = key_hash(origin, public, hash);
	if (err)
		return diag_fail(diag, err, NULL,
		    "checkpoint %s: key hash", origin);
	for (count = 0; rest.len > 0; count++) {
		if (count == SIGNATURES_MAX || !line_next(&rest, &line) ||
		    !signature_parse(line, &name, &blob))
			return diag_fail(diag, ERR_SYNTAX, SPEC_NOTE,
			    "checkpoint %s: signature line %u: not "
			    "well-formed", origin, count + 1);
		if (!bytes_equal(name, bytes_text(origin)) ||
		    memcmp(blob.ptr, hash, KEY_HASH_SIZE) != 0)
			continue;
		err = signature_check(public, body, buf_bytes(&blob), diag);
		if (err)
			return err;
		found = true;
	}
	if (!found)
		return diag_fail(diag, ERR_AUTH, SPEC_NOTE, "checkpoint %s: "
		    "no signature by the expected key", origin);
	return ERR_OK;
}

enum err
checkpoint_verify(struct bytes note, const struct public_key *public,
    struct checkpoint *ret_checkpoint, struct diag *diag)
{
	struct checkpoint c = { .size = 0 };
	struct bytes body = BYTES_NONE, rest = BYTES_NONE;
	enum err err;

	err = key_check(public, diag);
	if (err)
		return err;
	if (note.len > CHECKPOINT_FILE_MAX)
		return diag_fail(diag, ERR_SYNTAX, NULL, "checkpoint: %zu "
		    "octets, at most %d allowed", note.len,
		    CHECKPOINT_FILE_MAX);
	err = body_parse(note, &c, &body, &rest, diag);
	if (!err)
		err = signatures_verify(body, rest, c.origin, public, diag);
	if (err)
		return err;
	*ret_checkpoint = c;
	return ERR_OK;
}
