"""The rollback anchor: an old registry signs nothing; a new epoch goes on."""
import base64
import hashlib
import shutil

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

import reader
from conftest import (FAULTS, PRODUCTS, ROOT, fault_text, make_ecosystem,
                      parallel, sample)


@pytest.fixture
def anchored(tmp_path):
    anchor = tmp_path / "anchor"
    eco = make_ecosystem(tmp_path / "eco", "--anchor", anchor)
    eco.anchor = anchor
    eco.imprint("product", "add", PRODUCTS / "camera.yaml")
    eco.station_add("line-1")
    return eco


def lines(path):
    """The anchor's lines, its signature checked with the published key."""
    text, _, signature = path.read_text().partition("\n\n")
    return text + "\n", signature


def verify(eco):
    text, signature = lines(eco.anchor)
    name, blob = signature.split(" ")[1:3]
    vkey = (eco.dir / "publish/log/bulk/vkey").read_text().strip()
    key = base64.b64decode(vkey.split("+", 2)[2])[1:]
    origin = text.split("\n")[0]
    assert name == origin and origin.endswith("/anchor")
    blob = base64.b64decode(blob)
    assert blob[:4] == hashlib.sha256(
        name.encode() + b"\n\x01" + key).digest()[:4]
    ed25519.Ed25519PublicKey.from_public_bytes(key).verify(
        blob[4:], text.encode())
    return {w[1]: (int(w[2]), base64.b64decode(w[3]))
            for w in (line.split() for line in text.split("\n"))
            if w and w[0] == "log"}


def registry_copy(eco, to):
    db = reader.sqlite3.connect(eco.db)
    out = reader.sqlite3.connect(to)
    db.backup(out)
    out.close()
    db.close()


def registry_put(eco, old):
    for end in ("", "-wal", "-shm"):
        path = eco.db.with_name(eco.db.name + end)
        path.unlink(missing_ok=True)
    shutil.copy(old, eco.db)


def test_moves_on(anchored):
    before = verify(anchored)
    assert before["bulk"][0] == 0 and before["operations"][0] == 3
    anchored.order(50, "line-1", chunk=16)
    anchored.imprint("order", "run", 1)
    after = verify(anchored)
    assert after["bulk"][0] == 50
    db = reader.sqlite3.connect(anchored.db)
    entries = [row[0] for row in
               db.execute("SELECT entry FROM operation ORDER BY seq")]
    db.close()
    leaves = [hashlib.sha256(b"\0" + e).digest() for e in entries]
    assert after["operations"] == (len(entries), reader.merkle_root(leaves))


def test_old_registry(anchored, tmp_path):
    registry_copy(anchored, tmp_path / "old.db")
    anchored.order(50, "line-1", chunk=16)
    anchored.imprint("order", "run", 1)
    registry_put(anchored, tmp_path / "old.db")
    for argv in (["order", "create", "--product", "camera", "--count", 5,
                  "--station", "line-1"],
                 ["product", "add", PRODUCTS / "camera.yaml"]):
        result = anchored.imprint(*argv, code=8)
        assert "older than its anchor" in result.err
        assert "epoch begin" in result.err
    # looking without keys still works
    anchored.imprint("product", "list")
    # the way on
    anchored.imprint("epoch", "begin", code=2)
    epoch = anchored.imprint("epoch", "begin", "--reason", "test", "--json")
    assert epoch.json["epoch"] == 2
    logs = verify(anchored)
    assert logs["bulk"][0] >= 50
    number = anchored.order(5, "line-1")
    # the pack of the lost order has this order's name: it is not lost too
    kept = anchored.pack(number).read_bytes()
    anchored.imprint("order", "run", number, code=4)
    assert anchored.pack(number).read_bytes() == kept
    anchored.pack(number).rename(tmp_path / "lost.pack")
    anchored.imprint("order", "run", number)
    first = anchored.imprint("identity", "list", "--order", number,
                             "--json").json
    assert "CAM-0000676" in str(first)      # 50 seen + 67,584 skipped
    assert "epoch 2" in anchored.anchor.read_text()


