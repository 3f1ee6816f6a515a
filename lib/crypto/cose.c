#include "lib/base/cbor_write.h"
#include "lib/crypto/cose.h"
#include "lib/crypto/key_internal.h"

#define TAG_SIGN1	18
#define HEAD_MAX	9
#define PART_COUNT	6

/* RFC 9052 3.1, RFC 9596, RFC 9360 2 */
enum header {
	HEADER_ALG = 1,
	HEADER_CRIT = 2,
	HEADER_KID = 4,
	HEADER_TYP = 16,
	HEADER_X5CHAIN = 33
};

static enum err
parse_fail(struct diag *diag, const struct cbor *c, const char *part)
{
	return diag_fail(diag, ERR_SYNTAX, "RFC 9052 4.2",
	    "COSE_Sign1: %s: octet %zu: %s", part, c->pos, c->error);
}

/* One value whose label is understood. ERR_OK also when the reader failed. */
static enum err
header_read(struct cbor *c, int64_t label, struct cose_sign1 *msg,
    struct diag *diag)
{
	int64_t alg;

	if (label == HEADER_ALG && cbor_peek(c) != CBOR_TSTR) {
		alg = cbor_get_int(c);
		if (cbor_ok(c) && key_algorithm_by_cose(alg) == NULL)
			return diag_fail(diag, ERR_UNSUPPORTED, "RFC 9053 2",
			    "COSE_Sign1: alg: %lld is no signature known here",
			    (long long)alg);
		msg->alg = (enum cose_alg)alg;
	} else if (label == HEADER_ALG) {
		return diag_fail(diag, ERR_UNSUPPORTED, "RFC 9053 2",
		    "COSE_Sign1: alg: no signature known here");
	} else if (label == HEADER_KID) {
		msg->kid = cbor_get_bstr(c);
	} else if (label == HEADER_X5CHAIN) {
		msg->x5chain = cbor_get_item(c);
	} else if (cbor_peek(c) != CBOR_TSTR) {
		return diag_fail(diag, ERR_UNSUPPORTED, "RFC 9596 2",
		    "COSE_Sign1: typ: not text");
	} else {
		msg->typ = cbor_get_tstr(c);
		if (msg->typ.len == 0 || msg->typ.len > COSE_TYP_MAX)
			cbor_fail(c, "typ: empty or too long");
	}
	return ERR_OK;
}

static bool
label_understood(int64_t label)
{
	return label == HEADER_ALG || label == HEADER_KID ||
	    label == HEADER_TYP || label == HEADER_X5CHAIN;
}

/* Integer label of the next pair; 0, which is reserved, for a text label. */
static int64_t
label_read(struct cbor *c)
{
	if (cbor_peek(c) != CBOR_TSTR)
		return cbor_get_int(c);
	cbor_skip(c);
	return 0;
}

/*
 * RFC 9052 3.1: refuse what must be understood and is not. seen: the
 * understood labels present, as bits.
 */
static enum err
crit_check(struct bytes crit, uint64_t seen, struct diag *diag)
{
	struct cbor c;
	int64_t label;
	size_t i, count;

	cbor_open_checked(&c, crit);
	count = cbor_get_array(&c);
	if (cbor_ok(&c) && count == 0)
		cbor_fail(&c, "no label in it");
	for (i = 0; i < count && cbor_ok(&c); i++) {
		label = label_read(&c);
		if (!cbor_ok(&c))
			break;
		if (!label_understood(label))
			return diag_fail(diag, ERR_UNSUPPORTED,
			    "RFC 9052 3.1", "COSE_Sign1: crit: a critical "
			    "header is not understood");
		if ((seen & (UINT64_C(1) << label)) == 0)
			cbor_fail(&c, "lists a header that is absent");
	}
	if (!cbor_close(&c))
		return parse_fail(diag, &c, "crit");
	return ERR_OK;
}

static enum err
protected_parse(struct cose_sign1 *msg, struct diag *diag)
{
	struct bytes crit = BYTES_NONE;
	uint64_t seen = 0;
	size_t i, pairs;
	int64_t label;
	struct cbor c;
	enum err err;

	cbor_open(&c, msg->protected);
	pairs = cbor_get_map(&c);
	for (i = 0; i < pairs && cbor_ok(&c); i++) {
		label = label_read(&c);
		if (label == HEADER_CRIT) {
			crit = cbor_get_item(&c);
		} else if (!label_understood(label)) {
			cbor_skip(&c);
		} else {
			err = header_read(&c, label, msg, diag);
			if (err)
				return err;
			seen |= UINT64_C(1) << label;
		}
	}
	if (cbor_close(&c) && (seen & (UINT64_C(1) << HEADER_ALG)) == 0)
		cbor_fail(&c, "alg is missing");
	if (!cbor_ok(&c))
		return parse_fail(diag, &c, "protected header");
	return crit.len > 0 ? crit_check(crit, seen, diag) : ERR_OK;
}

