/* Approvals: what they are for, whose they are, and when they are needed. */
#include "lib/authority/test_world.h"

#include "lib/authority/approval.h"
#include "lib/authority/chip_maker.h"

static struct public_key bea_key, cay_key;
static struct signer *bea, *cay;
static const uint8_t hash[SHA256_SIZE] = { 7 };

static int
fresh(void **state)
{
	if (bea == NULL) {
		key_make(KEY_P256, &bea_key, NULL, &bea);
		key_make(KEY_P256, &cay_key, NULL, &cay);
	}
	return world_fresh(state);
}

static enum err
operator_add(struct world *w, const char *name, const struct public_key *key,
    struct bytes approval, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;

	assert_int_equal(request_put_operator(&body, name, key, approval),
	    ERR_OK);
	return submit(w, REQUEST_OPERATOR_ADD, buf_bytes(&body), &result,
	    diag);
}

static enum err
approved(struct world *w, struct bytes approval, int64_t now,
    struct diag *diag)
{
	return approval_check(w->authority, approval, APPROVAL_DEVICE_LIST,
	    hash, "ada", now, diag);
}

static void
refused(struct world *w, struct bytes approval, int64_t now, enum err err,
    const char *why)
{
	struct diag diag = DIAG_INIT;

	assert_int_equal(approved(w, approval, now, &diag), err);
	if (strstr(diag.what, why) == NULL)
		fail_msg("%s, not: %s", diag.what, why);
}

static void
test_check(void **state)
{
	const int64_t end = NOW + (int64_t)APPROVAL_DAYS * 86400;
	_cleanup_buf_ struct buf good = BUF_INIT, own = BUF_INIT;
	_cleanup_buf_ struct buf strange = BUF_INIT;
	uint8_t another[SHA256_SIZE] = { 8 };
	struct world *w = *state;
	size_t i;

	assert_int_equal(operator_add(w, "bea", &bea_key, BYTES_NONE, NULL),
	    ERR_OK);
	assert_int_equal(approval_sign(w->authority, APPROVAL_DEVICE_LIST,
	    hash, NOW, bea, &good, NULL), ERR_OK);
	assert_int_equal(approved(w, buf_bytes(&good), NOW, NULL), ERR_OK);
	assert_int_equal(approved(w, buf_bytes(&good), end, NULL), ERR_OK);
	refused(w, buf_bytes(&good), end + 1, ERR_CLOCK, "has expired");
	refused(w, buf_bytes(&good), NOW - REQUEST_SKEW_S - 1, ERR_CLOCK,
	    "made in the future");
	assert_int_equal(approval_check(w->authority, buf_bytes(&good),
	    APPROVAL_DEVICE_LIST, another, "ada", NOW, NULL), ERR_AUTH);
	assert_int_equal(approval_check(w->authority, buf_bytes(&good),
	    APPROVAL_OPERATOR, hash, "ada", NOW, NULL), ERR_AUTH);
	assert_int_equal(approval_check(w->authority, buf_bytes(&good),
			     APPROVAL_DEVICE_LIST, hash, "bea", NOW, NULL),
	    ERR_AUTH);
	assert_int_equal(approval_sign(w->authority, APPROVAL_DEVICE_LIST, hash,
			     NOW, w->operator, & own, NULL),
	    ERR_OK);
	refused(w, buf_bytes(&own), NOW, ERR_AUTH, "orders and approves");
	assert_int_equal(approval_sign(w->authority, APPROVAL_DEVICE_LIST,
	    hash, NOW, cay, &strange, NULL), ERR_OK);
	refused(w, buf_bytes(&strange), NOW, ERR_AUTH, "no operator's here");
	for (i = 0; i < good.len; i++)
		assert_int_not_equal(approved(w, bytes_of(good.ptr, i), NOW,
		    NULL), ERR_OK);
	for (i = 0; i < good.len; i++) {
		good.ptr[i] ^= 1;
		assert_int_not_equal(approved(w, buf_bytes(&good), NOW, NULL),
		    ERR_OK);
		good.ptr[i] ^= 1;
	}
	assert_int_equal(approved(w, buf_bytes(&good), NOW, NULL), ERR_OK);
}

