#include <stdio.h>
#include <stdlib.h>

#include "lib/base/csv.h"
#include "lib/devices/formats_internal.h"
#include "lib/devices/reading.h"
#include "lib/x509/cms.h"

#define COLUMNS_MAX	(PRODUCT_SLOTS_MAX + 1)
#define KEY_OCTETS_MAX	(KEY_PUBLIC_MAX + 64)	/* SubjectPublicKeyInfo */
#define SHOWN_SIZE	48

/* What a column of the file has; alg 0: the key says it. */
struct column {
	bool		is_id;
	unsigned	slot;
	enum key_alg	alg;
};

struct csv_list {
	struct reading	 reading;
	struct csv	 csv;
	struct diag	*diag;
	struct cms	*cms;		/* NULL: nobody signed */
	bool		 headed;
	size_t		 columns;
	struct column	 column[COLUMNS_MAX];
	uint8_t		 id[DEVICE_ID_MAX];
	struct buf	 key;
};

static bool
csv_is(struct bytes head)
{
	static const char *const begins[] = { "id,", "\"id\",", "key,",
	    "key\n", "key\r", "key-", "key/", "\xef\xbb\xbfid",
	    "\xef\xbb\xbf\"id\"" };
	size_t i, len;

	for (i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		len = strlen(begins[i]);
		if (head.len >= len && memcmp(head.ptr, begins[i], len) == 0)
			return true;
	}
	return false;
}

/* Cut, nothing but printable ASCII. */
static const char *
shown(struct bytes text, char out[SHOWN_SIZE])
{
	size_t len = text.len < SHOWN_SIZE - 4 ? text.len : SHOWN_SIZE - 4, i;

	for (i = 0; i < len; i++)
		out[i] = (char)(text.ptr[i] < 0x20 || text.ptr[i] > 0x7e ?
		    '?' : text.ptr[i]);
	out[len] = '\0';
	if (len < text.len)
		memcpy(out + len, "...", 4);
	return out;
}

/* "key", "key-N", either with "/ALG" behind it. */
static enum err
key_column(struct csv_list *list, struct bytes name, struct column *column,
    struct diag *diag)
{
	char text[SHOWN_SIZE], *alg;

	(void)shown(name, text);
	alg = strchr(text, '/');
	if (alg != NULL)
		*alg++ = '\0';
	if (alg != NULL && key_alg_by_name(alg, &column->alg) != ERR_OK)
		return diag_fail(diag, ERR_INVALID, NULL, "\"%s\" is no "
		    "algorithm of keys", alg);
	if (strcmp(text, "key") == 0)
		return reading_slot(&list->reading, "name the columns "
		    "key-N, N the slot", &column->slot, diag);
	if (strlen(text) != 5 || strncmp(text, "key-", 4) != 0 ||
	    text[4] < '0' || text[4] >= '0' + PRODUCT_SLOTS_MAX)
		return diag_fail(diag, ERR_INVALID, NULL, "\"%s\" is none "
		    "of id, key and key-N, N being a slot", text);
	column->slot = (unsigned)(text[4] - '0');
	return ERR_OK;
}

static enum err
header_column(struct csv_list *list, size_t n, struct bytes name,
    struct diag *diag)
{
	struct column *column = &list->column[n];
	size_t i;
	enum err err = ERR_OK;

	memset(column, 0, sizeof(*column));
	column->is_id = bytes_equal(name, bytes_text("id"));
	if (!column->is_id)
		err = key_column(list, name, column, diag);
	for (i = 0; i < n && !err; i++)
		if (list->column[i].is_id == column->is_id &&
		    (column->is_id || list->column[i].slot == column->slot))
			err = diag_fail(diag, ERR_INVALID, NULL,
			    "is column %zu already", i + 1);
	if (err)
		diag_prefix(diag, "%s: line 1: column %zu",
		    device_list_writer_title(list->reading.writer), n + 1);
	return err;
}

static enum err
header_read(struct csv_list *list, struct bytes line)
{
	struct bytes field;
	bool more = true;
	const char *wrong;
	enum err err = ERR_OK;
	size_t n;

	for (n = 0; more && !err; n++) {
		wrong = csv_field(&list->csv, &line, &field, &more);
		if (wrong != NULL || n == COLUMNS_MAX)
			return reading_fail(&list->reading, ERR_SYNTAX,
			    list->diag, "line 1: column %zu: %s", n + 1,
			    wrong != NULL ? wrong : "more than slots there "
			    "are");
		err = header_column(list, n, field, list->diag);
	}
	list->columns = n;
	list->headed = true;
	if (!err && n == 1 && list->column[0].is_id)
		err = reading_fail(&list->reading, ERR_INVALID, list->diag,
		    "line 1: has no column with a key");
	return err;
}

static bool
is_hex(struct bytes text)
{
	size_t i;

	for (i = 0; i < text.len; i++)
		if (strchr("0123456789abcdefABCDEF", text.ptr[i]) == NULL ||
		    text.ptr[i] == '\0')
			return false;
	return text.len % 2 == 0;
}

