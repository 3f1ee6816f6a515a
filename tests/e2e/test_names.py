"""Names that do not follow from the index: files that come with an order,
blocks of addresses, names of the line. Read back with python3-cbor2."""
import base64
import hashlib
import json
import shutil

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

import reader
from conftest import (FAULTS, PRODUCTS, fault_text, make_ecosystem, parallel,
                      sample)
from test_anchor import registry_copy, registry_put
from test_order_faults import every_step, operations

METER = "cellular-meter"
NAMES, SUEIDS = -66006, 257
BLOCK = 0x02005e100000      # the meter's, as its product file says
PRODUCT = """
product: {name}
version: "1"
metadata: {{hwmodel: M}}
capabilities: {{}}
authorisations: {{}}
credentials:
  - slot: 0
    purpose: authenticate
    algorithm: P-256
    key-from: authority
    certificate: {{validity: never}}
document: {{signature: direct, validity: never}}
delivery: station
names: [{names}]
"""


def imei(number, tac=49015420):
    digits = f"{tac:08}{number:06}"
    total = sum(sum(divmod(int(d) * (1 + i % 2), 10))
                for i, d in enumerate(digits))
    return digits + str(-total % 10)


def meters(count, first=0):
    """Rows as a factory has them: in no order."""
    return [(f"M26-{first + i * 7919 % count:06}", imei(first + i))
            for i in range(count)]


def csv_write(path, rows, header="serial-number,imei"):
    path.write_text("".join(f"{line}\n" for line in
                            [header, *(",".join(r) for r in rows)]))
    return path


def order_named(eco, rows, *stations, product=METER, chunk=None, **options):
    path = csv_write(eco.root / "names.csv", rows, **options)
    return eco.order(len(rows), *stations, product=product, chunk=chunk,
                     names=path)


def documents(eco, order=1):
    """{index: claims} of all packs of an order, opened as their stations
    do."""
    found = {}
    for p in reader.rows(eco.db, "SELECT * FROM pack WHERE order_number = ?",
                         order):
        pack = reader.Pack(eco.pack(order, p["no"]).read_bytes())
        for index, document, _ in pack.open(eco.stations[p["station"]]):
            found[index] = reader.cbor_decode(
                reader.Sign1(document).payload)
    return found


def names_check(eco, rows, order=1):
    """Lines in their order, addresses one after another, none twice."""
    found = documents(eco, order)
    assert len(found) == len(rows)
    macs = []
    for index, (serial, number) in zip(sorted(found), rows):
        claims = found[index]
        names = claims[NAMES]
        assert names["serial-number"] == serial
        assert names["imei"] == number
        assert set(names) == {"serial-number", "imei", "mac"}
        # RFC 9711 4.2.1.1: type 2 and the EUI, type 3 and 14 digits
        mac = bytes.fromhex(names["mac"].replace(":", ""))
        assert claims[SUEIDS] == {
            "mac": b"\x02" + mac,
            "imei": b"\x03" + bytes(int(d) for d in number[:14])}
        assert list(claims[SUEIDS]) == ["mac", "imei"]
        leaf = x509.load_der_x509_certificate(claims[-66002][0][4])
        assert leaf.subject.get_attributes_for_oid(
            NameOID.SERIAL_NUMBER)[0].value == serial
        macs.append(int.from_bytes(mac, "big"))
    assert macs == sorted(set(macs)) and macs[0] >= BLOCK
    return macs


@pytest.fixture(scope="module")
def metered(stocked, tmp_path_factory):
    """40 meters in two packs in chunks of 8; not run yet."""
    eco = stocked.copy(tmp_path_factory.mktemp("metered"))
    order_named(eco, meters(40), "line-1", "line-2", chunk=8)
    return eco


@pytest.fixture(scope="module")
def made(metered, tmp_path_factory):
    eco = metered.copy(tmp_path_factory.mktemp("made"))
    eco.imprint("order", "run", 1)
    return eco


def test_documents(made):
    made.check_complete()
    assert names_check(made, meters(40)) == list(range(BLOCK, BLOCK + 40))


