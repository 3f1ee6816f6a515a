/* Names that identities get: from files, from blocks, once. */
#include "lib/authority/test_names.h"

#define HEAD	"serial-number,imei\n"
#define CSV	HEAD "A1,490154203237518\nA2,352099001761481\n" \
		"A3,490154200000000\nA4,490154200000018\n" \
		"A5,490154200000026\n"
#define TEXT_MAC "{kind: mac, from: range, type: mac, "
#define METER_NAMES \
	"{kind: serial-number, from: order-csv}, " \
	"{kind: imei, from: order-csv, type: imei}, " TEXT_MAC \
	"first: \"02:00:5e:10:00:00\", last: \"02:00:5e:10:00:0f\"}, " \
	"{kind: chip-id, from: line}"
#define BLOCK_NAMES TEXT_MAC \
	"first: \"02:00:5e:10:00:00\", last: \"02:00:5e:10:00:0f\"}"

static void
meter_make(struct world *w, uint8_t ret_hash[SHA256_SIZE])
{
	product_make(w, "meter", METER_NAMES, ret_hash);
}

/* Nothing of a file that was refused stays. */
static void
nothing_left(struct world *w, uint64_t first)
{
	struct store *store = w->authority->store;
	struct store_name_file file = { .order = 0 };

	good(store_begin(store, NULL), NULL);
	good(store_block_next(store, STORE_NAME_BLOCKS, &file.first, NULL),
	    NULL);
	store_rollback(store);
	assert_int_equal(file.first, first);
}

static void
test_issued(void **state)
{
	struct world *w = *state;
	uint8_t meter[SHA256_SIZE];

	meter_make(w, meter);
	order_done(w, order_named(w, meter, 5, CSV, 2));
	names_are(w, 0, "490154203237518 02:00:5e:10:00:00 A1");
	names_are(w, 3, "490154200000018 02:00:5e:10:00:03 A4");
	names_are(w, 4, "490154200000026 02:00:5e:10:00:04 A5");
	found_at(w, "A4", 3);
	found_at(w, "serial-number=A4", 3);
	found_at(w, "490154200000026", 4);
	found_at(w, "49-015420-000002-6", 4);
	found_at(w, "imei=490154200000026", 4);
	found_at(w, "02:00:5e:10:00:01", 1);
	found_at(w, "02-00-5E-10-00-01", 1);
	found_at(w, "0200.5E10.0001", 1);
	found_at(w, "mac=02005E100001", 1);
	found_not(w, "a4", ERR_NOTFOUND, "no index, UEID");
	found_not(w, "A6", ERR_NOTFOUND, "no index, UEID");
	found_not(w, "imei=A4", ERR_NOTFOUND, "no index, UEID");
	found_not(w, "mac=02:00:5e:10:00:05", ERR_NOTFOUND, "no index");
	found_not(w, "chip-id=x", ERR_NOTFOUND, "no index, UEID");
	found_not(w, "kind=A4", ERR_NOTFOUND, "no index, UEID");
	found_not(w, "serial-number=", ERR_NOTFOUND, "no index, UEID");
}

/* What a run that died had: lines name the next identities, values of the
 * block are gone. */
static void
test_void(void **state)
{
	struct world *w = *state;
	uint8_t meter[SHA256_SIZE];
	uint32_t order;

	meter_make(w, meter);
	order = order_named(w, meter, 5, CSV, 2);
	found_not(w, "A2", ERR_NOTFOUND,
	    "no identity has this name yet; order 1 keeps it (line 3");
	range_abandon(w, order, 2);
	order_done(w, order);
	names_are(w, 2, "490154203237518 02:00:5e:10:00:02 A1");
	names_are(w, 6, "490154200000026 02:00:5e:10:00:06 A5");
	found_at(w, "A1", 2);
	found_at(w, "A5", 6);
	/* void identities say so themselves */
	found_at(w, "02:00:5e:10:00:01", 1);
}

