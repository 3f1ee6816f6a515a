#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/authority/anchor.h"
#include "lib/authority/authority_internal.h"
#include "lib/authority/operation.h"
#include "lib/authority/operator.h"
#include "lib/authority/outside.h"
#include "lib/base/clock.h"
#include "lib/crypto/random.h"
#include "lib/log/checkpoint.h"

/* Whoever issues: all CA certificates of one ecosystem, by key label. */
enum { CERT_ROOT, CERT_BULK, CERT_ONLINE, CERT_INFRA, CERT_DOCUMENT,
    CERT_COUNT };

struct certificate_plan {
	const char	*name;		/* in the store, and of its file */
	const char	*label;
	const char	*words;		/* subject CN: ecosystem + words */
	int		 issuer;	/* CERT_... */
	bool		 ca;
	int		 path_len;
	unsigned	 key_usage;
	unsigned	 extended_key_usage;
	bool		 never;		/* else INFRA_YEARS */
};

#define INFRA_YEARS	20
#define CA_USAGE	(KU_KEY_CERT_SIGN | KU_CRL_SIGN)

/*
 * What issues device certificates never expires: IEEE 802.1AR devices carry
 * certificates without a well-defined expiration date, and a path is only
 * valid while all of it is (RFC 5280 6.1.3).
 */
static const struct certificate_plan plans[CERT_COUNT] = {
	[CERT_ROOT] = { "root", KEY_ROOT, "Root CA", CERT_ROOT, true, 1,
	    CA_USAGE, 0, true },
	[CERT_BULK] = { "bulk", "issuer.bulk", "Issuing CA bulk", CERT_ROOT,
	    true, 0, CA_USAGE, EKU_CLIENT_AUTH, true },
	[CERT_ONLINE] = { "online", "issuer.online", "Issuing CA online",
	    CERT_ROOT, true, 0, CA_USAGE, EKU_CLIENT_AUTH, true },
	[CERT_INFRA] = { "infra", KEY_INFRA, "Infrastructure CA", CERT_ROOT,
	    true, 0, CA_USAGE, EKU_SERVER_AUTH, false },
	[CERT_DOCUMENT] = { "document", KEY_DOCUMENT, "Document Signer",
	    CERT_ROOT, false, -1, KU_DIGITAL_SIGNATURE, EKU_DOCUMENT_SIGNING,
	    true },
};

struct init {
	const struct io			*io;
	const struct authority_init	*request;
	char				 dir[PATH_SIZE];	/* temporary */
	uint8_t				 id[ECOSYSTEM_ID_SIZE];
	struct keystore			*keystore;
	struct store			*store;
	struct hmac			*row_mac;
	struct buf			 cert[CERT_COUNT];
};

static enum err
init_path(const struct init *init, const char *name, char path[PATH_SIZE],
    struct diag *diag)
{
	if (path_join(path, init->dir, name))
		return diag_fail(diag, ERR_LIMIT, NULL, "path too long: %s",
		    init->dir);
	return ERR_OK;
}

/* Clear what an earlier, interrupted init left; two levels of folders at
 * the most hold files (publish/log/NAME). */
static enum err
tree_remove(const struct io *io, const char *dir, int depth,
    struct diag *diag)
{
	char path[PATH_SIZE];
	struct dirent *entry;
	struct stat st;
	enum err err = ERR_OK;
	DIR *d;

