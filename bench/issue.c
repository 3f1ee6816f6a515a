/*
 * issue.direct, issue.receipt: the whole pipeline, to durable commit and synced
 * pack, against the bare cryptography of the same identities: one P-256 key
 * pair, the certificate's P-256 signature and, unless with receipts, the
 * document's, one X25519 key pair, the hashing; same library calls, contexts
 * reused, as many threads. Work and floor take turns.
 */
#include <pthread.h>
#include <unistd.h>

#include "bench/bench.h"
#include "lib/base/clock.h"

#define ROUNDS		7
#define PER_ROUND	20480
#define THREADS_MAX	64
#define TBS_SIZE	560	/* octets hashed for a certificate */
#define CLAIMS_SIZE	1180	/* for its claims: commitment, signature */
#define NODES_SIZE	(40 + 65)	/* for a leaf, and a node above it */

struct floor {
	pthread_t		 thread;
	struct keygen		*p256, *x25519;
	struct signer		*issuer, *document;
	struct sha256		*sha256;
	struct secret		 private;
	bool			 direct;
	uint64_t		 count;
	enum err		 err;
};

static enum err
floor_signer(struct floor *f, struct signer **ret_signer, struct diag *diag)
{
	struct public_key key;
	size_t len = 0;
	enum err err;

	err = keygen_run(f->p256, &key, f->private.ptr, &len);
	if (!err)
		err = signer_new(KEY_P256, bytes_of(f->private.ptr, len),
		    ret_signer, diag);
	return err;
}

static enum err
floor_start(struct floor *f, struct diag *diag)
{
	enum err err;

	err = secret_alloc(&f->private, 2 * KEY_PRIVATE_SIZE);
	if (!err)
		err = keygen_new(KEY_P256, &f->p256, diag);
	if (!err)
		err = keygen_new(KEY_X25519, &f->x25519, diag);
	if (!err)
		err = sha256_new(&f->sha256, diag);
	if (!err)
		err = floor_signer(f, &f->issuer, diag);
	if (!err)
		err = floor_signer(f, &f->document, diag);
	return err;
}

static void
floor_release(struct floor *f)
{
	keygen_free(&f->p256);
	keygen_free(&f->x25519);
	signer_free(&f->issuer);
	signer_free(&f->document);
	sha256_free(&f->sha256);
	secret_release(&f->private);
}

static enum err
floor_one(struct floor *f, const uint8_t *octets)
{
	uint8_t digest[SHA256_SIZE], sig[SIGNATURE_SIZE];
	struct bytes tbs = bytes_of(octets, TBS_SIZE);
	struct bytes claims = bytes_of(octets, CLAIMS_SIZE);
	struct public_key key;
	size_t len;
	enum err err;

	err = keygen_run(f->p256, &key, f->private.ptr, &len);
	if (!err)
		err = keygen_run(f->x25519, &key,
		    f->private.ptr + KEY_PRIVATE_SIZE, &len);
	if (!err)
		err = sha256_parts(f->sha256, &tbs, 1, digest);
	if (!err)
		err = signer_sign_digest(f->issuer, digest, sig);
	if (!err)
		err = sha256_parts(f->sha256, &claims, 1, digest);
	if (err)
		return err;
	claims.len = f->direct ? CLAIMS_SIZE : NODES_SIZE;
	err = sha256_parts(f->sha256, &claims, 1, digest);
	if (!err && f->direct)
		err = signer_sign_digest(f->document, digest, sig);
	return err;
}

static void *
floor_run(void *arg)
{
	static const uint8_t octets[CLAIMS_SIZE] = { 1 };
	struct floor *f = arg;
	uint64_t i;

	for (i = 0; i < f->count && !f->err; i++)
		f->err = floor_one(f, octets);
	return NULL;
}

/* Identities a second of the bare cryptography. */
static enum err
floor_rate(struct floor *floors, unsigned threads, double *ret_rate,
    struct diag *diag)
{
	int64_t start = time_monotonic_ns();
	unsigned i, started;
	enum err err = ERR_OK;

	for (i = 0; i < threads; i++) {
		floors[i].count = PER_ROUND / 2 / threads;
		if (pthread_create(&floors[i].thread, NULL, floor_run,
		    &floors[i]) != 0)
			break;
	}
	started = i;
	for (i = 0; i < started; i++) {
		pthread_join(floors[i].thread, NULL);
		err = err ? err : floors[i].err;
	}
	if (err || started != threads)
		return diag_fail(diag, err ? err : ERR_NOMEM, NULL, "floor");
	*ret_rate = (double)(floors[0].count * threads) * 1e9 /
	    (double)(time_monotonic_ns() - start);
	return ERR_OK;
}

static enum err
rounds_run(struct authority *authority, const char *product,
    struct floor *floors, unsigned threads, struct bench_result *result,
    struct diag *diag)
{
	double rates[ROUNDS], bare[ROUNDS], ratios[ROUNDS];
	double before = 0, after = 0;
	uint32_t number = 0;
	int64_t start;
	size_t i;
	enum err err;

	err = floor_rate(floors, threads, &before, diag);
	for (i = 0; i < ROUNDS && !err; i++) {
		err = bench_order(authority, product, PER_ROUND, &number,
		    diag);
		start = time_monotonic_ns();
		if (!err)
			err = bench_order_run(authority, number, diag);
		rates[i] = (double)PER_ROUND * 1e9 /
		    (double)(time_monotonic_ns() - start);
		if (!err)
			err = floor_rate(floors, threads, &after, diag);
		bare[i] = (before + after) / 2;
		ratios[i] = rates[i] / bare[i];
		before = after;
	}
	if (err)
		return err;
	result->value = bench_median(rates, ROUNDS);
	result->floor = bench_median(bare, ROUNDS);
	result->ratio = bench_median(ratios, ROUNDS);
	return ERR_OK;
}

static enum err
issue_run(const char *product, struct bench_result *result,
    struct diag *diag)
{
	_cleanup_authority_ struct authority *authority = NULL;
	struct floor floors[THREADS_MAX] = { 0 };
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned threads, i;
	enum err err;

	threads = online < 1 ? 1 : online > THREADS_MAX ? THREADS_MAX :
	    (unsigned)online;
	err = bench_ecosystem("issue", &authority, diag);
	for (i = 0; i < threads && !err; i++) {
		floors[i].direct = strcmp(product, BENCH_DIRECT) == 0;
		err = floor_start(&floors[i], diag);
	}
	if (!err)
		err = rounds_run(authority, product, floors, threads, result,
		    diag);
	for (i = 0; i < threads; i++)
		floor_release(&floors[i]);
	return err;
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
