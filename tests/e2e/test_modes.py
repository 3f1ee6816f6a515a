"""Orders whose packages only the device can open, and those for devices that
made their keys themselves. Packs are read with python3-cbor2 and
python3-cryptography alone."""
import datetime
import hashlib
import json

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, x25519

import reader
from conftest import FAULTS, PRODUCTS, parallel, run, sample, BIN

KEYSET = -66002
MAKERS = {1: "device", 2: "chip", 4: "authority"}


def write(path, entries, kind):
    """A list in its canonical form."""
    items = [["imprint-device-list", 1, kind, 2, ""], *entries]
    path.write_bytes(b"".join(
        reader.cbor_encode(reader.cbor_encode(i)) for i in items) +
        reader.cbor_encode(len(entries)))
    return path


def chips_make(count):
    """Private keys by chip id: X25519 and P-256 in turn."""
    return {b"chip-%d" % i: x25519.X25519PrivateKey.generate() if i % 2 else
            ec.generate_private_key(ec.SECP256R1()) for i in range(count)}


def chips_list(path, chips):
    return write(path, [[name, [[0, reader.cose_key(key.public_key())]]]
                        for name, key in chips.items()], 1)


def operator_add(eco, name):
    passphrase = eco.root / f"{name}.passphrase"
    passphrase.write_text(f"{name}'s own\n")
    passphrase.chmod(0o600)
    eco.imprint("operator", "add", name, "--new-passphrase-file", passphrase)
    return ["--operator", name, "--operator-passphrase-file", passphrase]


def approve(eco, path, operator, mode="chip", product="camera"):
    out = path.with_suffix(".approval")
    out.unlink(missing_ok=True)
    eco.imprint("list", "approve", path, "--product", product, "--mode",
                mode, "--out", out, *operator)
    return out


def create(eco, path, mode="chip", product="camera", chunk=None, code=0,
           station="line-1", **more):
    argv = ["order", "create", "--product", product, "--mode", mode,
            "--list", path, "--station", station, "--json"]
    for name, value in more.items():
        argv += ["--" + name.replace("_", "-"), value]
    done = eco.imprint(*argv, code=code)
    if code:
        return done
    number = done.json["order"]
    if chunk is not None:
        db = reader.sqlite3.connect(eco.db)
        with db:
            db.execute("UPDATE orders SET chunk_size = ? WHERE number = ?",
                       (chunk, number))
        db.close()
    return number


@pytest.fixture
def bea(eco):
    return operator_add(eco, "bea")


def claims_of(document):
    return reader.cbor_decode(reader.document_open(document).payload)


def leaves_check(eco, found, evidence):
    leaves = reader.log_leaves(eco.db)
    for index, document in found.items():
        commitment = reader.sha256(reader.document_open(document).payload)
        assert leaves[index] == reader.identity_leaf(index, commitment,
                                                     evidence)


def chips_check(eco, chips, order=1, evidence=3):
    """Each chip opens its own package with its own key and no other."""
    pack = reader.Pack(eco.pack(order).read_bytes())
    pack.verify()
    assert pack.mode == "chip" and pack.count == len(chips)
    found = {}
    for (name, key), row in zip(chips.items(), pack.devices()):
        index, document, keys = pack.open_chip(key)
        assert row[0] == index and row[3] == name
        found[index] = document
        by_slot = {k[1]: k for k in claims_of(document)[KEYSET]}
        assert [k[0] for k in keys] == sorted(by_slot)
        assert all(MAKERS[k[5]] == "authority" for k in by_slot.values())
        private = ec.derive_private_key(int.from_bytes(keys[0][2], "big"),
                                        ec.SECP256R1())
        leaf = x509.load_der_x509_certificate(by_slot[0][4])
        assert leaf.public_key().public_numbers() == \
            private.public_key().public_numbers()
    assert len(found) == len(chips)
    leaves_check(eco, found, evidence)
    return pack, found


