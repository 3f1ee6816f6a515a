#include "lib/http/message.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "lib/base/clock.h"

size_t
http_head_end(struct bytes text, size_t from)
{
	const uint8_t *end;

	if (from >= text.len)
		return 0;
	end = memmem(text.ptr + from, text.len - from, "\r\n\r\n", 4);
	return end == NULL ? 0 : (size_t)(end - text.ptr) + 4;
}

/* tchar, RFC 9110 5.6.2 */
static bool
is_token(struct bytes text)
{
	size_t i;

	for (i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f ||
		    strchr("\"(),/:;<=>?@[\\]{}", text.ptr[i]) != NULL)
			return false;
	return text.len > 0;
}

/* Visible characters, blanks and what is above ASCII (RFC 9110 5.5). */
static bool
is_value(struct bytes text)
{
	size_t i;

	for (i = 0; i < text.len; i++)
		if ((text.ptr[i] < ' ' && text.ptr[i] != '\t') ||
		    text.ptr[i] == 0x7f)
			return false;
	return true;
}

/* What stands before the next c, cut off the front of rest with it. */
static bool
cut(struct bytes *rest, char c, struct bytes *ret_part)
{
	const uint8_t *at;

	at = rest->len == 0 ? NULL : memchr(rest->ptr, c, rest->len);
	if (at == NULL)
		return false;
	*ret_part = bytes_of(rest->ptr, (size_t)(at - rest->ptr));
	rest->ptr = at + 1;
	rest->len -= ret_part->len + 1;
	return true;
}

static struct bytes
trimmed(struct bytes text)
{
	while (text.len > 0 && (*text.ptr == ' ' || *text.ptr == '\t')) {
		text.ptr++;
		text.len--;
	}
	while (text.len > 0 && (text.ptr[text.len - 1] == ' ' ||
	    text.ptr[text.len - 1] == '\t'))
		text.len--;
	return text;
}

static bool
same_word(struct bytes text, const char *word)
{
	return text.len == strlen(word) &&
	    strncasecmp((const char *)text.ptr, word, text.len) == 0;
}

/* RFC 9112 3.2.2: by way of a proxy the whole address may come. Which host it
 * names says nothing here, as Host does not. */
static struct bytes
target_path(struct bytes target)
{
	static const char *const schemes[] = { "https://", "http://" };
	size_t i, len;

	for (i = 0; i < 2; i++) {
		len = strlen(schemes[i]);
		if (target.len <= len || strncasecmp((const char *)target.ptr,
		    schemes[i], len) != 0 || strchr("/?@", target.ptr[len]) !=
		    NULL)
			continue;
		while (len < target.len && target.ptr[len] != '/' &&
		    target.ptr[len] != '?' && target.ptr[len] != '@')
			len++;
		if (len == target.len)
			return bytes_text("/");
		return bytes_of(target.ptr + len, target.len - len);
	}
	return target;
}

static enum err
target_parse(struct bytes target, struct http_head *head, struct diag *diag)
{
	size_t i;

	target = target_path(target);
	if (target.len == 0 || target.ptr[0] != '/')
		return diag_fail(diag, ERR_SYNTAX, "RFC 9112 3.2.1",
		    "request line: its target is no path");
	for (i = 0; i < target.len; i++)
		if (target.ptr[i] <= ' ' || target.ptr[i] >= 0x7f)
			return diag_fail(diag, ERR_SYNTAX, "RFC 9112 3.2",
			    "request line: its target has an octet that must"
			    " be encoded");
	head->query = target;
	if (!cut(&head->query, '?', &head->path)) {
		head->path = target;
		head->query = BYTES_NONE;
	}
	return ERR_OK;
}

static enum err
line_parse(struct bytes line, struct http_head *head,
    enum http_status *ret_status, struct diag *diag)
{
	struct bytes target, version;
	enum err err;

	if (!cut(&line, ' ', &head->method) || !is_token(head->method) ||
	    !cut(&line, ' ', &target))
		return diag_fail(diag, ERR_SYNTAX, "RFC 9112 3",
		    "request line: not a method, a target and a version");
	err = target_parse(target, head, diag);
	if (err)
		return err;
	version = line;
	if (bytes_equal(version, bytes_text("HTTP/1.1"))) {
		head->keep_alive = true;
		return ERR_OK;
	}
	if (bytes_equal(version, bytes_text("HTTP/1.0")))
		return ERR_OK;
	*ret_status = HTTP_VERSION_UNKNOWN;
	return diag_fail(diag, ERR_UNSUPPORTED, "RFC 9112 2.3",
	    "request line: not HTTP/1.1");
}

static enum err
field_parse(struct bytes line, struct http_head *head,
    enum http_status *ret_status, struct diag *diag)
{
	struct http_header_field *field;

