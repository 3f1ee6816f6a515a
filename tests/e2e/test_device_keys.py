"""Keys that never leave the device: packages sealed to its chip, identities for
keys that it made, and what it signs with them. Read with python3-cryptography
and openssl alone."""
import base64
import json
import os
import subprocess

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils, x25519

import reader
from conftest import (BIN, FAULTS, fault_text, parallel, program_needed, run)
from line import Fixture, Served
from test_floor import Floor, Package, Service
from test_modes import approve, bea, chips_list, create

__all__ = ["bea"]

PROOF_TYP = "application/imprint-key-proof+cose"
CONTEXT = b"imprint evidence"
PRODUCT = """
product: sensor
version: "1"
metadata: {hwmodel: S}
capabilities: {photo: [GET, POST]}
authorisations: {photo: [POST]}
credentials:
  - slot: 0
    purpose: authenticate
    algorithm: P-256
    key-from: device
    certificate: {validity: never}
  - slot: 2
    purpose: encrypt
    algorithm: X25519
    key-from: device
trust-anchors: {service: root}
document: {signature: direct, validity: never}
delivery: station
"""


class Device:
    def __init__(self, home):
        self.home = home

    def __call__(self, *argv, fault=None, **options):
        if fault:
            options["env"] = {"IMPRINT_FAULT": fault}
        return run(BIN / ("imprint-device-faulty" if fault else
                          "imprint-device"), "--home", self.home, *argv,
                   **options)

    def install(self, data, *argv, **options):
        return self("install", *argv, stdin=data, **options)

    def key(self, slot, algorithm=None, **options):
        more = ["--algorithm", algorithm] if algorithm else []
        return self("key", "--slot", slot, *more, "--json", **options)

    def public(self, slot):
        shown = self.key(slot).json
        raw = bytes.fromhex(shown["public"])
        if shown["algorithm"] == "X25519":
            return x25519.X25519PublicKey.from_public_bytes(raw)
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(),
                                                            raw)


class Firmware:
    """examples/firmware, on PSA."""

    program = BIN / "examples/firmware"

    def __init__(self, home):
        self.home = home
        home.mkdir()

    def __call__(self, *argv, **options):
        return run(self.program, self.home, *argv, **options)

    def public(self, slot):
        assert slot == "chip"
        return x25519.X25519PublicKey.from_public_bytes(self("chip").raw)


firmware_needed = pytest.mark.skipif(not Firmware.program.exists(),
                                     reason="Mbed TLS is missing")


def verify(public, signature, message):
    assert len(signature) == 64
    r, s = (int.from_bytes(signature[i:i + 32], "big") for i in (0, 32))
    public.verify(utils.encode_dss_signature(r, s), message,
                  ec.ECDSA(hashes.SHA256()))


class Public:
    """What chips_list() asks of a private key."""

    def __init__(self, public):
        self.public = public

    def public_key(self):
        return self.public


def station(eco, home):
    run(BIN / "imprint-station", "init", "--home", home, "--name", "line-9",
        "--trust", eco.dir / "publish/trust.pem")


# Keys

def test_key(tmp_path):
    """Made once, shown for ever; another in its place never."""
    device = Device(tmp_path / "device")
    assert "no such key" in device.key(0, code=3).err
    made = device.key(0, "P-256").json
    assert made["made"] and made["public"].startswith("04")
    again = device.key(0, "P-256").json
    assert not again["made"] and again["public"] == made["public"]
    assert device.key(0).json["public"] == made["public"]
    assert "another algorithm" in device.key(0, "X25519", code=4).err
    device.key(2, "X25519")
    device.key("chip", "X25519")
    for slot in ("8", "-1", "x", "0x1"):
        device.key(slot, "P-256", code=2)
    device.key(1, "Ed25519", code=2)
    for path in device.home.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    assert isinstance(device.public(0), ec.EllipticCurvePublicKey)
    assert isinstance(device.public("chip"), x25519.X25519PublicKey)


def test_keys_damaged(tmp_path):
    """What does not hold together is no key, and never made anew; before the
    last key was made, all others were there."""
    device = Device(tmp_path / "device")
    device.key(0, "P-256")
    first = (device.home / "keys.0").read_bytes()
    kept = device.key(0).json["public"]
    for at in range(96, len(first), 5):
        (device.home / "keys.0").write_bytes(
            first[:at] + bytes([first[at] ^ 4]) + first[at + 1:])
        assert "does not hold together" in device.key(0, code=8).err
        device.key(0, "P-256", code=8)
    (device.home / "keys.0").write_bytes(first)
    device.key(1, "P-256")
    newest = device.home / "keys.1"
    newest.write_bytes(newest.read_bytes()[:-1])
    assert device.key(0).json["public"] == kept
    device.key(1, code=3)


