/* One package for one device, by its scanned serial, through a plug-in. */
#include <poll.h>
#include <stdio.h>

#include "lib/base/clock.h"
#include "station/floor.h"
#include "station/home.h"
#include "station/line_internal.h"
#include "station/plugin.h"

#define WAIT_MS		1000
#define TURN_MS		5	/* without a pidfd */
#define ID_TEXT_SIZE	(2 * PACKAGE_ID_SIZE + 1)

/* What the line says to it, as an error. */
static enum err
code_fail(const char *serial, enum floor_code code, struct diag *diag)
{
	struct line_words words = line_words_of(code);
	enum err err = code == FLOOR_NO_PACKAGE ? ERR_NOTFOUND : ERR_STATE;

	if (code == FLOOR_EVIDENCE)
		words = (struct line_words){ "the product asks for evidence,"
		    " which a plug-in does not give", "let a fixture do it:"
		    " imprint-station serve" };
	(void)diag_fail(diag, err, NULL, "serial %s: %s", serial,
	    words.text);
	diag_hint(diag, "%s", words.hint);
	return err;
}

static void
id_text(const uint8_t id[PACKAGE_ID_SIZE], char text[ID_TEXT_SIZE])
{
	size_t i;

	for (i = 0; i < PACKAGE_ID_SIZE; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", id[i]);
}

/* Run it to its end; package is taken over. */
static enum err
plugin_run(const struct station *s, const struct station_inject *plan,
    struct floor_package *package, uint64_t *ret_status, struct diag *diag)
{
	struct plugin plugin = PLUGIN_INIT;
	struct plugin_call call = { .command = plan->command,
		.environment = plan->environment, .sequence = s->out,
		.timeout_s = plan->timeout_s, .index = package->index };
	char pack[ID_TEXT_SIZE];
	struct pollfd polls[2];
	int timeout_ms;
	nfds_t n;
	enum err err;

	id_text(package->pack, pack);
	call.pack = pack;
	err = plugin_start(&call, &package->package, &plugin, diag);
	if (err)
		return err;
	do {
		n = 0;
		timeout_ms = plugin.pidfd >= 0 ? WAIT_MS : TURN_MS;
		if (plugin.pidfd >= 0)
			polls[n++] = (struct pollfd){ .fd = plugin.pidfd,
			    .events = POLLIN };
		if (plugin.input >= 0)
			polls[n++] = (struct pollfd){ .fd = plugin.input,
			    .events = POLLOUT };
		(void)poll(polls, n, timeout_ms);
		plugin_feed(&plugin);
		plugin_expire(&plugin, time_monotonic_ns());
	} while (!plugin_ended(&plugin, ret_status));
	return ERR_OK;
}

static enum err
injected_tell(struct floor *f, const struct floor_call *call,
    const char *serial, struct diag *diag)
{
	const struct floor_commit commit = { .evidence = FLOOR_UNPROVEN };
	enum floor_code code = FLOOR_BROKEN;
	enum err err;

	err = floor_commit(f, call, &commit, &code, diag);
	if (!err && code != FLOOR_OK && code != FLOOR_REPEATED)
		err = code_fail(serial, code, diag);
	return err ? err : floor_sync(f, diag);
}

static enum err
serial_run(struct station *s, struct floor *f,
    const struct station_inject *plan, struct floor_call *call,
    struct station_injected *done, struct diag *diag)
{
	const struct floor_reserve what = { .form = plan->form,
		.layout = plan->layout, .unproven = true };
	struct floor_package package = { .package = SECRET_INIT };
	enum floor_code code = FLOOR_BROKEN;
	uint64_t status = LEDGER_NOT_STARTED;
	enum err err;

	err = floor_reserve(f, call, &what, &package, &code, diag);
	if (!err && code != FLOOR_OK && code != FLOOR_REPEATED)
		err = code_fail(plan->serial, code, diag);
	if (!err)
		err = floor_sync(f, diag);
	if (!err) {
		done->out = 1;
		err = plugin_run(s, plan, &package, &status, diag);
	}
	secret_release(&package.package);
	if (err)
		return err;
	done->injected = status == 0;
	done->failed = status != 0;
	done->timed_out = status == LEDGER_TIMEOUT;
	done->unread = status == LEDGER_NOT_READ;
	call->now = time_now();
	call->has_index = true;
	call->index = package.index;
	return status == 0 ? injected_tell(f, call, plan->serial, diag) :
	    ERR_OK;
}

enum err
station_inject_serial(struct station *station,
    const struct station_inject *plan, struct station_injected *ret_injected,
    struct diag *diag)
{
	struct floor_call call = { .fixture = INJECT_FIXTURE, .now = time_now(),
		.device_kind = FLOOR_SERIAL };
	_cleanup_floor_ struct floor *floor = NULL;
	size_t len = strlen(plan->serial);
	enum err err;

	*ret_injected = (struct station_injected){ 0 };
	err = inject_who_check(plan, diag);
	if (err)
		return err;
	(void)snprintf(call.badge, sizeof(call.badge), "%s", plan->badge);
	(void)snprintf(call.mes_order, sizeof(call.mes_order), "%s",
	    plan->mes_order);
	if (len == 0 || len > sizeof(call.device) ||
	    !bytes_is_plain(bytes_text(plan->serial)))
		return diag_fail(diag, ERR_INVALID, NULL, "serial: 1 to %zu "
		    "characters of visible ASCII", sizeof(call.device));
	memcpy(call.device, plan->serial, len);
	call.device_len = len;
	err = floor_open(station, &floor, diag);
	return err ? err : serial_run(station, floor, plan, &call,
	    ret_injected, diag);
}
