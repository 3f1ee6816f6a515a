#include "lib/authority/pipeline.h"

#include <pthread.h>
#include <stdlib.h>

#include "lib/identity/document.h"
#include "lib/identity/maker.h"

#define QUEUE_MAX	(PIPELINE_WORKERS_MAX + PIPELINE_AHEAD)

/* What is kept of an identity until it is sealed, with receipts until its
 * chunk's tree is there. */
struct made {
	size_t		claims_end;	/* in the worker's claims */
	uint8_t		commitment[SHA256_SIZE];
	uint16_t	private_len[PRODUCT_SLOTS_MAX];
};

struct worker {
	pthread_t		 thread;
	bool			 started;
	struct pipeline		*pipeline;
	struct identity_maker	*maker;
	struct package_sealer	*sealer;
	struct signer		*issuer, *document;
	struct keygen		*keygen[PRODUCT_SLOTS_MAX];
	struct secret		 privates;	/* of those at hand */
	size_t			 private_room;	/* the longest takes this */
	uint32_t		 room;		/* identities, of made too */
	struct made		*made;
	struct sha256		*sha256;
	/* with receipts: the chunk at hand */
	struct buf		 claims, protected, out;
	struct subtree		 tree;
	/* with a list of devices: the package at hand */
	struct pack_device	 device;
	uint8_t			 enc[HPKE_ENC_MAX];
	struct buf		 sealed;
};

struct pipeline {
	const struct template	*template;
	pthread_mutex_t		 mutex;
	pthread_cond_t		 submitted, finished;
	struct chunk_job	*queue[QUEUE_MAX];
	size_t			 first, waiting;
	bool			 stop;
	unsigned		 worker_count;
	struct worker		 workers[PIPELINE_WORKERS_MAX];
};

void
chunk_job_release(struct chunk_job *job)
{
	buf_release(&job->chunk);
	buf_release(&job->entries);
	buf_release(&job->leaves);
	names_held_release(&job->names);
	devices_held_release(&job->devices);
}

/* Private keys of the identity in place number place, one a slot. */
static uint8_t *
private_at(const struct worker *w, uint32_t place, size_t slot)
{
	return w->privates.ptr + (place * w->pipeline->template->slot_count +
	    slot) * w->private_room;
}

/* Key pairs of the identity: made here, or the device's own. */
static enum err
keys_make(struct worker *w, const struct chunk_job *job, uint32_t position,
    uint32_t place, struct public_key publics[PRODUCT_SLOTS_MAX])
{
	const struct template *template = w->pipeline->template;
	struct device_held device;
	size_t i, len = 0;
	enum err err = ERR_OK;

	if (job->mode == ORDER_DEVICE_KEY) {
		err = devices_held_get(&job->devices, position, &device);
		for (i = 0; i < template->slot_count && !err; i++)
			err = device_held_key(&device,
			    template->slots[i].slot, &publics[i]);
		return err;
	}
	for (i = 0; i < template->slot_count && !err; i++) {
		err = keygen_run(w->keygen[i], &publics[i],
		    private_at(w, place, i), &len);
		w->made[place].private_len[i] = (uint16_t)len;
	}
	return err;
}

/* Keys, certificates, claims, leaf and entry. */
static enum err
identity_make(struct worker *w, struct chunk_job *job, uint32_t position,
    uint32_t place, struct identity *ret_identity)
{
	uint64_t index = job->range.first + position;
	struct public_key publics[PRODUCT_SLOTS_MAX];
	enum err err;

	err = keys_make(w, job, position, place, publics);
	if (err)
		return diag_fail(&job->diag, err, NULL,
		    "identity %llu: no key could be made",
		    (unsigned long long)index);
	err = identity_maker_make(w->maker, index, publics, w->issuer,
	    w->document, ret_identity, &job->diag);
	if (err)
		return err;
	buf_put_bytes(&job->entries, ret_identity->entry);
	buf_put(&job->leaves, ret_identity->leaf, SHA256_SIZE);
	return ERR_OK;
}

/*
 * Whose package is next: of a chip it is sealed to its key, under an
 * encapsulation of its own; of a device with keys of its own it has no
 * secret, and the station's seal is enough.
 */
