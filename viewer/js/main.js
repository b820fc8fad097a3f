// The page: what is around the views, and which of them is shown.

import {aborted, begun, getJSON} from './api.js';
import {AxisBar} from './axes.js';
import {maps} from './color.js';
import {choice, copyText, el, fill, iconButton} from './dom.js';
import {downloadDialog, gotoDialog} from './dialogs.js';
import {integer} from './format.js';
import {head, show as showInfo} from './info.js';
import {bind, sheet} from './keys.js';
import {ofTensor, prefs, state} from './state.js';
import {splitter, Tree} from './tree.js';

// Views of a tensor and pages of a file, loaded when first shown.
const views = {
  values: ['Values', () => import('./values.js').then((m) => m.values)],
  heat: ['Heat map', () => import('./heat.js').then((m) => m.heat)],
  image: ['Image', () => import('./image.js').then((m) => m.image)],
  audio: ['Sound', () => import('./audio.js').then((m) => m.audio)],
  line: ['Lines', () => import('./line.js').then((m) => m.line)],
  hist: ['Statistics', () => import('./hist.js').then((m) => m.hist)],
  sparse: ['Pattern', () => import('./sparse.js').then((m) => m.sparse)],
  rows: ['Rows', () => import('./rows.js').then((m) => m.rows)],
  diff: ['Compare', () => import('./diff.js').then((m) => m.diff)],
};
const pages = {
  file: ['Overview', () => import('./file.js').then((m) => m.file)],
  bytes: ['Bytes', () => import('./bytes.js').then((m) => m.bytes)],
  log: ['History', () => import('./log.js').then((m) => m.log)],
  compare: ['Compare files', () => import('./compare.js').then((m) => m.compare)],
};

const $ = (id) => document.getElementById(id);

const app = {
  files: [],
  limits: {},
  tensor: null, // of the state, once it is known
  tensors: new Map(), // key -> promise of what the server says
  mounted: null, // {key, view, abort}
  turn: 0,
};

// Theme: the system's unless the reader chose.
const themes = ['auto', 'light', 'dark'];

function setTheme(theme) {
  prefs.set('theme', theme);
  document.documentElement.dataset.theme = theme;
  document.dispatchEvent(new Event('themechange'));
}

document.documentElement.dataset.theme = prefs.get('theme', 'auto');
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => document.dispatchEvent(new Event('themechange')));

function nextTheme() {
  const theme = themes[(themes.indexOf(prefs.get('theme', 'auto')) + 1) % themes.length];
  setTheme(theme);
  say(`Theme: ${theme}`);
}

function panel(name, open = document.body.classList.contains(`no-${name}`)) {
  document.body.classList.toggle(`no-${name}`, !open);
  prefs.set(`panel.${name}`, open ? '1' : '0');
}

for (const name of ['side', 'info']) panel(name, prefs.get(`panel.${name}`, name === 'info' && innerWidth < 1100 ? '0' : '1') === '1');

let saidTimer = 0;

function say(text) {
  $('said').textContent = text;
  clearTimeout(saidTimer);
  saidTimer = setTimeout(() => { $('said').textContent = ''; }, 5000);
}

function read(text) {
  if ($('read').textContent !== text) $('read').textContent = text;
}

// problem shows an error above the view until the view changes or it is closed.
function problem(err) {
  if (aborted(err)) return;
  const places = [
    err.kind && err.kind !== 'offline' && [err.kind, err.kind], err.tensor && [err.tensor, `tensor ${err.tensor}`], err.field && [err.field, err.field],
    err.offset !== undefined && err.offset !== null && Number(err.offset) >= 0 && [String(err.offset), `offset ${integer(err.offset)}`],
  ].filter((place) => place && !err.message.includes(place[0])).map(([, text]) => text);
  fill($('problem'), el('span', null, el('b', null, 'Problem: '), err.message, places.length > 0 && el('span.dim', null, `  (${places.join(', ')})`)),
    iconButton('close', 'Close', () => { $('problem').hidden = true; }));
  $('problem').hidden = false;
}

