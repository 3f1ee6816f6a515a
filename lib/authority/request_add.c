/* Requests that register: products, stations, services. */
#include <stdio.h>

#include "lib/authority/approval.h"
#include "lib/authority/authority_internal.h"
#include "lib/authority/chip_maker.h"
#include "lib/authority/fit.h"
#include "lib/authority/operator.h"
#include "lib/authority/outside.h"
#include "lib/authority/order_record.h"
#include "lib/authority/request_internal.h"
#include "lib/authority/server_certificate.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"
#include "lib/identity/station.h"

#define SERVICE_YEARS	2
#define DNS_NAME_MAX	253
#define SERVICE_NAME_MAX (STORE_NAME_MAX + 1 - sizeof(SERVICE_PREFIX))
#define DNS_LABEL_MAX	63
#define DNS_ALPHABET	"abcdefghijklmnopqrstuvwxyz0123456789-"

static enum err
product_conflict(const struct product *product, enum err err,
    struct diag *diag)
{
	if (err == ERR_CONFLICT) {
		err = diag_fail(diag, err, NULL,
		    "product %s: version %s exists with other content",
		    product->name, product->version);
		diag_hint(diag, "a version never changes: give the file a "
		    "new version");
	}
	return err == ERR_EXISTS ? ERR_OK : err;
}

struct field_walk {
	const struct product	*product;
	struct diag		*diag;
};

/* A bootstrap identity leads to one product. */
static enum err
field_against(void *ctx, const struct store_object *object)
{
	struct field_walk *walk = ctx;
	const struct product *product = walk->product;
	struct product other;
	enum err err;

	err = product_decode(object->body, &other, walk->diag);
	if (err || strcmp(other.name, product->name) == 0 ||
	    (other.field.devices > 0) != (product->field.devices > 0) ||
	    strcmp(other.field.bootstrap, product->field.bootstrap) != 0)
		return err;
	return diag_fail(walk->diag, ERR_CONFLICT, NULL, "field: devices of "
	    "%s get %s already", product->field.bootstrap, other.name);
}

/* Every name from birth must be one of the bootstrap product's documents. */
static enum err
field_names(const struct product *product, const struct product *bootstrap,
    struct diag *diag)
{
	const struct product_name *name = product->names, *born;
	size_t i, n;

	for (i = 0; i < product->name_count; i++, name++) {
		born = bootstrap->names;
		for (n = 0; n < bootstrap->name_count; n++, born++)
			if (strcmp(born->kind, name->kind) == 0 &&
			    born->type == name->type)
				break;
		if (n == bootstrap->name_count)
			return diag_fail(diag, ERR_INVALID, NULL, "names: "
			    "%s: %s gives no such name of type %s at birth",
			    name->kind, bootstrap->name,
			    name_type_name(name->type));
	}
	return ERR_OK;
}

/* The one name that a manufacturer's certificate has is its serialNumber. */
static enum err
foreign_check(struct authority *authority, const struct product *product,
    struct diag *diag)
{
	_cleanup_chip_makers_ struct chip_makers makers = CHIP_MAKERS_INIT;
	struct field_walk walk = { .product = product, .diag = diag };
	size_t i;
	enum err err;

	for (i = 0; i < product->name_count; i++)
		if (strcmp(product->names[i].kind, "serial-number") != 0 ||
		    product->names[i].type != NAME_TEXT)
			return diag_fail(diag, ERR_INVALID, NULL, "names: %s: "
			    "a manufacturer's device brings its "
			    "serial-number alone", product->names[i].kind);
	err = manufacturers_load(authority, &makers, diag);
	if (err)
		return err;
	for (i = 0; i < makers.signer_count; i++)
		if (strcmp(makers.signers[i].name,
		    product->field.bootstrap) == 0)
			return object_each(authority->store,
			    authority->row_mac, STORE_PRODUCT, field_against,
			    &walk, diag);
	err = diag_fail(diag, ERR_NOTFOUND, NULL, "field: no manufacturer %s",
	    product->field.bootstrap);
	diag_hint(diag, "imprint manufacturer add registers it");
	return err;
}

