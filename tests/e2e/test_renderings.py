"""Renderings of identities, read by programs that know nothing of Imprint."""
import base64
import fcntl
import json
import os
import shutil
import socket
import ssl
import stat
import subprocess
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import pkcs12

import reader
from conftest import (BIN, FAULTS, PASSPHRASE, ROOT, fault_text, on_terminal,
                      parallel, program_needed, run, sample)

PASSWORD = "battery staple"
FORMATS = {"document": ".cose", "json": ".json", "text": ".txt",
           "pem": ".pem", "der": ".cer", "jwt": ".jwt", "pkcs12": ".p12",
           "c": ".h", "ndjson": ".ndjson"}
TAG = "tag:imprint.example,2026:"
METHODS = ["GET", "POST", "PUT", "DELETE", "FETCH", "PATCH", "iPATCH"]
PURPOSES = {1: "authenticate", 2: "encrypt", 3: "sign"}
MAKERS = {1: "device", 2: "chip", 3: "station", 4: "authority"}
EC_KEY = {1: "P-256", 4: "X25519", 6: "Ed25519"}
TURBINES = 3        # indices 300 .. 302


@pytest.fixture(scope="module")
def shelf(issued, tmp_path_factory):
    """Order 1: 300 cameras; order 2: wind turbine sensors, of which slots 0
    and 2 have certificates; order 3 has not run."""
    eco = issued.copy(tmp_path_factory.mktemp("shelf"))
    eco.order(TURBINES, "line-1", product="wind-turbine-sensor")
    eco.imprint("order", "run", 2)
    eco.order(2, "line-1")
    eco.password = eco.root / "password"
    eco.password.write_text(PASSWORD + "\n")
    eco.password.chmod(0o600)
    return eco


def export(eco, *argv, **options):
    return eco.imprint("identity", "export", *argv, **options)


def document_of(eco, word):
    return reader.Sign1(eco.imprint("identity", "show", word, "--format",
                                    "cose").raw)


def chain_of(eco):
    """Issuing CA and root as the web server would serve them."""
    return [(eco.dir / f"publish/ca/{name}.cer").read_bytes()
            for name in ("bulk", "root")]


def pem_certificates(data):
    end = b"-----END CERTIFICATE-----\n"
    return [x509.load_pem_x509_certificate(part + end)
            for part in data.split(end)[:-1]]


def document_key(eco):
    return reader.keystore_open(eco.dir / "keystore", PASSPHRASE.encode())[
        "document"].public_key()


# JWT (RFC 7515, 7519, 7800, 9711): by hand

def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text):
    assert "=" not in text and "+" not in text and "/" not in text
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def jwt_open(token, public):
    """(header, claims); raises InvalidSignature."""
    header, claims, signature = token.split(".")
    signature = unb64url(signature)
    assert len(signature) == 64
    r, s = (int.from_bytes(signature[i:i + 32], "big") for i in (0, 32))
    public.verify(encode_dss_signature(r, s), f"{header}.{claims}".encode(),
                  ec.ECDSA(hashes.SHA256()))
    return json.loads(unb64url(header)), json.loads(unb64url(claims))


def jwk(cose):
    if cose[1] == 2:
        return {"kty": "EC", "crv": EC_KEY[cose[-1]], "x": b64url(cose[-2]),
                "y": b64url(cose[-3])}
    return {"kty": "OKP", "crv": EC_KEY[cose[-1]], "x": b64url(cose[-2])}


def methods(bits):
    return [name for i, name in enumerate(METHODS) if bits >> i & 1]


def keyset(key):
    out = {"slot": key[1], "purpose": PURPOSES[key[2]],
           "made_by": MAKERS[key[5]]}
    if 4 in key:
        out["x5c"] = [base64.b64encode(key[4]).decode()]
    else:
        out["jwk"] = jwk(key[3])
    return out


def anchor(a):
    if 1 in a:
        return {"jwk": jwk(a[1])}
    alg, digest = a[2]
    assert alg == -16
    return {"x5t#S256": b64url(digest)}


