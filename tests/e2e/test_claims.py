"""Owners: devices that wait until somebody claims them, with imprintd, the
agent and the command line; certificates read by python3-cryptography."""
import base64
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidTag

import reader
from conftest import BIN, FAULTS, PRODUCTS, program_needed, run
from imprintd import NAME, Server
from line import Fixture, Served
from test_anchor import registry_copy, registry_put
from test_device_keys import station
from test_est import ask, new_key, request_of
from test_field import Doorbell
from test_floor import Floor
from test_modes import approve, chips_list, chips_make, create, operator_add
from test_order_faults import every_step
from test_verify_service import devices_of

pytestmark = program_needed("imprintd")

COUNT = 10
RETRY_S = 300
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
WRONG = "0000-0000-0000-0"


def claimed_product(eco, root, *more):
    """The doorbell in a version whose devices have owners."""
    text = (PRODUCTS / "doorbell.yaml").read_text().replace(
        'version: "1.0.0"', 'version: "2.0.0"')
    path = root / "claimed.yaml"
    path.write_text(text + "  claim: required\n" + "".join(more))
    eco.imprint("product", "add", path)


@pytest.fixture(scope="module")
def made(stocked, tmp_path_factory):
    """To be copied only."""
    root = tmp_path_factory.mktemp("claims")
    eco = stocked.copy(root / "eco")
    claimed_product(eco, root)
    station(eco, root / "line")
    eco.imprint("station", "add", root / "line/line-9.station")
    eco.order(COUNT, "line-9", product="doorbell-idevid")
    eco.imprint("order", "run", 1)
    run(BIN / "imprint-station", "--home", root / "line", "import",
        eco.pack())
    run(BIN / "imprint-station", "--home", root / "line", "inject",
        "--command", f"cat > {root}/$IMPRINT_SEQUENCE.package")
    eco.packages = root
    return eco


@pytest.fixture
def eco(made, tmp_path):
    copy = made.copy(tmp_path / "eco")
    copy.packages = made.packages
    return copy


def doorbell(eco, number, name="device"):
    return Doorbell(eco.root / name,
                    (eco.packages / f"{number}.package").read_bytes())


def ueid(device):
    return device.birth.claims[256].hex()


def shown(eco, which):
    return eco.imprint("device", "show", which, "--json").json


def claim(eco, which, code, owner="Jane Roe", exit_code=0):
    return eco.imprint("device", "claim", which, "--code", code, "--owner",
                       owner, "--json", code=exit_code).json


def check_character(code):
    """Sum of character i times a^i over GF(32) is zero, a^5 = a^2 + 1."""
    total = 0
    for c in code.replace("-", ""):
        total = (total << 1) ^ (0x25 if total & 16 else 0)
        total ^= ALPHABET.index(c)
    return total == 0


def on_hold(eco):
    """Serial numbers in the online CA's CRL, of those for this reason."""
    crl = x509.load_der_x509_crl(
        (eco.dir / "publish/crl/online.crl").read_bytes())
    return {r.serial_number for r in crl
            if r.extensions.get_extension_for_class(x509.CRLReason).value
            .reason == x509.ReasonFlags.certificate_hold}


def test_waits_for_its_owner(eco):
    """The same request that was told to come back is carried out later."""
    device = doorbell(eco, 1)
    with Server(eco) as server:
        said = device.bootstrap(server, "--json", code=7)
        assert said.json == {"confirmed": False, "status": 403,
                             "reason": "unclaimed", "retry_after": RETRY_S}
        assert "claims it with the code on its label" in said.err
        kept = (next(device.home.glob("enrolment.*"))).read_bytes()
        # nor is anything made or written at the authority for it
        figures = server.figures()
        assert figures['requests_total{verdict="unclaimed"}'] == 1
        device.bootstrap(server, code=7)
        assert (next(device.home.glob("enrolment.*"))).read_bytes() == kept
        # claimed while the server runs
        assert eco.imprint("identity", "list", "--log", "online",
                           "--json").json == []
        code = shown(eco, ueid(device))["claim_code"]
        assert claim(eco, ueid(device), code)["outcome"] == "claimed"
        assert device.bootstrap(server, "--json").json["confirmed"]
        device.check()
        assert device.renew(server, "--json").json["confirmed"]


