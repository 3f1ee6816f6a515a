/* Reader: device_list_read.c. */
#include "lib/identity/device_list.h"

#include <stdlib.h>

#include "lib/base/cbor_write.h"

#define MARKS_MIN	((size_t)1 << 12)

/* What was seen: a table of marks, probed one place after another, never
 * more than three quarters full. place 0: free. */
struct marks {
	uint64_t	*mark;
	uint64_t	*place;
	size_t		 size, count;
};

struct device_list_writer {
	const char		*title, *place_word;
	struct device_list_sink	 sink;
	struct device_list_head	 head;
	struct sha256		*sha256;	/* of the list */
	struct sha256		*marker;
	struct marks		 marks;
	struct buf		 item, frame;
	uint64_t		 count;
	bool			 begun;
};

static void
marks_release(struct marks *marks)
{
	free(marks->mark);
	free(marks->place);
}

static size_t
marks_find(const struct marks *marks, uint64_t mark)
{
	size_t i = (size_t)mark & (marks->size - 1);

	while (marks->place[i] != 0 && marks->mark[i] != mark)
		i = (i + 1) & (marks->size - 1);
	return i;
}

static enum err
marks_grow(struct marks *marks)
{
	struct marks more = { .size = marks->size == 0 ? MARKS_MIN :
	    marks->size * 2, .count = marks->count };
	size_t i, to;

	more.mark = calloc(more.size, sizeof(*more.mark));
	more.place = calloc(more.size, sizeof(*more.place));
	if (more.mark == NULL || more.place == NULL) {
		marks_release(&more);
		return ERR_NOMEM;
	}
	for (i = 0; i < marks->size; i++) {
		if (marks->place[i] == 0)
			continue;
		to = marks_find(&more, marks->mark[i]);
		more.mark[to] = marks->mark[i];
		more.place[to] = marks->place[i];
	}
	marks_release(marks);
	*marks = more;
	return ERR_OK;
}

/* ret_before: 0, or the place at which it was seen. */
static enum err
marks_add(struct marks *marks, const uint8_t mark[SHA256_SIZE],
    uint64_t place, uint64_t *ret_before)
{
	size_t i;
	enum err err;

	if (marks->count + marks->count / 3 + 1 >= marks->size) {
		err = marks_grow(marks);
		if (err)
			return err;
	}
	i = marks_find(marks, get_be64(mark));
	*ret_before = marks->place[i];
	if (marks->place[i] != 0)
		return ERR_OK;
	marks->mark[i] = get_be64(mark);
	marks->place[i] = place;
	marks->count++;
	return ERR_OK;
}

enum err
device_key_mark(struct sha256 *sha256, const struct public_key *key,
    uint8_t ret_mark[SHA256_SIZE])
{
	uint8_t alg = (uint8_t)key->alg;
	struct bytes parts[] = { bytes_text("key"), bytes_of(&alg, 1),
		bytes_of(key->raw, key->len) };

	return sha256_parts(sha256, parts, 3, ret_mark);
}

enum err
device_id_mark(struct sha256 *sha256, const char *source, struct bytes id,
    uint8_t ret_mark[SHA256_SIZE])
{
	struct bytes parts[] = { bytes_text("id"), bytes_of(source,
	    strlen(source) + 1), id };

	return sha256_parts(sha256, parts, 3, ret_mark);
}

enum err
device_list_writer_new(const char *title, const char *place_word,
    const struct device_list_sink *sink,
    struct device_list_writer **ret_writer, struct diag *diag)
{
	_cleanup_list_writer_ struct device_list_writer *w = NULL;
	enum err err;

	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return diag_nomem(diag);
	w->title = title;
	w->place_word = place_word;
	w->sink = *sink;
	w->item.limit = DEVICE_ENTRY_MAX;
	w->frame.limit = DEVICE_ENTRY_MAX + 16;
	err = sha256_new(&w->sha256, diag);
	if (!err)
		err = sha256_begin(w->sha256);
	if (!err)
		err = sha256_new(&w->marker, diag);
	if (err)
		return err;
	*ret_writer = w;
	w = NULL;	/* transferred */
	return ERR_OK;
}

