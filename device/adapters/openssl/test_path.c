/*
 * Paths of certificates: each reason to refuse one, and against OpenSSL's own
 * verdict on chains put together at random, all of them rightly signed.
 */
#include <stdio.h>

#include "device/adapters/openssl/test_make.h"

#define ROUNDS		800
#define SECURITY_LEVEL	2
#define CLIENT		"clientAuth"
#define DOCUMENT	"1.3.6.1.5.5.7.3.36"

enum { ROOT, CA, LEAF, KEYS };
static EVP_PKEY *keys[KEYS];

static int
keys_open(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < KEYS; i++)
		keys[i] = make_key();
	return 0;
}

static int
keys_close(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < KEYS; i++)
		EVP_PKEY_free(keys[i]);
	return 0;
}

static const struct make good_root = {
	"Root", "Root", "critical,CA:TRUE,pathlen:1",
	"critical,keyCertSign,cRLSign", NULL, "hash", "keyid:always", NULL,
	0, 0
};
static const struct make good_ca = {
	"CA", "Root", "critical,CA:TRUE,pathlen:0",
	"critical,keyCertSign,cRLSign", CLIENT, "hash", "keyid:always", NULL,
	0, 0
};
static const struct make good_leaf = {
	"0123", "CA", NULL, "critical,digitalSignature", CLIENT, NULL,
	"keyid:always", NULL, 0, 0
};
static const struct make good_signer = {
	"Signer", "Root", NULL, "critical,digitalSignature", DOCUMENT, NULL,
	"keyid:always", NULL, 0, 0
};

/* A chain; it has one CA less when it is a signer's. */
struct chain {
	struct make			how[KEYS];
	struct made			made[KEYS];
	struct imprint_device_identity	id;
};

static void
chain_make(struct chain *c)
{
	static const struct imprint_device_identity none;
	bool direct = strcmp(c->how[LEAF].issuer, c->how[CA].subject) != 0;

	make_certificate(&c->how[ROOT], keys[ROOT], keys[ROOT],
	    &c->made[ROOT]);
	make_certificate(&c->how[CA], keys[CA], keys[ROOT], &c->made[CA]);
	make_certificate(&c->how[LEAF], keys[LEAF], keys[direct ? ROOT : CA],
	    &c->made[LEAF]);
	c->id = none;
	c->id.certs[0] = made_bytes(&c->made[CA]);
	c->id.certs[1] = made_bytes(&c->made[ROOT]);
	c->id.cert_count = 2;
	c->id.root = 1;
}

static struct path
chain_judge(const struct chain *c, enum path_use use)
{
	struct path path = { NULL, 0, 0, 0 };
	struct certificate read;
	size_t i;

	/* as imprint_device_verify() has done before */
	for (i = 0; i < c->id.cert_count; i++) {
		path.reason = imprint_device_certificate_read(
		    view(c->id.certs[i]), &read);
		if (path.reason != NULL)
			return path;
	}
	assert_int_equal(imprint_device_path_find(imprint_device_openssl(),
	    &c->id, view(made_bytes(&c->made[LEAF])), use, &path), 0);
	return path;
}

static void
test_good(void **state)
{
	struct chain c = { .how = { good_root, good_ca, good_leaf } };
	struct path path;

	(void)state;
	c.how[CA].start = MADE_BORN + 10;
	c.how[CA].end = MADE_DIES - 10;
	c.how[LEAF].start = MADE_BORN + 5;
	c.how[LEAF].end = MADE_DIES - 5;
	chain_make(&c);
	path = chain_judge(&c, PATH_CLIENT);
	assert_null(path.reason);
	assert_int_equal(path.used, 3);
	assert_int_equal(path.not_before, MADE_BORN + 10);
	assert_int_equal(path.not_after, MADE_DIES - 10);
	c.how[LEAF] = good_signer;
	chain_make(&c);
	path = chain_judge(&c, PATH_DOCUMENT);
	assert_null(path.reason);
	assert_int_equal(path.used, 2);
}

#define KEEP	"-"	/* as in the good one */

