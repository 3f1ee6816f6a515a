/* The CRL of an issuing CA: what its entries are, and the file. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/authority/operation.h"
#include "lib/authority/publish_internal.h"
#include "lib/authority/serial_feed.h"
#include "lib/authority/status.h"
#include "lib/x509/crl_read.h"
#include "lib/x509/crl_write.h"
#include "lib/x509/x509_read.h"

#define LOOK_SIZE	((size_t)16 << 10)	/* of either end of a file */
#define HASH_BLOCK	((size_t)64 << 10)
#define SYNC_ENTRIES	65536	/* the disk writes while more are derived */

/* Which slots of a template have certificates, as bits. */
struct slot_set {
	uint32_t	template;
	unsigned	slots;
};

struct crl_walk {
	struct publication	*publication;
	struct diag		*diag;
	struct slot_set		*sets;
	size_t			 set_count;
	unsigned		 field_slots;	/* of any of LOG_ONLINE */
	bool			 field_known;
	struct store_range	 range;		/* at hand; count 0: none */
	unsigned		 slots;		/* its template's */
	enum err		(*piece)(struct crl_walk *,
				    const struct serial_piece *);
	/* counting */
	uint64_t		 certificates, entries_size;
	/* writing */
	struct serial_feed	*feed;
	struct crl_writer	*writer;
	struct file		*file;
	uint64_t		 written;
};

static unsigned
slots_of(const struct template *template)
{
	unsigned slots = 0;
	size_t i;

	for (i = 0; i < template->slot_count; i++)
		if (template->slots[i].certificate != NULL)
			slots |= 1U << template->slots[i].slot;
	return slots;
}

static enum err
template_slots(struct crl_walk *w, uint32_t id, unsigned *ret_slots)
{
	_cleanup_template_ struct template *template = NULL;
	struct slot_set *more;
	unsigned slots;
	size_t i;
	enum err err;

	for (i = 0; i < w->set_count; i++)
		if (w->sets[i].template == id)
			break;
	if (i < w->set_count) {
		*ret_slots = w->sets[i].slots;
		return ERR_OK;
	}
	err = authority_template(w->publication->authority, id, &template,
	    w->diag);
	if (err)
		return err;
	slots = slots_of(template);
	more = reallocarray(w->sets, w->set_count + 1, sizeof(*more));
	if (more == NULL)
		return diag_nomem(w->diag);
	w->sets = more;
	w->sets[w->set_count++] = (struct slot_set){ id, slots };
	*ret_slots = slots;
	return ERR_OK;
}

static enum err
field_template(void *ctx, const struct store_object *object)
{
	_cleanup_template_ struct template *template = NULL;
	struct crl_walk *w = ctx;
	enum err err;

	err = template_decode(object->body, &template, w->diag);
	if (!err && template->log == LOG_ONLINE_NUMBER)
		w->field_slots |= slots_of(template);
	return err;
}

/* The slots that anything issued in the field can have certificates in: a
 * template is durable before something is made of it. But a registry that was
 * lost may have known others: all there can be. */
static enum err
field_slots(struct crl_walk *w, unsigned *ret_slots)
{
	struct authority *authority = w->publication->authority;
	struct operation_head head;
	enum err err = ERR_OK;

	if (!w->field_known) {
		err = operation_head(authority, &head, w->diag);
		if (!err)
			err = authority_object_each(authority, STORE_TEMPLATE,
			    field_template, w, w->diag);
		if (!err && head.epoch > 1)
			w->field_slots = (1U << PRODUCT_SLOTS_MAX) - 1;
	}
	if (err)
		return err;
	w->field_known = true;
	*ret_slots = w->field_slots;
	return ERR_OK;
}

/*
 * A range of no template, nor evidence, was skipped when an epoch began: the
 * numbers of what may have been signed in it went with the lost registry. Of
 * the field, who would have had an index, and so which product, was not settled
 * when it became void: the numbers of all slots that there are in the field.
 */
