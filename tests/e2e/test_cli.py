"""The command lines: help, exit codes, JSON, files' modes, locks, clocks."""
import fcntl
import json
import os
import signal
import stat
import subprocess
import time

import pytest

import reader
from conftest import (BIN, PASSPHRASE, PRODUCTS, URL, init, let_through,
                      make_ecosystem, on_terminal, program_needed, run)

PROGRAMS = ["imprint", "imprint-station", "imprint-device", "imprint-tpm"]
COMMANDS = {
    "imprint": ["init", "doctor", "anchor set", "anchor show", "epoch begin",
        "clock accept", "product add", "product show", "product list",
        "product diff", "station add", "station renew", "station lost",
        "station acknowledge",
        "station list", "service add", "order create", "operator add",
        "operator key", "operator approve", "operator trust",
        "device claim", "device release", "device show", "chip-maker approve",
        "chip-maker add", "chip-maker list", "chip-maker remove",
        "manufacturer approve", "manufacturer add", "manufacturer list",
        "manufacturer remove",
        "list check", "list make", "list approve", "order list", "order show",
        "order run", "order cancel", "order reconcile", "order export",
        "document-signer list", "document-signer renew", "identity show",
        "identity list", "identity find", "identity verify",
        "identity export", "revoke", "suspend", "resume", "publish",
        "log verify", "log prove", "log export", "log publish"],
    "imprint-station": ["init", "import", "trust", "inject", "serve",
        "fixture add", "fixture list", "fixture remove", "form", "report",
        "anchor set", "anchor show", "sync", "key new", "status", "sealed"],
    "imprint-device": ["install", "show", "verify", "status", "connect",
        "export", "key", "request", "evidence", "bootstrap", "renew",
        "run"],
    "imprint-tpm": ["new", "raise"],
}


def needed(name):
    return pytest.param(name, marks=program_needed(name))


@pytest.mark.parametrize("name", map(needed, PROGRAMS))
def test_help(name):
    program = BIN / name
    overview = run(program, "--help").out
    assert run(program).out == overview == run(program, "help").out
    assert "usage: " + name in overview
    for command in COMMANDS[name]:
        words = command.split()
        assert f"  {command} " in overview
        text = run(program, "help", *words).out
        assert f"usage: {name} {command}" in text
        assert "examples:" in text and f"{name} {command}" in \
            text.split("examples:")[1]
        assert run(program, *words, "--help").out == text
        for line in text.splitlines():
            assert len(line) <= 100, line


@pytest.mark.parametrize("name", map(needed, PROGRAMS))
def test_all_commands_are_tested(name):
    overview = run(BIN / name, "--help").out
    section = overview.split("\ncommands:\n")[1].split("\n\n")[0]
    listed = [line[2:].split("  ")[0].strip()
              for line in section.splitlines()]
    assert listed == COMMANDS[name]


def test_help_on_a_group():
    """The commands that begin with a word, a line each."""
    program = BIN / "imprint"
    listed = run(program, "help", "log").out
    assert [line.split("  ")[1] for line in listed.splitlines()] == [
        c for c in COMMANDS["imprint"] if c.startswith("log ")]
    overview = run(program, "--help").out
    assert all(line in overview for line in listed.splitlines())
    assert run(program, "log", "--help").out == listed
    bare = run(program, "log", code=2)
    assert bare.out == "" and bare.err.endswith(listed)
    assert bare.err.startswith("imprint: log: which")
    assert json.loads(run(program, "log", "--json", code=2).out)["message"]
    assert "log xyzzy" in run(program, "help", "log", "xyzzy", code=2).err
    assert "usage: imprint log verify" in \
        run(program, "help", "log", "verify").out


@pytest.mark.parametrize("name", map(needed, PROGRAMS))
def test_version(name):
    words = run(BIN / name, "--version").out.split()
    assert words[0] == name and words[1][0].isdigit()


