#include "lib/authority/export.h"

#include <stdlib.h>

#include "lib/authority/authority_internal.h"
#include "lib/authority/signer.h"

struct export {
	struct authority	*authority;
	struct export_options	 options;
	struct lookup		*lookup;
	struct signer		*signer;	/* NULL: nothing is signed */
	uint32_t		 log;		/* chain is of; 0: of none */
	struct buf		 issuer, root;
};

enum err
export_new(struct authority *authority, const struct export_options *options,
    struct export **ret_export, struct diag *diag)
{
	struct authority_signer signer;
	_cleanup_export_ struct export *export = NULL;
	enum err err;

	export = calloc(1, sizeof(*export));
	if (export == NULL)
		return diag_nomem(diag);
	export->authority = authority;
	export->options = *options;
	export->issuer.limit = export->root.limit = BUF_LIMIT_DEFAULT;
	err = lookup_new(authority, &export->lookup, diag);
	if (!err)
		err = authority_certificate(authority, KEY_ROOT,
		    &export->root, diag);
	if (err)
		return err;
	if ((options->rendering->traits & RENDERING_SIGNS) != 0) {
		if (authority->mode != AUTHORITY_WRITE)
			return diag_fail(diag, ERR_STATE, NULL,
			    "%s: is signed, so it needs the ecosystem's lock",
			    options->rendering->name);
		err = signer_current(authority, &signer, diag);
		if (!err)
			err = keystore_signer(authority->keystore,
			    signer.name, &export->signer, diag);
		if (err)
			return err;
	}
	*ret_export = export;
	export = NULL;	/* transferred */
	return ERR_OK;
}

void
export_free(struct export **export)
{
	if (*export == NULL)
		return;
	lookup_free(&(*export)->lookup);
	signer_free(&(*export)->signer);
	buf_release(&(*export)->issuer);
	buf_release(&(*export)->root);
	free(*export);
	*export = NULL;
}

/* The issuing CA of a log has the log's name. */
static enum err
issuer_get(struct export *export, uint32_t number, struct diag *diag)
{
	_cleanup_buf_ struct buf frontier = BUF_INIT, note = BUF_INIT;
	struct store_log log;
	enum err err;

	if (export->log == number)
		return ERR_OK;
	export->log = 0;
	buf_clear(&export->issuer);
	err = store_log_get(export->authority->store, number, &log,
	    &frontier, &note, diag);
	if (!err)
		err = authority_certificate(export->authority, log.name,
		    &export->issuer, diag);
	if (!err)
		export->log = number;
	return err;
}

enum err
export_identity(struct export *export, const struct address *address,
    struct buf *out, char ret_ueid_hex[UEID_HEX_SIZE], struct diag *diag)
{
	struct rendering_source source = { .slot = export->options.slot,
	    .line = export->options.line, .signer = export->signer,
	    .password = export->options.password };
	const struct template *template;
	struct document document;
	struct identity identity;
	struct store_range range;
	enum err err;

	err = lookup_get(export->lookup, address, &identity, &range,
	    &template, diag);
	if (!err)
		err = document_parse(identity.document, &document, diag);
	if (!err)
		err = issuer_get(export, address->log, diag);
	if (err)
		return err;
	source.encoded = identity.document;
	source.document = &document;
	source.chain[0] = buf_bytes(&export->issuer);
	source.chain[1] = buf_bytes(&export->root);
	source.chain_count = 2;
	err = export->options.rendering->put(&source, out, diag);
	if (err)
		return diag_fail(diag, err, NULL, "identity %llu: %s",
		    (unsigned long long)address->index, err_name(err));
	memcpy(ret_ueid_hex, identity.ueid_hex, UEID_HEX_SIZE);
	return ERR_OK;
}
