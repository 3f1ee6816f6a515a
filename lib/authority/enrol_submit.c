/* What a device asks for, decided. */
#include "lib/authority/enrol_internal.h"
#include "lib/authority/request_internal.h"
#include "lib/base/clock.h"

#define DAY_S	86400

static enum err
refuse(struct submission *s, enum enrol_verdict verdict, const char *why,
    const char *hint)
{
	return enrol_refuse(s->result, verdict, why, hint);
}

static bool
decided(const struct submission *s)
{
	return enrol_decided(s->result);
}

enum err
enrol_verdict_of(struct submission *s, enum err err,
    enum enrol_verdict verdict)
{
	if (!err)
		return ERR_OK;
	if (!request_is_refusal(err)) {
		if (s->diag != NULL)
			*s->diag = s->result->why;
		return err;
	}
	s->result->verdict = err == ERR_UNSUPPORTED || err == ERR_VERSION ?
	    ENROL_UNSUPPORTED : verdict;
	return ERR_OK;
}

static enum err
device_put(struct submission *s)
{
	return field_device_put(s->enrol->authority, &s->asker.birth,
	    &s->asker.device, &s->enrol->changes, s->diag);
}

/* A key more for a device that has one: on record, but not without end. */
static enum err
refuse_event(struct submission *s, enum enrol_verdict verdict,
    const char *why, const char *hint)
{
	struct field_device *device = &s->asker.device;
	enum err err;

	/* on the front's word, it must not use up what is there for alarms */
	if (device->events < (s->given == NULL ? FIELD_EVENTS_MAX :
	    FIELD_EVENTS_FRONT)) {
		device->events++;
		err = device_put(s);
		if (err)
			return err;
		enrol_event(s->enrol, FIELD_REFUSED, &s->asker.birth, false,
		    0);
	}
	return refuse(s, verdict, why, hint);
}

/* Was this very request carried out, with the identity at index? */
static enum err
repeat_try(struct submission *s, uint64_t index, bool confirmed)
{
	struct enrol *e = s->enrol;
	struct field_enrolment enrolment;
	enum err err;

	err = field_enrolment_get(e->authority, index, &enrolment, s->diag);
	if (err)
		return err == ERR_NOTFOUND ? diag_fail(s->diag, ERR_CORRUPT,
		    NULL, "registry: enrolment " LOG_ONLINE "/%ju is gone",
		    (uintmax_t)index) : err;
	if (!bytes_equal(s->request.id, bytes_of(enrolment.id,
	    DEVICE_REQUEST_ID_SIZE)))
		return ERR_OK;
	if (memcmp(s->hash, enrolment.request, SHA256_SIZE) != 0)
		return refuse(s, ENROL_CONFLICT, "a request of this id was "
		    "carried out with other content", "take a new id");
	/* of this turn: it cannot be rebuilt yet */
	if (index >= e->log.size)
		return refuse(s, ENROL_BUSY, "the same request is being "
		    "carried out", NULL);
	if (!confirmed && s->asker.device.sealed_len > 0)
		return enrol_answer_sealed(e, index, &s->asker.device,
		    &s->request, s->result, s->diag);
	return enrol_answer_again(e, index, &enrolment, &s->request,
	    confirmed, s->result, s->diag);
}

static enum err
repeats(struct submission *s)
{
	const struct field_device *device = &s->asker.device;
	size_t i;
	enum err err = ERR_OK;

	if (device->has_pending)
		err = repeat_try(s, device->pending, false);
	if (!err && !decided(s) && device->has_current)
		err = repeat_try(s, device->current, true);
	for (i = 0; i < device->id_count && !err && !decided(s); i++)
		if (bytes_equal(s->request.id, bytes_of(device->ids[i],
		    DEVICE_REQUEST_ID_SIZE)))
			return refuse(s, ENROL_SUPERSEDED, "another request "
			    "took the place of this one", NULL);
	return err;
}

static const struct public_key *
asker_key(const struct asker *asker, unsigned slot, enum key_alg alg)
{
	size_t i;

	for (i = 0; i < asker->key_count; i++)
		if (asker->slots[i] == slot && asker->keys[i].alg == alg)
			return &asker->keys[i];
	return NULL;
}

/* Does the new key sign for itself? Those that cannot are covered by the
 * request's signature alone. */
