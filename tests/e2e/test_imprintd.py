"""imprintd: its processes, what each can and cannot do, and their ends."""
import concurrent.futures
import contextlib
import email.utils
import http.client
import json
import os
import pwd
import pwd
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

import reader
from conftest import (BIN, PASSPHRASE, ROOT, Ecosystem, program_needed,
                      run)
from imprintd import (ALLOWED, CERTIFICATE, DONE, EST, EST_KEYGEN, EST_WISH,
                      FIGURES, IDENTITY, LEDGER_HEAD, NAME, OPERATORS,
                      PATIENCE_S, QUERY, REFUSED, REQUEST, WELCOME, Authority,
                      Server, children, exchange, wait_for)
from test_verify_service import devices_of

pytestmark = program_needed("imprintd")

COUNTS = 19


@pytest.fixture(scope="module")
def eco(issued, tmp_path_factory):
    return issued.copy(tmp_path_factory.mktemp("imprintd") / "eco")


@pytest.fixture(scope="module")
def device(eco):
    return devices_of(eco, 1)[0]


@pytest.fixture(scope="module")
def foreigner(stranger, tmp_path_factory):
    other = stranger.copy(tmp_path_factory.mktemp("foreigner") / "eco")
    return devices_of(other, 1)[0]


@pytest.fixture(scope="module")
def server(eco):
    with Server(eco) as running:
        yield running


def problem(answer, status):
    got, fields, body = answer
    assert got == status, (got, body)
    assert fields["Content-Type"] == "application/problem+json"
    said = json.loads(body)
    assert said["status"] == status
    return said


def test_there(server):
    assert server.ask("GET", "/healthz")[0] == 200
    wait_for(lambda: server.ask("GET", "/readyz")[0] == 200)
    wait_for(lambda: server.monitor("/readyz")[0] == 200)
    # figures are not for devices
    assert server.ask("GET", "/metrics")[0] == 404
    assert server.monitor("/v1/identity")[0] == 404
    wait_for(lambda: server.figures()["front_starts_total"] == 2)
    figures = server.figures()
    assert figures["up"] == 1
    assert figures["replies_total{class=\"2xx\"}"] >= 1
    assert figures["disk_free_bytes"] > 0
    # it is held: one writer
    server.eco.imprint("product", "add", BIN / "none", code=(2, 3, 6, 7))
    busy = server.eco.imprint("anchor", "set", "--program", "/bin/true",
                              code=7)
    assert "stop imprintd first" in busy.err


