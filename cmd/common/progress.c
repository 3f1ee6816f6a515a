#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cmd/common/cmd.h"
#include "lib/base/clock.h"

#define REFRESH_NS	INT64_C(100000000)
#define BAR_WIDTH	24

static volatile sig_atomic_t interrupted;

void
number_format(uint64_t number, char text[32])
{
	char plain[24];
	size_t len, i, out = 0;

	(void)snprintf(plain, sizeof(plain), "%llu",
	    (unsigned long long)number);
	len = strlen(plain);
	for (i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			text[out++] = ',';
		text[out++] = plain[i];
	}
	text[out] = '\0';
}

void
progress_start(struct progress *progress, const char *what, const char *unit,
    uint64_t done, uint64_t total)
{
	*progress = (struct progress){ .what = what, .unit = unit,
	    .done = done, .started_at = done, .total = total,
	    .start_ns = time_monotonic_ns(),
	    .terminal = isatty(STDERR_FILENO) == 1 };
}

static void
progress_draw(struct progress *progress, int64_t now)
{
	double seconds = (double)(now - progress->start_ns) / 1e9;
	double rate = seconds > 0 ?
	    (double)(progress->done - progress->started_at) / seconds : 0;
	uint64_t left = progress->total - progress->done;
	int filled = progress->total > 0 ? (int)(progress->done *
	    BAR_WIDTH / progress->total) : BAR_WIDTH;
	char done[32], total[32], bar[BAR_WIDTH + 1];
	int i;

	for (i = 0; i < BAR_WIDTH; i++)
		bar[i] = i < filled ? '#' : '.';
	bar[BAR_WIDTH] = '\0';
	number_format(progress->done, done);
	number_format(progress->total, total);
	(void)fprintf(stderr, "\r%s [%s] %s of %s %s, %.0f/s", progress->what,
	    bar, done, total, progress->unit, rate);
	if (rate > 0 && left > 0)
		(void)fprintf(stderr, ", %.0f s left", (double)left / rate);
	(void)fputs("\033[K", stderr);
	(void)fflush(stderr);
	progress->shown = true;
}

void
progress_update(struct progress *progress, uint64_t done)
{
	int64_t now;

	progress->done = done;
	if (!progress->terminal)
		return;
	now = time_monotonic_ns();
	if (now - progress->shown_ns < REFRESH_NS)
		return;
	progress->shown_ns = now;
	progress_draw(progress, now);
}

void
progress_end(struct progress *progress)
{
	if (!progress->terminal || !progress->shown)
		return;
	progress_draw(progress, time_monotonic_ns());
	(void)fputc('\n', stderr);
}

static void
interrupt_note(int signal_number)
{
	static const char text[] =
	    "\nstopping: finishing what is under way; again to give it up\n";
	int number = errno;

	if (interrupted == 0)
		(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	interrupted = 1;
	(void)signal(signal_number, SIG_DFL);
	errno = number;
}

/* Whoever ignores it for us (nohup) means it. */
static void
catch_unless_ignored(int signal_number, const struct sigaction *action)
{
	struct sigaction before;

	if (sigaction(signal_number, NULL, &before) == 0 &&
	    before.sa_handler != SIG_IGN)
		(void)sigaction(signal_number, action, NULL);
}

void
interrupt_catch(void)
{
	struct sigaction action = { .sa_handler = interrupt_note };

	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	catch_unless_ignored(SIGHUP, &action);
	catch_unless_ignored(SIGQUIT, &action);
}

bool
interrupt_requested(void)
{
	return interrupted != 0;
}
