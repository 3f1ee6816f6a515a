#include <string.h>

#include "cmd/imprint/remote_rows.h"

#define PAGE		100

static enum err
text_skip(void *ctx, const char *name, const char *text, struct diag *diag)
{
	(void)ctx;
	(void)name;
	(void)text;
	(void)diag;
	return ERR_OK;
}

static enum err
texts_read(const struct json_value *item, const char *name,
    struct value *value, struct diag *diag)
{
	value->item = item;
	return json_each_text(item, name, text_skip, NULL, diag);
}

static enum err
text_json(void *ctx, const char *name, const char *text, struct diag *diag)
{
	const char **between = ctx;

	(void)diag;
	printf("%s", *between);
	json_string(stdout, name, strlen(name));
	printf(": ");
	json_string(stdout, text, strlen(text));
	*between = ", ";
	return ERR_OK;
}

static enum err
text_word(void *ctx, const char *name, const char *text, struct diag *diag)
{
	(void)ctx;
	(void)name;
	(void)diag;
	printf("  ");
	text_print(stdout, text, strlen(text));
	return ERR_OK;
}

/* They were read before: nothing fails. */
void
texts_print(const struct value *value, const char *name, bool json)
{
	const char *between = "{";

	if (value->has)
		(void)!json_each_text(value->item, name, json ? text_json :
		    text_word, &between, NULL);
	if (json)
		printf("%s}", between[0] == '{' ? "{" : "");
}

enum err
row_read(const struct json_value *item, const struct column *columns,
    struct value values[COLUMNS_MAX], struct diag *diag)
{
	const char *name;
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; columns[i].name != NULL && !err; i++) {
		name = columns[i].name;
		values[i].has = json_has(item, name);
		if (columns[i].kind == COLUMN_TEXT)
			err = json_get_text(item, name, values[i].text,
			    TEXT_SIZE, diag);
		else if (columns[i].kind == COLUMN_TEXTS)
			err = texts_read(item, name, &values[i], diag);
		else if (columns[i].kind == COLUMN_NUMBER)
			err = json_get_number(item, name, NUMBER_MAX, 0,
			    &values[i].number, diag);
		else
			err = json_get_flag(item, name, false,
			    &values[i].flag, diag);
	}
	return err;
}

void
row_json(const struct column *columns, const struct value *values)
{
	size_t i;

	for (i = 0; columns[i].name != NULL; i++) {
		printf("%s\"%s\": ", i > 0 ? ", " : "{", columns[i].name);
		if (columns[i].kind == COLUMN_TEXTS)
			texts_print(&values[i], columns[i].name, true);
		else if (!values[i].has)
			printf("null");
		else if (columns[i].kind == COLUMN_TEXT)
			json_string(stdout, values[i].text,
			    strlen(values[i].text));
		else if (columns[i].kind == COLUMN_NUMBER)
			printf("%ju", (uintmax_t)values[i].number);
		else
			printf(values[i].flag ? "true" : "false");
	}
	printf("}");
}

void
text_put(const struct value *value, size_t width, size_t most)
{
	size_t len = strnlen(value->text, most);

	text_print(stdout, value->text, len);
	for (; len < width; len++)
		printf(" ");
}

static enum err
row_take(void *ctx, const struct json_value *item, struct diag *diag)
{
	struct value values[COLUMNS_MAX] = { { .has = false } };
	struct listing *list = ctx;
	enum err err;

	if (list->left == 0)
		return ERR_OK;
	err = row_read(item, list->columns, values, diag);
	if (err)
		return err;
	if (list->cmd->json) {
		printf("%s\n  ", list->shown > 0 ? "," : "[");
		row_json(list->columns, values);
	} else {
		list->print(values);
	}
	list->left--;
	list->shown++;
	return ERR_OK;
}

enum err
unread(struct cmd *cmd, enum err err)
{
	diag_prefix(&cmd->diag, "the server's answer");
	cmd->diag.code = err == ERR_NOMEM ? err : ERR_IO;
	return cmd->diag.code;
}

static enum err
page_take(struct listing *list, uint64_t from, uint64_t *ret_next)
{
	_cleanup_json_value_ struct json_value *page = NULL;
	uint64_t next = 0;
	char target[TARGET_SIZE];
	enum err err;

	(void)snprintf(target, sizeof(target), "%s%slimit=%d&cursor=%ju",
	    list->path, strchr(list->path, '?') != NULL ? "&" : "?",
	    list->left < PAGE ? (int)list->left : PAGE, (uintmax_t)from);
	err = remote_ask(list->cmd, "GET", target, &page);
	if (err)
		return err;
	err = json_each_object(page, "items", row_take, list,
	    &list->cmd->diag);
	if (!err)
		err = json_get_number(page, "next", NUMBER_MAX, 0, &next,
		    &list->cmd->diag);
	if (!err && json_has(page, "next") && next <= from)
		err = diag_fail(&list->cmd->diag, ERR_IO, NULL,
		    "next: goes back");
	if (err)
		return unread(list->cmd, err);
	*ret_next = next;
	return ERR_OK;
}

enum exit_code
list_print(struct listing *list, uint64_t from, const char *none)
{
	struct cmd *cmd = list->cmd;
	enum err err;

	err = remote_open(cmd);
	if (err)
		return cmd_fail(cmd, err);
	do {
		err = page_take(list, from, &from);
	} while (!err && from > 0 && list->left > 0);
	/* without any, an error stands alone */
	if (cmd->json && (!err || list->shown > 0))
		printf("%s\n]\n", list->shown > 0 ? "" : "[");
	if (!err && list->shown == 0 && !cmd->json && none != NULL)
		printf("%s\n", none);
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}

bool
segment_put(char *target, size_t size, const char *word)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-._~";
	size_t len = strlen(target);

	for (; *word != '\0'; word++) {
		if (len + 4 > size)
			return false;
		if (strchr(plain, *word) != NULL)
			target[len++] = *word;
		else
			len += (size_t)snprintf(target + len, size - len,
			    "%%%02X", (unsigned char)*word);
	}
	target[len] = '\0';
	return true;
}
