"""imprint --server: what is looked at from elsewhere, and who is believed."""
import base64
import datetime
import hashlib
import json
import shutil

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import reader
from conftest import PRODUCTS, program_needed, run
from imprintd import Server
from test_list_orders import manifest
from test_lists import Maker
from test_manufacturers import CA, usage
from test_modes import chips_list, chips_make
from test_reconcile import first, made    # noqa: F401
from test_remote import (HOST, Elsewhere, answer, between, der_of, eco, forge,
                         liar, operations, server, there)

pytestmark = program_needed("imprintd")


def signer(path):
    """A chip maker's key that signs lists."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name.from_rfc4514_string("CN=signer")
    now = datetime.datetime(2026, 1, 1)
    cert = x509.CertificateBuilder().subject_name(name).issuer_name(
        name).public_key(key.public_key()).serial_number(77).not_valid_before(
            now).not_valid_after(now.replace(year=2046)).sign(
                key, hashes.SHA256())
    path.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    return path


def manufacturer(path):
    return CA("Acme Device CA").pem(path)


@pytest.mark.parametrize("noun, option, make", [
    ("chip-maker", "--cert", signer), ("manufacturer", "--ca", manufacturer)])
def test_makers(eco, there, tmp_path, noun, option, make):
    """Registered, listed and removed from elsewhere."""
    path = make(tmp_path / "acme.pem")
    digest = hashlib.sha256(der_of(path)).hexdigest()
    assert there(noun, "add", "acme", option, path,
                 "--json").json["sha256"] == digest
    there(noun, "add", "bolt", option, make(path))
    there(noun, "remove", "bolt")
    said = there(noun, "list", "--json").json
    member = noun.replace("-", "_")
    assert [(m[member], m["removed"]) for m in said] == [
        ("acme", False), ("bolt", True)]
    assert said[0]["sha256"] == digest
    assert said == eco.imprint(noun, "list", "--json").json
    assert there(noun, "list").out == eco.imprint(noun, "list").out


def test_products(eco, there, tmp_path):
    """What the command prints on the server, and the canonical form."""
    text = (PRODUCTS / "camera.yaml").read_text()
    path = tmp_path / "camera-3.yaml"
    path.write_text(text.replace('"1.0.0"', '"3.0.0"', 1))
    digest = there("product", "add", path, "--json").json["hash"]
    for word in ("camera", "camera@1.0.0", "camera@3.0.0"):
        assert there("product", "show", word).out == \
            eco.imprint("product", "show", word).out
    raw = there("product", "show", digest[:9], "--cbor").raw
    assert hashlib.sha256(raw).hexdigest() == digest
    for word in ("nothing", "camera@9", "0000", "a/%\n", "x" * 100, ""):
        there("product", "show", word, code=3)
    for words, code in ((("camera@1.0.0", "camera"), 1),
                        (("camera@1.0.0", path), 1),
                        ((PRODUCTS / "camera.yaml", digest[:6]), 1),
                        (("camera", "camera@3.0.0"), 0),
                        (("cellular-meter", "camera"), 1)):
        assert there("product", "diff", *words, code=code).out == \
            eco.imprint("product", "diff", *words, code=code).out
    changed = tmp_path / "camera-4.yaml"
    for version, says in (("3.0.0", "never changes"), ("4.0.0", "once it")):
        changed.write_text(text.replace('"1.0.0"', f'"{version}"', 1).replace(
            "years: ", "years: 1", 1))
        said = there("product", "diff", "camera@1.0.0", changed, code=1).out
        assert says in said
        assert said == eco.imprint("product", "diff", "camera@1.0.0",
                                   changed, code=1).out


def test_two_files(there):
    """Nobody is asked for what lies here."""
    one = PRODUCTS / "camera.yaml"
    assert "nothing differs" in there("product", "diff", one, one,
                                      port=1).out


def test_found(eco, there):
    names = [i["serial-number"] for i in eco.imprint(
        "identity", "list", "--count", 20, "--json").json]
    there("revoke", "bulk/9", "--reason", "keyCompromise", "--no-publish")
    words = ["17", "bulk/18", names[9], names[11],
             "serial-number=" + names[12]]
    assert there("identity", "find", *words).out == \
        eco.imprint("identity", "find", *words).out
    for word in words:
        assert there("identity", "find", word, "--json").json == \
            eco.imprint("identity", "find", word, "--json").json
    assert there("identity", "find", "nobody", code=3).out == ""
    assert there("document-signer", "list").out == \
        eco.imprint("document-signer", "list").out
    assert there("document-signer", "list", "--json").json == \
        eco.imprint("document-signer", "list", "--json").json


def canonical(eco, word):
    return eco.imprint("product", "show", word, "--cbor").raw


def test_forged_product(eco, server, there, liar):
    """Another product, an altered one, what is none."""
    listed = eco.imprint("product", "list", "--json").json
    other = next(p for p in listed if p["product"] != "camera")
    octets = canonical(eco, other["product"])
    body = base64.urlsafe_b64encode(octets).decode().rstrip("=")
    digest = next(p["hash"] for p in listed if p["product"] == "camera")
    with between(server, liar, forge(body=body)) as carrier:
        for word in ("camera", "camera@1.0.0", digest, digest[:8]):
            said = there("product", "show", word, code=5,
                         port=carrier.server_port)
            assert "not of what was sent" in said.err and said.out == ""
            there("product", "diff", word, PRODUCTS / "camera.yaml", code=5,
                  port=carrier.server_port)
        # the hash is not the server's to say
        said = there("product", "show", other["product"], "--cbor", port=carrier.server_port)
        assert said.raw == octets
    for bad in ("?", "", "AAAA", body[:-8]):
        with between(server, liar, forge(body=bad)) as carrier:
            said = there("product", "show", "camera", code=6,
                         port=carrier.server_port)
            assert "the server's answer" in said.err
    with between(server, liar, forge(added="\x1b[2J")) as carrier:
        there("product", "show", "camera", code=6, port=carrier.server_port)


def test_forged_reads(server, there, liar):
    """Nothing of an answer acts on a terminal, or passes for another."""
    bad = "a\x1b[2J\n"
    item = {"chip_maker": bad, "manufacturer": bad, "added": bad,
            "removed": True, "sha256": bad, "kind": bad, "log": bad,
            "index": 1, "ueid": bad, "order": 1, "status": bad, "since": bad,
            "reason": 1 << 40, "operation": 1, "number": 1, "name": bad,
            "signs": True, "thumbprint": bad}
    whole = {**item, "items": [item], "next": None, "signers": [item],
             "receipts_left": 0}
    reads = [["chip-maker", "list"], ["manufacturer", "list"],
             ["document-signer", "list"], ["identity", "find", "1"]]
    with between(server, liar, answer(whole)) as carrier:
        for words in reads:
            out = there(*words, port=carrier.server_port).out
            assert "\x1b" not in out and out.count("\n") == 1
            json.loads(there(*words, "--json",
                             port=carrier.server_port).out)
    for bad in ({"items": 1, "signers": 1, "index": "x"}, b"[]", b"{"):
        with between(server, liar, answer(bad)) as carrier:
            for words in reads:
                there(*words, port=carrier.server_port, code=6)


def text_of(octets):
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


@pytest.fixture(scope="module")
def names(eco):
    return [i["serial-number"] for i in eco.imprint(
        "identity", "list", "--count", 30, "--json").json]


def test_export(eco, there, names, tmp_path):
    """Every rendering as on the server, to the octet."""
    ueid = eco.imprint("identity", "find", "21", "--json").json["ueid"]
    words = ["17", "bulk/18", names[19], "serial-number=" + names[20], ueid]
    for form in ("document", "json", "text", "pem", "der", "c", "ndjson"):
        argv = ["identity", "export", "--format", form]
        assert there(*argv, names[19]).raw == \
            eco.imprint(*argv, names[19]).raw
        here, far = tmp_path / f"{form}-here", tmp_path / f"{form}-far"
        here.mkdir()
        far.mkdir()
        eco.imprint(*argv, *words, "--out", here)
        there(*argv, *words, "--out", far)
        assert {p.name: p.read_bytes() for p in here.iterdir()} == {
            p.name: p.read_bytes() for p in far.iterdir()}
        assert len(list(far.iterdir())) == len(words)
    argv = ["identity", "export", *words, "--format", "jwt"]
    for one, two in zip(there(*argv).out.split(), eco.imprint(
            *argv).out.split(), strict=True):
        assert one.rsplit(".", 1)[0] == two.rsplit(".", 1)[0]
    out = tmp_path / "camera.p12"
    there("identity", "export", "17", "--format", "pkcs12", "--out", out,
          "--password-file", there.passphrase)
    listed = run("openssl", "pkcs12", "-in", out, "-nokeys", "-passin",
                 f"file:{there.passphrase}").out
    assert listed.count("BEGIN CERTIFICATE") == 3
    # nothing is there that was not wanted, and nothing replaced
    there("identity", "export", "18", "--format", "pem", "--out", out,
          code=4)
    there("identity", "export", "17", "nobody", "--format", "json", "--out",
          tmp_path / "some.ndjson", code=3)
    assert not (tmp_path / "some.ndjson").exists()


def test_forms(eco, there, names):
    for form in ("cose", "pem", "der"):
        argv = ["identity", "show", names[5], "--format", form]
        assert there(*argv).raw == eco.imprint(*argv).raw
    argv = ["identity", "show", "5", "--format", "json"]
    said = there(*argv).json
    known = eco.imprint(*argv).json
    assert said == {k: known[k] for k in said} and said["identity"]
    argv[-1] = "text"
    tail = there(*argv).out.split("\n", 1)[1]
    assert len(tail) > 500 and eco.imprint(*argv).out.endswith(tail)
    there("identity", "show", "5", "--slot", 9, "--format", "pem", code=3)
    there("identity", "show", "5", "--format", "x", code=2)


def test_receipts(eco, server, there, liar):
    """A document whose signature is a receipt, of a signer that is named."""
    there("product", "add", PRODUCTS / "water-meter.yaml")
    number = there("order", "create", "--product",
                   PRODUCTS / "water-meter.yaml", "--count", 3, "--station",
                   "line-1", "--json").json["order"]
    there("order", "run", number)
    first = eco.imprint("identity", "list", "--order", number,
                        "--json").json[0]["index"]
    for more in ([], ["--signer", 1]):
        argv = ["identity", "show", f"bulk/{first}", "--format", "cose", *more]
        assert there(*argv).raw == eco.imprint(*argv).raw
    there(*argv[:-1], 9, code=3)
    for form in ("ndjson", "c"):
        argv = ["identity", "export", first, "--format", form]
        assert there(*argv).raw == eco.imprint(*argv).raw
    # no certificate names the CA: it is that of the log
    with between(server, liar, trust_twist(
            lambda data: lying_trust(eco) + b"".join(reversed(
                blocks(data))))) as carrier:
        assert there(*argv, port=carrier.server_port).raw == \
            eco.imprint(*argv).raw


def test_order_alone(eco, there, server, liar, tmp_path):
    """What an order has, over its pages; run by so many at once."""
    number = there("order", "create", "--product", PRODUCTS / "camera.yaml",
                   "--count", 130, "--station", "line-1",
                   "--json").json["order"]
    there("order", "run", number, "--workers", 65, code=2)
    there("order", "run", number, "--workers", 1)
    here = eco.imprint("identity", "list", "--order", number, "--count", 500,
                       "--json").json
    far = there("identity", "list", "--order", number, "--count", 500,
                "--json").json
    assert len(far) == 130 and [i["index"] for i in far] == [
        i["index"] for i in here]
    page = there("identity", "list", "--order", number, "--from",
                 far[7]["index"], "--count", 3, "--json").json
    assert page == far[7:10]
    assert there("identity", "list", "--order", number, "--log", "online",
                 "--json").json == []
    out = tmp_path / "order.ndjson"
    argv = ["identity", "export", "--order", number, "--format", "ndjson"]
    assert "is the server's word" in there(*argv, "--out", out).err
    assert out.read_bytes() == eco.imprint(*argv).raw
    there(*argv[:3], 999, *argv[4:], code=3)
    # nothing that was begun is left
    with between(server, liar, lambda status, data, fields: (
            status, data.replace(b'"index"', b'"other"')
            if b'"items"' in data else data, fields)) as carrier:
        there(*argv, "--out", tmp_path / "none", port=carrier.server_port,
              code=6)
    assert not list(tmp_path.glob("none*"))

    def lie(change):
        def twist(status, data, fields):
            said = json.loads(data) if data.startswith(b"{") else {}
            return status, json.dumps(change(said)).encode() if said \
                else data, fields
        return twist

    def items(change):
        return lambda said: {**said, "items": change(said["items"])} \
            if said.get("items") else said

    # one twice, not in order, beyond the page; more than there are
    for change in (items(lambda i: [i[0], *i]), items(lambda i: i[::-1]),
                   items(lambda i: [{**i[0], "index": 0}, *i[1:], i[0]]),
                   lambda said: {**said, "next": 1} if said.get("next")
                   else said,
                   items(lambda i: [*i[:-1], {**i[-1], "index": 1 << 40}]),
                   lambda said: {**said, "count": 129}
                   if "committed" in said else said):
        with between(server, liar, lie(change)) as carrier:
            there(*argv, "--out", tmp_path / "none",
                  port=carrier.server_port, code=6)
        assert not list(tmp_path.glob("none*"))


def test_next_update(eco, there):
    there("publish", "--next-update", 367, code=2)
    there("publish", "--next-update", 3, "--json")
    crl, = (eco.dir / "publish/crl").glob("bulk*")
    crl = x509.load_der_x509_crl(crl.read_bytes())
    assert (crl.next_update - crl.last_update).days == 3
    assert there("publish", "--json").json["published"] == []


def test_verify(eco, there, tmp_path):
    """A file is decided under the root that is trusted here."""
    good = tmp_path / "camera.cose"
    good.write_bytes(eco.imprint("identity", "export", "17", "--format",
                                 "document").raw)
    assert "verdict: allow" in there("identity", "verify", good).out
    octets = good.read_bytes()
    good.write_bytes(octets[:-1] + bytes([octets[-1] ^ 1]))
    assert "bad signature" in there("identity", "verify", good, code=1).out


def test_forged_document(eco, server, there, liar, stranger, names,
                         tmp_path):
    """An altered document, another one of this ecosystem, one of another:
    nothing is written, whatever else is said."""
    def document(which, who=eco):
        return who.imprint("identity", "export", which, "--format",
                           "document").raw

    good, other = document("17"), document("18")
    foreign = document("1", stranger)
    out = tmp_path / "out"

    def refused(code=5, twist=None, form="json", words=(
            "17", "serial-number=" + names[17]), **more):
        with between(server, liar, twist or forge(**more)) as carrier:
            for word in words:
                for argv in (["export", word, "--format", form, "--out",
                              out], ["show", word, "--format", "json"]):
                    if argv[0] == "show" and form == "jwt":
                        continue
                    said = there("identity", *argv, code=code,
                                 port=carrier.server_port)
                    assert said.out == "" and not out.exists()
        return said.err

    def only(path, change):
        """What is asked of one path alone is changed."""
        def twist(status, data, fields):
            if path == "/pub" and data.startswith(b"-----BEGIN"):
                return status, change(data), fields
            if path != "/pub" and data.startswith(b"{") and \
                    path in json.loads(data):
                return status, json.dumps(
                    change(json.loads(data))).encode(), fields
            return status, data, fields
        return twist

    for at in (40, len(good) // 2, len(good) - 9):
        bad = bytearray(good)
        bad[at] ^= 1
        refused((5, 6), twist=only("document", lambda a, b=bytes(bad): {
            **a, "document": text_of(b)}))
    for index in (17, 18):
        said = refused(twist=only("document", lambda a, i=index: {
            **a, "document": text_of(other), "index": i}))
        assert "another identity" in said
    # of no kind, it could be a name that the line gave to that one
    said = refused(4, words=(names[17],), twist=only("document", lambda a: {
        **a, "document": text_of(other), "index": 18}))
    assert "server's word alone" in said and "bulk/18" in said
    assert "no document signer" in refused(twist=only(
        "document", lambda a: {**a, "document": text_of(foreign)}))
    # a trust file of the other ecosystem with it changes nothing
    strange = (stranger.dir / "publish/trust.pem").read_bytes()

    def both(status, data, fields):
        if data.startswith(b"-----BEGIN"):
            return status, data + strange, fields
        return only("document", lambda a: {
            **a, "document": text_of(foreign)})(status, data, fields)

    assert "no document signer" in refused(twist=both)
    assert "no document signer" in refused(twist=only(
        "/pub", lambda _: strange))
    for bad in ("?", "", "AAAA", 7):
        refused(6, twist=only("document", lambda a, b=bad: {
            **a, "document": b}))
    refused(6, twist=only("/pub", lambda _: b"-----BEGIN x"))
    # a JWT of another identity, an altered one
    jwt = eco.imprint("identity", "export", "18", "--format", "jwt").out
    mine = eco.imprint("identity", "export", "17", "--format", "jwt").out
    for bad in (jwt.strip(), mine.strip()[:-3], mine.strip()[:-4] + "AAAA",
                "x" + mine.strip()):
        said = refused(form="jwt", twist=only("jwt", lambda a, b=bad: {
            **a, "jwt": b}))
        assert "not the JWT" in said
    # what is not changed is taken
    with between(server, liar, only("none", None)) as carrier:
        assert there("identity", "export", "17", "--format", "document",
                     port=carrier.server_port).raw == good


def test_names_of_the_line(made, tmp_path):
    """A name that no document has is not relied on, and nobody is called a
    liar for it; an address is a number."""
    line = made.copy(tmp_path / "eco")
    eco = line.eco
    records = first(line)
    line.reconcile(line.report("line-1", 1, records))
    index = records[1][0][2]
    mac = "02:00:00:00:00:00"
    argv = ["identity", "show", "--format", "text"]
    with Server(eco, name=HOST) as server:
        there = Elsewhere(tmp_path / "op", eco, server.port)
        assert there("identity", "show", mac, "--json").json[
            "index"] == index
        eco.imprint(*argv, mac)
        for word in (mac, "mac=" + mac, mac.replace(":", "")):
            said = there(*argv, word, code=4)
            assert "server's word alone" in said.err and said.out == ""
            assert f"bulk/{index}\n" in said.err
            assert "do not rely" not in said.err
            there("identity", "export", word, "--format", "json", code=4)
        whole = there(*argv, f"bulk/{index}").out
        for word in (f"bulk/0{index}", f"00{index}",
                     f"serial-number=G-{index:06}", f"G-{index:06}"):
            assert there(*argv, word).out == whole


def lying_trust(eco, name="bulk"):
    """What a server could send for trust.pem: CAs of the issuing CA's name,
    its own and as if by the root, and a root of its own, before what is
    there."""
    cas = eco.dir / "publish/ca"
    rogue, root = CA("rogue"), CA("its root")
    rogue.name = x509.load_der_x509_certificate(
        (cas / f"{name}.cer").read_bytes()).subject
    of_root = CA("root")
    of_root.name = x509.load_der_x509_certificate(
        (cas / "root.cer").read_bytes()).subject
    sign = [(x509.BasicConstraints(True, 0), True),
            (usage("key_cert_sign", "crl_sign"), True)]
    made = [CA.build(rogue.name, rogue.key.public_key(), by, sign)
            for by in (rogue, of_root, root)]
    return b"".join(c.public_bytes(serialization.Encoding.PEM)
                    for c in [*made, root.cert])


def blocks(pem):
    """Its certificates, each as PEM."""
    end = b"-----END CERTIFICATE-----\n"
    return [part[part.index(b"-----BEGIN"):] + end
            for part in pem.split(end)[:-1]]


def trust_twist(change):
    def twist(status, data, fields):
        return status, change(data) if data.startswith(b"-----BEGIN") \
            else data, fields
    return twist


def test_forged_issuer(eco, server, there, liar, tmp_path):
    """A CA that did not sign is in nothing that is made here."""
    rogue = lying_trust(eco)
    out = tmp_path / "out"
    with between(server, liar, trust_twist(
            lambda data: rogue + data)) as carrier:
        for form in ("pem", "c", "ndjson"):
            argv = ["identity", "export", "17", "--format", form]
            assert there(*argv, port=carrier.server_port).raw == \
                eco.imprint(*argv).raw
        there("identity", "export", "17", "--format", "pkcs12", "--out", out,
              "--password-file", there.passphrase, port=carrier.server_port)
    listed = run("openssl", "pkcs12", "-in", out, "-nokeys", "-passin",
                 f"file:{there.passphrase}").raw
    found = {x509.load_pem_x509_certificate(c).public_bytes(
        serialization.Encoding.DER) for c in blocks(listed)}
    assert {(eco.dir / f"publish/ca/{n}.cer").read_bytes()
            for n in ("bulk", "root")} <= found and len(found) == 3
    # instead of the one that did

    def instead(data):
        return rogue + b"".join(
            c for c in blocks(data) if "CA bulk" not in
            x509.load_pem_x509_certificate(c).subject.rfc4514_string())

    with between(server, liar, trust_twist(instead)) as carrier:
        said = there("identity", "export", "17", "--format", "pem", code=5,
                     port=carrier.server_port)
        assert "without a path to the root" in said.err and said.out == ""


@pytest.fixture
def three(issued, tmp_path):
    """An ecosystem with two operators more than one, its server, and each
    one's machine."""
    eco = issued.copy(tmp_path / "three")
    with Server(eco, name=HOST, fronts=1) as running:
        admin = Elsewhere(tmp_path / "admin", eco, running.port)
        admin.server = running
        bea = tmp_path / "bea.key"
        admin("operator", "add", "bea", "--key", bea,
              "--new-passphrase-file", admin.passphrase)
        yield eco, admin, ["--operator-key", bea]


