"""Passphrases where nobody sits at a terminal: options, credentials of the
service manager, configuration; in which order, and what is refused. The
example service."""
import ctypes
import errno
import os
import platform
import re
import shutil
import socket
import struct
import subprocess
from pathlib import Path

import pytest

from conftest import (BIN, PASSPHRASE, PRODUCTS, ROOT, URL, init,
                      let_through, run)
from imprintd import Server

UNIT = ROOT / "examples/systemd/imprint-order@.service"
WRONG = "wrong horse"
SOCKET = {"x86_64": 41, "aarch64": 198}.get(platform.machine())


def tool(name):
    return pytest.mark.skipif(shutil.which(name) is None,
                              reason=f"{name} is not installed")


class Asked:
    """imprint on a home, with nobody to ask."""

    def __init__(self, eco, root):
        self.home = eco.home
        self.root = root
        self.credentials = root / "credentials"
        self.credentials.mkdir(mode=0o700)

    def file(self, text, name="file", mode=0o600):
        path = self.root / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return path

    def credential(self, text, name="imprint-passphrase", mode=0o400):
        path = self.credentials / name
        path.unlink(missing_ok=True)
        return self.file(text, path.relative_to(self.root), mode)

    def run(self, *argv, code=0, stdin=b"", directory=None):
        """In a session of its own: without a terminal."""
        env = {k: v for k, v in os.environ.items()
               if k != "CREDENTIALS_DIRECTORY"}
        env["HOME"] = str(self.root)
        if directory is None and any(self.credentials.iterdir()):
            directory = self.credentials
        if directory is not None:
            env["CREDENTIALS_DIRECTORY"] = str(directory)
        argv = [str(a) for a in [BIN / "imprint", "--home", self.home, *argv]]
        done = subprocess.run(argv, input=stdin, capture_output=True, env=env,
                              start_new_session=True, timeout=60)
        err = done.stderr.decode()
        assert "Sanitizer" not in err and done.returncode == code, (argv, err)
        return err


@pytest.fixture
def asked(pristine, tmp_path):
    eco = pristine.copy(tmp_path / "eco")
    return Asked(eco, tmp_path)


LIST = ["identity", "list"]     # needs the keystore


def test_credential(asked):
    err = asked.run(*LIST, code=2)
    assert "no terminal" in err and "credential imprint-passphrase" in err
    for text in (PASSPHRASE, PASSPHRASE + "\n", PASSPHRASE + "\r\n"):
        asked.credential(text)
        asked.run(*LIST)


def test_the_first_that_is_there(asked):
    """Option, credential, configuration; a bad one is not passed over."""
    right, wrong = asked.file(PASSPHRASE, "right"), asked.file(WRONG, "wrong")
    config = asked.root / "config"
    config.write_text(f"passphrase-file = {right}\n")
    asked.run("--config", config, *LIST)
    asked.credential(WRONG)
    asked.run("--config", config, *LIST, code=5)
    asked.run("--config", config, "--passphrase-file", right, *LIST)
    asked.run("--config", config, "--passphrase-fd", 0, *LIST,
              stdin=PASSPHRASE.encode())
    asked.credential(PASSPHRASE)
    config.write_text(f"passphrase-file = {wrong}\n")
    asked.run("--config", config, *LIST)
    asked.run("--passphrase-file", wrong, *LIST, code=5)
    asked.run("--passphrase-fd", 0, *LIST, stdin=WRONG.encode(), code=5)
    err = asked.run("--passphrase-file", right, "--passphrase-fd", 0, *LIST,
                    stdin=PASSPHRASE.encode(), code=2)
    assert "give one of them" in err


def test_operators_credential(tmp_path):
    eco = init(tmp_path / "eco")
    asked = Asked(eco, tmp_path)
    asked.credential(PASSPHRASE)
    operator = asked.credential("tr0ub4dor", "imprint-operator-passphrase")
    asked.run("init", "--publish-url", URL)
    add = ["product", "add", PRODUCTS / "camera.yaml"]
    asked.run(*add)
    operator.unlink()
    assert "wrong passphrase" in asked.run(*add, code=5)
    asked.run("--operator-passphrase-fd", 0, *add, stdin=b"tr0ub4dor\n")
    asked.run(*LIST)    # needs no operator
    # both from one descriptor, a line each
    asked.run("--passphrase-fd", 0, "--operator-passphrase-fd", 0, *add,
              stdin=f"{PASSPHRASE}\ntr0ub4dor\n".encode())


def test_bounds(asked):
    option = ["--passphrase-file", asked.root / "file"]
    for text, code, words in (
            ("", 2, "is empty"), ("\n", 2, "is empty"),
            ("\r\n", 2, "is empty"), ("x" * 1025, 2, "too long"),
            ("x" * 1024, 5, "wrong passphrase"),
            ("x" * 1024 + "\n", 5, "wrong passphrase"),
            (PASSPHRASE + "\n\n", 0, ""), (PASSPHRASE + "\nmore", 0, "")):
        asked.file(text)
        assert words in asked.run(*option, *LIST, code=code), text
    for text, code, words in (
            ("", 2, "is empty"), ("\n", 2, "is empty"),
            ("x" * 1025, 2, "too long"),
            ("x" * 1024 + "\n", 5, "wrong passphrase"),
            (PASSPHRASE + "\n\n", 2, "more than one line"),
            (PASSPHRASE + "\nmore", 2, "more than one line"),
            (PASSPHRASE + "\n\0", 2, "more than one line"),
            (PASSPHRASE + " \n", 5, "wrong passphrase")):
        asked.credential(text)
        assert words in asked.run(*LIST, code=code), text