static enum err
proof_check(struct submission *s, const struct device_key *key)
{
	_cleanup_verifier_ struct verifier *verifier = NULL;
	_cleanup_buf_ struct buf context = BUF_INIT;
	bool good = false;
	enum err err;

	if ((key_algorithm(key->key.alg)->can & KEY_SIGNS) == 0) {
		if (key->proof.len > 0)
			return refuse(s, ENROL_KEYS, "a proof of a key that "
			    "cannot sign", NULL);
		return ERR_OK;
	}
	err = device_key_put_context(&context, s->enrol->id,
	    s->request.id.ptr, key->slot, &key->key);
	if (!err)
		err = verifier_new(&key->key, &verifier, s->diag);
	if (!err && key->proof.len ==
	    key_algorithm(key->key.alg)->signature_len)
		err = verifier_check(verifier, buf_bytes(&context),
		    key->proof, &good);
	if (err || good)
		return err;
	return refuse(s, ENROL_KEYS, "a new key did not sign for itself",
	    "it signs the context of this very request");
}

/* One that the device has already. */
static bool
key_is_had(const struct submission *s, const struct device_key *key)
{
	const struct public_key *old = asker_key(&s->asker, key->slot,
	    key->key.alg);

	return s->request.type == DEVICE_RENEW && old != NULL &&
	    public_key_equal(old, &key->key);
}

/* Are the keys of the product made here? */
static bool
made_here(const struct submission *s)
{
	const struct product *product = &s->product->product;

	return product->credential_count > 0 &&
	    product->credentials[0].maker == MAKER_AUTHORITY;
}

/* Each key for a slot of the product, of its algorithm. */
static enum err
key_take(struct submission *s, const struct device_key *key)
{
	const struct template *template = s->product->template;
	size_t i;

	for (i = 0; i < template->slot_count; i++)
		if (template->slots[i].slot == key->slot)
			break;
	if (i == template->slot_count ||
	    template->slots[i].alg != key->key.alg)
		return refuse(s, ENROL_KEYS, "a key for a slot that the "
		    "product has not, or of another algorithm", NULL);
	if (s->request.type == DEVICE_ENROL &&
	    public_key_equal(&key->key, &s->asker.keys[s->asker.kind.auth]))
		return refuse(s, ENROL_KEYS, "the bootstrap key is for "
		    "enrolment alone", "make a new key");
	if (made_here(s) && s->made == NULL && !key_is_had(s, key))
		return refuse(s, ENROL_KEYS, "the authority makes the keys of "
		    "this product: a signed request (/v1/identity) or EST's "
		    "serverkeygen brings them", NULL);
	public_key_copy(&s->publics[i], &key->key);
	return s->given != NULL ? ERR_OK : proof_check(s, key);
}

/* Renewal keeps the keys of slots that it does not give. */
static enum err
keys_keep(struct submission *s, const struct device_key *keys, size_t count)
{
	const struct template *template = s->product->template;
	const struct public_key *old;
	size_t i, n;

	for (i = 0; i < template->slot_count; i++) {
		for (n = 0; n < count; n++)
			if (keys[n].slot == template->slots[i].slot)
				break;
		if (n < count)
			continue;
		old = s->request.type != DEVICE_ENROL ? asker_key(&s->asker,
		    template->slots[i].slot, template->slots[i].alg) : NULL;
		if (old == NULL)
			return refuse(s, ENROL_KEYS, "no key for a slot of "
			    "the product", NULL);
		public_key_copy(&s->publics[i], old);
	}
	return ERR_OK;
}

/* All of them, and sealed to a key that the request's signature covers. */
static enum err
keys_make(struct submission *s, size_t count, bool sealed)
{
	const struct asker *asker = &s->asker;

	if (count > 0 || !sealed)
		return refuse(s, ENROL_KEYS, "the keys of this product are "
		    "made in the authority", "give a recipient to seal them "
		    "to, and no keys");
	if (public_key_equal(&s->here->recipient,
	    &asker->keys[asker->kind.auth]))
		return refuse(s, ENROL_KEYS, "the recipient is the key that "
		    "the request is signed with", "make a key of its own");
	return enrol_made_keys(s->product->template, s->here, s->publics,
	    s->diag);
}

