"""The device in the field: imprint-device bootstrap and renew, against a
running imprintd."""
import datetime
import http.server
import shutil
import socket
import ssl
import threading

import pytest
from cryptography import x509

import reader
from conftest import (BIN, FAULTS, PRODUCTS, TORTURE, fault_text,
                      program_needed, run, sample)
from imprintd import NAME, Server
from test_device_keys import Device, Public, station
from test_floor import Package
from test_modes import approve, chips_list, create, operator_add

pytestmark = program_needed("imprintd")

COUNT = 2500 if TORTURE else 100
KINDS = FAULTS if TORTURE else ("kill", "powercut", "enospc-once")


@pytest.fixture(scope="module")
def eco(stocked, tmp_path_factory):
    """Doorbells as they leave the factory."""
    root = tmp_path_factory.mktemp("field")
    eco = stocked.copy(root / "eco")
    station(eco, root / "line")
    eco.imprint("station", "add", root / "line/line-9.station")
    eco.order(COUNT, "line-9", product="doorbell-idevid")
    eco.imprint("order", "run", 1)
    eco.imprint("service", "add", "carrier", "--dns", "localhost", "--out",
                root)
    run(BIN / "imprint-station", "--home", root / "line", "import",
        eco.pack())
    run(BIN / "imprint-station", "--home", root / "line", "inject",
        "--command", f"cat > {root}/$IMPRINT_SEQUENCE.package")
    # one that may ask often within a day
    text = (PRODUCTS / "doorbell.yaml").read_text()
    often = root / "often.yaml"
    often.write_text(text.replace('"1.0.0"', '"1.1.0"').replace(
        "attempts: 3", "attempts: 16"))
    eco.imprint("product", "add", often)
    eco.spare = eco.copy(root / "spare")
    eco.taken = iter(range(1, COUNT + 1))
    return eco


@pytest.fixture(scope="module")
def server(eco):
    with Server(eco) as running:
        yield running


class Doorbell(Device):
    """A device whose home has the factory's identity."""

    def __init__(self, home, package):
        super().__init__(home)
        self.install(package)
        self.birth = Package(package)

    def field(self, command, port, *argv, once=True, **options):
        return self(command, "--server", f"https://127.0.0.1:{port}",
                    "--name", NAME, *(["--once"] if once else []), *argv,
                    **options)

    def bootstrap(self, server, *argv, **options):
        return self.field("bootstrap", server.port, *argv, **options)

    def renew(self, server, *argv, **options):
        return self.field("renew", server.port, *argv, **options)

    def package(self):
        """What is installed; nothing else is left of packages."""
        paths = list(self.home.glob("identity.[01]"))
        assert len(paths) == 1, paths
        return Package(paths[0].read_bytes()[96:])

    def certificate(self):
        shown = {k[1]: k for k in self.package().claims[-66002]}
        return x509.load_der_x509_certificate(shown[0][4])

    def check(self):
        """All of it holds together, with the keys that are here alone."""
        steps = self("verify", "--json").json["steps"]
        assert [s["verdict"] for s in steps] == ["accepted"] * 7
        package = self.package()
        assert package.keys == {}
        assert len(list(self.home.glob("identity*"))) == 1
        assert package.claims[256] == self.birth.claims[256]
        assert self.certificate().public_key().public_numbers() == \
            self.public(0).public_numbers()
        assert len(list(self.home.glob("keys*"))) == 1
        assert reader.leftovers(self.home) == []


@pytest.fixture
def doorbell(eco, tmp_path):
    def make(name="device"):
        package = eco.root.parent / f"{next(eco.taken)}.package"
        return Doorbell(tmp_path / name, package.read_bytes())
    return make


def test_bootstrap(server, doorbell):
    device = doorbell()
    done = device.bootstrap(server, "--json").json
    assert done == {"confirmed": True, "before": False,
                    "ueid": device.birth.claims[256].hex()}
    device.check()
    first = device.package().document
    # again: nothing to be done, and nothing is
    assert device.bootstrap(server, "--json").json["before"]
    assert device.package().document == first
    assert "in the key store" in device("show").out
    # the server's time is known from now on
    assert int((device.home / "time").read_text()) > 1767225600


