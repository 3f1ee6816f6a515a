#include "lib/policy/product_rules.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/policy/name.h"

enum err
fault_set(struct fault *f, enum err code, const char *key,
    const char *fmt, ...)
{
	va_list ap;

	f->code = code;
	f->key = key;
	va_start(ap, fmt);
	(void)vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	return code;
}

static bool
in_set(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

#define DIGITS	"0123456789"
#define LOWER	"abcdefghijklmnopqrstuvwxyz"
#define UPPER	"ABCDEFGHIJKLMNOPQRSTUVWXYZ"

enum err
rule_word(const char *word, struct fault *f)
{
	size_t len = strlen(word);

	if (len == 0)
		return fault_set(f, ERR_INVALID, NULL, "is empty");
	if (len > PRODUCT_NAME_MAX)
		return fault_set(f, ERR_LIMIT, NULL,
		    "is %zu octets long; at most %d", len, PRODUCT_NAME_MAX);
	if (word[0] == '-' || strspn(word, LOWER DIGITS "-") != len)
		return fault_set(f, ERR_INVALID, NULL, "is not a name; "
		    "allowed: a-z, 0-9 and, but not first, -");
	return ERR_OK;
}

enum err
rule_version(const char *version, struct fault *f)
{
	size_t len = strlen(version), i;
	bool dot = true;	/* as if one stood in front */

	if (len > PRODUCT_NAME_MAX)
		return fault_set(f, ERR_LIMIT, NULL,
		    "is %zu octets long; at most %d", len, PRODUCT_NAME_MAX);
	for (i = 0; i < len; i++) {
		if (!in_set(version[i], DIGITS) && (version[i] != '.' || dot))
			break;
		dot = version[i] == '.';
	}
	if (i < len || dot)
		return fault_set(f, ERR_INVALID, NULL, "is not a version; "
		    "allowed: numbers joined by dots, such as 1.0.0");
	return ERR_OK;
}

/*
 * One code point of UTF-8 (RFC 3629), its length in ret_len; overlong forms
 * and surrogates are none. UINT32_MAX when there is none.
 */
static uint32_t
code_point(const uint8_t *p, size_t *ret_len)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t point;
	size_t len, i;

	if (p[0] < 0x80) {
		*ret_len = 1;
		return p[0];
	}
	len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc0 || p[0] > 0xf4)
		return UINT32_MAX;
	point = p[0] & (0x7fu >> len);
	for (i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return UINT32_MAX;
		point = point << 6 | (p[i] & 0x3f);
	}
	if (point < least[len] || point > 0x10ffff ||
	    (point >= 0xd800 && point <= 0xdfff))
		return UINT32_MAX;
	*ret_len = len;
	return point;
}

static bool
shows_itself(uint32_t point)
{
	static const struct {
		uint32_t	first, last;
	} hidden[] = {
		{ 0x0000, 0x001f }, { 0x007f, 0x009f },	/* controls */
		{ 0x061c, 0x061c }, { 0x200b, 0x200f },	/* marks, joiners */
		{ 0x2028, 0x202e }, { 0x2060, 0x206f },	/* breaks, direction */
		{ 0xfeff, 0xfeff }, { 0xfff9, 0xffff },
	};
	size_t i;

	for (i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (point >= hidden[i].first && point <= hidden[i].last)
			return false;
	return (point & 0xfffe) != 0xfffe;
}

enum err
rule_text(const char *text, size_t max_octets, struct fault *f)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t len = strlen(text), step = 0;
	uint32_t point;

	if (len == 0)
		return fault_set(f, ERR_INVALID, NULL,
		    "is empty; leave the key out instead, if it is optional");
	if (len > max_octets)
		return fault_set(f, ERR_LIMIT, NULL,
		    "is %zu octets long; at most %zu", len, max_octets);
	for (; *p != '\0'; p += step) {
		point = code_point(p, &step);
		if (point == UINT32_MAX)
			return fault_set(f, ERR_INVALID, NULL,
			    "is not UTF-8");
		if (!shows_itself(point))
			return fault_set(f, ERR_INVALID, NULL,
			    "holds U+%04X, a control or invisible character",
			    (unsigned)point);
	}
	return ERR_OK;
}

