/* Receipts signed again by the document signer that signs now. */
#include "lib/authority/anchor.h"
#include "lib/authority/authority_internal.h"
#include "lib/authority/chunk_receipt.h"
#include "lib/authority/operation.h"
#include "lib/base/cbor_write.h"

#define BATCH	64	/* receipts of one transaction */

struct renew {
	struct authority		*authority;
	const struct signer_renewal	*request;
	struct authority_signer		 signer;
	struct signer			*key;
	struct sha256			*sha256;
	struct chunk_receipt		 old;
	struct buf			 protected;
	struct store_receipt		 batch[BATCH];
	size_t				 count;
	uint64_t			 done;
};

static enum err
batch_collect(void *ctx, const struct store_receipt *receipt)
{
	struct renew *renew = ctx;

	if (receipt->generation >= renew->signer.number)
		return ERR_OK;
	if (renew->count == BATCH)
		return ERR_INTERRUPTED;
	renew->batch[renew->count++] = *receipt;
	return ERR_OK;
}

/* What the earlier signer signed is verified before it is signed again. */
static enum err
receipt_renew(struct renew *renew, const struct store_receipt *receipt,
    struct diag *diag)
{
	struct store *store = renew->authority->store;
	uint8_t sig[SIGNATURE_SIZE];
	struct store_range range;
	enum err err;

	err = store_range_get(store, receipt->log, receipt->first, &range,
	    diag);
	if (!err && (range.first != receipt->first ||
	    range.state != RANGE_COMMITTED))
		err = diag_fail(diag, ERR_CORRUPT, NULL,
		    "registry: a receipt of log %u from %llu, where no chunk "
		    "begins", receipt->log,
		    (unsigned long long)receipt->first);
	if (!err)
		err = chunk_receipt_load(renew->authority, &range,
		    receipt->generation, renew->sha256, &renew->old, diag);
	if (err)
		return err;
	buf_clear(&renew->protected);
	receipt_put_protected(&renew->protected,
	    bytes_of(renew->signer.kid, COSE_KID_SIZE), &renew->old.chunk);
	err = buf_err(&renew->protected);
	if (!err)
		err = receipt_sign(renew->key, buf_bytes(&renew->protected),
		    subtree_root(&renew->old.tree), sig);
	return err ? err : chunk_receipt_put(renew->authority, &range,
	    &renew->signer, sig, renew->request->now, diag);
}

static enum err
batch_renew(struct renew *renew, struct diag *diag)
{
	struct store *store = renew->authority->store;
	size_t i;
	enum err err;

	err = store_begin(store, diag);
	if (err)
		return err;
	for (i = 0; i < renew->count && !err; i++)
		err = receipt_renew(renew, &renew->batch[i], diag);
	if (!err)
		err = store_commit(store, diag);
	else
		store_rollback(store);
	if (err)
		return err;
	renew->done += renew->count;
	if (renew->request->progress != NULL)
		renew->request->progress(renew->request->ctx, renew->done);
	return ERR_OK;
}

static enum err
log_renew(struct renew *renew, uint32_t log, struct diag *diag)
{
	uint64_t from = 0;
	enum err err;

	for (;;) {
		renew->count = 0;
		err = store_receipt_each(renew->authority->store, log, from,
		    batch_collect, renew, diag);
		if (err == ERR_INTERRUPTED)
			err = ERR_OK;
		if (err || renew->count == 0)
			return err;
		if (renew->request->stop != NULL &&
		    renew->request->stop(renew->request->ctx)) {
			err = diag_fail(diag, ERR_INTERRUPTED, NULL,
			    "document signer %u: stopped after %llu receipts",
			    renew->signer.number,
			    (unsigned long long)renew->done);
			diag_hint(diag, "nothing is lost: 'imprint "
			    "document-signer renew' goes on from here");
			return err;
		}
		from = renew->batch[renew->count - 1].first + 1;
		err = batch_renew(renew, diag);
		if (err)
			return err;
	}
}

/* Start and stop of signing are on record. */
static enum err
renew_record(const struct renew *renew, enum operation_kind kind,
    enum err outcome, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;

	cbor_put_array(&body, kind == OPERATION_START ? 3 : 4);
	cbor_put_text(&body, "document-signer renew");
	cbor_put_uint(&body, renew->signer.number);
	cbor_put_uint(&body, renew->done);
	if (kind == OPERATION_STOP)
		cbor_put_text(&body, err_name(outcome));
	if (buf_err(&body))
		return diag_nomem(diag);
	return operation_record(renew->authority, kind, renew->request->now,
	    buf_bytes(&body), diag);
}

static const uint32_t logs[] = { LOG_BULK_NUMBER, LOG_ONLINE_NUMBER };
#define LOGS	(sizeof(logs) / sizeof(logs[0]))

static enum err
receipts_renew(struct renew *renew, struct diag *diag)
{
	enum err err, recorded;
	size_t i;

	err = renew_record(renew, OPERATION_START, ERR_OK, diag);
	if (err)
		return err;
	for (i = 0; i < LOGS && !err; i++)
		err = log_renew(renew, logs[i], diag);
	recorded = renew_record(renew, OPERATION_STOP, err,
	    err ? NULL : diag);
	if (!err)
		err = recorded;
	return err ? err : anchor_update(renew->authority,
	    renew->request->now, diag);
}

struct count {
	uint32_t	number;
	uint64_t	left;
};

static enum err
left_count(void *ctx, const struct store_receipt *receipt)
{
	struct count *count = ctx;

	count->left += receipt->generation < count->number;
	return ERR_OK;
}

enum err
signer_renew_left(struct authority *authority, uint64_t *ret_left,
    struct diag *diag)
{
	struct count count = { .left = 0 };
	struct authority_signer signer;
	enum err err;
	size_t i;

	err = signer_current(authority, &signer, diag);
	if (err)
		return err;
	count.number = signer.number;
	for (i = 0; i < LOGS && !err && signer.number > 1; i++)
		err = store_receipt_each(authority->store, logs[i], 0,
		    left_count, &count, diag);
	if (!err)
		*ret_left = count.left;
	return err;
}

enum err
signer_renew(struct authority *authority,
    const struct signer_renewal *request, struct diag *diag)
{
	struct renew renew = { .authority = authority, .request = request,
	    .old = CHUNK_RECEIPT_INIT, .protected = BUF_INIT };
	uint64_t left = 0;
	enum err err;

	err = authority_need_keys(authority, diag);
	if (!err)
		err = signer_current(authority, &renew.signer, diag);
	if (!err)
		err = signer_publish(authority, diag);
	if (!err)
		err = signer_renew_left(authority, &left, diag);
	if (err || left == 0)
		return err;
	err = keystore_signer(authority->keystore, renew.signer.name,
	    &renew.key, diag);
	if (!err)
		err = sha256_new(&renew.sha256, diag);
	if (!err)
		err = receipts_renew(&renew, diag);
	signer_free(&renew.key);
	sha256_free(&renew.sha256);
	chunk_receipt_release(&renew.old);
	buf_release(&renew.protected);
	return err;
}
