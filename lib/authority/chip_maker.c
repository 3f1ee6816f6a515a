#include "lib/authority/chip_maker.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/authority/approval.h"
#include "lib/authority/authority_internal.h"
#include "lib/authority/request_internal.h"
#include "lib/base/cbor_write.h"
#include "lib/x509/x509_read.h"

#define REMOVED	"removed"	/* version of its second object */

/* What of: of whom lists are believed, or devices. */
struct maker_class {
	enum store_kind	 kind;
	const char	*what, *approval;
	enum err	(*check)(const char *name, struct bytes cert,
			    struct diag *);
};

void
chip_makers_release(struct chip_makers *makers)
{
	size_t i;

	for (i = 0; i < makers->count; i++)
		buf_release(&makers->list[i].cert);
	free(makers->list);
	*makers = (struct chip_makers)CHIP_MAKERS_INIT;
}

static struct chip_maker *
maker_find(const struct chip_makers *makers, const char *name)
{
	size_t i;

	for (i = 0; i < makers->count; i++)
		if (strcmp(makers->list[i].name, name) == 0)
			return &makers->list[i];
	return NULL;
}

static enum err
maker_collect(void *ctx, const struct store_object *object)
{
	struct chip_makers *makers = ctx;
	struct chip_maker *maker = maker_find(makers, object->name);
	size_t i;

	if (strcmp(object->version, REMOVED) == 0) {
		for (i = 0; i < makers->count; i++)
			if (strcmp(makers->list[i].name, object->name) == 0)
				makers->list[i].removed = true;
		return maker == NULL ? ERR_CORRUPT : ERR_OK;
	}
	if (makers->count == CHIP_MAKERS_MAX)
		return ERR_CORRUPT;
	maker = &makers->list[makers->count++];
	*maker = (struct chip_maker){ .cert = BUF_INIT,
	    .created = object->created };
	(void)snprintf(maker->name, sizeof(maker->name), "%s", object->name);
	buf_put_bytes(&maker->cert, object->body);
	return buf_err(&maker->cert);
}

static enum err
makers_load(struct authority *authority, const struct maker_class *class,
    struct chip_makers *ret_makers, struct diag *diag)
{
	_cleanup_chip_makers_ struct chip_makers makers = CHIP_MAKERS_INIT;
	size_t i;
	enum err err;

	makers.list = calloc(CHIP_MAKERS_MAX, sizeof(*makers.list));
	if (makers.list == NULL)
		return diag_nomem(diag);
	err = authority_object_each(authority, class->kind, maker_collect,
	    &makers, diag);
	if (err)
		return diag_fail(diag, err, NULL,
		    "registry: %ss cannot be read", class->what);
	for (i = 0; i < makers.count; i++)
		if (!makers.list[i].removed)
			makers.signers[makers.signer_count++] =
			    (struct device_list_signer){
			    makers.list[i].name,
			    buf_bytes(&makers.list[i].cert) };
	*ret_makers = makers;
	makers = (struct chip_makers)CHIP_MAKERS_INIT;	/* transferred */
	return ERR_OK;
}

enum err
chip_maker_put_request(struct buf *out, const char *name, struct bytes cert,
    struct bytes approval)
{
	cbor_put_array(out, approval.len > 0 ? 3 : 2);
	cbor_put_text(out, name);
	cbor_put_bstr(out, cert);
	if (approval.len > 0)
		cbor_put_bstr(out, approval);
	return buf_err(out);
}

static enum err
maker_word(const struct maker_class *class, struct bytes text,
    char ret_name[STORE_NAME_MAX + 1], struct diag *diag)
{
	if (text.len >= 1 && text.len <= DEVICE_SOURCE_MAX &&
	    text.ptr[0] != '-' &&
	    memchr(text.ptr, '\0', text.len) == NULL) {
		memcpy(ret_name, text.ptr, text.len);
		ret_name[text.len] = '\0';
		if (strspn(ret_name, "abcdefghijklmnopqrstuvwxyz0123456789-")
		    == text.len)
			return ERR_OK;
	}
	return diag_fail(diag, ERR_INVALID, NULL, "%s: its name has 1 to %d "
	    "of a-z, 0-9 and -, not first -", class->what,
	    DEVICE_SOURCE_MAX);
}

/*
 * A key that signs, in a certificate that every parser takes, and of somebody
 * who signs: not of a CA, whose key signs certificates (RFC 5280 4.2.1.3,
 * 4.2.1.9).
 */
