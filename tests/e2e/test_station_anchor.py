"""The station's ledger held from outside: acknowledged by the authority, by
a counter in a TPM, a program, a file. A disk put back to an earlier state is
found by each."""
import shutil

import pytest

import reader
from conftest import BIN, PRODUCTS, fault_text
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


@pytest.fixture(scope="module")
def made(pristine, tmp_path_factory):
    root = tmp_path_factory.mktemp("anchored")
    eco = pristine.copy(root / "ca")
    eco.imprint("product", "add", PRODUCTS / "camera.yaml")
    floor = make_floor(eco, root / "floor", count=COUNT)
    floor.station("import", floor.pack)
    return Anchored(floor.root, eco)


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
    from cryptography.hazmat.primitives.asymmetric import ec
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
