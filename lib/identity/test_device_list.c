#include "lib/identity/test_make.h"

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/cbor_write.h"
#include "lib/identity/device_list.h"

#define FILE_NAME	"test_device_list.tmp"

struct heard {
	struct buf	octets;
	uint64_t	entries;
	uint64_t	stop_at;
};

static enum err
heard_put(void *ctx, struct bytes octets)
{
	buf_put_bytes(&((struct heard *)ctx)->octets, octets);
	return ERR_OK;
}

static enum err
heard_each(void *ctx, uint64_t number, const struct device_entry *entry,
    struct bytes encoded)
{
	struct heard *heard = ctx;
	struct device_entry *again = malloc(sizeof(*again));

	assert_true(number == heard->entries++);
	assert_non_null(again);
	assert_int_equal(device_entry_decode(encoded, again, NULL), ERR_OK);
	assert_true(bytes_equal(again->id, entry->id));
	assert_true(public_key_equal(&again->key[0].key, &entry->key[0].key));
	free(again);
	return heard->entries == heard->stop_at ? ERR_CONFLICT : ERR_OK;
}

static void
writer_make(struct heard *heard, enum device_list_kind kind,
    struct device_list_writer **ret_writer)
{
	const struct device_list_sink sink = { .put = heard_put,
		.each = heard_each, .ctx = heard };
	const struct device_list_head head = { .kind = kind,
	    .trust = DEVICE_LIST_APPROVED };

	assert_int_equal(device_list_writer_new("chips", "line", &sink,
	    ret_writer, NULL), ERR_OK);
	assert_int_equal(device_list_begin(*ret_writer, &head, NULL),
	    ERR_OK);
}

static void
entry_make(struct device_entry *entry, enum key_alg alg, const char *id)
{
	entry->id = bytes_text(id);
	entry->key_count = 1;
	entry->key[0].slot = 0;
	key_make(alg, &entry->key[0].key, NULL, NULL);
}

/* count chips, "chip-1" and so on, into out. */
static void
list_make(size_t count, struct buf *out, uint8_t hash[SHA256_SIZE])
{
	_cleanup_list_writer_ struct device_list_writer *w = NULL;
	struct heard heard = { .octets = BUF_INIT };
	struct device_entry *entry = malloc(sizeof(*entry));
	uint64_t total = 0;
	char id[32];
	size_t i;

	assert_non_null(entry);
	writer_make(&heard, DEVICE_LIST_CHIPS, &w);
	for (i = 0; i < count; i++) {
		(void)snprintf(id, sizeof(id), "chip-%zu", i + 1);
		entry_make(entry, i % 2 ? KEY_P256 : KEY_X25519, id);
		assert_int_equal(device_list_add(w, entry, i + 1, NULL),
		    ERR_OK);
	}
	assert_int_equal(device_list_end(w, &total, hash, NULL), ERR_OK);
	assert_true(total == count && heard.entries == count);
	buf_put_bytes(out, buf_bytes(&heard.octets));
	buf_release(&heard.octets);
	free(entry);
}

/* Octets as a file, read as a list of chips. */
static enum err
list_read(struct bytes octets, enum device_list_kind kind,
    uint64_t *ret_count, uint8_t hash[SHA256_SIZE], struct diag *diag)
{
	_cleanup_list_writer_ struct device_list_writer *w = NULL;
	const struct device_list_sink sink = { .ctx = NULL };
	_cleanup_file_ struct file file = FILE_INIT;
	enum err err;

	assert_int_equal(io_write_file(io_posix(), FILE_NAME, octets, 0600,
	    NULL), ERR_OK);
	assert_int_equal(file_open(io_posix(), FILE_NAME, O_RDONLY, 0, &file,
	    NULL), ERR_OK);
	(void)unlink(FILE_NAME);
	err = device_list_writer_new("f", "entry", &sink, &w, diag);
	if (!err)
		err = device_list_read(&file, kind, w, diag);
	if (!err)
		err = device_list_end(w, ret_count, hash, diag);
	if (!err)
		assert_int_equal(device_list_writer_head(w)->trust,
		    DEVICE_LIST_APPROVED);
	return err;
}

static void
test_round_trip(void **state)
{
	static const size_t counts[] = { 1, 2, 30, 5000 };
	uint8_t hash[SHA256_SIZE], again[SHA256_SIZE], whole[SHA256_SIZE];
	struct diag diag = DIAG_INIT;
	uint64_t count = 0;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(counts); i++) {
		_cleanup_buf_ struct buf list = BUF_INIT;

		list_make(counts[i], &list, hash);
		assert_true(device_list_is(buf_bytes(&list)));
		assert_int_equal(sha256_once(buf_bytes(&list), whole),
		    ERR_OK);
		assert_memory_equal(whole, hash, SHA256_SIZE);
		if (list_read(buf_bytes(&list), DEVICE_LIST_CHIPS, &count,
		    again, &diag) != ERR_OK)
			fail_msg("%s", diag.what);
		assert_true(count == counts[i]);
		assert_memory_equal(again, hash, SHA256_SIZE);
	}
}

