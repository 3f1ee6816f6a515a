"""Keys of every algorithm, from the order to the service; read and used with
python3-cryptography, python3-cbor2 and openssl."""
import base64
import json
import re

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import (
    ec, ed25519, padding, rsa, x25519)

import reader
from conftest import BIN, PRODUCTS, run
from test_floor import Device, Package, Service, make_floor

pytestmark = pytest.mark.skipif(
    not (BIN / "examples/service").exists(), reason="programs are not built")

CAMERA = (PRODUCTS / "camera.yaml").read_text()
P256, X25519, ED25519, P384, RSA2048, RSA3072, MLDSA44, MLDSA65 = range(1, 9)
NAMES = {P256: "P-256", X25519: "X25519", ED25519: "Ed25519", P384: "P-384",
         RSA2048: "RSA-2048", RSA3072: "RSA-3072", MLDSA44: "ML-DSA-44",
         MLDSA65: "ML-DSA-65"}
MLDSA = {MLDSA44: (-48, 1312), MLDSA65: (-49, 1952)}
RSA = {RSA2048: 2048, RSA3072: 3072}
HAS_MLDSA = "ML-DSA-44" in run("openssl", "list", "-key-managers",
                               code=None).out
needs_mldsa = pytest.mark.skipif(
    not HAS_MLDSA, reason="this OpenSSL has no ML-DSA: it needs 3.5")
SIGN = [P384, ED25519, RSA2048, RSA3072] + [
    pytest.param(a, marks=needs_mldsa) for a in MLDSA]
ENCRYPT = [P256, P384, RSA2048, RSA3072]


def product(authenticate, encrypt=None):
    """A camera with other keys; encrypt has a certificate too."""
    text = CAMERA.replace("algorithm: P-256",
                          f"algorithm: {NAMES[authenticate]}")
    if encrypt:
        text = text.replace(
            "algorithm: X25519\n    key-from: authority\n",
            f"algorithm: {NAMES[encrypt]}\n    key-from: authority\n"
            "    certificate:\n      validity: never\n")
    return text


def private_load(alg, octets):
    if alg in (P256, P384):
        return ec.derive_private_key(
            int.from_bytes(octets, "big"),
            ec.SECP256R1() if alg == P256 else ec.SECP384R1())
    if alg in RSA:
        key = serialization.load_der_private_key(octets, None)
        assert key.key_size == RSA[alg]
        assert key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption()) == octets
        return key
    kind = ed25519.Ed25519PrivateKey if alg == ED25519 else \
        x25519.X25519PrivateKey
    return kind.from_private_bytes(octets)


def mldsa_public(alg, seed, tmp_path):
    """The public key of a seed, by openssl."""
    path = tmp_path / "mldsa.pem"
    run("openssl", "genpkey", "-algorithm", NAMES[alg], "-pkeyopt",
        f"hexseed:{seed.hex()}", "-out", path)
    der = run("openssl", "pkey", "-in", path, "-pubout", "-outform",
              "DER").raw
    return der[-MLDSA[alg][1]:]


def cose_key_of(alg, octets, tmp_path):
    """The COSE_Key that belongs to a private key, by other people's code."""
    if alg in MLDSA:
        return {1: 7, 3: MLDSA[alg][0],
                -1: mldsa_public(alg, octets, tmp_path)}
    return reader.cose_key(private_load(alg, octets).public_key())


def cose_key_in(alg, der, tmp_path):
    """The COSE_Key of the key in a certificate."""
    if alg not in MLDSA:
        return reader.cose_key(
            x509.load_der_x509_certificate(der).public_key())
    path = tmp_path / "mldsa.der"
    path.write_bytes(der)
    pem = run("openssl", "x509", "-inform", "DER", "-in", path, "-noout",
              "-pubkey").raw
    spki = run("openssl", "pkey", "-pubin", "-outform", "DER",
               stdin=pem).raw
    return {1: 7, 3: MLDSA[alg][0], -1: spki[-MLDSA[alg][1]:]}


def jwk_of(cose):
    """The same key for JOSE (RFC 7518 6, RFC 8037, RFC 9964)."""
    def text(octets):
        return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
    if cose[1] == 7:
        return {"kty": "AKP", "alg": {-48: "ML-DSA-44",
                                      -49: "ML-DSA-65"}[cose[3]],
                "pub": text(cose[-1])}
    if cose[1] == 3:
        return {"kty": "RSA", "n": text(cose[-1]), "e": text(cose[-2])}
    crv = {1: "P-256", 2: "P-384", 4: "X25519", 6: "Ed25519"}[cose[-1]]
    if cose[1] == 1:
        return {"kty": "OKP", "crv": crv, "x": text(cose[-2])}
    return {"kty": "EC", "crv": crv, "x": text(cose[-2]),
            "y": text(cose[-3])}


