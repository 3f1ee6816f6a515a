#!/usr/bin/python3
"""CRLs for the tests of lib/x509/crl_read.c, by other people's code.

Writes beside itself crls.txt, one line each. First the CA: "issuer", subject
DER, public point, key identifier. Then: name | error, "ok" when none | what
must be in the message, or what the CRL says | CRL. Good ones are made by
openssl and python3-cryptography; bad ones differ in one thing from a good one
that is put together here. Signatures differ with every run, so the file is
made once and kept; run it again when a case is added:

    python3 tests/vectors/make_crls.py
"""
import datetime
import hashlib
import os
import subprocess
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

THIS, NEXT = 1790000000, 1790086400
SHA256, SHA384 = "06082a8648ce3d040302", "06082a8648ce3d040303"
lines = []


def when(t):
    return datetime.datetime.utcfromtimestamp(t)


def ec_key(name, curve=ec.SECP256R1()):
    digest = hashlib.sha256(name.encode()).digest()
    return ec.derive_private_key(int.from_bytes(digest, "big") >> 1, curve)


def point_of(key):
    return key.public_key().public_bytes(
        serialization.Encoding.X962,
        serialization.PublicFormat.UncompressedPoint)


CA, OTHER = ec_key("the CA of these CRLs"), ec_key("another CA")
NAME = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"),
                  x509.NameAttribute(NameOID.COMMON_NAME, "bulk CA")])
KEY_ID = hashlib.sha256(point_of(CA)).digest()[:20]


# DER, just enough to put a CRL together, wrongly if need be


def der(tag, *parts):
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = (len(body).bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + len(body).to_bytes(size, "big") + body


def seq(*parts):
    return der(0x30, *parts)


def h(text):
    return bytes.fromhex(text)


def number(text):
    return der(0x02, h(text))


def utc(text):
    return der(0x17, text.encode())


def generalized(text):
    return der(0x18, text.encode())


def ext(arc, *value, critical=b""):
    return seq(der(0x06, bytes([0x55, 0x1d, arc])), critical,
               der(0x04, *value))


def reason(code):
    return ext(21, der(0x0a, bytes([code])))


def entry(serial="0102", time=utc("260901120000Z"), *extensions):
    return seq(number(serial), time,
               seq(*extensions) if extensions else b"")


TRUE = h("0101ff")
ALG = seq(h(SHA256))
AKI = ext(35, seq(der(0x80, KEY_ID)))
NUMBER = ext(20, number("07"))


def crl(version=number("01"), alg=ALG, issuer=NAME.public_bytes(),
        this=utc("260921141320Z"), next=utc("260922141320Z"),
        entries=seq(entry()), extensions=None, more=(AKI, NUMBER),
        outer_alg=ALG, signature=None, key=CA, end=b""):
    if extensions is None:
        extensions = der(0xa0, seq(*more))
    tbs = seq(version, alg, issuer, this, next, entries, extensions)
    if signature is None:
        signature = der(0x03, b"\0", key.sign(tbs, ec.ECDSA(hashes.SHA256())))
    return seq(tbs, outer_alg, signature) + end


def good(name, says, data):
    lines.append(f"{name}|ok|{says}|{data.hex()}")


def bad(name, error, text, **changes):
    lines.append(f"{name}|{error}|{text}|{crl(**changes).hex()}")


def bad_entry(name, error, text, *args):
    bad(name, error, text, entries=seq(entry(), entry(*args)))


def says(crl_number, this, next, *entries):
    return ";".join([f"{crl_number} {this} {next}",
                     *(f"{s} {t} {r}" for s, t, r in entries)])


# made by others


def openssl():
    with tempfile.TemporaryDirectory() as d:
        def path(name):
            return os.path.join(d, name)

        def write(name, text):
            with open(path(name), "w", encoding="utf-8") as file:
                file.write(text)

        def run(*argv):
            subprocess.run(["openssl", *argv], check=True, cwd=d,
                           stderr=subprocess.DEVNULL)

        write("ca.key", CA.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()).decode())
        write("index.txt",
              "R\t460101000000Z\t260901120000Z,keyCompromise\t"
              "0100112233445566778899AABBCCDDEEFF\tunknown\t/CN=a\n"
              "R\t460101000000Z\t260902120000Z\t02\tunknown\t/CN=b\n"
              "R\t460101000000Z\t260903120000Z,holdInstruction,"
              "holdInstructionReject\t7F00\tunknown\t/CN=c\n")
        write("number", "0A1B\n")
        write("ca.cnf", f"""
[ca]
default_ca = d
[d]
database = index.txt
crlnumber = number
default_md = sha256
crl_extensions = e
[e]
authorityKeyIdentifier = keyid:always, issuer:always
[req]
distinguished_name = n
string_mask = utf8only
[n]
[x]
basicConstraints = critical, CA:TRUE
subjectKeyIdentifier = {KEY_ID.hex()}
""")
        run("req", "-new", "-x509", "-config", "ca.cnf", "-key", "ca.key",
            "-utf8", "-subj", "/O=Example/CN=bulk CA", "-extensions", "x",
            "-out", "ca.pem")
        run("ca", "-config", "ca.cnf", "-gencrl", "-cert", "ca.pem",
            "-keyfile", "ca.key", "-crl_lastupdate", "20260921141320Z",
            "-crl_nextupdate", "20260922141320Z", "-out", "crl.pem")
        run("crl", "-in", "crl.pem", "-outform", "DER", "-out", "crl.der")
        with open(path("crl.der"), "rb") as file:
            return file.read()