static enum err
signer_check(const char *name, struct bytes cert, struct diag *diag)
{
	struct x509_info info;
	enum err err;

	err = x509_read(cert, &info, diag);
	if (!err && key_algorithm(info.public_key.alg)->signature_len == 0)
		err = diag_fail(diag, ERR_INVALID, NULL,
		    "its key cannot sign");
	else if (!err && (info.ca || (info.key_usage != 0 &&
	    (info.key_usage & KU_DIGITAL_SIGNATURE) == 0)))
		err = diag_fail(diag, ERR_INVALID, "RFC 5280 4.2.1.3", "%s",
		    info.ca ? "is a CA's" : "its key usage is not "
		    "digitalSignature");
	if (!err)
		return ERR_OK;
	diag_prefix(diag, "chip maker %s: certificate", name);
	diag_hint(diag, "register the certificate of the key that signs the "
	    "lists: ask the maker for it");
	return err;
}

/* Where paths may end: what the verifier itself takes for a root. */
static enum err
ca_check(const char *name, struct bytes cert, struct diag *diag)
{
	_cleanup_x509_trust_ struct x509_trust *trust = NULL;
	struct x509_info info;
	enum err err;

	if (cert.len > MANUFACTURER_CERT_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL, "manufacturer %s: "
		    "certificate: of %zu octets, a CA's may have %zu", name,
		    cert.len, MANUFACTURER_CERT_MAX);
	err = x509_read(cert, &info, diag);
	if (!err && (!info.ca || (info.key_usage & KU_KEY_CERT_SIGN) == 0))
		err = diag_fail(diag, ERR_INVALID, "RFC 5280 4.2.1.3", "is "
		    "not a CA's: basicConstraints and keyCertSign");
	if (!err)
		err = x509_trust_new(&trust, diag);
	if (!err)
		err = x509_trust_add_root(trust, cert, diag);
	if (!err)
		return ERR_OK;
	diag_prefix(diag, "manufacturer %s: certificate", name);
	diag_hint(diag, "register the self-signed CA that its devices' "
	    "certificates lead to: ask the manufacturer for it");
	return err;
}

static const struct maker_class chip_maker_class = { STORE_CHIP_MAKER,
	"chip maker", APPROVAL_CHIP_MAKER, signer_check };
static const struct maker_class manufacturer_class = { STORE_MANUFACTURER,
	"manufacturer", APPROVAL_MANUFACTURER, ca_check };

enum err
chip_makers_load(struct authority *authority, struct chip_makers *ret_makers,
    struct diag *diag)
{
	return makers_load(authority, &chip_maker_class, ret_makers, diag);
}

enum err
manufacturers_load(struct authority *authority,
    struct chip_makers *ret_makers, struct diag *diag)
{
	return makers_load(authority, &manufacturer_class, ret_makers, diag);
}

static enum err
maker_parse(const struct maker_class *class, struct bytes body,
    struct store_object *object, struct bytes *ret_approval,
    struct diag *diag)
{
	struct bytes name, approval = BYTES_NONE;
	struct cbor cbor;
	size_t fields;
	enum err err;

	cbor_open(&cbor, body);
	fields = cbor_get_array(&cbor);
	name = cbor_get_tstr(&cbor);
	object->body = cbor_get_bstr(&cbor);
	if (fields == 3)
		approval = cbor_get_bstr(&cbor);
	if (!cbor_close(&cbor) || fields < 2 || fields > 3)
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "%s request: %s", class->what, cbor.error != NULL ?
		    cbor.error : "not of two or three fields");
	err = maker_word(class, name, object->name, diag);
	if (!err)
		err = class->check(object->name, object->body, diag);
	if (!err)
		err = sha256_once(object->body, object->hash);
	if (!err)
		*ret_approval = approval;
	return err;
}

/* Another operator's approval, once there is one. */
static enum err
maker_approved(struct authority *authority, const struct maker_class *class,
    const struct request *request, const struct store_object *object,
    struct bytes approval, int64_t now, struct diag *diag)
{
	_cleanup_buf_ struct buf subject = BUF_INIT;
	enum err err;

	err = chip_maker_put_request(&subject, object->name, object->body,
	    BYTES_NONE);
	return err ? err : approval_second(authority, approval,
	    class->approval, buf_bytes(&subject), request->signed_by, now,
	    diag);
}

