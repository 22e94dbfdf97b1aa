// The program and real browsers come in; whether a person can work with the page goes out.
//
// One visit in Chromium: open, see, hear, decide, undo, export, paint, refit, cancel, export again; the files are
// compared with those of the command line. Sound is measured by an analyser; Chromium is started with
// --autoplay-policy=no-user-gesture-required only where no click comes before (none here does).

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import axe, { type AxeResults } from "axe-core";
import type { Browser, Page } from "playwright-core";
import { openChromium, program, startStudio, type Studio } from "./program";

const folder = mkdtempSync(join(tmpdir(), "unbraid-studio-"));
let studio: Studio;
let url = "";
let browser: Browser;
let page: Page;
const problems: string[] = [];

before(async () => {
  studio = await startStudio(folder);
  url = studio.url;
  browser = await openChromium();
  page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
  page.setDefaultTimeout(30_000);
  page.on("pageerror", (error) => problems.push(error.message));
  // Which request it was: the console says only that there was one.
  page.on("response", async (response) => { if (response.status() >= 400) problems.push(`${response.status()} ${response.url()}: ${await response.text().catch(() => "")}`); });
  page.on("console", (message) => { if (message.type() === "error") problems.push(message.text()); });
});

after(async () => {
  await browser?.close();
  studio?.process.kill();
  rmSync(folder, { recursive: true, force: true });
});

const time = async (): Promise<number> => {
  const [minutes, secs] = ((await page.textContent(".time")) ?? "").split(" ")[0].split(":").map(Number);
  return 60 * minutes + secs;
};

test("the demo clip is opened, seen, heard, decided and exported", async () => {
  await page.goto(url);
  assert.ok(!page.url().includes("token"), "the token stays in the address bar");
  await page.click("#demo");
  await page.waitForSelector("#component-15");
  // Seen: the picture is no blank.
  await page.waitForFunction(() => {
    const canvas = document.querySelector<HTMLCanvasElement>(".picture canvas");
    const context = canvas?.getContext("2d");
    if (!canvas || !context || canvas.width === 0) return false;
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const seen = new Set<number>();
    for (let at = 0; at < data.length; at += 4004) seen.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2]);
    return seen.size > 40;
  });
  // Heard: the playhead moves and there is a signal behind the last gain.
  await page.click("#component-3");
  await page.waitForFunction(() => {
    const { analyser } = (window as unknown as { studio: { player: { analyser: AnalyserNode | null } } }).studio.player;
    if (!analyser) return false;
    const samples = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(samples);
    return samples.some((sample) => Math.abs(sample) > 1e-3);
  });
  const began = await time();
  await page.waitForFunction((from) => Number((document.querySelector(".time")?.textContent ?? "").split(" ")[0].split(":")[1]) > from + 0.2, began);
  await page.keyboard.press("Escape");

  // Decided, by keyboard alone: another source, and back by undo.
  const source = () => page.textContent("#component-3 .words b");
  const first = await source();
  const other = first?.startsWith("drums") ? "rest" : "drums";
  await page.keyboard.press(other === "drums" ? "1" : "2");
  assert.equal(await source(), `${other} · by hand`);
  await page.keyboard.press("Control+z");
  assert.equal(await source(), first);
  await page.keyboard.press("Control+Shift+z");
  assert.equal(await source(), `${other} · by hand`);
  await page.click("#add-source");
  await page.fill("#asked", "shaker");
  await page.keyboard.press("Enter");
  await page.click("#component-8 .words");
  await page.keyboard.press("3");
  await page.waitForFunction(() => document.querySelector("#saved")?.textContent === "All changes saved");

  await exported(["drums.wav", "rest.wav", "shaker.wav"]);

  // A long fit is cancelled, and nothing has changed.
  await page.click("#settings");
  await page.fill("#option-iterations", "5000");
  await page.click("#find");
  await page.click("#cancel");
  await page.waitForFunction(() => document.querySelector(".foot")?.textContent?.includes("Cancelled"));
  assert.equal(await source(), `${other} · by hand`);

  // The page opens again as it was.
  await page.reload();
  await page.waitForSelector("#component-15");
  assert.equal(await source(), `${other} · by hand`);
  assert.deepEqual(problems, []);
});

