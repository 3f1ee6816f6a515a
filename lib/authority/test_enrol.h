/*
 * Devices for the tests of enrolment: doorbells with the identity that they
 * left the factory with, out of a pack, and their requests.
 */
#ifndef IMPRINT_AUTHORITY_TEST_ENROL_H
#define IMPRINT_AUTHORITY_TEST_ENROL_H

#include "lib/authority/test_world.h"

#include "lib/authority/enrol.h"
#include "lib/authority/field.h"
#include "lib/authority/log_verify.h"
#include "lib/authority/publish.h"
#include "lib/authority/status.h"
#include "lib/crypto/random.h"
#include "lib/identity/document.h"
#include "lib/identity/pack.h"
#include "lib/x509/x509_read.h"

/* A test may want more: before this header. */
#ifndef DEVICES
#define DEVICES	4
#endif

/* What can sign requests: a certificate and its key. */
struct credential {
	struct buf	 leaf;
	struct signer	*key;
};

struct doorbell {
	struct credential	birth, now;
	uint64_t		index;		/* of birth */
	uint8_t			ueid[UEID_SIZE];
};

struct field {
	struct world	*w;
	struct doorbell	 devices[DEVICES];
	uint8_t		 authority[SHA256_SIZE];
};

static inline void
credential_release(struct credential *c)
{
	buf_release(&c->leaf);
	signer_free(&c->key);
}

static inline void
product_put(struct world *w, const struct product *product)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct diag diag = DIAG_INIT;

	assert_int_equal(product_encode(product, &body), ERR_OK);
	good(submit(w, REQUEST_PRODUCT_ADD, buf_bytes(&body), &result, &diag),
	    &diag);
}

static inline void
product_file_add(struct world *w, const char *file)
{
	struct product product;

	product_read(file, &product);
	product_put(w, &product);
}

/* For a test to alter, and put. */
static inline void
doorbell_read(const char *version, struct product *out)
{
	product_read("examples/products/doorbell.yaml", out);
	(void)snprintf(out->version, sizeof(out->version), "%s", version);
}

/* The device's key out of its package. */
static inline void
doorbell_open(struct field *f, struct lookup *lookup, struct pack *pack,
    uint64_t position, struct doorbell *device)
{
	_cleanup_secret_ struct secret package = SECRET_INIT;
	struct address address = { LOG_BULK_NUMBER, 0 };
	const struct template *template;
	struct diag diag = DIAG_INIT;
	struct identity identity;
	struct store_range range;
	struct cbor cbor;

	good(pack_open_package(pack, position, bytes_of(f->w->station[0],
	    KEY_PRIVATE_SIZE), &address.index, &package, &diag), &diag);
	good(lookup_get(lookup, &address, &identity, &range, &template,
	    &diag), &diag);
	cbor_open(&cbor, secret_bytes(&package));
	cbor_get_array_sized(&cbor, 5);
	cbor_skip(&cbor);
	cbor_skip(&cbor);
	cbor_skip(&cbor);
	assert_int_equal(cbor_get_array(&cbor), 1);
	cbor_get_array_sized(&cbor, 3);
	(void)cbor_get_uint(&cbor);
	(void)cbor_get_uint(&cbor);
	good(signer_new(KEY_P256, cbor_get_bstr(&cbor), &device->birth.key,
	    &diag), &diag);
	device->birth.leaf = (struct buf)BUF_INIT;
	device->now.leaf = (struct buf)BUF_INIT;
	buf_put_bytes(&device->birth.leaf, identity.certificate[0]);
	device->index = address.index;
	memcpy(device->ueid, identity.ueid, UEID_SIZE);
}

static inline void
doorbells_make(struct field *f, uint32_t number)
{
	_cleanup_lookup_ struct lookup *lookup = NULL;
	_cleanup_pack_ struct pack *pack = NULL;
	_cleanup_buf_ struct buf root = BUF_INIT;
	struct authority_signer signer;
	struct diag diag = DIAG_INIT;
	char path[PATH_SIZE];
	uint64_t i;

	good(authority_pack_path(f->w->authority, number, 1, true, path,
	    &diag), &diag);
	good(signer_current(f->w->authority, &signer, &diag), &diag);
	good(pack_open(io_posix(), path, &signer.key, 1, &pack, &diag),
	    &diag);
	good(lookup_new(f->w->authority, &lookup, &diag), &diag);
	for (i = 0; i < DEVICES; i++)
		doorbell_open(f, lookup, pack, i, &f->devices[i]);
	good(authority_certificate(f->w->authority, KEY_ROOT, &root, &diag),
	    &diag);
	assert_int_equal(sha256_once(buf_bytes(&root), f->authority), ERR_OK);
}

