// The report's data come in; pictures, players and the experiment go out.
"use strict";
const model = Dsp.load(JSON.parse(document.getElementById("data").textContent));
const $ = id => document.getElementById(id);
const owner = Array.from({ length: model.components }, (_, k) => model.sources.findIndex(s => s.components.includes(k)));
const color = k => owner[k] < 0 ? "#7a7a7a" : model.sources[owner[k]].color;
const members = s => Dsp.all(model).filter(k => owner[k] === s);

// Colours of levels: magma in a few steps.
const stops = [[0, 0, 4], [28, 16, 68], [79, 18, 123], [129, 37, 129], [181, 54, 122], [229, 80, 100], [251, 135, 97], [254, 194, 135], [252, 253, 191]];
const magma = Array.from({ length: 256 }, (_, i) => {
  const at = i / 255 * 8, a = Math.min(7, Math.floor(at)), x = at - a;
  return stops[a].map((v, c) => Math.round(v + (stops[a + 1][c] - v) * x));
});

// Frequencies: a logarithmic axis from 40 Hz up.
const top = model.sampleRate / 2, low = 40;
const yOf = (hz, height) => height * (1 - Math.log(hz / low) / Math.log(top / low));
function rows(height) {
  const binHz = model.sampleRate / model.fftLen;
  return Array.from({ length: height }, (_, y) => {
    const hz = y0 => low * Math.pow(top / low, 1 - y0 / height);
    const a = Math.floor(hz(y + 1) / binHz + .5), b = Math.max(a + 1, Math.ceil(hz(y) / binHz + .5));
    return [Math.min(a, model.bins - 1), Math.min(b, model.bins)];
  });
}

function canvas(id, height) {
  const c = typeof id === "string" ? $(id) : id, scale = 2;
  c.width = c.clientWidth * scale; c.height = height * scale; c.style.height = height + "px";
  const g = c.getContext("2d"); g.scale(scale, scale);
  return [g, c.clientWidth, height];
}

// value(t, f) >= 0 as an image in dB below peak.
function image(g, width, height, frames, peak, range, value) {
  const px = Math.round(width), picture = g.createImageData(px, height), spans = rows(height), column = new Float32Array(model.bins);
  for (let x = 0; x < px; x++) {
    const t0 = Math.floor(x * frames / px), t1 = Math.max(t0 + 1, Math.floor((x + 1) * frames / px));
    column.fill(0);
    for (let t = t0; t < t1; t++) value(t, column);
    for (let y = 0; y < height; y++) {
      let sum = 0; for (let f = spans[y][0]; f < spans[y][1]; f++) sum += column[f];
      const level = 20 * Math.log10(sum / (spans[y][1] - spans[y][0]) / (t1 - t0) / peak + 1e-12);
      const c = magma[Math.max(0, Math.min(255, Math.round(255 * (1 + level / range))))];
      const at = 4 * (y * px + x);
      picture.data[at] = c[0]; picture.data[at + 1] = c[1]; picture.data[at + 2] = c[2]; picture.data[at + 3] = 255;
    }
  }
  const buffer = document.createElement("canvas"); buffer.width = px; buffer.height = height;
  buffer.getContext("2d").putImageData(picture, 0, 0);
  g.imageSmoothingEnabled = false; g.drawImage(buffer, 0, 0, width, height);
}

function frequencyMarks(g, width, height, dark) {
  g.font = "11px system-ui"; g.fillStyle = dark ? "#fff" : "#555"; g.textBaseline = "middle";
  for (const hz of [100, 200, 500, 1000, 2000, 5000, 10000]) if (hz < top) {
    const y = yOf(hz, height);
    g.globalAlpha = .25; g.fillRect(0, y, width, .7); g.globalAlpha = 1;
    g.fillText(hz < 1000 ? hz + " Hz" : hz / 1000 + " kHz", 4, y - 7);
  }
}

const V = Dsp.spectrogram(model);
let peak = 0; for (const v of V) peak = Math.max(peak, v);
// The model is scaled like V was at the door.
let sumV = 0, sumM = 0;
{ const row = new Float32Array(model.bins); for (let t = 0; t < model.frames; t++) { Dsp.model(model, t, Dsp.all(model), row); for (let f = 0; f < model.bins; f++) { sumV += V[t * model.bins + f]; sumM += row[f]; } } }
const scale = sumM > 0 ? sumV / sumM : 1;
const shown = { what: "V", lit: -1 };

