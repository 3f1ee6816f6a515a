# shellcheck shell=sh disable=SC2154 # $root is the caller's
# Sourced by what works in a Debian of its own: a root directory, $root, from
# the mirror and with the proxy that this system's apt uses ($DEBIAN_MIRROR
# names another one).

# The first address that apt has for this label of a Debian archive, if any.
# shellcheck disable=SC2016 # apt's variables
apt_mirror() {
	apt-get indextargets --format '$(REPO_URI) $(COMPONENT) $(LABEL)' \
	    'Created-By: Packages' 2>/dev/null |
	    sed -n "s|^\\([^ ]*\\) main $1\$|\\1|p" | head -n 1
}

# root_make WHO SUITE: a new one in $root.
root_make() {
	mirror=${DEBIAN_MIRROR:-$(apt_mirror Debian)}
	security=$(apt_mirror Debian-Security)
	: "${mirror:=http://deb.debian.org/debian}"
	proxy=
	eval "$(apt-config shell proxy Acquire::http::Proxy)"
	[ -z "$proxy" ] || export http_proxy="$proxy"
	echo "$1: making $root from $mirror"
	rm -rf "$root" "$root.new"
	mkdir -p "$root.new"
	debootstrap --variant=minbase "$2" "$root.new" "$mirror" \
	    >"$root.log" 2>&1 ||
	    { tail -n 5 "$root.log" >&2; exit 1; }
	{
		echo "deb $mirror $2 main"
		[ -z "$security" ] ||
		    echo "deb $security $2-security main"
	} > "$root.new/etc/apt/sources.list"
	mv "$root.new" "$root"
}

# How apt fetches here is how it fetches there.
apt_settings_copy() {
	apt-config dump Acquire |
	    grep -E '^Acquire::(https?|ftp|Retries|Check-|Force|Queue)' \
	    > "$root/etc/apt/apt.conf.d/90host"
	cp /etc/resolv.conf "$root/etc/resolv.conf"
}
