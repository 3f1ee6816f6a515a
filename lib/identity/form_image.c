/*
 * A binary image: what stands where is said by a layout, a text of lines
 *
 *	size BYTES		first, once
 *	fill OCTET		what is nothing else (default 0xff)
 *	at OFFSET WHAT [N] [length le16|le32|be16|be32] [room BYTES]
 *
 * WHAT: ueid, document, package; certificate N, key N (PKCS#8) and raw N (as
 * lib/crypto/key.h) of slot N; chain N (0 issuing CA, 1 document signer, 2
 * root); crc32, of all octets before it as the image has them then, little
 * endian. length: in front, and counted to the item's place; room: at most so
 * many octets, length included. Numbers: decimal or 0x. '#' begins a comment.
 * Two items never overlap; what a device does not have is refused.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "lib/identity/form_internal.h"

#define WORDS_MAX	10
#define ITEMS_MAX	64
#define LINE_SIZE	256

struct image {
	const struct package_plain *package;
	struct buf		*out;
	size_t			 size;		/* 0: not said yet */
	unsigned		 line;
	size_t			 items;
	struct {
		size_t	at, end;
		unsigned line;
	}			 item[ITEMS_MAX];
	struct secret		 room;		/* for a key's DER */
	struct diag		*diag;
};

static enum err image_fail(const struct image *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static enum err
image_fail(const struct image *image, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return diag_fail(image->diag, ERR_INVALID, NULL, "layout: line %u: "
	    "%s", image->line, text);
}

static enum err
number_get(const struct image *image, const char *word, size_t max,
    size_t *ret_number)
{
	char *end = NULL;
	unsigned long long n;

	if (word == NULL || *word < '0' || *word > '9')
		return image_fail(image, "\"%.40s\": a number is missing",
		    word != NULL ? word : "");
	n = strtoull(word, &end, strncmp(word, "0x", 2) == 0 ? 16 : 10);
	if (*end != '\0' || n > max)
		return image_fail(image, "%.40s: no number from 0 to %zu",
		    word, max);
	*ret_number = (size_t)n;
	return ERR_OK;
}

static enum err
key_get(struct image *image, unsigned slot, bool raw, struct bytes *ret_octets)
{
	const struct package_plain *p = image->package;
	struct buf der = { .ptr = image->room.ptr, .cap = image->room.cap,
		.limit = image->room.cap };
	size_t i;
	enum err err;

	for (i = 0; i < p->key_count && p->keys[i].slot != slot; i++)
		continue;
	if (i == p->key_count)
		return ERR_OK;
	if (raw) {
		*ret_octets = p->keys[i].private;
		return ERR_OK;
	}
	err = package_put_pkcs8(&der, &p->keys[i], image->diag);
	*ret_octets = buf_bytes(&der);
	return err;
}

/* What is written; empty: this device has none. */
static enum err
item_get(struct image *image, const char *what, size_t n,
    struct bytes *ret_octets)
{
	const struct package_plain *p = image->package;

	*ret_octets = BYTES_NONE;
	if (strcmp(what, "ueid") == 0)
		*ret_octets = p->document.ueid;
	else if (strcmp(what, "document") == 0)
		*ret_octets = p->encoded;
	else if (strcmp(what, "package") == 0)
		*ret_octets = p->whole;
	else if (strcmp(what, "certificate") == 0)
		*ret_octets = package_certificate(p, (unsigned)n);
	else if (strcmp(what, "chain") == 0 && n < p->chain_count)
		*ret_octets = p->chain[n];
	else if (strcmp(what, "key") == 0 || strcmp(what, "raw") == 0)
		return key_get(image, (unsigned)n, what[0] == 'r', ret_octets);
	else if (strcmp(what, "chain") != 0)
		return image_fail(image, "\"%.40s\" is nothing that a package "
		    "has", what);
	return ERR_OK;
}

/* How the length in front is written; 0 octets: not at all. */
struct prefix {
	size_t	octets;
	bool	big;
};

static enum err
prefix_get(const struct image *image, const char *word, struct prefix *prefix)
{
	static const char *const names[] = { "le16", "le32", "be16", "be32" };
	size_t i;

	for (i = 0; i < 4; i++)
		if (word != NULL && strcmp(word, names[i]) == 0) {
			prefix->octets = i % 2 == 0 ? 2 : 4;
			prefix->big = i >= 2;
			return ERR_OK;
		}
	return image_fail(image, "length: le16, le32, be16 or be32");
}

static void
length_write(uint8_t *at, struct prefix prefix, size_t len)
{
	size_t i, shift;

	for (i = 0; i < prefix.octets; i++) {
		shift = prefix.big ? prefix.octets - 1 - i : i;
		at[i] = (uint8_t)(len >> (8 * shift));
	}
}

/* The octets from at to end are this line's alone. */
static enum err
place_take(struct image *image, size_t at, size_t end)
{
	size_t i;

	if (end > image->size)
		return image_fail(image, "ends at %zu, the image at %zu", end,
		    image->size);
	if (image->items == ITEMS_MAX)
		return image_fail(image, "more than %d items", ITEMS_MAX);
	for (i = 0; i < image->items; i++)
		if (at < image->item[i].end && image->item[i].at < end)
			return image_fail(image, "%zu to %zu lies over what "
			    "line %u writes", at, end, image->item[i].line);
	image->item[image->items].at = at;
	image->item[image->items].end = end;
	image->item[image->items++].line = image->line;
	return ERR_OK;
}

static enum err
crc_write(struct image *image, size_t at)
{
	const struct prefix little = { 4, false };
	enum err err;

	err = place_take(image, at, at + 4);
	if (!err)
		length_write(image->out->ptr + at, little,
		    (size_t)crc32(0, image->out->ptr, (uInt)at));
	return err;
}

static enum err
item_write(struct image *image, size_t at, struct bytes octets,
    struct prefix prefix, size_t room)
{
	size_t len = prefix.octets + octets.len;
	enum err err;

	if (octets.len == 0)
		return image_fail(image, "this device has no such thing");
	if (len > room || (prefix.octets == 2 && octets.len > UINT16_MAX))
		return image_fail(image, "%zu octets, more than its room",
		    len);
	err = place_take(image, at, room != SIZE_MAX ? at + room : at + len);
	if (err)
		return err;
	length_write(image->out->ptr + at, prefix, octets.len);
	memcpy(image->out->ptr + at + prefix.octets, octets.ptr, octets.len);
	return ERR_OK;
}

/* at OFFSET WHAT [N] ... */
static enum err
at_read(struct image *image, char *const word[WORDS_MAX + 1])
{
	struct prefix prefix = { 0, false };
	size_t at = 0, n = 0, i = 3, room = SIZE_MAX;
	struct bytes octets = BYTES_NONE;
	const char *what = word[2];
	enum err err;

	if (image->size == 0)
		return image_fail(image, "size comes first");
	err = number_get(image, word[1], image->size, &at);
	if (err || what == NULL)
		return err ? err : image_fail(image, "what stands there?");
	if (strcmp(what, "crc32") == 0)
		return word[3] == NULL ? crc_write(image, at) :
		    image_fail(image, "crc32 takes nothing more");
	if (word[i] != NULL && *word[i] >= '0' && *word[i] <= '9')
		err = number_get(image, word[i++], PRODUCT_SLOTS_MAX - 1, &n);
	for (; !err && word[i] != NULL; i += 2) {
		if (strcmp(word[i], "length") == 0)
			err = prefix_get(image, word[i + 1], &prefix);
		else if (strcmp(word[i], "room") == 0)
			err = number_get(image, word[i + 1], image->size,
			    &room);
		else
			err = image_fail(image, "\"%.40s\": length or room",
			    word[i]);
	}
	if (!err)
		err = item_get(image, what, n, &octets);
	return err ? err : item_write(image, at, octets, prefix, room);
}

static enum err
size_read(struct image *image, const char *word)
{
	uint8_t *octets;
	enum err err;

	if (image->size != 0)
		return image_fail(image, "size is said already");
	err = number_get(image, word, PACKAGE_FORM_MAX, &image->size);
	if (!err && image->size == 0)
		err = image_fail(image, "an image of no octets");
	if (err)
		return err;
	octets = buf_extend(image->out, image->size);
	if (octets == NULL)
		return buf_err(image->out);
	memset(octets, 0xff, image->size);
	return ERR_OK;
}

static enum err
line_read(struct image *image, char *text)
{
	char *word[WORDS_MAX + 2] = { NULL }, *rest = text;
	size_t n = 0, fill = 0;
	enum err err;

	text[strcspn(text, "#")] = '\0';
	while ((word[n] = strsep(&rest, " \t\r")) != NULL)
		if (*word[n] != '\0' && ++n == WORDS_MAX)
			return image_fail(image, "too many words");
	if (n == 0)
		return ERR_OK;
	word[n] = NULL;
	if (strcmp(word[0], "at") == 0)
		return at_read(image, word);
	if (n != 2)
		return image_fail(image, "size BYTES, fill OCTET or at OFFSET "
		    "WHAT");
	if (strcmp(word[0], "size") == 0)
		return size_read(image, word[1]);
	if (strcmp(word[0], "fill") != 0)
		return image_fail(image, "\"%.40s\": none of size, fill, at",
		    word[0]);
	if (image->size == 0 || image->items > 0)
		return image_fail(image, "fill comes right behind size");
	err = number_get(image, word[1], UINT8_MAX, &fill);
	if (!err)
		memset(image->out->ptr, (int)fill, image->size);
	return err;
}

static enum err
lines_read(struct image *image, struct bytes layout)
{
	const uint8_t *end;
	char line[LINE_SIZE];
	size_t len;
	enum err err = ERR_OK;

	while (!err && layout.len > 0) {
		image->line++;
		end = memchr(layout.ptr, '\n', layout.len);
		len = end == NULL ? layout.len : (size_t)(end - layout.ptr);
		if (len >= sizeof(line) ||
		    memchr(layout.ptr, '\0', len) != NULL)
			return image_fail(image, "longer than %d octets, or "
			    "no text", LINE_SIZE - 1);
		memcpy(line, layout.ptr, len);
		line[len] = '\0';
		len += end != NULL;
		layout = bytes_of(layout.ptr + len, layout.len - len);
		err = line_read(image, line);
	}
	if (!err && image->items == 0)
		err = image_fail(image, "nothing stands in the image");
	return err;
}

static enum err
image_put(const struct package_plain *p, struct bytes layout, struct buf *out,
    struct diag *diag)
{
	struct image image = { .package = p, .out = out, .room = SECRET_INIT,
		.diag = diag };
	enum err err;

	err = secret_alloc(&image.room, 2 * KEY_PRIVATE_MAX);
	if (!err)
		err = lines_read(&image, layout);
	secret_release(&image.room);
	return err;
}

const struct package_form form_image = {
	.name = "image", .what = "a binary image by a layout, for flash",
	.layout = true, .put = image_put
};
