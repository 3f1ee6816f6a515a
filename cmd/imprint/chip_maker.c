#include "cmd/imprint/remote.h"
#include "lib/authority/approval.h"
#include "lib/authority/chip_maker.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"
#include "lib/x509/certificate.h"
#include "lib/x509/x509_read.h"

#define CERT_FILE_MAX	((size_t)64 << 10)

enum err
certificate_file_read(struct cmd *cmd, const char *path, struct buf *der)
{
	_cleanup_buf_ struct buf text = BUF_INIT, all = BUF_INIT;
	struct bytes rest, first;
	struct x509_info info;
	enum err err;

	err = input_read(cmd, path, CERT_FILE_MAX, &text);
	if (err)
		return err;
	first = buf_bytes(&text);
	if (pem_get_all(first, "CERTIFICATE", &all, NULL) == ERR_OK) {
		rest = buf_bytes(&all);
		(void)pem_next(&rest, &first);
	}
	buf_put_bytes(der, first);
	err = buf_err(der);
	if (!err)
		err = x509_read(buf_bytes(der), &info, &cmd->diag);
	if (err)
		diag_prefix(&cmd->diag, "%s", path);
	return err;
}

/* Chip makers and manufacturers are registered alike. */
struct maker_words {
	const char	*what, *member, *option, *approval, *end;
	enum request_type add, remove;
	enum err	(*load)(struct authority *, struct chip_makers *,
			    struct diag *);
};
static const struct maker_words chip_maker = { "chip maker", "chip_maker",
	"cert", APPROVAL_CHIP_MAKER, "its lists are taken no more",
	REQUEST_CHIP_MAKER_ADD, REQUEST_CHIP_MAKER_REMOVE,
	chip_makers_load };
static const struct maker_words manufacturer = { "manufacturer",
	"manufacturer", "ca", APPROVAL_MANUFACTURER, "its devices enrol no "
	"more; those that have keep what they have",
	REQUEST_MANUFACTURER_ADD, REQUEST_MANUFACTURER_REMOVE,
	manufacturers_load };

static enum exit_code
maker_add(struct cmd *cmd, const struct maker_words *words)
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	_cleanup_buf_ struct buf cert = BUF_INIT, approval = BUF_INIT;
	const char *path = cmd_value(cmd, words->option);
	const char *given = cmd_value(cmd, "approval");
	uint8_t hash[SHA256_SIZE] = { 0 };
	enum err err;

	if (cmd->argc != 1 || path == NULL)
		return cmd_usage(cmd, "one NAME and --%s are needed",
		    words->option);
	err = certificate_file_read(cmd, path, &cert);
	if (!err)
		err = sha256_once(buf_bytes(&cert), hash);
	if (!err && given != NULL)
		err = input_read(cmd, given, APPROVAL_SIZE_MAX, &approval);
	if (!err)
		err = chip_maker_put_request(&body, cmd->argv[0],
		    buf_bytes(&cert), buf_bytes(&approval));
	if (!err)
		err = ecosystem_open_requests(cmd, &authority);
	if (!err)
		err = request_submit(cmd, authority, words->add,
		    buf_bytes(&body), &result);
	if (!err)
		err = remote_expect(cmd, path, buf_bytes(&result),
		    bytes_of(hash, sizeof(hash)));
	if (err)
		return cmd_fail(cmd, err);
	printf(cmd->json ? "{\"%s\": \"%s\", \"sha256\": \"" :
	    "%s %s is registered, its certificate has SHA-256\n  ",
	    cmd->json ? words->member : words->what, cmd->argv[0]);
	hex_print(stdout, buf_bytes(&result));
	printf(cmd->json ? "\"}\n" : "\ncompare it with what the maker "
	    "says\n");
	return EXIT_OK;
}

