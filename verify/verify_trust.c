/*
 * Whom to trust: trust.pem sorted into roots, intermediates and document
 * signers, once.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "verify/verify_internal.h"

/* What the certificates of CAs say together. */
struct authorities {
	size_t	roots;
	size_t	count;		/* of all certificates */
	int64_t	not_after;	/* when the first of them ends */
};

/* Whether its path leads to the root is asked when it shows a CRL. */
static enum err
issuing_ca_add(struct imprint_verifier *v, struct bytes der,
    const struct x509_info *info, struct diag *diag)
{
	struct issuing_ca *more, *ca;
	enum err err;

	more = reallocarray(v->cas, v->ca_count + 1, sizeof(*more));
	if (more == NULL)
		return diag_nomem(diag);
	v->cas = more;
	ca = &v->cas[v->ca_count++];
	*ca = (struct issuing_ca){ .name = BUF_INIT, .der = BUF_INIT,
		.key_usage = info->key_usage, .issuer.key = info->public_key };
	memcpy(ca->issuer.key_id, info->key_id, KEY_ID_SIZE);
	memcpy(ca->common_name, info->common_name, sizeof(ca->common_name));
	buf_put_bytes(&ca->der, der);
	err = x509_subject(der, &ca->name, diag);
	if (!err)
		err = buf_err(&ca->der);
	if (err)
		return err;
	ca->issuer.name = buf_bytes(&ca->name);
	return sha256_once(ca->issuer.name, ca->name_hash);
}

static enum err
authority_add(struct imprint_verifier *v, struct bytes der,
    const struct x509_info *info, struct authorities *a, struct diag *diag)
{
	struct diag no_root = DIAG_INIT;
	enum err err;

	err = x509_trust_add_root(v->trust, der, &no_root);
	if (!err)
		a->roots++;
	if (err != ERR_INVALID)
		return err;
	err = x509_trust_add_intermediate(v->trust, der, diag);
	return err ? err : issuing_ca_add(v, der, info, diag);
}

static enum err
authorities_add(struct imprint_verifier *v, struct bytes list,
    struct authorities *a, struct diag *diag)
{
	struct x509_info info;
	struct bytes der;
	enum err err;

	while (pem_next(&list, &der)) {
		a->count++;
		err = x509_read(der, &info, diag);
		if (!err && info.ca) {
			err = authority_add(v, der, &info, a, diag);
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
	struct x509_info info;
	struct bytes der;
	bool good;
	enum err err;

	v->signers = calloc(a->count, sizeof(*v->signers));
	if (v->signers == NULL)
		return diag_nomem(diag);
	while (pem_next(&list, &der)) {
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
	return error_of(err, IMPRINT_ERROR_SYNTAX);
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
	status_free(v);
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
