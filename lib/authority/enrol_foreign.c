/*
 * Devices that come with a certificate of their manufacturer (IDevID, IEEE
 * 802.1AR): verified here, whatever the front has looked at. The path must end
 * in the CA that an operator registered for the product's manufacturer
 * (chip_maker.h); intermediates come with the request.
 *
 * Such a device is born with the first identity that it is issued. It is known
 * by its manufacturer's name and serialNumber, and by its key; both are marks
 * (store.h) that lead to that identity, made with it and never moved. So a
 * certificate issued anew for the same serial number, with another key, is not
 * the device; nor is the key under another number.
 */
#include "lib/authority/enrol_internal.h"
#include "lib/authority/request_internal.h"
#include "lib/base/cbor_write.h"
#include "lib/x509/x509_read.h"

#define REST_MAX	(X509_CHAIN_MAX - 2)	/* between leaf and CA */
#define NAME_KIND	"serial-number"

struct foreign {
	struct enrol		*enrol;
	struct bytes		 leaf, rest[REST_MAX];
	size_t			 rest_count;
	struct x509_info	 info;
	struct enrol_product	*product;
	uint8_t			 key_mark[COSE_KID_SIZE];
	struct asker		*asker;
	struct enrol_result	*result;
	struct diag		*diag;
};

static enum err
unknown(struct foreign *f, const char *why)
{
	return enrol_refuse(f->result, ENROL_UNKNOWN, why, "it is a "
	    "certificate of this authority, or one under the CA of a "
	    "registered manufacturer, that counts");
}

/* RFC 5280 6.1 up to this CA; the device signs, so its key may. */
static enum err
path_check(struct foreign *f, struct bytes ca, bool *ret_good)
{
	_cleanup_x509_trust_ struct x509_trust *trust = NULL;
	enum x509_verdict verdict = X509_DENY_INCOMPLETE;
	size_t i;
	enum err err;

	err = x509_trust_new(&trust, f->diag);
	if (!err)
		err = x509_trust_add_root(trust, ca, f->diag);
	/* what is no certificate leads nowhere */
	for (i = 0; i < f->rest_count && !err; i++) {
		err = x509_trust_add_intermediate(trust, f->rest[i], NULL);
		if (request_is_refusal(err))
			err = ERR_OK;
	}
	if (!err)
		err = x509_verify(trust, f->leaf, f->enrol->now,
		    EKU_CLIENT_AUTH, &verdict, NULL, 0, NULL);
	if (request_is_refusal(err))
		return ERR_OK;
	*ret_good = !err && verdict == X509_ACCEPT;
	return err;
}

static enum err
product_find(struct foreign *f)
{
	const struct chip_makers *makers = &f->enrol->manufacturers;
	struct enrol_product *product;
	bool is_good = false;
	size_t i, n;
	enum err err = ERR_OK;

	for (i = 0; i < f->enrol->product_count && !err; i++) {
		product = f->enrol->products[i];
		if (product->product.field.devices == 0)
			continue;
		for (n = 0; n < makers->signer_count && !err; n++) {
			if (strcmp(makers->signers[n].name,
			    product->product.field.bootstrap) != 0)
				continue;
			err = path_check(f, makers->signers[n].cert,
			    &is_good);
			if (is_good) {
				f->product = product;
				return err;
			}
		}
	}
	return err;
}

/* The device that a mark leads to. A key of a list is nobody's here. */
static enum err
mark_find(struct foreign *f, const uint8_t mark[COSE_KID_SIZE],
    bool *ret_found, struct address *ret_birth)
{
	struct field_enrolment enrolment;
	uint64_t entry = 0;
	uint32_t order = 0;
	enum err err;

	*ret_birth = (struct address){ 0 };
	err = store_device_mark_get(f->enrol->authority->store, mark, &order,
	    &entry, NULL);
	*ret_found = !err;
	if (err || order != 0)
		return err == ERR_NOTFOUND ? ERR_OK : err;
	err = field_enrolment_get(f->enrol->authority, entry, &enrolment,
	    f->diag);
	if (!err)
		*ret_birth = enrolment.birth;
	return err;
}

/* On record, as often as for any device. */
static enum err
refuse_other(struct foreign *f, bool proven, const struct address *birth)
{
	struct enrol *e = f->enrol;
	struct field_device device;
	enum err err = ERR_OK;

	if (birth->log == LOG_ONLINE_NUMBER)
		err = field_device_get(e->authority, birth, &device, f->diag);
	if (!err && birth->log == LOG_ONLINE_NUMBER &&
	    device.events < (proven ? FIELD_EVENTS_MAX :
	    FIELD_EVENTS_FRONT)) {
		device.events++;
		err = field_device_put(e->authority, birth, &device,
		    &e->changes, f->diag);
		enrol_event(e, FIELD_REFUSED, birth, false, 0);
	}
	return err ? err : enrol_refuse(f->result, ENROL_CONSUMED, "this "
	    "serial number is known with another key, or this key with "
	    "another serial number", "the first one counts; ask the "
	    "manufacturer which is its device");
}

static enum err
name_free(struct foreign *f)
{
	struct address other;
	enum err err;

	err = lookup_name(f->enrol->authority, f->asker->name[0], &other,
	    NULL);
	if (err == ERR_NOTFOUND)
		return ERR_OK;
	if (err && !request_is_refusal(err))
		return err;
	return enrol_refuse(f->result, ENROL_CONSUMED, "its serial number is "
	    "the name of another device here", NULL);
}

