"""imprint-station sync --server: where a ledger stands goes to imprintd, and
comes back acknowledged. Whoever carries it can withhold it, and no more."""
import json
import os
import time

import pytest

import reader
from conftest import BIN, PRODUCTS, fault_text, program_needed, run
from imprintd import (DONE, REFUSED, Authority, Server, exchange, wait_for)
from line import Fixture, Served
from test_api import problem
from test_floor import make_floor
from test_remote import HOST, answer, between, certificate  # noqa: F401
from test_remote import Elsewhere, free_port
from test_station_anchor import (AUTH, BUSY, CONFLICT, CORRUPT, COUNT,
                                 Anchored)

pytestmark = program_needed("imprintd")

LEDGER_HEAD, ACKNOWLEDGE = 10, 13
KIND = "application/imprint-ledger-head+cose"
ANSWER = "application/imprint-acknowledgement+cose"
IO = 6


class Synced(Anchored):
    """A station, the authority that it works for, and its server."""

    server = None

    def sync(self, *argv, port=None, url=None, **more):
        return self.station(
            "sync", "--server", url or
            f"https://{HOST}:{port or self.server.port}", *argv, **more)

    def tell(self, head, code=200, kind=KIND):
        """The way of any other client."""
        said = self.server.ask("POST", "/v1/ledger-head", head, None,
                               [("Content-Type", kind)])
        if code != 200:
            return problem(said, code)
        assert (said[0], said[1]["Content-Type"]) == (200, ANSWER)
        return said[2]

    def entries(self):
        return reader.rows(self.eco.db, "SELECT entry FROM operation WHERE "
                           f"kind = {ACKNOWLEDGE} ORDER BY seq")


@pytest.fixture(scope="module")
def made(pristine, tmp_path_factory):
    root = tmp_path_factory.mktemp("synced")
    eco = pristine.copy(root / "ca")
    eco.imprint("product", "add", PRODUCTS / "camera.yaml")
    floor = make_floor(eco, root / "floor", count=COUNT)
    floor.station("import", floor.pack)
    return Synced(floor.root, eco)


@pytest.fixture
def floor(made, tmp_path):
    eco = made.eco.copy(tmp_path / "ca")
    kept = made.copy(tmp_path / "x")
    floor = Synced(kept.root, eco)
    with Server(eco, name=HOST, fronts=1) as floor.server:
        yield floor


@pytest.fixture
def there(floor, tmp_path):
    return Elsewhere(tmp_path / "op", floor.eco, floor.server.port)


@pytest.fixture
def liar(there, tmp_path):
    """A certificate under the right root, in the wrong hands."""
    there("service", "add", "between", "--dns", HOST, "--out", tmp_path)
    return tmp_path / "between.pem", tmp_path / "between.key"


def test_whole_way(floor):
    """As by files, and on record as the station's own word."""
    floor.hand_out()
    records = floor.status()["ledger"]["records"]
    said = floor.sync("--json").json
    assert said["acknowledged"]["entries"] == records
    assert said["head"] is None
    ledger = floor.status()["ledger"]
    assert ledger["acknowledged"] == records
    given = floor.anchors()[-1][4]
    signed = reader.Sign1(given)
    assert signed.typ == ANSWER
    version, _, head, objects = None, None, None, None
    entry = reader.cbor_decode(floor.entries()[0][0])
    head, objects = entry[4]
    assert entry[1] == ACKNOWLEDGE and len(objects) == 1
    told = reader.Sign1(head)
    assert told.typ == KIND and reader.cbor_decode(told.payload)[1] == \
        "line-9"
    assert objects[0][3] == reader.sha256(given)
    # the next rests on it; a moment later, for there is one each 3 s
    floor.hand_out()
    more = floor.sync()
    assert "asking again in" in more.err and "acknowledged" in more.out
    assert len(floor.entries()) == 2
    pack = floor.reconcile(floor.report()).json["packs"][0]
    assert pack["report"]["acknowledged"] > records
    # files go on where the network was
    assert floor.eco.imprint("log", "verify").code == 0
    ack = floor.acknowledge(floor.head())
    floor.station("sync", ack)
    assert "acknowledge" in floor.eco.imprint("log", "list").out
