import assert from "node:assert/strict";
import { test } from "node:test";
import {
  clock, follow, hzToShare, panTime, peaks, shareToHz, shareToY, tilesFor, timeTicks, timeToX, whole, xToTime, yToShare, zoomFrequency, zoomTime,
  type Picture,
} from "../src/geometry";

const picture: Picture = { rows: 384, tile: 256, widths: 6, frames: 12900, hopSecs: 1024 / 44100, lowHz: 32.7, highHz: 20000, topDb: 0, stepDb: 0.5, peakDb: -3 };
const close = (a: number, b: number, tolerance = 1e-9) => assert.ok(Math.abs(a - b) <= tolerance, `${a} is not ${b}`);

test("pixels and times, heights and frequencies are each other's inverse", () => {
  const view = { from: 12.5, to: 47.25, low: 0.1, high: 0.8 };
  for (const x of [0, 1, 333, 999.5]) close(timeToX(view, 1000, xToTime(view, 1000, x)), x);
  for (const y of [0, 17, 400]) close(shareToY(view, 400, yToShare(view, 400, y)), y);
  for (const hz of [32.7, 440, 20000]) close(shareToHz(picture, hzToShare(picture, hz)), hz, 1e-8);
});

test("what is under the pointer stays there while zooming", () => {
  const view = { ...whole(300), from: 50, to: 150 };
  const closer = zoomTime(view, 300, 80, 3);
  close(timeToX(closer, 1000, 80), timeToX(view, 1000, 80));
  const higher = zoomFrequency(view, 0.4, 2);
  close(shareToY(higher, 500, 0.4), shareToY(view, 500, 0.4));
});

test("no zoom and no move leaves the recording", () => {
  let view = whole(300);
  for (let n = 0; n < 200; n++) {
    view = zoomTime(view, 300, 299 * Math.abs(Math.sin(n)), n % 3 === 0 ? 0.3 : 1.7);
    view = panTime(view, 300, 40 * Math.cos(n));
    view = zoomFrequency(view, Math.abs(Math.cos(n)), n % 2 === 0 ? 3 : 0.4);
    assert.ok(view.from >= 0 && view.to <= 300 + 1e-9 && view.to - view.from >= 0.05 - 1e-9, JSON.stringify(view));
    assert.ok(view.low >= 0 && view.high <= 1 + 1e-9 && view.high > view.low, JSON.stringify(view));
  }
  const short = zoomTime(whole(0.01), 0.01, 0, 100);
  assert.ok(short.to > short.from);
});

test("tiles cover the view, with no more columns than twice the pixels", () => {
  for (const [from, to] of [[0, 300], [10, 11], [290, 300], [0, 0.05], [123, 177]]) {
    const view = { from, to, low: 0, high: 1 };
    const span = tilesFor(view, 1000, picture);
    assert.ok(span.first * span.secs <= from + 1e-9 && (span.last + 1) * span.secs >= Math.min(to, picture.frames * picture.hopSecs) - 1e-9);
    const columns = (to - from) / (picture.hopSecs * 2 ** span.width);
    assert.ok(columns <= 2000, `${columns} columns`);
    assert.ok(span.last - span.first <= 10);
  }
});

test("the view follows the playhead only when it leaves", () => {
  const view = { from: 10, to: 20, low: 0, high: 1 };
  assert.equal(follow(view, 100, 15), view);
  assert.equal(follow(view, 100, 20.5).from, 20.5);
  assert.equal(follow(view, 100, 99).to, 100);
});

test("ticks are round and within the view", () => {
  const ticks = timeTicks({ from: 61, to: 187, low: 0, high: 1 }, 900);
  assert.deepEqual(ticks.map((tick) => tick.label).slice(0, 2), ["1:15", "1:30"]);
  assert.ok(ticks.length >= 5 && ticks.length <= 12);
});

test("times are written as minutes and seconds", () => {
  assert.equal(clock(0), "0:00.0");
  assert.equal(clock(59.96), "1:00.0");
  assert.equal(clock(125.25, 2), "2:05.25");
  assert.equal(clock(3599, 0), "59:59");
});

test("a click of one frame is drawn at any zoom", () => {
  const values = new Float32Array(12900);
  values[6000] = 1;
  for (const pixels of [50, 700, 5000]) {
    const line = peaks(values, picture.hopSecs, whole(12900 * picture.hopSecs), pixels);
    const at = line.indexOf(1);
    assert.ok(Math.abs(at / pixels - 6000 / 12900) < 2 / pixels, `${at} of ${pixels}`);
  }
});
