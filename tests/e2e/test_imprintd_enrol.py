"""Devices that obtain their identity from imprintd. Requests and readers are
ours to write here: python3-cryptography and python3-cbor2 alone."""
import collections
import concurrent.futures
import contextlib
import datetime
import http.client
import json
import os
import re
import signal
import sqlite3
import ssl
import threading
import time

import cbor2
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature, encode_dss_signature)

import reader
from conftest import FAULTS, fault_text, program_needed, run, sample
from imprintd import (ALLOWED, ANSWER, CERTIFICATE, DONE, EST, EST_KEYGEN,
                      EST_WISH, FIGURES, IDENTITY, LEDGER_HEAD, NAME, OPERATORS,
                      PATIENCE_S, QUERY, REFUSED, REQUEST, WELCOME, Authority,
                      Server, counted)
from test_imprintd import COUNTS
from test_verify_service import devices_of

pytestmark = program_needed("imprintd")

ENROL, CONFIRM, RENEW = 1, 2, 3
DEVICES = 24


def signature(key, message):
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verify(public, raw, message):
    public.verify(encode_dss_signature(int.from_bytes(raw[:32], "big"),
                                       int.from_bytes(raw[32:], "big")),
                  message, ec.ECDSA(hashes.SHA256()))


class Holder:
    """A key with the certificate that the authority made for it; TLS and
    requests."""

    def __init__(self, root, path, key, leaf):
        self.root, self.path, self.key, self.leaf = root, path, key, leaf
        self.path.with_suffix(".key").write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))
        self.path.with_suffix(".pem").write_bytes(
            x509.load_der_x509_certificate(leaf).public_bytes(
                serialization.Encoding.PEM))

    def sign(self, payload, leaf=None, typ=REQUEST):
        protected = reader.cbor_encode(
            {1: -7, 16: typ, 33: leaf or self.leaf})
        return reader.cbor_encode(cbor2.CBORTag(18, [
            protected, {}, payload, signature(self.key, reader.sig_structure(
                protected, payload))]))

    def request(self, kind, body, ident=None):
        return self.sign(reader.cbor_encode(
            [1, reader.sha256(self.root), ident or os.urandom(16), kind,
             int(time.time()), body]))

    def with_keys(self, kind, ident=None):
        """A request with a new key for each slot, and those keys."""
        ident = ident or os.urandom(16)
        keys = [ec.generate_private_key(ec.SECP256R1()),
                x25519.X25519PrivateKey.generate()]
        said = []
        for slot, key in enumerate(keys):
            cose = reader.cose_key(key.public_key())
            proof = None if slot == 1 else signature(
                key, reader.cbor_encode(
                    ["imprint device key", reader.sha256(self.root), ident,
                     slot, cose]))
            said.append([slot, cose, proof])
        return self.request(kind, [said, None], ident), keys


class Issued:
    """What an answer holds, everything checked."""

    def __init__(self, root, answer, keys=None):
        version, self.package, statement, signer = cbor2.loads(answer)
        assert version == 1
        tag = cbor2.loads(statement)
        protected, _, payload, raw = tag.value
        assert cbor2.loads(protected)[16] == ANSWER
        signer = x509.load_der_x509_certificate(signer)
        if self.package is not None:
            opened = self.package
            if isinstance(opened, bytes):
                opened = cbor2.loads(opened)
            name, one, self.document, none, ders = opened
            assert (name, one, none) == ("imprint-package", 1, [])
            ca, earlier, top = map(x509.load_der_x509_certificate, ders)
            assert ders[2] == root
            reader.certificate_verify(ca, top)
            reader.certificate_verify(earlier, top)
        top = x509.load_der_x509_certificate(root)
        reader.certificate_verify(signer, top)
        verify(signer.public_key(), raw,
               reader.sig_structure(protected, payload))
        (two, self.authority, self.ident, self.result, self.time,
         self.hash, self.advice) = cbor2.loads(payload)
        begin, end, kind = self.advice
        assert two == 2 and self.time <= begin < end and kind in (3, 4)
        assert self.authority == reader.sha256(root)
        assert abs(self.time - time.time()) < 60
        if self.package is None:
            return
        self.octets = self.package if isinstance(self.package, bytes) else \
            reader.cbor_encode(self.package)
        assert self.hash == reader.sha256(self.octets)
        message = reader.document_open(self.document)
        assert message.kid == reader.thumbprint(earlier.public_key())
        message.verify(earlier.public_key())
        self.claims = reader.cbor_decode(message.payload)
        self.ueid = self.claims[256]
        self.leaf = {k[1]: k for k in self.claims[-66002]}[0][4]
        leaf = x509.load_der_x509_certificate(self.leaf)
        reader.certificate_verify(leaf, ca)
        if keys:
            assert leaf.public_key().public_numbers() == \
                keys[0].public_key().public_numbers()


