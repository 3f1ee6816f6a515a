#include "cmd/common/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/common/cmd_internal.h"

static const struct cmd_option builtin[] = {
	{ "json", NULL, "print results as JSON" },
	{ "help", NULL, "print this help" },
	{ "version", NULL, "print the version" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option *
option_in(const struct cmd_option *table, const char *name, size_t len)
{
	for (; table != NULL && table->name != NULL; table++)
		if (strlen(table->name) == len &&
		    strncmp(table->name, name, len) == 0)
			return table;
	return NULL;
}

static const struct cmd_option *
option_find(const struct cmd *cmd, const char *name, size_t len)
{
	const struct cmd_option *option = NULL;

	if (cmd->command != NULL)
		option = option_in(cmd->command->options, name, len);
	if (option == NULL)
		option = option_in(cmd->program->options, name, len);
	if (option == NULL)
		option = option_in(builtin, name, len);
	return option;
}

/* How many single-letter edits lead from a to b; both short. */
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[64], above, left, i, j;
	unsigned la = (unsigned)strlen(a), lb = (unsigned)strlen(b);

	if (la >= 64 || lb >= 64)
		return 64;
	for (j = 0; j <= lb; j++)
		row[j] = j;
	for (i = 1; i <= la; i++) {
		above = row[0];
		row[0] = i;
		for (j = 1; j <= lb; j++) {
			left = row[j];
			row[j] = above + (a[i - 1] != b[j - 1]);
			if (left + 1 < row[j])
				row[j] = left + 1;
			if (row[j - 1] + 1 < row[j])
				row[j] = row[j - 1] + 1;
			above = left;
		}
	}
	return row[lb];
}

static const char *
nearest_option(const struct cmd *cmd, const char *name)
{
	const struct cmd_option *tables[3] = { cmd->program->options,
	    builtin, cmd->command != NULL ? cmd->command->options : NULL };
	const struct cmd_option *option;
	const char *best = NULL;
	unsigned d, least = 4;
	size_t i;

	for (i = 0; i < 3; i++) {
		for (option = tables[i]; option != NULL &&
		    option->name != NULL; option++) {
			d = distance(name, option->name);
			if (d < least) {
				least = d;
				best = option->name;
			}
		}
	}
	return best;
}

static const char *
nearest_command(const struct cmd *cmd, const char *words)
{
	const struct cmd_command *command;
	const char *best = NULL;
	unsigned d, least = 4;

	for (command = cmd->program->commands; command->name != NULL;
	    command++) {
		d = distance(words, command->name);
		if (d < least) {
			least = d;
			best = command->name;
		}
	}
	return best;
}

/* word: the name, perhaps with =VALUE. */
static enum exit_code
option_unknown(struct cmd *cmd, const char *word)
{
	char name[64];
	const char *near;

	(void)snprintf(name, sizeof(name), "%.*s",
	    (int)strcspn(word, "="), word);
	near = nearest_option(cmd, name);
	if (near != NULL)
		return cmd_usage(cmd, "unknown option --%s; did you mean "
		    "--%s?", name, near);
	return cmd_usage(cmd, "unknown option --%s", name);
}

static enum exit_code
option_take(struct cmd *cmd, const char *word, char **argv, int argc, int *i)
{
	const char *equals = strchr(word, '=');
	size_t len = equals ? (size_t)(equals - word) : strlen(word);
	const struct cmd_option *option = option_find(cmd, word, len);
	const char *value = "";

	if (option == NULL)
		return option_unknown(cmd, word);
	if (option->argument != NULL && equals != NULL)
		value = equals + 1;
	else if (option->argument != NULL && *i + 1 < argc)
		value = argv[++*i];
	else if (option->argument != NULL)
		return cmd_usage(cmd, "--%s needs %s", option->name,
		    option->argument);
	else if (equals != NULL)
		return cmd_usage(cmd, "--%s takes no value", option->name);
	if (cmd->value_count == CMD_VALUES_MAX)
		return cmd_usage(cmd, "more than %d options", CMD_VALUES_MAX);
	cmd->values[cmd->value_count].name = option->name;
	cmd->values[cmd->value_count++].value = value;
	return EXIT_OK;
}

/* One or two words name the command; returns how many were used. */
static int
command_find(struct cmd *cmd, char **argv, int argc)
{
	const struct cmd_command *command;
	size_t len;

	for (command = cmd->program->commands; command->name != NULL;
	    command++) {
		const char *space = strchr(command->name, ' ');

		len = space ? (size_t)(space - command->name) :
		    strlen(command->name);
		if (strlen(argv[0]) != len ||
		    strncmp(argv[0], command->name, len) != 0)
			continue;
		if (space == NULL) {
			cmd->command = command;
			return 1;
		}
		if (argc > 1 && strcmp(argv[1], space + 1) == 0) {
			cmd->command = command;
			return 2;
		}
	}
	return 0;
}

static enum exit_code
command_unknown(struct cmd *cmd, char **argv, int argc)
{
	char words[64];
	const char *near;

	if ((argc == 1 || argv[1][0] == '-') &&
	    group_print(cmd->program, argv[0], NULL)) {
		(void)cmd_usage(cmd, "%s: which of its commands?", argv[0]);
		(void)group_print(cmd->program, argv[0], stderr);
		return EXIT_USAGE;
	}
	(void)snprintf(words, sizeof(words), "%s%s%s", argv[0],
	    argc > 1 && argv[1][0] != '-' ? " " : "",
	    argc > 1 && argv[1][0] != '-' ? argv[1] : "");
	near = nearest_command(cmd, words);
	if (near != NULL)
		return cmd_usage(cmd, "unknown command \"%s\"; did you mean "
		    "\"%s\"?", words, near);
	return cmd_usage(cmd, "unknown command \"%s\"", words);
}

/* Options may stand before the command, between and after its words. */
static enum exit_code
words_parse(struct cmd *cmd, int argc, char **argv)
{
	bool options = true;
	enum exit_code code;
	int i;

	for (i = 1; i < argc; i++) {
		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
		} else if (options && strncmp(argv[i], "--", 2) == 0) {
			code = option_take(cmd, argv[i] + 2, argv, argc, &i);
			if (code != EXIT_OK)
				return code;
		} else if (options && argv[i][0] == '-' &&
		    argv[i][1] != '\0') {
			return cmd_usage(cmd, "options are long: %s is none",
			    argv[i]);
		} else if (cmd->argc == CMD_ARGS_MAX) {
			return cmd_usage(cmd, "more than %d arguments",
			    CMD_ARGS_MAX);
		} else
			cmd->argv[cmd->argc++] = argv[i];
	}
	return EXIT_OK;
}