def test_renew(server, doorbell):
    device = doorbell()
    device.bootstrap(server)
    keys, serials = set(), set()
    for argv, new in (((), True), (("--same-key",), False), ((), True),
                      (("--same-key",), False), (("--same-key",), False)):
        device.check()
        before = device.key(0).json["public"], device.key(1).json["public"]
        old = device.certificate().serial_number
        device.renew(server, *argv)
        device.check()
        after = device.key(0).json["public"], device.key(1).json["public"]
        assert [a != b for a, b in zip(before, after)] == [new, new]
        assert device.certificate().serial_number != old
        keys.add(after)
        serials.add(old)
    assert len(serials) == 5
    # a chip's key is kept over all of it
    device.key("chip", "X25519")
    chip = device.key("chip").json["public"]
    device.renew(server)
    assert device.key("chip").json["public"] == chip
    device.check()


def test_clone(server, doorbell, tmp_path):
    """A copy of the factory's identity is refused once that is consumed."""
    device = doorbell()
    other = tmp_path / "clone"
    shutil.copytree(device.home, other)
    device.bootstrap(server)
    clone = Doorbell.__new__(Doorbell)
    clone.home, clone.birth = other, device.birth
    done = clone.bootstrap(server, "--json", code=1)
    assert "consumed" in done.err and done.json["reason"] == "consumed"
    assert clone.bootstrap(server, code=1)
    device.check()
    device.renew(server)


def test_slots(server, doorbell):
    """Which keys the product wants is said by the server; who is here says
    that another request is to be made."""
    device = doorbell()
    done = device.bootstrap(server, "--slot", "0:P-256", code=1)
    assert "keys" in done.err and "--slot" in done.err
    assert "--anew" in done.err
    device.bootstrap(server, code=1)
    device.bootstrap(server, "--anew", "--slot", "0:P-256", "--slot",
                     "1:X25519")
    device.check()
    for bad in ("0", "9:P-256", "0:P-384", ":", "", "00:P-256"):
        device.bootstrap(server, "--slot", bad, code=2)
    device.bootstrap(server, "--slot", "0:P-256", "--slot", "0:X25519",
                     code=2)
    for url in ("", "http://a:1", "https://a", "https://:1", "https://a:b"):
        device("bootstrap", "--server", url, code=2)


def test_away(server, doorbell):
    """No server: nothing is lost, and the same octets are sent later."""
    device = doorbell()
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert "refused" in device.field("bootstrap", port, code=6).err
    kept = sorted((p.name, p.read_bytes()) for p in device.home.iterdir())
    assert device.field("bootstrap", port, "--json", code=6).json == {
        "confirmed": False, "reason": "unreachable"}
    assert kept == sorted((p.name, p.read_bytes())
                          for p in device.home.iterdir())
    device.bootstrap(server)
    device.check()


def test_other_server(server, doorbell, stranger, tmp_path_factory):
    """Of another root, or for another name: nothing is sent."""
    device = doorbell()
    other = stranger.copy(tmp_path_factory.mktemp("other") / "eco")
    with Server(other) as impostor:
        done = device.bootstrap(impostor, once=False, code=1)
    assert "not acceptable" in done.err and "nothing was sent" in done.err
    done = device("bootstrap", "--server", f"https://127.0.0.1:{server.port}",
                  code=1)
    assert "not acceptable for 127.0.0.1" in done.err
    device.bootstrap(server)


@pytest.mark.parametrize("argv", [(), ("--same-key",)])
def test_expired(eco, doorbell, clock, tmp_path, argv):
    """Renewed within the grace time of its product, not after it."""
    spare = eco.spare.copy(tmp_path / "spare")
    device, late = doorbell(), doorbell("late")
    with Server(spare) as server:
        device.bootstrap(server)
        late.bootstrap(server)
    now = datetime.datetime.now(datetime.timezone.utc)
    for days, one, code in ((730 + 60, device, 0), (730 + 120, late, 1)):
        then = clock((now + datetime.timedelta(days=days)).isoformat())
        one("verify", env=then, code=1)
        with Server(spare, env=then) as server:
            done = one.renew(server, *argv, env=then, code=code)
        one("verify", env=then, code=code)
        assert code == 0 or "expired" in done.err


def test_without(server, tmp_path):
    device = Device(tmp_path / "device")
    device("bootstrap", "--server", "https://127.0.0.1:1", code=3)
    assert list(device.home.glob("keys*")) == []


