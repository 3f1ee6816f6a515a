/* Requests of devices: a turn of enrolment. */
#include <stdio.h>
#include <string.h>

#include "cmd/imprintd/desk.h"
#include "lib/authority/enrol.h"
#include "lib/base/clock.h"

#define RETRY_BUSY_S	2

_Static_assert(TURN_MAX <= ENROL_TURN_MAX, "a turn holds a turn");

const char *
identity_verdict_name(unsigned verdict)
{
	return verdict <= ENROL_QUOTA ? enrol_verdict_name(
	    (enum enrol_verdict)verdict) : NULL;
}

/* As docs/protocol/enrolment.md has it. */
static unsigned
status_of(enum enrol_verdict verdict)
{
	switch (verdict) {
	case ENROL_MALFORMED:
	case ENROL_UNSUPPORTED:
		return 400;
	case ENROL_UNKNOWN:
	case ENROL_SIGNATURE:
		return 401;
	case ENROL_NO_PRODUCT:
		return 404;
	case ENROL_CONFLICT:
		return 409;
	case ENROL_KEYS:
		return 422;
	case ENROL_BUSY:
		return 503;
	default:
		return 403;
	}
}

static void
refuse(struct desk_job *job, const struct enrol_result *result)
{
	struct internal_refusal *refusal = &job->refusal;

	*refusal = (struct internal_refusal){
		.status = status_of(result->verdict),
		.retry_after_s = result->verdict == ENROL_BUSY ?
		    RETRY_BUSY_S : 0 };
	(void)snprintf(refusal->reason, sizeof(refusal->reason), "%s",
	    enrol_verdict_name(result->verdict));
	(void)snprintf(refusal->detail, sizeof(refusal->detail), "%s",
	    result->why.what);
}

static enum err
job_run(struct desk *desk, struct desk_job *job, struct diag *diag)
{
	struct enrol_result result = { .answer = &job->answer };
	const struct est_ask ask = { .renew = job->est.renew,
	    .label = job->est.label, .leaf = job->est.leaf,
	    .csr = job->est.csr };
	enum err err;

	if (job->is_est)
		err = enrol_submit_est(desk->enrol, &ask, &result, diag);
	else
		err = enrol_submit(desk->enrol, job->request, &result, diag);
	if (err)
		return err;
	job->done = result.verdict == ENROL_DONE ||
	    result.verdict == ENROL_REPEATED;
	desk->verdicts[result.verdict]++;
	if (!job->done)
		refuse(job, &result);
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
	if (err) {
		enrol_turn_drop(desk->enrol);
		return err;
	}
	return enrol_turn_commit(desk->enrol, diag);
}
