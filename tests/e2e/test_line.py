"""The line: fixtures in parallel, retest, rework and scrap, tokens, TLS,
hostile calls, power cuts. Every device has one identity and every identity
one device, whatever happens."""
import base64
import concurrent.futures
import hashlib
import http.client
import json
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from conftest import BIN, PRODUCTS, ROOT, fault_text, make_ecosystem, run, sample
from line import Fixture, Served, fingerprint, raw, readback, signature
from test_floor import Floor, Package, make_floor

pytestmark = pytest.mark.skipif(
    not (BIN / "imprint-station").exists(), reason="programs are not built")

COUNT = 48
FIXTURES = [f"bench-{n}" for n in range(8)]
PROTOCOL = ROOT / "docs/protocol/line.md"


class Line(Floor):
    """A floor whose tokens are known."""

    def __init__(self, root):
        super().__init__(root)
        self.tokens = root / "tokens"

    def token(self, name):
        return json.loads(self.tokens.read_text())[name]

    def copy(self, root):
        shutil.copytree(self.root, root)
        return Line(root)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    root = tmp_path_factory.mktemp("line")
    eco = make_ecosystem(root / "ca")
    eco.imprint("product", "add", PRODUCTS / "camera.yaml")
    floor = make_floor(eco, root / "floor", count=COUNT)
    floor.station("import", floor.pack)
    line = Line(floor.root)
    line.tokens.write_text(json.dumps({
        name: line.station("fixture", "add", name, "--json").json["token"]
        for name in FIXTURES}))
    return line


@pytest.fixture
def line(pristine, tmp_path):
    return pristine.copy(tmp_path / "floor")


@pytest.fixture
def served(line):
    with Served(line) as s:
        yield s


def produce(fixture, devices):
    """What a fixture does all day; {device: UEID}."""
    made = {}
    for device in devices:
        answer = fixture.reserve(device, product="camera", badge="Müller",
                                 mes_order="MES-7")
        if answer["code"] == 20:
            break
        assert answer["code"] == 0, answer
        again = fixture.reserve(device, product="camera")
        assert again == {**answer, "code": 1, "text": again["text"]}
        package = Package(base64.b64decode(answer["package"]))
        assert package.ueid == answer["ueid"] == answer["label"]["ueid"]
        key = ec.derive_private_key(int.from_bytes(package.keys[0], "big"),
                                    ec.SECP256R1())
        commit = {"evidence": signature(key, answer), "firmware": "1.2"}
        assert fixture.commit(device, **commit)["code"] == 0
        assert fixture.commit(device, **commit)["code"] == 1
        state = fixture.query(device)
        assert (state["state"], state["evidence"], state["fixture"]) == (
            "injected", "signature", fixture.name)
        made[device] = answer["ueid"]
    return made


def in_parallel(function, rows):
    with concurrent.futures.ThreadPoolExecutor(len(rows)) as pool:
        return [f.result() for f in [pool.submit(function, *r) for r in rows]]


@pytest.mark.parametrize("count", [3, 8])
def test_fixtures_in_parallel(served, count):
    each = COUNT // count + 1       # more than there are
    made = in_parallel(produce, [
        (Fixture(served, name), [f"{name}-{n}" for n in range(each)])
        for name in FIXTURES[:count]])
    ueids = [u for m in made for u in m.values()]
    assert len(ueids) == len(set(ueids)) == COUNT
    state = Fixture(served, FIXTURES[0]).ask("GET", "/v1/line")[2]
    order, = state["orders"]
    assert (order["count"], order["injected"], order["left"],
            order["unproven"]) == (COUNT, COUNT, 0, 0)
    assert order["low"] and state["left"] == 0 and state["rate"] == COUNT
    assert sum(f["injected"] for f in state["fixtures"]) == COUNT
    served.end()
    assert served.floor.status()["packs"][0]["injected"] == COUNT


