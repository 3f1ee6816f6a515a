#include "lib/devices/reading.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum err
reading_init(struct reading *r, const struct device_list_input *input,
    struct device_list_writer *writer, const char *place_word,
    struct diag *diag)
{
	memset(r, 0, sizeof(*r));
	r->input = input;
	r->writer = writer;
	r->place_word = place_word;
	r->entry = calloc(1, sizeof(*r->entry));
	r->block = malloc(READING_VIEW_MAX);
	return r->entry == NULL || r->block == NULL ? diag_nomem(diag) :
	    ERR_OK;
}

void
reading_release(struct reading *r)
{
	free(r->entry);
	free(r->block);
	r->entry = NULL;
	r->block = NULL;
}

enum err
reading_view(struct reading *r, uint64_t offset, size_t max,
    struct bytes *ret_view, struct diag *diag)
{
	uint64_t size = 0;
	size_t len = max;
	enum err err;

	err = file_size(r->input->file, &size, diag);
	if (err)
		return err;
	if (offset > size)
		len = 0;
	else if (size - offset < len)
		len = (size_t)(size - offset);
	err = file_read_at(r->input->file, offset, r->block, len, diag);
	if (!err)
		*ret_view = bytes_of(r->block, len);
	return err;
}

enum err
reading_feed(struct reading *r,
    enum err (*feed)(void *ctx, struct bytes, struct diag *), void *ctx,
    struct diag *diag)
{
	struct bytes view = BYTES_NONE;
	uint64_t at = 0;
	enum err err;

	do {
		err = reading_view(r, at, READING_VIEW_MAX, &view, diag);
		if (!err && view.len > 0)
			err = feed(ctx, view, diag);
		at += view.len;
	} while (!err && view.len > 0);
	return err;
}

/* Is it about the entry, and not about us? */
static bool
is_entrys(enum err err)
{
	return err == ERR_SYNTAX || err == ERR_INVALID || err == ERR_LIMIT ||
	    err == ERR_UNSUPPORTED || err == ERR_AUTH;
}

static void
bad_count(struct reading *r, uint64_t place, enum err err,
    const struct diag *why)
{
	if (r->bad++ == 0) {
		r->first = *why;
		r->first.code = err;
	}
	if (r->input->bad != NULL)
		r->input->bad(r->input->bad_ctx, place, why);
}

enum err
reading_entry(struct reading *r, uint64_t place, enum err err,
    const struct diag *why, struct diag *diag)
{
	struct diag bad = *why;

	r->entries++;
	if (!err && r->bad == 0) {
		err = device_list_add(r->writer, r->entry, place, &bad);
	} else if (err && is_entrys(err)) {
		diag_prefix(&bad, "%s: %s %ju",
		    device_list_writer_title(r->writer), r->place_word,
		    (uintmax_t)place);
	}
	if (!err)
		return ERR_OK;
	if (!is_entrys(err)) {
		if (diag != NULL)
			*diag = bad;
		return err;
	}
	bad_count(r, place, err, &bad);
	return ERR_OK;
}

enum err
reading_end(struct reading *r, struct diag *diag)
{
	enum err err = r->first.code;
	size_t len;

	if (r->bad == 0)
		return ERR_OK;
	if (r->bad > 1) {
		len = strlen(r->first.what);
		(void)snprintf(r->first.what + len,
		    sizeof(r->first.what) - len, " (%ju of %ju are bad)",
		    (uintmax_t)r->bad, (uintmax_t)r->entries);
	}
	diag_hint(&r->first, "one bad entry refuses the list whole: have it "
	    "made again without what is wrong");
	if (diag != NULL)
		*diag = r->first;
	return err;
}

enum err
reading_fail(struct reading *r, enum err err, struct diag *diag,
    const char *fmt, ...)
{
	char text[240];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return diag_fail(diag, err, NULL, "%s: %s",
	    device_list_writer_title(r->writer), text);
}

enum err
reading_slot(struct reading *r, const char *hint, unsigned *ret_slot,
    struct diag *diag)
{
	if (r->input->kind == DEVICE_LIST_CHIPS) {
		*ret_slot = 0;
		return ERR_OK;
	}
	if (r->input->slot_count != 1) {
		(void)reading_fail(r, ERR_INVALID, diag, "it has one key for "
		    "a device, the product wants %zu of the device's own",
		    r->input->slot_count);
		diag_hint(diag, "%s", hint);
		return ERR_INVALID;
	}
	*ret_slot = r->input->slots[0];
	return ERR_OK;
}