@pytest.mark.parametrize("argv, expected", [
    (["ordr", "list"], "order list"),
    (["order", "crate"], "order create"),
    (["prodct", "add"], "product add"),
    (["inti"], "init"),
    (["order", "list", "--jsno"], "--json"),
    (["order", "create", "--prodcut", "x"], "--product"),
])
def test_suggestions(argv, expected):
    err = run(BIN / "imprint", *argv, code=2).err
    assert "did you mean" in err and expected in err, err


@pytest.mark.parametrize("argv", [
    ["xyzzy"], ["order"], ["order", "list", "--frobnicate"],
    ["order", "list", "--json=yes"], ["order", "list", "--home"],
    ["--home"], ["order", "show"], ["order", "show", "x"],
    ["order", "show", "1", "2"], ["help", "xyzzy"], ["init"],
    ["init", "x", "--publish-url", URL], ["order", "create"],
    ["identity", "show"], ["identity", "verify"], ["product", "show"],
    ["identity", "list", "--count", "0"],
    ["identity", "list", "--count", "ten"],
    ["identity", "list", "--from", "-1"],
    ["order", "run", "1", "--workers", "0"],
    ["service", "add", "x"], ["service", "add", "../x", "--dns", "x"],
    ["order", "export", "1"], ["product", "diff"],
    ["product", "diff", "camera"], ["product", "diff", "a", "b", "c"],
    ["identity", "export"], ["identity", "export", "1"],
    ["identity", "export", "--format", "pem"],
    ["identity", "export", "1", "--order", "1", "--format", "pem"],
], ids=" ".join)
def test_usage(argv):
    result = run(BIN / "imprint", *argv, code=2, env={"HOME": "/nonexistent"})
    assert result.err.startswith("imprint: ") and result.out == ""


def test_json(issued):
    """Everything that takes --json prints one JSON value."""
    for argv in (["product", "list"], ["station", "list"], ["order", "list"],
                 ["order", "show", 1], ["order", "run", 1],
                 ["identity", "list"], ["identity", "show", 5],
                 ["identity", "find", 5]):
        json.loads(issued.imprint(*argv, "--json").out)
    for argv in (["order", "show", 9], ["identity", "show", 999],
                 ["product", "show", "x"], ["order", "cancel", 1]):
        result = issued.imprint(*argv, "--json", code=(3, 4))
        error = json.loads(result.out)
        assert error["error"] and error["message"] in result.err


def test_json_of_empty_lists(pristine):
    for what in ("product", "station", "order", "identity"):
        assert pristine.imprint(what, "list", "--json").json == []


def test_exit_codes(issued, tmp_path):
    """One of each (cmd/common/cmd.h)."""
    issued.imprint("order", "list", code=0)
    path = tmp_path / "document"
    path.write_bytes(issued.imprint("identity", "show", 1, "--format",
                                    "cose").raw)
    issued.imprint("identity", "verify", path, "--object", "x", "--method",
                   "GET", code=1)
    issued.imprint("order", "show", "x", code=2)
    issued.imprint("order", "show", 77, code=3)
    issued.imprint("order", "cancel", 1, code=4)


def test_init_refuses_to_overwrite(pristine, tmp_path):
    eco = pristine.copy(tmp_path / "eco")
    before = (eco.dir / "keystore").read_bytes()
    result = eco.imprint("init", "--publish-url", URL, code=4)
    assert "nothing was changed" in result.err
    assert (eco.dir / "keystore").read_bytes() == before
    eco.imprint("order", "list")


@pytest.mark.parametrize("url", [
    "", "pki.example.net", "ftp://pki.example.net", "https://",
    "https://pki.example.net/", "https://pki example.net",
    "https://pki.example.net/" + "x" * 200, "https://pki.example.net/\n"])
def test_init_bad_url(tmp_path, url):
    eco = init(tmp_path)
    eco.imprint("init", "--publish-url", url, code=2)
    assert not eco.dir.exists()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "A", "x" * 33,
                                  "-a", "é"])
def test_init_bad_name(tmp_path, name):
    eco = init(tmp_path)
    eco.imprint("--ecosystem", name, "init", "--publish-url", URL, code=2)
    assert not list(eco.home.rglob("keystore"))


