"""The order of samples as docs/loader.md specifies it, written from that text
alone. Prints cases as JSON: order.py [NUMBER [SEED]]; the golden file is
order.py 40 1 > order.json."""

import json
import random
import sys

MASK = 2**64 - 1
STEP = 0x9E3779B97F4A7C15


def mix(z):
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


def key(seed, epoch, number):
    k = mix((seed + STEP) & MASK)
    k = mix((k + STEP + epoch) & MASK)
    return mix((k + STEP + number) & MASK)


def permutation(n, key):
    """A function from 0 ... n-1 onto itself."""
    bits = max(6, (n - 1).bit_length())
    keys = [mix((key + (i + 1) * STEP) & MASK) for i in range(8)]

    def once(x):
        wide = bits - bits // 2
        left, right = x >> wide, x & (1 << wide) - 1
        width = [bits // 2, wide]  # of left and right
        for k in keys:
            f = mix((right + k) & MASK) & (1 << width[0]) - 1
            left, right = right, left ^ f
            width.reverse()
        return left << width[1] | right

    def at(x):
        x = once(x)
        while x >= n:
            x = once(x)
        return x

    return at


def share(n, rank, world, division):
    if division == "drop":
        return rank * (n // world), (rank + 1) * (n // world)
    if division == "repeat":
        each = -(-n // world)
        return rank * each, (rank + 1) * each
    sizes = [n // world + (r < n % world) for r in range(world)]
    return sum(sizes[:rank]), sum(sizes[: rank + 1])


def order(n, block, group, seed, shuffle, fixed, epoch, lo, hi):
    """All samples of positions lo ... hi-1: the long way, with lists."""
    blocks = [list(range(a, min(a + block, n))) for a in range(0, n, block)]
    if shuffle and not fixed:
        p = permutation(len(blocks), key(seed, epoch, 0))
        blocks = [blocks[p(i)] for i in range(len(blocks))]
    out = []
    for base in range(0, hi, n):  # samples are repeated from the first on
        at = base
        for number in range(0, len(blocks), group):
            samples = [s for b in blocks[number : number + group] for s in b]
            part = samples[max(lo - at, 0) : max(hi - at, 0)]
            at += len(samples)
            if shuffle and block > 1 and part:
                q = permutation(len(part), key(seed, epoch, number // group + 1))
                part = [part[q(i)] for i in range(len(part))]
            out += part
    return out


def main():
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    most = 60 if number < 100 else 500
    cases = []
    for _ in range(number):
        n, world = rng.randint(1, most), rng.randint(1, 4)
        c = {
            "n": n,
            "block": rng.choice([1, rng.randint(1, n), rng.randint(1, 8)]),
            "group": rng.randint(1, 6),
            "seed": str(rng.getrandbits(64)),
            "shuffle": rng.random() < 0.8,
            "fixed": rng.random() < 0.2,
            "epoch": rng.randint(0, 5),
            "rank": rng.randrange(world),
            "world": world,
            "division": rng.choice(["all", "drop", "repeat"]),
        }
        lo, hi = share(n, c["rank"], world, c["division"])
        c["samples"] = order(n, c["block"], c["group"], int(c["seed"]), c["shuffle"], c["fixed"], c["epoch"], lo, hi)
        cases.append(c)
    large = []
    for _ in range(number // 4):
        n = rng.randint(1, 2 ** rng.randint(1, 62))
        c = {"n": str(n), "key": str(rng.getrandbits(64)), "at": [], "goes": []}
        p = permutation(n, int(c["key"]))
        for _ in range(4):
            x = rng.randrange(n)
            c["at"].append(str(x))
            c["goes"].append(str(p(x)))
        large.append(c)
    rows = ",\n".join(json.dumps(c) for c in cases)
    print('{"orders": [\n' + rows + '\n],\n"permutations": [\n' + ",\n".join(json.dumps(c) for c in large) + "\n]}")


if __name__ == "__main__":
    main()
