// ---- The experiment: two notes of one pitch, and the time between their onsets.
const Experiment = {
  bins: 48, frames: 150, hopSecs: .02,

  run() {
    const { bins, frames, hopSecs } = this, gap = +$("gap").value / 1000, rests = $("rests").checked;
    // Overtones in every fourth bin; the first falls off, the second is strongest in the middle.
    const first = f => f % 4 ? 0 : Math.exp(-f / 14), second = f => f % 4 ? 0 : Math.exp(-(((f - 28) / 10) ** 2)) + .05;
    const note = (time, rest) => time < 0 || rests && Math.floor(time / .6 + 1e-9) % 4 === rest ? 0 : Math.exp(-(time % .6) / .15);
    const a = Float64Array.from({ length: bins }, (_, f) => first(f)), b = Float64Array.from({ length: bins }, (_, f) => second(f));
    const ha = Float64Array.from({ length: frames }, (_, t) => note(t * hopSecs, 1)), hb = Float64Array.from({ length: frames }, (_, t) => note(t * hopSecs - gap, 3));
    const v = Float64Array.from({ length: bins * frames }, (_, i) => a[Math.floor(i / frames)] * ha[i % frames] + b[Math.floor(i / frames)] * hb[i % frames]);
    let seed = 7; const random = () => { seed = (seed * 16807) % 2147483647; return .1 + seed / 2147483647; };
    const { w, h } = factorize(v, bins, frames, 2, 400, random);
    // How much of either instrument's energy lies under each component's mask.
    const shares = [[0, 0], [0, 0]];
    for (let f = 0; f < bins; f++) for (let t = 0; t < frames; t++) {
      const parts = [0, 1].map(c => w[f * 2 + c] * h[c * frames + t]), whole = parts[0] + parts[1] + 1e-12;
      parts.forEach((part, c) => { shares[c][0] += part / whole * (a[f] * ha[t]) ** 2; shares[c][1] += part / whole * (b[f] * hb[t]) ** 2; });
    }
    const pure = shares.reduce((sum, pair) => sum + Math.max(...pair), 0) / shares.flat().reduce((x, y) => x + y, 0);
    return { v, w, h, shares, pure, gap };
  },

  draw() {
    const { v, w, h, shares, pure, gap } = this.run(), { bins, frames } = this;
    $("gapText").textContent = Math.round(gap * 1000) + " ms";
    const most = v.reduce((x, y) => Math.max(x, y), 0);
    const [g, width, height] = canvas("toyV", 130);
    for (let f = 0; f < bins; f++) for (let t = 0; t < frames; t++) {
      g.fillStyle = `rgb(${magma[Math.round(255 * Math.sqrt(v[f * frames + t] / most))]})`;
      g.fillRect(t * width / frames, height * (1 - (f + 1) / bins), width / frames + 1, height / bins + 1);
    }
    [0, 1].forEach(c => {
      const total = shares[c][0] + shares[c][1], blue = shares[c][0] / (total || 1), found = Array.from({ length: bins }, (_, f) => w[f * 2 + c]);
      // As much of either colour as there is of either instrument.
      const mix = [[0, 114, 178], [213, 94, 0]], tone = `rgb(${mix[0].map((x, i) => Math.round(blue * x + (1 - blue) * mix[1][i]))})`;
      const [gw, ww, wh] = canvas("toyW" + c, 70), top = Math.max(...found); gw.fillStyle = tone;
      found.forEach((x, f) => gw.fillRect(f * ww / bins + 1, wh * (1 - x / top), ww / bins - 2, wh * x / top));
      const [gh, hw, hh] = canvas("toyH" + c, 50); curve(gh, 0, 2, hw, hh - 2, h.subarray(c * frames, (c + 1) * frames), tone);
      $("toyName" + c).textContent = `${Math.round(100 * blue)} % first instrument, ${Math.round(100 * (1 - blue))} % second`;
    });
    $("toyText").textContent = `The two components are ${Math.round(100 * pure)} % pure. ` + (
      pure < .75 ? "Whatever the two instruments do, they do together: nothing in the picture says where one ends and the other begins." :
      pure < .95 ? "The little time in which one is heard without the other is all the method has to go by." :
      "The two rise and fall at different times, and that is enough: each component is one instrument.");
    return pure;
  },
};
Experiment.draw();
$("gap").addEventListener("input", () => Experiment.draw()); $("rests").addEventListener("change", () => Experiment.draw());

