#include "station/floor_internal.h"
#include "station/form.h"
#include "station/home.h"

#include <poll.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "station/plugin.h"

#define WAIT_MS		1000	/* to look at deadlines and stop() */
#define TURN_MS		5	/* without a pidfd */
#define STATUS_NOT_EXECUTABLE	126
#define STATUS_NOT_FOUND	127
#define FAILURES_MAX	3	/* in a row, unless to keep going */
#define ID_TEXT_SIZE	(2 * PACKAGE_ID_SIZE + 1)

/* One place for a plug-in. */
struct seat {
	struct plugin		 plugin;
	struct secret		 package;	/* opened, not yet started */
	struct station_pack	*pack;
	uint64_t		 position, index, sequence;
};

struct run {
	struct station			*station;
	const struct station_inject	*plan;
	struct station_injected		*done;
	struct seat			*seats;
	struct pollfd			*polls;
	size_t				 running;
	unsigned			 failures;	/* in a row */
	/* the pack that packages are taken from */
	struct pack			*pack;
	size_t				 pack_number;
	bool				 no_more;
	bool				 bad_command;
	enum err			 err;		/* the first */
};

/* Keep the first error; what is on its way is still waited for. */
static void
run_fail(struct run *r, enum err err)
{
	if (r->err == ERR_OK)
		r->err = err;
	r->no_more = r->no_more || err != ERR_OK;
}

static void
import_hint(struct diag *diag)
{
	diag_hint(diag, "import the pack again from the original: it goes on"
	    " where it was");
}

/* Nothing is left of it, or its order has been reported. */
static bool
pack_done(const struct station *s, const struct station_pack *pack)
{
	return pack->next == pack->count || s->orders[pack->order_at].closing;
}

static enum err
pack_enter(struct run *r, struct diag *diag)
{
	const struct station *s = r->station;

	return r->pack != NULL ? ERR_OK : station_pack_open(s,
	    &s->packs[r->pack_number], &r->pack, diag);
}

/* What a plug-in must not get. Which device it holds nobody knows: what was
 * made for one is passed over. It shows no evidence: with less than its product
 * asks for, the authority would take no report of the order. */
static bool
pack_passed(struct run *r, const struct station_pack *pack)
{
	const struct pack_header *h = pack_header(r->pack);
	uint64_t unused = station_pack_unused(pack);

	if (pack_is_for_devices(h))
		r->done->made += unused;
	else if (h->evidence != INJECTION_UNPROVEN)
		r->done->evidence += unused;
	else
		return false;
	return true;
}

/* The first pack with an unused package for a plug-in, opened. ERR_NOTFOUND:
 * none left. */
static enum err
pack_choose(struct run *r, struct diag *diag)
{
	const struct station *s = r->station;
	const struct station_pack *pack;
	enum err err;

	for (; r->pack_number < s->pack_count; r->pack_number++) {
		pack = &s->packs[r->pack_number];
		if (!pack_done(s, pack)) {
			err = pack_enter(r, diag);
			if (err || !pack_passed(r, pack))
				return err;
		}
		pack_close(&r->pack);
	}
	return ERR_NOTFOUND;
}

