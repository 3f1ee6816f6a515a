#!/bin/sh
# Build the Debian packages into build/deb/: tools/deb.sh
# In a copy, so that nothing of it stays in the tree. Their version is that of
# CMakeLists.txt; between tags, with what `git describe` adds.
set -eu
cd "$(dirname "$0")/.."
out=build/deb
version=$(sed -n 's/^project(imprint VERSION \([0-9.]*\).*/\1/p' \
    CMakeLists.txt)
since=$(git describe --tags --long --match "v$version" 2>/dev/null |
    sed -n 's/.*-\([1-9][0-9]*\)-g\([0-9a-f]*\)$/+\1.g\2/p') || since=
src=$out/imprint-$version

rm -rf "$out"
mkdir -p "$src"
tar -cf - --exclude=./build --exclude=./.git . | tar -xf - -C "$src"
sed -i "1s/(.*)/($version$since)/" "$src/debian/changelog"
printf 'deb: '
if ! (cd "$src" && DEB_BUILD_OPTIONS="noautodbgsym ${DEB_BUILD_OPTIONS:-}" \
    dpkg-buildpackage -b -us -uc) >"$out.log" 2>&1; then
	echo "FAILED"
	tail -n 30 "$out.log" >&2
	echo "the whole of it: $out.log" >&2
	exit 1
fi
rm -rf "$src"
mv "$out.log" "$out/build.log"
echo "ok"
ls "$out"/*.deb
