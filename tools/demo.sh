#!/bin/sh
# The first path, end to end, on a throw-away ecosystem in build/demo: what
# `make run` shows. Takes the folder of the programs as its argument.
set -eu

bin=$(cd "${1:-$(dirname "$0")/../build/release}" && pwd)
cd "$(dirname "$0")/.."
demo=$PWD/build/demo
count=${COUNT:-10000}
devices=${DEVICES:-100}
[ "$devices" -le "$count" ] || devices=$count
server=
line=
field=
PATH=$bin:$PATH

stop() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	[ -z "$line" ] || kill "$line" 2>/dev/null || true
	[ -z "$field" ] || kill "$field" 2>/dev/null || true
}
trap stop EXIT
trap 'exit 130' INT TERM

title() {
	printf '\n== %s\n' "$*"
}

# Print the command, then run it.
show() {
	printf '$ %s\n' "$*" | sed "s|$demo/||g"
	"$@"
}

# Run what must be refused (exit status 1), and show why it was.
refused() {
	printf '$ %s\n' "$*" | sed "s|$demo/||g"
	if "$@"; then
		echo "demo: this should have been refused" >&2
		exit 1
	else
		code=$?
	fi
	[ "$code" -eq 1 ] || exit "$code"
}

imprint() {
	command imprint --home "$demo/home" --passphrase-file \
	    "$demo/passphrase" "$@"
}

rm -rf "$demo"
mkdir -p "$demo/devices"
export DEVICES_DIR="$demo/devices"
(umask 077 && head -c 18 /dev/urandom | base64 > "$demo/passphrase")

title "The authority: an ecosystem with its own root, anchored elsewhere"
show imprint init --publish-url https://pki.example.net \
    --anchor "$demo/anchor"
publish=$demo/home/ecosystems/default/publish
trust=$publish/trust.pem
show imprint product add examples/products/camera.yaml

title "The factory: a station, and an order sealed to it"
show imprint-station init --home "$demo/line-1" --name line-1 \
    --trust "$trust"
show imprint station add "$demo/line-1/line-1.station"
show imprint order create --product camera --count "$count" --station line-1
issued=$(imprint order run 1 --json)
echo "$issued"
show imprint order export 1 --out "$demo/stick"

title "On the line: $devices cameras get their identities"
show imprint-station import --home "$demo/line-1" \
    "$demo/stick/order-1-1.pack"
# Here the plug-in is the device's own agent; on a line it would be whatever
# writes to the target. shellcheck: the variables are the plug-in's.
# shellcheck disable=SC2016
show imprint-station inject --home "$demo/line-1" --count "$devices" \
    --jobs 4 --command \
    'imprint-device install --home "$DEVICES_DIR/$IMPRINT_SEQUENCE" >/dev/null'
show imprint-station status --home "$demo/line-1"

title "One camera's identity, as the device holds it"
camera=$demo/devices/1
show imprint-device show --home "$camera"
show imprint-device verify --home "$camera"

title "A service that uses what the identity carries, and nothing else"
show imprint service add collector --dns localhost --out "$demo"
"$bin/examples/service" --cert "$demo/collector.pem" \
    --key "$demo/collector.key" --trust "$trust" --max-age 86400 \
    --status "$publish/status/*.cwt" > "$demo/service.log" 2>&1 &
server=$!
tries=0
until port=$(sed -n 's/^listening on port //p' "$demo/service.log") &&
    [ -n "$port" ]; do
	tries=$((tries + 1))
	[ "$tries" -lt 500 ] || { cat "$demo/service.log"; exit 1; }
	sleep 0.01
done
to=localhost:$port

title "The camera posts a photo: accepted"
show imprint-device connect --home "$camera" --to "$to" --object photo \
    --method POST

title "It posts a video, for which it has no right: refused by the service"
refused imprint-device connect --home "$camera" --to "$to" --object video \
    --method POST --force

title "Its document, claiming software 9.4.0 instead of 1.4.0: refused"
ueid=$(imprint-device show --home "$camera" --json |
    sed -n 's/.*"ueid": *"\([0-9a-f]*\)".*/\1/p' | head -n 1)
