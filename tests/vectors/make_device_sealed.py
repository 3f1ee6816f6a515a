#!/usr/bin/python3
"""Packages for keys that are in the device already, by other people's code.

Writes beside itself device-sealed.txt, packages sealed to a chip: name |
verdict | algorithm of the chip's key (1 P-256, 2 X25519) | its private key |
sealed package | package inside; and device-held.txt, packages for keys that a
device made: name | verdict | its P-256 and | X25519 private key | package.
Made once and kept, as those of make_device_packages.py.

    python3 tests/vectors/make_device_sealed.py
"""
import hashlib
import hmac

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from make_device_packages import (
    Package, clamp, cose_key, ec_key, ec_private, enc, home, raw_public, sha,
    write)

P256, X25519 = 1, 2


def extract(suite, salt, label, ikm):
    """RFC 9180 4"""
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm,
                       hashlib.sha256)


def expand(suite, prk, label, info):
    return hmac.digest(prk, b"\0\x20HPKE-v1" + suite + label + info + b"\1",
                       hashlib.sha256)


def export(kem, dh, mixed, info, context):
    """Base mode, and the one key that is exported of it (RFC 9180 5)."""
    suite = b"KEM" + kem.to_bytes(2, "big")
    shared = expand(suite, extract(suite, b"", b"eae_prk", dh),
                    b"shared_secret", mixed)
    suite = b"HPKE" + kem.to_bytes(2, "big") + b"\0\1\0\2"
    schedule = b"\0" + extract(suite, b"", b"psk_id_hash", b"") + \
        extract(suite, b"", b"info_hash", info)
    secret = extract(suite, shared, b"secret", b"")
    return expand(suite, expand(suite, secret, b"exp", schedule), b"sec",
                  context)


def point(key):
    return key.public_key().public_bytes(
        serialization.Encoding.X962,
        serialization.PublicFormat.UncompressedPoint)


class Chip:
    def __init__(self, alg, name):
        self.alg = alg
        if alg == P256:
            self.kem, self.key = 0x10, ec_key(name)
            self.private = ec_private(self.key)
            self.public, cose = point(self.key), cose_key(self.key)
        else:
            self.kem = 0x20
            self.private = clamp(sha(name.encode()))
            self.key = x25519.X25519PrivateKey.from_private_bytes(
                self.private)
            self.public = raw_public(self.key)
            cose = {1: 1, -1: 4, -2: self.public}
        self.kid = sha(enc(cose))

    def agree(self, other):
        if self.alg == P256:
            return self.key.exchange(ec.ECDH(), other.key.public_key())
        return self.key.exchange(other.key.public_key())


class Sealed:
    """One sealed package; a case changes fields before it is sealed, and
    what is put out after it."""

    def __init__(self, chip):
        self.chip, self.sender = chip, Chip(chip.alg, "ephemeral")
        package = Package(home)
        self.inside = [package.document_put(), package.privates]
        self.certs = package.certs
        self.opened = enc(["imprint-package", 1, *self.inside, self.certs])
        self.index = 70000
        self.info, self.context = b"imprint package", b"imprint package"

    def put(self):
        key = export(self.chip.kem, self.sender.agree(self.chip),
                     self.sender.public + self.chip.public, self.info,
                     self.context + self.index.to_bytes(8, "big"))
        bound = [sha(b"pack")[:16], sha(b"order")[:16], self.index,
                 sha(b"product"), sha(self.inside[0]), self.chip.kid]
        sealed = AESGCM(key).encrypt(bytes(12), enc(self.inside), enc(bound))
        return ["imprint-chip-package", 1, *bound, self.sender.public, sealed,
                self.certs]


rows = []
chips = [Chip(P256, "chip"), Chip(X25519, "chip")]
names = {P256: "p256", X25519: "x25519"}


def case(name, verdict, change=None, after=None, only=None):
    for chip in chips:
        if only and chip.alg != only:
            continue
        sealed = Sealed(chip)
        if change:
            change(sealed)
        item = sealed.put()
        if after:
            item = after(item) or item
        rows.append((f"{names[chip.alg]}-{name}", verdict, chip.alg,
                     chip.private.hex(), enc(item).hex(),
                     sealed.opened.hex() if verdict == "accepted" else ""))


def at(n, value):
    def put(item):
        item[n] = value(item[n]) if callable(value) else value
    return put


def flip(data):
    return data[:-1] + bytes([data[-1] ^ 1])


case("good", "accepted")
case("index-0", "accepted", lambda s: setattr(s, "index", 0))
case("index-large", "accepted", lambda s: setattr(s, "index", 2 ** 40 + 7))
case("other-info", "keys do not match",
     lambda s: setattr(s, "info", b"imprint packages"))
case("other-context", "keys do not match",
     lambda s: setattr(s, "context", b"imprint pack"))
case("magic", "malformed", after=at(0, "imprint-package"))
case("version", "unsupported", after=at(1, 2))
case("version-longer", "unsupported", after=lambda i: [i[0], 2, *i[2:], 0])
case("element-missing", "malformed", after=lambda i: i[:-1])
case("element-more", "malformed", after=lambda i: [*i, 0])
for n in (2, 3, 5, 6):
    case(f"binding-{n}", "keys do not match", after=at(n, flip))
    case(f"binding-{n}-short", "malformed", after=at(n, lambda d: d[:-1]))
case("index-other", "keys do not match", after=at(4, 70001))
case("recipient-other", "keys do not match", after=at(7, flip))
case("recipient-short", "malformed", after=at(7, lambda d: d[:-1]))
case("enc-short", "malformed", after=at(8, lambda d: d[:-1]))
case("enc-empty", "malformed", after=at(8, b""))
case("enc-off-curve", "keys do not match", after=at(8, flip), only=P256)
case("enc-compressed", "malformed",
     after=at(8, lambda d: b"\x02" + d[1:]), only=P256)
case("enc-infinity", "malformed", after=at(8, b"\0"), only=P256)
case("enc-zero", "keys do not match", after=at(8, bytes(32)), only=X25519)
case("enc-order-8", "keys do not match", after=at(8, bytes.fromhex(
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")),
     only=X25519)
case("tag", "keys do not match", after=at(9, flip))
case("sealed-short", "malformed", after=at(9, lambda d: d[:16]))
case("inside-longer", "malformed", lambda s: s.inside.append(0))
case("certs-text", "malformed", after=at(10, ["x"]))
case("certs-many", "malformed", after=at(10, [b"x"] * 9))
case("certs-none", "malformed", after=at(10, b"x"))

held = []


def device_keys(name, verdict, own=home.device_key, x=None, change=None):
    package = Package(home)
    for slot in package.keyset:
        slot[5] = 1
    package.privates = []
    if change:
        change(package)
    held.append((name, verdict, ec_private(own).hex(),
                 (x or package.x).hex(), package.put().hex()))


device_keys("held", "accepted")
device_keys("held-by-chip", "accepted", change=lambda p: [
    k.__setitem__(5, 2) for k in p.keyset])
device_keys("not-the-first", "keys do not match", own=ec_key("stranger"))
device_keys("not-the-second", "keys do not match", x=clamp(sha(b"stranger")))
device_keys("one-is-the-station's", "malformed",
            change=lambda p: p.keyset[1].__setitem__(5, 3))

write("device-sealed.txt", rows)
write("device-held.txt", held)
