"""A product's form, as the station hands packages out; one device by its
serial."""
import base64
import struct
import subprocess
import zlib

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

import reader
from conftest import BIN, PRODUCTS, run
from line import Fixture, Served, readback, signature
from test_floor import make_floor

CAMERA = (PRODUCTS / "camera.yaml").read_text()
FORMS = ["pem", "der", "c", "ndjson"]


@pytest.fixture(scope="module")
def stations(pristine, tmp_path_factory):
    """A station for each form, with packs of three; to be copied only."""
    eco = pristine.copy(tmp_path_factory.mktemp("forms"))
    floor = None
    for number, form in enumerate([*FORMS, "image"], 1):
        name = "door-lock" if form == "image" else f"camera-{form}"
        text = (PRODUCTS / "door-lock.yaml").read_text() \
            if form == "image" else CAMERA.replace(
                "product: camera", f"product: {name}").replace(
                "CAM-{", f"{form}-{{") + f"\nform: {form}\n"
        path = eco.root / f"{name}.yaml"
        path.write_text(text)
        eco.imprint("product", "add", path)
        if floor is None:
            floor = make_floor(eco, eco.root / "floor", 3, name)
        else:
            eco.order(3, "line-9", product=name)
            eco.imprint("order", "run", number)
            eco.imprint("order", "export", number, "--out", floor.stick)
        floor.station("import", floor.stick / f"order-{number}-1.pack")
    return floor


@pytest.fixture
def floor(stations, tmp_path):
    return stations.copy(tmp_path / "floor")


def inject(floor, out, *argv, fail=False, **options):
    return floor.station(
        "inject", "--command", f"cat > {out}" + ("; exit 1" if fail else ""),
        *argv, **options)


def given(floor, tmp_path, serial, *argv):
    """What a device gets, and the same package as it is."""
    inject(floor, tmp_path / "formed", "--serial", serial, *argv, fail=True,
           code=1)
    inject(floor, tmp_path / "plain", "--serial", serial, "--form", "cbor")
    return [(tmp_path / n).read_bytes() for n in ("formed", "plain")]


def form(name, package):
    return run(BIN / "imprint-station", "form", name, stdin=package).raw


def test_product_form(floor, tmp_path):
    """Packs come in their order, each in its product's form; the same serial
    gets the same package."""
    for number, name in enumerate(FORMS):
        for device in range(3):
            formed, plain = given(floor, tmp_path, f"{name}-{device}")
            assert formed == form(name, plain)
    status = floor.status()
    assert sum(p["injected"] for p in status["packs"]) == 3 * len(FORMS)


def test_c_compiles(floor, tmp_path):
    """What a line for C headers gets, in a firmware's build."""
    done = inject(floor, tmp_path / "device.h", "--count", 1, "--form", "c")
    assert "1 injected" in done.out
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "device.h"\nint main(void) { '
        "return fwrite(imprint_document, 1, sizeof imprint_document, stdout)"
        " != sizeof imprint_document; }\n")
    subprocess.run(["gcc", "-std=c11", "-Wall", "-Werror", "-o",
                    tmp_path / "main", tmp_path / "main.c"], check=True)
    document = subprocess.run([tmp_path / "main"], check=True,
                              capture_output=True).stdout
    assert cbor2.loads(document).tag == 18


def parts_of(image):
    """By the layout in door-lock.yaml."""
    def part(at):
        size, = struct.unpack_from("<H", image, at)
        return image[at + 2:at + 2 + size]
    assert len(image) == 0x2000
    assert image[-4:] == struct.pack("<I", zlib.crc32(image[:-4]))
    key = ec.derive_private_key(int.from_bytes(image[0x20:0x40], "big"),
                                ec.SECP256R1())
    return image[:17], key, part(0x100), \
        x509.load_der_x509_certificate(part(0x800)), \
        x509.load_der_x509_certificate(part(0xc00))


def test_serve_image(floor):
    """A fixture gets the image, and what it reads back is the image."""
    token = floor.station("fixture", "add", "bench", "--json").json["token"]
    with Served(floor) as served:
        fixture = Fixture(served, "bench", token)
        answer = fixture.reserve("SN-1", product="door-lock")
        assert answer["code"] == 0 and answer["form"] == "image"
        image = base64.b64decode(answer["package"])
        ueid, key, document, certificate, issuer = parts_of(image)
        assert ueid.hex() == answer["ueid"]
        assert certificate.public_key().public_numbers() == \
            key.public_key().public_numbers()
        reader.certificate_verify(certificate, issuer)
        assert fixture.reserve("SN-1")["package"] == answer["package"]
        assert fixture.commit("SN-1", evidence=signature(key, answer))[
            "code"] == 0
        # a product of another form, and one without evidence
        answer = fixture.reserve("SN-2", product="camera-pem")
        assert answer["form"] == "pem"
        assert base64.b64decode(answer["package"]).count(
            b"BEGIN PRIVATE KEY") == 2
        wrong = {"readback": base64.b64encode(bytes(32)).decode()}
        assert fixture.commit("SN-2", evidence=wrong)["code"] == 40
        assert fixture.commit("SN-2", evidence=readback(answer))["code"] == 0
        fixture.close()


