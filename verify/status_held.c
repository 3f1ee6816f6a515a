/*
 * Publications of status that a verifier was given: read, checked against
 * its trust, and kept only when nothing newer is there.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/identity/status_list.h"
#include "verify/verify_internal.h"

#define CRL_LABEL	"X509 CRL"	/* RFC 7468 6 */
#define LISTS_MAX	8192		/* 2 GB, 8 billion identities */
#define FIRST_OF_DER	0x30		/* SEQUENCE */
#define FIRST_OF_COSE	0xd2		/* tag 18 */

int
error_of(enum err err, int other)
{
	switch (err) {
	case ERR_OK:
		return IMPRINT_OK;
	case ERR_NOMEM:
		return IMPRINT_ERROR_NOMEM;
	case ERR_CRYPTO:
		return IMPRINT_ERROR_CRYPTO;
	default:
		return other;
	}
}

static void
crl_drop(struct issuing_ca *ca)
{
	crl_index_free(&ca->crl);
}

static void
list_release(struct held_list *list)
{
	free((void *)(uintptr_t)list->uri.ptr);
	free(list->array);
}

void
status_free(struct imprint_verifier *v)
{
	size_t i;

	for (i = 0; i < v->ca_count; i++) {
		buf_release(&v->cas[i].name);
		buf_release(&v->cas[i].der);
		crl_drop(&v->cas[i]);
	}
	for (i = 0; i < v->list_count; i++)
		list_release(&v->lists[i]);
	free(v->cas);
	free(v->lists);
}

static enum err
stale_fail(struct diag *diag, const char *what, int64_t given, int64_t held)
{
	char given_text[TIME_TEXT_SIZE], held_text[TIME_TEXT_SIZE];

	time_format(given, given_text);
	time_format(held, held_text);
	return diag_fail(diag, ERR_STATE, NULL,
	    "%s of %s is older than the one held, of %s", what, given_text,
	    held_text);
}

/* RFC 5280 6.3.3: the CA's path, at the time it speaks of, and cRLSign. */
static enum err
ca_check(struct imprint_verifier *v, const struct issuing_ca *ca,
    int64_t this_update, struct diag *diag)
{
	enum x509_verdict verdict = X509_DENY_INCOMPLETE;
	enum err err;

	err = x509_verify(v->trust, buf_bytes(&ca->der), this_update, 0,
	    &verdict, NULL, 0, diag);
	if (err)
		return err;
	if (verdict != X509_ACCEPT)
		return diag_fail(diag, ERR_AUTH, "RFC 5280 6.3.3",
		    "CRL: no path led from the CA %s to the root when it was"
		    " made", ca->common_name);
	if ((ca->key_usage & KU_CRL_SIGN) == 0)
		return diag_fail(diag, ERR_AUTH, "RFC 5280 6.3.3",
		    "CRL: the CA %s may not sign CRLs", ca->common_name);
	return ERR_OK;
}

static enum err
crl_issuer_find(struct imprint_verifier *v, const struct crl *crl,
    struct issuing_ca **ret_ca, struct diag *diag)
{
	struct issuing_ca *ca;
	size_t i;

	for (i = 0; i < v->ca_count; i++) {
		ca = &v->cas[i];
		if (bytes_equal(crl->issuer_name, ca->issuer.name) &&
		    bytes_equal(crl->issuer_key_id,
		    bytes_of(ca->issuer.key_id, KEY_ID_SIZE))) {
			*ret_ca = ca;
			return ERR_OK;
		}
	}
	return diag_fail(diag, ERR_AUTH, "RFC 5280 6.3.3",
	    "CRL: its issuer is not one of the %zu issuing CAs of this trust",
	    v->ca_count);
}

static enum err
crl_add(struct imprint_verifier *v, struct bytes der, struct diag *diag)
{
	_cleanup_crl_index_ struct crl_index *index = NULL;
	struct issuing_ca *ca;
	struct crl crl;
	enum err err;

	err = crl_parse(der, &crl, diag);
	if (!err)
		err = crl_issuer_find(v, &crl, &ca, diag);
	if (!err)
		err = crl_check_issuer(&crl, &ca->issuer, v->sha256, diag);
	if (!err)
		err = ca_check(v, ca, crl.this_update, diag);
	if (err)
		return err;
	if (ca->crl != NULL && (crl.this_update < ca->this_update ||
	    crl_number_compare(crl.number, bytes_of(ca->number,
	    ca->number_len)) < 0))
		return stale_fail(diag, "CRL", crl.this_update,
		    ca->this_update);
	err = crl_index_new(&crl, &index, diag);
	if (err)
		return err;
	crl_drop(ca);
	ca->crl = index;
	index = NULL;	/* transferred */
	memcpy(ca->number, crl.number.ptr, crl.number.len);
	ca->number_len = crl.number.len;
	ca->this_update = crl.this_update;
	ca->next_update = crl.next_update;
	return ERR_OK;
}

