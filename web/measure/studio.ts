// An order comes in; what the studio takes on its recordings, and a person's work on the demo clip, go out.
//
//   node build/measure/studio.mjs order.json > found.json
//
// `cargo xtask studio-measure` writes the order, scores the stems and makes docs/studio.md of what is found. Everything is done
// with clicks and keys in Chromium, and timed by the page's own clock.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { openChromium, startStudio, type Studio } from "../browser/program";

export interface Order {
  /** The program. */
  binary: string;
  /** Where projects go. */
  work: string;
  /** Each is opened so many times in either way. */
  recordings: { name: string; path: string; rounds: number }[];
  /** How often the picture is zoomed, and something drawn. */
  times: number;
  /** What a listener hears in every component of the demo clip: the name of its source. */
  heard: string[];
  /** How long a person listens to one component. */
  listenSecs: number;
}

export interface Exported { folder: string; files: string[]; commands: string[]; secs: number }

/** What zooming and panning cost the page's main thread. */
export interface Zoomed { longestMs: number; above50: number }

export interface Figures {
  name: string;
  /** From the file being chosen until its waveform and spectrogram are seen, and its components. */
  seenSecs: number[];
  componentsSecs: number[];
  /** From the start of the program with the recording as its argument until they are seen. */
  startedSecs: number[];
  /** From the key that gives a component to a source until the analyser hears it there. */
  assignedSecs: number[];
  /** From the end of a box over the picture until the analyser hears that it took the sound. */
  drawnSecs: number[];
  zoomed: Zoomed[];
  /** The same while a refit uses every processor; not on the demo. */
  zoomedBusy: Zoomed[];
  exported: Exported;
  /** The most memory that the server has had (VmHWM). */
  mostBytes: number;
}

export interface Work { clicks: number; keys: number; secs: number; listenedSecs: number; corrected: number[]; exported: Exported }

export interface Found { browser: string; figures: Figures[]; work: Work }

interface Seen { change?: number; keydown?: number; pointerup?: number; view?: number; components?: number; heard?: number }
interface Bench {
  project: { id: number };
  fit: { hopSecs: number };
  factors: { activations: Float32Array[] };
  player: { analyser: AnalyserNode | null; setLoop(span: [number, number] | null): void };
  audition(kind: string, at: number): void;
  choose(component: number): void;
}
declare const window: Window & { seen: Seen; studio: Bench };

const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** In the page: note when things happen and when they can be seen. */
function watch(): void {
  const seen: Seen = {};
  Object.assign(window, { seen });
  const now = () => performance.timeOrigin + performance.now();
  for (const kind of ["change", "keydown", "pointerup"] as const) addEventListener(kind, () => { seen[kind] = now(); }, true);
  /** Whether a row of pixels in the middle of a canvas has so many colours. */
  const drawn = (selector: string, colors: number): boolean => {
    const canvas = document.querySelector<HTMLCanvasElement>(selector);
    if (!canvas || canvas.width === 0) return false;
    const data = canvas.getContext("2d")?.getImageData(0, canvas.height >> 1, canvas.width, 1).data ?? [];
    const found = new Set<number>();
    for (let at = 0; at < data.length; at += 4) found.add((data[at] << 24) | (data[at + 1] << 16) | (data[at + 2] << 8) | data[at + 3]);
    return found.size >= colors;
  };
  const look = () => {
    if (!seen.view && drawn(".overview canvas", 2) && drawn(".picture canvas", 30)) seen.view = now();
    if (!seen.components && document.getElementById("component-15")) seen.components = now();
    if (!seen.components) requestAnimationFrame(look);
  };
  look();
}

const seen = (page: Page): Promise<Seen> => page.evaluate(() => window.seen);

async function openPage(browser: Browser, url: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
  page.setDefaultTimeout(120_000);
  await page.addInitScript(watch);
  await page.goto(url);
  return page;
}

/** In the page: wait until the analyser's level is above, or below, a limit, and note when. */
async function untilLevel(page: Page, above: boolean, limit: number): Promise<number> {
  await page.waitForFunction(([above, limit]) => {
    const { analyser } = window.studio.player;
    if (!analyser) return false;
    const samples = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(samples);
    const level = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
    if (above ? level <= limit : level >= limit) return false;
    window.seen.heard = performance.timeOrigin + performance.now();
    return true;
  }, [above, limit] as const, { polling: 4 });
  return (await seen(page)).heard ?? Number.NaN;
}

const level = (page: Page): Promise<number> => page.evaluate(() => {
  const { analyser } = window.studio.player;
  if (!analyser) return 0;
  const samples = new Float32Array(analyser.fftSize);
  analyser.getFloatTimeDomainData(samples);
  return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
});

/** Nothing that can be heard: −100 dB of full scale. */
const SILENT = 1e-5;
/** Something: −60 dB. */
const AUDIBLE = 1e-3;

