#include "device/src/certificate.h"

/* A search on its way, upwards from the leaf. */
struct search {
	const struct imprint_device_crypto	*crypto;
	const struct imprint_device_identity	*id;
	struct certificate			 pair[2];
	struct certificate			*child, *parent;
	unsigned				 tries;
	struct path				 path;
};

/* Only a hint where a key identifier is absent: the signature decides. */
static bool
may_have_issued(const struct certificate *parent,
    const struct certificate *child)
{
	return bytes_equal(parent->subject, child->issuer) &&
	    (child->issuer_key_id.len == 0 || parent->key_id.len == 0 ||
	    bytes_equal(child->issuer_key_id, parent->key_id));
}

/* Is certificate number n the issuer? Then parent is it. */
static int
candidate_try(struct search *s, size_t n, bool *ret_found)
{
	struct imprint_bytes tbs = export(s->child->tbs);

	*ret_found = false;
	if ((s->path.used >> n & 1) != 0 ||
	    imprint_device_certificate_read(view(s->id->certs[n]),
	    s->parent) != NULL || !may_have_issued(s->parent, s->child) ||
	    s->parent->key.alg != IMPRINT_DEVICE_P256)
		return 0;
	/* certificates all of one name are no reason to work for hours */
	if (++s->tries > IMPRINT_DEVICE_CERTS_MAX)
		return 0;
	return imprint_device_p256_verify(s->crypto, &s->parent->key, &tbs, 1,
	    s->child->signature, ret_found);
}

/* The root first: a copy of it is another certificate. */
static int
issuer_find(struct search *s, size_t *ret_n, bool *ret_found)
{
	size_t i, n = s->id->root;
	int failed;

	failed = candidate_try(s, n, ret_found);
	for (i = 0; i < s->id->cert_count && failed == 0 && !*ret_found; i++) {
		n = i;
		failed = candidate_try(s, n, ret_found);
	}
	*ret_n = n;
	return failed;
}

static void
times_narrow(struct path *path, const struct certificate *c)
{
	if (c->not_before > path->not_before)
		path->not_before = c->not_before;
	if (c->not_after < path->not_after)
		path->not_after = c->not_after;
}

/*
 * To sign documents must be written down, and is a right that the root gives
 * itself: no CA below it can make a signer. Absent, an extended key usage
 * limits nothing else; in a CA it limits all below it.
 */
static const char *
leaf_check(const struct certificate *c, enum path_use use)
{
	static const char unfit[] = "key usage: not for this purpose";

	if (c->ca)
		return "certificate: of a CA, where a device's or a signer's"
		    " is expected";
	if (use == PATH_ANY)
		return NULL;
	if (c->has_usage && (c->usage & USAGE_SIGN) == 0)
		return unfit;
	if (use == PATH_DOCUMENT)
		return (c->extended & EXTENDED_DOCUMENT) != 0 ? NULL : unfit;
	return !c->has_extended || (c->extended & EXTENDED_CLIENT) != 0 ?
	    NULL : unfit;
}

/* below: CAs between this one and the leaf, but those self-issued. */
static const char *
issuer_check(const struct certificate *c, bool is_root, enum path_use use,
    int below)
{
	if (!c->ca)	/* then it says keyCertSign, too */
		return "issuer's certificate: it is no CA";
	if (c->path_len >= 0 && c->path_len < below)
		return "issuer's certificate: path length exceeded";
	if (is_root && !bytes_equal(c->subject, c->issuer))
		return "root: not self-issued";
	if (!is_root && c->issuer_key_id.len == 0)
		return "issuer's certificate: no identifier of its issuer's"
		    " key";
	if (use == PATH_DOCUMENT && !is_root)
		return "signer's certificate: not issued by the root itself";
	if (use == PATH_CLIENT && c->has_extended &&
	    (c->extended & EXTENDED_CLIENT) == 0)
		return "issuer's certificate: not for devices";
	return NULL;
}

/* From child, which is checked, to the root; reason when there is no way. */
static int
climb(struct search *s, enum path_use use)
{
	struct certificate *spare;
	int below = 0;
	size_t n = 0;
	bool found;

	do {
		times_narrow(&s->path, s->child);
		if (issuer_find(s, &n, &found) != 0)
			return -1;
		if (!found) {
			s->path.reason = "certificate: none that signed it is"
			    " with it";
			return 0;
		}
		s->path.reason = issuer_check(s->parent, n == s->id->root,
		    use, below);
		if (s->path.reason != NULL)
			return 0;
		s->path.used |= UINT32_C(1) << n;
		if (!bytes_equal(s->parent->subject, s->parent->issuer))
			below++;
		spare = s->child;
		s->child = s->parent;
		s->parent = spare;
	} while (n != s->id->root);
	times_narrow(&s->path, s->child);
	return 0;
}

int
imprint_device_path_find(const struct imprint_device_crypto *crypto,
    const struct imprint_device_identity *id, struct bytes leaf,
    enum path_use use, struct path *ret_path)
{
	struct search s;
	int failed = 0;

	s.crypto = crypto;
	s.id = id;
	s.child = &s.pair[0];
	s.parent = &s.pair[1];
	s.tries = 0;
	s.path.used = 0;
	s.path.not_before = 0;
	s.path.not_after = IMPRINT_DEVICE_TIME_NEVER;
	s.path.reason = imprint_device_certificate_read(leaf, s.child);
	if (s.path.reason == NULL)
		s.path.reason = leaf_check(s.child, use);
	if (s.path.reason == NULL)
		failed = climb(&s, use);
	*ret_path = s.path;
	return failed;
}
