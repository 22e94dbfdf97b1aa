// The script that measures the page, on the demo clip and once; whether it finds every figure goes out.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { measure } from "../measure/studio";
import { program, root } from "./program";

test("the script that measures the page finds every figure on the demo clip", async () => {
  const work = mkdtempSync(join(tmpdir(), "unbraid-measured-"));
  try {
    const heard = Array.from({ length: 16 }, (_, component) => (component % 2 === 0 ? "drums" : "rest"));
    const found = await measure({ binary: program, work, times: 1, listenSecs: 0.1, pictures: null, heard,
      recordings: [{ name: "demo", path: join(root, "demo/mixture.flac"), rounds: 1 }] });
    const [figures] = found.figures;
    for (const [name, values] of Object.entries({ ...figures, zoomed: figures.zoomed.map((it) => it.longestMs), mostBytes: [figures.mostBytes] })) {
      if (["name", "exported", "zoomedBusy"].includes(name)) continue;
      assert.ok((values as number[]).length > 0 && (values as number[]).every((value) => value > 0), `${name}: ${values}`);
    }
    assert.deepEqual(figures.exported.files, ["drums.wav", "rest.wav"]);
    // What the person heard is what was written: one key for each correction, two for every component, and one for the export.
    assert.equal(found.work.keys, 2 * 16 + found.work.corrected.length + 1);
    assert.equal(found.work.exported.commands.length, 2);
    assert.match(found.work.exported.commands[0], /--assign drums=0,2,4,6,8,10,12,14 --assign rest=1,3,5,7,9,11,13,15/);
    assert.ok(readFileSync(join(found.work.exported.folder, "drums.wav")).length > 1e6);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
});
