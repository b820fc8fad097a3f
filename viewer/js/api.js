// Requests to the server that served the page. All addresses are relative, so
// that the handler can be mounted anywhere.

export class ApiError extends Error {
  constructor(status, error) {
    super(error.message || `the server answered ${status}`);
    this.status = status;
    Object.assign(this, {kind: error.kind, tensor: error.tensor, offset: error.offset, field: error.field});
  }
}

export function address(name, params) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params ?? {})) {
    if (value !== undefined && value !== null && value !== '') query.set(key, value);
  }
  const text = query.toString();
  return `api/${name}${text ? `?${text}` : ''}`;
}

const pause = (ms, signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, ms);
  signal?.addEventListener('abort', () => {
    clearTimeout(timer);
    reject(signal.reason);
  }, {once: true});
});

// The server sheds load with 429; the page asks again this often.
const tries = 6;

async function request(name, params, signal) {
  for (let n = 1; ; n++) {
    let response;
    try {
      response = await fetch(address(name, params), {signal, credentials: 'omit', redirect: 'error'});
    } catch (err) {
      if (signal?.aborted) throw signal.reason;
      throw new ApiError(0, {message: 'the server does not answer: is tensorfile view still running?', kind: 'offline'});
    }
    if (response.ok) return response;
    if (response.status === 429 && n < tries) {
      const wait = Number(response.headers.get('Retry-After')) || 0.25;
      await pause(Math.min(5, wait) * 1000 * (0.5 + Math.random()), signal);
      continue;
    }
    let error = {};
    try {
      error = (await response.json()).error ?? {};
    } catch {
      // Not one of our documents; the status has to do.
    }
    throw new ApiError(response.status, error);
  }
}

// Answers that came with the page: address -> document. Each is used once, when the page
// begins: lists may have grown since.
const ahead = new Map(JSON.parse(document.getElementById('ahead').textContent)
  .map(({name, params, answer}) => [address(name, Object.fromEntries(params)), answer]));

export const begun = () => ahead.clear();

export async function getJSON(name, params, signal) {
  const key = address(name, params);
  const answer = ahead.get(key);
  ahead.delete(key);
  return answer ?? (await request(name, params, signal)).json();
}

const arrays = {f32: Float32Array, f64: Float64Array, u8: Uint8Array, u32: Uint32Array};

// getRaw returns {data, shape, headers}. Elements are little-endian, as is every
// machine that runs a browser.
export async function getRaw(name, params, signal) {
  const response = await request(name, params, signal);
  const make = arrays[response.headers.get('X-DType')] ?? Uint8Array;
  const buffer = await response.arrayBuffer();
  const shape = (response.headers.get('X-Shape') ?? '').split(',').filter(Boolean).map(Number);
  return {data: new make(buffer, 0, Math.floor(buffer.byteLength / make.BYTES_PER_ELEMENT)), shape, headers: response.headers};
}

// whole keeps the digits of integers that are no safe numbers, as text.
function whole(key, value, context) {
  return typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) && context?.source ? context.source : value;
}

// stream reads the lines of a long job and returns its result. Aborting the
// signal ends the job on the server.
export async function stream(name, params, signal, progress) {
  const response = await request(name, params, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const {value, done} = await reader.read();
    rest += value ?? '';
    const lines = rest.split('\n');
    rest = done ? '' : lines.pop();
    for (const line of lines) {
      if (line.trim() === '') continue;
      const doc = JSON.parse(line, whole);
      if (doc.error) throw new ApiError(500, doc.error);
      if (doc.result !== undefined) return doc.result;
      progress?.(Number(doc.done), Number(doc.total));
    }
    if (done) throw new ApiError(0, {message: 'the answer ended before its result', kind: 'offline'});
  }
}

export const aborted = (err) => err?.name === 'AbortError';

// A Pool runs jobs a few at a time, the latest wish first, and drops those that
// nobody wants any more.
export class Pool {
  constructor(size) {
    this.size = size;
    this.waiting = new Map(); // key -> run, in order of wish
    this.running = new Map(); // key -> AbortController
  }

  // want replaces the list of jobs: [key, run(signal)], most urgent first.
  // What runs but is not on the list is aborted.
  want(jobs) {
    const keys = new Set(jobs.map(([key]) => key));
    for (const [key, abort] of this.running) {
      if (keys.has(key)) continue;
      abort.abort();
      this.running.delete(key); // so that a new wish for it starts anew
    }
    this.waiting = new Map(jobs.filter(([key]) => !this.running.has(key)));
    this.pump();
  }

  pump() {
    while (this.running.size < this.size && this.waiting.size > 0) {
      const [key, run] = this.waiting.entries().next().value;
      this.waiting.delete(key);
      const abort = new AbortController();
      this.running.set(key, abort);
      Promise.resolve(run(abort.signal)).catch(() => {}).finally(() => {
        if (this.running.get(key) === abort) this.running.delete(key);
        this.pump();
      });
    }
  }

  get busy() {
    return this.running.size + this.waiting.size > 0;
  }

  stop() {
    this.waiting.clear();
    for (const abort of this.running.values()) abort.abort();
  }
}