/* One by bea that says something else than approval_sign() would. */
static void
lie_sign(struct world *w, const char *typ, unsigned version, bool ours,
    uint64_t seen, struct buf *out)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	uint8_t id[ECOSYSTEM_ID_SIZE] = { 1 }, kid[COSE_KID_SIZE];

	if (ours)
		memcpy(id, w->authority->info.id, sizeof(id));
	assert_int_equal(cose_key_thumbprint(&bea_key, kid), ERR_OK);
	cbor_put_array(&payload, 8);
	cbor_put_uint(&payload, version);
	cbor_put_bstr(&payload, bytes_of(id, sizeof(id)));
	cbor_put_text(&payload, APPROVAL_DEVICE_LIST);
	cbor_put_bstr(&payload, bytes_of(hash, sizeof(hash)));
	cbor_put_uint(&payload, seen);
	cbor_put_int(&payload, NOW);
	cbor_put_int(&payload, NOW + 10);
	cbor_put_bstr(&payload, bytes_of(hash, APPROVAL_NONCE_SIZE));
	buf_clear(out);
	assert_int_equal(cose_sign1_sign(out, bea, bytes_of(kid,
	    sizeof(kid)), typ, buf_bytes(&payload), BYTES_NONE, NULL),
	    ERR_OK);
}

static void
test_lies(void **state)
{
	_cleanup_buf_ struct buf lie = BUF_INIT;
	struct world *w = *state;

	assert_int_equal(operator_add(w, "bea", &bea_key, BYTES_NONE, NULL),
	    ERR_OK);
	lie_sign(w, APPROVAL_TYP, 2, true, 1, &lie);
	assert_int_equal(approved(w, buf_bytes(&lie), NOW, NULL), ERR_OK);
	lie_sign(w, REQUEST_TYP, 2, true, 1, &lie);
	refused(w, buf_bytes(&lie), NOW, ERR_AUTH, "of another type");
	lie_sign(w, APPROVAL_TYP, 1, true, 1, &lie);
	refused(w, buf_bytes(&lie), NOW, ERR_VERSION, "version 1");
	lie_sign(w, APPROVAL_TYP, 2, false, 1, &lie);
	refused(w, buf_bytes(&lie), NOW, ERR_AUTH, "another ecosystem");
	/* of a registry that was further than this one is */
	lie_sign(w, APPROVAL_TYP, 2, true, 1000, &lie);
	refused(w, buf_bytes(&lie), NOW, ERR_AUTH, "another ecosystem");
}

static enum err
taken(struct world *w, struct bytes approval, struct diag *diag)
{
	struct store *store = w->authority->store;
	enum err err;

	good(store_begin(store, NULL), NULL);
	err = approval_take(w->authority, approval, APPROVAL_DEVICE_LIST,
	    hash, "ada", 7, NOW, diag);
	if (!err)
		good(store_commit(store, NULL), NULL);
	store_rollback(store);
	return err;
}

/* Used once; another one, of the same second, is another. */
static void
test_once(void **state)
{
	_cleanup_buf_ struct buf first = BUF_INIT, other = BUF_INIT;
	struct diag diag = DIAG_INIT;
	struct world *w = *state;

	good(operator_add(w, "bea", &bea_key, BYTES_NONE, NULL), NULL);
	good(approval_sign(w->authority, APPROVAL_DEVICE_LIST, hash, NOW, bea,
	    &first, NULL), NULL);
	good(approval_sign(w->authority, APPROVAL_DEVICE_LIST, hash, NOW, bea,
	    &other, NULL), NULL);
	good(taken(w, buf_bytes(&first), &diag), &diag);
	assert_int_equal(taken(w, buf_bytes(&first), &diag), ERR_AUTH);
	assert_non_null(strstr(diag.what, "was used before"));
	good(taken(w, buf_bytes(&other), &diag), &diag);
	assert_int_equal(taken(w, buf_bytes(&other), NULL), ERR_AUTH);
}

static void
subject_sign(struct world *w, const char *what, struct bytes subject,
    struct signer *signer, struct buf *out)
{
	uint8_t digest[SHA256_SIZE];

	assert_int_equal(sha256_once(subject, digest), ERR_OK);
	assert_int_equal(approval_sign(w->authority, what, digest, NOW,
	    signer, out, NULL), ERR_OK);
}

