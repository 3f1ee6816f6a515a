/* Reading a ledger; the writer is ledger.c. */
#include <stdlib.h>

#include "station/ledger_internal.h"

#define WINDOW		((size_t)256 << 10)
#define ZERO_RUN	8	/* zero octets that one bad octet cannot make */

struct walker {
	const struct file		*file;
	struct sha256			*sha256;
	const struct ledger_reader	*reader;
	struct diag			*diag;
	struct ledger_walk		 walk;
	uint8_t				*window;
	uint64_t			 window_at;
	size_t				 window_len;
};

static enum err
corrupt(const struct walker *w, const char *what)
{
	diag_fail(w->diag, ERR_CORRUPT, NULL,
	    "ledger %s: record %ju at octet %ju: %s", w->file->path,
	    (uintmax_t)w->walk.records + 1, (uintmax_t)w->walk.end, what);
	diag_hint(w->diag, "nothing is handed out on a damaged ledger:"
	    " restore it from a copy of this moment, or retire this station"
	    " and report its packs");
	return ERR_CORRUPT;
}

/* len octets at the end of what was read, from the window. */
static enum err
window_get(struct walker *w, size_t len, const uint8_t **ret_ptr)
{
	uint64_t at = w->walk.end;
	size_t want = w->walk.size - at < WINDOW ?
	    (size_t)(w->walk.size - at) : WINDOW;
	enum err err;

	if (at < w->window_at || at + len > w->window_at + w->window_len) {
		err = file_read_at(w->file, at, w->window, want, w->diag);
		if (err)
			return err;
		w->window_at = at;
		w->window_len = want;
	}
	*ret_ptr = w->window + (at - w->window_at);
	return ERR_OK;
}

static enum err
chain(struct walker *w, struct bytes body, uint8_t ret_hash[SHA256_SIZE])
{
	const struct bytes parts[2] = {
		bytes_of(w->walk.head, SHA256_SIZE), body
	};

	return sha256_parts(w->sha256, parts, 2, ret_hash);
}

/*
 * The file ends within a record, so it seems. Could it be a whole record
 * whose length was damaged? Then nothing may be cut off.
 */
static enum err
tail_check(struct walker *w, const uint8_t *at, size_t len)
{
	uint8_t hash[SHA256_SIZE];
	size_t body;
	enum err err;

	for (body = 1; body + LEDGER_FRAME <= len &&
	    body <= LEDGER_RECORD_MAX; body++) {
		err = chain(w, bytes_of(at + LEDGER_LENGTH_SIZE, body), hash);
		if (err)
			return err;
		if (memcmp(hash, at + LEDGER_LENGTH_SIZE + body,
		    SHA256_SIZE) == 0)
			return corrupt(w, "its length is damaged");
	}
	return ERR_OK;
}

/*
 * A write that the power cut may leave the file longer and the octets zero:
 * from within the record at hand to the end, at most.
 */
static enum err
zero_tail(struct walker *w, uint64_t record_end, bool *ret_torn)
{
	uint64_t at = w->walk.size;
	uint8_t block[512];
	size_t n;
	enum err err;

	*ret_torn = false;
	while (at > w->walk.end) {
		n = at - w->walk.end < sizeof(block) ?
		    (size_t)(at - w->walk.end) : sizeof(block);
		err = file_read_at(w->file, at - n, block, n, w->diag);
		if (err)
			return err;
		while (n > 0 && block[n - 1] == 0) {
			n--;
			at--;
		}
		if (n > 0)
			break;
	}
	*ret_torn = at <= record_end && w->walk.size - at >= ZERO_RUN;
	return ERR_OK;
}

