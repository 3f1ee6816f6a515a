/* An identity in its forms, by way of a server. */
#include <string.h>

#include "cmd/imprint/remote_document.h"
#include "cmd/imprint/remote_rows.h"
#include "lib/authority/signer.h"
#include "lib/x509/certificate.h"

static struct bytes
certificate_of(const struct remote_document *d, uint64_t slot)
{
	size_t i;

	for (i = 0; i < d->document.key_count; i++)
		if (d->document.keys[i].slot == slot)
			return d->document.keys[i].certificate;
	return BYTES_NONE;
}

/* What it says itself: the rest, identity show without --format tells. */
static enum err
document_print(const struct remote_document *d, bool json)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	const char *log = d->address.log == LOG_ONLINE_NUMBER ? LOG_ONLINE :
	    LOG_BULK;
	enum err err;

	if (json)
		document_put_json(&text, &d->document);
	else
		document_put_text(&text, &d->document);
	err = buf_err(&text);
	if (err)
		return err;
	printf(json ? "{\"log\": \"%s\", \"index\": %llu, \"identity\": " :
	    "Identity %s/%llu\n", log, (unsigned long long)d->address.index);
	(void)fwrite(text.ptr, 1, text.len, stdout);
	printf(json ? "}\n" : "");
	return ERR_OK;
}

static enum err
form_print(struct cmd *cmd, const struct remote_document *d,
    const char *form, uint64_t slot)
{
	if (strcmp(form, "text") == 0 || strcmp(form, "json") == 0)
		return document_print(d, form[0] == 'j');
	if (strcmp(form, "pem") == 0 || strcmp(form, "der") == 0)
		return identity_certificate_print(cmd, d->address.index, slot,
		    certificate_of(d, slot), form[0] == 'p');
	if (strcmp(form, "cose") == 0) {
		(void)fwrite(d->encoded.ptr, 1, d->encoded.len, stdout);
		return ERR_OK;
	}
	return diag_fail(&cmd->diag, ERR_INVALID, NULL,
	    "--format \"%s\": allowed are text, json, cose, pem, der", form);
}

enum exit_code
remote_identity_form(struct cmd *cmd)
{
	_cleanup_remote_document_ struct remote_document d =
	    REMOTE_DOCUMENT_INIT;
	_cleanup_remote_trust_ struct remote_trust trust = REMOTE_TRUST_INIT;
	const char *form = cmd_value(cmd, "format");
	uint64_t signer = 0, slot = 0;
	enum err err;

	if (form == NULL)
		form = cmd->json ? "json" : "text";
	err = cmd_number(cmd, "signer", 1, SIGNERS_MAX, 0, &signer);
	if (!err)
		err = cmd_number(cmd, "slot", 0, SLOT_MAX, 0, &slot);
	if (!err)
		err = remote_open(cmd);
	if (!err)
		err = remote_trust_open(cmd, &trust);
	if (!err)
		err = remote_document_get(cmd, &trust, cmd->argv[0],
		    (uint32_t)signer, false, &d);
	if (!err)
		err = form_print(cmd, &d, form, slot);
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}
