#include "lib/authority/status.h"

#include <stdlib.h>

#include "lib/authority/authority_internal.h"
#include "lib/authority/operation.h"
#include "lib/base/cbor_write.h"

#define WINDOW	1024	/* intervals handled at a time */

const char *
status_name(unsigned status)
{
	static const char *const names[] = { "valid", "revoked",
	    "suspended" };

	return status < sizeof(names) / sizeof(names[0]) ? names[status] :
	    "reserved";
}

bool
status_reason_fits(enum status_action action, uint64_t reason)
{
	switch (reason) {
	case CRL_UNSPECIFIED:
		return action != STATUS_SUSPEND;
	case CRL_CERTIFICATE_HOLD:
		return action == STATUS_SUSPEND;
	case CRL_KEY_COMPROMISE:
	case CRL_AFFILIATION_CHANGED:
	case CRL_SUPERSEDED:
	case CRL_CESSATION_OF_OPERATION:
	case CRL_PRIVILEGE_WITHDRAWN:
	case CRL_AA_COMPROMISE:
		return action == STATUS_REVOKE;
	default:
		return false;
	}
}

/* sum += or -= code, mod 2^256, big-endian. */
static void
sum_change(uint8_t sum[SHA256_SIZE], const uint8_t code[SHA256_SIZE],
    bool add)
{
	int carry = 0, i;

	for (i = SHA256_SIZE - 1; i >= 0; i--) {
		carry += add ? sum[i] + code[i] : sum[i] - code[i];
		sum[i] = (uint8_t)carry;
		carry >>= 8;
	}
}

static enum err
status_mac(struct hmac *mac, const struct store_status *status,
    uint8_t ret_mac[SHA256_SIZE])
{
	uint8_t room[96];
	struct buf out = { .ptr = room, .cap = sizeof(room),
	    .limit = sizeof(room) };
	struct bytes encoded;

	cbor_put_array(&out, 8);
	cbor_put_text(&out, "status");
	cbor_put_uint(&out, status->log);
	cbor_put_uint(&out, status->first);
	cbor_put_uint(&out, status->count);
	cbor_put_uint(&out, status->state);
	cbor_put_uint(&out, status->reason);
	cbor_put_int(&out, status->time);
	cbor_put_uint(&out, status->operation);
	if (buf_err(&out))
		return ERR_INTERNAL;
	encoded = buf_bytes(&out);
	return hmac_parts(mac, &encoded, 1, ret_mac);
}

/* One pass over [first, end). */
struct change {
	struct authority		*authority;
	const struct status_change	*asked;
	bool				 dry;
	uint32_t			 log;	/* of the range at hand */
	uint64_t			 at, end;
	struct store_status		 old[WINDOW];
	size_t				 old_count;
	struct store_status		 pending;	/* count 0: none */
	struct operation_head		 head;
	struct status_count		*count;
	struct diag			*diag;
};

static enum err
row_put(struct change *c, const struct store_status *row)
{
	uint8_t code[SHA256_SIZE];
	enum err err;

	if (c->dry)
		return ERR_OK;
	err = status_mac(c->authority->row_mac, row, code);
	if (err)
		return err;
	sum_change(c->head.status_sum, code, true);
	c->head.status_count++;
	return store_status_put(c->authority->store, row, c->diag);
}

static enum err
row_delete(struct change *c, const struct store_status *row)
{
	uint8_t code[SHA256_SIZE];
	enum err err;

	if (c->dry)
		return ERR_OK;
	err = status_mac(c->authority->row_mac, row, code);
	if (err)
		return err;
	sum_change(c->head.status_sum, code, false);
	c->head.status_count--;
	return store_status_delete(c->authority->store, row->log, row->first,
	    c->diag);
}

/* What the change makes of a stretch grows into one row while it can. */
static enum err
pending_flush(struct change *c)
{
	struct store_status row = c->pending;

	c->pending.count = 0;
	return row.count == 0 ? ERR_OK : row_put(c, &row);
}

