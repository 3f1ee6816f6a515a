"""Reports of stations, made and signed here by other code, and what the
authority makes of them: the table, names, history, revocations, refusals,
and accidents at every step."""
import shutil
import struct

import pytest

import reader
from conftest import (BIN, FAULTS, PRODUCTS, Station, fault_text, parallel,
                      run, sample)
from line import Fixture, Served
from test_floor import Floor
from test_order_faults import operations

OPEN, INJECTED, SCRAPPED, REWORKED = 1, 2, 4, 5
REPORT_TYP = "application/imprint-report+cose"
TIME = 1790000000

GADGET = """
product: gadget
version: "1"
metadata: {hwmodel: G}
capabilities: {}
authorisations: {}
credentials:
  - {slot: 0, purpose: authenticate, algorithm: P-256, key-from: authority,
     certificate: {validity: never}}
document: {signature: direct, validity: never}
delivery: station
names:
  - {kind: serial-number, from: index, format: "G-{index:6}"}
  - {kind: mac, from: line, type: mac}
"""


class Line:
    """An ecosystem with an order for two stations of which we hold keys."""

    def __init__(self, eco, stations):
        self.eco = eco
        self.stations = stations

    def copy(self, root):
        return Line(self.eco.copy(root), self.stations)

    def record(self, no, position, state, pack=0, device=None, mac=None,
               proof=None, reason="", **other):
        """Where the pack has it: from the registry's ranges."""
        start = 0
        for r in reader.rows(self.eco.db, "SELECT first, count FROM range "
                             "WHERE order_number = 1 AND pack = ? AND "
                             "state = 2 ORDER BY chunk", no):
            if position < start + r["count"]:
                break
            start += r["count"]
        index = other.get("index", r["first"] + position - start)
        return [pack, position, index, state, TIME + position,
                2 if device else 0, (device or "").encode(), "fx-1", "b7",
                "MES 1", "1.0", 1 if proof else 0, proof or b"", reason,
                [["mac", mac]] if mac else []]

    def report(self, name, sequence, records, final=False, anchor=None,
               order_id=None, signing=None):
        """records: by pack number. A file as docs/protocol/report.md says."""
        station = self.stations[name]
        order = reader.rows(self.eco.db, "SELECT id FROM orders")[0]["id"]
        body = b"IMPRREPT" + struct.pack(">HH", 1, 0)
        packs = []
        for no, list_ in records.items():
            row = reader.rows(self.eco.db, "SELECT id, count FROM pack "
                              "WHERE order_number = 1 AND no = ?", no)[0]
            figures = [sum(r[3] == state for r in list_) for state in
                       (INJECTED, REWORKED, SCRAPPED, OPEN)]
            packs.append([row["id"], row["count"], *figures,
                          row["count"] - len(list_)])
            for r in list_:
                r[0] = len(packs) - 1
                item = reader.cbor_encode(r)
                body += struct.pack(">I", len(item)) + item
        payload = reader.cbor_encode([
            1, reader.thumbprint(station.sealing.public_key()),
            order_id or order, sequence, TIME + 99,
            [sum(map(len, records.values())), reader.sha256(body)],
            [100 * sequence, bytes(32)], anchor, final, packs])
        trailer = reader.sign1(signing or station.signing, REPORT_TYP,
                               payload)
        path = self.eco.root / f"{name}-{sequence}.report"
        path.write_bytes(body + trailer + struct.pack(
            ">QI", len(body), len(trailer)) + b"IMPREND1")
        return path

    def reconcile(self, *paths, **options):
        argv = ["order", "reconcile", 1]
        for path in paths:
            argv += ["--report", path]
        return self.eco.imprint(*argv, **options)


@pytest.fixture(scope="module")
def made(pristine, tmp_path_factory):
    eco = pristine.copy(tmp_path_factory.mktemp("line"))
    path = eco.root / "gadget.yaml"
    path.write_text(GADGET)
    eco.imprint("product", "add", path)
    stations = {n: eco.station_add(n) for n in ("line-1", "line-2")}
    eco.order(20, "line-1", "line-2", chunk=4, product="gadget")
    eco.imprint("order", "run", 1)
    return Line(eco, stations)


