#include "station/test_floor.h"

static void
sync_good(struct line *l)
{
	assert_int_equal(floor_sync(l->floor, NULL), ERR_OK);
}

static void
a_device_gets_one_package(void **state)
{
	_cleanup_line_ struct line l = LINE_INIT;
	struct floor_package a = { .ueid_len = 0 }, b = a, c = a;

	(void)state;
	line_open(&l);
	assert_int_equal(reserve(&l, "f1", "sn-1", NOW, NULL, &a), FLOOR_OK);
	assert_int_equal(a.index, FIRST);
	assert_int_equal(a.order, 5);
	assert_int_equal(a.ueid_len, 17);
	assert_int_equal(get_be64(a.ueid + 9), FIRST);
	assert_int_equal(a.name_count, 1);
	assert_string_equal(a.names[0].kind, "serial-number");
	assert_string_equal(a.names[0].text, "CAM-070000");
	sync_good(&l);
	line_reopen(&l);
	/* the same, bytes and nonce, after a restart; another one another */
	assert_int_equal(reserve(&l, "f1", "sn-1", NOW + 1, NULL, &b),
	    FLOOR_REPEATED);
	assert_true(secret_equal(secret_bytes(&a.package),
	    secret_bytes(&b.package)));
	assert_memory_equal(a.nonce, b.nonce, FLOOR_NONCE_SIZE);
	assert_int_equal(reserve(&l, "f1", "sn-2", NOW, NULL, &c), FLOOR_OK);
	assert_int_equal(c.index, FIRST + 1);
	assert_memory_not_equal(a.nonce, c.nonce, FLOOR_NONCE_SIZE);
	secret_release(&a.package);
	secret_release(&b.package);
	secret_release(&c.package);
}

static void
what_is_done_is_done(void **state)
{
	_cleanup_line_ struct line l = LINE_INIT;
	const struct floor_commit other = { .firmware = "2.0" };
	struct floor_state s;

	(void)state;
	line_open(&l);
	assert_int_equal(commit(&l, "f1", "sn-1", NOW, NULL), FLOOR_NO_DEVICE);
	assert_int_equal(scrap(&l, "f1", "sn-1", NOW, "dead"),
	    FLOOR_NO_DEVICE);
	(void)query(&l, "sn-1", FLOOR_NO_DEVICE);
	assert_int_equal(reserve(&l, "f1", "sn-1", NOW, NULL, NULL), FLOOR_OK);
	s = query(&l, "sn-1", FLOOR_OK);
	assert_int_equal(s.state, STATION_UNKNOWN);
	assert_string_equal(s.fixture, "f1");
	assert_int_equal(commit(&l, "f1", "sn-1", NOW + 2, NULL), FLOOR_OK);
	assert_int_equal(commit(&l, "f1", "sn-1", NOW + 3, NULL),
	    FLOOR_REPEATED);
	assert_int_equal(commit(&l, "f1", "sn-1", NOW + 3, &other),
	    FLOOR_DONE);
	assert_int_equal(reserve(&l, "f1", "sn-1", NOW + 4, NULL, NULL),
	    FLOOR_DONE);
	sync_good(&l);
	line_reopen(&l);
	s = query(&l, "sn-1", FLOOR_OK);
	assert_int_equal(s.state, STATION_INJECTED);
	assert_int_equal(s.time, NOW + 2);
	assert_int_equal(s.index, FIRST);
	assert_int_equal(commit(&l, "f1", "sn-1", NOW + 9, NULL),
	    FLOOR_REPEATED);
}

/* Of sn-1, to which FIRST + 2 was given by a rework of FIRST + 1. */
static void
late_copy_voids_nothing(struct line *l)
{
	struct floor_call call = call_of("f1", "sn-1", NOW);
	struct floor_reserve what = {
		.rework = true, .voids = FIRST + 1, .reason = "new board"
	};
	struct floor_package p = { .package = SECRET_INIT };
	enum floor_code code;
	uint64_t voids;

	assert_int_equal(floor_reserve(l->floor, &call, &what, &p, &code,
	    NULL), ERR_OK);
	assert_int_equal(code, FLOOR_REPEATED);
	assert_int_equal(p.index, FIRST + 2);
	assert_int_equal(commit(l, "f1", "sn-1", NOW, NULL), FLOOR_OK);
	for (voids = FIRST; voids < FIRST + 2; voids++) {
		what.voids = voids;
		assert_int_equal(floor_reserve(l->floor, &call, &what, &p,
		    &code, NULL), ERR_OK);
		assert_int_equal(code, FLOOR_NOT_THAT);
		assert_int_equal(p.package.len, 0);
	}
	secret_release(&p.package);
	assert_int_equal(query(l, "sn-1", FLOOR_OK).state, STATION_INJECTED);
	assert_int_equal(index_of(l, "sn-1"), FIRST + 2);
}

