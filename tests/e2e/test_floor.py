"""From the pack to the device to the service: station, plug-in, device,
mutual TLS; what is refused and why; power cuts on the factory floor."""
import json
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

import reader
from conftest import (BIN, FAULTS, PRODUCTS, fault_text, make_ecosystem,
                      parallel, run, sample)

pytestmark = pytest.mark.skipif(
    not all((BIN / name).exists() for name in (
        "imprint-station-faulty", "imprint-device-faulty",
        "examples/service")), reason="programs are not built")

COUNT = 8       # packages of the pack
POINTS = 12


class Floor:
    """A factory: a station's home, a stick with packs, devices as files."""

    def __init__(self, root):
        self.root = root
        self.home = root / "station"
        self.stick = root / "stick"
        self.devices = root / "devices"

    @property
    def pack(self):
        return self.stick / "order-1-1.pack"

    def copy(self, root):
        shutil.copytree(self.root, root)
        return Floor(root)

    def station(self, *argv, fault=None, **options):
        if fault:
            options["env"] = {"IMPRINT_FAULT": fault}
        return run(BIN / ("imprint-station-faulty" if fault else
                          "imprint-station"), "--home", self.home, *argv,
                   **options)

    def inject(self, *argv, fault=None, **options):
        """Each plug-in is a device: what it got is a file of its own. The
        run returns when the last one has ended, for they share its
        standard error."""
        self.devices.mkdir(exist_ok=True)
        command = (f"f=$(mktemp {self.devices}/XXXXXXXX.part) && cat > $f "
                   f"&& mv $f ${{f%.part}}")
        return self.station("inject", "--command", command, *argv,
                            fault=fault, **options)

    def status(self):
        return self.station("status", "--json").json

    def got(self):
        """UEIDs of what the devices got; each at most once."""
        ueids = []
        for path in self.devices.glob("*"):
            package = open_package(path.read_bytes())
            if package is not None:
                ueids.append(package.ueid)
        assert len(ueids) == len(set(ueids)), "one package on two devices"
        return set(ueids)


class Package:
    """As a device gets it (lib/identity/package.h)."""

    def __init__(self, data):
        magic, version, document, keys, certs = reader.cbor_decode(data)
        assert magic == "imprint-package" and version == 1
        self.document = document
        self.claims = reader.cbor_decode(
            reader.document_open(document).payload)
        self.ueid = self.claims[256].hex()
        self.keys = {slot: raw for slot, _, raw in keys}
        self.certs = [x509.load_der_x509_certificate(c) for c in certs]

    def write_tls(self, path):
        """Key and certificate chain as PEM files, for anybody's TLS."""
        key = ec.derive_private_key(int.from_bytes(self.keys[0], "big"),
                                    ec.SECP256R1())
        leaf = {k[1]: k for k in self.claims[-66002]}[0][4]
        leaf = x509.load_der_x509_certificate(leaf)
        path.with_suffix(".key").write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))
        path.with_suffix(".pem").write_bytes(b"".join(
            c.public_bytes(serialization.Encoding.PEM)
            for c in (leaf, self.certs[0])))


def open_package(data):
    try:
        return Package(data)
    except Exception:       # cut off: the station died while handing over
        return None


def ledger(path):
    """An independent reader of the station's ledger (station/ledger.h):
    chain checked; yields the records."""
    data = path.read_bytes()
    magic, version, zero, _ = struct.unpack(">8sHH32s", data[:44])
    assert magic == b"IMPRLEDG" and version == 4 and zero == 0
    last, at, write = reader.sha256(data[:44]), 44, 0
    while at < len(data):
        mark, length = struct.unpack(">HH", data[at:at + 4])
        assert mark in (0x8000 | write, 0x8000 | write + 1)
        write = mark & 0x7fff
        body = data[at + 4:at + 4 + length]
        chained = data[at + 4 + length:at + 36 + length]
        last = reader.sha256(last, data[at:at + 4], body)
        assert chained == last, "the ledger's chain is broken"
        yield reader.cbor_decode(body)
        at += 36 + length


def make_floor(eco, root, count=COUNT, product="camera"):
    floor = Floor(root)
    root.mkdir(exist_ok=True)
    floor.station("init", "--name", "line-9", "--trust",
                  eco.dir / "publish/trust.pem")
    eco.imprint("station", "add", floor.home / "line-9.station")
    number = eco.order(count, "line-9", chunk=3, product=product)
    eco.imprint("order", "run", number)
    eco.imprint("order", "export", number, "--out", floor.stick)
    return floor


@pytest.fixture(scope="module")
def authority(pristine, tmp_path_factory):
    eco = pristine.copy(tmp_path_factory.mktemp("authority"))
    eco.imprint("product", "add", PRODUCTS / "camera.yaml")
    return eco


@pytest.fixture(scope="module")
def delivered(authority, tmp_path_factory):
    """A station with a pack on a stick. To be copied only."""
    return make_floor(authority, tmp_path_factory.mktemp("floor"))


@pytest.fixture(scope="module")
def imported(delivered, tmp_path_factory):
    floor = delivered.copy(tmp_path_factory.mktemp("imported") / "floor")
    floor.station("import", floor.pack)
    return floor


