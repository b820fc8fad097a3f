// A Plane draws two axes of a tensor of any size on a canvas: tiles in the
// resolution of the screen, coloured here, with zoom, pan, rulers and a map.

import {Pool} from './api.js';
import {light, marks, paint, what} from './color.js';
import {clamp, el, frames, onResize, scaled, shown} from './dom.js';
import {integer, number, ticks} from './format.js';

const tileCells = 256; // of a side, unless the source says otherwise
const keepTiles = 320;
const rulerX = 58; // width of the row numbers, CSS pixels
const rulerY = 20; // height of the column numbers
const maxZoom = 160; // CSS pixels an element
const requests = 4; // at once; the browser leaves six to a host

export class Plane {
  // on: view(view), hover(cell or null), select(rect or null), open(cell),
  // values(data) of a tile that came, error(err): all may be left out.
  constructor(host, signal, {label, on = {}, map = true}) {
    this.on = on;
    this.signal = signal;
    this.canvas = el('canvas.plane-cells', {tabIndex: 0, role: 'application', aria: {
      label, roledescription: 'zoomable picture of numbers'}});
    this.over = el('canvas.plane-over', {aria: {hidden: 'true'}});
    this.map = map ? el('canvas.plane-map', {aria: {hidden: 'true'}, title: 'Where the view is'}) : null;
    this.note = el('div.plane-note', {hidden: true, role: 'status'});
    this.node = el('div.plane', null, this.canvas, this.over, this.map, this.note);
    host.append(this.node);

    this.tiles = new Map(); // key -> tile, oldest use first
    this.stale = new Map(); // of the source before, shown until the new ones came
    this.pool = new Pool(requests);
    this.view = null;
    this.cursor = null;
    this.rect = null;
    this.hovered = null;
    this.width = this.height = 0;
    this.painted = 0;
    this.draw = frames(() => this.render());
    this.drawOver = frames(() => this.renderOver());

    onResize(this.node, signal, (w, h) => this.resize(w, h));
    signal.addEventListener('abort', () => this.pool.stop());
    document.addEventListener('themechange', () => this.draw(), {signal});
    this.listen();
  }

  // setSource says what to show: {rows, cols, side, coloured, tile(ly, lx, ty, tx, signal)},
  // where tile returns {data, h, w} with values, or {rgba, h, w} with pixels that
  // have their colours already. The view stays if the size does. It returns a promise
  // that is kept when tiles are asked for.
  setSource(source) {
    const same = this.source && this.source.rows === source.rows && this.source.cols === source.cols;
    this.source = source;
    this.canvas.dataset.busy = '1';
    this.busy = true;
    this.side = source.side ?? tileCells;
    if (same) {
      if (this.tiles.size) this.stale = this.tiles;
    } else {
      this.stale = new Map();
      this.view = null;
    }
    this.tiles = new Map();
    this.failed = new Map();
    this.pool.stop();
    this.pool = new Pool(requests);
    if (!this.view) this.fit(true);
    this.note.hidden = true;
    this.waiting = !!source.sketch;
    this.draw();
    return this.sketch(source);
  }

  // sketch fetches what the source has for a first impression of everything, where
  // the tiles themselves take their time; they are not asked for before it is there.
  async sketch(source) {
    if (!source.sketch) return;
    const [ly, lx] = this.overview();
    try {
      const got = await source.sketch(ly, lx, this.signal);
      if (this.source !== source) return;
      this.note.textContent = `a sketch, of ${got.seen}`;
      this.note.hidden = false;
      this.stale.set(`${ly},${lx},0,0`, {...got, ly, lx, ty: 0, tx: 0, painted: -1, canvas: null});
      this.on.values?.(got.data);
      this.draw();
    } catch {
      // The tiles will come, or their errors.
    }
    await shown(); // before the work for the tiles takes the processors
    if (this.source === source) {
      this.waiting = false;
      this.draw();
    }
  }

  setStyle(lut, scale) {
    this.lut = lut;
    this.scale = scale;
    this.painted++;
    this.draw();
  }

  // setView moves without telling on.view, for what comes from the address or
  // from a plane that is linked.
  setView(view) {
    this.isFitted = !view;
    if (!this.source || !this.width) this.view = view;
    else this.view = view ? this.bounded(view) : this.fitted();
    this.draw();
  }

