#include "lib/identity/sizes.h"

#include <stdlib.h>

#include "lib/base/cbor_write.h"
#include "lib/identity/chip_package.h"
#include "lib/identity/claims.h"
#include "lib/identity/document.h"
#include "lib/identity/maker.h"
#include "lib/log/receipt.h"

/* Orders go on: indices of so many octets come to every product. */
#define INDEX_LONG	UINT64_C(0xffffffff)
#define SIGNATURE_OCTET	0xff	/* makes each number of an ECDSA one longest */

/* What is put together while sizes are found. */
struct sizing {
	const struct sizes_case	*ask;
	struct public_key	 keys[PRODUCT_SLOTS_MAX];
	struct secret		 private[PRODUCT_SLOTS_MAX];
	char			 text[PRODUCT_NAMES_MAX][NAME_TEXT_SIZE];
	struct identity_names	 names;
	struct identity_birth	 birth;
	struct identity		 identity;
	struct buf		 entry, document;
};

static void
sizing_release(struct sizing *s)
{
	size_t i;

	for (i = 0; i < PRODUCT_SLOTS_MAX; i++)
		secret_release(&s->private[i]);
	buf_release(&s->entry);
	buf_release(&s->document);
}

/* The largest index that has all its names; as long as its kind gets in a
 * status list. */
static uint64_t
index_longest(const struct sizes_case *ask)
{
	const uint64_t list = UINT64_C(1) << STATUS_LIST_BITS;
	uint64_t index = ask->last > INDEX_LONG ? ask->last : INDEX_LONG;
	const struct product *p = ask->product;
	char text[NAME_TEXT_SIZE];
	size_t i;

	for (i = 0; i < p->name_count; i++)
		while (p->names[i].from == NAME_FROM_INDEX && index > 0 &&
		    name_format(&p->names[i], index, text) != ERR_OK)
			index /= 2;
	return index < list ? index : ((index + 1) & ~(list - 1)) - 1;
}

static enum err
name_longest(const struct product_name *name, size_t len,
    char text[NAME_TEXT_SIZE])
{
	static const char mac[] = "02:00:5e:10:00:00";

	if (name->type == NAME_MAC && len < sizeof(mac)) {
		memcpy(text, mac, sizeof(mac));
		return ERR_OK;
	}
	if (name->type != NAME_TEXT)
		return name_sample(name, text);
	if (len == 0)
		len = 1;
	if (len > NAME_TEXT_MAX)
		return ERR_LIMIT;
	memset(text, '0', len);
	text[len] = '\0';
	return ERR_OK;
}

static enum err
names_longest(struct sizing *s, uint64_t index)
{
	const struct product *p = s->ask->product;
	size_t i, columns = 0;
	enum err err = ERR_OK;

	s->names = (struct identity_names){ .first = index, .count = 1,
	    .text = (const void *)s->text };
	for (i = 0; i < p->name_count && !err; i++) {
		s->names.value[i] = p->names[i].first;
		if (p->names[i].from == NAME_FROM_CSV)
			err = name_longest(&p->names[i], s->ask->name_len[i],
			    s->text[columns++]);
		if (p->names[i].from == NAME_FROM_BIRTH)
			err = name_longest(&p->names[i], s->ask->name_len[i],
			    s->birth.text[i]);
	}
	return err;
}

/* An entry as stored, every signature of it as long as can be. */
static enum err
entry_longest(struct sizing *s, struct diag *diag)
{
	const struct template *t = s->ask->template;
	uint8_t sig[SIGNATURE_SIZE];
	size_t i;
	enum err err = ERR_OK;

	memset(sig, SIGNATURE_OCTET, sizeof(sig));
	for (i = 0; i < t->slot_count && !err; i++) {
		err = key_pair_make(t->slots[i].alg, &s->keys[i],
		    &s->private[i], diag);
		public_key_put_stored(&s->entry, &s->keys[i]);
		if (t->slots[i].certificate != NULL)
			buf_put(&s->entry, sig, sizeof(sig));
	}
	if (t->signature == SIGNATURE_DIRECT)
		buf_put(&s->entry, sig, sizeof(sig));
	return err ? err : buf_err(&s->entry);
}