def test_show(made):
    hashed = hashlib.sha256((made.root / "names.csv").read_bytes())
    shown = made.imprint("order", "show", 1, "--json").json
    assert shown["names_file"] == {"lines": 40, "sha256": hashed.hexdigest()}
    assert {n["kind"]: (n["from"], n["type"]) for n in shown["names"]} == {
        "serial-number": ("order-csv", "text"), "imei": ("order-csv", "imei"),
        "mac": ("range", "mac"), "chip-id": ("line", "text")}
    mac = [n for n in shown["names"] if n["kind"] == "mac"][0]
    assert mac["first"] == "02:00:5e:10:00:00"
    assert mac["left"] == (1 << 20) - 40
    text = made.imprint("order", "show", 1).out
    assert hashed.hexdigest() in text and "1,048,536 left" in text
    # without a file there is none to be shown
    made.order(1, "line-1")
    shown = made.imprint("order", "show", 2, "--json").json
    assert "names_file" not in shown
    assert shown["names"][0]["from"] == "index"


def test_find(made):
    serial, number = meters(40)[11]
    for word in (serial, f"serial-number={serial}", number,
                 f"imei={number[:8]}-{number[8:]}", "02:00:5e:10:00:0b",
                 "02-00-5E-10-00-0B", "0200.5e10.000b", "mac=02005E10000B"):
        found = made.imprint("identity", "find", word, "--json").json
        assert (found["index"], found["kind"]) == (11, "name"), word
    shown = made.imprint("identity", "show", serial, "--json").json
    assert shown["index"] == 11
    assert shown["identity"]["names"] == {
        "serial-number": serial, "imei": number, "mac": "02:00:5e:10:00:0b"}
    assert shown["identity"]["sueids"]["mac"] == "0202005e10000b"
    token = made.imprint("identity", "export", serial, "--format", "jwt").out
    claims = json.loads(base64.urlsafe_b64decode(
        token.split(".")[1] + "=="))
    assert {k: base64.urlsafe_b64decode(v + "==").hex()
            for k, v in claims["sueids"].items()} == \
        shown["identity"]["sueids"]
    assert serial in made.imprint("identity", "show", 11).out
    listed = made.imprint("identity", "list", "--json").json
    assert [(i["serial-number"], i["imei"]) for i in listed] == meters(40)
    made.imprint("identity", "find", "imei=" + serial, code=3)
    made.imprint("identity", "find", "02:00:5e:10:00:ff", code=3)


def test_ambiguous(stocked, tmp_path):
    eco = stocked.copy(tmp_path / "eco")
    path = tmp_path / "tags.yaml"
    path.write_text(PRODUCT.format(name="tags", names="{kind: tag, from: "
                    "order-csv}, {kind: label, from: order-csv}"))
    eco.imprint("product", "add", path)
    number = order_named(eco, [("X", "Y"), ("Y", "0")], "line-1",
                         product="tags", header="tag,label")
    eco.imprint("order", "run", number)
    result = eco.imprint("identity", "find", "Y", code=4)
    assert "label of bulk/0" in result.err and "tag of bulk/1" in result.err
    result = eco.imprint("identity", "find", "0", code=4)
    assert "bulk/0" in result.err and "KIND=0" in result.err
    find = ["identity", "find", "--json"]
    assert eco.imprint(*find, "tag=Y").json["index"] == 1
    assert eco.imprint(*find, "label=0").json["index"] == 1
    assert eco.imprint(*find, "bulk/0").json["index"] == 0


# Files that are refused: nothing is made, nothing is kept

TABLES = ("name_file", "name_block", "name_key", "name_part", "orders")


def counts(eco):
    return [reader.rows(eco.db, f"SELECT count(*) FROM {t}")[0][0]
            for t in TABLES]


def refused(eco, text, code, *parts, count=None, product=METER):
    path = eco.root / "bad.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    before = counts(eco)
    argv = ["order", "create", "--product", product, "--names", path,
            "--station", "line-1"]
    if count is not None:
        argv += ["--count", count]
    result = eco.imprint(*argv, code=code)
    for part in parts:
        assert part in result.err, result
    assert counts(eco) == before
    return result