static const struct refusal {
	enum path_use	 use;
	int		 which;
	struct make	 how;		/* KEEP, and 0, stand for no change */
	const char	*reason;
} refusals[] = {
	{ PATH_CLIENT, ROOT, { KEEP, "Other", KEEP, KEEP, KEEP, KEEP, KEEP,
	    KEEP, 0, 0 }, "root: not self-issued" },
	{ PATH_CLIENT, ROOT, { KEEP, KEEP, "critical,CA:TRUE,pathlen:0", KEEP,
	    KEEP, KEEP, KEEP, KEEP, 0, 0 },
	    "issuer's certificate: path length exceeded" },
	{ PATH_CLIENT, ROOT, { KEEP, KEEP, KEEP, KEEP, "serverAuth", KEEP,
	    KEEP, KEEP, 0, 0 }, "issuer's certificate: not for devices" },
	{ PATH_CLIENT, CA, { KEEP, KEEP, KEEP, KEEP, "serverAuth", KEEP,
	    KEEP, KEEP, 0, 0 }, "issuer's certificate: not for devices" },
	{ PATH_CLIENT, CA, { KEEP, KEEP, "critical,CA:FALSE",
	    "critical,digitalSignature", KEEP, KEEP, KEEP, KEEP, 0, 0 },
	    "issuer's certificate: it is no CA" },
	{ PATH_CLIENT, CA, { KEEP, KEEP, NULL, "critical,digitalSignature",
	    KEEP, KEEP, KEEP, KEEP, 0, 0 },
	    "issuer's certificate: it is no CA" },
	{ PATH_CLIENT, CA, { KEEP, KEEP, KEEP, KEEP, KEEP, KEEP, NULL, KEEP,
	    0, 0 },
	    "issuer's certificate: no identifier of its issuer's key" },
	{ PATH_CLIENT, CA, { "Another", KEEP, KEEP, KEEP, KEEP, KEEP, KEEP,
	    KEEP, 0, 0 }, "certificate: none that signed it is with it" },
	{ PATH_CLIENT, CA, { KEEP, "Another", KEEP, KEEP, KEEP, KEEP, KEEP,
	    KEEP, 0, 0 }, "certificate: none that signed it is with it" },
	{ PATH_CLIENT, CA, { KEEP, KEEP, "CA:TRUE", KEEP, KEEP, KEEP, KEEP,
	    KEEP, 0, 0 },
	    "certificate: basic constraints that are not critical" },
	{ PATH_CLIENT, CA, { KEEP, KEEP, KEEP, KEEP, KEEP, KEEP, KEEP,
	    "nameConstraints=permitted;DNS:example", 0, 0 },
	    "certificate: name constraints are not known" },
	{ PATH_CLIENT, CA, { KEEP, KEEP, KEEP, KEEP, KEEP, KEEP, KEEP,
	    "policyConstraints=critical,requireExplicitPolicy:0", 0, 0 },
	    "certificate: a critical extension that is not known" },
	{ PATH_CLIENT, LEAF, { KEEP, KEEP, "critical,CA:TRUE",
	    "critical,keyCertSign,digitalSignature", KEEP, "hash", KEEP, KEEP,
	    0, 0 }, "certificate: of a CA, where a device's or a signer's is"
	    " expected" },
	{ PATH_CLIENT, LEAF, { KEEP, KEEP, KEEP, "critical,keyAgreement",
	    KEEP, KEEP, KEEP, KEEP, 0, 0 },
	    "key usage: not for this purpose" },
	{ PATH_CLIENT, LEAF, { KEEP, KEEP, KEEP, KEEP, "serverAuth", KEEP,
	    KEEP, KEEP, 0, 0 }, "key usage: not for this purpose" },
	{ PATH_CLIENT, LEAF, { KEEP, KEEP, KEEP, KEEP, KEEP, KEEP, KEEP,
	    "subjectAltName=critical,DNS:device.example", 0, 0 },
	    "certificate: a critical extension that is not known" },
	{ PATH_DOCUMENT, LEAF, { KEEP, KEEP, KEEP, KEEP, DOCUMENT, KEEP, KEEP,
	    KEEP, 0, 0 },
	    "signer's certificate: not issued by the root itself" },
	{ PATH_DOCUMENT, LEAF, { KEEP, "Root", KEEP, KEEP, NULL, KEEP, KEEP,
	    KEEP, 0, 0 }, "key usage: not for this purpose" },
	{ PATH_DOCUMENT, LEAF, { KEEP, "Root", KEEP, "critical,keyAgreement",
	    DOCUMENT, KEEP, KEEP, KEEP, 0, 0 },
	    "key usage: not for this purpose" }
};

static const char *
field(const char *changed, const char *good)
{
	return changed != NULL && strcmp(changed, KEEP) == 0 ? good : changed;
}

