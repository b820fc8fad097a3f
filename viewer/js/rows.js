// Rows of ragged tensors and strings: a list of any length, and one row in full.

import {getJSON} from './api.js';
import {copyText, el, fill, iconButton, numberInput, scaled} from './dom.js';
import {integer, product} from './format.js';
import {state} from './state.js';
import {Pages, VirtualList} from './virtual.js';

export const rows = {
  mount(ctx) {
    const {tensor, base} = ctx;
    // Strings of several axes are listed in C order.
    const total = tensor.layout?.startsWith('ragged') ? Number(tensor.shape[0] ?? 0) : product(tensor.shape);
    let active = -1;
    const listHost = el('div.rows-list', {tabIndex: 0, role: 'listbox', aria: {label: `Rows of ${tensor.name}`}});
    const detail = el('aside.row-detail', {aria: {label: 'The row'}});
    const input = numberInput('Row', '', (v) => v !== null && show(v), {placeholder: 'row'});
    ctx.tools.append(el('div.tool-group', null, el('label.field', null, el('span', null, 'Row'), input), el('span.dim', null, `of ${integer(total)}`)));
    const header = el('div.entry.row-line.row-header', {aria: {hidden: 'true'}},
      el('span.row-number', null, 'row'), el('span.row-length', null, 'length'), el('span.row-text', null, tensor.layout === 'string' ? 'text' : 'values'));
    ctx.host.append(el('div.split', null, el('div.rows-side', null, header, listHost), detail));

    const pages = new Pages(async (from, count, signal) => (await getJSON('rows', {...base, from, count: Math.min(count, total - from)}, signal)).rows,
      () => {
        if (pages.error) ctx.error(pages.error);
        list.refresh();
        if (active >= 0) showDetail();
      }, {size: 100});
    const text = (row) => (row.error ? 'damaged' : row.text !== undefined && row.text !== null ? row.text : (row.values ?? []).join('  '));
    const list = new VirtualList(listHost, {
      rowHeight: scaled(24),
      render(n) {
        const row = pages.get(n);
        const node = el(`div.entry.row-line${n === active ? '.active' : ''}`, {
          role: 'option', id: `row-${n}`, aria: {selected: String(n === active)}, onclick: () => show(n),
        },
        el('span.row-number', null, integer(n)),
        el('span.row-length', {title: 'length'}, row ? integer(row.length) : ''),
        el(`span.row-text${row?.error ? '.bad' : ''}`, null, row ? el('bdi', null, text(row), row.cut && '…') : '…'));
        return node;
      },
      onrange: (a, b) => pages.seen(a, b),
    });
    ctx.signal.addEventListener('abort', () => {
      list.destroy();
      pages.stop();
    });
    list.setCount(total);

    function show(n) {
      if (total === 0) return;
      state.set({row: Math.max(0, Math.min(total - 1, Math.round(n)))});
    }

    function showDetail() {
      const row = pages.get(active);
      if (!row) {
        fill(detail, '…');
        return;
      }
      fill(detail,
        el('div.lookup-tools', null, el('b', null, `row ${integer(active)}`), el('span.dim', null, ` length ${integer(row.length)}`),
          iconButton('copy', 'Copy the row', async () => {
            await copyText(row.text ?? (row.values ?? []).join('\t'));
            ctx.say('Copied the row');
          })),
        row.cut && el('p.dim', null, 'The beginning; the rest is long: download it.'),
        row.values
          ? el('ol.row-values', {start: 0}, row.values.map((v, k) => el('li', {value: k}, v)))
          : el('pre.row-full', null, text(row)));
    }

    return {
      update() {
        const next = Math.min(state.int('row', 0), Math.max(0, total - 1));
        if (next !== active && total > 0) {
          active = next;
          input.value = active;
          list.show(active);
          list.refresh();
          listHost.setAttribute('aria-activedescendant', `row-${active}`);
          showDetail();
        }
        return null;
      },
      focus: () => listHost.focus(),
      goTo: (index) => show(index[0]),
      keys: () => [
        ['ArrowDown', 'next row', () => show(active + 1)],
        ['ArrowUp', 'row before', () => show(active - 1)],
        ['PageDown', 'page down', () => show(active + list.pageRows)],
        ['PageUp', 'page up', () => show(active - list.pageRows)],
        ['Home', 'first row', () => show(0)],
        ['End', 'last row', () => show(total - 1)],
      ],
    };
  },
};
