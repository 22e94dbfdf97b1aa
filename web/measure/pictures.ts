// The program and the demo clip come in; a picture of every view and state of the studio's page goes out, light and dark, small and large.
//
//   node build/measure/pictures.mjs PROGRAM RECORDING FOLDER [PART OF A NAME]
//
// `cargo xtask studio-pictures` calls it. What a picture shows is reached by clicks and keys, as a person would; only what
// cannot be had at will (a full disk, a server that is gone in the middle) is answered in the server's place, in its words.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Page } from "playwright-core";
import { openChromium, startStudio, type Studio } from "../browser/program";

const [, , program, recording, folder, only = ""] = process.argv;
if (!folder) throw new Error("usage: pictures.mjs PROGRAM RECORDING FOLDER [PART OF A NAME]");
mkdirSync(folder, { recursive: true });

const SIZES = [[1280, 720], [1920, 1080]] as const;
const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
interface Bench { refresh(): void; choose(component: number): void; change(edits: object, what: string): void; edits: Record<string, unknown> }
declare const window: Window & { studio?: Bench };

/** A picture of what is there in both themes and sizes; with `where`, of a part of it that is scrolled to. */
async function take(page: Page, name: string, themes = ["light", "dark"]): Promise<void> {
  if (!name.includes(only)) return;
  for (const [width, height] of SIZES) {
    await page.setViewportSize({ width, height });
    for (const theme of themes) {
      await page.evaluate((theme) => { document.documentElement.dataset.theme = theme; window.studio?.refresh(); }, theme);
      await wait(450);
      await page.screenshot({ path: join(folder, `${name}-${theme}-${width}.png`) });
    }
  }
  await page.setViewportSize({ width: SIZES[0][0], height: SIZES[0][1] });
  await page.evaluate(() => { document.documentElement.dataset.theme = "light"; window.studio?.refresh(); });
  console.log(name);
}

const saved = (page: Page): Promise<unknown> => page.waitForFunction(() => document.querySelector("#saved")?.textContent === "All changes saved");
const idle = (page: Page): Promise<unknown> => page.waitForFunction(() => document.querySelector(".working[hidden]") !== null, null, { timeout: 240_000 });

async function drag(page: Page, ...points: [number, number][]): Promise<void> {
  const box = await page.locator(".picture").boundingBox();
  if (!box) return;
  const at = ([x, y]: [number, number]) => [box.x + x * box.width, box.y + y * box.height] as const;
  await page.mouse.move(...at(points[0]));
  await page.mouse.down();
  for (const point of points.slice(1)) await page.mouse.move(...at(point), { steps: 8 });
  await page.mouse.up();
}

