// The list of tensors: a tree of names, or a flat list when filtered or sorted.
// Both show any number of names and ask only for those that are seen.

import {getJSON} from './api.js';
import {choice, el, icon, iconButton, later, scaled} from './dom.js';
import {bytes, dtypeName, integer, number, shortShape} from './format.js';
import {prefs, state} from './state.js';
import {Pages, VirtualList} from './virtual.js';

const sorts = [['tree', 'as a tree'], ['order', 'in file order'], ['name', 'by name'], ['bytes', 'by size'], ['shape', 'by shape'],
  ['dtype', 'by dtype'], ['ratio', 'by ratio']];

// A Branch is a node of the tree: its children in pages, and which of them are open.
class Branch {
  constructor(tree, path, depth) {
    this.path = path;
    this.depth = depth;
    this.total = 0;
    this.known = false;
    this.open = new Map(); // index of a child -> Branch
    this.pages = new Pages(async (offset, limit, signal) => {
      const doc = await getJSON('tree', {...tree.base, path, offset, limit}, signal);
      this.total = Number(doc.total);
      this.known = true;
      if (doc.building) tree.again();
      return doc.children;
    }, () => tree.changed());
    this.pages.get(0);
  }

  renew() {
    this.pages.renew();
    for (const branch of this.open.values()) branch.renew();
  }

  // height is the number of lines below this node.
  get height() {
    let n = this.known ? this.total : 1; // a line that says it loads
    for (const branch of this.open.values()) n += branch.height;
    return n;
  }

  // find returns the line n of this node: {branch, index, child}.
  find(n) {
    let before = 0; // lines of open branches passed
    for (const [index, branch] of [...this.open].sort((a, b) => a[0] - b[0])) {
      if (n - before <= index) break;
      const height = branch.height;
      if (n - before <= index + height) return branch.find(n - before - index - 1);
      before += height;
    }
    const index = n - before;
    return {branch: this, index, child: this.known ? this.pages.get(index) : undefined};
  }

  // line is the number of the line of a child, counted from this node's first.
  line(index) {
    let n = index;
    for (const [at, branch] of this.open) if (at < index) n += branch.height;
    return n;
  }
}

export class Tree {
  // chosen(name) is called when a tensor is picked.
  constructor(host, chosen) {
    this.host = host;
    this.chosen = chosen;
    this.active = 0;
    this.filter = el('input.filter', {
      type: 'search', placeholder: 'Filter: text or *.weight', spellcheck: false, autocomplete: 'off',
      aria: {label: 'Filter of names', keyshortcuts: '/'},
    });
    const typed = later(120, () => state.set({q: this.filter.value}));
    this.filter.addEventListener('input', typed);
    this.filter.addEventListener('keydown', (event) => {
      if (event.key === 'ArrowDown' || event.key === 'Enter') {
        event.preventDefault();
        typed.cancel();
        state.set({q: this.filter.value});
        this.view.focus();
      } else if (event.key === 'Escape' && this.filter.value) {
        event.stopPropagation();
        this.filter.value = '';
        state.set({q: null});
      }
    });
    this.sort = choice('Order of the list', sorts, 'tree', (v) => state.set({sort: v === 'tree' ? null : v, desc: v === 'bytes' || v === 'ratio' ? 1 : null}));
    this.turn = iconButton('down', 'Turn the order round', () => state.set({desc: state.get('desc') ? null : 1}));
    this.count = el('output.count', {aria: {live: 'polite'}});
    this.view = el('div.names', {tabIndex: 0, role: 'tree', aria: {label: 'Tensors'}});
    host.append(
      el('div.side-tools', null, el('label.search', null, icon('search'), this.filter),
        el('div.side-line', null, this.sort, this.turn, this.count)),
      this.view);
    this.list = new VirtualList(this.view, {
      rowHeight: scaled(24), render: (n) => this.row(n), onrange: (first, last) => this.pages?.seen(first, last),
    });
    this.view.addEventListener('keydown', (event) => this.pressed(event));
    this.view.addEventListener('focus', () => this.mark());
    this.view.addEventListener('click', (event) => this.clicked(event));
  }

