#include "lib/identity/claims.h"

#include "lib/base/cbor_write.h"
#include "lib/crypto/cose.h"

#define COSE_KEY_Y	(-3)
#define CNF_COSE_KEY	1
#define COSE_SHA256	(-16)

/* The constant bytes between two fields, gathered and flushed. */
struct writer {
	struct form	*form;
	struct buf	 text;
};

static void
writer_flush(struct writer *w)
{
	form_put_const(w->form, buf_bytes(&w->text));
	w->text.len = 0;
}

static void
writer_uint(struct writer *w, unsigned field)
{
	writer_flush(w);
	form_put_cbor_uint(w->form, field);
}

static void
writer_tstr(struct writer *w, unsigned field)
{
	writer_flush(w);
	form_put_cbor_tstr(w->form, field);
}

static void
writer_bstr(struct writer *w, unsigned field)
{
	writer_flush(w);
	form_put_cbor_bstr(w->form, field);
}

/* COSE_Key with holes for its numbers, as cose_key_put() writes it. */
static void
claims_key(struct writer *w, const struct product_credential *credential)
{
	const struct key_algorithm *a = key_algorithm(credential->alg);

	buf_put_bytes(&w->text, a->cose_head);
	writer_bstr(w, CLAIMS_FIELD_X + credential->slot);
	if (a->y_len > 0) {
		cbor_put_int(&w->text, COSE_KEY_Y);
		writer_bstr(w, CLAIMS_FIELD_Y + credential->slot);
	}
	buf_put_bytes(&w->text, a->cose_tail);
}

static const struct product_credential *
credential_authenticate(const struct product *product)
{
	size_t i;

	for (i = 0; i < product->credential_count; i++)
		if (product->credentials[i].purpose == PURPOSE_AUTHENTICATE)
			return &product->credentials[i];
	return NULL;
}

/* {object: bits} as deterministic CBOR: sorted by encoded key. */
static enum err
objects_put_map(struct buf *out, const struct product_object *objects,
    size_t count)
{
	struct cbor_pair pairs[PRODUCT_OBJECTS_MAX];
	size_t key_at[PRODUCT_OBJECTS_MAX], value_at[PRODUCT_OBJECTS_MAX + 1];
	_cleanup_buf_ struct buf items = BUF_INIT;
	size_t i;

	for (i = 0; i < count; i++) {
		key_at[i] = items.len;
		cbor_put_text(&items, objects[i].object);
		value_at[i] = items.len;
		cbor_put_uint(&items, objects[i].bits);
	}
	if (buf_err(&items))
		return items.err;
	for (i = 0; i < count; i++) {
		size_t end = i + 1 < count ? key_at[i + 1] : items.len;

		pairs[i].key = bytes_of(items.ptr + key_at[i],
		    value_at[i] - key_at[i]);
		pairs[i].value = bytes_of(items.ptr + value_at[i],
		    end - value_at[i]);
	}
	cbor_put_map_sorted(out, pairs, count);
	return buf_err(out);
}

/* AIF (RFC 9237 2): [[object, bits], ...], sorted as the product is. */
static enum err
claims_scope(struct writer *w, const struct product *product)
{
	_cleanup_buf_ struct buf aif = BUF_INIT;
	size_t i;

	cbor_put_array(&aif, product->authorisation_count);
	for (i = 0; i < product->authorisation_count; i++) {
		cbor_put_array(&aif, 2);
		cbor_put_text(&aif, product->authorisations[i].object);
		cbor_put_uint(&aif, product->authorisations[i].bits);
	}
	if (buf_err(&aif))
		return aif.err;
	cbor_put_int(&w->text, CLAIM_SCOPE);
	cbor_put_bstr(&w->text, buf_bytes(&aif));
	return ERR_OK;
}

static void
claims_metadata(struct writer *w, const struct product *product)
{
	if (product->oemid != 0) {
		cbor_put_int(&w->text, CLAIM_OEMID);
		cbor_put_uint(&w->text, product->oemid);
	}
	cbor_put_int(&w->text, CLAIM_HWMODEL);
	cbor_put_bstr(&w->text, bytes_text(product->hwmodel));
	if (product->hwversion[0] != '\0') {
		cbor_put_int(&w->text, CLAIM_HWVERSION);
		cbor_put_array(&w->text, 1);
		cbor_put_text(&w->text, product->hwversion);
	}
	cbor_put_int(&w->text, CLAIM_EAT_PROFILE);
	cbor_put_text(&w->text, EAT_PROFILE);
	if (product->swname[0] != '\0') {
		cbor_put_int(&w->text, CLAIM_SWNAME);
		cbor_put_text(&w->text, product->swname);
	}
	if (product->swversion[0] != '\0') {
		cbor_put_int(&w->text, CLAIM_SWVERSION);
		cbor_put_array(&w->text, 1);
		cbor_put_text(&w->text, product->swversion);
	}
}

