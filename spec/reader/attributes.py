"""Attributes: JSON with what that leaves open closed (specification, "Attributes"); and errors."""
import base64, json, math, re

class Error(Exception):
    def __init__(self, kind, rule, text=""):
        super().__init__("%s: %s: %s" % (rule, kind, text))
        self.kind, self.rule = kind, rule

def need(ok, rule, text="", kind="Corrupt"):
    if not ok: raise Error(kind, rule, text)

def parse_attributes(raw):
    if not raw: return {}
    need(len(raw) <= 16 << 20, "attr.size", "%d bytes" % len(raw), "Limit")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as e:
        raise Error("Format", "attr.utf8", str(e))
    need(not text.startswith("\ufeff"), "attr.utf8", "a byte order mark", "Format")
    depth = deepest = 0
    for piece in re.findall(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', text, re.S):
        if piece[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif piece[0] in "]}":
            depth -= 1
    need(deepest <= 32, "attr.depth", "%d levels" % deepest, "Limit")

    def pairs(items):
        need(len(dict(items)) == len(items), "attr.duplicate", "a key twice", "Duplicate")
        return dict(items)

    def integer(s):
        need(-1 << 63 <= int(s[:40]) < 1 << 64 and len(s) < 40, "attr.number", s[:40], "Overflow")
        return int(s)

    def number(s):
        need(math.isfinite(float(s)), "attr.number", s[:40], "Overflow")
        return float(s)

    def constant(s):
        raise Error("Format", "attr.json", s)

    try:
        value = json.loads(text, object_pairs_hook=pairs, parse_int=integer, parse_float=number, parse_constant=constant)
    except ValueError as e:
        raise Error("Format", "attr.json", str(e))
    need(isinstance(value, dict), "attr.json", "no object", "Format")
    need(check_value(value, True) <= 131072, "attr.count", "more than 131072 values", "Limit")
    return value

DOLLAR = {"$f64": re.compile(r"[0-9a-fA-F]{16}"), "$f32": re.compile(r"[0-9a-fA-F]{8}")}

def check_value(v, top=False):  # how many values it has
    n = 1
    if isinstance(v, str):
        need(not re.search("[\ud800-\udfff]", v), "attr.utf8", "an unpaired surrogate", "Format")
    elif isinstance(v, list):
        need(len(v) <= 4096, "attr.long", "%d elements" % len(v), "Limit")
        n += sum(check_value(x) for x in v)
    elif isinstance(v, dict):
        for k, x in v.items():
            check_value(k)
            n += check_value(x)
        if len(v) == 1 and next(iter(v)) in ("$f64", "$f32", "$bytes"):
            (k, x), = v.items()
            ok = isinstance(x, str) and not top
            if ok and k in DOLLAR:
                ok = DOLLAR[k].fullmatch(x)
            elif ok:
                try:
                    ok = base64.b64encode(base64.b64decode(x, validate=True)).decode() == x
                except ValueError:
                    ok = False
            need(ok, "attr.dollar", str(v)[:60], "Format")
    return n
