"""imprint-station sync --server: where a ledger stands goes to imprintd, and
comes back acknowledged. Whoever carries it can withhold it, and no more."""
import datetime
import json
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import reader
from conftest import BIN, fault_text, program_needed
from imprintd import DONE, REFUSED, Authority, Server
from line import Fixture, Served
from test_api import problem
from test_remote import HOST, Elsewhere, between, free_port
from test_station_anchor import (AUTH, BUSY, CONFLICT, CORRUPT, COUNT,
                                 Anchored, make_anchored)

pytestmark = program_needed("imprintd")

LEDGER_HEAD, ACKNOWLEDGE = 10, 13
KIND = "application/imprint-ledger-head+cose"
ANSWER = "application/imprint-acknowledgement+cose"
IO = 6


class Synced(Anchored):
    """A station, the authority that it works for, and its server."""

    server = None

    def sync(self, *argv, port=None, url=None, **more):
        return self.station(
            "sync", "--server", url or
            f"https://{HOST}:{port or self.server.port}", *argv, **more)

    def token(self, name):
        return self.station("fixture", "add", name, "--json").json["token"]

    def tell(self, head, code=200, kind=KIND):
        """The way of any other client."""
        said = self.server.ask("POST", "/v1/ledger-head", head, None,
                               [("Content-Type", kind)])
        if code != 200:
            return problem(said, code)
        assert (said[0], said[1]["Content-Type"]) == (200, ANSWER)
        return said[2]

    def entries(self):
        return reader.rows(self.eco.db, "SELECT entry FROM operation WHERE "
                           f"kind = {ACKNOWLEDGE} ORDER BY seq")


@pytest.fixture(scope="module")
def made(pristine, tmp_path_factory):
    return make_anchored(pristine, tmp_path_factory.mktemp("synced"),
                         kind=Synced)


@pytest.fixture
def unserved(made, tmp_path):
    eco = made.eco.copy(tmp_path / "ca")
    return Synced(made.copy(tmp_path / "x").root, eco)


@pytest.fixture
def floor(unserved):
    with Server(unserved.eco, name=HOST, fronts=1) as unserved.server:
        yield unserved


@pytest.fixture
def there(floor, tmp_path):
    return Elsewhere(tmp_path / "op", floor.eco, floor.server.port)


@pytest.fixture
def liar(there, tmp_path):
    """A certificate under the right root, in the wrong hands."""
    there("service", "add", "between", "--dns", HOST, "--out", tmp_path)
    return tmp_path / "between.pem", tmp_path / "between.key"


def test_whole_way(floor):
    """As by files, and on record as the station's own word."""
    floor.hand_out()
    records = floor.status()["ledger"]["records"]
    said = floor.sync("--json").json
    assert said["acknowledged"]["entries"] == records
    assert said["head"] is None
    ledger = floor.status()["ledger"]
    assert ledger["acknowledged"] == records
    given = floor.anchors()[-1][4]
    signed = reader.Sign1(given)
    assert signed.typ == ANSWER
    entry = reader.cbor_decode(floor.entries()[0][0])
    head, objects = entry[4]
    assert entry[1] == ACKNOWLEDGE and len(objects) == 1
    told = reader.Sign1(head)
    assert told.typ == KIND and reader.cbor_decode(told.payload)[1] == \
        "line-9"
    assert objects[0][3] == reader.sha256(given)
    # the next rests on it; a moment later, for there is one each 3 s
    floor.hand_out()
    more = floor.sync()
    assert "asking again in" in more.err and "acknowledged" in more.out
    assert len(floor.entries()) == 2
    pack = floor.reconcile(floor.report()).json["packs"][0]
    assert pack["report"]["acknowledged"] > records
    # files go on where the network was
    assert floor.eco.imprint("log", "verify").code == 0
    ack = floor.acknowledge(floor.head())
    floor.station("sync", ack)


def test_served(floor):
    """While the station serves, by way of that process; files too."""
    with Served(floor) as served:
        fixture = Fixture(served, "bench-1")
        assert fixture.reserve("SN-1")["code"] == 0
        told = floor.sync("--json").json["acknowledged"]["entries"]
        assert floor.status()["ledger"]["acknowledged"] == told
        ack = floor.root / "again.ack"
        head = floor.head("files")
        floor.acknowledge(head, "again")
        floor.station("sync", ack)
        assert "taken in before" not in floor.station("sync", ack).err
        ack.write_bytes(reader.cbor_decode(floor.entries()[0][0])[4][0])
        floor.station("sync", ack, code=2)
        assert fixture.reserve("SN-2")["code"] == 0
        fixture.close()
    assert len(floor.anchors()) == 2


