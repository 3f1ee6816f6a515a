"""Status as published: CRLs and status lists that the unit tests wrote, read
by openssl, GnuTLS, python3-cryptography and python3-cbor2; and others' CRLs
and status lists, read by imprint and by the example service."""
import datetime
import os
import time
import zlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

import reader
from conftest import BIN, run
from test_floor import Package, Service

WRITERS = (BIN / "tests/test_x509_crl_write",
           BIN / "tests/test_identity_status_list")
pytestmark = pytest.mark.skipif(
    not all(p.exists() for p in (*WRITERS, BIN / "imprint",
                                 BIN / "examples/service")),
    reason="programs or unit tests are not built")

TYP = "application/statuslist+cwt"
HOLD = x509.ReasonFlags.certificate_hold
COMPROMISE = x509.ReasonFlags.key_compromise


# What we write, read by others

@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    root = tmp_path_factory.mktemp("samples")
    for writer in WRITERS:
        run(writer, root)
    for path in (*root.glob("*.der"), *root.glob("*.crl")):
        kind = "crl" if path.suffix == ".crl" else "x509"
        run("openssl", kind, "-inform", "DER", "-in", path, "-out",
            f"{path}.pem")
    return root


def test_openssl_crl(samples):
    for name in ("sample.crl", "empty.crl"):
        result = run("openssl", "crl", "-inform", "DER", "-in",
                     samples / name, "-CAfile", samples / "ca.der.pem",
                     "-noout", "-text", "-verify")
        assert "verify OK" in result.err
        assert "Version 2" in result.out and "CRL Number" in result.out
    assert "No Revoked Certificates" in result.out


@pytest.mark.parametrize("name, revoked", [
    ("revoked", True), ("held", True), ("good", False)])
def test_openssl_verify(samples, name, revoked):
    argv = ["openssl", "verify", "-x509_strict", "-attime", "1769817600",
            "-crl_check", "-trusted", samples / "ca.der.pem", "-CRLfile",
            samples / "sample.crl.pem", samples / f"{name}.der.pem"]
    result = run(*argv, code=2 if revoked else 0)
    assert ("certificate revoked" in result.err) == revoked
    # with the empty one none is, and without any it is not known
    argv[-2] = samples / "empty.crl.pem"
    run(*argv)
    del argv[-3:-1]
    assert "unable to get certificate CRL" in run(*argv, code=2).err


def test_certtool(samples):
    result = run("certtool", "--crl-info", "--inder", "--infile",
                 samples / "sample.crl")
    assert "Version: 2" in result.out and "Revoked certificates (5)" in \
        result.out.replace("Revoked Certificates", "Revoked certificates")
    run("certtool", "--verify-crl", "--load-ca-certificate",
        samples / "ca.der", "--inder", "--infile", samples / "sample.crl")


def test_cryptography_crl(samples):
    ca = x509.load_der_x509_certificate((samples / "ca.der").read_bytes())
    crl = x509.load_der_x509_crl((samples / "sample.crl").read_bytes())
    assert crl.is_signature_valid(ca.public_key())
    assert crl.issuer == ca.subject
    assert crl.last_update == datetime.datetime(2026, 1, 1)
    assert crl.next_update == datetime.datetime(2050, 1, 1)
    extensions = {e.oid: e for e in crl.extensions}
    assert len(extensions) == 2
    assert not any(e.critical for e in extensions.values())
    assert crl.extensions.get_extension_for_class(
        x509.CRLNumber).value.crl_number == 258
    assert crl.extensions.get_extension_for_class(
        x509.AuthorityKeyIdentifier).value.key_identifier == \
        ca.extensions.get_extension_for_class(
            x509.SubjectKeyIdentifier).value.digest
    day = datetime.datetime(2026, 1, 1)

    def entry(e):
        reason = [x.value.reason for x in e.extensions]
        return e.serial_number, e.revocation_date, reason

    assert [entry(e) for e in crl] == [
        (0x01102000 << 104, day, [COMPROMISE]),
        (0x80, day + datetime.timedelta(seconds=86399), []),
        (0x7f << 152, day + datetime.timedelta(seconds=3723), [HOLD]),
        (5, datetime.datetime(2049, 12, 31, 23, 59, 59),
         [x509.ReasonFlags.aa_compromise]),
        (6, datetime.datetime(2050, 1, 1), [])]
    empty = x509.load_der_x509_crl((samples / "empty.crl").read_bytes())
    assert len(empty) == 0 and empty.is_signature_valid(ca.public_key())