@pytest.fixture(scope="module")
def factory(stocked, tmp_path_factory):
    """Bootstrap identities, made in bulk; to be copied only."""
    eco = stocked.copy(tmp_path_factory.mktemp("factory") / "eco")
    eco.order(DEVICES, "line-1", product="doorbell-idevid")
    eco.imprint("order", "run", 1)
    return eco, devices_of(eco, DEVICES)


class Field:
    """An ecosystem with devices that have left the factory."""

    def __init__(self, factory, path):
        eco, born = factory
        self.eco = eco.copy(path)
        pem = (self.eco.dir / "publish/trust.pem").read_bytes()
        self.root = x509.load_pem_x509_certificate(pem).public_bytes(
            serialization.Encoding.DER)
        self.devices = []
        for one in born:
            holder = Holder(self.root, one.path, ec.derive_private_key(
                int.from_bytes(one.keys[0], "big"), ec.SECP256R1()), one.der)
            holder.ueid = bytes.fromhex(one.ueid)
            self.devices.append(holder)


@pytest.fixture
def field(factory, tmp_path):
    return Field(factory, tmp_path / "eco")


def post(server, holder, request, device=None):
    return server.identity(request, device or holder)


def refused(answer, status, reason):
    assert answer[0] == status, answer
    said = json.loads(answer[2])
    assert said["reason"] == reason, said


def test_whole_way(field, tmp_path):
    """With curl: enrol, again the same, confirm, then never again; renew."""
    one = field.devices[0]
    request, keys = one.with_keys(ENROL)
    path = tmp_path / "request"
    path.write_bytes(request)
    with Server(field.eco) as server:
        def curl(holder, body):
            path.write_bytes(body)
            done = run("curl", "-sS", "--cacert", server.trust, "--cert",
                       holder.path.with_suffix(".pem"), "--key",
                       holder.path.with_suffix(".key"), "--connect-to",
                       f"::127.0.0.1:{server.port}", "-H",
                       f"Content-Type: {REQUEST}", "--data-binary",
                       f"@{path}", "-w", "\n%{http_code} %{content_type}",
                       f"https://{NAME}:{server.port}/v1/identity")
            body, _, last = done.raw.rpartition(b"\n")
            return last.decode().split(" ", 1), body

        (status, kind), body = curl(one, request)
        assert (status, kind) == ("200", ANSWER), body
        first = Issued(field.root, body, keys)
        assert first.result == 1
        assert first.ueid == one.ueid
        again = Issued(field.root, curl(one, request)[1], keys)
        assert again.octets == first.octets
        new = Holder(field.root, tmp_path / "new", keys[0], first.leaf)
        confirm = new.request(CONFIRM, reader.sha256(first.octets))
        (status, _), body = curl(new, confirm)
        assert status == "200", body
        assert Issued(field.root, body).result == 2
        # consumed
        other, _ = one.with_keys(ENROL)
        refused(post(server, one, other), 403, "consumed")
        renewal, keys = new.with_keys(RENEW)
        second = Issued(field.root, post(server, new, renewal)[2], keys)
        assert second.ueid == one.ueid
        assert second.leaf != first.leaf
        figures = server.figures()
        assert figures['requests_total{verdict="done"}'] == 3
        assert figures['requests_total{verdict="repeated"}'] == 1
        assert figures['requests_total{verdict="consumed"}'] == 1
        text = server.text()
        assert f"ueid={one.ueid.hex()} verdict=consumed" in text
        assert "BEGIN" not in text
    # by its UEID: what it has now; and what it has been
    shown = field.eco.imprint("identity", "show", one.ueid.hex(),
                              "--json").json
    assert shown["log"] == "online"
    assert [(step["log"], step["state"])
            for step in shown["history"]["device"]] == [
        ("bulk", "birth"), ("online", "present"), ("online", "waiting")]
    assert shown["history"]["device"][1]["index"] == shown["index"]
    assert field.eco.imprint("log", "verify").code == 0
    assert field.eco.imprint("doctor").code == 0


