/*
 * What the agent's commands share: the device with its storage on files, and
 * how things are shown to people.
 */
#ifndef IMPRINT_CMD_DEVICE_AGENT_H
#define IMPRINT_CMD_DEVICE_AGENT_H

#include "cmd/common/cmd.h"
#include "device/adapters/openssl/device_openssl.h"
#include "device/include/imprint/device.h"

#define AGENT_HOME	"/var/lib/imprint-device"

/* Two slots of files NAME.0 and NAME.1 in the home; errors are in diag. */
struct agent_blocks {
	const struct io	*io;
	const char	*home;
	const char	*name;
	struct diag	*diag;
	struct file	 file[2];
	unsigned	 written;	/* the slot that was erased last */
};

void	agent_blocks_init(struct agent_blocks *, struct cmd *,
	    const char *home, const char *name,
	    struct imprint_device_blocks *ret_blocks);
void	agent_blocks_release(struct agent_blocks *);
/* What was read is durable, which a run that was broken off may have left
 * undone: before anybody is told that it is there. */
MUST_USE enum err agent_blocks_sync(const struct agent_blocks *,
	    const struct imprint_device_slots *);
/* Lay the current slot aside, if the other holds the record of that hash, which
 * is the current one from the next reading on; at once or not at all. The
 * second takes what lies aside back, until something else was written.
 * ERR_NOTFOUND, without diag: it does not; nothing does. */
MUST_USE enum err agent_blocks_back(struct agent_blocks *,
	    const struct imprint_device_slots *,
	    const uint8_t hash[IMPRINT_DEVICE_HASH_SIZE]);
MUST_USE enum err agent_blocks_forth(struct agent_blocks *,
	    const struct imprint_device_slots *);
/* Remove the slot that is not current, and what lies aside, or with all the
 * current one after it. */
MUST_USE enum err agent_blocks_forget(struct agent_blocks *,
	    const struct imprint_device_slots *, bool all);

/* The identity in its slots, or in the one file of before. */
struct agent_storage {
	struct agent_blocks		files;
	struct imprint_device_blocks	blocks;
	struct imprint_device_slots	slots;
	struct imprint_device_storage	inner;
};

void	agent_storage_init(struct agent_storage *, struct cmd *,
	    const char *home, struct imprint_device_storage *ret_storage);

/*
 * Keys that this device made. There are two sets, so that the keys of an
 * identity that is not there yet lie beside those of the one that is: which
 * set is present is told by the identity alone, whose keys are in it, and so
 * changes with it at once.
 */
struct agent_keys {
	struct agent_blocks		files;
	struct imprint_device_blocks	blocks;
	struct imprint_device_slots	slots;
	struct imprint_device_storage	storage;
	struct imprint_openssl_keys	held;
	struct imprint_device_keystore	table;
};

/* Refers to itself: stays where it is. */
struct agent {
	const char			*home;
	struct imprint_device		device;
	struct imprint_device_storage	storage;
	struct agent_storage		files;
	struct agent_keys		 sets[2];
	struct agent_keys		*keys;	/* the present set */
	struct secret			buffer;		/* the record */
};

#define AGENT_FILES { FILE_INIT, FILE_INIT }
#define AGENT_INIT {							\
	.files.files.file = AGENT_FILES,				\
	.sets[0].files.file = AGENT_FILES,				\
	.sets[1].files.file = AGENT_FILES,				\
	.buffer = SECRET_INIT						\
}

#define _cleanup_agent_ __attribute__((cleanup(agent_close)))

/* The device under --home, of which the last signed time and the keys that it
 * made are read. ret: AGENT_INIT. ERR_NOMEM, ERR_CORRUPT, ERR_IO. */
MUST_USE enum err agent_open(struct cmd *, struct agent *);
void	agent_close(struct agent *);
/* --home, or the default. */
const char *agent_home(const struct cmd *);
/* The home directory (agent->home), made when it is missing, and nobody else
 * writing in it. ERR_BUSY. */
MUST_USE enum err agent_enter(struct cmd *, const struct agent *,
	    struct file *ret_lock);
/* Read and judge what is installed. The diag says what is wrong when nothing
 * is, or when it cannot be read; a verdict is in device.report. */
MUST_USE enum err agent_load(struct cmd *, struct agent *);
/* Keep a signed time; one that says nothing new is passed over. */
MUST_USE enum err agent_time_keep(struct cmd *, struct agent *, int64_t seen);
/* ERR_STATE while a bootstrap or renewal is under way: its keys do not know
 * of one that is made now. */
MUST_USE enum err agent_idle(struct cmd *, const struct agent *);
/* Forget what the identity before left: its record and its keys. After
 * agent_load(). */
MUST_USE enum err agent_forget_previous(struct agent *);
/* What a library error means here; the diag is filled. */
MUST_USE enum err agent_error(struct cmd *, enum imprint_device_error);

/* What to do about a verdict on a package, to stderr; perhaps nothing. */
void	agent_hint(enum imprint_device_verdict, struct imprint_bytes package);
/* "program: refused: reason" and the hint, to stderr. */
void	agent_refuse(struct cmd *, const struct imprint_device_report *,
	    struct imprint_bytes package);
/* "name": "verdict", "reason": ... without braces, to stdout. */
void	agent_json_report(const struct imprint_device_report *);

/* Signed text is still somebody else's: control characters are escaped. */
void	agent_put_text(FILE *, struct imprint_bytes);
void	agent_put_hex(FILE *, struct imprint_bytes);
/* "GET POST", or "-". */
void	agent_put_permissions(FILE *, uint32_t bits);
void	agent_put_time(FILE *, int64_t);

enum exit_code agent_install(struct cmd *);
enum exit_code agent_show(struct cmd *);
enum exit_code agent_verify(struct cmd *);
enum exit_code agent_status(struct cmd *);
enum exit_code agent_connect(struct cmd *);
enum exit_code agent_export(struct cmd *);
enum exit_code agent_key(struct cmd *);
enum exit_code agent_request(struct cmd *);
enum exit_code agent_evidence(struct cmd *);
enum exit_code agent_bootstrap(struct cmd *);
enum exit_code agent_renew(struct cmd *);
enum exit_code agent_run(struct cmd *);

#endif