def test_refused(made, tmp_path):
    eco = made.copy(tmp_path / "eco")
    head = "serial-number,imei\n"
    fresh = imei(900000)
    refused(eco, "", 2, "bad.csv: is empty")
    refused(eco, head, 2, "names no identity")
    refused(eco, "serial-number;imei\nA;B\n", 2, "bad.csv:1: column 1",
            "the header is: imei,serial-number")
    refused(eco, f"{head}A,{fresh}\nB\n", 2, "bad.csv:3: 1 of 2 columns")
    refused(eco, f"{head}A,{fresh[:-1]}x\n", 2,
            "bad.csv:2: column 2, imei:", "is no IMEI")
    refused(eco, f"{head}A,4.90154E+14\n", 2, "spreadsheets")
    refused(eco, f"{head}Ä,{fresh}\n", 2, "column 1, serial-number",
            "outside ASCII")
    refused(eco, f"{head}Ä,{fresh}\n".encode("latin-1"), 2, "is not UTF-8")
    refused(eco, f"{head}A\0,{fresh}\n", 2, "holds a NUL")
    refused(eco, f"{head}{'A' * 65},{fresh}\n", 2, "is 65 octets long")
    refused(eco, head + "x" * 100000, 2, "bad.csv:2: longer than 4096")
    refused(eco, f"{head}A,{fresh}\n", 2, "names 1 of the order's 2",
            count=2)
    refused(eco, f"{head}A,{fresh}\nB,{imei(900001)}\n", 2, "bad.csv:3: "
            "a line more than the order's 1 identities", count=1)
    refused(eco, f"{head}A,{fresh}\nA,{imei(900001)}\n", 4,
            'bad.csv:3: column 1, serial-number: "A" is taken: line 2')
    refused(eco, f"{head}A,{fresh}\nB,{meters(40)[7][1]}\n", 4,
            "bad.csv:3: column 2", "identity bulk/7 of order 1 has it")
    refused(eco, f"{head}CAM-000000017,{fresh}\n", 4,
            "product camera 1.0.0 keeps it")
    refused(eco, f"{head}A,{fresh}\n", 2, "takes no names from a file",
            product="camera")
    eco.imprint("order", "create", "--product", METER, "--count", 1,
                "--station", "line-1", code=2)
    eco.imprint("order", "create", "--product", METER, "--names",
                tmp_path / "none.csv", "--station", "line-1", code=3)
    eco.imprint("order", "create", "--product", METER, "--names", tmp_path,
                "--station", "line-1", code=None)
    # and it goes on
    second = order_named(eco, [("A", fresh)], "line-1")
    eco.imprint("order", "run", second)
    assert names_check(eco, [("A", fresh)], second) == [BLOCK + 40]


def test_standard_input(made, tmp_path):
    """As the file would be: the same hash, the same order; a bad line is
    named; nothing is left beside the registry."""
    eco = made.copy(tmp_path / "eco")
    rows = [(f"S-{i}", imei(800000 + i)) for i in range(60000)]
    text = csv_write(tmp_path / "names.csv", rows).read_bytes()
    assert len(text) > 1 << 20
    argv = ["order", "create", "--product", METER, "--names", "-",
            "--station", "line-1", "--json"]
    before = counts(eco)
    result = eco.imprint(*argv, code=2, stdin=text + b"A,490154203237519\n")
    assert "standard input:60002: column 2, imei" in result.err
    assert "standard input: names no identity" in eco.imprint(
        *argv, code=2, stdin=b"serial-number,imei\n").err
    assert counts(eco) == before
    number = eco.imprint(*argv, stdin=text).json["order"]
    shown = eco.imprint("order", "show", number, "--json").json
    assert shown["order"]["count"] == len(rows)
    assert shown["names_file"]["sha256"] == \
        hashlib.sha256(text).hexdigest()
    assert reader.leftovers(eco.dir) == []


def test_million(stocked, tmp_path):
    """A million lines, and one bad at the end: nothing is changed. Names in
    no order, so that keys do not come sorted."""
    eco = stocked.copy(tmp_path / "eco")
    rows = meters(1000000)
    good = rows[:-1]
    refused(eco, "serial-number,imei\n" + "".join(
        f"{a},{b}\n" for a, b in good) + "A,490154203237519\n", 2,
        "bad.csv:1000001: column 2, imei")
    refused(eco, "serial-number,imei\n" + "".join(
        f"{a},{b}\n" for a, b in good) + f"A,{rows[0][1]}\n", 4,
        "bad.csv:1000001: column 2, imei", "line 2, column 2 has it")
    before = eco.db.stat().st_size
    number = order_named(eco, rows, "line-1")
    size = eco.db.stat().st_size - before
    assert size < 30 * 2 * len(rows), f"{size / 2 / len(rows)} a name"
    refused(eco, f"serial-number,imei\nA,{rows[-1][1]}\n", 4,
            f"order {number} keeps it (line 1000001 of its file)")


def test_quoted(stocked, tmp_path):
    """RFC 4180 by another writer, with a byte order mark and CRLF."""
    import csv
    eco = stocked.copy(tmp_path / "eco")
    rows = [("A, b", imei(1)), ("C", imei(2))]
    with (eco.root / "quoted.csv").open("w", newline="",
                                        encoding="utf-8-sig") as f:
        writer = csv.writer(f, quoting=csv.QUOTE_ALL)
        writer.writerows([("imei", "serial-number"),
                          *((b, a) for a, b in rows)])
    eco.imprint("order", "create", "--product", METER, "--names",
                eco.root / "quoted.csv", "--station", "line-1")
    eco.imprint("order", "run", 1)
    names_check(eco, rows)


