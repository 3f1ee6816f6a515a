"""imprint --server: an operator somewhere else, with nothing of the
ecosystem's but a key, its passphrase and a trust file."""
import base64
import contextlib
import http.client
import http.server
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import reader
from conftest import BIN, PASSPHRASE, PRODUCTS, Station, program_needed, run
from imprintd import Server, asked_for, wait_for

pytestmark = program_needed("imprintd")

HOST = "localhost"


class Elsewhere:
    """A machine of an operator's: a home without an ecosystem."""

    def __init__(self, root, eco, port):
        self.root = root
        root.mkdir(parents=True)
        self.key = root / "admin.key"
        self.key.write_bytes((eco.dir / "operators/admin.key").read_bytes())
        self.key.chmod(0o600)
        self.passphrase = root / "passphrase"
        self.passphrase.write_text(PASSPHRASE + "\n")
        self.passphrase.chmod(0o600)
        self.trust = root / "eco.trust"
        eco.imprint("operator", "trust", "--out", self.trust)
        self.port = port

    def argv(self, *argv, port=None, trust=None, url=None):
        return [BIN / "imprint", "--home", self.root / "home",
                "--operator-key", self.key, "--passphrase-file",
                self.passphrase, "--server",
                url or f"https://{HOST}:{port or self.port}", "--trust",
                trust or self.trust, *argv]

    def __call__(self, *argv, code=0, env=None, **where):
        return run(*self.argv(*argv, **where), code=code, env=env)


@pytest.fixture(scope="module")
def eco(issued, tmp_path_factory):
    return issued.copy(tmp_path_factory.mktemp("remote") / "eco")


@pytest.fixture(scope="module")
def server(eco):
    with Server(eco, name=HOST) as running:
        yield running


@pytest.fixture(scope="module")
def there(eco, server, tmp_path_factory):
    return Elsewhere(tmp_path_factory.mktemp("elsewhere") / "op", eco,
                     server.port)


@pytest.fixture(scope="module")
def liar(there, tmp_path_factory):
    """A certificate under the right root, in the wrong hands."""
    out = tmp_path_factory.mktemp("between")
    there("service", "add", "between", "--dns", HOST, "--out", out)
    return out / "between.pem", out / "between.key"


def der_of(path):
    """Of the first certificate."""
    return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(
        serialization.Encoding.DER)


def operations(eco):
    return len(reader.rows(eco.db, "SELECT seq FROM operation"))


def test_trust_file(eco, there):
    """For people to read, and for openssl."""
    text = there.trust.read_text().splitlines()
    info = reader.rows(eco.db, "SELECT value FROM meta "
                       "WHERE name = 'ecosystem-id'")
    assert text[0] == "Imprint ecosystem: " + bytes(info[0][0]).hex()
    assert der_of(there.trust) == (
        eco.dir / "publish/ca/root.cer").read_bytes()


def test_lists(eco, there):
    """What the command prints on the server."""
    for words in (["product", "list"], ["station", "list"]):
        assert there(*words).out == eco.imprint(*words).out
        assert there(*words, "--json").json == \
            eco.imprint(*words, "--json").json
    here = eco.imprint("order", "list", "--json").json
    for order, known in zip(there("order", "list", "--json").json, here):
        assert {k: order[k] for k in known} == known
    assert "300 of 300 camera" in there("order", "list").out
    one = there("order", "show", 1, "--json").json["order"]
    assert (one["committed"], one["running"]) == (300, False)
    known = eco.imprint("identity", "list", "--count", 250, "--json").json
    found = there("identity", "list", "--count", 250, "--json").json
    assert [(i["index"], i["ueid"]) for i in found] == [
        (i["index"], i["ueid"]) for i in known]
    page = there("identity", "list", "--from", 17, "--count", 2,
                 "--json").json
    assert [i["index"] for i in page] == [17, 18]
    for word in (known[17]["ueid"], "bulk/17", "17"):
        assert there("identity", "show", word, "--json").json == page[0]
    there("identity", "show", "no body/%", code=3)
    assert there("identity", "list", "--log", "online", "--json").json == []


