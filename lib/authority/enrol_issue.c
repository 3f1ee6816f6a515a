/* A new identity of the field, and what the device is answered. */
#include "lib/authority/enrol_internal.h"
#include "lib/base/cbor_write.h"
#include "lib/identity/package.h"

#define ANSWER_VERSION		1
#define STATEMENT_VERSION	2

enum answer_result {
	ANSWER_ISSUED = 1, ANSWER_CONFIRMED = 2, ANSWER_CURRENT = 3
};

/* As package_open() writes it, without private keys. */
static enum err
package_put(struct buf *out, struct bytes document,
    const struct bytes certs[ENROL_CERTS])
{
	size_t i;

	cbor_put_array(out, 5);
	cbor_put_text(out, PACKAGE_MAGIC);
	cbor_put_uint(out, PACKAGE_VERSION);
	cbor_put_bstr(out, document);
	cbor_put_array(out, 0);
	cbor_put_array(out, ENROL_CERTS);
	for (i = 0; i < ENROL_CERTS; i++)
		cbor_put_bstr(out, certs[i]);
	return buf_err(out);
}

/* What an answer says. */
struct answer {
	const struct device_request	*request;
	enum answer_result		 result;
	struct bytes			 package;	/* empty: none */
	const uint8_t			*hash;		/* of the package */
	struct enrol_advice		 advice;
};

static void
statement_put(const struct enrol *e, const struct answer *a, struct buf *out)
{
	cbor_put_array(out, 7);
	cbor_put_uint(out, STATEMENT_VERSION);
	cbor_put_bstr(out, bytes_of(e->id, SHA256_SIZE));
	cbor_put_bstr(out, a->request->id);
	cbor_put_uint(out, a->result);
	cbor_put_int(out, e->now);
	if (a->package.len > 0)
		cbor_put_bstr(out, bytes_of(a->hash, SHA256_SIZE));
	else
		cbor_put_null(out);
	cbor_put_array(out, 3);
	cbor_put_int(out, a->advice.from);
	cbor_put_int(out, a->advice.until);
	cbor_put_uint(out, a->advice.type);
}

static enum err
answer_put(struct enrol *e, const struct answer *a, struct buf *out,
    struct diag *diag)
{
	_cleanup_buf_ struct buf payload = BUF_INIT, statement = BUF_INIT;
	enum err err;

	statement_put(e, a, &payload);
	err = buf_err(&payload);
	if (!err)
		err = cose_sign1_sign(&statement, e->document,
		    bytes_of(e->signer.kid, COSE_KID_SIZE), DEVICE_ANSWER_TYP,
		    buf_bytes(&payload), BYTES_NONE, diag);
	if (err)
		return err;
	cbor_put_array(out, 4);
	cbor_put_uint(out, ANSWER_VERSION);
	if (a->package.len > 0)
		cbor_put_bstr(out, a->package);
	else
		cbor_put_null(out);
	cbor_put_bstr(out, buf_bytes(&statement));
	/* who signed the package may have been followed by another */
	cbor_put_bstr(out, buf_bytes(&e->certs[1]));
	err = buf_err(out);
	return err ? diag_fail(diag, err, NULL, "answer: too large") : ERR_OK;
}

/* The certificate that authenticates: all that EST has room for. */
static enum err
answer_bare(struct enrol *e, uint32_t template,
    const struct identity *identity, struct buf *out, struct diag *diag)
{
	struct enrol_kind kind;
	enum err err;

	err = enrol_kind(e, template, &kind, diag);
	if (err)
		return err;
	buf_put_bytes(out, identity->certificate[kind.auth]);
	return buf_err(out);
}

enum err
enrol_answer_short(struct enrol *e, const struct device_request *request,
    bool current, const struct enrol_advice *advice,
    struct enrol_result *result, struct diag *diag)
{
	const struct answer answer = { .request = request, .result = current ?
		ANSWER_CURRENT : ANSWER_CONFIRMED, .advice = *advice };

	return answer_put(e, &answer, result->answer, diag);
}

static enum err
answer_package(struct enrol *e, const struct store_range *range,
    struct answer *answer, struct buf *out, struct diag *diag)
{
	struct enrol_kind kind;
	enum err err;

	err = enrol_kind(e, range->template, &kind, diag);
	if (err)
		return err;
	answer->advice = enrol_advice(e, &kind, range->issued, false);
	return answer_put(e, answer, out, diag);
}

