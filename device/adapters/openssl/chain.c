#include <string.h>
#include <time.h>

#include "device/adapters/openssl/internal.h"

#define OID_DOCUMENT_SIGNING	"1.3.6.1.5.5.7.3.36"	/* RFC 9336 */
#define OID_CLIENT_AUTH		"1.3.6.1.5.5.7.3.2"
#define SECURITY_LEVEL		2	/* 112 bits at least */

/*
 * A profile for constrained devices may leave out the authority key
 * identifier of an end entity: it only helps to find the issuer, the
 * signature decides. And notAfter is the last good second (RFC 5280
 * 4.1.2.5), which OpenSSL 3.0 counts as expired.
 */
int
adapter_verify_callback(int good, X509_STORE_CTX *ctx)
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

bool
adapter_has_usage(X509 *x, const char *oid)
{
	EXTENDED_KEY_USAGE *usages;
	bool found = false;
	char text[64];
	int i;

	usages = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
	for (i = 0; i < sk_ASN1_OBJECT_num(usages) && !found; i++) {
		(void)OBJ_obj2txt(text, sizeof(text),
		    sk_ASN1_OBJECT_value(usages, i), 1);
		found = strcmp(text, oid) == 0;
	}
	sk_ASN1_OBJECT_pop_free(usages, ASN1_OBJECT_free);
	return found;
}

/* Absent, an extended key usage limits nothing; in a CA it limits all below
 * it. */
static bool
usage_allows(X509 *x, const char *oid)
{
	return X509_get_ext_by_NID(x, NID_ext_key_usage, -1) < 0 ||
	    adapter_has_usage(x, oid);
}

/*
 * To sign documents must be written down, and is a right that the root gives
 * itself: no CA below it can make a signer.
 */
static bool
usage_fits(X509 *leaf, STACK_OF(X509) *path, enum imprint_device_use use)
{
	bool fits;
	int i;

	if (use == IMPRINT_DEVICE_USE_ANY)
		return true;
	/* UINT32_MAX where there is no keyUsage */
	fits = (X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) != 0;
	if (use == IMPRINT_DEVICE_USE_DOCUMENT)
		return fits && sk_X509_num(path) == 2 &&
		    adapter_has_usage(leaf, OID_DOCUMENT_SIGNING);
	for (i = 0; i < sk_X509_num(path); i++)
		fits = fits && usage_allows(sk_X509_value(path, i),
		    OID_CLIENT_AUTH);
	return fits;
}

static bool
time_of(const ASN1_TIME *at, int64_t *ret_time)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, seconds = 0;
	bool good;

	good = epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, at);
	if (good)
		*ret_time = (int64_t)days * 86400 + seconds;
	ASN1_TIME_free(epoch);
	return good;
}

/* What the path was made of, and when all of it is valid. */
static bool
path_read(STACK_OF(X509) *path, X509 *const *certs, size_t cert_count,
    struct imprint_device_path *out)
{
	int64_t before, after;
	X509 *x;
	size_t c;
	int i;

	out->not_before = 0;
	out->not_after = IMPRINT_DEVICE_TIME_NEVER;
	for (i = 0; i < sk_X509_num(path); i++) {
		x = sk_X509_value(path, i);
		if (!time_of(X509_get0_notBefore(x), &before) ||
		    !time_of(X509_get0_notAfter(x), &after))
			return false;
		if (before > out->not_before)
			out->not_before = before;
		if (after < out->not_after)
			out->not_after = after;
		for (c = 0; c < cert_count; c++)
			if (X509_cmp(x, certs[c]) == 0)
				break;
		if (c < cert_count)	/* a second copy is not needed */
			out->used |= UINT32_C(1) << c;
	}
	return true;
}

/* 1 a path, 0 none, -1 could not decide. */
static int
path_find(X509 *leaf, X509 *const *certs, size_t cert_count, size_t root,
    X509_STORE_CTX *ctx)
{
	X509_STORE *roots = X509_STORE_new();
	STACK_OF(X509) *others = sk_X509_new_null();
	X509_VERIFY_PARAM *param;
	int result = -1;
	bool good;
	size_t i;

	good = roots != NULL && others != NULL &&
	    X509_STORE_add_cert(roots, certs[root]) == 1;
	for (i = 0; i < cert_count && good; i++)
		good = i == root || sk_X509_push(others, certs[i]) > 0;
	if (good && X509_STORE_CTX_init(ctx, roots, leaf, others) == 1) {
		param = X509_STORE_CTX_get0_param(ctx);
		X509_VERIFY_PARAM_set_depth(param,
		    IMPRINT_DEVICE_CERTS_MAX - 1);
		X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
		X509_STORE_CTX_set_verify_cb(ctx, adapter_verify_callback);
		(void)X509_VERIFY_PARAM_set_flags(param,
		    X509_V_FLAG_X509_STRICT | X509_V_FLAG_NO_CHECK_TIME);
		result = X509_verify_cert(ctx);
	}
	sk_X509_free(others);
	X509_STORE_free(roots);
	return result;
}

static int
chain_decide(const struct imprint_device_chain *chain, X509 *leaf,
    X509 *const *certs, struct imprint_device_path *out)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int found = -1;

	if (ctx != NULL)
		found = path_find(leaf, certs, chain->cert_count,
		    chain->root, ctx);
	if (found == 1 && !path_read(X509_STORE_CTX_get0_chain(ctx), certs,
	    chain->cert_count, out))
		found = -1;
	if (found == 0)
		out->reason = X509_verify_cert_error_string(
		    X509_STORE_CTX_get_error(ctx));
	if (found == 1 && !usage_fits(leaf, X509_STORE_CTX_get0_chain(ctx),
	    chain->use))
		out->reason = "key usage: not for this purpose";
	else
		out->good = found == 1;
	X509_STORE_CTX_free(ctx);
	return found < 0 ? -1 : 0;
}

int
adapter_chain(void *state, const struct imprint_device_chain *chain,
    struct imprint_device_path *ret_path)
{
	struct imprint_device_path out = { .good = false, .reason = "" };
	X509 *certs[IMPRINT_DEVICE_CERTS_MAX] = { NULL };
	_cleanup_x509_ X509 *leaf = adapter_certificate(chain->leaf);
	int result = 0;
	size_t i;

	(void)state;
	if (leaf == NULL)
		out.reason = "certificate: not DER";
	for (i = 0; i < chain->cert_count; i++) {
		certs[i] = adapter_certificate(chain->certs[i]);
		if (certs[i] == NULL)
			out.reason = "certificate with it: not DER";
	}
	if (out.reason[0] == '\0')
		result = chain_decide(chain, leaf, certs, &out);
	for (i = 0; i < chain->cert_count; i++)
		X509_free(certs[i]);
	ERR_clear_error();
	*ret_path = out;
	return result;
}

STACK_OF(X509) *
adapter_issuers(const struct imprint_device_identity *id, X509 *leaf)
{
	_cleanup_certs_ STACK_OF(X509) *chain = sk_X509_new_null();
	STACK_OF(X509) *out;
	bool found = chain != NULL;
	X509 *at = leaf, *next;
	size_t i, steps;

	for (steps = 0; found && steps < id->cert_count; steps++) {
		found = false;
		for (i = 0; i < id->cert_count && !found; i++) {
			if (i == id->root)
				continue;
			next = adapter_certificate(id->certs[i]);
			found = next != NULL &&
			    X509_check_issued(next, at) == X509_V_OK &&
			    sk_X509_push(chain, next) > 0;
			if (found)
				at = next;
			else
				X509_free(next);
		}
	}
	out = chain;
	chain = NULL;	/* transferred */
	return out;
}
