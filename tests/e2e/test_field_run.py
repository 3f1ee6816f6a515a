"""The agent on its own: imprint-device run and status, against a running
imprintd."""
import datetime
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from conftest import (BIN, FAULTS, ROOT, fault_text, program_needed, run,
                      sample)
from imprintd import NAME, PATIENCE_S, Server
from test_field import (KINDS, Carrier, carried, doorbell, eco, keep_before,
                        lost, refusing, said, server)

__all__ = ["doorbell", "eco", "server"]

pytestmark = program_needed("imprintd")
UTC = datetime.timezone.utc
DAY = datetime.timedelta(days=1)


def when(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


class Running:
    """imprint-device run, until the with-block ends by SIGTERM."""

    def __init__(self, device, port, *argv, host="127.0.0.1", name=NAME,
                 end=signal.SIGTERM):
        self.argv = [BIN / "imprint-device", "--home", device.home, "run",
                     "--server", f"https://{host}:{port}", "--name", name,
                     "--timeout", "5", *argv]
        self.end, self.lines = end, []
        self.heard = threading.Condition()

    def __enter__(self):
        self.process = subprocess.Popen(self.argv, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        return self

    def read(self):
        for line in self.process.stderr:
            with self.heard:
                self.lines.append(line)
                self.heard.notify_all()

    def wait(self, text, count=1):
        """The last of so many lines with that text."""
        def found():
            lines = [line for line in self.lines if text in line]
            return lines[count - 1] if len(lines) >= count else None
        with self.heard:
            assert self.heard.wait_for(found, PATIENCE_S), self.lines
            return found()

    def __exit__(self, kind, *_):
        self.process.send_signal(self.end)
        try:
            code = self.process.wait(PATIENCE_S)
        finally:
            self.process.kill()
            self.reader.join()
        self.out = self.process.stdout.read()
        assert kind or code == 0, (code, self.lines)


def status(device, **options):
    return device("status", "--json", **options).json


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as unused:
        return unused.getsockname()[1]


def test_once(server, doorbell):
    """What is due is done; what is not needs no network."""
    device = doorbell()
    assert {k: status(device)[k] for k in ("identity", "request", "next",
                                           "expires", "verdict")} == {
        "identity": "factory", "request": None, "next": "bootstrap",
        "expires": "never", "verdict": "accepted"}
    assert "next      bootstrap, now" in device("status").out
    assert device.field("run", server.port, "--json").json["confirmed"]
    device.check()
    shown = status(device)
    assert (shown["identity"], shown["next"]) == ("field", "refresh")
    first = device.package().document
    done = device.field("run", closed_port())
    assert done.out == "" and shown["at"] in done.err
    assert device.package().document == first


def test_due(eco, doorbell, clock, tmp_path):
    """At a time of its own in a window that its authority gives: it asks now
    and then, and renews when it is told to."""
    spare = eco.spare.copy(tmp_path / "spare")
    devices = [doorbell(f"device-{i}") for i in range(4)]
    with Server(spare) as server:
        for device in devices:
            device.field("run", server.port)
    shown = [status(d) for d in devices]
    assert len({s["at"] for s in shown}) == 4
    assert {s["next"] for s in shown} == {"refresh"}
    begin = devices[0].certificate().not_valid_before.replace(tzinfo=UTC)
    time = devices[0].certificate().not_valid_after.replace(
        tzinfo=UTC) - begin
    late = clock((begin + time * 2 / 3).isoformat())
    with Server(spare, env=late) as server:
        for device in devices:
            assert "current" in device.field("run", server.port, env=late).out
    shown = [status(d, env=late) for d in devices]
    assert len({s["at"] for s in shown}) == 4
    assert {s["next"] for s in shown} == {"renew"}
    for one in shown:
        assert begin + time * 2 / 3 - DAY <= when(one["at"]) <= \
            begin + time * 5 / 6 + DAY
    device, at = devices[0], when(shown[0]["at"])
    serial = device.certificate().serial_number
    early = clock((at - datetime.timedelta(seconds=1)).isoformat())
    assert device.field("run", closed_port(), env=early).out == ""
    # one on its day, one whose certificate has expired since
    for one, now in ((device, at), (devices[1], begin + 790 * DAY)):
        then = clock(now.isoformat())
        with Server(spare, env=then) as server:
            assert "confirmed" in one.field("run", server.port, env=then).out
        assert status(one, env=then)["next"] == "refresh"
        assert when(status(one, env=then)["at"]) > now
    assert device.certificate().serial_number != serial


def test_unadvised(eco, doorbell, clock, tmp_path):
    """What an earlier version kept has no advice: two thirds of its time, to
    five sixths."""
    spare = eco.spare.copy(tmp_path / "spare")
    devices = [doorbell(f"device-{i}") for i in range(4)]
    with Server(spare) as server:
        for device in devices:
            device.field("run", server.port)
            keep_before(device.home, 2)
    shown = [status(d) for d in devices]
    assert len({s["at"] for s in shown}) == 4
    for device, one in zip(devices, shown):
        begin = device.certificate().not_valid_before.replace(tzinfo=UTC)
        time = device.certificate().not_valid_after.replace(
            tzinfo=UTC) - begin
        assert one["next"] == "renew"
        assert begin + time * 2 / 3 - DAY <= when(one["at"]) <= \
            begin + time * 5 / 6
    then = clock(shown[0]["at"])
    with Server(spare, env=then) as server:
        done = devices[0].field("run", server.port, env=then)
        assert "confirmed " in done.out


def test_same_key(eco, doorbell, clock, tmp_path):
    spare = eco.spare.copy(tmp_path / "spare")
    device = doorbell()
    with Server(spare) as server:
        device.field("run", server.port)
    public, serial = device.public(0), device.certificate().serial_number
    for days in (480, 620):
        then = clock((datetime.datetime.now(UTC) + days * DAY).isoformat())
        with Server(spare, env=then) as server:
            device.field("run", server.port, "--same-key", env=then)
    assert device.certificate().serial_number != serial
    assert device.public(0).public_numbers() == public.public_numbers()


def test_clock_back(eco, doorbell, clock, tmp_path):
    """A clock that was lost is no reason to renew, nor not to go on."""
    spare = eco.spare.copy(tmp_path / "spare")
    device = doorbell()
    lost_clock = clock("1970-01-02T00:00:00Z")
    with Server(spare) as server:
        device.field("run", server.port, env=lost_clock)
        first = device.package().document
        # it asks what time it is
        done = device.field("run", server.port, env=lost_clock)
        assert "current" in done.out and device.package().document == first
        shown = status(device, env=lost_clock, code=1)
        assert shown["identity"] == "field" and "time" in shown["verdict"]
        device.field("run", closed_port(), env=lost_clock, code=6)
        assert status(device, env=lost_clock, code=1)["request"] == "refresh"


def test_clock_ahead(server, doorbell, clock):
    """By thirty years: the server's certificate seems to be old. Nothing is
    sent, lost or remembered of that time; the hint is about the clock."""
    device = doorbell()
    ahead = clock((datetime.datetime.now(UTC) + 30 * 365 * DAY).isoformat())
    # to enrol; to refresh, which seems to be due
    for said in ("confirmed", "current"):
        before = device.package().document
        done = device.field("run", server.port, env=ahead, code=1)
        assert "clock" in done.err and "nothing was sent" in done.err
        assert device.package().document == before
        done = device.field("run", server.port)
        assert said in done.out
        assert "clock" not in done.err
        device.check()


def test_away_then_there(eco, doorbell, tmp_path):
    """The server is not there, then it is: nobody has to do anything."""
    spare = eco.spare.copy(tmp_path / "spare")
    device, port = doorbell(), closed_port()
    with Running(device, port) as running:
        running.wait("again in", 2)
        assert status(device)["identity"] == "asking"
        # nothing is held while it waits
        assert device.field("bootstrap", port, code=6)
        with Server(spare, "--listen", f"127.0.0.1:{port}"):
            running.wait("next: refresh")
    assert running.out.startswith("confirmed ")
    device.check()
    # started again, it has nothing to do
    with Running(device, port) as running:
        running.wait("next: refresh")
    assert running.out == ""


def test_authority_dies(eco, doorbell, tmp_path):
    """Killed in the midst, with all its fronts, and started again."""
    spare = eco.spare.copy(tmp_path / "spare")
    device, port = doorbell(), closed_port()
    listen = ("--listen", f"127.0.0.1:{port}")
    with Server(spare, *listen) as server:
        server.codes = range(256)
        with Running(device, port) as running:
            running.wait("next: refresh")
        subprocess.run(["kill", "-9", *map(str, server.role("authority"))],
                       check=True)
        server.process.wait(PATIENCE_S)
    other = doorbell("other")
    with Running(other, port) as running:
        running.wait("again in")
        with Server(spare, *listen):
            running.wait("next: refresh")
    other.check()


def test_busy(server, doorbell):
    """429 and 503: not before it is told, later each time, the same octets."""
    device = doorbell()
    with Carrier(server, refusing(503, Retry_After="2"), refusing(429),
                 lost, carried, carried) as carrier, \
            Running(device, carrier.port, host="localhost",
                    name="localhost") as running:
        running.wait("next: refresh")
    waits = [int(line.split()[2]) for line in running.lines
             if line.startswith("  again in ")]
    assert len(waits) == 3 and waits[0] >= 3 and waits[1] >= 1
    assert waits[2] >= 2 and len(set(carrier.seen[:4])) == 1
    device.check()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_ended(server, doorbell, end):
    """While it waits, and while nothing is due."""
    device = doorbell()
    with Carrier(server, refusing(503, Retry_After="3600")) as carrier, \
            Running(device, carrier.port, host="localhost", name="localhost",
                    end=end) as running:
        assert int(running.wait("again in").split()[2]) >= 3600
    with Running(device, server.port, end=end) as running:
        running.wait("next: refresh")
    device.check()


def test_refused(server, doorbell):
    """No reason to end, nor to ask soon."""
    device = doorbell()
    before = device.package().document
    for status_code, reason in ((403, "revoked"), (404, "no-product"),
                                (401, "unknown")):
        with Carrier(server, said(status_code, reason)) as carrier, \
                Running(device, carrier.port, host="localhost",
                        name="localhost") as running:
            assert 300 <= int(running.wait("again in").split()[2]) <= 600
        assert reason in "".join(running.lines)
        assert device.package().document == before
        assert status(device)["request"] == "bootstrap"
    # an answer that the authority did not sign is none
    with Carrier(server, lambda c, b: (200, {}, b"?")) as carrier, \
            Running(device, carrier.port, host="localhost",
                    name="localhost") as running:
        assert int(running.wait("again in").split()[2]) >= 300
    device.field("run", server.port)
    device.check()


def test_other_server(server, doorbell):
    """Another name in its certificate: nothing is sent, asked again later."""
    device = doorbell()
    with Running(device, server.port, name="elsewhere.example") as running:
        running.wait("not acceptable")
        running.wait("again in")
    assert status(device)["identity"] == "asking"
    device.field("run", server.port)
    device.check()


@program_needed("imprint-device-faulty")
@pytest.mark.parametrize("kind", KINDS)
def test_faults(server, doorbell, tmp_path, kind):
    """Broken off anywhere, the next run ends what was begun."""
    count = tmp_path / "operations"
    first = doorbell("first")
    first.field("run", server.port, fault=f"count:{count}")
    first.check()
    for at in sample(int(count.read_text()), 6):
        device = doorbell(f"{kind}-{at}")
        device.field("run", server.port, fault=fault_text(kind, at),
                     code=(*FAULTS[kind], 0))
        while status(device)["next"] == "bootstrap":
            device.field("run", server.port)
        device.check()


def test_without(server, tmp_path):
    home = tmp_path / "device"
    done = run(BIN / "imprint-device", "--home", home, "run", "--server",
               f"https://127.0.0.1:{server.port}", code=3)
    assert "next" not in done.err
    run(BIN / "imprint-device", "--home", home, "status", code=3)
    for argv in ((), ("--server", "http://a:1"), ("--anew",), ("x",)):
        run(BIN / "imprint-device", "--home", home, "run", *argv, code=2)
    run(BIN / "imprint-device", "--home", home, "status", "--signer", "x",
        code=2)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None,
                    reason="systemd-analyze is not installed")
def test_unit(tmp_path):
    source = ROOT / "examples/systemd/imprint-device.service"
    text = source.read_text()
    assert text.count("ExecStart=/usr/bin/imprint-device ") == 1
    path = tmp_path / source.name
    path.write_text(text.replace("ExecStart=/usr/bin/", f"ExecStart={BIN}/"))
    result = run("systemd-analyze", "--man=no", "verify", path)
    assert result.err == "" and result.out == ""
    result = run("systemd-analyze", "security", "--offline=yes",
                 "--threshold=30", path)
    assert "Overall exposure level" in result.out
