// Grid of values: every digit, any size, cells that can be selected and copied.

import {getJSON, Pool} from './api.js';
import {planeRoles, resolve} from './axes.js';
import {choice, clamp, copyText, el, field, frames, iconButton, later, onResize, scaled} from './dom.js';
import {integer, number} from './format.js';
import {cellIndex, parseRect, planeParams, planeSize, rectText} from './heat.js';
import {state} from './state.js';
import {LongAxis} from './virtual.js';

const blockRows = 64;
const blockCols = 32; // 64 x 32 cells, far under what the server gives at once
const keepBlocks = 160;
const copyCells = 200_000; // more than this is a download
const widths = [1, 2, 4, 5, 8, 10, 16, 20, 32, 50];

// Cells holds the texts of a plane in blocks.
class Cells {
  constructor(fetch, changed, failed) {
    Object.assign(this, {fetch, changed, failed});
    this.blocks = new Map();
    this.bad = new Set();
    this.pool = new Pool(3);
  }

  // get returns a text, null for what is damaged, undefined for what is not here.
  get(row, col) {
    const block = this.blocks.get(`${Math.floor(row / blockRows)},${Math.floor(col / blockCols)}`);
    return block?.[row % blockRows]?.[col % blockCols];
  }

  // see asks for the blocks of what is looked at.
  see(r0, r1, c0, c1) {
    const jobs = [];
    for (let br = Math.floor(r0 / blockRows); br * blockRows < r1; br++) {
      for (let bc = Math.floor(c0 / blockCols); bc * blockCols < c1; bc++) {
        const key = `${br},${bc}`;
        const block = this.blocks.get(key);
        if (block) {
          this.blocks.delete(key);
          this.blocks.set(key, block);
        } else if (!this.bad.has(key)) {
          jobs.push([key, (signal) => this.load(key, br, bc, signal)]);
        }
      }
    }
    this.pool.want(jobs);
    return jobs.length > 0;
  }

  async load(key, br, bc, signal) {
    try {
      const cells = await this.fetch(br * blockRows, bc * blockCols, blockRows, blockCols, signal);
      this.blocks.set(key, cells);
      while (this.blocks.size > keepBlocks) this.blocks.delete(this.blocks.keys().next().value);
    } catch (err) {
      if (signal.aborted) return;
      this.bad.add(key);
      this.failed(err);
    }
    this.changed();
  }
}

