#include "lib/identity/ledger_head.h"

#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"

#define HEAD	"head of a ledger"
#define ACK	"acknowledgement"

static void
point_put(struct buf *out, const struct ledger_point *p)
{
	cbor_put_array(out, 2);
	cbor_put_uint(out, p->entries);
	cbor_put_bstr(out, bytes_of(p->hash, SHA256_SIZE));
}

static void
fixed_get(struct cbor *c, uint8_t *out, size_t len)
{
	struct bytes found = cbor_get_bstr_sized(c, len);

	if (cbor_ok(c))
		memcpy(out, found.ptr, len);
}

static void
point_get(struct cbor *c, struct ledger_point *p)
{
	cbor_get_array_sized(c, 2);
	p->entries = cbor_get_uint(c);
	fixed_get(c, p->hash, SHA256_SIZE);
	if (cbor_ok(c) && p->entries == 0)
		cbor_fail(c, "no entries");
}

static int64_t
time_get(struct cbor *c)
{
	int64_t time = cbor_get_int(c);

	if (cbor_ok(c) && (time < 0 || time > TIME_MAX_S))
		cbor_fail(c, "time out of range");
	return time;
}

/* cbor_close() failed, or the array began with another version. */
static enum err
payload_bad(const char *what, uint64_t version, const struct cbor *c,
    struct diag *diag)
{
	if (version != HEAD_VERSION && c->error == NULL)
		return diag_fail(diag, ERR_VERSION, NULL,
		    "%s: version %llu, this build reads %d", what,
		    (unsigned long long)version, HEAD_VERSION);
	return diag_fail(diag, ERR_SYNTAX, NULL, "%s: %s", what, c->error);
}

static enum err
sign(const char *typ, struct bytes payload, struct signer *signer,
    struct buf *out, struct diag *diag)
{
	uint8_t kid[COSE_KID_SIZE];
	enum err err;

	err = cose_key_thumbprint(signer_public(signer), kid);
	return err ? err : cose_sign1_sign(out, signer, bytes_of(kid,
	    sizeof(kid)), typ, payload, BYTES_NONE, diag);
}

static enum err
message_parse(const char *what, struct bytes encoded, const char *typ,
    size_t max, struct cose_sign1 *ret_message, struct diag *diag)
{
	enum err err;

	if (encoded.len > max)
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "%s: larger than any", what);
	err = cose_sign1_parse(encoded, ret_message, diag);
	if (!err && !bytes_equal(ret_message->typ, bytes_text(typ)))
		err = diag_fail(diag, ERR_SYNTAX, "RFC 9596 2",
		    "%s: the file is something else", what);
	return err;
}

static enum err
message_verify(const struct cose_sign1 *message,
    const struct public_key *key, bool *ret_good, struct diag *diag)
{
	_cleanup_verifier_ struct verifier *verifier = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	enum err err;

	err = verifier_new(key, &verifier, diag);
	if (!err)
		err = sha256_new(&sha256, diag);
	return err ? err : cose_sign1_verify(message, verifier, key->alg,
	    BYTES_NONE, sha256, ret_good);
}

static bool
head_good(const struct ledger_head *h)
{
	return h->at.entries != 0 && h->acknowledged.entries <
	    h->at.entries && h->time >= 0 && h->time <= TIME_MAX_S;
}

enum err
ledger_head_sign(const struct ledger_head *h, struct signer *signer,
    struct buf *out, struct diag *diag)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	enum err err;

	err = station_name_check(h->name, diag);
	if (!err && !head_good(h))
		err = diag_fail(diag, ERR_INVALID, NULL,
		    HEAD ": entries or time out of range");
	if (err)
		return err;
	cbor_put_array(&payload, 6);
	cbor_put_uint(&payload, HEAD_VERSION);
	cbor_put_text(&payload, h->name);
	cbor_put_bstr(&payload, bytes_of(h->ledger, SHA256_SIZE));
	point_put(&payload, &h->at);
	if (h->acknowledged.entries == 0)
		cbor_put_null(&payload);
	else
		point_put(&payload, &h->acknowledged);
	cbor_put_int(&payload, h->time);
	err = buf_err(&payload);
	return err ? err : sign(HEAD_TYP, buf_bytes(&payload), signer, out,
	    diag);
}

static enum err
head_payload(struct bytes payload, struct ledger_head *h, struct diag *diag)
{
	struct bytes name;
	uint64_t version;
	struct cbor c;

	cbor_open(&c, payload);
	version = cbor_get_versioned(&c, 6, HEAD_VERSION);
	if (cbor_ok(&c) && version != HEAD_VERSION)
		return payload_bad(HEAD, version, &c, diag);
	name = cbor_get_tstr(&c);
	if (cbor_ok(&c) && (name.len == 0 || name.len > STATION_NAME_MAX ||
	    memchr(name.ptr, '\0', name.len) != NULL))
		cbor_fail(&c, "no station's name");
	if (cbor_ok(&c))
		memcpy(h->name, name.ptr, name.len);
	fixed_get(&c, h->ledger, SHA256_SIZE);
	point_get(&c, &h->at);
	if (cbor_peek(&c) == CBOR_SIMPLE)
		cbor_get_null(&c);
	else
		point_get(&c, &h->acknowledged);
	h->time = time_get(&c);
	if (cbor_ok(&c) && !head_good(h))
		cbor_fail(&c, "more is acknowledged than is there");
	if (!cbor_close(&c))
		return payload_bad(HEAD, version, &c, diag);
	return station_name_check(h->name, diag) == ERR_OK ? ERR_OK :
	    ERR_SYNTAX;
}

