// What a person decides, as values: every change makes a new one, so that undo is going back.

import { renamed, type Regions } from "./regions";
import type { Music } from "./music";

export interface Source {
  name: string;
  kind: string | null;
}

export interface Edits {
  sources: Source[];
  assignment: (number | null)[];
  source_gains: number[];
  component_gains: number[];
  regions: Regions;
  music: Music;
}

/** A state one can return to: which fit, which decisions, and what led to it. */
export interface Step {
  revision: number;
  edits: Edits;
  what: string;
}

/** Give components to a source, or (null) back to the suggestion. */
export function assign(edits: Edits, components: number[], source: number | null): Edits {
  const assignment = edits.assignment.slice();
  for (const component of components) assignment[component] = source;
  return { ...edits, assignment };
}

/** Why a name will not do, or null. */
export function nameProblem(edits: Edits, name: string, except = -1): string | null {
  if (name === "") return "A source needs a name.";
  if (name.startsWith(".") || /[/\\:*?"<>|,=\u0000-\u001f]/.test(name)) {
    return 'Names become file names: no leading dot, none of / \\ : * ? " < > | , =';
  }
  if (name === "residual") return "“residual” is the name of what no component explains.";
  if (edits.sources.some((source, at) => at !== except && source.name === name)) {
    return `There is a source “${name}” already.`;
  }
  return null;
}

/** One more source; a name that is a kind of sound gets suggestions. */
export function addSource(edits: Edits, name: string, kinds: string[]): Edits {
  const kind = kinds.includes(name) ? name : null;
  return { ...edits, sources: [...edits.sources, { name, kind }], source_gains: padded(edits.source_gains, edits.sources.length, 1) };
}

/** Another name; what kind of sound the suggestions look for stays. */
export function renameSource(edits: Edits, at: number, name: string): Edits {
  const sources = edits.sources.map((source, index) => (index === at ? { ...source, name } : source));
  return { ...edits, sources, regions: renamed(edits.regions, edits.sources[at].name, name) };
}

/** Everything of one source goes to another, and the first is gone. `sourceOf` says where components are now. */
export function mergeSources(edits: Edits, from: number, into: number, sourceOf: number[]): Edits {
  const shift = (source: number) => (source > from ? source - 1 : source);
  const assignment = edits.assignment.map((given, component) => {
    if (sourceOf[component] === from) return shift(into);
    return given === null ? null : shift(given);
  });
  const gains = padded(edits.source_gains, edits.sources.length, 1).filter((_, at) => at !== from);
  const regions = renamed(edits.regions, edits.sources[from].name, edits.sources[into].name);
  return { ...edits, sources: edits.sources.filter((_, at) => at !== from), assignment, source_gains: gains, regions };
}

export function setSourceGain(edits: Edits, at: number, gain: number): Edits {
  const gains = padded(edits.source_gains, edits.sources.length, 1);
  gains[at] = gain;
  return { ...edits, source_gains: gains };
}

export function setComponentGain(edits: Edits, at: number, gain: number): Edits {
  const gains = padded(edits.component_gains, edits.assignment.length, 1);
  gains[at] = gain;
  return { ...edits, component_gains: gains };
}

export function padded(values: number[], length: number, fill: number): number[] {
  return Array.from({ length }, (_, at) => values[at] ?? fill);
}

/** Where one has been, and how far back one has gone. */
export interface History {
  steps: Step[];
  at: number;
}

export const begin = (first: Step): History => ({ steps: [first], at: 0 });

/** A new step; what was undone before is forgotten. Small steps of the same kind (`merge`) become one. */
export function push(history: History, step: Step, merge = false): History {
  const last = history.steps[history.at];
  const keep = history.steps.slice(0, history.at + (merge && last.what === step.what && history.at > 0 ? 0 : 1));
  return { steps: [...keep, step], at: keep.length };
}

export const canUndo = (history: History): boolean => history.at > 0;
export const canRedo = (history: History): boolean => history.at < history.steps.length - 1;
export const undo = (history: History): History => ({ ...history, at: Math.max(history.at - 1, 0) });
export const redo = (history: History): History => ({ ...history, at: Math.min(history.at + 1, history.steps.length - 1) });
export const present = (history: History): Step => history.steps[history.at];
