/*
 * A C header: the identity as constant arrays for firmware that is built
 * with it. C99 and later, C++ too.
 */
#include <stdio.h>

#include "lib/identity/rendering_internal.h"

#define PER_LINE	12
#define PREFIX		"imprint_"

static void
put_array(struct buf *out, const char *name, struct bytes octets)
{
	size_t i;

	buf_printf(out, "\nstatic const uint8_t " PREFIX "%s[%zu] = {",
	    name, octets.len);
	for (i = 0; i < octets.len; i++)
		buf_printf(out, "%s0x%02x,", i % PER_LINE == 0 ? "\n\t" : " ",
		    octets.ptr[i]);
	buf_printf(out, "\n};\n");
}

/*
 * A string literal. Octal escapes, for those have an end; and no question
 * mark as it is, for two begin a trigraph (C11 5.2.1.1).
 */
static void
put_string(struct buf *out, struct bytes text)
{
	size_t i;

	buf_put_u8(out, '"');
	for (i = 0; i < text.len; i++) {
		if (text.ptr[i] < 0x20 || text.ptr[i] > 0x7e)
			buf_printf(out, "\\%03o", text.ptr[i]);
		else if (strchr("\"\\?", text.ptr[i]) != NULL)
			buf_printf(out, "\\%c", text.ptr[i]);
		else
			buf_put_u8(out, text.ptr[i]);
	}
	buf_put_u8(out, '"');
}

/* Kinds are anybody's text and so no identifiers. */
static void
put_names(struct buf *out, const struct document *d)
{
	size_t i;

	buf_printf(out, "\n#define IMPRINT_NAME_COUNT %zu\n", d->name_count);
	if (d->name_count == 0)
		return;
	buf_printf(out, "static const struct {\n\tconst char *kind;\n"
	    "\tconst char *text;\n} " PREFIX "names[%zu] = {\n",
	    d->name_count);
	for (i = 0; i < d->name_count; i++) {
		buf_printf(out, "\t{ ");
		put_string(out, d->names[i].kind);
		buf_printf(out, ", ");
		put_string(out, d->names[i].text);
		buf_printf(out, " },\n");
	}
	buf_printf(out, "};\n");
}

static void
put_certificates(struct buf *out, const struct rendering_source *source)
{
	const struct document_key *keys[PRODUCT_SLOTS_MAX];
	char name[32];
	size_t i, count = 0;

	if (rendering_keys(source, keys, &count, NULL) != ERR_OK)
		count = 0;	/* a document of bare keys */
	for (i = 0; i < count; i++) {
		(void)snprintf(name, sizeof(name), "certificate_slot_%u",
		    keys[i]->slot);
		put_array(out, name, keys[i]->certificate);
	}
	if (source->chain_count > 0)
		buf_printf(out, "\n/* 0: issues the certificates above; "
		    "the last one: the root */\n#define IMPRINT_CHAIN_COUNT "
		    "%zu\n", source->chain_count);
	for (i = 0; i < source->chain_count; i++) {
		(void)snprintf(name, sizeof(name), "chain_%zu", i);
		put_array(out, name, source->chain[i]);
	}
}

static enum err
c_put(const struct rendering_source *source, struct buf *out,
    struct diag *diag)
{
	const struct document *d = source->document;
	_cleanup_buf_ struct buf ueid = BUF_INIT;
	const char *hex;

	(void)diag;
	buf_put_hex(&ueid, d->ueid);
	hex = buf_text(&ueid);
	buf_printf(out, "/* The identity of device %s; no private key is in "
	    "it. */\n#ifndef IMPRINT_IDENTITY_%s_H\n"
	    "#define IMPRINT_IDENTITY_%s_H\n\n#include <stdint.h>\n",
	    hex, hex, hex);
	put_array(out, "ueid", d->ueid);
	put_names(out, d);
	buf_printf(out, "\n/* %s */", d->signature == SIGNATURE_RECEIPT ?
	    "[claims, receipt], as signed" : "COSE_Sign1, as signed");
	put_array(out, "document", source->encoded);
	put_certificates(out, source);
	buf_printf(out, "\n#endif\n");
	return buf_err(out);
}

const struct rendering rendering_c = {
	.name = "c", .ending = ".h", .traits = RENDERING_TEXT, .put = c_put
};
