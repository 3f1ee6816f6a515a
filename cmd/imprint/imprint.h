/*
 * What the subcommands of imprint share: which ecosystem, its passphrases,
 * and a signed request carried out.
 */
#ifndef IMPRINT_CMD_IMPRINT_IMPRINT_H
#define IMPRINT_CMD_IMPRINT_IMPRINT_H

#include "cmd/common/cmd.h"
#include "lib/authority/authority.h"
#include "lib/authority/lookup.h"
#include "lib/authority/request.h"

/* HOME/ecosystems/NAME, by the rules that imprint(1) states: refused when
 * others may write to it. */
MUST_USE enum err ecosystem_dir(struct cmd *, char ret_dir[PATH_SIZE]);
/* The same name, whoever may write there. */
MUST_USE enum err ecosystem_path(struct cmd *, char ret_dir[PATH_SIZE]);
/* A setting: command line, then configuration file, then fallback. */
const char *setting(const struct cmd *, const char *name, const char *fallback);
/* Read the configuration file, once, before setting(). */
MUST_USE enum err settings_load(struct cmd *);

/* Open the ecosystem; unlock it when keys. */
MUST_USE enum err ecosystem_open(struct cmd *, enum authority_mode, bool keys,
    struct authority **ret_authority);
/* For requests, runs and publication: for writing or, when imprintd holds the
 * lock, for reading, and it does the work (daemon.h). With --server nothing is
 * opened, and NULL returned: remote.h. */
MUST_USE enum err ecosystem_open_requests(struct cmd *,
    struct authority **ret_authority);
/* To approve, or to check: for reading. With --server nothing is opened. */
MUST_USE enum err ecosystem_open_approving(struct cmd *,
    struct authority **ret_authority);
/* The same on this machine, although what is accepted (AUTHORITY_ANCHOR,
 * AUTHORITY_CLOCK) would refuse it; alone: for writing in any case, ERR_BUSY
 * says how imprintd is stopped. */
MUST_USE enum err ecosystem_open_accepting(struct cmd *, unsigned accept,
    bool alone, struct authority **ret_authority);
/* The keystore's passphrase, asked for once. */
MUST_USE enum err passphrase_get(struct cmd *, bool confirm,
    struct secret *ret_passphrase);
/* Can it be had without asking on the terminal? */
bool	passphrase_given(const struct cmd *);
/* That of the operator's key; the keystore's unless one is given. */
MUST_USE enum err operator_passphrase_get(struct cmd *, bool confirm,
    struct secret *ret_passphrase);

/*
 * Sign a request as the operator and submit it. The operator's key is
 * --operator-key FILE, else operators/NAME.key of the ecosystem for
 * --operator NAME (default admin).
 */
MUST_USE enum err request_submit(struct cmd *, struct authority *,
    enum request_type, struct bytes body, struct buf *result);
/* With the files that the body names; NULL: none. */
MUST_USE enum err request_submit_files(struct cmd *, struct authority *,
    enum request_type, struct bytes body, const struct request_files *,
    struct buf *result);

/*
 * After a change of status: publish it, or say how, as --no-publish asks. With
 * --json the end of the object that the caller began: ', "published": [...]}',
 * with the error in a member "failed" before the brace.
 */
MUST_USE enum err change_publish(struct cmd *, struct authority *);

/* Publish all logs; ret_what names the one that could not be. */
MUST_USE enum err logs_publish(struct cmd *, struct authority *,
    const char **ret_what);
/* ', "failed": {...}': what could not be published, and why. */
void	failed_print(struct cmd *, const char *what, enum err);

/* A file, or "-" for standard input. */
MUST_USE enum err input_read(struct cmd *, const char *path, size_t limit,
    struct buf *out);

/* A file's first certificate, PEM or DER, as DER. */
MUST_USE enum err certificate_file_read(struct cmd *, const char *path,
    struct buf *der);

/* Print bytes as hexadecimal. */
void	hex_print(FILE *, struct bytes);

/* The product that an order or a user names: NAME or NAME@VERSION. */
MUST_USE enum err product_find(struct cmd *, struct authority *,
    const char *word, struct product *ret_product,
    struct store_object *ret_object);

