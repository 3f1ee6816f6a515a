/* Plain EST: a certification request, and who the front says has sent it. */
#include "lib/authority/enrol_internal.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"
#include "lib/x509/csr.h"

#define NEVER_DUE_S	(2 * INT64_C(31556952))	/* due after a year */

/*
 * A certification request says nothing of when it was made or for what, and
 * who has seen one can send it again. So it counts as its key's own word only
 * in the second half of the certificate that it renews: a copy brings then at
 * most what the device would soon ask for itself.
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

/* The label of the path names the product that it must be. */
static enum err
label_check(struct submission *s, const char *label)
{
	const struct enrol_product *product;

	if (label[0] == '\0')
		return ERR_OK;
	product = s->request.type == DEVICE_RENEW ?
	    enrol_product_by_name(s->enrol, s->asker.kind.product) :
	    enrol_product_by_bootstrap(s->enrol, s->asker.kind.product);
	if (product != NULL && strcmp(product->product.name, label) == 0)
		return ERR_OK;
	return enrol_refuse(s->result, ENROL_NO_PRODUCT, "the label of the "
	    "path names another product than this identity leads to", NULL);
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
		err = label_check(s, ask->label);
	if (err || enrol_decided(s->result))
		return err;
	/* a key proves itself in its own renewal, when that is due */
	s->asserted = !(s->request.type == DEVICE_RENEW &&
	    public_key_equal(&given.key, &asker->keys[asker->kind.auth]) &&
	    is_due(s));
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
	enum err err;

	err = enrol_submission_begin(&s, true);
	if (err)
		return err;
	s.request.type = ask->renew ? DEVICE_RENEW : DEVICE_ENROL;
	err = enrol_asker_named(e, ask->leaf, &s.asker, result, diag);
	/* clients that always "renew" what they have mean the same */
	if (s.asker.address.log != LOG_ONLINE_NUMBER)
		s.request.type = DEVICE_ENROL;
	if (!err && !enrol_decided(result))
		err = est_decide(&s, ask);
	result->known = result->answer->len > 0;
	return err ? err : buf_err(result->answer);
}