def test_approved(three, tmp_path):
    """Two operators, neither of them at the authority's machine: a third one,
    a chip maker and a manufacturer."""
    eco, there, bea = three
    made = [tmp_path / name for name in ("cay.key", "cay.operator")]
    there("operator", "key", "cay", "--key", made[0], "--out", made[1],
          "--new-passphrase-file", there.passphrase)
    there("operator", "key", "dee", "--out", tmp_path / "dee",
          "--new-passphrase-file", there.passphrase, code=2)
    pem, ca = signer(tmp_path / "s.pem"), manufacturer(tmp_path / "m.pem")
    for noun, name, said, option in (
            ("operator", "cay", [made[1]], ["--public", made[1]]),
            ("chip-maker", "acme", ["acme", "--cert", pem], ["--cert", pem]),
            ("manufacturer", "acme", ["acme", "--ca", ca], ["--ca", ca])):
        approval = tmp_path / f"{noun}.approval"
        there(noun, "add", name, *option, code=5)
        done = there(noun, "approve", *said, "--out", approval, *bea)
        assert "the server's word" in done.err
        payload = cbor2.loads(cbor2.loads(approval.read_bytes()).value[2])
        assert payload[1] == bytes(reader.rows(
            eco.db, "SELECT value FROM meta WHERE name = 'ecosystem-id'")[
                0][0])
        assert payload[4] == operations(eco)
        # one's own does not count, nor one for something else
        mine = tmp_path / f"{noun}.mine"
        there(noun, "approve", *said, "--out", mine)
        there(noun, "add", name, *option, "--approval", mine, code=5)
        if noun != "operator":
            there(noun, "add", "bolt", *option, "--approval", approval,
                  code=5)
        there(noun, "add", name, *option, "--approval", approval)
        there(noun, "add", name, *option, "--approval", approval, code=5)
    assert there("order", "list", "--operator-key", made[0]).out
    assert eco.imprint("log", "verify").code == 0


