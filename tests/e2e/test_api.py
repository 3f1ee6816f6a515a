"""Operators over HTTPS: what they sign is carried by a front that is believed
nothing. Signed here by python3-cryptography and python3-cbor2 alone."""
import base64
import json
import os
import re
import signal
import struct
import time
import urllib.parse

import cbor2
import jsonschema
import pytest
from cryptography import x509

import reader
from conftest import PRODUCTS, ROOT, Station, program_needed, run, sample
from imprintd import (FIGURES, IDENTITY, NAME, Authority, Server, asked_for,
                      counted, exchange, wait_for)
from test_imprintd import COUNTS, problem
from test_local import (CLOCK, EPOCH, ORDER_CANCEL, SIGNER_NEW, STATION_ADD,
                        Operator, altered, check_sound)
from test_manufacturers import CA

pytestmark = program_needed("imprintd")

QUERY_TYP = "application/imprint-query+cose"
REQUEST_KIND = "application/imprint-request+cose"
REQUEST, QUERY, DONE, REFUSED = 7, 8, 64, 65
STATUS, RECONCILE = 6, 20


class Remote(Operator):
    """An operator somewhere else. Each request is of a later second than the
    last one, as the server wants it."""

    last = 0

    def later(self):
        Remote.last = max(Remote.last + 1, int(time.time()))
        return Remote.last

    def query(self, method, target, when=None, ident=None, ecosystem=None,
              typ=QUERY_TYP, key=None, version=1):
        return reader.sign1(key or self.key, typ, reader.cbor_encode(
            [version, ecosystem or self.ecosystem, ident or os.urandom(16),
             int(when or time.time() + (method == "POST")), method,
             target]))       # an action: of a later second than the server

    def fields(self, method, target, **more):
        return [("Authorization", "Imprint " + base64.urlsafe_b64encode(
            self.query(method, target, **more)).decode().rstrip("="))]

    def get(self, server, target, code=200, **more):
        return self.ask(server, "GET", target, code, **more)

    def ask(self, server, method, target, code=200, **more):
        answer = server.ask(method, target, None if method == "GET" else b"",
                            None, self.fields(method, target, **more))
        if code != 200:
            return problem(answer, code)
        assert answer[0] == 200, answer
        return json.loads(answer[2])

    def send(self, server, request, code=200):
        answer = server.ask("POST", "/v1/requests", request, None,
                            [("Content-Type", REQUEST_KIND)])
        if code != 200:
            return problem(answer, code)
        assert answer[0] == 200, answer
        return json.loads(answer[2])


@pytest.fixture(scope="module")
def eco(issued, tmp_path_factory):
    return issued.copy(tmp_path_factory.mktemp("api") / "eco")


@pytest.fixture(scope="module")
def server(eco):
    with Server(eco) as running:
        # it takes nothing that was made before it began
        Remote.last = int(time.time()) + 1
        yield running


@pytest.fixture(scope="module")
def admin(eco):
    return Remote(eco)


@pytest.fixture(scope="module")
def described(server):
    status, fields, body = server.ask("GET", "/v1/openapi.json")
    assert (status, fields["Content-Type"]) == (200, "application/json")
    return json.loads(body)


def fits(described, path, method, body):
    """An answer is what the description says."""
    answer = described["paths"][path][method]["responses"]["200"]
    schema = answer["content"]["application/json"]["schema"]
    jsonschema.Draft202012Validator(
        {**schema, "components": described["components"]}).validate(body)
    return body


