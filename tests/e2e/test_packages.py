"""What is installed, and what debian/ makes packages of; tools/deb.sh --test
builds them and lives with them in a Debian of its own."""
import re
import shutil
import subprocess

import pytest

from conftest import BIN, ROOT, run
from imprintd import Server, wait_for

PACKAGES = sorted((ROOT / "debian").glob("*.install"))
RULES = ROOT / "examples/prometheus/imprint.rules.yaml"
ALERTS = ROOT / "tests/e2e/alerts.yaml"
# what a histogram is in PromQL
PART = re.compile("_(bucket|count|sum)$")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """As `cmake --install` leaves it."""
    root = tmp_path_factory.mktemp("installed")
    run("cmake", "--install", BIN, "--prefix", "/usr",
        env={"DESTDIR": str(root)})
    return root


def files_of(package, root):
    """(file in root or in the tree, where it goes) of a list for
    dh_install."""
    for line in package.read_text().splitlines():
        name, _, to = line.partition(" ")
        # on Debian, libraries have a folder for the machine's kind
        found = list(ROOT.glob(name)) if to else \
            list(root.glob(name.replace("/*/", "/**/")))
        if "imprint-tpm" in name and not (BIN / "imprint-tpm").exists():
            continue
        if "/man/" in name and not shutil.which("scdoc"):
            continue
        assert found, f"{package.name}: {line}: is not there"
        yield from ((path, to) for path in found)


def test_lists(root):
    """Whatever is installed is in one package, and nothing in two."""
    taken = [path for package in PACKAGES
             for path, _ in files_of(package, root)]
    assert len(taken) == len(set(taken))
    installed = {path for path in root.rglob("*") if path.is_file()}
    assert installed <= set(taken)


def test_control():
    control = (ROOT / "debian/control").read_text()
    named = re.findall("^Package: (.*)$", control, re.M)
    assert sorted(named) == [path.stem for path in PACKAGES]


def test_version(root):
    project = re.search(r"project\(imprint VERSION ([0-9.]+)",
                        (ROOT / "CMakeLists.txt").read_text())[1]
    changes = (ROOT / "debian/changelog").read_text()
    assert changes.startswith(f"imprint ({project}) ")
    for program in (root / "usr/bin").iterdir():
        assert project in run(program, "--version").out


def test_users():
    """Whom units and scripts name, sysusers makes."""
    made = set()
    for path in (ROOT / "debian").glob("*.sysusers"):
        made |= set(re.findall("^u ([a-z-]+) ", path.read_text(), re.M))
    assert made == {"imprint", "imprint-front", "imprint-station"}
    units = "".join(path.read_text() for path in
                    (ROOT / "examples/systemd").iterdir())
    config = (ROOT / "examples/imprintd.yaml").read_text()
    used = set(re.findall("^User=(.*)$", units, re.M)) | \
        set(re.findall(r"^  (?:authority|front): (.*)$", config, re.M))
    assert used <= made


LIBRARIES = {
    "imprint-verify": """
        #include <imprint/verify.h>
        int main(void)
        {
            imprint_verifier_free(0);
            return imprint_verdict_name(0) == 0;
        }""",
    "imprint-device": """
        #include <imprint/device.h>
        int main(void)
        {
            return imprint_device_verdict_name(0) == 0;
        }""",
}


@pytest.mark.parametrize("name", LIBRARIES)
def test_library(root, tmp_path, name):
    """A program from outside finds header and archive, and links."""
    source = tmp_path / "program.c"
    source.write_text(LIBRARIES[name])
    where = next(root.glob(f"usr/lib/**/pkgconfig/{name}.pc")).parent
    flags = run("pkg-config", f"--define-variable=prefix={root}/usr",
                "--cflags", "--libs", name,
                env={"PKG_CONFIG_PATH": str(where)}).out
    run("gcc", "-std=c11", "-Wall", "-Werror", "-o", tmp_path / "program",
        source, *flags.split())
    run(tmp_path / "program")


def complete(*words):
    """What the last word may become."""
    quoted = " ".join(f"'{word}'" for word in words)
    script = (f"source {ROOT}/cmd/completion.bash; COMP_WORDS=({quoted});"
              f" COMP_CWORD={len(words) - 1};"
              f" _imprint '{words[0]}' '{words[-1]}' '{words[-2]}';"
              ' printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", script], capture_output=True,
                          text=True, check=True,
                          env={"PATH": f"{BIN}:/usr/bin:/bin"})
    assert done.stderr == ""
    return set(done.stdout.split())


def test_completion():
    """From the programs' own tables."""
    assert complete("imprint", "ord") == {"order"}
    assert {"order", "product", "init"} <= complete("imprint", "")
    assert {"create", "run", "export"} <= complete("imprint", "order", "")
    assert complete("imprint", "order", "cr") == {"create"}
    assert "--product" in complete("imprint", "order", "create", "--")
    assert complete("imprint", "order", "create", "--pro") == {"--product"}
    assert "--product" not in complete("imprint", "order", "list", "--")
    assert complete("imprint", "--home", "order", "pro") == {"product"}
    assert complete("imprint", "--json", "order", "ru") == {"run"}
    assert complete("imprint", "init", "") == set()
    assert complete("imprint", "nosuch", "x") == set()
    assert "bootstrap" in complete("imprint-device", "b")
    assert "--listen" in complete("imprintd", "serve", "--l")
    assert "serve" in complete("imprint-station", "s")