@pytest.fixture
def line(made, tmp_path):
    return made.copy(tmp_path / "eco")


def first(line):
    """Of line-1: 0 and 1 injected, 2 scrapped, 3 open, 4 reworked."""
    return {1: [
        line.record(1, 0, INJECTED, device="SN-0", mac="02:00:00:00:00:00",
                    proof=bytes(32)),
        line.record(1, 1, INJECTED, device="SN-1", mac="02-00-00-00-00-01"),
        line.record(1, 2, SCRAPPED, reason="fell"),
        line.record(1, 3, OPEN, device="SN-3"),
        line.record(1, 4, REWORKED, device="SN-0", reason="flash")]}


def second(line):
    return {2: [line.record(2, n, INJECTED, device=f"T-{n}",
                            mac=f"02:00:00:00:01:{n:02x}") for n in
                range(10)]}


def status(eco):
    return {i["index"]: (i["status"], i.get("reason")) for i in eco.imprint(
        "identity", "list", "--json").json}


def test_table(line):
    eco = line.eco
    nothing = eco.imprint("order", "reconcile", 1, "--json").json
    assert nothing["sealed"] == nothing["ordered"] == 20
    result = eco.imprint("order", "reconcile", 1, "--report",
                         line.report("line-1", 1, first(line)),
                         "--json").json
    pack = result["packs"][0]
    assert (pack["injected"], pack["unproven"], pack["reworked"],
            pack["scrapped"], pack["open"], pack["sealed"],
            pack["returned"]) == (2, 1, 1, 1, 1, 5, 0)
    assert result["packs"][1]["report"] is None
    assert result["adds_up"] and result["revoked"] == 2
    assert not pack["report"]["anchored"]
    final = line.report("line-1", 2, first(line), final=True, anchor=[
        1, reader.cbor_encode([200, 7, "0x01800001", b""])])
    text = line.reconcile(final, line.report(
        "line-2", 1, second(line), final=True))
    assert "ordered 20 = injected 12 + reworked 1 + scrapped 1 + open 1 + " \
        "sealed 0 + returned 5" in text.out
    assert "2 of 20" in text.out and "unanchored" in text.out
    assert eco.imprint("order", "reconcile", 1, "--json").json["adds_up"]
    states = status(eco)
    assert [states[n] for n in range(6)] == [
        ("valid", None), ("valid", None),
        ("revoked", "cessationOfOperation"),
        ("revoked", "privilegeWithdrawn"), ("revoked", "superseded"),
        ("revoked", "cessationOfOperation")]
    assert all(states[n][0] == "valid" for n in range(10, 20))
    eco.imprint("log", "verify")
    eco.imprint("doctor", code=None)


def test_again(line):
    path = line.report("line-1", 1, first(line))
    line.reconcile(path)
    before = status(line.eco)
    assert "loaded before" in line.reconcile(path).out
    assert status(line.eco) == before


def test_names_and_history(line):
    eco = line.eco
    line.reconcile(line.report("line-1", 1, first(line)))
    found = eco.imprint("identity", "find", "02-00-00-00-00-01",
                        "--json").json
    assert (found["kind"], found["index"]) == ("name", 1)
    shown = eco.imprint("identity", "show", "mac=020000000001", "--json").json
    history = shown["history"]
    assert history["ordered"]["station"] == "line-1"
    assert history["report"]["sequence"] == 1
    assert history["line"] == {
        "state": "injected", "time": history["line"]["time"],
        "evidence": "unproven", "serial": "SN-1", "fixture": "fx-1",
        "badge": "b7", "mes_order": "MES 1", "firmware": "1.0",
        "names": {"mac": "02:00:00:00:00:01"}}
    assert history["status_changes"] == []
    eco.imprint("suspend", "mac=02:00:00:00:00:01", "--yes")
    eco.imprint("resume", 1, "--yes")
    eco.imprint("revoke", "02:00:00:00:00:01", "--yes")
    changes = eco.imprint("identity", "show", 1, "--json").json["history"][
        "status_changes"]
    assert [c["change"] for c in changes] == ["suspended", "resumed",
                                              "revoked"]
    text = eco.imprint("identity", "show", 2).out
    assert "because fell" in text and "fixture fx-1" in text
    assert "not handed out" in eco.imprint("identity", "show", 7).out
    assert "not yet" in eco.imprint("identity", "show", 12).out


