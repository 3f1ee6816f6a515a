"""The station's ledger held from outside: acknowledged by the authority, by
a counter in a TPM, a program, a file. A disk put back to an earlier state is
found by each."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import reader
from conftest import BIN, PRODUCTS, fault_text, run
from line import Fixture, Served
from test_floor import Floor, ledger, make_floor

pytestmark = pytest.mark.skipif(
    not (BIN / "imprint-station-faulty").exists(),
    reason="programs are not built")

COUNT = 6
CORRUPT, CONFLICT, AUTH, REFUSED, BUSY = 8, 4, 5, 1, 7


class Anchored(Floor):
    """A floor, and the authority it belongs to."""

    def __init__(self, root, eco):
        super().__init__(root)
        self.eco = eco

    def copy(self, root):
        eco = self.eco.copy(root / "ca")
        shutil.copytree(self.root, root / "floor")
        return Anchored(root / "floor", eco)

    def hand_out(self, count=1):
        self.station("inject", "--command", "cat > /dev/null", "--count",
                     count)

    def head(self, name="h"):
        path = self.root / f"{name}.head"
        self.station("sync", "--out", path)
        return path

    def acknowledge(self, head, name="a", code=0, **options):
        path = self.root / f"{name}.ack"
        self.eco.imprint("station", "acknowledge", head, "--out", path,
                         code=code, **options)
        return path

    def sync(self, name="a"):
        """The whole way, once."""
        ack = self.acknowledge(self.head(name), name)
        self.station("sync", ack)
        return ack

    def report(self, name="r", *options):
        path = self.root / f"{name}.report"
        self.station("report", 1, "--out", path, *options)
        return path

    def reconcile(self, path, code=0):
        return self.eco.imprint("order", "reconcile", 1, "--report", path,
                                "--json", code=code)

    def anchors(self):
        return [r for r in ledger(self.home / "ledger") if r[0] == 8]

    def disk(self, name):
        """Keep what the station's disk holds now."""
        shutil.copytree(self.home, self.root / name)
        return self.root / name

    def put_back(self, kept):
        shutil.rmtree(self.home)
        shutil.copytree(kept, self.home)


def make_anchored(pristine, root, count=COUNT, kind=Anchored):
    """A station with a pack of cameras, and its authority."""
    eco = pristine.copy(root / "ca")
    eco.imprint("product", "add", PRODUCTS / "camera.yaml")
    floor = make_floor(eco, root / "floor", count=count)
    floor.station("import", floor.pack)
    return kind(floor.root, eco)


@pytest.fixture(scope="module")
def made(pristine, tmp_path_factory):
    return make_anchored(pristine, tmp_path_factory.mktemp("anchored"))


@pytest.fixture
def floor(made, tmp_path):
    return made.copy(tmp_path)


# Acknowledged by the authority

def test_acknowledged(floor):
    floor.hand_out()
    head = floor.head()
    said = reader.Sign1(head.read_bytes())
    statement = reader.Sign1((floor.home / "line-9.station").read_bytes())
    version, name, of, at, last, _ = reader.cbor_decode(said.payload)
    assert said.typ == "application/imprint-ledger-head+cose"
    assert said.kid == statement.kid
    assert (version, name, last) == (1, "line-9", None)
    status = floor.status()["ledger"]
    assert at == [status["records"], bytes.fromhex(status["head"])]
    assert status["anchor"] is None and status["acknowledged"] == 0
    ack = floor.acknowledge(head)
    given = reader.Sign1(ack.read_bytes())
    assert given.typ == "application/imprint-acknowledgement+cose"
    version, signing, for_, entries, _ = reader.cbor_decode(given.payload)
    assert (version, signing, for_, entries) == (1, said.kid, of, at)
    # the same head again: the same octets
    assert floor.acknowledge(head, "b").read_bytes() == ack.read_bytes()
    floor.station("sync", ack)
    record = floor.anchors()[-1]
    assert record[2:] == [2, at[0], ack.read_bytes()]
    before = floor.status()["ledger"]
    floor.station("sync", ack)          # once is enough
    assert floor.status()["ledger"] == before
    assert before["acknowledged"] == at[0]
    assert "acknowledged by the authority" in floor.station("status").out
    pack = floor.reconcile(floor.report()).json["packs"][0]
    assert pack["report"]["anchored"]
    assert pack["report"]["anchor"] is None
    assert pack["report"]["acknowledged"] == at[0]
    assert pack["report"]["ledger_entries"] == before["records"] + 1
    text = floor.eco.imprint("order", "reconcile", 1).out
    assert f"acknowledged to {at[0]} of {before['records'] + 1}" in text
    assert "unanchored" not in text
    floor.eco.imprint("log", "verify")