function drawBig() {
  const [g, width, height] = canvas("big", 340), row = new Float32Array(model.bins);
  const parts = shown.lit >= 0 ? [shown.lit] : Dsp.all(model);
  image(g, width, height, model.frames, peak, 70, (t, out) => {
    if (shown.what === "V") { for (let f = 0; f < model.bins; f++) out[f] += V[t * model.bins + f]; return; }
    Dsp.model(model, t, parts, row);
    for (let f = 0; f < model.bins; f++) out[f] += shown.what === "WH" ? row[f] * scale : Math.abs(V[t * model.bins + f] - row[f] * scale);
  });
  frequencyMarks(g, width, height, true);
}
function drawTemplates() {
  const [g, width, height] = canvas("W", 340), K = model.components, spans = rows(height);
  for (let k = 0; k < K; k++) {
    const w = model.w.subarray(k * model.bins, (k + 1) * model.bins); let most = 0; for (const v of w) most = Math.max(most, v);
    for (let y = 0; y < height; y++) {
      let v = 0; for (let f = spans[y][0]; f < spans[y][1]; f++) v = Math.max(v, w[f]);
      const level = Math.max(0, 1 + 20 * Math.log10(v / (most || 1) + 1e-12) / 50);
      g.globalAlpha = level * (shown.lit < 0 || shown.lit === k ? 1 : .25); g.fillStyle = color(k);
      g.fillRect(k * width / K + 1, y, width / K - 2, 1.2);
    }
  }
  g.globalAlpha = 1; frequencyMarks(g, width, height, false);
}
function curve(g, x0, y0, width, height, values, style) {
  let most = 0; for (const v of values) most = Math.max(most, v);
  g.fillStyle = style; g.beginPath(); g.moveTo(x0, y0 + height);
  const px = Math.max(2, Math.round(width));
  for (let x = 0; x < px; x++) {
    const a = Math.floor(x * values.length / px), b = Math.max(a + 1, Math.floor((x + 1) * values.length / px));
    let v = 0; for (let i = a; i < b; i++) v = Math.max(v, values[i]);
    g.lineTo(x0 + x * width / px, y0 + height * (1 - v / (most || 1)));
  }
  g.lineTo(x0 + width, y0 + height); g.fill();
}
const activation = k => model.h.subarray(k * model.frames, (k + 1) * model.frames);
function drawActivations() {
  const rowHeight = Math.max(14, Math.min(26, 420 / model.components));
  const [g, width] = canvas("H", rowHeight * model.components + 18), seconds = model.len / model.sampleRate;
  for (let k = 0; k < model.components; k++) {
    g.globalAlpha = shown.lit < 0 || shown.lit === k ? 1 : .25;
    curve(g, 0, k * rowHeight + 2, width, rowHeight - 3, activation(k), color(k));
    g.globalAlpha = 1; g.fillStyle = "#444"; g.font = "11px system-ui"; g.fillText(k, 3, k * rowHeight + 11);
  }
  g.fillStyle = "#555"; const step = [1, 2, 5, 10, 20, 60].find(s => seconds / s <= 12) || 120;
  for (let s = 0; s <= seconds; s += step) g.fillText(s + " s", s / seconds * width + 2, rowHeight * model.components + 14);
}
function drawAll() { drawBig(); drawTemplates(); drawActivations(); }

// ---- sound
const Player = { context: null, node: null, button: null, meter: null, started: 0 };
const sounds = new Map();
async function play(button, key, make) {
  const again = Player.button === button;
  stop();
  if (again) return;
  Player.context ||= new AudioContext({ sampleRate: model.sampleRate });
  await Player.context.resume();
  button.classList.add("busy");
  if (!sounds.has(key)) {
    const [left, right] = await make();
    const buffer = Player.context.createBuffer(model.channels > 1 ? 2 : 1, left.length, model.sampleRate);
    buffer.copyToChannel(left, 0); if (model.channels > 1) buffer.copyToChannel(right, 1);
    sounds.set(key, buffer);
  }
  button.classList.remove("busy");
  stop();
  Player.node = Player.context.createBufferSource(); Player.node.buffer = sounds.get(key);
  Player.meter ||= Player.context.createAnalyser();
  Player.node.connect(Player.meter); Player.meter.connect(Player.context.destination);
  Player.node.onended = () => { if (Player.button === button) stop(); };
  Player.node.start(); Player.started = Player.context.currentTime; Player.button = button; button.classList.add("on");
}
function stop() {
  if (Player.node) { Player.node.onended = null; try { Player.node.stop(); } catch { } Player.node.disconnect(); Player.node = null; }
  if (Player.button) { Player.button.classList.remove("on"); Player.button = null; }
}
function playButton(text, key, make) {
  const b = document.createElement("button"); b.className = "play"; b.textContent = text;
  b.addEventListener("click", () => play(b, key(), make)); return b;
}

