#include "lib/authority/lookup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/authority/chunk_receipt.h"
#include "lib/authority/field.h"
#include "lib/authority/lookup_internal.h"
#include "lib/authority/names_internal.h"
#include "lib/authority/signer.h"
#include "lib/identity/document.h"

struct lookup {
	struct authority	*authority;
	struct template		*template;
	uint32_t		 template_id, serial_log;
	uint8_t			 serial_epoch;
	struct secret		 serial_key, ueid_key;
	struct identity_maker	*maker;
	struct store_range	 range;		/* the maker's; count 0: none */
	struct names_held	 names;		/* of the range */
	struct identity_birth	 birth;		/* of the range, in the field */
	struct buf		 entry;
	struct verifier		*verifier;	/* of documents, and whose */
	uint8_t			 verifier_kid[COSE_KID_SIZE];
	struct sha256		*sha256;
	uint32_t		 generation;	/* 0: newest */
	struct chunk_receipt	 receipt;	/* the range's, verified */
	struct buf		 document;	/* with it */
};

const char *
address_kind_name(enum address_kind kind)
{
	switch (kind) {
	case ADDRESS_INDEX:
		return "index";
	case ADDRESS_UEID:
		return "UEID";
	case ADDRESS_SERIAL:
		return "certificate serial number";
	case ADDRESS_NAME:
		return "name";
	}
	return "?";
}

enum err
lookup_new(struct authority *authority, struct lookup **ret_lookup,
    struct diag *diag)
{
	_cleanup_lookup_ struct lookup *lookup = NULL;
	enum err err;

	err = authority_need_keys(authority, diag);
	if (err)
		return err;
	lookup = calloc(1, sizeof(*lookup));
	if (lookup == NULL)
		return diag_nomem(diag);
	lookup->authority = authority;
	lookup->entry.limit = lookup->document.limit = BUF_LIMIT_DEFAULT;
	lookup->names.text.limit = BUF_LIMIT_DEFAULT;
	lookup->receipt = (struct chunk_receipt)CHUNK_RECEIPT_INIT;
	err = keystore_secret(authority->keystore, KEY_UEID,
	    &lookup->ueid_key, diag);
	if (!err)
		err = sha256_new(&lookup->sha256, diag);
	if (err)
		return err;
	*ret_lookup = lookup;
	lookup = NULL;	/* transferred */
	return ERR_OK;
}

void
lookup_free(struct lookup **lookup)
{
	if (*lookup == NULL)
		return;
	identity_maker_free(&(*lookup)->maker);
	template_free(&(*lookup)->template);
	secret_release(&(*lookup)->serial_key);
	secret_release(&(*lookup)->ueid_key);
	buf_release(&(*lookup)->entry);
	names_held_release(&(*lookup)->names);
	verifier_free(&(*lookup)->verifier);
	sha256_free(&(*lookup)->sha256);
	chunk_receipt_release(&(*lookup)->receipt);
	buf_release(&(*lookup)->document);
	free(*lookup);
	*lookup = NULL;
}

static enum err
serial_key_get(struct authority *authority, const char *log, uint8_t epoch,
    struct secret *ret_key, struct diag *diag)
{
	char label[KEYSTORE_LABEL_MAX + 1];

	(void)snprintf(label, sizeof(label), "index.serial.%.32s.%u", log,
	    epoch);
	return keystore_secret(authority->keystore, label, ret_key, diag);
}

/* What an identity of the field has of its birth. */
static enum err
birth_load(struct lookup *lookup, const struct store_range *range,
    struct diag *diag)
{
	struct field_enrolment enrolment;
	enum err err;

	err = field_enrolment_get(lookup->authority, range->first,
	    &enrolment, diag);
	if (err == ERR_NOTFOUND)
		return diag_fail(diag, ERR_CORRUPT, NULL, "registry: what "
		    "identity " LOG_ONLINE "/%ju was made of is gone",
		    (uintmax_t)range->first);
	if (err)
		return err;
	lookup->birth.log = enrolment.birth.log;
	lookup->birth.index = enrolment.birth.index;
	memcpy(lookup->birth.text, enrolment.text,
	    sizeof(lookup->birth.text));
	return ERR_OK;
}