def test_unanchored(floor):
    floor.hand_out()
    pack = floor.reconcile(floor.report()).json["packs"][0]
    assert not pack["report"]["anchored"]
    assert pack["report"]["acknowledged"] == 0
    assert "not anchored" in floor.station("status").out


def test_put_back(floor):
    """The disk of the station is restored after the authority heard of what
    came later."""
    floor.sync("first")
    kept = floor.disk("kept")
    floor.hand_out(2)
    ack = floor.sync("second")
    floor.put_back(kept)
    time.sleep(1.1)     # within a second the records would be the same
    floor.hand_out(2)                   # nobody can know yet
    # a report does not rest on what was acknowledged
    refused = floor.reconcile(floor.report(), code=REFUSED)
    assert "put back to an earlier state" in refused.err
    assert "imprint station lost" in refused.err
    # nor does its head: it is given what was acknowledged
    again = floor.acknowledge(floor.head(), "again", code=REFUSED)
    assert again.read_bytes() == ack.read_bytes()
    result = floor.station("sync", again, code=CORRUPT)
    assert "put back to an earlier state" in result.err
    assert "imprint station lost line-9" in result.err
    # and from then on nothing is handed out
    for argv in (["inject", "--command", "cat > /dev/null"],
                 ["import", floor.pack], ["sync", "--out", floor.root / "x"],
                 ["report", 1, "--out", floor.root / "x"]):
        assert "station lost line-9" in floor.station(
            *argv, code=CORRUPT).err
    assert "PUT BACK" in floor.station("status").out
    assert floor.status()["ledger"]["put_back"]
    # the way out
    lost = floor.eco.imprint("station", "lost", "line-9",
                             "--json").json
    assert lost["again"][0]["count"] == COUNT
    floor.acknowledge(floor.root / "second.head", "c", code=CONFLICT)


def test_put_back_shorter(floor):
    """Fewer entries than were acknowledged."""
    kept = floor.disk("kept")
    floor.hand_out(3)
    ack = floor.sync()
    floor.put_back(kept)
    assert "here are" in floor.station("sync", ack, code=CORRUPT).err


def test_lost_on_the_way(floor):
    """An acknowledgement that never arrived is given again, and then all
    goes on."""
    floor.acknowledge(floor.head("one"), "one")
    floor.hand_out()
    report = floor.report("early")
    assert "report again" in floor.reconcile(report, code=REFUSED).err
    again = floor.acknowledge(floor.head("two"), "two", code=REFUSED)
    floor.station("sync", again)
    floor.station("sync", floor.acknowledge(floor.head("three"), "three"))
    # an older one is no use any more
    assert "taken in before" in floor.station("sync", again,
                                              code=CONFLICT).err
    floor.reconcile(floor.report("late"))


