#include "lib/identity/test_pack.h"

/* A pack without chunks whose signed header has to in the place of from. */
static enum err
open_asking(struct pack_world *w, const char *from, const char *to,
    struct pack **ret_pack)
{
	uint8_t old[16], new[16];
	size_t old_len = 0, new_len = 0;
	uint8_t *at;

	buf_clear(&w->file);
	assert_int_equal(pack_put_header(&w->file, &w->header), ERR_OK);
	assert_int_equal(hex_decode(from, old, sizeof(old), &old_len),
	    ERR_OK);
	assert_int_equal(hex_decode(to, new, sizeof(new), &new_len), ERR_OK);
	assert_int_equal(old_len, new_len);
	at = memmem(w->file.ptr, w->file.len, old, old_len);
	assert_non_null(at);
	memcpy(at, new, new_len);
	assert_int_equal(sha256_once(buf_bytes(&w->file),
	    w->manifest.header_hash), ERR_OK);
	w->manifest.chunk_count = 0;
	put_manifest(w);
	write_file(w, buf_bytes(&w->file));
	return open_it(w, ret_pack);
}

/* What the station is to ask for, and each way to say it wrongly. */
static void
test_asks(void **state)
{
	static const struct {
		const char	*from, *to;
	} lies[] = {
		{ "a30102", "a30103" }, { "a30102", "a30100" },	/* evidence */
		{ "0282826463686970", "0382826463686970" },	/* a key */
		{ "82636d616301", "82636d616307" },	/* a name's type */
		{ "82636d616301", "81636d616301" },
		/* 4: [4, "size 1"] */
		{ "0482046673697a652031", "0482066673697a652031" },
		{ "0482046673697a652031", "0482006673697a652031" },
		{ "0482046673697a652031", "0482016673697a652031" },
		{ "0482046673697a652031", "0481046673697a652031" },
		{ "0482046673697a652031", "0582046673697a652031" },
		{ "0482046673697a652031", "0482044673697a652031" },
	};
	const struct product product = { .evidence = INJECTION_SIGNED,
	    .form = FORM_IMAGE, .layout = "size 1", .name_count = 3,
	    .names = { { .kind = "chip", .from = NAME_FROM_LINE },
		{ .kind = "serial-number", .from = NAME_FROM_CSV },
		{ .kind = "mac", .from = NAME_FROM_LINE,
		    .type = NAME_MAC } } };
	_cleanup_pack_world_ struct pack_world w;
	_cleanup_pack_ struct pack *pack = NULL, *bad = NULL;
	const struct pack_header *h;
	size_t i;

	(void)state;
	pack_make(&w, KEY_X25519, 1, small);
	w.header.count = 0;
	pack_header_ask(&w.header, &product);
	assert_int_equal(open_asking(&w, "a30102", "a30102", &pack), ERR_OK);
	h = pack_header(pack);
	assert_int_equal(h->evidence, INJECTION_SIGNED);
	assert_int_equal(h->name_count, 2);
	assert_true(bytes_equal(h->names[0].kind, bytes_text("chip")));
	assert_int_equal(h->names[0].type, NAME_TEXT);
	assert_true(bytes_equal(h->names[1].kind, bytes_text("mac")));
	assert_int_equal(h->names[1].type, NAME_MAC);
	assert_int_equal(h->form, FORM_IMAGE);
	assert_true(bytes_equal(h->layout, bytes_text("size 1")));
	for (i = 0; i < COUNT(lies); i++)
		if (open_asking(&w, lies[i].from, lies[i].to, &bad) !=
		    ERR_SYNTAX)
			fail_msg("lie %zu", i);
}

/* A form without a layout, alone; and none for chips. */
static void
test_form(void **state)
{
	const struct product product = { .form = FORM_PEM };
	_cleanup_pack_world_ struct pack_world w;
	_cleanup_pack_ struct pack *pack = NULL, *bad = NULL;
	struct pack_header chips = { .mode = ORDER_CHIP };

	(void)state;
	pack_make(&w, KEY_X25519, 1, small);
	w.header.count = 0;
	pack_header_ask(&w.header, &product);
	assert_int_equal(open_asking(&w, "a1048101", "a1048101", &pack),
	    ERR_OK);
	assert_int_equal(pack_header(pack)->form, FORM_PEM);
	assert_int_equal(pack_header(pack)->layout.len, 0);
	assert_int_equal(open_asking(&w, "a1048101", "a1048104", &bad),
	    ERR_SYNTAX);
	pack_header_ask(&chips, &product);
	assert_int_equal(chips.form, FORM_CBOR);
}

static void
claim_add(struct pack_world *w)
{
	static const uint8_t key[CLAIM_KEY_SIZE] = { 9 };

	assert_int_equal(pack_claim_seal(&w->header, 1, key, &w->recipient,
	    NULL), ERR_OK);
}

/* The pack written anew with what its header says now. */
static void
write_again(struct pack_world *w)
{
	buf_clear(&w->file);
	assert_int_equal(pack_put_header(&w->file, &w->header), ERR_OK);
	assert_int_equal(sha256_once(buf_bytes(&w->file),
	    w->manifest.header_hash), ERR_OK);
	w->manifest.chunk_count = 0;
	put_chunk(w, 0, (uint32_t)w->header.count);
	put_manifest(w);
	write_file(w, buf_bytes(&w->file));
}

