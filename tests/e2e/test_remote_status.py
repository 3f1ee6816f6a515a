"""imprint --server revoke, suspend, resume by what identities are: the
authority finds them, whoever carries the request; a dry run is the server's
word."""
import hashlib
import json

import cbor2
import pytest

import reader
from conftest import on_terminal, program_needed, run
from imprintd import Server, asked_for
from test_api import Remote, fits
from test_imprintd import problem
from test_remote import (HOST, between, forge, later, liar,  # noqa: F401
                         there)     # noqa: F401

pytestmark = program_needed("imprintd")

CHOSEN = 7
ORDER, SMALL, LARGE = 1, 2, 3       # 300; 40 in two packs; 1100
DRY_RUN = "/v1/dry-run"


@pytest.fixture(scope="module")
def eco(issued, tmp_path_factory):
    eco = issued.copy(tmp_path_factory.mktemp("chosen") / "eco")
    for argv in ((40, "line-1", "line-2"), (1100, "line-1")):
        eco.imprint("order", "run", eco.order(*argv))
    return eco


@pytest.fixture(scope="module")
def server(eco):
    with Server(eco, name=HOST, fronts=1) as running:
        yield running


def requests(eco):
    """Bodies and answers on record of what was chosen."""
    found = []
    for row in reader.rows(eco.db, "SELECT entry FROM operation "
                           "WHERE kind = 2 ORDER BY seq"):
        encoded, answer, _ = reader.cbor_decode(row["entry"])[4]
        payload = reader.cbor_decode(reader.Sign1(encoded).payload)
        if payload[3] == CHOSEN:
            found.append((reader.cbor_decode(payload[5]),
                          reader.cbor_decode(answer)))
    return found


def status(eco):
    return [tuple(r) for r in reader.rows(
        eco.db, "SELECT log, first, count, state, reason FROM status")]


def sound(eco):
    assert eco.imprint("log", "verify", "operations").code == 0


def counts(result):
    return {k: result.json[k] for k in ("changed", "same", "kept")}


@pytest.mark.parametrize("argv", [
    ["--order", SMALL], ["--pack", f"{SMALL}/2"], ["--order", LARGE],
    ["--evidence", "order"], ["--range", "bulk/297-303"], [1, 2],
    ["CAM-000000017", "--pack", f"{SMALL}/1", "--order", ORDER],
    ["--evidence", "order", "--until", "2100-01-01"]])
def test_dry_run(eco, there, argv):
    """What the command says on the server, and that it is the server's
    word."""
    before = status(eco), len(requests(eco))
    for verb in ("revoke", "resume"):
        words = [verb, *argv, "--dry-run"]
        assert there(*words, "--json").json == \
            eco.imprint(*words, "--json").json
        assert there(*words).out.replace(", by the server's word", "") == \
            eco.imprint(*words).out
    assert (status(eco), len(requests(eco))) == before


def test_chosen(eco, there, tmp_path):
    """Pack, order, class with its time, names and a file, each found there
    and on record as found, with what was typed."""
    def change(verb, *argv):
        done = there(verb, *argv, "--no-publish", "--json", "--yes")
        body, answer = requests(eco)[-1]
        assert [*counts(done).values()] == answer[:3]
        assert sorted(body[3].split()) == sorted(map(str, (verb, *argv)))
        return body[2], answer[3]

    chosen, found = change("suspend", "--pack", f"{SMALL}/2")
    assert (chosen, found) == ([[4, SMALL, 2]], [[1, 320, 20]])
    assert status(eco) == [(1, 320, 20, 2, 6)]
    chosen, found = change("resume", "--order", SMALL)
    assert (chosen, found) == ([[3, SMALL]], [[1, 300, 40]])
    assert status(eco) == []
    ueid = eco.imprint("identity", "find", 7, "--json").json["ueid"]
    path = tmp_path / "words"
    path.write_text("# lost\n\nCAM-000000009\n11\n")
    chosen, found = change("suspend", "CAM-000000005", "--range", "0-1",
                           "--from", path, ueid)
    assert chosen == [[2, "CAM-000000005"], [2, ueid], [1, 1, 0, 2],
                      [2, "CAM-000000009"], [2, "11"]]
    assert found == [[1, i, n] for i, n in ((0, 2), (5, 1), (7, 1), (9, 1),
                                            (11, 1))]
    chosen, found = change("resume", "--evidence", "order", "--since",
                           "2001-09-09T01:46:40Z")
    assert chosen == [[5, 1, 10**9, None]]
    assert (found, status(eco)) == ([[1, 0, 1440]], [])
    sound(eco)
    # published with it, and nothing left to do
    done = there("suspend", "--order", SMALL, "--json", "--yes")
    assert counts(done) == {"changed": 40, "same": 0, "kept": 0}
    bulk, = [p for p in done.json["published"] if p["log"] == "bulk"]
    assert bulk["certificates"] == 40
    again = there("suspend", "--order", SMALL, "--yes")
    assert "0 identities are suspended" in again.out
    assert "40 were suspended before" in again.out
    there("resume", "--order", SMALL, "--yes")
    assert status(eco) == []


