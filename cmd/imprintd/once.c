/* What of an operator's is answered once: the queries of a quarter of an hour.
 * Places are each operator's own, so that none takes those of another. */
#include <stdio.h>
#include <string.h>

#include "cmd/imprintd/desk.h"
#include "lib/base/clock.h"

/* Neither past nor of a time that no fresh query has: those of a clock that
 * was ahead are kept, for they come of age, but make room. */
static bool
is_due(int64_t until, int64_t now)
{
	return until >= now && until - now <= 2 * REQUEST_SKEW_S;
}

static void
wait_say(struct desk *desk, int64_t until, int64_t now)
{
	desk->retry_s = (unsigned)(until - now + 1);
}

static struct desk_seen *
places_of(struct desk_once *once, enum once_kind kind, size_t *ret_count)
{
	switch (kind) {
	case ONCE_ACTION:
		*ret_count = ACTIONS_MAX;
		return once->actions;
	case ONCE_STOP:
		*ret_count = STOPS_MAX;
		return once->stops;
	case ONCE_LOOK:
		break;
	}
	*ret_count = LOOKS_MAX;
	return once->looks;
}

/* When the last of its places will be past; 0: all are. */
static int64_t
once_until(struct desk_once *once, int64_t now)
{
	static const enum once_kind kinds[] = { ONCE_ACTION, ONCE_STOP,
		ONCE_LOOK };
	const struct desk_seen *places;
	size_t count = 0, i, k;
	int64_t until = 0;

	for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		places = places_of(once, kinds[k], &count);
		for (i = 0; i < count; i++)
			if (is_due(places[i].until, now) &&
			    places[i].until > until)
				until = places[i].until;
	}
	return until;
}

/* One that holds nothing any more makes room. */
static struct desk_once *
once_new(struct desk *desk, const char *operator, int64_t now)
{
	struct desk_once *past = NULL;
	int64_t until, first = INT64_MAX;
	size_t i;

	for (i = 0; i < ONCE_OPERATORS; i++) {
		if (desk->once[i].operator[0] == '\0') {
			past = &desk->once[i];
			break;
		}
		until = once_until(&desk->once[i], now);
		if (until == 0)
			past = &desk->once[i];
		else if (until < first)
			first = until;
	}
	if (past == NULL) {
		wait_say(desk, first, now);
		return NULL;
	}
	*past = (struct desk_once){ .operator= "" };
	(void)snprintf(past->operator, sizeof(past->operator), "%s", operator);
	return past;
}

static struct desk_once *
once_find(struct desk *desk, const char *operator)
{
	size_t i;

	for (i = 0; i < ONCE_OPERATORS; i++)
		if (strcmp(desk->once[i].operator, operator) == 0)
			return &desk->once[i];
	return NULL;
}

static bool
is_seen(const struct desk_seen *places, size_t count,
    const struct query *query)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (places[i].until != 0 && memcmp(places[i].id, query->id,
		    sizeof(query->id)) == 0)
			return true;
	return false;
}

/* One that is past; else one of a clock that was ahead; else the
 * one that is past next. */
static struct desk_seen *
place_choose(struct desk_seen *places, size_t count, int64_t now)
{
	struct desk_seen *next = &places[0], *ahead = NULL;
	size_t i;

	for (i = 0; i < count; i++) {
		if (places[i].until < now)
			return &places[i];
		if (!is_due(places[i].until, now))
			ahead = &places[i];
		else if (places[i].until < next->until)
			next = &places[i];
	}
	return ahead != NULL ? ahead : next;
}

enum err
once_take(struct desk *desk, enum once_kind kind, const struct query *query,
    struct diag *diag)
{
	const int64_t now = time_now();
	struct desk_once *once = once_find(desk, query->operator);
	struct desk_seen *places, *place;
	size_t count = 0;

	if (once == NULL)
		once = once_new(desk, query->operator, now);
	if (once == NULL)
		return diag_fail(diag, ERR_BUSY, NULL, "query: too many "
		    "operators ask in this quarter of an hour");
	places = places_of(once, kind, &count);
	if (is_seen(places, count, query))
		return diag_fail(diag, ERR_CONFLICT, NULL,
		    "query: it was carried out before");
	place = place_choose(places, count, now);
	if (kind != ONCE_STOP && is_due(place->until, now)) {
		wait_say(desk, place->until, now);
		return diag_fail(diag, ERR_BUSY, NULL, "query: too many of "
		    "this operator in this quarter of an hour");
	}
	memcpy(place->id, query->id, sizeof(query->id));
	place->until = query->time + REQUEST_SKEW_S;
	return ERR_OK;
}
