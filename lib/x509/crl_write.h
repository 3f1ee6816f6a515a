/*
 * Writer of a full version 2 CRL (RFC 5280 5), ecdsa-with-SHA256, straight
 * into an open file: hashed as it goes, in constant memory, whatever the
 * number of entries. Crash safety is the caller's: write to a temporary
 * name, file_sync(), rename.
 *
 * DER puts lengths in front, so the caller says before how many octets the
 * entries will take: the sum of crl_entry_size() over them.
 *
 * Later: an issuing distribution point (5.2.5) for partitions and the delta
 * CRL indicator (5.2.4) become members of struct crl_head, for they are
 * extensions of the list; removeFromCRL is refused until then.
 */
#ifndef IMPRINT_X509_CRL_WRITE_H
#define IMPRINT_X509_CRL_WRITE_H

#include "lib/base/io.h"
#include "lib/x509/crl.h"

#define CRL_SIZE_MAX	UINT32_MAX	/* octets of one CRL */

struct crl_head {
	struct bytes	issuer_name;	/* DER Name: the CA's subject */
	struct bytes	issuer_key_id;	/* 20 octets: AKI, 5.2.1 */
	uint64_t	number;		/* CRLNumber, 5.2.3 */
	int64_t		this_update, next_update; /* this < next */
	uint64_t	entries_size;	/* octets of all entries */
};

struct crl_entry {
	struct bytes	serial;		/* 1 to 20 octets, positive, shortest */
	int64_t		revoked;	/* revocationDate, 0 to TIME_MAX_S */
	enum crl_reason	reason;
};

/* Octets that an entry takes. */
size_t	crl_entry_size(size_t serial_len, int64_t revoked, enum crl_reason);

struct crl_writer;
/*
 * Start at offset 0 of file, which is empty and stays the caller's, as do
 * the signer and what head points to; all live until the writer is freed.
 * ERR_INVALID (times, key id), ERR_UNSUPPORTED (signer is not P-256),
 * ERR_LIMIT (beyond CRL_SIZE_MAX), ERR_NOMEM, ERR_CRYPTO.
 */
MUST_USE enum err crl_writer_new(const struct crl_head *, struct signer *,
    struct file *, struct crl_writer **ret_writer, struct diag *);
void	crl_writer_free(struct crl_writer **);
#define _cleanup_crl_writer_ __attribute__((cleanup(crl_writer_free)))
/*
 * One more entry, in the caller's order. ERR_INVALID (serial, time, reason),
 * ERR_INTERNAL (more octets than announced), errors of file_write_at().
 */
MUST_USE enum err crl_writer_add(struct crl_writer *,
    const struct crl_entry *, struct diag *);
/*
 * Extensions, signature, and the outermost head. The file then holds one
 * complete CRL of ret_size octets, not synced. ERR_INTERNAL when the entries
 * took fewer octets than announced; ERR_CRYPTO; errors of file_write_at().
 */
MUST_USE enum err crl_writer_end(struct crl_writer *, uint64_t *ret_size,
    struct diag *);
/* SHA-256 of the TBSCertList, which is what was signed; once it has ended. */
void	crl_writer_digest(const struct crl_writer *,
	    uint8_t ret_digest[SHA256_SIZE]);

#endif
