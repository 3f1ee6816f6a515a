#include "cmd/imprint/remote.h"
#include "cmd/imprint/target.h"

#include <stdlib.h>

#include "lib/authority/evidence.h"
#include "lib/authority/field.h"
#include "lib/base/clock.h"
#include "lib/identity/index.h"

#define FILE_MAX	((size_t)256 << 20)
#define LINE_SHOWN	80
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
	uint64_t		 pack;		/* 0: all of the order */
	uint64_t		 found;
};

void
targets_release(struct targets *targets)
{
	status_ranges_release(&targets->list);
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

static enum err
target_add(struct collect *c, uint32_t log, uint64_t first, uint64_t count)
{
	/* not joined: an order's are walked side by side with its births */
	return status_ranges_add(&c->targets->list, log, first, count,
	    &c->cmd->diag);
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

/* Whichever of them the device holds, or somebody else does, is meant. */
static enum err
device_add(struct collect *c, const struct address *address)
{
	struct field_living living;
	size_t i;
	enum err err;

	err = field_living(c->authority, address, &living, &c->cmd->diag);
	for (i = 0; i < living.count && !err; i++)
		err = target_add(c, living.address[i].log,
		    living.address[i].index, 1);
	return err;
}

static enum err
word_find(struct collect *c, const char *word)
{
	enum address_kind kind;
	struct address address;
	enum err err;

	if (remote_there(c->cmd)) {
		err = remote_address(c->cmd, word, &address);
		return err ? err : target_add(c, address.log, address.index,
		    1);
	}
	err = lookup_find(c->authority, word, &address, &kind,
	    &c->cmd->diag);
	if (err && word_is_range(word)) {
		c->cmd->diag.hint[0] = '\0';
		diag_hint(&c->cmd->diag, "consecutive indices are --range %s",
		    word);
	}
	if (err)
		return err;
	return kind == ADDRESS_UEID || kind == ADDRESS_NAME ?
	    device_add(c, &address) :
	    target_add(c, address.log, address.index, 1);
}

static enum err
range_collect(void *ctx, const struct store_range *range)
{
	struct collect *c = ctx;

	if (c->pack != 0 && range->pack != c->pack)
		return ERR_OK;
	c->found += range->count;
	return target_add(c, range->log, range->first, range->count);
}

static enum err
birth_collect(void *ctx, const struct address *birth)
{
	return device_add(ctx, birth);
}

/* What the devices of the order have by now, of the ranges from first. */
static enum err
order_devices(struct collect *c, size_t first)
{
	size_t i, end = c->targets->list.count;
	enum err err = ERR_OK;

	for (i = first; i < end && !err; i++) {
		const struct status_range births = c->targets->list.ranges[i];

		err = field_births_each(c->authority, &births, birth_collect,
		    c, &c->cmd->diag);
	}
	return err;
}

/* "N", or "N/M" for one pack of it. */
static enum err
order_find(struct collect *c, const char *option, const char *text,
    bool pack)
{
	struct store *store = authority_store(c->authority);
	const char *rest = text;
	struct store_order order;
	size_t first = c->targets->list.count;
	uint64_t number = 0;
	enum err err;

	c->pack = 0;
	c->found = 0;
	if (!number_get(&rest, pack ? "/" : "", UINT32_MAX, &number) ||
	    (pack && (rest++, !number_get(&rest, "", UINT32_MAX, &c->pack) ||
	    c->pack == 0)))
		return diag_fail(&c->cmd->diag, ERR_INVALID, NULL,
		    "--%s \"%s\": give it as %s", option, text, pack ?
		    "ORDER/PACK, as 3/1" : "its number");
	err = store_order_get(store, (uint32_t)number, &order,
	    &c->cmd->diag);
	if (!err)
		err = store_range_each(store, 0, (uint32_t)number,
		    RANGE_COMMITTED, range_collect, c, &c->cmd->diag);
	if (!err && c->found == 0)
		err = diag_fail(&c->cmd->diag, ERR_NOTFOUND, NULL,
		    "--%s %s: nothing was issued in it", option, text);
	return err ? err : order_devices(c, first);
}

/* The logs have their numbers everywhere. */
static enum err
span_remote(struct collect *c, const char *log, uint64_t first,
    uint64_t last)
{
	char word[STORE_NAME_MAX + 32];
	struct address address;
	enum err err;

	(void)snprintf(word, sizeof(word), "%s/%ju", log, (uintmax_t)first);
	err = remote_address(c->cmd, word, &address);
	return err ? err : target_add(c, address.log, first,
	    last - first + 1);
}

/* "[LOG/]FIRST-LAST" */
static enum err
span_find(struct collect *c, const char *text)
{
	const char *slash = strchr(text, '/'), *rest;
	char name[STORE_NAME_MAX + 1] = LOG_BULK;
	uint64_t first = 0, last = 0;
	struct store_log log;
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
	if (remote_there(c->cmd))
		return span_remote(c, name, first, last);
	err = store_log_by_name(authority_store(c->authority), name, &log,
	    &c->cmd->diag);
	return err ? err : target_add(c, log.log, first, last - first + 1);
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
	struct evidence_query query = { .since = INT64_MIN,
	    .until = INT64_MAX };
	struct status_ranges *list = &c->targets->list;
	size_t before = list->count;
	enum err err;

	err = evidence_class_by_name(name, &query.evidence);
	if (err) {
		err = diag_fail(&c->cmd->diag, ERR_INVALID, NULL,
		    "--evidence \"%s\": no such class", name);
		diag_hint(&c->cmd->diag, "classes are order, chip-maker, "
		    "approved, possession, bootstrap, renewal, front, "
		    "front-renewal, manufacturer");
		return err;
	}
	err = bound_get(c->cmd, "since", &query.since);
	if (!err)
		err = bound_get(c->cmd, "until", &query.until);
	if (!err)
		err = evidence_ranges(c->authority, &query, list,
		    &c->cmd->diag);
	return err || list->count > before ? err : diag_fail(&c->cmd->diag,
	    ERR_NOTFOUND, NULL, "--evidence %s: nothing was issued so in "
	    "that time", name);
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

static void
ranges_merge(struct targets *t)
{
	struct status_range *last, *range, *ranges = t->list.ranges;
	size_t i, kept = 0;

	status_ranges_sort(&t->list, 0);
	for (i = 0; i < t->list.count; i++) {
		range = &ranges[i];
		last = kept > 0 ? &ranges[kept - 1] : NULL;
		if (last == NULL || last->log != range->log ||
		    range->first > last->first + last->count)
			ranges[kept++] = *range;
		else if (range->first + range->count >
		    last->first + last->count)
			last->count = range->first + range->count -
			    last->first;
	}
	t->list.count = kept;
	for (i = 0; i < kept; i++)
		t->identities += ranges[i].count;
}

/* Said here already, not only when the request is carried out. */
static enum err
ranges_issued(struct collect *c)
{
	const struct status_range *range;
	struct store_log log;
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < c->targets->list.count && !err; i++) {
		range = &c->targets->list.ranges[i];
		err = store_log_get(authority_store(c->authority),
		    range->log, &log, NULL, NULL, &c->cmd->diag);
		if (!err && range->first + range->count > log.size)
			err = diag_fail(&c->cmd->diag, ERR_INVALID, NULL,
			    "%s/%llu: not issued; the log ends before %llu",
			    log.name, (unsigned long long)(range->first +
			    range->count - 1), (unsigned long long)log.size);
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
	if (err)
		return err;
	ranges_merge(targets);
	if (!remote_there(cmd))
		err = ranges_issued(&c);
	if (!err && targets->list.count == 0)
		err = diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "%s: no identity is named", cmd->command->name);
	return err;
}
