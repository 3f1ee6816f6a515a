"""The same keys with what is known now: rights that were narrowed, names that
the line gave. Against a running imprintd; read with other code."""
import datetime
import os

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

import reader
from conftest import FAULTS, PRODUCTS, fault_text, program_needed, sample
from imprintd import Server
from test_field import KINDS, Carrier, doorbell, eco, lost, said, server
from test_imprintd_enrol import (CONFIRM, ENROL, RENEW, Holder, Issued,
                                 refused, signature)
from test_reconcile import GADGET, INJECTED, Line
from test_verify_service import devices_of

__all__ = ["doorbell", "eco", "server"]

pytestmark = program_needed("imprintd")
REFRESH = 4


def narrow(eco, version="1.2.0"):
    """Doorbells may not read their settings any more."""
    text = (PRODUCTS / "doorbell.yaml").read_text()
    assert text.count("  settings: [GET]\n") == 1
    path = eco.root / f"doorbell-{version}.yaml"
    path.write_text(text.replace('"1.0.0"', f'"{version}"').replace(
        "  settings: [GET]\n", "").replace("attempts: 3", "attempts: 16"))
    eco.imprint("product", "add", path)


@pytest.fixture
def narrowed(eco, tmp_path):
    """narrowed(devices): they have enrolled, then their rights changed."""
    spare = eco.spare.copy(tmp_path / "spare")

    def change(*devices):
        with Server(spare) as server:
            for device in devices:
                device.bootstrap(server)
        narrow(spare)
        return spare
    return change


def rights(device):
    return [o for o, _ in reader.cbor_decode(device.package().claims[9])]


def test_refresh(narrowed, doorbell):
    device, other = doorbell(), doorbell("other")
    spare = narrowed(device, other)
    keys = device.key(0).json["public"], device.key(1).json["public"]
    serial = device.certificate().serial_number
    with Server(spare) as server:
        assert "settings" in rights(device)
        done = device.renew(server, "--refresh", "--json").json
        assert done["confirmed"] and not done["before"]
        device.check()
        assert rights(device) == ["photo", "ring"]
        assert (device.key(0).json["public"],
                device.key(1).json["public"]) == keys
        assert device.certificate().serial_number != serial
        # nothing is new: told so, and nothing changes
        before = sorted((p.name, p.read_bytes())
                        for p in device.home.iterdir()
                        if p.name.startswith(("identity", "keys")))
        done = device.renew(server, "--refresh")
        assert done.out.startswith("current ")
        assert before == sorted((p.name, p.read_bytes())
                                for p in device.home.iterdir()
                                if p.name.startswith(("identity", "keys")))
        assert server.figures()['requests_total{verdict="repeated"}'] == 1
        # a renewal brings it, too
        other.renew(server)
        assert rights(other) == ["photo", "ring"]
        device.renew(server)
        device.check()
    shown = spare.imprint("identity", "show",
                          device.birth.claims[256].hex(), "--json").json
    states = [spare.imprint("identity", "show", f"online/{s['index']}",
                            "--json").json["status"]
              for s in shown["history"]["device"] if s["log"] == "online"]
    assert states == ["revoked", "revoked", "valid"]
    assert spare.imprint("log", "verify").code == 0


def test_run_refreshes(narrowed, doorbell, clock):
    """Without anybody at the device, within a month."""
    device = doorbell()
    spare = narrowed(device)
    shown = device("status", "--json").json
    assert shown["next"] == "refresh"
    at = datetime.datetime.fromisoformat(shown["at"].replace("Z", "+00:00"))
    now = datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(days=14.9) < at - now < \
        datetime.timedelta(days=30)
    then = clock(at.isoformat())
    with Server(spare, env=then) as server:
        device.field("run", server.port, env=then)
    assert rights(device) == ["photo", "ring"]
    device("verify", env=then)


def test_factory(server, doorbell):
    device = doorbell()
    done = device.renew(server, "--refresh", code=4)
    assert "not from the field" in done.err and "bootstrap" in done.err
    device.bootstrap(server)
    device.renew(server, "--refresh")


def test_refused(server, doorbell):
    """A server that has no such request is no reason not to renew."""
    device = doorbell()
    device.bootstrap(server)
    for status, reason in ((400, "unsupported"), (403, "revoked"),
                           (409, "conflict")):
        with Carrier(server, said(status, reason)) as carrier:
            carrier.ask(device, "renew", "--refresh", code=1)
        shown = device("status", "--json").json
        assert (shown["identity"], shown["request"]) == ("field", None)
    # the answer to another request says nothing
    with Carrier(server, lambda c, b: (200, {}, c.carry(b)), lost) as carrier:
        carrier.ask(device, "renew", "--refresh")
        current = carrier.seen[0]
        carrier.behaviours[:] = [lambda c, b: (200, {}, c.carry(current))]
        assert "another request" in carrier.ask(device, "renew", "--refresh",
                                                code=5).err
    device.renew(server)
    # ends the refresh that was begun, and renews then
    device.renew(server)
    device.check()