def test_altered_and_foreign(floor, stranger):
    ack = floor.acknowledge(floor.head())
    good = ack.read_bytes()
    for at in range(0, len(good), 7):
        ack.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
        floor.station("sync", ack, code=(2, AUTH, CONFLICT, 8))
    for cut in (b"", good[:-1], good + b"\0"):
        ack.write_bytes(cut)
        floor.station("sync", ack, code=2)
    assert floor.anchors() == []
    head = (floor.root / "h.head").read_bytes()
    for at in range(0, len(head), 9):
        (floor.root / "bad.head").write_bytes(
            head[:at] + bytes([head[at] ^ 1]) + head[at + 1:])
        floor.acknowledge(floor.root / "bad.head", "bad",
                          code=(2, 3, AUTH, CONFLICT))
    # signed by a key of its own
    payload = reader.Sign1(head).payload
    forged = floor.root / "forged.head"
    forged.write_bytes(reader.sign1(
        ec.generate_private_key(ec.SECP256R1()),
        "application/imprint-ledger-head+cose", payload))
    floor.acknowledge(forged, "forged", code=AUTH)
    # another authority's: station unknown
    stranger.imprint("station", "acknowledge", floor.root / "h.head",
                     "--out", floor.root / "x", code=3)


def test_another_station(floor):
    """One station's acknowledgement is nothing to another."""
    other = Anchored(floor.root.parent / "other", floor.eco)
    other.root.mkdir()
    other.station("init", "--name", "line-8", "--trust",
                  floor.eco.dir / "publish/trust.pem")
    ack = floor.acknowledge(floor.head())
    assert "another station" in other.station("sync", ack,
                                              code=CONFLICT).err
    other.station("sync", "--out", floor.root / "x", code=CONFLICT)


def test_clone(floor):
    """Two copies of one home: the second to tell is found."""
    copy = Anchored(floor.root.parent / "clone", floor.eco)
    shutil.copytree(floor.root, copy.root)
    floor.hand_out()
    copy.station("inject", "--command", "cat > /dev/null; exit 3",
                 "--count", 2, code=None)
    floor.sync("one")
    ack = copy.acknowledge(copy.head("two"), "two", code=REFUSED)
    assert "not those that" in copy.station("sync", ack, code=CORRUPT).err


def test_sync_faults(floor):
    """Killed at any point of taking an acknowledgement in: done again."""
    ack = floor.acknowledge(floor.head())
    kept = floor.disk("kept")
    for kind in ("kill", "powercut"):
        at, killed = 1, True
        while killed:
            killed = floor.station("sync", ack, code=(-9, 0),
                                   fault=fault_text(kind, at)).code != 0
            floor.station("sync", ack)
            assert len(floor.anchors()) == 1
            floor.put_back(kept)
            at += 1
        assert at > 4


# Held by a TPM, a program, a file

needs_tpm = pytest.mark.skipif(
    shutil.which("swtpm") is None or not (BIN / "imprint-tpm").exists(),
    reason="swtpm or imprint-tpm is missing")


class Tpm:
    """A TPM 2.0 as a process; its state lives in a directory."""

    def __init__(self, root):
        self.root, self.process, self.port = root, None, None
        root.mkdir()

    def start(self, port=None):
        for self.port in [port] if port else range(20000 + os.getpid() % 9000,
                                                   32000, 2):
            self.process = subprocess.Popen(
                ["swtpm", "socket", "--tpm2", "--tpmstate",
                 f"dir={self.root}", "--server",
                 f"type=tcp,port={self.port},bindaddr=127.0.0.1", "--ctrl",
                 f"type=tcp,port={self.port + 1},bindaddr=127.0.0.1",
                 "--flags", "not-need-init,startup-clear"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while self.process.poll() is None:
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1",
                                              self.port + 1)).close()
                    return self
        raise AssertionError("swtpm does not start")

    @property
    def tcti(self):
        return f"swtpm:host=127.0.0.1,port={self.port}"

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()

    def anchor(self, floor):
        floor.station("anchor", "set", "--tpm", "--tcti", self.tcti)

    def number(self, floor):
        """Read by somebody else's program."""
        keys = reader.cbor_decode((floor.home / "station.keys").read_bytes())
        secret = reader.sha256(b"imprint ledger anchor", keys[5][-4])
        index = floor.status()["ledger"]["anchor"]["place"].split()[0]
        octets = subprocess.run(
            ["tpm2_nvread", "-T", self.tcti, "-C", index, "-P",
             f"hex:{secret.hex()}", index], check=True,
            capture_output=True).stdout
        return int.from_bytes(octets, "big")


