#include "lib/authority/chosen.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/authority/authority_internal.h"
#include "lib/authority/field.h"
#include "lib/authority/operation.h"
#include "lib/authority/request_internal.h"
#include "lib/base/cbor_write.h"

/* Members of an item of each kind. */
static const size_t sizes[] = { [CHOSEN_RANGE] = 4, [CHOSEN_WORD] = 2,
	[CHOSEN_ORDER] = 2, [CHOSEN_PACK] = 3, [CHOSEN_EVIDENCE] = 4 };

static void
bound_put(struct buf *out, int64_t bound, int64_t any)
{
	if (bound == any)
		cbor_put_null(out);
	else
		cbor_put_int(out, bound);
}

void
chosen_put(struct buf *out, const struct chosen *chosen)
{
	cbor_put_array(out, sizes[chosen->kind]);
	cbor_put_uint(out, chosen->kind);
	switch (chosen->kind) {
	case CHOSEN_RANGE:
		cbor_put_uint(out, chosen->range.log);
		cbor_put_uint(out, chosen->range.first);
		cbor_put_uint(out, chosen->range.count);
		break;
	case CHOSEN_WORD:
		cbor_put_text(out, chosen->word);
		break;
	case CHOSEN_ORDER:
	case CHOSEN_PACK:
		cbor_put_uint(out, chosen->order);
		if (chosen->kind == CHOSEN_PACK)
			cbor_put_uint(out, chosen->pack);
		break;
	case CHOSEN_EVIDENCE:
		cbor_put_uint(out, chosen->query.evidence);
		bound_put(out, chosen->query.since, INT64_MIN);
		bound_put(out, chosen->query.until, INT64_MAX);
		break;
	}
}

static int64_t
bound_get(struct cbor *cbor, int64_t any)
{
	int64_t bound;

	if (cbor_peek(cbor) == CBOR_SIMPLE) {
		cbor_get_null(cbor);
		return any;
	}
	bound = cbor_get_int(cbor);
	if (bound == any)
		cbor_fail(cbor, "a time that says nothing");
	return bound;
}

static void
word_get(struct cbor *cbor, struct chosen *chosen)
{
	struct bytes word = cbor_get_tstr(cbor);

	if (word.len == 0 || word.len > CHOSEN_WORD_MAX ||
	    memchr(word.ptr, '\0', word.len) != NULL) {
		cbor_fail(cbor, "a word that names no identity");
		return;
	}
	memcpy(chosen->word, word.ptr, word.len);
	chosen->word[word.len] = '\0';
}

static void
order_get(struct cbor *cbor, struct chosen *chosen)
{
	uint64_t order = cbor_get_uint(cbor);

	chosen->order = (uint32_t)order;
	if (chosen->kind == CHOSEN_PACK)
		chosen->pack = cbor_get_uint(cbor);
	if (order > UINT32_MAX || (chosen->kind == CHOSEN_PACK &&
	    chosen->pack == 0))
		cbor_fail(cbor, "an order or pack that cannot be");
}

static void
query_get(struct cbor *cbor, struct evidence_query *query)
{
	uint64_t evidence = cbor_get_uint(cbor);

	query->evidence = (enum evidence_class)evidence;
	query->since = bound_get(cbor, INT64_MIN);
	query->until = bound_get(cbor, INT64_MAX);
	if (evidence > UINT8_MAX ||
	    evidence_class_name(query->evidence) == NULL)
		cbor_fail(cbor, "a class of evidence that is not known");
}

void
chosen_get(struct cbor *cbor, struct chosen *ret_chosen)
{
	size_t size = cbor_get_array(cbor);
	uint64_t kind = size > 0 ? cbor_get_uint(cbor) : 0;

	if (kind < CHOSEN_RANGE || kind > CHOSEN_EVIDENCE ||
	    size != sizes[kind]) {
		cbor_fail(cbor, "what was chosen is of no known kind");
		return;
	}
	ret_chosen->kind = (enum chosen_kind)kind;
	if (kind == CHOSEN_RANGE)
		status_range_get(cbor, &ret_chosen->range);
	else if (kind == CHOSEN_WORD)
		word_get(cbor, ret_chosen);
	else if (kind == CHOSEN_EVIDENCE)
		query_get(cbor, &ret_chosen->query);
	else
		order_get(cbor, ret_chosen);
}