static enum err
product_field_check(struct authority *authority,
    const struct product *product, struct diag *diag)
{
	struct field_walk walk = { .product = product, .diag = diag };
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct store_object object;
	struct product bootstrap;
	enum err err;

	if (product->field.bootstrap[0] == '\0')
		return ERR_OK;
	if (product->field.devices > 0)
		return foreign_check(authority, product, diag);
	err = object_get(authority->store, authority->row_mac, STORE_PRODUCT,
	    product->field.bootstrap, NULL, &body, &object, NULL);
	if (err == ERR_NOTFOUND) {
		err = diag_fail(diag, err, NULL, "field: no product %s",
		    product->field.bootstrap);
		diag_hint(diag, "add the product that devices leave the "
		    "factory with first");
	}
	if (!err)
		err = product_decode(object.body, &bootstrap, diag);
	if (!err && bootstrap.field.bootstrap[0] != '\0')
		err = diag_fail(diag, ERR_INVALID, NULL, "field: %s is itself "
		    "had in the field", bootstrap.name);
	if (!err)
		err = field_names(product, &bootstrap, diag);
	return err ? err : object_each(authority->store, authority->row_mac,
	    STORE_PRODUCT, field_against, &walk, diag);
}

/* What can be known before there is an order; makers are all the same. */
static enum err
product_fit(struct authority *authority, const struct product *product,
    uint32_t template, uint64_t last, int64_t now, struct diag *diag)
{
	const struct fit_case fit = { .product = product,
		.template = template, .last = last,
		.added = true, .chunk_size = order_chunk_size(product),
		.mode = product->credentials[0].maker == MAKER_AUTHORITY ?
		    ORDER_STATION : ORDER_DEVICE_KEY };

	return fit_check(authority, &fit, now, diag);
}

enum err
request_product_add(struct authority *authority,
    const struct request *request, int64_t now, struct buf *result,
    struct diag *diag)
{
	struct store_object object = { .kind = STORE_PRODUCT,
	    .body = request->body, .created = now };
	struct store_log log;
	struct product product;
	uint32_t id;
	enum err err;

	err = product_decode(request->body, &product, diag);
	if (!err)
		err = product_field_check(authority, &product, diag);
	if (!err)
		err = product_hash(&product, object.hash);
	if (err)
		return err;
	memcpy(object.name, product.name, sizeof(product.name));
	memcpy(object.version, product.version, sizeof(product.version));
	err = product_conflict(&product,
	    object_put(authority->store, authority->row_mac, &object,
	    NULL), diag);
	if (!err)
		err = store_log_by_name(authority->store,
		    product.field.bootstrap[0] == '\0' ? LOG_BULK :
		    LOG_ONLINE, &log, diag);
	if (!err)
		err = authority_template_for(authority, &product, &log, now,
		    &id, diag);
	if (!err)
		err = product_fit(authority, &product, id, log.reserved, now,
		    diag);
	if (err)
		return diag_fail(diag, err, NULL,
		    "product %s %s: cannot be added", product.name,
		    product.version);
	buf_put(result, object.hash, SHA256_SIZE);
	return ERR_OK;
}

enum err
request_station_add(struct authority *authority,
    const struct request *request, int64_t now, struct buf *result,
    struct diag *diag)
{
	struct store_object object = { .kind = STORE_STATION,
	    .body = request->body, .created = now };
	struct station_statement statement;
	enum err err;

	err = station_statement_parse(request->body, &statement, diag);
	if (!err)
		err = station_kid_check(authority, &statement, diag);
	if (!err)
		err = sha256_once(request->body, object.hash);
	if (err)
		return err;
	(void)snprintf(object.name, sizeof(object.name), "%s",
	    statement.name);
	err = object_put(authority->store, authority->row_mac, &object,
	    NULL);
	if (err == ERR_CONFLICT) {
		err = diag_fail(diag, err, NULL,
		    "station %s: registered with another key",
		    statement.name);
		diag_hint(diag, "a station keeps its key; give a new one a "
		    "new name");
	}
	if (err && err != ERR_EXISTS)
		return diag_fail(diag, err, NULL,
		    "station %s: cannot be registered", statement.name);
	buf_put(result, statement.kid, COSE_KID_SIZE);
	return ERR_OK;
}

