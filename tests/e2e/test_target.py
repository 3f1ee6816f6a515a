"""What a product's target holds, and orders that do not fit it."""
import re

import cbor2
import pytest
from cryptography.hazmat.primitives import serialization

import reader
from conftest import PRODUCTS

LOCK = (PRODUCTS / "door-lock.yaml").read_text()
METER = (PRODUCTS / "water-meter.yaml").read_text()
LIMITS = {"certificate": 1022, "document": 1790, "package": 4096,
          "total": 5120}


@pytest.fixture
def eco(pristine, tmp_path):
    return pristine.copy(tmp_path / "eco")


def add(eco, text, code=0):
    path = eco.root / "product.yaml"
    path.write_text(text)
    return eco.imprint("product", "add", path, "--json", code=code)


def limit(text, key, value):
    before = f"  {key}: {LIMITS[key]}\n"
    assert text.count(before) == 1
    return text.replace(before, f"  {key}: {value}\n")


def parts(package):
    """Sizes of what a package has, by somebody else's reader."""
    _, _, document, private, chain = cbor2.loads(package)
    claims = reader.cbor_decode(reader.document_open(document).payload)
    certificates = [k[4] for k in claims[-66002] if 4 in k]
    return {"certificate": max(map(len, certificates)),
            "document": len(document), "package": len(package),
            "total": len(document) + sum(map(len, certificates)) +
            sum(map(len, chain)) + sum(len(k[2]) for k in private)}


def opened(eco, order):
    """Packages as devices get them: docs/protocol/package.md."""
    pack = reader.Pack(eco.pack(order).read_bytes())
    chain = [c.public_bytes(serialization.Encoding.DER) for c in pack.certs]
    for _, document, keys in pack.open(eco.stations["line-1"]):
        yield cbor2.dumps(["imprint-package", 1, document, keys, chain])


@pytest.mark.parametrize("key", LIMITS)
def test_product_refused(eco, key):
    """One octet too little; the sentence says all; nothing is made."""
    said = add(eco, limit(LOCK, key, 64), 2).json
    found = re.search(r"up to (\d+) octets, the target holds 64$",
                      said["message"])
    assert found and "product door-lock: " in said["message"]
    assert f"raise target.{key}" in said["hint"]
    if key == "certificate":
        assert "slot 0: its certificate" in said["message"]
    size = int(found.group(1))
    add(eco, limit(LOCK, key, size - 1), 2)
    assert eco.imprint("product", "list", "--json").json == []
    add(eco, limit(LOCK, key, size))


def test_places(eco):
    said = add(eco, LOCK.replace("0: [P-256]", "0: [P-384]"), 2).json
    line = LOCK[:LOCK.index("  keys:")].count("\n") + 1
    assert f":{line}: target: slot 0: " in said["message"]
    assert "allowed: P-384" in said["message"]
    said = add(eco, LOCK.replace("0: [P-256]", "2: [P-256]"), 2).json
    assert "has no place for its private key" in said["message"]


def test_layout_refused(eco):
    """An image that cannot be made of the largest package."""
    said = add(eco, LOCK.replace("le16 room 0x700", "le16 room 0x300"), 2)
    assert "door-lock: layout: line 5: " in said.json["message"]
    said = add(eco, LOCK.replace("raw 0 room", "raw 1 room"), 2)
    assert "layout: line 4: this device has no such" in said.json["message"]


def sizes_told(eco, text):
    """What each limit is refused with."""
    told = {}
    for key in LIMITS:
        said = add(eco, text + f"\ntarget:\n  {key}: 1\n", 2).json
        told[key] = int(re.search(r"up to (\d+) octets", said["message"])[1])
    return told


@pytest.mark.parametrize("name", ["water-meter", "door-lock"])
def test_what_is_made_fits(eco, name):
    """With receipts, and signed directly: never more than was told, and not
    much less."""
    text = METER if name == "water-meter" else \
        LOCK[:LOCK.index("\n# What the device can hold")]
    told = sizes_told(eco, text)
    eco.station_add("line-1")
    add(eco, text + "\ntarget: {" +
        ", ".join(f"{k}: {v}" for k, v in told.items()) + "}\n")
    number = eco.order(64, "line-1", product=name)
    eco.imprint("order", "run", number)
    made = [parts(p) for p in opened(eco, number)]
    assert len(made) == 64
    for key in LIMITS:
        largest = max(m[key] for m in made)
        # an index of few digits, a chunk of 64
        assert told[key] - 170 <= largest <= told[key]
    assert max(m["certificate"] for m in made) == told["certificate"]


