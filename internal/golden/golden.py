"""What scripts that make cases for tests have in common: golden.go reads them.

    from golden import write
    write(__file__, "numpy.jsonl.gz", case, CASES, 20261121, np.random.default_rng)
"""

import gzip
import io
import json
import sys
from pathlib import Path


def write(script, name, case, count, seed, generator):
    """Writes count cases, a JSON document a line, to a file beside the script.

    case makes one of what generator(seed) gives. Called as "SCRIPT SEED COUNT" the cases
    of that seed are printed instead.
    """
    fresh = len(sys.argv) > 1
    if fresh:
        seed, count = (int(x) for x in sys.argv[1:])
    rng = generator(seed)
    lines = [json.dumps(case(rng), separators=(",", ":")) for _ in range(count)]
    if fresh:
        print("\n".join(lines))
        return
    raw = ("\n".join(lines) + "\n").encode()
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, compresslevel=9) as z:
        z.write(raw)
    path = Path(script).with_name(name)
    path.write_bytes(packed.getvalue())
    print(path.name, len(lines), "cases,", len(raw), "bytes,", path.stat().st_size, "compressed")
