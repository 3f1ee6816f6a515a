#!/usr/bin/python3
"""Lists of devices as chip makers and lines hand them in, for the tests of
lib/devices, by other people's code: python3-cryptography and openssl.

Writes into lists/ beside itself a file for each case, certificates of makers,
and cases.txt, one line each: name | format | kind | signature, "-" when none
| error, "ok" when none | what must be in the message, or number of entries,
trust and SHA-256 of the canonical list | other arguments. A bad case differs
in one thing from a good one. Some keys and all ECDSA signatures differ with
every run, so the files are made once and kept; run it again when a case is
added:

    /usr/bin/python3 tests/vectors/make_lists.py
"""
import base64
import datetime
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import (
    ec, ed25519, padding, rsa, x25519)
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature)
from cryptography.x509.oid import NameOID

HERE = Path(__file__).resolve().parent
OUT = HERE / "lists"
sys.path.insert(0, str(HERE.parents[0] / "e2e"))
import reader  # noqa: E402

PROOF_TYP = "application/imprint-key-proof+cose"
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
RAW = serialization.PublicFormat.Raw
TRUST = {"signed": 1, "approved": 2, "possession": 3, "manifest": 4}
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b
cases = []


def number(name):
    return int.from_bytes(hashlib.sha256(name.encode()).digest(), "big")


def ec_key(name, curve=ec.SECP256R1()):
    return ec.derive_private_key(number(name) >> 34 or 1, curve)


def okp_key(name, kind=x25519.X25519PrivateKey):
    return kind.from_private_bytes(number(name).to_bytes(32, "big"))


def rsa_key(size=2048, exponent=65537):
    return rsa.generate_private_key(exponent, size)


def point(key, compressed=False):
    form = serialization.PublicFormat.CompressedPoint if compressed else \
        serialization.PublicFormat.UncompressedPoint
    return key.public_key().public_bytes(serialization.Encoding.X962, form)


def raw(key):
    return key.public_key().public_bytes(serialization.Encoding.Raw, RAW)


def spki(key):
    return key.public_key().public_bytes(DER, SPKI)


def canonical(kind, trust, source, entries):
    """The canonical list of [(id, [(slot, key), ...]), ...]."""
    items = [["imprint-device-list", 1, kind, TRUST[trust], source]]
    for device, keys in entries:
        items.append([device, [[slot, reader.cose_key(key.public_key())]
                               for slot, key in keys]])
    out = b"".join(reader.cbor_encode(reader.cbor_encode(i)) for i in items)
    return out + reader.cbor_encode(len(entries))


def good(name, fmt, kind, content, trust, entries, signature=None, source="",
         more=""):
    digest = hashlib.sha256(canonical(kind, trust, source, entries))
    add(name, fmt, kind, content, signature, "ok",
        f"{len(entries)} {TRUST[trust]} {digest.hexdigest()}", more)


def bad(name, fmt, kind, content, error, text, signature=None, more=""):
    add(name, fmt, kind, content, signature, error, text, more)


def add(name, fmt, kind, content, signature, error, text, more):
    assert name not in [c.split("|")[0] for c in cases], name
    content = content.encode() if isinstance(content, str) else content
    (OUT / f"{name}.{fmt}").write_bytes(content)
    if signature is not None:
        (OUT / f"{name}.p7s").write_bytes(signature)
    cases.append("|".join([name, fmt, str(kind),
                           "-" if signature is None else f"{name}.p7s",
                           error, text, more]))


# Certificates

def certificate(key, name, issuer=None, issuer_key=None, ca=False,
                start=2020, end=9000, digest=hashes.SHA256()):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return x509.CertificateBuilder().subject_name(subject).issuer_name(
        issuer.subject if issuer else subject).public_key(
        key.public_key()).serial_number(number(name) >> 100).not_valid_before(
        datetime.datetime(start, 1, 1)).not_valid_after(
        datetime.datetime(end, 1, 1)).add_extension(
        x509.BasicConstraints(ca=ca, path_length=None), True).sign(
        issuer_key or key, digest)


MAKER = ec_key("the chip maker")
MAKER_CERT = certificate(MAKER, "chip maker")
CA = ec_key("the chip maker's CA")
CA_CERT = certificate(CA, "chip maker CA", ca=True)
LEAF = ec_key("below the CA")
LEAF_CERT = certificate(LEAF, "below the CA", CA_CERT, CA)
OLD = ec_key("an old maker")
OLD_CERT = certificate(OLD, "old maker", start=2001, end=2002)
P384 = ec_key("maker with P-384", ec.SECP384R1())
P384_CERT = certificate(P384, "P-384 maker")
STRANGER = ec_key("a stranger")
STRANGER_CERT = certificate(STRANGER, "stranger")
CHIPS = [ec_key(f"chip {n}") for n in range(4)]
AGREE = [okp_key(f"agree {n}") for n in range(4)]


# Certification requests

