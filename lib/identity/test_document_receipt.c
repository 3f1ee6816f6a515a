/* Documents whose signature is a receipt: made, read, judged, rebuilt. */
#include "lib/identity/document_internal.h"
#include "lib/identity/test_make.h"

#define FILE_RECEIPT	"examples/products/water-meter.yaml"
#define CHUNK		11
/* The status list changes within the chunk. */
#define FIRST		((UINT64_C(3) << STATUS_LIST_BITS) - 5)

struct chunk {
	struct world		 w;
	struct sha256		*sha256;
	struct verifier		*verifier;
	struct receipt_chunk	 about;
	struct buf		 claims[CHUNK], entries[CHUNK];
	uint8_t			 leaves[CHUNK][SHA256_SIZE];
	uint8_t			 commitments[CHUNK][SHA256_SIZE];
	struct subtree		 tree;
	struct buf		 protected;
	uint8_t			 sig[SIGNATURE_SIZE];
	struct buf		 document;	/* of chunk_document() */
};

/* Sign the tree as being what about says. */
static void
chunk_sign(struct chunk *c)
{
	buf_clear(&c->protected);
	receipt_put_protected(&c->protected,
	    bytes_of(c->w.about.document_kid, COSE_KID_SIZE), &c->about);
	assert_int_equal(subtree_build(&c->tree, c->sha256, c->leaves[0],
	    CHUNK), ERR_OK);
	assert_int_equal(receipt_sign(c->w.document,
	    buf_bytes(&c->protected), subtree_root(&c->tree), c->sig),
	    ERR_OK);
}

static int
chunk_new(void **state)
{
	struct chunk *c = calloc(1, sizeof(*c));
	struct identity identity;
	size_t i;

	assert_non_null(c);
	world_make(&c->w, FILE_RECEIPT);
	assert_int_equal(sha256_new(&c->sha256, NULL), ERR_OK);
	assert_int_equal(verifier_new(&c->w.document_key, &c->verifier,
	    NULL), ERR_OK);
	c->protected.limit = c->document.limit = BUF_LIMIT_DEFAULT;
	for (i = 0; i < CHUNK; i++) {
		c->claims[i].limit = c->entries[i].limit = BUF_LIMIT_DEFAULT;
		assert_int_equal(identity_maker_make(c->w.maker, FIRST + i,
		    c->w.keys, c->w.issuer, NULL, &identity, NULL), ERR_OK);
		assert_int_equal(identity.document.len, 0);
		buf_put_bytes(&c->claims[i], identity.claims);
		buf_put_bytes(&c->entries[i], identity.entry);
		memcpy(c->leaves[i], identity.leaf, SHA256_SIZE);
		memcpy(c->commitments[i], identity.commitment, SHA256_SIZE);
	}
	c->about = (struct receipt_chunk){ .first = FIRST, .size = CHUNK,
	    .evidence = EVIDENCE_ORDER };
	chunk_sign(c);
	*state = c;
	return 0;
}

static int
chunk_free(void **state)
{
	struct chunk *c = *state;
	size_t i;

	for (i = 0; i < CHUNK; i++) {
		buf_release(&c->claims[i]);
		buf_release(&c->entries[i]);
	}
	buf_release(&c->protected);
	buf_release(&c->document);
	subtree_release(&c->tree);
	verifier_free(&c->verifier);
	sha256_free(&c->sha256);
	world_release(&c->w);
	free(c);
	return 0;
}

static struct bytes
chunk_document(struct chunk *c, uint32_t i)
{
	buf_clear(&c->document);
	document_put_receipt(&c->document, buf_bytes(&c->claims[i]),
	    buf_bytes(&c->protected), &c->tree, i, c->sig);
	assert_int_equal(buf_err(&c->document), ERR_OK);
	return buf_bytes(&c->document);
}

