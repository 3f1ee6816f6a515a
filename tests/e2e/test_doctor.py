"""imprint doctor: every check finds what it is for, says what to do, and
changes nothing; a home that is well is called so."""
import base64
import fcntl
import hashlib
import os
import resource
import shutil
import sqlite3
import subprocess
import time

import pytest

import reader
from conftest import (BIN, PASSPHRASE, ROOT, Result, init, let_through,
                      make_ecosystem, run)
from test_status_formats import Publisher

CHECKS = ["permissions", "registry", "structure", "keystore", "clock",
          "anchor", "certificates", "logs", "published", "orders", "disk",
          "leftovers", "memory", "core-dumps", "libraries"]
YEAR = 365 * 86400


class Report:
    def __init__(self, result):
        self.json = result.json
        self.code = result.code
        self.found = self.json["checks"]
        assert {c["check"] for c in self.found} == set(CHECKS)
        for name, level in (("ok", "ok"), ("skipped", "skipped"),
                            ("warnings", "warning"),
                            ("problems", "problem")):
            count = sum(c["result"] == level for c in self.found)
            assert self.json[name] == count
        assert self.code == (1 if self.json["problems"] else 0)
        # whatever is not well comes with what to do
        assert all(c.get("do") for c in self.found
                   if c["result"] in ("warning", "problem"))

    def of(self, check):
        return [c for c in self.found if c["check"] == check]

    def says(self, check, result, words, do=""):
        assert any(c["result"] == result and words in c["what"] and
                   do in c.get("do", "") for c in self.of(check)), \
            self.of(check)

    def bad(self):
        return {c["check"] for c in self.found
                if c["result"] in ("warning", "problem")}


def doctor(eco, *argv, env=None, keys=True):
    argv = ["doctor", "--json", *argv]
    if keys:
        return Report(eco.imprint(*argv, env=env, code=(0, 1)))
    return Report(run(BIN / "imprint", "--home", eco.home, *argv, env=env,
                      code=(0, 1)))


def tree(root):
    return {str(p): (hashlib.sha256(p.read_bytes()).hexdigest(),
                     p.stat().st_mode)
            for p in sorted(root.rglob("*"))
            if p.is_file() and not p.name.endswith(("-shm", "-wal"))}


@pytest.fixture(scope="module")
def well(tmp_path_factory):
    """Anchored, with an order run; only to be copied."""
    eco = make_ecosystem(tmp_path_factory.mktemp("well"))
    eco.imprint("product", "add", ROOT / "examples/products/camera.yaml")
    eco.station_add("line-1")
    eco.order(20, "line-1", chunk=8)
    eco.imprint("order", "run", 1)
    return eco


@pytest.fixture
def eco(well, tmp_path):
    return well.copy(tmp_path / "eco")


def at(clock, seconds):
    """The environment in which it is so much later."""
    when = time.gmtime(time.time() + seconds)
    return clock(time.strftime("%Y-%m-%dT%H:%M:%SZ", when))