/* Is key among the keys of this map, which has been walked? */
static bool
map_has(struct bytes map, struct bytes key)
{
	size_t i, pairs;
	struct cbor c;

	cbor_open_checked(&c, map);
	pairs = cbor_get_map(&c);
	for (i = 0; i < pairs && cbor_ok(&c); i++) {
		if (bytes_equal(cbor_get_item(&c), key))
			return true;
		cbor_skip(&c);
	}
	return false;
}

/*
 * RFC 9052 3: what stands here is not covered by the signature. alg and crit
 * belong in the other map, and no label may be in both.
 */
static void
unprotected_pass(struct cbor *c, struct bytes protected)
{
	size_t i, pairs = cbor_get_map(c);
	struct bytes key;
	struct cbor k;
	int64_t label;

	for (i = 0; i < pairs && cbor_ok(c); i++) {
		key = cbor_get_item(c);
		if (!cbor_ok(c))
			return;
		cbor_open_checked(&k, key);
		label = label_read(&k);
		if (!cbor_ok(&k))
			cbor_fail(c, "label is neither integer nor text");
		else if (label == HEADER_ALG || label == HEADER_CRIT)
			cbor_fail(c, "alg or crit is not protected");
		else if (map_has(protected, key))
			cbor_fail(c, "label is in the protected header too");
		cbor_skip(c);
	}
}

/* As long as signatures of that algorithm are, with one key or another? */
static bool
signature_fits(enum cose_alg alg, size_t len)
{
	const struct key_algorithm *a;
	size_t i;

	for (i = 0; (a = key_algorithm_at(i)) != NULL; i++)
		if (a->cose_alg == alg && a->signature_len == len)
			return true;
	return false;
}

static enum err
sign1_parse(struct bytes input, bool detached, struct cose_sign1 *ret_msg,
    struct diag *diag)
{
	struct cose_sign1 msg = { .protected = BYTES_NONE };
	struct cbor c;
	size_t at;
	enum err err;

	cbor_open(&c, input);
	if (cbor_get_tag(&c) != TAG_SIGN1)
		cbor_fail(&c, "not tagged as COSE_Sign1 (18)");
	cbor_get_array_sized(&c, 4);
	msg.protected = cbor_get_bstr(&c);
	if (!cbor_ok(&c))
		return parse_fail(diag, &c, "message");
	err = protected_parse(&msg, diag);
	if (err)
		return err;
	at = c.pos;
	unprotected_pass(&c, msg.protected);
	if (!cbor_ok(&c))
		return parse_fail(diag, &c, "unprotected header");
	msg.unprotected = bytes_of(input.ptr + at, c.pos - at);
	if (detached)
		cbor_get_null(&c);
	else
		msg.payload = cbor_get_bstr(&c);
	msg.signature = cbor_get_bstr(&c);
	if (cbor_ok(&c) && !signature_fits(msg.alg, msg.signature.len))
		cbor_fail(&c, "a signature of another length expected");
	if (!cbor_close(&c))
		return parse_fail(diag, &c, "payload or signature");
	*ret_msg = msg;
	return ERR_OK;
}

enum err
cose_sign1_parse(struct bytes input, struct cose_sign1 *ret_msg,
    struct diag *diag)
{
	return sign1_parse(input, false, ret_msg, diag);
}

enum err
cose_sign1_parse_detached(struct bytes input, struct cose_sign1 *ret_msg,
    struct diag *diag)
{
	return sign1_parse(input, true, ret_msg, diag);
}

/* The head of a byte string of len octets. */
static size_t
bstr_head(uint8_t out[HEAD_MAX], size_t len)
{
	if (len < 24) {
		out[0] = (uint8_t)(0x40 | len);
		return 1;
	}
	if (len <= UINT8_MAX) {
		out[0] = 0x58;
		out[1] = (uint8_t)len;
		return 2;
	}
	if (len <= UINT16_MAX) {
		out[0] = 0x59;
		put_be16(out + 1, (uint16_t)len);
		return 3;
	}
	if (len <= UINT32_MAX) {
		out[0] = 0x5a;
		put_be32(out + 1, (uint32_t)len);
		return 5;
	}
	out[0] = 0x5b;
	put_be64(out + 1, len);
	return 9;
}

/*
 * Sig_structure (RFC 9052 4.4) in parts, so that the payload is hashed
 * where it lies. heads is the memory for what stands between.
 */
