#include "lib/identity/test_make.h"

#include "lib/identity/document.h"
#include "lib/x509/x509_read.h"
#include "tests/support/hex.h"

/* Indices at the borders of CBOR heads, CRL partitions and status lists. */
static const struct {
	uint64_t	 index;
	const char	*cbor, *partition, *list;
	uint64_t	 in_list;
} borders[] = {
	{ 0, "00", "00000000", "00000000", 0 },
	{ 23, "17", "00000000", "00000000", 23 },
	{ 24, "1818", "00000000", "00000000", 24 },
	{ 255, "18ff", "00000000", "00000000", 255 },
	{ 65535, "19ffff", "00000000", "00000000", 65535 },
	{ 65536, "1a00010000", "00000001", "00000000", 65536 },
	{ (1 << 20) - 1, "1a000fffff", "0000000f", "00000000", 0xfffff },
	{ 1 << 20, "1a00100000", "00000010", "00000001", 0 },
	{ UINT64_C(1) << 32, "1b0000000100000000", "00010000", "00001000",
	    0 },
	{ (UINT64_C(1) << 48) - 1, "1b0000ffffffffffff", "ffffffff",
	    "0fffffff", 0xfffff },
};

/* Copies of what an identity's views show. */
struct copy {
	struct buf	document, entry, certificate[PRODUCT_SLOTS_MAX];
	uint8_t		commitment[SHA256_SIZE], leaf[SHA256_SIZE];
	uint8_t		ueid[UEID_SIZE];
};

#define _cleanup_copy_ __attribute__((cleanup(copy_release)))

static void
copy_release(struct copy *copy)
{
	size_t i;

	buf_release(&copy->document);
	buf_release(&copy->entry);
	for (i = 0; i < PRODUCT_SLOTS_MAX; i++)
		buf_release(&copy->certificate[i]);
}

static void
copy_put(struct buf *out, struct bytes from)
{
	*out = (struct buf)BUF_INIT;
	buf_put_bytes(out, from);
	assert_int_equal(buf_err(out), ERR_OK);
}

static void
copy_make(struct copy *copy, const struct identity *identity)
{
	size_t i;

	copy_put(&copy->document, identity->document);
	copy_put(&copy->entry, identity->entry);
	for (i = 0; i < PRODUCT_SLOTS_MAX; i++)
		copy_put(&copy->certificate[i], identity->certificate[i]);
	memcpy(copy->commitment, identity->commitment, SHA256_SIZE);
	memcpy(copy->leaf, identity->leaf, SHA256_SIZE);
	memcpy(copy->ueid, identity->ueid, UEID_SIZE);
}

static void
copy_equal(const struct copy *copy, const struct identity *identity)
{
	size_t i;

	assert_true(bytes_equal(buf_bytes(&copy->document),
	    identity->document));
	assert_true(bytes_equal(buf_bytes(&copy->entry), identity->entry));
	for (i = 0; i < PRODUCT_SLOTS_MAX; i++)
		assert_true(bytes_equal(buf_bytes(&copy->certificate[i]),
		    identity->certificate[i]));
	assert_memory_equal(copy->commitment, identity->commitment,
	    SHA256_SIZE);
	assert_memory_equal(copy->leaf, identity->leaf, SHA256_SIZE);
	assert_memory_equal(copy->ueid, identity->ueid, UEID_SIZE);
}

static bool
names_fit(const struct world *w, uint64_t index)
{
	char text[NAME_TEXT_SIZE];
	size_t i;

	for (i = 0; i < w->product.name_count; i++)
		if (name_format(&w->product.names[i], index, text))
			return false;
	return true;
}

static void
parse(struct bytes encoded, struct document *ret_document)
{
	struct diag diag = DIAG_INIT;

	if (document_parse(encoded, ret_document, &diag) != ERR_OK)
		fail_msg("%s", diag.what);
}

