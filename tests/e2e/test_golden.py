"""What earlier versions wrote (tests/golden): this build reads all of it, to
the octet, and goes on with it. What a later version wrote is refused, with
both versions named and nothing changed."""
import base64
import hashlib
import hmac
import json
import shutil
import sqlite3
import subprocess
import types

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import x25519

import reader
from conftest import (BIN, FAULTS, ROOT, Ecosystem, Station, fault_text,
                      parallel, run, sample)
from line import Fixture, Served

GOLDEN = sorted(p for p in (ROOT / "tests/golden").iterdir() if p.is_dir())
LATER = 99
# what opening a registry or a home may leave, content aside
BESIDE = ("lock", "machine", "registry.db-wal", "registry.db-shm")


class Golden(Ecosystem):
    """A copy of one version's files, with the modes that git does not keep."""

    def __init__(self, source, root):
        super().__init__(root)
        self.source = source
        shutil.copytree(source, root)
        for path in [self.root, *self.root.rglob("*")]:
            path.chmod(0o700 if path.is_dir() else 0o600)
        self.station_home = self.root / "station"
        self.device_home = self.root / "device"
        self.stations = {"line-1": self.station_key()}

    def options(self):
        return [*super().options(), "--operator-passphrase-file",
                self.root / "operator-passphrase"]

    def migrate(self):
        """A command that writes and adds nothing. It has opened both
        keystores as they came."""
        self.imprint("product", "add", self.root / "products/camera.yaml")
        self.cheapen()

    def cheapen(self):
        for name, path in (("keystore", self.passphrase), (
                "operators/admin.key", self.root / "operator-passphrase")):
            reader.keystore_cheapen(self.dir / name,
                                    path.read_bytes().strip())
        return self

    def station(self, *argv, **options):
        return run(BIN / "imprint-station", *argv, "--home",
                   self.station_home, **options)

    def device(self, *argv, **options):
        return run(BIN / "imprint-device", *argv, "--home", self.device_home,
                   **options)

    def expected(self, name):
        return json.loads((self.source / "expected" / name).read_text())

    def station_key(self):
        keys = reader.cbor_decode(
            (self.station_home / "station.keys").read_bytes())
        return x25519.X25519PrivateKey.from_private_bytes(keys[4][-4])

    def keys(self):
        return reader.keystore_open(self.dir / "keystore",
                                    self.passphrase.read_bytes().strip())


@pytest.fixture(params=GOLDEN, ids=lambda p: "schema-" + p.name)
def golden(request, tmp_path):
    return Golden(request.param, tmp_path / "golden")


def schema(path):
    return reader.rows(path, "PRAGMA user_version")[0][0]


