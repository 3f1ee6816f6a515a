"""imprintd when its clock is set, and when its processes die at any step of
an enrolment."""
import base64
import concurrent.futures
import contextlib
import datetime
import http.client
import json
import mmap
import os
import signal
import ssl
import struct
import threading
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import reader
from conftest import PRODUCTS, Station, program_needed, run, sample
from imprintd import (DONE, NAME, OPERATORS, PATIENCE_S, QUERY, REQUEST,
                      Authority, Server, wait_for)
from test_api import Remote
from test_imprintd_enrol import (CONFIRM, DEVICES, ENROL, Field, Holder, Issued,
                                 check_once, crowd, csr, enrol_until, factory,
                                 field, post, signature)
from test_local import STATION_ADD
from test_verify_service import devices_of

__all__ = ["factory", "field"]

pytestmark = program_needed("imprintd")

DAY_S = 86400

# What its processes see of a file that a test has, too: by how many seconds
# their clock is wrong; which role is to die, at how many calls to the system,
# counted from when that is set, and how often more after as many again; how
# many seconds more than in truth have gone by.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static struct shared {
	int64_t	clock, role, every, kills, count, elapsed;
} *shared;
static int64_t role;

__attribute__((constructor)) static void
begin(void)
{
	static char line[4096];
	int fd = open(getenv("TEST_SHARED"), O_RDWR | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		abort();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	close(fd);
	fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	len = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (shared == MAP_FAILED || len <= 0)
		abort();
	role = strcmp(line + strlen(line) + 1, "front") == 0 ? 1 :
	    strcmp(line + strlen(line) + 1, "authority") == 0 ? 2 : 0;
}

static void
step(void)
{
	int64_t count;

	if (role == 0 || shared->role != role)
		return;
	count = __atomic_add_fetch(&shared->count, 1, __ATOMIC_SEQ_CST);
	if (shared->every > 0 && count % shared->every == 0 &&
	    __atomic_fetch_sub(&shared->kills, 1, __ATOMIC_SEQ_CST) > 0)
		__builtin_trap();	/* at once, with nothing cleared up */
}

#define CALL(type, name, parameters, arguments)				\
type									\
name parameters								\
{									\
	static type (*next) parameters;					\
	type result;							\
									\
	if (next == NULL)						\
		next = (type (*) parameters)dlsym(RTLD_NEXT, #name);	\
	step();								\
	result = next arguments;					\
	step();								\
	return result;							\
}
CALL(ssize_t, read, (int f, void *b, size_t n), (f, b, n))
CALL(ssize_t, write, (int f, const void *b, size_t n), (f, b, n))
CALL(ssize_t, readv, (int f, const struct iovec *v, int n), (f, v, n))
CALL(ssize_t, writev, (int f, const struct iovec *v, int n), (f, v, n))
CALL(ssize_t, recv, (int f, void *b, size_t n, int o), (f, b, n, o))
CALL(ssize_t, send, (int f, const void *b, size_t n, int o), (f, b, n, o))
CALL(ssize_t, pwrite, (int f, const void *b, size_t n, off_t o),
    (f, b, n, o))
CALL(ssize_t, pwrite64, (int f, const void *b, size_t n, off_t o),
    (f, b, n, o))
CALL(int, accept4, (int f, struct sockaddr *a, socklen_t *n, int o),
    (f, a, n, o))
CALL(int, fsync, (int f), (f))
CALL(int, fdatasync, (int f), (f))

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	long rc = syscall(SYS_clock_gettime, id, ts);

	if (id == CLOCK_REALTIME)
		ts->tv_sec += shared->clock;
	else if (id == CLOCK_MONOTONIC)
		ts->tv_sec += shared->elapsed;
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
FRONT, AUTHORITY = 1, 2


class Shared:
    def __init__(self, library, path):
        path.write_bytes(bytes(mmap.PAGESIZE))
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        # a sanitizer wants to be the first library; it is not this time
        self.env = {"LD_PRELOAD": str(library), "TEST_SHARED": str(path),
                    "ASAN_OPTIONS": "verify_asan_link_order=0"}

    def clock(self, ahead_s):
        self.memory[:8] = struct.pack("=q", ahead_s)

    def elapse(self, more_s):
        self.memory[40:48] = struct.pack("=q", more_s)

    def kill(self, role, every, kills):
        self.memory[8:40] = struct.pack("=qqqq", role, every, kills, 0)

    def counted(self):
        return struct.unpack("=qq", self.memory[24:40])


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    root = tmp_path_factory.mktemp("shim")
    (root / "shim.c").write_text(SHIM)
    run("gcc", "-shared", "-fPIC", "-O1", "-o", root / "shim.so",
        root / "shim.c", "-ldl")
    return root / "shim.so"


@pytest.fixture
def shared(shim, tmp_path):
    return Shared(shim, tmp_path / "shared")


def whenever(server, holder):
    """By a client that does not look at the times of the server's
    certificate, which is of the server's clock."""
    context = server.context(holder)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def told(server, holder, request):
    status, fields, body = server.ask(
        "POST", "/v1/identity", request, whenever(server, holder),
        [("Content-Type", REQUEST)])
    assert status == 200 or int(fields["Retry-After"]) > 0, body
    return status


def dated(field):
    """When the last entry of the operations log is from."""
    (entry,), = reader.rows(field.eco.db, "SELECT entry FROM operation ORDER "
                            "BY seq DESC LIMIT 1")
    return reader.cbor_decode(entry)[3]


def test_clock_set(field, shared):
    """Back by a day, ahead by forty years: nobody is issued or told anything
    of that time, and all goes on by itself when the clock is right, which
    here is ten days ahead of the client's."""
    right_s, devices = 10 * DAY_S, iter(field.devices)
    shared.clock(right_s)
    with Server(field.eco, fronts=1, env=shared.env) as server:
        for wrong_s, said in ((-DAY_S, '"a new TLS certificate"'),
                              (40 * 365 * DAY_S, "no new TLS certificate")):
            before, one = next(devices), next(devices)
            assert told(server, before, before.with_keys(ENROL)[0]) == 200
            shared.clock(right_s + wrong_s)
            wait_for(lambda: said in server.text())
            request, _ = one.with_keys(ENROL)
            assert told(server, one, request) == 503
            shared.clock(right_s)
            assert told(server, one, request) == 200
            assert abs(dated(field) - right_s - time.time()) < PATIENCE_S
        assert "clock: it says" in server.text()
        assert server.figures()["turns_lost_total"] == 2
        wait_for(lambda: server.monitor("/readyz")[0] == 200)


def test_clock_was_ahead(field, shared):
    """By a day and some devices: what is on record then is told to the
    operator, who decides; what devices asked meanwhile is not lost."""
    first, second = field.devices[:2]
    (late, keys), (early, _) = first.with_keys(ENROL), second.with_keys(ENROL)
    with Server(field.eco, fronts=1, env=shared.env) as server:
        assert server.ask("GET", "/healthz")[0] == 200
        shared.clock(DAY_S)
        wait_for(lambda: "a new TLS certificate" in server.text())
        assert told(server, second, early) == 200
        shared.clock(0)
        # reached by who looks at the times, too
        wait_for(lambda: server.text().count("a new TLS certificate") == 2)
        answer = server.identity(late, first)
        assert answer[0] == 503 and int(answer[1]["Retry-After"]) > 0
    refused = field.eco.imprint("publish", code=4)
    assert "imprint clock accept" in refused.err
    field.eco.imprint("clock", "accept")
    with Server(field.eco, fronts=1) as server:
        body = enrol_until(server, first, late, threading.Event())
        assert Issued(field.root, body, keys).ueid == first.ueid
    field.eco.imprint("log", "verify")


def authority_of(field, shared):
    return Authority(field.eco, env={**os.environ, **shared.env})


def test_clock_was_ahead_when_it_began(field, shared):
    """Operators' requests and actions are taken once it is right; what is on
    record stays before them."""
    admin = Remote(field.eco)

    def station(ahead_s):
        return admin.request(STATION_ADD, Station(
            f"line-{ahead_s}").statement(), when=time.time() + ahead_s)

    def stop():
        target = "/v1/orders/1/stop"
        return front.ask(QUERY, ["POST", target, admin.query(
            "POST", target), b""])

    with authority_of(field, shared) as authority:
        assert authority.front().ask(OPERATORS, station(600))[0] == DONE
    shared.clock(DAY_S)
    with authority_of(field, shared) as authority:
        front = authority.front()
        early = front.ask(OPERATORS, station(700))[1]
        shared.clock(0)
        assert early[:2] == [409, "time"]
        # for what it recorded when it began
        field.eco.imprint("clock", "accept")
        wait_for(lambda: stop()[0] == DONE)
        assert front.ask(OPERATORS, station(300))[1][:2] == [409, "time"]
        last = front.ask(OPERATORS, station(700))
        assert last[0] == DONE, last
    assert "the clock went back" in authority.err
    field.eco.imprint("log", "verify")


def test_clock_was_ahead_of_actions(field, shared):
    """What an operator began while it was ahead keeps him from nothing
    until it gets there."""
    admin = Remote(field.eco)

    def begin(ahead_s):
        target = "/v1/orders/1/run"
        return front.ask(QUERY, ["POST", target, admin.query(
            "POST", target, when=time.time() + ahead_s + 2), b""])[1][:2]

    with authority_of(field, shared) as authority:
        front = authority.front()
        wait_for(lambda: begin(0) != [409, "time"])
        shared.clock(DAY_S)
        said = wait_for(lambda: (said := begin(DAY_S)) != [409, "state"] and
                        said)
        assert said == [503, "busy"]
        shared.clock(0)
        assert begin(0) == [409, "state"]


def test_clock_set_under_a_file(field, shared):
    """What an operator hands in is there for a quarter of an hour, whatever
    the clock says."""
    admin, part = Remote(field.eco), b"part"

    def put(at, ahead_s):
        shared.clock(ahead_s)
        target = f"/v1/files?at={at}&part={reader.sha256(part).hex()}"
        kind, body = front.ask(QUERY, ["POST", target, admin.query(
            "POST", target, when=time.time() + ahead_s), part])
        return json.loads(body)["size"] if kind == DONE else body[1]

    with authority_of(field, shared) as authority:
        front = authority.front()
        assert put(0, 0) == 4
        shared.elapse(890)
        assert [put(4, DAY_S), put(8, -DAY_S)] == [8, 12]
        shared.elapse(1800)
        assert put(12, -DAY_S) == "state"


def confirm_all(field, server, asked, answers, path):
    """By the keys that they asked for: each answer is whole and its own."""
    for at, ((_, keys), answer) in enumerate(zip(asked, answers)):
        issued = Issued(field.root, answer, keys)
        holder = Holder(field.root, path / f"now-{at}", keys[0], issued.leaf)
        body = enrol_until(server, holder, holder.request(
            CONFIRM, issued.hash), threading.Event())
        assert Issued(field.root, body).result == 2


def test_fronts_die(field, shared, tmp_path):
    """Before and after whatever they do, under load: each device has its one
    identity, however often it asked."""
    with Server(field.eco, env=shared.env) as server:
        assert server.ask("GET", "/healthz")[0] == 200
        asked, answers = crowd(
            # with the first one eight, as many as are given at once
            field, server, lambda _: shared.kill(FRONT, 23, 7))
        assert shared.counted()[0] < 0      # as often as it was to be
        check_once(field, server, asked, answers)
        confirm_all(field, server, asked[:4], answers, tmp_path)
        assert server.figures()['requests_total{verdict="done"}'] == \
            DEVICES + 4
        wait_for(lambda: server.text().count("was ended by signal") == 7)
    field.eco.imprint("log", "verify")
    field.eco.imprint("doctor")


def ask_once(server, holder, request):
    """What a device has been told, if it was."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        status, _, body = post(server, holder, request)
        assert status in (200, 503), body
        return body if status == 200 else None
    return None


def at_once(field, server, asked):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda one: ask_once(server, *one), [
            (holder, request) for holder, (request, _) in
            zip(field.devices, asked)]))


def steps(factory, shared, path, role, count):
    """How often a role calls the system for so many devices at once."""
    field = Field(factory, path / "eco")
    asked = [one.with_keys(ENROL) for one in field.devices[:count]]
    with Server(field.eco, fronts=1, env=shared.env) as server:
        assert server.ask("GET", "/healthz")[0] == 200
        shared.kill(role, 0, 0)
        assert None not in at_once(field, server, asked)
        return shared.counted()[1]


def test_authority_dies(factory, shared, tmp_path):
    """The same; what was told before is so afterwards."""
    # those that come in larger turns take fewer
    count = steps(factory, shared, tmp_path, AUTHORITY, DEVICES) // 2
    died, points = 0, sample(count, 5)
    for at in points:
        field = Field(factory, tmp_path / f"at-{at}")
        asked = [one.with_keys(ENROL) for one in field.devices]
        with Server(field.eco, env=shared.env) as server:
            server.codes = (0, 70)
            assert server.ask("GET", "/healthz")[0] == 200
            shared.kill(AUTHORITY, at, 1)
            told_before = at_once(field, server, asked)
        died += server.process.returncode == 70
        shared.kill(0, 0, 0)
        with Server(field.eco) as server:
            late = at_once(field, server, asked)
            check_once(field, server, asked, late)
            for before, after in zip(told_before, late):
                assert before is None or \
                    Issued(field.root, before).octets == \
                    Issued(field.root, after).octets
        field.eco.imprint("log", "verify")
    assert 5 * died >= 3 * len(points)


def test_front_dies(factory, shared, tmp_path):
    """At each call to the system that it makes for a few devices, which ask
    until they are told; what was told is so afterwards."""
    count = steps(factory, shared, tmp_path, FRONT, 4)
    died, points = 0, sample(count, 5)
    for at in points:
        field = Field(factory, tmp_path / f"at-{at}")
        field.devices = field.devices[:4]
        asked = [one.with_keys(ENROL) for one in field.devices]
        with Server(field.eco, fronts=1, env=shared.env) as server:
            assert server.ask("GET", "/healthz")[0] == 200
            shared.kill(FRONT, at, 1)
            told_before = at_once(field, server, asked)
            died += shared.counted()[0] < 1
            shared.kill(0, 0, 0)
            late = [enrol_until(server, holder, request, threading.Event())
                    for holder, (request, _) in zip(field.devices, asked)]
            check_once(field, server, asked, late)
            for before, after in zip(told_before, late):
                assert before is None or \
                    Issued(field.root, before).octets == \
                    Issued(field.root, after).octets
        field.eco.imprint("log", "verify")
    assert 5 * died >= 4 * len(points), (died, len(points))


def test_certificates_change(field):
    """While all devices enrol: none of them is told to come again, or loses
    its connection; those that come later see the new certificate."""
    asked = [one.with_keys(ENROL) for one in field.devices]
    with Server(field.eco) as server:
        before, jobs = server.serials(), []
        half, request = server.dial(server.context(field.devices[0])), \
            asked[0][0]
        half.sendall((f"POST /v1/identity HTTP/1.1\r\nHost: {NAME}\r\n"
                      f"Content-Type: {REQUEST}\r\nConnection: close\r\n"
                      f"Content-Length: {len(request)}\r\n\r\n").encode() +
                     request[:100])
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for at, one in enumerate(field.devices[1:], 1):
                if at % 8 == 1:
                    server.process.send_signal(signal.SIGHUP)
                jobs.append(pool.submit(post, server, one, asked[at][0]))
                time.sleep(0.02)
            answers = [job.result() for job in jobs]
        assert [status for status, _, _ in answers] == [200] * (DEVICES - 1)
        wait_for(lambda: not before & server.serials())
        half.sendall(request[100:])
        reply = http.client.HTTPResponse(half)
        reply.begin()
        assert reply.status == 200
        check_once(field, server, asked,
                   [reply.read()] + [body for _, _, body in answers])


def test_authority_hangs(field):
    """It is there and does nothing for a while: its fronts go on, and what
    devices asked meanwhile is answered then."""
    asked = [one.with_keys(ENROL) for one in field.devices]
    with Server(field.eco) as server:
        assert server.ask("GET", "/healthz")[0] == 200
        authority, = server.role("authority")
        os.kill(authority, signal.SIGSTOP)
        with concurrent.futures.ThreadPoolExecutor(DEVICES) as pool:
            jobs = [pool.submit(post, server, one, request)
                    for one, (request, _) in zip(field.devices, asked)]
            for _ in range(8):
                assert server.ask("GET", "/pub/trust.pem")[0] == 200
            assert not any(job.done() for job in jobs)
            os.kill(authority, signal.SIGCONT)
            answers = [job.result() for job in jobs]
        assert {status for status, _, _ in answers} == {200}
        check_once(field, server, asked, [body for _, _, body in answers])


def test_bootstrap_expired(stocked, tmp_path, clock):
    """It enrols nothing any more, natively or by EST; what it was told in
    time is told again."""
    eco = stocked.copy(tmp_path / "eco")
    for name, change in (("doorbell-idevid", ("validity: never\n",
                                              "validity: 1 year\n")),
                         ("doorbell", ("bootstrap: doorbell-idevid",
                                       "bootstrap: doorbell-idevid\n  est: 9")
                          )):
        text = (PRODUCTS / f"{name}.yaml").read_text()
        path = tmp_path / f"{name}.yaml"
        path.write_text(text.replace('"1.0.0"', '"1.1.0"', 1).replace(
            *change, 1))
        eco.imprint("product", "add", path)
    eco.order(DEVICES, "line-1", product="doorbell-idevid")
    eco.imprint("order", "run", 1)
    field = Field((eco, devices_of(eco, DEVICES)), tmp_path / "field")
    first, second = field.devices[:2]
    (early, _), (late, _) = first.with_keys(ENROL), second.with_keys(ENROL)
    with Server(field.eco, fronts=1) as server:
        assert told(server, first, early) == 200
    later = datetime.datetime.now(datetime.timezone.utc) + \
        datetime.timedelta(days=400)
    with Server(field.eco, fronts=1, env=clock(later.isoformat())) as server:
        for holder, request in ((second, late),
                                (first, first.with_keys(ENROL)[0])):
            status, _, body = server.ask(
                "POST", "/v1/identity", request, whenever(server, holder),
                [("Content-Type", REQUEST)])
            assert (status, json.loads(body)["reason"]) == (403, "expired")
        status, _, body = server.ask(
            "POST", "/.well-known/est/simpleenroll", base64.b64encode(csr(
                ec.generate_private_key(ec.SECP256R1()))),
            whenever(server, second), [("Content-Type",
                                        "application/pkcs10")])
        assert (status, json.loads(body)["reason"]) == (403, "expired")
        assert told(server, first, early) == 200


def bad_keys(good):
    """COSE keys in the places of a P-256 and an X25519 one."""
    agree = {1: 1, -1: 4, -2: os.urandom(32)}
    for name, change in (
            ("not on the curve", {-3: bytes(31) + b"\x01"}),
            ("zero", {-2: bytes(32), -3: bytes(32)}),
            ("beyond the field", {-2: b"\xff" * 32}),
            ("short", {-2: bytes(31)}), ("long", {-2: bytes(33)}),
            ("no y", {-3: None}), ("sign of y", {-3: True}),
            ("secp256k1", {-1: 8}), ("P-384 of 32 octets", {-1: 2}),
            ("no such curve", {-1: 99}), ("no such type", {1: 77}),
            ("huge", {-2: bytes(30000)}), ("of Ed25519", {1: 1, -1: 6}),
            ("symmetric", {1: 4, -1: bytes(32)}), ("private", {-4: bytes(32)})):
        yield name, {**good, **change}, agree
    # of small order: the same secret for everybody (RFC 7748 7)
    for name, x in (("zero", bytes(32)), ("one", b"\x01" + bytes(31)),
                    ("of order 8", bytes.fromhex(
                        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd8662"
                        "05165f49b800")), ("short", bytes(31))):
        yield f"X25519 {name}", good, {**agree, -2: x}


def test_bad_keys(field):
    """In signed requests, with good proofs: refused, whoever signs for
    them."""
    one, key = field.devices[0], ec.generate_private_key(ec.SECP256R1())
    good = reader.cose_key(key.public_key())
    with Server(field.eco, fronts=1) as server:
        for name, first, second in [*bad_keys(good), (None, good, {
                1: 1, -1: 4, -2: b"\x09" + bytes(31)})]:
            ident = os.urandom(16)
            first = {k: v for k, v in first.items() if v is not None}
            proof = signature(key, reader.cbor_encode(
                ["imprint device key", reader.sha256(field.root), ident, 0,
                 first]))
            status, _, body = post(server, one, one.request(
                ENROL, [[[0, first, proof], [1, second, None]], None],
                ident))
            if name is None:
                assert status == 200
                break
            said = json.loads(body)
            assert status in (400, 422) and "sign for itself" not in \
                said["detail"], (name, said)
        assert server.figures()['requests_total{verdict="done"}'] == 1