def test_expired(field, tmp_path, clock):
    """An expired identity is let in to be renewed, within the product's
    grace and no longer."""
    one = field.devices[0]
    with Server(field.eco) as server:
        request, keys = one.with_keys(ENROL)
        first = Issued(field.root, post(server, one, request)[2], keys)
        new = Holder(field.root, tmp_path / "new", keys[0], first.leaf)
        confirm = new.request(CONFIRM, reader.sha256(first.octets))
        assert post(server, new, confirm)[0] == 200
    end = x509.load_der_x509_certificate(first.leaf).not_valid_after
    for days, status in ((30, 200), (100, 403)):
        when = (end + datetime.timedelta(days=days)).isoformat() + "Z"
        # of a day that is not ours: the client does not look at its times
        with Server(field.eco.copy(tmp_path / str(days)),
                    env=clock(when)) as server:
            context = server.context(new)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            renewal, _ = new.with_keys(RENEW)
            answer = server.ask("POST", "/v1/identity", renewal, context,
                                [("Content-Type", REQUEST)])
            assert answer[0] == status, answer[2]
            if status != 200:
                refused(answer, status, "expired")


def enrol_until(server, holder, request, stop):
    """As a device does: the same octets, until there is an answer."""
    while not stop.is_set():
        try:
            status, fields, body = post(server, holder, request)
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
            continue
        if status == 200:
            return body
        assert status == 503, body
        assert int(fields["Retry-After"]) > 0
        time.sleep(0.05)
    return None


def crowd(field, server, disturb):
    """All devices at once, while disturb() is at work; their answers."""
    stop = threading.Event()
    asked = [one.with_keys(ENROL) for one in field.devices]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(enrol_until, server, one, request, stop)
                for one, (request, _) in zip(field.devices, asked)]
        try:
            disturb(jobs)
            answers = [job.result(timeout=2 * PATIENCE_S) for job in jobs]
        finally:
            stop.set()
    return asked, answers


def check_once(field, server, asked, answers):
    """One identity for each device, the same however often it asks."""
    leaves = collections.Counter()
    for one, (request, keys), answer in zip(field.devices, asked, answers):
        first = Issued(field.root, answer, keys)
        again = Issued(field.root, post(server, one, request)[2], keys)
        assert again.octets == first.octets
        assert first.ueid == one.ueid
        leaves[first.leaf] += 1
    assert len(leaves) == len(field.devices)


def test_crowd(field):
    """Several in one turn; none is lost."""
    with Server(field.eco) as server:
        asked, answers = crowd(field, server, lambda jobs: None)
        check_once(field, server, asked, answers)
        figures = server.figures()
        assert figures['requests_total{verdict="done"}'] == DEVICES
        assert figures["turn_seconds_count"] <= 2 * DEVICES
    field.eco.imprint("log", "verify")


def parts(request):
    return list(cbor2.loads(request).value)


def message(protected, unprotected, payload, raw):
    return reader.cbor_encode(cbor2.CBORTag(
        18, [protected, unprotected, payload, raw]))


