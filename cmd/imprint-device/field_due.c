#include "cmd/imprint-device/field.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"

#define CONTEXT	"imprint due"

/* The commands' own words. */
const char *
field_type_name(enum field_type type)
{
	static const char *const names[] = { "none", "bootstrap", "confirm",
	    "renew", "refresh" };

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

/* Between two thirds and five sixths of the identity's time. */
static enum err
renewal_due(const struct field *f, struct field_due *ret_due)
{
	const struct imprint_device *device = &f->agent.device;
	int64_t from = device->identity.issued, time;

	*ret_due = (struct field_due){ FIELD_RENEW, TIME_MAX_S };
	if (device->report.expires >= IMPRINT_DEVICE_TIME_NEVER)
		return ERR_OK;
	time = device->report.expires - from;
	return window_place(f->cmd, device->identity.ueid,
	    from + time / 3 * 2, from + time / 6 * 5, &ret_due->at);
}

/* As the authority wants it; but the device knows best when its own time
 * ends, and renews then instead. */
static enum err
advised_due(const struct field *f, struct field_due *ret_due)
{
	const struct imprint_device *device = &f->agent.device;
	const struct field_advice *advice = &f->state.advice;
	int64_t from = device->identity.issued, last = TIME_MAX_S;
	enum err err;

	if (device->report.expires < IMPRINT_DEVICE_TIME_NEVER)
		last = from + (device->report.expires - from) / 6 * 5;
	*ret_due = (struct field_due){ advice->type, TIME_MAX_S };
	err = window_place(f->cmd, device->identity.ueid, advice->from,
	    advice->until, &ret_due->at);
	if (!err && ret_due->at > last && advice->from <= last)
		*ret_due = (struct field_due){ FIELD_RENEW, last };
	return err;
}

/* A clock that was lost: the authority's answer tells the time. */
static enum err
clock_due(const struct field *f, struct field_due *due)
{
	const struct imprint_device *device = &f->agent.device;
	int64_t at;
	enum err err;

	if (f->wish == NULL || f->wish->clock_from >= TIME_MAX_S ||
	    device->report.verdict != IMPRINT_DEVICE_UNKNOWN_TIME)
		return ERR_OK;
	err = window_place(f->cmd, device->identity.ueid,
	    f->wish->clock_from, f->wish->clock_until, &at);
	if (!err && at < due->at)
		*due = (struct field_due){ FIELD_REFRESH, at };
	return err;
}

enum err
field_due(const struct field *f, struct field_due *ret_due)
{
	enum err err;

	*ret_due = (struct field_due){ FIELD_ENROL, 0 };
	if (field_is_pending(f)) {
		ret_due->type = (enum field_type)f->state.type;
		return ERR_OK;
	}
	if (!field_is_done(f))
		return ERR_OK;
	err = f->state.advice.until == 0 ? renewal_due(f, ret_due) :
	    advised_due(f, ret_due);
	return err ? err : clock_due(f, ret_due);
}
