"""Devices with keys of their own, in bulk: a directory of requests in,
documents and certificates out."""
import base64
import json
import shutil

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import reader
from conftest import run
from test_lists import TAG

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
COUNT = 12


def request(key, encoding=PEM):
    return x509.CertificateSigningRequestBuilder().subject_name(x509.Name([
        x509.NameAttribute(NameOID.COMMON_NAME, "x")])).sign(
        key, hashes.SHA256()).public_bytes(encoding)


@pytest.fixture(scope="module")
def keys():
    return [ec.generate_private_key(ec.SECP256R1()) for _ in range(COUNT)]


@pytest.fixture(scope="module")
def prepared(pristine, tmp_path_factory, keys):
    """To be copied only."""
    eco = pristine.copy(tmp_path_factory.mktemp("bulk"))
    (eco.root / "tag.yaml").write_text(TAG)
    eco.imprint("product", "add", eco.root / "tag.yaml")
    eco.station_add("line-1")
    folder = eco.root / "requests"
    folder.mkdir()
    for n, key in enumerate(keys):
        # the order is that of the names, whoever wrote first
        name, encoding = (f"{n:04}.der", DER) if n % 3 == 2 else \
            (f"{n:04}.{'csr' if n % 2 else 'pem'}", PEM)
        (folder / name).write_bytes(request(key, encoding))
    return eco


@pytest.fixture
def eco(prepared, tmp_path):
    return prepared.copy(tmp_path / "eco")


def order(eco, **options):
    return eco.imprint("order", "create", "--product", "tag", "--mode",
                       "device-key", "--list", eco.root / "requests",
                       "--station", "line-1", "--json", **options)


def check(eco, *argv, **options):
    return eco.imprint("list", "check", eco.root / "requests", "--product",
                       "tag", "--mode", "device-key", *argv, **options)


def certificate_of(line):
    return x509.load_der_x509_certificate(
        base64.b64decode(line["keys"][0]["certificate"]))


def test_in_and_out(eco, keys, tmp_path):
    number = order(eco).json["order"]
    shown = eco.imprint("order", "show", number, "--json").json
    assert shown["list"]["entries"] == COUNT
    eco.imprint("order", "run", number)
    out = tmp_path / "order.ndjson"
    said = eco.imprint("identity", "export", "--order", number, "--format",
                       "ndjson", "--out", out, "--json").json
    assert said["identities"] == COUNT
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(lines) == COUNT
    trust = reader.certificates(
        (eco.dir / "publish/trust.pem").read_bytes())
    for line, key in zip(lines, keys):
        # in the order of the list, and each finds its own by its key
        assert line["keys"][0]["kid"] == \
            reader.thumbprint(key.public_key()).hex()
        assert line["keys"][0]["algorithm"] == "P-256"
        leaf = certificate_of(line)
        assert leaf.public_key().public_numbers() == \
            key.public_key().public_numbers()
        issuer, root = [x509.load_der_x509_certificate(base64.b64decode(c))
                        for c in line["chain"]]
        reader.certificate_verify(leaf, issuer)
        reader.certificate_verify(issuer, root)
        assert root in trust
        document = base64.b64decode(line["document"])
        claims = reader.cbor_decode(reader.document_open(document).payload)
        assert claims[256].hex() == line["ueid"]
    assert not list(eco.dir.glob("names.tmp"))


def test_a_directory_goes_on(eco, tmp_path):
    """Broken off, the same again writes what is missing, and no more."""
    number = order(eco).json["order"]
    eco.imprint("order", "run", number)
    out = tmp_path / "documents"
    argv = ["identity", "export", "--order", number, "--format", "document",
            "--out", out]
    eco.imprint(*argv)
    whole = {p.name: p.read_bytes() for p in out.iterdir()}
    assert len(whole) == COUNT
    kept = sorted(whole)[0]
    for name in sorted(whole)[1:5]:
        (out / name).unlink()
    before = (out / kept).stat()
    eco.imprint(*argv)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == whole
    after = (out / kept).stat()
    assert (before.st_ino, before.st_mtime_ns) == \
        (after.st_ino, after.st_mtime_ns)
    # what is another's is not touched
    (out / kept).write_bytes(whole[kept][:-1])
    done = eco.imprint(*argv, code=4)
    assert kept in done.err and "--force" in done.err
    assert (out / kept).read_bytes() == whole[kept][:-1]


def test_same_as_one_file(eco, keys, tmp_path):
    """The directory is the list that one file of all would be."""
    path = tmp_path / "all.csr"
    path.write_bytes(b"".join(request(k) for k in keys))
    one = eco.imprint("list", "check", path, "--product", "tag", "--mode",
                      "device-key", "--json").json
    assert check(eco, "--json").json == one
    assert check(eco, "--list-format", "csr", "--json").json == one


def test_refused(eco, keys, tmp_path):
    folder = eco.root / "requests"
    good = (folder / "0004.pem").read_bytes()

    def refused(text, code, *messages, name="0004.pem"):
        (folder / name).write_bytes(text)
        for done in (check(eco, code=code), order(eco, code=code)):
            assert all(m in done.err + done.out for m in messages), done
        assert eco.imprint("order", "list", "--json").json == []
        (folder / "0004.pem").write_bytes(good)

    body = base64.b64decode(b"".join(good.splitlines()[1:-1]))
    swapped = bytearray(body)
    swapped[-3] ^= 1
    refused(b"-----BEGIN CERTIFICATE REQUEST-----\n" +
            base64.encodebytes(swapped) +
            b"-----END CERTIFICATE REQUEST-----\n", 5, "0004.pem: ",
            "proof of possession")
    refused(keys[4].private_bytes(
        PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()), 2, "0004.pem: ", "is a PRIVATE KEY")
    refused(good + good, 2, "0004.pem: holds 2 requests")
    refused(b"hello\n", 2, "0004.pem: holds 0 requests")
    refused(b"", 2, "0004.pem: holds 0 requests")
    refused(body[:-1], 2, "0004.pem: ")
    refused(bytes(70000), 2, "0004.pem")
    # a key that is there twice
    refused((folder / "0003.csr").read_bytes(), 2, "request 5")
    # two are bad: both are named
    (folder / "0007.csr").write_bytes(b"0\0")
    (folder / "0009.csr").write_bytes(b"0\0")
    done = check(eco, code=2)
    assert "0007.csr: " in done.err and "0009.csr: " in done.err
    assert "(2 of 12 are bad)" in done.err


def test_other_files(eco):
    folder = eco.root / "requests"
    (folder / "README").write_text("from line 3")
    (folder / ".hidden.csr").write_text("")
    done = check(eco)
    assert "1 that do not end in .csr, .pem or .der were passed over" in \
        done.err
    assert "12 devices" in done.out
    done = check(eco, "--list-format", "cose", code=2)
    assert "a directory holds requests" in done.err
    shutil.rmtree(folder)
    folder.mkdir()
    assert "holds no file that ends in .csr" in check(eco, code=2).err
    (folder / "a.csr").mkdir()
    assert "a.csr" in check(eco, code=(2, 5, 6)).err
