/* What an order is made of, and its packs in parts, for operators over the
 * network. A pack is sealed; who may fetch it is an operator all the same. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cmd/imprintd/desk.h"
#include "lib/authority/names.h"
#include "lib/authority/order_run.h"
#include "lib/base/json_write.h"

#define PART_SIZE	((size_t)64 << 10)	/* in base64url it fits */
#define DIGITS_MAX	18

static enum err
pack_put(struct desk *desk, struct json *json, uint32_t order, uint32_t no,
    struct diag *diag)
{
	struct store_pack pack;
	enum err err;

	err = store_pack_get(authority_store(desk->authority), order, no,
	    &pack, diag);
	if (err)
		return err;
	json_next(json);
	json_open(json, '{');
	json_put_number(json, "pack", no);
	json_put_text(json, "station", bytes_text(pack.station));
	json_put_number(json, "count", pack.count);
	json_put_number(json, "committed", pack.committed);
	json_put_flag(json, "complete", pack.complete);
	json_put_number(json, "bytes", pack.length);
	json_close(json, '}');
	return ERR_OK;
}

static enum err
name_put(struct desk *desk, struct json *json,
    const struct product_name *name, struct diag *diag)
{
	char first[NAME_TEXT_SIZE], last[NAME_TEXT_SIZE];
	uint64_t left = 0;
	enum err err = ERR_OK;

	json_next(json);
	json_open(json, '{');
	json_put_text(json, "kind", bytes_text(name->kind));
	json_put_text(json, "type", bytes_text(name_type_name(name->type)));
	json_put_text(json, "from", bytes_text(name_source_name(name->from)));
	if (name->from == NAME_FROM_RANGE) {
		err = name_bounds(name, first, last);
		if (!err)
			err = names_left(desk->authority, name, &left, diag);
		if (!err) {
			json_put_text(json, "first", bytes_text(first));
			json_put_text(json, "last", bytes_text(last));
			json_put_number(json, "left", left);
		}
	}
	json_close(json, '}');
	return err;
}

static enum err
names_put(struct desk *desk, struct json *json,
    const struct store_order *order, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct store_object object;
	struct product product;
	size_t i;
	enum err err;

	err = authority_object_by_hash(desk->authority, STORE_PRODUCT,
	    order->product, &body, &object, diag);
	if (!err)
		err = product_decode(object.body, &product, diag);
	json_key(json, bytes_text("names"));
	json_open(json, '[');
	for (i = 0; !err && i < product.name_count; i++)
		err = name_put(desk, json, &product.names[i], diag);
	json_close(json, ']');
	return err;
}

/* The files that came with it; null: none. */
static enum err
files_put(struct desk *desk, struct json *json, uint32_t order)
{
	struct store *store = authority_store(desk->authority);
	struct store_device_list list;
	struct store_name_file file;
	const char *mode;
	enum err err;

	json_key(json, bytes_text("names_file"));
	err = store_name_file_get(store, order, &file, NULL);
	if (!err) {
		json_open(json, '{');
		json_put_number(json, "lines", file.lines);
		json_put_hex(json, "sha256", bytes_of(file.hash,
		    STORE_HASH_SIZE));
		json_close(json, '}');
	} else if (err == ERR_NOTFOUND) {
		buf_printf(json->b, "null");
	} else {
		return err;
	}
	json_key(json, bytes_text("list"));
	err = store_device_list_get(store, order, &list, NULL);
	if (!err) {
		json_open(json, '{');
		mode = order_mode_name((enum order_mode)list.mode);
		json_put_text(json, "mode", bytes_text(mode != NULL ? mode :
		    "?"));
		json_put_number(json, "entries", list.entries);
		json_put_number(json, "trust", list.trust);
		json_put_text(json, "source", bytes_text(list.source));
		json_put_hex(json, "sha256", bytes_of(list.hash,
		    STORE_HASH_SIZE));
		json_close(json, '}');
	} else if (err == ERR_NOTFOUND) {
		buf_printf(json->b, "null");
		err = ERR_OK;
	}
	return err;
}

static enum err
packs_answer(struct desk *desk, const struct store_order *order,
    struct buf *out, struct diag *diag)
{
	struct json json = { .b = out, .line = true };
	uint32_t no;
	enum err err = ERR_OK;

