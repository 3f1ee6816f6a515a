/* Token Status List (draft-ietf-oauth-status-list) as CWT, for the one
 * identity of a device. */
#include "device/src/certificate.h"

#define HASH_SIZE	IMPRINT_DEVICE_HASH_SIZE
#define TYP		"application/statuslist+cwt"
#define TAG_SIGN1	18
#define ES256		(-7)
#define INDEX_MAX	((UINT64_C(1) << 20) - 1)
#define LIST_MAX	((size_t)270 << 10)
#define SKEW_S		300	/* two right clocks differ by less */

enum {
	HEADER_ALG = 1, HEADER_CRIT = 2, HEADER_KID = 4, HEADER_TYP = 16
};
enum {
	CLAIM_SUB = 2, CLAIM_EXP = 4, CLAIM_IAT = 6, CLAIM_LIST = 65533,
	CLAIM_STATUS = 65535
};

struct list {
	struct bytes	protected_header, payload, signature;
	struct bytes	kid, uri, array;
	int64_t		issued, expires;
	bool		understood;	/* header, two bits each */
};

/* {"status_list": {"idx", "uri"}}: which list, and where in it. */
static bool
place_read(struct cbor *c, struct bytes *ret_uri, uint64_t *ret_index)
{
	bool named;

	named = cbor_get_map(c) == 1 &&
	    bytes_equal(cbor_get_tstr(c), bytes_text("status_list"));
	named = cbor_get_map(c) == 2 && named &&
	    bytes_equal(cbor_get_tstr(c), bytes_text("idx"));
	*ret_index = cbor_get_uint(c);
	named = named && bytes_equal(cbor_get_tstr(c), bytes_text("uri"));
	*ret_uri = cbor_get_tstr(c);
	return named && cbor_ok(c) && *ret_index <= INDEX_MAX;
}

/* False: the document names no list. */
static bool
place_find(const struct imprint_device_identity *id, struct bytes *ret_uri,
    uint64_t *ret_index)
{
	size_t i, pairs;
	struct cbor c;

	cbor_open_checked(&c, view(id->claims));
	pairs = cbor_get_map(&c);
	for (i = 0; i < pairs && cbor_ok(&c); i++) {
		if (cbor_peek(&c) == CBOR_TSTR)
			cbor_skip(&c);
		else if (cbor_get_int(&c) == CLAIM_STATUS)
			return place_read(&c, ret_uri, ret_index);
		cbor_skip(&c);
	}
	return false;
}

/* What must be understood is listed by crit; nothing is (RFC 9052 3.1). */
static void
header_read(struct cbor *outer, struct list *list)
{
	bool alg = false, typ = false, crit = false;
	size_t i, pairs;
	struct cbor c;

	cbor_open(&c, list->protected_header);
	pairs = cbor_get_map(&c);
	for (i = 0; i < pairs && cbor_ok(&c); i++) {
		switch (cbor_get_int(&c)) {
		case HEADER_ALG:
			alg = cbor_get_int(&c) == ES256;
			break;
		case HEADER_CRIT:
			crit = true;
			cbor_skip(&c);
			break;
		case HEADER_KID:
			list->kid = cbor_get_bstr_sized(&c, HASH_SIZE);
			break;
		case HEADER_TYP:
			typ = bytes_equal(cbor_get_tstr(&c),
			    bytes_text(TYP));
			break;
		default:
			cbor_skip(&c);
		}
	}
	if (cbor_close(&c) && list->kid.len == 0)
		cbor_fail(&c, "status list: kid is missing");
	if (!cbor_ok(&c))
		cbor_fail(outer, c.error);
	list->understood = alg && typ && !crit;
}

/* {"lst": bstr, "bits": 2} */
static void
array_read(struct cbor *c, struct list *list)
{
	bool named;

	named = cbor_get_map(c) == 2 &&
	    bytes_equal(cbor_get_tstr(c), bytes_text("lst"));
	list->array = cbor_get_bstr(c);
	named = named && bytes_equal(cbor_get_tstr(c), bytes_text("bits"));
	if (cbor_get_uint(c) != 2)
		list->understood = false;
	if (!named)
		cbor_fail(c, "status list: not lst and bits");
}

static int64_t
time_read(struct cbor *c)
{
	int64_t t = cbor_get_int(c);

	if (cbor_ok(c) && (t < 1 || t > IMPRINT_DEVICE_TIME_NEVER))
		cbor_fail(c, "status list: a time outside the years 1970 to"
		    " 9999");
	return t;
}