def test_certificate(server):
    """A day at most, for the name, from the infrastructure CA."""
    with server.dial() as tls:
        leaf = x509.load_der_x509_certificate(tls.getpeercert(True))
    names = leaf.extensions.get_extension_for_class(
        x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [NAME]
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert list(usage.value) == [x509.ExtendedKeyUsageOID.SERVER_AUTH]
    life = leaf.not_valid_after - leaf.not_valid_before
    assert life.total_seconds() == 86400
    context = server.context()
    context.check_hostname = True
    plain = socket.create_connection(("127.0.0.1", server.port))
    with pytest.raises(ssl.SSLCertVerificationError):
        context.wrap_socket(plain, server_hostname="other.example.net")


def test_published(server):
    trust = (server.eco.dir / "publish/trust.pem").read_bytes()
    status, fields, body = server.ask("GET", "/pub/trust.pem")
    assert (status, body) == (200, trust)
    assert fields["Content-Type"] == "application/x-pem-file"
    checkpoint = server.eco.dir / "publish/log/bulk/checkpoint"
    status, _, body = server.ask("GET", "/pub/log/bulk/checkpoint")
    assert (status, body) == (200, checkpoint.read_bytes())
    # of many parts, by several at once over one connection each
    large = os.urandom(1 << 20) * 3
    (server.eco.dir / "publish/large.bin").write_bytes(large)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for answer in pool.map(lambda _: server.ask(
                "GET", "/pub/large.bin"), range(8)):
            assert answer[0] == 200 and answer[2] == large
    with server.client() as client:
        for _ in range(3):
            assert exchange(client, "GET", "/pub/trust.pem")[2] == trust


def test_published_unchanged(server):
    """Who has it already does not get it again, until it is another."""
    path = server.eco.dir / "publish/polled.crl"
    path.write_bytes(b"one")
    with server.client() as client:
        status, fields, body = exchange(client, "GET", "/pub/polled.crl")
        assert (status, body) == (200, b"one")
        tag = fields["ETag"]
        assert re.fullmatch('"[0-9a-f-]+"', tag)
        for named in (tag, f'"x", W/{tag}', "*"):
            status, fields, body = exchange(
                client, "GET", "/pub/polled.crl",
                fields=[("If-None-Match", named)])
            assert (status, body, fields["ETag"]) == (304, b"", tag)
            assert fields["Cache-Control"] == "no-cache"
            assert "Content-Length" not in fields
        beside = path.with_suffix(".tmp")
        beside.write_bytes(b"two")
        beside.rename(path)
        for named in (tag, '"x"', "x" * 300):
            status, fields, body = exchange(
                client, "GET", "/pub/polled.crl",
                fields=[("If-None-Match", named)])
            assert (status, body) == (200, b"two") and fields["ETag"] != tag
        tag = fields["ETag"]

        def status(*fields):
            return exchange(client, "GET", "/pub/polled.crl",
                            fields=fields)[0]

        # several lines are one list: RFC 9110 5.3
        assert status(("If-None-Match", '"x"'), ("If-None-Match", tag)) == 304
        # RFC 9110 13.1.1, 13.2.2: strong, and before If-None-Match
        for named in (tag, f'"x", {tag}', "*", f"W/{tag}, {tag}"):
            assert status(("If-Match", named)) == 200
            assert status(("If-Match", named), ("If-None-Match", tag)) == 304
        assert status(("If-Match", '"x"'), ("If-Match", tag)) == 200
        for named in ('"x"', f"W/{tag}", tag[:-1]):
            assert status(("If-Match", named)) == 412
            assert status(("If-Match", named), ("If-None-Match", tag)) == 412
        assert status(("If-Match", '"x", ' * 200 + tag)) == 431
    for field in ("If-None-Match", "If-Match"):
        problem(server.ask("GET", "/pub/none", fields=[(field, "*")]), 404)


def test_raw(server):
    """What only octets can say."""
    for head, start in (
            (b"GET /healthz HTTP/1.1\r\nHost: a b\r\n", b"HTTP/1.1 400 "),
            (b"GET /healthz HTTP/1.1\r\nHost: [::1]:8\r\n",
             b"HTTP/1.1 200 "),
            # RFC 9110 10.1.1
            (b"POST /v1/requests HTTP/1.0\r\nExpect: 100-continue\r\n"
             b"Content-Length: 1\r\n", b"HTTP/1.1 415 "),
            (b"POST /v1/requests HTTP/1.1\r\nHost: a\r\n"
             b"Expect: 100-continue\r\nContent-Length: 1\r\n",
             b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 415 ")):
        with server.dial() as tls:
            tls.sendall(head + b"Connection: close\r\n\r\n")
            time.sleep(0.2)
            if head.startswith(b"POST"):
                tls.sendall(b"x")
            with tls.makefile("rb") as file:
                answer = file.read()
        assert answer.startswith(start), answer
        # RFC 9110 6.6.1
        date = re.search(rb"\r\nDate: ([^\r]+)\r\n", answer).group(1)
        sent = email.utils.parsedate_to_datetime(date.decode())
        assert abs(sent.timestamp() - time.time()) < 60
        assert date.endswith(b" GMT") and len(date) == 29
    # RFC 9110 8.3.1
    for kind in ("Application/Imprint-Request+COSE",
                 "application/imprint-request+cose ; x=y"):
        problem(server.ask("POST", "/v1/requests", b"x",
                           fields=[("Content-Type", kind)]), 400)


def test_not_published(server):
    (server.eco.dir / "publish/half.crl.tmp").write_bytes(b"x")
    os.symlink("../keystore", server.eco.dir / "publish/link")
    os.symlink("..", server.eco.dir / "publish/up")
    for path in ("../keystore", "link", "up/keystore", "./trust.pem",
                 "log/../../keystore", "%2e%2e/keystore", "half.crl.tmp",
                 "none", "log", "log/", "/etc/passwd", "a" * 300, "a?b/.."):
        problem(server.ask("GET", f"/pub/{path}"), 404)
    assert server.ask("GET", "/pub/")[0] == 404
    assert server.ask("POST", "/pub/trust.pem", b"x")[0] == 405


def test_methods(server):
    est = "/.well-known/est"
    for path in ("/healthz", "/readyz", "/pub/trust.pem", f"{est}/cacerts",
                 "/v1/openapi.json", "/pub/none", f"{est}/none"):
        with server.client() as client:
            said = exchange(client, "GET", path)
            told = exchange(client, "HEAD", path)
            assert exchange(client, "GET", path)[2] == said[2]
        assert (told[0], told[2]) == (said[0], b"")
        assert told[1]["Content-Length"] == str(len(said[2]))
    for method, path, allow in (
            ("PUT", "/pub/trust.pem", "GET, HEAD"),
            ("DELETE", "/v1/identity", "POST"),
            ("GET", f"{est}/simpleenroll", "POST"),
            ("GET", f"{est}/label/serverkeygen", "POST"),
            ("POST", f"{est}/cacerts", "GET, HEAD"),
            ("POST", f"{est}/csrattrs", "GET, HEAD")):
        said = server.ask(method, path, b"")
        problem(said, 405)
        assert said[1]["Allow"] == allow
    assert server.identity(b"x")[1]["WWW-Authenticate"] == "Imprint"
    # by way of a proxy (RFC 9112 3.2.2)
    assert server.ask("GET", f"https://elsewhere/{est[1:]}/cacerts")[0] == 200


def test_client_certificates(server, device, foreigner):
    said = problem(server.identity(b"x"), 401)
    assert "certificate" in said["detail"]
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        status, _, _ = server.identity(b"x", device, version=version)
        assert status not in (200, 401, 500, 503)
        # of another ecosystem: not let in at all
        with pytest.raises((ssl.SSLError, ConnectionError)):
            server.identity(b"x", foreigner, version=version)


def resumed(server, context, session=None):
    """A request over a session: its status, whether it was resumed, the
    session to go on with."""
    plain = socket.create_connection(("127.0.0.1", server.port),
                                     timeout=PATIENCE_S)
    with context.wrap_socket(plain, server_hostname=NAME,
                             session=session) as tls:
        tls.sendall(b"POST /v1/identity HTTP/1.1\r\nHost: a\r\n"
                    b"Content-Type: application/imprint-device-request+cose"
                    b"\r\nContent-Length: 1\r\n\r\nx")
        status = int(tls.recv(4096).split()[1])
        return status, tls.session_reused, tls.session


def test_resumed(issued, tmp_path):
    """By any front, which knows the client again, and no longer than the
    authority runs; TLS 1.2 begins anew each time."""
    eco = issued.copy(tmp_path / "eco")
    device = devices_of(eco, 1)[0]
    with Server(eco) as server:
        context = server.context(device)
        status, _, session = resumed(server, context)
        assert status == 400 and session.has_ticket
        assert session.ticket_lifetime_hint == 3600
        for _ in range(8):      # fronts take turns
            assert resumed(server, context, session)[:2] == (400, True)
        old = server.context(device, ssl.TLSVersion.TLSv1_2)
        _, _, before = resumed(server, old)
        assert not before.has_ticket
        assert resumed(server, old, before)[:2] == (400, False)
        # a new certificate is no reason to forget
        logged = server.text().count("a new TLS certificate")
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: server.text().count("a new TLS certificate") ==
                 logged + 2)
        assert resumed(server, context, session)[:2] == (400, True)
        _, _, later = resumed(server, context)
        # nor are new keys of tickets; those of before the last are forgotten
        told = server.text().count("new trust and keys of tickets")
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: server.text().count(
            "new trust and keys of tickets") == told + 2)
        for _ in range(4):
            assert resumed(server, context, later)[:2] == (400, True)
            status, again, fresh = resumed(server, context, session)
            assert (status, again) == (400, False)
            assert resumed(server, context, fresh)[:2] == (400, True)
    with Server(eco) as server:
        assert resumed(server, context, later)[:2] == (400, False)


# an hour a second
HASTE = r"""
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	long rc = syscall(SYS_clock_gettime, id, ts);

	if (id == CLOCK_MONOTONIC)
		ts->tv_sec = ts->tv_sec * 3600 + ts->tv_nsec / 277778;
	return (int)rc;
}
"""


def test_ticket_keys(issued, tmp_path):
    """Keys of tickets are new on a signal and every hour: the same for all
    fronts, which are told so and have the one before, too."""
    counts = [0] * COUNTS

    def tickets(front):
        kind, body = front.ask(WELCOME, None)
        assert kind == DONE and len(body[1]) == 160
        return body[2], body[1][:80], body[1][80:]

    eco = issued.copy(tmp_path / "eco")
    with Authority(eco) as authority:
        one, other = authority.front(0), authority.front(1)
        first = tickets(one)
        assert tickets(one) == tickets(other) == first
        authority.control.send(b"!")
        count, key, before = wait_for(
            lambda: (now := tickets(one)) != first and now)
        assert tickets(other) == (count, key, before)
        assert count > first[0] and before == first[1] != key
        assert one.ask(FIGURES, counts)[1][1] == count
    (tmp_path / "haste.c").write_text(HASTE)
    library = tmp_path / "haste.so"
    run("gcc", "-shared", "-fPIC", "-O1", "-o", library, tmp_path / "haste.c")
    env = {**os.environ, "LD_PRELOAD": str(library),
           "ASAN_OPTIONS": "verify_asan_link_order=0"}
    with Authority(eco, env=env) as authority:
        front = authority.front()
        seen = [tickets(front)]
        while len(seen) < 4:
            seen.append(wait_for(
                lambda: (now := tickets(front)) != seen[-1] and now))
        for old, new in zip(seen, seen[1:]):
            assert new[0] > old[0]
            assert new[0] > old[0] + 1 or new[2] == old[1]
        assert len({key for _, key, _ in seen}) == 4


def test_bad_requests(server, device):
    problem(server.identity(b"x", device, kind="application/cbor"), 415)
    problem(server.identity(b"x", device, kind=REQUEST.upper() + ";x=y"), 400)
    problem(server.identity(b"", device), 400)
    said = problem(server.identity(b"x" * 65537, device), 413)
    assert (said["reason"], said["title"]) == ("limit", "Content Too Large")
    said = problem(server.ask("GET", "/v1/identity"), 405)
    assert said["reason"] == "method"
    said = problem(server.ask("GET", "/v1/nothing"), 404)
    assert (said["title"], said["reason"]) == ("Not Found", "not-found")
    for raw, status in ((b"GET / HTTP/1.1\r\n\r\n", 400),
                        (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
                        (b"POST /v1/identity HTTP/1.1\r\nHost: a\r\n"
                         b"Transfer-Encoding: chunked\r\n\r\n", 411),
                        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " +
                         b"x" * 9000 + b"\r\n\r\n", 431)):
        with server.dial() as tls:
            tls.sendall(raw)
            reply = http.client.HTTPResponse(tls)
            reply.begin()
            assert reply.status == status
            problem((reply.status, reply.headers, reply.read()), status)


def test_bad_tls(server):
    for raw in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", os.urandom(5000),
                b"\x16\x03\x01\xff\xff" + b"\x01" * 100):
        with socket.create_connection(("127.0.0.1", server.port),
                                      timeout=PATIENCE_S) as plain:
            plain.sendall(raw)
            try:
                plain.shutdown(socket.SHUT_WR)
                got = plain.recv(1000)
            except OSError:     # it was quicker
                got = b""
            assert b"HTTP" not in got
    assert server.ask("GET", "/healthz")[0] == 200