def test_ecosystems_side_by_side(pristine, tmp_path):
    eco = pristine.copy(tmp_path / "eco")
    eco.imprint("--ecosystem", "other", "init", "--publish-url", URL)
    eco.imprint("--ecosystem", "other", "product", "add",
                PRODUCTS / "camera.yaml")
    assert eco.imprint("product", "list", "--json").json == []
    eco.imprint("--ecosystem", "none", "product", "list", code=3)


def test_modes(issued):
    """Private but for what any web server may serve; the umask changes
    nothing."""
    published = issued.dir / "publish"
    for path in [issued.home, *issued.home.rglob("*")]:
        mode = stat.S_IMODE(path.lstat().st_mode)
        public = published in [path, *path.parents]
        if path.is_dir():
            assert mode == (0o755 if public else 0o700), path
        else:
            assert mode == (0o644 if public else 0o600), path


@pytest.mark.parametrize("mask", (0, 0o077))
def test_modes_under_umask(tmp_path, mask):
    eco = init(tmp_path)
    old = os.umask(mask)
    try:
        eco.imprint("init", "--publish-url", URL)
        eco.imprint("product", "add", PRODUCTS / "camera.yaml")
        eco.station_add("line-1")
        eco.order(2, "line-1")
        eco.imprint("order", "run", 1)
        eco.imprint("publish")
    finally:
        os.umask(old)
    test_modes(eco)


def tighten(publish):
    """As earlier versions left it under an umask of 077."""
    for path in [publish, *publish.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)


@pytest.mark.parametrize("command", (["publish"], ["log", "publish"]))
def test_modes_mended(issued, tmp_path, command):
    eco = issued.copy(tmp_path / "eco")
    tighten(eco.dir / "publish")
    eco.imprint(*command)
    test_modes(eco)


def test_modes_of_tiles_mended(issued, tmp_path):
    """Those of the log alone, which no other publication looks at; and what
    others put there is left as it is."""
    eco = issued.copy(tmp_path / "eco")
    publish = eco.dir / "publish"
    bulk = sorted((publish / "log/bulk/tile/0").rglob("*"))
    assert bulk
    bulk[-1].chmod(0o600)
    (publish / "keys").symlink_to("../keystore")
    eco.imprint("log", "publish", "bulk")
    (publish / "keys").unlink()
    test_modes(eco)


def test_nothing_secret_in_the_clear(issued):
    """No private key and no passphrase in any other file."""
    keys = reader.keystore_open(issued.dir / "keystore", PASSPHRASE.encode())
    secrets = [PASSPHRASE.encode()]
    for key in keys.values():
        if isinstance(key, bytes):
            secrets.append(key)
        elif hasattr(key, "private_numbers"):
            secrets.append(key.private_numbers().private_value.to_bytes(
                32, "big"))
    assert len(secrets) == 11
    for path in issued.home.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not any(s in data for s in secrets), path


def test_passphrase_wrong(pristine, tmp_path):
    eco = pristine.copy(tmp_path / "eco")
    eco.passphrase.write_text("wrong\n")
    result = eco.imprint("identity", "list", code=5)
    assert "wrong passphrase" in result.err and "keystore" in result.err
    result = eco.imprint("product", "add", PRODUCTS / "camera.yaml", code=5)
    assert "wrong passphrase" in result.err
    assert eco.imprint("product", "list", "--json").json == []


def test_passphrase_ways(pristine, tmp_path):
    program = [BIN / "imprint", "--home", pristine.home]
    run(*program, "--passphrase-fd", "0", "identity", "list",
        stdin=PASSPHRASE.encode())
    run(*program, "--passphrase-fd", "0", "identity", "list", code=2)
    run(*program, "--passphrase-fd", "77", "identity", "list", code=(2, 6))
    run(*program, "--passphrase-file", tmp_path / "none", "identity", "list",
        code=3)
    empty = tmp_path / "empty"
    empty.write_text("\n")
    empty.chmod(0o600)
    run(*program, "--passphrase-file", empty, "identity", "list", code=2)
    empty.write_text("x" * 5000)
    run(*program, "--passphrase-file", empty, "identity", "list", code=2)
    done = subprocess.run([*program, "identity", "list"],
                          stdin=subprocess.DEVNULL, capture_output=True,
                          start_new_session=True, timeout=60)
    assert done.returncode == 2 and b"--passphrase-file" in done.stderr