@pytest.fixture
def restored(anchored, tmp_path):
    """Five revocations were made and published after the backup, one of an
    identity that is lost too."""
    eco = anchored
    eco.imprint("order", "run", eco.order(50, "line-1", chunk=16))
    eco.imprint("revoke", 1)
    registry_copy(eco, tmp_path / "old.db")
    eco.imprint("order", "run", eco.order(10, "line-1"))
    eco.imprint("suspend", 20)
    eco.imprint("revoke", 3, 4, 5, 9, 55)
    registry_put(eco, tmp_path / "old.db")
    return eco


EPOCH = ["epoch", "begin", "--reason", "disk lost"]


def lost_found(eco):
    report = eco.imprint("doctor", "--json", code=(0, 1)).json
    return [(c["what"], c["do"]) for c in report["checks"]
            if c["result"] == "problem" and c["check"] == "published"]


def test_epoch_publishes_logs(restored):
    """Under their new names, or it says how."""
    folder = restored.dir / "publish/log"
    (folder / "online-2").write_text("")
    result = restored.imprint(*EPOCH, "--json", code=6)
    assert result.json["epoch"] == 2
    assert result.json["failed"]["what"] == "log online"
    assert "run 'imprint log publish'" in result.err
    assert (folder / "bulk-2/checkpoint").exists()
    (folder / "online-2").unlink()
    restored.imprint("log", "publish")
    again = restored.imprint(*EPOCH)
    assert "epoch 3" in again.out
    for name in ("bulk", "online", "operations"):
        text = (folder / f"{name}-3/checkpoint").read_text()
        assert text.startswith(f"pki.example.net/log/{name}-3\n")
    restored.imprint("log", "verify")


def test_lost_revocations(restored, tmp_path):
    """What the old lists call revoked and the old registry does not."""
    text = restored.copy(tmp_path / "text")
    anchor = restored.anchor.read_text()
    path = restored.dir / "before-epoch-2/lost-revocations"
    result = restored.imprint(*EPOCH, "--json").json
    assert result == {"epoch": 2, "lost_revocations": {
        "count": 5, "ranges": ["bulk/3-5", "bulk/9", "bulk/55"],
        "file": str(path)}}
    assert path.stat().st_mode & 0o777 == 0o600
    restored.imprint("publish")
    [(what, do)] = lost_found(restored)
    assert ": 5 identities were revoked" in what
    assert do == f"imprint revoke --from {path}"
    restored.imprint("revoke", 4)
    assert ": 4 identities" in lost_found(restored)[0][0]
    assert restored.imprint(*do.split()[1:], "--json").json["changed"] == 4
    assert lost_found(restored) == []
    for index in (1, 3, 4, 5, 9):
        assert restored.imprint("identity", "find", index, "--json").json[
            "status"] == "revoked"
    assert restored.imprint("identity", "find", 6, "--json").json[
        "status"] == "valid"
    # a later epoch has nothing more to tell
    assert restored.imprint(*EPOCH, "--json").json["lost_revocations"] == {
        "count": 0, "ranges": [], "file": None}
    path.write_text("bulk/3\nx\n")
    assert "LOG/INDEX" in lost_found(restored)[0][0]
    # to people
    restored.anchor.write_text(anchor)
    path = text.dir / "before-epoch-2/lost-revocations"
    out = text.imprint(*EPOCH).out
    assert "5 identities were revoked" in out
    assert "\n  bulk/3-5, bulk/9, bulk/55\n" in out
    assert f"imprint revoke --from {path}\n" in out


def test_lost_revocations_forged(restored):
    """A list that nobody here signed names nothing."""
    path = restored.dir / "publish/status/bulk-00000000.cwt"
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    path.with_name("online-00000000.cwt").write_bytes(good)
    result = restored.imprint(*EPOCH, "--json", code=6)
    assert result.json["lost_revocations"]["count"] == 0
    forged, other = result.err.strip().splitlines()
    assert "bulk-00000000.cwt" in forged and "forged" in forged
    assert "online-00000000.cwt" in other and "is another one than" in other


