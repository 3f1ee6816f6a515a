#include "lib/authority/field.h"

#include "lib/authority/authority_internal.h"
#include "lib/authority/operation.h"
#include "lib/authority/status.h"
#include "lib/base/cbor_write.h"

#define ROW_VERSION	1
#define ROW_CLAIMED	2	/* of a device: with whose it is, */
#define ROW_SEALED	3	/* and with what was sealed to it */

static enum err
altered(uint32_t log, uint64_t index, struct diag *diag)
{
	enum err err;

	err = diag_fail(diag, ERR_CORRUPT, NULL, "registry: what it says of "
	    "the device or identity %u/%ju was altered", log,
	    (uintmax_t)index);
	diag_hint(diag, "somebody or something wrote to registry.db: restore "
	    "it from a backup, and find out who");
	return err;
}

static enum err
row_mac(struct authority *authority, enum store_field table, uint32_t log,
    uint64_t index, struct bytes body, uint8_t ret_mac[SHA256_SIZE])
{
	uint8_t room[64];
	struct buf head = { .ptr = room, .cap = sizeof(room),
	    .limit = sizeof(room) };
	struct bytes parts[2];

	/* four parts, as association.c, and another word */
	cbor_put_array(&head, 4);
	cbor_put_text(&head, table == STORE_DEVICE ? "device" : "enrolment");
	cbor_put_uint(&head, log);
	cbor_put_uint(&head, index);
	cbor_put_bstr_head(&head, body.len);
	if (buf_err(&head))
		return ERR_INTERNAL;
	parts[0] = buf_bytes(&head);
	parts[1] = body;
	return hmac_parts(authority->row_mac, parts, 2, ret_mac);
}

/* The row's content, its MAC checked; it stays where it is. */
static enum err
row_open(struct authority *authority, enum store_field table, uint32_t log,
    uint64_t index, struct bytes row, struct bytes *ret_body,
    struct diag *diag)
{
	uint8_t mac[SHA256_SIZE];
	struct bytes body;
	enum err err;

	if (row.len <= SHA256_SIZE)
		return altered(log, index, diag);
	body = bytes_of(row.ptr, row.len - SHA256_SIZE);
	if (authority->row_mac != NULL) {
		err = row_mac(authority, table, log, index, body, mac);
		if (err)
			return err;
		if (!secret_equal(bytes_of(mac, SHA256_SIZE),
		    bytes_of(row.ptr + body.len, SHA256_SIZE)))
			return altered(log, index, diag);
	}
	*ret_body = body;
	return ERR_OK;
}

static enum err
row_get(struct authority *authority, enum store_field table, uint32_t log,
    uint64_t index, struct buf *row, struct bytes *ret_body,
    struct diag *diag)
{
	enum err err;

	err = store_field_get(authority->store, table, log, index, row, diag);
	return err ? err : row_open(authority, table, log, index,
	    buf_bytes(row), ret_body, diag);
}

/* A row joins or leaves the sum of its table. */
static enum err
row_summed(struct authority *authority, enum store_field table, uint32_t log,
    uint64_t index, struct bytes body, bool add, struct row_sum *changes)
{
	const struct store_row row = { .table = table == STORE_DEVICE ?
	    STORE_DEVICE_ROWS : STORE_ENROLMENT_ROWS,
	    .numbers = { log, index }, .blob = body };

	return rows_add(authority, changes, &row, add);
}

/* body gets its MAC, and the row its place. */
static enum err
row_put(struct authority *authority, enum store_field table, uint32_t log,
    uint64_t index, struct buf *body, struct row_sum *changes,
    struct diag *diag)
{
	uint8_t mac[SHA256_SIZE];
	enum err err;

	err = buf_err(body);
	if (!err)
		err = row_mac(authority, table, log, index, buf_bytes(body),
		    mac);
	buf_put(body, mac, sizeof(mac));
	if (!err)
		err = buf_err(body);
	if (!err)
		err = store_field_put(authority->store, table, log, index,
		    buf_bytes(body), diag);
	return err ? err : row_summed(authority, table, log, index,
	    buf_bytes(body), true, changes);
}

