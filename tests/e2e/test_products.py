"""Product definitions: the samples, what is refused and where it stands."""
import re
import shutil

import pytest

import reader
from conftest import PRODUCTS, Station, run

CAMERA = (PRODUCTS / "camera.yaml").read_text()


def add(eco, tmp_path, text, code=0):
    path = tmp_path / "product.yaml"
    path.write_text(text)
    return eco.imprint("product", "add", path, code=code)


@pytest.fixture
def eco(pristine, tmp_path):
    return pristine.copy(tmp_path / "eco")


@pytest.fixture(scope="module")
def shared(pristine, tmp_path_factory):
    """For what is refused: nothing of it may stay."""
    return pristine.copy(tmp_path_factory.mktemp("shared"))


def test_samples(eco):
    paths = sorted(PRODUCTS.glob("*.yaml"))
    assert len(paths) >= 3
    out = eco.imprint("product", "add", *paths).out
    assert out.count("sample checked") == len(paths)
    listed = eco.imprint("product", "list", "--json").json
    assert [p["product"] for p in listed] == [p.stem for p in paths]
    for p in listed:
        shown = eco.imprint("product", "show", p["product"], "--cbor").raw
        assert reader.sha256(shown).hex() == p["hash"]


def test_show_is_the_same_product(eco, pristine, tmp_path):
    """What show prints, added elsewhere, has the same hash."""
    for path in sorted(PRODUCTS.glob("*.yaml"),
                       key=lambda p: "\nfield:" in p.read_text()):
        first = eco.imprint("product", "add", path, "--json").json
        text = eco.imprint("product", "show", path.stem).out
        other = pristine.copy(tmp_path / path.stem)
        copy = tmp_path / f"copy-{path.name}"
        copy.write_text(text)
        for bootstrap in re.findall(r'bootstrap: "?([^"\n]*)', text):
            other.imprint("product", "add", PRODUCTS / f"{bootstrap}.yaml")
        again = other.imprint("product", "add", copy, "--json").json
        assert again["hash"] == first["hash"]


def test_same_again(eco, tmp_path):
    first = add(eco, tmp_path, CAMERA).out
    assert add(eco, tmp_path, "# a remark\n" + CAMERA).out == first
    assert len(eco.imprint("product", "list", "--json").json) == 1


def test_without_root(eco, tmp_path):
    """Devices would refuse its identities: it is added, and that is said."""
    with_root = "trust-anchors:\n  service: root\n"
    assert CAMERA.count(with_root) == 1
    path = tmp_path / "product.yaml"
    for text, warned in ((CAMERA, False),
                         (CAMERA.replace(with_root, "").replace(
                             'version: "1.0.0"', 'version: "1.0.1"'), True)):
        path.write_text(text)
        done = eco.imprint("product", "add", path)
        assert ("trust-anchors: {service: root}" in done.err) == warned
        assert ("no root" in done.err) == warned
    assert len(eco.imprint("product", "list", "--json").json) == 2


def test_version_conflict(eco, tmp_path):
    add(eco, tmp_path, CAMERA)
    result = add(eco, tmp_path, CAMERA.replace("CAM-200", "CAM-201"), 4)
    assert "camera" in result.err and "1.0.0" in result.err
    assert "version" in result.err
    assert "CAM-200" in eco.imprint("product", "show", "camera").out


def test_versions(eco, tmp_path):
    add(eco, tmp_path, CAMERA)
    newer = CAMERA.replace('"1.0.0"', '"1.1.0"').replace("CAM-200",
                                                         "CAM-201")
    add(eco, tmp_path, newer)
    assert "CAM-201" in eco.imprint("product", "show", "camera").out
    assert "CAM-200" in eco.imprint("product", "show", "camera@1.0.0").out
    eco.imprint("product", "show", "camera@2.0.0", code=3)
    eco.imprint("product", "show", "toaster", code=3)


