#include "device/src/internal.h"

#define MAGIC	"imprint-package"
#define NOT_ONE	"not a package"

#define MAKER_STATION	3	/* and authority: 4 */

/* [slot, alg, private] of a key that the document lists without it. */
static void
private_read(struct cbor *c, struct imprint_device_identity *id)
{
	const struct algorithm *a;
	struct imprint_device_key *key = NULL;
	struct bytes secret;
	uint64_t slot, alg;
	size_t i;

	cbor_get_array_sized(c, 3);
	slot = cbor_get_uint(c);
	alg = cbor_get_uint(c);
	secret = cbor_get_bstr(c);
	for (i = 0; i < id->key_count; i++)
		if (id->keys[i].slot == slot)
			key = &id->keys[i];
	if (!cbor_ok(c))
		return;
	if (key == NULL || key->private_key.len > 0 ||
	    key->maker < MAKER_STATION) {
		cbor_fail(c, "private key: its slot has none in the document"
		    " or two here");
		return;
	}
	a = imprint_device_algorithm(alg);
	if (a == NULL || (key->public_key.x.len > 0 &&
	    key->public_key.alg != a->alg)) {
		cbor_fail(c, "private key: algorithm differs from the"
		    " document's");
		return;
	}
	if (secret.len == 0 || secret.len > a->private_len ||
	    (secret.len < a->private_len && !a->private_shorter)) {
		cbor_fail(c, "private key: of another length");
		return;
	}
	key->public_key.alg = a->alg;
	key->private_key = export(secret);
}

static void
privates_read(struct cbor *c, struct imprint_device_identity *id)
{
	size_t i, count = cbor_get_array(c);

	for (i = 0; i < count && cbor_ok(c); i++)
		private_read(c, id);
	for (i = 0; i < id->key_count && cbor_ok(c); i++)
		if (id->keys[i].maker >= MAKER_STATION &&
		    id->keys[i].private_key.len == 0)
			cbor_fail(c, "private key: one is missing");
}

static void
certs_read(struct cbor *c, struct imprint_device_identity *id)
{
	size_t i, count = cbor_get_array(c);

	if (count > IMPRINT_DEVICE_CERTS_MAX)
		cbor_fail(c, "more than eight certificates");
	for (i = 0; i < count && cbor_ok(c); i++)
		id->certs[i] = export(cbor_get_bstr(c));
	id->cert_count = i;
}

size_t
imprint_device_head_read(struct cbor *c, struct imprint_bytes package,
    const char *magic, const char *not_one, uint64_t *ret_version)
{
	size_t count;

	cbor_open(c, view(package));
	count = cbor_get_array(c);
	if (!bytes_equal(cbor_get_tstr(c), bytes_text(magic)))
		cbor_fail(c, not_one);
	*ret_version = cbor_get_uint(c);
	return count;
}

uint64_t
imprint_device_package_version(struct imprint_bytes package)
{
	uint64_t version;
	struct cbor c;

	(void)imprint_device_head_read(&c, package, MAGIC, NOT_ONE,
	    &version);
	return cbor_ok(&c) ? version : 0;
}

/* The document and what is around it, into an identity that is all zero. */
static enum imprint_device_verdict
package_read(struct imprint_bytes package, struct imprint_device_identity *id,
    const char **ret_reason)
{
	enum imprint_device_verdict verdict;
	uint64_t version;
	struct bytes document;
	struct cbor c;
	size_t count;

	count = imprint_device_head_read(&c, package, MAGIC, NOT_ONE,
	    &version);
	if (cbor_ok(&c) && version != IMPRINT_DEVICE_PACKAGE_VERSION) {
		*ret_reason = "package: of a version that is not known";
		return IMPRINT_DEVICE_DENY_UNSUPPORTED;
	}
	if (count != 5)
		cbor_fail(&c, "package: not of five elements");
	document = cbor_get_bstr(&c);
	if (!cbor_ok(&c)) {
		*ret_reason = c.error;
		return IMPRINT_DEVICE_DENY_MALFORMED;
	}
	verdict = imprint_device_document_read(document, id, ret_reason);
	if (verdict != IMPRINT_DEVICE_ACCEPT)
		return verdict;
	privates_read(&c, id);
	certs_read(&c, id);
	if (!cbor_close(&c)) {
		*ret_reason = c.error;
		return IMPRINT_DEVICE_DENY_MALFORMED;
	}
	id->package = package;
	return IMPRINT_DEVICE_ACCEPT;
}

enum imprint_device_verdict
imprint_device_open(struct imprint_bytes package,
    struct imprint_device_identity *ret_identity, const char **ret_reason)
{
	enum imprint_device_verdict verdict;

	memset(ret_identity, 0, sizeof(*ret_identity));
	if (package.len == 0 || package.len > IMPRINT_DEVICE_PACKAGE_MAX) {
		*ret_reason = package.len == 0 ? "package: empty" :
		    "package: larger than 64 KB";
		return IMPRINT_DEVICE_DENY_MALFORMED;
	}
	verdict = package_read(package, ret_identity, ret_reason);
	if (verdict != IMPRINT_DEVICE_ACCEPT)
		memset(ret_identity, 0, sizeof(*ret_identity));
	return verdict;
}