def test_slow(server):
    """Who never ends a handshake or a request, or does not read what it
    asked for, is closed; others are answered meanwhile."""
    def held():
        return sum(len(os.listdir(f"/proc/{pid}/fd"))
                   for pid in server.role("front"))

    assert server.ask("GET", "/healthz")[0] == 200
    before, size = held(), 32 << 20
    path = server.eco.dir / "publish/slow.bin"
    path.touch()
    os.truncate(path, size)
    deaf = server.dial()
    deaf.sendall(b"GET /pub/slow.bin HTTP/1.1\r\nHost: a\r\n\r\n")
    lazy = [socket.create_connection(("127.0.0.1", server.port),
                                     timeout=PATIENCE_S) for _ in range(20)]
    late = [server.dial() for _ in range(4)]
    for tls in late:
        tls.sendall(b"POST /v1/identity HTTP/1.1\r\nHost: a\r\n")
    begun = time.monotonic()
    while time.monotonic() < begun + 1:
        assert server.ask("GET", "/healthz")[0] == 200
    for end in lazy:
        assert end.recv(10) == b""
        end.close()
    for tls in late:
        try:
            assert tls.recv(10) == b""
        except OSError:
            pass
        tls.close()
    assert 5 < time.monotonic() - begun < 20
    wait_for(lambda: held() <= before)
    got = 0
    with contextlib.suppress(OSError):
        while more := deaf.recv(1 << 20):
            got += len(more)
    deaf.close()
    assert got < size
    path.unlink()