/* The same values for two products and two kinds: each once. */
static void
test_shared_block(void **state)
{
	struct world *w = *state;
	uint8_t one[SHA256_SIZE], two[SHA256_SIZE];

	product_make(w, "one", BLOCK_NAMES, one);
	product_make(w, "two", "{kind: wifi, from: range, type: mac, first: "
	    "\"02:00:5e:10:00:00\", last: \"02:00:5e:10:00:0f\"}, "
	    BLOCK_NAMES, two);
	order_done(w, order_of(w, one, 2, 1, 0));
	order_done(w, order_of(w, two, 3, 1, 2));
	order_done(w, order_of(w, one, 1, 1, 0));
	names_are(w, 1, "02:00:5e:10:00:01");
	names_are(w, 2, "02:00:5e:10:00:02 02:00:5e:10:00:04");
	names_are(w, 3, "02:00:5e:10:00:03 02:00:5e:10:00:05");
	names_are(w, 4, "02:00:5e:10:00:06 02:00:5e:10:00:07");
	names_are(w, 5, "02:00:5e:10:00:08");
	found_at(w, "02:00:5e:10:00:04", 2);
	found_at(w, "wifi=02:00:5e:10:00:04", 2);
	found_at(w, "mac=02:00:5e:10:00:06", 4);
	/* it is this identity's, but of the other kind */
	found_not(w, "mac=02:00:5e:10:00:04", ERR_NOTFOUND, "no index");
}

static void
order_short(struct world *w, const uint8_t product[SHA256_SIZE],
    uint64_t count, const char *what)
{
	struct diag diag = DIAG_INIT;
	uint32_t number;

	if (order_submit(w, product, count, 1, NULL, NULL, &number, &diag) !=
	    ERR_LIMIT || strstr(diag.what, what) == NULL)
		fail_msg("%s: %s", err_name(diag.code), diag.what);
}

/* A block of 16: open orders count, cancelled ones do not. */
static void
test_room(void **state)
{
	struct world *w = *state;
	uint8_t one[SHA256_SIZE], two[SHA256_SIZE];
	struct diag diag = DIAG_INIT;
	uint32_t first, second;

	product_make(w, "one", BLOCK_NAMES, one);
	product_make(w, "two", BLOCK_NAMES ", {kind: wifi, from: range, "
	    "type: mac, first: \"02:00:5e:10:00:00\", last: "
	    "\"02:00:5e:10:00:0f\"}", two);
	order_short(w, one, 17, "mac: its block has 16 names left, this "
	    "order of 17 and those still open need 17");
	order_short(w, two, 9, "mac: its block has 16 names left");
	first = order_of(w, one, 10, 1, 0);
	order_short(w, one, 7, "still open need 17");
	order_short(w, two, 4, "still open need 18");
	second = order_of(w, two, 3, 1, 0);
	order_cancel(w, first);
	first = order_of(w, one, 10, 1, 4);
	order_short(w, one, 1, "has 16 names left, this order of 1 and those "
	    "still open need 17");
	/* seven burnt: nothing is signed that has no name left */
	range_abandon(w, first, 7);
	assert_int_equal(order_go(w, first, 2, &diag), ERR_LIMIT);
	assert_non_null(strstr(diag.what, "has no more names at 8 of 10"));
	names_are(w, 7, "02:00:5e:10:00:07");
	diag = (struct diag)DIAG_INIT;
	assert_int_equal(order_go(w, second, 2, &diag), ERR_LIMIT);
	order_cancel(w, first);
	order_short(w, two, 1, "has 1 names left");
}

static const struct {
	const char	*csv;
	uint64_t	 count;
	enum err	 code;
	const char	*what;
} refused[] = {
	{ HEAD "B1,490154200000034\n", 2, ERR_INVALID,
	    "names.csv: names 1 of the order's 2 identities" },
	{ HEAD "B1,490154200000034\nB2,490154200000042\n", 1, ERR_INVALID,
	    "names.csv:3: a line more than the order's 1 identities" },
	{ HEAD "B1,490154200000034\nB1,490154200000042\n", 2, ERR_CONFLICT,
	    "names.csv:3: column 1, serial-number: \"B1\" is taken: line 2, "
	    "column 1 has it" },
	{ "imei,serial-number\n49-015420-000003-4,B1\n490154200000034,B2\n",
	    2, ERR_CONFLICT, "names.csv:3: column 1, imei: "
	    "\"490154200000034\" is taken: line 2, column 1 has it" },
	{ HEAD "B1,490154200000034\nA2,490154200000042\n", 2, ERR_CONFLICT,
	    "names.csv:3: column 1, serial-number: \"A2\" is taken: identity "
	    "bulk/1 of order 1 has it" },
	{ HEAD "A5,490154200000034\nA4,490154200000042\nA3,"
	    "490154200000059\nA2,490154200000067\n", 4, ERR_CONFLICT,
	    "names.csv:2: column 1, serial-number: \"A5\" is taken: identity "
	    "bulk/4 of order 1 has it" },
	{ HEAD "B1,490154200000026\n", 1, ERR_CONFLICT, "names.csv:2: column "
	    "2, imei: \"490154200000026\" is taken: identity bulk/4" },
	{ HEAD "C2,490154200000034\n", 1, ERR_CONFLICT, "\"C2\" is taken: "
	    "order 2 keeps it (line 3 of its file)" },
	{ HEAD "CAM-000000003,490154200000034\n", 1, ERR_CONFLICT,
	    "names.csv:2: column 1, serial-number: \"CAM-000000003\" is "
	    "taken: product camera 1.0.0 keeps it" },
	{ HEAD "CAM-000000005,490154200000034\n", 1, ERR_CONFLICT,
	    "\"CAM-000000005\" is taken: identity bulk/5 has it" },
	{ HEAD "B1,358000000000000\n", 1, ERR_INVALID, "should be 8" },
	{ "serial-number\nB1\n", 1, ERR_SYNTAX, "names.csv:1: 1 of 2" },
	{ "", 1, ERR_SYNTAX, "names.csv: is empty" },
};