def test_cbor_list(samples):
    message = reader.Sign1((samples / "list.cwt").read_bytes())
    key = serialization.load_der_public_key(
        (samples / "list.spki").read_bytes())
    message.verify(key)
    assert message.typ == TYP
    assert message.kid == reader.thumbprint(key)
    claims = reader.cbor_decode(message.payload)
    lst = claims[65533].pop("lst")
    assert claims == {
        2: "https://pki.example/default/status/bulk-00000000.cwt",
        4: 1790086400, 6: 1790000000, 65533: {"bits": 2}, 65534: 3600}
    array = zlib.decompress(lst)
    assert len(array) == 1 << 18
    # least significant bits first
    assert {4 * i + j: b >> 2 * j & 3 for i, b in enumerate(array) if b
            for j in range(4) if b >> 2 * j & 3} == {
                3: 1, 5: 2, (1 << 20) - 1: 2}


# What others write, read by us

def write(path, data):
    """In place as a whole, as a publisher does."""
    path.with_suffix(".tmp").write_bytes(data)
    os.replace(path.with_suffix(".tmp"), path)
    return path


class Publisher:
    """Publishes for an ecosystem with its keys, by none of our code."""

    def __init__(self, eco):
        self.eco = eco
        self.keys = reader.keystore_open(eco.dir / "keystore",
                                         eco.passphrase.read_bytes().strip())
        certificates = [
            x509.load_pem_x509_certificate(b"-----BEGIN" + pem)
            for pem in (eco.dir / "publish/trust.pem").read_bytes().split(
                b"-----BEGIN")[1:]]
        self.by_key = {c.public_key().public_numbers(): c
                       for c in certificates}

    def ca(self, label):
        return self.by_key[self.keys[label].public_key().public_numbers()]

    def crl(self, number, this, revoked=(), label="issuer.bulk", more=(),
            life=86400):
        """revoked: (serial number, reason)"""
        ca, when = self.ca(label), datetime.datetime.utcfromtimestamp
        ski = ca.extensions.get_extension_for_class(
            x509.SubjectKeyIdentifier).value
        b = (x509.CertificateRevocationListBuilder()
             .issuer_name(ca.subject).last_update(when(this))
             .next_update(when(this + life))
             .add_extension(x509.AuthorityKeyIdentifier
                            .from_issuer_subject_key_identifier(ski), False)
             .add_extension(x509.CRLNumber(number), False))
        for serial, reason in revoked:
            b = b.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(serial)
                .revocation_date(when(this - 60))
                .add_extension(x509.CRLReason(reason), False).build())
        for extension, critical in more:
            b = b.add_extension(extension, critical)
        return b.sign(self.keys[label], hashes.SHA256())

    def der(self, *args, **how):
        return self.crl(*args, **how).public_bytes(serialization.Encoding.DER)

    def list(self, uri, iat, statuses=(), label="document", exp=86400,
             size=75):
        array = bytearray(size)
        for index, status in statuses:
            array[index // 4] |= status << 2 * (index % 4)
        return reader.sign1(self.keys[label], TYP, reader.cbor_encode({
            2: uri, 4: iat + exp, 6: iat, 65534: 60,
            65533: {"bits": 2, "lst": zlib.compress(bytes(array), 9)}}))


@pytest.fixture(scope="module")
def world(issued, tmp_path_factory):
    """A device's document and certificate in files, and a publisher."""
    class World:
        publisher = Publisher(issued)
        root = tmp_path_factory.mktemp("world")
        document, certificate = root / "17.cose", root / "17.der"
        now = int(time.time())

        def verify(self, *status, shown=True, time=None, max_age=None,
                   **how):
            argv = ["identity", "verify", self.document]
            if shown:
                argv += ["--certificate", self.certificate]
            for path in status:
                argv += ["--status", path]
            if max_age is not None:
                argv += ["--max-age", max_age]
            if time is not None:
                argv += ["--time", datetime.datetime.utcfromtimestamp(
                    time).strftime("%Y-%m-%dT%H:%M:%SZ")]
            return issued.imprint(*argv, "--json", **how)

        def file(self, name, data):
            return write(self.root / name, data)

    w = World()
    w.document.write_bytes(issued.imprint(
        "identity", "show", 17, "--format", "cose").raw)
    w.certificate.write_bytes(issued.imprint(
        "identity", "show", 17, "--format", "der").raw)
    w.serial = x509.load_der_x509_certificate(
        w.certificate.read_bytes()).serial_number
    claim = reader.cbor_decode(reader.Sign1(
        w.document.read_bytes()).payload)[65535]["status_list"]
    w.uri, w.index = claim["uri"], claim["idx"]
    assert w.index == 17
    return w


def test_verify_without(world):
    answer = world.verify().json
    assert answer["verdict"] == "allow" and answer["status_time"] is None
    answer = world.verify(max_age=60, code=1).json
    assert answer["verdict"] == "deny: status not known"


@pytest.mark.parametrize("reason, status, verdict", [
    (None, 0, "allow"), (COMPROMISE, 1, "deny: revoked"),
    (HOLD, 2, "deny: suspended")])
def test_verify(world, reason, status, verdict):
    p, code = world.publisher, 0 if status == 0 else 1
    crl = p.crl(3, world.now, [(1234, COMPROMISE)] + (
        [(world.serial, reason)] if reason else []))
    der = world.file("a.crl", crl.public_bytes(serialization.Encoding.DER))
    pem = world.file("a.pem", crl.public_bytes(serialization.Encoding.PEM))
    cwt = world.file("a.cwt", p.list(world.uri, world.now, [
        (16, 1), (18, 2), (world.index, status)]))
    for files, shown in (((der,), True), ((pem,), True), ((cwt,), False),
                         ((cwt, der), True)):
        answer = world.verify(*files, shown=shown, max_age=3600,
                              time=world.now + 60, code=code).json
        assert answer["verdict"] == verdict, answer
        if status == 0:
            when = datetime.datetime.utcfromtimestamp(world.now)
            assert answer["status_time"] == when.isoformat() + "Z"
            assert answer["expires"] == (
                when + datetime.timedelta(hours=1)).isoformat() + "Z"
    # the same when it is too old, unless it was good
    answer = world.verify(der, max_age=60, time=world.now + 61, code=1).json
    assert answer["verdict"] == ("deny: status not known" if status == 0
                                 else verdict)


def test_verify_text(world, issued):
    path = world.file("t.crl", world.publisher.der(1, world.now))
    result = issued.imprint("identity", "verify", world.document,
                            "--certificate", world.certificate, "--status",
                            path)
    assert "ok   status                 neither revoked nor" in result.out


def test_verify_refused(world, stranger, tmp_path):
    p, now = world.publisher, world.now
    foreign = Publisher(stranger)
    idp = x509.IssuingDistributionPoint(
        [x509.UniformResourceIdentifier("http://x.example/")], None, False,
        False, None, False, False)
    new = world.file("new.crl", p.der(9, now))
    for name, data, code, text in (
            ("foreign.crl", foreign.der(1, now), 5, "not one of the"),
            ("root.crl", p.der(1, now, label="root"), 5, "not one of the"),
            ("idp.crl", p.der(1, now, more=[(idp, True)]), 2,
             "distribution point"),
            ("delta.crl", p.der(2, now, more=[
                (x509.DeltaCRLIndicator(1), True)]), 2, "delta CRL"),
            ("old.crl", p.der(8, now - 1), 4, "older than the one held"),
            ("foreign.cwt", foreign.list(world.uri, now), 5, "not among"),
            ("ca.cwt", p.list(world.uri, now, label="issuer.bulk"), 5,
             "not among"),
            ("document", world.document.read_bytes(), 2, "typ"),
            ("empty", b"", 2, "no block"), ("junk", b"0junk", 2, "CRL")):
        path = world.file(name, data)
        result = world.verify(new, path, code=code)
        assert text in result.err and name in result.err, result
    world.verify(tmp_path / "none", code=3)


def test_verify_bomb(world):
    """A list that grows a thousandfold is refused at its bound."""
    path = world.file("bomb.cwt", world.publisher.list(
        world.uri, world.now, size=(1 << 18) + 1))
    assert "262144" in world.verify(path, code=2).err
    path = world.file("full.cwt", world.publisher.list(
        world.uri, world.now, size=1 << 18))
    world.verify(path, max_age=3600, time=world.now)


# The example service

@pytest.fixture(scope="module")
def pairs(issued, tmp_path_factory):
    """TLS pairs of the service and of a device, and that device's document."""
    eco = issued.copy(tmp_path_factory.mktemp("service"))
    eco.imprint("service", "add", "collector", "--dns", "localhost", "--out",
                eco.root)
    pack = reader.Pack(eco.pack().read_bytes())
    index, document, keys = next(iter(pack.open(eco.stations["line-1"])))

    class Device(Package):
        def __init__(self):     # the pack's own form: chain kept apart
            self.document, self.keys = document, {
                slot: raw for slot, _, raw in keys}
            self.claims = reader.cbor_decode(reader.Sign1(document).payload)
            self.certs = [Publisher(eco).ca("issuer.bulk")]

    device = Device()
    device.write_tls(eco.root / "device")
    device.index = index
    device.serial = x509.load_pem_x509_certificate(
        (eco.root / "device.pem").read_bytes()).serial_number
    return eco, device


def test_service(pairs):
    """What is published while it runs counts from the next request on."""
    eco, device = pairs
    p, now = Publisher(eco), int(time.time())
    uri = device.claims[65535]["status_list"]["uri"]
    published = eco.root / "published"
    for name in ("crl", "status"):
        (published / name).mkdir(parents=True)
    crl = published / "crl/bulk.crl"
    cwt = published / "status/bulk-00000000.cwt"
    service = Service(eco.root / "collector", eco.dir / "publish/trust.pem")
    service.argv += ["--status", f"{published}/{{crl,status}}/*.c[rw][lt]",
                     "--max-age", "86400"]
    with service:
        def ask():
            return service.ask_raw(eco.root / "device", device.document)

        assert ask()[0] == 403 and "status not known" in ask()[1]
        write(crl, p.der(1, now))
        status, body = ask()
        assert status == 200, body
        write(cwt, p.list(uri, now + 1, [(device.index, 2)]))
        status, body = ask()
        assert status == 403 and "deny: suspended" in body
        write(cwt, p.list(uri, now + 2))
        assert ask()[0] == 200
        write(crl, p.der(2, now + 3, [(device.serial, COMPROMISE)]))
        status, body = ask()
        assert status == 403 and "deny: revoked" in body
        # an earlier state put back, and junk, do not let it in again
        write(crl, p.der(1, now))
        assert "deny: revoked" in ask()[1]
        write(crl, b"junk")
        os.remove(cwt)
        assert "deny: revoked" in ask()[1]
