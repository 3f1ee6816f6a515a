#include "lib/identity/maker.h"

#include <stdlib.h>

#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"
#include "lib/identity/claims.h"
#include "lib/log/merkle.h"

#define PARTITION_BITS	16	/* indices of one CRL partition, log2 */
#define HEX8_SIZE	9
/* Eight hexadecimal digits name a partition: there are no more. */
#define MAKER_INDEX_MAX	((UINT64_C(1) << (PARTITION_BITS + 32)) - 1)
#define STATUS_SUFFIX	".cwt"
#define STATUS_URI_SIZE	(TEMPLATE_TEXT_MAX + HEX8_SIZE + 4)

struct slot_state {
	struct public_key key;		/* views of fields point here */
	struct buf	certificate;
	struct buf	validity;	/* DER, per range */
	struct bytes	fields[CERT_FIELDS];
	uint8_t		serial[SERIAL_SIZE];
	uint8_t		key_id[KEY_ID_SIZE];
	uint8_t		signature[SIGNATURE_SIZE];
};

struct identity_maker {
	const struct template	*template;
	struct aes		*serial_key;
	struct aes		*ueid_key;
	struct hmac		*seed;		/* of the range */
	struct sha256		*sha256;
	uint8_t			 epoch;
	enum evidence_class	 evidence;
	uint8_t			 iat[8], exp[8], status_idx[8];
	uint8_t			 salt[SALT_SIZE];
	char			 partition[HEX8_SIZE];
	char			 status_uri[STATUS_URI_SIZE];
	size_t			 status_prefix_len;
	const struct identity_names *given;	/* of the range */
	const struct identity_birth *birth;	/* NULL: the index itself */
	size_t			 csv_names;
	char			 names[PRODUCT_NAMES_MAX][NAME_TEXT_SIZE];
	uint8_t			 ueids[PRODUCT_NAMES_MAX][NAME_UEID_MAX];
	struct bytes		 claims_fields[CLAIMS_FIELDS];
	struct slot_state	 slots[PRODUCT_SLOTS_MAX];
	struct buf		 sig_head;	/* before the payload */
	struct buf		 tbs, claims, document, log_entry, entry;
};

void
identity_maker_free(struct identity_maker **maker)
{
	struct identity_maker *m = *maker;
	size_t i;

	if (m == NULL)
		return;
	aes_free(&m->serial_key);
	aes_free(&m->ueid_key);
	hmac_free(&m->seed);
	sha256_free(&m->sha256);
	for (i = 0; i < PRODUCT_SLOTS_MAX; i++) {
		buf_release(&m->slots[i].certificate);
		buf_release(&m->slots[i].validity);
	}
	buf_release(&m->sig_head);
	buf_release(&m->tbs);
	buf_release(&m->claims);
	buf_release(&m->document);
	buf_release(&m->log_entry);
	buf_release(&m->entry);
	free(m);
	*maker = NULL;
}

static void
buf_start(struct buf *buf)
{
	buf->limit = BUF_LIMIT_DEFAULT;
}

static void
maker_start(struct identity_maker *m)
{
	const char *prefix = m->template->status_prefix;
	size_t i;

	for (i = 0; i < PRODUCT_SLOTS_MAX; i++) {
		buf_start(&m->slots[i].certificate);
		buf_start(&m->slots[i].validity);
	}
	buf_start(&m->sig_head);
	buf_start(&m->tbs);
	buf_start(&m->claims);
	buf_start(&m->document);
	buf_start(&m->log_entry);
	buf_start(&m->entry);
	m->status_prefix_len = strlen(prefix);
	memcpy(m->status_uri, prefix, m->status_prefix_len);
	/* RFC 9052 4.4, up to the payload's head */
	cbor_put_array(&m->sig_head, 4);
	cbor_put_text(&m->sig_head, "Signature1");
	cbor_put_bstr(&m->sig_head, buf_bytes(&m->template->protected));
	cbor_put_bstr(&m->sig_head, BYTES_NONE);
}