/** Export, and compare: what the page wrote is what the command line writes for the same choices, by each of the ways it names. */
async function exported(names: string[]): Promise<void> {
  await page.click("#export");
  await page.click("#write");
  await page.waitForSelector("dialog pre");
  const ways = await page.locator("dialog pre").allTextContents();
  assert.equal(ways.length, 2);
  const stems = names.map((name) => ({ name, bytes: readFileSync(join(folder, "unbraid-demo.unbraid/stems", name)) }));
  for (const way of ways) {
    const cwd = mkdtempSync(join(folder, "cli-"));
    const out = join(cwd, "out");
    const lines = way.split("\n").map((line) => line.split(" ").slice(1));
    for (const words of lines) execFileSync(program, [...words, "--quiet", ...(words === lines.at(-1) ? ["-o", out] : [])], { cwd });
    const inside = lines[0][0] === "separate" ? join(out, "unbraid-demo") : out;
    for (const { name, bytes } of stems) assert.ok(bytes.equals(readFileSync(join(inside, name))), `${way}: ${name} differs`);
    rmSync(cwd, { recursive: true });
  }
  addUp(stems.map((stem) => stem.bytes));
  await page.keyboard.press("Escape");
}

/** The stems, 24-bit WAV, add up to the recording: to one step of 24 bits (−138 dB), as each transform rounds. */
function addUp(stems: Buffer[]): void {
  const mixture = join(folder, "unbraid-demo.flac");
  // One source named after nothing takes everything: the recording itself, in the stems' format.
  const out = join(folder, "whole");
  execFileSync(program, ["separate", mixture, "-k", "1", "--iterations", "1", "--sources", "all,rest", "--assign", "all=0", "--quiet", "--overwrite", "-o", out]);
  const whole = readFileSync(join(out, "unbraid-demo", "all.wav"));
  const at = (bytes: Buffer, n: number) => bytes.readIntLE(n, 3);
  const data = whole.indexOf("data") + 8;
  for (let n = data; n + 3 <= whole.length; n += 3 * 97) {
    const sum = stems.reduce((all, stem) => all + at(stem, n), 0);
    assert.ok(Math.abs(sum - at(whole, n)) <= 1, `${sum} for ${at(whole, n)} at byte ${n}`);
  }
}

interface Bench { fit: { revision: number; sound: number; components: unknown[] }; edits: { regions: { boxes: unknown[]; strokes: unknown[] } } }
const bench = <T>(what: (bench: Bench) => T): Promise<T> => page.evaluate(`(${what})(window.studio)`) as Promise<T>;

/** Drag over the picture, in shares of its width and height. */
async function drag(...points: [number, number][]): Promise<void> {
  const box = await page.locator(".picture").boundingBox();
  assert.ok(box);
  const at = ([x, y]: [number, number]) => [box.x + x * box.width, box.y + y * box.height] as const;
  await page.mouse.move(...at(points[0]));
  await page.mouse.down();
  for (const point of points.slice(1)) await page.mouse.move(...at(point), { steps: 6 });
  await page.mouse.up();
}