/** Give a component to a source that is heard alone and has nothing else: from the key to its sound. */
async function assigned(page: Page, times: number): Promise<number[]> {
  await page.click("#add-source");
  await page.fill("#asked", "probe");
  await page.keyboard.press("Enter");
  // The component that goes on longest without a pause, and where.
  const component = await page.evaluate(() => {
    const { fit, factors, player, audition, choose } = window.studio;
    const long = Math.round(2 / fit.hopSecs);
    let [best, most, at] = [0, -1, 0];
    factors.activations.forEach((activation, component) => {
      for (let from = 0; from + long < activation.length; from += long >> 1) {
        let least = Infinity;
        for (let frame = from; frame < from + long; frame++) least = Math.min(least, activation[frame]);
        if (least > most) [best, most, at] = [component, least, from];
      }
    });
    player.setLoop([at * fit.hopSecs, (at + long) * fit.hopSecs]);
    audition.call(window.studio, "source", 2);
    choose.call(window.studio, best);
    return best;
  });
  const secs: number[] = [];
  for (let time = 0; time < times; time++) {
    await untilLevel(page, false, SILENT);
    // Whatever the loop's end leaves in the analyser is over.
    await wait(300);
    await page.keyboard.press("3");
    const heard = await untilLevel(page, true, AUDIBLE);
    secs.push((heard - ((await seen(page)).keydown ?? Number.NaN)) / 1000);
    await page.keyboard.press("Control+z");
  }
  await page.click(`#component-${component} .words`);
  await page.keyboard.press("Escape");
  return secs;
}

/** Draw a box over everything for the second source while the first is heard alone: from the end of it to the change. */
async function drawn(page: Page, times: number): Promise<number[]> {
  await page.click("#level");
  await page.evaluate(() => window.studio.audition("source", 0));
  await page.keyboard.press("r");
  await page.keyboard.press("2");
  await page.fill("#strength", "1");
  const box = await page.locator(".picture").boundingBox();
  if (!box) throw new Error("there is no picture");
  const secs: number[] = [];
  for (let time = 0; time < times; time++) {
    await untilLevel(page, true, AUDIBLE);
    await page.mouse.move(box.x + 2, box.y + 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width - 2, box.y + box.height - 2, { steps: 8 });
    // As loud as it was: a pause in what is played is no answer.
    const before = await level(page);
    await page.mouse.up();
    const heard = await untilLevel(page, false, Math.max(before, AUDIBLE) / 10);
    secs.push((heard - ((await seen(page)).pointerup ?? Number.NaN)) / 1000);
    await page.keyboard.press("Control+z");
    await page.waitForFunction(() => document.querySelector("#saved")?.textContent === "All changes saved");
  }
  await page.keyboard.press("Escape");
  await page.click("#level");
  await page.click("#loop");
  await page.click("#play");
  return secs;
}

interface TraceEvent { name: string; ph: string; pid: number; tid: number; dur?: number; args?: { name?: string } }

/** Zoom with the wheel, pan with the wheel and by dragging, for about five seconds; the longest task of the page's thread. */
async function zoomed(browser: Browser, page: Page): Promise<Zoomed> {
  const box = await page.locator(".picture").boundingBox();
  if (!box) throw new Error("there is no picture");
  const [x, y] = [box.x + box.width * 0.6, box.y + box.height / 2];
  const wheel = async (times: number, across: number, down: number) => {
    for (let n = 0; n < times; n++) {
      await page.mouse.wheel(across, down);
      await wait(16);
    }
  };
  await page.keyboard.press("*");
  await wait(300);
  await browser.startTracing(page, { categories: ["toplevel", "disabled-by-default-devtools.timeline"] });
  await page.mouse.move(x, y);
  await wheel(24, 0, -120);
  await wheel(30, 90, 0);
  await wheel(30, -90, 0);
  await page.mouse.down();
  await page.mouse.move(x - 300, y, { steps: 30 });
  await page.mouse.move(x + 200, y, { steps: 30 });
  await page.mouse.up();
  await page.keyboard.down("Alt");
  await wheel(10, 0, -100);
  await wheel(10, 0, 100);
  await page.keyboard.up("Alt");
  await wheel(24, 0, 120);
  const trace = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const thread = (event: TraceEvent) => `${event.pid}/${event.tid}`;
  const mains = new Set(trace.traceEvents.filter((event) => event.name === "thread_name" && event.args?.name === "CrRendererMain").map(thread));
  const tasks = trace.traceEvents.filter((event) => event.ph === "X" && event.name === "RunTask" && mains.has(thread(event))).map((event) => (event.dur ?? 0) / 1000);
  if (tasks.length === 0) throw new Error("the trace has no tasks");
  await page.keyboard.press("*");
  return { longestMs: Math.max(...tasks), above50: tasks.filter((ms) => ms > 50).length };
}

async function exported(page: Page): Promise<Exported> {
  const began = Date.now();
  await page.keyboard.press("e");
  await page.click("#write");
  await page.waitForSelector("dialog pre");
  const secs = (Date.now() - began) / 1000;
  const commands = await page.locator("dialog pre").allTextContents();
  const folder = (await page.textContent("dialog .files b")) ?? "";
  const files = await page.locator("dialog .files .line span").allTextContents();
  await page.keyboard.press("Escape");
  return { folder: resolve(folder), files, commands, secs };
}

