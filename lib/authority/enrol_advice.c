/* When a device is to come back, and for what. */
#include "lib/authority/enrol_internal.h"
#include "lib/base/clock.h"

/* Two thirds to five sixths of its time; then there is some left to be away. */
static bool
renewal_window(const struct enrol_kind *kind, int64_t issued,
    struct enrol_advice *window)
{
	int64_t end;

	if (kind->term == PRODUCT_NEVER ||
	    time_add_years(issued, kind->term, &end) != ERR_OK)
		return false;
	*window = (struct enrol_advice){ issued + (end - issued) / 3 * 2,
		issued + (end - issued) / 6 * 5, DEVICE_RENEW };
	return true;
}

struct enrol_advice
enrol_advice(const struct enrol *e, const struct enrol_kind *kind,
    int64_t issued, bool waits)
{
	struct enrol_advice advice = { e->now + ENROL_CHECK_S / 2,
		e->now + ENROL_CHECK_S, DEVICE_REFRESH }, renewal;

	if (waits) {
		advice.from = e->now;
		advice.until = e->now + ENROL_SPREAD_S;
	}
	if (!renewal_window(kind, issued, &renewal) ||
	    renewal.from > advice.until)
		return advice;
	if (renewal.from < e->now)
		renewal.from = e->now;
	if (renewal.until < e->now + ENROL_SPREAD_S)
		renewal.until = e->now + ENROL_SPREAD_S;
	return renewal;
}
