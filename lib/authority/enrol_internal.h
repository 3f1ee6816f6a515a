/*
 * What the files of enrolment share. Internal.
 *
 * A turn is one transaction. Indices are taken one after the other from the
 * reserved blocks; one that was taken counts as signed, whatever comes of the
 * turn.
 */
#ifndef IMPRINT_AUTHORITY_ENROL_INTERNAL_H
#define IMPRINT_AUTHORITY_ENROL_INTERNAL_H

#include "lib/authority/authority_internal.h"
#include "lib/authority/chip_maker.h"
#include "lib/authority/enrol.h"
#include "lib/authority/field.h"
#include "lib/authority/lookup_internal.h"
#include "lib/authority/operation.h"
#include "lib/authority/signer.h"
#include "lib/authority/status.h"
#include "lib/policy/product.h"

#define ENROL_BLOCK	(2 * ENROL_TURN_MAX)	/* indices reserved at once */
#define ENROL_BLOCKS_MAX 4
#define ENROL_CERTS	3	/* issuing CA, document signer, root */
#define ENROL_KINDS	32	/* templates of those who ask, remembered */

/* A product that is had in the field, in its newest version. */
struct enrol_product {
	struct product		 product;
	uint32_t		 template_id;
	struct template		*template;
	struct identity_maker	*maker;
	/* had on the front's word: durable, and in this turn */
	uint64_t		 asserted, asserted_turn;
	/* by its manufacturer's certificates: the same */
	uint64_t		 foreign, foreign_turn;
};

/* Of a template: whose identities are made of it. */
struct enrol_kind {
	uint32_t	template;
	char		product[PRODUCT_NAME_MAX + 1];
	size_t		auth;		/* which of its slots authenticates */
	bool		decrypts;	/* has one that keys can be sealed to */
	size_t		decrypt;
	int		years;		/* of that certificate */
	bool		made_here;	/* its keys, by the authority */
	int		term;		/* of it or the document, the shorter */
};

/* The last object, and the last of each kind that is loaded: counts of what
 * was had so far take a walk over the log, which other objects are no reason
 * for. */
struct enrol_stamp {
	uint64_t	objects;
	uint64_t	products, manufacturers, certificates;
	unsigned	epoch;
};

struct enrol {
	struct authority	*authority;
	uint8_t			 id[SHA256_SIZE];	/* authority's */
	int64_t			 now;
	bool			 turn;
	struct enrol_stamp	 loaded;	/* of what is in memory */
	struct enrol_product	**products;
	size_t			 product_count;
	bool			 claims;	/* one of them wants owners */
	struct chip_makers	 manufacturers;
	struct enrol_kind	 kinds[ENROL_KINDS];
	size_t			 kind_count, kind_next;
	struct authority_signer	 signer;
	struct signer		*issuer, *document;
	struct buf		 certs[ENROL_CERTS];
	struct secret		 serial_key, ueid_key;
	struct lookup		*lookup, *again;
	struct sha256		*sha256;

	struct store_log	 log;
	struct merkle		 tree;
	struct store_range	 blocks[ENROL_BLOCKS_MAX];
	size_t			 block_count;
	bool			 anchor_due;	/* for a block */
	int64_t			 anchored;	/* when, last */
	bool			 moved;		/* since then */
	uint64_t		 spoiled_first, spoiled;	/* of a dropped
								 * turn */
	/* of the turn */
	bool			 torn;	/* a request failed when it had begun
					 * to change something */
	uint32_t		 taken;
	struct store_range	 parts[ENROL_TURN_MAX];
	struct buf		 leaves, events;
	size_t			 event_count;
	struct status_ranges	 superseded;
	struct row_sum		 changes;	/* of rows, rows.h */
};

/* A key of a request. */
struct device_key {
	unsigned		slot;
	struct public_key	key;
	struct bytes		proof;	/* empty: none */
};

/* device_request_parse(), and the message for its signature. */
MUST_USE enum err device_request_open(struct bytes,
    struct cose_sign1 *ret_message, struct device_request *ret_request,
    struct diag *);
/* The body of enrol and renew; room for PRODUCT_SLOTS_MAX keys. recipient: to
 * which keys that are made here are to be sealed; sealed false: none. */
MUST_USE enum err device_keys_parse(struct bytes body,
    struct device_key *ret_keys, size_t *ret_count,
    struct public_key *ret_recipient, bool *ret_sealed, struct diag *);

