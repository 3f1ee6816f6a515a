/* What enrolment needs of products, templates and signers. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/authority/enrol_internal.h"
#include "lib/x509/cms_key.h"

static void
product_free(struct enrol_product *product)
{
	if (product == NULL)
		return;
	identity_maker_free(&product->maker);
	template_free(&product->template);
	free(product);
}

void
enrol_unload(struct enrol *e)
{
	size_t i;

	for (i = 0; i < e->product_count; i++)
		product_free(e->products[i]);
	free(e->products);
	e->products = NULL;
	e->product_count = 0;
	e->kind_count = 0;
	chip_makers_release(&e->manufacturers);
	signer_free(&e->issuer);
	signer_free(&e->document);
	for (i = 0; i < ENROL_CERTS; i++)
		buf_release(&e->certs[i]);
	secret_release(&e->serial_key);
	secret_release(&e->ueid_key);
}

struct product_walk {
	struct enrol	*enrol;
	struct diag	*diag;
};

/* The newest version of a name counts, and takes the place of the last. */
static enum err
product_take(void *ctx, const struct store_object *object)
{
	struct product_walk *walk = ctx;
	struct enrol *e = walk->enrol;
	struct enrol_product **more, *product;
	size_t i;
	enum err err;

	product = calloc(1, sizeof(*product));
	if (product == NULL)
		return diag_nomem(walk->diag);
	err = product_decode(object->body, &product->product, walk->diag);
	if (err) {
		free(product);
		return err;
	}
	for (i = 0; i < e->product_count; i++)
		if (strcmp(e->products[i]->product.name,
		    product->product.name) == 0)
			break;
	if (i < e->product_count) {
		product_free(e->products[i]);
		e->products[i] = product;
		return ERR_OK;
	}
	more = reallocarray(e->products, e->product_count + 1,
	    sizeof(struct enrol_product *));
	if (more == NULL) {
		free(product);
		return diag_nomem(walk->diag);
	}
	e->products = more;
	e->products[e->product_count++] = product;
	return ERR_OK;
}

/* Those of the factory alone are not needed. */
static void
products_field(struct enrol *e)
{
	size_t i, kept = 0;

	for (i = 0; i < e->product_count; i++) {
		if (e->products[i]->product.field.bootstrap[0] == '\0')
			product_free(e->products[i]);
		else
			e->products[kept++] = e->products[i];
	}
	e->product_count = kept;
}

static enum err
product_ready(struct enrol *e, struct enrol_product *product,
    struct diag *diag)
{
	enum err err;

	err = authority_template_recorded(e->authority, &product->product,
	    &e->log, e->now, &product->template_id, diag);
	if (!err)
		err = authority_template(e->authority, product->template_id,
		    &product->template, diag);
	return err ? err : identity_maker_new(product->template,
	    secret_bytes(&e->serial_key), secret_bytes(&e->ueid_key),
	    &product->maker, diag);
}

static enum err
keys_load(struct enrol *e, struct diag *diag)
{
	const char *names[ENROL_CERTS] = { e->log.name, e->signer.name,
	    KEY_ROOT };
	struct keystore *keystore = e->authority->keystore;
	char serial[KEYSTORE_LABEL_MAX + 1], issuer[KEYSTORE_LABEL_MAX + 1];
	size_t i;
	enum err err;

	(void)snprintf(serial, sizeof(serial), "index.serial.%.32s.%u",
	    e->log.name, e->log.epoch);
	(void)snprintf(issuer, sizeof(issuer), "issuer.%.32s", e->log.name);
	err = keystore_secret(keystore, serial, &e->serial_key, diag);
	if (!err)
		err = keystore_secret(keystore, KEY_UEID, &e->ueid_key, diag);
	if (!err)
		err = keystore_signer(keystore, issuer, &e->issuer, diag);
	if (!err)
		err = keystore_signer(keystore, e->signer.name, &e->document,
		    diag);
	for (i = 0; i < ENROL_CERTS && !err; i++) {
		e->certs[i].limit = BUF_LIMIT_DEFAULT;
		err = authority_certificate(e->authority, names[i],
		    &e->certs[i], diag);
	}
	return err ? err : sha256_once(buf_bytes(&e->certs[ENROL_CERTS - 1]),
	    e->id);
}

