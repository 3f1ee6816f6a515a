"""Logs: what is published, by the files alone; edited, truncated, forked and
missing tiles, edited registry; faults while publishing. The second reader is
examples/verify_tiles.py, which shares nothing with Imprint."""
import json
import shutil
import struct
import sys

import pytest

import reader
from conftest import (BIN, FAULTS, ROOT, URL, fault_text, parallel, run,
                      sample)
from test_order_faults import POINTS, operations

VERIFIER = ROOT / "examples/verify_tiles.py"
sys.path.insert(0, str(VERIFIER.parent))
import verify_tiles  # noqa: E402
ORIGIN = URL.split("://")[1] + "/log/"


def folder(eco, log="bulk"):
    return eco.dir / "publish/log" / log


def verifier(path, *argv, code=0, vkey=None):
    return run(sys.executable, VERIFIER, vkey or path / "vkey", path, *argv,
               code=code)


def tiles(path, *argv, code=0, vkey=None):
    """log verify --tiles, without home and passphrase."""
    return run(BIN / "imprint", "log", "verify", "--tiles", path, "--vkey",
               vkey or path / "vkey", *argv, code=code)


def whole(path):
    """The size of what is published, by the second reader in process."""
    key = verify_tiles.Key((path / "vkey").read_text())
    size, root = key.checkpoint((path / "checkpoint").read_text(), path)
    verify_tiles.tiles_check(path, size, root)
    return size


@pytest.fixture(scope="module")
def logged(stocked, tmp_path_factory):
    """Two orders, 700 identities: three tiles and the one above; the
    checkpoint between them is kept."""
    eco = stocked.copy(tmp_path_factory.mktemp("logged"))
    eco.order(260, "line-1", chunk=64)
    eco.imprint("order", "run", 1)
    shutil.copy(folder(eco) / "checkpoint", eco.root / "old-checkpoint")
    eco.order(440, "line-1", chunk=64)
    eco.imprint("order", "run", 2)
    return eco


def test_published(logged, capsys):
    """Recomputed from the tiles alone, by other code."""
    old = logged.root / "old-checkpoint"
    result = verifier(folder(logged), "--against", old)
    with capsys.disabled():
        print("\n" + result.out)
    assert "700 entries, 4 tiles" in result.out
    assert "extends the checkpoint of 260" in result.out
    verifier(folder(logged, "operations"))
    leaves = reader.log_leaves(logged.db)
    raw = b"".join(sorted_tiles(folder(logged)))
    assert raw == b"".join(leaves[i] for i in range(700))
    # partial tiles gave way to full ones
    names = {str(p.relative_to(folder(logged)))
             for p in folder(logged).rglob("*") if p.is_file()}
    assert names == {"checkpoint", "vkey", "tile/0/000", "tile/0/001",
                     "tile/0/002.p/188", "tile/1/000.p/1", "tile/1/000.p/2"}


def sorted_tiles(path):
    return [path.joinpath("tile/0", n).read_bytes()
            for n in ("000", "001", "002.p/188")]


def test_verify(logged):
    result = logged.imprint("log", "verify", "--rebuild", "--json").json
    assert result["good"] is True and result["differences"] == []
    bulk = {r["log"]: r for r in result["logs"]}["bulk"]
    assert bulk == {"log": "bulk", "name": "bulk", "size": 700,
                    "published": 700, "tiles": 4, "rebuilt": 700}
    assert "all as it should be" in logged.imprint("log", "verify").out
    assert logged.imprint("log", "verify", "none", code=3).err
    result = tiles(folder(logged), "--against",
                   logged.root / "old-checkpoint", "--json").json
    assert result["good"] is True and result["tiles"] == 4
    assert result["against"] == 260 and result["size"] == 700
    assert result["origin"] == ORIGIN + "bulk"


def test_usage(logged):
    for argv in (["verify", "--tiles", "x"], ["verify", "--vkey", "x"],
                 ["verify", "bulk", "online"], ["prove"], ["export", "bulk"],
                 ["prove", "1", "--from", "1"], ["prove", "1", "--to", "1"],
                 ["verify", "--tiles", "x", "--vkey", "y", "--rebuild"],
                 ["export", "operations", "--json", "--out", "x"]):
        assert logged.imprint("log", *argv, code=2).err


