/*
 * issue.direct, issue.receipt: the whole pipeline, to durable commit and synced
 * pack, against the bare cryptography of the same identities (floor.h).
 */
#include "bench/floor.h"

#include "lib/base/clock.h"

#define PER_ROUND	20480

struct issue {
	struct authority	*authority;
	const char		*product;
};

static enum err
order_work(void *ctx, uint64_t count, int64_t *ret_ns, struct diag *diag)
{
	struct issue *issue = ctx;
	uint32_t number = 0;
	int64_t start;
	enum err err;

	err = bench_order(issue->authority, issue->product, count, &number,
	    diag);
	start = time_monotonic_ns();
	if (!err)
		err = bench_order_run(issue->authority, number, diag);
	*ret_ns = time_monotonic_ns() - start;
	return err;
}

static enum err
issue_run(const char *product, struct bench_result *result,
    struct diag *diag)
{
	const struct floor_work work = { .keys = true,
	    .document = strcmp(product, BENCH_DIRECT) == 0 };
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_floors_ struct floors *floors = NULL;
	struct issue issue = { .product = product };
	enum err err;

	err = bench_ecosystem("issue", &authority, diag);
	if (!err)
		err = floors_new(&work, &floors, diag);
	issue.authority = authority;
	return err ? err : floors_rounds(floors, PER_ROUND, order_work,
	    &issue, result, diag);
}

static enum err
direct_run(struct bench_result *result, struct diag *diag)
{
	return issue_run(BENCH_DIRECT, result, diag);
}

static enum err
receipt_run(struct bench_result *result, struct diag *diag)
{
	return issue_run(BENCH_RECEIPT, result, diag);
}

static bool
direct_kept(const struct bench_result *result)
{
	return result->ratio >= 0.85;
}

static bool
receipt_kept(const struct bench_result *result)
{
	return result->ratio >= 0.8;
}

const struct bench bench_issue_direct = { "issue.direct", "identities/s",
    "ratio >= 0.85", direct_kept, direct_run };

const struct bench bench_issue_receipt = { "issue.receipt", "identities/s",
    "ratio >= 0.8", receipt_kept, receipt_run };
