#include "device/src/certificate.h"

#define HASH_SIZE	IMPRINT_DEVICE_HASH_SIZE

/* One verification on its way. */
struct work {
	const struct imprint_device_crypto	*crypto;
	const struct imprint_device_trust	*trust;
	struct imprint_device_identity		*id;
	struct imprint_device_report		*report;
	uint32_t				 used;	/* of id->certs */
	int64_t					 not_before;
	/* of the signer */
	struct imprint_device_public		 signer;
};

/* Refuse; for "return deny(...)". */
static enum imprint_device_error
deny(struct work *w, enum imprint_device_verdict verdict, const char *reason)
{
	w->report->verdict = verdict;
	w->report->reason = reason;
	return IMPRINT_DEVICE_OK;
}

/* A step's outcome; false when verification ends here. */
static bool
step_done(struct work *w, enum imprint_device_step step,
    enum imprint_device_error error)
{
	if (error != IMPRINT_DEVICE_OK) {
		(void)deny(w, IMPRINT_DEVICE_DENY,
		    "the cryptographic library failed");
		return false;
	}
	w->report->step[step] = w->report->verdict;
	return w->report->verdict == IMPRINT_DEVICE_ACCEPT;
}

static bool
public_equal(const struct imprint_device_public *a,
    const struct imprint_device_public *b)
{
	return a->x.len > 0 && a->alg == b->alg &&
	    bytes_equal(view(a->x), view(b->x)) &&
	    bytes_equal(view(a->y), view(b->y));
}

/* Does the document name this certificate as a trust anchor? */
static bool
anchor_named(const struct imprint_device_identity *id,
    const uint8_t hash[HASH_SIZE])
{
	struct imprint_bytes purpose, named;
	size_t n;

	for (n = 0; imprint_device_anchor_at(id, n, &purpose, &named); n++)
		if (bytes_equal(view(named), bytes_of(hash, HASH_SIZE)))
			return true;
	return false;
}

static enum imprint_device_error
root_check(struct work *w)
{
	struct imprint_device_identity *id = w->id;
	uint8_t hash[HASH_SIZE];
	bool other = false;
	size_t i;

	for (i = 0; i < id->cert_count; i++) {
		if (w->crypto->sha256(w->crypto->state, &id->certs[i], 1,
		    hash) != 0)
			return IMPRINT_DEVICE_ERROR_CRYPTO;
		if (!anchor_named(id, hash))
			continue;
		if (w->trust->root != NULL &&
		    memcmp(hash, w->trust->root, HASH_SIZE) != 0) {
			other = true;
			continue;
		}
		id->root = i;
		w->used |= UINT32_C(1) << i;
		memcpy(w->report->root, hash, HASH_SIZE);
		return deny(w, IMPRINT_DEVICE_ACCEPT, "");
	}
	if (other)
		return deny(w, IMPRINT_DEVICE_DENY_OTHER_ROOT,
		    "its root is not the one this device is bound to");
	return deny(w, IMPRINT_DEVICE_DENY_NO_ROOT,
	    "no certificate with it is a trust anchor of its document");
}

/* A chain to the root; its times narrow those of the whole. */
static enum imprint_device_error
chain_check(struct work *w, struct imprint_bytes leaf, enum path_use use,
    enum imprint_device_verdict verdict)
{
	struct path path;

	if (imprint_device_path_find(w->crypto, w->id, view(leaf), use,
	    &path) != 0)
		return IMPRINT_DEVICE_ERROR_CRYPTO;
	if (path.reason != NULL)
		return deny(w, verdict, path.reason);
	w->used |= path.used;
	if (path.not_before > w->not_before)
		w->not_before = path.not_before;
	if (path.not_after < w->report->expires)
		w->report->expires = path.not_after;
	return deny(w, IMPRINT_DEVICE_ACCEPT, "");
}

/* Read all certificates; which is the signer's? cert_count: none is. Parsed
 * here alone, to have room on the stack again for the path. */
static enum imprint_device_error
signer_find(struct work *w, size_t *ret_n)
{
	const struct imprint_device_identity *id = w->id;
	uint8_t kid[HASH_SIZE];
	struct certificate c;
	const char *reason;
	size_t i;

	*ret_n = id->cert_count;
	for (i = 0; i < id->cert_count; i++) {
		reason = imprint_device_certificate_read(view(id->certs[i]),
		    &c);
		if (reason != NULL)
			return deny(w, IMPRINT_DEVICE_DENY_SIGNER, reason);
		if (*ret_n < i || c.key.alg != IMPRINT_DEVICE_P256)
			continue;
		if (imprint_device_thumbprint(w->crypto, &c.key, kid) != 0)
			return IMPRINT_DEVICE_ERROR_CRYPTO;
		if (!bytes_equal(view(id->kid), bytes_of(kid, HASH_SIZE)))
			continue;
		*ret_n = i;
		w->signer = c.key;
	}
	if (*ret_n == id->cert_count)
		return deny(w, IMPRINT_DEVICE_DENY_SIGNER,
		    "no certificate with it is for the key that signed it");
	return IMPRINT_DEVICE_OK;
}