static void
claims_status(struct writer *w)
{
	cbor_put_int(&w->text, CLAIM_STATUS);
	cbor_put_map(&w->text, 1);
	cbor_put_text(&w->text, "status_list");
	cbor_put_map(&w->text, 2);
	cbor_put_text(&w->text, "idx");
	writer_uint(w, CLAIMS_FIELD_STATUS_IDX);
	cbor_put_text(&w->text, "uri");
	writer_tstr(w, CLAIMS_FIELD_STATUS_URI);
}

static void
claims_keyset(struct writer *w, const struct product *product)
{
	const struct product_credential *credential;
	size_t i;

	cbor_put_int(&w->text, CLAIM_KEYSET);
	cbor_put_array(&w->text, product->credential_count);
	for (i = 0; i < product->credential_count; i++) {
		credential = &product->credentials[i];
		cbor_put_map(&w->text, 4);
		cbor_put_int(&w->text, KEYSET_SLOT);
		cbor_put_uint(&w->text, credential->slot);
		cbor_put_int(&w->text, KEYSET_PURPOSE);
		cbor_put_uint(&w->text, credential->purpose);
		if (credential->certificate) {
			cbor_put_int(&w->text, KEYSET_X5CHAIN);
			writer_bstr(w, CLAIMS_FIELD_CERT + credential->slot);
		} else {
			cbor_put_int(&w->text, KEYSET_KEY);
			claims_key(w, credential);
		}
		cbor_put_int(&w->text, KEYSET_MAKER);
		cbor_put_uint(&w->text, credential->maker);
	}
}

static void
anchor_put(struct buf *out, const struct product_anchor *anchor,
    const struct claims_issuer *issuer)
{
	cbor_put_map(out, 1);
	if (anchor->is_key) {
		cbor_put_int(out, ANCHOR_KEY);
		cose_key_put(out, &anchor->public_key);
		return;
	}
	cbor_put_int(out, ANCHOR_X5T);
	cbor_put_array(out, 2);
	cbor_put_int(out, COSE_SHA256);
	cbor_put_bstr(out, bytes_of(issuer->root_hash, SHA256_SIZE));
}

/* Sorted map of purpose to its anchors; purposes are unique in a product. */
static enum err
claims_anchors(struct writer *w, const struct product *product,
    const struct claims_issuer *issuer)
{
	struct cbor_pair pairs[PRODUCT_ANCHORS_MAX];
	size_t at[PRODUCT_ANCHORS_MAX + 1], mid[PRODUCT_ANCHORS_MAX];
	_cleanup_buf_ struct buf items = BUF_INIT;
	size_t i;

	for (i = 0; i < product->anchor_count; i++) {
		at[i] = items.len;
		cbor_put_text(&items, product->anchors[i].purpose);
		mid[i] = items.len;
		cbor_put_array(&items, 1);
		anchor_put(&items, &product->anchors[i], issuer);
	}
	if (buf_err(&items))
		return items.err;
	at[i] = items.len;
	for (i = 0; i < product->anchor_count; i++) {
		pairs[i].key = bytes_of(items.ptr + at[i], mid[i] - at[i]);
		pairs[i].value = bytes_of(items.ptr + mid[i],
		    at[i + 1] - mid[i]);
	}
	cbor_put_int(&w->text, CLAIM_ANCHORS);
	cbor_put_map_sorted(&w->text, pairs, product->anchor_count);
	return buf_err(&w->text);
}

/* Is a's encoded text key before b's? Shorter first, then bytewise. */
static bool
kind_before(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);

	return la != lb ? la < lb : strcmp(a, b) < 0;
}

/* Is it known at issuance, and, of those that are UEIDs, one? */
static bool
name_stands(const struct product_name *name, bool ueids)
{
	return name->from != NAME_FROM_LINE &&
	    (!ueids || name->type != NAME_TEXT);
}

static size_t
names_count(const struct product *product, bool ueids)
{
	size_t i, count = 0;

	for (i = 0; i < product->name_count; i++)
		count += name_stands(&product->names[i], ueids);
	return count;
}

