#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cbor.h"
#include "lib/base/parallel.h"
#include "lib/devices/formats_internal.h"
#include "lib/devices/reading.h"

#define PROOF_MAX	((size_t)16 << 10)	/* octets of a message */
#define PIECES_MAX	256		/* messages looked at together */
#define PROOF_VERSION	1
#define TAG_SIGN1_OCTET	0xd2
#define ARRAY_4_OCTET	0x84

struct proof {
	struct bytes	id, text;
	uint64_t	slot;
	struct public_key key;
};

/* A message while it is looked at, beside others. */
struct piece {
	struct bytes	 octets;
	struct cose_sign1 message;
	struct proof	 proof;		/* views into octets */
	bool		 by_other;	/* its key cannot sign: not checked */
	struct verifier	*verifier;	/* these two serve message after */
	struct sha256	*sha256;	/* message */
	enum err	 err;
	struct diag	 why;
};

struct proofs {
	struct reading	 reading;
	struct piece	*pieces;
	uint64_t	 number;	/* message, from 1 */
	uint64_t	 place;		/* of the device's first message */
	bool		 bad;		/* one of the device's messages */
	uint8_t		 id[DEVICE_ID_MAX];
};

static bool
cose_is(struct bytes head)
{
	return head.len >= 2 && head.ptr[0] == TAG_SIGN1_OCTET &&
	    head.ptr[1] == ARRAY_4_OCTET;
}

/* Octets of the CBOR item at the front, whose content nobody has checked; 0:
 * its end cannot be told, or lies behind the view. */
static size_t
item_len(struct bytes view)
{
	size_t at = 0, left = 1, octets, i;
	uint64_t value;
	unsigned type, info;

	while (left > 0) {
		if (at >= view.len)
			return 0;
		type = view.ptr[at] >> 5;
		info = view.ptr[at++] & 31;
		octets = info < 24 ? 0 : (size_t)1 << (info - 24);
		if (info > 27 || octets > view.len - at)
			return 0;
		value = info < 24 ? info : 0;
		for (i = 0; i < octets; i++)
			value = value << 8 | view.ptr[at++];
		left--;
		if (type == CBOR_TAG)
			left++;
		if ((type == CBOR_BSTR || type == CBOR_TSTR ||
		    type == CBOR_ARRAY || type == CBOR_MAP) &&
		    value > view.len - at)
			return 0;
		if (type == CBOR_BSTR || type == CBOR_TSTR)
			at += (size_t)value;
		else if (type == CBOR_ARRAY || type == CBOR_MAP)
			left += (size_t)value << (type == CBOR_MAP);
	}
	return at;
}

static enum err
payload_read(struct bytes payload, struct proof *proof, struct diag *why)
{
	struct bytes key, private = BYTES_NONE;
	uint64_t version;
	struct cbor c;
	enum err err;

	cbor_open(&c, payload);
	version = cbor_get_versioned(&c, 5, PROOF_VERSION);
	if (cbor_ok(&c) && version != PROOF_VERSION)
		return diag_fail(why, ERR_UNSUPPORTED, NULL, "proof: version "
		    "%ju, this build reads %d", (uintmax_t)version,
		    PROOF_VERSION);
	proof->id = cbor_get_bstr(&c);
	proof->slot = cbor_get_uint(&c);
	key = cbor_get_item(&c);
	proof->text = cbor_get_tstr(&c);
	if (!cbor_close(&c))
		return diag_fail(why, ERR_SYNTAX, NULL, "proof: octet %zu: "
		    "%s", c.pos, c.error);
	if (proof->slot >= PRODUCT_SLOTS_MAX)
		return diag_fail(why, ERR_INVALID, NULL, "proof: slot %ju: "
		    "there are 0 to %d", (uintmax_t)proof->slot,
		    PRODUCT_SLOTS_MAX - 1);
	if (proof->id.len > DEVICE_ID_MAX)
		return diag_fail(why, ERR_INVALID, NULL, "proof: id: longer "
		    "than %d octets", DEVICE_ID_MAX);
	err = cose_key_parse(key, &proof->key, &private, why);
	if (!err && private.len > 0)
		err = diag_fail(why, ERR_INVALID, NULL, "proof: the private "
		    "key is with it: do not use it");
	return err;
}

