/*
 * A product's issuance template: made once for each issuing CA, and only
 * after a sample made from it has passed an independent parser. The sample is
 * signed with throw-away keys: nothing real is signed for a product that has
 * not been through here.
 */
#include <stdio.h>

#include "lib/authority/names_internal.h"
#include "lib/authority/operation.h"
#include "lib/authority/signer.h"
#include "lib/base/cbor_write.h"
#include "lib/identity/claims.h"
#include "lib/identity/document.h"
#include "lib/identity/maker.h"
#include "lib/x509/x509_read.h"

/* In the second CRL partition, where the product's names have room for it. */
#define TEMPLATE_KEY_SIZE	20	/* octets of the product's hash */
#define SAMPLE_INDEX	UINT64_C(66051)

enum err
authority_template_issuer(struct authority *authority,
    const struct store_log *log, char issuer_uri[TEMPLATE_TEXT_MAX + 1],
    struct buf *subject, struct template_issuer *ret_issuer,
    struct diag *diag)
{
	_cleanup_buf_ struct buf ca = BUF_INIT, root = BUF_INIT;
	struct template_issuer issuer = { .log_name = log->name,
	    .log = log->log, .publish_url = authority->info.publish_url,
	    .issuer = issuer_uri };
	struct authority_signer signer;
	struct x509_info info;
	enum err err;

	(void)snprintf(issuer_uri, TEMPLATE_TEXT_MAX + 1, "%s/%s",
	    authority->info.publish_url, authority->info.name);
	err = authority_certificate(authority, log->name, &ca, diag);
	if (!err)
		err = authority_certificate(authority, KEY_ROOT, &root, diag);
	if (!err)
		err = x509_subject(buf_bytes(&ca), subject, diag);
	if (!err)
		err = x509_read(buf_bytes(&ca), &info, diag);
	if (!err)
		err = sha256_once(buf_bytes(&root), issuer.root_hash);
	if (!err)
		err = signer_current(authority, &signer, diag);
	if (err)
		return err;
	memcpy(issuer.document_kid, signer.kid, COSE_KID_SIZE);
	memcpy(issuer.key_id, info.key_id, KEY_ID_SIZE);
	issuer.name = buf_bytes(subject);
	*ret_issuer = issuer;
	return ERR_OK;
}

/* Everything random about a sample. */
struct sample {
	struct public_key	keys[PRODUCT_SLOTS_MAX];
	struct public_key	issuer_key, document_key;
	struct signer		*issuer, *document;
	struct secret		secret;	/* index keys, seed */
};

static enum err
sample_key(enum key_alg alg, struct public_key *ret_key,
    struct signer **ret_signer, struct diag *diag)
{
	_cleanup_secret_ struct secret private = SECRET_INIT;
	enum err err;

	err = key_pair_make(alg, ret_key, &private, diag);
	if (!err && ret_signer != NULL)
		err = signer_new(alg, secret_bytes(&private), ret_signer,
		    diag);
	return err;
}

static enum err
sample_keys(const struct template *template, struct sample *sample,
    struct diag *diag)
{
	static const uint8_t zero[AES256_KEY_SIZE];
	size_t i;
	enum err err;

	err = secret_copy(&sample->secret, bytes_of(zero, sizeof(zero)));
	if (!err)
		err = sample_key(KEY_P256, &sample->issuer_key,
		    &sample->issuer, diag);
	if (!err)
		err = sample_key(KEY_P256, &sample->document_key,
		    &sample->document, diag);
	for (i = 0; i < template->slot_count && !err; i++)
		err = sample_key(template->slots[i].alg, &sample->keys[i],
		    NULL, diag);
	return err;
}

static uint32_t
authorised(const struct product *product, const char *object)
{
	size_t i;

	for (i = 0; i < product->authorisation_count; i++)
		if (strcmp(product->authorisations[i].object, object) == 0)
			return product->authorisations[i].bits;
	return 0;
}

/* The names that are known at issuance, and those among them with a UEID. */
static bool
sample_has_names(const struct product *product,
    const struct identity *identity, const struct document *document)
{
	size_t i, n, names = 0, ueids = 0;

	for (i = 0; i < product->name_count; i++) {
		if (identity->name[i] == NULL)
			continue;
		names++;
		ueids += product->names[i].type != NAME_TEXT;
		for (n = 0; n < document->name_count; n++)
			if (bytes_equal(document->names[n].kind,
			    bytes_text(product->names[i].kind)) &&
			    bytes_equal(document->names[n].text,
			    bytes_text(identity->name[i])))
				break;
		if (n == document->name_count)
			return false;
	}
	return names == document->name_count &&
	    ueids == document->sueid_count;
}

