"""What is answered once has a place for a quarter of an hour, of each operator
its own: one who asks a lot, or whose questions are brought again, is in
nobody's way."""
import hashlib
import shutil
import signal
import subprocess

import cbor2
import pytest

import reader
from conftest import program_needed, run
from imprintd import Server, exchange, wait_for
from test_api import Remote
from test_imprintd import problem
from test_local import ORDER_CANCEL
from test_modes import operator_add
from test_remote import HOST, between, liar, there, unanswered  # noqa: F401

pytestmark = program_needed("imprintd")

ACTIONS, LOOKS, QUARTER_S = 64, 1024, 900
ORDER, SMALL = 1, 2
DRY_RUN, EXPOSED = "/v1/dry-run", "/v1/stations/line-1/exposed"


@pytest.fixture(scope="module")
def eco(issued, tmp_path_factory):
    eco = issued.copy(tmp_path_factory.mktemp("places") / "eco")
    eco.imprint("order", "run", eco.order(40, "line-1"))
    operator_add(eco, "bea")
    return eco


@pytest.fixture(scope="module")
def server(eco):
    with Server(eco, name=HOST, fronts=1) as running:
        yield running


@pytest.fixture(scope="module")
def bea(eco):
    bea = Remote(eco)
    bea.key = reader.keystore_open(eco.dir / "operators/bea.key",
                                   b"bea's own")["operator"]
    return bea


def ask_on(client, operator, target, body=None):
    method = "GET" if body is None else "POST"
    return exchange(client, method, target, body,
                    operator.fields(method, target))


def fill(server, operator, target, most, code):
    """All places, of which tests before this one took some; and how long to
    wait for the next."""
    count = 0
    with server.client() as client:
        while (answer := ask_on(client, operator, target, b""))[0] == code:
            count += 1
    assert most - 8 <= count <= most
    assert problem(answer, 503)["reason"] == "busy"
    assert QUARTER_S - 300 < int(answer[1]["Retry-After"]) <= QUARTER_S + 2


def dry_run(number):
    body = cbor2.dumps([2, 6, [[3, number]], ""])
    return f"{DRY_RUN}?body={hashlib.sha256(body).hexdigest()}", body


def test_looks(eco, server, there, bea, tmp_path):    # noqa: F811
    """One operator's dry runs keep no other from his, and nobody from
    revoking."""
    admin = Remote(eco)
    # once each, refused or not
    fill(server, admin, f"{DRY_RUN}?body=00", LOOKS, 422)
    with server.client() as client:
        assert ask_on(client, admin, EXPOSED)[0] == 503
        assert ask_on(client, bea, EXPOSED)[0] == 200
        assert ask_on(client, bea, *dry_run(SMALL))[0] == 200
    argv = list(map(str, there.argv("suspend", "--order", SMALL,
                                    "--no-publish")))
    said = run("setsid", *argv, code=2).err
    assert "too busy to count" in said and "503 busy" in said
    done = run(*argv, "--yes", "--json")
    assert done.json["changed"] == 40 and done.err == ""
    # of several requests each is checked before the first, if it can be
    path = tmp_path / "words"
    path.write_text("".join(f"CAM-{300 + i % 40:09}\n" for i in range(5000)))
    done = there("resume", "--from", path, "--yes", "--no-publish", "--json")
    assert done.json["changed"] == 40 and "not counted before" in done.err
    assert there("revoke", "--order", SMALL, "--dry-run", code=7)


def test_exposed_once(eco, server, bea):
    """Without what is revoked, whole orders or not; asked again it is signed
    again."""
    def exposed():
        return [e["identities"] for e in bea.get(server, EXPOSED)["exposed"]]

    assert exposed() == [300, 40]
    eco.imprint("suspend", "--range", "290-299")
    eco.imprint("revoke", "--range", "295-304", "--range", "338-339")
    assert exposed() == [295, 33]
    fields = bea.fields("GET", EXPOSED)
    for code in (200, 409, 409):
        answer = server.ask("GET", EXPOSED, None, None, fields)
        assert answer[0] == code
    assert problem(answer, 409)["reason"] == "conflict"


def running(operator, server, number):
    return operator.get(server, f"/v1/orders/{number}")["running"]


def begin(operator, server, number, past=0):
    operator.ask(server, "POST", f"/v1/orders/{number}/run")
    wait_for(lambda: operator.get(server, f"/v1/orders/{number}")[
        "committed"] > past)


