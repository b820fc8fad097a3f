#!/bin/sh
# ruby/gem.sh LIBRARY DIR   builds the gem for this system, with the shared library that
# make capi has made, into DIR.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$2"
dir=$(cd "$2" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$here/lib" "$here/tensorfile.gemspec" "$work"
cp "$1" "$work/lib/tensorfile/libtensorfile.so.1"
cd "$work"
gem build -q tensorfile.gemspec >/dev/null
mv ./*.gem "$dir"
