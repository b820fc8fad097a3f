// Lines: one axis as a chart, with minimum and maximum of what falls on a pixel,
// one series or several along a second axis, over indices or over another tensor.

import {getJSON, getRaw} from './api.js';
import {axisName, indices, lineRoles, resolve} from './axes.js';
import {Chart, axis as axisLook, seriesColours} from './chart.js';
import {choice, clamp, el, field, iconButton, later} from './dom.js';
import {integer, number} from './format.js';
import {state} from './state.js';

const most = 8; // series at once: as many as there are hues that can be told apart

// Units of time as milliseconds, for tensors that hold moments.
const moments = {s: 1000, ms: 1, us: 1e-3, ns: 1e-6};

// iso is a moment as text, '' beyond the years that dates have.
function iso(t) {
  const date = new Date(t * 1000);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString();
}

// times are the ticks of an axis of moments, in UTC as they are in the file: the day
// where it changes, and the hour as fine as it is needed.
function times(plot, splits, axis, space, step) {
  let day = '';
  return splits.map((t) => {
    const [date, hour = ''] = iso(t).split('T');
    const before = day;
    day = date;
    if (step >= 86_400) return date;
    const text = hour.slice(0, step >= 60 ? 5 : step >= 1 ? 8 : 12);
    return date === before ? text : `${text}\n${date}`;
  });
}

// lineDefaults chooses the axis to go along: time if there is such a thing, the
// long axis of a table, else the last one.
export function lineDefaults(tensor) {
  const shape = tensor.shape.map(Number);
  const time = tensor.dims?.findIndex((d) => /^(time|t|step|frame|sample)s?$/i.test(d ?? ''));
  const i = tensor.axes?.i;
  if (time >= 0) return {along: time, by: shape.length === 2 && shape[1 - time] <= most ? 1 - time : null, i};
  if (shape.length === 2 && shape[1] <= 16 && shape[0] > shape[1]) return {along: 0, by: 1, i};
  return {along: tensor.axes?.x ?? shape.length - 1, by: null, i};
}

