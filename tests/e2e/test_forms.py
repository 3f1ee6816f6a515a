"""The plain forms of a package, read by other people's programs."""
import base64
import io
import json
import struct
import subprocess
import tarfile
import zlib

import cbor2
import pytest
from cryptography.hazmat.primitives import serialization

import reader
from conftest import BIN, PRODUCTS, make_ecosystem, run

ALGORITHMS = {1: "P-256", 2: "X25519"}
LAYOUT = """\
# what the boot loader reads
size 0x2000
fill 0
at 0 ueid
at 0x20 raw 0 room 32      # its key
at 0x100 certificate 0 length le32 room 0x700
at 0x800 document length be16 room 0x800
at 0x1000 key 0 length le16
at 0x1100 chain 2
at 0x1ffc crc32
"""


def form(*argv, package=b"", **options):
    return run(BIN / "imprint-station", "form", *argv, stdin=package,
               **options)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """One package, as a plug-in gets it."""
    root = tmp_path_factory.mktemp("forms")
    eco = make_ecosystem(root)
    eco.imprint("product", "add", PRODUCTS / "camera.yaml")
    trust = eco.home / "ecosystems/default/publish/trust.pem"
    home = root / "station"
    station = [BIN / "imprint-station", "--home", home]
    run(*station, "init", "--name", "line-1", "--trust", trust)
    eco.imprint("station", "add", home / "line-1.station")
    eco.imprint("order", "create", "--product", "camera", "--count", 1,
                "--station", "line-1")
    eco.imprint("order", "run", 1)
    run(*station, "import", eco.pack())
    run(*station, "inject", "--command", f"cat > {root}/package")
    return (root / "package").read_bytes()


@pytest.fixture(scope="module")
def parts(package):
    magic, version, document, keys, chain = cbor2.loads(package)
    assert (magic, version) == ("imprint-package", 1)
    claims = reader.cbor_decode(reader.document_open(document).payload)
    certificates = {k[1]: k[4] for k in claims[-66002] if 4 in k}
    return document, {k[0]: (k[1], k[2]) for k in keys}, certificates, chain


def key_check(der, alg, raw):
    key = serialization.load_der_private_key(der, None)
    if alg == 1:
        assert key.private_numbers().private_value == \
            int.from_bytes(raw, "big")
    else:
        assert key.private_bytes(
            serialization.Encoding.Raw, serialization.PrivateFormat.Raw,
            serialization.NoEncryption()) == raw


def test_cbor(package):
    assert form("cbor", package=package).raw == package


def test_pem(package, parts, tmp_path):
    document, keys, certificates, chain = parts
    out = tmp_path / "device.pem"
    (tmp_path / "package").write_bytes(package)
    form("pem", "--in", tmp_path / "package", "--out", out)
    assert out.stat().st_mode & 0o777 == 0o600
    text = out.read_bytes()
    found = reader.certificates(text)
    assert [c.public_bytes(serialization.Encoding.DER) for c in found] == \
        [*certificates.values(), *chain]
    blocks = text.split(b"-----BEGIN PRIVATE KEY-----")[1:]
    for block, (alg, raw) in zip(blocks, keys.values()):
        der = base64.b64decode(block.split(b"-----END")[0])
        key_check(der, alg, raw)
    assert len(blocks) == len(keys)
    body = text.split(b"BEGIN IMPRINT DOCUMENT-----")[1].split(b"-----")[0]
    assert base64.b64decode(body) == document
    # never over what is there
    form("pem", "--in", tmp_path / "package", "--out", out, code=4)


def test_der(package, parts):
    document, keys, certificates, chain = parts
    again = form("der", package=package).raw
    assert again == form("der", package=package).raw
    with tarfile.open(fileobj=io.BytesIO(again)) as archive:
        files = {m.name: archive.extractfile(m).read() for m in archive}
        assert all(m.isfile() and m.mode == 0o600 for m in archive)
    assert files.pop("document.cbor") == document
    for name, der in zip(("issuer", "signer", "root"), chain):
        assert files.pop(f"{name}.cer") == der
    for slot, der in certificates.items():
        assert files.pop(f"slot-{slot}.cer") == der
    for slot, (alg, raw) in keys.items():
        key_check(files.pop(f"slot-{slot}.key"), alg, raw)
    assert not files
    done = subprocess.run(["tar", "tvf", "-"], input=again, check=True,
                          capture_output=True)
    assert not done.stderr


def test_c(package, parts, tmp_path):
    """A compiler reads it, and says the same."""
    document, keys, certificates, chain = parts
    header = form("c", package=package).raw
    (tmp_path / "package.h").write_bytes(header)
    names = ["document", "issuer", "signer", "root",
             *(f"private_key_slot_{s}" for s in keys),
             *(f"certificate_slot_{s}" for s in certificates)]
    prints = "".join(
        f'printf("{n} "); for (unsigned long i = 0; i < sizeof imprint_{n};'
        f' i++) printf("%02x", imprint_{n}[i]); puts("");\n' for n in names)
    (tmp_path / "p.c").write_text(
        '#include <stdio.h>\n#include "package.h"\n#include "package.h"\n'
        f"int main(void) {{ {prints} return imprint_ueid[0] != 1; }}\n")
    subprocess.run(["gcc", "-std=c99", "-Wall", "-Werror", "-pedantic", "-o",
                    tmp_path / "p", tmp_path / "p.c"], check=True)
    done = subprocess.run([tmp_path / "p"], check=True, capture_output=True,
                          text=True)
    found = {k: bytes.fromhex(v) for k, v in (
        line.split() for line in done.stdout.splitlines())}
    assert [found[n] for n in names[:4]] == [document, *chain]
    for slot, (_, raw) in keys.items():
        assert found[f"private_key_slot_{slot}"] == raw
    for slot, der in certificates.items():
        assert found[f"certificate_slot_{slot}"] == der