/* The station has the codes of its pack's identities, nobody else has. */
static void
claim_check(enum key_alg alg)
{
	static const uint8_t key[CLAIM_KEY_SIZE] = { 9 };
	_cleanup_hmac_ struct hmac *codes = NULL;
	_cleanup_pack_world_ struct pack_world w;
	_cleanup_pack_ struct pack *pack = NULL;
	char code[CLAIM_CODE_SIZE], right[CLAIM_CODE_SIZE];
	uint8_t other[KEY_PRIVATE_SIZE];
	struct bytes private;
	uint64_t i;

	pack_make(&w, alg, 1, small);
	claim_add(&w);
	assert_int_equal(pack_version(&w.header), 3);
	write_again(&w);
	assert_int_equal(open_it(&w, &pack), ERR_OK);
	assert_null(memmem(w.file.ptr, w.file.len, key, sizeof(key)));
	key_make(alg, &w.foreign_key, other, NULL);
	private = bytes_of(w.private, KEY_PRIVATE_SIZE);
	assert_int_equal(pack_claim_code(pack, bytes_of(other,
	    KEY_PRIVATE_SIZE), 0, code, NULL), ERR_AUTH);
	assert_int_equal(pack_claim_code(pack, BYTES_NONE, 0, code, NULL),
	    ERR_OK);
	assert_string_equal(code, "");
	assert_int_equal(hmac_new(bytes_of(key, sizeof(key)), &codes, NULL),
	    ERR_OK);
	for (i = 0; i < 3; i++) {
		assert_int_equal(pack_claim_code(pack, private, i, code,
		    NULL), ERR_OK);
		assert_int_equal(claim_code_make(codes, 1, i, right), ERR_OK);
		assert_string_equal(code, right);
	}
	assert_int_equal(open_package(&w, pack, 1), ERR_OK);
}

static void
test_claim(void **state)
{
	(void)state;
	claim_check(KEY_X25519);
	claim_check(KEY_P256);
}

/* Of another pack, order, product or log, or for another station: not it. */
static void
test_claim_bound(void **state)
{
	_cleanup_pack_world_ struct pack_world w;
	_cleanup_hmac_ struct hmac *codes = NULL;
	struct pack_header bad, again;
	struct bytes private;
	size_t i;

	(void)state;
	pack_make(&w, KEY_X25519, 1, small);
	claim_add(&w);
	again = w.header;
	claim_add(&w);
	assert_memory_equal(&w.header.claim, &again.claim,
	    sizeof(again.claim));
	private = bytes_of(w.private, KEY_PRIVATE_SIZE);
	for (i = 0; i < 7; i++) {
		bad = w.header;
		bad.binding.pack[0] ^= i == 0;
		bad.binding.order[0] ^= i == 1;
		bad.binding.product[0] ^= i == 2;
		bad.binding.recipient[0] ^= i == 3;
		bad.claim.log += i == 4;
		bad.claim.enc[3] ^= i == 5;
		bad.claim.sealed[7] ^= i == 6;
		assert_int_equal(pack_claim_open(&bad, private, &codes, NULL),
		    ERR_AUTH);
	}
	assert_null(codes);
	w.header.binding.pack[0] ^= 1;
	claim_add(&w);
	assert_memory_not_equal(w.header.claim.enc, again.claim.enc,
	    again.claim.enc_len);
}

static void
test_claim_lies(void **state)
{
	static const struct {
		const char	*from, *to;
	} lies[] = {
		{ "05830158", "05830058" },	/* the log */
		{ "05830158", "06830158" },
		{ "0583015820", "0583015821" },
		{ "0583015820", "0582015820" },
	};
	_cleanup_pack_world_ struct pack_world w;
	_cleanup_pack_ struct pack *pack = NULL, *bad = NULL;
	size_t i;

	(void)state;
	pack_make(&w, KEY_X25519, 1, small);
	w.header.count = 0;
	claim_add(&w);
	assert_int_equal(open_asking(&w, "05830158", "05830158", &pack),
	    ERR_OK);
	assert_int_equal(pack_header(pack)->claim.log, 1);
	for (i = 0; i < COUNT(lies); i++)
		if (open_asking(&w, lies[i].from, lies[i].to, &bad) !=
		    ERR_SYNTAX)
			fail_msg("lie %zu", i);
	/* not in a header of version 2 */
	assert_int_equal(open_asking(&w, "5041434b0003", "5041434b0002",
	    &bad), ERR_SYNTAX);
}

/* A pack that was begun goes on with the header it has. */
static void
test_resume(void **state)
{
	_cleanup_pack_world_ struct pack_world w;
	_cleanup_file_ struct file file = FILE_INIT;
	struct pack_header header;

	(void)state;
	pack_make(&w, KEY_X25519, 1, small);
	assert_int_equal(file_open(io_posix(), w.path, O_RDONLY, 0, &file,
	    NULL), ERR_OK);
	header = w.header;
	assert_int_equal(pack_header_resume(&header, &file, NULL), ERR_OK);
	header.evidence = INJECTION_SIGNED;
	assert_int_equal(pack_header_resume(&header, &file, NULL), ERR_OK);
	assert_int_equal(header.evidence, INJECTION_UNPROVEN);
	claim_add(&w);
	header.claim = w.header.claim;
	assert_int_equal(pack_header_resume(&header, &file, NULL), ERR_OK);
	assert_int_equal(header.claim.log, 0);
	write_again(&w);
	header.claim = w.header.claim;
	assert_int_equal(pack_header_resume(&header, &file, NULL), ERR_OK);
	header.claim.sealed[0] ^= 1;
	assert_int_equal(pack_header_resume(&header, &file, NULL),
	    ERR_CONFLICT);
	header = w.header;
	header.binding.recipient[0] ^= 1;
	assert_int_equal(pack_header_resume(&header, &file, NULL),
	    ERR_CONFLICT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_asks),
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_claim),
		cmocka_unit_test(test_claim_bound),
		cmocka_unit_test(test_claim_lies),
		cmocka_unit_test(test_resume),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
