#!/bin/sh
# Install what is missing, by apt: tools/setup.sh [--check] [GROUP]
#   build    what building and running needs
#   all      what the checks and tests need as well (default)
#   debian13 what tools/debian13.sh needs
#   size     what tools/size.py needs: 800 MB of a cross-compiler
#   deb      what tools/deb.sh needs
#   --check  only say what is missing; exit status 1 when something is
# Silent when nothing is missing. For Debian 12 and 13.
# IMPRINT_SKIP_SETUP=1 skips it where packages come from elsewhere.
set -eu

# One line a package; a|b: the first that exists.
build='
gcc
libc6-dev
make
cmake
ninja-build
pkgconf|pkg-config
libssl-dev
openssl
python3
libsqlite3-dev
libyaml-dev
libevent-dev
libjansson-dev
libseccomp-dev
libtss2-dev
zlib1g-dev
scdoc
'
checks='
clang
clang-format
clang-tidy
cppcheck
curl
default-jdk-headless
libbcpkix-java
libclang-rt-dev|libclang-rt-14-dev|libclang-rt-19-dev
git
gnutls-bin
libcmocka-dev
libmbedtls-dev
libnss3-tools
nginx-light|nginx
python3-cbor2
python3-cryptography
python3-jsonschema
python3-pytest
python3-pytest-xdist
sqlite3
strace
strongswan-pki
swtpm
tpm2-tools
'
deb='
debhelper
dpkg-dev
'
debian13='
debootstrap
'
size='
gcc-arm-none-eabi
libnewlib-arm-none-eabi
'

only_check=
group=all
for arg; do
	case $arg in
	--check) only_check=1 ;;
	build|all|deb|debian13|size) group=$arg ;;
	*) echo "usage: tools/setup.sh [--check] [GROUP]" >&2
	   exit 2 ;;
	esac
done
[ -z "${IMPRINT_SKIP_SETUP:-}" ] || exit 0
case $group in
build) wanted=$build ;;
all) wanted=$build$checks ;;
deb) wanted=$build$deb ;;
debian13) wanted=$debian13 ;;
size) wanted=$build$size ;;
esac

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
	echo "setup: this is no Debian system (no apt-get)." >&2
	# shellcheck disable=SC2086 # a list of package names
	echo "Install the equivalents of:" $wanted >&2
	echo "then set IMPRINT_SKIP_SETUP=1 and run it again." >&2
	exit 1
fi

# The names of installed packages, one a line, once.
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' |
    sed -n 's/^installed //p')

is_installed() {
	case "
$installed
" in
	*"
$1
"*) return 0 ;;
	esac
	return 1
}

missing=
for line in $wanted; do
	found=
	for name in $(echo "$line" | tr '|' ' '); do
		if is_installed "$name"; then
			found=1
			break
		fi
	done
	[ -n "$found" ] || missing="$missing $line"
done
[ -n "$missing" ] || exit 0
if [ -n "$only_check" ]; then
	echo "missing:$missing"
	exit 1
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "setup: missing:$missing" >&2
		echo "Installing needs root: run this as root, or" \
		    "install sudo, or have them installed for you." >&2
		exit 1
	fi
	as_root=sudo
fi

echo "setup: looking for packages"
$as_root apt-get update -qq
chosen=
for line in $missing; do
	pick=
	for name in $(echo "$line" | tr '|' ' '); do
		if [ -n "$(apt-cache policy "$name" |
		    sed -n 's/^  Candidate: \([^(]\)/\1/p')" ]; then
			pick=$name
			break
		fi
	done
	if [ -z "$pick" ]; then
		echo "setup: apt knows no package $line; add a Debian 12 or" \
		    "13 source to /etc/apt." >&2
		exit 1
	fi
	chosen="$chosen $pick"
done
echo "setup: installing$chosen"
# shellcheck disable=SC2086 # a list of package names
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    --no-install-recommends $chosen </dev/null