static void
address_put(struct buf *out, const struct address *address)
{
	cbor_put_array(out, 2);
	cbor_put_uint(out, address->log);
	cbor_put_uint(out, address->index);
}

static void
address_get(struct cbor *cbor, struct address *ret_address)
{
	uint64_t log;

	cbor_get_array_sized(cbor, 2);
	log = cbor_get_uint(cbor);
	ret_address->index = cbor_get_uint(cbor);
	if (log > UINT32_MAX)
		cbor_fail(cbor, "no log");
	ret_address->log = (uint32_t)log;
}

/* Octets of this size, into what is as long. */
static void
fixed_get(struct cbor *cbor, uint8_t *out, size_t size)
{
	struct bytes octets = cbor_get_bstr_sized(cbor, size);

	if (cbor_ok(cbor))
		memcpy(out, octets.ptr, size);
}

static void
texts_get(struct cbor *cbor, struct field_enrolment *e)
{
	struct bytes text;
	size_t i;

	e->name_count = cbor_get_array(cbor);
	if (e->name_count > PRODUCT_NAMES_MAX)
		cbor_fail(cbor, "too many names");
	for (i = 0; i < e->name_count && cbor_ok(cbor); i++) {
		text = cbor_get_tstr(cbor);
		if (text.len >= NAME_TEXT_SIZE)
			cbor_fail(cbor, "name too long");
		else if (text.len > 0)
			memcpy(e->text[i], text.ptr, text.len);
	}
}

enum err
field_enrolment_get(struct authority *authority, uint64_t index,
    struct field_enrolment *ret_enrolment, struct diag *diag)
{
	_cleanup_buf_ struct buf row = BUF_INIT;
	struct field_enrolment e = { .name_count = 0 };
	struct bytes body;
	struct cbor cbor;
	uint64_t version;
	enum err err;

	err = row_get(authority, STORE_ENROLMENT, LOG_ONLINE_NUMBER, index,
	    &row, &body, diag);
	if (err)
		return err;
	cbor_open(&cbor, body);
	version = cbor_get_versioned(&cbor, 8, ROW_VERSION);
	address_get(&cbor, &e.birth);
	address_get(&cbor, &e.basis);
	e.type = (unsigned)cbor_get_uint(&cbor);
	fixed_get(&cbor, e.id, sizeof(e.id));
	fixed_get(&cbor, e.request, sizeof(e.request));
	fixed_get(&cbor, e.package, sizeof(e.package));
	texts_get(&cbor, &e);
	if (!cbor_close(&cbor) || version != ROW_VERSION)
		return altered(LOG_ONLINE_NUMBER, index, diag);
	*ret_enrolment = e;
	return ERR_OK;
}

enum err
field_enrolment_put(struct authority *authority, uint64_t index,
    const struct field_enrolment *e, struct row_sum *changes, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	size_t i;

	cbor_put_array(&body, 8);
	cbor_put_uint(&body, ROW_VERSION);
	address_put(&body, &e->birth);
	address_put(&body, &e->basis);
	cbor_put_uint(&body, e->type);
	cbor_put_bstr(&body, bytes_of(e->id, sizeof(e->id)));
	cbor_put_bstr(&body, bytes_of(e->request, sizeof(e->request)));
	cbor_put_bstr(&body, bytes_of(e->package, sizeof(e->package)));
	cbor_put_array(&body, e->name_count);
	for (i = 0; i < e->name_count; i++)
		cbor_put_text(&body, e->text[i]);
	return row_put(authority, STORE_ENROLMENT, LOG_ONLINE_NUMBER, index,
	    &body, changes, diag);
}

static void
place_get(struct cbor *cbor, bool *ret_has, uint64_t *ret_index)
{
	*ret_has = cbor_peek(cbor) != CBOR_SIMPLE;
	if (*ret_has)
		*ret_index = cbor_get_uint(cbor);
	else
		cbor_get_null(cbor);
}

