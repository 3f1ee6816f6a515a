"""EST (RFC 7030) with clients that are not ours: strongSwan's pki, curl with
openssl, python3-cryptography."""
import base64
import shutil
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7

from conftest import PRODUCTS, program_needed, run
from imprintd import NAME, Server
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
    refused(ask(server, "serverkeygen", body, device), 404, "simpleenroll")
    refused(ask(server, "camera/simpleenroll", body, device), 404, "label")
    refused(server.ask("GET", EST + "simpleenroll"), 404, "cacerts")
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
