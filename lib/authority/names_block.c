/* Lines of names as the registry keeps them. */
#include "lib/authority/blob.h"
#include "lib/authority/names_internal.h"

enum err
name_block_put(struct authority *authority, uint32_t order, uint64_t number,
    const struct name_block *block, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	const char *text, *above;
	size_t line, column, len, same;
	enum err err;

	for (line = 0; line < block->lines; line++)
		for (column = 0; column < block->columns; column++) {
			text = block->text[line][column];
			above = line > 0 ? block->text[line - 1][column] : "";
			len = strlen(text);
			for (same = 0; same < len &&
			    text[same] == above[same]; same++)
				;
			buf_put_u8(&body, (uint8_t)same);
			buf_put_u8(&body, (uint8_t)(len - same));
			buf_put(&body, text + same, len - same);
		}
	err = blob_seal(authority, "names", order, number, &body);
	return err ? err :
		     store_block_put(authority->store, STORE_NAME_BLOCKS,
			 number, order, buf_bytes(&body), diag);
}

/* One name; false when it is none. */
static bool
name_take(struct bytes *rest, const char *above, char out[NAME_TEXT_SIZE])
{
	size_t same, own;

	if (rest->len < 2)
		return false;
	same = rest->ptr[0];
	own = rest->ptr[1];
	if (rest->len - 2 < own || same + own == 0 ||
	    same + own > NAME_TEXT_MAX || same > strlen(above) ||
	    memchr(rest->ptr + 2, '\0', own) != NULL)
		return false;
	memcpy(out, above, same);
	memcpy(out + same, rest->ptr + 2, own);
	out[same + own] = '\0';
	*rest = bytes_of(rest->ptr + 2 + own, rest->len - 2 - own);
	return true;
}

static bool
block_decode(struct bytes octets, size_t columns, struct name_block *block)
{
	unsigned line;
	size_t column;

	for (line = 0; octets.len > 0; line++) {
		if (line == STORE_NAME_LINES)
			return false;
		for (column = 0; column < columns; column++)
			if (!name_take(&octets, line > 0 ?
			    block->text[line - 1][column] : "",
			    block->text[line][column]))
				return false;
	}
	block->lines = line;
	block->columns = columns;
	return line > 0;
}

enum err
name_block_get(struct authority *authority, uint32_t order, uint64_t number,
    size_t columns, struct name_block *ret_block, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct bytes octets = BYTES_NONE;
	uint32_t owner = 0;
	enum err err;

	err = store_block_get(authority->store, STORE_NAME_BLOCKS, number,
	    &owner, &body, diag);
	if (err)
		return err;
	err = owner == order && columns > 0 ? blob_open(authority, "names",
	    order, number, buf_bytes(&body), &octets) : ERR_CORRUPT;
	if (err && err != ERR_CORRUPT)
		return err;
	if (!err && block_decode(octets, columns, ret_block))
		return ERR_OK;
	err = diag_fail(diag, ERR_CORRUPT, NULL, "registry: names of order "
	    "%u, block %ju: altered", order, (uintmax_t)number);
	diag_hint(diag, "somebody or something wrote to registry.db: restore "
	    "it from a backup, and find out who");
	return err;
}
