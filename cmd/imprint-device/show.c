#include "cmd/imprint-device/agent.h"

#define LABEL	"%-14s"

static void
line_text(const char *label, struct imprint_bytes text)
{
	if (text.len == 0)
		return;
	printf(LABEL, label);
	agent_put_text(stdout, text);
	printf("\n");
}

static void
line_time(const char *label, int64_t t)
{
	printf(LABEL, label);
	agent_put_time(stdout, t);
	printf("\n");
}

static void
show_product(const struct imprint_device_identity *id)
{
	printf(LABEL, "hardware");
	agent_put_text(stdout, id->hwmodel);
	printf(" ");
	agent_put_text(stdout, id->hwversion);
	printf("\n");
	if (id->swname.len > 0) {
		printf(LABEL, "software");
		agent_put_text(stdout, id->swname);
		printf(" ");
		agent_put_text(stdout, id->swversion);
		printf("\n");
	}
	if (id->oemid != 0)
		printf(LABEL "enterprise %lu\n", "manufacturer",
		    (unsigned long)id->oemid);
}

static void
show_names(const struct imprint_device_identity *id)
{
	struct imprint_bytes kind, text;
	size_t i;

	for (i = 0; imprint_device_name_at(id, i, &kind, &text); i++) {
		printf(LABEL, i == 0 ? "names" : "");
		agent_put_text(stdout, kind);
		printf(" ");
		agent_put_text(stdout, text);
		printf("\n");
	}
}

static void
show_rights(const struct imprint_device_identity *id)
{
	struct imprint_device_object o;
	size_t i;

	for (i = 0; imprint_device_object_at(id, i, &o); i++) {
		printf(LABEL, i == 0 ? "rights" : "");
		agent_put_text(stdout, o.object);
		printf(": ");
		agent_put_permissions(stdout, o.effective);
		if (o.effective != o.capable) {
			printf(" (able, but not authorised: ");
			agent_put_permissions(stdout,
			    o.capable & ~o.effective);
			printf(")");
		}
		printf("\n");
	}
}

static void
show_keys(const struct agent *agent)
{
	const struct imprint_device_identity *id = &agent->device.identity;
	const struct imprint_device_key *k;
	size_t i;

	for (i = 0; i < id->key_count; i++) {
		k = &id->keys[i];
		printf(LABEL "slot %u: %s, %s, %s, made by the %s%s\n",
		    i == 0 ? "keys" : "", k->slot,
		    imprint_device_purpose_name(k->purpose),
		    imprint_device_alg_name(k->public_key.alg),
		    k->certificate.len > 0 ? "certificate" : "bare key",
		    imprint_device_maker_name(k->maker),
		    k->private_key.len > 0 ? ", private key here" :
		    agent->device.report.step[IMPRINT_DEVICE_STEP_KEYS] ==
		    IMPRINT_DEVICE_ACCEPT ? ", private key in the key store" :
		    "");
	}
}

static void
show_anchors(const struct imprint_device_identity *id)
{
	struct imprint_bytes purpose, hash;
	size_t i;

	for (i = 0; imprint_device_anchor_at(id, i, &purpose, &hash); i++) {
		printf(LABEL, i == 0 ? "trusts" : "");
		agent_put_text(stdout, purpose);
		if (hash.len > 0) {
			printf(": certificate ");
			agent_put_hex(stdout, hash);
			printf("\n");
		} else
			printf(": a key\n");
	}
}

static void
show_signature(const struct imprint_device_identity *id)
{
	const struct imprint_device_receipt *r = &id->receipt;

	if (!r->present)
		printf(LABEL "direct\n", "signature");
	else
		printf(LABEL "receipt: number %lu of %lu identities, from"
		    " index %llu\n", "signature", (unsigned long)r->leaf + 1,
		    (unsigned long)r->size, (unsigned long long)r->first);
}

static void
show_text(const struct agent *agent)
{
	const struct imprint_device_identity *id = &agent->device.identity;
	const struct imprint_device_report *report = &agent->device.report;

	printf(LABEL, "UEID");
	agent_put_hex(stdout, id->ueid);
	printf("\n");
	line_text("issuer", id->issuer);
	line_time("issued", id->issued);
	line_time("expires", report->expires);
	show_product(id);
	show_names(id);
	show_rights(id);
	show_keys(agent);
	show_anchors(id);
	show_signature(id);
	printf(LABEL "%s%s%s\n", "verdict",
	    imprint_device_verdict_name(report->verdict),
	    report->reason[0] != '\0' ? ": " : "", report->reason);
}

static void
json_text(const char *label, struct imprint_bytes text)
{
	printf(", \"%s\": ", label);
	json_string(stdout, text.len > 0 ? (const char *)text.ptr : "",
	    text.len);
}