static void
place_put(struct buf *out, bool has, uint64_t index)
{
	if (has)
		cbor_put_uint(out, index);
	else
		cbor_put_null(out);
}

static void
sealed_get(struct cbor *cbor, struct field_device *d)
{
	struct bytes sealed = cbor_get_bstr(cbor);

	if (sealed.len == 0 || sealed.len > FIELD_SEALED_MAX)
		cbor_fail(cbor, "sealed: too long, or nothing");
	if (!cbor_ok(cbor))
		return;
	memcpy(d->sealed, sealed.ptr, sealed.len);
	d->sealed_len = sealed.len;
}

static bool
is_claimed(const struct field_claim *claim)
{
	return claim->state != FIELD_UNCLAIMED || claim->guesses > 0;
}

static void
claim_put(struct buf *out, const struct field_claim *claim)
{
	cbor_put_array(out, 6);
	cbor_put_uint(out, (uint64_t)claim->state);
	cbor_put_text(out, claim->owner);
	cbor_put_int(out, claim->time);
	cbor_put_uint(out, claim->operation);
	cbor_put_uint(out, claim->guesses);
	cbor_put_int(out, claim->guessed);
}

static void
claim_get(struct cbor *cbor, struct field_claim *claim)
{
	struct bytes owner;
	uint64_t state;

	cbor_get_array_sized(cbor, 6);
	state = cbor_get_uint(cbor);
	owner = cbor_get_tstr(cbor);
	claim->time = cbor_get_int(cbor);
	claim->operation = cbor_get_uint(cbor);
	claim->guesses = (unsigned)cbor_get_uint(cbor);
	claim->guessed = cbor_get_int(cbor);
	if (state > FIELD_RELEASED || owner.len >= sizeof(claim->owner)) {
		cbor_fail(cbor, "no claim");
		return;
	}
	claim->state = (enum field_claim_state)state;
	if (owner.len > 0)
		memcpy(claim->owner, owner.ptr, owner.len);
}

enum err
field_device_get(struct authority *authority, const struct address *birth,
    struct field_device *ret_device, struct diag *diag)
{
	_cleanup_buf_ struct buf row = BUF_INIT;
	struct field_device d = { .id_count = 0 };
	struct bytes body;
	struct cbor cbor;
	uint64_t version;
	size_t i, count;
	enum err err;

	err = row_get(authority, STORE_DEVICE, birth->log, birth->index, &row,
	    &body, diag);
	if (err)
		return err;
	cbor_open(&cbor, body);
	count = cbor_get_array(&cbor);
	version = cbor_get_uint(&cbor);
	place_get(&cbor, &d.has_current, &d.current);
	place_get(&cbor, &d.has_pending, &d.pending);
	d.attempts = (unsigned)cbor_get_uint(&cbor);
	d.since = cbor_get_int(&cbor);
	d.events = (unsigned)cbor_get_uint(&cbor);
	d.id_count = cbor_get_array(&cbor);
	if (d.id_count > PRODUCT_ATTEMPTS_MAX)
		cbor_fail(&cbor, "too many requests");
	for (i = 0; i < d.id_count && cbor_ok(&cbor); i++)
		fixed_get(&cbor, d.ids[i], DEVICE_REQUEST_ID_SIZE);
	if (version >= ROW_CLAIMED)
		claim_get(&cbor, &d.claim);
	if (version == ROW_SEALED)
		sealed_get(&cbor, &d);
	if (!cbor_close(&cbor) || count != 6 + version ||
	    version < ROW_VERSION || version > ROW_SEALED)
		return altered(birth->log, birth->index, diag);
	*ret_device = d;
	return ERR_OK;
}

/* The row that is replaced leaves the sum. */
static enum err
device_leave(struct authority *authority, const struct address *birth,
    struct row_sum *changes, struct diag *diag)
{
	_cleanup_buf_ struct buf row = BUF_INIT;
	struct bytes body;
	enum err err;

