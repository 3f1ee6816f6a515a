/*
 * What the readers of devices' lists share: the file in blocks, and what
 * becomes of good and bad entries. Internal to lib/devices.
 *
 * One bad entry refuses the list whole; the rest is read all the same, so
 * that every bad one is told to whoever asks (device_list_input.bad) and the
 * error says how many there are. Nothing is written after the first.
 */
#ifndef IMPRINT_DEVICES_READING_H
#define IMPRINT_DEVICES_READING_H

#include "lib/identity/device_list.h"

struct reading {
	const struct device_list_input	*input;
	struct device_list_writer	*writer;
	const char			*place_word;
	struct device_entry		*entry;	/* the one being put together */
	uint8_t				*block;
	uint64_t			 entries, bad;
	struct diag			 first;		/* bad one */
};

#define _cleanup_reading_ __attribute__((cleanup(reading_release)))
/* place_word: as the format's. A reading that is all 0 may be released. */
MUST_USE enum err reading_init(struct reading *,
    const struct device_list_input *, struct device_list_writer *,
    const char *place_word, struct diag *);
void	reading_release(struct reading *);

/* Give the whole file to feed, block by block, to the first error. */
MUST_USE enum err reading_feed(struct reading *,
    enum err (*feed)(void *ctx, struct bytes, struct diag *), void *ctx,
    struct diag *);
/*
 * A view of at most max octets from offset on, fewer only at the file's end.
 * It lasts until the next one. max: up to READING_VIEW_MAX.
 */
#define READING_VIEW_MAX	((size_t)64 << 10)
MUST_USE enum err reading_view(struct reading *, uint64_t offset, size_t max,
    struct bytes *ret_view, struct diag *);

/*
 * r->entry, or why it is none, with what was found: an error about an entry
 * is counted and ERR_OK, another one (memory, disk) is returned.
 */
MUST_USE enum err reading_entry(struct reading *, uint64_t place, enum err,
    const struct diag *why, struct diag *);
/* That was all: the first error, and how many there were. */
MUST_USE enum err reading_end(struct reading *, struct diag *);

/* What the whole file is refused for. */
enum err reading_fail(struct reading *, enum err, struct diag *,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* The slot of the only key that such an input has for a device. ERR_INVALID:
 * the product wants several; hint: what to use then. */
MUST_USE enum err reading_slot(struct reading *, const char *hint,
    unsigned *ret_slot, struct diag *);

#endif