/* ret_more false: the end, or a torn tail. */
static enum err
record_read(struct walker *w, bool *ret_more)
{
	uint64_t left = w->walk.size - w->walk.end;
	struct ledger_record record;
	uint8_t hash[SHA256_SIZE];
	const uint8_t *at = NULL;
	const char *reason = "";
	bool torn = false;
	size_t len = 0, have;
	enum err err;

	*ret_more = false;
	if (left == 0)
		return ERR_OK;
	have = left < LEDGER_RECORD_MAX + LEDGER_FRAME ? (size_t)left :
	    LEDGER_RECORD_MAX + LEDGER_FRAME;
	err = window_get(w, have, &at);
	if (err)
		return err;
	if (have >= LEDGER_LENGTH_SIZE)
		len = get_be32(at);
	if (have < LEDGER_LENGTH_SIZE || (len > 0 &&
	    len <= LEDGER_RECORD_MAX && left < len + LEDGER_FRAME))
		return tail_check(w, at, have);
	if (len == 0 || len > LEDGER_RECORD_MAX) {
		err = zero_tail(w, w->walk.end + LEDGER_LENGTH_SIZE - 1,
		    &torn);
		if (err || torn)
			return err;
		return corrupt(w, "its length is damaged");
	}
	err = chain(w, bytes_of(at + LEDGER_LENGTH_SIZE, len), hash);
	if (err)
		return err;
	if (memcmp(hash, at + LEDGER_LENGTH_SIZE + len, SHA256_SIZE) != 0) {
		err = zero_tail(w, w->walk.end + len + LEDGER_FRAME - 1,
		    &torn);
		if (err || torn)
			return err;
		return corrupt(w, "its hash does not fit: altered");
	}
	if (ledger_parse_record(bytes_of(at + LEDGER_LENGTH_SIZE, len),
	    &record, &reason) != ERR_OK)
		return corrupt(w, reason);
	record.at = w->walk.end;
	record.entry = w->walk.records + 1;
	record.head = hash;
	err = w->reader->record(w->reader->ctx, &record, w->diag);
	if (err)
		return err;
	memcpy(w->walk.head, hash, SHA256_SIZE);
	w->walk.end += len + LEDGER_FRAME;
	w->walk.records++;
	*ret_more = true;
	return ERR_OK;
}

/* It cannot be read at all. */
static enum err
unusable(const struct walker *w, enum err err)
{
	diag_hint(w->diag, "nothing is handed out without its ledger: restore"
	    " it from a copy of this moment, or retire this station and"
	    " report its packs");
	return err;
}

static enum err
header_read(struct walker *w, const uint8_t station[SHA256_SIZE])
{
	const char *path = w->file->path;
	uint8_t header[LEDGER_HEADER_SIZE];
	const struct bytes whole = bytes_of(header, sizeof(header));
	unsigned version;
	enum err err;

	err = file_size(w->file, &w->walk.size, w->diag);
	if (err)
		return err;
	if (w->walk.size < LEDGER_HEADER_SIZE)
		return unusable(w, diag_fail(w->diag, ERR_SYNTAX, NULL,
		    "ledger %s: shorter than any", path));
	err = file_read_at(w->file, 0, header, sizeof(header), w->diag);
	if (err)
		return err;
	if (memcmp(header, LEDGER_MAGIC, LEDGER_MAGIC_SIZE) != 0)
		return unusable(w, diag_fail(w->diag, ERR_SYNTAX, NULL,
		    "ledger %s: not a ledger: no IMPRLEDG in front", path));
	version = get_be16(header + 8);
	if (version < 1 || version > LEDGER_VERSION)
		return diag_fail(w->diag, ERR_VERSION, NULL,
		    "ledger %s: version %u, this build reads 1 to %d", path,
		    version, LEDGER_VERSION);
	if (get_be16(header + 10) != 0)
		return unusable(w, diag_fail(w->diag, ERR_CORRUPT, NULL,
		    "ledger %s: header is damaged", path));
	if (memcmp(header + 12, station, SHA256_SIZE) != 0)
		return unusable(w, diag_fail(w->diag, ERR_CONFLICT, NULL,
		    "ledger %s: of another station", path));
	w->walk.end = LEDGER_HEADER_SIZE;
	return sha256_parts(w->sha256, &whole, 1, w->walk.head);
}

enum err
ledger_walk(const struct file *file, const uint8_t station[SHA256_SIZE],
    struct sha256 *sha256, const struct ledger_reader *reader,
    struct ledger_walk *ret_walk, struct diag *diag)
{
	struct walker w = {
		.file = file, .sha256 = sha256, .reader = reader, .diag = diag
	};
	bool more = true;
	enum err err;

	err = header_read(&w, station);
	if (err)
		return err;
	w.window = malloc(WINDOW);
	if (w.window == NULL)
		return diag_nomem(diag);
	while (more && !err)
		err = record_read(&w, &more);
	free(w.window);
	if (!err)
		*ret_walk = w.walk;
	return err;
}
