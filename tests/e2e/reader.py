"""An independent reader of what Imprint writes.

It shares no code with Imprint: python3-cbor2 and python3-cryptography, the
standards, and the layouts in the headers of lib/identity and lib/log.
"""
import base64
import hashlib
import hmac
import sqlite3
import struct
from pathlib import Path

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import (
    ec, ed25519, rsa, x25519)
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature, encode_dss_signature)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

RESERVED, COMMITTED, VOID = 1, 2, 3
P256, X25519, ED25519 = 1, 2, 3
ES256, EDDSA = -7, -8
MANIFEST_TYP = "application/imprint-pack-manifest+cose"
DOCUMENT_TYP = "application/eat+cwt"
STATION_TYP = "application/imprint-station+cose"


def sha256(*parts):
    h = hashlib.sha256()
    for part in parts:
        h.update(part)
    return h.digest()


# Deterministic CBOR (RFC 8949 4.2.1), written here because cbor2 orders the
# keys of a map in the older way.

def _head(major, n):
    if n < 24:
        return bytes([major << 5 | n])
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if n < 1 << 8 * size:
            return bytes([major << 5 | info]) + n.to_bytes(size, "big")
    raise ValueError(n)


def cbor_encode(v):
    if isinstance(v, bool):
        return b"\xf5" if v else b"\xf4"
    if v is None:
        return b"\xf6"
    if isinstance(v, int):
        return _head(0, v) if v >= 0 else _head(1, -1 - v)
    if isinstance(v, bytes):
        return _head(2, len(v)) + v
    if isinstance(v, str):
        return _head(3, len(v.encode())) + v.encode()
    if isinstance(v, (list, tuple)):
        return _head(4, len(v)) + b"".join(cbor_encode(x) for x in v)
    if isinstance(v, dict):
        items = sorted((cbor_encode(k), cbor_encode(x)) for k, x in v.items())
        return _head(5, len(v)) + b"".join(k + x for k, x in items)
    if isinstance(v, cbor2.CBORTag):
        return _head(6, v.tag) + cbor_encode(v.value)
    raise TypeError(type(v))


def cbor_decode(data):
    """One item, all of the data, in its deterministic encoding."""
    value = cbor2.loads(data)
    assert cbor_encode(value) == data, "not deterministic CBOR"
    return value


# COSE (RFC 9052, 9053, 9679)

