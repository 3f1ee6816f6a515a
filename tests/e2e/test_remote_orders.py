"""imprint --server: orders as where the authority is. Lists of devices, names
from standard input, what makes up for an order's loss."""
import base64
import hashlib
import json
import os
import signal
import struct
import subprocess
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import reader
from conftest import PASSPHRASE, PRODUCTS, program_needed, run
from imprintd import Server, asked_for, wait_for
from test_api import Remote, fits, octets
from test_list_orders import (manifest, point, proof, requests_write,
                              tag_add)
from test_lists import Maker, b64u
from test_modes import approve, chips_check, chips_list
from test_names import METER, csv_write, meters
from test_reconcile import Line, first, made    # noqa: F401
from test_remote import (HOST, Elsewhere, between, later, liar,  # noqa: F401
                         there)     # noqa: F401
from test_remote_files import put
from test_remote_reads import lying_trust, trust_twist

pytestmark = program_needed("imprintd")

ORDER_CREATE = 4
CHIP = 2
CAMERA = PRODUCTS / "camera.yaml"


def ids(count, mark):
    return [bytes([mark, n]) for n in range(count)]


def p256(count):
    return [ec.generate_private_key(ec.SECP256R1()) for _ in range(count)]


def chips_make(count, mark):
    """Of no other test here: an id is one chip's."""
    return {b"%s-%d" % (mark, n): key for n, key in enumerate(p256(count))}


@pytest.fixture(scope="module")
def prepared(stocked, tmp_path_factory):
    """Alone, the first operator registers a chip maker and adds a second
    operator. To be copied."""
    root = tmp_path_factory.mktemp("orders")
    eco = stocked.copy(root / "eco")
    eco.acme = Maker(root)
    eco.imprint("chip-maker", "add", "acme", "--cert", eco.acme.pem)
    tag_add(eco, root)
    eco.tag = root / "tag.yaml"
    passphrase = root / "bea.passphrase"
    passphrase.write_text(PASSPHRASE + "\n")
    passphrase.chmod(0o600)
    eco.imprint("operator", "add", "bea", "--new-passphrase-file",
                passphrase)
    eco.bea = ["--operator", "bea", "--operator-passphrase-file", passphrase]
    return eco


def copy(prepared, root):
    eco = prepared.copy(root)
    eco.acme, eco.tag, eco.bea = prepared.acme, prepared.tag, prepared.bea
    return eco


@pytest.fixture(scope="module")
def eco(prepared, tmp_path_factory):
    return copy(prepared, tmp_path_factory.mktemp("served") / "eco")


@pytest.fixture(scope="module")
def server(eco):
    with Server(eco, name=HOST, fronts=1) as running:
        yield running


def create(there, path, *argv, product=CAMERA, mode="chip", code=0, **more):
    done = there("order", "create", "--product", product, "--mode", mode,
                 "--list", path, "--station", "line-1", *argv, "--json",
                 code=code, **more)
    return done if code else done.json["order"]


def shown(eco, number):
    return eco.imprint("order", "show", number, "--json").json["list"]


def orders(eco):
    return reader.rows(eco.db, "SELECT count(*) FROM orders")[0][0]


def by(maker, name="acme"):
    return ["--chip-maker", name, "--cert", maker.pem]


def test_manifest(eco, there, tmp_path):
    """The operator says who signed; the authority asks its registry."""
    keys = p256(6)
    names = ids(6, 1)
    path = manifest(eco.acme, tmp_path / "chips.json", names, keys)
    before = orders(eco)
    said = create(there, path, code=5)
    assert "--chip-maker NAME --cert FILE" in said.err
    other = Maker(tmp_path, "other")
    create(there, path, *by(other), code=5)
    # of a maker that is not registered, and under another's name
    strange = manifest(other, tmp_path / "strange.json", names, keys)
    said = create(there, strange, *by(other), code=5)
    assert "strange.json" in said.err
    said = create(there, path, *by(eco.acme, "acne"), code=5)
    assert "is not the list that the request was signed for" in said.err
    assert orders(eco) == before
    number = create(there, path, *by(eco.acme))
    assert {k: shown(eco, number)[k] for k in ("entries", "source")} == {
        "entries": 6, "source": "acme"}
    # a device has one identity
    assert "one device has one identity" in create(
        there, path, *by(eco.acme), code=4).err
    there("order", "run", number)
    chips_check(eco, dict(zip(names, keys)), number, evidence=2)


