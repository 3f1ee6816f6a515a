#include "lib/identity/package.h"

#include <stdlib.h>

#include "lib/base/cbor_write.h"

#define EXPORT_LABEL	"imprint package"
#define AAD_MAX		192
#define SECRET_OVERHEAD	512	/* keys and heads of a sealed package */

static const uint8_t nonce_zero[12];

/* What both sides share: the context, the AEAD and the binding's AAD. */
struct binder {
	struct hpke	*hpke;
	struct aead	*aead;
	struct buf	 aad;
	struct package_binding binding;
};

static enum err
binder_key(struct binder *b, uint64_t index, uint8_t *ret_key)
{
	uint8_t context[sizeof(EXPORT_LABEL) - 1 + 8];

	memcpy(context, EXPORT_LABEL, sizeof(EXPORT_LABEL) - 1);
	put_be64(context + sizeof(EXPORT_LABEL) - 1, index);
	return hpke_export(b->hpke, bytes_of(context, sizeof(context)),
	    ret_key, HPKE_KEY_SIZE);
}

static enum err
binder_aad(struct binder *b, uint64_t index,
    const uint8_t commitment[SHA256_SIZE])
{
	buf_clear(&b->aad);
	cbor_put_array(&b->aad, 6);
	cbor_put_bstr(&b->aad, bytes_of(b->binding.pack, PACKAGE_ID_SIZE));
	cbor_put_bstr(&b->aad, bytes_of(b->binding.order, PACKAGE_ID_SIZE));
	cbor_put_uint(&b->aad, index);
	cbor_put_bstr(&b->aad, bytes_of(b->binding.product, SHA256_SIZE));
	cbor_put_bstr(&b->aad, bytes_of(commitment, SHA256_SIZE));
	cbor_put_bstr(&b->aad, bytes_of(b->binding.recipient, SHA256_SIZE));
	return buf_err(&b->aad);
}

static void
binder_release(struct binder *b)
{
	hpke_free(&b->hpke);
	aead_free(&b->aead);
	buf_release(&b->aad);
}

struct package_sealer {
	struct binder	binder;
	struct secret	plaintext;
};

enum err
package_sealer_new(struct package_sealer **ret_sealer, struct diag *diag)
{
	_cleanup_sealer_ struct package_sealer *sealer = NULL;
	enum err err;

	sealer = calloc(1, sizeof(*sealer));
	if (sealer == NULL)
		return diag_nomem(diag);
	sealer->binder.aad.limit = AAD_MAX;
	err = secret_alloc(&sealer->plaintext, PACKAGE_SIZE_MAX);
	if (err)
		return diag_nomem(diag);
	err = aead_new(&sealer->binder.aead, diag);
	if (err)
		return err;
	*ret_sealer = sealer;
	sealer = NULL;	/* transferred */
	return ERR_OK;
}

void
package_sealer_free(struct package_sealer **sealer)
{
	if (*sealer == NULL)
		return;
	binder_release(&(*sealer)->binder);
	secret_release(&(*sealer)->plaintext);
	free(*sealer);
	*sealer = NULL;
}

enum err
package_sealer_begin(struct package_sealer *sealer,
    const struct package_binding *binding, const struct public_key *recipient,
    uint8_t ret_enc[HPKE_ENC_MAX], size_t *ret_enc_len, struct diag *diag)
{
	sealer->binder.binding = *binding;
	return hpke_sender_renew(&sealer->binder.hpke, recipient,
	    bytes_text(EXPORT_LABEL), ret_enc, ret_enc_len, diag);
}

/* CBOR heads into a small fixed builder on the stack, then into the secret:
 * private keys never pass through growing memory. */
struct head {
	uint8_t		room[32];
	struct buf	buf;
};

static void
head_start(struct head *head)
{
	head->buf = (struct buf){ .ptr = head->room,
	    .cap = sizeof(head->room), .limit = sizeof(head->room) };
}

static enum err
secret_put_head(struct secret *out, struct head *head)
{
	enum err err;

	err = buf_err(&head->buf);
	if (err)
		return err;
	err = secret_put(out, buf_bytes(&head->buf));
	head->buf.len = 0;
	return err;
}

static enum err
keys_put(struct secret *out, const struct package_key *keys, size_t count)
{
	struct head head;
	size_t i;
	enum err err;

	head_start(&head);
	cbor_put_array(&head.buf, count);
	err = secret_put_head(out, &head);
	for (i = 0; i < count && !err; i++) {
		cbor_put_array(&head.buf, 3);
		cbor_put_uint(&head.buf, keys[i].slot);
		cbor_put_uint(&head.buf, keys[i].alg);
		cbor_put_bstr_head(&head.buf, keys[i].private.len);
		err = secret_put_head(out, &head);
		if (!err)
			err = secret_put(out, keys[i].private);
	}
	return err;
}

static enum err
plaintext_put(struct secret *out, struct bytes document,
    const struct package_key *keys, size_t count)
{
	struct head head;
	enum err err;

	head_start(&head);
	cbor_put_array(&head.buf, 2);
	cbor_put_bstr_head(&head.buf, document.len);
	err = secret_put_head(out, &head);
	if (!err)
		err = secret_put(out, document);
	if (!err)
		err = keys_put(out, keys, count);
	return err;
}

enum err
package_seal(struct package_sealer *sealer, uint64_t index,
    const uint8_t commitment[SHA256_SIZE], struct bytes document,
    const struct package_key *keys, size_t key_count, struct buf *out,
    struct diag *diag)
{
	uint8_t key[HPKE_KEY_SIZE];
	enum err err;

