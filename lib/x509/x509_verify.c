#include <stdio.h>
#include <stdlib.h>

#include "lib/x509/x509_internal.h"

#define DETAIL_MIN	128
#define SECURITY_LEVEL	2	/* 112 bits at least: no SHA-1, no RSA-1024 */

struct x509_trust {
	X509_STORE	*roots;
	STACK_OF(X509)	*intermediates;
	X509_STORE_CTX	*ctx;
};

enum err
x509_trust_new(struct x509_trust **ret_trust, struct diag *diag)
{
	_cleanup_x509_trust_ struct x509_trust *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return diag_nomem(diag);
	/* an empty store: nothing of the system's is trusted */
	t->roots = X509_STORE_new();
	t->intermediates = sk_X509_new_null();
	t->ctx = X509_STORE_CTX_new();
	if (t->roots == NULL || t->intermediates == NULL || t->ctx == NULL)
		return ossl_fail(diag, "certificate store");
	*ret_trust = t;
	t = NULL;	/* transferred */
	return ERR_OK;
}

void
x509_trust_free(struct x509_trust **trust)
{
	struct x509_trust *t = *trust;

	if (t == NULL)
		return;
	X509_STORE_CTX_free(t->ctx);
	sk_X509_pop_free(t->intermediates, X509_free);
	X509_STORE_free(t->roots);
	free(t);
	*trust = NULL;
}

enum err
x509_trust_add_root(struct x509_trust *t, struct bytes der, struct diag *diag)
{
	_cleanup_x509_ X509 *x = NULL;
	enum err err;

	err = x509_parse(der, &x, diag);
	if (err)
		return err;
	if (X509_self_signed(x, 1) != 1 || X509_check_ca(x) != 1) {
		ERR_clear_error();
		return diag_fail(diag, ERR_INVALID, "RFC 5280 3.2",
		    "trusted root: it is no self-signed CA certificate");
	}
	if (X509_STORE_add_cert(t->roots, x) != 1)
		return ossl_fail(diag, "adding a trusted root");
	return ERR_OK;
}

enum err
x509_trust_add_intermediate(struct x509_trust *t, struct bytes der,
    struct diag *diag)
{
	_cleanup_x509_ X509 *x = NULL;
	enum err err;

	err = x509_parse(der, &x, diag);
	if (err)
		return err;
	if (sk_X509_push(t->intermediates, x) <= 0)
		return diag_nomem(diag);
	x = NULL;	/* transferred */
	return ERR_OK;
}

/*
 * Everything RFC 5280 asks of certificates counts (X509_V_FLAG_X509_STRICT),
 * with two differences. A profile for constrained devices may leave out the
 * authority key identifier of an end entity: it only helps to find the
 * issuer, the signature decides. And notAfter is the last good second (RFC
 * 5280 4.1.2.5), which OpenSSL 3.0 counts as expired.
 */
static int
verify_callback(int good, X509_STORE_CTX *ctx)
{
	int error = X509_STORE_CTX_get_error(ctx);
	const X509_VERIFY_PARAM *param;
	const X509 *x;

	if (good)
		return 1;
	if (error == X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER)
		return X509_STORE_CTX_get_error_depth(ctx) == 0;
	if (error != X509_V_ERR_CERT_HAS_EXPIRED)
		return 0;
	param = X509_STORE_CTX_get0_param(ctx);
	x = X509_STORE_CTX_get_current_cert(ctx);
	return x != NULL && ASN1_TIME_cmp_time_t(X509_get0_notAfter(x),
	    X509_VERIFY_PARAM_get_time(param)) == 0;
}

static bool
context_open(struct x509_trust *t, X509 *leaf, int64_t now)
{
	X509_VERIFY_PARAM *param;

	if (X509_STORE_CTX_init(t->ctx, t->roots, leaf, t->intermediates) != 1)
		return false;
	param = X509_STORE_CTX_get0_param(t->ctx);
	X509_VERIFY_PARAM_set_time(param, (time_t)now);
	/* the path holds the leaf and the root beside these */
	X509_VERIFY_PARAM_set_depth(param, X509_CHAIN_MAX - 2);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	X509_STORE_CTX_set_verify_cb(t->ctx, verify_callback);
	return X509_VERIFY_PARAM_set_flags(param,
	    X509_V_FLAG_X509_STRICT) == 1;
}