def alterations(victim, request, thief):
    """What a front can make of somebody's request, to have an identity for a
    key of its own: the thief's."""
    protected, unprotected, payload, raw = parts(request)
    said = cbor2.loads(payload)
    ident = said[2]
    own, _ = thief.with_keys(ENROL, ident)
    own_payload = parts(own)[2]
    # the thief's keys under the victim's signature
    yield "payload", message(protected, unprotected, own_payload, raw)
    # the victim's leaf, signed by the thief
    yield "signer", thief.sign(own_payload, leaf=victim.leaf)
    yield "signer-same-id", thief.sign(payload, leaf=victim.leaf)
    # one key of several exchanged
    mixed = cbor2.loads(payload)
    mixed[5][0][0] = cbor2.loads(own_payload)[5][0][0]
    yield "one-key", message(protected, unprotected,
                             reader.cbor_encode(mixed), raw)
    # another id, time, type or authority
    for place, value in ((2, os.urandom(16)), (3, RENEW), (4, 0),
                         (1, os.urandom(32))):
        other = list(said)
        other[place] = value
        yield f"field-{place}", message(protected, unprotected,
                                        reader.cbor_encode(other), raw)
    # every octet of the signature counts, and of the header
    yield "signature", message(protected, unprotected, payload,
                               raw[:-1] + bytes([raw[-1] ^ 1]))
    yield "zero", message(protected, unprotected, payload, bytes(64))
    yield "header", message(reader.cbor_encode(
        {1: -7, 16: REQUEST, 33: thief.leaf}), unprotected, payload, raw)
    yield "unprotected", message(protected, {4: b"x"}, payload, raw)
    yield "typ", thief.sign(payload, leaf=victim.leaf, typ="application/x")
    yield "cut", request[:-1]
    yield "longer", request + b"\x00"


def test_malicious_front(field, tmp_path):
    """It has the channel, has seen a request of a device, and cannot have an
    identity for a key of its own; nor does it spoil the device's."""
    victim = field.devices[0]
    key = ec.generate_private_key(ec.SECP256R1())
    # a certificate of its own making, for the same name
    leaf = x509.load_der_x509_certificate(victim.leaf)
    forged = x509.CertificateBuilder().subject_name(leaf.subject).issuer_name(
        leaf.issuer).serial_number(leaf.serial_number).public_key(
        key.public_key()).not_valid_before(
        leaf.not_valid_before).not_valid_after(
        leaf.not_valid_after).sign(key, hashes.SHA256())
    thief = Holder(field.root, tmp_path / "thief", key, forged.public_bytes(
        serialization.Encoding.DER))
    request, keys = victim.with_keys(ENROL)
    with Authority(field.eco) as authority:
        front = authority.front()
        own, _ = thief.with_keys(ENROL)
        tries = list(alterations(victim, request, thief)) + [("own", own)]
        # before the device's own request has come, and after
        for _ in range(2):
            for name, altered in tries:
                kind, body = front.ask(IDENTITY, altered)
                assert kind == REFUSED, name
                assert body[0] in (400, 401), (name, body)
            kind, body = front.ask(IDENTITY, request)
            assert kind == DONE
            issued = Issued(field.root, body, keys)
            assert issued.ueid == victim.ueid
        # what it has replayed is for the device's key; it cannot confirm
        for holder in (thief, Holder(field.root, tmp_path / "t2", key,
                                     issued.leaf)):
            kind, body = front.ask(IDENTITY, holder.request(
                CONFIRM, reader.sha256(issued.octets)))
            assert (kind, body[0]) == (REFUSED, 401)
        # another device's request, by its own key, is that device's alone
        other = field.devices[1]
        kind, body = front.ask(IDENTITY, other.with_keys(ENROL)[0])
        assert kind == DONE
        assert Issued(field.root, body).ueid == other.ueid
    with pytest.raises(InvalidSignature):
        verify(victim.key.public_key(), parts(own)[3],
               reader.sig_structure(parts(own)[0], parts(own)[2]))
    field.eco.imprint("log", "verify")


def csr(key):
    return x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([])).sign(key, hashes.SHA256()).public_bytes(
        serialization.Encoding.DER)


