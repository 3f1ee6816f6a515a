/* Who asks: a certificate that was issued here, and the key in it. */
#include "lib/authority/claim.h"
#include "lib/authority/enrol_internal.h"
#include "lib/authority/request_internal.h"
#include "lib/authority/status.h"
#include "lib/x509/der_read.h"

#define DER_SEQUENCE	0x30
#define DER_INTEGER	0x02
#define DER_VERSION	0xa0

enum err
enrol_refuse(struct enrol_result *result, enum enrol_verdict verdict,
    const char *why, const char *hint)
{
	result->verdict = verdict;
	result->why = (struct diag)DIAG_INIT;
	(void)diag_fail(&result->why, ERR_AUTH, NULL, "%s", why);
	if (hint != NULL)
		diag_hint(&result->why, "%s", hint);
	return ERR_OK;
}

/* RFC 5280 4.1: the serial number alone; what else the certificate says is
 * compared with what was issued. */
static bool
leaf_serial(struct bytes leaf, uint8_t ret_serial[SERIAL_SIZE])
{
	struct der der, certificate, tbs;
	struct bytes serial;

	der_open(&der, leaf);
	der_enter(&der, DER_SEQUENCE, &certificate);
	der_enter(&certificate, DER_SEQUENCE, &tbs);
	if (der_next_is(&tbs, DER_VERSION))
		(void)der_get(&tbs, DER_VERSION);
	serial = der_get_unsigned(&tbs, SERIAL_SIZE);
	if (!der_ok(&tbs) || serial.len != SERIAL_SIZE)
		return false;
	memcpy(ret_serial, serial.ptr, SERIAL_SIZE);
	return true;
}

static void
names_copy(const struct template *template, const struct identity *identity,
    struct asker *asker)
{
	size_t i, n = 0;

	for (i = 0; i < template->name_count; i++) {
		if (identity->name[i] == NULL)
			continue;
		memcpy(asker->name_kind[n], template->names[i].kind,
		    sizeof(asker->name_kind[n]));
		memcpy(asker->name[n], identity->name[i], NAME_TEXT_SIZE);
		n++;
	}
	asker->name_count = n;
}

/*
 * A device that nobody owns asks often, and for long: it is told before
 * anything is rebuilt or verified. Who only has its serial number is told no
 * more than that.
 */
static enum err
owner_check(struct enrol *e, const struct address *address,
    struct enrol_result *result, struct diag *diag)
{
	struct field_device device = { .has_current = false };
	const struct enrol_product *product;
	struct store_range range;
	struct enrol_kind kind;
	struct address birth;
	enum err err;

	if (!e->claims)
		return ERR_OK;
	err = store_range_get(e->authority->store, address->log,
	    address->index, &range, diag);
	if (!err)
		err = enrol_kind(e, range.template, &kind, diag);
	if (!err)
		err = field_birth(e->authority, address, &birth, diag);
	if (err)
		return err;
	product = address->log == LOG_ONLINE_NUMBER ?
	    enrol_product_by_name(e, kind.product) :
	    enrol_product_by_bootstrap(e, kind.product);
	if (product == NULL || !product->product.field.claim)
		return ERR_OK;
	err = field_device_get(e->authority, &birth, &device, diag);
	if (err && err != ERR_NOTFOUND)
		return err;
	/* one that enrolled before its product wanted owners goes on */
	if (device.claim.state == FIELD_CLAIMED ||
	    (device.claim.state == FIELD_UNCLAIMED && device.has_current))
		return ERR_OK;
	result->retry_after_s = CLAIM_RETRY_S;
	return enrol_refuse(result, ENROL_UNCLAIMED, "nobody has claimed "
	    "this device yet", "its owner claims it with the code on its "
	    "label; until then ask again, not often");
}

/* Rebuild the identity; its certificate must be the leaf to the octet. */
static enum err
asker_rebuild(struct enrol *e, struct bytes leaf, struct asker *asker,
    struct enrol_result *result, struct diag *diag)
{
	static const char unknown[] = "the certificate was not issued here";
	const struct template *template;
	struct identity identity;
	uint8_t serial[SERIAL_SIZE];
	enum err err = ERR_NOTFOUND;
	size_t i;

