"""Packages that were made for one device each, over the line: a chip gets its
own, sealed to it, and no other; so does a device with keys of its own."""
import base64
import json

import pytest

import reader
from line import Fixture, Served, readback
from test_floor import Floor
from test_modes import (approve, bea, chips_list, chips_make, claims_of,
                        create, devices_list, devices_make, meter_add)

assert bea  # a fixture of pytest


@pytest.fixture
def floor(eco, tmp_path):
    """A station of this ecosystem, known as line-7."""
    floor = Floor(tmp_path / "floor")
    floor.root.mkdir()
    floor.station("init", "--name", "line-7", "--trust",
                  eco.dir / "publish/trust.pem")
    eco.imprint("station", "add", floor.home / "line-7.station")
    return floor


def chip_package_open(data, key):
    """[index, document] of what the chip got, with the chip's key alone."""
    (magic, version, pack, order, index, product, commitment, kid, enc,
     sealed, _) = reader.cbor_decode(data)
    assert (magic, version) == ("imprint-chip-package", 1)
    context = b"imprint package" + index.to_bytes(8, "big")
    aad = reader.cbor_encode([pack, order, index, product, commitment, kid])
    document, _ = reader.cbor_decode(reader.AESGCM(reader.Hpke(
        key, enc, b"imprint package").export(context, 32)).decrypt(
        bytes(12), sealed, aad))
    return index, document


def test_chip(eco, bea, floor, tmp_path):
    chips = chips_make(6)
    path = chips_list(tmp_path / "chips.cbor", chips)
    create(eco, path, station="line-7", approval=approve(eco, path, bea))
    eco.imprint("order", "run", 1)
    floor.station("import", eco.pack())
    token = floor.station("fixture", "add", "f").out.strip()
    with Served(floor) as served:
        f = Fixture(served, "f", token=token)

        def reserve(chip, **members):
            return f.ask("POST", "/v1/reserve", json.dumps(
                {"device": {"chip": chip.hex()}, **members}))[2]

        seen = set()
        for name, key in reversed(chips.items()):     # not in their order
            answer = reserve(name, product="camera")
            assert (answer["code"], answer["sealed"]) == (0, True)
            assert not {"ueid", "names", "label"} & answer.keys()
            data = base64.b64decode(answer["package"])
            index, document = chip_package_open(data, key)
            assert index == answer["index"]
            seen.add(claims_of(document)[256])
            again = reserve(name)
            assert (again["code"], again["package"]) == (1, answer["package"])
            told = {"device": {"chip": name.hex()}}
            # nobody on the line can check a signature by a key of the chip's
            for evidence, code in (({"signature": "AAAA"}, 40),
                                   (readback(answer), 0)):
                assert f.ask("POST", "/v1/commit", json.dumps(
                    {**told, "evidence": evidence}))[2]["code"] == code
        assert len(seen) == 6
        # none is left of all that were made, for anybody else
        assert reserve(b"stranger")["code"] == 20
    assert floor.status()["packs"][0]["injected"] == 6


def test_wrong_chip(eco, bea, floor, tmp_path):
    """Whoever it is not made for gets nothing, and nothing is used up."""
    chips = chips_make(3)
    path = chips_list(tmp_path / "chips.cbor", chips)
    create(eco, path, station="line-7", approval=approve(eco, path, bea))
    eco.imprint("order", "create", "--product", "camera", "--count", 2,
                "--station", "line-7")
    eco.imprint("order", "run", 1)
    eco.imprint("order", "run", 2)
    floor.station("import", eco.pack(1))
    token = floor.station("fixture", "add", "f").out.strip()
    with Served(floor) as served:
        f = Fixture(served, "f", token=token)
        for device in ({"chip": b"stranger".hex()}, {"serial": "S"},
                       {"chip": "00" * 32}):
            status, _, answer = f.ask("POST", "/v1/reserve", json.dumps(
                {"device": device}))
            assert (status, answer["code"]) == (409, 22), answer
        first = f.reserve("chip-0")     # its id, as text
        assert (first["code"], first["position"]) == (0, 0)
        # the same chip by another way of telling its id is another device
        assert f.ask("POST", "/v1/reserve", json.dumps(
            {"device": {"chip": b"chip-0".hex()}}))[2]["code"] == 22
        # done, and its one package used: no rework has another for it
        assert f.commit("chip-0")["code"] == 0
        assert f.reserve("chip-0", rework="x",
                         voids=first["index"])["code"] == 22
        assert f.query("chip-0")["state"] == "injected"
        state = f.ask("GET", "/v1/line")[2]["orders"][0]
        assert (state["left"], state["injected"]) == (2, 1)
    # what is for any device goes to those that no list names
    floor.station("import", eco.pack(2))
    with Served(floor) as served:
        f.moved(served)
        assert f.reserve("chip-1")["position"] == 1
        other = f.reserve("S")
        assert (other["code"], other["order"]) == (0, 2)
        assert f.reserve("S2", order=1)["code"] == 22


