"""Revoke, suspend, resume; what is published of it, read by others."""
import datetime
import hmac
import re
import shutil
import time
import zlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

import reader
from conftest import (BIN, FAULTS, PASSPHRASE, TORTURE, URL, parallel, run,
                      sample)
from test_cli import on_terminal
from test_order_faults import every_step, operations

VALID, REVOKED, SUSPENDED = 0, 1, 2
REASON = x509.ReasonFlags
CEASED = REASON.cessation_of_operation
HOLD = REASON.certificate_hold
COMPROMISE = REASON.key_compromise


# An independent reader

class Published:
    """What publish/ holds of a log, every signature checked."""

    def __init__(self, eco, log="bulk"):
        directory = eco.dir / "publish"
        self.ca = x509.load_der_x509_certificate(
            (directory / f"ca/{log}.cer").read_bytes())
        self.data = (directory / f"crl/{log}.crl").read_bytes()
        self.crl = x509.load_der_x509_crl(self.data)
        assert self.crl.is_signature_valid(self.ca.public_key())
        assert self.crl.issuer == self.ca.subject
        extensions = self.crl.extensions
        assert len(extensions) == 2
        self.number = extensions.get_extension_for_class(
            x509.CRLNumber).value.crl_number
        assert extensions.get_extension_for_class(
            x509.AuthorityKeyIdentifier).value.key_identifier == \
            self.ca.extensions.get_extension_for_class(
                x509.SubjectKeyIdentifier).value.digest
        self.this_update = epoch(self.crl.last_update)
        self.next_update = epoch(self.crl.next_update)
        self.revoked = {}
        for e in self.crl:
            reasons = [x.value.reason for x in e.extensions]
            assert e.serial_number not in self.revoked
            self.revoked[e.serial_number] = (
                reasons[0] if reasons else REASON.unspecified,
                epoch(e.revocation_date))
        signer = x509.load_der_x509_certificate(
            (directory / "ca/document.cer").read_bytes()).public_key()
        self.lists = {}
        for path in sorted(directory.glob(f"status/{log}-*.cwt")):
            number = int(path.stem.rsplit("-", 1)[1], 16)
            message = reader.Sign1(path.read_bytes())
            message.verify(signer)
            assert message.typ == "application/statuslist+cwt"
            claims = reader.cbor_decode(message.payload)
            assert claims[2] == f"{URL}/status/{path.name}"
            assert claims[65533]["bits"] == 2 and claims[65534] > 0
            array = zlib.decompress(claims[65533]["lst"])
            assert len(array) == 1 << 18
            self.lists[number] = (claims[6], claims[4], array)

    def status(self, index):
        array = self.lists[index >> 20][2]
        index &= (1 << 20) - 1
        return array[index // 4] >> 2 * (index % 4) & 3

    def not_valid(self):
        """{index: status}"""
        return {(n << 20) + 4 * i + j: b >> 2 * j & 3
                for n, (_, _, array) in self.lists.items()
                for i, b in enumerate(array) if b
                for j in range(4) if b >> 2 * j & 3}


def epoch(naive):
    return int(naive.replace(tzinfo=datetime.timezone.utc).timestamp())


def serials(eco, log="bulk", slots=(0,)):
    """{index: serial numbers}, of all that was ever reserved, from the
    definition in ARCHITECTURE.md."""
    keys = reader.keystore_open(eco.dir / "keystore", PASSPHRASE.encode())
    number = reader.rows(eco.db, "SELECT log FROM log WHERE name = ?",
                         log)[0]["log"]
    found = {}
    for r in reader.rows(eco.db, "SELECT * FROM range WHERE log = ?",
                         number):
        cipher = Cipher(algorithms.AES(
            keys[f"index.serial.{log}.{r['epoch']}"]), modes.ECB())
        for index in range(r["first"], r["first"] + r["count"]):
            found[index] = []
            for slot in slots:
                mac = hmac.digest(r["seed"], index.to_bytes(8, "big") +
                                  bytes([slot]), "sha256")[:8]
                block = mac + (index << 4 | slot).to_bytes(8, "big")
                encryptor = cipher.encryptor()
                block = encryptor.update(block) + encryptor.finalize()
                found[index].append(int.from_bytes(
                    bytes([r["epoch"]]) + block, "big"))
    return found


def check(eco, expected):
    """Exactly these are not valid, in the CRL and in the lists. expected:
    {index: (status, reason)}, of cameras: one certificate each."""
    published = Published(eco)
    assert published.not_valid() == {
        i: status for i, (status, _) in expected.items()}
    numbers = serials(eco)
    assert {s: reason for s, (reason, _) in published.revoked.items()} == {
        s: reason for i, (_, reason) in expected.items()
        for s in numbers[i]}
    for issued, expires, _ in published.lists.values():
        assert issued == published.this_update
        assert expires == published.next_update
    return published


@pytest.fixture
def eco(issued, tmp_path):
    """300 cameras in order 1."""
    return issued.copy(tmp_path / "eco")


# What names identities

def test_words(eco):
    """By index, UEID, certificate's serial number, name."""
    shown = {i: eco.imprint("identity", "show", i, "--json").json
             for i in (2, 3)}
    ueid = eco.imprint("identity", "find", 2, "--json").json["ueid"]
    assert shown[2]["status"] == "valid"
    serial = serials(eco)[3][0].to_bytes(17, "big").hex()
    colons = ":".join(serial[i:i + 2] for i in range(0, 34, 2))
    result = eco.imprint("revoke", 1, ueid, colons, "CAM-000000004",
                         "bulk/5", "--reason", "keycompromise", "--json")
    assert {k: result.json[k] for k in ("action", "changed", "same",
                                        "kept")} == {
        "action": "revoke", "changed": 5, "same": 0, "kept": 0}
    assert result.json["published"][0]["certificates"] == 5
    check(eco, {i: (REVOKED, COMPROMISE) for i in range(1, 6)})
    shown = eco.imprint("identity", "show", 3, "--json").json
    assert (shown["status"], shown["reason"]) == ("revoked", "keyCompromise")
    found = eco.imprint("identity", "find", "CAM-000000004", "--json").json
    assert found["status"] == "revoked" and found["since"] == shown["since"]
    assert re.search(r"status +revoked since \S+Z, keyCompromise",
                     eco.imprint("identity", "show", 3).out)
    assert "revoked since" in eco.imprint("identity", "find", 3).out
    listed = eco.imprint("identity", "list", "--count", 8, "--json").json
    assert [e["status"] == "revoked" for e in listed] == [
        False, True, True, True, True, True, False, False]
    lines = eco.imprint("identity", "list", "--count", 3).out.splitlines()
    assert ["revoked" in line for line in lines] == [False, True, True]


def test_order_pack_range(stocked, tmp_path):
    eco = stocked.copy(tmp_path / "eco")
    for argv in ((6, "line-1", "line-2"), (4, "line-1")):
        eco.order(*argv)
    for number in (1, 2):
        eco.imprint("order", "run", number)
    eco.imprint("suspend", "--pack", "1/2")
    expected = {i: (SUSPENDED, HOLD) for i in (3, 4, 5)}
    check(eco, expected)
    eco.imprint("revoke", "--order", 2, "--reason", "superseded")
    expected |= {i: (REVOKED, REASON.superseded) for i in range(6, 10)}
    check(eco, expected)
    result = eco.imprint("revoke", "--range", "bulk/4-7", "--range", "0-0")
    assert "3 identities are revoked" in result.out
    assert "2 were revoked before" in result.out
    expected |= {i: (REVOKED, REASON.unspecified) for i in (0, 4, 5)}
    check(eco, expected)


def test_from_file(eco, tmp_path):
    path = tmp_path / "words"
    path.write_text("# lost in the mail\n\n17\r\n  CAM-000000018\t\n"
                    "bulk/19\n17")
    eco.imprint("revoke", "--from", path)
    eco.imprint("suspend", "--from", "-", stdin=b"20\n21\n")
    check(eco, {i: (REVOKED, REASON.unspecified) for i in (17, 18, 19)} |
          {i: (SUSPENDED, HOLD) for i in (20, 21)})
    eco.imprint("resume", "--from", "-", 20, stdin=b"21")
    before = check(eco, {i: (REVOKED, REASON.unspecified)
                         for i in (17, 18, 19)})
    path.write_text("22\n23\n\nCAM-999999999\n24\n")
    result = eco.imprint("revoke", "--from", path, code=3)
    assert f'{path}:4: "CAM-999999999": no' in result.err
    assert Published(eco).data == before.data
    path.write_bytes(b"1\0\n")
    eco.imprint("revoke", "--from", path, code=2)
    path.write_bytes(b"# nothing\n")
    assert "no identity is named" in \
        eco.imprint("revoke", "--from", path, code=2).err


@pytest.mark.parametrize("argv, code, says", [
    ([], 2, "which identities"),
    (["300"], 3, "no index"),
    (["3-5"], 3, "--range 3-5\n"),
    (["online/3-5"], 3, "--range online/3-5\n"),
    (["3-5-7"], 3, "a name may have"),
    (["--order", "7"], 3, "7"),
    (["--order", "x"], 2, "number"),
    (["--order", "1/1"], 2, "number"),
    (["--pack", "1"], 2, "ORDER/PACK"),
    (["--pack", "1/0"], 2, "ORDER/PACK"),
    (["--pack", "1/2"], 3, "nothing was issued"),
    (["--range", "5"], 2, "FIRST-LAST"),
    (["--range", "5-4"], 2, "FIRST-LAST"),
    (["--range", "-5"], 2, "FIRST-LAST"),
    (["--range", "0-300"], 2, "not issued"),
    (["--range", "online/0-0"], 2, "not issued"),
    (["--range", "nolog/0-0"], 3, "nolog"),
    (["1", "--reason", "lost"], 2, "keyCompromise"),
    (["1", "--reason", "certificateHold"], 2, "keyCompromise"),
    (["1", "--reason", "removeFromCRL"], 2, "keyCompromise"),
    (["--from", "/nonexistent"], 3, "nonexistent"),
    (["--evidence", "hearsay"], 2, "classes are order"),
    (["--evidence", "front"], 3, "nothing was issued so"),
    (["--evidence", "order", "--until", "2020-01-01"], 3, "nothing was"),
    (["--evidence", "order", "--since", "yesterday"], 2, "2026-11-22"),
    (["--evidence", "order", "--since", "2026-11-22T15:50:08+01:00"], 2,
     "2026-11-22T15:50:08Z"),
    (["1", "--since", "2026-11-22"], 2, "go with --evidence"),
])
def test_refused(eco, argv, code, says):
    before = eco.dir.joinpath("publish/crl/bulk.crl").read_bytes()
    result = eco.imprint("revoke", *argv, code=code)
    assert says in result.err
    assert eco.dir.joinpath("publish/crl/bulk.crl").read_bytes() == before
    assert reader.rows(eco.db, "SELECT * FROM status") == []


def test_dry_run(eco):
    """Says it, changes nothing, needs no operator."""
    eco.imprint("revoke", 4)
    before = Published(eco).data
    entries = len(reader.rows(eco.db, "SELECT 1 FROM operation"))
    shutil.rmtree(eco.dir / "operators")
    result = eco.imprint("revoke", "--range", "0-9", "--dry-run")
    assert "9 identities would be revoked" in result.out
    assert "1 were revoked before" in result.out
    assert "10 of order 1, camera 1.0.0" in result.out
    assert "CAM-000000000" in result.out and "..." in result.out
    result = eco.imprint("suspend", "--order", 1, "--dry-run", "--json").json
    assert result == {"action": "suspend", "dry_run": True, "changed": 299,
                      "same": 0, "kept": 1,
                      "orders": [{"order": 1, "count": 300}]}
    assert Published(eco).data == before
    assert len(reader.rows(eco.db, "SELECT 1 FROM operation")) == entries


def test_many_want_a_yes(stocked, tmp_path):
    eco = stocked.copy(tmp_path / "eco")
    eco.order(1200, "line-1")
    eco.imprint("order", "run", 1)
    argv = [str(BIN / "imprint"), *map(str, eco.options()), "revoke",
            "--order", "1", "--no-publish"]
    result = run("setsid", *argv, code=2)
    assert "1,200" in result.err and "--yes" in result.err
    for typed in (b"no\n", b"\n", b"yes please\n", b"y\n"):
        code, shown = on_terminal(argv, [(b"Type yes to go on: ", typed)])
        assert code == 2 and b"nothing was changed" in shown, shown
    assert reader.rows(eco.db, "SELECT * FROM status") == []
    code, shown = on_terminal(argv, [(b"Type yes to go on: ", b"yes\n")])
    assert code == 0 and b"revoke 1,200 identities, for ever?" in shown
    assert b"not published" in shown
    assert Published(eco).not_valid() == {}
    # nothing left to change: nothing to ask
    result = run("setsid", *argv[:-1])
    assert "1,200 were revoked before" in result.out
    assert len(Published(eco).not_valid()) == 1200
    eco.imprint("resume", "--order", 1)
    assert len(Published(eco).not_valid()) == 1200


# What it becomes

def test_suspend_and_resume(eco):
    eco.imprint("suspend", "--range", "10-19")
    first = check(eco, {i: (SUSPENDED, HOLD) for i in range(10, 20)})
    eco.imprint("suspend", "--range", "15-24")
    second = check(eco, {i: (SUSPENDED, HOLD) for i in range(10, 25)})
    # suspended since then, not since it was said again
    for serial, held in first.revoked.items():
        assert second.revoked[serial] == held
    eco.imprint("revoke", 12, "--reason", "privilegeWithdrawn")
    result = eco.imprint("resume", "--range", "0-17", "--json").json
    assert (result["changed"], result["same"], result["kept"]) == (7, 10, 1)
    check(eco, {12: (REVOKED, REASON.privilege_withdrawn)} |
          {i: (SUSPENDED, HOLD) for i in range(18, 25)})
    result = eco.imprint("suspend", 12)
    assert "stay revoked" in result.out
    check(eco, {12: (REVOKED, REASON.privilege_withdrawn)} |
          {i: (SUSPENDED, HOLD) for i in range(18, 25)})


def test_void(stocked, tmp_path):
    """What a killed run had reserved is revoked, in both forms."""
    eco = stocked.copy(tmp_path / "eco")
    eco.order(40, "line-1", chunk=8)
    for at in range(60, 400, 3):
        eco.faulty(f"kill:{at}", "order", "run", 1, code=-9)
        if reader.rows(eco.db, "SELECT 1 FROM range WHERE state = 1"):
            break
    reserved = reader.rows(eco.db, "SELECT * FROM range WHERE state = 1")
    assert reserved, "no kill left a reservation"
    void = {i for r in reserved
            for i in range(r["first"], r["first"] + r["count"])}
    eco.imprint("publish")
    check(eco, {i: (REVOKED, CEASED) for i in void})
    eco.imprint("order", "run", 1)
    eco.check_complete()
    published = check(eco, {i: (REVOKED, CEASED) for i in void})
    certificates = {x509.load_der_x509_certificate(eco.imprint(
        "identity", "show", e["index"], "--format", "der").raw).serial_number
        for e in eco.imprint("identity", "list", "--json").json}
    assert not certificates & published.revoked.keys()


def test_cancelled(stocked, tmp_path):
    """What lies in packs that were never complete is revoked with the
    order; a complete pack may have left, and stays valid."""
    eco = stocked.copy(tmp_path / "eco")
    eco.order(40, "line-1", "line-2", chunk=8)
    for at in range(60, 600, 4):
        eco.faulty(f"kill:{at}", "order", "run", 1, code=-9)
        packs = reader.rows(eco.db, "SELECT * FROM pack ORDER BY no")
        if packs[0]["complete"] and packs[1]["committed"] > 0:
            break
    inside = {r["pack"]: set() for r in reader.rows(
        eco.db, "SELECT * FROM range WHERE state = 2")}
    for r in reader.rows(eco.db, "SELECT * FROM range WHERE state = 2"):
        inside[r["pack"]] |= set(range(r["first"], r["first"] + r["count"]))
    assert inside[1] and inside[2]
    result = eco.imprint("order", "cancel", 1, "--json").json
    assert result["revoked"] == len(inside[2])
    void = {i for r in reader.rows(eco.db, "SELECT * FROM range "
                                   "WHERE state = 3")
            for i in range(r["first"], r["first"] + r["count"])}
    check(eco, {i: (REVOKED, CEASED) for i in inside[2] | void})
    assert not (inside[2] | void) & inside[1]


def test_cancelled_many(stocked, tmp_path):
    """A count as other commands print it."""
    eco = stocked.copy(tmp_path / "eco")
    eco.order(2000, "line-1")
    for at in range(24, 200, 8):
        eco.faulty(f"kill:{at}", "order", "run", 1, code=-9)
        [[count]] = map(list, reader.rows(
            eco.db, "SELECT committed FROM pack"))
        if count:
            break
    assert count == 1024
    assert "1,024 identities in" in eco.imprint("order", "cancel", 1).out


# Read by others

def test_openssl_and_certtool(eco, tmp_path):
    eco.imprint("revoke", 7, "--reason", "keyCompromise")
    eco.imprint("suspend", 8)
    crl, ca, root = (tmp_path / n for n in ("crl.pem", "ca.pem", "root.pem"))
    for source, out, kind in (("crl/bulk.crl", crl, "crl"),
                              ("ca/bulk.cer", ca, "x509"),
                              ("ca/root.cer", root, "x509")):
        run("openssl", kind, "-inform", "DER", "-in",
            eco.dir / "publish" / source, "-out", out)
    result = run("openssl", "crl", "-in", crl, "-CAfile", ca, "-noout",
                 "-text", "-verify")
    assert "verify OK" in result.err
    assert "Key Compromise" in result.out and "Certificate Hold" in result.out
    ahead = Published(eco).this_update - time.time()
    time.sleep(max(0, ahead + 1))   # two quick publications: see below
    run("certtool", "--verify-crl", "--load-ca-certificate", ca, "--infile",
        crl)
    info = run("certtool", "--crl-info", "--infile", crl).out
    assert re.search(r"Revoked certificates \(2\)", info, re.I)
    for index, revoked in ((6, False), (7, True), (8, True)):
        leaf = tmp_path / f"{index}.pem"
        leaf.write_bytes(eco.imprint("identity", "show", index, "--format",
                                     "pem").raw)
        # thisUpdate may be a second or two ahead of two quick publications
        result = run("openssl", "verify", "-x509_strict", "-crl_check",
                     "-attime", Published(eco).this_update + 1, "-trusted",
                     root, "-untrusted", ca, "-CRLfile", crl, leaf,
                     code=2 if revoked else 0)
        assert ("certificate revoked" in result.err) == revoked


def test_imprint_verify(eco, tmp_path):
    """Our own verifier, by the status list and by the CRL."""
    eco.imprint("revoke", 7)
    for index, code in ((6, 0), (7, 1)):
        document = tmp_path / f"{index}.cose"
        document.write_bytes(eco.imprint("identity", "show", index,
                                         "--format", "cose").raw)
        leaf = tmp_path / f"{index}.pem"
        leaf.write_bytes(eco.imprint("identity", "show", index, "--format",
                                     "pem").raw)
        for name in ("status/bulk-00000000.cwt", "crl/bulk.crl"):
            result = eco.imprint(
                "identity", "verify", document, "--certificate", leaf,
                "--max-age", 86400, "--status",
                eco.dir / "publish" / name, code=code)
            verdict = re.search("verdict: (.*)", result.out)[1]
            assert verdict == ("deny: revoked" if code else "allow")


def test_operation_entry(eco):
    """The entry says who was asked for, and what was published: the number
    and the SHA-256 of the signed part."""
    eco.imprint("revoke", 7, "CAM-000000008")
    published = Published(eco)
    entries = [reader.cbor_decode(r["entry"]) for r in reader.rows(
        eco.db, "SELECT * FROM operation ORDER BY seq")]
    request = [e for e in entries if e[1] == 2][-1][4]
    body = reader.cbor_decode(reader.cbor_decode(
        reader.Sign1(request[0]).payload)[5])
    assert body == [1, 0, [[1, 7, 2]], "revoke 7 CAM-000000008"]
    assert reader.cbor_decode(request[1]) == [2, 0, 0]
    publication = [e for e in entries if e[1] == 7 and e[4][0] == 1][-1]
    assert publication[3] == published.this_update
    assert publication[4] == [
        1, published.number, published.this_update, published.next_update,
        reader.sha256(published.crl.tbs_certlist_bytes), 1]


def test_publish(eco):
    first = Published(eco)
    result = eco.imprint("publish", "--next-update", 30, "--json").json
    assert [p["log"] for p in result["published"]] == ["bulk", "online"]
    second = Published(eco)
    assert second.number == first.number + 1 == \
        result["published"][0]["crl_number"]
    assert second.this_update > first.this_update
    assert second.next_update - second.this_update == 30 * 86400
    eco.imprint("revoke", 25)           # as long as last time
    third = Published(eco)
    assert third.number == second.number + 1
    assert third.next_update - third.this_update == 30 * 86400
    assert len(Published(eco, "online").revoked) == 0
    for days in (0, 367, "x"):
        eco.imprint("publish", "--next-update", days, code=2)
    eco.imprint("publish", "all", code=2)
    checkpoint = reader.Checkpoint(
        (eco.dir / "publish/log/operations/checkpoint").read_bytes())
    assert checkpoint.size == len(reader.rows(
        eco.db, "SELECT 1 FROM operation"))


def test_order_run_publishes(issued):
    """A status list for every identity from the first run on."""
    published = check(issued, {})
    assert list(published.lists) == [0]
    claims = reader.cbor_decode(reader.Sign1(issued.imprint(
        "identity", "show", 17, "--format", "cose").raw).payload)
    where = claims[65535]["status_list"]
    assert where == {"idx": 17, "uri": f"{URL}/status/bulk-00000000.cwt"}


# Bad times, bad hands

def test_clock(eco, clock):
    """Neither number nor time goes back with the clock; far back nothing is
    published at all."""
    first = Published(eco)

    def at(seconds):
        when = datetime.datetime.fromtimestamp(
            first.this_update + seconds, datetime.timezone.utc)
        return clock(when.strftime("%Y-%m-%dT%H:%M:%SZ"))

    eco.imprint("publish", env=at(1000))
    second = Published(eco)
    eco.imprint("publish", env=at(700))
    third = Published(eco)
    assert first.number < second.number < third.number
    assert second.this_update == first.this_update + 1000
    assert second.this_update < third.this_update < second.this_update + 10
    assert "clock" in eco.imprint("publish", env=at(300), code=4).err
    assert Published(eco).data == third.data


def test_altered_status(eco):
    """Somebody resumed by hand: nothing is published any more."""
    eco.imprint("revoke", "--range", "3-9")
    before = Published(eco).data
    db = reader.sqlite3.connect(eco.db)
    with db:
        db.execute("DELETE FROM status")
    db.close()
    for argv in (["publish"], ["revoke", 20]):
        result = eco.imprint(*argv, code=8)
        assert "status" in result.err
    assert Published(eco).data == before


def test_older_registry(eco, tmp_path):
    """A registry put back: the newer lists stay, and what they revoke."""
    old = tmp_path / "old.db"
    db, out = (reader.sqlite3.connect(p) for p in (eco.db, old))
    db.backup(out)
    out.close()
    db.close()
    for index in range(5):
        eco.imprint("revoke", index)
    newest = Published(eco)
    for end in ("", "-wal", "-shm"):
        eco.db.with_name(eco.db.name + end).unlink(missing_ok=True)
    shutil.copy(old, eco.db)
    for argv in (["publish"], ["revoke", 20]):
        result = eco.imprint(*argv, code=4)
        assert "published bulk" not in result.out
        assert "old registry.db was put back" in result.err
        assert Published(eco).data == newest.data


def test_half_published(eco):
    """One JSON value: what was done, what was published, what was not."""
    folder = eco.dir / "publish/log/online"
    folder.rename(eco.dir / "aside")
    folder.write_text("")
    for argv, done in ((["revoke", 3, 4], 2), (["publish"], None)):
        result = eco.imprint(*argv, "--json", code=(4, 6))
        assert result.json.get("changed") == done
        assert [p["log"] for p in result.json["published"]] == [
            "bulk", "online"]
        failed = result.json["failed"]
        assert failed["what"] == "log online"
        assert failed["why"]["error"] and \
            str(folder) in failed["why"]["message"]
        assert failed["why"]["message"] in result.err
    listed = eco.imprint("log", "publish", "--json", code=(4, 6)).json
    assert [e["log"] for e in listed] == ["bulk", "online"]
    assert str(folder) in listed[1]["failed"]["message"]
    folder.unlink()
    (eco.dir / "aside").rename(folder)
    assert "failed" not in eco.imprint("publish", "--json").json
    # the status itself
    crl = eco.dir / "publish/crl"
    crl.rename(eco.dir / "aside")
    crl.write_text("")
    result = eco.imprint("revoke", 5, "--json", code=(3, 4, 6))
    assert (result.json["changed"], result.json["published"]) == (1, [])
    assert result.json["failed"]["what"] == "status"
    assert "run 'imprint publish'" in result.err


# Power cuts, kills, full disks

@pytest.fixture(scope="module")
def small(stocked, tmp_path_factory):
    """20 cameras; 4 of them suspended, so that there is something to keep."""
    eco = stocked.copy(tmp_path_factory.mktemp("small"))
    eco.order(20, "line-1", chunk=8)
    eco.imprint("order", "run", 1)
    eco.imprint("suspend", "--range", "16-19")
    return eco


SUSPENSION = {i: (SUSPENDED, HOLD) for i in range(16, 20)}
REVOCATION = SUSPENSION | {3: (REVOKED, COMPROMISE), 16: (REVOKED,
                                                          COMPROMISE)}
REVOKE = ["revoke", 3, 16, "--reason", "keyCompromise"]


def consistent(eco, before):
    """The publication is whole, old or new; a number that was published is
    on record with its content."""
    published = Published(eco)
    assert published.number >= before.number
    if published.number == before.number:
        assert published.data == before.data
    entries = [reader.cbor_decode(r["entry"])[4] for r in reader.rows(
        eco.db, "SELECT * FROM operation WHERE kind = 7")]
    mine = [e for e in entries if e[0] == 1]
    numbers = [e[1] for e in mine]
    assert numbers == sorted(set(numbers))
    assert [e[4] for e in mine if e[1] == published.number] == [
        reader.sha256(published.crl.tbs_certlist_bytes)]
    return published, max(numbers)


def revoke_check(before):
    def check_it(eco, result):
        published, _ = consistent(eco, before)
        listed = published.not_valid()
        assert listed in ({i: s for i, (s, _) in e.items()}
                          for e in (SUSPENSION, REVOCATION))
        # whatever was on record before, the same command again finishes it
        eco.imprint(*REVOKE)
        after = check(eco, REVOCATION)
        _, highest = consistent(eco, before)
        assert after.number == highest > before.number
        if published.data != after.data:
            assert after.number > published.number
            assert after.this_update > published.this_update
        assert reader.leftovers(eco.dir) == []
        assert eco.imprint("identity", "show", 3, "--json").json[
            "status"] == "revoked"
    return check_it


@pytest.mark.parametrize("kind", FAULTS)
def test_revoke_faults(small, tmp_path, kind):
    every_step(small, tmp_path, kind, REVOKE, revoke_check(Published(small)),
               most=12 if kind in ("kill", "powercut") else 5)


@pytest.mark.parametrize("kind", FAULTS)
def test_publish_faults(small, tmp_path, kind):
    before = Published(small)

    def check_it(eco, result):
        published, highest = consistent(eco, before)
        if result.code == 0:
            assert published.number == highest
        assert published.not_valid() == dict.fromkeys(range(16, 20),
                                                      SUSPENDED)
        eco.imprint("publish")
        after = check(eco, SUSPENSION)
        assert after.number == highest + 1
        assert after.this_update > published.this_update
        assert reader.leftovers(eco.dir) == []

    every_step(small, tmp_path, kind, ["publish"], check_it,
               most=12 if kind in ("kill", "powercut") else 5)


@pytest.mark.parametrize("seed", range(0, 5 if TORTURE else 2))
def test_power_cut_seeds(small, tmp_path, seed):
    """Other parts of what was not synced are torn; seed 0: all is lost."""
    check_it = revoke_check(Published(small))

    def step(at):
        copy = small.copy(tmp_path / f"cut-{at}")
        copy.faulty(f"powercut:{at}:{seed}", *REVOKE, code=-9)
        check_it(copy, None)
        shutil.rmtree(copy.root)

    parallel(step, sample(operations(small, *REVOKE), 10))


def test_disk_full(small, tmp_path):
    """From any point on: what is published stays whole, the message says
    what to do, and nothing is lost once there is room."""
    before = Published(small)
    count = operations(small, *REVOKE)

    def step(at):
        copy = small.copy(tmp_path / f"full-{at}")
        result = copy.faulty(f"enospc:{at}", *REVOKE, code=FAULTS["enospc"])
        if result.code:
            assert "space" in result.err
        recorded = bool(reader.rows(copy.db, "SELECT 1 FROM status "
                                    "WHERE first = 3"))
        if result.code and recorded:
            assert "run 'imprint publish'" in result.err
        revoke_check(before)(copy, result)
        shutil.rmtree(copy.root)

    parallel(step, sample(count, 12))


# Many

@pytest.mark.skipif(not (BIN / "imprint-fill").exists(),
                    reason="imprint-fill is not built")
def test_hundred_thousand(stocked, tmp_path):
    """One range, and as many single ones."""
    eco = stocked.copy(tmp_path / "eco")
    run(BIN / "imprint-fill", "log", eco.dir, "--passphrase-file",
        eco.passphrase, "--count", 200000)
    eco.imprint("revoke", "--range", "0-99999", "--yes")
    words = "".join(f"{i}\n" for i in range(100001, 200000, 2))
    eco.imprint("suspend", "--from", "-", "--yes", stdin=words.encode())
    published = Published(eco)
    assert len(published.revoked) == 150000
    listed = published.not_valid()
    assert len(listed) == 150000
    assert sum(s == SUSPENDED for s in listed.values()) == 50000
    eco.imprint("publish")