/* A maker for the template and serial numbers of a range. Ranges of one
 * template follow each other often: in the field each holds one identity. */
static enum err
maker_ready(struct lookup *lookup, const struct store_range *range,
    struct diag *diag)
{
	struct authority *authority = lookup->authority;
	struct store_log log;
	enum err err;

	if (lookup->maker != NULL && lookup->template_id == range->template &&
	    lookup->serial_log == range->log &&
	    lookup->serial_epoch == range->epoch)
		return ERR_OK;
	identity_maker_free(&lookup->maker);
	template_free(&lookup->template);
	secret_release(&lookup->serial_key);
	err = store_log_get(authority->store, range->log, &log, NULL,
	    NULL, diag);
	if (!err)
		err = serial_key_get(authority, log.name, range->epoch,
		    &lookup->serial_key, diag);
	if (!err)
		err = authority_template(authority, range->template,
		    &lookup->template, diag);
	if (!err)
		err = identity_maker_new(lookup->template,
		    secret_bytes(&lookup->serial_key),
		    secret_bytes(&lookup->ueid_key), &lookup->maker, diag);
	lookup->template_id = range->template;
	lookup->serial_log = range->log;
	lookup->serial_epoch = range->epoch;
	return err;
}

/* Get the maker ready for a range. */
static enum err
lookup_enter(struct lookup *lookup, const struct store_range *range,
    struct diag *diag)
{
	struct identity_range part = { .epoch = range->epoch,
	    .seed = bytes_of(range->seed, RANGE_SEED_SIZE),
	    .issued = range->issued,
	    .evidence = (enum evidence_class)range->evidence,
	    .names = &lookup->names.names };
	struct authority *authority = lookup->authority;
	enum err err;

	lookup->range.count = 0;
	err = maker_ready(lookup, range, diag);
	if (!err)
		err = names_load(authority, lookup->template, range,
		    &lookup->names, diag);
	if (!err && range->log == LOG_ONLINE_NUMBER) {
		err = birth_load(lookup, range, diag);
		part.birth = &lookup->birth;
	}
	if (!err)
		err = identity_maker_range(lookup->maker, &part, diag);
	if (!err && lookup->template->signature == SIGNATURE_RECEIPT)
		err = chunk_receipt_load(authority, range,
		    lookup->generation, lookup->sha256, &lookup->receipt,
		    diag);
	if (!err)
		lookup->range = *range;
	return err;
}

static bool
range_holds(const struct store_range *range, const struct address *address)
{
	return range->count > 0 && range->log == address->log &&
	    address->index >= range->first &&
	    address->index - range->first < range->count;
}

static enum err
not_issued(const struct store_range *range, uint64_t index,
    struct diag *diag)
{
	return diag_fail(diag, ERR_NOTFOUND, NULL,
	    "identity %llu: its index is %s", (unsigned long long)index,
	    range->state == RANGE_VOID && range->template == 0 &&
	    range->evidence == 0 ?
	    "skipped by a new epoch: a registry that was lost may have "
	    "handed it out" : range->state == RANGE_VOID ?
	    "void: reserved by a run that did not finish, never handed out" :
	    "reserved by a run under way, not committed yet");
}

static enum err
not_as_issued(uint64_t index, struct diag *diag)
{
	enum err err;

	err = diag_fail(diag, ERR_CORRUPT, "RFC 9162 2.1.1",
	    "identity %llu: what is stored is not what was issued",
	    (unsigned long long)index);
	diag_hint(diag, "the registry was altered or damaged: restore it "
	    "from a backup");
	return err;
}

