#include "lib/policy/name.h"

#include <stdio.h>

#include "lib/base/cbor_write.h"
#include "lib/crypto/hash.h"
#include "lib/policy/product_rules.h"

#define UEID_EUI	0x02
#define UEID_IMEI	0x03
#define IMEI_VALUE	14	/* digits, without the check digit */
#define SPREADSHEET	"spreadsheets round long numbers and cut zeroes: "\
			"make the column text there"

const char *
name_source_name(enum name_source source)
{
	static const char *const names[] = { "index", "range", "order-csv",
		"line", "birth" };

	return (unsigned)source < sizeof(names) / sizeof(names[0]) ?
	    names[source] : NULL;
}

const char *
name_type_name(enum name_type type)
{
	static const char *const names[] = { "text", "mac", "imei" };

	return (unsigned)type < sizeof(names) / sizeof(names[0]) ?
	    names[type] : NULL;
}

const char *
name_space(const struct product_name *name)
{
	switch (name->type) {
	case NAME_MAC:
		return "type:mac";
	case NAME_IMEI:
		return "type:imei";
	case NAME_TEXT:
		break;
	}
	return name->kind;
}

bool
name_ok(const struct product_name *name)
{
	struct fault f = { .key = NULL };

	return rule_name(name, &f) == ERR_OK;
}