def cose_key(public):
    """A COSE_Key, public part, of a public key of python3-cryptography."""
    if isinstance(public, ec.EllipticCurvePublicKey):
        n = public.public_numbers()
        size = n.curve.key_size // 8
        return {1: 2, -1: {32: 1, 48: 2}[size],
                -2: n.x.to_bytes(size, "big"), -3: n.y.to_bytes(size, "big")}
    if isinstance(public, rsa.RSAPublicKey):
        n = public.public_numbers()
        return {1: 3, -1: n.n.to_bytes(public.key_size // 8, "big"),
                -2: n.e.to_bytes(3, "big")}
    raw = public.public_bytes(serialization.Encoding.Raw,
                              serialization.PublicFormat.Raw)
    kind = 4 if isinstance(public, x25519.X25519PublicKey) else 6
    return {1: 1, -1: kind, -2: raw}


def thumbprint(public):
    return sha256(cbor_encode(cose_key(public)))


def sig_structure(protected, payload):
    return cbor_encode(["Signature1", protected, b"", payload])


class Sign1:
    def __init__(self, data):
        message = cbor_decode(data)
        assert message.tag == 18 and len(message.value) == 4
        self.protected, unprotected, self.payload, self.signature = \
            message.value
        assert unprotected == {}
        self.header = cbor_decode(self.protected)
        self.alg = self.header[1]
        self.kid = self.header[4]
        self.typ = self.header[16]

    def verify(self, public):
        """Raises InvalidSignature."""
        self.verify_payload(public, self.payload)

    def verify_payload(self, public, payload):
        signed = sig_structure(self.protected, payload)
        if self.alg == EDDSA:
            public.verify(self.signature, signed)
            return
        assert self.alg == ES256 and len(self.signature) == 64
        r = int.from_bytes(self.signature[:32], "big")
        s = int.from_bytes(self.signature[32:], "big")
        public.verify(encode_dss_signature(r, s), signed,
                      ec.ECDSA(hashes.SHA256()))


class Receipt(Sign1):
    """[claims, COSE Receipt of inclusion (RFC 9942 5.2)], opened."""

    def __init__(self, data):
        self.payload, message = cbor_decode(data)
        assert message.tag == 18
        self.receipt = cbor_encode(message)
        self.protected, unprotected, payload, self.signature = message.value
        assert payload is None
        self.header = cbor_decode(self.protected)
        assert set(self.header) == {1, 4, 16, 395, -66020}
        self.alg, self.kid = self.header[1], self.header[4]
        self.typ = self.header[16]
        assert self.header[395] == 1        # RFC9162_SHA256
        self.first, self.size, self.evidence = self.header[-66020]
        assert set(unprotected) == {396} and set(unprotected[396]) == {-1}
        proof, = unprotected[396][-1]
        size, self.leaf, self.path = cbor_decode(proof)
        assert size == self.size and self.leaf < size
        self.index = self.first + self.leaf

    def root(self):
        """RFC 9162 2.1.3.2, step by step."""
        fn, sn = self.leaf, self.size - 1
        r = identity_leaf(self.index, sha256(self.payload), self.evidence)
        for p in self.path:
            assert sn != 0 and len(p) == 32
            if fn & 1 or fn == sn:
                r = sha256(b"\x01", p, r)
                while not fn & 1 and fn != 0:
                    fn >>= 1
                    sn >>= 1
            else:
                r = sha256(b"\x01", r, p)
            fn >>= 1
            sn >>= 1
        assert sn == 0
        return r

    def verify(self, public):
        self.verify_payload(public, self.root())


def document_open(data):
    """An identity document, signed directly or by a receipt."""
    return Receipt(data) if data[0] == 0x82 else Sign1(data)


def sign1(private, typ, payload):
    """A COSE_Sign1 by a P-256 key."""
    protected = cbor_encode({1: ES256, 4: thumbprint(private.public_key()),
                             16: typ})
    r, s = decode_dss_signature(private.sign(
        sig_structure(protected, payload), ec.ECDSA(hashes.SHA256())))
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return cbor_encode(cbor2.CBORTag(18, [protected, {}, payload, signature]))


# HPKE (RFC 9180), base mode, recipient's side, export only

def _extract(suite, salt, label, ikm):
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm,
                       "sha256")


def _expand(prk, suite, label, info, length):
    info = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    out, block, i = b"", b"", 0
    while len(out) < length:
        i += 1
        block = hmac.digest(prk, block + info + bytes([i]), "sha256")
        out += block
    return out[:length]


class Hpke:
    def __init__(self, private, enc, info):
        public = private.public_key()
        if isinstance(private, ec.EllipticCurvePrivateKey):
            kem = 0x0010
            peer = ec.EllipticCurvePublicKey.from_encoded_point(
                ec.SECP256R1(), enc)
            dh = private.exchange(ec.ECDH(), peer)
            own = public.public_bytes(
                serialization.Encoding.X962,
                serialization.PublicFormat.UncompressedPoint)
        else:
            kem = 0x0020
            peer = x25519.X25519PublicKey.from_public_bytes(enc)
            dh = private.exchange(peer)
            own = public.public_bytes(serialization.Encoding.Raw,
                                      serialization.PublicFormat.Raw)
        suite = b"KEM" + kem.to_bytes(2, "big")
        prk = _extract(suite, b"", b"eae_prk", dh)
        shared = _expand(prk, suite, b"shared_secret", enc + own, 32)
        self.suite = b"HPKE" + struct.pack(">HHH", kem, 1, 2)
        context = (b"\x00" + _extract(self.suite, b"", b"psk_id_hash", b"") +
                   _extract(self.suite, b"", b"info_hash", info))
        secret = _extract(self.suite, shared, b"secret", b"")
        self.exporter = _expand(secret, self.suite, b"exp", context, 32)
        self.key = _expand(secret, self.suite, b"key", context, 32)
        self.nonce = _expand(secret, self.suite, b"base_nonce", context, 12)

    def open(self, aad, sealed):
        """The first message."""
        return AESGCM(self.key).decrypt(self.nonce, sealed, aad)

    def export(self, context, length):
        return _expand(self.exporter, self.suite, b"sec", context, length)