def contains(found, expected):
    """found says all that expected says, and may say more."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(
            k in found and contains(found[k], v) for k, v in expected.items())
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and \
            all(map(contains, found, expected))
    return found == expected


def tree(*roots):
    """All files and what is in them."""
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest()
            for root in roots for p in sorted(root.rglob("*"))
            if p.is_file() and p.name not in BESIDE}


def test_golden_files_are_whole():
    """Nothing got lost on the way here: each is in version control as made."""
    assert GOLDEN
    for source in GOLDEN:
        assert {p.name for p in source.iterdir()} >= {
            "home", "wal", "station", "device", "package", "document",
            "certificate.pem", "service", "expected", "products",
            "passphrase", "operator-passphrase", "README.md"}
        done = subprocess.run(
            ["git", "check-attr", "text", "--", source / "package"],
            cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode != 0 or done.stdout.endswith("unset\n")


# Reading

def check_lists(golden):
    for command, name in ((["product", "list"], "products"),
                          (["station", "list"], "stations"),
                          (["order", "list"], "orders"),
                          (["identity", "list", "--count", 1000],
                           "identities")):
        found = golden.imprint(*command, "--json").json
        assert contains(found, golden.expected(f"{name}.json")), command


def check_identities(golden):
    """Every document and certificate is rebuilt to the octet."""
    lines = (golden.source / "expected/identities.sha256").read_text()
    wanted = dict(reversed(line.split()) for line in lines.splitlines())
    assert len(wanted) > 50

    def check(name):
        index, *slot, form = name.split(".")
        argv = ["identity", "show", index, "--format", form]
        if slot:
            argv += ["--slot", slot[0]]
        found = golden.imprint(*argv).raw
        assert hashlib.sha256(found).hexdigest() == wanted[name], name

    parallel(check, wanted)


def test_reads_everything(golden):
    old = schema(golden.db)
    golden.migrate()
    check_lists(golden)
    check_identities(golden)
    for number in range(1, 6):
        golden.imprint("order", "show", number)
    for product in golden.expected("products.json"):
        name = product["product"]
        found = golden.imprint("product", "show", "--cbor", name).raw
        assert found == \
            (golden.source / f"expected/{name}.cbor").read_bytes()
        assert hashlib.sha256(found).hexdigest() == product["hash"]
    check_void_revoked(golden)
    backup = golden.db.with_name(f"registry.db.schema-{old}.backup")
    assert backup.exists() == (schema(golden.db) > old)
    if backup.exists():
        check_backup(golden, backup)


def check_void_revoked(golden):
    """Something signed may exist for them (schema 1 knew no status)."""
    void = [range(r["first"], r["first"] + r["count"]) for r in reader.rows(
        golden.db, "SELECT * FROM range WHERE state = 3")]
    rows = reader.rows(golden.db, "SELECT * FROM status")
    assert void and {i for r in void for i in r} == {
        r["first"] + i for r in rows for i in range(r["count"])}


def check_backup(golden, backup):
    """The backup is the registry as it was, row by row, to be kept."""
    assert backup.stat().st_mode & 0o777 == 0o600
    source = golden.source / "home/ecosystems/default/registry.db"
    original = golden.root / "original.db"
    shutil.copy(source, original)
    assert sqlite_dump(backup) == sqlite_dump(original)
    golden.migrate()
    check_lists(golden)
    assert sqlite_dump(backup) == sqlite_dump(original)


def sqlite_dump(path):
    db = sqlite3.connect(path)
    try:
        return [schema(path), *sorted(db.iterdump())]
    finally:
        db.close()


def test_readers_wait_for_the_migration(golden):
    """A command that only reads changes nothing: it says what would."""
    if schema(golden.db) == current_schema(golden):
        golden.imprint("order", "list")
        return
    before = tree(golden.home)
    result = golden.imprint("order", "list", code=8)
    assert f"schema {schema(golden.db)}" in result.err
    assert "run a command that writes" in result.err
    assert tree(golden.home) == before


def current_schema(golden):
    other = Golden(golden.source, golden.root.with_name("current"))
    other.migrate()
    return schema(other.db)


def test_live_log(golden):
    """A registry whose last commits are in its write-ahead log only."""
    for path in (golden.root / "wal").iterdir():
        shutil.copy(path, golden.dir)
    bare = Golden(golden.source, golden.root.with_name("bare"))
    shutil.copy(golden.root / "wal/registry.db", bare.db)
    golden.migrate()
    check_identities(golden)
    orders = golden.imprint("order", "list", "--json").json
    wanted = golden.expected("orders.json")
    wanted[4]["state"] = "open"     # cancelled a little later
    assert contains(orders, wanted)
    # the log did matter
    assert reader.rows(bare.db, "SELECT committed FROM orders "
                       "WHERE number = 3")[0][0] < wanted[2]["committed"]


def test_found_by_every_name(golden):
    golden.migrate()
    shown = golden.imprint("identity", "show", 1, "--format", "cose").raw
    assert shown == (golden.source / "document").read_bytes()
    certificate = x509.load_pem_x509_certificate(
        (golden.source / "certificate.pem").read_bytes())
    wanted = golden.expected("identities.json")[1]
    for word in (wanted["ueid"], wanted["serial-number"],
                 f"{certificate.serial_number:034x}"):
        found = golden.imprint("identity", "find", word, "--json").json
        assert found["index"] == 1 and found["ueid"] == wanted["ueid"]


def certificates(path):
    end = b"-----END CERTIFICATE-----"
    return [x509.load_pem_x509_certificate(block + end)
            for block in path.read_bytes().split(end)[:-1]]


def test_documents_verify(golden):
    golden.migrate()
    verify = ["identity", "verify", golden.root / "document"]
    golden.imprint(*verify, "--certificate", golden.root / "certificate.pem",
                   "--object", "photo", "--method", "POST")
    golden.imprint(*verify, "--object", "video", "--method", "POST", code=1)
    chain = certificates(golden.root / "service/collector.pem")
    trust = certificates(golden.dir / "publish/trust.pem")
    root = [c for c in trust if c.issuer == c.subject]
    reader.certificate_verify(chain[0], chain[1])
    reader.certificate_verify(chain[1], root[0])


# Going on

def test_orders_go_on(golden):
    """The interrupted order, the one not begun, and a new one; what was
    committed stays as it was."""
    part = golden.pack(3).with_suffix(".pack.part")
    grown = part.read_bytes()
    ranges = reader.rows(golden.db, "SELECT * FROM range WHERE state = 2")
    golden.imprint("order", "run", 3)
    golden.cheapen()
    length = max(r["pack_offset"] + r["pack_length"] for r in ranges
                 if r["order_number"] == 3)
    assert golden.pack(3).read_bytes()[:length] == grown[:length]
    golden.imprint("order", "run", 4)
    number = golden.order(3, "line-1", product="wind-turbine-sensor")
    golden.imprint("order", "run", number)
    ueids = [golden.check_complete(n) for n in (1, 2, 3, 4, number)]
    assert len(set.union(*ueids)) == sum(map(len, ueids)) == 52
    assert "cancelled" in golden.imprint("order", "run", 5, code=4).err
    golden.imprint("log", "verify", "--rebuild")
    check_identities(golden)
    golden.imprint("order", "export", 4, "--out", golden.root / "stick")
    golden.station("import", golden.root / "stick/order-4-1.pack")


def test_station_goes_on(golden):
    assert contains(golden.station("status", "--json").json,
                    golden.expected("station.json"))
    result = golden.station("import", golden.pack(1), "--json").json
    assert result["before"]
    golden.station("import", golden.pack(2))
    out = golden.root / "packages"
    out.mkdir()
    golden.station("inject", "--command",
                   f"cat > {out}/$IMPRINT_SEQUENCE")
    assert len(list(out.iterdir())) == 13 + 10
    status = golden.station("status", "--json").json["packs"]
    assert [p["left"] for p in status] == [0, 0]
    # the pack that an old station sealed is what an old one would have
    # given: the second package is the one that is kept here
    again = reader.Pack(golden.pack(1).read_bytes())
    package = reader.cbor_decode((golden.root / "package").read_bytes())
    (_, document, keys), = again.open(golden.stations["line-1"], {1})
    assert document == package[2] and keys == package[3]


def installed(golden):
    """What the device has: until schema 2 a file, then a slot with a head."""
    path = golden.source / "device/identity"
    return path.read_bytes() if path.exists() else \
        path.with_name("identity.0").read_bytes()[96:]


def test_device_goes_on(golden, tmp_path):
    assert contains(golden.device("show", "--json").json,
                    golden.expected("device.json"))
    golden.device("verify")
    package = (golden.root / "package").read_bytes()
    result = golden.device("install", "--json", stdin=package).json
    assert result["before"]
    golden.device_home = tmp_path / "fresh"
    golden.device("install", stdin=package)
    assert (golden.device_home / "identity.0").read_bytes()[96:] == \
        installed(golden)


# What only later versions wrote

@pytest.fixture(params=[p for p in GOLDEN if (p / "extra").is_dir()],
                ids=lambda p: "schema-" + p.name)
def more(request, tmp_path):
    found = Golden(request.param, tmp_path / "golden")
    found.extra = found.root / "extra"
    return found


def test_versions_are_those_said(more):
    """The files are of the versions that they stand for."""
    assert schema(more.db) == 3
    assert [int.from_bytes(p.read_bytes()[8:10], "big") for p in (
        more.pack(1), more.pack(6), more.pack(7),
        more.station_home / "ledger", more.extra / "order-1.report")] == \
        [1, 2, 2, 3, 1]
    head = reader.rows(more.db, "SELECT value FROM meta WHERE name = "
                       "'operations-head'")[0][0]
    assert reader.cbor_decode(head[:-32])[0] == 2


def test_report_is_loaded(more):
    table = more.imprint("order", "reconcile", 1, "--report",
                         more.extra / "order-1.report", "--json").json
    wanted = json.loads((more.extra / "reconcile.json").read_text())
    # published now
    for found in (table, wanted):
        del found["published"]
    assert contains(table, wanted) and table["adds_up"]
    more.imprint("log", "verify", "--rebuild")


def test_devices_own_packs(more):
    """Those of chips and of devices with keys of their own: a station takes
    them in, the chip opens its package."""
    more.migrate()
    keys = json.loads((more.extra / "chips.json").read_text())
    pack = reader.Pack(more.pack(6).read_bytes())
    pack.verify()
    for number in (6, 7):
        more.station("import", more.pack(number))
    for name, pem in keys.items():
        key = serialization.load_pem_private_key(pem.encode(), None)
        index, document, secrets = pack.open_chip(key)
        assert len(secrets) == 2
        assert document == more.imprint("identity", "show", index,
                                        "--format", "cose").raw
        more.station("sealed", more.pack(6), "--device", name, "--out",
                     more.root / name)
        assert reader.cbor_decode((more.root / name).read_bytes())[4] == \
            index
    other = reader.Pack(more.pack(7).read_bytes())
    other.verify()
    assert other.mode == "device-key" and other.count == 3


def test_lists_are_read(more):
    """The same devices, in an order of today: they have identities."""
    more.migrate()
    for name, mode, product in (("chips.cbor", "chip", "camera"),
                                ("devices.cbor", "device-key", "meter")):
        argv = [more.extra / name, "--product", product, "--mode", mode]
        more.imprint("list", "check", *argv)
        approval = more.root / f"{name}.approval"
        more.imprint("list", "approve", *argv, "--out", approval,
                     "--operator", "bea")
        done = more.imprint("order", "create", "--product", product,
                            "--mode", mode, "--list", more.extra / name,
                            "--approval", approval, "--station", "line-1",
                            code=4)
        assert "one device has one identity" in done.err


def test_fixture_is_known(more):
    """A token of then opens the line of today."""
    floor = types.SimpleNamespace(home=more.station_home)
    with Served(floor, "--plain") as served:
        fixture = Fixture(served, "bench", token=(
            more.extra / "token").read_text().strip())
        assert fixture.reserve("SN-1")["code"] == 0
    more.station("sync", more.extra / "acknowledged")


# Accidents on the way to the present schema

@pytest.mark.parametrize("kind", FAULTS)
def test_migration_accidents(golden, tmp_path, kind):
    """Whatever breaks while a command brings the registry up to date: the
    next one does it, and nothing is lost."""
    old = schema(golden.db)
    if old == current_schema(golden):
        pytest.skip("this version is the present one")
    argv = ["product", "add", golden.root / "products/camera.yaml"]
    wanted = sqlite_dump(golden.db)
    source = golden.cheapen().root
    counted = Golden(source, tmp_path / "count")
    counted.faulty(f"count:{tmp_path / 'operations'}", *argv)
    count = int((tmp_path / "operations").read_text())

    def step(at):
        copy = Golden(source, tmp_path / f"{kind}-{at}")
        result = copy.faulty(fault_text(kind, at), *argv, code=FAULTS[kind])
        if result.code == 6:
            assert result.err.startswith("imprint: "), result
        copy.migrate()
        check_lists(copy)
        backup = copy.db.with_name(f"registry.db.schema-{old}.backup")
        assert sqlite_dump(backup) == wanted
        assert reader.leftovers(copy.dir) == \
            [str(copy.pack(3).with_suffix(".pack.part"))]
        shutil.rmtree(copy.root)

    # each point of the oldest: on its way it meets all later versions
    parallel(step, sample(count, 12) if golden.source == GOLDEN[0] else
             sorted({1, count, *range(5, count, 1 + count // 12)}))


# Later versions

def refused(result, found, known=None):
    """The message names the version found and the one that is read."""
    assert str(found) in result.err, result
    assert any(word in result.err for word in (
        f"reads {known}", f"reads version {known}", f"knows {known}",
        f"up to {known}", f"reads 1 to {known}")), result


def test_later_registry(golden):
    golden.migrate()
    present = schema(golden.db)
    with sqlite3.connect(golden.db) as db:
        db.execute(f"PRAGMA user_version = {LATER}")
    db.close()
    before = tree(golden.home)
    for argv in (["order", "list"], ["order", "run", 3],
                 ["product", "add", golden.root / "products/beacon.yaml"]):
        result = golden.imprint(*argv, code=8)
        refused(result, f"schema {LATER}", present)
        assert "newer" in result.err
    assert tree(golden.home) == before


@pytest.mark.parametrize("name", ["keystore", "operators/admin.key"])
def test_later_keystore(golden, name):
    golden.migrate()
    path = golden.dir / name
    data = bytearray(path.read_bytes())
    known, data[8] = data[8], LATER
    path.write_bytes(data)
    before = tree(golden.home)
    result = golden.imprint(
        "product", "add", golden.root / "products/camera.yaml", code=8)
    refused(result, f"version {LATER}", known)
    assert tree(golden.home) == before


def test_later_pack(golden):
    golden.station("status")
    data = bytearray(golden.pack(2).read_bytes())
    known, data[9] = data[9], LATER
    golden.pack(2).write_bytes(data)
    before = tree(golden.station_home)
    result = golden.station("import", golden.pack(2), code=8)
    refused(result, f"version {LATER}", known)
    assert tree(golden.station_home) == before


def test_later_ledger(golden):
    path = golden.station_home / "ledger"
    data = bytearray(path.read_bytes())
    known, data[9] = 4, LATER   # this build's; older ones are gone on with
    path.write_bytes(data)
    before = tree(golden.station_home)
    for argv in (["status"], ["import", golden.pack(2)],
                 ["inject", "--command", "cat"]):
        refused(golden.station(*argv, code=8), f"version {LATER}", known)
    assert tree(golden.station_home) == before


def test_later_station_keys(golden):
    """A later version may have more in it."""
    path = golden.station_home / "station.keys"
    keys = reader.cbor_decode(path.read_bytes())
    known = keys[1]
    for more in ([], ["more"]):
        path.write_bytes(reader.cbor_encode(
            [keys[0], LATER, *keys[2:], *more]))
        before = tree(golden.station_home)
        for argv in (["status"], ["inject", "--command", "cat"],
                     ["init", "--name", "line-1", "--trust",
                      golden.dir / "publish/trust.pem"]):
            refused(golden.station(*argv, code=8), f"version {LATER}", known)
        assert tree(golden.station_home) == before
    path.write_bytes(reader.cbor_encode([*keys, "more"]))
    assert "another size" in golden.station("status", code=8).err


def test_later_statement(golden):
    golden.migrate()
    station = Station("line-7")
    fields = reader.cbor_decode(reader.Sign1(station.statement()).payload)
    path = golden.root / "statement"
    before = tree(golden.home)
    for more in ([], ["more"]):
        path.write_bytes(reader.sign1(
            station.signing, reader.STATION_TYP,
            reader.cbor_encode([LATER, *fields[1:], *more])))
        refused(golden.imprint("station", "add", path, code=8),
                f"version {LATER}", fields[0])
    assert tree(golden.home) == before


def test_later_package(golden, tmp_path):
    package = reader.cbor_decode((golden.root / "package").read_bytes())
    known = package[1]
    for more in ([], ["more"]):
        later = reader.cbor_encode([package[0], LATER, *package[2:], *more])
        before = tree(golden.device_home)
        result = golden.device("install", stdin=later, code=1)
        refused(result, f"version is {LATER}", known)
        assert tree(golden.device_home) == before
        # what is installed, after a step back to an older program
        other = tmp_path / f"device-{len(more)}"
        shutil.copytree(golden.device_home, other)
        for slot in other.glob("identity.*"):
            slot.unlink()
        (other / "identity").write_bytes(later)
        before = tree(other)
        for argv, code in ((["show"], 8), (["verify"], 1)):
            result = run(BIN / "imprint-device", *argv, "--home", other,
                         code=code)
            refused(result, f"version is {LATER}", known)
            assert "newer version of this program" in result.err
        result = run(BIN / "imprint-device", "install", "--home", other,
                     "--replace", code=1,
                     stdin=(golden.root / "package").read_bytes())
        refused(result, f"version is {LATER}", known)
        assert tree(other) == before


def test_later_document(golden):
    """The profile carries its version; the signature is good."""
    golden.migrate()
    message = reader.Sign1((golden.root / "document").read_bytes())
    claims = reader.cbor_decode(message.payload)
    known = claims[265]
    claims[265] = known.rsplit("/", 1)[0] + f"/{LATER}"
    payload = reader.cbor_encode(claims)
    document = reader.sign1(golden.keys()["document"], reader.DOCUMENT_TYP,
                            payload)
    path = golden.root / "later"
    path.write_bytes(document)
    result = golden.imprint("identity", "verify", path, code=(1, 2))
    assert claims[265] in result.out + result.err, result
    assert f"reads {known}" in result.out + result.err, result
    package = reader.cbor_decode((golden.root / "package").read_bytes())
    package[2] = document
    result = golden.device("install", code=1,
                           stdin=reader.cbor_encode(package))
    assert "unsupported" in result.err and known in result.err
    assert "newer version of this program" in result.err


# Objects of the registry, under the MAC of whoever holds the keystore

def head_change(db, key, sum_at, by):
    """The head of the operations log, a sum in it changed, its MAC good."""
    name = "operations-head"
    stored = db.execute("SELECT value FROM meta WHERE name = ?",
                        (name,)).fetchone()[0]
    head = reader.cbor_decode(stored[:-32])
    total = (int.from_bytes(head[sum_at], "big") + by) % 2 ** 256
    head[sum_at] = total.to_bytes(32, "big")
    encoded = reader.cbor_encode(head)
    db.execute("UPDATE meta SET value = ? WHERE name = ?", (
        encoded + hmac.digest(key, name.encode() + encoded, "sha256"), name))


def object_change(golden, kind, name, change):
    """Put change(body) in place of an object's body, with a good MAC."""
    key = golden.keys()["registry.row"]
    db = sqlite3.connect(golden.db)
    db.row_factory = sqlite3.Row
    with db:
        row = db.execute("SELECT * FROM object WHERE kind = ? AND name = ?",
                         (kind, name)).fetchone()
        mac_size = 32
        body = change(row["body"][:-mac_size])
        mac = hmac.digest(key, reader.cbor_encode(
            [kind, name, row["version"], row["hash"], row["created"], body]),
            "sha256")
        old = hmac.digest(key, reader.cbor_encode(
            [kind, name, row["version"], row["hash"], row["created"],
             row["body"][:-mac_size]]), "sha256")
        assert old == row["body"][-mac_size:]
        db.execute("UPDATE object SET body = ? WHERE seq = ?",
                   (body + mac, row["seq"]))
        head_change(db, key, 8, int.from_bytes(mac, "big") -
                    int.from_bytes(old, "big"))
    db.close()


