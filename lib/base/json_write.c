#include "lib/base/json_write.h"

#include <inttypes.h>

#include "lib/base/clock.h"

void
json_next(struct json *j)
{
	unsigned i;

	if (j->begun)
		buf_put_u8(j->b, ',');
	j->begun = true;
	if (j->depth == 0 || j->line)
		return;
	buf_put_u8(j->b, '\n');
	for (i = 0; i < j->depth; i++)
		buf_put(j->b, "  ", 2);
}

void
json_put_string(struct json *j, struct bytes text)
{
	buf_put_u8(j->b, '"');
	(void)text_put_escaped(j->b, text, ESCAPE_JSON);
	buf_put_u8(j->b, '"');
}

void
json_put_base64url(struct json *j, struct bytes bytes)
{
	buf_put_u8(j->b, '"');
	buf_put_base64url(j->b, bytes);
	buf_put_u8(j->b, '"');
}

void
json_key(struct json *j, struct bytes key)
{
	json_next(j);
	json_put_string(j, key);
	buf_put(j->b, ": ", j->line ? 1 : 2);
}

void
json_open(struct json *j, char bracket)
{
	buf_put_u8(j->b, (uint8_t)bracket);
	j->depth++;
	j->begun = false;
}

void
json_close(struct json *j, char bracket)
{
	bool empty = !j->begun;

	j->depth--;
	j->begun = false;
	if (!empty)
		json_next(j);
	buf_put_u8(j->b, (uint8_t)bracket);
	j->begun = true;
}

void
json_put_text(struct json *j, const char *key, struct bytes text)
{
	json_key(j, bytes_text(key));
	json_put_string(j, text);
}

void
json_put_some(struct json *j, const char *key, struct bytes text)
{
	if (text.len > 0)
		json_put_text(j, key, text);
}

void
json_put_hex(struct json *j, const char *key, struct bytes bytes)
{
	json_key(j, bytes_text(key));
	buf_put_u8(j->b, '"');
	buf_put_hex(j->b, bytes);
	buf_put_u8(j->b, '"');
}

void
json_put_octets(struct json *j, const char *key, struct bytes bytes)
{
	json_key(j, bytes_text(key));
	json_put_base64url(j, bytes);
}

void
json_put_number(struct json *j, const char *key, uint64_t number)
{
	json_key(j, bytes_text(key));
	buf_printf(j->b, "%" PRIu64, number);
}

void
json_put_flag(struct json *j, const char *key, bool flag)
{
	json_key(j, bytes_text(key));
	buf_put_bytes(j->b, bytes_text(flag ? "true" : "false"));
}

void
json_put_time(struct json *j, const char *key, int64_t time)
{
	char text[TIME_TEXT_SIZE];

	time_format(time, text);
	json_put_text(j, key, bytes_text(text));
}