@program_needed("imprint-device-faulty")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", ["bootstrap", "renew"])
def test_faults(server, doorbell, tmp_path, command, kind):
    """Broken off anywhere, the next run ends with one identity and its keys,
    and the one before is of no use."""
    count = tmp_path / "operations"
    first = doorbell("first")
    if command == "renew":
        first.bootstrap(server)
    first.field(command, server.port, fault=f"count:{count}")
    first.check()
    for at in sample(int(count.read_text()), 10):
        device = doorbell(f"{kind}-{at}")
        if command == "renew":
            device.bootstrap(server)
        # two answers within one second spare the last its time
        device.field(command, server.port, fault=fault_text(kind, at),
                     code=(*FAULTS[kind], 0))
        device.field(command, server.port)
        device.check()
        device.renew(server)
        device.check()


def test_revoked(eco, doorbell, tmp_path):
    """Who names a device means all that it, or a thief of its key, may use:
    what waits for its confirmation, too."""
    spare = eco.spare.copy(tmp_path / "spare")
    for name in ("1.package", "carrier.pem", "carrier.key"):
        shutil.copy(eco.root.parent / name, tmp_path)
    renewing, enrolling, other = (doorbell(n) for n in "abc")
    ueids = [d.birth.claims[256].hex() for d in (renewing, enrolling, other)]

    def statuses(ueid):
        shown = spare.imprint("identity", "show", ueid, "--json").json
        return {step["state"]: spare.imprint(
            "identity", "show", f"{step['log']}/{step['index']}",
            "--json").json["status"] for step in shown["history"]["device"]}

    with Server(spare) as server:
        renewing.bootstrap(server)
        with Carrier(server, lost) as carrier:
            carrier.ask(renewing, "renew", "--once", code=7)
        with Carrier(server, lost) as carrier:
            carrier.ask(enrolling, "bootstrap", "--once", code=7)
    for argv in (("--order", 1), ueids, ("--pack", "1/1")):
        found = spare.imprint("suspend", *argv, "--dry-run", "--json").json
        assert found["changed"] == (6 if argv is ueids else COUNT + 3)
    spare.imprint("suspend", "--order", 1, "--yes")
    assert statuses(ueids[0]) == dict.fromkeys(
        ("birth", "present", "waiting"), "suspended")
    with Server(spare) as server:
        done = renewing.renew(server, code=1)
        assert "suspended" in done.err
    spare.imprint("resume", *ueids)
    assert set(statuses(ueids[0]).values()) == {"valid"}
    # an index names one identity alone
    spare.imprint("suspend", "online/0")
    assert sorted(statuses(ueids[0]).values()) == ["suspended", "valid",
                                                   "valid"]
    spare.imprint("resume", "online/0")
    spare.imprint("revoke", *ueids[:2], "--reason", "keyCompromise")
    for ueid in ueids[:2]:
        assert set(statuses(ueid).values()) == {"revoked"}
    with Server(spare) as server:
        for device, command in ((renewing, "renew"), (enrolling, "bootstrap")):
            done = device.field(command, server.port, code=1)
            assert "revoked" in done.err
        other.bootstrap(server)


# A server between: it carries what it is given, or does what it likes

class Chip(Doorbell):
    """One whose package was sealed to its own key."""

    def __init__(self, home):
        Device.__init__(self, home)
        self.key("chip", "X25519")


class Listed:
    """Devices of an order with a list, each with its identity of birth."""

    def __init__(self, eco, tmp_path, count=2):
        self.eco, self.path = eco, tmp_path
        self.bea = operator_add(eco, "bea")
        self.devices = [Chip(tmp_path / f"chip-{n}") for n in range(count)]
        self.number = self.order(*range(count))
        eco.imprint("order", "run", self.number)
        self.births = eco.imprint("identity", "list", "--order",
                                  self.number, "--json").json

    def order(self, *which, code=0):
        path = chips_list(self.path / "chips.cbor", {
            b"chip-%d" % n: Public(self.devices[n].public("chip"))
            for n in which})
        done = create(self.eco, path, product="doorbell-idevid", code=code,
                      station="line-9", approval=approve(
                          self.eco, path, self.bea,
                          product="doorbell-idevid"))
        assert not code or "one device has one identity" in done.err
        return done

    def install(self, station):
        for n, device in enumerate(self.devices):
            out = self.path / f"{n}.sealed"
            run(BIN / "imprint-station", "--home", station, "sealed",
                self.eco.pack(self.number), "--device", f"chip-{n}", "--out",
                out)
            device.install(out.read_bytes())