def line_of(text, part):
    return text[:text.index(part)].count("\n") + 1


BAD = [
    # what is replaced, by what
    ("product: camera", "product: Camera!"),
    ("product: camera\n", "product: camera\nproduct: camera\n"),
    ("oemid: 32473", "oemid: many"),
    ("oemid: 32473", "oemid: -1"),
    ("hwmodel: CAM-200", "hwmodle: CAM-200"),
    ("photo: [GET, POST]", "photo: [GET, PSOT]"),
    ("photo: [GET, POST]", "photo: GET"),
    ("algorithm: P-256", "algorithm: P-255"),
    ("purpose: authenticate", "purpose: autenticate"),
    ("key-from: authority", "key-from: nobody"),
    ("validity: 20 years", "validity: 20 yeras"),
    ("validity: 20 years", "validity: 0 years"),
    ("validity: 20 years", "validity: 99999 years"),
    ("slot: 1", "slot: 0"),
    ("slot: 1", "slot: 99"),
    ("from: index", "from: heaven"),
    ('"CAM-{index:9}"', '"CAM-{index:99}"'),
    ('"CAM-{index:9}"', '"CAM"'),
    ("service: root", "service: twig"),
    ("signature: direct", "signature: none"),
    ("delivery: station", "delivery: pigeon"),
    ("settings: [GET]", "settings: [DELETE]"),
    ("authorisations:", "authorisations: &a"),
    ("metadata:", "\tmetadata:"),
]


@pytest.mark.parametrize("old, new", BAD, ids=[
    new.strip()[:30] for _, new in BAD])
def test_refused(shared, tmp_path, old, new):
    """The message begins with the file and the line."""
    assert CAMERA.count(old) >= 1
    text = CAMERA.replace(old, new, 1)
    result = add(shared, tmp_path, text, code=2)
    path = tmp_path / "product.yaml"
    start = f"imprint: {path}:"
    assert result.err.startswith(start), result
    line = int(result.err[len(start):].split(":")[0])
    assert abs(line - line_of(CAMERA, old)) <= 3, result
    assert shared.imprint("product", "list", "--json").json == []


@pytest.mark.parametrize("text", [
    "", "#\n", "[]\n", "product\n", "product: camera\n", "a: [", "\0",
    "\xff\xfe", "--- {}\n--- {}\n", "a: *b\n", "? [1]\n: 2\n",
    "x" * 200000, "- " * 5000, "[" * 5000,
    "a: " + "&x [" + "*x," * 10 + "]\n",
], ids=range(15))
def test_not_a_product(shared, tmp_path, text):
    add(shared, tmp_path, text, code=2)
    assert shared.imprint("product", "list", "--json").json == []


def test_cut_anywhere(shared, tmp_path):
    """No prefix of a good file is a crash; none but those that still hold
    everything is accepted."""
    lines = CAMERA.splitlines(keepends=True)
    for n in range(0, len(lines) - 12, 5):
        add(shared, tmp_path, "".join(lines[:n]) + lines[n][:7], code=2)


def test_files(shared, tmp_path):
    result = shared.imprint("product", "add", tmp_path / "none.yaml", code=3)
    assert "none.yaml" in result.err
    shared.imprint("product", "add", tmp_path, code=6)
    shared.imprint("product", "add", code=2)


def test_standard_input(eco):
    eco.imprint("product", "add", "-", stdin=CAMERA.encode())
    eco.imprint("product", "show", "camera")


@pytest.mark.parametrize("name", sorted(
    p.stem for p in PRODUCTS.glob("*.yaml")
    if "\nfield:" not in p.read_text()))
