// Seconds of every component and their gains come in; sound goes out, a few samples at a time.
//
// All components run on one clock, whatever is heard: solo and mute only move gains, and gains glide.

/** How long a gain takes to get nearly there: short enough to feel at once, long enough not to click. */
const GLIDE_SECS = 0.012;
/** Seconds kept around the playhead. */
const KEEP_BEHIND = 2;
const KEEP_AHEAD = 10;

export class Mixer {
  tracks = 0;
  channels = 1;
  samples = 0;
  chunk = 1;
  position = 0;
  playing = false;
  starved = false;
  loop: [number, number] | null = null;
  private chunks = new Map<number, Float32Array>();
  private target = new Float32Array(0);
  private current = new Float32Array(0);
  /** Fades in and out with play and pause. */
  private fade = 0;

  constructor(private readonly sampleRate: number) {}

  /** A new recording, or other components of the same: then everything goes on where it is. */
  reset(tracks: number, channels: number, samples: number, chunk: number): void {
    this.tracks = tracks;
    this.channels = channels;
    this.samples = samples;
    this.chunk = chunk;
    this.chunks.clear();
    this.target = new Float32Array(tracks).fill(1);
    this.current = new Float32Array(tracks).fill(1);
    this.position = Math.min(this.position, Math.max(samples - 1, 0));
  }

  setGains(gains: ArrayLike<number>): void {
    for (let k = 0; k < this.tracks; k++) this.target[k] = gains[k] ?? 0;
  }

  put(index: number, data: Float32Array): void {
    this.chunks.set(index, data);
    const now = Math.floor(this.position / this.chunk);
    const start = this.loop ? Math.floor(this.loop[0] / this.chunk) : now;
    for (const key of this.chunks.keys()) {
      const near = key >= now - KEEP_BEHIND && key <= now + KEEP_AHEAD;
      if (!near && !(key >= start && key <= start + 2)) this.chunks.delete(key);
    }
  }

  has(index: number): boolean {
    return this.chunks.has(index);
  }

  seek(position: number): void {
    this.position = Math.min(Math.max(Math.round(position), 0), Math.max(this.samples - 1, 0));
  }

  /** Fill the outputs, one array per channel. */
  process(out: Float32Array[]): void {
    const count = out[0].length;
    for (const channel of out) channel.fill(0);
    const wanted = this.playing ? 1 : 0;
    if (wanted === 0 && this.fade === 0) return;
    const glide = 1 - Math.exp(-1 / (GLIDE_SECS * this.sampleRate));
    let done = 0;
    while (done < count) {
      // A playhead that was put behind the loop goes on to the end.
      if (this.loop && this.position === this.loop[1]) this.position = this.loop[0];
      const end = this.loop && this.position < this.loop[1] ? this.loop[1] : this.samples;
      if (this.position >= end) {
        this.playing = false;
        this.fade = 0;
        return;
      }
      const index = Math.floor(this.position / this.chunk);
      const data = this.chunks.get(index);
      this.starved = !data;
      if (!data) return;
      const start = index * this.chunk;
      const length = Math.min(this.chunk, this.samples - start);
      const n = Math.min(count - done, end - this.position, start + length - this.position);
      this.add(out, done, data, this.position - start, length, n, glide, wanted);
      done += n;
      // A fade-out plays on for its few milliseconds without moving the playhead for the listener.
      this.position += n;
      if (wanted === 0 && this.fade < 1e-3) {
        this.fade = 0;
        return;
      }
    }
  }

  private add(
    out: Float32Array[], at: number, data: Float32Array, from: number, length: number, n: number, glide: number, wanted: number,
  ): void {
    const keep = Math.pow(1 - glide, n);
    const fadeFrom = this.fade;
    const fadeTo = wanted + (this.fade - wanted) * keep;
    for (let k = 0; k < this.tracks; k++) {
      const first = this.current[k];
      const last = this.target[k] + (first - this.target[k]) * keep;
      this.current[k] = Math.abs(last - this.target[k]) < 1e-5 ? this.target[k] : last;
      if (first === 0 && this.current[k] === 0) continue;
      const a = first * fadeFrom;
      const step = (this.current[k] * fadeTo - a) / n;
      for (let c = 0; c < this.channels; c++) {
        const base = (k * this.channels + c) * length + from;
        // One channel plays on both sides; of many, the even ones play left.
        const sides = this.channels === 1 ? out : [out[c % out.length]];
        const scale = this.channels <= 2 ? 1 : 2 / this.channels;
        for (const side of sides) {
          let gain = a * scale;
          for (let i = 0; i < n; i++) {
            side[at + i] += gain * data[base + i];
            gain += step * scale;
          }
        }
      }
    }
    this.fade = Math.abs(fadeTo - wanted) < 1e-4 ? wanted : fadeTo;
  }
}
