#!/bin/sh
# capi/build.sh DIR [PREFIX]   libtensorfile into DIR: lib/ with the shared library, the
# static one and the pkg-config file, include/ with the header. PREFIX is where that will
# be installed, DIR if nothing else is said. GO is the go command, CC the C compiler;
# BUILDFLAGS go to both builds (-asan for the tests), and STATIC=no leaves the static
# library out. It is written for GNU ld on Linux.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1/lib/pkgconfig" "$1/include"
dir=$(cd "$1" && pwd)
prefix=${2:-$dir}
go=${GO:-go}
export CGO_ENABLED=1
# Names of hosts and users are looked up without the C library, which would tie the
# library to the version that it is built with.
tags="netgo,osusergo${TAGS:+,$TAGS}"

cd "$here"
"$go" build -trimpath -tags "$tags" ${BUILDFLAGS:-} -buildmode=c-shared \
	-ldflags "-s -w -extldflags '-Wl,-soname,libtensorfile.so.1 -Wl,--version-script=$here/tensorfile.map'" \
	-o "$dir/lib/libtensorfile.so.1" .
rm -f "$dir"/lib/libtensorfile*.h # the one that the go command makes
ln -sf libtensorfile.so.1 "$dir/lib/libtensorfile.so"

if [ "${STATIC:-yes}" = yes ]; then
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	"$go" build -trimpath -tags "$tags" ${BUILDFLAGS:-} -buildmode=c-archive -ldflags '-s -w' -o "$work/all.a" .
	# One object, in which only the names of the header can be seen from outside.
	ld -r -d --whole-archive "$work/all.a" -o "$work/tensorfile.o"
	objcopy --wildcard --keep-global-symbol='tensorfile_*' "$work/tensorfile.o"
	rm -f "$dir/lib/libtensorfile.a"
	ar rcsD "$dir/lib/libtensorfile.a" "$work/tensorfile.o"
fi

cp "$here/tensorfile.h" "$dir/include/"
version=$(sed -n 's/^const Version = "\(.*\)"$/\1/p' "$here/../writer.go")
sed -e "s|@PREFIX@|$prefix|" -e "s|@VERSION@|$version|" "$here/tensorfile.pc.in" >"$dir/lib/pkgconfig/tensorfile.pc"
