// Axes: which are shown and as what, which index the others have, and the bar
// of sliders that changes it.

import {clamp, el, fill, icon, iconButton} from './dom.js';
import {integer} from './format.js';
import {state} from './state.js';

// What an axis can be in the views of each kind: [key in the state, word, needed].
export const planeRoles = [['y', 'rows', true], ['x', 'columns', true]];
export const imageRoles = [['y', 'height', true], ['x', 'width', true], ['c', 'colour', false]];
export const lineRoles = [['along', 'along', true], ['by', 'series', false]];

// resolve returns the axes of the state where they make sense for a tensor, and
// else the defaults: {y, x, ..., i}, null for a role that no axis has.
export function resolve(tensor, roles, defaults) {
  const rank = tensor.shape.length;
  const out = {};
  const taken = new Set();
  for (const [role] of roles) {
    out[role] = null;
    if (state.get(role) === '_') continue; // switched off
    const axis = state.int(role, null);
    if (axis !== null && axis < rank && !taken.has(axis)) {
      out[role] = axis;
      taken.add(axis);
    }
  }
  for (const [role, , needed] of roles) {
    if (out[role] !== null || (!needed && state.get(role) === '_')) continue;
    const free = (a) => Number.isInteger(a) && a >= 0 && a < rank && !taken.has(a);
    let axis = defaults?.[role];
    if (!free(axis)) {
      axis = null;
      // The last free axis, but for rows only if another role leaves one.
      if (needed && rank - taken.size > 0 && !(rank === 1 && role === 'y')) {
        for (let a = rank - 1; a >= 0 && axis === null; a--) if (free(a)) axis = a;
      }
    }
    if (axis !== null) {
      out[role] = axis;
      taken.add(axis);
    }
  }
  const given = (state.get('i') ?? '').split(',');
  out.i = tensor.shape.map((n, a) => {
    const at = parseInt(given[a], 10);
    const index = Number.isNaN(at) ? Number(defaults?.i?.[a] ?? 0) || 0 : at;
    return clamp(index, 0, Math.max(0, Number(n) - 1));
  });
  return out;
}

// indices is i as the server takes it: '_' for the axes that are shown.
export function indices(i, shown) {
  return i.map((n, a) => (shown.includes(a) ? '_' : n)).join(',');
}

// brackets is a selection in NumPy's notation: parts by axis, ':' for a whole one.
export function brackets(tensor, parts) {
  return tensor.shape.map((_, a) => parts[a] ?? ':').join(',');
}

export const axisName = (tensor, a) => tensor.dims?.[a] || `axis ${a}`;

// An AxisBar shows a control for each axis.
export class AxisBar {
  // busy says whether the view still draws: playing waits for it.
  constructor(host, {busy}) {
    this.host = host;
    this.busy = busy;
    this.active = null; // axis that the keys , and . move
    this.timer = 0;
  }

  // show takes the tensor, the roles of the view and the axes resolved by it.
  show(tensor, roles, axes, delays) {
    const shown = roles.map(([role]) => axes[role]);
    const key = JSON.stringify([tensor.name, tensor.shape, tensor.dims, roles, shown]);
    this.delays = delays;
    this.tensor = tensor;
    this.roles = roles;
    this.axes = axes;
    this.free = tensor.shape.map((_, a) => a).filter((a) => !shown.includes(a));
    if (!this.free.includes(this.active)) this.active = this.free[0] ?? null;
    if (key !== this.key) {
      this.key = key;
      this.stop();
      this.build();
    }
    for (const [a, control] of this.controls) {
      if (document.activeElement !== control.slider) control.slider.value = axes.i[a];
      if (document.activeElement !== control.number) control.number.value = axes.i[a];
      control.slider.setAttribute('aria-valuetext', `${axes.i[a]} of ${tensor.shape[a]}`);
    }
  }