const home = mkdtempSync(join(tmpdir(), "unbraid-pictures-"));
let studio: Studio | null = null;
const browser = await openChromium();
try {
  studio = await startStudio(home, [], program);
  const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
  page.setDefaultTimeout(60_000);

  // Before there is anything.
  await page.goto(studio.url);
  await page.waitForSelector(".drop");
  await take(page, "welcome-empty");
  await page.setInputFiles(".drop input[type=file]", { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no recording") });
  await page.waitForSelector(".banner");
  await take(page, "welcome-refused");

  // A recording comes in slowly, and its first fit is at work.
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((done) => { letGo = done; });
  await page.route("**/api/open", async (route) => { await held; await route.continue(); });
  await page.click("#demo");
  await page.waitForSelector(".waiting progress");
  await take(page, "opening");
  letGo();
  await page.waitForSelector("#component-15");
  await page.unroute("**/api/open");

  // The tour, on what the first fit found.
  await wait(800);
  await take(page, "guide");
  await page.click(".guide .main");
  await page.click(".guide .main");
  await page.click(".guide .main");
  await take(page, "guide-decide");
  await page.click(".guide .quiet");
  await take(page, "sources");
  await page.click("#component-3 .words");
  await page.keyboard.press("0");
  await wait(1500);
  await page.keyboard.press(" ");
  await take(page, "demo");
  await page.selectOption("#mode", "levels");
  await take(page, "levels");
  await page.click("#component-3 .words");
  await page.click("#source-0-play");
  await page.selectOption("#mode", "chosen");
  await wait(800);
  await take(page, "chosen-playing");
  await page.keyboard.press(" ");
  await page.keyboard.press("Escape");
  await page.selectOption("#mode", "sources");
  for (let n = 0; n < 3; n++) await page.keyboard.press("+");
  await page.keyboard.press("o");
  await take(page, "zoomed-loop");
  await page.keyboard.press("o");
  await page.keyboard.press("*");

  // Dialogs.
  await page.keyboard.press("?");
  await take(page, "dialog-keys");
  await page.keyboard.press("Escape");
  await page.click("#settings");
  await page.waitForSelector("#find");
  await take(page, "dialog-components");
  await page.fill("#option-beta", "loud");
  await page.click("#find");
  await page.waitForSelector(".wrong:not(:empty)");
  await take(page, "dialog-components-refused");
  await page.keyboard.press("Escape");
  await page.click("#add-source");
  await take(page, "dialog-add-source");
  await page.fill("#asked", "drums");
  await page.keyboard.press("Enter");
  await take(page, "dialog-add-source-refused");
  await page.fill("#asked", "a shaker with a rather long name");
  await page.keyboard.press("Enter");
  await page.click("#component-8 .words");
  await page.keyboard.press("3");
  await saved(page);
  await take(page, "assigned-long-name");
  await page.keyboard.press("Control+z");
  await page.keyboard.press("Control+z");
  await saved(page);

  // Drawing.
  await page.keyboard.press("r");
  await page.keyboard.press("1");
  await drag(page, [0.8, 0.06], [0.93, 0.3]);
  await page.keyboard.press("p");
  await page.keyboard.press("2");
  await drag(page, [0.02, 0.47], [0.36, 0.46], [0.54, 0.49]);
  await saved(page);
  await take(page, "brush");
  await page.keyboard.press("n");
  await page.keyboard.press(".");
  await take(page, "notes");
  const words = "[00:01.00]all\n[00:02.20]you\n[00:03.00]need is words\n[00:05.50]\n[00:07.00]over the picture\n";
  await page.setInputFiles("#music-file", { name: "words.lrc", mimeType: "text/plain", buffer: Buffer.from(words) });
  await saved(page);
  const pitch = Array.from({ length: 400 }, (_, n) => `${(1 + n / 50).toFixed(2)},${n % 90 > 78 ? 0 : (260 + 60 * Math.sin(n / 40) + 4 * Math.sin(n)).toFixed(1)}`).join("\n");
  await page.setInputFiles("#music-file", { name: "f0.csv", mimeType: "text/csv", buffer: Buffer.from(`time,hz\n${pitch}\n`) });
  await saved(page);
  await page.keyboard.press("l");
  await take(page, "pitch-words");
  await page.keyboard.press("h");

  // Work, its end, and what goes wrong with it.
  await page.fill("#steps", "1000");
  await page.click("#refit");
  await wait(900);
  await take(page, "refit-running");
  await page.click("#cancel");
  await idle(page);
  await take(page, "refit-cancelled");
  await page.fill("#steps", "5");
  await page.click("#refit");
  await page.waitForSelector("#state-1[aria-pressed=true]");
  await page.evaluate(() => document.querySelector("#state-1")?.scrollIntoView());
  await take(page, "states");
  await page.click("#export");
  await take(page, "dialog-export");
  await page.click("#write");
  await page.waitForSelector("dialog pre");
  await take(page, "dialog-export-written");
  await page.keyboard.press("Escape");
  const full = { status: 507, contentType: "application/json", body: JSON.stringify({ error: `cannot write ${home}/unbraid-demo.unbraid/unbraid.json: No space left on device (os error 28). Nothing was changed: free some space, and try again`, hint: null }) };
  await page.route("**/edits", (route) => route.fulfill(full));
  await page.click("#component-5 .words");
  await page.keyboard.press("2");
  await page.waitForSelector(".banner:not([hidden])");
  await take(page, "disk-full");
  await page.unroute("**/edits");
  await page.click(".banner button");
  await saved(page);

  // Every option.
  await page.keyboard.press("a");
  await page.waitForSelector("#told:not(:empty)", { state: "attached" });
  await take(page, "dialog-separate");
  for (const group of ["Knowledge", "Hints", "Model", "Stems"]) {
    await page.locator("dialog .group > summary", { hasText: group }).click();
    await page.locator("dialog .group > summary", { hasText: group }).evaluate((summary) => summary.scrollIntoView());
    await take(page, `dialog-separate-${group.toLowerCase()}`);
  }
  await page.fill("#search-options", "singer pitch");
  await page.fill("#search-options", "sung");
  await take(page, "dialog-separate-search");
  await page.fill("#search-options", "xylophone");
  await take(page, "dialog-separate-nothing");
  await page.fill("#search-options", "");
  await page.fill("#option-sources", "drums,guitar");
  await page.setInputFiles("dialog .field:has(#option-hint) input[type=file]", { name: "drums by another program.flac", mimeType: "audio/flac", buffer: readFileSync(join(dirname(recording), "stems/drums.flac")) });
  await page.waitForSelector(".given-files .file");
  await page.fill("dialog input[list=source-names]", "drums");
  await page.locator("dialog .group > summary", { hasText: "Hints" }).evaluate((summary) => summary.scrollIntoView());
  await page.click("dialog form > details > summary");
  await wait(400);
  await take(page, "dialog-separate-given");
  await page.fill("#option-beta", "loud");
  await page.waitForSelector(".wrong:not(:empty)");
  await take(page, "dialog-separate-refused");
  await page.fill("#option-beta", "");
  await page.locator("#option-fast").check();
  await page.waitForFunction(() => document.querySelector(".wrong")?.textContent === "");
  await page.click("#separate-now");
  await page.waitForSelector("#cancel");
  await take(page, "separate-running", ["light"]);
  await idle(page);
  await page.waitForSelector("#stem-0");
  await page.evaluate(() => document.querySelector("#stem-0")?.scrollIntoView({ block: "center" }));
  await take(page, "separated");
  await page.locator("section[aria-label='Stems beside the components'] > details > summary").click();
  await take(page, "separated-files");
  await page.click("#listen-fast");
  await page.waitForSelector("#cancel");
  await idle(page);
  await page.click("#stem-0");
  await take(page, "singer");
  await page.keyboard.press("Escape");

  // Other recordings, and a silent one.
  const silence = Buffer.alloc(44 + 2 * 8000);
  silence.write("RIFF", 0);
  silence.writeUInt32LE(36 + 16_000, 4);
  silence.write("WAVEfmt ", 8);
  silence.writeUInt32LE(16, 16);
  silence.writeUInt16LE(1, 20);
  silence.writeUInt16LE(1, 22);
  silence.writeUInt32LE(8000, 24);
  silence.writeUInt32LE(16_000, 28);
  silence.writeUInt16LE(2, 32);
  silence.writeUInt16LE(16, 34);
  silence.write("data", 36);
  silence.writeUInt32LE(16_000, 40);
  writeFileSync(join(home, "silence.wav"), silence);
  await page.click("#home");
  await page.waitForSelector(".recent button");
  await take(page, "welcome-recent");
  await page.setInputFiles(".drop input[type=file]", join(home, "silence.wav"));
  await page.waitForSelector(".row, .waiting h2");
  await idle(page);
  await wait(800);
  await take(page, "silent");
  studio.process.kill();
  await wait(300);
  await page.click("#home");
  await page.waitForSelector(".banner");
  await take(page, "gone");
} finally {
  await browser.close();
  studio?.process.kill();
  rmSync(home, { recursive: true, force: true });
}