/* RFC 9162 2.1.1 over [1, 1, index, 1, commitment], made by hand. */
static void
check_hashes(const struct identity *identity, const struct document *document,
    const char *index)
{
	_cleanup_buf_ struct buf leaf = BUF_INIT;
	uint8_t room[16], hash[SHA256_SIZE];

	assert_int_equal(sha256_once(document->message.payload, hash),
	    ERR_OK);
	assert_memory_equal(hash, identity->commitment, SHA256_SIZE);
	buf_put(&leaf, "\x00\x85\x01\x01", 4);
	buf_put_bytes(&leaf, HEX(index, room));
	buf_put(&leaf, "\x01\x58\x20", 3);
	buf_put(&leaf, hash, SHA256_SIZE);
	assert_int_equal(sha256_once(buf_bytes(&leaf), hash), ERR_OK);
	assert_memory_equal(hash, identity->leaf, SHA256_SIZE);
}

static void
check_signature(const struct world *w, const struct document *document)
{
	_cleanup_verifier_ struct verifier *verifier = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	bool good = false;

	assert_int_equal(verifier_new(&w->document_key, &verifier, NULL),
	    ERR_OK);
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(cose_sign1_verify(&document->message, verifier,
	    KEY_P256, BYTES_NONE, sha256, &good), ERR_OK);
	assert_true(good);
	assert_memory_equal(document->message.kid.ptr, w->about.document_kid,
	    COSE_KID_SIZE);
	assert_true(bytes_equal(document->message.typ,
	    bytes_text(DOCUMENT_TYP)));
}

static void
check_objects(const struct product_object *want, size_t count,
    const struct document_object *have, size_t have_count)
{
	size_t i, j;

	assert_int_equal(count, have_count);
	for (i = 0; i < count; i++) {
		for (j = 0; j < count; j++)
			if (bytes_equal(have[j].object,
			    bytes_text(want[i].object)))
				break;
		assert_true(j < count);
		assert_int_equal(have[j].bits, want[i].bits);
	}
}

static void
check_metadata(const struct world *w, const struct document *document)
{
	const struct product *p = &w->product;
	uint8_t hash[SHA256_SIZE];

	assert_true(bytes_equal(document->issuer, bytes_text(PUBLISH
	    "/test")));
	assert_int_equal(document->oemid, p->oemid);
	assert_true(bytes_equal(document->hwmodel, bytes_text(p->hwmodel)));
	assert_true(bytes_equal(document->hwversion,
	    bytes_text(p->hwversion)));
	assert_true(bytes_equal(document->swname, bytes_text(p->swname)));
	assert_true(bytes_equal(document->swversion,
	    bytes_text(p->swversion)));
	assert_true(bytes_equal(document->profile, bytes_text(EAT_PROFILE)));
	assert_int_equal(product_hash(p, hash), ERR_OK);
	assert_true(bytes_equal(document->product, bytes_of(hash, 32)));
	assert_int_equal(document->policy, POLICY_VERSION);
	check_objects(p->capabilities, p->capability_count,
	    document->capabilities, document->capability_count);
	check_objects(p->authorisations, p->authorisation_count,
	    document->scope, document->scope_count);
	assert_int_equal(document->anchor_count, p->anchor_count);
	if (p->anchor_count > 0 && !document->anchors[0].is_key)
		assert_memory_equal(document->anchors[0].x5t.ptr,
		    w->about.root_hash, SHA256_SIZE);
}

static void
check_keys(struct world *w, const struct identity *identity,
    const struct document *document)
{
	const struct product *p = &w->product;
	const struct document_key *key;
	struct public_key bare;
	size_t i;

	assert_int_equal(document->key_count, p->credential_count);
	for (i = 0; i < p->credential_count; i++) {
		key = &document->keys[i];
		assert_int_equal(key->slot, p->credentials[i].slot);
		assert_int_equal(key->purpose, p->credentials[i].purpose);
		assert_int_equal(key->maker, p->credentials[i].maker);
		assert_true(bytes_equal(key->certificate,
		    identity->certificate[i]));
		if (!p->credentials[i].certificate) {
			assert_int_equal(document_key_read(key->key, &bare),
			    ERR_OK);
			assert_true(public_key_equal(&bare, &w->keys[i]));
		}
		if (key->purpose == PURPOSE_AUTHENTICATE)
			assert_true(public_key_equal(
			    &document->confirmation, &w->keys[i]));
	}
}