static void
test_each_reason(void **state)
{
	const struct refusal *r;
	struct chain c = { 0 };
	struct make *m;
	struct path path;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		r = &refusals[i];
		c.how[ROOT] = good_root;
		c.how[CA] = good_ca;
		c.how[LEAF] = good_leaf;
		m = &c.how[r->which];
		m->subject = field(r->how.subject, m->subject);
		m->issuer = field(r->how.issuer, m->issuer);
		m->basic = field(r->how.basic, m->basic);
		m->usage = field(r->how.usage, m->usage);
		m->extended = field(r->how.extended, m->extended);
		m->ski = field(r->how.ski, m->ski);
		m->aki = field(r->how.aki, m->aki);
		m->more = field(r->how.more, m->more);
		chain_make(&c);
		path = chain_judge(&c, r->use);
		if (path.reason == NULL || strcmp(path.reason, r->reason) != 0)
			fail_msg("case %zu: %s", i, path.reason);
	}
}

/* A signature that is not the issuer's, under its name and key id. */
static void
test_forged(void **state)
{
	struct chain c = { .how = { good_root, good_ca, good_leaf } };
	struct path path;

	(void)state;
	chain_make(&c);
	c.made[LEAF].der[c.made[LEAF].len - 1] ^= 1;
	path = chain_judge(&c, PATH_CLIENT);
	assert_string_equal(path.reason,
	    "certificate: none that signed it is with it");
}

static unsigned tries;

static int
counting_verify(void *state, const uint8_t *point, const uint8_t *digest,
    const uint8_t *signature, bool *ret_good)
{
	tries++;
	return imprint_device_openssl()->verify(state, point, digest,
	    signature, ret_good);
}

/* Certificates all of one name cost a bounded number of signatures. */
static void
test_work_is_bounded(void **state)
{
	struct imprint_device_crypto crypto = *imprint_device_openssl();
	struct chain c = { .how = { good_root, good_ca, good_leaf } };
	struct path path;
	size_t i;

	(void)state;
	c.how[ROOT].aki = NULL;
	for (i = ROOT; i < KEYS; i++)
		c.how[i].subject = c.how[i].issuer = "Root";
	c.how[LEAF].aki = c.how[CA].aki = NULL;
	chain_make(&c);
	c.made[LEAF].der[c.made[LEAF].len - 1] ^= 1;
	for (i = 2; i < IMPRINT_DEVICE_CERTS_MAX; i++)
		c.id.certs[i] = c.id.certs[i % 2];
	c.id.cert_count = i;
	crypto.verify = counting_verify;
	assert_int_equal(imprint_device_path_find(&crypto, &c.id,
	    view(made_bytes(&c.made[LEAF])), PATH_ANY, &path), 0);
	assert_non_null(path.reason);
	assert_in_range(tries, 2, IMPRINT_DEVICE_CERTS_MAX);
}

/* What OpenSSL says of it, times apart, with our rules for usages. */
static int
oracle_callback(int good, X509_STORE_CTX *ctx)
{
	return good == 1 || (X509_STORE_CTX_get_error(ctx) ==
	    X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER &&
	    X509_STORE_CTX_get_error_depth(ctx) == 0);
}

static bool
oracle_usage(STACK_OF(X509) *path, enum path_use use)
{
	X509 *leaf = sk_X509_value(path, 0);
	int i;

	if (use == PATH_ANY)
		return true;
	if ((X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) == 0)
		return false;
	if (use == PATH_DOCUMENT)	/* it has no bit for that */
		return sk_X509_num(path) == 2 &&
		    (X509_get_extension_flags(leaf) & EXFLAG_XKUSAGE) != 0;
	for (i = 0; i < sk_X509_num(path); i++)
		if ((X509_get_extended_key_usage(sk_X509_value(path, i)) &
		    XKU_SSL_CLIENT) == 0)
			return false;
	return true;
}

static bool
oracle(const struct chain *c, enum path_use use)
{
	_cleanup_x509_ X509 *leaf = adapter_certificate(
	    made_bytes(&c->made[LEAF]));
	_cleanup_x509_ X509 *ca = adapter_certificate(c->id.certs[0]);
	_cleanup_x509_ X509 *root = adapter_certificate(c->id.certs[1]);
	STACK_OF(X509) *others = sk_X509_new_null();
	X509_STORE *roots = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;
	bool good;

	assert_int_equal(X509_STORE_add_cert(roots, root), 1);
	assert_true(sk_X509_push(others, ca) > 0);
	assert_int_equal(X509_STORE_CTX_init(ctx, roots, leaf, others), 1);
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	X509_STORE_CTX_set_verify_cb(ctx, oracle_callback);
	(void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT |
	    X509_V_FLAG_NO_CHECK_TIME);
	good = X509_verify_cert(ctx) == 1 && oracle_usage(
	    X509_STORE_CTX_get0_chain(ctx), use);
	X509_STORE_CTX_free(ctx);
	sk_X509_free(others);
	X509_STORE_free(roots);
	return good;
}

