"""imprint-verify: questions over HTTP, of devices whose certificates an order
made, whose status changes while it runs, and of strangers."""
import base64
import contextlib
import http.client
import http.server
import json
import os
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import reader
from conftest import BIN, ROOT, SANITIZER, program_needed, run
from test_floor import Package, Service
from test_status_formats import Publisher

pytestmark = program_needed("imprint-verify")

# in /usr/sbin, where not everybody looks
NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
PATIENCE_S = 60
NEVER = "9999-12-31T23:59:59Z"
FRESH = 86400


class Device(Package):
    """One of a pack, with its key and certificate in PEM files."""

    def __init__(self, eco, index, document, keys):
        self.index, self.document = index, document
        self.claims = reader.cbor_decode(
            reader.document_open(document).payload)
        self.ueid = self.claims[256].hex()
        self.keys = {slot: raw for slot, _, raw in keys}
        self.certs = [Publisher(eco).ca("issuer.bulk")]
        self.path = eco.root / f"device-{index}"
        self.write_tls(self.path)
        self.pem = self.path.with_suffix(".pem").read_text()
        self.certificate = x509.load_pem_x509_certificate(self.pem.encode())
        self.der = self.certificate.public_bytes(serialization.Encoding.DER)

    def ask(self, **more):
        return {"certificate": self.pem, "document": b64(self.document),
                **more}

    def fields(self, **more):
        return {"X-Client-Cert": urllib.parse.quote(self.pem, safe=""),
                "X-Device-Document": b64(self.document), **more}


def b64(data):
    return base64.b64encode(data).decode()


def devices_of(eco, count):
    pack = reader.Pack(eco.pack().read_bytes())
    opened = pack.open(eco.stations["line-1"])
    return [Device(eco, index, document, keys)
            for _, (index, document, keys) in zip(range(count), opened)]


def wait_for(condition):
    limit = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < limit, "it does not come"
        time.sleep(0.05)


