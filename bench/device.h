/* Devices of the field, as imprintd's benchmarks need them. */
#ifndef IMPRINT_BENCH_DEVICE_H
#define IMPRINT_BENCH_DEVICE_H

#include "bench/client.h"
#include "lib/authority/authority.h"
#include "lib/authority/enrol.h"

/* What proves who it is: a certificate and its key. */
struct device_identity {
	struct buf	 leaf;		/* DER */
	X509		*certificate;
	EVP_PKEY	*key;
	struct signer	*signer;
};

struct device {
	uint8_t			 root[SHA256_SIZE];	/* of trust */
	struct device_identity	 present, next;
	struct buf		 request;	/* HTTP */
	SSL_SESSION		*session;
	enum device_request_type asked;
	uint8_t			 package[SHA256_SIZE];	/* the last one's */
};

/* A zeroed device with that key. */
MUST_USE enum err device_birth(struct device *,
    const uint8_t private[KEY_PRIVATE_SIZE], struct diag *);
/* Their certificates: device i has index i of the log bulk. */
MUST_USE enum err devices_leaves(struct authority *, struct device *,
    size_t count, struct diag *);
void	device_release(struct device *);

/* Make the keys and the request. */
MUST_USE enum err device_ask(struct device *, enum device_request_type,
    struct diag *);
/* That request, over a connection with its present identity. */
void	device_job(const struct device *, struct client_job *);
void	client_job_release(struct client_job *);
/* Take what came: an identity, a confirmation; and the session. */
MUST_USE enum err device_answered(struct device *, struct client_job *,
    struct diag *);
/* The caller's, then; NULL: none. */
SSL_SESSION *steal_session(struct device *);

#endif