def in_json(payload):
    """The claims set as RFC 9711 and docs/protocol/document.md put it."""
    c = reader.cbor_decode(payload)
    scope = reader.cbor_decode(c[9])
    out = {
        "eat_profile": c[265], "iss": c[1], "nbf": c[5], "iat": c[6],
        "jti": b64url(c[7]), "cnf": {"jwk": jwk(c[8][1])},
        "ueid": b64url(c[256]), "hwmodel": b64url(c[259]),
        "status": c[65535],
        TAG + "claims-sha256": b64url(reader.sha256(payload)),
        TAG + "capabilities": {o: methods(b) for o, b in c[-66001].items()},
        TAG + "scope": {o: methods(b) for o, b in scope},
        TAG + "keyset": [keyset(k) for k in c[-66002]],
        TAG + "trust-anchors": {p: [anchor(a) for a in anchors]
                                for p, anchors in c[-66003].items()},
        TAG + "product": b64url(c[-66004]), TAG + "policy": c[-66005],
        TAG + "names": c[-66006], TAG + "other": {},
    }
    for number, name in ((4, "exp"), (258, "oemid"), (260, "hwversion"),
                         (270, "swname"), (271, "swversion")):
        if number in c:
            out[name] = c[number]
    return out


@pytest.mark.parametrize("word", ["0", "CAM-000000299", "300", "302"])
def test_jwt(shelf, word):
    public = document_key(shelf)
    document = document_of(shelf, word)
    result = export(shelf, word, "--format", "jwt")
    header, claims = jwt_open(result.out.rstrip("\n"), public)
    assert header == {"alg": "ES256", "typ": "eat+jwt",
                      "kid": b64url(reader.thumbprint(public))}
    assert unb64url(header["kid"]) == document.kid
    assert claims == in_json(document.payload)
    # what the log holds is the same digest
    place = shelf.imprint("identity", "show", word, "--json").json
    assert place["leaf"] == reader.identity_leaf(
        place["index"], unb64url(claims[TAG + "claims-sha256"])).hex()


def test_jwt_of_another_key(shelf, stranger):
    token = export(shelf, 3, "--format", "jwt").out.strip()
    with pytest.raises(Exception):
        jwt_open(token, document_key(stranger))
    header, claims, signature = token.split(".")
    other = export(shelf, 4, "--format", "jwt").out.strip().split(".")[1]
    with pytest.raises(Exception):
        jwt_open(f"{header}.{other}.{signature}", document_key(shelf))


def test_lines(shelf, tmp_path):
    """Several JSON and JWT go one to a line, in the order of the indices."""
    listed = [i["ueid"] for i in shelf.imprint(
        "identity", "list", "--order", 1, "--count", 1000, "--json").json]
    assert len(listed) == 300
    lines = export(shelf, "--order", 1, "--format", "json").out.splitlines()
    assert [json.loads(line)["ueid"] for line in lines] == listed
    out = tmp_path / "all.jwt"
    done = export(shelf, "--order", 1, "--format", "jwt", "--out", out,
                  "--json").json
    assert done == {"format": "jwt", "identities": 300, "out": str(out)}
    public = document_key(shelf)
    tokens = out.read_text().splitlines()
    assert [unb64url(jwt_open(t, public)[1]["ueid"]).hex()
            for t in tokens] == listed
    lines = export(shelf, 5, "CAM-000000007", "--format",
                   "json").out.splitlines()
    assert [json.loads(line)["ueid"] for line in lines] == \
        [listed[5], listed[7]]
    # the same JSON as alone, but for its white space
    alone = export(shelf, 5, "--format", "json")
    assert alone.json == json.loads(lines[0]) and alone.out.count("\n") > 50


def structure(value):
    """A JSON value with its leaves' types in place of them."""
    if isinstance(value, dict):
        return {k: structure(v) for k, v in value.items()}
    if isinstance(value, list):
        return [structure(v) for v in value]
    return type(value).__name__


