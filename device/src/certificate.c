#include "device/src/certificate.h"
#include "device/src/der.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define CONTEXT(n)	(0x80 | (n))
#define CONTEXT_OF(n)	(0xa0 | (n))	/* constructed */
#define SERIAL_MAX	20
#define COORDINATE	32

/* AlgorithmIdentifier ecdsa-with-SHA256 (RFC 5758 3.2) */
static const uint8_t signature_alg[] = {
	0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02
};
/* id-kp, 1.3.6.1.5.5.7.3 */
static const uint8_t id_kp[] = { 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03 };
enum { KP_CLIENT = 2, KP_DOCUMENT = 36 /* RFC 9336 */ };

/* Name: each RDN one attribute of a known type of text, nothing empty. */
static struct bytes
name_read(struct der *d)
{
	struct bytes whole, text;
	struct der names, rdn, pair;
	uint8_t tag;
	bool good;

	whole = d->rest;
	imprint_der_enter(d, DER_SEQUENCE, &names);
	whole.len -= d->rest.len;
	good = names.rest.len > 0;
	while (names.error == NULL && names.rest.len > 0) {
		imprint_der_enter(&names, DER_SET, &rdn);
		imprint_der_enter(&rdn, DER_SEQUENCE, &pair);
		(void)imprint_der_get_oid(&pair);
		tag = pair.rest.len > 0 ? pair.rest.ptr[0] : 0;
		text = imprint_der_get(&pair, tag);
		good = good && text.len > 0 && (tag == DER_UTF8_STRING ?
		    cbor_is_utf8(text) : (tag == DER_PRINTABLE_STRING ||
		    tag == DER_IA5_STRING) && bytes_is_plain(text));
		imprint_der_leave(&rdn, &pair);
		imprint_der_leave(&names, &rdn);
	}
	imprint_der_leave(d, &names);
	if (!good)
		imprint_der_fail(d, "certificate: a name that is empty or not"
		    " of text");
	return whole;
}

static void
basic_constraints_read(struct der *d, struct certificate *c)
{
	struct der s;

	imprint_der_enter(d, DER_SEQUENCE, &s);
	c->ca = imprint_der_get_default_false(&s);
	if (imprint_der_next_is(&s, DER_INTEGER)) {
		struct bytes n = imprint_der_get_unsigned(&s, 1);

		c->path_len = n.len == 1 ? n.ptr[0] : 0;
		if (!c->ca)
			imprint_der_fail(&s, "certificate: path length of"
			    " what is no CA");
	}
	imprint_der_leave(d, &s);
}

static void
key_usage_read(struct der *d, struct certificate *c)
{
	c->has_usage = true;
	c->usage = imprint_der_get_named_bits(d);
}

static void
extended_usage_read(struct der *d, struct certificate *c)
{
	struct bytes oid;
	struct der s;

	c->has_extended = true;
	imprint_der_enter(d, DER_SEQUENCE, &s);
	do {
		oid = imprint_der_get_oid(&s);
		if (oid.len != sizeof(id_kp) + 1 ||
		    memcmp(oid.ptr, id_kp, sizeof(id_kp)) != 0)
			continue;
		if (oid.ptr[sizeof(id_kp)] == KP_CLIENT)
			c->extended |= EXTENDED_CLIENT;
		else if (oid.ptr[sizeof(id_kp)] == KP_DOCUMENT)
			c->extended |= EXTENDED_DOCUMENT;
	} while (s.error == NULL && s.rest.len > 0);
	imprint_der_leave(d, &s);
}

static void
key_id_read(struct der *d, struct certificate *c)
{
	c->key_id = imprint_der_get(d, DER_OCTET_STRING);
	if (c->key_id.len == 0)
		imprint_der_fail(d, "certificate: key identifier: empty");
}

static void
issuer_key_id_read(struct der *d, struct certificate *c)
{
	struct der s;

	imprint_der_enter(d, DER_SEQUENCE, &s);
	c->issuer_key_id = imprint_der_get(&s, CONTEXT(0));
	if (c->issuer_key_id.len == 0)
		imprint_der_fail(&s, "certificate: issuer's key identifier:"
		    " empty");
	imprint_der_leave(d, &s);
}

/* They limit what a CA may name, and names are not compared here. */
static void
name_constraints_read(struct der *d, struct certificate *c)
{
	(void)c;
	imprint_der_fail(d, "certificate: name constraints are not known");
}

/* Extensions that are read, by the last number of their id-ce OID 2.5.29.n;
 * all others are passed over, and must not be critical. */
static const struct known {
	uint8_t	ce;
	bool	may_be_critical;	/* RFC 5280 4.2.1.1, 4.2.1.2 */
	void	(*read)(struct der *, struct certificate *);
} knowns[] = {
	{ 14, false, key_id_read },
	{ 15, true, key_usage_read },
	{ 19, true, basic_constraints_read },
	{ 30, true, name_constraints_read },
	{ 35, false, issuer_key_id_read },
	{ 37, true, extended_usage_read }
};

static const struct known *
known_find(struct bytes oid)
{
	size_t i;

	for (i = 0; i < COUNT(knowns) && oid.len == 3; i++)
		if (oid.ptr[0] == 0x55 && oid.ptr[1] == 0x1d &&
		    oid.ptr[2] == knowns[i].ce)
			return &knowns[i];
	return NULL;
}

