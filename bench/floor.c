#include "bench/floor.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/crypto/hpke.h"

#define THREADS_MAX	64
#define TBS_SIZE	560	/* octets hashed for a certificate */
#define CLAIMS_SIZE	1180	/* for its claims: commitment, signature */
#define NODES_SIZE	(40 + 65)	/* for a leaf, and a node above it */
#define PROOF_SIZE	250	/* octets hashed for a proof */
#define PACKAGE_SIZE	1500	/* octets of a package */
#define AAD_SIZE	170

struct floor {
	pthread_t		 thread;
	struct floor_work	 work;
	struct keygen		*p256, *x25519;
	struct signer		*issuer, *document;
	struct sha256		*sha256;
	struct aead		*aead;
	struct hpke		*hpke;
	struct buf		 sealed;
	struct secret		 private;
	struct public_key	 chip;
	struct verifier		*verifier;
	uint8_t			 proof[SIGNATURE_SIZE];
	uint64_t		 count;
	enum err		 err;
};

struct floors {
	unsigned	threads;
	struct floor	floor[THREADS_MAX];
};

static const uint8_t octets[PACKAGE_SIZE] = { 1 };

static enum err
floor_signer(struct floor *f, struct signer **ret_signer, struct diag *diag)
{
	struct public_key key;
	size_t len = 0;
	enum err err;

	err = keygen_run(f->p256, &key, f->private.ptr, &len);
	if (!err)
		err = signer_new(KEY_P256, bytes_of(f->private.ptr, len),
		    ret_signer, diag);
	return err;
}

/* A proof to check, and a chip to seal to. */
static enum err
floor_others(struct floor *f, struct diag *diag)
{
	uint8_t digest[SHA256_SIZE];
	struct bytes text = bytes_of(octets, PROOF_SIZE);
	enum err err;

	public_key_copy(&f->chip, signer_public(f->document));
	err = verifier_new(&f->chip, &f->verifier, diag);
	if (!err)
		err = sha256_parts(f->sha256, &text, 1, digest);
	if (!err)
		err = signer_sign_digest(f->document, digest, f->proof);
	return err ? err : aead_new(&f->aead, diag);
}

static enum err
floor_start(struct floor *f, const struct floor_work *work,
    struct diag *diag)
{
	enum err err;

	f->work = *work;
	f->sealed = (struct buf)BUF_INIT;
	err = secret_alloc(&f->private, 2 * KEY_PRIVATE_SIZE);
	if (!err)
		err = keygen_new(KEY_P256, &f->p256, diag);
	if (!err)
		err = keygen_new(KEY_X25519, &f->x25519, diag);
	if (!err)
		err = sha256_new(&f->sha256, diag);
	if (!err)
		err = floor_signer(f, &f->issuer, diag);
	if (!err)
		err = floor_signer(f, &f->document, diag);
	return err ? err : floor_others(f, diag);
}

static void
floor_release(struct floor *f)
{
	keygen_free(&f->p256);
	keygen_free(&f->x25519);
	signer_free(&f->issuer);
	signer_free(&f->document);
	verifier_free(&f->verifier);
	sha256_free(&f->sha256);
	aead_free(&f->aead);
	hpke_free(&f->hpke);
	buf_release(&f->sealed);
	secret_release(&f->private);
}

static enum err
floor_keys(struct floor *f)
{
	struct public_key key;
	size_t len;
	enum err err;

	err = keygen_run(f->p256, &key, f->private.ptr, &len);
	return err ? err : keygen_run(f->x25519, &key,
	    f->private.ptr + KEY_PRIVATE_SIZE, &len);
}

static enum err
floor_seal(struct floor *f)
{
	static const uint8_t nonce[12];
	uint8_t enc[HPKE_ENC_MAX], key[HPKE_KEY_SIZE];
	size_t len = 0;
	enum err err;

	err = hpke_sender_renew(&f->hpke, &f->chip, bytes_text("floor"), enc,
	    &len, NULL);
	if (!err)
		err = hpke_export(f->hpke, bytes_of(octets, 8), key,
		    sizeof(key));
	buf_clear(&f->sealed);
	return err ? err : aead_seal(f->aead, key, nonce, bytes_of(octets,
	    AAD_SIZE), bytes_of(octets, PACKAGE_SIZE), &f->sealed);
}