def test_put_back(floor):
    kept = floor.disk("kept")
    floor.hand_out(2)
    floor.sync()
    floor.put_back(kept)
    time.sleep(1.1)     # within a second the records would be the same
    floor.hand_out(3)
    said = floor.sync(code=CORRUPT)
    assert "put back to an earlier state" in said.err
    assert "station lost line-9" in floor.station(
        "inject", "--command", "cat > /dev/null", code=CORRUPT).err
    assert len(floor.entries()) == 1
    # a station that was given up is not heard
    floor.eco.imprint("station", "lost", "line-9")
    other = Synced(floor.root, floor.eco)
    other.server = floor.server
    other.put_back(kept)
    assert "given up as lost" in other.sync(code=CONFLICT).err


def test_put_back_served(floor):
    """Found while it serves: nothing goes out from then on."""
    kept = floor.disk("kept")
    floor.hand_out(2)
    floor.sync()
    floor.put_back(kept)
    served = Served(floor)
    try:
        fixture = Fixture(served, "bench-1")
        assert fixture.reserve("SN-1")["code"] == 0
        assert "put back" in floor.sync(code=CORRUPT).err
        assert fixture.reserve("SN-2")["code"] == 50
        fixture.close()
    finally:
        served.process.kill()
        served.wait()
        served.process.stdout.close()
    assert floor.status()["ledger"]["put_back"]


def test_answer_lost(floor, liar):
    """Acknowledged, and nobody heard: the same octets get the same again."""
    left = [2]

    def lose(*said):
        left[0] -= 1
        return None if left[0] >= 0 else said

    with between(floor.server, liar, lose) as carrier:
        said = floor.sync(port=carrier.server_port)
    assert said.err.count("asking again") == 2
    assert len(carrier.seen) == 3 and len(set(carrier.seen)) == 1
    assert len(floor.entries()) == len(floor.anchors()) == 1


def test_told_before(floor):
    """One that the station never heard of comes first, then what is new."""
    head = floor.head().read_bytes()
    first = floor.tell(head)
    assert floor.tell(head) == first and len(floor.entries()) == 1
    floor.hand_out()
    floor.sync()
    assert [a[4] for a in floor.anchors()][0] == first
    assert len(floor.anchors()) == len(floor.entries()) == 2
    # held back for long: no more than what was said last
    assert floor.tell(head) == floor.anchors()[1][4]
    assert len(floor.entries()) == 2


def test_liar(floor, liar):
    """Altered, made up, somebody else's, of before: nothing changes."""
    floor.sync()
    old = floor.anchors()[0][4]
    floor.hand_out()
    before = (floor.home / "ledger").read_bytes()

    def as_answer(data, status=200, **fields):
        return lambda *_: (status, data, {"Content-Type": ANSWER, **fields})

    def altered(status, data, fields):
        return status, data[:-9] + bytes([data[-9] ^ 1]) + data[-8:], fields

    lies = [
        (as_answer(old), AUTH, "acknowledgement of before"),
        (altered, AUTH, "signed"),
        (as_answer(floor.head().read_bytes()), 2, "something else"),
        (as_answer(b""), 2, ""), (as_answer(b"<html>"), 2, ""),
        (as_answer(bytes(4096)), 2, ""),
        (as_answer(b"{}", 404), 3, "404"),
        (as_answer(b"{}", 503, **{"Retry-After": "60"}), BUSY,
         "again in 60 s")]
    with between(floor.server, liar,
                 lambda *said: lies[0][0](*said)) as carrier:
        while lies:
            _, code, what = lies[0]
            said = floor.sync(port=carrier.server_port, code=code)
            assert what in said.err and said.out == "", said.err
            assert (floor.home / "ledger").read_bytes() == before
            lies.pop(0)
    # of two that were held back the older one comes
    floor.sync()
    with between(floor.server, liar, as_answer(old)) as carrier:
        assert "taken in before" in floor.sync(port=carrier.server_port,
                                               code=CONFLICT).err


