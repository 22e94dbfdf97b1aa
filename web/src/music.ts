// Notes, a singer's pitch and words, as values: what is dragged makes new ones.

import type { Area, Regions, Stroke } from "./regions";

export interface Note {
  onset_secs: number;
  offset_secs: number;
  key: number;
  velocity: number;
  track: number;
  confidence: number;
}

/** The pitch at a moment; 0 Hz where nothing is sung. */
export interface Pitch { time_secs: number; hz: number; confidence: number }

export interface Sung { onset_secs: number; offset_secs: number; text: string; note: number | null }

export interface Music { notes: Note[]; pitches: Pitch[]; words: Sung[] }

export const silence = (): Music => ({ notes: [], pitches: [], words: [] });

export const keyToHz = (key: number): number => 440 * 2 ** ((key - 69) / 12);
export const hzToKey = (hz: number): number => 69 + 12 * Math.log2(hz / 440);

const NAMES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];
/** Such as A4. */
export const keyName = (key: number): string => `${NAMES[key % 12]}${Math.floor(key / 12) - 1}`;

/** The note at a place, and which part of it: its begin, its end, or all of it. */
export function noteAt(notes: Note[], secs: number, key: number, nearSecs: number): { at: number; part: "begin" | "end" | "all" } | null {
  for (let at = notes.length - 1; at >= 0; at--) {
    const note = notes[at];
    if (Math.abs(note.key - key) > 0.7 || secs < note.onset_secs - nearSecs || secs > note.offset_secs + nearSecs) continue;
    const edge = Math.min(nearSecs, (note.offset_secs - note.onset_secs) / 3);
    return { at, part: secs < note.onset_secs + edge ? "begin" : secs > note.offset_secs - edge ? "end" : "all" };
  }
  return null;
}

/** The note after one (or before it), in their order in time; with none chosen, the first from a moment on (or the last before it). */
export function neighbour(notes: Note[], chosen: number | null, step: number, secs: number): number | null {
  if (notes.length === 0) return null;
  const order = notes.map((_, at) => at).sort((a, b) => notes[a].onset_secs - notes[b].onset_secs || notes[a].key - notes[b].key);
  if (chosen !== null) return order[Math.min(Math.max(order.indexOf(chosen) + step, 0), order.length - 1)];
  const next = order.findIndex((at) => notes[at].onset_secs >= secs);
  const from = next < 0 ? order.length : next;
  return order[Math.min(Math.max(step > 0 ? from : from - 1, 0), order.length - 1)];
}

/** Such as "A4 at 1.25 s". */
export const describe = (note: Note): string => `${keyName(note.key)} at ${note.onset_secs.toFixed(2)} s`;

const SHORTEST_SECS = 0.03;

/** A note moved by so many seconds and keys, or one of its ends moved. */
export function dragged(notes: Note[], at: number, part: "begin" | "end" | "all", secs: number, keys: number): Note[] {
  const note = notes[at];
  const onset = part === "end" ? note.onset_secs : Math.max(note.onset_secs + secs, 0);
  const length = note.offset_secs - note.onset_secs;
  const changed = part === "all"
    ? { ...note, onset_secs: onset, offset_secs: onset + length, key: Math.min(Math.max(note.key + keys, 0), 127) }
    : part === "begin"
      ? { ...note, onset_secs: Math.min(onset, note.offset_secs - SHORTEST_SECS) }
      : { ...note, offset_secs: Math.max(note.offset_secs + secs, note.onset_secs + SHORTEST_SECS) };
  return notes.map((other, n) => (n === at ? { ...changed, confidence: 1 } : other));
}

/** From one point of a pitch track to the next. */
const STEP_SECS = 0.01;