static void
check_certificates(struct world *w, const struct identity *identity,
    const char *partition)
{
	struct certificate_profile profile;
	struct template_text text;
	struct diag diag = DIAG_INIT;
	char url[100];
	size_t i;

	(void)snprintf(url, sizeof(url), PUBLISH "/crl/bulk-%s.crl",
	    partition);
	for (i = 0; i < w->template->slot_count; i++) {
		if (w->template->slots[i].certificate == NULL) {
			assert_int_equal(identity->certificate[i].len, 0);
			continue;
		}
		assert_int_equal(template_profile(&w->product,
		    &w->product.credentials[i], &w->about, &text, &profile,
		    NULL), ERR_OK);
		if (x509_check_sample(identity->certificate[i], &profile,
		    identity->certificate_fields[i], &w->issuer_key, &diag))
			fail_msg("%s", diag.what);
		assert_true((memmem(identity->certificate[i].ptr,
		    identity->certificate[i].len, url, strlen(url)) != NULL)
		    == profile.crl_partitioned);
	}
}

static void
check_names(const struct world *w, const struct identity *identity,
    const struct document *document)
{
	char want[NAME_TEXT_SIZE];
	size_t i, j;

	assert_int_equal(document->name_count, w->product.name_count);
	for (i = 0; i < w->product.name_count; i++) {
		assert_int_equal(name_format(&w->product.names[i],
		    identity->index, want), ERR_OK);
		assert_string_equal(identity->name[i], want);
		for (j = 0; j < document->name_count; j++)
			if (bytes_equal(document->names[j].kind,
			    bytes_text(w->product.names[i].kind)))
				break;
		assert_true(j < document->name_count);
		assert_true(bytes_equal(document->names[j].text,
		    bytes_text(want)));
	}
}

static void
check_status(const struct document *document, size_t border)
{
	char uri[100];

	(void)snprintf(uri, sizeof(uri), PUBLISH "/status/bulk-%s.cwt",
	    borders[border].list);
	assert_int_equal(document->status_idx, borders[border].in_list);
	assert_true(bytes_equal(document->status_uri, bytes_text(uri)));
}

/* What goes in comes out, of another parser, for every sample product. */
static void
check_identity(struct world *w, size_t border)
{
	struct document document;
	struct identity identity;

	assert_int_equal(world_identity(w, borders[border].index, &identity),
	    ERR_OK);
	assert_int_equal(identity.index, borders[border].index);
	parse(identity.document, &document);
	assert_true(bytes_equal(document.ueid, bytes_of(identity.ueid,
	    UEID_SIZE)));
	check_hashes(&identity, &document, borders[border].cbor);
	check_signature(w, &document);
	check_metadata(w, &document);
	check_keys(w, &identity, &document);
	check_certificates(w, &identity, borders[border].partition);
	check_names(w, &identity, &document);
	check_status(&document, border);
}

static void
test_content(void **state)
{
	unsigned done = 0, refused = 0;
	size_t p, i;

	(void)state;
	for (p = 0; p < COUNT(sample_files); p++) {
		_cleanup_world_ struct world w = { .maker = NULL };
		struct identity identity;

		world_make(&w, sample_files[p]);
		for (i = 0; i < COUNT(borders); i++) {
			if (names_fit(&w, borders[i].index)) {
				check_identity(&w, i);
				done++;
				continue;
			}
			assert_int_not_equal(world_identity(&w,
			    borders[i].index, &identity), ERR_OK);
			refused++;
		}
	}
	assert_true(done >= 3 * 8 && refused >= 3);
}

/* Without names nothing but the index itself is a limit. */
static void
test_content_unnamed(void **state)
{
	static const uint64_t beyond[] = { UINT64_C(1) << 48, INDEX_MAX,
		INDEX_MAX + 1, UINT64_MAX };
	_cleanup_world_ struct world w = { .maker = NULL };
	struct identity identity;
	size_t i;

	(void)state;
	product_load(sample_files[0], &w.product);
	w.product.name_count = 0;
	world_fill(&w);
	for (i = 0; i < COUNT(borders); i++)
		check_identity(&w, i);
	for (i = 0; i < COUNT(beyond); i++)
		assert_int_equal(world_identity(&w, beyond[i], &identity),
		    ERR_LIMIT);
}