/* Of the last leaf of a full chunk whose path is as long as the first one's:
 * no path is longer. */
static enum err
receipt_longest(struct sizing *s, struct diag *diag)
{
	const struct sizes_case *ask = s->ask;
	struct receipt_chunk chunk = { .first = s->identity.index,
	    .size = ask->chunk_size, .evidence = EVIDENCE_ORDER };
	static const uint8_t kid[COSE_KID_SIZE];
	_cleanup_subtree_ struct subtree tree = SUBTREE_INIT;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	_cleanup_buf_ struct buf protected = BUF_INIT;
	uint8_t sig[SIGNATURE_SIZE] = { 0 }, *leaves;
	uint32_t leaf = ask->chunk_size - 1;
	enum err err;

	while (subtree_path_length(leaf, chunk.size) <
	    subtree_path_length(0, chunk.size))
		leaf--;

	leaves = calloc(ask->chunk_size, SHA256_SIZE);
	if (leaves == NULL)
		return diag_nomem(diag);
	err = sha256_new(&sha256, diag);
	if (!err)
		err = subtree_build(&tree, sha256, leaves, ask->chunk_size);
	free(leaves);
	if (err)
		return err;
	receipt_put_protected(&protected, bytes_of(kid, sizeof(kid)), &chunk);
	err = buf_err(&protected);
	if (err)
		return err;
	document_put_receipt(&s->document, s->identity.claims,
	    buf_bytes(&protected), &tree, leaf, sig);
	return buf_err(&s->document);
}

/* RFC 8017 A.1.2: two octets of head more for each of the large numbers, and
 * one for a first bit that is set; the private exponent's never is. */
static size_t
private_longest(const struct key_algorithm *a)
{
	size_t m = a->public_len;

	return a->kind != KEY_RSA ? a->private_max :
	    4 + 3 + (4 + m + 1) + 5 + (4 + m) + 5 * (3 + m / 2 + 1);
}

/* A package as the device gets it, into memory of enough room. */
static enum err
package_put(struct sizing *s, struct bytes document, bool keys,
    struct secret *out)
{
	const struct sizes_case *ask = s->ask;
	const struct template *t = ask->template;
	struct buf buf;
	size_t i;
	enum err err;

	err = secret_alloc(out, PACKAGE_SIZE_MAX);
	if (err)
		return err;
	buf = (struct buf){ .ptr = out->ptr, .cap = out->cap,
	    .limit = out->cap };
	cbor_put_array(&buf, 5);
	cbor_put_text(&buf, PACKAGE_MAGIC);
	cbor_put_uint(&buf, PACKAGE_VERSION);
	cbor_put_bstr(&buf, document);
	cbor_put_array(&buf, keys ? t->slot_count : 0);
	for (i = 0; i < t->slot_count && keys; i++) {
		cbor_put_array(&buf, 3);
		cbor_put_uint(&buf, t->slots[i].slot);
		cbor_put_uint(&buf, t->slots[i].alg);
		cbor_put_bstr(&buf, secret_bytes(&s->private[i]));
	}
	cbor_put_array(&buf, ask->cert_count);
	for (i = 0; i < ask->cert_count; i++)
		cbor_put_bstr(&buf, ask->certs[i]);
	err = buf_err(&buf);
	out->len = buf.len;
	return err;
}

/* What a chip's package has around what it has in common with others. */
static size_t
chip_package_size(const struct sizing *s, size_t inside, struct diag *diag)
{
	_cleanup_buf_ struct buf out = BUF_INIT, sealed = BUF_INIT;
	static const uint8_t enc[HPKE_ENC_MAX];
	struct pack_header header = { .cert_count = s->ask->cert_count };
	struct pack_sealed package = { .index = s->identity.index };
	uint8_t *room = buf_extend(&sealed, inside + HPKE_TAG_SIZE);
	size_t i;

	if (room == NULL || s->ask->cert_count > PACK_CERTS_MAX) {
		(void)diag_nomem(diag);
		return 0;
	}
	memset(room, 0, inside + HPKE_TAG_SIZE);
	for (i = 0; i < s->ask->cert_count; i++)
		header.certs[i] = s->ask->certs[i];
	package.device.enc = bytes_of(enc, sizeof(enc));
	package.device.sealed = buf_bytes(&sealed);
	chip_package_put(&out, &header, &package);
	return buf_err(&out) == ERR_OK ? out.len : 0;
}

