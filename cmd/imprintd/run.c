/* What goes on for longer than a turn: an order's run, receipts signed by a new
 * document signer. One at a time; turns go on meanwhile. */
#include <stdio.h>

#include "cmd/imprintd/desk.h"
#include "lib/authority/order_run.h"
#include "lib/authority/signer.h"
#include "lib/base/clock.h"
#include "lib/proto/local.h"

#define RUN_WAIT_MS	5	/* while chunks are made */

enum err
run_busy(const struct desk *desk, struct diag *diag)
{
	const struct desk_run *run = &desk->run;
	enum err err;

	if (run->signer) {
		err = diag_fail(diag, ERR_BUSY, NULL, "receipts are being "
		    "signed by a new document signer");
		diag_hint(diag, "wait for the end of 'imprint "
		    "document-signer renew', or interrupt it");
		return err;
	}
	err = diag_fail(diag, ERR_BUSY, NULL, "order %u is being run: one at "
	    "a time", run->order);
	diag_hint(diag, "wait for its end, or interrupt 'imprint order run "
	    "%u' where it runs", run->order);
	return err;
}

bool
run_take(struct desk *desk, struct desk_local *local,
    const struct internal_message *message, struct diag *diag)
{
	uint64_t order = 0, workers = 0;
	struct diag why = DIAG_INIT;

	if (local_get_pair(message->body, UINT32_MAX, &order, &workers,
	    diag) != ERR_OK)
		return false;
	if (desk->run.wanted) {
		local_fail(desk, local, message->call, run_busy(desk, &why),
		    &why);
		return true;
	}
	local->call = message->call;
	desk->run = (struct desk_run){ .wanted = true, .local = local,
		.signer = message->type == INTERNAL_SIGNER_RENEW,
		.order = (uint32_t)order, .workers = (unsigned)workers };
	return true;
}

static bool
run_ends(const struct desk *desk)
{
	return desk->ending || desk->run.gone || desk->run.err != ERR_OK;
}

static bool
run_stop(void *ctx)
{
	return run_ends(ctx);
}

static void
run_idle(void *ctx)
{
	struct desk *desk = ctx;

	if (desk->run.err == ERR_OK)
		desk->run.err = desk_turn(desk, RUN_WAIT_MS,
		    &desk->run.diag);
}

/* Between batches, as there is nobody else to make them. */
static bool
renewal_stop(void *ctx)
{
	struct desk *desk = ctx;

	if (desk->run.err == ERR_OK)
		desk->run.err = desk_turn(desk, 0, &desk->run.diag);
	return run_ends(desk);
}

static enum err
run_carry_out(struct desk *desk, struct diag *diag)
{
	const struct order_run order = { .number = desk->run.order,
		.workers = desk->run.workers, .now = time_now(),
		.stop = run_stop, .idle = run_idle, .ctx = desk };
	const struct signer_renewal renewal = { .now = time_now(),
		.stop = renewal_stop, .ctx = desk };
	enum err err;

	if (desk->run.signer)
		return signer_renew(desk->authority, &renewal, diag);
	err = authority_order_run(desk->authority, &order, diag);
	desk->last_run.order = desk->run.order;
	(void)snprintf(desk->last_run.what, sizeof(desk->last_run.what),
	    "%s", err ? diag->what : "complete");
	return err;
}

enum err
run_job(struct desk *desk, struct diag *diag)
{
	struct desk_run *run = &desk->run;
	struct internal_message done = { .type = INTERNAL_ANSWER,
		.body = bytes_of("\xf6", 1) };
	struct desk_local *local = run->local;
	struct diag why = DIAG_INIT;
	enum err err;

	run->under_way = true;
	err = run_carry_out(desk, &why);
	if (local == NULL && err)
		log_diag("authority", "an order's run ends", &why);
	if (local != NULL) {
		done.call = local->call;
		local->call = 0;
	}
	if (local == NULL || local->fd < 0)
		;	/* nobody waits */
	else if (err)
		local_fail(desk, local, done.call, err, &why);
	else
		local_answer(desk, local, &done, NULL);
	err = run->err;
	if (err && diag != NULL)
		*diag = run->diag;
	*run = (struct desk_run){ .wanted = false };
	return err;
}
