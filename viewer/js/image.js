// Pictures: one with zoom and pan, or a batch as a grid with labels. The slider of
// an axis plays it as an animation.

import {getJSON, getRaw} from './api.js';
import {axisName, imageRoles, indices, resolve} from './axes.js';
import {choice, el, field, iconButton, later, numberInput, scaled} from './dom.js';
import {integer, number, parse} from './format.js';
import {cellIndex, planeSize, rectText, viewOf, viewPatch} from './heat.js';
import {Plane} from './plane.js';
import {state} from './state.js';
import {Pages, VirtualList} from './virtual.js';

const side = 512; // pixels of a tile
const sizes = ['48', '64', '96', '128', '192', '256', '384'];
const atOnce = 60; // thumbnails to a request, fewer if they are large
const atlas = 3 << 20; // pixels of all of them

export const image = {
  roles: imageRoles,
  mount(ctx) {
    const {tensor} = ctx;
    let axes = null;
    let key = '';
    let rangeKey = '';
    let range = null; // of the values shown; null for u8, whose range is its dtype's
    const single = el('div.plane-row');
    const grid = el('div.thumbs', {tabIndex: 0, role: 'list', aria: {label: `Pictures of ${tensor.name}`}, hidden: true});
    ctx.host.append(single, grid);

    const plane = new Plane(single, ctx.signal, {
      label: `Picture of ${tensor.name}`,
      on: {
        view: (view) => state.set(viewPatch(view)),
        hover, select: (rect) => state.set({sel: rectText(rect)}), error: (err) => ctx.error(err),
      },
    });

    const mode = choice('Show', [['one', 'one'], ['grid', 'as a grid']], 'one', (v) => state.set({many: v === 'grid' ? 'grid' : null}, true));
    const modeField = field('Show', mode);
    const size = choice('Size of the pictures', sizes, '96', (v) => state.set({size: v}));
    const sizeField = field('Size', size);
    const along = choice('Axis of the grid', [], '', (v) => state.set({along: v}));
    const alongField = field('Along', along);
    const names = el('datalist', {id: 'label-names'});
    const labels = el('input.name-input', {
      type: 'text', placeholder: 'index', spellcheck: false, autocomplete: 'off', aria: {label: 'Tensor of the labels'},
      title: 'A 1-D tensor with a label for each picture', onchange: () => state.set({labels: labels.value.trim() || null}), onfocus: offer,
    });
    labels.setAttribute('list', 'label-names');
    const labelsField = field('Labels', labels);
    const lo = numberInput('Value that is black', '', (v) => state.set({lo: v}), {placeholder: '0'});
    const hi = numberInput('Value that is white', '', (v) => state.set({hi: v}), {placeholder: '255'});
    const zoomers = el('span.pair', null,
      iconButton('minus', 'Zoom out', () => plane.zoom(1 / 1.5, 1 / 1.5)),
      iconButton('plus', 'Zoom in', () => plane.zoom(1.5, 1.5)),
      iconButton('fit', 'Show everything', () => plane.fit()));
    ctx.tools.append(el('div.tool-group', null, modeField, alongField, sizeField, labelsField, names,
      field('Black at', lo), field('White at', hi), zoomers));

    function base() {
      return {...ctx.base, y: axes.y, x: axes.x, c: axes.c ?? -1, lo: state.get('lo') ?? range?.lo, hi: state.get('hi') ?? range?.hi};
    }

    function channels(i) {
      return indices(i, [axes.y, axes.x, axes.c]);
    }

    // findRange looks at the values of each channel once, since tiles must agree on
    // what is black and white.
    async function findRange() {
      const at = JSON.stringify([ctx.base, axes.y, axes.x, axes.c, grid.hidden ? axes.i : null]);
      if (tensor.dtype === 'u8' || at === rangeKey) return;
      const count = axes.c === null ? 1 : Math.min(4, Number(tensor.shape[axes.c]));
      const all = await Promise.all(Array.from({length: count}, (_, k) => {
        const i = [...axes.i];
        if (axes.c !== null) i[axes.c] = k;
        return getJSON('range', {...ctx.base, y: axes.y, x: axes.x, i: indices(i, [axes.y, axes.x]), p: '1,99'}, ctx.signal);
      }));
      rangeKey = at;
      const least = Math.min(...all.map((r) => parse(r.min)).filter(Number.isFinite));
      const most = Math.max(...all.map((r) => parse(r.max)).filter(Number.isFinite));
      // Fractions are looked at as such; anything else from its least to its greatest.
      const fraction = /^(f|bf|bool)/.test(tensor.dtype) && least >= 0 && most <= 1 && most > 0;
      range = fraction ? {lo: 0, hi: 1} : Number.isFinite(least) && most > least ? {lo: least, hi: most} : {lo: 0, hi: 1};
    }

    function showOne() {
      const {rows, cols} = planeSize(tensor, axes);
      const params = {...base(), i: channels(axes.i)};
      plane.setSource({
        rows, cols, side, coloured: true,
        tile: async (ly, lx, ty, tx, signal) => {
          const r0 = ty * side * 2 ** ly;
          const c0 = tx * side * 2 ** lx;
          const r1 = Math.min(rows, r0 + side * 2 ** ly);
          const c1 = Math.min(cols, c0 + side * 2 ** lx);
          const {data, shape: [h, w]} = await getRaw('image', {
            ...params, r0, r1, c0, c1, h: Math.ceil((r1 - r0) / 2 ** ly), w: Math.ceil((c1 - c0) / 2 ** lx),
          }, signal);
          return {rgba: data, h, w};
        },
      });
      plane.setView(viewOf());
    }

    // Under the pointer are the values of all channels.
    let aim = null;
    const exact = later(60, async (cell) => {
      const abort = new AbortController();
      aim = abort;
      const i = [...axes.i];
      i[axes.y] = cell.row;
      i[axes.x] = cell.col;
      const where = axes.c === null
        ? {y: axes.y, x: axes.x, i: indices(i, [axes.y, axes.x]), r0: cell.row, c0: cell.col, rows: 1, cols: 1}
        : {y: axes.c, x: axes.x, i: indices(i, [axes.c, axes.x]), r0: 0, c0: cell.col, rows: Math.min(8, Number(tensor.shape[axes.c])), cols: 1};
      try {
        const {cells} = await getJSON('values', {...ctx.base, ...where}, AbortSignal.any([abort.signal, ctx.signal]));
        if (aim !== abort) return;
        ctx.read(`${cellIndex({...axes, i: axes.i.map((n, a) => (a === axes.c ? ':' : n))}, cell.row, cell.col)} = ${cells.map((row) => row[0] ?? 'damaged').join(', ')}`);
      } catch {
        // The place alone is shown.
      }
    });

    function hover(cell) {
      exact.cancel();
      aim?.abort();
      aim = null;
      if (!cell) {
        ctx.read('');
        return;
      }
      ctx.read(cellIndex({...axes, i: axes.i.map((n, a) => (a === axes.c ? ':' : n))}, cell.row, cell.col));
      exact(cell);
    }

    // The grid: lines of thumbnails, in pages of an atlas each.
    const free = () => tensor.shape.map((n, a) => a).filter((a) => ![axes.y, axes.x, axes.c].includes(a) && Number(tensor.shape[a]) > 1);
    let gridAxis = null;
    let perLine = 1;
    let thumbSize = 96;
    let thumbs = null;
    let texts = null;
    let list = null;
    let active = 0;

    function showGrid() {
      gridAxis = free().includes(state.int('along', -1)) ? state.int('along') : free()[0];
      thumbSize = Number(sizes.includes(state.get('size')) ? state.get('size') : 96);
      size.value = String(thumbSize);
      const count = Number(tensor.shape[gridAxis]);
      const scale = Math.min(2, devicePixelRatio || 1);
      const params = {...base(), i: indices(axes.i, [axes.y, axes.x, axes.c, gridAxis]), axis: gridAxis, size: Math.min(512, Math.round(thumbSize * scale))};
      thumbs?.stop();
      texts?.stop();
      thumbs = new Pages(async (from, n, signal) => {
        n = Math.min(n, count - from);
        const {data, shape, headers} = await getRaw('thumbs', {...params, from, count: n}, signal);
        const [, columns] = (headers.get('X-Grid') ?? '1,1').split(',').map(Number);
        const cell = params.size;
        const width = shape[1];
        return Array.from({length: n}, (_, k) => {
          const left = (k % columns) * cell;
          const top = Math.floor(k / columns) * cell;
          const out = new ImageData(cell, cell);
          for (let y = 0; y < cell; y++) {
            const at = ((top + y) * width + left) * 4;
            out.data.set(data.subarray(at, at + cell * 4), y * cell * 4);
          }
          return out;
        });
      }, () => list.refresh(), {size: Math.max(4, Math.min(atOnce, Math.floor(atlas / params.size ** 2))), keep: 20});
      const name = state.get('labels');
      texts = name ? new Pages(async (from, n, signal) => {
        const doc = await getJSON('values', {f: ctx.base.f, at: ctx.base.at, t: name, y: -1, x: 0, r0: 0, c0: from, rows: 1, cols: Math.min(n, count - from)}, signal);
        return doc.cells[0];
      }, () => {
        if (texts.error) ctx.error(texts.error);
        list.refresh();
      }, {size: 500}) : null;
      active = axes.i[gridAxis];
      const line = thumbSize + scaled(26);
      if (!list) {
        list = new VirtualList(grid, {rowHeight: line, render: thumbLine, onrange: (a, b) => thumbs.seen(a * perLine, b * perLine)});
        const observer = new ResizeObserver(() => {
          const before = perLine;
          perLine = Math.max(1, Math.floor((grid.clientWidth - 8) / (thumbSize + 10)));
          if (before !== perLine) {
            list.setCount(Math.ceil(count / perLine));
            list.refresh();
          }
        });
        observer.observe(grid);
        ctx.signal.addEventListener('abort', () => {
          observer.disconnect();
          list.destroy();
          thumbs.stop();
          texts?.stop();
        });
      }
      list.rowHeight = line;
      perLine = Math.max(1, Math.floor((grid.clientWidth - 8) / (thumbSize + 10)));
      list.setCount(Math.ceil(count / perLine));
      list.refresh();
      ctx.read(`${integer(count)} pictures along ${axisName(tensor, gridAxis)}`);
    }

    function thumbLine(n) {
      const count = Number(tensor.shape[gridAxis]);
      const row = el('div.thumb-line', {role: 'presentation'});
      for (let k = n * perLine; k < Math.min(count, (n + 1) * perLine); k++) {
        const pixels = thumbs.get(k);
        const canvas = el('canvas', {width: pixels?.width ?? 1, height: pixels?.height ?? 1});
        canvas.style.width = canvas.style.height = `${thumbSize}px`;
        if (pixels) canvas.getContext('2d').putImageData(pixels, 0, 0);
        const text = texts?.get(k);
        const item = el(`figure.thumb${k === active ? '.active' : ''}`, {
          role: 'listitem', aria: {label: `${axisName(tensor, gridAxis)} ${k}${text ? `, ${text}` : ''}`}, data: {index: k},
          title: `${axisName(tensor, gridAxis)} ${k}`, onclick: () => open(k),
        }, canvas, el('figcaption', null, el('span.dim', null, integer(k)), text !== undefined && text !== null && el('b', null, text)));
        item.style.width = `${thumbSize}px`;
        row.append(item);
      }
      grid.dataset.busy = thumbs.asked.size ? '1' : '0';
      return row;
    }

    function open(k) {
      const i = [...axes.i];
      i[gridAxis] = k;
      state.set({i: i.join(','), many: null, cx: null, cy: null, zx: null, zy: null}, true);
    }

    function step(by) {
      active = Math.max(0, Math.min(Number(tensor.shape[gridAxis]) - 1, active + by));
      list.show(Math.floor(active / perLine));
      list.refresh();
    }

    async function offer() {
      if (names.childElementCount) return;
      try {
        const {rows} = await getJSON('tensors', {f: ctx.base.f, at: ctx.base.at, limit: 1000}, ctx.signal);
        const n = Number(tensor.shape[gridAxis]);
        names.append(...rows.filter((row) => row.shape?.length === 1 && Number(row.shape[0]) === n).slice(0, 50).map((row) => el('option', {value: row.name})));
      } catch {
        // A list of suggestions is no loss.
      }
    }

    async function show() {
      const gridded = state.get('many') === 'grid' && free().length > 0;
      plane.canvas.dataset.busy = gridded ? '0' : '1';
      single.hidden = gridded;
      grid.hidden = !gridded;
      for (const node of [alongField, sizeField, labelsField]) node.hidden = !gridded;
      zoomers.hidden = gridded;
      try {
        await findRange();
      } catch (err) {
        if (ctx.signal.aborted) return;
        ctx.error(err);
      }
      if (ctx.signal.aborted) return;
      for (const [input, k, own] of [[lo, 'lo', range?.lo], [hi, 'hi', range?.hi]]) {
        if (document.activeElement !== input) input.value = state.get(k) ?? (own === undefined ? '' : number(own, 5));
        input.classList.toggle('set', state.get(k) !== undefined);
      }
      if (gridded) showGrid();
      else showOne();
    }

    return {
      update() {
        axes = resolve(tensor, imageRoles, tensor.axes);
        modeField.hidden = free().length === 0;
        mode.value = state.get('many') === 'grid' ? 'grid' : 'one';
        along.replaceChildren(...free().map((a) => el('option', {value: a}, axisName(tensor, a))));
        along.value = String(free().includes(state.int('along', -1)) ? state.int('along') : free()[0]);
        if (document.activeElement !== labels) labels.value = state.get('labels') ?? '';
        const next = JSON.stringify([axes, ...['many', 'along', 'size', 'labels', 'lo', 'hi'].map((k) => state.get(k))]);
        if (next !== key) {
          key = next;
          show();
        }
        plane.setView(viewOf());
        return axes;
      },
      busy: () => plane.busy,
      focus: () => (grid.hidden ? plane.canvas : grid).focus(),
      goTo: (index) => plane.goTo(index[axes.y] ?? 0, index[axes.x] ?? 0),
      keys: () => [
        ...plane.keys().map(([combos, label, run]) => [combos, label, (event) => {
          const by = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -perLine, ArrowDown: perLine}[event.key];
          if (grid.hidden) run(event);
          else if (by) step(by);
        }]),
        ['m', 'one picture or the grid', () => free().length && state.set({many: state.get('many') === 'grid' ? null : 'grid'}, true)],
        ['Space', 'open the picture of the grid', () => !grid.hidden && open(active)],
      ],
    };
  },
};
