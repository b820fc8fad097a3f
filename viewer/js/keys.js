// Keyboard: a table of what each key does, where, and the sheet that shows it.

import {el, fill, iconButton} from './dom.js';

const scopes = new Map(); // title -> bindings, the last one first in line

// combo names a key press as bindings do: 'ctrl+a', 'shift+ArrowLeft', '?'.
// Shift is not named where it only chose the character.
export function combo(event) {
  const key = event.key === ' ' ? 'Space' : event.key;
  let name = '';
  if (event.ctrlKey || event.metaKey) name += 'ctrl+';
  if (event.altKey) name += 'alt+';
  if (event.shiftKey && key.length > 1) name += 'shift+';
  return name + (key.length === 1 && (event.ctrlKey || event.metaKey) ? key.toLowerCase() : key);
}

// bind sets the keys of a scope, in place of those it had: [combos, label, run],
// combos separated by spaces.
export function bind(title, bindings) {
  scopes.delete(title);
  if (bindings?.length) scopes.set(title, bindings);
}

const typing = (node) => node.matches?.('textarea, select, input:not([type=range]):not([type=checkbox]):not([type=radio])');

// Keys that a control understands itself.
function own(target, key) {
  if (target.matches?.('button, a, summary, input[type=checkbox]')) return key === 'Enter' || key === ' ';
  if (target.matches?.('input[type=range]')) return /^(Arrow|Home|End|Page)/.test(key);
  return false;
}

document.addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  const target = event.target;
  if (document.querySelector('dialog[open]')) return;
  if (target.nodeType === 1 && typing(target)) {
    if (event.key === 'Escape') target.blur();
    return;
  }
  const pressed = combo(event);
  if (own(target, event.key)) return;
  for (const bindings of [...scopes.values()].reverse()) {
    const found = bindings.find(([combos]) => combos.split(' ').includes(pressed));
    if (found) {
      event.preventDefault();
      found[2](event);
      return;
    }
  }
});

const shown = {
  ArrowLeft: '←', ArrowRight: '→', ArrowUp: '↑', ArrowDown: '↓', Escape: 'Esc', PageUp: 'PgUp', PageDown: 'PgDn',
  ctrl: 'Ctrl', shift: 'Shift', alt: 'Alt',
};

function keycaps(combos) {
  const all = combos.split(' ');
  if (all.length > 4) return [el('kbd', null, all[0]), ' … ', el('kbd', null, all.at(-1))];
  return all.map((one, n) => {
    const parts = one === '+' ? ['+'] : one.split('+').map((p) => p || '+');
    return [n > 0 && ' ', parts.map((p) => el('kbd', null, shown[p] ?? p))];
  });
}

// sheet shows all keys that do something now.
export function sheet() {
  const dialog = document.getElementById('sheet');
  if (dialog.open) {
    dialog.close();
    return;
  }
  const groups = [...scopes].reverse().map(([title, bindings]) => el('section', null,
    el('h3', null, title),
    el('dl', null, bindings.filter(([, label]) => label).map(([combos, label]) => [
      el('dt', null, keycaps(combos)), el('dd', null, label)]))));
  fill(dialog,
    el('header', null, el('h2', null, 'Keyboard'), iconButton('close', 'Close', () => dialog.close())),
    el('div.sheet-groups', null, groups));
  dialog.showModal();
}
