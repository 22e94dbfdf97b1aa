// One clock: the mixer on the audio thread plays, this asks for its sound a few seconds ahead.

import { getSound, Refusal, type Project } from "./api";
import type { FromMixer, ToMixer } from "./worklet";

/** Seconds asked for ahead of the playhead. */
const AHEAD = 5;

export class Player {
  at = 0;
  playing = false;
  starved = false;
  loop: [number, number] | null = null;
  context: AudioContext | null = null;
  analyser: AnalyserNode | null = null;
  private node: AudioWorkletNode | null = null;
  private starting: Promise<void> | null = null;
  private stream = 0;
  private readonly fetched = new Set<number>();
  private fetching = new AbortController();
  private busy = 0;
  private tracks = 1;
  private gains: number[] = [1];

  constructor(
    readonly project: Project,
    private readonly changed: () => void,
    private readonly failed: (error: unknown) => void,
  ) {}

  get duration(): number {
    return this.project.samples / this.project.sampleRate;
  }

  /** Other components: sound goes on where it is. */
  setTracks(tracks: number): void {
    this.tracks = tracks;
    this.gains = Array(tracks).fill(1);
    this.reset();
  }

  /** The same components sound otherwise: the old sound goes on until the new has come. */
  renew(): void {
    this.begin();
    this.send({ type: "renew", stream: this.stream });
    this.fill();
  }

  setGains(gains: number[]): void {
    this.gains = gains;
    this.send({ type: "gains", gains });
  }

  async play(): Promise<void> {
    try {
      await (this.starting ??= this.start());
      await this.context?.resume();
    } catch (error) {
      this.starting = null;
      this.failed(error);
      return;
    }
    if (this.at >= this.duration - 0.01) this.seek(0);
    this.playing = true;
    this.send({ type: "play" });
    this.fill();
    this.changed();
  }

  pause(): void {
    this.playing = false;
    this.send({ type: "pause" });
    this.changed();
  }

  seek(secs: number): void {
    this.at = Math.min(Math.max(secs, 0), this.duration);
    this.send({ type: "seek", at: Math.round(this.at * this.project.sampleRate) });
    this.fill();
    this.changed();
  }

  setLoop(span: [number, number] | null): void {
    this.loop = span;
    const rate = this.project.sampleRate;
    this.send({ type: "loop", span: span && [Math.round(span[0] * rate), Math.round(span[1] * rate)] });
    if (span && (this.at < span[0] || this.at > span[1])) this.seek(span[0]);
    this.fill();
    this.changed();
  }

  close(): void {
    this.fetching.abort();
    void this.context?.close();
    this.context = null;
    this.node = null;
  }

  /** The recording's own rate, so that seconds join without resampling. Needs a click or key before it (autoplay). */
  private async start(): Promise<void> {
    const context = new AudioContext({ sampleRate: this.project.sampleRate, latencyHint: "interactive" });
    await context.audioWorklet.addModule("/mixer.js");
    const node = new AudioWorkletNode(context, "unbraid-mixer", { numberOfInputs: 0, outputChannelCount: [2] });
    const limiter = new DynamicsCompressorNode(context, { threshold: -1, knee: 0, ratio: 20, attack: 0.001, release: 0.1 });
    this.analyser = new AnalyserNode(context, { fftSize: 2048 });
    node.connect(limiter).connect(this.analyser).connect(context.destination);
    node.port.onmessage = (event: MessageEvent<FromMixer>) => this.hear(event.data);
    this.context = context;
    this.node = node;
    this.reset();
    this.setLoop(this.loop);
    this.send({ type: "seek", at: Math.round(this.at * this.project.sampleRate) });
  }

  private hear({ at, playing, starved }: FromMixer): void {
    this.at = at / this.project.sampleRate;
    if (this.playing && !playing && this.at >= this.duration - 0.02) this.playing = false;
    this.starved = starved;
    this.fill();
    this.changed();
  }

  /** What is on its way is no longer wanted. */
  private begin(): void {
    this.stream += 1;
    this.fetched.clear();
    this.fetching.abort();
    this.fetching = new AbortController();
  }

  private reset(): void {
    this.begin();
    const { channels, samples, sampleRate } = this.project;
    this.send({ type: "reset", stream: this.stream, tracks: this.tracks, channels, samples, chunk: sampleRate });
    this.send({ type: "gains", gains: this.gains });
    this.fill();
  }

  private send(message: ToMixer, transfer: Transferable[] = []): void {
    this.node?.port.postMessage(message, transfer);
  }

  /** Ask for the seconds that come next, the nearest first, two at a time. */
  private fill(): void {
    if (!this.node) return;
    const now = Math.floor(this.at);
    const last = Math.ceil(this.duration) - 1;
    const wanted = Array.from({ length: this.playing ? AHEAD : 2 }, (_, n) => now + n);
    if (this.loop) wanted.push(Math.floor(this.loop[0]), Math.floor(this.loop[0]) + 1);
    for (const index of this.fetched) {
      if (index < now - 2 || index > now + 10) if (!wanted.includes(index)) this.fetched.delete(index);
    }
    for (const index of wanted) {
      if (this.busy >= 2) return;
      if (index > last || this.fetched.has(index)) continue;
      this.fetched.add(index);
      this.busy += 1;
      void this.fetch(index, this.stream, this.fetching.signal);
    }
  }

  private async fetch(index: number, stream: number, signal: AbortSignal): Promise<void> {
    try {
      const data = await getSound(this.project.id, index, signal);
      this.send({ type: "chunk", stream, index, data }, [data.buffer]);
    } catch (error) {
      if (stream === this.stream) this.fetched.delete(index);
      if (error instanceof Refusal && stream === this.stream) {
        this.pause();
        this.failed(error);
      }
    } finally {
      this.busy -= 1;
      this.fill();
    }
  }
}