def test_ndjson(package, parts):
    document, keys, certificates, chain = parts
    text = form("ndjson", package=package).raw
    assert text.count(b"\n") == 1 and text.endswith(b"\n")
    line = json.loads(text)
    assert base64.b64decode(line["document"]) == document
    assert [base64.b64decode(c) for c in line["chain"]] == chain
    assert {c["slot"]: base64.b64decode(c["certificate"])
            for c in line["certificates"]} == certificates
    for key in line["keys"]:
        alg, raw = keys[key["slot"]]
        assert key["algorithm"] == ALGORITHMS[alg]
        key_check(base64.b64decode(key["key"]), alg, raw)
    assert len(line["keys"]) == len(keys) and line["ueid"].startswith("01")


def test_image(package, parts, tmp_path):
    document, keys, certificates, chain = parts
    layout = tmp_path / "flash.txt"
    layout.write_text(LAYOUT)
    image = form("image", "--layout", layout, package=package).raw
    assert len(image) == 0x2000
    assert image[0x20:0x40] == keys[0][1]
    size, = struct.unpack_from("<I", image, 0x100)
    assert image[0x104:0x104 + size] == certificates[0]
    assert not any(image[0x104 + size:0x800])
    size, = struct.unpack_from(">H", image, 0x800)
    assert image[0x802:0x802 + size] == document
    size, = struct.unpack_from("<H", image, 0x1000)
    key_check(image[0x1002:0x1002 + size], *keys[0])
    assert image[0x1100:0x1100 + len(chain[2])] == chain[2]
    assert image[-4:] == struct.pack("<I", zlib.crc32(image[:-4]))
    layout.write_text("size 20\nat 1 ueid")
    small = form("image", "--layout", layout, package=package).raw
    assert small[:1] == b"\xff" and small[1] == 1 and small[18:] == b"\xff" * 2


@pytest.mark.parametrize("text, message", [
    ("at 0 ueid", "line 1: size comes first"),
    ("size 99\nsize 99", "line 2: size is said already"),
    ("size 0", "line 1: an image of no octets"),
    ("size 99999999", "no number from 0 to 1048576"),
    ("size 99\n", "nothing stands in the image"),
    ("size 99\nat 0 ueid\nfill 0", "line 3: fill comes right behind size"),
    ("size 99\nfill 256", "256: no number from 0 to 255"),
    ("size 99\n\nat 0 ueid\nat 16 ueid", "line 4: 16 to 33 lies over what "
     "line 3 writes"),
    ("size 16\nat 0 ueid", "ends at 17, the image at 16"),
    ("size 99\nat 100 ueid", "100: no number from 0 to 99"),
    ("size 99\nat 0 document room 90", "more than its room"),
    ("size 9000\nat 0 key 7", "this device has no such thing"),
    ("size 9000\nat 0 chain 3", "this device has no such thing"),
    ("size 9000\nat 0 tulip", '"tulip" is nothing that a package has'),
    ("size 9000\nat 0", "what stands there?"),
    ("size 9000\nat x ueid", '"x": a number is missing'),
    ("size 9000\nat 0 ueid length le64", "length: le16, le32, be16 or be32"),
    ("size 9000\nat 0 ueid colour 5", '"colour": length or room'),
    ("size 9000\nat 0 crc32 0", "crc32 takes nothing more"),
    ("size 9000\nput 0 ueid", "size BYTES, fill OCTET or at OFFSET"),
    ("size 9000\nput 0", '"put": none of size, fill, at'),
    ("size 1 2 3 4 5 6 7 8 9", "too many words"),
    ("size 9" + " " * 300, "longer than 255 octets"),
])
def test_layout_refused(package, tmp_path, text, message):
    layout = tmp_path / "flash.txt"
    layout.write_text(text)
    done = form("image", "--layout", layout, package=package, code=2)
    assert message in done.err and not done.raw


def test_refused(package, tmp_path):
    layout = tmp_path / "flash.txt"
    layout.write_text(LAYOUT)
    assert "there are cbor, pem, der, c, image, ndjson" in form(
        "xml", package=package, code=2).err
    assert "a layout is needed" in form("image", package=package, code=2).err
    assert "takes no layout" in form(
        "pem", "--layout", layout, package=package, code=2).err
    for bad in (b"", package[:-1], package + b"\0", b"\x80",
                package.replace(b"\x01", b"\x02", 1)):
        done = form("pem", package=bad, code=None)
        assert done.code in (2, 8) and not done.raw
    assert "larger than" in form("pem", package=bytes(70000), code=2).err
    assert form("c", package=package, env={}, code=0).raw