def claim_code(key, log, index):
    """Twelve characters of 60 bits and one that makes the sum of character i
    times a^i over GF(32) zero."""
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    mac = hmac.digest(key, cbor_encode(["imprint claim code", log, index]),
                      "sha256")
    bits = int.from_bytes(mac, "big") >> 196
    symbols = [bits >> 55 - 5 * i & 31 for i in range(12)]
    total = 0
    for symbol in symbols:
        total ^= symbol
        total = (total << 1) ^ (0x25 if total & 16 else 0)
    text = "".join(alphabet[s] for s in [*symbols, total])
    return "-".join(text[i:i + 4] for i in range(0, 13, 4))


# A pack (lib/identity/pack.h, package.h)

class Pack:
    """Reads the whole file and checks all of its form."""

    def __init__(self, data):
        self.data = data
        magic, version, zero, length = struct.unpack(">8sHHI", data[:16])
        assert magic == b"IMPRPACK" and version in (1, 2, 3) and zero == 0
        self.version = version
        self.head = data[:16 + length]
        (self.pack, self.order, self.product, self.recipient,
         self.recipient_alg, self.number, self.order_number, self.count,
         self.ecosystem, self.product_name, certs, *asks) = \
            cbor_decode(data[16:16 + length])
        assert len(asks) == (version > 1)
        self.asks = asks[0] if asks else {}
        self.mode = {1: "station", 2: "chip", 3: "device-key"}[
            self.asks.get(3, 1)]
        self.certs = [x509.load_der_x509_certificate(c) for c in certs]
        offset, length, end = struct.unpack(">QI8s", data[-20:])
        assert end == b"IMPREND1" and offset + length + 20 == len(data)
        self.manifest = Sign1(data[offset:-20])
        self._chunks(offset)

    def _chunks(self, end):
        body = cbor_decode(self.manifest.payload)
        version, pack, order, number, count, hashed, self.chunks = body
        assert version == self.version
        assert pack == self.pack and order == self.order
        assert number == self.number and count == self.count
        assert hashed == sha256(self.head)
        at, total = len(self.head), 0
        self.tables = []
        for i, (offset, length, first, count, hashed) in \
                enumerate(self.chunks):
            assert offset == at
            chunk = self.data[offset:offset + length]
            assert sha256(chunk) == hashed
            self.tables.append(self._table(chunk, i, first, count))
            at += length
            total += count
        assert at == end and total == self.count

    @staticmethod
    def _table(chunk, number, first, count):
        magic, no, index, n, length, enc_len = \
            struct.unpack(">4sIQIIH", chunk[:26])
        assert magic == b"CHNK" and no == number and index == first
        assert n == count and length == len(chunk)
        enc, at = chunk[26:26 + enc_len], 26 + enc_len
        rows, end = [], at + 40 * count
        for i in range(count):
            offset, length, commitment = \
                struct.unpack(">II32s", chunk[at + 40 * i:at + 40 * i + 40])
            assert offset == end
            end = offset + length
            rows.append((commitment, chunk[offset:end]))
        assert end == len(chunk)
        return enc, rows

    def verify(self):
        """Document signer's certificate up to the root, then manifest."""
        names = [c.subject.rfc4514_string() for c in self.certs]
        signer = self.certs[1]
        assert "Document Signer" in names[1] and "Root CA" in names[2]
        certificate_verify(self.certs[2], self.certs[2])
        certificate_verify(signer, self.certs[2])
        certificate_verify(self.certs[0], self.certs[2])
        assert self.manifest.typ == MANIFEST_TYP
        assert self.manifest.kid == thumbprint(signer.public_key())
        self.manifest.verify(signer.public_key())

    def indices(self):
        return [first + i for _, _, first, count, _ in self.chunks
                for i in range(count)]

    def _inside(self, hpke, index, commitment, recipient, sealed):
        """One package: (document, [[slot, alg, private]])."""
        key = hpke.export(b"imprint package" + index.to_bytes(8, "big"), 32)
        aad = cbor_encode([self.pack, self.order, index, self.product,
                           commitment, recipient])
        document, keys = cbor_decode(
            AESGCM(key).decrypt(bytes(12), sealed, aad))
        assert sha256(document_open(document).payload) == commitment
        return document, keys

    def claim_key(self, private):
        """What its codes derive from, sealed to the station with this key."""
        log, enc, sealed = self.asks[5]
        hpke = Hpke(private, enc, b"imprint claim key")
        return hpke.open(cbor_encode([self.pack, self.order, self.product,
                                      log, self.recipient]), sealed)

    def claim_codes(self, private):
        """{index: claim code}, as the station that has this key prints."""
        key = self.claim_key(private)
        return {index: claim_code(key, self.asks[5][0], index)
                for index in self.indices()}

    def devices(self):
        """Yield (index, commitment, key id, device id, enc, sealed) of a pack
        whose packages are each for one device."""
        assert self.mode != "station"
        for (_, rows), chunk in zip(self.tables, self.chunks):
            for i, (commitment, octets) in enumerate(rows):
                yield (chunk[2] + i, commitment, *cbor_decode(octets))

    def open_chip(self, private):
        """What the chip with this key finds: (index, document, keys)."""
        kid = thumbprint(private.public_key())
        for index, commitment, whose, _, enc, sealed in self.devices():
            if whose == kid:
                return (index, *self._inside(
                    Hpke(private, enc, b"imprint package"), index,
                    commitment, kid, sealed))
        return None

    def open(self, private, positions=None):
        """Yield (index, document, [[slot, alg, private]]), commitments
        checked."""
        assert self.recipient == thumbprint(private.public_key())
        position = 0
        for (enc, rows), chunk in zip(self.tables, self.chunks):
            hpke = None
            for i, (commitment, sealed) in enumerate(rows):
                position += 1
                if positions is not None and position - 1 not in positions:
                    continue
                hpke = hpke or Hpke(private, enc, b"imprint package")
                index = chunk[2] + i
                if self.mode == "device-key":
                    _, _, none, sealed = cbor_decode(sealed)
                    assert none == b""
                yield (index, *self._inside(hpke, index, commitment,
                                            self.recipient, sealed))