static enum x509_verdict
verdict_of(int error)
{
	switch (error) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_UNTRUSTED:
		return X509_DENY_INCOMPLETE;
	case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		return X509_DENY_SIGNATURE;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return X509_DENY_EXPIRED;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return X509_DENY_NOT_YET_VALID;
	case X509_V_ERR_INVALID_PURPOSE:
		return X509_DENY_PURPOSE;
	case X509_V_ERR_INVALID_CA:
	case X509_V_ERR_INVALID_NON_CA:
	case X509_V_ERR_PATH_LENGTH_EXCEEDED:
	case X509_V_ERR_CERT_CHAIN_TOO_LONG:
	case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
	case X509_V_ERR_PATHLEN_INVALID_FOR_NON_CA:
	case X509_V_ERR_PATHLEN_WITHOUT_KU_KEY_CERT_SIGN:
	case X509_V_ERR_KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA:
	case X509_V_ERR_CA_BCONS_NOT_CRITICAL:
	case X509_V_ERR_CA_CERT_MISSING_KEY_USAGE:
		return X509_DENY_CONSTRAINT;
	default:
		return X509_DENY_OTHER;
	}
}

static void
explain(char *detail, size_t size, int depth, const char *text)
{
	if (detail != NULL && size >= DETAIL_MIN)
		(void)snprintf(detail, size, "certificate %d of the path: %s",
		    depth, text);
}

/*
 * Extended key usage through the path (RFC 5280 4.2.1.12). Where absent it
 * limits nothing, but a right to sign documents must be written down: any
 * device could claim it else. anyExtendedKeyUsage counts as other.
 */
static enum err
usage_check(X509_STORE_CTX *ctx, unsigned eku, enum x509_verdict *ret_verdict,
    struct diag *diag)
{
	STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(ctx);
	unsigned usage, key_usage;
	enum err err;
	int i;

	for (i = 0; i + 1 < sk_X509_num(path) || i == 0; i++) {
		err = x509_extended_key_usage(sk_X509_value(path, i), &usage,
		    diag);
		if (err)
			return err;
		if (usage == 0 && (i > 0 || eku != EKU_DOCUMENT_SIGNING))
			continue;
		if ((usage & eku) == 0) {
			*ret_verdict = X509_DENY_PURPOSE;
			return ERR_OK;
		}
	}
	/* all of them sign (RFC 8446 4.4.2.2, RFC 9336 3) */
	key_usage = x509_key_usage(sk_X509_value(path, 0));
	if (key_usage != 0 && (key_usage & KU_DIGITAL_SIGNATURE) == 0)
		*ret_verdict = X509_DENY_CONSTRAINT;
	return ERR_OK;
}

static enum err
path_verify(struct x509_trust *t, unsigned eku,
    enum x509_verdict *ret_verdict, char *detail, size_t detail_size,
    struct diag *diag)
{
	int error, result;
	enum err err;

	result = X509_verify_cert(t->ctx);
	error = X509_STORE_CTX_get_error(t->ctx);
	if (result < 0 || error == X509_V_ERR_OUT_OF_MEM)
		return ossl_fail(diag, "certificate path");
	ERR_clear_error();
	if (result != 1) {
		*ret_verdict = verdict_of(error);
		explain(detail, detail_size, X509_STORE_CTX_get_error_depth(
		    t->ctx), X509_verify_cert_error_string(error));
		return ERR_OK;
	}
	*ret_verdict = X509_ACCEPT;
	if (eku == 0)
		return ERR_OK;
	err = usage_check(t->ctx, eku, ret_verdict, diag);
	if (!err && *ret_verdict != X509_ACCEPT)
		explain(detail, detail_size, 0, "key usage does not allow it");
	return err;
}

enum err
x509_verify(struct x509_trust *t, struct bytes leaf, int64_t now,
    unsigned eku, enum x509_verdict *ret_verdict, char *detail,
    size_t detail_size, struct diag *diag)
{
	enum x509_verdict verdict = X509_DENY_INCOMPLETE;
	_cleanup_x509_ X509 *x = NULL;
	enum err err;

	*ret_verdict = X509_DENY_INCOMPLETE;
	if (detail != NULL && detail_size > 0)
		detail[0] = '\0';
	err = x509_parse(leaf, &x, diag);
	if (err)
		return err;
	if (context_open(t, x, now))
		err = path_verify(t, eku, &verdict, detail, detail_size, diag);
	else
		err = ossl_fail(diag, "certificate path");
	X509_STORE_CTX_cleanup(t->ctx);
	if (err)
		return err;
	*ret_verdict = verdict;
	return ERR_OK;
}
