#include "lib/authority/acknowledge.h"

#include <stdio.h>

#include "lib/authority/anchor.h"
#include "lib/authority/authority_internal.h"
#include "lib/authority/operation.h"
#include "lib/authority/order_record.h"
#include "lib/authority/reconcile.h"
#include "lib/authority/request_internal.h"
#include "lib/authority/signer.h"
#include "lib/base/cbor_write.h"

#define KID_SHORT	16	/* octets of it in a name */

/* The last one to a station, as it was given out. */
struct last {
	struct buf		body;
	struct bytes		encoded;	/* in body; empty: none */
	struct acknowledged	acknowledged;
};
#define LAST_INIT { .body = BUF_INIT }
#define _cleanup_last_ __attribute__((cleanup(last_release)))

static void
last_release(struct last *last)
{
	buf_release(&last->body);
}

static void
last_name(const uint8_t signing[COSE_KID_SIZE], char out[STORE_NAME_MAX + 1])
{
	size_t i, len;

	len = (size_t)snprintf(out, STORE_NAME_MAX + 1, "ack.");
	for (i = 0; i < KID_SHORT; i++)
		len += (size_t)snprintf(out + len, STORE_NAME_MAX + 1 - len,
		    "%02x", signing[i]);
}

static enum err
signed_by_us(struct authority *authority, struct bytes encoded,
    struct acknowledged *ret_acknowledged, struct diag *diag)
{
	struct authority_signer by;
	struct cose_sign1 message;
	enum err err;

	err = cose_sign1_parse(encoded, &message, diag);
	if (!err)
		err = signer_by_kid(authority, message.kid, &by, diag);
	return err ? err : acknowledged_parse(encoded, &by.key, 1,
	    ret_acknowledged, diag);
}

static enum err
last_get(struct authority *authority, const uint8_t signing[COSE_KID_SIZE],
    struct last *last, struct diag *diag)
{
	char name[STORE_NAME_MAX + 1];
	struct store_object object;
	enum err err;

	last_name(signing, name);
	err = authority_object_get(authority, STORE_REPORT, name, NULL,
	    &last->body, &object, NULL);
	if (err == ERR_NOTFOUND)
		return ERR_OK;
	last->encoded = object.body;
	if (!err)
		err = signed_by_us(authority, object.body,
		    &last->acknowledged, diag);
	if (!err && memcmp(last->acknowledged.signing, signing,
	    COSE_KID_SIZE) != 0)
		err = ERR_CORRUPT;
	return err ? diag_fail(diag, ERR_CORRUPT, NULL, "registry: what was "
	    "acknowledged to a station cannot be trusted") : ERR_OK;
}

static enum err
acknowledgement_make(struct authority *authority,
    const struct acknowledged *a, struct buf *out, struct diag *diag)
{
	struct store_object object = { .kind = STORE_REPORT,
	    .created = a->time };
	_cleanup_signer_ struct signer *signer = NULL;
	struct authority_signer by;
	enum err err;

	err = signer_current(authority, &by, diag);
	if (!err)
		err = keystore_signer(authority->keystore, by.name, &signer,
		    diag);
	if (!err)
		err = acknowledged_sign(a, signer, out, diag);
	if (!err)
		err = sha256_once(buf_bytes(out), object.hash);
	if (err)
		return err;
	last_name(a->signing, object.name);
	(void)snprintf(object.version, sizeof(object.version), "%ju",
	    (uintmax_t)a->at.entries);
	object.body = buf_bytes(out);
	return object_put(authority->store, authority->row_mac, &object,
	    diag);
}

static bool
same_point(const struct ledger_point *a, const struct ledger_point *b)
{
	return a->entries == b->entries && (a->entries == 0 ||
	    memcmp(a->hash, b->hash, SHA256_SIZE) == 0);
}

/* Whose head is it, and is it one of ours? */
static enum err
head_verify(struct authority *authority, struct bytes encoded,
    struct ledger_head *head, uint8_t signing[COSE_KID_SIZE],
    struct diag *diag)
{
	struct station_statement station;
	enum err err;

	err = ledger_head_peek(encoded, head, diag);
	if (!err)
		err = station_statement_get(authority, head->name, NULL,
		    &station, diag);
	if (!err)
		err = ledger_head_parse(encoded, &station.signing, head,
		    diag);
	return err ? err : cose_key_thumbprint(&station.signing, signing);
}

static enum err
head_take(struct authority *authority, struct bytes encoded,
    struct ledger_head *head, uint8_t signing[COSE_KID_SIZE],
    struct diag *diag)
{
	bool lost = false;
	enum err err;

	err = head_verify(authority, encoded, head, signing, diag);
	if (!err)
		err = station_is_lost(authority, head->name, &lost, diag);
	if (!err && lost)
		err = diag_fail(diag, ERR_CONFLICT, NULL, "station %s: was "
		    "given up as lost", head->name);
	return err;
}