static void
test_refused(void **state)
{
	struct world *w = *state;
	uint8_t meter[SHA256_SIZE];
	uint32_t number = 0;
	size_t i;

	meter_make(w, meter);
	order_done(w, order_named(w, meter, 5, CSV, 0));
	(void)order_named(w, meter, 2, HEAD "C1,490154200000075\n"
	    "C2,490154200000083\n", 0);
	order_done(w, order_make(w, 0, 1, 1, 0));	/* camera, index 5 */
	for (i = 0; i < COUNT(refused); i++) {
		struct diag diag = DIAG_INIT;

		if (order_try(w, meter, refused[i].count, refused[i].csv,
		    &number, &diag) != refused[i].code ||
		    strstr(diag.what, refused[i].what) == NULL)
			fail_msg("%s%s: %s", refused[i].csv,
			    err_name(diag.code), diag.what);
		nothing_left(w, 2);
	}
	/* and none of these names is taken now */
	order_done(w, order_named(w, meter, 2, HEAD "B1,490154200000034\n"
	    "B2,490154200000042\n", 0));
	found_at(w, "B2", 7);
}

/* One text of two kinds is two names, of one type it is one. */
static void
test_spaces(void **state)
{
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	uint8_t tag[SHA256_SIZE];
	uint32_t number;

	product_make(w, "tags", "{kind: tag, from: order-csv}, "
	    "{kind: label, from: order-csv}, "
	    "{kind: eth, from: order-csv, type: mac}, "
	    "{kind: wifi, from: order-csv, type: mac}", tag);
	order_done(w, order_named(w, tag, 2, "tag,label,eth,wifi\n"
	    "X,Y,02005e000001,02005e000002\nY,Z,02005e000003,02005e000004\n",
	    0));
	found_at(w, "X", 0);
	found_at(w, "Z", 1);
	found_not(w, "Y", ERR_CONFLICT, "\"Y\" is the ");
	found_not(w, "Y", ERR_CONFLICT, "label of bulk/0");
	found_not(w, "Y", ERR_CONFLICT, "tag of bulk/1");
	found_at(w, "label=Y", 0);
	found_at(w, "tag=Y", 1);
	found_at(w, "wifi=02-00-5e-00-00-02", 0);
	found_not(w, "eth=02-00-5e-00-00-02", ERR_NOTFOUND, "no index");
	assert_int_equal(order_try(w, tag, 1, "tag,label,eth,wifi\n"
	    "A,A,02005e000009,02005e000001\n", &number, &diag),
	    ERR_CONFLICT);
	assert_non_null(strstr(diag.what, "wifi: \"02:00:5e:00:00:01\" is "
	    "taken: identity bulk/0 of order 1 has it"));
	diag = (struct diag)DIAG_INIT;
	assert_int_equal(order_try(w, tag, 1, "tag,label,eth,wifi\n"
	    "A,A,02005e000009,02-00-5e-00-00-09\n", &number, &diag),
	    ERR_CONFLICT);
	assert_non_null(strstr(diag.what, "names.csv:2: column 4, wifi: "
	    "\"02:00:5e:00:00:09\" is taken: line 2, column 3 has it"));
}