/** The pitch drawn anew along a line of (seconds, Hz), the old one gone where the line is; 0 Hz takes it away. */
export function redrawn(pitches: Pitch[], line: [number, number][]): Pitch[] {
  if (line.length === 0) return pitches;
  const sorted = [...line].sort((a, b) => a[0] - b[0]);
  const [from, to] = [sorted[0][0], sorted[sorted.length - 1][0]];
  const drawn: Pitch[] = [];
  for (let n = Math.ceil(from / STEP_SECS); n * STEP_SECS <= to; n++) {
    const secs = Number((n * STEP_SECS).toFixed(4));
    const next = Math.max(sorted.findIndex(([at]) => at >= secs), 1);
    const [a, b] = [sorted[Math.min(next - 1, sorted.length - 1)], sorted[Math.min(next, sorted.length - 1)]];
    const share = b[0] > a[0] ? (secs - a[0]) / (b[0] - a[0]) : 0;
    // Straight on the logarithmic axis, as it was drawn.
    const hz = a[1] > 0 && b[1] > 0 ? a[1] * (b[1] / a[1]) ** share : 0;
    drawn.push({ time_secs: secs, hz: hz > 0 ? Math.min(Math.max(Number(hz.toFixed(2)), 20), 5000) : 0, confidence: 1 });
  }
  if (drawn.length === 0) return pitches;
  const [first, last] = [drawn[0].time_secs, drawn[drawn.length - 1].time_secs];
  return [...pitches.filter((p) => p.time_secs < first - 1e-6), ...drawn, ...pitches.filter((p) => p.time_secs > last + 1e-6)];
}

/** How many partials of a note or a sung pitch are claimed, and how wide each is: a quarter tone to both sides. */
const PARTIALS = 10;
const HALF_WIDTH = 2 ** (0.5 / 12) - 1;

/** Notes as regions: the partials of each belong to the source while it sounds. */
export function regionsOfNotes(notes: Note[], source: string, strength: number, topHz: number): Area[] {
  return notes.flatMap((note) => {
    const hz = keyToHz(note.key);
    const count = Math.min(PARTIALS, Math.floor(topHz / hz));
    return Array.from({ length: count }, (_, n): Area => {
      const center = hz * (n + 1);
      // Far up, partials stand closer than a quarter tone.
      const half = Math.min(center * HALF_WIDTH, hz / 2);
      return { source, strength, secs: [note.onset_secs, note.offset_secs], hz: [Number((center - half).toFixed(2)), Number((center + half).toFixed(2))] };
    });
  });
}

/** A sung pitch as regions: a stroke along each partial of every stretch that is sung. */
export function regionsOfPitch(pitches: Pitch[], source: string, strength: number, topHz: number): Stroke[] {
  const stretches: Pitch[][] = [];
  pitches.forEach((pitch, n) => {
    if (pitch.hz <= 0) return;
    const before = pitches[n - 1];
    if (!before || before.hz <= 0 || pitch.time_secs - before.time_secs > 0.1) stretches.push([]);
    stretches[stretches.length - 1].push(pitch);
  });
  return stretches.flatMap((stretch) => {
    const mean = stretch.reduce((sum, pitch) => sum + pitch.hz, 0) / stretch.length;
    const most = Math.max(...stretch.map((pitch) => pitch.hz));
    // Three points a tenth of a second say it as well as ten.
    const kept = stretch.filter((_, n) => n % 3 === 0 || n === stretch.length - 1);
    const count = Math.min(PARTIALS, Math.floor(topHz / most));
    return Array.from({ length: count }, (_, n): Stroke => ({
      source, strength, points: kept.map((pitch) => [pitch.time_secs, Number((pitch.hz * (n + 1)).toFixed(2))]),
      width: [0.03, Number(Math.min(2 * mean * (n + 1) * HALF_WIDTH, mean).toFixed(2))],
    }));
  });
}

/** Regions with some added. */
export const withRegions = (regions: Regions, boxes: Area[], strokes: Stroke[]): Regions =>
  ({ boxes: [...regions.boxes, ...boxes], strokes: [...regions.strokes, ...strokes] });
