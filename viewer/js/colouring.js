// The controls of colours that planes share: map, scale, range, clipping. They
// ask the server for the range of what is shown and keep it till it changes.

import {getJSON} from './api.js';
import {ColorBar, Scale, maps, scales} from './color.js';
import {choice, el, field, fill, iconButton, numberInput} from './dom.js';
import {integer, number, parse} from './format.js';
import {state} from './state.js';

const clips = [['0', 'min to max'], ['0.1', '0.1 to 99.9 %'], ['1', '1 to 99 %'], ['2', '2 to 98 %'], ['5', '5 to 95 %']];

export class Colouring {
  // changed(lut, scale) is called when something is to be drawn anew.
  constructor(ctx, barHost, changed, {scales: kinds = scales, prefix = ''} = {}) {
    this.ctx = ctx;
    this.changed = changed;
    this.prefix = prefix; // of the keys in the state
    this.range = null;
    this.bar = new ColorBar(barHost);
    this.map = choice('Colour map', [], '', (v) => this.set({cmap: v}));
    this.kind = choice('Scale', kinds, 'linear', (v) => this.set({scale: v === 'linear' ? null : v}));
    this.clip = choice('Range', clips, '0', (v) => this.set({clip: v === '0' ? null : v, lo: null, hi: null}));
    this.lo = numberInput('Lower end of the colours', '', (v) => this.set({lo: v}), {placeholder: 'from'});
    this.hi = numberInput('Upper end of the colours', '', (v) => this.set({hi: v}), {placeholder: 'to'});
    this.reset = iconButton('loop', 'Range of what is shown', () => this.set({lo: null, hi: null}));
    this.tools = el('div.tool-group', null,
      this.damage = el('span.chip.warn', {hidden: true}), field('Colours', this.map), field('Scale', this.kind), field('Range', this.clip),
      el('span.pair', null, this.lo, '…', this.hi, this.reset));
    maps().then((all) => {
      this.maps = all;
      this.map.replaceChildren(...[...all.keys()].map((name) => el('option', {value: name}, name)));
      this.apply();
    }).catch((err) => ctx.error(err));
  }

  set(patch) {
    state.set(Object.fromEntries(Object.entries(patch).map(([k, v]) => [this.prefix + k, v])));
  }

  get(key) {
    return state.get(this.prefix + key);
  }

  // update asks for the range of a plane, once begun is kept; params are those of the
  // request.
  update(params, begun) {
    const clip = Math.min(49, Math.max(0, Number(this.get('clip')) || 0));
    const p = clip > 0 ? `${clip},${100 - clip}` : '1,99';
    const key = JSON.stringify([params, p]);
    this.percentiles = clip > 0;
    if (key === this.key) {
      this.apply();
      return;
    }
    this.key = key;
    this.asked?.abort();
    const abort = new AbortController();
    this.asked = abort;
    this.bar.node.dataset.busy = '1';
    Promise.resolve(begun).then(() => getJSON('range', {...params, p}, AbortSignal.any([abort.signal, this.ctx.signal]))).then((range) => {
      this.range = range;
      this.apply();
    }).catch((err) => {
      if (abort.signal.aborted || this.ctx.signal.aborted) return;
      this.range ??= {min: 0, max: 1, p: [0, 1]};
      this.apply();
      this.ctx.error(err);
    }).finally(() => {
      if (this.asked === abort) this.bar.node.dataset.busy = '0';
    });
    this.apply();
  }

  // guess takes the values of a tile for the range until that of the plane is known,
  // so that there is something to see.
  guess(data) {
    if (this.range) return;
    let min = Infinity;
    let max = -Infinity;
    for (const v of data) {
      if (v - v !== 0) continue;
      if (v < min) min = v;
      if (v > max) max = v;
    }
    if (min > max) return;
    this.range = {min, max, p: [min, max], exact: false};
    this.apply();
  }

  apply() {
    if (!this.maps || !this.range) return;
    const name = this.maps.has(this.get('cmap')) ? this.get('cmap') : this.maps.keys().next().value;
    const kind = scales.some(([k]) => k === this.get('scale')) ? this.get('scale') : 'linear';
    const [lo, hi] = this.percentiles ? this.range.p.map(parse) : [parse(this.range.min), parse(this.range.max)];
    const finite = (v, otherwise) => (Number.isFinite(v) ? v : otherwise);
    const given = {lo: state.float(`${this.prefix}lo`, null), hi: state.float(`${this.prefix}hi`, null)};
    const from = given.lo ?? finite(lo, 0);
    const scale = new Scale(kind, from, given.hi ?? finite(hi, from + 1));
    this.map.value = name;
    this.kind.value = kind;
    this.clip.value = clips.some(([c]) => c === this.get('clip')) ? this.get('clip') : '0';
    for (const [input, value, own] of [[this.lo, scale.lo, given.lo], [this.hi, scale.hi, given.hi]]) {
      if (document.activeElement !== input) input.value = own ?? Number(value.toPrecision(5));
      input.classList.toggle('set', own !== null);
    }
    this.reset.disabled = given.lo === null && given.hi === null;
    // Moving about changes nothing here, and colouring tiles anew is work.
    const look = JSON.stringify([name, kind, scale.lo, scale.hi, this.range]);
    if (look === this.look) return;
    this.look = look;
    this.scale = scale;
    this.lut = this.maps.get(name);
    this.bar.show(this.lut, scale, this.range);
    const damaged = parse(this.range.damaged) || 0;
    this.damage.hidden = damaged === 0;
    fill(this.damage, `${this.range.exact === false ? 'elements' : integer(damaged)} damaged`);
    this.damage.title = 'A chunk that does not decode, or whose checksum is wrong, is hatched in red in its place. Statistics and Compare name it.';
    this.bar.node.title = this.range.exact === false ? 'range of a sample of the values' : '';
    this.changed(this.lut, scale);
  }

  next(control) {
    control.selectedIndex = (control.selectedIndex + 1) % control.options.length;
    control.dispatchEvent(new Event('change'));
  }

  // hold keeps the range of now for all other slices.
  hold() {
    if (!this.scale) return;
    const held = this.get('lo') !== undefined || this.get('hi') !== undefined;
    this.set(held ? {lo: null, hi: null} : {lo: this.scale.lo, hi: this.scale.hi});
    this.ctx.say(held ? 'Range of what is shown' : `Range kept: ${number(this.scale.lo)} to ${number(this.scale.hi)}`);
  }

  keys() {
    return [
      ['c', 'next colour map', () => this.next(this.map)],
      ['s', 'next scale', () => this.next(this.kind)],
      ['r', 'next range', () => this.next(this.clip)],
      ['l', 'keep the range for other slices', () => this.hold()],
    ];
  }
}
