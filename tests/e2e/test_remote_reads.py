"""imprint --server: what is looked at from elsewhere, and who is believed."""
import base64
import datetime
import hashlib
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from conftest import PRODUCTS, program_needed
from test_manufacturers import CA
from test_remote import (answer, between, certificate, der_of, eco, forge,
                         server, there)

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


def test_forged_product(eco, server, there, certificate):
    """Another product, an altered one, what is none."""
    listed = eco.imprint("product", "list", "--json").json
    other = next(p for p in listed if p["product"] != "camera")
    octets = canonical(eco, other["product"])
    body = base64.urlsafe_b64encode(octets).decode().rstrip("=")
    digest = next(p["hash"] for p in listed if p["product"] == "camera")
    with between(server, certificate, forge(body=body)) as carrier:
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
        with between(server, certificate, forge(body=bad)) as carrier:
            said = there("product", "show", "camera", code=6,
                         port=carrier.server_port)
            assert "the server's answer" in said.err
    with between(server, certificate, forge(added="\x1b[2J")) as carrier:
        there("product", "show", "camera", code=6, port=carrier.server_port)


def test_forged_reads(server, there, certificate):
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
    with between(server, certificate, answer(whole)) as carrier:
        for words in reads:
            out = there(*words, port=carrier.server_port).out
            assert "\x1b" not in out and out.count("\n") == 1
            json.loads(there(*words, "--json",
                             port=carrier.server_port).out)
    for bad in ({"items": 1, "signers": 1, "index": "x"}, b"[]", b"{"):
        with between(server, certificate, answer(bad)) as carrier:
            for words in reads:
                there(*words, port=carrier.server_port, code=6)