def test_inject_passes_over(eco, bea, floor, tmp_path):
    """A plug-in, which holds nobody knows what, gets none that was made for
    one device; what is for any it gets."""
    meter_add(eco, tmp_path)
    path = devices_list(tmp_path / "keys.cbor", devices_make(4))
    create(eco, path, "device-key", "meter", station="line-7",
           approval=approve(eco, path, bea, "device-key", "meter"))
    eco.imprint("order", "create", "--product", "camera", "--count", 2,
                "--station", "line-7")
    eco.imprint("order", "run", 1)
    eco.imprint("order", "run", 2)
    floor.station("import", eco.pack(1))
    said = floor.station("inject", "--command", "cat > /dev/null", code=3)
    assert "made for one device each (4 packages)" in said.err
    assert "serve" in said.err
    floor.station("import", eco.pack(2))
    said = floor.station("inject", "--command", "cat > /dev/null", "--json")
    assert (said.json["injected"], said.json["made_for_devices"],
            said.json["left"]) == (2, 4, 4)
    assert [p["injected"] for p in floor.status()["packs"]] == [0, 2]
    # named, the device gets its own
    floor.station("inject", "--command", "cat > /dev/null", "--serial", "2")
    assert [p["injected"] for p in floor.status()["packs"]] == [1, 2]


def test_unreadable(eco, bea, floor, tmp_path):
    """A list's pack that cannot be read does not stop the line: said once,
    passed over, and taken up again when it is put right."""
    chips = chips_make(3)
    path = chips_list(tmp_path / "chips.cbor", chips)
    create(eco, path, station="line-7", approval=approve(eco, path, bea))
    eco.imprint("order", "create", "--product", "camera", "--count", 4,
                "--station", "line-7")
    for order in (1, 2):
        eco.imprint("order", "run", order)
        floor.station("import", eco.pack(order))
    token = floor.station("fixture", "add", "f").out.strip()
    pack = floor.status()["packs"][0]["pack"]
    stored = floor.home / "packs" / f"{pack}.pack"
    stored.unlink()
    with Served(floor) as served:
        f = Fixture(served, "f", token=token)
        assert f.ask("GET", "/v1/line")[2]["unreadable"] == [pack]
        for device in ("S", "T"):
            answer = f.reserve(device)
            assert (answer["code"], answer["order"]) == (0, 2)
        refused = f.reserve("chip-0", order=1)
        assert refused["code"] == 50 and f"{pack}.pack" in refused["text"]
        floor.station("import", eco.pack(1))
        assert f.reserve("chip-0", order=1)["code"] == 0
        assert f.ask("GET", "/v1/line")[2]["unreadable"] == []
        code, err = served.end()
        assert code == 0
        assert err.count("cannot be read") == 1 and pack in err


def test_device_key(eco, bea, floor, tmp_path):
    meter_add(eco, tmp_path)
    devices = devices_make(4)
    path = devices_list(tmp_path / "keys.cbor", devices)
    create(eco, path, "device-key", "meter", station="line-7",
           approval=approve(eco, path, bea, "device-key", "meter"))
    eco.imprint("order", "run", 1)
    floor.station("import", eco.pack())
    token = floor.station("fixture", "add", "f").out.strip()
    with Served(floor) as served:
        f = Fixture(served, "f", token=token)
        for n in (2, 0, 3, 1):
            answer = f.reserve(str(n))
            assert (answer["code"], answer["position"]) == (0, n)
            package = reader.cbor_decode(base64.b64decode(answer["package"]))
            assert package[3] == []     # no private key
            claims = claims_of(package[2])
            assert claims[256].hex() == answer["ueid"]
            key = devices[n][0].public_key()
            assert claims[8][1] == reader.cbor_decode(
                reader.cbor_encode(reader.cose_key(key)))
        assert f.reserve("4")["code"] == 20