/* A call of f1 about sn-1; index 0: it names none. */
static void
late_call(struct line *l, uint64_t index, enum floor_code want)
{
	const struct floor_commit plain = { .firmware = "1.0" };
	struct floor_call call = call_of("f1", "sn-1", NOW);
	enum floor_code code;

	call.has_index = index != 0;
	call.index = index;
	assert_int_equal(floor_commit(l->floor, &call, &plain, &code, NULL),
	    ERR_OK);
	assert_int_equal(code, want);
	assert_int_equal(floor_scrap(l->floor, &call, "dead", &code, NULL),
	    ERR_OK);
	assert_int_equal(code, want);
}

static void
late_copies_miss_the_fresh_package(void **state)
{
	_cleanup_line_ struct line l = LINE_INIT;
	struct floor_call call = call_of("f1", "sn-1", NOW);
	const struct floor_commit plain = { .firmware = "1.0" };
	enum floor_code code;
	unsigned i;

	(void)state;
	line_open(&l);
	assert_int_equal(reserve(&l, "f1", "sn-1", NOW, NULL, NULL), FLOOR_OK);
	late_call(&l, FIRST + 1, FLOOR_NOT_THAT);
	/* its first package: a call need not say which */
	assert_int_equal(floor_commit(l.floor, &call, &plain, &code, NULL),
	    ERR_OK);
	assert_int_equal(code, FLOOR_OK);
	assert_int_equal(reserve(&l, "f1", "sn-1", NOW, "new board", NULL),
	    FLOOR_OK);
	for (i = 0; i < 2; i++) {
		late_call(&l, 0, FLOOR_NOT_THAT);
		late_call(&l, FIRST, FLOOR_NOT_THAT);
		assert_int_equal(query(&l, "sn-1", FLOOR_OK).state,
		    STATION_UNKNOWN);
		assert_int_equal(floor_sync(l.floor, NULL), ERR_OK);
		line_reopen(&l);
	}
	assert_int_equal(commit(&l, "f1", "sn-1", NOW, NULL), FLOOR_OK);
	late_call(&l, FIRST, FLOOR_NOT_THAT);
	assert_int_equal(query(&l, "sn-1", FLOOR_OK).state, STATION_INJECTED);
	assert_int_equal(scrap(&l, "f1", "sn-1", NOW, "dead"), FLOOR_OK);
	assert_int_equal(scrap(&l, "f1", "sn-1", NOW, "dead"),
	    FLOOR_REPEATED);
}

