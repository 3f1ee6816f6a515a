/* Requests: where a head ends does not depend on the pieces it came in, its
 * views lie within it, and a body that is read as JSON is within bounds. */
#include <stdlib.h>

#include "lib/http/json_read.h"
#include "lib/http/message.h"

static void
inside(struct bytes whole, struct bytes part)
{
	if (part.len > 0 && (part.ptr < whole.ptr ||
	    part.ptr + part.len > whole.ptr + whole.len))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_json_value_ struct json_value *json = NULL;
	struct bytes text = bytes_of(data, size), body = text;
	enum http_status status = HTTP_OK;
	struct diag diag = DIAG_INIT;
	struct http_head head;
	size_t end, i;

	end = http_head_end(text, 0);
	for (i = 0; i + 4 <= end; i++)
		if (http_head_end(text, i) != end)
			abort();
	if (end > 0 && http_head_parse(bytes_of(data, end), &head, &status,
	    &diag) == ERR_OK) {
		for (i = 0; i < head.field_count; i++) {
			inside(text, head.fields[i].value);
			(void)http_type_is(head.fields[i].value, HTTP_JSON);
		}
		inside(text, head.path);
		inside(text, head.query);
		body = bytes_of(data + end, size - end);
	} else if (end > 0 && (status == HTTP_OK || diag.what[0] == '\0')) {
		abort();
	}
	if (json_read_object(body, &json, NULL) == ERR_OK &&
	    body.len > JSON_TEXT_MAX)
		abort();
	return 0;
}
