/* The station on the line's network. */
#include <stdlib.h>

#include "cmd/imprint-station/commands.h"
#include "lib/base/clock.h"
#include "lib/http/self_signed.h"
#include "station/anchor.h"
#include "station/line.h"
#include "station/tokens.h"

#define CERTIFICATE_FILE	"tls.pem"
#define KEY_FILE		"tls.key"
#define PEM_MAX			((size_t)1 << 16)
#define CONNECTIONS_MAX		256
#define IDLE_S			60
#define REQUEST_S		15
#define STOP_S			10
#define ANCHOR_EVERY_MAX	86400

struct serving {
	char		address[64];
	uint16_t	port;
	bool		plain;
	unsigned	anchor_s;
	struct buf	certificate;
	struct secret	key;
	uint8_t		fingerprint[SHA256_SIZE];
};

static void
serving_release(struct serving *s)
{
	buf_release(&s->certificate);
	secret_release(&s->key);
}
#define _cleanup_serving_ __attribute__((cleanup(serving_release)))

/* "10.0.0.1:8443" or "[::1]:8443" */
static enum err
listen_parse(struct cmd *cmd, const char *text, struct serving *s)
{
	const char *colon = strrchr(text, ':'), *from = text;
	unsigned long port = 0;
	char *end = NULL;
	size_t len;

	if (colon != NULL && colon[1] >= '0' && colon[1] <= '9')
		port = strtoul(colon + 1, &end, 10);
	len = colon == NULL ? 0 : (size_t)(colon - text);
	if (len > 1 && text[0] == '[' && colon[-1] == ']') {
		from++;
		len -= 2;
	}
	if (end == NULL || *end != '\0' || port > UINT16_MAX || len == 0 ||
	    len >= sizeof(s->address)) {
		diag_hint(&cmd->diag, "an IP address and a port:"
		    " --listen 10.0.0.1:8443 or [::1]:8443; port 0 is any"
		    " that is free");
		return diag_fail(&cmd->diag, ERR_INVALID, NULL,
		    "--listen: \"%s\" is no address with a port", text);
	}
	memcpy(s->address, from, len);
	s->address[len] = '\0';
	s->port = (uint16_t)port;
	return ERR_OK;
}

static enum err
pem_read(struct cmd *cmd, const char *certificate, const char *key,
    struct serving *s)
{
	enum err err;

	err = io_read_file(cmd->io, certificate, &s->certificate,
	    &cmd->diag);
	if (!err)
		err = io_read_secret(cmd->io, key, PEM_MAX, &s->key,
		    &cmd->diag);
	return err;
}

/* Key first: a certificate never stands there without its key. */
static enum err
pem_make(struct cmd *cmd, const struct station *station,
    const char *certificate, const char *key, struct serving *s)
{
	const char *names[SELF_SIGNED_NAMES_MAX] = {
		station->statement.name
	};
	size_t count = 1;
	enum err err;

	if (strcmp(s->address, "0.0.0.0") != 0 &&
	    strcmp(s->address, "::") != 0)
		names[count++] = s->address;
	count += cmd_values(cmd, "host", names + count,
	    SELF_SIGNED_NAMES_MAX - count);
	err = self_signed_make(names, count, &s->certificate,
	    &s->key, &cmd->diag);
	if (!err)
		err = io_write_file(cmd->io, key, secret_bytes(&s->key), 0600,
		    &cmd->diag);
	if (!err)
		err = io_write_file(cmd->io, certificate,
		    buf_bytes(&s->certificate), 0644, &cmd->diag);
	return err;
}

static enum err
tls_prepare(struct cmd *cmd, const struct station *station,
    struct serving *s)
{
	const char *certificate = cmd_value(cmd, "cert");
	const char *key = cmd_value(cmd, "key");
	char own_certificate[PATH_SIZE], own_key[PATH_SIZE];
	enum err err;

	if (certificate != NULL) {
		err = pem_read(cmd, certificate, key, s);
	} else {
		err = path_join(own_certificate, station->home,
		    CERTIFICATE_FILE);
		if (!err)
			err = path_join(own_key, station->home, KEY_FILE);
		if (err)
			return err;
		err = io_exists(cmd->io, own_certificate) ?
		    pem_read(cmd, own_certificate, own_key, s) :
		    pem_make(cmd, station, own_certificate, own_key, s);
	}
	if (!err)
		err = certificate_fingerprint(buf_bytes(&s->certificate),
		    s->fingerprint, &cmd->diag);
	return err;
}