static void
test_rebuild(void **state)
{
	size_t p, i;

	(void)state;
	for (p = 0; p < COUNT(sample_files); p++) {
		_cleanup_world_ struct world w = { .maker = NULL };
		_cleanup_maker_ struct identity_maker *other = NULL;

		world_make(&w, sample_files[p]);
		world_maker(&w, &other);
		assert_int_equal(identity_maker_range(other, &w.range, NULL),
		    ERR_OK);
		for (i = 0; i < COUNT(borders); i++) {
			_cleanup_copy_ struct copy copy = { .leaf = { 0 } };
			struct identity identity;

			if (!names_fit(&w, borders[i].index))
				continue;
			assert_int_equal(world_identity(&w, borders[i].index,
			    &identity), ERR_OK);
			copy_make(&copy, &identity);
			/* the same maker, and one that never made any */
			assert_int_equal(identity_maker_rebuild(w.maker,
			    borders[i].index, buf_bytes(&copy.entry),
			    &identity, NULL), ERR_OK);
			copy_equal(&copy, &identity);
			assert_int_equal(identity_maker_rebuild(other,
			    borders[i].index, buf_bytes(&copy.entry),
			    &identity, NULL), ERR_OK);
			copy_equal(&copy, &identity);
			check_certificates(&w, &identity,
			    borders[i].partition);
		}
	}
}

/* The camera with keys of one algorithm for all that it can do, each bare and
 * with a certificate, where that is offered. */
static void
algorithm_product(const struct key_algorithm *a, struct product *p)
{
	struct product_credential *c = p->credentials;
	bool encrypts = (a->can & (KEY_AGREES | KEY_DECRYPTS)) != 0;

	product_load(sample_files[0], p);
	p->credential_count = 0;
	*c++ = (struct product_credential){ 0, PURPOSE_AUTHENTICATE,
		(a->can & KEY_SIGNS) != 0 ? a->alg : KEY_P256,
		MAKER_AUTHORITY, true, 20, CERT_WITH_SKI | CERT_WITH_AKI };
	if ((a->can & KEY_SIGNS) != 0) {
		*c++ = (struct product_credential){ 1, PURPOSE_SIGN, a->alg,
			MAKER_AUTHORITY, true, 1, 0 };
		*c++ = (struct product_credential){ 2, PURPOSE_SIGN, a->alg,
			MAKER_AUTHORITY, false, 0, 0 };
	}
	if (encrypts)
		*c++ = (struct product_credential){ 3, PURPOSE_ENCRYPT,
			a->alg, MAKER_AUTHORITY, false, 0, 0 };
	if (encrypts && a->alg != KEY_X25519)
		*c++ = (struct product_credential){ 4, PURPOSE_ENCRYPT,
			a->alg, MAKER_AUTHORITY, true, PRODUCT_NEVER,
			CERT_WITH_SKI };
	p->credential_count = (size_t)(c - p->credentials);
}

static void
test_algorithms(void **state)
{
	const struct key_algorithm *a;
	size_t n;

	(void)state;
	for (n = 0; (a = key_algorithm_at(n)) != NULL; n++) {
		_cleanup_world_ struct world w = { .maker = NULL };
		_cleanup_copy_ struct copy copy = { .leaf = { 0 } };
		_cleanup_template_ struct template *back = NULL;
		_cleanup_buf_ struct buf stored = BUF_INIT, again = BUF_INIT;
		struct identity identity;

		if (key_alg_available(a->alg, NULL) != ERR_OK) {
			print_message("%s is skipped: it needs OpenSSL %s\n",
			    a->name, a->needs);
			continue;
		}
		algorithm_product(a, &w.product);
		world_fill(&w);
		check_identity(&w, 0);
		assert_int_equal(world_identity(&w, borders[0].index,
		    &identity), ERR_OK);
		assert_int_equal(identity.entry.len,
		    template_entry_size(w.template));
		copy_make(&copy, &identity);
		assert_int_equal(identity_maker_rebuild(w.maker,
		    borders[0].index, buf_bytes(&copy.entry), &identity,
		    NULL), ERR_OK);
		copy_equal(&copy, &identity);
		print_message("%s: document %zu octets, entry %zu\n",
		    a->name, identity.document.len, identity.entry.len);
		assert_int_equal(template_encode(w.template, &stored),
		    ERR_OK);
		assert_int_equal(template_decode(buf_bytes(&stored), &back,
		    NULL), ERR_OK);
		assert_int_equal(template_encode(back, &again), ERR_OK);
		assert_true(bytes_equal(buf_bytes(&stored),
		    buf_bytes(&again)));
	}
}