/* With receipts the sample is a chunk of its own. */
static enum err
sample_receipt(const struct sample *sample,
    const struct identity *identity, struct buf *out, struct diag *diag)
{
	struct receipt_chunk chunk = { .first = identity->index, .size = 1,
	    .evidence = EVIDENCE_ORDER };
	_cleanup_subtree_ struct subtree tree = SUBTREE_INIT;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	_cleanup_buf_ struct buf protected = BUF_INIT;
	uint8_t kid[COSE_KID_SIZE], sig[SIGNATURE_SIZE];
	enum err err;

	err = sha256_new(&sha256, diag);
	if (!err)
		err = subtree_build(&tree, sha256, identity->leaf, 1);
	if (!err)
		err = cose_key_thumbprint(&sample->document_key, kid);
	if (err)
		return err;
	receipt_put_protected(&protected, bytes_of(kid, sizeof(kid)),
	    &chunk);
	err = buf_err(&protected);
	if (!err)
		err = receipt_sign(sample->document, buf_bytes(&protected),
		    subtree_root(&tree), sig);
	if (err)
		return err;
	document_put_receipt(out, identity->claims, buf_bytes(&protected),
	    &tree, 0, sig);
	return buf_err(out);
}

static enum err
sample_document(const struct product *product, const struct sample *sample,
    const struct identity *identity, struct diag *diag)
{
	_cleanup_buf_ struct buf receipt = BUF_INIT;
	struct bytes encoded = identity->document;
	_cleanup_verifier_ struct verifier *verifier = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct document document;
	bool good = false;
	size_t i;
	enum err err;

	if (product->signature == SIGNATURE_RECEIPT) {
		err = sample_receipt(sample, identity,
		    &receipt, diag);
		if (err)
			return err;
		encoded = buf_bytes(&receipt);
	}
	err = document_parse(encoded, &document, diag);
	if (!err)
		err = verifier_new(&sample->document_key, &verifier, diag);
	if (!err)
		err = sha256_new(&sha256, diag);
	if (!err)
		err = document_verify(&document, verifier, KEY_P256, sha256,
		    &good);
	if (err)
		return err;
	good = good && document.signature == product->signature &&
	    bytes_equal(document.ueid,
	    bytes_of(identity->ueid, UEID_SIZE)) &&
	    document.key_count == product->credential_count &&
	    document.scope_count == product->authorisation_count &&
	    document.capability_count == product->capability_count &&
	    sample_has_names(product, identity, &document);
	for (i = 0; i < product->capability_count && good; i++)
		good = document_rights(&document,
		    bytes_text(product->capabilities[i].object)) ==
		    (product->capabilities[i].bits &
		    authorised(product, product->capabilities[i].object));
	if (!good)
		return diag_fail(diag, ERR_INTERNAL, NULL,
		    "sample of %s: its document reads back differently",
		    product->name);
	return ERR_OK;
}

static enum err
sample_certificates(const struct product *product,
    const struct template *template, const struct template_issuer *issuer,
    const struct sample *sample, const struct identity *identity,
    struct diag *diag)
{
	struct certificate_profile profile;
	struct template_text text;
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < template->slot_count && !err; i++) {
		if (template->slots[i].certificate == NULL)
			continue;
		err = template_profile(product, &product->credentials[i],
		    issuer, &text, &profile, diag);
		if (!err)
			err = x509_check_sample(identity->certificate[i],
			    &profile, identity->certificate_fields[i],
			    &sample->issuer_key, diag);
	}
	return err;
}

static uint64_t
sample_index(const struct product *product)
{
	char text[NAME_TEXT_SIZE];
	uint64_t index = SAMPLE_INDEX;
	size_t i;

	for (i = 0; i < product->name_count; i++)
		while (index > 0 &&
		    product->names[i].from == NAME_FROM_INDEX &&
		    name_format(&product->names[i], index, text) != ERR_OK)
			index /= 2;
	return index;
}

/* Names as they could be, where the index does not tell. */
static enum err
sample_names(const struct product *product, uint64_t index,
    char text[PRODUCT_NAMES_MAX][NAME_TEXT_SIZE],
    struct identity_names *ret_names)
{
	const struct product_name *name = product->names;
	size_t i, columns = 0;
	enum err err = ERR_OK;