@program_needed("imprint-device-faulty")
@pytest.mark.parametrize("kind", KINDS)
def test_faults(narrowed, doorbell, tmp_path, kind):
    """Broken off anywhere, it has one identity, and the new one in the end."""
    count = tmp_path / "operations"
    first = doorbell("first")
    devices = [doorbell(f"{kind}-{i}") for i in range(6)]
    spare = narrowed(first, *devices)
    with Server(spare) as server:
        first.field("renew", server.port, "--refresh",
                    fault=f"count:{count}")
        first.check()
        for device, at in zip(devices, sample(int(count.read_text()), 6)):
            device.field("renew", server.port, "--refresh",
                         fault=fault_text(kind, at), code=(*FAULTS[kind], 0))
            device.field("renew", server.port, "--refresh")
            device.check()
            assert rights(device) == ["photo", "ring"]
            device.renew(server)
            device.check()


# Names of the line

FIELD_GADGET = GADGET.replace("product: gadget", "product: gadget-field") \
    .replace("key-from: authority", "key-from: device") \
    .replace("{validity: never}}", "{validity: 2 years}}") \
    .replace('from: index, format: "G-{index:6}"', "from: birth") + \
    "field: {bootstrap: gadget, attempts: 16}\n"
LINE_NAME = "  - {kind: mac, from: line, type: mac}\n"
BIRTH_NAME = "  - {kind: mac, from: birth, type: mac}\n"


class Gadget(Holder):
    def one_key(self, kind):
        ident, key = os.urandom(16), ec.generate_private_key(ec.SECP256R1())
        cose = reader.cose_key(key.public_key())
        proof = signature(key, reader.cbor_encode(
            ["imprint device key", reader.sha256(self.root), ident, 0, cose]))
        return self.request(kind, [[[0, cose, proof]], None], ident), key

    def obtain(self, server, kind, path):
        """Enrolled or renewed, and confirmed."""
        request, key = self.one_key(kind)
        status, _, body = server.identity(request, self)
        assert status == 200, body
        return self.taken(server, Issued(self.root, body), key, path)

    def taken(self, server, issued, key, path):
        new = Gadget(self.root, path, key, issued.leaf)
        new.issued = issued
        done = server.identity(new.request(CONFIRM, issued.hash), new)
        assert done[0] == 200, done
        return new

    def refresh(self, server):
        status, _, body = server.identity(
            self.request(REFRESH, self.issued.hash), self)
        assert status == 200, body
        return Issued(self.root, body)


@pytest.fixture(scope="module")
def gadgets(pristine, tmp_path_factory):
    eco = pristine.copy(tmp_path_factory.mktemp("gadgets"))
    for name, text in (("gadget", GADGET), (
            "gadget-field", FIELD_GADGET.replace(LINE_NAME, ""))):
        path = eco.root / f"{name}.yaml"
        path.write_text(text)
        eco.imprint("product", "add", path)
    line = Line(eco, {"line-1": eco.station_add("line-1")})
    eco.order(4, "line-1", product="gadget")
    eco.imprint("order", "run", 1)
    return line


def mac(claims):
    return claims[-66006].get("mac"), claims.get(257, {}).get("mac")


def test_line_names(gadgets, tmp_path):
    """What the line called a device is in its document from the next refresh
    on, and stays there."""
    line = gadgets.copy(tmp_path / "eco")
    eco = line.eco
    pem = (eco.dir / "publish/trust.pem").read_bytes()
    root = x509.load_pem_x509_certificate(pem).public_bytes(
        serialization.Encoding.DER)
    born = [Gadget(root, one.path, ec.derive_private_key(int.from_bytes(
        one.keys[0], "big"), ec.SECP256R1()), one.der)
        for one in devices_of(eco, 4)]
    with Server(eco) as server:
        first, second = (born[i].obtain(server, ENROL, tmp_path / f"d{i}")
                         for i in range(2))
    assert mac(first.issued.claims) == (None, None)
    line.reconcile(line.report("line-1", 1, {1: [
        line.record(1, 0, INJECTED, device="SN-0", mac="02:00:00:00:00:07"),
        line.record(1, 2, INJECTED, device="SN-2",
                    mac="02-00-00-00-00-09")]}))
    path = eco.root / "gadget-field.yaml"
    path.write_text(FIELD_GADGET.replace(LINE_NAME, BIRTH_NAME).replace(
        'version: "1"', 'version: "2"'))
    eco.imprint("product", "add", path)
    want = ("02:00:00:00:00:07", bytes.fromhex("020000000007"))
    with Server(eco) as server:
        again = first.refresh(server)
        assert again.result == 1
        text, ueid = mac(again.claims)
        assert text.lower().replace("-", ":") == want[0]
        assert bytes(ueid).endswith(want[1])
        third = first.taken(server, again, first.key, tmp_path / "third")
        # kept over a renewal
        fourth = third.obtain(server, RENEW, tmp_path / "fourth")
        assert mac(fourth.issued.claims) == mac(again.claims)
        # of which nothing was reported
        current = second.refresh(server)
        assert current.result == 3 and current.package is None
        refused(server.identity(second.one_key(RENEW)[0], second), 404,
                "no-product")
        # reported before it is switched on
        new = born[2].obtain(server, ENROL, tmp_path / "new")
        assert mac(new.issued.claims)[0][-2:] == "09"
        refused(server.identity(born[3].one_key(ENROL)[0], born[3]), 404,
                "no-product")
    found = eco.imprint("identity", "show", "mac=02:00:00:00:00:07",
                        "--json").json
    assert found["log"] == "online"
    assert eco.imprint("log", "verify").code == 0
    assert eco.imprint("doctor").code == 0