@pytest.mark.parametrize("name", ["imprint-station", "imprint-station-sync"])
def test_station_unit(tmp_path, name):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    source = ROOT / f"examples/systemd/{name}.service"
    text = source.read_text()
    assert text.count("ExecStart=/usr/bin/imprint-station ") == 1
    unit = tmp_path / source.name
    unit.write_text(text.replace("ExecStart=/usr/bin/", f"ExecStart={BIN}/"))
    result = run("systemd-analyze", "--man=no", "verify", unit)
    assert result.err == "" and result.out == ""
    run("systemd-analyze", "security", "--offline=yes", "--threshold=40",
        unit)
    timer = source.with_suffix(".timer")
    if timer.exists():
        copy = unit.with_suffix(".timer")
        copy.write_text(timer.read_text())
        result = run("systemd-analyze", "--man=no", "verify", copy)
        assert result.err == "" and result.out == ""


def test_units_shipped():
    """Each is in one package."""
    shipped = re.findall(r"^(examples/systemd/\S+) ", "".join(
        path.read_text() for path in (ROOT / "debian").glob("*.install")),
        re.M)
    assert sorted(shipped) == sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / "examples/systemd").iterdir())


@pytest.mark.skipif(shutil.which("systemctl") is None,
                    reason="systemctl is not installed")
@pytest.mark.parametrize("unit", [
    "imprintd.service", "imprint-device.service", "imprint-station.service",
    "imprint-verify.service", "imprint-station-sync.timer"])
def test_units_enabled(unit, tmp_path):
    """What the documents say to enable comes again after a reboot."""
    units = tmp_path / "usr/lib/systemd/system"
    shutil.copytree(ROOT / "examples/systemd", units)
    run("systemctl", f"--root={tmp_path}", "enable", unit)
    wants = (tmp_path / "etc/systemd/system").glob("*.wants")
    assert [path.name for one in wants for path in one.iterdir()] == [unit]


def test_alerts_named(issued, tmp_path):
    """Whatever a rule asks for, imprintd tells."""
    eco = issued.copy(tmp_path / "eco")
    with Server(eco) as server:
        wait_for(lambda: server.monitor("/readyz")[0] == 200)
        told = server.monitor("/metrics")[2].decode()
    types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", told, re.M))
    series = series_of(told)
    # each with a value, not only announced
    asked = list(re.finditer(r"\b(imprint_\w+)(?:\{(.*?)\})?",
                             uncommented(RULES)))
    assert len(asked) > 12
    for name, matchers in (found.groups() for found in asked):
        assert PART.sub("", name) in types, name
        assert name in series, name
        for label, operator, value in MATCHER.findall(matchers or ""):
            there = {labels.get(label) for labels in series[name]}
            assert None not in there, (name, label)
            for one in value.split("|") if "~" in operator else [value]:
                assert one in there, (name, label, one)
        if name.endswith("_bucket"):
            assert types[PART.sub("", name)] == "histogram"
    # what a quantile is compared with is a bound: nothing is guessed
    quantiles = re.findall(
        r"histogram_quantile\([^>]*\b(imprint_\w+)[^>]*> ([\d.]+)",
        uncommented(RULES))
    assert quantiles
    for name, limit in quantiles:
        assert limit in [labels["le"] for labels in series[name]], name
    # and what the rules are tried with is what it tells
    tried = re.findall(r"- series: '(imprint_\w+)(?:\{(.*?)\})?'",
                       uncommented(ALERTS))
    assert len(tried) > 20
    for name, labels in tried:
        labels = {label: value for label, _, value in MATCHER.findall(labels)
                  if label not in ("job", "instance")}
        assert labels in series.get(name, []), (name, labels)
    # each alert is tried
    for alert in re.findall(r"- alert: (\w+)", RULES.read_text()):
        assert f'alertname="{alert}"' in ALERTS.read_text(), alert


MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')


def uncommented(path):
    return re.sub(r"^\s*#.*$", "", path.read_text(), flags=re.M)


def series_of(told):
    """Name: the labels of each."""
    found = {}
    for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", told, re.M):
        found.setdefault(name, []).append(
            {label: value for label, _, value in MATCHER.findall(labels)})
    return found


@pytest.mark.skipif(shutil.which("promtool") is None,
                    reason="promtool (package prometheus) is not installed")
def test_alerts_stand(tmp_path):
    for path in (RULES, ALERTS):
        shutil.copy(path, tmp_path)
    run("promtool", "check", "rules", RULES)
    run("promtool", "test", "rules", tmp_path / "alerts.yaml")
