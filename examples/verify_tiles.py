#!/usr/bin/python3
"""Check a published log by its files alone, with nothing of Imprint's.

    verify_tiles.py VKEY DIR [--against CHECKPOINT] [--proof FILE]

DIR is a copy of publish/log/NAME: its checkpoint, and its tiles below tile/.
VKEY is the log's verifier key, got by another way than the log. --against
takes an older checkpoint, which the log must extend; --proof what
"imprint log prove" printed. Formats: c2sp.org/signed-note, tlog-checkpoint,
tlog-tiles; RFC 9162 2.1. Needs python3-cryptography.
"""
import argparse
import base64
import hashlib
import json
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

WIDTH = 256
HASH = 32


class Wrong(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Wrong(what)


def sha256(data):
    return hashlib.sha256(data).digest()


def node(left, right):
    return sha256(b"\x01" + left + right)


def tree_root(hashes):
    """RFC 9162 2.1.1, of leaf hashes; level by level, a lone last one moves
    up as it is."""
    if not hashes:
        return sha256(b"")
    while len(hashes) > 1:
        pairs = [node(*hashes[i:i + 2]) for i in range(0, len(hashes) - 1, 2)]
        hashes = pairs + hashes[len(pairs) * 2:]
    return hashes[0]


class Key:
    def __init__(self, line):
        self.name, self.id, value = line.strip().split("+", 2)
        raw = base64.b64decode(value, validate=True)
        need(raw[0] == 1 and len(raw) == 33, "vkey: not Ed25519")
        need(sha256(self.name.encode() + b"\n" + raw)[:4].hex() == self.id,
             "vkey: its hash is another")
        self.public = Ed25519PublicKey.from_public_bytes(raw[1:])

    def checkpoint(self, note, where):
        """(size, root) of a signed note."""
        text, _, signatures = note.partition("\n\n")
        text += "\n"
        for line in signatures.splitlines():
            dash, name, value = line.split(" ")
            blob = base64.b64decode(value, validate=True)
            if dash == "—" and name == self.name and \
                    blob[:4].hex() == self.id:
                break
        else:
            raise Wrong(f"{where}: no signature by {self.name}")
        try:
            self.public.verify(blob[4:], text.encode())
        except InvalidSignature:
            raise Wrong(f"{where}: its signature is bad") from None
        origin, size, root = text.split("\n")[:3]
        need(origin == self.name, f"{where}: it is of {origin}")
        return int(size), base64.b64decode(root, validate=True)


def tile_path(level, index):
    path = f"{index % 1000:03}"
    while index >= 1000:
        index //= 1000
        path = f"x{index % 1000:03}/{path}"
    return f"tile/{level}/{path}"


def tile_read(folder, level, index, width):
    path = folder / tile_path(level, index)
    partial = Path(f"{path}.p/{width}")
    # a full tile may have taken the place of the partial one
    path = partial if width < WIDTH and partial.exists() else path
    need(path.exists(), f"{path}: missing")
    data = path.read_bytes()
    expected = (width if path == partial else WIDTH) * HASH
    need(len(data) == expected,
         f"{path}: {len(data)} octets, not {expected}")
    return [data[i:i + HASH] for i in range(0, width * HASH, HASH)]


def level_read(folder, level, size):
    """All hashes of a level, tile by tile."""
    count = size >> 8 * level
    return [tile_read(folder, level, i // WIDTH, min(WIDTH, count - i))
            for i in range(0, count, WIDTH)]


def tiles_check(folder, size, root):
    """The leaf hashes, once all tiles and the root are found to fit."""
    leaves, files = None, 0
    level, tiles = 0, level_read(folder, 0, size)
    while tiles:
        files += len(tiles)
        above = level_read(folder, level + 1, size)
        parents = [h for tile in above for h in tile]
        for i, parent in enumerate(parents):
            need(tree_root(tiles[i]) == parent,
                 f"{folder / tile_path(level, i)}: not what "
                 f"{tile_path(level + 1, i // WIDTH)} says of it")
        if level == 0:
            leaves = [h for tile in tiles for h in tile]
        level, tiles = level + 1, above
    leaves = leaves or []
    need(tree_root(leaves) == root,
         f"{folder}: its tiles do not give the checkpoint's root")
    return leaves, files


def inclusion_root(leaf, index, size, path):
    """RFC 9162 2.1.3.2."""
    need(index < size, "proof: the index is beyond the tree")
    fn, sn, r = index, size - 1, leaf
    for p in path:
        need(sn > 0, "proof: its path is too long")
        if fn & 1 or fn == sn:
            r = node(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0, "proof: its path is too short")
    return r


def consistency_roots(first, second, first_root, path):
    """RFC 9162 2.1.4.2: the two roots that the path leads to."""
    if first & (first - 1) == 0:
        path = [first_root] + path
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        need(sn > 0, "proof: its path is too long")
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0, "proof: its path is too short")
    return fr, sr


def proof_check(key, proof, leaves):
    size, root = key.checkpoint(proof["checkpoint"], "proof")
    path = [bytes.fromhex(h) for h in proof["path"]]
    if "index" in proof:
        leaf = sha256(b"\x00" + bytes.fromhex(proof["entry"]))
        index = proof["index"]
        need(inclusion_root(leaf, index, size, path) == root,
             "proof: it does not lead to the checkpoint's root")
        need(leaves[index] == leaf, "proof: the tiles have another leaf")
        return f"index {index} is in the tree of {size}"
    first, second = proof["from"], proof["to"]
    roots = tuple(bytes.fromhex(proof[k]) for k in ("from_root", "to_root"))
    need(roots == (tree_root(leaves[:first]), tree_root(leaves[:second])),
         "proof: the tiles give other roots")
    if 0 < first < second:
        need(consistency_roots(first, second, roots[0], path) == roots,
             "proof: it does not lead to both roots")
    return f"the tree of {first} begins that of {second}"


def main():
    parser = argparse.ArgumentParser(
        description="Check a published log by its files alone.")
    parser.add_argument("vkey", type=Path)
    parser.add_argument("dir", type=Path)
    parser.add_argument("--against", type=Path, metavar="CHECKPOINT")
    parser.add_argument("--proof", type=Path, metavar="FILE")
    args = parser.parse_args()

    key = Key(args.vkey.read_text())
    path = args.dir / "checkpoint"
    size, root = key.checkpoint(path.read_text(), path)
    leaves, files = tiles_check(args.dir, size, root)
    print(f"{key.name}: {size} entries, {files} tiles, root {root.hex()}")
    if args.against:
        old_size, old_root = key.checkpoint(args.against.read_text(),
                                            args.against)
        need(old_size <= size, f"the log went back from {old_size} entries")
        need(tree_root(leaves[:old_size]) == old_root,
             f"a fork: the first {old_size} entries are others")
        print(f"extends the checkpoint of {old_size}")
    if args.proof:
        print(proof_check(key, json.loads(args.proof.read_text()), leaves))
    print("good")


if __name__ == "__main__":
    try:
        main()
    except (Wrong, ValueError, OSError) as e:
        print(f"NOT good: {e}", file=sys.stderr)
        sys.exit(1)
