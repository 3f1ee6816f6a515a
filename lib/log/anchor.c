#include "lib/log/anchor.h"

#include <inttypes.h>

#include "lib/base/clock.h"

#define WHAT	"anchor"
#define VERSION	"1"

static bool
origin_good(struct bytes origin)
{
	static const size_t end = sizeof(ANCHOR_ORIGIN_END) - 1;

	return note_name_good(origin) && origin.len > end &&
	    memcmp(origin.ptr + origin.len - end, ANCHOR_ORIGIN_END, end) == 0;
}

static bool
log_name_good(struct bytes name)
{
	size_t i;

	if (name.len == 0 || name.len >= sizeof(((struct anchor_log *)0)->name))
		return false;
	for (i = 0; i < name.len; i++)
		if ((name.ptr[i] < 'a' || name.ptr[i] > 'z') &&
		    (name.ptr[i] < '0' || name.ptr[i] > '9') &&
		    name.ptr[i] != '-')
			return false;
	return true;
}

static struct bytes
field(const char *text, size_t size)
{
	return bytes_of(text, strnlen(text, size));
}

const struct anchor_log *
anchor_log(const struct anchor *a, const char *name)
{
	size_t i;

	for (i = 0; i < a->count; i++)
		if (strcmp(a->logs[i].name, name) == 0)
			return &a->logs[i];
	return NULL;
}

static enum err
anchor_check(const struct anchor *a, struct diag *diag)
{
	size_t i;

	if (!origin_good(field(a->origin, sizeof(a->origin))))
		return diag_fail(diag, ERR_INVALID, NULL, WHAT ": origin: up "
		    "to %d printable characters without spaces and plus "
		    "signs that end in %s are needed", NOTE_NAME_MAX,
		    ANCHOR_ORIGIN_END);
	if (a->time < 0 || a->time > TIME_MAX_S)
		return diag_fail(diag, ERR_INVALID, NULL,
		    WHAT ": time: beyond what RFC 3339 can say");
	if (a->count == 0 || a->count > ANCHOR_LOGS_MAX)
		return diag_fail(diag, ERR_INVALID, NULL, WHAT ": %zu logs, "
		    "1 to %d expected", a->count, ANCHOR_LOGS_MAX);
	for (i = 0; i < a->count; i++)
		if (!log_name_good(field(a->logs[i].name,
		    sizeof(a->logs[i].name))) ||
		    anchor_log(a, a->logs[i].name) != &a->logs[i])
			return diag_fail(diag, ERR_INVALID, NULL, WHAT ": log "
			    "%zu: no usable name, or twice the same", i + 1);
	return ERR_OK;
}

static void
text_put(struct buf *out, const struct anchor *a)
{
	char time[TIME_TEXT_SIZE];
	size_t i;

	time_format(a->time, time);
	buf_printf(out, "%s\nimprint-anchor " VERSION "\necosystem ",
	    a->origin);
	buf_put_hex(out, bytes_of(a->ecosystem, sizeof(a->ecosystem)));
	buf_printf(out, "\nepoch %" PRIu32 "\ntime %s\n", a->epoch, time);
	for (i = 0; i < a->count; i++) {
		buf_printf(out, "log %s %" PRIu64 " ", a->logs[i].name,
		    a->logs[i].size);
		buf_put_base64(out, bytes_of(a->logs[i].root, SHA256_SIZE));
		buf_put_u8(out, '\n');
	}
}

enum err
anchor_sign(const struct anchor *a, struct signer *signer, struct buf *out,
    struct diag *diag)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	enum err err;

	err = anchor_check(a, diag);
	if (err)
		return err;
	text_put(&text, a);
	if (buf_err(&text) != ERR_OK)
		return diag_nomem(diag);
	return note_sign(WHAT, buf_bytes(&text), signer, out, diag);
}

/* "word value": take the line, ret_value gets what follows the word. */
static bool
field_next(struct bytes *rest, const char *word, struct bytes *ret_value)
{
	struct bytes line, first;

	if (!note_line(rest, &line) || !note_word(&line, &first) ||
	    !bytes_equal(first, bytes_text(word)))
		return false;
	*ret_value = line;
	return true;
}

