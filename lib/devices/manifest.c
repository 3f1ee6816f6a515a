#include <stdio.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/crypto/cose.h"
#include "lib/devices/formats_internal.h"
#include "lib/devices/json_array.h"
#include "lib/devices/jwk_read.h"
#include "lib/devices/reading.h"
#include "lib/x509/x509_read.h"

/* A registered chip maker's certificate, as far as a JWS can be its. */
struct jws_signer {
	const char	*name;
	uint8_t		 thumbprint[SHA256_SIZE];	/* RFC 7515 4.1.8 */
	struct verifier	*verifier;	/* NULL: no key that ES256 is of */
	int64_t		 not_before, not_after;
};

struct manifest {
	struct reading	  reading;
	struct json_array array;
	struct diag	 *diag;
	struct jws_signer *signers;
	const char	 *source;	/* whose list it is; NULL: not begun */
	uint8_t		  id[DEVICE_ID_MAX];
	struct buf	  octets, payload, message;
};

static bool
manifest_is(struct bytes head)
{
	size_t i = 0;

	while (i < head.len && strchr(" \t\r\n", head.ptr[i]) != NULL &&
	    head.ptr[i] != '\0')
		i++;
	return i < head.len && head.ptr[i] == '[';
}

static enum err
signer_read(const struct device_list_signer *from, struct jws_signer *to,
    struct diag *diag)
{
	struct x509_info *info = calloc(1, sizeof(*info));
	enum err err;

	if (info == NULL)
		return diag_nomem(diag);
	err = x509_read(from->cert, info, diag);
	if (!err)
		err = sha256_once(from->cert, to->thumbprint);
	if (!err && info->public_key.alg == KEY_P256)
		err = verifier_new(&info->public_key, &to->verifier, diag);
	to->name = from->name;
	to->not_before = info->not_before;
	to->not_after = info->not_after;
	free(info);
	if (err)
		diag_prefix(diag, "chip maker %s", from->name);
	return err;
}

/* Whose signature it says to be. */
static enum err
signer_find(struct manifest *m, const json_t *header,
    struct jws_signer **ret_signer, struct diag *why)
{
	const struct device_list_input *input = m->reading.input;
	struct jws_signer *signer = NULL;
	size_t i;
	enum err err;

	err = json_octets(header, "JWS", "x5t#S256", &m->octets, why);
	if (err)
		return err;
	for (i = 0; i < input->signer_count && signer == NULL; i++)
		if (bytes_equal(buf_bytes(&m->octets),
		    bytes_of(m->signers[i].thumbprint, SHA256_SIZE)))
			signer = &m->signers[i];
	if (signer == NULL) {
		(void)diag_fail(why, ERR_AUTH, "RFC 7515 4.1.8", "JWS: "
		    "x5t#S256: the certificate of no registered chip maker");
		diag_hint(why, "register the certificate that signs the "
		    "manifests, once its maker has said that it is its own");
		return ERR_AUTH;
	}
	if (signer->verifier == NULL)
		return diag_fail(why, ERR_UNSUPPORTED, "RFC 7518 3.4", "JWS: "
		    "the certificate of %s has no P-256 key, which ES256 "
		    "asks for", signer->name);
	if (input->now < signer->not_before || input->now > signer->not_after)
		return diag_fail(why, ERR_AUTH, "RFC 5280 4.1.2.5", "JWS: the "
		    "certificate of %s is not valid now", signer->name);
	*ret_signer = signer;
	return ERR_OK;
}

/* The protected header (RFC 7515 4): algorithm, and the signer. */
static enum err
header_read(struct manifest *m, const json_t *jws,
    struct jws_signer **ret_signer, struct diag *why)
{
	_cleanup_json_ json_t *header = NULL;
	struct bytes alg = BYTES_NONE;
	enum err err;