def test_prove(logged, tmp_path):
    """By every kind of word, each proof checked by other code."""
    shown = logged.imprint("identity", "find", "17", "--json").json
    names = logged.imprint("identity", "list", "--from", 17, "--count", 1,
                           "--json").json[0]
    path = tmp_path / "proof.json"
    for word in ("17", "bulk/17", shown["ueid"], names["serial-number"]):
        path.write_text(logged.imprint("log", "prove", word).out)
        proof = json.loads(path.read_text())
        assert proof["index"] == 17 and proof["size"] == 700
        assert "index 17 is in" in verifier(folder(logged), "--proof",
                                            path).out
    proof["path"][0] = proof["path"][0][::-1]
    path.write_text(json.dumps(proof))
    assert verifier(folder(logged), "--proof", path, code=1).err
    for first, second in ((0, 700), (1, 700), (256, 700), (260, 512),
                          (700, 700), (699, 700)):
        path.write_text(logged.imprint("log", "prove", "--from", first,
                                       "--to", second).out)
        assert f"the tree of {first} begins that of {second}" in verifier(
            folder(logged), "--proof", path).out
    logged.imprint("log", "prove", "--from", 5, "--to", 701, code=2)
    logged.imprint("log", "prove", "bulk/700", code=3)
    path.write_text(logged.imprint("log", "prove", "operations/1").out)
    verifier(folder(logged, "operations"), "--proof", path)


def test_export(logged, tmp_path):
    """An auditor hashes the entries, and finds each one's claims."""
    out = tmp_path / "out"
    logged.imprint("log", "export", "bulk", "--out", out)
    leaves = reader.log_leaves(logged.db)
    index = 0
    for name in ("000", "001", "002.p/188"):
        data = (out / "tile/entries" / name).read_bytes()
        while data:
            (length,) = struct.unpack(">H", data[:2])
            entry, data = data[2:2 + length], data[2 + length:]
            assert reader.sha256(b"\0" + entry) == leaves[index]
            assert reader.cbor_decode(entry)[:3] == [1, 1, index]
            index += 1
    assert index == 700
    result = tiles(out, "--json").json
    assert result["good"] and result["bundles"] == 3
    verifier(out)
    path = out / "tile/entries/001"
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)
    assert "(index 511) does not hash" in tiles(out, code=8).out


def test_export_operations(logged, tmp_path):
    lines = logged.imprint("log", "export", "operations", "--json").out
    rows = reader.rows(logged.db, "SELECT * FROM operation ORDER BY seq")
    parsed = [json.loads(line) for line in lines.splitlines()]
    assert [bytes.fromhex(p["entry"]) for p in parsed] == [
        r["entry"] for r in rows]
    assert [p["index"] for p in parsed] == list(range(len(rows)))
    assert parsed[0]["kind"] == "begin"
    assert {"request", "start", "stop"} <= {p["kind"] for p in parsed}
    logged.imprint("log", "export", "operations", "--out", tmp_path / "ops")
    assert tiles(tmp_path / "ops", "--json").json["good"]


def flip(at):
    def change(path):
        data = bytearray(path.read_bytes())
        data[at] ^= 1
        path.write_bytes(data)
    return change


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


# which file, how it is harmed, what is said of it
HARM = [
    ("tile/0/000", flip(0), "tile/0/000"),
    ("tile/0/001", flip(8191), "tile/0/001"),
    ("tile/0/002.p/188", flip(33), "tile"),
    ("tile/1/000.p/2", flip(40), "tile/1/000"),
    ("tile/0/000", cut, "tile/0/000"),
    ("tile/1/000.p/2", cut, "tile/1/000.p/2"),
    ("tile/0/001", lambda p: p.unlink(), "tile/0/001"),
    ("tile/0/002.p/188", lambda p: p.unlink(), "tile/0/002.p/188"),
    ("tile/1/000.p/2", lambda p: p.unlink(), "tile/1/000"),
]


