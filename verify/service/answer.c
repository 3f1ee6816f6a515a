#include "lib/base/json_write.h"
#include "verify/service/question.h"

static void
time_put(struct json *json, const char *name, int64_t t)
{
	if (t == 0) {
		json_key(json, bytes_text(name));
		buf_printf(json->b, "null");
		return;
	}
	json_put_time(json, name, t);
}

static void
right_put(struct json *json, const struct imprint_right *right)
{
	unsigned bit;

	json_next(json);
	json_open(json, '{');
	json_put_text(json, "object", bytes_text(right->object));
	json_key(json, bytes_text("permissions"));
	json_open(json, '[');
	for (bit = 0; bit < PERMISSION_COUNT; bit++) {
		if ((right->permissions & UINT32_C(1) << bit) == 0)
			continue;
		json_next(json);
		json_put_string(json, bytes_text(permission_name(bit)));
	}
	json_close(json, ']');
	json_close(json, '}');
}

void
answer_put_json(struct buf *b, const struct imprint_answer *answer)
{
	struct json json = { .b = b, .line = true };
	size_t i;

	json_open(&json, '{');
	json_put_text(&json, "verdict",
	    bytes_text(imprint_verdict_name(answer->verdict)));
	json_put_number(&json, "code", (uint64_t)answer->verdict);
	json_put_text(&json, "reason", bytes_text(answer->reason));
	json_put_hex(&json, "ueid", bytes_of(answer->ueid, answer->ueid_len));
	json_key(&json, bytes_text("rights"));
	json_open(&json, '[');
	for (i = 0; i < answer->right_count; i++)
		right_put(&json, &answer->rights[i]);
	json_close(&json, ']');
	time_put(&json, "expires", answer->expires);
	time_put(&json, "status_time", answer->status_time);
	json_close(&json, '}');
	buf_printf(b, "\n");
}
