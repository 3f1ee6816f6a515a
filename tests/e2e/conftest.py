"""What the end-to-end tests share: the programs, an ecosystem to copy, a
station whose keys the tests hold, faults to run through."""
import concurrent.futures
import datetime
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, x25519

import reader

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("IMPRINT_BIN") or ROOT / "build/dev")
TORTURE = bool(os.environ.get("TORTURE"))
PRODUCTS = ROOT / "examples/products"
URL = "https://pki.example.net"
PASSPHRASE = "correct horse"
SANITIZER = re.compile(r"Sanitizer|runtime error:")
TIMEOUT_S = 120


class Result:
    def __init__(self, argv, done):
        self.argv = argv
        self.code = done.returncode
        self.raw = done.stdout
        self.out = done.stdout.decode(errors="replace")
        self.err = done.stderr.decode(errors="replace")

    @property
    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return (f"{' '.join(map(str, self.argv))}\nexit code {self.code}\n"
                f"{self.out}{self.err}")

    __repr__ = __str__


def run(*argv, code=0, stdin=b"", env=None, cwd=None):
    """Run a program to its end. code: the exit code, several, or None: any
    but a crash."""
    __tracebackhide__ = True
    argv = [str(a) for a in argv]
    clean = {k: v for k, v in os.environ.items() if k != "IMPRINT_FAULT"}
    done = subprocess.run(argv, input=stdin, capture_output=True, cwd=cwd,
                          timeout=TIMEOUT_S, env={**clean, **(env or {})})
    result = Result(argv, done)
    assert not SANITIZER.search(result.err), result
    codes = (code,) if isinstance(code, int) else code
    if codes is None:
        assert 0 <= result.code < 128 and result.code != 70, result
    else:
        assert result.code in codes, result
    return result


def let_through(root):
    """Whoever the programs run as may reach root."""
    for path in [root, *root.parents]:
        mode = path.stat().st_mode
        if not mode & 0o001:
            path.chmod(mode | 0o011)


class Station:
    """A station of which the tests hold the keys."""

    def __init__(self, name):
        self.name = name
        self.sealing = x25519.X25519PrivateKey.generate()
        self.signing = ec.generate_private_key(ec.SECP256R1())

    def statement(self):
        payload = reader.cbor_encode([
            1, self.name, reader.cose_key(self.sealing.public_key()),
            reader.cose_key(self.signing.public_key()), int(time.time())])
        return reader.sign1(self.signing, reader.STATION_TYP, payload)


class Ecosystem:
    """A home directory with one ecosystem, "default"."""

    def __init__(self, root):
        self.root = Path(root)
        self.home = self.root / "home"
        self.dir = self.home / "ecosystems/default"
        self.passphrase = self.root / "passphrase"
        self.db = self.dir / "registry.db"
        self.stations = {}

    def options(self):
        return ["--home", self.home, "--passphrase-file", self.passphrase]

    def imprint(self, *argv, **options):
        return run(BIN / "imprint", *self.options(), *argv, **options)

    def faulty(self, fault, *argv, **options):
        return run(BIN / "imprint-faulty", *self.options(), *argv,
                   env={"IMPRINT_FAULT": fault}, **options)

    def copy(self, root):
        other = Ecosystem(root)
        # a server that ended leaves the name of its socket
        shutil.copytree(self.root, root, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("*.socket"))
        other.stations = dict(self.stations)
        return other

    def cheapen(self):
        """Spend no time on the passphrase any more."""
        for name in ("keystore", "operators/admin.key"):
            reader.keystore_cheapen(self.dir / name, PASSPHRASE.encode())

    def station_add(self, name):
        station = Station(name)
        path = self.root / f"{name}.station"
        path.write_bytes(station.statement())
        self.imprint("station", "add", path)
        self.stations[name] = station.sealing
        return station

    def order(self, count, *stations, chunk=None, product="camera",
              names=None):
        """Create an order; chunk: identities a chunk, smaller than usual so
        that a few identities make many chunks; names: a file of them."""
        argv = ["order", "create", "--product", product, "--count", count]
        if names is not None:
            argv += ["--names", names]
        for name in stations:
            argv += ["--station", name]
        number = self.imprint(*argv, "--json").json["order"]
        if chunk is not None:
            db = reader.sqlite3.connect(self.db)
            with db:
                db.execute("UPDATE orders SET chunk_size = ? "
                           "WHERE number = ?", (chunk, number))
            db.close()
        return number

    def pack(self, order=1, no=1):
        return self.dir / f"packs/order-{order}-{no}.pack"

    def check_complete(self, order=1):
        return reader.check_complete(self.dir, order, self.stations)


