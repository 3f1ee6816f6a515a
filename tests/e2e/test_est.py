"""EST (RFC 7030) with clients that are not ours: strongSwan's pki, curl with
openssl, python3-cryptography."""
import base64
import contextlib
import datetime
import hashlib
import http.client
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7

import reader
from conftest import PRODUCTS, program_needed, run
from imprintd import NAME, PATIENCE_S, Server, exchange, wait_for
from test_verify_service import devices_of

pytestmark = program_needed("imprintd")

EST = "/.well-known/est/"
CERTS = "application/pkcs7-mime; smime-type=certs-only"
QUOTA = 12


@pytest.fixture(scope="module")
def made(stocked, tmp_path_factory):
    """Doorbells with one key, and twelve for whom plain EST is enough; only
    to be copied."""
    eco = stocked.copy(tmp_path_factory.mktemp("est") / "eco")
    text = (PRODUCTS / "doorbell.yaml").read_text()
    text = text.replace('version: "1.0.0"', 'version: "2.0.0"')
    begin = text.index("  - slot: 1\n")
    text = text[:begin] + text[text.index("# The names"):] + \
        f"  est: {QUOTA}\n"
    path = eco.root / "doorbell.yaml"
    path.write_text(text)
    eco.imprint("product", "add", path)
    eco.order(16, "line-1", product="doorbell-idevid")
    eco.imprint("order", "run", 1)
    return eco


@pytest.fixture(scope="module")
def eco(made, tmp_path_factory):
    return made.copy(tmp_path_factory.mktemp("est-run") / "eco")


@pytest.fixture(scope="module")
def devices(eco):
    return iter(devices_of(eco, 16))


@pytest.fixture(scope="module")
def server(eco):
    with Server(eco) as running:
        yield running


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def request_of(key, name="whatever it says"):
    """DER"""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    return x509.CertificateSigningRequestBuilder().subject_name(subject).sign(
        key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


class Holder:
    """A certificate and its key, as files."""

    def __init__(self, root, certificate, key):
        self.path = root / f"{certificate.serial_number:x}"
        self.path.with_suffix(".pem").write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM))
        self.path.with_suffix(".key").write_bytes(key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))


def ask(server, operation, body, holder=None, kind="application/pkcs10",
        **more):
    return server.ask("POST", EST + operation, body,
                      server.context(holder, **more),
                      [("Content-Type", kind)])


def certificates(answer):
    """What EST answered, read by python3-cryptography."""
    status, fields, body = answer
    assert status == 200, body
    assert fields["Content-Type"] == CERTS
    assert fields["Content-Transfer-Encoding"] == "base64"
    assert b"\n" not in body
    return pkcs7.load_der_pkcs7_certificates(base64.b64decode(body))


def enrolled(server, operation, key, holder):
    found = certificates(ask(server, operation,
                             base64.b64encode(request_of(key)), holder))
    assert len(found) == 1
    assert found[0].public_key().public_numbers() == \
        key.public_key().public_numbers()
    return found[0]


def refused(answer, status, reason):
    assert answer[0] == status, answer[2]
    assert reason in answer[2].decode()


def without_quota(made, tmp_path):
    """An ecosystem whose product allows no new keys by plain EST."""
    eco = made.copy(tmp_path / "eco")
    text = (made.root / "doorbell.yaml").read_text()
    path = eco.root / "none.yaml"
    path.write_text(text.replace('"2.0.0"', '"2.1.0"').replace(
        f"  est: {QUOTA}\n", "  est: 0\n"))
    eco.imprint("product", "add", path)
    return eco


def common_name(certificate):
    return certificate.subject.get_attributes_for_oid(
        x509.NameOID.COMMON_NAME)[0].value


def test_cacerts(server, eco):
    found = certificates(server.ask("GET", EST + "cacerts"))
    names = [common_name(c) for c in found]
    assert names[0].startswith("default Root CA"), names
    trust = (eco.dir / "publish/trust.pem").read_text()
    root = found[0].public_bytes(serialization.Encoding.PEM).decode()
    assert root in trust
    assert certificates(server.ask("GET", EST + "doorbell/cacerts")) == found


def test_whole_life(server, eco, devices, tmp_path):
    """From the factory's certificate to the third of the field, by names
    that are those of birth."""
    device, key = next(devices), new_key()
    first = enrolled(server, "simpleenroll", key, device)
    born = x509.load_pem_x509_certificate(
        device.path.with_suffix(".pem").read_bytes())
    # a request's own names are passed over
    assert first.subject == born.subject
    assert first.issuer != born.issuer
    again = enrolled(server, "simpleenroll", key, device)
    assert again == first
    holder = Holder(tmp_path, first, key)
    second = enrolled(server, "simplereenroll", key, holder)
    assert second.serial_number != first.serial_number
    other = new_key()
    third = enrolled(server, "doorbell/simplereenroll", other,
                     Holder(tmp_path, second, key))
    # the second was used: the first is gone, and so is birth's right
    refused(ask(server, "simplereenroll", base64.b64encode(request_of(key)),
                holder), 403, "superseded")
    refused(ask(server, "simpleenroll",
                base64.b64encode(request_of(new_key())), device),
            403, "consumed")
    # openssl finds the path and the purpose good
    chain = tmp_path / "chain.pem"
    chain.write_bytes(b"".join(
        c.public_bytes(serialization.Encoding.PEM) for c in certificates(
            server.ask("GET", EST + "cacerts"))))
    leaf = Holder(tmp_path, third, other).path.with_suffix(".pem")
    run("openssl", "verify", "-purpose", "sslclient", "-CAfile", chain, leaf)
    shown = eco.imprint("identity", "show", common_name(third))
    assert common_name(third) in shown.out


