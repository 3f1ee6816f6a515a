/*
 * Work whose parts do not wait for each other, on all processors.
 */
#ifndef IMPRINT_BASE_PARALLEL_H
#define IMPRINT_BASE_PARALLEL_H

#include <stddef.h>

/*
 * each(ctx, i) for i from 0 to count - 1, in any order and on several threads
 * at once; back when all are done. each keeps to what is its own and records
 * its outcome there. The caller works too: where no thread can be had, alone.
 */
void	parallel_each(void (*each)(void *ctx, size_t i), void *ctx,
	    size_t count);

#endif
