#include <limits.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "device/adapters/openssl/internal.h"
#include "lib/base/bytes.h"

/* The count makes a guess dear, and a reader on a small device wait a
 * second. */
#define ITERATIONS	100000
#define MAC_SALT_SIZE	16

/* What goes out. */
struct export {
	EVP_PKEY	*key;
	X509		*leaf;
	STACK_OF(X509)	*chain;		/* issuing CAs, then the root */
	BIO		*out;		/* wiped when it is freed */
};

static void
export_release(struct export *e)
{
	EVP_PKEY_free(e->key);
	X509_free(e->leaf);
	certs_release(e->chain);
	BIO_free(e->out);
	ERR_clear_error();
}
#define _cleanup_export_ __attribute__((cleanup(export_release)))

static bool
export_open(struct export *e, const struct imprint_device_identity *id,
    const struct imprint_device_key *key)
{
	X509 *root;

	e->key = adapter_private(key);
	e->leaf = adapter_certificate(key->certificate);
	e->out = BIO_new(BIO_s_mem());
	if (e->key == NULL || e->leaf == NULL || e->out == NULL ||
	    X509_check_private_key(e->leaf, e->key) != 1)
		return false;
	e->chain = adapter_issuers(id, e->leaf);
	root = adapter_certificate(id->certs[id->root]);
	if (e->chain != NULL && root != NULL &&
	    sk_X509_push(e->chain, root) > 0)
		return true;
	X509_free(root);
	return false;
}

static int
export_close(struct export *e, uint8_t *out, size_t size, size_t *ret_len)
{
	char *content;
	long len = BIO_get_mem_data(e->out, &content);

	if (len <= 0 || (size_t)len > size)
		return -1;
	memcpy(out, content, (size_t)len);
	*ret_len = (size_t)len;
	return 0;
}

int
imprint_openssl_export_pem(const struct imprint_device_identity *id,
    const struct imprint_device_key *key, uint8_t *out, size_t size,
    size_t *ret_len)
{
	_cleanup_export_ struct export e = { .key = NULL };
	bool good;
	int i;

	good = export_open(&e, id, key) && PEM_write_bio_PKCS8PrivateKey(
	    e.out, e.key, NULL, NULL, 0, NULL, NULL) == 1 &&
	    PEM_write_bio_X509(e.out, e.leaf) == 1;
	for (i = 0; good && i < sk_X509_num(e.chain); i++)
		good = PEM_write_bio_X509(e.out,
		    sk_X509_value(e.chain, i)) == 1;
	return good ? export_close(&e, out, size, ret_len) : -1;
}

bool
imprint_openssl_password_fits(const char *password)
{
	return password[0] != '\0' && bytes_is_plain(bytes_text(password));
}

int
imprint_openssl_export_pkcs12(const struct imprint_device_identity *id,
    const struct imprint_device_key *key, const char *password,
    const char *name, uint8_t *out, size_t size, size_t *ret_len)
{
	_cleanup_export_ struct export e = { .key = NULL };
	PKCS12 *p12 = NULL;
	bool good;

	if (!imprint_openssl_password_fits(password) ||
	    !export_open(&e, id, key))
		return -1;
	/* without its MAC, which would be SHA-1 for some builds */
	p12 = PKCS12_create(password, name, e.key, e.leaf, e.chain,
	    NID_aes_256_cbc, NID_aes_256_cbc, ITERATIONS, -1, 0);
	good = p12 != NULL && PKCS12_set_mac(p12, password, -1, NULL,
	    MAC_SALT_SIZE, ITERATIONS, EVP_sha256()) == 1 &&
	    i2d_PKCS12_bio(e.out, p12) == 1;
	PKCS12_free(p12);
	return good ? export_close(&e, out, size, ret_len) : -1;
}
