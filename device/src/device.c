#include "device/src/internal.h"

void
imprint_device_init(struct imprint_device *device,
    const struct imprint_device_crypto *crypto,
    const struct imprint_device_storage *storage, int64_t build_time,
    uint8_t *buffer, size_t size)
{
	memset(device, 0, sizeof(*device));
	device->crypto = crypto;
	device->storage = storage;
	device->floor = build_time;
	device->buffer = buffer;
	device->buffer_size = size;
	device->record.ptr = buffer;
	device->report.reason = "";
}

void
imprint_device_time_seen(struct imprint_device *device, int64_t seen)
{
	if (seen > device->floor && seen <= IMPRINT_DEVICE_TIME_NEVER)
		device->floor = seen;
}

enum imprint_device_error
imprint_device_load(struct imprint_device *device, int64_t now)
{
	struct imprint_device_trust trust;
	enum imprint_device_error error;
	size_t len = 0;

	error = device->storage->read(device->storage->state, device->buffer,
	    device->buffer_size, &len);
	if (error != IMPRINT_DEVICE_OK)
		return error;
	device->record.ptr = device->buffer;
	device->record.len = len;
	trust.root = NULL;
	trust.now = now;
	trust.floor = device->floor;
	trust.keys = device->keys;
	return imprint_device_verify(device->crypto, device->record, &trust,
	    &device->identity, &device->report);
}

/* Is all but the time as it must be? */
static bool
sound(const struct imprint_device_report *report)
{
	return report->step[IMPRINT_DEVICE_STEP_KEYS] ==
	    IMPRINT_DEVICE_ACCEPT;
}

static void
refuse(struct imprint_device_report *report,
    enum imprint_device_verdict verdict, const char *reason)
{
	report->verdict = verdict;
	report->reason = reason;
}

/* What is stored pins a root, but which one cannot be told. */
static void
refuse_after_damage(const struct imprint_device *device,
    struct imprint_device_report *report)
{
	if (device->report.verdict == IMPRINT_DEVICE_DENY_UNSUPPORTED)
		refuse(report, IMPRINT_DEVICE_DENY_UNSUPPORTED, "what is"
		    " stored is of a version that is not known: its root"
		    " cannot be told");
	else
		refuse(report, IMPRINT_DEVICE_DENY, "what is stored does not"
		    " hold together: its root cannot be told");
}

/* The package is good in itself: may it take the place of what is there? */
static bool
may_replace(const struct imprint_device *device, bool replace,
    const struct imprint_device_identity *id,
    struct imprint_device_report *report)
{
	const struct imprint_device_identity *old = &device->identity;

	if (!bytes_equal(view(old->ueid), view(id->ueid))) {
		if (!replace)
			refuse(report, IMPRINT_DEVICE_DENY_OTHER_DEVICE,
			    "this device has the identity of another UEID");
		return replace;
	}
	if (id->issued < old->issued) {
		refuse(report, IMPRINT_DEVICE_DENY_OLDER,
		    "it was issued before the identity that is installed");
		return false;
	}
	return true;
}

enum imprint_device_error
imprint_device_install(struct imprint_device *device,
    struct imprint_bytes package, int64_t now, bool replace,
    struct imprint_device_identity *ret_identity,
    struct imprint_device_report *ret_report,
    enum imprint_device_install *ret_install)
{
	struct imprint_device_trust trust = { NULL, 0, 0, NULL };
	enum imprint_device_error error;
	bool first;

	*ret_install = IMPRINT_DEVICE_REFUSED;
	error = imprint_device_load(device, now);
	first = error == IMPRINT_DEVICE_ERROR_NONE;
	if (error != IMPRINT_DEVICE_OK && !first)
		return error;
	trust.now = now;
	trust.floor = device->floor;
	trust.keys = device->new_keys != NULL ? device->new_keys :
	    device->keys;
	if (!first && sound(&device->report)) {
		trust.root = device->report.root;
		trust.floor = device->report.floor;
	}
	error = imprint_device_verify(device->crypto, package, &trust,
	    ret_identity, ret_report);
	if (error != IMPRINT_DEVICE_OK)
		return error;
	if (!first && !sound(&device->report)) {
		refuse_after_damage(device, ret_report);
		return IMPRINT_DEVICE_OK;
	}
	if (ret_report->verdict != IMPRINT_DEVICE_ACCEPT &&
	    ret_report->verdict != IMPRINT_DEVICE_UNKNOWN_TIME)
		return IMPRINT_DEVICE_OK;
	if (!first && bytes_equal(view(package),
	    view(device->identity.package))) {
		*ret_install = IMPRINT_DEVICE_INSTALLED_BEFORE;
		return IMPRINT_DEVICE_OK;
	}
	if (!first && !may_replace(device, replace, ret_identity, ret_report))
		return IMPRINT_DEVICE_OK;
	error = device->storage->write(device->storage->state, package);
	if (error == IMPRINT_DEVICE_OK)
		*ret_install = IMPRINT_DEVICE_INSTALLED;
	return error;
}