@pytest.mark.parametrize("name,change,where", HARM)
def test_tiles_harmed(logged, tmp_path, name, change, where):
    eco = logged.copy(tmp_path / "eco")
    change(folder(eco) / name)
    assert where in tiles(folder(eco), code=8).out
    assert where in eco.imprint("log", "verify", code=8).out
    result = eco.imprint("log", "verify", "bulk", "--json", code=8).json
    assert result["good"] is False
    assert any(where in d["what"] for d in result["differences"])
    if not name.endswith("188"):
        # in the last tile of all only the root is wrong
        assert where in verifier(folder(eco), code=1).err
    else:
        verifier(folder(eco), code=1)
    # the way on
    eco.imprint("log", "publish")
    verifier(folder(eco))
    eco.imprint("log", "verify")


def test_checkpoint_harmed(logged, stranger, tmp_path):
    eco = logged.copy(tmp_path / "eco")
    path = folder(eco) / "checkpoint"
    text = path.read_text()
    path.write_text(text.replace("700", "699", 1))
    assert "does not match the text" in tiles(folder(eco), code=5).err
    assert "does not match" in eco.imprint("log", "verify", code=8).out
    verifier(folder(eco), code=1)
    # that of another log, and of another authority
    shutil.copy(folder(eco, "operations") / "checkpoint", path)
    assert "operations" in tiles(folder(eco), code=5).err
    shutil.copy(folder(stranger) / "checkpoint", path)
    tiles(folder(eco), code=5)
    eco.imprint("log", "verify", code=8)
    path.unlink()
    tiles(folder(eco), code=3)
    assert "checkpoint" in eco.imprint("log", "verify", code=8).out
    eco.imprint("log", "publish")
    assert path.read_text() == text


def test_fork(logged, tmp_path):
    """One key, two lines of events: told apart by an older checkpoint."""
    one, two = (logged.copy(tmp_path / n) for n in "ab")
    for eco, count in ((one, 30), (two, 30)):
        eco.order(count, "line-1")
        eco.imprint("order", "run", 3)
        tiles(folder(eco), "--against", eco.root / "old-checkpoint")
    other = folder(two) / "checkpoint"
    result = tiles(folder(one), "--against", other, code=8)
    assert "a fork: its first 730 entries" in result.out
    assert "fork" in verifier(folder(one), "--against", other, code=1).err
    # and back
    result = tiles(folder(logged), "--against", other, code=8)
    assert "went back" in result.out
    assert "went back" in verifier(folder(logged), "--against", other,
                                   code=1).err


def edit(eco, sql):
    db = reader.sqlite3.connect(eco.db)
    with db:
        assert db.execute(sql).rowcount > 0
    db.close()


EDITS = [
    # one leaf; then what it stands for; then both the tree and the last
    ("UPDATE segment SET leaves = CAST(zeroblob(32) || substr(leaves, "
     "33) AS BLOB) WHERE first = 64", "index 64: the registry's leaf is not that"),
    ("UPDATE segment SET leaves = CAST(substr(leaves, 33) || "
     "substr(leaves, 1, 32) AS BLOB) WHERE first = 644",
     "index 644: the registry's leaf is not that"),
    ("DELETE FROM segment WHERE first = 128", "index 128 holds no identity"),
    ("UPDATE range SET state = 3 WHERE first = 192",
     "index 192: the registry's leaf is not that"),
    ("UPDATE log SET frontier = CAST(substr(frontier, 1, "
     "length(frontier) - 1) || CASE substr(frontier, -1) WHEN x'00' "
     "THEN x'01' ELSE x'00' END AS BLOB) WHERE log = 1",
     "its tree was altered"),
    ("UPDATE log SET checkpoint = x'00' WHERE log = 1", "was altered"),
    ("UPDATE log SET checkpoint = (SELECT checkpoint FROM log WHERE log = 3)"
     " WHERE log = 1", "speaks of 700 entries"),
]


@pytest.mark.parametrize("sql,found", EDITS)
def test_registry_edited(logged, tmp_path, sql, found):
    eco = logged.copy(tmp_path / "eco")
    edit(eco, sql)
    assert found in eco.imprint("log", "verify", code=8).out
    # what was published before is as it was
    verifier(folder(eco))