static enum err
range_enter(struct crl_walk *w, uint64_t index)
{
	const struct publication *p = w->publication;
	bool skipped;
	enum err err;

	w->slots = 0;
	err = store_range_get(p->authority->store, p->log.log, index,
	    &w->range, w->diag);
	/* by what is reserved for enrolment it has evidence always */
	skipped = w->range.template == 0 && w->range.evidence == 0;
	if (!err && p->log.log == LOG_ONLINE_NUMBER &&
	    w->range.state == RANGE_VOID && !skipped)
		err = field_slots(w, &w->slots);
	else if (!err && w->range.template != 0)
		err = template_slots(w, w->range.template, &w->slots);
	return err;
}

/* One row of status, cut at the edges of ranges. */
static enum err
row_walk(void *ctx, const struct store_status *row)
{
	struct crl_walk *w = ctx;
	uint64_t index = row->first, end = row->first + row->count, stop;
	struct serial_piece piece = { .time = row->time,
	    .reason = row->reason };
	enum err err = ERR_OK;

	for (; index < end && !err; index = stop) {
		if (w->range.count == 0 || index < w->range.first ||
		    index - w->range.first >= w->range.count)
			err = range_enter(w, index);
		if (err)
			break;
		stop = w->range.first + w->range.count;
		if (stop > end)
			stop = end;
		if (w->slots == 0)
			continue;
		piece.first = index;
		piece.count = stop - index;
		piece.slots = w->slots;
		piece.epoch = w->range.epoch;
		memcpy(piece.seed, w->range.seed, RANGE_SEED_SIZE);
		err = w->piece(w, &piece);
	}
	return err;
}

static enum err
rows_walk(struct crl_walk *w, enum err (*piece)(struct crl_walk *,
    const struct serial_piece *))
{
	const struct publication *p = w->publication;

	w->piece = piece;
	w->range.count = 0;
	return store_status_each(p->authority->store, p->log.log, 0,
	    INT64_MAX, row_walk, w, w->diag);
}

static enum err
piece_count(struct crl_walk *w, const struct serial_piece *piece)
{
	uint64_t count = piece->count *
	    (unsigned)__builtin_popcount(piece->slots);

	w->certificates += count;
	w->entries_size += count * crl_entry_size(SERIAL_SIZE, piece->time,
	    (enum crl_reason)piece->reason);
	return ERR_OK;
}

static enum err
piece_feed(struct crl_walk *w, const struct serial_piece *piece)
{
	return serial_feed_put(w->feed, piece);
}

static enum err
entry_write(void *ctx, const uint8_t serial[SERIAL_SIZE], int64_t time,
    unsigned reason)
{
	struct crl_walk *w = ctx;
	struct crl_entry entry = { .serial = bytes_of(serial, SERIAL_SIZE),
	    .revoked = time, .reason = (enum crl_reason)reason };

	if (++w->written % SYNC_ENTRIES == 0)
		file_sync_begin(w->file);
	return crl_writer_add(w->writer, &entry, w->diag);
}

static enum err
entries_write(struct crl_walk *w, const struct bytes *keys)
{
	struct serial_feed_plan plan = { .keys = keys, .take = entry_write,
	    .ctx = w };
	enum err err;

	err = serial_feed_new(&plan, &w->feed, w->diag);
	if (!err)
		err = rows_walk(w, piece_feed);
	if (!err)
		err = serial_feed_end(w->feed);
	serial_feed_free(&w->feed);
	return err;
}

/* The keys of serial numbers of every epoch so far. */
static enum err
with_keys(struct crl_walk *w, struct secret *secrets)
{
	const struct publication *p = w->publication;
	struct bytes keys[EPOCH_OUTSIDE] = { BYTES_NONE };
	char label[KEYSTORE_LABEL_MAX + 1];
	unsigned epoch;
	enum err err = ERR_OK;

	for (epoch = EPOCH_FIRST; epoch <= p->log.epoch &&
	    epoch < EPOCH_OUTSIDE && !err; epoch++) {
		(void)snprintf(label, sizeof(label), "index.serial.%.32s.%u",
		    p->log.name, epoch);
		err = keystore_secret(p->authority->keystore, label,
		    &secrets[epoch], w->diag);
		keys[epoch] = secret_bytes(&secrets[epoch]);
	}
	return err ? err : entries_write(w, keys);
}