static void
extension_read(struct der *d, struct certificate *c, unsigned *seen)
{
	const struct known *known;
	struct der e, value;
	struct bytes oid;
	unsigned bit;
	bool critical;

	imprint_der_enter(d, DER_SEQUENCE, &e);
	oid = imprint_der_get_oid(&e);
	critical = imprint_der_get_default_false(&e);
	imprint_der_enter(&e, DER_OCTET_STRING, &value);
	if (e.error == NULL) {
		known = known_find(oid);
		if (critical && (known == NULL || !known->may_be_critical))
			imprint_der_fail(&e, "certificate: a critical"
			    " extension that is not known");
		if (known == NULL) {
			value.rest.len = 0;
		} else {
			bit = 1U << (known - knowns);
			if ((*seen & bit) != 0)
				imprint_der_fail(&e, "certificate: an"
				    " extension twice");
			*seen |= bit;
			known->read(&value, c);
			if (c->ca && known->ce == 19 && !critical)
				imprint_der_fail(&e, "certificate: basic"
				    " constraints that are not critical");
		}
	}
	imprint_der_leave(&e, &value);
	imprint_der_leave(d, &e);
}

static void
extensions_read(struct der *tbs, struct certificate *c)
{
	struct der outer, list;
	unsigned seen = 0;

	if (tbs->error == NULL && tbs->rest.len == 0)
		return;
	imprint_der_enter(tbs, CONTEXT_OF(3), &outer);
	imprint_der_enter(&outer, DER_SEQUENCE, &list);
	do {
		extension_read(&list, c, &seen);
	} while (list.error == NULL && list.rest.len > 0);
	imprint_der_leave(&outer, &list);
	imprint_der_leave(tbs, &outer);
	/* RFC 5280 4.2.1.9, 4.2.1.3, 4.2.1.2 */
	if (c->ca ? (c->usage & USAGE_CERT_SIGN) == 0 || c->key_id.len == 0 :
	    (c->usage & USAGE_CERT_SIGN) != 0)
		imprint_der_fail(tbs, "certificate: basic constraints, key"
		    " usage and key identifier do not fit together");
}

static void
algorithm_check(struct der *d)
{
	if (!bytes_equal(imprint_der_get_whole(d, DER_SEQUENCE),
	    bytes_of(signature_alg, sizeof(signature_alg))))
		imprint_der_fail(d, "certificate: not signed with ECDSA and"
		    " SHA-256");
}

/* TBSCertificate (RFC 5280 4.1). */
static void
tbs_read(struct der *tbs, struct certificate *c)
{
	static const uint8_t v3[] = { 0xa0, 0x03, 0x02, 0x01, 0x02 };
	struct der validity;

	if (!bytes_equal(imprint_der_get_whole(tbs, CONTEXT_OF(0)),
	    bytes_of(v3, sizeof(v3))))
		imprint_der_fail(tbs, "certificate: not of version 3");
	c->serial = imprint_der_get_unsigned(tbs, SERIAL_MAX);
	algorithm_check(tbs);
	c->issuer = name_read(tbs);
	imprint_der_enter(tbs, DER_SEQUENCE, &validity);
	c->not_before = imprint_der_get_time(&validity);
	c->not_after = imprint_der_get_time(&validity);
	imprint_der_leave(tbs, &validity);
	c->subject = name_read(tbs);
	imprint_device_key_info_read(tbs, &c->key);
	extensions_read(tbs, c);
}

static void
number_put(uint8_t *out, struct bytes n)
{
	memset(out, 0, COORDINATE);
	if (n.len > 0)
		memcpy(out + COORDINATE - n.len, n.ptr, n.len);
}

/* Ecdsa-Sig-Value (RFC 3279 2.2.3) as r || s */
static void
signature_read(struct der *d, struct certificate *c)
{
	struct der bits, pair;

	imprint_der_open(&bits, imprint_der_get_octets(d));
	imprint_der_enter(&bits, DER_SEQUENCE, &pair);
	number_put(c->signature, imprint_der_get_unsigned(&pair,
	    COORDINATE));
	number_put(c->signature + COORDINATE,
	    imprint_der_get_unsigned(&pair, COORDINATE));
	imprint_der_leave(&bits, &pair);
	imprint_der_leave(d, &bits);
}

const char *
imprint_device_certificate_read(struct bytes der, struct certificate *c)
{
	static const struct certificate none;
	struct der d, outer, tbs;

	*c = none;
	c->path_len = -1;
	imprint_der_open(&d, der);
	imprint_der_enter(&d, DER_SEQUENCE, &outer);
	c->tbs = outer.rest;
	imprint_der_enter(&outer, DER_SEQUENCE, &tbs);
	c->tbs.len -= outer.rest.len;
	tbs_read(&tbs, c);
	imprint_der_leave(&outer, &tbs);
	algorithm_check(&outer);
	signature_read(&outer, c);
	imprint_der_leave(&d, &outer);
	if (d.error == NULL && d.rest.len > 0)
		d.error = "certificate: octets follow it";
	return d.error;
}