def test_ordered_again(eco, bea, floor, tmp_path):
    """Chips whose identities were given up, scrapped on the line or lost with
    their station, are ordered again; those of live ones, and of ones that
    were revoked for their keys, are not."""
    chips = chips_make(4)
    names = list(chips)

    def order(*which, code=0):
        path = chips_list(tmp_path / "chips.cbor", {
            names[n]: chips[names[n]] for n in which})
        done = create(eco, path, station="line-7", code=code,
                      approval=approve(eco, path, bea))
        if code:
            assert "one device has one identity" in done.err
            return None
        eco.imprint("order", "run", done)
        floor.station("import", eco.pack(done))
        return done

    order(0, 1, 2, 3)
    token = floor.station("fixture", "add", "f").out.strip()

    def ask(f, verb, chip, **members):
        return f.ask("POST", f"/v1/{verb}", json.dumps(
            {"device": {"chip": names[chip].hex()}, **members}))[2]

    with Served(floor) as served:
        f = Fixture(served, "f", token=token)
        for chip in 0, 1:
            given = ask(f, "reserve", chip)
            assert given["code"] == 0
        assert ask(f, "commit", 0)["code"] == 0
        assert ask(f, "scrap", 1, reason="flash")["code"] == 0
        f.close()
    order(1, code=4)        # nobody has said so to the authority
    floor.station("report", 1, "--out", tmp_path / "report")
    eco.imprint("order", "reconcile", 1, "--report", tmp_path / "report")
    order(0, code=4)        # has its identity
    order(1, 2, code=4)     # one of them may get it yet
    again = order(1)
    with Served(floor) as served:
        f = Fixture(served, "f", token=token)
        answer = ask(f, "reserve", 1, rework="mended", voids=given["index"])
        assert (answer["code"], answer["order"]) == (0, again)
        data = base64.b64decode(answer["package"])
        assert chip_package_open(data, chips[names[1]])[0] == answer["index"]
        assert ask(f, "commit", 1, index=answer["index"])["code"] == 0
        f.close()
    floor.station("report", again, "--out", tmp_path / "report")
    eco.imprint("order", "reconcile", again, "--report", tmp_path / "report")
    lost = eco.imprint("station", "lost", "line-7", "--json").json
    assert lost["again"] == [{"order": 1, "product": "camera@1.0.0",
                              "count": 2, "mode": "chip"}]
    # said in a way that can be followed
    said = eco.imprint("station", "lost", "line-7").out
    assert "identity list --order 1 --count 4' calls revoked for cess" in said
    listed = eco.imprint("identity", "list", "--order", 1, "--json").json
    assert {i["entry"]: i.get("reason") for i in listed} == {
        1: None, **dict.fromkeys((2, 3, 4), "cessationOfOperation")}
    text = eco.imprint("identity", "list", "--order", again).out
    assert f"order {again}, entry 1  " in text
    floor.station("init", "--name", "line-8", "--trust",
                  eco.dir / "publish/trust.pem", code=4)
    eco.station_add("line-8")
    path = chips_list(tmp_path / "rest.cbor", {
        n: chips[n] for n in names[2:]})
    third = create(eco, path, station="line-8",
                   approval=approve(eco, path, bea))
    eco.imprint("order", "run", third)
    assert len(reader.rows(eco.db, "SELECT * FROM device_mark WHERE "
                           "order_number = 1")) == 2     # of chip 0
    for n in eco.imprint("identity", "list", "--order", third,
                         "--json").json:
        eco.imprint("revoke", n["index"], "--reason", "keyCompromise")
    done = create(eco, path, station="line-8", code=4,
                  approval=approve(eco, path, bea))
    assert "one device has one identity" in done.err
    eco.imprint("log", "verify")