static enum err
package_for(struct worker *w, struct chunk_job *job, uint32_t position)
{
	struct package_binding binding = job->binding;
	struct device_held device;
	struct public_key key;
	size_t enc_len = 0;
	enum err err;

	err = devices_held_get(&job->devices, position, &device);
	if (!err && device.key_count == 0)
		err = ERR_CORRUPT;
	if (!err)
		err = device_held_key(&device, device.key[0].slot, &key);
	if (!err)
		err = cose_key_thumbprint(&key, w->device.kid);
	w->device.id = device.id;
	w->device.enc = BYTES_NONE;
	if (err || job->mode != ORDER_CHIP)
		return err;
	memcpy(binding.recipient, w->device.kid, COSE_KID_SIZE);
	err = package_sealer_begin(w->sealer, &binding, &key, w->enc,
	    &enc_len, &job->diag);
	w->device.enc = bytes_of(w->enc, enc_len);
	return err;
}

static enum err
identity_seal(struct worker *w, struct chunk_job *job, size_t enc_len,
    uint32_t position, uint32_t place, const uint8_t *commitment,
    struct bytes document)
{
	const struct template *template = w->pipeline->template;
	struct package_key keys[PRODUCT_SLOTS_MAX];
	uint64_t index = job->range.first + position;
	size_t i, count = job->mode == ORDER_DEVICE_KEY ? 0 :
	    template->slot_count;
	enum err err;

	for (i = 0; i < count; i++)
		keys[i] = (struct package_key){ template->slots[i].slot,
		    template->slots[i].alg, bytes_of(private_at(w, place, i),
		    w->made[place].private_len[i]) };
	pack_chunk_mark(&job->chunk, enc_len, position, commitment);
	if (job->mode == ORDER_STATION)
		return package_seal(w->sealer, index, commitment, document,
		    keys, count, &job->chunk, &job->diag);
	buf_clear(&w->sealed);
	err = package_for(w, job, position);
	if (!err)
		err = package_seal(w->sealer, index, commitment, document,
		    keys, count, &w->sealed, &job->diag);
	if (!err)
		err = buf_err(&w->sealed);
	w->device.sealed = buf_bytes(&w->sealed);
	if (!err)
		pack_device_put(&job->chunk, &w->device);
	return err ? err : buf_err(&job->chunk);
}

/* Each document signed on its own: one identity after the other. */
static enum err
chunk_direct(struct worker *w, struct chunk_job *job, size_t enc_len)
{
	struct identity identity;
	uint32_t i;
	enum err err = ERR_OK;

	for (i = 0; i < job->range.count && !err; i++) {
		err = identity_make(w, job, i, 0, &identity);
		if (!err)
			err = identity_seal(w, job, enc_len, i, 0,
			    identity.commitment, identity.document);
	}
	return err;
}

/* The tree over the job's leaves, its root signed. */
static enum err
chunk_sign(struct worker *w, struct chunk_job *job)
{
	struct receipt_chunk chunk = { .first = job->range.first,
	    .size = job->range.count,
	    .evidence = (enum evidence_class)job->range.evidence };
	uint8_t kid[COSE_KID_SIZE];
	enum err err;

	err = buf_err(&job->leaves);
	if (!err)
		err = subtree_build(&w->tree, w->sha256, job->leaves.ptr,
		    job->range.count);
	if (!err)
		err = cose_key_thumbprint(signer_public(w->document), kid);
	if (err)
		return err;
	buf_clear(&w->protected);
	receipt_put_protected(&w->protected, bytes_of(kid, sizeof(kid)),
	    &chunk);
	err = buf_err(&w->protected);
	return err ? err : receipt_sign(w->document, buf_bytes(&w->protected),
	    subtree_root(&w->tree), job->signature);
}

static size_t
private_room(const struct template *template)
{
	size_t i, max, room = 0;

	for (i = 0; i < template->slot_count; i++) {
		max = key_algorithm(template->slots[i].alg)->private_max;
		room = max > room ? max : room;
	}
	return room;
}

static enum err
chunk_room(struct worker *w, uint32_t count)
{
	struct made *made;
	enum err err;

	if (count <= w->room)
		return ERR_OK;
	secret_release(&w->privates);
	err = secret_alloc(&w->privates, count * w->private_room *
	    w->pipeline->template->slot_count);
	if (err)
		return err;
	w->privates.len = w->privates.cap;
	made = reallocarray(w->made, count, sizeof(*made));
	if (made == NULL)
		return ERR_NOMEM;
	w->made = made;
	w->room = count;
	return ERR_OK;
}

