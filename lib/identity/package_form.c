#include "lib/identity/package_form.h"

#include <stdlib.h>

#include "lib/base/cbor.h"
#include "lib/identity/form_internal.h"

#define PEM_HEAD	"-----BEGIN PRIVATE KEY-----\n"
#define PEM_TAIL	"-----END PRIVATE KEY-----\n"

const struct package_form *const package_forms[] = {
	&form_cbor, &form_pem, &form_der, &form_c, &form_image, &form_ndjson,
	NULL
};

static void
keys_read(struct cbor *c, struct package_plain *p)
{
	size_t i, count = cbor_get_array(c);
	uint64_t slot, alg;

	if (count > PRODUCT_SLOTS_MAX)
		cbor_fail(c, "more keys than slots");
	for (i = 0; i < count && cbor_ok(c); i++) {
		cbor_get_array_sized(c, 3);
		slot = cbor_get_uint(c);
		alg = cbor_get_uint(c);
		p->keys[i].private = cbor_get_bstr(c);
		if (slot >= PRODUCT_SLOTS_MAX ||
		    (i > 0 && slot <= p->keys[i - 1].slot))
			cbor_fail(c, "slots do not ascend");
		else if (key_algorithm((enum key_alg)alg) == NULL)
			cbor_fail(c, "a key of an unknown algorithm");
		p->keys[i].slot = (unsigned)slot;
		p->keys[i].alg = (enum key_alg)alg;
	}
	p->key_count = count;
}

static void
chain_read(struct cbor *c, struct package_plain *p)
{
	size_t i, count = cbor_get_array(c);

	if (count > PACKAGE_CHAIN_MAX)
		cbor_fail(c, "more certificates than any package has");
	for (i = 0; i < count && cbor_ok(c); i++)
		p->chain[i] = cbor_get_bstr(c);
	p->chain_count = count;
}

enum err
package_plain_parse(struct bytes input, struct package_plain *p,
    struct diag *diag)
{
	uint64_t version;
	struct cbor c;

	if (input.len > PACKAGE_SIZE_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "package: longer than %zu octets", PACKAGE_SIZE_MAX);
	memset(p, 0, sizeof(*p));
	p->whole = input;
	cbor_open(&c, input);
	cbor_get_array_sized(&c, 5);
	if (!bytes_equal(cbor_get_tstr(&c), bytes_text(PACKAGE_MAGIC)))
		cbor_fail(&c, "no opened package");
	version = cbor_get_uint(&c);
	if (cbor_ok(&c) && version != PACKAGE_VERSION)
		return diag_fail(diag, ERR_VERSION, NULL, "package: version "
		    "%ju, this build reads %d", (uintmax_t)version,
		    PACKAGE_VERSION);
	p->encoded = cbor_get_bstr(&c);
	keys_read(&c, p);
	chain_read(&c, p);
	if (!cbor_close(&c))
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "package: octet %zu: %s", c.pos, c.error);
	return document_parse(p->encoded, &p->document, diag);
}

struct bytes
package_certificate(const struct package_plain *p, unsigned slot)
{
	size_t i;

	for (i = 0; i < p->document.key_count; i++)
		if (p->document.keys[i].slot == slot)
			return p->document.keys[i].certificate;
	return BYTES_NONE;
}

enum err
package_put_pkcs8(struct buf *out, const struct package_key *key,
    struct diag *diag)
{
	_cleanup_secret_ struct secret pem = SECRET_INIT;
	const size_t head = sizeof(PEM_HEAD) - 1;
	const size_t tail = sizeof(PEM_TAIL) - 1;
	enum err err;

	err = private_key_put_pem(key->alg, key->private, &pem, diag);
	if (!err && pem.len < head + tail)
		err = ERR_INTERNAL;
	return err ? err : base64_decode(bytes_of(pem.ptr + head,
	    pem.len - head - tail), out);
}

enum err
package_form_find(const char *name, const struct package_form **ret_form,
    struct diag *diag)
{
	_cleanup_buf_ struct buf list = BUF_INIT;
	size_t i;

	for (i = 0; package_forms[i] != NULL; i++) {
		if (strcmp(package_forms[i]->name, name) == 0) {
			*ret_form = package_forms[i];
			return ERR_OK;
		}
		buf_printf(&list, "%s%s", i > 0 ? ", " : "",
		    package_forms[i]->name);
	}
	return diag_fail(diag, ERR_INVALID, NULL, "form \"%.40s\": there are "
	    "%s", name, buf_text(&list));
}

enum err
package_form_put(const struct package_form *form, struct bytes package,
    struct bytes layout, struct secret *ret_out, struct diag *diag)
{
	_cleanup_secret_ struct secret made = SECRET_INIT;
	struct package_plain *plain;
	struct buf out;
	enum err err;

	if (form->layout != (layout.len > 0))
		return diag_fail(diag, ERR_INVALID, NULL, "form %s: %s",
		    form->name, form->layout ? "a layout is needed" :
		    "takes no layout");
	plain = malloc(sizeof(*plain));
	if (plain == NULL)
		return diag_nomem(diag);
	err = package_plain_parse(package, plain, diag);
	if (!err)
		err = secret_alloc(&made, PACKAGE_FORM_MAX);
	if (!err) {
		out = (struct buf){ .ptr = made.ptr, .cap = made.cap,
		    .limit = made.cap };
		err = form->put(plain, layout, &out, diag);
		if (!err)
			err = buf_err(&out);
		made.len = out.len;
	}
	free(plain);
	if (err)
		return diag_fail(diag, err, NULL, "form %s: not made: %s",
		    form->name, err_name(err));
	*ret_out = made;
	made = (struct secret)SECRET_INIT;	/* transferred */
	return ERR_OK;
}
