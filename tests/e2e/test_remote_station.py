"""imprint --server: what stations did, what is lost with one, whose a device
is. The table and the lists are the server's word, and what the command says on
the server itself."""
import base64
import json

import pytest

import reader
from conftest import program_needed
from imprintd import Server
from test_api import Remote, fits
from test_claims import claimed_product
from test_remote import HOST, between, forge, liar, there  # noqa: F401
from test_station_anchor import make_anchored
from test_station_sync import Synced

pytestmark = program_needed("imprintd")

OTHER, CLAIMED = 2, 3       # orders; order 1 is line-9's


@pytest.fixture(scope="module")
def floor(stocked, tmp_path_factory):
    """A station at work, and beside it two others."""
    root = tmp_path_factory.mktemp("far")
    floor = make_anchored(stocked, root, kind=Synced)
    eco = floor.eco
    claimed_product(eco, root)
    eco.order(30, "line-1", "line-2", chunk=4)
    eco.order(6, "line-2", product="doorbell-idevid")
    for number in (OTHER, CLAIMED):
        eco.imprint("order", "run", number)
    floor.hand_out(3)
    return floor


@pytest.fixture(scope="module")
def eco(floor):
    return floor.eco


@pytest.fixture(scope="module")
def server(eco):
    with Server(eco, name=HOST, fronts=1) as running:
        yield running


@pytest.fixture(scope="module")
def described(server):
    return json.loads(server.ask("GET", "/v1/openapi.json")[2])


def same(eco, there, *words, code=0):
    """As on the server, for people and for scripts."""
    assert there(*words, code=code).out == eco.imprint(*words, code=code).out
    said = there(*words, "--json", code=code).json
    assert said == eco.imprint(*words, "--json", code=code).json
    return said


def test_table(floor, server, there, liar, described):
    """Before any report, and after one that is loaded from elsewhere."""
    eco = floor.eco
    for number in (1, OTHER, CLAIMED):
        packs = same(eco, there, "order", "reconcile", number)["packs"]
        assert all(p["report"] is None for p in packs)
    report = floor.report("far")
    said = there("order", "reconcile", 1, "--report", report)
    assert "loaded, 0 revoked with it" in said.out
    assert there("order", "reconcile", 1).out in said.out
    pack, = same(eco, there, "order", "reconcile", 1)["packs"]
    assert (pack["injected"], pack["report"]["sequence"]) == (3, 1)
    said = there("order", "reconcile", 1, "--report", report, "--json").json
    assert (said["loaded_before"], said["injected"]) == (1, 3)
    with between(server, liar, lambda s, d, f: forge(result=None)(s, d, f)
                 if b'"result"' in d else (s, d, f)) as carrier:
        said = there("order", "reconcile", 1, "--report", report, "--json",
                     "--no-publish", port=carrier.server_port)
        assert (said.json["loaded"], said.json["revoked"]) == (1, None)
        assert "on record on the server" in said.err
    admin = Remote(eco)
    for number in (1, OTHER):
        fits(described, "/v1/orders/{order}/reconciliation", "get",
             admin.get(server, f"/v1/orders/{number}/reconciliation"))
    for bad in ("77", "x", "1/2"):
        admin.get(server, f"/v1/orders/{bad}/reconciliation", 404)
    assert "77" in there("order", "reconcile", 77, code=3).err
    good = admin.get(server, "/v1/orders/1/reconciliation")
    pack = good["packs"][0]
    for more in ({"order": 2}, {"created": "now"}, {"packs": 1},
                 {"packs": [pack, pack]},
                 *({"packs": [{**pack, **change}]} for change in (
                     {"station": "a\x1b[2J"}, {"count": -1}, {"pack": 2},
                     {"figures": 1}, {"figures": {"injected": 1 << 60}},
                     {"figures": {"proven": 1}},
                     {"report": {"anchor": "none"}},
                     {"report": {"made": "x"}}))):
        with between(server, liar, forge(**more)) as carrier:
            said = there("order", "reconcile", 1, port=carrier.server_port,
                         code=6)
            assert said.out == "" and "answer" in said.err
            bare = there("order", "reconcile", 1, "--json",
                         port=carrier.server_port, code=6).json
            assert list(bare)[0] == "error"
            # what is loaded is loaded and published all the same
            if "order" in more:
                said = there("order", "reconcile", 1, "--report", report,
                             "--json", port=carrier.server_port, code=6)
                told, why = map(json.loads, said.out.splitlines())
                assert told["loaded_before"] == 1 and "published" in told
                assert "another" in why["message"]
    wrong = {"packs": [{**pack, "figures": {**pack["figures"],
                                            "injected": 9}}]}
    with between(server, liar, forge(**wrong)) as carrier:
        assert "DOES NOT ADD UP" in there(
            "order", "reconcile", 1, port=carrier.server_port, code=1).out


