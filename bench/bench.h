/*
 * Benchmarks: each prints its figure and the floor it is held against,
 * measured in the same run, interleaved with the work.
 */
#ifndef IMPRINT_BENCH_BENCH_H
#define IMPRINT_BENCH_BENCH_H

#include "lib/authority/authority.h"

struct bench_result {
	double		value;
	double		floor;		/* 0: none */
	double		ratio;		/* as the budget counts it; 0: none */
};

struct bench {
	const char	*name;		/* "issue.direct" */
	const char	*unit;
	const char	*budget;	/* for people: "ratio >= 0.85" */
	/* is the budget kept? */
	bool		(*kept)(const struct bench_result *);
	enum err	(*run)(struct bench_result *, struct diag *);
};

extern const struct bench bench_issue_direct;
extern const struct bench bench_issue_receipt;
extern const struct bench bench_storage_bytes;
extern const struct bench bench_verify_document;
extern const struct bench bench_verify_receipt;
extern const struct bench bench_memory_order;

/* A scratch folder below build/, emptied at the start of the program. */
extern char bench_dir[PATH_SIZE];

/* An ecosystem with the camera product, the same with receipts, and one
 * station; unlocked. */
#define BENCH_DIRECT	"camera"
#define BENCH_RECEIPT	"camera-receipt"
MUST_USE enum err bench_ecosystem(const char *name,
    struct authority **ret_authority, struct diag *);
/* Order count of a product; then run the order. */
MUST_USE enum err bench_order(struct authority *, const char *product,
    uint64_t count, uint32_t *ret_number, struct diag *);
MUST_USE enum err bench_order_run(struct authority *, uint32_t number,
    struct diag *);
/* The middle of count values, which are sorted. */
double	bench_median(double *values, size_t count);

/* A run of its own: issues count identities in a new ecosystem; peak memory
 * and bytes on disk but the packs. Called as "imprint-bench --child COUNT". */
struct bench_child {
	double	peak_mb;
	double	bytes;
};
MUST_USE enum err bench_child_run(uint64_t count, struct bench_child *,
    struct diag *);
int	bench_child_main(const char *count);

#endif