def test_words(eco, there, tmp_path):
    path = manifest(eco.acme, tmp_path / "chips.json", ids(2, 9), p256(2))
    usage = [["--chip-maker", "acme"], ["--cert", eco.acme.pem]]
    for argv in usage:
        create(there, path, *argv, code=2)
    # here the registry says it
    eco.imprint("order", "create", "--product", "camera", "--mode", "chip",
                "--list", path, "--station", "line-1", *by(eco.acme),
                code=2)
    digest = there("product", "list", "--json").json[0]["hash"]
    assert "as a file" in create(there, path, *by(eco.acme), product=digest,
                                 code=2).err
    assert there("order", "create", "--top-up", 1, "--count", 1, "--station",
                 "line-1", code=2).err


def test_csv(eco, there, tmp_path):
    """Under a detached signature; more than a part."""
    count = 900
    keys, names = p256(count), [bytes([2, *n.to_bytes(2, "big")])
                                for n in range(count)]
    path = tmp_path / "chips.csv"
    path.write_text("id,key\n" + "".join(
        f"{i.hex()},{point(k).hex()}\n" for i, k in zip(names, keys)))
    assert path.stat().st_size > 2 * (48 << 10)
    number = create(there, path, "--list-signature", eco.acme.sign(path),
                    *by(eco.acme))
    assert shown(eco, number)["entries"] == count
    there("order", "cancel", number, "--no-publish")


def test_requests(eco, there, tmp_path):
    """A directory of them; as one file it is known already."""
    keys = p256(3)
    folder = tmp_path / "csrs"
    folder.mkdir()
    for n, key in enumerate(keys):
        requests_write(folder / f"{n}.csr", [key])
    number = create(there, folder, product=eco.tag, mode="device-key")
    assert shown(eco, number)["entries"] == 3
    again = requests_write(tmp_path / "all.csr", keys[:1])
    said = create(there, again, product=eco.tag, mode="device-key", code=4)
    # by its name, as its operator knows it
    assert "all.csr: entry 1: its key or id is that of" in said.err


def test_proofs(eco, there, tmp_path):
    """What they are over is told to the authority as well."""
    path = tmp_path / "keys.cose"
    path.write_bytes(b"".join(proof(i, k, "order of May")
                              for i, k in zip(ids(3, 3), p256(3))))
    options = {"product": eco.tag, "mode": "device-key"}
    said = create(there, path, "--challenge", "order of June", code=5,
                  **options)
    assert "is over another text" in said.err
    number = create(there, path, "--challenge", "order of May", **options)
    assert shown(eco, number)["entries"] == 3


def test_approved(eco, there, tmp_path):
    """An unsigned list, with another operator's word."""
    chips = chips_make(8, b"a")
    path = chips_list(tmp_path / "chips.cbor", chips)
    assert "no second operator approved it" in create(there, path,
                                                      code=5).err
    word = approve(eco, path, eco.bea)
    number = create(there, path, "--approval", word)
    assert shown(eco, number)["sha256"] == hashlib.sha256(
        path.read_bytes()).hexdigest()
    # good for one order
    create(there, chips_list(tmp_path / "more.cbor", chips_make(8, b"b")),
           "--approval", word, code=5)


def test_names_and_chips(eco, there, tmp_path):
    """Both files go along, and each is what the request says."""
    chips = chips_make(40, b"c")
    path = chips_list(tmp_path / "chips.cbor", chips)
    names = csv_write(tmp_path / "names.csv", meters(40, first=100000))
    word = approve(eco, path, eco.bea, product=METER)
    product = PRODUCTS / f"{METER}.yaml"
    number = create(there, path, "--approval", word, "--names", names,
                    product=product)
    said = eco.imprint("order", "show", number, "--json").json
    assert said["list"]["entries"] == said["names_file"]["lines"] == 40
    assert said["names_file"]["sha256"] == hashlib.sha256(
        names.read_bytes()).hexdigest()