def test_order_refused(eco):
    """Names that come with the order make the document too large."""
    eco.station_add("line-1")
    text = LOCK.replace('from: index\n    format: "DL3-{index:9}"',
                        "from: order-csv")
    said = add(eco, limit(text, "document", 64), 2).json
    fewest = int(re.search(r"up to (\d+) octets", said["message"])[1])
    # two of each name's octets: claims, and the certificate in them
    add(eco, limit(text, "document", fewest + 18))
    short, long = eco.root / "short.csv", eco.root / "long.csv"
    short.write_text("serial-number\n0123456789\n1\n")
    long.write_text("serial-number\n1\n0123456789a\n")
    order = ["order", "create", "--product", "door-lock", "--station",
             "line-1", "--json", "--names"]
    said = eco.imprint(*order, long, code=2).json
    size = int(re.search(r"its document has up to (\d+) octets",
                         said["message"])[1])
    assert size == fewest + 20
    assert eco.imprint("order", "list", "--json").json == []
    # nothing of the file is kept either
    number = eco.imprint(*order, short).json["order"]
    eco.imprint("order", "run", number)
    assert max(parts(p)["document"] for p in opened(eco, number)) <= \
        fewest + 18


def test_no_target(eco):
    """Without a target there is no limit, and no other hash than before."""
    plain = LOCK[:LOCK.index("\n# What the station gives")]
    first = add(eco, plain).json["hash"]
    shown = eco.imprint("product", "show", "door-lock", "--cbor").raw
    assert reader.sha256(shown).hex() == first
    assert not {17, 18} & set(cbor2.loads(shown))
    newer = LOCK.replace('version: "1.0"', 'version: "1.1"')
    add(eco, newer)
    shown = cbor2.loads(eco.imprint("product", "show", "door-lock",
                                    "--cbor").raw)
    assert shown[17] == {1: [[0, [1]], [1, [1, 2]]], 2: 1022, 3: 1790,
                         4: 4096, 5: 5120}
    assert shown[18][0] == 4 and shown[18][1].startswith("size 0x2000\n")
    said = eco.imprint("product", "diff", "door-lock@1.0", "door-lock@1.1",
                       "--json", code=1).json
    changed = {c["field"]: c["after"] for c in said["changes"]}
    assert changed["target.document"] == "1790"
    assert changed["target.keys.1"] == "P-256, X25519"
    assert changed["form"] == "image"


@pytest.mark.parametrize("maker", ["device", "authority"])
def test_field(eco, maker):
    """A product of the field: its names are those that devices are born
    with, and no longer."""
    eco.imprint("product", "add", PRODUCTS / "doorbell-idevid.yaml")
    text = (PRODUCTS / "doorbell.yaml").read_text().replace(
        "key-from: device", f"key-from: {maker}")
    sizes = {}
    for key in LIMITS:
        said = add(eco, f"{text}target:\n  {key}: 64\n", 2).json
        sizes[key] = int(re.search(r"up to (\d+) octets, the target holds 64",
                                   said["message"]).group(1))
    longer = "serial-number" * 4
    for name in ("doorbell-idevid", "doorbell"):
        path = eco.root / "longer.yaml"
        path.write_text((PRODUCTS / f"{name}.yaml").read_text().replace(
            "DB-{index:9}", longer + "-{index:9}").replace(
            '"1.0.0"', '"1.1.0"'))
        if name == "doorbell-idevid":
            eco.imprint("product", "add", path)
    said = add(eco, f"{text}target:\n  document: {sizes['document']}\n", 2)
    found = int(re.search(r"up to (\d+) octets", said.json["message"])[1])
    # in the claims and in the certificate
    assert found - sizes["document"] >= 2 * (len(longer) - 2)
    add(eco, f"{text}target:\n  document: {found}\n")
