/* What holds a station's ledger, as a program of its own: the TPM's software
 * stays out of the process that has keys of devices, and one that hangs is
 * killed. */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/common/cmd.h"
#include "cmd/imprint-tpm/counter.h"

int imprint_tpm_main(int argc, char **argv, const struct io *io);

/* All of standard input. */
static enum err
secret_read(struct cmd *cmd, uint8_t secret[COUNTER_SECRET_MAX],
    size_t *ret_len)
{
	uint8_t more;
	size_t len = 0;
	ssize_t n;

	while (len < COUNTER_SECRET_MAX) {
		n = read(STDIN_FILENO, secret + len,
		    COUNTER_SECRET_MAX - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (len == 0 || (len == COUNTER_SECRET_MAX &&
	    read(STDIN_FILENO, &more, 1) > 0))
		return diag_fail(&cmd->diag, ERR_INVALID, NULL, "the"
		    " counter's secret, 1 to %d octets, is expected on"
		    " standard input", COUNTER_SECRET_MAX);
	*ret_len = len;
	return ERR_OK;
}

static bool
number_get(const char *text, int base, uint64_t max, uint64_t *ret_number)
{
	char *end = NULL;

	*ret_number = strtoull(text, &end, base);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' &&
	    *ret_number <= max;
}

static enum err
begin(struct cmd *cmd, struct counter **ret_counter)
{
	uint8_t secret[COUNTER_SECRET_MAX];
	uint64_t index = 0;
	size_t len = 0;
	enum err err;

	if (!number_get(cmd->argv[0], 0, UINT32_MAX, &index))
		return diag_fail(&cmd->diag, ERR_INVALID, NULL, "\"%s\" is"
		    " no NV index", cmd->argv[0]);
	err = secret_read(cmd, secret, &len);
	if (!err)
		err = counter_open(cmd->argv[1], (uint32_t)index,
		    bytes_of(secret, len), ret_counter, &cmd->diag);
	explicit_bzero(secret, sizeof(secret));
	return err;
}

static enum exit_code
end(struct cmd *cmd, struct counter *c, enum err err)
{
	uint64_t value = 0;

	if (!err)
		err = counter_read(c, &value, &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	printf("%" PRIu64 "\n", value);
	return EXIT_OK;
}

static enum exit_code
new_cmd(struct cmd *cmd)
{
	_cleanup_counter_ struct counter *c = NULL;
	enum err err;

	if (cmd->argc != 2)
		return cmd_usage(cmd, "new takes an NV index and a TCTI");
	err = begin(cmd, &c);
	if (!err)
		err = counter_make(c, &cmd->diag);
	return end(cmd, c, err);
}

static enum exit_code
raise_cmd(struct cmd *cmd)
{
	_cleanup_counter_ struct counter *c = NULL;
	uint64_t to = 0, value = 0;
	enum err err;

	if (cmd->argc != 3 || !number_get(cmd->argv[2], 10, UINT64_MAX, &to))
		return cmd_usage(cmd, "raise takes an NV index, a TCTI and a"
		    " number");
	err = begin(cmd, &c);
	if (!err)
		err = counter_read(c, &value, &cmd->diag);
	if (!err && to > 0 && value == to - 1)
		err = counter_raise(c, &cmd->diag);
	return end(cmd, c, err);
}

static const struct cmd_command commands[] = {
	{ "new", "INDEX TCTI", "make the counter unless it is there; print"
	    " it", NULL, "imprint-tpm new 0x01800001 device:/dev/tpmrm0 <"
	    " secret\n", new_cmd },
	{ "raise", "INDEX TCTI N", "raise it from N-1 to N, and never else;"
	    " print it", NULL, "imprint-tpm raise 0x01800001"
	    " device:/dev/tpmrm0 17 < secret\n", raise_cmd },
	{ NULL, NULL, NULL, NULL, NULL, NULL }
};

int
imprint_tpm_main(int argc, char **argv, const struct io *io)
{
	static const struct cmd_program program = {
		.name = "imprint-tpm",
		.summary = "a counter in a TPM, for the ledger of"
		    " imprint-station",
		.commands = commands,
		.notes = "imprint-station runs it. Its standard input is the"
		    " counter's secret.\n"
	};

	return cmd_main(&program, argc, argv, io);
}
