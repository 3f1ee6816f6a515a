/* Plain EST in tests: products, requests, and what came of them. */
#ifndef IMPRINT_AUTHORITY_TEST_ENROL_EST_H
#define IMPRINT_AUTHORITY_TEST_ENROL_EST_H

#include "lib/authority/test_enrol.h"
#include "lib/x509/test_csr_make.h"

/* The doorbell in a version of so many keys; EST can hand out one. */
static inline void
product_with(struct world *w, const char *version, uint32_t quota,
    size_t keys)
{
	struct product product;

	doorbell_read(version, &product);
	product.credential_count = keys;
	product.field.est = quota;
	product_put(w, &product);
}

/* Nothing but a P-256 key, and its signature. */
static inline void
csr_make(const struct public_key *key, struct signer *by, struct buf *out)
{
	csr_make_with(key, by, BYTES_NONE, out);
}

/* A key with its request. */
struct est_key {
	struct public_key	 key;
	struct signer		*signer;
	struct buf		 csr;
};

static inline void
est_key_make(struct est_key *k)
{
	k->csr = (struct buf)BUF_INIT;
	key_make(KEY_P256, &k->key, NULL, &k->signer);
	csr_make(&k->key, k->signer, &k->csr);
}

static inline void
est_key_release(struct est_key *k)
{
	signer_free(&k->signer);
	buf_release(&k->csr);
}
#define _cleanup_est_key_ __attribute__((cleanup(est_key_release)))
#define EST_KEY_INIT { .csr = BUF_INIT }

static inline enum enrol_verdict
est_at(struct enrol *e, int64_t now, bool renew, const char *label,
    struct bytes leaf, struct bytes csr, struct answered *a)
{
	const struct est_ask ask = { .renew = renew, .label = label,
	    .leaf = leaf, .csr = csr };
	struct enrol_result result = { .answer = &a->answer };
	struct diag diag = DIAG_INIT;

	buf_clear(&a->answer);
	good(enrol_turn_begin(e, now, &diag), &diag);
	good(enrol_submit_est(e, &ask, &result, &diag), &diag);
	good(enrol_turn_commit(e, &diag), &diag);
	a->verdict = result.verdict;
	a->index = result.index;
	a->why = result.why;
	assert_true((result.verdict == ENROL_DONE ||
	    result.verdict == ENROL_REPEATED) == (a->answer.len > 0));
	assert_true(result.known == (a->answer.len > 0));
	a->named = result.named;
	a->replaced = result.replaced;
	a->replaced_index = result.replaced_index;
	a->retry_after_s = result.retry_after_s;
	memcpy(a->ueid, result.ueid, UEID_SIZE);
	return result.verdict;
}

static inline enum enrol_verdict
est(struct enrol *e, bool renew, const char *label, struct bytes leaf,
    struct bytes csr, struct answered *a)
{
	return est_at(e, NOW, renew, label, leaf, csr, a);
}

static inline struct enrol *
opened_with(struct field *f, const char *version, uint32_t quota)
{
	product_with(f->w, version, quota, 1);
	return opened(f);
}

static inline enum enrol_verdict
wish_of(struct enrol *e, const char *label, struct bytes leaf, bool linked,
    struct buf *out, struct enrol_result *result)
{
	struct diag diag = DIAG_INIT;

	*result = (struct enrol_result){ .answer = out };
	buf_clear(out);
	good(enrol_turn_begin(e, NOW, &diag), &diag);
	good(enrol_est_attributes(e, label, leaf, linked, result, &diag),
	    &diag);
	good(enrol_turn_commit(e, &diag), &diag);
	assert_true((result->verdict == ENROL_DONE) == (out->len > 0));
	return result->verdict;
}

static inline enum enrol_verdict
wish(struct enrol *e, const char *label, struct bytes leaf, bool linked,
    struct buf *out)
{
	struct enrol_result result;

	return wish_of(e, label, leaf, linked, out, &result);
}

#endif
