/* Reading a ledger; the writer is ledger.c. */
#include <stdlib.h>
#include <time.h>

#include "station/ledger_internal.h"

#define WINDOW		((size_t)256 << 10)
#define ZERO_RUN	8	/* zero octets that one bad octet cannot make */
#define SECTOR		512	/* what a disk writes whole or not at all */
#define LATER_WRITES	2	/* by which a later write is known */
#define LOOKS_BESIDE	50	/* at what one that writes may be writing */
#define LOOK_NS		4000000

struct walker {
	const struct file		*file;
	struct sha256			*sha256;
	const struct ledger_reader	*reader;
	struct diag			*diag;
	unsigned			 looks;	/* before a record is bad */
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

enum err
ledger_chain(struct sha256 *sha256, const uint8_t last[SHA256_SIZE],
    uint32_t word, struct bytes body, uint8_t ret_hash[SHA256_SIZE])
{
	uint8_t front[LEDGER_LENGTH_SIZE];
	const struct bytes parts[3] = {
		bytes_of(last, SHA256_SIZE),
		bytes_of(front, word & LEDGER_MARK ? sizeof(front) : 0), body
	};

	put_be32(front, word);
	return sha256_parts(sha256, parts, 3, ret_hash);
}

/* Is it whole, with this word in front? */
static enum err
record_whole(struct walker *w, const uint8_t *at, uint32_t word,
    bool *ret_whole)
{
	struct bytes body = bytes_of(at + LEDGER_LENGTH_SIZE,
	    ledger_length(word));
	uint8_t hash[SHA256_SIZE];
	enum err err;

	err = ledger_chain(w->sha256, w->walk.head, word, body, hash);
	*ret_whole = !err && memcmp(hash, body.ptr + body.len,
	    SHA256_SIZE) == 0;
	return err;
}

/*
 * The file ends within a record, so it seems. Could it be a whole record
 * whose length was damaged? Then nothing may be cut off.
 */
static enum err
length_check(struct walker *w, const uint8_t *at, size_t len)
{
	unsigned n = w->walk.write;
	bool whole = false;
	uint32_t body, words[3];
	size_t i;
	enum err err;

	for (body = 1; body + LEDGER_FRAME <= len &&
	    body <= LEDGER_RECORD_MAX; body++) {
		words[0] = body;
		words[1] = LEDGER_MARK | n << LEDGER_WRITE_BITS | body;
		words[2] = LEDGER_MARK | ((n + 1) & LEDGER_WRITE_MASK) <<
		    LEDGER_WRITE_BITS | body;
		for (i = 0; i < 3; i++) {
			err = record_whole(w, at, words[i], &whole);
			if (err)
				return err;
			if (whole)
				return corrupt(w, "its length is damaged");
		}
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

/*
 * Does a sector that a record up to end lies in read as never written? Of the
 * one that it begins in the whole word must, in which more than one octet is
 * not 0: of less, one bad octet of what was durable could look the same.
 */
static enum err
sector_unwritten(struct walker *w, uint64_t end, bool *ret_unwritten)
{
	uint64_t at, next, stop;
	uint8_t block[SECTOR];
	size_t i, len, run;
	enum err err;

	for (at = w->walk.end; at < end && !*ret_unwritten; at = next) {
		next = (at / SECTOR + 1) * SECTOR;
		stop = next < w->walk.size ? next : w->walk.size;
		len = (size_t)(stop - at);
		err = file_read_at(w->file, at, block, len, w->diag);
		if (err)
			return err;
		for (i = 0; i < len && block[i] == 0; i++)
			;
		run = at == w->walk.end && stop == next ?
		    LEDGER_LENGTH_SIZE : ZERO_RUN;
		*ret_unwritten = i == len && len >= run;
	}
	return ERR_OK;
}

/* Is a whole record there, by the hash in front of it? */
static enum err
record_alone(struct walker *w, uint64_t at, uint32_t word, bool *ret_whole)
{
	uint8_t octets[SHA256_SIZE + LEDGER_RECORD_MAX + LEDGER_FRAME];
	uint8_t hash[SHA256_SIZE];
	size_t len = ledger_length(word);
	struct bytes body;
	enum err err;

	*ret_whole = false;
	if (len == 0 || len > LEDGER_RECORD_MAX ||
	    w->walk.size - at < len + LEDGER_FRAME)
		return ERR_OK;
	err = file_read_at(w->file, at - SHA256_SIZE, octets, SHA256_SIZE +
	    len + LEDGER_FRAME, w->diag);
	if (err)
		return err;
	body = bytes_of(octets + SHA256_SIZE + LEDGER_LENGTH_SIZE, len);
	err = ledger_chain(w->sha256, octets, word, body, hash);
	*ret_whole = !err && memcmp(hash, body.ptr + len, SHA256_SIZE) == 0;
	return err;
}

/*
 * The write of the record at hand: that of the last good one, or the next.
 * Where its word reads as zeros from within a sector on, that sector was not
 * written since the last good one: the next. Where a sector begins with the
 * word, or with all of it but the mark, a lost one of the same write looks the
 * same: it is taken for that, so that nothing behind it is cut off.
 */
static unsigned
write_at_hand(const struct walker *w, uint32_t word)
{
	unsigned last = w->walk.write, next = (last + 1) & LEDGER_WRITE_MASK;
	bool mark = word & LEDGER_MARK;
	uint64_t in = w->walk.end % SECTOR;

	if (mark && (ledger_write(word) == last || ledger_write(word) == next))
		return ledger_write(word);
	return in == 0 || (in == SECTOR - 1 && mark) ? last : next;
}

/* Does a whole record of a later write stand behind the one at hand? */
static enum err
later_write(struct walker *w, uint32_t word, bool *ret_later)
{
	unsigned own = write_at_hand(w, word), ahead;
	uint64_t at = w->walk.end + 1;
	size_t i, len = WINDOW;
	uint32_t found;
	enum err err = ERR_OK;

	for (; len == WINDOW && !err && !*ret_later; at += len - 3) {
		len = w->walk.size - at < WINDOW ?
		    (size_t)(w->walk.size - at) : WINDOW;
		if (len < LEDGER_LENGTH_SIZE)
			break;
		err = file_read_at(w->file, at, w->window, len, w->diag);
		for (i = 0; i + LEDGER_LENGTH_SIZE <= len && !err &&
		    !*ret_later; i++) {
			found = get_be32(w->window + i);
			ahead = (ledger_write(found) - own) &
			    LEDGER_WRITE_MASK;
			if (found & LEDGER_MARK && ahead > 0 &&
			    ahead <= LATER_WRITES)
				err = record_alone(w, at + i, found,
				    ret_later);
		}
	}
	w->window_len = 0;
	return err;
}

/* The record at hand is not good; what: why. ERR_OK: it was torn. */
static enum err
bad_record(struct walker *w, uint32_t word, uint64_t end, bool ends,
    const char *what)
{
	bool torn = ends, later = false;
	enum err err = ERR_OK;

	if (!torn)
		err = zero_tail(w, end - 1, &torn);
	if (!err && !torn && w->walk.marked)
		err = sector_unwritten(w, end, &torn);
	if (!err && torn && w->walk.marked)
		err = later_write(w, word, &later);
	if (err)
		return err;
	if (!torn)
		return corrupt(w, what);
	return later ? corrupt(w, "it is not whole, and a later one is: a"
	    " part of the file was lost") : ERR_OK;
}

/* Octets of the body; 0: the word is none that can be. */
static size_t
body_length(const struct walker *w, uint32_t word)
{
	size_t len = ledger_length(word);

	/* behind a record with a mark there is none without */
	return len > LEDGER_RECORD_MAX || (w->walk.marked &&
	    !(word & LEDGER_MARK)) ? 0 : len;
}

static enum err
record_take(struct walker *w, const uint8_t *at, uint32_t word)
{
	const struct bytes body = bytes_of(at + LEDGER_LENGTH_SIZE,
	    ledger_length(word));
	struct ledger_record record;
	const char *reason = "";
	enum err err;

	if (ledger_parse_record(body, &record, &reason) != ERR_OK)
		return corrupt(w, reason);
	record.at = w->walk.end;
	record.entry = w->walk.records + 1;
	record.head = body.ptr + body.len;
	err = w->reader->record(w->reader->ctx, &record, w->diag);
	if (err)
		return err;
	memcpy(w->walk.head, body.ptr + body.len, SHA256_SIZE);
	w->walk.end += body.len + LEDGER_FRAME;
	w->walk.records++;
	if (word & LEDGER_MARK) {
		w->walk.marked = true;
		w->walk.write = ledger_write(word);
	}
	return ERR_OK;
}

/* ret_at NULL: the end, or a torn tail. */
static enum err
record_look(struct walker *w, const uint8_t **ret_at, uint32_t *ret_word)
{
	uint64_t left = w->walk.size - w->walk.end;
	const uint8_t *at = NULL;
	bool whole = false;
	size_t len, have;
	uint32_t word;
	enum err err;

	*ret_at = NULL;
	if (left == 0)
		return ERR_OK;
	have = left < LEDGER_RECORD_MAX + LEDGER_FRAME ? (size_t)left :
	    LEDGER_RECORD_MAX + LEDGER_FRAME;
	err = window_get(w, have, &at);
	if (err || have < LEDGER_LENGTH_SIZE)
		return err;
	word = get_be32(at);
	len = body_length(w, word);
	if (len == 0)
		return bad_record(w, word, w->walk.end + LEDGER_LENGTH_SIZE,
		    false, "its length is damaged");
	if (left < len + LEDGER_FRAME) {
		err = length_check(w, at, have);
		return err ? err : bad_record(w, word, w->walk.size, true,
		    "");
	}
	err = record_whole(w, at, word, &whole);
	if (err)
		return err;
	if (!whole)
		return bad_record(w, word, w->walk.end + len + LEDGER_FRAME,
		    false, "its hash does not fit: altered");
	*ret_at = at;
	*ret_word = word;
	return ERR_OK;
}

/* Beside one that writes, a record may be half in the file, over the zeros
 * that were there; a moment later it is whole. */
static enum err
look_again(struct walker *w)
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	enum err err;

	(void)nanosleep(&pause, NULL);
	w->window_len = 0;
	err = file_size(w->file, &w->walk.size, w->diag);
	if (!err && w->walk.size < w->walk.end)
		err = corrupt(w, "cut off while it was read");
	return err;
}

/* ret_more false: the end, or a torn tail. */
static enum err
record_read(struct walker *w, bool *ret_more)
{
	struct diag *diag = w->diag;
	const uint8_t *at = NULL;
	uint32_t word = 0;
	unsigned looks;
	enum err err;

	w->diag = w->looks > 0 ? NULL : diag;
	err = record_look(w, &at, &word);
	for (looks = w->looks; err && looks > 0; looks--) {
		w->diag = looks > 1 ? NULL : diag;
		err = look_again(w);
		if (!err)
			err = record_look(w, &at, &word);
	}
	w->diag = diag;
	*ret_more = !err && at != NULL;
	return *ret_more ? record_take(w, at, word) : err;
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
	w->walk.marked = version >= LEDGER_MARKED;
	return sha256_parts(w->sha256, &whole, 1, w->walk.head);
}

enum err
ledger_walk(const struct file *file, const uint8_t station[SHA256_SIZE],
    struct sha256 *sha256, const struct ledger_reader *reader, bool beside,
    struct ledger_walk *ret_walk, struct diag *diag)
{
	struct walker w = {
		.file = file, .sha256 = sha256, .reader = reader, .diag = diag,
		.looks = beside ? LOOKS_BESIDE : 0
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