static enum err
keys_check(struct submission *s)
{
	struct device_key keys[PRODUCT_SLOTS_MAX];
	size_t i, count = 0;
	bool sealed = false;
	enum err err;

	if (s->given != NULL) {
		keys[count++] = *s->given;
		if (s->made != NULL)	/* the product's one key */
			keys[0].slot = s->product->template->slots[0].slot;
		err = s->made == NULL ? ERR_OK : key_pair_make(
		    s->product->template->slots[0].alg, &keys[0].key, s->made,
		    s->diag);
	} else if (s->request.type == DEVICE_REFRESH) {
		err = ERR_OK;
	} else {
		err = enrol_verdict_of(s, device_keys_parse(s->request.body,
		    keys, &count, &s->here->recipient, &sealed,
		    &s->result->why), ENROL_MALFORMED);
		if (!err && !decided(s) && made_here(s))
			return keys_make(s, count, sealed);
		if (!err && !decided(s) && sealed)
			return refuse(s, ENROL_KEYS, "the keys of this "
			    "product are made in the device", "give keys and "
			    "no recipient");
	}
	for (i = 0; i < count && !err && !decided(s); i++)
		err = key_take(s, &keys[i]);
	return err || decided(s) ? err : keys_keep(s, keys, count);
}

/* What waits makes room for what is asked now. */
static enum err
pending_supersede(struct submission *s)
{
	struct field_device *device = &s->asker.device;
	struct field_enrolment enrolment;
	enum err err;

	if (!device->has_pending)
		return ERR_OK;
	err = field_enrolment_get(s->enrol->authority, device->pending,
	    &enrolment, s->diag);
	if (err)
		return err;
	if (device->id_count == PRODUCT_ATTEMPTS_MAX)
		memmove(device->ids[0], device->ids[1],
		    (size_t)--device->id_count * DEVICE_REQUEST_ID_SIZE);
	memcpy(device->ids[device->id_count++], enrolment.id,
	    DEVICE_REQUEST_ID_SIZE);
	device->has_pending = false;
	device->sealed_len = 0;
	s->result->replaced = true;
	s->result->replaced_index = device->pending;
	return enrol_supersede(s->enrol, &s->asker.birth, device->pending,
	    s->diag);
}

/*
 * What asks has proved its key: its birth is over, if the product says so.
 * Never on the front's word, be it that of the use or that on which the
 * identity was issued: its key may be the front's own.
 */
static enum err
birth_leave(struct submission *s)
{
	const struct enrol_product *product = enrol_product_by_name(s->enrol,
	    s->asker.kind.product);
	unsigned evidence = s->asker.range.evidence;

	if (s->asserted || product == NULL ||
	    !product->product.field.supersedes || evidence == EVIDENCE_FRONT ||
	    evidence == EVIDENCE_FRONT_RENEWAL)
		return ERR_OK;
	return enrol_outlive(s->enrol, &s->asker.birth, s->diag);
}

/* The new identity was used: it is the device's now. */
static enum err
confirm_pending(struct submission *s)
{
	struct field_device *device = &s->asker.device;
	enum err err = ERR_OK;

	enrol_event(s->enrol, FIELD_CONFIRMED, &s->asker.birth, true,
	    device->pending);
	if (device->has_current)
		err = enrol_supersede(s->enrol, &s->asker.birth,
		    device->current, s->diag);
	if (!err)
		err = birth_leave(s);
	device->has_current = true;
	device->current = device->pending;
	device->has_pending = false;
	device->sealed_len = 0;
	device->events = 0;
	device->id_count = 0;
	return err ? err : device_put(s);
}

static bool
asker_is(const struct submission *s, bool has, uint64_t index)
{
	return has && s->asker.address.log == LOG_ONLINE_NUMBER &&
	    s->asker.address.index == index;
}

static bool
asker_waits(const struct submission *s)
{
	return asker_is(s, s->asker.device.has_pending,
	    s->asker.device.pending);
}

enum err
enrol_first_use(struct submission *s)
{
	const struct field_device *device = &s->asker.device;
	const struct field_enrolment *enrolment = &s->asker.enrolment;

	/* by EST, the id of a request begins its hash; but for a key that was
	 * made here: who kept that answer back would leave the device none */
	if (!asker_waits(s) || device->has_current || memcmp(enrolment->id,
	    enrolment->request, DEVICE_REQUEST_ID_SIZE) != 0)
		return ERR_OK;
	s->result->known = true;
	memcpy(s->result->ueid, s->asker.ueid, UEID_SIZE);
	s->result->log = LOG_ONLINE_NUMBER;
	s->result->index = device->pending;
	s->asserted = true;
	return confirm_pending(s);
}

/* EST brings one key, whatever the quota is. */
static bool
keys_missing(const struct submission *s)
{
	return s->given != NULL && s->made == NULL &&
	    s->product->template->slot_count > 1;
}

