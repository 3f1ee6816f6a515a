#!/usr/bin/python3
"""Size of the device library on a Cortex-M4, against its budget.

    tools/size.py [--bin FOLDER] [--bench BENCH.json]

Cross-compiles device/src with arm-none-eabi-gcc -Os and prints octets of
code, tables and texts, the worst stack of each function that a firmware
calls (the sum along the call graph; without what the functions of the two
tables use, which are the port's), and the package of a camera as the
programs in FOLDER (build/release) make it. Exit status 1 when over budget.

--bench prints the three figures of the budget alone, as imprint-bench prints
its own, and adds them to its file; without the compiler it says so.
"""
import argparse
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build/size"
FLAGS = ["-mcpu=cortex-m4", "-mthumb", "-Os", "-std=c11", "-ffreestanding",
         "-ffunction-sections", "-fdata-sections", "-fcallgraph-info=su",
         f"-I{ROOT}"]
BUDGET = {"code": 16384, "stack": 4096, "package": 4000}
# What a firmware calls that installs its identity, verifies it at each start
# and asks what it may do, with its record on two slots.
ROOTS = ["init", "install", "load", "may", "slots_init"]
# What a firmware may need besides.
MORE = {"status lists": ["status", "time_seen"],
        "sealed packages": ["is_sealed", "unseal"],
        "proof and evidence": ["proof", "evidence"]}
# What calls through a pointer may reach. All other calls of that kind are to
# the tables of the port; a function that only a pointer can reach and that is
# not here is an error.
INDIRECT = {
    "verify_steps": ["root_check", "signer_check", "signature_check",
                     "certificates_check", "keys_check", "times_check"],
    "extension_read": ["key_id_read", "key_usage_read",
                       "basic_constraints_read", "name_constraints_read",
                       "issuer_key_id_read", "extended_usage_read"],
    "imprint_device_load": ["slots_read"],
    "imprint_device_install": ["slots_write"],
}


def fail(text):
    sys.exit(f"size: {text}")


def run(*argv, **more):
    try:
        done = subprocess.run([str(a) for a in argv], capture_output=True,
                              text=True, **more)
    except FileNotFoundError:
        fail(f"{argv[0]} is missing: make size installs what it needs")
    if done.returncode != 0:
        fail(f"{' '.join(map(str, argv))}\n{done.stdout}{done.stderr}")
    return done.stdout


def compile_all():
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.iterdir():
        if old.is_file():
            old.unlink()
    sources = [p for p in sorted((ROOT / "device/src").glob("*.c"))
               if not p.name.startswith("test_")]
    for source in sources + [ROOT / "lib/base/cbor.c"]:
        run("arm-none-eabi-gcc", *FLAGS, "-c", source, "-o",
            OUT / f"{source.stem}.o", cwd=OUT)
    return sorted(OUT.glob("*.o"))


def sections(objects, roots):
    """Octets: code, its tables, texts for people, variables. Of all that the
    roots need, as a linker with --gc-sections keeps it."""
    linked = OUT / "linked.o"
    names = [f"imprint_device_{r}" for r in roots]
    run("arm-none-eabi-ld", "-r", "--gc-sections", "-e", names[0],
        *(a for n in names for a in ("-u", n)), *objects, "-o", linked)
    sums = {"code": 0, "tables": 0, "texts": 0, "variables": 0}
    for line in run("arm-none-eabi-size", "-A", linked).splitlines():
        found = re.match(r"\.(text|rodata|data|bss)(\S*)\s+(\d+)", line)
        if not found:
            continue
        kind, rest, size = found[1], found[2], int(found[3])
        if kind == "rodata" and ".str" in rest:
            kind = "texts"
        sums[{"text": "code", "rodata": "tables", "data": "variables",
              "bss": "variables"}.get(kind, kind)] += size
    return sums


def graph():
    """Function -> (stack octets, functions it calls)."""
    frames, calls, exported = {}, {}, set()
    for path in OUT.glob("*.ci"):
        text = path.read_text()
        for title, label in re.findall(
                r'node: { title: "([^"]*)" label: "([^"]*)"', text):
            found = re.search(r"\\n(\d+) bytes \((\w+)", label)
            if not found:
                continue
            if found[2] == "dynamic":
                fail(f"{title}: its stack depends on what it is given")
            frames[title] = int(found[1])
            if ":" not in title:
                exported.add(title)
        for source, target in re.findall(
                r'sourcename: "([^"]*)" targetname: "([^"]*)"', text):
            calls.setdefault(source, set()).add(target)
    return frames, calls, exported


def short(title):
    """device/src/x.c:name.constprop -> name"""
    return title.split(":")[-1].split(".")[0]


def indirect_add(frames, calls, exported):
    called = {t for targets in calls.values() for t in targets}
    names = {}
    for title in frames:
        names.setdefault(short(title), title)
    reachable = set()
    for caller, targets in INDIRECT.items():
        # inlined, it is where its callees are called from
        source = names.get(caller) or fail_missing(caller, names)
        for target in targets:
            if target in names:
                calls.setdefault(source, set()).add(names[target])
                reachable.add(names[target])
    for title in frames:
        if title not in called | exported | reachable:
            fail(f"{title}: who calls it? Say so in INDIRECT")


def fail_missing(caller, names):
    """The function has been inlined: into the one of its file that calls
    through a pointer and is not in the table itself."""
    home = {"verify_steps": "imprint_device_verify",
            "extension_read": "imprint_device_certificate_read"}[caller]
    if home not in names:
        fail(f"{caller}: neither it nor {home} is there")
    return names[home]