/* For the group: a world with doorbells in its base. */
static inline int
field_make(void **state)
{
	struct field *f = calloc(1, sizeof(*f));
	struct diag diag = DIAG_INIT;
	uint8_t hash[SHA256_SIZE];
	struct store_object object;
	uint32_t number;
	void *world;

	assert_non_null(f);
	assert_int_equal(world_make(&world), 0);
	f->w = world;
	world_open(f->w, io_posix());
	product_file_add(f->w, "examples/products/doorbell-idevid.yaml");
	product_file_add(f->w, "examples/products/doorbell.yaml");
	{
		_cleanup_buf_ struct buf body = BUF_INIT;

		good(authority_object_get(f->w->authority, STORE_PRODUCT,
		    "doorbell-idevid", NULL, &body, &object, &diag), &diag);
		memcpy(hash, object.hash, SHA256_SIZE);
	}
	number = order_of(f->w, hash, DEVICES, 1, 0);
	good(order_go(f->w, number, 1, &diag), &diag);
	doorbells_make(f, number);
	world_close(f->w);
	*state = f;
	return 0;
}

static inline int
field_free(void **state)
{
	struct field *f = *state;
	void *world = f->w;
	size_t i;

	for (i = 0; i < DEVICES; i++) {
		credential_release(&f->devices[i].birth);
		credential_release(&f->devices[i].now);
	}
	free(f);
	return world_free(&world);
}

static inline int
field_fresh(void **state)
{
	struct field *f = *state;
	size_t i;

	for (i = 0; i < DEVICES; i++) {
		credential_release(&f->devices[i].now);
		f->devices[i].now.leaf = (struct buf)BUF_INIT;
	}
	world_copy(f->w, io_posix());
	return 0;
}

static inline struct enrol *
opened(struct field *f)
{
	struct enrol *e = NULL;
	struct diag diag = DIAG_INIT;

	good(enrol_open(f->w->authority, NOW, &e, &diag), &diag);
	return e;
}

/* A request's keys: made at random, with their proofs. */
struct asked {
	uint8_t			 id[DEVICE_REQUEST_ID_SIZE];
	struct public_key	 keys[2];	/* P-256, X25519 */
	struct signer		*signer;	/* of the first */
	struct buf		 request;
};

static inline void
asked_release(struct asked *a)
{
	signer_free(&a->signer);
	buf_release(&a->request);
}
#define _cleanup_asked_ __attribute__((cleanup(asked_release)))
#define ASKED_INIT { .request = BUF_INIT }

static inline void
asked_make(struct asked *a)
{
	assert_int_equal(random_bytes(a->id, sizeof(a->id), NULL), ERR_OK);
	signer_free(&a->signer);
	key_make(KEY_P256, &a->keys[0], NULL, &a->signer);
	key_make(KEY_X25519, &a->keys[1], NULL, NULL);
}

/* [keys, null] of the first count keys. */
static inline void
asked_body(const struct field *f, const struct asked *a, size_t count,
    struct buf *out)
{
	_cleanup_buf_ struct buf context = BUF_INIT;
	uint8_t proof[SIGNATURE_MAX];
	size_t i;

	assert_int_equal(device_key_put_context(&context, f->authority,
	    a->id, 0, &a->keys[0]), ERR_OK);
	assert_int_equal(signer_sign(a->signer, buf_bytes(&context), proof),
	    ERR_OK);
	cbor_put_array(out, 2);
	cbor_put_array(out, count);
	for (i = 0; i < count; i++) {
		cbor_put_array(out, 3);
		cbor_put_uint(out, i);
		cose_key_put(out, &a->keys[i]);
		if (i == 0)
			cbor_put_bstr(out, bytes_of(proof, SIGNATURE_SIZE));
		else
			cbor_put_null(out);
	}
	cbor_put_null(out);
}

/* Sign a body as it is. */
static inline void
asked_sign(const struct field *f, struct asked *a,
    enum device_request_type type, const struct credential *by,
    struct bytes body)
{
	struct diag diag = DIAG_INIT;

	buf_clear(&a->request);
	good(device_request_sign(f->authority, a->id, type,
	    DEVICE_TIME_UNKNOWN, body, buf_bytes(&by->leaf), by->key,
	    &a->request, &diag), &diag);
}

static inline void
asked_enrol(const struct field *f, struct asked *a,
    enum device_request_type type, const struct credential *by)
{
	_cleanup_buf_ struct buf body = BUF_INIT;

	asked_make(a);
	asked_body(f, a, 2, &body);
	asked_sign(f, a, type, by, buf_bytes(&body));
}

