"""The log of imprintd: every line can be read by a program, tells who was
refused, and no secret."""
import base64
import contextlib
import os
import re
import signal
import socket
import ssl
import time

import pytest

from conftest import PASSPHRASE, program_needed
from imprintd import Server, exchange, log_line, log_lines, wait_for
from test_claims import (WRONG, claim, doorbell,  # noqa: F401 (fixtures)
                         eco, made, shown, ueid)
from test_est import EST, ask, new_key, request_of
from test_imprintd import foreigner  # noqa: F401
from test_verify_service import devices_of

pytestmark = program_needed("imprintd")

LINES = 10      # of a kind in a second


def events(server, name):
    return [line for line in log_lines(server.text())
            if line.get("event") == name]


def refused_at(server, reason):
    return wait_for(lambda: [line for line in events(server, "refusal")
                             if line["reason"] == reason])


def strangers(server, foreigner):
    """What anybody can send."""
    with server.client() as client:
        address = client.sock.getsockname()
        exchange(client, "GET", "/v1/nothing?token=QUERYSECRET", None,
                 [("Authorization", "Bearer FIELDSECRET"),
                  ("Cookie", "COOKIESECRET")])
    line, = refused_at(server, "not-found")
    assert line["peer"] == f"127.0.0.1:{address[1]}"
    assert line["request"] == "GET /v1/nothing"
    assert (line["status"], line["level"]) == ("404", "info")
    server.ask("GET", '/v1/a"b=c\\d%0alevel=error')
    server.ask("POST", "/v1/identity", b"BODYSECRET" * 10000)
    server.ask("POST", "/v1/requests", b"BODYSECRET", None,
               [("Content-Type", "BODYSECRET")])
    with server.dial() as tls:
        tls.sendall(b"FIELDSECRET / HTTP/1.1\r\nHo st: x\r\n\r\n")
        assert tls.recv(100)
    assert refused_at(server, "limit")[0]["status"] == "413"
    assert refused_at(server, "malformed")[0]["request"] == ""
    with pytest.raises(OSError):
        server.ask("GET", "/healthz", None, server.context(foreigner))


def test_busy_run(eco, foreigner, tmp_path):  # noqa: F811
    device = doorbell(eco, 1)
    with Server(eco) as server:
        strangers(server, foreigner)
        # devices: without an owner, then with one
        device.bootstrap(server, code=7)
        line, = refused_at(server, "unclaimed")
        assert line["request"] == "POST /v1/identity"
        code = shown(eco, ueid(device))["claim_code"]
        claim(eco, ueid(device), WRONG, exit_code=(1, 2, 3, 5, 6))
        claim(eco, ueid(device), code)
        device.bootstrap(server)
        device.renew(server)
        # everybody's ends
        server.process.send_signal(signal.SIGHUP)
        os.kill(server.role("front")[0], signal.SIGKILL)
        wait_for(lambda: "was ended by signal 9" in server.text())
        wait_for(lambda: len(server.role("front")) == 2)
        eco.imprint("publish")
    text = (eco.root / "imprintd.log").read_text()
    lines = log_lines(text)
    assert {line["role"] for line in lines} == {"supervisor", "authority",
                                                "front"}
    assert {line["level"] for line in lines} <= {"info", "warning"}, text
    done = [line for line in lines if line.get("verdict") == "done"]
    assert len(done) >= 3
    assert {line["ueid"] for line in done} == {ueid(device)}
    secrets = [PASSPHRASE, code, code.replace("-", ""), WRONG, "Jane Roe",
               "QUERYSECRET", "FIELDSECRET", "COOKIESECRET", "BODYSECRET",
               "PRIVATE KEY", "BEGIN"]
    for secret in secrets:
        assert secret.lower() not in text.lower(), secret