enum err
request_put_operator(struct buf *out, const char *name,
    const struct public_key *key, struct bytes approval)
{
	cbor_put_array(out, approval.len > 0 ? 3 : 2);
	cbor_put_text(out, name);
	cose_key_put(out, key);
	if (approval.len > 0)
		cbor_put_bstr(out, approval);
	return buf_err(out);
}

static enum err
operator_name(struct bytes text, char ret_name[STORE_NAME_MAX + 1],
    struct diag *diag)
{
	if (text.len > STORE_NAME_MAX)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "operator: a name of %zu octets; allowed are 1 to %d",
		    text.len, STORE_NAME_MAX);
	memcpy(ret_name, text.ptr, text.len);
	ret_name[text.len] = '\0';
	if (station_name_check(ret_name, NULL) != ERR_OK ||
	    strlen(ret_name) != text.len)
		return diag_fail(diag, ERR_INVALID, NULL, "operator: its "
		    "name has a-z, 0-9 and -, not first -");
	return ERR_OK;
}

enum err
request_get_operator(struct bytes body, char ret_name[STORE_NAME_MAX + 1],
    struct public_key *ret_key, struct bytes *ret_approval,
    struct diag *diag)
{
	struct bytes text, encoded, none = BYTES_NONE, approval = BYTES_NONE;
	struct cbor cbor;
	size_t fields;
	enum err err;

	cbor_open(&cbor, body);
	fields = cbor_get_array(&cbor);
	text = cbor_get_tstr(&cbor);
	encoded = cbor_get_item(&cbor);
	if (fields == 3)
		approval = cbor_get_bstr(&cbor);
	if (!cbor_close(&cbor) || fields < 2 || fields > 3)
		return diag_fail(diag, ERR_SYNTAX, NULL, "operator request: "
		    "%s", cbor.error != NULL ? cbor.error :
		    "not of two or three fields");
	err = operator_name(text, ret_name, diag);
	if (!err)
		err = cose_key_parse(encoded, ret_key, &none, diag);
	if (err)
		return err;
	if (ret_key->alg != KEY_P256 || none.len != 0)
		return diag_fail(diag, ERR_INVALID, NULL, "operator %s: the "
		    "key must be a P-256 public key", ret_name);
	*ret_approval = approval;
	return ERR_OK;
}

enum err
request_operator_add(struct authority *authority,
    const struct request *request, int64_t now, struct buf *result,
    struct diag *diag)
{
	_cleanup_buf_ struct buf subject = BUF_INIT;
	struct bytes approval = BYTES_NONE;
	char name[STORE_NAME_MAX + 1];
	struct public_key key;
	enum err err;

	err = request_get_operator(request->body, name, &key, &approval,
	    diag);
	if (!err)
		err = request_put_operator(&subject, name, &key, BYTES_NONE);
	if (!err)
		err = approval_second(authority, approval, APPROVAL_OPERATOR,
		    buf_bytes(&subject), request->signed_by, now, diag);
	if (err)
		return err;
	err = operator_put(authority->store, authority->row_mac, name, &key,
	    now, NULL);
	if (err == ERR_CONFLICT)
		return diag_fail(diag, err, NULL,
		    "operator %s: is there with another key", name);
	if (err && err != ERR_EXISTS)
		return diag_fail(diag, err, NULL,
		    "operator %s: cannot be registered", name);
	cbor_put_text(result, name);
	return ERR_OK;
}

enum err
request_put_service(struct buf *out, const char *name, const char *dns_name,
    const struct public_key *key)
{
	cbor_put_array(out, 3);
	cbor_put_text(out, name);
	cbor_put_text(out, dns_name);
	cose_key_put(out, key);
	return buf_err(out);
}

struct service {
	char			name[SERVICE_NAME_MAX + 1];
	char			dns_name[DNS_NAME_MAX + 1];
	struct public_key	key;
};

