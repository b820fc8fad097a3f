// Heat map of two axes.

import {getJSON, getRaw} from './api.js';
import {indices, planeRoles, resolve} from './axes.js';
import {Colouring} from './colouring.js';
import {marks} from './color.js';
import {choice, el, field, iconButton, later} from './dom.js';
import {number} from './format.js';
import {Plane} from './plane.js';
import {state} from './state.js';

const reductions = [['mean', 'mean'], ['min', 'minimum'], ['max', 'maximum'], ['nearest', 'nearest']];

// planeParams are the parameters by which requests name a plane of a tensor.
export function planeParams(ctx, axes) {
  return {
    ...ctx.base, y: axes.y ?? -1, x: axes.x ?? -1,
    i: axes.i.length ? indices(axes.i, [axes.y, axes.x]) : undefined,
  };
}

// planeSize is rows and columns of a plane; an axis that is not shown counts as 1.
export function planeSize(tensor, axes) {
  const n = (a) => (a === null ? 1 : Number(tensor.shape[a]));
  return {rows: n(axes.y), cols: n(axes.x)};
}

// tileOf fetches a tile. Where too many elements would have to be looked at for a
// mean, one of each cell has to do.
export async function tileOf(params, ly, lx, ty, tx, signal) {
  const query = {...params, level: ly === lx ? ly : `${ly},${lx}`, ty, tx};
  try {
    const {data, shape: [h, w], headers} = await getRaw('tile', query, signal);
    return {data, h, w, seen: headers.get('X-Seen')};
  } catch (err) {
    if (err.status !== 413 || params.reduce === 'nearest' || params.op) throw err;
    const {data, shape: [h, w]} = await getRaw('tile', {...query, reduce: 'nearest'}, signal);
    return {data, h, w, picked: true};
  }
}

// parseRect reads the selection of the state: rows and columns.
export function parseRect(text) {
  const m = /^(\d+):(\d+),(\d+):(\d+)$/.exec(text ?? '');
  if (!m) return null;
  const [r0, r1, c0, c1] = m.slice(1).map(Number);
  return r1 > r0 && c1 > c0 ? {r0, r1, c0, c1} : null;
}

export const rectText = (rect) => rect && `${rect.r0}:${rect.r1},${rect.c0}:${rect.c1}`;

// cellIndex is the index of an element in all axes, for people.
export function cellIndex(axes, row, col) {
  return `[${axes.i.map((n, a) => (a === axes.y ? row : a === axes.x ? col : n)).join(', ')}]`;
}

// viewOf and viewPatch carry a plane's view from and to the address.
export function viewOf() {
  const zx = state.float('zx', null);
  const cx = state.float('cx', null);
  const cy = state.float('cy', null);
  return zx > 0 && cx !== null && cy !== null ? {cx, cy, zx, zy: state.float('zy', zx)} : null;
}

export function viewPatch(view) {
  const round = (v) => Number(v.toPrecision(8));
  if (!view) return {cx: null, cy: null, zx: null, zy: null};
  return {cx: round(view.cx), cy: round(view.cy), zx: round(view.zx), zy: view.zx === view.zy ? null : round(view.zy)};
}

export const heat = {
  roles: planeRoles,
  mount(ctx) {
    let axes = null;
    let key = '';
    let aim = null; // the element whose exact value was asked for
    const body = el('div.plane-row');
    ctx.host.append(body);

    const exact = later(90, async (cell, text) => {
      const abort = new AbortController();
      aim = abort;
      try {
        const {cells} = await getJSON('values', {...planeParams(ctx, axes), r0: cell.row, c0: cell.col, rows: 1, cols: 1},
          AbortSignal.any([abort.signal, ctx.signal]));
        if (aim === abort) ctx.read(text(cells[0][0] ?? 'damaged'));
      } catch {
        // The value of the tile stays.
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
      const index = cellIndex(axes, cell.row, cell.col);
      const several = (cell.ly || cell.lx) && cell.value !== undefined;
      const word = cell.picked ? 'one' : reductions.find(([r]) => r === (state.get('reduce') ?? 'mean'))?.[1];
      const shown = cell.value === undefined ? '' : cell.mark ? marks[cell.mark].text : number(cell.value, 7);
      const around = several ? `   ${word} of ${2 ** cell.ly} × ${2 ** cell.lx}: ${shown}` : '';
      ctx.read(several ? `${index}${around}` : `${index} = ${shown}`);
      exact(cell, (value) => `${index} = ${value}${around}`);
    }

    const plane = new Plane(body, ctx.signal, {
      label: `Heat map of ${ctx.tensor.name}`,
      on: {
        view: (view) => state.set(viewPatch(view)),
        hover,
        select: (rect) => state.set({sel: rectText(rect)}),
        values: (data) => colours.guess(data),
        error: (err) => ctx.error(err),
      },
    });
    const colours = new Colouring(ctx, body, (lut, scale) => plane.setStyle(lut, scale));
    const reduce = choice('Reduction', reductions, 'mean', (v) => state.set({reduce: v === 'mean' ? null : v}));
    ctx.tools.append(colours.tools, el('div.tool-group', null, field('Zoomed out', reduce),
      iconButton('minus', 'Zoom out', () => plane.zoom(1 / 1.5, 1 / 1.5)),
      iconButton('plus', 'Zoom in', () => plane.zoom(1.5, 1.5)),
      iconButton('fit', 'Show everything', () => plane.fit())));

    return {
      update() {
        axes = resolve(ctx.tensor, planeRoles, ctx.tensor.axes);
        const params = planeParams(ctx, axes);
        const how = reductions.some(([r]) => r === state.get('reduce')) ? state.get('reduce') : 'mean';
        reduce.value = how;
        const next = JSON.stringify([params, how]);
        let begun;
        if (next !== key) {
          key = next;
          const size = planeSize(ctx.tensor, axes);
          const large = size.rows * size.cols > 1 << 22 && how !== 'nearest';
          begun = plane.setSource({
            ...size,
            sketch: large ? (ly, lx, signal) => tileOf({...params, reduce: 'sketch'}, ly, lx, 0, 0, signal) : null,
            tile: (ly, lx, ty, tx, signal) => tileOf({...params, reduce: how}, ly, lx, ty, tx, signal),
          });
        }
        plane.setView(viewOf());
        plane.setSelection(parseRect(state.get('sel')));
        colours.update(params, begun);
        return axes;
      },
      busy: () => plane.busy,
      focus: () => plane.canvas.focus(),
      goTo(index) {
        plane.goTo(index[axes.y] ?? 0, index[axes.x] ?? 0);
      },
      keys: () => [...plane.keys(), ...colours.keys()],
    };
  },
};
