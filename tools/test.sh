#!/bin/sh
# Unit tests under ASan and UBSan, then end to end against the optimised
# programs. TORTURE=1: every kill point and fault instead of a sample, and the
# unit tests again under TSan and with each compiler.
set -eu
cd "$(dirname "$0")/.."
torture=${TORTURE:-}
jobs=$(nproc)
timeout=600
[ -z "$torture" ] || timeout=7200

unit() {
	tools/build.sh "$1"
	echo "unit tests, $1:"
	TORTURE=$torture ctest --preset "$1" -j "$jobs" --no-tests=error \
	    --timeout "$timeout"
}

unit asan
if [ -n "$torture" ]; then
	unit tsan
	unit dev
	unit clang
else
	tools/build.sh dev
fi

echo "end to end, programs of build/dev${torture:+, every kill point}:"
IMPRINT_BIN=$PWD/build/dev TORTURE=$torture PYTHONDONTWRITEBYTECODE=1 \
    /usr/bin/python3 -m pytest -q -p no:cacheprovider -n "$jobs" tests/e2e