enum err
rule_manufacturer(const char *text, struct fault *f)
{
	size_t count = 0;
	enum err err;

	err = rule_text(text, PRODUCT_TEXT_MAX, f);
	if (err)
		return err;
	for (; *text != '\0'; text++)
		count += ((uint8_t)*text & 0xc0) != 0x80;
	if (count > PRODUCT_MANUFACTURER_MAX)
		return fault_set(f, ERR_LIMIT, NULL, "is %zu characters long; "
		    "at most %d, as a certificate's O (RFC 5280 A.1)", count,
		    PRODUCT_MANUFACTURER_MAX);
	return ERR_OK;
}

/* Is path one or more segments of unreserved characters (RFC 3986 2.3)? */
static bool
object_is_path(const char *path)
{
	size_t len;

	for (;; path += len + 1) {
		len = strspn(path, UPPER LOWER DIGITS "-._~");
		if (len == 0 || strspn(path, ".") == len)
			return false;
		if (path[len] != '/')
			return path[len] == '\0';
	}
}

enum err
rule_object(const struct product_object *o, struct fault *f)
{
	size_t len = strlen(o->object);

	if (len > PRODUCT_TEXT_MAX)
		return fault_set(f, ERR_LIMIT, NULL,
		    "is %zu octets long; at most %d", len, PRODUCT_TEXT_MAX);
	if (!object_is_path(o->object))
		return fault_set(f, ERR_INVALID, NULL, "is not an object; "
		    "allowed: A-Z, a-z, 0-9, - . _ ~ in parts joined by "
		    "single /, such as stream/main");
	if (o->bits == 0 || o->bits >> PERMISSION_COUNT != 0)
		return fault_set(f, ERR_INVALID, NULL,
		    "no method or an unknown one");
	return ERR_OK;
}

enum err
rule_authorised(const struct product *p, const struct product_object *o,
    struct fault *f)
{
	unsigned bit;
	size_t i;

	for (i = 0; i < p->capability_count; i++)
		if (strcmp(p->capabilities[i].object, o->object) == 0)
			break;
	if (i == p->capability_count)
		return fault_set(f, ERR_INVALID, NULL, "is authorised but no "
		    "capability; list it under capabilities as well");
	for (bit = 0; bit < PERMISSION_COUNT; bit++) {
		if ((o->bits & ~p->capabilities[i].bits & 1u << bit) == 0)
			continue;
		return fault_set(f, ERR_INVALID, NULL, "%s is authorised but "
		    "no capability; list it under capabilities.%s as well",
		    permission_name(bit), o->object);
	}
	return ERR_OK;
}

enum err
rule_signature(enum product_signature signature, struct fault *f)
{
	if (product_signature_name(signature) != NULL)
		return ERR_OK;
	return fault_set(f, ERR_INVALID, NULL, "no such mode");
}

enum err
rule_evidence(enum product_evidence evidence, struct fault *f)
{
	if (product_evidence_name(evidence) != NULL)
		return ERR_OK;
	return fault_set(f, ERR_INVALID, NULL, "no such evidence");
}

enum err
rule_validity(int years, struct fault *f)
{
	if (years == PRODUCT_NEVER ||
	    (years >= 1 && years <= PRODUCT_YEARS_MAX))
		return ERR_OK;
	return fault_set(f, ERR_INVALID, NULL, "%d years is out of range; "
	    "allowed: 1 to %d years, or never", years, PRODUCT_YEARS_MAX);
}

/* What a key must be able to do for a purpose; one of these is enough. */
static unsigned
purpose_needs(enum product_purpose purpose)
{
	return purpose == PURPOSE_ENCRYPT ? KEY_AGREES | KEY_DECRYPTS :
	    KEY_SIGNS;
}

