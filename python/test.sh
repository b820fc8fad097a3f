#!/bin/sh
# python/test.sh DIR [PYTEST ARGUMENTS]   tries the wheel in DIR: its size, the tour of docs/python.md in an
# environment that holds nothing but it and what it asks for, types by mypy, and the tests, with the
# library and, of what is to be accepted, without. PYTHON is one that has python/requirements-test.txt.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
wheel=$(ls "$1"/tensorfile-*.whl)
wheel=$(cd "$(dirname "$wheel")" && pwd)/$(basename "$wheel")
shift
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

size=$(wc -c <"$wheel")
echo "$(basename "$wheel"): $size bytes"
[ "$size" -le 12582912 ] || { echo "the wheel is larger than 12 MiB"; exit 1; }

"$python" -m venv --without-pip "$work/empty"
"$python" -m pip --python "$work/empty/bin/python" install -q --disable-pip-version-check "$wheel"
(cd "$work" && "$work/empty/bin/python" -W error "$here/tests/tour.py" "$here/../docs/python.md")

(cd "$here" && "$python" -m mypy --cache-dir="$here/../bin/mypy")

"$python" -m pip install -q --disable-pip-version-check --no-deps --target "$work/site" "$wheel"
cd "$here/tests"
export PYTHONPATH="$work/site" PYTHONDONTWRITEBYTECODE=1
"$python" -m pytest -p no:cacheprovider "$@"
TENSORFILE_LIBRARY=none "$python" -m pytest -p no:cacheprovider -k "accept or without_the_library" "$@"
