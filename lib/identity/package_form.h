/*
 * Plain forms of an opened package, for lines that write something else than
 * its CBOR into a device: a table, one file of code each.
 *
 * Each holds the device's private keys: they are made in memory that the
 * caller wipes, and nowhere else.
 */
#ifndef IMPRINT_IDENTITY_PACKAGE_FORM_H
#define IMPRINT_IDENTITY_PACKAGE_FORM_H

#include "lib/identity/document.h"
#include "lib/identity/package.h"

#define PACKAGE_CHAIN_MAX	4
#define PACKAGE_FORM_MAX	((size_t)1 << 20)	/* octets of a form */
#define PACKAGE_LAYOUT_MAX	((size_t)64 << 10)	/* octets of its text */

/* An opened package; views into it. */
struct package_plain {
	struct bytes		whole;
	struct bytes		encoded;	/* the document, and ... */
	struct document		document;	/* ... the same, parsed */
	size_t			key_count;
	struct package_key	keys[PRODUCT_SLOTS_MAX];	/* ascending */
	size_t			chain_count;
	/* issuing CA, document signer, root; DER */
	struct bytes		chain[PACKAGE_CHAIN_MAX];
};

/* What a device gets. It is heavy: allocate it. ERR_SYNTAX, ERR_VERSION,
 * ERR_LIMIT, and those of document_parse(). */
MUST_USE enum err package_plain_parse(struct bytes,
    struct package_plain *ret_package, struct diag *);
/* The certificate of a slot; empty: it has none. */
struct bytes package_certificate(const struct package_plain *, unsigned slot);

struct package_form {
	const char	*name;		/* "pem" */
	const char	*what;		/* for people, half a line */
	bool		 layout;	/* it wants one */
	/* Append to out, whose memory is fixed and secret; ERR_LIMIT when it
	 * is too small. layout: a text, see form_image.c. */
	enum err	(*put)(const struct package_plain *,
			    struct bytes layout, struct buf *out,
			    struct diag *);
};
/* All of them; ends with NULL. */
extern const struct package_form *const package_forms[];
/* ERR_INVALID lists those there are. */
MUST_USE enum err package_form_find(const char *name,
    const struct package_form **ret_form, struct diag *);

/*
 * A package in another form, in secret memory: ret_out SECRET_INIT. layout
 * is empty unless the form wants one. ERR_INVALID: layout, with its line.
 */
MUST_USE enum err package_form_put(const struct package_form *,
    struct bytes package, struct bytes layout, struct secret *ret_out,
    struct diag *);

/* For the forms: a private key as PKCS#8 DER, appended to fixed memory. */
MUST_USE enum err package_put_pkcs8(struct buf *, const struct package_key *,
    struct diag *);

#endif
