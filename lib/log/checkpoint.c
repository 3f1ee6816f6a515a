#include "lib/log/checkpoint.h"

#include <inttypes.h>

#define SPEC	"C2SP tlog-checkpoint"
#define WHAT	"checkpoint"

enum err
checkpoint_sign(const struct checkpoint *c, struct signer *signer,
    struct buf *out, struct diag *diag)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (!note_name_good(bytes_of(c->origin,
	    strnlen(c->origin, sizeof(c->origin)))))
		return note_name_bad(WHAT, diag);
	buf_printf(&text, "%s\n%" PRIu64 "\n", c->origin, c->size);
	buf_put_base64(&text, bytes_of(c->root, SHA256_SIZE));
	buf_put_u8(&text, '\n');
	if (buf_err(&text) != ERR_OK)
		return diag_nomem(diag);
	return note_sign(WHAT, buf_bytes(&text), signer, out, diag);
}

static enum err
text_parse(struct bytes text, struct checkpoint *ret_checkpoint,
    struct diag *diag)
{
	struct bytes line;

	if (!note_line(&text, &line) || !note_name_good(line))
		return diag_fail(diag, ERR_SYNTAX, SPEC,
		    WHAT ": first line: no usable origin");
	memcpy(ret_checkpoint->origin, line.ptr, line.len);
	ret_checkpoint->origin[line.len] = '\0';
	if (!note_line(&text, &line) ||
	    !note_decimal(line, &ret_checkpoint->size))
		return diag_fail(diag, ERR_SYNTAX, SPEC,
		    WHAT ": second line: no tree size in decimal");
	if (!note_line(&text, &line) ||
	    !note_base64(line, ret_checkpoint->root, SHA256_SIZE))
		return diag_fail(diag, ERR_SYNTAX, SPEC,
		    WHAT ": third line: no root hash in base64");
	return ERR_OK;
}

enum err
checkpoint_verify(struct bytes bytes, const struct public_key *public,
    struct checkpoint *ret_checkpoint, struct diag *diag)
{
	struct checkpoint c = { .size = 0 };
	struct note note;
	enum err err;

	err = note_split(WHAT, bytes, &note, diag);
	if (!err)
		err = text_parse(note.text, &c, diag);
	if (!err)
		err = note_verify(WHAT, &note, public, diag);
	if (err)
		return err;
	*ret_checkpoint = c;
	return ERR_OK;
}
