#!/usr/bin/python3
"""Packages for the tests of the device library, by other people's code.

Writes beside itself device-packages.txt: name | verdict | now | pinned root
| package; device-algorithms.txt, the same for keys of other algorithms than a
camera's; and device-services.txt, services that a device of the package
"good" meets: name | outcome | key | certificate; one line each. Signatures
differ with every run, so the files are made once and kept; run it again when
a case is added:

    python3 tests/vectors/make_device_packages.py
"""
import datetime
import os

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import (
    ec, ed25519, rsa, utils, x25519)
from cryptography.x509.oid import NameOID, ObjectIdentifier

from tree import path, root, sha

NOW = 1790000000
YEAR = 365 * 86400
BORN = NOW - 86400
CLIENT, SERVER = "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"
DOCUMENT = "1.3.6.1.5.5.7.3.36"
UEID = bytes([1]) + bytes(range(16))


def enc(item):
    return cbor2.dumps(item, canonical=True)


def ec_key(name):
    return ec.derive_private_key(
        int.from_bytes(sha(name.encode()), "big") >> 1, ec.SECP256R1())


def ec_private(key):
    return key.private_numbers().private_value.to_bytes(32, "big")


def cose_key(key):
    public = key.public_key()
    if isinstance(public, ed25519.Ed25519PublicKey):
        return {1: 1, -1: 6, -2: raw_public(key)}
    n = public.public_numbers()
    if isinstance(public, rsa.RSAPublicKey):
        return {1: 3, -1: n.n.to_bytes(public.key_size // 8, "big"),
                -2: n.e.to_bytes(3, "big")}
    size = n.curve.key_size // 8
    return {1: 2, -1: {32: 1, 48: 2}[size], -2: n.x.to_bytes(size, "big"),
            -3: n.y.to_bytes(size, "big")}


def raw_public(key):
    return key.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def raw_private(key):
    """As docs/protocol/package.md says it."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.private_numbers().private_value.to_bytes(
            key.curve.key_size // 8, "big")
    if isinstance(key, rsa.RSAPrivateKey):
        return key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption())
    return key.private_bytes(
        serialization.Encoding.Raw, serialization.PrivateFormat.Raw,
        serialization.NoEncryption())


def der_numbers(*numbers):
    """A SEQUENCE of INTEGERs."""
    def head(tag, n):
        if n < 0x80:
            return bytes([tag, n])
        size = (n.bit_length() + 7) // 8
        return bytes([tag, 0x80 | size]) + n.to_bytes(size, "big")
    body = b""
    for n in numbers:
        octets = n.to_bytes(n.bit_length() // 8 + 1, "big")
        body += head(2, len(octets)) + octets
    return head(0x30, len(body)) + body


def when(t):
    return datetime.datetime.utcfromtimestamp(t)


def certificate(subject, key, issuer, issuer_key, ca=None, eku=None,
                start=BORN - YEAR, end=BORN + 20 * YEAR, dns=None):
    def name(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
    b = x509.CertificateBuilder(
        subject_name=name(subject), issuer_name=name(issuer),
        public_key=key.public_key(), not_valid_before=when(start),
        not_valid_after=when(end),
        serial_number=int.from_bytes(sha(subject.encode())[:15], "big"))
    b = b.add_extension(x509.BasicConstraints(ca is not None, ca), True)
    b = b.add_extension(x509.KeyUsage(
        ca is None, False, False, False, False, ca is not None,
        ca is not None, False, False), True)
    if dns:
        b = b.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(dns)]), False)
    b = b.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    b = b.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(
            issuer_key.public_key()), False)
    if eku:
        b = b.add_extension(
            x509.ExtendedKeyUsage([ObjectIdentifier(eku)]), False)
    return b.sign(issuer_key, hashes.SHA256()).public_bytes(
        serialization.Encoding.DER)


class World:
    """An ecosystem: root, issuing CA, document signer."""

    def __init__(self, name):
        self.root_key, self.ca_key = ec_key(name + "r"), ec_key(name + "i")
        self.signer_key = ec_key(name + "s")
        self.name = name
        self.root = certificate(name, self.root_key, name, self.root_key, 2)
        self.ca = certificate(name + " CA", self.ca_key, name, self.root_key,
                              0)
        self.signer = certificate(name + " S", self.signer_key, name,
                                  self.root_key, eku=DOCUMENT)
        self.device_key = ec_key(name + "d")
        self.device = certificate(UEID.hex(), self.device_key, name + " CA",
                                  self.ca_key, eku=CLIENT, start=BORN)


def signature(key, tbs):
    r, s = utils.decode_dss_signature(key.sign(tbs, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def sign1(key, protected, claims, unprotected=None):
    sig = signature(key, enc(["Signature1", protected, b"", claims]))
    return enc(cbor2.CBORTag(18, [protected, unprotected or {}, claims, sig]))


def clamp(key):
    k = bytearray(key)
    k[0] &= 248
    k[31] = k[31] & 127 | 64
    return bytes(k)


class Package:
    """One package; fields are changed by a case before it is put together."""

    def __init__(self, w):
        self.w = w
        self.x = clamp(sha(b"x" + w.name.encode()))
        x_public = raw_public(
            x25519.X25519PrivateKey.from_private_bytes(self.x))
        self.keyset = [
            {1: 0, 2: 1, 4: w.device, 5: 4},
            {1: 1, 2: 2, 3: {1: 1, -1: 4, -2: x_public}, 5: 4}]
        self.scope = [["photo", 3], ["settings", 1]]
        self.claims = {
            1: "https://issuer.example", 5: BORN, 6: BORN, 7: bytes(16),
            8: {1: cose_key(w.device_key)}, 256: UEID, 258: 32473,
            259: b"CAM-200", 260: ["2.1"],
            265: "tag:imprint.example,2026:identity/1", 270: "cam-firmware",
            271: ["1.4.0"],
            65535: {"status_list": {"idx": 7, "uri": "https://s.example/0"}},
            -66001: {"photo": 3, "video": 3, "settings": 5},
            -66003: {"service": [{2: [-16, sha(w.root)]}]},
            -66004: bytes(32), -66005: 1,
            -66006: {"serial-number": "CAM-000000007"}}
        self.signer_key = w.signer_key
        self.header = {1: -7, 4: sha(enc(cose_key(w.signer_key))),
                       16: "application/eat+cwt"}
        self.unprotected = {}
        self.privates = [[0, 1, ec_private(w.device_key)], [1, 2, self.x]]
        self.certs = [w.ca, w.signer, w.root]
        self.magic, self.version, self.more = "imprint-package", 1, []
        self.pinned, self.now = b"", NOW

    def claims_put(self):
        self.claims.setdefault(9, enc(self.scope))
        self.claims.setdefault(-66002, self.keyset)
        return enc({k: v for k, v in self.claims.items() if v is not None})

    def document_put(self):
        return sign1(self.signer_key, enc(self.header), self.claims_put(),
                     self.unprotected)

    def put(self):
        self.document = self.document_put()
        return enc([self.magic, self.version, self.document, self.privates,
                    self.certs] + self.more)


class Receipt(Package):
    """One whose document is signed by a receipt (RFC 9942)."""

    first, size, at, evidence = (3 << 20) - 4, 7, 5, 1

    def __init__(self, w):
        super().__init__(w)
        self.index = self.first + self.at
        self.header.update({16: "application/imprint-receipt+cose", 395: 1,
                            -66020: [self.first, self.size, self.evidence]})
        self.claims[65535] = {"status_list": {
            "idx": self.index % (1 << 20),
            "uri": "https://s.example/bulk-%08x.cwt" % (self.index >> 20)}}
        self.kind, self.payload, self.tag = 1, None, 18
        self.proof = {}         # what is written instead of size, at, path
        self.proofs = None
        self.vdp = {396: None}
        self.wrap = lambda claims, receipt: [claims, receipt]

    def document_put(self):
        claims = self.claims_put()
        leaves = [sha(b"leaf %d" % i) for i in range(self.size)]
        leaves[self.at] = sha(b"\x00" + enc(
            [1, self.kind, self.index, self.evidence, sha(claims)]))
        found = path(self.at, leaves)
        proof = [self.proof.get("size", self.size),
                 self.proof.get("at", self.at),
                 self.proof.get("path", lambda p: p)(found)]
        proofs = {-1: [enc(proof)]} if self.proofs is None else \
            self.proofs(enc(proof))
        unprotected = {k: proofs if v is None else v
                       for k, v in self.vdp.items()}
        protected = enc(self.header)
        tbs = enc(["Signature1", protected, b"", root(leaves)])
        receipt = [protected, unprotected, self.payload,
                   signature(self.signer_key, tbs)]
        if self.tag:
            receipt = cbor2.CBORTag(self.tag, receipt)
        return enc(self.wrap(claims, receipt))


home, abroad = World("Home"), World("Abroad")
cases = []


def case(name, verdict, change=None, world=home, after=None, kind=Package):
    p = kind(world)
    if change:
        change(p)
    data = p.put()
    if after:
        data = after(data)
    cases.append((name, verdict, p.now, p.pinned.hex(), data.hex()))


def setter(**fields):
    def change(p):
        for name, value in fields.items():
            setattr(p, name, value)
    return change


def claim(label, value):
    return lambda p: p.claims.__setitem__(label, value)


def header(label, value):
    return lambda p: p.header.__setitem__(label, value)


def slot(number, label, value):
    return lambda p: p.keyset[number].__setitem__(label, value)


def private(number, value):
    return lambda p: p.privates.__setitem__(number, value)


def device(**how):
    """A device certificate of another kind."""
    issuer = how.pop("issuer", "Home CA")
    key = how.pop("by", home.ca_key)
    return slot(0, 4, certificate(UEID.hex(), home.device_key, issuer, key,
                                  **how))


def signer(key=home.signer_key, **how):
    def change(p):
        p.certs[1] = certificate("Home S", key, how.pop("issuer", "Home"),
                                 how.pop("by", home.root_key), **how)
        p.signer_key = key
        p.header[4] = sha(enc(cose_key(key)))
    return change


# accepted
case("good", "accepted")
case("good-again-pinned", "accepted", setter(pinned=sha(home.root)))
case("unknown-claims", "accepted",
     lambda p: p.claims.update({-70000: {"x": [1]}, "vendor": 1, 300: b""}))
case("expiry-in-future", "accepted", claim(4, NOW + 1))
case("expiry-last-second", "accepted", claim(4, NOW))
case("no-eku", "accepted", device())
case("abroad", "accepted", world=abroad)
case("second-device", "accepted", claim(256, bytes([1]) + bytes(16)))
case("newer", "accepted", claim(6, BORN + 60))
case("older", "accepted", claim(6, BORN - 60))

# times
case("clock-unset", "time unknown", setter(now=0))
case("clock-before-issue", "time unknown", setter(now=BORN - 1))
case("expired-document", "expired", claim(4, NOW - 1))
case("expired-clock-unset", "expired",
     lambda p: (p.claims.update({4: BORN - 1}), setter(now=0)(p)))
case("expired-certificate", "expired", setter(now=BORN + 21 * YEAR))
case("not-yet-valid", "not yet valid", claim(5, NOW + 1))
case("certificate-not-yet", "not yet valid", device(start=NOW + 60))

# roots
case("pinned-other", "another root", setter(pinned=sha(abroad.root)))
case("no-anchors", "no root", claim(-66003, None))
case("anchor-foreign", "no root",
     claim(-66003, {"service": [{2: [-16, sha(abroad.root)]}]}))
case("anchor-key-only", "no root",
     claim(-66003, {"code": [{1: cose_key(abroad.signer_key)}]}))
case("root-missing", "no root", setter(certs=[home.ca, home.signer]))
case("no-certificates", "no root", setter(certs=[]))
case("anchor-is-issuing-ca", "signer not trusted",
     claim(-66003, {"service": [{2: [-16, sha(home.ca)]}]}))

# signer
case("signer-missing", "signer not trusted",
     setter(certs=[home.ca, home.root]))
case("signer-foreign", "signer not trusted",
     lambda p: (setter(signer_key=abroad.signer_key,
                       certs=[home.ca, abroad.signer, home.root])(p),
                header(4, sha(enc(cose_key(abroad.signer_key))))(p)))
case("signer-without-eku", "signer not trusted", signer())
case("signer-client-eku", "signer not trusted", signer(eku=CLIENT))
case("signer-self-signed", "signer not trusted",
     signer(eku=DOCUMENT, issuer="Home S", by=home.signer_key))
# no CA below the root may make a signer
case("signer-under-issuing-ca", "signer not trusted",
     signer(eku=DOCUMENT, issuer="Home CA", by=home.ca_key))
case("signer-is-device", "signer not trusted",
     lambda p: (setter(signer_key=home.device_key,
                       certs=p.certs + [home.device])(p),
                header(4, sha(enc(cose_key(home.device_key))))(p)))
case("kid-unknown", "signer not trusted", header(4, bytes(32)))

# signature
case("signature-of-other-key", "signature wrong",
     setter(signer_key=abroad.signer_key))
case("claim-altered", "signature wrong",
     after=lambda d: d.replace(b"CAM-200", b"CAM-300"))
case("scope-widened", "signature wrong",
     after=lambda d: d.replace(b"\x82\x65photo\x03", b"\x82\x65photo\x07"))

# certificates
case("device-of-other-ca", "certificate not trusted",
     device(issuer="Abroad CA", by=abroad.ca_key, eku=CLIENT))
case("device-forged-ca", "certificate not trusted",
     device(by=abroad.ca_key, eku=CLIENT))
case("device-server-eku", "certificate not trusted", device(eku=SERVER))
case("issuing-ca-missing", "certificate not trusted",
     setter(certs=[home.signer, home.root]))
case("stray-certificate", "certificate not trusted",
     setter(certs=[home.ca, home.signer, home.root, abroad.ca]))
case("certificate-twice", "certificate not trusted",
     lambda p: p.certs.append(home.ca))
case("root-twice", "certificate not trusted",
     lambda p: p.certs.append(home.root))
case("stray-junk", "signer not trusted",
     lambda p: p.certs.append(b"\x30\x00"))
case("certificate-cut", "signer not trusted",
     lambda p: p.certs.__setitem__(0, home.ca[:-1]))

# keys
case("private-of-other", "keys do not match",
     private(0, [0, 1, ec_private(abroad.device_key)]))
case("private-zero", "keys do not match", private(0, [0, 1, bytes(32)]))
case("private-too-large", "keys do not match", private(0, [0, 1, b"\xff" * 32]))
case("x25519-not-clamped", "keys do not match",
     lambda p: private(1, [1, 2, bytes([p.x[0] | 1]) + p.x[1:]])(p))
case("cnf-of-other", "keys do not match",
     claim(8, {1: cose_key(abroad.device_key)}))
case("no-authenticate-key", "keys do not match", slot(0, 2, 3))
case("two-authenticate-keys", "keys do not match", slot(1, 2, 1))

# form
case("private-missing", "malformed", lambda p: p.privates.pop())
case("private-twice", "malformed",
     lambda p: p.privates.append(p.privates[0]))
case("private-stray-slot", "malformed",
     lambda p: p.privates.append([5, 1, bytes(32)]))
case("private-of-device-key", "malformed", slot(0, 5, 1))
case("private-other-alg", "malformed",
     lambda p: private(1, [1, 3, p.x])(p))
case("private-short", "malformed", private(0, [0, 1, bytes(31)]))
case("slot-out-of-range", "malformed", slot(1, 1, 8))
case("slots-out-of-order", "malformed", lambda p: p.keyset.reverse())
case("purpose-unknown", "malformed", slot(1, 2, 9))
case("maker-unknown", "malformed", slot(1, 5, 5))
case("key-and-certificate", "malformed",
     slot(0, 3, cose_key(home.device_key)))
case("keyset-empty", "malformed", claim(-66002, []))
case("scope-twice", "malformed",
     setter(scope=[["photo", 1], ["photo", 2]]))
case("scope-bits-large", "malformed", setter(scope=[["photo", 1 << 32]]))
case("no-cnf", "malformed", claim(8, None))
case("no-ueid", "malformed", claim(256, None))
case("no-iat", "malformed", claim(6, None))
case("ueid-short", "malformed", claim(256, b"\x01abc"))
case("iat-negative", "malformed", claim(6, -1))
case("profile-unknown", "unsupported", claim(265, "tag:other"))
case("anchor-malformed", "malformed",
     claim(-66003, {"service": [{2: [-16, b"short"]}]}))
case("unprotected-not-empty", "malformed", setter(unprotected={4: b"x"}))
case("kid-missing", "malformed", lambda p: p.header.pop(4))
case("alg-eddsa", "unsupported", header(1, -8))
case("crit", "unsupported", header(2, [16]))
case("typ-other", "unsupported", header(16, "application/other"))
case("version-2", "unsupported", setter(version=2))
case("magic-other", "malformed", setter(magic="imprint-packagf"))
case("one-more-element", "malformed", setter(more=[0]))
case("trailing-byte", "malformed", after=lambda d: d + b"\x00")
case("not-shortest", "malformed",
     after=lambda d: d.replace(b"package\x01", b"package\x18\x01"))
case("empty-file", "malformed", after=lambda d: b"")


# receipts
def receipt(name, verdict, change=None, after=None, **fields):
    case("receipt-" + name, verdict, change, after=after,
         kind=type("Kind", (Receipt,), fields))


def status(idx=None, uri=None):
    def change(p):
        claim = p.claims[65535]["status_list"]
        claim["idx"] = claim["idx"] if idx is None else idx
        claim["uri"] = claim["uri"] if uri is None else uri
    return change


receipt("good", "accepted")
for size, at in ((1, 0), (2, 1), (3, 2), (8, 0), (1023, 1022), (1024, 512),
                 (4095, 4094), (4096, 4095)):
    receipt("good-%d-%d" % (size, at), "accepted", size=size, at=at)
receipt("good-first", "accepted", first=0, at=0)
receipt("good-high", "accepted", first=(1 << 48) + (1 << 32))
receipt("good-evidence", "accepted", evidence=200)
receipt("unknown-claims", "accepted",
        lambda p: p.claims.update({-70000: 1, "vendor": 1}))
receipt("expired", "expired", claim(4, NOW - 1))

receipt("claim-altered", "signature wrong",
        after=lambda d: d.replace(b"CAM-200", b"CAM-300"))
receipt("scope-widened", "signature wrong", after=lambda d: d.replace(
    b"\x82\x65photo\x03", b"\x82\x65photo\x07"))
receipt("signature-of-other-key", "signature wrong",
        setter(signer_key=abroad.signer_key))
receipt("void-entry", "signature wrong", setter(kind=2))
receipt("evidence-other", "signature wrong", setter(evidence=2))
receipt("path-altered", "signature wrong",
        setter(proof={"path": lambda p: p[:1] + [bytes(32)] + p[2:]}))
receipt("path-reversed", "signature wrong",
        setter(proof={"path": lambda p: p[::-1]}))
receipt("kid-unknown", "signer not trusted", header(4, bytes(32)))

receipt("index-of-another", "malformed", status(idx=2))
receipt("list-of-another", "malformed",
        status(uri="https://s.example/bulk-00000002.cwt"))
receipt("list-capital", "malformed",
        status(uri="https://s.example/bulk-0000000A.cwt"),
        first=10 << 20)
receipt("list-of-no-cwt", "malformed",
        status(uri="https://s.example/bulk-00000003.jwt"))
receipt("list-short", "malformed", status(uri="3.cwt"))
receipt("status-missing", "malformed", claim(65535, None))
receipt("status-other", "malformed", claim(65535, {"other": 1}))
receipt("chunk-of-another", "malformed", header(-66020, [(3 << 20) - 3, 7, 1]))
receipt("leaf-of-another", "malformed", setter(proof={"at": 4}))
receipt("size-of-another", "malformed", setter(proof={"size": 8}))
receipt("leaf-beyond-size", "malformed", setter(proof={"at": 7}))
receipt("path-short", "malformed", setter(proof={"path": lambda p: p[:-1]}))
receipt("path-long", "malformed",
        setter(proof={"path": lambda p: p + [bytes(32)]}))
receipt("path-hash-short", "malformed",
        setter(proof={"path": lambda p: [bytes(31)] + p[1:]}))
receipt("path-no-array", "malformed", setter(proof={"path": lambda p: 0}))
receipt("proofs-none", "malformed", setter(proofs=lambda p: {-1: []}))
receipt("proofs-two", "malformed", setter(proofs=lambda p: {-1: [p, p]}))
receipt("proofs-consistency", "malformed", setter(proofs=lambda p: {-2: [p]}))
receipt("proofs-both", "malformed",
        setter(proofs=lambda p: {-1: [p], -2: [p]}))
receipt("proof-trailing", "malformed",
        setter(proofs=lambda p: {-1: [p + b"\x00"]}))
receipt("vdp-missing", "malformed", setter(vdp={}))
receipt("unprotected-more", "malformed", setter(vdp={33: b"x", 396: None}))
receipt("payload-there", "malformed", setter(payload=b"x"))
receipt("chunk-missing", "malformed", lambda p: p.header.pop(-66020))
receipt("chunk-size-0", "malformed", header(-66020, [0, 0, 1]))
receipt("chunk-size-4097", "malformed", header(-66020, [0, 4097, 1]))
receipt("chunk-first-beyond", "malformed",
        header(-66020, [(1 << 56) - 6, 7, 1]))
receipt("chunk-evidence-beyond", "malformed",
        header(-66020, [(3 << 20) - 4, 7, 256]))
receipt("chunk-of-two", "malformed", header(-66020, [(3 << 20) - 4, 7]))
receipt("untagged", "malformed", setter(tag=None))
receipt("three-elements", "malformed",
        setter(wrap=lambda c, r: [c, r, 0]))
receipt("claims-alone", "malformed", setter(wrap=lambda c, r: [c]))
receipt("vds-other", "unsupported", header(395, 2))
receipt("vds-missing", "unsupported", lambda p: p.header.pop(395))
receipt("typ-of-document", "unsupported", header(16, "application/eat+cwt"))
receipt("crit", "unsupported", header(2, [395]))
receipt("alone", "malformed", setter(wrap=lambda c, r: r))


def service(name, outcome, world=home, dns="service.example", by=None,
            issuer=None, **how):
    key = ec_key("service")
    services.append((name, outcome, key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()).hex(), certificate(
            "Service", key, issuer or world.name, by or world.root_key,
            dns=dns, **how).hex()))


services = []
service("good", "answered", eku=SERVER)
service("name-other", "refused", eku=SERVER, dns="other.example")
service("name-absent", "refused", eku=SERVER, dns=None)
service("eku-client", "refused", eku=CLIENT)
service("eku-absent", "refused")
service("root-other", "refused", abroad, eku=SERVER)
service("forged", "refused", eku=SERVER, by=abroad.root_key)
service("under-a-device", "refused", eku=SERVER, issuer=UEID.hex(),
        by=home.device_key)
service("expired", "refused", eku=SERVER, end=NOW - 1)
service("not-yet-valid", "refused", eku=SERVER, start=NOW + 1)

# keys of other algorithms: slot 0 authenticates, slot 1 signs, a bare key
packages, cases = cases, []
P384, ED25519, RSA2048, RSA3072 = 4, 3, 5, 6
keys = {
    P384: [ec.generate_private_key(ec.SECP384R1()) for _ in range(2)],
    ED25519: [ed25519.Ed25519PrivateKey.generate() for _ in range(2)],
    RSA2048: [rsa.generate_private_key(65537, 2048) for _ in range(2)],
    RSA3072: [rsa.generate_private_key(65537, 3072) for _ in range(2)],
}


def of(alg, change=None, auth=0, bare=1):
    def apply(p):
        k = keys[alg][auth]
        p.keyset = [
            {1: 0, 2: 1, 4: certificate(UEID.hex(), k, "Home CA",
                                        home.ca_key, eku=CLIENT,
                                        start=BORN), 5: 4},
            {1: 1, 2: 3, 3: cose_key(keys[alg][bare]), 5: 4}]
        p.claims[8] = {1: cose_key(k)}
        p.privates = [[0, alg, raw_private(k)],
                      [1, alg, raw_private(keys[alg][bare])]]
        if change:
            change(p)
    return apply


def rsa_other(**how):
    """The bare RSA-2048 key with a number changed that fits all the same, or
    seems to."""
    n = keys[RSA2048][1].private_numbers()
    p, q, d = n.p, n.q, n.d
    if how.get("d"):
        d += (p - 1) * (q - 1)
    qinv = n.iqmp + (p if how.get("qinv") else 0)
    return private(1, [1, RSA2048, der_numbers(
        how.get("version", 0), p * q, 65537, d, p, q, n.dmp1, n.dmq1,
        qinv)])


for number, name in ((P384, "p384"), (ED25519, "ed25519"),
                     (RSA2048, "rsa2048"), (RSA3072, "rsa3072")):
    case(name, "accepted", of(number))
    # of the other slot, each in the other's place
    case(name + "-privates-swapped", "keys do not match", of(
        number, lambda p: p.privates.__setitem__(slice(None), [
            [0] + p.privates[1][1:], [1] + p.privates[0][1:]])))
    case(name + "-cnf-of-other", "keys do not match", of(
        number, lambda p: p.claims.__setitem__(8, {1: p.keyset[1][3]})))
    case(name + "-private-cut", "malformed" if number in (P384, ED25519)
         else "keys do not match", of(
             number, lambda p: p.privates[1].__setitem__(
                 2, p.privates[1][2][:-1])))
    case(name + "-private-longer", "malformed" if number in (P384, ED25519)
         else "keys do not match", of(
             number, lambda p: p.privates[1].__setitem__(
                 2, p.privates[1][2] + b"\0")))
    case(name + "-number-short", "malformed", of(
        number, lambda p: p.keyset[1][3].update(
            {k: v[:-1] for k, v in p.keyset[1][3].items()
             if isinstance(v, bytes) and len(v) > 3})))
    case(name + "-private-says-p256", "malformed" if number in (
        RSA2048, RSA3072, P384) else "certificate not trusted", of(
            number, lambda p: p.privates[0].__setitem__(1, 1)))
case("p384-private-zero", "keys do not match",
     of(P384, private(1, [1, P384, bytes(48)])))
case("p384-private-too-large", "keys do not match",
     of(P384, private(1, [1, P384, b"\xff" * 48])))
case("p384-with-alg", "malformed",
     of(P384, lambda p: p.keyset[1][3].update({3: -35})))
case("p384-on-p256", "malformed",
     of(P384, lambda p: p.keyset[1][3].update({-1: 1})))
case("rsa-same", "accepted", of(RSA2048, rsa_other()))
case("rsa-larger-d", "keys do not match", of(RSA2048, rsa_other(d=1)))
case("rsa-larger-qinv", "keys do not match", of(RSA2048, rsa_other(qinv=1)))
case("rsa-version-1", "keys do not match", of(RSA2048, rsa_other(version=1)))
case("rsa-of-other-size", "keys do not match", of(
    RSA3072, lambda p: p.privates[1].__setitem__(
        2, raw_private(keys[RSA2048][1]))))
case("rsa-exponent-3", "malformed",
     of(RSA2048, lambda p: p.keyset[1][3].update({-2: b"\x03"})))
case("rsa-with-private", "malformed",
     of(RSA2048, lambda p: p.keyset[1][3].update({-3: b"\x03"})))
case("akp-unknown", "malformed", of(
    ED25519, lambda p: p.keyset[1].__setitem__(3, {1: 7, 3: -50,
                                                   -1: bytes(2592)})))
case("akp-short", "malformed", of(
    ED25519, lambda p: p.keyset[1].__setitem__(3, {1: 7, 3: -48,
                                                   -1: bytes(1311)})))
case("cnf-does-not-sign", "malformed", claim(
    8, {1: {1: 1, -1: 4, -2: bytes([9]) + bytes(31)}}))


def write(file, rows):
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, file), "w", encoding="ascii") as out:
        for row in rows:
            out.write("|".join(str(cell) for cell in row) + "\n")


if __name__ == "__main__":
    write("device-packages.txt", packages)
    write("device-algorithms.txt", cases)
    write("device-services.txt", services)
