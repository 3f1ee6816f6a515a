#include "lib/http/json_read.h"

#include <jansson.h>

/* jansson recurses; its own bound is two thousand. */
static bool
too_deep(struct bytes text)
{
	bool in_text = false, escaped = false;
	size_t i, depth = 0;

	for (i = 0; i < text.len; i++) {
		if (in_text) {
			if (!escaped && text.ptr[i] == '"')
				in_text = false;
			escaped = !escaped && text.ptr[i] == '\\';
		} else if (text.ptr[i] == '"') {
			in_text = true;
		} else if (text.ptr[i] == '{' || text.ptr[i] == '[') {
			if (++depth > JSON_DEPTH_MAX)
				return true;
		} else if (text.ptr[i] == '}' || text.ptr[i] == ']') {
			depth -= depth > 0;
		}
	}
	return false;
}

static const json_t *
value_of(const struct json_value *value)
{
	return (const json_t *)value;
}

enum err
json_read_object(struct bytes text, struct json_value **ret_object,
    struct diag *diag)
{
	json_error_t error;
	json_t *root;

	if (text.len > JSON_TEXT_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "JSON: longer than %zu octets", JSON_TEXT_MAX);
	if (too_deep(text))
		return diag_fail(diag, ERR_LIMIT, "RFC 8259 9",
		    "JSON: nested deeper than %d", JSON_DEPTH_MAX);
	root = json_loadb((const char *)text.ptr, text.len,
	    JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (root == NULL)
		return diag_fail(diag, json_error_code(&error) ==
		    json_error_out_of_memory ? ERR_NOMEM : ERR_SYNTAX,
		    "RFC 8259", "JSON: line %d, column %d: %s", error.line,
		    error.column, error.text);
	if (!json_is_object(root)) {
		json_decref(root);
		return diag_fail(diag, ERR_INVALID, NULL,
		    "JSON: not an object");
	}
	*ret_object = (struct json_value *)root;
	return ERR_OK;
}

void
json_value_free(struct json_value **value)
{
	json_decref((json_t *)*value);
	*value = NULL;
}

/* NULL: missing. */
static const json_t *
member(const struct json_value *object, const char *name)
{
	const json_t *value = json_object_get(value_of(object), name);

	return json_is_null(value) ? NULL : value;
}

static enum err
type_fail(const char *name, const char *type, struct diag *diag)
{
	return diag_fail(diag, ERR_INVALID, NULL, "%s: not %s", name, type);
}

bool
json_has(const struct json_value *object, const char *name)
{
	return member(object, name) != NULL;
}

enum err
json_only(const struct json_value *object, const char *const *names,
    struct diag *diag)
{
	const char *const *known;
	const char *name;
	json_t *value;

	/* iterating does not change it, though its interface says so */
	json_object_foreach((json_t *)object, name, value) {
		for (known = names; *known != NULL; known++)
			if (strcmp(name, *known) == 0)
				break;
		if (*known == NULL)
			return diag_fail(diag, ERR_INVALID, NULL,
			    "%.64s: no such field", name);
	}
	return ERR_OK;
}

enum err
json_get_object(const struct json_value *object, const char *name,
    const struct json_value **ret_object, struct diag *diag)
{
	const json_t *value = member(object, name);

	if (value != NULL && !json_is_object(value))
		return type_fail(name, "an object", diag);
	*ret_object = (const struct json_value *)value;
	return ERR_OK;
}

enum err
json_get_text(const struct json_value *object, const char *name,
    char *ret_text, size_t size, struct diag *diag)
{
	const json_t *value = member(object, name);
	size_t len;

	if (value == NULL) {
		ret_text[0] = '\0';
		return ERR_OK;
	}
	if (!json_is_string(value))
		return type_fail(name, "a text", diag);
	len = json_string_length(value);
	if (len >= size)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "%s: %zu octets long; at most %zu", name, len, size - 1);
	memcpy(ret_text, json_string_value(value), len + 1);
	return ERR_OK;
}