static void
scrap_and_rework_take_fresh_ones(void **state)
{
	_cleanup_line_ struct line l = LINE_INIT;
	struct floor_package p = { .ueid_len = 0 };
	struct floor_order o;

	(void)state;
	line_open(&l);
	assert_int_equal(reserve(&l, "f1", "sn-1", NOW, "new board", NULL),
	    FLOOR_NO_DEVICE);
	assert_int_equal(reserve(&l, "f1", "sn-1", NOW, NULL, NULL), FLOOR_OK);
	assert_int_equal(scrap(&l, "f1", "sn-1", NOW, ""), FLOOR_BAD_REQUEST);
	assert_int_equal(scrap(&l, "f1", "sn-1", NOW, "dead"), FLOOR_OK);
	assert_int_equal(scrap(&l, "f1", "sn-1", NOW, "dead"),
	    FLOOR_REPEATED);
	assert_int_equal(scrap(&l, "f1", "sn-1", NOW, "burnt"),
	    FLOOR_SCRAPPED);
	assert_int_equal(commit(&l, "f1", "sn-1", NOW, NULL), FLOOR_SCRAPPED);
	assert_int_equal(reserve(&l, "f1", "sn-1", NOW, NULL, NULL),
	    FLOOR_SCRAPPED);
	assert_int_equal(reserve(&l, "f1", "sn-1", NOW, "mended", &p),
	    FLOOR_OK);
	assert_int_equal(p.index, FIRST + 1);
	secret_release(&p.package);
	assert_int_equal(commit(&l, "f1", "sn-1", NOW, NULL), FLOOR_OK);
	assert_int_equal(reserve(&l, "f1", "sn-1", NOW, "new board", &p),
	    FLOOR_OK);
	assert_int_equal(p.index, FIRST + 2);
	secret_release(&p.package);
	/* said twice, reworked once */
	sync_good(&l);
	line_reopen(&l);
	assert_int_equal(reserve(&l, "f1", "sn-1", NOW, "new board", &p),
	    FLOOR_REPEATED);
	assert_int_equal(p.index, FIRST + 2);
	secret_release(&p.package);
	late_copy_voids_nothing(&l);
	assert_int_equal(floor_order_count(l.floor), 1);
	floor_order_at(l.floor, 0, &o);
	assert_int_equal(o.order, 5);
	assert_string_equal(o.product, "camera 1.0.0");
	assert_int_equal(o.count, PACKAGES);
	assert_int_equal(o.unused, PACKAGES - 3);
	assert_int_equal(o.reserved, 0);
	assert_int_equal(o.scrapped, 1);
	assert_int_equal(o.reworked, 1);
	assert_int_equal(o.injected, 1);
	assert_int_equal(o.unproven, 1);
	assert_false(o.low || o.closed);
}

static void
one_fixture_holds_a_device(void **state)
{
	_cleanup_line_ struct line l = LINE_INIT;
	struct floor_package a = { .ueid_len = 0 }, b = a;

	(void)state;
	line_open(&l);
	assert_int_equal(reserve(&l, "f1", "sn-1", NOW, NULL, &a), FLOOR_OK);
	assert_int_equal(reserve(&l, "f2", "sn-1", NOW + HOLD_S - 1, NULL,
	    NULL), FLOOR_OTHER_FIXTURE);
	assert_int_equal(commit(&l, "f2", "sn-1", NOW, NULL),
	    FLOOR_OTHER_FIXTURE);
	assert_int_equal(scrap(&l, "f2", "sn-1", NOW, "dead"),
	    FLOOR_OTHER_FIXTURE);
	/* a fixture that hangs loses it; the bytes stay the same */
	assert_int_equal(reserve(&l, "f2", "sn-1", NOW + HOLD_S, NULL, &b),
	    FLOOR_REPEATED);
	assert_true(secret_equal(secret_bytes(&a.package),
	    secret_bytes(&b.package)));
	assert_memory_equal(a.nonce, b.nonce, FLOOR_NONCE_SIZE);
	sync_good(&l);
	line_reopen(&l);
	assert_int_equal(commit(&l, "f1", "sn-1", NOW + HOLD_S + 1, NULL),
	    FLOOR_OTHER_FIXTURE);
	assert_int_equal(commit(&l, "f2", "sn-1", NOW + HOLD_S + 1, NULL),
	    FLOOR_OK);
	secret_release(&a.package);
	secret_release(&b.package);
}