static enum err
text_take(struct bytes text, char *out, size_t size, const char *what,
    const char *alphabet, struct diag *diag)
{
	if (text.len == 0 || text.len >= size)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "service: %s of %zu characters; allowed are 1 to %zu",
		    what, text.len, size - 1);
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	if (strspn(out, alphabet) != text.len)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "service: %s \"%s\": allowed are letters a-z, digits, "
		    "- and .", what, out);
	return ERR_OK;
}

/* RFC 1123 2.1: labels of 1 to 63, no - at their ends, the last one not all
 * digits, or it would be an address. */
enum err
authority_dns_name_check(const char *name, struct diag *diag)
{
	const char *label = name;
	size_t len;

	for (;;) {
		len = strcspn(label, ".");
		if (len == 0 || len > DNS_LABEL_MAX || label[0] == '-' ||
		    label[len - 1] == '-' || strspn(label, DNS_ALPHABET) < len)
			break;
		if (label[len] != '\0') {
			label += len + 1;
			continue;
		}
		if (strspn(label, "0123456789") < len)
			return ERR_OK;
		break;
	}
	return diag_fail(diag, ERR_INVALID, "RFC 1123 2.1",
	    "DNS name \"%s\": not a host name", name);
}

static enum err
service_parse(struct bytes body, struct service *service, struct diag *diag)
{
	struct bytes name, dns_name, key, none;
	struct cbor cbor;
	enum err err;

	cbor_open(&cbor, body);
	cbor_get_array_sized(&cbor, 3);
	name = cbor_get_tstr(&cbor);
	dns_name = cbor_get_tstr(&cbor);
	key = cbor_get_item(&cbor);
	if (!cbor_close(&cbor))
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "service request: %s", cbor.error);
	err = text_take(name, service->name, sizeof(service->name), "name",
	    "abcdefghijklmnopqrstuvwxyz0123456789-.", diag);
	if (!err)
		err = text_take(dns_name, service->dns_name,
		    sizeof(service->dns_name), "DNS name",
		    "abcdefghijklmnopqrstuvwxyz0123456789-.", diag);
	if (!err)
		err = authority_dns_name_check(service->dns_name, diag);
	if (!err)
		err = cose_key_parse(key, &service->key, &none, diag);
	if (!err && (service->key.alg != KEY_P256 || none.len != 0))
		err = diag_fail(diag, ERR_INVALID, NULL,
		    "service %s: the key must be a P-256 public key",
		    service->name);
	return err;
}

static enum err
service_issue(struct authority *authority, const struct service *service,
    int64_t now, struct buf *out, struct diag *diag)
{
	_cleanup_buf_ struct buf infra = BUF_INIT;
	struct outside outside = {
		.name = service->name, .issuer_label = KEY_INFRA,
		.subject = &service->key, .not_before = now,
		.profile = {
			.common_name = service->name,
			.subject_alg = KEY_P256, .path_len = -1,
			.key_usage = KU_DIGITAL_SIGNATURE,
			.extended_key_usage = EKU_SERVER_AUTH,
			.with_ski = true, .dns_name = service->dns_name,
		},
	};
	enum err err;

	err = authority_certificate(authority, KEY_INFRA, &infra, diag);
	if (!err)
		err = time_add_years(now, SERVICE_YEARS, &outside.not_after);
	if (err)
		return err;
	outside.issuer_der = buf_bytes(&infra);
	return outside_issue(authority->keystore, &outside, out, diag);
}

enum err
request_service_add(struct authority *authority,
    const struct request *request, int64_t now, struct buf *result,
    struct diag *diag)
{
	struct service service;
	char name[STORE_NAME_MAX + 1];
	enum err err;

	err = authority_need_keys(authority, diag);
	if (!err)
		err = service_parse(request->body, &service, diag);
	if (!err)
		err = service_issue(authority, &service, now, result, diag);
	if (err)
		return err;
	(void)snprintf(name, sizeof(name), SERVICE_PREFIX "%s",
	    service.name);
	return outside_store(authority->store, authority->row_mac, name,
	    buf_bytes(result), now, diag);
}
