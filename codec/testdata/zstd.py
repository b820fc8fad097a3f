"""Checks package codec against the reference implementation of Zstandard.

    python zstd.py make            writes the frames in zstd/ that the tests decode
    python zstd.py check FOLDER    decodes the frames that the tests wrote there

For check, run first: CODEC_FRAMES=FOLDER go test -run TestFrames ./codec
Needs zstandard (0.25.0 was used).
"""

import pathlib
import sys

import zstandard


def data(kind, n):
    """The bytes that frameData in frames_test.go makes, too."""
    x, out = 12345, bytearray()
    for i in range(n):
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
        v = x >> 16 & 0x7FFF
        if kind == 0:  # skewed
            out.append((v & v >> 5 & v >> 9) & 15)
        elif kind == 1:  # runs
            out.append(i // 97 % 5 if v % 50 else v & 255)
        else:  # few of many
            out.append(v % 7 * 37 & 255)
    return bytes(out)


def make(folder):
    for kind in range(3):
        for n in (600, 5000, 150000):
            for name, level, options in (
                ("1", 1, {}),
                ("19", 19, {}),
                ("fast", -5, {}),
                ("sum", 3, {"write_checksum": True}),
                ("nosize", 3, {"write_content_size": False}),
            ):
                if n > 5000 and (kind, name) not in ((0, "1"), (1, "19"), (1, "nosize")):
                    continue
                params = zstandard.ZstdCompressionParameters.from_level(level, **options)
                frame = zstandard.ZstdCompressor(compression_params=params).compress(data(kind, n))
                (folder / f"{kind}-{n}-{name}.zst").write_bytes(frame)


def check(folder):
    count = 0
    for path in sorted(folder.glob("*.zst")):
        kind, n = map(int, path.stem.split("-")[:2])
        got = zstandard.ZstdDecompressor(max_window_size=8 << 20).decompress(path.read_bytes(), max_output_size=n)
        if got != data(kind, n):
            sys.exit(f"{path.name}: other bytes")
        count += 1
    print(f"{count} frames")
    if count == 0:
        sys.exit("no frames")


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(pathlib.Path(__file__).parent / "zstd")
    else:
        check(pathlib.Path(sys.argv[2]))
