/*
 * Product files: YAML 1.1 as libyaml reads it, UTF-8, one document of at
 * most PRODUCT_FILE_MAX octets.
 *
 * Every error names file, line and key, what was found and what is allowed.
 * Unknown and repeated keys, anchors, aliases, tags and second documents are
 * refused. Parsing keeps node marks, which is why libyaml's document API is
 * used rather than a schema loader that drops them.
 */
#ifndef IMPRINT_POLICY_PRODUCT_YAML_H
#define IMPRINT_POLICY_PRODUCT_YAML_H

#include "lib/policy/product.h"

#define PRODUCT_FILE_MAX ((size_t)256 << 10)

/* file_name is for messages. ERR_SYNTAX, ERR_INVALID, ERR_LIMIT,
 * ERR_UNSUPPORTED (a later version's or unbuilt feature, said so). */
MUST_USE enum err product_yaml_parse(const char *file_name,
    struct bytes text, struct product *ret_product, struct diag *);
/* The product as a YAML file that parses back to the same hash. */
MUST_USE enum err product_yaml_write(const struct product *,
    struct buf *out);

#endif