def test_not_the_server(floor, stranger, tmp_path):
    for url in (f"https://127.0.0.1:{floor.server.port}",):
        assert "nothing was sent" in floor.sync(url=url, code=AUTH).err
    other = stranger.copy(tmp_path / "other")
    with Server(other, name=HOST, fronts=1) as elsewhere:
        said = floor.sync(port=elsewhere.port, code=AUTH).err
        assert "nothing was sent" in said and "ecosystem" in said
    for url in ("http://localhost", "localhost", "https://x/path"):
        assert "https://NAME" in floor.sync(url=url, code=2).err
    for argv in (["--out", "x"], ["x"]):
        floor.sync(*argv, code=2)
    assert floor.entries() == []


def test_refused(floor):
    """One rejection for each check; a stranger leaves nothing."""
    head = floor.head().read_bytes()
    recorded = "SELECT seq FROM operation WHERE kind IN (3, 13)"
    before = len(reader.rows(floor.eco.db, recorded))
    payload = reader.Sign1(head).payload
    for bad, code, reason in [
            (b"x", 400, "malformed"), (head + b"\0", 400, "malformed"),
            (head[:-1] + bytes([head[-1] ^ 1]), 403, "signature"),
            (reader.sign1(ec.generate_private_key(ec.SECP256R1()), KIND,
                          payload), 403, "signature"),
            (bytes(2000), 400, None)]:
        said = floor.tell(bad, code)
        assert reason is None or said["reason"] == reason, said
        assert str(floor.eco.root) not in json.dumps(said)
    floor.tell(head, 415, kind="text/plain")
    floor.tell(b"", 400)
    assert len(reader.rows(floor.eco.db, recorded)) == before
    floor.tell(head)


def test_not_registered(floor, tmp_path):
    """A station that its authority never heard of."""
    other = Synced(tmp_path / "other", floor.eco)
    other.root.mkdir()
    other.server = floor.server
    other.station("init", "--name", "line-7", "--trust",
                  floor.eco.dir / "publish/trust.pem")
    assert "no entries yet" in other.sync(code=CONFLICT).err
    # its authority knew it once: a registry of before was put back
    kept = floor.eco.copy(tmp_path / "kept")
    floor.eco.imprint("station", "add", other.home / "line-7.station")
    number = floor.eco.order(3, "line-7")
    floor.eco.imprint("order", "run", number)
    floor.eco.imprint("order", "export", number, "--out", other.stick)
    other.station("import", *other.stick.glob("*.pack"))
    with Server(kept, name=HOST, fronts=1) as other.server:
        assert "is the station registered there" in other.sync(code=AUTH).err
    other.server = floor.server
    other.sync()


def certificates(path):
    end = b"-----END CERTIFICATE-----\n"
    return [x509.load_pem_x509_certificate(part + end)
            for part in path.read_bytes().split(end)[:-1]]


def test_new_signer(unserved):
    """The authority has another document signer: the station learns of it by
    the root it is bound to."""
    floor = unserved
    floor.eco.imprint("document-signer", "renew")
    with Server(floor.eco, name=HOST, fronts=1) as floor.server:
        floor.sync()
    assert len(floor.anchors()) == 1
    kid = reader.Sign1(floor.anchors()[0][4]).kid
    assert kid in [reader.thumbprint(c.public_key()) for c in
                   certificates(floor.home / "trust.pem")]


