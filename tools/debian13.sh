#!/bin/sh
# Run `make test`, or another command, on Debian 13, whose OpenSSL 3.5 has the
# algorithms that 3.0 lacks: tools/debian13.sh [COMMAND...]
# A Debian 13 root is made once, in build/debian13 or $DEBIAN13_ROOT, from
# the mirror and with the proxy that this system's apt uses ($DEBIAN_MIRROR
# names another one). The tree is copied in; its build/ there stays.
set -eu
cd "$(dirname "$0")/.."
root=${DEBIAN13_ROOT:-$PWD/build/debian13}
src=$root/src/imprint
[ $# -gt 0 ] || set -- make test

if [ "$(id -u)" -ne 0 ]; then
	echo "debian13: making and entering a root directory needs root:" \
	    "run it with sudo." >&2
	exit 1
fi
tools/setup.sh debian13
# shellcheck disable=SC1091 # another file of ours
. tools/debian_root.sh

tree_copy() {
	find "$src" -mindepth 1 -maxdepth 1 ! -name build \
	    -exec rm -rf {} +
	tar -cf - --exclude=./build --exclude=./.git . | tar -xf - -C "$src"
}

[ -d "$src" ] || root_make debian13 trixie
mkdir -p "$src"
apt_settings_copy
tree_copy
# A mount namespace of its own: nothing stays mounted, however it ends.
# shellcheck disable=SC2016 # the inner shell's variables
exec unshare --mount sh -c '
	root=$1
	shift
	mount -t proc proc "$root/proc"
	mount --rbind /dev "$root/dev"
	exec chroot "$root" /usr/bin/env -i HOME=/root TERM="${TERM:-dumb}" \
	    PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
	    http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" \
	    sh -c "cd /src/imprint && exec \"\$@\"" sh "$@"
' sh "$root" "$@"
