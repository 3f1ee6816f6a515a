#include <stdio.h>

#include "cmd/imprintd/desk.h"
#include "lib/base/clock.h"

#define RETRY_BUSY_S	2
#define RETRY_DISK_S	30
#define RETRY_LATER_S	3600
#define TOLD_MAX	30	/* lines in a minute, of whom fronts name */

/* docs/protocol/enrolment.md, Verdicts. */
static const unsigned statuses[] = {
	[ENROL_REFUSED] = 503, [ENROL_MALFORMED] = 400,
	[ENROL_UNSUPPORTED] = 400, [ENROL_UNKNOWN] = 401,
	[ENROL_SIGNATURE] = 401, [ENROL_REVOKED] = 403,
	[ENROL_SUSPENDED] = 403, [ENROL_EXPIRED] = 403,
	[ENROL_CONSUMED] = 403, [ENROL_SUPERSEDED] = 403,
	[ENROL_ATTEMPTS] = 403, [ENROL_CONFLICT] = 409,
	[ENROL_KEYS] = 422, [ENROL_NO_PRODUCT] = 404, [ENROL_BUSY] = 503,
	[ENROL_QUOTA] = 403, [ENROL_UNCLAIMED] = 403
};

const char *
identity_verdict_name(unsigned verdict)
{
	return verdict > ENROL_UNCLAIMED ? NULL :
	    enrol_verdict_name((enum enrol_verdict)verdict);
}

bool
identity_counts(const struct desk_job *job)
{
	return job->type != INTERNAL_EST_WISH;
}

static void
verdict_count(struct desk *desk, const struct desk_job *job,
    enum enrol_verdict verdict)
{
	if (!identity_counts(job))
		desk->wishes++;
	else if (verdict < VERDICTS_MAX)
		desk->verdicts[verdict]++;
}

static void
refuse(struct desk_job *job, enum enrol_verdict verdict, const char *detail)
{
	struct internal_refusal *refusal = &job->refusal;

	refusal->status = verdict < sizeof(statuses) / sizeof(statuses[0]) &&
	    statuses[verdict] != 0 ? statuses[verdict] : 500;
	(void)snprintf(refusal->reason, sizeof(refusal->reason), "%s",
	    enrol_verdict_name(verdict));
	(void)snprintf(refusal->detail, sizeof(refusal->detail), "%s",
	    detail);
	if (refusal->status == 503)
		refusal->retry_after_s = RETRY_BUSY_S;
	else if (verdict == ENROL_NO_PRODUCT)
		refusal->retry_after_s = RETRY_LATER_S;
}

/* Whom a front names, and nobody else proves: not more than the log bears. */
static bool
may_tell(struct desk *desk)
{
	int64_t minute = time_monotonic_ns() / INT64_C(60000000000);
	_cleanup_buf_ struct buf fields = BUF_INIT;

	if (desk->told_minute != minute) {
		logfmt_put_text(&fields, "event", "left-out");
		logfmt_put_text(&fields, "what", "identity");
		logfmt_put_number(&fields, "count", desk->untold);
		if (desk->untold > 0)
			log_fields("authority", LEVEL_WARNING, &fields);
		desk->told_minute = minute;
		desk->told = desk->untold = 0;
	}
	if (desk->told < TOLD_MAX)
		return ++desk->told > 0;
	desk->untold++;
	return false;
}

/* Of those whose signature was good; others could fill the log. */
static void
verdict_log(struct desk *desk, const struct desk_job *job)
{
	const struct enrol_result *result = &job->result;
	_cleanup_buf_ struct buf fields = BUF_INIT, ueid = BUF_INIT;

	if (!result->known && !(result->named && may_tell(desk)))
		return;
	buf_put_hex(&ueid, bytes_of(result->ueid, sizeof(result->ueid)));
	logfmt_put_text(&fields, "event", "identity");
	logfmt_put(&fields, "ueid", buf_bytes(&ueid));
	if (!result->known)
		logfmt_put_text(&fields, "by", "est");
	logfmt_put_text(&fields, "verdict",
	    enrol_verdict_name(result->verdict));
	if (job->done) {
		logfmt_put_number(&fields, "log", result->log);
		logfmt_put_number(&fields, "index", result->index);
	}
	if (job->done && result->replaced)
		logfmt_put_number(&fields, "replaced", result->replaced_index);
	if (!job->done)
		logfmt_put_text(&fields, "why", job->refusal.detail);
	log_fields("authority", LEVEL_INFO, &fields);
}

static enum err
job_run(struct desk *desk, struct desk_job *job, struct diag *diag)
{
	const struct est_ask ask = { .renew = job->est.renew,
	    .label = job->est.label, .leaf = job->est.leaf,
	    .csr = job->est.csr,
	    .keygen = job->type == INTERNAL_EST_KEYGEN };

	buf_clear(&job->answer);
	buf_clear(&job->key);
	job->result = (struct enrol_result){ .answer = &job->answer,
		.key = &job->key };
	switch (job->type) {
	case INTERNAL_EST:
	case INTERNAL_EST_KEYGEN:
		return enrol_submit_est(desk->enrol, &ask, &job->result, diag);
	case INTERNAL_EST_WISH:
		return enrol_est_attributes(desk->enrol, job->wish.label,
		    job->wish.leaf, job->wish.linked, &job->result, diag);
	default:
		return enrol_submit(desk->enrol, job->request, &job->result,
		    diag);
	}
}