static bool
hex_exact(struct bytes text, uint8_t *out, size_t size)
{
	char copy[2 * ANCHOR_ECOSYSTEM_SIZE + 1] = "";
	size_t len;

	if (text.len != 2 * size || text.len >= sizeof(copy))
		return false;
	memcpy(copy, text.ptr, text.len);
	return hex_decode(copy, out, size, &len) == ERR_OK && len == size;
}

static bool
time_exact(struct bytes text, int64_t *ret_time)
{
	char copy[TIME_TEXT_SIZE] = "";

	if (text.len != TIME_TEXT_SIZE - 1)
		return false;
	memcpy(copy, text.ptr, text.len);
	return time_parse(copy, ret_time) == ERR_OK;
}

static bool
epoch_exact(struct bytes text, uint32_t *ret_epoch)
{
	uint64_t number;

	if (!note_decimal(text, &number) || number > UINT32_MAX)
		return false;
	*ret_epoch = (uint32_t)number;
	return true;
}

static bool
log_parse(struct bytes value, struct anchor *a)
{
	struct anchor_log *log = &a->logs[a->count];
	struct bytes name, size;

	if (a->count == ANCHOR_LOGS_MAX || !note_word(&value, &name) ||
	    !log_name_good(name) || !note_word(&value, &size) ||
	    !note_decimal(size, &log->size) ||
	    !note_base64(value, log->root, SHA256_SIZE))
		return false;
	memcpy(log->name, name.ptr, name.len);
	log->name[name.len] = '\0';
	if (anchor_log(a, log->name) != NULL)
		return false;
	a->count++;
	return true;
}

static enum err
line_bad(const char *what, struct diag *diag)
{
	return diag_fail(diag, ERR_SYNTAX, NULL, WHAT ": %s", what);
}

static enum err
head_parse(struct bytes *rest, struct anchor *a, struct diag *diag)
{
	struct bytes value;

	if (!note_line(rest, &value) || !origin_good(value))
		return line_bad("first line: no origin that ends in "
		    ANCHOR_ORIGIN_END, diag);
	memcpy(a->origin, value.ptr, value.len);
	a->origin[value.len] = '\0';
	if (!field_next(rest, "imprint-anchor", &value))
		return line_bad("second line: no version", diag);
	if (!bytes_equal(value, bytes_text(VERSION)))
		return diag_fail(diag, ERR_VERSION, NULL, WHAT ": version "
		    "%.*s; this build reads version " VERSION,
		    (int)(value.len < 20 ? value.len : 20),
		    (const char *)value.ptr);
	if (!field_next(rest, "ecosystem", &value) ||
	    !hex_exact(value, a->ecosystem, sizeof(a->ecosystem)))
		return line_bad("third line: no ecosystem in hexadecimal",
		    diag);
	if (!field_next(rest, "epoch", &value) ||
	    !epoch_exact(value, &a->epoch))
		return line_bad("fourth line: no epoch in decimal", diag);
	if (!field_next(rest, "time", &value) ||
	    !time_exact(value, &a->time))
		return line_bad("fifth line: no time of RFC 3339", diag);
	return ERR_OK;
}

static enum err
text_parse(struct bytes text, struct anchor *a, struct diag *diag)
{
	_cleanup_buf_ struct buf again = BUF_INIT;
	struct bytes rest = text, value;
	enum err err;

	err = head_parse(&rest, a, diag);
	if (err)
		return err;
	do {
		if (!field_next(&rest, "log", &value) || !log_parse(value, a))
			return diag_fail(diag, ERR_SYNTAX, NULL, WHAT ": log "
			    "%zu: no new name, size and root", a->count + 1);
	} while (rest.len > 0);
	/* such as hexadecimal in capitals */
	text_put(&again, a);
	if (buf_err(&again) != ERR_OK)
		return diag_nomem(diag);
	if (!bytes_equal(buf_bytes(&again), text))
		return line_bad("not in its one form", diag);
	return ERR_OK;
}

enum err
anchor_verify(struct bytes bytes, const struct public_key *public,
    struct anchor *ret_anchor, struct diag *diag)
{
	struct anchor a = { .count = 0 };
	struct note note;
	enum err err;

	err = note_split(WHAT, bytes, &note, diag);
	if (!err)
		err = text_parse(note.text, &a, diag);
	if (!err)
		err = note_verify(WHAT, &note, public, diag);
	if (err)
		return err;
	*ret_anchor = a;
	return ERR_OK;
}