enum err
identity_maker_new(const struct template *template, struct bytes serial_key,
    struct bytes ueid_key, struct identity_maker **ret_maker,
    struct diag *diag)
{
	_cleanup_maker_ struct identity_maker *m = NULL;
	enum err err;

	m = calloc(1, sizeof(*m));
	if (m == NULL)
		return diag_nomem(diag);
	m->template = template;
	m->csv_names = template_csv_names(template);
	maker_start(m);
	err = buf_err(&m->sig_head);
	if (!err)
		err = aes_new(serial_key, &m->serial_key, diag);
	if (!err)
		err = aes_new(ueid_key, &m->ueid_key, diag);
	if (!err)
		err = sha256_new(&m->sha256, diag);
	if (err)
		return err;
	*ret_maker = m;
	m = NULL;	/* transferred */
	return ERR_OK;
}

static enum err
expiry(int64_t issued, int years, int64_t *ret_expiry)
{
	if (years == PRODUCT_NEVER) {
		*ret_expiry = TIME_MAX_S;
		return ERR_OK;
	}
	return time_add_years(issued, years, ret_expiry);
}

static enum err
range_times(struct identity_maker *m, const struct identity_range *range,
    struct diag *diag)
{
	const struct template *template = m->template;
	int64_t not_after;
	size_t i;
	enum err err;

	err = expiry(range->issued, template->document_validity_years,
	    &not_after);
	if (err)
		return diag_fail(diag, err, NULL,
		    "document: expiry outside the years 1970 to 9999");
	put_be64(m->iat, (uint64_t)range->issued);
	put_be64(m->exp, (uint64_t)not_after);
	for (i = 0; i < template->slot_count; i++) {
		if (template->slots[i].certificate == NULL)
			continue;
		buf_clear(&m->slots[i].validity);
		err = expiry(range->issued, template->slots[i].validity_years,
		    &not_after);
		if (!err)
			err = certificate_put_validity(&m->slots[i].validity,
			    range->issued, not_after);
		if (err)
			return diag_fail(diag, err, "RFC 5280 4.1.2.5",
			    "certificate: validity cannot be expressed");
	}
	return ERR_OK;
}

enum err
identity_maker_range(struct identity_maker *m,
    const struct identity_range *range, struct diag *diag)
{
	enum err err;

	/* without a seed nothing is made: the times of a range that was
	 * refused go into no identity */
	hmac_free(&m->seed);
	m->given = range->names;
	m->birth = range->birth;
	if (template_needs_births(m->template) && m->birth == NULL)
		return diag_fail(diag, ERR_INTERNAL, NULL,
		    "identities: without the one that they were born with");
	if (template_needs_names(m->template) && m->given == NULL)
		return diag_fail(diag, ERR_INTERNAL, NULL,
		    "identities: without the names of their range");
	m->epoch = range->epoch;
	m->evidence = range->evidence;
	err = range_times(m, range, diag);
	if (!err)
		err = hmac_new(range->seed, &m->seed, diag);
	return err;
}

static void
hex_put(char *out, const uint8_t *in, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < len; i++) {
		out[2 * i] = digits[in[i] >> 4];
		out[2 * i + 1] = digits[in[i] & 15];
	}
	out[2 * len] = '\0';
}

/* Name number i of the identity; csv: how many from order-csv went before. */
static enum err
name_make(struct identity_maker *m, size_t i, size_t csv, uint64_t index)
{
	const struct product_name *name = &m->template->names[i];
	const struct identity_names *given = m->given;
	uint64_t position;

	if (name->from == NAME_FROM_INDEX)
		return name_format(name, index, m->names[i]);
	if (name->from == NAME_FROM_BIRTH) {
		memcpy(m->names[i], m->birth->text[i], NAME_TEXT_SIZE);
		return m->names[i][0] != '\0' ? ERR_OK : ERR_INTERNAL;
	}
	position = index - given->first;
	if (index < given->first || position >= given->count)
		return ERR_INTERNAL;
	if (name->from == NAME_FROM_RANGE)
		return name_format(name, given->value[i] + position,
		    m->names[i]);
	memcpy(m->names[i], given->text[position * m->csv_names + csv],
	    NAME_TEXT_SIZE);
	return ERR_OK;
}

