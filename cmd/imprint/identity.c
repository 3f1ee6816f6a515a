#include <stdlib.h>

#include "cmd/imprint/imprint.h"
#include "lib/authority/claim.h"
#include "lib/authority/devices.h"
#include "lib/authority/field.h"
#include "lib/authority/signer.h"
#include "lib/authority/status.h"
#include "lib/base/clock.h"
#include "lib/identity/document.h"
#include "lib/x509/certificate.h"

/* What a lookup gives, for the printing functions. */
struct shown {
	struct identity		 identity;
	struct store_range	 range;
	const struct template	*template;
	struct store_log	 log;
	enum status		 status;
	struct store_status	 since;		/* unless it is valid */
};

static void
status_print(enum status status, const struct store_status *since, bool json)
{
	const char *reason;
	char time[TIME_TEXT_SIZE];

	printf(json ? "\"status\": \"%s\"" : "%s", status_name(status));
	if (status == STATUS_VALID)
		return;
	time_format(since->time, time);
	reason = crl_reason_name((enum crl_reason)since->reason);
	printf(json ? ", \"since\": \"%s\", \"reason\": \"%s\"" :
	    " since %s, %s", time, reason != NULL ? reason : "?");
	if (json)
		printf(", \"operation\": %llu",
		    (unsigned long long)since->operation);
}

static enum err
show_get(struct authority *authority, struct lookup *lookup,
    const struct address *address, struct shown *shown, struct diag *diag)
{
	_cleanup_buf_ struct buf frontier = BUF_INIT, note = BUF_INIT;
	enum err err;

	err = lookup_get(lookup, address, &shown->identity, &shown->range,
	    &shown->template, diag);
	if (!err)
		err = store_log_get(authority_store(authority), address->log,
		    &shown->log, &frontier, &note, diag);
	if (!err)
		err = status_get(authority, address->log, address->index,
		    &shown->status, &shown->since, diag);
	return err;
}

static void
place_print_text(const struct shown *shown)
{
	char time[TIME_TEXT_SIZE];

	time_format(shown->range.issued, time);
	printf("Identity %s/%llu\n  issued           %s, order %u, pack %u\n"
	    "  stored bytes     rebuild to what was logged: yes\n"
	    "  status           ", shown->log.name,
	    (unsigned long long)shown->identity.index, time,
	    shown->range.order, shown->range.pack);
	status_print(shown->status, &shown->since, false);
	printf("\n");
}

static void
place_print_json(const struct shown *shown)
{
	char time[TIME_TEXT_SIZE];

	time_format(shown->range.issued, time);
	printf("\"log\": \"%s\", \"index\": %llu, \"issued\": \"%s\", "
	    "\"order\": %u, \"pack\": %u, ", shown->log.name,
	    (unsigned long long)shown->identity.index, time,
	    shown->range.order, shown->range.pack);
	status_print(shown->status, &shown->since, true);
	printf(", \"leaf\": \"");
	hex_print(stdout, bytes_of(shown->identity.leaf, SHA256_SIZE));
	printf("\", \"identity\": ");
}

static enum err
document_print(struct cmd *cmd, struct authority *authority,
    const struct shown *shown, bool json)
{
	const struct address address = { shown->range.log,
	    shown->identity.index };
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct document document;
	enum err err;

	err = document_parse(shown->identity.document, &document, &cmd->diag);
	if (err)
		return err;
	if (json)
		document_put_json(&text, &document);
	else
		document_put_text(&text, &document);
	err = buf_err(&text);
	if (err)
		return err;
	cmd->json = json;
	if (!json)
		place_print_text(shown);
	err = identity_history_print(cmd, authority, &address,
	    &shown->range);
	if (err)
		return err;
	if (json)
		place_print_json(shown);
	(void)fwrite(text.ptr, 1, text.len, stdout);
	printf(json ? "}\n" : "");
	return ERR_OK;
}

enum err
identity_certificate_print(struct cmd *cmd, uint64_t index, uint64_t slot,
    struct bytes der, bool pem)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (der.len == 0)
		return diag_fail(&cmd->diag, ERR_NOTFOUND, NULL,
		    "identity %llu: slot %llu has no certificate",
		    (unsigned long long)index, (unsigned long long)slot);
	if (pem) {
		pem_put(&text, "CERTIFICATE", der);
		der = buf_bytes(&text);
	}
	(void)fwrite(der.ptr, 1, der.len, stdout);
	return buf_err(&text);
}

