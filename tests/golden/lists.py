#!/usr/bin/python3
"""Lists of chips and of devices' keys for golden files, and the chips' own
keys: lists.py OUT. Made by the tests' code, not ours."""
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from cryptography.hazmat.primitives import serialization  # noqa: E402
from test_modes import (chips_list, chips_make,  # noqa: E402
                        devices_list, devices_make)


def main(out):
    chips = chips_make(3)
    chips_list(out / "chips.cbor", chips)
    devices_list(out / "devices.cbor", devices_make(3))
    (out / "chips.json").write_text(json.dumps({
        name.decode(): key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()).decode()
        for name, key in chips.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
