#!/usr/bin/python3
"""Receipts for the tests of lib/log, by other people's code.

Writes beside itself receipts.txt: name | outcome | key (SEC 1 point) |
commitment | receipt; one line each. Outcomes: good; bad (proof and signature
do not hold); syntax; unsupported. Signatures differ with every run, so the
file is made once and kept; run it again when a case is added:

    python3 tests/vectors/make_receipts.py
"""
import os

import cbor2
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from tree import path, root, sha

VDS, VDP, CHUNK = 395, 396, -66020
TYP = "application/imprint-receipt+cose"


def enc(item):
    return cbor2.dumps(item, canonical=True)


def ec_key(name):
    return ec.derive_private_key(
        int.from_bytes(sha(name.encode()), "big") >> 1, ec.SECP256R1())


def point(key):
    return key.public_key().public_bytes(
        serialization.Encoding.X962,
        serialization.PublicFormat.UncompressedPoint)


def thumbprint(key):
    n = key.public_key().public_numbers()
    return sha(enc({1: 2, -1: 1, -2: n.x.to_bytes(32, "big"),
                    -3: n.y.to_bytes(32, "big")}))


def commitment(index):
    return sha(b"claims of %d" % index)


def leaf(index, evidence=1, kind=1):
    return sha(b"\x00" + enc([1, kind, index, evidence, commitment(index)]))


