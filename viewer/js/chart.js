// Charts by uPlot, which is loaded when the first one is drawn.

import {el, fill, onResize, scaled} from './dom.js';
import {number} from './format.js';

let loading;

function loaded(node) {
  return new Promise((resolve, reject) => {
    node.addEventListener('load', resolve);
    node.addEventListener('error', () => reject(new Error('the chart library did not load')));
    document.head.append(node);
  });
}

function library() {
  loading ??= Promise.all([
    loaded(el('link', {rel: 'stylesheet', href: 'static/uplot/uPlot.min.css'})),
    loaded(el('script', {src: 'static/uplot/uPlot.iife.min.js'})),
  ]).then(() => globalThis.uPlot, (err) => {
    loading = undefined; // so that the next chart tries again
    throw err;
  });
  return loading;
}

// Hues of series: told apart with each kind of colour blindness (Okabe and Ito),
// darkened for light backgrounds and lightened for dark ones by the style sheet.
export const seriesColours = () => {
  const style = getComputedStyle(document.documentElement);
  return Array.from({length: 8}, (_, k) => style.getPropertyValue(`--series-${k + 1}`).trim());
};

// A Chart owns a plot that fills its host, above a legend with the values at the
// pointer, and is made anew when options change.
export class Chart {
  constructor(host, signal) {
    this.box = el('div.chart-plot');
    this.legend = el('ul.chart-legend');
    host.append(this.box, this.legend);
    this.plot = null;
    this.wanted = 0;
    onResize(this.box, signal, (w, h) => {
      this.size = {width: Math.floor(w), height: Math.floor(h)};
      this.plot?.setSize(this.size);
    });
    document.addEventListener('themechange', () => this.again(), {signal});
    signal.addEventListener('abort', () => this.plot?.destroy());
  }

  // draw takes a function from uPlot to {options, data, legend}, where legend is
  // [label, colour, text(index)]; the index is null without a pointer.
  async draw(make) {
    this.make = make;
    const turn = ++this.wanted;
    const uPlot = await library();
    if (turn !== this.wanted) return;
    this.uPlot = uPlot;
    this.build();
  }

  again() {
    if (this.uPlot && this.make) this.build();
  }

  build() {
    const {options, data, legend} = this.make(this.uPlot);
    this.plot?.destroy();
    const texts = legend.map(([label, colour]) => {
      const swatch = colour && el('i');
      if (swatch) swatch.style.background = colour;
      const text = el('b');
      return {item: el('li', null, swatch, label, text), text};
    });
    fill(this.legend, texts.map((t) => t.item));
    const hooks = {...options.hooks, setCursor: [(u) => {
      texts.forEach((t, k) => { t.text.textContent = legend[k][2](u.cursor.idx ?? null); });
    }]};
    const size = this.size ?? {width: this.box.clientWidth, height: this.box.clientHeight};
    this.plot = new this.uPlot({...size, ...options, hooks, legend: {show: false}}, data, this.box);
  }
}

// axis is the look of an axis in the theme of now.
export function axis(options) {
  const style = getComputedStyle(document.documentElement);
  const line = style.getPropertyValue('--grid').trim();
  return {
    stroke: style.getPropertyValue('--muted').trim(),
    font: `${scaled(11)}px ${style.getPropertyValue('--sans')}`,
    labelFont: `${scaled(11)}px ${style.getPropertyValue('--sans')}`,
    labelSize: 18,
    grid: {stroke: line, width: 1},
    ticks: {stroke: line, width: 1, size: 5},
    size: options.side === 3 || options.side === undefined ? 66 : 36,
    // A large chart has larger steps, not more of them.
    space: (_, __, ___, ____, length) => Math.max(options.side === 2 ? 60 : 30, length / 14),
    values: (_, splits) => splits.map((v) => (v === null ? '' : number(v, 6))),
    ...options,
  };
}