static enum err
floor_proof(struct floor *f)
{
	uint8_t digest[SHA256_SIZE];
	struct bytes text = bytes_of(octets, PROOF_SIZE);
	bool good = false;
	enum err err;

	err = sha256_parts(f->sha256, &text, 1, digest);
	if (!err)
		err = verifier_check_digest(f->verifier, digest,
		    bytes_of(f->proof, sizeof(f->proof)), &good);
	return err || good ? err : ERR_INTERNAL;
}

static enum err
floor_one(struct floor *f)
{
	uint8_t digest[SHA256_SIZE], sig[SIGNATURE_SIZE];
	struct bytes tbs = bytes_of(octets, TBS_SIZE);
	struct bytes claims = bytes_of(octets, CLAIMS_SIZE);
	enum err err = ERR_OK;

	if (f->work.proof)
		err = floor_proof(f);
	if (!err && f->work.keys)
		err = floor_keys(f);
	if (!err)
		err = sha256_parts(f->sha256, &tbs, 1, digest);
	if (!err)
		err = signer_sign_digest(f->issuer, digest, sig);
	if (!err)
		err = sha256_parts(f->sha256, &claims, 1, digest);
	if (err)
		return err;
	claims.len = f->work.document ? CLAIMS_SIZE : NODES_SIZE;
	err = sha256_parts(f->sha256, &claims, 1, digest);
	if (!err && f->work.document)
		err = signer_sign_digest(f->document, digest, sig);
	return !err && f->work.seal ? floor_seal(f) : err;
}

static void *
floor_run(void *arg)
{
	struct floor *f = arg;
	uint64_t i;

	for (i = 0; i < f->count && !f->err; i++)
		f->err = floor_one(f);
	return NULL;
}

/* Identities a second of the bare cryptography. */
static enum err
floors_rate(struct floors *floors, uint64_t count, double *ret_rate,
    struct diag *diag)
{
	struct floor *f = floors->floor;
	int64_t start = time_monotonic_ns();
	unsigned i, started;
	enum err err = ERR_OK;

	for (i = 0; i < floors->threads; i++) {
		f[i].count = count / floors->threads;
		if (pthread_create(&f[i].thread, NULL, floor_run, &f[i]) != 0)
			break;
	}
	started = i;
	for (i = 0; i < started; i++) {
		pthread_join(f[i].thread, NULL);
		err = err ? err : f[i].err;
	}
	if (err || started != floors->threads)
		return diag_fail(diag, err ? err : ERR_NOMEM, NULL, "floor");
	*ret_rate = (double)(f[0].count * floors->threads) * 1e9 /
	    (double)(time_monotonic_ns() - start);
	return ERR_OK;
}

enum err
floors_new(const struct floor_work *work, struct floors **ret_floors,
    struct diag *diag)
{
	_cleanup_floors_ struct floors *floors = NULL;
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned i;
	enum err err = ERR_OK;

	floors = calloc(1, sizeof(*floors));
	if (floors == NULL)
		return diag_nomem(diag);
	floors->threads = online < 1 ? 1 : online > THREADS_MAX ?
	    THREADS_MAX : (unsigned)online;
	for (i = 0; i < floors->threads && !err; i++)
		err = floor_start(&floors->floor[i], work, diag);
	if (err)
		return err;
	*ret_floors = floors;
	floors = NULL;	/* transferred */
	return ERR_OK;
}

void
floors_free(struct floors **floors)
{
	unsigned i;

	if (*floors == NULL)
		return;
	for (i = 0; i < (*floors)->threads; i++)
		floor_release(&(*floors)->floor[i]);
	free(*floors);
	*floors = NULL;
}

enum err
floors_rounds(struct floors *floors, uint64_t count,
    enum err (*work)(void *ctx, uint64_t count, int64_t *ret_ns,
    struct diag *), void *ctx, struct bench_result *result, struct diag *diag)
{
	double rates[FLOOR_ROUNDS], bare[FLOOR_ROUNDS];
	double before = 0, after = 0;
	int64_t ns = 0;
	size_t i;
	enum err err;

	err = floors_rate(floors, count / 2, &before, diag);
	for (i = 0; i < FLOOR_ROUNDS && !err; i++) {
		err = work(ctx, count, &ns, diag);
		rates[i] = (double)count * 1e9 / (double)ns;
		if (!err)
			err = floors_rate(floors, count / 2, &after, diag);
		bare[i] = (before + after) / 2;
		before = after;
	}
	if (err)
		return err;
	bench_rounds(result, rates, bare, FLOOR_ROUNDS);
	return ERR_OK;
}