def test_operator_passphrase(tmp_path):
    eco = init(tmp_path)
    other = tmp_path / "operator"
    other.write_text("tr0ub4dor\n")
    other.chmod(0o600)
    option = ["--operator-passphrase-file", other]
    eco.imprint(*option, "init", "--publish-url", URL)
    add = ["product", "add", PRODUCTS / "camera.yaml"]
    eco.imprint(*add, code=5)
    eco.imprint(*option, *add)
    eco.imprint("identity", "list")


unprivileged = pytest.mark.skipif(
    os.geteuid() != 0, reason="changes to another user: needs root")


def as_nobody(eco, *argv, code):
    """Root reads everything: run as a user that has no rights here."""
    argv = [str(a) for a in [BIN / "imprint", *eco.options(), *argv]]
    done = subprocess.run(argv, capture_output=True, user=65534,
                          group=65534, extra_groups=[], timeout=60)
    assert done.returncode == code, (argv, done)
    return done.stderr.decode()


@unprivileged
def test_no_permission(pristine, tmp_path_factory):
    root = tmp_path_factory.mktemp("nobody")
    let_through(root)
    eco = pristine.copy(root / "eco")
    eco.root.chmod(0o755)
    os.chown(eco.passphrase, 65534, 65534)
    assert as_nobody(eco, "order", "list", code=5)
    assert as_nobody(eco, "product", "add", PRODUCTS / "camera.yaml", code=5)
    # frozen for everybody: readers work, writers say why not
    for path in [eco.home, *eco.home.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    as_nobody(eco, "order", "list", code=0)
    as_nobody(eco, "identity", "list", code=0)
    err = as_nobody(eco, "product", "add", PRODUCTS / "camera.yaml", code=5)
    assert "ermission" in err
    err = as_nobody(eco, "--ecosystem", "new", "init", "--publish-url", URL,
                    code=5)
    assert "ermission" in err


def test_busy(stocked, tmp_path):
    """Whoever writes is alone; readers are not kept waiting."""
    eco = stocked.copy(tmp_path / "eco")
    eco.order(2, "line-1")
    with open(eco.dir / "lock", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for argv in (["product", "add", PRODUCTS / "camera.yaml"],
                     ["order", "run", 1], ["order", "cancel", 1],
                     ["service", "add", "x", "--dns", "x.example", "--out",
                      tmp_path],
                     ["identity", "export", 0, "--format", "jwt"]):
            result = eco.imprint(*argv, code=7)
            assert "another" in result.err
        eco.imprint("order", "list")
        eco.imprint("identity", "list")
    eco.imprint("order", "run", 1)


def test_busy_for_real(stocked, tmp_path):
    """Two runs of one order at the same time: one works, one is turned
    away; stopped by a signal, it goes on later from where it was."""
    eco = stocked.copy(tmp_path / "eco")
    eco.order(30000, "line-1", chunk=64)
    argv = [BIN / "imprint", *eco.options(), "order", "run", "1"]
    first = subprocess.Popen([str(a) for a in argv], stderr=subprocess.PIPE,
                             stdout=subprocess.PIPE)
    part = eco.pack().with_suffix(".pack.part")
    try:
        for _ in range(1000):
            if part.exists() and part.stat().st_size > 10000:
                break
            time.sleep(0.01)
        eco.imprint("order", "run", 1, code=7)
        assert eco.imprint("order", "list", "--json").json[0]["state"] == \
            "open"
        first.send_signal(signal.SIGINT)
        _, err = first.communicate(timeout=60)
    finally:
        first.kill()
    assert first.returncode == 130, err
    assert b"nothing is lost" in err
    committed = eco.imprint("order", "list", "--json").json[0]["committed"]
    assert 0 < committed < 30000
    note = reader.Checkpoint(
        (eco.dir / "publish/log/bulk/checkpoint").read_bytes())
    assert note.size >= committed
    eco.imprint("order", "cancel", 1)
    eco.imprint("order", "run", 1, code=4)
    eco.imprint("identity", "show", 0)


def test_clock_before_root(stocked, clock, tmp_path):
    """A clock that is wrong signs nothing."""
    eco = stocked.copy(tmp_path / "eco")
    eco.order(2, "line-1")
    early = clock("2001-01-01T00:00:00Z")
    result = eco.imprint("order", "run", 1, env=early, code=4)
    assert "2001-01-01T00:00:00Z" in result.err and "clock" in result.err
    assert eco.imprint("identity", "list", "--json").json == []
    eco.imprint("order", "run", 1)
    eco.check_complete()


def test_clock_at_issuance(stocked, clock, tmp_path):
    """Times come from the clock, in certificates and documents alike; a
    leap day twenty years on is a day that exists."""
    eco = stocked.copy(tmp_path / "eco")
    eco.order(1, "line-1")
    then = clock("2080-02-29T12:34:56Z")
    eco.imprint("order", "run", 1, env=then, code=4)
    eco.imprint("clock", "accept", env=then)
    eco.imprint("order", "run", 1, env=then)
    shown = eco.imprint("identity", "show", 0, "--json").json
    assert shown["issued"] == "2080-02-29T12:34:56Z"
    der = eco.imprint("identity", "show", 0, "--format", "der").raw
    certificate = reader.x509.load_der_x509_certificate(der)
    assert str(certificate.not_valid_before) == "2080-02-29 12:34:56"
    assert certificate.not_valid_after.isoformat()[:7] == "2100-02" or \
        certificate.not_valid_after.isoformat()[:10] == "2100-03-01"


def test_precedence(pristine, stocked, tmp_path):
    """Command line, then configuration, then default."""
    config = tmp_path / "imprint.conf"
    home = tmp_path / "user"
    (home / ".config").mkdir(parents=True)
    program = BIN / "imprint"
    samples = len(list(PRODUCTS.glob("*.yaml")))
    env = {"HOME": str(home)}

    def products(*argv, code=0):
        return run(program, *argv, "product", "list", "--json", env=env,
                   code=code).out.count('"product"')

    products(code=3)                            # ~/.imprint is not there
    config.write_text(f"# comment\n\nhome = {stocked.home}\n")
    assert products("--config", config) == samples
    assert products("--config", config, "--home", pristine.home) == 0
    usual = home / ".config/imprint.conf"
    usual.write_text(f"home={pristine.home}\n")
    assert products() == 0
    assert products("--home", stocked.home) == samples
    assert products("--config", config) == samples
    usual.write_text(f"home = {stocked.home}\necosystem = none\n")
    products(code=3)
    assert products("--ecosystem", "default") == samples
    usual.write_text(f"home = {stocked.home}\n"
                     f"passphrase-file = {stocked.passphrase}\n")
    run(program, "identity", "list", env=env)
    (home / ".imprint").symlink_to(stocked.home)
    usual.unlink()
    assert products() == samples


def test_service_add(stocked, tmp_path):
    eco = stocked.copy(tmp_path / "eco")
    add = ["service", "add", "collector", "--out", tmp_path, "--dns"]
    eco.imprint(*add, "collector.example.net")
    key = tmp_path / "collector.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    run("openssl", "pkey", "-in", key, "-check", "-noout")
    root = tmp_path / "root.pem"
    run("openssl", "x509", "-inform", "DER", "-in",
        eco.dir / "publish/ca/root.cer", "-out", root)
    pem = tmp_path / "collector.pem"
    verify = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver",
              "-CAfile", root, "-untrusted", pem]
    run(*verify, "-verify_hostname", "collector.example.net", pem)
    run(*verify, "-verify_hostname", "other.example.net", pem, code=2)
    before = key.read_bytes()
    eco.imprint(*add, "collector.example.net", code=4)
    assert key.read_bytes() == before
    for name in ("", "-x.example", "x-.example", "a b", "x" * 300,
                 "x" * 64 + ".example", "a..b", ".a", "a.", "*.example",
                 "Example", "127.0.0.1", "é"):
        eco.imprint("service", "add", "other", "--out", tmp_path,
                    f"--dns={name}", code=2)
    assert not (tmp_path / "other.key").exists()
    eco.imprint("service", "add", "other", "--out", tmp_path, "--dns",
                "x1-y." + "a" * 63 + ".example2")


def test_service_by_the_name_of_an_authority(stocked, tmp_path):
    eco = stocked.copy(tmp_path / "eco")
    for name in ("root", "bulk", "document", "infra"):
        eco.imprint("service", "add", name, "--out", tmp_path, "--dns",
                    f"{name}.example")
    eco.order(1, "line-1")
    eco.imprint("order", "run", 1)
    eco.check_complete()


def test_order_create_refuses(stocked, tmp_path):
    eco = stocked.copy(tmp_path / "eco")
    create = ["order", "create", "--product", "camera", "--station",
              "line-1", "--count"]
    for count, code in ((0, 2), (-1, 2), ("many", 2), (10 ** 18, 2),
                        (10 ** 9, 2)):
        eco.imprint(*create, count, code=code)
    eco.imprint("order", "create", "--product", "toaster", "--count", 1,
                "--station", "line-1", code=3)
    result = eco.imprint("order", "create", "--product", "camera", "--count",
                         1, "--station", "line-77", code=3)
    assert "station add" in result.err
    eco.imprint(*create, 1, "--split", 2, code=2)
    eco.imprint("order", "create", "--product", "camera", "--count", 3,
                "--station", "line-1", "--station", "line-2", "--split", 3,
                code=2)
    assert eco.imprint("order", "list", "--json").json == []


def test_order_split(stocked, tmp_path):
    eco = stocked.copy(tmp_path / "eco")
    eco.imprint("order", "create", "--product", "camera", "--count", 10,
                "--station", "line-1", "--split", 3)
    eco.imprint("order", "run", 1)
    packs = eco.imprint("order", "show", 1, "--json").json["packs"]
    assert [p["count"] for p in packs] == [4, 3, 3]
    eco.check_complete()
    before = eco.pack().read_bytes()
    eco.imprint("order", "run", 1)      # complete: nothing happens
    assert eco.pack().read_bytes() == before


def another(digits):
    """The last one differs."""
    return digits[:-1] + ("1" if digits[-1] == "0" else "0")


def test_identity_ways(issued):
    """The same identity by index, UEID, serial number and name."""
    shown = issued.imprint("identity", "show", 42, "--json").json
    ueid = shown["identity"]["ueid"]
    der = issued.imprint("identity", "show", 42, "--format", "der").raw
    serial = reader.x509.load_der_x509_certificate(der).serial_number
    serial = serial.to_bytes(17, "big").hex()
    colons = ":".join(serial[i:i + 2] for i in range(0, 34, 2))
    for word, kind in (("42", "index"), ("bulk/42", "index"),
                       (ueid, "UEID"), (ueid.upper(), "UEID"),
                       (serial, "serial"), (colons.upper(), "serial"),
                       ("CAM-000000042", "name")):
        found = issued.imprint("identity", "find", word, "--json").json
        assert found["index"] == 42 and kind.lower() in \
            found["kind"].lower()
    for word in ("300", "CAM-000000300", "CAM-42", another(ueid),
                 another(serial)):
        issued.imprint("identity", "find", word, code=3)


def test_closed_standard_output(issued):
    """A reader that went away is no crash; a full disk is told."""
    argv = [str(a) for a in [BIN / "imprint", *issued.options(), "identity",
                             "list", "--count", "300"]]
    with open("/dev/full", "w") as full:
        done = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 6 and b"standard output" in done.stderr
    process = subprocess.Popen(argv, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    process.stdout.close()
    process.stderr.read()
    assert process.wait() in (0, 6)


def aborted(argv, cwd):
    """Did a program that waits for its passphrase dump core when told?"""
    script = "ulimit -c unlimited && exec \"$@\""
    process = subprocess.Popen(["sh", "-c", script, "sh", *map(str, argv)],
                               stdin=subprocess.PIPE, cwd=cwd)
    for _ in range(1000):
        # it sleeps in read() once it has come that far
        with open(f"/proc/{process.pid}/wchan") as f, \
                open(f"/proc/{process.pid}/comm") as g:
            if g.read().strip() != "sh" and "read" in f.read():
                break
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGABRT)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = 0
    process.stdin.close()
    assert os.WIFSIGNALED(status)
    return os.WCOREDUMP(status)


def test_no_core_dumps(pristine, tmp_path):
    """Where keys live there are no core dumps, whatever the limit says."""
    if not aborted(["cat"], tmp_path):
        pytest.skip("nothing dumps core here")
    assert not aborted([BIN / "imprint", "--home", pristine.home,
                        "--passphrase-fd", "0", "identity", "list"],
                       tmp_path)


def test_fresh_ecosystems_differ(pristine, tmp_path):
    other = make_ecosystem(tmp_path)
    a = reader.keystore_open(pristine.dir / "keystore", PASSPHRASE.encode())
    b = reader.keystore_open(other.dir / "keystore", PASSPHRASE.encode())
    assert a["index.ueid"] != b["index.ueid"]
    ids = [reader.rows(e.db, "SELECT value FROM meta WHERE name = "
                       "'ecosystem-id'")[0][0] for e in (pristine, other)]
    assert ids[0] != ids[1]


@pytest.mark.parametrize("name", ["", "ecosystems", "ecosystems/default",
                                  "ecosystems/default/keystore"])
def test_home_that_others_can_write_to(stocked, tmp_path, name):
    eco = stocked.copy(tmp_path / "eco")
    path = eco.home / name
    path.chmod(path.stat().st_mode | 0o020)
    result = eco.imprint("order", "list", code=5)
    assert "others may write to it" in result.err
    assert "chmod go-w" in result.err


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2),
                                    (0, 1, 2)])
