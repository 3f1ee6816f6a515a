"""imprintd as tests run it, clients of it, and the messages within it."""
import array
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import time

import cbor2
from cryptography import x509

import reader
from conftest import BIN, SANITIZER

NAME = "est.example.net"
PATIENCE_S = 60
# to look for leaks is to open files and processes, which neither a front nor
# an authority can
NO_LEAKS = "detect_leaks=0"
REQUEST = "application/imprint-device-request+cose"
ANSWER = "application/imprint-device-answer+cose"
WELCOME, CERTIFICATE, IDENTITY, FIGURES, DONE, REFUSED = 1, 2, 3, 4, 64, 65
EST, EST_WISH, OPERATORS, QUERY, EST_KEYGEN, LEDGER_HEAD = 5, 6, 7, 8, 9, 10
# all that a front may send; who sends anything else is cut off
ALLOWED = range(1, 11)


def without_leaks(env):
    """This environment, and more."""
    all_of_it = {**os.environ, **(env or {})}
    all_of_it["ASAN_OPTIONS"] = ":".join(filter(None, [
        all_of_it.get("ASAN_OPTIONS"), NO_LEAKS]))
    return all_of_it


def wait_for(condition):
    limit = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < limit, "it does not come"
        time.sleep(0.05)
    return found


def children(pid):
    """Those of a process, with their command lines."""
    found = {}
    done = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(pid)],
                          capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        number, _, args = line.strip().partition(" ")
        found[int(number)] = args
    return found


