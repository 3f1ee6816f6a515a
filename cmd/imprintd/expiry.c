/* What ends some day: certificates, what is published, room on the disk. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "cmd/imprintd/desk.h"
#include "lib/authority/ending.h"
#include "lib/authority/publish.h"
#include "lib/base/clock.h"

#define AGAIN_S		300
#define SERVICE_PAST_S	(90 * 86400)	/* nobody has it any more, then */

struct ending {
	char			name[STORE_NAME_MAX + 1];
	enum ending_kind	kind;
	size_t			place;	/* in order of issue */
	int64_t			end;
};

struct endings {
	struct ending	*list;
	size_t		 count, cap;
	int64_t		 now;
};

/* Of each kind those that end first: names come from operators, and what is
 * told stays small. */
#define ENDINGS_MAX	16

static void
endings_release(struct endings *endings)
{
	free(endings->list);
}

static enum err
ending_add(void *ctx, enum ending_kind kind, const char *name, int64_t end)
{
	struct endings *endings = ctx;
	struct ending *more;

	if (endings->count == endings->cap) {
		endings->cap = endings->cap * 2 + 64;
		more = reallocarray(endings->list, endings->cap,
		    sizeof(*more));
		if (more == NULL)
			return ERR_NOMEM;
		endings->list = more;
	}
	more = &endings->list[endings->count];
	*more = (struct ending){ .kind = kind, .place = endings->count,
		.end = end };
	(void)snprintf(more->name, sizeof(more->name), "%s", name);
	endings->count++;
	return ERR_OK;
}

/* Of each name the last one first. */
static int
by_name(const void *a, const void *b)
{
	const struct ending *x = a, *y = b;
	int order;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	order = strcmp(x->name, y->name);
	return order != 0 ? order : x->place > y->place ? -1 : 1;
}

static int
by_end(const void *a, const void *b)
{
	const struct ending *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->end != y->end)
		return x->end < y->end ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* The one of a name that came last takes the place of those before. */
static void
endings_sort(struct endings *endings)
{
	struct ending *list = endings->list;
	size_t i, kept = 0;

	if (endings->count == 0)
		return;
	qsort(list, endings->count, sizeof(*list), by_name);
	for (i = 0; i < endings->count; i++)
		if (kept == 0 || list[i].kind != list[kept - 1].kind ||
		    strcmp(list[i].name, list[kept - 1].name) != 0)
			list[kept++] = list[i];
	endings->count = kept;
	qsort(list, endings->count, sizeof(*list), by_end);
}

static void
endings_put(const struct endings *endings, struct buf *out)
{
	unsigned told[ENDING_KINDS] = { 0 };
	const struct ending *ending;
	size_t i;

	for (i = 0; i < endings->count; i++) {
		ending = &endings->list[i];
		if (told[ending->kind] == ENDINGS_MAX ||
		    (ending->kind == ENDING_SERVICE &&
		    ending->end <= endings->now - SERVICE_PAST_S))
			continue;
		told[ending->kind]++;
		buf_printf(out, "imprint_certificate_expiry_timestamp_"
		    "seconds{kind=\"%s\",name=\"%s\"} %lld\n",
		    ending_kind_name(ending->kind), ending->name,
		    (long long)ending->end);
	}
}

/* Operators' requests change them; each is an object. */
static void
certificates_put(struct desk *desk, struct buf *out)
{
	__attribute__((cleanup(endings_release))) struct endings endings = {
		.now = time_now() };
	uint64_t place = 0;

	if (store_object_last(authority_store(desk->authority), &place,
	    NULL) != ERR_OK)
		return;
	if (place != desk->endings_place && authority_endings(desk->authority,
	    ending_add, &endings, NULL) == ERR_OK) {
		buf_clear(&desk->endings);
		endings_sort(&endings);
		endings_put(&endings, &desk->endings);
		desk->endings_place = place;
	}
	figures_head(out, "certificate_expiry_timestamp_seconds", "gauge",
	    "when certificates that others rely on end");
	buf_put_bytes(out, buf_bytes(&desk->endings));
}

/* Each expires with the CRL that is published after it. */
static void
lists_put(struct desk *desk, struct buf *out)
{
	static const char *const logs[] = { LOG_BULK, LOG_ONLINE };
	struct published what;
	size_t i;

	figures_head(out, "status_list_expiry_timestamp_seconds", "gauge",
	    "when the status lists of a log expire");
	for (i = 0; i < 2; i++)
		if (authority_published(desk->authority, logs[i], &what,
		    NULL) == ERR_OK && what.lists > 0)
			buf_printf(out, "imprint_status_list_expiry_timestamp"
			    "_seconds{log=\"%s\"} %lld\n", logs[i],
			    (long long)what.next_update);
}

static bool
room(const char *path, double *ret_octets)
{
	struct statvfs disk;

	if (statvfs(path, &disk) != 0)
		return false;
	*ret_octets = (double)disk.f_bavail * (double)disk.f_frsize;
	return true;
}

/* Packs may lie on a disk of their own: the one that is full first counts.
 * False: it cannot be told. */
static bool
days_left(const struct desk *desk, double *ret_days)
{
	const struct demand *demand = &desk->demand;
	const char *dir = authority_dir(desk->authority);
	struct stat home, packs;
	char path[PATH_SIZE];
	double octets, days, other;

	if (!room(dir, &octets))
		return false;
	if (path_join(path, dir, "packs") != ERR_OK ||
	    stat(path, &packs) != 0 || stat(dir, &home) != 0 ||
	    packs.st_dev == home.st_dev) {
		*ret_days = demand_days(demand, octets,
		    demand->online_octets, demand->registry_octets +
		    demand->pack_octets);
		return true;
	}
	days = demand_days(demand, octets, demand->online_octets,
	    demand->registry_octets);
	if (!room(path, &octets))
		return false;
	other = demand_days(demand, octets, 0, demand->pack_octets);
	*ret_days = other >= 0 && other < days ? other : days;
	return true;
}

static void
days_put(struct desk *desk, struct buf *out)
{
	int64_t now = time_monotonic_ns() / 1000000000;
	double days;

	if (desk->demand_at == 0 || now >= desk->demand_at) {
		desk->demand_at = now + AGAIN_S;
		if (authority_demand(desk->authority, time_now(),
		    &desk->demand, NULL) != ERR_OK)
			desk->demand = (struct demand){ .left = 0 };
	}
	if (!days_left(desk, &days))
		return;
	figures_head(out, "disk_left_days", "gauge",
	    "until the disk is full, as identities were issued lately");
	if (days < 0)
		buf_printf(out, "imprint_disk_left_days +Inf\n");
	else
		buf_printf(out, "imprint_disk_left_days %.1f\n", days);
}

void
expiry_put(struct desk *desk, struct buf *out)
{
	certificates_put(desk, out);
	lists_put(desk, out);
	days_put(desk, out);
}