// ---- components
let total = 0; const weight = Dsp.all(model).map(k => {
  let w = 0, h = 0; for (const v of model.w.subarray(k * model.bins, (k + 1) * model.bins)) w += v; for (const v of activation(k)) h += v;
  total += w * h; return w * h;
});
function light(k) {
  if (shown.lit === k) return; shown.lit = k;
  document.querySelectorAll(".card").forEach((c, i) => c.classList.toggle("lit", i === k));
  drawTemplates(); drawActivations(); if (shown.what !== "V") drawBig();
}
function cards() {
  for (let k = 0; k < model.components; k++) {
    const card = document.createElement("article"); card.className = "card"; card.style.setProperty("--c", color(k));
    const head = document.createElement("header"), name = document.createElement("b"); name.textContent = "Component " + k;
    head.append(name, playButton("Play", () => "k" + k, () => Dsp.render(model, [k])));
    const spectrum = document.createElement("canvas"), time = document.createElement("canvas");
    const choose = document.createElement("select"); choose.setAttribute("aria-label", "source of component " + k);
    model.sources.forEach((s, i) => choose.add(new Option("→ " + s.name, i, i === owner[k], i === owner[k])));
    choose.addEventListener("change", () => { owner[k] = +choose.value; card.style.setProperty("--c", color(k)); smalls(); drawAll(); stems(); });
    const facts = document.createElement("p"); facts.className = "why";
    const pure = model.purities ? ` ${Math.round(100 * model.purities[k])} % of it belongs to one true source.` : "";
    facts.textContent = `${(100 * weight[k] / total).toFixed(1)} % of the model.${pure} ${model.reasons[k] || ""}`;
    card.append(head, spectrum, time, choose, facts);
    card.addEventListener("mouseenter", () => light(k)); card.addEventListener("mouseleave", () => light(-1));
    $("cards").append(card);
    const smalls = () => {
      let [g, width, height] = canvas(spectrum, 46), spans = rows(Math.round(width)).reverse(), w = model.w.subarray(k * model.bins, (k + 1) * model.bins);
      const line = spans.map(([a, b]) => { let v = 0; for (let f = a; f < b; f++) v = Math.max(v, w[f]); return v; });
      const most = Math.max(...line, 1e-30); curve(g, 0, 0, width, height, line.map(v => Math.max(0, 1 + 20 * Math.log10(v / most + 1e-9) / 60)), color(k));
      [g, width, height] = canvas(time, 34); curve(g, 0, 2, width, height - 2, activation(k), color(k));
    };
    smalls();
  }
}
let version = 0;
function stems() {
  version++; stop(); $("stems").textContent = "";
  model.sources.forEach((s, i) => {
    const mine = members(i), box = document.createElement("div"); box.className = "stem"; box.style.setProperty("--c", s.color);
    const words = document.createElement("div"), name = document.createElement("b"), list = document.createElement("div");
    name.textContent = s.name; list.className = "soft"; list.textContent = mine.length ? "components " + mine.join(", ") : "no component: silent";
    const v = version; words.append(name, playButton("Play", () => `s${i}.${v}`, () => Dsp.render(model, mine)), list);
    const picture = document.createElement("canvas"); box.append(words, picture); $("stems").append(box);
    const [g, width, height] = canvas(picture, 110), own = new Float32Array(model.bins), whole = new Float32Array(model.bins), every = Dsp.all(model);
    image(g, width, height, model.frames, peak, 70, (t, out) => {
      Dsp.model(model, t, mine, own); Dsp.model(model, t, every, whole);
      for (let f = 0; f < model.bins; f++) out[f] += whole[f] > 0 ? V[t * model.bins + f] * own[f] / whole[f] : 0;
    });
  });
}