@pytest.mark.parametrize("argv, code, says", [
    (["--order", "77"], 3, "77"), (["--pack", f"{SMALL}/3"], 3,
                                   "nothing was issued"),
    (["--evidence", "front"], 3, "nothing was issued so"),
    (["--evidence", "order", "--until", "2020-01-01"], 3, "nothing was"),
    (["nobody"], 3, "nobody"), (["3-5"], 3, "3-5"),
    (["--range", "0-9999"], 2, "not issued"), (["x" * 300], 2, "longer"),
    (["--order", "x"], 2, "number"), (["--pack", "1/0"], 2, "ORDER/PACK"),
    (["--evidence", "hearsay"], 2, "classes are"),
    ([1, "--since", "2026-11-22"], 2, "go with --evidence")])
def test_refused(eco, there, argv, code, says):
    """All of it, though some of it is there."""
    for more in ([], ["--dry-run"]):
        assert says in there("revoke", "--order", ORDER, *argv, *more,
                             "--yes", code=code).err
    assert status(eco) == []


def test_repeated(eco, server, there, liar):
    """Its answer lost: the same octets again, found once."""
    def lose(*said):
        left[0] -= b'"result"' in said[1]
        return said if b'"result"' not in said[1] or left[0] < 0 else None

    left, before = [1], len(requests(eco))
    later()
    with between(server, liar, lose) as carrier:
        done = there("suspend", "--order", SMALL, "--no-publish", "--json",
                     "--yes", port=carrier.server_port)
    # nobody was to be asked, so nothing was counted
    assert {path for _, path, _ in carrier.seen} >= {"/v1/requests"}
    assert not [p for _, p, _ in carrier.seen if p.startswith(DRY_RUN)]
    sent = [body for _, path, body in carrier.seen if path == "/v1/requests"]
    assert len(set(sent)) == 1
    assert counts(done) == {"changed": 40, "same": 0, "kept": 0}
    assert len(requests(eco)) == before + 1
    there("resume", "--order", SMALL, "--yes")


def test_lying(eco, server, there, liar, tmp_path):
    """Who carries it can lie about how many they are, and change nothing of
    what is signed; another question than the one signed for is refused."""
    def lie(code, data, fields):
        if b'"orders"' not in data:
            return code, data, fields
        return forge(changed=lies, orders=[
            {"order": 9, "count": 5, "product": "a", "version": "1"}],
            first=[{"index": 99, "names": {"x": "\x1b]0;"}}])(
                code, data, fields)

    lies = 7
    with between(server, liar, lie) as carrier:
        shown = there("revoke", "--order", SMALL, "--dry-run",
                      port=carrier.server_port).out
        assert "7 identities would be revoked" in shown
        assert "\x1b" not in shown and "by the server's word" in shown
        # few by their word: asked all the same; of what was chosen it is done
        before = len(requests(eco))
        argv = list(map(str, there.argv(
            "suspend", "--order", SMALL, "--no-publish", "--json",
            port=carrier.server_port)))
        assert "suspend 7 identities by the server's word" in \
            run("setsid", *argv, code=2).err
        assert len(requests(eco)) == before
        done = there("suspend", "--order", SMALL, "--no-publish", "--json",
                     "--yes", port=carrier.server_port)
        assert done.json["changed"] == 40
        there("resume", "--order", SMALL, "--no-publish", "--yes",
              port=carrier.server_port)
        lies = 123456
        assert "123,456 identities by the server's word" in \
            run("setsid", *argv, code=2).err
        code, shown = on_terminal(argv, [(b"Type yes to go on: ", b"no\n")])
        assert code == 2 and b"nothing was changed" in shown
    for body in ({"orders": 1, "first": []}, {"changed": -1},
                 {"orders": [{"order": 1 << 40}]}, {"first": [1]},
                 {"first": [{"index": 1, "names": {"a": 1}}]},
                 *({"orders": [{"order": 1, "count": 1, "product": "camera",
                                "version": "1.0.0", **bad}]} for bad in (
                     {"product": "a; sh"}, {"product": "a\x1b[2J"},
                     {"version": "$(sh)"}, {"version": ""},
                     {"mode": "chip; sh"}))):
        with between(server, liar, forge(**body)) as carrier:
            said = there("revoke", "--order", SMALL, "--dry-run",
                         port=carrier.server_port, code=6).err
            assert "answer" in said
    assert status(eco) == []


def test_large_is_asked(eco, there):
    """More than a thousand are wanted a yes for, as on the server; what only
    the server counts, always."""
    argv = list(map(str, there.argv("suspend", "--order", LARGE,
                                    "--no-publish")))
    assert "1,100" in run("setsid", *argv, code=2).err
    assert run("setsid", *argv, "--yes").code == 0
    assert "suspend 0 identities by" in run("setsid", *argv, code=2).err
    assert "1,100 were suspended before" in run("setsid", *argv, "--yes").out
    there("resume", "--order", LARGE, "--yes", "--no-publish")
    assert status(eco) == []


