#include "bench/device.h"

#include <openssl/pem.h>
#include <unistd.h>

#include "lib/authority/lookup.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"
#include "lib/crypto/cose.h"
#include "lib/crypto/random.h"
#include "lib/identity/document.h"

#define KEYS	2	/* a doorbell's: P-256, X25519 */

static void
identity_release(struct device_identity *identity)
{
	buf_release(&identity->leaf);
	X509_free(identity->certificate);
	EVP_PKEY_free(identity->key);
	signer_free(&identity->signer);
	*identity = (struct device_identity){ .leaf = BUF_INIT };
}

void
device_release(struct device *device)
{
	identity_release(&device->present);
	identity_release(&device->next);
	buf_release(&device->request);
	SSL_SESSION_free(device->session);
}

static enum err
identity_key(struct device_identity *identity, struct bytes private,
    struct diag *diag)
{
	_cleanup_secret_ struct secret pem = SECRET_INIT;
	BIO *bio = NULL;
	enum err err;

	err = signer_new(KEY_P256, private, &identity->signer, diag);
	if (!err)
		err = private_key_put_pem(KEY_P256, private, &pem, diag);
	if (!err)
		bio = BIO_new_mem_buf(secret_bytes(&pem).ptr,
		    (int)secret_bytes(&pem).len);
	if (bio != NULL)
		identity->key = PEM_read_bio_PrivateKey(bio, NULL, NULL,
		    NULL);
	BIO_free(bio);
	return err || identity->key != NULL ? err :
	    diag_fail(diag, ERR_CRYPTO, NULL, "device: key");
}

static enum err
identity_leaf(struct device_identity *identity, struct bytes leaf,
    struct diag *diag)
{
	const uint8_t *at = leaf.ptr;

	buf_put_bytes(&identity->leaf, leaf);
	identity->certificate = d2i_X509(NULL, &at, (long)leaf.len);
	return identity->certificate != NULL ? ERR_OK :
	    diag_fail(diag, ERR_CRYPTO, NULL, "device: certificate");
}

enum err
device_birth(struct device *device, const uint8_t private[KEY_PRIVATE_SIZE],
    struct diag *diag)
{
	device->present.leaf = device->next.leaf = device->request =
	    (struct buf)BUF_INIT;
	return identity_key(&device->present, bytes_of(private,
	    KEY_PRIVATE_SIZE), diag);
}

enum err
devices_leaves(struct authority *authority, struct device *devices,
    size_t count, struct diag *diag)
{
	_cleanup_lookup_ struct lookup *lookup = NULL;
	_cleanup_buf_ struct buf root = BUF_INIT;
	struct address address = { LOG_BULK_NUMBER, 0 };
	const struct template *template;
	struct identity identity;
	struct store_range range;
	enum err err;

	err = lookup_new(authority, &lookup, diag);
	if (!err)
		err = authority_certificate(authority, KEY_ROOT, &root, diag);
	for (; address.index < count && !err; address.index++) {
		err = lookup_get(lookup, &address, &identity, &range,
		    &template, diag);
		if (!err)
			err = identity_leaf(&devices[address.index].present,
			    identity.certificate[0], diag);
		if (!err)
			err = sha256_once(buf_bytes(&root),
			    devices[address.index].root);
	}
	return err;
}

/* [slot, COSE_Key, proof] */
static enum err
key_put(const struct device *device, const uint8_t *id, unsigned slot,
    const struct public_key *key, struct signer *signer, struct buf *out)
{
	_cleanup_buf_ struct buf context = BUF_INIT;
	uint8_t proof[SIGNATURE_SIZE];
	enum err err;

	cbor_put_array(out, 3);
	cbor_put_uint(out, slot);
	cose_key_put(out, key);
	if (signer == NULL) {
		cbor_put_null(out);
		return buf_err(out);
	}
	err = device_key_put_context(&context, device->root, id, slot, key);
	if (!err)
		err = signer_sign(signer, buf_bytes(&context), proof);
	if (!err)
		cbor_put_bstr(out, bytes_of(proof, sizeof(proof)));
	return err ? err : buf_err(out);
}