/* Finding. */

struct search {
	struct authority	*authority;
	const struct chosen	*chosen;
	struct status_ranges	*list;
	struct diag		*diag;
};

/* Whichever of them the device holds, or somebody else does, is meant. */
static enum err
device_find(struct search *s, const struct address *address)
{
	struct field_living living;
	size_t i;
	enum err err;

	err = field_living(s->authority, address, &living, s->diag);
	for (i = 0; i < living.count && !err; i++)
		err = status_ranges_add(s->list, living.address[i].log,
		    living.address[i].index, 1, s->diag);
	return err;
}

static enum err
word_find(struct search *s)
{
	enum address_kind kind;
	struct address address;
	enum err err;

	err = lookup_find(s->authority, s->chosen->word, &address, &kind,
	    s->diag);
	if (err)
		return err;
	return kind == ADDRESS_UEID || kind == ADDRESS_NAME ?
	    device_find(s, &address) : status_ranges_add(s->list,
	    address.log, address.index, 1, s->diag);
}

struct issued {
	const struct chosen	*chosen;
	struct status_ranges	*found;
	struct diag		*diag;
};

static enum err
range_collect(void *ctx, const struct store_range *range)
{
	struct issued *s = ctx;

	if (s->chosen->kind == CHOSEN_PACK && range->pack != s->chosen->pack)
		return ERR_OK;
	return status_ranges_extend(s->found, range->log, range->first,
	    range->count, s->diag);
}

static enum err
birth_collect(void *ctx, const struct address *birth)
{
	return device_find(ctx, birth);
}

/* What it was found to be joins the rest: the list may be merged meanwhile. */
static enum err
found_join(struct search *s, const struct status_ranges *found)
{
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < found->count && !err; i++)
		err = status_ranges_add(s->list, found->ranges[i].log,
		    found->ranges[i].first, found->ranges[i].count, s->diag);
	return err;
}

/* What the devices of the order have by now. */
static enum err
devices_find(struct search *s, const struct status_ranges *births)
{
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < births->count && !err; i++)
		err = field_births_each(s->authority, &births->ranges[i],
		    birth_collect, s, s->diag);
	return err;
}

static enum err
order_find(struct search *s)
{
	const struct chosen *chosen = s->chosen;
	struct store *store = s->authority->store;
	struct store_order order;
	_cleanup_status_ranges_ struct status_ranges births = {
		.max = s->list->max };
	struct issued issued = { chosen, &births, s->diag };
	char pack[32] = "";
	enum err err;

	err = store_order_get(store, chosen->order, &order, s->diag);
	if (!err)
		err = store_range_each(store, 0, chosen->order,
		    RANGE_COMMITTED, range_collect, &issued, s->diag);
	if (err)
		return err;
	if (chosen->kind == CHOSEN_PACK)
		(void)snprintf(pack, sizeof(pack), ", pack %llu",
		    (unsigned long long)chosen->pack);
	if (births.count == 0)
		return diag_fail(s->diag, ERR_NOTFOUND, NULL, "order %u%s: "
		    "nothing was issued in it", chosen->order, pack);
	err = devices_find(s, &births);
	return err ? err : found_join(s, &births);
}

static enum err
evidence_find(struct search *s)
{
	_cleanup_status_ranges_ struct status_ranges found = {
		.max = s->list->max };
	enum err err;

	err = evidence_ranges(s->authority, &s->chosen->query, &found,
	    s->diag);
	if (!err)
		err = found_join(s, &found);
	return err || found.count > 0 ? err : diag_fail(s->diag,
	    ERR_NOTFOUND, NULL, "evidence %s: nothing was issued so in that "
	    "time", evidence_class_name(s->chosen->query.evidence));
}

enum err
chosen_find(struct authority *authority, const struct chosen *chosen,
    struct status_ranges *list, struct diag *diag)
{
	struct search s = { .authority = authority, .chosen = chosen,
		.list = list, .diag = diag };

