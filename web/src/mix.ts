// What is to be heard comes in; a gain for every component goes out.

import { padded, type Edits } from "./edits";

/** What the listener wants to hear. */
export interface Listening {
  /** One component, one source, or one stem that was separated beside them alone; null is everything. */
  focus: { kind: "component" | "source" | "stem"; at: number } | null;
  soloSources: Set<number>;
  soloComponents: Set<number>;
  mutedSources: Set<number>;
  mutedComponents: Set<number>;
  /** The untouched recording instead (the B of A/B). */
  original: boolean;
  levelMatched: boolean;
}

export const everything = (): Listening => ({
  focus: null,
  soloSources: new Set(),
  soloComponents: new Set(),
  mutedSources: new Set(),
  mutedComponents: new Set(),
  original: false,
  levelMatched: true,
});

/** The gain of every component, before levels are matched. */
export function gains(listening: Listening, edits: Edits, sourceOf: number[]): number[] {
  if (listening.original) return sourceOf.map(() => 1);
  const ofSources = padded(edits.source_gains, edits.sources.length, 1);
  const ofComponents = padded(edits.component_gains, sourceOf.length, 1);
  const soloed = listening.soloSources.size + listening.soloComponents.size > 0;
  return sourceOf.map((source, component) => {
    const gain = ofSources[source] * ofComponents[component];
    const { focus } = listening;
    if (focus) return (focus.kind === "component" ? focus.at === component : focus.kind === "source" && focus.at === source) ? gain : 0;
    if (listening.mutedComponents.has(component) || listening.mutedSources.has(source)) return 0;
    if (soloed) return listening.soloComponents.has(component) || listening.soloSources.has(source) ? gain : 0;
    return gain;
  });
}

/** How loud components with these gains are: gᵀGg. */
export function loudness(gram: number[][], gains: number[]): number {
  let sum = 0;
  for (let a = 0; a < gains.length; a++) {
    if (gains[a] === 0) continue;
    for (let b = 0; b < gains.length; b++) sum += gains[a] * gains[b] * gram[a][b];
  }
  return sum;
}

/** The most that matching levels turns up, and down: 18 dB. */
const MOST = 10 ** (18 / 20);

/** The factor that makes what is heard as loud as the whole recording. */
export function levelMatch(gram: number[][], gains: number[]): number {
  const heard = loudness(gram, gains);
  const all = loudness(gram, gains.map(() => 1));
  if (!(heard > 0 && all > 0)) return 1;
  return Math.min(Math.max(Math.sqrt(all / heard), 1 / MOST), MOST);
}