/* What came back. */
struct answered {
	enum enrol_verdict	verdict;
	struct buf		answer;
	uint64_t		index;
	struct bytes		package;	/* view; empty: none */
	uint64_t		outcome;
	int64_t			time;
	uint32_t		retry_after_s;
	int64_t			from, until;	/* the advice */
	uint64_t		next;
	uint8_t			ueid[UEID_SIZE];	/* by EST */
	bool			named, replaced;
	uint64_t		replaced_index;
	struct diag		why;
};

static inline void
answered_release(struct answered *a)
{
	buf_release(&a->answer);
}
#define _cleanup_answered_ __attribute__((cleanup(answered_release)))
#define ANSWERED_INIT { .answer = BUF_INIT }

/* The statement is signed by the document signer, over what it came with. */
static inline void
statement_check(struct field *f, struct answered *a, struct bytes encoded,
    const uint8_t id[DEVICE_REQUEST_ID_SIZE])
{
	_cleanup_verifier_ struct verifier *verifier = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct authority_signer signer;
	struct cose_sign1 message;
	uint8_t hash[SHA256_SIZE];
	bool is_good = false;
	struct cbor cbor;

	assert_int_equal(signer_current(f->w->authority, &signer, NULL),
	    ERR_OK);
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(verifier_new(&signer.key, &verifier, NULL), ERR_OK);
	assert_int_equal(cose_sign1_parse(encoded, &message, NULL), ERR_OK);
	assert_true(bytes_equal(message.typ, bytes_text(DEVICE_ANSWER_TYP)));
	assert_int_equal(cose_sign1_verify(&message, verifier, KEY_P256,
	    BYTES_NONE, sha256, &is_good), ERR_OK);
	assert_true(is_good);
	cbor_open(&cbor, message.payload);
	cbor_get_array_sized(&cbor, 7);
	assert_int_equal(cbor_get_uint(&cbor), 2);
	assert_true(bytes_equal(cbor_get_bstr(&cbor), bytes_of(f->authority,
	    SHA256_SIZE)));
	assert_true(bytes_equal(cbor_get_bstr(&cbor), bytes_of(id,
	    DEVICE_REQUEST_ID_SIZE)));
	a->outcome = cbor_get_uint(&cbor);
	a->time = cbor_get_int(&cbor);
	if (a->package.len == 0) {
		cbor_get_null(&cbor);
	} else {
		assert_int_equal(sha256_once(a->package, hash), ERR_OK);
		assert_true(bytes_equal(cbor_get_bstr(&cbor), bytes_of(hash,
		    SHA256_SIZE)));
	}
	cbor_get_array_sized(&cbor, 3);
	a->from = cbor_get_int(&cbor);
	a->until = cbor_get_int(&cbor);
	a->next = cbor_get_uint(&cbor);
	assert_true(cbor_close(&cbor));
}

static inline void
answer_read(struct field *f, struct answered *a,
    const uint8_t id[DEVICE_REQUEST_ID_SIZE])
{
	struct bytes statement;
	struct cbor cbor;

	a->package = BYTES_NONE;
	cbor_open(&cbor, buf_bytes(&a->answer));
	cbor_get_array_sized(&cbor, 4);
	assert_int_equal(cbor_get_uint(&cbor), 1);
	if (cbor_peek(&cbor) == CBOR_BSTR)
		a->package = cbor_get_bstr(&cbor);
	else
		cbor_get_null(&cbor);
	statement = cbor_get_bstr(&cbor);
	(void)cbor_get_bstr(&cbor);
	assert_true(cbor_close(&cbor));
	statement_check(f, a, statement, id);
}

/* One request in a turn that is under way. */
static inline void
put(struct enrol *e, struct bytes request, struct answered *a)
{
	struct enrol_result result = { .answer = &a->answer };
	struct diag diag = DIAG_INIT;

	buf_clear(&a->answer);
	good(enrol_submit(e, request, &result, &diag), &diag);
	a->verdict = result.verdict;
	a->index = result.index;
	a->why = result.why;
	a->retry_after_s = result.retry_after_s;
	assert_true(result.verdict != ENROL_REFUSED);
	assert_true((result.verdict <= ENROL_REPEATED) ==
	    (a->answer.len > 0));
	assert_true((result.verdict <= ENROL_REPEATED) ==
	    (result.why.what[0] == '\0'));
}

/* A turn of one request. */
static inline enum enrol_verdict
turn(struct enrol *e, int64_t now, struct bytes request, struct answered *a)
{
	struct diag diag = DIAG_INIT;

	good(enrol_turn_begin(e, now, &diag), &diag);
	put(e, request, a);
	good(enrol_turn_commit(e, &diag), &diag);
	return a->verdict;
}

