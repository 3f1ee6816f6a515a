/*
 * Finding an identity by a name: those of the index by arithmetic, those of
 * a block by what its range took, those of a file by their key.
 */
#include <stdio.h>

#include "lib/authority/lookup_internal.h"
#include "lib/authority/names_internal.h"
#include "lib/authority/reconcile_internal.h"

#define HITS_MAX	8
#define SPACES_MAX	32	/* looked for among files */

struct hit {
	struct address	address;
	char		kind[PRODUCT_NAME_MAX + 1];
	char		text[NAME_TEXT_SIZE];	/* canonical */
	bool		sure;		/* the index itself says so */
};

struct find {
	struct authority	*authority;
	struct sha256		*sha256;
	const char		*word;		/* without a kind */
	char			 kind[PRODUCT_NAME_MAX + 1];	/* or empty */
	struct hit		 hits[HITS_MAX];
	size_t			 count;
	/* files are looked through once for each space */
	char			 spaces[SPACES_MAX][PRODUCT_NAME_MAX + 1];
	size_t			 space_count;
	struct hit		 sought;	/* among files */
	char			 kept[NAMES_OWNER_SIZE]; /* not issued yet */
	struct hit		 revoked;	/* of a cancelled order */
	bool			 was;		/* there is one */
	struct names_order	 order;
	struct diag		*diag;
};

static void
hit_add(struct find *find, const struct hit *hit)
{
	const struct address *a = &hit->address, *b;
	size_t i;

	for (i = 0; i < find->count; i++) {
		b = &find->hits[i].address;
		if (a->log == b->log && a->index == b->index)
			return;
	}
	if (find->count < HITS_MAX)
		find->hits[find->count++] = *hit;
}

/* From a form: where did the value go? */
static enum err
find_form(struct find *find, const struct names_form *form,
    const char *text)
{
	struct hit hit = { .sure = form->name.from == NAME_FROM_INDEX };
	uint64_t value;
	enum err err;

	if (name_parse(&form->name, text, &value) != ERR_OK)
		return ERR_OK;
	err = names_form_index(find->authority, form, value,
	    &hit.address.log, &hit.address.index);
	if (err)
		return err == ERR_NOTFOUND ? ERR_OK : diag_fail(find->diag,
		    err, NULL, "registry: names cannot be read");
	memcpy(hit.kind, form->name.kind, sizeof(hit.kind));
	(void)snprintf(hit.text, sizeof(hit.text), "%.64s", text);
	hit_add(find, &hit);
	return ERR_OK;
}

/* A line that has the name: who got it? */
static enum err
find_line(struct find *find, uint64_t line, size_t column)
{
	uint64_t value = find->order.file.first * STORE_NAME_LINES + line;
	struct hit hit = find->sought;
	struct store_name_part part;
	enum err err = ERR_NOTFOUND;

	if (line < find->order.order.committed)
		err = store_name_part_get(find->authority->store,
		    STORE_NAME_FILES, value, &part, NULL);
	if (err == ERR_NOTFOUND)
		return names_order_dead(&find->order, line) ? ERR_OK :
		    names_owner(find->authority, &find->order, line,
		    find->kept, find->diag);
	if (err)
		return diag_fail(find->diag, err, NULL,
		    "registry: names cannot be read");
	hit.address = (struct address){ part.log,
	    part.range + value - part.first };
	memcpy(hit.kind, find->order.names[column].kind, sizeof(hit.kind));
	if (!names_order_dead(&find->order, line)) {
		hit_add(find, &hit);
		return ERR_OK;
	}
	find->revoked = hit;
	find->was = true;
	return ERR_OK;
}