def test_ordered_again(eco, tmp_path):
    """A listed device whose birth was given up has a new one only when what
    it enrolled for is revoked, too: used or waiting, it would be its second
    identity."""
    spare = eco.spare.copy(tmp_path / "spare")
    for name in ("1.package", "carrier.pem", "carrier.key"):
        shutil.copy(eco.root.parent / name, tmp_path)
    listed = Listed(spare, tmp_path)
    listed.install(eco.root.parent / "line")
    devices, births = listed.devices, listed.births

    def order(*which, code=0):
        done = listed.order(*which, code=code)
        assert not code or "imprint revoke UEID" in done.err

    with Server(spare) as server:
        devices[0].bootstrap(server)
        for device, command in zip(devices, ("renew", "bootstrap")):
            with Carrier(server, lost) as carrier:
                carrier.ask(device, command, "--once", code=7)
    for birth in births:
        spare.imprint("revoke", birth["index"], "--reason",
                      "cessationOfOperation")
    for n in range(2):
        order(n, code=4)
    spare.imprint("revoke", "online/0")     # one more of it waits
    order(0, code=4)
    for n, birth in enumerate(births):
        spare.imprint("revoke", birth["ueid"], "--reason",
                      "cessationOfOperation")
        order(n)
    spare.imprint("log", "verify")


def test_outlived(eco, tmp_path):
    """Where births are superseded, an operator's word about one means what
    has its place, however the birth is named; and that says whether a listed
    device was given up, and may be ordered again."""
    spare = eco.spare.copy(tmp_path / "spare")
    listed = Listed(spare, tmp_path, 3)
    listed.install(eco.root.parent / "line")
    path = tmp_path / "doorbell.yaml"
    path.write_text((PRODUCTS / "doorbell.yaml").read_text().replace(
        'version: "1.0.0"', 'version: "2.0.0"', 1) + "  birth: superseded\n")
    spare.imprint("product", "add", path)
    births = [birth["index"] for birth in listed.births]
    with Server(spare) as server:
        for device in listed.devices:
            device.bootstrap(server)
        for n in range(3):
            listed.order(n, code=4)
        spare.imprint("revoke", listed.births[0]["ueid"], "--reason",
                      "cessationOfOperation")
        listed.order(0)
        said = spare.imprint("suspend", births[1], "--dry-run", "--json").json
        assert (said["changed"], said["kept"]) == (1, 1)
        spare.imprint("suspend", births[1])
        done = listed.devices[1].renew(server, code=1)
        assert "suspended" in done.err
        spare.imprint("resume", births[1])
        listed.devices[1].renew(server)
        said = spare.imprint("revoke", "--range", f"{births[1]}-{births[2]}",
                             "--reason", "keyCompromise", "--json").json
        assert (said["changed"], said["same"]) == (2, 2)
        listed.devices[2].renew(server, code=1)
    for n in (1, 2):        # for a reason that speaks against their keys
        listed.order(n, code=4)
    spare.imprint("log", "verify")


class Carrier:
    """Trusted for TLS, and nothing else; each request is given to the next
    of the behaviours."""

    def __init__(self, server, *behaviours):
        self.server, self.behaviours = server, list(behaviours)
        self.seen = []
        package = server.eco.root.parent / "1.package"
        self.path = server.eco.root.parent / "carrier-device"
        Package(package.read_bytes()).write_tls(self.path)

    def carry(self, body):
        status, fields, answer = self.server.identity(body, self)
        assert status == 200, answer
        return answer

    def __enter__(self):
        carrier = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                carrier.seen.append(body)
                status, fields, answer = carrier.behaviours.pop(0)(
                    carrier, body)
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        root = self.server.eco.root.parent
        context.load_cert_chain(root / "carrier.pem", root / "carrier.key")
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.socket = context.wrap_socket(self.http.socket,
                                               server_side=True)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever).start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()

    def ask(self, device, command="bootstrap", *argv, **options):
        return device(command, "--server", f"https://localhost:{self.port}",
                      *argv, **options)


def carried(carrier, body):
    return 200, {}, carrier.carry(body)


