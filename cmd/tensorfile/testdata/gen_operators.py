"""What NumPy, einops and Pillow make of arrays, for TestOperators: operators.npz
holds the inputs and the results, operators.txt a line for each case: result,
inputs, and the flags of `tensorfile convert` that must give it."""

import io
import math
import sys
import zipfile
from pathlib import Path

import numpy as np
from einops import rearrange, reduce
from PIL import Image, ImageOps
from scipy import signal

HERE = Path(__file__).parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE / "../../../transform/audio/testdata"))
from gen_audio import taps  # noqa: E402

rng = np.random.default_rng(20240607)
inputs = {
    "photo": rng.integers(0, 256, (20, 30, 3)).astype("u1"),
    "other": rng.integers(0, 256, (20, 30, 3)).astype("u1"),
    "tall": rng.integers(0, 256, (31, 30, 3)).astype("u1"),
    "gray": rng.integers(0, 256, (21, 33)).astype("u1"),
    "planar": rng.normal(size=(3, 12, 10)).astype("f4"),
    "batch": rng.integers(0, 256, (3, 8, 10, 3)).astype("u1"),
    "cube": rng.integers(-1000, 1000, (4, 6, 8)).astype("i4"),
    "fortran": np.asfortranarray(rng.normal(size=(7, 5, 6))),
    "big": rng.normal(size=(6, 7)).astype(">f4"),
    "line": rng.normal(size=17).astype("f8"),
    "bits": rng.integers(0, 2, (5, 9)).astype("?"),
    "wave": np.clip(np.cumsum(rng.normal(size=(1500, 2)), 0) * 900, -30000, 30000).astype("i2"),
    "scalar": np.float64(2.5).reshape(()),
    "empty": np.zeros((0, 4), "f4"),
}
inputs["overlay"] = rng.integers(0, 256, (14, 19, 4)).astype("u1")
inputs["faded"] = rng.integers(0, 256, (31, 30, 2)).astype("u1")
g = inputs
cases = []


def case(names, flags, result):
    cases.append((names, flags, np.ascontiguousarray(result).reshape(np.shape(result))))


def resized(a, w, h, how):
    return np.asarray(Image.fromarray(a).resize((w, h), how))


# Each operator by itself.
case("cube", "--select '1:3, ::2, -1'", g["cube"][1:3, ::2, -1])
case("cube", "--select '[..., ::-3]'", g["cube"][..., ::-3])
case("cube", "--select '-1:0:-2, newaxis, 2'", g["cube"][-1:0:-2, None, 2])
case("line", "--select 3", g["line"][3])
case("fortran", "--select '1:, :4, ::2'", g["fortran"][1:, :4, ::2])
case("big", "--select '::-1, 3'", g["big"][::-1, 3].astype("<f4"))
case("empty", "--select ':, 1:'", g["empty"][:, 1:])
for dtype, np_type in [("f16", "f2"), ("f64", "f8"), ("u8", "u1"), ("i64", "i8"), ("bool", "?"), ("c64", "c8")]:
    a = np.abs(g["planar"]) if dtype == "u8" else g["planar"]
    if dtype != "u8":
        case("planar", f"--dtype {dtype}", a.astype(np_type))