def test_whole_way(eco, server, there, tmp_path):
    """A product, a station, an order, its identities, a revocation, a
    service, an operator: nothing but answers comes from the network."""
    text = (PRODUCTS / "camera.yaml").read_text()
    product = tmp_path / "camera-2.yaml"
    product.write_text(text.replace('"1.0.0"', '"2.0.0"', 1))
    added = there("product", "add", product, "--json").json
    assert added in [{k: p[k] for k in added} for p in
                     eco.imprint("product", "list", "--json").json]
    station = Station("far-1")
    path = tmp_path / "far-1.station"
    path.write_bytes(station.statement())
    assert there("station", "add", path, "--json").json["key"] == \
        reader.thumbprint(station.sealing.public_key()).hex()
    argv = ["order", "create", "--count", 150, "--station", "far-1"]
    number = there(*argv, "--product", added["hash"], "--json").json["order"]
    again = there(*argv, "--product", product, "--json").json["order"]
    assert again == number + 1
    assert there("order", "cancel", again, "--json").json["state"] == \
        "cancelled"
    done = there("order", "run", number, "--json").json
    assert (done["state"], done["issued"]) == ("complete", 150)
    eco.stations["far-1"] = station.sealing
    eco.check_complete(number)
    assert there("order", "run", number, code=4).err
    changed = there("revoke", 301, "--range", "bulk/305-307", "--reason",
                    "keyCompromise", "--json").json
    assert changed["changed"] == 4 and changed["published"]
    assert there("identity", "show", 306, "--json").json["status"] == \
        "revoked"
    assert "is suspended" in there("suspend", "bulk/310").out
    there("resume", "bulk/310", "--no-publish")
    assert "published" in there("publish").out
    there("service", "add", "video", "--dns", "video.example.net", "--out",
          tmp_path)
    run("openssl", "verify", "-CAfile", there.trust, "-untrusted",
        tmp_path / "video.pem", tmp_path / "video.pem")
    fresh = tmp_path / "bea.key"
    there("operator", "add", "bea", "--key", fresh,
          "--new-passphrase-file", there.passphrase)
    assert there("order", "list", "--operator-key", fresh).out
    there("chip-maker", "add", "acme", "--cert", tmp_path / "video.pem",
          code=5)
    assert eco.imprint("log", "verify").code == 0


def test_stopped(eco, there):
    """^C ends the run there too; the same command goes on with it."""
    number = there("order", "create", "--product", PRODUCTS / "camera.yaml",
                   "--count", 200000, "--station", "line-1",
                   "--json").json["order"]
    with subprocess.Popen([str(a) for a in there.argv("order", "run",
                                                      number)],
                          stderr=subprocess.PIPE) as running:
        wait_for(lambda: 0 < there("order", "show", number, "--json").json[
            "order"]["committed"])
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130
        assert b"stopped" in running.stderr.read()
    one = there("order", "show", number, "--json").json["order"]
    assert 0 < one["committed"] < 200000 and not one["running"]
    there("order", "cancel", number, "--no-publish")


@pytest.mark.parametrize("argv", [
    ["order", "create", "--product", "camera", "--count", 1, "--station",
     "line-1"],
    ["revoke", "--range", "other/1-2"], ["revoke", "--order", "x"],
    ["device", "claim", "DB-000017", "--code", "7K2M-00QX-V9DT-3", "--owner",
     "x"],
    ["order", "run", 1, "--workers", 65], ["publish", "--next-update", 999],
    ["doctor"], ["init",
     "--publish-url", "http://x.example"], ["log", "verify"],
    ["identity", "list", "--claim-codes"],
    ["operator", "add", "cy"]])