def test_every_question(field, tmp_path):
    """All that a front may ask, asked for a device that never did, and in an
    operator's name: nothing is issued, done or told."""
    born, victim = field.devices[:2]
    key = ec.generate_private_key(ec.SECP256R1())
    with Authority(field.eco) as authority:
        front = authority.front()
        request, keys = born.with_keys(ENROL)
        issued = Issued(field.root, front.ask(IDENTITY, request)[1], keys)
        own = Holder(field.root, tmp_path / "own", keys[0], issued.leaf)
        assert front.ask(IDENTITY, own.request(
            CONFIRM, reader.sha256(issued.octets)))[0] == DONE
        leaves = {"birth": victim.leaf, "field": issued.leaf,
                  "ours": field.root, "none": b"x"}
        tried = {WELCOME: [None], FIGURES: [[0] * COUNTS]}
        tried[IDENTITY] = [Holder(field.root, tmp_path / name, key,
                                  leaf).with_keys(kind)[0]
                           for name, leaf in (("birth", victim.leaf),
                                              ("field", issued.leaf))
                           for kind in (ENROL, RENEW)]
        tried[CERTIFICATE] = [b"x", victim.with_keys(ENROL)[0]]
        tried[EST] = tried[EST_KEYGEN] = [
            [renew, label, leaf, csr(key)] for renew in (False, True)
            for label in ("", "doorbell") for leaf in leaves.values()]
        tried[EST_WISH] = [[True, "", leaf] for leaf in leaves.values()]
        tried[OPERATORS] = tried[LEDGER_HEAD] = [b"x", request]
        tried[QUERY] = [["GET", "/v1/identities", request, b""],
                        ["POST", "/v1/orders/1/run", b"x", b"y"]]
        assert set(tried) == set(ALLOWED)
        before = registry(field.eco)
        for kind, bodies in tried.items():
            for body in bodies:
                said, answer = front.ask(kind, body)
                if kind in (WELCOME, FIGURES):
                    assert said == DONE
                elif kind == EST_WISH and body[2] in (victim.leaf,
                                                      issued.leaf):
                    # what requests should carry is no secret
                    assert said == DONE and len(answer) < 100
                else:
                    assert said == REFUSED, (kind, body)
                    assert 400 <= answer[0] < 500, (kind, answer)
        assert registry(field.eco) == before
        # nor does it keep the device from enrolling
        request, keys = victim.with_keys(ENROL)
        assert front.ask(IDENTITY, request)[0] == DONE
    field.eco.imprint("log", "verify")


def registry(eco):
    """What was issued, what devices have, and what became of it."""
    return [reader.rows(eco.db, f"SELECT * FROM {table}") for table in (
        "enrolment", "device", "device_mark", "status", "operation")]


def test_poisoned(field, tmp_path):
    """A device whose row is damaged is refused, and nobody else: neither who
    is in its turn, nor in those that follow; and no index is wasted on it."""
    one, others = field.devices[0], field.devices[1:9]
    with Authority(field.eco) as authority:
        front = authority.front()
        request, keys = one.with_keys(ENROL)
        first = Issued(field.root, front.ask(IDENTITY, request)[1], keys)
        new = Holder(field.root, tmp_path / "new", keys[0], first.leaf)
        assert front.ask(IDENTITY, new.request(
            CONFIRM, reader.sha256(first.octets)))[0] == DONE
        with contextlib.closing(sqlite3.connect(
                field.eco.dir / "registry.db", timeout=PATIENCE_S)) as db:
            with db:
                assert db.execute(
                    "UPDATE device SET body = x'00'").rowcount == 1
        poison = new.with_keys(RENEW)[0]
        asked, calls = {}, {}
        os.kill(authority.process.pid, signal.SIGSTOP)     # one turn
        for holder in others:
            asked[holder] = holder.with_keys(ENROL)
            calls[front.put(IDENTITY, asked[holder][0])] = holder
            calls[front.put(IDENTITY, poison)] = None
        os.kill(authority.process.pid, signal.SIGCONT)
        for _ in range(len(calls)):
            _, call, kind, body = front.take()
            holder = calls.pop(call)
            if holder is None:
                assert (kind, body[:2]) == (REFUSED, [500, "internal"])
                continue
            assert kind == DONE, body
            issued = Issued(field.root, body, asked[holder][1])
            assert issued.ueid == holder.ueid
        # issued once
        kind, body = front.ask(IDENTITY, asked[holder or others[-1]][0])
        assert kind == DONE
        assert Issued(field.root, body).leaf == issued.leaf
        kind, (*_, text) = front.ask(FIGURES, [0] * 19)
        figures = text.decode()
        for verdict, count in (("done", 10), ("refused", len(others))):
            assert f'imprint_requests_total{{verdict="{verdict}"}} ' \
                f"{count}\n" in figures, figures
        assert kind == DONE
    assert authority.err.count("a request cannot be carried out") == \
        len(others)
    assert authority.err.count("verdict=done") == 10
    issued = re.findall(r"verdict=done log=2 index=(\d+)", authority.err)
    assert {int(index) for index in issued} == set(range(9))