class Verify:
    """imprint-verify serve, until the with-block ends."""

    def __init__(self, trust, *status, max_age=None):
        self.argv = [BIN / "imprint-verify", "serve", "--trust", trust,
                     "--listen", "127.0.0.1:0"]
        for pattern in status:
            self.argv += ["--status", pattern]
        if max_age is not None:
            self.argv += ["--max-age", str(max_age)]

    def __enter__(self):
        self.process = subprocess.Popen(
            self.argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        line = self.process.stdout.readline().decode()
        assert line.startswith("listening on 127.0.0.1:"), line
        self.port = int(line.rsplit(":", 1)[1])
        return self

    def __exit__(self, kind, *_):
        self.process.send_signal(signal.SIGTERM)
        _, self.err = self.process.communicate(timeout=PATIENCE_S)
        assert kind or self.process.returncode == 0, self.err
        assert not SANITIZER.search(self.err.decode())

    def hangup(self):
        self.process.send_signal(signal.SIGHUP)

    def http(self, method, path, body=None, fields=()):
        """(status, fields, body)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=PATIENCE_S)
        connection.putrequest(method, path)
        for name, value in fields:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        reply = connection.getresponse()
        data = reply.read()
        connection.close()
        return reply.status, reply.headers, data

    def raw(self, body, kind="application/json"):
        status, _, data = self.http("POST", "/v1/verify", body,
                                    [("Content-Type", kind)])
        return status, json.loads(data)

    def ask(self, **question):
        status, answer = self.raw(json.dumps(question).encode())
        assert status == 200, answer
        return answer

    def auth(self, fields, query=""):
        fields = fields.items() if isinstance(fields, dict) else fields
        status, fields, data = self.http("GET", f"/v1/auth{query}",
                                         fields=fields)
        answer = json.loads(data)
        assert fields["X-Imprint-Code"] == str(answer["code"])
        assert fields["X-Imprint-Reason"] == answer["reason"]
        assert (status == 200) == (answer["verdict"] == "allow")
        return status, answer

    def health(self):
        status, _, data = self.http("GET", "/healthz")
        return status, json.loads(data)


@pytest.fixture(scope="module")
def world(issued, tmp_path_factory):
    eco = issued.copy(tmp_path_factory.mktemp("verify"))
    eco.devices = devices_of(eco, 3)
    eco.publish = eco.dir / "publish"
    return eco


def patterns(publish):
    return f"{publish}/{{crl,status}}/*.c[rw][lt]"


@pytest.fixture(scope="module")
def verify(world):
    with Verify(world.publish / "trust.pem", patterns(world.publish),
                max_age=FRESH) as verify:
        yield verify


RIGHT = {"object": "photo", "permissions": ["POST"]}


# One question

def test_allowed(world, verify):
    device = world.devices[0]
    answer = verify.ask(**device.ask(**RIGHT))
    assert answer["verdict"] == "allow" and answer["code"] == 1
    assert answer["ueid"] == device.ueid
    rights = {r["object"]: r["permissions"] for r in answer["rights"]}
    assert "POST" in rights["photo"] and "DELETE" not in rights["photo"]
    # no longer than the publication it rests on
    assert answer["status_time"] < answer["expires"] < NEVER
    again = verify.ask(certificate=b64(device.der),
                       document=b64(device.document), **RIGHT)
    assert again == answer
    alone = verify.ask(certificate=device.pem)
    assert alone["verdict"] == "allow" and alone["rights"] == []
    assert alone["ueid"] == device.ueid
    # several: the first is the device's
    leaf = device.certificate.public_bytes(serialization.Encoding.PEM)
    assert device.pem.startswith(leaf.decode()) and device.pem != leaf.decode()
    assert verify.ask(certificate=leaf.decode()) == alone


def test_denied(world, verify, stranger):
    one, other = world.devices[:2]

    def verdict(**question):
        answer = verify.ask(**question)
        assert answer["verdict"].startswith("deny") and answer["code"] != 1
        assert answer["rights"] == [] or answer["code"] == 9
        return answer["verdict"]

    assert verdict() == "deny: no evidence"
    assert verdict(**one.ask(object="photo", permissions=["DELETE"])) == \
        "deny: not permitted"
    assert verdict(**one.ask(object="unheard-of", permissions=["GET"])) == \
        "deny: not permitted"
    assert verdict(certificate=one.pem, **RIGHT) == "deny: no document"
    assert verdict(certificate=one.pem, document=b64(other.document)) == \
        "deny: certificate and document differ"
    altered = bytearray(one.document)
    altered[-1] ^= 1
    assert verdict(certificate=one.pem, document=b64(altered)) == \
        "deny: bad signature"
    assert verdict(certificate=b64(b"junk")) == "deny: malformed"
    assert verdict(document=b64(b"junk")) == "deny: malformed"
    foreign = devices_of(stranger, 1)[0]
    assert verdict(**foreign.ask()) == "deny: untrusted"
    assert verdict(certificate=foreign.pem) == "deny: untrusted"
    ca = Publisher(world).ca("issuer.bulk")
    assert verdict(certificate=ca.public_bytes(
        serialization.Encoding.PEM).decode()).startswith("deny")


BAD = [
    (b"", "JSON"), (b"{", "JSON"), (b"[]", "not an object"), (b"null", "JSON"),
    (b'{"certificate":1}', "certificate: not a text"),
    (b'{"certificate":"?"}', "neither PEM nor base64"),
    (b'{"certificate":"-----BEGIN CERTIFICATE-----"}', "does not end"),
    (b'{"certificate":"-----BEGIN X-----"}', "certificate: "),
    (b'{"certificate":"' + b"A" * 40000 + b'"}', "at most"),
    (b'{"certificate":"' + b"A" * 30000 + b'"}', "at most"),
    (b'{"document":"?"}', "document: no base64"),
    (b'{"document":"' + b"A" * 40000 + b'"}', "document: "),
    (b'{"document":["AAAA"]}', "document: not a text"),
    (b'{"permisions":["GET"]}', "permisions: no such field"),
    (b'{"object":"a"}', "belong together"),
    (b'{"object":"a","permissions":[]}', "belong together"),
    (b'{"permissions":["GET"]}', "belong together"),
    (b'{"object":"a","permissions":"GET"}', "not an array"),
    (b'{"object":"a","permissions":[1]}', "item 1: not a text"),
    (b'{"object":"a","permissions":["get"]}', "allowed are GET"),
    (b'{"object":"' + b"a" * 200 + b'","permissions":["GET"]}', "at most 128"),
    (b'{"object":"a","object":"b"}', "duplicate"),
    (b'{"object":"a\\u0000b","permissions":["GET"]}', "JSON"),
    (b'{"certificate":"\xff"}', "JSON"),
    (b"[" * 10000, "nested deeper"),
]


@pytest.mark.parametrize("body, says", BAD, ids=range(len(BAD)))
def test_not_a_question(verify, body, says):
    status, answer = verify.raw(body)
    assert status == 400 and says in answer["error"], answer
    assert "verdict" not in answer


def test_permissions_null(world, verify):
    assert verify.ask(**world.devices[0].ask(
        object=None, permissions=None))["verdict"] == "allow"


# A proxy asks

def test_auth(world, verify):
    one, other = world.devices[:2]
    right = {"X-Object": "photo", "X-Permission": "POST"}
    status, answer = verify.auth(one.fields(**right))
    assert status == 200 and answer["ueid"] == one.ueid
    assert verify.auth(one.fields(), "?object=photo&permission=POST")[0] \
        == 200
    assert verify.auth(one.fields(), "?object=%70hoto&permission=POST")[0] \
        == 200
    assert verify.auth({"X-Client-Cert": b64(one.der)})[0] == 200
    # a document alone is no proof of anything
    for nothing in ({}, {"X-Client-Cert": ""},
                    {"X-Device-Document": b64(one.document)}):
        status, answer = verify.auth(nothing)
        assert status == 401 and "No device certificate" in answer["reason"]
    for fields, query, says in (
            (one.fields(**{"X-Object": "photo", "X-Permission": "DELETE"}),
             "", "DELETE on 'photo' is needed"),
            (one.fields(**{"X-Object": "photo", "X-Permission": "HEAD"}),
             "", "allowed are GET"),
            (one.fields(**right), "?object=video&permission=GET", "twice"),
            (one.fields(), "?object=photo&object=photo", "twice"),
            (one.fields(), "?object=photo", "belong together"),
            (one.fields(), "?permission=GET", "belong together"),
            (one.fields(), "?object=&permission=GET", "empty"),
            (one.fields(), "?object=photo&permission=", "empty"),
            (one.fields(), "?object=photo&permission=GET,,", "allowed are"),
            (one.fields(), "?object=%0&permission=GET", "percent"),
            (one.fields(), "?object=%00&permission=GET", "percent"),
            (one.fields(), "?objects=photo", "query"),
            (one.fields(), "?&", "query"),
            ({"X-Client-Cert": "%"}, "", "percent"),
            ({"X-Client-Cert": "junk!"}, "", "neither PEM nor base64"),
            ({"X-Client-Cert": b64(b"junk")}, "", "cannot be read"),
            ({**one.fields(), "X-Device-Document": "?"}, "", "no base64"),
            ({**other.fields(), "X-Device-Document": b64(one.document)}, "",
             "another device"),
            ([*one.fields().items(), *other.fields().items()], "",
             "stands there twice")):
        status, answer = verify.auth(fields, query)
        assert status == 403 and says in answer["reason"], (query, answer)


# Status changes

def test_revoked_meanwhile(issued, tmp_path):
    eco = issued.copy(tmp_path / "eco")
    device, other = devices_of(eco, 2)
    publish, shown = eco.dir / "publish", tmp_path / "shown"
    for name in ("crl", "status"):
        shutil.copytree(publish / name, shown / name)
    shutil.copy(publish / "trust.pem", shown)
    with Verify(shown / "trust.pem", patterns(shown), max_age=FRESH) as v:
        def verdict(who=device):
            return v.ask(**who.ask(**RIGHT))["verdict"]

        def put(source, name):
            shutil.copy(source / name, shown / f"{name}.tmp")
            os.replace(shown / f"{name}.tmp", shown / name)

        def everything(source):
            for name in ("crl/bulk.crl", "status/bulk-00000000.cwt"):
                put(source, name)

        assert verdict() == "allow"
        status, health = v.health()
        assert status == 200 and health["status"] == "ok"
        assert {h["kind"] for h in health["held"]} == {"crl", "status-list"}
        assert all(h["fresh"] and h["age"] < FRESH for h in health["held"])
        assert health["refused"] == []
        old = tmp_path / "old"
        for name in ("crl", "status"):
            shutil.copytree(publish / name, old / name)

        time.sleep(1.1)     # times of publications are whole seconds
        eco.imprint("suspend", device.index)
        everything(publish)
        wait_for(lambda: verdict() == "deny: suspended")
        assert verdict(other) == "allow"
        assert v.auth(device.fields())[0] == 403
        time.sleep(1.1)
        eco.imprint("revoke", device.index)
        everything(publish)
        wait_for(lambda: verdict() == "deny: revoked")

        # neither what is older nor junk, nor no files at all take it back,
        # not even with new trust
        everything(old)
        wait_for(lambda: len(v.health()[1]["refused"]) == 2)
        assert "older" in v.health()[1]["refused"][0]["reason"]
        assert verdict() == "deny: revoked"
        v.hangup()
        since = v.health()[1]["trusted_since"]
        wait_for(lambda: v.health()[1]["trusted_since"] > since or
                 (v.hangup() or False))
        assert verdict() == "deny: revoked" and verdict(other) == "allow"
        (shown / "crl/bulk.crl").write_bytes(b"junk")
        (shown / "status/bulk-00000000.cwt").unlink()
        wait_for(lambda: [r["file"] for r in v.health()[1]["refused"]] ==
                 [f"{shown}/crl/bulk.crl"])
        assert verdict() == "deny: revoked" and verdict(other) == "allow"

        # trust that cannot be read leaves the one before
        (shown / "trust.pem").write_text("junk")
        v.hangup()
        wait_for(lambda: verdict(other) == "allow")
    assert b"trust as before" in v.err
    assert b"older" in v.err


def test_other_trust(issued, stranger, tmp_path):
    """New trust counts at once, and what status it does not stand for goes."""
    ours, theirs = devices_of(issued.copy(tmp_path / "a"), 1)[0], \
        devices_of(stranger.copy(tmp_path / "b"), 1)[0]
    trust = tmp_path / "trust.pem"
    shutil.copy(issued.dir / "publish/trust.pem", trust)
    with Verify(trust, patterns(issued.dir / "publish")) as v:
        assert v.ask(**ours.ask())["verdict"] == "allow"
        assert v.ask(**theirs.ask())["verdict"] == "deny: untrusted"
        assert len(v.health()[1]["held"]) >= 2
        shutil.copy(stranger.dir / "publish/trust.pem", trust)
        v.hangup()
        wait_for(lambda: v.ask(**theirs.ask())["verdict"] == "allow")
        assert v.ask(**ours.ask())["verdict"] == "deny: untrusted"
        assert v.health()[1]["held"] == []


def test_stale(world, tmp_path):
    """Too old: everybody is denied, and says so to whoever watches."""
    device, now = world.devices[0], int(time.time())
    publisher = Publisher(world)
    crl = tmp_path / "bulk.crl"
    crl.write_bytes(publisher.der(1, now))
    with Verify(world.publish / "trust.pem", crl, max_age=1) as v:
        wait_for(lambda: v.ask(**device.ask())["verdict"] ==
                 "deny: status not known")
        assert v.auth(device.fields())[0] == 403
        status, health = v.health()
        assert status == 503 and "everybody is denied" in health["status"]
        assert not health["held"][0]["fresh"]
        assert 2 <= health["held"][0]["age"] < 60
        # the publisher's clock is ahead, as it may be by five minutes
        crl.write_bytes(publisher.der(2, now + 200))
        wait_for(lambda: v.ask(**device.ask())["verdict"] == "allow")
        assert v.health()[0] == 200
    with Verify(world.publish / "trust.pem", tmp_path / "none*",
                max_age=3600) as v:
        assert v.ask(**device.ask())["verdict"] == "deny: status not known"
        assert v.health()[0] == 503
    assert b"everybody is denied" in v.err


# Hostile, wrong

def test_http(world, verify):
    def status(*args, **how):
        return verify.http(*args, **how)[0]

    kind = [("Content-Type", "application/json")]
    assert status("POST", "/v1/verify", b" " * 70000, kind) == 413
    assert status("POST", "/v1/verify", None, kind) == 411
    assert status("POST", "/v1/verify", b"{}") == 415
    assert status("POST", "/v1/verify", b"{}", [
        ("Content-Type", "text/plain")]) == 415
    assert status("POST", "/v1/verify", b"{}", [
        ("Content-Type", "application/json; charset=utf-8")]) == 200
    assert status("GET", "/v1/verify") == 405
    assert status("POST", "/v1/auth", b"") == 405
    assert status("GET", "/") == 404
    assert status("GET", "/v1/auth", fields=[
        ("X-Client-Cert", "A" * 9000)]) == 431
    assert verify.ask(**world.devices[0].ask())["verdict"] == "allow"


def test_slow(world, verify):
    """More that never finish than it has room for."""
    slow = []
    try:
        for i in range(300):
            s = socket.create_connection(("127.0.0.1", verify.port), 10)
            s.sendall(b"POST /v1/verify HTTP/1.1\r\nHost: a\r\n"[:1 + i])
            slow.append(s)
            if i % 50 == 0:
                assert verify.ask(**world.devices[0].ask())["verdict"] == \
                    "allow"
        assert verify.ask(**world.devices[0].ask())["verdict"] == "allow"
    finally:
        for s in slow:
            s.close()


@pytest.mark.parametrize("listen, code, says", [
    ("0.0.0.0:8446", 5, "not an address of this machine alone"),
    ("[::]:8446", 5, "not an address of this machine alone"),
    ("192.0.2.1:8446", 5, "not an address of this machine alone"),
    ("localhost:8446", 5, "not an address of this machine alone"),
    ("127.0.0.1", 2, "not an address and a port"),
    ("127.0.0.1:", 2, "not an address and a port"),
    ("127.0.0.1:70000", 2, "not an address and a port"),
    ("127.0.0.1:1x", 2, "not an address and a port"),
])
def test_listen(world, listen, code, says):
    result = run(BIN / "imprint-verify", "serve", "--trust", world.publish /
                 "trust.pem", "--listen", listen, code=code)
    assert says in result.err


def test_start_refused(world, verify, tmp_path):
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    for argv, code, says in (
            ([], 2, "--trust"),
            (["--trust", tmp_path / "none"], 3, "none"),
            (["--trust", junk], 2, "junk.pem"),
            (["--trust", world.publish / "trust.pem", "--max-age", "5"], 2,
             "--status"),
            (["--trust", world.publish / "trust.pem", "--listen",
              f"127.0.0.1:{verify.port}"], 4, "in use")):
        result = run(BIN / "imprint-verify", "serve", *argv, code=code)
        assert says in result.err, result


# The examples

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="module")
def pair(world):
    """TLS pair of the services."""
    world.imprint("service", "add", "collector", "--dns", "localhost",
                  "--out", world.root)
    return world.root / "collector"


@pytest.fixture(scope="module")
def revoked(issued, tmp_path_factory):
    """Directory of publications by which the second device is revoked."""
    eco = issued.copy(tmp_path_factory.mktemp("revoked"))
    eco.imprint("revoke", devices_of(eco, 2)[1].index)
    return eco.dir / "publish"


@pytest.fixture(scope="module")
def gate(world, revoked):
    with Verify(world.publish / "trust.pem", patterns(revoked),
                max_age=FRESH) as verify:
        yield verify


def stale_of(world):
    """Of a verifier to which nothing fresh was ever given."""
    return Verify(world.publish / "trust.pem", "none*", max_age=FRESH)


@contextlib.contextmanager
def python_service(world, pair, port):
    service = Service(pair, world.publish / "trust.pem")
    service.argv = [sys.executable, "-B", ROOT / "examples/service.py",
                    *service.argv[1:], "--verify", f"127.0.0.1:{port}"]
    with service:
        yield service


def test_python_service(world, stranger, pair, gate):
    one, two = world.devices[:2]
    foreign = devices_of(stranger, 1)[0]
    with python_service(world, pair, gate.port) as service:
        # one that says nothing holds nobody up
        with socket.create_connection(("127.0.0.1", service.port)):
            status, body = service.ask_raw(one.path, one.document)
        assert status == 200 and json.loads(body)["ueid"] == one.ueid
        assert json.loads(body)["verdict"] == "allow"
        for device, document, path, says in (
                (two, two.document, "photo", "deny: revoked"),
                (one, one.document, "unheard-of", "deny: not permitted"),
                (one, two.document, "photo", "deny: certificate and doc"),
                (one, b"", "photo", "deny: no document"),
                (one, b"junk", "photo", "deny: malformed"),
                (one, one.document, "", "deny: undecided"),
                (one, one.document, "a" * 200, "deny: undecided")):
            status, body = service.ask_raw(device.path, document, path)
            assert status == 403 and json.loads(body)[
                "verdict"].startswith(says), body
        assert service.ask_raw(one.path, b"\0" * 20000)[0] in (413, None)
        for path in (foreign.path, None):
            try:
                assert service.ask_raw(path, one.document)[0] is None
            except ssl.SSLError:
                pass        # it ends the handshake
        assert service.ask_raw(one.path, one.document)[0] == 200
    with stale_of(world) as stale, \
            python_service(world, pair, stale.port) as service:
        status, body = service.ask_raw(one.path, one.document)
        assert status == 403 and "status not known" in body
    with python_service(world, pair, free_port()) as service:
        status, body = service.ask_raw(one.path, one.document)
        assert status == 403 and "undecided" in body


def test_device_to_python_service(world, pair, gate, tmp_path):
    """imprint-device gets along with it."""
    station = tmp_path / "line"
    eco = world.copy(tmp_path / "eco")
    run(BIN / "imprint-station", "init", "--home", station, "--name",
        "line-9", "--trust", eco.dir / "publish/trust.pem")
    eco.imprint("station", "add", station / "line-9.station")
    order = eco.order(1, "line-9")
    eco.imprint("order", "run", order)
    run(BIN / "imprint-station", "import", "--home", station,
        eco.pack(order))
    run(BIN / "imprint-station", "inject", "--home", station, "--command",
        f"{BIN}/imprint-device install --home {tmp_path}/device")
    with Verify(eco.dir / "publish/trust.pem", patterns(eco.dir / "publish"),
                max_age=FRESH) as verify, \
            python_service(world, pair, verify.port) as service:
        answer = run(BIN / "imprint-device", "connect", "--home",
                     tmp_path / "device", "--to",
                     f"127.0.0.1:{service.port}", "--name", "localhost",
                     "--object", "photo", "--method", "POST", "--json")
        assert answer.json["status"] == 200, answer


class Backend(http.server.BaseHTTPRequestHandler):
    """What nginx protects: tells whom it was said to serve."""

    def do_GET(self):
        body = self.headers.get("X-Imprint-UEID", "nobody").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_GET

    def log_message(self, *_):
        pass


class Nginx:
    """nginx with the example, until the with-block ends."""

    def __init__(self, pair, verify_port, root):
        self.root, self.port = root, free_port()
        self.backend = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                       Backend)
        text = (ROOT / "examples/nginx.conf").read_text()
        for old, new in (
                ("listen 8443 ssl", f"listen 127.0.0.1:{self.port} ssl"),
                ("/etc/imprint/service.pem", f"{pair}.pem"),
                ("/etc/imprint/service.key", f"{pair}.key"),
                ("127.0.0.1:8080", f"127.0.0.1:{self.backend.server_port}"),
                ("127.0.0.1:8446", f"127.0.0.1:{verify_port}")):
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (root / "example.conf").write_text(text)
        paths = "".join(f"{kind}_temp_path {root}/{kind};\n" for kind in (
            "client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        user = "user root;\n" if os.geteuid() == 0 else ""
        (root / "nginx.conf").write_text(
            f"{user}daemon off;\npid {root}/pid;\n"
            f"error_log {root}/error.log;\nevents {{}}\n"
            f"http {{\naccess_log off;\n{paths}"
            f"include {root}/example.conf;\n}}\n")

    def __enter__(self):
        threading.Thread(target=self.backend.serve_forever,
                         daemon=True).start()
        self.process = subprocess.Popen(
            [NGINX, "-p", self.root, "-c", self.root / "nginx.conf", "-e",
             self.root / "error.log"])
        wait_for(self.is_up)
        return self

    def is_up(self):
        assert self.process.poll() is None, (
            self.root / "error.log").read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        self.backend.shutdown()

    def ask(self, device, document=None, path="/photo", method="POST",
            fields=()):
        """(status, reason, body)"""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if device is not None:
            context.load_cert_chain(f"{device.path}.pem",
                                    f"{device.path}.key")
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=PATIENCE_S, context=context)
        fields = dict(fields)
        if document is not None:
            fields["X-Device-Document"] = b64(document)
        connection.request(method, path, b"", fields)
        reply = connection.getresponse()
        body = reply.read().decode()
        connection.close()
        return reply.status, reply.headers.get("X-Imprint-Reason", ""), body


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_nginx(world, stranger, pair, gate, tmp_path):
    one, two = world.devices[:2]
    foreign = devices_of(stranger, 1)[0]
    with Nginx(pair, gate.port, tmp_path) as nginx:
        status, _, body = nginx.ask(one, one.document, fields={
            "X-Imprint-UEID": two.ueid})
        assert status == 200 and body == one.ueid
        for status, says, args in (
                (403, "revoked", (two, two.document)),
                (403, "No path leads", (foreign,)),
                (403, "signed by a key that is not", (one, foreign.document)),
                (403, "another device", (one, two.document)),
                (403, "no identity document was shown", (one,)),
                (403, "cannot be read", (one, b"junk")),
                (403, "is needed", (one, one.document, "/photo", "DELETE")),
                (401, "No device certificate", (None, one.document))):
            got = nginx.ask(*args)
            assert got[0] == status and says in got[1], got
        # what a client says of itself does not count
        other = two.fields(**{"X-Object": "photo", "X-Permission": "POST"})
        del other["X-Device-Document"]
        assert nginx.ask(None, one.document, fields=one.fields())[0] == 401
        assert nginx.ask(one, one.document, fields=other)[2] == one.ueid
        assert nginx.ask(one, fields={"X-Device-Document": "?"})[0] == 403
        assert nginx.ask(one, fields={
            "X-Device-Document": "A" * 9000})[0] == 400
        assert nginx.ask(one, path="/imprint-auth")[0] == 404
        assert nginx.ask(one, one.document)[0] == 200
    with stale_of(world) as stale:
        (tmp_path / "stale").mkdir()
        with Nginx(pair, stale.port, tmp_path / "stale") as nginx:
            status, reason, _ = nginx.ask(one, one.document)
            assert status == 403 and "neither a CRL" in reason
    (tmp_path / "down").mkdir()
    with Nginx(pair, free_port(), tmp_path / "down") as nginx:
        assert nginx.ask(one, one.document)[0] == 500


@pytest.fixture
def unit(tmp_path):
    """The example of a unit, running the program under test."""
    source = ROOT / "examples/systemd/imprint-verify.service"
    text = source.read_text()
    assert text.count("ExecStart=/usr/bin/imprint-verify ") == 1
    path = tmp_path / source.name
    path.write_text(text.replace("ExecStart=/usr/bin/imprint-verify ",
                                 f"ExecStart={BIN}/imprint-verify "))
    return path


@pytest.mark.skipif(shutil.which("systemd-analyze") is None,
                    reason="systemd-analyze is not installed")
def test_unit(unit):
    result = run("systemd-analyze", "--man=no", "verify", unit)
    assert result.err == "" and result.out == ""
    result = run("systemd-analyze", "security", "--offline=yes",
                 "--threshold=13", unit)
    assert "Overall exposure level" in result.out


def test_unit_command(unit, world, tmp_path):
    """Its command, and that its reload is understood."""
    line = re.search(r"^ExecStart=(.*)$", unit.read_text(), re.M)[1]
    argv = shlex.split(line.replace("/srv/imprint", str(world.publish)))
    place = argv.index("--listen") + 1
    assert argv[place] == "127.0.0.1:8446"
    argv[place] = "127.0.0.1:0"
    verify = Verify("")
    verify.argv = argv
    device = world.devices[0]
    with verify:
        assert verify.ask(**device.ask(**RIGHT))["verdict"] == "allow"
        verify.hangup()
        assert verify.ask(**device.ask(**RIGHT))["verdict"] == "allow"