def test_many_words(eco, there, tmp_path):
    """A file of more than one request holds: several, each with as many as
    the network takes."""
    path = tmp_path / "words"
    path.write_text("".join(f"CAM-{i % 300 // 2 * 2:09}\n"
                            for i in range(9000)))
    before = len(requests(eco))
    dry = there("suspend", "--from", path, "--dry-run").out
    # each is in several requests
    assert "at most 600 identities would be suspended" in dry
    assert "  at most 600 of order 1, camera" in dry
    dry = there("suspend", "--from", path, "--dry-run", "--json").json
    assert dry["at_most"] is True and dry["changed"] == 600
    argv = list(map(str, there.argv("suspend", "--from", path,
                                    "--no-publish")))
    assert "suspend at most 9,000 identities" in \
        run("setsid", *argv, code=2).err
    assert "suspend at most 640 identities by the server's word" in \
        run("setsid", *argv, "--order", str(SMALL), code=2).err
    done = there("suspend", "--from", path, "--no-publish", "--yes",
                 "--json")
    made = requests(eco)[before:]
    assert len(made) > 2 and sum(len(b[2]) for b, _ in made) == 9000
    assert counts(done)["changed"] == 150
    assert [s[1] for s in status(eco)] == list(range(0, 300, 2))
    there("resume", "--order", ORDER, "--no-publish", "--yes")
    assert status(eco) == []
    sound(eco)


def test_parts(eco, server, there, liar, tmp_path):
    """Of several requests none is made when one would be refused; of those
    before one that fails all the same, it is told and published."""
    def fail(code, data, fields):
        left[0] -= b'"result"' in data
        if b'"result"' not in data or left[0] != 0:
            return code, data, fields
        return 409, json.dumps({"title": "x", "status": 409, "detail": "no",
                                "reason": "conflict"}).encode(), {
            "Content-Type": "application/problem+json"}

    lines = [f"CAM-{i % 40:09}\n" for i in range(5000)]
    path, before = tmp_path / "words", len(requests(eco))
    path.write_text("".join([*lines[:3000], "nobody\n", *lines[3000:]]))
    assert "nobody" in there("suspend", "--from", path, "--yes", code=3).err
    assert (status(eco), len(requests(eco))) == ([], before)
    path.write_text("".join(lines))
    left = [2]
    with between(server, liar, fail) as carrier:
        said = there("suspend", "--from", path, "--json", "--yes",
                     port=carrier.server_port, code=4)
    first = len(requests(eco)[before][0][2])
    assert f"the first {first} of 5000 that are named" in said.err
    told, why = map(json.loads, said.out.splitlines())
    assert told["changed"] == 40 and told["published"]
    assert "no" in why["message"]
    there("resume", "--order", ORDER, "--yes")
    assert status(eco) == []


def test_question(eco, server):
    """The dry run as any other client asks it."""
    admin = Remote(eco)

    def ask(body, code=200, said=None, target=None):
        target = target or f"{DRY_RUN}?body=" + hashlib.sha256(
            said or body).hexdigest()
        answer = server.ask("POST", target, body, None,
                            admin.fields("POST", target))
        if code != 200:
            return problem(answer, code)
        assert answer[0] == 200, answer
        return json.loads(answer[2])

    described = json.loads(server.ask("GET", "/v1/openapi.json")[2])
    entries = asked_for(eco)
    body = cbor2.dumps([2, 6, [[3, SMALL]], ""])
    said = fits(described, DRY_RUN, "post", ask(body))
    assert (said["identities"], said["changed"]) == (40, 40)
    assert [i["index"] for i in said["first"]] == [300, 301, 302, 303, 304]
    assert ask(body, 403, said=b"x")["reason"] == "signature"
    for target in (DRY_RUN, f"{DRY_RUN}?body=00", f"{DRY_RUN}?x=1"):
        assert ask(body, 422, target=target)["reason"] == "invalid"
    ask(b"x", 400)
    ask(b"", 422, target=f"{DRY_RUN}?body=")
    ask(cbor2.dumps([2, 0, [[3, SMALL]], ""]), 422)
    ask(cbor2.dumps([2, 6, [[3, 99]], ""]), 404)
    answer = server.ask("POST", DRY_RUN, body, None, admin.fields(
        "POST", "/v1/publish"))
    assert problem(answer, 403)["reason"] == "signature"
    # whoever carries a query cannot have it answered twice
    target = f"{DRY_RUN}?body=" + hashlib.sha256(body).hexdigest()
    fields = admin.fields("POST", target)
    assert server.ask("POST", target, body, None, fields)[0] == 200
    assert problem(server.ask("POST", target, body, None, fields),
                   409)["reason"] == "conflict"
    same = cbor2.dumps([2, 6, [[3, SMALL]] * 2, ""])
    assert ask(same, 422)["reason"] == "invalid"
    assert asked_for(eco) == entries
