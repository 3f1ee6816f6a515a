#!/bin/sh
# Build the Debian packages, install them in a Debian 12 root, live with them
# there, remove and purge them. Needs root. The root is made once, in
# build/debian12 or $DEBIAN12_ROOT, and copied for each run.
set -eu
cd "$(dirname "$0")/.."
base=${DEBIAN12_ROOT:-$PWD/build/debian12}

if [ "$(id -u)" -ne 0 ]; then
	echo "deb-test: making and entering a root directory needs root:" \
	    "run it with sudo." >&2
	exit 1
fi
# shellcheck disable=SC1091 # another file of ours
. tools/debian_root.sh
tools/setup.sh debian13
root=$base
[ -d "$root" ] || root_make deb-test bookworm
apt_settings_copy
tools/deb.sh
if command -v lintian >/dev/null; then
	lintian --allow-root --fail-on error,warning build/deb/*.deb
fi

root=$base.run
trap 'rm -rf "$root"' EXIT
rm -rf "$root"
cp -a "$base" "$root"
mkdir "$root/packages"
cp build/deb/*.deb tools/deb_live.sh "$root/packages"
# A mount namespace of its own: nothing stays mounted, however it ends.
# shellcheck disable=SC2016 # the inner shell's variables
unshare --mount --pid --fork --kill-child sh -c '
	mount -t proc proc "$1/proc"
	mount --rbind /dev "$1/dev"
	exec chroot "$1" /usr/bin/env -i HOME=/root LANG=C.UTF-8 \
	    PATH=/usr/sbin:/usr/bin:/sbin:/bin \
	    http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" \
	    sh -e /packages/deb_live.sh
' sh "$root"
echo "deb-test: ok"
