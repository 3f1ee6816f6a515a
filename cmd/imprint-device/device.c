#include "cmd/imprint-device/agent.h"

int imprint_device_main(int argc, char **argv, const struct io *io);

static const struct cmd_option program_options[] = {
	{ "home", "DIR", "where the identity is kept (" AGENT_HOME ")" },
	{ NULL, NULL, NULL }
};

static const struct cmd_option install_options[] = {
	{ "replace", NULL, "give up the identity of another UEID that is"
	    " installed" },
	{ NULL, NULL, NULL }
};

static const struct cmd_option show_options[] = {
	{ "document", NULL, "write the signed document itself, for other"
	    " programs" },
	{ NULL, NULL, NULL }
};

static const struct cmd_option status_options[] = {
	{ "list", "FILE", "look it up in the status list that its document"
	    " names" },
	{ "signer", "FILE", "certificate of its signer, DER, when it is not"
	    " with the identity" },
	{ NULL, NULL, NULL }
};

static const struct cmd_option connect_options[] = {
	{ "to", "HOST:PORT", "the service" },
	{ "object", "NAME", "what to ask for, such as photo" },
	{ "method", "METHOD", "GET, POST, PUT, DELETE, FETCH, PATCH or"
	    " iPATCH" },
	{ "name", "DNSNAME", "what the service's certificate must be for"
	    " (HOST)" },
	{ "document", "FILE", "send this identity document, not one's own" },
	{ "force", NULL, "ask even if the identity lacks the right" },
	{ "timeout", "SECONDS", "how long to wait for the service (10)" },
	{ NULL, NULL, NULL }
};

static const struct cmd_option export_options[] = {
	{ "format", "FORMAT", "pkcs12 (encrypted) or pem" },
	{ "out", "FILE", "where to; it gets mode 0600" },
	{ "slot", "N", "whose key (the one that authenticates)" },
	{ "unencrypted", NULL, "pem: yes, the private key in the clear" },
	{ "force", NULL, "replace a file that is there" },
	{ "password-file", "FILE", "pkcs12: its password, the first line" },
	{ "password-fd", "N", "the same from an open descriptor" },
	{ NULL, NULL, NULL }
};

static const struct cmd_option key_options[] = {
	{ "slot", "N", "the slot of the product that it is for, or chip" },
	{ "algorithm", "NAME", "P-256 or X25519: make it, if there is none" },
	{ NULL, NULL, NULL }
};

static const struct cmd_option request_options[] = {
	{ "format", "FORMAT", "cose (default): a proof for each key; csr: one"
	    " PKCS#10 request" },
	{ "out", "FILE", "where to" },
	{ "slot", "N", "the one key" },
	{ "id", "HEX", "cose: the device's id, up to 64 octets" },
	{ "text", "TEXT", "cose: what the device was asked to sign" },
	{ "force", NULL, "replace a file that is there" },
	{ NULL, NULL, NULL }
};

static const struct cmd_option evidence_options[] = {
	{ "nonce", "BASE64", "of 32 octets, from the station" },
	{ NULL, NULL, NULL }
};

#define FIELD_OPTIONS							\
	{ "server", "URL", "imprintd: https://HOST:PORT" },		\
	{ "name", "DNSNAME", "what the server's certificate must be"	\
	    " for (HOST)" },						\
	{ "once", NULL, "ask once, do not wait and ask again" },	\
	{ "anew", NULL, "give up a request that is refused, and its"	\
	    " keys" },							\
	{ "timeout", "SECONDS", "how long to wait for the server (10)" }

static const struct cmd_option bootstrap_options[] = {
	FIELD_OPTIONS,
	{ "slot", "N:ALGORITHM", "a key of the product;"
	    " again for each (0:P-256 and 1:X25519)" },
	{ "sealed", NULL, "of a product whose keys the authority makes" },
	{ NULL, NULL, NULL }
};

