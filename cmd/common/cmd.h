/*
 * What the programs share: subcommands, options, help, exit codes, messages,
 * passphrases, progress, interruption. Only programs print and exit.
 *
 * Exit codes:
 *   0 done; 1 refused (a verdict against what was asked), or what was
 *   compared differs; 2 usage or invalid input; 3 not found; 4 conflicts with
 *   what is there; 5 passphrase, signature or permission; 6 input/output or
 *   disk full; 7 busy: another process works there; 8 damaged or of a newer
 *   version; 70 a defect or the cryptographic library; 130 interrupted.
 */
#ifndef IMPRINT_CMD_CMD_H
#define IMPRINT_CMD_CMD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "lib/base/diag.h"
#include "lib/base/io.h"
#include "lib/base/secret.h"

enum exit_code {
	EXIT_OK = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_NOTFOUND = 3,
	EXIT_CONFLICT = 4, EXIT_AUTH = 5, EXIT_IO = 6, EXIT_BUSY = 7,
	EXIT_DAMAGED = 8, EXIT_DEFECT = 70, EXIT_INTERRUPTED = 130
};

#define CMD_OPTIONS_MAX	24
#define CMD_VALUES_MAX	64	/* of one option given several times */
#define CMD_ARGS_MAX	256

/* One option; a table ends with name NULL. */
struct cmd_option {
	const char	*name;		/* "home": --home */
	const char	*argument;	/* "DIR"; NULL: a flag */
	const char	*help;
};

struct cmd;

/* One subcommand; a table ends with name NULL. "order create": two words. */
struct cmd_command {
	const char			*name;
	const char			*arguments;	/* "FILE...", or "" */
	const char			*summary;
	const struct cmd_option		*options;	/* may be NULL */
	const char			*examples;	/* lines; may be NULL */
	enum exit_code			(*run)(struct cmd *);
};

struct cmd_program {
	const char			*name;
	const char			*summary;
	const struct cmd_option		*options;	/* for every command */
	const struct cmd_command	*commands;
	const char			*notes;		/* ends --help */
	/* in place of the command's own run, which it may call; or NULL */
	enum exit_code			(*run)(struct cmd *);
};

struct cmd {
	const struct cmd_program	*program;
	const struct cmd_command	*command;
	const struct io			*io;
	int				 argc;		/* arguments left */
	char				*argv[CMD_ARGS_MAX];
	struct {
		const char	*name;
		const char	*value;			/* "" for a flag */
	}				 values[CMD_VALUES_MAX];
	size_t				 value_count;
	bool				 json;		/* --json */
	/* done, but something that goes with it could not be: EXIT_IO */
	bool				 incomplete;
	/* the error stands in the JSON that was printed: cmd_json_error() */
	bool				 json_told;
	struct diag			 diag;
};

/*
 * Parse and run: --help, --version, --json and "help COMMAND" are built in.
 * Unknown words name the nearest known one. Long options only, "--name value"
 * or "--name=value"; "--" ends them. Returns the exit code. Protects the
 * process (no core dumps) and ignores SIGPIPE first.
 */
int	cmd_main(const struct cmd_program *, int argc, char **argv,
	    const struct io *);

/* The last value given, or NULL. */
const char *cmd_value(const struct cmd *, const char *name);
bool	cmd_flag(const struct cmd *, const char *name);
/* All values in order; returns how many. */
size_t	cmd_values(const struct cmd *, const char *name, const char **values,
	    size_t max);
/* A whole number min..max. Absent: fallback. ERR_INVALID, diag filled. */
MUST_USE enum err cmd_number(struct cmd *, const char *name, uint64_t min,
	    uint64_t max, uint64_t fallback, uint64_t *ret_number);

/* Print cmd->diag to stderr ("program: what (ref)" and "hint"), as JSON too
 * with --json; returns the exit code of err. */
enum exit_code cmd_fail(struct cmd *, enum err);
/* What it returns. */
enum exit_code cmd_exit_code(enum err);
/* The same as a JSON object within what a command prints; cmd_fail() then
 * tells people only. */
void	cmd_json_error(struct cmd *, enum err);
/* A usage error with its message and a pointer to --help; EXIT_USAGE. */
enum exit_code cmd_usage(struct cmd *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
/*
 * Refuse a directory, or a file in it, that others could write to: whoever can
 * rename in it can replace keys and trust. ERR_PERMISSION. A missing one is
 * fine.
 */
MUST_USE enum err cmd_check_private(struct cmd *, const char *path);
/* Refuse what does not belong to that user, who could not use what others make
 * there. ERR_PERMISSION. A missing one is fine. */
MUST_USE enum err cmd_check_owner(struct cmd *, const char *path, uid_t uid);
/* The same, for root alone: nobody else can write what is another's. */
MUST_USE enum err cmd_check_root(struct cmd *, const char *path);
/* A warning to stderr. */
void	cmd_warn(struct cmd *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/*
 * A passphrase: 1 to 1,024 octets, without the newline that may end it, from
 * the first of
 *   --NAME-file FILE or --NAME-fd N, not both: the first line
 *   the service manager's credential imprint-NAME (systemd.exec(5)):
 *     $CREDENTIALS_DIRECTORY/imprint-NAME, all of it, one line
 *   file: the first line
 *   the terminal, without echo, twice when confirm
 * and never from argv or the environment itself. A regular file that others
 * may read or write is refused: ERR_PERMISSION. ERR_INVALID when there is
 * none, it is empty or a credential has several lines; ERR_LIMIT; ERR_NOTFOUND.
 */
struct cmd_passphrase {
	const char	*name;		/* "passphrase" */
	const char	*prompt;
	const char	*file;		/* of the configuration, or NULL */
	bool		 confirm;
};
MUST_USE enum err cmd_passphrase(struct cmd *, const struct cmd_passphrase *,
    struct secret *ret_passphrase);
/* Is there an option or a credential for it? */
bool	cmd_passphrase_given(const struct cmd *, const char *name);

/*
 * Ask on the terminal whether to go on; --yes answers beforehand. ERR_INVALID
 * when the answer is not "yes", or there is no terminal.
 */
MUST_USE enum err cmd_confirm(struct cmd *, const char *question);

/* A progress bar on stderr when that is a terminal, with rate and time left;
 * silent otherwise. Update as often as you like. */
struct progress {
	const char	*what;
	const char	*unit;		/* "identities" */
	uint64_t	 total, done, started_at;
	int64_t		 start_ns, shown_ns;
	bool		 terminal, shown;
};
/* done: what was there before (a resumed order), not counted in the rate. */
void	progress_start(struct progress *, const char *what, const char *unit,
	    uint64_t done, uint64_t total);
void	progress_update(struct progress *, uint64_t done);
void	progress_end(struct progress *);

/* SIGINT, SIGTERM, SIGHUP and SIGQUIT set a flag instead of killing: long
 * work stops at the next safe place. A second one within the work kills. */
void	interrupt_catch(void);
bool	interrupt_requested(void);

/* "12,345,678" into text of at least 32. */
void	number_format(uint64_t, char text[32]);
/* Anybody's text to a terminal: what acts on one is shown as \\xNN. */
void	text_print(FILE *, const char *text, size_t len);
/* A JSON string with its quotes and escapes, to a stream; what is not UTF-8
 * becomes U+FFFD. */
void	json_string(FILE *, const char *text, size_t len);

#endif
