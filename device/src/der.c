#include "device/src/der.h"

#define DAYS_400Y	146097		/* days in 400 years */
#define DAYS_TO_1970	719468		/* from 0000-03-01 */

static const struct bytes nothing;

void
imprint_der_fail(struct der *d, const char *text)
{
	if (d->error == NULL)
		d->error = text;
	d->rest.len = 0;
}

/* The next item whole; ret_head: octets of tag and length. */
static struct bytes
item_get(struct der *d, uint8_t tag, size_t *ret_head)
{
	const uint8_t *at = d->rest.ptr;
	size_t len, head = 2;
	struct bytes item;

	*ret_head = 0;
	if (d->error != NULL)
		return nothing;
	if (d->rest.len < 2 || at[0] != tag) {
		imprint_der_fail(d, "certificate: not the item expected");
		return nothing;
	}
	len = at[1];
	if (len == 0x81 && d->rest.len >= 3) {
		len = at[2] >= 0x80 ? at[2] : SIZE_MAX;
		head = 3;
	} else if (len == 0x82 && d->rest.len >= 4) {
		len = at[2] != 0 ? get_be16(at + 2) : SIZE_MAX;
		head = 4;
	} else if (len >= 0x80) {
		len = SIZE_MAX;
	}
	if (len > d->rest.len - head) {
		imprint_der_fail(d, "certificate: a length that is not DER,"
		    " or cut off");
		return nothing;
	}
	item = bytes_of(at, head + len);
	d->rest.ptr += item.len;
	d->rest.len -= item.len;
	*ret_head = head;
	return item;
}

struct bytes
imprint_der_get_whole(struct der *d, uint8_t tag)
{
	size_t head;

	return item_get(d, tag, &head);
}

struct bytes
imprint_der_get(struct der *d, uint8_t tag)
{
	struct bytes item;
	size_t head;

	item = item_get(d, tag, &head);
	if (item.ptr == NULL)
		return nothing;
	return bytes_of(item.ptr + head, item.len - head);
}

void
imprint_der_enter(struct der *d, uint8_t tag, struct der *ret_inner)
{
	ret_inner->rest = imprint_der_get(d, tag);
	ret_inner->error = d->error;
}

void
imprint_der_leave(struct der *d, const struct der *inner)
{
	if (inner->error != NULL)
		imprint_der_fail(d, inner->error);
	else if (inner->rest.len > 0)
		imprint_der_fail(d, "certificate: octets are left over");
}

struct bytes
imprint_der_get_unsigned(struct der *d, size_t max)
{
	struct bytes n = imprint_der_get(d, DER_INTEGER);
	bool good;

	if (d->error != NULL)
		return nothing;
	good = n.len > 0 && (n.ptr[0] & 0x80) == 0;
	if (good && n.len > 1 && n.ptr[0] == 0) {
		n.ptr++;
		n.len--;
		good = (n.ptr[0] & 0x80) != 0;
	}
	if (good && n.len <= max)
		return n;
	imprint_der_fail(d, "certificate: a number that is negative, too"
	    " long or not DER");
	return nothing;
}

bool
imprint_der_get_default_false(struct der *d)
{
	struct bytes b;

	if (!imprint_der_next_is(d, DER_BOOLEAN))
		return false;
	b = imprint_der_get(d, DER_BOOLEAN);
	if (d->error == NULL && (b.len != 1 || b.ptr[0] != 0xff))
		imprint_der_fail(d, "certificate: a boolean that is not"
		    " TRUE, which alone is encoded");
	return d->error == NULL;
}

struct bytes
imprint_der_get_octets(struct der *d)
{
	struct bytes b = imprint_der_get(d, DER_BIT_STRING);

	if (d->error == NULL && (b.len < 2 || b.ptr[0] != 0))
		imprint_der_fail(d, "certificate: a bit string of no whole"
		    " octets");
	return d->error == NULL ? bytes_of(b.ptr + 1, b.len - 1) : nothing;
}

