/* Plain EST: a certification request, and who the front says has sent it. */
#include "lib/authority/enrol_internal.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"
#include "lib/x509/csr.h"

#define NEVER_DUE_S	(2 * INT64_C(31556952))	/* due after a year */

/*
 * A certification request that one key has signed says nothing of when it was
 * made or for what, and who has seen one can send it again. So it counts as
 * its key's own word only in the second half of the certificate that it
 * renews: a copy brings then at most what the device would soon ask for
 * itself.
 */
static bool
is_due(const struct submission *s)
{
	int64_t issued = s->asker.range.issued, end;

	if (s->asker.kind.years == PRODUCT_NEVER ||
	    time_add_years(issued, s->asker.kind.years, &end) != ERR_OK)
		end = issued + NEVER_DUE_S;
	return s->enrol->now - issued >= (end - issued) / 2;
}

/*
 * What makes a request of EST the same as an earlier one: leaf, operation and
 * key. It stands for the id and the hash that a signed request has.
 */
static enum err
est_identify(struct submission *s, const struct public_key *key)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	enum err err;

	cbor_put_array(&text, 5);
	cbor_put_text(&text, "imprint est");
	cbor_put_uint(&text, s->asker.address.log);
	cbor_put_uint(&text, s->asker.address.index);
	cbor_put_uint(&text, s->request.type);
	cose_key_put(&text, key);
	err = buf_err(&text);
	if (!err)
		err = sha256_once(buf_bytes(&text), s->hash);
	s->request.id = bytes_of(s->hash, DEVICE_REQUEST_ID_SIZE);
	return err;
}

enum err
enrol_est_label(struct submission *s, const char *label)
{
	const struct enrol_product *product;

	if (label[0] == '\0')
		return ERR_OK;
	product = s->request.type == DEVICE_RENEW ?
	    enrol_product_by_name(s->enrol, s->asker.kind.product) :
	    s->asker.foreign != NULL ? s->asker.foreign :
	    enrol_product_by_bootstrap(s->enrol, s->asker.kind.product);
	if (product != NULL && strcmp(product->product.name, label) == 0)
		return ERR_OK;
	return enrol_refuse(s->result, ENROL_NO_PRODUCT, "the label of the "
	    "path names another product than this identity leads to", NULL);
}