/* The same to look at it: with --server, as the server says. */
MUST_USE enum err product_look(struct cmd *, struct authority *,
    const char *word, struct product *ret_product,
    struct store_object *ret_object);

/* Does a word name a product file? A slash in it, ".yaml", ".yml", or "-". */
bool	product_is_file(const char *word);

/* The order's number as the only argument. */
MUST_USE enum err order_argument(struct cmd *, uint32_t *ret_number);
/* A pack of the same name may be another ecosystem's: it stays. ERR_EXISTS. */
MUST_USE enum err pack_export_target(struct cmd *, const char *from,
    const char *to);

/* An order's file of names, or "-" for standard input: opened, read through
 * and hashed. The authority is open for writing. */
MUST_USE enum err order_names_open(struct cmd *, struct authority *,
    const char *path, const struct product *, struct file *ret_file,
    struct names_file *ret_names);
/* Where an order's names come from, as lines or further JSON members. */
MUST_USE enum err order_names_print(struct cmd *, struct authority *,
    const struct store_order *);

/* A file without a name, on the disk of the ecosystem (authority NULL: in
 * memory), for what messages call so: gone when it is released. */
MUST_USE enum err input_unnamed(struct cmd *, struct authority *,
    const char *called, struct file *ret_file);

/* A directory of certification requests: its files, sorted by name. */
struct list_dir {
	char	**names;
	size_t	  count;
};
/* Is path a directory? */
bool	list_dir_is(const char *path);
void	list_dir_release(struct list_dir *);
/* One list of them all, in that order; dir: all 0. ERR_INVALID: a file that
 * is not one request. */
MUST_USE enum err list_dir_open(struct cmd *, struct authority *,
    const char *path, struct list_dir *dir, struct file *ret_file);
/* The file of a place, counted from 1; NULL: none. */
const char *list_dir_name(const struct list_dir *, uint64_t place);

#define ORDER_BAD_SHOWN	10
#define ORDER_ALGS_MAX	16	/* above the numbers of enum key_alg */
/* A list of devices as --mode, --list-format and --list-signature say. */
struct order_devices {
	struct file		file;
	struct list_dir		dir;	/* or of this, unless it is empty */
	struct buf		signature, approval;
	struct devices_file	in;
	struct devices_said	said;
	struct devices_list	list;
	/* what it holds, and the first bad entries of many */
	uint64_t		by_alg[ORDER_ALGS_MAX];
	uint64_t		bad;
	struct {
		uint64_t	place;
		char		what[1024], hint[256];
	}			shown[ORDER_BAD_SHOWN];
};
#define ORDER_DEVICES_INIT { .file = FILE_INIT, .signature = BUF_INIT,	\
	.approval = BUF_INIT }
#define _cleanup_order_devices_						\
	__attribute__((cleanup(order_devices_release)))
void	order_devices_release(struct order_devices *);
/* Opened, read through and hashed; put, if not NULL, gets the canonical form.
 * When it is refused, the bad entries beside the first go to stderr. */
MUST_USE enum err order_devices_open(struct cmd *, struct authority *,
    const char *path, const struct product *,
    enum err (*put)(void *ctx, struct bytes), void *ctx,
    struct order_devices *);
/* Who stands for a list. */
const char *order_trust_text(enum device_list_trust);
/* As lines, or further JSON members. */
MUST_USE enum err order_devices_print(struct cmd *, struct authority *,
    uint32_t order);
/* The key that signs for the operator that --operator names; authority NULL:
 * it is somewhere else. */
MUST_USE enum err operator_signer(struct cmd *, struct authority *,
    struct signer **ret_signer);
/* That operator's approval of subject (lib/authority/approval.h), to a new
 * file. */
MUST_USE enum err approval_write(struct cmd *, struct authority *,
    const char *what, struct bytes subject, const char *out);

/* The certificate of a slot of the identity at index, as DER or PEM.
 * ERR_NOTFOUND: der is empty. */
MUST_USE enum err identity_certificate_print(struct cmd *, uint64_t index,
    uint64_t slot, struct bytes der, bool pem);
/* What became of an identity: lines of text or, with --json, the begin of
 * an object: its member "history" and a comma. Prints all, or fails. */
