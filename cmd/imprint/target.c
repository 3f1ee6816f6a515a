#include "cmd/imprint/remote.h"
#include "cmd/imprint/target.h"

#include <stdlib.h>

#include "lib/authority/field.h"
#include "lib/base/clock.h"
#include "lib/identity/index.h"

#define FILE_MAX	((size_t)256 << 20)
#define PART_MAX	((size_t)40 << 10)	/* of what 48 KiB hold */
#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

/* Options that name identities, and their values. */
static const char *const naming[] = { "order", "pack", "range", "from",
	"evidence" };
/* Which of them. */
static const char *const bounding[] = { "since", "until" };

struct collect {
	struct cmd		*cmd;
	struct authority	*authority;
	struct targets		*targets;
};

void
targets_release(struct targets *targets)
{
	status_ranges_release(&targets->list);
	buf_release(&targets->items);
}

bool
targets_part(const struct targets *targets, size_t *at,
    struct bytes *ret_items, size_t *ret_count)
{
	struct cbor cbor;
	size_t begin = *at, count;

	cbor_open_checked(&cbor, buf_bytes(&targets->items));
	cbor.pos = begin;
	for (count = 0; cbor.pos < cbor.len && count < CHOSEN_MAX &&
	    cbor.pos - begin < PART_MAX; count++)
		cbor_skip(&cbor);
	if (count == 0)
		return false;
	*ret_items = bytes_of(cbor.ptr + begin, cbor.pos - begin);
	*ret_count = count;
	*at = cbor.pos;
	return true;
}

bool
targets_named(const struct cmd *cmd)
{
	size_t i;

	for (i = 0; i < COUNT(naming); i++)
		if (cmd_flag(cmd, naming[i]))
			return true;
	return cmd->argc > 0;
}

static void
word_put(char *text, size_t size, size_t *used, const char *word)
{
	for (; *word != '\0' && *used + 1 < size; word++)
		text[(*used)++] = *word >= ' ' && *word <= '~' ? *word : '?';
	text[*used] = '\0';
}

static bool
word_in(const char *word, const char *const *list, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(word, list[i]) == 0)
			return true;
	return false;
}

void
targets_words(const struct cmd *cmd, char *text, size_t size)
{
	size_t used = 0, i;
	int k;

	word_put(text, size, &used, cmd->command->name);
	for (i = 0; i < cmd->value_count; i++) {
		if (!word_in(cmd->values[i].name, naming, COUNT(naming)) &&
		    !word_in(cmd->values[i].name, bounding, COUNT(bounding)))
			continue;
		word_put(text, size, &used, " --");
		word_put(text, size, &used, cmd->values[i].name);
		word_put(text, size, &used, " ");
		word_put(text, size, &used, cmd->values[i].value);
	}
	for (k = 0; k < cmd->argc; k++) {
		word_put(text, size, &used, " ");
		word_put(text, size, &used, cmd->argv[k]);
	}
}

/* There the authority finds what they are. */
static enum err
chosen_take(struct collect *c, const struct chosen *chosen)
{
	if (!remote_there(c->cmd))
		return chosen_find(c->authority, chosen, &c->targets->list,
		    &c->cmd->diag);
	chosen_put(&c->targets->items, chosen);
	c->targets->identities += chosen->kind == CHOSEN_RANGE ?
	    chosen->range.count : 1;
	c->targets->open = c->targets->open || chosen->kind > CHOSEN_WORD;
	return buf_err(&c->targets->items);
}

/* Digits, ended by one of ends; the text behind them. */
static bool
number_get(const char **text, const char *ends, uint64_t max,
    uint64_t *ret_number)
{
	size_t len = strspn(*text, "0123456789");

	if (len == 0 || len > 18 || strchr(ends, (*text)[len]) == NULL)
		return false;
	*ret_number = strtoull(*text, NULL, 10);
	*text += len;
	return *ret_number <= max;
}

