#include "cmd/imprint-station/commands.h"
#include "lib/identity/chip_package.h"

/* A device's id or key id in hexadecimal, else its id as text. */
static enum err
package_find(struct cmd *cmd, struct pack *pack, const char *device,
    uint64_t *ret_position)
{
	uint8_t which[64];
	size_t len = 0;
	enum err err = ERR_NOTFOUND;

	if (hex_decode(device, which, sizeof(which), &len) == ERR_OK)
		err = pack_find_device(pack, bytes_of(which, len),
		    ret_position, NULL);
	return err == ERR_NOTFOUND ? pack_find_device(pack,
	    bytes_text(device), ret_position, &cmd->diag) : err;
}

static enum err
package_write(struct cmd *cmd, struct pack *pack, const char *device,
    const char *out)
{
	_cleanup_buf_ struct buf room = { .limit = PACKAGE_SIZE_MAX };
	_cleanup_buf_ struct buf package = BUF_INIT;
	struct pack_sealed sealed;
	uint64_t position = 0;
	enum err err;

	if (pack_header(pack)->mode != ORDER_CHIP)
		return diag_fail(&cmd->diag, ERR_STATE, NULL,
		    "the pack is not for chips: inject opens its packages");
	err = package_find(cmd, pack, device, &position);
	if (!err)
		err = pack_read_sealed(pack, position, &room, &sealed,
		    &cmd->diag);
	if (err)
		return err;
	chip_package_put(&package, pack_header(pack), &sealed);
	err = buf_err(&package);
	return err ? err : io_create_file(cmd->io, out, buf_bytes(&package),
	    0644, &cmd->diag);
}

enum exit_code
station_cmd_sealed(struct cmd *cmd)
{
	_cleanup_station_ struct station station = STATION_INIT;
	_cleanup_pack_ struct pack *pack = NULL;
	const char *device = cmd_value(cmd, "device");
	const char *out = cmd_value(cmd, "out");
	enum err err;

	if (cmd->argc != 1 || device == NULL || out == NULL)
		return cmd_usage(cmd, "one PACK, --device and --out are "
		    "needed");
	err = station_get(cmd, STATION_LOOK, &station);
	if (!err)
		err = pack_open(cmd->io, cmd->argv[0], station.signers,
		    station.signer_count, &pack, &cmd->diag);
	if (!err)
		err = package_write(cmd, pack, device, out);
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}
