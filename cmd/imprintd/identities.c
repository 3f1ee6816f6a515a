#include <stdio.h>

#include "cmd/imprintd/desk.h"

const char *
identity_verdict_name(unsigned verdict)
{
	return verdict == 0 ? "unsupported" : NULL;
}

enum err
identities_run(struct desk *desk, struct diag *diag)
{
	struct internal_refusal *refusal;
	size_t i;

	(void)diag;
	for (i = 0; i < desk->job_count; i++) {
		refusal = &desk->jobs[i].refusal;
		refusal->status = 501;
		(void)snprintf(refusal->reason, sizeof(refusal->reason),
		    "unsupported");
		(void)snprintf(refusal->detail, sizeof(refusal->detail),
		    "this authority does not enrol devices yet");
		desk->verdicts[0]++;
	}
	return ERR_OK;
}
