#include "lib/authority/test_world.h"

#include "lib/x509/x509_read.h"

/* A request's parts, for a writer that can be made to say anything. */
struct say {
	const char	*typ;
	uint64_t	 version, type;
	uint8_t		 ecosystem_change, id;
	int64_t		 time;
	struct bytes	 body;
	struct signer	*signer;	/* NULL: the operator's */
	size_t		 extra;		/* items */
	size_t		 id_len;
};

static struct say
say_good(enum request_type type, struct bytes body)
{
	return (struct say){ .typ = REQUEST_TYP, .version = 1, .type = type,
	    .id = 1, .time = NOW, .body = body, .id_len = REQUEST_ID_SIZE };
}

static void
say_it(struct world *w, const struct say *say, struct buf *out)
{
	struct signer *signer = say->signer != NULL ? say->signer :
	    w->operator;
	uint8_t ecosystem[ECOSYSTEM_ID_SIZE], id[32];
	uint8_t kid[COSE_KID_SIZE];
	_cleanup_buf_ struct buf body = BUF_INIT;
	size_t i;

	memcpy(ecosystem, authority_info(w->authority)->id,
	    sizeof(ecosystem));
	ecosystem[0] ^= say->ecosystem_change;
	memset(id, say->id, sizeof(id));
	cbor_put_array(&body, 6 + say->extra);
	cbor_put_uint(&body, say->version);
	cbor_put_bstr(&body, bytes_of(ecosystem, sizeof(ecosystem)));
	cbor_put_bstr(&body, bytes_of(id, say->id_len));
	cbor_put_uint(&body, say->type);
	cbor_put_int(&body, say->time);
	cbor_put_bstr(&body, say->body);
	for (i = 0; i < say->extra; i++)
		cbor_put_null(&body);
	assert_int_equal(cose_key_thumbprint(signer_public(signer), kid),
	    ERR_OK);
	assert_int_equal(cose_sign1_sign(out, signer, bytes_of(kid, 32),
	    say->typ, buf_bytes(&body), BYTES_NONE, NULL), ERR_OK);
}

static enum err
send_it(struct world *w, const struct say *say, struct buf *result,
    struct diag *diag)
{
	_cleanup_buf_ struct buf request = BUF_INIT;

	say_it(w, say, &request);
	return authority_submit(w->authority, buf_bytes(&request), NOW,
	    result, diag);
}

static enum err
on_count(void *ctx, const struct store_order *order)
{
	(void)order;
	++*(unsigned *)ctx;
	return ERR_OK;
}

static unsigned
orders(struct world *w)
{
	unsigned count = 0;

	assert_int_equal(store_order_each(w->authority->store, on_count,
	    &count, NULL), ERR_OK);
	return count;
}

static void
order_body(struct world *w, uint64_t count, struct buf *out)
{
	assert_int_equal(request_put_order(out, w->product[0], count,
	    station_names, 2), ERR_OK);
}

/* Refused, with a word why; nothing was done. */
static void
refused(struct world *w, const struct say *say, enum err want)
{
	_cleanup_buf_ struct buf result = BUF_INIT;
	struct diag diag = DIAG_INIT;
	unsigned before = orders(w);
	enum err err;

	err = send_it(w, say, &result, &diag);
	if (err != want)
		fail_msg("%s, not %s: %s", err_name(err), err_name(want),
		    diag.what);
	assert_true(diag.what[0] != '\0');
	assert_int_equal(result.len, 0);
	assert_int_equal(orders(w), before);
}

enum { BAD_TYP, BAD_TYP_NONE, BAD_VERSION, BAD_VERSION_0, BAD_TYPE,
    BAD_TYPE_0, BAD_ECOSYSTEM, BAD_LATE, BAD_EARLY, BAD_TIME_MIN,
    BAD_TIME_MAX, BAD_SIGNER, BAD_EXTRA, BAD_ID_SHORT, BAD_ID_LONG,
    BAD_COUNT };