KEY = {"algorithm": "str", "public": "str"}
JSON_OF_CAMERA = {
    "eat_profile": "str", "iss": "str", "ueid": "str", "iat": "str",
    "nbf": "str", "exp": "NoneType", "oemid": "int", "hwmodel": "str",
    "hwmodel_text": "str", "hwversion": "str", "swname": "str",
    "swversion": "str",
    "capabilities": {"photo": ["str", "str"], "video": ["str", "str"],
                     "settings": ["str", "str"]},
    "scope": {"photo": ["str", "str"], "settings": ["str"]},
    "rights": {"photo": ["str", "str"], "settings": ["str"]},
    "cnf": KEY,
    "keyset": [
        {"slot": "int", "purpose": "str", "made_by": "str",
         "certificate": "str"},
        {"slot": "int", "purpose": "str", "made_by": "str", "key": KEY}],
    "trust_anchors": [{"purpose": "str", "certificate_sha256": "str"}],
    "names": {"serial-number": "str"}, "status_uri": "str",
    "status_idx": "int", "product": "str", "policy": "int", "cti": "str",
    "other": {}, "signature": {"alg": "str", "kid": "str", "mode": "str",
                                "value": "str"},
}
TEXT_OF_CAMERA = [
    "Identity document", "  UEID", "  issuer", "  issued", "  valid from",
    "  valid until", "", "Names", "  serial-number", "", "Device",
    "  manufacturer", "  model", "  hardware", "  software",
    "  software version", "", "What it can do, and whether it may",
    "  object", "  photo", "  video", "  settings", "", "Keys", "  slot 0",
    "  slot 1",
]


def test_json_and_text_of_a_camera(shelf):
    """Scripts rely on the members, people on the order."""
    value = export(shelf, 9, "--format", "json").json
    assert structure(value) == JSON_OF_CAMERA
    document = document_of(shelf, 9)
    assert value["signature"]["value"] == document.signature.hex()
    assert value["ueid"] == reader.cbor_decode(document.payload)[256].hex()
    lines = export(shelf, 9, "--format", "text").out.splitlines()
    for line, start in zip(lines, TEXT_OF_CAMERA):
        assert line.startswith(start) and (start or line == start), line
    shown = shelf.imprint("identity", "show", 9).out
    assert "\n".join(lines) in shown


def test_document_and_der(shelf):
    for word, slots in ((12, [0]), (301, [0, 2])):
        raw = export(shelf, word, "--format", "document").raw
        assert raw == shelf.imprint("identity", "show", word, "--format",
                                    "cose").raw
        claims = reader.cbor_decode(reader.Sign1(raw).payload)
        ders = {k[1]: k[4] for k in claims[-66002] if 4 in k}
        assert list(ders) == slots
        assert export(shelf, word, "--format", "der").raw == ders[0]
        for slot in slots:
            assert export(shelf, word, "--format", "der", "--slot",
                          slot).raw == ders[slot]


def test_pem(shelf, tmp_path):
    """Certificates by slot, issuing CA, root: a path for openssl."""
    root = tmp_path / "root.pem"
    run("openssl", "x509", "-inform", "DER", "-in",
        shelf.dir / "publish/ca/root.cer", "-out", root)
    for word, leaves in ((12, 1), (301, 2)):
        path = tmp_path / f"{word}.pem"
        export(shelf, word, "--format", "pem", "--out", path)
        certs = pem_certificates(path.read_bytes())
        ders = [c.public_bytes(serialization.Encoding.DER) for c in certs]
        assert ders[leaves:] == chain_of(shelf)
        for leaf in certs[:leaves]:
            reader.certificate_verify(leaf, certs[leaves])
        run("openssl", "verify", "-CAfile", root, "-untrusted", path, path)
    alone = pem_certificates(export(
        shelf, 301, "--format", "pem", "--slot", 2).raw)
    assert len(alone) == 3 and alone[0].public_bytes(
        serialization.Encoding.DER) == ders[1]


def p12_export(eco, path, *argv, **options):
    return export(eco, *argv, "--format", "pkcs12", "--password-file",
                  eco.password, "--out", path, **options)


def test_pkcs12(shelf, tmp_path):
    """Read by OpenSSL, NSS and python3-cryptography; no private key."""
    path = tmp_path / "turbine.p12"
    p12_export(shelf, path, 301)
    claims = reader.cbor_decode(document_of(shelf, 301).payload)
    ueid = claims[256].hex()
    info = run("openssl", "pkcs12", "-in", path, "-info", "-noout",
               "-passin", f"file:{shelf.password}").err
    assert "MAC: sha256" in info and "AES-256-CBC" in info
    assert "PBES2, PBKDF2" in info and "hmacWithSHA256" in info
    assert info.count("Certificate bag") == 4 and "Keybag" not in info
    listed = run("pk12util", "-l", path, "-w", shelf.password).out
    assert f"{ueid} slot 0" in listed and f"{ueid} slot 2" in listed
    assert listed.count("Subject Public Key Info") == 4
    assert "Key(shrouded)" not in listed
    key, own, certs = pkcs12.load_key_and_certificates(
        path.read_bytes(), PASSWORD.encode())
    assert key is None and own is None
    ders = {c.public_bytes(serialization.Encoding.DER) for c in certs}
    assert ders == {k[4] for k in claims[-66002] if 4 in k} | \
        set(chain_of(shelf))
    with pytest.raises(ValueError):
        pkcs12.load_key_and_certificates(path.read_bytes(), b"another")
    wrong = tmp_path / "wrong"
    wrong.write_text("another\n")
    run("pk12util", "-l", path, "-w", wrong, code=range(1, 256))
    run("openssl", "pkcs12", "-in", path, "-noout", "-passin",
        f"file:{wrong}", code=1)
    p12_export(shelf, path, 301, "--slot", 2, "--force")
    _, _, certs = pkcs12.load_key_and_certificates(path.read_bytes(),
                                                   PASSWORD.encode())
    assert len(certs) == 3


