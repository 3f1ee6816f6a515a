/*
 * storage.bytes_per_identity and memory.order: an order of 200,000 in a
 * process of its own; memory is held against the same at 10,000.
 */
#include "bench/bench.h"

#define LARGE	200000
#define SMALL	10000

static struct bench_child large;	/* of the one long run */

static enum err
large_run(struct diag *diag)
{
	if (large.bytes > 0)
		return ERR_OK;
	return bench_child_run(LARGE, &large, diag);
}

static enum err
storage_run(struct bench_result *result, struct diag *diag)
{
	enum err err;

	err = large_run(diag);
	result->value = large.bytes / LARGE;
	return err;
}

static bool
storage_kept(const struct bench_result *result)
{
	return result->value <= 300;
}

const struct bench bench_storage_bytes = { "storage.bytes_per_identity",
    "bytes", "<= 300", storage_kept, storage_run };

static enum err
memory_run(struct bench_result *result, struct diag *diag)
{
	struct bench_child small;
	enum err err;

	err = large_run(diag);
	if (!err)
		err = bench_child_run(SMALL, &small, diag);
	if (err)
		return err;
	result->value = large.peak_mb;
	result->floor = small.peak_mb;
	result->ratio = result->value / result->floor;
	return ERR_OK;
}

static bool
memory_kept(const struct bench_result *result)
{
	return result->value < 100 && result->ratio <= 1.1;
}

const struct bench bench_memory_order = { "memory.order", "MB",
    "< 100, ratio <= 1.1", memory_kept, memory_run };
