/* The target of a product: rules, canonical form, and whether it holds. */
#include <stdio.h>

#include "lib/base/cbor_write.h"
#include "lib/policy/product_rules.h"

#define ALGORITHMS_TEXT	120

enum key {
	KEY_KEYS = 1, KEY_CERTIFICATE = 2, KEY_DOCUMENT = 3, KEY_PACKAGE = 4,
	KEY_TOTAL = 5
};

enum err
rule_form_layout(enum product_form form, const char *layout, struct fault *f)
{
	size_t i, len = strlen(layout);

	if (product_form_name(form) == NULL)
		return fault_set(f, ERR_INVALID, NULL, "of no known form");
	if ((form == FORM_IMAGE) != (len > 0))
		return fault_set(f, ERR_INVALID, NULL, form == FORM_IMAGE ?
		    "is missing; form: image needs it" :
		    "goes with form: image only");
	if (len > PRODUCT_LAYOUT_MAX)
		return fault_set(f, ERR_LIMIT, NULL,
		    "is %zu octets long; at most %d", len,
		    PRODUCT_LAYOUT_MAX);
	for (i = 0; i < len; i++)
		if (layout[i] != '\n' && (layout[i] < ' ' || layout[i] > '~'))
			return fault_set(f, ERR_INVALID, NULL, "octet %zu is "
			    "no visible ASCII and no end of a line", i);
	return ERR_OK;
}

static unsigned
algs_known(void)
{
	const struct key_algorithm *a;
	unsigned known = 0;
	size_t i;

	for (i = 0; (a = key_algorithm_at(i)) != NULL; i++)
		known |= 1u << a->alg;
	return known;
}

static enum err
rule_target_keys(const struct product_target *t, struct fault *f)
{
	const struct target_key *key = t->keys;
	size_t i;

	if (t->key_count > PRODUCT_SLOTS_MAX)
		return fault_set(f, ERR_LIMIT, "keys",
		    "%zu slots; at most %d", t->key_count,
		    PRODUCT_SLOTS_MAX);
	for (i = 0; i < t->key_count; i++, key++) {
		if (key->slot >= PRODUCT_SLOTS_MAX ||
		    (i > 0 && key->slot <= key[-1].slot))
			return fault_set(f, ERR_INVALID, "keys", "slot %u is "
			    "out of range, repeated or out of order; allowed: "
			    "0 to %d", key->slot, PRODUCT_SLOTS_MAX - 1);
		if (key->algs == 0 || (key->algs & ~algs_known()) != 0)
			return fault_set(f, ERR_INVALID, "keys", "slot %u may "
			    "hold no algorithm, or an unknown one",
			    key->slot);
	}
	return ERR_OK;
}

enum err
rule_target(const struct product_target *t, struct fault *f)
{
	const struct {
		const char	*key;
		uint32_t	 octets;
	} limits[] = {
		{ "certificate", t->certificate },
		{ "document", t->document },
		{ "package", t->package },
		{ "total", t->total },
	};
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (limits[i].octets > PRODUCT_TARGET_MAX)
			return fault_set(f, ERR_INVALID, limits[i].key,
			    "%u is out of range; allowed: 1 to %u octets",
			    limits[i].octets, PRODUCT_TARGET_MAX);
	return rule_target_keys(t, f);
}

/* "P-256, X25519" */
static const char *
algs_text(unsigned algs, char text[ALGORITHMS_TEXT])
{
	const struct key_algorithm *a;
	size_t i, len = 0;

	text[0] = '\0';
	for (i = 0; (a = key_algorithm_at(i)) != NULL; i++)
		if ((algs & 1u << a->alg) != 0 && len < ALGORITHMS_TEXT)
			len += (size_t)snprintf(text + len,
			    ALGORITHMS_TEXT - len, "%s%s",
			    len > 0 ? ", " : "", a->name);
	return text;
}

enum err
rule_placed(const struct product *p, struct fault *f)
{
	const struct product_credential *c = p->credentials;
	const struct target_key *key;
	char allowed[ALGORITHMS_TEXT];
	size_t i, n;

	for (i = 0; i < p->credential_count && p->target.key_count > 0;
	    i++, c++) {
		for (n = 0; n < p->target.key_count; n++)
			if (p->target.keys[n].slot == c->slot)
				break;
		key = &p->target.keys[n];
		if (n == p->target.key_count)
			return fault_set(f, ERR_LIMIT, NULL, "slot %u: the "
			    "target has no place for its private key; it has "
			    "%zu: drop the slot, or move it to one of them",
			    c->slot, p->target.key_count);
		if ((key->algs & 1u << c->alg) == 0)
			return fault_set(f, ERR_LIMIT, NULL, "slot %u: the "
			    "target does not hold %s there; allowed: %s",
			    c->slot, key_alg_name(c->alg),
			    algs_text(key->algs, allowed));
	}
	return ERR_OK;
}