def octets(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_described(described):
    """Every route of the front is in the description, and the reverse."""
    assert re.fullmatch(r"3\.1\.\d", described["openapi"])
    for schema in described["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    text = json.dumps(described)
    for name in re.findall(r'"#/components/schemas/(\w+)"', text):
        assert name in described["components"]["schemas"]
    table = (ROOT / "front/front.c").read_text().split("routes[] = {")[1]
    est = re.search(r'EST_PATH\s+"([^"]+)"', (
        ROOT / "lib/proto/est.h").read_text()).group(1)
    routes = {(method.lower(), (est if name else "") + path)
              for method, name, path in re.findall(
                  r'"(\w+)", (EST_PATH )?"([^"]+)"', table.split("NULL")[0])}
    said = {(method, re.sub(r"\{.*", "*", path))
            for path, methods in described["paths"].items()
            for method in methods}
    assert routes == said
    # each has the parameters that its path names
    for path, methods in described["paths"].items():
        for method in methods.values():
            assert method["responses"]
            assert set(re.findall(r"\{(\w+)\}", path)) == {
                p["name"] for p in method.get("parameters", [])
                if p["in"] == "path"}


def test_lists(server, admin, described, eco):
    """Pages, to the end, as the command line has them."""
    def whole(path, limit, query=""):
        found, cursor = [], None
        for _ in range(50):
            target = f"/v1/{path}?limit={limit}{query}" + (
                f"&cursor={cursor}" if cursor is not None else "")
            page = fits(described, "/v1/" + path, "get",
                        admin.get(server, target))
            assert len(page["items"]) <= limit
            found += page["items"]
            cursor = page["next"]
            if cursor is None:
                return found
        pytest.fail("pages without end")

    listed = eco.imprint("product", "list", "--json").json
    assert whole("products", 2) == listed
    stations = eco.imprint("station", "list", "--json").json
    assert whole("stations", 1) == stations
    orders = whole("orders", 1)
    assert [(o["order"], o["count"], o["committed"], o["state"])
            for o in orders] == [(1, 300, 300, "complete")]
    assert admin.get(server, "/v1/orders/1") == orders[0]
    found = whole("identities", 100)
    known = eco.imprint("identity", "list", "--count", 1000, "--json").json
    assert [(i["index"], i["ueid"], i["names"]) for i in found] == [
        (i["index"], i["ueid"], {"serial-number": i["serial-number"]})
        for i in known]
    assert whole("identities", 7, "&log=online") == []
    one = found[17]
    for word, kind in ((one["ueid"], "UEID"), ("17", "index"),
                       ("bulk/17", "index"), ("bulk%2F17", "index")):
        got = admin.get(server, "/v1/identities/" + word)
        assert fits(described, "/v1/identities/{identity}", "get",
                    got) == {**one, "kind": kind}
    assert len(admin.get(server, "/v1/identities")["items"]) == 50


def test_objects(server, admin, described, eco, tmp_path):
    """What is read one at a time."""
    for product in eco.imprint("product", "list", "--json").json:
        octets_of = eco.imprint(
            "product", "show",
            f"{product['product']}@{product['version']}", "--cbor").raw
        for word in (f"{product['product']}@{product['version']}",
                     product["hash"], product["hash"][:8]):
            got = fits(described, "/v1/products/{product}", "get",
                       admin.get(server, "/v1/products/" + word))
            assert octets(got.pop("body")) == octets_of
            assert got == product
    assert fits(described, "/v1/document-signers", "get", admin.get(
        server, "/v1/document-signers")) == eco.imprint(
            "document-signer", "list", "--json").json
    for path, form in (("document", "document"), ("jwt", "jwt")):
        got = fits(described, "/v1/identities/{identity}/" + path, "get",
                   admin.get(server, f"/v1/identities/bulk/17/{path}"))
        raw = eco.imprint("identity", "export", "17", "--format", form).raw
        assert (got["log"], got["index"]) == ("bulk", 17)
        if path == "document":
            assert octets(got[path]) == raw
        else:
            assert got[path].split(".")[:2] == \
                raw.decode().split(".")[:2]
    assert admin.get(server, "/v1/identities/17/document?signer=1")
    logs = fits(described, "/v1/logs", "get", admin.get(server, "/v1/logs"))
    assert [(entry["log"], entry["size"]) for entry in logs["logs"]] == [
        ("bulk", 300),
        ("online", 0), ("operations", len(reader.rows(
            eco.db, "SELECT seq FROM operation")))]
    pem = CA("Acme").pem(tmp_path / "ca.pem")
    eco.imprint("manufacturer", "add", "acme", "--ca", pem)
    for path, noun in (("chip-makers", "chip-maker"),
                       ("manufacturers", "manufacturer")):
        page = fits(described, "/v1/" + path, "get",
                    admin.get(server, "/v1/" + path))
        assert page["items"] == eco.imprint(noun, "list", "--json").json


@pytest.mark.parametrize("target, code", [
    ("/v1/identities/17/jwt?signer=1", 422),
    ("/v1/identities/17/document?signer=33", 422),
    ("/v1/identities/17/document?signer=", 422),
    ("/v1/identities/17/document?x=1", 422),
    ("/v1/identities/nobody/document", 404), ("/v1/identities/17/x", 404),
    ("/v1/products/none", 404), ("/v1/products/000", 404),
    ("/v1/products/%zz", 422), ("/v1/products/camera@", 404),
    ("/v1/chip-makers?limit=0x", 422), ("/v1/orders/2", 404), ("/v1/orders/x", 404), ("/v1/orders/1/run", 404),
    ("/v1/orders/99999999999", 404), ("/v1/identities/12345", 404),
    ("/v1/identities/nobody", 404), ("/v1/identities/%zz", 422),
    ("/v1/identities/%00", 422), ("/v1/identities?cursor=x", 422),
    ("/v1/identities?limit=101", 422), ("/v1/identities?log=else", 422),
    ("/v1/identities?log=bulkx", 422), ("/v1/orders?a=b", 422),
    ("/v1/orders?limit=1&a=b", 422), ("/v1/orders?limit=x&cursor=1", 422),
    ("/v1/orders?cursor=99999999999999999999", 422),
    ("/v1/orders?cursor=", 422), ("/v1/orders?limit=0", 422),
    ("/v1/identities?order=0", 422), ("/v1/orders/1?x=1", 422),
    ("/v1/orders/1/packs?x=1", 422), ("/v1/logs?x=1", 422),
    ("/v1/orders/1/reconciliation?x=1", 422), ("/v1/devices/17?x=1", 422),
    ("/v1/products/camera?x=1", 422), ("/v1/document-signers?x=1", 422),
    ("/v1/stations/line-1/exposed?x=1", 422), ("/v1/nothing?x=1", 404),
    ("/v1/identities/17?x=1", 422), ("/v1/orders/9?x=1", 404),
    ("/v1/products?order=1", 422), ("/v1/stations?log=bulk", 422),
    ("/v1/status?log=online&order=1", 422)])
def test_not_found(server, admin, target, code):
    assert admin.get(server, target, code)["reason"]


def test_whole_way(eco, server, admin, described, tmp_path):
    """With curl: a station, an order, its identities, a revocation."""
    station = Station("line-7")
    request = admin.request(STATION_ADD, station.statement(),
                            when=admin.later())
    path = tmp_path / "request"
    path.write_bytes(request)
    done = run("curl", "-sS", "--fail-with-body", "--cacert", server.trust,
               "--connect-to", f"::127.0.0.1:{server.port}", "-H",
               f"Content-Type: {REQUEST_KIND}", "--data-binary", f"@{path}",
               f"https://{NAME}:{server.port}/v1/requests").json
    fits(described, "/v1/requests", "post", done)
    assert (done["type"], done["repeated"]) == (STATION_ADD, False)
    assert octets(done["result"]) == reader.thumbprint(
        station.sealing.public_key())
    # the same octets: the same answer
    again = admin.send(server, request)
    assert again == {**done, "repeated": True}
    product = next(p for p in admin.get(server, "/v1/products")["items"]
                   if p["product"] == "camera")
    done = admin.send(server, admin.request(4, reader.cbor_encode(
        [bytes.fromhex(product["hash"]), 200, ["line-7"]]),
        when=admin.later()))
    number = cbor2.loads(octets(done["result"]))
    target = f"/v1/orders/{number}"
    begun = fits(described, "/v1/orders/{order}/run", "post",
                 admin.ask(server, "POST", target + "/run"))
    assert begun["order"] == number and begun["running"]
    wait_for(lambda: admin.get(server, target)["state"] == "complete")
    ended = wait_for(lambda: not (o := admin.get(server, target))[
        "running"] and o)
    assert (ended["committed"], ended["last_run"]) == (200, "complete")
    eco.stations["line-7"] = station.sealing
    eco.check_complete(number)
    admin.ask(server, "POST", target + "/run", 409)
    done = admin.send(server, admin.request(STATUS, reader.cbor_encode(
        [1, 1, [[1, 305, 3]], "by the network"]), when=admin.later()))
    assert cbor2.loads(octets(done["result"])) == [3, 0, 0]
    one = admin.get(server, "/v1/identities/305")
    assert (one["status"], one["reason"]) == ("revoked", 1)
    page = fits(described, "/v1/status", "get",
                admin.get(server, "/v1/status"))
    assert [(i["first"], i["count"], i["status"]) for i in page["items"]] \
        == [(305, 3, "revoked")]
    published = fits(described, "/v1/publish", "post",
                     admin.ask(server, "POST", "/v1/publish"))
    bulk = next(log for log in published["published"]
                if log["log"] == "bulk")
    crl, = (eco.dir / "publish/crl").glob("bulk*")
    crl = x509.load_der_x509_crl(crl.read_bytes())
    for said, at in (("this_update", crl.last_update),
                     ("next_update", crl.next_update)):
        assert bulk[said] == at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert eco.imprint("log", "verify").code == 0


def test_stopped(eco, server, admin):
    """A run that was begun from afar is stopped from afar."""
    number = eco.order(400000, "line-1")
    target = f"/v1/orders/{number}"
    admin.ask(server, "POST", target + "/run")
    wait_for(lambda: admin.get(server, target)["committed"] > 0)
    # meanwhile
    admin.send(server, admin.request(ORDER_CANCEL, cbor2.dumps(number),
                                     when=admin.later()), 503)
    other = eco.order(10, "line-1")
    admin.ask(server, "POST", f"/v1/orders/{other}/run", 503)
    admin.ask(server, "POST", target + "/stop")
    ended = wait_for(lambda: not (o := admin.get(server, target))[
        "running"] and o)
    assert ended["state"] == "open" and "stopped" in ended["last_run"]
    assert 0 < ended["committed"] < 400000
    admin.send(server, admin.request(ORDER_CANCEL, cbor2.dumps(number),
                                     when=admin.later()))
    eco.imprint("order", "cancel", other)


def test_requests_refused(eco, server, admin):
    """One rejection for each check; a stranger leaves nothing in the log."""
    station = Station("line-8")
    ok = station.statement()
    entries = asked_for(eco)
    good = admin.request(STATION_ADD, ok, when=admin.later())
    now = admin.later()
    for bad, code, reason in [
            (admin.request(STATION_ADD, ok, when=now, key=station.signing),
             403, "signature"),
            (admin.request(STATION_ADD, ok, when=now, ecosystem=bytes(16)),
             403, "signature"),
            (admin.request(STATION_ADD, ok, when=now, typ=QUERY_TYP), 403,
             "signature"),
            (admin.query("GET", "/v1/orders"), 403, "signature"),
            (altered(good), 403, "signature"), (b"x", 400, "malformed"),
            (good + b"\0", 400, "malformed"),
            (admin.request(STATION_ADD, ok, when=1), 409, "time"),
            (admin.request(CLOCK, b"\0", when=now), 403, "not-allowed"),
            (admin.request(EPOCH, b"\0", when=now), 403, "not-allowed"),
            (admin.request(SIGNER_NEW, b"\2", when=now), 403, "not-allowed"),
            (admin.request(RECONCILE, b"\0", when=now), 404, "not-found"),
            (admin.request(99, b"\0", when=now), 403, "not-allowed")]:
        assert admin.send(server, bad, code)["reason"] == reason
    assert asked_for(eco) == entries
    # signed, allowed and refused by what it asks: on record
    admin.send(server, admin.request(STATION_ADD, b"x", when=now), 400)
    assert asked_for(eco) > entries
    # too far ahead of the clock
    admin.send(server, admin.request(STATION_ADD, ok,
                                     when=time.time() + 1000), 409)
    for fields, body, code in [([], good, 415),
                               ([("Content-Type", "text/plain")], good, 415),
                               ([("Content-Type", REQUEST_KIND)], b"", 400),
                               ([("Content-Type", REQUEST_KIND)],
                                bytes((64 << 10) + 1), 413)]:
        assert server.ask("POST", "/v1/requests", body, None,
                          fields)[0] == code
    assert server.ask("GET", "/v1/requests")[0] == 405


def test_queries_refused(server, admin):
    target = "/v1/orders"
    stranger = Station("x").signing
    for more in [{"when": time.time() - 1000}, {"when": time.time() + 1000}]:
        assert admin.get(server, target, 409, **more)["reason"] == "time"
    for more in [{"key": stranger}, {"ecosystem": bytes(16)},
                 {"typ": REQUEST_KIND}]:
        assert admin.get(server, target, 403,
                         **more)["reason"] == "signature"
    assert admin.get(server, target, 400, version=2)["reason"] == "version"
    # for another path, another method, another question
    fields = admin.fields("GET", "/v1/stations")
    for method, path in [("GET", target), ("GET", "/v1/stations?limit=1"),
                         ("GET", "/v1/stations?"), ("POST", "/v1/publish")]:
        answer = server.ask(method, path, b"" if method == "POST" else None,
                            None, fields)
        if path.endswith("?"):
            assert answer[0] == 200
        else:
            assert problem(answer, 403)["reason"] == "signature"
    for text in ["", "Imprint", "Imprint ", "Imprint ?", "Basic eDp5",
                 "Imprinted" + fields[0][1][7:], "Imprint " + "A" * 4000,
                 fields[0][1] + "="]:
        got = problem(server.ask("GET", "/v1/stations", None, None,
                                 [("Authorization", text)]), 401)
        assert got["reason"] == "authorization"
    # a HEAD is signed as its GET, which it is answered as
    for signed, code in (("GET", 200), ("HEAD", 403)):
        assert server.ask("HEAD", target, None, None, admin.fields(
            signed, target))[::2] == (code, b"")
    # the scheme in any case: RFC 9110 11.1
    assert server.ask("GET", "/v1/stations", None, None, [
        ("Authorization", "imPRINT  " + fields[0][1][8:])])[0] == 200
    problem(server.ask("GET", "/v1/stations"), 401)
    assert server.ask("GET", "/v1/stations", None, None,
                      fields * 2)[0] == 400
    assert server.ask("GET", "/v1/stationsx", None, None, fields)[0] == 404
    problem(server.ask("GET", "/v1/orders/" + "1" * 600, None, None,
                       fields), 401)


def said(answer):
    kind, body = answer
    assert kind == REFUSED, answer
    return body[0], body[1]


def test_malicious_front(issued, tmp_path):
    """A front that was taken over holds requests back, repeats them, brings
    them in another order, and makes its own."""
    eco = issued.copy(tmp_path / "eco")
    admin = Remote(eco)

    def status(action, reason, when):
        return admin.request(STATUS, reader.cbor_encode(
            [action, reason, [[1, 9, 1]], "x"]), when=when)

    with Authority(eco) as authority:
        front = authority.front()
        start = int(time.time()) + 1
        suspend, resume = status(2, 6, start), status(3, 0, start + 1)
        same = status(2, 6, start + 1)
        # signed before this authority began: it may have been carried out,
        # and what came after it as well
        assert said(front.ask(REQUEST, status(2, 6, start - 60))) == (
            409, "time")
        assert front.ask(REQUEST, suspend)[0] == DONE
        first = front.ask(REQUEST, resume)
        assert first[0] == DONE
        # again: an answer, and nothing is done
        entries = reader.rows(eco.db, "SELECT seq FROM operation")
        assert json.loads(front.ask(REQUEST, suspend)[1])["repeated"]
        assert json.loads(front.ask(REQUEST, resume)[1])["repeated"]
        # held back, or of the same second: no order can be told
        assert said(front.ask(REQUEST, same)) == (409, "time")
        assert said(authority.front(1).ask(REQUEST, same)) == (409, "time")
        assert reader.rows(eco.db, "SELECT seq FROM operation") == entries
        assert reader.rows(eco.db, "SELECT * FROM status") == []
        # its own: a key of nobody, another's words
        for forged in (altered(suspend),
                       admin.request(STATUS, b"\x80", when=start + 5,
                                     key=Station("x").signing)):
            assert said(front.ask(REQUEST, forged)) == (403, "signature")
        # a question is not another question, and an action is taken once
        number = eco.order(100000, "line-1")
        target = f"/v1/orders/{number}/"
        asked = admin.query("GET", "/v1/orders")
        assert front.ask(QUERY, ["GET", "/v1/orders", asked,
                                 b""])[0] == DONE
        for method, path in (("GET", "/v1/identities"),
                             ("POST", target + "run")):
            assert said(front.ask(QUERY, [method, path, asked,
                                          b""])) == (
                403, "signature")
        run_ = admin.query("POST", target + "run", when=start + 1)
        stop = admin.query("POST", target + "stop", when=start + 1)
        assert front.ask(QUERY, ["POST", target + "run", run_,
                                 b""])[0] == DONE
        assert front.ask(QUERY, ["POST", target + "stop", stop,
                                 b""])[0] == DONE
        assert said(front.ask(QUERY, ["POST", target + "run", run_,
                                      b""])) == (
            409, "conflict")
        old = admin.query("POST", target + "run", when=start - 60)
        assert said(front.ask(QUERY, ["POST", target + "run", old,
                                      b""])) == (
            409, "time")
        # who breaks a rule is cut off
        for kind, body in [(REQUEST, None), (REQUEST, "x"), (QUERY, b"x"),
                           (QUERY, ["GET", "/v1/orders", asked]),
                           (QUERY, ["GET", "/v1/orders", "x", b""]),
                           (QUERY, ["GET", "/v1/orders", asked, "x"]),
                           (QUERY, ["GET" * 3 + "x", "/v1/orders", asked,
                                    b""]),
                           (QUERY, ["GET", "/" * 513, asked, b""]),
                           (QUERY, ["GET", "/v1\n", asked, b""]),
                           (QUERY, ["GET", "/v1/orders", bytes(2049), b""]),
                           (QUERY, ["GET", "/v1/orders", asked,
                                    bytes((64 << 10) + 1)])]:
            other = authority.front()
            other.put(kind, body)
            assert other.take() is None, (kind, body)
    check_sound(eco)


def test_on_record(issued, tmp_path):
    """What an operator signed once cannot fill the log, whoever brings it;
    and a restart forgets no order, even where a clock is ahead."""
    eco = issued.copy(tmp_path / "eco")
    admin = Remote(eco)

    def entries():
        return asked_for(eco)

    def station(name, when, ident=None):
        return admin.request(STATION_ADD, Station(name).statement(), ident,
                             when=when)

    start = int(time.time()) + 300
    held = station("line-7", start)
    with Authority(eco) as authority:
        front = authority.front()
        ident = os.urandom(16)
        done = station("line-8", start + 1, ident)
        assert front.ask(REQUEST, done)[0] == DONE
        before = entries()
        tag = cbor2.loads(done)
        wide = reader.cbor_encode(cbor2.CBORTag(
            18, [tag.value[0], {99: 1}, *tag.value[2:]]))
        for other, want in [
                (station("line-8", start + 1, ident), (409, "conflict")),
                (wide, (400, "malformed")),
                (station("line-9", start + 1000), (409, "time"))]:
            assert said(front.ask(REQUEST, other)) == want
        assert entries() == before
        bad = admin.request(STATION_ADD, b"x", when=start + 2)
        assert said(front.ask(REQUEST, bad)) == (400, "malformed")
        assert entries() == before + 1
        for _ in range(3):
            assert said(front.ask(REQUEST, bad)) == (409, "time")
        assert entries() == before + 1
    with Authority(eco) as authority:
        front = authority.front()
        assert said(front.ask(REQUEST, held)) == (409, "time")
        assert json.loads(front.ask(REQUEST, done)[1])["repeated"]
        ahead = admin.query("POST", "/v1/orders/1/stop", when=start)
        assert said(front.ask(QUERY, [
            "POST", "/v1/orders/1/stop", ahead, b""])) == (409, "time")
        assert front.ask(REQUEST, station("line-9", start + 3))[0] == DONE
    check_sound(eco)


def taken(front):
    """(type, body); None: nothing is said any more."""
    answer = front.take()
    return answer and tuple(answer[2:])


@program_needed("imprintd-faulty")
def test_disk_full(issued, tmp_path):
    """For a moment, in the commit of a request, while no device asks: it is
    told as that, of no other it is said that it was refused, and the next one
    is carried out."""
    admin = Remote(issued)

    def faulty(eco, fault):
        return Authority(eco, "imprintd-faulty", {**os.environ,
                                                  "IMPRINT_FAULT": fault})

    def station(name):
        # of a later second than the authority's first
        Remote.last = max(Remote.last, int(time.time()))
        return admin.request(STATION_ADD, Station(name).statement(),
                             when=admin.later())

    counts = []
    for requests in (0, 1):
        path = tmp_path / f"{requests}.count"
        with faulty(issued.copy(tmp_path / path.stem),
                    f"count:{path}") as authority:
            fronts = [authority.front() for _ in range(requests)]
            for front in fronts:
                assert front.ask(REQUEST, station("line-7"))[0] == DONE
            counts.append(counted(authority, path))
    for at in sample(counts[1] - counts[0], 3):
        eco = issued.copy(tmp_path / f"at-{at}")
        with faulty(eco, f"enospc-once:{counts[0] + at}") as authority:
            fronts = [authority.front(place) for place in range(3)]
            assert all(f.ask(FIGURES, [0] * COUNTS)[0] == DONE
                       for f in fronts)
            os.kill(authority.process.pid, signal.SIGSTOP)      # one turn
            for i, front in enumerate(fronts):
                front.put(REQUEST, station(f"line-{i + 7}"))
            os.kill(authority.process.pid, signal.SIGCONT)
            told = [taken(front) for front in fronts]
            assert None not in told
            # where those that came too late left it to be met
            told.append(fronts[0].ask(REQUEST, station("line-10")))
            assert fronts[0].ask(REQUEST, station("line-5"))[0] == DONE
        done = {f"line-{i + 7}" for i, answer in enumerate(told)
                if answer is not None and answer[0] == DONE}
        # whose turn is first is the authority's to say
        refused = [answer[1] for answer in told
                   if answer is not None and answer[0] == REFUSED and
                   answer[1][:2] != [409, "time"]]
        assert [body[:2] for body in refused] == [[503, "disk"]], told
        assert refused[0][3] > 0
        assert "what was signed fails" in authority.err
        with Authority(eco) as authority:
            assert authority.front().ask(REQUEST, station("line-6"))[0] == \
                DONE
        listed = eco.imprint("station", "list", "--json").json
        assert {one["station"] for one in listed} >= {"line-5", "line-6",
                                                      *done}
        assert not {one["station"] for one in listed} & (
            {f"line-{i + 7}" for i in range(4)} - done)
        check_sound(eco)


def test_another_front(eco, server, admin):
    """Requests by way of several connections stay in order."""
    with server.client() as one, server.client() as two:
        for client in (one, two, one):
            request = admin.request(STATION_ADD, Station(
                f"l{admin.last}").statement(), when=admin.later())
            status, _, body = exchange(client, "POST", "/v1/requests",
                                       request,
                                       [("Content-Type", REQUEST_KIND)])
            assert status == 200, body
    target = "/v1/identities/" + urllib.parse.quote("bulk/1", safe="")
    assert admin.get(server, target)["index"] == 1


def test_strangers(server, issued, tmp_path):
    """Who has no key costs little: turns go on being full of devices'
    requests, and places of the front are theirs."""
    other = issued.copy(tmp_path / "eco")
    with Authority(other) as authority:
        front = authority.front()
        assert front.ask(FIGURES, [1] * COUNTS)[0] == DONE
        raw = b"".join(
            struct.pack(">I", len(one)) + one for n in range(400)
            for one in [cbor2.dumps([1, 100 + n, *(
                (REQUEST, b"junk") if n % 2 else (IDENTITY, b"x"))])])
        front.end.sendall(raw)
        for _ in range(400):
            assert front.take()[2] == REFUSED
        front.call = 1000
        _, (*_, text) = front.ask(FIGURES, [1] * COUNTS)
        turns = int(re.search(r"imprint_turn_seconds_count (\d+)",
                              text.decode()).group(1))
        # 200 that could be devices', at most 9 strangers in a turn
        assert 4 <= turns <= 100, turns
    places_kept(server, b"POST /v1/requests HTTP/1.1\r\nHost: x\r\n"
                b"Content-Type: " + REQUEST_KIND.encode() +
                b"\r\nContent-Length: 1\r\n\r\nx", b"400")
    places_kept(server, b"GET /.well-known/est/csrattrs HTTP/1.1\r\n"
                b"Host: x\r\n\r\n", b"")


def places_kept(server, raw, code):
    """A front has 16 places for them, and there are two; the authority
    sleeps."""
    pid, = server.role("authority")
    os.kill(pid, signal.SIGSTOP)
    try:
        clients = [server.dial() for _ in range(48)]
        for client in clients:
            client.sendall(raw)
            client.settimeout(0.2)
        answers = [read_some(client) for client in clients]
        busy = [answer for answer in answers if answer]
        assert 16 <= len(busy) < 48
        assert all(answer.startswith(b"HTTP/1.1 503") and
                   b"Retry-After" in answer for answer in busy)
    finally:
        os.kill(pid, signal.SIGCONT)
    for client, answer in zip(clients, answers):
        client.settimeout(30)
        if not answer:
            assert client.recv(1000).startswith(b"HTTP/1.1 " + code)
        client.close()


def read_some(client):
    try:
        return client.recv(1000)
    except TimeoutError:
        return b""


def test_long_names(issued, described, tmp_path):
    """A page is full in octets, too; the next goes on where it ends."""
    kinds = [f"kind-{n}-".ljust(60, "k") for n in range(8)]
    names = ", ".join(f'{{kind: {kind}, from: index, '
                      f'format: "{"X" * 50}{{index:12}}"}}'
                      for kind in kinds)
    eco = issued.copy(tmp_path / "eco")
    path = tmp_path / "long.yaml"
    text = (PRODUCTS / "camera.yaml").read_text().replace(
        "product: camera", "product: long")
    path.write_text(re.sub(r"(?m)^names:\n(  .*\n)+",
                           f"names: [{names}]\n", text))
    eco.imprint("product", "add", path)
    number = eco.order(100, "line-1", product="long")
    eco.imprint("order", "run", number)
    cursor, pages = 300, []
    with Server(eco) as server:
        while cursor is not None:
            page = fits(described, "/v1/identities", "get", Remote(eco).get(
                server, f"/v1/identities?limit=100&cursor={cursor}"))
            pages.append(page["items"])
            cursor = page["next"]
    assert len(pages) > 2 and 0 < len(pages[0]) < 100
    found = [item for page in pages for item in page]
    assert [item["index"] for item in found] == list(range(300, 400))
    assert found[7]["names"] == {
        kind: "X" * 50 + f"{307:012}" for kind in kinds}