static void
test_envelope(void **state)
{
	static const enum err want[BAD_COUNT] = {
		[BAD_TYP] = ERR_AUTH, [BAD_TYP_NONE] = ERR_AUTH,
		[BAD_VERSION] = ERR_VERSION, [BAD_VERSION_0] = ERR_VERSION,
		[BAD_TYPE] = ERR_UNSUPPORTED, [BAD_TYPE_0] = ERR_UNSUPPORTED,
		[BAD_ECOSYSTEM] = ERR_AUTH, [BAD_LATE] = ERR_CLOCK,
		[BAD_EARLY] = ERR_CLOCK, [BAD_TIME_MIN] = ERR_CLOCK,
		[BAD_TIME_MAX] = ERR_CLOCK, [BAD_SIGNER] = ERR_AUTH,
		[BAD_EXTRA] = ERR_SYNTAX, [BAD_ID_SHORT] = ERR_SYNTAX,
		[BAD_ID_LONG] = ERR_SYNTAX,
	};
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	_cleanup_signer_ struct signer *stranger = NULL;
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	struct public_key key;
	struct say good_say;
	int i;

	order_body(w, 10, &body);
	key_make(KEY_P256, &key, NULL, &stranger);
	good_say = say_good(REQUEST_ORDER_CREATE, buf_bytes(&body));
	for (i = 0; i < BAD_COUNT; i++) {
		struct say say = good_say;

		say.typ = i == BAD_TYP ? "application/imprint-station+cose" :
		    i == BAD_TYP_NONE ? "a" : say.typ;
		say.version = i == BAD_VERSION ? 2 : i == BAD_VERSION_0 ? 0 :
		    1;
		say.type = i == BAD_TYPE ? 99 : i == BAD_TYPE_0 ? 0 : say.type;
		say.ecosystem_change = i == BAD_ECOSYSTEM;
		say.time += i == BAD_LATE ? -(REQUEST_SKEW_S + 1) :
		    i == BAD_EARLY ? REQUEST_SKEW_S + 1 : 0;
		say.time = i == BAD_TIME_MIN ? INT64_MIN : i == BAD_TIME_MAX ?
		    INT64_MAX : say.time;
		say.signer = i == BAD_SIGNER ? stranger : NULL;
		say.extra = i == BAD_EXTRA;
		say.id_len = i == BAD_ID_SHORT ? 15 : i == BAD_ID_LONG ? 17 :
		    16;
		refused(w, &say, want[i]);
	}
	/* none of them used the id up */
	good(send_it(w, &good_say, &result, &diag), &diag);
	assert_int_equal(orders(w), 1);
}

/* At the border of what the clocks may differ. */
static void
test_clock(void **state)
{
	static const int64_t by[] = { -REQUEST_SKEW_S, 0, REQUEST_SKEW_S };
	struct world *w = *state;
	size_t i;

	for (i = 0; i < COUNT(by); i++) {
		_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
		struct diag diag = DIAG_INIT;
		struct say say;

		order_body(w, 10, &body);
		say = say_good(REQUEST_ORDER_CREATE, buf_bytes(&body));
		say.id = (uint8_t)(10 + i);
		say.time += by[i];
		good(send_it(w, &say, &result, &diag), &diag);
	}
	assert_int_equal(orders(w), 3);
}

static void
test_altered(void **state)
{
	_cleanup_buf_ struct buf body = BUF_INIT, request = BUF_INIT;
	_cleanup_buf_ struct buf result = BUF_INIT;
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	struct say say;
	size_t i;

	order_body(w, 10, &body);
	say = say_good(REQUEST_ORDER_CREATE, buf_bytes(&body));
	say_it(w, &say, &request);
	for (i = 0; i < request.len; i++) {
		assert_int_not_equal(authority_submit(w->authority,
		    bytes_of(request.ptr, i), NOW, &result, NULL), ERR_OK);
		request.ptr[i] ^= (uint8_t)(1 << i % 8);
		assert_int_not_equal(authority_submit(w->authority,
		    buf_bytes(&request), NOW, &result, NULL), ERR_OK);
		request.ptr[i] ^= (uint8_t)(1 << i % 8);
	}
	buf_put_u8(&request, 0);
	assert_int_equal(authority_submit(w->authority, buf_bytes(&request),
	    NOW, &result, NULL), ERR_SYNTAX);
	assert_int_equal(orders(w), 0);
	assert_int_equal(result.len, 0);
	request.len--;
	good(authority_submit(w->authority, buf_bytes(&request), NOW,
	    &result, &diag), &diag);
	assert_int_equal(orders(w), 1);
}