/* Ready for the signer of this name. */
static enum err
lookup_verifier(struct lookup *lookup, struct bytes kid, struct diag *diag)
{
	struct authority_signer signer;
	enum err err;

	if (lookup->verifier != NULL && bytes_equal(kid,
	    bytes_of(lookup->verifier_kid, COSE_KID_SIZE)))
		return ERR_OK;
	err = signer_by_kid(lookup->authority, kid, &signer, diag);
	if (err)
		return err;
	verifier_free(&lookup->verifier);
	memcpy(lookup->verifier_kid, signer.kid, COSE_KID_SIZE);
	return verifier_new(&signer.key, &lookup->verifier, diag);
}

static enum err
direct_check(struct lookup *lookup, const struct identity *identity,
    struct diag *diag)
{
	struct cose_sign1 message;
	bool good = false;
	enum err err;

	err = cose_sign1_parse(identity->document, &message, diag);
	if (!err)
		err = lookup_verifier(lookup, message.kid, diag);
	if (!err)
		err = cose_sign1_verify(&message, lookup->verifier, KEY_P256,
		    BYTES_NONE, lookup->sha256, &good);
	if (err)
		return err;
	return good ? ERR_OK : not_as_issued(identity->index, diag);
}

/*
 * Are these the bytes that were issued? The leaf tells for the claims, which
 * hold the certificates. The document's signature is outside of them: a
 * document's own is verified here; a receipt's has been, for the leaves of
 * the chunk, among which this one must be.
 */
static enum err
lookup_check(struct lookup *lookup, const uint8_t leaf[STORE_HASH_SIZE],
    struct identity *identity, struct diag *diag)
{
	uint32_t place = (uint32_t)(identity->index - lookup->range.first);
	struct chunk_receipt *receipt = &lookup->receipt;

	if (memcmp(leaf, identity->leaf, SHA256_SIZE) != 0)
		return not_as_issued(identity->index, diag);
	if (lookup->template->signature == SIGNATURE_DIRECT)
		return direct_check(lookup, identity, diag);
	if (memcmp(leaf, receipt->leaves.ptr + (size_t)place * SHA256_SIZE,
	    SHA256_SIZE) != 0)
		return not_as_issued(identity->index, diag);
	buf_clear(&lookup->document);
	document_put_receipt(&lookup->document, identity->claims,
	    buf_bytes(&receipt->protected), &receipt->tree, place,
	    receipt->row.signature);
	identity->document = buf_bytes(&lookup->document);
	return buf_err(&lookup->document);
}

void
lookup_generation(struct lookup *lookup, uint32_t generation)
{
	lookup->generation = generation;
	lookup->range.count = 0;
}

enum err
lookup_get(struct lookup *lookup, const struct address *address,
    struct identity *ret_identity, struct store_range *ret_range,
    const struct template **ret_template, struct diag *diag)
{
	struct store *store = lookup->authority->store;
	uint8_t leaf[STORE_HASH_SIZE];
	struct store_range range;
	enum err err;

	range = lookup->range;
	if (!range_holds(&range, address)) {
		err = store_range_get(store, address->log, address->index,
		    &range, NULL);
		if (err == ERR_NOTFOUND)
			return diag_fail(diag, err, NULL,
			    "identity %llu: this index was never issued",
			    (unsigned long long)address->index);
		if (err)
			return err;
		if (range.state != RANGE_COMMITTED)
			return not_issued(&range, address->index, diag);
		err = lookup_enter(lookup, &range, diag);
		if (err)
			return err;
	}
	buf_clear(&lookup->entry);
	err = store_entry_get(store, address->log, address->index,
	    &lookup->entry, leaf, diag);
	if (!err)
		err = identity_maker_rebuild(lookup->maker, address->index,
		    buf_bytes(&lookup->entry), ret_identity, diag);
	if (!err)
		err = lookup_check(lookup, leaf, ret_identity, diag);
	if (err)
		return err;
	*ret_range = range;
	*ret_template = lookup->template;
	return ERR_OK;
}

