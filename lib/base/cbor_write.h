/*
 * Writer of deterministic CBOR (RFC 8949 4.2.1) into a builder. Heads are
 * always shortest. The caller gives maps their size first and their keys in
 * ascending order; cbor_put_map_sorted() sorts for those who cannot.
 * Failures stick in the builder.
 */
#ifndef IMPRINT_BASE_CBOR_WRITE_H
#define IMPRINT_BASE_CBOR_WRITE_H

#include "lib/base/buf.h"
#include "lib/base/cbor.h"

void	cbor_put_uint(struct buf *, uint64_t);
void	cbor_put_int(struct buf *, int64_t);
void	cbor_put_bstr(struct buf *, struct bytes);
void	cbor_put_tstr(struct buf *, struct bytes);
void	cbor_put_text(struct buf *, const char *);
void	cbor_put_array(struct buf *, size_t count);
void	cbor_put_map(struct buf *, size_t pairs);
void	cbor_put_tag(struct buf *, uint64_t);
void	cbor_put_bool(struct buf *, bool);
void	cbor_put_null(struct buf *);
/* The head alone of a byte string whose len octets the caller appends. */
void	cbor_put_bstr_head(struct buf *, size_t len);

/* pairs encoded {key, value} items in any order; written sorted. Sets the
 * builder's error to ERR_INVALID on a double key. pairs is reordered. */
struct cbor_pair {
	struct bytes	key;
	struct bytes	value;
};
void	cbor_put_map_sorted(struct buf *, struct cbor_pair *, size_t pairs);

/* Diagnostic notation (RFC 8949 8) of one checked item, for people. */
void	cbor_put_diagnostic(struct buf *, struct bytes item);

#endif
