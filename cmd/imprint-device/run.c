#include <poll.h>
#include <signal.h>
#include <time.h>

#include "cmd/imprint-device/field.h"
#include "lib/base/clock.h"

#define SECOND_MS	UINT64_C(1000)
#define BUSY_MS		SECOND_MS		/* first wait, then doubled */
#define BUSY_MAX_MS	(3600 * SECOND_MS)
#define REFUSED_MS	(600 * SECOND_MS)
#define REFUSED_MAX_MS	(86400 * SECOND_MS)
#define RETRY_MAX_S	UINT64_C(86400)
#define PAUSE_S		3600	/* the clock is looked at so often, and
				 * nothing is begun after what was done */
#define DOUBLED_MAX	20
#define CLOCK_WITHIN_S	600

/* How long it was said, and what is known of the time. */
struct run {
	struct cmd		*cmd;
	struct field_wish	 wish;
	unsigned		 busy, refused;	/* one after the other */
	int64_t			 seen, seen_s;	/* time, and of the machine */
	int64_t			 rest_s;	/* of the machine: until then */
	struct field_due	 told;
	bool			 planned;
};

/* Seconds since the machine started, its sleep included. */
static int64_t
machine_s(void)
{
	struct timespec t;

	return clock_gettime(CLOCK_BOOTTIME, &t) == 0 ? t.tv_sec : 0;
}

/* A clock that stands or was lost goes on from what was signed. */
static int64_t
run_time(const struct run *run)
{
	int64_t now = time_now(), least = run->seen + machine_s() -
	    run->seen_s;

	return now > least ? now : least;
}

static void
run_learn(struct run *run, int64_t floor)
{
	int64_t now = run_time(run);

	run->seen = floor > now ? floor : now;
	run->seen_s = machine_s();
}

/* Until then, or a signal; none is missed between asking and sleeping. */
static void
pause_ms(uint64_t ms)
{
	const struct timespec time = { .tv_sec = (time_t)(ms / SECOND_MS),
		.tv_nsec = (long)(ms % SECOND_MS) * 1000000 };
	sigset_t all, before;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	if (!interrupt_requested())
		(void)ppoll(NULL, 0, &time, &before);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
}

/*
 * Somewhere in the second half of a time that doubles, and not before the
 * server wants it: many devices come back from one outage.
 */
static enum err
back_off(struct cmd *cmd, uint64_t first_ms, uint64_t max_ms, unsigned tries,
    unsigned retry_after_s)
{
	uint64_t least = retry_after_s < RETRY_MAX_S ? retry_after_s :
	    RETRY_MAX_S;
	uint64_t span = first_ms << (tries < DOUBLED_MAX ? tries :
	    DOUBLED_MAX), random = 0, ms;
	enum err err;

	err = field_random(cmd, &random, sizeof(random));
	if (err)
		return err;
	if (span > max_ms)
		span = max_ms;
	ms = least * SECOND_MS + span / 2 + random % (span / 2);
	fprintf(stderr, "  again in %ju s\n", (uintmax_t)((ms +
	    SECOND_MS - 1) / SECOND_MS));
	pause_ms(ms);
	return ERR_OK;
}

static enum err
busy_wait(struct run *run, const struct field_turn *turn)
{
	return back_off(run->cmd, BUSY_MS, BUSY_MAX_MS, run->busy++,
	    turn->retry_after_s);
}

/* One thing, until it is done, refused or nobody wants to wait. */
static enum exit_code
field_command(struct cmd *cmd, enum field_type type)
{
	struct run run = { .cmd = cmd, .wish.type = type };
	enum exit_code usage = field_wish_read(cmd, &run.wish);
	struct field_turn turn;
	enum err err = ERR_OK;

	if (usage != EXIT_OK)
		return usage;
	interrupt_catch();
	if (cmd_flag(cmd, "refresh"))
		run.wish.type = FIELD_REFRESH;
	while (!err) {
		turn = field_turns(cmd, &run.wish);
		if (turn.then == TURN_END || cmd_flag(cmd, "once"))
			return turn.code;
		err = busy_wait(&run, &turn);
		if (!err && interrupt_requested())
			err = diag_fail(&cmd->diag, ERR_INTERRUPTED, NULL,
			    "stopped; the next run goes on");
	}
	return cmd_fail(cmd, err);
}

