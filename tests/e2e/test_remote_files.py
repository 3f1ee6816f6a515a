"""imprint --server with files: a report, names for an order. They go over the
network in parts, before the request that says which they are."""
import hashlib
import json
import time

import pytest

import reader
from conftest import PASSPHRASE, PRODUCTS, program_needed
from imprintd import Server, wait_for
from line import Fixture, Served
from test_api import RECONCILE, Remote
from test_imprintd import problem
from test_names import METER, csv_write, meters
from test_remote import HOST, between, liar, there     # noqa: F401
from test_station_anchor import make_anchored
from test_station_sync import Synced

pytestmark = program_needed("imprintd")

COUNT = 500
PART = 48 << 10
TARGET = "/v1/files"


@pytest.fixture(scope="module")
def floor(pristine, tmp_path_factory):
    """All of an order handed out: its report is of several parts."""
    floor = make_anchored(pristine, tmp_path_factory.mktemp("files"), COUNT,
                          Synced)
    with Served(floor) as served:
        bench = Fixture(served, "bench-1")
        for i in range(COUNT):      # their records are long
            assert bench.reserve(f"{i:064}")["code"] == 0
        bench.close()
    return floor


@pytest.fixture(scope="module")
def eco(floor):
    return floor.eco


@pytest.fixture(scope="module")
def server(eco):
    with Server(eco, name=HOST, fronts=1) as running:
        yield running


@pytest.fixture(scope="module")
def admin(floor):
    return Remote(floor.eco)


def put(server, admin, at, part, code=200, said=None, target=None, **more):
    """One part, as any other client."""
    target = target or (f"{TARGET}?at={at}&part=" + hashlib.sha256(
        part if said is None else said).hexdigest())
    answer = server.ask("POST", target, part, None,
                        admin.fields("POST", target, **more))
    return problem(answer, code) if code != 200 else (
        answer[0] == 200 and json.loads(answer[2])["size"])


def loaded(floor):
    return floor.eco.imprint("order", "reconcile", 1, "--json").json[
        "packs"][0]["report"]


def absent():
    """A request whose file nobody handed in."""
    return reader.cbor_encode([1, bytes(32), 9, False, bytes(32)])


def test_no_file(server, admin):
    refused = admin.send(server, admin.request(RECONCILE, absent(),
                                               when=admin.later()), 404)
    assert "handed in" in refused["detail"]