/* 16 for what is no digit of the alphabet. */
static unsigned
digit_value(enum name_digits alphabet, char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (alphabet == NAME_HEX && c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (alphabet == NAME_HEX_UPPER && c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

static unsigned
hex_value(char c)
{
	unsigned value = digit_value(NAME_HEX, c);

	return value < 16 ? value : digit_value(NAME_HEX_UPPER, c);
}

/* The check digit over 14 digits (ISO/IEC 7812-1 annex B). */
static char
luhn(const char *digits)
{
	unsigned sum = 0, digit, i;

	for (i = 0; i < IMEI_VALUE; i++) {
		digit = (unsigned)(digits[i] - '0') * (1 + i % 2);
		sum += digit / 10 + digit % 10;
	}
	return (char)('0' + (10 - sum % 10) % 10);
}

static enum err
text_read(const char *kind, const char *text, size_t len, struct diag *diag)
{
	struct fault f = { .key = NULL };
	enum err err;
	size_t i;

	/* says of control characters, bad UTF-8 and the like what they are */
	err = rule_text(text, NAME_TEXT_MAX, &f);
	if (err)
		return diag_fail(diag, ERR_INVALID, NULL, "%s", f.text);
	for (i = 0; i < len; i++)
		if ((uint8_t)text[i] > 0x7e)
			return diag_fail(diag, ERR_INVALID, NULL,
			    "holds a character outside ASCII, at octet %zu",
			    i + 1);
	if (text[0] == ' ' || text[len - 1] == ' ')
		return diag_fail(diag, ERR_INVALID, NULL,
		    "begins or ends with a space");
	if (strcmp(kind, NAME_SERIAL_NUMBER) != 0)
		return ERR_OK;
	i = strspn(text, RULE_PRINTABLE);
	if (i < len)
		return diag_fail(diag, ERR_INVALID, "RFC 5280 A.1",
		    "holds \"%c\"; a serial number in a certificate has A-Z, "
		    "a-z, 0-9, space and '()+,-./:=?", text[i]);
	return ERR_OK;
}

/* The 12 or 16 digits of a MAC without what separates them; 0: it is none. */
static size_t
mac_digits(const char *in, char out[16])
{
	size_t group, len = strlen(in), count = 0, i;

	group = strspn(in, "0123456789abcdefABCDEF");
	if (group != len && (group != 2 || strchr(":-", in[2]) == NULL) &&
	    (group != 4 || in[4] != '.'))
		return 0;
	for (i = 0; i < len; i++) {
		if (group != len && i % (group + 1) == group) {
			if (in[i] != in[group])
				return 0;
			continue;
		}
		if (count == 16 || hex_value(in[i]) == 16)
			return 0;
		out[count++] = "0123456789abcdef"[hex_value(in[i])];
	}
	/* no separator behind the last group */
	if (group != len && len % (group + 1) != group)
		return 0;
	return count == 12 || count == 16 ? count : 0;
}

static enum err
mac_read(const char *in, char out[NAME_TEXT_SIZE], struct diag *diag)
{
	char digits[16];
	size_t count = mac_digits(in, digits), i;

	if (count == 0) {
		diag_fail(diag, ERR_INVALID, NULL, "is no MAC address: 12 "
		    "or 16 hexadecimal digits, such as 02:00:5e:10:00:01");
		if (strstr(in, "E+") != NULL)
			diag_hint(diag, SPREADSHEET);
		return ERR_INVALID;
	}
	if ((hex_value(digits[1]) & 1) != 0)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "is a group address, which no device has");
	for (i = 0; i < count && digits[i] == '0'; i++)
		;
	if (i == count)
		return diag_fail(diag, ERR_INVALID, NULL, "is all zeroes");
	for (i = 0; i < count; i++) {
		*out++ = digits[i];
		if (i % 2 == 1)
			*out++ = ':';
	}
	out[-1] = '\0';
	return ERR_OK;
}

static enum err
imei_read(const char *in, char out[NAME_TEXT_SIZE], struct diag *diag)
{
	size_t count = 0;

	for (; *in != '\0'; in++) {
		if (count > 0 && in[1] != '\0' && (*in == ' ' || *in == '-'))
			continue;
		if (*in < '0' || *in > '9' || count > IMEI_VALUE) {
			count = 0;
			break;
		}
		out[count++] = *in;
	}
	if (count != IMEI_VALUE + 1) {
		diag_fail(diag, ERR_INVALID, NULL,
		    "is no IMEI: 15 digits, such as 490154203237518");
		if (count > 0 || strstr(in, "E+") != NULL)
			diag_hint(diag, SPREADSHEET);
		return ERR_INVALID;
	}
	out[count] = '\0';
	if (out[IMEI_VALUE] != luhn(out))
		return diag_fail(diag, ERR_INVALID, NULL, "is no IMEI: its "
		    "last digit, the check digit, should be %c", luhn(out));
	return ERR_OK;
}

enum err
name_read(const char *kind, enum name_type type, struct bytes in,
    char ret_text[NAME_TEXT_SIZE], struct diag *diag)
{
	char text[NAME_TEXT_SIZE], canonical[NAME_TEXT_SIZE];
	enum err err;

	if (in.len == 0)
		return diag_fail(diag, ERR_INVALID, NULL, "is empty");
	if (in.len > NAME_TEXT_MAX)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "is %zu octets long; at most %d", in.len, NAME_TEXT_MAX);
	if (memchr(in.ptr, '\0', in.len) != NULL)
		return diag_fail(diag, ERR_INVALID, NULL, "holds a NUL");
	memcpy(text, in.ptr, in.len);
	text[in.len] = '\0';
	switch (type) {
	case NAME_MAC:
		err = mac_read(text, canonical, diag);
		break;
	case NAME_IMEI:
		err = imei_read(text, canonical, diag);
		break;
	default:
		err = text_read(kind, text, in.len, diag);
		memcpy(canonical, text, in.len + 1);
	}
	if (!err)
		memcpy(ret_text, canonical, strlen(canonical) + 1);
	return err;
}

/* Its digits alone into at: are there enough of them? */
static bool
digits_put(const struct product_name *name, uint64_t value, char *at)
{
	const char *set = name->alphabet == NAME_HEX_UPPER ?
	    "0123456789ABCDEF" : "0123456789abcdef";
	unsigned base = name->alphabet == NAME_DECIMAL ? 10 : 16, i;

	for (i = name->digits; i > 0; i--, value /= base)
		at[i - 1] = set[value % base];
	return value == 0;
}

enum err
name_format(const struct product_name *name, uint64_t value,
    char ret_text[NAME_TEXT_SIZE])
{
	char text[NAME_TEXT_SIZE], digits[NAME_TEXT_SIZE];
	size_t len = strlen(name->prefix);
	enum err err = ERR_OK;

	if (!name_has_form(name) || name->digits < 1 ||
	    name->digits > PRODUCT_DIGITS_MAX ||
	    len + name->digits > NAME_TEXT_MAX)
		return ERR_INVALID;
	if (!digits_put(name, value, digits) ||
	    (name->from == NAME_FROM_RANGE &&
	    (value < name->first || value > name->last)))
		return ERR_LIMIT;
	digits[name->digits] = '\0';
	if (name->type == NAME_MAC) {
		err = mac_read(digits, text, NULL);
	} else {
		memcpy(text, name->prefix, len);
		memcpy(text + len, digits, name->digits + 1);
	}
	if (name->type == NAME_IMEI) {
		text[IMEI_VALUE] = luhn(text);
		text[IMEI_VALUE + 1] = '\0';
	}
	if (!err)
		memcpy(ret_text, text, strlen(text) + 1);
	return err;
}

enum err
name_parse(const struct product_name *name, const char *text,
    uint64_t *ret_value)
{
	unsigned base = name->alphabet == NAME_DECIMAL ? 10 : 16, digit, i;
	char again[NAME_TEXT_SIZE];
	size_t len = strlen(name->prefix);
	uint64_t value = 0;
	const char *at;

	/* so that the value cannot overflow: 10^19 and 16^16 are the most */
	if (!name_has_form(name) || name->digits < 1 ||
	    name->digits > (base == 10 ? PRODUCT_DIGITS_MAX : 16) ||
	    strncmp(text, name->prefix, len) != 0)
		return ERR_NOTFOUND;
	for (at = text + len, i = 0; i < name->digits; at++) {
		if (*at == ':' && name->type == NAME_MAC)
			continue;
		digit = digit_value(name->alphabet, *at);
		if (digit >= base)
			return ERR_NOTFOUND;
		value = value * base + digit;
		i++;
	}
	/* what belongs between and behind the digits */
	if (name_format(name, value, again) != ERR_OK ||
	    strcmp(text, again) != 0)
		return ERR_NOTFOUND;
	*ret_value = value;
	return ERR_OK;
}

enum err
name_bounds(const struct product_name *name, char ret_first[NAME_TEXT_SIZE],
    char ret_last[NAME_TEXT_SIZE])
{
	uint64_t last = name->last, i;
	enum err err;

	if (name->from == NAME_FROM_INDEX)
		for (last = 0, i = 0; i < name->digits; i++)
			last = last * 10 + 9;
	err = name_format(name, name->first, ret_first);
	return err ? err : name_format(name, last, ret_last);
}

enum err
name_sample(const struct product_name *name, char ret_text[NAME_TEXT_SIZE])
{
	static const char longest[] = "SAMPLE-4567890123456789012345678901"
	    "23456789012345678901234567890";

	if (name->from == NAME_FROM_RANGE)
		return name_format(name, name->first, ret_text);
	return name_read(name->kind, name->type, bytes_text(
	    name->type == NAME_MAC ? "02:00:5e:10:00:00:00:01" :
	    name->type == NAME_IMEI ? "490154203237518" : longest), ret_text,
	    NULL);
}

bool
name_same_block(const struct product_name *a, const struct product_name *b)
{
	return a->from == NAME_FROM_RANGE && b->from == NAME_FROM_RANGE &&
	    strcmp(name_space(a), name_space(b)) == 0 &&
	    strcmp(a->prefix, b->prefix) == 0 && a->digits == b->digits &&
	    a->alphabet == b->alphabet && a->first == b->first &&
	    a->last == b->last;
}

/*
 * Names of a form lie between its first and last one, bytewise: digits of
 * one length sort as their values do. So two forms that meet nowhere there
 * have no name in common.
 */
bool
name_forms_meet(const struct product_name *a, const struct product_name *b,
    bool *ret_same_index)
{
	char a_first[NAME_TEXT_SIZE], a_last[NAME_TEXT_SIZE];
	char b_first[NAME_TEXT_SIZE], b_last[NAME_TEXT_SIZE];
	uint64_t value;

	*ret_same_index = false;
	if (name_bounds(a, a_first, a_last) != ERR_OK ||
	    name_bounds(b, b_first, b_last) != ERR_OK)
		return false;
	if (strlen(a_first) != strlen(b_first) ||
	    strcmp(a_last, b_first) < 0 || strcmp(b_last, a_first) < 0)
		return false;
	if (a->from == NAME_FROM_INDEX && b->from == NAME_FROM_INDEX)
		*ret_same_index =
		    (name_parse(a, b_first, &value) == ERR_OK && value == 0) ||
		    (name_parse(b, a_first, &value) == ERR_OK && value == 0);
	return true;
}

enum err
name_block_id(const struct product_name *name, uint64_t *ret_id)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	uint8_t hash[SHA256_SIZE];
	enum err err;

	cbor_put_array(&out, 6);
	cbor_put_text(&out, name_space(name));
	cbor_put_text(&out, name->prefix);
	cbor_put_uint(&out, name->digits);
	cbor_put_uint(&out, name->alphabet);
	cbor_put_uint(&out, name->first);
	cbor_put_uint(&out, name->last);
	err = buf_err(&out);
	if (!err)
		err = sha256_once(buf_bytes(&out), hash);
	if (!err)
		*ret_id = (get_be64(hash) >> 1) | 1;
	return err;
}

enum err
name_ueid(enum name_type type, const char *text,
    uint8_t ret_ueid[NAME_UEID_MAX], size_t *ret_len)
{
	size_t len = 1;

	switch (type) {
	case NAME_MAC:
		ret_ueid[0] = UEID_EUI;
		while (len < NAME_UEID_MAX && hex_value(text[0]) < 16 &&
		    hex_value(text[1]) < 16) {
			ret_ueid[len++] = (uint8_t)(hex_value(text[0]) << 4 |
			    hex_value(text[1]));
			text += text[2] == ':' ? 3 : 2;
		}
		break;
	case NAME_IMEI:
		ret_ueid[0] = UEID_IMEI;
		for (; len <= IMEI_VALUE; len++)
			ret_ueid[len] = (uint8_t)(text[len - 1] - '0');
		break;
	default:
		return ERR_UNSUPPORTED;
	}
	*ret_len = len;
	return ERR_OK;
}
