/* Writer: device_list.c. */
#include <stdlib.h>

#include "lib/base/cbor.h"
#include "lib/identity/device_list.h"

#define BLOCK	((size_t)64 << 10)

/* The file, a block at a time. */
struct source {
	const struct file	*file;
	const char		*title;
	uint64_t		 size, at;	/* at: of what is next */
	uint8_t			*block;
	uint64_t		 block_at;
	size_t			 block_len;
};

bool
device_list_is(struct bytes head)
{
	static const char magic[] = DEVICE_LIST_MAGIC;
	/* head of the byte string, of the array, of the text */
	return head.len >= 4 + sizeof(magic) - 1 && head.ptr[0] == 0x58 &&
	    head.ptr[2] == 0x85 && head.ptr[3] == 0x73 &&
	    memcmp(head.ptr + 4, magic, sizeof(magic) - 1) == 0;
}

/* len octets from where it stands, which is not moved: a view. */
static enum err
source_see(struct source *s, size_t len, struct bytes *ret_view,
    struct diag *diag)
{
	enum err err;

	if (len > BLOCK || s->size - s->at < len)
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "%s: is cut off, or no list of devices", s->title);
	if (s->at < s->block_at ||
	    s->at + len > s->block_at + s->block_len) {
		s->block_at = s->at;
		s->block_len = s->size - s->at < BLOCK ?
		    (size_t)(s->size - s->at) : BLOCK;
		err = file_read_at(s->file, s->at, s->block, s->block_len,
		    diag);
		if (err)
			return err;
	}
	*ret_view = bytes_of(s->block + (s->at - s->block_at), len);
	return ERR_OK;
}

/* A head of CBOR (RFC 8949 3), its shortest form; consumed. */
static enum err
source_head(struct source *s, unsigned *ret_type, uint64_t *ret_value,
    struct diag *diag)
{
	static const uint64_t least[] = { 24, 0x100, 0x10000,
	    UINT64_C(0x100000000) };
	struct bytes head;
	uint64_t value = 0;
	size_t i, len = 0;
	unsigned info;
	enum err err;

	err = source_see(s, 1, &head, diag);
	if (err)
		return err;
	*ret_type = head.ptr[0] >> 5;
	info = head.ptr[0] & 31;
	if (info >= 24 && info < 28)
		len = (size_t)1 << (info - 24);
	err = source_see(s, 1 + len, &head, diag);
	if (err)
		return err;
	for (i = 1; i <= len; i++)
		value = value << 8 | head.ptr[i];
	if (len == 0)
		value = info;
	if (info >= 28 || (len > 0 && value < least[info - 24]))
		return diag_fail(diag, ERR_SYNTAX, "RFC 8949 4.2.1",
		    "%s: octet %ju: a head that is not the shortest",
		    s->title, (uintmax_t)s->at);
	s->at += 1 + len;
	*ret_value = value;
	return ERR_OK;
}

/* The next item in its byte string; or the end, with its number. */
static enum err
source_item(struct source *s, struct bytes *ret_item, bool *ret_end,
    uint64_t *ret_count, struct diag *diag)
{
	unsigned type = 0;
	uint64_t value = 0;
	enum err err;

	err = source_head(s, &type, &value, diag);
	if (err)
		return err;
	*ret_end = type == CBOR_UINT;
	if (type == CBOR_UINT) {
		*ret_count = value;
		return ERR_OK;
	}
	if (type != CBOR_BSTR || value > DEVICE_ENTRY_MAX)
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "%s: octet %ju: no byte string with an entry", s->title,
		    (uintmax_t)s->at);
	err = source_see(s, (size_t)value, ret_item, diag);
	if (!err)
		s->at += value;
	return err;
}

