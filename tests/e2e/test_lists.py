"""Lists of devices as chip makers and lines hand them in: made by openssl and
python3-cryptography, read by imprint, compared with canonical lists that are
put together here."""
import base64
import datetime
import hashlib
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature)
from cryptography.x509.oid import NameOID

import reader
from conftest import run

MILLION = 1000000
PEM = serialization.Encoding.PEM
PROOF_TYP = "application/imprint-key-proof+cose"
TAG = """
product: tag
version: "1"
metadata: {hwmodel: T}
capabilities: {}
authorisations: {}
credentials:
  - slot: 0
    purpose: authenticate
    algorithm: P-256
    key-from: device
    certificate: {validity: never}
document: {signature: direct, validity: never}
delivery: station
"""


def b64u(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def point(key):
    return key.public_key().public_bytes(
        serialization.Encoding.X962,
        serialization.PublicFormat.UncompressedPoint)


class Maker:
    """A chip maker: one key, a certificate of its own."""

    def __init__(self, where, name="acme"):
        self.name, self.where = name, where
        self.key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.cert = x509.CertificateBuilder().subject_name(
            subject).issuer_name(subject).public_key(
            self.key.public_key()).serial_number(7).not_valid_before(
            datetime.datetime(2020, 1, 1)).not_valid_after(
            datetime.datetime(9000, 1, 1)).sign(self.key, hashes.SHA256())
        self.pem = where / f"{name}.pem"
        self.pem.write_bytes(self.cert.public_bytes(PEM))
        self.key_file = where / f"{name}.key"
        self.key_file.write_bytes(self.key.private_bytes(
            PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))

    def sign(self, path):
        out = path.with_suffix(".p7s")
        run("openssl", "cms", "-sign", "-binary", "-outform", "DER", "-in",
            path, "-signer", self.pem, "-inkey", self.key_file, "-out", out)
        return out

    def entry(self, device, key):
        n = key.public_key().public_numbers()
        protected = b64u(json.dumps({
            "typ": "JWT", "alg": "ES256",
            "x5t#S256": b64u(self.cert.fingerprint(hashes.SHA256()))
        }).encode())
        payload = b64u(json.dumps({
            "version": 1, "uniqueId": device.hex(), "publicKeySet": {
                "keys": [{"kid": "0", "kty": "EC", "crv": "P-256",
                          "x": b64u(n.x.to_bytes(32, "big")),
                          "y": b64u(n.y.to_bytes(32, "big"))}]}}).encode())
        r, s = decode_dss_signature(self.key.sign(
            f"{protected}.{payload}".encode(), ec.ECDSA(hashes.SHA256())))
        return {"payload": payload, "protected": protected,
                "header": {"uniqueId": device.hex()}, "signature": b64u(
                    r.to_bytes(32, "big") + s.to_bytes(32, "big"))}


def canonical(kind, trust, source, entries):
    items = [["imprint-device-list", 1, kind, trust, source]] + [
        [device, [[slot, reader.cose_key(key.public_key())]
                  for slot, key in keys]] for device, keys in entries]
    return b"".join(reader.cbor_encode(reader.cbor_encode(i))
                    for i in items) + reader.cbor_encode(len(entries))


@pytest.fixture
def maker(eco, tmp_path):
    maker = Maker(tmp_path)
    eco.imprint("chip-maker", "add", "acme", "--cert", maker.pem)
    return maker


@pytest.fixture
def tag(eco, tmp_path):
    """A product whose only key is the device's own."""
    path = tmp_path / "tag.yaml"
    path.write_text(TAG)
    return path


CHIPS = [ec.generate_private_key(ec.SECP256R1()) for _ in range(5)]
IDS = [bytes([1, 2, n]) for n in range(5)]
ENTRIES = [(i, [(0, k)]) for i, k in zip(IDS, CHIPS)]


def check(eco, path, *argv, code=0, mode="chip", product="camera"):
    return eco.imprint("list", "check", path, "--product", product, "--mode",
                       mode, "--json", *argv, code=code)


def check_same(eco, path, expected, *argv, **options):
    """What is said of it, and its canonical form, octet by octet."""
    done = check(eco, path, *argv, **options).json
    assert done["sha256"] == hashlib.sha256(expected).hexdigest()
    assert sum(done["keys"].values()) == done["entries"]
    out = path.with_suffix(".made")
    eco.imprint("list", "make", path, "--product",
                options.get("product", "camera"), "--mode",
                options.get("mode", "chip"), "--out", out, *argv)
    assert out.read_bytes() == expected
    assert not list(path.parent.glob("*.part"))
    eco.imprint("list", "make", path, "--product",
                options.get("product", "camera"), "--mode",
                options.get("mode", "chip"), "--out", out, *argv, code=4)
    return done


def csv_write(path):
    path.write_text("id,key\n" + "".join(
        f"{i.hex()},{point(k).hex()}\n" for i, k in zip(IDS, CHIPS)))
    return path


def order(eco, path, *argv, code=0, product="camera", mode="chip"):
    return eco.imprint("order", "create", "--product", product, "--mode",
                       mode, "--list", path, "--station", "line-1", *argv,
                       code=code)


def test_manifest(eco, maker, tmp_path):
    path = tmp_path / "chips.json"
    entries = [maker.entry(i, k) for i, k in zip(IDS, CHIPS)]
    path.write_text(json.dumps(entries, indent=1))
    done = check_same(eco, path, canonical(1, 1, "acme", ENTRIES))
    assert done["trust"] == 1 and done["source"] == "acme"
    assert done["keys"] == {"P-256": 5}
    order(eco, path)
    eco.imprint("order", "run", 1)
    pack = reader.Pack(eco.pack(1).read_bytes())
    pack.verify()
    assert [row[3] for row in pack.devices()] == IDS
    # the same chips again
    assert "one device has one identity" in order(eco, path, code=4).err
    # a removed maker's lists are nobody's
    eco.imprint("chip-maker", "remove", "acme")
    assert "no registered chip maker" in check(eco, path, code=5).err


def test_manifest_bad(eco, maker, tmp_path):
    other = Maker(tmp_path, "other")
    path = tmp_path / "chips.json"
    good = [maker.entry(i, k) for i, k in zip(IDS, CHIPS)]
    path.write_text(json.dumps(good[:2] + [other.entry(IDS[2], CHIPS[2])]))
    done = eco.imprint("list", "check", path, "--product", "camera", "--mode",
                       "chip", code=5)
    assert "entry 3: JWS: x5t#S256" in done.err
    path.write_text(json.dumps(good + [
        {**e, "payload": good[0]["payload"]} for e in good[1:]] * 4))
    done = eco.imprint("list", "check", path, "--product", "camera", "--mode",
                       "chip", code=5)
    assert "(16 of 21 are bad)" in done.err and "and 6 more" in done.err
    assert done.err.count("entry ") == 11
    assert "entry 6" in order(eco, path, code=5).err


def test_csv_signed(eco, maker, tmp_path):
    path = csv_write(tmp_path / "chips.csv")
    sig = maker.sign(path)
    check_same(eco, path, canonical(1, 1, "acme", ENTRIES),
               "--list-signature", sig)
    check_same(eco, csv_write(tmp_path / "unsigned.csv"),
               canonical(1, 2, "", ENTRIES))
    stranger = Maker(tmp_path, "stranger").sign(csv_write(
        tmp_path / "other.csv"))
    assert "no good path to the registered" in check(
        eco, path, "--list-signature", stranger, code=5).err
    # the original and its signature are what the authority reads again
    order(eco, path, "--list-signature", sig)
    with path.open("a") as f:
        f.write("99," + point(ec.generate_private_key(
            ec.SECP256R1())).hex() + "\n")
    done = order(eco, path, "--list-signature", sig, code=5)
    assert "is over another content" in done.err
    path.write_text("key\n" + "ab" * 8192 + "\n")
    assert "line 2: column 1: 8192 octets are no key" in check(
        eco, path, code=2).err
    # unsigned: nobody stands for it
    order(eco, csv_write(tmp_path / "plain.csv"), code=(4, 5))


def test_requests(eco, tag, tmp_path):
    """Certification requests of openssl and of python3-cryptography."""
    eco.imprint("product", "add", tag)
    keys, pems = [], []
    for n in range(3):
        run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-out", tmp_path / f"{n}.key")
        pems.append(run("openssl", "req", "-new", "-key",
                        tmp_path / f"{n}.key", "-subj", f"/CN=name {n}").raw)
        keys.append(serialization.load_pem_private_key(
            (tmp_path / f"{n}.key").read_bytes(), None))
    path = tmp_path / "all.csr"
    path.write_bytes(b"".join(pems))
    expected = canonical(2, 3, "", [(b"", [(0, k)]) for k in keys])
    options = {"mode": "device-key", "product": "tag"}
    done = check_same(eco, path, expected, **options)
    assert done["trust"] == 3
    order(eco, path, **options)
    eco.imprint("order", "run", 1)
    # one with the proof of another
    swapped = base64.b64decode(b"".join(pems[0].splitlines()[1:-1])).replace(
        point(keys[0]), point(keys[1]))
    path.write_bytes(pems[2] + b"-----BEGIN CERTIFICATE REQUEST-----\n" +
                     base64.encodebytes(swapped) +
                     b"-----END CERTIFICATE REQUEST-----\n")
    done = check(eco, path, code=5, **options)
    assert "request 2" in done.err and "proof of possession" in done.err
    # a key that the product's slot does not take
    weak = run("openssl", "req", "-new", "-newkey", "rsa:1024", "-nodes",
               "-keyout", tmp_path / "weak.key", "-subj", "/CN=x").raw
    path.write_bytes(weak)
    assert "request 1" in check(eco, path, code=2, **options).err


def proof(device, key, text, slot=0):
    payload = reader.cbor_encode([1, device, slot, reader.cose_key(
        key.public_key()), text])
    return reader.sign1(key, PROOF_TYP, payload)


def test_proofs(eco, tag, tmp_path):
    eco.imprint("product", "add", tag)
    path = tmp_path / "keys.cose"
    path.write_bytes(b"".join(proof(i, k, "order of May")
                              for i, k in zip(IDS, CHIPS)))
    options = {"mode": "device-key", "product": "tag"}
    expected = canonical(2, 3, "", ENTRIES)
    check_same(eco, path, expected, **options)
    assert check(eco, path, "--challenge", "order of May",
                 **options).json["entries"] == 5
    assert "another text" in check(eco, path, "--challenge", "order of June",
                                   code=5, **options).err


def test_million(eco, tmp_path):
    """One bad line of a million: refused whole, with its number."""
    path = tmp_path / "chips.csv"
    bad = 765432
    with path.open("w") as f:
        f.write("id,key/X25519\n")
        for n in range(MILLION):
            key = bytes(32) if n == bad else \
                hashlib.sha256(b"%d" % n).digest()
            f.write(f"{n:08x},{key.hex()}\n")
    refused = eco.imprint("list", "check", path, "--product", "camera",
                          "--mode", "chip", code=2)
    assert f"line {bad + 2}: column 2: X25519 public key: a point of small " \
        "order" in refused.err
    assert "one bad entry refuses the list whole" in refused.err
