#!/bin/sh
# Make the golden files of a version: tests/golden/make.sh BIN OUT
#   BIN  the programs, built (preset dev) from the commit that OUT/README.md
#        names, with their -faulty twins
#   OUT  tests/golden/N, N the registry's schema; products/ is there (those of
#        the version before, with what is new), everything else is made
# Golden files are made once, by the version they stand for, and never again:
# what later builds must read is what that one wrote, not what they would.
# The clock stands at a fixed time so that no reader's clock is behind it.
set -eu

[ $# -eq 2 ] || { sed -n '2,8p' "$0" >&2; exit 2; }
root=$(cd "$(dirname "$0")/../.." && pwd)
bin=$(cd "$1" && pwd)
out=$(cd "$2" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

umask 077
for name in home wal station device expected service extra; do
	if [ -e "$out/$name" ]; then
		echo "$out/$name is there: golden files are not made again" >&2
		exit 1
	fi
done
dir=$out/home/ecosystems/default
db=$dir/registry.db

(cd "$root/tests/e2e" && /usr/bin/python3 -c \
    'import conftest; print(conftest.CLOCK_SHIM)') > "$work/clock.c"
gcc -shared -fPIC -o "$work/clock.so" "$work/clock.c"
TEST_CLOCK=$(date -u -d 2026-02-01T12:00:00Z +%s)
export TEST_CLOCK

# The time of each run is an hour after the one before.
program() {
	name=$1
	shift
	TEST_CLOCK=$((TEST_CLOCK + 3600))
	LD_PRELOAD=$work/clock.so "$bin/$name" "$@"
}

printf 'golden keystore\n' > "$out/passphrase"
printf 'golden operator\n' > "$out/operator-passphrase"
imprint_name=imprint
imprint() {
	program "$imprint_name" --home "$out/home" \
	    --passphrase-file "$out/passphrase" \
	    --operator-passphrase-file "$out/operator-passphrase" "$@"
}
station() {
	program imprint-station "$@" --home "$out/station"
}

# An order in small chunks, so that few identities make several.
order() {
	imprint order create --product "$1" --count "$2" --station line-1
	sqlite3 "$db" "UPDATE orders SET chunk_size = $3
	    WHERE number = (SELECT max(number) FROM orders)"
}

# Kill the run of an order when part of it is committed and part reserved.
killed_run() {
	cp -r "$out/home" "$work/before"
	for at in $(seq 20 200); do
		rm -rf "${out:?}/home"
		cp -r "$work/before" "$out/home"
		IMPRINT_FAULT=kill:$at
		export IMPRINT_FAULT
		imprint_name=imprint-faulty
		imprint order run --workers 1 "$1" 2>/dev/null || true
		imprint_name=imprint
		unset IMPRINT_FAULT
		# a copy: looking would merge the write-ahead log
		rm -rf "$work/look"
		cp -r "$dir" "$work/look"
		[ "$(sqlite3 "$work/look/registry.db" "SELECT committed > 3
		    AND committed < count AND 1 = (SELECT count(*) > 0
		    FROM range WHERE state = 1 AND order_number = number)
		    FROM orders WHERE number = $1")" = 1 ] && break
		at=
	done
	rm -rf "$work/before"
	[ -n "$at" ]
}

# An order for devices whose keys a second operator vouches for.
order_of_list() {
	imprint list approve "$extra/$3" --product "$1" --mode "$2" \
	    --out "$work/$3.approval" --operator bea
	imprint order create --product "$1" --mode "$2" --list "$extra/$3" \
	    --approval "$work/$3.approval" --station line-1
}

imprint init --publish-url https://pki.example.net
imprint product add "$out/products/camera.yaml" \
    "$out/products/wind-turbine-sensor.yaml" "$out/products/beacon.yaml" \
    "$out/products/meter.yaml"
imprint operator add bea --new-passphrase-file "$out/operator-passphrase"
station init --name line-1 --trust "$dir/publish/trust.pem"
imprint station add "$out/station/line-1.station"
mkdir "$out/service"
imprint service add collector --dns collector.example.net \
    --out "$out/service"

# 1: complete, five chunks. 2: killed, then finished: void indices.
order camera 20 4
imprint order run 1
order wind-turbine-sensor 10 3
killed_run 2
imprint order run 2
# 3: killed while its pack grew, never finished. 4: not begun. 5: cancelled.
order beacon 14 3
order camera 5 2
order camera 3 2
# 6: for three chips. 7: for three devices with keys of their own.
extra=$out/extra
mkdir "$extra"
"$root/tests/golden/lists.py" "$extra"
order_of_list camera chip chips.cbor
order_of_list meter device-key devices.cbor
imprint order run 6
imprint order run 7
killed_run 3
# as the kill left it: the last commits are in the write-ahead log
mkdir "$out/wal"
cp "$db" "$db-wal" "$out/wal/"
imprint order cancel 5

# A station that handed out seven: five injected, one failed, one unknown.
imprint order export 1 --out "$work/stick"
station import "$work/stick/order-1-1.pack"
mkdir "$work/packages" "$out/device"
# shellcheck disable=SC2016 # the variable is the plug-in's
keep='cat > '$work'/packages/$IMPRINT_SEQUENCE'
station inject --count 5 --command "$keep"
station inject --count 1 --command 'cat > /dev/null; exit 3' || true
IMPRINT_FAULT=kill:3 LD_PRELOAD=$work/clock.so "$bin/imprint-station-faulty" \
    inject --home "$out/station" --count 1 --command "$keep" || true

# A fixture's token; where the ledger stands, acknowledged; a report, and what
# an authority makes of it.
station fixture add bench --json |
    sed -n 's/.*"token": "\([^"]*\)".*/\1/p' > "$extra/token"
station sync --out "$extra/head"
imprint station acknowledge "$extra/head" --out "$extra/acknowledged"
station sync "$extra/acknowledged"
station report 1 --out "$extra/order-1.report"
cp -r "$out/home" "$work/reconciled"
program imprint --home "$work/reconciled" \
    --passphrase-file "$out/passphrase" \
    --operator-passphrase-file "$out/operator-passphrase" \
    order reconcile 1 --report "$extra/order-1.report" --json \
    > "$extra/reconcile.json"

# A device, and what it was made from.
cp "$work/packages/2" "$out/package"
program imprint-device install --home "$out/device" < "$out/package"
imprint identity show 1 --format cose > "$out/document"
imprint identity show 1 --format pem > "$out/certificate.pem"

# What these programs said about all of it.
said=$out/expected
mkdir "$said" "$work/identities"
imprint product list --json > "$said/products.json"
imprint station list --json > "$said/stations.json"
imprint order list --json > "$said/orders.json"
imprint identity list --count 1000 --json > "$said/identities.json"
station status --json > "$said/station.json"
program imprint-device show --home "$out/device" --json > "$said/device.json"
for name in camera wind-turbine-sensor beacon meter; do
	imprint product show --cbor "$name" > "$said/$name.cbor"
done
sed -n 's/.*"index": \([0-9]*\),.*/\1/p' "$said/identities.json" |
    while read -r index; do
	imprint identity show "$index" --format cose \
	    > "$work/identities/$index.cose"
	for slot in 0 2; do
		der=$work/identities/$index.$slot.der
		imprint identity show "$index" --format der --slot $slot \
		    > "$der" 2>/dev/null || rm "$der"
	done
done
(cd "$work/identities" && sha256sum -- *) > "$said/identities.sha256"

# what reading left beside the registry, and which machine this was
find "$out" -type f \( -name machine -o -name '*-shm' -o \
    -name '*-wal' -empty \) -delete
find "$out" -type f -exec chmod u=rw,go=r {} +
find "$out" -type d -exec chmod u=rwx,go=rx {} +
du -sh "$out"