/* On the front's word only as often as the product allows. */
static enum err
asserted_check(struct submission *s)
{
	const struct enrol_product *product = s->product;

	if (!s->asserted || product->asserted + product->asserted_turn <
	    product->product.field.est)
		return ERR_OK;
	return refuse(s, ENROL_QUOTA, "the product allows no more new "
	    "keys by plain EST", "send signed requests (/v1/identity), or "
	    "raise est in the product's field section");
}

/* What was issued counts for a day; so no device, nor who has its key, fills
 * log and CRLs. */
static void
attempts_refill(struct submission *s)
{
	struct field_device *device = &s->asker.device;
	int64_t days;

	/* by a clock that was ahead */
	if (device->since > s->enrol->now)
		device->since = s->enrol->now;
	days = (s->enrol->now - device->since) / DAY_S;
	if (days <= 0 && device->attempts > 0)
		return;
	if (device->attempts == 0 || days >= (int64_t)device->attempts) {
		device->attempts = 0;
		device->since = s->enrol->now;
		return;
	}
	device->attempts -= (unsigned)days;
	device->since += days * DAY_S;
}

/* A new key on the front's word leaves a mark on all that follows from it. */
static enum evidence_class
evidence_of(const struct submission *s, enum evidence_class evidence)
{
	unsigned basis = s->asker.range.evidence;

	if (s->asserted)
		return EVIDENCE_FRONT;
	if (s->asker.address.log == LOG_ONLINE_NUMBER &&
	    (basis == EVIDENCE_FRONT || basis == EVIDENCE_FRONT_RENEWAL))
		return EVIDENCE_FRONT_RENEWAL;
	return evidence;
}

static enum err
issue_made(struct submission *s, enum evidence_class evidence)
{
	struct enrol_issue issue = { .request = &s->request,
	    .request_hash = s->hash, .product = s->product,
	    .publics = s->publics,
	    .evidence = evidence_of(s, evidence) };
	struct enrol_product *product = s->product;
	enum err err;

	attempts_refill(s);
	if (s->asker.device.attempts >= s->product->product.field.attempts) {
		s->result->retry_after_s = (uint32_t)(s->asker.device.since +
		    DAY_S - s->enrol->now);
		return refuse_event(s, ENROL_ATTEMPTS, "too many identities "
		    "were asked for at once", "one more each day");
	}
	if (!enrol_foreign_room(&s->asker))
		return refuse(s, ENROL_QUOTA, "no more devices of this "
		    "manufacturer may enrol", "raise devices in the "
		    "product's field section");
	/* a device whose identity of this turn would be superseded waits */
	if (!enrol_room(s->enrol) || (s->asker.device.has_pending &&
	    s->asker.device.pending >= s->enrol->log.size))
		return refuse(s, ENROL_BUSY, "no room in this turn", NULL);
	err = keys_check(s);
	if (err || decided(s))
		return err;
	err = enrol_ready(s->enrol, &s->asker, &issue, s->result, s->diag);
	if (err || decided(s))
		return err;
	if (made_here(s) && s->given == NULL)
		issue.here = s->here;
	/* on the front's word: with what takes its quota, not before */
	err = asker_waits(s) ? confirm_pending(s) : pending_supersede(s);
	if (!err)
		err = enrol_issue(s->enrol, &s->asker, &issue, s->result,
		    s->diag);
	if (err)
		return err;
	product->asserted_turn += s->asserted;
	product->foreign_turn += s->asker.fresh;
	return ERR_OK;
}

/* All is well with who asks: a new identity, unless there were too many. */
static enum err
issue(struct submission *s, enum evidence_class evidence)
{
	struct enrol_made made = { .private = { SECRET_INIT } };
	enum err err;

	s->here = &made;
	err = issue_made(s, evidence);
	s->here = NULL;
	enrol_made_release(&made);
	return err;
}

static enum err
expired(struct submission *s, int64_t grace_s, bool *ret_expired)
{
	int64_t end;
	enum err err;

	*ret_expired = false;
	if (s->asker.kind.years == PRODUCT_NEVER)
		return ERR_OK;
	err = time_add_years(s->asker.range.issued, s->asker.kind.years,
	    &end);
	if (!err)
		*ret_expired = s->enrol->now > end + grace_s;
	return err;
}

