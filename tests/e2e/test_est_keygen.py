"""EST's serverkeygen: a key made by the authority, opened with programs that
are not ours: openssl cms, python3-cryptography."""
import base64
import email

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import pkcs7

import reader
from conftest import PRODUCTS, program_needed, run
from imprintd import Server
from test_est import Holder, ask, certificates, common_name, content, \
    items, new_key, refused, request_of, tlv
from test_verify_service import Device, devices_of

pytestmark = program_needed("imprintd")

SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
# dhSinglePass-stdDH-hkdf-sha256-scheme, 1.2.840.113549.1.9.16.3.19
HKDF_SHA256 = bytes.fromhex("060b2a864886f70d0109100313")
# what the devices were born with to decrypt, by product
SLOTS = {"doorbell": """  - slot: 1
    purpose: encrypt
    algorithm: P-256
    key-from: authority
    certificate:
      validity: never
""", "gate": """  - slot: 1
    purpose: encrypt
    algorithm: X25519
    key-from: authority
"""}


def product_add(eco, name, text):
    """A newer version of an example, under the other family's name."""
    path = eco.root / "product.yaml"
    path.write_text(text.replace("doorbell", name).replace(
        'version: "1.0.0"', 'version: "2.0.0"', 1))
    eco.imprint("product", "add", path)


@pytest.fixture(scope="module")
def eco(stocked, tmp_path_factory):
    """Doorbells and gates with a key to decrypt with since their birth; both
    get the key of their product from the authority."""
    eco = stocked.copy(tmp_path_factory.mktemp("keygen") / "eco")
    born = (PRODUCTS / "doorbell-idevid.yaml").read_text()
    text = (PRODUCTS / "doorbell.yaml").read_text()
    begin = text.index("  - slot: 1\n")
    text = text[:begin] + text[text.index("# The names"):] + "  est: 8\n"
    for name, slot in SLOTS.items():
        at = born.index("\nnames:")
        product_add(eco, name, born[:at] + slot + born[at:])
        product_add(eco, name, text.replace("key-from: device",
                                            "key-from: authority"))
    return eco


@pytest.fixture(scope="module")
def server(eco, births):
    assert births
    with Server(eco, fronts=1) as running:
        yield running


@pytest.fixture(scope="module")
def births(eco):
    found = {}
    for number, name in enumerate(SLOTS, 1):
        eco.order(4, "line-1", product=f"{name}-idevid")
        eco.imprint("order", "run", number)
        pack = reader.Pack(eco.pack(number).read_bytes())
        found[name] = iter([
            Device(eco, 100 * number + index, document, keys)
            for index, document, keys in pack.open(eco.stations["line-1"])])
    return found


def key_asked(server, holder, csr=None, label=""):
    return ask(server, label + "serverkeygen", base64.b64encode(
        csr if csr is not None else request_of(new_key())), holder)


def parts(answer):
    """(CMS of the key, certificate), by Python's reader of multipart."""
    status, fields, body = answer
    assert status == 200, body
    assert fields["Content-Type"].startswith("multipart/mixed; boundary=")
    message = email.message_from_bytes(
        b"Content-Type: " + fields["Content-Type"].encode() + b"\r\n\r\n" +
        body)
    assert not message.defects
    key, certs = message.get_payload()
    for part, kind in ((key, "server-generated-key"),
                       (certs, "certs-only")):
        assert part.get_content_type() == "application/pkcs7-mime"
        assert part.get_param("smime-type") == kind
        assert part["Content-Transfer-Encoding"] == "base64"
        assert not part.defects
    certificate, = pkcs7.load_der_pkcs7_certificates(
        certs.get_payload(decode=True))
    return key.get_payload(decode=True), certificate