static enum err
rule_algorithm(const struct product_credential *c, struct fault *f)
{
	const struct key_algorithm *a = key_algorithm(c->alg);
	unsigned needed = purpose_needs(c->purpose);
	char allowed[100] = "";
	size_t i, len = 0;
	int n;

	if (a == NULL)
		return fault_set(f, ERR_INVALID, "algorithm",
		    "no such algorithm");
	if ((a->can & needed) != 0)
		return ERR_OK;
	for (i = 0; (a = key_algorithm_at(i)) != NULL; i++) {
		if ((a->can & needed) == 0)
			continue;
		n = snprintf(allowed + len, sizeof(allowed) - len, "%s%s",
		    len > 0 ? ", " : "", a->name);
		len += n > 0 ? (size_t)n : 0;
	}
	return fault_set(f, ERR_INVALID, "algorithm",
	    "\"%s\" cannot %s; allowed: %s", key_alg_name(c->alg),
	    purpose_name(c->purpose), allowed);
}

static enum err
rule_certificate(const struct product_credential *c, struct fault *f)
{
	enum err err;

	if (!c->certificate) {
		if (c->purpose == PURPOSE_AUTHENTICATE)
			return fault_set(f, ERR_INVALID, "certificate",
			    "is missing; a slot to authenticate needs one");
		if (c->validity_years != 0 || c->with != 0)
			return fault_set(f, ERR_INVALID, "certificate",
			    "a bare key has no validity and no extensions");
		return ERR_OK;
	}
	if (c->alg == KEY_X25519)
		return fault_set(f, ERR_UNSUPPORTED, "certificate",
		    "is not offered for X25519; leave it out (a bare key)");
	if ((c->with & ~(unsigned)CERT_WITH_ALL) != 0)
		return fault_set(f, ERR_INVALID, "certificate",
		    "unknown extension");
	err = rule_validity(c->validity_years, f);
	f->key = "certificate";
	return err;
}

enum err
rule_credential(const struct product_credential *c, struct fault *f)
{
	enum err err;

	if (c->slot >= PRODUCT_SLOTS_MAX)
		return fault_set(f, ERR_INVALID, "slot",
		    "%u is out of range; allowed: 0 to %d", c->slot,
		    PRODUCT_SLOTS_MAX - 1);
	if (purpose_name(c->purpose) == NULL)
		return fault_set(f, ERR_INVALID, "purpose",
		    "no such purpose");
	if (maker_name(c->maker) == NULL)
		return fault_set(f, ERR_INVALID, "key-from", "no such maker");
	if (c->maker == MAKER_STATION)
		return fault_set(f, ERR_UNSUPPORTED, "key-from", "\"%s\" is "
		    "not offered by this version; allowed: authority, device "
		    "and chip", maker_name(c->maker));
	err = rule_algorithm(c, f);
	if (err)
		return err;
	return rule_certificate(c, f);
}

enum err
rule_makers(const struct product *p, struct fault *f)
{
	size_t i;

	for (i = 1; i < p->credential_count; i++)
		if (p->credentials[i].maker != p->credentials[0].maker)
			return fault_set(f, ERR_INVALID, "key-from",
			    "slot %u says %s, slot %u %s; they go one way: "
			    "all or none are made here",
			    p->credentials[0].slot,
			    maker_name(p->credentials[0].maker),
			    p->credentials[i].slot,
			    maker_name(p->credentials[i].maker));
	return ERR_OK;
}

static enum err
rule_births(const struct product *p, bool field, struct fault *f)
{
	size_t i;

	for (i = 0; i < p->name_count; i++) {
		if (field == (p->names[i].from == NAME_FROM_BIRTH))
			continue;
		return fault_set(f, ERR_INVALID, "names", "%s: %s",
		    p->names[i].kind, field ? "a product of the field keeps "
		    "the names that a device was born with: from: birth" :
		    "from: birth is for products with a field section");
	}
	return ERR_OK;
}