/* The same bytes again do nothing again, at any time, after a restart. */
static void
test_replay(void **state)
{
	_cleanup_buf_ struct buf body = BUF_INIT, request = BUF_INIT;
	_cleanup_buf_ struct buf first = BUF_INIT;
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	struct say say;
	size_t i;

	order_body(w, 10, &body);
	say = say_good(REQUEST_ORDER_CREATE, buf_bytes(&body));
	say_it(w, &say, &request);
	good(authority_submit(w->authority, buf_bytes(&request), NOW, &first,
	    &diag), &diag);
	assert_int_equal(number_of(buf_bytes(&first)), 1);
	for (i = 0; i < 3; i++) {
		_cleanup_buf_ struct buf again = BUF_INIT;

		if (i == 1)
			world_open(w, io_posix());
		good(authority_submit(w->authority, buf_bytes(&request),
		    i == 2 ? NOW + 10000000 : NOW, &again, &diag), &diag);
		assert_true(bytes_equal(buf_bytes(&first),
		    buf_bytes(&again)));
		assert_int_equal(orders(w), 1);
	}
}

/* Same id, other content: even another signature of the same content. */
static void
test_conflict(void **state)
{
	struct world *w = *state;
	size_t i;

	for (i = 0; i < 4; i++) {
		_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
		struct diag diag = DIAG_INIT;
		struct say say;

		order_body(w, i == 1 ? 11 : 10, &body);
		say = say_good(REQUEST_ORDER_CREATE, buf_bytes(&body));
		if (i == 2)
			say.type = REQUEST_PRODUCT_ADD;
		if (i == 0)
			good(send_it(w, &say, &result, &diag), &diag);
		else
			refused(w, &say, ERR_CONFLICT);
	}
	assert_int_equal(orders(w), 1);
}

/* A refused request leaves its id free and the store as it was. */
static void
test_rolled_back(void **state)
{
	static const char *const stations[] = { "line-1", "line-3" };
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct world *w = *state;
	struct diag diag = DIAG_INIT;
	struct say say;

	/* fails after order and first pack were put */
	assert_int_equal(request_put_order(&body, w->product[0], 10,
	    stations, 2), ERR_OK);
	say = say_good(REQUEST_ORDER_CREATE, buf_bytes(&body));
	refused(w, &say, ERR_NOTFOUND);
	buf_clear(&body);
	order_body(w, 10, &body);
	say.body = buf_bytes(&body);
	good(send_it(w, &say, &result, &diag), &diag);
	assert_int_equal(number_of(buf_bytes(&result)), 1);
}

/* Bodies that are refused, as hexadecimal after the common part. */
static void
body_refused(struct world *w, enum request_type type, struct bytes body,
    enum err want)
{
	struct say say = say_good(type, body);

	refused(w, &say, want);
}