def openssl_verify(eco, der, tmp_path):
    """Strictly, up to the root, by openssl."""
    pems = []
    for label in ("root", "bulk"):
        pems.append(tmp_path / f"{label}.pem")
        run("openssl", "x509", "-inform", "DER", "-in",
            eco.dir / f"publish/ca/{label}.cer", "-out", pems[-1])
    leaf = tmp_path / "leaf.pem"
    run("openssl", "x509", "-inform", "DER", "-out", leaf, stdin=der)
    run("openssl", "verify", "-x509_strict", "-CAfile", pems[0],
        "-untrusted", pems[1], leaf)
    return run("openssl", "x509", "-in", leaf, "-noout", "-text").out


def usage(text):
    return re.search(r"X509v3 Key Usage: critical\n *(.*)", text).group(1)


def check_keys(eco, data, purposes, tmp_path):
    """Every key of a package: the private one belongs to what document and
    certificate say, the certificate is good and of the right use. purposes:
    {slot: (algorithm, key usage or None)}."""
    package = Package(data)
    keys = {slot: (alg, raw) for slot, alg, raw in
            reader.cbor_decode(data)[3]}
    keyset = {k[1]: k for k in package.claims[-66002]}
    assert keys.keys() == keyset.keys() == purposes.keys()
    for slot, (alg, wanted) in purposes.items():
        assert keys[slot][0] == alg
        cose = cose_key_of(alg, keys[slot][1], tmp_path)
        if wanted is None:
            assert keyset[slot][3] == cose
        else:
            der = keyset[slot][4]
            assert cose_key_in(alg, der, tmp_path) == cose
            assert usage(openssl_verify(eco, der, tmp_path)) == wanted
        if keyset[slot][2] == 1:
            assert package.claims[8] == {1: cose}
    return package, {slot: raw for slot, (_, raw) in keys.items()}


class World:
    """One product, made, delivered; the devices' packages."""

    def __init__(self, pristine, root, text, name, count=2):
        self.eco = pristine.copy(root / "eco")
        path = root / "product.yaml"
        path.write_text(text)
        self.eco.imprint("product", "add", path)
        self.root = root
        order, self.eco.order = self.eco.order, self.order
        self.make_order, self.name = order, name
        self.floor = make_floor(self.eco, root / "floor", count)
        self.floor.station("import", self.floor.pack)
        self.floor.inject()
        self.packages = [p.read_bytes()
                         for p in self.floor.devices.iterdir()]
        assert len(self.packages) == count

    def order(self, *argv, **options):
        options.update(product=self.name, chunk=None)   # as it comes
        return self.make_order(*argv, **options)

    def stored(self, package):
        """What the registry rebuilds is what was delivered."""
        ueid = package.ueid
        shown = self.eco.imprint("identity", "show", ueid, "--format",
                                 "cose").raw
        assert shown == package.document
        return True


@pytest.mark.parametrize("alg", SIGN, ids=lambda a: NAMES[a])
def test_authenticate(pristine, tmp_path, alg):
    """Order, pack, station, device, service."""
    world = World(pristine, tmp_path, product(alg), "camera")
    eco = world.eco
    data, other = world.packages
    package, _ = check_keys(eco, data, {
        0: (alg, "Digital Signature"), 1: (X25519, None)}, tmp_path)
    assert world.stored(package)
    print(f"{NAMES[alg]}: document {len(package.document)}, "
          f"package {len(data)} octets")

    device = Device(tmp_path / "device")
    device.install(data)
    device("verify")
    shown = device("show", "--json").json["keys"][0]
    assert shown["algorithm"] == NAMES[alg]
    public = bytes.fromhex(shown["public"])
    assert public.endswith(cose_key_in(
        alg, {k[1]: k for k in package.claims[-66002]}[0][4],
        tmp_path)[-3 if alg == P384 else -1 if alg in {**RSA, **MLDSA}
                  else -2])

    # for other programs: key, certificate and chain; the document as JWT
    pem = tmp_path / "device.pem"
    device("export", "--format", "pem", "--unencrypted", "--out", pem)
    assert run("openssl", "pkey", "-in", pem, "-pubout").out == \
        run("openssl", "x509", "-in", pem, "-noout", "-pubkey").out
    token = eco.imprint("identity", "export", package.ueid, "--format",
                        "jwt").out
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["cnf"]["jwk"] == jwk_of(package.claims[8][1])

    eco.imprint("service", "add", "svc", "--dns", "localhost", "--out",
                tmp_path)
    trust = eco.dir / "publish/trust.pem"
    with Service(tmp_path / "svc", trust) as service:
        answer = service.ask(device, "--json").json
        assert answer["outcome"] == "answered" and answer["status"] == 200
        assert '"verdict": "allow"' in answer["body"]
        # the document of another device: not this certificate's key
        path = tmp_path / "other"
        path.write_bytes(Package(other).document)
        result = service.ask(device, "--document", path, code=1)
        assert "certificate and document differ" in result.err