# X.509

def certificates(pem):
    """All of a PEM file."""
    end = b"-----END CERTIFICATE-----\n"
    return [x509.load_pem_x509_certificate(part + end)
            for part in pem.split(end)[:-1]]


def certificate_verify(certificate, issuer):
    assert certificate.issuer == issuer.subject
    issuer.public_key().verify(
        certificate.signature, certificate.tbs_certificate_bytes,
        ec.ECDSA(certificate.signature_hash_algorithm))


# The log (RFC 9162 2.1, C2SP tlog-checkpoint and signed-note)

def leaf_hash(entry):
    return sha256(b"\x00", entry)


def identity_leaf(index, commitment, evidence=1):
    return leaf_hash(cbor_encode([1, 1, index, evidence, commitment]))


def void_leaf(index, evidence=1):
    return leaf_hash(cbor_encode([1, 2, index, evidence, None]))


def merkle_root(leaves):
    """By the recursive definition of RFC 9162 2.1.1."""
    n = len(leaves)
    if n == 0:
        return sha256()
    if n == 1:
        return leaves[0]
    k = 1
    while k * 2 < n:
        k *= 2
    return sha256(b"\x01", merkle_root(leaves[:k]), merkle_root(leaves[k:]))


class Checkpoint:
    def __init__(self, note):
        text, signatures = note.decode().split("\n\n")
        self.text = text + "\n"
        self.origin, size, root = text.split("\n")
        self.size = int(size)
        self.root = base64.b64decode(root, validate=True)
        dash, self.key_name, blob = signatures.rstrip("\n").split(" ")
        assert dash == "\u2014" and signatures.endswith("\n")
        blob = base64.b64decode(blob, validate=True)
        self.key_hash, self.signature = blob[:4], blob[4:]

    def verify(self, public):
        raw = public.public_bytes(serialization.Encoding.Raw,
                                  serialization.PublicFormat.Raw)
        assert self.key_name == self.origin
        assert self.key_hash == \
            sha256(self.key_name.encode() + b"\n\x01" + raw)[:4]
        public.verify(self.signature, self.text.encode())