export const line = {
  roles: lineRoles,
  mount(ctx) {
    const {tensor} = ctx;
    const defaults = lineDefaults(tensor);
    let axes = null;
    let key = '';
    let asked = null;
    let range = {from: 0, to: 0};
    let length = 0;
    let busy = false;
    const box = el('div.chart', {tabIndex: 0, role: 'img', aria: {label: `Lines of ${tensor.name}`}});
    ctx.host.append(box);
    const chart = new Chart(box, ctx.signal);
    const many = choice('Series shown', Array.from({length: most}, (_, k) => String(k + 1)), '4', (v) => state.set({many: v}));
    const manyField = field('Series', many);
    const log = choice('Vertical scale', [['linear', 'linear'], ['log', 'logarithmic']], 'linear', (v) => state.set({yscale: v === 'linear' ? null : v}));
    const names = el('datalist', {id: 'line-names'});
    const over = el('input.name-input', {
      type: 'text', list: 'line-names', placeholder: 'index', spellcheck: false, autocomplete: 'off',
      aria: {label: 'Tensor whose values are the horizontal axis'}, title: 'A 1-D tensor of the same length, for example of times',
      onchange: () => state.set({xt: over.value.trim() || null}), onfocus: offer,
    });
    over.setAttribute('list', 'line-names');
    ctx.tools.append(el('div.tool-group', null, manyField, field('Vertical', log), field('Over', over), names,
      iconButton('minus', 'Zoom out', () => zoom(2)), iconButton('plus', 'Zoom in', () => zoom(0.5)),
      iconButton('fit', 'Show everything', () => state.set({from: null, to: null}, true))));

    // offer lists tensors that fit as the horizontal axis.
    async function offer() {
      if (names.childElementCount) return;
      try {
        const {rows} = await getJSON('tensors', {f: ctx.base.f, at: ctx.base.at, limit: 1000}, ctx.signal);
        names.append(...rows.filter((row) => row.name !== tensor.name && row.shape?.length === 1 && Number(row.shape[0]) === length)
          .slice(0, 50).map((row) => el('option', {value: row.name})));
      } catch {
        // A list of suggestions is no loss.
      }
    }

    function seriesIndices() {
      if (axes.by === null) return [null];
      const n = Number(tensor.shape[axes.by]);
      const count = Math.min(n, clamp(state.int('many', Math.min(4, n)), 1, most));
      const first = clamp(axes.i[axes.by], 0, n - count);
      return Array.from({length: count}, (_, k) => first + k);
    }

    async function load(signal) {
      const n = clamp(Math.floor(box.clientWidth) - 90, 64, 8192);
      const params = {...ctx.base, axis: axes.along, from: range.from, to: range.to, n};
      const profile = (t, i) => getRaw('profile', {...params, t, i}, signal);
      const list = seriesIndices();
      const xName = state.get('xt');
      const jobs = list.map((at) => {
        const i = [...axes.i];
        if (at !== null) i[axes.by] = at;
        return profile(ctx.base.t, indices(i, [axes.along]));
      });
      let xs = null;
      let moment = 0;
      if (xName) {
        const doc = await ctx.known({...ctx.base, t: xName});
        if (doc.shape.length !== 1 || Number(doc.shape[0]) !== length) throw new Error(`${xName} is not one axis of ${length} values`);
        xs = (await getRaw('profile', {...params, t: xName, axis: 0, i: '_'}, signal)).data;
        moment = moments[doc.attrs?.unit] && /^[iu]64$/.test(doc.dtype) ? moments[doc.attrs.unit] : 0;
      }
      return {list, answers: await Promise.all(jobs), xs, moment, xName};
    }

    const start = later(30, async () => {
      asked?.abort();
      const abort = new AbortController();
      asked = abort;
      busy = true;
      box.dataset.busy = '1';
      try {
        const got = await load(AbortSignal.any([abort.signal, ctx.signal]));
        if (asked !== abort) return;
        await chart.draw((uPlot) => plot(uPlot, got));
      } catch (err) {
        if (!abort.signal.aborted && !ctx.signal.aborted) ctx.error(err);
      } finally {
        if (asked === abort) {
          busy = false;
          box.dataset.busy = '0';
        }
      }
    });

    function plot(uPlot, {list, answers, xs, moment, xName}) {
      const bins = answers[0].data.length / 2;
      const span = (range.to - range.from) / bins;
      const x = new Float64Array(bins);
      for (let k = 0; k < bins; k++) {
        if (xs) x[k] = ((xs[2 * k] + xs[2 * k + 1]) / 2) * (moment ? moment / 1000 : 1);
        else x[k] = span <= 1 ? range.from + k : range.from + (k + 0.5) * span - 0.5;
      }
      const colours = seriesColours();
      const data = [x];
      const series = [{}];
      const place = (k) => (k === null ? '' : moment ? iso(x[k]) : number(x[k], 9));
      const legend = [[xName ?? axisName(tensor, axes.along), '', place]];
      const bands = [];
      const whole = span <= 1;
      const bent = state.get('yscale') === 'log';
      const shown = (v) => (Number.isFinite(v) && (!bent || v > 0) ? v : null);
      list.forEach((at, n) => {
        const {data: pairs} = answers[n];
        const lo = new Array(bins);
        const hi = new Array(bins);
        for (let k = 0; k < bins; k++) {
          lo[k] = shown(pairs[2 * k]);
          hi[k] = shown(pairs[2 * k + 1]);
        }
        const label = at === null ? tensor.name.split(/[./]/).pop() : `${axisName(tensor, axes.by)} ${at}`;
        const look = {stroke: colours[n], width: 1.25, spanGaps: false, points: {show: whole && bins < 160, size: 4}};
        legend.push([label, colours[n], (k) => (k === null ? '' : whole || lo[k] === hi[k] ? number(hi[k], 7) : `${number(lo[k], 5)} … ${number(hi[k], 5)}`)]);
        data.push(hi);
        series.push(look);
        if (!whole) {
          data.push(lo);
          series.push(look);
          bands.push({series: [data.length - 2, data.length - 1], fill: `${colours[n]}40`});
        }
      });
      return {
        data, legend,
        options: {
          series, bands,
          tzDate: (t) => uPlot.tzDate(new Date(t * 1000), 'UTC'),
          scales: {x: {time: moment > 0}, y: {distr: bent ? 3 : 1}},
          axes: [
            axisLook({side: 2, label: xName ?? axisName(tensor, axes.along), ...(moment ? {values: times, size: 50} : {})}),
            axisLook({side: 3}),
          ],
          cursor: {drag: {x: true, y: false, setScale: false}, points: {size: 7}},
          hooks: {
            setSelect: [(u) => {
              if (u.select.width < 4) return;
              const a = u.posToIdx(u.select.left);
              const b = u.posToIdx(u.select.left + u.select.width);
              u.setSelect({left: 0, width: 0, top: 0, height: 0}, false);
              show(range.from + Math.floor(a * span), range.from + Math.ceil((b + 1) * span), true);
            }],
          },
        },
      };
    }

    // show moves to a range of indices, at least a few of them.
    function show(from, to, push) {
      const least = Math.min(length, 8);
      from = clamp(Math.round(from), 0, length - least);
      to = clamp(Math.round(to), from + least, length);
      const all = from === 0 && to === length;
      state.set({from: all ? null : from, to: all ? null : to}, push);
    }

    function zoom(factor, at = 0.5) {
      const span = range.to - range.from;
      const middle = range.from + span * at;
      show(middle - span * factor * at, middle + span * factor * (1 - at));
    }

    function pan(share) {
      const span = range.to - range.from;
      const from = clamp(range.from + Math.round(span * share), 0, length - span);
      show(from, from + span);
    }

    box.addEventListener('wheel', (event) => {
      const over = box.querySelector('.u-over');
      if (!over) return;
      event.preventDefault();
      const area = over.getBoundingClientRect();
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan(Math.sign(event.deltaX || event.deltaY) * 0.1);
      else zoom(Math.exp(clamp(event.deltaY, -200, 200) * 0.002), clamp((event.clientX - area.left) / area.width, 0, 1));
    }, {passive: false, signal: ctx.signal});
    box.addEventListener('dblclick', () => state.set({from: null, to: null}, true), {signal: ctx.signal});

    return {
      update() {
        axes = resolve(tensor, lineRoles, defaults);
        length = axes.along === null ? 1 : Number(tensor.shape[axes.along]);
        range = {from: Math.min(state.int('from', 0), Math.max(0, length - 1)), to: Math.min(state.int('to', length), length)};
        if (range.to <= range.from) range = {from: 0, to: length};
        manyField.hidden = axes.by === null;
        const count = String(seriesIndices().length);
        many.value = count;
        log.value = state.get('yscale') === 'log' ? 'log' : 'linear';
        if (document.activeElement !== over) over.value = state.get('xt') ?? '';
        const next = JSON.stringify([axes, range, count, state.get('xt'), state.get('yscale')]);
        if (next !== key) {
          key = next;
          box.dataset.busy = '1';
          start();
        }
        ctx.read(length > 1 ? `${integer(range.from)} to ${integer(range.to - 1)} of ${integer(length)}` : '');
        return axes;
      },
      busy: () => busy,
      focus: () => box.focus(),
      goTo(index) {
        const at = index[axes.along];
        show(at - 100, at + 101, true);
      },
      keys: () => [
        ['ArrowLeft', 'move left', () => pan(-0.2)],
        ['ArrowRight', 'move right', () => pan(0.2)],
        ['+ =', 'zoom in', () => zoom(0.5)],
        ['-', 'zoom out', () => zoom(2)],
        ['0', 'show everything', () => state.set({from: null, to: null}, true)],
        ['l', 'logarithmic or linear', () => state.set({yscale: state.get('yscale') === 'log' ? null : 'log'})],
      ],
    };
  },
};
