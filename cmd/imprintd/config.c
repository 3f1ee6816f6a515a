#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/imprintd/imprintd.h"
#include "front/front.h"
#include "lib/authority/server_certificate.h"
#include "lib/policy/yamlfile.h"

#define CONFIG_MAX	((size_t)64 << 10)
#define LISTEN		"[::]:8443"
#define CONNECTIONS	4096
#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static enum err
text_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	const char *text;
	size_t len;
	enum err err;

	err = yamlfile_text(y, node, &text);
	if (err)
		return err;
	len = strlen(text);
	if (len == 0 || len >= key->size)
		return yamlfile_fail(y, node, ERR_INVALID,
		    "is %zu characters long; allowed are 1 to %zu", len,
		    key->size - 1);
	memcpy((char *)target + key->offset, text, len + 1);
	return ERR_OK;
}

static enum err
fronts_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	(void)key;
	return yamlfile_number(y, node, 1, FRONTS_MAX,
	    &((struct config *)target)->fronts);
}

static enum err
connections_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	(void)key;
	return yamlfile_number(y, node, 1, FRONT_CONNECTIONS_MAX,
	    &((struct config *)target)->connections);
}

static enum err
publish_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	static const struct yamlfile_choice words[] = {
		{ "no", 0, true }, { "yes", 1, true }
	};
	int value = 0;
	enum err err;

	(void)key;
	err = yamlfile_choice(y, node, words, COUNT(words), &value);
	((struct config *)target)->publish = value != 0;
	return err;
}

static enum err
linking_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	static const struct yamlfile_choice words[] = {
		{ "offered", 0, true }, { "required", 1, true }
	};
	int value = 0;
	enum err err;

	(void)key;
	err = yamlfile_choice(y, node, words, COUNT(words), &value);
	((struct config *)target)->est_linking = value != 0;
	return err;
}

#define TEXT(name, field)						\
	{ name, false, text_read, offsetof(struct config, field),	\
	    sizeof(((struct config *)NULL)->field) }

static enum err
users_read(struct yamlfile *y, const struct yamlfile_key *key,
    yaml_node_t *node, void *target)
{
	static const struct yamlfile_key keys[] = {
		TEXT("authority", authority_user),
		TEXT("front", front_user),
	};

	(void)key;
	return yamlfile_map(y, node, keys, COUNT(keys), target);
}

static enum err
file_read(struct cmd *cmd, const char *path, struct config *config)
{
	static const struct yamlfile_key keys[] = {
		TEXT("home", home),
		TEXT("ecosystem", ecosystem),
		TEXT("passphrase-file", passphrase_file),
		TEXT("name", name),
		TEXT("listen", listen),
		TEXT("monitor", monitor),
		{ "fronts", false, fronts_read, 0, 0 },
		{ "connections", false, connections_read, 0, 0 },
		{ "publish", false, publish_read, 0, 0 },
		{ "est-linking", false, linking_read, 0, 0 },
		{ "users", false, users_read, 0, 0 },
	};
	_cleanup_yamlfile_ struct yamlfile y = { .name = path };
	_cleanup_buf_ struct buf text = { .limit = CONFIG_MAX };
	enum err err;

	err = cmd_check_private(cmd, path);
	if (!err)
		err = io_read_file(cmd->io, path, &text, &cmd->diag);
	if (!err)
		err = yamlfile_open(path, buf_bytes(&text), &y, &cmd->diag);
	return err ? err : yamlfile_map(&y, yamlfile_root(&y), keys,
	    COUNT(keys), config);
}

static enum err
option_take(struct cmd *cmd, const char *name, char *out, size_t size)
{
	const char *value = cmd_value(cmd, name);

	if (value == NULL)
		return ERR_OK;
	if (value[0] == '\0' || strlen(value) >= size)
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "--%s: is %zu characters long; allowed are 1 to %zu",
		    name, strlen(value), size - 1);
	memcpy(out, value, strlen(value) + 1);
	return ERR_OK;
}

static enum err
options_take(struct cmd *cmd, struct config *c)
{
	uint64_t fronts = c->fronts;
	enum err err;

	err = option_take(cmd, "home", c->home, sizeof(c->home));
	if (!err)
		err = option_take(cmd, "ecosystem", c->ecosystem,
		    sizeof(c->ecosystem));
	if (!err)
		err = option_take(cmd, "passphrase-file", c->passphrase_file,
		    sizeof(c->passphrase_file));
	if (!err)
		err = option_take(cmd, "name", c->name, sizeof(c->name));
	if (!err)
		err = option_take(cmd, "listen", c->listen,
		    sizeof(c->listen));
	if (!err)
		err = option_take(cmd, "monitor", c->monitor,
		    sizeof(c->monitor));
	if (!err)
		err = cmd_number(cmd, "fronts", 1, FRONTS_MAX, c->fronts,
		    &fronts);
	c->fronts = (uint32_t)fronts;
	return err;
}

