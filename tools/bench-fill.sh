#!/bin/sh
# storage.fill: does issuing slow down as identities pile up? Two ecosystems,
# one filled with SMALL (200,000), one with LARGE (20,000,000) synthetic
# identities; orders are run in them in turn, and the medians compared.
# tools/bench-fill.sh [LARGE [SMALL]]; needs 230 octets of TMPDIR for each, and
# as much again while the log's tiles are first written.
set -eu
umask 077
cd "$(dirname "$0")/.."
large=${1:-20000000}
small=${2:-200000}
rounds=7
count=20480
tools/build.sh release
bin=$PWD/build/release
work=$(mktemp -d "${TMPDIR:-/tmp}/imprint-fill.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM
echo bench >"$work/passphrase"

imprint() {
	home=$1
	shift
	"$bin/imprint" --home "$work/$home" \
	    --passphrase-file "$work/passphrase" "$@"
}

# Orders of the same size, one after the other; identities a second.
order() {
	imprint "$1" order create --product camera --count "$count" \
	    --station line-1 >/dev/null
	imprint "$1" order run "$2" --json | sed -n \
	    's/.*"issued": \([0-9]*\),.*"seconds": \([0-9.]*\).*/\1 \2/p' |
	    awk '{ printf "%.0f\n", $1 / $2 }'
}

median() {
	sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

for n in "$small" "$large"; do
	imprint "$n" init --publish-url https://pki.example.net >/dev/null
	imprint "$n" product add examples/products/camera.yaml >/dev/null
	"$bin/imprint-station" init --home "$work/line-$n" --name line-1 \
	    --trust "$work/$n/ecosystems/default/publish/trust.pem" >/dev/null
	imprint "$n" station add "$work/line-$n/line-1.station" >/dev/null
	"$bin/imprint-fill" log "$work/$n/ecosystems/default" \
	    --passphrase-file "$work/passphrase" --count "$n"
	order "$n" 1 >/dev/null		# the tiles of all that was filled in
done

i=2
while [ $((i - 2)) -lt $rounds ]; do
	for n in "$small" "$large"; do
		order "$n" $i >>"$work/rates-$n"
	done
	i=$((i + 1))
done

before=$(median "$work/rates-$small")
after=$(median "$work/rates-$large")
echo "storage.fill: $before/s with $small stored, $after/s with $large"
awk -v a="$after" -v b="$before" 'BEGIN {
	kept = a / b >= 0.9
	printf "ratio %.3f, budget >= 0.9: %s\n", a / b, kept ? "kept" : "MISSED"
	exit !kept
}'
