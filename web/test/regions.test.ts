import assert from "node:assert/strict";
import { test } from "node:test";
import { hzToShare, shareToHz, type Picture } from "../src/geometry";
import * as regions from "../src/regions";

const picture: Picture = { rows: 384, tile: 256, widths: 6, frames: 12900, hopSecs: 1024 / 44100, lowHz: 32.7, highHz: 20000, topDb: 0, stepDb: 0.5, peakDb: -3 };
const at = (secs: number, hz: number): regions.Place => [secs, hzToShare(picture, hz)];
const radius: regions.Place = [0.05, 0.02];

test("a box has its corners in order, whichever was first", () => {
  const { boxes } = regions.addBox(regions.nothing(), picture, "drums", 0.8, at(2, 400), at(1, 3000));
  assert.deepEqual(boxes, [{ source: "drums", strength: 0.8, secs: [1, 2], hz: [400, 3000] }]);
  assert.deepEqual(regions.addSpan(regions.nothing(), "drums", [1, 2], 22050).boxes[0].hz, [0, 22050]);
});

test("a level line is one stroke, as wide as the brush looks there", () => {
  const strokes = regions.strokesOf(picture, "voice", 0.9, [at(1, 440), at(1.5, 440), at(2, 440)], radius);
  assert.equal(strokes.length, 1);
  assert.deepEqual(strokes[0].points, [[1, 440], [2, 440]]);
  const [low, high] = [-1, 1].map((side) => shareToHz(picture, hzToShare(picture, 440) + side * 0.02));
  assert.ok(Math.abs(strokes[0].width[1] - (high - low)) < 0.01);
  assert.equal(strokes[0].width[0], 0.1);
});

test("a steep line is several strokes that join, low ones narrow and high ones wide", () => {
  const line = Array.from({ length: 41 }, (_, n) => at(1 + n / 100, 100 * 2 ** (n / 10)));
  const strokes = regions.strokesOf(picture, "voice", 0.9, line, radius);
  assert.ok(strokes.length >= 7, `${strokes.length}`);
  strokes.slice(1).forEach((stroke, n) => {
    assert.ok(stroke.width[1] > strokes[n].width[1]);
    assert.deepEqual(stroke.points[0], strokes[n].points[strokes[n].points.length - 1]);
  });
});

test("the eraser cuts strokes in two, takes boxes whole, and leaves the rest as it is", () => {
  const strokes = regions.strokesOf(picture, "voice", 0.9, [at(1, 440), at(3, 440)], radius);
  const boxed = regions.addBox({ boxes: [], strokes }, picture, "drums", 0.8, at(5, 400), at(6, 3000));
  assert.equal(regions.erase(boxed, picture, at(2, 8000), radius), boxed);
  const cut = regions.erase(boxed, picture, at(2, 440), radius);
  assert.equal(cut.strokes.length, 2);
  assert.ok(cut.strokes[0].points.at(-1)![0] < 1.95 && cut.strokes[1].points[0][0] > 2.05);
  assert.equal(cut.boxes.length, 1);
  assert.deepEqual(regions.erase(cut, picture, at(5.5, 1000), radius).boxes, []);
});

test("regions follow their source's name, or go with it", () => {
  const { boxes, strokes } = regions.addBox(regions.nothing(), picture, "drums", 0.8, at(1, 100), at(2, 200));
  assert.equal(regions.renamed({ boxes, strokes }, "drums", "beat").boxes[0].source, "beat");
  assert.ok(regions.isEmpty(regions.renamed({ boxes, strokes }, "drums", null)));
});