# Blocks

def test_blocks(stocked, tmp_path):
    """Two products and two orders compete for one block of 16."""
    eco = stocked.copy(tmp_path / "eco")
    block = ('from: range, type: mac, first: "02:00:5e:40:00:f8", '
             'last: "02:00:5e:40:01:07"')
    for name in ("one", "two"):
        path = tmp_path / f"{name}.yaml"
        path.write_text(PRODUCT.format(
            name=name, names=f"{{kind: mac, {block}}}"))
        eco.imprint("product", "add", path)
    path.write_text(PRODUCT.format(
        name="three", names="{kind: mac, from: range, type: mac, first: "
        '"02:00:5e:40:00:ff", last: "02:00:5e:40:00:ff"}'))
    result = eco.imprint("product", "add", path, code=4)
    assert "could give a name that product one 1 gives" in result.err
    eco.order(10, "line-1", product="one", chunk=3)
    result = eco.imprint("order", "create", "--product", "two", "--count",
                         7, "--station", "line-1", code=2)
    assert "its block has 16 names left, this order of 7" in result.err
    eco.order(6, "line-2", product="two", chunk=3)
    eco.imprint("order", "create", "--product", "one", "--count", 1,
                "--station", "line-1", code=2)
    for order in (2, 1):
        eco.imprint("order", "run", order)
    macs = [c[NAMES]["mac"] for order in (1, 2)
            for c in documents(eco, order).values()]
    assert sorted(macs) == [f"02:00:5e:40:00:{i:02x}" if i < 256 else
                            f"02:00:5e:40:01:{i - 256:02x}"
                            for i in range(0xf8, 0x108)]


def test_forms(stocked, tmp_path):
    """Text in decimal and hexadecimal digits, an EUI-64, an IMEI's block."""
    eco = stocked.copy(tmp_path / "eco")
    path = tmp_path / "forms.yaml"
    path.write_text(PRODUCT.format(name="forms", names="""
      {kind: a, from: range, prefix: "A/", first: "098", last: "102"},
      {kind: b, from: range, digits: hex, first: "00fe", last: "ffff"},
      {kind: c, from: range, digits: HEX, first: "00FE", last: "FFFF"},
      {kind: d, from: range, type: mac, first: fc000000fffffffe,
       last: fc000001ffffffff},
      {kind: e, from: range, type: imei, first: 490154200000000,
       last: 490154209999996}""".replace("\n", " ")))
    eco.imprint("product", "add", path)
    shown = eco.imprint("product", "show", "forms").out
    (tmp_path / "again.yaml").write_text(shown)
    eco.imprint("product", "add", tmp_path / "again.yaml")
    eco.order(4, "line-1", product="forms", chunk=3)
    eco.imprint("order", "run", 1)
    found = [c for _, c in sorted(documents(eco).items())]
    for i, claims in enumerate(found):
        eui = (0xfc000000fffffffe + i).to_bytes(8, "big")
        assert claims[NAMES] == {
            "a": f"A/{98 + i:03}", "b": f"{254 + i:04x}",
            "c": f"{254 + i:04X}", "d": eui.hex(":"), "e": imei(i)}
        assert claims[SUEIDS]["d"] == b"\x02" + eui


# Faults

def created_check(rows):
    def check(eco, result):
        """The order with all of its names, or nothing."""
        if not eco.imprint("order", "list", "--json").json:
            assert result.code != 0
            assert counts(eco) == [0] * len(TABLES)
            eco.imprint("order", "create", "--product", METER, "--names",
                        eco.root / "names.csv", "--station", "line-1")
        eco.imprint("order", "run", 1)
        eco.check_complete()
        assert names_check(eco, rows) == list(range(BLOCK,
                                                    BLOCK + len(rows)))
    return check


@pytest.mark.parametrize("kind", ["kill", "killafter", "powercut", "enospc",
                                  "eio", "syncfail", "short"])
def test_order_create(stocked, tmp_path, kind):
    eco = stocked.copy(tmp_path / "eco")
    rows = meters(150)
    csv_write(eco.root / "names.csv", rows)
    count = operations(eco, "order", "create", "--product", METER, "--names",
                       eco.root / "names.csv", "--station", "line-1")

    def step(at):
        copy = eco.copy(tmp_path / f"{kind}-{at}")
        result = copy.faulty(fault_text(kind, at), "order", "create",
                             "--product", METER, "--names",
                             copy.root / "names.csv", "--station", "line-1",
                             code=FAULTS[kind])
        created_check(rows)(copy, result)
        shutil.rmtree(copy.root)

    parallel(step, sample(count, 8))


