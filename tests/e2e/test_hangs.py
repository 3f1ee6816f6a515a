"""Processes of imprintd that hang, or end by themselves."""
import os
import signal
import time

import pytest

import reader
from conftest import program_needed
from imprintd import FIGURES, Authority, Server, wait_for
from test_imprintd import COUNTS
from test_imprintd_enrol import ENROL, factory, field, post

__all__ = ["factory", "field"]

pytestmark = program_needed("imprintd")
HUNG_S = 30
DEAF, DEAF_PLACE = 0x80, 3


def answers(server):
    """By each front, as often as the chance wants it."""
    for _ in range(12):
        assert server.ask("GET", "/healthz")[0] == 200


def is_ready(server, front=None):
    status, _, body = server.monitor("/readyz")
    return (status, body.decode().strip())


def started_too_often(server):
    """Its front takes the certificates of a minute, ends and is started
    again. Since when it waits for one more."""
    front, = server.role("front")
    for number in range(1, 8):
        os.kill(front, signal.SIGHUP)
        wait_for(lambda n=number: server.text().count(
            "a new TLS certificate") == n)
    os.kill(front, signal.SIGKILL)
    wait_for(lambda: "waits for its TLS certificate" in server.text())
    return time.monotonic()


def test_hang(field, tmp_path):
    """A front that hangs is started again, nobody else is. While the
    authority hangs the server is not ready, and it is told; it goes on when
    the authority does. A front that is to wait for its certificate does not
    hang."""
    other = field.eco.copy(tmp_path / "other")
    eager = field.eco.copy(tmp_path / "eager")
    with Server(field.eco) as server, Server(other, fronts=1) as second, \
            Server(eager, fronts=1) as third:
        waits = started_too_often(third)
        begun = time.monotonic()
        authority, = server.role("authority")
        hung, whole = server.role("front")
        os.kill(hung, signal.SIGSTOP)
        held, = second.role("authority")
        wait_for(lambda: is_ready(second)[0] == 200)
        os.kill(held, signal.SIGSTOP)
        wait_for(lambda: is_ready(second) == (
            503, "the authority does not answer"))
        assert time.monotonic() - begun < HUNG_S
        assert second.monitor("/healthz")[0] == 200
        wait_for(lambda: "it is killed, and started again" in server.text())
        assert time.monotonic() - begun > HUNG_S - 10
        wait_for(lambda: "the authority does not answer" in second.text())
        os.kill(held, signal.SIGCONT)
        wait_for(lambda: is_ready(second) == (200, "ready"))
        wait_for(lambda: "the authority answers again" in second.text())
        assert second.role("authority") == [held]
        wait_for(lambda: len(server.role("front")) == 2)
        assert hung not in server.role("front")
        assert whole in server.role("front")
        assert server.role("authority") == [authority]
        answers(server)
        one = field.devices[0]
        assert post(server, one, one.with_keys(ENROL)[0])[0] == 200
        wait_for(lambda: time.monotonic() > waits + HUNG_S + 5)
        for text in (server.text(), second.text(), third.text()):
            assert text.count("killed, and started again") == \
                (text == server.text())
        assert third.text().count("waits for its TLS certificate") == 1


def test_hang_at_stop(field):
    """A front that does not end when it is told to is killed; the authority
    ends by itself, and nothing that it had reserved is lost."""
    eco = field.eco
    with Server(eco) as server:
        one = field.devices[0]
        assert post(server, one, one.with_keys(ENROL)[0])[0] == 200
        os.kill(server.role("front")[0], signal.SIGSTOP)
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=HUNG_S) == 0
        assert time.monotonic() - begun < 20
        assert "does not end: it is killed" in server.text()
    assert not reader.rows(eco.db, "SELECT first FROM range WHERE log = 2 "
                           "AND state = 3")
    (size, reserved), = [(r["size"], r["reserved"]) for r in reader.rows(
        eco.db, "SELECT size, reserved FROM log WHERE log = 2")]
    assert size == reserved > 0


def test_deaf(field):
    """A front that asks on and on and takes no answers hangs, too."""
    with Authority(field.eco) as authority:
        front = authority.front(DEAF_PLACE)
        front.end.settimeout(2)
        with pytest.raises(TimeoutError):
            while True:
                front.put(FIGURES, [0] * COUNTS)
        authority.control.settimeout(HUNG_S + 15)
        begun = time.monotonic()
        while authority.control.recv(1)[0] != DEAF + DEAF_PLACE:
            assert time.monotonic() - begun < HUNG_S + 15
        front.end.close()