static void
evidence_is_checked(void **state)
{
	_cleanup_line_ struct line l = LINE_INIT;
	struct bench *b = *state;
	struct floor_commit c = { .evidence = FLOOR_SIGNED };
	struct floor_package p = { .ueid_len = 0 };
	_cleanup_signer_ struct signer *device = world_device_key(FIRST);
	_cleanup_signer_ struct signer *other = world_device_key(FIRST + 1);
	uint8_t message[16 + FLOOR_NONCE_SIZE] = "imprint evidence";
	struct floor_order o;

	b->world.order = 6;
	b->world.evidence = INJECTION_SIGNED;
	world_pack(&b->world, &b->statement, 2, FIRST + 100, 2, "strict.pack");
	line_open(&l);
	assert_int_equal(reserve(&l, "f1", "sn-1", NOW, NULL, &p), FLOOR_OK);
	memcpy(message + 16, p.nonce, FLOOR_NONCE_SIZE);
	c.proof_len = SIGNATURE_SIZE;
	assert_int_equal(signer_sign(other, bytes_of(message,
	    sizeof(message)), c.proof), ERR_OK);
	assert_int_equal(commit(&l, "f1", "sn-1", NOW, &c), FLOOR_EVIDENCE);
	assert_int_equal(signer_sign(device, bytes_of(message, 20), c.proof),
	    ERR_OK);
	assert_int_equal(commit(&l, "f1", "sn-1", NOW, &c), FLOOR_EVIDENCE);
	assert_int_equal(signer_sign(device, bytes_of(message,
	    sizeof(message)), c.proof), ERR_OK);
	c.proof_len--;
	assert_int_equal(commit(&l, "f1", "sn-1", NOW, &c), FLOOR_EVIDENCE);
	c.proof_len++;
	assert_int_equal(commit(&l, "f1", "sn-1", NOW, &c), FLOOR_OK);
	secret_release(&p.package);
	/* the hash of what was read back */
	assert_int_equal(reserve(&l, "f1", "sn-2", NOW, NULL, &p), FLOOR_OK);
	c = (struct floor_commit){ .evidence = FLOOR_READBACK,
	    .proof_len = SHA256_SIZE };
	assert_int_equal(commit(&l, "f1", "sn-2", NOW, &c), FLOOR_EVIDENCE);
	assert_int_equal(sha256_once(secret_bytes(&p.package), c.proof),
	    ERR_OK);
	assert_int_equal(commit(&l, "f1", "sn-2", NOW, &c), FLOOR_OK);
	secret_release(&p.package);
	assert_int_equal(reserve(&l, "f1", "sn-3", NOW, NULL, NULL), FLOOR_OK);
	assert_int_equal(commit(&l, "f1", "sn-3", NOW, NULL), FLOOR_OK);
	floor_order_at(l.floor, 0, &o);
	assert_int_equal(o.injected, 3);
	assert_int_equal(o.unproven, 1);
	assert_int_equal(query(&l, "sn-1", FLOOR_OK).evidence, FLOOR_SIGNED);
	/* a product that asks for the first kind */
	pack_import(&l, "strict.pack");
	{
		struct floor_call call = call_of("f1", "sn-4", NOW);
		const struct floor_reserve what = { .order = 6 };
		enum floor_code code;

		assert_int_equal(floor_reserve(l.floor, &call, &what, &p,
		    &code, NULL), ERR_OK);
		assert_int_equal(code, FLOOR_OK);
	}
	assert_int_equal(p.index, FIRST + 100);
	assert_int_equal(sha256_once(secret_bytes(&p.package), c.proof),
	    ERR_OK);
	assert_int_equal(commit(&l, "f1", "sn-4", NOW, NULL), FLOOR_EVIDENCE);
	assert_int_equal(commit(&l, "f1", "sn-4", NOW, &c), FLOOR_EVIDENCE);
	secret_release(&p.package);
}

