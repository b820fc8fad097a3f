#!/bin/sh
# The tour of docs/tour.md in one command: a file that NumPy wrote becomes a
# .tensor file, is listed, shown and verified, and comes back as a NumPy file.
#
#	examples/tour.sh [path of the tool]
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
tool=${1:-$here/bin/tensorfile}
tool=$(cd "$(dirname "$tool")" && pwd)/$(basename "$tool")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cp "$here/testdata/tour/model.npz" .

run() {
	printf '\n$ tensorfile %s\n' "$*"
	"$tool" "$@"
}

run ls model.npz
run convert model.npz model.tensor
run ls -l model.tensor
run show model.tensor 'encoder.weight[:2, ::16]'
run stats model.tensor 'encoder.*'
run verify model.tensor
run convert model.tensor mask.npz --only mask --layout csr
run stats mask.npz
run convert model.tensor back.npz
printf '\n$ samenpz model.npz back.npz\n'
(cd "$here" && go run ./examples/samenpz "$dir/model.npz" "$dir/back.npz")