def test_order_listed(floor, server, there):
    """An order's identities, page by page, in the log that it is in."""
    eco = floor.eco
    for argv in (["--order", OTHER], ["--order", OTHER, "--from", 20],
                 ["--order", CLAIMED, "--count", 5], ["--order", 77],
                 ["--order", OTHER, "--log", "online"]):
        known = eco.imprint("identity", "list", *argv, "--json").json
        found = there("identity", "list", *argv, "--json").json
        assert [(i["index"], i["ueid"]) for i in found] == [
            (i["index"], i["ueid"]) for i in known]
    assert len(there("identity", "list", "--order", OTHER).out
               .splitlines()) == 30
    admin, found, cursor = Remote(eco), [], 0
    while cursor is not None:
        page = admin.get(server, f"/v1/identities?order={OTHER}&limit=7"
                         f"&cursor={cursor}")
        found += [i["index"] for i in page["items"]]
        cursor = page["next"]
    assert len(found) == 30 and found == sorted(set(found))
    admin.get(server, "/v1/identities?order=x", 422)
    said = there("identity", "list", "--order", CLAIMED, "--claim-codes",
                 code=2).err
    assert "do not go over the network" in said


def test_whose(floor, server, there, liar, described):
    """Its owner, and never its claim code."""
    eco = floor.eco
    one, two = eco.imprint("identity", "list", "--order", CLAIMED,
                           "--count", 2, "--json").json
    known = eco.imprint("device", "show", one["ueid"], "--json").json
    code = known["claim_code"]

    def shown(word):
        return there("device", "show", word, "--json").json

    assert shown(one["ueid"]) == {**known, "claim_code": None}
    there("device", "claim", one["index"], "--code", code, "--owner",
          "Jane \N{SNOWMAN}")
    wrong = there("device", "claim", two["index"], "--code", code,
                  "--owner", "Jim", code=1)
    assert "not its code" in wrong.out
    for word in (one["index"], f"bulk/{one['index']}", one["ueid"]):
        said = shown(word)
        assert (said["state"], said["owner"]) == ("claimed",
                                                  "Jane \N{SNOWMAN}")
    assert shown(two["index"])["wrong_codes"] == 1
    text = there("device", "show", one["index"], two["index"]).out
    assert "claimed by Jane" in text and "not told here" in text
    assert code not in text and code not in json.dumps(said)
    there("device", "release", one["index"])
    assert shown(one["index"])["state"] == "released"
    admin = Remote(eco)
    for word in (one["index"], two["index"], 0):
        said = fits(described, "/v1/devices/{device}", "get",
                    admin.get(server, f"/v1/devices/{word}"))
        assert code not in json.dumps(said)
    admin.get(server, "/v1/devices/nobody", 404)
    admin.get(server, "/v1/devices/%zz", 422)
    assert "nobody" in there("device", "show", "nobody", code=3).err
    for more in ({"state": "gone"}, {"state": 1}, {"owner": "x" * 200},
                 {"wrong_codes": -1}):
        with between(server, liar, forge(**more)) as carrier:
            there("device", "show", 1, port=carrier.server_port, code=6)
    with between(server, liar, forge(state="claimed",
                                     owner="\x1b[2J")) as carrier:
        assert "\x1b" not in there("device", "show", 1,
                                   port=carrier.server_port).out