static bool
is_good(struct chunk *c, const struct document *d)
{
	bool good = false;

	assert_int_equal(document_verify(d, c->verifier, KEY_P256, c->sha256,
	    &good), ERR_OK);
	return good;
}

static void
test_whole_chunk(void **state)
{
	struct chunk *c = *state;
	struct diag diag = DIAG_INIT;
	struct document d, label;
	uint32_t i;

	for (i = 0; i < CHUNK; i++) {
		assert_int_equal(document_read_label(chunk_document(c, i),
		    &label, NULL), ERR_OK);
		if (document_parse(chunk_document(c, i), &d, &diag) != ERR_OK)
			fail_msg("%u: %s", i, diag.what);
		assert_true(bytes_equal(label.ueid, d.ueid));
		assert_int_equal(label.name_count, d.name_count);
		assert_int_equal(d.signature, SIGNATURE_RECEIPT);
		assert_true(bytes_equal(d.claims, buf_bytes(&c->claims[i])));
		assert_true(bytes_equal(d.message.kid,
		    bytes_of(c->w.about.document_kid, COSE_KID_SIZE)));
		assert_int_equal(receipt_index(&d.receipt), FIRST + i);
		assert_int_equal(d.confirmation.alg, KEY_P256);
		assert_true(is_good(c, &d));
	}
}

/* Not an octet of it can be another one. */
static void
test_every_octet(void **state)
{
	struct chunk *c = *state;
	struct document d;
	size_t i;

	(void)chunk_document(c, 7);
	for (i = 0; i < c->document.len; i++) {
		c->document.ptr[i] ^= (uint8_t)(1 << i % 8);
		if (document_parse(buf_bytes(&c->document), &d, NULL) ==
		    ERR_OK && is_good(c, &d))
			fail_msg("good with octet %zu altered", i);
		c->document.ptr[i] ^= (uint8_t)(1 << i % 8);
	}
	for (i = 0; i < c->document.len; i++)
		assert_int_not_equal(document_parse(
		    bytes_of(c->document.ptr, i), &d, NULL), ERR_OK);
}

/* Claims of one, receipt of another: both signed, and not one identity. */
static void
test_exchanged(void **state)
{
	struct chunk *c = *state;
	struct diag diag = DIAG_INIT;
	struct document d;

	buf_clear(&c->document);
	document_put_receipt(&c->document, buf_bytes(&c->claims[2]),
	    buf_bytes(&c->protected), &c->tree, 3, c->sig);
	assert_int_equal(document_parse(buf_bytes(&c->document), &d, &diag),
	    ERR_SYNTAX);
	assert_non_null(strstr(diag.what, "receipt: it is for index"));
}

/* The document key itself signs another place for these claims. */
static void
test_another_place(void **state)
{
	static const int64_t off[] = { 1, -1, INT64_C(1) << STATUS_LIST_BITS,
	    -(INT64_C(1) << STATUS_LIST_BITS), INT64_C(1) << 52 };
	struct chunk *c = *state;
	struct document d;
	size_t i;

	for (i = 0; i < COUNT(off); i++) {
		c->about.first = FIRST + (uint64_t)off[i];
		chunk_sign(c);
		assert_int_equal(document_parse(chunk_document(c, 4), &d,
		    NULL), ERR_SYNTAX);
	}
	c->about.first = FIRST;
	c->about.evidence = EVIDENCE_NONE;
	chunk_sign(c);
	assert_int_equal(document_parse(chunk_document(c, 4), &d, NULL),
	    ERR_OK);
	assert_false(is_good(c, &d));
	c->about.evidence = EVIDENCE_ORDER;
	chunk_sign(c);
	assert_int_equal(document_parse(chunk_document(c, 4), &d, NULL),
	    ERR_OK);
	assert_true(is_good(c, &d));
}