static enum err
id_read(struct csv_list *list, struct bytes field, struct diag *why)
{
	char text[SHOWN_SIZE], hex[2 * DEVICE_ID_MAX + 1];
	size_t len = 0;

	if (field.len > 2 * DEVICE_ID_MAX || field.len == 0 ||
	    !is_hex(field)) {
		(void)diag_fail(why, ERR_INVALID, NULL, "id: \"%s\" is not 1 "
		    "to %d octets in hexadecimal", shown(field, text),
		    DEVICE_ID_MAX);
		diag_hint(why, "write the id as the octets it is, two digits "
		    "each, with nothing between them");
		return ERR_INVALID;
	}
	memcpy(hex, field.ptr, field.len);
	hex[field.len] = '\0';
	if (hex_decode(hex, list->id, sizeof(list->id), &len) != ERR_OK)
		return ERR_INTERNAL;
	list->reading.entry->id = bytes_of(list->id, len);
	return ERR_OK;
}

/* The algorithm whose raw or compressed keys are so long; NULL: none, or not
 * one alone. */
static const struct key_algorithm *
algorithm_of(size_t len)
{
	const struct key_algorithm *a, *found = NULL;
	size_t i;

	for (i = 0; (a = key_algorithm_at(i)) != NULL; i++) {
		if (a->public_len != len && a->stored_len != len)
			continue;
		if (found != NULL)
			return NULL;
		found = a;
	}
	return found;
}

static enum err
raw_read(struct bytes raw, enum key_alg said, struct public_key *ret_key,
    struct diag *why)
{
	const struct key_algorithm *a = said != 0 ? key_algorithm(said) :
	    algorithm_of(raw.len);
	enum err err;

	if (a == NULL) {
		(void)diag_fail(why, ERR_INVALID, NULL, "%zu octets are no "
		    "key whose algorithm can be told", raw.len);
		diag_hint(why, "32 octets are X25519 or Ed25519: name the "
		    "column key/X25519, or give SubjectPublicKeyInfo");
		return ERR_INVALID;
	}
	if (raw.len == a->public_len)
		return public_key_check(a->alg, raw, ret_key, why);
	err = public_key_from_stored(a->alg, raw, ret_key);
	return err != ERR_CORRUPT ? err : diag_fail(why, ERR_INVALID,
	    "SEC 1 2.3.4", "%s public key: %zu octets that are no point of "
	    "the curve", a->name, raw.len);
}

static enum err
key_read(struct csv_list *list, const struct column *column,
    struct bytes field, struct public_key *ret_key, struct diag *why)
{
	struct bytes key;
	uint8_t *hex;
	size_t len = 0;
	enum err err;

	buf_clear(&list->key);
	if (is_hex(field)) {
		hex = buf_extend(&list->key, field.len + 1);
		if (hex == NULL)
			return buf_err(&list->key);
		memcpy(hex, field.ptr, field.len);
		hex[field.len] = '\0';
		/* in place: each octet lands before its digits */
		err = hex_decode((char *)hex, hex, field.len, &len);
		list->key.len = len;
	} else {
		err = base64_decode(field, &list->key);
	}
	if (err || list->key.len == 0)
		return diag_fail(why, ERR_SYNTAX, NULL,
		    "neither hexadecimal nor base64");
	key = buf_bytes(&list->key);
	if (key.ptr[0] != 0x30 || algorithm_of(key.len) != NULL ||
	    (column->alg != 0 &&
	    key_algorithm(column->alg)->public_len == key.len))
		return raw_read(key, column->alg, ret_key, why);
	err = public_key_from_spki(key, ret_key, why);
	if (!err && column->alg != 0 && ret_key->alg != column->alg)
		err = diag_fail(why, ERR_INVALID, NULL, "is %s, the column "
		    "says %s", key_alg_name(ret_key->alg),
		    key_alg_name(column->alg));
	return err;
}

/* Put a key in its slot's order. */
static struct public_key *
entry_key(struct device_entry *entry, unsigned slot)
{
	size_t i, at = 0;

	while (at < entry->key_count && entry->key[at].slot < slot)
		at++;
	for (i = entry->key_count++; i > at; i--)
		entry->key[i] = entry->key[i - 1];
	entry->key[at].slot = slot;
	return &entry->key[at].key;
}

static enum err
fields_read(struct csv_list *list, struct bytes line, struct diag *why)
{
	struct device_entry *entry = list->reading.entry;
	const struct column *column;
	struct bytes field;
	const char *wrong;
	bool more = true;
	enum err err;
	size_t n;

	entry->id = BYTES_NONE;
	entry->key_count = 0;
	for (n = 0; more; n++) {
		wrong = csv_field(&list->csv, &line, &field, &more);
		if (wrong == NULL && n == list->columns)
			wrong = "there are more columns than in the header";
		if (wrong != NULL)
			return diag_fail(why, ERR_SYNTAX, "RFC 4180 2",
			    "column %zu: %s", n + 1, wrong);
		column = &list->column[n];
		err = column->is_id ? id_read(list, field, why) :
		    key_read(list, column, field,
		    entry_key(entry, column->slot), why);
		if (err) {
			diag_prefix(why, "column %zu", n + 1);
			return err;
		}
	}
	return n == list->columns ? ERR_OK : diag_fail(why, ERR_SYNTAX,
	    "RFC 4180 2", "%zu of %zu columns", n, list->columns);
}

