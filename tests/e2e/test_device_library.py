"""libimprint-device.a as a port links it: what it asks of the system, and a
program of a few lines around it."""
import re
import shutil
import subprocess
import time

import pytest

from conftest import BIN, PRODUCTS, ROOT, make_ecosystem, run

ARCHIVE = BIN / "libimprint-device.a"
SYSTEM = {"memcmp", "memcpy", "memset", "memmove", "strcmp", "strlen"}
# of the compiler, not of a library of the system's
COMPILER = re.compile(r"__(asan|ubsan|stack_chk|sanitizer|gcov|mem\w+_chk)|"
                      r"_GLOBAL_OFFSET_TABLE_")
HEADER = ROOT / "device/include/imprint/device.h"
FLAGS = ["-std=c11", "-pedantic-errors", "-Wall", "-Wextra", "-Werror"]


def symbols(*argv):
    out = subprocess.run(["nm", *argv, ARCHIVE], capture_output=True,
                         text=True, check=True).stdout
    return {line.split()[-1] for line in out.splitlines()
            if len(line.split()) >= 2 and not line.endswith(":")}


def sanitized():
    return any(s.startswith(("__asan", "__ubsan"))
               for s in symbols("--undefined-only"))


def test_no_heap_no_stdio():
    """Not a call for memory, files, time or the environment."""
    missing = symbols("--undefined-only") - symbols("--defined-only")
    missing = {s for s in missing if not COMPILER.match(s)}
    assert missing - SYSTEM == set()
    assert "memcpy" in missing  # the list is one


def test_no_variables():
    """Caller-owned contexts: nothing that could be written to."""
    out = subprocess.run(["nm", "--defined-only", ARCHIVE],
                         capture_output=True, text=True, check=True).stdout
    kinds = {line.split()[1]: line.split()[2]
             for line in out.splitlines() if len(line.split()) == 3}
    if sanitized():
        pytest.skip("a sanitizer's build has variables of its own")
    assert kinds.keys() <= set("TtRr") | {"d"}, kinds
    # pointers in constant tables are relocated in position-independent code
    assert "d" not in kinds or ".data.rel.ro" in subprocess.run(
        ["objdump", "-h", ARCHIVE], capture_output=True, text=True,
        check=True).stdout


PORT = """
#include <imprint/device.h>

static int
sha256(void *state, const struct imprint_bytes *parts, size_t count,
    uint8_t ret_digest[IMPRINT_DEVICE_HASH_SIZE])
{
	(void)state; (void)parts; (void)count; (void)ret_digest;
	return -1;
}

int
main(void)
{
	static const uint8_t junk[] = { 0x80 };
	static struct imprint_device_identity id;
	struct imprint_device_crypto crypto = { 0 };
	struct imprint_device_trust trust = { 0 };
	struct imprint_device_report report;
	struct imprint_bytes package;

	package.ptr = junk;
	package.len = sizeof(junk);
	crypto.sha256 = sha256;
	if (imprint_device_verify(&crypto, package, &trust, &id, &report) !=
	    IMPRINT_DEVICE_OK)
		return 1;
	return report.verdict == IMPRINT_DEVICE_DENY_MALFORMED ? 0 : 2;
}
"""


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_port(tmp_path, compiler):
    """Strict C11, the header and the archive alone."""
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler}")
    if sanitized():
        pytest.skip("the archive needs a sanitizer's library")
    source = tmp_path / "port.c"
    source.write_text(PORT)
    subprocess.run([compiler, *FLAGS, "-I", HEADER.parent.parent, source,
                    ARCHIVE, "-o", tmp_path / "port"], check=True)
    subprocess.run([tmp_path / "port"], check=True)


def test_header_in_cpp(tmp_path):
    if not shutil.which("g++"):
        pytest.skip("no g++")
    source = tmp_path / "port.cc"
    source.write_text("#include <imprint/device.h>\n")
    subprocess.run(["g++", "-std=c++11", "-Wall", "-Werror", "-c",
                    "-I", HEADER.parent.parent, source, "-o",
                    tmp_path / "port.o"], check=True)


# The status of a device, by a list that the authority has published

class Device:
    def __init__(self, home):
        self.home = home

    def __call__(self, *argv, **options):
        return run(BIN / "imprint-device", "--home", self.home, *argv,
                   **options)

    def status(self, path, *argv, **options):
        return self("status", "--list", path, *argv, "--json",
                    **options).json


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    """Three devices with their identities, and the ecosystem they are of."""
    root = tmp_path_factory.mktemp("fleet")
    eco = make_ecosystem(root / "eco")
    eco.imprint("product", "add", PRODUCTS / "camera.yaml")
    line = root / "line"
    run(BIN / "imprint-station", "init", "--home", line, "--name", "line",
        "--trust", eco.dir / "publish/trust.pem")
    eco.imprint("station", "add", line / "line.station")
    eco.order(3, "line")
    eco.imprint("order", "run", 1)
    eco.imprint("order", "export", 1, "--out", root)
    run(BIN / "imprint-station", "import", "--home", line,
        next(root.glob("*.pack")))
    run(BIN / "imprint-station", "inject", "--home", line, "--command",
        f"cat > {root}/$IMPRINT_SEQUENCE")
    eco.devices = []
    for number in range(1, 4):
        device = Device(root / f"device-{number}")
        device("install", stdin=(root / str(number)).read_bytes())
        eco.devices.append(device)
    return eco


def test_status(fleet):
    """What the authority revokes and suspends, the device finds out."""
    path = fleet.dir / "publish/status/bulk-00000000.cwt"
    fleet.imprint("publish")
    for device in fleet.devices:
        assert device.status(path)["verdict"] == "accepted"
        kept = (device.home / "time")
        assert kept.stat().st_mode & 0o777 == 0o600
        assert abs(int(kept.read_text()) - time.time()) < 3600
    old = path.read_bytes()
    good, revoked, suspended = (d("show", "--json").json["ueid"]
                                for d in fleet.devices)
    fleet.imprint("revoke", revoked)
    fleet.imprint("suspend", suspended)
    fleet.imprint("publish")
    for device, verdict, code in zip(
            fleet.devices, ("accepted", "revoked", "suspended"), (0, 1, 1)):
        found = device.status(path, code=code)
        assert found["verdict"] == verdict
        # the identity itself is as good as before
        device("verify")
    bad = bytearray(path.read_bytes())
    bad[-9] ^= 1
    altered = fleet.devices[0].home / "altered"
    altered.write_bytes(bad)
    found = fleet.devices[0].status(altered, code=1)
    assert found["verdict"] == "signature wrong"
    altered.write_bytes(old[:-1])
    assert fleet.devices[0].status(altered, code=1)["verdict"] == "malformed"
    fleet.devices[0]("status", "--list", "/nowhere", code=3)
    # of its own state, with no list
    assert "identity  factory" in fleet.devices[0]("status").out


def test_time_kept(fleet):
    """A time that a server has signed is not gone after a restart."""
    device = fleet.devices[0]
    (device.home / "time").write_text(f"{int(time.time()) + 86400}\n")
    result = device("verify", "--json", code=1)
    assert result.json["verdict"] == "time unknown"
    (device.home / "time").write_text("later\n")
    assert "erase it" in device("verify", code=8).err
    (device.home / "time").unlink()
    device("verify")