def test_retest_rework_scrap(served):
    f = Fixture(served, "bench-0")
    first = f.reserve("A")
    assert f.commit("A", evidence=readback(first))["code"] == 0
    assert f.reserve("A")["code"] == 30
    # a rework needs a reason, and gets another package
    rework = {"rework": "radio replaced", "voids": first["index"]}
    other = f.reserve("A", **rework)
    assert other["code"] == 0 and other["ueid"] != first["ueid"]
    again = f.reserve("A", **rework)
    assert (again["code"], again["ueid"]) == (1, other["ueid"])
    # late copies of what was said of the old one; it must be said of which
    was, has = {"index": first["index"]}, {"index": other["index"]}
    for late in ({}, was):
        assert f.commit("A", evidence=readback(first), **late)["code"] == 34
        assert f.scrap("A", **late)["code"] == 34
    # the old one's evidence proves nothing now
    assert f.commit("A", evidence=readback(first), **has)["code"] == 40
    assert f.commit("A", evidence=readback(other), **has)["code"] == 0
    # a late copy of the call voids nothing, a false one neither
    assert f.reserve("A", **rework)["code"] == 34
    assert f.reserve("A", rework="x", voids=1 << 40)["code"] == 34
    assert f.commit("A", evidence=readback(other), **has)["code"] == 1
    assert f.query("A")["index"] == other["index"]
    assert f.scrap("A", **has)["code"] == 0
    assert f.scrap("A", **has)["code"] == 1
    assert f.reserve("A")["code"] == 31
    assert f.commit("A", evidence=readback(other), **has)["code"] == 31
    assert f.query("A")["state"] == "scrapped"
    assert f.query("B")["code"] == f.scrap("B")["code"] == 21
    assert f.commit("B")["code"] == 21
    assert f.reserve("B", product="nothing")["code"] == 20
    order, = f.ask("GET", "/v1/line")[2]["orders"]
    assert (order["scrapped"], order["reworked"], order["left"]) == (
        1, 1, COUNT - 2)


def test_status_adds_up(line):
    """By pack and by order, whatever became of them."""
    with Served(line) as served:
        f = Fixture(served, "bench-0")
        for device in "ABCD":
            given = f.reserve(device)
            assert given["code"] == 0
        assert f.commit("A")["code"] == f.commit("B")["code"] == 0
        assert f.scrap("C")["code"] == 0
        assert f.reserve("B", rework="flash", voids=f.query("B")["index"])[
            "code"] == 0
    line.station("inject", "--command", "exit 1", "--count", 1, code=1)
    status = line.status()
    for counts, whole in ((status["packs"][0], ("left", "unknown", "failed")),
                          (status["orders"][0], ("unused", "reserved"))):
        assert (counts["injected"], counts["reworked"]) == (1, 1)
        assert counts["count"] == sum(counts[n] for n in (
            "injected", "scrapped", "reworked", *whole)), counts


def test_wanted_by_two(served):
    """Of two fixtures with one device, one gets it."""
    fixtures = [Fixture(served, name) for name in FIXTURES]
    for n in range(3):
        answers = in_parallel(Fixture.reserve,
                              [(f, f"device-{n}") for f in fixtures])
        assert sorted(a["code"] for a in answers) == [0] + 7 * [32]
    order, = fixtures[0].ask("GET", "/v1/line")[2]["orders"]
    assert order["reserved"] == 3