def test_closed_descriptors(stocked, tmp_path, closed):
    """What is printed into a closed descriptor lands in no file of ours."""
    eco = stocked.copy(tmp_path / "eco")
    before = {p: p.read_bytes() for p in eco.dir.rglob("*") if p.is_file()
              and p.suffix not in (".db", ".db-wal", ".db-shm")}

    def close():
        for fd in closed:
            os.close(fd)

    argv = [str(BIN / "imprint"), *map(str, eco.options())]
    for command in (["order", "list"], ["order", "run", "77"],
                    ["product", "add", str(PRODUCTS / "camera.yaml")]):
        done = subprocess.run([*argv, *command], preexec_fn=close,
                              check=False)
        assert done.returncode >= 0
        if command == ["product", "add", str(PRODUCTS / "camera.yaml")]:
            assert done.returncode == (6 if 1 in closed else 0)
    for path, content in before.items():
        assert path.read_bytes() == content, path
    eco.imprint("product", "list")


def test_passphrase_on_the_terminal(tmp_path):
    argv = [str(BIN / "imprint"), "--home", str(tmp_path / "home"), "init",
            "--publish-url", URL]
    code, shown = on_terminal(argv, [
        (b"Passphrase of the keystore: ", b"typed-once\n"),
        (b"once more: ", b"typed-otherwise\n")])
    assert code == 2 and b"the two differ" in shown
    code, shown = on_terminal(argv, [
        (b"Passphrase of the keystore: ", b"typed-secret\n"),
        (b"once more: ", b"typed-secret\n")])
    assert code == 0, shown
    assert b"typed-secret" not in shown     # no echo
    eco = tmp_path / "pass"
    eco.write_text("typed-secret\n")
    eco.chmod(0o600)
    run(BIN / "imprint", "--home", tmp_path / "home", "--passphrase-file",
        eco, "identity", "list")


def test_progress_on_the_terminal(stocked, tmp_path):
    eco = stocked.copy(tmp_path / "eco")
    number = eco.order(3000, "line-1")
    code, shown = on_terminal(
        [str(BIN / "imprint"), *map(str, eco.options()), "order", "run",
         str(number)], [])
    assert code == 0
    assert b"issuing [" in shown and b"3,000 of 3,000 identities" in shown
