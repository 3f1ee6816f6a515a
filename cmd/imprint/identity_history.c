/* What became of one identity, from its order to its last change. */
#include <stdlib.h>

#include "cmd/imprint/imprint.h"
#include "lib/authority/association.h"
#include "lib/authority/field.h"
#include "lib/authority/status_replay.h"
#include "lib/base/clock.h"

struct history {
	struct cmd		*cmd;
	struct buf		 events;	/* struct status_event */
	struct order_record	 order;
	struct store_order	 row;
	struct reported		 reported;
	struct associations	 associations;
	struct report_record	 record;
	struct field_life	 life;
};

static const char *
state_name(enum report_state state)
{
	switch (state) {
	case REPORT_OPEN:
		return "open";
	case REPORT_INJECTED:
		return "injected";
	case REPORT_SCRAPPED:
		return "scrapped";
	case REPORT_REWORKED:
		return "reworked";
	}
	return "unused";
}

static const char *
evidence_name(enum report_evidence evidence)
{
	switch (evidence) {
	case REPORT_UNPROVEN:
		break;
	case REPORT_READBACK:
		return "read back";
	case REPORT_SIGNED:
		return "signed";
	}
	return "unproven";
}

static const char *
action_name(enum status_action action)
{
	switch (action) {
	case STATUS_REVOKE:
	case STATUS_VOID:
		return "revoked";
	case STATUS_SUSPEND:
		return "suspended";
	case STATUS_RESUME:
		return "resumed";
	}
	return "?";
}

/* A text that may be empty. */
static void
field_print(const char *name, const char *key, struct bytes text, bool json)
{
	if (text.len == 0)
		return;
	printf(json ? ", \"%s\": " : ", %s ", json ? key : name);
	if (json)
		json_string(stdout, (const char *)text.ptr, text.len);
	else
		text_print(stdout, (const char *)text.ptr, text.len);
}

static void
device_print(const struct report_record *r, bool json)
{
	if (r->device_kind == REPORT_NO_DEVICE)
		return;
	if (r->device_kind == REPORT_SERIAL) {
		field_print("serial", "serial", r->device, json);
		return;
	}
	printf(json ? ", \"chip\": \"" : ", chip ");
	hex_print(stdout, r->device);
	printf(json ? "\"" : "");
}

static void
names_print(const struct report_record *r, bool json)
{
	size_t i;

	printf(json ? ", \"names\": {" : "");
	for (i = 0; i < r->name_count; i++) {
		if (json) {
			printf("%s", i > 0 ? ", " : "");
			json_string(stdout, (const char *)r->names[i].kind.ptr,
			    r->names[i].kind.len);
			printf(": ");
			json_string(stdout, (const char *)r->names[i].text.ptr,
			    r->names[i].text.len);
			continue;
		}
		printf("  name             ");
		text_print(stdout, (const char *)r->names[i].kind.ptr,
		    r->names[i].kind.len);
		printf(" ");
		text_print(stdout, (const char *)r->names[i].text.ptr,
		    r->names[i].text.len);
		printf(", given on the line\n");
	}
	printf(json ? "}" : "");
}

static void
line_print(const struct history *h, bool json)
{
	const struct report_record *r = &h->record;
	char time[TIME_TEXT_SIZE];

	if (r->state == 0) {
		printf(json ? ", \"line\": {\"state\": \"unused\"}" :
		    "  on the line      not handed out\n");
		return;
	}
	time_format(r->time, time);
	printf(json ? ", \"line\": {\"state\": \"%s\", \"time\": \"%s\", "
	    "\"evidence\": \"%s\"" : "  on the line      %s %s, %s",
	    state_name(r->state), time, evidence_name(r->evidence));
	device_print(r, json);
	field_print("fixture", "fixture", r->fixture, json);
	field_print("badge", "badge", r->badge, json);
	field_print("MES order", "mes_order", r->mes_order, json);
	field_print("firmware", "firmware", r->firmware, json);
	field_print("because", "reason", r->reason, json);
	printf(json ? "" : "\n");
	names_print(r, json);
	printf(json ? "}" : "");
}

static void
reported_print(const struct history *h, bool json)
{
	const struct reported *r = &h->reported;
	bool anchored = r->anchor != REPORT_UNANCHORED;
	char made[TIME_TEXT_SIZE], loaded[TIME_TEXT_SIZE];

	if (r->sequence == 0) {
		printf(json ? "%s\"report\": null" :
		    "%s  reported         not yet\n",
		    json && h->order.pack_count > 0 ? ", " : "");
		return;
	}
	time_format(r->made, made);
	time_format(r->loaded, loaded);
	printf(json ? ", \"report\": {\"sequence\": %llu, \"made\": \"%s\", "
	    "\"loaded\": \"%s\", \"by\": \"%s\", \"final\": %s, "
	    "\"anchored\": %s}" : "  reported         %llu of %s, loaded %s "
	    "by %s%s%s\n", (unsigned long long)r->sequence, made, loaded,
	    r->operator, json ? (r->final ? "true" : "false") :
	    r->final ? ", final" : "", json ? (anchored ? "true" : "false") :
	    anchored ? ", anchored" : ", unanchored");
}

