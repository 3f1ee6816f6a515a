/*
 * libimprint-verify: is this device really mine, and may it do this?
 *
 * A service gives what a peer showed (TLS certificate, identity document, or
 * both) and gets one verdict with a reason, the device's rights and how long
 * the answer holds. The verdict starts as a denial; an error means that
 * nothing could be decided, and must be treated as a denial too.
 *
 * A verifier belongs to one thread. Trust is what imprint exports as
 * trust.pem: root, issuing CAs and document signers. Whether an identity was
 * revoked since is told by what imprint publishes under crl/ and status/.
 *
 * Link with -limprint-verify -lcrypto -lz.
 */
#ifndef IMPRINT_VERIFY_H
#define IMPRINT_VERIFY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IMPRINT_API __attribute__((visibility("default")))

/* Return values: 0, or one of these; imprint_error_name() words them. */
enum imprint_error {
	IMPRINT_OK = 0,
	IMPRINT_ERROR_NOMEM = 1,
	IMPRINT_ERROR_SYNTAX = 8,	/* trust or status cannot be read */
	IMPRINT_ERROR_LIMIT = 9,	/* status beyond what is held */
	IMPRINT_ERROR_CRYPTO = 12,
	IMPRINT_ERROR_UNTRUSTED = 13,	/* status signed by nobody trusted, or
					 * altered */
	IMPRINT_ERROR_INVALID = 14,	/* a parameter is out of range */
	IMPRINT_ERROR_STALE = 16,	/* status older than the one held */
	IMPRINT_ERROR_UNSUPPORTED = 18	/* delta CRL, critical extension, ... */
};

enum imprint_verdict {
	IMPRINT_DENY = 0,		/* no evidence given */
	IMPRINT_ALLOW = 1,
	IMPRINT_DENY_MALFORMED = 2,	/* not a document or certificate */
	IMPRINT_DENY_UNTRUSTED = 3,	/* no path to a trusted root, or an
					 * unknown document signer */
	IMPRINT_DENY_SIGNATURE = 4,	/* altered or forged */
	IMPRINT_DENY_EXPIRED = 5,
	IMPRINT_DENY_NOT_YET_VALID = 6,
	IMPRINT_DENY_PURPOSE = 7,	/* not for client authentication */
	IMPRINT_DENY_MISMATCH = 8,	/* certificate and document are of
					 * different devices or keys */
	IMPRINT_DENY_PERMISSION = 9,	/* identity good, right lacking */
	IMPRINT_DENY_NO_DOCUMENT = 10,	/* a right was asked for, and only the
					 * document tells rights */
	IMPRINT_DENY_REVOKED = 11,	/* for ever */
	IMPRINT_DENY_SUSPENDED = 12,	/* until resumed */
	IMPRINT_DENY_STATUS = 13	/* status is required, and not known or
					 * not from a fresh publication */
};

#define IMPRINT_REASON_SIZE	256
#define IMPRINT_UEID_SIZE	33
#define IMPRINT_RIGHTS_MAX	64

/* Permission bits of RFC 9237 4: 1 << number. */
enum {
	IMPRINT_GET = 1 << 0, IMPRINT_POST = 1 << 1, IMPRINT_PUT = 1 << 2,
	IMPRINT_DELETE = 1 << 3, IMPRINT_FETCH = 1 << 4,
	IMPRINT_PATCH = 1 << 5, IMPRINT_IPATCH = 1 << 6
};

struct imprint_right {
	char		object[129];
	uint32_t	permissions;	/* effective: capability and scope */
};

/* What is asked. Absent parts are NULL and 0. */
struct imprint_question {
	const uint8_t	*certificate;	/* DER, as the TLS peer proved it */
	size_t		 certificate_len;
	const uint8_t	*document;	/* the identity document */
	size_t		 document_len;
	const char	*object;	/* the right asked for, or NULL */
	uint32_t	 permissions;	/* all of these bits are needed */
	int64_t		 now;		/* seconds since 1970, > 0 */
};

struct imprint_answer {
	enum imprint_verdict	verdict;
	/* a sentence in ASCII without quotes, backslashes and controls: may
	 * stand in a log or a JSON string as it is */
	char			reason[IMPRINT_REASON_SIZE];
	uint8_t			ueid[IMPRINT_UEID_SIZE];
	size_t			ueid_len;	/* 0: unknown */
	/* how long the answer holds at most: end of what was shown, and with
	 * imprint_verifier_require_status() of the publication */
	int64_t			expires;
	/* not revoked as of then: thisUpdate of the CRL or iat of the status
	 * list, the newer one; 0: not known */
	int64_t			status_time;
	struct imprint_right	rights[IMPRINT_RIGHTS_MAX];
	size_t			right_count;
};

struct imprint_verifier;

/* Trust as PEM: the root (self-signed) of one ecosystem, its issuing CAs and
 * document signers, which count only with a path to that root. A service of
 * several ecosystems makes a verifier for each: what one of them signs must
 * not speak for devices of another. */
IMPRINT_API int	imprint_verifier_new(const char *trust_pem, size_t len,
	    struct imprint_verifier **ret_verifier,
	    char *reason, size_t reason_size);
IMPRINT_API void imprint_verifier_free(struct imprint_verifier *);
/*
 * Hand in a publication of status: a full CRL (RFC 5280; DER, or PEM with one
 * or more) of an issuing CA of this trust, or a Token Status List
 * (draft-ietf-oauth-status-list, CWT) of one of its document signers. It takes
 * the place of the one held for that CA or address; one that is older, by CRL
 * number or time, is refused (IMPRINT_ERROR_STALE), so status never goes back
 * within the life of a verifier. What is refused changes nothing. Nothing of
 * data is kept; a CRL takes about 22 octets an entry, a list up to 256 KB.
 *
 * From then on, identities known as revoked or suspended are denied, however
 * old the publication is. Either form suffices; where both tell of an
 * identity, both must say good. The status of CAs is not checked: one that is
 * not trusted any more must not be in trust.pem.
 */
IMPRINT_API int	imprint_verifier_add_status(struct imprint_verifier *,
	    const void *data, size_t len, char *reason, size_t reason_size);
/*
 * Deny also what no fresh publication tells of. Fresh: made at most max_age_s
 * before the question's now (and at most 5 minutes after it), nextUpdate or
 * exp not passed. A certificate needs the CRL of its CA, a document its
 * status list; of an identity that shows both, one of the two is enough.
 * max_age_s > 0; 0: not required any more, which is how a verifier starts.
 */
IMPRINT_API int	imprint_verifier_require_status(struct imprint_verifier *,
	    int64_t max_age_s);
/* ret_answer is filled in whenever 0 is returned, and a denial otherwise. */
IMPRINT_API int	imprint_verify(struct imprint_verifier *,
	    const struct imprint_question *,
	    struct imprint_answer *ret_answer);
/*
 * The same, told step by step: each step's name, IMPRINT_ALLOW or the verdict
 * it ends with, and what it found. For people; the answer decides.
 */
typedef void	imprint_step(void *ctx, const char *step,
	    enum imprint_verdict verdict, const char *found);
IMPRINT_API int	imprint_verify_explain(struct imprint_verifier *,
	    const struct imprint_question *, imprint_step *, void *ctx,
	    struct imprint_answer *ret_answer);
/* "allow", "deny: expired", ...; never NULL. */
IMPRINT_API const char *imprint_verdict_name(enum imprint_verdict);
IMPRINT_API const char *imprint_error_name(int);

#ifdef __cplusplus
}
#endif

#endif