/* What was decided is durable. */
static void
job_settle(struct desk *desk, struct desk_job *job)
{
	const struct enrol_result *result = &job->result;

	job->done = result->verdict == ENROL_DONE ||
	    result->verdict == ENROL_REPEATED;
	if (!job->done) {
		refuse(job, result->verdict, result->why.what);
		if (result->retry_after_s > 0)
			job->refusal.retry_after_s = result->retry_after_s;
	}
	verdict_count(desk, job, result->verdict);
	desk->replaced += job->done && result->replaced;
	verdict_log(desk, job);
}

/* It alone, for a reason that does not pass. */
static void
job_fail(struct desk *desk, struct desk_job *job, const struct diag *diag)
{
	log_diag("authority", "a request cannot be carried out", diag);
	job->failed = true;
	verdict_count(desk, job, ENROL_REFUSED);
	job->refusal = (struct internal_refusal){ .status = 500,
		.reason = "internal", .detail = "the authority cannot carry"
		" this request out; its log says why" };
}

/* The disk may be full, memory be short, the clock be wrong, and will not be
 * for ever. */
static bool
error_passes(enum err err)
{
	return err == ERR_NOSPACE || err == ERR_IO || err == ERR_NOMEM ||
	    err == ERR_CLOCK;
}

/* One that changed nothing before it failed is no reason to end the turn. */
static enum err
job_try(struct desk *desk, struct desk_job *job, struct diag *diag)
{
	enum err err;

	job->failed = false;
	err = job_run(desk, job, diag);
	if (!err || error_passes(err) || !enrol_turn_whole(desk->enrol))
		return err;
	job_fail(desk, job, diag);
	*diag = (struct diag)DIAG_INIT;
	return ERR_OK;
}

static void
disk_refuse(struct desk_job *job)
{
	job->refusal = (struct internal_refusal){ .status = 503,
		.reason = "disk", .detail = "the authority's disk is full; "
		"the same request again is safe",
		.retry_after_s = RETRY_DISK_S };
}

/* Nothing of it was done. */
static void
turn_lost(struct desk *desk, struct desk_job *jobs, size_t count,
    enum err why, const struct diag *diag)
{
	size_t i;

	log_diag("authority", "a turn is lost", diag);
	desk->turns_lost++;
	if (why == ERR_NOSPACE)
		disk_full(desk);
	for (i = 0; i < count; i++)
		if (why == ERR_NOSPACE)
			disk_refuse(&jobs[i]);
		else
			refuse(&jobs[i], ENROL_BUSY, "the authority cannot "
			    "work now; the same request again is safe");
}

/* Each that is begun would sign for nothing, and void what it took. */
static void
turn_refuse(struct desk *desk)
{
	size_t i;

	desk->turns_lost++;
	for (i = 0; i < desk->job_count; i++)
		disk_refuse(&desk->jobs[i]);
}

/*
 * All of them by one commit. ret_lost: why nothing of it was done; the
 * registry is as it was. An error: it is in doubt, or nothing can be done
 * any more.
 */
static enum err
turn_try(struct desk *desk, struct desk_job *jobs, size_t count,
    enum err *ret_lost, struct diag *diag)
{
	int64_t begun;
	bool changed;
	size_t i;
	enum err err;

	err = enrol_turn_begin(desk->enrol, time_now(), diag);
	if (err && !error_passes(err))
		return err;
	for (i = 0; i < count && !err; i++)
		err = job_try(desk, &jobs[i], diag);
	*ret_lost = err;
	if (err) {
		enrol_turn_drop(desk->enrol);
		return ERR_OK;
	}
	changed = enrol_turn_changed(desk->enrol);
	begun = time_monotonic_ns();
	err = enrol_turn_commit(desk->enrol, diag);
	if (err == ERR_NOSPACE && disk_check(desk, NULL) == ERR_OK) {
		*ret_lost = err;
		return ERR_OK;
	}
	if (!err && changed)
		times_add(&desk->commits, begun);
	for (i = 0; i < count && !err; i++)
		if (!jobs[i].failed)
			job_settle(desk, &jobs[i]);
	return err;
}

enum err
identities_run(struct desk *desk, struct diag *diag)
{
	enum err err, lost = ERR_OK;
	struct desk_job *job;
	size_t i;

	if (desk->disk_full) {
		turn_refuse(desk);
		return ERR_OK;
	}
	err = turn_try(desk, desk->jobs, desk->job_count, &lost, diag);
	if (err || lost == ERR_OK)
		return err;
	if (error_passes(lost)) {
		turn_lost(desk, desk->jobs, desk->job_count, lost, diag);
		*diag = (struct diag)DIAG_INIT;
		return ERR_OK;
	}
	/* one of them cannot be carried out; the others are not to suffer */
	for (i = 0; i < desk->job_count; i++) {
		job = &desk->jobs[i];
		*diag = (struct diag)DIAG_INIT;
		err = turn_try(desk, job, 1, &lost, diag);
		if (err)
			return err;
		if (error_passes(lost))
			turn_lost(desk, job, 1, lost, diag);
		else if (lost != ERR_OK)
			job_fail(desk, job, diag);
	}
	*diag = (struct diag)DIAG_INIT;
	return ERR_OK;
}