def pki(url, trust, csr, holder):
    done = subprocess.run(
        ["pki", "--est", "--url", url, "--cacert", trust, "--in", csr,
         "--cert", holder.path.with_suffix(".pem"),
         "--key", holder.path.with_suffix(".key"), "--outform", "pem"],
        capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return x509.load_pem_x509_certificate(done.stdout)


@pytest.mark.skipif(shutil.which("pki") is None,
                    reason="pki (strongswan-pki) is not installed")
def test_pki(made, tmp_path):
    """strongSwan's client: CA certificates, enrolment, renewal."""
    eco = made.copy(tmp_path / "eco")
    device, key = devices_of(eco, 1)[0], new_key()
    csr, trust = tmp_path / "request.der", tmp_path / "root.pem"
    csr.write_bytes(request_of(key))
    trust.write_text((eco.dir / "publish/trust.pem").read_text())
    with Server(eco, name="localhost") as server:
        url = f"https://localhost:{server.port}"
        done = run("pki", "--estca", "--url", url, "--cacert", trust,
                   "--caout", tmp_path / "ca-", "--outform", "pem")
        assert list(tmp_path.glob("ca-*")), done
        first = pki(url, trust, csr, device)
        second = pki(url, trust, csr, Holder(tmp_path, first, key))
    assert second.subject == first.subject
    assert second.serial_number != first.serial_number


JARS = [pathlib.Path("/usr/share/java") / f"{name}.jar"
        for name in ("bcprov", "bcutil", "bcpkix")]


@pytest.mark.skipif(shutil.which("javac") is None or not all(
    jar.exists() for jar in JARS), reason="no JDK or no libbcpkix-java")
def test_bouncycastle(made, tmp_path):
    """BouncyCastle's client enrols and renews, for new keys signed by those
    there are; the product allows no others."""
    eco = without_quota(made, tmp_path)
    device, trust = devices_of(eco, 1)[0], tmp_path / "root.pem"
    trust.write_text((eco.dir / "publish/trust.pem").read_text())
    run("openssl", "pkcs12", "-export", "-inkey",
        device.path.with_suffix(".key"), "-in",
        device.path.with_suffix(".pem"), "-passout", "pass:birth", "-out",
        tmp_path / "birth.p12")
    with Server(eco, name="localhost", fronts=1) as server:
        done = run("java", "-XX:TieredStopAtLevel=1", "-cp",
                   ":".join(map(str, JARS)),
                   pathlib.Path(__file__).parent / "bouncycastle/Est.java",
                   f"localhost:{server.port}", trust, tmp_path / "birth.p12",
                   "birth", tmp_path / "got")
    assert "ca CN=default Root CA" in done.out, done.out
    assert "curve true, signature true" in done.out
    first, second = (x509.load_pem_x509_certificate(
        (tmp_path / f"got.{n}.pem").read_bytes()) for n in (1, 2))
    assert first.subject == second.subject
    assert first.serial_number != second.serial_number
    assert common_name(second) in eco.imprint(
        "identity", "show", common_name(first)).out


def test_curl(server, eco, devices, tmp_path):
    device, key = next(devices), new_key()
    csr = tmp_path / "request.pem"
    csr.write_bytes(x509.load_der_x509_csr(request_of(key)).public_bytes(
        serialization.Encoding.PEM))
    # PEM as it is, as many clients send it
    done = run("curl", "-sS", "--fail", "--resolve",
               f"{NAME}:{server.port}:127.0.0.1", "--cacert",
               eco.dir / "publish/trust.pem", "--cert",
               device.path.with_suffix(".pem"), "--key",
               device.path.with_suffix(".key"), "-H",
               "Content-Type: application/pkcs10", "--data-binary",
               f"@{csr}", f"https://{NAME}:{server.port}{EST}simpleenroll")
    der = base64.b64decode(done.out)
    shown = run("openssl", "pkcs7", "-inform", "DER", "-print_certs",
                stdin=der)
    assert x509.load_pem_x509_certificate(shown.out.encode()
                                          ).public_key().public_numbers() \
        == key.public_key().public_numbers()


def test_refused(server, devices, eco, tmp_path):
    device, key = next(devices), new_key()
    body = base64.b64encode(request_of(key))
    refused(ask(server, "simpleenroll", body), 401, "certificate")
    refused(ask(server, "simpleenroll", body, device, kind="text/plain"),
            415, "pkcs10")
    refused(ask(server, "simpleenroll", b"\x30\x80", device), 400, "base64")
    refused(ask(server, "simpleenroll", b"", device), 400, "base64")
    refused(ask(server, "serverkeygen", body, device), 422, "in the device")
    refused(ask(server, "camera/simpleenroll", body, device), 404, "label")
    refused(server.ask("GET", EST + "simpleenroll"), 405, "method")
    refused(server.ask("GET", EST + "unheard-of"), 404, "cacerts")
    refused(ask(server, "csrattrs", body, device), 405, "method")
    bad = bytearray(request_of(key))
    bad[-1] ^= 1
    refused(ask(server, "simpleenroll", base64.b64encode(bad), device),
            422, "proof of possession")
    weak = ec.generate_private_key(ec.SECP192R1())
    refused(ask(server, "simpleenroll", base64.b64encode(request_of(weak)),
                device), 400, "unsupported")
    # a doorbell's proof is not that of another device's key
    mine = enrolled(server, "simpleenroll", key, device)
    refused(ask(server, "simpleenroll", body, next(devices)), 422, "another")
    eco.imprint("identity", "show", common_name(mine))


CHALLENGE = "1.2.840.113549.1.9.7"


def tlv(tag, *parts):
    """DER by hand."""
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = (len(body).bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + len(body).to_bytes(size, "big") + body


def items(der):
    """What stands in the content of an item, each with its head."""
    found, at = [], 0
    while at < len(der):
        size, head = der[at + 1], 2
        if size & 0x80:
            head += size & 0x7f
            size = int.from_bytes(der[at + 2:at + head], "big")
        found.append(der[at:at + head + size])
        at += head + size
    return found


def content(item):
    head = 2 + (item[1] & 0x7f if item[1] & 0x80 else 0)
    return item[head:]


ALT_ALGORITHM, ALT_VALUE = (bytes.fromhex(text) for text in (
    "0603551d49", "0603551d4a"))
ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")


def countersigned(key, old):
    """A request by key, that old has signed, too."""
    def signed(attributes):
        _, subject, spki, _ = items(content(items(content(
            request_of(key)))[0]))
        return tlv(0x30, b"\x02\x01\x00", subject, spki,
                   tlv(0xa0, *attributes))

    def bits(by, info):
        return tlv(0x03, b"\x00" + by.sign(info, ec.ECDSA(hashes.SHA256())))
    algorithm = tlv(0x30, ALT_ALGORITHM, tlv(0x31, ECDSA_SHA256))
    value = tlv(0x30, ALT_VALUE, tlv(0x31, bits(old,
                                                     signed([algorithm]))))
    info = signed([algorithm, value])
    return tlv(0x30, info, ECDSA_SHA256, bits(key, info))


def key_of(holder):
    return serialization.load_pem_private_key(
        holder.path.with_suffix(".key").read_bytes(), None)


def test_csrattrs(server, devices):
    """For the label's product, for who shows a certificate, for anybody."""
    device = next(devices)
    for path, holder in (("csrattrs", None), ("doorbell/csrattrs", None),
                         ("csrattrs", device)):
        status, fields, body = server.ask("GET", EST + path, None,
                                          server.context(holder))
        assert status == 200, body
        assert fields["Content-Type"] == "application/csrattrs"
        assert fields["Content-Transfer-Encoding"] == "base64"
        der = base64.b64decode(body, validate=True)
        shown = run("openssl", "asn1parse", "-inform", "DER",
                    stdin=der).out
        assert "id-ecPublicKey" in shown and "prime256v1" in shown
        assert "2.5.29.73" in shown and "2.5.29.74" in shown
        assert "challengePassword" not in shown
    refused(server.ask("GET", EST + "camera/csrattrs"), 404, "no-product")


REQUESTS = "requests_total", "turn_seconds", "identity_seconds", \
    "commit_seconds"


def counted(server):
    return {name: value for name, value in server.figures().items()
            if name.startswith(REQUESTS) and not name.endswith("_sum")}


def test_anybody_is_not_counted(made, tmp_path):
    """What needs no certificate can neither drown nor forge figures that
    alerts look at."""
    eco = made.copy(tmp_path / "eco")
    device, = devices_of(eco, 1)
    with Server(eco, fronts=1) as server:
        assert set(counted(server).values()) == {0}
        with server.client() as client:
            for n in range(40):
                path = EST + (f"no-{n}/" if n % 2 else "") + "csrattrs"
                status = exchange(client, "GET", path)[0]
                assert status == (404 if n % 2 else 200)
        # with a certificate it is the same question
        assert server.ask("GET", EST + "csrattrs", None,
                          server.context(device))[0] == 200
        assert set(counted(server).values()) == {0}
        assert server.figures()["est_attributes_total"] == 41
        # what a device asks counts, and is a commit if something has changed
        forged = bytearray(request_of(new_key()))
        forged[-1] ^= 1
        for csr, good, commits in ((forged, 0, 0),
                                   (request_of(new_key()), 1, 1)):
            status = ask(server, "simpleenroll", base64.b64encode(csr),
                         device)[0]
            assert (status == 200) == good
            now = counted(server)
            assert now['requests_total{verdict="done"}'] == good
            assert now["turn_seconds_count"] == \
                now["identity_seconds_count"] == 1 + good == \
                sum(n for name, n in now.items() if "verdict" in name)
            assert now["commit_seconds_count"] == commits


def test_countersigned(made, tmp_path):
    """New keys for a product that allows none by plain EST: the key that the
    device has vouches for each."""
    eco = without_quota(made, tmp_path)
    device, other = devices_of(eco, 2)
    first, second = new_key(), new_key()
    with Server(eco, fronts=1) as server:
        def enrol(operation, csr, holder):
            return ask(server, operation, base64.b64encode(csr), holder)
        refused(enrol("simpleenroll", request_of(first), device), 403,
                "quota")
        refused(enrol("simpleenroll", countersigned(first, key_of(other)),
                      device), 401, "altSignatureValue")
        made_first, = certificates(enrol("simpleenroll", countersigned(
            first, key_of(device)), device))
        again, = certificates(enrol("simpleenroll", countersigned(
            first, key_of(device)), device))
        assert again == made_first
        holder = Holder(tmp_path, made_first, first)
        refused(enrol("simplereenroll", request_of(second), holder), 403,
                "quota")
        made_second, = certificates(enrol("simplereenroll", countersigned(
            second, first), holder))
        assert made_second.subject == made_first.subject
        assert made_second.public_key().public_numbers() == \
            second.public_key().public_numbers()


def linked(key, text):
    return x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([])).add_attribute(
        x509.ObjectIdentifier(CHALLENGE), text).sign(
        key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def post(client, csr):
    return exchange(client, "POST", EST + "simpleenroll",
                    base64.b64encode(csr),
                    [("Content-Type", "application/pkcs10")])


def test_linked(made, tmp_path):
    """A request that is made for its connection, where that is asked for, and
    where it is not; one of another connection is none."""
    eco = made.copy(tmp_path / "eco")
    config = tmp_path / "imprintd.yaml"
    config.write_text("est-linking: required\n")
    config.chmod(0o600)
    device, key = devices_of(eco, 1)[0], new_key()
    context = {"device": device, "version": ssl.TLSVersion.TLSv1_2}
    with Server(eco, "--config", config, fronts=1) as server:
        with server.client(server.context(**context)) as client:
            mine = base64.b64encode(client.sock.get_channel_binding())
            _, _, body = exchange(client, "GET", EST + "csrattrs")
            assert "challengePassword" in run(
                "openssl", "asn1parse", "-inform", "DER",
                stdin=base64.b64decode(body)).out
            refused(post(client, request_of(key)), 400, "tls-exporter")
            refused(post(client, linked(key, b"password")), 400,
                    "linking")
        with server.client(server.context(**context)) as client:
            refused(post(client, linked(key, mine)), 400, "anew")
            found, = certificates(post(client, linked(
                key, base64.b64encode(client.sock.get_channel_binding()))))
    with Server(eco, fronts=1) as server:
        holder = Holder(tmp_path, found, key)
        with server.client(server.context(holder)) as client:
            refused(post(client, linked(key, mine)), 400, "linking")


def test_linked_resumed(made, tmp_path):
    """tls-unique of TLS 1.2 says nothing of a session that is resumed (RFC
    5929 3, RFC 7627): who offers one begins anew, and is linked to that."""
    eco = made.copy(tmp_path / "eco")
    config = tmp_path / "imprintd.yaml"
    config.write_text("est-linking: required\n")
    config.chmod(0o600)
    device, key = devices_of(eco, 1)[0], new_key()
    with Server(eco, "--config", config, fronts=1) as server:
        context = server.context(device, ssl.TLSVersion.TLSv1_2)
        session = mine = None
        for first in (True, False):
            plain = socket.create_connection(("127.0.0.1", server.port))
            client = http.client.HTTPConnection(NAME, server.port)
            client.sock = context.wrap_socket(
                plain, server_hostname=NAME, session=session)
            assert not client.sock.session_reused
            session, old = client.sock.session, mine
            mine = base64.b64encode(client.sock.get_channel_binding())
            if not first:
                refused(post(client, linked(key, old)), 400, "linking")
                assert certificates(post(client, linked(key, mine)))
            client.close()


def s_client(server, device, version, request, *more):
    """openssl s_client as it is: a raw client, which hands out the exporter.
    Answers the text before the reply, and the reply."""
    process = subprocess.Popen(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}",
         "-servername", NAME, "-CAfile", server.trust,
         "-verify_return_error", "-verify_hostname", NAME, version, "-cert",
         device.path.with_suffix(".pem"), "-key",
         device.path.with_suffix(".key"), "-keymatexport",
         "EXPORTER-Channel-Binding", "-keymatexportlen", "32", "-ign_eof",
         *more],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    text = b""
    while b"Keying material: " not in text or not text.endswith(b"---\n"):
        line = process.stdout.readline()
        assert line, text
        text += line
    material = re.search(rb"Keying material: ([0-9A-F]+)", text)[1]
    process.stdin.write(request(bytes.fromhex(material.decode())))
    process.stdin.flush()
    answer, _ = process.communicate(timeout=60)
    return text + answer


def posted(csr):
    body = base64.b64encode(csr)
    return (f"POST {EST}simpleenroll HTTP/1.1\r\nHost: {NAME}\r\n"
            "Content-Type: application/pkcs10\r\nConnection: close\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_s_client(made, tmp_path, version):
    """No HTTP library at all; with TLS 1.3 the request carries the exporter
    of its connection."""
    eco = made.copy(tmp_path / "eco")
    device, key = devices_of(eco, 1)[0], new_key()

    def request(material):
        return posted(request_of(key) if version == "-tls1_2" else linked(
            key, base64.b64encode(material)))
    with Server(eco, fronts=1) as server:
        answer = s_client(server, device, version, request)
    assert b"HTTP/1.1 200 OK" in answer, answer
    encoded = re.search(rb"\r\n\r\n([A-Za-z0-9+/=]+)", answer)[1]
    found, = pkcs7.load_der_pkcs7_certificates(base64.b64decode(encoded))
    assert found.public_key().public_numbers() == \
        key.public_key().public_numbers()


def test_s_client_resumed(made, tmp_path):
    """A session of TLS 1.3 that is resumed has an exporter of its own; that
    of the connection before is none."""
    eco = made.copy(tmp_path / "eco")
    device, key = devices_of(eco, 1)[0], new_key()
    seen = []

    def request(material):
        seen.append(base64.b64encode(material))
        return posted(linked(key, seen[-1]))
    with Server(eco, fronts=1) as server:
        session = tmp_path / "session"
        first = s_client(server, device, "-tls1_3", request, "-sess_out",
                         session)
        again, stale = (s_client(server, device, "-tls1_3", make, "-sess_in",
                                 session) for make in (
            request, lambda _: posted(linked(key, seen[0]))))
    assert seen[0] != seen[1]
    assert b"HTTP/1.1 200 OK" in first and b"Reused" not in first
    assert b"HTTP/1.1 200 OK" in again and b"Reused, TLSv1.3" in again
    assert b"HTTP/1.1 400 " in stale and b"Reused, TLSv1.3" in stale


RSA_SHA256 = bytes.fromhex("300d06092a864886f70d01010b0500")
RSA, EC_KEY, P256 = (bytes.fromhex(text) for text in (
    "06092a864886f70d010101", "06072a8648ce3d0201", "06082a8648ce3d030107"))
# of PKCS#1 v1.5 before a SHA-256
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def by_hand(spki, algorithm, sign, attributes=b""):
    """A certification request of any octets for a key."""
    info = tlv(0x30, b"\x02\x01\x00", tlv(0x30), spki,
               tlv(0xa0, attributes))
    return tlv(0x30, info, algorithm, tlv(0x03, b"\x00", sign(info)))


def integer(number):
    return tlv(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def rsa_spki(modulus, exponent):
    key = tlv(0x30, integer(modulus), integer(exponent))
    return tlv(0x30, tlv(0x30, RSA, b"\x05\x00"), tlv(0x03, b"\x00", key))


def ec_spki(point, curve=P256):
    return tlv(0x30, tlv(0x30, EC_KEY, curve), tlv(0x03, b"\x00", point))


def padded(info, size):
    """What an RSA signature is when the exponent is one."""
    digest = DIGEST_INFO + hashlib.sha256(info).digest()
    return b"\x00\x01" + b"\xff" * (size - 3 - len(digest)) + b"\x00" + \
        digest


def from_openssl(*options, digest="-sha256"):
    key = run("openssl", "genpkey", *options).out.encode()
    return run("openssl", "req", "-new", "-key", "/dev/stdin", "-subj", "/",
               digest, "-outform", "DER", stdin=key).raw


def ec_by_openssl(curve, *options):
    return from_openssl("-algorithm", "EC", "-pkeyopt",
                        f"ec_paramgen_curve:{curve}", *options)


def weak_keys():
    """(name, request, status, reason): keys that nobody is to have."""
    for bits in (512, 1024):
        yield f"RSA {bits}", request_of(rsa.generate_private_key(
            65537, bits)), 400, "unsupported"
    good = rsa.generate_private_key(65537, 2048)
    modulus = good.public_key().public_numbers().n
    # anybody signs for it
    yield "exponent 1", by_hand(
        rsa_spki(modulus, 1), RSA_SHA256, lambda info: padded(info, 256)), \
        None, None
    for name, number, exponent in (
            ("even exponent", modulus, 65536),
            ("even modulus", modulus - 1, 65537),
            ("negative exponent", modulus, 0),
            ("large exponent", modulus, modulus - 2),
            ("16,384 bits", (1 << 16383) + 12345, 65537),
            ("56,000 bits", (1 << 55999) + 12345, (1 << 55998) + 1)):
        yield f"RSA: {name}", by_hand(
            rsa_spki(number, exponent), RSA_SHA256,
            lambda _, size=(number.bit_length() + 7) // 8:
            b"\x01" * size), None, None
    for curve in ("secp256k1", "brainpoolP256r1", "secp224r1", "sect283k1"):
        yield curve, ec_by_openssl(curve), 400, "unsupported"
    yield "explicit parameters", ec_by_openssl(
        "prime256v1", "-pkeyopt", "ec_param_enc:explicit"), None, None
    key = new_key()

    def sign(info):
        return key.sign(info, ec.ECDSA(hashes.SHA256()))
    public = key.public_key().public_numbers()
    x, y = (n.to_bytes(32, "big") for n in (public.x, public.y))
    for name, point in (
            ("not on the curve", b"\x04" + x + y[:-1] + bytes([y[-1] ^ 1])),
            ("infinity", b"\x00"), ("nothing", b""), ("short", b"\x04" + x),
            ("zero", b"\x04" + bytes(64)),
            ("beyond the field", b"\x04" + b"\xff" * 32 + y)):
        yield f"point: {name}", by_hand(ec_spki(point), ECDSA_SHA256,
                                        sign), None, None
    yield "no such curve", by_hand(ec_spki(
        b"\x04" + x + y, bytes.fromhex("06052b8104007f")), ECDSA_SHA256,
        sign), None, None
    yield "no curve", by_hand(ec_spki(b"\x04" + x + y, b"\x05\x00"),
                              ECDSA_SHA256, sign), None, None
    # good ones, but not of this product
    yield "RSA 2048", request_of(good), 422, "keys"
    yield "Ed25519", from_openssl("-algorithm", "ed25519"), None, None
    yield "DSA", request_of(dsa.generate_private_key(1024)), None, None


def weak_requests():
    """The same for a key that is good."""
    key = new_key()
    spki = items(content(items(content(request_of(key)))[0]))[2]

    def sign(info):
        return key.sign(info, ec.ECDSA(hashes.SHA256()))
    good = request_of(key)
    yield "SHA-1", by_hand(
        spki, bytes.fromhex("300906072a8648ce3d0401"),
        lambda info: key.sign(info, ec.ECDSA(hashes.SHA1()))), 400, \
        "unsupported"
    yield "another algorithm", by_hand(spki, RSA_SHA256, sign), None, None
    yield "signature 0, 0", by_hand(
        spki, ECDSA_SHA256, lambda _: b"\x30\x06\x02\x01\x00\x02\x01\x00"), \
        422, "possession"
    yield "no signature", by_hand(spki, ECDSA_SHA256, lambda _: b""), None, \
        None
    yield "cut", good[:-1], None, None
    yield "longer", good + b"\x00", None, None
    yield "of no length", b"\x30\x80" + content(good) + b"\x00\x00", None, \
        None
    yield "deep", b"\x30\x80" * 8000, None, None
    yield "many attributes", by_hand(
        spki, ECDSA_SHA256, sign, tlv(0x30, tlv(
            0x06, b"\x2a\x03\x04"), tlv(0x31)) * 1000 +
        b"\x05\x00"), None, None
    yield "too long", by_hand(spki, ECDSA_SHA256, sign, tlv(
        0x30, tlv(0x06, b"\x2a\x03\x04"), tlv(0x31, tlv(
            0x04, bytes(16384))))), 400, "longer than"
    yield "two passwords", by_hand(
        spki, ECDSA_SHA256, sign, tlv(0x30, bytes.fromhex(
            "06092a864886f70d010907"), tlv(0x31, tlv(0x0c, b"a"), tlv(
                0x0c, b"b")))), 400, "malformed"


def test_weak(made, tmp_path):
    """Requests with one thing wrong: each is refused at once, with the reason
    to do something about, and costs nobody anything."""
    eco = made.copy(tmp_path / "eco")
    device, key = devices_of(eco, 1)[0], new_key()
    with Server(eco, fronts=1) as server:
        with server.client(server.context(device)) as client:
            for name, csr, status, reason in itertools.chain(
                    weak_keys(), weak_requests()):
                begun = time.monotonic()
                got, fields, body = post(client, csr)
                assert got == status or (status is None and got in
                                         (400, 422)), (name, got, body)
                assert time.monotonic() - begun < 1, name
                assert fields["Content-Type"] == "application/problem+json"
                said = json.loads(body)
                assert said["detail"] and (
                    reason is None or reason in body.decode()), (name, said)
        figures = server.figures()
        assert figures['requests_total{verdict="done"}'] == 0
        assert enrolled(server, "simpleenroll", key, device)
        assert server.figures()['requests_total{verdict="done"}'] == 1
    eco.imprint("log", "verify")


def test_bodies(server, devices):
    """What is no base64, of another type, or too much."""
    device = next(devices)
    good = base64.b64encode(request_of(new_key()))
    for body in (good[:-3], b"=" + good, good + b"=", good[:40] + b"*" +
                 good[41:], good + b"\x00", b"\xff\xfe" + good, b"=" * 64,
                 b"-----BEGIN CERTIFICATE REQUEST-----\n" + good, b"\n",
                 base64.b64encode(b""), base64.b64encode(bytes(30000)),
                 base64.b64encode(base64.b64encode(request_of(new_key())))):
        refused(ask(server, "simpleenroll", body, device), 400, "RFC")
    assert ask(server, "simpleenroll", bytes(70000), device)[0] == 413
    for kind in ("application/json", "application/pkcs10x", "", "pkcs10",
                 "application/x-www-form-urlencoded"):
        refused(ask(server, "simpleenroll", good, device, kind=kind), 415,
                "application/pkcs10")
    refused(server.ask("POST", EST + "simpleenroll", good,
                       server.context(device)), 415, "application/pkcs10")
    assert ask(server, "simpleenroll", good, device,
               kind="Application/PKCS10 ; charset=utf-8")[0] == 200


def test_quota(server, devices):
    """No more on the server's word than the product allows."""
    answers = []
    for device in devices:
        answers.append(ask(server, "simpleenroll",
                           base64.b64encode(request_of(new_key())), device))
    statuses = [answer[0] for answer in answers]
    assert 200 in statuses
    assert statuses == sorted(statuses), statuses
    refused(answers[-1], 403, "quota")
    assert server.figures()['requests_total{verdict="quota"}'] >= 1


def next_second():
    """It, when it has begun, as the command line takes it."""
    def clock():
        return datetime.datetime.now(datetime.timezone.utc).strftime(
            "%Y-%m-%dT%H:%M:%SZ")

    now = clock()
    while clock() == now:
        time.sleep(0.02)
    return clock()


def crl_serials(eco):
    crl = x509.load_der_x509_crl(
        (eco.dir / "publish/crl/online.crl").read_bytes())
    return {r.serial_number for r in crl}


def shown(eco, certificate):
    ueid = common_name(certificate)
    return eco.imprint("device", "show", ueid, "--json").json


@pytest.mark.parametrize("question", ["csrattrs", "cacerts"])
def test_copied(made, tmp_path, question):
    """Somebody has a copy of the factory's identity: the first of both who
    comes back with what was issued has it for good, and the other is told of;
    until then it is the last who asked, and that is told of, too."""
    eco = made.copy(tmp_path / "eco")
    device = devices_of(eco, 1)[0]
    key, thief = new_key(), base64.b64encode(request_of(new_key()))
    with Server(eco, fronts=1) as server:
        assert ask(server, "simpleenroll", thief, device)[0] == 200
        mine = enrolled(server, "simpleenroll", key, device)
        assert server.figures()["identities_replaced_total"] == 1
        assert "index=1 replaced=0" in server.text()
        assert shown(eco, mine)["refused"] == 0
        holder = Holder(tmp_path, mine, key)
        assert server.ask("GET", EST + question, None,
                          server.context(holder))[0] == 200
        assert server.text().count("log=2 index=1") == 2
        for body in (thief, base64.b64encode(request_of(new_key()))):
            refused(ask(server, "simpleenroll", body, device), 403,
                    "consumed")
        ueid = common_name(mine).lower()
        assert f"ueid={ueid} by=est verdict=consumed" in server.text()
        assert server.figures()['requests_total{verdict="consumed"}'] == 2
        # the same request is answered, its answer may be lost
        assert enrolled(server, "simpleenroll", key, device) == mine
        said = shown(eco, mine)
        assert (said["refused"], said["state"]) == (2, "not-needed")
        assert "refused 2 times" in eco.imprint("device", "show", ueid).out
        enrolled(server, "simplereenroll", new_key(), holder)
    eco.imprint("publish")
    assert mine.serial_number not in crl_serials(eco)
    eco.imprint("log", "verify")


def test_shown_on_and_on(made, tmp_path):
    """Who shows a certificate to cacerts is told that it was taken note of, or
    to come back. One who shows it again and again takes nobody's place while
    the authority is slow; who shows none need not wait."""
    eco = made.copy(tmp_path / "eco")
    device, other = devices_of(eco, 2)
    with Server(eco, fronts=1) as server:
        authority, = server.role("authority")
        os.kill(authority, signal.SIGSTOP)
        with contextlib.ExitStack() as stack:
            first, second, third = [
                stack.enter_context(server.client(server.context(one)))
                for one in (device, other, other)]
            first.request("GET", EST + "cacerts")
            time.sleep(1)       # it is passed on
            for _ in range(4):
                with server.client(server.context(device)) as client:
                    for _ in range(50):
                        answer = exchange(client, "GET", EST + "cacerts")
                        refused(answer, 503, "busy")
                        assert int(answer[1]["Retry-After"]) > 0
            assert server.ask("GET", EST + "cacerts")[0] == 200
            second.request("GET", EST + "cacerts")
            third.request("POST", EST + "simpleenroll",
                          base64.b64encode(request_of(new_key())),
                          {"Content-Type": "application/pkcs10"})
            time.sleep(1)       # they are passed on, or refused
            os.kill(authority, signal.SIGCONT)
            for client in first, second, third:
                answer = client.getresponse()
                assert (answer.status, bool(answer.read())) == (200, True)
            for _ in range(50):
                assert exchange(first, "GET", EST + "cacerts")[0] == 200


def test_attempts(made, tmp_path):
    """Who asked too often is told when there is one more."""
    eco = made.copy(tmp_path / "eco")
    device = devices_of(eco, 1)[0]
    with Server(eco) as server:
        answers = [ask(server, "simpleenroll",
                       base64.b64encode(request_of(new_key())), device)
                   for _ in range(4)]
    assert [answer[0] for answer in answers] == [200, 200, 200, 403]
    refused(answers[-1], 403, "attempts")
    assert 86400 - 60 < int(answers[-1][1]["Retry-After"]) <= 86400


def test_told_not_without_end(made, tmp_path):
    """Refusals on a front's word do not fill the log."""
    eco = made.copy(tmp_path / "eco")
    device = devices_of(eco, 1)[0]
    key = new_key()
    with Server(eco, fronts=1) as server:
        mine = enrolled(server, "simpleenroll", key, device)
        assert server.ask("GET", EST + "csrattrs", None, server.context(
            Holder(tmp_path, mine, key)))[0] == 200
        body = base64.b64encode(request_of(new_key()))
        with server.client(server.context(device)) as client:
            for _ in range(70):
                refused(exchange(client, "POST", EST + "simpleenroll", body,
                                 [("Content-Type", "application/pkcs10")]),
                        403, "consumed")
        lines = server.text().count("verdict=consumed")
        assert 30 <= lines <= 60    # a minute may have ended meanwhile
    # on record, what a front may have there
    (events,), = reader.rows(eco.db, "SELECT count(*) FROM operation WHERE "
                             "kind = 11")
    assert events == 2 + 4


def test_restarts(made, tmp_path):
    """A stop in good order revokes nothing, however often; of an authority
    that was killed, what it had reserved is revoked once, and only for slots
    that have certificates."""
    eco = made.copy(tmp_path / "eco")
    devices = iter(devices_of(eco, 5))
    for _ in range(3):
        with Server(eco) as server:
            enrolled(server, "simpleenroll", new_key(), next(devices))
        eco.imprint("publish")
        assert not crl_serials(eco)
    with Server(eco) as server:
        enrolled(server, "simpleenroll", new_key(), next(devices))
        server.codes = (70,)
        for pid in server.role("authority"):
            os.kill(pid, signal.SIGKILL)
        server.process.wait(PATIENCE_S)
    with Server(eco) as server:
        enrolled(server, "simpleenroll", new_key(), next(devices))
    eco.imprint("publish")
    void, = reader.rows(eco.db, "SELECT first, count FROM range WHERE "
                        "log = 2 AND state = 3")
    assert (void["first"], void["count"]) == (4, 127)
    assert len(crl_serials(eco)) == 127
    (size, reserved), = [(r["size"], r["reserved"]) for r in reader.rows(
        eco.db, "SELECT size, reserved FROM log WHERE log = 2")]
    assert size == reserved == 4 + 127 + 1
    eco.imprint("log", "verify")


def test_revoked_by_evidence(made, tmp_path):
    """A front was taken over for a while: what it vouched for then goes,
    what was proved stays. A device enrols again only if nobody had used what
    was issued in its name: its birth is good for one identity."""
    eco = made.copy(tmp_path / "eco")
    devices = iter(devices_of(eco, 4))
    keys = [new_key() for _ in range(4)]
    with Server(eco) as server:
        before = enrolled(server, "simpleenroll", keys[0], next(devices))
        since = next_second()
        waits = next(devices)
        bad = enrolled(server, "simpleenroll", keys[1], waits)
        locked = next(devices)
        used = enrolled(server, "simpleenroll", keys[3], locked)
        renewed = enrolled(server, "simplereenroll", keys[3],
                           Holder(tmp_path, used, keys[3]))
        until = next_second()
        after = enrolled(server, "simpleenroll", keys[2], next(devices))
        window = ["--evidence", "front", "--since", since, "--until", until]
        said = eco.imprint("revoke", *window, "--dry-run", "--json").json
        assert (said["dry_run"], said["changed"]) == (True, 3)
        assert not crl_serials(eco)
        said = eco.imprint("revoke", *window, "--reason", "keyCompromise",
                           "--json").json
        assert said["changed"] == 3
        assert crl_serials(eco) == {c.serial_number
                                    for c in (bad, used, renewed)}
        assert ask(server, "simplereenroll",
                   base64.b64encode(request_of(keys[1])),
                   Holder(tmp_path, bad, keys[1]))[0] == 403
        for held, key in ((before, keys[0]), (after, keys[2])):
            enrolled(server, "simplereenroll", key,
                     Holder(tmp_path, held, key))
        enrolled(server, "simpleenroll", new_key(), waits)
        for key, holder in ((keys[3], Holder(tmp_path, renewed, keys[3])),
                            (new_key(), locked)):
            assert ask(server, "simpleenroll",
                       base64.b64encode(request_of(key)), holder)[0] == 403
        refused(ask(server, "simpleenroll",
                    base64.b64encode(request_of(new_key())), locked), 403,
                "consumed")
    said = eco.imprint("revoke", *window, "--json").json
    assert (said["changed"], said["same"]) == (0, 3)
    # the words are on record
    log = eco.imprint("log", "export", "operations", "--json").out
    words = f"revoke {' '.join(window)}"
    assert words.encode().hex() in log
    said = eco.imprint("revoke", "--evidence", "front", "--dry-run",
                       "--json").json
    assert said["same"] == 3 and said["changed"] >= 3
    eco.imprint("log", "verify")
