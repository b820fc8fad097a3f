// What is known of a tensor without its elements: the panel at the right.

import {copyText, el, fill, iconButton} from './dom.js';
import {bytes, dtypeName, integer, number, parse, product, shape} from './format.js';
import {state} from './state.js';

function facts(rows) {
  return el('dl.facts-list', null, rows.filter(Boolean).map(([term, value, title]) => [
    el('dt', null, term), el('dd', {title: title ?? ''}, value)]));
}

// attribute shows a value of an attribute, whatever it is made of.
function attribute(value) {
  if (Array.isArray(value)) {
    const cut = value.length > 64 ? value.slice(0, 64) : value;
    const plain = cut.every((v) => v === null || typeof v !== 'object');
    if (plain) return el('span.attr-value', null, `[${cut.map((v) => JSON.stringify(v)).join(', ')}${cut.length < value.length ? `, … ${integer(value.length)}` : ''}]`);
    return el('details', null, el('summary', null, `${value.length} items`), cut.map((v, k) => el('div.attr-item', null, `${k}: `, attribute(v))));
  }
  if (value !== null && typeof value === 'object') {
    return el('details', {open: Object.keys(value).length <= 6}, el('summary', null, Object.keys(value).length === 1 ? '1 key' : `${Object.keys(value).length} keys`), attributes(value));
  }
  return el('span.attr-value', null, typeof value === 'string' ? value : JSON.stringify(value));
}

export function attributes(attrs) {
  return el('dl.attrs', null, Object.entries(attrs).map(([key, value]) => [
    el('dt', null, key), el('dd', null, attribute(value))]));
}

function section(title, ...children) {
  return el('section', null, el('h3', null, title), ...children);
}

// show fills the panel.
export function show(host, tensor, file) {
  const elements = product(tensor.shape);
  const ratio = parse(tensor.ratio);
  const {storage} = tensor;
  const {offset} = tensor;
  const chunks = Array.isArray(tensor.chunk) && tensor.chunk.length > 0;
  fill(host,
    section('Tensor', facts([
      ['Name', el('span.wrap', null, tensor.name), 'click the name above to copy it'],
      ['DType', dtypeName(tensor)],
      ['Shape', shape(tensor.shape)],
      tensor.dims?.some(Boolean) && ['Dims', tensor.dims.map((d) => d || '-').join(', ')],
      ['Elements', integer(Number.isSafeInteger(elements) ? elements : elements.toExponential(3))],
      tensor.nnz !== undefined && tensor.nnz !== null && ['Stored values', `${integer(tensor.nnz)}${tensor.density !== undefined ? `, density ${number(parse(tensor.density), 3)}` : ''}`],
      ['Layout', tensor.order && tensor.order !== tensor.layout ? `${tensor.layout}, ${tensor.order}` : tensor.layout],
      tensor.strides?.length > 0 && tensor.order && ['Strides', shape(tensor.strides), 'bytes from one element to the next along each axis'],
      tensor.error && ['Problem', el('span.bad', null, tensor.error.message ?? String(tensor.error))],
    ])),
    section('Storage', facts([
      ['Size', bytes(tensor.bytes), `${integer(tensor.bytes)} bytes`],
      ['Stored', bytes(tensor.stored), `${integer(tensor.stored)} bytes`],
      ['Ratio', ratio ? `${number(ratio, 3)}×` : '-'],
      ['Codec', tensor.codec || 'none'],
      chunks && ['Chunk', shape(tensor.chunk)],
      chunks && tensor.chunks !== undefined && ['Chunks', integer(tensor.chunks)],
      storage?.kind && storage.kind !== 'none' && ['Kind', storage.kind],
      tensor.byte_order && ['Byte order', tensor.byte_order],
      storage?.member && ['Member', el('span.wrap', null, storage.member)],
      offset !== undefined && offset !== null && ['Offset', el('a', {
        href: state.href({v: 'bytes', byte: offset}), title: 'show these bytes on the byte map',
      }, integer(offset))],
      tensor.misaligned && ['Alignment', el('span', null, 'unaligned: a read copies')],
      Number(tensor.generation) > 0 && ['Generation', integer(tensor.generation), 'that wrote it'],
    ])),
    tensor.parts?.length > 0 && section('Parts', el('ul.links', null, tensor.parts.map((part) => el('li', null,
      el('b', null, part.role), ' ', el('span.dim', null, `${part.dtype} ${shape(part.shape)}, ${bytes(part.stored)}`))))),
    tensor.shared?.length > 0 && section('Same bytes', el('ul.links', null, tensor.shared.map((name) => el('li', null,
      el('a', {href: state.link({t: name})}, name))),
      Number(tensor.shared_by) > tensor.shared.length && el('li.dim', null, `and ${integer(tensor.shared_by - tensor.shared.length)} more`))),
    tensor.attrs_error && section('Attributes', el('p.bad', null, tensor.attrs_error.message)),
    section('Attributes', tensor.attrs && Object.keys(tensor.attrs).length > 0 ? attributes(tensor.attrs) : el('p.dim', null, 'none')),
    file && section('File', facts([
      ['Path', el('span.wrap', null, file.path)],
      ['Format', file.format],
      ['Size', bytes(file.bytes)],
      file.generation && ['Generation', `${integer(file.generation)}${file.generations ? ` of ${integer(file.generations)}` : ''}`],
    ])));
}

// head is the line above the view: the name and what everybody asks first.
export function head(host, tensor, ctx) {
  const elements = product(tensor.shape);
  fill(host,
    el('h1', {title: tensor.name}, el('bdi', null, tensor.name)),
    iconButton('copy', 'Copy the name', async () => {
      await copyText(tensor.name);
      ctx.say('Copied the name');
    }),
    el('span.chip.dtype', {title: 'dtype'}, dtypeName(tensor)),
    el('span.chip', {title: tensor.dims?.some(Boolean) ? tensor.dims.join(', ') : 'shape'}, shape(tensor.shape)),
    el('span.chip.soft', {title: `${integer(elements)} elements`}, bytes(tensor.bytes)),
    tensor.codec && tensor.codec !== '-' && el('span.chip.soft', {title: 'codec and ratio'}, `${tensor.codec}${tensor.ratio ? ` ${number(parse(tensor.ratio), 3)}×` : ''}`),
    state.get('at') && el('span.chip.warn', {title: 'an older generation is shown'}, `generation ${state.get('at')}`));
}
