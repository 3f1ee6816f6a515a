"""Merkle trees as RFC 9162 2.1 writes them, for the scripts beside it."""
import hashlib


def sha(data):
    return hashlib.sha256(data).digest()


def split(count):
    """The largest power of two below count."""
    k = 1
    while k * 2 < count:
        k *= 2
    return k


def root(leaves):
    """2.1.1, over leaf hashes."""
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return sha(b"\x01" + root(leaves[:k]) + root(leaves[k:]))


def path(m, leaves):
    """2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return path(m, leaves[:k]) + [root(leaves[k:])]
    return path(m - k, leaves[k:]) + [root(leaves[:k])]
