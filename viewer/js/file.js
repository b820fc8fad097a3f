// Overview of a file: what it is, what is large in it, how the viewer is used.

import {getJSON} from './api.js';
import {el, fill} from './dom.js';
import {bytes, dtypeName, integer, number, parse, shortShape} from './format.js';
import {attributes} from './info.js';
import {state} from './state.js';

export const file = {
  mount(ctx) {
    const {file: f} = ctx;
    const largest = el('div');
    const count = el('span');
    fill(ctx.host, el('div.overview', null,
      el('h1', null, f?.name ?? 'No file'),
      f?.error && el('p.bad', null, f.error.message ?? String(f.error)),
      f && el('p.big-facts', null,
        count,
        el('span', null, el('b', null, bytes(f.bytes)), ' file'),
        el('span', null, el('b', null, f.format)),
        f.generation && el('span', null, 'generation ', el('b', null, integer(state.get('at') ?? f.generation)))),
      f && el('p.dim.wrap', null, f.path),
      f?.notes?.length > 0 && el('ul', null, f.notes.map((note) => el('li', null, note))),
      f?.attrs && Object.keys(f.attrs).length > 0 && el('section', null, el('h2', null, 'Attributes of the file'), attributes(f.attrs)),
      el('section', null, el('h2', null, 'Largest tensors'), largest),
      el('section.tips', null, el('h2', null, 'Where to go'),
        el('ul', null,
          el('li', null, 'Choose a tensor in the list, or press ', el('kbd', null, '/'), ' and type a part of its name or a pattern such as ', el('code', null, '*.weight')),
          el('li', null, el('kbd', null, 'j'), ' and ', el('kbd', null, 'k'), ' go through tensors, digits choose a view, ', el('kbd', null, '?'), ' shows all keys'),
          el('li', null, 'The address holds what is shown: bookmark it, or press ', el('kbd', null, 'y'), ' to copy it')))));
    if (f) {
      getJSON('tensors', {f: f.id, at: state.get('at'), sort: 'bytes', desc: 1, offset: 0, limit: 12}, ctx.signal).then(({rows, total}) => {
        fill(count, el('b', null, integer(total)), Number(total) === 1 ? ' tensor' : ' tensors');
        const most = Math.max(1, ...rows.map((row) => Number(row.bytes)));
        fill(largest, el('table.plain', null,
          el('thead', null, el('tr', null, ['Name', 'DType', 'Shape', 'Size', '', 'Codec', 'Ratio'].map((t, k) => el(k === 3 || k === 6 ? 'th.right' : 'th', {scope: 'col'}, t)))),
          el('tbody', null, rows.map((row) => {
            const bar = el('i.size-bar');
            bar.style.width = `${Math.max(2, (100 * Number(row.bytes)) / most)}%`;
            return el('tr', null,
              el('td', null, el('a', {href: state.link({t: row.name})}, row.name)),
              el('td.dtype', null, dtypeName(row)), el('td', null, shortShape(row.shape)),
              el('td.right', null, bytes(row.bytes)), el('td.bar-cell', {aria: {hidden: 'true'}}, bar),
              el('td', null, row.codec || '-'), el('td.right', null, row.ratio ? `${number(parse(row.ratio), 3)}×` : '-'));
          }))));
      }).catch((err) => !ctx.signal.aborted && ctx.error(err));
    }
    return {update: () => null};
  },
};
