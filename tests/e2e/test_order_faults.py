"""Power cuts, kills and failing disks at every step of what the authority
writes. After each, the same command run again ends well, and an independent
reader finds every invariant kept."""
import shutil

import pytest

import reader
from conftest import (FAULTS, PRODUCTS, TORTURE, URL, fault_text, init,
                      parallel, sample)

POINTS = 10     # of each fault, unless TORTURE


def operations(eco, *argv):
    """How many operations the command has, counted on a copy."""
    root = eco.root.with_name(eco.root.name + "-count")
    shutil.rmtree(root, ignore_errors=True)
    eco = eco.copy(root)
    path = eco.root / "operations"
    eco.faulty(f"count:{path}", *argv)
    return int(path.read_text())


def every_step(eco, tmp_path, kind, argv, check, most=POINTS):
    """Break argv at each step in a copy of eco, then check(copy, result)."""
    count = operations(eco, *argv)
    assert count > 5
    met = []

    def step(at):
        copy = eco.copy(tmp_path / f"{kind}-{at}")
        result = copy.faulty(fault_text(kind, at), *argv, code=FAULTS[kind])
        if result.code == 6:
            assert result.err.startswith("imprint: "), result
            if kind.startswith("enospc"):
                assert "space" in result.err, result
        met.append(result.code)
        try:
            check(copy, result)
        except AssertionError as e:
            raise AssertionError(f"after {kind}:{at} of {count}: {e}") from e
        shutil.rmtree(copy.root)

    parallel(step, sample(count, most))
    assert any(met) or kind == "short", "the fault never struck"


# An order

@pytest.fixture(scope="module")
def ordered(stocked, tmp_path_factory):
    """Two packs of 20 in chunks of 8: six chunks."""
    eco = stocked.copy(tmp_path_factory.mktemp("ordered"))
    eco.order(40, "line-1", "line-2", chunk=8)
    return eco


def run_again(eco, result):
    eco.imprint("order", "run", 1)
    eco.check_complete()
    assert eco.imprint("identity", "list", "--json").json


@pytest.mark.parametrize("kind", FAULTS)
def test_order_run(ordered, tmp_path, kind):
    every_step(ordered, tmp_path, kind, ["order", "run", 1], run_again,
               most=25 if kind in ("kill", "powercut") else POINTS)


@pytest.mark.parametrize("seed", range(2, 6 if TORTURE else 3))
def test_order_run_power_cut_seeds(ordered, tmp_path, seed):
    """Each seed tears another part of what was not synced."""
    argv = ["order", "run", 1]

    def step(at):
        copy = ordered.copy(tmp_path / f"cut-{at}")
        copy.faulty(f"powercut:{at}:{seed}", *argv, code=-9)
        run_again(copy, None)
        shutil.rmtree(copy.root)

    parallel(step, sample(operations(ordered, *argv), 16))


def test_order_run_power_cut_all_lost(ordered, tmp_path):
    """Seed 0: nothing that was not synced stays."""
    argv = ["order", "run", 1]

    def step(at):
        copy = ordered.copy(tmp_path / f"cut-{at}")
        copy.faulty(f"powercut:{at}:0", *argv, code=-9)
        run_again(copy, None)
        shutil.rmtree(copy.root)

    parallel(step, sample(operations(ordered, *argv), 16))


def test_order_run_many_cuts(ordered, tmp_path):
    """One order, interrupted again and again, a little later each time."""
    eco = ordered.copy(tmp_path / "eco")
    for at in range(4, 400, 7 if TORTURE else 23):
        result = eco.faulty(f"powercut:{at}:{at}", "order", "run", 1,
                            code=(0, -9))
        if result.code == 0:
            break
    run_again(eco, None)


def test_order_run_survivors(ordered, tmp_path):
    """What was committed before the cut is in the pack afterwards: the same
    bytes, under the same index."""
    eco = ordered.copy(tmp_path / "eco")
    eco.faulty("kill:90", "order", "run", 1, code=-9)
    before = reader.rows(eco.db, "SELECT * FROM range WHERE state = 2")
    entries = {s["first"]: s["entries"] for s in reader.rows(
        eco.db, "SELECT * FROM segment")}
    assert before and entries
    part = eco.pack().with_suffix(".pack.part")
    grown = (part if part.exists() else eco.pack()).read_bytes()
    run_again(eco, None)
    after = {r["first"]: tuple(r) for r in reader.rows(
        eco.db, "SELECT * FROM range WHERE state = 2")}
    for r in before:
        assert after[r["first"]] == tuple(r)
        end = r["pack_offset"] + r["pack_length"]
        if r["pack"] == 1:
            assert eco.pack().read_bytes()[r["pack_offset"]:end] == \
                grown[r["pack_offset"]:end]
    for s in reader.rows(eco.db, "SELECT * FROM segment"):
        assert entries.get(s["first"], s["entries"]) == s["entries"]


def test_order_run_usual_chunks(stocked, tmp_path):
    """The chunk size that orders have: several chunks in two packs."""
    eco = stocked.copy(tmp_path / "eco")
    eco.order(2500, "line-1", "line-2")
    assert reader.rows(eco.db, "SELECT chunk_size FROM orders")[0][0] < 1250
    count = operations(eco, "order", "run", 1)
    for at in sample(count, 2):
        copy = eco.copy(tmp_path / f"kill-{at}")
        copy.faulty(f"kill:{at}", "order", "run", 1, code=-9)
        run_again(copy, None)


