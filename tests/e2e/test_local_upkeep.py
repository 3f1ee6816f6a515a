"""What mends or renews an ecosystem while imprintd runs: a new document
signer, publication, anchor, clock, signed exports; and what wants it
stopped."""
import base64
import os
import shutil
import signal
import socket

import pytest

import reader
from conftest import program_needed, run
from imprintd import Authority, Server, wait_for
from test_imprintd_enrol import (ENROL, Field, Issued, factory,  # noqa: F401
                                 post)
from test_local import (ANSWER, ERR_BUSY, ERR_INVALID, ERROR, RUN, SIGNER_NEW,
                        Line, Operator, check_sound, refused)
from test_receipts import ca, cose, signers
from test_renderings import document_key, jwt_open

pytestmark = program_needed("imprintd")

LOG_PUBLISH, SIGNER_RENEW, EXPORT = 19, 20, 21
ERR_INTERRUPTED = 17
METERS = 70


def generations(eco):
    return {row["first"]: row["generation"] for row in reader.rows(
        eco.db, "SELECT first, max(generation) AS generation FROM receipt "
        "GROUP BY log, first")}


def test_signer(factory, tmp_path):     # noqa: F811
    """Receipts are signed again while devices are served; what is issued
    from then on has the new signer."""
    field = Field(factory, tmp_path / "eco")
    eco = field.eco
    before = eco.order(METERS, "line-1", chunk=1, product="water-meter")
    eco.imprint("order", "run", before)
    with Server(eco) as server:
        first = field.devices[0]
        request, keys = first.with_keys(ENROL)
        issued = Issued(field.root, post(server, first, request)[2], keys)
        done = eco.imprint("document-signer", "renew", "--json").json
        assert (done["number"], done["finished"]) == (2, False)
        assert done["receipts"] == METERS
        assert [s["signs"] for s in signers(eco)["signers"]] == [False, True]
        assert signers(eco)["receipts_left"] == 0
        public = ca(eco, "document.2").public_key()
        message = reader.document_open(cose(eco, len(field.devices) + 20))
        assert message.kid == reader.thumbprint(public)
        message.verify(public)
        trust = (eco.dir / "publish/trust.pem").read_bytes()
        assert trust.count(b"BEGIN CERTIFICATE") == 6
        assert server.ask("GET", "/pub/trust.pem")[2] == trust
        # the field, a request that is repeated, and the factory
        again = Issued(field.root, post(server, first, request)[2], keys)
        assert again.ueid == issued.ueid
        second = field.devices[1]
        request, keys = second.with_keys(ENROL)
        new = Issued(field.root, post(server, second, request)[2], keys)
        message = reader.document_open(new.document)
        assert message.kid == reader.thumbprint(public)
        message.verify(public)
        number = eco.order(30, "line-1", chunk=8)
        eco.imprint("order", "run", number)
        eco.check_complete(number)
        assert server.process.poll() is None
    check_sound(eco)


def test_signer_goes_on(stocked, tmp_path):
    """Who asked is gone: it ends at the next batch, and the same command
    finishes it. Nothing else long goes on beside it."""
    eco = stocked.copy(tmp_path / "eco")
    number = eco.order(METERS, "line-1", chunk=1, product="water-meter")
    eco.imprint("order", "run", number)
    second = eco.order(10, "line-1")
    with Authority(eco) as authority:
        one, other = Line(eco), Line(eco)
        made = one.submit(Operator(eco).request(
            SIGNER_NEW, reader.cbor_encode(2)))
        assert made[0] == ANSWER, made
        # both at once: the one that is heard first has it
        assert one.ask(LOG_PUBLISH, [3, 0])[0] == ANSWER
        os.kill(authority.process.pid, signal.SIGSTOP)
        one.put(SIGNER_RENEW, [0, 0])
        one.end.shutdown(socket.SHUT_WR)
        other.put(RUN, [second, 0])
        os.kill(authority.process.pid, signal.SIGCONT)
        why = refused(one.take(), ERR_INTERRUPTED)
        assert "after 0 receipts" in why
        assert "document signer" in refused(other.take(), ERR_BUSY)
        assert set(generations(eco).values()) == {1}
    with Server(eco):
        assert signers(eco)["receipts_left"] == METERS
        done = eco.imprint("document-signer", "renew", "--json").json
        assert (done["finished"], done["receipts"]) == (True, METERS)
        eco.imprint("order", "run", second)
        # and a third, refused while a pack is half filled
        done = eco.imprint("document-signer", "renew", "--json").json
        assert (done["number"], done["finished"]) == (3, False)
    assert set(generations(eco).values()) == {3}
    check_sound(eco)


def test_log_publish(issued, tmp_path):
    """Tiles that are gone come back."""
    eco = issued.copy(tmp_path / "eco")
    with Server(eco) as server:
        eco.imprint("log", "publish")
        log = eco.dir / "publish/log/bulk"
        kept = {path: path.read_bytes() for path in log.rglob("*")
                if path.is_file()}
        shutil.rmtree(log / "tile")
        done = eco.imprint("log", "publish", "bulk", "--json").json
        assert [one["log"] for one in done] == ["bulk"]
        assert done[0]["size"] == 300 and done[0]["tiles"] >= 2
        for path, octets in kept.items():
            assert path.read_bytes() == octets
        assert "bulk: entries published: 300, tiles written: 0" in \
            eco.imprint("log", "publish").out
        eco.imprint("log", "publish", "none", code=3)
        name = next(path for path in kept if "tile" in str(path))
        assert server.ask("GET", "/pub/" + str(name.relative_to(
            eco.dir / "publish")))[0] == 200
    check_sound(eco)


