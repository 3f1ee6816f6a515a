#include "lib/authority/fit.h"

#include "lib/authority/authority_internal.h"
#include "lib/authority/names.h"
#include "lib/authority/signer.h"
#include "lib/base/clock.h"
#include "lib/identity/package_form.h"
#include "lib/identity/sizes.h"

#define ISSUED_YEARS	1	/* an order may be run so much later */
#define CHAIN_COUNT	3

struct longest {
	size_t	len[PRODUCT_NAMES_MAX];
};

static enum err
line_measure(void *ctx, const struct name_csv_line *line)
{
	struct longest *longest = ctx;
	size_t i, len;

	for (i = 0; i < PRODUCT_NAMES_MAX; i++) {
		len = line->text[i] != NULL ? strlen(line->text[i]) : 0;
		if (len > longest->len[i])
			longest->len[i] = len;
	}
	return ERR_OK;
}

/* The longest name of each kind in the order's file. */
static enum err
names_measure(const struct fit_case *fit, size_t len[PRODUCT_NAMES_MAX],
    struct diag *diag)
{
	struct longest longest = { .len = { 0 } };
	struct names_file found;
	enum err err;

	if (fit->names == NULL)
		return ERR_OK;
	err = names_file_read(fit->names, fit->product->names,
	    fit->product->name_count, line_measure, &longest, &found, diag);
	if (err)
		return err;
	if (memcmp(found.hash, fit->said->hash, SHA256_SIZE) != 0)
		return diag_fail(diag, ERR_AUTH, NULL, "names: is not the "
		    "file that the request was signed for");
	memcpy(len, longest.len, sizeof(longest.len));
	return ERR_OK;
}

/* Issuing CA, document signer and root, as packs have them. */
static enum err
chain_get(struct authority *authority, uint32_t log_number,
    struct buf chain[CHAIN_COUNT], struct diag *diag)
{
	_cleanup_buf_ struct buf frontier = BUF_INIT, note = BUF_INIT;
	struct authority_signer signer;
	struct store_log log;
	enum err err;

	err = store_log_get(authority->store, log_number, &log, &frontier,
	    &note, diag);
	if (!err)
		err = authority_certificate(authority, log.name, &chain[0],
		    diag);
	if (!err)
		err = signer_current(authority, &signer, diag);
	if (!err)
		err = authority_certificate(authority, signer.name, &chain[1],
		    diag);
	return err ? err : authority_certificate(authority, KEY_ROOT,
	    &chain[2], diag);
}

/* The product's form is made of the largest package there is. */
static enum err
form_try(const struct product *product, struct bytes package,
    struct diag *diag)
{
	_cleanup_secret_ struct secret made = SECRET_INIT;
	const struct package_form *form = NULL;
	enum err err;

	err = package_form_find(product_form_name(product->form), &form,
	    diag);
	if (!err)
		err = package_form_put(form, package,
		    bytes_text(product->layout), &made, diag);
	if (err)
		diag_prefix(diag, "product %s", product->name);
	return err;
}

static enum err
case_check(struct authority *authority, const struct fit_case *fit,
    int64_t now, struct buf chain[CHAIN_COUNT], struct diag *diag)
{
	_cleanup_template_ struct template *template = NULL;
	_cleanup_secret_ struct secret package = SECRET_INIT;
	struct sizes_case ask = { .product = fit->product, .mode = fit->mode,
	    .chunk_size = fit->chunk_size, .last = fit->last,
	    .cert_count = CHAIN_COUNT };
	struct bytes certs[CHAIN_COUNT];
	struct product_sizes sizes;
	size_t i;
	enum err err;

	err = authority_template(authority, fit->template, &template, diag);
	if (!err)
		err = chain_get(authority, template->log, chain, diag);
	if (!err)
		err = names_measure(fit, ask.name_len, diag);
	if (!err)
		err = time_add_years(now, ISSUED_YEARS, &ask.issued);
	if (err)
		return err;
	for (i = 0; i < CHAIN_COUNT; i++)
		certs[i] = buf_bytes(&chain[i]);
	ask.template = template;
	ask.certs = certs;
	err = identity_sizes(&ask, &sizes, &package, diag);
	if (!err)
		err = product_fits(fit->product, &sizes, diag);
	/* no station opens a chip's package, so it has no form there */
	if (!err && fit->product->form != FORM_CBOR &&
	    fit->mode != ORDER_CHIP)
		err = form_try(fit->product, secret_bytes(&package), diag);
	return err;
}

enum err
fit_check(struct authority *authority, const struct fit_case *fit,
    int64_t now, struct diag *diag)
{
	const struct product_target *t = &fit->product->target;
	struct buf chain[CHAIN_COUNT] = { BUF_INIT, BUF_INIT, BUF_INIT };
	size_t i;
	enum err err;

	/* places for keys are a matter of the product alone */
	if (t->certificate == 0 && t->document == 0 && t->package == 0 &&
	    t->total == 0 && fit->product->form == FORM_CBOR)
		return ERR_OK;
	err = case_check(authority, fit, now, chain, diag);
	for (i = 0; i < CHAIN_COUNT; i++)
		buf_release(&chain[i]);
	return err;
}
