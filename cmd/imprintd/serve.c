#include <string.h>

#include "cmd/imprintd/imprintd.h"
#include "front/front.h"

static enum exit_code
serve(struct cmd *cmd)
{
	struct config config;
	enum err err;

	if (cmd->argc > 0)
		return cmd_usage(cmd, "serve takes no arguments");
	err = config_load(cmd, &config);
	return err ? cmd_fail(cmd, err) : supervise(cmd, &config);
}

/* What serve would find out only by starting. */
static enum err
start_check(struct cmd *cmd, const struct config *c)
{
	const struct cmd_passphrase ask = { .name = "passphrase",
		.file = c->passphrase_file };
	_cleanup_secret_ struct secret passphrase = SECRET_INIT;
	struct user authority, front;
	char keystore[PATH_SIZE];
	enum err err;

	err = config_users(cmd, c, &authority, &front);
	if (!err)
		err = config_owned(cmd, c, &authority);
	if (!err && c->passphrase_file[0] != '\0')
		err = cmd_passphrase(cmd, &ask, &passphrase);
	if (!err)
		err = path_join(keystore, c->dir, "keystore");
	if (!err && !io_exists(cmd->io, keystore)) {
		err = diag_fail(&cmd->diag, ERR_NOTFOUND, NULL,
		    "%s: there is no ecosystem", c->dir);
		diag_hint(&cmd->diag, "imprint init makes one; or say --home "
		    "and --ecosystem");
	}
	return err;
}

static void
member(const char *begin, const char *name, const char *text)
{
	printf("%s\"%s\": ", begin, name);
	if (text[0] == '\0')
		printf("null");
	else
		json_string(stdout, text, strlen(text));
}

static void
config_json(const struct config *c)
{
	member("{", "home", c->home);
	member(", ", "ecosystem", c->ecosystem);
	member(", ", "listen", c->listen);
	member(", ", "name", c->name);
	member(", ", "monitor", c->monitor);
	printf(", \"fronts\": %u, \"connections\": %u, \"publish\": %s, "
	    "\"estLinking\": %s}\n", c->fronts, c->connections,
	    c->publish ? "true" : "false", c->est_linking ? "true" : "false");
}

static enum exit_code
check(struct cmd *cmd)
{
	struct config config;
	enum err err;

	if (cmd->argc > 0)
		return cmd_usage(cmd, "check takes no arguments");
	err = config_load(cmd, &config);
	if (!err)
		err = start_check(cmd, &config);
	if (err)
		return cmd_fail(cmd, err);
	if (cmd->json) {
		config_json(&config);
		return EXIT_OK;
	}
	printf("home %s, ecosystem %s\nlisten %s as %s, monitor %s\n"
	    "%u fronts of %u connections, publish %s\n"
	    "EST's linking of requests to TLS %s\n", config.home,
	    config.ecosystem, config.listen, config.name,
	    config.monitor[0] != '\0' ? config.monitor : "none",
	    config.fronts, config.connections,
	    config.publish ? "served" : "not served",
	    config.est_linking ? "required" : "offered");
	return EXIT_OK;
}

static void
front_log(enum log_level level, const struct buf *fields)
{
	log_fields("front", level, fields);
}

enum exit_code
front_role(struct cmd *cmd)
{
	struct front_config config = { .channel = FD_CHANNEL,
		.listener = FD_LISTEN, .tell = front_log };
	uint64_t connections = 0;
	enum err err;

	err = cmd_number(cmd, "connections", 1, FRONT_CONNECTIONS_MAX, 1,
	    &connections);
	if (err)
		return role_fail(cmd, "front", err);
	config.connections = (unsigned)connections;
	config.monitor = cmd_flag(cmd, "monitor") ? FD_MONITOR : 0;
	config.publish = cmd_flag(cmd, "publish") ? FD_PUBLISH : 0;
	config.est_linking = cmd_flag(cmd, "est-linking");
	err = front_run(&config, &cmd->diag);
	if (err)
		log_diag("front", "ends", &cmd->diag);
	return err == ERR_OK ? EXIT_OK : err == ERR_STATE ? EXIT_BUSY :
	    EXIT_DEFECT;
}

#define OPTIONS_PLACE							\
	{ "home", "DIR", "where ecosystems are (~/.imprint)" },		\
	{ "ecosystem", "NAME", "which one (default)" },			\
	{ "name", "DNS", "what devices know this server by" },		\
	{ "passphrase-file", "FILE", "first line: the keystore's" },	\
	{ "passphrase-fd", "N", "the same from a descriptor" }

static const struct cmd_option serve_options[] = {
	{ "config", "FILE", "YAML; options say otherwise" },
	OPTIONS_PLACE,
	{ "listen", "ADDRESS:PORT", "for devices ([::]:8443); port 0: any" },
	{ "monitor", "ADDRESS:PORT", "figures in plain HTTP; none if not"
	    " said" },
	{ "fronts", "N", "processes that face the network (one a core)" },
	{ NULL, NULL, NULL }
};

static const struct cmd_command commands[] = {
	{ "serve", "", "serve devices until SIGTERM", serve_options,
	    "imprintd serve --config /etc/imprint/imprintd.yaml\n"
	    "imprintd serve --name est.example.net --passphrase-file p\n",
	    serve },
	{ "check", "", "is the configuration right? starts nothing",
	    serve_options,
	    "imprintd check --config /etc/imprint/imprintd.yaml\n", check },
	{ NULL, NULL, NULL, NULL, NULL, NULL }
};

/* What the supervisor starts; nobody else has the descriptors. */
static const struct cmd_option authority_options[] = {
	OPTIONS_PLACE,
	{ NULL, NULL, NULL }
};
static const struct cmd_option front_options[] = {
	{ "connections", "N", "at once" },
	{ "monitor", NULL, "descriptor 5" },
	{ "publish", NULL, "descriptor 6" },
	{ "est-linking", NULL, "required" },
	{ NULL, NULL, NULL }
};
static const struct cmd_command roles[] = {
	{ "authority", "", "a child of imprintd", authority_options, NULL,
	    authority_role },
	{ "front", "", "a child of imprintd", front_options, NULL,
	    front_role },
	{ NULL, NULL, NULL, NULL, NULL, NULL }
};

int
imprintd_main(int argc, char **argv, const struct io *io)
{
	static const struct cmd_program program = {
		.name = "imprintd",
		.summary = "gives devices their identity over the network",
		.commands = commands,
		.notes = "Set-up: docs/guides/server.md\n"
	};
	static const struct cmd_program children = {
		.name = "imprintd", .summary = "children of imprintd",
		.commands = roles,
	};
	bool role = argc > 1 && (strcmp(argv[1], "authority") == 0 ||
	    strcmp(argv[1], "front") == 0);

	log_begin();
	return cmd_main(role ? &children : &program, argc, argv, io);
}
