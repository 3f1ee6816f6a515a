"""Product definitions: the samples, what is refused and where it stands."""
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
    for path in PRODUCTS.glob("*.yaml"):
        first = eco.imprint("product", "add", path, "--json").json
        text = eco.imprint("product", "show", path.stem).out
        other = pristine.copy(tmp_path / path.stem)
        copy = tmp_path / f"copy-{path.name}"
        copy.write_text(text)
        again = other.imprint("product", "add", copy, "--json").json
        assert again["hash"] == first["hash"]


def test_same_again(eco, tmp_path):
    first = add(eco, tmp_path, CAMERA).out
    assert add(eco, tmp_path, "# a remark\n" + CAMERA).out == first
    assert len(eco.imprint("product", "list", "--json").json) == 1


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
    p.stem for p in PRODUCTS.glob("*.yaml")))
def test_issue_sample(stocked, tmp_path, name):
    """Every sample, from order to an independently opened pack, its
    certificates good for openssl."""
    eco = stocked.copy(tmp_path / "eco")
    number = eco.order(3, "line-1", product=name)
    eco.imprint("order", "run", number)
    ueids = eco.check_complete(number)
    assert len(ueids) == 3
    eco.imprint("identity", "show", 0)
    pack = reader.Pack(eco.pack(number).read_bytes())
    _, document, _ = next(pack.open(eco.stations["line-1"]))
    claims = reader.cbor_decode(reader.Sign1(document).payload)
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
