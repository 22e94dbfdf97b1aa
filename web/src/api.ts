// Questions go to the server; answers come back.

import type { Edits } from "./edits";
import type { Picture } from "./geometry";
import type { Given, Offered } from "./given";
import type { Music, Note } from "./music";

export interface Evidence { words: string; logOdds: number }

export interface Component {
  source: number;
  automatic: number;
  decidedBy: "features" | "hints" | "person" | "silence";
  posteriors: number[];
  evidence: Evidence[];
  features: { name: string; words: string }[];
  why: string;
}

export interface Fit {
  revision: number;
  /** Changes with what the components sound like. */
  sound: number;
  /** The notes that components play; a note's track is its component. */
  written: Note[];
  objective: [number, number];
  frames: number;
  hopSecs: number;
  iterations: number;
  components: Component[];
  notes: string[];
  loudness: number[][];
}

export interface Job {
  id: number;
  what: string;
  state: "running" | "done" | "cancelled" | "failed";
  stage: string;
  done: number;
  total: number;
  error: string | null;
  result: { revision?: number; music?: Music; folder?: string; files?: string[]; commands?: string[]; gain?: number } | null;
}

/** The library's settings of a fit; only what the page reads of them is said here. */
export interface Settings { blind: { fit: { portable: boolean } } }

export interface Project {
  id: number;
  name: string;
  folder: string;
  path: string;
  sampleRate: number;
  channels: number;
  samples: number;
  picture: Picture;
  waveform: number[];
  /** The kinds of sound that suggestions know. */
  kinds: string[];
  settings: Settings;
  edits: Edits;
  fit: Fit | null;
  /** The settings of the fit, as words of the command line. */
  told: string[];
  /** Stems that were separated beside the components: they sound behind them. */
  separated: Separated | null;
  history: { revision: number; what: string }[];
  job: Job | null;
}

export interface Separated { sources: string[]; files: string[]; notes: string[]; why: string[]; given: Given[]; command: string }

/** A file that a project was given, or a folder of some. */
export interface Entry { name: string; folder: boolean }

export interface Studio {
  version: string;
  folder: string;
  mostUploadBytes: number;
  open: { id: number; name: string; folder: string }[];
  recent: string[];
}

/** What the server said no with, or that it is not there. */
export class Refusal extends Error {
  constructor(message: string, readonly status: number, readonly hint: string | null) {
    super(message);
  }
}

/** What went wrong, and what to do about it, in words. */
export function words(error: unknown): string {
  const said = error instanceof Error ? error.message : String(error);
  return error instanceof Refusal && error.hint ? `${said.replace(/[.]$/, "")}. ${error.hint}` : said;
}

let token = "";

/** Take the token out of the address, and keep it for a reload of this tab. */
export function readAddress(): { project: number | null } {
  const given = new URLSearchParams(location.hash.slice(1));
  token = given.get("token") ?? sessionStorage.getItem("token") ?? "";
  sessionStorage.setItem("token", token);
  const project = given.get("project");
  history.replaceState(null, "", project ? `/#project=${project}` : "/");
  return { project: project ? Number(project) : null };
}

export async function ask(path: string, options: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      ...options,
      headers: { authorization: `Bearer ${token}`, ...(options.headers ?? {}) },
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Refusal("The studio is not running any more.", 0, "Start it again with unbraid studio; everything you did is saved.");
  }
  if (!response.ok) {
    const said = await response.json().catch(() => ({ error: response.statusText, hint: null }));
    throw new Refusal(said.error ?? response.statusText, response.status, said.hint ?? null);
  }
  return response;
}

const json = async <T>(path: string, method = "GET", body?: unknown): Promise<T> => {
  const sent = body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  return (await ask(path, { method, ...sent })).json();
};
const bytes = async (path: string, signal?: AbortSignal): Promise<ArrayBuffer> =>
  (await ask(path, signal ? { signal } : {})).arrayBuffer();

