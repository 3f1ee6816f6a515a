#!/bin/sh
# Run every fuzz target for FUZZ_SECONDS (20) from its seeds in
# fuzz/corpus/NAME. What is found on the way is kept in build/fuzz/corpus;
# an input that breaks something is left in build/fuzz/found.
set -eu
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-20}
tools/build.sh fuzz
mkdir -p build/fuzz/found

count=0
failed=0
for target in build/fuzz/fuzz/fuzz_*; do
	[ -x "$target" ] || continue
	count=$((count + 1))
	name=${target##*/fuzz_}
	corpus=build/fuzz/corpus/$name
	log=build/fuzz/$name.log
	mkdir -p "$corpus"
	seeds=
	[ -d "fuzz/corpus/$name" ] && seeds=fuzz/corpus/$name
	printf 'fuzz %s, %s s: ' "$name" "$seconds"
	if "$target" -max_total_time="$seconds" -timeout=10 \
	    -rss_limit_mb=1024 -artifact_prefix=build/fuzz/found/ \
	    "$corpus" ${seeds:+"$seeds"} >"$log" 2>&1 </dev/null; then
		sed -n 's/^Done \([0-9]*\) runs.*/ok, \1 runs/p' "$log"
	else
		failed=$((failed + 1))
		echo "FAILED, see $log and build/fuzz/found"
		tail -n 30 "$log"
	fi
done
[ "$count" -gt 0 ] || { echo "no fuzz targets were built" >&2; exit 1; }
[ "$failed" -eq 0 ]
