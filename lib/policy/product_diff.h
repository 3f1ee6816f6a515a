/*
 * What differs between two product versions, field by field of their
 * canonical form.
 *
 * The fields are those of the product's file, so a field that the file gains
 * is compared from that day on: "metadata.swversion", "capabilities.photo",
 * "credentials[slot 1].algorithm", "names[serial-number].format". A list of
 * words is one value.
 */
#ifndef IMPRINT_POLICY_PRODUCT_DIFF_H
#define IMPRINT_POLICY_PRODUCT_DIFF_H

#include "lib/policy/product.h"

struct product_change {
	const char	*field;
	const char	*before, *after;	/* NULL: absent */
};

/*
 * Calls each for every field that differs: changed and gone in the order of
 * the file, then new. An error of each ends the walk with it. No call: the
 * hashes are equal.
 */
MUST_USE enum err product_diff(const struct product *before,
    const struct product *after,
    enum err (*each)(void *ctx, const struct product_change *), void *ctx,
    struct diag *);

#endif
