/* The table of checks, what they say, and the command. */
#include <stdarg.h>

#include "cmd/imprint/doctor.h"
#include "lib/base/clock.h"

#define NEEDS_REGISTRY	(1U << 0)

#define RESTORE	"restore registry.db from a backup, and find out who " \
		"wrote to it"

/* otherwise: what to do when the library that found it did not say. */
static const struct {
	const char	*name;
	unsigned	 needs;
	const char	*otherwise;
	void		(*run)(struct doctor *);
} checks[] = {
	{ "permissions", 0, "give it back to the ecosystem's user",
	    doctor_permissions },
	{ "registry", 0, RESTORE, doctor_registry },
	{ "structure", NEEDS_REGISTRY, RESTORE, doctor_structure },
	{ "keystore", NEEDS_REGISTRY, "bring the right file back, or restore "
	    "it from a backup", doctor_keystore },
	{ "clock", NEEDS_REGISTRY, RESTORE, doctor_clock },
	{ "anchor", NEEDS_REGISTRY, "bring the right file back, or imprint "
	    "anchor set", doctor_anchor },
	{ "certificates", NEEDS_REGISTRY, RESTORE, doctor_certificates },
	{ "logs", NEEDS_REGISTRY, RESTORE, doctor_logs },
	{ "published", 0, "imprint publish: it is written anew",
	    doctor_published },
	{ "orders", NEEDS_REGISTRY, RESTORE, doctor_orders },
	{ "disk", NEEDS_REGISTRY, NULL, doctor_disk },
	{ "leftovers", NEEDS_REGISTRY, NULL, doctor_leftovers },
	{ "memory", 0, NULL, doctor_memory },
	{ "core-dumps", 0, NULL, doctor_dumps },
	{ "libraries", 0, NULL, doctor_libraries },
};

static const char *const level_names[] = { "ok", "skipped", "warning",
	"problem" };

static void
say_json(struct doctor *d, enum doctor_level level, const char *hint,
    const char *text)
{
	size_t i, before = 0;

	for (i = 0; i < 4; i++)
		before += d->count[i];
	(void)printf("%s\n  {\"check\": \"%s\", \"result\": \"%s\", "
	    "\"what\": ", before > 0 ? "," : "", d->check,
	    level_names[level]);
	json_string(stdout, text, strlen(text));
	if (hint != NULL && hint[0] != '\0') {
		(void)printf(", \"do\": ");
		json_string(stdout, hint, strlen(hint));
	}
	(void)printf("}");
}

static void
say_text(const struct doctor *d, enum doctor_level level, const char *hint,
    const char *text)
{
	(void)printf("%-8s %-12s ", level_names[level], d->check);
	text_print(stdout, text, strlen(text));
	if (hint != NULL && hint[0] != '\0') {
		(void)printf("\n%22s", "");
		text_print(stdout, hint, strlen(hint));
	}
	(void)printf("\n");
}

static void
say(struct doctor *d, enum doctor_level level, const char *hint,
    const char *text)
{
	if (d->cmd->json)
		say_json(d, level, hint, text);
	else if (d->said >= DOCTOR_SAID_MAX)
		d->more++;
	else
		say_text(d, level, hint, text);
	d->said++;
	d->count[level]++;
}

void
doctor_say(struct doctor *d, enum doctor_level level, const char *hint,
    const char *fmt, ...)
{
	char text[512 + PATH_SIZE];
	va_list ap;

	va_start(ap, fmt);
	/* forgets va_start() in a file that is compiled for two programs:
	 * NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say(d, level, hint, text);
}

void
doctor_diag(struct doctor *d, enum doctor_level level,
    const struct diag *diag)
{
	say(d, level, diag->hint[0] != '\0' ? diag->hint : d->otherwise,
	    diag->what);
}

void
doctor_path(const struct doctor *d, const char *name,
    char ret_path[PATH_SIZE])
{
	if (path_join(ret_path, d->dir, name) != ERR_OK)
		(void)snprintf(ret_path, PATH_SIZE, "%s", name);
}

/* Without asking on the terminal: what needs no passphrase works without. */
static void
doctor_open(struct doctor *d)
{
	_cleanup_secret_ struct secret passphrase = SECRET_INIT;
	enum err err;

	err = authority_open(d->cmd->io, d->dir, AUTHORITY_READ,
	    &d->authority, &d->why_closed);
	if (err || !passphrase_given(d->cmd))
		return;
	err = passphrase_get(d->cmd, false, &passphrase);
	if (err) {
		d->why_locked = d->cmd->diag;
		return;
	}
	/* each of them is a check of its own */
	authority_accept(d->authority, AUTHORITY_CLOCK | AUTHORITY_ANCHOR);
	err = authority_unlock(d->authority, secret_bytes(&passphrase),
	    d->now, &d->why_locked);
	d->unlocked = err == ERR_OK;
}

static void
doctor_run(struct doctor *d)
{
	size_t i;

	for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		d->check = checks[i].name;
		d->otherwise = checks[i].otherwise;
		d->said = d->more = 0;
		if ((checks[i].needs & NEEDS_REGISTRY) &&
		    d->authority == NULL)
			doctor_say(d, DOCTOR_SKIPPED, NULL,
			    "not checked: the registry does not open");
		else
			checks[i].run(d);
		if (d->more > 0)
			(void)printf("%22sand %zu more\n", "", d->more);
	}
}

static void
summary_print(const struct doctor *d)
{
	const size_t *n = d->count;

	if (d->cmd->json)
		(void)printf("\n], \"ok\": %zu, \"skipped\": %zu, "
		    "\"warnings\": %zu, \"problems\": %zu}\n", n[DOCTOR_OK],
		    n[DOCTOR_SKIPPED], n[DOCTOR_WARNING], n[DOCTOR_PROBLEM]);
	else
		(void)printf("\n%zu ok, %zu not checked, %zu warning%s, %zu "
		    "problem%s\n", n[DOCTOR_OK], n[DOCTOR_SKIPPED],
		    n[DOCTOR_WARNING], n[DOCTOR_WARNING] == 1 ? "" : "s",
		    n[DOCTOR_PROBLEM], n[DOCTOR_PROBLEM] == 1 ? "" : "s");
}

enum exit_code
doctor_cmd(struct cmd *cmd)
{
	struct doctor d = { .cmd = cmd, .now = time_now(),
	    .quick = cmd_flag(cmd, "quick") };
	enum err err;

	if (cmd->argc != 0)
		return cmd_usage(cmd, "doctor takes no arguments");
	err = ecosystem_path(cmd, d.dir);
	if (!err && !io_exists(cmd->io, d.dir))
		err = authority_open(cmd->io, d.dir, AUTHORITY_READ,
		    &d.authority, &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	doctor_open(&d);
	if (cmd->json) {
		(void)printf("{\"directory\": ");
		json_string(stdout, d.dir, strlen(d.dir));
		(void)printf(", \"checks\": [");
	}
	doctor_run(&d);
	summary_print(&d);
	authority_close(&d.authority);
	return d.count[DOCTOR_PROBLEM] > 0 ? EXIT_REFUSED : EXIT_OK;
}