/** The most memory that a process has had. */
function mostBytes(process: Studio["process"]): number {
  const status = readFileSync(`/proc/${process.pid}/status`, "utf8");
  return 1024 * Number(status.match(/VmHWM:\s+(\d+)/)?.[1] ?? Number.NaN);
}

async function end(studio: Studio): Promise<void> {
  const over = new Promise((done) => studio.process.once("exit", done));
  studio.process.kill();
  await over;
}

/** Open a recording several times, each time as if it had never been seen; the last time go on with it. */
async function visit(browser: Browser, order: Order, { name, path, rounds }: Order["recordings"][number]): Promise<Figures> {
  const [seenSecs, componentsSecs, startedSecs]: number[][] = [[], [], []];
  const since = async (page: Page, what: "view" | "components", began: number) => {
    await page.waitForFunction((what) => window.seen[what] !== undefined, what);
    return (((await seen(page))[what] ?? Number.NaN) - began) / 1000;
  };
  for (let round = 0; round < rounds; round++) {
    const folder = mkdtempSync(join(order.work, "started-"));
    const began = Date.now();
    const studio = await startStudio(folder, [path], order.binary);
    const page = await openPage(browser, studio.url);
    startedSecs.push(await since(page, "view", began));
    await page.close();
    await end(studio);
    rmSync(folder, { recursive: true });
  }
  for (let round = 0; ; round++) {
    const folder = mkdtempSync(join(order.work, "chosen-"));
    const studio = await startStudio(folder, [], order.binary);
    const page = await openPage(browser, studio.url);
    await page.waitForSelector("#demo");
    await page.setInputFiles("input[type=file]", path);
    const began = (await seen(page)).change ?? Number.NaN;
    seenSecs.push(await since(page, "view", began));
    componentsSecs.push(await since(page, "components", began));
    if (round + 1 < rounds) {
      await page.close();
      await end(studio);
      rmSync(folder, { recursive: true });
      continue;
    }
    const zoomedIdle: Zoomed[] = [];
    for (let time = 0; time < order.times; time++) zoomedIdle.push(await zoomed(browser, page));
    const assignedSecs = await assigned(page, 3 * order.times);
    const drawnSecs = await drawn(page, order.times);
    const files = await exported(page);
    const zoomedBusy: Zoomed[] = [];
    await page.fill("#steps", "1000");
    // A clip is fitted before the zooming is over.
    for (let time = 0; time < (name === "demo" ? 0 : order.times); time++) {
      await page.click("#refit");
      await page.waitForSelector("#cancel");
      zoomedBusy.push(await zoomed(browser, page));
      if (await page.isVisible("#cancel")) await page.click("#cancel");
      await page.waitForSelector("#cancel", { state: "hidden" });
    }
    if (await page.isVisible("#state-0")) {
      // One came to its end: what was exported is of the state before.
      await page.click("#state-0");
      await page.waitForSelector("#state-0[aria-pressed=true]");
    }
    const most = mostBytes(studio.process);
    await page.close();
    await end(studio);
    return { name, seenSecs, componentsSecs, startedSecs, assignedSecs, drawnSecs, zoomed: zoomedIdle, zoomedBusy, exported: files, mostBytes: most };
  }
}

/** What a person does with the demo clip: hear every component, correct what is in the wrong place, take the stems along. */
async function work(browser: Browser, order: Order): Promise<Work> {
  const folder = mkdtempSync(join(order.work, "work-"));
  const studio = await startStudio(folder, [], order.binary);
  const page = await openPage(browser, studio.url);
  await page.waitForSelector("#demo");
  let [clicks, keys, listenedSecs] = [0, 0, 0];
  const click = async (what: string) => {
    clicks += 1;
    await page.click(what);
  };
  const press = async (key: string) => {
    keys += 1;
    await page.keyboard.press(key);
  };
  const began = Date.now();
  await click("#demo");
  await page.waitForSelector("#component-15");
  const sources = ["drums", "rest"];
  const corrected: number[] = [];
  for (const [component, source] of order.heard.entries()) {
    await press("ArrowDown");
    await press("Enter");
    await wait(order.listenSecs * 1000);
    listenedSecs += order.listenSecs;
    const suggested = (await page.textContent(`#component-${component} .words b`)) ?? "";
    if (suggested === source) continue;
    corrected.push(component);
    await press(String(sources.indexOf(source) + 1));
  }
  keys += 1;
  clicks += 1;
  const files = await exported(page);
  const secs = (Date.now() - began) / 1000;
  await page.close();
  await end(studio);
  return { clicks, keys, secs, listenedSecs, corrected, exported: files };
}

export async function measure(order: Order): Promise<Found> {
  const browser = await openChromium();
  try {
    const figures: Figures[] = [];
    for (const recording of order.recordings) figures.push(await visit(browser, order, recording));
    return { browser: `Chromium ${browser.version()}`, figures, work: await work(browser, order) };
  } finally {
    await browser.close();
  }
}

const [, script, given] = process.argv;
if (given && import.meta.url === pathToFileURL(script).href) {
  const found = await measure(JSON.parse(readFileSync(given, "utf8")) as Order);
  console.log(JSON.stringify(found));
}
