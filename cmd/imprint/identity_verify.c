#include "cmd/imprint/remote_document.h"
#include <imprint/verify.h>
#include "lib/base/clock.h"
#include "lib/identity/document.h"
#include "lib/x509/certificate.h"

#define TRUST_MAX	((size_t)1 << 20)
#define STATUS_MAX	((size_t)1 << 30)	/* a CRL of 20 million */
#define MAX_AGE_MAX	(UINT64_C(1) << 40)

static enum err
trust_read(struct cmd *cmd, struct buf *out)
{
	const char *path = cmd_value(cmd, "trust");
	char dir[PATH_SIZE], usual[PATH_SIZE];
	enum err err;

	/* --trust is the server's then */
	if (remote_there(cmd))
		return remote_trust_pem(cmd, out);
	if (path == NULL) {
		err = ecosystem_dir(cmd, dir);
		if (!err)
			err = path_join(usual, dir, "publish/trust.pem");
		if (err)
			return err;
		path = usual;
	}
	return input_read(cmd, path, TRUST_MAX, out);
}

static enum err
certificate_read(struct cmd *cmd, struct buf *out)
{
	const char *path = cmd_value(cmd, "certificate");
	_cleanup_buf_ struct buf text = BUF_INIT, all = BUF_INIT;
	enum err err;

	if (path == NULL)
		return ERR_OK;
	err = input_read(cmd, path, DOCUMENT_SIZE_MAX, &text);
	if (err)
		return err;
	if (text.len > 0 && text.ptr[0] == 0x30) {
		buf_put_bytes(out, buf_bytes(&text));
		return buf_err(out);
	}
	err = pem_get_all(buf_bytes(&text), "CERTIFICATE", &all, &cmd->diag);
	if (!err)
		buf_put(out, all.ptr + 4, get_be32(all.ptr));
	return err ? err : buf_err(out);
}

static enum err
question_right(struct cmd *cmd, struct imprint_question *question)
{
	const char *method = cmd_value(cmd, "method");
	unsigned bit = 0;

	question->object = cmd_value(cmd, "object");
	if ((method == NULL) != (question->object == NULL))
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "--object and --method belong together");
	if (method == NULL)
		return ERR_OK;
	if (permission_by_name(method, &bit) != ERR_OK)
		return diag_fail(&cmd->diag, ERR_INVALID, "RFC 9237 4",
		    "--method \"%s\": allowed are GET, POST, PUT, DELETE, "
		    "FETCH, PATCH, iPATCH", method);
	question->permissions = UINT32_C(1) << bit;
	return ERR_OK;
}

static void
step_print(void *ctx, const char *step, enum imprint_verdict verdict,
    const char *found)
{
	struct cmd *cmd = ctx;

	if (cmd->json)
		return;
	printf("  %-4s %-22s %s\n", verdict == IMPRINT_ALLOW ? "ok" : "NO",
	    step, found);
}

static void
answer_print(struct cmd *cmd, const struct imprint_answer *answer)
{
	char time[TIME_TEXT_SIZE];

	if (cmd->json) {
		printf("{\"verdict\": \"%s\", \"reason\": ",
		    imprint_verdict_name(answer->verdict));
		json_string(stdout, answer->reason, strlen(answer->reason));
		printf(", \"ueid\": \"");
		hex_print(stdout, bytes_of(answer->ueid, answer->ueid_len));
		time_format(answer->expires, time);
		printf("\", \"expires\": \"%s\"", time);
		time_format(answer->status_time, time);
		if (answer->status_time != 0)
			printf(", \"status_time\": \"%s\"}\n", time);
		else
			printf(", \"status_time\": null}\n");
		return;
	}
	printf("\nverdict: %s\n  %s\n", imprint_verdict_name(answer->verdict),
	    answer->reason);
}

/* CRLs and status lists, and how old they may be. */
static enum err
status_read(struct cmd *cmd, struct imprint_verifier *verifier)
{
	const char *paths[CMD_VALUES_MAX];
	char reason[IMPRINT_REASON_SIZE];
	uint64_t max_age = 0;
	size_t i, count;
	enum err err;
	int code;

	err = cmd_number(cmd, "max-age", 1, MAX_AGE_MAX, 0, &max_age);
	if (err)
		return err;
	if (max_age != 0 && imprint_verifier_require_status(verifier,
	    (int64_t)max_age) != IMPRINT_OK)
		return ERR_INTERNAL;
	count = cmd_values(cmd, "status", paths, CMD_VALUES_MAX);
	for (i = 0; i < count; i++) {
		_cleanup_buf_ struct buf data = BUF_INIT;

		err = input_read(cmd, paths[i], STATUS_MAX, &data);
		if (err)
			return err;
		code = imprint_verifier_add_status(verifier, data.len == 0 ?
		    (const void *)"" : data.ptr, data.len, reason,
		    sizeof(reason));
		if (code != IMPRINT_OK)
			return diag_fail(&cmd->diag, (enum err)code, NULL,
			    "--status %s: %s", paths[i], reason);
	}
	return ERR_OK;
}

static enum err
verify_run(struct cmd *cmd, const struct imprint_question *question,
    struct imprint_answer *answer)
{
	_cleanup_buf_ struct buf trust = { .limit = TRUST_MAX };
	struct imprint_verifier *verifier = NULL;
	char reason[IMPRINT_REASON_SIZE];
	enum err err;
	int code;

	err = trust_read(cmd, &trust);
	if (err)
		return err;
	code = imprint_verifier_new((const char *)trust.ptr, trust.len,
	    &verifier, reason, sizeof(reason));
	if (code != IMPRINT_OK)
		return diag_fail(&cmd->diag, (enum err)code, NULL,
		    "trust: %s", reason);
	err = status_read(cmd, verifier);
	if (!err)
		code = imprint_verify_explain(verifier, question, step_print,
		    cmd, answer);
	imprint_verifier_free(verifier);
	if (err)
		return err;
	if (code != IMPRINT_OK)
		return diag_fail(&cmd->diag, (enum err)code, NULL,
		    "could not decide: %s", imprint_error_name(code));
	return ERR_OK;
}

enum exit_code
identity_verify_cmd(struct cmd *cmd)
{
	_cleanup_buf_ struct buf document = BUF_INIT, certificate = BUF_INIT;
	struct imprint_question question = { .now = time_now() };
	const char *time = cmd_value(cmd, "time");
	struct imprint_answer answer;
	enum err err;

	if (cmd->argc != 1)
		return cmd_usage(cmd, "which document?");
	err = input_read(cmd, cmd->argv[0], DOCUMENT_SIZE_MAX, &document);
	if (!err)
		err = certificate_read(cmd, &certificate);
	if (!err)
		err = question_right(cmd, &question);
	if (!err && time != NULL) {
		err = time_parse(time, &question.now);
		if (err)
			err = diag_fail(&cmd->diag, err, "RFC 3339 5.6",
			    "--time \"%s\": as 2026-11-22T12:00:00Z", time);
	}
	if (err)
		return cmd_fail(cmd, err);
	question.document = document.ptr;
	question.document_len = document.len;
	question.certificate = certificate.ptr;
	question.certificate_len = certificate.len;
	err = verify_run(cmd, &question, &answer);
	if (err)
		return cmd_fail(cmd, err);
	answer_print(cmd, &answer);
	return answer.verdict == IMPRINT_ALLOW ? EXIT_OK : EXIT_REFUSED;
}