def test_names_from_stdin(eco, there, tmp_path):
    path = csv_write(tmp_path / "names.csv", meters(3000, first=200000))
    argv = there.argv("order", "create", "--product",
                      PRODUCTS / f"{METER}.yaml", "--names", "-",
                      "--station", "line-1", "--json")
    number = run(*argv, stdin=path.read_bytes()).json["order"]
    assert eco.imprint("order", "show", number, "--json").json[
        "names_file"] == {"lines": 3000, "sha256": hashlib.sha256(
            path.read_bytes()).hexdigest()}
    said = run(*argv, stdin=b"serial-number,imei\nx\n", code=2)
    assert "standard input" in said.err
    assert not (there.root / "home").exists()


def test_top_up(made, tmp_path):    # noqa: F811
    """What the reports call lost, and no more; of the same product."""
    line = made.copy(tmp_path / "eco")
    eco = line.eco
    eco.imprint("product", "add", CAMERA)
    line.reconcile(line.report("line-1", 1, first(line)))
    gadget = eco.root / "gadget.yaml"
    with Server(eco, name=HOST, fronts=1) as server:
        there = Elsewhere(tmp_path / "op", eco, server.port)
        argv = ["order", "create", "--top-up", 1, "--station", "line-2"]
        assert "another product" in there(
            *argv, "--product", CAMERA, "--count", 2, code=2).err
        assert "are not allowed" in there(
            *argv, "--product", gadget, "--count", 3, code=4).err
        number = there(*argv, "--product", gadget, "--count", 2,
                       "--json").json["order"]
        there("order", "run", number)
        there(*argv, "--product", gadget, "--count", 1, code=4)
    eco.check_complete(number)


def test_lost_on_the_way(eco, there, server, liar, tmp_path):
    """Parts and answers lost, one order; the server lost what was handed in:
    all files once more."""
    path = chips_list(tmp_path / "chips.cbor", chips_make(4, b"d"))
    word = approve(eco, path, eco.bea)
    before, lost = orders(eco), []

    def lose(*said):
        """Each answer the first time."""
        key = carrier.seen[-1]
        if key not in lost:
            lost.append(key)
            return None
        return said

    later()
    with between(server, liar, lose) as carrier:
        create(there, path, "--approval", word, port=carrier.server_port)
    assert orders(eco) == before + 1
    assert len(lost) == 3 and len(carrier.seen) == 6

    path = chips_list(tmp_path / "more.cbor", chips_make(4, b"e"))
    word = approve(eco, path, eco.bea)
    told = []

    def forget(status, data, fields):
        told.append(status)
        return (409, json.dumps({"title": "x", "status": 409, "detail": "x",
                                 "reason": "state"}).encode(), fields) \
            if len(told) == 2 else (status, data, fields)

    with between(server, liar, forget) as carrier:
        create(there, path, "--approval", word, port=carrier.server_port)
    assert [p.partition("as=")[2].partition("&")[0] for _, p, _ in carrier.seen[:4]] == [
        "devices", "about", "devices", "about"]
    assert orders(eco) == before + 2


def about(submit=None):
    return reader.cbor_encode(submit or [False, True, "", "l.cbor", "", "",
                                         "", b""])


def target(part, at=0, kind="devices"):
    return (f"/v1/files?as={kind}&at={at}&part="
            f"{hashlib.sha256(part).hexdigest()}")


def test_parts(prepared, tmp_path):
    """As any other client hands them in: one rejection for each check."""
    eco = copy(prepared, tmp_path / "eco")
    with Server(eco, name=HOST, fronts=1) as server:
        parts_check(eco, server, Remote(eco))


