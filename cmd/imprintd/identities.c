#include <stdio.h>

#include "cmd/imprintd/desk.h"
#include "lib/base/clock.h"

#define RETRY_BUSY_S	2
#define RETRY_LATER_S	3600

/* docs/protocol/enrolment.md, Verdicts. */
static const unsigned statuses[] = {
	[ENROL_REFUSED] = 503, [ENROL_MALFORMED] = 400,
	[ENROL_UNSUPPORTED] = 400, [ENROL_UNKNOWN] = 401,
	[ENROL_SIGNATURE] = 401, [ENROL_REVOKED] = 403,
	[ENROL_SUSPENDED] = 403, [ENROL_EXPIRED] = 403,
	[ENROL_CONSUMED] = 403, [ENROL_SUPERSEDED] = 403,
	[ENROL_ATTEMPTS] = 403, [ENROL_CONFLICT] = 409,
	[ENROL_KEYS] = 422, [ENROL_NO_PRODUCT] = 404, [ENROL_BUSY] = 503,
	[ENROL_QUOTA] = 403
};

const char *
identity_verdict_name(unsigned verdict)
{
	return verdict > ENROL_QUOTA ? NULL :
	    enrol_verdict_name((enum enrol_verdict)verdict);
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

/* Of those whose signature was good; others could fill the log. */
static void
verdict_log(const struct enrol_result *result, const struct desk_job *job)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (!result->known)
		return;
	buf_printf(&text, "identity ueid=");
	buf_put_hex(&text, bytes_of(result->ueid, sizeof(result->ueid)));
	buf_printf(&text, " verdict=%s", enrol_verdict_name(result->verdict));
	if (job->done)
		buf_printf(&text, " log=%u index=%llu", result->log,
		    (unsigned long long)result->index);
	else
		buf_printf(&text, " why=\"%s\"", job->refusal.detail);
	log_line("authority", buf_text(&text));
}

static enum err
job_run(struct desk *desk, struct desk_job *job, struct diag *diag)
{
	struct enrol_result result = { .answer = &job->answer };
	const struct est_ask ask = { .renew = job->est.renew,
	    .label = job->est.label, .leaf = job->est.leaf,
	    .csr = job->est.csr };
	enum err err;

	err = job->is_est ? enrol_submit_est(desk->enrol, &ask, &result,
	    diag) : enrol_submit(desk->enrol, job->request, &result, diag);
	if (err)
		return err;
	job->done = result.verdict == ENROL_DONE ||
	    result.verdict == ENROL_REPEATED;
	if (!job->done)
		refuse(job, result.verdict, result.why.what);
	if (result.verdict < VERDICTS_MAX)
		desk->verdicts[result.verdict]++;
	verdict_log(&result, job);
	return ERR_OK;
}

/* Nothing of it was done; the disk may be full, and will not be for ever. */
static enum err
turn_lost(struct desk *desk, enum err err, struct diag *diag)
{
	size_t i;

	enrol_turn_drop(desk->enrol);
	if (err != ERR_NOSPACE && err != ERR_IO && err != ERR_NOMEM)
		return err;
	log_diag("authority", "a turn is lost", diag);
	*diag = (struct diag)DIAG_INIT;
	desk->turns_lost++;
	for (i = 0; i < desk->job_count; i++) {
		desk->jobs[i].done = false;
		refuse(&desk->jobs[i], ENROL_BUSY, "the authority cannot work"
		    " now; the same request again is safe");
	}
	return ERR_OK;
}

enum err
identities_run(struct desk *desk, struct diag *diag)
{
	size_t i;
	enum err err;

	err = enrol_turn_begin(desk->enrol, time_now(), diag);
	for (i = 0; i < desk->job_count && !err; i++)
		err = job_run(desk, &desk->jobs[i], diag);
	if (err)
		return turn_lost(desk, err, diag);
	return enrol_turn_commit(desk->enrol, diag);
}
