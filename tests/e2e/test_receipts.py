"""Documents signed by receipts: one signature a chunk, read by somebody
else's code; a new document signer signs them again; power cuts on the way."""
import shutil

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature

import reader
from conftest import BIN, FAULTS, fault_text, parallel, run, sample
from test_floor import Device, Package, Service, make_floor
from test_order_faults import every_step, operations

METERS, CHUNK = 70, 16      # chunks of 16, 16, 16, 16, 6
CAMERAS = 5
POINTS = 8


def ca(eco, name):
    return x509.load_der_x509_certificate(
        (eco.dir / f"publish/ca/{name}.cer").read_bytes())


def cose(eco, index, *argv):
    return eco.imprint("identity", "show", index, "--format", "cose",
                       *argv).raw


def signers(eco):
    return eco.imprint("document-signer", "list", "--json").json


def renew(eco, **options):
    return eco.imprint("document-signer", "renew", "--json", **options)


@pytest.fixture(scope="module")
def metered(stocked, tmp_path_factory):
    """Order 1: water meters; order 2: cameras. To be read or copied only."""
    eco = stocked.copy(tmp_path_factory.mktemp("metered"))
    eco.order(METERS, "line-1", chunk=CHUNK, product="water-meter")
    eco.order(CAMERAS, "line-1", chunk=2)
    eco.imprint("order", "run", 1)
    eco.imprint("order", "run", 2)
    return eco


@pytest.fixture(scope="module")
def renewed(metered, tmp_path_factory):
    eco = metered.copy(tmp_path_factory.mktemp("renewed"))
    eco.result = renew(eco).json
    eco.cheapen()
    return eco


def test_pack(metered):
    """Every receipt of a pack, by RFC 9162 and 9942 as they are written."""
    metered.check_complete()
    pack = reader.Pack(metered.pack().read_bytes())
    public = pack.certs[1].public_key()
    chunks = {first: count for _, _, first, count, _ in pack.chunks}
    assert list(chunks.values()) == [16, 16, 16, 16, 6]
    signatures = set()
    for index, document, _ in pack.open(metered.stations["line-1"]):
        message = reader.document_open(document)
        assert message.typ == "application/imprint-receipt+cose"
        assert message.kid == reader.thumbprint(public)
        assert message.index == index and message.evidence == 1
        assert chunks[message.first] == message.size
        message.verify(public)
        with pytest.raises(InvalidSignature):
            message.verify(ca(metered, "root").public_key())
        claims = reader.cbor_decode(message.payload)
        assert claims[65535]["status_list"]["idx"] == index
        assert cose(metered, index) == document
        signatures.add(message.signature)
    assert len(signatures) == len(chunks)


def test_stored_once(metered):
    """One row a chunk; an entry has no signature of a document."""
    rows = reader.rows(metered.db, "SELECT * FROM receipt ORDER BY first")
    assert [r["first"] for r in rows] == list(range(0, METERS, CHUNK))
    signer = reader.thumbprint(ca(metered, "document").public_key())
    assert {(r["generation"], r["kid"]) for r in rows} == {(1, signer)}
    sizes = {s["first"] < METERS: s["entry_size"] for s in reader.rows(
        metered.db, "SELECT first, entry_size FROM segment")}
    assert sizes == {True: 33 + 64 + 32, False: 33 + 64 + 32 + 64}


def test_sizes(metered):
    """As docs/protocol/document.md says."""
    for index, path in ((20, 4), (69, 2)):
        message = reader.document_open(cose(metered, index))
        assert len(message.path) == path
        assert 168 + 34 * path <= len(message.receipt) <= 182 + 34 * path


def test_shown(metered):
    shown = metered.imprint("identity", "show", 20, "--json").json
    assert shown["identity"]["signature"]["mode"] == "receipt"
    assert shown["identity"]["signature"]["first"] == 16
    assert shown["identity"]["signature"]["size"] == 16
    assert shown["identity"]["signature"]["leaf"] == 4
    text = metered.imprint("identity", "show", "WM15-0000000020").out
    assert "16 identities from index 16, this one 20" in text
    assert "signature: \"receipt\"" in metered.imprint(
        "product", "show", "water-meter").out.replace(
            "signature: receipt", "signature: \"receipt\"")


def test_verify(metered, tmp_path):
    path = tmp_path / "document"
    path.write_bytes(cose(metered, 33))
    result = metered.imprint("identity", "verify", path)
    assert "COSE receipt" in result.out and "verdict: allow" in result.out
    assert "root that claims and path lead to" in result.out
    result = metered.imprint("identity", "verify", path, "--object",
                             "valve", "--method", "PUT", code=1)
    assert "authorised to do: nothing" in result.out