/* New keys, the first of which is the next identity's. */
static enum err
keys_put(struct device *device, const uint8_t *id, struct buf *out,
    struct diag *diag)
{
	_cleanup_secret_ struct secret private = SECRET_INIT,
	    other = SECRET_INIT;
	struct public_key keys[KEYS];
	enum err err;

	err = key_pair_make(KEY_P256, &keys[0], &private, diag);
	if (!err)
		err = key_pair_make(KEY_X25519, &keys[1], &other, diag);
	if (!err)
		err = identity_key(&device->next, secret_bytes(&private),
		    diag);
	cbor_put_array(out, 2);
	cbor_put_array(out, KEYS);
	if (!err)
		err = key_put(device, id, 0, &keys[0], device->next.signer,
		    out);
	if (!err)
		err = key_put(device, id, 1, &keys[1], NULL, out);
	cbor_put_null(out);
	return err ? err : buf_err(out);
}

enum err
device_ask(struct device *device, enum device_request_type type,
    struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT, signed_one = BUF_INIT;
	uint8_t id[DEVICE_REQUEST_ID_SIZE];
	enum err err;

	err = random_bytes(id, sizeof(id), diag);
	if (!err && type == DEVICE_CONFIRM)
		cbor_put_bstr(&body, bytes_of(device->package, SHA256_SIZE));
	else if (!err)
		err = keys_put(device, id, &body, diag);
	if (!err)
		err = device_request_sign(device->root, id, type, time_now(),
		    buf_bytes(&body), buf_bytes(&device->present.leaf),
		    device->present.signer, &signed_one, diag);
	buf_clear(&device->request);
	buf_printf(&device->request, "POST /v1/identity HTTP/1.1\r\nHost: a"
	    "\r\nContent-Type: " DEVICE_REQUEST_TYP "\r\nContent-Length: %zu"
	    "\r\n\r\n", signed_one.len);
	buf_put_bytes(&device->request, buf_bytes(&signed_one));
	device->asked = type;
	return err ? err : buf_err(&device->request);
}

void
device_job(const struct device *device, struct client_job *job)
{
	*job = (struct client_job){ .leaf = device->present.certificate,
		.key = device->present.key,
		.request = buf_bytes(&device->request), .fd = -1,
		.reply = BUF_INIT };
}

void
client_job_release(struct client_job *job)
{
	if (job->fd >= 0)
		(void)close(job->fd);
	SSL_SESSION_free(job->session);
	job->session = NULL;
	buf_release(&job->reply);
}

SSL_SESSION *
steal_session(struct device *device)
{
	SSL_SESSION *session = device->session;

	device->session = NULL;
	return session;
}

/* What was asked for is installed. */
static enum err
package_take(struct device *device, struct bytes package, struct diag *diag)
{
	struct document document;
	struct cbor cbor;
	enum err err;

	cbor_open(&cbor, package);
	cbor_get_array_sized(&cbor, 5);
	cbor_skip(&cbor);
	cbor_skip(&cbor);
	err = document_parse(cbor_get_bstr(&cbor), &document, diag);
	if (!err)
		err = sha256_once(package, device->package);
	if (!err)
		err = identity_leaf(&device->next, document.keys[0].certificate,
		    diag);
	if (err)
		return err;
	identity_release(&device->present);
	device->present = device->next;
	device->next = (struct device_identity){ .leaf = BUF_INIT };
	return ERR_OK;
}

enum err
device_answered(struct device *device, struct client_job *job,
    struct diag *diag)
{
	struct cbor cbor;

	SSL_SESSION_free(device->session);
	device->session = job->session;
	job->session = NULL;
	cbor_open(&cbor, client_body(job));
	cbor_get_array_sized(&cbor, 4);
	cbor_skip(&cbor);
	if (device->asked == DEVICE_CONFIRM)
		return cbor_ok(&cbor) ? ERR_OK : diag_fail(diag, ERR_SYNTAX,
		    NULL, "device: answer");
	return package_take(device, cbor_get_bstr(&cbor), diag);
}