def builder(key=CA, digest=hashes.SHA256(), issuer=NAME, key_id=KEY_ID,
            more=()):
    b = (x509.CertificateRevocationListBuilder().issuer_name(issuer)
         .last_update(when(THIS)).next_update(when(NEXT))
         .add_extension(x509.AuthorityKeyIdentifier(key_id, None, None),
                        False)
         .add_extension(x509.CRLNumber(1 << 64), False))
    entries = [
        (int("01" + "ab" * 16, 16), 1788264000,
         x509.CRLReason(x509.ReasonFlags.certificate_hold)),
        (int("7f" + "01" * 19, 16), 1788264001, None),
        (int("80", 16), 2524608000,
         x509.InvalidityDate(when(1788000000))),
        (3, 5000000000, x509.CRLReason(x509.ReasonFlags.superseded)),
    ]
    for serial, t, extension in entries:
        r = (x509.RevokedCertificateBuilder().serial_number(serial)
             .revocation_date(when(t)))
        if extension is not None:
            r = r.add_extension(extension, False)
        b = b.add_revoked_certificate(r.build())
    for extension, critical in more:
        b = b.add_extension(extension, critical)
    return b.sign(key, digest).public_bytes(serialization.Encoding.DER)


HEAD = ("07", THIS, NEXT)
ENTRY = ("0102", 1788264000, "unspecified")
lines.append("|".join(["issuer", NAME.public_bytes().hex(),
                       point_of(CA).hex(), KEY_ID.hex()]))
good("openssl", says(
    "0a1b", THIS, NEXT,
    ("0100112233445566778899aabbccddeeff", 1788264000, "keyCompromise"),
    ("02", 1788350400, "unspecified"),
    ("7f00", 1788436800, "certificateHold")), openssl())
good("python3-cryptography", says(
    "01" + "00" * 8, THIS, NEXT,
    ("01" + "ab" * 16, 1788264000, "certificateHold"),
    ("7f" + "01" * 19, 1788264001, "unspecified"),
    ("80", 2524608000, "unspecified"),
    ("03", 4294967295, "superseded")), builder())
good("a freshest CRL beside it", says(
    "01" + "00" * 8, THIS, NEXT,
    ("01" + "ab" * 16, 1788264000, "certificateHold"),
    ("7f" + "01" * 19, 1788264001, "unspecified"),
    ("80", 2524608000, "unspecified"),
    ("03", 4294967295, "superseded")),
    builder(more=[(x509.FreshestCRL([x509.DistributionPoint(
        [x509.UniformResourceIdentifier("http://crl.example/d")],
        None, None, None)]), False)]))
good("ours", says(*HEAD, ENTRY), crl())
good("no entries", says(*HEAD), crl(entries=b""))
good("reason 0 encoded", says(*HEAD, ENTRY), crl(entries=seq(entry(
    "0102", utc("260901120000Z"), reason(0)))))
