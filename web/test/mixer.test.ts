import assert from "node:assert/strict";
import { test } from "node:test";
import { Mixer } from "../src/mixer";

const RATE = 1000;

/** Two mono tracks: one counts samples, the other is constant. */
function mixer(samples = 3500): Mixer {
  const made = new Mixer(RATE);
  made.reset(2, 1, samples, RATE);
  for (let index = 0; index * RATE < samples; index++) {
    const length = Math.min(RATE, samples - index * RATE);
    const data = new Float32Array(2 * length);
    for (let n = 0; n < length; n++) {
      data[n] = index * RATE + n;
      data[length + n] = 0.5;
    }
    made.put(index, data);
  }
  return made;
}

function run(made: Mixer, count: number, block = 128): { left: number[]; right: number[] } {
  const [left, right]: [number[], number[]] = [[], []];
  while (left.length < count) {
    const out = [new Float32Array(block), new Float32Array(block)];
    made.process(out);
    left.push(...out[0]);
    right.push(...out[1]);
  }
  return { left, right };
}

test("every sample comes once, across the seams, on both sides", () => {
  const made = mixer();
  made.setGains([1, 0]);
  made.playing = true;
  run(made, 512);
  const at = made.position;
  const { left, right } = run(made, 1024);
  left.forEach((value, n) => assert.ok(Math.abs(value - (at + n)) < 0.01, `${value} at ${at + n}`));
  assert.deepEqual(left, right);
});

test("solo does not click: from sample to sample a gain moves little", () => {
  const made = mixer();
  made.setGains([0, 1]);
  made.playing = true;
  run(made, 512);
  made.setGains([0, 0]);
  const { left } = run(made, 512);
  for (let n = 1; n < left.length; n++) assert.ok(Math.abs(left[n] - left[n - 1]) < 0.06, `${left[n - 1]} → ${left[n]}`);
  assert.equal(left.at(-1), 0);
});

test("a loop jumps at its last sample and stays in step", () => {
  const made = mixer();
  made.setGains([1, 0]);
  made.loop = [500, 700];
  made.seek(500);
  made.playing = true;
  run(made, 256);
  const at = made.position;
  const { left } = run(made, 256);
  left.forEach((value, n) => {
    const expected = 500 + ((at - 500 + n) % 200);
    assert.ok(Math.abs(value - expected) < 0.6, `${value} for ${expected}`);
  });
});

test("without the sound that is needed it waits, silent, where it is", () => {
  const made = new Mixer(RATE);
  made.reset(1, 2, 5000, RATE);
  made.playing = true;
  const { left } = run(made, 256);
  assert.ok(left.every((value) => value === 0));
  assert.equal(made.position, 0);
  assert.ok(made.starved);
});

test("it stops at the end", () => {
  const made = mixer();
  made.seek(3400);
  made.playing = true;
  run(made, 512);
  assert.ok(!made.playing);
});

test("a pause in the last moment stays at the end, silent", () => {
  const made = mixer(1000);
  made.setGains([0, 1]);
  made.playing = true;
  made.seek(860);
  run(made, 128);
  assert.ok(made.position > 980, `${made.position}`);
  made.playing = false;
  run(made, 128);
  const at = made.position;
  assert.ok(at >= 988 && at <= 1000, `${at}`);
  assert.deepEqual([...new Set(run(made, 512).left)], [0]);
  assert.equal(made.position, at);
});

test("what is far from the playhead is not kept", () => {
  const made = mixer(40_000);
  assert.ok(made.has(0) && made.has(10) && !made.has(39));
  made.seek(30_000);
  made.put(30, new Float32Array(2000));
  assert.ok(!made.has(0) && made.has(30));
});