def test_report(floor, server, there, liar):
    """The whole way, an answer lost between; again, nothing changes."""
    report = floor.report("first")
    assert report.stat().st_size > PART
    left = [1]

    def lose(*said):
        left[0] -= 1
        return None if left[0] == 0 else said

    with between(server, liar, lose) as carrier:
        said = there("order", "reconcile", 1, "--report", report, "--json",
                     port=carrier.server_port).json
    parts = [path for _, path, _ in carrier.seen if path.startswith(TARGET)]
    assert len(parts) == -(-report.stat().st_size // PART) + 1
    assert len(set(parts)) == len(parts) - 1
    assert {k: said[k] for k in ("order", "loaded", "loaded_before",
                                 "revoked")} == {
        "order": 1, "loaded": 1, "loaded_before": 0, "revoked": 0}
    assert loaded(floor)["sequence"] == 1
    again = there("order", "reconcile", 1, "--report", report)
    assert "nothing changed" in again.out
    two = [floor.report("second"), floor.report("third")]
    said = there("order", "reconcile", 1, "--report", two[0], "--report",
                 two[1], "--json").json
    assert said["loaded"] == 2 and loaded(floor)["sequence"] == 3
    # what the server refuses, as there
    said = there("order", "reconcile", 2, "--report", report, code=(1, 3))
    assert said.out == ""
    assert floor.eco.imprint("log", "verify").code == 0


def test_begun_again(floor, server, there, liar):
    """The server lost what was handed in: once more from the beginning."""
    report = floor.report("again")
    told = []

    def forget(status, data, fields):
        told.append(status)
        return (409, json.dumps({"title": "x", "status": 409, "detail": "x",
                                 "reason": "state"}).encode(), fields) \
            if len(told) == 2 else (status, data, fields)

    with between(server, liar, forget) as carrier:
        said = there("order", "reconcile", 1, "--report", report, "--json",
                     port=carrier.server_port).json
    assert said["loaded"] == 1
    begun = [path for _, path, _ in carrier.seen
             if path.startswith(TARGET + "?at=0&")]
    assert len(begun) == 2 and begun[0] == begun[1]


def test_not_there(floor, there, tmp_path):
    """What is no report is not sent."""
    bad = tmp_path / "bad"
    bad.write_bytes(floor.report("r").read_bytes()[:-1])
    there("order", "reconcile", 1, "--report", bad, code=1)


def test_parts(floor, server, admin):
    """One rejection for each check."""
    a, b = b"a" * 1000, b"b" * 500
    assert put(server, admin, 0, a) == 1000
    assert put(server, admin, 1000, b) == 1500
    # once more, of what is there; not beyond its end
    assert put(server, admin, 1000, b) == 1500
    assert put(server, admin, 1501, b, 409)["reason"] == "state"
    assert put(server, admin, 0, b) == 500
    assert put(server, admin, 1000, b, 409)["reason"] == "state"
    assert put(server, admin, 500, b, 403, said=a)["reason"] == "signature"
    assert put(server, admin, 500, a, 403, said=b)["reason"] == "signature"
    assert put(server, admin, (128 << 20) - 1, b, 409)["reason"] == "state"
    digest = hashlib.sha256(b).hexdigest()
    for query in ("", "?at=0", "?at=&part=" + digest, "?at=0&part=",
                  "?at=-1&part=" + digest, "?at=0&part=" + digest[:-1],
                  "?at=0&part=" + digest + "0", "?part=" + digest,
                  f"?at={10 ** 14}&part=" + digest,
                  f"?at=0&part={digest}&x=1"):
        assert put(server, admin, 0, b, 422, target=TARGET + query)[
            "reason"] == "invalid"
    signed = admin.fields("POST", f"{TARGET}?at=0&part={digest}")
    assert problem(server.ask("POST", TARGET + "?at=0&part=" + "0" * 64, b,
                              None, signed), 403)["reason"] == "signature"
    assert server.ask("POST", f"{TARGET}?at=0&part={digest}", b, None,
                      [])[0] == 401
    assert server.ask("GET", TARGET)[0] == 405
    # nothing of it has a name
    assert not list(floor.eco.dir.glob("upload*"))


def test_another_file(floor, server, there, admin):
    """The request says which file it comes with."""
    report = floor.report("mine").read_bytes()
    before = loaded(floor)
    # of another operator's it knows nothing
    key = there.root / "bea.key"
    there("operator", "add", "bea", "--key", key, "--new-passphrase-file",
          there.passphrase)
    bea = Remote(floor.eco)
    bea.key = reader.keystore_open(key, PASSPHRASE.encode())["operator"]
    put(server, bea, 0, report[:PART])
    put(server, admin, PART, report[PART:], 409)
    for at in range(0, len(report), PART):
        put(server, admin, at, report[at:at + PART])
    # a request is of a later second than that which added the operator
    second = int(time.time())
    wait_for(lambda: int(time.time()) > second)
    refused = admin.send(server, admin.request(RECONCILE, absent(),
                                               when=admin.later()), 403)
    assert str(floor.eco.root) not in refused["detail"]
    assert loaded(floor) == before


def test_names(floor, server, there, tmp_path):
    """Names of the line come with an order; the product is known here, so
    nothing about them is the server's word."""
    product = PRODUCTS / f"{METER}.yaml"
    floor.eco.imprint("product", "add", product)
    rows = meters(2000)
    names = csv_write(tmp_path / "names.csv", rows)
    assert names.stat().st_size > PART
    argv = ["order", "create", "--names", names, "--station", "line-9",
            "--product"]
    number = there(*argv, product, "--json").json["order"]
    shown = floor.eco.imprint("order", "show", number, "--json").json
    assert shown["names_file"] == {
        "lines": 2000, "sha256": hashlib.sha256(
            names.read_bytes()).hexdigest()}
    # each name once
    said = there(*argv, product, code=4)
    assert rows[0][1] in said.err or rows[0][0] in said.err, said.err
    assert "as a file" in there(*argv, "00" * 32, code=2).err
    argv[3] = tmp_path / "none"
    there(*argv, product, code=3)