static enum err
usual_home(struct cmd *cmd, char home[PATH_SIZE])
{
	const char *base = getenv("HOME");

	if (home[0] != '\0')
		return ERR_OK;
	if (base == NULL || path_join(home, base, ".imprint") != ERR_OK)
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "no home: say --home, or HOME in the environment");
	return ERR_OK;
}

/* Whoever can write there can replace keys and trust. */
static enum err
dir_find(struct cmd *cmd, struct config *c)
{
	char all[PATH_SIZE], keystore[PATH_SIZE];
	enum err err;

	if (strchr(c->ecosystem, '/') != NULL || c->ecosystem[0] == '.')
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "ecosystem \"%s\": a name, not a path", c->ecosystem);
	err = usual_home(cmd, c->home);
	if (!err && (path_join(all, c->home, "ecosystems") != ERR_OK ||
	    path_join(c->dir, all, c->ecosystem) != ERR_OK ||
	    path_join(keystore, c->dir, "keystore") != ERR_OK))
		err = diag_fail(&cmd->diag, ERR_LIMIT, NULL,
		    "home: the path is too long");
	if (!err)
		err = cmd_check_private(cmd, c->home);
	if (!err)
		err = cmd_check_private(cmd, all);
	if (!err)
		err = cmd_check_private(cmd, c->dir);
	return err ? err : cmd_check_private(cmd, keystore);
}

enum err
config_load(struct cmd *cmd, struct config *ret_config)
{
	const char *path = cmd_value(cmd, "config");
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct config c = { .ecosystem = "default", .listen = LISTEN,
		.connections = CONNECTIONS, .publish = true,
		.fronts = cores < 1 ? 1 : cores > FRONTS_MAX ? FRONTS_MAX :
		    (uint32_t)cores };
	enum err err = ERR_OK;

	if (path != NULL)
		err = file_read(cmd, path, &c);
	if (!err)
		err = options_take(cmd, &c);
	if (!err && c.name[0] == '\0') {
		err = diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "name: which DNS name do devices know this server by?");
		diag_hint(&cmd->diag, "--name est.example.net, or name: in"
		    " the configuration");
	}
	if (!err)
		err = authority_dns_name_check(c.name, &cmd->diag);
	if (!err)
		err = sockets_check("listen", c.listen, &cmd->diag);
	if (!err && c.monitor[0] != '\0')
		err = sockets_check("monitor", c.monitor, &cmd->diag);
	if (!err)
		err = dir_find(cmd, &c);
	if (!err)
		*ret_config = c;
	return err;
}

static enum err
user_find(struct cmd *cmd, const char *name, struct user *ret_user)
{
	struct passwd *entry;

	if (name[0] == '\0')
		return ERR_OK;
	entry = getpwnam(name);
	if (entry == NULL)
		return diag_fail(&cmd->diag, ERR_NOTFOUND, NULL,
		    "users: there is no user \"%s\" on this machine", name);
	if (geteuid() != 0 && entry->pw_uid != geteuid())
		return diag_fail(&cmd->diag, ERR_PERMISSION, NULL,
		    "users: only root can run a process as \"%s\"", name);
	*ret_user = (struct user){ .change = geteuid() == 0,
		.uid = entry->pw_uid, .gid = entry->pw_gid };
	return ERR_OK;
}

enum err
config_users(struct cmd *cmd, const struct config *c,
    struct user *ret_authority, struct user *ret_front)
{
	enum err err;

	err = user_find(cmd, c->authority_user, ret_authority);
	return err ? err : user_find(cmd, c->front_user, ret_front);
}

enum err
config_owned(struct cmd *cmd, const struct config *c,
    const struct user *authority)
{
	static const char *const names[] = { "keystore", "registry.db",
		"publish" };
	uid_t uid = authority->change ? authority->uid : geteuid();
	char path[PATH_SIZE];
	size_t i;
	enum err err;

	err = cmd_check_owner(cmd, c->dir, uid);
	for (i = 0; i < COUNT(names) && !err; i++)
		if (path_join(path, c->dir, names[i]) == ERR_OK)
			err = cmd_check_owner(cmd, path, uid);
	if (err)
		diag_hint(&cmd->diag, "the authority's user (users: in the "
		    "configuration) owns all of an ecosystem: chown -R, or "
		    "say that user");
	return err;
}