def test_lists_of_devices(three, tmp_path):
    """Read here, as there, and approved: what lies here says what."""
    eco, there, bea = three
    maker = Maker(tmp_path)
    approval = tmp_path / "acme.approval"
    argv = ["acme", "--cert", maker.pem]
    there("chip-maker", "approve", *argv, "--out", approval, *bea)
    there("chip-maker", "add", *argv, "--approval", approval)
    path = manifest(maker, tmp_path / "chips.json")
    said = ["--product", PRODUCTS / "camera.yaml", "--mode", "chip"]
    here = ["--product", "camera", "--mode", "chip"]
    by = ["--chip-maker", "acme", "--cert", maker.pem]
    assert there("list", "check", path, *said, *by, "--json").json == \
        eco.imprint("list", "check", path, *here, "--json").json
    assert "--chip-maker" in there("list", "check", path, *said, code=5).err
    there("list", "make", path, *said, *by, "--out", tmp_path / "far.cbor")
    eco.imprint("list", "make", path, *here, "--out", tmp_path / "here.cbor")
    canonical = (tmp_path / "far.cbor").read_bytes()
    assert canonical == (tmp_path / "here.cbor").read_bytes()
    # a list that nobody signed, which the other operator stands for
    plain = chips_list(tmp_path / "plain.cbor", chips_make(2))
    out = tmp_path / "plain.approval"
    assert "server's word" in there("list", "approve", plain, *said, "--out",
                                    out, *bea).err
    create = ["order", "create", *said, "--list", plain, "--station",
              "line-1"]
    there(*create, code=5)
    assert there(*create, "--approval", out, "--json").json["order"]