static enum err
receipt_seal(struct worker *w, struct chunk_job *job, size_t enc_len,
    uint32_t i)
{
	size_t start = i == 0 ? 0 : w->made[i - 1].claims_end;
	struct bytes claims = bytes_of(w->claims.ptr + start,
	    w->made[i].claims_end - start);
	enum err err;

	buf_clear(&w->out);
	document_put_receipt(&w->out, claims, buf_bytes(&w->protected),
	    &w->tree, i, job->signature);
	err = buf_err(&w->out);
	return err ? err : identity_seal(w, job, enc_len, i, i,
	    w->made[i].commitment, buf_bytes(&w->out));
}

/* One signature for all: claims first, then the tree, then documents. */
static enum err
chunk_receipts(struct worker *w, struct chunk_job *job, size_t enc_len)
{
	struct identity identity;
	uint32_t i;
	enum err err;

	buf_clear(&w->claims);
	err = chunk_room(w, job->range.count);
	for (i = 0; i < job->range.count && !err; i++) {
		err = identity_make(w, job, i, i, &identity);
		if (err)
			return err;
		buf_put_bytes(&w->claims, identity.claims);
		w->made[i].claims_end = w->claims.len;
		memcpy(w->made[i].commitment, identity.commitment,
		    SHA256_SIZE);
	}
	if (!err)
		err = buf_err(&w->claims);
	if (!err)
		err = chunk_sign(w, job);
	for (i = 0; i < job->range.count && !err; i++)
		err = receipt_seal(w, job, enc_len, i);
	return err;
}

static enum err
chunk_make(struct worker *w, struct chunk_job *job)
{
	struct identity_range range = { .epoch = job->range.epoch,
	    .seed = bytes_of(job->range.seed, RANGE_SEED_SIZE),
	    .issued = job->range.issued,
	    .evidence = (enum evidence_class)job->range.evidence,
	    .names = &job->names.names };
	uint8_t enc[HPKE_ENC_MAX];
	size_t enc_len = 0;
	enum err err;

	buf_clear(&job->chunk);
	buf_clear(&job->entries);
	buf_clear(&job->leaves);
	err = identity_maker_range(w->maker, &range, &job->diag);
	/* chips have their own */
	if (!err && job->mode != ORDER_CHIP)
		err = package_sealer_begin(w->sealer, &job->binding,
		    &job->recipient, enc, &enc_len, &job->diag);
	if (!err)
		err = pack_chunk_begin(&job->chunk, job->range.chunk,
		    job->range.first, job->range.count,
		    bytes_of(enc, enc_len));
	if (!err)
		err = w->pipeline->template->signature == SIGNATURE_DIRECT ?
		    chunk_direct(w, job, enc_len) :
		    chunk_receipts(w, job, enc_len);
	if (!err)
		err = buf_err(&job->entries);
	if (!err)
		err = buf_err(&job->leaves);
	if (!err)
		err = pack_chunk_end(&job->chunk, enc_len, w->sha256,
		    job->hash);
	secret_clear(&w->privates);
	if (err)
		return diag_fail(&job->diag, err, NULL,
		    "chunk %u: its %u identities cannot be made",
		    job->range.chunk, job->range.count);
	return ERR_OK;
}

static struct chunk_job *
queue_take(struct pipeline *p)
{
	struct chunk_job *job = NULL;

	pthread_mutex_lock(&p->mutex);
	while (p->waiting == 0 && !p->stop)
		pthread_cond_wait(&p->submitted, &p->mutex);
	if (!p->stop) {
		job = p->queue[p->first];
		p->first = (p->first + 1) % QUEUE_MAX;
		p->waiting--;
	}
	pthread_mutex_unlock(&p->mutex);
	return job;
}

static void *
worker_run(void *arg)
{
	struct worker *w = arg;
	struct chunk_job *job;
	enum err err;

	while ((job = queue_take(w->pipeline)) != NULL) {
		err = chunk_make(w, job);
		pthread_mutex_lock(&w->pipeline->mutex);
		job->err = err;
		job->done = true;
		pthread_cond_broadcast(&w->pipeline->finished);
		pthread_mutex_unlock(&w->pipeline->mutex);
	}
	return NULL;
}