/* While a key is made here, others wait. */
static enum err
rule_field_keys(const struct product *p, struct fault *f)
{
	size_t i;

	for (i = 0; i < p->credential_count; i++) {
		if (p->credentials[i].maker == MAKER_DEVICE)
			continue;
		if (p->credentials[i].maker != MAKER_AUTHORITY)
			return fault_set(f, ERR_UNSUPPORTED, "field", "keys of "
			    "the field are made in the device, or in the "
			    "authority: key-from: device, authority");
		if (p->credentials[i].alg == KEY_RSA2048 ||
		    p->credentials[i].alg == KEY_RSA3072)
			return fault_set(f, ERR_UNSUPPORTED, "field", "slot "
			    "%u: RSA keys of the field are made in the "
			    "device: key-from: device",
			    p->credentials[i].slot);
	}
	return ERR_OK;
}

enum err
rule_field(const struct product *p, struct fault *f)
{
	const struct product_field *field = &p->field;
	enum err err;

	if (field->bootstrap[0] == '\0') {
		if (field->attempts != 0 || field->grace_days != 0 ||
		    field->est != 0 || field->claim || field->devices != 0 ||
		    field->supersedes)
			return fault_set(f, ERR_INVALID, "field",
			    "names no bootstrap product");
		return rule_births(p, false, f);
	}
	err = rule_word(field->bootstrap, f);
	f->key = "field";
	if (err)
		return err;
	if (field->devices > 0 && field->claim)
		return fault_set(f, ERR_UNSUPPORTED, "field", "devices of a "
		    "manufacturer have no claim codes: claim: none");
	if (field->devices > 0 && field->supersedes)
		return fault_set(f, ERR_UNSUPPORTED, "field", "devices of a "
		    "manufacturer are born with the first identity that they "
		    "are issued: birth: kept");
	if (field->devices > PRODUCT_EST_MAX)
		return fault_set(f, ERR_INVALID, "field", "devices: how "
		    "many of the manufacturer's may enrol: 1 to %d",
		    PRODUCT_EST_MAX);
	if (field->devices == 0 && strcmp(field->bootstrap, p->name) == 0)
		return fault_set(f, ERR_INVALID, "field",
		    "a product is not its own bootstrap");
	if (field->attempts < 1 || field->attempts > PRODUCT_ATTEMPTS_MAX ||
	    field->grace_days > PRODUCT_GRACE_MAX ||
	    field->est > PRODUCT_EST_MAX)
		return fault_set(f, ERR_INVALID, "field", "attempts are 1 to "
		    "%d, grace is at most %d days", PRODUCT_ATTEMPTS_MAX,
		    PRODUCT_GRACE_MAX);
	if (p->signature != SIGNATURE_DIRECT)
		return fault_set(f, ERR_UNSUPPORTED, "field", "documents of "
		    "the field are signed one by one: signature: direct");
	err = rule_field_keys(p, f);
	return err ? err : rule_births(p, true, f);
}

enum err
rule_authenticates(const struct product *p, struct fault *f)
{
	size_t i, count = 0;

	for (i = 0; i < p->credential_count; i++)
		count += p->credentials[i].purpose == PURPOSE_AUTHENTICATE;
	if (count == 1)
		return ERR_OK;
	return fault_set(f, ERR_INVALID, NULL, "%zu slots with purpose "
	    "authenticate; exactly one is needed", count);
}

enum err
rule_anchor(const struct product_anchor *a, struct fault *f)
{
	const struct public_key *key = &a->public_key;
	struct public_key checked;
	enum err err;

	err = rule_word(a->purpose, f);
	if (err || !a->is_key)
		return err;
	if (key->alg != KEY_P256 && key->alg != KEY_ED25519)
		return fault_set(f, ERR_INVALID, NULL,
		    "is no key to verify with; allowed: P-256, Ed25519");
	err = public_key_check(key->alg, bytes_of(key->raw, key->len),
	    &checked, NULL);
	if (err == ERR_INVALID)
		return fault_set(f, err, NULL, "is not a valid %s public key",
		    key_alg_name(key->alg));
	if (err)
		return fault_set(f, err, NULL, "could not be checked");
	return ERR_OK;
}

/*
 * Names go into a certificate's serialNumber too: PrintableString of at most
 * ub-serial-number characters (RFC 5280 A.1, X.520 6.2.9).
 */