/* {kind: text} of all names or, for sueids, {kind: UEID} of those that are. */
static void
claims_names(struct writer *w, const struct product *product, bool ueids)
{
	size_t i, next, count = names_count(product, ueids);
	bool done[PRODUCT_NAMES_MAX] = { false };

	cbor_put_int(&w->text, ueids ? CLAIM_SUEIDS : CLAIM_NAMES);
	cbor_put_map(&w->text, count);
	for (; count > 0; count--) {
		next = product->name_count;
		for (i = 0; i < product->name_count; i++)
			if (!done[i] &&
			    name_stands(&product->names[i], ueids) &&
			    (next == product->name_count ||
			    kind_before(product->names[i].kind,
			    product->names[next].kind)))
				next = i;
		done[next] = true;
		cbor_put_text(&w->text, product->names[next].kind);
		if (ueids)
			writer_bstr(w, CLAIMS_FIELD_SUEID + (unsigned)next);
		else
			writer_tstr(w, CLAIMS_FIELD_NAME + (unsigned)next);
	}
}

static size_t
claims_count(const struct product *product)
{
	size_t count = 14;	/* those every document has */

	count += product->document_validity_years != PRODUCT_NEVER;
	count += product->oemid != 0;
	count += product->hwversion[0] != '\0';
	count += product->swname[0] != '\0';
	count += product->swversion[0] != '\0';
	count += product->anchor_count > 0;
	count += names_count(product, false) > 0;
	count += names_count(product, true) > 0;
	return count;
}

static void
claims_times(struct writer *w, const struct product *product,
    const struct claims_issuer *issuer)
{
	cbor_put_map(&w->text, claims_count(product));
	cbor_put_int(&w->text, CLAIM_ISS);
	cbor_put_text(&w->text, issuer->issuer);
	if (product->document_validity_years != PRODUCT_NEVER) {
		cbor_put_int(&w->text, CLAIM_EXP);
		writer_uint(w, CLAIMS_FIELD_EXP);
	}
	cbor_put_int(&w->text, CLAIM_NBF);
	writer_uint(w, CLAIMS_FIELD_IAT);
	cbor_put_int(&w->text, CLAIM_IAT);
	writer_uint(w, CLAIMS_FIELD_IAT);
	cbor_put_int(&w->text, CLAIM_CTI);
	writer_bstr(w, CLAIMS_FIELD_SALT);
}

static enum err
claims_put(struct writer *w, const struct product *product,
    const uint8_t product_hash[SHA256_SIZE],
    const struct claims_issuer *issuer)
{
	const struct product_credential *auth;
	enum err err;

	auth = credential_authenticate(product);
	if (auth == NULL)
		return ERR_INTERNAL;
	claims_times(w, product, issuer);
	cbor_put_int(&w->text, CLAIM_CNF);
	cbor_put_map(&w->text, 1);
	cbor_put_int(&w->text, CNF_COSE_KEY);
	claims_key(w, auth);
	err = claims_scope(w, product);
	if (err)
		return err;
	cbor_put_int(&w->text, CLAIM_UEID);
	writer_bstr(w, CLAIMS_FIELD_UEID);
	if (names_count(product, true) > 0)
		claims_names(w, product, true);
	claims_metadata(w, product);
	claims_status(w);
	cbor_put_int(&w->text, CLAIM_CAPABILITIES);
	err = objects_put_map(&w->text, product->capabilities,
	    product->capability_count);
	if (err)
		return err;
	claims_keyset(w, product);
	if (product->anchor_count > 0) {
		err = claims_anchors(w, product, issuer);
		if (err)
			return err;
	}
	cbor_put_int(&w->text, CLAIM_PRODUCT);
	cbor_put_bstr(&w->text, bytes_of(product_hash, SHA256_SIZE));
	cbor_put_int(&w->text, CLAIM_POLICY);
	cbor_put_uint(&w->text, POLICY_VERSION);
	if (names_count(product, false) > 0)
		claims_names(w, product, false);
	writer_flush(w);
	return buf_err(&w->text);
}

enum err
claims_form(const struct product *product,
    const uint8_t product_hash[SHA256_SIZE],
    const struct claims_issuer *issuer, struct form **ret_form,
    struct diag *diag)
{
	_cleanup_form_ struct form *form = NULL;
	struct writer w = { .text = BUF_INIT };
	enum err err;

	err = form_new(&form, diag);
	if (err)
		return err;
	w.form = form;
	err = claims_put(&w, product, product_hash, issuer);
	buf_release(&w.text);
	if (!err)
		err = form_check(form);
	if (err)
		return diag_fail(diag, err, NULL,
		    "claims: the product's claims cannot be encoded");
	*ret_form = form;
	form = NULL;	/* transferred */
	return ERR_OK;
}