  // show brings the list in line with the state; total is the file's number of tensors.
  show(file) {
    const filter = state.get('q') ?? '';
    const sort = sorts.some(([s]) => s === state.get('sort')) ? state.get('sort') : 'tree';
    const desc = state.get('desc') ? 1 : undefined;
    const key = JSON.stringify([file?.id, state.get('at'), filter, sort, desc]);
    if (document.activeElement !== this.filter) this.filter.value = filter;
    this.sort.value = sort;
    this.turn.hidden = sort === 'tree' && filter === '';
    this.turn.setAttribute('aria-pressed', String(!!desc));
    if (key !== this.key && file) {
      this.key = key;
      this.base = {f: file.id, at: state.get('at')};
      this.root = this.pages = null;
      this.active = 0;
      this.from = null;
      this.flat = filter !== '' || sort !== 'tree';
      this.view.setAttribute('role', this.flat ? 'listbox' : 'tree');
      if (this.flat) this.startFlat(filter, sort === 'tree' ? 'order' : sort, desc);
      else this.startTree();
      this.list.setCount(0);
      this.changed();
    }
    if (!this.flat && this.root?.known && this.from !== state.get('t') && this.led !== state.get('t')) {
      this.led = state.get('t');
      this.changed();
    }
    this.mark();
  }

  startFlat(filter, sort, desc) {
    this.matched = null;
    this.pages?.stop();
    this.pages = new Pages(async (offset, limit, signal) => {
      const doc = await getJSON('tensors', {...this.base, filter, sort, desc, offset, limit}, signal);
      this.matched = Number(doc.matched);
      this.total = Number(doc.total);
      if (doc.building) this.again();
      return doc.rows;
    }, () => this.changed());
    this.pages.get(0);
  }