/* A key that was in no identity before: the request for it counts once. */
static enum err
key_is_new(struct submission *s, const struct public_key *key, bool *ret_new)
{
	uint8_t hash[COSE_KID_SIZE];
	uint64_t entry = 0;
	uint32_t order = 0;
	enum err err;

	err = cose_key_thumbprint(key, hash);
	if (!err)
		err = store_device_mark_get(s->enrol->authority->store, hash,
		    &order, &entry, NULL);
	*ret_new = err == ERR_NOTFOUND;
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

/*
 * What proves a key without the front: the key that the device has signed
 * the request for a new one, or it is that key's own renewal, which is due.
 */
static enum err
proof_find(struct submission *s, struct bytes csr,
    const struct public_key *key)
{
	const struct asker *asker = &s->asker;
	const struct public_key *own = &asker->keys[asker->kind.auth];
	bool is_new = false;
	enum err err;

	s->asserted = true;
	err = csr_countersigned(csr, own, &s->result->why);
	if (err == ERR_NOTFOUND) {
		s->asserted = !(s->request.type == DEVICE_RENEW &&
		    public_key_equal(key, own) && is_due(s));
		return ERR_OK;
	}
	if (!err)
		err = key_is_new(s, key, &is_new);
	s->asserted = !is_new;
	return enrol_verdict_of(s, err, err == ERR_SYNTAX ? ENROL_MALFORMED :
	    ENROL_SIGNATURE);
}

static enum err
est_decide(struct submission *s, const struct est_ask *ask)
{
	const struct asker *asker = &s->asker;
	struct device_key given = { .slot = asker->slots[asker->kind.auth] };
	enum err err;

	err = enrol_verdict_of(s, csr_read(ask->csr, &given.key,
	    &s->result->why), ENROL_KEYS);
	if (!err && !enrol_decided(s->result))
		err = est_identify(s, &given.key);
	if (!err && !enrol_decided(s->result))
		err = enrol_est_label(s, ask->label);
	if (!err && !enrol_decided(s->result))
		err = proof_find(s, ask->csr, &given.key);
	if (err || enrol_decided(s->result))
		return err;
	s->given = &given;
	err = enrol_dispatch(s);
	s->given = NULL;
	return err;
}

enum err
enrol_submit_est(struct enrol *e, const struct est_ask *ask,
    struct enrol_result *result, struct diag *diag)
{
	struct submission s = { .enrol = e, .result = result, .diag = diag };
	bool named;
	enum err err;

	err = enrol_submission_begin(&s, true);
	if (err)
		return err;
	s.request.type = ask->renew || ask->keygen ? DEVICE_RENEW :
	    DEVICE_ENROL;
	err = enrol_asker_named(e, ask->leaf, &s.asker, result, diag);
	named = !err && !enrol_decided(result) && s.asker.foreign == NULL;
	/* clients that always "renew" what they have mean the same */
	if (s.asker.address.log != LOG_ONLINE_NUMBER)
		s.request.type = DEVICE_ENROL;
	if (!err && !enrol_decided(result))
		err = ask->keygen ? enrol_keygen(&s, ask) :
		    est_decide(&s, ask);
	result->known = result->answer->len > 0;
	result->named = named && !result->known;
	if (result->named)
		memcpy(result->ueid, s.asker.ueid, UEID_SIZE);
	if (!err)
		err = buf_err(result->answer);
	return enrol_submission_end(&s, err);
}

/* Of the key that authenticates; 0: of any. */
static enum key_alg
product_alg(const struct enrol_product *product)
{
	const struct product *p = &product->product;
	size_t i;

	for (i = 0; i < p->credential_count; i++)
		if (p->credentials[i].purpose == PURPOSE_AUTHENTICATE)
			return p->credentials[i].alg;
	return 0;
}

/* Of all products, if it is the same. */
static enum key_alg
common_alg(const struct enrol *e)
{
	enum key_alg alg = 0;
	size_t i;

	for (i = 0; i < e->product_count; i++) {
		if (i > 0 && product_alg(e->products[i]) != alg)
			return 0;
		alg = product_alg(e->products[i]);
	}
	return alg;
}

/* Who has shown leaf uses it, whatever the label is. */
static enum err
leaf_use(struct submission *s, const char *label, struct bytes leaf)
{
	struct enrol_result unknown = { .verdict = ENROL_REFUSED };
	struct enrol_result *result = label[0] != '\0' ? &unknown :
	    s->result;
	enum err err;

	if (leaf.len == 0)
		return ERR_OK;
	err = enrol_asker_named(s->enrol, leaf, &s->asker, result, s->diag);
	return err || enrol_decided(result) ? err : enrol_first_use(s);
}

/* NULL: none, or it is refused. */
static enum err
attributes_product(struct submission *s, const char *label,
    const struct enrol_product **ret_product)
{
	const struct asker *asker = &s->asker;
	const struct enrol *e = s->enrol;

	if (label[0] != '\0')
		*ret_product = enrol_product_by_name(e, label);
	else
		*ret_product = asker->address.log == LOG_ONLINE_NUMBER ?
		    enrol_product_by_name(e, asker->kind.product) :
		    asker->foreign != NULL ? asker->foreign :
		    enrol_product_by_bootstrap(e, asker->kind.product);
	return *ret_product != NULL ? ERR_OK : enrol_refuse(s->result,
	    ENROL_NO_PRODUCT, "no product is had in the field by this label "
	    "or certificate", NULL);
}

static enum err
attributes_put(struct submission *s, const char *label, struct bytes leaf,
    bool linked)
{
	const struct enrol_product *product = NULL;
	enum err err;

	err = leaf_use(s, label, leaf);
	if (!err && !enrol_decided(s->result) &&
	    (label[0] != '\0' || leaf.len > 0))
		err = attributes_product(s, label, &product);
	if (err || enrol_decided(s->result))
		return err;
	csr_put_wanted(s->result->answer, product != NULL ?
	    product_alg(product) : common_alg(s->enrol), linked);
	s->result->verdict = ENROL_DONE;
	return buf_err(s->result->answer);
}

enum err
enrol_est_attributes(struct enrol *e, const char *label, struct bytes leaf,
    bool linked, struct enrol_result *result, struct diag *diag)
{
	struct submission s = { .enrol = e, .result = result, .diag = diag };
	enum err err;

	err = enrol_submission_begin(&s, true);
	return err ? err : enrol_submission_end(&s, attributes_put(&s, label,
	    leaf, linked));
}