def test_strangers(field, stranger, tmp_path):
    """Certificates of this ecosystem that are no device's to enrol with, and
    a device of another."""
    with Server(field.eco) as server:
        one = field.devices[0]
        refused(post(server, one, b"x"), 400, "malformed")
        refused(post(server, one, os.urandom(64000)), 400, "malformed")
        other = devices_of(stranger.copy(tmp_path / "other"), 1)[0]
        foreign = Holder(field.root, other.path, ec.derive_private_key(
            int.from_bytes(other.keys[0], "big"), ec.SECP256R1()), other.der)
        request, _ = foreign.with_keys(ENROL)
        # in another's connection: the authority knows no such leaf
        refused(post(server, one, request), 401, "unknown")


def operations(eco, path, request=None):
    """How many operations on files the authority does, with a request or
    without, before it ends."""
    count = path.with_suffix(".count")
    with Authority(eco.copy(path), "imprintd-faulty", {
            **os.environ, "IMPRINT_FAULT": f"count:{count}"}) as authority:
        if request is not None:
            assert authority.front().ask(IDENTITY, request)[0] == DONE
        return counted(authority, count)


def at_each_step(field, path, kind, request, opened):
    """A fault at some of what the authority does for a request. What was told
    is so afterwards, and the same octets again have it done. opened: the
    package in an answer, that it verifies. Answers the types of messages that
    were told; None: nothing."""
    start = operations(field.eco, path / "start")
    end = operations(field.eco, path / "end", request)
    assert end > start
    told = set()
    for at in sample(end - start, 6):
        eco = field.eco.copy(path / f"at-{at}")
        authority = Authority(eco, "imprintd-faulty", {
            **os.environ, "IMPRINT_FAULT": fault_text(kind, start + at)})
        full = kind.startswith("enospc")
        authority.codes = (0,) if full else (0, *FAULTS[kind])
        with authority:
            front = authority.front()
            front.put(IDENTITY, request)
            said = front.take()
        told.add(None if said is None else said[2])
        if said is not None and said[2] == REFUSED:
            assert said[3][0] == 503 and said[3][3] > 0
            assert not full or said[3][1] == "disk"
        with Authority(eco) as authority:
            after, body = authority.front().ask(IDENTITY, request)
            assert after == DONE
            package = opened(body)
            if said is not None and said[2] == DONE:
                assert opened(said[3]) == package
        eco.imprint("log", "verify")
    return told


@pytest.mark.parametrize("kind", ["enospc-once", "enospc", "eio", "syncfail",
                                  "kill", "powercut"])
def test_disk_fails(field, tmp_path, kind):
    """Told to come again; or, unless it is full, nothing is told and the
    authority ends."""
    request, keys = field.devices[0].with_keys(ENROL)
    told = at_each_step(field, tmp_path, kind, request, lambda answer: Issued(
        field.root, answer, keys).octets)
    assert told & ({REFUSED} if kind.startswith("enospc") else
                   {None, REFUSED})
    assert None not in told or not kind.startswith("enospc")
