// Colours of values: maps from the server as look-up tables, scales, marks for
// what is no number, and the colour bar.

import {getJSON} from './api.js';
import {el, fill} from './dom.js';
import {number, parse, ticks} from './format.js';

// Values that no colour map holds. Damage is a NaN with this payload.
const damagedBits = 0x7fc0dead;

// What is not finite is told apart by hue and by lightness, so that it shows on
// every map and in grey; damage is hatched besides.
export const marks = {
  nan: {rgb: [224, 64, 208], text: 'NaN'},
  posinf: {rgb: [255, 255, 255], text: '+∞'},
  neginf: {rgb: [0, 0, 0], text: '−∞'},
  damaged: {rgb: [214, 32, 32], dark: [70, 0, 0], text: 'damaged'},
};

const pack = ([r, g, b]) => (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
const packed = {
  nan: pack(marks.nan.rgb), posinf: pack(marks.posinf.rgb), neginf: pack(marks.neginf.rgb),
  damaged: pack(marks.damaged.rgb), dark: pack(marks.damaged.dark),
};

let loading;

// maps returns the colour maps: name -> 256 packed pixels.
export function maps() {
  loading ??= getJSON('colormaps').then((doc) => new Map(doc.maps.map(({name, rgb}) => {
    const bytes = Uint8Array.from(atob(rgb), (c) => c.charCodeAt(0));
    return [name, Uint32Array.from({length: 256}, (_, k) => pack(bytes.subarray(3 * k, 3 * k + 3)))];
  }))).catch((err) => {
    loading = undefined; // so that the next view tries again
    throw err;
  });
  return loading;
}

export const scales = [['linear', 'linear'], ['symmetric', 'symmetric'], ['log', 'logarithmic'], ['symlog', 'symmetric log']];

// Scale maps values to 0..1 and back. A logarithm needs positive ends: a lower
// end that is not becomes a millionth of the upper one.
export class Scale {
  constructor(kind, lo, hi) {
    this.kind = kind;
    if (kind === 'symmetric' || kind === 'symlog') {
      const m = Math.max(Math.abs(lo), Math.abs(hi)) || 1;
      [lo, hi] = [-m, m];
    }
    if (kind === 'log') {
      if (!(hi > 0)) hi = 1;
      if (!(lo > 0)) lo = hi * 1e-6;
    }
    if (!(hi > lo)) [lo, hi] = lo === 0 || kind === 'log' ? [lo, lo * 10 || 1] : [lo - Math.abs(lo) / 2, lo + Math.abs(lo) / 2];
    this.lo = lo;
    this.hi = hi;
    this.linear = kind === 'linear' || kind === 'symmetric';
    // Around zero the symmetric logarithm is linear, in a thousandth of the range.
    this.knee = hi / 1000;
    this.a = this.bend(lo);
    this.b = this.bend(hi);
  }

  bend(v) {
    switch (this.kind) {
      case 'log': return Math.log(v);
      case 'symlog': return Math.sign(v) * Math.log1p(Math.abs(v) / this.knee);
    }
    return v;
  }

  unbend(u) {
    switch (this.kind) {
      case 'log': return Math.exp(u);
      case 'symlog': return Math.sign(u) * Math.expm1(Math.abs(u)) * this.knee;
    }
    return u;
  }

  at(v) {
    if (this.kind === 'log' && v <= 0) return 0;
    return (this.bend(v) - this.a) / (this.b - this.a);
  }

  value(t) {
    return this.unbend(this.a + t * (this.b - this.a));
  }

  // ticks of the colour bar: round values, powers of ten where it is bent.
  ticks(count) {
    if (this.linear) return ticks(this.lo, this.hi, count);
    const out = [];
    const powers = (lo, hi) => {
      const first = Math.ceil(Math.log10(lo) - 1e-9);
      const last = Math.floor(Math.log10(hi) + 1e-9);
      const step = Math.max(1, Math.ceil((last - first + 1) / count));
      for (let e = last; e >= first; e -= step) out.push(10 ** e);
    };
    if (this.kind === 'log') {
      powers(this.lo, this.hi);
      return out.length > 1 ? out.reverse() : ticks(this.lo, this.hi, count).filter((v) => v > 0);
    }
    count = Math.max(2, Math.floor(count / 2));
    powers(this.knee, this.hi);
    return [...out.map((v) => -v), 0, ...out.reverse()];
  }
}

// paint colours values into pixels of the same number, width to a row.
export function paint(values, pixels, width, lut, scale) {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const {lo, hi, linear} = scale;
  const factor = 256 / (hi - lo);
  for (let k = 0; k < values.length; k++) {
    const v = values[k];
    if (v - v !== 0) { // NaN and infinities
      if (v === Infinity) pixels[k] = packed.posinf;
      else if (v === -Infinity) pixels[k] = packed.neginf;
      else if (bits[k] !== damagedBits) pixels[k] = packed.nan;
      else pixels[k] = ((k % width) + Math.floor(k / width)) & 2 ? packed.damaged : packed.dark;
      continue;
    }
    const t = linear ? (v - lo) * factor : scale.at(v) * 256;
    pixels[k] = lut[t <= 0 ? 0 : t >= 255 ? 255 : t | 0];
  }
}

// what says which mark a value has, or null for a number.
export function what(values, k) {
  const v = values[k];
  if (v - v === 0) return null;
  if (v === Infinity) return 'posinf';
  if (v === -Infinity) return 'neginf';
  return new Uint32Array(values.buffer, values.byteOffset, values.length)[k] === damagedBits ? 'damaged' : 'nan';
}

// light says whether text on a colour of a map should be dark.
export function light(pixel) {
  const linear = (byte) => ((byte & 255) / 255) ** 2.2;
  // Above this luminance black has the larger contrast.
  return 0.2126 * linear(pixel) + 0.7152 * linear(pixel >> 8) + 0.0722 * linear(pixel >> 16) > 0.179;
}

// A ColorBar shows a map upright with its ticks, and what the marks mean.
export class ColorBar {
  constructor(host) {
    this.canvas = el('canvas.bar-map', {width: 1, height: 256, role: 'img'});
    this.labels = el('div.bar-ticks', {aria: {hidden: 'true'}});
    this.legend = el('ul.bar-legend', {aria: {label: 'marks'}});
    this.node = el('aside.colorbar', {aria: {label: 'Colour bar'}},
      el('div.bar', null, this.canvas, this.labels), this.legend);
    host.append(this.node);
  }

  // show takes a map, a scale and the counts of what is no number.
  show(lut, scale, counts = {}) {
    const context = this.canvas.getContext('2d');
    const image = context.createImageData(1, 256);
    new Uint32Array(image.data.buffer).set(lut.slice().reverse());
    context.putImageData(image, 0, 0);
    this.canvas.setAttribute('aria-label', `colours from ${number(scale.lo)} to ${number(scale.hi)}, ${scale.kind}`);
    const room = Math.max(2, Math.floor((this.node.querySelector('.bar').clientHeight || 300) / 40));
    const places = scale.ticks(room).map((v) => [v, scale.at(v)]).filter(([, t]) => t >= -0.001 && t <= 1.001);
    // The ends are always told; ticks that would touch them are left out.
    const free = places.filter(([, t]) => t > 0.06 && t < 0.94);
    fill(this.labels, [[scale.lo, 0], ...free, [scale.hi, 1]].map(([v, t]) => {
      const tick = el('span', null, number(v, 4));
      tick.style.bottom = `${Math.max(0, Math.min(1, t)) * 100}%`;
      return tick;
    }));
    fill(this.legend, Object.entries(marks)
      // Of a sample nobody knows; else there is a mark for what there is.
      .filter(([name]) => Number(counts[name]) > 0 || counts.exact === false && (name === 'nan' || name === 'damaged'))
      .map(([name, mark]) => {
        const n = parse(counts[name]);
        const swatch = el(`i.mark-${name}`);
        return el('li', {title: n === null ? mark.text : `${mark.text}: ${n}`}, swatch, mark.text, n > 0 && el('b', null, ` ${n}`));
      }));
  }
}