/* Unknown claims are passed over (RFC 8392 3). */
static void
claims_read(struct cbor *outer, struct list *list)
{
	size_t i, pairs;
	struct cbor c;

	cbor_open(&c, list->payload);
	pairs = cbor_get_map(&c);
	for (i = 0; i < pairs && cbor_ok(&c); i++) {
		if (cbor_peek(&c) == CBOR_TSTR) {
			cbor_skip(&c);
			cbor_skip(&c);
			continue;
		}
		switch (cbor_get_int(&c)) {
		case CLAIM_SUB:
			list->uri = cbor_get_tstr(&c);
			break;
		case CLAIM_EXP:
			list->expires = time_read(&c);
			break;
		case CLAIM_IAT:
			list->issued = time_read(&c);
			break;
		case CLAIM_LIST:
			array_read(&c, list);
			break;
		default:
			cbor_skip(&c);
		}
	}
	if (cbor_close(&c) && (list->uri.len == 0 || list->issued == 0 ||
	    list->array.ptr == NULL || list->expires <= list->issued))
		cbor_fail(&c, "status list: sub, iat or status_list is"
		    " missing, or exp not after iat");
	if (!cbor_ok(&c))
		cbor_fail(outer, c.error);
}

/* tag 18, [protected, {}, claims, signature]; NULL, or static text. */
static const char *
list_read(struct bytes input, struct list *list)
{
	static const struct list none;
	struct cbor c;

	*list = none;
	list->expires = IMPRINT_DEVICE_TIME_NEVER;
	if (input.len == 0 || input.len > LIST_MAX)
		return "status list: empty or larger than 270 KB";
	cbor_open(&c, input);
	if (cbor_get_tag(&c) != TAG_SIGN1)
		cbor_fail(&c, "status list: not a COSE_Sign1");
	cbor_get_array_sized(&c, 4);
	list->protected_header = cbor_get_bstr(&c);
	if (cbor_get_map(&c) != 0)
		cbor_fail(&c, "status list: unprotected header is not empty");
	list->payload = cbor_get_bstr(&c);
	list->signature = cbor_get_bstr_sized(&c,
	    IMPRINT_DEVICE_SIGNATURE_SIZE);
	if (!cbor_close(&c))
		return c.error;
	header_read(&c, list);
	if (cbor_ok(&c))
		claims_read(&c, list);
	return c.error;
}

/* Refuse; for "return deny(...)". */
static enum imprint_device_error
deny(struct imprint_device_standing *s, enum imprint_device_verdict verdict,
    const char *reason)
{
	s->verdict = verdict;
	s->reason = reason;
	return IMPRINT_DEVICE_OK;
}

/* Is the certificate for the key that signed the list? */
static int
key_fits(const struct imprint_device_crypto *crypto, const struct list *list,
    struct imprint_bytes der, struct imprint_device_public *ret_key,
    bool *ret_fits)
{
	uint8_t kid[HASH_SIZE];
	struct certificate c;

	*ret_fits = false;
	if (imprint_device_certificate_read(view(der), &c) != NULL ||
	    c.key.alg != IMPRINT_DEVICE_P256)
		return 0;
	if (imprint_device_thumbprint(crypto, &c.key, kid) != 0)
		return -1;
	*ret_fits = bytes_equal(list->kid, bytes_of(kid, HASH_SIZE));
	*ret_key = c.key;
	return 0;
}

static enum imprint_device_error
signer_check(const struct imprint_device_crypto *crypto,
    const struct imprint_device_identity *id, const struct list *list,
    struct imprint_bytes signer, struct imprint_device_standing *s)
{
	struct imprint_device_public key;
	bool fits = false, good;
	struct path path;
	size_t i;