imprint identity show "$ueid" --format cose > "$demo/camera.cose"
LC_ALL=C sed 's/1\.4\.0/9.4.0/' "$demo/camera.cose" > "$demo/tampered.cose"
refused imprint-device connect --home "$camera" --to "$to" --object photo \
    --method POST --document "$demo/tampered.cose"

title "A stranger with a key of its own and the camera's document: refused"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
    -keyout "$demo/stranger.key" -out "$demo/stranger.pem" -days 2 \
    -subj "/CN=$ueid" 2>/dev/null
size=$(wc -c < "$demo/camera.cose")
{
	printf 'POST /photo HTTP/1.1\r\nContent-Length: %s\r\n\r\n' "$size"
	cat "$demo/camera.cose"
} > "$demo/stranger.request"
openssl s_client -connect "$to" -tls1_3 -quiet -cert "$demo/stranger.pem" \
    -key "$demo/stranger.key" -CAfile "$trust" < "$demo/stranger.request" \
    > "$demo/stranger.answer" 2>/dev/null || true
tail -n 1 "$demo/stranger.answer"
grep -q '"deny: untrusted"' "$demo/stranger.answer"

title "A camera of another ecosystem does not trust this service: refused"
stranger() {
	command imprint --home "$demo/home" --ecosystem stranger \
	    --passphrase-file "$demo/passphrase" "$@" > /dev/null
}
stranger init --publish-url https://pki.example.org
stranger product add examples/products/camera.yaml
imprint-station init --home "$demo/line-2" --name line-2 --trust \
    "$demo/home/ecosystems/stranger/publish/trust.pem" > /dev/null
stranger station add "$demo/line-2/line-2.station"
stranger order create --product camera --count 1 --station line-2
stranger order run 1
imprint-station import --home "$demo/line-2" \
    "$demo/home/ecosystems/stranger/packs/order-1-1.pack" > /dev/null
# shellcheck disable=SC2016
imprint-station inject --home "$demo/line-2" --command \
    'imprint-device install --home "$DEVICES_DIR/stranger" >/dev/null' \
    > /dev/null
refused imprint-device connect --home "$demo/devices/stranger" --to "$to" \
    --object photo --method POST

title "The camera is stolen: revoked, published, and refused from now on"
show imprint revoke "$ueid" --reason keyCompromise
refused imprint-device connect --home "$camera" --to "$to" --object photo \
    --method POST
imprint identity show "$ueid" --format der > "$demo/camera.der"
openssl x509 -inform der -in "$demo/camera.der" -out "$demo/camera.pem"
openssl crl -inform der -in "$publish/crl/bulk.crl" -out "$demo/bulk.pem"
refused_by_openssl() {
	# its exit status is 2
	openssl verify -crl_check -CAfile "$trust" -CRLfile "$demo/bulk.pem" \
	    "$demo/camera.pem" 2>&1 || return 1
}
refused refused_by_openssl

title "The auditor: the log, from its published tiles alone"
show imprint log verify --rebuild
show imprint log verify --tiles "$publish/log/bulk" \
    --vkey "$publish/log/bulk/vkey"
show cat "$demo/anchor"

title "A second order: a line with three fixtures, and its power fails"
show imprint-station key new --home "$demo/line-1"
show imprint station renew "$demo/line-1/line-1.station"
show imprint order create --product camera --count 40 --station line-1
imprint order run 2 > /dev/null
show imprint-station import --home "$demo/line-1" \
    "$demo/home/ecosystems/default/packs/order-2-1.pack"
tokens=
for bench in bench-0 bench-1 bench-2; do
	tokens="$tokens $(imprint-station fixture add --home "$demo/line-1" \
	    "$bench")"
done

# Sets line, the process, and line_to, its address.
serve() {
	imprint-station serve --home "$demo/line-1" --listen "$1" \
	    > "$demo/line.log" 2>&1 &
	line=$!
	tries=0
	until line_to=$(sed -n 's|^serves *https://\(.*\)/$|\1|p' \
	    "$demo/line.log") && [ -n "$line_to" ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 500 ] || { cat "$demo/line.log"; exit 1; }
		sleep 0.01
	done
}