def parts_check(eco, server, admin):
    chips = chips_make(3, b"f")
    listed = chips_list(eco.root / "l.cbor", chips).read_bytes()
    word = approve(eco, eco.root / "l.cbor", eco.bea).read_bytes()
    product = bytes.fromhex(next(
        p["hash"] for p in eco.imprint("product", "list", "--json").json
        if p["product"] == "camera"))
    ident = os.urandom(16)

    def request(entries=3, **more):
        return admin.request(ORDER_CREATE, reader.cbor_encode(
            [product, 3, ["line-1"], None,
             [CHIP, reader.sha256(listed), entries, word]]),
            when=admin.later(), **more)

    def hand(part, code=200, **more):
        return put(server, admin, 0, part, code, target=target(part, **more))

    # nothing of it is here, and nothing of it is on record
    before = asked_for(eco)
    assert "handed in" in admin.send(server, request(), 404)["detail"]
    assert hand(about(), 409, kind="about")["reason"] == "state"
    assert hand(listed[9:], 409, at=9)["reason"] == "state"
    hand(b"names", kind="file", code=422)
    for kind in ("", "x", "devices&x=1"):
        assert hand(listed, 422, kind=kind)["reason"] == "invalid"
    # a file of another kind is not it
    put(server, admin, 0, listed)
    assert "handed in" in admin.send(server, request(), 404)["detail"]
    hand(listed)
    for bad in (b"", b"\x00", about() + b"\x00", reader.cbor_encode([True]),
                about([False, True, "", "l" * 256, "", "", "", b""]),
                about([False, True, "", "", "", "", "", bytes(33 << 10)])):
        assert hand(bad, 400, kind="about")["reason"] == "malformed"
    assert hand(about(), 400, kind="about", at=1)["reason"] == "limit"
    assert asked_for(eco) == before
    # read otherwise than it is
    hand(about([False, True, "", "l.cbor", "csr", "", "", b""]),
         kind="about")
    assert "l.cbor: " in admin.send(server, request(), 422)["detail"]
    # it begins anew: what was said about it is forgotten
    hand(listed)
    # not the list that was signed for
    altered = bytearray(listed)
    altered[-1] ^= 1
    hand(bytes(altered))
    assert "file: " in admin.send(server, request(), 400)["detail"]
    hand(listed)
    hand(about(), kind="about")
    assert admin.send(server, request(entries=4), 403)["reason"] == \
        "signature"
    good = request(ident=ident)
    answer = admin.send(server, good)
    assert not answer["repeated"]
    # the second copy needs no file, which is gone, and does nothing
    count = orders(eco)
    again = admin.send(server, good)
    assert again == {**answer, "repeated": True} and orders(eco) == count
    assert hand(about(), 409, kind="about")["reason"] == "state"
    # nor does it take away what is handed in for another
    hand(listed)
    assert admin.send(server, good)["repeated"]
    hand(about(), kind="about")
    assert not list(eco.dir.glob("upload*"))


# Packs

PART = 64 << 10


@pytest.fixture(scope="module")
def packed(issued, tmp_path_factory):
    """Order 1: 300 cameras in chunks; order 2 of two packs, the second one
    not complete."""
    eco = issued.copy(tmp_path_factory.mktemp("packed") / "eco")
    eco.order(70, "line-1", "line-2", chunk=16)
    for n in range(60, 400, 6):
        eco.faulty(f"kill:{n}", "order", "run", 2, code=(0, -9))
        packs = eco.imprint("order", "show", 2, "--json").json["packs"]
        if packs[0]["complete"]:
            break
    assert [p["complete"] for p in packs] == [True, False]
    return eco


@pytest.fixture(scope="module")
def depot(packed):
    with Server(packed, name=HOST, fronts=1) as running:
        yield running


@pytest.fixture(scope="module")
def away(packed, depot, tmp_path_factory):
    return Elsewhere(tmp_path_factory.mktemp("away") / "op", packed,
                     depot.port)


@pytest.fixture(scope="module")
def thief(away, tmp_path_factory):
    out = tmp_path_factory.mktemp("thief")
    away("service", "add", "thief", "--dns", HOST, "--out", out)
    return out / "thief.pem", out / "thief.key"


def pack_questions(carrier):
    return [path for _, path, _ in carrier.seen if "/packs/" in path]


def answer_of(data, **other):
    return json.dumps({**json.loads(data), **other}).encode()


def test_show(packed, away, eco, there):
    """As on the server, but for where the packs lie there."""
    here = packed.imprint("order", "show", 1, "--json").json
    said = away("order", "show", 1, "--json").json
    for pack in here["packs"]:
        del pack["path"]
    assert said["packs"] == here["packs"] and said["names"] == here["names"]
    text = away("order", "show", 1).out
    assert "pack 1 for station line-1: 300 of 300, complete" in text
    away("order", "show", 9, code=3)
    # with files
    there("order", "list")
    for order in eco.imprint("order", "list", "--json").json:
        number = order["order"]
        here = eco.imprint("order", "show", number, "--json").json
        said = there("order", "show", number, "--json").json
        for key in ("mode", "list", "names_file", "names"):
            assert said.get(key) == here.get(key)
        lines = eco.imprint("order", "show", number).out.splitlines()
        for line in there("order", "show", number).out.splitlines()[1:]:
            assert line in lines or "the last run:" in line