good("every reason", says(*HEAD, *(
    (f"{i:02x}", 1788264000, name) for i, name in (
        (1, "keyCompromise"), (2, "cACompromise"),
        (3, "affiliationChanged"), (4, "superseded"),
        (5, "cessationOfOperation"), (6, "certificateHold"),
        (9, "privilegeWithdrawn"), (10, "aACompromise")))),
    crl(entries=seq(*(entry(f"{i:02x}", utc("260901120000Z"), reason(i))
                      for i in (1, 2, 3, 4, 5, 6, 9, 10)))))
good("of 1970 until 2050", says("07", 0, 2524608000, ENTRY), crl(
    this=utc("700101000000Z"), next=generalized("20500101000000Z")))
good("critical AKI", says(*HEAD, ENTRY), crl(more=(
    ext(35, seq(der(0x80, KEY_ID)), critical=TRUE), NUMBER)))

# the frame
bad("one octet more", "syntax", "left over", end=b"\0")
lines.append(f"one octet less|syntax|longer than what holds it|"
             f"{crl()[:-1].hex()}")
lines.append("nothing|syntax|missing|")
lines.append("another type|syntax|another type|3100")
lines.append("a lone tag|syntax|ends within an item|30")
lines.append("length cut off|syntax|cut off|3082")
lines.append("indefinite length|syntax|indefinite|3080" +
             crl()[4:].hex() + "0000")
lines.append("longer length|syntax|shortest form|308300" +
             crl()[2:].hex())
lines.append("length of five octets|syntax|too long|30850000000001" + "00")
bad("version 1", "syntax", "another type", version=b"", extensions=b"")
bad("version 3", "syntax", "version is not 2", version=number("02"))
bad("ECDSA with SHA-384 outside", "unsupported", "ecdsa-with-SHA256",
    outer_alg=seq(h(SHA384)))
bad("ECDSA with SHA-384 inside", "unsupported", "ecdsa-with-SHA256",
    alg=seq(h(SHA384)))
bad("parameters", "unsupported", "ecdsa-with-SHA256",
    alg=seq(h(SHA256), h("0500")))
lines.append("SHA-384|unsupported|ecdsa-with-SHA256|" + builder(
    digest=hashes.SHA384()).hex())
lines.append("Ed25519|unsupported|ecdsa-with-SHA256|" + builder(
    key=ed25519.Ed25519PrivateKey.generate(), digest=None).hex())
bad("unused bits", "syntax", "no ECDSA", signature=der(0x03, h("01" * 70)))
bad("signature without bits", "syntax", "no ECDSA",
    signature=der(0x03, b"\0"))
bad("signature as r and s", "syntax", "no ECDSA",
    signature=der(0x03, b"\0", h("11" * 64)))

# times
bad("no nextUpdate", "syntax", "another type", next=b"")
bad("nextUpdate = thisUpdate", "invalid", "not after thisUpdate",
    next=utc("260921141320Z"))
bad("without seconds", "syntax", "not of the form", this=utc("2609211413Z"))
bad("with an offset", "syntax", "not of the form",
    this=utc("260921141320+0000"))
bad("letters", "syntax", "not of the form", this=utc("26092114132AZ"))
bad("30 February", "syntax", "no such time", this=utc("260230141320Z"))
bad("24 hours", "syntax", "no such time", this=utc("260921241320Z"))
bad("before 1970", "syntax", "before 1970", this=utc("691231235959Z"))
bad("GeneralizedTime of 2026", "syntax", "is not a UTCTime",
    this=generalized("20260921141320Z"))
bad("fractions", "syntax", "not of the form",
    next=generalized("20500101000000.5Z"))

# extensions of the list
bad("no extensions", "syntax", "missing", extensions=b"")
bad("extensions empty", "syntax", "missing", more=())
bad("no AKI", "syntax", "missing", more=(NUMBER,))
bad("no CRL number", "syntax", "missing", more=(AKI,))
bad("AKI without key identifier", "syntax", "another type", more=(
    ext(35, seq(der(0x82, b"\1"))), NUMBER))
bad("AKI empty", "syntax", "key identifier is empty", more=(
    ext(35, seq(der(0x80, b""))), NUMBER))
bad("AKI with more", "syntax", "left over", more=(
    ext(35, seq(der(0x80, KEY_ID), der(0x83, b""))), NUMBER))