class Server:
    """imprintd serve, until the with-block ends."""

    def __init__(self, eco, *argv, fronts=2, program="imprintd", env=None,
                 name=NAME):
        self.eco, self.name = eco, name
        self.env = without_leaks(env)
        self.trust = eco.dir / "publish/trust.pem"
        self.argv = [BIN / program, "serve", "--home", eco.home,
                     "--passphrase-file", eco.passphrase, "--name", name,
                     "--listen", "127.0.0.1:0", "--monitor", "127.0.0.1:0",
                     "--fronts", str(fronts), *argv]
        self.codes = (0,)

    def __enter__(self):
        self.log = open(self.eco.root / "imprintd.log", "w+b")
        self.process = subprocess.Popen(
            self.argv, stdout=subprocess.PIPE, stderr=self.log, env=self.env)
        self.port = self.address("listening on https://127.0.0.1:")
        self.monitor_port = self.address("monitor on http://127.0.0.1:")
        return self

    def address(self, begin):
        line = self.process.stdout.readline().decode()
        assert line.startswith(begin), (line, self.text())
        return int(line[len(begin):])

    def text(self):
        self.log.seek(0)
        return self.log.read().decode()

    def __exit__(self, kind, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self.process.stdout.close()
        text = self.text()
        self.log.close()
        assert kind or code in self.codes, (code, text)
        assert not SANITIZER.search(text), text

    def role(self, name):
        """Process ids of the supervisor's children of a role."""
        return [pid for pid, args in children(self.process.pid).items()
                if args.split()[1:2] == [name]]

    def context(self, device=None, version=None):
        context = ssl.create_default_context(cafile=str(self.trust))
        if device is not None:
            context.load_cert_chain(device.path.with_suffix(".pem"),
                                    device.path.with_suffix(".key"))
        if version is not None:
            context.minimum_version = context.maximum_version = version
        return context

    def dial(self, context=None):
        """TLS, verified against the ecosystem's root."""
        plain = socket.create_connection(("127.0.0.1", self.port),
                                         timeout=PATIENCE_S)
        return (context or self.context()).wrap_socket(
            plain, server_hostname=self.name)

    def serials(self):
        """Of the certificates that the fronts show."""
        found = set()
        for _ in range(12):
            with self.dial() as tls:
                found.add(x509.load_der_x509_certificate(
                    tls.getpeercert(True)).serial_number)
        return found

    @contextlib.contextmanager
    def client(self, context=None):
        client = http.client.HTTPConnection(self.name, self.port)
        client.sock = self.dial(context)
        try:
            yield client
        finally:
            client.close()

    def ask(self, method, path, body=None, context=None, fields=()):
        """(status, fields, body)"""
        with self.client(context) as client:
            return exchange(client, method, path, body, fields)

    def identity(self, body, device=None, kind=REQUEST, **more):
        return self.ask("POST", "/v1/identity", body,
                        self.context(device, **more),
                        [("Content-Type", kind)])

    def monitor(self, path):
        client = http.client.HTTPConnection("127.0.0.1", self.monitor_port,
                                            timeout=PATIENCE_S)
        answer = exchange(client, "GET", path)
        client.close()
        return answer

    def figures(self):
        status, _, body = self.monitor("/metrics")
        assert status == 200, body
        found = {}
        for line in body.decode().splitlines():
            if not line.startswith("#"):
                assert re.fullmatch(r'imprint_[a-z_]+(\{[^}]*\})? ([-+.e\d]+|[+]Inf)',
                                    line), line
                name, _, value = line.rpartition(" ")
                found[name[len("imprint_"):]] = float(value)
        return found


def asked_for(eco):
    """How much operators asked for is on record, refused or done; a server
    does things by itself."""
    return len(reader.rows(eco.db, "SELECT seq FROM operation "
                           "WHERE kind IN (2, 3)"))


def exchange(client, method, path, body=None, fields=()):
    client.putrequest(method, path)
    for name, value in fields:
        client.putheader(name, value)
    if body is not None:
        client.putheader("Content-Length", str(len(body)))
    client.endheaders(body)
    reply = client.getresponse()
    return reply.status, reply.headers, reply.read()


class Front:
    """A front that is ours: one channel to an authority, and anything may be
    said on it."""

    def __init__(self, end):
        self.end = end
        self.end.settimeout(PATIENCE_S)
        self.call = 0

    def send(self, raw):
        self.end.sendall(struct.pack(">I", len(raw)) + raw)

    def put(self, kind, body):
        self.call += 1
        self.send(cbor2.dumps([1, self.call, kind, body]))
        return self.call

    def take(self):
        """The next message; None: cut off."""
        head = self.read(4)
        if head is None:
            return None
        raw = self.read(struct.unpack(">I", head)[0])
        return None if raw is None else cbor2.loads(raw)

    def read(self, size):
        got = b""
        while len(got) < size:
            try:
                more = self.end.recv(size - len(got))
            except ConnectionResetError:
                return None
            if not more:
                return None
            got += more
        return got

    def ask(self, kind, body):
        """(type, body)"""
        call = self.put(kind, body)
        message = self.take()
        assert message is not None, "cut off"
        assert message[:2] == [1, call]
        return message[2], message[3]


class Authority:
    """The authority alone, with a supervisor that is ours."""

    def __init__(self, eco, program="imprintd", env=None):
        self.eco = eco
        self.argv = [BIN / program, "authority", "--home", eco.home,
                     "--passphrase-file", eco.passphrase, "--name", NAME]
        self.env = without_leaks(env)
        self.codes = (0,)

    def __enter__(self):
        self.control, end = socket.socketpair(socket.AF_UNIX,
                                              socket.SOCK_SEQPACKET)
        self.control.settimeout(PATIENCE_S)
        self.process = subprocess.Popen(
            self.argv, stderr=subprocess.PIPE, env=self.env, pass_fds=[3],
            preexec_fn=lambda: os.dup2(end.fileno(), 3))
        end.close()
        assert self.control.recv(1) == b"R"
        return self

    def front(self, place=0):
        ours, theirs = socket.socketpair()
        self.control.sendmsg([bytes([0x40 + place])], [(
            socket.SOL_SOCKET, socket.SCM_RIGHTS,
            array.array("i", [theirs.fileno()]))])
        theirs.close()
        return Front(ours)

    def __exit__(self, kind, *_):
        self.control.close()    # its supervisor is gone
        _, err = self.process.communicate(timeout=PATIENCE_S)
        self.err = err.decode()
        assert kind or self.process.returncode in self.codes, self.err
        assert not SANITIZER.search(self.err), self.err


FIELD = re.compile(r'([a-z_]+)=(?:"((?:[^"\\]|\\["\\]|\\u[0-9a-f]{4})*)"|'
                   r'([^\s"=\\]+))(?: |$)')
LEVELS = {"error": 3, "warning": 4, "info": 6}


def log_line(line, journal=False):
    """The fields of a line of the log; whatever is none fails."""
    if journal:
        assert re.match("<[346]>", line), line
        priority, line = int(line[1]), line[3:]
    fields, at = {}, 0
    while at < len(line):
        field = FIELD.match(line, at)
        assert field is not None, (line, line[at:])
        name, quoted, plain = field.groups()
        assert name not in fields, line
        fields[name] = plain if quoted is None else json.loads(
            f'"{quoted}"')
        at = field.end()
    assert list(fields)[:3] == ["time", "level", "role"], line
    assert len(fields) > 3, line
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", fields["time"])
    assert fields["role"] in ("supervisor", "authority", "front"), line
    assert LEVELS[fields["level"]] == (priority if journal else
                                       LEVELS[fields["level"]])
    return fields


def log_lines(text, journal=False):
    assert text.endswith("\n") or not text, text[-200:]
    return [log_line(line, journal) for line in text.splitlines()]


def counted(authority, path):
    """The operations on files, of a faulty one that counts them, before it
    ends."""
    authority.process.send_signal(signal.SIGUSR1)
    return int(wait_for(lambda: path.exists() and path.read_text()))