class Program:
    """A counter in a file, as an operator might keep one elsewhere."""

    def __init__(self, root):
        self.path, self.state = root / "counter.sh", root / "counter"
        self.path.write_text(f"""#!/bin/sh
n=$(cat {self.state} 2>/dev/null || echo 40)
[ "$1" = raise ] && [ $((n + 1)) = "$2" ] && n=$2
echo $n > {self.state}
echo $n
""")
        self.path.chmod(0o755)

    def anchor(self, floor):
        floor.station("anchor", "set", "--program", self.path)

    def number(self, _):
        return int(self.state.read_text())

    def stop(self):
        pass


class File:
    def __init__(self, root):
        self.path = root / "elsewhere"

    def anchor(self, floor):
        floor.station("anchor", "set", self.path)

    def number(self, floor):
        """The number of the record that it holds."""
        head = reader.cbor_decode(reader.Sign1(
            self.path.read_bytes()).payload)
        record = list(ledger(floor.home / "ledger"))[head[3][0] - 1]
        return record[3]

    def stop(self):
        pass


@pytest.fixture(params=["file", "program",
                        pytest.param("tpm", marks=needs_tpm)])
def anchor(request, tmp_path):
    made = {"file": lambda: File(tmp_path),
            "program": lambda: Program(tmp_path),
            "tpm": lambda: Tpm(tmp_path / "tpm").start()}[request.param]()
    yield made
    made.stop()


@pytest.fixture
def tpm(tmp_path):
    made = Tpm(tmp_path / "tpm").start()
    yield made
    made.stop()


def held(floor, anchor):
    """What the ledger says, what the anchor says; they agree."""
    said = floor.station("anchor", "show", "--json").json["anchor"]
    assert said["number"] == anchor.number(floor)
    return said


def test_held(floor, anchor):
    kinds = {File: "file", Program: "program", Tpm: "tpm"}
    anchor.anchor(floor)
    first = held(floor, anchor)
    floor.hand_out(2)
    second = held(floor, anchor)
    assert second["number"] == first["number"] + 1
    assert second["entries"] == floor.status()["ledger"]["records"]
    floor.station("import", floor.pack)     # nothing new: it stays
    assert held(floor, anchor) == second
    pack = floor.reconcile(floor.report()).json["packs"][0]["report"]
    assert pack["anchor"] == {"by": kinds[type(anchor)],
                              "entries": pack["ledger_entries"]}
    assert pack["anchored"] and pack["acknowledged"] == 0
    floor.sync()
    text = floor.eco.imprint("order", "reconcile", 1, "--report",
                             floor.report("both")).out
    assert f"anchored by {kinds[type(anchor)]} to" in text
    assert "acknowledged to" in text
    floor.station("anchor", "set", "--none")
    assert floor.station("anchor", "show", "--json").json["anchor"] is None
    floor.hand_out()


def test_held_put_back(floor, anchor):
    """Nothing is handed out, nor can the anchor be left behind."""
    anchor.anchor(floor)
    kept = floor.disk("kept")
    floor.hand_out()
    newest = floor.disk("newest")
    floor.put_back(kept)
    for argv in (["inject", "--command", f"touch {floor.root}/out"],
                 ["import", floor.pack], ["anchor", "show"],
                 ["anchor", "set", "--none"],
                 ["anchor", "set", floor.root / "another"],
                 ["report", 1, "--out", floor.root / "x"],
                 ["serve", "--listen", "127.0.0.1:0"]):
        result = floor.station(*argv, code=CORRUPT)
        assert "put back to an earlier state" in result.err
        assert "station lost line-9" in result.err
    assert not (floor.root / "out").exists()
    floor.put_back(newest)
    floor.hand_out()


