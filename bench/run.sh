#!/usr/bin/env bash
# Everything in one run, interleaved, into results.md: README.md. Variables:
#   TENSORFILE_PYTHON     an interpreter with the peers, NumPy at least, which also
#                         measures the unit M
#   TENSORFILE_BENCH_DIR  a folder for 4 GB of data
#   QUICK=1               small data and two rounds, in five minutes, into
#                         ../bin/results-quick.md
#   DATE                  what results.md says, if not today
# Arguments go to the report: -rounds 9, -patience 20s, and -cases REGEXP for a part,
# as tables on standard output.
set -euo pipefail
cd "$(dirname "$0")"
export TENSORFILE_PYTHON="${TENSORFILE_PYTHON:-}"
command="make bench"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
go build -o "$dir/report" ./cmd/report
(cd .. && go build -o "$dir/tensorfile" ./cmd/tensorfile)
export TENSORFILE_TOOL="$dir/tensorfile"
out=results.md
if [ -n "${QUICK:-}" ]; then
	mkdir -p ../bin
	out=../bin/results-quick.md
	command="make bench QUICK=1"
	set -- -quick "$@"
else
	export TENSORFILE_BENCH=full
fi
case " $* " in *" -cases "* | *" -casts "*) ;; *)
	set -- -results "$out" -date "${DATE:-$(date -u +%F)}" -command "$command" "$@"
	;;
esac
"$dir/report" "$@"