def refusing(status, **fields):
    return lambda carrier, body: (
        status, {k.replace("_", "-"): v for k, v in fields.items()},
        b'{"reason": "busy", "detail": "too many \x1b[31m"}\n')


def lost(carrier, body):
    """Carried out, but nobody hears of it."""
    carrier.carry(body)
    return 502, {}, b""


def altered(change):
    return lambda carrier, body: (200, {}, change(carrier.carry(body)))


def test_waits(server, doorbell):
    """As long as it is told, and at least so long; the same octets."""
    device = doorbell()
    with Carrier(server, refusing(503, Retry_After="1"), lost, carried,
                 refusing(429), lost, carried) as carrier:
        done = carrier.ask(device)
    assert "busy: too many \\x1b[31m (status 503)" in done.err
    waits = [int(line.split()[2]) for line in done.err.splitlines()
             if line.startswith("  again in ")]
    assert len(waits) == 4 and waits[0] >= 2 and waits[1] <= 3
    first, rest = carrier.seen[:3], carrier.seen[3:]
    assert len(set(first)) == 1 and len(set(rest)) == 1 and len(rest) == 3
    device.check()


def test_once(server, doorbell):
    device = doorbell()
    with Carrier(server, refusing(503, Retry_After="9"), lost) as carrier:
        carrier.ask(device, "bootstrap", "--once", code=7)
        # what would be lost with the keys' second set is not begun
        done = device.key("chip", "X25519", code=(2, 4))
        assert "under way" in done.err
        carrier.ask(device, "bootstrap", "--once", code=7)
    device.bootstrap(server)
    device.check()
    device.key("chip", "X25519")


def other_package(answer):
    """A good package that is not the statement's."""
    parts = reader.cbor_decode(answer)
    parts[1] = parts[1][:-1] + bytes([parts[1][-1] ^ 1])
    return reader.cbor_encode(parts)


def other_statement(answer, at):
    parts = reader.cbor_decode(answer)
    parts[2] = parts[2][:at] + bytes([parts[2][at] ^ 1]) + parts[2][at + 1:]
    return reader.cbor_encode(parts)


def other_signer(answer):
    """An issuing CA of the same root in the place of the document signer."""
    parts = reader.cbor_decode(answer)
    parts[3] = reader.cbor_decode(parts[1])[4][0]
    return reader.cbor_encode(parts)


def test_altered(server, doorbell):
    """Who carries answers cannot make any."""
    device, second = doorbell(), doorbell("second")
    kept = []

    def keep(answer):
        kept.append(answer)
        return answer

    with Carrier(server, altered(keep)) as carrier:
        carrier.ask(second, "bootstrap", "--once", "--timeout", 5, code=6)
    changes = [other_package, other_signer, lambda a: a[:-1],
               lambda a: a + b"\0", lambda a: b"", lambda a: kept[0],
               *(lambda a, at=at: other_statement(a, at)
                 for at in range(2, 200, 11)),
               lambda a: other_statement(a, -1)]
    before = device.package().document
    with Carrier(server, *map(altered, changes)) as carrier:
        for _ in changes:
            done = carrier.ask(device, "bootstrap", "--once", code=5)
            assert "answer: " in done.err and "nothing was installed" in \
                done.err
            assert device.package().document == before
    assert len(set(carrier.seen)) == 1
    # an old answer instead of the confirmation
    with Carrier(server, altered(keep),
                 lambda c, body: (200, {}, kept[-1])) as carrier:
        carrier.ask(device, "bootstrap", "--once", code=5)
    device.bootstrap(server)
    device.check()


def said(status, reason, first=None):
    """A refusal, which anybody can write; perhaps after it was carried."""
    def behave(carrier, body):
        if first is not None:
            first(carrier, body)
        return status, {}, b'{"reason": "%s"}\n' % reason.encode()
    return behave


REFUSED_SO = [(409, "conflict"), (422, "keys"), (403, "superseded")]


def test_refused_before(server, doorbell):
    """The same octets with the same keys, until it was said often; what is
    answered begins another count."""
    device = doorbell()
    first, second = [said(*r) for r in REFUSED_SO[:2]], [
        said(*r) for r in REFUSED_SO]
    with Carrier(server, *first, carried, carried, *second, carried,
                 carried) as carrier:
        for _ in first:
            carrier.ask(device, code=1)
        carrier.ask(device)
        device.check()
        assert len(set(carrier.seen[:3])) == 1
        del carrier.seen[:]
        for _ in second:
            done = carrier.ask(device, "renew", code=1)
        assert "superseded" in done.err
        carrier.ask(device, "renew")
        device.check()
    assert len(set(carrier.seen[:3])) == 1
    assert len(set(carrier.seen)) == 3


