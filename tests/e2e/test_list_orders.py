"""Lists as they come from outside, all the way: signed or proved by programs
that are not ours, ordered, run, and opened by a reader that is not ours. Who
may be believed; and faults at every step of taking a list in and running it."""
import datetime
import json
import resource
import shutil

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.x509.oid import NameOID

import reader
from conftest import FAULTS, TORTURE, fault_text, parallel, run, sample
from test_lists import TAG, Maker, point, proof
from test_modes import (approve, chips_check, chips_list, chips_make,
                        operator_add)

IDS = [bytes([7, n]) for n in range(6)]
P256 = [ec.generate_private_key(ec.SECP256R1()) for _ in IDS]
EVIDENCE = {"chip maker": 2, "approved": 3, "possession": 4}
MANY = 1000000 if TORTURE else 50000


def order(eco, path, *argv, mode="chip", product="camera", code=0):
    return eco.imprint("order", "create", "--product", product, "--mode",
                       mode, "--list", path, "--station", "line-1", *argv,
                       code=code)


def orders(eco):
    return len(eco.imprint("order", "list", "--json").json)


def nothing_made(eco):
    """Not an order, an entry, a mark or a block is there."""
    for table in ("orders", "device_list", "device_block", "device_mark"):
        assert reader.rows(eco.db, f"SELECT count(*) FROM {table}")[0][0] \
            == 0, table


@pytest.fixture
def acme(eco, tmp_path):
    maker = Maker(tmp_path)
    eco.imprint("chip-maker", "add", "acme", "--cert", maker.pem)
    return maker


def manifest(maker, path, ids=IDS, keys=P256):
    path.write_text(json.dumps([maker.entry(i, k)
                                for i, k in zip(ids, keys)]))
    return path


def test_manifest_to_chip(eco, acme, tmp_path):
    order(eco, manifest(acme, tmp_path / "chips.json"))
    eco.imprint("order", "run", 1)
    chips_check(eco, dict(zip(IDS, P256)), evidence=EVIDENCE["chip maker"])


def test_csv_to_chip(eco, acme, tmp_path):
    """Points and SubjectPublicKeyInfo, under a detached CMS of openssl."""
    path = tmp_path / "chips.csv"
    path.write_text("id,key\n" + "".join(
        f"{i.hex()},{key.hex()}\n" for i, key in zip(IDS, [
            point(k) if n % 2 else k.public_key().public_bytes(
                serialization.Encoding.DER,
                serialization.PublicFormat.SubjectPublicKeyInfo)
            for n, k in enumerate(P256)])))
    order(eco, path, "--list-signature", acme.sign(path))
    eco.imprint("order", "run", 1)
    chips_check(eco, dict(zip(IDS, P256)), evidence=EVIDENCE["chip maker"])


def tag_add(eco, tmp_path):
    path = tmp_path / "tag.yaml"
    path.write_text(TAG)
    eco.imprint("product", "add", path)


def tags_check(eco, keys, maker, evidence):
    """Documents out by file, in the list's order, with the devices' keys."""
    pack = reader.Pack(eco.pack().read_bytes())
    pack.verify()
    leaves = reader.log_leaves(eco.db)
    rows = list(pack.open(eco.stations["line-1"]))
    for (index, document, private), key in zip(rows, keys, strict=True):
        opened = reader.document_open(document)
        claims = reader.cbor_decode(opened.payload)
        (slot,) = claims[-66002]
        assert private == [] and slot[5] == maker
        leaf = x509.load_der_x509_certificate(slot[4])
        assert leaf.public_key().public_numbers() == \
            key.public_key().public_numbers()
        assert leaves[index] == reader.identity_leaf(
            index, reader.sha256(opened.payload), evidence)


