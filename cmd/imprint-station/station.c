#include "cmd/imprint-station/commands.h"

int imprint_station_main(int argc, char **argv, const struct io *io);

static const struct cmd_option program_options[] = {
	{ "home", "DIR", "the station's directory (" STATION_HOME ")" },
	{ NULL, NULL, NULL }
};

static const struct cmd_option init_options[] = {
	{ "name", "NAME", "the station's name: a-z, 0-9 and -" },
	{ "trust", "FILE", "trust.pem of the ecosystem it works for" },
	{ NULL, NULL, NULL }
};

static const struct cmd_option inject_options[] = {
	{ "command", "TEXT", "plug-in for the shell; the package is on its"
	    " standard input" },
	{ "count", "N", "hand out N packages at most (all that are left)" },
	{ "jobs", "J", "plug-ins at the same time (1)" },
	{ "timeout", "SECONDS", "kill a plug-in after that long (60)" },
	{ "keep-going", NULL, "do not stop when three plug-ins in a row"
	    " fail" },
	{ "serial", "TEXT", "for the one device with this serial, alone" },
	{ "badge", "TEXT", "who works, for the records" },
	{ "mes-order", "TEXT", "for which order of the factory's system" },
	{ "form", "FORM", "of the packages, instead of their product's" },
	{ "layout", "FILE", "what stands where, with --form image" },
	{ NULL, NULL, NULL }
};

static const struct cmd_option serve_options[] = {
	{ "listen", "ADDR:PORT", "where fixtures reach it" },
	{ "cert", "FILE", "its TLS certificate with its chain, PEM" },
	{ "key", "FILE", "the certificate's private key, PEM" },
	{ "host", "NAME", "in the certificate that it makes itself (several)" },
	{ "anchor-every", "SECONDS", "how often the ledger's anchor moves on"
	    " (900)" },
	{ "plain", NULL, "without TLS; only on a loopback address" },
	{ NULL, NULL, NULL }
};

static const struct cmd_option form_options[] = {
	{ "layout", "FILE", "what stands where in an image" },
	{ "in", "FILE", "the package (standard input)" },
	{ "out", "FILE", "a new file (standard output)" },
	{ NULL, NULL, NULL }
};

static const struct cmd_option status_options[] = {
	{ "check", NULL, "read all of every pack that is needed yet" },
	{ NULL, NULL, NULL }
};

static const struct cmd_option report_options[] = {
	{ "out", "FILE", "where the report is written" },
	{ "final", NULL, "close the order and destroy the key of its packs" },
	{ NULL, NULL, NULL }
};

static const struct cmd_option anchor_options[] = {
	{ "tpm", NULL, "a counter in this machine's TPM" },
	{ "tcti", "TEXT", "how to reach the TPM (device:/dev/tpmrm0)" },
	{ "program", NULL, "PATH is a program that keeps a counter" },
	{ "none", NULL, "nothing holds the ledger from now on" },
	{ NULL, NULL, NULL }
};

static const struct cmd_option sync_options[] = {
	{ "server", "URL", "imprintd of the authority: https://HOST:PORT" },
	{ "out", "FILE", "where the ledger stands, signed" },
	{ NULL, NULL, NULL }
};

static const struct cmd_option sealed_options[] = {
	{ "device", "ID", "the chip's id, or its key's, as in the list" },
	{ "out", "FILE", "where the package goes, as the chip opens it" },
	{ NULL, NULL, NULL }
};

