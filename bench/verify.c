/*
 * verify.document, verify.receipt: documents a second and core through
 * libimprint-verify, signed directly or by receipts, against bare P-256
 * verifications of the same number; they take turns.
 */
#include <stdlib.h>

#include "bench/bench.h"
#include <imprint/verify.h>
#include "lib/authority/lookup.h"
#include "lib/base/clock.h"

#define ORDERED		1024	/* a whole chunk: the longest paths */
#define DOCUMENTS	256
#define ROUNDS		15
#define PER_ROUND	4096

struct samples {
	struct buf		 bytes[DOCUMENTS];
	struct buf		 trust;
	struct imprint_verifier	*verifier;
	struct verifier		*bare;
	uint8_t			 digest[SHA256_SIZE], sig[SIGNATURE_SIZE];
};

static enum err
documents_get(struct authority *authority, struct samples *samples,
    struct diag *diag)
{
	_cleanup_lookup_ struct lookup *lookup = NULL;
	const struct template *template;
	struct store_range range;
	struct identity identity;
	struct address address = { .log = LOG_BULK_NUMBER };
	enum err err;

	err = lookup_new(authority, &lookup, diag);
	for (; address.index < DOCUMENTS && !err; address.index++) {
		err = lookup_get(lookup, &address, &identity, &range,
		    &template, diag);
		if (err)
			break;
		samples->bytes[address.index].limit = BUF_LIMIT_DEFAULT;
		buf_put_bytes(&samples->bytes[address.index],
		    identity.document);
		err = buf_err(&samples->bytes[address.index]);
	}
	return err;
}

static enum err
bare_start(struct samples *samples, struct diag *diag)
{
	_cleanup_secret_ struct secret private = SECRET_INIT;
	_cleanup_signer_ struct signer *signer = NULL;
	struct public_key key;
	enum err err;

	err = key_pair_make(KEY_P256, &key, &private, diag);
	if (!err)
		err = signer_new(KEY_P256, secret_bytes(&private), &signer,
		    diag);
	if (!err)
		err = signer_sign_digest(signer, samples->digest,
		    samples->sig);
	if (!err)
		err = verifier_new(&key, &samples->bare, diag);
	return err;
}

static enum err
samples_start(struct samples *samples, const char *product,
    struct diag *diag)
{
	_cleanup_authority_ struct authority *authority = NULL;
	char path[PATH_SIZE], reason[IMPRINT_REASON_SIZE];
	uint32_t number = 0;
	enum err err;

	samples->trust.limit = BUF_LIMIT_DEFAULT;
	err = bench_ecosystem("verify", &authority, diag);
	if (!err)
		err = bench_order(authority, product, ORDERED, &number, diag);
	if (!err)
		err = bench_order_run(authority, number, diag);
	if (!err)
		err = documents_get(authority, samples, diag);
	if (!err)
		err = path_join(path, authority_dir(authority),
		    "publish/trust.pem");
	if (!err)
		err = io_read_file(io_posix(), path, &samples->trust, diag);
	if (!err)
		err = bare_start(samples, diag);
	if (!err && imprint_verifier_new((const char *)samples->trust.ptr,
	    samples->trust.len, &samples->verifier, reason,
	    sizeof(reason)) != IMPRINT_OK)
		err = diag_fail(diag, ERR_INTERNAL, NULL, "trust: %s",
		    reason);
	return err;
}

static enum err
documents_verify(struct samples *samples)
{
	struct imprint_question question = { .now = time_now() };
	struct imprint_answer answer;
	size_t i;

	for (i = 0; i < PER_ROUND; i++) {
		question.document = samples->bytes[i % DOCUMENTS].ptr;
		question.document_len = samples->bytes[i % DOCUMENTS].len;
		if (imprint_verify(samples->verifier, &question, &answer) !=
		    IMPRINT_OK || answer.verdict != IMPRINT_ALLOW)
			return ERR_INTERNAL;
	}
	return ERR_OK;
}

static enum err
bare_verify(struct samples *samples)
{
	bool good = false;
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < PER_ROUND && !err; i++) {
		err = verifier_check_digest(samples->bare, samples->digest,
		    bytes_of(samples->sig, SIGNATURE_SIZE), &good);
		if (!err && !good)
			err = ERR_INTERNAL;
	}
	return err;
}

static enum err
rounds_run(struct samples *samples, struct bench_result *result)
{
	double rates[ROUNDS], bare[ROUNDS];
	int64_t start, middle, end;
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < ROUNDS && !err; i++) {
		start = time_monotonic_ns();
		err = bare_verify(samples);
		middle = time_monotonic_ns();
		if (!err)
			err = documents_verify(samples);
		end = time_monotonic_ns();
		bare[i] = PER_ROUND * 1e9 / (double)(middle - start);
		rates[i] = PER_ROUND * 1e9 / (double)(end - middle);
	}
	bench_rounds(result, rates, bare, ROUNDS);
	return err;
}

static enum err
verify_run(const char *product, struct bench_result *result,
    struct diag *diag)
{
	struct samples *samples = calloc(1, sizeof(*samples));
	size_t i;
	enum err err;

	if (samples == NULL)
		return diag_nomem(diag);
	err = samples_start(samples, product, diag);
	if (!err)
		err = rounds_run(samples, result);
	for (i = 0; i < DOCUMENTS; i++)
		buf_release(&samples->bytes[i]);
	buf_release(&samples->trust);
	imprint_verifier_free(samples->verifier);
	verifier_free(&samples->bare);
	free(samples);
	return err;
}

static enum err
direct_run(struct bench_result *result, struct diag *diag)
{
	return verify_run(BENCH_DIRECT, result, diag);
}

static enum err
receipt_run(struct bench_result *result, struct diag *diag)
{
	return verify_run(BENCH_RECEIPT, result, diag);
}

static bool
verify_kept(const struct bench_result *result)
{
	return result->ratio >= 0.8;
}

const struct bench bench_verify_document = { "verify.document",
    "documents/s", "ratio >= 0.8", verify_kept, direct_run };

const struct bench bench_verify_receipt = { "verify.receipt",
    "documents/s", "ratio >= 0.8", verify_kept, receipt_run };
