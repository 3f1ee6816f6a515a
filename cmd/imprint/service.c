#include <fcntl.h>

#include "cmd/imprint/remote.h"
#include "lib/x509/certificate.h"

#define PEM_KEY_MAX 1024

static enum err
service_key(struct cmd *cmd, struct public_key *ret_key, struct secret *pem)
{
	_cleanup_secret_ struct secret private = SECRET_INIT;
	enum err err;

	err = key_pair_make(KEY_P256, ret_key, &private, &cmd->diag);
	if (!err)
		err = private_key_put_pem(KEY_P256, secret_bytes(&private),
		    pem, &cmd->diag);
	return err;
}

/* The certificate, and the CA that a TLS server sends along. */
static enum err
chain_put(struct cmd *cmd, struct authority *authority,
    struct bytes certificate, const struct public_key *key, struct buf *out)
{
	_cleanup_buf_ struct buf infra = BUF_INIT;
	enum err err;

	err = remote_there(cmd) ? remote_chain(cmd, certificate, key,
	    &infra) : authority_certificate(authority, KEY_INFRA, &infra,
	    &cmd->diag);
	if (err)
		return err;
	pem_put(out, "CERTIFICATE", certificate);
	pem_put(out, "CERTIFICATE", buf_bytes(&infra));
	return buf_err(out);
}

/* Without a certificate the key is of no use: it would only stand in the way
 * of the next attempt. */
static enum err
certificate_request(struct cmd *cmd, struct authority *authority,
    const char *key_path, struct bytes body, struct buf *result)
{
	enum err err;

	err = request_submit(cmd, authority, REQUEST_SERVICE_ADD, body,
	    result);
	if (err && io_unlink(cmd->io, key_path, NULL) != ERR_OK)
		cmd_warn(cmd, "%s: is left over", key_path);
	return err;
}

static enum err
service_add(struct cmd *cmd, struct authority *authority, const char *name,
    const char *dns_name, const char *key_path, const char *pem_path)
{
	_cleanup_secret_ struct secret pem = SECRET_INIT;
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	_cleanup_buf_ struct buf chain = BUF_INIT;
	struct public_key key;
	enum err err;

	err = service_key(cmd, &key, &pem);
	if (!err)
		err = request_put_service(&body, name, dns_name, &key);
	/* the key first: a certificate without its key is of no use */
	if (!err)
		err = io_create_file(cmd->io, key_path, secret_bytes(&pem),
		    0600, &cmd->diag);
	if (err == ERR_EXISTS)
		diag_hint(&cmd->diag, "a key is never overwritten: remove it "
		    "if no certificate belongs to it, or choose another "
		    "--out");
	if (!err)
		err = certificate_request(cmd, authority, key_path,
		    buf_bytes(&body), &result);
	if (!err)
		err = chain_put(cmd, authority, buf_bytes(&result), &key,
		    &chain);
	if (!err)
		err = io_write_file(cmd->io, pem_path, buf_bytes(&chain),
		    0644, &cmd->diag);
	return err;
}

enum exit_code
service_add_cmd(struct cmd *cmd)
{
	_cleanup_authority_ struct authority *authority = NULL;
	const char *dns_name = cmd_value(cmd, "dns");
	const char *out = cmd_value(cmd, "out");
	char name[128], key_path[PATH_SIZE], pem_path[PATH_SIZE];
	enum err err;

	if (cmd->argc != 1 || dns_name == NULL)
		return cmd_usage(cmd, "a name and --dns are needed");
	if (strchr(cmd->argv[0], '/') != NULL || cmd->argv[0][0] == '.')
		return cmd_usage(cmd, "\"%s\" is no name", cmd->argv[0]);
	out = out != NULL ? out : ".";
	(void)snprintf(name, sizeof(name), "%s.key", cmd->argv[0]);
	err = path_join(key_path, out, name);
	(void)snprintf(name, sizeof(name), "%s.pem", cmd->argv[0]);
	if (!err)
		err = path_join(pem_path, out, name);
	if (!err)
		err = ecosystem_open_requests(cmd, &authority);
	if (!err)
		err = service_add(cmd, authority, cmd->argv[0], dns_name,
		    key_path, pem_path);
	if (err)
		return cmd_fail(cmd, err);
	if (cmd->json)
		printf("{\"service\": \"%s\", \"key\": \"%s\", "
		    "\"certificate\": \"%s\"}\n", cmd->argv[0], key_path,
		    pem_path);
	else
		printf("service %s: key %s, certificate chain %s\n",
		    cmd->argv[0], key_path, pem_path);
	return EXIT_OK;
}