def test_not_forged(stocked, tmp_path):
    """Words of a request are one value, wherever they come to stand."""
    eco = stocked.copy(tmp_path / "eco")  # noqa: F811
    eco.order(1, "line-1", product="doorbell-idevid")
    eco.imprint("order", "run", 1)
    device, = devices_of(eco, 1)
    words = 'a"b=c\\nlevel=error'
    with Server(eco) as server:
        body = base64.b64encode(request_of(new_key()))
        assert ask(server, f"{words}/simpleenroll", body, device)[0] >= 400
        line, = wait_for(lambda: events(server, "refusal"))
        assert line["request"] == f"POST {EST}{words}/simpleenroll"
        assert set(line) == {"time", "level", "role", "event", "peer",
                             "request", "status", "reason"} | (
                                 {"msg"} & set(line))
    assert "error" not in {line["level"] for line in log_lines(
        (eco.root / "imprintd.log").read_text())}


def test_handshakes(eco, foreigner):  # noqa: F811
    """Each that fails, with whose and why; a port that is only tried is
    none."""
    with Server(eco, fronts=1) as server:
        for _ in range(3):
            socket.create_connection(("127.0.0.1", server.port)).close()
        with pytest.raises(OSError):
            server.ask("GET", "/healthz", None, server.context(foreigner))
        with socket.create_connection(("127.0.0.1", server.port)) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            address = plain.getsockname()
            plain.settimeout(10)
            with contextlib.suppress(ConnectionResetError):
                while plain.recv(1000):
                    pass
        distrust = ssl.create_default_context()
        with pytest.raises(ssl.SSLCertVerificationError):
            server.dial(distrust)
        wait_for(lambda: len(events(server, "handshake-failed")) >= 3)
        # who has come in, and then ends it in whatever way, is none either
        with server.dial() as tls:
            tls.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
            tls.recv(1000)
        with server.client() as client:
            assert exchange(client, "GET", "/healthz")[0] == 200
        wait_for(lambda: events(server, "refusal"))
        found = events(server, "handshake-failed")
        assert len(found) == 3, found
        assert re.search("issuer|self.signed", found[0]["why"]), found
        assert found[1]["why"] == "http request"
        assert found[1]["peer"] == f"127.0.0.1:{address[1]}"
        assert "unknown ca" in found[2]["why"]


def test_flood(eco):  # noqa: F811
    """A flood of refusals is told of, and does not fill the log."""
    count = 300
    with Server(eco, fronts=1) as server:
        begun = time.monotonic()
        with server.client() as client:
            for _ in range(count):
                assert exchange(client, "GET", "/nothing")[0] == 404

        def told():
            lines = log_lines(server.text())
            return len([line for line in lines
                        if line.get("event") == "refusal"]), \
                sum(int(line["count"]) for line in lines
                    if line.get("event") == "left-out" and
                    line["what"] == "refusal")
        wait_for(lambda: sum(told()) == count)
        seconds = time.monotonic() - begun + 2
        assert LINES <= told()[0] <= LINES * seconds
        assert told()[1] > 0


@pytest.mark.parametrize("ours", [True, False])
def test_journal(eco, ours):  # noqa: F811
    """Priorities only where the journal reads."""
    path = eco.root / "imprintd.log"
    path.touch()
    found = path.stat()
    stream = f"{found.st_dev}:{found.st_ino + (not ours)}"
    with Server(eco, env={"JOURNAL_STREAM": stream}) as server:
        server.ask("GET", "/nothing")
        os.kill(server.role("front")[0], signal.SIGKILL)
        wait_for(lambda: "was ended by signal 9" in server.text())
        refused = wait_for(lambda: [line for line in
                                    server.text().splitlines()
                                    if "event=refusal" in line])
    text = path.read_text()
    assert {line["role"] for line in log_lines(text, journal=ours)} >= {
        "supervisor", "front"}
    assert refused[0].startswith("<6>time=" if ours else "time=")


def test_start_fails(eco, tmp_path):  # noqa: F811
    """What the authority cannot begin with is a line, too."""
    wrong = tmp_path / "wrong"
    wrong.write_text("another one\n")
    server = Server(eco)
    server.argv[server.argv.index(eco.passphrase)] = wrong
    with pytest.raises(AssertionError):
        server.__enter__()
    assert server.process.wait(timeout=30) == 5
    line = log_line(server.text().splitlines()[-1])
    assert (line["role"], line["level"]) == ("authority", "error")
    assert "passphrase" in line["why"]
    assert "another one" not in server.text()
    server.process.stdout.close()
    server.log.close()
