/*
 * Whom to trust: trust.pem sorted into roots, intermediates and document
 * signers, once.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "verify/verify_internal.h"

/* Certificates in turn out of what pem_get_all() appends. */
struct certificates {
	struct bytes	rest;
};

static bool
certificates_next(struct certificates *c, struct bytes *ret_der)
{
	size_t len;

	if (c->rest.len < 4)
		return false;
	len = get_be32(c->rest.ptr);
	*ret_der = bytes_of(c->rest.ptr + 4, len);
	c->rest = bytes_of(c->rest.ptr + 4 + len, c->rest.len - 4 - len);
	return true;
}

/* What the certificates of CAs say together. */
struct authorities {
	size_t	roots;
	size_t	count;		/* of all certificates */
	int64_t	not_after;	/* when the first of them ends */
};

static enum err
authority_add(struct imprint_verifier *v, struct bytes der,
    struct authorities *a, struct diag *diag)
{
	struct diag no_root = DIAG_INIT;
	enum err err;

	err = x509_trust_add_root(v->trust, der, &no_root);
	if (!err)
		a->roots++;
	else if (err == ERR_INVALID)
		err = x509_trust_add_intermediate(v->trust, der, diag);
	return err;
}

static enum err
authorities_add(struct imprint_verifier *v, struct bytes list,
    struct authorities *a, struct diag *diag)
{
	struct certificates certificates = { list };
	struct x509_info info;
	struct bytes der;
	enum err err;

	while (certificates_next(&certificates, &der)) {
		a->count++;
		err = x509_read(der, &info, diag);
		if (!err && info.ca) {
			err = authority_add(v, der, a, diag);
			if (info.not_after < a->not_after)
				a->not_after = info.not_after;
		}
		if (err) {
			(void)diag_fail(diag, err, NULL, "cannot be added");
			diag_prefix(diag, "trust: certificate %zu", a->count);
			return err;
		}
	}
	if (a->roots == 0)
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "trust: no root (self-signed CA certificate) among %zu"
		    " certificates", a->count);
	/* or a signer of one ecosystem could speak for devices of another */
	if (a->roots > 1)
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "trust: %zu roots: make one verifier for each ecosystem",
		    a->roots);
	return ERR_OK;
}

/*
 * A path that holds at both ends of the signer's life holds in between. When
 * a CA above ends first, the signer ends with the first CA that does.
 */
static enum err
signer_check(struct imprint_verifier *v, struct bytes der,
    const struct authorities *a, struct x509_info *info, bool *ret_good,
    struct diag *diag)
{
	enum x509_verdict verdict;
	enum err err;

	err = x509_verify(v->trust, der, info->not_before,
	    EKU_DOCUMENT_SIGNING, &verdict, NULL, 0, diag);
	if (err)
		return err;
	*ret_good = verdict == X509_ACCEPT;
	err = x509_verify(v->trust, der, info->not_after,
	    EKU_DOCUMENT_SIGNING, &verdict, NULL, 0, diag);
	if (!err && verdict != X509_ACCEPT && a->not_after < info->not_after)
		info->not_after = a->not_after;
	return err;
}

static enum err
signer_add(struct imprint_verifier *v, const struct x509_info *info,
    struct diag *diag)
{
	struct document_signer *s = &v->signers[v->signer_count];
	enum err err;

	s->alg = info->public_key.alg;
	s->not_before = info->not_before;
	s->not_after = info->not_after;
	err = cose_key_thumbprint(&info->public_key, s->kid);
	if (!err)
		err = verifier_new(&info->public_key, &s->verifier, diag);
	if (!err)
		v->signer_count++;
	return err;
}

/* Those without a path to a root are left out, and so never trusted. */
static enum err
signers_add(struct imprint_verifier *v, struct bytes list,
    const struct authorities *a, struct diag *diag)
{
	struct certificates certificates = { list };
	struct x509_info info;
	struct bytes der;
	bool good;
	enum err err;

	v->signers = calloc(a->count, sizeof(*v->signers));
	if (v->signers == NULL)
		return diag_nomem(diag);
	while (certificates_next(&certificates, &der)) {
		err = x509_read(der, &info, diag);
		if (err)
			return err;
		if (info.ca ||
		    (info.extended_key_usage & EKU_DOCUMENT_SIGNING) == 0)
			continue;
		err = signer_check(v, der, a, &info, &good, diag);
		if (!err && good)
			err = signer_add(v, &info, diag);
		if (err)
			return err;
	}
	return ERR_OK;
}

static enum err
trust_load(struct imprint_verifier *v, struct bytes pem, struct diag *diag)
{
	struct authorities a = { .not_after = TIME_MAX_S };
	_cleanup_buf_ struct buf list = BUF_INIT;
	enum err err;

	err = sha256_new(&v->sha256, diag);
	if (!err)
		err = x509_trust_new(&v->trust, diag);
	if (!err)
		err = pem_get_all(pem, "CERTIFICATE", &list, diag);
	if (!err)
		err = authorities_add(v, buf_bytes(&list), &a, diag);
	if (!err)
		err = signers_add(v, buf_bytes(&list), &a, diag);
	return err;
}

static int
error_of(enum err err)
{
	switch (err) {
	case ERR_OK:
		return IMPRINT_OK;
	case ERR_NOMEM:
		return IMPRINT_ERROR_NOMEM;
	case ERR_CRYPTO:
		return IMPRINT_ERROR_CRYPTO;
	default:
		return IMPRINT_ERROR_SYNTAX;
	}
}

int
imprint_verifier_new(const char *trust_pem, size_t len,
    struct imprint_verifier **ret_verifier, char *reason, size_t reason_size)
{
	struct imprint_verifier *v;
	struct diag diag = DIAG_INIT;
	enum err err;

	if (reason != NULL && reason_size > 0)
		reason[0] = '\0';
	if (trust_pem == NULL || ret_verifier == NULL)
		return IMPRINT_ERROR_INVALID;
	v = calloc(1, sizeof(*v));
	if (v == NULL)
		return IMPRINT_ERROR_NOMEM;
	err = trust_load(v, bytes_of(trust_pem, len), &diag);
	if (!err) {
		*ret_verifier = v;
		return IMPRINT_OK;
	}
	imprint_verifier_free(v);
	if (reason != NULL && reason_size > 0)
		(void)snprintf(reason, reason_size, "%s", diag.what);
	return error_of(err);
}

void
imprint_verifier_free(struct imprint_verifier *v)
{
	size_t i;

	if (v == NULL)
		return;
	for (i = 0; i < v->signer_count; i++)
		verifier_free(&v->signers[i].verifier);
	free(v->signers);
	x509_trust_free(&v->trust);
	sha256_free(&v->sha256);
	free(v);
}

struct document_signer *
trust_find_signer(const struct imprint_verifier *v, struct bytes kid)
{
	size_t i;

	if (kid.len != COSE_KID_SIZE)
		return NULL;
	for (i = 0; i < v->signer_count; i++)
		if (memcmp(v->signers[i].kid, kid.ptr, COSE_KID_SIZE) == 0)
			return &v->signers[i];
	return NULL;
}
