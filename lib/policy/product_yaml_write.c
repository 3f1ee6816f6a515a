#include "lib/policy/product_yaml.h"
#include "lib/policy/product_yaml_internal.h"

/* Double-quoted: rule_text() leaves only these two to be escaped. */
void
quoted_put(struct buf *out, const char *text)
{
	buf_put_u8(out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			buf_put_u8(out, '\\');
		buf_put_u8(out, (uint8_t)*text);
	}
	buf_put_u8(out, '"');
}

static void
metadata_put(struct buf *out, const char *key, const char *text)
{
	if (text[0] == '\0')
		return;
	buf_printf(out, "  %s: ", key);
	quoted_put(out, text);
	buf_put_u8(out, '\n');
}

static void
validity_put(struct buf *out, const char *key, int years)
{
	if (years == PRODUCT_NEVER)
		buf_printf(out, "%s: never\n", key);
	else
		buf_printf(out, "%s: %d year%s\n", key, years,
		    years == 1 ? "" : "s");
}

static void
objects_put(struct buf *out, const char *key,
    const struct product_object *objects, size_t count)
{
	const char *comma;
	unsigned bit;
	size_t i;

	buf_printf(out, "\n%s:%s\n", key, count == 0 ? " {}" : "");
	for (i = 0; i < count; i++) {
		buf_put(out, "  ", 2);
		quoted_put(out, objects[i].object);
		buf_put(out, ": [", 3);
		comma = "";
		for (bit = 0; bit < PERMISSION_COUNT; bit++) {
			if ((objects[i].bits & 1u << bit) == 0)
				continue;
			buf_printf(out, "%s%s", comma, permission_name(bit));
			comma = ", ";
		}
		buf_put(out, "]\n", 2);
	}
}

static void
omit_put(struct buf *out, unsigned with)
{
	static const struct {
		unsigned	part;
		const char	*word;
	} parts[] = {
		{ CERT_WITH_SKI, "ski" }, { CERT_WITH_AKI, "aki" },
		{ CERT_WITH_CRL, "crl" }, { CERT_WITH_AIA, "aia" },
		{ CERT_WITH_EKU, "eku" },
	};
	const char *comma = "";
	size_t i;

	if (with == CERT_WITH_ALL)
		return;
	buf_printf(out, "      omit: [");
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if ((with & parts[i].part) != 0)
			continue;
		buf_printf(out, "%s%s", comma, parts[i].word);
		comma = ", ";
	}
	buf_put(out, "]\n", 2);
}

static void
credentials_put(struct buf *out, const struct product *p)
{
	const struct product_credential *c = p->credentials;
	size_t i;

	buf_printf(out, "\ncredentials:\n");
	for (i = 0; i < p->credential_count; i++, c++) {
		buf_printf(out, "  - slot: %u\n    purpose: %s\n"
		    "    algorithm: %s\n    key-from: %s\n", c->slot,
		    purpose_name(c->purpose), key_alg_name(c->alg),
		    maker_name(c->maker));
		if (!c->certificate)
			continue;
		buf_printf(out, "    certificate:\n");
		validity_put(out, "      validity", c->validity_years);
		omit_put(out, c->with);
	}
}

static enum err
anchors_put(struct buf *out, const struct product *p)
{
	const struct product_anchor *a = p->anchors;
	_cleanup_buf_ struct buf der = BUF_INIT;
	enum err err;
	size_t i;

	if (p->anchor_count == 0)
		return ERR_OK;
	buf_printf(out, "\ntrust-anchors:\n");
	for (i = 0; i < p->anchor_count; i++, a++) {
		if (!a->is_key) {
			buf_printf(out, "  \"%s\": root\n", a->purpose);
			continue;
		}
		buf_clear(&der);
		public_key_put_spki(&der, &a->public_key);
		err = buf_err(&der);
		if (err)
			return err;
		buf_printf(out, "  \"%s\":\n    key: \"", a->purpose);
		buf_put_base64(out, buf_bytes(&der));
		buf_put(out, "\"\n", 2);
	}
	return ERR_OK;
}

enum err
product_yaml_write(const struct product *p, struct buf *out)
{
	enum err err;

	err = product_check(p, NULL);
	if (err)
		return err;
	buf_printf(out, "product: \"%s\"\nversion: \"%s\"\n", p->name,
	    p->version);
	buf_printf(out, "\nmetadata:\n");
	metadata_put(out, "manufacturer", p->manufacturer);
	if (p->oemid != 0)
		buf_printf(out, "  oemid: %u\n", p->oemid);
	metadata_put(out, "hwmodel", p->hwmodel);
	metadata_put(out, "hwversion", p->hwversion);
	metadata_put(out, "swname", p->swname);
	metadata_put(out, "swversion", p->swversion);
	objects_put(out, "capabilities", p->capabilities,
	    p->capability_count);
	objects_put(out, "authorisations", p->authorisations,
	    p->authorisation_count);
	credentials_put(out, p);
	names_write(out, p);
	err = anchors_put(out, p);
	if (err)
		return err;
	buf_printf(out, "\ndocument:\n  signature: %s\n",
	    product_signature_name(p->signature));
	validity_put(out, "  validity", p->document_validity_years);
	buf_printf(out, "\ndelivery: station\n");
	if (p->evidence != INJECTION_UNPROVEN)
		buf_printf(out, "evidence: %s\n",
		    product_evidence_name(p->evidence));
	target_write(out, p);
	if (p->field.bootstrap[0] != '\0') {
		buf_printf(out, "field:\n  %s: \"%s\"\n"
		    "  attempts: %u\n", p->field.devices > 0 ?
		    "manufacturer" : "bootstrap", p->field.bootstrap,
		    p->field.attempts);
		if (p->field.devices > 0)
			buf_printf(out, "  devices: %u\n",
			    p->field.devices);
		if (p->field.grace_days > 0)
			buf_printf(out, "  grace-days: %u\n",
			    p->field.grace_days);
		if (p->field.est > 0)
			buf_printf(out, "  est: %u\n", p->field.est);
		if (p->field.claim)
			buf_printf(out, "  claim: required\n");
		if (p->field.supersedes)
			buf_printf(out, "  birth: superseded\n");
	}
	return buf_err(out);
}