test("what is painted is heard, learnt from, taken back and exported", async () => {
  const sound = await bench(({ fit }) => fit.sound);
  await page.keyboard.press("p");
  await page.keyboard.press("1");
  await drag([0.2, 0.3], [0.4, 0.25], [0.5, 0.35]);
  await page.keyboard.press("r");
  await page.keyboard.press("2");
  await drag([0.6, 0.5], [0.8, 0.9]);
  await page.waitForFunction((before) => (window as unknown as { studio: Bench }).studio.fit.sound > before, sound);
  assert.deepEqual(await bench(({ edits: { regions } }) => [regions.strokes.length > 0, regions.boxes.length]), [true, 1]);
  await page.keyboard.press("x");
  await drag([0.7, 0.7], [0.71, 0.7]);
  assert.equal(await bench(({ edits }) => edits.regions.boxes.length), 0);
  await page.keyboard.press("Control+z");
  assert.equal(await bench(({ edits }) => edits.regions.boxes.length), 1);

  // The same without a pointer: a line of three steps is one step to undo.
  const strokes = () => bench(({ edits: { regions } }) => regions.strokes.length);
  const before = await strokes();
  await page.keyboard.press("p");
  await page.keyboard.press("Alt+ArrowUp");
  assert.equal(await strokes(), before);
  await page.keyboard.press("Enter");
  for (let n = 0; n < 3; n++) await page.keyboard.press("Alt+ArrowRight");
  await page.keyboard.press("Enter");
  assert.equal(await strokes(), before + 1);
  await page.keyboard.press("Alt+ArrowRight");
  assert.equal(await strokes(), before + 1);
  await page.keyboard.press("Control+z");
  assert.equal(await strokes(), before);
  await page.keyboard.press("Escape");

  // A long refit is cancelled; a short one is a new state; undo returns, redo goes there again.
  await page.fill("#steps", "1000");
  await page.click("#refit");
  await page.click("#cancel");
  await page.waitForFunction(() => document.querySelector(".foot")?.textContent?.includes("Cancelled"));
  assert.equal(await bench(({ fit }) => fit.revision), 0);
  await page.fill("#steps", "3");
  await page.click("#refit");
  await page.waitForSelector("#state-1[aria-pressed=true]");
  await page.click("#undo");
  await page.waitForSelector("#state-0[aria-pressed=true]");
  await page.click("#redo");
  await page.waitForSelector("#state-1[aria-pressed=true]");

  await page.keyboard.press("Escape");
  await page.click("#component-3 .words");
  await page.click("#split");
  await page.waitForSelector("#component-17");
  await page.click("#component-3 .words");
  await page.click("#component-16 .words", { modifiers: ["Control"] });
  await page.click("#merge");
  await page.waitForSelector("#state-3[aria-pressed=true]");
  assert.equal(await bench(({ fit }) => fit.components.length), 17);
  await exported(["drums.wav", "rest.wav", "shaker.wav"]);

  // Notes are written too.
  await page.click("#export");
  await page.selectOption("dialog select >> nth=0", "music");
  await page.click("#write");
  await page.waitForSelector("dialog .files .line");
  assert.ok((await page.textContent("dialog .files"))?.includes("rest.mid"));
  await page.keyboard.press("Escape");
  assert.deepEqual(problems, []);
});

/** What is wrong for those who cannot see well, or at all, by the rules of WCAG 2 A and AA that a program can check. */
async function barriers(): Promise<string[]> {
  const found: string[] = [];
  for (const theme of ["light", "dark"]) {
    await page.evaluate((theme) => {
      document.documentElement.dataset.theme = theme;
      (window as unknown as { studio?: { refresh(): void } }).studio?.refresh();
    }, theme);
    // Colours move to the other theme's.
    await new Promise((done) => setTimeout(done, 250));
    // Of what is to be checked only colours are the theme's.
    const rules = theme === "light" ? ["wcag2a", "wcag2aa", "wcag21aa"] : ["color-contrast"];
    const said = await page.evaluate(`${axe.source}; axe.run({ runOnly: ${JSON.stringify(rules)}, resultTypes: ["violations"] })`) as AxeResults;
    for (const { id, nodes } of said.violations) for (const { target, failureSummary } of nodes) found.push(`${theme}: ${id} at ${target.join(" ")}: ${failureSummary}`);
  }
  return found;
}