/* By key itself, or by the key that stands for one that cannot sign. */
static enum err
signature_check(struct piece *piece, const struct public_key *key)
{
	const struct cose_sign1 *msg = &piece->message;
	struct diag *why = &piece->why;
	uint8_t kid[COSE_KID_SIZE];
	bool good = false;
	enum err err = ERR_OK;

	if (msg->kid.len > 0)
		err = cose_key_thumbprint(key, kid);
	if (!err && msg->kid.len > 0 &&
	    !bytes_equal(msg->kid, bytes_of(kid, sizeof(kid))))
		return diag_fail(why, ERR_AUTH, "RFC 9679", "proof: kid: "
		    "the thumbprint of another key");
	if (!err && piece->sha256 == NULL)
		err = sha256_new(&piece->sha256, why);
	if (!err)
		err = verifier_renew(&piece->verifier, key, why);
	if (!err)
		err = cose_sign1_verify(msg, piece->verifier, key->alg,
		    BYTES_NONE, piece->sha256, &good);
	if (err || good)
		return err;
	(void)diag_fail(why, ERR_AUTH, "RFC 9052 4.4", "proof: its signature "
	    "is not by its own key: no proof of possession");
	diag_hint(why, "have that device make its proof again; one changed "
	    "on the way does not verify either");
	return ERR_AUTH;
}

static enum err
proof_verify(const struct device_list_input *input, struct piece *piece)
{
	const struct public_key *key = &piece->proof.key;
	struct diag *why = &piece->why;

	if (input->challenge != NULL && !bytes_equal(piece->proof.text,
	    bytes_text(input->challenge))) {
		(void)diag_fail(why, ERR_AUTH, NULL, "proof: is over another "
		    "text than was asked for");
		diag_hint(why, "it was made for something else, or before: "
		    "have the device make one over the text it is given");
		return ERR_AUTH;
	}
	piece->by_other = (key_algorithm(key->alg)->can & KEY_SIGNS) == 0;
	return piece->by_other ? ERR_OK : signature_check(piece, key);
}

static enum err
piece_read(const struct device_list_input *input, struct piece *piece)
{
	struct diag *why = &piece->why;
	enum err err;

	err = cose_sign1_parse(piece->octets, &piece->message, why);
	if (!err && !bytes_equal(piece->message.typ,
	    bytes_text(DEVICE_PROOF_TYP)))
		err = diag_fail(why, ERR_INVALID, "RFC 9596",
		    "proof: typ: not " DEVICE_PROOF_TYP);
	if (!err)
		err = payload_read(piece->message.payload, &piece->proof,
		    why);
	return err ? err : proof_verify(input, piece);
}

/* On a thread of its own: nothing but the piece is touched. */
static void
piece_check(void *ctx, size_t i)
{
	struct proofs *p = ctx;
	struct piece *piece = &p->pieces[i];

	piece->why = (struct diag)DIAG_INIT;
	piece->by_other = false;
	piece->err = piece_read(p->reading.input, piece);
}

/* The first key of the device at hand, when this proof is about it too. */
static const struct public_key *
first_key(const struct proofs *p, const struct proof *proof)
{
	const struct device_entry *entry = p->reading.entry;

	if (entry->key_count == 0 || entry->id.len == 0 ||
	    !bytes_equal(entry->id, proof->id))
		return NULL;
	return &entry->key[0].key;
}

static enum err
other_check(const struct proofs *p, struct piece *piece)
{
	const struct public_key *key = first_key(p, &piece->proof);

	return key != NULL ? signature_check(piece, key) :
	    diag_fail(&piece->why, ERR_AUTH, NULL, "proof: a key that cannot "
	    "sign needs one of the same device that can, in a message before "
	    "it");
}

/* The device at hand has all its keys. */
static enum err
device_end(struct proofs *p, struct diag *diag)
{
	struct device_entry *entry = p->reading.entry;
	const struct diag none = DIAG_INIT;
	enum err err = ERR_OK;

	if (entry->key_count > 0 && !p->bad)
		err = reading_entry(&p->reading, p->place, ERR_OK, &none,
		    diag);
	entry->key_count = 0;
	p->bad = false;
	return err;
}