static const struct {
	const char *hex;
	enum err err;
} no_orders[] = {
	{ "", ERR_SYNTAX }, { "00", ERR_SYNTAX }, { "80", ERR_SYNTAX },
	{ "8340000080", ERR_SYNTAX },			/* hash too short */
	{ "83" "P" "0180", ERR_INVALID },		/* no packs */
	{ "83" "P" "20" "81" "S", ERR_SYNTAX },		/* count -1 */
	{ "83" "P" "00" "81" "S", ERR_INVALID },	/* none */
	{ "83" "P" "01" "82" "SS", ERR_INVALID },	/* fewer than packs */
	{ "83" "P" "1a3b9aca01" "81" "S", ERR_INVALID },	/* 10^9 + 1 */
	{ "83" "P" "1bffffffffffffffff" "81" "S", ERR_INVALID },
	{ "83" "P" "01" "81" "00", ERR_SYNTAX },	/* station a number */
	{ "83" "P" "01" "81" "60", ERR_NOTFOUND },	/* station "" */
	{ "83" "P" "01" "81" "6161", ERR_NOTFOUND },
	{ "84" "P" "01" "81" "S" "00", ERR_SYNTAX },
	{ "83" "P" "01" "81" "S" "00", ERR_SYNTAX },
	{ "83" "Q" "01" "81" "S", ERR_NOTFOUND },	/* no such product */
};

/* P: the camera's hash; Q: another; S: "line-1". */
static void
order_hex(struct world *w, const char *hex, struct buf *out)
{
	uint8_t hash[SHA256_SIZE], octet;
	size_t len;

	memcpy(hash, w->product[0], sizeof(hash));
	for (; *hex != '\0'; hex++) {
		char pair[3] = { hex[0], hex[1], '\0' };

		if (*hex == 'S')
			cbor_put_text(out, "line-1");
		else if (*hex == 'P' || *hex == 'Q') {
			hash[0] ^= *hex == 'Q';
			cbor_put_bstr(out, bytes_of(hash, sizeof(hash)));
		} else {
			assert_int_equal(hex_decode(pair, &octet, 1, &len),
			    ERR_OK);
			buf_put_u8(out, octet);
			hex++;
		}
	}
}

static void
test_order_bodies(void **state)
{
	struct world *w = *state;
	const char *stations[ORDER_PACKS_MAX + 1];
	size_t i, packs;

	for (i = 0; i < COUNT(no_orders); i++) {
		_cleanup_buf_ struct buf body = BUF_INIT;

		order_hex(w, no_orders[i].hex, &body);
		body_refused(w, REQUEST_ORDER_CREATE, buf_bytes(&body),
		    no_orders[i].err);
	}
	for (i = 0; i < COUNT(stations); i++)
		stations[i] = "line-1";
	for (packs = ORDER_PACKS_MAX; packs <= ORDER_PACKS_MAX + 1; packs++) {
		_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
		struct diag diag = DIAG_INIT;

		assert_int_equal(request_put_order(&body, w->product[0], 100,
		    stations, packs), ERR_OK);
		if (packs > ORDER_PACKS_MAX)
			body_refused(w, REQUEST_ORDER_CREATE,
			    buf_bytes(&body), ERR_INVALID);
		else
			good(submit(w, REQUEST_ORDER_CREATE,
			    buf_bytes(&body), &result, &diag), &diag);
	}
}

/* The sizes of packs: as even as can be, adding up. */
static void
test_order_made(void **state)
{
	struct world *w = *state;
	struct store_order order;
	struct store_pack pack;
	struct diag diag = DIAG_INIT;
	uint64_t sum = 0;
	uint32_t no;

	assert_int_equal(order_make(w, 2, 11, 3, 0), 1);
	good(store_order_get(w->authority->store, 1, &order, &diag), &diag);
	assert_int_equal(order.count, 11);
	assert_int_equal(order.packs, 3);
	assert_int_equal(order.committed, 0);
	assert_int_equal(order.chunk_size, CHUNK_SIZE);
	assert_int_equal(order.state, ORDER_OPEN);
	assert_int_equal(order.template, 3);
	assert_int_equal(order.created, NOW);
	assert_string_equal(order.operator, "ada");
	assert_memory_equal(order.product, w->product[2], SHA256_SIZE);
	for (no = 1; no <= 3; no++) {
		good(store_pack_get(w->authority->store, 1, no, &pack,
		    &diag), &diag);
		assert_string_equal(pack.station, station_names[(no - 1) %
		    STATIONS]);
		assert_int_equal(pack.count, no < 3 ? 4 : 3);
		sum += pack.count;
	}
	assert_int_equal(sum, 11);
}