def document_signer():
    """Somebody's root, and a document signer under it."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    now = datetime.datetime.now(datetime.timezone.utc)
    made = []
    for i, name in enumerate(("Their Root", "Their Signer")):
        ski = x509.SubjectKeyIdentifier.from_public_key(keys[0].public_key())
        usage = {name: False for name in (
            "digital_signature", "content_commitment", "key_encipherment",
            "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
            "encipher_only", "decipher_only")}
        usage["digital_signature" if i else "key_cert_sign"] = True
        one = x509.CertificateBuilder(
            issuer_name=x509.Name([x509.NameAttribute(
                x509.NameOID.COMMON_NAME, "Their Root")]),
            subject_name=x509.Name([x509.NameAttribute(
                x509.NameOID.COMMON_NAME, name)]),
            public_key=keys[i].public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - datetime.timedelta(1),
            not_valid_after=now + datetime.timedelta(365))
        one = one.add_extension(x509.BasicConstraints(i == 0, None), True)
        one = one.add_extension(x509.KeyUsage(**usage), True)
        one = one.add_extension(x509.SubjectKeyIdentifier.from_public_key(
            keys[i].public_key()), False)
        one = one.add_extension(
            x509.AuthorityKeyIdentifier
            .from_issuer_subject_key_identifier(ski), False)
        if i:
            one = one.add_extension(x509.ExtendedKeyUsage(
                [x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")]), False)
        made.append(one.sign(keys[0], hashes.SHA256()))
    return keys[1], b"".join(c.public_bytes(serialization.Encoding.PEM)
                             for c in made)


def test_foreign_root(floor, liar, tmp_path):
    """A server that was taken over: the true trust.pem and a root more, so
    that what it makes up is signed by somebody. The pinned root decides."""
    key, theirs = document_signer()
    floor.sync()
    true = floor.anchors()[0][4]
    floor.hand_out()
    forged = reader.sign1(key, ANSWER, reader.Sign1(true).payload)
    pinned = floor.home / "trust.pem"
    ours = pinned.read_bytes()
    before = {p: p.read_bytes() for p in floor.home.rglob("*") if p.is_file()}
    for pem, what in ((ours + theirs, "more than one root"),
                      (theirs + ours, "more than one root"),
                      (theirs, "its root is not the one")):
        served = [(ANSWER, forged), ("application/x-pem-file", pem)]

        def lie(*_, served=served):
            kind, data = served.pop(0)
            return 200, data, {"Content-Type": kind}

        with between(floor.server, liar, lie) as carrier:
            said = floor.sync(port=carrier.server_port, code=AUTH)
        assert served == [] and what in said.err, said.err
        assert "imprint-station trust FILE" in said.err
        by_hand = tmp_path / "theirs.pem"
        by_hand.write_bytes(pem)
        assert what in floor.station("trust", by_hand, code=AUTH).err
        assert {p: p.read_bytes() for p in floor.home.rglob("*")
                if p.is_file()} == before
    # such a file is not bound to either; where it is, nothing is believed
    by_hand.write_bytes(ours + theirs)
    other = Synced(tmp_path / "other", floor.eco)
    other.root.mkdir()
    said = other.station("init", "--name", "line-8", "--trust", by_hand,
                         code=AUTH)
    assert "more than one root" in said.err and not other.home.exists()
    pinned.write_bytes(ours + theirs)
    assert str(pinned) in floor.station("status", code=AUTH).err
    pinned.write_bytes(ours)
    floor.sync()


def test_away(floor):
    """Nobody there: told, and the line goes on meanwhile."""
    port = free_port()
    argv = [BIN / "imprint-station", "--home", floor.home, "sync",
            "--server", f"https://{HOST}:{port}"]
    with subprocess.Popen(argv, stderr=subprocess.PIPE) as waiting:
        assert b"asking again" in waiting.stderr.readline()
        floor.hand_out()
        waiting.kill()
        waiting.stderr.read()


def test_faults(floor):
    """Killed at any point, and once more."""
    kept = floor.disk("kept")
    for kind in ("kill", "powercut"):
        at, killed, seen = 1, True, set()
        while killed:
            killed = floor.sync(code=(-9, 0),
                                fault=fault_text(kind, at)).code != 0
            taken = len(floor.anchors())
            seen.add(taken)
            if taken == 0:      # the same point: the same answer
                floor.sync()
            assert len(floor.anchors()) == len(floor.entries()) == 1
            floor.put_back(kept)
            at += 1
        assert seen == {0, 1} and at > 4


def test_front(unserved):
    """A front that is ours: what it carries is believed no more for it."""
    floor = unserved
    head = floor.head().read_bytes()
    with Authority(floor.eco) as authority:
        front = authority.front()
        kind, said = front.ask(LEDGER_HEAD, head)
        assert kind == DONE
        assert front.ask(LEDGER_HEAD, head) == (DONE, said)
        kind, refusal = front.ask(
            LEDGER_HEAD, head[:-1] + bytes([head[-1] ^ 1]))
        assert kind == REFUSED and refusal[:2] == [403, "signature"]
        for body in (None, [head], "x"):
            bad = authority.front()
            bad.put(LEDGER_HEAD, body)
            assert bad.take() is None
        assert front.ask(LEDGER_HEAD, head) == (DONE, said)