/* "3-5" or "online/3-5": meant for --range? */
static bool
word_is_range(const char *word)
{
	const char *slash = strchr(word, '/');
	const char *rest = slash != NULL ? slash + 1 : word;
	uint64_t first, last;

	return number_get(&rest, "-", INDEX_MAX, &first) &&
	    (rest++, number_get(&rest, "", INDEX_MAX, &last));
}

static enum err
word_find(struct collect *c, const char *word)
{
	struct chosen chosen = { .kind = CHOSEN_WORD };
	enum err err;

	if (strlen(word) > CHOSEN_WORD_MAX)
		return diag_fail(&c->cmd->diag, ERR_INVALID, NULL,
		    "\"%.20s...\": is longer than any name", word);
	memcpy(chosen.word, word, strlen(word) + 1);
	err = chosen_take(c, &chosen);
	if (err && word_is_range(word)) {
		c->cmd->diag.hint[0] = '\0';
		diag_hint(&c->cmd->diag, "consecutive indices are --range %s",
		    word);
	}
	return err;
}

/* "N", or "N/M" for one pack of it. */
static enum err
order_find(struct collect *c, const char *option, const char *text,
    bool pack)
{
	struct chosen chosen = { .kind = pack ? CHOSEN_PACK : CHOSEN_ORDER };
	const char *rest = text;
	uint64_t number = 0;

	if (!number_get(&rest, pack ? "/" : "", UINT32_MAX, &number) ||
	    (pack && (rest++, !number_get(&rest, "", UINT32_MAX,
	    &chosen.pack) || chosen.pack == 0)))
		return diag_fail(&c->cmd->diag, ERR_INVALID, NULL,
		    "--%s \"%s\": give it as %s", option, text, pack ?
		    "ORDER/PACK, as 3/1" : "its number");
	chosen.order = (uint32_t)number;
	return chosen_take(c, &chosen);
}

/* The logs have their numbers everywhere. */
static enum err
log_find(struct collect *c, const char *name, uint32_t *ret_log)
{
	char word[STORE_NAME_MAX + 8];
	struct address address;
	struct store_log log = { 0 };
	enum err err;

	if (remote_there(c->cmd)) {
		(void)snprintf(word, sizeof(word), "%s/0", name);
		err = remote_address(c->cmd, word, &address);
		*ret_log = address.log;
		return err;
	}
	err = store_log_by_name(authority_store(c->authority), name, &log,
	    &c->cmd->diag);
	*ret_log = log.log;
	return err;
}

/* "[LOG/]FIRST-LAST" */
static enum err
span_find(struct collect *c, const char *text)
{
	const char *slash = strchr(text, '/'), *rest;
	char name[STORE_NAME_MAX + 1] = LOG_BULK;
	struct chosen chosen = { .kind = CHOSEN_RANGE };
	uint64_t first = 0, last = 0;
	enum err err;

	rest = slash != NULL ? slash + 1 : text;
	if (slash != NULL && slash - text <= STORE_NAME_MAX)
		(void)snprintf(name, sizeof(name), "%.*s",
		    (int)(slash - text), text);
	if (!number_get(&rest, "-", INDEX_MAX, &first) ||
	    (rest++, !number_get(&rest, "", INDEX_MAX, &last)) ||
	    last < first)
		return diag_fail(&c->cmd->diag, ERR_INVALID, NULL,
		    "--range \"%s\": give it as FIRST-LAST or "
		    "LOG/FIRST-LAST, as bulk/100-199", text);
	chosen.range.first = first;
	chosen.range.count = last - first + 1;
	err = log_find(c, name, &chosen.range.log);
	return err ? err : chosen_take(c, &chosen);
}

/* "2026-11-22T15:50:08Z", or a day, which begins at midnight UTC. */
static enum err
bound_get(struct cmd *cmd, const char *option, int64_t *ret_bound)
{
	const char *text = cmd_value(cmd, option);
	char whole[64];
	enum err err;

	if (text == NULL)
		return ERR_OK;
	(void)snprintf(whole, sizeof(whole), "%.40s%s", text,
	    strlen(text) == strlen("2026-11-22") ? "T00:00:00Z" : "");
	err = time_parse(whole, ret_bound);
	return err ? diag_fail(&cmd->diag, ERR_INVALID, "RFC 3339", "--%s "
	    "\"%s\": give it as 2026-11-22T15:50:08Z or 2026-11-22", option,
	    text) : ERR_OK;
}