// ---- the experiment: two notes of one pitch, and the time between their onsets
function toy() {
  const gap = +$("gap").value / 1000, alone = $("rests").checked, bins = 48, frames = 150, hop = .02;
  $("gapText").textContent = Math.round(gap * 1000) + " ms";
  const a = f => f % 4 ? 0 : Math.exp(-f / 14), b = f => f % 4 ? 0 : Math.exp(-(((f - 28) / 10) ** 2)) + .05;
  const note = (t, rest) => { if (t < 0) return 0; const beat = Math.floor(t / .6); return alone && beat % 4 === rest ? 0 : Math.exp(-(t % .6) / .15); };
  const v = new Float64Array(bins * frames), ha = [], hb = [];
  for (let t = 0; t < frames; t++) { ha[t] = note(t * hop, 1); hb[t] = note(t * hop - gap, 3); }
  for (let f = 0; f < bins; f++) for (let t = 0; t < frames; t++) v[f * frames + t] = a(f) * ha[t] + b(f) * hb[t];
  let seed = 7; const random = () => { seed = (seed * 16807) % 2147483647; return .1 + seed / 2147483647; };
  const { w, h } = Dsp.nmf(v, bins, frames, 2, 400, random);
  const [g, width, height] = canvas("toyV", 130); let most = Math.max(...v);
  for (let f = 0; f < bins; f++) for (let t = 0; t < frames; t++) { const c = magma[Math.round(255 * Math.sqrt(v[f * frames + t] / most))]; g.fillStyle = `rgb(${c})`; g.fillRect(t * width / frames, height * (1 - (f + 1) / bins), width / frames + 1, height / bins + 1); }
  const share = [0, 1].map(c => { let x = 0, y = 0; for (let t = 0; t < frames; t++) for (let f = 0; f < bins; f++) { const own = w[f * 2 + c] * h[c * frames + t], all = own + w[f * 2 + 1 - c] * h[(1 - c) * frames + t] + 1e-12; x += own / all * (a(f) * ha[t]) ** 2; y += own / all * (b(f) * hb[t]) ** 2; } return [x, y]; });
  const pure = share.reduce((s, [x, y]) => s + Math.max(x, y), 0) / share.reduce((s, [x, y]) => s + x + y, 0);
  [0, 1].forEach(c => {
    const tone = share[c][0] > share[c][1] ? "#0072b2" : "#d55e00", found = Array.from({ length: bins }, (_, f) => w[f * 2 + c]);
    const [gw, ww, wh] = canvas("toyW" + c, 70); const m = Math.max(...found); gw.fillStyle = tone;
    found.forEach((x, f) => gw.fillRect(f * ww / bins + 1, wh * (1 - x / m), ww / bins - 2, wh * x / m));
    const [gh, hw, hh] = canvas("toyH" + c, 50); curve(gh, 0, 2, hw, hh - 2, h.subarray(c * frames, (c + 1) * frames), tone);
  });
  $("toyText").textContent = `The two components are ${Math.round(100 * pure)} % pure. ` + (pure < .75 ? "Whatever the two instruments do, they do together: nothing in the data says where one ends and the other begins." : pure < .95 ? "The little time in which one is heard without the other is all the method has to go by." : "The two rise and fall at different times, and that is enough: each component is one instrument.");
  return pure;
}

document.querySelectorAll("[data-what]").forEach(b => b.addEventListener("click", () => {
  shown.what = b.dataset.what; document.querySelectorAll("[data-what]").forEach(o => o.setAttribute("aria-pressed", o === b)); drawBig();
}));
$("mixture").append(playButton("Play the recording", () => "mixture", async () => [model.left, model.right]));
cards(); stems(); drawAll(); toy();
$("gap").addEventListener("input", toy); $("rests").addEventListener("change", toy);
addEventListener("resize", drawAll);

// For tests: every stem together is the recording again, and a player sounds.
window.unbraidReport = {
  async sumError() {
    const sum = new Float32Array(model.len); let worst = 0;
    for (let i = 0; i < model.sources.length; i++) { const [left] = await Dsp.render(model, members(i)); left.forEach((v, n) => { sum[n] += v; }); }
    sum.forEach((v, n) => { worst = Math.max(worst, Math.abs(v - model.left[n])); }); return worst;
  },
  loudness() { const x = new Float32Array(2048); Player.meter.getFloatTimeDomainData(x); return Math.sqrt(x.reduce((s, v) => s + v * v, 0) / x.length); },
  toy, players: () => document.querySelectorAll("button.play").length,
};
document.body.dataset.ready = "true";