	json_open(&json, '{');
	json_put_number(&json, "order", order->number);
	json_key(&json, bytes_text("packs"));
	json_open(&json, '[');
	for (no = 1; no <= order->packs && !err; no++)
		err = pack_put(desk, &json, order->number, no, diag);
	json_close(&json, ']');
	if (!err)
		err = names_put(desk, &json, order, diag);
	if (!err)
		err = files_put(desk, &json, order->number);
	json_close(&json, '}');
	return err;
}

static bool
number_parse(const char *text, uint64_t max, uint64_t *ret_number)
{
	uint64_t number = 0;
	size_t i;

	for (i = 0; text[i] >= '0' && text[i] <= '9' && i < DIGITS_MAX; i++)
		number = number * 10 + (uint64_t)(text[i] - '0');
	*ret_number = number;
	return i > 0 && text[i] == '\0' && number <= max;
}

/* As many octets as there are from at, at most PART_SIZE. */
static enum err
part_answer(struct desk *desk, const struct store_pack *pack, uint64_t at,
    struct buf *out, struct diag *diag)
{
	struct json json = { .b = out, .line = true };
	_cleanup_buf_ struct buf room = BUF_INIT;
	_cleanup_file_ struct file file = FILE_INIT;
	uint8_t *octets = buf_extend(&room, PART_SIZE);
	char path[PATH_SIZE];
	uint64_t size = 0;
	size_t len = 0;
	enum err err;

	if (octets == NULL)
		return diag_nomem(diag);
	err = authority_pack_path(desk->authority, pack->order, pack->no,
	    true, path, diag);
	if (!err)
		err = file_open(desk->cmd->io, path, O_RDONLY, 0, &file,
		    diag);
	if (!err)
		err = file_size(&file, &size, diag);
	if (!err && at >= size)
		err = diag_fail(diag, ERR_INVALID, NULL, "query: the pack has "
		    "%llu octets", (unsigned long long)size);
	if (!err)
		err = file_read_upto(&file, at, octets, PART_SIZE, &len,
		    diag);
	if (err)
		return err;
	json_open(&json, '{');
	json_put_number(&json, "size", size);
	json_put_number(&json, "at", at);
	json_put_octets(&json, "octets", bytes_of(octets, len));
	json_close(&json, '}');
	return buf_err(out);
}

/* query: "at=N" */
static enum err
pack_answer(struct desk *desk, const struct store_order *order,
    const char *word, const char *query, struct buf *out, struct diag *diag)
{
	static const char at_is[] = "at=";
	uint64_t no = 0, at = 0;
	struct store_pack pack;
	enum err err;

	if (!number_parse(word, order->packs, &no) || no == 0)
		return diag_fail(diag, ERR_NOTFOUND, NULL,
		    "order %u: it has no pack \"%.20s\"", order->number,
		    word);
	if (strncmp(query, at_is, sizeof(at_is) - 1) != 0 ||
	    !number_parse(query + sizeof(at_is) - 1, UINT64_MAX, &at))
		return diag_fail(diag, ERR_INVALID, NULL, "query: say at=N: "
		    "the place in the pack that the part begins at");
	err = store_pack_get(authority_store(desk->authority), order->number,
	    (uint32_t)no, &pack, diag);
	if (!err && !pack.complete)
		err = diag_fail(diag, ERR_STATE, NULL, "order %u: pack %u is "
		    "not complete", order->number, pack.no);
	return err ? err : part_answer(desk, &pack, at, out, diag);
}

enum err
resource_order_part(struct desk *desk, char *word, const char *query,
    struct buf *out, struct diag *diag)
{
	static const char packs[] = "packs";
	char *rest = strchr(word, '/');
	struct store_order order;
	enum err err;

	if (rest != NULL)
		*rest++ = '\0';
	err = resource_order(desk, word, out, &order, diag);
	if (!err && query[0] != '\0' && (rest == NULL ||
	    strcmp(rest, packs) == 0))
		err = diag_fail(diag, ERR_INVALID, NULL,
		    "query: none is allowed here");
	if (err || rest == NULL)
		return err;
	buf_clear(out);
	if (strcmp(rest, packs) == 0)
		return packs_answer(desk, &order, out, diag);
	if (strncmp(rest, packs, sizeof(packs) - 1) == 0 &&
	    rest[sizeof(packs) - 1] == '/')
		return pack_answer(desk, &order, rest + sizeof(packs), query,
		    out, diag);
	return diag_fail(diag, ERR_NOTFOUND, NULL,
	    "path: there is nothing of that name");
}