def test_approved_by_a_liar(three, tmp_path):
    """Who carries the answers moves the log's size in an approval, and nothing
    else: one too large is refused, any other as good."""
    eco, there, bea = three
    there("service", "add", "between", "--dns", HOST, "--out", tmp_path)
    mine = tmp_path / "between.pem", tmp_path / "between.key"
    pem = signer(tmp_path / "s.pem")
    for size, code in ((10 ** 6, 5), (0, 0)):
        approval = tmp_path / f"{size}.approval"
        lie = {"logs": [{"log": "bulk", "size": 9, "what": "operator"},
                        {"log": "operations", "size": size}]}
        with between(there.server, mine, answer(lie)) as carrier:
            said = there("chip-maker", "approve", "acme", "--cert", pem,
                         "--out", approval, *bea, port=carrier.server_port)
        assert f"as of {size} entries" in said.err
        payload = cbor2.loads(cbor2.loads(approval.read_bytes()).value[2])
        assert payload[2] == "chip maker" and payload[4] == size
        assert payload[3] == hashlib.sha256(reader.cbor_encode(
            ["acme", der_of(pem)])).digest()
        there("chip-maker", "add", "acme", "--cert", pem, "--approval",
              approval, code=code)
    for bad in ({}, {"logs": [{"log": 1}]}, {"logs": [
            {"log": "operations", "size": -1}]}):
        with between(there.server, mine, answer(bad)) as carrier:
            there("chip-maker", "approve", "acme", "--cert", pem, "--out",
                  tmp_path / "none", *bea, port=carrier.server_port, code=6)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("argv, says", [
    (["init", "--publish-url", "http://x.example"], "where its authority"),
    (["doctor"], "run it there"), (["anchor", "show"], "where the authority"),
    (["epoch", "begin", "--reason", "x"], "where the authority"),
    (["clock", "accept"], "where the authority"),
    (["document-signer", "renew"], "receipts"),
    (["operator", "trust", "--out", "x"], "another way"),
    (["log", "verify"], "--tiles"), (["log", "prove", 1], "pub/log"),
    (["log", "export", "bulk", "--out", "x"], "pub/log"),
    (["log", "publish"], "'imprint publish'")])
def test_not_there(there, argv, says):
    """What is left to the authority's machine says what to do instead; nobody
    is asked."""
    said = there(*argv, code=2, port=1)
    assert said.out == "" and says in said.err


def test_tiles(eco, there, tmp_path):
    """Published files need nobody."""
    eco.imprint("publish")
    log = eco.dir / "publish/log/bulk"
    there("log", "verify", "--tiles", log, "--vkey", log / "vkey", port=1)
    altered = tmp_path / "bulk"
    shutil.copytree(log, altered)
    tile = altered / "tile/0/000"
    tile = tile if tile.exists() else next(
        p for p in (altered / "tile/0").rglob("*") if p.is_file())
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    there("log", "verify", "--tiles", altered, "--vkey", log / "vkey",
          port=1, code=(1, 8))
