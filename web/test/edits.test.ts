import assert from "node:assert/strict";
import { test } from "node:test";
import * as edit from "../src/edits";

const edits: edit.Edits = {
  sources: [{ name: "drums", kind: "drums" }, { name: "guitar", kind: "guitar" }, { name: "rest", kind: "rest" }],
  assignment: [null, 1, null, 2], source_gains: [], component_gains: [],
  regions: { boxes: [{ source: "guitar", strength: 0.9, secs: [0, 1], hz: [100, 200] }], strokes: [] }, music: { notes: [], pitches: [], words: [] },
};
const kinds = ["drums", "piano"];
const step = (what: string, e = edits): edit.Step => ({ revision: 1, edits: e, what });

test("a decision makes a new value and leaves the old one", () => {
  const after = edit.assign(edits, [0, 3], 1);
  assert.deepEqual(after.assignment, [1, 1, null, 1]);
  assert.deepEqual(edits.assignment, [null, 1, null, 2]);
  assert.deepEqual(edit.assign(after, [0], null).assignment, [null, 1, null, 1]);
});

test("merging moves everything, suggested components too, and keeps the others where they are", () => {
  const sourceOf = [0, 1, 1, 2];
  const after = edit.mergeSources({ ...edits, source_gains: [1, 0.5, 2] }, 1, 2, sourceOf);
  assert.deepEqual(after.sources.map((source) => source.name), ["drums", "rest"]);
  assert.deepEqual(after.assignment, [null, 1, 1, 1]);
  assert.deepEqual(after.source_gains, [1, 2]);
  assert.equal(after.regions.boxes[0].source, "rest");
});

test("names that no file could bear are refused, and no name twice", () => {
  for (const name of ["", ".hidden", "a/b", "a,b", "a=b", "drums", "residual", 'q"']) assert.notEqual(edit.nameProblem(edits, name), null, name);
  assert.equal(edit.nameProblem(edits, "my solo"), null);
  assert.equal(edit.nameProblem(edits, "drums", 0), null);
});

test("a kind keeps looking for its sound under another name", () => {
  assert.deepEqual(edit.renameSource(edits, 0, "beat").sources[0], { name: "beat", kind: "drums" });
  assert.equal(edit.renameSource(edits, 1, "solo").regions.boxes[0].source, "solo");
  assert.equal(edit.addSource(edits, "piano", kinds).sources[3].kind, "piano");
  assert.equal(edit.addSource(edits, "shaker", kinds).sources[3].kind, null);
});

test("undo goes back, redo forth, and a new step forgets what was undone", () => {
  let history = edit.begin(step("opened"));
  history = edit.push(history, step("one"));
  history = edit.push(history, step("two"));
  assert.equal(edit.present(edit.undo(history)).what, "one");
  assert.equal(edit.present(edit.redo(edit.undo(history))).what, "two");
  const other = edit.push(edit.undo(history), step("three"));
  assert.deepEqual(other.steps.map((s) => s.what), ["opened", "one", "three"]);
  assert.ok(!edit.canRedo(other) && edit.canUndo(other));
  assert.equal(edit.undo(edit.begin(step("opened"))).at, 0);
});

test("a slider that is dragged is one step", () => {
  let history = edit.begin(step("opened"));
  for (const gain of [0.9, 0.8, 0.7]) history = edit.push(history, step("gain", edit.setSourceGain(edits, 0, gain)), true);
  assert.equal(history.steps.length, 2);
  assert.equal(edit.present(history).edits.source_gains[0], 0.7);
  assert.deepEqual(edit.present(edit.undo(history)).edits.source_gains, []);
});