def test_verify_refuses(metered, tmp_path):
    """Parts of good documents, put together otherwise."""
    path = tmp_path / "document"
    one, two, far = (reader.cbor_decode(cose(metered, i))
                     for i in (18, 19, 40))

    def verify(document, verdict):
        path.write_bytes(reader.cbor_encode(document))
        result = metered.imprint("identity", "verify", path, "--json",
                                 code=1)
        assert result.json["verdict"] == verdict, result

    def proof(change):
        receipt = reader.cbor_decode(reader.cbor_encode(one[1]))
        inner = reader.cbor_decode(receipt.value[1][396][-1][0])
        change(inner)
        receipt.value[1][396][-1][0] = reader.cbor_encode(inner)
        return [one[0], receipt]

    verify([one[0], two[1]], "deny: malformed")
    verify([one[0], far[1]], "deny: malformed")
    verify([two[0], one[1]], "deny: malformed")
    verify([one[0], one[1], one[1]], "deny: malformed")
    verify([one[0]], "deny: malformed")
    verify(one[1], "deny: malformed")
    verify(proof(lambda p: p.__setitem__(0, 17)), "deny: malformed")
    verify(proof(lambda p: p.__setitem__(1, 3)), "deny: malformed")
    verify(proof(lambda p: p[2].pop()), "deny: malformed")
    verify(proof(lambda p: p[2].append(bytes(32))), "deny: malformed")
    verify(proof(lambda p: p[2].reverse()), "deny: bad signature")
    verify(proof(lambda p: p[2].__setitem__(0, bytes(32))),
           "deny: bad signature")
    claims = reader.cbor_decode(one[0])
    claims[9] = reader.cbor_encode([["valve", 5]])
    verify([reader.cbor_encode(claims), one[1]], "deny: bad signature")
    data = cose(metered, 18)
    for at in range(0, len(data), len(data) // 25):
        path.write_bytes(data[:at] + bytes([data[at] ^ 2]) + data[at + 1:])
        metered.imprint("identity", "verify", path, code=1)


@pytest.mark.parametrize("kind", FAULTS)
def test_order_run_faults(stocked, tmp_path, kind):
    eco = stocked.copy(tmp_path / "eco")
    eco.order(20, "line-1", chunk=8, product="water-meter")

    def run_again(copy, _):
        copy.imprint("order", "run", 1)
        # what a kill left of the published checkpoints, the next run clears
        copy.order(1, "line-1", product="water-meter")
        copy.imprint("order", "run", 2)
        copy.check_complete()
        index = reader.rows(copy.db, "SELECT max(first) AS i FROM range "
                            "WHERE state = 2")[0]["i"]
        reader.document_open(cose(copy, index)).verify(
            ca(copy, "document").public_key())

    every_step(eco, tmp_path, kind, ["order", "run", 1], run_again,
               most=POINTS)


def test_registry_changed(metered, tmp_path):
    """Each row that a document is made of."""
    for sql in ("UPDATE receipt SET signature = zeroblob(64) WHERE first = 16",
                "UPDATE receipt SET kid = zeroblob(32) WHERE first = 16",
                "DELETE FROM receipt WHERE first = 16",
                "UPDATE range SET count = 15 WHERE first = 16",
                "UPDATE range SET evidence = 2 WHERE first = 16",
                "UPDATE segment SET leaves = zeroblob(length(leaves)) "
                "WHERE first = 16"):
        eco = metered.copy(tmp_path / "eco")
        db = reader.sqlite3.connect(eco.db)
        with db:
            db.execute(sql)
        db.close()
        eco.imprint("identity", "show", 20, code=(3, 8))
        cose(eco, 1)
        shutil.rmtree(eco.root)


# A new document signer

def test_renewal(metered, renewed, tmp_path):
    assert renewed.result["number"] == 2
    assert renewed.result["receipts"] == 5
    old, new = ca(renewed, "document"), ca(renewed, "document.2")
    reader.certificate_verify(new, ca(renewed, "root"))
    assert "Document Signer 2" in new.subject.rfc4514_string()
    assert old.extensions.get_extension_for_class(
        x509.ExtendedKeyUsage).value == new.extensions.get_extension_for_class(
            x509.ExtendedKeyUsage).value
    pem = (renewed.dir / "publish/trust.pem").read_bytes()
    trusted = reader.certificates(pem)
    assert len(trusted) == 6 and old in trusted and new in trusted
    for index in range(METERS + CAMERAS):
        before, after = cose(metered, index), cose(renewed, index)
        message = reader.document_open(after)
        if index >= METERS:
            assert before == after
            continue
        assert message.payload == reader.document_open(before).payload
        assert message.kid == reader.thumbprint(new.public_key())
        message.verify(new.public_key())
    path = tmp_path / "document"
    for index in (20, METERS):
        for document in (cose(metered, index), cose(renewed, index)):
            path.write_bytes(document)
            renewed.imprint("identity", "verify", path)
    assert cose(renewed, 20, "--signer", 1) == cose(metered, 20)
    renewed.imprint("identity", "show", 20, "--signer", 3, code=3)
    # without the new trust.pem it is a stranger's
    path.write_bytes(cose(renewed, 20))
    metered.imprint("identity", "verify", path, code=1)


def test_renewal_listed(renewed):
    listed = signers(renewed)
    assert [s["name"] for s in listed["signers"]] == ["document",
                                                      "document.2"]
    assert [s["signs"] for s in listed["signers"]] == [False, True]
    assert listed["receipts_left"] == 0
    assert listed["signers"][1]["thumbprint"] == renewed.result["thumbprint"]
    assert "signs" in renewed.imprint("document-signer", "list").out


def test_renewal_then_orders(renewed, tmp_path):
    """All that is issued from now on is signed by the new one."""
    eco = renewed.copy(tmp_path / "eco")
    new = ca(eco, "document.2").public_key()
    for order, product in ((3, "camera"), (4, "water-meter")):
        assert eco.order(5, "line-1", product=product, chunk=2) == order
        eco.imprint("order", "run", order)
        eco.check_complete(order)
        pack = reader.Pack(eco.pack(order).read_bytes())
        assert pack.manifest.kid == reader.thumbprint(new)
        for _, document, _ in pack.open(eco.stations["line-1"]):
            reader.document_open(document).verify(new)
    assert renew(eco).json["number"] == 3
    assert renew(eco).json["number"] == 4
    message = reader.document_open(cose(eco, 3))
    message.verify(ca(eco, "document.4").public_key())
    assert cose(eco, 3, "--signer", 2) == cose(renewed, 3)


def test_renewal_order_made_before(metered, tmp_path):
    """An order that was made under the old signer, and not begun."""
    eco = metered.copy(tmp_path / "eco")
    eco.order(5, "line-1", chunk=2)
    renew(eco)
    eco.imprint("order", "run", 3)
    eco.check_complete(3)
    message = reader.document_open(cose(eco, METERS + CAMERAS))
    message.verify(ca(eco, "document.2").public_key())


def test_renewal_refused(metered, tmp_path):
    eco = metered.copy(tmp_path / "eco")
    eco.order(40, "line-1", chunk=8, product="water-meter")
    eco.faulty("kill:60", "order", "run", 3, code=-9)
    result = renew(eco, code=4)
    assert "order 3" in result.err and "order run 3" in result.err
    eco.imprint("order", "cancel", 3)
    assert renew(eco).json["number"] == 2
    eco.imprint("document-signer", "renew", "now", code=2)


def test_renewal_on_record(renewed):
    """Who asked for it, and that signing began and ended."""
    rows = reader.rows(renewed.db, "SELECT * FROM operation ORDER BY seq")
    bodies = [reader.cbor_decode(r["entry"])[4] for r in rows]
    asked = [b for b in bodies if isinstance(b[0], bytes) and len(b) == 3
             and isinstance(b[2], list)
             and any(o[1] == "document.2" for o in b[2])]
    assert len(asked) == 1
    ran = [b for b in bodies if b[0] == "document-signer renew"]
    assert [b[1] for b in ran] == [2, 2] and ran[1][2] == 5


@pytest.mark.parametrize("kind", ["kill", "killafter", "powercut", "enospc",
                                  "syncfail"])
def test_renewal_faults(metered, tmp_path, kind):
    """Broken off anywhere, the next one makes one signer of it, not two."""
    argv = ["document-signer", "renew"]
    claims = reader.document_open(cose(metered, 20)).payload

    def step(at):
        eco = metered.copy(tmp_path / f"{kind}-{at}")
        result = eco.faulty(fault_text(kind, at), *argv, code=FAULTS[kind])
        eco.cheapen()
        listed = signers(eco)
        done = result.code == 0 or (
            len(listed["signers"]) == 2 and listed["receipts_left"] == 0 and
            len(reader.certificates(
                (eco.dir / "publish/trust.pem").read_bytes())) == 6)
        # a reader finds each receipt whole, of one signer or the other
        if not done:
            assert reader.document_open(cose(eco, 20)).payload == claims
            eco.imprint(*argv)
            eco.cheapen()
        listed = signers(eco)
        assert len(listed["signers"]) == 2 and not listed["receipts_left"]
        new = ca(eco, "document.2").public_key()
        for index in (0, 20, METERS - 1):
            message = reader.document_open(cose(eco, index))
            message.verify(new)
        assert message.kid.hex() == listed["signers"][1]["thumbprint"]
        assert reader.leftovers(eco.dir) == []
        shutil.rmtree(eco.root)

    parallel(step, sample(operations(metered.copy(tmp_path / "eco"), *argv),
                          POINTS))


# Station, device, service

@pytest.mark.skipif(not (BIN / "examples/service").exists(),
                    reason="programs are not built")
def test_floor(stocked, tmp_path):
    """From the pack to the service, under an old and a new signer."""
    eco = stocked.copy(tmp_path / "eco")
    floor = make_floor(eco, tmp_path / "floor", 4, "water-meter")
    old_trust = tmp_path / "old-trust.pem"
    shutil.copy(eco.dir / "publish/trust.pem", old_trust)
    eco.imprint("service", "add", "collector", "--dns", "localhost", "--out",
                tmp_path)
    floor.station("import", floor.pack)
    renew(eco)
    number = eco.order(3, "line-9", chunk=3, product="water-meter")
    eco.imprint("order", "run", number)
    result = floor.station("import", eco.pack(number), code=5)
    assert "imprint-station trust" in result.err
    trust = floor.station("trust", eco.dir / "publish/trust.pem", "--json")
    assert trust.json["signers"] == 2
    floor.station("trust", old_trust, code=4)
    floor.station("import", eco.pack(number))
    floor.inject()
    packages = sorted((p.read_bytes() for p in floor.devices.iterdir()),
                      key=lambda p: Package(p).ueid)
    assert len(packages) == 7
    devices = []
    for i, package in enumerate(packages):
        device = Device(tmp_path / f"device-{i}")
        device.install(package)
        devices.append(device)
        assert reader.document_open(Package(package).document).size == 3 or \
            reader.document_open(Package(package).document).size == 1
    check_device(devices[0], packages[0])
    with Service(tmp_path / "collector",
                 eco.dir / "publish/trust.pem") as service:
        for device in devices:
            answer = service.ask(device, "--json", object="consumption")
            assert '"verdict": "allow"' in answer.json["body"]
        # the receipt of the new signer, fetched again, is as good
        path = tmp_path / "document"
        ueid = Package(packages[0]).ueid
        path.write_bytes(cose(eco, ueid))
        answer = service.ask(devices[0], "--document", path, "--json",
                             object="consumption")
        assert '"verdict": "allow"' in answer.json["body"]
        other = Package(packages[1]).document
        path.write_bytes(other)
        result = service.ask(devices[0], "--document", path, code=1,
                             object="consumption")
        assert "another device" in result.err
    check_old_service(tmp_path, old_trust, devices, packages)


def check_device(device, package):
    shown = device("show", "--json").json["signature"]
    message = reader.document_open(Package(package).document)
    assert shown == {"mode": "receipt", "first": message.first,
                     "size": message.size, "leaf": message.leaf}
    assert "receipt: number" in device("show").out
    assert "unaltered: receipt" in device("verify").out
    assert device("verify", "--json").json["signature"] == "receipt"
    document = device("show", "--document").raw
    assert document == Package(package).document


def check_old_service(tmp_path, old_trust, devices, packages):
    """A service that was not given the new trust.pem knows the old signer."""
    kids = {reader.document_open(Package(p).document).kid for p in packages}
    assert len(kids) == 2
    old = reader.certificates(old_trust.read_bytes())
    known = {reader.thumbprint(c.public_key()) for c in old}
    with Service(tmp_path / "collector", old_trust) as service:
        for device, package in zip(devices, packages):
            kid = reader.document_open(Package(package).document).kid
            result = service.ask(device, object="consumption",
                                 code=0 if kid in known else 1)
            assert kid in known or "document signers" in result.err


def test_device_refuses(stocked, tmp_path):
    eco = stocked.copy(tmp_path / "eco")
    floor = make_floor(eco, tmp_path / "floor", 3, "water-meter")
    floor.station("import", floor.pack)
    floor.inject("--count", 2)
    one, two = (p.read_bytes() for p in floor.devices.iterdir())
    device = Device(tmp_path / "device")
    for at in range(0, len(one), len(one) // 60):
        changed = one[:at] + bytes([one[at] ^ 4]) + one[at + 1:]
        assert "refused" in device.install(changed, code=1).err
    mixed = reader.cbor_decode(one)
    claims, receipt = reader.cbor_decode(mixed[2])
    mixed[2] = reader.cbor_encode(
        [claims, reader.cbor_decode(reader.cbor_decode(two)[2])[1]])
    assert "status" in device.install(reader.cbor_encode(mixed), code=1).err
    device.install(one)
    run(BIN / "imprint-device", "--home", device.home, "verify")