enum err
json_get_number(const struct json_value *object, const char *name,
    uint64_t max, uint64_t fallback, uint64_t *ret_number, struct diag *diag)
{
	const json_t *value = member(object, name);
	json_int_t number;

	if (value == NULL) {
		*ret_number = fallback;
		return ERR_OK;
	}
	if (!json_is_integer(value))
		return type_fail(name, "a whole number", diag);
	number = json_integer_value(value);
	if (number < 0 || (uint64_t)number > max)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "%s: not within 0 to %ju", name, (uintmax_t)max);
	*ret_number = (uint64_t)number;
	return ERR_OK;
}

enum err
json_get_flag(const struct json_value *object, const char *name,
    bool fallback, bool *ret_flag, struct diag *diag)
{
	const json_t *value = member(object, name);

	if (value != NULL && !json_is_boolean(value))
		return type_fail(name, "true or false", diag);
	*ret_flag = value == NULL ? fallback : json_is_true(value);
	return ERR_OK;
}

enum err
json_get_base64(const struct json_value *object, const char *name,
    uint8_t *ret_octets, size_t max, size_t *ret_len, struct diag *diag)
{
	_cleanup_buf_ struct buf octets = BUF_INIT;
	const json_t *value = member(object, name);
	enum err err;

	if (value == NULL) {
		*ret_len = 0;
		return ERR_OK;
	}
	if (!json_is_string(value))
		return type_fail(name, "a text in base64", diag);
	err = base64_decode(bytes_of(json_string_value(value),
	    json_string_length(value)), &octets);
	if (err)
		return diag_fail(diag, err, "RFC 4648 4", "%s: no base64",
		    name);
	if (octets.len > max)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "%s: %zu octets; at most %zu", name, octets.len, max);
	if (octets.len > 0)
		memcpy(ret_octets, octets.ptr, octets.len);
	*ret_len = octets.len;
	return ERR_OK;
}

enum err
json_each_text(const struct json_value *object, const char *name,
    enum err (*text)(void *ctx, const char *name, const char *text,
    struct diag *), void *ctx, struct diag *diag)
{
	const json_t *inner = member(object, name);
	const char *key;
	json_t *value;
	enum err err;

	if (inner == NULL)
		return ERR_OK;
	if (!json_is_object(inner))
		return type_fail(name, "an object", diag);
	json_object_foreach((json_t *)inner, key, value) {
		if (!json_is_string(value))
			return diag_fail(diag, ERR_INVALID, NULL,
			    "%s: %.64s: not a text", name, key);
		err = text(ctx, key, json_string_value(value), diag);
		if (err)
			return err;
	}
	return ERR_OK;
}

enum err
json_each_item(const struct json_value *object, const char *name,
    enum err (*text)(void *ctx, const char *name, const char *text,
    struct diag *), void *ctx, struct diag *diag)
{
	const json_t *inner = member(object, name);
	json_t *value;
	size_t i;
	enum err err;

	if (inner == NULL)
		return ERR_OK;
	if (!json_is_array(inner))
		return type_fail(name, "an array", diag);
	json_array_foreach(inner, i, value) {
		if (!json_is_string(value))
			return diag_fail(diag, ERR_INVALID, NULL,
			    "%s: item %zu: not a text", name, i + 1);
		err = text(ctx, name, json_string_value(value), diag);
		if (err)
			return err;
	}
	return ERR_OK;
}

enum err
json_each_object(const struct json_value *object, const char *name,
    enum err (*each)(void *ctx, const struct json_value *, struct diag *),
    void *ctx, struct diag *diag)
{
	const json_t *inner = member(object, name);
	json_t *value;
	size_t i;
	enum err err;

	if (!json_is_array(inner))
		return type_fail(name, "an array", diag);
	json_array_foreach(inner, i, value) {
		if (!json_is_object(value))
			return diag_fail(diag, ERR_INVALID, NULL,
			    "%s: item %zu: not an object", name, i + 1);
		err = each(ctx, (const struct json_value *)value, diag);
		if (err)
			return err;
	}
	return ERR_OK;
}
