/* A C header with everything as constant arrays, for firmware that is built
 * with it; C99 and later. */
#include <stdio.h>

#include "lib/identity/form_internal.h"

#define PER_LINE	12

static void
array_put(struct buf *out, const char *name, struct bytes octets)
{
	size_t i;

	if (octets.len == 0)
		return;
	buf_printf(out, "\nstatic const uint8_t imprint_%s[%zu] = {", name,
	    octets.len);
	for (i = 0; i < octets.len; i++)
		buf_printf(out, "%s0x%02x,", i % PER_LINE == 0 ? "\n\t" : " ",
		    octets.ptr[i]);
	buf_printf(out, "\n};\n");
}

static enum err
c_form_put(const struct package_plain *p, struct bytes layout,
    struct buf *out, struct diag *diag)
{
	static const char *const names[] = FORM_CHAIN_NAMES;
	char name[32];
	size_t i;

	(void)layout;
	(void)diag;
	buf_printf(out, "/* An identity with its private keys: a secret. */\n"
	    "#ifndef IMPRINT_PACKAGE_H\n#define IMPRINT_PACKAGE_H\n\n"
	    "#include <stdint.h>\n");
	array_put(out, "ueid", p->document.ueid);
	for (i = 0; i < p->key_count; i++) {
		buf_printf(out, "\n/* %s */", key_alg_name(p->keys[i].alg));
		(void)snprintf(name, sizeof(name), "private_key_slot_%u",
		    p->keys[i].slot);
		array_put(out, name, p->keys[i].private);
	}
	for (i = 0; i < p->document.key_count; i++) {
		(void)snprintf(name, sizeof(name), "certificate_slot_%u",
		    p->document.keys[i].slot);
		array_put(out, name, p->document.keys[i].certificate);
	}
	for (i = 0; i < p->chain_count; i++) {
		(void)snprintf(name, sizeof(name), "%s", names[i]);
		array_put(out, name, p->chain[i]);
	}
	array_put(out, "document", p->encoded);
	buf_printf(out, "\n#endif\n");
	return ERR_OK;
}

const struct package_form form_c = {
	.name = "c", .what = "a C header with constant arrays",
	.put = c_form_put
};
