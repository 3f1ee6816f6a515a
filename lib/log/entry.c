#include "lib/log/entry.h"

#include "lib/base/cbor_write.h"

void
log_entry_put(struct buf *out, enum log_entry_kind kind, uint64_t index,
    enum evidence_class evidence, struct bytes commitment)
{
	cbor_put_array(out, 5);
	cbor_put_uint(out, LOG_ENTRY_VERSION);
	cbor_put_uint(out, kind);
	cbor_put_uint(out, index);
	cbor_put_uint(out, evidence);
	if (commitment.len == 0)
		cbor_put_null(out);
	else
		cbor_put_bstr(out, commitment);
}