/* Who asks: an identity of ours, rebuilt. */
struct asker {
	struct address		 address, birth;
	struct store_range	 range;
	struct enrol_kind	 kind;
	uint8_t			 product[SHA256_SIZE];	/* its version */
	uint8_t			 ueid[UEID_SIZE];
	/* by its template's slots */
	size_t			 key_count;
	unsigned		 slots[PRODUCT_SLOTS_MAX];
	struct public_key	 keys[PRODUCT_SLOTS_MAX];
	/* its names by kind, as far as they stand in its document */
	size_t			 name_count;
	char			 name_kind[PRODUCT_NAMES_MAX]
				    [PRODUCT_NAME_MAX + 1];
	char			 name[PRODUCT_NAMES_MAX][NAME_TEXT_SIZE];
	struct field_enrolment	 enrolment;	/* of the log LOG_ONLINE */
	struct field_device	 device;	/* all 0: none */
	/* by a manufacturer's certificate: its product, NULL of ours; what the
	 * certificate is known by; not known yet */
	struct enrol_product	*foreign;
	uint8_t			 mark[SHA256_SIZE];
	bool			 fresh;
};

/* Keys made here, by the template's slots, and to which they are sealed. */
struct enrol_made {
	struct public_key	recipient;	/* X25519 or P-256 */
	struct secret		private[PRODUCT_SLOTS_MAX];
};
void	enrol_made_release(struct enrol_made *);
MUST_USE enum err enrol_made_keys(const struct template *,
    struct enrol_made *, struct public_key *ret_publics, struct diag *);
/* The identity with its keys, sealed, appended to out; ret_hash of what it is
 * when it was opened. */
MUST_USE enum err enrol_seal(struct enrol *, const struct template *,
    const struct enrol_made *, const struct device_request *,
    const uint8_t *request_hash, const struct identity *,
    const struct bytes certs[ENROL_CERTS], uint8_t ret_hash[SHA256_SIZE],
    struct buf *out, struct diag *);

/* What a turn has done so far. */
struct enrol_progress {
	int64_t		changes;	/* store_changes() */
	uint32_t	taken;
	size_t		events, superseded;
};

/* A request being decided. */
struct submission {
	struct enrol			*enrol;
	struct enrol_progress		 before;
	struct device_request		 request;
	uint8_t				 hash[SHA256_SIZE];
	struct asker			 asker;
	struct enrol_product		*product;
	struct public_key		 publics[PRODUCT_SLOTS_MAX];
	/* of plain EST: the key of the certification request, proved by it;
	 * otherwise NULL, and keys are in the request's body */
	const struct device_key		*given;
	/* EST's serverkeygen: the private key is made here, for given's slot;
	 * otherwise NULL */
	struct secret			*made;
	/* keys of the product are made here, in issue(); else NULL */
	struct enrol_made		*here;
	bool				 asserted;	/* EVIDENCE_FRONT */
	struct enrol_result		*result;
	struct diag			*diag;
};

/* First; bare: the answer is the certificate alone. ERR_STATE: no turn. */
MUST_USE enum err enrol_submission_begin(struct submission *, bool bare);
/* Last: what an error means for the turn. Returns that error. */
enum err enrol_submission_end(struct submission *, enum err);
struct enrol_progress enrol_progress(const struct enrol *);
/* Decide by type; who asks is known and stands well. */
MUST_USE enum err enrol_dispatch(struct submission *);
/* The front says that somebody uses the certificate of asker: of a device's
 * first identity, had by EST, that is the first use. */
MUST_USE enum err enrol_first_use(struct submission *);
/* What parsers say of a request is a verdict, unless this machine failed. */
MUST_USE enum err enrol_verdict_of(struct submission *, enum err,
    enum enrol_verdict);

/* A refusal: decided. Texts are static. */
enum err enrol_refuse(struct enrol_result *, enum enrol_verdict,
    const char *why, const char *hint);
static inline bool
enrol_decided(const struct enrol_result *result)
{
	return result->verdict != ENROL_REFUSED;
}

/* Find and verify who signed the request, and how it stands. */
MUST_USE enum err enrol_asker(struct enrol *, const struct cose_sign1 *,
    const struct device_request *, struct asker *ret_asker,
    struct enrol_result *, struct diag *);

/* The same of somebody whom the front names: by its certificate alone. */
MUST_USE enum err enrol_asker_named(struct enrol *, struct bytes leaf,
    struct asker *ret_asker, struct enrol_result *, struct diag *);

/*
 * Somebody with a certificate that was not issued here: is it one of a
 * registered manufacturer, and who? message: NULL when the front names it.
 * Decides ENROL_UNKNOWN if not. What is known of the device is in asker; else
 * it is fresh, and is born with what it is issued.
 */