struct to_be_signed {
	uint8_t		heads[2][HEAD_MAX];
	uint8_t		start[12 + HEAD_MAX];
	struct bytes	parts[PART_COUNT];
};

static void
to_be_signed_init(struct to_be_signed *t, struct bytes protected,
    struct bytes external_aad, struct bytes payload)
{
	/* array of 4, text of 10 */
	static const uint8_t start[12] = "\x84\x6aSignature1";
	size_t len;

	memcpy(t->start, start, sizeof(start));
	len = bstr_head(t->start + sizeof(start), protected.len);
	t->parts[0] = bytes_of(t->start, sizeof(start) + len);
	t->parts[1] = protected;
	len = bstr_head(t->heads[0], external_aad.len);
	t->parts[2] = bytes_of(t->heads[0], len);
	t->parts[3] = external_aad;
	len = bstr_head(t->heads[1], payload.len);
	t->parts[4] = bytes_of(t->heads[1], len);
	t->parts[5] = payload;
}

static enum err
message_verify(const struct to_be_signed *t, struct verifier *verifier,
    struct bytes signature, bool *ret_good)
{
	_cleanup_buf_ struct buf joined = BUF_INIT;
	enum err err;
	size_t i;

	for (i = 0; i < PART_COUNT; i++)
		buf_put_bytes(&joined, t->parts[i]);
	err = buf_err(&joined);
	if (err)
		return err;
	return verifier_check(verifier, buf_bytes(&joined), signature,
	    ret_good);
}

enum err
cose_sign1_verify(const struct cose_sign1 *msg, struct verifier *verifier,
    enum key_alg alg, struct bytes external_aad, struct sha256 *sha256,
    bool *ret_good)
{
	const struct key_algorithm *a = key_algorithm(alg);
	uint8_t digest[SHA256_SIZE];
	struct to_be_signed t;
	enum err err;

	/* RFC 9053 2.1, 2.2: the algorithm goes with one kind of key */
	if (a == NULL || a->cose_alg != msg->alg) {
		*ret_good = false;
		return ERR_OK;
	}
	to_be_signed_init(&t, msg->protected, external_aad, msg->payload);
	if (alg != KEY_P256)
		return message_verify(&t, verifier, msg->signature, ret_good);
	err = sha256_parts(sha256, t.parts, PART_COUNT, digest);
	if (err)
		return err;
	return verifier_check_digest(verifier, digest, msg->signature,
	    ret_good);
}

enum err
cose_sign1_signature(struct signer *signer, struct bytes protected,
    struct bytes payload, uint8_t ret_sig[SIGNATURE_SIZE])
{
	struct to_be_signed t;

	to_be_signed_init(&t, protected, BYTES_NONE, payload);
	return signer_sign_parts(signer, t.parts, PART_COUNT, ret_sig);
}

void
cose_put_protected(struct buf *b, enum cose_alg alg, struct bytes kid,
    const char *typ)
{
	size_t pairs = 1;

	pairs += kid.len > 0 ? 1 : 0;
	pairs += typ != NULL ? 1 : 0;
	cbor_put_map(b, pairs);
	cbor_put_uint(b, HEADER_ALG);
	cbor_put_int(b, alg);
	if (kid.len > 0) {
		cbor_put_uint(b, HEADER_KID);
		cbor_put_bstr(b, kid);
	}
	if (typ != NULL) {
		cbor_put_uint(b, HEADER_TYP);
		cbor_put_text(b, typ);
	}
}

/* Length of what cose_put_protected() writes with both. */
static size_t
protected_len(enum cose_alg alg, size_t kid_len, size_t typ_len)
{
	size_t alg_len = alg < -24 ? 2 : 1;
	uint8_t head[HEAD_MAX];

	return 2 + alg_len + 1 + bstr_head(head, kid_len) + kid_len + 1 +
	    bstr_head(head, typ_len) + typ_len;
}

static enum err
sign1_put(struct buf *out, struct signer *signer, struct bytes kid,
    const char *typ, struct bytes payload, struct bytes external_aad)
{
	const struct key_algorithm *a = key_algorithm(signer_alg(signer));
	size_t at, len = protected_len(a->cose_alg, kid.len, strlen(typ));
	uint8_t sig[SIGNATURE_MAX];
	struct to_be_signed t;
	enum err err;

	cbor_put_tag(out, TAG_SIGN1);
	cbor_put_array(out, 4);
	cbor_put_bstr_head(out, len);
	at = out->len;
	cose_put_protected(out, a->cose_alg, kid, typ);
	cbor_put_map(out, 0);
	cbor_put_bstr(out, payload);
	err = buf_err(out);
	if (err)
		return err;
	to_be_signed_init(&t, bytes_of(out->ptr + at, len), external_aad,
	    payload);
	err = signer_sign_parts(signer, t.parts, PART_COUNT, sig);
	if (err)
		return err;
	cbor_put_bstr(out, bytes_of(sig, a->signature_len));
	return buf_err(out);
}