	err = row_get(authority, STORE_DEVICE, birth->log, birth->index, &row,
	    &body, diag);
	if (err)
		return err == ERR_NOTFOUND ? ERR_OK : err;
	return row_summed(authority, STORE_DEVICE, birth->log, birth->index,
	    buf_bytes(&row), false, changes);
}

enum err
field_device_put(struct authority *authority, const struct address *birth,
    const struct field_device *d, struct row_sum *changes, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	unsigned version;
	size_t i;
	enum err err;

	err = device_leave(authority, birth, changes, diag);
	if (err)
		return err;
	version = d->sealed_len > 0 ? ROW_SEALED : is_claimed(&d->claim) ?
	    ROW_CLAIMED : ROW_VERSION;
	cbor_put_array(&body, 6 + version);
	cbor_put_uint(&body, version);
	place_put(&body, d->has_current, d->current);
	place_put(&body, d->has_pending, d->pending);
	cbor_put_uint(&body, d->attempts);
	cbor_put_int(&body, d->since);
	cbor_put_uint(&body, d->events);
	cbor_put_array(&body, d->id_count);
	for (i = 0; i < d->id_count; i++)
		cbor_put_bstr(&body, bytes_of(d->ids[i],
		    DEVICE_REQUEST_ID_SIZE));
	if (version >= ROW_CLAIMED)
		claim_put(&body, &d->claim);
	if (version == ROW_SEALED)
		cbor_put_bstr(&body, bytes_of(d->sealed, d->sealed_len));
	return row_put(authority, STORE_DEVICE, birth->log, birth->index,
	    &body, changes, diag);
}

enum err
field_current(struct authority *authority, const struct address *birth,
    struct address *ret_current, struct diag *diag)
{
	struct field_device device;
	enum err err;

	err = field_device_get(authority, birth, &device, diag);
	if (err && err != ERR_NOTFOUND)
		return err;
	*ret_current = *birth;
	if (!err && device.has_current)
		*ret_current = (struct address){ LOG_ONLINE_NUMBER,
		    device.current };
	return ERR_OK;
}

enum err
field_birth(struct authority *authority, const struct address *address,
    struct address *ret_birth, struct diag *diag)
{
	struct field_enrolment enrolment;
	enum err err;

	*ret_birth = *address;
	if (address->log != LOG_ONLINE_NUMBER)
		return ERR_OK;
	err = field_enrolment_get(authority, address->index, &enrolment,
	    diag);
	if (!err)
		*ret_birth = enrolment.birth;
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

const char *
field_claim_name(enum field_claim_state state)
{
	static const char *const names[] = { "unclaimed", "claimed",
	    "released" };

	return names[state];
}

const char *
field_place_name(enum field_place place)
{
	static const char *const names[] = { "?", "birth", "earlier",
	    "present", "waiting" };

	return (unsigned)place < sizeof(names) / sizeof(names[0]) ?
	    names[place] : names[0];
}

static void
step_add(struct field_life *life, uint32_t log, uint64_t index,
    enum field_place place)
{
	life->address[life->count] = (struct address){ log, index };
	life->place[life->count++] = place;
}

/* Each was asked for with the one before. */
static enum err
steps_before(struct authority *authority, uint64_t current,
    struct field_life *life, struct diag *diag)
{
	struct address at = { LOG_ONLINE_NUMBER, current };
	uint64_t steps[FIELD_STEPS_MAX];
	struct field_enrolment e;
	size_t count = 0;
	enum err err = ERR_OK;

	while (at.log == LOG_ONLINE_NUMBER && count < FIELD_STEPS_MAX &&
	    !err) {
		steps[count++] = at.index;
		err = field_enrolment_get(authority, at.index, &e, diag);
		/* of a manufacturer's device: born with it */
		if (!err && at.index == e.basis.index)
			break;
		if (!err)
			at = e.basis;
	}
	if (err == ERR_NOTFOUND)
		return altered(LOG_ONLINE_NUMBER, at.index, diag);
	while (count > 0 && !err) {
		count--;
		step_add(life, LOG_ONLINE_NUMBER, steps[count], count == 0 ?
		    FIELD_PRESENT : FIELD_EARLIER);
	}
	return err;
}

enum err
field_life(struct authority *authority, const struct address *address,
    struct field_life *ret_life, struct diag *diag)
{
	struct field_life life = { .count = 0 };
	struct field_device device;
	struct address birth;
	enum err err;

