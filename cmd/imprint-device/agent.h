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

/* The identity as a file in the home directory; errors are in diag. */
struct agent_storage {
	const struct io	*io;
	const char	*home;
	struct diag	*diag;
};

enum imprint_device_error agent_storage_read(void *state, uint8_t *buffer,
	    size_t size, size_t *ret_len);
enum imprint_device_error agent_storage_write(void *state,
	    struct imprint_bytes);

struct agent {
	struct imprint_device		device;
	struct imprint_device_storage	storage;
	struct agent_storage		files;
	struct secret			buffer;		/* the record */
};

#define _cleanup_agent_ __attribute__((cleanup(agent_close)))

/* The device under --home, of which the last signed time alone is read.
 * ERR_NOMEM, ERR_CORRUPT, ERR_IO. */
MUST_USE enum err agent_open(struct cmd *, struct agent *);
void	agent_close(struct agent *);
/* Read and judge what is installed. The diag says what is wrong when nothing
 * is, or when it cannot be read; a verdict is in device.report. */
MUST_USE enum err agent_load(struct cmd *, struct agent *);
/* Keep a signed time; one that says nothing new is passed over. */
MUST_USE enum err agent_time_keep(struct cmd *, struct agent *, int64_t seen);
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

#endif