static void
names_of_the_line(void **state)
{
	static const struct {
		const char	*kind, *text, *kind2;
		enum floor_code	 code;
	} table[] = {
		{ "colour", "red", NULL, FLOOR_NAME },
		{ "serial-number", "CAM-1", NULL, FLOOR_NAME },
		{ "board", "", NULL, FLOOR_NAME },
		{ "wifi-mac", "00:1b:21", NULL, FLOOR_NAME },
		{ "board", "B1", "board", FLOOR_NAME },
		{ "board", "B\n1", NULL, FLOOR_BAD_REQUEST },
		{ "board", "B1", "wifi-mac", FLOOR_OK },
	};
	_cleanup_line_ struct line l = LINE_INIT;
	struct floor_commit c = { .name_count = 1 };
	size_t i;

	(void)state;
	line_open(&l);
	assert_int_equal(reserve(&l, "f1", "sn-1", NOW, NULL, NULL), FLOOR_OK);
	for (i = 0; i < COUNT(table); i++) {
		(void)snprintf(c.names[0].kind, sizeof(c.names[0].kind), "%s",
		    table[i].kind);
		(void)snprintf(c.names[0].text, sizeof(c.names[0].text), "%s",
		    table[i].text);
		c.name_count = 1;
		if (table[i].kind2 != NULL) {
			(void)snprintf(c.names[1].kind,
			    sizeof(c.names[1].kind), "%s", table[i].kind2);
			(void)snprintf(c.names[1].text,
			    sizeof(c.names[1].text), "00-1B-21-00-00-01");
			c.name_count = 2;
		}
		if (commit(&l, "f1", "sn-1", NOW, &c) != table[i].code)
			fail_msg("row %zu", i);
	}
	/* in another writing it is the same */
	(void)snprintf(c.names[1].text, sizeof(c.names[1].text), MAC "1");
	assert_int_equal(commit(&l, "f1", "sn-1", NOW, &c), FLOOR_REPEATED);
	assert_int_equal(reserve(&l, "f1", "sn-2", NOW, NULL, NULL), FLOOR_OK);
	sync_good(&l);
	line_reopen(&l);
	assert_int_equal(commit(&l, "f1", "sn-2", NOW, &c), FLOOR_NAME);
	/* what is scrapped gives them back; a rework keeps them */
	assert_int_equal(scrap(&l, "f1", "sn-1", NOW, "dead"), FLOOR_OK);
	assert_int_equal(commit(&l, "f1", "sn-2", NOW, &c), FLOOR_OK);
	assert_int_equal(reserve(&l, "f1", "sn-2", NOW, "again", NULL),
	    FLOOR_OK);
	assert_int_equal(commit(&l, "f1", "sn-2", NOW, &c), FLOOR_OK);
}

static void
packs_are_used_up_in_turn(void **state)
{
	_cleanup_line_ struct line l = LINE_INIT;
	struct bench *b = *state;
	struct floor_order o;
	char device[8];
	unsigned i;

	b->world.order = 6;
	world_pack(&b->world, &b->statement, 2, FIRST + PACKAGES, 2, "b.pack");
	line_open(&l);
	for (i = 0; i < PACKAGES + 2; i++) {
		if (i == PACKAGES) {
			assert_int_equal(reserve(&l, "f1", "late", NOW, NULL,
			    NULL), FLOOR_NO_PACKAGE);
			pack_import(&l, "b.pack");
		}
		(void)snprintf(device, sizeof(device), "sn-%u", i);
		assert_int_equal(reserve(&l, "f1", device, NOW, NULL, NULL),
		    FLOOR_OK);
		assert_int_equal(query(&l, device, FLOOR_OK).index, FIRST + i);
	}
	assert_int_equal(reserve(&l, "f1", "late", NOW, NULL, NULL),
	    FLOOR_NO_PACKAGE);
	/* nothing is void when there is nothing to take its place */
	assert_int_equal(commit(&l, "f1", "sn-0", NOW, NULL), FLOOR_OK);
	assert_int_equal(reserve(&l, "f1", "sn-0", NOW, "again", NULL),
	    FLOOR_NO_PACKAGE);
	assert_int_equal(query(&l, "sn-0", FLOOR_OK).state, STATION_INJECTED);
	floor_order_at(l.floor, 1, &o);
	assert_int_equal(o.order, 6);
	assert_true(o.low);
}

static enum floor_code
reserve_unproven(struct line *l, const char *device, int64_t now)
{
	const struct floor_reserve what = { .unproven = true };
	struct floor_call call = call_of("plug-in", device, now);
	struct floor_package answer = { .package = SECRET_INIT };
	enum floor_code code;

	assert_int_equal(floor_reserve(l->floor, &call, &what, &answer, &code,
	    NULL), ERR_OK);
	secret_release(&answer.package);
	return code;
}

