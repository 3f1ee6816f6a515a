#include "lib/log/note.h"

#define KEY_HASH_SIZE	4
#define KEY_SIZE	32	/* Ed25519 */
#define NOTE_ED25519	0x01	/* signature type of C2SP signed-note */
#define SIGNATURES_MAX	100
#define SIGNATURE_MARK	"\xe2\x80\x94 "	/* em dash, space */
#define SPEC		"C2SP signed-note"

bool
note_name_good(struct bytes name)
{
	size_t i;

	if (name.len == 0 || name.len > NOTE_NAME_MAX)
		return false;
	for (i = 0; i < name.len; i++)
		if (name.ptr[i] <= ' ' || name.ptr[i] > '~' ||
		    name.ptr[i] == '+')
			return false;
	return true;
}

enum err
note_name_bad(const char *what, struct diag *diag)
{
	return diag_fail(diag, ERR_INVALID, SPEC, "%s: origin: 1 to %d "
	    "printable characters without spaces and plus signs are needed",
	    what, NOTE_NAME_MAX);
}

static enum err
key_hash(struct bytes name, const struct public_key *public,
    uint8_t ret_hash[KEY_HASH_SIZE])
{
	_cleanup_buf_ struct buf input = BUF_INIT;
	uint8_t digest[SHA256_SIZE];
	enum err err;

	buf_put_bytes(&input, name);
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
key_check(const char *what, const struct public_key *public,
    struct diag *diag)
{
	const char *name;

	if (public->alg == KEY_ED25519)
		return ERR_OK;
	name = key_alg_name(public->alg);
	return diag_fail(diag, ERR_INVALID, SPEC,
	    "%s: log key: Ed25519 is needed, this is %s", what,
	    name != NULL ? name : "unknown");
}

bool
note_line(struct bytes *rest, struct bytes *ret_line)
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

bool
note_word(struct bytes *line, struct bytes *ret_word)
{
	const uint8_t *end;

	if (line->len == 0)
		return false;
	end = memchr(line->ptr, ' ', line->len);
	if (end == NULL)
		return false;
	*ret_word = bytes_of(line->ptr, (size_t)(end - line->ptr));
	*line = bytes_of(end + 1, line->len - ret_word->len - 1);
	return true;
}

bool
note_decimal(struct bytes text, uint64_t *ret_number)
{
	uint64_t number = 0;
	unsigned digit;
	size_t i;

	if (text.len == 0 || (text.len > 1 && text.ptr[0] == '0'))
		return false;
	for (i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		digit = text.ptr[i] - (unsigned)'0';
		if (number > (UINT64_MAX - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*ret_number = number;
	return true;
}

/* base64_decode() passes over white space; here it is foreign. */
static bool
base64_plain(struct bytes text, struct buf *out)
{
	size_t i;

	for (i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ')
			return false;
	return base64_decode(text, out) == ERR_OK;
}

bool
note_base64(struct bytes text, uint8_t *out, size_t size)
{
	_cleanup_buf_ struct buf decoded = BUF_INIT;

	if (text.len != (size + 2) / 3 * 4 ||
	    !base64_plain(text, &decoded) || decoded.len != size)
		return false;
	memcpy(out, decoded.ptr, size);
	return true;
}

static struct bytes
first_line(struct bytes text)
{
	struct bytes line;

	return note_line(&text, &line) ? line : BYTES_NONE;
}

/* The signature line's value: key hash, signature. */
static enum err
blob_make(struct bytes text, struct bytes name, struct signer *signer,
    uint8_t ret_blob[KEY_HASH_SIZE + SIGNATURE_SIZE])
{
	enum err err;

	err = key_hash(name, signer_public(signer), ret_blob);
	if (!err)
		err = signer_sign(signer, text, ret_blob + KEY_HASH_SIZE);
	return err;
}

enum err
note_sign(const char *what, struct bytes text, struct signer *signer,
    struct buf *out, struct diag *diag)
{
	_cleanup_buf_ struct buf note = { .limit = NOTE_FILE_MAX };
	uint8_t blob[KEY_HASH_SIZE + SIGNATURE_SIZE];
	struct bytes name;
	enum err err;

	err = key_check(what, signer_public(signer), diag);
	if (err)
		return err;
	name = first_line(text);
	if (!note_name_good(name))
		return note_name_bad(what, diag);
	err = blob_make(text, name, signer, blob);
	if (err)
		return diag_fail(diag, err, NULL, "%s %.*s: cannot be signed",
		    what, (int)name.len, (const char *)name.ptr);
	buf_put_bytes(&note, text);
	buf_printf(&note, "\n" SIGNATURE_MARK);
	buf_put_bytes(&note, name);
	buf_put_u8(&note, ' ');
	buf_put_base64(&note, bytes_of(blob, sizeof(blob)));
	buf_put_u8(&note, '\n');
	err = buf_err(&note);
	if (!err) {
		buf_put_bytes(out, buf_bytes(&note));
		err = buf_err(out);
	}
	return err ? diag_fail(diag, err, NULL, "%s %.*s: no room", what,
	    (int)name.len, (const char *)name.ptr) : ERR_OK;
}

enum err
note_split(const char *what, struct bytes bytes, struct note *ret_note,
    struct diag *diag)
{
	struct bytes rest = bytes, line, text;

	if (bytes.len > NOTE_FILE_MAX)
		return diag_fail(diag, ERR_SYNTAX, NULL, "%s: %zu octets, at "
		    "most %d allowed", what, bytes.len, NOTE_FILE_MAX);
	do {
		text = bytes_of(bytes.ptr, bytes.len - rest.len);
		if (!note_line(&rest, &line))
			return diag_fail(diag, ERR_SYNTAX, SPEC,
			    "%s: no empty line before signatures", what);
	} while (line.len > 0);
	ret_note->text = text;
	ret_note->signatures = rest;
	return ERR_OK;
}

/* "— name base64": ret_blob gets the decoded part. */
static bool
signature_parse(struct bytes line, struct bytes *ret_name,
    struct buf *ret_blob)
{
	static const size_t mark = sizeof(SIGNATURE_MARK) - 1;

	if (line.len <= mark || memcmp(line.ptr, SIGNATURE_MARK, mark) != 0)
		return false;
	line = bytes_of(line.ptr + mark, line.len - mark);
	if (!note_word(&line, ret_name) || ret_name->len == 0)
		return false;
	buf_clear(ret_blob);
	return base64_plain(line, ret_blob) && ret_blob->len > KEY_HASH_SIZE;
}

static enum err
signature_check(const char *what, const struct public_key *public,
    struct bytes text, struct bytes blob, struct diag *diag)
{
	_cleanup_verifier_ struct verifier *verifier = NULL;
	bool good = false;
	enum err err;

	if (blob.len != KEY_HASH_SIZE + SIGNATURE_SIZE)
		return diag_fail(diag, ERR_SYNTAX, SPEC,
		    "%s: signature: %zu octets, %d expected", what,
		    blob.len - KEY_HASH_SIZE, SIGNATURE_SIZE);
	err = verifier_new(public, &verifier, diag);
	if (!err)
		err = verifier_check(verifier, text,
		    bytes_of(blob.ptr + KEY_HASH_SIZE, SIGNATURE_SIZE), &good);
	if (err)
		return diag_fail(diag, err, NULL,
		    "%s: signature: cannot be checked", what);
	if (!good)
		return diag_fail(diag, ERR_AUTH, SPEC,
		    "%s: signature: does not match the text", what);
	return ERR_OK;
}

/* Every line must be well-formed, also those of other keys. */
static enum err
signatures_check(const char *what, const struct note *note,
    struct bytes name, const struct public_key *public, struct diag *diag)
{
	_cleanup_buf_ struct buf blob = BUF_INIT;
	struct bytes rest = note->signatures, line, signer;
	uint8_t hash[KEY_HASH_SIZE];
	bool found = false;
	unsigned count;
	enum err err;

	err = key_hash(name, public, hash);
	if (err)
		return diag_fail(diag, err, NULL, "%s: key hash", what);
	for (count = 0; rest.len > 0; count++) {
		if (count == SIGNATURES_MAX || !note_line(&rest, &line) ||
		    !signature_parse(line, &signer, &blob))
			return diag_fail(diag, ERR_SYNTAX, SPEC, "%s: "
			    "signature line %u: not well-formed", what,
			    count + 1);
		if (!bytes_equal(signer, name) ||
		    memcmp(blob.ptr, hash, KEY_HASH_SIZE) != 0)
			continue;
		err = signature_check(what, public, note->text,
		    buf_bytes(&blob), diag);
		if (err)
			return err;
		found = true;
	}
	if (!found)
		return diag_fail(diag, ERR_AUTH, SPEC, "%s %.*s: no "
		    "signature by the expected key", what, (int)name.len,
		    (const char *)name.ptr);
	return ERR_OK;
}

enum err
note_verify(const char *what, const struct note *note,
    const struct public_key *public, struct diag *diag)
{
	struct bytes name;
	enum err err;

	err = key_check(what, public, diag);
	if (err)
		return err;
	name = first_line(note->text);
	if (!note_name_good(name))
		return diag_fail(diag, ERR_SYNTAX, SPEC,
		    "%s: first line: no usable origin", what);
	return signatures_check(what, note, name, public, diag);
}

enum err
note_put_verifier_key(const char *name, const struct public_key *public,
    struct buf *out)
{
	uint8_t hash[KEY_HASH_SIZE], key[1 + KEY_SIZE];
	enum err err;

	err = key_check("verifier key", public, NULL);
	if (!err)
		err = key_hash(bytes_text(name), public, hash);
	if (err)
		return err;
	key[0] = NOTE_ED25519;
	memcpy(key + 1, public->raw, KEY_SIZE);
	buf_printf(out, "%s+", name);
	buf_put_hex(out, bytes_of(hash, sizeof(hash)));
	buf_put_u8(out, '+');
	buf_put_base64(out, bytes_of(key, sizeof(key)));
	buf_put_u8(out, '\n');
	return buf_err(out);
}

/*
 * What is parsed must be what we would write of it: this checks the hash and
 * the separators as well.
 */
enum err
note_parse_verifier_key(struct bytes line,
    char ret_name[NOTE_NAME_MAX + 1], struct public_key *ret_public,
    struct diag *diag)
{
	struct public_key public = { .alg = KEY_ED25519, .len = KEY_SIZE };
	_cleanup_buf_ struct buf again = BUF_INIT;
	char name[NOTE_NAME_MAX + 1] = "";
	uint8_t key[1 + KEY_SIZE];
	const uint8_t *plus;
	struct bytes value;
	size_t hash_end;

	plus = line.len > 0 ? memchr(line.ptr, '+', line.len) : NULL;
	if (plus == NULL || plus == line.ptr ||
	    plus - line.ptr > NOTE_NAME_MAX)
		return diag_fail(diag, ERR_SYNTAX, SPEC,
		    "verifier key: no name before a plus sign");
	memcpy(name, line.ptr, (size_t)(plus - line.ptr));
	hash_end = strlen(name) + 1 + 2 * KEY_HASH_SIZE + 1;
	value = line.len > hash_end + 1 ? bytes_of(line.ptr + hash_end,
	    line.len - hash_end - 1) : BYTES_NONE;
	if (!note_base64(value, key, sizeof(key)) || key[0] != NOTE_ED25519)
		return diag_fail(diag, ERR_SYNTAX, SPEC,
		    "verifier key: no Ed25519 key in base64 at its end");
	memcpy(public.raw, key + 1, KEY_SIZE);
	if (!note_name_good(bytes_text(name)) ||
	    note_put_verifier_key(name, &public, &again) != ERR_OK ||
	    !bytes_equal(buf_bytes(&again), line))
		return diag_fail(diag, ERR_SYNTAX, SPEC, "verifier key: name "
		    "and key do not fit its hash");
	memcpy(ret_name, name, sizeof(name));
	*ret_public = public;
	return ERR_OK;
}