  setSelection(rect) {
    this.rect = rect;
    this.drawOver();
  }

  get inner() {
    return {w: Math.max(1, this.width - rulerX), h: Math.max(1, this.height - rulerY)};
  }

  // fitted shows everything. Axes keep one scale unless one would be a thread.
  fitted() {
    const {rows, cols} = this.source;
    const {w, h} = this.inner;
    const z = Math.min(w / cols, h / rows, 64);
    const thin = (n, room) => Math.min(room / n, Math.max(24, 80 / n));
    const zx = cols * z < 80 ? Math.max(z, thin(cols, w)) : z;
    const zy = rows * z < 80 ? Math.max(z, thin(rows, h)) : z;
    // At the rulers, not in the middle: numbers stand beside what they count.
    return {cx: w / 2 / zx, cy: h / 2 / zy, zx, zy};
  }

  fit(quiet = false) {
    if (!this.source || !this.width) return;
    this.view = this.fitted();
    this.isFitted = true;
    this.draw();
    if (!quiet) this.on.view?.(null);
  }

  bounded(view) {
    const {rows, cols} = this.source;
    const least = this.fitted();
    return {
      cx: clamp(view.cx, 0, Math.max(cols, least.cx)), cy: clamp(view.cy, 0, Math.max(rows, least.cy)),
      zx: clamp(view.zx, least.zx / 2, maxZoom), zy: clamp(view.zy, least.zy / 2, maxZoom),
    };
  }

  move(view) {
    if (!this.source || !this.view) return;
    this.view = this.bounded({...this.view, ...view});
    this.isFitted = false;
    this.draw();
    this.on.view?.(this.view);
  }

  // zoom by factors, keeping the element under a point of the canvas in place.
  zoom(fx, fy, px = rulerX + this.inner.w / 2, py = rulerY + this.inner.h / 2) {
    const {x, y} = this.element(px, py);
    const {w, h} = this.inner;
    const next = this.bounded({...this.view, zx: this.view.zx * fx, zy: this.view.zy * fy});
    this.move({...next, cx: x - (px - rulerX - w / 2) / next.zx, cy: y - (py - rulerY - h / 2) / next.zy});
  }

  // goTo brings a cell into the middle, near enough to read it.
  goTo(row, col) {
    if (!this.view) return;
    this.cursor = {row, col};
    const grow = Math.max(1, 24 / Math.max(this.view.zx, this.view.zy));
    this.move({cx: col + 0.5, cy: row + 0.5, zx: this.view.zx * grow, zy: this.view.zy * grow});
    this.drawOver();
    this.hoverAt({row, col});
  }

  element(px, py) {
    const {w, h} = this.inner;
    return {x: this.view.cx + (px - rulerX - w / 2) / this.view.zx, y: this.view.cy + (py - rulerY - h / 2) / this.view.zy};
  }

  screen(x, y) {
    const {w, h} = this.inner;
    return [rulerX + w / 2 + (x - this.view.cx) * this.view.zx, rulerY + h / 2 + (y - this.view.cy) * this.view.zy];
  }

  cellAt(px, py) {
    if (!this.view || px < rulerX || py < rulerY) return null;
    const {x, y} = this.element(px, py);
    const row = Math.floor(y);
    const col = Math.floor(x);
    return row >= 0 && col >= 0 && row < this.source.rows && col < this.source.cols ? {row, col} : null;
  }

  resize(w, h) {
    const dpr = devicePixelRatio || 1;
    this.width = w;
    this.height = h;
    this.dpr = dpr;
    for (const canvas of [this.canvas, this.over]) {
      canvas.width = Math.max(1, Math.round(w * dpr));
      canvas.height = Math.max(1, Math.round(h * dpr));
    }
    if (this.source && (!this.view || this.isFitted)) this.fit(true);
    this.draw();
  }

  // levels is the power of two of rows and columns to a cell, so that a cell is
  // one device pixel at least: nothing is left out when it is drawn.
  levels() {
    const level = (z, n) => clamp(Math.ceil(-Math.log2(z * this.dpr) - 0.05), 0, Math.ceil(Math.log2(Math.max(1, n))));
    return [level(this.view.zy, this.source.rows), level(this.view.zx, this.source.cols)];
  }

