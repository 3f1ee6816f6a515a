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

# The first address that apt has for this label of a Debian archive, if any.
# shellcheck disable=SC2016 # apt's variables
apt_mirror() {
	apt-get indextargets --format '$(REPO_URI) $(COMPONENT) $(LABEL)' \
	    'Created-By: Packages' 2>/dev/null |
	    sed -n "s|^\\([^ ]*\\) main $1\$|\\1|p" | head -n 1
}

root_make() {
	mirror=${DEBIAN_MIRROR:-$(apt_mirror Debian)}
	security=$(apt_mirror Debian-Security)
	: "${mirror:=http://deb.debian.org/debian}"
	proxy=
	eval "$(apt-config shell proxy Acquire::http::Proxy)"
	[ -z "$proxy" ] || export http_proxy="$proxy"
	echo "debian13: making $root from $mirror"
	rm -rf "$root" "$root.new"
	mkdir -p "$root.new"
	debootstrap --variant=minbase trixie "$root.new" "$mirror" \
	    >"$root.log" 2>&1 ||
	    { tail -n 5 "$root.log" >&2; exit 1; }
	{
		echo "deb $mirror trixie main"
		[ -z "$security" ] ||
		    echo "deb $security trixie-security main"
	} > "$root.new/etc/apt/sources.list"
	mkdir -p "$root.new/src/imprint"
	mv "$root.new" "$root"
}

# How apt fetches here is how it fetches there.
apt_settings_copy() {
	apt-config dump Acquire |
	    grep -E '^Acquire::(https?|ftp|Retries|Check-|Force|Queue)' \
	    > "$root/etc/apt/apt.conf.d/90host"
	cp /etc/resolv.conf "$root/etc/resolv.conf"
}

tree_copy() {
	find "$src" -mindepth 1 -maxdepth 1 ! -name build \
	    -exec rm -rf {} +
	tar -cf - --exclude=./build --exclude=./.git . | tar -xf - -C "$src"
}

[ -d "$src" ] || root_make
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