static enum err
stretch_set(struct change *c, uint64_t first, uint64_t count)
{
	enum err err;

	c->count->changed += count;
	if (c->asked->action == STATUS_RESUME)
		return ERR_OK;
	if (c->pending.count > 0 &&
	    c->pending.first + c->pending.count == first) {
		c->pending.count += count;
		return ERR_OK;
	}
	err = pending_flush(c);
	c->pending = (struct store_status){ .log = c->log,
	    .first = first, .count = count, .time = c->asked->time,
	    .state = c->asked->action == STATUS_SUSPEND ?
	    STATUS_SUSPENDED : STATUS_REVOKED, .reason = c->asked->reason,
	    .operation = c->asked->operation };
	return err;
}

/* Indices from c->at that had no row: they were valid. */
static enum err
gap_pass(struct change *c, uint64_t to)
{
	uint64_t first = c->at;

	if (to <= first)
		return ERR_OK;
	c->at = to;
	if (c->asked->action != STATUS_RESUME)
		return stretch_set(c, first, to - first);
	c->count->same += to - first;
	return ERR_OK;
}

static bool
row_changes(const struct change *c, const struct store_status *row)
{
	if (row->state == STATUS_REVOKED ||
	    c->asked->action == STATUS_VOID)
		return false;
	return c->asked->action != STATUS_SUSPEND;
}

/* One old row, cut at the edges of what is asked. */
static enum err
row_pass(struct change *c, const struct store_status *row)
{
	uint64_t row_end = row->first + row->count, first = c->at;
	uint64_t end = row_end < c->end ? row_end : c->end;
	struct store_status left = *row, right = *row;
	enum err err;

	c->at = end;
	if (!row_changes(c, row)) {
		if (row->state == STATUS_REVOKED &&
		    c->asked->action != STATUS_REVOKE)
			c->count->kept += end - first;
		else
			c->count->same += end - first;
		return pending_flush(c);
	}
	err = row_delete(c, row);
	left.count = first - row->first;
	right.first = end;
	right.count = row_end - end;
	if (!err && left.count > 0)
		err = row_put(c, &left);
	if (!err && right.count > 0)
		err = row_put(c, &right);
	return err ? err : stretch_set(c, first, end - first);
}

static enum err
old_collect(void *ctx, const struct store_status *row)
{
	struct change *c = ctx;

	if (c->old_count == WINDOW)
		return ERR_INTERRUPTED;
	c->old[c->old_count++] = *row;
	return ERR_OK;
}

static enum err
change_run(struct change *c)
{
	bool more = true;
	size_t i;
	enum err err = ERR_OK;

	while (more && !err) {
		c->old_count = 0;
		err = store_status_each(c->authority->store, c->log,
		    c->at, c->end - c->at, old_collect, c, c->diag);
		more = err == ERR_INTERRUPTED;
		if (more)
			err = ERR_OK;
		for (i = 0; i < c->old_count && !err; i++) {
			err = gap_pass(c, c->old[i].first);
			if (!err)
				err = row_pass(c, &c->old[i]);
		}
	}
	if (!err)
		err = gap_pass(c, c->end);
	return err ? err : pending_flush(c);
}

static enum err
change_check(struct authority *authority, const struct status_range *range,
    struct diag *diag)
{
	struct store_log log;
	enum err err;

	err = store_log_get(authority->store, range->log, &log, NULL, NULL,
	    diag);
	if (err)
		return err;
	if (range->log != LOG_OPERATIONS_NUMBER && range->count > 0 &&
	    range->first < log.reserved &&
	    range->count <= log.reserved - range->first)
		return ERR_OK;
	return diag_fail(diag, ERR_INVALID, NULL,
	    "status: %llu identities from %s/%llu: the log ends at %llu",
	    (unsigned long long)range->count, log.name,
	    (unsigned long long)range->first,
	    (unsigned long long)log.reserved);
}

static enum err
change_ranges(struct change *c, const struct status_range *ranges,
    size_t count)
{
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < count && !err; i++) {
		err = change_check(c->authority, &ranges[i], c->diag);
		c->log = ranges[i].log;
		c->at = ranges[i].first;
		c->end = ranges[i].first + ranges[i].count;
		if (!err)
			err = change_run(c);
	}
	return err;
}