static enum err
line_read(void *ctx, struct bytes line)
{
	struct csv_list *list = ctx;
	struct diag why = DIAG_INIT;
	enum err err;

	if (!list->headed)
		return header_read(list, line);
	err = line.len > 0 ? fields_read(list, line, &why) :
	    diag_fail(&why, ERR_SYNTAX, "RFC 4180 2", "is empty");
	return reading_entry(&list->reading, list->csv.line, err, &why,
	    list->diag);
}

static enum err
line_long(struct csv_list *list, enum err err, struct diag *diag)
{
	if (err != ERR_LIMIT || (diag != NULL && diag->code != ERR_OK))
		return err;
	return reading_fail(&list->reading, err, diag, "line %ju: longer than "
	    "%d octets", (uintmax_t)list->csv.line, CSV_LINE_MAX);
}

static enum err
csv_block(void *ctx, struct bytes block, struct diag *diag)
{
	struct csv_list *list = ctx;
	enum err err = ERR_OK;

	list->diag = diag;
	if (list->cms != NULL)
		err = cms_update(list->cms, block);
	return err ? err : line_long(list, csv_feed(&list->csv, block), diag);
}

/* Which of the registered ones signed. */
static enum err
signer_find(struct csv_list *list, struct device_list_head *head,
    struct diag *diag)
{
	const struct device_list_input *input = list->reading.input;
	struct diag why = DIAG_INIT;
	enum err err = ERR_NOTFOUND;
	size_t i;

	for (i = 0; i < input->signer_count && err == ERR_NOTFOUND; i++) {
		why = (struct diag)DIAG_INIT;
		err = cms_open(input->signature, input->signers[i].cert,
		    input->now, &list->cms, &why);
		if (!err)
			(void)snprintf(head->source, sizeof(head->source),
			    "%s", input->signers[i].name);
	}
	if (err == ERR_NOTFOUND && input->signer_count != 1)
		(void)snprintf(why.what, sizeof(why.what), "CMS signature: "
		    "signer: none of the %zu registered chip makers",
		    input->signer_count);
	if (err == ERR_NOTFOUND)
		err = ERR_AUTH;
	if (err && diag != NULL) {
		why.code = err;
		diag_prefix(&why, "%s",
		    device_list_writer_title(list->reading.writer));
		*diag = why;
	}
	return err;
}

static enum err
csv_begin(struct csv_list *list, struct diag *diag)
{
	const struct device_list_input *input = list->reading.input;
	struct device_list_head head = { .kind = input->kind,
		.trust = DEVICE_LIST_APPROVED };
	enum err err = ERR_OK;

	if (input->signature.len > 0) {
		head.trust = input->kind == DEVICE_LIST_CHIPS ?
		    DEVICE_LIST_SIGNED : DEVICE_LIST_MANIFEST;
		err = signer_find(list, &head, diag);
	}
	return err ? err : device_list_begin(list->reading.writer, &head,
	    diag);
}

static enum err
csv_read_all(struct csv_list *list, struct diag *diag)
{
	enum err err, other;

	csv_init(&list->csv, CSV_LINE_MAX, line_read, list);
	list->key.limit = CSV_LINE_MAX + 1;	/* and a NUL */
	err = csv_begin(list, diag);
	if (!err)
		err = reading_feed(&list->reading, csv_block, list, diag);
	if (!err)
		err = line_long(list, csv_end(&list->csv), diag);
	/* what is wrong in it does not count when nobody signed it */
	if (!err && list->cms != NULL) {
		err = cms_end(list->cms, diag);
		if (err)
			diag_prefix(diag, "%s", device_list_writer_title(
			    list->reading.writer));
	}
	if (err)
		return err;
	other = list->headed ? ERR_OK : reading_fail(&list->reading,
	    ERR_SYNTAX, diag, "is empty");
	return other ? other : reading_end(&list->reading, diag);
}

static enum err
csv_list_read(const struct device_list_input *input,
    struct device_list_writer *writer, struct diag *diag)
{
	struct csv_list *list;
	enum err err;

	list = calloc(1, sizeof(*list));
	if (list == NULL)
		return diag_nomem(diag);
	err = reading_init(&list->reading, input, writer,
	    device_csv_format.place_word, diag);
	if (!err)
		err = csv_read_all(list, diag);
	reading_release(&list->reading);
	buf_release(&list->key);
	cms_free(&list->cms);
	free(list);
	return err;
}

const struct device_list_format device_csv_format = {
	.name = "csv",
	.is = csv_is,
	.place_word = "line",
	.read = csv_list_read,
};