static bool
parse_number(const char *text, uint64_t *ret_number)
{
	size_t len = strlen(text);
	unsigned long long value;
	char *end;

	if (len == 0 || len > 18 || strspn(text, "0123456789") != len)
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0')
		return false;
	*ret_number = value;
	return true;
}

/* "123", "bulk/123". */
static enum err
find_index(struct authority *authority, const char *word,
    struct address *ret_address)
{
	const char *slash = strchr(word, '/');
	char name[STORE_NAME_MAX + 1] = LOG_BULK;
	struct store_log log;
	uint64_t index;
	enum err err;

	if (slash != NULL) {
		if ((size_t)(slash - word) >= sizeof(name))
			return ERR_NOTFOUND;
		memcpy(name, word, (size_t)(slash - word));
		name[slash - word] = '\0';
		word = slash + 1;
	}
	if (!parse_number(word, &index))
		return ERR_NOTFOUND;
	err = store_log_by_name(authority->store, name, &log, NULL);
	if (err)
		return err;
	if (index >= log.reserved)
		return ERR_NOTFOUND;
	*ret_address = (struct address){ log.log, index };
	return ERR_OK;
}

/* Hexadecimal digits, colons between pairs allowed, of exactly 17 octets. */
static bool
parse_octets(const char *word, uint8_t out[SERIAL_SIZE])
{
	char hex[2 * SERIAL_SIZE + 1];
	size_t used = 0, len;

	for (; *word != '\0'; word++) {
		if (*word == ':' && used % 2 == 0)
			continue;
		if (used == 2 * SERIAL_SIZE)
			return false;
		hex[used++] = *word;
	}
	hex[used] = '\0';
	return hex_decode(hex, out, SERIAL_SIZE, &len) == ERR_OK &&
	    len == SERIAL_SIZE;
}

static enum err
find_ueid(struct authority *authority, const uint8_t octets[UEID_SIZE],
    struct address *ret_address, struct diag *diag)
{
	_cleanup_secret_ struct secret key = SECRET_INIT;
	_cleanup_aes_ struct aes *aes = NULL;
	uint64_t issuer = 0, index = 0;
	struct store_log log;
	enum err err;

	err = keystore_secret(authority->keystore, KEY_UEID, &key, diag);
	if (!err)
		err = aes_new(secret_bytes(&key), &aes, diag);
	if (!err)
		err = ueid_open(aes, octets, &issuer, &index);
	if (!err && issuer > UINT32_MAX)
		err = ERR_NOTFOUND;
	if (!err)
		err = store_log_get(authority->store, (uint32_t)issuer, &log,
		    NULL, NULL, NULL);
	if (!err && index >= log.reserved)
		err = ERR_NOTFOUND;
	if (!err)
		*ret_address = (struct address){ log.log, index };
	return err;
}

struct serial_walk {
	struct authority	*authority;
	const uint8_t		*serial;
	struct address		 address;
	bool			 found;
	struct diag		*diag;
};

static enum err
serial_try(void *ctx, const struct store_log *log)
{
	struct serial_walk *walk = ctx;
	_cleanup_secret_ struct secret key = SECRET_INIT;
	_cleanup_hmac_ struct hmac *seed = NULL;
	_cleanup_aes_ struct aes *aes = NULL;
	struct serial_claim claim;
	struct store_range range;
	bool good = false;
	enum err err;

	if (walk->found || walk->serial[0] > log->epoch)
		return ERR_OK;
	err = serial_key_get(walk->authority, log->name, walk->serial[0],
	    &key, walk->diag);
	if (!err)
		err = aes_new(secret_bytes(&key), &aes, walk->diag);
	if (!err)
		err = serial_open(aes, walk->serial, &claim);
	if (err || claim.index >= log->reserved)
		return err;
	err = store_range_get(walk->authority->store, log->log, claim.index,
	    &range, walk->diag);
	if (!err)
		err = hmac_new(bytes_of(range.seed, RANGE_SEED_SIZE), &seed,
		    walk->diag);
	if (!err)
		err = serial_check(seed, &claim, &good);
	if (!err && good && range.epoch == walk->serial[0]) {
		walk->found = true;
		walk->address = (struct address){ log->log, claim.index };
	}
	return err;
}