@pytest.fixture
def floor(imported, tmp_path):
    return imported.copy(tmp_path / "floor")


# Station

def test_station_init(authority, tmp_path):
    floor = Floor(tmp_path)
    trust = authority.dir / "publish/trust.pem"
    init = ["init", "--name", "line-3", "--trust", trust]
    shown = floor.station(*init, "--json").json
    statement = reader.Sign1((floor.home / "line-3.station").read_bytes())
    assert statement.typ == reader.STATION_TYP
    assert reader.cbor_decode(statement.payload)[1] == "line-3"
    for path in [floor.home, *floor.home.rglob("*")]:
        mode = path.stat().st_mode & 0o777
        assert mode in ((0o700,) if path.is_dir() else (0o600, 0o644)), path
    assert (floor.home / "station.keys").stat().st_mode & 0o777 == 0o600
    floor.station(*init, code=4)
    (floor.home / "line-3.station").unlink()
    again = floor.station(*init, "--json").json
    assert again["fingerprint"] == shown["fingerprint"]
    added = authority.imprint("station", "add", "--json",
                              floor.home / "line-3.station").json
    assert added == {"station": "line-3", "key": shown["fingerprint"]}


def test_station_init_refuses(authority, tmp_path):
    floor = Floor(tmp_path)
    trust = authority.dir / "publish/trust.pem"
    floor.station("init", "--name", "Line 3", "--trust", trust, code=2)
    floor.station("init", "--name", "line-3", "--trust", tmp_path, code=6)
    floor.station("init", "--name", "line-3", "--trust", tmp_path / "no",
                  code=3)
    (tmp_path / "empty.pem").write_text("")
    floor.station("init", "--name", "line-3", "--trust",
                  tmp_path / "empty.pem", code=(2, 3, 5))
    floor.station("status", code=3)


def test_import(delivered, tmp_path):
    floor = delivered.copy(tmp_path / "floor")
    shown = floor.station("import", floor.pack, "--json").json
    assert shown["packages"] == COUNT and not shown["before"]
    kept = floor.home / "packs" / f"{shown['pack']}.pack"
    assert kept.read_bytes() == floor.pack.read_bytes()
    assert floor.station("import", floor.pack, "--json").json["before"]
    assert len(floor.status()["packs"]) == 1


def test_import_refuses(delivered, stranger, tmp_path):
    """A pack of another ecosystem, altered ones; nothing of it stays."""
    floor = delivered.copy(tmp_path / "floor")
    result = floor.station("import", stranger.pack(), code=5)
    assert "does not trust" in result.err
    data = floor.pack.read_bytes()
    for at in range(0, len(data), len(data) // 40):
        floor.pack.write_bytes(
            data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1:])
        result = floor.station("import", floor.pack, code=(2, 4, 5, 8))
        assert "pack " in result.err, result
    for length in (0, 7, 16, 100, len(data) // 2, len(data) - 1):
        floor.pack.write_bytes(data[:length])
        floor.station("import", floor.pack, code=(2, 4, 8))
    floor.pack.write_bytes(data + b"\0")
    floor.station("import", floor.pack, code=(2, 4, 8))
    assert floor.status()["packs"] == []
    assert list((floor.home / "packs").iterdir()) == []
    floor.pack.write_bytes(data)
    floor.station("import", floor.pack)


def test_import_no_file(delivered, tmp_path):
    floor = delivered.copy(tmp_path / "floor")
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path, "/dev/null"):
        result = floor.station("import", path, code=2)
        assert "not a pack's file" in result.err
    for length in (7, 500, len(floor.pack.read_bytes()) - 1):
        short = tmp_path / "short.pack"
        short.write_bytes(floor.pack.read_bytes()[:length])
        result = floor.station("import", short, code=(2, 4, 8))
        assert "again" in result.err


def test_import_json_lines(delivered, tmp_path):
    floor = delivered.copy(tmp_path / "floor")
    result = floor.station("import", "--json", floor.pack, floor.pack,
                           tmp_path / "none", floor.pack, code=3)
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert [line.get("before") for line in lines] == [False, True, None]
    assert lines[2]["error"] == "not found"


def test_import_for_another_station(authority, delivered, tmp_path):
    floor = Floor(tmp_path / "floor")
    floor.root.mkdir()
    floor.station("init", "--name", "line-4", "--trust",
                  authority.dir / "publish/trust.pem")
    result = floor.station("import", delivered.pack, code=4)
    assert "another station" in result.err


def test_inject(floor, authority):
    result = floor.inject("--count", 3, "--json").json
    assert result["injected"] == 3 and result["left"] == COUNT - 3
    first = floor.got()
    floor.inject("--jobs", 4)
    assert len(floor.got()) == COUNT and first < floor.got()
    assert "no unused package" in floor.inject(code=3).err
    listed = {i["ueid"] for i in authority.imprint(
        "identity", "list", "--order", 1, "--json").json}
    assert floor.got() == listed
    records = list(ledger(floor.home / "ledger"))
    assert [r[0] for r in records].count(1) == 1
    outs = [(r[3], r[4]) for r in records if r[0] == 2]
    assert sorted(outs) == [(i, i) for i in range(COUNT)]
    assert sorted(r[3] for r in records if r[0] == 3 and r[4] == 0) == \
        list(range(COUNT))


