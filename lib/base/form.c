#include "lib/base/form.h"

#include <stdlib.h>

#include "lib/base/cbor.h"
#include "lib/base/cbor_write.h"

#define FORM_STEPS_MAX	512
#define FORM_SIZE_MAX	((size_t)64 << 10)
#define FORM_VERSION	1
#define SCOPE_MAX	((size_t)0xffffff)	/* octets a DER head tells */

enum form_op {
	OP_CONST = 0,
	OP_FIELD = 1,
	OP_CBOR_UINT = 2,
	OP_CBOR_TSTR = 3,
	OP_CBOR_BSTR = 4,
	OP_BEGIN_DER = 5,
	OP_BEGIN_BSTR = 6,
	OP_END = 7
};

/* arg: field id or DER tag; for OP_CONST offset and len into bytes. */
struct step {
	enum form_op	op;
	unsigned	arg;
	size_t		len;
};

struct form {
	struct buf	bytes;		/* of all constants */
	struct step	steps[FORM_STEPS_MAX];
	size_t		count;
	unsigned	depth;
	enum err	err;
};

enum err
form_new(struct form **ret_form, struct diag *diag)
{
	struct form *form;

	form = calloc(1, sizeof(*form));
	if (form == NULL)
		return diag_nomem(diag);
	form->bytes.limit = FORM_SIZE_MAX;
	*ret_form = form;
	return ERR_OK;
}

void
form_free(struct form **form)
{
	if (*form == NULL)
		return;
	buf_release(&(*form)->bytes);
	free(*form);
	*form = NULL;
}

static void
form_step(struct form *form, enum form_op op, unsigned arg, size_t len)
{
	if (form->count == FORM_STEPS_MAX ||
	    (op >= OP_FIELD && op <= OP_CBOR_BSTR && arg >= FORM_FIELDS_MAX)) {
		form->err = ERR_INTERNAL;
		return;
	}
	form->steps[form->count++] = (struct step){ op, arg, len };
}

void
form_put_const(struct form *form, struct bytes constant)
{
	struct step *last;

	if (constant.len == 0)
		return;
	buf_put_bytes(&form->bytes, constant);
	last = form->count > 0 ? &form->steps[form->count - 1] : NULL;
	if (last != NULL && last->op == OP_CONST)
		last->len += constant.len;
	else
		form_step(form, OP_CONST, 0, constant.len);
}

void
form_put_field(struct form *form, unsigned id)
{
	form_step(form, OP_FIELD, id, 0);
}

void
form_put_cbor_uint(struct form *form, unsigned id)
{
	form_step(form, OP_CBOR_UINT, id, 0);
}

void
form_put_cbor_tstr(struct form *form, unsigned id)
{
	form_step(form, OP_CBOR_TSTR, id, 0);
}

void
form_put_cbor_bstr(struct form *form, unsigned id)
{
	form_step(form, OP_CBOR_BSTR, id, 0);
}

static void
form_begin(struct form *form, enum form_op op, unsigned arg)
{
	if (form->depth == FORM_DEPTH_MAX) {
		form->err = ERR_INTERNAL;
		return;
	}
	form->depth++;
	form_step(form, op, arg, 0);
}

void
form_begin_der(struct form *form, uint8_t tag)
{
	form_begin(form, OP_BEGIN_DER, tag);
}

void
form_begin_bstr(struct form *form)
{
	form_begin(form, OP_BEGIN_BSTR, 0);
}

void
form_end(struct form *form)
{
	if (form->depth == 0) {
		form->err = ERR_INTERNAL;
		return;
	}
	form->depth--;
	form_step(form, OP_END, 0, 0);
}

enum err
form_check(const struct form *form)
{
	if (form->err != ERR_OK)
		return form->err;
	if (form->depth != 0)
		return ERR_INTERNAL;
	return buf_err(&form->bytes);
}

/* DER length (X.690 10.1): shortest form. */
static size_t
der_head(uint8_t head[6], unsigned tag, size_t len)
{
	head[0] = (uint8_t)tag;
	if (len < 0x80) {
		head[1] = (uint8_t)len;
		return 2;
	}
	if (len < 0x100) {
		head[1] = 0x81;
		head[2] = (uint8_t)len;
		return 3;
	}
	if (len < 0x10000) {
		head[1] = 0x82;
		put_be16(head + 2, (uint16_t)len);
		return 4;
	}
	head[1] = 0x83;
	head[2] = (uint8_t)(len >> 16);
	put_be16(head + 3, (uint16_t)len);
	return 5;
}

static size_t
bstr_head(uint8_t head[6], size_t len)
{
	if (len < 24) {
		head[0] = (uint8_t)(0x40 | len);
		return 1;
	}
	if (len < 0x100) {
		head[0] = 0x58;
		head[1] = (uint8_t)len;
		return 2;
	}
	if (len < 0x10000) {
		head[0] = 0x59;
		put_be16(head + 1, (uint16_t)len);
		return 3;
	}
	head[0] = 0x5a;
	put_be32(head + 1, (uint32_t)len);
	return 5;
}

struct scope {
	const struct step	*begin;
	size_t			 at;	/* where its head goes */
};