def test_rotation(server):
    """New certificates for new connections; those there go on."""
    old = server.serials()
    failed, stop = [], threading.Event()

    def load():
        while not stop.is_set():
            try:
                assert server.ask("GET", "/healthz")[0] == 200
            except Exception as error:      # told below
                failed.append(error)

    with server.client() as client:
        assert exchange(client, "GET", "/healthz")[0] == 200
        threads = [threading.Thread(target=load) for _ in range(3)]
        for thread in threads:
            thread.start()
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: not old & server.serials())
        stop.set()
        for thread in threads:
            thread.join()
        assert exchange(client, "GET", "/healthz")[0] == 200
    assert not failed


def test_confined(server):
    """What the kernel says of the processes that face the network."""
    def confined(pids):
        seen = [dict(line.split(":\t", 1) for line in open(
            f"/proc/{pid}/status").read().splitlines() if ":\t" in line)
                for pid in pids]
        return all((one["Seccomp"], one["NoNewPrivs"]) == ("2", "1")
                   for one in seen)

    def everybody():
        fronts = server.role("front")
        return fronts, [pid for front in fronts for pid in children(front)]

    # one front may have been heard of before the other one is there
    wait_for(lambda: [len(some) for some in everybody()] == [2, 2] and
             confined(sum(everybody(), server.role("authority"))))
    fronts, openers = everybody()
    for pid in fronts + openers:
        held = {os.readlink(f"/proc/{pid}/fd/{fd}")
                for fd in os.listdir(f"/proc/{pid}/fd") if int(fd) > 2}
        kinds = {name.split(":")[0] for name in held}
        # a folder: publish/, of the opener
        folders = {name for name in held if name.startswith("/")}
        assert folders == ({str(server.eco.dir / "publish")}
                           if pid in openers else set())
        assert kinds - folders <= {"socket", "pipe", "anon_inode"}
    for pid in server.role("authority"):
        links = [os.readlink(f"/proc/{pid}/fd/{fd}")
                 for fd in os.listdir(f"/proc/{pid}/fd")]
        assert any("registry.db" in name for name in links)


def test_front_killed(server):
    """Under load: who waits is served by the next one."""
    before = server.figures()["front_starts_total"]
    good, stop = [], threading.Event()

    def load():
        while not stop.is_set():
            try:
                if server.ask("GET", "/pub/trust.pem")[0] == 200:
                    good.append(1)
            except (OSError, http.client.HTTPException):
                pass        # it was on the one that was killed

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        had = set(server.role("front"))
        for pid in had:
            os.kill(pid, signal.SIGKILL)
        # a grown back-off at most
        wait_for(lambda: len(server.role("front")) == 2 and
                 not had & set(server.role("front")))
        count = len(good)
        wait_for(lambda: len(good) > count + 10)
    stop.set()
    for thread in threads:
        thread.join()
    assert server.process.poll() is None
    wait_for(lambda: server.figures()["front_starts_total"] == before + 6)
    assert "was ended by signal 9" in server.text()


def test_opener_killed(server):
    """Its front ends with it, and both come back."""
    fronts = server.role("front")
    for front in fronts:
        for pid in children(front):
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(server.role("front")) == 2 and
             not set(fronts) & set(server.role("front")))
    assert server.ask("GET", "/pub/trust.pem")[0] == 200


def test_supervisor_killed(issued, tmp_path):
    """Nobody is left behind."""
    other = issued.copy(tmp_path / "eco")
    with Server(other) as server:
        pids = server.role("front") + server.role("authority")
        server.codes = (-9,)
        server.process.kill()
        server.process.wait()
        wait_for(lambda: not any(os.path.exists(f"/proc/{pid}")
                                 for pid in pids))


def test_listening(issued, tmp_path):
    """Who has read where it listens is answered by every front: none of them
    waits for the authority any more."""
    other = issued.copy(tmp_path / "eco")
    with Server(other, fronts=6) as server:
        authority, = server.role("authority")
        os.kill(authority, signal.SIGSTOP)
        for _ in range(48):
            assert server.ask("GET", "/healthz")[0] == 200
        os.kill(authority, signal.SIGCONT)


def test_authority_killed(issued, tmp_path):
    other = issued.copy(tmp_path / "eco")
    device = devices_of(other, 1)[0]
    with Server(other) as server:
        server.codes = (70,)
        authority, = server.role("authority")
        context = server.context(device)
        with server.client(context) as client:
            assert exchange(client, "GET", "/healthz")[0] == 200
            # it is there and does nothing: the request waits
            os.kill(authority, signal.SIGSTOP)
            client.putrequest("POST", "/v1/identity")
            client.putheader("Content-Type",
                             "application/imprint-device-request+cose")
            client.putheader("Content-Length", "1")
            client.endheaders(b"x")
            time.sleep(1)
            os.kill(authority, signal.SIGKILL)
            reply = client.getresponse()
            assert reply.status == 503
            assert int(reply.headers["Retry-After"]) > 0
        assert server.process.wait(timeout=PATIENCE_S) == 70
    # and the next one goes on
    with Server(other) as server:
        assert server.ask("GET", "/healthz")[0] == 200