static const struct cmd_option renew_options[] = {
	FIELD_OPTIONS,
	{ "same-key", NULL, "keep the keys: new certificate and document"
	    " only" },
	{ "refresh", NULL, "the same, if the authority has something new for"
	    " this device" },
	{ NULL, NULL, NULL }
};

static const struct cmd_option run_options[] = {
	{ "server", "URL", "imprintd: https://HOST:PORT" },
	{ "name", "DNSNAME", "what the server's certificate must be"
	    " for (HOST)" },
	{ "once", NULL, "what is due now, and no waiting" },
	{ "timeout", "SECONDS", "how long to wait for the server (10)" },
	{ "slot", "N:ALGORITHM", "a key of the product;"
	    " again for each (0:P-256 and 1:X25519)" },
	{ "sealed", NULL, "of a product whose keys the authority makes" },
	{ "same-key", NULL, "renew with the keys that are there" },
	{ NULL, NULL, NULL }
};

static const struct cmd_command commands[] = {
	{ "install", "", "verify a package on standard input and keep it",
	    install_options,
	    "imprint-device install --home /data/identity < package\n",
	    agent_install },
	{ "show", "", "show the identity", show_options,
	    "imprint-device show --json\n"
	    "imprint-device show --document > device.cwt\n", agent_show },
	{ "verify", "", "verify what is installed, step by step", NULL,
	    "imprint-device verify\n", agent_verify },
	{ "status", "", "how it stands with the field, or in a signed status"
	    " list", status_options,
	    "imprint-device status\n"
	    "imprint-device status --list bulk-00000000.cwt\n",
	    agent_status },
	{ "connect", "", "ask a service for something, by mutual TLS 1.3",
	    connect_options,
	    "imprint-device connect --to photos.example:8443 --object photo"
	    " --method POST\n", agent_connect },
	{ "export", "", "write a private key, its certificate and chain for"
	    " other programs", export_options,
	    "imprint-device export --format pkcs12 --out device.p12\n"
	    "imprint-device export --format pem --unencrypted --out"
	    " /etc/nginx/device.pem\n", agent_export },
	{ "key", "", "make a key that stays in this device, or show it",
	    key_options,
	    "imprint-device key --slot 0 --algorithm P-256\n"
	    "imprint-device key --slot chip --algorithm X25519\n",
	    agent_key },
	{ "request", "", "write what proves that the keys are here, for a"
	    " list of devices", request_options,
	    "imprint-device request --id 0123 --text 'order 7' --out"
	    " device.cose\n"
	    "imprint-device request --format csr --out device.csr\n",
	    agent_request },
	{ "evidence", "", "sign the station's nonce with the identity's key",
	    evidence_options,
	    "imprint-device evidence --nonce"
	    " AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
	    agent_evidence },
	{ "bootstrap", "", "obtain the whole identity from imprintd with the"
	    " one of the factory", bootstrap_options,
	    "imprint-device bootstrap --server https://est.example.net:8443\n",
	    agent_bootstrap },
	{ "renew", "", "obtain the identity anew from imprintd", renew_options,
	    "imprint-device renew --server https://est.example.net:8443\n",
	    agent_renew },
	{ "run", "", "obtain the identity, then renew it whenever it is due",
	    run_options,
	    "imprint-device run --server https://est.example.net:8443\n"
	    "imprint-device run --server https://est.example.net:8443"
	    " --once\n",
	    agent_run },
	{ NULL, NULL, NULL, NULL, NULL, NULL }
};

int
imprint_device_main(int argc, char **argv, const struct io *io)
{
	static const struct cmd_program program = {
		.name = "imprint-device",
		.summary = "the identity of this device: install it, look at"
		    " it, use it",
		.options = program_options,
		.commands = commands,
		.notes = "The first package that is installed decides which"
		    " root this device trusts,\nfor ever: one under another"
		    " root is refused.\n"
	};

	return cmd_main(&program, argc, argv, io);
}