def csr(key, name="a name nobody reads", digest=hashes.SHA256(), **how):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        digest = None
    return x509.CertificateSigningRequestBuilder().subject_name(x509.Name([
        x509.NameAttribute(NameOID.COMMON_NAME, name)])).sign(
        key, digest, **how)


def pem(label, der):
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN {label}-----\n{text}-----END {label}-----\n"


def openssl(*argv, key=None, stdin=b""):
    with tempfile.TemporaryDirectory() as where:
        path = Path(where) / "key.pem"
        if key is not None:
            path.write_bytes(key.private_bytes(
                PEM, serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption()))
        return subprocess.run(
            ["openssl", *[a.replace("KEY", str(path)) for a in argv]],
            input=stdin, check=True, capture_output=True).stdout


def csrs():
    K, fmt, R = 2, "csr", "CERTIFICATE REQUEST"
    p256, other = ec_key("csr 1"), ec_key("csr 2")
    p384 = ec_key("csr 3", ec.SECP384R1())
    ed = okp_key("csr 4", ed25519.Ed25519PrivateKey)
    rsa2, rsa3 = rsa_key(), rsa_key(3072)
    ders = [csr(k).public_bytes(DER) for k in (p256, p384, ed, rsa2, rsa3)]
    keys = [(b"", [(0, k)]) for k in (p256, p384, ed, rsa2, rsa3)]
    pems = "".join(pem(R, d) for d in ders)
    one = csr(p256).public_bytes(DER)
    good("csr", fmt, K, pems, "possession", keys)
    good("csr-crlf", fmt, K, "requests of today\n" + pems.replace("\n", "\r\n"),
         "possession", keys)
    good("csr-new", fmt, K, pem("NEW " + R, one), "possession", keys[:1])
    good("csr-der", fmt, K, b"".join(ders), "possession", keys)
    good("csr-chip", fmt, 1, pem(R, one), "approved", keys[:1])
    good("csr-slot", fmt, K, pem(R, one), "possession",
         [(b"", [(3, p256)])], more="slots=3")
    good("csr-pss", fmt, K, openssl(
        "req", "-new", "-key", "KEY", "-subj", "/CN=x", "-sigopt",
        "rsa_padding_mode:pss", "-sha256", key=rsa2), "possession",
        [(b"", [(0, rsa2)])])
    good("csr-sha512", fmt, K, csr(p256, digest=hashes.SHA512()).public_bytes(
        PEM), "possession", keys[:1])
    bad("csr-slots", fmt, K, pem(R, one), "invalid",
        "the product wants 2 of the device's own", more="slots=0,2")
    bad("csr-rsa1024", fmt, K, csr(rsa_key(1024)).public_bytes(PEM),
        "unsupported", "request 1: SubjectPublicKeyInfo: algorithm, size")
    bad("csr-rsa-e3", fmt, K, csr(rsa_key(2048, 3)).public_bytes(PEM),
        "unsupported", "algorithm, size or parameters")
    for curve in (ec.SECP224R1(), ec.SECP256K1(), ec.SECP521R1()):
        bad("csr-" + curve.name, fmt, K, csr(ec_key("x", curve)).public_bytes(
            PEM), "unsupported", "algorithm, size or parameters")
    bad("csr-explicit", fmt, K, openssl(
        "req", "-new", "-newkey", "ec", "-pkeyopt",
        "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit",
        "-nodes", "-keyout", "/dev/null", "-subj", "/CN=x"), "unsupported",
        "algorithm, size or parameters")
    bad("csr-sha1", fmt, K, openssl(
        "req", "-new", "-key", "KEY", "-subj", "/CN=x", "-sha1", key=p256),
        "unsupported", "algorithm unknown, or over a weak digest")
    bad("csr-pss-sha1", fmt, K, openssl(
        "req", "-new", "-key", "KEY", "-subj", "/CN=x", "-sigopt",
        "rsa_padding_mode:pss", "-sha1", key=rsa2), "unsupported",
        "weak digest")
    broken = bytearray(one)
    broken[-1] ^= 1
    bad("csr-proof", fmt, K, pems + pem(R, bytes(broken)), "authentication",
        "request 6: certification request: its signature is not by its own")
    swapped = one.replace(point(p256), point(other))
    bad("csr-swapped", fmt, K, pem(R, swapped), "authentication",
        "no proof of possession")
    off = bytearray(point(p256))
    off[-1] ^= 1
    bad("csr-off-curve", fmt, K, pem(R, one.replace(
        point(p256), bytes(off))), "invalid", "not on the curve")
    bad("csr-trailing", fmt, K, pem(R, one + b"\0"), "syntax",
        "1 octets follow it")
    bad("csr-cut", fmt, K, pem(R, one[:-1]), "syntax", "no well-formed DER")
    bad("csr-base64", fmt, K, pem(R, one).replace("M", "*"), "syntax",
        "no base64")
    bad("csr-open", fmt, K, pem(R, one) + pems[:200], "syntax",
        "request 2: begins and does not end")
    bad("csr-not-begun", fmt, K, pems.replace("-----BEGIN", "----- BEGIN", 1),
        "syntax", "request 1: ends and does not begin")
    bad("csr-open-inside", fmt, K, pems[:200] + "\n" + pem(R, one), "syntax",
        "request 1: begins and does not end")
    bad("csr-ends-otherwise", fmt, K, pem(R, one).replace(
        "END ", "END NEW "), "syntax", "its end is that of NEW CERTIFICATE")
    bad("csr-private", fmt, K, pem("PRIVATE KEY", b"secret"), "invalid",
        "is a PRIVATE KEY")
    bad("csr-certificate", fmt, K, MAKER_CERT.public_bytes(PEM), "invalid",
        "no certification request: CERTIFICATE")
    bad("csr-huge", fmt, K, pem(R, b"0" * 30000), "limit",
        "longer than any request")
    bad("csr-large", fmt, K, pem(R, b"0" * 17000), "limit",
        "longer than 16384 octets")
    bad("csr-none", fmt, K, "nothing here\n", "invalid", "names no device")
    bad("csr-long-line", fmt, K, "x" * 2000, "limit", "line 1: longer than")
    bad("csr-twice", fmt, K, pem(R, one) + pem(R, ders[1]) + pem(
        R, csr(p256, "again").public_bytes(DER)), "invalid",
        "request 3: its key is that of request 1 too")
    bad("csr-many-bad", fmt, K, pem(R, bytes(broken)) * 12 + pem(R, one),
        "authentication", "(12 of 13 are bad)", more="bad=12")
    bad("csr-der-cut", fmt, K, ders[0] + ders[1][:-1], "syntax",
        "request 2: is cut off")
    bad("csr-der-else", fmt, K, ders[0] + b"else", "syntax",
        "after 1 requests: no DER of another begins here")
    bad("csr-der-large", fmt, K, ders[0] + b"\x30\x82\x50\x00" +
        bytes(0x5000), "limit", "request 2: longer than any request")