/* The certificates of a package whose document another signer signed. */
static enum err
signer_certificate(struct enrol *e, struct bytes document, struct buf *out,
    struct diag *diag)
{
	struct authority_signer signer;
	struct cose_sign1 message;
	enum err err;

	err = cose_sign1_parse(document, &message, diag);
	if (!err)
		err = signer_by_kid(e->authority, message.kid, &signer, diag);
	return err ? err : authority_certificate(e->authority, signer.name,
	    out, diag);
}

enum err
enrol_answer_again(struct enrol *e, uint64_t index,
    const struct field_enrolment *enrolment,
    const struct device_request *request, bool confirmed,
    struct enrol_result *result, struct diag *diag)
{
	_cleanup_buf_ struct buf package = BUF_INIT, signer = BUF_INIT;
	struct address address = { LOG_ONLINE_NUMBER, index };
	const struct template *template;
	struct bytes certs[ENROL_CERTS];
	struct store_range range;
	struct identity identity;
	uint8_t hash[SHA256_SIZE];
	struct answer answer;
	struct enrol_kind kind;
	enum err err;

	err = lookup_get(e->again, &address, &identity, &range, &template,
	    diag);
	if (!err)
		err = enrol_kind(e, range.template, &kind, diag);
	/* its keys were made here, and are nowhere but in the device */
	if (!err && kind.made_here && !result->bare)
		return enrol_refuse(result, ENROL_CONSUMED, "it was answered, "
		    "and confirmed since", NULL);
	if (!err)
		err = signer_certificate(e, identity.document, &signer, diag);
	certs[0] = buf_bytes(&e->certs[0]);
	certs[1] = buf_bytes(&signer);
	certs[2] = buf_bytes(&e->certs[2]);
	if (!err)
		err = package_put(&package, identity.document, certs);
	if (!err)
		err = sha256_once(buf_bytes(&package), hash);
	if (err)
		return err;
	if (memcmp(hash, enrolment->package, SHA256_SIZE) != 0)
		return diag_fail(diag, ERR_CORRUPT, NULL, "registry: the "
		    "package of " LOG_ONLINE "/%ju is not the one that was "
		    "issued", (uintmax_t)index);
	result->verdict = ENROL_REPEATED;
	result->known = true;
	memcpy(result->ueid, identity.ueid, UEID_SIZE);
	result->log = LOG_ONLINE_NUMBER;
	result->index = index;
	if (result->bare)
		return answer_bare(e, range.template, &identity,
		    result->answer, diag);
	answer = (struct answer){ .request = request, .result = confirmed ?
		ANSWER_CONFIRMED : ANSWER_ISSUED,
		.package = buf_bytes(&package), .hash = hash };
	return answer_package(e, &range, &answer, result->answer, diag);
}

enum err
enrol_answer_sealed(struct enrol *e, uint64_t index,
    const struct field_device *device, const struct device_request *request,
    struct enrol_result *result, struct diag *diag)
{
	struct answer answer = { .request = request, .result = ANSWER_ISSUED,
		.package = bytes_of(device->sealed, device->sealed_len) };
	uint8_t hash[SHA256_SIZE];
	struct store_range range;
	enum err err;

	err = store_range_get(e->authority->store, LOG_ONLINE_NUMBER, index,
	    &range, diag);
	if (!err)
		err = sha256_once(answer.package, hash);
	if (err)
		return err;
	answer.hash = hash;
	result->verdict = ENROL_REPEATED;
	result->log = LOG_ONLINE_NUMBER;
	result->index = index;
	return answer_package(e, &range, &answer, result->answer, diag);
}