static enum exit_code
maker_approve(struct cmd *cmd, const struct maker_words *words)
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_buf_ struct buf subject = BUF_INIT, cert = BUF_INIT;
	const char *path = cmd_value(cmd, words->option);
	const char *out = cmd_value(cmd, "out");
	uint8_t hash[SHA256_SIZE];
	enum err err;

	if (cmd->argc != 1 || path == NULL || out == NULL)
		return cmd_usage(cmd, "one NAME, --%s and --out are needed",
		    words->option);
	err = certificate_file_read(cmd, path, &cert);
	if (!err)
		err = sha256_once(buf_bytes(&cert), hash);
	if (!err)
		err = chip_maker_put_request(&subject, cmd->argv[0],
		    buf_bytes(&cert), BYTES_NONE);
	if (!err)
		err = ecosystem_open_approving(cmd, &authority);
	if (!err)
		err = approval_write(cmd, authority, words->approval,
		    buf_bytes(&subject), out);
	if (err)
		return cmd_fail(cmd, err);
	printf(cmd->json ? "{\"%s\": \"%s\", \"sha256\": \"" :
	    "%s %s, its certificate has SHA-256\n  ", cmd->json ?
	    words->member : words->what, cmd->argv[0]);
	hex_print(stdout, bytes_of(hash, sizeof(hash)));
	printf(cmd->json ? "\"}\n" : "\ncompare it with what the maker "
	    "says\n");
	return EXIT_OK;
}

static enum exit_code
maker_remove(struct cmd *cmd, const struct maker_words *words)
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	enum err err;

	if (cmd->argc != 1)
		return cmd_usage(cmd, "which NAME?");
	cbor_put_text(&body, cmd->argv[0]);
	err = buf_err(&body);
	if (!err)
		err = ecosystem_open_requests(cmd, &authority);
	if (!err)
		err = request_submit(cmd, authority, words->remove,
		    buf_bytes(&body), &result);
	if (err)
		return cmd_fail(cmd, err);
	if (cmd->json)
		printf("{\"%s\": \"%s\", \"removed\": true}\n",
		    words->member, cmd->argv[0]);
	else
		printf("%s %s is removed: %s\n", words->what, cmd->argv[0],
		    words->end);
	return EXIT_OK;
}

static void
maker_print(struct cmd *cmd, const struct maker_words *words,
    const struct chip_maker *maker, bool first)
{
	uint8_t hash[SHA256_SIZE] = { 0 };
	char time[TIME_TEXT_SIZE];

	time_format(maker->created, time);
	if (sha256_once(buf_bytes(&maker->cert), hash) != ERR_OK)
		memset(hash, 0, sizeof(hash));
	if (cmd->json)
		printf("%s\n  {\"%s\": \"%s\", \"added\": \"%s\", "
		    "\"removed\": %s, \"sha256\": \"", first ? "" : ",",
		    words->member, maker->name, time, maker->removed ?
		    "true" : "false");
	else
		printf("%-24s %s  %s", maker->name, time,
		    maker->removed ? "removed  " : "");
	hex_print(stdout, bytes_of(hash, cmd->json ? SHA256_SIZE : 8));
	printf(cmd->json ? "\"}" : "\n");
}

static enum exit_code
maker_list(struct cmd *cmd, const struct maker_words *words)
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_chip_makers_ struct chip_makers makers = CHIP_MAKERS_INIT;
	size_t i;
	enum err err;

	err = ecosystem_open(cmd, AUTHORITY_READ, false, &authority);
	if (!err)
		err = words->load(authority, &makers, &cmd->diag);
	if (err)
		return cmd_fail(cmd, err);
	printf(cmd->json ? "[" : "");
	for (i = 0; i < makers.count; i++)
		maker_print(cmd, words, &makers.list[i], i == 0);
	printf(cmd->json ? "\n]\n" : "");
	return EXIT_OK;
}

enum exit_code
chip_maker_add_cmd(struct cmd *cmd)
{
	return maker_add(cmd, &chip_maker);
}

enum exit_code
chip_maker_approve_cmd(struct cmd *cmd)
{
	return maker_approve(cmd, &chip_maker);
}

enum exit_code
chip_maker_list_cmd(struct cmd *cmd)
{
	return maker_list(cmd, &chip_maker);
}

enum exit_code
chip_maker_remove_cmd(struct cmd *cmd)
{
	return maker_remove(cmd, &chip_maker);
}

enum exit_code
manufacturer_add_cmd(struct cmd *cmd)
{
	return maker_add(cmd, &manufacturer);
}

enum exit_code
manufacturer_approve_cmd(struct cmd *cmd)
{
	return maker_approve(cmd, &manufacturer);
}

enum exit_code
manufacturer_list_cmd(struct cmd *cmd)
{
	return maker_list(cmd, &manufacturer);
}

enum exit_code
manufacturer_remove_cmd(struct cmd *cmd)
{
	return maker_remove(cmd, &manufacturer);
}