def verifier_key(line, name):
    """The key in a verifier key's line: name+hash+base64(1 || key)."""
    stated, hashed, blob = line.rstrip("\n").split("+", 2)
    blob = base64.b64decode(blob, validate=True)
    assert stated == name and blob[0] == 1
    assert sha256(name.encode() + b"\n" + blob)[:4].hex() == hashed
    return ed25519.Ed25519PublicKey.from_public_bytes(blob[1:])


# The software keystore (lib/keystore/keystore_file.c)

KEYSTORE_MAGIC = b"IMPRKEYS"


def keystore_cipher(header, passphrase):
    """(cipher, nonce) of a header."""
    magic, version, log2_n, r, p, salt, nonce = \
        struct.unpack(">8sBBBB32s12s", header)
    assert magic == KEYSTORE_MAGIC and version == 1
    key = hashlib.scrypt(passphrase, salt=salt, n=1 << log2_n, r=r, p=p,
                         maxmem=1 << 28, dklen=32)
    return AESGCM(key), nonce


def keystore_cheapen(path, passphrase):
    """The same content under the least N there may be: a test opens it
    thousands of times. What the programs make has 2^15."""
    data = Path(path).read_bytes()
    old, new = data[:56], data[:9] + b"\x0a" + data[10:56]
    if old == new:
        return
    assert old[8:12] == bytes([1, 15, 8, 1])
    cipher, nonce = keystore_cipher(old, passphrase)
    content = cipher.decrypt(nonce, data[56:], old)
    cipher, nonce = keystore_cipher(new, passphrase)
    Path(path).write_bytes(new + cipher.encrypt(nonce, content, new))


def keystore_open(path, passphrase):
    """{label: private key or secret bytes}"""
    data = Path(path).read_bytes()
    cipher, nonce = keystore_cipher(data[:56], passphrase)
    content = cbor_decode(cipher.decrypt(nonce, data[56:], data[:56]))
    keys = {}
    for label, entry in content.items():
        if 3 in entry:
            keys[label] = entry[3]
        elif entry[1] == P256:
            keys[label] = ec.derive_private_key(
                int.from_bytes(entry[2], "big"), ec.SECP256R1())
        elif entry[1] == ED25519:
            keys[label] = \
                ed25519.Ed25519PrivateKey.from_private_bytes(entry[2])
        else:
            keys[label] = \
                x25519.X25519PrivateKey.from_private_bytes(entry[2])
    return keys


# The registry and everything around it (lib/store/schema.c)

def rows(path, sql, *arguments):
    db = sqlite3.connect(path)
    db.row_factory = sqlite3.Row
    try:
        return db.execute(sql, arguments).fetchall()
    finally:
        db.close()