	d = opendir(dir);
	if (d == NULL)
		return ERR_OK;
	while (!err && (entry = readdir(d)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		err = path_join(path, dir, entry->d_name);
		if (!err && lstat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
		    depth > 0)
			err = tree_remove(io, path, depth - 1, diag);
		else if (!err)
			err = io_unlink(io, path, diag);
	}
	closedir(d);
	if (!err && rmdir(dir) != 0)
		err = diag_fail(diag, ERR_IO, NULL, "%s: cannot be cleared",
		    dir);
	return err;
}

static enum err
init_folders(const struct init *init, struct diag *diag)
{
	static const struct {
		const char *name;
		bool public;
	} folders[] = {
		{ DIR_OPERATORS, false },
		{ DIR_PACKS, false },
		{ DIR_PUBLISH, true },
		{ DIR_PUBLISH "/ca", true },
		{ DIR_PUBLISH "/log", true },
		{ DIR_PUBLISH "/log/" LOG_BULK, true },
		{ DIR_PUBLISH "/log/" LOG_ONLINE, true },
		{ DIR_PUBLISH "/log/" LOG_OPERATIONS, true },
	};
	char path[PATH_SIZE];
	size_t i;
	enum err err;

	err = io_mkdir(init->io, init->dir, 0700, diag);
	for (i = 0; i < sizeof(folders) / sizeof(folders[0]) && !err; i++) {
		err = init_path(init, folders[i].name, path, diag);
		if (!err)
			err = folders[i].public ?
			    io_mkdir_public(init->io, path, diag) :
			    io_mkdir(init->io, path, 0700, diag);
	}
	/* the others hold files, whose making syncs them */
	if (!err)
		err = init_path(init, DIR_PUBLISH "/log", path, diag);
	if (!err)
		err = io_sync_dir(init->io, path, diag);
	return err;
}

static enum err
init_keys(struct init *init, struct diag *diag)
{
	static const char *const secrets[] = {
		KEY_UEID, KEY_ROW, KEY_OPERATIONS, "index.serial.bulk.1",
		"index.serial.online.1",
	};
	char path[PATH_SIZE];
	size_t i;
	enum err err;

	err = init_path(init, FILE_KEYSTORE, path, diag);
	if (!err)
		err = keystore_file_create(init->io, path,
		    init->request->passphrase, &init->keystore, diag);
	for (i = 0; i < CERT_COUNT && !err; i++)
		err = keystore_generate(init->keystore, plans[i].label,
		    KEY_P256, diag);
	if (!err)
		err = keystore_generate(init->keystore, KEY_LOG, KEY_ED25519,
		    diag);
	for (i = 0; i < sizeof(secrets) / sizeof(secrets[0]) && !err; i++)
		err = keystore_generate_secret(init->keystore, secrets[i],
		    AES256_KEY_SIZE, diag);
	if (!err)
		err = keystore_save(init->keystore, diag);
	return err;
}

static enum err
init_certificate(struct init *init, int which, struct diag *diag)
{
	const struct certificate_plan *plan = &plans[which];
	const struct certificate_plan *issuer = &plans[plan->issuer];
	struct public_key subject;
	char name[ECOSYSTEM_NAME_MAX + 40];
	struct outside outside = {
		.name = plan->name, .issuer_label = issuer->label,
		.subject = &subject, .not_before = init->request->now,
		.not_after = TIME_MAX_S,
		.profile = {
			.common_name = name, .subject_alg = KEY_P256,
			.ca = plan->ca, .path_len = plan->path_len,
			.key_usage = plan->key_usage,
			.extended_key_usage = plan->extended_key_usage,
			.with_ski = true,
		},
	};
	enum err err = ERR_OK;

	/* an issuer is found by its name: no two may share one (RFC 5280
	 * 4.1.2.4), and every installation may have a "default" */
	(void)snprintf(name, sizeof(name), "%s %s %08x", init->request->name,
	    plan->words, get_be32(init->id));
	if (which != plan->issuer)
		outside.issuer_der = buf_bytes(&init->cert[plan->issuer]);
	if (!plan->never)
		err = time_add_years(init->request->now, INFRA_YEARS,
		    &outside.not_after);
	if (!err)
		err = keystore_public(init->keystore, plan->label, &subject,
		    diag);
	if (!err)
		err = outside_issue(init->keystore, &outside,
		    &init->cert[which], diag);
	return err;
}

/* What a reader of a log checks its checkpoints with. */
static enum err
init_verifier_key(struct init *init, const char *log, struct diag *diag)
{
	_cleanup_buf_ struct buf line = BUF_INIT;
	char origin[CHECKPOINT_ORIGIN_MAX + 1], name[64], path[PATH_SIZE];
	struct public_key key;
	enum err err;

	authority_origin(init->request->publish_url, log, origin);
	(void)snprintf(name, sizeof(name), DIR_PUBLISH "/log/%s/vkey", log);
	err = init_path(init, name, path, diag);
	if (!err)
		err = keystore_public(init->keystore, KEY_LOG, &key, diag);
	if (!err)
		err = note_put_verifier_key(origin, &key, &line);
	if (!err)
		err = io_write_public(init->io, path, buf_bytes(&line),
		    diag);
	return err;
}

static enum err
init_publish(struct init *init, struct diag *diag)
{
	_cleanup_buf_ struct buf trust = BUF_INIT;
	char name[64], path[PATH_SIZE];
	int i;
	enum err err = ERR_OK;

	for (i = 0; i < CERT_COUNT && !err; i++) {
		pem_put(&trust, "CERTIFICATE", buf_bytes(&init->cert[i]));
		(void)snprintf(name, sizeof(name), DIR_PUBLISH "/ca/%s.cer",
		    plans[i].name);
		err = init_path(init, name, path, diag);
		if (!err)
			err = io_write_public(init->io, path,
			    buf_bytes(&init->cert[i]), diag);
	}
	if (!err)
		err = init_verifier_key(init, LOG_BULK, diag);
	if (!err)
		err = init_verifier_key(init, LOG_ONLINE, diag);
	if (!err)
		err = init_verifier_key(init, LOG_OPERATIONS, diag);
	if (!err)
		err = init_path(init, DIR_PUBLISH "/trust.pem", path, diag);
	if (!err)
		err = buf_err(&trust);
	if (!err)
		err = io_write_public(init->io, path, buf_bytes(&trust),
		    diag);
	return err;
}

static enum err
init_logs(struct init *init, struct diag *diag)
{
	struct store_log logs[] = {
		{ .log = LOG_BULK_NUMBER, .name = LOG_BULK,
		    .epoch = EPOCH_FIRST },
		{ .log = LOG_ONLINE_NUMBER, .name = LOG_ONLINE,
		    .epoch = EPOCH_FIRST },
		{ .log = LOG_OPERATIONS_NUMBER, .name = LOG_OPERATIONS },
	};
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < sizeof(logs) / sizeof(logs[0]) && !err; i++)
		err = store_log_create(init->store, &logs[i], diag);
	return err;
}

