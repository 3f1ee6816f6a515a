/*
 * The issuance pipeline: threads that turn reserved ranges into chunks.
 *
 * Each worker has its own signers, contexts and buffers; jobs share nothing
 * but the template. With receipts it holds a whole chunk before it seals one:
 * claims, private keys (locked) and the tree, about 1.4 KB an identity. A job
 * belongs to the pipeline from pipeline_submit() to the return of
 * pipeline_wait().
 */
#ifndef IMPRINT_AUTHORITY_PIPELINE_H
#define IMPRINT_AUTHORITY_PIPELINE_H

#include "lib/authority/devices.h"
#include "lib/authority/names.h"
#include "lib/identity/pack.h"
#include "lib/identity/template.h"
#include "lib/keystore/keystore.h"
#include "lib/store/store.h"

#define PIPELINE_WORKERS_MAX	64
#define PIPELINE_AHEAD		2	/* jobs beyond one a worker */

/* One chunk. */
struct chunk_job {
	struct store_range	range;
	struct package_binding	binding;
	struct public_key	recipient;
	struct names_held	names;		/* of the range */
	enum order_mode		mode;
	struct devices_held	devices;	/* of the range, unless
						 * ORDER_STATION */
	/* results */
	struct buf		chunk;		/* as it goes into the pack */
	struct buf		entries;
	struct buf		leaves;
	uint8_t			hash[SHA256_SIZE];
	uint8_t			signature[SIGNATURE_SIZE]; /* with receipts:
							    * of the root */
	enum err		err;
	struct diag		diag;
	bool			done;		/* the pipeline's */
};

void	chunk_job_release(struct chunk_job *);

struct pipeline_keys {
	struct keystore		*keystore;
	const char		*issuer_label;
	const char		*document_label;
	struct bytes		 serial_key, ueid_key;	/* 32 octets each */
};

struct pipeline;
/* workers 1 .. PIPELINE_WORKERS_MAX. template must outlive it. */
MUST_USE enum err pipeline_new(const struct template *,
    const struct pipeline_keys *, unsigned workers,
    struct pipeline **ret_pipeline, struct diag *);
/* Stops after the jobs at hand and joins the threads. */
void	pipeline_free(struct pipeline **);
#define _cleanup_pipeline_ __attribute__((cleanup(pipeline_free)))

/* At most workers + PIPELINE_AHEAD jobs may be under way: ERR_INTERNAL. */
MUST_USE enum err pipeline_submit(struct pipeline *, struct chunk_job *);
/* Until this job is done; its err and diag tell how it went. */
void	pipeline_wait(struct pipeline *, struct chunk_job *);
/* Would pipeline_wait() return at once? */
bool	pipeline_done(struct pipeline *, const struct chunk_job *);

#endif