static enum err
names_make(struct identity_maker *m, struct identity *identity)
{
	const struct template *template = m->template;
	struct bytes *fields = m->claims_fields;
	size_t i, csv = 0, len = 0;
	enum err err = ERR_OK;

	for (i = 0; i < template->name_count && !err; i++) {
		if (template->names[i].from == NAME_FROM_LINE)
			continue;
		err = name_make(m, i, csv, identity->index);
		csv += template->names[i].from == NAME_FROM_CSV;
		identity->name[i] = m->names[i];
		fields[CLAIMS_FIELD_NAME + i] = bytes_text(m->names[i]);
		if (err || template->names[i].type == NAME_TEXT)
			continue;
		err = name_ueid(template->names[i].type, m->names[i],
		    m->ueids[i], &len);
		fields[CLAIMS_FIELD_SUEID + i] = bytes_of(m->ueids[i], len);
	}
	return err;
}

/* What follows from the index and its range. */
static enum err
identity_begin(struct identity_maker *m, uint64_t index,
    struct identity *identity)
{
	struct bytes *fields = m->claims_fields;
	uint8_t be[4];
	enum err err;
	size_t i;

	*identity = (struct identity){ .index = index };
	for (i = 0; i < m->template->slot_count; i++)
		identity->key[i] = &m->slots[i].key;
	if (m->seed == NULL)
		return ERR_INTERNAL;
	if (index > MAKER_INDEX_MAX)
		return ERR_LIMIT;
	err = m->birth != NULL ? ueid_make(m->ueid_key, m->birth->log,
	    m->birth->index, identity->ueid) : ueid_make(m->ueid_key,
	    m->template->log, index, identity->ueid);
	if (err)
		return err;
	hex_put(identity->ueid_hex, identity->ueid, UEID_SIZE);
	err = salt_make(m->seed, index, m->salt);
	if (err)
		return err;
	put_be32(be, (uint32_t)(index >> PARTITION_BITS));
	hex_put(m->partition, be, sizeof(be));
	put_be64(m->status_idx,
	    index & ((UINT64_C(1) << STATUS_LIST_BITS) - 1));
	put_be32(be, (uint32_t)(index >> STATUS_LIST_BITS));
	hex_put(m->status_uri + m->status_prefix_len, be, sizeof(be));
	memcpy(m->status_uri + m->status_prefix_len + HEX8_SIZE - 1,
	    STATUS_SUFFIX, sizeof(STATUS_SUFFIX));
	fields[CLAIMS_FIELD_EXP] = bytes_of(m->exp, 8);
	fields[CLAIMS_FIELD_IAT] = bytes_of(m->iat, 8);
	fields[CLAIMS_FIELD_SALT] = bytes_of(m->salt, SALT_SIZE);
	fields[CLAIMS_FIELD_UEID] = bytes_of(identity->ueid, UEID_SIZE);
	fields[CLAIMS_FIELD_STATUS_IDX] = bytes_of(m->status_idx, 8);
	fields[CLAIMS_FIELD_STATUS_URI] = bytes_text(m->status_uri);
	return names_make(m, identity);
}

/* The certificate's fields of slot number i. */
static enum err
slot_fields(struct identity_maker *m, size_t i, const struct public_key *key,
    const struct identity *identity)
{
	const struct template_slot *slot = &m->template->slots[i];
	struct slot_state *state = &m->slots[i];
	struct bytes *fields = state->fields;
	enum err err;

	err = serial_make(m->serial_key, m->seed, m->epoch, identity->index,
	    slot->slot, state->serial);
	if (err)
		return err;
	err = certificate_key_id(m->sha256, key, state->key_id);
	if (err)
		return err;
	fields[CERT_FIELD_SERIAL] = bytes_of(state->serial, SERIAL_SIZE);
	fields[CERT_FIELD_VALIDITY] = buf_bytes(&state->validity);
	fields[CERT_FIELD_COMMON_NAME] = bytes_of(identity->ueid_hex,
	    UEID_HEX_SIZE - 1);
	if (m->template->serial_number >= 0)
		fields[CERT_FIELD_SERIAL_NUMBER] = bytes_text(
		    m->names[m->template->serial_number]);
	fields[CERT_FIELD_PUBLIC_KEY] = bytes_of(key->raw, key->len);
	fields[CERT_FIELD_KEY_ID] = bytes_of(state->key_id, KEY_ID_SIZE);
	fields[CERT_FIELD_PARTITION] = bytes_of(m->partition, HEX8_SIZE - 1);
	buf_clear(&state->certificate);
	return ERR_OK;
}