def test_inject_failures(floor):
    """A package whose plug-in failed is not handed out again."""
    inject = ["inject", "--command"]
    result = floor.station(*inject, "cat > /dev/null; exit 3", "--count", 1,
                           code=1)
    assert "not handed out again" in result.err
    floor.station(*inject, "kill -9 $$", "--count", 1, code=1)
    floor.station(*inject, "exec sleep 60", "--count", 1, "--timeout", 1,
                  code=1)
    result = floor.station(*inject, "exit 0", "--count", 1, code=1)
    assert "did not read the package" in result.err
    floor.station(*inject, "/no/such/program", "--count", 1, code=(1, 2))
    pack = floor.status()["packs"][0]
    assert pack["failed"] == 5 and pack["injected"] == 0
    floor.inject()
    assert len(floor.got()) == COUNT - 5


def test_inject_gives_up(floor):
    """A plug-in that cannot work does not cost a pack."""
    inject = ["inject", "--jobs", 8, "--command", "cat > /dev/null; false"]
    result = floor.station(*inject, "--json", code=1)
    assert result.json["failed"] == 3 and result.json["gave_up"]
    assert "3 packages did not reach a device" in result.err
    assert "--keep-going" in result.err
    assert floor.status()["packs"][0]["left"] == COUNT - 3
    result = floor.station(*inject, "--keep-going", code=1)
    assert floor.status()["packs"][0]["left"] == 0


def test_inject_usage(floor):
    floor.station("inject", code=2)
    for empty in ("", " \n"):
        floor.station("inject", "--command", empty, code=2)
    floor.inject("--count", 0, code=2)
    floor.inject("--jobs", 10000, code=2)
    assert floor.status()["packs"][0]["left"] == COUNT


def test_inject_low(pristine, tmp_path):
    """Little is left: said by the command, not on the page alone."""
    eco = pristine.copy(tmp_path / "ca")
    eco.imprint("product", "add", PRODUCTS / "camera.yaml")
    floor = make_floor(eco, tmp_path / "floor", count=60)
    floor.station("import", floor.pack)
    for count, said in ((58, False), (1, True), (1, False)):
        result = floor.station("inject", "--command", "cat > /dev/null",
                               "--count", count, "--jobs", 8)
        assert ("order 1 is low: 1 of 60 packages are left"
                in result.err) == said, result.err
    assert [o["low"] for o in floor.status()["orders"]] == [True]


def test_inject_plugin_talks(floor):
    """A plug-in that prints megabytes, before and after it reads, holds up
    nobody but itself."""
    result = floor.station(
        "inject", "--command", "head -c 8000000 /dev/zero; cat > /dev/null; "
        "head -c 8000000 /dev/zero >&2", "--count", 2, "--jobs", 2, "--json",
        "--timeout", 30)
    assert result.json["injected"] == 2
    assert result.err.count("\0") == 32000000
    # nobody listens to it: its own failure
    result = floor.station(
        "inject", "--command", "exec 2>&-; head -c 8000000 /dev/zero >&2; "
        "cat > /dev/null", "--count", 1, "--json")
    assert result.json["injected"] == 1


def test_inject_who(pristine, tmp_path):
    """Who worked, for which order, goes all the way to the identity's
    history; what no record can hold is refused before anything is given."""
    authority = pristine.copy(tmp_path / "ca")
    authority.imprint("product", "add", PRODUCTS / "camera.yaml")
    floor = make_floor(authority, tmp_path / "floor")
    floor.station("import", floor.pack)
    for bad in "x" * 64, "a\nb", os.fsdecode(b"\xff"):
        said = floor.station("inject", "--command", "cat > /dev/null",
                             "--badge", bad, code=2)
        assert "badge: a text of at most 63 octets" in said.err
    assert len(list(ledger(floor.home / "ledger"))) == 1
    floor.station("inject", "--command", "cat > /dev/null", "--count", 1,
                  "--badge", "Müller", "--mes-order", "MES-7")
    floor.station("inject", "--command", "cat > /dev/null", "--serial", "S",
                  "--badge", "1042")
    floor.station("inject", "--command", "cat > /dev/null", "--count", 1)
    found = list(ledger(floor.home / "ledger"))
    assert [r[-3:] for r in found if r[0] in (2, 3)][:2] == \
        [["inject", "Müller", "MES-7"]] * 2
    assert [len(r) for r in found if r[0] in (2, 3)] == [8, 8, 5, 5]
    assert [r[-3:] for r in found if r[0] in (4, 5)] == \
        [["inject", "1042", ""]] * 2
    number = floor.status()["orders"][0]["number"]
    floor.station("report", number, "--out", tmp_path / "r")
    authority.imprint("order", "reconcile", number, "--report",
                      tmp_path / "r")
    shown = authority.imprint("identity", "show", found[1][4]).out
    assert "badge Müller" in shown and "MES-7" in shown


