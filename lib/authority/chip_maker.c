#include "lib/authority/chip_maker.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/authority/authority_internal.h"
#include "lib/authority/request_internal.h"
#include "lib/base/cbor_write.h"
#include "lib/x509/x509_read.h"

#define REMOVED	"removed"	/* version of its second object */

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

	if (strcmp(object->version, REMOVED) == 0) {
		if (maker == NULL)
			return ERR_CORRUPT;
		maker->removed = true;
		return ERR_OK;
	}
	if (maker != NULL || makers->count == CHIP_MAKERS_MAX)
		return ERR_CORRUPT;
	maker = &makers->list[makers->count++];
	*maker = (struct chip_maker){ .cert = BUF_INIT,
	    .created = object->created };
	(void)snprintf(maker->name, sizeof(maker->name), "%s", object->name);
	buf_put_bytes(&maker->cert, object->body);
	return buf_err(&maker->cert);
}

enum err
chip_makers_load(struct authority *authority, struct chip_makers *ret_makers,
    struct diag *diag)
{
	_cleanup_chip_makers_ struct chip_makers makers = CHIP_MAKERS_INIT;
	size_t i;
	enum err err;

	makers.list = calloc(CHIP_MAKERS_MAX, sizeof(*makers.list));
	if (makers.list == NULL)
		return diag_nomem(diag);
	err = authority_object_each(authority, STORE_CHIP_MAKER,
	    maker_collect, &makers, diag);
	if (err)
		return diag_fail(diag, err, NULL,
		    "registry: chip makers cannot be read");
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
chip_maker_put_request(struct buf *out, const char *name, struct bytes cert)
{
	cbor_put_array(out, 2);
	cbor_put_text(out, name);
	cbor_put_bstr(out, cert);
	return buf_err(out);
}

static enum err
maker_word(struct bytes text, char ret_name[STORE_NAME_MAX + 1],
    struct diag *diag)
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
	return diag_fail(diag, ERR_INVALID, NULL, "chip maker: its name has 1 "
	    "to %d of a-z, 0-9 and -, not first -", DEVICE_SOURCE_MAX);
}

/* A key that signs, in a certificate that every parser takes. */
static enum err
cert_check(const char *name, struct bytes cert, struct diag *diag)
{
	struct x509_info info;
	enum err err;

	err = x509_read(cert, &info, diag);
	if (!err && key_algorithm(info.public_key.alg)->signature_len == 0)
		err = diag_fail(diag, ERR_INVALID, NULL,
		    "its key cannot sign");
	if (err)
		diag_prefix(diag, "chip maker %s: certificate", name);
	return err;
}

enum err
request_chip_maker_add(struct authority *authority,
    const struct request *request, int64_t now, struct buf *result,
    struct diag *diag)
{
	_cleanup_chip_makers_ struct chip_makers makers = CHIP_MAKERS_INIT;
	struct store_object object = { .kind = STORE_CHIP_MAKER,
	    .created = now };
	struct chip_maker *known;
	struct bytes name;
	struct cbor cbor;
	enum err err;

	cbor_open(&cbor, request->body);
	cbor_get_array_sized(&cbor, 2);
	name = cbor_get_tstr(&cbor);
	object.body = cbor_get_bstr(&cbor);
	if (!cbor_close(&cbor))
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "chip maker request: %s", cbor.error);
	err = maker_word(name, object.name, diag);
	if (!err)
		err = cert_check(object.name, object.body, diag);
	if (!err)
		err = sha256_once(object.body, object.hash);
	if (!err)
		err = chip_makers_load(authority, &makers, diag);
	if (err)
		return err;
	known = maker_find(&makers, object.name);
	if (known != NULL && known->removed)
		return diag_fail(diag, ERR_CONFLICT, NULL, "chip maker %s: was "
		    "removed: a new one needs a new name", object.name);
	if (known == NULL && makers.count == CHIP_MAKERS_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "chip makers: more than %d", CHIP_MAKERS_MAX);
	err = object_put(authority->store, authority->row_mac, &object, NULL);
	if (err == ERR_CONFLICT)
		return diag_fail(diag, err, NULL, "chip maker %s: registered "
		    "with another certificate: give a new one a new name",
		    object.name);
	if (err && err != ERR_EXISTS)
		return diag_fail(diag, err, NULL,
		    "chip maker %s: cannot be registered", object.name);
	buf_put(result, object.hash, SHA256_SIZE);
	return ERR_OK;
}

enum err
request_chip_maker_remove(struct authority *authority,
    const struct request *request, int64_t now, struct buf *result,
    struct diag *diag)
{
	_cleanup_chip_makers_ struct chip_makers makers = CHIP_MAKERS_INIT;
	struct store_object object = { .kind = STORE_CHIP_MAKER,
	    .version = REMOVED, .created = now };
	struct cbor cbor;
	struct bytes name;
	enum err err;

	(void)result;
	cbor_open(&cbor, request->body);
	name = cbor_get_tstr(&cbor);
	if (!cbor_close(&cbor))
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "chip maker request: %s", cbor.error);
	err = maker_word(name, object.name, diag);
	if (!err)
		err = chip_makers_load(authority, &makers, diag);
	if (err)
		return err;
	if (maker_find(&makers, object.name) == NULL)
		return diag_fail(diag, ERR_NOTFOUND, NULL,
		    "chip maker %s: is not registered", object.name);
	err = sha256_once(BYTES_NONE, object.hash);
	if (!err)
		err = object_put(authority->store, authority->row_mac,
		    &object, NULL);
	return err && err != ERR_EXISTS ? diag_fail(diag, err, NULL,
	    "chip maker %s: cannot be removed", object.name) : ERR_OK;
}
