#include "lib/x509/der_read.h"

#include "lib/base/clock.h"
#include "lib/x509/der.h"

#define LENGTH_OCTETS_MAX	4

void
der_open(struct der *d, struct bytes input)
{
	*d = (struct der){ .start = input.ptr, .rest = input };
}

void
der_fail(struct der *d, const char *text)
{
	if (d->error != NULL)
		return;
	d->error = text;
	d->error_at = d->rest.ptr == NULL ? 0 :
	    (size_t)(d->rest.ptr - d->start);
	d->rest.len = 0;
}

bool
der_next_is(const struct der *d, uint8_t tag)
{
	return d->error == NULL && d->rest.len > 0 && d->rest.ptr[0] == tag;
}

/* Octets of tag and length, and the length they tell; 0: failed. */
static size_t
head_read(struct der *d, size_t *ret_len)
{
	const uint8_t *at = d->rest.ptr;
	size_t i, octets, len;

	if (d->rest.len < 2) {
		der_fail(d, "input ends within an item");
		return 0;
	}
	octets = at[1] < 0x80 ? 0 : at[1] & 0x7fU;
	len = at[1];
	if (at[1] == 0x80 || octets > LENGTH_OCTETS_MAX ||
	    octets > d->rest.len - 2) {
		der_fail(d, "length is indefinite, too long or cut off");
		return 0;
	}
	if (octets > 0)
		for (i = 0, len = 0; i < octets; i++)
			len = len << 8 | at[2 + i];
	if (octets > 0 && (len < 0x80 || at[2] == 0)) {
		der_fail(d, "length is not in its shortest form");
		return 0;
	}
	if (len > d->rest.len - 2 - octets) {
		der_fail(d, "item is longer than what holds it");
		return 0;
	}
	*ret_len = len;
	return 2 + octets;
}

/* The next item; head: octets of tag and length. */
static struct bytes
item_get(struct der *d, uint8_t tag, size_t *ret_head)
{
	struct bytes item;
	size_t head, len;

	if (d->error != NULL)
		return BYTES_NONE;
	if (d->rest.len == 0 || d->rest.ptr[0] != tag) {
		der_fail(d, d->rest.len == 0 ? "an item is missing" :
		    "an item of another type than expected");
		return BYTES_NONE;
	}
	head = head_read(d, &len);
	if (head == 0)
		return BYTES_NONE;
	item = bytes_of(d->rest.ptr, head + len);
	d->rest.ptr += item.len;
	d->rest.len -= item.len;
	*ret_head = head;
	return item;
}

struct bytes
der_get_whole(struct der *d, uint8_t tag)
{
	size_t head;

	return item_get(d, tag, &head);
}

struct bytes
der_get(struct der *d, uint8_t tag)
{
	struct bytes item;
	size_t head = 0;

	item = item_get(d, tag, &head);
	if (item.ptr == NULL)
		return BYTES_NONE;
	return bytes_of(item.ptr + head, item.len - head);
}

void
der_enter(struct der *d, uint8_t tag, struct der *ret_inner)
{
	struct bytes content = der_get(d, tag);

	*ret_inner = (struct der){ .start = d->start, .rest = content,
		.error = d->error, .error_at = d->error_at };
}

void
der_leave(struct der *d, struct der *inner)
{
	if (der_close(inner) || d->error != NULL)
		return;
	d->error = inner->error;
	d->error_at = inner->error_at;
	d->rest.len = 0;
}

bool
der_close(struct der *d)
{
	if (d->error == NULL && d->rest.len > 0)
		der_fail(d, "octets are left over");
	return d->error == NULL;
}

struct bytes
der_get_unsigned(struct der *d, size_t max)
{
	struct bytes n = der_get(d, DER_INTEGER);

	if (d->error != NULL)
		return BYTES_NONE;
	if (n.len == 0 || (n.ptr[0] & 0x80) != 0) {
		der_fail(d, "integer is negative or empty");
	} else if (n.len > 1 && n.ptr[0] == 0) {
		if ((n.ptr[1] & 0x80) == 0)
			der_fail(d, "integer is not in its shortest form");
		n.ptr++;
		n.len--;
	}
	if (n.len > max)
		der_fail(d, "integer is too long");
	return d->error == NULL ? n : BYTES_NONE;
}

unsigned
der_get_enumerated(struct der *d)
{
	struct bytes n = der_get(d, DER_ENUMERATED);

	if (d->error == NULL && (n.len != 1 || n.ptr[0] >= 0x80))
		der_fail(d, "enumerated is out of range");
	return d->error == NULL ? n.ptr[0] : 0;
}

bool
der_get_default_false(struct der *d)
{
	struct bytes b;

	if (!der_next_is(d, DER_BOOLEAN))
		return false;
	b = der_get(d, DER_BOOLEAN);
	if (d->error == NULL && (b.len != 1 || b.ptr[0] != 0xff))
		der_fail(d, "boolean is not TRUE, which alone is encoded");
	return d->error == NULL;
}

static bool
digits_get(const uint8_t *at, size_t count, int *ret_value)
{
	int value = 0;

	for (; count > 0; count--, at++) {
		if (*at < '0' || *at > '9')
			return false;
		value = value * 10 + (*at - '0');
	}
	*ret_value = value;
	return true;
}

/* What follows the year: MMDDHHMMSSZ. */
static bool
rest_of_time(const uint8_t *at, struct civil_time *c)
{
	return digits_get(at, 2, &c->month) && digits_get(at + 2, 2, &c->day) &&
	    digits_get(at + 4, 2, &c->hour) &&
	    digits_get(at + 6, 2, &c->minute) &&
	    digits_get(at + 8, 2, &c->second) && at[10] == 'Z';
}

int64_t
der_get_time(struct der *d)
{
	bool utc = der_next_is(d, DER_UTC_TIME);
	size_t digits = utc ? 2 : 4;
	struct civil_time c = { 0 };
	struct bytes text;
	int64_t t = 0;

	text = der_get(d, utc ? DER_UTC_TIME : DER_GENERALIZED_TIME);
	if (d->error != NULL)
		return 0;
	if (text.len != digits + 11 ||
	    !digits_get(text.ptr, digits, &c.year) ||
	    !rest_of_time(text.ptr + digits, &c)) {
		der_fail(d, "time is not of the form YYMMDDHHMMSSZ, or"
		    " YYYYMMDDHHMMSSZ");
		return 0;
	}
	if (utc)
		c.year += c.year < 50 ? 2000 : 1900;
	else if (c.year < 2050)
		der_fail(d, "time before 2050 is not a UTCTime");
	if (time_from_civil(&c, &t) != ERR_OK)
		der_fail(d, "there is no such time, or it is before 1970");
	return d->error == NULL ? t : 0;
}