/* Wherever it is cut, whatever follows: no list. */
static void
test_cut(void **state)
{
	_cleanup_buf_ struct buf list = BUF_INIT;
	uint8_t hash[SHA256_SIZE];
	uint64_t count = 0;
	size_t i;

	(void)state;
	list_make(3, &list, hash);
	for (i = 0; i < list.len; i++)
		assert_int_equal(list_read(bytes_of(list.ptr, i),
		    DEVICE_LIST_CHIPS, &count, hash, NULL), ERR_SYNTAX);
	assert_int_equal(list_read(buf_bytes(&list), DEVICE_LIST_KEYS,
	    &count, hash, NULL), ERR_INVALID);
	list.ptr[list.len - 1]++;
	assert_int_equal(list_read(buf_bytes(&list), DEVICE_LIST_CHIPS,
	    &count, hash, NULL), ERR_SYNTAX);
	list.ptr[list.len - 1]--;
	buf_put_u8(&list, 0);
	assert_int_equal(list_read(buf_bytes(&list), DEVICE_LIST_CHIPS,
	    &count, hash, NULL), ERR_SYNTAX);
	/* version: behind the text */
	list.len--;
	list.ptr[4 + sizeof(DEVICE_LIST_MAGIC) - 1] = 2;
	assert_int_equal(list_read(buf_bytes(&list), DEVICE_LIST_CHIPS,
	    &count, hash, NULL), ERR_VERSION);
}

/* Each octet of an entry matters: no other octets give the same hash. */
static void
test_altered(void **state)
{
	_cleanup_buf_ struct buf list = BUF_INIT;
	uint8_t hash[SHA256_SIZE], other[SHA256_SIZE];
	uint64_t count = 0;
	size_t i;

	(void)state;
	list_make(2, &list, hash);
	for (i = 0; i < list.len; i++) {
		list.ptr[i] ^= (uint8_t)(1 << i % 8);
		if (list_read(buf_bytes(&list), DEVICE_LIST_CHIPS, &count,
		    other, NULL) == ERR_OK)
			assert_true(i < 30 || memcmp(hash, other,
			    SHA256_SIZE) != 0);
		list.ptr[i] ^= (uint8_t)(1 << i % 8);
	}
}

