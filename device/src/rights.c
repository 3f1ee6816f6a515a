#include "device/src/internal.h"

/* The scope's bits for an object; the form was checked when it was read. */
static uint32_t
scope_bits(const struct imprint_device_identity *id, struct bytes object)
{
	size_t i, count;
	struct bytes found;
	uint32_t bits;
	struct cbor c;

	if (id->scope.len == 0)
		return 0;
	cbor_open_checked(&c, view(id->scope));
	count = cbor_get_array(&c);
	for (i = 0; i < count && cbor_ok(&c); i++) {
		cbor_get_array_sized(&c, 2);
		found = cbor_get_tstr(&c);
		bits = (uint32_t)cbor_get_uint(&c);
		if (cbor_ok(&c) && bytes_equal(found, object))
			return bits;
	}
	return 0;
}

/* Pair number n of a map of text to text or number; false: none. */
static bool
pair_at(struct imprint_bytes map, size_t n, struct cbor *c,
    struct bytes *ret_key)
{
	size_t i, count;

	if (map.len == 0)
		return false;
	cbor_open_checked(c, view(map));
	count = cbor_get_map(c);
	if (n >= count)
		return false;
	for (i = 0; i < n; i++) {
		cbor_skip(c);
		cbor_skip(c);
	}
	*ret_key = cbor_get_tstr(c);
	return cbor_ok(c);
}

bool
imprint_device_object_at(const struct imprint_device_identity *id, size_t n,
    struct imprint_device_object *ret_object)
{
	struct bytes object;
	uint32_t bits;
	struct cbor c;

	if (!pair_at(id->capabilities, n, &c, &object))
		return false;
	bits = (uint32_t)cbor_get_uint(&c);
	if (!cbor_ok(&c))
		return false;
	ret_object->object = export(object);
	ret_object->capable = bits;
	ret_object->scope = scope_bits(id, object);
	ret_object->effective = bits & ret_object->scope;
	return true;
}

uint32_t
imprint_device_rights(const struct imprint_device_identity *id,
    struct imprint_bytes object)
{
	struct imprint_device_object at;
	size_t n;

	for (n = 0; imprint_device_object_at(id, n, &at); n++)
		if (bytes_equal(view(at.object), view(object)))
			return at.effective;
	return 0;
}

bool
imprint_device_may(const struct imprint_device_identity *id,
    struct imprint_bytes object, enum imprint_device_permission permission)
{
	return (size_t)permission < IMPRINT_DEVICE_PERMISSIONS &&
	    (imprint_device_rights(id, object) >> permission & 1) != 0;
}

bool
imprint_device_name_at(const struct imprint_device_identity *id, size_t n,
    struct imprint_bytes *ret_kind, struct imprint_bytes *ret_text)
{
	struct bytes kind, text;
	struct cbor c;

	if (!pair_at(id->names, n, &c, &kind))
		return false;
	text = cbor_get_tstr(&c);
	if (!cbor_ok(&c))
		return false;
	*ret_kind = export(kind);
	*ret_text = export(text);
	return true;
}

bool
imprint_device_anchor_at(const struct imprint_device_identity *id, size_t n,
    struct imprint_bytes *ret_purpose, struct imprint_bytes *ret_hash)
{
	struct bytes purpose, hash = BYTES_NONE;
	size_t i, j, purposes, count, at = 0;
	struct cbor c;

	if (id->anchors.len == 0)
		return false;
	cbor_open_checked(&c, view(id->anchors));
	purposes = cbor_get_map(&c);
	for (i = 0; i < purposes && cbor_ok(&c); i++) {
		purpose = cbor_get_tstr(&c);
		count = cbor_get_array(&c);
		for (j = 0; j < count && cbor_ok(&c); j++, at++) {
			if (at < n) {
				cbor_skip(&c);
				continue;
			}
			(void)cbor_get_map(&c);
			if (cbor_get_int(&c) == 2) {
				(void)cbor_get_array(&c);
				cbor_skip(&c);
				hash = cbor_get_bstr(&c);
			}
			*ret_purpose = export(purpose);
			*ret_hash = export(hash);
			return cbor_ok(&c);
		}
	}
	return false;
}