	sealer->plaintext.len = 0;
	err = plaintext_put(&sealer->plaintext, document, keys, key_count);
	if (!err)
		err = binder_aad(&sealer->binder, index, commitment);
	if (!err)
		err = binder_key(&sealer->binder, index, key);
	if (!err)
		err = aead_seal(sealer->binder.aead, key, nonce_zero,
		    buf_bytes(&sealer->binder.aad),
		    secret_bytes(&sealer->plaintext), out);
	wipe(key, sizeof(key));
	if (err)
		return diag_fail(diag, err, "RFC 9180 5.3",
		    "package %llu: cannot be sealed",
		    (unsigned long long)index);
	return ERR_OK;
}

struct package_opener {
	struct binder	binder;
	struct secret	inside;		/* empty between two packages */
};

enum err
package_opener_new(const struct package_binding *binding, enum key_alg alg,
    struct bytes private, struct bytes enc,
    struct package_opener **ret_opener, struct diag *diag)
{
	_cleanup_opener_ struct package_opener *opener = NULL;
	enum err err;

	opener = calloc(1, sizeof(*opener));
	if (opener == NULL)
		return diag_nomem(diag);
	opener->binder.aad.limit = AAD_MAX;
	opener->binder.binding = *binding;
	err = aead_new(&opener->binder.aead, diag);
	if (!err)
		err = hpke_recipient_new(alg, private, enc,
		    bytes_text(EXPORT_LABEL), &opener->binder.hpke, diag);
	if (err)
		return err;
	*ret_opener = opener;
	opener = NULL;	/* transferred */
	return ERR_OK;
}

void
package_opener_free(struct package_opener **opener)
{
	if (*opener == NULL)
		return;
	binder_release(&(*opener)->binder);
	secret_release(&(*opener)->inside);
	free(*opener);
	*opener = NULL;
}

/* The sealed part's two items go on as they are, between head and certs. */
static enum err
device_form_put(struct bytes inside, const struct bytes *certs,
    size_t cert_count, struct secret *out, struct diag *diag)
{
	struct bytes document, keys;
	struct head head;
	struct cbor cbor;
	size_t i;
	enum err err;

	cbor_open(&cbor, inside);
	cbor_get_array_sized(&cbor, 2);
	document = cbor_get_item(&cbor);
	keys = cbor_get_item(&cbor);
	if (!cbor_close(&cbor))
		return diag_fail(diag, ERR_SYNTAX, NULL, "package: %s",
		    cbor.error);
	head_start(&head);
	cbor_put_array(&head.buf, 5);
	cbor_put_text(&head.buf, PACKAGE_MAGIC);
	cbor_put_uint(&head.buf, PACKAGE_VERSION);
	err = secret_put_head(out, &head);
	if (!err)
		err = secret_put(out, document);
	if (!err)
		err = secret_put(out, keys);
	cbor_put_array(&head.buf, cert_count);
	if (!err)
		err = secret_put_head(out, &head);
	for (i = 0; i < cert_count && !err; i++) {
		cbor_put_bstr_head(&head.buf, certs[i].len);
		err = secret_put_head(out, &head);
		if (!err)
			err = secret_put(out, certs[i]);
	}
	return err;
}

static size_t
certs_size(const struct bytes *certs, size_t count)
{
	size_t i, size = 0;

	for (i = 0; i < count; i++)
		size += certs[i].len + 5;
	return size;
}

/* The sealed part, into the opener's own room. */
static enum err
inside_open(struct package_opener *opener, uint64_t index,
    const uint8_t commitment[SHA256_SIZE], struct bytes sealed)
{
	uint8_t key[HPKE_KEY_SIZE];
	enum err err;

	err = secret_reserve(&opener->inside, sealed.len + HPKE_TAG_SIZE);
	if (!err)
		err = binder_aad(&opener->binder, index, commitment);
	if (!err)
		err = binder_key(&opener->binder, index, key);
	if (!err)
		err = aead_open(opener->binder.aead, key, nonce_zero,
		    buf_bytes(&opener->binder.aad), sealed, &opener->inside);
	wipe(key, sizeof(key));
	return err;
}

enum err
package_open(struct package_opener *opener, uint64_t index,
    const uint8_t commitment[SHA256_SIZE], struct bytes sealed,
    const struct bytes *certs, size_t cert_count, struct secret *out,
    struct diag *diag)
{
	enum err err;

	if (sealed.len > PACKAGE_SIZE_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "package %llu: larger than %zu octets",
		    (unsigned long long)index, PACKAGE_SIZE_MAX);
	err = secret_reserve(out, sealed.len + SECRET_OVERHEAD +
	    certs_size(certs, cert_count));
	if (!err)
		err = inside_open(opener, index, commitment, sealed);
	if (err == ERR_AUTH) {
		secret_release(out);
		return diag_fail(diag, err, "RFC 9180 5.2",
		    "package %llu: altered, moved or not sealed to this key",
		    (unsigned long long)index);
	}
	if (!err)
		err = device_form_put(secret_bytes(&opener->inside), certs,
		    cert_count, out, diag);
	secret_clear(&opener->inside);
	if (!err)
		return ERR_OK;
	secret_release(out);
	return diag_fail(diag, err, NULL, "package %llu: cannot be opened",
	    (unsigned long long)index);
}