static struct bytes
certificate_of(const struct shown *shown, uint64_t slot)
{
	size_t i;

	for (i = 0; i < shown->template->slot_count; i++)
		if (shown->template->slots[i].slot == slot)
			return shown->identity.certificate[i];
	return BYTES_NONE;
}

static enum err
form_print(struct cmd *cmd, struct authority *authority,
    const struct shown *shown)
{
	const char *form = cmd_value(cmd, "format");
	struct bytes document = shown->identity.document;
	uint64_t slot = 0;
	enum err err;

	if (form == NULL)
		form = cmd->json ? "json" : "text";
	err = cmd_number(cmd, "slot", 0, SLOT_MAX, 0, &slot);
	if (err)
		return err;
	if (strcmp(form, "text") == 0 || strcmp(form, "json") == 0)
		return document_print(cmd, authority, shown,
		    form[0] == 'j');
	if (strcmp(form, "pem") == 0 || strcmp(form, "der") == 0)
		return identity_certificate_print(cmd, shown->identity.index,
		    slot, certificate_of(shown, slot), form[0] == 'p');
	if (strcmp(form, "cose") == 0) {
		(void)fwrite(document.ptr, 1, document.len, stdout);
		return ERR_OK;
	}
	return diag_fail(&cmd->diag, ERR_INVALID, NULL,
	    "--format \"%s\": allowed are text, json, cose, pem, der", form);
}

enum exit_code
identity_show_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_lookup_ struct lookup *lookup = NULL;
	enum address_kind kind;
	struct address address;
	struct shown shown;
	uint64_t signer = 0;
	enum err err;

	if (cmd->argc != 1)
		return cmd_usage(cmd, "which identity?");
	err = cmd_number(cmd, "signer", 1, SIGNERS_MAX, 0, &signer);
	if (!err)
		err = ecosystem_open(cmd, AUTHORITY_READ, true, &authority);
	if (!err)
		err = lookup_find(authority, cmd->argv[0], &address, &kind,
		    &cmd->diag);
	if (!err)
		err = lookup_new(authority, &lookup, &cmd->diag);
	if (!err)
		lookup_generation(lookup, (uint32_t)signer);
	if (!err)
		err = show_get(authority, lookup, &address, &shown,
		    &cmd->diag);
	if (!err)
		err = form_print(cmd, authority, &shown);
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}

enum exit_code
identity_find_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_lookup_ struct lookup *lookup = NULL;
	enum address_kind kind;
	struct address address;
	struct shown shown;
	enum err err;
	int i;

	if (cmd->argc == 0)
		return cmd_usage(cmd, "what is to be found?");
	err = ecosystem_open(cmd, AUTHORITY_READ, true, &authority);
	if (!err)
		err = lookup_new(authority, &lookup, &cmd->diag);
	for (i = 0; i < cmd->argc && !err; i++) {
		err = lookup_find(authority, cmd->argv[i], &address, &kind,
		    &cmd->diag);
		if (!err)
			err = show_get(authority, lookup, &address, &shown,
			    &cmd->diag);
		if (err)
			break;
		if (cmd->json)
			printf("{\"kind\": \"%s\", \"log\": \"%s\", \"index\":"
			    " %llu, \"ueid\": \"%s\", \"order\": %u, ",
			    address_kind_name(kind), shown.log.name,
			    (unsigned long long)address.index,
			    shown.identity.ueid_hex, shown.range.order);
		else
			printf("%s is the %s of %s/%llu, UEID %s, order %u, ",
			    cmd->argv[i], address_kind_name(kind),
			    shown.log.name,
			    (unsigned long long)address.index,
			    shown.identity.ueid_hex, shown.range.order);
		status_print(shown.status, &shown.since, cmd->json);
		printf(cmd->json ? "}\n" : "\n");
	}
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}

struct listing {
	struct cmd		*cmd;
	struct authority	*authority;
	struct lookup		*lookup;
	uint64_t		 from, left, printed;
	bool			 codes;		/* claim codes too */
	bool			 listed;	/* the range: with a list, */
	uint64_t		 entry;		/* from this entry on */
};