def test_refused(line):
    """Nothing of a report that is not as it must be."""
    good = first(line)
    other = line.stations["line-2"].signing
    whole = line.report("line-1", 1, good).read_bytes()
    cases = [
        (5, "not this station's", dict(signing=other), good),
        (1, "another order", dict(order_id=bytes(16)), good),
        (1, "another place", {}, {1: [line.record(1, 0, SCRAPPED,
                                                  index=11)]}),
        (1, "one device", {}, {1: [
            line.record(1, n, INJECTED, device="SN") for n in (0, 1)]}),
        (1, "both called", {}, {1: [
            line.record(1, n, INJECTED, device=f"S{n}",
                        mac="02:00:00:00:00:00") for n in (0, 1)]}),
        (1, "leaves to the line", {}, {1: [
            line.record(1, 0, INJECTED)[:14] + [[["imei", "1"]]]]}),
        (1, "not the order's", {}, second(line)),
    ]
    before = status(line.eco)
    for code, words, lies, records in cases:
        path = line.report("line-1", 1, records, **lies)
        result = line.reconcile(path, code=code)
        assert words in result.err, result
    for cut in (0, 7, 40, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        line.reconcile(path, code=None)
    for at in range(0, len(whole), 41):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) +
                         whole[at + 1:])
        assert line.reconcile(path, code=None).code in (1, 2, 5, 8)
    assert status(line.eco) == before
    assert line.eco.imprint("order", "reconcile", 1, "--json").json[
        "packs"][0]["report"] is None


def test_several(line):
    """Of several reports in one run it is said which are loaded."""
    good = line.report("line-1", 1, first(line))
    bad = line.report("line-2", 1, {2: [line.record(
        2, 0, INJECTED, device="SN-1")]})
    result = line.reconcile(good, bad, code=1)
    assert "in one device" in result.err
    assert f"{good}: is loaded and stays so" in result.err
    assert f"{bad}: is the one that was refused" in result.err
    packs = line.eco.imprint("order", "reconcile", 1, "--json").json["packs"]
    assert packs[0]["report"] and packs[1]["report"] is None
    # one that is no report at all: none is loaded
    junk = line.eco.root / "junk"
    junk.write_bytes(good.read_bytes()[:-1])
    newer = line.report("line-1", 2, first(line))
    assert "is loaded" not in line.reconcile(newer, junk, code=1).err
    result = line.eco.imprint("order", "reconcile", 1, "--report", good,
                              "--report", line.report("line-2", 1,
                                                      second(line)),
                              "--json").json
    assert (result["loaded"], result["loaded_before"]) == (1, 1)


def test_harmed(line):
    """Somebody writes to the registry: the next report, log verify and
    doctor find it."""
    line.reconcile(line.report("line-1", 1, first(line)))
    for at, (sql, seen) in enumerate([
            ("DELETE FROM association", True),
            ("DELETE FROM line_key", False),
            ("UPDATE line_key SET idx = idx + 1", False),
            ("UPDATE orders SET state = 3", True),
            ("UPDATE log SET epoch = 7 WHERE log = 1", False)]):
        copy = line.copy(line.eco.root.parent / f"copy-{at}")
        with reader.sqlite3.connect(copy.eco.db) as db:
            assert db.execute(sql).rowcount > 0
        db.close()
        assert "NO " in copy.eco.imprint("log", "verify", code=8).out
        if seen:
            copy.reconcile(copy.report("line-1", 2, first(copy)), code=8)
        if at < 3:
            assert "are not those that the operations made" in \
                copy.eco.imprint("doctor", code=None).out