	if (leaf_serial(leaf, serial))
		err = lookup_serial(e->authority, serial, &asker->address,
		    NULL);
	if (!err)
		err = owner_check(e, &asker->address, result, diag);
	if (!err && enrol_decided(result))
		return ERR_OK;
	if (!err)
		err = lookup_get(e->lookup, &asker->address, &identity,
		    &asker->range, &template, diag);
	if (err == ERR_NOTFOUND)
		return enrol_refuse(result, ENROL_UNKNOWN, unknown, NULL);
	if (!err)
		err = enrol_kind(e, asker->range.template, &asker->kind,
		    diag);
	if (err)
		return err;
	if (!bytes_equal(leaf, identity.certificate[asker->kind.auth]))
		return enrol_refuse(result, ENROL_UNKNOWN, unknown,
		    "it is the certificate to authenticate with that counts");
	memcpy(asker->ueid, identity.ueid, UEID_SIZE);
	memcpy(asker->product, template->product, SHA256_SIZE);
	names_copy(template, &identity, asker);
	asker->key_count = template->slot_count;
	for (i = 0; i < template->slot_count; i++) {
		asker->slots[i] = template->slots[i].slot;
		public_key_copy(&asker->keys[i], identity.key[i]);
	}
	return ERR_OK;
}

enum err
enrol_decrypts(struct enrol *e, const struct address *address,
    struct public_key *ret_key, struct buf *certificate, bool *ret_there,
    struct diag *diag)
{
	const struct template *template;
	struct store_range range;
	struct identity identity;
	struct enrol_kind kind;
	enum err err;

	err = lookup_get(e->again, address, &identity, &range, &template,
	    diag);
	if (!err)
		err = enrol_kind(e, range.template, &kind, diag);
	if (err)
		return err;
	*ret_there = kind.decrypts;
	if (!kind.decrypts)
		return ERR_OK;
	public_key_copy(ret_key, identity.key[kind.decrypt]);
	buf_put_bytes(certificate, identity.certificate[kind.decrypt]);
	return buf_err(certificate);
}

enum err
enrol_signature(struct enrol *e, const struct cose_sign1 *message,
    const struct public_key *key, struct enrol_result *result,
    struct diag *diag)
{
	_cleanup_verifier_ struct verifier *verifier = NULL;
	bool good = false;
	enum err err;

	err = verifier_new(key, &verifier, diag);
	if (!err)
		err = cose_sign1_verify(message, verifier, key->alg,
		    BYTES_NONE, e->sha256, &good);
	if (err || good)
		return err;
	return enrol_refuse(result, ENROL_SIGNATURE,
	    "the request is not signed by the key of its certificate", NULL);
}

/* before: it may have left its place to the identity that asks, or to one
 * before that. */
static enum err
standing_check(struct enrol *e, const struct address *address, bool before,
    struct enrol_result *result, struct diag *diag)
{
	struct store_status row;
	enum status status;
	bool left = false;
	enum err err;

	err = status_get(e->authority, address->log, address->index, &status,
	    &row, diag);
	if (err || status == STATUS_VALID)
		return err;
	if (before && status == STATUS_REVOKED)
		err = field_left_place(e->authority, &row, &left, diag);
	if (err || left)
		return err;
	if (status == STATUS_SUSPENDED)
		return enrol_refuse(result, ENROL_SUSPENDED,
		    "the identity is suspended", "an operator can resume it");
	return enrol_refuse(result, row.reason == CRL_SUPERSEDED ?
	    ENROL_SUPERSEDED : ENROL_REVOKED,
	    row.reason == CRL_SUPERSEDED ? "another identity took its place" :
	    "the identity is revoked", NULL);
}

/* Its certificate has no state here: what it led to has. */
static enum err
foreign_standing(struct enrol *e, struct asker *asker,
    struct enrol_result *result, struct diag *diag)
{
	const struct field_device *device = &asker->device;
	struct address had[3] = { asker->birth };
	size_t i, count = 1;
	enum err err;

