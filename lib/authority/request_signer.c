/* The request for a new document signer. */
#include <stdio.h>

#include "lib/authority/authority_internal.h"
#include "lib/authority/outside.h"
#include "lib/authority/request_internal.h"
#include "lib/authority/signer.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"

enum err
request_put_signer(struct buf *out, uint32_t number)
{
	cbor_put_uint(out, number);
	return buf_err(out);
}

struct growing {
	struct authority	*authority;
	struct diag		*diag;
};

/* A pack brings one signer's certificate: what began under one ends so. */
static enum err
growing_check(void *ctx, const struct store_order *order)
{
	const struct growing *g = ctx;
	struct store_pack pack;
	uint32_t no;
	enum err err;

	if (order->state != ORDER_OPEN)
		return ERR_OK;
	for (no = 1; no <= order->packs; no++) {
		err = store_pack_get(g->authority->store, order->number, no,
		    &pack, g->diag);
		if (err)
			return err;
		if (pack.length == 0 || pack.complete)
			continue;
		err = diag_fail(g->diag, ERR_STATE, NULL,
		    "order %u: its pack %u is begun, under the present "
		    "document signer", order->number, no);
		diag_hint(g->diag, "finish it with 'imprint order run %u', or "
		    "cancel it with 'imprint order cancel %u'",
		    order->number, order->number);
		return err;
	}
	return ERR_OK;
}

/*
 * The key is in the keystore, durably, before a certificate names it. A key
 * that is there already is left from a request that did not get further; it
 * has signed nothing, and a label is never used for a second key.
 */
static enum err
signer_key(struct authority *authority, const char *label,
    struct public_key *ret_key, struct diag *diag)
{
	enum err err;

	err = keystore_public(authority->keystore, label, ret_key, NULL);
	if (err != ERR_NOTFOUND)
		return err;
	err = keystore_generate(authority->keystore, label, KEY_P256, diag);
	if (!err)
		err = keystore_save(authority->keystore, diag);
	return err ? err : keystore_public(authority->keystore, label,
	    ret_key, diag);
}

static enum err
signer_certificate(struct authority *authority,
    const struct authority_signer *next, int64_t now, struct buf *out,
    struct diag *diag)
{
	_cleanup_buf_ struct buf root = BUF_INIT;
	char name[ECOSYSTEM_NAME_MAX + 40];
	struct outside outside = {
		.name = next->name, .issuer_label = KEY_ROOT,
		.subject = &next->key, .not_before = now,
		.not_after = TIME_MAX_S,
		.profile = {
			.common_name = name, .subject_alg = KEY_P256,
			.path_len = -1, .key_usage = KU_DIGITAL_SIGNATURE,
			.extended_key_usage = EKU_DOCUMENT_SIGNING,
			.with_ski = true,
		},
	};
	enum err err;

	(void)snprintf(name, sizeof(name), "%s Document Signer %u %08x",
	    authority->info.name, next->number,
	    get_be32(authority->info.id));
	err = authority_certificate(authority, KEY_ROOT, &root, diag);
	outside.issuer_der = buf_bytes(&root);
	return err ? err : outside_issue(authority->keystore, &outside, out,
	    diag);
}

static enum err
signer_number(struct authority *authority, const struct request *request,
    uint32_t *ret_number, struct diag *diag)
{
	struct authority_signer now;
	struct cbor cbor;
	uint64_t number;
	enum err err;

	cbor_open(&cbor, request->body);
	number = cbor_get_uint(&cbor);
	if (!cbor_close(&cbor))
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "document signer request: not a number");
	err = signer_current(authority, &now, diag);
	if (err)
		return err;
	if (number != now.number + UINT64_C(1))
		return diag_fail(diag, ERR_CONFLICT, NULL,
		    "document signer: number %llu asked for, number %u signs "
		    "now", (unsigned long long)number, now.number);
	if (number > SIGNERS_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "document signer: there have been %d, which is all an "
		    "ecosystem can have", SIGNERS_MAX);
	*ret_number = (uint32_t)number;
	return ERR_OK;
}

enum err
request_signer_new(struct authority *authority,
    const struct request *request, int64_t now, struct buf *result,
    struct diag *diag)
{
	struct growing growing = { authority, diag };
	struct authority_signer next = { .number = 0 };
	enum err err;

	err = signer_number(authority, request, &next.number, diag);
	if (!err)
		err = store_order_each(authority->store, growing_check,
		    &growing, diag);
	if (err)
		return err;
	signer_name(next.number, next.name);
	err = signer_key(authority, next.name, &next.key, diag);
	if (!err)
		err = signer_certificate(authority, &next, now, result, diag);
	return err ? err : outside_store(authority->store,
	    authority->row_mac, next.name, buf_bytes(result), now, diag);
}