def requests_write(path, keys):
    path.write_bytes(b"".join(
        x509.CertificateSigningRequestBuilder().subject_name(x509.Name([
            x509.NameAttribute(NameOID.COMMON_NAME, "x")])).sign(
            k, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        for k in keys))
    return path


def test_requests_to_documents(eco, tmp_path):
    tag_add(eco, tmp_path)
    order(eco, requests_write(tmp_path / "all.csr", P256),
          mode="device-key", product="tag")
    eco.imprint("order", "run", 1)
    tags_check(eco, P256, 1, EVIDENCE["possession"])


def test_proofs_to_documents(eco, tmp_path):
    """With the text that the order asks for, and no other."""
    tag_add(eco, tmp_path)
    path = tmp_path / "keys.cose"
    path.write_bytes(b"".join(proof(i, k, "order of May")
                              for i, k in zip(IDS, P256)))
    options = {"mode": "device-key", "product": "tag"}
    done = order(eco, path, "--challenge", "order of June", code=5, **options)
    assert "message 1: proof: is over another text" in done.err
    nothing_made(eco)
    order(eco, path, "--challenge", "order of May", **options)
    eco.imprint("order", "run", 1)
    tags_check(eco, P256, 1, EVIDENCE["possession"])
    assert "one device has one identity" in order(
        eco, path, code=4, **options).err


def test_manifest_stands_for_possession(eco, acme, tmp_path):
    """A chip maker's word instead of a proof: the document says so."""
    path = tmp_path / "tag.yaml"
    path.write_text(TAG.replace("key-from: device", "key-from: chip"))
    eco.imprint("product", "add", path)
    chips = manifest(acme, tmp_path / "chips.json")
    # no key of that name: nothing is made
    assert "no key is called 5" in order(
        eco, chips, "--key-id", "5", mode="device-key", product="tag",
        code=2).err
    nothing_made(eco)
    order(eco, chips, "--key-id", "0", mode="device-key", product="tag")
    eco.imprint("order", "run", 1)
    tags_check(eco, P256, 2, EVIDENCE["chip maker"])


def test_refused_with_place(eco, acme, tmp_path):
    """Each with its place, all of them before anything is made."""
    tag_add(eco, tmp_path)
    weak = run("openssl", "req", "-new", "-newkey", "rsa:1024", "-nodes",
               "-keyout", tmp_path / "weak.key", "-subj", "/CN=x").raw
    other = run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:secp256k1", "-nodes", "-keyout",
                tmp_path / "k1.key", "-subj", "/CN=x").raw
    good = requests_write(tmp_path / "good.csr", P256[:2]).read_bytes()
    twice = good + requests_write(tmp_path / "t.csr", P256[:1]).read_bytes()
    swapped = proof(IDS[0], P256[0], "") + reader.sign1(
        P256[2], "application/imprint-key-proof+cose", reader.cbor_encode(
            [1, IDS[1], 0, reader.cose_key(P256[1].public_key()), ""]))
    for name, data, place in (
            ("weak.csr", good + weak, "request 3"),
            ("other.csr", good + other, "request 3"),
            ("twice.csr", twice, "request 3: its key is that of request 1"),
            ("swapped.cose", swapped, "message 2: proof: kid: ")):
        path = tmp_path / name
        path.write_bytes(data)
        done = order(eco, path, mode="device-key", product="tag",
                     code=(2, 5))
        assert place in done.err, done
    agree = x25519.X25519PrivateKey.generate().public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    for good, bad, place in (
            (agree, bytes(32), "line 3: column 2: X25519 public key"),
            (point(P256[0]), b"\x04" + bytes(64),
             "line 3: column 2: P-256 public key"),
            (point(P256[0]), point(P256[0]),
             "line 3: its key is that of line 2")):
        path = tmp_path / "bad.csv"
        path.write_text(f"id,key/{'X25519' if good is agree else 'P-256'}\n"
                        f"01,{good.hex()}\n02,{bad.hex()}\n")
        done = order(eco, path, "--list-signature", acme.sign(path), code=2)
        assert place in done.err, done
    nothing_made(eco)


# Who may be believed