def test_no_file(asked):
    asked.run("--passphrase-file", asked.root / "none", *LIST, code=3)
    asked.run("--passphrase-file", asked.root, *LIST, code=6)
    # a directory without ours, none at all, one that is no absolute path
    for directory in (asked.credentials, asked.root / "none", "credentials",
                      ""):
        assert "no terminal" in asked.run(*LIST, code=2, directory=directory)
    (asked.credentials / "imprint-passphrase").mkdir()
    assert "imprint-passphrase" in asked.run(*LIST, code=6)


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o620, 0o601, 0o666, 0o644])
def test_modes_refused(asked, mode):
    path = asked.file(PASSPHRASE, mode=mode)
    err = asked.run("--passphrase-file", path, *LIST, code=5)
    assert f"{mode:04o}" in err and f"chmod 600 {path}" in err
    path = asked.credential(PASSPHRASE, mode=mode)
    assert str(path) in asked.run(*LIST, code=5)


@pytest.mark.parametrize("mode", [0o400, 0o600])
def test_modes_taken(asked, mode):
    asked.run("--passphrase-file", asked.file(PASSPHRASE, mode=mode), *LIST)
    asked.credential(PASSPHRASE, mode=mode)
    asked.run(*LIST)


@pytest.mark.parametrize("mode", [0o640, 0o440, 0o610])
def test_modes_of_credentials(asked, mode):
    """A manager of services may give the group, or an ACL that looks like
    it, the right to read. Nobody else may."""
    path = asked.file(PASSPHRASE, mode=mode)
    err = asked.run("--passphrase-file", path, *LIST, code=5)
    assert f"{mode:04o}" in err and f"chmod 600 {path}" in err
    asked.credential(PASSPHRASE, mode=mode)
    asked.run(*LIST)


def test_pipe(asked):
    """A pipe has no mode that would matter."""
    fifo = asked.root / "fifo"
    os.mkfifo(fifo, 0o666)
    writer = subprocess.Popen(["sh", "-c", f"echo '{PASSPHRASE}' > {fifo}"])
    asked.run("--passphrase-file", fifo, *LIST)
    assert writer.wait(10) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="changes to another user")
def test_file_of_another_user(asked, tmp_path_factory):
    root = tmp_path_factory.mktemp("another")
    let_through(root)
    shutil.copytree(asked.home, root / "home")
    for path in [root / "home", *(root / "home").rglob("*")]:
        os.chown(path, 65534, 65534)
    secret = root / "secret"
    secret.write_text(PASSPHRASE)
    argv = [str(a) for a in [BIN / "imprint", "--home", root / "home",
                             "--passphrase-file", secret, *LIST]]
    for owner, mode, code in ((1, 0o640, 5), (0, 0o640, 5),
                              (65534, 0o600, 0), (1, 0o600, 5)):
        os.chown(secret, owner, 65534)
        secret.chmod(mode)
        done = subprocess.run(argv, user=65534, group=65534, extra_groups=[],
                              capture_output=True, timeout=60)
        assert done.returncode == code, (owner, mode, done.stderr)


def test_never_from_the_environment(asked):
    """Neither a variable of that name nor the directory's own value."""
    for name in ("IMPRINT_PASSPHRASE", "PASSPHRASE", "passphrase"):
        os.environ[name] = PASSPHRASE
    try:
        asked.run(*LIST, code=2)
        asked.run(*LIST, code=2, directory=PASSPHRASE)
    finally:
        for name in ("IMPRINT_PASSPHRASE", "PASSPHRASE", "passphrase"):
            del os.environ[name]


def test_order_unattended(stocked, tmp_path):
    eco = stocked.copy(tmp_path / "eco")
    asked = Asked(eco, tmp_path)
    eco.order(20, "line-1", chunk=8)
    asked.credential(PASSPHRASE)
    asked.run("order", "run", 1)
    eco.check_complete()


# The tools of the service manager, where they are installed