void
target_put(struct buf *out, const struct product_target *t)
{
	const uint32_t octets[] = { t->certificate, t->document, t->package,
		t->total };
	size_t i, alg, pairs = t->key_count > 0;

	for (i = 0; i < 4; i++)
		pairs += octets[i] > 0;
	cbor_put_map(out, pairs);
	if (t->key_count > 0) {
		cbor_put_uint(out, KEY_KEYS);
		cbor_put_array(out, t->key_count);
	}
	for (i = 0; i < t->key_count; i++) {
		cbor_put_array(out, 2);
		cbor_put_uint(out, t->keys[i].slot);
		cbor_put_array(out,
		    (size_t)__builtin_popcount(t->keys[i].algs));
		for (alg = 0; alg < 32; alg++)
			if ((t->keys[i].algs & 1u << alg) != 0)
				cbor_put_uint(out, alg);
	}
	for (i = 0; i < 4; i++) {
		if (octets[i] == 0)
			continue;
		cbor_put_uint(out, KEY_CERTIFICATE + i);
		cbor_put_uint(out, octets[i]);
	}
}

static void
keys_get(struct cbor *c, struct product_target *t)
{
	size_t i, algs, count = cbor_get_array(c);
	uint64_t alg, slot;

	if (count == 0 || count > PRODUCT_SLOTS_MAX) {
		cbor_fail(c, "no key slot or too many");
		return;
	}
	for (i = 0; i < count && cbor_ok(c); i++) {
		cbor_get_array_sized(c, 2);
		slot = cbor_get_uint(c);
		t->keys[i].slot = slot < PRODUCT_SLOTS_MAX ? (unsigned)slot :
							     PRODUCT_SLOTS_MAX;
		for (algs = cbor_get_array(c); algs > 0 && cbor_ok(c); algs--) {
			alg = cbor_get_uint(c);
			if (alg > 31)
				cbor_fail(c, "unknown algorithm");
			else
				t->keys[i].algs |= 1u << alg;
		}
	}
	t->key_count = count;
}

void
target_get(struct cbor *c, struct product_target *t)
{
	uint32_t *const octets[] = { &t->certificate, &t->document,
		&t->package, &t->total };
	size_t pairs = cbor_get_map(c);
	uint64_t key, value;

	for (; pairs > 0 && cbor_ok(c); pairs--) {
		key = cbor_get_uint(c);
		if (key == KEY_KEYS) {
			keys_get(c, t);
			continue;
		}
		value = cbor_get_uint(c);
		if (key < KEY_CERTIFICATE || key > KEY_TOTAL || value == 0 ||
		    value > PRODUCT_TARGET_MAX) {
			cbor_fail(c, "target with a limit out of range");
			return;
		}
		*octets[key - KEY_CERTIFICATE] = (uint32_t)value;
	}
}

/* One part: found octets, what the target holds, what to do. */
static enum err
part_fits(const struct product *p, const char *part, const char *key,
    size_t found, uint32_t allowed, const char *change, struct diag *diag)
{
	if (allowed == 0 || found <= allowed)
		return ERR_OK;
	(void)diag_fail(diag, ERR_LIMIT, NULL, "product %s: %s up to %zu "
	    "octets, the target holds %u", p->name, part, found, allowed);
	diag_hint(diag, "%s; or raise target.%s, if the device can hold it",
	    change, key);
	return ERR_LIMIT;
}

enum err
product_fits(const struct product *p, const struct product_sizes *sizes,
    struct diag *diag)
{
	char part[48];
	enum err err = ERR_OK;
	size_t i;

	for (i = 0; i < p->credential_count && !err; i++) {
		(void)snprintf(part, sizeof(part),
		    "slot %u: its certificate has", p->credentials[i].slot);
		err = part_fits(p, part, "certificate", sizes->certificate[i],
		    p->target.certificate, "leave extensions out (omit: crl, "
		    "aia, ski, aki, eku), or take an algorithm with smaller "
		    "keys", diag);
	}
	if (!err)
		err = part_fits(p, "its document has", "document",
		    sizes->document, p->target.document, "take signature: "
		    "direct, fewer names, capabilities or slots, or smaller "
		    "certificates, which are in it", diag);
	if (!err)
		err = part_fits(p, "its package has", "package",
		    sizes->package, p->target.package, "make the document "
		    "smaller, or take algorithms with smaller private keys",
		    diag);
	if (!err)
		err = part_fits(p, "its keys, document, certificates and "
		    "chain have", "total", sizes->total, p->target.total,
		    "make the document or certificates smaller, or give it "
		    "fewer slots", diag);
	return err;
}
