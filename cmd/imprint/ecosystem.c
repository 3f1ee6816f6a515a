#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/imprint/daemon.h"
#include "cmd/imprint/remote.h"
#include "lib/authority/operator.h"
#include "lib/base/clock.h"

#define CONFIG_MAX	((size_t)16 << 10)
#define CONFIG_KEYS	5

/* The file's settings and what was asked for; filled in once, then read. */
struct settings {
	struct buf	text;
	bool		loaded;
	const char	*names[CONFIG_KEYS];
	char		*values[CONFIG_KEYS];
	struct secret	passphrase;	/* once read: it may stand for two */
};

static const char *const config_names[CONFIG_KEYS] = { "home", "ecosystem",
    "passphrase-file", "operator", "operator-key" };
static struct settings settings = { .text = { .limit = CONFIG_MAX } };

void
settings_release(void)
{
	secret_release(&settings.passphrase);
	daemon_leave();
	remote_release();
	buf_release(&settings.text);
}

static char *
trim(char *text)
{
	size_t len;

	text += strspn(text, " \t");
	len = strlen(text);
	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t' ||
	    text[len - 1] == '\r'))
		text[--len] = '\0';
	return text;
}

static enum err
config_line(struct cmd *cmd, const char *path, int number, char *line)
{
	char *equals, *name;
	size_t i;
	enum err err;

	line = trim(line);
	if (*line == '\0' || *line == '#')
		return ERR_OK;
	equals = strchr(line, '=');
	if (equals != NULL) {
		*equals = '\0';
		name = trim(line);
		for (i = 0; i < CONFIG_KEYS; i++) {
			if (strcmp(name, config_names[i]) == 0) {
				settings.values[i] = trim(equals + 1);
				return ERR_OK;
			}
		}
	}
	err = diag_fail(&cmd->diag, ERR_INVALID, NULL,
	    "%s:%d: \"%s\" is no setting", path, number, line);
	diag_hint(&cmd->diag, "allowed are home, ecosystem, passphrase-file, "
	    "operator, operator-key, each as name = value");
	return err;
}

static enum err
config_parse(struct cmd *cmd, const char *path)
{
	char *text = (char *)settings.text.ptr, *next;
	int number = 1;
	enum err err = ERR_OK;

	for (; text != NULL && !err; text = next, number++) {
		next = strchr(text, '\n');
		if (next != NULL)
			*next++ = '\0';
		err = config_line(cmd, path, number, text);
	}
	return err;
}

enum err
settings_load(struct cmd *cmd)
{
	const char *path = cmd_value(cmd, "config");
	const char *home = getenv("HOME");
	char usual[PATH_SIZE];
	enum err err;

	if (settings.loaded)
		return ERR_OK;
	settings.loaded = true;
	if (path == NULL) {
		if (home == NULL || path_join(usual, home,
		    ".config/imprint.conf") || access(usual, F_OK) != 0)
			return ERR_OK;
		path = usual;
	}
	err = io_read_file(cmd->io, path, &settings.text, &cmd->diag);
	if (err)
		return err;
	(void)buf_text(&settings.text);
	return config_parse(cmd, path);
}

const char *
setting(const struct cmd *cmd, const char *name, const char *fallback)
{
	const char *value = cmd_value(cmd, name);
	size_t i;

	if (value != NULL)
		return value;
	for (i = 0; i < CONFIG_KEYS; i++)
		if (strcmp(name, config_names[i]) == 0 &&
		    settings.values[i] != NULL)
			return settings.values[i];
	return fallback;
}

/* The directories from --home down to the ecosystem. */
struct places {
	char	home[PATH_SIZE], all[PATH_SIZE], dir[PATH_SIZE];
};

static enum err
home_path(struct cmd *cmd, char ret_home[PATH_SIZE])
{
	const char *home = setting(cmd, "home", NULL);

	if (home != NULL)
		return snprintf(ret_home, PATH_SIZE, "%s", home) < PATH_SIZE ?
		    ERR_OK : ERR_LIMIT;
	home = getenv("HOME");
	if (home == NULL || home[0] == '\0')
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "no --home given, and HOME is not set");
	return path_join(ret_home, home, ".imprint");
}

static enum err
places_find(struct cmd *cmd, struct places *places)
{
	const char *name;
	enum err err;

	err = settings_load(cmd);
	if (err)
		return err;
	name = setting(cmd, "ecosystem", "default");
	if (strchr(name, '/') != NULL || name[0] == '.')
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "ecosystem \"%s\": a name, not a path", name);
	err = home_path(cmd, places->home);
	if (!err)
		err = path_join(places->all, places->home, "ecosystems");
	if (!err)
		err = path_join(places->dir, places->all, name);
	return err ? diag_fail(&cmd->diag, err, NULL,
	    "home: the path is too long") : ERR_OK;
}

enum err
ecosystem_path(struct cmd *cmd, char ret_dir[PATH_SIZE])
{
	struct places places;
	enum err err;

	err = places_find(cmd, &places);
	if (!err)
		memcpy(ret_dir, places.dir, strlen(places.dir) + 1);
	return err;
}

enum err
ecosystem_dir(struct cmd *cmd, char ret_dir[PATH_SIZE])
{
	char keystore[PATH_SIZE];
	struct places places;
	enum err err;

	err = places_find(cmd, &places);
	if (!err)
		err = cmd_check_private(cmd, places.home);
	if (!err)
		err = cmd_check_private(cmd, places.all);
	if (!err)
		err = cmd_check_private(cmd, places.dir);
	if (!err && path_join(keystore, places.dir, "keystore") == ERR_OK)
		err = cmd_check_private(cmd, keystore);
	if (!err)
		memcpy(ret_dir, places.dir, strlen(places.dir) + 1);
	return err;
}

