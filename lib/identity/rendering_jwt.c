/*
 * JWT (RFC 7519): the document as an EAT in JSON (RFC 9711), signed by the
 * document key. docs/protocol/document.md lists the claims.
 */
#include "lib/base/clock.h"
#include "lib/crypto/jwk.h"
#include "lib/identity/document_render.h"
#include "lib/identity/rendering_internal.h"

#define JWT_TYP		"eat+jwt"	/* RFC 9782 6.3, RFC 7515 4.1.9 */
/* Collision-resistant names (RFC 7519 4.2) by a tag URI (RFC 4151). */
#define PRIVATE(name)	"tag:imprint.example,2026:" name

struct jwt {
	struct json	 j;
	enum err	 err;		/* the first that a key failed with */
};

static void
member_open(struct json *j, const char *key, char bracket)
{
	json_key(j, bytes_text(key));
	json_open(j, bracket);
}

static void
jwt_key(struct jwt *w, const char *name, const struct public_key *key)
{
	json_key(&w->j, bytes_text(name));
	if (w->err == ERR_OK)
		w->err = jwk_put(w->j.b, key);
}

/* Of a COSE_Key; a document that was parsed holds none that fails here. */
static void
jwt_cose_key(struct jwt *w, const char *name, struct bytes cose_key)
{
	struct public_key key;
	enum err err;

	err = document_key_read(cose_key, &key);
	if (!err)
		jwt_key(w, name, &key);
	else if (w->err == ERR_OK)
		w->err = err;
}

/* NumericDate; left out when it never comes. */
static void
put_date(struct json *j, const char *key, int64_t t)
{
	if (t != TIME_MAX_S)
		json_put_number(j, key, (uint64_t)t);
}

static void
put_version(struct json *j, const char *key, struct bytes version)
{
	if (version.len == 0)
		return;
	member_open(j, key, '[');
	json_next(j);
	json_put_string(j, version);
	json_close(j, ']');
}

/* RFC 9711 4.2.2 */
static void
put_sueids(struct json *j, const struct document *d)
{
	size_t i;

	if (d->sueid_count == 0)
		return;
	member_open(j, "sueids", '{');
	for (i = 0; i < d->sueid_count; i++) {
		json_key(j, d->sueids[i].kind);
		json_put_base64url(j, d->sueids[i].ueid);
	}
	json_close(j, '}');
}

static void
put_registered(struct jwt *w, const struct document *d)
{
	struct json *j = &w->j;

	json_put_text(j, "eat_profile", d->profile);
	json_put_text(j, "iss", d->issuer);
	put_date(j, "iat", d->issued);
	put_date(j, "nbf", d->not_before);
	put_date(j, "exp", d->expires);
	if (d->salt.len > 0)
		json_put_octets(j, "jti", d->salt);
	json_put_octets(j, "ueid", d->ueid);
	put_sueids(j, d);
	if (d->oemid != 0)
		json_put_number(j, "oemid", d->oemid);
	if (d->hwmodel.len > 0)
		json_put_octets(j, "hwmodel", d->hwmodel);
	put_version(j, "hwversion", d->hwversion);
	json_put_some(j, "swname", d->swname);
	put_version(j, "swversion", d->swversion);
	/* RFC 7800 3.2 */
	member_open(j, "cnf", '{');
	jwt_key(w, "jwk", &d->confirmation);
	json_close(j, '}');
	if (d->status_uri.len == 0)
		return;
	member_open(j, "status", '{');
	member_open(j, "status_list", '{');
	json_put_number(j, "idx", d->status_idx);
	json_put_text(j, "uri", d->status_uri);
	json_close(j, '}');
	json_close(j, '}');
}

