#include "station/tokens.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/crypto/random.h"
#include "station/home.h"

#define FIXTURES	"fixtures"
#define FIXTURES_LOCK	"fixtures.lock"
#define FILE_MAX	(TOKENS_MAX * 192)
#define TOKEN_OCTETS	32

static bool
name_good(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= TOKEN_NAME_MAX && strspn(name,
	    "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

/* "NAME HASH TIME", changed on the way. */
static bool
line_read(char *line, struct token *token)
{
	char *hash, *made, *end;
	size_t len;

	hash = strchr(line, ' ');
	made = hash == NULL ? NULL : strchr(hash + 1, ' ');
	if (made == NULL)
		return false;
	*hash++ = *made++ = '\0';
	if (!name_good(line) || hex_decode(hash, token->hash, SHA256_SIZE,
	    &len) != ERR_OK || len != SHA256_SIZE || *made < '0' ||
	    *made > '9')
		return false;
	token->made = strtoll(made, &end, 10);
	memcpy(token->name, line, strlen(line) + 1);
	return *end == '\0';
}

static const struct token *
named(const struct tokens *tokens, const char *name)
{
	size_t i;

	for (i = 0; i < tokens->count; i++)
		if (strcmp(tokens->list[i].name, name) == 0)
			return &tokens->list[i];
	return NULL;
}

static enum err
lines_read(struct buf *file, struct tokens *tokens, struct diag *diag)
{
	struct token *token;
	char *line, *end;
	size_t number = 1;

	line = (char *)(uintptr_t)buf_text(file);
	for (; (end = strchr(line, '\n')) != NULL; line = end + 1, number++) {
		*end = '\0';
		token = &tokens->list[tokens->count];
		if (tokens->count == TOKENS_MAX || !line_read(line, token) ||
		    named(tokens, token->name) != NULL)
			break;
		tokens->count++;
	}
	if (end == NULL && *line == '\0' && strlen(line) + (size_t)(line -
	    (char *)file->ptr) == file->len)
		return ERR_OK;
	diag_hint(diag, "put the file back from a copy, or remove it and add"
	    " the fixtures again");
	return diag_fail(diag, ERR_CORRUPT, NULL,
	    FIXTURES ": line %zu: not a fixture's", number);
}

enum err
tokens_read(const struct io *io, const char *home, struct tokens *ret_tokens,
    struct diag *diag)
{
	_cleanup_buf_ struct buf file = { .limit = FILE_MAX };
	char path[PATH_SIZE];
	enum err err;

	err = home_path(home, FIXTURES, path, diag);
	if (err)
		return err;
	ret_tokens->count = 0;
	if (!io_exists(io, path))
		return ERR_OK;
	err = io_read_file(io, path, &file, diag);
	if (!err && file.len > 0)
		err = lines_read(&file, ret_tokens, diag);
	return err;
}

static enum err
tokens_write(const struct io *io, const char *home,
    const struct tokens *tokens, struct diag *diag)
{
	_cleanup_buf_ struct buf file = { .limit = FILE_MAX };
	char path[PATH_SIZE];
	enum err err;
	size_t i;

	for (i = 0; i < tokens->count; i++) {
		buf_printf(&file, "%s ", tokens->list[i].name);
		buf_put_hex(&file, bytes_of(tokens->list[i].hash,
		    SHA256_SIZE));
		buf_printf(&file, " %" PRId64 "\n", tokens->list[i].made);
	}
	if (buf_err(&file))
		return diag_nomem(diag);
	err = home_path(home, FIXTURES, path, diag);
	if (err)
		return err;
	return io_write_file(io, path, buf_bytes(&file), 0600, diag);
}

/* One process at a time changes them; the station may be at work meanwhile. */
static enum err
tokens_lock(const struct io *io, const char *home, struct file *ret_lock,
    struct diag *diag)
{
	char path[PATH_SIZE];
	enum err err;

	err = home_path(home, HOME_KEYS, path, diag);
	if (!err && !io_exists(io, path))
		err = diag_fail(diag, ERR_NOTFOUND, NULL,
		    "%s: no station: imprint-station init makes one", home);
	if (!err)
		err = home_path(home, FIXTURES_LOCK, path, diag);
	if (!err)
		err = file_open(io, path, O_RDWR | O_CREAT, 0600, ret_lock,
		    diag);
	if (!err)
		err = file_lock(ret_lock, diag);
	return err;
}

static enum err
token_make(struct token *token, char ret_token[TOKEN_SIZE],
    struct diag *diag)
{
	_cleanup_buf_ struct buf text = { .limit = TOKEN_SIZE };
	uint8_t octets[TOKEN_OCTETS];
	enum err err;

	buf_reserve(&text, TOKEN_SIZE);
	err = random_bytes(octets, sizeof(octets), diag);
	if (err)
		return err;
	buf_put_base64url(&text, bytes_of(octets, sizeof(octets)));
	wipe(octets, sizeof(octets));
	if (buf_err(&text))
		return diag_nomem(diag);
	memcpy(ret_token, text.ptr, text.len);
	ret_token[text.len] = '\0';
	err = sha256_once(buf_bytes(&text), token->hash);
	wipe(text.ptr, text.cap);
	return err;
}

enum err
tokens_add(const struct io *io, const char *home, const char *name,
    int64_t now, char ret_token[TOKEN_SIZE], struct diag *diag)
{
	_cleanup_file_ struct file lock = FILE_INIT;
	struct tokens tokens;
	struct token *token;
	enum err err;

	if (!name_good(name))
		return diag_fail(diag, ERR_INVALID, NULL,
		    "fixture \"%s\": a name is a-z, 0-9 and -, at most %d",
		    name, TOKEN_NAME_MAX);
	err = tokens_lock(io, home, &lock, diag);
	if (!err)
		err = tokens_read(io, home, &tokens, diag);
	if (err)
		return err;
	if (named(&tokens, name) != NULL)
		return diag_fail(diag, ERR_EXISTS, NULL,
		    "fixture %s: has a token; remove it for another one",
		    name);
	if (tokens.count == TOKENS_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "fixture %s: there are %d already", name, TOKENS_MAX);
	token = &tokens.list[tokens.count++];
	memcpy(token->name, name, strlen(name) + 1);
	token->made = now;
	err = token_make(token, ret_token, diag);
	return err ? err : tokens_write(io, home, &tokens, diag);
}

enum err
tokens_remove(const struct io *io, const char *home, const char *name,
    struct diag *diag)
{
	_cleanup_file_ struct file lock = FILE_INIT;
	struct tokens tokens;
	const struct token *token;
	size_t at;
	enum err err;

	err = tokens_lock(io, home, &lock, diag);
	if (!err)
		err = tokens_read(io, home, &tokens, diag);
	if (err)
		return err;
	token = named(&tokens, name);
	if (token == NULL)
		return diag_fail(diag, ERR_NOTFOUND, NULL,
		    "fixture %s: there is none", name);
	at = (size_t)(token - tokens.list);
	memmove(&tokens.list[at], &tokens.list[at + 1],
	    (tokens.count - at - 1) * sizeof(tokens.list[0]));
	tokens.count--;
	return tokens_write(io, home, &tokens, diag);
}

const struct token *
tokens_find(const struct tokens *tokens, struct bytes token)
{
	const struct token *found = NULL;
	uint8_t hash[SHA256_SIZE];
	size_t i;

	if (sha256_once(token, hash) != ERR_OK)
		return NULL;
	for (i = 0; i < tokens->count; i++)
		if (secret_equal(bytes_of(hash, SHA256_SIZE),
		    bytes_of(tokens->list[i].hash, SHA256_SIZE)))
			found = &tokens->list[i];
	return found;
}