	*ret_names = (struct identity_names){ .first = index, .count = 1,
	    .text = (const void *)text };
	for (i = 0; i < product->name_count && !err; i++, name++) {
		ret_names->value[i] = name->first;
		if (name->from == NAME_FROM_CSV)
			err = name_sample(name, text[columns++]);
	}
	return err;
}

static enum err
sample_birth(const struct product *product, uint64_t index,
    struct identity_birth *birth)
{
	size_t i;
	enum err err = ERR_OK;

	birth->index = index;
	for (i = 0; i < product->name_count && !err; i++)
		if (product->names[i].from == NAME_FROM_BIRTH)
			err = name_sample(&product->names[i], birth->text[i]);
	return err;
}

static enum err
sample_check(const struct product *product, const struct template *template,
    const struct template_issuer *issuer, struct sample *sample, int64_t now,
    struct diag *diag)
{
	_cleanup_maker_ struct identity_maker *maker = NULL;
	struct identity_range range = { .epoch = EPOCH_FIRST,
	    .issued = now, .evidence = EVIDENCE_ORDER };
	char text[PRODUCT_NAMES_MAX][NAME_TEXT_SIZE];
	struct identity_birth birth = { .log = LOG_BULK_NUMBER };
	uint64_t index = sample_index(product);
	struct identity_names names;
	struct identity identity;
	enum err err;

	err = sample_keys(template, sample, diag);
	if (!err)
		err = sample_names(product, index, text, &names);
	if (!err)
		err = sample_birth(product, index, &birth);
	if (err)
		return err;
	range.names = &names;
	if (product->field.bootstrap[0] != '\0')
		range.birth = &birth;
	range.seed = secret_bytes(&sample->secret);
	err = identity_maker_new(template, range.seed, range.seed, &maker,
	    diag);
	if (!err)
		err = identity_maker_range(maker, &range, diag);
	if (!err)
		err = identity_maker_make(maker, index, sample->keys,
		    sample->issuer, sample->document, &identity, diag);
	if (!err)
		err = sample_document(product, sample, &identity, diag);
	if (!err)
		err = sample_certificates(product, template, issuer, sample,
		    &identity, diag);
	return err;
}

static enum err
template_store(struct authority *authority, const struct template *template,
    const char *key, int64_t now, uint32_t *ret_id, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT, last = BUF_INIT;
	struct store_object object = { .kind = STORE_TEMPLATE,
	    .created = now };
	struct store *store = authority->store;
	uint8_t id[4] = { 0 };
	enum err err;

	err = store_meta_get(store, "template-last", &last, NULL);
	if (err && err != ERR_NOTFOUND)
		return err;
	put_be32(id, (last.len == 4 ? get_be32(last.ptr) : 0) + 1);
	(void)snprintf(object.name, sizeof(object.name), "%u", get_be32(id));
	err = template_encode(template, &body);
	if (!err)
		err = sha256_once(buf_bytes(&body), object.hash);
	if (err)
		return err;
	object.body = buf_bytes(&body);
	err = object_put(store, authority->row_mac, &object, diag);
	if (!err)
		err = store_meta_put(store, key, bytes_of(id, 4), diag);
	if (!err)
		err = store_meta_put(store, "template-last", bytes_of(id, 4),
		    diag);
	if (!err)
		*ret_id = get_be32(id);
	return err;
}

static enum err
template_make(struct authority *authority, const struct product *product,
    const struct store_log *log, const char *key, int64_t now,
    uint32_t *ret_id, struct diag *diag)
{
	_cleanup_template_ struct template *template = NULL;
	_cleanup_buf_ struct buf subject = BUF_INIT;
	char uri[TEMPLATE_TEXT_MAX + 1];
	struct template_issuer issuer;
	struct sample sample = { .secret = SECRET_INIT };
	enum err err;

	err = authority_template_issuer(authority, log, uri, &subject,
	    &issuer, diag);
	if (!err)
		err = template_new(product, &issuer, &template, diag);
	if (!err)
		err = names_check_template(authority, template, diag);
	if (!err)
		err = sample_check(product, template, &issuer, &sample, now,
		    diag);
	signer_free(&sample.issuer);
	signer_free(&sample.document);
	secret_release(&sample.secret);
	if (err)
		return err;
	return template_store(authority, template, key, now, ret_id, diag);
}