static enum err
evidence_find(struct collect *c, const char *name)
{
	struct chosen chosen = { .kind = CHOSEN_EVIDENCE, .query = {
		.since = INT64_MIN, .until = INT64_MAX } };
	enum err err;

	err = evidence_class_by_name(name, &chosen.query.evidence);
	if (err) {
		err = diag_fail(&c->cmd->diag, ERR_INVALID, NULL,
		    "--evidence \"%s\": no such class", name);
		diag_hint(&c->cmd->diag, "classes are order, chip-maker, "
		    "approved, possession, bootstrap, renewal, front, "
		    "front-renewal, manufacturer");
		return err;
	}
	err = bound_get(c->cmd, "since", &chosen.query.since);
	if (!err)
		err = bound_get(c->cmd, "until", &chosen.query.until);
	return err ? err : chosen_take(c, &chosen);
}

static char *
line_trim(char *line)
{
	size_t len;

	line += strspn(line, " \t");
	len = strlen(line);
	while (len > 0 && strchr(" \t\r", line[len - 1]) != NULL)
		line[--len] = '\0';
	return line;
}

static enum err
file_find(struct collect *c, const char *path)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	char *line, *next, *word;
	unsigned number = 1;
	enum err err;

	err = input_read(c->cmd, path, FILE_MAX, &text);
	if (err)
		return err;
	if (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL)
		return diag_fail(&c->cmd->diag, ERR_SYNTAX, NULL,
		    "%s: is no text", path);
	(void)buf_text(&text);
	for (line = (char *)text.ptr; line != NULL && !err; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		word = line_trim(line);
		if (*word != '\0' && *word != '#')
			err = word_find(c, word);
		if (err)
			diag_prefix(&c->cmd->diag, "%s:%u", path, number);
		number++;
	}
	return err ? err : buf_err(&text);
}

static enum err
options_find(struct collect *c)
{
	const struct cmd *cmd = c->cmd;
	const char *name, *value;
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < cmd->value_count && !err; i++) {
		name = cmd->values[i].name;
		value = cmd->values[i].value;
		if (strcmp(name, "order") == 0)
			err = order_find(c, name, value, false);
		else if (strcmp(name, "pack") == 0)
			err = order_find(c, name, value, true);
		else if (strcmp(name, "range") == 0)
			err = span_find(c, value);
		else if (strcmp(name, "from") == 0)
			err = file_find(c, value);
		else if (strcmp(name, "evidence") == 0)
			err = evidence_find(c, value);
	}
	return err;
}

enum err
targets_get(struct cmd *cmd, struct authority *authority,
    struct targets *targets)
{
	struct collect c = { .cmd = cmd, .authority = authority,
	    .targets = targets };
	int i;
	enum err err = ERR_OK;

	/* or what is meant to be some of them would be all */
	if (!cmd_flag(cmd, "evidence") &&
	    (cmd_flag(cmd, "since") || cmd_flag(cmd, "until")))
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "--since and --until go with --evidence alone");
	for (i = 0; i < cmd->argc && !err; i++)
		err = word_find(&c, cmd->argv[i]);
	if (!err)
		err = options_find(&c);
	if (!err && !remote_there(cmd)) {
		(void)status_ranges_merge(&targets->list);
		err = field_outlived(authority, &targets->list,
		    targets->resume, &cmd->diag);
		targets->identities = status_ranges_merge(&targets->list);
	}
	if (!err && !remote_there(cmd)) {
		/* said here already, not only when it is carried out */
		err = status_ranges_committed(authority,
		    targets->list.ranges, targets->list.count, &cmd->diag);
	}
	if (!err && targets->identities == 0)
		err = diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "%s: no identity is named", cmd->command->name);
	return err;
}
