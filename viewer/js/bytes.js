// Byte map of the file: a picture of what lies where, and the list of segments.

import {getJSON, getRaw} from './api.js';
import {el, fill, onResize, scaled} from './dom.js';
import {bytes as size, integer} from './format.js';
import {state} from './state.js';
import {Pages, VirtualList} from './virtual.js';


// Kinds that mean alike share a colour; see style.css.
const groups = {
  payload: 0, chunk: 5, 'chunk-page': 1, 'block-sums': 1, 'tensor-records': 2, 'storage-records': 2, names: 4, 'name-ends': 4,
  heap: 4, 'further-sections': 4, header: 3, slot: 3, 'run-head': 7, trailer: 7, zeros: 6, padding: 6, format: 9, leftover: 8, unknown: 8,
};
const hues = 10;

export const bytes = {
  mount(ctx) {
    const {file} = ctx;
    const base = {f: file?.id, at: state.get('at')};
    let total = 0; // segments
    let length = Number(file?.bytes) || 0; // of the file
    let active = -1;
    let map = null; // {kinds, codes, columns}
    let asked = null;
    const cell = scaled(7); // of the picture, with its gap
    const canvas = el('canvas.byte-map', {tabIndex: 0, role: 'img', aria: {label: `Byte map of ${file?.name}`}});
    const legend = el('ul.byte-legend');
    const box = el('div.byte-box', null, canvas);
    const summary = el('p.dim');
    const listHost = el('div.byte-list', {tabIndex: 0, role: 'listbox', aria: {label: 'Segments'}});
    ctx.host.append(summary, box, legend,
      el('div.byte-row.byte-head', {aria: {hidden: 'true'}}, ['Offset', 'Length', 'Kind', 'What', 'Tensors'].map((t) => el('span', null, t))), listHost);

    const pages = new Pages(async (offset, limit, signal) => {
      const doc = await getJSON('bytes', {...base, offset, limit}, signal);
      total = Number(doc.total);
      length = Number(doc.size);
      const damage = Number(doc.damages);
      fill(summary, `${integer(total)} segments, ${size(length)}. `,
        damage > 0 ? el('b.bad', {title: doc.damage.join('\n')}, `${integer(damage)} damaged ${damage === 1 ? 'place' : 'places'}${doc.damage[0] ? `: ${doc.damage[0]}` : ''}`) : doc.sound && 'The structure is sound; what tensors hold is checked when it is read.',
        doc.coarse ? ' Of so many tensors only the payloads are told apart.' : '');
      return doc.segments;
    }, () => {
      if (pages.error) {
        ctx.error(pages.error);
        return;
      }
      if (list.count !== total) list.setCount(total);
      list.refresh();
      mark();
    }, {size: 200});

    const list = new VirtualList(listHost, {
      rowHeight: scaled(24),
      render(n) {
        const s = pages.get(n);
        if (!s) return el('div.byte-row.waiting', null, el('span', null, '…'));
        const names = s.tensors ?? [];
        const damage = s.damage ?? [];
        const bad = damage.length > 0;
        return el(`div.byte-row${n === active ? '.active' : ''}${bad ? '.bad' : ''}`, {
          role: 'option', id: `segment-${n}`, aria: {selected: String(n === active)}, title: [s.what, s.section && `format: ${s.section}`, ...damage].filter(Boolean).join('\n'),
          onclick: () => go(n),
        },
        el('span.num', null, integer(s.offset)), el('span.num', null, integer(s.length)),
        el('span', null, el(`i.kind.kind-${hueOf(s.kind)}`), s.kind),
        el('span.what', null, bad ? `${damage[0]}: ` : '', s.what ?? ''),
        el('span.what', null, names.slice(0, 3).map((name) => [el('a', {href: state.link({t: name})}, name), ' ']), names.length > 3 && `and ${names.length - 3} more`));
      },
      onrange: (a, b) => pages.seen(a, b),
    });
    ctx.signal.addEventListener('abort', () => {
      list.destroy();
      pages.stop();
      asked?.abort();
    });

    const hueOf = (kind) => groups[kind] ?? 9;

    async function load(w) {
      const columns = Math.max(16, Math.floor(w / cell));
      const lines = Math.max(6, Math.min(28, Math.floor(innerHeight * 0.3 / cell)));
      if (map && map.columns === columns) return;
      asked?.abort();
      const abort = new AbortController();
      asked = abort;
      canvas.dataset.busy = '1';
      try {
        const cells = Math.max(1, Math.min(columns * lines, length || columns * lines));
        const {data, headers} = await getRaw('bytemap', {...base, cells}, AbortSignal.any([abort.signal, ctx.signal]));
        map = {codes: data, kinds: (headers.get('X-Kinds') ?? '').split(',').map((k) => k.trim()), columns};
        canvas.dataset.busy = '0';
        draw();
        list.refresh();
      } catch (err) {
        if (!abort.signal.aborted && !ctx.signal.aborted) ctx.error(err);
      }
    }

    function colours() {
      const style = getComputedStyle(document.documentElement);
      return Array.from({length: hues}, (_, k) => style.getPropertyValue(`--kind-${k}`).trim());
    }

    function draw() {
      if (!map) return;
      const dpr = devicePixelRatio || 1;
      const lines = Math.ceil(map.codes.length / map.columns);
      canvas.style.height = `${lines * cell}px`;
      canvas.style.width = `${map.columns * cell}px`;
      canvas.width = Math.round(map.columns * cell * dpr);
      canvas.height = Math.round(lines * cell * dpr);
      const context = canvas.getContext('2d');
      context.setTransform(dpr, 0, 0, dpr, 0, 0);
      const all = colours();
      const seen = new Map();
      map.codes.forEach((code, k) => {
        context.fillStyle = all[hueOf(map.kinds[code])];
        context.fillRect((k % map.columns) * cell, Math.floor(k / map.columns) * cell, cell - 1, cell - 1);
        seen.set(code, (seen.get(code) ?? 0) + 1);
      });
      // Kinds of one colour stand together.
      const alike = new Map();
      for (const [code, n] of [...seen].sort((a, b) => b[1] - a[1])) {
        const kind = map.kinds[code] || `kind ${code}`;
        const group = alike.get(hueOf(kind)) ?? {n: 0, kinds: []};
        alike.set(hueOf(kind), {n: group.n + n, kinds: [...group.kinds, kind]});
      }
      fill(legend, [...alike].map(([hue, {n, kinds}]) => el('li', {title: `${n} of ${map.codes.length} cells`}, el(`i.kind.kind-${hue}`), kinds.join(', '))));
      const from = segment();
      if (!from || !length) return;
      const share = map.codes.length / length;
      context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue('--text');
      context.lineWidth = 1.5;
      const first = Math.floor(Number(from.offset) * share);
      const last = Math.max(first, Math.min(map.codes.length, Math.ceil((Number(from.offset) + Number(from.length)) * share)) - 1);
      for (let line = Math.floor(first / map.columns); line <= Math.floor(last / map.columns); line++) {
        const a = Math.max(first, line * map.columns) % map.columns;
        const b = Math.min(last, (line + 1) * map.columns - 1) % map.columns;
        context.strokeRect(a * cell - 0.5, line * cell - 0.5, (b - a + 1) * cell, cell);
      }
    }

    const segment = () => (active >= 0 ? pages.get(active) : null);

    function go(n) {
      if (total === 0) return;
      active = Math.max(0, Math.min(total - 1, n));
      list.show(active);
      list.refresh();
      mark();
    }

    // mark shows the active segment on the picture, too.
    function mark() {
      draw();
      if (active < 0) return;
      listHost.setAttribute('aria-activedescendant', `segment-${active}`);
      const s = segment();
      if (s) ctx.read(`${integer(s.offset)} + ${integer(s.length)}   ${s.kind}   ${s.what ?? ''}`);
    }

    // find goes to the segment that holds a byte.
    async function find(byte) {
      try {
        const doc = await getJSON('bytes', {...base, byte, limit: 1}, ctx.signal);
        total = Number(doc.total);
        if (list.count !== total) list.setCount(total);
        go(Number(doc.offset));
      } catch (err) {
        if (!ctx.signal.aborted) ctx.error(err);
      }
    }

    canvas.addEventListener('click', (event) => {
      if (!map || !length) return;
      const k = Math.floor(event.offsetY / cell) * map.columns + Math.floor(event.offsetX / cell);
      if (k < map.codes.length) find(Math.min(length - 1, Math.floor((k * length) / map.codes.length)));
    });
    canvas.addEventListener('pointermove', (event) => {
      if (!map || !length) return;
      const k = Math.floor(event.offsetY / cell) * map.columns + Math.floor(event.offsetX / cell);
      if (k < map.codes.length) ctx.read(`from byte ${integer(Math.floor((k * length) / map.codes.length))}   ${map.kinds[map.codes[k]] ?? ''}`);
    });
    document.addEventListener('themechange', draw, {signal: ctx.signal});
    onResize(box, ctx.signal, (w) => load(w));
    pages.get(0);

    let wanted = null;
    return {
      update() {
        const byte = state.get('byte');
        if (byte !== undefined && byte !== wanted) {
          wanted = byte;
          find(byte);
        }
        return null;
      },
      busy: () => canvas.dataset.busy === '1',
      focus: () => listHost.focus(),
      keys: () => [
        ['ArrowDown', 'next segment', () => go(active + 1)],
        ['ArrowUp', 'segment before', () => go(active - 1)],
        ['PageDown', 'page down', () => go(active + list.pageRows)],
        ['PageUp', 'page up', () => go(active - list.pageRows)],
        ['Home', 'first segment', () => go(0)],
        ['End', 'last segment', () => go(total - 1)],
      ],
    };
  },
};