enum exit_code
agent_bootstrap(struct cmd *cmd)
{
	return field_command(cmd, FIELD_ENROL);
}

enum exit_code
agent_renew(struct cmd *cmd)
{
	return field_command(cmd, FIELD_RENEW);
}

/* Said when it changes. */
static void
due_print(struct run *run, const struct field_due *due)
{
	char at[TIME_TEXT_SIZE];

	if (due->type == run->told.type && due->at == run->told.at)
		return;
	run->told = *due;
	time_format(due->at, at);
	fprintf(stderr, "%s: next: %s, %s%s\n", run->cmd->program->name,
	    field_type_name(due->type), due->at >= TIME_MAX_S ? "never" :
	    "not before ", due->at >= TIME_MAX_S ? "" : at);
}

static enum err
idle_wait(struct run *run, const struct field_due *due)
{
	int64_t left = due->at - run_time(run),
	    rest = run->rest_s - machine_s();

	run->busy = run->refused = 0;
	due_print(run, due);
	left = left > rest ? left : rest;
	pause_ms((uint64_t)(left < 1 ? 1 : left > PAUSE_S ? PAUSE_S : left) *
	    SECOND_MS);
	return ERR_OK;
}

/* What was refused is asked again, but not soon: nothing of it is signed, and
 * what is refused today may be had tomorrow. */
static enum err
end_wait(struct run *run, const struct field_turn *turn)
{
	if (turn->code == EXIT_BUSY)
		return busy_wait(run, turn);
	if (turn->code != EXIT_OK)
		return back_off(run->cmd, REFUSED_MS, REFUSED_MAX_MS,
		    run->refused++, turn->retry_after_s);
	run->busy = run->refused = 0;
	/* whatever clocks say, not one after the other */
	run->rest_s = machine_s() + PAUSE_S;
	return ERR_OK;
}

static bool
is_lasting(const struct field_turn *turn)
{
	return turn->then == TURN_END && turn->code != EXIT_OK &&
	    turn->code != EXIT_REFUSED && turn->code != EXIT_AUTH &&
	    turn->code != EXIT_BUSY;
}

static enum err
turn_wait(struct run *run, const struct field_turn *turn)
{
	switch (turn->then) {
	case TURN_IDLE:
		return idle_wait(run, &turn->due);
	case TURN_LATER:
		return busy_wait(run, turn);
	default:
		return end_wait(run, turn);
	}
}

/* With the first look it is known what time it is not; all that lost their
 * clocks in one outage do not ask at once. Look again? */
static bool
clock_plan(struct run *run, const struct field_turn *turn)
{
	bool first = !run->planned && turn->then == TURN_IDLE;

	if (first) {
		run->planned = true;
		run->wish.clock_from = run_time(run);
		run->wish.clock_until = run->wish.clock_from + CLOCK_WITHIN_S;
	}
	if (turn->then == TURN_END && turn->code == EXIT_OK)
		run->wish.clock_from = TIME_MAX_S;
	return first;
}

enum exit_code
agent_run(struct cmd *cmd)
{
	struct run run = { .cmd = cmd, .told.at = -1 };
	enum exit_code usage = field_wish_read(cmd, &run.wish);
	struct field_turn turn;
	enum err err = ERR_OK;

	if (usage != EXIT_OK)
		return usage;
	interrupt_catch();
	run_learn(&run, 0);
	if (!cmd_flag(cmd, "once"))
		run.wish.clock_from = TIME_MAX_S;
	while (!err && !interrupt_requested()) {
		cmd->diag = (struct diag)DIAG_INIT;
		run.wish.now = run_time(&run);
		run.wish.rest = run.rest_s > machine_s();
		turn = field_turns(cmd, &run.wish);
		run_learn(&run, turn.floor);
		(void)fflush(stdout);
		if (turn.then == TURN_IDLE && cmd_flag(cmd, "once"))
			due_print(&run, &turn.due);
		if (is_lasting(&turn) || cmd_flag(cmd, "once"))
			return turn.code;
		if (clock_plan(&run, &turn))
			continue;
		err = turn_wait(&run, &turn);
	}
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}