def test_inject_image(floor, tmp_path):
    """--form instead of the product's, with a layout of its own."""
    layout = tmp_path / "layout"
    layout.write_text("size 20\nat 0 ueid\n")
    inject(floor, tmp_path / "small", "--count", 1, "--form", "image",
           "--layout", layout)
    assert (tmp_path / "small").read_bytes()[17:] == b"\xff" * 3


def test_inject_evidence(floor, tmp_path):
    """A plug-in gets nothing of a product that asks for evidence: injected
    without it, the authority would take no report of the order."""
    out = tmp_path / "package"
    done = inject(floor, out, "--json")
    assert (done.json["injected"], done.json["ask_for_evidence"],
            done.json["left"]) == (12, 3, 3)
    assert "ask for evidence (3 packages)" in done.err
    out.unlink()
    done = inject(floor, out, code=3)
    assert "imprint-station serve" in done.err and not out.exists()
    # a fixture has reserved for a device: nor does a plug-in by its serial
    token = floor.station("fixture", "add", "bench", "--json").json["token"]
    with Served(floor) as served:
        fixture = Fixture(served, "bench", token)
        assert fixture.reserve("SN-1")["code"] == 0
        fixture.close()
    before = (floor.home / "ledger").read_bytes()
    for serial in "SN-1", "SN-2":
        done = inject(floor, out, "--serial", serial, code=(4))
        assert "asks for evidence, which" in done.err or \
            "another fixture" in done.err, done.err
    assert not out.exists()
    assert (floor.home / "ledger").read_bytes() == before


def test_form_refused(floor, tmp_path):
    """Before a package is used up."""
    before = floor.status()["packs"]
    out = tmp_path / "x"
    layout = tmp_path / "layout"
    layout.write_text("size 20\nat 0 document\n")
    for argv, message in [
            (("--form", "xml"), "there are cbor, pem, der"),
            (("--form", "image"), "a layout is needed"),
            (("--form", "pem", "--layout", layout), "--layout goes with"),
            (("--form", "image", "--layout", layout), "layout: line 2: ends"),
            (("--serial", "S", "--count", 1), "--serial is for one device"),
            (("--serial", ""), "visible ASCII"),
            (("--serial", "x" * 65), "1 to 64 characters"),
            (("--serial", "S\n"), "visible ASCII")]:
        done = inject(floor, out, *argv, code=(2, 64))
        assert message in done.err, done
    assert floor.status()["packs"] == before and not out.exists()


def test_serial(floor, tmp_path):
    """A device gets one identity, whatever happens to the plug-in."""
    out = tmp_path / "package"
    done = inject(floor, out, "--serial", "SN-7", fail=True, code=1)
    assert "kept for this serial: run it again" in done.err
    first = out.read_bytes()
    done = inject(floor, out, "--serial", "SN-7", "--json").json
    assert done["injected"] == 1 and done["left"] == 14
    assert out.read_bytes() == first
    done = inject(floor, out, "--serial", "SN-7", code=4)
    assert "serial SN-7: the device is done" in done.err
    inject(floor, out, "--serial", "SN-8")
    assert out.read_bytes() != first
    # what was started and never read its package
    done = floor.station("inject", "--command", "true", "--serial", "SN-9",
                         code=1)
    # the fixtures of the line know the device too
    token = floor.station("fixture", "add", "bench", "--json").json["token"]
    with Served(floor) as served:
        fixture = Fixture(served, "bench", token)
        assert fixture.query("SN-7")["state"] == "injected"
        assert fixture.reserve("SN-7")["code"] == 30
        fixture.close()


def test_serial_evidence(floor, tmp_path):
    """A product that asks for evidence is not for a plug-in."""
    for n in range(12):
        inject(floor, tmp_path / "x", "--serial", f"S{n}")
    done = inject(floor, tmp_path / "lock", "--serial", "S12", code=4)
    assert "asks for evidence, which a plug-in" in done.err
    assert not (tmp_path / "lock").exists()