/* One alone adds the second; two agree on the third. */
static void
test_second(void **state)
{
	_cleanup_buf_ struct buf subject = BUF_INIT, own = BUF_INIT;
	_cleanup_buf_ struct buf hers = BUF_INIT, wrong = BUF_INIT;
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	uint64_t count = 0;

	assert_int_equal(request_put_operator(&subject, "cay", &cay_key,
			     BYTES_NONE),
	    ERR_OK);
	subject_sign(w, APPROVAL_OPERATOR, buf_bytes(&subject),
	    w->operator, & own);
	/* one that is given counts even where none is needed */
	assert_int_equal(operator_add(w, "cay", &cay_key, buf_bytes(&own),
	    NULL), ERR_AUTH);
	good(operator_add(w, "bea", &bea_key, BYTES_NONE, &diag), &diag);
	assert_int_equal(operator_add(w, "cay", &cay_key, BYTES_NONE, NULL),
	    ERR_AUTH);
	assert_int_equal(operator_add(w, "cay", &cay_key, buf_bytes(&own),
	    NULL), ERR_AUTH);
	subject_sign(w, APPROVAL_CHIP_MAKER, buf_bytes(&subject), bea,
	    &wrong);
	assert_int_equal(operator_add(w, "cay", &cay_key, buf_bytes(&wrong),
	    NULL), ERR_AUTH);
	subject_sign(w, APPROVAL_OPERATOR, buf_bytes(&subject), bea, &hers);
	assert_int_equal(operator_add(w, "dan", &cay_key, buf_bytes(&hers),
	    NULL), ERR_AUTH);
	assert_int_equal(approval_operators(w->authority, &count, NULL),
	    ERR_OK);
	assert_int_equal(count, 2);
	good(operator_add(w, "cay", &cay_key, buf_bytes(&hers), &diag),
	    &diag);
	assert_int_equal(approval_operators(w->authority, &count, NULL),
	    ERR_OK);
	assert_int_equal(count, 3);
	good(operation_replay(w->authority, NULL, NULL, &diag), &diag);
}

/* Bodies that are none. */
static void
test_operator_body(void **state)
{
	static const char *const bad_names[] = { "", "-a", "A", "a b", "a/b" };
	struct bytes approval = BYTES_NONE;
	char name[STORE_NAME_MAX + 1];
	struct public_key key, agree;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad_names); i++) {
		_cleanup_buf_ struct buf body = BUF_INIT;

		assert_int_equal(request_put_operator(&body, bad_names[i],
		    &bea_key, BYTES_NONE), ERR_OK);
		assert_int_equal(request_get_operator(buf_bytes(&body), name,
		    &key, &approval, NULL), ERR_INVALID);
	}
	{
		_cleanup_buf_ struct buf body = BUF_INIT;

		key_make(KEY_X25519, &agree, NULL, NULL);
		assert_int_equal(request_put_operator(&body, "bea", &agree,
		    BYTES_NONE), ERR_OK);
		assert_int_equal(request_get_operator(buf_bytes(&body), name,
		    &key, &approval, NULL), ERR_INVALID);
	}
	{
		_cleanup_buf_ struct buf body = BUF_INIT;

		assert_int_equal(request_put_operator(&body, "bea", &bea_key,
		    bytes_text("approval")), ERR_OK);
		assert_int_equal(request_get_operator(buf_bytes(&body), name,
		    &key, &approval, NULL), ERR_OK);
		assert_string_equal(name, "bea");
		assert_true(public_key_equal(&key, &bea_key));
		assert_true(bytes_equal(approval, bytes_text("approval")));
		for (i = 0; i < body.len; i++)
			assert_int_equal(request_get_operator(bytes_of(
			    body.ptr, i), name, &key, &approval, NULL),
			    ERR_SYNTAX);
	}
}

static int
end(void **state)
{
	signer_free(&bea);
	signer_free(&cay);
	return world_free(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_check, fresh),
		cmocka_unit_test_setup(test_lies, fresh),
		cmocka_unit_test_setup(test_once, fresh),
		cmocka_unit_test_setup(test_second, fresh),
		cmocka_unit_test_setup(test_operator_body, fresh),
	};

	return cmocka_run_group_tests(tests, world_make, end);
}
