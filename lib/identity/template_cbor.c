/*
 * The stored form of a template:
 * [version, product, log, document years, status prefix, claims form,
 *  protected header or null, [[slot, alg, years, form or null]...],
 *  [name ...], serial number's name or -1]; names as in product_cbor.c
 */
#include <limits.h>
#include <stdlib.h>

#include "lib/base/cbor_write.h"
#include "lib/identity/template.h"

#define TEMPLATE_VERSION 1

static enum err
form_put(struct buf *out, const struct form *form)
{
	_cleanup_buf_ struct buf encoded = BUF_INIT;
	enum err err;

	if (form == NULL) {
		cbor_put_null(out);
		return ERR_OK;
	}
	err = form_encode(form, &encoded);
	if (err)
		return err;
	cbor_put_bstr(out, buf_bytes(&encoded));
	return buf_err(out);
}

enum err
template_encode(const struct template *template, struct buf *out)
{
	size_t i;
	enum err err;

	cbor_put_array(out, 10);
	cbor_put_uint(out, TEMPLATE_VERSION);
	cbor_put_bstr(out, bytes_of(template->product, SHA256_SIZE));
	cbor_put_uint(out, template->log);
	cbor_put_int(out, template->document_validity_years);
	cbor_put_text(out, template->status_prefix);
	err = form_put(out, template->claims);
	if (err)
		return err;
	if (template->signature == SIGNATURE_DIRECT)
		cbor_put_bstr(out, buf_bytes(&template->protected));
	else
		cbor_put_null(out);
	cbor_put_array(out, template->slot_count);
	for (i = 0; i < template->slot_count; i++) {
		cbor_put_array(out, 4);
		cbor_put_uint(out, template->slots[i].slot);
		cbor_put_uint(out, template->slots[i].alg);
		cbor_put_int(out, template->slots[i].validity_years);
		err = form_put(out, template->slots[i].certificate);
		if (err)
			return err;
	}
	cbor_put_array(out, template->name_count);
	for (i = 0; i < template->name_count; i++)
		product_name_put(out, &template->names[i]);
	cbor_put_int(out, template->serial_number);
	return buf_err(out);
}

static void
text_get(struct cbor *cbor, char *out, size_t size)
{
	struct bytes text = cbor_get_tstr(cbor);

	if (text.len >= size ||
	    (text.len > 0 && memchr(text.ptr, 0, text.len) != NULL)) {
		cbor_fail(cbor, "text too long, or with a NUL in it");
		return;
	}
	if (text.len > 0)
		memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
}

/* Years, or the number of a name. */
static int
int_get(struct cbor *cbor)
{
	int64_t value = cbor_get_int(cbor);

	if (value >= INT16_MIN && value <= INT16_MAX)
		return (int)value;
	cbor_fail(cbor, "number out of range");
	return 0;
}

static enum err
slot_decode(struct cbor *cbor, struct template *template, struct diag *diag)
{
	struct template_slot *slot = &template->slots[template->slot_count];
	uint64_t number, alg;
	enum err err;

	cbor_get_array_sized(cbor, 4);
	number = cbor_get_uint(cbor);
	alg = cbor_get_uint(cbor);
	slot->validity_years = int_get(cbor);
	if (number >= PRODUCT_SLOTS_MAX || alg > INT_MAX ||
	    key_alg_name((enum key_alg)alg) == NULL)
		cbor_fail(cbor, "slot or algorithm unknown");
	slot->slot = (unsigned)number;
	slot->alg = (enum key_alg)alg;
	template->slot_count++;
	if (cbor_peek(cbor) != CBOR_BSTR) {
		cbor_get_null(cbor);
		return ERR_OK;
	}
	err = form_decode(cbor_get_bstr(cbor), &slot->certificate, diag);
	return err;
}

static void
names_decode(struct cbor *cbor, struct template *template)
{
	size_t i, count;

	count = cbor_get_array(cbor);
	if (count > PRODUCT_NAMES_MAX)
		cbor_fail(cbor, "too many names");
	for (i = 0; i < count && cbor_ok(cbor); i++) {
		product_name_get(cbor, &template->names[i]);
		if (cbor_ok(cbor) && !name_ok(&template->names[i]))
			cbor_fail(cbor, "a name against the rules");
		template->name_count++;
	}
}

static enum err
body_decode(struct cbor *cbor, struct template *template, struct diag *diag)
{
	struct bytes product;
	uint64_t log;
	size_t i, count;
	enum err err;

	product = cbor_get_bstr_sized(cbor, SHA256_SIZE);
	if (cbor_ok(cbor))
		memcpy(template->product, product.ptr, SHA256_SIZE);
	log = cbor_get_uint(cbor);
	if (log > UINT32_MAX)
		cbor_fail(cbor, "log out of range");
	template->log = (uint32_t)log;
	template->document_validity_years = int_get(cbor);
	text_get(cbor, template->status_prefix,
	    sizeof(template->status_prefix));
	err = form_decode(cbor_get_bstr(cbor), &template->claims, diag);
	if (err)
		return err;
	if (cbor_peek(cbor) == CBOR_SIMPLE) {
		cbor_get_null(cbor);
		template->signature = SIGNATURE_RECEIPT;
	} else {
		buf_put_bytes(&template->protected, cbor_get_bstr(cbor));
	}
	count = cbor_get_array(cbor);
	if (count > PRODUCT_SLOTS_MAX)
		cbor_fail(cbor, "too many slots");
	for (i = 0; i < count && cbor_ok(cbor); i++) {
		err = slot_decode(cbor, template, diag);
		if (err)
			return err;
	}
	names_decode(cbor, template);
	template->serial_number = int_get(cbor);
	if (template->serial_number < -1 ||
	    template->serial_number >= (int)template->name_count)
		cbor_fail(cbor, "serial number's name out of range");
	return buf_err(&template->protected);
}

enum err
template_decode(struct bytes encoded, struct template **ret_template,
    struct diag *diag)
{
	_cleanup_template_ struct template *template = NULL;
	struct cbor cbor;
	uint64_t version;
	enum err err;

	template = calloc(1, sizeof(*template));
	if (template == NULL)
		return diag_nomem(diag);
	template->protected.limit = BUF_LIMIT_DEFAULT;
	cbor_open(&cbor, encoded);
	version = cbor_get_versioned(&cbor, 10, TEMPLATE_VERSION);
	if (cbor_ok(&cbor) && version != TEMPLATE_VERSION)
		return diag_fail(diag, ERR_VERSION, NULL,
		    "template: version %llu, this build reads %d",
		    (unsigned long long)version, TEMPLATE_VERSION);
	err = body_decode(&cbor, template, diag);
	if (err)
		return err;
	if (!cbor_close(&cbor))
		return diag_fail(diag, ERR_CORRUPT, NULL, "template: %s",
		    cbor.error);
	*ret_template = template;
	template = NULL;	/* transferred */
	return ERR_OK;
}
