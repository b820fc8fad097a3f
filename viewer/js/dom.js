// Small helpers around the DOM. Data from files reaches the page only as text
// nodes and attributes of known names, never as markup.

// el makes an element: el('button.plain', {title, onclick, aria: {label}}, children...).
// Children are nodes, strings, numbers, arrays of these; null and false are left out.
export function el(spec, props, ...children) {
  const [tag, ...classes] = spec.split('.');
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(' ');
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null) continue;
    if (key === 'aria') {
      for (const [name, v] of Object.entries(value)) node.setAttribute(`aria-${name}`, v);
    } else if (key === 'data') {
      Object.assign(node.dataset, value);
    } else if (key.startsWith('on')) {
      node.addEventListener(key.slice(2), value);
    } else if (key in node && key !== 'list' && key !== 'role' && key !== 'for') {
      node[key] = value;
    } else {
      node.setAttribute(key, value);
    }
  }
  append(node, children);
  return node;
}

export function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
}

export function fill(node, ...children) {
  node.replaceChildren();
  append(node, children);
  return node;
}

// Paths on a grid of 16 x 16, drawn with a stroke.
const icons = {
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.4 10.4 14 14',
  left: 'M2.5 3h11v10h-11zM6.5 3v10',
  right: 'M2.5 3h11v10h-11zM9.5 3v10',
  theme: 'M8 2.5a5.5 5.5 0 1 0 0 11zM8 2.5a5.5 5.5 0 0 1 0 11',
  play: 'M5 3.5v9l7-4.5z',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  download: 'M8 2.5v7.5M4.5 7 8 10.5 11.5 7M3 13.5h10',
  link: 'M6.5 9.5l3-3M7 4.5l1.2-1.2a2.5 2.5 0 0 1 3.5 3.5L10.5 8M9 11.5l-1.2 1.2a2.5 2.5 0 0 1-3.5-3.5L5.5 8',
  copy: 'M5.5 5.5h7.5v7.5h-7.5zM3 10.5V3h7.5',
  close: 'M4 4l8 8M12 4l-8 8',
  down: 'M4 6l4 4 4-4',
  next: 'M6 4l4 4-4 4',
  up: 'M4 10l4-4 4 4',
  fit: 'M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10',
  plus: 'M8 3.5v9M3.5 8h9',
  minus: 'M3.5 8h9',
  loop: 'M3 8a5 5 0 0 1 9-3M13 8a5 5 0 0 1-9 3M12.5 2v3h-3M3.5 14v-3h3',
  grid: 'M2.5 2.5h4.5v4.5h-4.5zM9 2.5h4.5v4.5H9zM2.5 9h4.5v4.5h-4.5zM9 9h4.5v4.5H9z',
  warn: 'M8 2.5 14 13H2zM8 6.5v3M8 11v.6',
};

export function icon(name) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(space, 'path');
  path.setAttribute('d', icons[name]);
  svg.append(path);
  return svg;
}

// iconButton is a button that shows an icon and says what it does.
export function iconButton(name, label, onclick, props) {
  return el('button.icon-button', {type: 'button', title: label, aria: {label}, onclick, ...props}, icon(name));
}

// choice is a select with a label. options are [value, text] or plain values.
export function choice(label, options, value, onchange, props) {
  const select = el('select', {aria: {label}, title: label, ...props});
  for (const option of options) {
    const [v, text] = Array.isArray(option) ? option : [option, option];
    select.append(el('option', {value: v}, text));
  }
  select.value = value;
  select.addEventListener('change', () => {
    // Chosen with the mouse, it gives the keyboard back to the view.
    if (!select.matches(':focus-visible')) select.blur();
    onchange(select.value);
  });
  return select;
}

// field puts a visible label before a control.
export function field(label, control) {
  return el('label.field', null, el('span', null, label), control);
}

// numberInput calls onchange with a number or, when emptied, with null. Text
// that is no number is left alone and marked.
export function numberInput(label, value, onchange, props) {
  const input = el('input.number', {
    type: 'text', inputMode: 'decimal', spellcheck: false, autocomplete: 'off',
    aria: {label}, title: label, value: value ?? '', ...props,
  });
  input.addEventListener('change', () => {
    const text = input.value.trim();
    const number = text === '' ? null : Number(text);
    input.setAttribute('aria-invalid', String(Number.isNaN(number)));
    if (!Number.isNaN(number)) onchange(number);
  });
  return input;
}

// copyText puts text on the clipboard, also where the page is not a secure
// context and the asynchronous clipboard is missing.
export async function copyText(text) {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return;
    } catch {
      // Refused, for example without focus: the old way below may still work.
    }
  }
  const area = el('textarea.offscreen', {value: text, readOnly: true});
  document.body.append(area);
  const focused = document.activeElement;
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  focused?.focus();
  if (!done) throw new Error('the browser refused access to the clipboard');
}

// onResize calls fn with width and height of an element now and at each change,
// until the signal aborts.
export function onResize(node, signal, fn) {
  const observer = new ResizeObserver(([entry]) => fn(entry.contentRect.width, entry.contentRect.height));
  observer.observe(node);
  signal.addEventListener('abort', () => observer.disconnect());
}

// frames returns a function that runs fn at most once a frame.
export function frames(fn) {
  let asked = 0;
  return () => {
    if (asked) return;
    asked = requestAnimationFrame(() => {
      asked = 0;
      fn();
    });
  };
}

// shown waits until what the next frame draws is on its way to the screen.
export const shown = () => new Promise((resolve) => {
  requestAnimationFrame(() => requestAnimationFrame(resolve));
});

// later returns a function that runs fn once calls have paused for ms.
export function later(ms, fn) {
  let timer = 0;
  const run = (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => fn(...args), ms);
  };
  run.cancel = () => clearTimeout(timer);
  return run;
}

// scaled is a size that grows with the text: style.css makes that larger on walls of
// screens. 13 is the size of text elsewhere.
export const scaled = (pixels) => Math.round((pixels * parseFloat(getComputedStyle(document.documentElement).fontSize)) / 13);

export const clamp = (v, lo, hi) => Math.max(lo, Math.min(hi, v));
