// Sound: the wave of each channel at any zoom, a spectrogram, and playback of a
// range with a cursor.

import {address, getRaw} from './api.js';
import {indices, resolve} from './axes.js';
import {maps, paint, Scale} from './color.js';
import {choice, clamp, el, field, fill, frames, icon, iconButton, later, onResize, scaled} from './dom.js';
import {integer, number, seconds, ticks} from './format.js';
import {state} from './state.js';

const roles = [['along', 'time', true], ['by', 'channels', false]];
const lanes = 8; // channels drawn
const ruler = 22; // height of the times
const range = 80; // dB of a spectrogram below its loudest
const windows = ['256', '512', '1024', '2048', '4096'];

// fullScale is the middle and the largest level of samples of a dtype.
function fullScale(dtype) {
  if (dtype === 'u8') return [128, 128];
  const bits = /^i(\d+)$/.exec(dtype);
  return [0, bits ? 2 ** (Number(bits[1]) - 1) : 1];
}

export const audio = {
  roles,
  mount(ctx) {
    const {tensor} = ctx;
    const left = scaled(54); // width of the scale
    const rate = Number(tensor.audio?.rate) || 1;
    const defaults = {along: tensor.audio?.frames ?? 0, by: tensor.audio?.channels ?? null, i: tensor.axes?.i};
    const [middle, full] = fullScale(tensor.dtype);
    let axes = null;
    let length = 0;
    let view = {from: 0, to: 1};
    let key = '';
    let wave = null; // {from, to, channels: [pairs]}
    let spectrum = null; // {from, to, canvas}
    let asked = null;
    let picked = null; // range to be played
    let cursor = 0;
    let width = 0;
    let height = 0;

    const canvas = el('canvas.wave', {tabIndex: 0, role: 'application', aria: {label: `Wave of ${tensor.name}`}});
    const box = el('div.wave-box', null, canvas);
    const player = el('audio', {preload: 'none'});
    ctx.host.append(box, player);
    const playButton = el('button', {type: 'button', title: 'Play the selection or what is shown (Space)', onclick: toggle}, icon('play'), ' Play');
    const looped = el('input', {type: 'checkbox', onchange: () => { player.loop = looped.checked; }});
    const loud = el('input.slider', {type: 'range', min: 0, max: 1, step: 0.05, value: 0.8, aria: {label: 'Volume'}, oninput: () => { player.volume = Number(loud.value); }});
    player.volume = 0.8;
    const heights = choice('Height of the wave', [['', 'full scale'], ['fit', 'as loud as it is']], '', (v) => state.set({wave: v}));
    const spectro = choice('Spectrogram', [['', 'off'], ...windows.map((w) => [w, `window ${w}`])], '', (v) => state.set({spec: v}));
    const span = el('output.dim');
    ctx.tools.append(el('div.tool-group', null, playButton, field('Loop', looped), field('Volume', loud), field('Height', heights),
      field('Spectrogram', spectro),
      iconButton('minus', 'Zoom out', () => zoom(2)), iconButton('plus', 'Zoom in', () => zoom(0.5)),
      iconButton('fit', 'Show everything', () => state.set({from: null, to: null}, true)), span));

    const draw = frames(render);
    onResize(box, ctx.signal, (w, h) => {
      const dpr = devicePixelRatio || 1;
      [width, height] = [w, h];
      canvas.width = Math.max(1, Math.round(w * dpr));
      canvas.height = Math.max(1, Math.round(h * dpr));
      key = '';
      if (axes) ctx.fresh();
    });
    document.addEventListener('themechange', () => draw(), {signal: ctx.signal});
    ctx.signal.addEventListener('abort', () => {
      player.pause();
      player.removeAttribute('src');
      player.load(); // ends the transfer
    });

    const inner = () => Math.max(1, width - left);
    const toX = (frame) => left + ((frame - view.from) / (view.to - view.from)) * inner();
    const toFrame = (x) => view.from + ((x - left) / inner()) * (view.to - view.from);
    const channelCount = () => (axes.by === null ? 1 : Math.min(lanes, Number(tensor.shape[axes.by])));
    const channel = (k) => {
      const i = [...axes.i];
      if (axes.by !== null) i[axes.by] = k;
      return indices(i, [axes.along]);
    };

    const load = later(40, async () => {
      asked?.abort();
      const abort = new AbortController();
      asked = abort;
      canvas.dataset.busy = '1';
      const signal = AbortSignal.any([abort.signal, ctx.signal]);
      const {from, to} = view;
      const dpr = devicePixelRatio || 1;
      const n = clamp(Math.floor(inner() * Math.min(dpr, 2)), 64, 8192);
      const params = {...ctx.base, axis: axes.along, from, to};
      try {
        const channels = await Promise.all(Array.from({length: channelCount()}, (_, k) => getRaw('profile', {...params, i: channel(k), n}, signal).then((r) => r.data)));
        wave = {from, to, channels};
        draw();
        const size = windows.includes(state.get('spec')) ? Number(state.get('spec')) : 0;
        if (size && to - from >= size) {
          const columns = clamp(Math.floor(inner()), 16, 2048);
          const [all, {data, shape: [w, h]}] = await Promise.all([maps(), getRaw('spectrogram', {...params, i: channel(0), columns, window: size}, signal)]);
          spectrum = {from, to, canvas: picture(data, w, h, all.values().next().value)};
        } else {
          spectrum = null;
        }
      } catch (err) {
        if (!signal.aborted) ctx.error(err);
      }
      if (asked === abort) {
        canvas.dataset.busy = '0';
        draw();
      }
    });

    // picture turns columns of levels into an image with low notes at the bottom.
    function picture(data, w, h, lut) {
      let top = -Infinity;
      for (const v of data) if (v > top && Number.isFinite(v)) top = v;
      if (!Number.isFinite(top)) top = 0;
      const upright = new Float32Array(w * h);
      for (let x = 0; x < w; x++) for (let y = 0; y < h; y++) upright[(h - 1 - y) * w + x] = Math.max(data[x * h + y], top - range);
      const out = el('canvas', {width: w, height: h});
      const context = out.getContext('2d');
      const pixels = context.createImageData(w, h);
      paint(upright, new Uint32Array(pixels.data.buffer), w, lut, new Scale('linear', top - range, top));
      context.putImageData(pixels, 0, 0);
      return out;
    }

    function render() {
      if (!width || !axes) return;
      const dpr = devicePixelRatio || 1;
      const context = canvas.getContext('2d');
      const style = getComputedStyle(document.documentElement);
      const css = (name) => style.getPropertyValue(name).trim();
      context.setTransform(dpr, 0, 0, dpr, 0, 0);
      context.clearRect(0, 0, width, height);
      const low = windows.includes(state.get('spec')) ? Math.floor((height - ruler) * 0.45) : 0;
      const count = channelCount();
      const lane = (height - ruler - low) / count;
      context.font = `${Math.min(14, scaled(11))}px ${css('--sans')}`;
      // Times.
      context.fillStyle = css('--muted');
      context.strokeStyle = css('--grid');
      context.textAlign = 'center';
      context.textBaseline = 'middle';
      context.beginPath();
      for (const t of ticks(view.from / rate, view.to / rate, Math.max(2, inner() / 110))) {
        const x = Math.round(toX(t * rate)) + 0.5;
        context.fillText(seconds(t, (view.to - view.from) / rate < 0.5 ? 4 : (view.to - view.from) / rate < 20 ? 2 : 0), clamp(x, left + 20, width - 24), ruler / 2);
        context.moveTo(x, ruler - 3);
        context.lineTo(x, height);
      }
      context.stroke();
      if (wave) renderWave(context, css, lane, count);
      if (low) renderSpectrum(context, css, height - low, low);
      // The range to be played and where playing is.
      if (picked) {
        context.fillStyle = css('--select');
        context.fillRect(toX(picked.from), ruler, Math.max(1, toX(picked.to) - toX(picked.from)), height - ruler);
      }
      context.strokeStyle = css('--accent');
      context.lineWidth = 1.5;
      context.beginPath();
      const x = toX(cursor);
      if (x >= left) {
        context.moveTo(x, ruler - 6);
        context.lineTo(x, height);
      }
      context.stroke();
    }

    function renderWave(context, css, lane, count) {
      let most = full;
      if (state.get('wave') === 'fit') {
        most = 0;
        for (const pairs of wave.channels) for (const v of pairs) if (Math.abs(v - middle) > most) most = Math.abs(v - middle);
        most = most * 1.05 || full;
      }
      for (let k = 0; k < count; k++) {
        const centre = ruler + lane * (k + 0.5);
        const scale = (lane * 0.47) / most;
        context.strokeStyle = css('--line');
        context.lineWidth = 1;
        context.beginPath();
        context.moveTo(left, Math.round(centre) + 0.5);
        context.lineTo(width, Math.round(centre) + 0.5);
        context.stroke();
        context.fillStyle = css('--muted');
        context.textAlign = 'right';
        context.fillText(count > 1 ? `ch ${k}` : '', left - 8, centre);
        context.fillText(number(most, 3), left - 8, centre - lane * 0.47 + 7);
        context.fillText(number(-most, 3), left - 8, centre + lane * 0.47 - 7);
        const pairs = wave.channels[k];
        const bins = pairs.length / 2;
        const step = (wave.to - wave.from) / bins;
        context.save();
        context.beginPath();
        context.rect(left, ruler, width - left, height);
        context.clip();
        context.fillStyle = context.strokeStyle = css(`--series-${(k % 8) + 1}`);
        if (step <= 1) {
          // Single samples: a line, with dots when there is room for them.
          context.lineWidth = 1.25;
          context.beginPath();
          for (let b = 0; b < bins; b++) {
            const y = centre - (pairs[2 * b] - middle) * scale;
            if (Number.isFinite(y)) context.lineTo(toX(wave.from + b), y);
          }
          context.stroke();
          const room = toX(1) - toX(0);
          for (let b = 0; b < bins && room > 6; b++) {
            context.beginPath();
            context.arc(toX(wave.from + b), centre - (pairs[2 * b] - middle) * scale, 2.5, 0, 7);
            context.fill();
          }
        } else {
          for (let b = 0; b < bins; b++) {
            if (!Number.isFinite(pairs[2 * b])) continue;
            const top = centre - (pairs[2 * b + 1] - middle) * scale;
            const bottom = centre - (pairs[2 * b] - middle) * scale;
            const x0 = toX(wave.from + b * step);
            context.fillRect(x0, top, Math.max(0.6, toX(wave.from + (b + 1) * step) - x0), Math.max(1, bottom - top));
          }
        }
        context.restore();
      }
    }

    function renderSpectrum(context, css, top, tall) {
      context.fillStyle = css('--panel');
      context.fillRect(left, top, inner(), tall);
      if (spectrum) {
        context.save();
        context.beginPath();
        context.rect(left, top, inner(), tall);
        context.clip();
        context.drawImage(spectrum.canvas, toX(spectrum.from), top + 4, toX(spectrum.to) - toX(spectrum.from), tall - 4);
        context.restore();
      } else if (canvas.dataset.busy !== '1') {
        context.fillStyle = css('--muted');
        context.textAlign = 'center';
        context.fillText('fewer samples than the window has', left + inner() / 2, top + tall / 2);
      }
      context.fillStyle = css('--muted');
      context.textAlign = 'right';
      for (const f of ticks(0, rate / 2, Math.max(2, tall / 40))) {
        const y = top + 4 + (tall - 4) * (1 - f / (rate / 2));
        if (y < top + scaled(22)) continue; // the unit stands there
        context.fillText(f >= 1000 ? `${f / 1000}k` : String(f), left - 6, clamp(y, top + 10, height - 7));
      }
      context.fillText('Hz', left - 6, top + 10);
    }

    // show moves to a range of frames.
    function show(from, to, push) {
      const least = Math.min(length, 32);
      from = clamp(Math.round(from), 0, length - least);
      to = clamp(Math.round(to), from + least, length);
      const all = from === 0 && to === length;
      state.set({from: all ? null : from, to: all ? null : to}, push);
    }

    function zoom(factor, at = 0.5) {
      const wide = view.to - view.from;
      const fixed = view.from + wide * at;
      show(fixed - wide * factor * at, fixed + wide * factor * (1 - at));
    }

    function pan(share) {
      const wide = view.to - view.from;
      const from = clamp(view.from + Math.round(wide * share), 0, length - wide);
      show(from, from + wide);
    }

    // What is heard: the selection, or from the cursor to the end of what is shown.
    let heard = {from: 0, to: 0};

    function toggle() {
      if (!player.paused) {
        player.pause();
        return;
      }
      const most = Number(ctx.limits?.seconds ?? 600) * rate;
      const from = picked ? picked.from : cursor > view.from && cursor < view.to - 1 ? Math.floor(cursor) : view.from;
      heard = {from, to: Math.min(picked ? picked.to : view.to, from + most)};
      player.src = address('audio', {...ctx.base, axis: axes.along, c: axes.by ?? -1, i: indices(axes.i, [axes.along, axes.by]), ...heard});
      player.loop = looped.checked;
      player.play().catch((err) => {
        if (err.name !== 'AbortError') ctx.error(new Error(`it cannot be played: ${err.message}`));
      });
    }

    function playing() {
      fill(playButton, icon(player.paused ? 'play' : 'pause'), player.paused ? ' Play' : ' Pause');
      if (player.paused) return;
      cursor = Math.min(heard.to, heard.from + player.currentTime * rate);
      ctx.read(`${seconds(cursor / rate)}   frame ${integer(Math.floor(cursor))}`);
      draw();
      requestAnimationFrame(playing);
    }
    for (const type of ['play', 'pause', 'ended']) player.addEventListener(type, playing);

    let drag = null;
    const at = (event) => event.clientX - canvas.getBoundingClientRect().left;
    canvas.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      canvas.focus({preventScroll: true});
      drag = {x: at(event), moved: false, view: {...view}, pan: event.shiftKey};
    }, {signal: ctx.signal});
    canvas.addEventListener('pointermove', (event) => {
      const x = at(event);
      if (!drag) {
        if (player.paused) readAt(x);
        return;
      }
      if (Math.abs(x - drag.x) > 3) drag.moved = true;
      if (!drag.moved) return;
      if (drag.pan) {
        const wide = drag.view.to - drag.view.from;
        const from = clamp(drag.view.from - ((x - drag.x) / inner()) * wide, 0, length - wide);
        show(from, from + wide);
        return;
      }
      const [a, b] = [toFrame(drag.x), toFrame(x)].sort((p, q) => p - q).map((f) => clamp(Math.round(f), view.from, view.to));
      pick(b > a ? {from: a, to: b} : null);
    }, {signal: ctx.signal});
    canvas.addEventListener('pointerup', (event) => {
      if (drag && !drag.moved) {
        cursor = clamp(toFrame(at(event)), view.from, view.to);
        pick(null);
        if (!player.paused) {
          player.pause();
          toggle();
        }
      }
      drag = null;
    }, {signal: ctx.signal});
    canvas.addEventListener('dblclick', () => picked && show(picked.from, picked.to, true), {signal: ctx.signal});
    canvas.addEventListener('wheel', (event) => {
      event.preventDefault();
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan(Math.sign(event.deltaX || event.deltaY) * 0.1);
      else zoom(Math.exp(clamp(event.deltaY, -200, 200) * 0.002), clamp((at(event) - left) / inner(), 0, 1));
    }, {passive: false, signal: ctx.signal});

    function pick(next) {
      picked = next;
      state.set({play: next && `${next.from}:${next.to}`});
      draw();
    }

    function readAt(x) {
      if (x < left) return;
      const frame = clamp(Math.floor(toFrame(x)), 0, length - 1);
      let text = `${seconds(frame / rate, 4)}   frame ${integer(frame)}`;
      if (wave && frame >= wave.from && frame < wave.to) {
        const bin = Math.floor(((frame - wave.from) / (wave.to - wave.from)) * (wave.channels[0].length / 2));
        text += wave.channels.map((pairs) => {
          const [lo, hi] = [pairs[2 * bin], pairs[2 * bin + 1]];
          return `   ${lo === hi ? number(lo) : `${number(lo)} … ${number(hi)}`}`;
        }).join('');
      }
      ctx.read(text);
    }

    return {
      update() {
        axes = resolve(tensor, roles, defaults);
        length = axes.along === null ? 1 : Number(tensor.shape[axes.along]);
        view = {from: Math.min(state.int('from', 0), Math.max(0, length - 1)), to: Math.min(state.int('to', length), length)};
        if (view.to <= view.from) view = {from: 0, to: Math.max(1, length)};
        heights.value = state.get('wave') === 'fit' ? 'fit' : '';
        spectro.value = windows.includes(state.get('spec')) ? state.get('spec') : '';
        const m = /^(\d+):(\d+)$/.exec(state.get('play') ?? '');
        picked = m && Number(m[1]) < Number(m[2]) ? {from: Number(m[1]), to: Math.min(length, Number(m[2]))} : null;
        const shown = view.to - view.from;
        span.textContent = picked ? `selected ${seconds((picked.to - picked.from) / rate)}` : `${seconds(shown / rate)} at ${integer(rate)} Hz`;
        const next = JSON.stringify([axes, view, state.get('spec'), width]);
        if (next !== key && width) {
          key = next;
          canvas.dataset.busy = '1';
          load();
        }
        draw();
        return axes;
      },
      busy: () => canvas.dataset.busy === '1',
      focus: () => canvas.focus(),
      cancel: () => player.pause(),
      goTo(index) {
        const wide = Math.min(length, 2000);
        cursor = index[axes.along];
        show(cursor - wide / 2, cursor + wide / 2, true);
      },
      keys: () => [
        ['Space', 'play and pause', toggle],
        ['ArrowLeft', 'move left', () => pan(-0.2)],
        ['ArrowRight', 'move right', () => pan(0.2)],
        ['+ =', 'zoom in', () => zoom(0.5)],
        ['-', 'zoom out', () => zoom(2)],
        ['0', 'show everything', () => state.set({from: null, to: null}, true)],
        ['z', 'zoom to the selection', () => picked && show(picked.from, picked.to, true)],
        ['a', 'select what is shown', () => pick({from: view.from, to: view.to})],
        ['f', 'spectrogram on and off', () => state.set({spec: state.get('spec') ? null : '1024'})],
      ],
    };
  },
};