static void
put_keyset(struct jwt *w, const struct document *d)
{
	const struct document_key *k;
	struct json *j = &w->j;
	size_t i;

	member_open(j, PRIVATE("keyset"), '[');
	for (i = 0; i < d->key_count; i++) {
		k = &d->keys[i];
		json_next(j);
		json_open(j, '{');
		json_put_number(j, "slot", k->slot);
		json_put_text(j, "purpose",
		    bytes_text(purpose_name(k->purpose)));
		json_put_text(j, "made_by", bytes_text(maker_name(k->maker)));
		if (k->certificate.len > 0) {
			/* RFC 7517 4.7: base64, not base64url */
			member_open(j, "x5c", '[');
			json_next(j);
			buf_put_u8(j->b, '"');
			buf_put_base64(j->b, k->certificate);
			buf_put_u8(j->b, '"');
			json_close(j, ']');
		} else {
			jwt_cose_key(w, "jwk", k->key);
		}
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* {purpose: [anchor, ...]}; the document has the anchors of a purpose one
 * after the other. */
static void
put_anchors(struct jwt *w, const struct document *d)
{
	const struct document_anchor *a;
	struct json *j = &w->j;
	size_t i;

	member_open(j, PRIVATE("trust-anchors"), '{');
	for (i = 0; i < d->anchor_count; i++) {
		a = &d->anchors[i];
		if (i == 0 || !bytes_equal(a->purpose, a[-1].purpose)) {
			json_key(j, a->purpose);
			json_open(j, '[');
		}
		json_next(j);
		json_open(j, '{');
		if (a->is_key)
			jwt_cose_key(w, "jwk", a->key);
		else
			json_put_octets(j, "x5t#S256", a->x5t);
		json_close(j, '}');
		if (i + 1 == d->anchor_count ||
		    !bytes_equal(a->purpose, a[1].purpose))
			json_close(j, ']');
	}
	json_close(j, '}');
}

static enum err
put_private(struct jwt *w, const struct document *d)
{
	uint8_t digest[SHA256_SIZE];
	struct json *j = &w->j;
	enum err err;

	err = sha256_once(d->claims, digest);
	if (err)
		return err;
	json_put_octets(j, PRIVATE("claims-sha256"), bytes_of(digest,
	    sizeof(digest)));
	document_json_objects(j, PRIVATE("capabilities"), d->capabilities,
	    d->capability_count);
	document_json_objects(j, PRIVATE("scope"), d->scope, d->scope_count);
	put_keyset(w, d);
	put_anchors(w, d);
	document_json_names(j, PRIVATE("names"), d);
	if (d->product.len > 0)
		json_put_octets(j, PRIVATE("product"), d->product);
	if (d->policy != 0)
		json_put_number(j, PRIVATE("policy"), d->policy);
	document_json_other(j, PRIVATE("other"), d);
	return ERR_OK;
}

enum err
jwt_put_claims(struct buf *out, const struct rendering_source *source,
    struct diag *diag)
{
	struct jwt w = { .j = { .b = out, .line = true }, .err = ERR_OK };
	enum err err;

	json_open(&w.j, '{');
	put_registered(&w, source->document);
	err = put_private(&w, source->document);
	json_close(&w.j, '}');
	if (!err)
		err = buf_err(out);
	if (!err && w.err)
		err = diag_fail(diag, w.err, "RFC 7517 4",
		    "jwt: a key of the document has no form in JSON");
	return err;
}

static void
put_header(struct buf *out, const char *alg, struct bytes kid)
{
	struct json j = { .b = out, .line = true };

	json_open(&j, '{');
	json_put_text(&j, "alg", bytes_text(alg));
	json_put_octets(&j, "kid", kid);
	json_put_text(&j, "typ", bytes_text(JWT_TYP));
	json_close(&j, '}');
}

/* RFC 7518 3.1, RFC 8037 3.1; NULL: not one of 64 octets. */
static const char *
signature_alg(enum key_alg alg)
{
	return alg == KEY_P256 ? "ES256" : alg == KEY_ED25519 ? "EdDSA" :
	    NULL;
}

/* What is signed (RFC 7515 7.1); the kid is the document's: the thumbprint of
 * the same key. */
static enum err
jwt_put_input(const struct rendering_source *source,
    const struct public_key *key, struct buf *out, struct diag *diag)
{
	_cleanup_buf_ struct buf header = BUF_INIT, claims = BUF_INIT;
	const char *alg = signature_alg(key->alg);
	uint8_t kid[COSE_KID_SIZE];
	enum err err;

	if (alg == NULL)
		return diag_fail(diag, ERR_UNSUPPORTED, "RFC 7518 3.1",
		    "jwt: not signed with %s", key_alg_name(key->alg));
	err = cose_key_thumbprint(key, kid);
	if (err)
		return err;
	put_header(&header, alg, bytes_of(kid, sizeof(kid)));
	err = jwt_put_claims(&claims, source, diag);
	if (!err)
		err = buf_err(&header);
	if (err)
		return err;
	buf_put_base64url(out, buf_bytes(&header));
	buf_put_u8(out, '.');
	buf_put_base64url(out, buf_bytes(&claims));
	return buf_err(out);
}

static enum err
jwt_put(const struct rendering_source *source, struct buf *out,
    struct diag *diag)
{
	uint8_t signature[SIGNATURE_SIZE];
	size_t start = out->len;
	enum err err;

	err = jwt_put_input(source, signer_public(source->signer), out, diag);
	if (err)
		return err;
	err = signer_sign(source->signer, bytes_of(out->ptr + start,
		    out->len - start), signature);
	if (err)
		return diag_fail(diag, err, NULL, "jwt: not signed");
	buf_put_u8(out, '.');
	buf_put_base64url(out, bytes_of(signature, sizeof(signature)));
	return buf_err(out);
}

enum err
rendering_jwt_check(const struct rendering_source *source, struct bytes jwt,
    const struct public_key *key, bool *ret_good, struct diag *diag)
{
	_cleanup_buf_ struct buf input = BUF_INIT, signature = BUF_INIT;
	_cleanup_verifier_ struct verifier *verifier = NULL;
	bool good;
	enum err err;

	err = jwt_put_input(source, key, &input, diag);
	if (err)
		return err;
	good = jwt.len > input.len && jwt.ptr[input.len] == '.' &&
	    memcmp(jwt.ptr, input.ptr, input.len) == 0 &&
	    base64url_decode(bytes_of(jwt.ptr + input.len + 1, jwt.len -
	    input.len - 1), &signature) == ERR_OK &&
	    signature.len == SIGNATURE_SIZE;
	if (good)
		err = verifier_new(key, &verifier, diag);
	if (good && !err)
		err = verifier_check(verifier, buf_bytes(&input),
		    buf_bytes(&signature), &good);
	if (!err)
		*ret_good = good;
	return err;
}

const struct rendering rendering_jwt = {
	.name = "jwt", .ending = ".jwt",
	.traits = RENDERING_SIGNS | RENDERING_LINE | RENDERING_TEXT,
	.put = jwt_put
};
