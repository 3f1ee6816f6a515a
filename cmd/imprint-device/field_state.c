#include <sys/random.h>

#include "cmd/imprint-device/field.h"
#include "lib/base/cbor_write.h"

#define RECORD	"enrolment"
#define VERSION	3
#define FIELDS_MIN	8	/* of version 1; each has more than the last */

/* by version: the second counts refusals, the third has advice */
static const size_t fields_of[VERSION + 1] = { 0, FIELDS_MIN, 9, 12 };

enum err
field_hash(struct cmd *cmd, struct bytes piece,
    uint8_t ret_hash[FIELD_HASH_SIZE])
{
	const struct imprint_device_crypto *crypto = imprint_device_openssl();
	const struct imprint_bytes part = { piece.ptr, piece.len };

	return crypto->sha256(crypto->state, &part, 1, ret_hash) == 0 ?
	    ERR_OK : agent_error(cmd, IMPRINT_DEVICE_ERROR_CRYPTO);
}

enum err
field_random(struct cmd *cmd, void *out, size_t len)
{
	/* up to 256 octets come whole (getrandom(2)) */
	return getrandom(out, len, 0) == (ssize_t)len ? ERR_OK :
	    diag_fail(&cmd->diag, ERR_CRYPTO, NULL,
	    "the system has no random numbers");
}

static bool
record_parse(struct bytes record, struct field_state *s)
{
	struct bytes before, after;
	uint64_t version;
	struct cbor c;
	size_t fields;

	cbor_open(&c, record);
	fields = cbor_get_array(&c);
	version = cbor_get_uint(&c);
	if (version < 1 || version > VERSION || fields != fields_of[version])
		return false;
	s->type = (unsigned)cbor_get_uint(&c);
	s->set = (unsigned)cbor_get_uint(&c);
	before = cbor_get_bstr_sized(&c, FIELD_HASH_SIZE);
	after = cbor_get_bstr_sized(&c, FIELD_HASH_SIZE);
	s->answered = cbor_get_bool(&c);
	s->request = cbor_get_bstr(&c);
	s->confirm = cbor_get_bstr(&c);
	s->refusals = version > 1 ? cbor_get_uint(&c) : 0;
	s->advice = (struct field_advice){ .until = 0 };
	if (version > 2) {
		s->advice.from = cbor_get_int(&c);
		s->advice.until = cbor_get_int(&c);
		s->advice.type = (enum field_type)cbor_get_uint(&c);
	}
	if (!cbor_close(&c) || s->set > 1)
		return false;
	memcpy(s->before, before.ptr, FIELD_HASH_SIZE);
	memcpy(s->after, after.ptr, FIELD_HASH_SIZE);
	return true;
}

enum err
field_state_read(struct cmd *cmd, const struct agent *agent, uint8_t *room,
    struct field_state *s)
{
	enum imprint_device_error error;
	size_t len = 0;

	*s = (struct field_state){ .room = room };
	agent_blocks_init(&s->files, cmd, agent->home, RECORD, &s->blocks);
	imprint_device_slots_init(&s->slots, &s->blocks,
	    imprint_device_openssl(), &s->storage);
	error = s->storage.read(s->storage.state, room,
	    IMPRINT_DEVICE_PACKAGE_MAX, &len);
	if (error == IMPRINT_DEVICE_ERROR_NONE)
		return ERR_OK;
	if (error == IMPRINT_DEVICE_OK &&
	    record_parse(bytes_of(room, len), s))
		return agent_blocks_sync(&s->files, &s->slots);
	agent_blocks_release(&s->files);
	if (cmd->diag.code != ERR_OK)
		return cmd->diag.code;
	diag_fail(&cmd->diag, ERR_CORRUPT, NULL, "%s/%s: what was asked of"
	    " the authority does not hold together", agent->home, RECORD);
	diag_hint(&cmd->diag, "erase it to ask anew: a request that waits is"
	    " superseded then");
	return ERR_CORRUPT;
}

enum err
field_state_write(struct cmd *cmd, struct field_state *s)
{
	_cleanup_buf_ struct buf record = BUF_INIT;
	struct imprint_bytes out;

	cbor_put_array(&record, fields_of[VERSION]);
	cbor_put_uint(&record, VERSION);
	cbor_put_uint(&record, s->type);
	cbor_put_uint(&record, s->set);
	cbor_put_bstr(&record, bytes_of(s->before, FIELD_HASH_SIZE));
	cbor_put_bstr(&record, bytes_of(s->after, FIELD_HASH_SIZE));
	cbor_put_bool(&record, s->answered);
	cbor_put_bstr(&record, s->request);
	cbor_put_bstr(&record, s->confirm);
	cbor_put_uint(&record, s->refusals);
	cbor_put_int(&record, s->advice.from);
	cbor_put_int(&record, s->advice.until);
	cbor_put_uint(&record, s->advice.type);
	if (buf_err(&record) != ERR_OK)
		return diag_nomem(&cmd->diag);
	out = (struct imprint_bytes){ record.ptr, record.len };
	if (s->storage.write(s->storage.state, out) == IMPRINT_DEVICE_OK)
		return ERR_OK;
	return cmd->diag.code != ERR_OK ? cmd->diag.code :
	    diag_fail(&cmd->diag, ERR_IO, NULL, "%s cannot be kept", RECORD);
}

enum err
agent_idle(struct cmd *cmd, const struct agent *agent)
{
	_cleanup_buf_ struct buf room = BUF_INIT;
	struct field_state state;
	bool busy;
	enum err err;

	if (buf_extend(&room, IMPRINT_DEVICE_PACKAGE_MAX) == NULL)
		return diag_nomem(&cmd->diag);
	err = field_state_read(cmd, agent, room.ptr, &state);
	if (err)
		return err;
	busy = state.request.len > 0;
	agent_blocks_release(&state.files);
	if (!busy)
		return ERR_OK;
	diag_fail(&cmd->diag, ERR_STATE, NULL,
	    "a bootstrap or renewal is under way");
	diag_hint(&cmd->diag, "end it first: run the same command again");
	return ERR_STATE;
}