def deepest(title, frames, calls, path=()):
    """The worst stack from here on, and the way there."""
    if title in path:
        fail(f"recursion: {' '.join(map(short, path + (title,)))}")
    worst, way = 0, ()
    for target in sorted(calls.get(title, ())):
        if target in frames:
            below, there = deepest(target, frames, calls, path + (title,))
            if below > worst:
                worst, way = below, there
    return frames[title] + worst, (short(title),) + way


def packages(folder):
    """A camera's package, signed directly and by a receipt."""
    work = OUT / "camera"
    run("rm", "-rf", work)
    work.mkdir()
    (work / "pass").write_text("correct horse\n")
    (work / "pass").chmod(0o600)
    direct = (ROOT / "examples/products/camera.yaml").read_text()
    (work / "direct.yaml").write_text(direct)
    (work / "receipt.yaml").write_text(
        direct.replace("product: camera", "product: camera-receipt", 1)
        .replace("  signature: direct", "  signature: receipt", 1))
    imprint = [folder / "imprint", "--home", work / "home",
               "--passphrase-file", work / "pass"]
    station = [folder / "imprint-station"]
    line = work / "line"
    run(*imprint, "init", "--publish-url", "https://pki.example.net")
    trust = work / "home/ecosystems/default/publish/trust.pem"
    run(*station, "init", "--home", line, "--name", "line", "--trust", trust)
    run(*imprint, "station", "add", line / "line.station")
    sizes = {}
    # the first order is used up, so that the station goes on to the second;
    # 1,024 in a chunk make the longest receipt
    for number, name, product, count in (
            (1, "direct", "camera", 1),
            (2, "receipt", "camera-receipt", 1024)):
        run(*imprint, "product", "add", work / f"{name}.yaml")
        run(*imprint, "order", "create", "--product", product, "--count",
            count, "--station", "line")
        run(*imprint, "order", "run", number)
        run(*imprint, "order", "export", number, "--out", work / "stick")
        pack = next((work / "stick").glob(f"order-{number}-*.pack"))
        run(*station, "import", "--home", line, pack)
        run(*station, "inject", "--home", line, "--count", 1, "--command",
            f"cat > {work / name}.package")
        sizes[name] = (work / f"{name}.package").stat().st_size
    return sizes


def row(name, size, budget=None, note=""):
    kept = "" if budget is None else \
        f"<= {budget:<6} {'kept' if size <= budget else 'MISSED'}"
    print(f"{name:<34} {size:>7}  {kept:<16} {note}".rstrip())
    return budget is None or size <= budget


def measure(folder):
    """What the budget counts, and all there is to say about it."""
    objects = compile_all()
    sums = sections(objects, ROOTS)
    frames, calls, exported = graph()
    indirect_add(frames, calls, exported)
    stacks = {}
    for name in sorted(exported):
        if name.startswith("imprint_device_"):
            stacks[name[15:]] = deepest(name, frames, calls)
    return objects, sums, stacks, packages(folder)


def show(objects, sums, stacks, sizes):
    good = row("code and tables", sums["code"] + sums["tables"],
               BUDGET["code"], "octets of flash")
    row("texts for people", sums["texts"])
    good &= row("variables", sums["variables"], 0)
    for what, roots in MORE.items():
        more = sections(objects, ROOTS + roots)
        row(f"code and tables with {what}", more["code"] + more["tables"])
        row("texts for people", more["texts"])
    for name, (size, way) in stacks.items():
        if size >= 512:
            good &= row(f"stack of {name}", size, BUDGET["stack"],
                        " ".join(way[1:]))
    for name, size in sizes.items():
        good &= row(f"package of a camera, {name}", size, BUDGET["package"])
    return good


def bench(sums, stacks, sizes, path):
    """Three rows more of the table of imprint-bench, and of its file."""
    values = {"code": sums["code"] + sums["tables"],
              "stack": max(size for size, _ in stacks.values()),
              "package": max(sizes.values())}
    rows = json.loads(path.read_text()) if path.exists() else []
    for name, value in values.items():
        kept = "kept" if value <= BUDGET[name] else "MISSED"
        print(f"{'device.size.' + name:<28} {value:>12.1f} {'bytes':<12} "
              f"{'-':>12} {'-':>8}  {'<= ' + str(BUDGET[name]):<22} {kept}")
        rows.append({"name": f"device.size.{name}", "value": value,
                     "unit": "bytes", "floor": None, "ratio": None})
    path.write_text("[\n" + ",\n".join(
        "  " + json.dumps(r) for r in rows) + "\n]\n")
    return all(v <= BUDGET[n] for n, v in values.items())


def main():
    parser = argparse.ArgumentParser(
        description="Size of the device library on a Cortex-M4.")
    parser.add_argument("--bin", type=Path, default=ROOT / "build/release")
    parser.add_argument("--bench", type=Path)
    options = parser.parse_args()
    if options.bench and not shutil.which("arm-none-eabi-gcc"):
        print("device.size: not measured: no arm-none-eabi-gcc here; "
              "'make size' installs it")
        return 0
    objects, sums, stacks, sizes = measure(options.bin.resolve())
    good = bench(sums, stacks, sizes, options.bench) if options.bench else \
        show(objects, sums, stacks, sizes)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
