#include "cmd/imprint-device/field.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"

#define CONTEXT	"imprint due"

/* The commands' own words. */
const char *
field_type_name(enum field_type type)
{
	static const char *const names[] = { "none", "bootstrap", "confirm",
	    "renew" };

	return (unsigned)type < sizeof(names) / sizeof(names[0]) ?
	    names[type] : "?";
}

/* A device's own place between two times. */
static enum err
window_place(struct cmd *cmd, struct imprint_bytes ueid, int64_t from,
    int64_t until, int64_t *ret_at)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	uint8_t hash[FIELD_HASH_SIZE];
	uint64_t place = 0;
	unsigned i;
	enum err err;

	cbor_put_array(&text, 3);
	cbor_put_text(&text, CONTEXT);
	cbor_put_bstr(&text, bytes_of(ueid.ptr, ueid.len));
	cbor_put_int(&text, from);
	err = buf_err(&text);
	if (!err)
		err = field_hash(cmd, buf_bytes(&text), hash);
	if (err)
		return err;
	for (i = 0; i < sizeof(place); i++)
		place = place << 8 | hash[i];
	*ret_at = from;
	if (until > from)
		*ret_at += (int64_t)(place % (uint64_t)(until - from));
	return ERR_OK;
}

enum err
field_due(const struct field *f, struct field_due *ret_due)
{
	const struct imprint_device *device = &f->agent.device;
	int64_t from = device->identity.issued, time;

	*ret_due = (struct field_due){ FIELD_ENROL, 0 };
	if (field_is_pending(f)) {
		ret_due->type = (enum field_type)f->state.type;
		return ERR_OK;
	}
	if (!field_is_done(f))
		return ERR_OK;
	*ret_due = (struct field_due){ FIELD_RENEW, TIME_MAX_S };
	if (device->report.expires >= IMPRINT_DEVICE_TIME_NEVER)
		return ERR_OK;
	time = device->report.expires - from;
	return window_place(f->cmd, device->identity.ueid,
	    from + time / 3 * 2, from + time / 6 * 5, &ret_due->at);
}