	err = json_octets(jws, "JWS", "protected", &m->octets, why);
	if (!err)
		err = json_object_read(buf_bytes(&m->octets),
		    "JWS: protected", &header, why);
	if (!err)
		err = json_text(header, "JWS", "alg", &alg, why);
	if (err)
		return err;
	if (!bytes_equal(alg, bytes_text("ES256")))
		return diag_fail(why, ERR_UNSUPPORTED, "RFC 7518 3.1",
		    "JWS: alg: not ES256, which is the only one taken");
	if (json_object_get(header, "crit") != NULL)
		return diag_fail(why, ERR_UNSUPPORTED, "RFC 7515 4.1.11",
		    "JWS: crit: a critical header is not understood");
	return signer_find(m, header, ret_signer, why);
}

/* The payload, once its signature is good (RFC 7515 5.2). */
static enum err
payload_verify(struct manifest *m, const json_t *jws,
    struct jws_signer *signer, struct diag *why)
{
	struct bytes protected = BYTES_NONE, payload = BYTES_NONE;
	bool good = false;
	enum err err;

	err = json_octets(jws, "JWS", "signature", &m->octets, why);
	if (!err)
		err = json_text(jws, "JWS", "protected", &protected, why);
	if (!err)
		err = json_text(jws, "JWS", "payload", &payload, why);
	if (!err)
		err = json_octets(jws, "JWS", "payload", &m->payload, why);
	if (err)
		return err;
	buf_clear(&m->message);
	buf_put_bytes(&m->message, protected);
	buf_put_u8(&m->message, '.');
	buf_put_bytes(&m->message, payload);
	err = buf_err(&m->message);
	if (!err)
		err = verifier_check(signer->verifier,
		    buf_bytes(&m->message), buf_bytes(&m->octets), &good);
	if (err || good)
		return err;
	(void)diag_fail(why, ERR_AUTH, "RFC 7515 5.2",
	    "JWS: its signature is not by %s", signer->name);
	diag_hint(why, "it was changed after it was signed: have %s send it "
	    "again", signer->name);
	return ERR_AUTH;
}

static enum err
id_read(struct manifest *m, const json_t *jws, const json_t *payload,
    struct diag *why)
{
	const json_t *header = json_object_get(jws, "header");
	struct bytes id = BYTES_NONE, said = BYTES_NONE;
	size_t len = 0;
	enum err err;

	err = json_text(payload, "payload", "uniqueId", &id, why);
	if (!err && (id.len == 0 || hex_decode((const char *)id.ptr, m->id,
	    sizeof(m->id), &len) != ERR_OK || 2 * len != id.len))
		err = diag_fail(why, ERR_INVALID, NULL, "payload: uniqueId: "
		    "not 1 to %d octets in hexadecimal", DEVICE_ID_MAX);
	if (!err && json_object_get(header, "uniqueId") != NULL) {
		err = json_text(header, "header", "uniqueId", &said, why);
		if (!err && !bytes_equal(said, id))
			err = diag_fail(why, ERR_INVALID, NULL, "header: "
			    "uniqueId: another one than in what was signed");
	}
	if (!err)
		m->reading.entry->id = bytes_of(m->id, len);
	return err;
}

/* RFC 7517 4.7: the first certificate, if there are some, has this key. */
static enum err
certificate_check(struct manifest *m, const json_t *jwk,
    const struct public_key *key, struct diag *why)
{
	const json_t *chain = json_object_get(jwk, "x5c"), *first;
	struct x509_info *info;
	enum err err;

	if (chain == NULL)
		return ERR_OK;
	first = json_array_get(chain, 0);
	buf_clear(&m->octets);
	if (!json_is_string(first) || json_string_length(first) >
	    JSON_TEXT_MAX || base64_decode(bytes_of(json_string_value(first),
	    json_string_length(first)), &m->octets) != ERR_OK)
		return diag_fail(why, ERR_SYNTAX, "RFC 7517 4.7",
		    "JWK: x5c: no array of certificates in base64");
	info = calloc(1, sizeof(*info));
	if (info == NULL)
		return diag_nomem(why);
	err = x509_read(buf_bytes(&m->octets), info, why);
	if (err)
		diag_prefix(why, "JWK: x5c");
	else if (!public_key_equal(&info->public_key, key))
		err = diag_fail(why, ERR_INVALID, "RFC 7517 4.7",
		    "JWK: x5c: its certificate has another key");
	free(info);
	return err;
}

