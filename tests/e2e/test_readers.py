"""Somebody else's parsers read what Imprint writes."""
import random

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.x509.oid import ExtensionOID, NameOID

import reader
from conftest import PASSPHRASE, PRODUCTS, URL, run

EKU_CLIENT = "1.3.6.1.5.5.7.3.2"


def ca(eco, name):
    return x509.load_der_x509_certificate(
        (eco.dir / f"publish/ca/{name}.cer").read_bytes())


def cose(eco, index):
    return eco.imprint("identity", "show", index, "--format", "cose").raw


def leaf(eco, index):
    return x509.load_der_x509_certificate(eco.imprint(
        "identity", "show", index, "--format", "der").raw)


def test_document(issued):
    message = reader.Sign1(cose(issued, 17))
    signer = ca(issued, "document").public_key()
    assert message.typ == reader.DOCUMENT_TYP
    assert message.kid == reader.thumbprint(signer)
    message.verify(signer)
    with pytest.raises(InvalidSignature):
        message.verify(ca(issued, "root").public_key())

    claims = reader.cbor_decode(message.payload)
    assert claims[1] == URL + "/default"
    assert claims[5] == claims[6] and 4 not in claims  # never expires
    assert len(claims[7]) == 16
    assert claims[256][0] == 1 and len(claims[256]) == 17
    assert claims[258] == 32473
    assert claims[259] == b"CAM-200"
    assert claims[260][0] == "2.1"
    assert claims[270] == "cam-firmware" and claims[271][0] == "1.4.0"
    assert claims[65535]["status_list"] == {
        "idx": 17, "uri": URL + "/status/bulk-00000000.cwt"}
    assert claims[-66001] == {"photo": 3, "video": 3, "settings": 5}
    assert sorted(reader.cbor_decode(claims[9])) == [
        ["photo", 3], ["settings", 1]]
    assert claims[-66005] == 1
    assert claims[-66006] == {"serial-number": "CAM-000000017"}
    root = (issued.dir / "publish/ca/root.cer").read_bytes()
    assert claims[-66003] == {"service": [{2: [-16, reader.sha256(root)]}]}


def test_document_keys(issued):
    claims = reader.cbor_decode(reader.Sign1(cose(issued, 17)).payload)
    der = issued.imprint("identity", "show", 17, "--format", "der").raw
    slots = {k[1]: k for k in claims[-66002]}
    assert set(slots) == {0, 1}
    assert slots[0][4] == der and 3 not in slots[0]
    assert slots[1][3][1] == 1 and slots[1][3][-1] == 4  # OKP, X25519
    public = x509.load_der_x509_certificate(der).public_key()
    assert claims[8] == {1: reader.cose_key(public)}


def test_product_hash(issued):
    shown = issued.imprint("product", "show", "camera", "--cbor").raw
    reader.cbor_decode(shown)
    claims = reader.cbor_decode(reader.Sign1(cose(issued, 3)).payload)
    assert claims[-66004] == reader.sha256(shown)


def test_certificate(issued):
    certificate, issuer = leaf(issued, 17), ca(issued, "bulk")
    reader.certificate_verify(certificate, issuer)
    ueid = issued.imprint("identity", "find", 17, "--json").json["ueid"]
    subject = {a.oid: a.value for a in certificate.subject}
    assert subject == {
        NameOID.ORGANIZATION_NAME: "Example Optics",
        NameOID.COMMON_NAME: ueid,
        NameOID.SERIAL_NUMBER: "CAM-000000017"}
    extensions = {e.oid: e for e in certificate.extensions}
    assert set(extensions) == {
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER, ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.CRL_DISTRIBUTION_POINTS}
    usage = extensions[ExtensionOID.KEY_USAGE]
    assert usage.critical and usage.value.digital_signature
    assert not usage.value.key_cert_sign
    eku = extensions[ExtensionOID.EXTENDED_KEY_USAGE].value
    assert [e.dotted_string for e in eku] == [EKU_CLIENT]
    point = extensions[ExtensionOID.CRL_DISTRIBUTION_POINTS].value[0]
    assert point.full_name[0].value == URL + "/crl/bulk-00000000.crl"


def test_certificate_key_ids(issued):
    certificate, issuer = leaf(issued, 17), ca(issued, "bulk")
    own = certificate.extensions.get_extension_for_class(
        x509.SubjectKeyIdentifier).value
    authority = certificate.extensions.get_extension_for_class(
        x509.AuthorityKeyIdentifier).value
    issuer_id = issuer.extensions.get_extension_for_class(
        x509.SubjectKeyIdentifier).value
    assert authority.key_identifier == issuer_id.digest
    assert authority.authority_cert_issuer is None
    for c, ski in ((certificate, own), (issuer, issuer_id)):
        point = c.public_key().public_bytes(
            serialization.Encoding.X962,
            serialization.PublicFormat.UncompressedPoint)
        # RFC 7093 2 method 1, or RFC 5280 4.2.1.2 method 1
        sha1 = hashes.Hash(hashes.SHA1())
        sha1.update(point)
        assert ski.digest in (reader.sha256(point)[:20], sha1.finalize())