static void
test_form(void **state)
{
	static const struct {
		const char	*octets;
		size_t		 len;
		enum err	 err;
	} bad[] = {
		{ "\x82", 1, ERR_SYNTAX },
		{ "\x82\x41\x00", 3, ERR_SYNTAX },
		{ "\x82\x61\x61\x00", 4, ERR_SYNTAX },
		{ "\x82\x41\x00\x00", 4, ERR_SYNTAX },
		{ "\x83\x41\x00\x00\x00", 5, ERR_SYNTAX },
	};
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct chunk *c = *state;
	struct document d;
	size_t i;

	for (i = 0; i < COUNT(bad); i++)
		assert_int_equal(document_parse(bytes_of(bad[i].octets,
		    bad[i].len), &d, NULL), bad[i].err);
	/* a receipt alone is no document */
	(void)chunk_document(c, 0);
	assert_int_equal(document_parse(bytes_of(c->document.ptr + 3 +
	    c->claims[0].len, c->document.len - 3 - c->claims[0].len), &d,
	    NULL), ERR_SYNTAX);
	assert_int_equal(document_parse(buf_bytes(&c->document), &d, NULL),
	    ERR_OK);
	document_put_text(&text, &d);
	document_put_json(&text, &d);
	assert_non_null(strstr(buf_text(&text),
	    "signed together   11 identities from index 3145723, this one "
	    "3145723\n"));
	assert_non_null(strstr(buf_text(&text), "\"mode\": \"receipt\""));
	assert_int_equal(document_receipt_check(&d, NULL), ERR_OK);
	d.status_uri = BYTES_NONE;
	assert_int_equal(document_receipt_check(&d, NULL), ERR_SYNTAX);
}

/* From what is stored: template, entry, and the leaves of the chunk. */
static void
test_rebuilt(void **state)
{
	_cleanup_template_ struct template *back = NULL;
	_cleanup_maker_ struct identity_maker *maker = NULL;
	_cleanup_buf_ struct buf stored = BUF_INIT;
	struct chunk *c = *state;
	struct identity identity;
	uint32_t i;

	assert_int_equal(template_encode(c->w.template, &stored), ERR_OK);
	assert_int_equal(template_decode(buf_bytes(&stored), &back, NULL),
	    ERR_OK);
	assert_int_equal(back->signature, SIGNATURE_RECEIPT);
	assert_int_equal(template_entry_size(back), 33 + 64 + 32);
	template_free(&c->w.template);
	c->w.template = back;
	back = NULL;
	world_maker(&c->w, &maker);
	assert_int_equal(identity_maker_range(maker, &c->w.range, NULL),
	    ERR_OK);
	for (i = 0; i < CHUNK; i++) {
		assert_int_equal(c->entries[i].len, 33 + 64 + 32);
		assert_int_equal(identity_maker_rebuild(maker, FIRST + i,
		    buf_bytes(&c->entries[i]), &identity, NULL), ERR_OK);
		assert_true(bytes_equal(identity.claims,
		    buf_bytes(&c->claims[i])));
		assert_memory_equal(identity.leaf, c->leaves[i],
		    SHA256_SIZE);
		assert_memory_equal(identity.commitment, c->commitments[i],
		    SHA256_SIZE);
		assert_int_equal(identity.document.len, 0);
	}
	/* an octet more, such as a document's signature, is none of these */
	buf_put_u8(&c->entries[0], 0);
	assert_int_equal(identity_maker_rebuild(maker, FIRST,
	    buf_bytes(&c->entries[0]), &identity, NULL), ERR_CORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole_chunk, chunk_new,
		    chunk_free),
		cmocka_unit_test_setup_teardown(test_every_octet, chunk_new,
		    chunk_free),
		cmocka_unit_test_setup_teardown(test_exchanged, chunk_new,
		    chunk_free),
		cmocka_unit_test_setup_teardown(test_another_place, chunk_new,
		    chunk_free),
		cmocka_unit_test_setup_teardown(test_form, chunk_new,
		    chunk_free),
		cmocka_unit_test_setup_teardown(test_rebuilt, chunk_new,
		    chunk_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