def test_not_from_elsewhere(eco, there, argv):
    """What would need a name that the network answers, or what lies there."""
    before = asked_for(eco)
    said = there(*argv, code=2)
    assert said.out == "" and len(said.err.splitlines()) >= 1
    assert asked_for(eco) == before and not (there.root / "home").exists()


@pytest.mark.parametrize("url", [
    "http://localhost", "localhost", "https://", "https://x:", "https://x:y",
    "https://u@x", "https://x/path", "https://[::1", "https://x:123456789"])
def test_address(there, url):
    assert "https://NAME" in there("order", "list", url=url, code=2).err


def test_who_is_there(eco, server, there, stranger, tmp_path):
    """Wrong root, wrong host, another ecosystem, a trust file that does not
    say which, a clock that is wrong, an operator of nobody."""
    argv = ["station", "renew", tmp_path / "s.station"]
    argv[2].write_bytes(Station("s").statement())
    before = asked_for(eco)
    other = tmp_path / "other.trust"
    stranger.imprint("operator", "trust", "--out", other)
    for where in ({"trust": other},
                  {"url": f"https://127.0.0.1:{server.port}"}):
        said = there(*argv, code=5, **where).err
        assert "not acceptable" in said and "nothing was sent" in said
    # the right root, another's id: what is signed is of no use there
    mixed = tmp_path / "mixed.trust"
    mixed.write_text(other.read_text().splitlines()[0] + "\n" +
                     there.trust.read_text().split("\n", 1)[1])
    for words in (argv, ["order", "list"]):
        assert "403 signature" in there(*words, trust=mixed, code=5).err
    said = there(*argv, trust=eco.dir / "publish/trust.pem", code=2).err
    assert "operator trust" in said
    bare = tmp_path / "bare"
    bare.write_text("Imprint ecosystem: 00\n")
    there(*argv, trust=bare, code=3)
    done = run(BIN / "imprint", "order", "list", "--server",
               f"https://{HOST}:{server.port}", code=2)
    assert "--trust is needed" in done.err
    thief = tmp_path / "thief"
    strange = Elsewhere(thief, stranger, server.port)
    assert "403 signature" in strange(*argv, trust=there.trust, code=5).err
    assert asked_for(eco) == before


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_away(there):
    said = there("order", "list", port=free_port(), code=6)
    assert "refused" in said.err
    # the error alone: no list before it
    for words in (["order", "list"], ["product", "list"],
                  ["identity", "list"], ["document-signer", "list"]):
        said = there(*words, "--json", port=free_port(), code=6)
        assert "refused" in said.json["message"]
    assert "asking again" not in there("publish", port=free_port(),
                                       code=6).err


class Between(http.server.BaseHTTPRequestHandler):
    """Who carries it all, with a certificate under the right root."""

    def do(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        carrier = self.server
        carrier.seen.append((self.command, self.path, body))
        with carrier.real.client() as client:
            client.request(self.command, self.path, body, {
                k: v for k, v in self.headers.items()
                if k in ("Content-Type", "Authorization")})
            answer = client.getresponse()
            said = answer.status, answer.read(), dict(answer.headers)
        said = carrier.twist(*said)
        if said is None:
            self.close_connection = True
            return
        status, data, fields = said
        self.send_response(status)
        for name in ("Content-Type", "Retry-After"):
            if name in fields:
                self.send_header(name, fields[name])
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def between(server, certificate, twist):
    real = Server.__new__(Server)
    real.trust, real.port = server.trust, server.port

    @contextlib.contextmanager
    def client():
        connection = http.client.HTTPSConnection(
            HOST, server.port, context=ssl.create_default_context(
                cafile=str(server.trust)))
        try:
            yield connection
        finally:
            connection.close()

    real.client = client
    carrier = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Between)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    carrier.socket = context.wrap_socket(carrier.socket, server_side=True)
    carrier.real, carrier.twist, carrier.seen = real, twist, []
    thread = threading.Thread(target=carrier.serve_forever)
    thread.start()
    try:
        yield carrier
    finally:
        carrier.shutdown()
        thread.join()
        carrier.server_close()


