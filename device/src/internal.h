/* What the files of the device library share. */
#ifndef IMPRINT_DEVICE_INTERNAL_H
#define IMPRINT_DEVICE_INTERNAL_H

#include "device/include/imprint/device.h"
#include "lib/base/bytes.h"
#include "lib/base/cbor.h"

static inline struct bytes
view(struct imprint_bytes b)
{
	return bytes_of(b.ptr, b.len);
}

static inline struct imprint_bytes
export(struct bytes b)
{
	struct imprint_bytes e;

	e.ptr = b.ptr;
	e.len = b.len;
	return e;
}

/*
 * The document of a package: COSE_Sign1 (RFC 9052 4.2) and its claims.
 * Verdict ACCEPT, or why not, with static text.
 */
enum imprint_device_verdict imprint_device_document_read(struct bytes,
    struct imprint_device_identity *, const char **ret_reason);

/* A COSE_Key (RFC 9053 7); false and the reader failed when it is none. */
bool	imprint_device_cose_key_read(struct cbor *,
	    struct imprint_device_public *);

#endif