# CSV and its signatures

def cms(content, key=MAKER, cert=MAKER_CERT, *options, der="DER",
        how=("-binary",), also=None):
    with tempfile.TemporaryDirectory() as where:
        where = Path(where)
        (where / "in").write_bytes(content)
        signers = [(key, cert)] + ([also] if also else [])
        argv = ["openssl", "cms", "-sign", *how, "-outform", der,
                "-in", str(where / "in"), *options]
        for n, (k, c) in enumerate(signers):
            (where / f"{n}.key").write_bytes(k.private_bytes(
                PEM, serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption()))
            (where / f"{n}.pem").write_bytes(c.public_bytes(PEM))
            argv += ["-signer", str(where / f"{n}.pem"),
                     "-inkey", str(where / f"{n}.key")]
        return subprocess.run(argv, check=True, capture_output=True).stdout


def csvs():
    C, K, fmt = 1, 2, "csv"
    ids = [f"0123{n:02x}" for n in range(4)]
    chips = [(bytes.fromhex(i), [(0, k)]) for i, k in zip(ids, CHIPS)]
    text = "id,key\n" + "".join(
        f"{i},{point(k).hex()}\n" for i, k in zip(ids, CHIPS))
    data = text.encode()
    good("csv", fmt, C, text, "approved", chips)
    good("csv-signed", fmt, C, text, "signed", chips, cms(data), "acme")
    bad("csv-ca", fmt, C, text, "authentication", "signer: none of the 4",
        cms(data, LEAF, LEAF_CERT))
    good("csv-keys", fmt, K, text, "manifest", chips, cms(data), "acme")
    good("csv-sha384", fmt, C, text, "signed", chips,
         cms(data, MAKER, MAKER_CERT, "-md", "sha384"), "acme")
    good("csv-nocerts", fmt, C, text, "signed", chips,
         cms(data, MAKER, MAKER_CERT, "-nocerts"), "acme")
    mixed = [("01", base64.b64encode(spki(CHIPS[0])).decode()),
             ("02", point(CHIPS[1], True).hex().upper()),
             ("03", spki(AGREE[2]).hex()),
             ("04", base64.b64encode(point(CHIPS[3])).decode())]
    good("csv-forms", fmt, C, "\ufeffid,key\r\n" + "\r\n".join(
        f'"{i}","{k}"' for i, k in mixed), "approved",
        [(bytes([n + 1]), [(0, k)]) for n, k in enumerate(
            [CHIPS[0], CHIPS[1], AGREE[2], CHIPS[3]])])
    good("csv-raw", fmt, C, "key/X25519\n" + "".join(
        f"{raw(k).hex()}\n" for k in AGREE), "approved",
        [(b"", [(0, k)]) for k in AGREE])
    rsa2, p384 = rsa_key(), ec_key("csv", ec.SECP384R1())
    good("csv-slots", fmt, K, "key-2/X25519,id,key-0\n" + "".join(
        f"{raw(a).hex() if n else spki(a).hex()},{i},{point(c).hex()}\n"
        for n, (i, a, c) in enumerate(zip(ids, AGREE, CHIPS))), "approved",
        [(bytes.fromhex(i), [(0, c), (2, a)])
         for i, a, c in zip(ids, AGREE, CHIPS)], more="slots=0,2")
    good("csv-rsa", fmt, K, f"key\n{spki(rsa2).hex()}\n{point(p384).hex()}\n",
         "approved", [(b"", [(0, rsa2)]), (b"", [(0, p384)])])

    def line(name, row, error, what, kind=C):
        bad("csv-" + name, fmt, kind, text + row + "\n", error, what)

    off = bytearray(point(CHIPS[0]))
    off[-1] ^= 1
    key = point(ec_key("one more")).hex()
    line("off-curve", "99," + off.hex(), "invalid",
         "line 6: column 2: P-256 public key: the point is not on the curve")
    no_x = next(x for x in range(1, 99) if pow(pow(x, 3, P) - 3 * x + B, (
        P - 1) // 2, P) != 1)
    line("off-curve-compressed", "99,02" + no_x.to_bytes(32, "big").hex(),
         "invalid", "no point of the curve")
    line("infinity", "99,00", "invalid", "1 octets are no key")
    line("infinity-spki", "99," + "3019301306072a8648ce3d020106082a8648ce3d03"
         "0107030200" + "00", "invalid", "1 octets, not 65")
    line("not-hex", "xyz," + key, "invalid", 'id: "xyz" is not 1 to 64')
    line("no-id", "," + key, "invalid", 'id: "" is not')
    line("long-id", "ab" * 65 + "," + key, "invalid", "is not 1 to 64")
    line("odd-id", "abc," + key, "invalid", 'id: "abc"')
    line("no-key", "99,", "syntax", "neither hexadecimal nor base64")
    line("no-text", "99,?", "syntax", "neither hexadecimal nor base64")
    line("columns", "99," + key + ",", "syntax", "more columns than in the")
    line("one-column", "99", "syntax", "1 of 2 columns")
    line("blank", "", "syntax", "line 6: is empty")
    line("quote", '"99,' + key, "syntax", "is not closed on this line")
    line("32", "99," + raw(AGREE[0]).hex(), "invalid",
         "32 octets are no key whose algorithm can be told")
    line("ed25519", "99," + spki(okp_key(
        "e", ed25519.Ed25519PrivateKey)).hex(), "invalid",
        "a chip's key is X25519 or P-256")
    line("p224", "99," + spki(ec_key("x", ec.SECP224R1())).hex(),
         "unsupported", "algorithm, size or parameters")
    line("id-twice", ids[1] + "," + key, "invalid",
         "line 6: its id is that of line 3 too")
    line("key-twice", "99," + point(CHIPS[2]).hex(), "invalid",
         "line 6: its key is that of line 4 too")
    line("key-twice-otherwise", "99," + base64.b64encode(spki(
        CHIPS[2])).decode(), "invalid", "its key is that of line 4 too")
    for n, small in enumerate(
            ["00" * 32, "01" + "00" * 31,
             "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b8"
             "00",
             "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11"
             "57", "ec" + "ff" * 30 + "7f", "ed" + "ff" * 30 + "7f",
             "ee" + "ff" * 30 + "7f", "ed" + "ff" * 31]):
        bad(f"csv-small-{n}", fmt, C, "key/X25519\n" + small + "\n",
            "invalid", "line 2: column 1: X25519 public key: a point of small")

    def head(name, first, error, what, more=""):
        bad("csv-head-" + name, fmt, K, first + text[text.index("\n"):],
            error, what, more=more)

    head("none", "01,02", "invalid", 'column 1: "01" is none of id, key')
    head("id-alone", "id", "invalid", "has no column with a key")
    head("twice", "id,id", "invalid", "column 2: is column 1 already")
    head("key-twice", "key,key-0", "invalid", "column 2: is column 1")
    head("slot", "id,key-8", "invalid", '"key-8" is none of')
    head("alg", "id,key/P-999", "invalid", '"P-999" is no algorithm')
    head("many", ",".join(["id"] + [f"key-{n}" for n in range(8)] + ["x"]),
         "syntax", "column 10: more than slots")
    head("quote", 'id,k"ey', "syntax", "column 2: a quotation mark")
    head("slots", "id,key", "invalid", "the product wants 2",
         more="slots=0,1")
    bad("csv-alg-other", fmt, K, f"key/P-384\n{spki(CHIPS[0]).hex()}\n",
        "invalid", "is P-256, the column says P-384")
    bad("csv-empty", fmt, C, "", "syntax", "is empty")
    bad("csv-no-line", fmt, C, "id,key\n", "invalid", "names no device")
    bad("csv-long-line", fmt, C, "id,key\n" + "a" * 20000, "limit",
        "line 2: longer than 16384")
    bad("csv-one-of-many", fmt, C, "key/X25519\n" + "".join(
        ("00" * 32 if n % 5 == 2 else raw(okp_key(f"m{n}")).hex()) + "\n"
        for n in range(60)), "invalid", "(12 of 60 are bad)", more="bad=12")

    def sign(name, signature, error, what, content=text):
        bad("csv-sig-" + name, fmt, C, content, error, what, signature)

    sign("other", cms(data, STRANGER, STRANGER_CERT), "authentication",
         "signer: none of the 4 registered chip makers")
    sign("forged", cms(data, STRANGER, certificate(
        STRANGER, "chip maker")), "authentication", "is not by the key of its")
    fake = certificate(STRANGER, "below the maker", MAKER_CERT, MAKER)
    sign("below-leaf", cms(data, STRANGER, fake), "authentication",
         "signer: none of the 4")
    sign("expired", cms(data, OLD, OLD_CERT), "authentication",
         "signer: none of the 4")
    sign("changed", cms(data), "authentication", "is over another content",
         text + "99," + key + "\n")
    sign("changed-and-bad", cms(data), "authentication", "is over another content",
         text + "99,\n")
    sign("text-mode", cms(data, how=()), "authentication", "is over another content")
    sign("attached", cms(data, MAKER, MAKER_CERT, "-nodetach"), "syntax",
         "not detached")
    sign("noattr", cms(data, MAKER, MAKER_CERT, "-noattr"), "syntax",
         "without signed attributes")
    sign("sha1", cms(data, MAKER, MAKER_CERT, "-md", "sha1"), "unsupported",
         "digest: none of SHA-256")
    sign("pem", cms(data, der="PEM"), "syntax", "no well-formed DER")
    sign("two", cms(data, also=(STRANGER, STRANGER_CERT)), "syntax",
         "not of exactly one signer")
    sign("trailing", cms(data) + b"\0", "syntax", "octets follow it")
    sign("huge", cms(data) + bytes(70000), "limit", "longer than 65536")
    sign("enveloped", subprocess.run(
        ["openssl", "cms", "-digest_create", "-outform", "DER", "-binary"],
        input=data, check=True, capture_output=True).stdout, "syntax",
        "not SignedData")
    broken = bytearray(cms(data))
    broken[-3] ^= 1
    sign("broken", bytes(broken), "authentication", "is not by the key of its signer")


# Manifests

def b64u(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk(key, kid="0", **more):
    numbers = key.public_key().public_numbers()
    size = (key.curve.key_size + 7) // 8
    return {"kid": kid, "kty": "EC", "crv": {32: "P-256", 48: "P-384"}[size],
            "x": b64u(numbers.x.to_bytes(size, "big")),
            "y": b64u(numbers.y.to_bytes(size, "big")), **more}


def device_cert(key):
    return base64.b64encode(certificate(key, "device").public_bytes(
        DER)).decode()


def payload(device, keys, **more):
    return {"version": 1, "model": "ATECC608B", "partNumber": "ATECC608B-TFLX",
            "manufacturer": {"organizationName": "Acme Chips"},
            "provisioningTimestamp": "2026-01-24T16:35:23.473Z",
            "uniqueId": device, "publicKeySet": {"keys": keys}, **more}


def jws(content, key=MAKER, cert=MAKER_CERT, header=None, device=None,
        without=(), **more):
    protected = {"typ": "JWT", "alg": "ES256", "kid": "B0uaDLLiyKe-SorP71F3BN",
                 "x5t#S256": b64u(cert.fingerprint(hashes.SHA256())),
                 **(header or {})}
    for name in without:
        protected.pop(name, None)
    text = content if isinstance(content, str) else json.dumps(content)
    first = b64u(json.dumps(protected).encode())
    second = b64u(text.encode())
    der = key.sign(f"{first}.{second}".encode(), ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(der)
    size = (key.curve.key_size + 7) // 8
    out = {"payload": second, "protected": first,
           "header": {"uniqueId": device or json.loads(text)["uniqueId"]},
           "signature": b64u(r.to_bytes(size, "big") +
                             s.to_bytes(size, "big")), **more}
    return {k: v for k, v in out.items() if v is not None and
            k not in without}


def manifests():
    C, K, fmt = 1, 2, "manifest"
    ids = [f"0123f1822c38dd7a{n:02x}" for n in range(3)]
    entries = [jws(payload(i, [jwk(k, "0", x5c=[device_cert(k)]),
                               jwk(ec_key("other " + i), "1")]))
               for i, k in zip(ids, CHIPS)]
    chips = [(bytes.fromhex(i), [(0, k)]) for i, k in zip(ids, CHIPS)]
    good("manifest", fmt, C, json.dumps(entries, indent=2), "signed", chips,
         source="acme")
    good("manifest-line", fmt, C, " [" + ",".join(
        json.dumps(e, separators=(",", ":")) for e in entries) + "]\n\n",
        "signed", chips, source="acme")
    good("manifest-keys", fmt, K, json.dumps(entries), "manifest", chips,
         source="acme")
    good("manifest-slots", fmt, K, json.dumps(entries), "manifest",
         [(bytes.fromhex(i), [(0, k), (1, ec_key("other " + i))])
          for i, k in zip(ids, CHIPS)], source="acme", more="slots=0,1")
    good("manifest-key-id", fmt, C, json.dumps(entries), "signed",
         [(bytes.fromhex(i), [(0, ec_key("other " + i))]) for i in ids],
         source="acme", more="key=1")
    agree = {"kid": "0", "kty": "OKP", "crv": "X25519", "x": b64u(
        raw(AGREE[0]))}
    good("manifest-okp", fmt, C, json.dumps([jws(payload(ids[0], [agree]))]),
         "signed", [(bytes.fromhex(ids[0]), [(0, AGREE[0])])], source="acme")
    rsa2 = rsa_key()
    numbers = rsa2.public_key().public_numbers()
    rsa_jwk = {"kid": "0", "kty": "RSA", "e": "AQAB",
               "n": b64u(numbers.n.to_bytes(256, "big"))}
    good("manifest-rsa", fmt, K, json.dumps([jws(payload(
        ids[0], [rsa_jwk]))]), "manifest",
        [(bytes.fromhex(ids[0]), [(0, rsa2)])], source="acme")
    good("manifest-no-header", fmt, C, json.dumps([
        {k: v for k, v in entries[0].items() if k != "header"}]), "signed",
        chips[:1], source="acme")

    def entry(name, second, error, what, kind=C, more=""):
        bad("manifest-" + name, fmt, kind, json.dumps([entries[0], second]),
            error, what, more=more)

    one = payload(ids[1], [jwk(CHIPS[1])])
    entry("none", jws(one, header={"alg": "none"}), "unsupported",
          "entry 2: JWS: alg: not ES256")
    entry("hs256", jws(one, header={"alg": "HS256"}), "unsupported",
          "alg: not ES256")
    entry("no-alg", jws(one, without=["alg"]), "syntax", "JWS: alg: missing")
    entry("crit", jws(one, header={"crit": ["b64"], "b64": False}),
          "unsupported", "crit: a critical header")
    entry("stranger", jws(one, STRANGER, STRANGER_CERT), "authentication",
          "x5t#S256: the certificate of no registered chip maker")
    entry("forged", jws(one, STRANGER), "authentication", "its signature is not by acme")
    entry("no-x5t", jws(one, without=["x5t#S256"]), "syntax",
          "x5t#S256: missing")
    entry("expired", jws(one, OLD, OLD_CERT), "authentication",
          "the certificate of old-maker is not valid now")
    entry("p384", jws(one, P384, P384_CERT), "unsupported", "no P-256 key")
    entry("two-makers", jws(one, CA, CA_CERT), "invalid",
          "is by acme-ca, the ones before by acme")
    changed = jws(one)
    changed["payload"] = entries[1]["payload"]
    entry("changed", changed, "authentication", "its signature is not by acme")
    entry("sig-short", jws(one, signature="AAAA"), "authentication",
          "its signature is not by acme")
    entry("sig-base64", jws(one, signature="+/+/"), "syntax",
          "signature: no base64url")
    entry("no-signature", jws(one, without=["signature"]), "syntax",
          "signature: missing")
    entry("no-payload", jws(one, without=["payload"]), "syntax",
          "payload: missing")
    entry("no-protected", jws(one, without=["protected"]), "syntax",
          "protected: missing")
    entry("protected-number", jws(one, protected=5), "syntax",
          "protected: no text")
    entry("payload-text", jws('"uniqueId"', device="01"), "syntax",
          "payload: no JSON")
    entry("payload-twice", jws(json.dumps(one)[:-1] + ',"uniqueId":"01"}'),
          "syntax", "payload: no JSON: duplicate object key")
    entry("header-other", jws(one, device="0f"), "invalid",
          "header: uniqueId: another one than in what was signed")
    entry("id-missing", jws({k: v for k, v in one.items()
                             if k != "uniqueId"}, device="0f"), "syntax",
          "uniqueId: missing")
    for name, value in (("text", "chip"), ("empty", ""), ("odd", "012"),
                        ("long", "ab" * 65)):
        entry("id-" + name, jws(payload(value, [jwk(CHIPS[1])])), "invalid",
              "uniqueId: not 1 to 64 octets in hexadecimal")
    entry("repeated", jws(payload(ids[0], [jwk(CHIPS[1])])), "invalid",
          "entry 2: its id is that of entry 1 too")
    entry("key-repeated", jws(payload(ids[1], [jwk(CHIPS[0])])), "invalid",
          "entry 2: its key is that of entry 1 too")
    entry("no-keys", jws({k: v for k, v in one.items()
                          if k != "publicKeySet"}), "syntax",
          "publicKeySet: missing")
    entry("no-kid", jws(payload(ids[1], [jwk(CHIPS[1], "7")])), "invalid",
          "no key is called 0")
    entry("kid-twice", jws(payload(ids[1], [jwk(CHIPS[1]), jwk(CHIPS[2])])),
          "invalid", "two keys are called 0")
    entry("x5c-other", jws(payload(ids[1], [jwk(
        CHIPS[1], x5c=[device_cert(CHIPS[2])])])), "invalid",
        "x5c: its certificate has another key")
    entry("x5c-empty", jws(payload(ids[1], [jwk(CHIPS[1], x5c=[])])),
          "syntax", "x5c: no array of certificates")
    entry("x5c-bad", jws(payload(ids[1], [jwk(CHIPS[1], x5c=["AAAA"])])),
          "syntax", "x5c: certificate")

    def key(name, change, error, what, kind=C):
        entry("key-" + name, jws(payload(ids[1], [
            {**jwk(CHIPS[1]), **change}])), error, what, kind)

    key("off-curve", {"y": jwk(CHIPS[2])["y"]}, "invalid",
        "the point is not on the curve")
    key("zero", {"x": b64u(bytes(32)), "y": b64u(bytes(32))}, "invalid",
        "the point is not on the curve")
    key("short", {"x": b64u(bytes(31))}, "syntax", "of another length")
    key("curve", {"crv": "P-521"}, "unsupported", "than are offered")
    key("kty", {"kty": "oct"}, "unsupported", "than are offered")
    key("p384", jwk(ec_key("c", ec.SECP384R1())), "invalid",
        "a chip's key is X25519 or P-256")
    key("private", {"d": b64u(bytes(32))}, "invalid", "the private key is")
    key("small", {"kty": "OKP", "crv": "X25519", "x": b64u(bytes(32))},
        "invalid", "small order")
    key("rsa1024", {"kty": "RSA", "e": "AQAB", "n": b64u(b"\xff" * 128)},
        "unsupported", "than are offered", K)
    key("rsa-e3", {**rsa_jwk, "e": "Aw"}, "unsupported",
        "another exponent", K)

    text = json.dumps(entries)

    def form(name, content, error, what):
        bad("manifest-" + name, fmt, C, content, error, what)

    form("object", json.dumps(entries[0]), "syntax", "octet 0, after 0")
    form("number", "[5]", "syntax", "not what a JSON array of objects")
    form("comma", text[:-1] + ",]", "syntax", "after 3 entries: not what")
    form("no-comma", text.replace("}}, {", "}} {").replace('"}, {', '"} {'),
         "syntax", "not what a JSON array")
    form("behind", text + "x", "syntax", "after 3 entries: not what")
    form("cut", text[:-9], "syntax", "ends within its JSON array, after 2")
    form("cut-between", text[:-1], "syntax", "ends within its JSON array")
    form("nothing", "", "syntax", "ends within its JSON array, after 0")
    form("empty", "[ ]", "invalid", "names no device")
    form("large", json.dumps([{"payload": "a" * 70000}]), "limit",
         "entry 1: longer than 65536 octets")
    form("deep", '[{"a":' + "[" * 40 + "]" * 40 + "}]", "limit",
         "or deeper than 32")
    form("unbalanced", '[{"a":[}]]', "syntax", "JWS: no JSON")
    form("twice", '[{"payload":"","payload":""}]', "syntax",
         "duplicate object key")
    form("utf8", b'[{"payload":"\xff"}]', "syntax", "no JSON")
    bad("manifest-many-bad", fmt, C, json.dumps(
        [entries[0]] + [changed] * 15), "authentication", "(15 of 16 are bad)",
        more="bad=15")
    bad("manifest-key-id-slots", fmt, K, text, "invalid",
        "the product wants several", more="slots=0,1 key=0")


# COSE keys with proof

def proof(device, slot, key, signer=None, text="order 7", typ=PROOF_TYP,
          version=1, public=None, kid=None, more=()):
    signer = signer or key
    alg = -8 if isinstance(signer, ed25519.Ed25519PrivateKey) else \
        -37 if isinstance(signer, rsa.RSAPrivateKey) else \
        {256: -7, 384: -35}[signer.curve.key_size]
    body = reader.cbor_encode([
        version, device, slot, public or reader.cose_key(key.public_key()),
        text, *more])
    headers = {1: alg, 16: typ}
    if kid is not None:
        headers[4] = kid
    protected = reader.cbor_encode(headers)
    tbs = reader.cbor_encode(["Signature1", protected, b"", body])
    if alg == -8:
        sig = signer.sign(tbs)
    elif alg == -37:
        sig = signer.sign(tbs, padding.PSS(padding.MGF1(hashes.SHA256()), 32),
                          hashes.SHA256())
    else:
        size = (signer.curve.key_size + 7) // 8
        digest = hashes.SHA256() if size == 32 else hashes.SHA384()
        r, s = decode_dss_signature(signer.sign(tbs, ec.ECDSA(digest)))
        sig = r.to_bytes(size, "big") + s.to_bytes(size, "big")
    return b"\xd2" + reader.cbor_encode([protected, {}, body, sig])


def coses():
    K, fmt = 2, "cose"
    ed = okp_key("cose", ed25519.Ed25519PrivateKey)
    p384, rsa2 = ec_key("cose", ec.SECP384R1()), rsa_key()
    keys = [CHIPS[0], ed, p384, rsa2]
    ids = [bytes([1, n]) for n in range(4)]
    all_good = b"".join(proof(i, 0, k) for i, k in zip(ids, keys))
    first = proof(ids[0], 0, CHIPS[0])
    good("cose", fmt, K, all_good, "possession",
         [(i, [(0, k)]) for i, k in zip(ids, keys)])
    good("cose-challenge", fmt, K, first, "possession",
         [(ids[0], [(0, CHIPS[0])])], more="text=order_7")
    good("cose-kid", fmt, K, proof(ids[0], 0, CHIPS[0], kid=reader.thumbprint(
        CHIPS[0].public_key())), "possession", [(ids[0], [(0, CHIPS[0])])])
    good("cose-slots", fmt, K, b"".join(
        [first, proof(ids[0], 1, AGREE[0], CHIPS[0]), proof(ids[0], 3, ed),
         proof(ids[1], 0, CHIPS[1]), proof(ids[1], 1, AGREE[1], CHIPS[1])]),
        "possession",
        [(ids[0], [(0, CHIPS[0]), (1, AGREE[0]), (3, ed)]),
         (ids[1], [(0, CHIPS[1]), (1, AGREE[1])])])
    good("cose-no-id", fmt, K, proof(b"", 0, CHIPS[0]) +
         proof(b"", 0, CHIPS[1]), "possession",
         [(b"", [(0, CHIPS[0])]), (b"", [(0, CHIPS[1])])])
    good("cose-chip", fmt, 1, first, "approved", [(ids[0], [(0, CHIPS[0])])])

    def message(name, second, error, what, more=""):
        bad("cose-" + name, fmt, K, first + second, error, what, more=more)

    key = CHIPS[1]
    broken = bytearray(proof(ids[1], 0, key))
    broken[-1] ^= 1
    message("proof", bytes(broken), "authentication",
            "message 2: proof: its signature is not by its own key")
    message("other-key", proof(ids[1], 0, key, STRANGER), "authentication",
            "no proof of possession")
    message("other-alg", proof(ids[1], 0, key, ed), "authentication",
            "no proof of possession")
    message("other-kid", proof(ids[1], 0, key, kid=bytes(32)), "authentication",
            "kid: the thumbprint of another key")
    message("typ", proof(ids[1], 0, key, typ="application/cwt"), "invalid",
            "typ: not " + PROOF_TYP)
    message("version", proof(ids[1], 0, key, version=2), "unsupported",
            "version 2, this build reads 1")
    message("more", proof(ids[1], 0, key, more=[0]), "syntax", "proof: octet")
    message("slot", proof(ids[1], 8, key), "invalid", "slot 8: there are")
    message("id", proof(b"x" * 65, 0, key), "invalid", "longer than 64")
    message("text", proof(ids[1], 0, key, text="order 8"), "authentication",
            "over another text than was asked for", more="text=order_7")
    secret = {1: 2, -1: 1, -2: point(key)[1:33], -3: point(key)[33:],
              -4: bytes(32)}
    message("private", proof(ids[1], 0, key, public=secret), "invalid", "the private key is with it")
    off = dict(secret)
    off.pop(-4)
    off[-3] = bytes(32)
    message("off-curve", proof(ids[1], 0, key, public=off), "invalid", "not on the curve")
    message("agree-first", proof(ids[1], 1, AGREE[1], CHIPS[0]), "authentication",
            "a key that cannot sign needs one")
    message("agree-other", proof(ids[0], 1, AGREE[1], CHIPS[2]), "authentication",
            "not by its own key")
    message("slot-twice", proof(ids[0], 0, key), "invalid",
            "slot 0 behind slot 0")
    message("id-twice", proof(ids[1], 0, key) + proof(ids[0], 0, CHIPS[2]),
            "invalid", "message 3: its id is that of message 1 too")
    message("key-twice", proof(ids[1], 0, CHIPS[0]), "invalid",
            "message 2: its key is that of message 1 too")
    message("cut", first[:-1], "syntax", "after 1 messages: no CBOR item")
    message("else", b"\x01", "syntax", "message 2: COSE_Sign1")
    message("large", b"\x59\x50\x00" + bytes(0x5000), "syntax",
            "or one longer than 16384")
    bad("cose-none", fmt, K, "", "invalid", "names no device")


shutil.rmtree(OUT, ignore_errors=True)
OUT.mkdir()
for name, cert in (("acme", MAKER_CERT), ("acme-ca", CA_CERT),
                   ("old-maker", OLD_CERT), ("p384-maker", P384_CERT)):
    (OUT / f"{name}.cer").write_bytes(cert.public_bytes(DER))
csrs()
csvs()
manifests()
coses()
(OUT / "cases.txt").write_text("\n".join(cases) + "\n")
print(len(cases), "cases")