serve 127.0.0.1:0
mkdir "$demo/line-devices"
# shellcheck disable=SC2086 # one argument a token
/usr/bin/python3 tools/demo_line.py "$line_to" "$demo/line-1/tls.pem" \
    "$demo/line-devices" 2 30 $tokens > "$demo/fixtures.log" 2>&1 &
fixtures=$!
# in the middle of it, the station is gone
until [ -d "$demo/line-devices/bench-0-003" ]; do sleep 0.01; done
kill -9 "$line"
wait "$line" 2>/dev/null || true
echo "the station is killed in the middle (kill -9), and started again"
sleep 0.3
serve "$line_to"
wait "$fixtures" || { cat "$demo/fixtures.log"; exit 1; }
cat "$demo/fixtures.log"
kill "$line"
wait "$line"
line=
show imprint-station status --home "$demo/line-1"

title "The line's report: the order is closed, its identities accounted for"
imprint-station key new --home "$demo/line-1" > /dev/null
imprint station renew "$demo/line-1/line-1.station" > /dev/null
show imprint-station report 2 --home "$demo/line-1" \
    --out "$demo/order-2.report" --final
show imprint order reconcile 2 --report "$demo/order-2.report"

title "In the field: a doorbell, with the factory's one key, is switched on"
imprint product add examples/products/doorbell-idevid.yaml > /dev/null
imprint product add examples/products/doorbell.yaml > /dev/null
imprint-station init --home "$demo/line-9" --name line-9 --trust "$trust" \
    > /dev/null
imprint station add "$demo/line-9/line-9.station" > /dev/null
imprint order create --product doorbell-idevid --count 1 --station line-9 \
    > /dev/null
imprint order run 3 > /dev/null
imprint-station import --home "$demo/line-9" \
    "$demo/home/ecosystems/default/packs/order-3-1.pack" > /dev/null
doorbell=$demo/devices/doorbell
# shellcheck disable=SC2016 # the plug-in's
DOORBELL=$doorbell imprint-station inject --home "$demo/line-9" --command \
    'imprint-device install --home "$DOORBELL" >/dev/null' > /dev/null
imprintd serve --home "$demo/home" --passphrase-file "$demo/passphrase" \
    --name est.example.net --listen 127.0.0.1:0 > "$demo/imprintd.log" 2>&1 &
field=$!
tries=0
until port=$(sed -n 's|^listening on https://127.0.0.1:||p' \
    "$demo/imprintd.log") && [ -n "$port" ]; do
	tries=$((tries + 1))
	[ "$tries" -lt 500 ] || { cat "$demo/imprintd.log"; exit 1; }
	sleep 0.01
done
cp -r "$doorbell" "$demo/devices/copy"
set -- --server "https://127.0.0.1:$port" --name est.example.net
show imprint-device bootstrap --home "$doorbell" "$@"
show imprint-device verify --home "$doorbell"
show imprint-device renew --home "$doorbell" "$@"

title "A copy of what it left the factory with: refused, and on record"
refused imprint-device bootstrap --home "$demo/devices/copy" "$@"
kill "$field"
wait "$field"
field=

title "Summary"
rate=$(echo "$issued" | sed 's/.*"seconds": \([0-9.]*\).*/\1/' |
    awk -v n="$count" '{ printf "%.0f", n / $1 }')
store=$(du -s -B1 --exclude=packs "$demo/home/ecosystems/default" |
    awk -v n="$count" '{ printf "%.0f", $1 / n }')
pack=$(wc -c < "$demo/stick/order-1-1.pack" |
    awk -v n="$count" '{ printf "%.0f", $1 / n }')
cat <<EOF
identities a second     $rate (durable, sealed, on $(nproc) processors)
bytes an identity       $store in the registry, $pack in the pack
the ecosystem           $demo/home/ecosystems/default
the pack                $demo/stick/order-1-1.pack
the devices             $demo/devices
what to type next
  export PATH=$bin:\$PATH
  imprint --home $demo/home --passphrase-file $demo/passphrase identity list --count 5
  imprint --home $demo/home --passphrase-file $demo/passphrase identity show CAM-000000017
  imprint help order create
  make test
EOF