  // again asks anew a little later: the server still reads names.
  again() {
    const {key} = this;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (key !== this.key) return;
      if (this.flat) this.pages.renew();
      else this.root.renew();
    }, 700);
  }

  startTree() {
    this.opened = new Set(); // paths that were opened for the address
    this.root = new Branch(this, '', 0);
    this.openOnly = true;
  }

  changed() {
    const count = this.flat ? this.matched ?? 0 : this.root.height;
    const err = this.flat ? this.pages.error : this.root.pages.error;
    if (err) {
      this.count.textContent = err.message;
      return;
    }
    if (this.flat && this.matched === null) this.count.textContent = '…';
    else if (this.flat) this.count.textContent = this.matched === this.total ? integer(this.total) : `${integer(this.matched)} of ${integer(this.total)}`;
    else this.count.textContent = '';
    this.count.title = this.flat ? 'tensors that match' : '';
    // A file of one folder opens it: nobody wants to look at a lone folder.
    if (!this.flat && this.openOnly && this.root.known) {
      this.openOnly = false;
      const only = this.root.total <= 3 ? this.root.pages.get(0) : null;
      if (only && !only.leaf) this.toggle(this.root, 0, only, true);
    }
    if (!this.flat) this.reveal(this.root);
    this.list.count = this.flat ? count : this.root.height;
    this.list.layout();
    this.list.refresh();
    this.mark();
  }

  // reveal opens the folders above the tensor that the address names, once, as far
  // as they are among the children that are here.
  reveal(branch) {
    const t = state.get('t');
    if (!t) return;
    for (const [number, rows] of branch.pages.pages) {
      rows.forEach((child, k) => {
        const index = number * branch.pages.size + k;
        if (child.leaf || !t.startsWith(child.path)) return;
        if (!branch.open.has(index) && !this.opened.has(child.path)) {
          branch.open.set(index, new Branch(this, child.path, branch.depth + 1));
        }
        this.opened.add(child.path);
        if (branch.open.has(index)) this.reveal(branch.open.get(index));
      });
    }
  }

  at(n) {
    if (this.flat) {
      const row = this.pages.get(n);
      return row && {name: row.name, label: row.name, leaf: true, row, depth: 0};
    }
    const found = this.root.find(n);
    return found.child && {
      name: found.child.path, label: found.child.label, leaf: found.child.leaf, row: found.child,
      below: Number(found.child.count) > (found.child.leaf ? 1 : 0) || !found.child.leaf,
      depth: found.branch.depth, branch: found.branch, index: found.index,
    };
  }

  row(n) {
    const item = this.at(n);
    if (!item) return el('div.name.waiting', {data: {line: n}}, '…');
    const {row} = item;
    const open = item.branch?.open.has(item.index);
    const facts = item.leaf && row.shape
      ? el('span.facts', null, el('span.dtype', null, dtypeName(row)), shortShape(row.shape), this.extra(row))
      : el('span.facts', null, row.count ? integer(row.count) : '');
    const node = el('div.name', {
      role: this.flat ? 'option' : 'treeitem', id: `name-${n}`, data: {line: n},
      title: `${item.name}${row.bytes !== undefined ? `\n${bytes(row.bytes)}` : ''}${row.error ? `\n${row.error.message ?? row.error}` : ''}`,
      aria: {
        selected: String(item.leaf && item.name === state.get('t')),
        ...(this.flat ? {} : {level: item.depth + 1, setsize: item.branch.total, posinset: item.index + 1}),
        ...(item.below ? {expanded: String(!!open)} : {}),
      },
    },
    item.below ? el('span.twist', {aria: {hidden: 'true'}}, icon(open ? 'down' : 'next')) : el('span.twist'),
    el('span.label', null, el('bdi', null, item.label)),
    row.error ? el('span.bad', {title: row.error.message ?? String(row.error)}, icon('warn')) : null,
    facts);
    node.style.paddingLeft = `${6 + item.depth * 14}px`;
    return node;
  }

  // extra is what the list is sorted by, where the row does not show it anyway.
  extra(row) {
    if (this.sort.value === 'bytes') return el('b', null, bytes(row.bytes));
    if (this.sort.value === 'ratio' && row.ratio) return el('b', null, `${number(row.ratio, 3)}×`);
    return null;
  }

  mark() {
    const t = state.get('t');
    for (const [n, node] of this.list.rows) {
      const item = this.at(n);
      const selected = !!item?.leaf && item.name === t;
      // Steps go on from the tensor that is shown, wherever it was chosen.
      if (selected && this.from !== t) {
        this.from = t;
        this.active = n;
      }
      node.setAttribute('aria-selected', String(selected));
      node.classList.toggle('selected', selected);
      node.classList.toggle('active', n === this.active);
    }
    if (this.list.rows.has(this.active)) this.view.setAttribute('aria-activedescendant', `name-${this.active}`);
  }

  clicked(event) {
    const node = event.target.closest('.name');
    if (!node) return;
    const n = Number(node.dataset.line);
    const item = this.at(n);
    if (!item) return;
    this.active = n;
    if (item.below && (!item.leaf || event.target.closest('.twist'))) this.toggle(item.branch, item.index, item.row);
    else this.chosen(item.name);
    this.mark();
  }

  toggle(branch, index, child, open = !branch.open.has(index)) {
    if (open) branch.open.set(index, new Branch(this, child.path, branch.depth + 1));
    else branch.open.delete(index);
    this.changed();
  }

  get lines() {
    return this.list.count;
  }

  go(n) {
    if (this.lines === 0) return;
    this.active = Math.max(0, Math.min(this.lines - 1, n));
    this.list.show(this.active);
    this.mark();
  }

  pressed(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const item = this.at(this.active);
    const open = item?.branch?.open.has(item.index);
    switch (event.key) {
      case 'ArrowDown': this.go(this.active + 1); break;
      case 'ArrowUp': this.go(this.active - 1); break;
      case 'PageDown': this.go(this.active + this.list.pageRows); break;
      case 'PageUp': this.go(this.active - this.list.pageRows); break;
      case 'Home': this.go(0); break;
      case 'End': this.go(this.lines - 1); break;
      case 'ArrowRight':
        if (item?.below && !open) this.toggle(item.branch, item.index, item.row, true);
        else if (open) this.go(this.active + 1);
        break;
      case 'ArrowLeft':
        if (open) this.toggle(item.branch, item.index, item.row, false);
        else if (item?.depth > 0) this.go(this.parentLine(this.active, item.depth));
        break;
      case 'Enter': case ' ':
        if (item?.leaf) this.chosen(item.name);
        else if (item) this.toggle(item.branch, item.index, item.row);
        break;
      default: return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  parentLine(n, depth) {
    for (let k = n - 1; k >= 0; k--) if (this.root.find(k).branch.depth < depth) return k;
    return n;
  }

  // step picks the tensor that many lines on, passing over folders.
  step(by) {
    for (let n = this.active + by; n >= 0 && n < this.lines; n += by) {
      const item = this.at(n);
      if (!item) break;
      if (!item.leaf) continue;
      this.go(n);
      this.chosen(item.name);
      return;
    }
  }
}

// splitter lets the width of the list be dragged or moved by arrows.
export function splitter(handle, side) {
  const set = (w) => {
    const width = Math.max(160, Math.min(innerWidth * 0.6, w));
    side.style.width = `${width}px`;
    handle.setAttribute('aria-valuenow', Math.round(width));
    prefs.set('side', Math.round(width));
  };
  const kept = Number(prefs.get('side', 0));
  if (kept) set(kept);
  handle.addEventListener('pointerdown', (event) => {
    handle.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  handle.addEventListener('pointermove', (event) => {
    if (handle.hasPointerCapture(event.pointerId)) set(event.clientX);
  });
  handle.addEventListener('keydown', (event) => {
    const by = {ArrowLeft: -20, ArrowRight: 20}[event.key];
    if (!by) return;
    set(side.offsetWidth + by);
    event.preventDefault();
  });
}