def order_argv():
    return ["order", "create", "--product", PRODUCTS / "camera.yaml",
            "--count", 7, "--station", "line-1"]


def later():
    """A second later than the requests before."""
    start = int(time.time())
    wait_for(lambda: int(time.time()) > start + 1)


def orders(eco):
    return len(reader.rows(eco.db, "SELECT number FROM orders"))


def test_lost_answer(eco, server, there, liar):
    """Carried out, and the answer lost twice: the same octets again, one
    order. Lost for ever: it is said that nobody knows."""
    def lose(count):
        left = [count]

        def twist(status, data, fields):
            left[0] -= 1
            return (status, data, fields) if left[0] < 0 else None
        return twist

    before = orders(eco)
    later()
    with between(server, liar, lose(2)) as carrier:
        done = there(*order_argv(), "--json", port=carrier.server_port)
    assert len(carrier.seen) == 3 and len(set(carrier.seen)) == 1
    assert orders(eco) == before + 1
    assert done.json["order"] == before + 1 and "asking again" in done.err
    later()
    with between(server, liar, lose(9)) as carrier:
        said = there(*order_argv(), port=carrier.server_port, code=6)
    assert len(carrier.seen) == 3 and len(set(carrier.seen)) == 1
    assert "may have been carried out" in said.err
    assert orders(eco) == before + 2


def unanswered(reason="unavailable", status=503):
    """The front's answer, whatever became of the request."""
    data = {"title": "x", "status": status, "detail": "no answer in time"}
    if reason:
        data["reason"] = reason
    return status, json.dumps(data).encode(), {
        "Content-Type": "application/problem+json", "Retry-After": "1"}


def test_no_answer_in_time(eco, server, there, liar):
    """503, though it was carried out: the same octets again, one order. To
    the end: that nobody knows, whatever the last attempt was told."""
    def twist(status, data, fields):
        return lies.pop(0) or (status, data, fields)

    def order(answers, **more):
        lies.extend(answers)
        later()
        with between(server, liar, twist) as carrier:
            said = there(*order_argv(), "--json", port=carrier.server_port,
                         **more)
        assert lies == [] and len(carrier.seen) == len(answers)
        assert len(set(carrier.seen)) == 1
        return said

    lies, lost, before = [], unanswered(), orders(eco)
    done = order([unanswered(""), unanswered("else"), None])
    assert done.json["order"] == orders(eco) == before + 1
    assert done.err.count("asking again in 1 s") == 2
    for answers in ([lost] * 3, [lost, unanswered("busy")]):
        before = orders(eco)
        said = order(answers, code=6)
        assert "may have been carried out" in said.err, said.err
        assert orders(eco) == before + 1
    # the authority's own word, and what was turned away, are answers
    for answers, code in (([lost, unanswered("conflict", 409)], 4),
                          ([unanswered("disk")], 6),
                          ([unanswered("away")], 7)):
        assert "may have" not in order(answers, code=code).err
    # no authority: no word of what became of what was lost before
    before = orders(eco)
    done = order([lost, unanswered("away"), None])
    assert done.json["order"] == orders(eco) == before + 1


def test_full(issued, there, liar, tmp_path):
    """So many of others wait that it is not passed on: nothing of it is
    carried out, now or later, and that is said."""
    other = issued.copy(tmp_path / "eco")
    before, told = orders(other), []
    argv = order_argv()

    def twist(status, data, fields):
        told.append((status, json.loads(data)))
        return status, data, fields

    with Server(other, name=HOST, fronts=1) as server, \
            contextlib.ExitStack() as stack:
        authority, = server.role("authority")
        os.kill(authority, signal.SIGSTOP)
        stack.callback(os.kill, authority, signal.SIGCONT)
        waiting = []
        for _ in range(16):
            client = stack.enter_context(server.client())
            client.request("POST", "/v1/requests", b"x",
                           {"Content-Type": "application/imprint-request+cose"})
            waiting.append(client)
        time.sleep(1)       # all of them are read
        with between(server, liar, twist) as carrier:
            said = there(*argv, port=carrier.server_port, code=7)
        assert len(carrier.seen) == 1 and told[0][0] == 503
        assert told[0][1]["reason"] == "busy"
        assert "not carried out" in said.err and "may have" not in said.err
        os.kill(authority, signal.SIGCONT)
        assert {c.getresponse().status for c in waiting} == {400}
        assert orders(other) == before
        assert there(*argv, "--json",
                     port=server.port).json["order"] == before + 1