static enum err
worker_start(struct pipeline *p, struct worker *w,
    const struct pipeline_keys *keys, struct diag *diag)
{
	size_t i;
	enum err err;

	w->pipeline = p;
	w->private_room = private_room(p->template);
	w->claims.limit = w->protected.limit = w->out.limit =
	    w->sealed.limit = BUF_LIMIT_DEFAULT;
	err = identity_maker_new(p->template, keys->serial_key,
	    keys->ueid_key, &w->maker, diag);
	if (!err)
		err = package_sealer_new(&w->sealer, diag);
	if (!err)
		err = keystore_signer(keys->keystore, keys->issuer_label,
		    &w->issuer, diag);
	if (!err)
		err = keystore_signer(keys->keystore, keys->document_label,
		    &w->document, diag);
	if (!err)
		err = chunk_room(w, 1);
	if (!err)
		err = sha256_new(&w->sha256, diag);
	for (i = 0; i < p->template->slot_count && !err; i++)
		err = keygen_new(p->template->slots[i].alg, &w->keygen[i],
		    diag);
	if (err)
		return err;
	if (pthread_create(&w->thread, NULL, worker_run, w) != 0)
		return diag_fail(diag, ERR_NOMEM, NULL,
		    "pipeline: a thread cannot be started");
	w->started = true;
	return ERR_OK;
}

static void
worker_release(struct worker *w)
{
	size_t i;

	if (w->started)
		pthread_join(w->thread, NULL);
	identity_maker_free(&w->maker);
	package_sealer_free(&w->sealer);
	signer_free(&w->issuer);
	signer_free(&w->document);
	for (i = 0; i < PRODUCT_SLOTS_MAX; i++)
		keygen_free(&w->keygen[i]);
	secret_release(&w->privates);
	sha256_free(&w->sha256);
	free(w->made);
	buf_release(&w->claims);
	buf_release(&w->protected);
	buf_release(&w->out);
	buf_release(&w->sealed);
	subtree_release(&w->tree);
}

enum err
pipeline_new(const struct template *template,
    const struct pipeline_keys *keys, unsigned workers,
    struct pipeline **ret_pipeline, struct diag *diag)
{
	_cleanup_pipeline_ struct pipeline *p = NULL;
	unsigned i;
	enum err err = ERR_OK;

	if (workers < 1 || workers > PIPELINE_WORKERS_MAX)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "pipeline: %u workers; allowed are 1 to %d", workers,
		    PIPELINE_WORKERS_MAX);
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return diag_nomem(diag);
	p->template = template;
	pthread_mutex_init(&p->mutex, NULL);
	pthread_cond_init(&p->submitted, NULL);
	pthread_cond_init(&p->finished, NULL);
	for (i = 0; i < workers && !err; i++) {
		p->worker_count++;
		err = worker_start(p, &p->workers[i], keys, diag);
	}
	if (err)
		return err;
	*ret_pipeline = p;
	p = NULL;	/* transferred */
	return ERR_OK;
}

void
pipeline_free(struct pipeline **pipeline)
{
	struct pipeline *p = *pipeline;
	unsigned i;

	if (p == NULL)
		return;
	pthread_mutex_lock(&p->mutex);
	p->stop = true;
	pthread_cond_broadcast(&p->submitted);
	pthread_mutex_unlock(&p->mutex);
	for (i = 0; i < p->worker_count; i++)
		worker_release(&p->workers[i]);
	pthread_cond_destroy(&p->finished);
	pthread_cond_destroy(&p->submitted);
	pthread_mutex_destroy(&p->mutex);
	free(p);
	*pipeline = NULL;
}

enum err
pipeline_submit(struct pipeline *p, struct chunk_job *job)
{
	enum err err = ERR_INTERNAL;

	job->done = false;
	job->err = ERR_OK;
	job->diag = (struct diag)DIAG_INIT;
	pthread_mutex_lock(&p->mutex);
	if (p->waiting < p->worker_count + PIPELINE_AHEAD) {
		p->queue[(p->first + p->waiting) % QUEUE_MAX] = job;
		p->waiting++;
		pthread_cond_signal(&p->submitted);
		err = ERR_OK;
	}
	pthread_mutex_unlock(&p->mutex);
	return err;
}

void
pipeline_wait(struct pipeline *p, struct chunk_job *job)
{
	pthread_mutex_lock(&p->mutex);
	while (!job->done)
		pthread_cond_wait(&p->finished, &p->mutex);
	pthread_mutex_unlock(&p->mutex);
}

bool
pipeline_done(struct pipeline *p, const struct chunk_job *job)
{
	bool done;

	pthread_mutex_lock(&p->mutex);
	done = job->done;
	pthread_mutex_unlock(&p->mutex);
	return done;
}
