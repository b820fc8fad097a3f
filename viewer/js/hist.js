// Statistics and histogram: computed by the server block by block, with progress,
// and ended when nobody waits any more.

import {stream} from './api.js';
import {brackets, planeRoles, resolve} from './axes.js';
import {Chart, axis as axisLook, seriesColours} from './chart.js';
import {choice, el, field, fill, numberInput} from './dom.js';
import {integer, number, parse, percent} from './format.js';
import {parseRect} from './heat.js';
import {state} from './state.js';

const binChoices = ['10', '20', '50', '100', '200', '500', '1000'];

export const hist = {
  mount(ctx) {
    const {tensor} = ctx;
    let key = '';
    let statsKey = '';
    let job = null;
    let doc = null;
    const table = el('div.stats');
    const box = el('div.chart', {role: 'img', aria: {label: `Histogram of ${tensor.name}`}});
    const bar = el('progress', {max: 1, value: 0, aria: {label: 'Progress'}});
    const note = el('span.dim');
    const stop = el('button', {type: 'button', onclick: cancel}, 'Cancel (Esc)');
    const again = el('button', {type: 'button', onclick: () => { key = statsKey = ''; ctx.fresh(); }}, 'Compute');
    const work = el('div.work', {hidden: true}, bar, note, stop);
    const idle = el('div.work', {hidden: true}, el('span', null, 'Cancelled. '), again);
    ctx.host.append(work, idle, el('div.hist-row', null, table, box));
    const chart = new Chart(box, ctx.signal);
    const scope = choice('Part', [], 'all', (v) => state.set({scope: v === 'all' ? null : v}));
    const bins = choice('Bins', binChoices, '100', (v) => state.set({bins: v === '100' ? null : v}));
    const log = choice('Counts', [['linear', 'linear'], ['log', 'logarithmic']], 'linear', (v) => state.set({yscale: v === 'linear' ? null : v}));
    const lo = numberInput('Lowest value counted', '', (v) => state.set({hlo: v}), {placeholder: 'min'});
    const hi = numberInput('Highest value counted', '', (v) => state.set({hhi: v}), {placeholder: 'max'});
    ctx.tools.append(el('div.tool-group', null, field('Of', scope), field('Bins', bins), field('Counts', log),
      el('span.pair', null, lo, '…', hi)));

    // parts of the tensor to look at: all, the plane of the other views, the selection.
    function scopes(axes) {
      const out = [['all', 'the whole tensor', undefined]];
      if (tensor.shape.length === 0 || (axes.y === null && axes.x === null)) return out;
      const rect = parseRect(state.get('sel'));
      const parts = Object.fromEntries(axes.i.map((n, a) => [a, a === axes.y || a === axes.x ? ':' : String(n)]));
      if (tensor.shape.length > 2) out.push(['plane', `the plane [${brackets(tensor, parts)}]`, brackets(tensor, parts)]);
      if (rect) {
        const part = {...parts};
        if (axes.y !== null) part[axes.y] = `${rect.r0}:${rect.r1}`;
        if (axes.x !== null) part[axes.x] = `${rect.c0}:${rect.c1}`;
        out.push(['sel', `what is selected [${brackets(tensor, part)}]`, brackets(tensor, part)]);
      }
      return out;
    }

    function cancel() {
      if (!job) return;
      job.abort();
      job = null;
      work.hidden = true;
      idle.hidden = false;
      box.dataset.busy = '0';
      ctx.say('Cancelled');
    }

    async function run(params, sel) {
      job?.abort();
      const abort = new AbortController();
      job = abort;
      work.hidden = true;
      idle.hidden = true;
      box.dataset.busy = '1';
      // Quick answers do not flash a progress bar.
      const show = setTimeout(() => { work.hidden = false; }, 150);
      const progress = (word) => (done, total) => {
        bar.value = total > 0 ? done / total : 0;
        note.textContent = `${word}: ${percent(done, total)}`;
      };
      const signal = AbortSignal.any([abort.signal, ctx.signal]);
      try {
        if (statsKey !== sel || !doc) {
          doc = null;
          doc = await stream('stats', {...ctx.base, sel: sel || undefined}, signal, progress('Statistics'));
          if (job !== abort) return;
          statsKey = sel;
          showStats();
        }
        if (doc.numeric !== false) {
          // The server wants both ends or none.
          const ends = params.lo === undefined && params.hi === undefined ? {} : {lo: params.lo ?? doc.min, hi: params.hi ?? doc.max};
          const {histogram} = await stream('histogram', {...params, ...ends}, signal, progress('Histogram'));
          if (job !== abort) return;
          if (histogram) await chart.draw((uPlot) => plot(uPlot, histogram));
        }
      } catch (err) {
        if (!signal.aborted) ctx.error(err);
      } finally {
        clearTimeout(show);
        if (job === abort) {
          job = null;
          work.hidden = true;
          box.dataset.busy = '0';
        }
      }
    }

    function showStats() {
      const row = (name, value, title) => el('tr', {title: title ?? ''}, el('th', {scope: 'row'}, name), el('td', null, value));
      const exact = (v) => (v === null || v === undefined ? '-' : String(v));
      const count = Number(doc.count);
      const share = (n) => (Number(n) > 0 ? [integer(n), el('span.dim', null, ` ${percent(Number(n), count)}`)] : '0');
      box.hidden = doc.numeric === false;
      fill(table, el('table.plain', null,
        el('caption', null, doc.of && doc.of !== 'values' ? `of ${doc.of}` : 'of values'),
        el('tbody', null,
          row('count', integer(doc.count)),
          doc.numeric === false ? row('', 'these have no statistics') : [
            row('min', exact(doc.min)), row('max', exact(doc.max)),
            row('mean', number(parse(doc.mean), 9)), row('std', number(parse(doc.std), 9), 'of the population'),
            (doc.quantiles ?? []).map(({q, value}) => row(q === 0.5 ? 'median' : `${Number((q * 100).toPrecision(4))} %`,
              `${doc.quantiles_exact === false ? '~' : ''}${number(parse(value), 7)}`, doc.quantiles_exact === false ? 'within 1/4096 of the value' : '')),
            row('zeros', share(doc.zeros)),
            row('NaN', share(doc.nan)), row('+∞', share(doc.positive_infinity)), row('−∞', share(doc.negative_infinity)),
          ])), lost());
    }

    // What is damaged is not counted: where it is, and why.
    function lost() {
      const list = doc.lost ?? [];
      if (!list.length) return null;
      const told = list.slice(0, 20);
      return el('details.lost', {open: true},
        el('summary.bad', null, `${integer(doc.lost_elements)} damaged elements, not counted`),
        el('ul', null,
          told.map((part) => el('li', {title: part.error.message},
            el('code', null, part.selection), el('span.dim', null, ` ${integer(part.elements)}, ${part.error.chunk || part.error.field || 'damaged'}`))),
          list.length > told.length && el('li.dim', null, `and ${integer(list.length - told.length)} more`)));
    }

    function plot(uPlot, {min, max, counts}) {
      const from = parse(min);
      const width = (parse(max) - from) / counts.length;
      const [fillColour] = seriesColours();
      const bent = state.get('yscale') === 'log';
      const x = counts.map((_, k) => from + (k + 0.5) * width);
      // On a logarithm nothing has no place: such bars are left out.
      const y = counts.map((n) => (bent && Number(n) === 0 ? null : Number(n)));
      const total = y.reduce((a, b) => a + b, 0);
      const edge = (k) => number(from + k * width, 5);
      return {
        data: [x, y],
        legend: [
          ['bin', '', (k) => (k === null ? '' : `${edge(k)} … ${edge(k + 1)}`)],
          ['count', fillColour, (k) => (k === null ? '' : `${integer(counts[k])}  (${percent(Number(counts[k]), total)})`)],
        ],
        options: {
          scales: {
            x: {time: false, range: [from, from + width * counts.length || from + 1]},
            y: bent ? {distr: 3, range: (_, __, top) => [0.5, Math.max(1, top * 1.3)]} : {range: (_, __, top) => [0, top * 1.05 || 1]},
          },
          axes: [axisLook({side: 2, label: 'value'}), axisLook({side: 3, label: 'count', size: 74})],
          series: [
            {},
            {stroke: fillColour, fill: `${fillColour}b0`, width: 0, points: {show: false},
              paths: uPlot.paths.bars({size: [1, Infinity], gap: counts.length > 120 ? 0 : 1})},
          ],
          cursor: {drag: {x: true, y: false, setScale: false}, points: {show: false}},
          hooks: {
            setSelect: [(u) => {
              if (u.select.width < 4) return;
              const a = u.posToVal(u.select.left, 'x');
              const b = u.posToVal(u.select.left + u.select.width, 'x');
              u.setSelect({left: 0, width: 0, top: 0, height: 0}, false);
              state.set({hlo: Number(a.toPrecision(6)), hhi: Number(b.toPrecision(6))}, true);
            }],
          },
        },
      };
    }

    box.addEventListener('dblclick', () => state.set({hlo: null, hhi: null}, true), {signal: ctx.signal});
    ctx.signal.addEventListener('abort', () => job?.abort());

    return {
      update() {
        const axes = resolve(tensor, planeRoles, tensor.axes);
        const all = scopes(axes);
        const [id, , sel] = all.find(([s]) => s === state.get('scope')) ?? all[0];
        const words = all.map(([v, text]) => el('option', {value: v}, text));
        if (words.map((o) => o.textContent).join() !== [...scope.options].map((o) => o.textContent).join()) scope.replaceChildren(...words);
        scope.value = id;
        bins.value = binChoices.includes(state.get('bins')) ? state.get('bins') : '100';
        log.value = state.get('yscale') === 'log' ? 'log' : 'linear';
        for (const [input, k] of [[lo, 'hlo'], [hi, 'hhi']]) if (document.activeElement !== input) input.value = state.get(k) ?? '';
        const params = {...ctx.base, sel, bins: bins.value, lo: state.get('hlo'), hi: state.get('hhi')};
        const next = JSON.stringify([params]);
        const look = state.get('yscale') ?? '';
        if (next !== key) {
          key = next;
          run(params, sel ?? '');
        } else if (look !== this.look) {
          chart.again();
        }
        this.look = look;
        return scope.value === 'plane' ? axes : null;
      },
      roles: () => planeRoles,
      busy: () => job !== null,
      cancel,
      focus: () => scope.focus(),
      keys: () => [
        ['l', 'counts logarithmic or linear', () => state.set({yscale: state.get('yscale') === 'log' ? null : 'log'})],
        ['0', 'the whole range', () => state.set({hlo: null, hhi: null}, true)],
      ],
    };
  },
};