@program_needed("imprint-device-faulty")
@pytest.mark.parametrize("kind", FAULTS)
def test_key_faults(tmp_path, kind):
    """A key that was shown is there for ever, and so are those before it."""
    first = Device(tmp_path / "first")
    count = tmp_path / "operations"
    first.key(0, "P-256")
    first.key(2, "X25519", fault=f"count:{count}")

    def one(at):
        device = Device(tmp_path / str(at))
        before = device.key(0, "P-256").json["public"]
        done = device.key(2, "X25519", fault=fault_text(kind, at),
                          code=FAULTS[kind])
        assert device.key(0).json["public"] == before
        after = device.key(2, "X25519").json
        if done.code == 0:
            assert not after["made"]
            assert after["public"] == done.json["public"]
        assert reader.leftovers(device.home) == []

    parallel(one, range(1, int(count.read_text()) + 1))


# Sealed to the chip

@pytest.fixture(scope="module")
def sealed(stocked, tmp_path_factory):
    """Devices with a chip's key each, and what the station has for them."""
    root = tmp_path_factory.mktemp("sealed")
    eco = stocked.copy(root / "eco")
    bea = bea_make(eco)
    devices = []
    for n, algorithm in enumerate(("X25519", "P-256", "X25519")):
        device = Device(root / f"device-{n}")
        device.key("chip", algorithm)
        devices.append(device)
    everybody = list(devices)
    if Firmware.program.exists():
        devices[0].firmware = Firmware(root / "firmware")
        devices[0].firmware("keys", "")
        everybody.append(devices[0].firmware)
    path = chips_list(root / "chips.cbor", {
        b"chip-%d" % n: Public(d.public("chip"))
        for n, d in enumerate(everybody)})
    create(eco, path, approval=approve(eco, path, bea))
    eco.imprint("order", "run", 1)
    station(eco, root / "line")
    for n, device in enumerate(everybody):
        out = root / f"{n}.sealed"
        run(BIN / "imprint-station", "--home", root / "line", "sealed",
            eco.pack(), "--device", f"chip-{n}", "--out", out)
        device.sealed = out.read_bytes()
    return devices


def bea_make(eco):
    from test_modes import operator_add
    return operator_add(eco, "bea")


def test_chip(sealed):
    """What the station cannot open, the device installs."""
    ueids = set()
    for device in sealed:
        done = device.install(device.sealed, "--json").json
        assert done["installed"] and done["verdict"] == "accepted"
        ueids.add(done["ueid"])
        steps = device("verify", "--json").json["steps"]
        assert [s["verdict"] for s in steps] == ["accepted"] * 7
        assert device.install(device.sealed, "--json").json["before"]
    assert len(ueids) == 3
    # what is stored is the package as any device has it
    package = Package((sealed[0].home / "identity.0").read_bytes()[96:])
    assert len(package.keys) == 2 and len(package.certs) == 3


def test_chip_refused(sealed, tmp_path):
    device = Device(tmp_path / "device")
    data = sealed[0].sealed
    assert "no key of a chip" in device.install(data, code=1).err
    device.key("chip", "X25519")
    done = device.install(data, code=1)
    assert "another chip's" in done.err and "another device's" in done.err
    shown = device.install(data, "--json", code=1).json
    assert not shown["installed"] and shown["verdict"] == \
        "keys do not match"
    device("show", code=3)


def test_chip_altered(sealed, tmp_path):
    """Every octet counts, and every length."""
    owner = sealed[2]
    fresh = Device(tmp_path / "device")
    fresh.home.mkdir(mode=0o700)
    for path in owner.home.glob("keys.*"):
        (fresh.home / path.name).write_bytes(path.read_bytes())
    data = owner.sealed

    def altered(at):
        fresh.install(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:],
                      code=1)

    def cut(length):
        fresh.install(data[:length], code=1)

    # one after the other: two would find each other at work
    for at in range(0, len(data), 29):
        altered(at)
    for length in range(1, len(data), 211):
        cut(length)
    later = reader.cbor_decode(data)
    later[1] = 2
    done = fresh.install(reader.cbor_encode(later), code=1)
    assert "newer version" in done.err
    fresh("show", code=3)
    fresh.install(data)