export const values = {
  roles: planeRoles,
  mount(ctx) {
    let axes = null;
    let key = '';
    let cells = null;
    let size = {rows: 0, cols: 0}; // of the tensor's plane
    let grid = {rows: 0, cols: 0}; // of the cells, where one axis is wrapped into lines
    let wrap = 0;
    let digits = 5; // width of a column in characters
    let headWidth = 60;
    let colWidth = 60;
    let anchor = null;
    let head = null;
    let told = null; // the selection that this grid put into the address
    const rowHeight = scaled(22);
    const headHeight = scaled(24);
    const rowAxis = new LongAxis();
    const colAxis = new LongAxis();

    const layer = el('div.grid-layer');
    const spacer = el('div.spacer', {role: 'presentation'});
    const host = el('div.grid', {
      tabIndex: 0, role: 'grid', aria: {label: `Values of ${ctx.tensor.name}`, multiselectable: 'true'},
    }, layer, spacer);
    const summary = el('output', {aria: {live: 'polite'}});
    const copyButton = iconButton('copy', 'Copy the selection (Ctrl+C)', () => copy());
    ctx.host.append(host, el('div.grid-summary', null, copyButton, summary));
    const line = choice('Values to a line', [['', 'auto'], ...widths.map((w) => [String(w), String(w)])], '',
      (v) => state.set({many: v, sel: null}));
    ctx.tools.append(el('div.tool-group', null, field('Values per line', line)));

    const probe = el('span.cell-probe', {aria: {hidden: 'true'}}, '0'.repeat(20));
    host.append(probe);
    const charWidth = () => probe.getBoundingClientRect().width / 20 || 7.5;

    // A grid keeps its elements: lines of cells that are filled again.
    const lines = [];
    const top = el('div.grid-head', {role: 'row'});
    const corner = el('span.grid-corner', {role: 'columnheader'});
    layer.append(top);
    top.append(corner);
    const heads = [];

    host.style.setProperty('--row', `${rowHeight}px`);
    host.style.setProperty('--head', `${headHeight}px`);
    host.dataset.busy = '1'; // until the first cells are here
    const draw = frames(render);
    onResize(host, ctx.signal, () => layout());
    host.addEventListener('scroll', () => {
      place(rowAxis.scrolled(host.scrollTop), colAxis.scrolled(host.scrollLeft));
      draw();
    }, {passive: true, signal: ctx.signal});
    ctx.signal.addEventListener('abort', () => cells?.pool.stop());

    function place(y, x) {
      if (Math.abs(host.scrollTop - y) >= 1) host.scrollTop = y;
      if (Math.abs(host.scrollLeft - x) >= 1) host.scrollLeft = x;
    }

    function layout() {
      if (!cells) return;
      const cw = charWidth();
      headWidth = Math.ceil(cw * (String(Math.max(1, size.rows, wrap ? size.cols : 0)).length * 1.34 + 2));
      colWidth = Math.ceil(cw * (digits + 2));
      if (axes.y === null && axes.x !== null) {
        const chosen = state.int('many', 0);
        const room = Math.max(1, Math.floor((host.clientWidth - headWidth - 16) / colWidth));
        const best = chosen || widths.filter((w) => w <= Math.min(room, 20)).pop() || 1;
        if (best !== wrap) {
          wrap = best;
          grid = {rows: Math.ceil(size.cols / wrap), cols: Math.min(wrap, size.cols)};
          restart();
        }
      }
      const y = rowAxis.configure(grid.rows * rowHeight, Math.max(0, host.clientHeight - headHeight));
      const x = colAxis.configure(grid.cols * colWidth, Math.max(0, host.clientWidth - headWidth));
      spacer.style.height = `${rowAxis.real + headHeight}px`;
      spacer.style.width = `${colAxis.real + headWidth}px`;
      host.setAttribute('aria-rowcount', grid.rows + 1);
      host.setAttribute('aria-colcount', grid.cols + 1);
      place(y, x);
      draw();
    }

    function restart() {
      cells?.pool.stop();
      const params = planeParams(ctx, axes);
      cells = new Cells(async (r0, c0, rows, cols, signal) => {
        if (!wrap) return (await getJSON('values', {...params, r0, c0, rows, cols}, signal)).cells;
        // Lines of one long row: the block's lines lie one after another.
        const from = r0 * wrap;
        const doc = await getJSON('values', {...params, r0: 0, c0: from, rows: 1, cols: Math.min(rows * wrap, size.cols - from)}, signal);
        const flat = doc.cells[0] ?? [];
        const out = [];
        for (let k = 0; k < flat.length; k += wrap) out.push(flat.slice(k + c0, k + Math.min(wrap, c0 + cols)));
        return out;
      }, draw, (err) => ctx.error(err));
    }

    const columnName = (col) => (wrap ? `+${col}` : integer(col));
    const rowName = (row) => integer(wrap ? row * wrap : row);
    const inside = (row, col) => !wrap || row * wrap + col < size.cols;

    function render() {
      if (!cells) return;
      const r0 = Math.floor(rowAxis.pos / rowHeight);
      const r1 = Math.min(grid.rows, Math.ceil((rowAxis.pos + rowAxis.view) / rowHeight));
      const c0 = Math.floor(colAxis.pos / colWidth);
      const c1 = Math.min(grid.cols, Math.ceil((colAxis.pos + colAxis.view) / colWidth));
      const waiting = cells.see(r0, r1, c0, c1);
      host.dataset.busy = waiting ? '1' : '0';
      const box = selection();
      corner.style.width = `${headWidth}px`;
      corner.textContent = wrap ? 'index' : '';
      const across = c1 - c0;
      grow(heads, across, () => el('span.grid-col', {role: 'columnheader'}), top);
      for (let k = 0; k < across; k++) {
        const node = heads[k];
        setText(node, columnName(c0 + k));
        shift(node, headWidth + (c0 + k) * colWidth - colAxis.pos, 0, colWidth);
        node.setAttribute('aria-colindex', c0 + k + 2);
        node.classList.toggle('on', !!box && c0 + k >= box.c0 && c0 + k < box.c1);
      }
      grow(lines, r1 - r0, newLine, layer);
      let longest = digits;
      for (let n = 0; n < r1 - r0; n++) {
        const row = r0 + n;
        const item = lines[n];
        item.node.style.transform = `translateY(${headHeight + row * rowHeight - rowAxis.pos}px)`;
        item.node.setAttribute('aria-rowindex', row + 2);
        setText(item.head, rowName(row));
        item.head.style.width = `${headWidth}px`;
        item.head.classList.toggle('on', !!box && row >= box.r0 && row < box.r1);
        grow(item.cells, across, newCell, item.node);
        for (let k = 0; k < across; k++) {
          const col = c0 + k;
          const node = item.cells[k];
          const there = inside(row, col);
          const text = there ? cells.get(row, col) : '';
          if (text && text.length > longest) longest = text.length;
          shift(node, headWidth + col * colWidth - colAxis.pos, 0, colWidth);
          dress(node, text, there);
          const selected = there && !!box && row >= box.r0 && row < box.r1 && col >= box.c0 && col < box.c1;
          node.classList.toggle('selected', selected);
          const focus = there && !!head && head.row === row && head.col === col;
          node.classList.toggle('head', focus);
          node.setAttribute('aria-colindex', col + 2);
          if (selected) node.setAttribute('aria-selected', 'true');
          else node.removeAttribute('aria-selected');
          if (focus) {
            node.id = 'grid-focus';
            host.setAttribute('aria-activedescendant', 'grid-focus');
          } else if (node.id) {
            node.removeAttribute('id');
          }
        }
      }
      if (longest > digits) widen(longest);
      sum();
    }

    // widen gives all columns room for the longest text seen, within reason.
    function widen(longest) {
      const col = colAxis.pos / colWidth;
      const want = clamp(longest, 5, 28);
      if (want === digits) return;
      const held = head && head.col >= Math.floor(col) && head.col * colWidth < colAxis.pos + colAxis.view;
      digits = want;
      layout();
      place(rowAxis.top, colAxis.seek(col * colWidth));
      if (held) reveal(head);
    }

    function grow(list, count, make, parent) {
      while (list.length < count) {
        const item = make();
        list.push(item);
        parent.append(item.node ?? item);
      }
      for (let k = 0; k < list.length; k++) (list[k].node ?? list[k]).hidden = k >= count;
    }

    function newLine() {
      const headCell = el('span.grid-row-head', {role: 'rowheader'});
      return {node: el('div.grid-line', {role: 'row'}, headCell), head: headCell, cells: []};
    }

    const newCell = () => el('span.cell', {role: 'gridcell'});

    function setText(node, text) {
      if (node.textContent !== text) node.textContent = text;
    }

    function shift(node, x, y, width) {
      node.style.transform = `translate(${x}px, ${y}px)`;
      node.style.width = `${width}px`;
    }

    function dress(node, text, there) {
      let kind = 'cell';
      if (!there) kind = 'cell nowhere';
      else if (text === undefined) kind = 'cell waiting';
      else if (text === null) kind = 'cell damaged';
      else if (/^[-+]?(nan|inf|infinity)$/i.test(text)) kind = 'cell special';
      if (node.className !== kind) node.className = kind;
      setText(node, text === undefined ? '' : text === null ? '×' : text);
      const title = text && text.length > digits ? text : '';
      if (node.title !== title) node.title = title;
    }

    // selection is the rectangle of cells between anchor and head.
    function selection() {
      if (!anchor || !head) return null;
      return {
        r0: Math.min(anchor.row, head.row), r1: Math.max(anchor.row, head.row) + 1,
        c0: Math.min(anchor.col, head.col), c1: Math.max(anchor.col, head.col) + 1,
      };
    }

    // The address holds the selection in rows and columns of the tensor. Of lines
    // of one row only whole runs are such a rectangle.
    function runText(box) {
      const from = box.r0 * wrap + box.c0;
      const to = Math.min(size.cols, (box.r1 - 1) * wrap + box.c1);
      return box.r1 - box.r0 === 1 || (box.c0 === 0 && box.c1 === grid.cols) ? `0:1,${from}:${to}` : null;
    }

    const tell = later(120, () => {
      const box = selection();
      told = box && (wrap ? runText(box) : rectText(box));
      state.set({sel: told});
    });

    function sum() {
      const box = selection();
      if (!box) {
        setText(summary, '');
        ctx.read('');
        return;
      }
      const count = (box.r1 - box.r0) * (box.c1 - box.c0);
      const index = (row, col) => (wrap ? `[${row * wrap + col}]` : cellIndex(axes, row, col));
      if (count === 1) {
        setText(summary, '');
        const text = cells.get(box.r0, box.c0);
        ctx.read(`${index(box.r0, box.c0)}${text === undefined ? '' : ` = ${text ?? 'damaged'}`}`);
        return;
      }
      ctx.read(`${index(box.r0, box.c0)} to ${index(box.r1 - 1, box.c1 - 1)}`);
      let text = `${integer(box.r1 - box.r0)} × ${integer(box.c1 - box.c0)} = ${integer(count)} cells`;
      if (count <= 20_000) {
        let [n, total, min, max] = [0, 0, Infinity, -Infinity];
        for (let row = box.r0; row < box.r1; row++) {
          for (let col = box.c0; col < box.c1; col++) {
            const v = parseFloat(cells.get(row, col));
            if (!Number.isFinite(v)) continue;
            n++;
            total += v;
            min = Math.min(min, v);
            max = Math.max(max, v);
          }
        }
        if (n === count) text += `   min ${number(min)}   max ${number(max)}   mean ${number(total / n)}   sum ${number(total)}`;
      }
      setText(summary, text);
    }

    // copy puts the selection on the clipboard as lines of cells between tabs,
    // fetching what is not here.
    async function copy() {
      const box = selection();
      if (!box) {
        ctx.say('Nothing is selected: drag over cells, or hold Shift with the arrows');
        return;
      }
      const count = (box.r1 - box.r0) * (box.c1 - box.c0);
      if (count > copyCells) {
        ctx.say(`${integer(count)} cells are too many for the clipboard: download them instead (w)`);
        return;
      }
      try {
        const text = [];
        const step = Math.max(1, Math.floor(8000 / (box.c1 - box.c0)));
        for (let row = box.r0; row < box.r1; row += step) {
          const rows = Math.min(step, box.r1 - row);
          text.push(...await fetchRows(row, rows, box.c0, box.c1));
        }
        await copyText(text.join('\n'));
        ctx.say(`Copied ${integer(count)} ${count === 1 ? 'value' : 'values'}`);
      } catch (err) {
        ctx.error(err);
      }
    }

    async function fetchRows(row, rows, c0, c1) {
      const out = [];
      let fetched = null;
      for (let r = row; r < row + rows; r++) {
        const texts = [];
        for (let c = c0; c < c1; c++) {
          if (!inside(r, c)) continue;
          let text = cells.get(r, c);
          if (text === undefined) {
            fetched ??= await cells.fetch(row, c0, rows, c1 - c0, ctx.signal);
            text = fetched[r - row]?.[c - c0];
          }
          texts.push(text ?? '');
        }
        out.push(texts.join('\t'));
      }
      return out;
    }

    function cellAt(event) {
      const box = host.getBoundingClientRect();
      const x = event.clientX - box.left - headWidth;
      const y = event.clientY - box.top - headHeight;
      const cell = {
        row: clamp(Math.floor((y + rowAxis.pos) / rowHeight), 0, grid.rows - 1),
        col: clamp(Math.floor((x + colAxis.pos) / colWidth), 0, grid.cols - 1),
      };
      return {cell, x, y};
    }

    let dragging = null;
    host.addEventListener('pointerdown', (event) => {
      if (event.button !== 0 || !cells) return;
      const box = host.getBoundingClientRect();
      if (event.clientX - box.left > host.clientWidth || event.clientY - box.top > host.clientHeight) return; // scroll bars
      const {cell, x, y} = cellAt(event);
      host.setPointerCapture(event.pointerId);
      dragging = x < 0 && y < 0 ? 'all' : x < 0 ? 'rows' : y < 0 ? 'cols' : 'cells';
      if (!event.shiftKey || !anchor) anchor = startOf(cell);
      head = endOf(cell);
      host.focus({preventScroll: true});
      event.preventDefault();
      draw();
      tell();
    }, {signal: ctx.signal});
    host.addEventListener('pointermove', (event) => {
      if (!dragging) return;
      const {cell, x, y} = cellAt(event);
      head = endOf(cell);
      // Dragged past an edge the grid follows.
      if (y > rowAxis.view) place(rowAxis.seek(rowAxis.pos + rowHeight), colAxis.top);
      if (x > colAxis.view) place(rowAxis.top, colAxis.seek(colAxis.pos + colWidth / 2));
      if (y < 0 && dragging !== 'cols') place(rowAxis.seek(rowAxis.pos - rowHeight), colAxis.top);
      if (x < 0 && dragging !== 'rows') place(rowAxis.top, colAxis.seek(colAxis.pos - colWidth / 2));
      draw();
      tell();
    }, {signal: ctx.signal});
    for (const type of ['pointerup', 'pointercancel']) host.addEventListener(type, () => { dragging = null; }, {signal: ctx.signal});

    function startOf(cell) {
      return {row: dragging === 'cols' || dragging === 'all' ? 0 : cell.row, col: dragging === 'rows' || dragging === 'all' ? 0 : cell.col};
    }

    function endOf(cell) {
      return {
        row: dragging === 'cols' || dragging === 'all' ? grid.rows - 1 : cell.row,
        col: dragging === 'rows' || dragging === 'all' ? grid.cols - 1 : cell.col,
      };
    }

    function moveTo(row, col, extend) {
      head = {row: clamp(row, 0, grid.rows - 1), col: clamp(col, 0, grid.cols - 1)};
      if (!extend || !anchor) anchor = head;
      reveal(head);
      draw();
      tell();
    }

    function reveal({row, col}) {
      const y = row * rowHeight;
      const x = col * colWidth;
      if (y < rowAxis.pos) place(rowAxis.seek(y), colAxis.top);
      else if (y + rowHeight > rowAxis.pos + rowAxis.view) place(rowAxis.seek(y + rowHeight - rowAxis.view), colAxis.top);
      if (x < colAxis.pos) place(rowAxis.top, colAxis.seek(x));
      else if (x + colWidth > colAxis.pos + colAxis.view) place(rowAxis.top, colAxis.seek(x + colWidth - colAxis.view));
    }

    function arrow(event, dy, dx) {
      const at = head ?? {row: Math.ceil(rowAxis.pos / rowHeight), col: Math.ceil(colAxis.pos / colWidth)};
      if (!head) dy = dx = 0;
      moveTo(at.row + dy, at.col + dx, event.shiftKey);
    }

    const page = () => Math.max(1, Math.floor(rowAxis.view / rowHeight) - 1);

    return {
      update() {
        axes = resolve(ctx.tensor, planeRoles, ctx.tensor.axes);
        const next = JSON.stringify([planeParams(ctx, axes), state.get('many')]);
        ctx.tools.hidden = !(axes.y === null && axes.x !== null);
        line.value = state.get('many') ?? '';
        if (next !== key) {
          key = next;
          size = planeSize(ctx.tensor, axes);
          grid = size;
          wrap = 0;
          restart();
          layout();
        }
        const sel = state.get('sel') ?? null;
        const rect = parseRect(sel);
        if (rect && sel !== told) {
          told = sel;
          tell.cancel();
          if (wrap) {
            anchor = {row: Math.floor(rect.c0 / wrap), col: rect.c0 % wrap};
            head = {row: Math.floor((rect.c1 - 1) / wrap), col: (rect.c1 - 1) % wrap};
          } else {
            anchor = {row: clamp(rect.r0, 0, grid.rows - 1), col: clamp(rect.c0, 0, grid.cols - 1)};
            head = {row: clamp(rect.r1 - 1, 0, grid.rows - 1), col: clamp(rect.c1 - 1, 0, grid.cols - 1)};
          }
          reveal(head);
          reveal(anchor);
          draw();
        }
        return axes;
      },
      busy: () => host.dataset.busy === '1',
      focus: () => host.focus(),
      goTo(index) {
        const row = index[axes.y] ?? 0;
        const col = index[axes.x] ?? 0;
        if (wrap) moveTo(Math.floor(col / wrap), col % wrap);
        else moveTo(row, col);
        host.focus();
      },
      keys: () => [
        ['ArrowUp shift+ArrowUp', 'cell above; with Shift select', (e) => arrow(e, -1, 0)],
        ['ArrowDown shift+ArrowDown', 'cell below', (e) => arrow(e, 1, 0)],
        ['ArrowLeft shift+ArrowLeft', 'cell to the left', (e) => arrow(e, 0, -1)],
        ['ArrowRight shift+ArrowRight', 'cell to the right', (e) => arrow(e, 0, 1)],
        ['PageUp shift+PageUp', 'page up', (e) => arrow(e, -page(), 0)],
        ['PageDown shift+PageDown', 'page down', (e) => arrow(e, page(), 0)],
        ['Home shift+Home', 'start of the row', (e) => moveTo(head?.row ?? 0, 0, e.shiftKey)],
        ['End shift+End', 'end of the row', (e) => moveTo(head?.row ?? 0, grid.cols - 1, e.shiftKey)],
        ['ctrl+Home ctrl+shift+Home', 'first cell', (e) => moveTo(0, 0, e.shiftKey)],
        ['ctrl+End ctrl+shift+End', 'last cell', (e) => moveTo(grid.rows - 1, grid.cols - 1, e.shiftKey)],
        ['ctrl+a', 'select all', () => {
          anchor = {row: 0, col: 0};
          head = {row: grid.rows - 1, col: grid.cols - 1};
          draw();
          tell();
        }],
        ['ctrl+c', 'copy the selection', () => copy()],
      ],
    };
  },
};