def test_inject_environment(floor):
    out = floor.root / "env"
    floor.station("inject", "--count", 2, "--command",
                  f"echo $IMPRINT_SEQUENCE $IMPRINT_INDEX $IMPRINT_PACK "
                  f">> {out}; cat > /dev/null")
    lines = [line.split() for line in out.read_text().splitlines()]
    pack = floor.status()["packs"][0]["pack"]
    assert lines == [["1", "0", pack], ["2", "1", pack]]


def wait_for(condition):
    for _ in range(500):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT,
                                    signal.SIGHUP, signal.SIGQUIT])
def test_inject_busy_and_stopped(floor, number):
    """A second process is turned away; the first, told to stop, finishes
    what is under way."""
    gate, began = floor.root / "gate", floor.root / "began"
    process = subprocess.Popen(
        [BIN / "imprint-station", "--home", floor.home, "inject",
         "--command", f"cat > /dev/null; touch {began}; "
         f"while [ ! -e {gate} ]; do sleep 0.02; done"],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    try:
        wait_for(began.exists)
        result = floor.inject(code=7)
        assert "lock" in result.err
        floor.station("import", floor.pack, code=7)
        assert floor.status()["packs"][0]["unknown"] == 1
        process.send_signal(number)
        gate.touch()
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert b"nothing is lost" in err
    assert err.count(b"stopping: finishing what is under way") == 1
    pack = floor.status()["packs"][0]
    assert pack["injected"] == 1 and pack["left"] == COUNT - 1
    assert floor.devices.exists() is False or floor.got() == set()


def floor_check(floor):
    """Ledger, devices and pack agree, whatever happened before; the rest is
    handed out and nothing twice."""
    for pack in floor.status()["packs"]:
        assert pack["count"] == COUNT == pack["left"] + \
            pack["injected"] + pack["failed"] + pack["unknown"]
        got = floor.got() if floor.devices.exists() else set()
        assert pack["injected"] <= len(got) <= COUNT - pack["left"]
    floor.station("import", floor.pack)
    packs = floor.status()["packs"]
    assert len(packs) == 1
    left = packs[0]["left"]
    before = floor.got() if floor.devices.exists() else set()
    if left:
        floor.inject("--jobs", 2)
        assert len(floor.got() - before) == left
    records = list(ledger(floor.home / "ledger"))
    assert [r[0] for r in records].count(1) == 1
    outs = [r[3] for r in records if r[0] == 2]
    assert sorted(outs) == list(range(COUNT)), "out twice, or never"
    done = [r[3] for r in records if r[0] == 3]
    assert len(done) == len(set(done)) and set(done) <= set(outs)
    pack = floor.status()["packs"][0]
    assert pack["left"] == 0
    assert pack["injected"] <= len(floor.got())
    assert reader.leftovers(floor.home) == []


def count_operations(floor, run_it):
    path = floor.root / "operations"
    run_it(floor, f"count:{path}", 0)
    return int(path.read_text())


def broken(floor, tmp_path, kind, run_it):
    total = count_operations(floor.copy(tmp_path / "count"), run_it)
    assert total > 3

    def step(at):
        copy = floor.copy(tmp_path / f"{kind}-{at}")
        run_it(copy, fault_text(kind, at), FAULTS[kind])
        try:
            floor_check(copy)
        except AssertionError as e:
            raise AssertionError(f"after {kind}:{at} of {total}: {e}") from e
        shutil.rmtree(copy.root)

    parallel(step, sample(total, POINTS))


def test_inject_unknown_is_named(floor):
    """What a run that was killed left open is said by the next."""
    floor.inject(fault="kill:5", code=-9)
    unknown = floor.status()["packs"][0]["unknown"]
    assert unknown > 0
    assert "unknown: handed out" in floor.station("status").out
    result = floor.inject()
    assert f", {unknown} unknown from earlier runs: see status" in result.out


def test_inject_on_another_machine(floor):
    machine = floor.home / "machine"
    if not machine.exists():
        pytest.skip("no /etc/machine-id")
    assert "another machine" not in floor.inject("--count", 1).err
    machine.write_bytes(b"\0" * 32)
    assert "another machine" in floor.inject("--count", 1).err
    assert "another machine" not in floor.inject("--count", 1).err


def test_inject_json_once(floor):
    """One value, with what was done, when it ends in an error too."""
    result = floor.station("inject", "--json", "--command", "/no/such/one",
                           code=2).json
    assert result["out"] == result["failed"] == 1
    assert result["error"] == "invalid" and "/no/such" in result["message"]


@pytest.mark.parametrize("kind", FAULTS)
def test_import_faults(delivered, tmp_path, kind):
    broken(delivered, tmp_path, kind,
           lambda floor, fault, code: floor.station(
               "import", floor.pack, fault=fault, code=code))


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("jobs", [1, 3])
def test_inject_faults(imported, tmp_path, kind, jobs):
    def inject(floor, fault, code):
        if jobs > 1 and code:
            code = (*code, 0)   # how much is written at once varies
        floor.inject("--jobs", jobs, fault=fault, code=code)

    broken(imported, tmp_path, kind, inject)


def test_inject_cut_again_and_again(imported, tmp_path):
    floor = imported.copy(tmp_path / "floor")
    for at in (3, 5, 2, 7, 4):
        floor.inject(fault=f"powercut:{at}:{at}", code=(-9, 0, 3))
        floor.got()
    floor_check(floor)


@pytest.mark.parametrize("kind", ["kill", "powercut", "enospc", "eio"])
def test_station_init_faults(authority, tmp_path, kind):
    """Either a whole station or one that init makes anew."""
    trust = authority.dir / "publish/trust.pem"
    init = ["init", "--name", "line-5", "--trust", trust]
    counter = Floor(tmp_path / "count")
    counter.root.mkdir()
    path = tmp_path / "operations"
    counter.station(*init, fault=f"count:{path}")
    for at in sample(int(path.read_text()), POINTS):
        floor = Floor(tmp_path / f"{kind}-{at}")
        floor.root.mkdir()
        result = floor.station(*init, fault=fault_text(kind, at),
                               code=FAULTS[kind])
        assert not (floor.home / "line-5.station").exists() or \
            (floor.home / "station.keys").exists()
        again = floor.station(*init, code=(0, 4))
        assert result.code != 0 or again.code == 4
        assert floor.status()["name"] == "line-5"
        assert reader.leftovers(floor.home) == []
        statement = floor.home / "line-5.station"
        assert reader.Sign1(statement.read_bytes()).typ == reader.STATION_TYP


def test_ledger_damaged(floor):
    """A changed ledger is refused with the place; a torn tail is cut."""
    floor.inject("--count", 3)
    path = floor.home / "ledger"
    data = path.read_bytes()
    for at in (0, 9, 20, 50, len(data) // 2, len(data) - 40):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:])
        floor.inject(code=(2, 4, 8))
        floor.station("status", code=(2, 4, 8))
    path.write_bytes(data[:-5])
    assert floor.status()["packs"][0]["unknown"] == 1
    floor.inject()
    assert len(list(ledger(path))) == 1 + 2 * COUNT - 1


def test_pack_of_station_damaged(floor):
    """A pack that was changed on the station: nothing false gets out."""
    path = next((floor.home / "packs").glob("*.pack"))
    data = bytearray(path.read_bytes())
    for at in range(2000, len(data) - 2000, 50):
        data[at] ^= 0x40
    path.write_bytes(data)
    result = floor.inject(code=(1, 2, 5, 8))
    assert "from the original" in result.err
    assert not floor.devices.exists() or floor.got() == set()
    shown = floor.station("import", floor.pack, "--json").json
    assert shown["before"] and shown["repaired"]
    assert path.read_bytes() == floor.pack.read_bytes()
    floor.inject("--jobs", 4)
    assert len(floor.got()) == COUNT


def test_status_names_packs_that_cannot_be_read(pristine, stranger,
                                                tmp_path):
    """Each with the reason and what to do; and none of them hands out what is
    another's."""
    authority = pristine.copy(tmp_path / "ca")
    authority.imprint("product", "add", PRODUCTS / "camera.yaml")
    floor = make_floor(authority, tmp_path / "floor")
    number = authority.order(COUNT, "line-9")
    authority.imprint("order", "run", number)
    floor.station("import", floor.pack, authority.pack(number))
    first, second = [floor.home / "packs" / f"{p['pack']}.pack"
                     for p in floor.status()["packs"]]
    good = first.read_bytes()
    half = bytearray(good)
    half[len(half) // 2] ^= 1

    def problems(*argv):
        return [p["problem"] for p in
                floor.station("status", "--json", *argv).json["packs"]]
    assert problems() == problems("--check") == [None, None]
    for data, quick, reason in (
            (None, True, "No such file"),
            (good[:-9], True, "cut off"),
            (second.read_bytes(), True, "is another pack"),
            (stranger.pack().read_bytes(), True, "does not trust"),
            (bytes(half), False, "differs")):
        first.unlink(missing_ok=True)
        if data is not None:
            first.write_bytes(data)
        bad, nothing = problems(*([] if quick else ["--check"]))
        assert nothing is None and reason in bad["message"], bad
        shown = floor.station("status", *([] if quick else ["--check"])).out
        assert shown.count("CANNOT BE READ") == 1 and reason in shown
        if quick:
            assert bad["hint"] in shown
            floor.inject("--count", 1, code=(2, 4, 5, 8))
            assert not floor.devices.exists() or floor.got() == set()
    floor.station("import", floor.pack)
    assert problems("--check") == [None, None]
    # of an order that is closed nothing is needed any more
    floor.station("key", "new")
    floor.station("report", number - 1, "--final", "--out", tmp_path / "r")
    first.unlink()
    assert problems() == [None, None]


# Devices

class Device:
    def __init__(self, home):
        self.home = home

    def __call__(self, *argv, fault=None, **options):
        if fault:
            options["env"] = {"IMPRINT_FAULT": fault,
                              **options.get("env", {})}
        return run(BIN / ("imprint-device-faulty" if fault else
                          "imprint-device"), "--home", self.home, *argv,
                   **options)

    def install(self, data, *argv, **options):
        return self("install", *argv, stdin=data, **options)


@pytest.fixture(scope="module")
def packages(imported, tmp_path_factory):
    """Raw packages in the order of their indices."""
    floor = imported.copy(tmp_path_factory.mktemp("packages") / "floor")
    floor.inject()
    raw = [path.read_bytes() for path in floor.devices.iterdir()]
    return sorted(raw, key=lambda r: Package(r).claims[65535]
                  ["status_list"]["idx"])


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """Package, trust.pem and service of another ecosystem of that name."""
    root = tmp_path_factory.mktemp("foreign")
    eco = make_ecosystem(root / "eco")
    eco.imprint("product", "add", PRODUCTS / "camera.yaml")
    floor = make_floor(eco, root / "floor", 2)
    floor.station("import", floor.pack)
    floor.inject("--count", 1)
    eco.imprint("service", "add", "collector", "--dns", "localhost",
                "--out", root)
    eco.package = next(floor.devices.iterdir()).read_bytes()
    eco.service = root / "collector"
    return eco


def test_device(packages, tmp_path):
    device = Device(tmp_path / "device")
    device("show", code=3)
    shown = device.install(packages[0], "--json").json
    package = Package(packages[0])
    assert shown["ueid"] == package.ueid and shown["installed"]
    assert device.install(packages[0], "--json").json["before"]
    shown = device("show", "--json").json
    assert shown["names"] == {"serial-number": "CAM-000000000"}
    assert shown["rights"]["video"] == {"effective": [],
                                        "capable": ["GET", "POST"]}
    steps = device("verify", "--json").json["steps"]
    assert [s["verdict"] for s in steps] == ["accepted"] * 7
    assert device.home.stat().st_mode & 0o777 == 0o700
    for path in device.home.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    raw = package.keys[0].hex()
    for command in ("show", "verify"):
        assert raw not in device(command).out
        assert raw not in device(command, "--json").out


def test_device_refuses(packages, foreign, tmp_path):
    device = Device(tmp_path / "device")
    data = packages[0]
    for at in range(0, len(data), len(data) // 60):
        changed = data[:at] + bytes([data[at] ^ 4]) + data[at + 1:]
        result = device.install(changed, code=1)
        assert "refused" in result.err
    for length in (1, 17, 500, len(data) - 1):
        device.install(data[:length], code=1)
    device.install(data + b"\0", code=1)
    device.install(b"\0" * 100000, code=1)
    device.install(b"", code=2)
    device("show", code=3)
    device.install(data)
    assert "another device" in device.install(packages[1], code=1).err
    assert "another root" in device.install(foreign.package, code=1).err
    device.install(foreign.package, "--replace", code=1)
    assert device("show", "--json").json["ueid"] == Package(data).ueid
    device.install(packages[1], "--replace")
    device("verify")


def test_device_mixed_packages(packages, tmp_path):
    """Parts of two good packages do not make a third."""
    one, two = (reader.cbor_decode(p) for p in packages[:2])
    device = Device(tmp_path / "device")
    mixed = reader.cbor_encode(one[:3] + two[3:])
    assert "keys do not match" in device.install(mixed, code=1).err
    one[4] = one[4][:2]
    device.install(reader.cbor_encode(one), code=1)


def test_device_storage_damaged(packages, tmp_path):
    device = Device(tmp_path / "device")
    device.install(packages[0])
    path = device.home / "identity.0"
    data = path.read_bytes()
    for at in range(0, len(data), 97):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:])
        device("verify", code=8)
        device("connect", "--to", "127.0.0.1:1", "--object", "photo",
               "--method", "POST", code=8)
    path.write_bytes(b"\0" * 100000)
    device("show", code=8)
    path.write_bytes(b"")
    device("show", code=3)
    # the one before, where the newest does not hold together
    path.write_bytes(data)
    device.install(packages[1], "--replace")
    path = device.home / "identity.1"
    assert device("show", "--json").json["ueid"] == Package(packages[1]).ueid
    path.write_bytes(path.read_bytes()[:-1])
    assert device("show", "--json").json["ueid"] == Package(packages[0]).ueid


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("first", [True, False])
def test_device_install_faults(packages, tmp_path, kind, first):
    """Before, the one identity or none; after, the other or that one; never
    half of one."""
    argv = [] if first else ["--replace"]
    new = packages[0] if first else packages[1]

    def prepare(name):
        device = Device(tmp_path / name)
        if not first:
            device.install(packages[0])
        return device

    path = tmp_path / "operations"
    prepare("count").install(new, *argv, fault=f"count:{path}")
    for at in range(1, int(path.read_text()) + 1):
        device = prepare(f"{kind}-{at}")
        result = device.install(new, *argv, fault=fault_text(kind, at),
                                code=FAULTS[kind])
        shown = device("show", "--json", code=(0, 3) if first else 0)
        if shown.code == 0:
            expected = {Package(new).ueid}
            if not first and result.code != 0:
                expected.add(Package(packages[0]).ueid)
            assert shown.json["ueid"] in expected
            device("verify")
        else:
            assert result.code != 0
        device.install(new, *argv)
        device("verify")
        assert reader.leftovers(device.home) == []


def test_device_without_time(packages, clock, tmp_path):
    """A clock before every known time: installed, and said so; connecting
    waits for the clock."""
    device = Device(tmp_path / "device")
    early = clock("2001-01-01T00:00:00Z")
    result = device.install(packages[0], env=early)
    assert "clock" in result.err
    verified = device("verify", "--json", env=early, code=1)
    assert verified.json["verdict"] == "time unknown"
    result = device("connect", "--to", "127.0.0.1:1", "--object", "photo",
                    "--method", "POST", env=early, code=1)
    assert "clock" in result.err
    device("verify")
    late = clock("2090-01-01T00:00:00Z")
    assert "expired" in device("verify", env=late, code=1).out


# Services

class Service:
    """The example service, until the with-block ends."""

    def __init__(self, pair, trust):
        self.argv = [BIN / "examples/service", "--port", "0", "--cert",
                     f"{pair}.pem", "--key", f"{pair}.key", "--trust", trust]

    def __enter__(self):
        self.process = subprocess.Popen(self.argv, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        line = self.process.stdout.readline().decode()
        assert line.startswith("listening on port "), line
        self.port = int(line.split()[-1])
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def ask(self, device, *argv, object="photo", method="POST", **options):
        return device("connect", "--to", f"127.0.0.1:{self.port}", "--name",
                      "localhost", "--object", object, "--method", method,
                      *argv, **options)

    def ask_raw(self, pair, document, path="photo"):
        """With python's TLS: (status, body); (None, "") when it was cut."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if pair is not None:
            context.load_cert_chain(f"{pair}.pem", f"{pair}.key")
        with socket.create_connection(("127.0.0.1", self.port), 10) as s, \
                context.wrap_socket(s) as tls:
            assert tls.version() == "TLSv1.3"
            tls.sendall(b"POST /%s HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s"
                        % (path.encode(), len(document), document))
            answer = b""
            try:
                while chunk := tls.recv(4096):
                    answer += chunk
            except (ssl.SSLEOFError, ConnectionResetError):
                pass        # it closes without a goodbye
        if b"\r\n\r\n" not in answer:
            return None, ""
        head, body = answer.decode().split("\r\n\r\n")
        return int(head.split()[1]), body


@pytest.fixture(scope="module")
def pair(authority, tmp_path_factory):
    root = tmp_path_factory.mktemp("service")
    authority.imprint("service", "add", "collector", "--dns", "localhost",
                      "--out", root)
    assert (root / "collector.key").stat().st_mode & 0o777 == 0o600
    return root / "collector"


@pytest.fixture(scope="module")
def service(authority, pair):
    with Service(pair, authority.dir / "publish/trust.pem") as service:
        yield service


@pytest.fixture
def device(packages, tmp_path):
    device = Device(tmp_path / "device")
    device.install(packages[0])
    return device


def test_connect(service, device):
    answer = service.ask(device, "--json").json
    assert answer["outcome"] == "answered" and answer["status"] == 200
    assert '"verdict": "allow"' in answer["body"]


def test_connect_right_lacking(service, device):
    """The device does not even ask; made to ask, it is told why not."""
    result = service.ask(device, object="video", code=1)
    assert "does not give it the right POST video" in result.err
    result = service.ask(device, "--force", object="video", code=1)
    assert "403" in result.err
    assert "not permitted: POST on 'video'" in result.err.replace(
        '", "reason": "', ": ")
    service.ask(device, "--force", object="photo", method="DELETE", code=1)
    service.ask(device, "--force", object="unheard-of", code=1)


def test_connect_document_tampered(service, device, packages, tmp_path):
    document = Package(packages[0]).document
    path = tmp_path / "document"
    for at in range(3, len(document), len(document) // 20):
        path.write_bytes(document[:at] + bytes([document[at] ^ 1]) +
                         document[at + 1:])
        result = service.ask(device, "--document", path, code=1)
        assert "403" in result.err and '"deny: ' in result.err
    path.write_bytes(document[:-1] + bytes([document[-1] ^ 1]))
    result = service.ask(device, "--document", path, code=1)
    assert "signature" in result.err
    # more rights, written in by the device itself
    message = reader.cbor_decode(document)
    claims = reader.cbor_decode(message.value[2])
    claims[9] = reader.cbor_encode([["photo", 3], ["video", 3]])
    message.value[2] = reader.cbor_encode(claims)
    path.write_bytes(reader.cbor_encode(message))
    result = service.ask(device, "--force", "--document", path,
                         object="video", code=1)
    assert "signature" in result.err


def test_connect_document_of_another(service, device, packages, tmp_path):
    path = tmp_path / "document"
    path.write_bytes(Package(packages[1]).document)
    result = service.ask(device, "--document", path, code=1)
    assert "another device" in result.err


def test_connect_stranger(service, foreign, tmp_path):
    """Of another ecosystem: it refuses the service, and the service it."""
    device = Device(tmp_path / "device")
    device.install(foreign.package)
    result = service.ask(device, code=1)
    assert "service refused" in result.err
    package = Package(foreign.package)
    package.write_tls(tmp_path / "stranger")
    status, body = service.ask_raw(tmp_path / "stranger", package.document)
    assert status == 403 and '"deny: ' in body and "allow" not in body


def test_connect_raw(service, packages, foreign, tmp_path):
    """Somebody else's TLS: the device's own pair is accepted, a stranger's
    document with it is not, nor none, nor junk."""
    package = Package(packages[2])
    package.write_tls(tmp_path / "device")
    pair = tmp_path / "device"
    assert service.ask_raw(pair, package.document)[0] == 200
    assert service.ask_raw(pair, Package(foreign.package).document)[0] == 403
    for junk in (b"\xd2\x84", b"\0" * 5000, b"\xff" * 16000):
        assert service.ask_raw(pair, junk)[0] == 403
    # more than it takes, and the certificate alone, which gives no right
    assert service.ask_raw(pair, b"\0" * 20000)[0] in (403, None)
    assert service.ask_raw(pair, b"")[0] == 403
    try:
        assert service.ask_raw(None, package.document)[0] is None
    except (ssl.SSLError, ConnectionError):
        pass
    assert service.ask_raw(pair, package.document)[0] == 200


def impersonator(pair, authority):
    return Service(pair, authority.dir / "publish/trust.pem")


def test_service_with_device_certificate(authority, device, packages,
                                         tmp_path):
    """A device cannot play the service."""
    Package(packages[3]).write_tls(tmp_path / "thief")
    with impersonator(tmp_path / "thief", authority) as service:
        result = service.ask(device, code=1)
    assert "service refused" in result.err and "nothing was sent" in \
        result.err


def test_service_of_foreign_authority(authority, device, foreign):
    with impersonator(foreign.service, authority) as service:
        result = service.ask(device, code=1)
    assert "service refused" in result.err


def test_service_self_signed(authority, device, tmp_path):
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
        "ec_paramgen_curve:P-256", "-nodes", "-days", 30, "-subj",
        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
        "-keyout", tmp_path / "self.key", "-out", tmp_path / "self.pem")
    with impersonator(tmp_path / "self", authority) as service:
        result = service.ask(device, code=1)
    assert "service refused" in result.err


def test_service_of_other_name(service, device):
    result = service.ask(device, "--name", "other.example", code=1)
    assert "hostname mismatch" in result.err


def test_service_of_old_tls(device, pair):
    server = subprocess.Popen(
        ["openssl", "s_server", "-accept", "127.0.0.1:0", "-tls1_2", "-cert",
         f"{pair}.pem", "-key", f"{pair}.key"], stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, stdin=subprocess.PIPE)
    try:
        line = ""
        while not line.startswith("ACCEPT"):
            line = server.stdout.readline().decode()
            assert line
        port = line.rsplit(":", 1)[1].strip()
        device("connect", "--to", f"127.0.0.1:{port}", "--name", "localhost",
               "--object", "photo", "--method", "POST", code=(1, 6))
    finally:
        server.kill()
        server.communicate()


def test_connect_nobody_there(device):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        result = device("connect", "--to", f"127.0.0.1:{port}", "--name",
                        "localhost", "--object", "photo", "--method", "POST",
                        code=6)
    assert "unreachable" in result.err


def test_connect_silent_service(device):
    """It waits no longer than it was told."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        start = time.monotonic()
        device("connect", "--to", f"127.0.0.1:{s.getsockname()[1]}",
               "--name", "localhost", "--object", "photo", "--method",
               "POST", "--timeout", 1, code=6)
        assert time.monotonic() - start < 15


def test_report_closes_an_order(pristine, tmp_path):
    """What became of each; after the final one nothing opens its packs."""
    eco = pristine.copy(tmp_path / "authority")
    eco.imprint("product", "add", PRODUCTS / "camera.yaml")
    floor = make_floor(eco, tmp_path / "floor")
    floor.station("import", *floor.stick.glob("*.pack"))
    floor.inject("--count", "3")
    number = floor.status()["orders"][0]["number"]
    out = tmp_path / "order.report"
    first = floor.station("report", number, "--out", out, "--json").json
    assert (first["sequence"], first["injected"], first["unproven"],
            first["unused"], first["final"]) == (1, 3, 3, COUNT - 3, False)
    assert out.read_bytes()[:8] == b"IMPRREPT"
    refused = floor.station("report", number, "--out", out, "--final",
                            code=None)
    assert refused.code != 0 and "key new" in refused.err
    keys = (floor.home / "station.keys").read_bytes()
    private = reader.cbor_decode(keys)[4][-4]
    assert private in keys and len(private) == 32
    statement = (floor.home / "line-9.station").read_bytes()
    assert floor.station("key", "new").code == 0
    assert (floor.home / "line-9.station").read_bytes() != statement
    final = floor.station("report", number, "--out", out, "--final",
                          "--json").json
    assert final["final"] and final["key_destroyed"]
    assert private not in (floor.home / "station.keys").read_bytes()
    order = floor.status()["orders"][0]
    assert order["closed"] and order["unused"] == COUNT - 3
    assert floor.inject(code=None).code != 0
    assert len(floor.got()) == 3