static enum imprint_device_error
signer_check(struct work *w)
{
	enum imprint_device_error error;
	size_t n;

	error = signer_find(w, &n);
	if (error != IMPRINT_DEVICE_OK ||
	    w->report->verdict != IMPRINT_DEVICE_ACCEPT)
		return error;
	w->used |= UINT32_C(1) << n;
	return chain_check(w, w->id->certs[n], PATH_DOCUMENT,
	    IMPRINT_DEVICE_DENY_SIGNER);
}

/* With a receipt the payload is the root (RFC 9942 5.2). */
static enum imprint_device_error
signature_check(struct work *w)
{
	struct imprint_bytes payload = w->id->claims;
	uint8_t root[HASH_SIZE];
	bool good;

	if (w->id->receipt.present) {
		if (imprint_device_receipt_root(w->crypto, w->id, root) != 0)
			return IMPRINT_DEVICE_ERROR_CRYPTO;
		payload.ptr = root;
		payload.len = sizeof(root);
	}
	if (imprint_device_sign1_verify(w->crypto, &w->signer,
	    w->id->protected_header, payload, w->id->signature.ptr,
	    &good) != 0)
		return IMPRINT_DEVICE_ERROR_CRYPTO;
	if (!good)
		return deny(w, IMPRINT_DEVICE_DENY_SIGNATURE,
		    "the document's signature is not its signer's: altered"
		    " or forged");
	return deny(w, IMPRINT_DEVICE_ACCEPT, "");
}

/* The key that a device certificate is for. */
static enum imprint_device_error
certificate_key(struct work *w, struct bytes der,
    struct imprint_device_public *ret_key)
{
	struct certificate c;
	const char *reason;

	reason = imprint_device_certificate_read(der, &c);
	if (reason != NULL)
		return deny(w, IMPRINT_DEVICE_DENY_CERTIFICATE, reason);
	*ret_key = c.key;
	return IMPRINT_DEVICE_OK;
}

static enum imprint_device_error
certificate_check(struct work *w, struct imprint_device_key *key)
{
	struct imprint_device_public found;
	enum imprint_device_error error;

	error = certificate_key(w, view(key->certificate), &found);
	if (error != IMPRINT_DEVICE_OK ||
	    w->report->verdict != IMPRINT_DEVICE_ACCEPT)
		return error;
	if (!w->crypto->supports(w->crypto->state, found.alg))
		return deny(w, IMPRINT_DEVICE_DENY_UNSUPPORTED,
		    "the cryptographic library lacks a key's algorithm");
	error = chain_check(w, key->certificate,
	    key->purpose == IMPRINT_DEVICE_AUTHENTICATE ?
	    PATH_CLIENT : PATH_ANY, IMPRINT_DEVICE_DENY_CERTIFICATE);
	if (error != IMPRINT_DEVICE_OK ||
	    w->report->verdict != IMPRINT_DEVICE_ACCEPT)
		return error;
	if (key->private_key.len > 0 && found.alg != key->public_key.alg)
		return deny(w, IMPRINT_DEVICE_DENY_CERTIFICATE,
		    "a device certificate is for a key of another kind");
	key->public_key = found;
	return IMPRINT_DEVICE_OK;
}

static enum imprint_device_error
certificates_check(struct work *w)
{
	enum imprint_device_error error;
	size_t i;

	for (i = 0; i < w->id->key_count; i++) {
		if (w->id->keys[i].certificate.len == 0)
			continue;
		error = certificate_check(w, &w->id->keys[i]);
		if (error != IMPRINT_DEVICE_OK ||
		    w->report->verdict != IMPRINT_DEVICE_ACCEPT)
			return error;
	}
	if (w->used != (UINT32_C(1) << w->id->cert_count) - 1)
		return deny(w, IMPRINT_DEVICE_DENY_CERTIFICATE,
		    "a certificate with it belongs to no chain");
	return IMPRINT_DEVICE_OK;
}

/*
 * X25519 overlooks five bits of a private key (RFC 7748 5); they must be as
 * its decoding sets them, so that a package says one thing in one way.
 */
static bool
private_canonical(const struct imprint_device_key *key)
{
	const uint8_t *k = key->private_key.ptr;

	return key->public_key.alg != IMPRINT_DEVICE_X25519 ||
	    ((k[0] & 7) == 0 && (k[31] & 0xc0) == 0x40);
}