SHIM = r"""
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int
shimmed(const char *what)
{
	const char *text = getenv("TEST_SHIM");

	return text != NULL && strcmp(text, what) == 0;
}

int
statvfs(const char *path, struct statvfs *fs)
{
	if (access(path, F_OK) != 0)
		return -1;
	memset(fs, 0, sizeof(*fs));
	fs->f_bsize = fs->f_frsize = 4096;
	fs->f_blocks = 1000000;
	fs->f_bavail = shimmed("full") ? 100 : shimmed("low") ? 30000 : 900000;
	fs->f_bfree = fs->f_bavail;
	fs->f_favail = shimmed("inodes") ? 0 : 100000;
	return 0;
}

int
prctl(int what, ...)
{
	if (what == PR_GET_DUMPABLE)
		return shimmed("dumps");
	return 0;
}

unsigned long
OpenSSL_version_num(void)
{
	return shimmed("openssl") ? 0x30000000UL : 0x7fffffffUL;
}

int
sqlite3_libversion_number(void)
{
	return shimmed("sqlite") ? 3034000 : 4000000;
}
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    root = tmp_path_factory.mktemp("shim")
    (root / "shim.c").write_text(SHIM)
    run("gcc", "-shared", "-fPIC", "-O1", "-o", root / "shim.so",
        root / "shim.c")

    def environment(what):
        return {"LD_PRELOAD": str(root / "shim.so"), "TEST_SHIM": what,
                "ASAN_OPTIONS": "verify_asan_link_order=0"}

    return environment


# A home that is well

def test_well(eco):
    report = doctor(eco)
    assert report.bad() == {"anchor"} and report.code == 0
    report.says("anchor", "warning", "none", "imprint anchor set")
    assert report.json["directory"] == str(eco.dir)
    assert [c["check"] for c in report.found] == CHECKS


def test_text(eco):
    text = eco.imprint("doctor").out
    lines = text.splitlines()
    assert lines[-1] == "14 ok, 0 not checked, 1 warning, 0 problems"
    for name in CHECKS:
        assert sum(line[9:].startswith(f"{name} ") and line[0] != " "
                   for line in lines) == 1, name
    assert "imprint anchor set" in text


def test_changes_nothing(eco):
    before = tree(eco.home)
    doctor(eco)
    doctor(eco, keys=False)
    assert tree(eco.home) == before


def test_without_passphrase(eco):
    report = doctor(eco, keys=False)
    report.says("keystore", "skipped", "needs the passphrase",
                "--passphrase-file")
    assert report.json["skipped"] == 1
    eco.imprint("anchor", "set", eco.root / "anchor")
    report = doctor(eco, keys=False)
    report.says("anchor", "skipped", "needs the keystore")


def test_quick(eco):
    doctor(eco, "--quick").says("structure", "skipped", "--quick")


def test_beside_a_writer(eco):
    with open(eco.dir / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert doctor(eco).code == 0


def test_no_ecosystem(tmp_path):
    eco = init(tmp_path)
    assert "no ecosystem" in eco.imprint("doctor", code=3).err
    eco.imprint("doctor", "what", code=2)


# What is not

def elsewhere(eco):
    """A free path on another file system."""
    for place in ("/dev/shm", "/var/tmp"):
        if os.path.isdir(place) and \
                os.stat(place).st_dev != eco.root.stat().st_dev:
            return f"{place}/imprint-test-{os.getpid()}"
    pytest.skip("there is no other file system")


@pytest.mark.parametrize("name,mode,result", [
    ("", 0o770, "problem"), ("", 0o750, "warning"),
    ("..", 0o777, "problem"), ("../..", 0o770, "problem"),
    ("keystore", 0o640, "problem"), ("keystore", 0o620, "problem"),
    ("registry.db", 0o644, "warning"), ("registry.db", 0o666, "problem"),
    ("operators", 0o730, "problem"), ("operators", 0o710, "warning"),
    ("operators/admin.key", 0o604, "problem"),
    ("packs/order-1-1.pack", 0o640, "warning"),
    ("publish", 0o775, "problem"),
    ("publish/trust.pem", 0o664, "problem"),
    ("publish/ca/root.cer", 0o646, "problem"),
])
def test_permissions(eco, name, mode, result):
    path = eco.dir / name
    path.chmod(mode)
    report = doctor(eco, keys=False)
    assert report.bad() == {"permissions", "anchor"}
    report.says("permissions", result, f"{mode:04o}", "chmod go-")


@pytest.mark.parametrize("name", (
    "publish", "publish/trust.pem", "publish/log/bulk/tile/0"))
def test_hidden(eco, name):
    path = eco.dir / name
    path.chmod(0o700 if path.is_dir() else 0o600)
    report = doctor(eco, keys=False)
    assert report.bad() == {"permissions", "anchor"}
    report.says("permissions", "problem", f"{path}: others cannot read",
                "chmod -R go+rX ")
    run("sh", "-c", report.of("permissions")[0]["do"])
    assert doctor(eco, keys=False).bad() == {"anchor"}


@pytest.mark.skipif(os.geteuid() != 0, reason="changes owners")
def test_owner(eco):
    os.chown(eco.dir / "keystore", 12345, 0)
    doctor(eco).says("permissions", "problem", "another user (12345)",
                     "chown 0 ")


def test_registry(eco):
    (eco.dir / "registry.db").rename(eco.root / "away")
    report = doctor(eco)
    report.says("registry", "problem", "no ecosystem here")
    report.says("structure", "skipped", "does not open")
    (eco.dir / "registry.db").write_bytes(b"x" * 5000)
    doctor(eco).says("registry", "problem", "not a database")
    shutil.copy(eco.root / "away", eco.dir / "registry.db")
    with sqlite3.connect(eco.db) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    doctor(eco).says("registry", "problem", "schema 99", "newer")


def test_old_registry(tmp_path):
    """Of an earlier version: what would bring it up to date."""
    eco = init(tmp_path / "eco")
    shutil.copytree(ROOT / "tests/golden/1/home", eco.home)
    for path in [eco.home, *eco.home.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    doctor(eco, keys=False).says("registry", "problem", "schema 1",
                                 "run a command that writes")


def test_structure(eco):
    with sqlite3.connect(eco.db) as db:
        db.execute("DELETE FROM segment")
    db.close()
    doctor(eco).says("structure", "problem", "without all its entries",
                     "restore the last backup")
    assert doctor(eco, "--quick").code == 0


def test_keystore(eco, well, stranger, tmp_path):
    eco.passphrase.write_text("wrong\n")
    doctor(eco).says("keystore", "problem", "wrong passphrase",
                     "try the passphrase again")
    eco.passphrase.unlink()
    doctor(eco).says("keystore", "problem", "No such file", "bring")
    eco.passphrase.write_text(PASSPHRASE)
    eco.passphrase.chmod(0o600)
    shutil.copy(stranger.dir / "keystore", eco.dir / "keystore")
    doctor(eco).says("keystore", "problem", "not that of the certificate",
                     "another ecosystem")
    (eco.dir / "keystore").unlink()
    report = doctor(eco)
    report.says("keystore", "problem", "keystore")


def test_registry_altered(eco):
    with sqlite3.connect(eco.db) as db:
        db.execute("UPDATE meta SET value = zeroblob(80) "
                   "WHERE name = 'operations-head'")
    db.close()
    doctor(eco).says("keystore", "problem", "was altered",
                     "restore it from a backup")


@pytest.mark.parametrize("later,words,do", [
    (-10 * YEAR, "root certificate is valid from", "set the system's clock"),
    (-1800, "but the last", "imprint clock accept"),
    (4 * YEAR, "years after", "imprint clock accept"),
])
def test_clock(eco, clock, later, words, do):
    if later == -1800:      # the root is older than what was made last
        with sqlite3.connect(eco.db) as db:
            db.execute("UPDATE range SET issued = issued + 7200")
        db.close()
        later = 1
    for keys in (True, False):
        report = doctor(eco, env=at(clock, later), keys=keys)
        report.says("clock", "problem", words, do)


def test_anchor(eco, clock, tmp_path):
    anchor = eco.root / "anchor"
    eco.imprint("anchor", "set", anchor)
    report = doctor(eco)
    report.says("anchor", "warning", "on the file system of the registry",
                "imprint anchor set")
    assert report.code == 0
    # not moved on for a while
    old = anchor.read_bytes()
    number = eco.order(5, "line-1")
    eco.imprint("order", "run", number)
    new = anchor.read_bytes()
    anchor.write_bytes(old)
    assert not any("not moved" in c["what"]
                   for c in doctor(eco).of("anchor"))
    doctor(eco, env=at(clock, 7200)).says(
        "anchor", "warning", "has not moved since", "can it be written?")
    anchor.write_bytes(new)
    # gone, damaged, and a registry that was put back
    anchor.unlink()
    doctor(eco).says("anchor", "problem", "anchor", "bring the file back")
    anchor.write_bytes(new.replace(b"epoch 1", b"epoch 2"))
    doctor(eco).says("anchor", "problem", "signature")
    anchor.write_bytes(new)
    backup = tmp_path / "backup.db"
    with sqlite3.connect(eco.db) as db, sqlite3.connect(backup) as out:
        db.backup(out)
    db.close()
    out.close()
    number = eco.order(5, "line-1")
    eco.imprint("order", "run", number)
    shutil.copy(backup, eco.db)
    doctor(eco).says("anchor", "problem", "older than its anchor",
                     "bring the newest one back")


def test_anchor_elsewhere(eco):
    """On another file system, as it should be, where there is one."""
    anchor = elsewhere(eco)
    try:
        eco.imprint("anchor", "set", anchor)
        report = doctor(eco)
        assert report.bad() == set()
        report.says("anchor", "ok", "the registry extends it")
    finally:
        os.unlink(anchor)


def test_anchor_program(eco):
    program = eco.root / "program"
    program.write_text("#!/bin/sh\ncat > /dev/null\n"
                       f"[ ! -e {eco.root}/refuse ]\n")
    program.chmod(0o700)
    eco.imprint("anchor", "set", "--program", program)
    doctor(eco).says("anchor", "ok", "accepts this state")
    (eco.root / "refuse").touch()
    doctor(eco).says("anchor", "problem", "refuses this state")


def test_certificates(eco, clock):
    eco.imprint("service", "add", "collector", "--dns",
                "collector.example.net", "--out", eco.root)
    report = doctor(eco, env=at(clock, 2 * YEAR - 30 * 86400))
    report.says("certificates", "warning", "service.collector: its "
                "certificate expires at", "imprint service add")
    assert [c["result"] for c in report.of("certificates")] == ["warning"]
    report = doctor(eco, env=at(clock, 2 * YEAR + 30 * 86400))
    report.says("certificates", "warning", "service.collector: its "
                "certificate expired at")
    # retired long ago
    report = doctor(eco, env=at(clock, 2 * YEAR + 200 * 86400))
    assert "certificates" not in report.bad()
    report = doctor(eco, env=at(clock, 20 * YEAR - 30 * 86400))
    report.says("certificates", "warning", "infra: its certificate expires")
    report = doctor(eco, env=at(clock, 21 * YEAR), keys=False)
    report.says("certificates", "problem", "infra: its certificate expired",
                "new ecosystem")
    report = doctor(eco, env=at(clock, -3 * YEAR))
    report.says("certificates", "problem", "root: its certificate is not "
                "valid yet", "is the clock right?")


def test_certificate_renewed(eco, clock):
    """The newest of a name counts."""
    for out in ("one", "two"):
        (eco.root / out).mkdir()
        env = None if out == "one" else at(clock, YEAR)
        eco.imprint("service", "add", "collector", "--dns",
                    "collector.example.net", "--out", eco.root / out, env=env)
    report = doctor(eco, env=at(clock, 2 * YEAR - 30 * 86400))
    assert "certificates" not in report.bad()


def test_certificate_altered(eco):
    with sqlite3.connect(eco.db) as db:
        db.execute("UPDATE object SET body = zeroblob(300) WHERE kind = 1 "
                   "AND name = 'online'")
    db.close()
    doctor(eco, keys=False).says("certificates", "problem", "")
    doctor(eco).says("keystore", "problem", "")


def test_logs(eco, clock):
    checkpoint = eco.dir / "publish/log/bulk/checkpoint"
    good = checkpoint.read_bytes()
    checkpoint.write_bytes(good[:-1])
    doctor(eco).says("logs", "warning", "bulk/checkpoint: is not what was "
                     "signed last", "imprint log publish")
    checkpoint.unlink()
    doctor(eco).says("logs", "warning", "bulk/checkpoint")
    eco.imprint("log", "publish")
    assert checkpoint.read_bytes() == good
    assert doctor(eco).bad() == {"anchor"}
    vkey = eco.dir / "publish/log/bulk/vkey"
    key = vkey.read_bytes()
    vkey.write_bytes(b"?" + key)
    doctor(eco).says("logs", "problem", "bulk/vkey: is missing or damaged")
    vkey.write_bytes((eco.dir / "publish/log/online/vkey").read_bytes())
    doctor(eco).says("logs", "problem", "bulk/vkey: is missing or damaged")
    name, _, blob = key.decode().strip().split("+", 2)
    other = hashlib.sha256(b"another").digest()
    vkey.write_text("+".join([name, hashlib.sha256(
        name.encode() + b"\n\x01" + other).hexdigest()[:8],
        base64.b64encode(b"\x01" + other).decode()]) + "\n")
    doctor(eco).says("logs", "problem", "log bulk: checkpoint")
    vkey.write_bytes(key)
    # interrupted, and long ago
    number = eco.order(40, "line-1", chunk=8)
    eco.faulty("kill:80", "order", "run", number, code=-9)
    assert doctor(eco).bad() == {"anchor"}
    doctor(eco, env=at(clock, 7200)).says(
        "logs", "warning", "log bulk: its checkpoint has 20 of",
        "finish the open orders")
    eco.imprint("log", "publish", env=at(clock, 7200))
    report = doctor(eco, env=at(clock, 7200))
    assert "logs" not in report.bad()


def test_log_shorter_than_checkpoint(eco):
    with sqlite3.connect(eco.db) as db:
        db.execute("UPDATE log SET size = 8 WHERE name = 'bulk'")
    db.close()
    doctor(eco, "--quick", keys=False).says(
        "logs", "problem", "speaks of 20 entries, it has 8",
        "bring the newest one back")


def test_older_than_published(eco, tmp_path):
    """A registry without what was published, and one with another log."""
    other = eco.copy(tmp_path / "other")
    with sqlite3.connect(eco.db) as db, \
            sqlite3.connect(tmp_path / "old.db") as out:
        db.backup(out)
    db.close()
    out.close()
    for e, count in ((eco, 5), (other, 9)):
        e.imprint("order", "run", e.order(count, "line-1"))
        assert "logs" not in doctor(e).bad()
    newest = eco.db.read_bytes()
    shutil.copy(tmp_path / "old.db", eco.db)
    for keys in (True, False):
        doctor(eco, keys=keys).says(
            "logs", "problem", "log bulk: the registry is older than what "
            "was published", "imprint epoch begin")
    eco.db.write_bytes(newest)
    assert "logs" not in doctor(eco).bad()
    # fewer entries than the registry has, but not of its log
    name = "publish/log/bulk/checkpoint"
    shutil.copy(eco.dir / name, other.dir / name)
    doctor(other).says("logs", "problem", "speaks of others (25 entries)",
                       "imprint epoch begin")
    assert "others (25" in other.imprint("publish", code=4).err


def test_logs_of_the_second_epoch(eco):
    anchor = eco.root / "anchor"
    eco.imprint("anchor", "set", anchor)
    eco.imprint("epoch", "begin", "--reason", "test")
    number = eco.order(5, "line-1")
    eco.imprint("order", "run", number)
    assert (eco.dir / "publish/log/bulk-2/checkpoint").exists()
    report = doctor(eco)
    assert report.bad() == {"anchor"}
    (eco.dir / "publish/log/bulk-2/vkey").unlink()
    doctor(eco).says("logs", "problem", "bulk-2/vkey")


def test_published(eco):
    """CRLs and status lists that are out of date, by none of our code."""
    publisher, now = Publisher(eco), int(time.time())
    paths = eco.dir / "publish/crl/bulk.crl", \
        eco.dir / "publish/status/bulk-00000000.cwt"
    for path in paths:
        path.parent.mkdir(exist_ok=True)

    def publish(when, life=86400):
        for path, data in zip(paths, (
                publisher.der(1, when, life=life),
                publisher.list("https://x.example/s", when, exp=life))):
            path.write_bytes(data)

    publish(now - 60)
    report = doctor(eco, keys=False)
    report.says("published", "ok", "3 CRLs and status lists")
    assert "published" not in report.bad()
    for when, words, do in ((now - 2 * 86400, "was good until", "publish"),
                            (now + 3600, "which is to come", "clock")):
        publish(when)
        for path in paths:
            doctor(eco).says("published", "problem", f"{path}: was", do)
        assert words in doctor(eco).of("published")[0]["what"]
    for path in paths:
        publish(now - 60)
        path.write_bytes(path.read_bytes()[:-1])
        report = doctor(eco)
        report.says("published", "problem", str(path), "imprint publish")
        assert len(report.of("published")) == 1


@pytest.mark.parametrize("name", (
    "crl/bulk.crl", "crl/online.crl", "status/bulk-00000000.cwt",
    "trust.pem"))
def test_published_gone(eco, name):
    path = eco.dir / "publish" / name
    eco.imprint("publish")
    path.unlink()
    report = doctor(eco)
    report.says("published", "problem", f"{path}: was published, and is not",
                "imprint publish")
    assert report.code == 1
    eco.imprint("publish")
    assert "published" not in doctor(eco).bad()


def test_published_put_back(eco):
    path = eco.dir / "publish/crl/bulk.crl"
    eco.imprint("publish")
    old = path.read_bytes()
    eco.imprint("publish")
    path.write_bytes(old)
    doctor(eco).says("published", "problem", "is not what was published last",
                     "imprint publish")


def test_status_not_published(eco, clock):
    eco.imprint("revoke", 3, "--yes", "--no-publish")
    report = doctor(eco)
    report.says("published", "warning", "log bulk: something was revoked",
                "imprint publish")
    assert report.code == 0
    # without the keys nobody can tell
    assert "published" not in doctor(eco, keys=False).bad()
    eco.imprint("publish")
    assert "published" not in doctor(eco).bad()
    report = doctor(eco, env=at(clock, 30 * 86400))
    report.says("published", "problem", "bulk.crl: was good until")
    eco.imprint("publish", env=at(clock, 30 * 86400))
    report = doctor(eco, env=at(clock, 30 * 86400))
    assert "published" not in report.bad()


def test_status_never_published(eco):
    """As in an ecosystem of schema 1, whose void indices are revoked."""
    eco.imprint("revoke", 3, "--yes", "--no-publish")
    with sqlite3.connect(eco.db) as db:
        db.execute("DELETE FROM meta WHERE name LIKE 'published-%'")
    db.close()
    doctor(eco).says("published", "warning", "log bulk: what was revoked or "
                     "suspended was never published", "imprint publish")


def test_orders(eco):
    number = eco.order(60, "line-1", chunk=8)
    part = eco.pack(number).with_suffix(".pack.part")
    for at_ in range(40, 200, 5):
        eco.faulty(f"kill:{at_}", "order", "run", number, code=-9)
        if reader.rows(eco.db, "SELECT length FROM pack WHERE "
                       "order_number = ?", number)[0][0] > 8000:
            break
    doctor(eco).says("orders", "ok", "1 open")
    data = part.read_bytes()
    part.write_bytes(data[:5000])
    doctor(eco).says("orders", "problem", "shorter than what was committed",
                     f"imprint order cancel {number}")
    part.unlink()
    doctor(eco).says("orders", "problem", "the growing pack is gone",
                     f"imprint order cancel {number}")
    part.write_bytes(data)
    part.chmod(0o600)
    # indices that became void on the way are revoked, and not published yet
    assert doctor(eco).bad() - {"published"} == {"anchor"}


def test_disk(eco, shim):
    report = doctor(eco, env=shim("none"))
    assert report.bad() == {"anchor"}
    report.says("disk", "ok", "3.7 GB free, room for 1,")
    report.says("disk", "ok", "days as of late")
    for what in ("low", "inodes"):
        doctor(eco, env=shim(what)).says("disk", "warning", "free",
                                         "make room")
    # 409,600 octets for 1,000 more identities of about 1.7 kB
    assert "disk" in doctor(eco, env=shim("full")).bad()
    assert doctor(eco, env=shim("full")).code == 0
    eco.order(1000, "line-1")
    report = doctor(eco, env=shim("full"), keys=False)
    report.says("disk", "problem", "and the open orders need 1.", "cancel")
    # a cancelled order needs nothing
    eco.imprint("order", "cancel", 2)
    assert doctor(eco, env=shim("full")).code == 0


def test_disk_of_the_packs(eco):
    """Packs on a file system of their own are counted there."""
    other = elsewhere(eco)
    try:
        shutil.move(eco.dir / "packs", other)
        (eco.dir / "packs").symlink_to(other)
        found = doctor(eco).of("disk")
        assert len(found) == 2 and "packs" in found[1]["what"]
    finally:
        shutil.rmtree(other)


def test_leftovers(eco):
    def put(path, age_s):
        path.write_bytes(b"")
        path.chmod(0o600)
        then = time.time() - age_s
        os.utime(path, (then, then))
        return path

    hour, month = 3600 + 60, 31 * 86400
    fresh = [put(eco.dir / "keystore.tmp", 60),
             put(eco.dir / "registry.db.schema-1.backup", 86400)]
    assert doctor(eco).bad() == {"anchor"}
    for path in fresh:
        path.unlink()
    for path, age_s, words in (
            (eco.dir / "keystore.tmp", hour, "broken off"),
            (eco.dir / "publish/trust.pem.tmp", hour, "broken off"),
            (eco.dir / "publish/log/bulk/checkpoint.tmp", hour,
             "broken off"),
            (eco.dir.with_name("other.new"), hour, "broken off"),
            (eco.dir / "registry.db.schema-1.backup", month,
             "more than a month old"),
            (eco.dir / "packs/order-1-1.pack.part", 0, "no open order"),
            (eco.dir / "packs/order-7-1.pack.part", 0, "no open order"),
            (eco.dir / "packs/what.part", 0, "no open order")):
        put(path, age_s)
        report = doctor(eco)
        assert report.bad() - {"permissions"} == {"anchor", "leftovers"}
        report.says("leftovers", "warning", words, f"rm -r {path}")
        assert report.code == 0
        path.unlink()


def test_many_leftovers(eco):
    for i in range(20):
        (eco.dir / f"packs/order-{100 + i}-1.pack.part").touch(0o600)
    assert len(doctor(eco).of("leftovers")) == 20
    assert "and 12 more" in eco.imprint("doctor").out


def test_memory(eco, tmp_path_factory):
    """As a user without privileges, for whom the limit counts."""
    root = tmp_path_factory.mktemp("memory")
    let_through(root)
    eco = eco.copy(root / "eco")
    argv = [str(a) for a in [BIN / "imprint", "--home", eco.home, "doctor",
                             "--json"]]
    who = {}
    if os.geteuid() == 0:
        for path in [eco.root, *eco.root.rglob("*")]:
            os.chown(path, 65534, 65534)
        who = {"user": 65534, "group": 65534, "extra_groups": []}

    def limited(octets):
        done = subprocess.run(
            argv, capture_output=True, timeout=60, check=False,
            preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_MEMLOCK, (octets, octets)), **who)
        return Report(Result(argv, done))

    limited(0).says("memory", "warning", "could not be kept out of swap",
                    "LimitMEMLOCK")
    limited(64 << 10).says("memory", "warning", "could not be kept")
    try:
        limited(64 << 20).says("memory", "ok", "out of swap")
    except subprocess.SubprocessError:
        pass        # the hard limit of this session is lower


def test_dumps(eco, shim):
    report = doctor(eco, env=shim("dumps"))
    report.says("core-dumps", "problem", "would write keys", "ulimit -c 0")
    assert report.code == 1


@pytest.mark.parametrize("name,words", [
    ("openssl", "OpenSSL is older"), ("sqlite", "SQLite is older")])
def test_libraries(eco, shim, name, words):
    report = doctor(eco, env=shim(name))
    report.says("libraries", "warning", words, "install the version")