def test_acknowledged(floor, server, there, liar, tmp_path):
    """A head that came on a stick; who carries the answer cannot make one
    up."""
    ack = tmp_path / "a.ack"
    said = there("station", "acknowledge", floor.head("far"), "--out", ack,
                 "--json").json
    assert said["outcome"] == "acknowledged"
    given = reader.Sign1(ack.read_bytes())
    assert given.typ == "application/imprint-acknowledgement+cose"
    floor.station("sync", ack)
    again = there("station", "acknowledge", floor.root / "far.head", "--out",
                  tmp_path / "b.ack", "--json").json
    assert again["outcome"] == "before"
    assert (tmp_path / "b.ack").read_bytes() == ack.read_bytes()

    def twist(status, data, fields):
        result = base64.urlsafe_b64encode(forged).decode().rstrip("=")
        return forge(result=result)(status, data, fields) \
            if b'"result"' in data else (status, data, fields)

    octets = bytearray(ack.read_bytes())
    octets[-1] ^= 1
    for body in (octets, b"x", reader.sign1(
            Remote(floor.eco).key, "application/imprint-acknowledgement+cose",
            given.payload)):
        forged = reader.cbor_encode([1, bytes(body)])
        with between(server, liar, twist) as carrier:
            there("station", "acknowledge", floor.root / "far.head", "--out",
                  tmp_path / "c.ack", port=carrier.server_port, code=(2, 5))
    # a good one, of another place: older, or not of what was told
    floor.hand_out(1)
    for outcome, head in ((1, floor.head("next")), (2, floor.root /
                          "next.head"), (3, floor.root / "next.head")):
        forged = reader.cbor_encode([outcome, ack.read_bytes()])
        with between(server, liar, twist) as carrier:
            assert "not of what was sent" in there(
                "station", "acknowledge", head, "--out",
                tmp_path / "c.ack", port=carrier.server_port, code=5).err
    assert not (tmp_path / "c.ack").exists()
    there("station", "acknowledge", floor.root / "next.head", "--out",
          tmp_path / "next.ack")
    # what does not rest on it: nothing to be pasted on their word alone
    said = there("station", "acknowledge", floor.root / "far.head", "--out",
                 tmp_path / "c.ack", code=1).out
    assert "by the server's word" in said and "station lost" not in said
    floor.station("sync", tmp_path / "next.ack")


def test_lost(floor, server, there, liar, described, tmp_path):
    """What the command says on a copy of the ecosystem; told again, the
    same; a lie about what is lost changes nothing."""
    eco = floor.eco
    copy = eco.copy(tmp_path / "copy")
    known = copy.imprint("station", "lost", "line-2", "--json").json
    assert [a["order"] for a in known["again"]] == [OTHER, CLAIMED]
    with between(server, liar, lambda s, d, f: forge(orders=[
            {"order": 9, "count": 5, "product": lies, "version": "1"}])(
                s, d, f) if b'"orders"' in d else (s, d, f)) as carrier:
        lies = "a; sh"
        said = there("station", "lost", "line-2", port=carrier.server_port,
                     code=6)
        assert "; sh" not in said.out and "published" in said.out
        lies = "a"
        said = there("station", "lost", "line-2", port=carrier.server_port)
        assert "order 9 lost 5, by the server's word: " in said.out
    # too long to be answered: it is done
    with between(server, liar, lambda s, d, f: forge(result=None)(s, d, f)
                 if b'"type": 23' in d or b'"type":23' in d
                 else (s, d, f)) as carrier:
        said = there("station", "lost", "line-2", "--json",
                     port=carrier.server_port)
        assert said.json["revoked"] is None and "published" in said.json
        assert "on record on the server" in said.err
    said = there("station", "lost", "line-2", "--json").json
    for key in ("station", "again", "exposed", "revoked", "enrolled"):
        assert said[key] == known[key]
    assert there("station", "lost", "line-2", "--no-publish").out.replace(
        ", by the server's word", "") == \
        copy.imprint("station", "lost", "line-2", "--no-publish").out
    rows = "SELECT first, count, state, reason FROM status WHERE log = 1"
    assert list(map(tuple, reader.rows(eco.db, rows))) == \
        list(map(tuple, reader.rows(copy.db, rows)))
    admin = Remote(eco)
    for station in ("line-2", "line-9"):
        found = fits(described, "/v1/stations/{station}/exposed", "get",
                     admin.get(server, f"/v1/stations/{station}/exposed"))
        assert not found["more"]
    admin.get(server, "/v1/stations/nobody/exposed", 404)
    admin.get(server, "/v1/stations/line-2/else", 404)
    there("station", "lost", "nobody", code=3)
    there("station", "lost", "no body", code=2)
    # what was injected, as reported, stays good, and is told
    there("order", "reconcile", 1, "--report", floor.report("last"))
    known = eco.copy(tmp_path / "other").imprint("station", "lost", "line-9",
                                                 "--json").json
    said = there("station", "lost", "line-9", "--json").json
    assert said["exposed"] == known["exposed"] != []
    assert eco.imprint("log", "verify", "operations").code == 0