/* The version of a maker's n-th certificate. ret_known: it has this one. */
static void
maker_version(const struct chip_makers *makers, struct store_object *object,
    bool *ret_known)
{
	unsigned number = 1;
	size_t i;

	*ret_known = false;
	for (i = 0; i < makers->count; i++) {
		if (strcmp(makers->list[i].name, object->name) != 0)
			continue;
		number++;
		*ret_known = *ret_known || bytes_equal(object->body,
		    buf_bytes(&makers->list[i].cert));
	}
	if (number > 1)
		(void)snprintf(object->version, sizeof(object->version), "%u",
		    number);
}

static enum err
maker_add(struct authority *authority, const struct maker_class *class,
    const struct request *request, int64_t now, struct buf *result,
    struct diag *diag)
{
	_cleanup_chip_makers_ struct chip_makers makers = CHIP_MAKERS_INIT;
	struct store_object object = { .kind = class->kind,
	    .created = now };
	struct bytes approval = BYTES_NONE;
	struct chip_maker *maker;
	bool known = false;
	enum err err;

	err = maker_parse(class, request->body, &object, &approval, diag);
	if (!err)
		err = maker_approved(authority, class, request, &object,
		    approval, now, diag);
	if (!err)
		err = makers_load(authority, class, &makers, diag);
	if (err)
		return err;
	maker = maker_find(&makers, object.name);
	if (maker != NULL && maker->removed)
		return diag_fail(diag, ERR_CONFLICT, NULL, "%s %s: was "
		    "removed: a new one needs a new name", class->what,
		    object.name);
	maker_version(&makers, &object, &known);
	if (!known && makers.count == CHIP_MAKERS_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL, "%ss: more "
		    "than %d certificates", class->what, CHIP_MAKERS_MAX);
	if (!known)
		err = object_put(authority->store, authority->row_mac,
		    &object, NULL);
	if (err)
		return diag_fail(diag, err, NULL,
		    "%s %s: cannot be registered", class->what, object.name);
	buf_put(result, object.hash, SHA256_SIZE);
	return ERR_OK;
}

static enum err
maker_remove(struct authority *authority, const struct maker_class *class,
    const struct request *request, int64_t now, struct diag *diag)
{
	_cleanup_chip_makers_ struct chip_makers makers = CHIP_MAKERS_INIT;
	struct store_object object = { .kind = class->kind,
	    .version = REMOVED, .created = now };
	struct cbor cbor;
	struct bytes name;
	enum err err;

	cbor_open(&cbor, request->body);
	name = cbor_get_tstr(&cbor);
	if (!cbor_close(&cbor))
		return diag_fail(diag, ERR_SYNTAX, NULL, "%s request: %s",
		    class->what, cbor.error);
	err = maker_word(class, name, object.name, diag);
	if (!err)
		err = makers_load(authority, class, &makers, diag);
	if (err)
		return err;
	if (maker_find(&makers, object.name) == NULL)
		return diag_fail(diag, ERR_NOTFOUND, NULL,
		    "%s %s: is not registered", class->what, object.name);
	err = sha256_once(BYTES_NONE, object.hash);
	if (!err)
		err = object_put(authority->store, authority->row_mac,
		    &object, NULL);
	return err && err != ERR_EXISTS ? diag_fail(diag, err, NULL,
	    "%s %s: cannot be removed", class->what, object.name) : ERR_OK;
}

enum err
request_chip_maker_add(struct authority *authority,
    const struct request *request, int64_t now, struct buf *result,
    struct diag *diag)
{
	return maker_add(authority, &chip_maker_class, request, now, result,
	    diag);
}

enum err
request_chip_maker_remove(struct authority *authority,
    const struct request *request, int64_t now, struct buf *result,
    struct diag *diag)
{
	(void)result;
	return maker_remove(authority, &chip_maker_class, request, now, diag);
}

enum err
request_manufacturer_add(struct authority *authority,
    const struct request *request, int64_t now, struct buf *result,
    struct diag *diag)
{
	return maker_add(authority, &manufacturer_class, request, now, result,
	    diag);
}

enum err
request_manufacturer_remove(struct authority *authority,
    const struct request *request, int64_t now, struct buf *result,
    struct diag *diag)
{
	(void)result;
	return maker_remove(authority, &manufacturer_class, request, now,
	    diag);
}