def test_authority_killed(issued, there, liar, tmp_path):
    """Away with the request: the front's word is none, and the next authority
    carries it out."""
    other = issued.copy(tmp_path / "eco")
    before, told = orders(other), []

    def twist(*said):
        told.append(said)
        return said

    with contextlib.ExitStack() as stack:
        first = stack.enter_context(Server(other, name=HOST, fronts=1))
        first.codes = (70,)
        later()
        os.kill(first.role("authority")[0], signal.SIGSTOP)
        carrier = stack.enter_context(between(first, liar, twist))
        asking = stack.enter_context(subprocess.Popen(
            [str(a) for a in there.argv(*order_argv(),
                                        port=carrier.server_port)],
            stderr=subprocess.PIPE))
        stack.callback(asking.kill)
        wait_for(lambda: carrier.seen)
        time.sleep(1)
        os.kill(first.role("authority")[0], signal.SIGKILL)
        assert first.process.wait(timeout=30) == 70
        assert b"asking again in 10 s" in asking.stderr.readline()
        assert told[0][0] == 503
        assert json.loads(told[0][1])["reason"] == "unavailable"
        second = Server(other, name=HOST, fronts=1)
        second.argv[second.argv.index("--listen") + 1] = \
            f"127.0.0.1:{first.port}"
        stack.enter_context(second)
        assert asking.wait(timeout=30) == 0, asking.stderr.read()
    assert carrier.seen[1] == carrier.seen[0]
    assert orders(other) == before + 1


def test_held_back(eco, server, there, liar):
    """Who carries it says that it came too early, and keeps it: what is
    signed anew is the same request, and never carried out beside it."""
    told = []

    def twist(status, data, fields):
        told.append(status)
        return (409, json.dumps({"title": "x", "status": 409, "detail": "x",
                                 "reason": "time"}).encode(), fields) \
            if len(told) == 1 else (status, data, fields)

    before = orders(eco)
    later()
    with between(server, liar, twist) as carrier:
        said = there(*order_argv(), port=carrier.server_port, code=4)
    assert "409 conflict" in said.err and told == [200, 409]
    payloads = [cbor2.loads(cbor2.loads(body).value[2])
                for _, _, body in carrier.seen]
    assert payloads[0][2] == payloads[1][2]
    assert payloads[0][4] < payloads[1][4]
    assert orders(eco) == before + 1


def answer(body, status=200):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda *_: (status, data, {"Content-Type": "application/json"})


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", {"type": 4, "result": "?"}, {"type": 5, "result": ""},
    {"type": 4, "result": 1}, b"x" * (1 << 20)], ids=lambda b: str(b)[:30])
def test_no_answer(server, there, liar, body):
    with between(server, liar, answer(body)) as carrier:
        there(*order_argv(), port=carrier.server_port, code=6)


def forge(**more):
    def twist(status, data, fields):
        return status, json.dumps({**json.loads(data), **more}).encode(), \
            fields
    return twist


