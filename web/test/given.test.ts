import assert from "node:assert/strict";
import { test } from "node:test";
import { freeName, fromWords, groups, matches, standard, tidy, worded, type Offered } from "../src/given";

const option = (name: string, more: Partial<Offered> = {}): Offered =>
  ({ name, short: null, group: "Model", help: "", kind: "text", value_name: "", usual: null, repeats: false, ...more });

test("the help says first what an option is", () => {
  assert.deepEqual(worded("The number of components; auto: as many as foretell best"), { title: "The number of components", rest: "auto: as many as foretell best" });
  assert.deepEqual(worded("How a source's notes sound, such as `piano=x`, from `unbraid learn`").title, "How a source's notes sound");
  assert.deepEqual(worded("Samples of the Fourier transform [default: 93 ms]"), { title: "Samples of the Fourier transform", rest: "[default: 93 ms]" });
  assert.deepEqual(worded("Separate in pieces of at most so many seconds, each with a model of its own, even if more fits: for change").title, "Separate in pieces of at most so many seconds");
  assert.deepEqual(worded("What is sung, for voice,piano: lines").title, "What is sung, for voice,piano");
  assert.deepEqual(worded("How bins are shared out. ratio: each its share"), { title: "How bins are shared out", rest: "ratio: each its share" });
  assert.deepEqual(worded("Stop"), { title: "Stop", rest: "" });
  assert.equal(standard("Samples of it [default: a quarter of --fft-len]"), "a quarter of --fft-len");
  assert.equal(standard("Samples of it"), null);
});

test("options are found by any of their words", () => {
  const beta = option("beta", { help: "What misfit is measured by", choices: ["kl"] });
  assert.ok(matches(beta, "misfit --bet") && matches(beta, "") && matches(beta, "MODEL kl"));
  assert.ok(!matches(beta, "misfit seed"));
});

test("options stand in groups in the order of the help", () => {
  const found = groups([option("a", { group: "Sources" }), option("b"), option("c", { group: "Sources" })]);
  assert.deepEqual(found.map(([name, all]) => [name, all.map((one) => one.name)]), [["Sources", ["a", "c"]], ["Model", ["b"]]]);
});

test("words of the command line fill the form", () => {
  const options = [option("components", { short: "k" }), option("exact", { kind: "flag" }), option("beta")];
  assert.deepEqual(fromWords(["-k", "24", "--exact", "--beta", "-1", "--other"], options), [{ name: "components", value: "24" }, { name: "exact" }, { name: "beta", value: "-1" }]);
});

test("what is empty is not given", () => {
  const options = [option("beta"), option("exact", { kind: "flag" }), option("hint", { kind: "file", source: "needed" })];
  const given = [{ name: "beta", value: " " }, { name: "exact" }, { name: "hint", source: "voice" }, { name: "hint", source: "", file: "a.wav" }, { name: "gone", value: "1" }];
  assert.deepEqual(tidy(given, options), [{ name: "exact" }, { name: "hint", file: "a.wav" }]);
});

test("a folder that is there keeps its files", () => {
  assert.equal(freeName("stems", ["a"]), "stems");
  assert.equal(freeName("stems", ["stems", "stems-2"]), "stems-3");
});
