#include "lib/authority/test_world.h"

#include "lib/authority/server_certificate.h"
#include "lib/x509/x509_read.h"

static struct public_key
key_of(enum key_alg alg)
{
	_cleanup_secret_ struct secret private = SECRET_INIT;
	struct public_key key;

	assert_int_equal(key_pair_make(alg, &key, &private, NULL), ERR_OK);
	return key;
}

static void
trust_add(struct world *w, struct x509_trust *trust, const char *name)
{
	_cleanup_buf_ struct buf der = BUF_INIT;

	good(authority_certificate(w->authority, name, &der, NULL), NULL);
	good(strcmp(name, "root") == 0 ?
	    x509_trust_add_root(trust, buf_bytes(&der), NULL) :
	    x509_trust_add_intermediate(trust, buf_bytes(&der), NULL), NULL);
}

/* For a server, for a day, and on record. */
static void
test_made(void **state)
{
	_cleanup_x509_trust_ struct x509_trust *trust = NULL;
	_cleanup_buf_ struct buf der = BUF_INIT;
	struct public_key key = key_of(KEY_P256);
	struct operation_head before, after;
	enum x509_verdict verdict;
	struct world *w = *state;
	struct x509_info info;
	int64_t end = 0;

	good(operation_head(w->authority, &before, NULL), NULL);
	good(authority_server_certificate(w->authority, "est.example.net",
	    &key, NOW, &der, &end, NULL), NULL);
	good(operation_head(w->authority, &after, NULL), NULL);
	assert_int_equal(after.size, before.size + 1);
	good(operation_replay(w->authority, NULL, NULL, NULL), NULL);
	good(x509_read(buf_bytes(&der), &info, NULL), NULL);
	assert_int_equal(info.not_after - info.not_before, 24 * 3600);
	assert_int_equal(info.not_after, end);
	assert_in_range(NOW, info.not_before, end);
	assert_true(public_key_equal(&info.public_key, &key));
	assert_int_equal(info.extended_key_usage, EKU_SERVER_AUTH);
	assert_false(info.ca);
	good(x509_trust_new(&trust, NULL), NULL);
	trust_add(w, trust, "root");
	trust_add(w, trust, "infra");
	good(x509_verify(trust, buf_bytes(&der), NOW, EKU_SERVER_AUTH,
	    &verdict, NULL, 0, NULL), NULL);
	assert_int_equal(verdict, X509_ACCEPT);
}

static void
test_refused(void **state)
{
	static const char *const names[] = { "", "a..b", "-a.net", "10.0.0.1",
		".", "a b" };
	struct public_key key = key_of(KEY_P256), other = key_of(KEY_P384);
	_cleanup_buf_ struct buf der = BUF_INIT;
	struct operation_head before, after;
	struct world *w = *state;
	int64_t end = 0;
	size_t i;

	good(operation_head(w->authority, &before, NULL), NULL);
	for (i = 0; i < COUNT(names); i++)
		if (authority_server_certificate(w->authority, names[i],
		    &key, NOW, &der, &end, NULL) != ERR_INVALID)
			fail_msg("name %zu", i);
	assert_int_equal(authority_server_certificate(w->authority, "a.net",
	    &other, NOW, &der, &end, NULL), ERR_INVALID);
	good(operation_head(w->authority, &after, NULL), NULL);
	assert_int_equal(after.size, before.size);
	assert_int_equal(der.len, 0);
	assert_int_equal(end, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_made, world_fresh),
		cmocka_unit_test_setup(test_refused, world_fresh),
	};

	return cmocka_run_group_tests(tests, world_make, world_free);
}