static enum err
enrol_type(struct submission *s)
{
	bool late = false;
	enum err err;

	if (s->asker.address.log == LOG_ONLINE_NUMBER)
		return refuse(s, ENROL_NO_PRODUCT, "this identity does not "
		    "enrol", "renew with it");
	s->product = s->asker.foreign != NULL ? s->asker.foreign :
	    enrol_product_by_bootstrap(s->enrol, s->asker.kind.product);
	if (s->product == NULL)
		return refuse(s, ENROL_NO_PRODUCT, "no product is had in the "
		    "field with this identity", NULL);
	err = repeats(s);
	if (!err && !decided(s))
		err = expired(s, 0, &late);
	if (err || decided(s))
		return err;
	if (s->asker.device.has_current)
		return refuse_event(s, ENROL_CONSUMED, "the bootstrap "
		    "identity was used before", "renew with the identity that "
		    "it led to");
	if (late)
		return refuse(s, ENROL_EXPIRED, "the bootstrap certificate "
		    "has expired", NULL);
	if (keys_missing(s))
		return refuse(s, ENROL_KEYS, "the product has more keys than "
		    "the one that EST brings", "send a signed request "
		    "(/v1/identity)");
	err = asserted_check(s);
	return err || decided(s) ? err : issue(s, s->asker.foreign != NULL ?
	    EVIDENCE_MANUFACTURER : EVIDENCE_BOOTSTRAP);
}

/* The body of confirm and refresh: SHA-256 of the package as installed. */
static bool
package_named(const struct submission *s, struct bytes *ret_hash)
{
	struct cbor cbor;

	cbor_open(&cbor, s->request.body);
	*ret_hash = cbor_get_bstr_sized(&cbor, SHA256_SIZE);
	return cbor_close(&cbor);
}

/* Would there be another identity for it now, with the keys that it has? */
static enum err
refresh_waits(struct submission *s, bool *ret_waits)
{
	struct field_enrolment next = { .name_count = 0 };
	const struct template *template = s->product->template;
	bool known = false;
	size_t i;
	enum err err;

	*ret_waits = false;
	/* private keys were given away: those of another package are others */
	if (made_here(s))
		return ERR_OK;
	if (memcmp(s->asker.product, template->product, SHA256_SIZE) == 0)
		return ERR_OK;
	for (i = 0; i < template->slot_count; i++)
		if (asker_key(&s->asker, template->slots[i].slot,
		    template->slots[i].alg) == NULL)
			return ERR_OK;
	err = enrol_names(s->enrol, template, &s->asker, &next, &known,
	    s->diag);
	if (!err)
		*ret_waits = known;
	return err;
}

static enum err
answer_short(struct submission *s, bool current)
{
	struct enrol_advice advice;
	bool waits = false;
	enum err err = ERR_OK;

	if (s->product == NULL)
		s->product = enrol_product_by_name(s->enrol,
		    s->asker.kind.product);
	if (!current && s->product != NULL)
		err = refresh_waits(s, &waits);
	if (err)
		return err;
	advice = enrol_advice(s->enrol, &s->asker.kind,
	    s->asker.range.issued, waits);
	s->result->log = s->asker.address.log;
	s->result->index = s->asker.address.index;
	return enrol_answer_short(s->enrol, &s->request, current, &advice,
	    s->result, s->diag);
}

static enum err
confirm_type(struct submission *s)
{
	const struct field_device *device = &s->asker.device;
	bool waits = asker_waits(s);
	struct bytes hash;
	enum err err = ERR_OK;

	if (!package_named(s, &hash))
		return refuse(s, ENROL_MALFORMED, "confirm: its body is no "
		    "hash of a package", NULL);
	if (!waits && !asker_is(s, device->has_current, device->current))
		return refuse(s, s->asker.address.log == LOG_ONLINE_NUMBER ?
		    ENROL_SUPERSEDED : ENROL_NO_PRODUCT, "this identity waits "
		    "for no confirmation", NULL);
	if (!bytes_equal(hash, bytes_of(s->asker.enrolment.package,
	    SHA256_SIZE)) || bytes_equal(s->request.id,
	    bytes_of(s->asker.enrolment.id, DEVICE_REQUEST_ID_SIZE)))
		return refuse(s, ENROL_CONFLICT, "confirm: of another package "
		    "than was issued, or under the id that it was asked for "
		    "with", NULL);
	if (waits)
		err = confirm_pending(s);
	if (err)
		return err;
	s->result->verdict = waits ? ENROL_DONE : ENROL_REPEATED;
	return answer_short(s, false);
}

/* The same keys with what is known now; nothing changes when that is what the
 * identity says already, so that it may be asked for often. */