static void
json_permissions(const char *label, uint32_t bits)
{
	const char *between = "";
	unsigned i;

	printf("\"%s\": [", label);
	for (i = 0; i < IMPRINT_DEVICE_PERMISSIONS; i++) {
		if ((bits >> i & 1) == 0)
			continue;
		printf("%s\"%s\"", between, imprint_device_permission_name(
		    (enum imprint_device_permission)i));
		between = ", ";
	}
	printf("]");
}

static void
json_rights(const struct imprint_device_identity *id)
{
	struct imprint_device_object o;
	size_t i;

	printf(", \"rights\": {");
	for (i = 0; imprint_device_object_at(id, i, &o); i++) {
		printf("%s", i > 0 ? ", " : "");
		json_string(stdout, (const char *)o.object.ptr,
		    o.object.len);
		printf(": {");
		json_permissions("effective", o.effective);
		printf(", ");
		json_permissions("capable", o.capable);
		printf("}");
	}
	printf("}");
}

static void
json_names(const struct imprint_device_identity *id)
{
	struct imprint_bytes kind, text;
	size_t i;

	printf(", \"names\": {");
	for (i = 0; imprint_device_name_at(id, i, &kind, &text); i++) {
		printf("%s", i > 0 ? ", " : "");
		json_string(stdout, (const char *)kind.ptr, kind.len);
		printf(": ");
		json_string(stdout, (const char *)text.ptr, text.len);
	}
	printf("}");
}

static void
json_keys(const struct imprint_device_identity *id)
{
	const struct imprint_device_key *k;
	size_t i;

	printf(", \"keys\": [");
	for (i = 0; i < id->key_count; i++) {
		k = &id->keys[i];
		printf("%s{\"slot\": %u, \"purpose\": \"%s\","
		    " \"algorithm\": \"%s\", \"maker\": \"%s\","
		    " \"certificate\": %s, \"public\": \"",
		    i > 0 ? ", " : "", k->slot,
		    imprint_device_purpose_name(k->purpose),
		    imprint_device_alg_name(k->public_key.alg),
		    imprint_device_maker_name(k->maker),
		    k->certificate.len > 0 ? "true" : "false");
		if (k->public_key.y.len > 0)
			printf("04");	/* a point (SEC 1 2.3.3) */
		agent_put_hex(stdout, k->public_key.x);
		agent_put_hex(stdout, k->public_key.y);
		printf("\"}");
	}
	printf("]");
}

static void
json_signature(const struct imprint_device_identity *id)
{
	const struct imprint_device_receipt *r = &id->receipt;

	printf(", \"signature\": {\"mode\": \"%s\"",
	    r->present ? "receipt" : "direct");
	if (r->present)
		printf(", \"first\": %llu, \"size\": %lu, \"leaf\": %lu",
		    (unsigned long long)r->first, (unsigned long)r->size,
		    (unsigned long)r->leaf);
	printf("}");
}

static void
show_json(const struct agent *agent)
{
	const struct imprint_device_identity *id = &agent->device.identity;
	const struct imprint_device_report *report = &agent->device.report;

	printf("{\"ueid\": \"");
	agent_put_hex(stdout, id->ueid);
	printf("\"");
	json_text("issuer", id->issuer);
	printf(", \"issued\": %lld, \"expires\": %lld",
	    (long long)id->issued, (long long)report->expires);
	json_text("hwmodel", id->hwmodel);
	json_text("hwversion", id->hwversion);
	json_text("swname", id->swname);
	json_text("swversion", id->swversion);
	json_names(id);
	json_rights(id);
	json_keys(id);
	json_signature(id);
	printf(", ");
	agent_json_report(report);
	printf("}\n");
}

static enum exit_code
document_write(struct cmd *cmd, const struct imprint_device_identity *id)
{
	size_t n = fwrite(id->document.ptr, 1, id->document.len, stdout);

	if (n == id->document.len && fflush(stdout) == 0)
		return EXIT_OK;
	return cmd_fail(cmd, diag_fail(&cmd->diag, ERR_IO, NULL,
	    "standard output: cannot be written"));
}

enum exit_code
agent_show(struct cmd *cmd)
{
	_cleanup_agent_ struct agent agent = AGENT_INIT;
	enum err err;

	if (cmd->argc > 0)
		return cmd_usage(cmd, "show takes no arguments");
	err = agent_open(cmd, &agent);
	if (!err)
		err = agent_load(cmd, &agent);
	if (err)
		return cmd_fail(cmd, err);
	if (agent.device.report.step[IMPRINT_DEVICE_STEP_FORM] !=
	    IMPRINT_DEVICE_ACCEPT) {
		agent_refuse(cmd, &agent.device.report,
		    agent.device.record);
		return EXIT_DAMAGED;
	}
	if (cmd_flag(cmd, "document"))
		return document_write(cmd, &agent.device.identity);
	if (cmd->json)
		show_json(&agent);
	else
		show_text(&agent);
	return EXIT_OK;
}
