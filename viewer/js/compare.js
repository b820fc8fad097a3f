// Comparison of two files, or of two generations of one: which tensors differ.

import {getJSON, stream} from './api.js';
import {choice, el, field, fill} from './dom.js';
import {integer, number, parse, percent, shortShape} from './format.js';
import {state} from './state.js';

const words = {
  different: 'different', shape: 'other shape', dtype: 'other dtype', attributes: 'other attributes', equal: 'other attributes',
  failed: 'cannot be compared',
};

// generations of a file for a select: ['', newest] and older ones.
export async function generationOptions(f, signal) {
  const out = [['', 'newest']];
  try {
    const {generations} = await getJSON('generations', {f, offset: 0, limit: 200}, signal);
    for (const g of generations.slice(1)) out.push([String(g.generation), `generation ${g.generation}`]);
  } catch {
    // A format without generations has the one.
  }
  return out;
}

// otherSide makes the controls that choose what is compared with: a file and a
// generation of it, kept as g and bt in the state.
export function otherSide(ctx) {
  const file = choice('File on the right', ctx.files.map((f) => [String(f.id), f.name]), '', (v) => state.set({g: v, bt: null}));
  const generation = choice('Generation on the right', [['', 'newest']], '', (v) => state.set({bt: v}));
  let listed = null;
  return {
    nodes: [ctx.files.length > 1 && field('with', file), field('generation', generation)],
    async show() {
      const g = state.get('g') ?? String(ctx.base.f);
      file.value = g;
      if (listed !== g) {
        listed = g;
        const options = await generationOptions(g, ctx.signal);
        generation.replaceChildren(...options.map(([v, text]) => el('option', {value: v}, text)));
      }
      generation.value = state.get('bt') ?? '';
      generation.closest('.field').hidden = generation.options.length < 2;
    },
  };
}

export const compare = {
  mount(ctx) {
    let key = '';
    let job = null;
    const other = otherSide(ctx);
    const mine = choice('Generation on the left', [['', 'newest']], '', (v) => state.set({at: v}));
    const bar = el('progress', {max: 1, value: 0, aria: {label: 'Progress'}});
    const note = el('span.dim');
    const work = el('div.work', {hidden: true}, bar, note, el('button', {type: 'button', onclick: cancel}, 'Cancel (Esc)'));
    const body = el('div');
    ctx.tools.append(el('div.tool-group', null, el('b', null, ctx.file?.name), field('generation', mine), other.nodes));
    ctx.host.append(el('div.overview', null, el('h1', null, 'Compare'), work, body));
    generationOptions(ctx.base.f, ctx.signal).then((options) => {
      mine.replaceChildren(...options.map(([v, text]) => el('option', {value: v}, text)));
      mine.value = state.get('at') ?? '';
      mine.closest('.field').hidden = options.length < 2;
    });
    ctx.signal.addEventListener('abort', () => job?.abort());

    function cancel() {
      job?.abort();
      job = null;
      work.hidden = true;
      if (!body.childElementCount) fill(body, el('p', null, 'Cancelled. ', el('button', {type: 'button', onclick: () => { key = ''; ctx.fresh(); }}, 'Compare')));
    }

    async function run(g, bt) {
      job?.abort();
      const abort = new AbortController();
      job = abort;
      work.hidden = false;
      fill(body);
      try {
        const doc = await stream('difffiles', {f: ctx.base.f, at: state.get('at'), g, bt}, AbortSignal.any([abort.signal, ctx.signal]), (done, total) => {
          bar.value = total > 0 ? done / total : 0;
          note.textContent = percent(done, total);
        });
        if (job === abort) show(doc, g, bt);
      } catch (err) {
        if (!abort.signal.aborted && !ctx.signal.aborted) ctx.error(err);
      } finally {
        if (job === abort) {
          job = null;
          work.hidden = true;
        }
      }
    }

    function show(doc, g, bt) {
      // By the names of the files, or by the generations of one.
      const side = (id, at) => (id === String(ctx.base.f) && g === String(ctx.base.f)
        ? (at ? `generation ${at}` : 'the newest generation') : ctx.files.find((f) => String(f.id) === id)?.name ?? 'the other');
      const lone = {only_a: `only in ${side(String(ctx.base.f), state.get('at'))}`, only_b: `only in ${side(g, bt)}`};
      const pair = (a, b) => (a === undefined ? b ?? '' : b === undefined || a === b ? a : `${a} → ${b}`);
      const shapes = (row) => pair(row.shape_a && shortShape(row.shape_a), row.shape_b && shortShape(row.shape_b));
      const link = (row) => {
        if (row.status === 'only_b') return state.link({t: row.name, f: g, at: bt});
        if (row.status === 'only_a') return state.link({t: row.name});
        return state.link({v: 'diff', t: row.name, g, bt});
      };
      const line = (row) => el('tr', null,
        el('td', null, el('a', {href: link(row)}, row.name)),
        el(`td.status-${row.status}`, {title: row.error?.message ?? ''}, lone[row.status] ?? words[row.status] ?? row.status, row.error?.message && el('div.dim', null, row.error.message)),
        el('td', null, pair(row.dtype_a, row.dtype_b)), el('td', null, shapes(row)),
        el('td.right', null, Number(row.different) > 0 ? integer(row.different) : ''),
        el('td.right', null, row.maxabs !== null && row.maxabs !== undefined ? number(parse(row.maxabs), 6) : ''));
      // What differs most comes first, then what cannot be measured, then lone names.
      const rank = (row) => (row.maxabs !== null && row.maxabs !== undefined ? parse(row.maxabs) : /^only/.test(row.status) ? -2 : -1);
      const rows = [...doc.rows].sort((a, b) => rank(b) - rank(a));
      const fact = (count, text) => el('span', null, el('b', null, integer(count)), ` ${text}`);
      fill(body,
        el('p.big-facts', null, fact(doc.same, 'the same'), fact(doc.different, 'different'), fact(doc.only_a, lone.only_a), fact(doc.only_b, lone.only_b),
          Number(doc.failed) > 0 && fact(doc.failed, 'cannot be compared')),
        rows.length === 0 ? el('p', null, 'No tensor differs.') : el('table.plain', null,
          el('thead', null, el('tr', null, ['Name', 'What', 'DType', 'Shape'].map((t) => el('th', {scope: 'col'}, t)),
            ['Elements that differ', 'Largest difference'].map((t) => el('th.right', {scope: 'col'}, t)))),
          el('tbody', null, rows.map(line))),
        doc.cut && el('p.dim', null, 'The list is cut: more differ.'));
    }

    return {
      update() {
        other.show().catch((err) => ctx.error(err));
        mine.value = state.get('at') ?? '';
        const others = ctx.files.filter((f) => f.id !== ctx.base.f);
        const g = state.get('g') ?? String(ctx.base.f);
        const bt = state.get('bt');
        const same = g === String(ctx.base.f) && (bt ?? '') === (state.get('at') ?? '');
        if (same) {
          fill(body, el('p', null, 'Choose what to compare with above: another file that was named when the viewer was started, or another generation of this one.'),
            others.length > 0 && el('ul.links', null, others.slice(0, 20).map((f) => el('li', null, el('a', {href: state.href({g: f.id})}, `Compare with ${f.name}`)))));
          key = '';
          return null;
        }
        const next = JSON.stringify([g, bt, state.get('at')]);
        if (next !== key) {
          key = next;
          run(g, bt);
        }
        return null;
      },
      cancel,
      keys: () => [],
    };
  },
};