/* Whatever is left or reserved asks for more than there will be. */
static void
who_shows_nothing_gets_nothing_that_asks(void **state)
{
	_cleanup_line_ struct line l = LINE_INIT;
	struct bench *b = *state;
	char device[] = "sn-4";
	uint64_t records;
	unsigned i;

	b->world.order = 6;
	b->world.evidence = INJECTION_READBACK;
	world_pack(&b->world, &b->statement, 2, FIRST + 100, 2, "strict.pack");
	line_open(&l);
	assert_int_equal(reserve_unproven(&l, "sn-1", NOW), FLOOR_OK);
	pack_import(&l, "strict.pack");
	assert_int_equal(reserve_unproven(&l, "sn-2", NOW), FLOOR_OK);
	assert_int_equal(index_of(&l, "sn-2"), FIRST + 1);
	assert_int_equal(remove(stored), 0);
	floor_close(&l.floor);
	assert_int_equal(floor_open(&l.station, &l.floor, NULL), ERR_OK);
	assert_int_equal(reserve(&l, "f1", "sn-3", NOW, NULL, NULL), FLOOR_OK);
	assert_int_equal(index_of(&l, "sn-3"), FIRST + 100);
	records = ledger_records(l.station.ledger);
	assert_int_equal(reserve_unproven(&l, "sn-3", NOW + HOLD_S + 1),
	    FLOOR_EVIDENCE);
	assert_int_equal(ledger_records(l.station.ledger), records);
	pack_import(&l, "in.pack");
	for (i = 2; i < PACKAGES; i++, device[3]++)
		assert_int_equal(reserve_unproven(&l, device, NOW), FLOOR_OK);
	assert_int_equal(reserve_unproven(&l, "more", NOW), FLOOR_EVIDENCE);
}

/* The head of the stored pack's first chunk. */
static void
stored_damage(void)
{
	_cleanup_buf_ struct buf pack = BUF_INIT;
	uint8_t *chunk;

	assert_int_equal(io_read_file(io_posix(), stored, &pack, NULL),
	    ERR_OK);
	chunk = memmem(pack.ptr, pack.len, "CHNK", 4);
	assert_non_null(chunk);
	chunk[7] ^= 1;
	assert_int_equal(io_write_file(io_posix(), stored, buf_bytes(&pack),
	    0600, NULL), ERR_OK);
}

static void
unread_count(void *ctx, const uint8_t pack[PACKAGE_ID_SIZE],
    const struct diag *why)
{
	unsigned *times = ctx;

	assert_int_equal(pack[0], 1);
	assert_string_not_equal(why->what, "");
	(*times)++;
}

static uint64_t
index_reserved(struct line *l, const char *device, int64_t now)
{
	assert_int_equal(reserve(l, "f1", device, now, NULL, NULL), FLOOR_OK);
	return index_of(l, device);
}

/* how: 0 its file is gone, 1 a chunk is damaged, 2 damaged while open, 3 it
 * is the other one's, whose packages must not go out twice */
static void
unread_run(unsigned how)
{
	_cleanup_line_ struct line l = LINE_INIT;
	unsigned times = 0;

	import_good();
	if (how == 0)
		assert_int_equal(remove(stored), 0);
	else if (how == 1)
		stored_damage();
	else if (how == 3)
		assert_int_equal(file_copy(io_posix(), "b.pack", stored, 0600,
		    NULL), ERR_OK);
	line_open(&l);
	floor_on_unread(l.floor, unread_count, &times);
	floor_prepare(l.floor, NOW);
	pack_import(&l, "b.pack");
	if (how == 2) {
		assert_int_equal(index_reserved(&l, "sn-0", NOW), FIRST);
		stored_damage();
		floor_close(&l.floor);
		assert_int_equal(floor_open(&l.station, &l.floor, NULL),
		    ERR_OK);
		floor_on_unread(l.floor, unread_count, &times);
	}
	assert_int_equal(index_reserved(&l, "sn-1", NOW), FIRST + 100);
	assert_int_equal(index_reserved(&l, "sn-2", NOW + 1), FIRST + 101);
	assert_int_equal(index_reserved(&l, "sn-3", NOW + 31), FIRST + 102);
	assert_int_equal(times, 1);
	assert_true(floor_unread(l.floor, 0) && !floor_unread(l.floor, 1));
	/* put right while it serves */
	pack_import(&l, "in.pack");
	assert_int_equal(index_reserved(&l, "sn-4", NOW + 70),
	    FIRST + (how == 2));
	assert_false(floor_unread(l.floor, 0));
}