def test_authority_away(issued, tmp_path):
    """Gone before the request came, which was given to nobody: that is said,
    and another word than for what it had in hand."""
    other = issued.copy(tmp_path / "eco")
    device = devices_of(other, 1)[0]
    with Server(other, fronts=1) as server:
        server.codes = (70,)
        authority, = server.role("authority")
        front, = server.role("front")
        with server.client(server.context(device)) as client, \
                server.client(server.context(device)) as before:
            for one in (client, before):
                assert exchange(one, "GET", "/healthz")[0] == 200
            os.kill(authority, signal.SIGSTOP)
            before.request("POST", "/v1/identity", b"x",
                           {"Content-Type": REQUEST})
            time.sleep(1)
            # its supervisor does not end the front, which learns of both
            os.kill(server.process.pid, signal.SIGSTOP)
            os.kill(front, signal.SIGSTOP)
            os.kill(authority, signal.SIGKILL)
            time.sleep(1)
            client.request("POST", "/v1/identity", b"x",
                           {"Content-Type": REQUEST})
            time.sleep(1)
            os.kill(front, signal.SIGCONT)
            said = []
            for one in (before, client):
                reply = one.getresponse()
                assert reply.status == 503
                assert int(reply.headers["Retry-After"]) > 0
                said.append(json.loads(reply.read()))
            os.kill(server.process.pid, signal.SIGCONT)
        assert server.process.wait(timeout=PATIENCE_S) == 70
    assert [one["reason"] for one in said] == ["unavailable", "away"]
    assert "not carried out" in said[1]["detail"]
    assert "not carried out" not in said[0]["detail"]


def test_stop(issued, tmp_path):
    """On SIGTERM a request that is under way is answered."""
    other = issued.copy(tmp_path / "eco")
    with Server(other) as server:
        with server.client() as client:
            client.putrequest("POST", "/v1/identity")
            client.putheader("Content-Type", "text/plain")
            client.putheader("Content-Length", "4")
            client.endheaders(b"ab")
            time.sleep(1)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(1)
            client.send(b"cd")
            assert client.getresponse().status == 415
    other.imprint("publish")    # the lock is free
    assert not (other.dir / "imprintd.socket").exists()


def test_cannot_start(issued, tmp_path):
    other = issued.copy(tmp_path / "eco")
    argv = [BIN / "imprintd", "serve", "--home", other.home, "--name", NAME,
            "--listen", "127.0.0.1:0"]
    wrong = tmp_path / "wrong"
    wrong.write_text(PASSPHRASE + "!\n")
    wrong.chmod(0o600)
    result = run(*argv, "--passphrase-file", wrong, code=5)
    assert result.out == ""
    wrong.chmod(0o644)
    run(*argv, "--passphrase-file", wrong, code=5)
    run(*argv, "--listen", "127.0.0.1", code=2)
    run(*argv, "--listen", "localhost:8443", code=2)
    run(*argv, "--name", "no name", code=2)
    run(*argv, "--ecosystem", "none", "--passphrase-file", other.passphrase,
        code=3)
    with Server(other) as server:
        port = f"127.0.0.1:{server.port}"
        run(*argv, "--listen", "127.0.0.1:0", "--passphrase-file",
            other.passphrase, code=7)
        # nor does another ecosystem's server get half of its devices
        second = issued.copy(tmp_path / "second")
        run(BIN / "imprintd", "serve", "--home", second.home, "--name", NAME,
            "--passphrase-file", second.passphrase, "--listen", port, code=4)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = f"127.0.0.1:{taken.getsockname()[1]}"
        run(*argv, "--listen", port, "--passphrase-file", other.passphrase,
            code=4)
    run(*argv, "--listen", port, "--monitor", port, "--passphrase-file",
        other.passphrase, code=4)


GOOD = """home: {home}
name: est.example.net
listen: 127.0.0.1:0
passphrase-file: {passphrase}
fronts: 1
connections: 64
publish: "no"
"""


def test_config(issued, tmp_path):
    path = tmp_path / "imprintd.yaml"

    def check(text, code=0):
        path.write_text(text)
        return run(BIN / "imprintd", "check", "--config", path, code=code)

    good = GOOD.format(home=issued.home, passphrase=issued.passphrase)
    assert "1 fronts of 64 connections, publish not served" in \
        check(good).out
    assert run(BIN / "imprintd", "check", "--json", "--config", path).json == {
        "home": str(issued.home), "ecosystem": "default",
        "listen": "127.0.0.1:0", "name": "est.example.net", "monitor": None,
        "fronts": 1, "connections": 64, "publish": False, "estLinking": False}
    for line, at in (("colour: red", 8), ("fronts: 0", 5), ("fronts: x", 5),
                     ("fronts: 65", 5), ("connections: 0", 6),
                     ("publish: maybe", 7), ("listen: []", 3),
                     ("name: ''", 2), ("users: root", 8),
                     ("users: {front: a, back: b}", 8)):
        key = line.split(":")[0]
        lines = [old for old in good.splitlines()
                 if not old.startswith(key + ":")]
        lines.insert(at - 1, line)
        result = check("\n".join(lines) + "\n", 2)
        assert f"{path}:{at}: " in result.err, result
    address = "127.0.0.1:0"
    for line, code in (
            ("listen: '[::]:99999'", 2), ("listen: '8443'", 2),
            ("listen: localhost:8443", 2), ("monitor: '9464'", 2),
            ("users: {front: nobody-of-that-name}", 3),
            (f"passphrase-file: {tmp_path}/missing", 3),
            ("ecosystem: missing", 3)):
        key = line.split(":")[0]
        kept = "\n".join(old for old in good.splitlines()
                         if not old.startswith(key + ":"))
        said = check(f"{kept}\n{line}\n", code).err
        assert key in said or "missing" in said
        check(f"{kept}\n{key}: {address}\n" if key in ("listen", "monitor")
              else good)
    check(good.replace("name:", "# name:"), 2)
    check(good + "name: twice\n", 2)
    path.write_text(good)
    path.chmod(0o666)
    run(BIN / "imprintd", "check", "--config", path, code=5)