static enum err
outcome_find(const struct ledger_head *head, const struct last *last,
    enum acknowledge_outcome *ret_outcome, struct diag *diag)
{
	const struct acknowledged *a = &last->acknowledged;

	if (last->encoded.len != 0 &&
	    memcmp(a->ledger, head->ledger, SHA256_SIZE) != 0)
		return diag_fail(diag, ERR_CONFLICT, NULL, "station %s: its "
		    "ledger is another one than before", head->name);
	if (head->acknowledged.entries > a->at.entries) {
		diag_fail(diag, ERR_CONFLICT, NULL, "station %s: says that "
		    "%ju entries were acknowledged; here it were %ju",
		    head->name, (uintmax_t)head->acknowledged.entries,
		    (uintmax_t)a->at.entries);
		diag_hint(diag, "was an older registry put back? See "
		    "docs/guides/recovery.md");
		return ERR_CONFLICT;
	}
	if (same_point(&head->acknowledged, &a->at))
		*ret_outcome = ACKNOWLEDGE_NEW;
	else if (same_point(&head->at, &a->at))
		*ret_outcome = ACKNOWLEDGE_BEFORE;
	else
		*ret_outcome = ACKNOWLEDGE_LAST;
	return ERR_OK;
}

/* A head, and what is to be said to it. */
struct telling {
	struct ledger_head	 head;
	struct last		 last;
	struct acknowledged	 a;		/* if it is a new one */
	enum acknowledge_outcome outcome;
};
#define TELLING_INIT { .last = LAST_INIT }
#define _cleanup_telling_ __attribute__((cleanup(telling_release)))

static void
telling_release(struct telling *t)
{
	last_release(&t->last);
}

static enum err
telling_decide(struct authority *authority, struct bytes encoded, int64_t now,
    struct telling *t, struct diag *diag)
{
	enum err err;

	t->a.time = now;
	err = head_take(authority, encoded, &t->head, t->a.signing, diag);
	if (!err)
		err = last_get(authority, t->a.signing, &t->last, diag);
	if (!err)
		err = outcome_find(&t->head, &t->last, &t->outcome, diag);
	if (err)
		return err;
	t->a.at = t->head.at;
	memcpy(t->a.ledger, t->head.ledger, SHA256_SIZE);
	return ERR_OK;
}

enum err
request_station_acknowledge(struct authority *authority,
    const struct request *request, int64_t now, struct buf *result,
    struct diag *diag)
{
	_cleanup_telling_ struct telling t = TELLING_INIT;
	_cleanup_buf_ struct buf made = BUF_INIT;
	enum err err;

	err = telling_decide(authority, request->body, now, &t, diag);
	if (!err && t.outcome == ACKNOWLEDGE_NEW)
		err = acknowledgement_make(authority, &t.a, &made, diag);
	if (err)
		return err;
	cbor_put_array(result, 2);
	cbor_put_uint(result, t.outcome);
	cbor_put_bstr(result, t.outcome == ACKNOWLEDGE_NEW ?
	    buf_bytes(&made) : t.last.encoded);
	return ERR_OK;
}

static enum err
head_record(struct authority *authority, struct bytes encoded, uint64_t since,
    int64_t now, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	enum err err;

	cbor_put_array(&body, 2);
	cbor_put_bstr(&body, encoded);
	err = operation_put_objects(authority, since, &body, diag);
	if (!err)
		err = buf_err(&body);
	return err ? err : operation_append(authority, OPERATION_ACKNOWLEDGE,
	    now, buf_bytes(&body), NULL, diag);
}

/* The acknowledgement and its entry, in one transaction. */
static enum err
head_carry_out(struct authority *authority, const struct telling *t,
    struct bytes encoded, int64_t now, struct buf *made, struct diag *diag)
{
	uint64_t since = 0;
	enum err err;

	err = store_begin(authority->store, diag);
	if (err)
		return err;
	err = store_object_last(authority->store, &since, diag);
	if (!err)
		err = acknowledgement_make(authority, &t->a, made, diag);
	if (!err)
		err = head_record(authority, encoded, since, now, diag);
	if (!err)
		err = store_commit(authority->store, diag);
	if (err)
		store_rollback(authority->store);
	return err;
}

/* Each is an entry of a log that lasts: a station cannot have them without
 * end. */
static enum err
gap_check(const struct telling *t, int64_t now, struct diag *diag)
{
	const struct acknowledged *a = &t->last.acknowledged;

	if (t->last.encoded.len == 0 || now < a->time ||
	    now >= a->time + ACKNOWLEDGE_GAP_S)
		return ERR_OK;
	return diag_fail(diag, ERR_BUSY, NULL, "station %s: its ledger was "
	    "acknowledged %d s ago", t->head.name, (int)(now - a->time));
}

