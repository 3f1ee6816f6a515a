#include <string.h>

#include "cmd/common/cmd_internal.h"

static void
options_print(const struct cmd_option *option)
{
	char left[64];

	for (; option != NULL && option->name != NULL; option++) {
		(void)snprintf(left, sizeof(left), "--%s%s%s", option->name,
		    option->argument ? " " : "",
		    option->argument ? option->argument : "");
		printf("  %-28s %s\n", left, option->help);
	}
}

static void
program_help(const struct cmd_program *program)
{
	const struct cmd_command *command;

	printf("%s: %s\n\nusage: %s [options] command ...\n\ncommands:\n",
	    program->name, program->summary, program->name);
	for (command = program->commands; command->name != NULL; command++)
		printf("  %-22s %s\n", command->name, command->summary);
	printf("\noptions for every command:\n");
	options_print(program->options);
	printf("  %-28s %s\n  %-28s %s\n", "--json",
	    "results as JSON on standard output", "--version",
	    "print the version");
	printf("\n'%s help COMMAND' explains one with examples.\n",
	    program->name);
	if (program->notes != NULL)
		printf("\n%s", program->notes);
}

static void
command_help(const struct cmd_program *program,
    const struct cmd_command *command)
{
	printf("%s %s: %s\n\nusage: %s %s [options]%s%s\n", program->name,
	    command->name, command->summary, program->name, command->name,
	    command->arguments[0] ? " " : "", command->arguments);
	if (command->options != NULL && command->options->name != NULL)
		printf("\noptions:\n");
	options_print(command->options);
	printf("\noptions for every command:\n");
	options_print(program->options);
	printf("  %-28s %s\n", "--json",
	    "results as JSON on standard output");
	if (command->examples != NULL)
		printf("\nexamples:\n%s", command->examples);
}

static bool
command_is(const struct cmd_command *command, int argc, char **words)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "%s%s%s", words[0],
	    argc > 1 && words[1][0] != '-' ? " " : "",
	    argc > 1 && words[1][0] != '-' ? words[1] : "");
	return strcmp(command->name, name) == 0 ||
	    strcmp(command->name, words[0]) == 0;
}

bool
group_print(const struct cmd_program *program, const char *word, FILE *out)
{
	const struct cmd_command *command;
	size_t len = strlen(word);
	bool any = false;

	for (command = program->commands; command->name != NULL; command++) {
		if (strncmp(command->name, word, len) != 0 ||
		    command->name[len] != ' ')
			continue;
		if (out != NULL)
			(void)fprintf(out, "  %-22s %s\n", command->name,
			    command->summary);
		any = true;
	}
	return any;
}

enum exit_code
help_print(struct cmd *cmd, int argc, char **words)
{
	const struct cmd_command *command;
	bool more;

	if (argc == 0) {
		program_help(cmd->program);
		return EXIT_OK;
	}
	for (command = cmd->program->commands; command->name != NULL;
	    command++) {
		if (command_is(command, argc, words)) {
			command_help(cmd->program, command);
			return EXIT_OK;
		}
	}
	more = argc > 1 && words[1][0] != '-';
	if (!more && group_print(cmd->program, words[0], stdout))
		return EXIT_OK;
	return cmd_usage(cmd, "no help on \"%s%s%s\": no such command",
	    words[0], more ? " " : "", more ? words[1] : "");
}
