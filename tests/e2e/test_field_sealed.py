"""Keys that the authority makes for a device in the field, sealed to a key of
the device: on the device, and opened with other code."""
import re
import shutil
import sqlite3

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import reader
from conftest import FAULTS, PRODUCTS, fault_text, program_needed, sample
from imprintd import Server
from test_field import KINDS, Carrier, carried, doorbell, eco
from test_imprintd_enrol import (CONFIRM, ENROL, RENEW, Holder, at_each_step,
                                 factory, field, refused, verify)

__all__ = ["doorbell", "eco", "factory", "field"]

pytestmark = program_needed("imprintd")


def add(eco, version="1.3.0", attempts=16, more="", code=0):
    """Doorbells whose keys are made in the authority."""
    text = (PRODUCTS / "doorbell.yaml").read_text()
    path = eco.root / f"sealed-{version}.yaml"
    path.write_text(text.replace('"1.0.0"', f'"{version}"').replace(
        "key-from: device", "key-from: authority").replace(
            "attempts: 3", f"attempts: {attempts}").replace(
                "capabilities:\n", "capabilities:\n" + more))
    return eco.imprint("product", "add", path, code=code)


@pytest.fixture
def spare(eco, tmp_path):
    spare = eco.spare.copy(tmp_path / "spare")
    add(spare)
    return spare


def check(device):
    """All of it holds together; its private keys came with it."""
    steps = device("verify", "--json").json["steps"]
    assert [s["verdict"] for s in steps] == ["accepted"] * 7
    package = device.package()
    assert sorted(package.keys) == [0, 1]
    shown = {k[1]: k for k in package.claims[-66002]}
    public = x509.load_der_x509_certificate(shown[0][4]).public_key()
    private = ec.derive_private_key(int.from_bytes(package.keys[0], "big"),
                                    ec.SECP256R1())
    assert private.public_key().public_numbers() == public.public_numbers()
    assert package.claims[256] == device.birth.claims[256]
    assert len(list(device.home.glob("keys*"))) == 1
    assert reader.leftovers(device.home) == []


def test_device(spare, doorbell):
    device = doorbell()
    with Server(spare) as server:
        done = device.bootstrap(server, code=1)
        assert "made in the authority" in done.err
        device.bootstrap(server, "--sealed", "--anew")
        check(device)
        first = device.package()
        assert "current" in device.renew(server, "--refresh").out
        # what came so is renewed so, and to the same key
        chip = device.key("chip").json["public"]
        for argv in ((), ("--same-key",)):
            device.renew(server, *argv)
            check(device)
        assert device.key("chip").json["public"] == chip
        assert device.package().keys[0] != first.keys[0]
        device("bootstrap", "--server", f"https://127.0.0.1:{server.port}",
               "--sealed", "--slot", "0:P-256", code=2)
    for path in (spare.db, spare.db.with_name(spare.db.name + "-wal")):
        if path.exists():
            octets = path.read_bytes()
            assert all(k not in octets for k in
                       (*first.keys.values(),
                        *device.package().keys.values()))
    assert spare.imprint("doctor").code == 0


def test_run(spare, doorbell):
    device = doorbell()
    with Server(spare) as server:
        device.field("run", server.port, "--sealed")
        check(device)
        device.field("run", server.port, "--sealed")


def capabilities(octets):
    """So many octets of names, in as many as it takes."""
    return "".join(f"  {f'c{i}'.ljust(min(100, octets - i), 'x')}: [GET]\n"
                   for i in range(0, octets, 100) if octets - i > 5)