static enum err
change_all(struct authority *authority, const struct status_change *asked,
    const struct status_range *ranges, size_t range_count, bool dry,
    struct status_count *count, struct diag *diag)
{
	struct change *c;
	enum err err;

	err = authority_need_keys(authority, diag);
	if (err)
		return err;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return diag_nomem(diag);
	c->authority = authority;
	c->asked = asked;
	c->dry = dry;
	c->count = count;
	c->diag = diag;
	err = operation_head(authority, &c->head, diag);
	if (!err)
		err = change_ranges(c, ranges, range_count);
	if (!err && !dry)
		err = operation_head_put(authority, &c->head, diag);
	free(c);
	return err ? diag_fail(diag, err, NULL, "status: it cannot be "
	    "changed") : ERR_OK;
}

enum err
status_apply(struct authority *authority, const struct status_change *asked,
    struct status_count *count, struct diag *diag)
{
	struct status_range range = { asked->log, asked->first,
	    asked->count };

	return change_all(authority, asked, &range, 1, false, count, diag);
}

enum err
status_count(struct authority *authority, const struct status_change *asked,
    struct status_count *count, struct diag *diag)
{
	struct status_range range = { asked->log, asked->first,
	    asked->count };

	return change_all(authority, asked, &range, 1, true, count, diag);
}

enum err
status_apply_all(struct authority *authority,
    const struct status_change *asked, const struct status_range *ranges,
    size_t range_count, struct status_count *count, struct diag *diag)
{
	return change_all(authority, asked, ranges, range_count, false, count,
	    diag);
}

enum err
status_count_all(struct authority *authority,
    const struct status_change *asked, const struct status_range *ranges,
    size_t range_count, struct status_count *count, struct diag *diag)
{
	return change_all(authority, asked, ranges, range_count, true, count,
	    diag);
}

enum err
status_get(struct authority *authority, uint32_t log, uint64_t index,
    enum status *ret_status, struct store_status *ret_row, struct diag *diag)
{
	struct store_status row;
	enum err err;

	err = store_status_get(authority->store, log, index, &row, NULL);
	if (err == ERR_NOTFOUND) {
		*ret_status = STATUS_VALID;
		return ERR_OK;
	}
	if (err)
		return diag_fail(diag, err, NULL,
		    "registry: status of %u/%llu cannot be read", log,
		    (unsigned long long)index);
	*ret_status = (enum status)row.state;
	*ret_row = row;
	return ERR_OK;
}

struct sum_walk {
	struct authority	*authority;
	uint8_t			 sum[SHA256_SIZE];
	uint64_t		 count;
};

static enum err
sum_row(void *ctx, const struct store_status *row)
{
	struct sum_walk *walk = ctx;
	uint8_t code[SHA256_SIZE];
	enum err err;

	err = status_mac(walk->authority->row_mac, row, code);
	if (err)
		return err;
	sum_change(walk->sum, code, true);
	walk->count++;
	return ERR_OK;
}

static enum err
sum_log(void *ctx, const struct store_log *log)
{
	struct sum_walk *walk = ctx;

	return store_status_each(walk->authority->store, log->log, 0,
	    INT64_MAX, sum_row, walk, NULL);
}

enum err
status_check(struct authority *authority, struct diag *diag)
{
	struct sum_walk walk = { .authority = authority };
	struct operation_head head;
	enum err err;

	err = operation_head(authority, &head, diag);
	if (!err)
		err = store_log_each(authority->store, sum_log, &walk, diag);
	if (err)
		return diag_fail(diag, err, NULL, "registry: status table");
	if (walk.count == head.status_count &&
	    memcmp(walk.sum, head.status_sum, SHA256_SIZE) == 0)
		return ERR_OK;
	err = diag_fail(diag, ERR_CORRUPT, NULL,
	    "registry: its status table is not what the operations made of "
	    "it (%llu rows, %llu expected)", (unsigned long long)walk.count,
	    (unsigned long long)head.status_count);
	diag_hint(diag, "somebody wrote to registry.db: 'imprint log verify' "
	    "says more; restore it from a backup; nothing was published");
	return err;
}