enum err
inject_who_check(const struct station_inject *plan, struct diag *diag)
{
	const char *text[] = { plan->badge, plan->mes_order };
	static const char *const name[] = { "badge", "MES order" };
	size_t i;

	for (i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		if (strlen(text[i]) > FLOOR_TEXT_MAX ||
		    !floor_text_good(text[i]))
			return diag_fail(diag, ERR_INVALID, NULL, "%s: a text"
			    " of at most %d octets without control"
			    " characters", name[i], FLOOR_TEXT_MAX);
	return ERR_OK;
}

/* As a fixture's records have it, when there is something to say. */
static void
record_who(const struct station_inject *plan, struct ledger_record *r)
{
	if (plan->badge[0] == '\0' && plan->mes_order[0] == '\0')
		return;
	r->fixture = bytes_text(INJECT_FIXTURE);
	r->badge = bytes_text(plan->badge);
	r->mes_order = bytes_text(plan->mes_order);
}

/* Open the next unused package into the seat and tell the ledger; on failure
 * the seat is empty. */
static enum err
seat_fill(struct run *r, struct seat *seat, struct diag *diag)
{
	struct station *s = r->station;
	struct ledger_record record = { .kind = LEDGER_OUT };
	enum err err;

	err = pack_choose(r, diag);
	if (err)
		return err;
	seat->pack = &s->packs[r->pack_number];
	seat->position = seat->pack->next;
	err = pack_open_package(r->pack, seat->position,
	    station_sealing(s, seat->pack), &seat->index, &seat->package,
	    diag);
	if (err) {
		import_hint(diag);
		secret_release(&seat->package);
		return err == ERR_NOTFOUND ? ERR_CORRUPT : err;
	}
	err = station_form(pack_header(r->pack), r->plan->form,
	    r->plan->layout, &seat->package, diag);
	if (err) {
		secret_release(&seat->package);
		return err;
	}
	record.time = time_now();
	memcpy(record.pack, seat->pack->id, PACKAGE_ID_SIZE);
	record.position = seat->position;
	record.index = seat->index;
	record_who(r->plan, &record);
	err = station_tell(r->station, &record, diag);
	if (err)
		secret_release(&seat->package);
	else
		seat->sequence = s->out;
	return err;
}

static bool
may_start(struct run *r)
{
	if (!r->no_more && r->plan->stop != NULL &&
	    r->plan->stop(r->plan->ctx)) {
		r->done->stopped = true;
		r->no_more = true;
	}
	return !r->no_more && r->done->out < r->plan->count;
}

/* Before one has succeeded, one at a time: a plug-in that cannot work shall
 * not cost a package for each seat. */
static size_t
seats_allowed(const struct run *r)
{
	return r->done->injected == 0 ? 1 : r->plan->jobs;
}

/* Fill the free seats; nothing has left yet. What was filled before an error
 * leaves all the same: the ledger will say so. */
static void
seats_fill(struct run *r, struct diag *diag)
{
	size_t taken = r->running;
	struct seat *seat;
	unsigned i;
	enum err err;

	for (i = 0; i < r->plan->jobs && taken < seats_allowed(r) &&
	    may_start(r); i++) {
		seat = &r->seats[i];
		if (seat->plugin.pid != 0)
			continue;
		err = seat_fill(r, seat, diag);
		if (err == ERR_NOTFOUND) {
			r->no_more = true;
		} else if (err) {
			run_fail(r, err);
		} else {
			r->done->out++;
			taken++;
		}
	}
}

static void
id_text(const uint8_t id[PACKAGE_ID_SIZE], char text[ID_TEXT_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < PACKAGE_ID_SIZE; i++) {
		text[2 * i] = digits[id[i] >> 4];
		text[2 * i + 1] = digits[id[i] & 15];
	}
	text[2 * i] = '\0';
}

static void
seat_result(struct run *r, struct seat *seat, uint64_t status,
    struct diag *diag)
{
	struct ledger_record record = {
		.kind = LEDGER_RESULT, .time = time_now(),
		.position = seat->position, .status = status
	};
	enum err err;

	memcpy(record.pack, seat->pack->id, PACKAGE_ID_SIZE);
	record_who(r->plan, &record);
	err = station_tell(r->station, &record, diag);
	if (err)
		run_fail(r, err);
	r->done->injected += status == 0;
	r->done->failed += status != 0;
	r->done->timed_out += status == LEDGER_TIMEOUT;
	r->done->unread += status == LEDGER_NOT_READ;
	if (status == STATUS_NOT_FOUND || status == STATUS_NOT_EXECUTABLE)
		r->bad_command = true;
	r->failures = status == 0 ? 0 : r->failures + 1;
	if (r->failures >= FAILURES_MAX && !r->plan->keep_going &&
	    !r->no_more)
		r->done->gave_up = true;
	r->no_more = r->no_more || r->bad_command || r->done->gave_up;
}

static void
seat_start(struct run *r, struct seat *seat, struct diag *diag)
{
	struct plugin_call call = {
		.command = r->plan->command,
		.environment = r->plan->environment,
		.timeout_s = r->plan->timeout_s,
		.sequence = seat->sequence, .index = seat->index
	};
	char pack[ID_TEXT_SIZE];
	enum err err;

	id_text(seat->pack->id, pack);
	call.pack = pack;
	err = plugin_start(&call, &seat->package, &seat->plugin, diag);
	secret_release(&seat->package);
	if (err) {
		run_fail(r, err);
		seat_result(r, seat, LEDGER_NOT_STARTED, diag);
		return;
	}
	r->running++;
	plugin_feed(&seat->plugin);
}

/*
 * The one place where packages leave, after the one place where the ledger
 * becomes durable. The pack table does not move meanwhile: nothing is
 * imported during a run.
 */
static void
seats_start(struct run *r, struct diag *diag)
{
	struct seat *seat;
	unsigned i;
	enum err err;

	/* this alone decides: what is durable is out, so it goes out */
	err = ledger_commit(r->station->ledger, diag);
	if (err)
		run_fail(r, err);
	for (i = 0; i < r->plan->jobs; i++) {
		seat = &r->seats[i];
		if (seat->package.len == 0)
			continue;
		if (err == ERR_OK)
			seat_start(r, seat, diag);
		else
			secret_release(&seat->package);
	}
}

static void
seats_wait(struct run *r)
{
	int timeout_ms = WAIT_MS;
	const struct plugin *p;
	nfds_t n = 0;
	unsigned i;

	for (i = 0; i < r->plan->jobs; i++) {
		p = &r->seats[i].plugin;
		if (p->pid == 0)
			continue;
		if (p->pidfd >= 0)
			r->polls[n++] = (struct pollfd){ .fd = p->pidfd,
			    .events = POLLIN };
		else
			timeout_ms = TURN_MS;
		if (p->input >= 0)
			r->polls[n++] = (struct pollfd){ .fd = p->input,
			    .events = POLLOUT };
	}
	/* interrupted or not: all are looked at */
	(void)poll(r->polls, n, timeout_ms);
}

static void
seats_collect(struct run *r, struct diag *diag)
{
	int64_t now = time_monotonic_ns();
	struct seat *seat;
	uint64_t status;
	unsigned i;

	for (i = 0; i < r->plan->jobs; i++) {
		seat = &r->seats[i];
		if (seat->plugin.pid == 0)
			continue;
		plugin_feed(&seat->plugin);
		plugin_expire(&seat->plugin, now);
		if (!plugin_ended(&seat->plugin, &status))
			continue;
		r->running--;
		seat_result(r, seat, status, diag);
	}
	if (r->plan->progress != NULL)
		r->plan->progress(r->plan->ctx, r->done->injected +
		    r->done->failed);
}

static enum err
run_all(struct run *r, struct diag *diag)
{
	enum err err;

	do {
		seats_fill(r, diag);
		seats_start(r, diag);
		if (r->running > 0) {
			seats_wait(r);
			seats_collect(r, diag);
		}
	} while (r->running > 0 || may_start(r));
	/* the last results; after a failed write this fails again, quietly */
	err = ledger_commit(r->station->ledger, diag);
	if (err)
		run_fail(r, err);
	if (r->err == ERR_OK && r->bad_command) {
		diag_fail(diag, ERR_INVALID, NULL,
		    "the shell cannot run the plug-in command: %s",
		    r->plan->command);
		diag_hint(diag, "the packages that it was started for count"
		    " as failed; nothing further was handed out");
		return ERR_INVALID;
	}
	return r->err;
}

enum err
station_inject(struct station *s, const struct station_inject *plan,
    struct station_injected *ret_injected, struct diag *diag)
{
	struct run r = {
		.station = s, .plan = plan, .done = ret_injected
	};
	unsigned i;
	enum err err;

	*ret_injected = (struct station_injected){ 0 };
	err = inject_who_check(plan, diag);
	if (err)
		return err;
	err = ERR_NOMEM;
	if (plan->jobs == 0 || plan->jobs > STATION_JOBS_MAX ||
	    s->ledger == NULL)
		return ERR_INTERNAL;
	r.seats = calloc(plan->jobs, sizeof(*r.seats));
	r.polls = calloc((size_t)plan->jobs * 2, sizeof(*r.polls));
	if (r.seats != NULL && r.polls != NULL) {
		for (i = 0; i < plan->jobs; i++)
			r.seats[i].plugin = (struct plugin)PLUGIN_INIT;
		err = run_all(&r, diag);
	} else
		(void)diag_nomem(diag);
	pack_close(&r.pack);
	free(r.polls);
	free(r.seats);
	return err;
}
