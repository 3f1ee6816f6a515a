/*
 * What the files of lib/authority share. Internal.
 */
#ifndef IMPRINT_AUTHORITY_AUTHORITY_INTERNAL_H
#define IMPRINT_AUTHORITY_AUTHORITY_INTERNAL_H

#include "lib/authority/authority.h"
#include "lib/authority/rows.h"
#include "lib/authority/object.h"
#include "lib/identity/index.h"
#include "lib/log/checkpoint.h"
#include "lib/log/merkle.h"

struct authority {
	const struct io		*io;
	char			 dir[PATH_SIZE];
	enum authority_mode	 mode;
	struct file		 lock;
	struct store		*store;
	struct keystore		*keystore;	/* NULL until unlocked */
	struct hmac		*row_mac;	/* of objects; with keystore */
	struct authority_info	 info;
	unsigned		 accepted;	/* AUTHORITY_CLOCK, ... */
	bool			 enrolling;	/* what LOG_ONLINE reserved
						 * is in use: enrol.h */
	uint32_t		 running;	/* the log that an order's
						 * run reserves in; or 0 */
	struct diag		 warning;	/* see authority_warning() */
};

#define FILE_KEYSTORE	"keystore"
#define FILE_REGISTRY	"registry.db"
#define FILE_LOCK	"lock"
#define DIR_OPERATORS	"operators"
#define DIR_PACKS	"packs"
#define DIR_PUBLISH	"publish"

#define META_NAME	"ecosystem"
#define META_ID		"ecosystem-id"
#define META_URL	"publish-url"
#define META_CREATED	"created"

/* dir/name of the ecosystem. */
MUST_USE enum err authority_path(const struct authority *, const char *name,
    char ret_path[PATH_SIZE], struct diag *);

/* ERR_STATE unless unlocked. */
MUST_USE enum err authority_need_keys(const struct authority *,
    struct diag *);

/* What a template needs to know of the issuing CA of a log; name's bytes are
 * put into subject. */
MUST_USE enum err authority_template_issuer(struct authority *,
    const struct store_log *, char issuer_uri[TEMPLATE_TEXT_MAX + 1],
    struct buf *subject, struct template_issuer *ret_issuer, struct diag *);

/* The product's template under a log; made, checked with a sample signed by
 * a throw-away key, and stored at first use. Within a transaction. */
MUST_USE enum err authority_template_for(struct authority *,
    const struct product *, const struct store_log *, int64_t now,
    uint32_t *ret_id, struct diag *);

/* The same in a transaction of its own, what it made on record. */
MUST_USE enum err authority_template_recorded(struct authority *,
    const struct product *, const struct store_log *, int64_t now,
    uint32_t *ret_id, struct diag *);

/* The template an order is issued from: the one on its record or, when the
 * document signer has changed since, that of the present one. */
MUST_USE enum err authority_template_order(struct authority *,
    const struct store_order *, const struct store_log *, int64_t now,
    uint32_t *ret_id, struct template **ret_template, struct diag *);

/* Reserved ranges that nobody will finish become void, in index order, and
 * are revoked: something signed may exist. */
MUST_USE enum err authority_void_reserved(struct authority *, uint32_t log,
    int64_t now, struct diag *);
/* The same in the caller's transaction. */
MUST_USE enum err authority_void_within(struct authority *, uint32_t log,
    int64_t now, struct diag *);
/* Revoke the void ranges of an ecosystem that had no status yet (schema 1);
 * in the caller's transaction. */
MUST_USE enum err authority_void_revoke_old(struct authority *, int64_t now,
    struct diag *);
/* The leaves of a void range join the tree. */
MUST_USE enum err authority_void_leaves(struct merkle *tree,
    struct sha256 *, const struct store_range *);
/* The anchor's place of a new ecosystem; in the caller's transaction. */
MUST_USE enum err anchor_begin(struct authority *, const char *path,
    int64_t now, struct diag *);
/* The first entry of the operations log, with all that is there; in the
 * caller's transaction. */
MUST_USE enum err operation_begin(struct authority *, int64_t now,
    struct diag *);

/* The root of a log when it had this size, from its leaves. ERR_INVALID:
 * beyond its size. */
MUST_USE enum err authority_root_at(struct authority *, uint32_t log,
    uint64_t size, uint8_t ret_root[SHA256_SIZE], struct diag *);

/* The origin of a log's checkpoints: publish URL without its scheme, and the
 * log's name. */
void	authority_origin(const char *publish_url, const char *log,
	    char ret_origin[CHECKPOINT_ORIGIN_MAX + 1]);

#endif
