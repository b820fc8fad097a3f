#!/usr/bin/env bash
# The report of bench/README.md: everything in one run, interleaved, full
# sizes. TENSORFILE_PYTHON names an interpreter with NumPy for the peers and
# for the unit M; TENSORFILE_BENCH_DIR a folder for 1 GB of data. Arguments go
# to the report: -rounds 9, -cases regexp, -patience 20s.
set -euo pipefail
cd "$(dirname "$0")"
: "${TENSORFILE_PYTHON:=}"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
go build -o "$dir/report" ./cmd/report
(cd .. && go build -o "$dir/tensorfile" ./cmd/tensorfile)
go version
uname -sr
if [ -n "$TENSORFILE_PYTHON" ]; then
	"$TENSORFILE_PYTHON" -c 'import sys, numpy; print("Python", sys.version.split()[0] + ", NumPy", numpy.__version__)'
fi
echo
TENSORFILE_BENCH=full TENSORFILE_PYTHON="$TENSORFILE_PYTHON" TENSORFILE_TOOL="$dir/tensorfile" "$dir/report" "$@"
