/*
 * What the files about names share. Within lib/authority.
 */
#ifndef IMPRINT_AUTHORITY_NAMES_INTERNAL_H
#define IMPRINT_AUTHORITY_NAMES_INTERNAL_H

#include "lib/authority/authority_internal.h"
#include "lib/authority/names.h"

/*
 * A block of lines: for each line and each name of the template that comes
 * with an order, how many octets it has in common with the one above, how
 * many are its own, and those. A MAC over [order, block, octets] ends it.
 */
struct name_block {
	unsigned	lines;
	size_t		columns;
	char		text[STORE_NAME_LINES][PRODUCT_NAMES_MAX]
			    [NAME_TEXT_SIZE];
};
MUST_USE enum err name_block_put(struct authority *, uint32_t order,
    uint64_t number, const struct name_block *, struct diag *);
/* ERR_CORRUPT: its MAC is not right, or it is of another order. */
MUST_USE enum err name_block_get(struct authority *, uint32_t order,
    uint64_t number, size_t columns, struct name_block *ret_block,
    struct diag *);

/* An order with a file, as far as its names go. */
struct names_order {
	struct store_order	order;
	struct store_name_file	file;
	size_t			columns;
	struct product_name	names[PRODUCT_NAMES_MAX]; /* its columns */
	uint64_t		packed;	/* lines of complete packs */
};
MUST_USE enum err names_order_get(struct authority *, uint32_t number,
    struct names_order *ret_order, struct diag *);
/* Is a line of it (from 0) nobody's? Of a cancelled order all that is in no
 * complete pack: it never left, and what was issued of it is revoked. */
bool	names_order_dead(const struct names_order *, uint64_t line);
/* Who has a line: "identity bulk/17 of order 3", or what it is kept for. */
#define NAMES_OWNER_SIZE 120
MUST_USE enum err names_owner(struct authority *, const struct names_order *,
    uint64_t line, char ret_owner[NAMES_OWNER_SIZE], struct diag *);

/* "bulk/17" */
MUST_USE enum err names_identity(struct authority *, uint32_t log,
    uint64_t index, char *out, size_t size, struct diag *);

/* 32 bits of SHA-256(space || 00 || text). */
MUST_USE enum err names_hash(struct sha256 *, const char *space,
    const char *text, uint32_t *ret_hash);

/* A form that a template has. */
struct names_form {
	struct product_name	name;
	uint32_t		log, template;
};
/* Where the value of a form went; ERR_NOTFOUND: nowhere yet. */
MUST_USE enum err names_form_index(struct authority *,
    const struct names_form *, uint64_t value, uint32_t *ret_log,
    uint64_t *ret_index);
/* "product camera 1.0.0", which a template is of. */
MUST_USE enum err names_product(struct authority *, uint32_t template,
    char ret_owner[NAMES_OWNER_SIZE], struct diag *);
/* Who has a name that some form gives, or which product keeps it. */
MUST_USE enum err names_form_holder(struct authority *, const char *space,
    const char *text, char ret_owner[NAMES_OWNER_SIZE], struct diag *);

/* Each name of each template. */
MUST_USE enum err names_each(struct authority *,
    enum err (*each)(void *ctx, const struct names_form *), void *ctx,
    struct diag *);

/*
 * May a template of these names come to the others? ERR_CONFLICT: one of its
 * forms could give a name that somebody has or may get, or a kind is of
 * another type. Within a transaction.
 */
MUST_USE enum err names_check_template(struct authority *,
    const struct template *, struct diag *);
/*
 * Have its blocks values for so many identities more, after all orders that
 * are open? ERR_LIMIT.
 */
MUST_USE enum err names_check_room(struct authority *,
    const struct product *, uint64_t count, struct diag *);

/*
 * Take a file in, for an order that has its number: as its request says, one
 * line an identity, no name that is taken. Within a transaction; ERR_CONFLICT
 * says who has a name.
 */
MUST_USE enum err names_import(struct authority *, const struct store_order *,
    const struct template *, const struct file *, const struct names_file *,
    struct diag *);

/* The names of an order while it runs. */
struct names_run {
	struct authority	*authority;
	const struct template	*template;
	bool			 needed;
	uint64_t		 pool[PRODUCT_NAMES_MAX];
	uint64_t		 left[PRODUCT_NAMES_MAX];	/* at the first
						name of each pool */
	uint64_t		 next_line;	/* as a value of the pool */
};
MUST_USE enum err names_run_open(struct authority *,
    const struct store_order *, const struct template *,
    struct names_run *ret_run, struct diag *);
/* Are there names for so many? */
bool	names_run_room(const struct names_run *, uint32_t count);
/* The range that was just reserved takes its names, in the same
 * transaction. */
MUST_USE enum err names_run_take(struct names_run *,
    const struct store_range *, struct names_held *, struct diag *);

/* Values of blocks that lost identities may have taken are nobody's: those
 * of count indices of a log, from first on. Within a transaction. */
MUST_USE enum err names_burn(struct authority *, uint32_t log,
    uint64_t first, uint64_t count, struct diag *);

#endif