MUST_USE enum err enrol_foreign(struct enrol *, const struct cose_sign1 *,
    struct bytes leaf, struct asker *ret_asker, struct enrol_result *,
    struct diag *);
/* Its certificate leads to this identity from now on. */
MUST_USE enum err enrol_foreign_keep(struct enrol *, const struct asker *,
    struct diag *);
/* Room among the devices of its manufacturer? */
bool	enrol_foreign_room(const struct asker *);

/* Who asks holds the key; how it stands. */
MUST_USE enum err enrol_signature(struct enrol *, const struct cose_sign1 *,
    const struct public_key *, struct enrol_result *, struct diag *);

/* The key that an identity of ours decrypts with, if one can be sealed to it,
 * and its certificate, if it has one, appended. */
MUST_USE enum err enrol_decrypts(struct enrol *, const struct address *,
    struct public_key *ret_key, struct buf *certificate, bool *ret_there,
    struct diag *);
/* The label of EST's path names the product that it must be; else refused. */
MUST_USE enum err enrol_est_label(struct submission *, const char *label);
/* EST's serverkeygen. */
MUST_USE enum err enrol_keygen(struct submission *, const struct est_ask *);

/* Issue the next identity to asker, answer included. publics: by the
 * product's template. */
struct enrol_issue {
	const struct device_request	*request;
	const uint8_t			*request_hash;
	const struct enrol_product	*product;
	const struct public_key		*publics;
	const struct enrol_made		*here;	/* NULL: made elsewhere */
	enum evidence_class		 evidence;
	struct field_enrolment		 enrolment;	/* enrol_ready()'s */
};
/* The names that an identity of the template would have; known: all. From the
 * asker's document, else from birth: its document, or what its line called it
 * as far as that was reported. ERR_CORRUPT. */
MUST_USE enum err enrol_names(struct enrol *, const struct template *,
    const struct asker *, struct field_enrolment *ret_enrolment,
    bool *ret_known, struct diag *);
/* Between which times a device is to come back, and for what; waits: there is
 * something to be had by a refresh now. issued: its identity's. */
struct enrol_advice {
	int64_t				from, until;
	enum device_request_type	type;
};
struct enrol_advice enrol_advice(const struct enrol *,
	    const struct enrol_kind *, int64_t issued, bool waits);
/* First: may it be? Changes nothing. */
MUST_USE enum err enrol_ready(struct enrol *, struct asker *,
    struct enrol_issue *, struct enrol_result *, struct diag *);
MUST_USE enum err enrol_issue(struct enrol *, struct asker *,
    struct enrol_issue *, struct enrol_result *, struct diag *);
/* Answer once more what was issued at index, which is not of this turn. */
MUST_USE enum err enrol_answer_again(struct enrol *, uint64_t index,
    const struct field_enrolment *, const struct device_request *,
    bool confirmed, struct enrol_result *, struct diag *);
/* Once more what was sealed for the identity at index, which waits. */
MUST_USE enum err enrol_answer_sealed(struct enrol *, uint64_t index,
    const struct field_device *, const struct device_request *,
    struct enrol_result *, struct diag *);
/* Without a package: confirmed, or current, for which no refresh waits. */
MUST_USE enum err enrol_answer_short(struct enrol *,
    const struct device_request *, bool current,
    const struct enrol_advice *, struct enrol_result *, struct diag *);

/* Room for one more index in this turn? */
bool	enrol_room(const struct enrol *);
void	enrol_event(struct enrol *, enum field_event,
	    const struct address *birth, bool has_index, uint64_t index);
/* The identity at index is superseded: revoked when the turn is committed. */
MUST_USE enum err enrol_supersede(struct enrol *,
    const struct address *birth, uint64_t index, struct diag *);

/* So is its birth, unless that is revoked already. */
MUST_USE enum err enrol_outlive(struct enrol *, const struct address *birth,
    struct diag *);

/* Products, templates, signer: load them if they may have changed. */
MUST_USE enum err enrol_load(struct enrol *, struct diag *);
void	enrol_unload(struct enrol *);
/* NULL: none. */
struct enrol_product *enrol_product_by_bootstrap(const struct enrol *,
    const char *bootstrap);
struct enrol_product *enrol_product_by_name(const struct enrol *,
    const char *name);
MUST_USE enum err enrol_kind(struct enrol *, uint32_t template,
    struct enrol_kind *ret_kind, struct diag *);

#endif
