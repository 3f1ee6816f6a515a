/*
 * An ecosystem, opened: its store, keys and files. The verbs of the
 * authority: made by requests that an operator signed (request.h), by running
 * orders (order_run.h) and by looking identities up (lookup.h).
 *
 * A directory holds an ecosystem:
 *   keystore            the authority's keys, encrypted
 *   registry.db         the store
 *   lock                held by whoever writes
 *   operators/NAME.key  the first operator's key, encrypted
 *   packs/              packs, *.part while they grow
 *   publish/            what any web server may serve
 *
 * Invariant: only one process holds the lock; only it signs. Readers need no
 * lock and see the last commit.
 */
#ifndef IMPRINT_AUTHORITY_AUTHORITY_H
#define IMPRINT_AUTHORITY_AUTHORITY_H

#include "lib/base/io.h"
#include "lib/identity/template.h"
#include "lib/keystore/keystore.h"
#include "lib/store/store.h"

#define ECOSYSTEM_NAME_MAX	32	/* [a-z0-9][a-z0-9-]* */
#define ECOSYSTEM_ID_SIZE	16
#define PUBLISH_URL_MAX		128

/* Labels of the keys that init makes. */
#define KEY_ROOT		"root"
#define KEY_INFRA		"infra"
#define KEY_DOCUMENT		"document"
#define KEY_LOG			"log"
#define KEY_UEID		"index.ueid"
#define KEY_ROW			"registry.row"	/* MAC of objects */
#define KEY_OPERATIONS		"registry.operations"	/* their log began */
#define KEY_OPERATOR		"operator"
/* "issuer.LOG" and "index.serial.LOG.EPOCH" */
#define LOG_BULK		"bulk"
#define LOG_ONLINE		"online"
#define LOG_BULK_NUMBER		1
#define LOG_ONLINE_NUMBER	2

/* A service's certificate is stored under this and its name. */
#define SERVICE_PREFIX		"service."

struct authority;

struct authority_info {
	char		name[ECOSYSTEM_NAME_MAX + 1];
	uint8_t		id[ECOSYSTEM_ID_SIZE];
	char		publish_url[PUBLISH_URL_MAX + 1];
	int64_t		created;
};

struct authority_init {
	const char	*dir;		/* must not exist */
	const char	*name;		/* of the ecosystem */
	const char	*publish_url;	/* http(s), no trailing slash */
	const char	*operator_name;	/* of the first operator */
	const char	*anchor;	/* file of the anchor; NULL: none yet */
	struct bytes	 passphrase;	/* of the keystore */
	struct bytes	 operator_passphrase;
	int64_t		 now;
};

/*
 * Make an ecosystem. All of it is made beside dir and renamed into place at
 * the end: after a crash there is either none or a whole one, and what was
 * left half-way is cleared by the next call.
 * ERR_EXISTS: dir is there; nothing is touched.
 */
MUST_USE enum err authority_init(const struct io *,
    const struct authority_init *, struct diag *);

enum authority_mode {
	AUTHORITY_READ = 0,	/* no lock */
	AUTHORITY_WRITE = 1	/* takes the lock, ERR_BUSY otherwise */
};

/* ERR_NOTFOUND: no ecosystem there; ERR_PERMISSION: none to be seen. */
MUST_USE enum err authority_open(const struct io *, const char *dir,
    enum authority_mode, struct authority **ret_authority, struct diag *);
void	authority_close(struct authority **);
#define _cleanup_authority_ __attribute__((cleanup(authority_close)))

/* What unlocking shall not refuse, before authority_unlock(): for the verbs
 * that mend it. */
#define AUTHORITY_CLOCK		(1U << 0)	/* a clock that contradicts */
#define AUTHORITY_ANCHOR	(1U << 1)	/* an anchor that does */
#define AUTHORITY_EPOCH		(1U << 2)	/* an operations log that is
						 * gone: it begins anew */
void	authority_accept(struct authority *, unsigned what);

/* Open its keystore. ERR_AUTH on a wrong passphrase; ERR_CLOCK when now is
 * before the root certificate's notBefore; ERR_CONFLICT when its keys are not
 * those of this ecosystem's certificates. */
MUST_USE enum err authority_unlock(struct authority *,
    struct bytes passphrase, int64_t now, struct diag *);

/* What went wrong without undoing what was asked: the anchor that could not
 * be moved on. NULL: nothing. */
const struct diag *authority_warning(const struct authority *);

const struct authority_info *authority_info(const struct authority *);
struct store *authority_store(struct authority *);
const char *authority_dir(const struct authority *);

/* A certificate of the authority by name ("root", "bulk", "online", "infra",
 * "document"); DER appended. */
MUST_USE enum err authority_certificate(struct authority *, const char *name,
    struct buf *out, struct diag *);
/* Objects (lib/authority/object.h), checked once the ecosystem is unlocked. */
MUST_USE enum err authority_object_get(struct authority *, enum store_kind,
    const char *name, const char *version, struct buf *body_out,
    struct store_object *ret_object, struct diag *);
MUST_USE enum err authority_object_by_hash(struct authority *,
    enum store_kind, const uint8_t hash[STORE_HASH_SIZE],
    struct buf *body_out, struct store_object *ret_object, struct diag *);
MUST_USE enum err authority_object_each(struct authority *, enum store_kind,
    enum err (*each)(void *ctx, const struct store_object *), void *ctx,
    struct diag *);

/* A stored template, parsed. */
MUST_USE enum err authority_template(struct authority *, uint32_t id,
    struct template **ret_template, struct diag *);

#endif
