#include <stdlib.h>

#include "cmd/imprint/remote.h"
#include "lib/policy/product_diff.h"
#include "lib/policy/product_yaml.h"

#define PREFIX_MIN	4	/* hexadecimal digits of a hash */

/* One of the two. */
struct side {
	const char	*word;
	struct product	 product;
	uint8_t		 hash[SHA256_SIZE];
	bool		 stored;	/* in the registry */
};

struct diff {
	struct cmd		*cmd;
	struct authority	*authority;
	bool			 known;		/* there is a registry, here or
						 * there: not for two files */
	struct side		 before, after;
	size_t			 changes;
};

bool
product_is_file(const char *word)
{
	size_t len = strlen(word);

	return strchr(word, '/') != NULL || strcmp(word, "-") == 0 ||
	    (len > 5 && strcmp(word + len - 5, ".yaml") == 0) ||
	    (len > 4 && strcmp(word + len - 4, ".yml") == 0);
}

static enum err
file_load(struct cmd *cmd, struct side *side)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	enum err err;

	err = input_read(cmd, side->word, PRODUCT_FILE_MAX, &text);
	if (!err)
		err = product_yaml_parse(side->word, buf_bytes(&text),
		    &side->product, &cmd->diag);
	return err;
}

struct prefix_walk {
	const char	*prefix;
	struct side	*side;
	unsigned	 found;
	struct diag	*diag;
};

static enum err
prefix_try(void *ctx, const struct store_object *object)
{
	_cleanup_buf_ struct buf hex = BUF_INIT;
	struct prefix_walk *walk = ctx;

	buf_put_hex(&hex, bytes_of(object->hash, STORE_HASH_SIZE));
	if (strncmp(buf_text(&hex), walk->prefix,
	    strlen(walk->prefix)) != 0)
		return ERR_OK;
	walk->found++;
	return product_decode(object->body, &walk->side->product,
	    walk->diag);
}

/* A hash by its first digits. ERR_NOTFOUND leaves the diag alone. */
static enum err
prefix_load(struct cmd *cmd, struct authority *authority, struct side *side)
{
	struct diag diag = DIAG_INIT;
	struct prefix_walk walk = { .prefix = side->word, .side = side,
	    .diag = &diag };
	size_t len = strlen(side->word);
	enum err err;

	if (len < PREFIX_MIN || strspn(side->word, "0123456789abcdef") != len)
		return ERR_NOTFOUND;
	err = authority_object_each(authority, STORE_PRODUCT, prefix_try,
	    &walk, &diag);
	if (!err && walk.found == 0)
		return ERR_NOTFOUND;
	if (!err && walk.found > 1)
		err = diag_fail(&diag, ERR_INVALID, NULL, "product %s: %u "
		    "hashes begin with it; give more digits", side->word,
		    walk.found);
	cmd->diag = diag;
	return err;
}

/* Does the server have a product of such a name, or hash? */
static enum err
there_look(struct cmd *cmd, const char *word, bool *ret_there)
{
	struct store_object object;
	struct product product;
	enum err err;

	err = remote_product_get(cmd, word, &product, &object);
	if (err && err != ERR_NOTFOUND)
		return err;
	*ret_there = err == ERR_OK;
	cmd->diag = (struct diag)DIAG_INIT;
	return ERR_OK;
}

/* Is it in the registry? */
static enum err
side_look(struct diff *diff, struct side *side)
{
	_cleanup_buf_ struct buf body = BUF_INIT, hex = BUF_INIT;
	struct store_object object;

	if (diff->authority == NULL) {
		buf_put_hex(&hex, bytes_of(side->hash, SHA256_SIZE));
		return buf_err(&hex) ? buf_err(&hex) : there_look(diff->cmd,
		    buf_text(&hex), &side->stored);
	}
	side->stored = authority_object_by_hash(diff->authority,
	    STORE_PRODUCT, side->hash, &body, &object, NULL) == ERR_OK;
	return ERR_OK;
}

static enum err
side_load(struct diff *diff, struct side *side)
{
	struct store_object object;
	struct cmd *cmd = diff->cmd;
	enum err err, other;

	if (product_is_file(side->word)) {
		err = file_load(cmd, side);
	} else {
		err = product_look(cmd, diff->authority, side->word,
		    &side->product, &object);
		if (err == ERR_NOTFOUND && diff->authority != NULL) {
			other = prefix_load(cmd, diff->authority, side);
			err = other == ERR_NOTFOUND ? err : other;
		}
	}
	if (!err)
		err = product_hash(&side->product, side->hash);
	return !err && diff->known ? side_look(diff, side) : err;
}

static enum err
change_print(void *ctx, const struct product_change *change)
{
	static const char *const none = "(none)";
	struct diff *diff = ctx;
	const char *texts[2] = { change->before, change->after };
	size_t i;

	if (!diff->cmd->json) {
		printf("  %-40s %s -> %s\n", change->field,
		    texts[0] != NULL ? texts[0] : none,
		    texts[1] != NULL ? texts[1] : none);
		diff->changes++;
		return ERR_OK;
	}
	printf("%s\n    {\"field\": ", diff->changes++ > 0 ? "," : "");
	json_string(stdout, change->field, strlen(change->field));
	for (i = 0; i < 2; i++) {
		printf(", \"%s\": ", i == 0 ? "before" : "after");
		if (texts[i] == NULL)
			printf("null");
		else
			json_string(stdout, texts[i], strlen(texts[i]));
	}
	printf("}");
	return ERR_OK;
}

