/*
 * status.revoke_1m: a range of a million identities revoked and published.
 * status.crl_1m: a CRL of a million entries made again, against hashing and
 * writing as many octets, synced; and the peak memory of the process that
 * makes it. Both work on synthetic identities (fill.h).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/bench.h"
#include "bench/fill.h"
#include "lib/authority/publish.h"
#include "lib/authority/request_status.h"
#include "lib/base/clock.h"

#define MILLION		1000000
#define ROUNDS		7
#define BLOCK_SIZE	((size_t)64 << 10)

struct crl_figures {
	double	ms, floor_ms, ratio, peak_mb;
};

static char dir[PATH_SIZE];		/* of the one ecosystem */
static double revoke_ms;
static struct crl_figures figures;

static void
bytes_take(void *ctx, const struct published *what, uint64_t certificates,
    uint64_t crl_bytes)
{
	if (certificates > 0)
		*(uint64_t *)ctx = crl_bytes;
	(void)what;
}

static enum err
publish_time(struct authority *authority, double *ret_ms,
    uint64_t *ret_bytes, struct diag *diag)
{
	struct publish publish = { .now = time_now(), .done = bytes_take,
	    .ctx = ret_bytes };
	int64_t start = time_monotonic_ns();
	enum err err;

	err = authority_publish_status(authority, &publish, diag);
	*ret_ms = (double)(time_monotonic_ns() - start) / 1e6;
	return err;
}

static enum err
revoke_all(struct authority *authority, struct diag *diag)
{
	struct status_range all = { LOG_BULK_NUMBER, 0, MILLION };
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	uint64_t bytes = 0;
	int64_t start;
	double ms;
	enum err err;

	err = request_put_status(&body, STATUS_REVOKE, CRL_KEY_COMPROMISE,
	    &all, 1, "all");
	start = time_monotonic_ns();
	if (!err)
		err = bench_submit(authority, REQUEST_STATUS,
		    buf_bytes(&body), &result, diag);
	if (!err)
		err = publish_time(authority, &ms, &bytes, diag);
	revoke_ms = (double)(time_monotonic_ns() - start) / 1e6;
	return err;
}

/* Once for both. */
static enum err
million_make(struct diag *diag)
{
	_cleanup_authority_ struct authority *authority = NULL;
	enum err err;

	if (dir[0] != '\0')
		return ERR_OK;
	err = bench_ecosystem("status", &authority, diag);
	if (!err)
		err = fill_identities(authority, 1, MILLION, NULL, NULL,
		    diag);
	if (!err)
		err = revoke_all(authority, diag);
	if (!err)
		(void)snprintf(dir, sizeof(dir), "%s",
		    authority_dir(authority));
	return err;
}

/* Hashing and writing so many octets, durably, to a file of its own. */
static enum err
floor_time(const char *path, uint64_t bytes, const uint8_t *block,
    double *ret_ms, struct diag *diag)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	_cleanup_file_ struct file file = FILE_INIT;
	int64_t start = time_monotonic_ns();
	uint8_t digest[SHA256_SIZE];
	struct bytes part;
	uint64_t at;
	enum err err;

	err = sha256_new(&sha256, diag);
	if (!err)
		err = sha256_begin(sha256);
	if (!err)
		err = file_open(io_posix(), path, O_RDWR | O_CREAT | O_TRUNC,
		    0600, &file, diag);
	for (at = 0; at < bytes && !err; at += part.len) {
		part = bytes_of(block, bytes - at < BLOCK_SIZE ?
		    (size_t)(bytes - at) : BLOCK_SIZE);
		err = sha256_update(sha256, part);
		if (!err)
			err = file_write_at(&file, at, part, diag);
	}
	if (!err)
		err = sha256_end(sha256, digest);
	if (!err)
		err = file_sync(&file, diag);
	*ret_ms = (double)(time_monotonic_ns() - start) / 1e6;
	return err;
}

static enum err
rounds_run(struct authority *authority, const uint8_t *block,
    struct diag *diag)
{
	double ms[ROUNDS], bare[ROUNDS], ratios[ROUNDS];
	double before = 0, after = 0;
	char path[PATH_SIZE];
	uint64_t bytes = 0;
	size_t i;
	enum err err;

	err = path_join(path, authority_dir(authority), "floor");
	if (!err)
		err = publish_time(authority, &ms[0], &bytes, diag);
	if (!err)
		err = floor_time(path, bytes, block, &before, diag);
	for (i = 0; i < ROUNDS && !err; i++) {
		err = publish_time(authority, &ms[i], &bytes, diag);
		if (!err)
			err = floor_time(path, bytes, block, &after, diag);
		bare[i] = (before + after) / 2;
		ratios[i] = bare[i] / ms[i];
		before = after;
	}
	if (err)
		return err;
	figures.ms = bench_median(ms, ROUNDS);
	figures.floor_ms = bench_median(bare, ROUNDS);
	figures.ratio = bench_median(ratios, ROUNDS);
	return ERR_OK;
}

int
bench_child_crl(const char *path)
{
	_cleanup_authority_ struct authority *authority = NULL;
	struct diag diag = DIAG_INIT;
	uint8_t *block;
	enum err err;

	block = calloc(1, BLOCK_SIZE);
	err = block == NULL ? ERR_NOMEM : bench_open(path, &authority, &diag);
	if (!err)
		err = rounds_run(authority, block, &diag);
	free(block);
	if (err) {
		(void)fprintf(stderr, "%s: %s\n", err_name(err), diag.what);
		return 1;
	}
	printf("%f %f %f\n", figures.ms, figures.floor_ms, figures.ratio);
	return 0;
}

static enum err
child_made(struct diag *diag)
{
	double values[BENCH_VALUES_MAX];
	enum err err;

	if (figures.ms > 0)
		return ERR_OK;
	err = million_make(diag);
	if (!err)
		err = bench_child("--child-crl", dir, values, 3,
		    &figures.peak_mb, diag);
	if (err)
		return err;
	figures.ms = values[0];
	figures.floor_ms = values[1];
	figures.ratio = values[2];
	return ERR_OK;
}

static enum err
revoke_run(struct bench_result *result, struct diag *diag)
{
	enum err err;

	err = million_make(diag);
	result->value = revoke_ms;
	return err;
}

static bool
revoke_kept(const struct bench_result *result)
{
	return result->value <= 2000;
}

const struct bench bench_status_revoke = { "status.revoke_1m", "ms",
    "<= 2000", revoke_kept, revoke_run };

static enum err
crl_run(struct bench_result *result, struct diag *diag)
{
	enum err err;

	err = child_made(diag);
	result->value = figures.ms;
	result->floor = figures.floor_ms;
	result->ratio = figures.ratio;
	return err;
}

static bool
crl_kept(const struct bench_result *result)
{
	return result->ratio >= 0.5;
}

const struct bench bench_status_crl = { "status.crl_1m", "ms",
    "ratio >= 0.5", crl_kept, crl_run };

static enum err
peak_run(struct bench_result *result, struct diag *diag)
{
	enum err err;

	err = child_made(diag);
	result->value = figures.peak_mb;
	return err;
}

static bool
peak_kept(const struct bench_result *result)
{
	return result->value < 50;
}

const struct bench bench_status_memory = { "status.crl_1m_peak", "MB",
    "< 50", peak_kept, peak_run };