static const struct cmd_command commands[] = {
	{ "init", "", "make a station: keys, home and statement",
	    init_options,
	    "imprint-station init --name line-1 --trust trust.pem\n",
	    station_cmd_init },
	{ "import", "PACK...", "check packs and take them in", NULL,
	    "imprint-station import /media/usb/*.pack\n",
	    station_cmd_import },
	{ "trust", "FILE", "take a newer trust.pem of the same ecosystem",
	    NULL, "imprint-station trust /media/usb/trust.pem\n",
	    station_cmd_trust },
	{ "inject", "", "hand packages to devices through a plug-in",
	    inject_options,
	    "imprint-station inject --command './flash-device' --count"
	    " 100\n"
	    "imprint-station inject --command './flash-device' --serial"
	    " SN0042\n", station_cmd_inject },
	{ "serve", "", "hand packages to fixtures that ask over HTTPS",
	    serve_options,
	    "imprint-station serve --listen 10.0.0.1:8443\n",
	    station_cmd_serve },
	{ "fixture add", "NAME", "make a fixture's token and tell it once",
	    NULL, "imprint-station fixture add test-bench-1\n",
	    station_cmd_fixture_add },
	{ "fixture list", "", "the fixtures that have a token", NULL,
	    "imprint-station fixture list\n", station_cmd_fixture_list },
	{ "fixture remove", "NAME", "make a fixture's token void", NULL,
	    "imprint-station fixture remove test-bench-1\n",
	    station_cmd_fixture_remove },
	{ "form", "FORM", "give a package another form: cbor, pem, der, c,"
	    " image, ndjson", form_options,
	    "imprint-station inject --command 'imprint-station form image"
	    " --layout flash.txt | ./write-flash'\n", station_cmd_form },
	{ "report", "ORDER", "write a signed report of what became of an"
	    " order", report_options,
	    "imprint-station report 7 --out order-7.report --final\n",
	    station_cmd_report },
	{ "anchor set", "[PATH]", "say what holds the ledger: a"
	    " file elsewhere, a TPM, a program", anchor_options,
	    "imprint-station anchor set --tpm\n"
	    "imprint-station anchor set /mnt/other/line-1.anchor\n",
	    station_cmd_anchor_set },
	{ "anchor show", "", "ask whether it holds the ledger", NULL,
	    "imprint-station anchor show\n", station_cmd_anchor_show },
	{ "sync", "[ACKNOWLEDGEMENT]", "tell the authority where the ledger"
	    " stands, take in what it says", sync_options,
	    "imprint-station sync --server https://ca.example.net:8443\n"
	    "imprint-station sync --out line-1.head\n"
	    "imprint-station sync line-1.acknowledged\n",
	    station_cmd_sync },
	{ "key new", "", "make a fresh sealing key for the orders to come",
	    NULL, "imprint-station key new\n", station_cmd_key_new },
	{ "status", "", "what was handed out, what is left, which packs"
	    " cannot be read", status_options,
	    "imprint-station status --check\n", station_cmd_status },
	{ "sealed", "PACK", "take a chip's package out of a pack, sealed",
	    sealed_options,
	    "imprint-station sealed order-1-1.pack --device 0123abcd"
	    " --out chip.pkg\n", station_cmd_sealed },
	{ NULL, NULL, NULL, NULL, NULL, NULL }
};

int
imprint_station_main(int argc, char **argv, const struct io *io)
{
	static const struct cmd_program program = {
		.name = "imprint-station",
		.summary = "a factory station: opens packs and gives each"
		    " device its package, once",
		.options = program_options,
		.commands = commands,
		.notes = "A package that was handed out is never handed out"
		    " again, whatever became of it.\n"
	};

	return cmd_main(&program, argc, argv, io);
}

const char *
station_home(const struct cmd *cmd)
{
	const char *home = cmd_value(cmd, "home");

	return home != NULL ? home : STATION_HOME;
}

enum err
station_get(struct cmd *cmd, enum station_access access,
    struct station *station)
{
	enum err err;

	err = cmd_check_private(cmd, station_home(cmd));
	if (!err && access != STATION_LOOK)
		err = cmd_check_root(cmd, station_home(cmd));
	return err ? err : station_open(cmd->io, station_home(cmd), access,
	    station, &cmd->diag);
}

void
moved_warn(struct cmd *cmd, const struct station *station)
{
	if (station->moved)
		cmd_warn(cmd, "this directory was last worked in on another"
		    " machine; were it a copy, both would hand out the same"
		    " packages: keep one and delete the other");
}

void
hex_print(FILE *f, const uint8_t *bytes, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		fprintf(f, "%02x", bytes[i]);
}

void
fingerprint_print(FILE *f, const uint8_t kid[SHA256_SIZE])
{
	size_t i;

	for (i = 0; i < SHA256_SIZE; i += 2)
		fprintf(f, "%s%02x%02x", i > 0 ? " " : "", kid[i],
		    kid[i + 1]);
}