def test_kill_in_the_middle(line):
    """What was answered holds, what was not may be asked again."""
    served = Served(line)
    fixtures = [Fixture(served, name) for name in FIXTURES]
    reserved, committed = {}, set()

    def work(f):
        n = 0
        try:
            while True:
                device, n = f"{f.name}-{n}", n + 1
                answer = f.reserve(device)
                if answer["code"] == 20:
                    return
                reserved[device] = answer
                if len(reserved) == COUNT // 2:
                    served.process.kill()
                if f.commit(device)["code"] == 0:
                    committed.add(device)
        except (OSError, http.client.HTTPException):
            pass

    in_parallel(work, [(f,) for f in fixtures])
    assert served.wait()[0] == -signal.SIGKILL
    served.process.stdout.close()
    assert len(reserved) >= COUNT // 2 and committed
    with Served(line) as again:
        for f in fixtures:
            f.moved(again)
        for device, answer in reserved.items():
            f = fixtures[FIXTURES.index(device.rsplit("-", 1)[0])]
            state = f.query(device)["state"]
            assert state == "injected" or device not in committed
            if state == "reserved":
                assert f.reserve(device)["package"] == answer["package"]
        rest = in_parallel(produce, [
            (f, [f"late-{f.name}-{n}" for n in range(COUNT)])
            for f in fixtures])
    ueids = [a["ueid"] for a in reserved.values()]
    ueids += [u for m in rest for u in m.values()]
    assert len(ueids) == len(set(ueids)) <= COUNT
    pack, = line.status()["packs"]
    assert pack["left"] == 0