def test_forged_result(eco, server, there, liar):
    """An answer that is none, or too long: what may have become of it is
    told."""
    def twist(status, data, fields):
        return forge(**said)(status, data, fields) if b'"result"' in data \
            else (status, data, fields)

    with between(server, liar, twist) as carrier:
        port = carrier.server_port
        for said in ({"result": "AA"}, {"result": "GwAAAAEAAAAA"},
                     {"result": "AQE"}, {"result": ""}, {"result": "!"},
                     {"type": 1}, {"type": "x"}, {"warning": 1}):
            before = orders(eco)
            wrong = there(*order_argv(), port=port, code=6)
            assert wrong.out == "" and orders(eco) == before + 1
            assert "may have been carried out" in wrong.err, said
        said = {"result": None}
        done = there("order", "cancel", orders(eco), "--json", port=port)
        assert (done.json["state"], done.json["revoked"]) == (
            "cancelled", None)
        assert "published" in done.json
        assert "on record on the server" in done.err
        there(*order_argv(), port=port, code=2)
    for code in (500, 503):
        number = there(*order_argv(), "--json").json["order"]
        with between(server, liar, lambda s, d, f: unanswered(
                status=code) if carrier.seen[-1][1].endswith("/run")
                else (s, d, f)) as carrier:
            wrong = there("order", "run", number, port=carrier.server_port,
                          code=(6, 7))
        assert f"order show {number}" in wrong.err


def test_forged_keys(server, there, liar, tmp_path):
    """What is known here is not taken from an answer: a hash, a station's
    key, whose certificate it is."""
    station = tmp_path / "s.station"
    station.write_bytes(Station("forged").statement())
    with between(server, liar, forge(result="A" * 43)) as carrier:
        for argv in (["product", "add", PRODUCTS / "camera.yaml"],
                     ["station", "add", station]):
            said = there(*argv, port=carrier.server_port, code=5)
            assert "not of what was sent" in said.err and said.out == ""
    pem, _ = liar
    leaf = base64.urlsafe_b64encode(der_of(pem)).decode().rstrip("=")

    def twist(status, data, fields):
        return forge(result=leaf)(status, data, fields) \
            if data.startswith(b"{") else (status, data, fields)

    with between(server, liar, twist) as carrier:
        there("service", "add", "mine", "--dns", "mine.example.net", "--out",
              tmp_path, port=carrier.server_port, code=5)
    assert not (tmp_path / "mine.pem").exists()


@pytest.mark.parametrize("body", [
    {}, {"items": 1}, {"items": [1]}, {"items": [{"product": 1}]},
    {"items": [{"product": "x" * 600}]}, {"items": [], "next": "x"},
    {"items": [], "next": 0}, {"items": [], "next": -1}])
def test_forged_list(server, there, liar, body):
    with between(server, liar, answer(body)) as carrier:
        said = there("product", "list", port=carrier.server_port, code=6)
    assert "answer" in said.err


def test_acting_text(server, there, liar):
    """Nothing of an answer acts on a terminal."""
    bad = "a\x1b[2J\n"
    items = {"items": [{"product": bad, "version": bad, "added": bad,
                        "hash": bad}], "next": None}
    with between(server, liar, answer(items)) as carrier:
        out = there("product", "list", port=carrier.server_port).out
        assert "\x1b" not in out and out.count("\n") == 1
        assert there("product", "list", "--json",
                     port=carrier.server_port).json[0]["hash"] == bad
    problem = {"title": "x", "status": 500, "detail": bad, "reason": bad}
    with between(server, liar, answer(problem, 500)) as carrier:
        said = there("product", "list", port=carrier.server_port, code=6)
        assert "\x1b" not in said.err and "500" in said.err


def test_busy(server, there, liar):
    """What the server wants waited for is told, and not tried."""
    def twist(*_):
        return 503, json.dumps({
            "title": "x", "status": 503, "detail": "full",
            "reason": "busy"}).encode(), {
                "Content-Type": "application/problem+json",
                "Retry-After": "17"}

    with between(server, liar, twist) as carrier:
        said = there(*order_argv(), port=carrier.server_port, code=7)
    assert "full" in said.err and "again in 17 s" in said.err
    assert len(carrier.seen) == 1