static enum err
sizes_sum(struct sizing *s, struct bytes document,
    struct product_sizes *sizes, struct secret *package, struct diag *diag)
{
	const struct sizes_case *ask = s->ask;
	const struct template *t = ask->template;
	bool keys = ask->mode != ORDER_DEVICE_KEY;
	size_t i, inside, longer = 0, chain = 0;
	enum err err;

	err = package_put(s, document, keys, package);
	if (err)
		return err;
	*sizes = (struct product_sizes){ .document = document.len,
	    .total = document.len };
	for (i = 0; i < t->slot_count; i++) {
		sizes->certificate[i] = s->identity.certificate[i].len;
		sizes->total += sizes->certificate[i];
		if (keys) {
			inside = private_longest(key_algorithm(
			    t->slots[i].alg));
			sizes->total += inside;
			longer += inside - s->private[i].len;
		}
	}
	for (i = 0; i < ask->cert_count; i++)
		chain += ask->certs[i].len;
	sizes->total += chain;
	sizes->package = package->len + longer;
	if (ask->mode != ORDER_CHIP)
		return ERR_OK;
	/* [document, keys], without magic, version and chain */
	inside = sizes->package - sizeof(PACKAGE_MAGIC) - 2 - chain -
	    3 * ask->cert_count;
	sizes->package = chip_package_size(s, inside, diag);
	return sizes->package > 0 ? ERR_OK : ERR_NOMEM;
}

static enum err
sizing_run(struct sizing *s, struct product_sizes *ret_sizes,
    struct secret *ret_package, struct diag *diag)
{
	static const uint8_t zero[AES256_KEY_SIZE];
	const struct sizes_case *ask = s->ask;
	_cleanup_maker_ struct identity_maker *maker = NULL;
	struct identity_range range = { .epoch = EPOCH_FIRST,
	    .seed = bytes_of(zero, sizeof(zero)), .issued = ask->issued,
	    .evidence = EVIDENCE_ORDER, .names = &s->names,
	    .birth = template_needs_births(ask->template) ? &s->birth :
	    NULL };
	uint64_t index = index_longest(ask);
	enum err err;

	err = names_longest(s, index);
	if (!err)
		err = identity_maker_new(ask->template, range.seed,
		    range.seed, &maker, diag);
	if (!err)
		err = identity_maker_range(maker, &range, diag);
	if (!err)
		err = entry_longest(s, diag);
	if (!err)
		err = identity_maker_rebuild(maker, index,
		    buf_bytes(&s->entry), &s->identity, diag);
	if (!err && ask->template->signature == SIGNATURE_RECEIPT)
		err = receipt_longest(s, diag);
	return err ? err : sizes_sum(s, s->document.len > 0 ?
	    buf_bytes(&s->document) : s->identity.document, ret_sizes,
	    ret_package, diag);
}

enum err
identity_sizes(const struct sizes_case *ask, struct product_sizes *ret_sizes,
    struct secret *ret_package, struct diag *diag)
{
	_cleanup_secret_ struct secret package = SECRET_INIT;
	struct product_sizes sizes = { .document = 0 };
	struct sizing *s;
	enum err err;

	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return diag_nomem(diag);
	s->ask = ask;
	s->entry.limit = s->document.limit = BUF_LIMIT_DEFAULT;
	err = sizing_run(s, &sizes, &package, diag);
	sizing_release(s);
	free(s);
	if (err)
		return diag_fail(diag, err, NULL, "product %s: its sizes "
		    "cannot be found", ask->product->name);
	*ret_sizes = sizes;
	*ret_package = package;
	package = (struct secret)SECRET_INIT;	/* transferred */
	return ERR_OK;
}