/* No key is in two devices, nor known from a list of chips. */
static enum err
mark_check(struct enrol *e, const struct asker *asker,
    const struct public_key *key, bool *ret_free, struct diag *diag)
{
	uint8_t hash[COSE_KID_SIZE];
	struct field_enrolment other;
	uint64_t entry = 0;
	uint32_t order = 0;
	enum err err;

	err = cose_key_thumbprint(key, hash);
	if (!err)
		err = store_device_mark_get(e->authority->store, hash, &order,
		    &entry, NULL);
	*ret_free = err == ERR_NOTFOUND;
	if (err || order != 0)
		return err == ERR_NOTFOUND ? ERR_OK : err;
	err = field_enrolment_get(e->authority, entry, &other, diag);
	*ret_free = !err && other.birth.log == asker->birth.log &&
	    other.birth.index == asker->birth.index;
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

static enum err
marks_check(struct enrol *e, const struct asker *asker,
    const struct enrol_issue *issue, struct enrol_result *result,
    struct diag *diag)
{
	const struct public_key *keys = issue->publics;
	size_t count = issue->product->template->slot_count, i, n;
	bool is_free = true;
	enum err err = ERR_OK;

	for (i = 0; i < count && !err && is_free; i++) {
		err = mark_check(e, asker, &keys[i], &is_free, diag);
		for (n = 0; n < i; n++)
			if (public_key_equal(&keys[n], &keys[i]))
				is_free = false;
	}
	if (err || is_free)
		return err;
	return enrol_refuse(result, ENROL_KEYS, "a key is that of another "
	    "device or slot", "make new keys; look to the source of random "
	    "numbers");
}

/* A slot that keeps its key has its mark. */
static enum err
mark_put(struct enrol *e, const struct public_key *key, uint64_t index,
    struct diag *diag)
{
	uint8_t hash[COSE_KID_SIZE];
	const struct store_row row = { .table = STORE_DEVICE_MARK_ROWS,
	    .numbers = { 0, index },
	    .blob = bytes_of(hash, STORE_MARK_SIZE) };
	enum err err;

	err = cose_key_thumbprint(key, hash);
	if (!err)
		err = store_device_mark_put(e->authority->store, hash, 0,
		    index, diag);
	if (err)
		return err == ERR_EXISTS ? ERR_OK : err;
	return rows_add(e->authority, &e->changes, &row, true);
}

static enum err
marks_put(struct enrol *e, const struct enrol_issue *issue, uint64_t index,
    struct diag *diag)
{
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < issue->product->template->slot_count && !err; i++)
		err = mark_put(e, &issue->publics[i], index, diag);
	return err;
}

/* The block that the next index lies in. */
static const struct store_range *
block_of(const struct enrol *e, uint64_t index)
{
	size_t i;

	for (i = 0; i < e->block_count; i++)
		if (index - e->blocks[i].first < e->blocks[i].count)
			return &e->blocks[i];
	return NULL;
}

static enum err
identity_make(struct enrol *e, const struct asker *asker,
    const struct enrol_issue *issue, const struct store_range *block,
    struct identity *ret_identity, struct diag *diag)
{
	struct identity_birth birth = { .log = asker->birth.log,
	    .index = asker->birth.index };
	struct identity_range range = { .epoch = block->epoch,
	    .seed = bytes_of(block->seed, RANGE_SEED_SIZE), .issued = e->now,
	    .evidence = issue->evidence, .birth = &birth };
	uint64_t index = e->log.size + e->taken;
	enum err err;

	memcpy(birth.text, issue->enrolment.text, sizeof(birth.text));
	err = identity_maker_range(issue->product->maker, &range, diag);
	/* from here on something signed may exist */
	e->parts[e->taken++] = (struct store_range){
	    .log = LOG_ONLINE_NUMBER, .first = index, .count = 1,
	    .epoch = block->epoch, .state = RANGE_COMMITTED,
	    .template = issue->product->template_id, .issued = e->now,
	    .evidence = issue->evidence };
	memcpy(e->parts[e->taken - 1].seed, block->seed, RANGE_SEED_SIZE);
	return err ? err : identity_maker_make(issue->product->maker, index,
	    issue->publics, e->issuer, e->document, ret_identity, diag);
}

static enum err
identity_keep(struct enrol *e, const struct enrol_issue *issue,
    const struct identity *identity, struct diag *diag)
{
	enum err err;

	err = store_entries_put(e->authority->store, LOG_ONLINE_NUMBER,
	    identity->index, 1, template_entry_size(issue->product->template),
	    identity->entry, bytes_of(identity->leaf, SHA256_SIZE), diag);
	buf_put(&e->leaves, identity->leaf, SHA256_SIZE);
	return err ? err : field_enrolment_put(e->authority, identity->index,
	    &issue->enrolment, &e->changes, diag);
}

/* What is answered with keys made here is kept with the device, or nobody
 * could answer again. */