function clearProblem() {
  $('problem').hidden = true;
}

const currentFile = () => app.files[state.int('f', 0)] ?? app.files[0];

function tensorKey() {
  return JSON.stringify([currentFile()?.id, state.get('at') ?? '', state.get('t')]);
}

// known asks for a tensor once; a failure is forgotten, so that it can be tried again.
function known(base) {
  const key = JSON.stringify([base.f, base.at ?? '', base.t]);
  if (!app.tensors.has(key)) {
    const asked = getJSON('tensor', base).then((doc) => doc.tensor ?? doc);
    app.tensors.set(key, asked);
    asked.catch(() => app.tensors.delete(key));
    while (app.tensors.size > 200) app.tensors.delete(app.tensors.keys().next().value);
  }
  return app.tensors.get(key);
}

function choose(name) {
  const patch = Object.fromEntries(ofTensor.map((key) => [key, null]));
  // A page of the file gives way to the tensor; a view of tensors stays.
  if (pages[state.get('v')]) patch.v = null;
  state.set({...patch, t: name}, true);
}

const axisBar = new AxisBar($('axes'), {busy: () => app.mounted?.view?.busy?.() ?? false});
const tree = new Tree($('side'), choose);
splitter($('split-side'), $('side'));

function chooseFile(id) {
  state.set({...Object.fromEntries(ofTensor.map((key) => [key, null])), f: id, t: null, at: null, q: null}, true);
}

// stepFile goes to the next file, or the one before.
function stepFile(by) {
  const at = app.files.indexOf(currentFile()) + by;
  if (at >= 0 && at < app.files.length) chooseFile(app.files[at].id);
}

function buildTop() {
  const {files} = app;
  if (files.length > 1) {
    const select = choice('File', files.map((f) => [f.id, f.name]), '', chooseFile);
    select.id = 'file-select';
    fill($('files'), select);
  } else {
    fill($('files'), el('span.file-name', {title: files[0]?.path}, files[0]?.name ?? ''));
  }
  fill($('pages'), Object.entries(pages).map(([id, [title]]) => el('a', {href: '#', data: {page: id}, onclick: (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    state.set({v: id}, true);
  }}, title)));
  fill($('actions'),
    iconButton('link', 'Copy the address of this view (y)', copyLink),
    iconButton('download', 'Download (w)', () => downloadDialog(context())),
    iconButton('theme', 'Theme (t)', nextTheme),
    iconButton('left', 'List of tensors ([)', () => panel('side')),
    iconButton('right', 'About the tensor (])', () => panel('info')),
    el('button.icon-button', {type: 'button', title: 'Keyboard (?)', aria: {label: 'Keyboard'}, onclick: sheet}, '?'));
}

async function copyLink() {
  state.flush();
  try {
    await copyText(location.href);
    say('Copied the address of this view');
  } catch (err) {
    problem(err);
  }
}

// context is what views and dialogs know of the page.
function context() {
  const file = currentFile();
  return {
    app, file, files: app.files, limits: app.limits, tensor: app.tensor, known, choose, say, read, error: problem, state,
    base: {f: file?.id, at: state.get('at'), t: state.get('t')},
    view: app.mounted?.view, axes: app.mounted?.axes, roles: app.mounted?.definition?.roles,
  };
}

function showTabs(tensor, current) {
  const ids = [...new Set([...(tensor.views ?? ['values']), 'diff'])].filter((id) => views[id]);
  app.tabs = ids;
  fill($('tabs'), ids.map((id, n) => el('button.tab', {
    type: 'button', role: 'tab', id: `tab-${id}`, tabIndex: id === current ? 0 : -1, title: `${views[id][0]} (${n + 1})`,
    aria: {selected: String(id === current), controls: 'view'}, onclick: () => state.set({v: id}, true),
  }, views[id][0])));
}