static void
scope_close(const struct scope *scope, struct buf *out)
{
	uint8_t head[6];
	size_t len, head_len;

	if (out->err != ERR_OK)
		return;
	len = out->len - scope->at;
	if (len > SCOPE_MAX) {
		out->err = ERR_LIMIT;
		return;
	}
	head_len = scope->begin->op == OP_BEGIN_DER ?
	    der_head(head, scope->begin->arg, len) : bstr_head(head, len);
	buf_insert(out, scope->at, bytes_of(head, head_len));
}

static enum err
field_put(const struct step *step, const struct bytes *fields, size_t count,
    struct buf *out)
{
	struct bytes field;

	if (step->arg >= count || fields[step->arg].ptr == NULL)
		return ERR_INTERNAL;
	field = fields[step->arg];
	switch (step->op) {
	case OP_CBOR_UINT:
		if (field.len != 8)
			return ERR_INTERNAL;
		cbor_put_uint(out, get_be64(field.ptr));
		break;
	case OP_CBOR_TSTR:
		cbor_put_tstr(out, field);
		break;
	case OP_CBOR_BSTR:
		cbor_put_bstr(out, field);
		break;
	default:
		buf_put_bytes(out, field);
		break;
	}
	return ERR_OK;
}

enum err
form_render(const struct form *form, const struct bytes *fields, size_t count,
    struct buf *out)
{
	struct scope scopes[FORM_DEPTH_MAX];
	const struct step *step;
	unsigned depth = 0;
	size_t i, from = 0;
	enum err err;

	err = form_check(form);
	if (err)
		return err;
	for (i = 0; i < form->count; i++) {
		step = &form->steps[i];
		switch (step->op) {
		case OP_CONST:
			buf_put(out, form->bytes.ptr + from, step->len);
			from += step->len;
			break;
		case OP_BEGIN_DER:
		case OP_BEGIN_BSTR:
			scopes[depth++] = (struct scope){ step, out->len };
			break;
		case OP_END:
			scope_close(&scopes[--depth], out);
			break;
		default:
			err = field_put(step, fields, count, out);
			if (err)
				return err;
			break;
		}
	}
	return ERR_OK;
}

enum err
form_encode(const struct form *form, struct buf *out)
{
	const struct step *step;
	size_t i, from = 0;
	enum err err;

	err = form_check(form);
	if (err)
		return err;
	cbor_put_array(out, 2);
	cbor_put_uint(out, FORM_VERSION);
	cbor_put_array(out, form->count);
	for (i = 0; i < form->count; i++) {
		step = &form->steps[i];
		cbor_put_array(out, 2);
		cbor_put_uint(out, step->op);
		if (step->op == OP_CONST) {
			cbor_put_bstr(out,
			    bytes_of(form->bytes.ptr + from, step->len));
			from += step->len;
		} else
			cbor_put_uint(out, step->arg);
	}
	return buf_err(out);
}

static void
step_decode(struct cbor *cbor, struct form *form)
{
	struct bytes constant;
	uint64_t op, arg;

	cbor_get_array_sized(cbor, 2);
	op = cbor_get_uint(cbor);
	if (op == OP_CONST) {
		constant = cbor_get_bstr(cbor);
		if (constant.len == 0 || (form->count > 0 &&
		    form->steps[form->count - 1].op == OP_CONST))
			cbor_fail(cbor, "constant empty or in two");
		form_put_const(form, constant);
		return;
	}
	arg = cbor_get_uint(cbor);
	if (op > OP_END || arg > UINT8_MAX ||
	    ((op == OP_END || op == OP_BEGIN_BSTR) && arg != 0))
		cbor_fail(cbor, "unknown step");
	else if (op == OP_END)
		form_end(form);
	else if (op == OP_BEGIN_DER || op == OP_BEGIN_BSTR)
		form_begin(form, (enum form_op)op, (unsigned)arg);
	else
		form_step(form, (enum form_op)op, (unsigned)arg, 0);
}

enum err
form_decode(struct bytes encoded, struct form **ret_form, struct diag *diag)
{
	_cleanup_form_ struct form *form = NULL;
	struct cbor cbor;
	uint64_t version;
	size_t i, count;
	enum err err;

	err = form_new(&form, diag);
	if (err)
		return err;
	cbor_open(&cbor, encoded);
	version = cbor_get_versioned(&cbor, 2, FORM_VERSION);
	if (cbor_ok(&cbor) && version != FORM_VERSION)
		return diag_fail(diag, ERR_VERSION, NULL,
		    "form: version %llu, this build reads %d",
		    (unsigned long long)version, FORM_VERSION);
	count = cbor_get_array(&cbor);
	for (i = 0; i < count && cbor_ok(&cbor); i++)
		step_decode(&cbor, form);
	if (!cbor_close(&cbor))
		return diag_fail(diag, ERR_CORRUPT, NULL, "form: %s",
		    cbor.error);
	err = form_check(form);
	if (err)
		return diag_fail(diag, ERR_CORRUPT, NULL,
		    "form: steps do not fit together");
	*ret_form = form;
	form = NULL;	/* transferred */
	return ERR_OK;
}