def test_disk_full(stocked, tmp_path):
    """During a large import, whose pages do not fit in memory."""
    eco = stocked.copy(tmp_path / "eco")
    csv_write(eco.root / "names.csv", meters(300000))
    argv = ["order", "create", "--product", METER, "--names",
            eco.root / "names.csv", "--station", "line-1"]
    count = operations(eco, *argv)
    for at in (count // 20, count // 4):    # behind the commit it is late
        result = eco.faulty(f"enospc:{at}", *argv, code=6)
        assert "space" in result.err
        assert counts(eco) == [0] * len(TABLES)
    eco.imprint(*argv)
    assert counts(eco)[0] == 1


def run_check(eco, result):
    eco.imprint("order", "run", 1)
    eco.check_complete()
    macs = names_check(eco, meters(40))
    # what a run that died took of the block is gone, and no more
    voids = sum(r["count"] for r in reader.rows(
        eco.db, "SELECT count FROM range WHERE state = 3"))
    assert len(macs) == 40 and macs[-1] < BLOCK + 40 + voids
    taken = reader.rows(eco.db, "SELECT sum(count) FROM name_part "
                        "WHERE pool <> 0")[0][0]
    assert taken == 40 + voids


@pytest.mark.parametrize("kind", FAULTS)
def test_order_run(metered, tmp_path, kind):
    every_step(metered, tmp_path, kind, ["order", "run", 1], run_check,
               most=12 if kind in ("kill", "powercut") else 5)


def test_order_run_many_cuts(metered, tmp_path):
    eco = metered.copy(tmp_path / "eco")
    for at in range(4, 400, 17):
        if eco.faulty(f"powercut:{at}:{at}", "order", "run", 1,
                      code=(0, -9)).code == 0:
            break
    run_check(eco, None)


def test_cancelled(metered, tmp_path):
    """Names of a cancelled order that are in no complete pack are free: no
    identity with them ever left."""
    eco = metered.copy(tmp_path / "eco")
    rows = meters(40)
    argv = ["order", "create", "--product", METER, "--names",
            csv_write(eco.root / "names.csv", rows), "--station", "line-1"]
    assert "order 1 keeps it" in eco.imprint(*argv, code=4).err
    for at in range(20, 400, 10):
        eco.faulty(f"kill:{at}", "order", "run", 1, code=-9)
        done = reader.rows(eco.db, "SELECT complete FROM pack ORDER BY no")
        if done[0][0]:
            break
    assert [d[0] for d in done] == [1, 0]
    eco.imprint("order", "cancel", 1)
    result = eco.imprint(*argv, code=4)
    assert "names.csv:2:" in result.err
    assert "of order 1 has it" in result.err
    second = order_named(eco, rows[20:], "line-1")
    eco.imprint("order", "run", second)
    names_check(eco, rows[20:], second)
    find = ["identity", "find", "--json"]
    assert eco.imprint(*find, rows[0][0]).json["order"] == 1
    assert eco.imprint(*find, rows[39][0]).json["order"] == 2


def test_epoch(tmp_path):
    """An old registry, and a new epoch: addresses that the lost identities
    may have are not given again."""
    eco = make_ecosystem(tmp_path / "eco", "--anchor", tmp_path / "anchor")
    path = tmp_path / "one.yaml"
    path.write_text(PRODUCT.format(
        name="one", names='{kind: mac, from: range, type: mac, first: '
        '"02:00:5e:40:00:00", last: "02:00:5e:40:ff:ff"}'))
    eco.imprint("product", "add", path)
    eco.station_add("line-1")
    eco.order(10, "line-1", product="one")
    eco.imprint("order", "run", 1)
    registry_copy(eco, tmp_path / "old.db")
    eco.order(20, "line-1", product="one", chunk=8)
    eco.imprint("order", "run", 2)
    lost = {c[NAMES]["mac"] for c in documents(eco, 2).values()}
    assert len(lost) == 20
    eco.pack(2).rename(tmp_path / "lost.pack")
    registry_put(eco, tmp_path / "old.db")
    eco.imprint("epoch", "begin", "--reason", "disk lost")
    eco.order(5, "line-1", product="one")
    eco.imprint("order", "run", 2)
    macs = {c[NAMES]["mac"] for c in documents(eco, 2).values()}
    assert len(macs) == 5 and macs.isdisjoint(lost)