bad("AKI twice", "syntax", "twice", more=(AKI, AKI, NUMBER))
bad("CRL number twice", "syntax", "twice", more=(AKI, NUMBER, NUMBER))
bad("CRL number negative", "syntax", "negative", more=(
    AKI, ext(20, number("80"))))
bad("CRL number with a zero", "syntax", "shortest", more=(
    AKI, ext(20, number("0007"))))
bad("CRL number of 21 octets", "syntax", "too long", more=(
    AKI, ext(20, number("01" + "00" * 20))))
bad("CRL number and more", "syntax", "left over", more=(
    AKI, ext(20, number("07"), number("08"))))
bad("critical false", "syntax", "not TRUE", more=(
    AKI, NUMBER, ext(99, b"", critical=h("010100"))))
bad("critical 1", "syntax", "not TRUE", more=(
    AKI, NUMBER, ext(99, b"", critical=h("010101"))))
bad("extension with more", "syntax", "left over", more=(
    AKI, NUMBER, seq(h("0603551d63"), h("0400"), h("0400"))))
bad("unknown critical", "unsupported", "critical extension", more=(
    AKI, NUMBER, ext(99, b"", critical=TRUE)))
bad("unknown critical of another arc", "unsupported", "critical extension",
    more=(AKI, NUMBER, seq(h("06032a0323"), TRUE, h("0400"))))
bad("issuing distribution point", "unsupported", "a part of", more=(
    AKI, NUMBER, ext(28, seq(), critical=TRUE)))
bad("issuing distribution point, not critical", "unsupported", "a part of",
    more=(AKI, NUMBER, ext(28, seq())))
bad("delta", "unsupported", "delta CRL", more=(
    AKI, NUMBER, ext(27, number("06"), critical=TRUE)))

# entries
bad("entries empty", "syntax", "list of entries is empty", entries=seq())
bad_entry("serial negative", "syntax", "entry 2: octet", "ff02")
bad_entry("serial with a zero", "syntax", "shortest", "000102")
bad_entry("serial of 21 octets", "syntax", "too long", "01" + "00" * 20)
bad_entry("serial empty", "syntax", "empty", "")
bad_entry("serial twice", "invalid", "listed twice")
bad_entry("entry's time", "syntax", "not of the form", "0103",
          utc("260921141320"))
bad("entry without time", "syntax", "is missing",
    entries=seq(seq(number("01"))))
bad("entry with more", "syntax", "left over", entries=seq(
    seq(number("01"), utc("260901120000Z"), number("01"))))
bad("entry's extensions empty", "syntax", "list of extensions is empty",
    entries=seq(seq(number("01"), utc("260901120000Z"), seq())))
UTC = utc("260901120000Z")
bad_entry("reason twice", "syntax", "twice", "03", UTC, reason(1), reason(1))
bad_entry("reason 7", "invalid", "reason 7", "03", UTC, reason(7))
bad_entry("reason 11", "invalid", "reason 11", "03", UTC, reason(11))
bad_entry("removeFromCRL", "invalid", "reason 8", "03", UTC, reason(8))
bad_entry("reason negative", "syntax", "out of range", "03", UTC,
          reason(0x80))
bad_entry("reason of two octets", "syntax", "out of range", "03", UTC,
          ext(21, der(0x0a, h("0001"))))
bad_entry("reason and more", "syntax", "left over", "03", UTC,
          ext(21, der(0x0a, h("01")), h("0500")))
bad_entry("certificate issuer", "unsupported", "critical extension", "03",
          UTC, ext(29, seq(), critical=TRUE))

# whose is it?
bad("another name", "invalid", "another name", issuer=x509.Name([
    x509.NameAttribute(NameOID.COMMON_NAME, "bulk CA")]).public_bytes())
bad("another key identifier", "invalid", "another key", more=(
    ext(35, seq(der(0x80, KEY_ID[::-1]))), NUMBER))
bad("a longer key identifier", "invalid", "another key", more=(
    ext(35, seq(der(0x80, KEY_ID + b"\0"))), NUMBER))
bad("another's signature", "authentication", "altered or forged", key=OTHER)
lines.append("serial altered|authentication|altered or forged|" +
             crl().replace(h("02020102"), h("02020103")).hex())

here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "crls.txt"), "w", encoding="utf-8") as out:
    out.write("\n".join(lines) + "\n")