/* The key of that name, which no other one has. */
static enum err
key_find(const json_t *keys, const char *name, const json_t **ret_jwk,
    struct diag *why)
{
	const json_t *found = NULL, *jwk, *kid;
	size_t i;

	for (i = 0; i < json_array_size(keys); i++) {
		jwk = json_array_get(keys, i);
		kid = json_object_get(jwk, "kid");
		if (!json_is_string(kid) ||
		    strcmp(json_string_value(kid), name) != 0)
			continue;
		if (found != NULL)
			return diag_fail(why, ERR_INVALID, "RFC 7517 4.5",
			    "payload: publicKeySet: two keys are called %s",
			    name);
		found = jwk;
	}
	if (found == NULL) {
		(void)diag_fail(why, ERR_INVALID, NULL, "payload: "
		    "publicKeySet: no key is called %s", name);
		diag_hint(why, "its keys are called as the chip's slots are: "
		    "say which one is meant");
		return ERR_INVALID;
	}
	*ret_jwk = found;
	return ERR_OK;
}

static enum err
key_read(struct manifest *m, const json_t *keys, unsigned slot,
    struct diag *why)
{
	struct device_entry *entry = m->reading.entry;
	struct public_key *key = &entry->key[entry->key_count].key;
	const char *name = m->reading.input->key_id;
	const json_t *jwk = NULL;
	char number[16];
	enum err err;

	(void)snprintf(number, sizeof(number), "%u", slot);
	err = key_find(keys, name != NULL ? name : number, &jwk, why);
	if (!err)
		err = jwk_read(jwk, key, why);
	if (!err)
		err = certificate_check(m, jwk, key, why);
	entry->key[entry->key_count++].slot = slot;
	return err;
}

static enum err
keys_read(struct manifest *m, const json_t *payload, struct diag *why)
{
	const struct device_list_input *input = m->reading.input;
	const json_t *keys = json_object_get(
	    json_object_get(payload, "publicKeySet"), "keys");
	enum err err = ERR_OK;
	size_t i;

	if (!json_is_array(keys))
		return diag_fail(why, ERR_SYNTAX, "RFC 7517 5", "payload: "
		    "publicKeySet: missing, or without keys");
	m->reading.entry->key_count = 0;
	if (input->kind == DEVICE_LIST_CHIPS)
		return key_read(m, keys, 0, why);
	for (i = 0; i < input->slot_count && !err; i++)
		err = key_read(m, keys, input->slots[i], why);
	return err;
}

/* The list begins with its first entry, which says whose it is. */
static enum err
source_check(struct manifest *m, const struct jws_signer *signer,
    struct diag *why)
{
	const struct device_list_input *input = m->reading.input;
	struct device_list_head head = { .kind = input->kind,
		.trust = input->kind == DEVICE_LIST_CHIPS ?
		    DEVICE_LIST_SIGNED : DEVICE_LIST_MANIFEST };

	if (m->source == NULL) {
		(void)snprintf(head.source, sizeof(head.source), "%s",
		    signer->name);
		m->source = signer->name;
		return device_list_begin(m->reading.writer, &head, why);
	}
	if (strcmp(m->source, signer->name) == 0)
		return ERR_OK;
	return diag_fail(why, ERR_INVALID, NULL, "JWS: is by %s, the ones "
	    "before by %s: a list has one maker", signer->name, m->source);
}

static enum err
jws_read(struct manifest *m, struct bytes text, struct diag *why)
{
	_cleanup_json_ json_t *jws = NULL, *payload = NULL;
	struct jws_signer *signer = NULL;
	enum err err;

	err = json_object_read(text, "JWS", &jws, why);
	if (!err)
		err = header_read(m, jws, &signer, why);
	if (!err)
		err = payload_verify(m, jws, signer, why);
	if (!err)
		err = json_object_read(buf_bytes(&m->payload), "payload",
		    &payload, why);
	if (!err)
		err = id_read(m, jws, payload, why);
	if (!err)
		err = keys_read(m, payload, why);
	return err ? err : source_check(m, signer, why);
}