static enum err
asserted_each(void *ctx, const struct store_range *range)
{
	struct field_enrolment enrolment;
	struct enrol *e = ctx;
	struct enrol_product *product;
	struct enrol_kind kind;
	enum err err;

	err = enrol_kind(e, range->template, &kind, NULL);
	if (err)
		return err;
	product = enrol_product_by_name(e, kind.product);
	if (product == NULL)
		return ERR_OK;
	if (range->evidence == EVIDENCE_FRONT)
		product->asserted += range->count;
	if (product->product.field.devices == 0)
		return ERR_OK;
	/* of its manufacturer's devices, those that were born so */
	err = field_enrolment_get(e->authority, range->first, &enrolment,
	    NULL);
	product->foreign += !err && enrolment.birth.log ==
	    LOG_ONLINE_NUMBER && enrolment.birth.index == range->first;
	return err;
}

/* How many identities were had on the front's word: from the ranges, so that
 * no restart forgets them. Only where a product allows any. */
static enum err
asserted_load(struct enrol *e, struct diag *diag)
{
	size_t i;

	for (i = 0; i < e->product_count; i++)
		if (e->products[i]->product.field.est > 0 ||
		    e->products[i]->product.field.devices > 0)
			return store_range_each(e->authority->store,
			    LOG_ONLINE_NUMBER, 0, RANGE_COMMITTED,
			    asserted_each, e, diag);
	return ERR_OK;
}

static enum err
load(struct enrol *e, struct diag *diag)
{
	struct product_walk walk = { .enrol = e, .diag = diag };
	size_t i;
	enum err err;

	err = store_log_by_name(e->authority->store, LOG_ONLINE, &e->log,
	    diag);
	if (!err)
		err = signer_current(e->authority, &e->signer, diag);
	/* what it signs must find its certificate published */
	if (!err)
		err = signer_publish(e->authority, diag);
	if (!err)
		err = keys_load(e, diag);
	if (!err)
		err = authority_object_each(e->authority, STORE_PRODUCT,
		    product_take, &walk, diag);
	products_field(e);
	if (!err)
		err = manufacturers_load(e->authority, &e->manufacturers,
		    diag);
	e->claims = false;
	for (i = 0; i < e->product_count && !err; i++) {
		err = product_ready(e, e->products[i], diag);
		e->claims |= e->products[i]->product.field.claim;
	}
	return err ? err : asserted_load(e, diag);
}

static enum err
stamp_read(struct enrol *e, struct enrol_stamp *ret_stamp, struct diag *diag)
{
	struct store *store = e->authority->store;
	struct enrol_stamp stamp = { .epoch = 0 };
	struct store_log log;
	enum err err;

	err = store_object_last(store, &stamp.objects, diag);
	if (!err)
		err = store_object_last_of(store, STORE_PRODUCT,
		    &stamp.products, diag);
	if (!err)
		err = store_object_last_of(store, STORE_MANUFACTURER,
		    &stamp.manufacturers, diag);
	if (!err)
		err = store_object_last_of(store, STORE_CERTIFICATE,
		    &stamp.certificates, diag);
	if (!err)
		err = store_log_by_name(store, LOG_ONLINE, &log, diag);
	if (err)
		return err;
	stamp.epoch = log.epoch;
	*ret_stamp = stamp;
	return ERR_OK;
}

static bool
stamp_fits(const struct enrol *e, const struct enrol_stamp *now)
{
	const struct enrol_stamp *then = &e->loaded;

	return e->issuer != NULL && now->products == then->products &&
	    now->manufacturers == then->manufacturers &&
	    now->certificates == then->certificates &&
	    now->epoch == then->epoch;
}