def sign(key, protected, payload):
    tbs = enc(["Signature1", protected, b"", payload])
    r, s = utils.decode_dss_signature(key.sign(tbs, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class Receipt:
    """One receipt; a case changes its fields before it is put together."""

    def __init__(self, first=0, size=8, at=5):
        self.key = ec_key("document")
        self.claims_of = first + at
        self.header = {1: -7, 4: thumbprint(self.key), 16: TYP, VDS: 1,
                       CHUNK: [first, size, 1]}
        self.leaves = [leaf(first + i) for i in range(size)]
        self.path = path(at, self.leaves)
        self.proof = [size, at, self.path]
        self.proofs = None
        self.vdp = None
        self.more = {}
        self.payload = None
        self.signed = None
        self.tag = 18

    def put(self):
        protected = enc(self.header)
        signature = sign(self.key, protected,
                         self.signed or root(self.leaves))
        proofs = [enc(self.proof)] if self.proofs is None else self.proofs
        vdp = {-1: proofs} if self.vdp is None else self.vdp
        unprotected = {VDP: vdp, **self.more}
        unprotected = {k: v for k, v in unprotected.items() if v is not False}
        item = [protected, unprotected, self.payload, signature]
        return enc(cbor2.CBORTag(self.tag, item) if self.tag else item)


cases = []


def case(name, outcome, change=None, after=None, **how):
    r = Receipt(**how)
    if change:
        change(r)
    data = r.put()
    if after:
        data = after(data)
    cases.append((name, outcome, point(r.key).hex(),
                  commitment(r.claims_of).hex(), data.hex()))


def setter(**fields):
    def change(r):
        for name, value in fields.items():
            setattr(r, name, value)
    return change


def header(label, value):
    def change(r):
        if value is None:
            del r.header[label]
        else:
            r.header[label] = value
    return change


# every place of every small tree, and the largest
for size in list(range(1, 10)) + [1000, 1023, 1024, 1025, 4095, 4096]:
    places = range(size) if size < 10 else [0, 1, size // 2, size - 2,
                                             size - 1]
    for at in places:
        case("good-%d-%d" % (size, at), "good", first=1 << 20, size=size,
             at=at)
case("good-high-index", "good", first=(1 << 56) - 8)
case("good-other-unprotected", "good", setter(more={33: b"x", "note": 1}))
case("good-other-protected", "good", header(-70000, "later"))

# what the signature does not hold for
case("claims-of-another", "bad", setter(claims_of=6))
case("other-chunk-first", "bad", header(CHUNK, [1, 8, 1]))
case("other-evidence", "bad", header(CHUNK, [0, 8, 2]))
case("void-entry", "bad",
     lambda r: r.leaves.__setitem__(5, leaf(5, kind=2)))
case("leaf-index-of-another", "bad",
     lambda r: r.proof.__setitem__(1, 4))
case("path-of-another", "bad",
     lambda r: r.proof.__setitem__(2, path(4, r.leaves)))
case("path-altered", "bad", lambda r: r.proof.__setitem__(
    2, r.path[:1] + [sha(r.path[1])] + r.path[2:]))
case("path-reversed", "bad",
     lambda r: r.proof.__setitem__(2, r.path[::-1]))
case("signed-another-root", "bad", setter(signed=sha(b"root")))
case("signed-the-leaf", "bad", lambda r: setattr(r, "signed", r.leaves[5]))
case("signature-altered", "bad", after=lambda d: d[:-1] + bytes([d[-1] ^ 1]))
case("kid-altered", "bad", after=lambda d: d.replace(
    thumbprint(ec_key("document")), bytes(32)))
case("size-altered-in-both", "bad",
     after=lambda d: d.replace(bytes.fromhex("83000801"),
                               bytes.fromhex("83000701")).replace(
         bytes.fromhex("830805"), bytes.fromhex("830705")))


# the document key's kid, somebody else's signature
stranger = Receipt()
stranger.key = ec_key("stranger")
cases.append(("signed-by-stranger", "bad", point(ec_key("document")).hex(),
              commitment(5).hex(), stranger.put().hex()))

# proofs that are none
case("size-of-another-tree", "syntax", lambda r: r.proof.__setitem__(0, 7))
case("leaf-beyond-size", "syntax", lambda r: r.proof.__setitem__(1, 8))
case("path-too-short", "syntax",
     lambda r: r.proof.__setitem__(2, r.path[:-1]))
case("path-too-long", "syntax",
     lambda r: r.proof.__setitem__(2, r.path + [bytes(32)]))
case("path-empty", "syntax", lambda r: r.proof.__setitem__(2, []))
case("path-not-empty", "syntax",
     lambda r: r.proof.__setitem__(2, [bytes(32)]), size=1, at=0)
case("path-hash-short", "syntax", lambda r: r.proof.__setitem__(
    2, r.path[:-1] + [bytes(31)]))
case("path-hash-text", "syntax", lambda r: r.proof.__setitem__(
    2, r.path[:-1] + ["x" * 32]))
case("proof-of-four", "syntax", lambda r: r.proof.append(0))
case("proof-not-in-bstr", "syntax",
     lambda r: setattr(r, "proofs", [r.proof]))
case("proof-trailing", "syntax",
     lambda r: setattr(r, "proofs", [enc(r.proof) + b"\x00"]))
case("two-proofs", "syntax",
     lambda r: setattr(r, "proofs", [enc(r.proof)] * 2))
case("no-proof", "syntax", setter(proofs=[]))
case("proof-empty", "syntax", setter(proofs=[b""]))
case("consistency-proof", "syntax",
     lambda r: setattr(r, "vdp", {-2: [enc(r.proof)]}))
case("both-kinds-of-proof", "syntax", lambda r: setattr(
    r, "vdp", {-1: [enc(r.proof)], -2: [enc(r.proof)]}))
case("vdp-missing", "syntax", setter(vdp=False))
case("vdp-array", "syntax", setter(vdp=[]))

# headers
case("vds-missing", "syntax", header(VDS, None))
case("vds-other", "unsupported", header(VDS, 2))
case("vds-text", "syntax", header(VDS, "RFC9162_SHA256"))
case("chunk-missing", "syntax", header(CHUNK, None))
case("chunk-of-two", "syntax", header(CHUNK, [0, 8]))
case("chunk-size-0", "syntax", header(CHUNK, [0, 0, 1]))
case("chunk-size-4097", "syntax", header(CHUNK, [0, 4097, 1]))
case("chunk-first-beyond", "syntax", header(CHUNK, [(1 << 56) - 7, 8, 1]))
case("chunk-first-negative", "syntax", header(CHUNK, [-1, 8, 1]))
case("chunk-evidence-beyond", "syntax", header(CHUNK, [0, 8, 256]))
case("typ-missing", "syntax", header(16, None))
case("typ-of-a-document", "syntax", header(16, "application/eat+cwt"))
case("alg-missing", "syntax", header(1, None))
case("alg-eddsa", "unsupported", header(1, -8))
case("alg-es512", "unsupported", header(1, -36))
case("crit-vds", "unsupported", header(2, [VDS]))
case("label-in-both", "syntax", setter(more={VDS: 1}))
case("alg-unprotected", "syntax", setter(more={1: -7}))

# the message
case("payload-attached", "syntax",
     lambda r: setattr(r, "payload", root(r.leaves)))
case("payload-empty", "syntax", setter(payload=b""))
case("untagged", "syntax", setter(tag=None))
case("tag-mac", "syntax", setter(tag=17))
case("trailing-octet", "syntax", after=lambda d: d + b"\x00")
case("cut", "syntax", after=lambda d: d[:-1])
case("empty", "syntax", after=lambda d: b"")

here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "receipts.txt"), "w", encoding="ascii") as out:
    for row in cases:
        out.write("|".join(row) + "\n")