case("cube", "--dtype u8", np.clip(g["cube"], 0, 255).astype("u1"))
case("bits", "--dtype f32", g["bits"].astype("f4"))
case("scalar", "--dtype i8", g["scalar"].astype("i1"))
case("photo", "--flip h", g["photo"][:, ::-1])
case("photo", "--flip v", g["photo"][::-1])
case("photo", "--flip h,v", g["photo"][::-1, ::-1])
case("planar", "--flip h", g["planar"][:, :, ::-1])
case("cube", "--flip 0,-1", g["cube"][::-1, :, ::-1])
case("gray", "--crop 10x7", g["gray"][7:14, 11:21])
case("photo", "--crop 12x9+3+5", g["photo"][5:14, 3:15])
case("planar", "--crop 4x4+0+0", g["planar"][:, :4, :4])
case("batch", "--crop 6x4", g["batch"][:, 2:6, 2:8])
case("photo", "--pad 2", np.pad(g["photo"], ((2, 2), (2, 2), (0, 0))))
case("photo", "--pad '3:1; edge'", np.pad(g["photo"], ((3, 1), (3, 1), (0, 0)), "edge"))
case("gray", "--pad '7; reflect'", np.pad(g["gray"], 7, "reflect"))
case("cube", "--pad '0,1:2,3; constant=-7'", np.pad(g["cube"], ((0, 0), (1, 2), (3, 3)), constant_values=-7))
case("line", "--pad '4:9; symmetric'", np.pad(g["line"], (4, 9), "symmetric"))
case("line", "--pad '40; wrap'", np.pad(g["line"], 40, "wrap"))
case("line", "--scale 0.5,-1.25", g["line"] * 0.5 - 1.25)
case("cube", "--scale 2,1,-100:100", np.clip(g["cube"].astype("f8") * 2 + 1, -100, 100).round().astype("i4"))
case("gray", "--scale 0.5", np.rint(g["gray"] * np.float32(0.5)).astype("u1"))
case("photo", "--rearrange 'h w c -> c h w'", rearrange(g["photo"], "h w c -> c h w"))
case("photo", "--rearrange '(h h1) (w w1) c -> (h1 w1 c) h w; h1=2, w1=3'", rearrange(g["photo"], "(h h1) (w w1) c -> (h1 w1 c) h w", h1=2, w1=3))
case("cube", "--rearrange 'a ... -> (... a)'", rearrange(g["cube"], "a ... -> (... a)"))
case("fortran", "--rearrange 'a b c -> c 1 (b a)'", rearrange(g["fortran"], "a b c -> c 1 (b a)"))
case("batch", "--reduce 'max b (h 2) (w 2) c -> b h w c'", reduce(g["batch"], "b (h 2) (w 2) c -> b h w c", "max"))
case("batch", "--reduce 'sum b h w c -> c b'", reduce(g["batch"], "b h w c -> c b", "sum"))
case("cube", "--reduce 'mean (a k) b c -> a c; k=2'", reduce(g["cube"].astype("f8"), "(a k) b c -> a c", "mean", k=2))
case("cube", "--reduce 'min a b c ->'", reduce(g["cube"], "a b c ->", "min"))
case("bits", "--reduce 'all a b -> a'", g["bits"].all(1))
case("photo", "--resize 45x10 --filter nearest", resized(g["photo"], 45, 10, Image.NEAREST))
case("photo", "--resize 13x27", resized(g["photo"], 13, 27, Image.BILINEAR))
case("gray", "--resize 16x16 --filter bicubic", resized(g["gray"], 16, 16, Image.BICUBIC))
case("batch", "--resize 5x5", np.stack([resized(x, 5, 5, Image.BILINEAR) for x in g["batch"]]))


def converted(a, mode):
    return np.asarray(Image.fromarray(a).convert(mode))


for name in ("photo", "gray", "overlay", "faded"):
    for n, mode in ((1, "L"), (3, "RGB"), (4, "RGBA")):
        case(name, f"--channels {n}", converted(g[name], mode))
case("batch", "--channels 1", np.stack([converted(x, "L") for x in g["batch"]]))
case("overlay", "--rearrange 'h w c -> c h w' --channels 3", converted(g["overlay"], "RGB").transpose(2, 0, 1))
for name in ("photo", "tall", "gray"):  # Pillow multiplies colours by alpha first
    for w, h in ((16, 16), (40, 9), (7, 50)):
        img = Image.fromarray(g[name])
        case(name, f"--resize {w}x{h} --fit crop", np.asarray(ImageOps.fit(img, (w, h), Image.BILINEAR)))
        case(name, f"--resize {w}x{h} --fit pad --filter bicubic", np.asarray(ImageOps.pad(img, (w, h), Image.BICUBIC, color=0)))
case("photo other", "--stack", np.stack([g["photo"], g["other"]]))
case("photo tall other", "--concat 0", np.concatenate([g["photo"], g["tall"], g["other"]]))
case("photo other", "--concat -1", np.concatenate([g["photo"], g["other"]], -1))
case("photo other photo2", "--concat 1 --select ':, 20:70:3'", np.concatenate([g["photo"], g["other"], g["photo"]], 1)[:, 20:70:3])



def at_rate(x, old, new):
    """By SciPy, with the filter of the default quality."""
    up, down = new // math.gcd(old, new), old // math.gcd(old, new)
    return np.clip(np.rint(signal.resample_poly(x.astype("f8"), up, down, axis=0, window=taps(up, down, "good"))), -32768, 32767).astype("i2")


mono = np.rint(g["wave"].astype("f8").mean(1)).astype("i2")
case("wave", "--mono", mono)
case("wave", "--rearrange 't c -> c t' --mono", mono)
case("wave", "--rate 44100:48000", at_rate(g["wave"], 44100, 48000))
case("wave", "--mono --rate 48000:16000", at_rate(mono, 48000, 16000))
case("wave", "--rearrange 't c -> c t' --rate 3:2", at_rate(g["wave"], 3, 2).T)

# Order counts.
case("photo", "--flip h --crop 12x9+3+5", g["photo"][:, ::-1][5:14, 3:15])
case("photo", "--crop 12x9+3+5 --flip h", g["photo"][5:14, 3:15][:, ::-1])
case("gray", "--scale 1/3 --dtype f32", np.rint(g["gray"] * np.float32(1 / 3)).astype("f4"))
case("gray", "--dtype f32 --scale 1/3", g["gray"] * np.float32(1 / 3))
case("photo other", "--stack --select 1", g["other"])
case("photo other", "--select 1 --stack", np.stack([g["photo"][1], g["other"][1]]))
case("photo", "--pad 2 --resize 17x12", resized(np.pad(g["photo"], ((2, 2), (2, 2), (0, 0))), 17, 12, Image.BILINEAR))
case("photo", "--resize 17x12 --pad 2", np.pad(resized(g["photo"], 17, 12, Image.BILINEAR), ((2, 2), (2, 2), (0, 0))))
case("line", "--flip 0 --pad '3:0; edge' --flip 0", np.pad(g["line"][::-1], (3, 0), "edge")[::-1])

