// Small dialogs: going to an index, and downloads.

import {address} from './api.js';
import {axisName, brackets} from './axes.js';
import {choice, clamp, el, field, fill, iconButton} from './dom.js';
import {bytes, integer, product} from './format.js';
import {parseRect} from './heat.js';
import {state} from './state.js';

function open(title, ...children) {
  const dialog = document.getElementById('dialog');
  fill(dialog, el('header', null, el('h2', null, title), iconButton('close', 'Close', () => dialog.close())), ...children);
  dialog.setAttribute('aria-label', title);
  if (!dialog.open) dialog.showModal();
  return dialog;
}

// gotoDialog asks for an index in all axes and shows that element.
export function gotoDialog(ctx) {
  const {tensor, view} = ctx;
  if (!tensor || !view) return;
  const shape = tensor.shape.map(Number);
  const input = el('input.wide', {
    type: 'text', spellcheck: false, autocomplete: 'off', placeholder: shape.map(() => '0').join(', '),
    aria: {label: 'Index'},
  });
  const message = el('p.dim', null, shape.map((n, a) => `${axisName(tensor, a)} 0…${n - 1}`).join('   '));
  const form = el('form', {onsubmit: (event) => {
    event.preventDefault();
    const parts = input.value.split(/[\s,]+/).filter(Boolean).map(Number);
    const bad = parts.length !== shape.length || parts.some((v, a) => !Number.isInteger(v) || v >= shape[a] || v < -shape[a]);
    if (bad) {
      message.textContent = `Give ${shape.length === 1 ? 'one index' : `${shape.length} indices`} within ${shape.join(' × ')}`;
      message.className = 'bad';
      return;
    }
    const index = parts.map((v, a) => (v < 0 ? v + shape[a] : v));
    document.getElementById('dialog').close();
    state.set({i: index.join(',')}, true);
    view.goTo?.(index);
  }}, input, message, el('div.buttons', null, el('button.primary', {type: 'submit'}, 'Go')));
  open('Go to an index', form);
  input.focus();
}

// selections are the parts of a tensor that one might want: [key, words, parts by axis].
function selections(ctx) {
  const {tensor, axes} = ctx;
  const out = [];
  const rect = parseRect(state.get('sel'));
  const planar = axes && ('y' in axes || 'x' in axes);
  if (planar && axes.i.length > 0) {
    const parts = Object.fromEntries(axes.i.map((n, a) => [a, String(n)]));
    for (const role of ['y', 'x', 'c']) if (axes[role] !== null && axes[role] !== undefined) parts[axes[role]] = ':';
    const free = tensor.shape.length - Object.values(parts).filter((p) => p === ':').length;
    if (rect) {
      const part = {...parts};
      if (axes.y !== null) part[axes.y] = `${rect.r0}:${rect.r1}`;
      if (axes.x !== null) part[axes.x] = `${rect.c0}:${rect.c1}`;
      out.push(['sel', 'what is selected', part]);
    }
    if (free > 0) out.push(['plane', 'what is shown', parts]);
  }
  if (axes && 'along' in axes && state.get('from') !== undefined) {
    const part = Object.fromEntries(axes.i.map((n, a) => [a, a === axes.by ? ':' : String(n)]));
    part[axes.along] = `${state.int('from', 0)}:${state.int('to', tensor.shape[axes.along])}`;
    out.push(['range', 'the range shown', part]);
  }
  out.push(['all', 'the whole tensor', {}]);
  return out;
}

function lengths(tensor, parts) {
  return tensor.shape.map((n, a) => {
    const part = parts[a] ?? ':';
    if (part === ':') return Number(n);
    const m = /^(\d+):(\d+)$/.exec(part);
    return m ? m[2] - m[1] : 1;
  });
}

const kinds = [['npy', 'NumPy .npy'], ['csv', 'CSV'], ['png', 'PNG picture'], ['wav', 'WAV sound']];

export function downloadDialog(ctx) {
  const {tensor} = ctx;
  if (!tensor) {
    ctx.say('Choose a tensor first');
    return;
  }
  const all = selections(ctx);
  let chosen = all[0];
  let as = tensor.views?.[0] === 'audio' ? 'wav' : tensor.views?.[0] === 'image' ? 'png' : 'npy';
  const line = el('code.selection');
  const size = el('p.dim');
  const link = el('a.button.primary', {download: ''}, 'Download');
  const possible = kinds.filter(([k]) => k !== 'wav' || tensor.views?.includes('audio'));
  const kind = choice('Format', possible, as, (v) => { as = v; refresh(); });
  const part = choice('Part', all.map(([key, words]) => [key, words]), chosen[0], (v) => {
    chosen = all.find(([key]) => key === v);
    refresh();
  });
  const refresh = () => {
    const sel = chosen[0] === 'all' ? undefined : brackets(tensor, chosen[2]);
    const count = product(lengths(tensor, chosen[2]));
    const share = count / Math.max(1, product(tensor.shape));
    line.textContent = `${tensor.name}${sel ? `[${sel}]` : ''}`;
    size.textContent = `${integer(clamp(count, 0, Number.MAX_SAFE_INTEGER))} elements, ${bytes(Math.round(share * Number(tensor.bytes)))} as they are`;
    link.href = address('download', {...ctx.base, sel, as});
  };
  refresh();
  link.addEventListener('click', () => setTimeout(() => document.getElementById('dialog').close(), 0));
  open('Download', el('div.form', null, field('Part', part), field('As', kind)), line, size, el('div.buttons', null, link));
  link.focus();
}