static enum err
element_read(void *ctx, struct bytes text, bool too_large)
{
	struct manifest *m = ctx;
	struct diag why = DIAG_INIT;
	enum err err;

	err = too_large ? diag_fail(&why, ERR_LIMIT, NULL, "longer than %zu "
	    "octets, or deeper than %d", JSON_ELEMENT_MAX, JSON_DEPTH_MAX) :
	    jws_read(m, text, &why);
	return reading_entry(&m->reading, m->reading.entries + 1, err, &why,
	    m->diag);
}

static enum err
manifest_feed(void *ctx, struct bytes block, struct diag *diag)
{
	struct manifest *m = ctx;
	enum err err;

	m->diag = diag;
	err = json_array_feed(&m->array, block, element_read, m);
	if (err != ERR_SYNTAX)
		return err;
	return reading_fail(&m->reading, err, diag, "octet %ju, after %ju "
	    "entries: not what a JSON array of objects goes on with",
	    (uintmax_t)m->array.at, (uintmax_t)m->reading.entries);
}

static enum err
manifest_read_all(struct manifest *m, struct diag *diag)
{
	const struct device_list_input *input = m->reading.input;
	enum err err = ERR_OK;
	size_t i;

	if (input->kind == DEVICE_LIST_KEYS && input->slot_count == 0)
		return reading_fail(&m->reading, ERR_INVALID, diag,
		    "the product has no slot whose key is the device's own");
	if (input->key_id != NULL && input->kind == DEVICE_LIST_KEYS &&
	    input->slot_count != 1)
		return reading_fail(&m->reading, ERR_INVALID, diag,
		    "one key is asked for, the product wants several");
	m->signers = calloc(input->signer_count + 1, sizeof(*m->signers));
	if (m->signers == NULL)
		return diag_nomem(diag);
	for (i = 0; i < input->signer_count && !err; i++)
		err = signer_read(&input->signers[i], &m->signers[i], diag);
	if (!err)
		err = reading_feed(&m->reading, manifest_feed, m, diag);
	if (!err && !json_array_done(&m->array))
		err = reading_fail(&m->reading, ERR_SYNTAX, diag, "ends "
		    "within its JSON array, after %ju entries",
		    (uintmax_t)m->reading.entries);
	if (!err && m->reading.entries == 0)
		err = reading_fail(&m->reading, ERR_INVALID, diag,
		    "names no device");
	return err ? err : reading_end(&m->reading, diag);
}

static enum err
manifest_read(const struct device_list_input *input,
    struct device_list_writer *writer, struct diag *diag)
{
	struct manifest *m;
	enum err err;
	size_t i;

	m = calloc(1, sizeof(*m));
	if (m == NULL)
		return diag_nomem(diag);
	m->array.element.limit = JSON_ELEMENT_MAX;
	m->octets.limit = JSON_ELEMENT_MAX;
	m->payload.limit = JSON_ELEMENT_MAX;
	m->message.limit = 2 * JSON_ELEMENT_MAX;
	err = reading_init(&m->reading, input, writer,
	    device_manifest_format.place_word, diag);
	if (!err)
		err = manifest_read_all(m, diag);
	for (i = 0; m->signers != NULL && i < input->signer_count; i++)
		verifier_free(&m->signers[i].verifier);
	free(m->signers);
	buf_release(&m->array.element);
	buf_release(&m->octets);
	buf_release(&m->payload);
	buf_release(&m->message);
	reading_release(&m->reading);
	free(m);
	return err;
}

const struct device_list_format device_manifest_format = {
	.name = "manifest",
	.is = manifest_is,
	.place_word = "entry",
	.read = manifest_read,
};
