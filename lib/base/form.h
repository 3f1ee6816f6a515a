/*
 * A form: bytes that are constant for many outputs, with named holes.
 *
 * Certificates and claims of one product version differ in a few fields
 * only. Their constant bytes are encoded once into a form; each output is
 * then copied together. Forms are stored with the registry, so that an
 * output can be rebuilt to the byte for ever, whatever later code would
 * have encoded.
 *
 * Scopes (form_begin_*) write a length around what they enclose; they nest
 * up to FORM_DEPTH_MAX.
 */
#ifndef IMPRINT_BASE_FORM_H
#define IMPRINT_BASE_FORM_H

#include "lib/base/buf.h"
#include "lib/base/diag.h"

#define FORM_FIELDS_MAX	128
#define FORM_DEPTH_MAX	8

struct form;

MUST_USE enum err form_new(struct form **ret_form, struct diag *);
void	form_free(struct form **);
#define _cleanup_form_ __attribute__((cleanup(form_free)))

/* Writers; failures stick and show in form_check(). */
void	form_put_const(struct form *, struct bytes);
/* The field's bytes as they are. id < FORM_FIELDS_MAX. */
void	form_put_field(struct form *, unsigned id);
/* The field is 8 bytes big-endian; written as a CBOR unsigned integer. */
void	form_put_cbor_uint(struct form *, unsigned id);
/* A CBOR text string or byte string of the field's bytes. */
void	form_put_cbor_tstr(struct form *, unsigned id);
void	form_put_cbor_bstr(struct form *, unsigned id);
/* DER tag and length (X.690 10.1) around what follows up to form_end(). */
void	form_begin_der(struct form *, uint8_t tag);
/* CBOR byte string head around what follows up to form_end(). */
void	form_begin_bstr(struct form *);
void	form_end(struct form *);
/* Are all scopes closed and nothing failed? ERR_INTERNAL, ERR_NOMEM. */
MUST_USE enum err form_check(const struct form *);

/*
 * Append one output. fields[id] for every id the form uses; count entries.
 * A field the form uses and that is missing: ERR_INTERNAL. Other failures
 * stick in out.
 */
MUST_USE enum err form_render(const struct form *, const struct bytes *fields,
    size_t count, struct buf *out);

/* For storage: deterministic CBOR. */
MUST_USE enum err form_encode(const struct form *, struct buf *out);
MUST_USE enum err form_decode(struct bytes, struct form **ret_form,
    struct diag *);

#endif