/* The command must be known before its options can be read: look for its
 * words first, stepping over options of the program. */
static int
command_scan(struct cmd *cmd, int argc, char **argv, const char **ret_unknown)
{
	const struct cmd_option *option;
	int i;

	for (i = 1; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		option = option_find(cmd, argv[i] + 2, strlen(argv[i] + 2));
		if (option != NULL && option->argument != NULL)
			i++;
		else if (option == NULL && strchr(argv[i], '=') == NULL)
			*ret_unknown = argv[i] + 2;
	}
	return i;
}

static bool
help_wanted(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0)
			return true;
	return argc == 1;
}

static bool
json_wanted(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--json") == 0)
			return true;
	return false;
}

static enum exit_code
cmd_run(struct cmd *cmd, int argc, char **argv)
{
	const char *unknown = NULL;
	enum exit_code code;
	int at, used = 0;

	cmd->json = json_wanted(argc, argv);
	at = command_scan(cmd, argc, argv, &unknown);
	if (at < argc && strcmp(argv[at], "help") == 0)
		return help_print(cmd, argc - at - 1, argv + at + 1);
	if (at < argc)
		used = command_find(cmd, argv + at, argc - at);
	if (help_wanted(argc, argv) && used == 0 && at < argc &&
	    group_print(cmd->program, argv[at], NULL))
		return help_print(cmd, 1, argv + at);
	if (help_wanted(argc, argv))
		return help_print(cmd, used, argv + at);
	if (at < argc && used == 0 && unknown != NULL)
		return option_unknown(cmd, unknown);
	if (at < argc && used == 0)
		return command_unknown(cmd, argv + at, argc - at);
	code = words_parse(cmd, argc, argv);
	if (code != EXIT_OK)
		return code;
	if (cmd_flag(cmd, "version")) {
		printf("%s %s\n", cmd->program->name, IMPRINT_VERSION);
		return EXIT_OK;
	}
	if (cmd->command == NULL)
		return cmd_usage(cmd, "no command given");
	memmove(cmd->argv, cmd->argv + used,
	    sizeof(cmd->argv) - (size_t)used * sizeof(cmd->argv[0]));
	cmd->argc -= used;
	code = cmd->program->run != NULL ? cmd->program->run(cmd) :
	    cmd->command->run(cmd);
	return code == EXIT_OK && cmd->incomplete ? EXIT_IO : code;
}

/*
 * 0, 1 and 2 must be taken, or a file of ours becomes somebody's output. They
 * are opened the wrong way round, so that their use still fails.
 */
static bool
descriptors_open(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	return fd >= 0 && close(fd) == 0;
}

int
cmd_main(const struct cmd_program *program, int argc, char **argv,
    const struct io *io)
{
	struct cmd cmd = { .program = program, .io = io, .diag = DIAG_INIT };
	enum exit_code code;

	if (!descriptors_open())
		return EXIT_DEFECT;
	process_protect();
	(void)signal(SIGPIPE, SIG_IGN);
	/* inherited as ignored, it would hide how a child ended */
	(void)signal(SIGCHLD, SIG_DFL);
	code = cmd_run(&cmd, argc, argv);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		if (errno != EPIPE)
			(void)fprintf(stderr, "%s: standard output: %s\n",
			    program->name, strerror(errno));
		if (code == EXIT_OK)
			code = EXIT_IO;
	}
	return (int)code;
}

const char *
cmd_value(const struct cmd *cmd, const char *name)
{
	const char *value = NULL;
	size_t i;

	for (i = 0; i < cmd->value_count; i++)
		if (strcmp(cmd->values[i].name, name) == 0)
			value = cmd->values[i].value;
	return value;
}

bool
cmd_flag(const struct cmd *cmd, const char *name)
{
	return cmd_value(cmd, name) != NULL;
}

size_t
cmd_values(const struct cmd *cmd, const char *name, const char **values,
    size_t max)
{
	size_t i, count = 0;

	for (i = 0; i < cmd->value_count; i++) {
		if (strcmp(cmd->values[i].name, name) != 0)
			continue;
		if (count < max)
			values[count] = cmd->values[i].value;
		count++;
	}
	return count;
}

enum err
cmd_number(struct cmd *cmd, const char *name, uint64_t min, uint64_t max,
    uint64_t fallback, uint64_t *ret_number)
{
	const char *text = cmd_value(cmd, name);
	unsigned long long value;
	char *end;

	if (text == NULL) {
		*ret_number = fallback;
		return ERR_OK;
	}
	errno = 0;
	value = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
	    value < min || value > max)
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "--%s \"%s\": allowed are whole numbers %llu to %llu",
		    name, text, (unsigned long long)min,
		    (unsigned long long)max);
	*ret_number = value;
	return ERR_OK;
}