@pytest.mark.parametrize("lies", [0, 4, 5])
@pytest.mark.parametrize("command", ["bootstrap", "renew"])
def test_refused_confirmed(server, doorbell, command, lies):
    """The confirmation is carried out, and denied for as long as somebody
    likes: neither identity is lost."""
    device = doorbell()
    if command == "renew":
        device.bootstrap(server)
    before = device.package().document
    with Carrier(server, carried, said(401, "unknown", first=carried),
                 *[said(403, "superseded")] * lies) as carrier:
        done = carrier.ask(device, command, code=1)
        assert "back to the identity before" in done.err
        assert device.package().document == before
        for _ in range(lies):
            carrier.ask(device, command, code=1)
    assert len(carrier.seen) == 2 + lies and len(set(carrier.seen)) == 2
    # an identity that was superseded gets no answer
    device.field(command, server.port, code=(0, 1))
    device.field(command, server.port)
    device.check()
    device.renew(server)
    device.check()


def test_superseded(server, doorbell, tmp_path):
    """A copy of the device asked as well, before it had confirmed: the device
    has what it had, and asks for another when it is told to."""
    device = doorbell()
    device.bootstrap(server)
    before = device.package().document
    clone = Doorbell.__new__(Doorbell)
    clone.home, clone.birth = tmp_path / "clone", device.birth
    shutil.copytree(device.home, clone.home)
    for one in (device, clone):
        with Carrier(server, carried, refusing(503)) as carrier:
            carrier.ask(one, "renew", "--once", code=7)
    assert len(list(device.home.glob("identity*"))) == 2
    assert "superseded" in device.renew(server, code=1).err
    assert device.package().document == before
    assert "--anew" in device.renew(server, code=1).err
    device.renew(server, "--anew")
    device.check()
    clone.renew(server, code=1)
    clone.renew(server, code=1)
    device.renew(server)
    device.check()


@program_needed("imprint-device-faulty")
@pytest.mark.parametrize("kind", KINDS)
def test_back_faults(server, doorbell, tmp_path, kind):
    """Broken off while it goes back or forth, it has one of the two."""
    device, clone = doorbell(), Doorbell.__new__(Doorbell)
    device.bootstrap(server)
    clone.home, clone.birth = tmp_path / "clone", device.birth
    shutil.copytree(device.home, clone.home)
    for one in (device, clone):
        with Carrier(server, carried, refusing(503)) as carrier:
            carrier.ask(one, "renew", "--once", code=7)
    count = tmp_path / "operations"
    clone.home = tmp_path / "count"
    shutil.copytree(device.home, clone.home)
    clone.field("renew", server.port, fault=f"count:{count}", code=1)
    for at in sample(int(count.read_text()), 6):
        clone.home = tmp_path / f"at-{at}"
        shutil.copytree(device.home, clone.home)
        for fault in (fault_text(kind, at), None, fault_text(kind, at), None):
            clone.field("renew", server.port, fault=fault,
                        code=(*FAULTS[kind], 1) if fault else 1)
            clone("verify")
    clone.renew(server, "--anew")
    clone.check()


def keep_before(home, version):
    """What is kept of the field, in the form of an earlier version."""
    path = max(home.glob("enrolment.[01]"),
               key=lambda p: p.read_bytes()[8:12])
    octets = path.read_bytes()
    kept = reader.cbor_decode(octets[96:])
    assert kept[0] == 3 and len(kept) == 12 and kept[8] == 0
    record = reader.cbor_encode([version, *kept[1:7 + version]])
    head = octets[:12] + len(record).to_bytes(4, "big")
    path.write_bytes(head + reader.sha256(head + record) + octets[48:96] +
                     record)


@pytest.mark.parametrize("version", [1, 2])
def test_kept_before(server, doorbell, version):
    """What an earlier version kept: without refusals, without advice."""
    device = doorbell()
    device.bootstrap(server)
    keep_before(device.home, version)
    assert device.bootstrap(server, "--json").json["before"]
    device.renew(server)
    device.check()
