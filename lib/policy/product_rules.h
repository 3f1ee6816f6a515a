/*
 * The rules of a product, one part at a time: product_check() runs them all,
 * the reader of product files runs each where it knows the line. Internal to
 * lib/policy.
 *
 * A rule returns ERR_OK, or the code it put into the fault; the fault's key
 * names the part of the object it is about, in the words of the file, or is
 * NULL for the object as a whole.
 */
#ifndef IMPRINT_POLICY_PRODUCT_RULES_H
#define IMPRINT_POLICY_PRODUCT_RULES_H

#include "lib/policy/product.h"

/* RFC 5280 A.1: ub-organization-name, ub-serial-number; characters. */
#define PRODUCT_MANUFACTURER_MAX	64
#define PRODUCT_DIGITS_MAX		19	/* of a number in a name */
#define PRODUCT_HEX_MAX			16	/* the same, hexadecimal */
/* Values of a block of names: the registry counts them in 63 bits. */
#define PRODUCT_BLOCK_MAX		(UINT64_C(1) << 48)
/* PrintableString (X.680 41.4), for a certificate's serialNumber. */
#define RULE_PRINTABLE	"ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
			"abcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?"
#define PRODUCT_YEARS_MAX		100
#define PRODUCT_TARGET_MAX	(UINT32_C(1) << 20)	/* octets */
#define CERT_WITH_ALL	(CERT_WITH_SKI | CERT_WITH_AKI | CERT_WITH_CRL | \
			    CERT_WITH_AIA | CERT_WITH_EKU)

struct fault {
	enum err	code;
	const char	*key;
	char		text[200];
};

/* Fill in a fault; returns code. */
enum err fault_set(struct fault *, enum err code, const char *key,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* A word such as a product's name: [a-z0-9][a-z0-9-]*. */
MUST_USE enum err rule_word(const char *, struct fault *);
/* Digits and dots: "1.0.0". */
MUST_USE enum err rule_version(const char *, struct fault *);
/*
 * 1 to max_octets of UTF-8 that shows as what it is: no controls, line
 * breaks, byte order marks or changes of writing direction.
 */
MUST_USE enum err rule_text(const char *, size_t max_octets, struct fault *);
/* A text that goes into the subject's O as well. */
MUST_USE enum err rule_manufacturer(const char *, struct fault *);
MUST_USE enum err rule_object(const struct product_object *, struct fault *);
/* Is what the object allows a capability of the product? */
MUST_USE enum err rule_authorised(const struct product *,
    const struct product_object *, struct fault *);
MUST_USE enum err rule_signature(enum product_signature, struct fault *);
MUST_USE enum err rule_evidence(enum product_evidence, struct fault *);
/* 1 to 100, or never. */
MUST_USE enum err rule_validity(int years, struct fault *);
MUST_USE enum err rule_credential(const struct product_credential *,
    struct fault *);
MUST_USE enum err rule_anchor(const struct product_anchor *, struct fault *);
MUST_USE enum err rule_name(const struct product_name *, struct fault *);
/* Of the whole product, when it is had in the field; names from birth are
 * nowhere else. */
MUST_USE enum err rule_field(const struct product *, struct fault *);
/* All keys are made in one place. */
MUST_USE enum err rule_makers(const struct product *, struct fault *);
/* Exactly one slot to authenticate with. */
MUST_USE enum err rule_authenticates(const struct product *, struct fault *);

/* An image, and nothing else, has a layout: visible ASCII in lines. */
MUST_USE enum err rule_form_layout(enum product_form, const char *layout,
    struct fault *);
/* The target by itself; its key is that of the file, under target. */
MUST_USE enum err rule_target(const struct product_target *, struct fault *);
/* Has the target a place for each of the keys? */
MUST_USE enum err rule_placed(const struct product *, struct fault *);

/* The target as it stands in the canonical form: product_cbor.c. */
void	target_put(struct buf *, const struct product_target *);
void	target_get(struct cbor *, struct product_target *);
static inline bool
target_given(const struct product_target *t)
{
	return t->key_count > 0 || t->certificate > 0 || t->document > 0 ||
	    t->package > 0 || t->total > 0;
}

/* Put every list into its canonical order. */
void	product_sort(struct product *);

#endif