  build() {
    const {tensor, roles, axes} = this;
    this.controls = new Map();
    this.host.hidden = tensor.shape.length === 0 || roles.length === 0;
    fill(this.host, tensor.shape.map((n, a) => {
      const role = roles.find(([r]) => axes[r] === a)?.[0] ?? 'i';
      const name = axisName(tensor, a);
      const words = roles.map(([r, word]) => [r, word]);
      const select = tensor.shape.length > 1 && el('select.role', {
        aria: {label: `role of ${name}`}, title: `What ${name} is shown as`, onchange: () => this.assign(a, select.value),
      }, words.map(([r, word]) => el('option', {value: r}, word)), el('option', {value: 'i'}, 'index'));
      if (select) select.value = role;
      const title = el('span.axis-name', {title: `${name}, ${n} long`}, name, el('b', null, integer(n)));
      const chip = el(`div.axis${role === 'i' ? '.axis-index' : ''}`, {role: 'group', aria: {label: name}}, title, select);
      if (role === 'i' && Number(n) > 1) chip.append(...this.sliderFor(a, Number(n), name));
      return chip;
    }));
  }

  sliderFor(a, n, name) {
    const slider = el('input.slider', {
      type: 'range', min: 0, max: n - 1, step: 1, value: this.axes.i[a], aria: {label: `index of ${name}`},
      oninput: () => this.go(a, Number(slider.value)), onfocus: () => { this.active = a; },
    });
    const number = el('input.number', {
      type: 'text', inputMode: 'numeric', value: this.axes.i[a], aria: {label: `index of ${name}, typed`},
      onchange: () => {
        const at = parseInt(number.value, 10);
        if (Number.isNaN(at)) number.value = this.axes.i[a];
        else this.go(a, at < 0 ? n + at : at);
      },
    });
    number.style.width = `${String(n - 1).length + 2.5}ch`;
    const play = iconButton('play', `Play along ${name}`, () => this.toggle(a));
    this.controls.set(a, {slider, number, play});
    return [slider, number, play];
  }

  // assign gives axis a a role; the axis that had it takes the one of a.
  assign(a, role) {
    const patch = {};
    const before = this.roles.find(([r]) => this.axes[r] === a)?.[0];
    if (role !== 'i') {
      patch[role] = a;
      if (before) patch[before] = this.axes[role] ?? '_';
    } else if (before) {
      const needed = this.roles.find(([r]) => r === before)[2];
      // A needed role goes to the first axis that is free.
      const other = this.free[0];
      if (needed && other === undefined) {
        this.key = null; // the select shows what is true again
        this.show(this.tensor, this.roles, this.axes, this.delays);
        return;
      }
      patch[before] = needed ? other : '_';
    }
    state.set({...patch, sel: null, cx: null, cy: null, zx: null, zy: null, from: null, to: null}, true);
  }

  go(a, index) {
    this.active = a;
    const i = [...this.axes.i];
    i[a] = clamp(index, 0, Number(this.tensor.shape[a]) - 1);
    state.set({i: i.join(',')});
  }

  step(by) {
    if (this.active === null) return;
    this.go(this.active, this.axes.i[this.active] + by);
  }

  toggle(a = this.active) {
    if (a === null || a === undefined) return;
    if (this.timer) {
      const same = this.playing === a;
      this.stop();
      if (same) return;
    }
    this.playing = a;
    const {play} = this.controls.get(a) ?? {};
    if (!play) return;
    fill(play, icon('pause'));
    play.setAttribute('aria-pressed', 'true');
    const next = () => {
      const n = Number(this.tensor.shape[a]);
      const at = this.axes.i[a];
      const wait = Math.max(20, (this.delays?.length === n && Number(this.delays[at])) || 100);
      this.timer = setTimeout(() => {
        if (!this.busy() && !document.hidden) this.go(a, (this.axes.i[a] + 1) % n);
        next();
      }, wait);
    };
    next();
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = 0;
    for (const {play} of this.controls?.values() ?? []) {
      fill(play, icon('play'));
      play.setAttribute('aria-pressed', 'false');
    }
  }

  keys() {
    if (!this.free?.some((a) => this.controls.has(a))) return [];
    return [
      [',', 'previous index', () => this.step(-1)],
      ['.', 'next index', () => this.step(1)],
      ['<', 'ten back', () => this.step(-10)],
      ['>', 'ten on', () => this.step(10)],
      [';', 'next axis to step along', () => {
        const all = [...this.controls.keys()];
        this.active = all[(all.indexOf(this.active) + 1) % all.length];
        this.controls.get(this.active).slider.focus();
      }],
      ['p', 'play and pause', () => this.toggle()],
    ];
  }
}