	if (head->field_count == HTTP_FIELDS_MAX) {
		*ret_status = HTTP_HEAD_TOO_LARGE;
		return diag_fail(diag, ERR_LIMIT, "RFC 6585 5",
		    "header: more than %d fields", HTTP_FIELDS_MAX);
	}
	field = &head->fields[head->field_count];
	if (!cut(&line, ':', &field->name) || !is_token(field->name))
		return diag_fail(diag, ERR_SYNTAX, "RFC 9112 5",
		    "header: field %zu: no name with a colon after it",
		    head->field_count + 1);
	field->value = trimmed(line);
	if (!is_value(field->value))
		return diag_fail(diag, ERR_SYNTAX, "RFC 9110 5.5",
		    "header: field %zu: a control character",
		    head->field_count + 1);
	head->field_count++;
	return ERR_OK;
}

struct bytes
http_head_field(const struct http_head *head, const char *name)
{
	size_t i;

	for (i = 0; i < head->field_count; i++)
		if (same_word(head->fields[i].name, name))
			return head->fields[i].value;
	return BYTES_NONE;
}

size_t
http_head_field_count(const struct http_head *head, const char *name)
{
	size_t i, count = 0;

	for (i = 0; i < head->field_count; i++)
		count += same_word(head->fields[i].name, name);
	return count;
}

/* Fields of which two would let two readers differ. */
static enum err
once_check(const struct http_head *head, struct diag *diag)
{
	static const char *const once[] = { "authorization",
		"content-length", "content-type", "expect", "host",
		"transfer-encoding" };
	size_t k, count;

	for (k = 0; k < sizeof(once) / sizeof(once[0]); k++) {
		count = http_head_field_count(head, once[k]);
		if (count > 1)
			return diag_fail(diag, ERR_SYNTAX, "RFC 9110 5.3",
			    "header: %s: stands there %zu times", once[k],
			    count);
	}
	return ERR_OK;
}

static enum err
length_parse(struct bytes text, uint64_t *ret_len, struct diag *diag)
{
	uint64_t value = 0;
	size_t i;

	if (text.len == 0 || text.len > 18)
		return diag_fail(diag, ERR_SYNTAX, "RFC 9110 8.6",
		    "header: content-length: not a number");
	for (i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return diag_fail(diag, ERR_SYNTAX, "RFC 9110 8.6",
			    "header: content-length: not a number");
		value = value * 10 + (uint64_t)(text.ptr[i] - '0');
	}
	*ret_len = value;
	return ERR_OK;
}

/* unreserved, sub-delims and pct-encoded of RFC 3986 3.2.2 */
static bool
is_name(struct bytes text)
{
	size_t i;

	for (i = 0; i < text.len; i++) {
		if (text.ptr[i] == '%' && text.len - i > 2 &&
		    isxdigit(text.ptr[i + 1]) && isxdigit(text.ptr[i + 2]))
			i += 2;
		else if (text.ptr[i] == '\0' || (!isalnum(text.ptr[i]) &&
		    strchr("-._~!$&'()*+,;=", text.ptr[i]) == NULL))
			return false;
	}
	return true;
}

bool
http_host_good(struct bytes text)
{
	struct bytes host, port = text;
	size_t i;

	if (text.len > 0 && text.ptr[0] == '[') {
		if (!cut(&port, ']', &host) || host.len < 3)
			return false;
		for (i = 1; i < host.len; i++)
			if (host.ptr[i] != ':' &&
			    !is_name(bytes_of(host.ptr + i, 1)))
				return false;
		if (port.len > 0 && *port.ptr++ != ':')
			return false;
		port.len -= port.len > 0;
	} else if (!cut(&port, ':', &host)) {
		return is_name(text);
	} else if (!is_name(host)) {
		return false;
	}
	for (i = 0; i < port.len; i++)
		if (!isdigit(port.ptr[i]))
			return false;
	return true;
}

/* RFC 9112 3.2 */
static enum err
host_check(const struct http_head *head, struct diag *diag)
{
	struct bytes host = http_head_field(head, "host");

	if (head->keep_alive && host.ptr == NULL)
		return diag_fail(diag, ERR_SYNTAX, "RFC 9112 3.2",
		    "header: host: is missing");
	if (host.ptr != NULL && !http_host_good(host))
		return diag_fail(diag, ERR_SYNTAX, "RFC 9112 3.2",
		    "header: host: no name or address with a port");
	return ERR_OK;
}

/* Is close among the connection's options (RFC 9110 7.6.1)? */
static bool
is_last(const struct http_head *head)
{
	struct bytes rest, option;
	size_t i;

	for (i = 0; i < head->field_count; i++) {
		if (!same_word(head->fields[i].name, "connection"))
			continue;
		rest = head->fields[i].value;
		while (cut(&rest, ',', &option))
			if (same_word(trimmed(option), "close"))
				return true;
		if (same_word(trimmed(rest), "close"))
			return true;
	}
	return false;
}