static enum err
entries_put(struct crl_walk *w)
{
	struct secret secrets[EPOCH_OUTSIDE] = { SECRET_INIT };
	unsigned epoch;
	enum err err;

	err = with_keys(w, secrets);
	for (epoch = 0; epoch < EPOCH_OUTSIDE; epoch++)
		secret_release(&secrets[epoch]);
	return err ? diag_fail(w->diag, err, NULL, "CRL of %s: its entries "
	    "cannot be made", w->publication->log.name) : ERR_OK;
}

static enum err
crl_write(struct crl_walk *w, struct file *file)
{
	struct publication *p = w->publication;
	_cleanup_signer_ struct signer *signer = NULL;
	_cleanup_buf_ struct buf ca = BUF_INIT, subject = BUF_INIT;
	struct crl_head head = { .number = p->what.number,
	    .this_update = p->what.this_update,
	    .next_update = p->what.next_update,
	    .entries_size = w->entries_size };
	char label[KEYSTORE_LABEL_MAX + 1];
	struct x509_info info;
	enum err err;

	(void)snprintf(label, sizeof(label), "issuer.%.32s", p->log.name);
	err = keystore_signer(p->authority->keystore, label, &signer,
	    w->diag);
	if (!err)
		err = authority_certificate(p->authority, p->log.name, &ca,
		    w->diag);
	if (!err)
		err = x509_read(buf_bytes(&ca), &info, w->diag);
	if (!err)
		err = x509_subject(buf_bytes(&ca), &subject, w->diag);
	if (err)
		return err;
	head.issuer_name = buf_bytes(&subject);
	head.issuer_key_id = bytes_of(info.key_id, KEY_ID_SIZE);
	w->file = file;
	err = crl_writer_new(&head, signer, file, &w->writer, w->diag);
	if (!err)
		err = entries_put(w);
	if (!err)
		err = crl_writer_end(w->writer, &p->crl_bytes, w->diag);
	if (!err)
		crl_writer_digest(w->writer, p->what.digest);
	crl_writer_free(&w->writer);
	return err;
}

enum err
crl_path(const struct publication *p, char ret_path[PATH_SIZE],
    char ret_beside[PATH_SIZE], struct diag *diag)
{
	char name[PATH_SIZE];
	enum err err;

	(void)snprintf(name, sizeof(name), DIR_CRL "/%s.crl", p->log.name);
	err = authority_path(p->authority, name, ret_path, diag);
	(void)snprintf(name, sizeof(name), DIR_CRL "/%s.crl.tmp",
	    p->log.name);
	return err ? err : authority_path(p->authority, name, ret_beside,
	    diag);
}

enum err
crl_publish(struct publication *p, struct diag *diag)
{
	struct crl_walk w = { .publication = p, .diag = diag };
	_cleanup_file_ struct file file = FILE_INIT;
	char path[PATH_SIZE], beside[PATH_SIZE];
	enum err err;

	err = crl_path(p, path, beside, diag);
	if (!err)
		err = rows_walk(&w, piece_count);
	if (!err)
		err = file_open(p->authority->io, beside, O_RDWR | O_CREAT |
		    O_TRUNC, 0644, &file, diag);
	if (!err)
		err = file_make_public(&file, diag);
	if (!err)
		err = crl_write(&w, &file);
	if (!err)
		err = file_sync(&file, diag);
	free(w.sets);
	p->certificates = w.certificates;
	return err;
}