	err = field_birth(authority, address, &birth, diag);
	if (!err)
		err = field_device_get(authority, &birth, &device, diag);
	if (err == ERR_NOTFOUND) {
		ret_life->count = 0;
		return ERR_OK;
	}
	if (err)
		return err;
	step_add(&life, birth.log, birth.index, FIELD_BIRTH);
	if (device.has_current)
		err = steps_before(authority, device.current, &life, diag);
	if (!err && device.has_pending)
		step_add(&life, LOG_ONLINE_NUMBER, device.pending,
		    FIELD_WAITING);
	if (!err)
		*ret_life = life;
	return err;
}

/* A manufacturer's device is born with its first identity of the field. */
static bool
is_birth(const struct field_living *living, uint64_t index)
{
	return living->address[0].log == LOG_ONLINE_NUMBER &&
	    living->address[0].index == index;
}

enum err
field_living(struct authority *authority, const struct address *address,
    struct field_living *ret_living, struct diag *diag)
{
	struct field_living living = { .count = 1 };
	struct field_device device = { .has_current = false };
	enum err err;

	err = field_birth(authority, address, &living.address[0], diag);
	if (!err)
		err = field_device_get(authority, &living.address[0], &device,
		    diag);
	if (err && err != ERR_NOTFOUND)
		return err;
	if (device.has_current && !is_birth(&living, device.current))
		living.address[living.count++] = (struct address){
		    LOG_ONLINE_NUMBER, device.current };
	if (device.has_pending && !is_birth(&living, device.pending))
		living.address[living.count++] = (struct address){
		    LOG_ONLINE_NUMBER, device.pending };
	*ret_living = living;
	return ERR_OK;
}

enum err
field_left_place(struct authority *authority, const struct store_status *row,
    bool *ret_left, struct diag *diag)
{
	_cleanup_buf_ struct buf entry = BUF_INIT;
	struct store_operation stored;
	struct operation operation;
	enum err err;

	*ret_left = false;
	if (row->reason != CRL_SUPERSEDED)
		return ERR_OK;
	err = store_operation_get(authority->store, row->operation, &entry,
	    &stored, NULL);
	/* a request's under way, which is appended when it is done */
	if (err == ERR_NOTFOUND)
		return ERR_OK;
	if (!err)
		err = operation_parse(stored.entry, &operation, diag);
	if (err)
		return diag_fail(diag, err, NULL, "registry: entry "
		    "%ju, which revoked an identity, cannot be read",
		    (uintmax_t)row->operation);
	*ret_left = operation.kind == OPERATION_FIELD;
	return ERR_OK;
}

/* What waits has the place of nothing but a first one that waited, which is
 * the birth of a manufacturer's device. */
static enum err
heir_status(struct authority *authority, const struct address *birth,
    enum status *ret_status, struct diag *diag)
{
	struct field_device device = { .has_current = false };
	struct store_status row;
	enum err err;

	err = field_device_get(authority, birth, &device, diag);
	if (err)
		return err == ERR_NOTFOUND ? ERR_OK : err;
	if (device.has_current)
		return status_get(authority, LOG_ONLINE_NUMBER,
		    device.current, ret_status, &row, diag);
	if (device.has_pending && birth->log == LOG_ONLINE_NUMBER)
		return status_get(authority, LOG_ONLINE_NUMBER,
		    device.pending, ret_status, &row, diag);
	return ERR_OK;
}

enum err
field_birth_status(struct authority *authority, const struct address *birth,
    enum status *ret_status, struct diag *diag)
{
	struct store_status row;
	enum status status;
	bool left = false;
	enum err err;