static enum err
pem_add(struct imprint_verifier *v, struct bytes text, struct diag *diag)
{
	_cleanup_buf_ struct buf all = { .limit = UINT32_MAX };
	struct bytes rest, der;
	enum err err;

	err = pem_get_all(text, CRL_LABEL, &all, diag);
	if (err)
		return err;
	for (rest = buf_bytes(&all); pem_next(&rest, &der);) {
		err = crl_add(v, der, diag);
		if (err)
			return err;
	}
	return ERR_OK;
}

static int
uri_compare(struct bytes a, struct bytes b)
{
	int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Where it is, or belongs. */
static size_t
list_place(const struct imprint_verifier *v, struct bytes uri,
    bool *ret_found)
{
	size_t low = 0, high = v->list_count, middle;
	int order;

	while (low < high) {
		middle = low + (high - low) / 2;
		order = uri_compare(uri, v->lists[middle].uri);
		if (order == 0) {
			*ret_found = true;
			return middle;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	*ret_found = false;
	return low;
}

const struct held_list *
status_list_find(const struct imprint_verifier *v, struct bytes uri)
{
	bool found;
	size_t i = list_place(v, uri, &found);

	return found ? &v->lists[i] : NULL;
}

/* An empty place for one more list. */
static enum err
list_insert(struct imprint_verifier *v, size_t at, struct bytes uri,
    struct diag *diag)
{
	struct held_list *more;
	uint8_t *copy;

	if (v->list_count == LISTS_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "status list: %d lists are held already", LISTS_MAX);
	copy = malloc(uri.len);
	more = copy == NULL ? NULL : reallocarray(v->lists,
	    v->list_count + 1, sizeof(*more));
	if (more == NULL) {
		free(copy);
		return diag_nomem(diag);
	}
	memcpy(copy, uri.ptr, uri.len);
	v->lists = more;
	memmove(more + at + 1, more + at, (v->list_count - at) *
	    sizeof(*more));
	more[at] = (struct held_list){ .uri = bytes_of(copy, uri.len) };
	v->list_count++;
	return ERR_OK;
}

static enum err
list_check_signer(struct imprint_verifier *v, const struct status_list *list,
    struct diag *diag)
{
	struct document_signer *s = trust_find_signer(v, list->message.kid);
	bool good = false;
	enum err err;

	if (s == NULL)
		return diag_fail(diag, ERR_AUTH, NULL,
		    "status list: signed by a key that is not among the %zu"
		    " trusted document signers", v->signer_count);
	err = cose_sign1_verify(&list->message, s->verifier, s->alg,
	    BYTES_NONE, v->sha256, &good);
	if (err)
		return diag_fail(diag, err, NULL,
		    "status list: cannot be verified");
	if (!good)
		return diag_fail(diag, ERR_AUTH, NULL,
		    "status list: altered or forged: the signature is not the"
		    " one of the signer it names");
	if (list->issued < s->not_before || list->issued > s->not_after)
		return diag_fail(diag, ERR_AUTH, NULL,
		    "status list: issued when its signer's certificate was"
		    " not valid");
	return ERR_OK;
}

static enum err
list_add(struct imprint_verifier *v, struct bytes cwt, struct diag *diag)
{
	struct status_list list;
	struct held_list *held;
	uint8_t *array;
	size_t at, size;
	bool found;
	enum err err;

	err = status_list_parse(cwt, &list, diag);
	if (!err)
		err = list_check_signer(v, &list, diag);
	if (err)
		return err;
	at = list_place(v, list.uri, &found);
	if (found && list.issued < v->lists[at].issued)
		return stale_fail(diag, "status list", list.issued,
		    v->lists[at].issued);
	err = status_list_inflate(&list, &array, &size, diag);
	if (err)
		return err;
	if (!found)
		err = list_insert(v, at, list.uri, diag);
	if (err) {
		free(array);
		return err;
	}
	held = &v->lists[at];
	memcpy(held->kid, list.message.kid.ptr, COSE_KID_SIZE);
	free(held->array);
	held->array = array;
	held->size = size;
	held->issued = list.issued;
	held->expires = list.expires;
	return ERR_OK;
}

static bool
same_issuer(const struct issuing_ca *a, const struct issuing_ca *b)
{
	return bytes_equal(a->issuer.name, b->issuer.name) &&
	    memcmp(a->issuer.key_id, b->issuer.key_id, KEY_ID_SIZE) == 0 &&
	    public_key_equal(&a->issuer.key, &b->issuer.key);
}

static void
crl_hand_over(struct issuing_ca *from, struct issuing_ca *to)
{
	to->crl = from->crl;
	from->crl = NULL;	/* transferred */
	memcpy(to->number, from->number, sizeof(to->number));
	to->number_len = from->number_len;
	to->this_update = from->this_update;
	to->next_update = from->next_update;
}

/* Which CA of to stands for ca and its CRL; NULL: none. */
static enum err
heir_find(const struct issuing_ca *ca, struct imprint_verifier *to,
    struct issuing_ca **ret_heir, struct diag *diag)
{
	struct diag refused = DIAG_INIT;
	size_t i;
	enum err err;

	*ret_heir = NULL;
	for (i = 0; i < to->ca_count && ca->crl != NULL; i++) {
		if (!same_issuer(ca, &to->cas[i]))
			continue;
		err = ca_check(to, &to->cas[i], ca->this_update, &refused);
		if (!err)
			*ret_heir = &to->cas[i];
		else if (err != ERR_AUTH)
			return diag_fail(diag, err, NULL, "%s",
			    refused.what);
	}
	return ERR_OK;
}

/* All of it or nothing: a CRL must not be lost on the way. */
static enum err
crls_hand_over(struct imprint_verifier *from, struct imprint_verifier *to,
    struct diag *diag)
{
	struct issuing_ca **heirs;
	enum err err = ERR_OK;
	size_t i;

	/* an array of pointers: NOLINTNEXTLINE(bugprone-sizeof-expression) */
	heirs = calloc(from->ca_count + 1, sizeof(*heirs));
	if (heirs == NULL)
		return diag_nomem(diag);
	for (i = 0; i < from->ca_count && !err; i++)
		err = heir_find(&from->cas[i], to, &heirs[i], diag);
	for (i = 0; i < from->ca_count && !err; i++)
		if (heirs[i] != NULL)
			crl_hand_over(&from->cas[i], heirs[i]);
	free(heirs);
	return err;
}

static bool
list_is_trusted(const struct imprint_verifier *v,
    const struct held_list *list)
{
	const struct document_signer *s = trust_find_signer(v,
	    bytes_of(list->kid, COSE_KID_SIZE));

	return s != NULL && list->issued >= s->not_before &&
	    list->issued <= s->not_after;
}

enum err
status_hand_over(struct imprint_verifier *from, struct imprint_verifier *to,
    struct diag *diag)
{
	size_t i, left = 0;
	enum err err;

	to->lists = calloc(from->list_count + 1, sizeof(*to->lists));
	if (to->lists == NULL)
		return diag_nomem(diag);
	err = crls_hand_over(from, to, diag);
	if (err)
		return err;
	for (i = 0; i < from->list_count; i++)
		if (list_is_trusted(to, &from->lists[i]))
			to->lists[to->list_count++] = from->lists[i];
		else
			from->lists[left++] = from->lists[i];
	from->list_count = left;
	to->status_max_age_s = from->status_max_age_s;
	return ERR_OK;
}

static int
status_error(enum err err)
{
	switch (err) {
	case ERR_LIMIT:
		return IMPRINT_ERROR_LIMIT;
	case ERR_AUTH:
		return IMPRINT_ERROR_UNTRUSTED;
	case ERR_STATE:
		return IMPRINT_ERROR_STALE;
	case ERR_UNSUPPORTED:
		return IMPRINT_ERROR_UNSUPPORTED;
	default:
		return error_of(err, IMPRINT_ERROR_SYNTAX);
	}
}

int
imprint_verifier_add_status(struct imprint_verifier *v, const void *data,
    size_t len, char *reason, size_t reason_size)
{
	struct bytes input = bytes_of(data, len);
	struct diag diag = DIAG_INIT;
	enum err err;

	if (reason != NULL && reason_size > 0)
		reason[0] = '\0';
	if (v == NULL || data == NULL)
		return IMPRINT_ERROR_INVALID;
	if (len > 0 && input.ptr[0] == FIRST_OF_DER)
		err = crl_add(v, input, &diag);
	else if (len > 0 && input.ptr[0] == FIRST_OF_COSE)
		err = list_add(v, input, &diag);
	else
		err = pem_add(v, input, &diag);
	if (err && reason != NULL && reason_size > 0)
		(void)snprintf(reason, reason_size, "%s", diag.what);
	return status_error(err);
}

int
imprint_verifier_require_status(struct imprint_verifier *v, int64_t max_age_s)
{
	if (v == NULL || max_age_s < 0)
		return IMPRINT_ERROR_INVALID;
	v->status_max_age_s = max_age_s;
	return IMPRINT_OK;
}