def test_chip(eco, bea, tmp_path):
    """Approved by a second operator, sealed to each chip."""
    chips = chips_make(20)
    path = chips_list(tmp_path / "chips.cbor", chips)
    checked = eco.imprint("list", "check", path, "--product", "camera",
                          "--mode", "chip", "--json").json
    assert checked["entries"] == 20
    assert checked["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    order = create(eco, path, approval=approve(eco, path, bea), chunk=8)
    eco.imprint("order", "run", order)
    pack, found = chips_check(eco, chips)
    shown = eco.imprint("order", "show", order, "--json").json
    assert shown["mode"] == "chip" and shown["list"]["entries"] == 20
    for index, document in found.items():
        out = eco.imprint("identity", "show", index, "--format", "cose").raw
        assert out == document
    eco.imprint("log", "verify", "--rebuild")


def test_station_cannot_open(eco, bea, tmp_path):
    """The station has the pack and its own key, and that is not enough: not
    as its packages are opened, nor as chips open theirs."""
    chips = chips_make(6)
    path = chips_list(tmp_path / "chips.cbor", chips)
    create(eco, path, approval=approve(eco, path, bea))
    eco.imprint("order", "run", 1)
    pack = reader.Pack(eco.pack().read_bytes())
    station = eco.stations["line-1"]
    assert pack.recipient == reader.thumbprint(station.public_key())
    assert all(enc == b"" for enc, _ in pack.tables)
    tried = 0
    for index, commitment, kid, _, enc, sealed in pack.devices():
        if len(enc) != 32:      # the station's key is X25519
            continue
        for recipient in (kid, pack.recipient):
            with pytest.raises(InvalidTag):
                pack._inside(reader.Hpke(station, enc, b"imprint package"),
                             index, commitment, recipient, sealed)
            tried += 1
    assert tried == 6
    # no chip opens another's
    keys = [k for k in chips.values()
            if isinstance(k, x25519.X25519PrivateKey)]
    for index, commitment, kid, _, enc, sealed in pack.devices():
        for key in keys:
            if len(enc) != 32 or kid == reader.thumbprint(key.public_key()):
                continue
            with pytest.raises(InvalidTag):
                pack._inside(reader.Hpke(key, enc, b"imprint package"),
                             index, commitment, kid, sealed)


def test_handed_out(eco, bea, tmp_path):
    """The station takes a package out as it is; the chip opens it."""
    chips = chips_make(5)
    path = chips_list(tmp_path / "chips.cbor", chips)
    create(eco, path, approval=approve(eco, path, bea))
    eco.imprint("order", "run", 1)
    home = tmp_path / "line"
    run(BIN / "imprint-station", "--home", home, "init", "--name", "line-9",
        "--trust", eco.dir / "publish/trust.pem")
    for name, key in chips.items():
        out = tmp_path / f"{name.decode()}.pkg"
        run(BIN / "imprint-station", "--home", home, "sealed", eco.pack(),
            "--device", name.decode(), "--out", out)
        (magic, version, pack, order, index, product, commitment, kid, enc,
         sealed, certs) = reader.cbor_decode(out.read_bytes())
        assert (magic, version) == ("imprint-chip-package", 1)
        assert kid == reader.thumbprint(key.public_key())
        context = b"imprint package" + index.to_bytes(8, "big")
        aad = reader.cbor_encode([pack, order, index, product, commitment,
                                  kid])
        document, keys = reader.cbor_decode(reader.AESGCM(reader.Hpke(
            key, enc, b"imprint package").export(context, 32)).decrypt(
            bytes(12), sealed, aad))
        assert claims_of(document)[256] and len(keys) == 2 and len(certs) == 3
    done = run(BIN / "imprint-station", "--home", home, "sealed", eco.pack(),
               "--device", "stranger", "--out", tmp_path / "none", code=3)
    assert "holds nothing for this device" in done.err


def test_approval(eco, bea, tmp_path):
    """Two operators, this list, product and ecosystem; nothing less."""
    path = chips_list(tmp_path / "chips.cbor", chips_make(3))
    other = chips_list(tmp_path / "other.cbor", chips_make(3))
    says = [
        (create(eco, path, code=5), "no second operator approved"),
        (create(eco, path, code=5, approval=approve(eco, path, [])),
         "another one must approve"),
        (create(eco, path, code=5, approval=approve(eco, other, bea)),
         "approved something else"),
        (create(eco, path, code=5, approval=approve(
            eco, path, bea, product="wind-turbine-sensor")),
         "approved something else"),
    ]
    for done, text in says:
        assert text in done.err, done
    good = approve(eco, path.rename(tmp_path / "moved.cbor"), bea)
    data = bytearray(good.read_bytes())
    data[-1] ^= 1
    bad = tmp_path / "bad.approval"
    bad.write_bytes(data)
    moved = tmp_path / "moved.cbor"
    done = create(eco, moved, code=5, approval=bad)
    assert "signature of operator bea is not good" in done.err
    assert create(eco, moved, approval=good) == 1
    # spent with its order, though that gave its chips back
    eco.imprint("order", "cancel", 1)
    done = create(eco, moved, code=5, approval=good)
    assert "was used before" in done.err and "approve anew" in done.err
    assert create(eco, moved, approval=approve(eco, moved, bea)) == 2
    eco.imprint("log", "verify")


def test_evidence_signed(eco, bea, tmp_path):
    """The station has no key to check a chip's signature with: such an order
    could never be worked off."""
    path = chips_list(tmp_path / "chips.cbor", chips_make(2))
    done = create(eco, path, product="door-lock", code=2)
    assert "evidence: signed" in done.err and "readback" in done.err
    done = eco.imprint("list", "approve", path, "--product", "door-lock",
                       "--mode", "chip", "--out", tmp_path / "none", *bea,
                       code=2)
    assert "evidence: signed" in done.err
    assert not (tmp_path / "none").exists()


def test_repeated(eco, bea, tmp_path):
    """A chip has one identity: not in one list twice, not in two orders; but
    again when its order was cancelled before it was made."""
    chips = chips_make(5)
    path = chips_list(tmp_path / "first.cbor", chips)
    first = create(eco, path, approval=approve(eco, path, bea))
    more = chips_make(2)
    again = dict(list(more.items())[:1])
    again = {b"new-1": list(more.values())[0], b"new-2": chips[b"chip-3"]}
    second = chips_list(tmp_path / "second.cbor", again)
    approval = approve(eco, second, bea)
    done = create(eco, second, approval=approval, code=4)
    assert "entry 2: its key or id is that of entry 4 of order 1" in \
        done.err
    renamed = chips_list(tmp_path / "third.cbor",
                         {b"chip-0": x25519.X25519PrivateKey.generate()})
    done = create(eco, renamed, approval=approve(eco, renamed, bea), code=4)
    assert "entry 1" in done.err
    double = write(tmp_path / "double.cbor", [
        [n, [[0, reader.cose_key(chips[b"chip-1"].public_key())]]]
        for n in (b"a", b"b")], 1)
    done = eco.imprint("list", "check", double, "--product", "camera",
                       "--mode", "chip", code=2)
    assert "entry 2: its key is that of entry 1" in done.err
    eco.imprint("order", "cancel", first)
    assert create(eco, second, approval=approval) == 2
    eco.imprint("order", "run", 2)
    chips_check(eco, again, order=2)
    # what has left is taken for ever
    done = create(eco, path, approval=approve(eco, path, bea), code=4)
    assert "entry 4" in done.err


MARKS = [
    "DELETE FROM device_mark WHERE entry = 2 AND order_number = 2",
    "UPDATE device_mark SET mark = zeroblob(16) WHERE mark = "
    "(SELECT min(mark) FROM device_mark)",
    "UPDATE device_mark SET entry = entry + 1 WHERE order_number = 2",
    "UPDATE device_mark SET order_number = 1",
    "INSERT INTO device_mark VALUES (zeroblob(16), 1, 1)"]


def test_marks_altered(eco, bea, tmp_path):
    """Marks lie in the open: what somebody does to them is seen."""
    for count in (3, 4):
        path = chips_list(tmp_path / f"{count}.cbor", chips_make(count))
        number = create(eco, path, approval=approve(eco, path, bea))
        if number == 1:
            eco.imprint("order", "cancel", number)  # gives its marks back
    eco.imprint("log", "verify")
    said = "devices that came with orders are not those"
    for at, change in enumerate(MARKS):
        copy = eco.copy(tmp_path / f"copy-{at}")
        with reader.sqlite3.connect(copy.db) as db:
            assert db.execute("SELECT count(*) FROM device_mark").fetchone()[
                0] == 8
            assert db.execute(change).rowcount > 0
        db.close()
        assert said in copy.imprint("log", "verify", code=8).out
    assert said in copy.imprint("doctor", code=None).out
    # nor does an order after it make it good
    path = chips_list(tmp_path / "more.cbor", {
        b"other": x25519.X25519PrivateKey.generate()})
    create(copy, path, approval=approve(copy, path, bea))
    assert said in copy.imprint("log", "verify", code=8).out


@pytest.mark.parametrize("key, said", [
    ({1: 1, -1: 4, -2: bytes(32)}, "entry 2"),
    ({1: 1, -1: 4, -2: b"\x01" + bytes(31)}, "entry 2"),
    ({1: 2, -1: 1, -2: bytes(32), -3: bytes(32)}, "entry 2"),
    ({1: 1, -1: 6, -2: bytes(31) + b"\x01"}, "X25519 or P-256"),
], ids=["zero", "order-8", "off-curve", "signs"])
def test_bad_point(eco, tmp_path, key, said):
    good = reader.cose_key(x25519.X25519PrivateKey.generate().public_key())
    path = write(tmp_path / "bad.cbor", [
        [b"1", [[0, good]]], [b"2", [[0, reader.cbor_decode(
            reader.cbor_encode(key))]]]], 1)
    done = create(eco, path, code=2)
    assert said in done.err


PRODUCT = """
product: meter
version: "1"
metadata: {{hwmodel: M}}
capabilities: {{}}
authorisations: {{}}
credentials:
  - slot: 0
    purpose: authenticate
    algorithm: P-256
    key-from: {maker}
    certificate: {{validity: never}}
  - slot: 2
    purpose: encrypt
    algorithm: X25519
    key-from: {maker}
document: {{signature: {signature}, validity: never}}
delivery: station
"""


def meter_add(eco, tmp_path, maker="chip", signature="direct"):
    path = tmp_path / "meter.yaml"
    path.write_text(PRODUCT.format(maker=maker, signature=signature))
    eco.imprint("product", "add", path)


def devices_make(count):
    return [(ec.generate_private_key(ec.SECP256R1()),
             x25519.X25519PrivateKey.generate()) for _ in range(count)]


def devices_list(path, devices):
    return write(path, [[b"%d" % i, [
        [0, reader.cose_key(a.public_key())],
        [2, reader.cose_key(b.public_key())]]]
        for i, (a, b) in enumerate(devices)], 2)


def device_keys_check(eco, devices, order=1, evidence=3, maker="chip"):
    """Documents name the devices' keys, in the list's order; no private key
    is anywhere."""
    pack = reader.Pack(eco.pack(order).read_bytes())
    pack.verify()
    assert pack.mode == "device-key" and pack.count == len(devices)
    found = {}
    rows = pack.open(eco.stations["line-1"])
    for (index, document, keys), (a, b) in zip(rows, devices, strict=True):
        assert keys == []
        found[index] = document
        by_slot = {k[1]: k for k in claims_of(document)[KEYSET]}
        leaf = x509.load_der_x509_certificate(by_slot[0][4])
        assert leaf.public_key().public_numbers() == \
            a.public_key().public_numbers()
        assert by_slot[2][3] == reader.cbor_decode(reader.cbor_encode(
            reader.cose_key(b.public_key())))
        assert all(MAKERS[k[5]] == maker for k in by_slot.values())
    leaves_check(eco, found, evidence)
    return found


@pytest.mark.parametrize("signature", ["direct", "receipt"])
def test_device_key(eco, bea, tmp_path, signature):
    meter_add(eco, tmp_path, signature=signature)
    devices = devices_make(20)
    path = devices_list(tmp_path / "keys.cbor", devices)
    approval = approve(eco, path, bea, "device-key", "meter")
    order = create(eco, path, "device-key", "meter", approval=approval,
                   chunk=8)
    eco.imprint("order", "run", order)
    found = device_keys_check(eco, devices)
    for index, document in found.items():
        out = eco.imprint("identity", "show", index, "--format", "cose").raw
        assert out == document


def test_wrong_way(eco, bea, tmp_path):
    """A product says where its keys are made; an order cannot say
    otherwise."""
    meter_add(eco, tmp_path)
    chips = chips_list(tmp_path / "chips.cbor", chips_make(2))
    keys = devices_list(tmp_path / "keys.cbor", devices_make(2))
    approval = approve(eco, chips, bea)
    done = create(eco, chips, "chip", "meter", approval=approval, code=2)
    assert "made elsewhere" in done.err
    done = create(eco, keys, "device-key", "camera", code=2,
                  approval=approve(eco, keys, bea, "device-key", "meter"))
    assert "made here" in done.err
    done = create(eco, keys, "chip", "camera", code=2)
    assert "is a list of devices' keys" in done.err
    done = eco.imprint("order", "create", "--product", "meter", "--count", 2,
                       "--station", "line-1", code=2)
    assert "made elsewhere" in done.err
    one = write(tmp_path / "one.cbor", [[b"", [[0, reader.cose_key(
        ec.generate_private_key(ec.SECP256R1()).public_key())]]]], 2)
    done = create(eco, one, "device-key", "meter", code=2,
                  approval=approve(eco, one, bea, "device-key", "meter"))
    assert "entry 1" in done.err and "2 slots" in done.err
    done = create(eco, chips, approval=approval, count=3, code=2)
    assert "lists 2 devices for an order of 3" in done.err