enum err
ledger_head_peek(struct bytes encoded, struct ledger_head *ret_head,
    struct diag *diag)
{
	struct ledger_head h = { .time = 0 };
	struct cose_sign1 message;
	enum err err;

	err = message_parse(HEAD, encoded, HEAD_TYP, HEAD_MAX, &message,
	    diag);
	if (!err)
		err = head_payload(message.payload, &h, diag);
	if (!err)
		*ret_head = h;
	return err;
}

enum err
ledger_head_parse(struct bytes encoded, const struct public_key *signing,
    struct ledger_head *ret_head, struct diag *diag)
{
	struct ledger_head h = { .time = 0 };
	struct cose_sign1 message;
	bool good = false;
	enum err err;

	err = message_parse(HEAD, encoded, HEAD_TYP, HEAD_MAX, &message,
	    diag);
	if (!err)
		err = head_payload(message.payload, &h, diag);
	if (!err)
		err = message_verify(&message, signing, &good, diag);
	if (err)
		return err;
	if (!good)
		return diag_fail(diag, ERR_AUTH, "RFC 9052 4.4",
		    HEAD ": not signed by station %s", h.name);
	*ret_head = h;
	return ERR_OK;
}

enum err
acknowledged_sign(const struct acknowledged *a, struct signer *signer,
    struct buf *out, struct diag *diag)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	enum err err;

	if (a->at.entries == 0 || a->time < 0 || a->time > TIME_MAX_S)
		return diag_fail(diag, ERR_INVALID, NULL,
		    ACK ": entries or time out of range");
	cbor_put_array(&payload, 5);
	cbor_put_uint(&payload, HEAD_VERSION);
	cbor_put_bstr(&payload, bytes_of(a->signing, COSE_KID_SIZE));
	cbor_put_bstr(&payload, bytes_of(a->ledger, SHA256_SIZE));
	point_put(&payload, &a->at);
	cbor_put_int(&payload, a->time);
	err = buf_err(&payload);
	return err ? err : sign(ACKNOWLEDGED_TYP, buf_bytes(&payload),
	    signer, out, diag);
}

static enum err
acknowledged_payload(struct bytes payload, struct acknowledged *a,
    struct diag *diag)
{
	uint64_t version;
	struct cbor c;

	cbor_open(&c, payload);
	version = cbor_get_versioned(&c, 5, HEAD_VERSION);
	if (cbor_ok(&c) && version != HEAD_VERSION)
		return payload_bad(ACK, version, &c, diag);
	fixed_get(&c, a->signing, COSE_KID_SIZE);
	fixed_get(&c, a->ledger, SHA256_SIZE);
	point_get(&c, &a->at);
	a->time = time_get(&c);
	return cbor_close(&c) ? ERR_OK : payload_bad(ACK, version, &c, diag);
}

enum err
acknowledged_parse(struct bytes encoded, const struct public_key *signers,
    size_t count, struct acknowledged *ret_acknowledged, struct diag *diag)
{
	struct acknowledged a = { .time = 0 };
	struct cose_sign1 message;
	uint8_t kid[COSE_KID_SIZE];
	bool good = false;
	size_t i;
	enum err err;

	err = message_parse(ACK, encoded, ACKNOWLEDGED_TYP, ACKNOWLEDGED_MAX,
	    &message, diag);
	if (!err)
		err = acknowledged_payload(message.payload, &a, diag);
	for (i = 0; i < count && !err && !good; i++) {
		err = cose_key_thumbprint(&signers[i], kid);
		if (!err && bytes_equal(message.kid, bytes_of(kid,
		    sizeof(kid))))
			err = message_verify(&message, &signers[i], &good,
			    diag);
	}
	if (err)
		return err;
	if (!good)
		return diag_fail(diag, ERR_AUTH, "RFC 9052 4.4", ACK
		    ": not signed by a document signer that is trusted here");
	*ret_acknowledged = a;
	return ERR_OK;
}

void
anchored_put(struct buf *out, const struct anchored *a)
{
	cbor_put_array(out, 4);
	cbor_put_uint(out, a->entries);
	cbor_put_uint(out, a->number);
	cbor_put_text(out, a->place);
	cbor_put_bstr(out, a->acknowledged);
}

bool
anchored_get(struct bytes encoded, struct anchored *ret_anchored)
{
	struct anchored a = { .entries = 0 };
	struct bytes place;
	struct cbor c;
	size_t i;

	cbor_open(&c, encoded);
	cbor_get_array_sized(&c, 4);
	a.entries = cbor_get_uint(&c);
	a.number = cbor_get_uint(&c);
	place = cbor_get_tstr(&c);
	a.acknowledged = cbor_get_bstr(&c);
	if (!cbor_close(&c) || place.len > ANCHORED_PLACE_MAX ||
	    a.acknowledged.len > ACKNOWLEDGED_MAX)
		return false;
	for (i = 0; i < place.len; i++)
		if (place.ptr[i] < 0x20 || place.ptr[i] == 0x7f)
			return false;
	if (place.len > 0)
		memcpy(a.place, place.ptr, place.len);
	*ret_anchored = a;
	return true;
}