	err = status_get(authority, birth->log, birth->index, &status, &row,
	    diag);
	if (!err && status == STATUS_REVOKED)
		err = field_left_place(authority, &row, &left, diag);
	if (!err && left)
		err = heir_status(authority, birth, &status, diag);
	if (!err)
		*ret_status = status;
	return err;
}

struct birth_walk {
	enum err	(*each)(void *ctx, const struct address *birth);
	void		*ctx;
};

static enum err
birth_row(void *ctx, uint32_t log, uint64_t index, struct bytes body)
{
	const struct birth_walk *walk = ctx;
	struct address birth = { log, index };

	(void)body;
	return walk->each(walk->ctx, &birth);
}

enum err
field_births_each(struct authority *authority,
    const struct status_range *births,
    enum err (*each)(void *ctx, const struct address *birth), void *ctx,
    struct diag *diag)
{
	struct birth_walk walk = { each, ctx };

	return store_field_devices(authority->store, births->log,
	    births->first, births->count, birth_row, &walk, diag);
}

struct enrolled_walk {
	struct authority	*authority;
	struct status_ranges	*list;
	bool			 left;	/* only what has a birth's place */
	bool			 resume;	/* not what a release holds */
	struct diag		*diag;
};

static enum err
birth_left(struct authority *authority, const struct address *birth,
    bool *ret_left, struct diag *diag)
{
	struct store_status row;
	enum status status;
	bool left = false;
	enum err err;

	err = status_get(authority, birth->log, birth->index, &status, &row,
	    diag);
	if (!err && status == STATUS_REVOKED)
		err = field_left_place(authority, &row, &left, diag);
	if (!err)
		*ret_left = left;
	return err;
}

/* Suspended since its owner gave the device up: a claim resumes it. */
static enum err
release_holds(struct authority *authority, const struct address *birth,
    const struct store_status *row, bool *ret_held, struct diag *diag)
{
	struct field_device device;
	enum err err;

	err = field_device_get(authority, birth, &device, diag);
	if (!err)
		*ret_held = device.claim.state == FIELD_RELEASED &&
		    row->operation == device.claim.operation;
	return err;
}

static enum err
enrolled_add(void *ctx, const struct address *birth)
{
	struct enrolled_walk *walk = ctx;
	struct field_living living;
	struct store_status row;
	enum status status;
	bool left = true, held;
	size_t i;
	enum err err = ERR_OK;

	if (walk->left)
		err = birth_left(walk->authority, birth, &left, walk->diag);
	if (err || !left)
		return err;
	err = field_living(walk->authority, birth, &living, walk->diag);
	for (i = 1; i < living.count && !err; i++) {
		err = status_get(walk->authority, living.address[i].log,
		    living.address[i].index, &status, &row, walk->diag);
		held = false;
		if (!err && walk->resume && status == STATUS_SUSPENDED)
			err = release_holds(walk->authority, birth, &row,
			    &held, walk->diag);
		if (!err && status != STATUS_REVOKED && !held)
			err = status_ranges_add(walk->list,
			    living.address[i].log, living.address[i].index, 1,
			    walk->diag);
	}
	return err;
}

enum err
field_enrolled(struct authority *authority, const struct status_range *births,
    struct status_ranges *list, struct diag *diag)
{
	struct enrolled_walk walk = { authority, list, false, false,
	    diag };

	return field_births_each(authority, births, enrolled_add, &walk,
	    diag);
}

enum err
field_outlived(struct authority *authority, struct status_ranges *list,
    bool resume, struct diag *diag)
{
	_cleanup_status_ranges_ struct status_ranges more = {
		.max = list->max };
	struct enrolled_walk walk = { authority, &more, true, resume,
	    diag };
	size_t i;
	enum err err = ERR_OK;

	/* the list itself may be merged when it grows */
	for (i = 0; i < list->count && !err; i++)
		err = field_births_each(authority, &list->ranges[i],
		    enrolled_add, &walk, diag);
	for (i = 0; i < more.count && !err; i++)
		err = status_ranges_add(list, more.ranges[i].log,
		    more.ranges[i].first, more.ranges[i].count, diag);
	return err;
}