static void
slot_claims(struct identity_maker *m, size_t i, const struct public_key *key,
    struct identity *identity)
{
	const struct template_slot *slot = &m->template->slots[i];
	const struct key_algorithm *a = key_algorithm(key->alg);
	const uint8_t *x = key->raw + a->x_at;
	struct bytes *fields = m->claims_fields;

	fields[CLAIMS_FIELD_X + slot->slot] = bytes_of(x, a->x_len);
	fields[CLAIMS_FIELD_Y + slot->slot] = bytes_of(x + a->x_len,
	    a->y_len);
	if (slot->certificate == NULL)
		return;
	identity->certificate[i] = buf_bytes(&m->slots[i].certificate);
	identity->certificate_fields[i] = m->slots[i].fields;
	fields[CLAIMS_FIELD_CERT + slot->slot] = identity->certificate[i];
}

/* Claims, commitment and leaf. */
static enum err
claims_render(struct identity_maker *m, struct identity *identity)
{
	enum err err;

	buf_clear(&m->claims);
	err = form_render(m->template->claims, m->claims_fields,
	    CLAIMS_FIELDS, &m->claims);
	if (!err)
		err = buf_err(&m->claims);
	if (err)
		return err;
	identity->claims = buf_bytes(&m->claims);
	err = sha256_parts(m->sha256, &identity->claims, 1,
	    identity->commitment);
	if (err)
		return err;
	buf_clear(&m->log_entry);
	log_entry_put(&m->log_entry, LOG_ENTRY_IDENTITY, identity->index,
	    m->evidence, bytes_of(identity->commitment, SHA256_SIZE));
	err = buf_err(&m->log_entry);
	return err ? err : merkle_leaf(m->sha256, buf_bytes(&m->log_entry),
	    identity->leaf);
}

/* What the document's own signature covers. */
static enum err
document_digest(struct identity_maker *m, uint8_t ret_digest[SHA256_SIZE])
{
	uint8_t head_room[16];
	struct buf head = { .ptr = head_room, .cap = sizeof(head_room),
	    .limit = sizeof(head_room) };
	struct bytes parts[3];

	cbor_put_bstr_head(&head, m->claims.len);
	parts[0] = buf_bytes(&m->sig_head);
	parts[1] = buf_bytes(&head);
	parts[2] = buf_bytes(&m->claims);
	return sha256_parts(m->sha256, parts, 3, ret_digest);
}

static enum err
document_put(struct identity_maker *m, const uint8_t sig[SIGNATURE_SIZE],
    struct identity *identity)
{
	struct buf *out = &m->document;

	buf_clear(out);
	cbor_put_tag(out, 18);
	cbor_put_array(out, 4);
	cbor_put_bstr(out, buf_bytes(&m->template->protected));
	cbor_put_map(out, 0);
	cbor_put_bstr(out, buf_bytes(&m->claims));
	cbor_put_bstr(out, bytes_of(sig, SIGNATURE_SIZE));
	identity->document = buf_bytes(out);
	return buf_err(out);
}

/* The document's own signature, which also goes into the entry. */
static enum err
document_sign(struct identity_maker *m, struct signer *document,
    struct identity *identity)
{
	uint8_t digest[SHA256_SIZE], sig[SIGNATURE_SIZE];
	enum err err;

	err = document_digest(m, digest);
	if (!err)
		err = signer_sign_digest(document, digest, sig);
	if (!err)
		err = document_put(m, sig, identity);
	if (!err)
		buf_put(&m->entry, sig, SIGNATURE_SIZE);
	return err;
}

