"""A whole order as a factory has it: random work at a fixture, a station and
an authority that die at random steps, reports in between, a final one. After
each: ordered = injected + reworked + scrapped + open + sealed + returned, no
identity is in two devices and no device in two live ones, and what was
answered is what the report says."""
import collections
import http.client
import json
import random
import shutil

import pytest

import reader
from conftest import BIN, PRODUCTS, TORTURE, make_ecosystem
from line import Fixture, Served, readback
from test_floor import Floor, make_floor

pytestmark = pytest.mark.skipif(
    not (BIN / "imprint-station").exists(), reason="programs are not built")

COUNT = 40
OPEN, INJECTED, SCRAPPED, REWORKED = 1, 2, 4, 5
KINDS = ["kill", "killafter", "powercut"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("balance")
    eco = make_ecosystem(root / "ca")
    eco.imprint("product", "add", PRODUCTS / "camera.yaml")
    floor = make_floor(eco, root / "floor", count=COUNT)
    floor.station("import", floor.pack)
    floor.token = floor.station("fixture", "add", "f", "--json").json["token"]
    return eco, floor


def records(path):
    """{index: [state, device]} of a report, read by other code."""
    data = path.read_bytes()
    end = int.from_bytes(data[-20:-12], "big")
    at, found = 12, {}
    while at < end:
        size = int.from_bytes(data[at:at + 4], "big")
        r = reader.cbor_decode(data[at + 4:at + 4 + size])
        assert r[2] not in found
        found[r[2]] = [r[3], r[6].decode()]
        at += 4 + size
    return found


class Factory:
    """Everything twice: as it is, and as it must be."""

    def __init__(self, eco, floor, token, root, seed):
        self.eco, self.floor, self.root = eco, floor, root
        self.token = token
        self.random = random.Random(seed)
        self.identities = {}    # index: [state, device]
        self.devices = {}       # device: the index that it has
        self.packages = {}      # index: what was handed out
        self.sequence = 0
        self.deaths = 0
        self.served = self.fixture = None

    def fault(self, most):
        kind = self.random.choice(KINDS)
        at = self.random.randint(1, most)
        return f"{kind}:{at}" + (
            f":{self.random.randint(1, 99)}" if kind == "powercut" else "")

    def start(self, fault=None):
        try:
            self.served = Served(self.floor, "--plain", fault=fault)
        except AssertionError:  # died while it opened
            self.deaths += 1
            self.served = Served(self.floor, "--plain")
        self.fixture = Fixture(self.served, "f", token=self.token)

    def stop(self):
        if self.served is None:
            return
        self.fixture.close()
        if self.served.process.poll() is None:
            self.served.process.kill()
        self.served.wait()
        self.served.process.stdout.close()
        self.served = None

    def ask(self, verb, device, **members):
        """Until there is an answer, as a fixture does."""
        for _ in range(50):
            if self.served is None:
                self.start(self.fault(30) if self.random.random() < 0.5
                           else None)
            try:
                answer = self.fixture.call(verb, device, **members)
                if answer["code"] != 50:
                    return answer
            except (OSError, http.client.HTTPException, ValueError):
                pass
            self.deaths += 1
            self.stop()
        raise AssertionError("no answer")

    def take(self, device, answer):
        assert answer["code"] in (0, 1), answer
        index = answer["index"]
        assert index not in self.identities, "handed out twice"
        self.identities[index] = [OPEN, device]
        self.devices[device] = index
        self.packages[index] = answer

    def in_state(self, *states):
        return [d for d, i in self.devices.items()
                if self.identities[i][0] in states]

    def work(self):
        """One thing that happens on a line."""
        reserved = self.in_state(OPEN)
        done = self.in_state(INJECTED)
        what = self.random.choices(
            ["new", "commit", "again", "scrap", "rework"],
            [4, 4, 1, 1, 1])[0]
        if what == "new" and len(self.identities) < COUNT - 2:
            device = f"SN-{len(self.devices)}"
            self.take(device, self.ask("reserve", device))
        elif what == "commit" and reserved:
            device = self.random.choice(reserved)
            index = self.devices[device]
            more = {"evidence": readback(self.packages[index])} if \
                self.random.random() < 0.7 else {}
            assert self.ask("commit", device, index=index,
                            **more)["code"] in (0, 1)
            self.identities[index][0] = INJECTED
        elif what == "again" and reserved:
            device = self.random.choice(reserved)
            answer = self.ask("reserve", device)
            assert answer["code"] == 1
            assert answer["package"] == self.packages[
                self.devices[device]]["package"]
        elif what == "scrap" and reserved + done:
            device = self.random.choice(reserved + done)
            assert self.ask("scrap", device, index=self.devices[device],
                            reason="fell")["code"] in (0, 1)
            self.identities[self.devices[device]][0] = SCRAPPED
        elif what == "rework" and done and len(self.identities) < COUNT - 2:
            device = self.random.choice(done)
            old = self.devices[device]
            self.take(device, self.ask("reserve", device, rework="flash",
                                       voids=old))
            self.identities[old][0] = REWORKED

    def report(self, *options):
        """A report from a station that dies over it, perhaps, and is asked
        again."""
        self.stop()
        path = self.root / "report"
        argv = ["report", 1, "--out", path, *options]
        if self.random.random() < 0.7:
            self.floor.station(*argv, fault=self.fault(40),
                               code=(0, -9))
            self.deaths += 1
        self.floor.station(*argv)
        return path

    def reconcile(self, path):
        argv = ["order", "reconcile", 1, "--report", path, "--json"]
        if self.random.random() < 0.7:
            self.eco.faulty(self.fault(60), *argv, code=(0, -9))
            self.deaths += 1
        return self.eco.imprint(*argv).json

    def balance(self, final=False):
        path = self.report(*(["--final"] if final else []))
        said = records(path)
        assert said == self.identities
        table = self.reconcile(path)
        assert table["adds_up"] and table["ordered"] == COUNT
        count = collections.Counter(s for s, _ in self.identities.values())
        left = COUNT - len(self.identities)
        assert [table[n] for n in (
            "injected", "reworked", "scrapped", "open", "sealed",
            "returned")] == [
                count[INJECTED], count[REWORKED], count[SCRAPPED],
                count[OPEN], 0 if final else left, left if final else 0]
        self.states_check(final)
        # an older one says nothing any more
        old = self.root / "old"
        if old.exists() and not final:
            refused = self.eco.imprint("order", "reconcile", 1, "--report",
                                       old, code=(0, 1))
            assert "newer one was loaded" in refused.err or \
                old.read_bytes() == path.read_bytes()
        shutil.copy(path, old)

    def states_check(self, final):
        """What may be used is what is in a device; nothing else."""
        live = collections.Counter()
        for i in self.eco.imprint("identity", "list", "--count", COUNT,
                                  "--json").json:
            state, device = self.identities.get(i["index"], (0, None))
            good = state == INJECTED or (
                not final and state in (0, OPEN))
            assert (i["status"] == "valid") == good, (i, state)
            if good and device is not None:
                live[device] += 1
        assert all(n == 1 for n in live.values())


@pytest.mark.parametrize("seed", range(12 if TORTURE else 1))
def test_balance(made, tmp_path, seed):
    eco, floor = made
    copy = Floor(tmp_path / "floor")
    shutil.copytree(floor.root, copy.root)
    factory = Factory(eco.copy(tmp_path / "ca"), copy, floor.token,
                      tmp_path, seed)
    try:
        for _ in range(5 if TORTURE else 2):
            for _ in range(40):
                factory.work()
            factory.balance()
        # one that nobody ends
        factory.take("last", factory.ask("reserve", "last"))
    finally:
        factory.stop()
    copy.station("key", "new")
    factory.balance(final=True)
    assert factory.deaths > 1
    states = {s for s, _ in factory.identities.values()}
    assert states >= {OPEN, INJECTED, SCRAPPED}
    factory.eco.imprint("log", "verify", "--rebuild")
    assert json.loads(copy.station("status", "--json").out)["packs"][0][
        "left"] in (0, COUNT - len(factory.identities))
