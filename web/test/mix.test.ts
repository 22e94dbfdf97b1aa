import assert from "node:assert/strict";
import { test } from "node:test";
import { everything, gains, levelMatch, loudness } from "../src/mix";
import type { Edits } from "../src/edits";

const edits: Edits = { sources: [{ name: "a", kind: null }, { name: "b", kind: null }], assignment: [], source_gains: [1, 0.5], component_gains: [],
  regions: { boxes: [], strokes: [] }, music: { notes: [], pitches: [], words: [] } };
const sourceOf = [0, 0, 1, 1];

test("solo, mute and one alone", () => {
  const heard = (change: object) => gains({ ...everything(), ...change }, edits, sourceOf);
  assert.deepEqual(heard({}), [1, 1, 0.5, 0.5]);
  assert.deepEqual(heard({ focus: { kind: "component", at: 2 } }), [0, 0, 0.5, 0]);
  assert.deepEqual(heard({ focus: { kind: "source", at: 0 }, mutedSources: new Set([0]) }), [1, 1, 0, 0]);
  assert.deepEqual(heard({ soloSources: new Set([1]), soloComponents: new Set([0]) }), [1, 0, 0.5, 0.5]);
  assert.deepEqual(heard({ mutedComponents: new Set([1]) }), [1, 0, 0.5, 0.5]);
  assert.deepEqual(heard({ focus: { kind: "singer", at: 0 } }), [0, 0, 0, 0]);
  assert.deepEqual(heard({ soloSources: new Set([0]), mutedComponents: new Set([1]) }), [1, 0, 0, 0]);
});

test("the original is the recording, whatever else is set", () => {
  assert.deepEqual(gains({ ...everything(), original: true, mutedSources: new Set([0]) }, edits, sourceOf), [1, 1, 1, 1]);
});

test("a part is turned up to the level of the whole, within bounds", () => {
  const gram = [[9, 0], [0, 1]];
  assert.equal(loudness(gram, [1, 1]), 10);
  assert.ok(Math.abs(levelMatch(gram, [0, 1]) - Math.sqrt(10)) < 1e-12);
  assert.equal(levelMatch(gram, [1, 1]), 1);
  assert.equal(levelMatch(gram, [0, 0]), 1);
  assert.ok(levelMatch([[1, 0], [0, 1e-9]], [0, 1]) <= 10 ** (18 / 20));
});