def test_issue_sample(stocked, tmp_path, name):
    """Every sample, from order to an independently opened pack, its
    certificates good for openssl."""
    eco = stocked.copy(tmp_path / "eco")
    names = None
    if "order-csv" in (PRODUCTS / f"{name}.yaml").read_text():
        names = tmp_path / "names.csv"
        names.write_text("serial-number,imei\nM-1,490154203237518\n"
                         "M-2,352099001761481\nM-3,490154200000000\n")
    number = eco.order(3, "line-1", product=name, names=names)
    eco.imprint("order", "run", number)
    ueids = eco.check_complete(number)
    assert len(ueids) == 3
    eco.imprint("identity", "show", 0)
    pack = reader.Pack(eco.pack(number).read_bytes())
    _, document, _ = next(pack.open(eco.stations["line-1"]))
    claims = reader.cbor_decode(reader.document_open(document).payload)
    pems = []
    for label in ("root", "bulk"):
        pems.append(tmp_path / f"{label}.pem")
        run("openssl", "x509", "-inform", "DER", "-in",
            eco.dir / f"publish/ca/{label}.cer", "-out", pems[-1])
    found = 0
    for key in claims[-66002]:
        if 4 not in key:
            continue
        found += 1
        leaf = tmp_path / f"leaf-{key[1]}.der"
        leaf.write_bytes(key[4])
        run("openssl", "x509", "-inform", "DER", "-in", leaf, "-out",
            leaf.with_suffix(".pem"))
        # a product may leave extensions out that strict readers want
        strict = [] if "omit:" in (PRODUCTS / f"{name}.yaml").read_text() \
            else ["-x509_strict"]
        run("openssl", "verify", *strict, "-CAfile", pems[0],
            "-untrusted", pems[1], leaf.with_suffix(".pem"))
    assert found


def test_station_with_p256_key(stocked, tmp_path):
    """A sealing key in the TPM's curve."""
    eco = stocked.copy(tmp_path / "eco")
    station = Station("tpm-line")
    station.sealing = reader.ec.generate_private_key(reader.ec.SECP256R1())
    path = tmp_path / "tpm.station"
    path.write_bytes(station.statement())
    eco.imprint("station", "add", path)
    eco.stations["tpm-line"] = station.sealing
    number = eco.order(3, "tpm-line")
    eco.imprint("order", "run", number)
    eco.check_complete(number)
    shutil.rmtree(eco.root)


# product diff

def changed(tmp_path, *pairs, name="changed.yaml"):
    text = CAMERA
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / name
    path.write_text(text)
    return path


NEWER = (('"1.0.0"', '"1.1.0"'), ("video: [GET, POST]", "zoom: [PUT]"),
         ("validity: 20 years", "validity: never"))


def test_diff(eco, tmp_path):
    old = eco.imprint("product", "add", PRODUCTS / "camera.yaml",
                      "--json").json
    path = changed(tmp_path, *NEWER)
    result = eco.imprint("product", "diff", "camera", path, "--json", code=1)
    assert result.json["same"] is False
    assert result.json["before"] == old
    assert [(c["field"], c["before"], c["after"])
            for c in result.json["changes"]] == [
        ("version", "1.0.0", "1.1.0"),
        ("capabilities.video", "GET, POST", None),
        ("credentials[slot 0].certificate.validity", "20 years", "never"),
        ("capabilities.zoom", None, "PUT")]
    assert "once it has been added" in result.json["orders"]
    new = eco.imprint("product", "add", path, "--json").json
    assert new["hash"] == result.json["after"]["hash"]
    text = eco.imprint("product", "diff", "camera@1.0.0", "camera",
                       code=1).out
    for part in ("camera 1.0.0 (", "-> camera 1.1.0 (", "(none) -> PUT",
                 "GET, POST -> (none)", "20 years -> never",
                 "Existing devices, and orders made already, keep camera "
                 "1.0.0", "New orders for camera get 1.1.0"):
        assert part in text, text
    # the one added last counts, whatever is compared
    text = eco.imprint("product", "diff", "camera", "camera@1.0.0",
                       code=1).out
    assert "keep camera 1.1.0" in text
    assert "New orders for camera get 1.1.0" in text