def test_retry_after_is_honoured(eco):
    """An agent that is left running says when it comes back, and waits."""
    device = doorbell(eco, 1)
    with Server(eco) as server:
        begin = time.monotonic()
        agent = subprocess.Popen(
            [BIN / "imprint-device", "--home", device.home, "bootstrap",
             "--server", f"https://127.0.0.1:{server.port}", "--name", NAME],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in agent.stderr:
            if line.startswith("  again in "):
                break
        assert int(line.split()[2]) >= RETRY_S
        assert time.monotonic() - begin < RETRY_S
        agent.terminate()
        agent.communicate()
        assert agent.returncode == 130


def test_codes(eco):
    """Each device has one of its own, the same wherever it is printed."""
    rows = eco.imprint("identity", "list", "--order", 1, "--claim-codes",
                       "--json").json
    codes = [row["claim_code"] for row in rows]
    assert len(set(codes)) == COUNT
    for row in rows:
        assert shown(eco, row["ueid"])["claim_code"] == row["claim_code"]
        assert check_character(row["claim_code"])
        assert len(row["claim_code"]) == 16
    text = eco.imprint("identity", "list", "--order", 1,
                       "--claim-codes").out
    assert all(code in text for code in codes)
    assert codes[0] not in eco.imprint("identity", "list").out


def test_typed(eco):
    """Case, blanks and letters that look like digits; mistyped ones are told
    before anything is asked, and do not count."""
    one = doorbell(eco, 1)
    code = shown(eco, ueid(one))["claim_code"]
    swapped = code[1] + code[0] + code[2:]
    for bad, what in [(swapped, "check character"), (code[:-1], "less than"),
                      (code + "0", "more than"), ("U" + code[1:],
                                                  "a character")]:
        if bad == code:
            continue
        said = eco.imprint("device", "claim", ueid(one), "--code", bad,
                           "--owner", "Jane", code=2)
        assert what in said.err
    assert shown(eco, ueid(one))["wrong_codes"] == 0
    typed = code.lower().replace("0", "o").replace("1", "l").replace("-", " ")
    assert claim(eco, ueid(one), typed)["claimed"]
    # by its name, too
    serial = one.birth.claims[-66006]["serial-number"]
    assert claim(eco, serial, code)["outcome"] == "same"


def test_wrong_codes(eco):
    """Another device's code is not its code; guesses are counted and cost
    time, over restarts, and are on record."""
    one, two = doorbell(eco, 1, "one"), doorbell(eco, 2, "two")
    code = shown(eco, ueid(one))["claim_code"]
    other = shown(eco, ueid(two))["claim_code"]
    for n in range(3):
        said = claim(eco, ueid(one), other if n else WRONG, exit_code=1)
        assert said == {"device": ueid(one), "outcome": "wrong-code",
                        "claimed": False, "retry_after": 0}
    assert claim(eco, ueid(one), WRONG, exit_code=1)["retry_after"] == 60
    said = claim(eco, ueid(one), code, exit_code=7)
    assert said["outcome"] == "wait" and 0 < said["retry_after"] <= 60
    assert shown(eco, ueid(one))["wrong_codes"] == 4
    assert shown(eco, ueid(one))["state"] == "unclaimed"
    # the other one is not locked
    assert claim(eco, ueid(two), other)["claimed"]
    eco.imprint("log", "verify")


def test_owners(eco):
    one = doorbell(eco, 1)
    code = shown(eco, ueid(one))["claim_code"]
    assert claim(eco, ueid(one), code)["outcome"] == "claimed"
    assert claim(eco, ueid(one), code)["outcome"] == "same"
    said = claim(eco, ueid(one), code, "Joe", exit_code=4)
    assert said["outcome"] == "taken" and "Jane" not in str(said)
    assert shown(eco, ueid(one))["owner"] == "Jane Roe"
    eco.imprint("device", "release", ueid(one))
    assert eco.imprint("device", "release", ueid(one), code=4).err
    assert claim(eco, ueid(one), code, "Joe")["outcome"] == "claimed"
    assert shown(eco, ueid(one))["owner"] == "Joe"
    for bad in ["", "a\tb", "x" * 129]:
        eco.imprint("device", "claim", ueid(one), "--code", code, "--owner",
                    bad, code=2)
    eco.imprint("device", "claim", "no-such-name", "--code", code,
                "--owner", "Joe", code=3)
    eco.imprint("log", "verify")


def test_released(eco):
    """What the device has is on hold, published, until it is claimed."""
    device = doorbell(eco, 1)
    code = shown(eco, ueid(device))["claim_code"]
    claim(eco, ueid(device), code)
    with Server(eco) as server:
        device.bootstrap(server)
    serial = device.certificate().serial_number
    said = eco.imprint("device", "release", ueid(device), "--json").json
    assert said["released"] and said["published"]
    assert on_hold(eco) == {serial}
    with Server(eco) as server:
        assert device.renew(server, "--json", code=7).json["reason"] == \
            "unclaimed"
    eco.imprint("log", "verify")
    claim(eco, ueid(device), code, "Joe")
    assert on_hold(eco) == set()
    with Server(eco) as server:
        # the request that waited
        assert device.renew(server, "--json").json["confirmed"]
    eco.imprint("log", "verify")


@pytest.mark.parametrize("kind", ["kill", "powercut", "enospc-once"])
def test_faults(eco, tmp_path, kind):
    """Claimed or not, never in between; the same again ends it."""
    device = doorbell(eco, 1)
    code = shown(eco, ueid(device))["claim_code"]
    argv = ["device", "claim", ueid(device), "--code", code, "--owner",
            "Jane"]

    def check(copy, result):
        state = shown(copy, ueid(device))
        assert state["state"] in ("claimed", "unclaimed")
        assert (state["owner"] == "Jane") == (state["state"] == "claimed")
        if result.code == 0:
            assert state["state"] == "claimed"
        said = claim(copy, ueid(device), code, "Jane")
        assert said["outcome"] == ("same" if state["owner"] else "claimed")
        copy.imprint("log", "verify")

    every_step(eco, tmp_path, kind, argv, check, most=6)


# Labels: the code in the station's answer

def line_7(eco, root):
    """A station of this ecosystem."""
    floor = Floor(root)
    floor.root.mkdir()
    floor.station("init", "--name", "line-7", "--trust",
                  eco.dir / "publish/trust.pem")
    eco.imprint("station", "add", floor.home / "line-7.station")
    return floor


def listed(eco, order):
    """What the authority says: {index: code}."""
    return {row["index"]: row["claim_code"] for row in eco.imprint(
        "identity", "list", "--order", order, "--claim-codes", "--json").json}


@pytest.fixture
def labelled(eco, tmp_path):
    """A station with a pack of doorbells; line-1, whose key the tests have,
    is to have another pack of the same order."""
    floor = line_7(eco, tmp_path / "floor")
    assert eco.order(6, "line-7", "line-1", product="doorbell-idevid") == 2
    eco.imprint("order", "run", 2)
    return floor


def test_label(eco, labelled, tmp_path):
    """What the station says is to be printed is what an owner types."""
    floor, codes = labelled, listed(eco, 2)
    floor.station("import", eco.pack(2, 1))
    token = floor.station("fixture", "add", "f").out.strip()
    packages = {}
    with Served(floor) as served:
        fixture = Fixture(served, "f", token=token)
        for name in ("S-1", "S-2", "S-3"):
            said = fixture.reserve(name)
            assert said["label"]["claim_code"] == codes[said["index"]]
            again = fixture.reserve(name)
            assert (again["code"], again["label"]) == (1, said["label"])
            packages[name] = said
    with Served(floor) as served:
        fixture.moved(served)
        assert fixture.reserve("S-1")["label"] == packages["S-1"]["label"]
    said = packages["S-2"]
    device = Doorbell(tmp_path / "device", base64.b64decode(said["package"]))
    with Server(eco) as server:
        assert device.bootstrap(server, "--json", code=7).json["reason"] == \
            "unclaimed"
        assert claim(eco, said["ueid"], packages["S-1"]["label"][
            "claim_code"], exit_code=1)["outcome"] == "wrong-code"
        assert claim(eco, said["ueid"], said["label"]["claim_code"])[
            "outcome"] == "claimed"
        assert device.bootstrap(server, "--json").json["confirmed"]


def test_label_is_the_stations(eco, labelled, tmp_path):
    """Who holds packs finds no codes in them, nor does another station."""
    codes = listed(eco, 2)
    mine, other = (reader.Pack(eco.pack(2, n).read_bytes()) for n in (1, 2))
    key = eco.stations["line-1"]
    for pack in (mine, other):
        pack.verify()
        assert pack.version == 3
    assert other.claim_codes(key) == {i: codes[i] for i in other.indices()}
    with pytest.raises(InvalidTag):
        mine.claim_codes(key)
    # one station's key tells no codes of another's pack
    mine.asks = other.asks
    with pytest.raises(InvalidTag):
        mine.claim_codes(key)
    # altered
    data = bytearray(eco.pack(2, 1).read_bytes())
    at = data.index(reader.Pack(bytes(data)).asks[5][2])
    data[at] ^= 1
    path = tmp_path / "altered.pack"
    path.write_bytes(data)
    assert "not the one that was signed" in labelled.station(
        "import", path, code=2).err
    # devices that nobody claims have none
    eco.order(2, "line-1")
    eco.imprint("order", "run", 3)
    assert reader.Pack(eco.pack(3).read_bytes()).version == 1


def test_label_begun(eco, tmp_path):
    """A run that is broken off goes on with the header it began."""
    eco.order(6, "line-1", chunk=2, product="doorbell-idevid")
    key = eco.stations["line-1"]

    def check(copy, _):
        copy.imprint("order", "run", 2)
        pack = reader.Pack(copy.pack(2).read_bytes())
        pack.verify()
        codes = listed(copy, 2)
        assert pack.claim_codes(key) == {i: codes[i] for i in pack.indices()}

    every_step(eco, tmp_path, "kill", ["order", "run", "--workers", 1, 2],
               check, most=6)


def test_station_stolen(eco, labelled, tmp_path):
    """Until an order's final report its station can open the packs: who
    gives it up is told which devices that concerns."""
    floor = labelled
    floor.station("import", eco.pack(2, 1))
    token = floor.station("fixture", "add", "f").out.strip()
    with Served(floor) as served:
        fixture = Fixture(served, "f", token=token)
        said = [fixture.reserve(name) for name in ("S-1", "S-2")]
        for name, one in zip(("S-1", "S-2"), said):
            assert fixture.commit(name, index=one["index"])["code"] < 10
    floor.station("report", 2, "--out", tmp_path / "2.report")
    eco.imprint("order", "reconcile", 2, "--report", tmp_path / "2.report")
    claim(eco, said[0]["ueid"], said[0]["label"]["claim_code"])
    closed = eco.copy(tmp_path / "closed")
    lost = eco.imprint("station", "lost", "line-7", "--json").json
    assert lost["revoked"] == 1
    assert lost["exposed"] == [{"order": 2, "pack": 1, "identities": 2,
                                "keys": True, "claim_codes": 1}]
    # said so to people too, again
    text = eco.imprint("station", "lost", "line-7").out
    assert "pack 2/1: 2 identities stay good; who has the station can read " \
        "their private keys and compute the claim codes of 1" in text
    eco.imprint("revoke", "--pack", "2/1")
    assert eco.imprint("station", "lost", "line-7",
                       "--json").json["exposed"] == []
    # its key is gone with the final report
    floor.station("key", "new")
    floor.station("report", 2, "--final", "--out", tmp_path / "final.report")
    closed.imprint("order", "reconcile", 2, "--report",
                   tmp_path / "final.report")
    lost = closed.imprint("station", "lost", "line-7", "--json").json
    assert lost["exposed"] == []


def test_label_after_an_epoch(eco, tmp_path):
    """Numbers of orders come again when the registry was lost; what a station
    knew of the lost pack of that number tells no codes of the new one."""
    key, other = eco.stations["line-1"], line_7(eco, tmp_path / "floor")
    registry_copy(eco, tmp_path / "old.db")
    assert eco.order(3, "line-1", product="doorbell-idevid") == 2
    eco.imprint("order", "run", 2)
    lost = reader.Pack(eco.pack(2).read_bytes())
    assert lost.claim_codes(key) == listed(eco, 2)
    eco.pack(2).rename(tmp_path / "lost.pack")
    registry_put(eco, tmp_path / "old.db")
    eco.imprint("epoch", "begin", "--reason", "disk lost", "--skip", 1)
    assert eco.order(3, "line-7", product="doorbell-idevid") == 2
    eco.imprint("order", "run", 2)
    pack = reader.Pack(eco.pack(2).read_bytes())
    assert pack.pack != lost.pack
    known, log = lost.claim_key(key), pack.asks[5][0]
    codes = listed(eco, 2)
    assert sorted(codes) == sorted(pack.indices())
    assert not any(reader.claim_code(known, log, index) == code
                   for index, code in codes.items())
    other.station("import", eco.pack(2))
    token = other.station("fixture", "add", "f").out.strip()
    with Served(other) as served:
        said = Fixture(served, "f", token=token).reserve("S-1")
        assert said["label"]["claim_code"] == codes[said["index"]]


def test_label_of_a_chip(eco, tmp_path):
    """Only the chip can open its package; its label has a code all the
    same."""
    path = tmp_path / "camera-field.yaml"
    path.write_text((PRODUCTS / "doorbell.yaml").read_text().replace(
        "product: doorbell", "product: camera-field").replace(
        "bootstrap: doorbell-idevid", "bootstrap: camera") +
        "  claim: required\n")
    eco.imprint("product", "add", path)
    floor = line_7(eco, tmp_path / "floor")
    chips = chips_list(tmp_path / "chips.cbor", chips_make(3))
    create(eco, chips, station="line-7",
           approval=approve(eco, chips, operator_add(eco, "bea")))
    eco.imprint("order", "run", 2)
    floor.station("import", eco.pack(2))
    token = floor.station("fixture", "add", "f").out.strip()
    with Served(floor) as served:
        said = Fixture(served, "f", token=token).reserve("chip-1")
    assert said["sealed"] and "ueid" not in said
    assert said["label"] == {"claim_code": listed(eco, 2)[said["index"]]}


def test_est(stocked, tmp_path):
    """RFC 7030 4.2.3: 202 with Retry-After, then the certificate."""
    eco = stocked.copy(tmp_path / "eco")
    text = (PRODUCTS / "doorbell.yaml").read_text().replace(
        'version: "1.0.0"', 'version: "2.0.0"')
    begin = text.index("  - slot: 1\n")
    path = tmp_path / "doorbell.yaml"
    path.write_text(text[:begin] + text[text.index("# The names"):] +
                    "  est: 5\n  claim: required\n")
    eco.imprint("product", "add", path)
    eco.order(2, "line-1", product="doorbell-idevid")
    eco.imprint("order", "run", 1)
    device = devices_of(eco, 1)[0]
    body = base64.b64encode(request_of(new_key()))
    with Server(eco) as server:
        status, fields, _ = ask(server, "simpleenroll", body, device)
        assert (status, fields["Retry-After"]) == (202, str(RETRY_S))
    code = shown(eco, device.ueid)["claim_code"]
    claim(eco, device.ueid, code)
    with Server(eco) as server:
        assert ask(server, "simpleenroll", body, device)[0] == 200
