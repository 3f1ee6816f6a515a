#!/bin/sh
# Unit tests under ASan and UBSan, then end to end against the optimised
# programs. TORTURE=1: every kill point and fault instead of a sample, in both;
# and the unit tests, with the sample, under TSan and with each compiler, too.
set -eu
cd "$(dirname "$0")/.."
torture=${TORTURE:-}
jobs=$(nproc)
timeout=600
[ -z "$torture" ] || timeout=7200

# unit PRESET TORTURE
unit() {
	tools/build.sh "$1"
	echo "unit tests, $1${2:+, every kill point}:"
	TORTURE=$2 ctest --preset "$1" -j "$jobs" --no-tests=error \
	    --timeout "$timeout"
}

unit asan ""
if [ -n "$torture" ]; then
	unit tsan ""
	# Where a disk breaks off is the same to all of them, and each point
	# forks a process: that is 50 times dearer under ASan.
	unit dev 1
	unit clang ""
else
	tools/build.sh dev
fi

# Thousands of homes, each of them synced: in memory where that has room,
# which is 1 GB and, with every kill point, not known beforehand.
memory() {
	[ -z "$torture" ] && [ -w /dev/shm ] &&
	    df -Pk /dev/shm | awk 'NR == 2 { exit !($4 > 2 * 1024 ^ 2) }' &&
	    awk '$1 == "MemAvailable:" { exit !($2 > 4 * 1024 ^ 2) }' \
	    /proc/meminfo
}

scratch=/tmp
! memory || scratch=/dev/shm
scratch=$(mktemp -d "$scratch/imprint-test.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM

echo "end to end, programs of build/dev${torture:+, every kill point}:"
# one more than there are cores: some of them wait; a file's tests are of one
# process, in their order, and share what they set up
IMPRINT_BIN=$PWD/build/dev TORTURE=$torture PYTHONDONTWRITEBYTECODE=1 \
    /usr/bin/python3 -m pytest -q -p no:cacheprovider -n "$((jobs + 1))" \
    --dist loadfile --basetemp="$scratch/pytest" tests/e2e