static void
row_names(const struct identity *identity, const struct template *template,
    bool json)
{
	size_t i;

	for (i = 0; i < template->name_count; i++) {
		if (identity->name[i] == NULL)	/* the line's: not known */
			continue;
		if (!json) {
			printf("  %s", identity->name[i]);
			continue;
		}
		printf(", \"%s\": ", template->names[i].kind);
		json_string(stdout, identity->name[i],
		    strlen(identity->name[i]));
	}
}

/* Of the device that was born with it. */
static enum err
row_code(struct listing *list, const struct address *address)
{
	char code[CLAIM_CODE_SIZE];
	struct address birth;
	enum err err;

	err = field_birth(list->authority, address, &birth, &list->cmd->diag);
	if (!err)
		err = claim_code(list->authority, &birth, code,
		    &list->cmd->diag);
	if (!err)
		printf(list->cmd->json ? ", \"claim_code\": \"%s\"" : "  %s",
		    code);
	return err;
}

static enum err
row_print(struct listing *list, const struct identity *identity,
    const struct template *template, const struct store_range *range)
{
	struct address address = { range->log, identity->index };
	uint64_t entry = list->entry + (identity->index - range->first) + 1;
	struct store_status since;
	enum status status;
	enum err err;

	err = status_get(list->authority, range->log, identity->index,
	    &status, &since, &list->cmd->diag);
	if (err)
		return err;
	if (list->cmd->json) {
		printf("%s\n  {\"index\": %llu, \"ueid\": \"%s\", \"order\": "
		    "%u", list->printed ? "," : "",
		    (unsigned long long)identity->index, identity->ueid_hex,
		    range->order);
		if (list->listed)
			printf(", \"entry\": %llu",
			    (unsigned long long)entry);
		row_names(identity, template, true);
		if (list->codes)
			err = row_code(list, &address);
		printf(", ");
		status_print(status, &since, true);
		printf("}");
	} else {
		printf("%12llu  %s  order %u",
		    (unsigned long long)identity->index, identity->ueid_hex,
		    range->order);
		if (list->listed)
			printf(", entry %llu", (unsigned long long)entry);
		row_names(identity, template, false);
		if (list->codes)
			err = row_code(list, &address);
		if (status != STATUS_VALID) {
			printf("  ");
			status_print(status, &since, false);
		}
		printf("\n");
	}
	list->printed++;
	return err;
}

static enum err
range_list(void *ctx, const struct store_range *range)
{
	struct listing *list = ctx;
	const struct template *template;
	struct store_range found;
	struct identity identity;
	struct address address;
	uint32_t i;
	enum err err;

	if (list->left == 0)
		return ERR_OK;
	err = devices_entry(list->authority, range, &list->entry,
	    &list->cmd->diag);
	list->listed = err == ERR_OK;
	err = err == ERR_NOTFOUND ? ERR_OK : err;
	for (i = 0; i < range->count && list->left > 0 && !err; i++) {
		address = (struct address){ range->log, range->first + i };
		if (address.index < list->from)
			continue;
		err = lookup_get(list->lookup, &address, &identity, &found,
		    &template, &list->cmd->diag);
		if (err)
			break;
		err = row_print(list, &identity, template, &found);
		list->left--;
	}
	return err;
}

enum exit_code
identity_list_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_lookup_ struct lookup *lookup = NULL;
	struct listing list = { .cmd = cmd,
	    .codes = cmd_flag(cmd, "claim-codes") };
	const char *name = cmd_value(cmd, "log");
	struct store_log log;
	uint64_t order = 0;
	enum err err;

	err = cmd_number(cmd, "order", 1, UINT32_MAX, 0, &order);
	if (!err)
		err = cmd_number(cmd, "from", 0, INDEX_MAX, 0, &list.from);
	if (!err)
		err = cmd_number(cmd, "count", 1, UINT32_MAX, 100,
		    &list.left);
	if (!err)
		err = ecosystem_open(cmd, AUTHORITY_READ, true, &authority);
	if (!err)
		err = store_log_by_name(authority_store(authority),
		    name != NULL ? name : LOG_BULK, &log, &cmd->diag);
	if (!err)
		err = lookup_new(authority, &lookup, &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	list.authority = authority;
	list.lookup = lookup;
	printf(cmd->json ? "[" : "");
	err = store_range_each(authority_store(authority), log.log,
	    (uint32_t)order, RANGE_COMMITTED, range_list, &list, &cmd->diag);
	printf(cmd->json ? "\n]\n" : "");
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}
