"""What imprintd tells of itself: figures."""
import datetime
import re
import shutil
import sqlite3
import subprocess
import time

import pytest
from cryptography import x509

from conftest import program_needed
from imprintd import Server, wait_for
from test_manufacturers import CA

pytestmark = program_needed("imprintd")

ENDS = re.compile(r'^imprint_certificate_expiry_timestamp_seconds'
                  r'\{kind="([a-z-]+)",name="([a-z0-9.-]+)"\} (\d+)$', re.M)


@pytest.fixture
def eco(stocked, tmp_path):
    eco = stocked.copy(tmp_path / "eco")
    eco.order(16, "line-1", product="doorbell-idevid")
    eco.imprint("order", "run", 1)
    return eco


def ends(server):
    return {(kind, name): int(end) for kind, name, end in ENDS.findall(
        server.monitor("/metrics")[2].decode())}


def expected(eco):
    """Of the newest certificate of each name, read by somebody else."""
    with sqlite3.connect(eco.db) as db:
        rows = db.execute("SELECT name, body FROM object WHERE kind = 1 "
                          "ORDER BY rowid").fetchall()
    return {name: end_of(body) for name, body in rows}


def end_of(body):
    """A MAC follows the certificate."""
    assert body[:2] == b"\x30\x82"
    der = body[:4 + int.from_bytes(body[2:4], "big")]
    end = x509.load_der_x509_certificate(der).not_valid_after
    return int(end.replace(tzinfo=datetime.timezone.utc).timestamp())


def test_certificates_end(eco, tmp_path):
    """Whatever others rely on, and what is new while it runs."""
    acme, other = CA("Acme"), CA("Other")
    eco.imprint("manufacturer", "add", "acme", "--ca",
                acme.pem(tmp_path / "acme.pem"))
    with Server(eco, fronts=1) as server:
        wait_for(lambda: server.monitor("/readyz")[0] == 200)
        found = ends(server)
        assert {kind for kind, _ in found} == {"ca", "document-signer",
                                               "manufacturer"}
        assert {name: end for (kind, name), end in found.items()
                if kind != "manufacturer"} == expected(eco)
        eco.imprint("manufacturer", "add", "other", "--ca",
                    other.pem(tmp_path / "other.pem"))
        eco.imprint("service", "add", "collector", "--dns", "localhost",
                    "--out", tmp_path)
        eco.imprint("document-signer", "renew")
        now = ends(server)
        assert set(now) - set(found) == {("manufacturer", "other"),
                                         ("service", "collector")}
        there = expected(eco)
        assert now["service", "collector"] == there["service.collector"]
        assert now["document-signer", "document"] == \
            there["document.2"]
        eco.imprint("manufacturer", "remove", "other")
        assert ("manufacturer", "other") not in ends(server)


def test_certificates_end_many(stocked, tmp_path):
    """The sixteen that end first; of a name that was renewed the new one
    counts, so the one that was not is among them."""
    eco = stocked.copy(tmp_path / "eco")
    names = [f"svc{i:02}" for i in range(1, 18)]
    with Server(eco, fronts=1) as server:
        wait_for(lambda: server.monitor("/readyz")[0] == 200)
        for step, name in enumerate(names + names[:16]):
            if step == 17:
                time.sleep(1.1)     # ends are in seconds
            out = tmp_path / str(step)
            out.mkdir()
            eco.imprint("service", "add", name, "--dns", "localhost",
                        "--out", out)
        last = expected(eco)
        ordered = sorted((last[f"service.{name}"], name) for name in names)
        assert ordered[0][1] == "svc17"
        assert {(name, end) for (kind, name), end in ends(server).items()
                if kind == "service"} == {
                    (name, end) for end, name in ordered[:16]}


def test_days_left(eco):
    """As doctor reckons it, and from the same statvfs(2)."""
    with Server(eco, fronts=1) as server:
        began = server.figures()["authority_start_timestamp_seconds"]
        assert abs(began - time.time()) < 60
        days = server.figures()["disk_left_days"]
        said = next(one["what"] for one in
                    eco.imprint("doctor", "--json", code=(0, 1)).json[
                        "checks"] if one["check"] == "disk")
        told = int(re.search(r"(\d+) days as of late", said).group(1))
        assert days == pytest.approx(told, rel=0.02)
        free = shutil.disk_usage(eco.dir).free
        pack = sum(path.stat().st_size for path in
                   (eco.dir / "packs").glob("*.pack"))
        assert days == pytest.approx(free / ((16 * 300 + pack) / 30),
                                     rel=0.05)


def test_nothing_issued(stocked, tmp_path):
    eco = stocked.copy(tmp_path / "eco")
    with Server(eco, fronts=1) as server:
        assert server.figures()["disk_left_days"] == float("inf")


def test_status_lists_expire(eco):
    with Server(eco, fronts=1) as server:
        eco.imprint("publish")
        figures = server.figures()
        for log in ("bulk", "online"):
            end = figures.get(
                f'status_list_expiry_timestamp_seconds{{log="{log}"}}')
            crl = eco.dir / f"publish/crl/{log}.crl"
            lists = list((eco.dir / "publish/status").glob(f"{log}-*.cwt"))
            assert (end is not None) == bool(lists)
            if end:
                said = subprocess.run(
                    ["openssl", "crl", "-inform", "DER", "-in", crl,
                     "-noout", "-nextupdate", "-dateopt", "iso_8601"],
                    capture_output=True, text=True, check=True).stdout
                assert time.strftime("%Y-%m-%d %H:%M:%SZ",
                                     time.gmtime(end)) in said
        assert 'status_list_expiry_timestamp_seconds{log="bulk"}' in figures