static enum err
init_meta(struct init *init, struct diag *diag)
{
	uint8_t created[8];
	const struct authority_init *request = init->request;
	enum err err;

	put_be64(created, (uint64_t)request->now);
	err = store_meta_put(init->store, META_NAME,
	    bytes_text(request->name), diag);
	if (!err)
		err = store_meta_put(init->store, META_URL,
		    bytes_text(request->publish_url), diag);
	if (!err)
		err = store_meta_put(init->store, META_ID,
		    bytes_of(init->id, sizeof(init->id)), diag);
	if (!err)
		err = store_meta_put(init->store, META_CREATED,
		    bytes_of(created, sizeof(created)), diag);
	return err;
}

static enum err
init_operator(struct init *init, struct diag *diag)
{
	char name[128], path[PATH_SIZE];
	struct public_key key;
	enum err err;

	(void)snprintf(name, sizeof(name), DIR_OPERATORS "/%s.key",
	    init->request->operator_name);
	err = init_path(init, name, path, diag);
	if (!err)
		err = operator_key_create(init->io, path,
		    init->request->operator_passphrase, &key, diag);
	if (!err)
		err = operator_put(init->store, init->row_mac,
		    init->request->operator_name,
		    &key, init->request->now, diag);
	return err;
}

static enum err
init_row_mac(struct init *init, struct diag *diag)
{
	_cleanup_secret_ struct secret key = SECRET_INIT;
	enum err err;

	err = keystore_secret(init->keystore, KEY_ROW, &key, diag);
	if (!err)
		err = hmac_new(secret_bytes(&key), &init->row_mac, diag);
	return err;
}

/* The verbs that need an ecosystem, on the one being made. */
static struct authority
init_authority(const struct init *init)
{
	struct authority authority = { .io = init->io,
	    .mode = AUTHORITY_WRITE, .store = init->store,
	    .keystore = init->keystore, .row_mac = init->row_mac };

	memcpy(authority.info.id, init->id, sizeof(init->id));
	(void)snprintf(authority.info.name, sizeof(authority.info.name),
	    "%s", init->request->name);
	(void)snprintf(authority.info.publish_url,
	    sizeof(authority.info.publish_url), "%s",
	    init->request->publish_url);
	return authority;
}

/* The operations log begins with what was made here. */
static enum err
init_operations(struct init *init, struct diag *diag)
{
	struct authority authority = init_authority(init);
	enum err err = ERR_OK;

	if (init->request->anchor != NULL)
		err = anchor_begin(&authority, init->request->anchor,
		    init->request->now, diag);
	return err ? err : operation_begin(&authority, init->request->now,
	    diag);
}

static enum err
init_anchor(struct init *init, struct diag *diag)
{
	struct authority authority = init_authority(init);

	return init->request->anchor == NULL ? ERR_OK :
	    anchor_update(&authority, init->request->now, diag);
}

static enum err
init_registry(struct init *init, struct diag *diag)
{
	char path[PATH_SIZE];
	int i;
	enum err err;

	err = init_path(init, FILE_REGISTRY, path, diag);
	if (!err)
		err = init_row_mac(init, diag);
	if (!err)
		err = store_open(init->io, path, STORE_CREATE, &init->store,
		    diag);
	if (!err)
		err = store_begin(init->store, diag);
	if (!err)
		err = init_meta(init, diag);
	if (!err)
		err = init_logs(init, diag);
	if (!err)
		err = init_operator(init, diag);
	for (i = 0; i < CERT_COUNT && !err; i++)
		err = outside_store(init->store, init->row_mac, plans[i].name,
		    buf_bytes(&init->cert[i]), init->request->now, diag);
	if (!err)
		err = init_operations(init, diag);
	if (!err)
		err = store_commit(init->store, diag);
	if (!err)
		err = init_anchor(init, diag);
	store_close(&init->store);
	return err;
}