static inline enum enrol_verdict
ask_at(struct field *f, struct enrol *e, int64_t now,
    const struct asked *asked, struct answered *a)
{
	enum enrol_verdict verdict;

	verdict = turn(e, now, buf_bytes(&asked->request), a);
	if (verdict <= ENROL_REPEATED)
		answer_read(f, a, asked->id);
	return verdict;
}

static inline enum enrol_verdict
ask(struct field *f, struct enrol *e, const struct asked *asked,
    struct answered *a)
{
	return ask_at(f, e, NOW, asked, a);
}

/* The certificate of what was issued, and the key it was asked for with,
 * which goes over. */
static inline void
credential_take(struct field *f, struct asked *asked, uint64_t index,
    struct credential *ret_credential)
{
	_cleanup_lookup_ struct lookup *lookup = NULL;
	struct address address = { LOG_ONLINE_NUMBER, index };
	const struct template *template;
	struct diag diag = DIAG_INIT;
	struct identity identity;
	struct store_range range;

	good(lookup_new(f->w->authority, &lookup, &diag), &diag);
	good(lookup_get(lookup, &address, &identity, &range, &template,
	    &diag), &diag);
	credential_release(ret_credential);
	ret_credential->leaf = (struct buf)BUF_INIT;
	buf_put_bytes(&ret_credential->leaf, identity.certificate[0]);
	ret_credential->key = asked->signer;
	asked->signer = NULL;	/* transferred */
}

/* confirm of a package, by what it brought. */
static inline enum enrol_verdict
confirm(struct field *f, struct enrol *e, const struct credential *by,
    struct bytes package, struct answered *a)
{
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_buf_ struct buf body = BUF_INIT;
	uint8_t hash[SHA256_SIZE];

	assert_int_equal(sha256_once(package, hash), ERR_OK);
	assert_int_equal(random_bytes(asked.id, sizeof(asked.id), NULL),
	    ERR_OK);
	cbor_put_bstr(&body, bytes_of(hash, SHA256_SIZE));
	asked_sign(f, &asked, DEVICE_CONFIRM, by, buf_bytes(&body));
	return ask(f, e, &asked, a);
}

/* The whole way of one device: enrolled and confirmed. */
static inline uint64_t
enrolled(struct field *f, struct enrol *e, struct doorbell *device)
{
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT;

	asked_enrol(f, &asked, DEVICE_ENROL, &device->birth);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_DONE);
	credential_take(f, &asked, a.index, &device->now);
	assert_int_equal(confirm(f, e, &device->now, a.package, &b),
	    ENROL_DONE);
	return a.index;
}

static inline enum status
status_of(struct field *f, uint64_t index, unsigned *ret_reason)
{
	struct store_status row = { .reason = 0 };
	enum status status;

	assert_int_equal(status_get(f->w->authority, LOG_ONLINE_NUMBER, index,
	    &status, &row, NULL), ERR_OK);
	*ret_reason = row.reason;
	return status;
}

/* By an operator; between turns. */
static inline void
status_set(struct field *f, enum status_action action, unsigned reason,
    uint32_t log, uint64_t index)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct diag diag = DIAG_INIT;

	cbor_put_array(&body, 4);
	cbor_put_uint(&body, action);
	cbor_put_uint(&body, reason);
	cbor_put_array(&body, 1);
	cbor_put_array(&body, 3);
	cbor_put_uint(&body, log);
	cbor_put_uint(&body, index);
	cbor_put_uint(&body, 1);
	cbor_put_text(&body, "a test");
	good(submit(f->w, REQUEST_STATUS, buf_bytes(&body), &result, &diag),
	    &diag);
}

/* All logs hold together, and nothing is said against any. */
/* Entries of the log of the field. */
static inline uint64_t
log_size(struct field *f)
{
	struct store_log log;

	assert_int_equal(store_log_get(authority_store(f->w->authority),
	    LOG_ONLINE_NUMBER, &log, NULL, NULL, NULL), ERR_OK);
	return log.size;
}

static inline void
all_verified(struct field *f)
{
	static const uint32_t logs[] = { LOG_BULK_NUMBER, LOG_ONLINE_NUMBER,
	    LOG_OPERATIONS_NUMBER };
	struct log_verify to = { .found = NULL };
	struct log_verified verified;
	struct diag diag = DIAG_INIT;
	size_t i;

	for (i = 0; i < COUNT(logs); i++) {
		good(log_verify(f->w->authority, logs[i], &to, &verified,
		    &diag), &diag);
		assert_int_equal(verified.differences, 0);
	}
}

#endif
