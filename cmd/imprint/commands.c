#include "cmd/imprint/remote.h"

static const struct cmd_option common[] = {
	{ "home", "DIR", "where ecosystems live (default ~/.imprint)" },
	{ "ecosystem", "NAME", "which of them (default \"default\")" },
	{ "config", "FILE", "configuration (default ~/.config/imprint.conf)" },
	{ "passphrase-file", "FILE", "keystore's passphrase: its first line" },
	{ "passphrase-fd", "N", "the same from an open descriptor" },
	{ "operator", "NAME", "who signs requests (default admin)" },
	{ "operator-key", "FILE", "that operator's key file" },
	{ "operator-passphrase-file", "FILE",
	    "its passphrase (default: the keystore's)" },
	{ "operator-passphrase-fd", "N", "the same from a descriptor" },
	{ "server", "URL", "by way of imprintd there: https://NAME:PORT" },
	{ "trust", "FILE", "the server's ecosystem: 'operator trust'" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option init_options[] = {
	{ "publish-url", "URL", "where publish/ will be served; stands in "
	    "certificates" },
	{ "anchor", "FILE", "keep the rollback anchor there: on another "
	    "disk or machine" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option anchor_options[] = {
	{ "program", NULL, "the path is a program that keeps the anchor" },
	{ "none", NULL, "keep none" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option epoch_options[] = {
	{ "reason", "TEXT", "what happened, for the record" },
	{ "anchor", "FILE", "the anchor that a program kept" },
	{ "skip", "N", "without any anchor: more than was issued since" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option product_show_options[] = {
	{ "cbor", NULL, "the canonical form, raw" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option service_options[] = {
	{ "dns", "NAME", "the DNS name that devices connect to" },
	{ "out", "DIR", "where NAME.key and NAME.pem go (default .)" },
	{ NULL, NULL, NULL },
};

#define DEVICES_OPTIONS							\
	{ "mode", "MODE", "chip, or device-key: what the list names" },	\
	{ "list-format", "NAME", "of the list (default: as it begins)" }, \
	{ "list-signature", "FILE", "the list's detached signature" },	\
	{ "key-id", "KID", "a manifest's key to take (default: the slot)" }, \
	{ "challenge", "TEXT", "what proofs of possession must be over" }, \
	{ "chip-maker", "NAME", "with --server: the registered one that "  \
	    "signed it" },						\
	{ "cert", "FILE", "and its certificate" }

static const struct cmd_option create_options[] = {
	{ "product", "NAME", "the product, or NAME@VERSION (default: latest)" },
	{ "count", "N", "how many identities (default: those of --names "
	    "or --list)" },
	{ "names", "FILE", "CSV with a name for each, if the product takes "
	    "some from there; -" },
	{ "station", "NAME", "station that opens the pack; once for each" },
	{ "split", "N", "as many packs as stations are given, or N for one" },
	{ "attrition", "N", "so many more, or N% more, for what the line will "
	    "lose" },
	{ "top-up", "ORDER", "for what that order lost, as its reports say" },
	{ "list", "FILE", "the devices, with --mode" },
	DEVICES_OPTIONS,
	{ "approval", "FILE", "another operator's, of the list" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option run_options[] = {
	{ "workers", "N", "threads (default: one for each processor)" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option check_options[] = {
	{ "product", "NAME", "the product that it is for" },
	DEVICES_OPTIONS,
	{ NULL, NULL, NULL },
};

static const struct cmd_option make_options[] = {
	{ "product", "NAME", "the product that it is for" },
	{ "out", "FILE", "where the list in canonical form goes" },
	DEVICES_OPTIONS,
	{ NULL, NULL, NULL },
};

static const struct cmd_option approve_options[] = {
	{ "product", "NAME", "the product that it is for" },
	{ "out", "FILE", "where the approval goes" },
	DEVICES_OPTIONS,
	{ NULL, NULL, NULL },
};

static const struct cmd_option chip_maker_options[] = {
	{ "cert", "FILE", "certificate of the key that signs its lists" },
	{ "approval", "FILE", "another operator's, once there are two" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option chip_maker_approve_options[] = {
	{ "cert", "FILE", "certificate of the key that signs its lists" },
	{ "out", "FILE", "where the approval goes" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option manufacturer_options[] = {
	{ "ca", "FILE", "self-signed CA that its devices' certificates end "
	    "in" },
	{ "approval", "FILE", "another operator's, once there are two" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option manufacturer_approve_options[] = {
	{ "ca", "FILE", "self-signed CA that its devices' certificates end "
	    "in" },
	{ "out", "FILE", "where the approval goes" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option operator_approve_options[] = {
	{ "out", "FILE", "where the approval goes" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option operator_trust_options[] = {
	{ "out", "FILE", "where it goes" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option operator_options[] = {
	{ "key", "FILE", "where the key goes (default: operators/NAME.key)" },
	{ "new-passphrase-file", "FILE", "of the new key: the first line" },
	{ "new-passphrase-fd", "N", "the same from an open descriptor" },
	{ "public", "FILE", "their public key, made by 'operator key'" },
	{ "approval", "FILE", "another operator's, once there are two" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option operator_key_options[] = {
	{ "key", "FILE", "where the key goes (default: operators/NAME.key)" },
	{ "new-passphrase-file", "FILE", "of the new key: the first line" },
	{ "new-passphrase-fd", "N", "the same from an open descriptor" },
	{ "out", "FILE", "where the public key goes" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option export_options[] = {
	{ "out", "DIR", "where the packs are copied to" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option identity_options[] = {
	{ "format", "FORM", "text (default), json, cose, pem, der" },
	{ "slot", "N", "whose certificate, for pem and der" },
	{ "signer", "N", "with the receipt of this document signer" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option render_options[] = {
	{ "format", "NAME", "document, json, text, pem, der, jwt, pkcs12, c,"
	    " ndjson" },
	{ "slot", "N", "only this slot's certificate: pem, der, pkcs12" },
	{ "order", "N", "all identities of this order" },
	{ "out", "FILE|DIR", "where to; - is standard output (default)" },
	{ "force", NULL, "replace files that are there" },
	{ "password-file", "FILE", "pkcs12: its password, the first line" },
	{ "password-fd", "N", "the same from an open descriptor" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option list_options[] = {
	{ "order", "N", "only those of this order" },
	{ "log", "NAME", "bulk (default) or online" },
	{ "from", "INDEX", "first index (default 0)" },
	{ "count", "N", "how many (default 100)" },
	{ "claim-codes", NULL, "with each one's claim code, for its label" },
	{ NULL, NULL, NULL },
};

#define TARGET_OPTIONS							\
	{ "order", "N", "all that this order issued" },			\
	{ "pack", "N/M", "all in pack M of order N" },			\
	{ "range", "[LOG/]FIRST-LAST", "indices, bulk if not said" },	\
	{ "from", "FILE", "words, one a line; - for standard input" },	\
	{ "evidence", "CLASS", "all issued on such evidence, and its "	\
	    "renewals: front, ..." },					\
	{ "since", "TIME", "of --evidence: issued then or later" },	\
	{ "until", "TIME", "of --evidence: issued before" },		\
	{ "dry-run", NULL, "say what would change; change nothing" },	\
	{ "yes", NULL, "do not ask, however many" },			\
	{ "no-publish", NULL, "leave that to 'imprint publish'" }

static const struct cmd_option revoke_options[] = {
	{ "reason", "NAME", "keyCompromise, superseded, ... (default "
	    "unspecified)" },
	TARGET_OPTIONS,
	{ NULL, NULL, NULL },
};

static const struct cmd_option suspend_options[] = {
	TARGET_OPTIONS,
	{ NULL, NULL, NULL },
};

static const struct cmd_option cancel_options[] = {
	{ "no-publish", NULL, "leave that to 'imprint publish'" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option claim_options[] = {
	{ "code", "CODE", "the claim code on the device's label" },
	{ "owner", "NAME", "whose it is from now on" },
	{ "no-publish", NULL, "leave that to 'imprint publish'" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option publish_options[] = {
	{ "next-update", "DAYS", "how long it holds (default 7)" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option verify_options[] = {
	{ "trust", "FILE", "trust.pem (default: this ecosystem's)" },
	{ "certificate", "FILE", "the TLS certificate shown with it" },
	{ "object", "NAME", "ask for a right on this object" },
	{ "method", "NAME", "the right: GET, POST, PUT, ..." },
	{ "time", "TIME", "as if it were 2026-11-22T12:00:00Z" },
	{ "status", "FILE", "a CRL or status list; once for each" },
	{ "max-age", "SECONDS", "deny what none of them, no older, tells of" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option log_verify_options[] = {
	{ "rebuild", NULL, "rebuild every identity and compare it too" },
	{ "tiles", "DIR", "look at this folder of published files alone" },
	{ "vkey", "FILE", "with --tiles: the log's verifier key" },
	{ "checkpoint", "FILE", "with --tiles: not DIR/checkpoint but this" },
	{ "against", "FILE", "with --tiles: an older checkpoint that it must "
	    "extend" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option log_prove_options[] = {
	{ "log", "NAME", "for --from: the log (default bulk)" },
	{ "from", "SIZE", "prove instead that the log of this size begins" },
	{ "to", "SIZE", "the log of that size (default: as published)" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option log_export_options[] = {
	{ "out", "DIR", "where entries, tiles and checkpoint go" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option doctor_options[] = {
	{ "quick", NULL, "without reading all of the registry" },
	{ NULL, NULL, NULL },
};

static const struct cmd_option acknowledge_options[] = {
	{ "out", "FILE", "where the acknowledgement is written" },
	{ NULL, NULL, NULL }
};

static const struct cmd_option reconcile_options[] = {
	{ "report", "FILE", "a station's report; several may be given" },
	{ "no-publish", NULL, "leave that to 'imprint publish'" },
	{ NULL, NULL, NULL },
};

static const struct cmd_command commands[] = {
	{ "init", "", "make an ecosystem: keys, CAs, first operator",
	    init_options,
	    "  imprint init --publish-url https://pki.example.net\n"
	    "  imprint init --ecosystem cameras --passphrase-file pw \\\n"
	    "      --publish-url https://pki.example.net\n", init_run_cmd },
	{ "doctor", "", "look for what is wrong or soon will be, and say what "
	    "to do", doctor_options,
	    "  imprint doctor\n"
	    "  imprint doctor --quick --json\n", doctor_cmd },
	{ "anchor set", "[PATH]", "say where the rollback anchor is kept",
	    anchor_options,
	    "  imprint anchor set /mnt/usb/imprint.anchor\n"
	    "  imprint anchor set --program /usr/local/bin/keep-anchor\n",
	    anchor_set_cmd },
	{ "anchor show", "", "print the anchor", NULL,
	    "  imprint anchor show --json\n", anchor_show_cmd },
	{ "epoch begin", "", "go on when the newest registry is lost",
	    epoch_options,
	    "  imprint epoch begin --reason \"disk lost, backup of May\"\n",
	    epoch_begin_cmd },
	{ "clock accept", "", "say that the clock is right, after it was "
	    "wrong", NULL, "  imprint clock accept\n", clock_accept_cmd },
	{ "product add", "FILE...", "add product definitions", NULL,
	    "  imprint product add examples/products/camera.yaml\n",
	    product_add_cmd },
	{ "product show", "NAME", "print one, as YAML", product_show_options,
	    "  imprint product show camera\n"
	    "  imprint product show camera@1.0.0\n", product_show_cmd },
	{ "product list", "", "list products and their versions", NULL,
	    "  imprint product list --json\n", product_list_cmd },
	{ "product diff", "BEFORE AFTER", "say what differs, and for whom",
	    NULL,
	    "  imprint product diff camera@1.0.0 camera\n"
	    "  imprint product diff camera camera.yaml\n"
	    "  imprint product diff 61ae8c38 old/camera.yaml --json\n"
	    "\nEach is NAME (the version added last), NAME@VERSION, a hash "
	    "or its first digits,\nor a file: a word with a /, or that ends "
	    "in .yaml or .yml. Exit status 0: the same;\n1: they differ.\n",
	    product_diff_cmd },
	{ "station add", "FILE...", "register a station by its statement",
	    NULL, "  imprint station add line-1.station\n",
	    station_add_cmd },
	{ "station renew", "FILE...", "take a station's statement with a new "
	    "sealing key", NULL,
	    "  imprint station renew line-1.station\n", station_renew_cmd },
	{ "station lost", "NAME", "give up a station: revoke what it may still "
	    "hold", cancel_options, "  imprint station lost line-1\n",
	    station_lost_cmd },
	{ "station acknowledge", "FILE", "acknowledge where a station's ledger "
	    "stands", acknowledge_options,
	    "  imprint station acknowledge line-1.head "
	    "--out line-1.acknowledged\n", station_acknowledge_cmd },
	{ "station list", "", "list registered stations", NULL,
	    "  imprint station list\n", station_list_cmd },
	{ "service add", "NAME", "make a service's TLS key and certificate",
	    service_options,
	    "  imprint service add collector --dns collector.example.net\n",
	    service_add_cmd },
	{ "order create", "", "order identities", create_options,
	    "  imprint order create --product camera --count 10000 \\\n"
	    "      --station line-1\n"
	    "  imprint order create --product camera --count 10000 \\\n"
	    "      --station line-1 --station line-2 --split 2\n"
	    "  imprint order create --product camera --count 10000 \\\n"
	    "      --attrition 2% --station line-1\n"
	    "  imprint order create --top-up 1 --count 12 --station line-1\n"
	    "  imprint order create --product cellular-meter \\\n"
	    "      --names meters.csv --station line-1\n"
	    "  imprint order create --product camera --mode chip \\\n"
	    "      --list chips.cbor --approval chips.approval "
	    "--station line-1\n",
	    order_create_cmd },
	{ "operator add", "NAME", "make a key for another operator",
	    operator_options,
	    "  imprint operator add bea --key /media/bea/bea.key\n",
	    operator_add_cmd },
	{ "operator key", "NAME", "make a key of one's own, to be approved "
	    "and added", operator_key_options,
	    "  imprint operator key cay --key /media/cay/cay.key \\\n"
	    "      --out cay.operator\n", operator_key_cmd },
	{ "operator approve", "FILE", "stand for an operator whom another one "
	    "adds", operator_approve_options,
	    "  imprint operator approve cay.operator --operator bea \\\n"
	    "      --out cay.approval\n", operator_approve_cmd },
	{ "operator trust", "", "write what --server needs to know of this "
	    "ecosystem", operator_trust_options,
	    "  imprint operator trust --out cay.trust\n",
	    operator_trust_cmd },
	{ "device claim", "DEVICE", "say whose a device is, by the code on its "
	    "label", claim_options,
	    "  imprint device claim DB-000017 --code 7K2M-00QX-V9DT-3 \\\n"
	    "      --owner \"Jane Roe\"\n", device_claim_cmd },
	{ "device release", "DEVICE", "make a device nobody's again: what it "
	    "has is suspended", cancel_options,
	    "  imprint device release DB-000017\n", device_release_cmd },
	{ "device show", "DEVICE...", "print whose a device is, and its claim "
	    "code", NULL, "  imprint device show DB-000017\n",
	    device_show_cmd },
	{ "chip-maker approve", "NAME", "stand for a chip maker whom another "
	    "operator adds", chip_maker_approve_options,
	    "  imprint chip-maker approve acme --cert acme-signer.pem \\\n"
	    "      --operator bea --out acme.approval\n",
	    chip_maker_approve_cmd },
	{ "chip-maker add", "NAME", "believe the lists that a chip maker "
	    "signs", chip_maker_options,
	    "  imprint chip-maker add acme --cert acme-signer.pem\n",
	    chip_maker_add_cmd },
	{ "chip-maker list", "", "list chip makers", NULL,
	    "  imprint chip-maker list\n", chip_maker_list_cmd },
	{ "chip-maker remove", "NAME", "believe a chip maker no more", NULL,
	    "  imprint chip-maker remove acme\n", chip_maker_remove_cmd },
	{ "manufacturer approve", "NAME", "stand for a manufacturer whom "
	    "another operator adds", manufacturer_approve_options,
	    "  imprint manufacturer approve acme --ca acme-ca.pem \\\n"
	    "      --operator bea --out acme.approval\n",
	    manufacturer_approve_cmd },
	{ "manufacturer add", "NAME", "let devices enrol with certificates of "
	    "a manufacturer's CA", manufacturer_options,
	    "  imprint manufacturer add acme --ca acme-ca.pem\n",
	    manufacturer_add_cmd },
	{ "manufacturer list", "", "list manufacturers", NULL,
	    "  imprint manufacturer list\n", manufacturer_list_cmd },
	{ "manufacturer remove", "NAME", "let a manufacturer's devices enrol "
	    "no more", NULL, "  imprint manufacturer remove acme\n",
	    manufacturer_remove_cmd },
	{ "list check", "FILE", "read a list of devices and say what it is",
	    check_options,
	    "  imprint list check chips.cbor --product camera --mode chip\n",
	    list_check_cmd },
	{ "list make", "FILE", "write a list of devices in its canonical "
	    "form", make_options,
	    "  imprint list make chips.csv --product camera --mode chip "
	    "\\\n"
	    "      --list-signature chips.p7s --out chips.cbor\n",
	    list_make_cmd },
	{ "list approve", "FILE", "stand for a list that another operator "
	    "orders with", approve_options,
	    "  imprint list approve chips.cbor --product camera \\\n"
	    "      --mode chip --operator bea --out chips.approval\n",
	    list_approve_cmd },
	{ "order list", "", "list orders", NULL, "  imprint order list\n",
	    order_list_cmd },
	{ "order show", "NUMBER", "print an order, its packs and progress",
	    NULL, "  imprint order show 1\n", order_show_cmd },
	{ "order run", "NUMBER", "issue what an order asks for",
	    run_options, "  imprint order run 1\n", order_run_cmd },
	{ "order cancel", "NUMBER", "cancel an order, revoke what lies in "
	    "unfinished packs",
	    cancel_options, "  imprint order cancel 1\n",
	    order_cancel_cmd },
	{ "order reconcile", "NUMBER", "load stations' reports, and account "
	    "for every identity", reconcile_options,
	    "  imprint order reconcile 1 --report line-1.report\n"
	    "  imprint order reconcile 1 --report a.report --report "
	    "b.report\n"
	    "  imprint order reconcile 1 --json\n"
	    "\nExit status 1: a report was refused, and changed nothing.\n",
	    order_reconcile_cmd },
	{ "order export", "NUMBER", "copy the packs of a complete order",
	    export_options, "  imprint order export 1 --out /media/stick\n",
	    order_export_cmd },
	{ "document-signer list", "", "list the keys that have signed "
	    "documents", NULL, "  imprint document-signer list\n",
	    signer_list_cmd },
	{ "document-signer renew", "", "replace the key that signs "
	    "documents, or finish that", NULL,
	    "  imprint document-signer renew\n", signer_renew_cmd },
	{ "identity show", "WHICH", "print an identity",
	    identity_options,
	    "  imprint identity show 17\n"
	    "  imprint identity show CAM-000000017 --format json\n"
	    "  imprint identity show 17 --format cose > camera.cose\n",
	    identity_show_cmd },
	{ "identity list", "", "list identities", list_options,
	    "  imprint identity list --order 1 --count 20\n",
	    identity_list_cmd },
	{ "identity find", "WHICH...", "say what an index, UEID, serial "
	    "number or name is", NULL,
	    "  imprint identity find CAM-000000017\n"
	    "  imprint identity find mac=02-00-5E-10-00-01\n",
	    identity_find_cmd },
	{ "identity verify", "FILE", "explain whether a document is good",
	    verify_options,
	    "  imprint identity verify camera.cose\n"
	    "  imprint identity verify camera.cose --object video "
	    "--method POST\n"
	    "  imprint identity verify camera.cose --max-age 86400 \\\n"
	    "      --status publish/status/bulk-00000000.cwt\n",
	    identity_verify_cmd },
	{ "identity export", "[WHICH...]", "write identities for other "
	    "programs", render_options,
	    "  imprint identity export 17 --format jwt\n"
	    "  imprint identity export CAM-000000017 --format pem "
	    "--out camera.pem\n"
	    "  imprint identity export 17 --format pkcs12 --out "
	    "camera.p12\n"
	    "  imprint identity export --order 1 --format json --out "
	    "order-1.ndjson\n"
	    "  imprint identity export 17 18 --format c --out headers\n"
	    "\nNo format holds a private key, pkcs12 neither: the authority "
	    "forgets those of\ndevices. 'imprint-device export' has the "
	    "device's own.\n", identity_export_cmd },
	{ "revoke", "[WHICH...]", "revoke identities, for ever",
	    revoke_options,
	    "  imprint revoke CAM-000000017 --reason keyCompromise\n"
	    "  imprint revoke --order 3 --dry-run\n"
	    "  imprint revoke --evidence front --since "
	    "2026-11-20T08:00:00Z --dry-run\n"
	    "  imprint revoke --from lost.txt --reason "
	    "cessationOfOperation\n", revoke_cmd },
	{ "suspend", "[WHICH...]", "suspend identities until they are resumed",
	    suspend_options,
	    "  imprint suspend --pack 3/1\n"
	    "  imprint suspend --range bulk/1000-1999 --yes\n",
	    suspend_cmd },
	{ "resume", "[WHICH...]", "resume suspended identities",
	    suspend_options, "  imprint resume CAM-000000017 online/4\n",
	    resume_cmd },
	{ "publish", "", "publish the status of all identities, and the logs",
	    publish_options, "  imprint publish --next-update 14\n",
	    publish_cmd },
	{ "log verify", "[NAME]", "compare logs with all that was made of "
	    "them", log_verify_options,
	    "  imprint log verify --rebuild\n"
	    "  imprint log verify --tiles ./bulk --vkey bulk.vkey \\\n"
	    "      --against checkpoint.may\n", log_verify_cmd },
	{ "log prove", "[WHICH]", "prove that an identity is in its log",
	    log_prove_options,
	    "  imprint log prove CAM-000000017 > proof.json\n"
	    "  imprint log prove --from 4096\n", log_prove_cmd },
	{ "log export", "NAME", "write a log's entries out for an auditor",
	    log_export_options,
	    "  imprint log export bulk --out ./bulk\n"
	    "  imprint log export operations --json\n", log_export_cmd },
	{ "log publish", "[NAME]", "publish logs, and mend what is "
	    "published", NULL, "  imprint log publish\n", log_publish_cmd },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};

static const struct cmd_program program = {
	.name = "imprint",
	.summary = "the authority that gives devices their identities",
	.options = common,
	.commands = commands,
	.run = remote_run,
	.notes =
	    "first steps:\n"
	    "  imprint init --publish-url https://pki.example.net\n"
	    "  imprint product add examples/products/camera.yaml\n"
	    "  imprint-station init --home line-1 --name line-1 "
	    "--trust trust.pem\n"
	    "  imprint station add line-1/line-1.station\n"
	    "  imprint order create --product camera --count 1000 "
	    "--station line-1\n"
	    "  imprint order run 1\n",
};

int
imprint_main(int argc, char **argv, const struct io *io)
{
	int code;

	code = cmd_main(&program, argc, argv, io);
	settings_release();
	return code;
}
