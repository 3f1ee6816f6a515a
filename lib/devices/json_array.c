#include "lib/devices/json_array.h"

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* An octet between elements. ERR_SYNTAX. */
static enum err
between(struct json_array *a, uint8_t c)
{
	if (is_blank(c))
		return ERR_OK;
	if (a->state == JSON_BEFORE && c == '[') {
		a->state = JSON_FIRST;
	} else if ((a->state == JSON_FIRST || a->state == JSON_NEXT) &&
	    c == '{') {
		a->state = JSON_INSIDE;
		a->depth = 1;
		a->string = false;
		a->deep = false;
		buf_clear(&a->element);
		buf_put_u8(&a->element, c);
	} else if (a->state == JSON_BEHIND && c == ',') {
		a->state = JSON_NEXT;
	} else if ((a->state == JSON_FIRST || a->state == JSON_BEHIND) &&
	    c == ']') {
		a->state = JSON_DONE;
	} else {
		return ERR_SYNTAX;
	}
	return ERR_OK;
}

/* An octet of an element; true when it was the last one. */
static bool
inside(struct json_array *a, uint8_t c)
{
	if (a->string) {
		if (a->escaped)
			a->escaped = false;
		else if (c == '\\')
			a->escaped = true;
		else
			a->string = c != '"';
		return false;
	}
	if (c == '"') {
		a->string = true;
	} else if (c == '{' || c == '[') {
		a->depth++;
		a->deep = a->deep || a->depth > JSON_DEPTH_MAX;
	} else if (c == '}' || c == ']') {
		a->depth--;
	}
	return a->depth == 0;
}

enum err
json_array_feed(struct json_array *a, struct bytes input,
    enum err (*each)(void *ctx, struct bytes element, bool too_large),
    void *ctx)
{
	size_t i, start = 0;
	bool large;
	enum err err;

	for (i = 0; i < input.len; i++, a->at++) {
		if (a->state != JSON_INSIDE) {
			err = between(a, input.ptr[i]);
			if (err)
				return err;
			start = i + 1;
			continue;
		}
		if (!inside(a, input.ptr[i]))
			continue;
		buf_put(&a->element, input.ptr + start, i + 1 - start);
		if (a->element.err == ERR_NOMEM)
			return ERR_NOMEM;
		a->state = JSON_BEHIND;
		large = a->deep || a->element.err != ERR_OK;
		err = each(ctx, large ? BYTES_NONE : buf_bytes(&a->element),
		    large);
		if (err)
			return err;
	}
	if (a->state == JSON_INSIDE)
		buf_put(&a->element, input.ptr + start, input.len - start);
	return a->element.err == ERR_NOMEM ? ERR_NOMEM : ERR_OK;
}
