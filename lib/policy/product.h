/*
 * A product: the versioned definition of a device type. Pure data and pure
 * decisions; reading the YAML is product_yaml.h.
 *
 * Invariants: the canonical form is deterministic CBOR; its SHA-256 names
 * the version for ever. Lists are sorted (capabilities and authorisations by
 * object bytewise, credentials by slot, trust anchors by purpose, names by
 * kind), none twice, so two files that say the same have the same hash.
 * A product that exists has passed product_check().
 */
#ifndef IMPRINT_POLICY_PRODUCT_H
#define IMPRINT_POLICY_PRODUCT_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/cbor.h"
#include "lib/base/diag.h"
#include "lib/crypto/key.h"

#define PRODUCT_TEXT_MAX	128	/* octets of any text, UTF-8 */
#define PRODUCT_NAME_MAX	63	/* [a-z0-9][a-z0-9-]* */
#define PRODUCT_OBJECTS_MAX	64	/* capabilities; authorisations */
#define PRODUCT_SLOTS_MAX	8	/* slots 0..7 */
#define PRODUCT_ANCHORS_MAX	8
#define PRODUCT_NAMES_MAX	8
#define PRODUCT_LAYOUT_MAX	2048	/* octets of an image's layout */
#define PRODUCT_NEVER		(-1)	/* validity: no well-defined expiry */

/*
 * Permission bits: the methods of RFC 9237 4 (REST-specific model), bit
 * number = method number. GET 0, POST 1, PUT 2, DELETE 3, FETCH 4, PATCH 5,
 * iPATCH 6.
 */
#define PERMISSION_COUNT	7
const char *permission_name(unsigned bit);
/* ERR_NOTFOUND for a word that is no method; case matters. */
MUST_USE enum err permission_by_name(const char *, unsigned *ret_bit);

/* An object (a URI local part such as "photo" or "stream/main") with bits. */
struct product_object {
	char		object[PRODUCT_TEXT_MAX + 1];
	uint32_t	bits;
};

enum product_purpose {
	PURPOSE_AUTHENTICATE = 1,	/* TLS client authentication, cnf */
	PURPOSE_ENCRYPT = 2,		/* data sent to the device */
	PURPOSE_SIGN = 3		/* data the device signs */
};
const char *purpose_name(enum product_purpose);

enum product_maker {
	MAKER_DEVICE = 1, MAKER_CHIP = 2, MAKER_STATION = 3,
	MAKER_AUTHORITY = 4
};
const char *maker_name(enum product_maker);

/* Which optional parts a certificate carries. */
enum {
	CERT_WITH_SKI = 1 << 0,		/* RFC 5280 4.2.1.2 */
	CERT_WITH_AKI = 1 << 1,		/* RFC 5280 4.2.1.1 */
	CERT_WITH_CRL = 1 << 2,		/* RFC 5280 4.2.1.13 */
	CERT_WITH_AIA = 1 << 3,		/* RFC 5280 4.2.2.1 */
	CERT_WITH_EKU = 1 << 4		/* RFC 5280 4.2.1.12 */
};

struct product_credential {
	unsigned		slot;
	enum product_purpose	purpose;
	enum key_alg		alg;
	enum product_maker	maker;
	bool			certificate;	/* else a bare key */
	int			validity_years;	/* 1..100, PRODUCT_NEVER */
	unsigned		with;		/* CERT_WITH_... */
};

/* What the device must trust, for a purpose such as "service". */
struct product_anchor {
	char			purpose[PRODUCT_TEXT_MAX + 1];
	/* "root": the ecosystem's root certificate; "key": public_key below */
	bool			is_key;
	struct public_key	public_key;
};

/* Where the names of a kind come from. */
enum name_source {
	NAME_FROM_INDEX = 0,	/* text and digits made of the index */
	NAME_FROM_RANGE = 1,	/* the next value of a block */
	NAME_FROM_CSV = 2,	/* a line of the file that came along */
	NAME_FROM_LINE = 3,	/* known on the line alone: not in documents */
	NAME_FROM_BIRTH = 4	/* the one that the bootstrap identity has:
				 * products of the field alone */
};
const char *name_source_name(enum name_source);

enum name_type {
	NAME_TEXT = 0,
	NAME_MAC = 1,		/* EUI-48 or EUI-64 */
	NAME_IMEI = 2		/* 15 digits, the last one Luhn's */
};
const char *name_type_name(enum name_type);

enum name_digits {
	NAME_DECIMAL = 0, NAME_HEX = 1 /* a-f */, NAME_HEX_UPPER = 2
};

/*
 * A kind of name. From index and range it has a form: the prefix and then so
 * many digits, zero-padded, of the index or of a value first..last. A MAC
 * has 12 or 16 hexadecimal digits, an IMEI 14 decimal ones (its check digit
 * is no part of the value); both have no prefix. All is 0 that is not said.
 */
struct product_name {
	char		kind[PRODUCT_NAME_MAX + 1];	/* serial-number */
	char		prefix[PRODUCT_TEXT_MAX + 1];	/* "CAM-" */
	unsigned	digits;				/* 1..19 */
	enum name_source from;
	enum name_type	type;				/* index: text */
	enum name_digits alphabet;			/* index: decimal */
	uint64_t	first, last;			/* range */
};

/* How a document is signed. */
enum product_signature {
	SIGNATURE_DIRECT = 0,	/* each on its own */
	SIGNATURE_RECEIPT = 1	/* one signature a chunk, and a proof each */
};
const char *product_signature_name(enum product_signature);

/* What shows that a device has its identity, at least. */
enum product_evidence {
	INJECTION_UNPROVEN = 0,	/* nothing, its fixture says so */
	INJECTION_READBACK = 1,	/* hash of what was read back from it */
	INJECTION_SIGNED = 2	/* the injected key's signature */
};
const char *product_evidence_name(enum product_evidence);