@pytest.mark.parametrize("alg", SIGN, ids=lambda a: NAMES[a])
def test_package_altered(pristine, tmp_path, alg):
    """Any octet of the private key changed, or that of another device."""
    world = World(pristine, tmp_path, product(alg), "camera")
    data, other = world.packages
    private = Package(data).keys[0]
    at = data.index(private)
    for i in range(0, len(private), max(1, len(private) // 12)):
        spoilt = bytearray(data)
        spoilt[at + i] ^= 1
        result = Device(tmp_path / "device").install(bytes(spoilt), code=1)
        assert "keys do not match" in result.err, (i, result)
    exchanged = Package(other).keys[0]
    if len(exchanged) == len(private):
        Device(tmp_path / "device").install(
            data.replace(private, exchanged), code=1)
    assert not (tmp_path / "device/identity").exists()


@pytest.mark.parametrize("alg", ENCRYPT, ids=lambda a: NAMES[a])
def test_encrypt(pristine, tmp_path, alg):
    """A certificate to encrypt to; RSA and ECDH by python3-cryptography."""
    world = World(pristine, tmp_path, product(P256, alg), "camera", 1)
    wanted = "Key Encipherment" if alg in RSA else "Key Agreement"
    package, keys = check_keys(world.eco, world.packages[0], {
        0: (P256, "Digital Signature"), 1: (alg, wanted)}, tmp_path)
    assert world.stored(package)
    private = private_load(alg, keys[1])
    der = {k[1]: k for k in package.claims[-66002]}[1][4]
    public = x509.load_der_x509_certificate(der).public_key()
    if alg in RSA:
        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(),
                            None)
        assert private.decrypt(public.encrypt(b"secret", oaep), oaep) == \
            b"secret"
    else:
        mine = ec.generate_private_key(public.curve)
        assert mine.exchange(ec.ECDH(), public) == \
            private.exchange(ec.ECDH(), mine.public_key())
    Device(tmp_path / "device").install(world.packages[0])


@pytest.mark.parametrize("signature", ["direct", "receipt"])
def test_gateway(pristine, tmp_path, signature):
    """P-384, RSA-3072 and Ed25519 in one device, several in one chunk."""
    text = (PRODUCTS / "gateway.yaml").read_text().replace(
        "signature: direct", f"signature: {signature}")
    world = World(pristine, tmp_path, text, "gateway", 3)
    for data in world.packages:
        package, keys = check_keys(world.eco, data, {
            0: (P384, "Digital Signature"),
            1: (RSA3072, "Key Encipherment"),
            2: (ED25519, None)}, tmp_path)
    assert world.stored(package)
    assert package.claims[8][1][-1] == 2
    # a run that dies loses little of what took long
    assert reader.rows(world.eco.db, "SELECT chunk_size FROM orders")[0][0] \
        == 16
    # what it signs is verified by the key in its document
    key = private_load(ED25519, keys[2])
    cose = {k[1]: k for k in package.claims[-66002]}[2][3]
    ed25519.Ed25519PublicKey.from_public_bytes(cose[-2]).verify(
        key.sign(b"measured"), b"measured")
    # the thumbprint that people are shown (RFC 9679)
    text = world.eco.imprint("identity", "show", package.ueid).out
    assert reader.sha256(reader.cbor_encode(cose)).hex() in text
    assert reader.sha256(reader.cbor_encode(
        package.claims[8][1])).hex() in text

    device = Device(tmp_path / "device")
    device.install(data)
    device("verify")
    assert [k["algorithm"] for k in device("show", "--json").json["keys"]] \
        == ["P-384", "RSA-3072", "Ed25519"]
    world.eco.imprint("service", "add", "svc", "--dns", "localhost", "--out",
                      tmp_path)
    with Service(tmp_path / "svc",
                 world.eco.dir / "publish/trust.pem") as service:
        service.ask(device, object="telemetry")
        service.ask(device, "--force", object="firmware", method="PUT",
                    code=1)


@pytest.mark.skipif(HAS_MLDSA, reason="this OpenSSL has ML-DSA")
@pytest.mark.parametrize("alg", MLDSA, ids=lambda a: NAMES[a])
def test_unavailable(pristine, tmp_path, alg):
    """What this OpenSSL lacks is refused where it is asked for."""
    eco = pristine.copy(tmp_path / "eco")
    path = tmp_path / "product.yaml"
    path.write_text(product(alg))
    result = eco.imprint("product", "add", path, code=2)
    line = product(alg).split(NAMES[alg])[0].count("\n") + 1
    assert f"{path}:{line}: credentials[0].algorithm: {NAMES[alg]} needs " \
        "OpenSSL 3.5 or later; this is OpenSSL 3." in result.err
    assert eco.imprint("product", "list", "--json").json == []


def test_wrong_purpose(pristine, tmp_path):
    eco = pristine.copy(tmp_path / "eco")
    path = tmp_path / "product.yaml"
    for text, found in (
            (product(X25519), '"X25519" cannot authenticate'),
            (product(P256, ED25519), '"Ed25519" cannot encrypt'),
            (product(P256, X25519), "not offered for X25519")):
        path.write_text(text)
        result = eco.imprint("product", "add", path, code=2)
        assert found in result.err
    assert eco.imprint("product", "list", "--json").json == []