@tool("systemd-creds")
def test_encrypted_credential(asked):
    """What systemd-creds made of a passphrase is what is taken."""
    plain = asked.file(PASSPHRASE + "\n", "plain")
    sealed = asked.root / "sealed"
    encrypt = ["systemd-creds", "encrypt", "--name=imprint-passphrase",
               "--with-key=tpm2-absent", plain, sealed]
    done = subprocess.run(encrypt, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("systemd-creds has no key for this")
    assert PASSPHRASE.encode() not in sealed.read_bytes()
    path = asked.credentials / "imprint-passphrase"
    run("systemd-creds", "decrypt", "--name=imprint-passphrase", sealed, path)
    path.chmod(0o400)
    asked.run(*LIST)
    done = subprocess.run(
        ["systemd-creds", "cat", "imprint-passphrase"], capture_output=True,
        check=True, env={**os.environ,
                         "CREDENTIALS_DIRECTORY": str(asked.credentials)})
    assert done.stdout.decode().rstrip("\n") == PASSPHRASE


@tool("systemd-run")
@pytest.mark.skipif(not Path("/run/systemd/system").exists(),
                    reason="systemd does not run here")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_credential_of_a_service(asked):
    path = asked.file(PASSPHRASE, "plain")
    run("systemd-run", "--wait", "--pipe", "--quiet", "-p",
        f"LoadCredential=imprint-passphrase:{path}", BIN / "imprint",
        "--home", asked.home, *LIST)


@pytest.fixture
def unit(tmp_path):
    """The example, running the program under test."""
    text = UNIT.read_text()
    assert text.count("ExecStart=/usr/bin/imprint ") == 1
    path = tmp_path / UNIT.name
    path.write_text(text.replace("ExecStart=/usr/bin/imprint ",
                                 f"ExecStart={BIN}/imprint "))
    return path


@tool("systemd-analyze")
def test_unit(unit):
    result = run("systemd-analyze", "--man=no", "verify", unit)
    assert result.err == "" and result.out == ""


@tool("systemd-analyze")
def test_unit_is_hardened(unit):
    """0 is best, 10 exposes everything; --threshold is in tenths."""
    result = run("systemd-analyze", "security", "--offline=yes",
                 "--threshold=10", unit)
    assert "Overall exposure level" in result.out


def system_calls(text, group):
    """The calls of a group, by what systemd-analyze says."""
    part = re.search(rf"^{re.escape(group)}\n((?:    .*\n)*)", text, re.M)
    found = set()
    for word in (line.strip() for line in part.group(1).splitlines()):
        if word.startswith("@"):
            found |= system_calls(text, word)
        elif not word.startswith("#"):
            found.add(word)
    return found


def families(unit):
    """As RestrictAddressFamilies= does: other sockets fail as unknown."""
    said, = re.findall(r"^RestrictAddressFamilies=(.*)$", unit.read_text(),
                       re.M)
    load, equal, end = 0x20, 0x15, 0x06     # BPF
    allow, refuse = 0x7fff0000, 0x00050000 | errno.EAFNOSUPPORT
    names = [] if said == "none" else said.split()
    steps = [(load, 0, 0, 0), (equal, 0, len(names) + 2, SOCKET),
             (load, 0, 0, 16)]
    steps += [(equal, len(names) - i, 0, getattr(socket, name))
              for i, name in enumerate(names)]
    steps += [(end, 0, 0, refuse), (end, 0, 0, allow)]
    program = b"".join(struct.pack("=HBBI", *step) for step in steps)

    def confine():
        libc = ctypes.CDLL(None, use_errno=True)
        octets = ctypes.create_string_buffer(program)
        filter_ = struct.pack("@HP", len(steps), ctypes.addressof(octets))
        if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, filter_, 0, 0):
            os._exit(99)
    return confine


@pytest.mark.skipif(SOCKET is None, reason="its number is not known here")
def test_unit_beside_a_server(stocked, tmp_path):
    """Both come in one package: the order is run by the server."""
    eco = stocked.copy(tmp_path / "eco")
    eco.order(40, "line-1", chunk=8)
    argv = [BIN / "imprint", *eco.options(), "order", "run", "1"]
    shut = tmp_path / "shut.service"
    shut.write_text("RestrictAddressFamilies=none\n")
    with Server(eco):
        done = subprocess.run(argv, preexec_fn=families(shut),
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 7 and "cannot be reached" in done.stderr
        subprocess.run(argv, preexec_fn=families(UNIT), check=True,
                       capture_output=True, timeout=60)
    assert "complete" in eco.imprint("order", "show", 1).out


@tool("systemd-analyze")
@tool("strace")
def test_unit_allows_what_is_needed(stocked, tmp_path):
    """Every system call of a run is one that the service may do."""
    eco = stocked.copy(tmp_path / "eco")
    eco.order(40, "line-1", chunk=8)
    trace = tmp_path / "trace"
    run("strace", "-f", "-o", trace, BIN / "imprint", *eco.options(), "order",
        "run", 1)
    used = set(re.findall(r"^\d+ +(\w+)\(", trace.read_text(), re.M))
    assert {"openat", "fdatasync", "mlock"} <= used
    groups = run("systemd-analyze", "syscall-filter").out
    allowed = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", UNIT.read_text(),
                           re.M):
        for word in line.lstrip("~").split():
            if line.startswith("~"):
                allowed -= system_calls(groups, word)
            else:
                allowed |= system_calls(groups, word)
    assert "read" in allowed and "reboot" not in allowed
    used -= {"execve"}      # the service manager's
    if os.geteuid() == 0:
        used -= {"fchown"}  # SQLite, as root only
    assert used <= allowed