/* More than a product's names have digits for. */
static void
test_order_names(void **state)
{
	static const struct {
		size_t product;
		uint64_t count;
		enum err err;
	} table[] = {
		{ 2, 9999998, ERR_OK },
		{ 2, 10000000, ERR_LIMIT },
		{ 0, 999999998, ERR_OK },
		{ 0, 1000000000, ERR_LIMIT },
		{ 1, 1000000000, ERR_OK },
	};
	struct world *w = *state;
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
		struct diag diag = DIAG_INIT;

		world_copy(w, io_posix());
		assert_int_equal(request_put_order(&body,
		    w->product[table[i].product], table[i].count,
		    station_names, 1), ERR_OK);
		assert_int_equal(submit(w, REQUEST_ORDER_CREATE,
		    buf_bytes(&body), &result, &diag), table[i].err);
		assert_true((diag.hint[0] != '\0') == (table[i].err !=
		    ERR_OK));
	}
}

/* An open order will take its indices first; a cancelled one will not. */
static void
test_order_names_open(void **state)
{
	static const struct {
		size_t product;
		enum err err;
	} table[] = {
		{ 2, ERR_OK },
		{ 2, ERR_LIMIT },
		{ 0, ERR_OK },
		{ 2, ERR_LIMIT },
	};
	struct world *w = *state;
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;

		assert_int_equal(request_put_order(&body,
		    w->product[table[i].product], 5000000, station_names, 1),
		    ERR_OK);
		assert_int_equal(submit(w, REQUEST_ORDER_CREATE,
		    buf_bytes(&body), &result, NULL), table[i].err);
	}
	for (i = 1; i <= 2; i++) {
		_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;

		cbor_put_uint(&body, i);
		assert_int_equal(submit(w, REQUEST_ORDER_CANCEL,
		    buf_bytes(&body), &result, NULL), ERR_OK);
	}
	assert_int_equal(order_make(w, 2, 9999998, 1, 0), 3);
}

static void
test_cancel(void **state)
{
	static const struct {
		const char *octets;
		size_t len;
		enum err err;
	} table[] = {
		{ "", 0, ERR_SYNTAX },
		{ "\x20", 1, ERR_SYNTAX },
		{ "\x01\x01", 2, ERR_SYNTAX },
		{ "\x81\x01", 2, ERR_SYNTAX },
		{ "\x1b\x00\x00\x00\x01\x00\x00\x00\x01", 9, ERR_SYNTAX },
		{ "\x00", 1, ERR_NOTFOUND }, { "\x02", 1, ERR_NOTFOUND },
		{ "\x01", 1, ERR_OK }, { "\x01", 1, ERR_STATE },
	};
	struct world *w = *state;
	struct store_order order;
	size_t i;

	assert_int_equal(order_make(w, 0, 10, 1, 0), 1);
	for (i = 0; i < COUNT(table); i++) {
		_cleanup_buf_ struct buf result = BUF_INIT;
		struct diag diag = DIAG_INIT;

		assert_int_equal(submit(w, REQUEST_ORDER_CANCEL,
		    bytes_of(table[i].octets, table[i].len), &result, &diag),
		    table[i].err);
		assert_true((diag.what[0] == '\0') == (table[i].err ==
		    ERR_OK));
		assert_int_equal(store_order_get(w->authority->store, 1,
		    &order, NULL), ERR_OK);
		assert_int_equal(order.state, i >= 7 ? ORDER_CANCELLED :
		    ORDER_OPEN);
	}
}

