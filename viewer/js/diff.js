// Comparison of two tensors: side by side, where they differ, and the largest
// differences first.

import {getJSON, stream} from './api.js';
import {planeRoles, resolve} from './axes.js';
import {ColorBar, marks, Scale} from './color.js';
import {Colouring} from './colouring.js';
import {otherSide} from './compare.js';
import {choice, el, field, fill} from './dom.js';
import {integer, number, parse, percent, shape as shapeText} from './format.js';
import {cellIndex, planeParams, planeSize, tileOf, viewOf, viewPatch} from './heat.js';
import {Plane} from './plane.js';
import {state} from './state.js';

export const diff = {
  roles: planeRoles,
  mount(ctx) {
    const {tensor} = ctx;
    let axes = null;
    let key = '';
    let planesKey = '';
    let job = null;
    let right = null; // what is known of the tensor on the right
    let result = null;
    let look = null; // of the differences
    const other = otherSide(ctx);
    const names = el('datalist', {id: 'diff-names'});
    const name = el('input.name-input', {
      type: 'text', spellcheck: false, autocomplete: 'off', aria: {label: 'Tensor on the right'}, onfocus: offer,
      onchange: () => state.set({u: name.value.trim() === tensor.name ? null : name.value.trim() || null}),
    });
    name.setAttribute('list', 'diff-names');
    const bent = choice('Scale of the differences', [['linear', 'linear'], ['log', 'logarithmic']], 'linear', (v) => state.set({dscale: v === 'linear' ? null : v}));
    ctx.tools.append(el('div.tool-group', null, other.nodes, field('tensor', name), names, field('differences', bent)));

    const bar = el('progress', {max: 1, value: 0, aria: {label: 'Progress'}});
    const note = el('span.dim');
    const work = el('div.work', {hidden: true}, bar, note, el('button', {type: 'button', onclick: cancel}, 'Cancel (Esc)'));
    const summary = el('div.diff-summary');
    const sides = el('div.diff-planes');
    const table = el('div.diff-table', {tabIndex: 0});
    ctx.host.append(work, summary, el('div.diff-body', null, sides, table));

    const linked = [];
    let restyle = () => {};

    function addPlane(title, label) {
      const body = el('div.plane-row');
      const caption = el('figcaption', null, title);
      sides.append(el('figure.diff-side', null, caption, body));
      const plane = new Plane(body, ctx.signal, {
        label, map: false,
        on: {view: (view) => state.set(viewPatch(view)), hover, error: (err) => ctx.error(err)},
      });
      linked.push(plane);
      return {plane, body, caption};
    }
    const a = addPlane('left', `Left: ${tensor.name}`);
    const b = addPlane('right', 'Right');
    const bars = el('div.diff-bar');
    sides.append(bars);
    const d = addPlane('difference', 'Absolute difference');
    const differenceBars = el('div.diff-bar');
    sides.append(differenceBars);
    const colours = new Colouring(ctx, bars, (lut, scale) => {
      a.plane.setStyle(lut, scale);
      b.plane.setStyle(lut, scale);
      restyle();
    });
    ctx.tools.append(colours.tools);
    const differenceBar = new ColorBar(differenceBars);

    function hover(cell) {
      if (!cell || !axes) {
        ctx.read('');
        return;
      }
      const values = linked.map((plane) => {
        const got = plane.source ? plane.valueAt(cell.row, cell.col) : null;
        return got ? (got.mark ? marks[got.mark].text : number(got.value, 6)) : '-';
      });
      for (const plane of linked) {
        plane.hovered = {row: cell.row, col: cell.col};
        plane.drawOver();
      }
      ctx.read(`${cellIndex(axes, cell.row, cell.col)}   left ${values[0]}   right ${values[1]}   difference ${values[2]}`);
    }

    async function offer() {
      if (names.childElementCount) return;
      try {
        const {rows} = await getJSON('tensors', {f: state.get('g') ?? ctx.base.f, at: state.get('bt'), limit: 1000}, ctx.signal);
        const same = (row) => row.shape && String(row.shape) === String(tensor.shape);
        names.append(...rows.filter(same).slice(0, 100).map((row) => el('option', {value: row.name})));
      } catch {
        // A list of suggestions is no loss.
      }
    }

    const sideB = () => ({g: state.get('g') ?? String(ctx.base.f), bt: state.get('bt'), u: state.get('u') ?? tensor.name});
    const itself = (s) => s.g === String(ctx.base.f) && (s.bt ?? '') === (state.get('at') ?? '') && s.u === tensor.name;

    function cancel() {
      job?.abort();
      job = null;
      work.hidden = true;
    }

    async function run() {
      job?.abort();
      const abort = new AbortController();
      job = abort;
      const signal = AbortSignal.any([abort.signal, ctx.signal]);
      const s = sideB();
      right = result = null;
      fill(table);
      fill(summary, el('span.dim', null, 'Comparing …'));
      work.hidden = false;
      bar.value = 0;
      try {
        right = await ctx.known({f: s.g, at: s.bt, t: s.u});
        if (job !== abort) return;
        planesKey = '';
        ctx.fresh();
        result = await stream('diff', {...ctx.base, ...s}, signal, (done, total) => {
          bar.value = total > 0 ? done / total : 0;
          note.textContent = percent(done, total);
        });
        if (job !== abort) return;
        planesKey = '';
        showResult();
        ctx.fresh();
      } catch (err) {
        if (signal.aborted) return;
        fill(summary);
        ctx.error(err);
      } finally {
        if (job === abort) {
          job = null;
          work.hidden = true;
        }
      }
    }

    function showResult() {
      const r = result;
      const fact = (term, value, title) => el('span.fact', {title: title ?? ''}, el('span.dim', null, `${term} `), el('b', null, value));
      const words = {equal: 'equal', different: 'different', shape: 'of another shape', dtype: 'of another dtype'};
      const {status} = r;
      const same = status === 'equal' && Number(r.different) === 0;
      fill(summary,
        el(`span.chip${same ? '.good' : '.warn'}`, null, same ? 'equal' : words[status] ?? status),
        Number(r.elements) > 0 && fact('different', `${integer(r.different)} of ${integer(r.elements)} (${percent(Number(r.different), Number(r.elements))})`),
        r.maxabs !== null && fact('largest difference', number(parse(r.maxabs), 7)),
        r.maxrel !== null && fact('largest relative', number(parse(r.maxrel), 4), 'relative to the larger of both'),
        Number(r.nan) > 0 && fact('NaN on one side', integer(r.nan)),
        status === 'shape' && right && fact('shapes', `${shapeText(tensor.shape)} and ${shapeText(right.shape)}`),
        r.attributes?.length > 0 && fact('attributes differ', r.attributes.map((x) => x.key).join(', ')));
      const list = r.top ?? [];
      const value = (v) => (Array.isArray(v) ? `${number(parse(v[0]))} ${number(parse(v[1]))}i` : typeof v === 'number' ? String(v) : String(v ?? '-'));
      fill(table, list.length > 0 && el('table.plain', null,
        el('caption', null, 'Largest differences'),
        el('thead', null, el('tr', null, el('th', {scope: 'col'}, 'Index'), ['Difference', 'Left', 'Right', 'Relative'].map((t) => el('th.right', {scope: 'col'}, t)))),
        el('tbody', null, list.map((row) => el('tr', null,
          el('td', null, el('button.link', {type: 'button', title: 'show this element', onclick: () => show(row.index)}, `[${row.index.join(', ')}]`)),
          el('td.right', null, row.abs === null ? '-' : number(parse(row.abs), 7)),
          el('td.right', null, value(row.a)), el('td.right', null, value(row.b)),
          el('td.right', null, row.rel === null || row.rel === undefined ? '-' : number(parse(row.rel), 4)))))));
    }

    // show brings an element into the middle of all planes.
    function show(index) {
      state.set({i: index.join(',')}, true);
      a.plane.goTo(index[axes.y] ?? 0, index[axes.x] ?? 0);
    }

    function showPlanes() {
      const s = sideB();
      const numeric = tensor.numeric !== false && tensor.views?.some((v) => v === 'heat' || v === 'line') && right?.numeric !== false;
      sides.hidden = !numeric || !right;
      if (sides.hidden) return;
      const params = planeParams(ctx, axes);
      const next = JSON.stringify([params, s, right.shape, result?.status]);
      if (next === planesKey) return;
      planesKey = next;
      const alike = String(right.shape) === String(tensor.shape);
      const size = planeSize(tensor, axes);
      const nameOf = (f) => ctx.files.find((x) => String(x.id) === String(f))?.name;
      const caption = (f, at, t) => [s.g !== String(ctx.base.f) && nameOf(f), s.u !== tensor.name && t,
        s.g === String(ctx.base.f) && (at || s.bt || ctx.base.at) && (at ? `generation ${at}` : 'newest generation')].filter(Boolean).join(', ');
      fill(a.caption, `left: ${caption(ctx.base.f, ctx.base.at, tensor.name)}`);
      fill(b.caption, `right: ${caption(s.g, s.bt, s.u)}`);
      fill(d.caption, '|left − right|');
      a.plane.setSource({...size, tile: (ly, lx, ty, tx, signal) => tileOf(params, ly, lx, ty, tx, signal)});
      const paramsB = {...params, f: s.g, at: s.bt, t: s.u};
      b.plane.node.closest('figure').hidden = !alike;
      d.plane.node.closest('figure').hidden = differenceBars.hidden = !alike;
      if (!alike) return;
      b.plane.setSource({...size, tile: (ly, lx, ty, tx, signal) => tileOf(paramsB, ly, lx, ty, tx, signal)});
      // From far off the largest difference of a cell counts: the mean would hide it.
      d.plane.setSource({...size, tile: (ly, lx, ty, tx, signal) => tileOf({...params, ...s, op: 'absdiff', reduce: 'max'}, ly, lx, ty, tx, signal)});
    }

    restyle = () => {
      if (!colours.lut) return;
      const most = parse(result?.maxabs);
      const scale = new Scale(state.get('dscale') === 'log' ? 'log' : 'linear', 0, Number.isFinite(most) && most > 0 ? most : 1);
      if (look?.lut === colours.lut && look.hi === scale.hi && look.kind === scale.kind) return;
      look = {lut: colours.lut, hi: scale.hi, kind: scale.kind};
      d.plane.setStyle(colours.lut, scale);
      differenceBar.show(colours.lut, scale, {nan: result?.nan});
    };

    return {
      update() {
        axes = resolve(tensor, planeRoles, tensor.axes);
        other.show().catch((err) => ctx.error(err));
        const s = sideB();
        if (document.activeElement !== name) name.value = s.u;
        bent.value = state.get('dscale') === 'log' ? 'log' : 'linear';
        if (itself(s)) {
          cancel();
          key = '';
          right = result = null;
          sides.hidden = true;
          fill(table);
          fill(summary, el('p', null, 'Choose above what to compare with: another tensor', ctx.files.length > 1 && ', another file', ', or another generation of the file.'));
          return axes;
        }
        const next = JSON.stringify([s, state.get('at')]);
        if (next !== key) {
          key = next;
          run();
        }
        if (right) {
          showPlanes();
          colours.update(planeParams(ctx, axes));
          for (const plane of linked) if (plane.source) plane.setView(viewOf());
          restyle();
        }
        return axes;
      },
      busy: () => job !== null || linked.some((plane) => plane.busy),
      cancel,
      focus: () => (sides.hidden ? name : a.plane.canvas).focus(),
      goTo: (index) => a.plane.goTo(index[axes.y] ?? 0, index[axes.x] ?? 0),
      keys: () => [...a.plane.keys(), ...colours.keys()],
    };
  },
};
