// Pattern of a sparse matrix: how many entries lie where, and the entries of a row.

import {getJSON, getRaw} from './api.js';
import {maps, Scale} from './color.js';
import {el, fill, iconButton, numberInput, scaled} from './dom.js';
import {integer, number, parse} from './format.js';
import {rectText, viewOf, viewPatch} from './heat.js';
import {Plane} from './plane.js';
import {state} from './state.js';
import {Pages, VirtualList} from './virtual.js';

export const sparse = {
  mount(ctx) {
    const {tensor, base} = ctx;
    const [rows, cols] = tensor.shape.map(Number);
    let key = '';
    let entries = null;
    const left = el('div.plane-row');
    const head = el('div.lookup-head');
    const listHost = el('div.lookup-list', {tabIndex: 0, role: 'list', aria: {label: 'Entries of the row'}});
    const input = numberInput('Row', '', (v) => v !== null && look(v), {placeholder: 'row'});
    const panel = el('aside.lookup', {aria: {label: 'Row look-up'}},
      el('div.lookup-tools', null, el('label.field', null, el('span', null, 'Row'), input),
        iconButton('up', 'Row above', () => step(-1)), iconButton('down', 'Row below', () => step(1))),
      head, listHost);
    ctx.host.append(el('div.split', null, left, panel));

    const plane = new Plane(left, ctx.signal, {
      label: `Pattern of ${tensor.name}`,
      on: {
        view: (view) => state.set(viewPatch(view)),
        hover(cell) {
          if (!cell) {
            ctx.read('');
            return;
          }
          const n = cell.value === undefined ? null : Math.round(2 ** (cell.value * (1 + cell.ly + cell.lx)) - 1);
          const area = cell.ly || cell.lx ? ` in ${2 ** cell.ly} × ${2 ** cell.lx}` : '';
          ctx.read(`[${cell.row}, ${cell.col}]${n === null ? '' : `   ${integer(n)} ${n === 1 ? 'entry' : 'entries'}${area}`}`);
        },
        open: (cell) => look(cell.row),
        select: (rect) => state.set({sel: rectText(rect)}),
        error: (err) => ctx.error(err),
      },
    });
    ctx.tools.append(el('div.tool-group', null,
      el('span.dim', null, `${integer(tensor.nnz)} entries, density ${number(parse(tensor.density), 3)}`),
      iconButton('minus', 'Zoom out', () => plane.zoom(1 / 1.5, 1 / 1.5)),
      iconButton('plus', 'Zoom in', () => plane.zoom(1.5, 1.5)),
      iconButton('fit', 'Show everything', () => plane.fit())));

    // A cell's colour is the logarithm of its entries over that of its elements, so
    // that one entry shows at every zoom and levels go on from each other.
    plane.setSource({
      rows, cols,
      tile: async (ly, lx, ty, tx, signal) => {
        const r0 = ty * 256 * 2 ** ly;
        const c0 = tx * 256 * 2 ** lx;
        // Whole cells, also where the matrix ends within one.
        const h = Math.min(256, Math.ceil((rows - r0) / 2 ** ly));
        const w = Math.min(256, Math.ceil((cols - c0) / 2 ** lx));
        const {data, shape: [high, wide]} = await getRaw('sparse', {...base, r0, r1: r0 + h * 2 ** ly, c0, c1: c0 + w * 2 ** lx, h, w}, signal);
        const out = new Float32Array(data.length);
        const whole = 1 + ly + lx;
        for (let k = 0; k < data.length; k++) out[k] = data[k] === 0 ? 0 : Math.log2(1 + data[k]) / whole;
        return {data: out, h: high, w: wide};
      },
    });

    function colour() {
      maps().then((all) => {
        const map = all.values().next().value;
        const dark = getComputedStyle(document.documentElement).getPropertyValue('--dark').trim() === '1';
        // Nothing has the colour of the page; one entry is far from it.
        const lut = map.map((_, k) => map[dark ? 90 + Math.floor(k * 0.64) : Math.floor((255 - k) * 0.72)]);
        lut[0] = dark ? 0xff1b1613 : 0xffffffff;
        plane.setStyle(lut, new Scale('linear', 0, 1));
      }).catch((err) => ctx.error(err));
    }
    colour();
    document.addEventListener('themechange', colour, {signal: ctx.signal});

    const list = new VirtualList(listHost, {
      rowHeight: scaled(22),
      render(n) {
        const entry = entries?.get(n);
        return entry ? el('div.entry', {role: 'listitem'}, el('span', null, integer(entry[0])), el('b', null, entry[1])) : el('div.entry.waiting', null, '…');
      },
      onrange: (a, b) => entries?.seen(a, b),
    });
    ctx.signal.addEventListener('abort', () => {
      list.destroy();
      entries?.stop();
    });

    function look(row) {
      if (row < 0 || row >= rows || !Number.isInteger(row)) {
        ctx.say(`Rows are 0 to ${rows - 1}`);
        return;
      }
      state.set({row});
    }

    function step(by) {
      look(Math.max(0, Math.min(rows - 1, state.int('row', 0) + by)));
    }

    function showRow() {
      const row = Math.min(state.int('row', 0), rows - 1);
      input.value = row;
      plane.setSelection({r0: row, r1: row + 1, c0: 0, c1: cols});
      entries?.stop();
      let total = null;
      entries = new Pages(async (offset, limit, signal) => {
        const doc = await getJSON('sparserow', {...base, row, offset, limit}, signal);
        total = Number(doc.total);
        return doc.entries;
      }, () => {
        if (entries.error) {
          ctx.error(entries.error);
          return;
        }
        fill(head, `${integer(total)} of ${integer(cols)} columns`);
        list.setCount(total);
        list.refresh();
      }, {size: 500});
      list.setCount(0);
      fill(head, '…');
      entries.get(0);
    }

    return {
      update() {
        const row = state.get('row') ?? '';
        if (row !== key || !entries) {
          key = row;
          showRow();
        }
        plane.setView(viewOf());
        return null;
      },
      busy: () => plane.busy,
      focus: () => plane.canvas.focus(),
      goTo(index) {
        plane.goTo(index[0], index[1]);
        look(index[0]);
      },
      keys: () => [...plane.keys(), ['u', 'row above', () => step(-1)], ['i', 'row below', () => step(1)]],
    };
  },
};
