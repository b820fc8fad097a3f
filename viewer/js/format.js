// Numbers, sizes and shapes as text.

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

export function bytes(value) {
  let n = Number(value);
  if (value === null || value === undefined || !Number.isFinite(n)) return '-';
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit++;
  }
  return `${unit === 0 ? n : n.toFixed(n < 10 ? 2 : 1)} ${units[unit]}`;
}

// integer groups digits by thin spaces; it takes numbers, BigInts and the
// strings that stand for integers beyond 2^53.
export function integer(value) {
  if (value === null || value === undefined) return '-';
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, '\u2009');
}

// number is short: for ticks, read-outs and tables, not for values that must
// read back (the server writes those).
export function number(value, digits = 6) {
  if (typeof value === 'string') value = parse(value);
  if (value === null || value === undefined) return '-';
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '\u2212∞';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e9) return String(value).replace('-', '\u2212');
  const text = size >= 1e-4 && size < 1e7
    ? String(Number(value.toPrecision(digits)))
    : value.toExponential(Math.max(0, digits - 1)).replace(/\.?0+e/, 'e').replace('e+', 'e');
  return text.replace('-', '\u2212').replace('e-', 'e\u2212');
}

// parse reads a number of the server's documents: NaN and infinities are strings.
export function parse(value) {
  switch (value) {
    case 'NaN': return NaN;
    case 'Infinity': return Infinity;
    case '-Infinity': return -Infinity;
    case null: case undefined: return null;
  }
  return Number(value);
}

export const shape = (dims) => `(${dims.join(', ')}${dims.length === 1 ? ',' : ''})`;

// short is a shape for narrow places.
export const shortShape = (dims) => (dims.length ? dims.join('×') : 'scalar');

// dtypeName is the dtype of a row; strings have none of their own.
export const dtypeName = (row) => (row.dtype === 'none' ? 'string' : row.dtype);

export function percent(part, whole) {
  if (!whole) return '0%';
  const p = (100 * part) / whole;
  return `${p > 0 && p < 0.1 ? '<0.1' : p.toFixed(p < 10 ? 1 : 0)}%`;
}

// seconds is a time on the axis of a recording.
export function seconds(t, digits = 3) {
  const sign = t < 0 ? '\u2212' : '';
  t = Math.abs(t);
  const h = Math.floor(t / 3600);
  const m = Math.floor((t % 3600) / 60);
  const s = (t % 60).toFixed(digits);
  const pad = (x) => (parseFloat(x) < 10 ? `0${x}` : x);
  return h ? `${sign}${h}:${pad(String(m))}:${pad(s)}` : `${sign}${m}:${pad(s)}`;
}

export function date(text) {
  if (!text) return '-';
  const d = new Date(text);
  return Number.isNaN(d.getTime()) ? text : d.toISOString().replace('T', ' ').replace(/\.000Z$|Z$/, ' UTC');
}

// ticks are round numbers in [lo, hi], about count of them.
export function ticks(lo, hi, count) {
  if (!(hi > lo) || count < 1) return [];
  const raw = (hi - lo) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((m) => m * power >= raw * 0.999);
  const out = [];
  for (let k = Math.ceil(lo / step - 1e-9); k * step <= hi + step * 1e-9; k++) out.push(k * step);
  return out;
}

// product of dims, saturating at infinity rather than wrapping.
export const product = (dims) => dims.reduce((a, b) => a * Number(b), 1);