def test_order_run_interrupted(ordered, tmp_path):
    """A second order takes over where a killed one left reservations."""
    eco = ordered.copy(tmp_path / "eco")
    eco.faulty("kill:70", "order", "run", 1, code=-9)
    second = eco.order(10, "line-2")
    eco.imprint("order", "run", second)
    eco.imprint("order", "run", 1)
    first = eco.check_complete(1)
    assert first.isdisjoint(eco.check_complete(second))


def test_pack_part_lost(ordered, tmp_path):
    """The growing pack is gone or cut: said so, nothing signed anew."""
    eco = ordered.copy(tmp_path / "eco")
    part = eco.pack().with_suffix(".pack.part")
    for at in range(20, 200, 5):
        eco.faulty(f"kill:{at}", "order", "run", 1, code=-9)
        if part.exists() and part.stat().st_size > 8000:
            break
    data = part.read_bytes()
    assert reader.rows(eco.db, "SELECT length FROM pack")[0][0] > 100
    part.write_bytes(data[:100])
    assert "shorter" in eco.imprint("order", "run", 1, code=8).err
    part.unlink()
    result = eco.imprint("order", "run", 1, code=8)
    assert "gone" in result.err and "order cancel" in result.err
    part.write_bytes(data)
    run_again(eco, None)


# init

INIT = ["init", "--publish-url", URL]


def init_check(eco, result):
    """There is either a whole ecosystem or none; init makes one then."""
    if eco.dir.exists():
        assert "is there already" in eco.imprint(*INIT, code=4).err
    else:
        eco.imprint(*INIT)
    assert reader.leftovers(eco.home) == []
    eco.cheapen()
    keys = reader.keystore_open(eco.dir / "keystore",
                                eco.passphrase.read_bytes().strip())
    assert len(keys) == 11
    eco.imprint("product", "add", PRODUCTS / "camera.yaml")
    eco.station_add("line-1")
    eco.order(2, "line-1")
    eco.imprint("order", "run", 1)
    eco.check_complete()


@pytest.mark.parametrize("kind", ["kill", "killafter", "powercut", "enospc",
                                  "eio", "syncfail"])
def test_init(tmp_path, kind):
    eco = init(tmp_path / "none")
    every_step(eco, tmp_path, kind, INIT, init_check, most=6)


# Requests

def products(eco):
    return sorted(p["product"] for p in
                  eco.imprint("product", "list", "--json").json)


def product_check(eco, result):
    path = PRODUCTS / "camera.yaml"
    before = products(eco)
    assert before in ([], ["camera"])
    if result.code == 0:
        assert before == ["camera"]
    eco.imprint("product", "add", path)     # the same again is no harm
    assert products(eco) == ["camera"]


@pytest.mark.parametrize("kind", ["kill", "killafter", "powercut", "enospc",
                                  "eio"])
def test_product_add(pristine, tmp_path, kind):
    eco = pristine.copy(tmp_path / "eco")
    every_step(eco, tmp_path, kind,
               ["product", "add", PRODUCTS / "camera.yaml"], product_check)


def order_check(eco, result):
    """Created wholly or not at all: an order has all of its packs."""
    orders = eco.imprint("order", "list", "--json").json
    assert len(orders) <= 1
    if not orders:
        assert result.code != 0
        eco.order(6, "line-1", "line-2")
    packs = eco.imprint("order", "show", 1, "--json").json["packs"]
    assert [p["count"] for p in packs] == [3, 3]
    eco.imprint("order", "run", 1)
    eco.check_complete()


@pytest.mark.parametrize("kind", ["kill", "killafter", "powercut", "enospc",
                                  "eio"])
def test_order_create(stocked, tmp_path, kind):
    argv = ["order", "create", "--product", "camera", "--count", 6,
            "--station", "line-1", "--station", "line-2"]
    eco = stocked.copy(tmp_path / "eco")
    every_step(eco, tmp_path, kind, argv, order_check)


def cancel_check(eco, result):
    state = eco.imprint("order", "show", 1, "--json").json["order"]["state"]
    assert state in ("open", "cancelled")
    if result.code == 0:
        assert state == "cancelled"
    eco.imprint("order", "cancel", 1, code=0 if state == "open" else 4)
    eco.imprint("order", "run", 1, code=4)


@pytest.mark.parametrize("kind", ["kill", "killafter", "powercut", "enospc",
                                  "eio"])
def test_order_cancel(ordered, tmp_path, kind):
    eco = ordered.copy(tmp_path / "eco")
    every_step(eco, tmp_path, kind, ["order", "cancel", 1], cancel_check)


def export_check(eco, result):
    """A pack has its name only when it is whole."""
    out = eco.root / "stick"
    for path in out.glob("*.pack"):
        assert path.read_bytes() == eco.pack().read_bytes()
    eco.imprint("order", "export", 1, "--out", out)
    assert (out / "order-1-1.pack").read_bytes() == eco.pack().read_bytes()
    assert (out / "trust.pem").read_bytes() == \
        (eco.dir / "publish/trust.pem").read_bytes()
    assert reader.leftovers(out) == []


@pytest.mark.parametrize("kind", ["kill", "powercut", "enospc", "short"])
def test_order_export(issued, tmp_path, kind):
    eco = issued.copy(tmp_path / "eco")

    def step(at):
        copy = eco.copy(tmp_path / f"{kind}-{at}")
        result = copy.faulty(fault_text(kind, at), "order", "export", 1,
                             "--out", copy.root / "stick",
                             code=FAULTS[kind])
        export_check(copy, result)
        shutil.rmtree(copy.root)

    parallel(step, sample(operations(eco, "order", "export", 1, "--out",
                                     tmp_path / "count-stick"), 8))
