#include "lib/identity/template.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/identity/claims.h"

void
template_free(struct template **template)
{
	size_t i;

	if (*template == NULL)
		return;
	form_free(&(*template)->claims);
	buf_release(&(*template)->protected);
	for (i = 0; i < (*template)->slot_count; i++)
		form_free(&(*template)->slots[i].certificate);
	free(*template);
	*template = NULL;
}

static enum err
text_join(char out[TEMPLATE_TEXT_MAX + 1], const char *url, const char *path,
    const char *name, const char *end, struct diag *diag)
{
	int len;

	len = snprintf(out, TEMPLATE_TEXT_MAX + 1, "%s%s%s%s", url, path,
	    name, end);
	if (len < 0 || len > TEMPLATE_TEXT_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "template: URL longer than %d octets: %s%s",
		    TEMPLATE_TEXT_MAX, url, path);
	return ERR_OK;
}

static int
serial_number_name(const struct product *product)
{
	size_t i;

	for (i = 0; i < product->name_count; i++)
		if (product->names[i].from != NAME_FROM_LINE &&
		    strcmp(product->names[i].kind, NAME_SERIAL_NUMBER) == 0)
			return (int)i;
	return -1;
}

static unsigned
purpose_key_usage(const struct product_credential *credential)
{
	const struct key_algorithm *a = key_algorithm(credential->alg);

	switch (credential->purpose) {
	case PURPOSE_ENCRYPT:
		return (a->can & KEY_AGREES) != 0 ? KU_KEY_AGREEMENT :
		    KU_KEY_ENCIPHERMENT;
	case PURPOSE_SIGN:
		/* data, never a handshake: TLS wants digitalSignature */
		return KU_CONTENT_COMMITMENT;
	case PURPOSE_AUTHENTICATE:
		break;
	}
	return KU_DIGITAL_SIGNATURE;
}

enum err
template_profile(const struct product *product,
    const struct product_credential *credential,
    const struct template_issuer *issuer, struct template_text *text,
    struct certificate_profile *ret_profile, struct diag *diag)
{
	struct certificate_profile profile = { 0 };
	enum err err;

	err = text_join(text->crl_prefix, issuer->publish_url, "/crl/",
	    issuer->log_name, "-", diag);
	if (!err)
		err = text_join(text->ca_issuers, issuer->publish_url, "/ca/",
		    issuer->log_name, ".cer", diag);
	if (err)
		return err;
	profile.issuer_name = issuer->name;
	if (credential->with & CERT_WITH_AKI)
		profile.issuer_key_id = bytes_of(issuer->key_id, KEY_ID_SIZE);
	if (product->manufacturer[0] != '\0')
		profile.organization = product->manufacturer;
	profile.with_serial_number = serial_number_name(product) >= 0;
	profile.subject_alg = credential->alg;
	profile.path_len = -1;
	profile.key_usage = purpose_key_usage(credential);
	if (credential->purpose == PURPOSE_AUTHENTICATE &&
	    (credential->with & CERT_WITH_EKU))
		profile.extended_key_usage = EKU_CLIENT_AUTH;
	profile.with_ski = (credential->with & CERT_WITH_SKI) != 0;
	if (credential->with & CERT_WITH_CRL) {
		profile.crl_prefix = text->crl_prefix;
		profile.crl_partitioned = true;
		profile.crl_suffix = ".crl";
	}
	if (credential->with & CERT_WITH_AIA)
		profile.ca_issuers_url = text->ca_issuers;
	*ret_profile = profile;
	return ERR_OK;
}

static enum err
template_slot(const struct product *product,
    const struct product_credential *credential,
    const struct template_issuer *issuer, struct template *template,
    struct diag *diag)
{
	struct template_slot *slot = &template->slots[template->slot_count];
	struct certificate_profile profile;
	struct template_text text;
	enum err err;

	slot->slot = credential->slot;
	slot->alg = credential->alg;
	slot->validity_years = credential->validity_years;
	if (credential->certificate) {
		err = template_profile(product, credential, issuer, &text,
		    &profile, diag);
		if (!err)
			err = certificate_form(&profile, &slot->certificate,
			    diag);
		if (err)
			return err;
	}
	template->slot_count++;
	return ERR_OK;
}

static enum err
template_fill(const struct product *product,
    const struct template_issuer *issuer, struct template *template,
    struct diag *diag)
{
	struct claims_issuer claims = { .issuer = issuer->issuer };
	size_t i;
	enum err err;

	err = product_hash(product, template->product);
	if (err)
		return err;
	memcpy(claims.root_hash, issuer->root_hash, SHA256_SIZE);
	err = claims_form(product, template->product, &claims,
	    &template->claims, diag);
	if (err)
		return err;
	err = text_join(template->status_prefix, issuer->publish_url,
	    "/status/", issuer->log_name, "-", diag);
	if (err)
		return err;
	template->signature = product->signature;
	if (template->signature == SIGNATURE_DIRECT)
		cose_put_protected(&template->protected, COSE_ES256,
		    bytes_of(issuer->document_kid, COSE_KID_SIZE),
		    DOCUMENT_TYP);
	for (i = 0; i < product->credential_count; i++) {
		err = template_slot(product, &product->credentials[i], issuer,
		    template, diag);
		if (err)
			return err;
	}
	memcpy(template->names, product->names, sizeof(template->names));
	template->name_count = product->name_count;
	return buf_err(&template->protected);
}

enum err
template_new(const struct product *product,
    const struct template_issuer *issuer, struct template **ret_template,
    struct diag *diag)
{
	_cleanup_template_ struct template *template = NULL;
	enum err err;

	template = calloc(1, sizeof(*template));
	if (template == NULL)
		return diag_nomem(diag);
	template->protected.limit = BUF_LIMIT_DEFAULT;
	template->log = issuer->log;
	template->document_validity_years = product->document_validity_years;
	template->serial_number = serial_number_name(product);
	err = template_fill(product, issuer, template, diag);
	if (err)
		return diag_fail(diag, err, NULL,
		    "template: product %s %s cannot be encoded",
		    product->name, product->version);
	*ret_template = template;
	template = NULL;	/* transferred */
	return ERR_OK;
}

size_t
template_entry_size(const struct template *template)
{
	size_t i, size = 0;

	if (template->signature == SIGNATURE_DIRECT)
		size = SIGNATURE_SIZE;	/* of the document */
	for (i = 0; i < template->slot_count; i++) {
		size += key_algorithm(template->slots[i].alg)->stored_len;
		if (template->slots[i].certificate != NULL)
			size += SIGNATURE_SIZE;
	}
	return size;
}

static size_t
names_from(const struct template *template, enum name_source source)
{
	size_t i, count = 0;

	for (i = 0; i < template->name_count; i++)
		count += template->names[i].from == source;
	return count;
}

bool
template_needs_names(const struct template *template)
{
	return names_from(template, NAME_FROM_RANGE) > 0 ||
	    template_csv_names(template) > 0;
}

bool
template_needs_births(const struct template *template)
{
	return names_from(template, NAME_FROM_BIRTH) > 0;
}

size_t
template_csv_names(const struct template *template)
{
	return names_from(template, NAME_FROM_CSV);
}
