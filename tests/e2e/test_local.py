"""Commands while imprintd runs: over its local socket, the same signed
requests; and what else may come over that."""
import array
import contextlib
import json
import os
import pwd
import signal
import socket
import subprocess
import time

import cbor2
import pytest

import reader
import test_modes
import test_names
import test_reconcile
from conftest import (BIN, PASSPHRASE, Station, let_through, program_needed,
                      run)
from imprintd import PATIENCE_S, Authority, Server, wait_for
from test_imprintd_enrol import (ENROL, Field, Issued, factory,  # noqa: F401
                                 post)
from test_reconcile import made     # noqa: F401

pytestmark = program_needed("imprintd")

SUBMIT, RUN, PUBLISH, ANSWER, ERROR = 16, 17, 18, 64, 66
ERR_BUSY, ERR_SYNTAX, ERR_LIMIT, ERR_AUTH = 7, 8, 9, 13
ERR_INVALID, ERR_CONFLICT, ERR_CLOCK = 14, 15, 19
REQUEST_TYP = "application/imprint-request+cose"
STATION_ADD, ORDER_CANCEL = 2, 5
CLOCK, EPOCH, SIGNER_NEW = 8, 10, 11
MANY = 400000


class Operator:
    """The first operator's key, and requests signed by it, without our
    code."""

    def __init__(self, eco):
        keys = reader.keystore_open(eco.dir / "operators/admin.key",
                                    PASSPHRASE.encode())
        self.key = keys["operator"]
        self.ecosystem = reader.rows(
            eco.db, "SELECT value FROM meta WHERE name = 'ecosystem-id'")[0][0]

    def request(self, kind, body, ident=None, when=None, ecosystem=None,
                typ=REQUEST_TYP, key=None):
        return reader.sign1(key or self.key, typ, reader.cbor_encode(
            [1, ecosystem or self.ecosystem, ident or os.urandom(16), kind,
             int(when or time.time()), body]))


class Line:
    """The local socket, as a stranger to our code speaks it."""

    def __init__(self, eco):
        self.end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.end.settimeout(PATIENCE_S)
        here = os.open(eco.dir, os.O_PATH)
        self.end.connect(f"/proc/self/fd/{here}/imprintd.socket")
        os.close(here)
        self.call = 0

    def send(self, raw, files=()):
        self.end.sendmsg([raw], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                  array.array("i", files))] if files else [])

    def put(self, kind, body, files=()):
        self.call += 1
        self.send(cbor2.dumps([1, self.call, kind, body]), files)

    def take(self):
        """(type, body, octets); None: cut off"""
        try:
            raw, files, _, _ = socket.recv_fds(self.end, 1 << 16, 4)
        except ConnectionResetError:
            return None
        if not raw:
            return None
        version, call, kind, body = cbor2.loads(raw)
        assert (version, call) == (1, self.call)
        octets = None
        if files:
            with open(files[0], "rb") as file:
                file.seek(0)
                octets = file.read()
        return kind, body, octets

    def ask(self, kind, body, files=()):
        self.put(kind, body, files)
        return self.take()

    def submit(self, request):
        with memory(request) as file:
            return self.ask(SUBMIT, [False, False, "", "", "", "", "", b""],
                            [file])


@contextlib.contextmanager
def memory(octets):
    file = os.memfd_create("request")
    os.write(file, octets)
    yield file
    os.close(file)


def refused(answer, err):
    kind, body, _ = answer
    assert (kind, body[0]) == (ERROR, err), answer
    return body[1]


def check_sound(eco):
    assert eco.imprint("log", "verify").code == 0
    assert eco.imprint("doctor").code == 0