static enum err
rule_form(const struct product_name *n, const char *key, struct fault *f)
{
	unsigned max = n->alphabet == NAME_DECIMAL ? PRODUCT_DIGITS_MAX :
	    PRODUCT_HEX_MAX;
	size_t len = strlen(n->prefix);

	if (n->digits < 1 || n->digits > max)
		return fault_set(f, ERR_INVALID, key,
		    "%u digits are out of range; allowed: 1 to %u",
		    n->digits, max);
	if (len + n->digits > NAME_TEXT_MAX)
		return fault_set(f, ERR_LIMIT, key, "makes names of %zu "
		    "characters; at most %d", len + n->digits,
		    NAME_TEXT_MAX);
	if (strspn(n->prefix, RULE_PRINTABLE) != len)
		return fault_set(f, ERR_INVALID, key, "holds a character "
		    "outside PrintableString; allowed: A-Z, a-z, 0-9, space "
		    "and '()+,-./:=?");
	return ERR_OK;
}

static enum err
rule_range_type(const struct product_name *n, struct fault *f)
{
	bool prefix = n->prefix[0] != '\0';

	switch (n->type) {
	case NAME_MAC:
		if (prefix || n->alphabet != NAME_HEX ||
		    (n->digits != 12 && n->digits != 16))
			return fault_set(f, ERR_INVALID, "first",
			    "is no MAC address");
		/* one block of one owner; so none is a group address */
		if (n->first >> 4 * (n->digits - 2) !=
		    n->last >> 4 * (n->digits - 2))
			return fault_set(f, ERR_INVALID, "last",
			    "is of another manufacturer than first");
		return ERR_OK;
	case NAME_IMEI:
		return prefix || n->alphabet != NAME_DECIMAL ||
		    n->digits != 14 ?
		    fault_set(f, ERR_INVALID, "first", "is no IMEI") : ERR_OK;
	case NAME_TEXT:
		break;
	}
	return rule_form(n, prefix ? "prefix" : "first", f);
}

static enum err
rule_range(const struct product_name *n, struct fault *f)
{
	char text[NAME_TEXT_SIZE];
	enum err err;

	err = rule_range_type(n, f);
	if (err)
		return err;
	if (n->last < n->first)
		return fault_set(f, ERR_INVALID, "last", "is before first");
	if (n->last - n->first >= PRODUCT_BLOCK_MAX)
		return fault_set(f, ERR_LIMIT, "last",
		    "makes a block of more than 2^48 names");
	if (name_format(n, n->first, text) != ERR_OK)
		return fault_set(f, ERR_INVALID, "first", "is no name");
	if (name_format(n, n->last, text) != ERR_OK)
		return fault_set(f, ERR_INVALID, "last",
		    "has more digits than first");
	return ERR_OK;
}

/* What belongs to a block or a form alone. */
static bool
name_is_bare(const struct product_name *n)
{
	return n->prefix[0] == '\0' && n->digits == 0 &&
	    n->alphabet == NAME_DECIMAL && n->first == 0 && n->last == 0;
}

enum err
rule_name(const struct product_name *n, struct fault *f)
{
	enum err err;

	err = rule_word(n->kind, f);
	f->key = "kind";
	if (err)
		return err;
	f->key = NULL;
	if (name_type_name(n->type) == NULL || n->alphabet > NAME_HEX_UPPER)
		return fault_set(f, ERR_INVALID, "type", "no such type");
	switch (n->from) {
	case NAME_FROM_INDEX:
		if (n->type != NAME_TEXT || n->alphabet != NAME_DECIMAL ||
		    n->first != 0 || n->last != 0)
			return fault_set(f, ERR_INVALID, "type",
			    "names of the index are text with decimal digits");
		return rule_form(n, "format", f);
	case NAME_FROM_RANGE:
		return rule_range(n, f);
	case NAME_FROM_CSV:
	case NAME_FROM_LINE:
	case NAME_FROM_BIRTH:
		return name_is_bare(n) ? ERR_OK : fault_set(f, ERR_INVALID,
		    "from", "such names have no form");
	}
	return fault_set(f, ERR_INVALID, "from", "no such source");
}