enum err
enrol_load(struct enrol *e, struct diag *diag)
{
	struct enrol_stamp now;
	uint64_t last;
	enum err err;

	err = store_object_last(e->authority->store, &last, diag);
	if (err || (last == e->loaded.objects && e->issuer != NULL))
		return err;
	err = stamp_read(e, &now, diag);
	if (err)
		return err;
	if (stamp_fits(e, &now)) {
		e->loaded = now;
		return ERR_OK;
	}
	enrol_unload(e);
	err = load(e, diag);
	/* templates are objects too: a registry that was put back to before
	 * one would not list, of what is void, what may have been made of it */
	if (!err)
		err = stamp_read(e, &e->loaded, diag);
	if (!err && e->loaded.objects != last)
		e->anchor_due = true;
	if (err)
		enrol_unload(e);
	return err;
}

struct enrol_product *
enrol_product_by_bootstrap(const struct enrol *e, const char *bootstrap)
{
	size_t i;

	for (i = 0; i < e->product_count; i++)
		if (e->products[i]->product.field.devices == 0 &&
		    strcmp(e->products[i]->product.field.bootstrap,
		    bootstrap) == 0)
			return e->products[i];
	return NULL;
}

struct enrol_product *
enrol_product_by_name(const struct enrol *e, const char *name)
{
	size_t i;

	for (i = 0; i < e->product_count; i++)
		if (strcmp(e->products[i]->product.name, name) == 0)
			return e->products[i];
	return NULL;
}

static enum err
kind_read(struct enrol *e, uint32_t id, struct enrol_kind *ret_kind,
    struct diag *diag)
{
	_cleanup_template_ struct template *template = NULL;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct enrol_kind kind = { .template = id };
	const struct product_credential *c;
	struct store_object object;
	struct product product;
	size_t i, n;
	enum err err;

	err = authority_template(e->authority, id, &template, diag);
	if (!err)
		err = authority_object_by_hash(e->authority, STORE_PRODUCT,
		    template->product, &body, &object, diag);
	if (!err)
		err = product_decode(object.body, &product, diag);
	if (err)
		return err;
	memcpy(kind.product, product.name, sizeof(kind.product));
	for (i = 0; i < product.credential_count; i++) {
		c = &product.credentials[i];
		for (n = 0; n < template->slot_count; n++)
			if (c->purpose == PURPOSE_ENCRYPT &&
			    cms_agrees(c->alg) && !kind.decrypts &&
			    template->slots[n].slot == c->slot) {
				kind.decrypts = true;
				kind.decrypt = n;
			}
		if (c->purpose != PURPOSE_AUTHENTICATE)
			continue;
		for (n = 0; n < template->slot_count; n++)
			if (template->slots[n].slot == c->slot)
				kind.auth = n;
		kind.years = c->validity_years;
	}
	kind.made_here = product.credential_count > 0 &&
	    product.credentials[0].maker == MAKER_AUTHORITY;
	kind.term = product.document_validity_years;
	if (kind.term == PRODUCT_NEVER || (kind.years != PRODUCT_NEVER &&
	    kind.years < kind.term))
		kind.term = kind.years;
	*ret_kind = kind;
	return ERR_OK;
}

enum err
enrol_kind(struct enrol *e, uint32_t template, struct enrol_kind *ret_kind,
    struct diag *diag)
{
	struct enrol_kind kind;
	size_t i;
	enum err err;

	for (i = 0; i < e->kind_count; i++)
		if (e->kinds[i].template == template) {
			*ret_kind = e->kinds[i];
			return ERR_OK;
		}
	err = kind_read(e, template, &kind, diag);
	if (err)
		return err;
	i = e->kind_next++ % ENROL_KINDS;
	e->kinds[i] = kind;
	if (e->kind_count < ENROL_KINDS)
		e->kind_count++;
	*ret_kind = kind;
	return ERR_OK;
}