def test_certificates_of_the_authority(issued):
    root = ca(issued, "root")
    reader.certificate_verify(root, root)
    limits = {"root": 1, "bulk": 0, "online": 0, "infra": 0}
    for name in ("root", "bulk", "online", "infra", "document"):
        certificate = ca(issued, name)
        reader.certificate_verify(certificate, root)
        serial = certificate.serial_number.to_bytes(17, "big")
        assert serial[0] == 0x7f
        if name == "document":
            continue
        basic = certificate.extensions.get_extension_for_class(
            x509.BasicConstraints)
        assert basic.critical and basic.value.ca
        assert basic.value.path_length == limits[name]
    assert ca(issued, "bulk").not_valid_after.year == 9999


@pytest.fixture
def pems(issued, tmp_path):
    """leaf.pem, and the CAs' as NAME.pem; certtool's chain, leaf first."""
    run("openssl", "version")
    chain = []
    for name in ("root", "bulk", "infra", "document"):
        pem = ca(issued, name).public_bytes(serialization.Encoding.PEM)
        (tmp_path / f"{name}.pem").write_bytes(pem)
    pem = issued.imprint("identity", "show", 17, "--format", "pem").raw
    (tmp_path / "leaf.pem").write_bytes(pem)
    for name in ("leaf", "bulk", "root"):
        chain.append((tmp_path / f"{name}.pem").read_bytes())
    (tmp_path / "chain.pem").write_bytes(b"".join(chain))
    return tmp_path


@pytest.mark.parametrize("purpose", [[], ["-purpose", "sslclient"]])
def test_openssl_verify(pems, purpose):
    run("openssl", "verify", "-x509_strict", "-check_ss_sig", *purpose,
        "-CAfile", pems / "root.pem", "-untrusted", pems / "bulk.pem",
        pems / "leaf.pem")


def test_openssl_verify_refuses(pems):
    strict = ["openssl", "verify", "-x509_strict", "-CAfile",
              pems / "root.pem", "-untrusted"]
    run(*strict, pems / "infra.pem", pems / "leaf.pem", code=2)
    run(*strict, pems / "bulk.pem", "-purpose", "sslserver",
        pems / "leaf.pem", code=2)


def test_openssl_verify_document_signer(pems):
    run("openssl", "verify", "-x509_strict", "-CAfile", pems / "root.pem",
        pems / "document.pem")


def test_certtool(pems):
    run("certtool", "--verify", "--load-ca-certificate", pems / "root.pem",
        "--infile", pems / "chain.pem")
    shown = run("certtool", "--certificate-info", "--infile",
                pems / "leaf.pem")
    assert "CAM-000000017" in shown.out


def test_serial_numbers(issued):
    """17 octets, the epoch first, unlike one another, resolvable."""
    found = issued.imprint("identity", "list", "--count", 300,
                           "--json").json
    assert [f["index"] for f in found] == list(range(300))
    serials = set()
    for index in (0, 1, 63, 64, 299):
        serial = leaf(issued, index).serial_number.to_bytes(17, "big")
        assert serial[0] == 0x01
        serials.add(serial)
        where = issued.imprint("identity", "find", serial.hex(), "--json")
        assert where.json["index"] == index
    assert len(serials) == 5


def test_pack(issued):
    """Opened without our code, packages at random places."""
    pack = reader.Pack(issued.pack().read_bytes())
    pack.verify()
    assert pack.count == 300 and pack.product_name == "camera"
    assert pack.indices() == list(range(300))
    positions = set(random.Random(9180).sample(range(300), 12)) | {0, 299}
    opened = list(pack.open(issued.stations["line-1"], positions))
    assert [index for index, _, _ in opened] == sorted(positions)
    for index, document, keys in opened:
        assert document == cose(issued, index)
        check_keys(document, keys)


def check_keys(document, keys):
    """The private keys are those of the document."""
    claims = reader.cbor_decode(reader.Sign1(document).payload)
    slots = {k[1]: k for k in claims[-66002]}
    for slot, alg, raw in keys:
        if alg == reader.P256:
            private = ec.derive_private_key(int.from_bytes(raw, "big"),
                                            ec.SECP256R1())
            certificate = x509.load_der_x509_certificate(slots[slot][4])
            expected = reader.cose_key(certificate.public_key())
        else:
            private = x25519.X25519PrivateKey.from_private_bytes(raw)
            expected = slots[slot][3]
        assert reader.cose_key(private.public_key()) == expected
    assert sorted(slots) == [slot for slot, _, _ in keys]


def test_pack_sealed(issued):
    """Nothing secret in the clear, nobody else opens it, and a package
    moved to another place does not open."""
    data = issued.pack().read_bytes()
    pack = reader.Pack(data)
    _, document, keys = next(pack.open(issued.stations["line-1"], {0}))
    assert document not in data
    for _, _, raw in keys:
        assert raw not in data
    other = issued.stations["line-2"]
    pack.recipient = reader.thumbprint(other.public_key())
    with pytest.raises(InvalidTag):
        list(pack.open(other, {0}))
    pack = reader.Pack(data)
    enc, rows = pack.tables[0]
    pack.tables[0] = (enc, [rows[1], rows[0]] + rows[2:])
    with pytest.raises(InvalidTag):
        list(pack.open(issued.stations["line-1"], {0}))