def test_export(packed, away, tmp_path):
    """The very octets; given again, nothing is fetched but what tells that."""
    out = tmp_path / "stick"
    said = away("order", "export", 1, "--out", out, "--json").json
    assert said == {"order": 1, "packs": 1}
    pack = out / "order-1-1.pack"
    assert pack.read_bytes() == packed.pack().read_bytes()
    assert pack.stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in out.iterdir()) == [pack.name, "trust.pem"]
    found = reader.Pack(pack.read_bytes())
    found.verify()
    run("openssl", "verify", "-CAfile", away.trust, out / "trust.pem")
    assert "for station line-1, by the server's word" in away(
        "order", "export", 1, "--out", out).out
    # somebody else's of that name stays
    altered = bytearray(pack.read_bytes())
    altered[20] ^= 1
    pack.write_bytes(altered)
    assert "is another pack" in away("order", "export", 1, "--out", out,
                                     code=4).err
    assert pack.read_bytes() == altered
    # a damaged one is mended
    altered[20] ^= 1
    altered[len(altered) // 2] ^= 1
    pack.write_bytes(altered)
    away("order", "export", 1, "--out", out)
    assert pack.read_bytes() == packed.pack().read_bytes()


def test_missing(packed, away, tmp_path):
    """What is complete comes; what is not is told."""
    here = packed.imprint("order", "show", 2, "--json").json
    assert [p["complete"] for p in here["packs"]] == [True, False]
    said = away("order", "export", 2, "--out", tmp_path / "out", code=4)
    count = here["packs"][1]["committed"]
    assert f"pack 2 is not complete: {count} of 35" in said.err
    assert (tmp_path / "out/order-2-1.pack").read_bytes() == \
        packed.pack(2).read_bytes()
    assert not (tmp_path / "out/order-2-2.pack").exists()
    away("order", "export", 9, "--out", tmp_path / "x", code=3)
    assert not (tmp_path / "x").exists()


def test_goes_on(packed, depot, away, thief, tmp_path):
    """Away in the middle: what came is kept, checked, and not fetched again;
    what was harmed meanwhile is."""
    out, told = tmp_path / "out", []

    def end(status, data, fields):
        if b'"octets"' in data:
            told.append(1)
        return None if len(told) > 5 else (status, data, fields)

    with between(depot, thief, end) as carrier:
        away("order", "export", 1, "--out", out, port=carrier.server_port,
             code=6)
    part = out / "order-1-1.pack.part"
    assert part.exists() and not (out / "order-1-1.pack").exists()
    parts = -(-packed.pack().stat().st_size // PART)
    assert parts > 5
    asked = []
    for where in (tmp_path / "fresh", out):
        with between(depot, thief, lambda *said: said) as carrier:
            away("order", "export", 1, "--out", where,
                 port=carrier.server_port)
        asked.append(len(pack_questions(carrier)))
    assert parts <= asked[0] and asked[1] < asked[0]
    assert not part.exists()
    pack = out / "order-1-1.pack"
    assert pack.read_bytes() == packed.pack().read_bytes()
    # a part of another pack, with all that is harmed
    harmed = bytearray(pack.read_bytes())
    for at in range(200, len(harmed), 100000):
        harmed[at] ^= 1
    pack.unlink()
    part.write_bytes(harmed + b"more")
    away("order", "export", 1, "--out", out)
    assert pack.read_bytes() == packed.pack().read_bytes()


@pytest.mark.parametrize("lie", [
    "octet", "head", "short", "empty", "size", "at", "base64", "pack",
    "grows"])
def test_lies(packed, depot, away, thief, tmp_path, lie):
    """Nothing that was not signed gets a name."""
    out, told = tmp_path / "out", []
    other = packed.pack(2).read_bytes()

    def twist(status, data, fields):
        if b'"octets"' not in data:
            return status, data, fields
        said = json.loads(data)
        told.append(said["at"])
        raw = bytearray(base64.urlsafe_b64decode(
            said["octets"] + "=" * (-len(said["octets"]) % 4)))
        if lie == "octet" and 0 < said["at"] < 5 * PART:
            raw[len(raw) // 2] ^= 1
        elif lie == "head" and said["at"] == 0:
            raw[30] ^= 1
        elif lie == "short" and said["at"] == 0:
            return status, answer_of(data, size=35), fields
        elif lie == "empty":
            raw = b""
        elif lie == "size":
            return status, answer_of(data, size=1 << 60), fields
        elif lie == "at":
            return status, answer_of(data, at=said["at"] + 1), fields
        elif lie == "base64":
            return status, answer_of(data, octets="*"), fields
        elif lie == "pack":     # another one, as good
            raw = other[said["at"]:][:PART]
            return status, answer_of(data, size=len(other), octets=b64u(
                raw)), fields
        elif lie == "grows" and len(told) > 3:
            return status, answer_of(data, size=said["size"] + 1), fields
        return status, answer_of(data, octets=b64u(raw)), fields

    with between(depot, thief, twist) as carrier:
        said = away("order", "export", 1, "--out", out,
                    port=carrier.server_port, code=(5, 6))
    assert said.code == (5 if lie in ("octet", "head", "pack") else 6), said
    assert not (out / "order-1-1.pack").exists()
    # who tells the truth afterwards
    away("order", "export", 1, "--out", out)
    assert (out / "order-1-1.pack").read_bytes() == \
        packed.pack().read_bytes()
    assert not (out / "order-1-1.pack.part").exists()


def test_lie_at_the_end(packed, depot, away, thief, tmp_path):
    """What comes again of the manifest, which was signed, changes nothing."""
    good = packed.pack().read_bytes()
    manifest, = struct.unpack(">Q", good[-20:-12])
    out, told = tmp_path / "out", []

    def twist(status, data, fields):
        said = json.loads(data) if b'"octets"' in data else {"at": 0}
        at = said["at"]
        if at < manifest < at + PART and at > 0:
            told.append(at)
            raw = good[at:manifest] + bytes(
                octet ^ 1 for octet in good[manifest:])
            data = answer_of(data, octets=b64u(raw[:PART]))
        return status, data, fields

    with between(depot, thief, twist) as carrier:
        away("order", "export", 1, "--out", out, port=carrier.server_port)
    assert told
    assert (out / "order-1-1.pack").read_bytes() == good


@pytest.mark.parametrize("size", [1 << 42, 70000])
def test_lies_of_size(packed, depot, away, thief, tmp_path, size):
    """What was fetched before neither grows nor is cut by what nobody
    signed."""
    good = packed.pack().read_bytes()
    start, length = struct.unpack(">QI", good[-20:-8])
    tail = good[start:-20] + struct.pack(">QI", size - 20 - length,
                                         length) + good[-8:]

    def twist(status, data, fields):
        if b'"octets"' in data:
            at = json.loads(data)["at"]
            data = answer_of(data, size=size, octets=b64u(
                (good[at:] if at < 1000 else tail[at - size:])[:PART]))
        return status, data, fields

    def lied(out, code):
        # where the liar is asked, the depot answers with 400
        with between(depot, thief, lambda status, data, fields: twist(
                200, data if status == 200 else here(), fields)) as carrier:
            def here():
                at = carrier.seen[-1][1].split("at=")[1]
                return json.dumps({"size": size, "at": int(at),
                                   "octets": ""}).encode()
            return away("order", "export", 1, "--out", out,
                        port=carrier.server_port, code=code)

    out = tmp_path / "out"
    assert "do not rely on that server" in lied(out, 5).err
    part = out / "order-1-1.pack.part"
    assert not part.exists()
    for most in (good[:-1000], good[:80000], good + good):
        part.write_bytes(most)
        lied(out, 5)
        assert part.read_bytes() == most
    away("order", "export", 1, "--out", out)
    assert (out / "order-1-1.pack").read_bytes() == good


def test_other_trust(packed, depot, away, thief, stranger, tmp_path):
    """A trust.pem of somebody else's: nothing is signed by who is in it."""
    def twist(status, data, fields):
        if data.startswith(b"-----BEGIN") or b"CERTIFICATE-----" in data:
            data = (stranger.dir / "publish/trust.pem").read_bytes()
        return status, data, fields

    with between(depot, thief, twist) as carrier:
        said = away("order", "export", 1, "--out", tmp_path / "out",
                    port=carrier.server_port, code=5)
    assert "do not rely on that server" in said.err
    assert not (tmp_path / "out/order-1-1.pack").exists()


def test_trust_alone(packed, depot, away, thief, tmp_path):
    """What has no path to the root is in no trust.pem that is written."""
    rogue = lying_trust(packed)
    with between(depot, thief, trust_twist(
            lambda data: rogue + data + rogue)) as carrier:
        away("order", "export", 1, "--out", tmp_path / "out",
             port=carrier.server_port)
    assert (tmp_path / "out/trust.pem").read_bytes() == \
        (packed.dir / "publish/trust.pem").read_bytes()


@pytest.mark.parametrize("keep", [0, 1])
def test_packs_left_out(packed, depot, away, thief, tmp_path, keep):
    """All that the order has, or it fails."""
    def twist(status, data, fields):
        said = json.loads(data) if data.startswith(b"{") else {}
        if isinstance(said.get("packs"), list):
            data = answer_of(data, packs=said["packs"][:keep])
        return status, data, fields

    with between(depot, thief, twist) as carrier:
        said = away("order", "export", 2, "--out", tmp_path / "out",
                    port=carrier.server_port, code=6)
    assert f"{keep} of the order's 2" in said.err
    assert not (tmp_path / "out/trust.pem").exists()


def test_two_at_once(packed, away, tmp_path):
    """One of them fetches; the other is told so, or finds it there."""
    out = tmp_path / "out"
    runs = [subprocess.Popen([str(a) for a in away.argv(
        "order", "export", 1, "--out", out)], stderr=subprocess.PIPE)
        for _ in range(3)]
    codes = []
    for one in runs:
        _, err = one.communicate(timeout=60)
        codes.append(one.returncode)
        assert one.returncode in (0, 7), err
    assert 0 in codes
    assert (out / "order-1-1.pack").read_bytes() == \
        packed.pack().read_bytes()


def test_questions(packed, depot):
    """As any other client asks: one rejection for each check."""
    admin = Remote(packed)
    described = json.loads(depot.ask("GET", "/v1/openapi.json")[2])
    fits(described, "/v1/orders/{order}/packs", "get",
         admin.get(depot, "/v1/orders/1/packs"))
    fits(described, "/v1/orders/{order}/packs", "get",
         admin.get(depot, "/v1/orders/2/packs"))
    whole, data = packed.pack().read_bytes(), b""
    while len(data) < len(whole):
        said = fits(described, "/v1/orders/{order}/packs/{pack}", "get",
                    admin.get(depot, f"/v1/orders/1/packs/1?at={len(data)}"))
        assert (said["at"], said["size"]) == (len(data), len(whole))
        data += octets(said["octets"])
    assert data == whole
    path = "/v1/orders/1/packs/1"
    assert admin.get(depot, f"{path}?at={len(whole)}", 422)["reason"] == \
        "invalid"
    for query in ("", "?at=", "?at=x", "?at=-1", "?at=1&x=1", "?x=1"):
        assert admin.get(depot, path + query, 422)["reason"] == "invalid"
    for wrong in ("/v1/orders/1/packs/2?at=0", "/v1/orders/1/packs/0?at=0",
                  "/v1/orders/1/packs/x?at=0", "/v1/orders/1/packs/?at=0",
                  "/v1/orders/9/packs", "/v1/orders/x/packs",
                  "/v1/orders/1/pack", "/v1/orders/1/packsx",
                  "/v1/orders/1/packs/1/x?at=0"):
        assert admin.get(depot, wrong, 404)["reason"] == "not-found"
    assert admin.get(depot, "/v1/orders/2/packs/2?at=0", 409)["reason"] == \
        "state"
    assert depot.ask("GET", path + "?at=0")[0] == 401


def test_stopped(packed, depot, away, thief, tmp_path):
    """^C keeps what came."""
    out = tmp_path / "out"

    def slow(*said):
        time.sleep(0.2)
        return said

    with between(depot, thief, slow) as carrier:
        with subprocess.Popen([str(a) for a in away.argv(
                "order", "export", 1, "--out", out,
                port=carrier.server_port)], stderr=subprocess.PIPE) as one:
            wait_for(lambda: len(pack_questions(carrier)) > 3)
            one.send_signal(signal.SIGINT)
            assert one.wait(60) == 130
            assert b"the same command goes on" in one.stderr.read()
    assert (out / "order-1-1.pack.part").stat().st_size == \
        packed.pack().stat().st_size
    away("order", "export", 1, "--out", out)
    assert (out / "order-1-1.pack").read_bytes() == \
        packed.pack().read_bytes()