void
device_list_writer_free(struct device_list_writer **writer)
{
	struct device_list_writer *w = *writer;

	if (w == NULL)
		return;
	sha256_free(&w->sha256);
	sha256_free(&w->marker);
	marks_release(&w->marks);
	buf_release(&w->item);
	buf_release(&w->frame);
	free(w);
	*writer = NULL;
}

static enum err
frame_put(struct device_list_writer *w)
{
	enum err err;

	err = buf_err(&w->frame);
	if (!err)
		err = sha256_update(w->sha256, buf_bytes(&w->frame));
	if (!err && w->sink.put != NULL)
		err = w->sink.put(w->sink.ctx, buf_bytes(&w->frame));
	buf_clear(&w->frame);
	return err;
}

static enum err
item_put(struct device_list_writer *w)
{
	enum err err;

	err = buf_err(&w->item);
	if (err)
		return err;
	cbor_put_bstr(&w->frame, buf_bytes(&w->item));
	return frame_put(w);
}

static bool
source_fits(const struct device_list_head *head)
{
	size_t len = strlen(head->source);
	bool wanted = head->trust == DEVICE_LIST_SIGNED ||
	    head->trust == DEVICE_LIST_MANIFEST;

	if (!wanted || len == 0)
		return wanted == (len > 0);
	return head->source[0] != '-' && strspn(head->source,
	    "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

enum err
device_list_begin(struct device_list_writer *w,
    const struct device_list_head *head, struct diag *diag)
{
	enum err err;

	if (w->begun)
		return diag_fail(diag, ERR_STATE, NULL,
		    "%s: its list was begun before", w->title);
	if ((head->kind != DEVICE_LIST_CHIPS &&
	    head->kind != DEVICE_LIST_KEYS) ||
	    head->trust < DEVICE_LIST_SIGNED ||
	    head->trust > DEVICE_LIST_MANIFEST)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "%s: no kind of list or trust has this number", w->title);
	if (!source_fits(head))
		return diag_fail(diag, ERR_INVALID, NULL,
		    "%s: source \"%.63s\": the name of a chip maker, with a "
		    "list that one signed and no other", w->title,
		    head->source);
	w->head = *head;
	w->begun = true;
	cbor_put_array(&w->item, 5);
	cbor_put_text(&w->item, DEVICE_LIST_MAGIC);
	cbor_put_uint(&w->item, DEVICE_LIST_VERSION);
	cbor_put_uint(&w->item, head->kind);
	cbor_put_uint(&w->item, head->trust);
	cbor_put_text(&w->item, head->source);
	err = item_put(w);
	return err || w->sink.begun == NULL ? err :
	    w->sink.begun(w->sink.ctx, head);
}

/* What holds for an entry by itself, its keys apart. */
static const char *
entry_fault(const struct device_list_head *head,
    const struct device_entry *entry)
{
	enum key_alg alg;
	size_t i;

	if (entry->id.len > DEVICE_ID_MAX)
		return "its id is longer than 64 octets";
	if (entry->key_count == 0 || entry->key_count > PRODUCT_SLOTS_MAX)
		return "it has no key, or more than 8";
	for (i = 0; i < entry->key_count; i++)
		if (entry->key[i].slot >= PRODUCT_SLOTS_MAX || (i > 0 &&
		    entry->key[i].slot <= entry->key[i - 1].slot))
			return "its slots are not 0 to 7, ascending";
	if (head->kind == DEVICE_LIST_KEYS)
		return NULL;
	alg = entry->key[0].key.alg;
	if (entry->key_count != 1 || entry->key[0].slot != 0)
		return "a chip has one key, in slot 0";
	if (alg != KEY_X25519 && alg != KEY_P256)
		return "a chip's key is X25519 or P-256: packages are sealed "
		    "to it";
	return NULL;
}

static enum err
mark_new(struct device_list_writer *w, const uint8_t mark[SHA256_SIZE],
    const char *what, uint64_t place, struct diag *diag)
{
	uint64_t before = 0;
	enum err err;

	err = marks_add(&w->marks, mark, place, &before);
	if (err)
		return diag_nomem(diag);
	if (before == 0)
		return ERR_OK;
	return diag_fail(diag, ERR_INVALID, NULL,
	    "%s: %s %ju: its %s is that of %s %ju too", w->title,
	    w->place_word, (uintmax_t)place, what, w->place_word,
	    (uintmax_t)before);
}

static enum err
key_add(struct device_list_writer *w, const struct public_key *key,
    uint64_t place, struct diag *diag)
{
	struct public_key checked;
	uint8_t mark[SHA256_SIZE];
	enum err err;

	err = public_key_check(key->alg, bytes_of(key->raw, key->len),
	    &checked, diag);
	if (err) {
		diag_prefix(diag, "%s: %s %ju", w->title, w->place_word,
		    (uintmax_t)place);
		return err;
	}
	err = device_key_mark(w->marker, key, mark);
	return err ? err : mark_new(w, mark, "key", place, diag);
}

static enum err
entry_check(struct device_list_writer *w, const struct device_entry *entry,
    uint64_t place, struct diag *diag)
{
	const char *fault = entry_fault(&w->head, entry);
	uint8_t mark[SHA256_SIZE];
	size_t i;
	enum err err = ERR_OK;

	if (fault != NULL)
		return diag_fail(diag, ERR_INVALID, NULL, "%s: %s %ju: %s",
		    w->title, w->place_word, (uintmax_t)place, fault);
	for (i = 0; i < entry->key_count && !err; i++)
		err = key_add(w, &entry->key[i].key, place, diag);
	if (err || entry->id.len == 0)
		return err;
	err = device_id_mark(w->marker, w->head.source, entry->id, mark);
	return err ? err : mark_new(w, mark, "id", place, diag);
}

enum err
device_list_add(struct device_list_writer *w,
    const struct device_entry *entry, uint64_t place, struct diag *diag)
{
	size_t i;
	enum err err;

	if (!w->begun)
		return diag_fail(diag, ERR_STATE, NULL,
		    "%s: its list was not begun", w->title);
	if (w->count == DEVICE_LIST_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "%s: more than %d entries", w->title, DEVICE_LIST_MAX);
	err = entry_check(w, entry, place, diag);
	if (err)
		return err;
	buf_clear(&w->item);
	cbor_put_array(&w->item, 2);
	cbor_put_bstr(&w->item, entry->id);
	cbor_put_array(&w->item, entry->key_count);
	for (i = 0; i < entry->key_count; i++) {
		cbor_put_array(&w->item, 2);
		cbor_put_uint(&w->item, entry->key[i].slot);
		cose_key_put(&w->item, &entry->key[i].key);
	}
	err = item_put(w);
	if (!err && w->sink.each != NULL)
		err = w->sink.each(w->sink.ctx, w->count, entry,
		    buf_bytes(&w->item));
	w->count++;
	return err;
}

enum err
device_list_end(struct device_list_writer *w, uint64_t *ret_count,
    uint8_t ret_hash[SHA256_SIZE], struct diag *diag)
{
	uint8_t hash[SHA256_SIZE];
	enum err err;

	if (w->count == 0)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "%s: names no device", w->title);
	cbor_put_uint(&w->frame, w->count);
	err = frame_put(w);
	if (!err)
		err = sha256_end(w->sha256, hash);
	if (err)
		return err;
	*ret_count = w->count;
	memcpy(ret_hash, hash, SHA256_SIZE);
	return ERR_OK;
}

const char *
device_list_writer_title(const struct device_list_writer *w)
{
	return w->title;
}

const struct device_list_head *
device_list_writer_head(const struct device_list_writer *w)
{
	return &w->head;
}
