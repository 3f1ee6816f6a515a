/*
 * Between the files of cmd/common.
 */
#ifndef IMPRINT_CMD_CMD_INTERNAL_H
#define IMPRINT_CMD_CMD_INTERNAL_H

#include "cmd/common/cmd.h"

/* The commands that begin with a word, a line each; false: there is none.
 * out NULL: only say so. */
bool	group_print(const struct cmd_program *, const char *word,
	    FILE *out);
/* The program's help, or of the command whose words are given; of a word that
 * several begin with, what these are. */
enum exit_code help_print(struct cmd *, int argc, char **words);

#endif