def certificate(name, key, issuer=None, issuer_key=None, ca=False,
                usage=None):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(
        issuer.subject if issuer else subject).public_key(
        key.public_key()).serial_number(x509.random_serial_number()
                                        ).not_valid_before(
        datetime.datetime(2020, 1, 1)).not_valid_after(
        datetime.datetime(9000, 1, 1)).add_extension(
        x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if usage is not None:
        builder = builder.add_extension(x509.KeyUsage(
            **{n: n == usage for n in (
                "digital_signature", "content_commitment", "key_encipherment",
                "data_encipherment", "key_agreement", "key_cert_sign",
                "crl_sign", "encipher_only", "decipher_only")}),
            critical=True)
    return builder.sign(issuer_key or key, hashes.SHA256())


def maker_of(where, name, key, cert):
    maker = Maker(where, name)
    maker.key, maker.cert = key, cert
    maker.pem.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    maker.key_file.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    return maker


def test_signer_itself(eco, tmp_path):
    """The certificate that signs is registered, and nothing above it."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(4)]
    ca = certificate("CA", keys[0], ca=True, usage="key_cert_sign")
    root = maker_of(tmp_path, "ca", keys[0], ca)
    signer = maker_of(tmp_path, "signer", keys[1], certificate(
        "signer", keys[1], ca, keys[0], usage="digital_signature"))
    mail = maker_of(tmp_path, "mail", keys[2], certificate(
        "mail", keys[2], ca, keys[0], usage="digital_signature"))
    agree = maker_of(tmp_path, "agree", keys[3], certificate(
        "agree", keys[3], usage="key_agreement"))
    for wrong, why in ((root, "is a CA's"), (agree, "not digitalSignature")):
        done = eco.imprint("chip-maker", "add", "acme", "--cert", wrong.pem,
                           code=2)
        assert why in done.err, done
    eco.imprint("chip-maker", "add", "acme", "--cert", signer.pem)
    path = tmp_path / "chips.csv"
    path.write_text("id,key\n" + "".join(
        f"{i.hex()},{point(k).hex()}\n" for i, k in zip(IDS, P256)))
    done = order(eco, path, "--list-signature", mail.sign(path), code=5)
    assert "signer: no good path to the registered certificate" in done.err
    nothing_made(eco)
    # its successor, under the same name; ids stay the maker's
    order(eco, path, "--list-signature", signer.sign(path))
    eco.imprint("chip-maker", "add", "acme", "--cert", mail.pem)
    eco.imprint("chip-maker", "add", "acme", "--cert", mail.pem)
    assert len(eco.imprint("chip-maker", "list", "--json").json) == 2
    path.write_text("id,key\n" + IDS[2].hex() + "," + point(
        ec.generate_private_key(ec.SECP256R1())).hex() + "\n")
    done = order(eco, path, "--list-signature", mail.sign(path), code=4)
    assert "entry 1: its key or id is that of entry 3 of order 1" in done.err
    eco.imprint("chip-maker", "remove", "acme")
    for old in (mail, signer):
        done = order(eco, path, "--list-signature", old.sign(path), code=5)
        assert "none of the 0 registered" in done.err
    eco.imprint("log", "verify")


def key_make(eco, tmp_path, name):
    passphrase = tmp_path / f"{name}.pw"
    passphrase.write_text(name)
    passphrase.chmod(0o600)
    out = tmp_path / f"{name}.operator"
    eco.imprint("operator", "key", name, "--new-passphrase-file", passphrase,
                "--out", out)
    return out, ["--operator", name, "--operator-passphrase-file", passphrase]


def test_two_agree_on_operators(eco, tmp_path):
    """The first adds the second alone; from then on two agree, on operators
    and on chip makers."""
    bea = operator_add(eco, "bea")
    done = eco.imprint("operator", "add", "cay", code=5)
    assert "there are 2: another one" in done.err
    assert not (eco.dir / "operators/cay.key").exists()
    cay, as_cay = key_make(eco, tmp_path, "cay")
    dan, _ = key_make(eco, tmp_path, "dan")
    own, others = tmp_path / "own", tmp_path / "others"
    eco.imprint("operator", "approve", cay, "--out", own)
    eco.imprint("operator", "approve", dan, *bea, "--out", others)
    add = ["operator", "add", "cay", "--public", cay]
    for argv, why in (([], "of 2 operators two must agree"),
                      (["--approval", own], "another one must approve"),
                      (["--approval", others], "approved something else")):
        done = eco.imprint(*add, *argv, code=5)
        assert why in done.err, done
    # nobody whom nobody added approves
    mine = tmp_path / "mine"
    eco.imprint("operator", "approve", cay, *as_cay, "--out", mine)
    assert "no operator's here" in eco.imprint(
        *add, "--approval", mine, code=5).err
    good = tmp_path / "good"
    said = eco.imprint("operator", "approve", cay, *bea, "--out", good,
                       "--json").json
    assert said["operator"] == "cay"
    assert "is of operator cay" in eco.imprint(
        "operator", "add", "eve", "--public", cay, "--approval", good,
        code=2).err
    eco.imprint(*add, "--approval", good)
    # a chip maker
    maker = Maker(tmp_path)
    add = ["chip-maker", "add", "acme", "--cert", maker.pem]
    assert "of 3 operators two must agree" in eco.imprint(*add, code=5).err
    word = tmp_path / "word"
    eco.imprint("chip-maker", "approve", "acme", "--cert", maker.pem,
                *as_cay, "--out", word)
    assert "approved something else" in eco.imprint(
        "chip-maker", "add", "other", "--cert", maker.pem, "--approval",
        word, code=5).err
    eco.imprint(*add, "--approval", word)
    order(eco, manifest(maker, tmp_path / "chips.json"))
    eco.imprint("log", "verify")


# Faults

@pytest.fixture(scope="module")
def listed(stocked, tmp_path_factory):
    """Lists for both modes, ready to be ordered; orders of each, of three
    chunks, not run yet, in a copy."""
    root = tmp_path_factory.mktemp("listed")
    eco = stocked.copy(root / "eco")
    bea = operator_add(eco, "bea")
    chips = chips_make(20)
    path = chips_list(root / "chips.cbor", chips)
    eco.chips, eco.path = chips, path
    eco.approval = approve(eco, path, bea)
    tag = root / "tag.yaml"
    tag.write_text(TAG)
    eco.imprint("product", "add", tag)
    eco.keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(20)]
    eco.proofs = root / "keys.cose"
    eco.proofs.write_bytes(b"".join(
        proof(b"%d" % n, k, "") for n, k in enumerate(eco.keys)))
    return eco


def create_argv(eco, mode):
    argv = ["order", "create", "--station", "line-1", "--mode", mode]
    return argv + (["--product", "camera", "--list", eco.path, "--approval",
                    eco.approval] if mode == "chip" else
                   ["--product", "tag", "--list", eco.proofs])


def made_check(eco, listed, mode):
    if mode == "chip":
        chips_check(eco, listed.chips, evidence=EVIDENCE["approved"])
    else:
        tags_check(eco, listed.keys, 1, EVIDENCE["possession"])


def chunks_small(eco):
    db = reader.sqlite3.connect(eco.db)
    with db:
        db.execute("UPDATE orders SET chunk_size = 8")
    db.close()


def faults_run(eco, tmp_path, kind, argv, check, most):
    counted = eco.copy(tmp_path / "count")
    path = counted.root / "operations"
    counted.faulty(f"count:{path}", *argv)
    count = int(path.read_text())

    def step(at):
        copy = eco.copy(tmp_path / f"{kind}-{at}")
        copy.faulty(fault_text(kind, at), *argv, code=FAULTS[kind])
        try:
            check(copy)
        except AssertionError as e:
            raise AssertionError(f"after {kind}:{at} of {count}: {e}") from e
        shutil.rmtree(copy.root)

    parallel(step, sample(count, most))


KINDS = ["kill", "powercut", "enospc"] + (
    ["killafter", "eio", "syncfail", "short"] if TORTURE else [])


@pytest.mark.parametrize("mode", ["chip", "device-key"])
@pytest.mark.parametrize("kind", KINDS)
def test_create_faults(listed, tmp_path, kind, mode):
    """All of the order with its list, or nothing; and then again."""
    argv = create_argv(listed, mode)

    def check(copy):
        there = orders(copy)
        if there == 0:
            nothing_made(copy)
            copy.imprint(*argv)
        else:
            # taken whole: its devices have theirs, its approval is spent
            assert there == 1
            code, why = (5, "was used before") if mode == "chip" else (
                4, "one device has one identity")
            assert why in copy.imprint(*argv, code=code).err
        chunks_small(copy)
        copy.imprint("order", "run", 1)
        made_check(copy, listed, mode)
        copy.imprint("log", "verify")

    faults_run(listed, tmp_path, kind, argv, check, 3)


@pytest.mark.parametrize("mode", ["chip", "device-key"])
@pytest.mark.parametrize("kind", KINDS)
def test_run_faults(listed, tmp_path, kind, mode):
    """The n-th device has its identity, whatever became void on the way."""
    eco = listed.copy(tmp_path / "eco")
    eco.imprint(*create_argv(listed, mode))
    chunks_small(eco)

    def check(copy):
        copy.imprint("order", "run", 1)
        made_check(copy, listed, mode)
        copy.imprint("log", "verify")

    faults_run(eco, tmp_path, kind, ["order", "run", 1], check, 4)


def test_many_lines_one_bad(listed, tmp_path):
    """The line is named, nothing is stored, and memory does not follow the
    file but for the marks of what was seen."""
    eco = listed.copy(tmp_path / "eco")
    path, bad = tmp_path / "chips.csv", MANY - 17
    with path.open("w") as f:
        f.write("id,key/X25519\n")
        for n in range(MANY):
            key = bytes(32) if n == bad else reader.sha256(b"%d" % n)
            f.write(f"{n:08x},{key.hex()}\n")
    size = eco.db.stat().st_size
    done = order(eco, path, code=2)
    assert f"line {bad + 2}: column 2: X25519 public key: a point of small " \
        "order" in done.err
    nothing_made(eco)
    assert eco.db.stat().st_size == size
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert peak < (400 << 10 if TORTURE else 200 << 10), peak   # in KiB
