#!/usr/bin/python3
"""Lay out C sources: clang-format decides, but line breaks and columns stay.

usage: tools/format.py [--check] FILE...

clang-format's indentation and spacing count. Where it would only break lines
elsewhere, or collapse the columns of KNF (types, names and comments under one
another), the author's lines stay: 80 columns are checked apart. --check
changes nothing, prints what would change and exits with 1.
"""

import difflib
import re
import subprocess
import sys

REACH = 8  # steps of the comparison tried together


def indentation(line):
    return line[: len(line) - len(line.lstrip("\t "))]


def spaceless(line):
    """The line with its indentation, runs of white space inside as one."""
    return indentation(line) + re.sub(r"[\t ]+", " ", line.lstrip("\t "))


def joined(lines):
    """The lines as one, however they were broken."""
    text = re.sub(r"\\\n", " ", "".join(lines))
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"([(\[{]) ", r"\1", text)
    return re.sub(r" ([)\]}\[])", r"\1", text)


def bare(line):
    """The line without its strings' content and its comments."""
    line = re.sub(r"\"([^\"\\]|\\.)*\"|'([^'\\]|\\.)+'", '""', line)
    return re.sub(r"/\*.*?(\*/|$)", "", line).strip()


def ends_statement(line):
    text = bare(line)
    if text.count("(") > text.count(")"):
        return False
    if text[-1] in ";{}" or text.startswith("#"):
        return True
    return re.fullmatch(r"(case .*|\w+):", text) is not None


def crowded(line):
    """More than one statement on it?"""
    text = bare(line)
    if text.startswith("#"):
        return False
    if text.startswith("for (") or text.count(")") > text.count("("):
        return text.startswith("for (") and text.endswith(";")
    return (re.search(r"; *\S", text) is not None or
            re.match(r"(if|while|switch) \(.*\) .*;$|else .*;$", text)
            is not None)


def rewrapped(old, i1, i2, new, j1, j2):
    """Do the lines differ in nothing but where they are broken?"""
    if i1 == i2 or j1 == j2 or joined(old[i1:i2]) != joined(new[j1:j2]):
        return False
    if any(crowded(line) for line in old[i1:i2]):
        return False
    before = [x for x in old[:i1] if bare(x)][-1:]
    if before and not ends_statement(before[0]):
        return True
    return indentation(old[i1]) == indentation(new[j1])


def formatted(path, old):
    done = subprocess.run(
        ["clang-format", "--style=file", "--assume-filename=" + path],
        input="".join(old), capture_output=True, text=True, check=True)
    new = done.stdout.splitlines(keepends=True)
    match = difflib.SequenceMatcher(
        None, [spaceless(x) for x in old], [spaceless(x) for x in new],
        autojunk=False)
    result = []
    steps = match.get_opcodes()
    while steps:
        kind, i1, i2, j1, j2 = steps.pop(0)
        if kind == "equal":
            result += old[i1:i2]
            continue
        # a line that happens to be alike may lie in the middle of it
        for more in range(min(len(steps) + 1, REACH)):
            end = steps[more - 1] if more else (kind, i1, i2, j1, j2)
            if rewrapped(old, i1, end[2], new, j1, end[4]):
                result += old[i1:end[2]]
                del steps[:more]
                break
        else:
            result += new[j1:j2]
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