def init(root):
    eco = Ecosystem(root)
    eco.root.mkdir(parents=True, exist_ok=True)
    eco.passphrase.write_text(PASSPHRASE + "\n")
    eco.passphrase.chmod(0o600)
    return eco


def make_ecosystem(root, *options):
    eco = init(root)
    eco.imprint("init", "--publish-url", URL, *options)
    eco.cheapen()
    return eco


@pytest.fixture(scope="session")
def pristine(tmp_path_factory):
    """Made once, only to be copied."""
    return make_ecosystem(tmp_path_factory.mktemp("pristine"))


@pytest.fixture(scope="session")
def stocked(pristine, tmp_path_factory):
    """With the sample products and two stations; only to be copied."""
    eco = pristine.copy(tmp_path_factory.mktemp("stocked"))
    eco.imprint("product", "add", *sorted(PRODUCTS.glob("*.yaml")))
    eco.station_add("line-1")
    eco.station_add("line-2")
    return eco


@pytest.fixture(scope="session")
def issued(stocked, tmp_path_factory):
    """With order 1 run: 300 cameras for line-1 in chunks of 64. To be read
    or copied only."""
    eco = stocked.copy(tmp_path_factory.mktemp("issued"))
    eco.order(300, "line-1", chunk=64)
    eco.imprint("order", "run", 1)
    return eco


@pytest.fixture(scope="session")
def stranger(tmp_path_factory):
    """Another ecosystem with an order of its own."""
    eco = make_ecosystem(tmp_path_factory.mktemp("stranger"))
    eco.imprint("product", "add", PRODUCTS / "camera.yaml")
    eco.station_add("line-1")
    eco.order(5, "line-1")
    eco.imprint("order", "run", 1)
    return eco


@pytest.fixture
def eco(stocked, tmp_path):
    return stocked.copy(tmp_path / "eco")


CLOCK_SHIM = r"""
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	const char *to = getenv("TEST_CLOCK");
	long rc = syscall(SYS_clock_gettime, id, ts);

	if (id == CLOCK_REALTIME && to != NULL)
		ts->tv_sec = atoll(to);
	return (int)rc;
}

time_t
time(time_t *ret)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	if (ret != NULL)
		*ret = ts.tv_sec;
	return ts.tv_sec;
}
"""


@pytest.fixture(scope="session")
def clock(tmp_path_factory):
    """clock(text): the environment in which a program sees that time."""
    root = tmp_path_factory.mktemp("clock")
    (root / "clock.c").write_text(CLOCK_SHIM)
    library = root / "clock.so"
    run("gcc", "-shared", "-fPIC", "-O1", "-o", library, root / "clock.c")

    def environment(text):
        when = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
        # a sanitizer wants to be the first library; it is not this time
        return {"LD_PRELOAD": str(library),
                "ASAN_OPTIONS": "verify_asan_link_order=0",
                "TEST_CLOCK": str(int(when.timestamp()))}

    return environment


def on_terminal(argv, answers):
    """Run on a terminal of its own; answers: (what is waited for, typed)."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(argv[0], argv)
    shown = b""
    try:
        for awaited, typed in [*answers, (None, b"")]:
            while awaited is None or awaited not in shown:
                try:
                    more = os.read(fd, 4096)
                except OSError:     # the terminal is gone: it has ended
                    more = b""
                if not more:
                    break
                shown += more
            if typed:
                os.write(fd, typed)
                shown = shown + b"|"
    finally:
        os.close(fd)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), shown


def program_needed(name):
    return pytest.mark.skipif(not (BIN / name).exists(),
                              reason=f"{name} is not built")


def sample(count, most):
    """Numbers 1 .. count: all of them under TORTURE, else first, last and
    most evenly spread."""
    if TORTURE or count <= most:
        return list(range(1, count + 1))
    return sorted({1, count} | {1 + i * (count - 1) // (most - 1)
                                for i in range(most)})


def parallel(function, items):
    """function(item) for each on all cores; the first failure is raised."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(function, item) for item in items]
        try:
            for job in concurrent.futures.as_completed(jobs):
                job.result()
        finally:
            for job in jobs:
                job.cancel()


# Faults, and how a program that met one may end: a kill ends it by signal 9,
# an error of the disk with exit code 6 (or not at all where the operation
# was not needed, such as clearing up).
KILLED = (-9,)
FAILED = (6, 0)
FAULTS = {
    "kill": KILLED, "killafter": KILLED, "powercut": KILLED,
    "enospc": FAILED, "enospc-once": FAILED, "eio": FAILED,
    "syncfail": FAILED, "short": FAILED,
}


def fault_text(kind, at):
    return f"{kind}:{at}:{at * 7 + 1}" if kind == "powercut" else \
        f"{kind}:{at}"


sys.dont_write_bytecode = True