$('tabs').addEventListener('keydown', (event) => {
  const by = {ArrowRight: 1, ArrowLeft: -1}[event.key];
  if (!by || !app.tabs?.length) return;
  event.preventDefault();
  event.stopPropagation();
  const at = app.tabs.indexOf(app.mounted?.id);
  const id = app.tabs[(at + by + app.tabs.length) % app.tabs.length];
  state.set({v: id}, true);
  requestAnimationFrame(() => $(`tab-${id}`)?.focus());
});

function unmount() {
  app.mounted?.abort.abort(new DOMException('the view was left', 'AbortError'));
  app.mounted = null;
  bind('View', []);
  bind('Axes', []);
  axisBar.stop();
  fill($('view'));
  fill($('tools'));
  read('');
}

// mount shows a view or page in the place of the one before.
async function mount(key, id, load, tensor) {
  const turn = app.turn;
  let definition;
  try {
    definition = await load();
  } catch (err) {
    problem(err);
    return;
  }
  if (turn !== app.turn) return;
  unmount();
  clearProblem();
  $('tools').hidden = false;
  const abort = new AbortController();
  const host = el(`div.view-body.view-${id}`);
  fill($('view'), host);
  $('view').setAttribute('aria-label', (views[id] ?? pages[id])[0]);
  app.mounted = {key, id, definition, abort, axes: null, view: null};
  const ctx = {...context(), host, tools: $('tools'), tensor, signal: abort.signal, fresh: () => update()};
  app.mounted.view = definition.mount(ctx);
  update();
  bind('View', app.mounted.view.keys?.() ?? []);
}

// update lets the view that is mounted follow the state.
function update() {
  const {mounted} = app;
  if (!mounted?.view) return;
  try {
    mounted.axes = mounted.view.update() ?? null;
  } catch (err) {
    console.error(err);
    problem(err);
    return;
  }
  const roles = mounted.view.roles?.() ?? mounted.definition.roles;
  if (mounted.axes && roles && app.tensor) {
    axisBar.show(app.tensor, roles, mounted.axes, app.tensor.attrs?.['image.delays']);
    bind('Axes', axisBar.keys());
  } else {
    $('axes').hidden = true;
  }
}

// learn asks for the facts of a file that was not open when the list was made.
async function learn(file) {
  file.format = '…';
  const {files} = await getJSON('files');
  Object.assign(file, files.find((f) => f.id === file.id));
}