def broken_line(line, root, fault):
    """Reserve on a disk that fails until the station ends; what was told
    holds. Returns how many were told that nothing could be done."""
    line = line.copy(root)
    try:
        served = Served(line, "--plain", fault=fault)
    except AssertionError:      # it did not get as far as that
        return 0
    f, told, refused, full = Fixture(served, "bench-0"), {}, 0, False
    try:
        for n in range(COUNT // 4):
            answer = f.reserve(f"d{n}")
            assert answer["code"] in (0, 50, 51), answer
            if answer["code"] == 51:        # full, and it goes on
                assert "package" not in answer and "enospc" in fault
                full = True
                continue
            if answer["code"] == 50:
                assert "package" not in answer
                refused += 1
                break
            told[f"d{n}"] = answer["package"]
    except (OSError, http.client.HTTPException):
        pass
    f.close()
    if refused == 0 and served.process.poll() is None:
        served.process.terminate()
    code, err = served.wait()
    served.process.stdout.close()
    assert code in (0, 6, -9), err
    assert refused == 0 or code == 6
    with Served(line, "--plain") as again:
        f.moved(again)
        for device, package in told.items():
            answer = f.reserve(device)
            assert (answer["code"], answer["package"]) == (1, package)
        assert f.reserve("more")["code"] == 0
    return refused + full


@pytest.mark.parametrize("kind", ["syncfail", "enospc", "eio", "powercut",
                                  "killafter"])
def test_disk_fails(line, tmp_path, kind):
    # the first operation is the sync of the opening: it serves after that
    refused = sum(broken_line(line, tmp_path / str(n),
                              fault_text(kind, n + 1))
                  for n in sample(24, 5))
    assert refused or kind in ("powercut", "killafter")


def test_disk_full_and_not(line, tmp_path):
    """No room is said so; what is there is answered; with room it goes on."""
    with Served(line, "--plain"):
        pass
    count = tmp_path / "count"
    with Served(line, "--plain", fault=f"count:{count}"):
        pass
    fault = f"enospc-once:{int(count.read_text()) + 1}"
    with Served(line, "--plain", fault=fault) as served:
        f = Fixture(served, "bench-0")
        status, _, answer = f.ask("POST", "/v1/reserve", json.dumps(GOOD))
        assert (status, answer["code"]) == (503, 51)
        assert f.query("S")["code"] == 21
        made = f.reserve("S")
        assert (made["code"], made["position"]) == (0, 0)
    assert served.process.returncode == 0
    with Served(line) as again:
        assert f.moved(again).reserve("S")["package"] == made["package"]


GOOD = {"device": {"serial": "S"}}
BAD = {
    "no JSON": "{",
    "not an object": "[]",
    "a name twice": '{"device":{"serial":"a"},"device":{"serial":"b"}}',
    "deep": '{"device":' + 40 * "[" + 40 * "]" + "}",
    "no device": "{}",
    "both": {"device": {"serial": "a", "chip": "00"}},
    "empty": {"device": {"serial": ""}},
    "long": {"device": {"serial": "x" * 65}},
    "odd chip": {"device": {"chip": "012"}},
    "device of another type": {"device": "S"},
    "serial of another type": {"device": {"serial": 7}},
    "unknown member": {**GOOD, "force": True},
    "order of another type": {**GOOD, "order": "1"},
    "order out of range": {**GOOD, "order": 1 << 40},
    "negative order": {**GOOD, "order": -1},
    "long badge": {**GOOD, "badge": "x" * 64},
    "rework without a reason": {**GOOD, "rework": "", "voids": 1},
    "rework of another type": {**GOOD, "rework": True, "voids": 1},
    "rework of nothing": {**GOOD, "rework": "x"},
    "voids of another type": {**GOOD, "rework": "x", "voids": "1"},
    "voids without rework": {**GOOD, "voids": 1},
    "control character": {**GOOD, "badge": "a\u0007"},
    "NUL": {**GOOD, "badge": "a\u0000b"},
}


def test_bad_requests(served):
    f = Fixture(served, "bench-0")
    for name, body in BAD.items():
        text = body if isinstance(body, str) else json.dumps(body)
        status, _, answer = f.ask("POST", "/v1/reserve", text)
        assert (status, answer["code"]) == (400, 10), (name, answer)
        assert answer["text"] and answer["hint"]
    for body in ({**GOOD, "evidence": {}}, {**GOOD, "names": ["a"]},
                 {**GOOD, "evidence": {"signature": "?"}},
                 {**GOOD, "names": {"a": 1}}, {**GOOD, "firmware": 1},
                 {**GOOD, "names": {str(n): "x" for n in range(9)}}):
        status, _, answer = f.ask("POST", "/v1/commit", json.dumps(body))
        assert (status, answer["code"]) == (400, 10), body
    assert f.ask("POST", "/v1/scrap", json.dumps(GOOD))[0] == 400
    for query in ("", "?", "?serial=", "?serial=%4", "?chip=xx", "?x=1"):
        assert f.ask("GET", f"/v1/query{query}")[0] == 400
    assert f.ask("GET", "/v1/reserve")[0] == 405
    assert f.ask("POST", "/v2/reserve", "{}")[0] == 404
    assert f.ask("POST", "/v1/reserve", "x" * 20000)[0] == 413
    f.close()
    assert f.reserve("good")["code"] == 0
    assert f.ask("GET", "/v1/query?serial=g%6Fod")[2]["state"] == "reserved"
    order, = f.ask("GET", "/v1/line")[2]["orders"]
    assert order["left"] == COUNT - 1


def test_hostile_fixtures(line):
    """Those that hang, break off, flood or lie take nothing from the rest."""
    with Served(line, "--plain") as served:
        token = line.token("bench-1")
        body = json.dumps({"device": {"serial": "gone"}}).encode()
        head = (f"POST /v1/reserve HTTP/1.1\r\nHost: a\r\nAuthorization: "
                f"Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
                ).encode()
        hanging = [socket.create_connection(("127.0.0.1", served.port))
                   for _ in range(300)]      # more than it takes
        for n, s in enumerate(hanging[-100:]):
            s.sendall((head + body)[:n % len(head + body)])
        for n in (1, len(head), len(head) + 5):
            with socket.create_connection(("127.0.0.1", served.port)) as s:
                s.sendall((head + body)[:n])
        # asks and does not wait for the answer
        with socket.create_connection(("127.0.0.1", served.port)) as s:
            s.sendall(head + body)
        for data in (b"\x16\x03\x01\x02\x00", b"GET / HTTP/9\r\n\r\n",
                     b"\0" * 100000):
            assert b" 200 " not in raw(served, data)
        f = Fixture(served, "bench-0")
        assert f.reserve("good")["code"] == 0
        # the one that went away got its package all the same
        assert f.reserve("gone")["code"] in (0, 32)
        assert Fixture(served, "bench-1").reserve("gone")["code"] in (1, 32)
        for s in hanging:
            s.close()


def test_lies(served):
    """Evidence that is not the device's."""
    f, g = Fixture(served, "bench-0"), Fixture(served, "bench-1")
    mine, other = f.reserve("mine"), g.reserve("other")
    stranger = ec.generate_private_key(ec.SECP256R1())
    for evidence in (signature(stranger, mine), readback(other),
                     {"signature": "AAAA"}, {"readback": ""}):
        answer = f.commit("mine", evidence=evidence)
        assert answer["code"] == 40, evidence
    assert f.query("mine")["state"] == "reserved"
    # nobody commits or scraps what another one holds
    assert g.commit("mine")["code"] == 32
    assert g.scrap("mine")["code"] == 32
    assert f.commit("mine", evidence=readback(mine))["code"] == 0


def test_product_asks_for_more(tmp_path):
    """Names that only the line knows, and evidence by the device itself."""
    eco = make_ecosystem(tmp_path / "ca")
    text = (PRODUCTS / "camera.yaml").read_text().replace(
        "product: camera\n", "product: probe\nevidence: signed\n").replace(
        "names:\n", "names:\n  - {kind: wifi, from: line, type: mac}\n")
    (tmp_path / "probe.yaml").write_text(text)
    eco.imprint("product", "add", tmp_path / "probe.yaml")
    floor = make_floor(eco, tmp_path / "floor", count=4, product="probe")
    floor.station("import", floor.pack)
    token = floor.station("fixture", "add", "f").out.strip()
    with Served(floor) as served:
        f = Fixture(served, "f", token=token)
        made = [f.reserve(device) for device in "AB"]
        proofs = []
        for answer in made:
            package = Package(base64.b64decode(answer["package"]))
            proofs.append(signature(ec.derive_private_key(
                int.from_bytes(package.keys[0], "big"), ec.SECP256R1()),
                answer))
        wifi = {"wifi": "00:1b:21:00:00:01"}
        for members, code in (
                ({"names": wifi}, 40),
                ({"names": wifi, "evidence": readback(made[0])}, 40),
                ({"names": wifi, "evidence": proofs[1]}, 40),
                ({"names": {"wifi": "no"}, "evidence": proofs[0]}, 41),
                ({"names": {"other": "x"}, "evidence": proofs[0]}, 41),
                ({"names": wifi, "evidence": proofs[0]}, 0),
                ({"names": wifi, "evidence": proofs[0]}, 1)):
            assert f.commit("A", **members)["code"] == code, members
        assert f.commit("B", names=wifi, evidence=proofs[1])["code"] == 41
        assert f.commit("B", names={"wifi": "001b21000002"},
                        evidence=proofs[1])["code"] == 0
        assert f.ask("GET", "/v1/line")[2]["orders"][0]["unproven"] == 0
    # the authority looks at the signatures once more
    floor.station("report", 1, "--out", tmp_path / "report")
    table = eco.imprint("order", "reconcile", 1, "--report",
                        tmp_path / "report", "--json").json
    assert (table["injected"], table["unproven"]) == (2, 0)


def test_tokens(line):
    token = line.token("bench-0")
    for path in line.home.rglob("*"):
        assert not path.is_file() or token.encode() not in path.read_bytes()
    stored = (line.home / "fixtures").read_text()
    assert hashlib.sha256(token.encode()).hexdigest() in stored
    assert len(base64.urlsafe_b64decode(token + "=")) == 32
    with Served(line) as served:
        f = Fixture(served, "bench-0")
        for wrong in ("", "x", token[:-1], token + "x",
                      line.token("bench-1")[::-1]):
            bad = Fixture(served, "bench-0", token=wrong or " ")
            status, headers, answer = bad.ask("POST", "/v1/reserve",
                                              json.dumps(GOOD))
            assert (status, answer["code"]) == (401, 11)
            assert headers["WWW-Authenticate"] == "Bearer"
        assert f.ask("POST", "/v1/reserve", json.dumps(GOOD), {
            "Authorization": f"Basic {token}"})[0] == 401
        status, headers, _ = f.ask("GET", "/v1/query?serial=A", headers={
            "Authorization": f"bearer {token}"})
        assert status == 404 and headers["Date"].endswith(" GMT")
        assert f.reserve("A")["code"] == 0
        # while it serves
        new = line.station("fixture", "add", "late").out.strip()
        line.station("fixture", "remove", "bench-0")
        late = Fixture(served, "late", token=new)
        wait_until(lambda: late.ask("GET", "/v1/query?serial=B")[0] == 404)
        assert f.ask("GET", "/v1/query?serial=A")[0] == 401
    line.station("fixture", "add", "late", code=4)
    line.station("fixture", "add", "Late", code=2)
    line.station("fixture", "remove", "nobody", code=3)
    names = [f["fixture"] for f in
             line.station("fixture", "list", "--json").json["fixtures"]]
    assert names == FIXTURES[1:] + ["late"]
    (line.home / "fixtures").write_text("bench-0 00 1\n")
    assert "line 1" in line.station("fixture", "list", code=8).err


def test_import_while_it_serves(tmp_path):
    """Packs come in without a restart, and what is none does not."""
    eco = make_ecosystem(tmp_path / "ca")
    eco.imprint("product", "add", PRODUCTS / "camera.yaml")
    floor = make_floor(eco, tmp_path / "floor", count=3)
    other = tmp_path / "other"
    run(BIN / "imprint-station", "--home", other, "init", "--name", "line-8",
        "--trust", eco.dir / "publish/trust.pem")
    eco.imprint("station", "add", other / "line-8.station")
    for station in ("line-9", "line-8"):
        number = eco.order(3, station)
        eco.imprint("order", "run", number)
    token = floor.station("fixture", "add", "f").out.strip()
    with Served(floor) as served:
        f = Fixture(served, "f", token=token)
        assert f.reserve("A")["code"] == 20
        done = floor.station("import", eco.pack(1), "--json").json
        assert (done["packages"], done["before"]) == (3, False)
        # on record when import has ended: no need to wait
        assert f.reserve("A")["code"] == 0
        assert floor.station("import", eco.pack(1), "--json").json["before"]
        assert f.reserve("B")["order"] == 1
        # another station's, half of one, and none at all
        assert "another station" in floor.station(
            "import", eco.pack(3), code=4).err
        half = tmp_path / "half.pack"
        half.write_bytes(eco.pack(2).read_bytes()[:-9])
        floor.station("import", half, code=(4, 7, 8))
        altered = bytearray(eco.pack(2).read_bytes())
        altered[len(altered) // 2] ^= 1
        half.write_bytes(altered)
        assert "differs" in floor.station("import", half, code=8).err
        floor.station("import", floor.home, code=2)
        assert len(f.ask("GET", "/v1/line")[2]["orders"]) == 1
        assert "3 packages" in floor.station("import", eco.pack(2)).out
        assert f.reserve("C", order=2)["code"] == 0
        assert f.reserve("C", order=1)["code"] == 10
        left = [p.name for p in (floor.home / "incoming").iterdir()]
        assert set(left) <= {"lock", "copy.tmp"}, left
    assert [p["left"] for p in floor.status()["packs"]] == [1, 2]
    # nobody serves, and somebody works
    floor.station("import", eco.pack(2))


def test_killed_while_it_takes_in(tmp_path):
    """At any step of taking a pack in: it can be imported after that."""
    eco = make_ecosystem(tmp_path / "ca")
    eco.imprint("product", "add", PRODUCTS / "camera.yaml")
    pristine = make_floor(eco, tmp_path / "floor", count=3)
    token = pristine.station("fixture", "add", "f").out.strip()
    with Served(pristine, "--plain"):
        pass
    count = tmp_path / "count"
    with Served(pristine, "--plain", fault=f"count:{count}"):
        pass
    serves, taken = int(count.read_text()), 0
    steps = range(serves + 1, serves + 15, 2)   # the unit test has each
    for n in steps:
        floor = Floor(tmp_path / f"floor-{n}")
        shutil.copytree(pristine.root, floor.root)
        served = Served(floor, "--plain", fault=f"kill:{n}")
        # it dies under the pack, or has it
        result = run(BIN / "imprint-station", "--home", floor.home, "import",
                     floor.pack, code=(0, 7))
        taken += result.code == 0
        if served.process.poll() is None:
            served.process.kill()
        served.wait()
        served.process.stdout.close()
        if result.code == 0:
            assert floor.status()["packs"], n
        with Served(floor, "--plain") as again:
            f = Fixture(again, "f", token=token)
            floor.station("import", floor.pack)
            assert [f.reserve(d)["code"] for d in "ABCD"] == [0, 0, 0, 20]
    assert 0 < taken < len(steps)


def test_disk_fails_under_a_pack(tmp_path):
    """Met by the station itself, between two requests: the one that imports
    and the log are told what failed."""
    eco = make_ecosystem(tmp_path / "ca")
    eco.imprint("product", "add", PRODUCTS / "camera.yaml")
    floor = make_floor(eco, tmp_path / "floor", count=3)
    token = floor.station("fixture", "add", "f").out.strip()
    with Served(floor, "--plain"):
        pass
    with Served(floor, "--plain", fault=f"count:{tmp_path / 'count'}"):
        pass
    at = int((tmp_path / "count").read_text())
    for n in (2, 6):    # the ledger's room, its record
        copy = floor.copy(tmp_path / f"floor-{n}")
        served = Served(copy, "--plain", fault=f"syncfail:{at + n}")
        try:
            said = copy.station("import", copy.pack, code=6)
            assert "ledger: sync: Input/output error" in said.err, said.err
            f = Fixture(served, "f", token=token)
            answer = f.reserve("A")
            f.close()
            assert answer["code"] == 50, answer
            code, err = served.wait()
        finally:
            served.process.kill()
            served.process.stdout.close()
        assert code == 6 and "ledger: sync: Input/output error" in err, err
        copy.station("import", copy.pack)


def wait_until(condition):
    import time
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_tls(line):
    with Served(line, "--host", "line.example") as served:
        own = served.hello["fingerprint"]
        assert own == fingerprint(line.home / "tls.pem")
        assert (line.home / "tls.key").stat().st_mode & 0o777 == 0o600
        text = run("openssl", "x509", "-in", line.home / "tls.pem", "-noout",
                   "-text").out
        assert "DNS:line-9, IP Address:127.0.0.1, DNS:line.example" in text
        assert "TLS Web Server Authentication" in text
        # for fixtures whose clock starts in 1970, too; UTCTime until 2049
        der = x509.load_pem_x509_certificate(
            (line.home / "tls.pem").read_bytes()).public_bytes(
                serialization.Encoding.DER)
        assert b"\x17\x0d700101000000Z\x18\x0f99991231235959Z" in der
        for clock in (1, 2 ** 37):
            run("openssl", "verify", "-attime", clock, "-CAfile",
                line.home / "tls.pem", line.home / "tls.pem")
        for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
                              (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
            tls = ssl.create_default_context(cafile=line.home / "tls.pem")
            tls.minimum_version = tls.maximum_version = version
            with socket.create_connection(
                    ("127.0.0.1", served.port)) as s, tls.wrap_socket(
                    s, server_hostname="line.example") as t:
                assert t.version() == name
        assert b"HTTP" not in raw(served, b"GET / HTTP/1.0\r\n\r\n")
        # one station a home
        assert line.station("serve", "--listen", "127.0.0.1:0", code=7)
    with Served(line) as served:
        assert served.hello["fingerprint"] == own
    # a certificate of one's own
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
        "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=mine", "-keyout",
        line.root / "my.key", "-out", line.root / "my.pem")
    with Served(line, "--cert", line.root / "my.pem", "--key",
                line.root / "my.key") as served:
        assert served.hello["fingerprint"] == fingerprint(line.root /
                                                          "my.pem")
    for options, code in (
            (["--listen", "0.0.0.0:0", "--plain"], 2),
            (["--listen", "localhost:1"], 2), (["--listen", "127.0.0.1"], 2),
            (["--listen", "127.0.0.1:99999"], 2), ([], 2),
            (["--listen", "127.0.0.1:0", "--cert", "x"], 2),
            (["--listen", "127.0.0.1:0", "--cert", line.root / "my.pem",
              "--key", line.home / "tls.key"], 2),
            (["--listen", "127.0.0.1:0", "--cert", "none", "--key", "none"],
             3)):
        line.station("serve", *options, code=code)


def test_page(served):
    f = Fixture(served, "bench-0", token="none")
    f.connection = f.dial()
    for path, kind in (("/", "text/html"), ("/line.js", "text/javascript"),
                       ("/line.css", "text/css")):
        f.connection.request("GET", path)
        reply = f.connection.getresponse()
        text = reply.read().decode()
        assert reply.status == 200
        assert reply.headers["Content-Type"].startswith(kind)
        policy = reply.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert "//" not in text.replace("</", "")
        assert "innerHTML" not in text
    state = f.ask("GET", "/v1/line")[2]
    assert state["station"] == "line-9" and state["left"] == COUNT


def test_stop(line):
    """SIGTERM lets go of idle fixtures and ends well."""
    served = Served(line)
    f = Fixture(served, "bench-0")
    assert f.reserve("A")["code"] == 0
    assert served.end()[0] == 0
    served.process.stdout.close()
    with Served(line) as again:
        assert f.moved(again).reserve("A")["code"] == 1


def test_example(line):
    """The fixture that the guide shows."""
    with Served(line) as served:
        argv = [sys.executable, ROOT / "examples/fixture.py",
                f"https://127.0.0.1:{served.port}", line.home / "tls.pem",
                line.token("bench-0"), "S-1", line.root / "device"]
        qr = run(*argv).out.strip()
        assert "30 the device is done" in run(*argv, code=1).err
        f = Fixture(served, "bench-1")
        state = f.query("S-1")
        assert (state["state"], state["evidence"]) == ("injected", "readback")
    ueid, names = re.fullmatch(r"urn:dev:ueid:([0-9a-f]+)\?=(.*)",
                               qr).groups()
    package = Package((line.root / "device").read_bytes())
    assert ueid == package.ueid
    assert dict(n.split("=") for n in names.split("&")) == {
        kind: text for kind, text in package.claims[-66006].items()}


def same(told, shown):
    """Is it as the document shows? "..." stands for anything."""
    if isinstance(shown, dict) and "..." not in shown:
        return isinstance(told, dict) and told.keys() == shown.keys() and all(
            same(told[k], shown[k]) for k in shown)
    if isinstance(shown, list):
        return len(told) == len(shown) and all(map(same, told, shown))
    if isinstance(shown, str):
        return bool(re.fullmatch(".+".join(map(re.escape,
                                               shown.split("..."))), told))
    return isinstance(shown, dict) or told == shown


def test_protocol(served):
    """The examples of the document, in its order."""
    f, package = Fixture(served, "bench-0"), b""
    examples = re.findall(r"^```http\n(.*?)^```$", PROTOCOL.read_text(),
                          re.S | re.M)
    assert len(examples) >= 8
    for example in examples:
        asked, answer = example.split("\n\n")
        line, _, body = asked.partition("\n")
        method, path = line.split()
        if "readback" in body:
            body = body.replace("...", base64.b64encode(
                hashlib.sha256(package).digest()).decode())
        status, _, told = f.ask(method, path, body or None)
        shown_status, _, shown = answer.partition("\n")
        assert status == int(shown_status), told
        assert same(told, json.loads(shown)), (line, told)
        package = base64.b64decode(told.get("package", "")) or package


def test_codes_are_documented():
    """Numbers of the document and of the program."""
    header = (ROOT / "station/floor.h").read_text()
    codes = set(re.findall(r"^\tFLOOR_[A-Z_]+ = (\d+)", header.split(
        "enum floor_code")[1].split("};")[0], re.M))
    rows = set(re.findall(r"^\| (\d+) \| \d{3} \|", PROTOCOL.read_text(),
                          re.M))
    assert codes == rows
