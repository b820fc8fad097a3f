// History of a file: its generations, newest first, and what each changed.

import {getJSON} from './api.js';
import {el, fill} from './dom.js';
import {bytes, date, integer} from './format.js';
import {state} from './state.js';

const namesShown = 12;

export const log = {
  mount(ctx) {
    const {file} = ctx;
    const list = el('ol.generations', {reversed: true});
    const more = el('button', {type: 'button', hidden: true, onclick: () => load()}, 'Older ones');
    const head = el('p.dim');
    let shown = 0;
    ctx.host.append(el('div.overview', null, el('h1', null, 'History'), head, list, more));

    // names lists tensors of a generation as links to what they were then.
    function names(word, list, count, at) {
      if (!list?.length) return null;
      const rest = count - namesShown;
      const link = (name) => [at ? el('a', {href: state.link({t: name, at, f: file.id})}, name) : el('span', null, name), ' '];
      return el(`div.change.change-${word}`, null, el('b', null, `${word} ${integer(count)}`), ' ', list.slice(0, namesShown).map(link),
        rest > 0 && el('details', null, el('summary', null, `${integer(rest)} more`), list.slice(namesShown).map(link), count > list.length && '…'));
    }

    function item(g, newest) {
      const n = Number(g.generation);
      const current = Number(state.get('at') ?? newest) === n;
      const before = Number(g.previous) || null;
      return el(`li.generation${current ? '.current' : ''}`, {value: n},
        el('div.generation-head', null,
          el('b', null, `Generation ${integer(n)}`),
          el('span', null, date(g.time)), el('span.dim', null, g.writer),
          g.bytes !== null && g.bytes !== undefined && el('span.dim', null, `+${bytes(g.bytes)}`),
          el('span.spacer-x'),
          current ? el('span.chip', null, 'shown') : el('a.button', {href: state.link({at: n === newest ? undefined : n, v: 'file', t: undefined})}, 'Look at it'),
          before && el('a.button', {href: state.link({v: 'compare', g: file.id, at: before, bt: n, t: undefined})}, `Compare with ${before}`)),
        g.error ? el('p.bad', null, g.error.message ?? g.error.text ?? String(g.error)) : [
          ['added', 'replaced', 'attributes', 'removed'].map((kind) => names(kind, g[kind], Number(g.counts?.[kind] ?? 0), kind === 'removed' ? before : n)),
          g.file_attributes && el('div.change', null, 'attributes of the file'),
          !Object.values(g.counts ?? {}).some((count) => Number(count) > 0) && !g.file_attributes && el('div.change.dim', null, 'nothing changed'),
        ]);
    }

    async function load() {
      try {
        const doc = await getJSON('generations', {f: file?.id, offset: shown, limit: 100}, ctx.signal);
        const newest = Number(file?.generation ?? doc.generations[0]?.generation);
        list.append(...doc.generations.map((g) => item(g, newest)));
        shown += doc.generations.length;
        more.hidden = !doc.next;
        if (doc.error) ctx.error(new Error(doc.error.message));
        fill(head, shown === 0 ? 'This file keeps no generations.' : 'Each commit is a generation; older ones stay readable until the file is repacked.');
      } catch (err) {
        if (ctx.signal.aborted) return;
        if (err.kind === 'unsupported' || shown === 0) fill(head, err.message);
        else ctx.error(err);
      }
    }
    load();
    return {
      update: () => null,
      focus: () => list.querySelector('a')?.focus(),
      keys: () => [],
    };
  },
};