def test_stop_refused(eco, server, there, liar):    # noqa: F811
    """The order goes on, and who wanted it stopped is told so."""
    def refuse(*said):
        return busy if carrier.seen[-1][1].endswith("/stop") else said

    busy = unanswered("busy")
    number = eco.order(400000, "line-1")
    with between(server, liar, refuse) as carrier, subprocess.Popen(
            [str(a) for a in there.argv("order", "run", number,
                                        port=carrier.server_port)],
            stderr=subprocess.PIPE) as process:
        wait_for(lambda: 0 < Remote(eco).get(
            server, f"/v1/orders/{number}")["committed"])
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 7
        said = process.stderr.read().decode()
    assert f"it may go on there: imprint order show {number}" in said
    Remote(eco).ask(server, "POST", f"/v1/orders/{number}/stop")
    wait_for(lambda: not running(Remote(eco), server, number))
    eco.imprint("order", "cancel", number)


def parts(eco, number):
    return sorted(p.name for p in (eco.dir / "packs").glob(
        f"order-{number}-*"))


@pytest.mark.parametrize("way", ["network", "local", "died"])
def test_cancelled(issued, way, tmp_path):
    """The unfinished pack of a cancelled order goes, whoever cancels; where
    the server ends in between, when it begins again."""
    eco = issued.copy(tmp_path / "eco")
    with Server(eco, name=HOST, fronts=1) as server:
        admin = Remote(eco)
        number = eco.order(400000, "line-1")
        begin(admin, server, number)
        admin.ask(server, "POST", f"/v1/orders/{number}/stop")
        wait_for(lambda: not running(admin, server, number))
        left = f"order-{number}-1.pack.part"
        assert parts(eco, number) == [left]
        octets = (eco.dir / "packs" / left).read_bytes()[:64]
        if way == "local":
            eco.imprint("order", "cancel", number)
        else:
            admin.send(server, admin.request(ORDER_CANCEL, cbor2.dumps(
                number), when=admin.later() + 1))
        assert parts(eco, number) == []
    if way != "died":
        return
    (eco.dir / "packs" / left).write_bytes(octets)
    with Server(eco, name=HOST, fronts=1):
        wait_for(lambda: not parts(eco, number))
    # and without a server, by the next that is cancelled; one that cannot go
    # is in the way of nothing
    stuck = eco.dir / "packs" / left
    (stuck / "in").mkdir(parents=True)
    another = eco.order(4, "line-1")
    said = eco.imprint("order", "cancel", another)
    assert f"order {another} is cancelled" in said.out
    assert left in said.err and "published" in said.out
    shutil.rmtree(stuck)
    stuck.write_bytes(octets)
    eco.imprint("order", "cancel", eco.order(4, "line-1"))
    assert parts(eco, number) == []
    assert parts(eco, ORDER) == ["order-1-1.pack"]


def test_nothing_due(eco, server, there):    # noqa: F811
    there("publish")
    assert there("publish").out == \
        "nothing was due; --next-update publishes all\n"
    assert there("publish", "--json").json == {"published": []}
    assert "published bulk" in there("publish", "--next-update", 7).out


def test_stops(eco, server, there, bea):    # noqa: F811
    """Whoever began as much as he may can still stop it; a stop that was
    brought before stops no later run."""
    admin = Remote(eco)
    number = eco.order(400000, "line-1")
    stop = f"/v1/orders/{number}/stop"
    # none is begun: complete
    fill(server, admin, f"/v1/orders/{ORDER}/run", ACTIONS, 409)
    said = there("order", "run", number, code=7).err
    assert "503 busy" in said and "again in " in said
    assert "go on" not in said
    # what stops nothing, as often as it is brought
    idle = admin.fields("POST", stop)
    for _ in range(2):
        assert server.ask("POST", stop, b"", None, idle)[0] == 200
    begin(bea, server, number)
    fields = admin.fields("POST", stop)
    assert server.ask("POST", stop, b"", None, fields)[0] == 200
    wait_for(lambda: not running(bea, server, number))
    past = bea.get(server, f"/v1/orders/{number}")["committed"]
    assert 0 < past < 400000
    begin(bea, server, number, past)
    answer = server.ask("POST", stop, b"", None, fields)
    assert problem(answer, 409)["reason"] == "conflict"
    assert running(bea, server, number)
    bea.ask(server, "POST", stop + "?x=1", 422)
    admin.ask(server, "POST", stop)
    wait_for(lambda: not running(bea, server, number))
    eco.imprint("order", "cancel", number)