enum err
passphrase_get(struct cmd *cmd, bool confirm, struct secret *ret_passphrase)
{
	const struct cmd_passphrase ask = {
		.name = "passphrase",
		.prompt = "Passphrase of the keystore",
		.file = setting(cmd, "passphrase-file", NULL),
		.confirm = confirm,
	};
	enum err err;

	if (settings.passphrase.len == 0) {
		err = cmd_passphrase(cmd, &ask, &settings.passphrase);
		if (err)
			return err;
	}
	return secret_copy(ret_passphrase,
	    secret_bytes(&settings.passphrase));
}

bool
passphrase_given(const struct cmd *cmd)
{
	return settings.passphrase.len > 0 ||
	    cmd_passphrase_given(cmd, "passphrase") ||
	    setting(cmd, "passphrase-file", NULL) != NULL;
}

enum err
ecosystem_open(struct cmd *cmd, enum authority_mode mode, bool keys,
    struct authority **ret_authority)
{
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_secret_ struct secret passphrase = SECRET_INIT;
	char dir[PATH_SIZE];
	enum err err;

	err = ecosystem_dir(cmd, dir);
	if (!err && mode == AUTHORITY_WRITE)
		err = cmd_check_root(cmd, dir);	/* opening it writes */
	if (!err)
		err = authority_open(cmd->io, dir, mode, &authority,
		    &cmd->diag);
	if (!err && keys)
		err = passphrase_get(cmd, false, &passphrase);
	if (!err && keys)
		err = authority_unlock(authority, secret_bytes(&passphrase),
		    time_now(), &cmd->diag);
	if (err)
		return err;
	*ret_authority = authority;
	authority = NULL;	/* transferred */
	return ERR_OK;
}

enum err
ecosystem_open_approving(struct cmd *cmd, struct authority **ret_authority)
{
	if (!remote_there(cmd))
		return ecosystem_open(cmd, AUTHORITY_READ, false,
		    ret_authority);
	*ret_authority = NULL;
	return ERR_OK;
}

enum err
operator_passphrase_get(struct cmd *cmd, bool confirm,
    struct secret *ret_passphrase)
{
	const struct cmd_passphrase ask = {
		.name = "operator-passphrase",
		.prompt = "Passphrase of the operator's key",
		.confirm = confirm,
	};

	if (!cmd_passphrase_given(cmd, ask.name))
		return passphrase_get(cmd, confirm, ret_passphrase);
	return cmd_passphrase(cmd, &ask, ret_passphrase);
}

enum err
operator_signer(struct cmd *cmd, struct authority *authority,
    struct signer **ret_signer)
{
	_cleanup_secret_ struct secret passphrase = SECRET_INIT;
	const char *path = setting(cmd, "operator-key", NULL);
	const char *name = setting(cmd, "operator", "admin");
	char usual[PATH_SIZE], dir[PATH_SIZE];
	enum err err = ERR_OK;

	if (path == NULL && authority == NULL)
		err = ecosystem_dir(cmd, dir);
	if (err)
		return err;
	if (path == NULL) {
		if (snprintf(usual, sizeof(usual), "%s/operators/%s.key",
		    authority != NULL ? authority_dir(authority) : dir,
		    name) >= (int)sizeof(usual))
			return ERR_LIMIT;
		path = usual;
	}
	err = operator_passphrase_get(cmd, false, &passphrase);
	if (!err)
		err = operator_key_open(cmd->io, path,
		    secret_bytes(&passphrase), ret_signer, &cmd->diag);
	return err;
}

enum err
request_submit(struct cmd *cmd, struct authority *authority,
    enum request_type type, struct bytes body, struct buf *result)
{
	const struct request_files none = { .file = NULL };

	return request_submit_files(cmd, authority, type, body, &none,
	    result);
}

enum err
request_submit_files(struct cmd *cmd, struct authority *authority,
    enum request_type type, struct bytes body,
    const struct request_files *files, struct buf *result)
{
	_cleanup_signer_ struct signer *signer = NULL;
	_cleanup_buf_ struct buf request = BUF_INIT;
	struct diag said = DIAG_INIT;
	const struct diag *warning;
	int64_t now = time_now();
	enum err err;

	if (remote_there(cmd))
		return remote_submit_files(cmd, type, body, files, result);
	err = operator_signer(cmd, authority, &signer);
	if (!err)
		err = request_sign(authority_info(authority)->id, type, body,
		    now, signer, &request, &cmd->diag);
	if (!err)
		err = daemon_there() ? daemon_submit(buf_bytes(&request),
		    files, result, &said, &cmd->diag) :
		    authority_submit_files(authority, buf_bytes(&request),
		    files, now, result, &cmd->diag);
	warning = said.code != ERR_OK ? &said : authority_warning(authority);
	if (!err && warning != NULL)
		cmd->incomplete = true;
	if (!err && warning != NULL)
		cmd_warn(cmd, "carried out, but %s; %s", warning->what,
		    warning->hint);
	return err;
}

enum err
input_read(struct cmd *cmd, const char *path, size_t limit, struct buf *out)
{
	out->limit = limit;
	if (strcmp(path, "-") == 0)
		path = "/dev/stdin";
	return io_read_file(cmd->io, path, out, &cmd->diag);
}

void
hex_print(FILE *out, struct bytes bytes)
{
	size_t i;

	for (i = 0; i < bytes.len; i++)
		(void)fprintf(out, "%02x", bytes.ptr[i]);
}
