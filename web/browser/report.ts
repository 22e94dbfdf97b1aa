// A page that `unbraid explain` wrote comes in, opened from the file as a reader would; whether it shows, sounds and teaches goes out.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { openChromium, program, root } from "./program";

const folder = mkdtempSync(join(tmpdir(), "unbraid-report-"));
const file = join(folder, "report.html");
let browser: Browser;
let page: Page;
const problems: string[] = [];

interface Report {
  sumError(): Promise<number>;
  loudness(): number;
  seconds(): number;
  setRecipe(recipe: boolean): void;
  experiment(gapMs: number): number;
}
declare const unbraidReport: Report;

before(async () => {
  execFileSync(program, ["explain", join(root, "demo/mixture.flac"), "--references", join(root, "demo/stems"), "--duration", "3", "--fast", "-o", file, "--quiet"]);
  browser = await openChromium();
  page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(30_000);
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => { if (message.type() === "error") problems.push(message.text()); });
  page.on("request", (request) => { if (!/^(file|data|blob):/.test(request.url())) problems.push(`asks for ${request.url()}`); });
  await page.goto(pathToFileURL(file).href);
  await page.waitForSelector("body[data-ready=true]");
});

after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Press a player; whether time goes on and something sounds; press it again. */
async function heard(selector: string, number = 0): Promise<boolean> {
  const button = page.locator(selector).nth(number);
  await button.click();
  await page.waitForSelector("button.play.on");
  const began = await page.evaluate(() => unbraidReport.seconds());
  await page.waitForFunction((from) => unbraidReport.seconds() > from + 0.1 && unbraidReport.loudness() > 1e-4, began);
  await button.click();
  return (await page.locator("button.play.on").count()) === 0;
}

test("every kind of player sounds, and the stems add up", async () => {
  for (const [selector, number] of [["button.play.big", 0], [".card button.play", 0], ["#stems button.play", 0], ["#stems button.play", 1], ["#stems button.play", 2], ["#stems button.play", 3], ["#bankStems button.play", 1]] as const) {
    assert.ok(await heard(selector, number), `${selector} ${number}`);
  }
  assert.ok((await page.evaluate(() => unbraidReport.sumError())) < 1e-5);
  await page.evaluate(() => unbraidReport.setRecipe(false));
  assert.ok((await page.evaluate(() => unbraidReport.sumError())) < 1e-5);
  assert.ok(statSync(file).size < 10e6);
});

test("pictures are drawn, and the reader may disagree", async () => {
  const blank = await page.evaluate(() => [...document.querySelectorAll("canvas")].filter((canvas) => {
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    const first = data.slice(0, 4).join();
    for (let at = 0; at < data.length; at += 4) if (data.slice(at, at + 4).join() !== first) return false;
    return true;
  }).map((canvas) => canvas.id || canvas.parentElement?.className));
  assert.deepEqual(blank, []);
  const before = await page.locator("#stems .soft").first().textContent();
  const choose = page.locator(".card select").first();
  await choose.selectOption((await choose.inputValue()) === "0" ? "1" : "0");
  await page.waitForFunction((words) => document.querySelector("#stems .soft")?.textContent !== words, before);
});

test("identical onsets cannot be told apart in the experiment, others can", async () => {
  const [together, apart] = await page.evaluate(() => [unbraidReport.experiment(0), unbraidReport.experiment(300)]);
  assert.ok(together < 0.75 && apart > 0.9, `${together} and ${apart}`);
  assert.deepEqual(problems, []);
});
