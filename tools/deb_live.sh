#!/bin/sh
# Run by tools/deb_test.sh in a Debian that has nothing of ours: the packages'
# whole life. There is no systemd: what a unit would start is started by hand,
# as its user.
set -eu
export DEBIAN_FRONTEND=noninteractive
home=/var/lib/imprint
examples=/usr/share/doc/imprint-server/examples
log=/tmp/imprintd.log
pass=/etc/imprint/passphrase

say() {
	echo "deb-test: $*"
}

die() {
	say "$*" >&2
	[ ! -e "$log" ] || tail -n 20 "$log" >&2
	exit 1
}

as() {
	user=$1
	shift
	runuser -u "$user" -- "$@"
}

imprint() {
	as imprint imprint --home "$home" --passphrase-file "$pass" "$@"
}

say "installing"
apt-get update -qq
apt-get install -y -qq --no-install-recommends /packages/*.deb curl \
    >/tmp/apt.log 2>&1 || { tail -n 20 /tmp/apt.log; die "installation"; }
for program in imprint imprintd imprint-station imprint-device \
    imprint-verify imprint-tpm; do
	"$program" --version >/dev/null || die "$program does not run"
done
[ "$(stat -c '%U %a' "$home")" = "imprint 700" ] || die "$home: whose?"
[ "$(stat -c '%U %a' "$home-station")" = "imprint-station 700" ] ||
    die "$home-station: whose?"
id imprint-front >/dev/null

say "an ecosystem, a station, a device of the factory"
install -m 0400 -o imprint /dev/null "$pass"
echo 'for this test only' > "$pass"
# umask: as guides and unit have it
(umask 077 && imprint init --publish-url https://pki.example.net >/dev/null)
gunzip -r "$examples"
imprint product add "$examples/products/doorbell-idevid.yaml" \
    "$examples/products/doorbell.yaml" >/dev/null
cp "$home/ecosystems/default/publish/trust.pem" /tmp/trust.pem
as imprint-station imprint-station init --name line-1 --trust /tmp/trust.pem \
    >/dev/null
cp "$home-station/line-1.station" /tmp/line-1.station
imprint station add /tmp/line-1.station >/dev/null
imprint order create --product doorbell-idevid --count 1 --station line-1 \
    >/dev/null
imprint order run 1 >/dev/null 2>&1
install -m 0644 "$home/ecosystems/default/packs/order-1-1.pack" /tmp/1.pack
as imprint-station imprint-station import /tmp/1.pack >/dev/null
install -d -m 0700 -o imprint-station /tmp/device
as imprint-station imprint-station inject \
    --command 'imprint-device install --home /tmp/device' >/dev/null
cp -a /tmp/device /var/lib/imprint-device
chown -R root: /var/lib/imprint-device

say "imprintd as its users, from its own configuration"
sed -i "1i passphrase-file: $pass" /etc/imprint/imprintd.yaml
imprintd check --config /etc/imprint/imprintd.yaml >/dev/null
(umask 077 && exec imprintd serve --config /etc/imprint/imprintd.yaml) \
    >"$log" 2>&1 &
server=$!
until grep -q listening "$log"; do
	kill -0 "$server" || die "imprintd does not serve"
	sleep 0.1
done
grep -q '^Uid:.*\b'"$(id -u imprint-front)" /proc/[0-9]*/status ||
    die "no front runs as imprint-front"
imprint-device bootstrap --server https://127.0.0.1:8443 \
    --name est.example.net >/dev/null || die "the device cannot bootstrap"
imprint-device verify >/dev/null

say "what is published is served"
publish=$home/ecosystems/default/publish
imprint revoke online/0 >/dev/null
for name in trust.pem crl/online.crl status/online-00000000.cwt \
    log/online/checkpoint; do
	curl -sSf --cacert /tmp/trust.pem --connect-to ::127.0.0.1:8443 \
	    "https://est.example.net:8443/pub/$name" -o /tmp/published ||
		die "$name is not served"
	cmp -s /tmp/published "$publish/$name" || die "$name is another"
done
kill "$server"
wait "$server" || die "imprintd ended badly"

say "removed: nothing is lost; purged: no key is"
list() {
	find "$home" "$home-station" /var/lib/imprint-device -type f \
	    -exec sha256sum {} + | sort
}
list > /tmp/before
apt-get remove -y -qq 'imprint-*' 'libimprint-*' >/dev/null
[ ! -e /usr/bin/imprintd ] || die "it is still there"
[ -e /etc/imprint/imprintd.yaml ] || die "the configuration is gone"
list | cmp - /tmp/before || die "removal changed files"
apt-get install -y -qq --no-install-recommends /packages/*.deb \
    >/tmp/apt.log 2>&1 || { tail -n 20 /tmp/apt.log; die "installation"; }
imprint order show 1 >/dev/null || die "it does not go on"
list > /tmp/before
apt-get purge -y -qq 'imprint-*' 'libimprint-*' >/dev/null
[ ! -e /etc/imprint/imprintd.yaml ] || die "the configuration stays"
list | cmp - /tmp/before || die "purging changed files"
