#include "lib/authority/fit.h"

#include "lib/authority/authority_internal.h"
#include "lib/authority/field.h"
#include "lib/authority/names.h"
#include "lib/authority/signer.h"
#include "lib/base/clock.h"
#include "lib/identity/document.h"
#include "lib/identity/package_form.h"
#include "lib/identity/sizes.h"

#define ISSUED_YEARS	1	/* an order may be run so much later */
#define CHAIN_COUNT	3
/* Octets that an identity of the field may have more one day: times after
 * 2049 have two more, signatures of CA certificates up to four. */
#define SEALED_SPARE	64

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

/* The longest name of each kind that devices are born with. */
static enum err
births_measure(struct authority *authority, const struct product *product,
    size_t len[PRODUCT_NAMES_MAX], struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct product born = { .name_count = 0 };
	struct store_object object;
	char text[NAME_TEXT_SIZE];
	size_t i, n;
	enum err err = ERR_OK;

	if (product->field.bootstrap[0] == '\0')
		return ERR_OK;
	if (product->field.devices == 0)
		err = object_get(authority->store, authority->row_mac,
		    STORE_PRODUCT, product->field.bootstrap, NULL, &body,
		    &object, diag);
	if (!err && product->field.devices == 0)
		err = product_decode(object.body, &born, diag);
	for (i = 0; i < product->name_count && !err; i++) {
		len[i] = NAME_TEXT_MAX;
		for (n = 0; n < born.name_count; n++)
			if (strcmp(born.names[n].kind,
			    product->names[i].kind) == 0 &&
			    name_format(&born.names[n], born.names[n].first,
			    text) == ERR_OK)
				len[i] = strlen(text);
	}
	return err;
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

static bool
says_target(const struct product *p)
{
	const struct product_target *t = &p->target;

	return t->certificate != 0 || t->document != 0 || t->package != 0 ||
	    t->total != 0 || p->form != FORM_CBOR;
}

static enum err
target_check(struct authority *authority, const struct fit_case *fit,
    struct sizes_case *ask, struct diag *diag)
{
	_cleanup_secret_ struct secret package = SECRET_INIT;
	struct product_sizes sizes;
	enum err err;

	err = names_measure(fit, ask->name_len, diag);
	if (!err)
		err = births_measure(authority, fit->product, ask->name_len,
		    diag);
	if (!err)
		err = identity_sizes(ask, &sizes, &package, diag);
	if (!err)
		err = product_fits(fit->product, &sizes, diag);
	/* no station opens a chip's package, so it has no form there */
	if (!err && fit->product->form != FORM_CBOR &&
	    fit->mode != ORDER_CHIP)
		err = form_try(fit->product, secret_bytes(&package), diag);
	return err;
}

/* Whatever the names: a document that its readers take, and a package that is
 * kept for a device until it is confirmed. */
static enum err
limits_check(const struct fit_case *fit, struct sizes_case *ask,
    struct diag *diag)
{
	const struct product *p = fit->product;
	_cleanup_secret_ struct secret package = SECRET_INIT;
	bool kept = p->field.bootstrap[0] != '\0' &&
	    fit->mode == ORDER_STATION;
	struct product_sizes sizes;
	size_t i;
	enum err err;

	for (i = 0; i < PRODUCT_NAMES_MAX; i++)
		ask->name_len[i] = NAME_TEXT_MAX;
	/* sealed to the device, as a chip's are */
	ask->mode = kept ? ORDER_CHIP : fit->mode;
	err = identity_sizes(ask, &sizes, &package, diag);
	if (err)
		return err;
	if (sizes.document > DOCUMENT_SIZE_MAX) {
		err = diag_fail(diag, ERR_LIMIT, NULL, "product %s: its "
		    "document has up to %zu octets, readers take %zu",
		    p->name, sizes.document, DOCUMENT_SIZE_MAX);
		diag_hint(diag, "give it fewer or shorter capabilities, "
		    "authorisations, anchors or names, or slots with smaller "
		    "keys");
	} else if (kept && sizes.package + SEALED_SPARE > FIELD_SEALED_MAX) {
		err = diag_fail(diag, ERR_LIMIT, NULL, "product %s: the "
		    "authority makes its keys; a package sealed to the device "
		    "has up to %zu octets, %d can be kept", p->name,
		    sizes.package, FIELD_SEALED_MAX - SEALED_SPARE);
		diag_hint(diag, "let the device make the keys (key-from: "
		    "device), or give it a smaller document or fewer slots");
	}
	return err;
}

static enum err
case_check(struct authority *authority, const struct fit_case *fit,
    int64_t now, struct buf chain[CHAIN_COUNT], struct diag *diag)
{
	_cleanup_template_ struct template *template = NULL;
	struct sizes_case ask = { .product = fit->product, .mode = fit->mode,
	    .chunk_size = fit->chunk_size, .last = fit->last,
	    .cert_count = CHAIN_COUNT };
	struct bytes certs[CHAIN_COUNT];
	size_t i;
	enum err err;

	err = authority_template(authority, fit->template, &template, diag);
	if (!err)
		err = chain_get(authority, template->log, chain, diag);
	if (!err)
		err = time_add_years(now, ISSUED_YEARS, &ask.issued);
	if (err)
		return err;
	for (i = 0; i < CHAIN_COUNT; i++)
		certs[i] = buf_bytes(&chain[i]);
	ask.template = template;
	ask.certs = certs;
	err = says_target(fit->product) ? target_check(authority, fit, &ask,
	    diag) : ERR_OK;
	return err || !fit->added ? err : limits_check(fit, &ask, diag);
}

enum err
fit_check(struct authority *authority, const struct fit_case *fit,
    int64_t now, struct diag *diag)
{
	struct buf chain[CHAIN_COUNT] = { BUF_INIT, BUF_INIT, BUF_INIT };
	size_t i;
	enum err err;

	/* places for keys are a matter of the product alone */
	if (!says_target(fit->product) && !fit->added)
		return ERR_OK;
	err = case_check(authority, fit, now, chain, diag);
	for (i = 0; i < CHAIN_COUNT; i++)
		buf_release(&chain[i]);
	return err;
}