def test_config_serves(issued, tmp_path):
    other = issued.copy(tmp_path / "eco")
    path = tmp_path / "imprintd.yaml"
    path.write_text(GOOD.format(home=other.home,
                                passphrase=other.passphrase))
    process = subprocess.Popen([BIN / "imprintd", "serve", "--json",
                                "--config", path], stdout=subprocess.PIPE)
    said = json.loads(process.stdout.readline())
    assert set(said) == {"listening"}
    server = Server(other)
    server.port = int(said["listening"].removeprefix("https://127.0.0.1:"))
    problem(server.ask("GET", "/pub/trust.pem"), 404)
    process.terminate()
    assert process.communicate(timeout=PATIENCE_S)[0] == b""
    assert process.returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change users")
def test_users(issued, tmp_path):
    """Two users; neither is root, and the front's cannot reach the home, but
    what is published: also under the umask of the unit, and where all was
    made under it before."""
    other = issued.copy(tmp_path / "eco")
    home = other.root
    publish = other.dir / "publish"
    for path in [publish, *publish.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    subprocess.run(["chown", "-R", "daemon", home], check=True)
    for path in [tmp_path, *tmp_path.parents]:
        if not path.stat().st_mode & 0o001:
            path.chmod(path.stat().st_mode | 0o011)
    config = tmp_path / "imprintd.yaml"
    config.write_text("users: {authority: daemon, front: nobody}\n")
    other.dir.chmod(0o700)
    old = os.umask(unit_umask())
    try:
        with Server(other, "--config", config) as server:
            users_serve(server)
    finally:
        os.umask(old)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change users")
def test_root_in_anothers(issued, tmp_path):
    """What root made there the authority's user could not use, and its server
    would stay down: root is told so, before anything is made."""
    other = issued.copy(tmp_path / "eco")
    config = tmp_path / "imprintd.yaml"
    users = "users: {authority: daemon, front: nobody}\n"
    config.write_text(GOOD.format(home=other.home,
                                  passphrase=other.passphrase) + users)

    def check(code):
        return run(BIN / "imprintd", "check", "--config", config,
                   code=code).err

    def owned():
        subprocess.run(["chown", "-R", "daemon", other.home], check=True)

    for name in (".", "keystore", "registry.db", "publish"):
        owned()
        check(0)
        os.chown(other.dir / name, 0, 0)
        assert "belongs to user root, not to daemon" in check(5)
    owned()
    for argv in (("publish",), ("revoke", 1), ("document-signer", "renew"),
                 ("order", "run", 1), ("clock", "accept"),
                 ("epoch", "begin", "--reason", "x"),
                 ("anchor", "set", other.root / "anchor"),
                 ("--ecosystem", "more", "init", "--publish-url",
                  "http://pki.example/more")):
        refused = other.imprint(*argv, code=5)
        assert "belongs to user daemon, not to root" in refused.err, argv
        assert "run this as that user" in refused.err
    assert {path.stat().st_uid for path in other.home.rglob("*")} == \
        {pwd.getpwnam("daemon").pw_uid}
    assert not (other.home / "ecosystems/more").exists()
    # not even to bring a registry up to date
    old = Ecosystem(tmp_path / "old")
    shutil.copytree(ROOT / "tests/golden/3/home", old.home)
    shutil.copy(other.passphrase, old.passphrase)
    subprocess.run(["chown", "-R", "daemon", old.home], check=True)
    assert "to user daemon" in old.imprint("publish", code=5).err
    assert not list(old.home.rglob("*.backup"))
    other.imprint("order", "list")      # to look is for root, too
    config.write_text(config.read_text().replace(users, ""))
    assert "say that user" in check(5)


def unit_umask():
    text = (ROOT / "examples/systemd/imprintd.service").read_text()
    return int(re.search("^UMask=(.*)$", text, re.M)[1], 8)


def users_serve(server):
    publish = server.eco.dir / "publish"
    for role, name in (("authority", "daemon"), ("front", "nobody")):
        for pid in server.role(role):
            done = subprocess.run(
                ["ps", "-o", "user=", str(pid)], capture_output=True,
                text=True, check=True)
            assert done.stdout.strip() == name

    def all_are_had():
        return all(server.ask("GET", f"/pub/{path.relative_to(publish)}")[2]
                   == path.read_bytes() for path in publish.rglob("*")
                   if path.is_file())

    server.eco.imprint("revoke", 3)
    server.eco.imprint("log", "publish")
    assert all_are_had()
    names = {path.name for path in publish.rglob("*") if path.is_file()}
    assert {"trust.pem", "bulk.crl", "bulk-00000000.cwt", "online.crl",
            "checkpoint"} <= names


def test_published_gone(issued, tmp_path):
    """Figures are of the files; what is gone comes again by itself."""
    other = issued.copy(tmp_path / "eco")
    publish = other.dir / "publish"
    gone = [publish / name for name in (
        "crl/online.crl", "status/bulk-00000000.cwt", "trust.pem",
        "ca/root.cer", "log/bulk/checkpoint")]
    # what a publication cannot mend: it has no room to be written
    (publish / "crl/bulk.crl").unlink()
    (publish / "crl/bulk.crl.tmp/in/the/way").mkdir(parents=True)
    trust = other.root / "trust.pem"
    shutil.copy(publish / "trust.pem", trust)
    with Server(other) as server:
        server.trust = trust
        wait_for(lambda: server.figures().get("published_lacking"))
        figures = server.figures()
        assert figures['crl_expiry_seconds{log="bulk"}'] == 0
        assert 'crl_age_seconds{log="bulk"}' not in figures
        assert figures['crl_expiry_seconds{log="online"}'] > 0
        assert server.figures()["upkeep_failed_total"] == 1
        shutil.rmtree(publish / "crl/bulk.crl.tmp")
        for path in gone:
            path.unlink()
        wait_for(lambda: server.figures()["published_lacking"] == 0)
        assert server.figures()['crl_expiry_seconds{log="bulk"}'] > 0
        for path in gone:
            name = path.relative_to(publish)
            assert server.ask("GET", f"/pub/{name}")[2] == path.read_bytes()
        # the address that certificates carry
        assert server.ask("GET", "/pub/crl/online-00000000.crl")[2] == \
            (publish / "crl/online.crl").read_bytes()
        problem(server.ask("GET", "/pub/crl/other-00000000.crl"), 404)


@pytest.fixture
def unit(tmp_path):
    """The example of a unit, running the program under test."""
    source = ROOT / "examples/systemd/imprintd.service"
    text = source.read_text()
    assert text.count("ExecStart=/usr/bin/imprintd ") == 1
    path = tmp_path / source.name
    path.write_text(text.replace("ExecStart=/usr/bin/", f"ExecStart={BIN}/"))
    return path


@pytest.mark.skipif(shutil.which("systemd-analyze") is None,
                    reason="systemd-analyze is not installed")
def test_unit(unit):
    result = run("systemd-analyze", "--man=no", "verify", unit)
    assert result.err == "" and result.out == ""
    result = run("systemd-analyze", "security", "--offline=yes",
                 "--threshold=40", unit)
    assert "Overall exposure level" in result.out


def test_unit_config(issued, tmp_path):
    """The example of a configuration, with a home that is here."""
    text = (ROOT / "examples/imprintd.yaml").read_text()
    path = tmp_path / "imprintd.yaml"
    own = pwd.getpwuid(os.geteuid()).pw_name
    text = re.sub("(authority|front): .*", rf"\1: {own}", text)
    path.write_text(text.replace("/var/lib/imprint", str(issued.home)))
    assert "as est.example.net" in run(BIN / "imprintd", "check",
                                       "--config", path).out


class Key:
    """A TLS key of a front, and its proof."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())

    def proof(self, challenge, typ="application/imprint-front-key+cose",
              signer=None):
        payload = reader.cbor_encode(
            [1, challenge, reader.cose_key(self.key.public_key())])
        return reader.sign1(signer or self.key, typ, payload)


def test_malicious_certificates(issued, tmp_path):
    """A front gets certificates for the server's name, for a key that it
    has, a few; nothing else whatever it says."""
    other = issued.copy(tmp_path / "eco")
    with Authority(other) as authority:
        front, second = authority.front(0), authority.front(1)
        kind, (challenge, _, _, name, trust, own) = front.ask(WELCOME, None)
        assert (kind, name, len(trust)) == (DONE, NAME, 3)
        _, (elsewhere, *_) = second.ask(WELCOME, None)
        assert elsewhere != challenge
        key, thief = Key(), Key()
        # of another channel; signed by another; of another type
        for proof in (key.proof(elsewhere),
                      key.proof(challenge, signer=thief.key),
                      key.proof(challenge, typ="application/x"),
                      key.proof(challenge)[:-1], b"x"):
            with_front = authority.front()
            with_front.ask(WELCOME, None)
            kind, refusal = front.ask(CERTIFICATE, proof)
            assert kind == REFUSED and refusal[0] in (403, 429), refusal
        kind, (chain, end) = second.ask(CERTIFICATE, key.proof(elsewhere))
        leaf = x509.load_der_x509_certificate(chain[0])
        assert leaf.public_key().public_numbers() == \
            key.key.public_key().public_numbers()
        assert end - time.time() <= 86400
        kinds = [second.ask(CERTIFICATE, key.proof(elsewhere))[0]
                 for _ in range(9)]
        assert kinds == [DONE] * 7 + [REFUSED] * 2
        # nor does it help to start again; another place has its own
        again, third = authority.front(1), authority.front(2)
        _, (challenge, *_) = again.ask(WELCOME, None)
        kind, refusal = again.ask(CERTIFICATE, key.proof(challenge))
        assert (kind, refusal[:2]) == (REFUSED, [429, "busy"])
        assert 0 < refusal[3] <= 60
        _, (challenge, *_) = third.ask(WELCOME, None)
        assert third.ask(CERTIFICATE, key.proof(challenge))[0] == DONE
    log = other.imprint("log", "verify").out
    assert log


def test_restarts(issued, tmp_path):
    """A front that has had too many certificates and starts again waits, and
    does not end; the other one goes on."""
    with Server(issued.copy(tmp_path / "eco")) as server:
        assert server.ask("GET", "/healthz")[0] == 200
        wait_for(lambda: sum(name.startswith("front_certificate_expiry")
                             for name in server.figures()) == 2)
        kept, victim = sorted(server.role("front"))
        for i in range(7):
            os.kill(victim, signal.SIGHUP)
            wait_for(lambda: server.text().count(
                "a new TLS certificate") == i + 1)
        os.kill(victim, signal.SIGKILL)
        waits = "waits for its TLS certificate"
        wait_for(lambda: waits in server.text())
        there = set(server.role("front"))
        time.sleep(2)
        assert set(server.role("front")) == there
        assert kept in there and len(there) == 2
        assert server.text().count(waits) == 1


def test_fair(issued, tmp_path):
    """One front that asks without end keeps no other waiting."""
    counts = [0] * COUNTS
    with Authority(issued.copy(tmp_path / "eco")) as authority:
        loud, quiet = authority.front(0), authority.front(1)
        for _ in range(4):
            assert quiet.ask(WELCOME, None)[0] == DONE
        assert loud.ask(WELCOME, None)[0] == DONE

        def at_once(*whose):
            os.kill(authority.process.pid, signal.SIGSTOP)
            for front, messages in whose:
                front.end.sendall(b"".join(
                    struct.pack(">I", len(raw)) + raw for raw in (
                        cbor2.dumps([1, 100 + i, kind, body])
                        for i, (kind, body) in enumerate(messages))))
            os.kill(authority.process.pid, signal.SIGCONT)

        def malformed(message):
            assert message[2] == DONE
            line, = [line for line in message[3][2].decode().splitlines()
                     if line.startswith("imprint_requests_total{"
                                        'verdict="malformed"}')]
            return int(line.split()[-1])

        at_once((loud, [(IDENTITY, b"x")] * 1500),
                (quiet, [(IDENTITY, b"x"), (FIGURES, counts)]))
        said = [quiet.take(), quiet.take()]
        figures, = [one for one in said if one[1] == 101]
        assert malformed(figures) <= 2 * 64
        for _ in range(1500):
            assert loud.take()[2] == REFUSED
        # what is answered at once, one a turn
        at_once((loud, [(FIGURES, counts)] * 20),
                (quiet, [(IDENTITY, b"x")]))
        seen = [malformed(loud.take()) for _ in range(20)]
        assert quiet.take()[2] == REFUSED
        assert seen[0] <= 1501
        assert seen[1:] == [1502] * 19 or seen[2:] == [1502] * 18


def every_type():
    """Of messages between the processes, as the table's source has them."""
    text = (ROOT / "lib/proto/internal.h").read_text()
    found = [int(number) for number in re.findall(
        r"^\tINTERNAL_[A-Z_]+ = (\d+)", text.partition(
            "enum internal_type {")[2].partition("};")[0], re.MULTILINE)]
    assert set(ALLOWED) < set(found) and DONE in found
    return found


def test_malicious_messages(issued, tmp_path):
    """Who breaks a rule is cut off; the others and the authority go on."""
    other = issued.copy(tmp_path / "eco")
    counts = [1] * COUNTS
    bad = [cbor2.dumps(message) for message in (
        *([1, 1, kind, body] for kind in every_type() if kind not in ALLOWED
          for body in (None, b"x", [1, 1], [400, "a", "b", 0])),
        *([1, 1, kind, body] for kind in (EST, EST_KEYGEN) for body in (
            None, b"x", [False, "", b"x"], [False, "", b"x", b"y", b"z"],
            [0, "", b"x", b"y"], [False, b"", b"x", b"y"],
            [False, "", "x", b"y"], [False, "", b"x", None],
            [False, "a" * 64, b"x", b"y"], [False, "", b"", b"y"],
            [False, "", bytes(16385), b"y"],
            [False, "", b"x", bytes(16385)])),
        *([1, 1, EST_WISH, body] for body in (
            None, [False, ""], [1, "", b""], [False, "a" * 64, b""],
            [False, "", bytes(16385)], [False, "", None])),
        *([1, 1, kind, None] for kind in (OPERATORS, QUERY, LEDGER_HEAD)),
        [1, 1, 0, None], [1, 1, 11, None], [1, 1, 2 ** 63, None],
        [2, 1, WELCOME, None], [1, 1, WELCOME], [1, 1, WELCOME, 0],
        [1, 1, WELCOME, None, None], [1, -1, WELCOME, None],
        [1, 1, CERTIFICATE, None], [1, 1, CERTIFICATE, b"x" * 2000],
        [1, 1, IDENTITY, None], [1, 1, IDENTITY, "x"], [1, 1, IDENTITY, b""],
        [1, 1, FIGURES, counts[1:]], [1, 1, FIGURES, counts + [1]],
        [1, 1, FIGURES, [-1] * COUNTS], [1, 1.5, WELCOME, None])]
    bad += [b"", b"\x84", b"\x84\x01\x01\x01\xf6\xf6", os.urandom(300),
            b"\x9f\x01\x01\x01\xf6\xff", b"\x84\x01\x18\x01\x01\xf6"]
    with Authority(other) as authority:
        good = authority.front()
        assert good.ask(WELCOME, None)[0] == DONE
        for raw in bad:
            front = authority.front()
            front.send(raw)
            assert front.take() is None, raw.hex()
        # longer than any message
        front = authority.front()
        front.end.sendall(b"\x00\x02\x00\x00")
        assert front.take() is None
        # half a message, and gone
        front = authority.front()
        front.end.sendall(b"\x00\x00\x00\x10\x84")
        front.end.close()
        # one that asks and never listens, until it is not listened to
        mute = authority.front()
        mute.end.settimeout(1)
        try:
            for _ in range(200000):
                mute.put(FIGURES, counts)
        except TimeoutError:
            pass
        else:
            pytest.fail("it is listened to without end")
        kind, (ready, _, text) = good.ask(FIGURES, counts)
        assert kind == DONE and ready
        assert f"imprint_front_cut_off_total {len(bad) + 1}" in text.decode()