/* Is it signed by the CA of this log? */
static enum err
look_verify(const struct publication *p, const struct file *file,
    uint64_t offset, const struct crl *crl, bool *ret_good,
    struct diag *diag)
{
	_cleanup_verifier_ struct verifier *verifier = NULL;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	_cleanup_buf_ struct buf ca = BUF_INIT, block = BUF_INIT;
	uint8_t digest[SHA256_SIZE];
	uint64_t end = offset + crl->tbs.len;
	struct x509_info info;
	size_t len;
	enum err err;

	err = authority_certificate(p->authority, p->log.name, &ca, diag);
	if (!err)
		err = x509_read(buf_bytes(&ca), &info, diag);
	if (!err)
		err = verifier_new(&info.public_key, &verifier, diag);
	if (!err)
		err = sha256_new(&sha256, diag);
	if (!err)
		err = sha256_begin(sha256);
	buf_reserve(&block, HASH_BLOCK);
	if (!err)
		err = buf_err(&block);
	for (; offset < end && !err; offset += len) {
		len = end - offset < HASH_BLOCK ? (size_t)(end - offset) :
		    HASH_BLOCK;
		err = file_read_at(file, offset, block.ptr, len, diag);
		if (!err)
			err = sha256_update(sha256, bytes_of(block.ptr,
			    len));
	}
	if (!err)
		err = sha256_end(sha256, digest);
	if (!err)
		err = verifier_check_digest(verifier, digest,
		    bytes_of(crl->signature, SIGNATURE_SIZE), ret_good);
	return err;
}

/* Only the ends are read: the parser does not look into the entries, and
 * pages that nobody touches take no memory. */
static enum err
look_read(const struct file *file, uint64_t size, uint8_t *octets,
    struct diag *diag)
{
	enum err err;

	if (size <= 2 * LOOK_SIZE)
		return file_read_at(file, 0, octets, size, diag);
	err = file_read_at(file, 0, octets, LOOK_SIZE, diag);
	return err ? err : file_read_at(file, size - LOOK_SIZE,
	    octets + size - LOOK_SIZE, LOOK_SIZE, diag);
}

static enum err
look_at(const struct publication *p, const struct file *file, uint64_t size,
    uint8_t *octets, struct look *look, struct diag *diag)
{
	uint8_t number[sizeof(uint64_t)] = { 0 };
	struct crl crl;
	bool good = true;
	enum err err;

	err = look_read(file, size, octets, diag);
	if (err)
		return err;
	if (crl_parse(bytes_of(octets, size), &crl, NULL) != ERR_OK ||
	    crl.number.len > sizeof(number))
		return ERR_OK;
	memcpy(number + sizeof(number) - crl.number.len, crl.number.ptr,
	    crl.number.len);
	look->number = get_be64(number);
	look->time = crl.this_update;
	look->next = crl.next_update;
	if (look->number > p->what.number || look->time > p->what.this_update)
		err = look_verify(p, file, (uint64_t)(crl.tbs.ptr - octets),
		    &crl, &good, diag);
	look->there = good && look->number < INT64_MAX;
	return err;
}

enum err
crl_look(const struct publication *p, struct look *ret_look,
    struct diag *diag)
{
	_cleanup_file_ struct file file = FILE_INIT;
	char path[PATH_SIZE], beside[PATH_SIZE];
	struct look look = { 0 };
	uint8_t *octets;
	uint64_t size = 0;
	enum err err;

	err = crl_path(p, path, beside, diag);
	if (err)
		return err;
	err = file_open(p->authority->io, path, O_RDONLY, 0, &file, NULL);
	if (!err)
		err = file_size(&file, &size, diag);
	if (err == ERR_NOTFOUND || (!err && (size == 0 ||
	    size > CRL_SIZE_MAX))) {
		*ret_look = look;
		return ERR_OK;
	}
	if (err)
		return diag_fail(diag, err, NULL, "%s: cannot be read", path);
	octets = calloc(1, size);
	if (octets == NULL)
		return diag_nomem(diag);
	err = look_at(p, &file, size, octets, &look, diag);
	free(octets);
	if (!err)
		*ret_look = look;
	return err;
}