enum err
identity_maker_make(struct identity_maker *m, uint64_t index,
    const struct public_key *keys, struct signer *issuer,
    struct signer *document, struct identity *ret_identity,
    struct diag *diag)
{
	const struct template *template = m->template;
	struct slot_state *state;
	size_t i;
	enum err err;

	err = identity_begin(m, index, ret_identity);
	buf_clear(&m->entry);
	for (i = 0; i < template->slot_count && !err; i++) {
		state = &m->slots[i];
		public_key_copy(&state->key, &keys[i]);
		if (keys[i].alg != template->slots[i].alg)
			err = ERR_INTERNAL;
		public_key_put_stored(&m->entry, &state->key);
		if (!err && template->slots[i].certificate != NULL) {
			err = slot_fields(m, i, &state->key, ret_identity);
			if (!err)
				err = certificate_sign(
				    template->slots[i].certificate,
				    state->fields, issuer, m->sha256, &m->tbs,
				    &state->certificate, state->signature);
			buf_put(&m->entry, state->signature, SIGNATURE_SIZE);
		}
		slot_claims(m, i, &state->key, ret_identity);
	}
	if (!err)
		err = claims_render(m, ret_identity);
	if (!err && template->signature == SIGNATURE_DIRECT)
		err = document_sign(m, document, ret_identity);
	if (!err)
		err = buf_err(&m->entry);
	if (err)
		return diag_fail(diag, err, NULL,
		    "identity %llu: cannot be made",
		    (unsigned long long)index);
	ret_identity->entry = buf_bytes(&m->entry);
	return ERR_OK;
}

/* The next len octets of an entry; NULL when it ends before. */
static const uint8_t *
entry_take(struct bytes *entry, size_t len)
{
	const uint8_t *at = entry->ptr;

	if (entry->len < len)
		return NULL;
	entry->ptr += len;
	entry->len -= len;
	return at;
}

static enum err
entry_take_key(struct bytes *entry, enum key_alg alg,
    struct public_key *ret_key)
{
	size_t len = key_algorithm(alg)->stored_len;
	const uint8_t *stored = entry_take(entry, len);

	if (stored == NULL)
		return ERR_CORRUPT;
	return public_key_from_stored(alg, bytes_of(stored, len), ret_key);
}

static enum err
slot_rebuild(struct identity_maker *m, size_t i, struct bytes *entry,
    struct identity *identity)
{
	const struct template_slot *slot = &m->template->slots[i];
	struct slot_state *state = &m->slots[i];
	struct public_key *key = &state->key;
	const uint8_t *sig;
	enum err err;

	err = entry_take_key(entry, slot->alg, key);
	if (err)
		return err;
	if (slot->certificate != NULL) {
		sig = entry_take(entry, SIGNATURE_SIZE);
		if (sig == NULL)
			return ERR_CORRUPT;
		err = slot_fields(m, i, key, identity);
		if (!err)
			err = certificate_rebuild(slot->certificate,
			    state->fields, sig, &m->tbs, &state->certificate);
		if (err)
			return err;
	}
	slot_claims(m, i, key, identity);
	return ERR_OK;
}

enum err
identity_maker_rebuild(struct identity_maker *m, uint64_t index,
    struct bytes entry, struct identity *ret_identity, struct diag *diag)
{
	bool direct = m->template->signature == SIGNATURE_DIRECT;
	struct bytes rest = entry;
	const uint8_t *sig = NULL;
	size_t i;
	enum err err;

	err = identity_begin(m, index, ret_identity);
	for (i = 0; i < m->template->slot_count && !err; i++)
		err = slot_rebuild(m, i, &rest, ret_identity);
	if (!err && direct)
		sig = entry_take(&rest, SIGNATURE_SIZE);
	if (!err && ((direct && sig == NULL) || rest.len != 0))
		err = ERR_CORRUPT;
	if (!err)
		err = claims_render(m, ret_identity);
	if (!err && direct)
		err = document_put(m, sig, ret_identity);
	if (err)
		return diag_fail(diag, err, NULL,
		    "identity %llu: its stored entry cannot be rebuilt",
		    (unsigned long long)index);
	ret_identity->entry = entry;
	return ERR_OK;
}
