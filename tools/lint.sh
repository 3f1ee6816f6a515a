#!/bin/sh
# The checks that need no running, cheap to expensive: tools/lint.sh [CHECK...]
# Each check is a script in tools/lint/ that prints what it found, as
# FILE:LINE: text where it can, and exits with 1 when there is something.
set -u
cd "$(dirname "$0")/.." || exit 1
all='format layering headers banned size names scripts build tidy cppcheck'
# shellcheck disable=SC2086 # a list of names
[ $# -gt 0 ] || set -- $all
mkdir -p build/lint

failed=
for check; do
	if [ ! -x "tools/lint/$check" ]; then
		echo "lint: no check $check; there are: $all" >&2
		exit 2
	fi
	printf 'lint %s: ' "$check"
	if "tools/lint/$check" >"build/lint/$check.log" 2>&1; then
		echo "ok$(sed -n 's/^note: /, /p' "build/lint/$check.log")"
	else
		echo FAILED
		sed 's/^/    /' "build/lint/$check.log"
		failed="$failed $check"
	fi
done
[ -z "$failed" ] || { echo "lint: failed:$failed"; exit 1; }