def test_too_large(eco, spare, doorbell):
    """What could not be kept for a device is refused before an index is
    taken for it; what is just not too large works."""
    octets = 6000
    said = add(spare, "1.4.0", more=capabilities(octets), code=2)
    assert "key-from: device" in said.err
    size, most = map(int, re.search(r"has up to (\d+) octets, (\d+) can be",
                                    said.err).groups())
    assert size > most
    octets -= size - most - 40
    while "can be kept" in (said := add(
            spare, "1.4.0", more=capabilities(octets), code=(0, 2))).err:
        octets -= 1
    assert said.code == 0
    device, packages = doorbell(), []

    def keep(carrier, body):
        answer = carrier.carry(body)
        packages.append(reader.cbor_decode(answer)[1])
        return 200, {}, answer
    for name in ("1.package", "carrier.pem", "carrier.key"):
        shutil.copy(eco.root.parent / name, spare.root.parent)
    with Server(spare) as server, Carrier(server, keep, carried) as carrier:
        carrier.ask(device, "bootstrap", "--sealed")
    check(device)
    # names are shorter than they could be
    assert most - 250 < len(packages[0]) <= most


def test_lost(eco, spare, doorbell):
    """The answer is lost: the same again, to the octet."""
    device, answers = doorbell(), []

    def keep(carrier, body):
        answers.append(carrier.carry(body))
        return 502, {}, b""
    with Server(spare) as server:
        for name in ("1.package", "carrier.pem", "carrier.key"):
            shutil.copy(eco.root.parent / name, spare.root.parent)
        with Carrier(server, keep, keep) as carrier:
            for _ in range(2):
                carrier.ask(device, "bootstrap", "--sealed", "--once",
                            code=7)
        packages = [reader.cbor_decode(a)[1] for a in answers]
        assert packages[0] == packages[1]
        assert b"imprint-chip-package" in packages[0]
        device.bootstrap(server, "--sealed")
    check(device)


@program_needed("imprint-device-faulty")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", ["bootstrap", "renew"])
def test_faults(spare, doorbell, tmp_path, command, kind):
    count = tmp_path / "operations"
    argv = ("--sealed",) if command == "bootstrap" else ()
    devices = [doorbell(f"{kind}-{i}") for i in range(5)]
    with Server(spare) as server:
        if command == "renew":
            for device in devices:
                device.bootstrap(server, "--sealed")
        devices[0].field(command, server.port, *argv,
                         fault=f"count:{count}")
        check(devices[0])
        for device, at in zip(devices[1:],
                              sample(int(count.read_text()), 4)):
            device.field(command, server.port, *argv,
                         fault=fault_text(kind, at), code=(*FAULTS[kind], 0))
            device.field(command, server.port, *argv)
            check(device)


# By hand

class Opened:
    """A sealed answer, everything checked."""

    def __init__(self, root, answer, key):
        version, self.package, statement, _ = cbor2.loads(answer)
        parts = reader.cbor_decode(self.package)
        assert parts[:2] == ["imprint-chip-package", 1] and version == 1
        pack, order, index, product, commitment, kid, enc, sealed, ders = \
            parts[2:]
        assert kid == reader.thumbprint(key.public_key())
        assert ders[2] == root
        hpke = reader.Hpke(key, enc, b"imprint package")
        inside = AESGCM(hpke.export(
            b"imprint package" + index.to_bytes(8, "big"), 32)).decrypt(
                bytes(12), sealed, reader.cbor_encode(parts[2:8]))
        document, keys = reader.cbor_decode(inside)
        self.claims = reader.cbor_decode(
            reader.document_open(document).payload)
        self.leaf = {k[1]: k for k in self.claims[-66002]}[0][4]
        self.keys = {k[0]: k[2] for k in keys}
        self.key = ec.derive_private_key(
            int.from_bytes(self.keys[0], "big"), ec.SECP256R1())
        assert self.key.public_key().public_numbers() == \
            x509.load_der_x509_certificate(
                self.leaf).public_key().public_numbers()
        tag = cbor2.loads(statement)
        verify(x509.load_der_x509_certificate(ders[1]).public_key(),
               tag.value[3], reader.sig_structure(tag.value[0], tag.value[2]))
        said = cbor2.loads(tag.value[2])
        assert said[3] == 1 and said[5] == reader.sha256(self.package)
        self.hash = reader.sha256(reader.cbor_encode(
            ["imprint-package", 1, document, keys, ders]))