/* Is its name and version another's, so that it cannot be added? */
static enum err
version_taken(const struct diff *diff, bool *ret_taken)
{
	const struct product *b = &diff->after.product;
	_cleanup_buf_ struct buf body = BUF_INIT;
	char word[sizeof(b->name) + sizeof(b->version) + 1];
	struct store_object object;

	*ret_taken = strcmp(diff->before.product.version, b->version) == 0;
	if (*ret_taken || !diff->known)
		return ERR_OK;
	(void)snprintf(word, sizeof(word), "%s@%s", b->name, b->version);
	if (diff->authority == NULL)
		return there_look(diff->cmd, word, ret_taken);
	*ret_taken = authority_object_get(diff->authority, STORE_PRODUCT,
	    b->name, b->version, &body, &object, NULL) == ERR_OK;
	return ERR_OK;
}

/* What a new order by the product's bare name gets. */
static enum err
orders_explain(struct diff *diff, struct buf *out)
{
	const struct product *a = &diff->before.product;
	const struct product *b = &diff->after.product;
	struct store_object latest;
	struct product product;
	bool taken = false;
	enum err err;

	if (strcmp(a->name, b->name) != 0) {
		buf_printf(out, "These are two products: new orders name %s "
		    "or %s.", a->name, b->name);
		return ERR_OK;
	}
	if (!diff->after.stored) {
		err = version_taken(diff, &taken);
		if (err)
			return err;
	}
	if (taken) {
		buf_printf(out, "A version never changes, and there is a %s "
		    "%s: give the changed one another version, then add it.",
		    b->name, b->version);
		return ERR_OK;
	}
	if (!diff->after.stored) {
		buf_printf(out, "New orders for %s get %s once it has been "
		    "added: imprint product add FILE.", b->name, b->version);
		return ERR_OK;
	}
	err = product_look(diff->cmd, diff->authority, b->name, &product,
	    &latest);
	if (err)
		return err;
	buf_printf(out, "New orders for %s get %s, which was added last; "
	    "%s@VERSION orders another.", b->name, product.version, b->name);
	return ERR_OK;
}

static enum err
diff_explain(struct diff *diff, struct buf *existing, struct buf *orders)
{
	const struct product *a = &diff->before.product;
	enum err err;

	buf_printf(existing, "Existing devices, and orders made already, "
	    "keep %s %s: what was issued never changes.", a->name,
	    a->version);
	err = orders_explain(diff, orders);
	if (!err)
		err = buf_err(existing);
	return err ? err : buf_err(orders);
}

static void
side_print_json(const char *name, const struct side *side)
{
	printf("  \"%s\": {\"product\": \"%s\", \"version\": \"%s\", "
	    "\"hash\": \"", name, side->product.name, side->product.version);
	hex_print(stdout, bytes_of(side->hash, SHA256_SIZE));
	printf("\"},\n");
}

static void
side_print(const struct side *side)
{
	printf("%s %s (", side->product.name, side->product.version);
	hex_print(stdout, bytes_of(side->hash, 8));
	printf(")");
}

static void
begin_print(const struct diff *diff, bool same)
{
	if (diff->cmd->json) {
		printf("{\n  \"same\": %s,\n", same ? "true" : "false");
		side_print_json("before", &diff->before);
		side_print_json("after", &diff->after);
		printf("  \"changes\": [");
		return;
	}
	side_print(&diff->before);
	printf(same ? " = " : " -> ");
	side_print(&diff->after);
	printf("\n");
}

static void
end_print(struct diff *diff, const char *existing, const char *orders)
{
	if (!diff->cmd->json) {
		printf("%s\n%s%s", existing, orders,
		    orders[0] != '\0' ? "\n" : "");
		return;
	}
	printf("%s],\n  \"existing\": ", diff->changes > 0 ? "\n  " : "");
	json_string(stdout, existing, strlen(existing));
	printf(",\n  \"orders\": ");
	json_string(stdout, orders, strlen(orders));
	printf("\n}\n");
}

static enum err
diff_print(struct diff *diff, bool *ret_same)
{
	_cleanup_buf_ struct buf existing = BUF_INIT, orders = BUF_INIT;
	bool same = memcmp(diff->before.hash, diff->after.hash,
	    SHA256_SIZE) == 0;
	enum err err = ERR_OK;

	if (same)
		buf_printf(&existing, "The same product: nothing differs.");
	else
		err = diff_explain(diff, &existing, &orders);
	if (err)
		return err;
	begin_print(diff, same);
	if (!same)
		err = product_diff(&diff->before.product,
		    &diff->after.product, change_print, diff,
		    &diff->cmd->diag);
	if (err)
		return err;
	end_print(diff, buf_text(&existing), buf_text(&orders));
	*ret_same = same;
	return ERR_OK;
}

enum exit_code
product_diff_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	struct diff *diff;
	bool same = false;
	enum err err = ERR_OK;

	if (cmd->argc != 2)
		return cmd_usage(cmd, "which two products?");
	diff = calloc(1, sizeof(*diff));
	if (diff == NULL)
		return cmd_fail(cmd, diag_nomem(&cmd->diag));
	diff->cmd = cmd;
	diff->before.word = cmd->argv[0];
	diff->after.word = cmd->argv[1];
	diff->known = !product_is_file(cmd->argv[0]) ||
	    !product_is_file(cmd->argv[1]);
	if (diff->known && !remote_there(cmd))
		err = ecosystem_open(cmd, AUTHORITY_READ, false, &authority);
	diff->authority = authority;
	if (!err)
		err = side_load(diff, &diff->before);
	if (!err)
		err = side_load(diff, &diff->after);
	if (!err)
		err = diff_print(diff, &same);
	free(diff);
	if (err)
		return cmd_fail(cmd, err);
	return same ? EXIT_OK : EXIT_REFUSED;
}
