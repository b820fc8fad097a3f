// Lists and axes of any length: only what is seen is in the document.

// Browsers cannot lay out elements of tens of millions of pixels. A LongAxis
// gives a scrolled element a height that they can, and maps its scrollTop to a
// place on the true axis: small steps move by as many pixels, jumps with the
// scroll bar move in proportion.
const maxPixels = 4_000_000;
const pages = 100;

export class LongAxis {
  constructor() {
    this.total = this.view = this.real = 0;
    this.pos = 0; // on the true axis
    this.top = 0; // of the element
    this.offset = 0; // pos = top + offset
  }

  configure(total, view) {
    this.total = total;
    this.view = view;
    this.real = Math.min(total, maxPixels);
    this.page = maxPixels / pages;
    this.count = Math.floor(total / this.page);
    this.jump = total > maxPixels ? (total - this.real) / (this.count - 1) : 0;
    return this.seek(this.pos);
  }

  // seek moves to a place and returns the scrollTop for it.
  seek(pos) {
    this.pos = Math.max(0, Math.min(pos, this.total - this.view));
    const page = Math.min(this.count - 1, Math.floor(this.pos / this.page));
    this.offset = this.jump ? Math.round(page * this.jump) : 0;
    this.top = this.pos - this.offset;
    return this.top;
  }

  // scrolled takes a new scrollTop and returns the one to have instead.
  scrolled(top) {
    if (!this.jump) {
      this.top = this.pos = top;
      return top;
    }
    if (Math.abs(top - this.top) < this.view) return this.seek(top + this.offset);
    const share = (this.total - this.view) / (this.real - this.view);
    const page = Math.min(this.count - 1, Math.floor((top * share) / this.page));
    this.offset = Math.round(page * this.jump);
    this.top = top;
    this.pos = Math.max(0, Math.min(top + this.offset, this.total - this.view));
    return top;
  }
}

// A VirtualList shows rows of one height. render(index) makes the element of a
// row; it is called again for a row that comes back or is refreshed.
export class VirtualList {
  constructor(host, {rowHeight, render, onrange}) {
    this.host = host;
    this.rowHeight = rowHeight;
    this.render = render;
    this.onrange = onrange;
    this.count = 0;
    this.axis = new LongAxis();
    this.rows = new Map();
    this.spacer = document.createElement('div');
    this.spacer.className = 'spacer';
    this.spacer.setAttribute('role', 'presentation');
    host.classList.add('virtual');
    host.append(this.spacer);
    host.addEventListener('scroll', () => this.scrolled(), {passive: true});
    this.observer = new ResizeObserver(() => this.layout());
    this.observer.observe(host);
  }

  setCount(count) {
    this.count = count;
    this.layout();
  }

  layout() {
    const top = this.axis.configure(this.count * this.rowHeight, this.host.clientHeight);
    this.spacer.style.height = `${this.axis.real}px`;
    this.place(top);
    this.draw();
  }

  scrolled() {
    this.place(this.axis.scrolled(this.host.scrollTop));
    this.draw();
  }

  place(top) {
    if (Math.abs(this.host.scrollTop - top) >= 1) this.host.scrollTop = top;
  }

  get first() {
    return Math.max(0, Math.floor(this.axis.pos / this.rowHeight));
  }

  get last() { // one past the end
    return Math.min(this.count, Math.ceil((this.axis.pos + this.axis.view) / this.rowHeight));
  }

  get pageRows() {
    return Math.max(1, Math.floor(this.axis.view / this.rowHeight) - 1);
  }

  draw() {
    const {first, last} = this;
    for (const [index, row] of this.rows) {
      if (index >= first && index < last) continue;
      row.remove();
      this.rows.delete(index);
    }
    for (let index = first; index < last; index++) {
      let row = this.rows.get(index);
      if (!row) {
        row = this.render(index);
        row.classList.add('virtual-row');
        row.style.height = `${this.rowHeight}px`;
        this.rows.set(index, row);
        this.spacer.append(row);
      }
      row.style.transform = `translateY(${index * this.rowHeight - this.axis.offset}px)`;
    }
    this.onrange?.(first, last);
  }

  // refresh makes the rows anew from what they show now.
  refresh() {
    for (const row of this.rows.values()) row.remove();
    this.rows.clear();
    this.draw();
  }

  show(index) {
    const top = index * this.rowHeight;
    if (top < this.axis.pos) this.place(this.axis.seek(top));
    else if (top + this.rowHeight > this.axis.pos + this.axis.view) this.place(this.axis.seek(top + this.rowHeight - this.axis.view));
    this.draw();
  }

  destroy() {
    this.observer.disconnect();
  }
}

// Pages holds the rows of a long answer that were asked for, a page at a time,
// and forgets those not used for long.
export class Pages {
  // load(offset, limit, signal) returns an array; changed() is told when it came.
  constructor(load, changed, {size = 200, keep = 40} = {}) {
    Object.assign(this, {load, changed, size, keep});
    this.pages = new Map(); // number -> rows, oldest use first
    this.asked = new Map(); // number -> AbortController
    this.error = null;
  }

  get(index) {
    const n = Math.floor(index / this.size);
    const rows = this.pages.get(n);
    if (!rows) {
      this.ask(n);
      return undefined;
    }
    this.pages.delete(n);
    this.pages.set(n, rows);
    return rows[index - n * this.size];
  }

  ask(n) {
    if (this.asked.has(n) || this.error) return;
    const abort = new AbortController();
    this.asked.set(n, abort);
    const done = () => this.asked.get(n) === abort && this.asked.delete(n);
    this.load(n * this.size, this.size, abort.signal).then((rows) => {
      done();
      this.put(n, rows);
      this.changed();
    }).catch((err) => {
      done();
      if (abort.signal.aborted) return;
      this.error = err;
      this.changed();
    });
  }

  put(n, rows) {
    this.pages.set(n, rows);
    while (this.pages.size > this.keep) this.pages.delete(this.pages.keys().next().value);
  }

  // renew asks for the pages again that are here, and shows the old ones meanwhile.
  renew() {
    for (const n of this.pages.keys()) this.ask(n);
  }

  // seen drops requests for pages far from the rows that are looked at.
  seen(first, last) {
    const lo = Math.floor(first / this.size) - 1;
    const hi = Math.floor(last / this.size) + 1;
    for (const [n, abort] of this.asked) {
      if (n >= lo && n <= hi) continue;
      abort.abort();
      this.asked.delete(n);
    }
  }

  stop() {
    for (const abort of this.asked.values()) abort.abort();
    this.asked.clear();
  }
}