static enum err
find_block(void *ctx, uint64_t number)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct name_block block = { .lines = 0 };
	struct find *find = ctx;
	struct names_order *order = &find->order;
	uint32_t owner = 0;
	uint64_t line;
	size_t n, i;
	enum err err;

	err = store_block_get(find->authority->store, STORE_NAME_BLOCKS, number,
	    &owner, &body, find->diag);
	if (!err)
		err = names_order_get(find->authority, owner, order,
		    find->diag);
	if (!err)
		err = name_block_get(find->authority, owner, number,
		    order->columns, &block, find->diag);
	if (err)
		return err;
	line = (number - order->file.first) * STORE_NAME_LINES;
	for (n = 0; n < block.lines && !err; n++, line++)
		for (i = 0; i < order->columns && !err; i++)
			if (strcmp(block.text[n][i], find->sought.text) == 0 &&
			    strcmp(name_space(&order->names[i]),
			    find->spaces[find->space_count - 1]) == 0 &&
			    (find->kind[0] == '\0' || strcmp(find->kind,
			    order->names[i].kind) == 0))
				err = find_line(find, line, i);
	return err;
}

static enum err
find_files(struct find *find, const struct product_name *name,
    const char *text)
{
	const char *space = name_space(name);
	uint32_t hash = 0;
	size_t i;
	enum err err;

	for (i = 0; i < find->space_count; i++)
		if (strcmp(find->spaces[i], space) == 0)
			return ERR_OK;
	if (i == SPACES_MAX)
		return diag_fail(find->diag, ERR_LIMIT, NULL, "more than %d "
		    "kinds of names come from files: say which, such as "
		    "imei=%s", SPACES_MAX, find->word);
	(void)snprintf(find->spaces[i], sizeof(find->spaces[i]), "%s", space);
	find->space_count++;
	find->sought = (struct hit){ .sure = false };
	memcpy(find->sought.text, text, NAME_TEXT_SIZE);
	err = names_hash(find->sha256, space, text, &hash);
	return err ? err : store_name_key_each(find->authority->store, hash,
	    0, find_block, find, find->diag);
}

/* Given on the line: a report says to whom, under a MAC. */
static enum err
find_reported(struct find *find, const struct product_name *name,
    const char *text)
{
	struct hit hit = { .sure = true };
	bool live = false;
	enum err err;

	err = line_name_find(find->authority, find->sha256, name_space(name),
	    text, &hit.address, hit.kind, &live, find->diag);
	if (err)
		return err == ERR_NOTFOUND ? ERR_OK : err;
	if (find->kind[0] != '\0' && strcmp(find->kind, hit.kind) != 0)
		return ERR_OK;
	memcpy(hit.text, text, NAME_TEXT_SIZE);
	if (live) {
		hit_add(find, &hit);
		return ERR_OK;
	}
	find->revoked = hit;
	find->was = true;
	return ERR_OK;
}

static enum err
find_form_or_file(void *ctx, const struct names_form *form)
{
	char text[NAME_TEXT_SIZE];
	struct find *find = ctx;
	enum err err;

	if (find->kind[0] != '\0' && strcmp(find->kind, form->name.kind) != 0)
		return ERR_OK;
	/* as it stands: older forms had fewer rules */
	if (form->name.from == NAME_FROM_INDEX)
		return find_form(find, form, find->word);
	err = name_read(form->name.kind, form->name.type,
	    bytes_text(find->word), text, NULL);
	if (err)
		return ERR_OK;
	if (form->name.from == NAME_FROM_LINE)
		return find_reported(find, &form->name, text);
	return form->name.from == NAME_FROM_CSV ?
	    find_files(find, &form->name, text) : find_form(find, form, text);
}

struct kind_walk {
	const char	*word;
	size_t		 len;
	bool		 found;
};

static enum err
kind_try(void *ctx, const struct names_form *form)
{
	struct kind_walk *walk = ctx;

	if (strlen(form->name.kind) == walk->len &&
	    memcmp(form->name.kind, walk->word, walk->len) == 0)
		walk->found = true;
	return ERR_OK;
}

/* "imei=4901...": what stands before = is a kind, or part of the name. */
static enum err
kind_split(struct find *find)
{
	const char *equals = strchr(find->word, '=');
	struct kind_walk walk = { .word = find->word };
	enum err err;

	if (equals == NULL || equals - find->word > PRODUCT_NAME_MAX)
		return ERR_OK;
	walk.len = (size_t)(equals - find->word);
	err = names_each(find->authority, kind_try, &walk, find->diag);
	if (err || !walk.found)
		return err;
	memcpy(find->kind, find->word, walk.len);
	find->word = equals + 1;
	return ERR_OK;
}