def asking(holder, kind, to, keys=(), ident=None):
    return holder.request(kind, [list(keys), to and reader.cose_key(
        to.public_key())], ident)


def rows(eco):
    connection = sqlite3.connect(f"file:{eco.db}?mode=ro", uri=True)
    found = [row[0] for row in connection.execute("SELECT body FROM device")]
    connection.close()
    return found


@pytest.mark.parametrize("make", [
    x25519.X25519PrivateKey.generate,
    lambda: ec.generate_private_key(ec.SECP256R1())])
def test_by_hand(field, tmp_path, make):
    add(field.eco)
    one, to, other = field.devices[0], make(), make()
    with Server(field.eco) as server:
        first = asking(one, ENROL, other)
        answer = server.identity(first, one)
        taken = Opened(field.root, answer[2], other)
        # another took its place: what was sealed is no more
        request = asking(one, ENROL, to)
        answer = server.identity(request, one)
        opened = Opened(field.root, answer[2], to)
        assert opened.keys != taken.keys
        refused(server.identity(first, one), 403, "superseded")
        again = Opened(field.root, server.identity(request, one)[2], to)
        assert again.package == opened.package
        assert any(opened.package in row for row in rows(field.eco))
        assert not any(taken.package in row for row in rows(field.eco))
        with pytest.raises(AssertionError):
            Opened(field.root, answer[2], other)
        new = Holder(field.root, tmp_path / "new", opened.key, opened.leaf)
        refused(server.identity(new.request(CONFIRM, reader.sha256(
            opened.package)), new), 409, "conflict")
        status, _, body = server.identity(
            new.request(CONFIRM, opened.hash), new)
        assert status == 200, body
        # destroyed, so not to be had again
        assert not any(opened.package in row for row in rows(field.eco))
        refused(server.identity(request, one), 403, "consumed")
        # renewed: others, sealed anew
        status, _, body = server.identity(asking(new, RENEW, to), new)
        assert status == 200, body
        assert Opened(field.root, body, to).keys[0] != opened.keys[0]
    assert field.eco.imprint("log", "verify").code == 0
    assert field.eco.imprint("doctor").code == 0


def test_authority_dies(field, tmp_path):
    """Before its answer or after it: the same octets bring the same keys."""
    add(field.eco)
    to = x25519.X25519PrivateKey.generate()
    request = asking(field.devices[0], ENROL, to)
    told = at_each_step(field, tmp_path, "powercut", request, lambda answer:
                        Opened(field.root, answer, to).package)
    assert None in told


def test_rejected(field):
    add(field.eco)
    one, to = field.devices[0], x25519.X25519PrivateKey.generate()
    with Server(field.eco) as server:
        made, _ = one.with_keys(ENROL)
        for request, reason in (
                (made, "keys"), (asking(one, ENROL, None), "keys"),
                (asking(one, ENROL, one.key), "keys")):
            refused(server.identity(request, one), 422, reason)
        private = {1: 1, -1: 4, -2: bytes(31) + b"\x09", -4: bytes(32)}
        for recipient in (
                reader.cose_key(ec.generate_private_key(
                    ec.SECP384R1()).public_key()),
                private, {}, b"", 7, [to], True):
            if recipient == [to]:
                recipient = [reader.cose_key(to.public_key())]
            answer = server.identity(one.request(ENROL, [[], recipient]), one)
            assert answer[0] == 400, (recipient, answer)
        assert rows(field.eco) == []
        assert server.identity(asking(one, ENROL, to), one)[0] == 200


def test_not_wanted(field):
    """A product whose devices make their keys seals none."""
    one, to = field.devices[0], x25519.X25519PrivateKey.generate()
    with Server(field.eco) as server:
        refused(server.identity(asking(one, ENROL, to), one), 422, "keys")