def test_held_faults(floor, anchor):
    """Killed at any point, the line goes on; what it was before does not
    come back once the anchor has moved."""
    anchor.anchor(floor)
    kept = floor.disk("kept")
    command = ["inject", "--command", "cat > /dev/null", "--count", 1]
    at, code, seen = 1, -9, set()
    while code != 0:
        number = anchor.number(floor)
        code = floor.station(*command, fault=fault_text("kill", at),
                             code=(-9, 0)).code
        held(floor, anchor)
        moved = anchor.number(floor) > number
        seen.add(moved)
        newest = floor.disk(f"newest-{at}")
        floor.put_back(kept)
        floor.station("anchor", "show", code=CORRUPT if moved else 0)
        floor.put_back(newest)
        kept = floor.disk(f"kept-{at}")
        at += 2 if code != 0 else 0
    assert seen == {True, False}


def test_set_faults(floor, anchor):
    at, code = 1, -9
    while code != 0:
        argv = {File: [getattr(anchor, "path", "")],
                Program: ["--program", getattr(anchor, "path", "")],
                Tpm: ["--tpm", "--tcti", getattr(anchor, "tcti", "")]}
        code = floor.station("anchor", "set", *argv[type(anchor)],
                             fault=fault_text("powercut", at),
                             code=(-9, 0)).code
        floor.station("anchor", "show")
        at += 1
    held(floor, anchor)


@pytest.mark.parametrize("to", ["none", "file", "program"])
def test_left_vouches_no_more(floor, anchor, tmp_path, to):
    """A copy of the disk from before the anchor was changed, put back."""
    anchor.anchor(floor)
    kept = floor.disk("kept")
    (tmp_path / "next").mkdir()
    after = {"file": File, "program": Program}.get(to)
    if after is None:
        result = floor.station("anchor", "set", "--none")
        floor.hand_out()
    else:
        after = after(tmp_path / "next")
        result = floor.station("anchor", "set", *(
            ["--program"] if to == "program" else []), after.path)
        held(floor, after)
    assert "could not be told" not in result.err
    newest = floor.disk("newest")
    floor.put_back(kept)
    assert "put back to an earlier state" in floor.station(
        "inject", "--command", f"touch {floor.root}/out",
        code=CORRUPT).err
    assert not (floor.root / "out").exists()
    floor.put_back(newest)
    anchor.anchor(floor)                # and back again
    held(floor, anchor)
    floor.hand_out()


def test_left_unreachable(floor, tmp_path):
    """It cannot be told, which is said; the line goes on."""
    program = Program(tmp_path)
    program.anchor(floor)
    program.path.chmod(0o600)
    result = floor.station("anchor", "set", tmp_path / "elsewhere")
    assert "could not be told" in result.err
    floor.hand_out()
    held(floor, File(tmp_path))


def test_two_copies_in_step(floor, anchor):
    """Both are at the anchor's number; what the one does moves it on, and the
    other does not take that for its own."""
    anchor.anchor(floor)
    token = floor.station("fixture", "add", "f1", "--json").json["token"]
    copy = Anchored(floor.root.parent / "clone", floor.eco)
    shutil.copytree(floor.root, copy.root)
    with Served(copy, "--anchor-every", "1") as served:
        floor.hand_out()
        number = anchor.number(floor)
        fixture = Fixture(served, "f1", token)
        assert fixture.reserve("sn-1")["code"] == 0


        def ended():
            with contextlib.suppress(OSError):
                fixture.ask("GET", "/v1/line")
            return served.process.poll() is not None
        wait_for(ended)
        code, err = served.wait()
        fixture.close()
        assert code == CORRUPT and "put back" in err, (code, err)
    assert anchor.number(floor) == number
    floor.hand_out()
    held(floor, anchor)
    assert "put back" in copy.station("inject", "--command", "true",
                                      code=CORRUPT).err