def decrypted_by_openssl(cms, raw, path):
    private = ec.derive_private_key(int.from_bytes(raw, "big"),
                                    ec.SECP256R1())
    path.write_bytes(private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    out = path.with_suffix(".signed")
    run("openssl", "cms", "-decrypt", "-inform", "DER", "-inkey", path,
        "-out", out, stdin=cms)
    return out.read_bytes()


def decrypted_by_hand(cms, raw, _):
    """RFC 8418 and RFC 5753 7.2, which OpenSSL 3.0 does not know."""
    _, recipients, encrypted = items(content(items(content(items(content(
        cms))[1]))[0]))
    _, originator, algorithm, rids = items(content(items(content(
        recipients))[0]))
    assert items(content(algorithm))[0] == HKDF_SHA256
    point = content(items(content(items(content(originator))[0]))[1])[1:]
    wrapped = content(items(content(items(content(rids))[0]))[1])
    agreed = x25519.X25519PrivateKey.from_private_bytes(raw).exchange(
        x25519.X25519PublicKey.from_public_bytes(point))
    info = tlv(0x30, tlv(0x30, bytes.fromhex("060960864801650304012d")),
               tlv(0xa2, tlv(0x04, (256).to_bytes(4, "big"))))
    kek = HKDF(hashes.SHA256(), 32, None, info).derive(agreed)
    cek = keywrap.aes_key_unwrap(kek, wrapped)
    kind, cipher, octets = items(content(encrypted))
    assert kind == SIGNED_DATA
    iv = content(items(content(cipher))[1])
    step = Cipher(algorithms.AES256(cek), modes.CBC(iv)).decryptor()
    plain = step.update(content(octets)) + step.finalize()
    return plain[:-plain[-1]]


def key_opened(eco, cms, raw, decrypt, tmp_path):
    """The private key, once its maker's signature is good under the root."""
    signed = tlv(0x30, SIGNED_DATA, tlv(0xa0, decrypt(
        cms, raw, tmp_path / "device.key")))
    out = tmp_path / "package.der"
    run("openssl", "cms", "-verify", "-inform", "DER", "-CAfile",
        eco.dir / "publish/trust.pem", "-purpose", "any", "-out", out,
        stdin=signed)
    key, = items(content(out.read_bytes()))
    return serialization.load_der_private_key(key, None)


@pytest.mark.parametrize("name,decrypt", [
    ("doorbell", decrypted_by_openssl), ("gate", decrypted_by_hand)])
def test_made(server, eco, births, tmp_path, name, decrypt):
    """From birth, and again with what that brought: the key matches its
    certificate, and authenticates."""
    device = next(births[name])
    born = x509.load_pem_x509_certificate(
        device.path.with_suffix(".pem").read_bytes())
    holder = device
    for label in ("", f"{name}/"):
        cms, certificate = parts(key_asked(server, holder, label=label))
        key = key_opened(eco, cms, device.keys[1], decrypt, tmp_path)
        assert key.public_key().public_numbers() == \
            certificate.public_key().public_numbers()
        assert certificate.subject == born.subject
        holder = Holder(tmp_path, certificate, key)
    # first used above: birth is consumed
    refused(key_asked(server, device), 403, "consumed")
    assert common_name(born) in eco.imprint(
        "identity", "show", common_name(certificate)).out


def test_shown(server, eco, births, tmp_path):
    """The same key is never had again: that its certificate is shown is no
    use of it, so who keeps the answer back does not use the birth up."""
    device = next(births["doorbell"])
    cms, certificate = parts(key_asked(server, device))
    holder = Holder(tmp_path, certificate, key_opened(
        eco, cms, device.keys[1], decrypted_by_openssl, tmp_path))
    for question in ("csrattrs", "cacerts"):
        assert server.ask("GET", "/.well-known/est/" + question, None,
                          server.context(holder))[0] == 200
    refused(key_asked(server, holder, label="gate/"), 404, "no-product")
    states = [step["state"] for step in eco.imprint(
        "identity", "show", common_name(certificate), "--json").json[
            "history"]["device"]]
    assert states == ["birth", "waiting"]
    parts(key_asked(server, device))


def test_refused(server, births, tmp_path):
    device = next(births["doorbell"])
    attributes = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([]))
    symmetric = attributes.add_attribute(
        x509.ObjectIdentifier("1.2.840.113549.1.9.16.2.37"), b"psk").sign(
        new_key(), hashes.SHA256()).public_bytes(
        serialization.Encoding.DER)
    refused(key_asked(server, device, symmetric), 400, "AES-256-CBC")
    # its own key, for a product whose key the authority makes
    refused(ask(server, "simpleenroll",
                base64.b64encode(request_of(new_key())), device), 422,
            "the authority makes")
    refused(key_asked(server, device, b"\x30\x03\x02\x01"), 400, "malformed")
    refused(key_asked(server, None), 401, "certificate")
    refused(server.ask("GET", "/.well-known/est/serverkeygen"), 405,
            "method")
    # its renewal is for the same key, which is no other's to make
    cms, certificate = parts(key_asked(server, device))
    key = key_opened(server.eco, cms, device.keys[1], decrypted_by_openssl,
                     tmp_path)
    again = ask(server, "simplereenroll", base64.b64encode(request_of(key)),
                Holder(tmp_path, certificate, key))
    assert certificates(again)[0].public_key().public_numbers() == \
        key.public_key().public_numbers()


def test_nobody_to_seal_to(stocked, tmp_path):
    """The doorbells of the examples were born without a key to decrypt
    with, and make their own keys."""
    eco = stocked.copy(tmp_path / "eco")
    eco.order(1, "line-1", product="doorbell-idevid")
    eco.imprint("order", "run", 1)
    device, = devices_of(eco, 1)
    with Server(eco, fronts=1) as server:
        refused(key_asked(server, device), 422, "made in the device")
    text = (PRODUCTS / "doorbell.yaml").read_text()
    text = text[:text.index("  - slot: 1\n")] + \
        text[text.index("# The names"):] + "  est: 4\n"
    product_add(eco, "doorbell", text.replace("key-from: device",
                                              "key-from: authority"))
    with Server(eco, fronts=1) as server:
        refused(key_asked(server, device), 422, "registered")