def test_anchor(issued, tmp_path):
    """A file takes effect at once; a program wants the server stopped, as a
    new epoch does, and the command says how."""
    eco = issued.copy(tmp_path / "eco")
    first, second = tmp_path / "first", tmp_path / "second"
    with Server(eco) as server:
        done = eco.imprint("anchor", "set", first, "--json").json
        assert done == {"kind": "file", "path": str(first)}
        before = first.read_text()
        eco.station_add("line-8")
        assert first.read_text() != before
        # it is gone with its disk
        first.unlink()
        eco.imprint("anchor", "set", second)
        assert not first.exists() and "epoch 1" in second.read_text()
        authority, = server.role("authority")
        for argv in (["anchor", "set", "--program", "/bin/true"],
                     ["epoch", "begin", "--reason", "x", "--skip", 1]):
            err = eco.imprint(*argv, code=7).err
            assert f"process {authority}" in err
            assert "stop imprintd first" in err
            assert "systemctl stop imprintd" in err
        shown = eco.imprint("anchor", "show", "--json").json
        assert shown["path"] == str(second)
        eco.imprint("anchor", "set", "--none")
        kept = second.read_text()
        eco.station_add("line-9")
        assert second.read_text() == kept
    check_sound(eco)


SHIM = r"""
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long
offset(void)
{
	const char *path = getenv("TEST_OFFSET");
	char text[24] = "";
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		(void)!read(fd, text, sizeof(text) - 1);
		(void)close(fd);
	}
	return atol(text);
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	long rc = syscall(SYS_clock_gettime, id, ts);

	if (id == CLOCK_REALTIME)
		ts->tv_sec += offset();
	return (int)rc;
}
"""


@pytest.fixture
def shifted(tmp_path):
    """(environment, file of the seconds by which its clock is ahead)"""
    (tmp_path / "shift.c").write_text(SHIM)
    library = tmp_path / "shift.so"
    run("gcc", "-shared", "-fPIC", "-O1", "-o", library, tmp_path / "shift.c")
    path = tmp_path / "offset"
    path.write_text("0")
    return {"LD_PRELOAD": str(library), "TEST_OFFSET": str(path),
            "ASAN_OPTIONS": "verify_asan_link_order=0"}, path


def test_clock(issued, tmp_path, shifted):
    """The clock was two days ahead while something was done: set back, it is
    accepted while the server runs, which can then be started again."""
    env, offset = shifted

    def times():
        return [row[0] for row in reader.rows(
            eco.db, "SELECT time FROM operation ORDER BY seq")]

    eco = issued.copy(tmp_path / "eco")
    with Authority(eco, env={**os.environ, **env}):
        offset.write_text("172800")
        eco.imprint("service", "add", "a", "--dns", "a.example", "--out",
                    tmp_path, env=env)
        offset.write_text("0")
        err = eco.imprint("service", "add", "b", "--dns", "b.example",
                          "--out", tmp_path, env=env, code=4).err
        assert "clock accept" in err
        ahead = times()
        assert ahead[-1] > ahead[0] + 170000
        copy = eco.copy(tmp_path / "copy")
        assert "clock" in eco.imprint("clock", "accept", env=env).out
        eco.imprint("service", "add", "c", "--dns", "c.example", "--out",
                    tmp_path, env=env)
        assert all(time < ahead[-1] - 170000 for time in times()[-2:])
    with Server(eco) as server:
        assert server.ask("GET", "/healthz")[0] == 200
    eco.imprint("log", "verify")
    # without that it is not
    assert "clock accept" in copy.imprint("publish", code=4).err


def test_exports(issued, tmp_path):
    """What is signed is signed by the server, as it was without."""
    eco = issued.copy(tmp_path / "eco")
    public = document_key(eco)

    def claims(token):
        return jwt_open(token.strip(), public)[1]

    alone = tmp_path / "alone.jwt"
    eco.imprint("identity", "export", "--order", 1, "--format", "jwt",
                "--out", alone)
    with Server(eco):
        out = tmp_path / "all.jwt"
        done = eco.imprint("identity", "export", "--order", 1, "--format",
                           "jwt", "--out", out, "--json").json
        assert done["identities"] == 300
        assert [claims(one) for one in out.read_text().splitlines()] == \
            [claims(one) for one in alone.read_text().splitlines()]
        words = eco.imprint("identity", "export", 299, 7, "--format", "jwt")
        assert [claims(one) for one in words.out.splitlines()] == [
            claims(alone.read_text().splitlines()[i]) for i in (299, 7)]
        folder = tmp_path / "folder"
        folder.mkdir()
        eco.imprint("identity", "export", 3, 4, "--format", "jwt", "--out",
                    folder)
        for path in folder.iterdir():
            ueid = base64.urlsafe_b64encode(bytes.fromhex(path.stem))
            assert claims(path.read_text())["ueid"] == \
                ueid.decode().rstrip("=")
        # a new signer signs the next one
        eco.imprint("document-signer", "renew")
        token = eco.imprint("identity", "export", 5, "--format", "jwt").out
        assert jwt_open(token.strip(), ca(eco, "document.2").public_key())[1]
        line = Line(eco)
        assert refused(line.ask(EXPORT, ["pem", False, 1, 0, 1]),
                       ERR_INVALID)
        assert line.ask(EXPORT, ["jwt", False, 1, 300, 1])[0] == ERROR
        kind, _, octets = line.ask(EXPORT, ["jwt", True, 1, 64, 64])
        assert kind == ANSWER and octets
        for bad in (["jwt", True, 1, 0, 0], ["jwt", True, 1, 0, 65],
                    ["jwt", 1, 1, 0, 1], ["jwt", True, 1, 0]):
            assert Line(eco).ask(EXPORT, bad) is None
    check_sound(eco)
