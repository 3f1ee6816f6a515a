#!/bin/sh
# Configure and build presets into build/PRESET: tools/build.sh PRESET...
# Says one line a preset, and everything when something fails.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { echo "usage: tools/build.sh PRESET..." >&2; exit 2; }
jobs=$(nproc)
mkdir -p build

for preset; do
	log=build/$preset.log
	printf 'build %s: ' "$preset"
	if cmake --preset "$preset" >"$log" 2>&1 &&
	    cmake --build "build/$preset" -j "$jobs" >>"$log" 2>&1; then
		echo "ok, build/$preset"
	else
		echo "FAILED"
		sed -n '/FAILED:\|rror/,$p' "$log"
		echo "the whole of it: $log"
		exit 1
	fi
done