	switch (chosen->kind) {
	case CHOSEN_RANGE:
		return status_ranges_add(list, chosen->range.log,
		    chosen->range.first, chosen->range.count, diag);
	case CHOSEN_WORD:
		return word_find(&s);
	case CHOSEN_ORDER:
	case CHOSEN_PACK:
		return order_find(&s);
	case CHOSEN_EVIDENCE:
		return evidence_find(&s);
	}
	return ERR_INTERNAL;
}

/* The request. */

enum err
request_put_chosen(struct buf *out, enum status_action action,
    unsigned reason, struct bytes items, size_t count, const char *words)
{
	cbor_put_array(out, 4);
	cbor_put_uint(out, action);
	cbor_put_uint(out, reason);
	cbor_put_array(out, count);
	buf_put_bytes(out, items);
	cbor_put_text(out, words);
	return buf_err(out);
}

struct asked {
	struct status_change	change;
	size_t			count;
	struct bytes		items, words;
};

/* What it says, each item as it must be. */
static enum err
body_parse(struct bytes body, struct asked *ret_asked, struct diag *diag)
{
	struct chosen chosen;
	struct asked asked = { .count = 0 };
	uint64_t action, reason;
	struct cbor cbor;
	size_t i, begin;

	cbor_open(&cbor, body);
	cbor_get_array_sized(&cbor, 4);
	action = cbor_get_uint(&cbor);
	reason = cbor_get_uint(&cbor);
	asked.count = cbor_get_array(&cbor);
	begin = cbor.pos;
	for (i = 0; i < asked.count && cbor_ok(&cbor); i++)
		chosen_get(&cbor, &chosen);
	asked.items = bytes_of(body.ptr + begin, cbor.pos - begin);
	asked.words = cbor_get_tstr(&cbor);
	if (!cbor_close(&cbor))
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "status request: %s", cbor.error);
	if (action < STATUS_REVOKE || action > STATUS_RESUME ||
	    asked.count == 0 || asked.count > CHOSEN_MAX ||
	    asked.words.len > STATUS_WORDS_MAX)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "status request: action %llu, %zu chosen, %zu octets of "
		    "words: it revokes (1), suspends (2) or resumes (3) 1 to "
		    "%d, with at most %d octets", (unsigned long long)action,
		    asked.count, asked.words.len, CHOSEN_MAX,
		    STATUS_WORDS_MAX);
	if (!status_reason_fits((enum status_action)action, reason))
		return diag_fail(diag, ERR_INVALID, "RFC 5280 5.3.1",
		    "status request: reason %llu is none for this",
		    (unsigned long long)reason);
	asked.change.action = (enum status_action)action;
	asked.change.reason = (unsigned)reason;
	*ret_asked = asked;
	return ERR_OK;
}

enum err
request_chosen_change(struct bytes body, struct status_change *ret_change,
    struct diag *diag)
{
	struct asked asked;
	enum err err;

	err = body_parse(body, &asked, diag);
	if (!err)
		*ret_change = asked.change;
	return err;
}

/*
 * Few octets have all of an order, or all of the registry, walked: only so
 * many of them, each once. What is on record already is not held to this.
 */
static enum err
walks_check(struct bytes items, size_t count, struct diag *diag)
{
	struct bytes seen[CHOSEN_ORDERS_MAX + CHOSEN_EVIDENCES_MAX];
	size_t orders = 0, evidences = 0, walks = 0, i, j, begin;
	struct chosen chosen;
	struct cbor cbor;

	cbor_open_checked(&cbor, items);
	for (i = 0; i < count; i++) {
		begin = cbor.pos;
		chosen_get(&cbor, &chosen);
		if (chosen.kind < CHOSEN_ORDER)
			continue;
		orders += chosen.kind != CHOSEN_EVIDENCE;
		evidences += chosen.kind == CHOSEN_EVIDENCE;
		if (orders > CHOSEN_ORDERS_MAX ||
		    evidences > CHOSEN_EVIDENCES_MAX)
			return diag_fail(diag, ERR_LIMIT, NULL, "status "
			    "request: at most %d orders or packs and %d "
			    "classes of evidence go at once",
			    CHOSEN_ORDERS_MAX, CHOSEN_EVIDENCES_MAX);
		seen[walks] = bytes_of(items.ptr + begin, cbor.pos - begin);
		for (j = 0; j < walks; j++)
			if (bytes_equal(seen[j], seen[walks]))
				return diag_fail(diag, ERR_INVALID, NULL,
				    "status request: item %zu: the same was "
				    "chosen before it", i + 1);
		walks++;
	}
	return ERR_OK;
}

