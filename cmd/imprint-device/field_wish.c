#include "cmd/imprint-device/field.h"

#define TIMEOUT_S	10
#define TIMEOUT_MAX_S	3600

/* "https://HOST:PORT", "https://[ADDRESS]:PORT/" */
static bool
server_read(const char *url, struct field_wish *wish)
{
	static const char scheme[] = "https://";
	const char *colon;
	size_t len;

	if (url == NULL || strncmp(url, scheme, sizeof(scheme) - 1) != 0)
		return false;
	url += sizeof(scheme) - 1;
	colon = strrchr(url, ':');
	if (colon == NULL || colon == url ||
	    strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
	    colon[1] == '\0')
		return false;
	len = (size_t)(colon - url);
	if (url[0] == '[' && len > 2 && url[len - 1] == ']') {
		url++;
		len -= 2;
	}
	if (len >= sizeof(wish->host))
		return false;
	memcpy(wish->host, url, len);
	wish->host[len] = '\0';
	wish->port = colon + 1;
	return true;
}

/* "0:P-256" */
static bool
slot_read(const char *text, struct field_wish *wish)
{
	unsigned slot = (unsigned)(text[0] - '0');

	if (text[0] < '0' || slot >= IMPRINT_DEVICE_SLOTS_MAX ||
	    text[1] != ':' || wish->algs[slot] != 0)
		return false;
	if (strcmp(text + 2, "P-256") == 0)
		wish->algs[slot] = IMPRINT_DEVICE_P256;
	else if (strcmp(text + 2, "X25519") == 0)
		wish->algs[slot] = IMPRINT_DEVICE_X25519;
	return wish->algs[slot] != 0;
}

enum exit_code
field_wish_read(struct cmd *cmd, struct field_wish *wish)
{
	const char *slots[CMD_VALUES_MAX];
	size_t i, count = cmd_values(cmd, "slot", slots, CMD_VALUES_MAX);
	uint64_t timeout_s;
	enum err err;

	if (cmd->argc > 0)
		return cmd_usage(cmd, "%s takes options only",
		    cmd->command->name);
	if (!server_read(cmd_value(cmd, "server"), wish))
		return cmd_usage(cmd,
		    "--server https://HOST:PORT is needed");
	for (i = 0; i < count; i++)
		if (!slot_read(slots[i], wish))
			return cmd_usage(cmd, "--slot %s: not a slot of its"
			    " own and P-256 or X25519, as in 0:P-256",
			    slots[i]);
	if (count == 0) {
		wish->algs[0] = IMPRINT_DEVICE_P256;
		wish->algs[1] = IMPRINT_DEVICE_X25519;
	}
	wish->name = cmd_value(cmd, "name");
	if (wish->name == NULL)
		wish->name = wish->host;
	wish->same_key = cmd_flag(cmd, "same-key");
	wish->anew = cmd_flag(cmd, "anew");
	wish->sealed = cmd_flag(cmd, "sealed");
	if (wish->sealed && count > 0)
		return cmd_usage(cmd, "--sealed: the keys come from the"
		    " authority: leave out --slot");
	err = cmd_number(cmd, "timeout", 1, TIMEOUT_MAX_S, TIMEOUT_S,
	    &timeout_s);
	if (err)
		return cmd_fail(cmd, err);
	wish->timeout_s = (unsigned)timeout_s;
	return EXIT_OK;
}