  // overview is the level at which one tile holds everything.
  overview() {
    const level = (n) => Math.max(0, Math.ceil(Math.log2(n / this.side)));
    return [level(this.source.rows), level(this.source.cols)];
  }

  render() {
    if (!this.source || !this.width) return;
    // Tiles are fetched while the range of the colours is still looked for.
    const painted = !!(this.lut || this.source.coloured);
    if (!this.view) this.fit(true);
    const {rows, cols} = this.source;
    const {w, h} = this.inner;
    const context = this.canvas.getContext('2d');
    context.setTransform(this.dpr, 0, 0, this.dpr, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    const a = this.element(rulerX, rulerY);
    const b = this.element(rulerX + w, rulerY + h);
    const seen = {
      x0: clamp(a.x, 0, cols), x1: clamp(b.x, 0, cols), y0: clamp(a.y, 0, rows), y1: clamp(b.y, 0, rows),
    };
    const [ly, lx] = this.levels();
    const spanX = this.side * 2 ** lx;
    const spanY = this.side * 2 ** ly;
    const wanted = [];
    context.save();
    context.beginPath();
    context.rect(rulerX, rulerY, w, h);
    context.clip();
    // Pixels of a photograph that are hardly larger than those of the screen look torn
    // unless they are blended; cells of numbers never are.
    context.imageSmoothingEnabled = !!this.source.coloured && this.view.zx * 2 ** lx * this.dpr < 2;
    const tx1 = Math.min(Math.ceil(cols / spanX), Math.ceil(seen.x1 / spanX));
    const ty1 = Math.min(Math.ceil(rows / spanY), Math.ceil(seen.y1 / spanY));
    for (let ty = Math.floor(seen.y0 / spanY); ty < ty1; ty++) {
      for (let tx = Math.floor(seen.x0 / spanX); tx < tx1; tx++) {
        const tile = this.tile(ly, lx, ty, tx);
        if (tile && painted) this.blit(context, tile, tile);
        else if (!tile) {
          if (painted) this.blitOther(context, ly, lx, ty, tx);
          const dx = (tx + 0.5) * spanX - this.view.cx;
          const dy = (ty + 0.5) * spanY - this.view.cy;
          wanted.push([Math.hypot(dx * this.view.zx, dy * this.view.zy), ly, lx, ty, tx]);
        }
      }
    }
    if (ly === 0 && lx === 0 && this.lut && !this.source.coloured) this.renderCells(context, seen);
    context.restore();
    this.renderRulers(context, seen);
    wanted.sort((p, q) => p[0] - q[0]);
    const [oy, ox] = this.overview();
    if ((this.map || oy > ly || ox > lx) && !this.tile(oy, ox, 0, 0)) {
      wanted.push([0, oy, ox, 0, 0]);
    }
    this.canvas.dataset.view = JSON.stringify(this.view); // for tests and for scripts
    this.request(wanted);
    if (painted) this.renderMap(seen);
    this.renderOver();
  }

  tile(ly, lx, ty, tx) {
    const key = `${ly},${lx},${ty},${tx}`;
    const tile = this.tiles.get(key);
    if (!tile) return null;
    this.tiles.delete(key);
    this.tiles.set(key, tile);
    return tile;
  }

  request(wanted) {
    if (this.waiting) return;
    const jobs = [];
    for (const [, ly, lx, ty, tx] of wanted) {
      const key = `${ly},${lx},${ty},${tx}`;
      if (this.failed.has(key)) continue;
      jobs.push([key, (signal) => this.load(key, ly, lx, ty, tx, signal)]);
    }
    this.pool.want(jobs);
    const busy = jobs.length > 0;
    if (busy !== this.busy) {
      this.busy = busy;
      if (!busy) this.note.hidden = true;
      this.canvas.dataset.busy = busy ? '1' : '0';
    }
  }

  async load(key, ly, lx, ty, tx, signal) {
    const {source, failed, tiles} = this;
    try {
      const got = await source.tile(ly, lx, ty, tx, signal);
      if (this.tiles !== tiles) return;
      tiles.set(key, {...got, ly, lx, ty, tx, painted: -1, canvas: null});
      if (got.data) this.on.values?.(got.data);
      while (tiles.size > keepTiles) tiles.delete(tiles.keys().next().value);
      this.stale.delete(key);
    } catch (err) {
      if (signal.aborted) return;
      failed.set(key, err);
      this.on.error?.(err);
    }
    this.draw();
  }

  // image of a tile in the colours of now.
  image(tile) {
    if (tile.painted !== this.painted) {
      tile.canvas ??= el('canvas', {width: tile.w, height: tile.h});
      const context = tile.canvas.getContext('2d');
      const pixels = context.createImageData(tile.w, tile.h);
      if (tile.rgba) pixels.data.set(tile.rgba);
      else paint(tile.data, new Uint32Array(pixels.data.buffer), tile.w, this.lut, this.scale);
      context.putImageData(pixels, 0, 0);
      tile.painted = this.painted;
    }
    return tile.canvas;
  }

  // blit draws the part of a tile that lies in the area of another one, which may
  // be of a finer level. Edges fall on device pixels, so that tiles touch.
  blit(context, tile, area) {
    const x0 = area.tx * this.side * 2 ** area.lx;
    const y0 = area.ty * this.side * 2 ** area.ly;
    const x1 = Math.min(x0 + this.side * 2 ** area.lx, this.source.cols);
    const y1 = Math.min(y0 + this.side * 2 ** area.ly, this.source.rows);
    const cx = 2 ** tile.lx;
    const cy = 2 ** tile.ly;
    const left = tile.tx * this.side;
    const top = tile.ty * this.side;
    const sx = x0 / cx - left;
    const sy = y0 / cy - top;
    // Cells at the end may stand for fewer elements; they are drawn whole and cut.
    const sw = Math.min(tile === area ? tile.w : (x1 - x0) / cx, tile.w - sx);
    const sh = Math.min(tile === area ? tile.h : (y1 - y0) / cy, tile.h - sy);
    if (sw <= 0 || sh <= 0) return;
    const [ax, ay] = this.screen(x0, y0);
    const [bx, by] = this.screen(x0 + sw * cx, y0 + sh * cy);
    const [ex, ey] = this.screen(this.source.cols, this.source.rows);
    const snap = (v) => Math.round(v * this.dpr) / this.dpr;
    context.save();
    context.beginPath();
    context.rect(0, 0, Math.max(0, snap(ex)), Math.max(0, snap(ey)));
    context.clip();
    context.drawImage(this.image(tile), sx, sy, sw, sh, snap(ax), snap(ay), snap(bx) - snap(ax), snap(by) - snap(ay));
    context.restore();
  }

  // blitOther stands in for a tile that is not there yet: the one of the slice
  // before, a coarser one, or the overview.
  blitOther(context, ly, lx, ty, tx) {
    const area = {ly, lx, ty, tx};
    const before = this.stale.get(`${ly},${lx},${ty},${tx}`);
    if (before) {
      this.blit(context, before, area);
      return;
    }
    for (let up = 1; up <= 8; up++) {
      const coarse = this.tiles.get(`${ly + up},${lx + up},${ty >> up},${tx >> up}`);
      if (coarse) {
        this.blit(context, coarse, area);
        return;
      }
    }
    const [oy, ox] = this.overview();
    const all = this.tiles.get(`${oy},${ox},0,0`) ?? this.stale.get(`${oy},${ox},0,0`);
    if (all && oy >= ly && ox >= lx) this.blit(context, all, area);
  }

  // renderCells writes the values into cells that are large enough, and what the
  // marks mean into smaller ones.
  renderCells(context, seen) {
    const {zx, zy} = this.view;
    if (zx < 22 || zy < 13) return;
    const full = zx >= 44;
    const size = clamp(Math.min(zx / 5.5, zy * 0.5), 9, 14);
    context.font = `${size}px ${getComputedStyle(document.documentElement).getPropertyValue('--mono')}`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    const digits = zx >= 80 ? 6 : 4;
    const rowEnd = Math.min(this.source.rows, Math.ceil(seen.y1));
    const colEnd = Math.min(this.source.cols, Math.ceil(seen.x1));
    for (let row = Math.floor(seen.y0); row < rowEnd; row++) {
      for (let col = Math.floor(seen.x0); col < colEnd; col++) {
        const tile = this.tiles.get(`0,0,${Math.floor(row / this.side)},${Math.floor(col / this.side)}`);
        if (!tile) continue;
        const k = (row % this.side) * tile.w + (col % this.side);
        const mark = what(tile.data, k);
        if (!mark && !full) continue;
        const text = mark === 'damaged' ? '×' : mark ? marks[mark].text : number(tile.data[k], digits);
        const [x, y] = this.screen(col + 0.5, row + 0.5);
        const pixel = mark ? marks[mark].rgb.reduce((p, v, n) => p | (v << (8 * n)), 0)
          : this.lut[clamp(Math.floor(this.scale.at(tile.data[k]) * 256), 0, 255)];
        context.fillStyle = light(pixel) ? '#000' : '#fff';
        context.fillText(text, x, y, zx - 3);
      }
    }
  }

  renderRulers(context, seen) {
    const style = getComputedStyle(document.documentElement);
    const {zx, zy} = this.view;
    context.fillStyle = style.getPropertyValue('--muted');
    context.strokeStyle = style.getPropertyValue('--line');
    context.font = `${Math.min(14, scaled(11))}px ${style.getPropertyValue('--sans')}`;
    context.lineWidth = 1;
    const whole = (lo, hi, count) => [...new Set(ticks(lo, hi, count).map(Math.round))].filter((v) => v >= lo - 0.5 && v < hi);
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    const middle = (z) => (z >= 3 ? 0.5 : 0); // numbers name elements, not edges
    context.beginPath();
    for (const col of whole(seen.x0, seen.x1, Math.max(1, this.inner.w / 90))) {
      const [x] = this.screen(col + middle(zx), 0);
      if (x < rulerX) continue;
      context.fillText(integer(col), x, rulerY / 2 - 1);
      context.moveTo(Math.round(x) + 0.5, rulerY - 4);
      context.lineTo(Math.round(x) + 0.5, rulerY);
    }
    context.textAlign = 'right';
    for (const row of whole(seen.y0, seen.y1, Math.max(1, this.inner.h / 42))) {
      const [, y] = this.screen(0, row + middle(zy));
      if (y < rulerY) continue;
      context.fillText(integer(row), rulerX - 8, y, rulerX - 10);
      context.moveTo(rulerX - 5, Math.round(y) + 0.5);
      context.lineTo(rulerX - 1, Math.round(y) + 0.5);
    }
    context.stroke();
    const [x0, y0] = this.screen(seen.x0, seen.y0);
    const [x1, y1] = this.screen(seen.x1, seen.y1);
    context.strokeRect(Math.round(x0) - 0.5, Math.round(y0) - 0.5, Math.round(x1 - x0) + 1, Math.round(y1 - y0) + 1);
  }

  renderMap(seen) {
    if (!this.map) return;
    const {rows, cols} = this.source;
    const [oy, ox] = this.overview();
    const all = this.tiles.get(`${oy},${ox},0,0`);
    const whole = seen.x1 - seen.x0 >= cols * 0.999 && seen.y1 - seen.y0 >= rows * 0.999;
    this.map.hidden = whole || !all;
    if (this.map.hidden) return;
    const fitted = this.fitted();
    const aspect = (cols * fitted.zx) / (rows * fitted.zy);
    const longest = clamp(this.width / 6, 90, 260);
    const w = Math.max(24, Math.round(aspect >= 1 ? longest : longest * aspect));
    const h = Math.max(24, Math.round(aspect >= 1 ? longest / aspect : longest));
    this.map.width = w * this.dpr;
    this.map.height = h * this.dpr;
    this.map.style.width = `${w}px`;
    this.map.style.height = `${h}px`;
    const context = this.map.getContext('2d');
    context.setTransform(this.dpr, 0, 0, this.dpr, 0, 0);
    context.drawImage(this.image(all), 0, 0, cols / 2 ** ox, rows / 2 ** oy, 0, 0, w, h);
    const box = [(seen.x0 / cols) * w, (seen.y0 / rows) * h,
      Math.max(3, ((seen.x1 - seen.x0) / cols) * w), Math.max(3, ((seen.y1 - seen.y0) / rows) * h)];
    context.lineWidth = 3;
    context.strokeStyle = '#000';
    context.strokeRect(...box);
    context.lineWidth = 1.5;
    context.strokeStyle = '#fff';
    context.strokeRect(...box);
  }

  renderOver() {
    if (!this.view || !this.source) return;
    const context = this.over.getContext('2d');
    context.setTransform(this.dpr, 0, 0, this.dpr, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    context.save();
    context.beginPath();
    context.rect(rulerX, rulerY, this.inner.w, this.inner.h);
    context.clip();
    const frame = (r0, c0, r1, c1, dash) => {
      const [x0, y0] = this.screen(c0, r0);
      const [x1, y1] = this.screen(c1, r1);
      const box = [x0, y0, Math.max(2, x1 - x0), Math.max(2, y1 - y0)];
      for (const [width, colour] of [[3, '#000'], [1.25, '#fff']]) {
        context.lineWidth = width;
        context.strokeStyle = colour;
        context.setLineDash(dash && colour === '#fff' ? [5, 4] : []);
        context.strokeRect(...box);
      }
    };
    if (this.rect) frame(this.rect.r0, this.rect.c0, this.rect.r1, this.rect.c1, true);
    if (this.hovered && this.view.zx >= 3) frame(this.hovered.row, this.hovered.col, this.hovered.row + 1, this.hovered.col + 1);
    if (this.cursor) {
      frame(this.cursor.row, this.cursor.col, this.cursor.row + 1, this.cursor.col + 1);
      const [x, y] = this.screen(this.cursor.col + 0.5, this.cursor.row + 0.5);
      context.setLineDash([]);
      for (const [width, colour] of [[3, '#0008'], [1, '#fff']]) {
        context.lineWidth = width;
        context.strokeStyle = colour;
        context.beginPath();
        for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
          context.moveTo(x + dx * (this.view.zx / 2 + 4), y + dy * (this.view.zy / 2 + 4));
          context.lineTo(x + dx * (this.view.zx / 2 + 14), y + dy * (this.view.zy / 2 + 14));
        }
        context.stroke();
      }
    }
    context.restore();
  }

  // valueAt is what the tiles of now say about a cell: {value, mark, ly, lx}, where
  // the value stands for 2^ly x 2^lx elements.
  valueAt(row, col) {
    if (!this.view) return null;
    const [ly, lx] = this.levels();
    const r = Math.floor(row / 2 ** ly);
    const c = Math.floor(col / 2 ** lx);
    const tile = this.tiles.get(`${ly},${lx},${Math.floor(r / this.side)},${Math.floor(c / this.side)}`);
    if (!tile?.data) return null;
    const k = (r % this.side) * tile.w + (c % this.side);
    return {value: tile.data[k], mark: what(tile.data, k), ly, lx, picked: tile.picked};
  }

  hoverAt(cell) {
    this.hovered = cell;
    this.drawOver();
    this.on.hover?.(cell && {...cell, ...this.valueAt(cell.row, cell.col)});
  }

  listen() {
    const {canvas, signal} = this;
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    let drag = null;
    canvas.addEventListener('pointerdown', (event) => {
      if (event.button > 1 || !this.view) return;
      const [px, py] = at(event);
      canvas.setPointerCapture(event.pointerId);
      canvas.focus({preventScroll: true});
      const cell = this.cellAt(px, py);
      drag = {px, py, view: this.view, moved: false, from: event.shiftKey ? cell : null};
    }, {signal});
    canvas.addEventListener('pointermove', (event) => {
      const [px, py] = at(event);
      if (!drag) {
        this.hoverAt(this.cellAt(px, py));
        return;
      }
      if (Math.hypot(px - drag.px, py - drag.py) > 3) drag.moved = true;
      if (!drag.moved) return;
      if (drag.from) {
        const to = this.cellAt(clamp(px, rulerX, this.width - 1), clamp(py, rulerY, this.height - 1));
        if (to) this.select(drag.from, to);
      } else {
        canvas.classList.add('dragging');
        this.move({cx: drag.view.cx - (px - drag.px) / this.view.zx, cy: drag.view.cy - (py - drag.py) / this.view.zy});
      }
    }, {signal});
    const end = (event) => {
      if (drag && !drag.moved && event.type === 'pointerup') {
        const cell = this.cellAt(...at(event));
        this.cursor = cell;
        this.drawOver();
        if (cell) this.on.open?.(cell);
        if (!event.shiftKey && this.rect) this.on.select?.(null);
      }
      drag = null;
      canvas.classList.remove('dragging');
    };
    canvas.addEventListener('pointerup', end, {signal});
    canvas.addEventListener('pointercancel', end, {signal});
    canvas.addEventListener('pointerleave', () => !drag && this.hoverAt(null), {signal});
    canvas.addEventListener('dblclick', (event) => this.view && this.zoom(2.5, 2.5, ...at(event)), {signal});
    canvas.addEventListener('wheel', (event) => {
      if (!this.view) return;
      event.preventDefault();
      const unit = event.deltaMode === 1 ? 16 : 1;
      if (event.shiftKey) {
        this.move({cx: this.view.cx + ((event.deltaX || event.deltaY) * unit) / this.view.zx});
        return;
      }
      const factor = Math.exp(-clamp(event.deltaY * unit, -240, 240) * 0.002);
      this.zoom(factor, event.altKey ? 1 : factor, ...at(event));
    }, {signal, passive: false});
    this.map?.addEventListener('pointerdown', (event) => this.map.setPointerCapture(event.pointerId), {signal});
    for (const type of ['pointerdown', 'pointermove']) {
      this.map?.addEventListener(type, (event) => {
        if (!event.buttons) return;
        const box = this.map.getBoundingClientRect();
        this.move({
          cx: ((event.clientX - box.left) / box.width) * this.source.cols,
          cy: ((event.clientY - box.top) / box.height) * this.source.rows,
        });
      }, {signal});
    }
  }

  select(from, to) {
    this.rect = {
      r0: Math.min(from.row, to.row), r1: Math.max(from.row, to.row) + 1,
      c0: Math.min(from.col, to.col), c1: Math.max(from.col, to.col) + 1,
    };
    this.drawOver();
    this.on.select?.(this.rect);
  }

  // arrow steps over cells by keyboard; without a cursor it pans.
  arrow(dy, dx, far) {
    if (!this.view) return;
    if (!this.cursor) {
      const step = far ? 0.5 : 0.1;
      this.move({cx: this.view.cx + (dx * step * this.inner.w) / this.view.zx, cy: this.view.cy + (dy * step * this.inner.h) / this.view.zy});
      return;
    }
    const n = far ? 10 : 1;
    const row = clamp(this.cursor.row + dy * n, 0, this.source.rows - 1);
    const col = clamp(this.cursor.col + dx * n, 0, this.source.cols - 1);
    this.cursor = {row, col};
    const [x, y] = this.screen(col + 0.5, row + 0.5);
    if (x < rulerX + 10 || x > this.width - 10 || y < rulerY + 10 || y > this.height - 10) this.move({cx: col + 0.5, cy: row + 0.5});
    this.hoverAt(this.cursor);
  }

  toggleCursor() {
    if (!this.view) return;
    this.cursor = this.cursor ? null : {
      row: clamp(Math.floor(this.view.cy), 0, this.source.rows - 1),
      col: clamp(Math.floor(this.view.cx), 0, this.source.cols - 1),
    };
    this.hoverAt(this.cursor);
  }

  // keys are the bindings of a view that shows this plane.
  keys() {
    return [
      ['ArrowLeft shift+ArrowLeft', 'move left', (e) => this.arrow(0, -1, e.shiftKey)],
      ['ArrowRight shift+ArrowRight', 'move right', (e) => this.arrow(0, 1, e.shiftKey)],
      ['ArrowUp shift+ArrowUp', 'move up', (e) => this.arrow(-1, 0, e.shiftKey)],
      ['ArrowDown shift+ArrowDown', 'move down', (e) => this.arrow(1, 0, e.shiftKey)],
      ['+ =', 'zoom in', () => this.zoom(1.5, 1.5)],
      ['-', 'zoom out', () => this.zoom(1 / 1.5, 1 / 1.5)],
      ['0', 'show everything', () => this.fit()],
      ['x', 'cell cursor on and off; arrows move it', () => this.toggleCursor()],
    ];
  }
}