	if (asker->fresh)
		return ERR_OK;
	err = field_device_get(e->authority, &asker->birth, &asker->device,
	    diag);
	if (device->has_current)
		had[count++] = (struct address){ LOG_ONLINE_NUMBER,
			device->current };
	if (device->has_pending)
		had[count++] = (struct address){ LOG_ONLINE_NUMBER,
			device->pending };
	for (i = 0; i < count && !err && !enrol_decided(result); i++)
		err = standing_check(e, &had[i], true, result, diag);
	return err;
}

/* Birth, what the device has now, and whether anything of it is revoked: what
 * the key of a revoked identity asked for is no better than that. */
static enum err
asker_standing(struct enrol *e, struct asker *asker,
    struct enrol_result *result, struct diag *diag)
{
	enum status status = STATUS_REVOKED;
	enum err err = ERR_OK;

	if (asker->foreign != NULL)
		return foreign_standing(e, asker, result, diag);
	asker->birth = asker->address;
	if (asker->address.log == LOG_ONLINE_NUMBER) {
		err = field_enrolment_get(e->authority, asker->address.index,
		    &asker->enrolment, diag);
		asker->birth = asker->enrolment.birth;
	}
	if (!err)
		err = field_device_get(e->authority, &asker->birth,
		    &asker->device, diag);
	if (err == ERR_NOTFOUND && asker->address.log != LOG_ONLINE_NUMBER)
		err = ERR_OK;
	if (err)
		return err == ERR_NOTFOUND ? diag_fail(diag, ERR_CORRUPT,
		    NULL, "registry: the device of " LOG_ONLINE "/%ju is gone",
		    (uintmax_t)asker->address.index) : err;
	/* what came after has its place, if that stands */
	err = field_birth_status(e->authority, &asker->birth, &status, diag);
	if (!err)
		err = standing_check(e, &asker->birth, asker->birth.log ==
		    LOG_ONLINE_NUMBER || status != STATUS_REVOKED, result,
		    diag);
	if (!err && !enrol_decided(result))
		err = standing_check(e, &asker->address, asker->address.log !=
		    LOG_ONLINE_NUMBER && status != STATUS_REVOKED, result,
		    diag);
	if (!err && !enrol_decided(result) && status == STATUS_SUSPENDED &&
	    asker->address.log != LOG_ONLINE_NUMBER)
		err = enrol_refuse(result, ENROL_SUSPENDED, "the identity "
		    "that took its place is suspended", "an operator can "
		    "resume it");
	if (!err && !enrol_decided(result) &&
	    asker->address.log == LOG_ONLINE_NUMBER)
		err = standing_check(e, &asker->enrolment.basis, true, result,
		    diag);
	return err;
}

static bool
is_foreign(const struct enrol *e, const struct enrol_result *result)
{
	return result->verdict == ENROL_UNKNOWN &&
	    e->manufacturers.signer_count > 0;
}

enum err
enrol_asker_named(struct enrol *e, struct bytes leaf, struct asker *asker,
    struct enrol_result *result, struct diag *diag)
{
	enum err err;

	err = asker_rebuild(e, leaf, asker, result, diag);
	if (!err && is_foreign(e, result))
		err = enrol_foreign(e, NULL, leaf, asker, result, diag);
	return err || enrol_decided(result) ? err :
	    asker_standing(e, asker, result, diag);
}

enum err
enrol_asker(struct enrol *e, const struct cose_sign1 *message,
    const struct device_request *request, struct asker *asker,
    struct enrol_result *result, struct diag *diag)
{
	enum err err;

	err = asker_rebuild(e, request->leaf, asker, result, diag);
	if (!err && is_foreign(e, result))
		err = enrol_foreign(e, message, request->leaf, asker, result,
		    diag);
	else if (!err && !enrol_decided(result))
		err = enrol_signature(e, message,
		    &asker->keys[asker->kind.auth], result, diag);
	if (err || enrol_decided(result))
		return err;
	result->known = asker->foreign == NULL;
	memcpy(result->ueid, asker->ueid, UEID_SIZE);
	return asker_standing(e, asker, result, diag);
}
