/*
 * What the readers of product files share. Internal to lib/policy.
 */
#ifndef IMPRINT_POLICY_PRODUCT_YAML_INTERNAL_H
#define IMPRINT_POLICY_PRODUCT_YAML_INTERNAL_H

#include "lib/policy/product_rules.h"
#include "lib/policy/yamlfile.h"

#define COUNT(table)	(sizeof(table) / sizeof((table)[0]))
#define FIELD(type, field) \
	offsetof(type, field), sizeof(((type *)NULL)->field)

/* What a rule found, at the key it names or else at the object. */
enum err fault_report(struct yamlfile *, yaml_node_t *, const struct fault *);
/* A text into a field that is large enough by the rules. */
MUST_USE enum err text_store(struct yamlfile *, yaml_node_t *,
    const char *text, char *out, size_t size);
/* A word (rule_word()) into the field that the key says. */
MUST_USE enum err word_read(struct yamlfile *, const struct yamlfile_key *,
    yaml_node_t *, void *target);
/* The list of names into the product. */
MUST_USE enum err names_read(struct yamlfile *, const struct yamlfile_key *,
    yaml_node_t *, void *product);
void	names_write(struct buf *, const struct product *);

/* form, layout and target into the product. */
MUST_USE enum err form_read(struct yamlfile *, const struct yamlfile_key *,
    yaml_node_t *, void *product);
MUST_USE enum err layout_read(struct yamlfile *, const struct yamlfile_key *,
    yaml_node_t *, void *product);
MUST_USE enum err target_read(struct yamlfile *, const struct yamlfile_key *,
    yaml_node_t *, void *product);
void	target_write(struct buf *, const struct product *);
/* The number of an algorithm's name. */
MUST_USE enum err algorithm_choose(struct yamlfile *, yaml_node_t *,
    enum key_alg *ret_alg);

/* Writing: double-quoted. */
void	quoted_put(struct buf *, const char *text);

#endif