static void
test_products(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf body = BUF_INIT, again = BUF_INIT;
	_cleanup_buf_ struct buf result = BUF_INIT;
	struct diag diag = DIAG_INIT;
	struct product product;
	uint8_t hash[SHA256_SIZE];
	size_t i;

	product_body(product_files[0], &body);
	/* what is there already is there */
	good(submit(w, REQUEST_PRODUCT_ADD, buf_bytes(&body), &result,
	    &diag), &diag);
	assert_memory_equal(result.ptr, w->product[0], SHA256_SIZE);
	assert_int_equal(result.len, SHA256_SIZE);
	/* the same version with other content */
	assert_int_equal(product_decode(buf_bytes(&body), &product, NULL),
	    ERR_OK);
	product.oemid++;
	assert_int_equal(product_encode(&product, &again), ERR_OK);
	body_refused(w, REQUEST_PRODUCT_ADD, buf_bytes(&again),
	    ERR_CONFLICT);
	/* a new version */
	(void)snprintf(product.version, sizeof(product.version), "1.0.1");
	assert_int_equal(product_hash(&product, hash), ERR_OK);
	buf_clear(&again);
	buf_clear(&result);
	assert_int_equal(product_encode(&product, &again), ERR_OK);
	good(submit(w, REQUEST_PRODUCT_ADD, buf_bytes(&again), &result,
	    &diag), &diag);
	assert_memory_equal(result.ptr, hash, SHA256_SIZE);
	for (i = 0; i < body.len; i += 7)
		body_refused(w, REQUEST_PRODUCT_ADD, bytes_of(body.ptr, i),
		    ERR_SYNTAX);
}

static void
test_stations(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf body = BUF_INIT, other = BUF_INIT;
	_cleanup_buf_ struct buf result = BUF_INIT, again = BUF_INIT;
	struct station_statement statement;
	struct diag diag = DIAG_INIT;

	station_body("line-9", KEY_X25519, NULL, NULL, &body);
	good(submit(w, REQUEST_STATION_ADD, buf_bytes(&body), &result,
	    &diag), &diag);
	assert_int_equal(station_statement_parse(buf_bytes(&body),
	    &statement, NULL), ERR_OK);
	assert_int_equal(result.len, COSE_KID_SIZE);
	assert_memory_equal(result.ptr, statement.kid, COSE_KID_SIZE);
	/* again, by another request */
	good(submit(w, REQUEST_STATION_ADD, buf_bytes(&body), &again,
	    &diag), &diag);
	assert_true(bytes_equal(buf_bytes(&result), buf_bytes(&again)));
	/* another key under that name */
	station_body("line-9", KEY_X25519, NULL, NULL, &other);
	body_refused(w, REQUEST_STATION_ADD, buf_bytes(&other),
	    ERR_CONFLICT);
	body.ptr[body.len - 1] ^= 1;
	body_refused(w, REQUEST_STATION_ADD, buf_bytes(&body), ERR_AUTH);
	body_refused(w, REQUEST_STATION_ADD, BYTES_NONE, ERR_SYNTAX);
}

static void
test_services(void **state)
{
	static const struct {
		const char	*name, *dns_name;
		enum key_alg	 alg;
		enum err	 err;
	} table[] = {
		{ "photos", "photos.example.net", KEY_P256, ERR_OK },
		{ "photos", "photos.example.net", KEY_P256, ERR_OK },
		{ "", "photos.example.net", KEY_P256, ERR_INVALID },
		{ "Photos", "photos.example.net", KEY_P256, ERR_INVALID },
		{ "a/b", "photos.example.net", KEY_P256, ERR_INVALID },
		{ "photos", "", KEY_P256, ERR_INVALID },
		{ "photos", "*.example.net", KEY_P256, ERR_INVALID },
		{ "photos", "a b", KEY_P256, ERR_INVALID },
		{ "photos", "photos.example.net", KEY_X25519, ERR_INVALID },
		{ "photos", "photos.example.net", KEY_ED25519, ERR_INVALID },
		/* 55 and 56 octets */
		{ "a-name-of-55-octets-with-its-prefix-is-just-not-too-lon",
		    "photos.example.net", KEY_P256, ERR_OK },
		{ "a-name-of-56-octets-with-its-prefix-is-just-too-long-for",
		    "photos.example.net", KEY_P256, ERR_INVALID },
	};
	struct world *w = *state;
	struct public_key key;
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
		struct diag diag = DIAG_INIT;
		struct x509_info info;

		key_make(table[i].alg, &key, NULL, NULL);
		assert_int_equal(request_put_service(&body, table[i].name,
		    table[i].dns_name, &key), ERR_OK);
		if (table[i].err != ERR_OK) {
			body_refused(w, REQUEST_SERVICE_ADD,
			    buf_bytes(&body), table[i].err);
			continue;
		}
		good(submit(w, REQUEST_SERVICE_ADD, buf_bytes(&body),
		    &result, &diag), &diag);
		good(x509_read(buf_bytes(&result), &info, &diag), &diag);
		assert_memory_equal(info.public_key.raw, key.raw, key.len);
		assert_int_equal(info.extended_key_usage, EKU_SERVER_AUTH);
		assert_int_equal(info.not_before, NOW);
	}
}

