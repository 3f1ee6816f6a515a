/*
 * Between the files of cmd/common.
 */
#ifndef IMPRINT_CMD_CMD_INTERNAL_H
#define IMPRINT_CMD_CMD_INTERNAL_H

#include "cmd/common/cmd.h"

/* The program's help, or of the command whose words are given. */
enum exit_code help_print(struct cmd *, int argc, char **words);

#endif