def test_later_template(golden):
    golden.migrate()
    known = []

    def later(body):
        fields = reader.cbor_decode(body)
        known.append(fields[0])
        return reader.cbor_encode([LATER, *fields[1:], "more"])

    object_change(golden, 6, str(reader.rows(
        golden.db, "SELECT template FROM orders WHERE number = 4")[0][0]),
        later)
    before = tree(golden.home)
    refused(golden.imprint("identity", "show", 1, code=8),
            f"version {LATER}", known[0])
    assert tree(golden.home) == before
    refused(golden.imprint("order", "run", 4, code=8), f"version {LATER}",
            known[0])
    assert reader.rows(golden.db, "SELECT committed FROM orders "
                       "WHERE number = 4")[0][0] == 0


def test_later_form(golden):
    """The forms within a template have a version of their own."""
    golden.migrate()
    known = []

    def later(body):
        fields = reader.cbor_decode(body)
        form = reader.cbor_decode(fields[5])
        known.append(form[0])
        fields[5] = reader.cbor_encode([LATER, *form[1:], "more"])
        return reader.cbor_encode(fields)

    object_change(golden, 6, str(reader.rows(
        golden.db, "SELECT template FROM orders WHERE number = 4")[0][0]),
        later)
    refused(golden.imprint("identity", "show", 1, code=8),
            f"version {LATER}", known[0])


