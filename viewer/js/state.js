// The state of the page lives in the address's fragment, so that a view can be
// bookmarked and the browser's back and forward work:
//
//   #f=0&t=layers.0.weight&v=heat&y=0&x=1&i=0,0,3&cmap=viridis
//
//   f file, at generation, t tensor, v view
//   y x c      axes shown as rows, columns, colour;  i  index of the others
//   along by   axis and series of lines and recordings
//   sel        rows and columns selected, 0:10,3:4
//   cx cy zx zy                     centre and zoom of a plane
//   cmap scale lo hi clip reduce    colours
//   from to                         range of a line or a recording
//   g bt u                          what is compared with: file, generation, tensor

// What belongs to one tensor and is dropped when another one is chosen.
export const ofTensor = ['y', 'x', 'c', 'i', 'along', 'by', 'sel', 'cx', 'cy', 'zx', 'zy', 'lo', 'hi', 'from', 'to',
  'row', 'xt', 'many', 'scope', 'hlo', 'hhi', 'play', 'labels', 'size', 'byte', 'g', 'bt', 'u'];

const plain = (text) => encodeURIComponent(text).replace(/%(2C|3A|2F|5B|5D|2A)/gi, (m) => decodeURIComponent(m));

export function encode(values) {
  return Object.entries(values)
    .filter(([, v]) => v !== undefined && v !== null && v !== '')
    .map(([k, v]) => `${k}=${plain(String(v))}`)
    .join('&');
}

export function decode(fragment) {
  const values = {};
  for (const part of fragment.replace(/^#/, '').split('&')) {
    const at = part.indexOf('=');
    if (at <= 0) continue;
    try {
      values[part.slice(0, at)] = decodeURIComponent(part.slice(at + 1));
    } catch {
      // A hand-made address with a lone % says nothing.
    }
  }
  return values;
}

// Browsers refuse many changes of the address in a row: dragging writes it late.
const restMs = 250;

class State extends EventTarget {
  constructor() {
    super();
    this.values = decode(location.hash);
    this.timer = 0;
    addEventListener('popstate', () => this.reload());
    addEventListener('hashchange', () => this.reload());
    addEventListener('pagehide', () => this.flush());
  }

  get(key) {
    return this.values[key];
  }

  int(key, otherwise) {
    const n = parseInt(this.values[key], 10);
    return Number.isSafeInteger(n) && n >= 0 ? n : otherwise;
  }

  float(key, otherwise) {
    const text = this.values[key];
    const n = Number(text);
    return text === undefined || Number.isNaN(n) ? otherwise : n;
  }

  // set changes values; null removes one. With push the step can be taken back.
  set(patch, push = false) {
    const next = {...this.values};
    for (const [key, value] of Object.entries(patch)) {
      if (value === null || value === undefined || value === '') delete next[key];
      else next[key] = String(value);
    }
    if (encode(next) === encode(this.values)) return;
    if (push) this.flush();
    this.values = next;
    if (push) {
      history.pushState(null, '', `#${encode(next)}`);
    } else {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.flush(), restMs);
    }
    this.dispatchEvent(new CustomEvent('change', {detail: patch}));
  }

  // flush writes what was put off into the address.
  flush() {
    clearTimeout(this.timer);
    this.timer = 0;
    const fragment = `#${encode(this.values)}`;
    if (fragment !== location.hash) history.replaceState(null, '', fragment);
  }

  reload() {
    clearTimeout(this.timer);
    this.timer = 0;
    const next = decode(location.hash);
    if (encode(next) === encode(this.values)) return;
    this.values = next;
    this.dispatchEvent(new CustomEvent('change', {detail: next}));
  }

  // href is the address of this state with changes, for links.
  href(patch) {
    return `#${encode({...this.values, ...patch})}`;
  }

  // link is the address of another tensor: nothing of the one that is shown stays.
  link(patch) {
    const rest = Object.fromEntries(Object.entries(this.values).filter(([key]) => !ofTensor.includes(key) && key !== 'v'));
    return `#${encode({...rest, ...patch})}`;
  }
}

export const state = new State();

// prefs are the reader's, not the view's: they stay on this machine.
export const prefs = {
  get(key, otherwise) {
    try {
      return localStorage.getItem(`tensorfile.${key}`) ?? otherwise;
    } catch {
      return otherwise;
    }
  },
  set(key, value) {
    try {
      localStorage.setItem(`tensorfile.${key}`, value);
    } catch {
      // Storage is switched off: the choice lasts as long as the page.
    }
  },
};