static enum err
key_add(struct proofs *p, const struct proof *proof, struct diag *why)
{
	struct device_entry *entry = p->reading.entry;
	size_t n = entry->key_count;

	if (n > 0 && proof->slot <= entry->key[n - 1].slot)
		return diag_fail(why, ERR_INVALID, NULL, "proof: slot %ju "
		    "behind slot %u: a device's slots ascend",
		    (uintmax_t)proof->slot, entry->key[n - 1].slot);
	entry->key[n].slot = (unsigned)proof->slot;
	public_key_copy(&entry->key[n].key, &proof->key);
	entry->key_count++;
	return ERR_OK;
}

/* One message: a key more of the device at hand, or the next device's. */
static enum err
piece_take(struct proofs *p, struct piece *piece, struct diag *diag)
{
	struct device_entry *entry = p->reading.entry;
	const struct proof *proof = &piece->proof;
	enum err err = piece->err, other;

	p->number++;
	if (!err && piece->by_other)
		err = other_check(p, piece);
	if (!err && first_key(p, proof) == NULL) {
		other = device_end(p, diag);
		if (other)
			return other;
		if (proof->id.len > 0)
			memcpy(p->id, proof->id.ptr, proof->id.len);
		entry->id = bytes_of(p->id, proof->id.len);
		p->place = p->number;
	}
	if (!err)
		err = key_add(p, proof, &piece->why);
	if (!err)
		return ERR_OK;
	p->bad = true;
	return reading_entry(&p->reading, p->number, err, &piece->why, diag);
}

/* Messages at the front of view; their octets are ret_used. */
static size_t
pieces_cut(struct proofs *p, struct bytes view, size_t *ret_used)
{
	size_t count = 0, used = 0, len, rest;

	for (; count < PIECES_MAX && used < view.len; count++, used += len) {
		rest = view.len - used;
		len = item_len(bytes_of(view.ptr + used, rest < PROOF_MAX ?
		    rest : PROOF_MAX));
		if (len == 0)
			break;
		p->pieces[count].octets = bytes_of(view.ptr + used, len);
	}
	*ret_used = used;
	return count;
}

static enum err
messages_read(struct proofs *p, struct diag *diag)
{
	struct bytes view = BYTES_NONE;
	size_t count, used, i;
	uint64_t at = 0;
	enum err err;

	for (;;) {
		err = reading_view(&p->reading, at, READING_VIEW_MAX, &view,
		    diag);
		if (err || view.len == 0)
			return err;
		count = pieces_cut(p, view, &used);
		if (count == 0)
			return reading_fail(&p->reading, ERR_SYNTAX, diag,
			    "octet %ju, after %ju messages: no CBOR item, or "
			    "one longer than %zu octets", (uintmax_t)at,
			    (uintmax_t)p->number, PROOF_MAX);
		parallel_each(piece_check, p, count);
		for (i = 0; i < count && !err; i++)
			err = piece_take(p, &p->pieces[i], diag);
		if (err)
			return err;
		at += used;
	}
}

static enum err
proofs_read(struct proofs *p, struct diag *diag)
{
	const struct device_list_input *input = p->reading.input;
	const struct device_list_head head = { .kind = input->kind,
		.trust = input->kind == DEVICE_LIST_CHIPS ?
		    DEVICE_LIST_APPROVED : DEVICE_LIST_POSSESSION };
	enum err err;

	p->pieces = calloc(PIECES_MAX, sizeof(*p->pieces));
	if (p->pieces == NULL)
		return diag_nomem(diag);
	err = device_list_begin(p->reading.writer, &head, diag);
	if (!err)
		err = messages_read(p, diag);
	if (!err)
		err = device_end(p, diag);
	return err ? err : reading_end(&p->reading, diag);
}

static enum err
cose_list_read(const struct device_list_input *input,
    struct device_list_writer *writer, struct diag *diag)
{
	struct proofs *p;
	enum err err;
	size_t i;

	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return diag_nomem(diag);
	err = reading_init(&p->reading, input, writer,
	    device_cose_format.place_word, diag);
	if (!err)
		err = proofs_read(p, diag);
	reading_release(&p->reading);
	for (i = 0; p->pieces != NULL && i < PIECES_MAX; i++) {
		verifier_free(&p->pieces[i].verifier);
		sha256_free(&p->pieces[i].sha256);
	}
	free(p->pieces);
	free(p);
	return err;
}

const struct device_list_format device_cose_format = {
	.name = "cose",
	.is = cose_is,
	.place_word = "message",
	.read = cose_list_read,
};