def test_entry_edited(logged, tmp_path):
    """An entry that is not its leaf: the identity is named."""
    eco = logged.copy(tmp_path / "eco")
    edit(eco, "UPDATE segment SET entries = CAST(substr(entries, 1, 40) || "
         "x'00' || substr(entries, 42) AS BLOB) WHERE first = 64")
    assert "identity 64:" in eco.imprint("log", "verify", "--rebuild",
                                         code=8).out
    eco.imprint("log", "prove", "64", code=8)


def test_operation_edited(logged, tmp_path):
    eco = logged.copy(tmp_path / "eco")
    edit(eco, "UPDATE operation SET entry = CAST(substr(entry, 1, "
         "length(entry) - 1) || CASE substr(entry, -1) WHEN x'00' "
         "THEN x'01' ELSE x'00' END AS BLOB) WHERE seq = 2")
    assert "index 2:" in eco.imprint("log", "verify", "operations",
                                     code=8).out


def test_old_registry(logged, tmp_path):
    """Put back, it may not publish over what is newer."""
    eco = logged.copy(tmp_path / "eco")
    shutil.copy(eco.db, eco.root / "old.db")
    eco.order(10, "line-1")
    eco.imprint("order", "run", 3)
    shutil.copy(eco.root / "old.db", eco.db)
    assert "speaks of 710 entries" in eco.imprint("log", "verify",
                                                  code=8).out
    result = eco.imprint("log", "publish", "bulk", code=4)
    assert "speaks of more (710 entries)" in result.err
    verifier(folder(eco))


@pytest.fixture(scope="module")
def unpublished(logged, tmp_path_factory):
    """An order whose packs are made, killed before it was published."""
    eco = logged.copy(tmp_path_factory.mktemp("unpublished"))
    eco.order(400, "line-1", chunk=64)
    count = operations(eco, "order", "run", 3)
    for at in range(count, 0, -3):
        other = eco.copy(tmp_path_factory.mktemp("try"))
        other.faulty(f"kill:{at}", "order", "run", 3, code=-9)
        size = reader.rows(other.db, "SELECT size FROM log WHERE log = 1")
        checkpoint = reader.Checkpoint(
            (folder(other) / "checkpoint").read_bytes())
        if size[0][0] == 1100 and checkpoint.size == 700 and not any(
                folder(other).glob("tile/0/003*")):
            return other
    raise AssertionError("no such moment")


@pytest.mark.parametrize("kind", FAULTS)
def test_publish_faults(unpublished, tmp_path, kind):
    """The old publication or the new one, each whole, at every step."""
    argv = ["log", "publish", "bulk"]
    count = operations(unpublished, *argv)
    assert count > 20
    sizes = set()

    def step(at):
        eco = unpublished.copy(tmp_path / f"{kind}-{at}")
        result = eco.faulty(fault_text(kind, at), *argv, code=FAULTS[kind])
        if result.code == 6 and kind.startswith("enospc"):
            assert "space" in result.err, result
        sizes.add(whole(folder(eco)))
        eco.imprint(*argv)
        assert whole(folder(eco)) == 1100
        assert reader.leftovers(eco.dir / "publish") == []
        shutil.rmtree(eco.root)

    parallel(step, sample(count, POINTS))
    assert 700 in sizes and sizes <= {700, 1100}


def test_publish_many_cuts(unpublished, tmp_path):
    """Interrupted again and again, a little later each time."""
    eco = unpublished.copy(tmp_path / "eco")
    for at in range(2, 200, 5):
        result = eco.faulty(f"powercut:{at}:{at}", "log", "publish",
                            code=(0, -9))
        assert whole(folder(eco)) in (700, 1100)
        if result.code == 0:
            break
    assert result.code == 0 and whole(folder(eco)) == 1100


def test_no_home(logged, tmp_path):
    """--tiles asks for neither home nor passphrase."""
    result = run(BIN / "imprint", "log", "verify", "--tiles", folder(logged),
                 "--vkey", folder(logged) / "vkey", "--json",
                 env={"HOME": str(tmp_path)})
    assert result.json["good"] and list(tmp_path.iterdir()) == []