static void
test_number_or_name(void **state)
{
	struct world *w = *state;
	uint8_t tag[SHA256_SIZE];
	enum address_kind kind;
	struct address address;

	product_make(w, "tags", "{kind: tag, from: order-csv}", tag);
	order_done(w, order_named(w, tag, 3, "tag\n1\n0\n77\n", 0));
	/* an index and the name of another */
	found_not(w, "0", ERR_CONFLICT, "is an index, and the name");
	found_at(w, "tag=0", 1);
	good(lookup_find(w->authority, "bulk/0", &address, &kind, NULL),
	    NULL);
	assert_int_equal(kind, ADDRESS_INDEX);
	/* index 2 has another name; 77 is no index */
	good(lookup_find(w->authority, "2", &address, &kind, NULL), NULL);
	assert_int_equal(kind, ADDRESS_INDEX);
	found_at(w, "77", 2);
}

/* Lines that were never issued are free once the order is cancelled. */
static void
test_cancelled(void **state)
{
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	uint8_t meter[SHA256_SIZE];
	uint32_t first, number;

	meter_make(w, meter);
	first = order_named(w, meter, 5, CSV, 2);
	range_abandon(w, first, 2);
	assert_int_equal(order_try(w, meter, 5, CSV, &number, &diag),
	    ERR_CONFLICT);
	assert_non_null(strstr(diag.what, "names.csv:2"));
	order_cancel(w, first);
	found_not(w, "A1", ERR_NOTFOUND, "no index, UEID");
	number = order_named(w, meter, 5, CSV, 2);
	order_done(w, number);
	found_at(w, "A1", 2);
	/* what was issued stays so */
	diag = (struct diag)DIAG_INIT;
	assert_int_equal(order_try(w, meter, 5, CSV, &number, &diag),
	    ERR_CONFLICT);
	assert_non_null(strstr(diag.what, "identity bulk/2 of order 2"));
}

static bool
stop_soon(void *ctx)
{
	unsigned *asked = ctx;

	return ++*asked > 3;
}

/* Of an order cancelled half-way, what is in a complete pack stays; the rest
 * never left and is revoked: its names are free, but not forgotten. */
static void
test_cancelled_half(void **state)
{
	static const char csv[] = "tag\na\nb\nc\nd\n";
	struct names_file said = file_said(bytes_text(csv), 4);
	_cleanup_file_ struct file file = FILE_INIT;
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	uint8_t tag[SHA256_SIZE];
	unsigned asked = 0;
	struct order_run run = { .workers = 1, .now = NOW,
	    .stop = stop_soon, .ctx = &asked };
	struct store_order order;
	uint32_t number;

	product_make(w, "tags", "{kind: tag, from: order-csv}", tag);
	file_make(w, bytes_text(csv), &file);
	good(order_submit(w, tag, 4, 2, &said, &file, &run.number, &diag),
	    &diag);
	order_chunks(w, run.number, 1);
	assert_int_equal(authority_order_run(w->authority, &run, NULL),
	    ERR_INTERRUPTED);
	good(store_order_get(w->authority->store, run.number, &order, NULL),
	    NULL);
	assert_int_equal(order.committed, 3);
	order_cancel(w, run.number);
	found_at(w, "c", 2);
	found_not(w, "d", ERR_NOTFOUND, "no index, UEID");
	assert_int_equal(order_try(w, tag, 3, "tag\nc\nb\nd\n", &number,
	    &diag), ERR_CONFLICT);
	assert_non_null(strstr(diag.what, "names.csv:3: column 1, tag: \"b\" "
	    "is taken: identity bulk/1 of order 1 has it"));
	number = order_named(w, tag, 2, "tag\nc\nd\n", 0);
	found_not(w, "c", ERR_NOTFOUND, "order 2 keeps it (line 2");
	order_done(w, number);
	found_at(w, "b", 1);
	found_at(w, "c", 3);
	found_at(w, "d", 4);
}

