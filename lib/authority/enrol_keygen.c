/*
 * EST's serverkeygen: a key made here, sealed to the key that the device was
 * given to decrypt with. Who carries the answer can not read it, so what a
 * front asks for in a device's name is of no use to anybody else.
 */
#include "lib/authority/enrol_internal.h"
#include "lib/crypto/random.h"
#include "lib/x509/cms_key.h"
#include "lib/x509/csr.h"

/* What the client asks the key to be sealed with; never less than that. */
static enum err
sealing_check(struct submission *s, const struct csr_sealing *sealing,
    const struct public_key *to)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	uint8_t id[KEY_ID_SIZE];
	enum err err;

	if (sealing->symmetric || !sealing->aes256)
		return enrol_refuse(s->result, ENROL_UNSUPPORTED, "keys are "
		    "sealed with AES-256-CBC to the device's registered "
		    "encryption key, in no other way", "leave out "
		    "DecryptKeyIdentifier; SMIMECapabilities, if it is there, "
		    "names aes256-CBC");
	if (sealing->key_id.len == 0)
		return ERR_OK;
	err = sha256_new(&sha256, s->diag);
	if (!err)
		err = certificate_key_id(sha256, to, id);
	if (err || bytes_equal(sealing->key_id, bytes_of(id, sizeof(id))))
		return err;
	return enrol_refuse(s->result, ENROL_KEYS, "asymmetricDecryptKey"
	    "Identifier names another key than the device's registered "
	    "encryption key", "the registered key counts whatever is asked: "
	    "leave it out");
}

/* In the identity that asks, else in that of birth. */
static enum err
recipient_find(struct submission *s, struct cms_recipient *to,
    struct buf *certificate)
{
	bool there = false;
	enum err err;

	err = enrol_decrypts(s->enrol, &s->asker.address, &to->key,
	    certificate, &there, s->diag);
	if (!err && !there)
		err = enrol_decrypts(s->enrol, &s->asker.birth, &to->key,
		    certificate, &there, s->diag);
	if (err)
		return err;
	to->certificate = buf_bytes(certificate);
	return there ? ERR_OK : enrol_refuse(s->result, ENROL_KEYS, "no "
	    "encryption key of this device is registered that a key could be "
	    "sealed to", "its product, or the one that it was born with, has "
	    "to have a slot to encrypt with P-256 or X25519");
}

/* Each request is another one: the private key is kept nowhere. Its id does
 * not begin its hash, as others by EST do: enrol_first_use(). */
static enum err
identify(struct submission *s)
{
	enum err err;

	err = random_bytes(s->hash, sizeof(s->hash), s->diag);
	s->request.id = bytes_of(s->hash + DEVICE_REQUEST_ID_SIZE,
	    DEVICE_REQUEST_ID_SIZE);
	return err;
}

static enum err
product_check_made(struct submission *s)
{
	const struct enrol_product *product;

	product = s->request.type == DEVICE_RENEW ?
	    enrol_product_by_name(s->enrol, s->asker.kind.product) :
	    enrol_product_by_bootstrap(s->enrol, s->asker.kind.product);
	if (product == NULL)
		return ERR_OK;
	if (product->product.credentials[0].maker != MAKER_AUTHORITY)
		return enrol_refuse(s->result, ENROL_KEYS, "the keys of this "
		    "product are made in the device", "make one, and use "
		    "simpleenroll or simplereenroll");
	return product->product.credential_count == 1 ? ERR_OK :
	    enrol_refuse(s->result, ENROL_KEYS, "this product has more keys "
	    "than the one that EST can bring", "send a signed request "
	    "(/v1/identity)");
}

static enum err
key_issue(struct submission *s, const struct cms_recipient *to)
{
	const struct enrol *e = s->enrol;
	_cleanup_secret_ struct secret private = SECRET_INIT;
	struct device_key given = { .slot = 0 };
	enum err err;

	err = identify(s);
	if (err)
		return err;
	s->asserted = true;
	s->given = &given;
	s->made = &private;
	err = enrol_dispatch(s);
	s->given = NULL;
	s->made = NULL;
	if (err || s->result->verdict != ENROL_DONE)
		return err;
	return cms_put_key(s->result->key, s->product->template->slots[0].alg,
	    secret_bytes(&private), e->document, buf_bytes(&e->certs[1]), to,
	    s->diag);
}

enum err
enrol_keygen(struct submission *s, const struct est_ask *ask)
{
	struct cms_recipient to = { .certificate = BYTES_NONE };
	_cleanup_buf_ struct buf certificate = BUF_INIT;
	struct csr_sealing sealing;
	enum err err;

	if (s->asker.foreign != NULL)
		return enrol_refuse(s->result, ENROL_KEYS, "a manufacturer's "
		    "certificate has no registered key that one could be "
		    "sealed to", "make a key, and use simpleenroll");
	err = enrol_verdict_of(s, csr_sealing_read(ask->csr, &sealing,
	    &s->result->why), ENROL_MALFORMED);
	if (!err && !enrol_decided(s->result))
		err = enrol_est_label(s, ask->label);
	if (!err && !enrol_decided(s->result))
		err = product_check_made(s);
	if (!err && !enrol_decided(s->result))
		err = recipient_find(s, &to, &certificate);
	if (!err && !enrol_decided(s->result))
		err = sealing_check(s, &sealing, &to.key);
	return err || enrol_decided(s->result) ? err : key_issue(s, &to);
}
