/*
 * The forms, a file each. Internal to lib/identity.
 */
#ifndef IMPRINT_IDENTITY_FORM_INTERNAL_H
#define IMPRINT_IDENTITY_FORM_INTERNAL_H

#include "lib/identity/package_form.h"

extern const struct package_form form_cbor;	/* form_pem.c */
extern const struct package_form form_pem;
extern const struct package_form form_der;
extern const struct package_form form_c;
extern const struct package_form form_image;
extern const struct package_form form_ndjson;

/* What the certificates of the chain are, by place. */
#define FORM_CHAIN_NAMES	{ "issuer", "signer", "root", "more" }

#endif