static void
test_products(void **state)
{
	static const struct {
		const char	*names, *what;
	} conflicts[] = {
		{ "{kind: serial-number, from: order-csv, type: imei}",
		    "name serial-number: of type imei; other products have "
		    "it as text" },
		{ "{kind: mac, from: line}", "of type text; other products "
		    "have it as mac" },
		{ TEXT_MAC "first: \"02:00:5e:10:00:0f\", last: "
		    "\"02:00:5e:10:00:1f\"}", "name mac: could give a name "
		    "that product meter 1 gives (its mac)" },
		{ "{kind: wifi, from: range, type: mac, first: "
		    "\"02:00:5e:10:00:00\", last: \"02:00:5e:10:00:07\"}",
		    "name wifi: could give a name that product meter" },
		{ "{kind: serial-number, from: index, format: "
		    "\"CAM-1{index:8}\"}", "name serial-number: could give a "
		    "name that product camera 1.0.0 gives" },
		{ "{kind: serial-number, from: range, prefix: CAM-, first: "
		    "\"000000000\", last: \"000000009\"}",
		    "product camera 1.0.0 gives (its serial-number)" },
		{ "{kind: serial-number, from: index, format: "
		    "\"A{index:1}\"}", "name serial-number: would give "
		    "\"A1\"; identity bulk/0 of order 1 has it" },
		{ "{kind: serial-number, from: range, prefix: C, first: "
		    "\"2\", last: \"9\"}", "name serial-number: would give "
		    "\"C2\"; order 2 keeps it (line 3 of its file)" },
		{ "{kind: imei, from: range, type: imei, first: "
		    "490154200000000, last: 490154200000091}",
		    "name imei: would give \"490154200000000\"; identity" },
		{ "{kind: a, from: range, type: mac, first: "
		    "\"02:00:5e:20:00:00\", last: \"02:00:5e:20:00:07\"}, "
		    "{kind: b, from: range, type: mac, first: "
		    "\"02:00:5e:20:00:07\", last: \"02:00:5e:20:00:08\"}",
		    "names a and b: their blocks overlap" },
	};
	struct world *w = *state;
	uint8_t meter[SHA256_SIZE], other[SHA256_SIZE];
	size_t i;

	meter_make(w, meter);
	order_done(w, order_named(w, meter, 5, CSV, 0));
	(void)order_named(w, meter, 2, HEAD "C1,490154200000075\n"
	    "C2,490154200000083\n", 0);
	for (i = 0; i < COUNT(conflicts); i++)
		product_refused(w, conflicts[i].names, conflicts[i].what);
	/* beside them there is room; a kind of another space has its own */
	product_make(w, "other", "{kind: serial-number, from: index, "
	    "format: \"CAM-0{index:8}\"}, " TEXT_MAC "first: "
	    "\"02:00:5e:10:00:10\", last: \"02:00:5e:10:00:1f\"}, "
	    "{kind: tag, from: index, format: \"A{index:1}\"}", other);
	/* a cancelled order keeps nothing */
	order_cancel(w, 2);
	product_make(w, "free", "{kind: serial-number, from: range, "
	    "prefix: C, first: \"2\", last: \"9\"}", other);
}

static void
test_file(void **state)
{
	_cleanup_file_ struct file file = FILE_INIT;
	struct world *w = *state;
	struct names_file said = file_said(bytes_text(CSV), 5);
	struct diag diag = DIAG_INIT;
	uint8_t meter[SHA256_SIZE];
	uint32_t number;

	meter_make(w, meter);
	file_make(w, bytes_text(CSV), &file);
	/* without its file; without what the request says of it */
	assert_int_equal(order_submit(w, meter, 5, 1, &said, NULL, &number,
	    &diag), ERR_INVALID);
	assert_non_null(strstr(diag.what, "a file of them is missing"));
	assert_non_null(strstr(diag.hint, "--names FILE"));
	assert_int_equal(order_submit(w, meter, 5, 1, NULL, &file, &number,
	    NULL), ERR_INVALID);
	/* for a product that wants none */
	diag = (struct diag)DIAG_INIT;
	assert_int_equal(order_submit(w, w->product[0], 5, 1, &said, &file,
	    &number, &diag), ERR_INVALID);
	assert_non_null(strstr(diag.what, "takes no names from a file"));
	/* another file than the one that was signed for */
	said.hash[0] ^= 1;
	diag = (struct diag)DIAG_INIT;
	assert_int_equal(order_submit(w, meter, 5, 1, &said, &file, &number,
	    &diag), ERR_AUTH);
	assert_non_null(strstr(diag.what, "names.csv: is not the file"));
	said.hash[0] ^= 1;
	said.lines = 4;
	assert_int_equal(order_submit(w, meter, 5, 1, &said, &file, &number,
	    NULL), ERR_AUTH);
	said.lines = 5;
	nothing_left(w, 0);
	good(order_submit(w, meter, 5, 1, &said, &file, &number, &diag),
	    &diag);
}