def test_diff_says_what_is_true(eco, tmp_path):
    """An order by the bare name gets what the words promise; what was
    ordered before stays."""
    eco.imprint("product", "add", PRODUCTS / "camera.yaml")
    eco.station_add("line-1")
    before = eco.order(2, "line-1")
    eco.imprint("product", "add", changed(tmp_path, *NEWER))
    after = eco.order(2, "line-1")
    for number in (before, after):
        eco.imprint("order", "run", number)
    shown = [eco.imprint("identity", "show", i, "--json").json["identity"]
             for i in (0, 2)]
    assert "video" in shown[0]["capabilities"]
    assert "zoom" in shown[1]["capabilities"]


def test_diff_same(eco, tmp_path):
    added = eco.imprint("product", "add", PRODUCTS / "camera.yaml",
                        "--json").json
    path = changed(tmp_path, ("photo: [GET, POST]", "photo: [POST, GET]"))
    for a, b in (("camera", "camera@1.0.0"), ("camera", path),
                 (added["hash"][:4], added["hash"]), (path, path)):
        assert "nothing differs" in eco.imprint("product", "diff", a, b).out
        shown = eco.imprint("product", "diff", a, b, "--json").json
        assert shown["same"] is True and shown["changes"] == []
    # two files need no ecosystem; one may be standard input
    run(eco.imprint("--version").argv[0], "product", "diff", path, "-",
        stdin=CAMERA.encode(), env={"HOME": "/nonexistent"})


def test_diff_of_a_taken_version(eco, tmp_path):
    eco.imprint("product", "add", PRODUCTS / "camera.yaml")
    eco.imprint("product", "add", changed(tmp_path, *NEWER))
    same = changed(tmp_path, ("CAM-200", "CAM-201"), name="same.yaml")
    taken = changed(tmp_path, NEWER[0], ("CAM-200", "CAM-201"),
                    name="taken.yaml")
    for path, version in ((same, "1.0.0"), (taken, "1.1.0")):
        text = eco.imprint("product", "diff", "camera@1.0.0", path,
                           code=1).out
        assert f"there is a camera {version}: give" in text
        eco.imprint("product", "add", path, code=4)


def test_diff_of_two_products(stocked):
    result = stocked.imprint("product", "diff", "camera",
                             "wind-turbine-sensor", code=1)
    assert "two products" in result.out
    assert "credentials[slot 2].purpose" in result.out


def test_diff_bad_input(eco, tmp_path):
    added = eco.imprint("product", "add", PRODUCTS / "camera.yaml",
                        "--json").json
    # two versions whose hashes begin alike
    canonical = reader.cbor_decode(eco.imprint(
        "product", "show", "camera", "--cbor").raw)
    seen = {}
    for number in range(100000):
        version = f"2.{number}"
        digest = reader.sha256(reader.cbor_encode(
            {**canonical, 2: version})).hex()
        if digest[:4] in seen:
            break
        seen[digest[:4]] = version
    for v in (seen[digest[:4]], version):
        path = changed(tmp_path, ('"1.0.0"', f'"{v}"'))
        eco.imprint("product", "add", path)
    result = eco.imprint("product", "diff", digest[:4], "camera", code=2)
    assert "2 hashes begin with it" in result.err
    eco.imprint("product", "diff", digest[:12], digest)
    for a, b, code, message in (
            ("toaster", "camera", 3, "toaster"),
            ("camera@9", "camera", 3, "camera@9"),
            ("ffff", "camera", 3, "product list"),
            (added["hash"][:3], "camera", 3, "not known"),
            ("camera", tmp_path / "none.yaml", 3, "none.yaml"),
            ("camera", "./", 6, "./"),
            ("camera", "-", 2, "-:")):
        result = eco.imprint("product", "diff", a, b, code=code)
        assert message in result.err and result.out == "", result