def test_missing_and_foreign(anchored, stranger, tmp_path):
    anchored.anchor.rename(tmp_path / "away")
    result = anchored.imprint("product", "add", PRODUCTS / "camera.yaml",
                              code=3)
    assert "anchor" in result.err and "anchor set" in result.err
    (tmp_path / "away").rename(anchored.anchor)
    anchored.imprint("product", "add", PRODUCTS / "camera.yaml")
    text = anchored.anchor.read_text()
    anchored.anchor.write_text(text.replace("epoch 1", "epoch 7"))
    anchored.imprint("product", "add", PRODUCTS / "camera.yaml", code=5)
    anchored.anchor.write_text("nothing of the kind\n")
    anchored.imprint("product", "add", PRODUCTS / "camera.yaml", code=2)
    anchored.imprint("anchor", "set", "--none", code=2)
    other = stranger.copy(tmp_path / "stranger")
    other.imprint("anchor", "set", anchored.anchor, code=2)
    anchored.anchor.write_text(text)
    other.imprint("anchor", "set", anchored.anchor, code=(4, 5))
    assert anchored.anchor.read_text() == text
    other.imprint("anchor", "set", "relative", code=2)


def test_set_json(anchored, tmp_path):
    path = tmp_path / "other"
    assert anchored.imprint("anchor", "set", path, "--json").json == {
        "kind": "file", "path": str(path)}
    assert path.exists()
    assert anchored.imprint("anchor", "set", "--none", "--json").json == {
        "kind": "none", "path": ""}
    assert anchored.imprint("anchor", "set", "--program", "/bin/true",
                            "--json").json == {
        "kind": "program", "path": "/bin/true"}


def test_program(anchored, tmp_path):
    program = tmp_path / "keep-anchor"
    shutil.copy(ROOT / "examples/keep-anchor", program)
    (tmp_path / "keep-anchor.dir").write_text(str(tmp_path / "kept") + "\n")
    anchored.imprint("anchor", "set", "--program", program)
    registry_copy(anchored, tmp_path / "old.db")
    anchored.order(50, "line-1", chunk=16)
    anchored.imprint("order", "run", 1)
    registry_put(anchored, tmp_path / "old.db")
    result = anchored.imprint("product", "add", PRODUCTS / "camera.yaml",
                              code=8)
    assert "keep-anchor: " in result.err and "was seen" in result.err
    # it fails later: what was carried out stays so, and it is said
    program.write_text("#!/bin/sh\n[ $1 = check ]\n")
    result = anchored.imprint("product", "add",
                              PRODUCTS / "glucose-monitor.yaml", code=6)
    assert "carried out" in result.err
    # a program that cannot be run may be left behind
    program.unlink()
    anchored.imprint("anchor", "set", "--none")
    anchored.imprint("product", "add", PRODUCTS / "wind-turbine-sensor.yaml")


@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_faults(anchored, tmp_path, kind):
    """After any accident of a request the state extends its anchor."""
    path = tmp_path / "count"
    argv = ["order", "create", "--product", "camera", "--count", 5,
            "--station", "line-1"]
    counted = anchored.copy(tmp_path / "counted")
    anchor = anchored.anchor.read_text()
    counted.faulty(f"count:{path}", *argv)
    anchored.anchor.write_text(anchor)
    count = int(path.read_text())

    def step(at):
        # each with an anchor of its own
        copy = anchored.copy(tmp_path / f"{kind}-{at}")
        copy.imprint("anchor", "set", tmp_path / f"anchor-{kind}-{at}")
        copy.faulty(fault_text(kind, at), *argv, code=FAULTS[kind])
        copy.imprint("product", "add", PRODUCTS / "glucose-monitor.yaml")

    anchored.imprint("product", "add", PRODUCTS / "camera.yaml")
    parallel(step, sample(count, 4))


def test_clock(anchored, clock):
    back = clock("2026-01-01T00:00:00Z")
    later = clock("2039-01-01T00:00:00Z")
    argv = ["product", "add", PRODUCTS / "camera.yaml"]
    assert "clock" in anchored.imprint(*argv, code=4, env=later).err
    assert "clock" in anchored.imprint(*argv, code=4, env=back).err
    # it was wrong for a while and something was done
    wrong = clock("2029-01-01T00:00:00Z")
    anchored.imprint(*argv, env=wrong)
    result = anchored.imprint(*argv, code=4)
    assert "clock accept" in result.err
    anchored.imprint("clock", "accept")
    anchored.imprint(*argv)
