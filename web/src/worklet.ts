// The mixer on the audio thread.

import { Mixer } from "./mixer";

declare const sampleRate: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;

export type ToMixer =
  | { type: "reset"; stream: number; tracks: number; channels: number; samples: number; chunk: number }
  /** The same components sound otherwise: what comes from now on replaces what there is. */
  | { type: "renew"; stream: number }
  | { type: "chunk"; stream: number; index: number; data: Float32Array }
  | { type: "gains"; gains: number[] }
  | { type: "play" | "pause" }
  | { type: "seek"; at: number }
  | { type: "loop"; span: [number, number] | null };

export interface FromMixer {
  at: number;
  playing: boolean;
  starved: boolean;
}

/** Reports of the playhead: about 40 a second. */
const QUANTA = 9;

registerProcessor(
  "unbraid-mixer",
  class extends AudioWorkletProcessor {
    private readonly mixer = new Mixer(sampleRate);
    private stream = 0;
    private quanta = 0;

    constructor() {
      super();
      this.port.onmessage = (event: MessageEvent<ToMixer>) => this.hear(event.data);
    }

    private hear(message: ToMixer): void {
      const { mixer } = this;
      switch (message.type) {
        case "reset":
          this.stream = message.stream;
          mixer.reset(message.tracks, message.channels, message.samples, message.chunk);
          break;
        case "renew": this.stream = message.stream; break;
        case "chunk":
          if (message.stream === this.stream) mixer.put(message.index, message.data);
          break;
        case "gains": mixer.setGains(message.gains); break;
        case "play": mixer.playing = true; break;
        case "pause": mixer.playing = false; break;
        case "seek": mixer.seek(message.at); break;
        case "loop": mixer.loop = message.span; break;
      }
      this.report();
    }

    private report(): void {
      const { position: at, playing, starved } = this.mixer;
      this.port.postMessage({ at, playing, starved } satisfies FromMixer);
    }

    process(_: Float32Array[][], outputs: Float32Array[][]): boolean {
      const before = this.mixer.playing;
      this.mixer.process(outputs[0]);
      this.quanta += 1;
      // The end is told when it comes: nothing is reported after it.
      if (this.mixer.playing ? this.quanta % QUANTA === 0 : before) this.report();
      return true;
    }
  },
);