/* The private key of a key that is with it, or in this device. */
static enum imprint_device_error
key_check(struct work *w, const struct imprint_device_key *key)
{
	static const struct imprint_device_public none;
	const struct imprint_device_keystore *keys = w->trust->keys;
	uint8_t room[IMPRINT_DEVICE_HELD_SIZE];
	struct imprint_device_public held = none;
	bool match = false;

	if (key->private_key.len == 0 && keys == NULL)
		return deny(w, IMPRINT_DEVICE_ACCEPT, "");
	if (key->private_key.len == 0) {
		if (keys->get(keys->state, key->slot, room, &held) != 0)
			return IMPRINT_DEVICE_ERROR_CRYPTO;
		if (!public_equal(&held, &key->public_key))
			return deny(w, IMPRINT_DEVICE_DENY_KEYS, "a private"
			    " key that was made in a device is not in this"
			    " one");
		return deny(w, IMPRINT_DEVICE_ACCEPT, "");
	}
	if (!w->crypto->supports(w->crypto->state, key->public_key.alg))
		return deny(w, IMPRINT_DEVICE_DENY_UNSUPPORTED,
		    "the cryptographic library lacks a key's algorithm");
	if (w->crypto->matches(w->crypto->state, &key->public_key,
	    key->private_key, &match) != 0)
		return IMPRINT_DEVICE_ERROR_CRYPTO;
	if (!match || !private_canonical(key))
		return deny(w, IMPRINT_DEVICE_DENY_KEYS, "a private key is"
		    " not that of the document's public key");
	return deny(w, IMPRINT_DEVICE_ACCEPT, "");
}

static enum imprint_device_error
keys_check(struct work *w)
{
	const struct imprint_device_key *key;
	enum imprint_device_error error;
	size_t i, authenticate = 0;

	for (i = 0; i < w->id->key_count; i++) {
		key = &w->id->keys[i];
		if (key->purpose == IMPRINT_DEVICE_AUTHENTICATE) {
			authenticate++;
			if (!public_equal(&key->public_key,
			    &w->id->confirmation))
				return deny(w, IMPRINT_DEVICE_DENY_KEYS,
				    "cnf is not the authentication key");
		}
		error = key_check(w, key);
		if (error != IMPRINT_DEVICE_OK ||
		    w->report->verdict != IMPRINT_DEVICE_ACCEPT)
			return error;
	}
	if (authenticate != 1)
		return deny(w, IMPRINT_DEVICE_DENY_KEYS,
		    "the document has no or two authentication keys");
	return IMPRINT_DEVICE_OK;
}

/*
 * The document's issue is a time that has been: whoever trusts its signer
 * knows that it is not earlier now.
 */
static enum imprint_device_error
times_check(struct work *w)
{
	struct imprint_device_report *report = w->report;
	int64_t now = w->trust->now;

	report->floor = w->trust->floor > w->id->issued ? w->trust->floor :
	    w->id->issued;
	if (report->floor > report->expires ||
	    (now >= report->floor && now > report->expires))
		return deny(w, IMPRINT_DEVICE_DENY_EXPIRED,
		    "the document or a certificate has expired");
	if (now < report->floor)
		return deny(w, IMPRINT_DEVICE_UNKNOWN_TIME,
		    "the clock is behind a time that has certainly been");
	if (now < w->not_before)
		return deny(w, IMPRINT_DEVICE_DENY_NOT_YET_VALID,
		    "the document or a certificate is not valid yet");
	return IMPRINT_DEVICE_OK;
}

/* Those after STEP_FORM, in the order of enum imprint_device_step. */
static enum imprint_device_error
verify_steps(struct work *w)
{
	static enum imprint_device_error (*const steps[])(struct work *) = {
		root_check, signer_check, signature_check,
		certificates_check, keys_check, times_check
	};
	enum imprint_device_step step;
	enum imprint_device_error error;
	size_t i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		step = (enum imprint_device_step)(i + 1);
		error = steps[i](w);
		if (!step_done(w, step, error))
			return error;
	}
	return IMPRINT_DEVICE_OK;
}

enum imprint_device_error
imprint_device_verify(const struct imprint_device_crypto *crypto,
    struct imprint_bytes package, const struct imprint_device_trust *trust,
    struct imprint_device_identity *ret_identity,
    struct imprint_device_report *ret_report)
{
	static const struct imprint_device_report empty;
	struct work w;

	*ret_report = empty;
	ret_report->reason = "";
	ret_report->floor = trust->floor;
	w.crypto = crypto;
	w.trust = trust;
	w.id = ret_identity;
	w.report = ret_report;
	w.used = 0;
	w.signer.x.len = 0;
	ret_report->verdict = imprint_device_open(package, ret_identity,
	    &ret_report->reason);
	if (!step_done(&w, IMPRINT_DEVICE_STEP_FORM, IMPRINT_DEVICE_OK))
		return IMPRINT_DEVICE_OK;
	w.not_before = ret_identity->not_before;
	ret_report->expires = ret_identity->expires;
	return verify_steps(&w);
}