/* A private key in a body is not for the authority to see. */
static void
test_service_private_key(void **state)
{
	_cleanup_secret_ struct secret secret = SECRET_INIT;
	_cleanup_buf_ struct buf body = BUF_INIT;
	uint8_t private[KEY_PRIVATE_SIZE];
	struct world *w = *state;
	struct public_key key;

	key_make(KEY_P256, &key, private, NULL);
	assert_int_equal(secret_alloc(&secret, 256), ERR_OK);
	assert_int_equal(cose_key_put_private(&secret, &key,
	    bytes_of(private, sizeof(private))), ERR_OK);
	cbor_put_array(&body, 3);
	cbor_put_text(&body, "photos");
	cbor_put_text(&body, "photos.example.net");
	buf_put_bytes(&body, secret_bytes(&secret));
	body_refused(w, REQUEST_SERVICE_ADD, buf_bytes(&body), ERR_INVALID);
	body.len -= 1;
	body_refused(w, REQUEST_SERVICE_ADD, buf_bytes(&body), ERR_SYNTAX);
}

/* A DNS name or name of two lines, or with a NUL in it. */
static void
test_service_texts(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} texts[] = {
		{ "a\0b", 3 },
		{ "a\nb", 3 },
		{ "\xc3\xa4", 2 },
	};
	struct world *w = *state;
	struct public_key key;
	size_t i;

	key_make(KEY_P256, &key, NULL, NULL);
	for (i = 0; i < 2 * COUNT(texts); i++) {
		_cleanup_buf_ struct buf body = BUF_INIT;
		struct bytes bad = bytes_of(texts[i / 2].text,
		    texts[i / 2].len);

		cbor_put_array(&body, 3);
		cbor_put_tstr(&body, i % 2 ? bad : bytes_text("photos"));
		cbor_put_tstr(&body, i % 2 ? bytes_text("a.b") : bad);
		cose_key_put(&body, &key);
		body_refused(w, REQUEST_SERVICE_ADD, buf_bytes(&body),
		    ERR_INVALID);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_envelope, world_fresh),
		cmocka_unit_test_setup(test_clock, world_fresh),
		cmocka_unit_test_setup(test_altered, world_fresh),
		cmocka_unit_test_setup(test_replay, world_fresh),
		cmocka_unit_test_setup(test_conflict, world_fresh),
		cmocka_unit_test_setup(test_rolled_back, world_fresh),
		cmocka_unit_test_setup(test_order_bodies, world_fresh),
		cmocka_unit_test_setup(test_order_made, world_fresh),
		cmocka_unit_test(test_order_names),
		cmocka_unit_test_setup(test_order_names_open, world_fresh),
		cmocka_unit_test_setup(test_cancel, world_fresh),
		cmocka_unit_test_setup(test_products, world_fresh),
		cmocka_unit_test_setup(test_stations, world_fresh),
		cmocka_unit_test_setup(test_services, world_fresh),
		cmocka_unit_test_setup(test_service_private_key, world_fresh),
		cmocka_unit_test_setup(test_service_texts, world_fresh),
	};

	return cmocka_run_group_tests(tests, world_make, world_free);
}