/* Whether there is a station of that name is not told. */
static enum err
stranger(struct diag *diag)
{
	if (diag != NULL)
		*diag = (struct diag)DIAG_INIT;
	return diag_fail(diag, ERR_AUTH, NULL, "ledger head: not signed by a "
	    "station that is registered here");
}

enum err
acknowledge_head(struct authority *authority, struct bytes head, int64_t now,
    struct buf *acknowledgement, struct diag *diag)
{
	_cleanup_telling_ struct telling t = TELLING_INIT;
	_cleanup_buf_ struct buf made = BUF_INIT;
	enum err err;

	authority->warning = (struct diag)DIAG_INIT;
	err = authority_need_keys(authority, diag);
	if (!err)
		err = telling_decide(authority, head, now, &t, diag);
	if (err == ERR_NOTFOUND || err == ERR_AUTH)
		return stranger(diag);
	if (!err && t.outcome == ACKNOWLEDGE_NEW)
		err = gap_check(&t, now, diag);
	if (!err && t.outcome == ACKNOWLEDGE_NEW)
		err = head_carry_out(authority, &t, head, now, &made, diag);
	if (err)
		return err;
	/* as of a request: the next one moves it on */
	if (t.outcome == ACKNOWLEDGE_NEW && anchor_update(authority, now,
	    &authority->warning) != ERR_OK)
		diag_hint(&authority->warning, "the ledger was acknowledged; "
		    "mend the anchor's place soon");
	buf_put_bytes(acknowledgement, t.outcome == ACKNOWLEDGE_NEW ?
	    buf_bytes(&made) : t.last.encoded);
	return buf_err(acknowledgement);
}

enum err
acknowledge_head_verify(struct authority *authority, struct bytes encoded,
    struct diag *diag)
{
	struct ledger_head head;
	uint8_t signing[COSE_KID_SIZE];

	return head_verify(authority, encoded, &head, signing, diag);
}

enum err
acknowledge_answer_peek(struct bytes result,
    struct acknowledge_answer *ret_answer, struct diag *diag)
{
	struct acknowledge_answer answer = { .encoded = BYTES_NONE };
	uint64_t outcome;
	struct cbor c;

	cbor_open(&c, result);
	cbor_get_array_sized(&c, 2);
	outcome = cbor_get_uint(&c);
	answer.encoded = cbor_get_bstr(&c);
	if (!cbor_close(&c) || outcome < ACKNOWLEDGE_NEW ||
	    outcome > ACKNOWLEDGE_LAST)
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "acknowledgement: the answer is not one");
	answer.outcome = (enum acknowledge_outcome)outcome;
	*ret_answer = answer;
	return ERR_OK;
}

enum err
acknowledge_answer_get(struct authority *authority, struct bytes result,
    struct acknowledge_answer *ret_answer, struct diag *diag)
{
	struct acknowledge_answer answer;
	enum err err;

	err = acknowledge_answer_peek(result, &answer, diag);
	if (err)
		return err;
	err = signed_by_us(authority, answer.encoded, &answer.acknowledged,
	    diag);
	if (!err)
		*ret_answer = answer;
	return err;
}

enum err
acknowledge_report_check(struct authority *authority,
    const struct public_key *signing, const struct report *report,
    struct acknowledge_basis *ret_basis, struct diag *diag)
{
	struct acknowledge_basis basis = { .wrong = NULL };
	_cleanup_last_ struct last last = LAST_INIT;
	struct anchored anchored = { .entries = 0 };
	uint8_t kid[COSE_KID_SIZE];
	enum err err;

	err = cose_key_thumbprint(signing, kid);
	if (!err)
		err = last_get(authority, kid, &last, diag);
	if (err)
		return err;
	if (report->anchor != REPORT_UNANCHORED &&
	    (!anchored_get(bytes_of(report->anchor_value,
	    report->anchor_len), &anchored) ||
	    anchored.entries > report->ledger_entries))
		basis.wrong = "what it says of its anchor cannot be read";
	else if (!bytes_equal(anchored.acknowledged, last.encoded))
		basis.wrong = last.encoded.len == 0 ? "rests on an "
		    "acknowledgement that is not known here" : "does not rest "
		    "on what was acknowledged of the station's ledger last: "
		    "its disk was put back to an earlier state, or the "
		    "acknowledgement was not taken in";
	else if (last.encoded.len != 0 && report->ledger_entries <=
	    last.acknowledged.at.entries)
		basis.wrong = "is of a ledger with fewer entries than were "
		    "acknowledged";
	basis.entries = anchored.entries;
	basis.acknowledged = last.acknowledged.at.entries;
	*ret_basis = basis;
	return ERR_OK;
}