def test_checkpoint(issued):
    note = (issued.dir / "publish/log/bulk/checkpoint").read_bytes()
    checkpoint = reader.Checkpoint(note)
    assert checkpoint.origin == "pki.example.net/log/bulk"
    assert checkpoint.size == 300
    vkey = (issued.dir / "publish/log/bulk/vkey").read_text()
    public = reader.verifier_key(vkey, checkpoint.origin)
    checkpoint.verify(public)
    checkpoint.root = bytes(32)
    checkpoint.text = checkpoint.text.replace("300", "301")
    with pytest.raises(InvalidSignature):
        checkpoint.verify(public)


def test_checkpoint_root(issued):
    """The root from the documents themselves, not from the registry."""
    pack = reader.Pack(issued.pack().read_bytes())
    leaves = []
    for index, document, _ in pack.open(issued.stations["line-1"]):
        claims = reader.Sign1(document).payload
        leaves.append(reader.identity_leaf(index, reader.sha256(claims)))
    for index in (0, 17, 299):
        shown = issued.imprint("identity", "show", index, "--json").json
        assert shown["leaf"] == leaves[index].hex()
    note = (issued.dir / "publish/log/bulk/checkpoint").read_bytes()
    assert reader.Checkpoint(note).root == reader.merkle_root(leaves)
    assert leaves == reader.log_leaves(issued.db)


def test_keystore(issued):
    keys = reader.keystore_open(issued.dir / "keystore", PASSPHRASE.encode())
    assert set(keys) == {
        "root", "infra", "document", "log", "issuer.bulk", "issuer.online",
        "index.ueid", "index.serial.bulk.1", "index.serial.online.1",
        "registry.row", "registry.operations"}
    vkey = (issued.dir / "publish/log/bulk/vkey").read_text()
    public = reader.verifier_key(vkey, "pki.example.net/log/bulk")
    assert reader.cose_key(public) == \
        reader.cose_key(keys["log"].public_key())
    for name, label in (("root", "root"), ("bulk", "issuer.bulk"),
                        ("document", "document"), ("infra", "infra")):
        assert reader.cose_key(keys[label].public_key()) == \
            reader.cose_key(ca(issued, name).public_key())
    with pytest.raises(InvalidTag):
        reader.keystore_open(issued.dir / "keystore", b"wrong")


def test_invariants(issued):
    issued.check_complete()


def test_void_is_not_shown(eco):
    """What was reserved and never committed is void, nothing else."""
    number = eco.order(40, "line-1", chunk=8)
    eco.faulty("kill:60", "order", "run", number, code=-9)
    eco.imprint("order", "run", number)
    voids = reader.rows(eco.db, "SELECT * FROM range WHERE state = 3")
    assert voids
    first = voids[0]["first"]
    eco.imprint("identity", "show", first, code=3)
    listed = eco.imprint("identity", "list", "--json").json
    assert first not in [row["index"] for row in listed]
    assert len(listed) == 40


def test_usages_of_cas(issued):
    """No issuing CA can make a service or a document signer."""
    allowed = {"bulk": "1.3.6.1.5.5.7.3.2", "online": "1.3.6.1.5.5.7.3.2",
               "infra": "1.3.6.1.5.5.7.3.1"}
    for name, oid in allowed.items():
        usage = ca(issued, name).extensions.get_extension_for_class(
            x509.ExtendedKeyUsage).value
        assert [u.dotted_string for u in usage] == [oid], name
    names = {ca(issued, name).subject.rfc4514_string()
             for name in ("root", "bulk", "online", "infra", "document")}
    assert len(names) == 5
    db = reader.sqlite3.connect(f"file:{issued.db}?mode=ro", uri=True)
    ident, = db.execute(
        "SELECT value FROM meta WHERE name = 'ecosystem-id'").fetchone()
    db.close()
    assert all(ident[:4].hex() in name for name in names)


def test_sign_slot_never_authenticates(stocked, tmp_path):
    """A key for signing data is no key for TLS."""
    eco = stocked.copy(tmp_path / "eco")
    eco.imprint("product", "add", PRODUCTS / "wind-turbine-sensor.yaml")
    eco.imprint("order", "create", "--product", "wind-turbine-sensor",
                "--count", 1, "--station", "line-1")
    eco.imprint("order", "run", 1)
    der = eco.imprint("identity", "show", 0, "--format", "der",
                      "--slot", 2).raw
    usage = x509.load_der_x509_certificate(der).extensions \
        .get_extension_for_class(x509.KeyUsage).value
    assert usage.content_commitment and not usage.digital_signature
    document = tmp_path / "document.cose"
    document.write_bytes(cose(eco, 0))
    certificate = tmp_path / "sign.der"
    certificate.write_bytes(der)
    result = eco.imprint("identity", "verify", document, "--certificate",
                         certificate, code=1)
    assert "deny: wrong purpose" in result.out