/*
 * Tables say which identity took the name; the identity itself, which hashes
 * to its leaf, says whether that is so, and of which kind it is. *ret_keep:
 * it is of the kind that was asked for.
 */
static enum err
hit_verify(struct find *find, struct lookup *lookup, struct hit *hit,
    bool *ret_keep)
{
	const struct template *template;
	struct identity identity;
	struct store_range range;
	bool other = false;
	size_t i;
	enum err err;

	*ret_keep = true;
	err = lookup_get(lookup, &hit->address, &identity, &range, &template,
	    NULL);
	if (err == ERR_NOTFOUND)	/* void: whoever shows it says so */
		return ERR_OK;
	if (err)
		return lookup_get(lookup, &hit->address, &identity, &range,
		    &template, find->diag);
	for (i = 0; i < template->name_count; i++) {
		if (identity.name[i] == NULL ||
		    strcmp(identity.name[i], hit->text) != 0)
			continue;
		other = true;
		if (find->kind[0] == '\0' ||
		    strcmp(find->kind, template->names[i].kind) == 0)
			break;
	}
	if (!other)
		return diag_fail(find->diag, ERR_CORRUPT, NULL, "registry: "
		    "\"%s\" leads to an identity that has another name",
		    find->word);
	*ret_keep = i < template->name_count;
	if (*ret_keep)
		memcpy(hit->kind, template->names[i].kind, sizeof(hit->kind));
	return ERR_OK;
}

static enum err
hits_verify(struct find *find)
{
	_cleanup_lookup_ struct lookup *lookup = NULL;
	size_t i, kept = 0;
	bool keep;
	enum err err = ERR_OK;

	/* a locked ecosystem shows, and relies on nothing */
	if (find->authority->keystore == NULL)
		return ERR_OK;
	for (i = 0; i < find->count && !err; i++) {
		keep = true;
		if (!find->hits[i].sure && lookup == NULL)
			err = lookup_new(find->authority, &lookup,
			    find->diag);
		if (!err && !find->hits[i].sure)
			err = hit_verify(find, lookup, &find->hits[i], &keep);
		if (!err && keep)
			find->hits[kept++] = find->hits[i];
	}
	find->count = kept;
	return err;
}

static enum err
ambiguous(struct find *find)
{
	_cleanup_buf_ struct buf list = { .limit = 300 };
	struct store_log log;
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < find->count && !err; i++) {
		err = store_log_get(find->authority->store,
		    find->hits[i].address.log, &log, NULL, NULL, find->diag);
		if (!err)
			buf_printf(&list, "%sthe %s of %s/%ju",
			    i > 0 ? " and " : "", find->hits[i].kind,
			    log.name, (uintmax_t)find->hits[i].address.index);
	}
	if (err)
		return err;
	err = diag_fail(find->diag, ERR_CONFLICT, NULL, "\"%.70s\" is %s",
	    find->word, buf_err(&list) ? "the name of several identities" :
	    buf_text(&list));
	diag_hint(find->diag, "say which, such as %s=%.100s",
	    find->hits[0].kind, find->word);
	return err;
}

enum err
lookup_name(struct authority *authority, const char *word,
    struct address *ret_address, struct diag *diag)
{
	struct find find = { .authority = authority, .word = word,
	    .diag = diag };
	enum err err;

	err = sha256_new(&find.sha256, diag);
	if (!err)
		err = kind_split(&find);
	if (!err)
		err = names_each(authority, find_form_or_file, &find, diag);
	sha256_free(&find.sha256);
	if (!err && find.count == 0 && find.kept[0] == '\0' && find.was)
		hit_add(&find, &find.revoked);
	if (!err)
		err = hits_verify(&find);
	if (!err && find.count > 1)
		err = ambiguous(&find);
	if (err)
		return err;
	if (find.count == 0 && find.kept[0] != '\0')
		return diag_fail(diag, ERR_NOTFOUND, NULL,
		    "\"%.80s\": no identity has this name yet; %s", find.word,
		    find.kept);
	if (find.count == 0)
		return ERR_NOTFOUND;
	*ret_address = find.hits[0].address;
	return ERR_OK;
}