export const getStudio = (): Promise<Studio> => json("/api/studio");
export const openRecent = (name: string): Promise<{ id: number }> => json("/api/open", "POST", { recent: name });
export const openDemo = (): Promise<{ id: number }> => json("/api/open", "POST", "demo");
export const upload = async (file: File): Promise<{ id: number }> =>
  (await ask(`/api/upload?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file })).json();
export const getProject = (id: number): Promise<Project> => json(`/api/projects/${id}`);
export const closeProject = (id: number): Promise<Response> => ask(`/api/projects/${id}`, { method: "DELETE" });
export const putEdits = (id: number, edits: Edits): Promise<Fit> => json(`/api/projects/${id}/edits`, "PUT", edits);
export const restore = (id: number, revision: number): Promise<Fit> => json(`/api/projects/${id}/restore`, "POST", { revision });
export const startFit = (id: number, settings: Settings): Promise<Job> => json(`/api/projects/${id}/fit`, "POST", settings);
export type Wish = "on" | { split: number } | { merge: number[] };
export const startRefit = (id: number, wish: Wish, iterations: number): Promise<Job> => json(`/api/projects/${id}/refit`, "POST", { wish, iterations });
/** What the command line can be told. */
export const getOptions = (): Promise<Offered[]> => json("/api/options");
/** The command line that does what is given; refused if it makes no sense. */
export const tell = (id: number, given: Given[]): Promise<{ command: string }> => json(`/api/projects/${id}/told`, "POST", given);
/** The settings of a fit that options mean. */
export const settingsOf = (id: number, given: Given[]): Promise<Settings> => json(`/api/projects/${id}/settings`, "POST", given);
export const startSeparate = (id: number, given: Given[]): Promise<Job> => json(`/api/projects/${id}/separate`, "POST", given);
/** Give the project a file for an option; with a folder, one of several that go together. */
export const give = async (id: number, file: File, folder: string | null): Promise<{ name: string; given: Entry[] }> =>
  (await ask(`/api/projects/${id}/given?name=${encodeURIComponent(file.name)}${folder === null ? "" : `&folder=${encodeURIComponent(folder)}`}`, { method: "POST", body: file })).json();
/** What is drawn and corrected on the page as files, by the options that take them. */
export const keepOwn = (id: number): Promise<{ own: Record<string, string>; given: Entry[] }> => json(`/api/projects/${id}/own`, "POST");
/** What a file says of notes, pitch or words. */
export const readMusic = async (id: number, file: File): Promise<Music> => (await ask(`/api/projects/${id}/music`, { method: "POST", body: file })).json();
export const startExport = (id: number, order: unknown): Promise<Job> => json(`/api/projects/${id}/export`, "POST", order);
export const getJob = (id: number): Promise<Job | null> => json(`/api/projects/${id}/job`);
export const cancelJob = (id: number): Promise<Response> => ask(`/api/projects/${id}/job`, { method: "DELETE" });
export const getFile = async (id: number, path: string): Promise<Blob> =>
  (await ask(`/api/projects/${id}/files/${path.split("/").map(encodeURIComponent).join("/")}`)).blob();

export const getTile = async (id: number, width: number, index: number, sets: string | null): Promise<Uint8Array> =>
  new Uint8Array(await bytes(`/api/projects/${id}/tiles/${width}/${index}${sets === null ? "" : `?sets=${sets}`}`));

export const getSound = async (id: number, segment: number, signal: AbortSignal): Promise<Float32Array> =>
  new Float32Array(await bytes(`/api/projects/${id}/sound/${segment}`, signal));

/** Templates on the picture's rows and activations on the fit's frames, one array per component. */
export async function getFactors(project: Project, fit: Fit): Promise<{ templates: Float32Array[]; activations: Float32Array[] }> {
  const values = new Float32Array(await bytes(`/api/projects/${project.id}/factors`));
  const count = fit.components.length;
  const rows = project.picture.rows;
  const behind = count * rows;
  return {
    templates: Array.from({ length: count }, (_, k) => values.subarray(k * rows, (k + 1) * rows)),
    activations: Array.from({ length: count }, (_, k) => values.subarray(behind + k * fit.frames, behind + (k + 1) * fit.frames)),
  };
}