C_PROGRAM = r"""
#include "identity.h"
#include <stdio.h>

size_t elsewhere(void);

static void
put(const uint8_t *octets, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		printf("%02x", octets[i]);
	printf("\n");
}

int
main(void)
{
	size_t i;

	put(imprint_ueid, sizeof(imprint_ueid));
	put(imprint_document, sizeof(imprint_document));
	put(imprint_certificate_slot_0, sizeof(imprint_certificate_slot_0));
	put(imprint_chain_0, sizeof(imprint_chain_0));
	put(imprint_chain_1, sizeof(imprint_chain_1));
	for (i = 0; i < IMPRINT_NAME_COUNT; i++)
		printf("%s=%s\n", imprint_names[i].kind,
		    imprint_names[i].text);
	return IMPRINT_CHAIN_COUNT == 2 &&
	    elsewhere() == sizeof(imprint_document) ? 0 : 1;
}
"""
C_OTHER = """
#include <stddef.h>
#include "identity.h"
#include "identity.h"
size_t elsewhere(void);
size_t elsewhere(void) { return sizeof(imprint_document); }
"""
STRICT = ["-std=c11", "-pedantic", "-Wall", "-Wextra", "-Wconversion",
          "-Werror"]


@pytest.mark.parametrize("word", [17, 301])
def test_c_header(shelf, tmp_path, word):
    header = tmp_path / "identity.h"
    export(shelf, word, "--format", "c", "--out", header)
    (tmp_path / "main.c").write_text(C_PROGRAM)
    (tmp_path / "other.c").write_text(C_OTHER)
    for compiler in ("gcc", "clang"):
        # alone, and in two units of one program
        run(compiler, *STRICT, "-fsyntax-only", "-include", header, "-x",
            "c", "/dev/null")
        program = tmp_path / compiler
        run(compiler, *STRICT, "-o", program, tmp_path / "main.c",
            tmp_path / "other.c")
        printed = run(program).out.splitlines()
    raw = export(shelf, word, "--format", "document").raw
    claims = reader.cbor_decode(reader.Sign1(raw).payload)
    assert printed == [
        claims[256].hex(), raw.hex(), claims[-66002][0][4].hex(),
        *[der.hex() for der in chain_of(shelf)],
        *[f"{kind}={text}" for kind, text in claims[-66006].items()]]
    export(shelf, word, "--format", "c", "--out", tmp_path / "again.h")
    assert (tmp_path / "again.h").read_bytes() == header.read_bytes()


# Files

