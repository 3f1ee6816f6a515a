#include "lib/identity/rendering_internal.h"

#include "lib/x509/certificate.h"

static enum err
document_put(const struct rendering_source *source, struct buf *out,
    struct diag *diag)
{
	(void)diag;
	buf_put_bytes(out, source->encoded);
	return buf_err(out);
}

static enum err
json_put(const struct rendering_source *source, struct buf *out,
    struct diag *diag)
{
	(void)diag;
	if (source->line)
		document_put_json_line(out, source->document);
	else
		document_put_json(out, source->document);
	return buf_err(out);
}

static enum err
text_put(const struct rendering_source *source, struct buf *out,
    struct diag *diag)
{
	(void)diag;
	document_put_text(out, source->document);
	return buf_err(out);
}

enum err
rendering_keys(const struct rendering_source *source,
    const struct document_key *ret_keys[PRODUCT_SLOTS_MAX],
    size_t *ret_count, struct diag *diag)
{
	const struct document *d = source->document;
	size_t i, count = 0;

	for (i = 0; i < d->key_count; i++)
		if (d->keys[i].certificate.len > 0 &&
		    (source->slot == RENDERING_ALL_SLOTS ||
		    d->keys[i].slot == (unsigned)source->slot))
			ret_keys[count++] = &d->keys[i];
	if (count > 0) {
		*ret_count = count;
		return ERR_OK;
	}
	if (source->slot == RENDERING_ALL_SLOTS)
		return diag_fail(diag, ERR_NOTFOUND, NULL,
		    "identity: no slot has a certificate");
	(void)diag_fail(diag, ERR_NOTFOUND, NULL,
	    "identity: slot %d has no certificate", source->slot);
	diag_hint(diag, "its document lists its slots: --format text");
	return ERR_NOTFOUND;
}

static enum err
pem_rendering_put(const struct rendering_source *source, struct buf *out,
    struct diag *diag)
{
	const struct document_key *keys[PRODUCT_SLOTS_MAX];
	size_t i, count;
	enum err err;

	err = rendering_keys(source, keys, &count, diag);
	if (err)
		return err;
	for (i = 0; i < count; i++)
		pem_put(out, "CERTIFICATE", keys[i]->certificate);
	for (i = 0; i < source->chain_count; i++)
		pem_put(out, "CERTIFICATE", source->chain[i]);
	return buf_err(out);
}

/* One certificate: of the slot asked for, else of the one that
 * authenticates. */
static enum err
der_put(const struct rendering_source *source, struct buf *out,
    struct diag *diag)
{
	const struct document_key *keys[PRODUCT_SLOTS_MAX];
	size_t i, count, chosen = 0;
	enum err err;

	err = rendering_keys(source, keys, &count, diag);
	if (err)
		return err;
	for (i = 0; i < count; i++)
		if (keys[i]->purpose == PURPOSE_AUTHENTICATE)
			chosen = i;
	buf_put_bytes(out, keys[chosen]->certificate);
	return buf_err(out);
}

static const struct rendering rendering_document = {
	.name = "document", .ending = ".cose", .put = document_put
};
static const struct rendering rendering_json = {
	.name = "json", .ending = ".json",
	.traits = RENDERING_LINE | RENDERING_TEXT, .put = json_put
};
static const struct rendering rendering_text = {
	.name = "text", .ending = ".txt", .traits = RENDERING_TEXT,
	.put = text_put
};
static const struct rendering rendering_pem = {
	.name = "pem", .ending = ".pem",
	.traits = RENDERING_SLOT | RENDERING_PUBLIC | RENDERING_TEXT,
	.put = pem_rendering_put
};
static const struct rendering rendering_der = {
	.name = "der", .ending = ".cer",
	.traits = RENDERING_SLOT | RENDERING_PUBLIC, .put = der_put
};

const struct rendering *const renderings[] = {
	&rendering_document, &rendering_json, &rendering_text,
	&rendering_pem, &rendering_der, &rendering_jwt, &rendering_pkcs12,
	&rendering_c, &rendering_ndjson, NULL
};

enum err
rendering_find(const char *name, const struct rendering **ret_rendering,
    struct diag *diag)
{
	_cleanup_buf_ struct buf names = BUF_INIT;
	size_t i;

	for (i = 0; renderings[i] != NULL; i++) {
		if (strcmp(renderings[i]->name, name) == 0) {
			*ret_rendering = renderings[i];
			return ERR_OK;
		}
		buf_printf(&names, "%s%s", i > 0 ? ", " : "",
		    renderings[i]->name);
	}
	return diag_fail(diag, ERR_INVALID, NULL,
	    "format \"%.40s\": is none; there are %s", name,
	    buf_text(&names));
}