# And what people do: pictures to a batch of planes.
batch = np.stack([resized(g[n], 12, 12, Image.BILINEAR)[1:11, 1:11] for n in ("photo", "other")])
case("photo other", "--resize 12x12 --crop 10x10 --stack --rearrange 'b h w c -> b c h w' --dtype f32 --scale 1/127.5,-1",
     rearrange(batch, "b h w c -> b c h w").astype("f4") * np.float32(1 / 127.5) - np.float32(1))
case("photo", "--dtype f32 --rearrange '(h a) (w b) c -> h w (a b c); a=2, b=2' --reduce 'mean h w c -> h w' --scale 2 --dtype u16",
     (reduce(rearrange(g["photo"].astype("f4"), "(h a) (w b) c -> h w (a b c)", a=2, b=2), "h w c -> h w", "mean") * np.float32(2)).astype("u2"))

# Pictures of any size and colour: what is behind --stack changes each of them.
mixed = [converted(g[n], "RGB") for n in ("photo", "tall", "gray", "overlay")]
small = np.stack([resized(x, 9, 11, Image.BILINEAR) for x in mixed])
case("photo tall gray overlay", "--stack --channels 3 --resize 9x11 --rearrange 'b h w c -> b c h w'", rearrange(small, "b h w c -> b c h w"))
case("photo tall gray overlay", "--channels 3 --resize 9x11 --stack --dtype f32 --reduce 'mean b h w c -> h w c'", small.astype("f4").mean(0, dtype="f8").astype("f4"))
case("gray overlay photo tall", "--stack --channels 1 --resize 8x8 --fit crop --flip h --select ':, 1:, ::2'",
     np.stack([np.asarray(ImageOps.fit(Image.fromarray(converted(g[n], "L")), (8, 8), Image.BILINEAR))[1:, ::-1][:, ::2] for n in ("gray", "overlay", "photo", "tall")]))

# Through layouts with entries.
case("gray", "--layout csr --select '3:11, ::2' --dtype f32 --layout dense", g["gray"][3:11, ::2].astype("f4"))
case("gray", "--layout csc --select '-1:2:-3, 5:' --layout dense", g["gray"][-1:2:-3, 5:])
case("gray", "--layout bsr:3x11 --dtype i16 --layout coo --layout dense --scale 3", g["gray"].astype("i2") * 3)
case("cube", "--layout csf --select '1, ::2' --layout dense", g["cube"][1, ::2])
case("cube", "--layout coo --select ':, 1:, 3' --layout dense", g["cube"][:, 1:, 3])
case("photo", "--flip h --layout bitmap --select '2:9' --layout dense --flip v", g["photo"][2:9, ::-1][::-1])
case("line", "--layout coo --select 3 --dtype f32", g["line"][3].astype("f4"))


# Quantised and back: a scale a row, or one for each eight columns.
def quantised(a, most):
    """The rule absmax in f32, along the last axis of a."""
    scale = np.abs(a).max(-1, keepdims=True) / np.float32(most)
    return np.clip(np.rint(a / scale), -most, most).astype("i1").astype("f4") * scale


big = g["big"].astype("<f4")
case("planar", "--quant i8:axis=0 --dequant f32", quantised(g["planar"].reshape(3, 120), 127).reshape(3, 12, 10))
case("big", "--flip 0 --quant i8:axis=0 --dequant f16", quantised(big, 127)[::-1].astype("f2"))
case("cube", "--dtype f32 --quant i4:group=8 --dequant f32", quantised(g["cube"].astype("f4"), 7))


def npy(a):
    b = io.BytesIO()
    np.lib.format.write_array(b, a, version=(1, 0))
    return b.getvalue()


inputs["photo2"] = inputs["photo"]
with zipfile.ZipFile(HERE / "operators.npz", "w") as z:
    lines = []
    put = lambda name, a: z.writestr(zipfile.ZipInfo(name + ".npy", (1980, 1, 1, 0, 0, 0)), npy(a), zipfile.ZIP_DEFLATED)
    for name, a in inputs.items():
        put(name, a)
    for i, (names, flags, result) in enumerate(cases):
        put(f"case{i:03}", result)
        lines.append(f"case{i:03}\t{names}\t{flags}\n")
(HERE / "operators.txt").write_text("".join(lines))
print(f"operators.npz: {len(cases)} cases")