	if (signer.len > 0 &&
	    key_fits(crypto, list, signer, &key, &fits) != 0)
		return IMPRINT_DEVICE_ERROR_CRYPTO;
	for (i = 0; i < id->cert_count && !fits; i++) {
		signer = id->certs[i];
		if (key_fits(crypto, list, signer, &key, &fits) != 0)
			return IMPRINT_DEVICE_ERROR_CRYPTO;
	}
	if (!fits)
		return deny(s, IMPRINT_DEVICE_DENY_SIGNER,
		    "status list: no certificate here is for its key");
	if (imprint_device_path_find(crypto, id, view(signer), PATH_DOCUMENT,
	    &path) != 0)
		return IMPRINT_DEVICE_ERROR_CRYPTO;
	if (path.reason != NULL)
		return deny(s, IMPRINT_DEVICE_DENY_SIGNER, path.reason);
	if (list->issued < path.not_before || list->issued > path.not_after)
		return deny(s, IMPRINT_DEVICE_DENY_SIGNER,
		    "status list: its signer was not valid at its issue");
	if (imprint_device_sign1_verify(crypto, &key,
	    export(list->protected_header), export(list->payload),
	    list->signature.ptr, &good) != 0)
		return IMPRINT_DEVICE_ERROR_CRYPTO;
	if (!good)
		return deny(s, IMPRINT_DEVICE_DENY_SIGNATURE,
		    "status list: its signature is wrong: altered or forged");
	return deny(s, IMPRINT_DEVICE_ACCEPT, "");
}

/* Signed, and of this identity: what does it say? */
static enum imprint_device_error
bits_check(const struct imprint_device_crypto *crypto,
    const struct list *list, uint64_t index,
    struct imprint_device_standing *s)
{
	uint8_t octet = 0;
	bool there = false;

	if (crypto->inflate == NULL)
		return deny(s, IMPRINT_DEVICE_DENY_UNSUPPORTED,
		    "status list: nothing here can decompress it");
	if (crypto->inflate(crypto->state, export(list->array),
	    (size_t)(index / 4), &octet, &there) != 0)
		return IMPRINT_DEVICE_ERROR_CRYPTO;
	if (!there)
		return deny(s, IMPRINT_DEVICE_DENY,
		    "status list: it ends before this identity");
	switch (octet >> 2 * (index % 4) & 3) {
	case 0:
		return deny(s, IMPRINT_DEVICE_ACCEPT, "");
	case 1:
		return deny(s, IMPRINT_DEVICE_DENY_REVOKED,
		    "this identity was revoked");
	case 2:
		return deny(s, IMPRINT_DEVICE_DENY_SUSPENDED,
		    "this identity is suspended");
	default:
		return deny(s, IMPRINT_DEVICE_DENY,
		    "status list: a status that is not known");
	}
}

/* Valid then: and now? */
static enum imprint_device_error
times_check(const struct imprint_device_trust *trust,
    struct imprint_device_standing *s)
{
	if (s->floor >= s->expires || (trust->now >= s->floor &&
	    trust->now >= s->expires))
		return deny(s, IMPRINT_DEVICE_DENY_EXPIRED,
		    "status list: expired, fetch it again");
	if (trust->now < s->floor)
		return deny(s, IMPRINT_DEVICE_UNKNOWN_TIME,
		    "the clock is behind a time that has certainly been");
	return IMPRINT_DEVICE_OK;
}

enum imprint_device_error
imprint_device_status(const struct imprint_device_crypto *crypto,
    const struct imprint_device_identity *id, struct imprint_bytes input,
    struct imprint_bytes signer, const struct imprint_device_trust *trust,
    struct imprint_device_standing *s)
{
	enum imprint_device_error error;
	struct bytes uri;
	uint64_t index;
	struct list list;

	memset(s, 0, sizeof(*s));
	s->floor = trust->floor;
	if (!place_find(id, &uri, &index))
		return deny(s, IMPRINT_DEVICE_DENY,
		    "the document names no status list");
	s->reason = list_read(view(input), &list);
	if (s->reason != NULL)
		return deny(s, IMPRINT_DEVICE_DENY_MALFORMED, s->reason);
	if (!list.understood)
		return deny(s, IMPRINT_DEVICE_DENY_UNSUPPORTED, "status list:"
		    " alg, typ, crit or bits is not known");
	if (!bytes_equal(list.uri, uri))
		return deny(s, IMPRINT_DEVICE_DENY,
		    "status list: not the one that the document names");
	error = signer_check(crypto, id, &list, signer, s);
	if (error == IMPRINT_DEVICE_OK &&
	    s->verdict == IMPRINT_DEVICE_ACCEPT) {
		s->issued = list.issued;
		s->expires = list.expires;
		if (list.issued - SKEW_S > s->floor)
			s->floor = list.issued - SKEW_S;
		error = bits_check(crypto, &list, index, s);
	}
	if (error == IMPRINT_DEVICE_OK &&
	    s->verdict == IMPRINT_DEVICE_ACCEPT)
		return times_check(trust, s);
	if (error != IMPRINT_DEVICE_OK)
		(void)deny(s, IMPRINT_DEVICE_DENY,
		    "the cryptographic library failed");
	return error;
}