enum err
authority_template_for(struct authority *authority,
    const struct product *product, const struct store_log *log, int64_t now,
    uint32_t *ret_id, struct diag *diag)
{
	_cleanup_buf_ struct buf known = BUF_INIT, key = BUF_INIT;
	struct authority_signer signer;
	uint8_t hash[SHA256_SIZE];
	enum err err;

	err = product_hash(product, hash);
	if (!err)
		err = signer_current(authority, &signer, diag);
	if (err)
		return err;
	buf_printf(&key, "template:%u:", log->log);
	buf_put_hex(&key, bytes_of(hash, TEMPLATE_KEY_SIZE));
	/* a template names its signer, unless that is each chunk's matter */
	if (signer.number > 1 && product->signature == SIGNATURE_DIRECT)
		buf_printf(&key, ":%u", signer.number);
	err = store_meta_get(authority->store, buf_text(&key), &known, NULL);
	if (err == ERR_NOTFOUND)
		return template_make(authority, product, log, buf_text(&key),
		    now, ret_id, diag);
	if (err)
		return err;
	if (known.len != 4)
		return diag_fail(diag, ERR_CORRUPT, NULL,
		    "registry: %s is damaged", buf_text(&key));
	*ret_id = get_be32(known.ptr);
	return ERR_OK;
}

/* Does it name the signer, if it names one? */
static bool
template_signer_fits(const struct template *template,
    const struct authority_signer *signer)
{
	_cleanup_buf_ struct buf protected = BUF_INIT;

	if (template->signature != SIGNATURE_DIRECT)
		return true;
	cose_put_protected(&protected, COSE_ES256,
	    bytes_of(signer->kid, COSE_KID_SIZE), DOCUMENT_TYP);
	return buf_err(&protected) == ERR_OK &&
	    bytes_equal(buf_bytes(&protected),
	    buf_bytes(&template->protected));
}

/* What was made outside of a request is on record too. */
static enum err
template_record(struct authority *authority, uint64_t since, int64_t now,
    struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	uint64_t last;
	enum err err;

	err = store_object_last(authority->store, &last, diag);
	if (err || last == since)
		return err;
	cbor_put_array(&body, 1);
	err = operation_put_objects(authority, since, &body, diag);
	if (!err)
		err = buf_err(&body);
	return err ? err : operation_append(authority, OPERATION_TEMPLATE,
	    now, buf_bytes(&body), NULL, diag);
}

enum err
authority_template_recorded(struct authority *authority,
    const struct product *product, const struct store_log *log, int64_t now,
    uint32_t *ret_id, struct diag *diag)
{
	uint64_t since = 0;
	enum err err;

	err = store_object_last(authority->store, &since, diag);
	if (!err)
		err = store_begin(authority->store, diag);
	if (err)
		return err;
	err = authority_template_for(authority, product, log, now, ret_id,
	    diag);
	if (!err)
		err = template_record(authority, since, now, diag);
	if (!err)
		return store_commit(authority->store, diag);
	store_rollback(authority->store);
	return err;
}

static enum err
template_renew(struct authority *authority, const struct store_order *order,
    const struct store_log *log, int64_t now, uint32_t *ret_id,
    struct diag *diag)
{
	_cleanup_buf_ struct buf encoded = BUF_INIT;
	struct store_object object;
	struct product product;
	enum err err;

	err = authority_object_by_hash(authority, STORE_PRODUCT,
	    order->product, &encoded, &object, diag);
	if (!err)
		err = product_decode(object.body, &product, diag);
	return err ? err : authority_template_recorded(authority, &product,
	    log, now, ret_id, diag);
}

enum err
authority_template_order(struct authority *authority,
    const struct store_order *order, const struct store_log *log,
    int64_t now, uint32_t *ret_id, struct template **ret_template,
    struct diag *diag)
{
	_cleanup_template_ struct template *template = NULL;
	struct authority_signer signer;
	uint32_t id = order->template;
	enum err err;

	err = signer_current(authority, &signer, diag);
	if (!err)
		err = authority_template(authority, id, &template, diag);
	if (!err && !template_signer_fits(template, &signer)) {
		err = template_renew(authority, order, log, now, &id, diag);
		template_free(&template);
		if (!err)
			err = authority_template(authority, id, &template,
			    diag);
	}
	if (err)
		return err;
	if (memcmp(template->product, order->product, SHA256_SIZE) != 0 ||
	    template->log != log->log ||
	    !template_signer_fits(template, &signer))
		return diag_fail(diag, ERR_CORRUPT, NULL,
		    "order %u: template %u is of another product, log or "
		    "signer", order->number, id);
	*ret_id = id;
	*ret_template = template;
	template = NULL;	/* transferred */
	return ERR_OK;
}
