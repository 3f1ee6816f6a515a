/* Requests of fixtures: what is read is terminated and within its bounds, and
 * what is refused says why. First octet: the verb, 0 a query without body. */
#include <stdlib.h>

#include "station/line_request.h"

static void
bounded(const char *text, size_t size)
{
	if (memchr(text, '\0', size) == NULL)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag diag = DIAG_INIT;
	struct line_request r;
	struct bytes text;
	enum err err;

	if (size == 0)
		return 0;
	text = bytes_of(data + 1, size - 1);
	if (data[0] % 5 == 0)
		err = line_query_read(text, &r, &diag);
	else
		err = line_request_read((enum line_verb)(data[0] % 5), text,
		    &r, &diag);
	if (err) {
		if (diag.what[0] == '\0')
			abort();
		return 0;
	}
	bounded(r.call.badge, sizeof(r.call.badge));
	bounded(r.reserve.reason, sizeof(r.reserve.reason));
	bounded(r.commit.firmware, sizeof(r.commit.firmware));
	if (r.call.device_len == 0 || r.call.device_len > FLOOR_DEVICE_MAX ||
	    r.commit.name_count > FLOOR_NAMES_MAX ||
	    r.commit.proof_len > FLOOR_EVIDENCE_MAX)
		abort();
	return 0;
}