static enum err
head_read(struct source *s, enum device_list_kind asked, struct diag *diag)
{
	struct bytes item = BYTES_NONE;
	uint64_t version, kind, count = 0;
	struct cbor cbor;
	bool end = false;
	enum err err;

	err = source_item(s, &item, &end, &count, diag);
	if (err)
		return err;
	cbor_open(&cbor, item);
	(void)cbor_get_array(&cbor);
	if (!bytes_equal(cbor_get_tstr(&cbor), bytes_text(DEVICE_LIST_MAGIC)))
		cbor_fail(&cbor, "no list of devices");
	version = cbor_get_uint(&cbor);
	if (cbor_ok(&cbor) && version != DEVICE_LIST_VERSION)
		return diag_fail(diag, ERR_VERSION, NULL,
		    "%s: version %ju, this build reads %d", s->title,
		    (uintmax_t)version, DEVICE_LIST_VERSION);
	kind = cbor_get_uint(&cbor);
	(void)cbor_get_uint(&cbor);
	(void)cbor_get_tstr(&cbor);
	if (end || !cbor_close(&cbor))
		return diag_fail(diag, ERR_SYNTAX, NULL, "%s: %s", s->title,
		    end ? "is empty" : cbor.error);
	if (kind == (uint64_t)asked)
		return ERR_OK;
	return diag_fail(diag, ERR_INVALID, NULL, "%s: is a list of %s, not "
	    "of %s", s->title, kind == DEVICE_LIST_CHIPS ? "chips" :
	    "devices' keys", asked == DEVICE_LIST_CHIPS ? "chips" :
	    "devices' keys");
}

enum err
device_entry_decode(struct bytes encoded, struct device_entry *ret_entry,
    struct diag *diag)
{
	struct bytes key, private = BYTES_NONE;
	struct cbor cbor;
	uint64_t slot;
	size_t i, count;
	enum err err;

	cbor_open(&cbor, encoded);
	cbor_get_array_sized(&cbor, 2);
	ret_entry->id = cbor_get_bstr(&cbor);
	count = cbor_get_array(&cbor);
	if (count > PRODUCT_SLOTS_MAX)
		cbor_fail(&cbor, "more keys than slots");
	for (i = 0; i < count && cbor_ok(&cbor); i++) {
		cbor_get_array_sized(&cbor, 2);
		slot = cbor_get_uint(&cbor);
		key = cbor_get_item(&cbor);
		if (slot >= PRODUCT_SLOTS_MAX)
			cbor_fail(&cbor, "no slot has this number");
		if (!cbor_ok(&cbor))
			break;
		ret_entry->key[i].slot = (unsigned)slot;
		err = cose_key_parse(key, &ret_entry->key[i].key, &private,
		    diag);
		if (err)
			return err;
		if (private.len > 0)
			return diag_fail(diag, ERR_INVALID, NULL,
			    "slot %u: a private key is with it: no list has "
			    "any", (unsigned)slot);
	}
	ret_entry->key_count = count;
	if (!cbor_close(&cbor))
		return diag_fail(diag, ERR_SYNTAX, NULL, "octet %zu: %s",
		    cbor.pos, cbor.error);
	return ERR_OK;
}

static enum err
entries_read(struct source *s, struct device_list_writer *writer,
    struct device_entry *entry, struct diag *diag)
{
	struct bytes item = BYTES_NONE;
	uint64_t number = 0, count = 0;
	bool end = false;
	enum err err;

	for (;;) {
		err = source_item(s, &item, &end, &count, diag);
		if (err || end)
			break;
		number++;
		err = device_entry_decode(item, entry, diag);
		if (err)
			diag_prefix(diag, "%s: entry %ju", s->title,
			    (uintmax_t)number);
		if (!err)
			err = device_list_add(writer, entry, number, diag);
		if (err)
			break;
	}
	if (err)
		return err;
	if (count != number || s->at != s->size)
		return diag_fail(diag, ERR_SYNTAX, NULL, "%s: its end says "
		    "%ju entries, %ju are there%s", s->title,
		    (uintmax_t)count, (uintmax_t)number,
		    s->at != s->size ? ", and more follows" : "");
	return ERR_OK;
}

enum err
device_list_read(const struct file *file, enum device_list_kind kind,
    struct device_list_writer *writer, struct diag *diag)
{
	const struct device_list_head head = { .kind = kind,
	    .trust = DEVICE_LIST_APPROVED };
	struct source s = { .file = file,
	    .title = device_list_writer_title(writer) };
	struct device_entry *entry = NULL;
	enum err err;

	err = file_size(file, &s.size, diag);
	if (err)
		return err;
	s.block = malloc(BLOCK);
	entry = malloc(sizeof(*entry));
	err = s.block == NULL || entry == NULL ? diag_nomem(diag) : ERR_OK;
	if (!err)
		err = head_read(&s, kind, diag);
	if (!err)
		err = device_list_begin(writer, &head, diag);
	if (!err)
		err = entries_read(&s, writer, entry, diag);
	free(entry);
	free(s.block);
	return err;
}