static void
serve_announce(const struct cmd *cmd, const struct station *station,
    const struct serving *s, const char *address)
{
	const char *scheme = s->plain ? "http" : "https";

	if (cmd->json) {
		printf("{\"station\": \"%s\", \"url\": \"%s://%s/\","
		    " \"fingerprint\": ", station->statement.name, scheme,
		    address);
		if (!s->plain) {
			printf("\"");
			hex_print(stdout, s->fingerprint, SHA256_SIZE);
			printf("\"}\n");
		} else {
			printf("null}\n");
		}
	} else {
		printf("station      %s\nserves       %s://%s/\n",
		    station->statement.name, scheme, address);
		if (!s->plain) {
			printf("certificate  ");
			hex_print(stdout, s->fingerprint, SHA256_SIZE);
			printf(" (SHA-256)\n");
		}
	}
	(void)fflush(stdout);
}

static enum err
serve_run(struct cmd *cmd, struct station *station, struct line *line,
    struct serving *s)
{
	_cleanup_http_server_ struct http_server *server = NULL;
	struct http_config config = {
		.address = s->address, .port = s->port,
		.certificate = buf_bytes(&s->certificate),
		.key = secret_bytes(&s->key), .body_max = LINE_BODY_MAX,
		.connections_max = CONNECTIONS_MAX, .idle_s = IDLE_S,
		.request_s = REQUEST_S, .stop_s = STOP_S,
		.routes = line_routes, .ctx = line, .batch = line_batch,
		.tick = line_tick, .tick_s = LINE_TICK_S,
		.refusal = line_refusal
	};
	enum err err;

	err = http_server_new(&config, &server, &cmd->diag);
	secret_release(&s->key);
	if (err)
		return err;
	serve_announce(cmd, station, s, http_server_address(server));
	return http_server_run(server, &cmd->diag);
}

/* One line in the log for each pack that is passed over. */
static void
unread_warn(void *ctx, const uint8_t pack[PACKAGE_ID_SIZE],
    const struct diag *why)
{
	struct cmd *cmd = ctx;
	struct buf id = BUF_INIT;

	buf_put_hex(&id, bytes_of(pack, PACKAGE_ID_SIZE));
	cmd_warn(cmd, "pack %s cannot be read and is passed over: %s; import"
	    " it again from the original", buf_text(&id), why->what);
	buf_release(&id);
}

static enum err
serve_open(struct cmd *cmd, struct serving *s)
{
	_cleanup_station_ struct station station = STATION_INIT;
	_cleanup_floor_ struct floor *floor = NULL;
	struct line *line = NULL;
	struct tokens tokens;
	enum err err;

	err = station_get(cmd, STATION_WORK, &station);
	if (err)
		return err;
	moved_warn(cmd, &station);
	err = station_serving(&station, &cmd->diag);
	if (!err)
		err = station_take(&station, time_now(), &cmd->diag);
	if (err)
		return err;
	err = tokens_read(cmd->io, station.home, &tokens, &cmd->diag);
	if (!err && tokens.count == 0)
		cmd_warn(cmd, "no fixture has a token yet: imprint-station"
		    " fixture add NAME, also while this one serves");
	if (!err && !s->plain)
		err = tls_prepare(cmd, &station, s);
	if (!err)
		err = floor_open(&station, &floor, &cmd->diag);
	if (!err) {
		floor_on_unread(floor, unread_warn, cmd);
		floor_prepare(floor, time_now());
	}
	if (!err)
		err = line_new(&station, floor, s->anchor_s, &line,
		    &cmd->diag);
	if (!err)
		err = serve_run(cmd, &station, line, s);
	line_free(&line);
	if (!err)
		anchor_move(cmd, &station);
	return err;
}

enum exit_code
station_cmd_serve(struct cmd *cmd)
{
	_cleanup_serving_ struct serving s = {
		.certificate = { .limit = PEM_MAX }, .key = SECRET_INIT
	};
	const char *listen = cmd_value(cmd, "listen");
	uint64_t anchor_s = 0;
	enum err err;

	if (cmd->argc > 0)
		return cmd_usage(cmd, "serve takes options only");
	if (listen == NULL)
		return cmd_usage(cmd, "--listen is needed");
	if ((cmd_value(cmd, "cert") == NULL) !=
	    (cmd_value(cmd, "key") == NULL))
		return cmd_usage(cmd, "--cert and --key go together");
	s.plain = cmd_flag(cmd, "plain");
	if (s.plain && cmd_value(cmd, "cert") != NULL)
		return cmd_usage(cmd, "--plain has no certificate");
	err = listen_parse(cmd, listen, &s);
	if (!err)
		err = cmd_number(cmd, "anchor-every", 1, ANCHOR_EVERY_MAX,
		    ANCHOR_INTERVAL_S, &anchor_s);
	s.anchor_s = (unsigned)anchor_s;
	if (err)
		return cmd_fail(cmd, err);
	if (s.plain && !http_is_loopback(s.address))
		return cmd_usage(cmd, "--plain shows tokens and private keys"
		    " to the network: only on 127.0.0.1 or [::1]");
	err = serve_open(cmd, &s);
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}