static const char *
pick(const char *const *list, size_t count, uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1;
	return list[(*state >> 33) % count];
}
#define PICK(list, state) pick(list, sizeof(list) / sizeof((list)[0]), state)

static void
make_random(struct make *m, bool ca, uint64_t *state)
{
	static const char *const basics[] = {
		"critical,CA:TRUE", "critical,CA:TRUE,pathlen:1",
		"critical,CA:TRUE,pathlen:0", "CA:TRUE", "critical,CA:FALSE",
		NULL
	};
	static const char *const usages[] = {
		"critical,keyCertSign", "keyCertSign,cRLSign",
		"critical,digitalSignature,keyCertSign", "critical,cRLSign",
		NULL
	};
	static const char *const leaf_usages[] = {
		"critical,digitalSignature", "digitalSignature,keyAgreement",
		"critical,nonRepudiation", "critical,decipherOnly", NULL
	};
	static const char *const extendeds[] = {
		CLIENT, "serverAuth", "critical,clientAuth,serverAuth",
		DOCUMENT, "anyExtendedKeyUsage", NULL, NULL, NULL
	};
	static const char *const hashes[] = {
		"hash", "hash", "hash", "hash", NULL
	};
	static const char *const akis[] = {
		"keyid:always", "keyid:always", "keyid:always", "keyid:always",
		NULL
	};
	static const char *const mores[] = {
		NULL, NULL, NULL, NULL, "subjectAltName=DNS:a.example",
		"issuerAltName=DNS:b.example", "subjectAltName=critical,DNS:a",
		"nameConstraints=critical,permitted;DNS:b.example",
		"tlsfeature=critical,status_request",
		"tlsfeature=status_request"
	};

	m->basic = ca || (*state >> 40) % 8 == 0 ? PICK(basics, state) : NULL;
	m->usage = ca ? PICK(usages, state) : PICK(leaf_usages, state);
	m->extended = PICK(extendeds, state);
	m->ski = PICK(hashes, state);
	m->aki = PICK(akis, state);
	m->more = PICK(mores, state);
}

static void
test_against_openssl(void **state)
{
	static const enum path_use uses[] = {
		PATH_CLIENT, PATH_ANY, PATH_DOCUMENT
	};
	unsigned i, both = 0, ours_only = 0, theirs_only = 0;
	uint64_t random = 7;
	struct chain c = { 0 };
	enum path_use use;
	struct path path;
	bool theirs;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		use = uses[i % 3];
		c.how[ROOT] = good_root;
		c.how[CA] = good_ca;
		c.how[LEAF] = use == PATH_DOCUMENT ? good_signer : good_leaf;
		/* one at a time mostly: two faults hide each other */
		if (i % 4 != 1)
			make_random(&c.how[LEAF], false, &random);
		if (i % 8 == 1 || i % 16 == 2)
			make_random(&c.how[CA], true, &random);
		if (i % 8 == 5)
			make_random(&c.how[ROOT], true, &random);
		chain_make(&c);
		path = chain_judge(&c, use);
		theirs = oracle(&c, use);
		both += path.reason == NULL && theirs;
		theirs_only += path.reason != NULL && theirs;
		if (path.reason == NULL && !theirs && ours_only++ < 8)
			print_error("%u: use %d, basic %s %s %s, usage %s"
			    " %s %s, ski %s %s %s, aki %s %s %s, more %s %s"
			    " %s\n", i, (int)use, c.how[ROOT].basic,
			    c.how[CA].basic, c.how[LEAF].basic,
			    c.how[ROOT].usage, c.how[CA].usage,
			    c.how[LEAF].usage, c.how[ROOT].ski,
			    c.how[CA].ski, c.how[LEAF].ski, c.how[ROOT].aki,
			    c.how[CA].aki, c.how[LEAF].aki, c.how[ROOT].more,
			    c.how[CA].more, c.how[LEAF].more);
		ERR_clear_error();
	}
	print_message("both %u, OpenSSL alone %u of %u\n", both, theirs_only,
	    ROUNDS);
	assert_int_equal(ours_only, 0);
	assert_true(both > ROUNDS / 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_each_reason),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_work_is_bounded),
		cmocka_unit_test(test_against_openssl)
	};

	return cmocka_run_group_tests(tests, keys_open, keys_close);
}
