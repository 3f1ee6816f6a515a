#!/usr/bin/python3
"""Lay out C sources: clang-format decides, columns stay.

usage: tools/format.py [--check] FILE...

clang-format decides indentation, line breaks and white space, except that a
line it would only re-space keeps its own tabs: columns of types, names and
comments (KNF) are the author's. --check changes nothing, prints what would
change and exits with 1.
"""

import difflib
import re
import subprocess
import sys

CLANG_FORMAT = "clang-format"


def spaceless(line):
    """The line with its indentation, runs of white space inside as one."""
    body = line.lstrip("\t ")
    return line[: len(line) - len(body)] + re.sub(r"[\t ]+", " ", body)


def formatted(path, old):
    done = subprocess.run(
        [CLANG_FORMAT, "--style=file", "--assume-filename=" + path],
        input="".join(old), capture_output=True, text=True, check=True)
    new = done.stdout.splitlines(keepends=True)
    match = difflib.SequenceMatcher(
        None, [spaceless(x) for x in old], [spaceless(x) for x in new],
        autojunk=False)
    result = []
    for kind, i1, i2, j1, j2 in match.get_opcodes():
        result += old[i1:i2] if kind == "equal" else new[j1:j2]
    return result


def main(args):
    check = args[:1] == ["--check"]
    changed = False
    for path in args[1:] if check else args:
        with open(path, encoding="utf-8") as file:
            old = file.readlines()
        new = formatted(path, old)
        if new == old:
            continue
        changed = True
        if check:
            sys.stdout.writelines(
                difflib.unified_diff(old, new, path, "formatted", n=1))
        else:
            with open(path, "w", encoding="utf-8") as file:
                file.writelines(new)
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
