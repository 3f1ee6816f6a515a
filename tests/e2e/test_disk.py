"""imprintd on a disk that is full, and a process of it that hangs."""
import contextlib
import json
import os
import signal
import subprocess
import time

import pytest

from conftest import Station, program_needed
from imprintd import Server, wait_for
from test_api import Remote
from test_imprintd_enrol import (CONFIRM, ENROL, Field, Holder, Issued, factory,
                                 field, post)
from test_local import STATION_ADD

__all__ = ["factory", "field"]

pytestmark = program_needed("imprintd")


class Disk:
    """A file system of its own, small enough to be filled."""

    def __init__(self, path):
        self.path = path
        self.filler = path / "filler"

    def fill(self):
        with open(self.filler, "ab", buffering=0) as file:
            for size in (1 << 20, 4096, 1):
                with contextlib.suppress(OSError):
                    while file.write(b"\xa5" * size) == size:
                        pass
        left = os.statvfs(self.path)
        assert left.f_bavail == 0

    def ease(self):
        """Some room, less than devices are served with."""
        os.truncate(self.filler, self.filler.stat().st_size - (1 << 20))

    def empty(self):
        self.filler.unlink()


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "disk"
    path.mkdir()
    if os.geteuid() != 0 or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=48m,mode=0755", "tmpfs",
             path], check=False).returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield Disk(path)
    subprocess.run(["umount", "--lazy", path], check=True)


def told(answer):
    """(status, reason, seconds to wait)"""
    status, fields, body = answer
    reason = json.loads(body)["reason"] if status != 200 else None
    return status, reason, int(fields.get("Retry-After", 0))


FULL = (503, "disk", 30)


def is_read(server, admin):
    """All that takes no room goes on."""
    assert server.ask("GET", "/healthz")[0] == 200
    assert server.ask("GET", "/.well-known/est/cacerts")[0] == 200
    assert server.ask("GET", "/pub/trust.pem")[2] == \
        server.trust.read_bytes()
    assert admin.get(server, "/v1/identities/bulk%2F1")["index"] == 1


def until_full(server, devices):
    """Some find room for their commit yet."""
    while told(post(server, one := next(devices),
                    one.with_keys(ENROL)[0])) != FULL:
        pass


def is_full(server, admin, devices):
    """Each is told to come again, and nothing ends."""
    for one in devices:
        request, _ = one.with_keys(ENROL)
        for _ in range(2):
            assert told(post(server, one, request)) == FULL
        # what it has shown cannot be recorded, and it is not told otherwise
        assert told(server.ask("GET", "/.well-known/est/cacerts", None,
                               server.context(one))) == FULL
    wait_for(lambda: server.monitor("/readyz")[0] == 503)
    assert server.figures()["disk_full"] == 1
    is_read(server, admin)


def is_told(server, admin):
    """An operator, who is to sign it again when there is room."""
    answer = server.ask(
        "POST", "/v1/requests", admin.request(
            STATION_ADD, Station("late").statement(), when=admin.later()),
        fields=[("Content-Type", "application/imprint-request+cose")])
    assert told(answer)[:2] == FULL[:2] and told(answer)[2] > 0, answer


def goes_on(field, server, one, path):
    """By itself, when there is room."""
    request, keys = one.with_keys(ENROL)
    wait_for(lambda: told(post(server, one, request))[0] == 200)
    issued = Issued(field.root, post(server, one, request)[2], keys)
    now = Holder(field.root, path / "now", keys[0], issued.leaf)
    assert post(server, now, now.request(CONFIRM, issued.hash))[0] == 200
    wait_for(lambda: server.monitor("/readyz")[0] == 200)
    assert server.figures()["disk_full"] == 0
    assert "there is room on the disk again" in server.text()


def is_sound(field):
    field.eco.imprint("log", "verify")
    field.eco.imprint("doctor")
    listed = field.eco.imprint("station", "list", "--json").json
    assert "late" not in {one["station"] for one in listed}


def is_published(field, server, disk):
    """What revokes is small, and does not wait for room for all else."""
    crl = field.eco.dir / "publish/crl/online.crl"
    crl.unlink()
    disk.ease()
    wait_for(crl.exists)
    assert server.figures()["disk_full"] == 1


def test_full(factory, disk, tmp_path):
    """While it serves: devices and operators are told so, what is read is
    had, and all goes on without a restart."""
    field = Field(factory, disk.path / "eco")
    admin = Remote(field.eco)
    devices = iter(field.devices)
    with Server(field.eco) as server:
        Remote.last = int(time.time()) + 1  # after it began
        children = server.role("authority") + server.role("front")
        assert post(server, one := next(devices),
                    one.with_keys(ENROL)[0])[0] == 200
        disk.fill()
        until_full(server, devices)
        is_told(server, admin)
        is_full(server, admin, [next(devices), next(devices)])
        is_published(field, server, disk)
        disk.empty()
        goes_on(field, server, next(devices), tmp_path)
        assert server.role("authority") + server.role("front") == children
    is_sound(field)


def is_gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize("killed", [False, True])
def test_full_at_the_start(factory, disk, tmp_path, killed):
    """It starts on the room that it kept, again and again, and then keeps
    room anew."""
    field = Field(factory, disk.path / "eco")
    admin = Remote(field.eco)
    reserve = field.eco.dir / "reserve"
    with Server(field.eco) as server:
        assert post(server, one := field.devices[0],
                    one.with_keys(ENROL)[0])[0] == 200
        size = reserve.stat().st_size
        assert size > 1 << 20 and reserve.stat().st_mode & 0o777 == 0o600
        if killed:
            server.codes = (-9,)
            disk.fill()
            pid, = server.role("authority")
            server.process.send_signal(signal.SIGSTOP)  # it sees nothing
            os.kill(pid, signal.SIGKILL)
            server.process.kill()
            wait_for(lambda: is_gone(pid))
    disk.fill()
    devices = iter(field.devices[3:])
    for at in range(2):
        with Server(field.eco) as server:
            until_full(server, devices)
            is_full(server, admin, field.devices[1:2])
            # who was killed left room in what it had open
            assert killed or not reserve.exists()
            if at == 0:
                continue
            disk.empty()
            goes_on(field, server, field.devices[2], tmp_path)
            assert reserve.stat().st_size == size
    is_sound(field)


def test_no_room_kept(factory, disk):
    """There was no start before: it says what to do, and does it as soon as
    there is room."""
    field = Field(factory, disk.path / "eco")
    disk.fill()
    server = Server(field.eco)
    done = subprocess.run(server.argv, capture_output=True, env=server.env,
                          check=False)
    assert done.returncode == 6 and b"free space" in done.stderr, done
    disk.empty()
    with server:
        assert post(server, one := field.devices[0],
                    one.with_keys(ENROL)[0])[0] == 200