static void
a_pack_that_cannot_be_read_is_passed_over(void **state)
{
	struct bench *b = *state;
	unsigned how;

	for (how = 0; how < 4; how++) {
		b->world.order = 5;
		bench_renew(b);
		b->world.order = 6;
		world_pack(&b->world, &b->statement, 2, FIRST + 100, 9,
		    "b.pack");
		unread_run(how);
	}
}

static void
nothing_but_what_cannot_be_read(void **state)
{
	_cleanup_line_ struct line l = LINE_INIT;
	struct floor_call call = call_of("f1", "sn-1", NOW);
	const struct floor_reserve what = { .order = 0 };
	struct floor_package p = { .package = SECRET_INIT };
	enum floor_code code;
	struct diag diag;
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		if (i == 0)
			stored_damage();
		else
			assert_int_equal(remove(stored), 0);
		line_reopen(&l);
		for (call.now = NOW; call.now < NOW + 2; call.now++) {
			diag = (struct diag)DIAG_INIT;
			assert_int_not_equal(floor_reserve(l.floor, &call,
			    &what, &p, &code, &diag), ERR_OK);
			assert_int_equal(code, FLOOR_BROKEN);
			assert_string_not_equal(diag.what, "");
			assert_non_null(strstr(diag.hint, "original"));
		}
		(void)query(&l, "sn-1", FLOOR_NO_DEVICE);
	}
	/* put right, it goes on at once */
	pack_import(&l, "in.pack");
	assert_int_equal(index_reserved(&l, "sn-1", NOW + 2), FIRST);
}

static void
what_is_asked_wrongly_is_refused(void **state)
{
	_cleanup_line_ struct line l = LINE_INIT;
	struct floor_package p = { .package = SECRET_INIT };
	struct floor_reserve what = { .product = "toaster" };
	struct floor_call good = call_of("f1", "sn-1", NOW), call;
	enum floor_code code;
	size_t i;

	(void)state;
	line_open(&l);
	assert_int_equal(floor_reserve(l.floor, &good, &what, &p, &code,
	    NULL), ERR_OK);
	assert_int_equal(code, FLOOR_NO_PACKAGE);
	what = (struct floor_reserve){ .order = 7 };
	assert_int_equal(floor_reserve(l.floor, &good, &what, &p, &code,
	    NULL), ERR_OK);
	assert_int_equal(code, FLOOR_NO_PACKAGE);
	what = (struct floor_reserve){ .rework = true };
	assert_int_equal(floor_reserve(l.floor, &good, &what, &p, &code,
	    NULL), ERR_OK);
	assert_int_equal(code, FLOOR_BAD_REQUEST);
	what = (struct floor_reserve){ .product = "camera", .order = 5 };
	for (i = 0; i < 6; i++) {
		call = good;
		if (i == 0)
			call.device_len = 0;
		if (i == 1)
			call.device_len = FLOOR_DEVICE_MAX + 1;
		if (i == 2)
			call.device_kind = (enum floor_device)3;
		if (i == 3)
			memcpy(call.badge, "\xff\xfe", 3);
		if (i == 4)
			memcpy(call.fixture, "a\tb", 4);
		assert_int_equal(floor_reserve(l.floor, &call, &what, &p,
		    &code, NULL), ERR_OK);
		assert_int_equal(code, i < 5 ? FLOOR_BAD_REQUEST : FLOOR_OK);
	}
	secret_release(&p.package);
	/* it holds one of another order */
	what.order = 6;
	assert_int_equal(floor_reserve(l.floor, &good, &what, &p, &code,
	    NULL), ERR_OK);
	assert_int_equal(code, FLOOR_BAD_REQUEST);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, line_new, bench_free)
	const struct CMUnitTest tests[] = {
		TEST(a_device_gets_one_package),
		TEST(what_is_done_is_done),
		TEST(scrap_and_rework_take_fresh_ones),
		TEST(late_copies_miss_the_fresh_package),
		TEST(one_fixture_holds_a_device),
		TEST(evidence_is_checked),
		TEST(names_of_the_line),
		TEST(packs_are_used_up_in_turn),
		TEST(who_shows_nothing_gets_nothing_that_asks),
		TEST(a_pack_that_cannot_be_read_is_passed_over),
		TEST(nothing_but_what_cannot_be_read),
		TEST(what_is_asked_wrongly_is_refused)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