test("every option is reached, by keys alone, and what it does is the command line's", async () => {
  // From anything that has the keyboard: type into the search, on to the field.
  const give = async (option: string, value: string) => {
    await page.focus("#search-options");
    await page.fill("#search-options", `--${option}`);
    for (let n = 0; n < 6; n++) {
      await page.keyboard.press("Tab");
      if (await page.evaluate((id) => document.activeElement?.id === id, `option-${option}`)) break;
    }
    assert.equal(await page.evaluate(() => document.activeElement?.id), `option-${option}`);
    await page.keyboard.type(value);
  };
  await page.keyboard.press("Escape");
  await page.keyboard.press("a");
  await page.waitForSelector("#told:not(:empty)", { state: "attached" });
  assert.equal(await page.evaluate(() => document.activeElement?.id), "search-options");
  await give("beta", "loud");
  await page.waitForFunction(() => document.querySelector(".wrong")?.textContent?.includes("loud"));
  await page.keyboard.press("Control+a");
  await page.keyboard.type("1.5");
  await give("iterations", "5");
  await give("evidence", "n");
  await give("sources", "drums,shaker=rest");
  await page.fill("#search-options", "");
  await page.waitForFunction(() => document.querySelector("#told")?.textContent?.includes("--beta 1.5 --iterations 5"));
  const command = await page.textContent("#told");
  await page.focus("#option-sources");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#stem-1");
  assert.equal(await page.textContent("#stem-1"), "▶ shaker");
  const out = mkdtempSync(join(folder, "cli-"));
  execFileSync(program, [...(command ?? "").split(" ").slice(1), "--quiet", "-o", out], { cwd: folder });
  for (const stem of ["drums.wav", "shaker.wav"]) {
    const [ours, theirs] = [join(folder, "unbraid-demo.unbraid/separated", stem), join(out, "unbraid-demo", stem)];
    assert.ok(readFileSync(ours).equals(readFileSync(theirs)), `${command}: ${stem} differs`);
  }
  await page.focus("#stem-0");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => {
    const { analyser } = (window as unknown as { studio: { player: { analyser: AnalyserNode | null } } }).studio.player;
    const samples = new Float32Array(analyser?.fftSize ?? 0);
    analyser?.getFloatTimeDomainData(samples);
    return samples.some((sample) => Math.abs(sample) > 1e-3);
  });
  await page.keyboard.press(" ");
  await page.keyboard.press("Escape");
});

test("nothing that axe can see keeps anybody out", async () => {
  const found: string[] = [];
  const look = async (where: string) => { for (const barrier of await barriers()) found.push(`${where}, ${barrier}`); };
  await page.click("#component-3 .words");
  await page.keyboard.press("p");
  await look("workbench");
  await page.keyboard.press("Escape");
  for (const [button, ready] of [["#separate", "#told:not(:empty)"], ["#settings", "#find"], ["#export", "#write"], ["#help", ".keys"], ["#add-source", "#asked"]]) {
    await page.click(button);
    await page.waitForSelector(ready, { state: "attached" });
    await look(button);
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => document.querySelector("dialog") === null);
  }
  assert.deepEqual(found, []);
  assert.deepEqual(problems.filter((problem) => !problem.includes("loud") && !problem.includes("422")), []);
});

test("Firefox opens the page and shows the components", { timeout: 40_000 }, async () => {
  const { default: puppeteer } = await import("puppeteer-core");
  const firefox = await puppeteer.launch({ browser: "firefox", executablePath: "/usr/bin/firefox-esr", headless: true });
  try {
    const tab = await firefox.newPage();
    await tab.setViewport({ width: 1280, height: 720 });
    await tab.goto(url);
    const recent = await tab.waitForSelector(".recent button");
    await recent?.click();
    await tab.waitForSelector("#component-15", { timeout: 20_000 });
    const rows = await tab.$$eval(".row", (found) => found.length);
    assert.equal(rows, 17);
  } finally {
    await firefox.close();
  }
});