static enum err
sealed_keep(struct enrol *e, struct enrol_issue *issue,
    const struct identity *identity, const struct bytes certs[ENROL_CERTS],
    struct field_device *device, struct buf *package, struct diag *diag)
{
	enum err err;

	err = enrol_seal(e, issue->product->template, issue->here,
	    issue->request, issue->request_hash, identity, certs,
	    issue->enrolment.package, package, diag);
	if (!err && package->len > FIELD_SEALED_MAX)
		err = diag_fail(diag, ERR_LIMIT, NULL, "enrolment: a sealed "
		    "package of %zu octets; at most %d are kept",
		    package->len, FIELD_SEALED_MAX);
	if (err)
		return err;
	memcpy(device->sealed, package->ptr, package->len);
	device->sealed_len = package->len;
	return ERR_OK;
}

enum err
enrol_issue(struct enrol *e, struct asker *asker, struct enrol_issue *issue,
    struct enrol_result *result, struct diag *diag)
{
	struct field_enrolment *enrolment = &issue->enrolment;
	const struct bytes certs[ENROL_CERTS] = { buf_bytes(&e->certs[0]),
	    buf_bytes(&e->certs[1]), buf_bytes(&e->certs[2]) };
	_cleanup_buf_ struct buf package = BUF_INIT;
	uint64_t index = e->log.size + e->taken;
	const struct store_range *block = block_of(e, index);
	struct field_device *device = &asker->device;
	uint8_t hash[SHA256_SIZE];
	struct identity identity;
	struct answer answer;
	enum err err;

	if (block == NULL)
		return ERR_INTERNAL;
	err = identity_make(e, asker, issue, block, &identity, diag);
	if (!err && issue->here != NULL)
		err = sealed_keep(e, issue, &identity, certs, device,
		    &package, diag);
	else if (!err)
		err = package_put(&package, identity.document, certs);
	if (!err)
		err = sha256_once(buf_bytes(&package), hash);
	if (!err && issue->here == NULL)
		memcpy(enrolment->package, hash, SHA256_SIZE);
	if (!err)
		err = identity_keep(e, issue, &identity, diag);
	if (!err)
		err = marks_put(e, issue, index, diag);
	if (!err && asker->fresh)
		err = enrol_foreign_keep(e, asker, diag);
	if (err)
		return err;
	result->known = true;
	memcpy(result->ueid, identity.ueid, UEID_SIZE);
	device->has_pending = true;
	device->pending = index;
	device->attempts++;
	err = field_device_put(e->authority, &asker->birth, device, &e->changes,
	    diag);
	if (err)
		return err;
	enrol_event(e, FIELD_ISSUED, &asker->birth, true, index);
	result->verdict = ENROL_DONE;
	result->log = LOG_ONLINE_NUMBER;
	result->index = index;
	if (result->bare)
		return answer_bare(e, issue->product->template_id, &identity,
		    result->answer, diag);
	answer = (struct answer){ .request = issue->request,
		.result = ANSWER_ISSUED, .package = buf_bytes(&package),
		.hash = hash };
	return answer_package(e, &e->parts[e->taken - 1], &answer,
	    result->answer, diag);
}

enum err
enrol_ready(struct enrol *e, struct asker *asker,
    struct enrol_issue *issue, struct enrol_result *result,
    struct diag *diag)
{
	struct field_enrolment *enrolment = &issue->enrolment;
	bool known = false;
	enum err err;

	if (asker->fresh)	/* born with what it is issued */
		asker->birth = (struct address){ LOG_ONLINE_NUMBER,
			e->log.size + e->taken };
	enrolment->birth = asker->birth;
	enrolment->basis = asker->foreign != NULL ? asker->birth :
	    asker->address;
	enrolment->type = (unsigned)issue->request->type;
	memcpy(enrolment->id, issue->request->id.ptr, sizeof(enrolment->id));
	memcpy(enrolment->request, issue->request_hash, SHA256_SIZE);
	err = enrol_names(e, issue->product->template, asker, enrolment,
	    &known, diag);
	if (err)
		return err;
	if (!known)
		return enrol_refuse(result, ENROL_NO_PRODUCT, "a name that the "
		    "product wants is not known of this device", "names of the "
		    "line come with the station's report (imprint order "
		    "reconcile)");
	return marks_check(e, asker, issue, result, diag);
}