static enum err
init_fill(struct init *init, struct diag *diag)
{
	char path[PATH_SIZE];
	int i;
	enum err err;

	err = random_bytes(init->id, sizeof(init->id), diag);
	if (!err)
		err = init_folders(init, diag);
	if (!err)
		err = init_keys(init, diag);
	for (i = 0; i < CERT_COUNT && !err; i++)
		err = init_certificate(init, i, diag);
	if (!err)
		err = init_registry(init, diag);
	if (!err)
		err = init_publish(init, diag);
	if (!err)
		err = init_path(init, FILE_LOCK, path, diag);
	if (!err)
		err = io_create_file(init->io, path, BYTES_NONE, 0600, diag);
	return err;
}

static enum err
name_check(const char *what, const char *name, size_t max, struct diag *diag)
{
	size_t len = strlen(name);

	if (len >= 1 && len <= max && name[0] != '-' &&
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len)
		return ERR_OK;
	return diag_fail(diag, ERR_INVALID, NULL,
	    "%s \"%s\": allowed are 1 to %zu of a-z, 0-9 and -, not first -",
	    what, name, max);
}

static enum err
url_check(const char *url, struct diag *diag)
{
	size_t len = strlen(url), i;
	bool good = strncmp(url, "http://", 7) == 0 ||
	    strncmp(url, "https://", 8) == 0;

	for (i = 0; i < len; i++)
		good = good && url[i] > 0x20 && url[i] < 0x7f;
	if (good && len <= PUBLISH_URL_MAX && len > 8 && url[len - 1] != '/')
		return ERR_OK;
	return diag_fail(diag, ERR_INVALID, "RFC 3986",
	    "publish URL \"%s\": it starts with http:// or https://, has no "
	    "slash at its end and at most %d characters", url,
	    PUBLISH_URL_MAX);
}

static enum err
init_check(const struct io *io, const struct authority_init *request,
    struct diag *diag)
{
	enum err err;

	err = name_check("ecosystem", request->name, ECOSYSTEM_NAME_MAX, diag);
	if (!err)
		err = name_check("operator", request->operator_name,
		    ECOSYSTEM_NAME_MAX, diag);
	if (!err)
		err = url_check(request->publish_url, diag);
	if (!err && io_exists(io, request->dir)) {
		err = diag_fail(diag, ERR_EXISTS, NULL,
		    "%s: is there already; nothing was changed",
		    request->dir);
		diag_hint(diag, "choose another --ecosystem or --home");
	}
	return err;
}

static enum err
init_run(struct init *init, struct diag *diag)
{
	enum err err;

	err = tree_remove(init->io, init->dir, 3, diag);
	if (!err)
		err = init_fill(init, diag);
	if (!err)
		err = io_rename(init->io, init->dir, init->request->dir,
		    diag);
	if (!err)
		err = io_sync_parent(init->io, init->request->dir, diag);
	return err;
}

enum err
authority_init(const struct io *io, const struct authority_init *request,
    struct diag *diag)
{
	struct init init = { .io = io, .request = request };
	struct file lock = FILE_INIT;
	char lock_path[PATH_SIZE];
	int i;
	enum err err;

	err = init_check(io, request, diag);
	if (err)
		return err;
	if (snprintf(init.dir, PATH_SIZE, "%s.new", request->dir) >=
	    PATH_SIZE || snprintf(lock_path, PATH_SIZE, "%s.lock",
	    request->dir) >= PATH_SIZE)
		return diag_fail(diag, ERR_LIMIT, NULL, "path too long: %s",
		    request->dir);
	err = file_open(io, lock_path, O_RDWR | O_CREAT, 0600, &lock, diag);
	if (!err)
		err = file_lock(&lock, diag);
	for (i = 0; i < CERT_COUNT; i++)
		init.cert[i].limit = BUF_LIMIT_DEFAULT;
	if (!err)
		err = init_check(io, request, diag);
	if (!err)
		err = init_run(&init, diag);
	if (!err)
		err = io_unlink(io, lock_path, diag);
	keystore_free(&init.keystore);
	hmac_free(&init.row_mac);
	store_close(&init.store);
	for (i = 0; i < CERT_COUNT; i++)
		buf_release(&init.cert[i]);
	file_release(&lock);
	return err;
}