@firmware_needed
def test_firmware_chip(sealed):
    """The same on PSA, whose key store has the chip's key."""
    firmware = sealed[0].firmware
    data = firmware.sealed
    assert "another chip's" in firmware("install", stdin=sealed[0].sealed,
                                        code=1).out
    assert "altered" in firmware("install", stdin=data[:700] + bytes(
        [data[700] ^ 1]) + data[701:], code=1).out
    assert firmware("start", "photo", code=70)
    assert firmware("install", stdin=data).out == "accepted\n"
    firmware("start", "photo")
    firmware("start", "video", code=2)
    assert "another chip's" in sealed[1].install(data, code=1).err


# Made in the device

def handed_out(home, device):
    """The package of one device of a list, as a fixture gets it."""
    floor = Floor(home.parent)
    floor.home = home
    name = f"bench-{device}"
    token = floor.station("fixture", "add", name).out.strip()
    with Served(floor) as served:
        answer = Fixture(served, name, token=token).ask(
            "POST", "/v1/reserve",
            json.dumps({"device": {"chip": device}}))[2]
    assert answer["code"] == 0, answer
    return base64.b64decode(answer["package"])


@pytest.fixture(scope="module")
def fleet(pristine, tmp_path_factory):
    """Two devices that made their keys, and what they were issued."""
    root = tmp_path_factory.mktemp("fleet")
    eco = pristine.copy(root / "eco")
    (root / "sensor.yaml").write_text(PRODUCT)
    eco.imprint("product", "add", root / "sensor.yaml")
    run(BIN / "imprint-station", "init", "--home", root / "line", "--name",
        "line-1", "--trust", eco.dir / "publish/trust.pem")
    eco.imprint("station", "add", root / "line/line-1.station")
    eco.devices, proofs = [], b""
    for n in range(2):
        device = Device(root / f"device-{n}")
        device.key(0, "P-256")
        device.key(2, "X25519")
        out = root / f"{n}.cose"
        device("request", "--id", f"{n:04x}", "--text", "order of May",
               "--out", out)
        device.proofs = out.read_bytes()
        proofs += device.proofs
        eco.devices.append(device)
    path = root / "keys.cose"
    path.write_bytes(proofs)
    eco.imprint("order", "create", "--product", "sensor", "--mode",
                "device-key", "--list", path, "--challenge", "order of May",
                "--station", "line-1")
    eco.imprint("order", "run", 1)
    run(BIN / "imprint-station", "--home", root / "line", "import",
        eco.pack())
    for n, device in enumerate(eco.devices):
        device.package = handed_out(root / "line", f"{n:04x}")
        device.install(device.package)
    return eco


def test_proofs(fleet):
    """Read by another reader: each key, its slot, and who signed for it."""
    device = fleet.devices[0]
    rest, seen = device.proofs, []
    while rest:
        # of this form all but the last octet is incomplete
        end = next(e for e in range(1, len(rest) + 1)
                   if whole(rest[:e]))
        message, rest = rest[:end], rest[end:]
        protected, unprotected, payload, signature = \
            reader.cbor_decode(message).value
        assert unprotected == {}
        assert reader.cbor_decode(protected) == {1: -7, 16: PROOF_TYP}
        version, name, slot, key, text = reader.cbor_decode(payload)
        assert (version, name, text) == (1, b"\0\0", "order of May")
        assert key == reader.cbor_decode(reader.cbor_encode(
            reader.cose_key(device.public(slot))))
        verify(device.public(0), signature, reader.cbor_encode(
            ["Signature1", protected, b"", payload]))
        seen.append(slot)
    assert seen == [0, 2]


def whole(data):
    try:
        reader.cbor_decode(data)
    except Exception:
        return False
    return True


def test_device_key(fleet):
    """No private key came in, and the identity works all the same."""
    for device in fleet.devices:
        package = Package(device.package)
        assert package.keys == {}
        steps = device("verify", "--json").json["steps"]
        assert [s["verdict"] for s in steps] == ["accepted"] * 7
        assert "in the key store" in device("show").out
        assert "the device keeps it" in device(
            "export", "--format", "pem", "--unencrypted", "--out",
            device.home / "x", code=3).err
    # the other's: its keys are not here
    one, two = fleet.devices
    for more in ([], ["--replace"]):
        done = one.install(two.package, *more, code=1)
        assert "keys do not match" in done.err and "not in this one" in \
            done.err
    # what the keys were is lost: so is the identity
    kept = [(p, p.read_bytes()) for p in one.home.glob("keys.*")]
    for path, _ in kept:
        path.unlink()
    one("verify", code=1)
    for path, data in kept:
        path.write_bytes(data)
    one("verify")