/* iat, nbf and notBefore where UTCTime ends (RFC 5280 4.1.2.5). */
static void
test_times(void **state)
{
	static const struct {
		const char *issued, *camera, *turbine;
	} table[] = {
		{ "1970-01-01T00:00:00Z", "1990-01-01T00:00:00Z",
		    "2000-01-01T00:00:00Z" },
		{ "2024-02-29T12:00:00Z", "2044-02-29T12:00:00Z",
		    "2054-02-28T12:00:00Z" },
		{ "2029-12-31T23:59:59Z", "2049-12-31T23:59:59Z",
		    "2059-12-31T23:59:59Z" },
		{ "2030-01-01T00:00:00Z", "2050-01-01T00:00:00Z",
		    "2060-01-01T00:00:00Z" },
		{ "2049-12-31T23:59:59Z", "2069-12-31T23:59:59Z",
		    "2079-12-31T23:59:59Z" },
		{ "2050-01-01T00:00:00Z", "2070-01-01T00:00:00Z",
		    "2080-01-01T00:00:00Z" },
		{ "9969-12-31T23:59:59Z", "9989-12-31T23:59:59Z",
		    "9999-12-31T23:59:59Z" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < 2 * COUNT(table); i++) {
		_cleanup_world_ struct world w = { .maker = NULL };
		size_t camera = i % 2 == 0, slot = camera ? 0 : 2;
		struct document document;
		struct identity identity;
		struct x509_info info;
		int64_t issued = 0, ends = 0;

		world_make(&w, sample_files[camera ? 0 : 2]);
		assert_int_equal(time_parse(table[i / 2].issued, &issued),
		    ERR_OK);
		assert_int_equal(time_parse(camera ? table[i / 2].camera :
		    table[i / 2].turbine, &ends), ERR_OK);
		world_range(&w, issued);
		assert_int_equal(world_identity(&w, 5, &identity), ERR_OK);
		parse(identity.document, &document);
		assert_int_equal(document.issued, issued);
		assert_int_equal(document.not_before, issued);
		assert_int_equal(x509_read(identity.certificate[slot], &info,
		    NULL), ERR_OK);
		assert_int_equal(info.not_before, issued);
		assert_int_equal(info.not_after, ends);
	}
}

/* A range whose times cannot be said is not entered, not even in part. */
static void
test_times_refused(void **state)
{
	static const char *const last = "9980-01-01T00:00:00Z";
	_cleanup_world_ struct world w = { .maker = NULL };
	struct identity identity;
	size_t i;

	(void)state;
	world_make(&w, sample_files[0]);
	for (i = 0; i < 3; i++) {
		struct identity_range range = w.range;
		struct diag diag = DIAG_INIT;

		assert_int_equal(time_parse(last, &range.issued), ERR_OK);
		if (i == 1)
			range.issued = -1;
		if (i == 2)
			range.issued = INT64_MAX;
		assert_int_equal(identity_maker_range(w.maker, &range, &diag),
		    ERR_INVALID);
		assert_true(diag.what[0] != '\0');
		assert_int_equal(world_identity(&w, 5, &identity),
		    ERR_INTERNAL);
		world_range(&w, TIME_2026);
		assert_int_equal(world_identity(&w, 5, &identity), ERR_OK);
	}
}

/* The document's own expiry, where a product has one. */
static void
test_document_expiry(void **state)
{
	static const int years[] = { PRODUCT_NEVER, 1, 100 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(years); i++) {
		_cleanup_world_ struct world w = { .maker = NULL };
		struct document document;
		struct identity identity;
		int64_t ends = TIME_MAX_S;

		product_load(sample_files[0], &w.product);
		w.product.document_validity_years = years[i];
		world_fill(&w);
		if (years[i] != PRODUCT_NEVER)
			assert_int_equal(time_add_years(TIME_2026, years[i],
			    &ends), ERR_OK);
		assert_int_equal(world_identity(&w, 5, &identity), ERR_OK);
		parse(identity.document, &document);
		assert_int_equal(document.expires, ends);
	}
}

/*
 * Whatever is changed in a stored entry shows in the leaf; but for the
 * document's own signature, which shows when it is verified.
 */
static void
test_entry_changed(void **state)
{
	size_t p, i;

	(void)state;
	for (p = 0; p < COUNT(sample_files); p++) {
		_cleanup_world_ struct world w = { .maker = NULL };
		_cleanup_copy_ struct copy copy = { .leaf = { 0 } };
		struct identity identity;

		world_make(&w, sample_files[p]);
		assert_int_equal(world_identity(&w, 9, &identity), ERR_OK);
		copy_make(&copy, &identity);
		for (i = 0; i < copy.entry.len; i++) {
			enum err err;

			copy.entry.ptr[i] ^= (uint8_t)(1 << i % 8);
			err = identity_maker_rebuild(w.maker, 9,
			    buf_bytes(&copy.entry), &identity, NULL);
			copy.entry.ptr[i] ^= (uint8_t)(1 << i % 8);
			if (err) {
				assert_int_equal(err, ERR_CORRUPT);
				continue;
			}
			assert_int_equal(memcmp(identity.leaf, copy.leaf,
			    SHA256_SIZE) == 0, i >= copy.entry.len -
			    SIGNATURE_SIZE);
			assert_false(bytes_equal(identity.document,
			    buf_bytes(&copy.document)));
		}
	}
}

static void
test_entry_length(void **state)
{
	_cleanup_world_ struct world w = { .maker = NULL };
	_cleanup_copy_ struct copy copy = { .leaf = { 0 } };
	struct identity identity;
	size_t len;

	(void)state;
	world_make(&w, sample_files[0]);
	assert_int_equal(world_identity(&w, 9, &identity), ERR_OK);
	copy_make(&copy, &identity);
	buf_put_u8(&copy.entry, 0);
	for (len = 0; len <= copy.entry.len; len++)
		assert_int_equal(identity_maker_rebuild(w.maker, 9,
		    bytes_of(copy.entry.ptr, len), &identity, NULL),
		    len == copy.entry.len - 1 ? ERR_OK : ERR_CORRUPT);
}

/* Another index, seed, epoch, time or evidence class is another identity. */
static void
test_context_changed(void **state)
{
	static const uint8_t seed[32] = { 9 };
	_cleanup_world_ struct world w = { .maker = NULL };
	_cleanup_copy_ struct copy copy = { .leaf = { 0 } };
	struct identity identity;
	size_t i;

	(void)state;
	world_make(&w, sample_files[0]);
	assert_int_equal(world_identity(&w, 9, &identity), ERR_OK);
	copy_make(&copy, &identity);
	for (i = 0; i < 6; i++) {
		struct identity_range range = w.range;

		if (i == 1)
			range.seed = bytes_of(seed, sizeof(seed));
		if (i == 2)
			range.epoch++;
		if (i == 3)
			range.issued++;
		if (i == 4)
			range.evidence = EVIDENCE_NONE;
		assert_int_equal(identity_maker_range(w.maker, &range, NULL),
		    ERR_OK);
		assert_int_equal(identity_maker_rebuild(w.maker, i == 0 ? 10 :
		    9, buf_bytes(&copy.entry), &identity, NULL), ERR_OK);
		assert_int_equal(memcmp(identity.leaf, copy.leaf,
		    SHA256_SIZE) == 0, i == 5);
	}
}

static void
test_wrong_key(void **state)
{
	_cleanup_world_ struct world w = { .maker = NULL };
	struct identity identity;

	(void)state;
	world_make(&w, sample_files[0]);
	key_make(KEY_X25519, &w.keys[0], NULL, NULL);
	assert_int_equal(world_identity(&w, 9, &identity), ERR_INTERNAL);
}

static void
test_no_range(void **state)
{
	_cleanup_world_ struct world w = { .maker = NULL };
	struct identity identity;

	(void)state;
	world_make(&w, sample_files[0]);
	identity_maker_free(&w.maker);
	world_maker(&w, &w.maker);
	assert_int_equal(world_identity(&w, 9, &identity), ERR_INTERNAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_content_unnamed),
		cmocka_unit_test(test_rebuild),
		cmocka_unit_test(test_algorithms),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_times_refused),
		cmocka_unit_test(test_document_expiry),
		cmocka_unit_test(test_entry_changed),
		cmocka_unit_test(test_entry_length),
		cmocka_unit_test(test_context_changed),
		cmocka_unit_test(test_wrong_key),
		cmocka_unit_test(test_no_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
