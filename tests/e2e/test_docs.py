"""What the documents say: commands run, names exist.

A block fenced as sh in README.md and docs/guides/*.md is run, in order, in a
scratch directory, by one shell for each file. Other fences are not.
"""
import os
import pathlib
import re
import signal
import socket
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("IMPRINT_BIN", ROOT / "build/dev")).resolve()
TIMEOUT_S = 300
GUIDES = [ROOT / "README.md", *sorted(ROOT.glob("docs/guides/*.md"))]
MANUALS = sorted(ROOT.glob("docs/man/*.1.scd"))


def name_of(path):
    return str(path.relative_to(ROOT))


def sh_blocks(path):
    """(line number, text) of each block fenced as sh."""
    text = path.read_text(encoding="utf-8")
    for match in re.finditer(r"^```sh\n(.*?)^```$", text, re.S | re.M):
        yield text.count("\n", 0, match.start()) + 2, match.group(1)


def script_of(path):
    """The blocks as one script that says where it is, or None."""
    blocks = list(sh_blocks(path))
    if not blocks:
        return None
    lines = ["set -euo pipefail"]
    for number, text in blocks:
        lines += [f"echo '--- {name_of(path)}:{number}' >&2", text]
    return "\n".join(lines)


def ports_free(script):
    """The ports that guides name are any that are free here and now."""
    named = sorted(set(re.findall(r"\b184\d\d\b", script)))
    held = [socket.create_server(("127.0.0.1", 0)) for _ in named]
    for port, holder in zip(named, held):
        script = re.sub(rf"\b{port}\b", str(holder.getsockname()[1]),
                        script)
    for holder in held:
        holder.close()
    return script


def run_script(script, directory):
    env = {
        "HOME": str(directory),
        "PATH": f"{BIN}:{BIN}/examples:{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
    }
    shell = subprocess.Popen(
        ["bash", "-c", script], cwd=directory, env=env, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True)
    try:
        output, _ = shell.communicate(timeout=TIMEOUT_S)
        return shell.returncode, output
    finally:
        # a service that the tour started and did not end
        try:
            os.killpg(shell.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        shell.wait()


@pytest.mark.parametrize("path", GUIDES, ids=name_of)
def test_commands_run(path, tmp_path):
    script = script_of(path)
    if script is None:
        assert path.name != "README.md", "a tour without commands"
        return
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    status, output = run_script(ports_free(script), tmp_path)
    assert status == 0, output


def help_of(program, *words):
    return subprocess.run([BIN / program, "help", *words], check=True,
                          capture_output=True, text=True,
                          stdin=subprocess.DEVNULL).stdout


def commands_of(program):
    listed = help_of(program).split("\ncommands:\n")[1].split("\n\n")[0]
    return [re.split(r"  +", line.strip())[0] for line in listed.splitlines()]


@pytest.mark.parametrize("page", MANUALS, ids=name_of)
def test_manual_is_complete(page):
    """Every command and option of the program is in its manual page."""
    program = page.name.removesuffix(".1.scd")
    manual = page.read_text(encoding="utf-8").replace("\\", "")
    missing = []
    for command in commands_of(program):
        if f"*{command}*" not in manual:
            missing.append(command)
        for option in re.findall(r"^  (--[a-z-]+)", help_of(
                program, *command.split()), re.M):
            if not re.search(re.escape(option) + r"(?![a-z-])", manual):
                missing.append(f"{command} {option}")
    assert not missing


PLACE = re.compile(
    r"`((?:bench|cmake|cmd|device|docs|examples|fuzz|include|lib|station|"
    r"tests|tools|verify)/[\w./-]*)`|\]\(([\w./-]+)\)")


@pytest.mark.parametrize("path", [ROOT / "ARCHITECTURE.md", *GUIDES,
                                  *sorted(ROOT.glob("docs/protocol/*.md"))],
                         ids=name_of)
def test_named_files_exist(path):
    missing = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if "*later*" in line:
            continue
        for quoted, linked in PLACE.findall(line):
            base = ROOT if quoted else path.parent
            if not (base / (quoted or linked)).exists():
                missing.append(quoted or linked)
    assert not missing


@pytest.mark.parametrize("path", sorted(
    ROOT.glob("examples/systemd/*.*")), ids=name_of)
def test_units_name_documents(path):
    named = re.findall(r"docs/[\w/-]+\.md", path.read_text(encoding="utf-8"))
    assert [n for n in named if not (ROOT / n).exists()] == []


def test_proofs_exist():
    """Each threat names its tests, and they are there."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    section = text.split("\n## 16.")[1].split("\n## 17.")[0]
    rows = [r for r in section.splitlines() if r.startswith("| ")][1:]
    assert len(rows) > 5
    for row in rows:
        proof = re.findall(r"`([^`]+)`", row.rsplit(" | ", 1)[1])
        assert proof, row
        source = None
        for word in proof:
            if "/" in word:
                source = (ROOT / word).read_text(encoding="utf-8")
            else:
                assert source and re.search(rf"\b{word}\b", source), row