static void
add_fails(enum device_list_kind kind, const struct device_entry *entry,
    const char *said)
{
	_cleanup_list_writer_ struct device_list_writer *w = NULL;
	struct heard heard = { .octets = BUF_INIT };
	struct diag diag = DIAG_INIT;

	writer_make(&heard, kind, &w);
	assert_int_equal(device_list_add(w, entry, 77, &diag), ERR_INVALID);
	assert_non_null(strstr(diag.what, "chips: line 77"));
	if (strstr(diag.what, said) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", diag.what, said);
	assert_true(heard.entries == 0);
	buf_release(&heard.octets);
}

static void
test_entries(void **state)
{
	struct device_entry *e = calloc(1, sizeof(*e));
	uint8_t long_id[DEVICE_ID_MAX + 1] = { 0 };

	(void)state;
	assert_non_null(e);
	entry_make(e, KEY_ED25519, "x");
	add_fails(DEVICE_LIST_CHIPS, e, "X25519 or P-256");
	entry_make(e, KEY_P256, "x");
	e->key[0].slot = 1;
	add_fails(DEVICE_LIST_CHIPS, e, "slot 0");
	e->key[0].slot = 8;
	add_fails(DEVICE_LIST_KEYS, e, "slots");
	e->key[0].slot = 0;
	e->key[0].key.raw[40] ^= 1;
	add_fails(DEVICE_LIST_CHIPS, e, "P-256");
	entry_make(e, KEY_P256, "x");
	e->id = bytes_of(long_id, sizeof(long_id));
	add_fails(DEVICE_LIST_CHIPS, e, "64 octets");
	e->id = BYTES_NONE;
	e->key_count = 0;
	add_fails(DEVICE_LIST_KEYS, e, "no key");
	e->key_count = 2;
	e->key[1].slot = 0;
	add_fails(DEVICE_LIST_KEYS, e, "slots");
	e->key[1] = e->key[0];
	e->key[1].slot = 3;
	add_fails(DEVICE_LIST_KEYS, e, "its key is that of line 77");
	add_fails(DEVICE_LIST_CHIPS, e, "one key");
	/* X25519: the point of order 1, and one of order 8 */
	entry_make(e, KEY_X25519, "x");
	memset(e->key[0].key.raw, 0, 32);
	add_fails(DEVICE_LIST_CHIPS, e, "");
	e->key[0].key.raw[0] = 1;
	add_fails(DEVICE_LIST_CHIPS, e, "");
	free(e);
}

/* The second one is refused, with where the first one was. */
static void
test_twice(void **state)
{
	_cleanup_list_writer_ struct device_list_writer *w = NULL;
	struct device_entry *a = calloc(1, sizeof(*a));
	struct device_entry *b = calloc(1, sizeof(*b));
	struct heard heard = { .octets = BUF_INIT };
	struct diag diag = DIAG_INIT;
	uint8_t hash[SHA256_SIZE];
	uint64_t count;

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	writer_make(&heard, DEVICE_LIST_CHIPS, &w);
	assert_int_equal(device_list_end(w, &count, hash, NULL), ERR_INVALID);
	entry_make(a, KEY_X25519, "one");
	entry_make(b, KEY_X25519, "one");
	assert_int_equal(device_list_add(w, a, 2, NULL), ERR_OK);
	assert_int_equal(device_list_add(w, b, 9, &diag), ERR_INVALID);
	assert_string_equal(diag.what,
	    "chips: line 9: its id is that of line 2 too");
	device_list_writer_free(&w);
	heard.entries = 0;
	diag = (struct diag)DIAG_INIT;
	writer_make(&heard, DEVICE_LIST_CHIPS, &w);
	/* no ids: any number may have none */
	a->id = b->id = BYTES_NONE;
	assert_int_equal(device_list_add(w, a, 2, NULL), ERR_OK);
	assert_int_equal(device_list_add(w, b, 3, NULL), ERR_OK);
	assert_int_equal(device_list_add(w, a, 4, &diag), ERR_INVALID);
	assert_string_equal(diag.what,
	    "chips: line 4: its key is that of line 2 too");
	buf_release(&heard.octets);
	free(a);
	free(b);
}

static void
begin_fails(enum device_list_kind kind, enum device_list_trust trust,
    const char *source)
{
	_cleanup_list_writer_ struct device_list_writer *w = NULL;
	const struct device_list_sink sink = { .ctx = NULL };
	struct device_list_head head = { .kind = kind, .trust = trust };

	(void)snprintf(head.source, sizeof(head.source), "%s", source);
	assert_int_equal(device_list_writer_new("f", "line", &sink, &w,
	    NULL), ERR_OK);
	assert_int_equal(device_list_begin(w, &head, NULL), ERR_INVALID);
}

static void
test_heads(void **state)
{
	(void)state;
	begin_fails(DEVICE_LIST_CHIPS, DEVICE_LIST_SIGNED, "");
	begin_fails(DEVICE_LIST_CHIPS, DEVICE_LIST_SIGNED, "Big Chips");
	begin_fails(DEVICE_LIST_CHIPS, DEVICE_LIST_MANIFEST, "-x");
	begin_fails(DEVICE_LIST_CHIPS, DEVICE_LIST_APPROVED, "acme");
	begin_fails(DEVICE_LIST_KEYS, DEVICE_LIST_POSSESSION, "acme");
	begin_fails((enum device_list_kind)3, DEVICE_LIST_APPROVED, "");
	begin_fails(DEVICE_LIST_KEYS, (enum device_list_trust)0, "");
}

/* A private key in a list is refused, not kept. */
static void
test_private(void **state)
{
	_cleanup_secret_ struct secret private = SECRET_INIT;
	_cleanup_buf_ struct buf item = BUF_INIT;
	uint8_t raw[KEY_PRIVATE_SIZE];
	struct device_entry *entry = calloc(1, sizeof(*entry));
	struct diag diag = DIAG_INIT;
	struct public_key key;

	(void)state;
	assert_non_null(entry);
	key_make(KEY_P256, &key, raw, NULL);
	assert_int_equal(secret_alloc(&private, 256), ERR_OK);
	assert_int_equal(cose_key_put_private(&private, &key, bytes_of(raw,
	    sizeof(raw))), ERR_OK);
	cbor_put_array(&item, 2);
	cbor_put_bstr(&item, BYTES_NONE);
	cbor_put_array(&item, 1);
	cbor_put_array(&item, 2);
	cbor_put_uint(&item, 0);
	buf_put_bytes(&item, secret_bytes(&private));
	assert_int_equal(device_entry_decode(buf_bytes(&item), entry, &diag),
	    ERR_INVALID);
	assert_non_null(strstr(diag.what, "private"));
	free(entry);
}

/* What is done with an entry may end the list. */
static void
test_stopped(void **state)
{
	_cleanup_list_writer_ struct device_list_writer *w = NULL;
	struct device_entry *entry = calloc(1, sizeof(*entry));
	struct heard heard = { .octets = BUF_INIT, .stop_at = 1 };

	(void)state;
	assert_non_null(entry);
	writer_make(&heard, DEVICE_LIST_CHIPS, &w);
	entry_make(entry, KEY_P256, "");
	assert_int_equal(device_list_add(w, entry, 1, NULL), ERR_CONFLICT);
	buf_release(&heard.octets);
	free(entry);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_altered),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_private),
		cmocka_unit_test(test_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