def test_rolled_back(line):
    """A station put back to an earlier state says less than before."""
    line.reconcile(line.report("line-1", 3, first(line)))
    result = line.reconcile(line.report("line-1", 2, first(line)), code=1)
    assert "a newer one was loaded" in result.err
    less = {1: first(line)[1][:2]}
    result = line.reconcile(line.report("line-1", 4, less), code=1)
    assert "takes back" in result.err


def test_top_up_and_lost(line):
    """What the reports call lost may be made up for; a station that is gone
    takes what it holds with it."""
    eco = line.eco
    argv = ["order", "create", "--top-up", 1, "--station", "line-2"]
    eco.imprint(*argv, "--count", 1, code=4)
    line.reconcile(line.report("line-1", 1, first(line)))
    eco.imprint(*argv, "--count", 3, code=4)
    eco.imprint(*argv, "--count", 2)
    eco.imprint("order", "cancel", 2)
    assert eco.imprint("order", "create", "--product", "gadget", "--count",
                       100, "--attrition", "2%", "--station", "line-2",
                       "--json").json["order"] == 3
    assert [r["count"] for r in reader.rows(
        eco.db, "SELECT count FROM orders WHERE number = 3")] == [102]
    eco.imprint("order", "cancel", 3)
    lost = eco.imprint("station", "lost", "line-1", "--json").json
    assert lost["revoked"] == 6     # one open, five never handed out
    assert lost["again"] == [{"order": 1, "product": "gadget@1", "count": 6,
                              "mode": "station"}]
    assert [status(eco)[n][0] for n in (0, 1, 3, 9, 10)] == [
        "valid", "valid", "revoked", "revoked", "valid"]
    result = eco.imprint("order", "create", "--product", "gadget", "--count",
                         1, "--station", "line-1", code=4)
    assert "lost" in result.err
    pack = eco.imprint("order", "reconcile", 1, "--json").json["packs"][0]
    assert (pack["sealed"], pack["returned"]) == (0, 5)
    eco.imprint("log", "verify")


def test_renew(line):
    """After a final report the station needs a new key."""
    eco, station = line.eco, line.stations["line-1"]
    line.reconcile(line.report("line-1", 1, first(line), final=True))
    argv = ["order", "create", "--product", "gadget", "--count", 3,
            "--station", "line-1"]
    assert "used up" in eco.imprint(*argv, code=4).err
    new = Station("line-1")
    path = eco.root / "new.station"
    path.write_bytes(new.statement())
    assert "another key" in eco.imprint("station", "renew", path,
                                        code=4).err
    new.signing = station.signing
    path.write_bytes(new.statement())
    eco.imprint("station", "renew", path)
    eco.imprint(*argv)
    eco.imprint("order", "run", 2)
    pack = eco.pack(2).read_bytes()
    header = reader.cbor_decode(
        pack[16:16 + int.from_bytes(pack[12:16], "big")])
    assert header[3] == reader.thumbprint(new.sealing.public_key())


@pytest.mark.skipif(not (BIN / "imprint-station").exists(),
                    reason="programs are not built")