/* Known by both marks, or by none. */
static enum err
device_find(struct foreign *f, bool proven)
{
	struct asker *asker = f->asker;
	struct address by_key;
	bool has_key = false, has_serial = false;
	enum err err;

	err = mark_find(f, asker->mark, &has_serial, &asker->birth);
	if (!err)
		err = mark_find(f, f->key_mark, &has_key, &by_key);
	if (err)
		return err;
	asker->fresh = !has_key && !has_serial;
	if (asker->fresh)
		return name_free(f);
	if (has_key && has_serial && by_key.log == LOG_ONLINE_NUMBER &&
	    by_key.log == asker->birth.log &&
	    by_key.index == asker->birth.index)
		return ERR_OK;
	return refuse_other(f, proven, has_serial ? &asker->birth : &by_key);
}

/* What it is called, and the marks that it is known by. */
static enum err
device_name(struct foreign *f)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct asker *asker = f->asker;
	enum err err;

	err = name_read(NAME_KIND, NAME_TEXT,
	    bytes_text(f->info.serial_number), asker->name[0], NULL);
	if (err)
		return enrol_refuse(f->result, ENROL_UNSUPPORTED, "the "
		    "certificate's subject has no serialNumber, or one that "
		    "no device can be called by", "IEEE 802.1AR 8.6");
	memcpy(asker->name_kind[0], NAME_KIND, sizeof(NAME_KIND));
	asker->name_count = 1;
	cbor_put_array(&text, 3);
	cbor_put_text(&text, "imprint manufacturer device");
	cbor_put_text(&text, f->product->product.field.bootstrap);
	cbor_put_text(&text, asker->name[0]);
	err = buf_err(&text);
	if (!err)
		err = sha256_once(buf_bytes(&text), asker->mark);
	return err ? err : cose_key_thumbprint(&f->info.public_key,
	    f->key_mark);
}

static enum err
foreign_read(struct foreign *f, const struct cose_sign1 *message)
{
	enum err err;

	err = x509_read(f->leaf, &f->info, NULL);
	if (!err && message != NULL)
		err = cose_x5chain_rest(message, REST_MAX, f->rest,
		    &f->rest_count, NULL);
	if (request_is_refusal(err) || (!err && f->info.ca))
		return unknown(f, "the certificate was not issued here");
	if (!err && (key_algorithm(f->info.public_key.alg)->can &
	    KEY_SIGNS) == 0)
		return unknown(f, "the key of the certificate cannot sign");
	return err;
}

static void
asker_begin(struct foreign *f)
{
	const struct product *p = &f->product->product;
	struct asker *asker = f->asker;
	size_t i;

	asker->foreign = f->product;
	asker->kind = (struct enrol_kind){ .years = PRODUCT_NEVER };
	memcpy(asker->kind.product, p->name, sizeof(p->name));
	asker->key_count = 1;
	public_key_copy(&asker->keys[0], &f->info.public_key);
	for (i = 0; i < p->credential_count; i++)
		if (p->credentials[i].purpose == PURPOSE_AUTHENTICATE)
			asker->slots[0] = p->credentials[i].slot;
}

enum err
enrol_foreign(struct enrol *e, const struct cose_sign1 *message,
    struct bytes leaf, struct asker *asker, struct enrol_result *result,
    struct diag *diag)
{
	struct foreign f = { .enrol = e, .leaf = leaf, .asker = asker,
	    .result = result, .diag = diag };
	enum err err;

	*asker = (struct asker){ .key_count = 0 };
	result->verdict = ENROL_REFUSED;
	err = foreign_read(&f, message);
	if (!err && !enrol_decided(result))
		err = product_find(&f);
	if (err || enrol_decided(result))
		return err;
	if (f.product == NULL)
		return unknown(&f, "the certificate was not issued here, nor "
		    "by a manufacturer that is registered and has a product");
	asker_begin(&f);
	if (message != NULL)
		err = enrol_signature(e, message, &asker->keys[0], result,
		    diag);
	if (!err && !enrol_decided(result))
		err = device_name(&f);
	if (!err && !enrol_decided(result))
		err = device_find(&f, message != NULL);
	if (!err && !enrol_decided(result))
		result->why = (struct diag)DIAG_INIT;
	return err;
}

static enum err
mark_keep(struct enrol *e, const uint8_t mark[COSE_KID_SIZE],
    uint64_t index, struct diag *diag)
{
	const struct store_row row = { .table = STORE_DEVICE_MARK_ROWS,
	    .numbers = { 0, index },
	    .blob = bytes_of(mark, STORE_MARK_SIZE) };
	enum err err;

	err = store_device_mark_put(e->authority->store, mark, 0, index,
	    diag);
	return err ? err : rows_add(e->authority, &e->changes, &row, true);
}

enum err
enrol_foreign_keep(struct enrol *e, const struct asker *asker,
    struct diag *diag)
{
	uint8_t hash[COSE_KID_SIZE];
	enum err err;

	err = cose_key_thumbprint(&asker->keys[0], hash);
	if (!err)
		err = mark_keep(e, hash, asker->birth.index, diag);
	return err ? err : mark_keep(e, asker->mark, asker->birth.index,
	    diag);
}

bool
enrol_foreign_room(const struct asker *asker)
{
	const struct enrol_product *product = asker->foreign;

	return product == NULL || !asker->fresh || product->foreign +
	    product->foreign_turn < product->product.field.devices;
}