MUST_USE enum err identity_history_print(struct cmd *, struct authority *,
    const struct address *, const struct store_range *);

/* Wipe what settings_load() and passphrase_get() keep. */
void	settings_release(void);

/* Say where the anchor is kept; path NULL: nowhere. */
MUST_USE enum err anchor_submit(struct cmd *, struct authority *,
    const char *path, bool program);

int	imprint_main(int argc, char **argv, const struct io *);

/* One file for each subject. */
enum exit_code init_run_cmd(struct cmd *);
enum exit_code product_add_cmd(struct cmd *);
enum exit_code product_show_cmd(struct cmd *);
enum exit_code product_list_cmd(struct cmd *);
enum exit_code product_diff_cmd(struct cmd *);
enum exit_code station_add_cmd(struct cmd *);
enum exit_code station_renew_cmd(struct cmd *);
enum exit_code station_lost_cmd(struct cmd *);
enum exit_code station_acknowledge_cmd(struct cmd *);
enum exit_code station_list_cmd(struct cmd *);
enum exit_code service_add_cmd(struct cmd *);
enum exit_code order_create_cmd(struct cmd *);
enum exit_code list_check_cmd(struct cmd *);
enum exit_code list_make_cmd(struct cmd *);
enum exit_code list_approve_cmd(struct cmd *);
enum exit_code chip_maker_add_cmd(struct cmd *);
enum exit_code chip_maker_remove_cmd(struct cmd *);
enum exit_code chip_maker_list_cmd(struct cmd *);
enum exit_code chip_maker_approve_cmd(struct cmd *);
enum exit_code manufacturer_add_cmd(struct cmd *);
enum exit_code manufacturer_remove_cmd(struct cmd *);
enum exit_code manufacturer_list_cmd(struct cmd *);
enum exit_code manufacturer_approve_cmd(struct cmd *);
enum exit_code operator_add_cmd(struct cmd *);
enum exit_code operator_key_cmd(struct cmd *);
enum exit_code operator_approve_cmd(struct cmd *);
enum exit_code operator_trust_cmd(struct cmd *);
enum exit_code order_show_cmd(struct cmd *);
enum exit_code order_list_cmd(struct cmd *);
enum exit_code order_run_cmd(struct cmd *);
enum exit_code order_cancel_cmd(struct cmd *);
enum exit_code order_export_cmd(struct cmd *);
enum exit_code order_reconcile_cmd(struct cmd *);
enum exit_code signer_list_cmd(struct cmd *);
enum exit_code signer_renew_cmd(struct cmd *);
enum exit_code identity_show_cmd(struct cmd *);
enum exit_code identity_list_cmd(struct cmd *);
enum exit_code identity_find_cmd(struct cmd *);
enum exit_code identity_verify_cmd(struct cmd *);
enum exit_code identity_export_cmd(struct cmd *);
enum exit_code device_claim_cmd(struct cmd *);
enum exit_code device_release_cmd(struct cmd *);
enum exit_code device_show_cmd(struct cmd *);
enum exit_code doctor_cmd(struct cmd *);
enum exit_code revoke_cmd(struct cmd *);
enum exit_code suspend_cmd(struct cmd *);
enum exit_code resume_cmd(struct cmd *);
enum exit_code publish_cmd(struct cmd *);
enum exit_code anchor_set_cmd(struct cmd *);
enum exit_code anchor_show_cmd(struct cmd *);
enum exit_code epoch_begin_cmd(struct cmd *);
enum exit_code clock_accept_cmd(struct cmd *);
enum exit_code log_verify_cmd(struct cmd *);
enum exit_code log_prove_cmd(struct cmd *);
enum exit_code log_export_cmd(struct cmd *);
enum exit_code log_publish_cmd(struct cmd *);

/* log verify --tiles: published files alone. */
enum exit_code log_verify_tiles(struct cmd *);
/* Differences as they are found: to people line by line, to scripts as the
 * items of a JSON array that the caller opens and closes. */
struct differences {
	struct cmd	*cmd;
	const char	*where;		/* "log bulk" */
	uint64_t	 count;
};
void	difference_print(void *ctx, const char *what);

#endif