def test_connect(fleet, tmp_path):
    """Mutual TLS, signed through the handle."""
    fleet.imprint("service", "add", "collector", "--dns", "localhost",
                  "--out", tmp_path)
    with Service(tmp_path / "collector",
                 fleet.dir / "publish/trust.pem") as service:
        for device in fleet.devices:
            service.ask(device)
            service.ask(device, method="GET", code=1)


@firmware_needed
def test_firmware(fleet, tmp_path):
    """From its keys to its evidence, on PSA alone."""
    firmware = Firmware(tmp_path / "firmware")
    firmware("start", "photo", code=70)
    proofs = tmp_path / "keys.cose"
    proofs.write_bytes(firmware("keys", "order of June").raw)
    order = fleet.imprint(
        "order", "create", "--product", "sensor", "--mode", "device-key",
        "--list", proofs, "--challenge", "order of June", "--station",
        "line-1", "--json").json["order"]
    fleet.imprint("order", "run", order)
    line = fleet.root.parent / "line"
    run(BIN / "imprint-station", "--home", line, "import", fleet.pack(order))
    first = proofs.read_bytes()
    first = first[:next(e for e in range(1, len(first)) if whole(first[:e]))]
    payload = reader.cbor_decode(reader.cbor_decode(first).value[2])
    package = handed_out(line, payload[1].hex())
    assert "not in this one" in fleet.devices[0].install(
        package, "--replace", code=1).err
    assert "not in this one" in firmware(
        "install", stdin=fleet.devices[0].package, code=1).out
    assert firmware("install", stdin=package).out == "accepted\n"
    firmware("start", "photo")
    firmware("start", "video", code=2)
    nonce = os.urandom(32)
    leaf = {k[1]: k for k in Package(package).claims[-66002]}[0][4]
    verify(x509.load_der_x509_certificate(leaf).public_key(),
           firmware("evidence", stdin=nonce).raw, CONTEXT + nonce)
    # flash that was worn, where the identity lies
    flash = bytearray((firmware.home / "flash").read_bytes())
    flash[96 + 500] ^= 1
    (firmware.home / "flash").write_bytes(flash)
    firmware("start", "photo", code=70)


@pytest.mark.parametrize("kind", ["fleet", "sealed"])
def test_evidence(kind, request):
    """By a key of the key store, or of the package."""
    devices = request.getfixturevalue(kind)
    device = getattr(devices, "devices", devices)[0]
    if kind == "sealed":
        device.install(device.sealed)
        package = Package(next(
            d for d in (p.read_bytes()[96:]
                        for p in device.home.glob("identity.?"))))
        public = ec.derive_private_key(int.from_bytes(
            package.keys[0], "big"), ec.SECP256R1()).public_key()
    else:
        public = device.public(0)
    nonce = os.urandom(32)
    text = base64.b64encode(nonce).decode()
    done = device("evidence", "--nonce", text, "--json").json
    signature = base64.b64decode(done["signature"])
    verify(public, signature, CONTEXT + nonce)
    with pytest.raises(InvalidSignature):
        verify(public, signature, nonce)
    device("evidence", "--nonce", text[:-4], code=2)


def test_request(tmp_path):
    """A PKCS#10 request, as openssl reads it."""
    device = Device(tmp_path / "device")
    out = tmp_path / "x.csr"
    argv = ["request", "--format", "csr", "--out", out]
    device(*argv, code=3)
    device.key(0, "X25519")
    assert "cannot sign" in device(*argv, code=2).err
    assert not out.exists()
    device = Device(tmp_path / "other")
    device.key(1, "P-256")
    device(*argv)
    done = subprocess.run(["openssl", "req", "-in", out, "-inform", "DER",
                           "-verify", "-noout", "-pubkey"],
                          capture_output=True, text=True, check=True)
    assert "verify OK" in done.stdout + done.stderr
    request = x509.load_der_x509_csr(out.read_bytes())
    assert request.public_key().public_numbers() == \
        device.public(1).public_numbers()
    assert len(list(request.subject)) == 0
    assert "--force" in device(*argv, code=4).err
    device(*argv, "--force")
    device(*argv, "--id", "00", "--force", code=2)
    for bad in (["--id", "0"], ["--id", "00" * 65], ["--text", "x" * 1025]):
        device("request", "--out", tmp_path / "y", *bad, code=2)