def test_two_copies_inject(floor, tmp_path):
    """The same while a plug-in is at work."""
    program = Program(tmp_path)
    program.anchor(floor)
    copy = Anchored(tmp_path / "clone", floor.eco)
    shutil.copytree(floor.root, copy.root)
    result = copy.station(
        "inject", "--command", f"cat > /dev/null; {BIN}/imprint-station"
        f" --home {floor.home} inject --command 'cat > /dev/null' --count 1",
        "--count", 1)
    assert "put back to an earlier state" in result.err
    copy.station("inject", "--command", "true", code=CORRUPT)
    floor.hand_out()
    held(floor, program)


def test_serve_after_none(floor, tmp_path):
    """The program that was left is run no more, nor is any when there never
    was one."""
    program = Program(tmp_path)
    program.anchor(floor)
    floor.station("anchor", "set", "--none")
    token = floor.station("fixture", "add", "f1", "--json").json["token"]
    ran = tmp_path / "ran"
    program.path.write_text(f"#!/bin/sh\necho $@ >> {ran}\nexit 1\n")
    with Served(floor, "--anchor-every", "1") as served:
        fixture = Fixture(served, "f1", token)
        assert fixture.reserve("sn-1")["code"] == 0
        time.sleep(2)
        assert fixture.ask("GET", "/v1/line")[2]["anchor"] == "none"
        fixture.close()
    assert not ran.exists()


@needs_tpm
def test_tpm_gone_and_back(floor, tpm):
    tpm.anchor(floor)
    floor.hand_out()
    tpm.stop()
    result = floor.station("inject", "--command", "true", code=6)
    assert "anchor" in result.err and "Nothing is handed out" in result.err
    tpm.start(tpm.port)
    held(floor, tpm)
    tpm.process.send_signal(signal.SIGSTOP)     # it hangs
    assert "in time" in floor.station("import", floor.pack, code=6).err
    tpm.process.send_signal(signal.SIGCONT)
    floor.hand_out()
    held(floor, tpm)


@needs_tpm
def test_another_tpm(floor, tpm, tmp_path):
    """The disk in another machine; the mainboard replaced."""
    tpm.anchor(floor)
    floor.hand_out()
    tpm.stop()
    other = Tpm(tmp_path / "other").start(tpm.port)
    try:
        assert "no counter is there" in floor.station(
            "inject", "--command", "true", code=6).err
        # another station's counter, at the same number
        index = floor.status()["ledger"]["anchor"]["place"].split()[0]
        for verb in (["new"], ["raise", 2], ["raise", 3]):
            run(BIN / "imprint-tpm", verb[0], index, other.tcti, *verb[1:],
                stdin=b"another secret")
        assert "authorization failure" in floor.station(
            "inject", "--command", "true", code=6).err
        # with the owner's leave the counter is made anew: it begins higher
        subprocess.run(["tpm2_nvundefine", "-T", other.tcti, index],
                       check=True)
        other.anchor(floor)
        assert held(floor, other)["number"] > 3
        floor.hand_out()
    finally:
        other.stop()


@needs_tpm
def test_tpm_cleared(floor, tpm):
    """A counter removed and made again does not begin lower: a ledger put
    back cannot be fitted to it."""
    tpm.anchor(floor)
    kept = floor.disk("kept")
    floor.hand_out()
    index = floor.status()["ledger"]["anchor"]["place"].split()[0]
    number = tpm.number(floor)
    subprocess.run(["tpm2_nvundefine", "-T", tpm.tcti, index], check=True)
    floor.put_back(kept)
    floor.station("inject", "--command", "true", code=6)
    tpm.anchor(floor)               # on record, and in the next report
    assert tpm.number(floor) > number