enum err
request_chosen_find(struct authority *authority, struct bytes body,
    struct status_change *ret_change, struct status_ranges *list,
    struct diag *diag)
{
	struct chosen chosen;
	struct asked asked;
	struct cbor cbor;
	size_t i;
	enum err err;

	err = body_parse(body, &asked, diag);
	if (err)
		return err;
	cbor_open_checked(&cbor, asked.items);
	err = walks_check(asked.items, asked.count, diag);
	list->max = CHOSEN_RANGES_MAX;
	for (i = 0; i < asked.count && !err; i++) {
		chosen_get(&cbor, &chosen);
		err = chosen_find(authority, &chosen, list, diag);
	}
	if (!err) {
		(void)status_ranges_merge(list);
		err = field_outlived(authority, list,
		    asked.change.action == STATUS_RESUME, diag);
	}
	if (err)
		return err;
	(void)status_ranges_merge(list);
	err = status_ranges_check(list, diag);
	if (!err)
		err = status_ranges_committed(authority, list->ranges,
		    list->count, diag);
	if (!err)
		*ret_change = asked.change;
	return err;
}

enum err
request_status_chosen(struct authority *authority,
    const struct request *request, int64_t now, struct buf *result,
    struct diag *diag)
{
	_cleanup_status_ranges_ struct status_ranges list = { .count = 0 };
	struct status_change change = { .count = 0 };
	struct status_count count = { 0 };
	struct operation operation;
	enum err err;

	err = request_chosen_find(authority, request->body, &change, &list,
	    diag);
	if (!err)
		err = operation_next(authority, now, &operation, diag);
	if (err)
		return err;
	change.time = operation.time;
	change.operation = operation.seq;
	err = status_apply_all(authority, &change, list.ranges, list.count,
	    &count, diag);
	cbor_put_array(result, 4);
	cbor_put_uint(result, count.changed);
	cbor_put_uint(result, count.same);
	cbor_put_uint(result, count.kept);
	status_ranges_put(result, list.ranges, list.count);
	return err;
}

/* The answer. */

void
chosen_answer_release(struct chosen_answer *answer)
{
	free(answer->ranges);
	*answer = (struct chosen_answer){ .ranges_count = 0 };
}

enum err
chosen_answer_get(struct bytes encoded, struct chosen_answer *answer,
    struct diag *diag)
{
	struct cbor cbor;
	enum err err;

	cbor_open(&cbor, encoded);
	cbor_get_array_sized(&cbor, 4);
	answer->count.changed = cbor_get_uint(&cbor);
	answer->count.same = cbor_get_uint(&cbor);
	answer->count.kept = cbor_get_uint(&cbor);
	err = status_ranges_get(&cbor, &answer->ranges,
	    &answer->ranges_count, diag);
	return err || cbor_close(&cbor) ? err : diag_fail(diag, ERR_SYNTAX,
	    NULL, "status answer: %s", cbor.error);
}

enum err
chosen_answer_brief(struct bytes encoded, struct buf *out, struct diag *diag)
{
	_cleanup_chosen_answer_ struct chosen_answer answer = {
		.ranges_count = 0 };
	struct cbor cbor;
	enum err err;

	cbor_open(&cbor, encoded);
	if (cbor_get_array(&cbor) == 3) {
		buf_put_bytes(out, encoded);
		return buf_err(out);
	}
	err = chosen_answer_get(encoded, &answer, diag);
	if (err)
		return err;
	cbor_put_array(out, 3);
	cbor_put_uint(out, answer.count.changed);
	cbor_put_uint(out, answer.count.same);
	cbor_put_uint(out, answer.count.kept);
	return buf_err(out);
}
