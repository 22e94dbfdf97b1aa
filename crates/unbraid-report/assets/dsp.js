// A recording's samples and the factors W and H come in; the sound of any set of components goes out.
// Left and right are the real and the imaginary part of one signal: masks are real, so one transform serves both.
"use strict";
const Dsp = (() => {
  const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const floats = text => new Float32Array(bytes(text).buffer);
  const shorts = text => new Int16Array(bytes(text).buffer);

  // In-place FFT of a power of two; sign -1 forward, +1 back without scaling.
  function plan(n) {
    const rev = new Uint32Array(n), cos = new Float64Array(n / 2), sin = new Float64Array(n / 2);
    const bits = Math.log2(n);
    for (let i = 0; i < n; i++) { let r = 0; for (let b = 0; b < bits; b++) r |= ((i >> b) & 1) << (bits - 1 - b); rev[i] = r; }
    for (let i = 0; i < n / 2; i++) { cos[i] = Math.cos(2 * Math.PI * i / n); sin[i] = Math.sin(2 * Math.PI * i / n); }
    return (re, im, sign) => {
      for (let i = 0; i < n; i++) { const j = rev[i]; if (j > i) { let t = re[i]; re[i] = re[j]; re[j] = t; t = im[i]; im[i] = im[j]; im[j] = t; } }
      for (let size = 2; size <= n; size *= 2) {
        const half = size / 2, step = n / size;
        for (let start = 0; start < n; start += size)
          for (let k = 0, w = 0; k < half; k++, w += step) {
            const a = start + k, b = a + half, c = cos[w], s = sign * sin[w];
            const xr = re[b] * c - im[b] * s, xi = re[b] * s + im[b] * c;
            re[b] = re[a] - xr; im[b] = im[a] - xi; re[a] += xr; im[a] += xi;
          }
      }
    };
  }

  function load(data) {
    const m = { ...data, w: floats(data.templates), h: floats(data.activations) };
    const raw = shorts(data.samples), c = data.channels, len = raw.length / c;
    m.len = len;
    m.left = new Float32Array(len); m.right = new Float32Array(len);
    for (let i = 0; i < len; i++) { m.left[i] = raw[i * c] / 32768; m.right[i] = raw[i * c + c - 1] / 32768; }
    m.fft = plan(m.fftLen);
    m.window = Float64Array.from({ length: m.fftLen }, (_, i) => 0.5 - 0.5 * Math.cos(2 * Math.PI * i / m.fftLen));
    m.gain = new Float64Array(len);
    for (let t = 0; t < m.frames; t++) for (let i = 0; i < m.fftLen; i++) {
      const at = t * m.hopLen - m.fftLen / 2 + i;
      if (at >= 0 && at < len) m.gain[at] += m.window[i] ** 2;
    }
    m.re = new Float64Array(m.fftLen); m.im = new Float64Array(m.fftLen);
    return m;
  }

  function frame(m, t) {
    for (let i = 0; i < m.fftLen; i++) {
      const at = t * m.hopLen - m.fftLen / 2 + i, inside = at >= 0 && at < m.len;
      m.re[i] = inside ? m.left[at] * m.window[i] : 0;
      m.im[i] = inside ? m.right[at] * m.window[i] : 0;
    }
    m.fft(m.re, m.im, -1);
  }

  // Mean magnitude of the channels, frame after frame.
  function spectrogram(m) {
    const v = new Float32Array(m.frames * m.bins), n = m.fftLen;
    for (let t = 0; t < m.frames; t++) {
      frame(m, t);
      for (let f = 0; f < m.bins; f++) {
        const g = (n - f) % n;
        const lr = (m.re[f] + m.re[g]) / 2, li = (m.im[f] - m.im[g]) / 2;
        const rr = (m.im[f] + m.im[g]) / 2, ri = (m.re[g] - m.re[f]) / 2;
        v[t * m.bins + f] = (Math.hypot(lr, li) + Math.hypot(rr, ri)) / 2;
      }
    }
    return v;
  }

  // The model of some components in one frame; all of them if none are named.
  function model(m, t, components, out) {
    out.fill(0);
    for (const k of components) {
      const h = m.h[k * m.frames + t];
      if (h === 0) continue;
      const w = m.w.subarray(k * m.bins, (k + 1) * m.bins);
      for (let f = 0; f < m.bins; f++) out[f] += w[f] * h;
    }
  }

  const all = m => Array.from({ length: m.components }, (_, k) => k);

  // The recording under the mask of some components: their share of the model in every bin.
  async function render(m, components) {
    const left = new Float32Array(m.len), right = new Float32Array(m.len), n = m.fftLen;
    const own = new Float32Array(m.bins), whole = new Float32Array(m.bins), everyone = all(m);
    for (let t = 0; t < m.frames; t++) {
      if (t % 64 === 63) await new Promise(done => setTimeout(done));
      model(m, t, components, own); model(m, t, everyone, whole);
      frame(m, t);
      for (let f = 0; f < m.bins; f++) {
        const share = whole[f] > 0 ? own[f] / whole[f] : components.length / m.components;
        m.re[f] *= share; m.im[f] *= share;
        if (f > 0 && f < n / 2) { m.re[n - f] *= share; m.im[n - f] *= share; }
      }
      m.fft(m.re, m.im, 1);
      for (let i = 0; i < n; i++) {
        const at = t * m.hopLen - n / 2 + i;
        if (at >= 0 && at < m.len) { left[at] += m.re[i] * m.window[i] / n; right[at] += m.im[i] * m.window[i] / n; }
      }
    }
    for (let i = 0; i < m.len; i++) { left[i] /= m.gain[i]; right[i] /= m.gain[i]; }
    return [left, right];
  }

  // Kullback-Leibler multiplicative updates on a small matrix: the whole method in a dozen lines.
  function nmf(v, bins, frames, k, rounds, random) {
    const w = Float64Array.from({ length: bins * k }, random), h = Float64Array.from({ length: k * frames }, random);
    const ratio = new Float64Array(bins * frames);
    const refresh = () => {
      for (let f = 0; f < bins; f++) for (let t = 0; t < frames; t++) {
        let x = 1e-9; for (let c = 0; c < k; c++) x += w[f * k + c] * h[c * frames + t];
        ratio[f * frames + t] = v[f * frames + t] / x;
      }
    };
    for (let round = 0; round < rounds; round++) {
      refresh();
      for (let c = 0; c < k; c++) {
        let sum = 1e-12; for (let f = 0; f < bins; f++) sum += w[f * k + c];
        for (let t = 0; t < frames; t++) { let x = 0; for (let f = 0; f < bins; f++) x += w[f * k + c] * ratio[f * frames + t]; h[c * frames + t] *= x / sum; }
      }
      refresh();
      for (let c = 0; c < k; c++) {
        let sum = 1e-12; for (let t = 0; t < frames; t++) sum += h[c * frames + t];
        for (let f = 0; f < bins; f++) { let x = 0; for (let t = 0; t < frames; t++) x += h[c * frames + t] * ratio[f * frames + t]; w[f * k + c] *= x / sum; }
      }
    }
    return { w, h };
  }

  return { load, spectrogram, model, render, nmf, all };
})();
