#include "cmd/imprint-station/commands.h"
#include "lib/base/clock.h"

static void
import_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct progress *progress = ctx;

	progress->total = total;
	progress_update(progress, done);
}

static void
import_print(const struct cmd *cmd, const char *path,
    enum station_import import, const struct station_pack *pack)
{
	bool before = import != STATION_IMPORTED;
	bool repaired = import == STATION_REPAIRED;
	char count[32];

	if (cmd->json) {
		printf("{\"file\": ");
		json_string(stdout, path, strlen(path));
		printf(", \"pack\": \"");
		hex_print(stdout, pack->id, PACKAGE_ID_SIZE);
		printf("\", \"product\": ");
		json_string(stdout, pack->product, strlen(pack->product));
		printf(", \"packages\": %ju, \"before\": %s, \"repaired\":"
		    " %s}\n", (uintmax_t)pack->count, before ? "true" :
		    "false", repaired ? "true" : "false");
		return;
	}
	number_format(pack->count, count);
	printf("%s pack ", repaired ? "imported before, its copy was damaged"
	    " and is replaced:" : before ? "imported before:" : "imported");
	hex_print(stdout, pack->id, PACKAGE_ID_SIZE);
	printf(", %s packages of %s\n", count, pack->product);
}

/* To the process that has the station. */
static enum err
leave_one(struct cmd *cmd, const char *path)
{
	struct station_pack pack = { .count = 0 };
	struct station_left left;
	struct progress progress;
	enum err err;

	progress_start(&progress, "checking", "packages", 0, 0);
	err = station_leave(cmd->io, station_home(cmd), path, import_progress,
	    &progress, &left, &cmd->diag);
	progress_end(&progress);
	if (err)
		return err;
	memcpy(pack.id, left.pack, sizeof(pack.id));
	memcpy(pack.product, left.product, sizeof(pack.product));
	pack.count = left.count;
	import_print(cmd, path, left.known ? STATION_IMPORTED_BEFORE :
	    STATION_IMPORTED, &pack);
	return ERR_OK;
}

static enum err
import_one(struct cmd *cmd, struct station *station, const char *path)
{
	const struct station_pack *pack = NULL;
	enum station_import import;
	struct progress progress;
	enum err err;

	progress_start(&progress, "checking", "packages", 0, 0);
	err = station_import(station, path, time_now(), import_progress,
	    &progress, &import, &pack, &cmd->diag);
	progress_end(&progress);
	if (!err)
		import_print(cmd, path, import, pack);
	return err;
}

enum exit_code
station_cmd_import(struct cmd *cmd)
{
	_cleanup_station_ struct station station = STATION_INIT;
	bool busy = false;
	enum err err;
	int i;

	if (cmd->argc == 0)
		return cmd_usage(cmd, "which PACK?");
	err = station_get(cmd, STATION_WORK, &station);
	if (!err)
		moved_warn(cmd, &station);
	if (err == ERR_BUSY) {
		busy = true;
		cmd->diag = (struct diag)DIAG_INIT;
		err = ERR_OK;
	}
	if (err)
		return cmd_fail(cmd, err);
	for (i = 0; i < cmd->argc && !err; i++)
		err = busy ? leave_one(cmd, cmd->argv[i]) :
		    import_one(cmd, &station, cmd->argv[i]);
	if (!busy)
		anchor_move(cmd, &station);
	return err ? cmd_fail(cmd, err) : EXIT_OK;
}
