import assert from "node:assert/strict";
import { test } from "node:test";
import * as music from "../src/music";

const note: music.Note = { onset_secs: 1, offset_secs: 2, key: 69, velocity: 90, track: 3, confidence: 0.5 };

test("keys, names and Hz belong together", () => {
  assert.equal(music.keyToHz(69), 440);
  assert.equal(music.hzToKey(880), 81);
  assert.deepEqual([60, 69, 61].map(music.keyName), ["C4", "A4", "C♯4"]);
});

test("a note is taken at its ends or as a whole, and moved", () => {
  assert.deepEqual(music.noteAt([note], 1.01, 69.3, 0.05), { at: 0, part: "begin" });
  assert.deepEqual(music.noteAt([note], 1.5, 69, 0.05), { at: 0, part: "all" });
  assert.equal(music.noteAt([note], 1.5, 71, 0.05), null);
  assert.deepEqual(music.dragged([note], 0, "all", 0.5, -2)[0], { ...note, onset_secs: 1.5, offset_secs: 2.5, key: 67, confidence: 1 });
  assert.ok(music.dragged([note], 0, "end", -5, 0)[0].offset_secs > 1);
});

test("notes are walked through by time, from the playhead on", () => {
  const notes = [3, 1, 2].map((onset_secs) => ({ ...note, onset_secs, offset_secs: onset_secs + 0.5 }));
  assert.equal(music.neighbour(notes, null, 1, 1.5), 2);
  assert.equal(music.neighbour(notes, null, -1, 1.5), 1);
  assert.equal(music.neighbour(notes, 2, 1, 0), 0);
  assert.equal(music.neighbour(notes, 0, 1, 0), 0);
  assert.equal(music.neighbour([], null, 1, 0), null);
  assert.equal(music.describe(note), "A4 at 1.00 s");
});

test("a pitch that is redrawn replaces the old one there and nowhere else", () => {
  const old = Array.from({ length: 100 }, (_, n) => ({ time_secs: n / 100, hz: 200, confidence: 0.5 }));
  const drawn = music.redrawn(old, [[0.4, 440], [0.2, 220]]);
  const at = (secs: number) => drawn.find((p) => Math.abs(p.time_secs - secs) < 1e-6)!.hz;
  assert.deepEqual([at(0.1), at(0.5)], [200, 200]);
  assert.ok(Math.abs(at(0.3) - 311.1) < 0.5);
  drawn.slice(1).forEach((p, n) => assert.ok(p.time_secs > drawn[n].time_secs));
  assert.equal(music.redrawn(old, [[0.2, 0], [0.4, 0]]).filter((p) => p.hz === 0).length, 21);
});

test("notes and pitches claim their partials", () => {
  const boxes = music.regionsOfNotes([note], "guitar", 0.8, 3000);
  assert.equal(boxes.length, 6);
  assert.ok(boxes[1].hz[0] < 880 && boxes[1].hz[1] > 880);
  const pitches = [{ time_secs: 0, hz: 200, confidence: 1 }, { time_secs: 0.01, hz: 0, confidence: 1 }, { time_secs: 1, hz: 300, confidence: 1 }];
  const strokes = music.regionsOfPitch(pitches, "voice", 0.8, 1000);
  assert.equal(strokes.length, 5 + 3);
  assert.deepEqual(strokes[1].points, [[0, 400]]);
});