static void
ordered_print(const struct history *h, uint32_t pack, bool json)
{
	char time[TIME_TEXT_SIZE];

	time_format(h->row.created, time);
	printf(json ? "\"ordered\": {\"time\": \"%s\", \"by\": \"%s\", "
	    "\"order\": %u, \"pack\": %u, \"station\": \"%s\"}" :
	    "  ordered          %s by %s, order %u, pack %u for station "
	    "%s\n", time, h->order.operator, h->order.number, pack,
	    h->order.packs[pack - 1].station);
}

static void
event_keep(void *ctx, const struct status_event *event)
{
	buf_put(ctx, event, sizeof(*event));
}

static void
event_print(const struct status_event *event, bool json, bool first)
{
	const char *reason = crl_reason_name((enum crl_reason)event->reason);
	char time[TIME_TEXT_SIZE];

	time_format(event->time, time);
	if (reason == NULL)
		reason = "";
	if (json)
		printf("%s{\"change\": \"%s\", \"time\": \"%s\", \"reason\": "
		    "\"%s\", \"operation\": %llu}", first ? "" : ", ",
		    action_name(event->action), time, reason,
		    (unsigned long long)event->operation);
	else
		printf("  %-16s %s, %s%soperation %llu\n",
		    action_name(event->action), time, reason,
		    reason[0] != '\0' ? ", " : "",
		    (unsigned long long)event->operation);
}

/* What the device has been, if it enrolled in the field. */
static void
life_print(const struct field_life *life, bool json)
{
	size_t i;

	if (life->count == 0)
		return;
	printf(json ? ", \"device\": [" : "  device          ");
	for (i = 0; i < life->count; i++) {
		const struct address *at = &life->address[i];
		const char *log = at->log == LOG_ONLINE_NUMBER ? LOG_ONLINE :
		    LOG_BULK;

		printf(json ? "%s{\"log\": \"%s\", \"index\": %llu, "
		    "\"state\": \"%s\"}" : "%s %s/%llu (%s)",
		    i > 0 ? (json ? ", " : ",") : "", log,
		    (unsigned long long)at->index,
		    field_place_name(life->place[i]));
	}
	printf(json ? "]" : "\n");
}

static enum err
history_load(struct history *h, struct authority *authority,
    const struct address *address, const struct store_range *range)
{
	enum err err = ERR_OK;

	if (range->order != 0) {
		err = order_record_get(authority, range->order, &h->order,
		    &h->cmd->diag);
		if (!err)
			err = store_order_get(authority_store(authority),
			    range->order, &h->row, &h->cmd->diag);
		if (!err)
			err = association_find(authority, address,
			    &h->associations, &h->record, &h->reported,
			    &h->cmd->diag);
	}
	if (!err)
		err = field_life(authority, address, &h->life,
		    &h->cmd->diag);
	if (!err)
		err = status_events(authority, address->log, address->index,
		    event_keep, &h->events, &h->cmd->diag);
	return err ? err : buf_err(&h->events);
}

static void
history_print(const struct history *h, uint32_t pack, bool json)
{
	struct status_event event;
	size_t at;

	printf(json ? "{\"history\": {" : "");
	if (pack > 0 && pack <= h->order.pack_count)
		ordered_print(h, pack, json);
	if (json || h->order.number != 0)
		reported_print(h, json);
	if (h->reported.sequence != 0)
		line_print(h, json);
	life_print(&h->life, json);
	printf(json ? ", \"status_changes\": [" : "");
	for (at = 0; at < h->events.len; at += sizeof(event)) {
		memcpy(&event, h->events.ptr + at, sizeof(event));
		event_print(&event, json, at == 0);
	}
	printf(json ? "]}, " : "\n");
}

enum err
identity_history_print(struct cmd *cmd, struct authority *authority,
    const struct address *address, const struct store_range *range)
{
	struct history *h = calloc(1, sizeof(*h));
	enum err err;

	if (h == NULL)
		return diag_nomem(&cmd->diag);
	h->cmd = cmd;
	h->associations.body.limit = BUF_LIMIT_DEFAULT;
	h->events.limit = BUF_LIMIT_DEFAULT;
	err = history_load(h, authority, address, range);
	if (!err)
		history_print(h, range->pack, cmd->json);
	associations_release(&h->associations);
	buf_release(&h->events);
	free(h);
	return err;
}