def test_commands(eco, tmp_path):
    """All that the socket is for, by the commands themselves."""
    with Server(eco) as server:
        assert eco.imprint("product", "list", "--json").json
        eco.station_add("line-3")
        number = eco.order(300, "line-3", chunk=64)
        ran = eco.imprint("order", "run", number, "--json").json
        assert (ran["state"], ran["issued"]) == ("complete", 300)
        # complete: again is nothing
        assert eco.imprint("order", "run", number,
                           "--json").json["issued"] == 0
        eco.check_complete(number)
        done = eco.imprint("revoke", "bulk/7", "--reason", "keyCompromise",
                           "--yes", "--json").json
        assert [log["log"] for log in done["published"]] == \
            ["bulk", "online"]
        crl = (eco.dir / "publish/crl/bulk.crl").stat().st_mtime_ns
        published = eco.imprint("publish", "--json").json["published"]
        assert {log["log"] for log in published} == {"bulk", "online"}
        assert (eco.dir / "publish/crl/bulk.crl").stat().st_mtime_ns > crl
        shown = eco.imprint("identity", "show", "bulk/7", "--json").json
        assert "revoked" in json.dumps(shown)
        eco.imprint("service", "add", "door", "--dns", "door.example.net",
                    "--out", tmp_path)
        assert (tmp_path / "door.pem").exists()
        second = eco.order(100, "line-1")
        gone = eco.imprint("order", "cancel", second, "--json").json
        assert gone["state"] == "cancelled"
        # what cannot be told from what went before is refused all the same
        eco.imprint("order", "run", second, code=4)
        eco.imprint("order", "run", 99, code=3)
        eco.imprint("order", "create", "--product", "camera", "--count", 1,
                    "--station", "nobody", code=(2, 3))
        assert server.process.poll() is None
    check_sound(eco)


def test_wrong_operator(eco, tmp_path):
    """The socket carries requests; an operator's signature is what counts."""
    with Server(eco):
        other = tmp_path / "other"
        other.write_text("not it\n")
        other.chmod(0o600)
        run(BIN / "imprint", *eco.options(), "--operator-passphrase-file",
            other, "station", "add", eco.root / "line-1.station", code=5)
        eco.imprint("--operator-key", eco.dir / "keystore", "station", "add",
                    eco.root / "line-1.station", code=(3, 5, 8))


def test_order_files(stocked, tmp_path):
    """Files of names and of chips go along as descriptors."""
    eco = stocked.copy(tmp_path / "eco")
    rows = test_names.meters(40)
    chips = test_modes.chips_make(20)
    with Server(eco):
        bea = test_modes.operator_add(eco, "bea")
        named = test_names.order_named(eco, rows, "line-1")
        eco.imprint("order", "run", named)
        test_names.names_check(eco, rows, named)
        # a name that somebody has: told by the file's name, nothing kept
        taken = eco.imprint("order", "create", "--product", test_names.METER,
                            "--names", eco.root / "names.csv", "--station",
                            "line-1", code=None)
        assert taken.code in (2, 4) and "names.csv" in taken.err
        path = test_modes.chips_list(tmp_path / "chips.cbor", chips)
        approval = test_modes.approve(eco, path, bea)
        sealed = test_modes.create(eco, path, approval=approval)
        eco.imprint("order", "run", sealed)
    test_modes.chips_check(eco, chips, sealed)
    check_sound(eco)


def test_reports(made, tmp_path):      # noqa: F811
    """A station's report, and a station that is lost."""
    line = made.copy(tmp_path / "eco")
    with Server(line.eco):
        path = line.report("line-1", 1, test_reconcile.first(line))
        done = line.eco.imprint("order", "reconcile", 1, "--report", path,
                                "--json").json
        assert done["loaded"] > 0
        again = line.eco.imprint("order", "reconcile", 1, "--report", path,
                                 "--json").json
        assert again["loaded"] == 0 and again["loaded_before"] > 0
        line.eco.imprint("station", "lost", "line-2", "--yes", code=(0, 2))
    check_sound(line.eco)