def log_leaves(path, log=1):
    """All leaf hashes of a log, checked to be one for each index."""
    ranges = rows(path, "SELECT * FROM range WHERE log = ? ORDER BY first",
                  log)
    segments = rows(path, "SELECT * FROM segment WHERE log = ? "
                    "ORDER BY first", log)
    row = rows(path, "SELECT * FROM log WHERE log = ?", log)[0]
    stored = {}
    for s in segments:
        count = len(s["leaves"]) // 32
        assert 1 <= count <= 256
        assert len(s["entries"]) == count * s["entry_size"]
        for i in range(count):
            assert s["first"] + i not in stored, "an index twice"
            stored[s["first"] + i] = s["leaves"][32 * i:32 * i + 32]
    leaves, at = [], 0
    for r in ranges:
        assert r["first"] == at, "ranges leave a gap or overlap"
        assert r["state"] in (COMMITTED, VOID), "a range is still reserved"
        for i in range(r["first"], r["first"] + r["count"]):
            if r["state"] == VOID:
                assert i not in stored, "a void index has an entry"
                leaves.append(void_leaf(i, r["evidence"]))
            else:
                leaves.append(stored.pop(i))
        at += r["count"]
    assert not stored, "entries outside every range"
    assert row["reserved"] == row["size"] == at
    return leaves


def check_complete(directory, order, stations, evidence=1):
    """Everything that must hold of a complete order, whatever happened on
    the way. stations: {name: private sealing key}. Returns the UEIDs."""
    directory = Path(directory)
    db = directory / "registry.db"
    assert rows(db, "PRAGMA integrity_check")[0][0] == "ok"
    row = rows(db, "SELECT * FROM orders WHERE number = ?", order)[0]
    assert row["state"] == 2 and row["committed"] == row["count"]

    leaves = log_leaves(db)
    log = rows(db, "SELECT * FROM log WHERE log = 1")[0]
    note = (directory / "publish/log/bulk/checkpoint").read_bytes()
    assert note == log["checkpoint"]
    checkpoint = Checkpoint(note)
    assert checkpoint.size == len(leaves)
    assert checkpoint.root == merkle_root(leaves)

    ranges = {(r["pack"], r["chunk"]): r for r in rows(
        db, "SELECT * FROM range WHERE order_number = ? AND state = 2",
        order)}
    committed = {r["first"] + i for r in ranges.values()
                 for i in range(r["count"])}
    assert len(committed) == row["count"]
    issued, ueids = [], set()
    packs = rows(db, "SELECT * FROM pack WHERE order_number = ?", order)
    assert len(packs) == row["packs"]
    for p in packs:
        assert p["complete"] == 1 and p["committed"] == p["count"]
        path = directory / f"packs/order-{order}-{p['no']}.pack"
        pack = Pack(path.read_bytes())
        pack.verify()
        assert pack.pack == p["id"] and pack.order == row["id"]
        assert pack.count == p["count"] and pack.product == row["product"]
        for i, (offset, length, first, count, hashed) in \
                enumerate(pack.chunks):
            r = ranges.pop((p["no"], i))
            assert (offset, length, first, count, hashed) == (
                r["pack_offset"], r["pack_length"], r["first"], r["count"],
                r["chunk_hash"])
        issued += pack.indices()
        for index, document, _ in pack.open(stations[p["station"]]):
            claims = document_open(document).payload
            assert leaves[index] == identity_leaf(
                index, sha256(claims), evidence)
            ueids.add(cbor_decode(claims)[256])
    assert not ranges, "committed chunks that are in no pack"
    assert len(issued) == len(set(issued)) and set(issued) == committed
    assert len(ueids) == row["count"], "a UEID twice"
    assert leftovers(directory) == []
    return ueids


def leftovers(directory):
    return sorted(str(p) for p in Path(directory).rglob("*")
                  if p.suffix in (".part", ".tmp", ".new"))