enum err
lookup_serial(struct authority *authority, const uint8_t octets[SERIAL_SIZE],
    struct address *ret_address, struct diag *diag)
{
	struct serial_walk walk = { .authority = authority,
	    .serial = octets, .diag = diag };
	enum err err;

	if (octets[0] < EPOCH_FIRST || octets[0] >= EPOCH_OUTSIDE)
		return ERR_NOTFOUND;
	err = store_log_each(authority->store, serial_try, &walk, diag);
	if (err)
		return err;
	if (!walk.found)
		return ERR_NOTFOUND;
	*ret_address = walk.address;
	return ERR_OK;
}

static enum err
find_octets(struct authority *authority, const uint8_t octets[SERIAL_SIZE],
    struct address *ret_address, enum address_kind *ret_kind,
    struct diag *diag)
{
	enum err err;

	err = authority_need_keys(authority, diag);
	if (err)
		return err;
	*ret_kind = ADDRESS_UEID;
	err = find_ueid(authority, octets, ret_address, diag);
	if (err != ERR_NOTFOUND)
		return err;
	*ret_kind = ADDRESS_SERIAL;
	return lookup_serial(authority, octets, ret_address, diag);
}

/* A number without its log could be a name as well. */
static enum err
find_number(struct authority *authority, const char *word,
    struct address *ret_address, enum address_kind *ret_kind,
    struct diag *diag)
{
	struct address number, name;
	enum err err;

	err = find_index(authority, word, &number);
	if (err || strchr(word, '/') != NULL) {
		if (!err)
			*ret_address = number;
		*ret_kind = ADDRESS_INDEX;
		return err;
	}
	err = lookup_name(authority, word, &name, diag);
	if (err && err != ERR_NOTFOUND)
		return err;
	if (!err && (name.log != number.log || name.index != number.index)) {
		err = diag_fail(diag, ERR_CONFLICT, NULL,
		    "\"%.80s\" is an index, and the name of another identity",
		    word);
		diag_hint(diag, "say which: " LOG_BULK "/%s, or KIND=%s with "
		    "the kind of name, such as serial-number", word, word);
		return err;
	}
	*ret_address = number;
	*ret_kind = ADDRESS_INDEX;
	return ERR_OK;
}

enum err
lookup_find(struct authority *authority, const char *word,
    struct address *ret_address, enum address_kind *ret_kind,
    struct diag *diag)
{
	uint8_t octets[SERIAL_SIZE];
	struct address birth;
	enum err err;

	err = find_number(authority, word, ret_address, ret_kind, diag);
	if (err == ERR_NOTFOUND && parse_octets(word, octets))
		err = find_octets(authority, octets, ret_address, ret_kind,
		    diag);
	if (err == ERR_NOTFOUND) {
		*ret_kind = ADDRESS_NAME;
		err = lookup_name(authority, word, ret_address, diag);
	}
	/* a device's UEID and names are those of its birth: who it is now */
	if (!err && (*ret_kind == ADDRESS_UEID || *ret_kind == ADDRESS_NAME)) {
		birth = *ret_address;
		return field_current(authority, &birth, ret_address, diag);
	}
	if (err == ERR_NOTFOUND) {
		err = diag_fail(diag, err, NULL, "\"%.80s\": no index, UEID, "
		    "certificate serial number or name known here", word);
		diag_hint(diag, "an index is 123 or online/123; a UEID and a "
		    "serial number are 34 hexadecimal digits; a name may have "
		    "its kind before it: imei=490154203237518");
	}
	return err;
}
