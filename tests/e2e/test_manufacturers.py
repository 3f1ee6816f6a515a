"""Devices that come with a certificate of their manufacturer (IEEE 802.1AR):
its CA, and what is wrong with it, made by python3-cryptography."""
import contextlib
import datetime
import http.client
import json
import signal
import sqlite3
import ssl

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import reader
from conftest import PRODUCTS, program_needed
from imprintd import Server, exchange, wait_for
from test_imprintd_enrol import (CONFIRM, ENROL, RENEW, Holder, Issued,
                                 at_each_step, post, refused)

pytestmark = program_needed("imprintd")

QUOTA = 3
START = datetime.datetime(2024, 1, 1)
NEVER = datetime.datetime(9999, 12, 31, 23, 59, 59)


def usage(*names):
    every = ["digital_signature", "content_commitment", "key_encipherment",
             "data_encipherment", "key_agreement", "key_cert_sign",
             "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{n: n in names for n in every})


class CA:
    def __init__(self, name, above=None, path_length=1, ca=True,
                 padding=0):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME,
                                                  name)])
        self.cert = self.build(
            self.name, self.key.public_key(), above or self,
            [(x509.BasicConstraints(ca, path_length if ca else None), True),
             (usage("key_cert_sign", "crl_sign"), True)] +
            [(x509.UnrecognizedExtension(
                x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"),
                b"\x04\x82" + padding.to_bytes(2, "big") + bytes(padding)),
              False)] * (padding > 0))
        self.above = above

    @staticmethod
    def build(subject, public, issuer, extensions, end=NEVER):
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(
            issuer.name).public_key(public).serial_number(
            x509.random_serial_number()).not_valid_before(
            START).not_valid_after(end).add_extension(
            x509.SubjectKeyIdentifier.from_public_key(public), False
            ).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(
                issuer.key.public_key()), False)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(issuer.key, hashes.SHA256())

    def der(self):
        return self.cert.public_bytes(serialization.Encoding.DER)

    def pem(self, path):
        path.write_bytes(self.cert.public_bytes(serialization.Encoding.PEM))
        return path

    def device(self, serial, key=None, end=NEVER, more=(), use=None):
        """(key, certificate) of an IDevID."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme")]
        if serial is not None:
            names.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, serial))
        extensions = [(use or usage("digital_signature"), True), *more]
        return key, self.build(x509.Name(names), key.public_key(), self,
                               extensions, end)


class Foreign(Holder):
    """Signs with its IDevID; shows intermediates in TLS and x5chain."""

    def __init__(self, root, path, device, *between):
        key, cert = device
        super().__init__(root, path, key,
                         cert.public_bytes(serialization.Encoding.DER))
        self.chain = [self.leaf, *(ca.der() for ca in between)]
        with self.path.with_suffix(".pem").open("ab") as out:
            for ca in between:
                out.write(ca.cert.public_bytes(serialization.Encoding.PEM))

    def sign(self, payload, leaf=None, **more):
        return super().sign(payload, self.chain if len(self.chain) > 1 and
                            leaf is None else leaf, **more)


@pytest.fixture(scope="module")
def made(stocked, tmp_path_factory):
    root = tmp_path_factory.mktemp("manufacturers")
    eco = stocked.copy(root / "eco")
    eco.ca = CA("Acme Device CA")
    eco.imprint("manufacturer", "add", "acme", "--ca",
                eco.ca.pem(root / "ca.pem"))
    text = (PRODUCTS / "doorbell.yaml").read_text().replace(
        "product: doorbell", "product: bridge").replace(
        "bootstrap: doorbell-idevid", f"manufacturer: acme\n  devices: {QUOTA}")
    (root / "bridge.yaml").write_text(text)
    eco.imprint("product", "add", root / "bridge.yaml")
    return eco


class World:
    def __init__(self, made, path):
        self.eco = made.copy(path / "eco")
        self.ca, self.path, self.count = made.ca, path, 0
        pem = (self.eco.dir / "publish/trust.pem").read_bytes()
        self.root = x509.load_pem_x509_certificate(pem).public_bytes(
            serialization.Encoding.DER)

    def holder(self, device, *between):
        self.count += 1
        return Foreign(self.root, self.path / f"device-{self.count}", device,
                       *between)

    def device(self, serial, **more):
        return self.holder(self.ca.device(serial, **more))


@pytest.fixture
def world(made, tmp_path):
    return World(made, tmp_path)


def enrol(world, server, holder):
    request, keys = holder.with_keys(ENROL)
    status, _, body = post(server, holder, request)
    assert status == 200, body
    return Issued(world.root, body, keys), keys


def confirmed(world, server, holder, name):
    issued, keys = enrol(world, server, holder)
    new = Holder(world.root, world.path / name, keys[0], issued.leaf)
    status, _, body = post(server, new, new.request(CONFIRM, issued.hash))
    assert status == 200, body
    return issued, new


def said(server, holder):
    return post(server, holder, holder.with_keys(ENROL)[0])


def evidence(world):
    """Classes of what was issued in the field."""
    return [row[0] for row in reader.rows(
        world.eco.db, "SELECT evidence FROM range WHERE log = 2 AND state = 2"
        " ORDER BY first")]


def events(world, what):
    """How many of a kind the turns on record have."""
    entries = [cbor2.loads(row[0]) for row in reader.rows(
        world.eco.db, "SELECT entry FROM operation WHERE kind = 11")]
    return sum(event[0] == what for entry in entries
               for event in entry[4][0])


def test_whole_life(world):
    """Directly under the CA: enrols, repeats, confirms, renews; UEID and
    serial number stay."""
    one = world.device("ACME-0001")
    with Server(world.eco) as server:
        request, keys = one.with_keys(ENROL)
        first = Issued(world.root, post(server, one, request)[2], keys)
        again = Issued(world.root, post(server, one, request)[2], keys)
        assert again.octets == first.octets
        assert first.claims[-66006]["serial-number"] == "ACME-0001"
        subject = x509.load_der_x509_certificate(first.leaf).subject
        assert subject.get_attributes_for_oid(
            NameOID.SERIAL_NUMBER)[0].value == "ACME-0001"
        # another request before the confirmation takes its place
        second, new = confirmed(world, server, one, "new")
        assert second.ueid == first.ueid
        request, keys = new.with_keys(RENEW)
        third = Issued(world.root, post(server, new, request)[2], keys)
        assert third.ueid == first.ueid
        newest = Holder(world.root, world.path / "newest", keys[0],
                        third.leaf)
        assert post(server, newest, newest.request(CONFIRM,
                                                   third.hash))[0] == 200
        assert evidence(world) == [9, 9, 6]
    world.eco.imprint("log", "verify")
    life = world.eco.imprint("identity", "show", first.ueid.hex(),
                             "--json").json["history"]["device"]
    assert [(one["index"], one["state"]) for one in life] == [
        (0, "birth"), (0, "earlier"), (1, "earlier"), (2, "present")]


def test_consumed(world):
    """Used once, used up; also over a restart."""
    one = world.device("ACME-0002")
    with Server(world.eco) as server:
        confirmed(world, server, one, "new")
        refused(said(server, one), 403, "consumed")
    with Server(world.eco) as server:
        refused(said(server, one), 403, "consumed")
    world.eco.imprint("log", "verify")


def test_dies(world):
    """The authority, while it enrols a device that is born with it: the
    device is known by its number and key afterwards, or not at all."""
    one = world.device("ACME-0007")
    request, keys = one.with_keys(ENROL)
    told = at_each_step(world, world.path, "powercut", request, lambda answer:
                        Issued(world.root, answer, keys).octets)
    assert None in told
    for path in world.path.glob("at-*"):
        with contextlib.closing(sqlite3.connect(
                next(path.glob("**/registry.db")))) as db:
            marks = db.execute("SELECT count(*), count(DISTINCT entry) FROM "
                               "device_mark WHERE order_number = 0").fetchone()
            # its number, its key, and two that it was issued
            assert marks == (4, 1)


def test_intermediate(world):
    """Under a CA that the device sends along; without it there is no path."""
    between = CA("Acme Line 1", world.ca, path_length=0)
    one = world.holder(between.device("ACME-0003"), between)
    with Server(world.eco) as server:
        request, keys = one.with_keys(ENROL)
        alone = one.sign(payload_of(request), leaf=one.leaf)
        refused(post(server, one, alone), 401, "unknown")
        assert post(server, one, request)[0] == 200


def payload_of(request):
    return cbor2.loads(request).value[2]


def test_other_key(world):
    """The number with another key, and the key with another number, before
    and after the confirmation: refused, and on record."""
    one = world.device("ACME-0004")
    clone = world.device("ACME-0004")
    renamed = world.device("ACME-0005", key=one.key)
    with Server(world.eco) as server:
        enrol(world, server, one)
        for other in (clone, renamed):
            refused(said(server, other), 403, "consumed")
        confirmed(world, server, one, "new")
        for other in (clone, renamed):
            refused(said(server, other), 403, "consumed")
        assert said(server, world.device("ACME-0006"))[0] == 200
    assert events(world, 4) == 4
    world.eco.imprint("log", "verify")


def test_quota(world):
    """So many devices; a second try of one does not count; a restart does
    not forget."""
    devices = [world.device(f"ACME-1{n:03}") for n in range(QUOTA + 1)]
    with Server(world.eco) as server:
        for one in devices[:QUOTA - 1]:
            enrol(world, server, one)
        enrol(world, server, devices[0])
    with Server(world.eco) as server:
        enrol(world, server, devices[QUOTA - 1])
        refused(said(server, devices[QUOTA]), 403, "quota")
        enrol(world, server, devices[1])


def rejected(server, holder):
    """Refused in TLS already, or by the authority."""
    try:
        status, _, body = said(server, holder)
    except (ssl.SSLError, ConnectionError, http.client.HTTPException):
        return "tls"
    assert status in (400, 401), body
    return json.loads(body)["reason"]


def test_strangers(world):
    """One thing wrong with each; whether the front has looked or not, the
    authority decides: the request is carried by a device that is good."""
    other = CA("Acme Device CA")
    not_ca = CA("Acme no CA", world.ca, ca=False)
    deep = CA("Acme A", world.ca, path_length=0)
    deeper = CA("Acme B", deep, path_length=0)
    unknown = x509.UnrecognizedExtension(
        x509.ObjectIdentifier("1.3.6.1.4.1.32473.9"), b"\x05\x00")
    cases = {
        "other CA": (other.device("ACME-2001"),),
        "expired": (world.ca.device("ACME-2002", end=datetime.datetime(
            2025, 1, 1)),),
        "critical": (world.ca.device("ACME-2003", more=[(unknown, True)]),),
        "usage": (world.ca.device("ACME-2004", use=usage(
            "key_agreement")),),
        "purpose": (world.ca.device("ACME-2005", more=[(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
            False)]),),
        "no CA between": (not_ca.device("ACME-2006"), not_ca),
        "path length": (deeper.device("ACME-2007"), deeper, deep),
        "no number": (world.ca.device(None),),
        "a CA itself": ((world.ca.key, world.ca.cert),),
    }
    carrier = world.device("ACME-2999")
    with Server(world.eco) as server:
        for name, (device, *between) in cases.items():
            holder = world.holder(device, *between)
            request, _ = holder.with_keys(ENROL)
            status, _, body = post(server, carrier, request)
            reason = json.loads(body)["reason"]
            assert (status, reason) == ((400, "unsupported") if
                                        name == "no number" else
                                        (401, "unknown")), (name, body)
        # a good certificate, but another's key
        good = world.device("ACME-2100")
        good.key = ec.generate_private_key(ec.SECP256R1())
        refused(post(server, carrier, good.with_keys(ENROL)[0]), 401,
                "signature")
        assert rejected(server, world.holder(other.device("A-1"))) == "tls"
    assert world.eco.imprint("identity", "list", "--log", "online",
                             "--json").json == []


def test_removed(world):
    """Enrols no more; who has enrolled goes on."""
    one, two = world.device("ACME-3001"), world.device("ACME-3002")
    with Server(world.eco) as server:
        _, new = confirmed(world, server, one, "new")
        world.eco.imprint("manufacturer", "remove", "acme")
        assert rejected(server, two) in ("unknown", "tls")
        assert post(server, new, new.with_keys(RENEW)[0])[0] == 200
    assert world.eco.imprint("manufacturer", "list", "--json").json[0][
        "removed"]
    world.eco.imprint("log", "verify")


def test_while_running(stocked, tmp_path):
    """Fronts that run hear of who is registered and removed; connections
    that are there go on, and nothing is certified anew for it."""
    world = World.__new__(World)
    world.ca, world.path, world.count = CA("Acme Device CA"), tmp_path, 0
    stocked.ca = world.ca
    World.__init__(world, stocked, tmp_path)
    one = world.device("ACME-4001")
    text = (PRODUCTS / "doorbell.yaml").read_text().replace(
        "product: doorbell", "product: bridge").replace(
        "bootstrap: doorbell-idevid", "manufacturer: acme\n  devices: 9")
    (tmp_path / "bridge.yaml").write_text(text)
    with Server(world.eco) as server, server.client() as client:
        assert exchange(client, "GET", "/healthz")[0] == 200
        assert rejected(server, one) == "tls"
        world.eco.imprint("manufacturer", "add", "acme", "--ca",
                          world.ca.pem(tmp_path / "ca.pem"))
        world.eco.imprint("product", "add", tmp_path / "bridge.yaml")
        told = "new trust and keys of tickets"
        wait_for(lambda: server.text().count(told) >= 2)
        request, _ = one.with_keys(ENROL)
        for _ in range(4):      # by either front
            assert post(server, one, request)[0] == 200
        assert exchange(client, "GET", "/healthz")[0] == 200
        world.eco.imprint("manufacturer", "remove", "acme")
        # at once, for who will not wait until fronts ask
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: server.text().count(told) >= 4)
        for _ in range(4):
            assert rejected(server, world.device("ACME-4002")) == "tls"
        assert exchange(client, "GET", "/healthz")[0] == 200
        assert server.text().count("a new TLS certificate") <= 2


def test_registration(world, tmp_path):
    """What is no self-signed CA is none; products name who is there."""
    leaf = world.ca.device("ACME-9")[1]
    path = tmp_path / "leaf.pem"
    path.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    world.eco.imprint("manufacturer", "add", "leaf", "--ca", path, code=2)
    below = CA("Below", world.ca, path_length=0).pem(tmp_path / "below.pem")
    world.eco.imprint("manufacturer", "add", "below", "--ca", below, code=2)
    world.eco.imprint("manufacturer", "add", "Bad Name", "--ca",
                      world.ca.pem(tmp_path / "ca.pem"), code=2)
    text = world.eco.imprint("product", "show", "bridge").out
    assert "manufacturer: " in text and f"devices: {QUOTA}" in text
    for old, new, code in [
            ('"acme"', '"nobody"', 3), (f"devices: {QUOTA}", "claim: required"
             f"\n  devices: {QUOTA}", 2), (f"  devices: {QUOTA}\n", "", 2),
            ("manufacturer:", "bootstrap:", 2),
            ("serial-number", "label", 2)]:
        path = tmp_path / "bad.yaml"
        path.write_text(text.replace('version: "1.0.0"', 'version: "1.9.0"'
                                     ).replace(old, new))
        assert path.read_text() != text
        world.eco.imprint("product", "add", path, code=code)
    # born with what it is issued: nothing to be ordered
    world.eco.imprint("order", "create", "--product", "bridge", "--count",
                      1, "--station", "line-1", code=2)


def test_large(world, tmp_path):
    """A CA has 8 KiB; more of them than fronts can be told of do not keep
    fronts from starting, nor those that were there before from enrolling."""
    said = world.eco.imprint(
        "manufacturer", "add", "large", "--ca",
        CA("Large", padding=8000).pem(tmp_path / "large.pem"), code=2)
    assert "8192" in said.err
    for n in range(13):
        world.eco.imprint(
            "manufacturer", "add", f"large-{n}", "--ca",
            CA(f"Large {n}", padding=7600).pem(tmp_path / f"{n}.pem"))
    with Server(world.eco) as server:
        confirmed(world, server, world.device("ACME-0077"), "new")
        assert "manufacturer large-12: fronts have no room" in \
            server.text()


def test_large_leaf(world):
    """With a certificate for which the messages within the server have no
    room: it is told so, or what anybody is told, and no front is cut off."""
    padding = x509.UnrecognizedExtension(
        x509.ObjectIdentifier("1.3.6.1.4.1.32473.9"),
        b"\x04\x82" + (17000).to_bytes(2, "big") + bytes(17000))
    with Server(world.eco, fronts=1) as server:
        large = world.device("ACME-0088", more=[(padding, False)])
        path = "/.well-known/est/"
        with server.client(server.context(large)) as client:
            anybodys = server.ask("GET", path + "csrattrs")
            status, _, body = exchange(client, "GET", path + "csrattrs")
            assert (status, body) == (200, anybodys[2])
            refused(exchange(client, "POST", path + "simpleenroll", b"MAA=",
                             [("Content-Type", "application/pkcs10")]),
                    401, "certificate")
        figures = server.figures()
        assert (figures["front_cut_off_total"],
                figures["front_starts_total"]) == (0, 1)