enum err
cose_sign1_sign(struct buf *out, struct signer *signer, struct bytes kid,
    const char *typ, struct bytes payload, struct bytes external_aad,
    struct diag *diag)
{
	size_t start = out->len;
	enum err err;

	if (kid.len == 0 || typ[0] == '\0' || strlen(typ) > COSE_TYP_MAX)
		return diag_fail(diag, ERR_INVALID, "RFC 9596 2",
		    "COSE_Sign1: kid or typ: empty or too long");
	err = sign1_put(out, signer, kid, typ, payload, external_aad);
	if (!err)
		return ERR_OK;
	if (out->err == ERR_OK)
		out->len = start;
	return diag_fail(diag, err, NULL, "COSE_Sign1: not signed: %s",
	    err_name(err));
}

enum err
cose_x5chain_leaf(const struct cose_sign1 *msg, struct bytes *ret_leaf,
    struct diag *diag)
{
	struct bytes leaf;
	struct cbor c;
	size_t i, count;

	if (msg->x5chain.len == 0)
		return diag_fail(diag, ERR_NOTFOUND, "RFC 9360 2",
		    "COSE_Sign1: x5chain is missing");
	cbor_open_checked(&c, msg->x5chain);
	if (cbor_peek(&c) == CBOR_BSTR) {
		leaf = cbor_get_bstr(&c);
	} else {
		count = cbor_get_array(&c);
		if (cbor_ok(&c) && count < 2)
			cbor_fail(&c, "one certificate stands without array");
		leaf = cbor_get_bstr(&c);
		for (i = 1; i < count && cbor_ok(&c); i++)
			(void)cbor_get_bstr(&c);
	}
	if (!cbor_close(&c))
		return parse_fail(diag, &c, "x5chain");
	*ret_leaf = leaf;
	return ERR_OK;
}

enum err
cose_x5chain_rest(const struct cose_sign1 *msg, size_t max,
    struct bytes *ret_rest, size_t *ret_count, struct diag *diag)
{
	struct bytes leaf;
	struct cbor c;
	size_t i, count = 1;
	enum err err;

	err = cose_x5chain_leaf(msg, &leaf, diag);
	if (err)
		return err;
	cbor_open_checked(&c, msg->x5chain);
	if (cbor_peek(&c) != CBOR_BSTR) {
		count = cbor_get_array(&c);
		(void)cbor_get_bstr(&c);
	}
	if (count - 1 > max)
		return diag_fail(diag, ERR_LIMIT, "RFC 9360 2", "COSE_Sign1: "
		    "x5chain: more than %zu certificates", max + 1);
	for (i = 0; i + 1 < count; i++)
		ret_rest[i] = cbor_get_bstr(&c);
	*ret_count = count - 1;
	return ERR_OK;
}

enum err
cose_sign1_sign_x5chain(struct buf *out, struct signer *signer,
    const char *typ, struct bytes leaf, struct bytes payload,
    struct diag *diag)
{
	const struct key_algorithm *a = key_algorithm(signer_alg(signer));
	_cleanup_buf_ struct buf protected = BUF_INIT;
	uint8_t sig[SIGNATURE_MAX];
	struct to_be_signed t;
	enum err err;

	cbor_put_map(&protected, 3);
	cbor_put_uint(&protected, HEADER_ALG);
	cbor_put_int(&protected, a->cose_alg);
	cbor_put_uint(&protected, HEADER_TYP);
	cbor_put_text(&protected, typ);
	cbor_put_uint(&protected, HEADER_X5CHAIN);
	cbor_put_bstr(&protected, leaf);
	err = buf_err(&protected);
	if (err)
		return diag_fail(diag, err, NULL, "COSE_Sign1: too large");
	to_be_signed_init(&t, buf_bytes(&protected), BYTES_NONE, payload);
	err = signer_sign_parts(signer, t.parts, PART_COUNT, sig);
	if (err)
		return diag_fail(diag, err, NULL, "COSE_Sign1: not signed");
	cbor_put_tag(out, TAG_SIGN1);
	cbor_put_array(out, 4);
	cbor_put_bstr(out, buf_bytes(&protected));
	cbor_put_map(out, 0);
	cbor_put_bstr(out, payload);
	cbor_put_bstr(out, bytes_of(sig, a->signature_len));
	return buf_err(out);
}