async function apply() {
  const turn = ++app.turn;
  const file = currentFile();
  tree.show(file);
  const v = state.get('v');
  const t = state.get('t');
  const isPage = !!pages[v] || (t === undefined);
  const fileSelect = $('file-select');
  if (fileSelect) fileSelect.value = file?.id;
  for (const link of $('pages').querySelectorAll('a')) {
    const on = isPage && link.dataset.page === (pages[v] ? v : 'file');
    if (on) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
    link.href = state.href({v: link.dataset.page});
  }
  if (file && !file.format && !file.error) {
    learn(file).then(() => turn === app.turn && apply()).catch(problem);
  }
  if (t === undefined && v === undefined && Number(file?.tensors) === 1 && !file.counting && (state.get('q') ?? '') === '') {
    // Who opens a file with one tensor wants to see that.
    const {rows} = await getJSON('tensors', {f: file.id, at: state.get('at'), limit: 1});
    if (turn !== app.turn) return;
    if (rows.length === 1 && !rows[0].error) {
      state.set({t: rows[0].name});
      return;
    }
  }
  document.title = [t, file?.name, 'tensorfile'].filter(Boolean).join(' · ');
  document.body.classList.toggle('on-page', isPage);
  if (isPage) {
    const id = pages[v] ? v : 'file';
    app.tensor = null;
    const key = JSON.stringify(['page', id, file?.id, state.get('at')]);
    if (app.mounted?.key === key) update();
    else await mount(key, id, pages[id][1], null);
    return;
  }
  const key = tensorKey();
  if (app.tensorKey !== key || !app.tensor) {
    $('stage').setAttribute('aria-busy', 'true');
    let tensor;
    try {
      tensor = await known({f: file?.id, at: state.get('at'), t});
    } catch (err) {
      if (turn !== app.turn) return;
      app.tensor = null;
      unmount();
      fill($('head'), el('h1', null, t));
      fill($('tabs'));
      fill($('info'));
      problem(err);
      return;
    } finally {
      $('stage').removeAttribute('aria-busy');
    }
    if (turn !== app.turn) return;
    app.tensor = tensor;
    app.tensorKey = key;
    head($('head'), tensor, {say});
    showInfo($('info'), tensor, file);
  }
  const possible = [...(app.tensor.views ?? ['values']), 'diff'];
  const id = possible.includes(v) && views[v] ? v : possible[0];
  const mountKey = JSON.stringify([key, id]);
  const there = app.mounted?.key === mountKey;
  // Another view may have been on its way when this one was asked for again.
  if (!there || $(`tab-${id}`)?.getAttribute('aria-selected') !== 'true') showTabs(app.tensor, id);
  if (there) {
    update();
    return;
  }
  await mount(mountKey, id, views[id][1], app.tensor);
}

function tab(n) {
  const id = app.tabs?.[n];
  if (id && !document.body.classList.contains('on-page')) state.set({v: id}, true);
}

bind('Everywhere', [
  ['/', 'filter the names', () => { panel('side', true); tree.filter.focus(); tree.filter.select(); }],
  ['j', 'next tensor', () => tree.step(1)],
  ['k', 'tensor before', () => tree.step(-1)],
  ['J', 'next file', () => stepFile(1)],
  ['K', 'file before', () => stepFile(-1)],
  ['n', 'go to the list', () => { panel('side', true); tree.view.focus(); }],
  ['Enter', 'go to the view', () => app.mounted?.view?.focus?.()],
  ['1 2 3 4 5 6 7 8 9', 'choose a view', (event) => tab(Number(event.key) - 1)],
  ['g', 'go to an index', () => app.tensor && gotoDialog(context())],
  ['w', 'download', () => downloadDialog(context())],
  ['y', 'copy the address of this view', copyLink],
  ['o', 'overview of the file', () => state.set({v: 'file'}, true)],
  ['b', 'byte map', () => state.set({v: 'bytes'}, true)],
  ['h', 'history: generations', () => state.set({v: 'log'}, true)],
  ['d', 'compare', () => state.set({v: state.get('t') ? 'diff' : 'compare'}, true)],
  ['t', 'theme', nextTheme],
  ['[', 'list of tensors on and off', () => panel('side')],
  [']', 'facts on and off', () => panel('info')],
  ['Escape', 'stop, close', () => { axisBar.stop(); clearProblem(); app.mounted?.view?.cancel?.(); }],
  ['?', 'this sheet', sheet],
]);

for (const dialog of document.querySelectorAll('dialog')) {
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener('keydown', (event) => { if (event.key === '?' && dialog.id === 'sheet') dialog.close(); });
}

addEventListener('unhandledrejection', (event) => {
  if (aborted(event.reason)) event.preventDefault();
});

async function start() {
  try {
    const doc = await getJSON('files');
    app.files = doc.files;
    app.limits = doc.limits ?? {};
    app.generation = Number(doc.generation);
  } catch (err) {
    problem(err);
    return;
  }
  buildTop();
  const file = currentFile();
  if (app.generation > 0 && file?.generations && !state.get('at')) state.set({at: app.generation});
  state.addEventListener('change', () => apply().catch(problem));
  await apply();
  begun();
}

start();

export {maps, state}; // for scripts in the console
