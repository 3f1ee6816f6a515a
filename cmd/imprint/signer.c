#include "cmd/imprint/daemon.h"
#include "lib/authority/signer.h"
#include "lib/base/clock.h"

static void
signer_print(struct cmd *cmd, const struct authority_signer *signer,
    bool current)
{
	if (cmd->json)
		printf("%s{\"number\": %u, \"name\": \"%s\", \"signs\": %s, "
		    "\"thumbprint\": \"", signer->number > 1 ? ", " : "",
		    signer->number, signer->name, current ? "true" : "false");
	else
		printf("%3u  %-13s %-6s ", signer->number, signer->name,
		    current ? "signs" : "");
	hex_print(stdout, bytes_of(signer->kid, COSE_KID_SIZE));
	printf(cmd->json ? "\"}" : "\n");
}

static enum err
signers_print(struct cmd *cmd, struct authority *authority)
{
	struct authority_signer current, signer;
	uint64_t left = 0;
	uint32_t number;
	enum err err;

	err = signer_current(authority, &current, &cmd->diag);
	if (!err)
		err = signer_renew_left(authority, &left, &cmd->diag);
	if (err)
		return err;
	printf(cmd->json ? "{\"signers\": [" : "");
	for (number = 1; !err && number <= current.number; number++) {
		err = signer_get(authority, number, &signer, &cmd->diag);
		if (!err)
			signer_print(cmd, &signer, number == current.number);
	}
	if (cmd->json)
		printf("], \"receipts_left\": %llu}\n",
		    (unsigned long long)left);
	else if (left > 0)
		printf("%llu receipts are still an earlier signer's: imprint "
		    "document-signer renew\n", (unsigned long long)left);
	return err;
}

enum exit_code
signer_list_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	enum err err;

	if (cmd->argc > 0)
		return cmd_usage(cmd, "no arguments are taken");
	err = ecosystem_open(cmd, AUTHORITY_READ, false, &authority);
	if (!err)
		err = signers_print(cmd, authority);
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}

static void
renew_progress(void *ctx, uint64_t done)
{
	progress_update(ctx, done);
}

static bool
renew_stop(void *ctx)
{
	(void)ctx;
	return interrupt_requested();
}

/* Said before anybody is asked for a signature. */
static void
intent_print(struct cmd *cmd, const struct authority_signer *signer,
    bool finishing, uint64_t left)
{
	if (cmd->json)
		return;
	if (finishing)
		printf("finishing document signer %u: %llu receipts are still"
		    " an earlier signer's\n", signer->number,
		    (unsigned long long)left);
	else
		printf("document signer %u has all receipts and is in "
		    "trust.pem: making document signer %u\n", signer->number,
		    signer->number + 1);
	(void)fflush(stdout);
}

/* A new signer, unless one is not published or receipts are an earlier
 * one's. */
static enum err
signer_request(struct cmd *cmd, struct authority *authority,
    bool *ret_finishing)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct authority_signer signer;
	bool published = false;
	uint64_t left = 0;
	enum err err;

	err = signer_published(authority, &published, &cmd->diag);
	if (!err)
		err = signer_renew_left(authority, &left, &cmd->diag);
	if (!err)
		err = signer_current(authority, &signer, &cmd->diag);
	if (err)
		return err;
	*ret_finishing = !published || left > 0;
	intent_print(cmd, &signer, *ret_finishing, left);
	if (*ret_finishing)
		return ERR_OK;
	err = request_put_signer(&body, signer.number + 1);
	return err ? err : request_submit(cmd, authority, REQUEST_SIGNER_NEW,
	    buf_bytes(&body), &result);
}

static enum err
receipts_renew(struct cmd *cmd, struct authority *authority,
    uint64_t *ret_signed)
{
	struct signer_renewal renewal = { .progress = renew_progress,
	    .stop = renew_stop, .now = time_now() };
	struct progress progress;
	uint64_t left = 0;
	enum err err;

	err = signer_renew_left(authority, &left, &cmd->diag);
	if (err)
		return err;
	interrupt_catch();
	progress_start(&progress, "signing", "receipts", 0, left);
	renewal.ctx = &progress;
	err = daemon_there() ? daemon_signer_renew(authority, &renewal, left,
	    &cmd->diag) : signer_renew(authority, &renewal, &cmd->diag);
	progress_end(&progress);
	*ret_signed = left;
	return err;
}

static void
renewed_print(struct cmd *cmd, struct authority *authority,
    const struct authority_signer *signer, bool finishing, uint64_t count)
{
	if (cmd->json) {
		printf("{\"number\": %u, \"thumbprint\": \"", signer->number);
		hex_print(stdout, bytes_of(signer->kid, COSE_KID_SIZE));
		printf("\", \"finished\": %s, \"receipts\": %llu}\n",
		    finishing ? "true" : "false", (unsigned long long)count);
		return;
	}
	printf("%s document signer %u, thumbprint ", finishing ?
	    "finished what was begun with" : "new", signer->number);
	hex_print(stdout, bytes_of(signer->kid, COSE_KID_SIZE));
	printf("\n%llu receipts signed by it; documents signed directly keep "
	    "their signer\nnext: give %s/publish/trust.pem to stations "
	    "(imprint-station trust FILE) and services\n",
	    (unsigned long long)count, authority_dir(authority));
}

enum exit_code
signer_renew_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	struct authority_signer signer;
	bool finishing = false;
	uint64_t count = 0;
	enum err err;

	if (cmd->argc > 0)
		return cmd_usage(cmd, "no arguments are taken");
	err = ecosystem_open_requests(cmd, &authority);
	if (!err)
		err = signer_request(cmd, authority, &finishing);
	if (!err)
		err = receipts_renew(cmd, authority, &count);
	if (!err)
		err = signer_current(authority, &signer, &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	renewed_print(cmd, authority, &signer, finishing, count);
	return EXIT_OK;
}