static enum err
refresh(struct submission *s)
{
	struct bytes hash;
	bool waits = false;
	enum err err;

	if (!package_named(s, &hash))
		return refuse(s, ENROL_MALFORMED, "refresh: its body is no "
		    "hash of a package", NULL);
	if (!bytes_equal(hash, bytes_of(s->asker.enrolment.package,
	    SHA256_SIZE)))
		return refuse(s, ENROL_CONFLICT, "refresh: of another package "
		    "than was issued", "renew");
	err = refresh_waits(s, &waits);
	if (err)
		return err;
	if (waits)
		return issue(s, EVIDENCE_RENEWAL);
	s->result->verdict = ENROL_REPEATED;
	return answer_short(s, true);
}

static enum err
renew_type(struct submission *s)
{
	const struct field_device *device = &s->asker.device;
	bool late = false;
	enum err err = ERR_OK;

	if (s->asker.address.log == LOG_ONLINE_NUMBER)
		s->product = enrol_product_by_name(s->enrol,
		    s->asker.kind.product);
	if (s->product == NULL)
		return refuse(s, ENROL_NO_PRODUCT, "this identity is not "
		    "renewed in the field", NULL);
	if (!asker_waits(s) &&
	    !asker_is(s, device->has_current, device->current))
		return refuse(s, ENROL_SUPERSEDED, "another identity took "
		    "the place of this one", NULL);
	err = expired(s, s->product->product.field.grace_days *
	    (int64_t)DAY_S, &late);
	if (!err && late)
		return refuse(s, ENROL_EXPIRED, "the certificate expired "
		    "longer ago than the product allows", NULL);
	if (!err)
		err = repeats(s);
	if (!err && !decided(s))
		err = asserted_check(s);
	if (!err && !decided(s) && !s->asserted)
		err = asker_waits(s) ? confirm_pending(s) : birth_leave(s);
	if (err || decided(s))
		return err;
	return s->request.type == DEVICE_REFRESH ? refresh(s) :
	    issue(s, EVIDENCE_RENEWAL);
}

enum err
enrol_dispatch(struct submission *s)
{
	switch (s->request.type) {
	case DEVICE_ENROL:
		return enrol_type(s);
	case DEVICE_CONFIRM:
		return confirm_type(s);
	case DEVICE_RENEW:
	case DEVICE_REFRESH:
		return renew_type(s);
	default:
		return refuse(s, ENROL_UNSUPPORTED, "a type of request that "
		    "is not known here", NULL);
	}
}

enum err
enrol_submission_begin(struct submission *s, bool bare)
{
	if (!s->enrol->turn)
		return diag_fail(s->diag, ERR_STATE, NULL,
		    "enrolment: no turn is under way");
	s->result->verdict = ENROL_REFUSED;
	s->result->known = s->result->named = s->result->replaced = false;
	s->result->retry_after_s = 0;
	s->result->bare = bare;
	s->result->why = (struct diag)DIAG_INIT;
	s->before = enrol_progress(s->enrol);
	return ERR_OK;
}

enum err
enrol_submission_end(struct submission *s, enum err err)
{
	struct enrol_progress now = enrol_progress(s->enrol);

	if (err && (now.changes != s->before.changes ||
	    now.taken != s->before.taken || now.events != s->before.events ||
	    now.superseded != s->before.superseded))
		s->enrol->torn = true;
	return err;
}

static enum err
submission_run(struct submission *s, struct bytes encoded)
{
	struct cose_sign1 message;
	enum err err;

	err = enrol_verdict_of(s, device_request_open(encoded, &message,
	    &s->request, &s->result->why), ENROL_MALFORMED);
	if (err || decided(s))
		return err;
	if (!bytes_equal(s->request.authority, bytes_of(s->enrol->id,
	    SHA256_SIZE)))
		return refuse(s, ENROL_UNKNOWN,
		    "the request is meant for another authority", NULL);
	err = sha256_once(encoded, s->hash);
	if (!err)
		err = enrol_asker(s->enrol, &message, &s->request, &s->asker,
		    s->result, s->diag);
	if (!err && !decided(s))
		err = enrol_dispatch(s);
	return err ? err : buf_err(s->result->answer);
}

enum err
enrol_submit(struct enrol *e, struct bytes encoded,
    struct enrol_result *result, struct diag *diag)
{
	struct submission s = { .enrol = e, .result = result, .diag = diag };
	enum err err;

	err = enrol_submission_begin(&s, false);
	return err ? err : enrol_submission_end(&s, submission_run(&s,
	    encoded));
}