def test_later_product(golden):
    golden.migrate()
    known = []

    def later(body):
        fields = reader.cbor_decode(body)
        known.append(fields[0])
        fields[0] = LATER
        fields[77] = "more"
        return reader.cbor_encode(fields)

    object_change(golden, 2, "camera", later)
    before = tree(golden.home)
    for argv in (["product", "show", "camera"],
                 ["order", "create", "--product", "camera", "--count", 1,
                  "--station", "line-1"]):
        refused(golden.imprint(*argv, code=8), f"version {LATER}", known[0])
    assert tree(golden.home) == before


def test_later_operations_head(golden):
    """The head of the operations log is under the row MAC too."""
    golden.migrate()
    row = golden.keys()["registry.row"]

    def mac(encoded):
        return hmac.digest(row, b"operations-head" + encoded, "sha256")

    stored = reader.rows(golden.db, "SELECT value FROM meta "
                         "WHERE name = 'operations-head'")[0][0]
    assert mac(stored[:-32]) == stored[-32:]
    fields = reader.cbor_decode(stored[:-32])
    later = reader.cbor_encode([LATER, *fields[1:], "more"])
    with sqlite3.connect(golden.db) as db:
        db.execute("UPDATE meta SET value = ? WHERE name = "
                   "'operations-head'", (later + mac(later),))
    db.close()
    before = tree(golden.home)
    for argv in (["identity", "list"], ["order", "run", 4]):
        refused(golden.imprint(*argv, code=8), f"version {LATER}", fields[0])
    assert tree(golden.home) == before


def test_later_anchor(golden):
    anchor = golden.root / "anchor"
    golden.imprint("anchor", "set", anchor)
    text, _, signatures = anchor.read_text().partition("\n\n")
    text = text.replace("\nimprint-anchor 1\n",
                        f"\nimprint-anchor {LATER}\nmore of it\n") + "\n"
    name, blob = signatures.split(" ")[1:3]
    signature = golden.keys()["log"].sign(text.encode())
    blob = base64.b64encode(base64.b64decode(blob)[:4] + signature).decode()
    anchor.write_text(f"{text}\n\u2014 {name} {blob}\n")
    before = tree(golden.home)
    for argv in (["order", "run", 4], ["anchor", "show"]):
        refused(golden.imprint(*argv, code=8), f"version {LATER}", 1)
    assert tree(golden.home) == before