unsigned
imprint_der_get_named_bits(struct der *d)
{
	struct bytes b = imprint_der_get(d, DER_BIT_STRING);
	unsigned i, bits = 0;

	if (d->error != NULL)
		return 0;
	/* the last bit that is there is set, those after it are not */
	if (b.len != 2 || b.ptr[0] > 7 || (b.ptr[1] & 0xffU >> (8 -
	    b.ptr[0])) != 0 || (b.ptr[1] >> b.ptr[0] & 1) == 0) {
		imprint_der_fail(d, "certificate: named bits: none, not DER,"
		    " or one that is not known");
		return 0;
	}
	for (i = 0; i < 8; i++)
		if ((b.ptr[1] & 0x80U >> i) != 0)
			bits |= 1U << i;
	return bits;
}

struct bytes
imprint_der_get_oid(struct der *d)
{
	struct bytes oid = imprint_der_get(d, DER_OID);
	bool start = true, good = oid.len > 0;
	size_t i;

	/* each number in its fewest octets, and the last one complete */
	for (i = 0; i < oid.len; i++) {
		good = good && !(start && oid.ptr[i] == 0x80);
		start = (oid.ptr[i] & 0x80) == 0;
	}
	if (!good || !start)
		imprint_der_fail(d, "certificate: an object identifier that"
		    " is not DER");
	return d->error == NULL ? oid : nothing;
}

/* Two digits, or -1. */
static int
digits_get(const uint8_t *at)
{
	if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9')
		return -1;
	return (at[0] - '0') * 10 + (at[1] - '0');
}

static int
month_days(int year, int month)
{
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	if (month == 2)
		return leap ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* Days since 1970-01-01. Years are counted from 1 March, so that the leap
 * day is the last one of its year. */
static int32_t
days_of(int year, int month, int day)
{
	int32_t y, m;

	y = month <= 2 ? year - 1 : year;
	m = month <= 2 ? month + 9 : month - 3;
	return y / 400 * DAYS_400Y + y % 400 * 365 + y % 400 / 4 -
	    y % 400 / 100 + (153 * m + 2) / 5 + day - 1 - DAYS_TO_1970;
}

/* MMDDHHMMSSZ of that year; -1 when there is no such time. */
static int64_t
time_of(int year, const uint8_t *at)
{
	int n[5], i;

	for (i = 0; i < 5; i++)
		n[i] = digits_get(at + 2 * i);
	if (year < 1970 || n[0] < 1 || n[0] > 12 || n[1] < 1 ||
	    n[1] > month_days(year, n[0]) || n[2] < 0 || n[2] > 23 ||
	    n[3] < 0 || n[3] > 59 || n[4] < 0 || n[4] > 59 || at[10] != 'Z')
		return -1;
	return (int64_t)days_of(year, n[0], n[1]) * 86400 + n[2] * 3600 +
	    n[3] * 60 + n[4];
}

int64_t
imprint_der_get_time(struct der *d)
{
	bool utc = imprint_der_next_is(d, DER_UTC_TIME);
	size_t digits = utc ? 2 : 4;
	int64_t t = -1;
	struct bytes text;
	int year, low;

	text = imprint_der_get(d, utc ? DER_UTC_TIME : DER_GENERALIZED_TIME);
	if (d->error != NULL)
		return 0;
	if (text.len == digits + 11) {
		year = digits_get(text.ptr);
		low = utc ? year : digits_get(text.ptr + 2);
		if (utc)
			year += year < 50 ? 2000 : 1900;
		else
			year = year * 100 + low;
		if (low >= 0 && (utc || year >= 2050))
			t = time_of(year, text.ptr + digits);
	}
	if (t < 0)
		imprint_der_fail(d, "certificate: a time that is none, before"
		    " 1970 or not DER");
	return t < 0 ? 0 : t;
}