def test_real_station(pristine, tmp_path):
    """The same with our own station: report, final report, new key."""
    eco = pristine.copy(tmp_path / "eco")
    home = tmp_path / "station"

    def station(*argv, **options):
        return run(BIN / "imprint-station", "--home", home, *argv, **options)

    eco.imprint("product", "add", PRODUCTS / "camera.yaml")
    station("init", "--name", "line-7", "--trust",
            eco.dir / "publish/trust.pem")
    eco.imprint("station", "add", home / "line-7.station")
    eco.order(8, "line-7", chunk=3)
    eco.imprint("order", "run", 1)
    station("import", eco.pack())
    station("inject", "--command", "cat > /dev/null", "--count", 3)
    station("inject", "--command", "cat > /dev/null; exit 4", "--count", 1,
            code=None)
    report = tmp_path / "order-1.report"

    def reconcile(*argv):
        station("report", 1, "--out", report, *argv)
        return eco.imprint("order", "reconcile", 1, "--report", report,
                           "--json").json

    first = reconcile()
    assert (first["injected"], first["unproven"], first["scrapped"],
            first["sealed"]) == (3, 3, 1, 4)
    again = eco.imprint("order", "reconcile", 1, "--report", report,
                        "--json").json
    assert again["loaded_before"] == 1 and again["revoked"] == 0
    station("key", "new")
    final = reconcile("--final")
    assert final["adds_up"] and final["returned"] == 4
    assert [s for s, _ in status(eco).values()] == ["valid"] * 3 + [
        "revoked"] * 5
    eco.imprint("station", "renew", home / "line-7.station")
    eco.order(2, "line-7")
    eco.imprint("order", "run", 2)
    station("import", eco.pack(2))
    station("inject", "--command", "cat > /dev/null")


@pytest.mark.skipif(not (BIN / "imprint-station").exists(),
                    reason="programs are not built")
def test_station_clock_wrong(pristine, clock, tmp_path):
    """Set back, ahead, there and back: everything is accounted for, the same
    device gets the same identity, and it is said that the times are wrong."""
    eco = pristine.copy(tmp_path / "eco")
    floor = Floor(tmp_path / "floor")
    eco.imprint("product", "add", PRODUCTS / "camera.yaml")
    floor.root.mkdir()
    floor.station("init", "--name", "line-7", "--trust",
                  eco.dir / "publish/trust.pem")
    eco.imprint("station", "add", floor.home / "line-7.station")
    eco.order(8, "line-7", chunk=3)
    eco.imprint("order", "run", 1)
    floor.station("import", eco.pack(), env=clock("2001-01-01T00:00:00Z"))
    token = floor.station("fixture", "add", "f").out.strip()
    packages = {}
    for n, (when, said) in enumerate((
            ("1970-01-01T00:00:01Z", "behind"),
            ("2090-01-01T00:00:00Z", "ahead"), (None, "plausible"),
            ("2001-01-01T00:00:00Z", "behind"))):
        env = clock(when) if when else {}
        with Served(floor, env=env) as served:
            f = Fixture(served, "f", token=token)
            for device in f"A{n}", f"B{n}":
                answer = f.reserve(device)
                assert answer["code"] == 0, answer
                packages[device] = answer
            for device, was in packages.items():
                if f.query(device)["state"] == "reserved":
                    answer = f.reserve(device)
                    assert (answer["code"], answer["package"]) == (
                        1, was["package"])
            assert f.commit(f"A{n}")["code"] == 0
            f.close()
        report = tmp_path / f"{n}.report"
        floor.station("report", 1, "--out", report, env=env)
        table = eco.imprint("order", "reconcile", 1, "--report", report,
                            "--json").json
        assert table["adds_up"] and table["injected"] == n + 1
        assert table["packs"][0]["report"]["clock"] == said
    text = eco.imprint("order", "reconcile", 1).out
    assert "clock behind" in text and "not to be relied on; set it" in text
    assert len({a["index"] for a in packages.values()}) == len(packages) == 8


@pytest.mark.parametrize("kind", FAULTS)
def test_faults(line, tmp_path, kind):
    path = line.report("line-1", 1, first(line), final=True)
    argv = ["order", "reconcile", 1, "--report", path]
    count = operations(line.eco, *argv)

    def step(at):
        copy = line.copy(tmp_path / f"{kind}-{at}")
        copy.eco.faulty(fault_text(kind, at), *argv, code=FAULTS[kind])
        result = copy.eco.imprint(*argv, "--json").json
        assert result["adds_up"]
        assert result["packs"][0]["returned"] == 5
        assert status(copy.eco)[3] == ("revoked", "privilegeWithdrawn")
        if kind == "kill":
            copy.eco.imprint("log", "verify")
        shutil.rmtree(copy.eco.root)

    parallel(step, sample(count, 3))
