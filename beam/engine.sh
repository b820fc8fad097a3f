#!/bin/sh
# beam/engine.sh   the tests of the three jobs on another engine than Prism: the portable runner of Beam's
# Python SDK, in a server that ends with this script. PYTHON is one that has apache-beam.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
"${PYTHON:-python3}" -m apache_beam.runners.portability.local_job_service_main --port 0 --port_file "$work/port" >"$work/server" 2>&1 &
server=$!
trap 'kill $server; rm -rf "$work"' EXIT
waited=0
while [ ! -s "$work/port" ]; do
	sleep 1
	waited=$((waited + 1))
	[ $waited -lt 60 ] && kill -0 $server || { cat "$work/server"; exit 1; }
done
go test -count=1 -timeout 10m -v ./examples -args \
	--runner universal --endpoint "localhost:$(cat "$work/port")" --environment_type LOOPBACK >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
grep -E '^(--- |ok )' "$work/out"
jobs=$(grep -c 'with state DONE' "$work/out")
echo "$jobs jobs done by the other engine (floor 3)"
[ "$jobs" -ge 3 ]