@needs_tpm
def test_tpm_index_taken(floor, tpm):
    tpm.anchor(floor)
    index = floor.status()["ledger"]["anchor"]["place"].split()[0]
    floor.station("anchor", "set", "--none")
    subprocess.run(["tpm2_nvundefine", "-T", tpm.tcti, index], check=True)
    subprocess.run(["tpm2_nvdefine", "-T", tpm.tcti, index, "-s", "8"],
                   check=True, stdout=subprocess.DEVNULL)
    assert "something else" in floor.station(
        "anchor", "set", "--tpm", "--tcti", tpm.tcti, code=6).err


def test_file_lost_or_altered(floor, tmp_path):
    anchor = File(tmp_path)
    anchor.anchor(floor)
    good = anchor.path.read_bytes()
    for bad in (b"", good[:-1], good[:40] + b"\0" + good[41:], None):
        anchor.path.write_bytes(bad) if bad is not None else \
            anchor.path.unlink()
        result = floor.station("inject", "--command", "true", code=6)
        assert "Nothing is handed out" in result.err
    anchor.anchor(floor)
    floor.hand_out()
    old = anchor.path.read_bytes()
    floor.hand_out()
    floor.hand_out()
    anchor.path.write_bytes(good)       # the file was put back
    assert "behind the ledger" in floor.station(
        "inject", "--command", "true", code=CONFLICT).err
    assert old != good
    something = tmp_path / "something"
    something.write_text("else")
    assert "something else" in floor.station("anchor", "set", something,
                                             code=(CONFLICT, 4)).err
    floor.station("anchor", "set", "relative", code=2)
    floor.station("anchor", "set", "--tpm", "--none", code=2)


def test_program_that_lies(floor, tmp_path):
    program = Program(tmp_path)
    program.anchor(floor)
    good = program.path.read_text()
    for body, says in (("exit 3", "exit status 3"), ("echo many", "number"),
                       ("yes 1", "number"), ("kill -9 $$", "signal 9"),
                       ("echo 18446744073709551616", "number")):
        program.path.write_text(f"#!/bin/sh\n{body}\n")
        assert says in floor.station("inject", "--command", "true",
                                     code=6).err
    program.path.write_text("#!/bin/sh\necho 1\n")
    floor.station("inject", "--command", "true", code=CONFLICT)
    program.path.unlink()
    floor.station("inject", "--command", "true", code=6)
    program.path.write_text(good)
    program.path.chmod(0o755)
    floor.hand_out()


@needs_tpm
def test_serve(floor, tpm):
    """It moves on while the station serves; a TPM that is lost does not stop
    the line, and the window is shown."""
    tpm.anchor(floor)
    number = tpm.number(floor)
    token = floor.station("fixture", "add", "f1", "--json").json["token"]
    kept = floor.disk("kept")
    with Served(floor, "--anchor-every", "1") as served:
        fixture = Fixture(served, "f1", token)
        assert fixture.reserve("sn-1")["code"] == 0

        def state():
            return fixture.ask("GET", "/v1/line")[2]["anchor"]
        wait_for(lambda: tpm.number(floor) > number and state() == "held")
        tpm.stop()
        assert fixture.reserve("sn-2")["code"] == 0
        wait_for(lambda: state() == "behind")
        assert fixture.reserve("sn-3")["code"] == 0
        tpm.start(tpm.port)
        served.process.kill()
        served.wait()
        fixture.close()
        served.process.returncode = 0
    said = held(floor, tpm)
    assert said["number"] == number + 1     # one that is gone is not waited for
    with Served(floor) as served:
        assert Fixture(served, "f1", token).reserve("sn-3")["code"] == 1
    floor.put_back(kept)
    floor.station("serve", "--listen", "127.0.0.1:0", code=CORRUPT)


def wait_for(condition):
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)