/*
 * How a product is had in the field: by a device with an identity of another
 * product, that made in a factory. Manufacturer CAs of others will be a kind
 * of source beside it.
 */
#define PRODUCT_ATTEMPTS_MAX	16
#define PRODUCT_GRACE_MAX	3650	/* days */
#define PRODUCT_EST_MAX		1000000000U
struct product_field {
	char		bootstrap[PRODUCT_NAME_MAX + 1]; /* product's name;
							  * empty: not had
							  * in the field */
	unsigned	attempts;	/* identities before one is confirmed:
					 * 1..PRODUCT_ATTEMPTS_MAX */
	unsigned	grace_days;	/* after expiry, for renewal */
	/* identities that may be had by plain EST (RFC 7030) for a new key,
	 * for which there is only the front's word: in all versions of this
	 * product together. 0: none */
	uint32_t	est;
	/* an owner claims a device before it enrols */
	bool		claim;
	/* the identity that a device was born with, which is more than a way
	 * in, is revoked as superseded once another is confirmed */
	bool		supersedes;
	/* bootstrap names a registered manufacturer, whose CA issued what
	 * devices enrol with; so many of them may. 0: a product */
	uint32_t	devices;
};

/*
 * The form in which a station writes the package into a device, and gives it
 * to a fixture; lib/identity/package_form.h makes them. The numbers stand in
 * products and packs, for ever.
 */
enum product_form {
	FORM_CBOR = 0,		/* as it is */
	FORM_PEM = 1, FORM_DER = 2, FORM_C = 3,
	FORM_IMAGE = 4,		/* by the product's layout */
	FORM_NDJSON = 5
};
const char *product_form_name(enum product_form);

/* A place for a private key in the device or its chip. */
struct target_key {
	unsigned	slot;
	unsigned	algs;	/* 1 << enum key_alg: what it may hold */
};

/*
 * What the device can hold. All 0: nothing is said, nothing is refused.
 * product_fits() holds what would be made against it.
 */
struct product_target {
	struct target_key	keys[PRODUCT_SLOTS_MAX];
	size_t			key_count;	/* 0: not said */
	/* octets at most; 0: not said */
	uint32_t		certificate;	/* each */
	uint32_t		document;
	uint32_t		package;	/* as it is handed over */
	uint32_t		total;		/* each part kept on its own */
};

/* Octets of what one device gets, at most. */
struct product_sizes {
	size_t	certificate[PRODUCT_SLOTS_MAX];	/* by credential; 0: none */
	size_t	document;
	size_t	package;
	/* document, certificates of slots and chain, raw private keys */
	size_t	total;
};

struct product {
	char		name[PRODUCT_NAME_MAX + 1];
	char		version[PRODUCT_NAME_MAX + 1];	/* digits and dots */
	/* metadata (RFC 9711 4.2.3 - 4.2.7); empty or 0: absent */
	char		manufacturer[PRODUCT_TEXT_MAX + 1];	/* subject O */
	uint32_t	oemid;		/* IANA Private Enterprise Number */
	char		hwmodel[33];	/* 1 to 32 octets, required */
	char		hwversion[PRODUCT_TEXT_MAX + 1];
	char		swname[PRODUCT_TEXT_MAX + 1];
	char		swversion[PRODUCT_TEXT_MAX + 1];
	struct product_object	capabilities[PRODUCT_OBJECTS_MAX];
	size_t			capability_count;
	struct product_object	authorisations[PRODUCT_OBJECTS_MAX];
	size_t			authorisation_count;
	struct product_credential credentials[PRODUCT_SLOTS_MAX];
	size_t			credential_count;
	struct product_anchor	anchors[PRODUCT_ANCHORS_MAX];
	size_t			anchor_count;
	struct product_name	names[PRODUCT_NAMES_MAX];
	size_t			name_count;
	int			document_validity_years; /* or PRODUCT_NEVER */
	enum product_signature	signature;
	enum product_evidence	evidence;
	enum product_form	form;
	char		layout[PRODUCT_LAYOUT_MAX + 1];	/* with FORM_IMAGE */
	struct product_target	target;
	struct product_field	field;
	/* delivery: station, the only one offered */
};

/*
 * The rules that hold between fields. Exactly one authenticate slot, with a
 * certificate; an algorithm that can do what its purpose asks for; X25519
 * without certificate; what is authorised must be a capability, bits
 * included; keys are all made in the authority, all in devices or all in
 * chips (ERR_UNSUPPORTED: in the station); the target has a place for each
 * key. With a field section: keys made in the device or, without RSA, in the
 * authority; documents signed directly, every name from birth. Whether the
 * installed OpenSSL has an algorithm does not count here: product_yaml.h,
 * key_alg_available().
 */
MUST_USE enum err product_check(const struct product *, struct diag *);

/*
 * Does what would be made fit into the target? ERR_LIMIT names the slot or
 * part, what was found, what is allowed and what to change.
 */
MUST_USE enum err product_fits(const struct product *,
    const struct product_sizes *, struct diag *);

/* Canonical form, and back (checked again on the way in). */
MUST_USE enum err product_encode(const struct product *, struct buf *out);
MUST_USE enum err product_decode(struct bytes, struct product *ret_product,
    struct diag *);
/* A name as it stands in that form, and in templates; see product_cbor.c. */
void	product_name_put(struct buf *, const struct product_name *);
void	product_name_get(struct cbor *, struct product_name *ret_name);
MUST_USE enum err product_hash(const struct product *,
    uint8_t ret_hash[SHA256_SIZE]);

#endif