@pytest.mark.parametrize("name", FORMATS)
def test_files_of_several(shelf, tmp_path, name):
    """A file each, named by the UEID; modes by what is in it."""
    out = tmp_path / "new"
    if name in ("json", "jwt", "ndjson"):     # else it would be one file
        out.mkdir()
    old = os.umask(0)
    try:
        argv = [300, "CAM-000000001", "--format", name, "--out", out]
        if name == "pkcs12":
            argv += ["--password-file", shelf.password]
        export(shelf, *argv)
    finally:
        os.umask(old)
    ueids = [shelf.imprint("identity", "find", w, "--json").json["ueid"]
             for w in (1, 300)]
    assert sorted(p.name for p in out.iterdir()) == sorted(
        u + FORMATS[name] for u in ueids)
    for path in out.iterdir():
        public = name in ("pem", "der")
        assert stat.S_IMODE(path.stat().st_mode) == \
            (0o644 if public else 0o600)
        assert path.stat().st_size > 100
    if name not in ("json", "jwt", "ndjson"):
        assert stat.S_IMODE(out.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", FORMATS)
def test_order_goes_on(shelf, tmp_path, name):
    """Where it was broken off, as the man page has it."""
    out = tmp_path / "out"
    out.mkdir()
    argv = ["--format", name, "--out", out]
    if name == "pkcs12":
        argv += ["--password-file", shelf.password]
    export(shelf, 17, *argv)
    kept = {p: p.read_bytes() for p in out.iterdir()}
    anew = name in ("jwt", "pkcs12")
    said = export(shelf, "--order", 1, *argv, code=4 if anew else 0)
    assert all(p.read_bytes() == kept[p] for p in kept)
    assert anew == ("--force" in said.err)
    if name == "jwt":       # pkcs12 is slow on purpose
        export(shelf, "--order", 1, *argv, "--force")
    assert (len(list(out.iterdir())) == 300) == (name != "pkcs12")


def test_existing_files(shelf, tmp_path):
    out = tmp_path / "camera.pem"
    out.write_text("mine")
    result = export(shelf, 1, "--format", "pem", "--out", out, code=4)
    assert str(out) in result.err and "--force" in result.err
    assert out.read_text() == "mine"
    result = export(shelf, "--order", 1, "--format", "json", "--out", out,
                    code=4)
    assert out.read_text() == "mine"
    export(shelf, 1, "--format", "pem", "--out", out, "--force")
    assert out.read_text().startswith("-----BEGIN CERTIFICATE")
    folder = tmp_path / "folder"
    folder.mkdir()
    export(shelf, 2, "--format", "der", "--out", folder)
    mine = next(folder.iterdir())
    mine.write_text("mine")
    result = export(shelf, 1, 2, 3, "--format", "der", "--out", folder,
                    code=4)
    assert mine.name in result.err and "1 of this run" in result.err
    assert mine.read_text() == "mine" and len(list(folder.iterdir())) == 2
    export(shelf, 1, 2, 3, "--format", "der", "--out", folder, "--force")
    assert mine.read_bytes()[:1] == b"0" and len(list(folder.iterdir())) == 3
    result = export(shelf, 1, 2, "--format", "der", "--out", out, code=2)
    assert "is no directory" in result.err


BAD = [
    # arguments, exit code, in the message
    (["1", "--format", "xml"], 2, "document, json, text, pem, der, jwt"),
    (["1", "--format", "PEM"], 2, "\"PEM\""),
    (["1", "--format", "pem", "--slot", "1"], 3, "slot 1 has no"),
    (["1", "--format", "der", "--slot", "7"], 3, "slot 7 has no"),
    (["1", "--format", "der", "--slot", "8"], 2, "--slot"),
    (["1", "--format", "der", "--slot", "one"], 2, "--slot"),
    (["1", "--format", "jwt", "--slot", "0"], 2, "--slot"),
    (["1", "--format", "c", "--slot", "0"], 2, "--slot"),
    (["CAM-7", "--format", "pem"], 3, "CAM-7"),
    (["1", "nobody", "--format", "json"], 3, "nobody"),
    (["1", "2", "--format", "pem"], 2, "--out DIR"),
    (["--order", "1", "--format", "c"], 2, "--out DIR"),
    (["--order", "9", "--format", "json"], 3, "order 9"),
    (["--order", "3", "--format", "json"], 3, "nothing was issued"),
    (["--order", "x", "--format", "json"], 2, "--order"),
    (["1", "--format", "pem", "--out", "no/such/folder/x"], 3,
     "no/such/folder/x"),
    (["1", "--format", "pem", "--out", "x" * 1100], 2, "too long"),
    (["1", "--format", "pkcs12", "--password-file", "none"], 3, "none"),
]


@pytest.mark.parametrize("argv, code, message", BAD,
                         ids=[" ".join(b[0])[:50] for b in BAD])
def test_bad_input(shelf, tmp_path, argv, code, message):
    result = export(shelf, *argv, code=code, cwd=tmp_path)
    assert message in result.err, result
    assert result.raw == b"" and list(tmp_path.iterdir()) == []


def test_bad_words_write_nothing(shelf, tmp_path):
    """All are looked for before the first is written."""
    out = tmp_path / "folder"
    export(shelf, 1, 2, "CAM-9", "--format", "pem", "--out", out, code=3)
    assert not out.exists()


def test_passwords(shelf, tmp_path):
    out, password = tmp_path / "x.p12", tmp_path / "p"
    argv = [1, "--format", "pkcs12", "--out", out]
    for text, code in (("", 2), ("\n", 2), ("caf\u00e9\n", 2), ("a\tb\n", 2),
                       ("x" * 2000, 2)):
        password.write_text(text)
        password.chmod(0o600)
        export(shelf, *argv, "--password-file", password, code=code)
        assert not out.exists()
    export(shelf, *argv, "--password-fd", "0", stdin=b"from a descriptor\n")
    pkcs12.load_key_and_certificates(out.read_bytes(), b"from a descriptor")
    done = subprocess.run(
        [str(a) for a in [BIN / "imprint", *shelf.options(), "identity",
                          "export", *argv, "--force"]],
        stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True)
    assert done.returncode == 2 and b"--password-file" in done.stderr


def test_password_on_the_terminal(shelf, tmp_path):
    out = tmp_path / "x.p12"
    argv = [str(a) for a in [
        BIN / "imprint", *shelf.options(), "identity", "export", 1,
        "--format", "pkcs12", "--out", out]]
    code, shown = on_terminal(argv, [
        (b"Password of the new file: ", b"typed-once\n"),
        (b"once more: ", b"typed-otherwise\n")])
    assert code == 2 and b"the two differ" in shown and not out.exists()
    code, shown = on_terminal(argv, [
        (b"Password of the new file: ", b"typed-secret\n"),
        (b"once more: ", b"typed-secret\n")])
    assert code == 0 and b"typed-secret" not in shown
    pkcs12.load_key_and_certificates(out.read_bytes(), b"typed-secret")


def test_lock(shelf, tmp_path):
    """Who signs is alone; the other formats need not wait."""
    with open(shelf.dir / "lock", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another" in export(shelf, 1, "--format", "jwt", code=7).err
        for name in set(FORMATS) - {"jwt", "pkcs12"}:
            export(shelf, 1, "--format", name)


def test_altered_registry(shelf, tmp_path):
    """What is not what was issued is not rendered, least of all signed."""
    eco = shelf.copy(tmp_path / "eco")
    db = reader.sqlite3.connect(eco.db)
    with db:
        db.execute("UPDATE range SET issued = issued + 1 WHERE first = 0")
    db.close()
    for name in set(FORMATS) - {"pkcs12"}:
        result = export(eco, 1, "--format", name, code=8)
        assert result.raw == b"" and "not what was issued" in result.err
    out = tmp_path / "all"
    export(eco, "--order", 1, "--format", "json", "--out", out, code=8)
    assert not out.exists() and not list(tmp_path.glob("*.tmp"))


def test_full_standard_output(shelf):
    argv = [str(a) for a in [BIN / "imprint", *shelf.options(), "identity",
                             "export", "--order", 1, "--format", "json"]]
    with open("/dev/full", "w") as full:
        done = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 6 and b"standard output" in done.stderr


def whole(path, name):
    """Is the file complete?"""
    data = path.read_bytes()
    if name == "json":
        return [json.loads(line)["names"] for line in data.splitlines()] == [
            {"serial-number": f"CAM-{i:09}"} for i in range(300)]
    return data.count(b"-----END CERTIFICATE-----\n") == 3


@program_needed("imprint-faulty")
@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("name", ["json", "pem"])
def test_faults(shelf, tmp_path, kind, name):
    """A full disk, an error, a power cut: the file is whole or not there,
    the next run clears what is left, and nothing else changes."""
    argv = ["identity", "export", *(["--order", 1] if name == "json" else
                                    [3, 4]), "--format", name, "--out"]

    def folder(path):
        path.mkdir()
        return path / "out"

    out = folder(tmp_path / "count")
    count = tmp_path / "operations"
    shelf.faulty(f"count:{count}", *argv, out)
    operations = int(count.read_text())
    before = (shelf.dir / "registry.db").read_bytes()

    def step(at):
        out = folder(tmp_path / f"{kind}-{at}")
        result = shelf.faulty(fault_text(kind, at), *argv, out,
                              code=(*FAULTS[kind], 0))
        there = [out] if name == "json" else list(out.glob("*.pem"))
        for path in there:
            if path.exists():
                assert whole(path, name), (at, result)
        if result.code == 0:
            assert all(p.exists() for p in there)
        shelf.imprint(*argv, out, "--force")
        left = list(out.parent.rglob("*.tmp"))
        assert left == [] or kind == "powercut", (at, left)
        shutil.rmtree(out.parent)

    parallel(step, sample(operations, 10))
    assert (shelf.dir / "registry.db").read_bytes() == before


# The device's own

class Device:
    def __init__(self, home):
        self.home = home

    def __call__(self, *argv, program="imprint-device", **options):
        return run(BIN / program, "--home", self.home, *argv, **options)


@pytest.fixture(scope="module")
def packages(shelf):
    """[(package as a station hands it over, {slot: private key})] of a
    camera and of a turbine sensor."""
    out = []
    for order in (1, 2):
        pack = reader.Pack(shelf.pack(order).read_bytes())
        certs = [c.public_bytes(serialization.Encoding.DER)
                 for c in pack.certs]
        _, document, keys = next(pack.open(shelf.stations["line-1"], [0]))
        out.append((reader.cbor_encode(["imprint-package", 1, document, keys,
                                        certs]), {k[0]: k[2] for k in keys}))
    return out


@pytest.fixture
def devices(packages, tmp_path):
    made = []
    for number, (package, keys) in enumerate(packages):
        device = Device(tmp_path / f"device-{number}")
        device("install", stdin=package)
        device.keys = keys
        made.append(device)
    return made


def scalar(key):
    return key.private_numbers().private_value.to_bytes(32, "big")


def test_device_pem(devices, shelf, tmp_path):
    camera, turbine = devices
    for device, argv, slot in ((camera, [], 0), (turbine, [], 0),
                               (turbine, ["--slot", 2], 2)):
        out = tmp_path / "out.pem"
        old = os.umask(0)
        try:
            result = device("export", "--format", "pem", "--unencrypted",
                            "--out", out, *argv)
        finally:
            os.umask(old)
        assert "NOT encrypted" in result.out
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        key = serialization.load_pem_private_key(out.read_bytes(), None)
        certs = pem_certificates(out.read_bytes())
        assert scalar(key) == device.keys[slot]
        assert certs[0].public_key().public_numbers() == \
            key.public_key().public_numbers()
        assert [c.public_bytes(serialization.Encoding.DER)
                for c in certs[1:]] == chain_of(shelf)
        run("openssl", "pkey", "-in", out, "-check", "-noout")
        out.unlink()


def test_device_pkcs12(devices, shelf, tmp_path):
    camera, turbine = devices
    for device, argv, slot in ((camera, [], 0), (turbine, ["--slot", 2], 2)):
        out = tmp_path / "out.p12"
        shown = device("export", "--format", "pkcs12", "--out", out,
                       "--password-file", shelf.password, *argv, "--json")
        assert shown.json == {"format": "pkcs12", "slot": slot,
                              "out": str(out)}
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        assert device.keys[slot] not in out.read_bytes()
        key, own, others = pkcs12.load_key_and_certificates(
            out.read_bytes(), PASSWORD.encode())
        assert scalar(key) == device.keys[slot]
        assert own.public_key().public_numbers() == \
            key.public_key().public_numbers()
        assert {c.public_bytes(serialization.Encoding.DER)
                for c in others} == set(chain_of(shelf))
        info = run("openssl", "pkcs12", "-in", out, "-info", "-noout",
                   "-passin", f"file:{shelf.password}").err
        assert "Shrouded Keybag: PBES2, PBKDF2, AES-256-CBC" in info
        listed = run("pk12util", "-l", out, "-w", shelf.password).out
        assert "Key(shrouded)" in listed and "AES-256-CBC" in listed
        out.unlink()


def test_device_pem_in_tls(devices, shelf, tmp_path):
    """Another program of the device is a TLS client with it, and trusts the
    service by the root in it."""
    out = tmp_path / "device.pem"
    devices[0]("export", "--format", "pem", "--unencrypted", "--out", out)
    shelf.imprint("service", "add", "collector", "--dns", "localhost",
                  "--out", tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "collector.pem",
                           tmp_path / "collector.key")
    server.load_verify_locations(shelf.dir / "publish/trust.pem")
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context(cafile=out)
    client.load_cert_chain(out)
    a, b = socket.socketpair()
    seen = {}

    def serve():
        with server.wrap_socket(a, server_side=True) as tls:
            seen.update(dict(x[0] for x in tls.getpeercert()["subject"]))
            tls.sendall(b"hello")

    thread = threading.Thread(target=serve)
    thread.start()
    with client.wrap_socket(b, server_hostname="localhost") as tls:
        assert tls.recv(5) == b"hello"
    thread.join()
    assert seen["serialNumber"] == "CAM-000000000"


DEVICE_BAD = [
    (["--format", "pem"], 2, "--format and --out"),
    (["--out", "x"], 2, "--format and --out"),
    (["--format", "pem", "--out", "x"], 2, "--unencrypted"),
    (["--format", "pem", "--unencrypted", "--out", "-"], 2, "0600"),
    (["--format", "pkcs12", "--unencrypted", "--out", "x"], 2, "encrypted"),
    (["--format", "der", "--out", "x"], 2, "pem, pkcs12"),
    (["--format", "pem", "--unencrypted", "--out", "x", "--slot", "1"], 3,
     "slot 1 has no certificate"),
    (["--format", "pem", "--unencrypted", "--out", "x", "--slot", "9"], 2,
     "--slot"),
    (["--format", "pem", "--unencrypted", "--out", "no/folder/x"], 3,
     "no/folder"),
    (["--format", "pkcs12", "--out", "x", "--password-file", "none"], 3,
     "none"),
    (["--format", "pkcs12", "--out", "x", "--password-fd", "0"], 2, "empty"),
    (["x", "--format", "pem"], 2, "options only"),
]


@pytest.mark.parametrize("argv, code, message", DEVICE_BAD,
                         ids=[" ".join(b[0]) for b in DEVICE_BAD])
def test_device_bad_input(devices, tmp_path, argv, code, message):
    here = tmp_path / "here"
    here.mkdir()
    result = devices[0]("export", *argv, code=code, cwd=here)
    assert message in result.err and list(here.iterdir()) == []


def test_device_refuses(devices, tmp_path, clock):
    camera = devices[0]
    argv = ["export", "--format", "pem", "--unencrypted", "--out"]
    out = tmp_path / "x.pem"
    out.write_text("mine")
    assert "--force" in camera(*argv, out, code=4).err
    assert out.read_text() == "mine"
    camera(*argv, out, "--force")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    for text in (b"caf\xc3\xa9\n", b"a\0b\n", b"\t\n"):
        camera("export", "--format", "pkcs12", "--out", tmp_path / "y",
               "--password-fd", "0", stdin=text, code=2)
    Device(tmp_path / "empty")(*argv, tmp_path / "y", code=3)
    result = camera(*argv, tmp_path / "y", code=1,
                    env=clock("2099-01-01T00:00:00Z"))
    assert "refused: expired" in result.err
    record = camera.home / "identity.0"
    data = bytearray(record.read_bytes())
    data[len(data) // 2] ^= 1
    record.write_bytes(data)
    camera(*argv, tmp_path / "y", code=8)
    assert not (tmp_path / "y").exists()


@program_needed("imprint-device-faulty")
@pytest.mark.parametrize("kind", FAULTS)
def test_device_faults(devices, tmp_path, kind):
    """The key file is whole or not there; none is left under another name
    once the command has run."""
    camera = devices[0]
    argv = ["export", "--format", "pem", "--unencrypted", "--out"]
    count = tmp_path / "operations"
    camera(*argv, tmp_path / "first.pem", program="imprint-device-faulty",
           env={"IMPRINT_FAULT": f"count:{count}"})
    good = (tmp_path / "first.pem").read_bytes()
    for at in range(1, int(count.read_text()) + 1):
        out = tmp_path / kind / str(at) / "device.pem"
        out.parent.mkdir(parents=True)
        result = camera(*argv, out, program="imprint-device-faulty",
                        env={"IMPRINT_FAULT": fault_text(kind, at)},
                        code=(*FAULTS[kind], 0))
        if out.exists():
            assert out.read_bytes() == good
            assert stat.S_IMODE(out.stat().st_mode) == 0o600
        assert out.exists() or result.code != 0
        camera(*argv, out, "--force")
        assert out.read_bytes() == good
        assert [p.name for p in out.parent.iterdir()] == ["device.pem"]


def test_guide_lists_every_format():
    text = (ROOT / "docs/guides/renderings.md").read_text()
    for name in FORMATS:
        assert f"| `{name}` |" in text