/* The same signed bytes give the same answer, their file gone or changed. */
static void
test_again(void **state)
{
	_cleanup_buf_ struct buf body = BUF_INIT, request = BUF_INIT;
	_cleanup_buf_ struct buf first = BUF_INIT, second = BUF_INIT;
	_cleanup_file_ struct file file = FILE_INIT;
	struct names_file said = file_said(bytes_text(CSV), 5);
	struct world *w = *state;
	struct signer *signer = w->operator;
	uint8_t meter[SHA256_SIZE];

	meter_make(w, meter);
	file_make(w, bytes_text(CSV), &file);
	assert_int_equal(request_put_order_files(&body, meter, 5,
	    station_names, 1, &said, NULL), ERR_OK);
	good(request_sign(authority_info(w->authority)->id,
	    REQUEST_ORDER_CREATE, buf_bytes(&body), NOW, signer, &request,
	    NULL), NULL);
	good(authority_submit_file(w->authority, buf_bytes(&request), &file,
	    NOW, &first, NULL), NULL);
	good(authority_submit(w->authority, buf_bytes(&request), NOW + 9999,
	    &second, NULL), NULL);
	assert_true(bytes_equal(buf_bytes(&first), buf_bytes(&second)));
	nothing_left(w, 1);
}

/* Several blocks of lines, names long and short. */
static void
test_many(void **state)
{
	_cleanup_buf_ struct buf csv = BUF_INIT;
	struct world *w = *state;
	char tag_text[NAME_TEXT_SIZE], both[2 * NAME_TEXT_SIZE];
	uint8_t tag[SHA256_SIZE];
	unsigned i;

	product_make(w, "tags", "{kind: tag, from: order-csv}, "
	    "{kind: label, from: order-csv}", tag);
	buf_printf(&csv, "tag,label\n");
	for (i = 0; i < 500; i++)
		buf_printf(&csv, "%0*u,L%u\n", (int)(3 + i % 60), i,
		    i * 7919 % 1000);
	order_done(w, order_named(w, tag, 500, buf_text(&csv), 90));
	for (i = 0; i < 500; i += 37) {
		(void)snprintf(tag_text, sizeof(tag_text), "%0*u",
		    (int)(3 + i % 60), i);
		(void)snprintf(both, sizeof(both), "L%u %s", i * 7919 % 1000,
		    tag_text);
		names_are(w, i, both);
		(void)snprintf(both, sizeof(both), "tag=%s", tag_text);
		found_at(w, both, i);
	}
}

static uint64_t
registry_size(struct world *w)
{
	_cleanup_file_ struct file file = FILE_INIT;
	char path[PATH_SIZE];
	uint64_t size = 0;

	world_close(w);		/* takes the log in */
	assert_int_equal(path_join(path, w->dir, "registry.db"), ERR_OK);
	good(file_open(io_posix(), path, O_RDONLY, 0, &file, NULL), NULL);
	good(file_size(&file, &size, NULL), NULL);
	world_open(w, io_posix());
	return size;
}

/* At most 30 octets a name, all that it costs: a serial number of 14
 * characters, an address in no order. */
static void
test_size(void **state)
{
	_cleanup_buf_ struct buf csv = BUF_INIT;
	const unsigned count = 50000;
	struct world *w = *state;
	uint8_t meter[SHA256_SIZE];
	unsigned i, order;
	uint64_t before;

	product_make(w, "tags", "{kind: serial-number, from: order-csv}, "
	    "{kind: mac, from: order-csv, type: mac}", meter);
	before = registry_size(w);
	for (order = 0; order < 2; order++) {
		buf_clear(&csv);
		buf_printf(&csv, "serial-number,mac\n");
		for (i = 0; i < count; i++)
			buf_printf(&csv, "SN-2026-%c%05u,02005e%06x\n",
			    'A' + order, i, (order * count + i) * 40503 &
			    0xffffff);
		(void)order_named(w, meter, count, buf_text(&csv), 0);
	}
	assert_in_range((registry_size(w) - before) / (4 * count), 1, 30);
}

#define NAMES_TEST(function) \
	cmocka_unit_test_setup(function, world_fresh)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		NAMES_TEST(test_issued),
		NAMES_TEST(test_void),
		NAMES_TEST(test_shared_block),
		NAMES_TEST(test_room),
		NAMES_TEST(test_refused),
		NAMES_TEST(test_spaces),
		NAMES_TEST(test_number_or_name),
		NAMES_TEST(test_cancelled),
		NAMES_TEST(test_cancelled_half),
		NAMES_TEST(test_products),
		NAMES_TEST(test_file),
		NAMES_TEST(test_again),
		NAMES_TEST(test_many),
		NAMES_TEST(test_size),
	};

	return cmocka_run_group_tests(tests, world_make, world_free);
}