def test_enrolment_goes_on(factory, tmp_path):      # noqa: F811
    """Devices are served while an order is run; revocation too."""
    field = Field(factory, tmp_path / "eco")
    eco = field.eco
    number = eco.order(MANY, "line-1")

    def committed():
        return eco.imprint("order", "show", number,
                           "--json").json["order"]["committed"]

    with Server(eco) as server:
        job = order_run(eco, number)
        wait_for(lambda: committed() > 0)
        took = []
        for one in field.devices[:8]:
            request, keys = one.with_keys(ENROL)
            begun = time.monotonic()
            answer = post(server, one, request)
            took.append(time.monotonic() - begun)
            assert answer[0] == 200, answer
            Issued(field.root, answer[2], keys)
        # a chunk takes 300 ms or more of each core
        assert sorted(took)[len(took) // 2] < 1, took
        eco.imprint("revoke", "bulk/3", "--yes", "--reason", "keyCompromise")
        # one run at a time; what would meddle with it waits
        eco.imprint("order", "run", number, code=7)
        busy = eco.imprint("order", "cancel", number, code=7)
        assert f"order {number} is being run" in busy.err
        assert job.poll() is None and 0 < committed() < MANY
        job.send_signal(signal.SIGINT)
        out, err = job.communicate(timeout=PATIENCE_S)
        assert job.returncode == 130, (out, err)
        assert b"nothing is lost" in err
        before = committed()
        # who asked is gone: it ends as well
        job = order_run(eco, number)
        wait_for(lambda: committed() > before)
        job.kill()
        job.communicate()
        wait_for(lambda: eco.imprint("order", "cancel", number,
                                     code=None).code == 0)
    check_sound(eco)


def order_run(eco, number):
    argv = [BIN / "imprint", *eco.options(), "order", "run", number]
    return subprocess.Popen([str(a) for a in argv], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def test_killed(eco):
    """The server dies while it runs an order: the command says so, and the
    next run goes on."""
    number = eco.order(3000, "line-1", chunk=16)
    with Server(eco) as server:
        server.codes = None
        job = order_run(eco, number)
        wait_for(lambda: eco.imprint("order", "show", number, "--json")
                 .json["order"]["committed"] > 100)
        for pid in server.role("authority"):
            os.kill(pid, signal.SIGKILL)
        _, err = job.communicate(timeout=PATIENCE_S)
        assert job.returncode == 6 and b"imprintd has ended" in err, err
        wait_for(lambda: server.process.poll() is not None)
        server.codes = (server.process.returncode,)
    # the name of the socket is still there; the command works for itself
    assert (eco.dir / "imprintd.socket").exists()
    eco.imprint("order", "run", number)
    eco.check_complete(number)
    check_sound(eco)


def test_table(eco):
    """What a command may ask; who asks anything else is cut off."""
    with Authority(eco) as authority:
        good = Line(eco)
        # a published state is an answer
        assert good.ask(PUBLISH, [0, 1])[0] == ANSWER
        for kind in [0, 1, 2, 3, 4, 5, 6, 7, 15, 22, 32, ANSWER, 65, ERROR]:
            assert Line(eco).ask(kind, None) is None, kind
        with memory(b"x") as file:
            for kind, body in ((RUN, [1, 0]), (PUBLISH, [0, 0]),
                               (19, [1, 0]), (20, [0, 0]),
                               (21, ["jwt", True, 1, 0, 1])):
                assert Line(eco).ask(kind, body, [file]) is None
            whole = [False, False, "", "", "", "", "", b""]
            for bad in [None, [], whole[:7], whole + [0], [1] + whole[1:],
                        whole[:2] + ["x" * 256] + whole[3:],
                        whole[:2] + ["\0"] + whole[3:],
                        whole[:7] + [bytes(32769)], whole[:7] + [""]]:
                assert Line(eco).ask(SUBMIT, bad, [file]) is None, bad
            # as many files as it says
            assert Line(eco).ask(SUBMIT, whole) is None
            assert Line(eco).ask(SUBMIT, whole, [file] * 2) is None
            assert Line(eco).ask(SUBMIT, whole, [file] * 4) is None
            assert Line(eco).ask(SUBMIT, [True] + whole[1:], [file]) is None
        for kind, body in ((RUN, [1]), (RUN, [1 << 32, 0]), (RUN, [-1, 0]),
                           (PUBLISH, [367, 0]), (PUBLISH, "x")):
            assert Line(eco).ask(kind, body) is None, (kind, body)
        for raw in [b"x", cbor2.dumps([2, 1, PUBLISH, [0, 1]]),
                    cbor2.dumps([1, 0, PUBLISH, [0, 1]]),
                    cbor2.dumps([1, 1, PUBLISH]), bytes(50000)]:
            line = Line(eco)
            line.send(raw)
            assert line.take() is None, raw[:20]
        # neither do fronts say what commands may
        for kind in (SUBMIT, RUN, PUBLISH):
            front = authority.front()
            front.put(kind, None)
            assert front.take() is None
        assert good.ask(PUBLISH, [0, 1])[0] == ANSWER
    assert "cut off" in authority.err


def test_requests(eco, tmp_path):
    """One rejection for each check of a request, made without our code."""
    admin = Operator(eco)
    station = Station("line-9")
    with Authority(eco):
        line = Line(eco)
        request = admin.request(STATION_ADD, station.statement())
        first = line.submit(request)
        assert first[0] == ANSWER and len(first[2]) == 32
        # the same octets: the same answer, from another connection too
        assert Line(eco).submit(request)[2] == first[2]
        refused(line.submit(admin.request(
            STATION_ADD, station.statement(),
            ident=cbor2.loads(cbor2.loads(request).value[2])[2])),
            ERR_CONFLICT)
        ok = station.statement()
        for bad, err in [
                (admin.request(STATION_ADD, ok, key=station.signing),
                 ERR_AUTH),
                (admin.request(STATION_ADD, ok, ecosystem=bytes(16)),
                 ERR_AUTH),
                (admin.request(STATION_ADD, ok, typ="application/x"),
                 ERR_AUTH),
                (admin.request(STATION_ADD, ok, when=time.time() - 1000),
                 ERR_CLOCK),
                (admin.request(STATION_ADD, ok, when=time.time() + 1000),
                 ERR_CLOCK),
                (altered(request), ERR_AUTH),
                (b"", ERR_SYNTAX), (b"\xf6", ERR_SYNTAX),
                (request + b"\0", ERR_SYNTAX),
                (bytes((1 << 20) + 1), ERR_LIMIT)]:
            refused(line.submit(bad), err)
        # what would change this process, or mend the ecosystem under it
        for kind in (EPOCH, 99):
            said = refused(line.submit(admin.request(kind, b"\0")), ERR_BUSY)
            assert "while imprintd runs" in said
        # what is no file of its own could hold the authority up
        ends = os.pipe()
        whole = [False, False, "", "", "", "", "", b""]
        refused(line.ask(SUBMIT, whole, [ends[0]]), ERR_INVALID)
        with memory(admin.request(STATION_ADD, ok)) as file:
            refused(line.ask(SUBMIT, [True] + whole[1:], [file, ends[0]]),
                    ERR_INVALID)
            only = os.open(tmp_path / "w", os.O_WRONLY | os.O_CREAT)
            refused(line.ask(SUBMIT, [True] + whole[1:], [file, only]),
                    ERR_INVALID)
        for fd in (*ends, only):
            os.close(fd)
        # before the last one was answered
        number = eco.order(50000, "line-1")
        line.put(RUN, [number, 0])
        line.put(PUBLISH, [0, 1])
        assert line.take() is None
        # it stops then, and others go on
        other = Line(eco)
        wait_for(lambda: other.submit(admin.request(
            ORDER_CANCEL, cbor2.dumps(number)))[0] == ANSWER)
    check_sound(eco)


def altered(request):
    tag = cbor2.loads(request)
    raw = bytearray(tag.value[3])
    raw[5] ^= 1
    return reader.cbor_encode(cbor2.CBORTag(18, [*tag.value[:3],
                                                 bytes(raw)]))


ASK = """
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(20)
s.connect(f"/proc/self/fd/{os.open(sys.argv[1], os.O_PATH)}/imprintd.socket")
got = b""
try:
    s.send(bytes.fromhex(sys.argv[2]))
    got = s.recv(100)
except (BrokenPipeError, ConnectionResetError):
    pass
print([*got], end="")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is others too")
def test_other_user(eco):
    """The system's word, not the file's mode, says who has a role."""
    let_through(eco.dir)
    with Authority(eco):
        assert (eco.dir / "imprintd.socket").stat().st_mode & 0o777 == 0o600
        (eco.dir / "imprintd.socket").chmod(0o666)
        nobody = pwd.getpwnam("nobody").pw_uid
        done = subprocess.run(
            ["/usr/bin/python3", "-c", ASK, eco.dir,
             cbor2.dumps([1, 1, PUBLISH, [0, 1]]).hex()], user=nobody,
            capture_output=True, timeout=PATIENCE_S, check=True)
        assert done.stdout == b"[]", done
        assert Line(eco).ask(PUBLISH, [0, 1])[0] == ANSWER