/* RFC 9112 6: where the body ends, and what becomes of the connection. */
static enum err
framing(struct http_head *head, enum http_status *ret_status,
    struct diag *diag)
{
	struct bytes value;
	enum err err;

	err = once_check(head, diag);
	if (err)
		return err;
	if (http_head_field(head, "transfer-encoding").ptr != NULL) {
		if (http_head_field(head, "content-length").ptr == NULL)
			*ret_status = HTTP_LENGTH_REQUIRED;
		return diag_fail(diag, ERR_UNSUPPORTED, "RFC 9112 6.3",
		    "header: transfer-encoding: send Content-Length"
		    " instead");
	}
	value = http_head_field(head, "content-length");
	if (value.ptr != NULL) {
		err = length_parse(value, &head->body_len, diag);
		if (err)
			return err;
	} else if (same_word(head->method, "POST")) {
		*ret_status = HTTP_LENGTH_REQUIRED;
		return diag_fail(diag, ERR_SYNTAX, "RFC 9110 15.5.12",
		    "header: content-length: is missing");
	}
	err = host_check(head, diag);
	if (err)
		return err;
	/* who speaks HTTP/1.0 knows of none: RFC 9110 10.1.1 */
	value = http_head_field(head, "expect");
	head->expect_continue = head->keep_alive &&
	    same_word(value, "100-continue");
	if (is_last(head))
		head->keep_alive = false;
	return ERR_OK;
}

enum err
http_head_parse(struct bytes text, struct http_head *ret_head,
    enum http_status *ret_status, struct diag *diag)
{
	struct http_head head = { .field_count = 0 };
	enum http_status status = HTTP_BAD_REQUEST;
	struct bytes line;
	bool first = true;
	enum err err = ERR_OK;

	while (!err && cut(&text, '\n', &line)) {
		if (line.len == 0 || line.ptr[line.len - 1] != '\r') {
			err = diag_fail(diag, ERR_SYNTAX, "RFC 9112 2.2",
			    "header: a line does not end in CRLF");
			break;
		}
		line.len--;
		if (first)
			err = line_parse(line, &head, &status, diag);
		else if (line.len > 0)
			err = field_parse(line, &head, &status, diag);
		first = false;
	}
	if (!err)
		err = framing(&head, &status, diag);
	if (err) {
		*ret_status = status;
		return err;
	}
	*ret_head = head;
	return ERR_OK;
}

bool
http_type_is(struct bytes field, const char *type)
{
	struct bytes rest = field, said;

	if (!cut(&rest, ';', &said))
		said = field;
	return same_word(trimmed(said), type);
}

void
http_date(int64_t t, char ret_text[HTTP_DATE_SIZE])
{
	static const char days[] = "ThuFriSatSunMonTueWed";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct civil_time c = { 1970, 1, 1, 0, 0, 0 };

	if (time_civil(t, &c) != ERR_OK)
		t = 0;
	(void)snprintf(ret_text, HTTP_DATE_SIZE,
	    "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
	    days + t / 86400 % 7 * 3, (unsigned)c.day % 100,
	    months + ((size_t)c.month - 1) * 3, (unsigned)c.year % 10000,
	    (unsigned)c.hour % 100, (unsigned)c.minute % 100,
	    (unsigned)c.second % 100);
}

const char *
http_reason(enum http_status status)
{
	switch (status) {
	case HTTP_OK: return "OK";
	case HTTP_NOT_MODIFIED: return "Not Modified";
	case HTTP_ACCEPTED: return "Accepted";
	case HTTP_BAD_REQUEST: return "Bad Request";
	case HTTP_UNAUTHORIZED: return "Unauthorized";
	case HTTP_FORBIDDEN: return "Forbidden";
	case HTTP_NOT_FOUND: return "Not Found";
	case HTTP_METHOD_NOT_ALLOWED: return "Method Not Allowed";
	case HTTP_CONFLICT: return "Conflict";
	case HTTP_GONE: return "Gone";
	case HTTP_LENGTH_REQUIRED: return "Length Required";
	case HTTP_PRECONDITION_FAILED: return "Precondition Failed";
	case HTTP_CONTENT_TOO_LARGE: return "Content Too Large";
	case HTTP_UNSUPPORTED_TYPE: return "Unsupported Media Type";
	case HTTP_UNPROCESSABLE: return "Unprocessable Content";
	case HTTP_TOO_MANY: return "Too Many Requests";
	case HTTP_HEAD_TOO_LARGE: return "Request Header Fields Too Large";
	case HTTP_SERVER_ERROR: return "Internal Server Error";
	case HTTP_UNAVAILABLE: return "Service Unavailable";
	case HTTP_VERSION_UNKNOWN: return "HTTP Version Not Supported";
	}
	return "Unknown";
}
