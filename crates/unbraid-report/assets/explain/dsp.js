// ---- From samples to spectra and back: what the program itself does, in small.
// Left and right are the real and the imaginary part of one signal, so that one transform serves both.
const decode = {
  bytes: text => Uint8Array.from(atob(text), c => c.charCodeAt(0)),
  floats: text => new Float32Array(decode.bytes(text).buffer),
  async sound(text, rate) {
    const buffer = await new OfflineAudioContext(1, 1, rate).decodeAudioData(decode.bytes(text).buffer);
    const left = buffer.getChannelData(0);
    return { left, right: buffer.numberOfChannels > 1 ? buffer.getChannelData(1) : left };
  },
  async unpacked(text) {
    const stream = new Blob([decode.bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  },
};

// In-place FFT of a power of two; sign -1 forward, +1 back without scaling.
function fourier(n) {
  const reversed = new Uint32Array(n), cos = new Float64Array(n / 2), sin = new Float64Array(n / 2), bits = Math.log2(n);
  for (let i = 0; i < n; i++) { let r = 0; for (let b = 0; b < bits; b++) r |= ((i >> b) & 1) << (bits - 1 - b); reversed[i] = r; }
  for (let i = 0; i < n / 2; i++) { cos[i] = Math.cos(2 * Math.PI * i / n); sin[i] = Math.sin(2 * Math.PI * i / n); }
  return (re, im, sign) => {
    for (let i = 0; i < n; i++) { const j = reversed[i]; if (j > i) { let t = re[i]; re[i] = re[j]; re[j] = t; t = im[i]; im[i] = im[j]; im[j] = t; } }
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

// A short-time Fourier transform: a Hann window as long as the transform, frame t centred on sample t·hop.
class Transform {
  constructor({ fftLen, hopLen, bins, frames }, samples) {
    Object.assign(this, { n: fftLen, hop: hopLen, bins, frames, samples });
    this.fft = fourier(fftLen);
    this.window = Float64Array.from({ length: fftLen }, (_, i) => .5 - .5 * Math.cos(2 * Math.PI * i / fftLen));
    this.re = new Float64Array(fftLen); this.im = new Float64Array(fftLen);
    // What overlapping windows add up to, to divide by.
    this.sum = new Float64Array(samples);
    for (let t = 0; t < frames; t++) this.eachSample(t, (at, i) => { this.sum[at] += this.window[i] ** 2; });
  }

  eachSample(t, act) {
    const from = t * this.hop - this.n / 2;
    for (let i = Math.max(0, -from), end = Math.min(this.n, this.samples - from); i < end; i++) act(from + i, i);
  }

  forward(sound, t) {
    this.re.fill(0); this.im.fill(0);
    this.eachSample(t, (at, i) => { this.re[i] = sound.left[at] * this.window[i]; this.im[i] = sound.right[at] * this.window[i]; });
    this.fft(this.re, this.im, -1);
  }

  // Left and right in one bin of the frame that was transformed last.
  channels(f, out) {
    const g = (this.n - f) % this.n, { re, im } = this;
    out[0] = (re[f] + re[g]) / 2; out[1] = (im[f] - im[g]) / 2;
    out[2] = (im[f] + im[g]) / 2; out[3] = (re[g] - re[f]) / 2;
    return out;
  }

  // Magnitudes of the channels, averaged: frame after frame.
  magnitudes(sound, power) {
    const v = new Float32Array(this.frames * this.bins), x = new Float64Array(4);
    for (let t = 0; t < this.frames; t++) {
      this.forward(sound, t);
      for (let f = 0; f < this.bins; f++) {
        this.channels(f, x);
        const l = x[0] ** 2 + x[1] ** 2, r = x[2] ** 2 + x[3] ** 2;
        v[t * this.bins + f] = power ? (l + r) / 2 : (Math.sqrt(l) + Math.sqrt(r)) / 2;
      }
    }
    return v;
  }

  // A sound seen through a mask: share(t, channel, out) says how much of every bin passes.
  async through(sound, mask) {
    const left = new Float32Array(this.samples), right = new Float32Array(this.samples), { re, im, n } = this;
    const shares = Array.from({ length: mask.channels }, () => new Float32Array(this.bins)), x = new Float64Array(4);
    for (let t = 0; t < this.frames; t++) {
      // Now and then the page gets its turn.
      if (t % 64 === 63) await new Promise(done => setTimeout(done));
      shares.forEach((out, channel) => mask.share(t, channel, out));
      this.forward(sound, t);
      const own = shares[0], other = shares[shares.length - 1];
      for (let f = 0; f < this.bins; f++) {
        const g = (n - f) % n;
        this.channels(f, x);
        const lr = own[f] * x[0], li = own[f] * x[1], rr = other[f] * x[2], ri = other[f] * x[3];
        re[f] = lr - ri; im[f] = li + rr;
        if (g !== f) { re[g] = lr + ri; im[g] = rr - li; }
      }
      this.fft(re, im, 1);
      this.eachSample(t, (at, i) => { left[at] += re[i] * this.window[i] / n; right[at] += im[i] * this.window[i] / n; });
    }
    for (let i = 0; i < this.samples; i++) { left[i] /= this.sum[i] || 1; right[i] /= this.sum[i] || 1; }
    return { left, right };
  }
}

// W and H: what some components add up to in one frame of one channel.
class Factors {
  constructor(data, transform) {
    Object.assign(this, { bins: transform.bins, frames: transform.frames, count: data.components.length });
    this.w = decode.floats(data.templates); this.h = decode.floats(data.activations);
    this.gains = data.gains && decode.floats(data.gains);
    this.channels = this.gains ? data.channels : 1;
    this.all = Array.from({ length: this.count }, (_, k) => k);
  }

  template(k) { return this.w.subarray(k * this.bins, (k + 1) * this.bins); }
  activation(k) { return this.h.subarray(k * this.frames, (k + 1) * this.frames); }

  add(t, channel, components, out) {
    for (const k of components) {
      const gain = this.gains ? this.gains[channel * this.count + k] : 1, h = gain * this.h[k * this.frames + t], w = this.template(k);
      if (h > 0) for (let f = 0; f < this.bins; f++) out[f] += w[f] * h;
    }
  }

  // The share of some components in the model: their mask.
  mask(components) {
    const whole = new Float32Array(this.bins), part = components.length / this.count;
    return {
      channels: this.channels,
      share: (t, channel, out) => {
        out.fill(0); whole.fill(0);
        this.add(t, channel, components, out); this.add(t, channel, this.all, whole);
        for (let f = 0; f < this.bins; f++) out[f] = whole[f] > 0 ? out[f] / whole[f] : part;
      },
    };
  }
}

// The masks that the stems were made with, in 256 steps; the last source has what the others leave.
class StoredMasks {
  constructor(levels, channels, sources, transform) {
    Object.assign(this, { levels, channels, sources, transform });
    this.share = Float32Array.from({ length: 256 }, (_, level) => Math.sin(Math.PI / 2 * level / 255) ** 2);
  }

  mask(source) {
    const { bins, frames } = this.transform, kept = this.sources - 1;
    const row = (channel, s, t) => this.levels.subarray(((channel * kept + s) * frames + t) * bins).subarray(0, bins);
    return {
      channels: this.channels,
      share: (t, channel, out) => {
        if (source < kept) { const own = row(channel, source, t); for (let f = 0; f < bins; f++) out[f] = this.share[own[f]]; return; }
        out.fill(1);
        for (let s = 0; s < kept; s++) { const other = row(channel, s, t); for (let f = 0; f < bins; f++) out[f] -= this.share[other[f]]; }
        for (let f = 0; f < bins; f++) out[f] = Math.max(0, out[f]);
      },
    };
  }
}

const inverse = mask => ({
  channels: mask.channels,
  share: (t, channel, out) => { mask.share(t, channel, out); for (let f = 0; f < out.length; f++) out[f] = 1 - out[f]; },
});

// 10 log10 of what is right over what is wrong, the gain left free; both channels together.
function siSdr(truth, stem) {
  let rr = 0, re = 0, ee = 0;
  for (const side of ["left", "right"]) for (let i = 0; i < truth[side].length; i++) {
    const r = truth[side][i], e = stem[side][i]; rr += r * r; re += r * e; ee += e * e;
  }
  const right = re * re / (rr || 1);
  return 10 * Math.log10(right / Math.max(ee - right, 1e-12 * right + 1e-30));
}

// Kullback-Leibler multiplicative updates on a small matrix: the whole method in a dozen lines.
function factorize(v, bins, frames, k, rounds, random) {
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

