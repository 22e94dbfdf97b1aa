// ---- The page: the data in it come in; pictures and players go out.
const data = JSON.parse($("data").textContent);
const trouble = words => { $("trouble").textContent = words; $("trouble").hidden = false; };
const rate = data.sampleRate, sources = data.sources, everyone = sources.map((_, i) => i);
const transform = new Transform(data.transform, data.samples), axes = new Axes(transform, rate), factors = new Factors(data, transform);
let recording;
try { recording = await decode.sound(data.recording, rate); } catch (error) {
  trouble("This browser cannot decode FLAC, the format of the sound in this page: any Chromium, Firefox or Safari of the last years can.");
  throw error;
}
const player = new Player(rate, data.channels, () => document.querySelectorAll(".head"));

// Who owns which component; the reader may change it.
const owner = data.components.map(component => component.source);
const color = k => sources[owner[k]].color;
const members = source => factors.all.filter(k => owner[k] === source);

// ---- V, W, H and W·H
const V = transform.magnitudes(recording, data.power);
let peak = 0; for (const v of V) peak = Math.max(peak, v);
// The model is scaled as V was when it was fitted: by a power of two, which the sums tell.
const scale = (() => {
  let v = 0, m = 0; for (const x of V) v += x;
  for (const k of factors.all) { let w = 0, h = 0; for (const x of factors.template(k)) w += x; for (const x of factors.activation(k)) h += x; m += w * h; }
  return m > 0 ? 2 ** Math.round(Math.log2(v / m)) : 1;
})();
// How much of the model each component is.
const weights = (() => {
  const each = factors.all.map(k => factors.template(k).reduce((x, y) => x + y, 0) * factors.activation(k).reduce((x, y) => x + y, 0));
  const whole = each.reduce((x, y) => x + y, 0) || 1;
  return each.map(weight => weight / whole);
})();
const PICTURE = 270;
const shown = { model: "WH", lit: -1 };

function drawV() {
  const [g, width, height] = canvas("V", PICTURE);
  image(g, width, height, axes, magma, loudness(peak, data.power), (t, out) => { for (let f = 0; f < out.length; f++) out[f] += V[t * out.length + f]; });
  frequencyMarks(g, width, height, axes, "#fff");
}

function drawModel() {
  const [g, width, height] = canvas("WH", PICTURE), parts = shown.lit >= 0 ? [shown.lit] : factors.all, row = new Float32Array(transform.bins);
  $("modelName").textContent = shown.model === "missed" ? "|V − W·H|: what the model misses" : shown.lit >= 0 ? `component ${shown.lit} alone: its column of W times its row of H` : "W·H: the model";
  image(g, width, height, axes, magma, loudness(peak, data.power), (t, out) => {
    row.fill(0);
    for (let channel = 0; channel < factors.channels; channel++) factors.add(t, channel, shown.model === "missed" ? factors.all : parts, row);
    for (let f = 0; f < row.length; f++) { const m = row[f] * scale / factors.channels; out[f] += shown.model === "missed" ? Math.abs(V[t * row.length + f] - m) : m; }
  });
  frequencyMarks(g, width, height, axes, "#fff");
}

function drawTemplates() {
  const [g, width, height] = canvas("W", PICTURE), count = factors.count, rows = axes.rows(height);
  for (const k of factors.all) {
    const w = factors.template(k), most = w.reduce((x, y) => Math.max(x, y), 0) || 1;
    g.fillStyle = color(k);
    for (let y = 0; y < height; y++) {
      let v = 0; for (let f = rows[y][0]; f < rows[y][1]; f++) v = Math.max(v, w[f]);
      g.globalAlpha = Math.max(0, 1 + (data.power ? 10 : 20) * Math.log10(v / most + 1e-12) / 50) * (shown.lit < 0 || shown.lit === k ? 1 : .2);
      g.fillRect(k * width / count + 1, y, width / count - 2, 1.2);
    }
  }
  g.globalAlpha = 1; frequencyMarks(g, width, height, axes, "#555");
}

const rowHeight = Math.max(10, Math.min(24, 420 / factors.count));
function drawActivations() {
  const [g, width] = canvas("H", rowHeight * factors.count + 18);
  for (const k of factors.all) {
    g.globalAlpha = shown.lit < 0 || shown.lit === k ? 1 : .2;
    curve(g, 0, k * rowHeight + 2, width, rowHeight - 3, factors.activation(k), color(k));
    g.globalAlpha = 1; g.fillStyle = "#444"; g.font = "11px system-ui, sans-serif"; g.textBaseline = "alphabetic"; g.fillText(k, 3, k * rowHeight + 11);
  }
  timeMarks(g, width, rowHeight * factors.count + 2, axes);
}

function light(k) {
  if (shown.lit === k) return;
  shown.lit = k;
  document.querySelectorAll(".card").forEach(card => card.classList.toggle("lit", +card.dataset.component === k));
  requestAnimationFrame(() => { if (shown.lit === k) { drawTemplates(); drawActivations(); drawModel(); } });
}

const recordingButton = player.button("Play the recording", () => "recording", async () => recording, { className: "play big" });
$("listen").append(recordingButton);
document.querySelectorAll("[data-plays]").forEach(picture => picture.addEventListener("click", event => {
  player.play(recordingButton, "recording", async () => recording, event.offsetX / picture.clientWidth * axes.seconds);
}));
for (const [id, at] of [["W", event => event.offsetX / $("W").clientWidth * factors.count], ["H", event => event.offsetY / rowHeight]]) {
  const k = event => Math.max(0, Math.min(factors.count - 1, Math.floor(at(event))));
  $(id).addEventListener("mousemove", event => light(k(event)));
  $(id).addEventListener("mouseleave", () => light(-1));
  $(id).addEventListener("click", event => document.querySelector(`[data-component="${k(event)}"] .play`).click());
}
document.querySelectorAll("[data-model]").forEach(button => button.addEventListener("click", () => {
  shown.model = button.dataset.model;
  document.querySelectorAll("[data-model]").forEach(other => other.setAttribute("aria-pressed", other === button));
  drawModel();
}));

// ---- Components
const decidedBy = { person: "decided by hand", silence: "silent" };
function card(k) {
  const component = data.components[k], element = make("article", { className: "card" });
  element.dataset.component = k;
  const spectrum = make("canvas"), time = make("canvas"), picture = make("div", { className: "time" }, time, make("i", { className: "head", hidden: true }));
  const choose = make("select", { "aria-label": `the source of component ${k}` });
  sources.forEach((source, i) => choose.add(new Option("goes to " + source.name, i, i === owner[k], i === owner[k])));
  const draw = () => {
    element.style.setProperty("--c", color(k));
    let [g, width, height] = canvas(spectrum, 46);
    const w = factors.template(k), line = axes.rows(width).reverse().map(([a, b]) => { let v = 0; for (let f = a; f < b; f++) v = Math.max(v, w[f]); return v; });
    const most = Math.max(...line, 1e-30);
    curve(g, 0, 0, width, height, line.map(v => Math.max(0, 1 + (data.power ? 10 : 20) * Math.log10(v / most + 1e-9) / 60)), color(k));
    [g, width, height] = canvas(time, 34); curve(g, 0, 2, width, height - 2, factors.activation(k), color(k));
  };
  choose.addEventListener("change", () => { owner[k] = +choose.value; regrouped(); });
  const sure = component.decidedBy === "features" ? ` The evidence is ${(100 * component.probability).toFixed(0)} % sure.` : ` (${decidedBy[component.decidedBy]})`;
  element.append(
    make("header", {}, make("b", { textContent: "Component " + k }), player.button("Play", () => "component " + k, () => transform.through(recording, factors.mask([k])))),
    spectrum, picture, choose, make("div", { className: "soft", textContent: `${(100 * weights[k]).toFixed(1)} % of the model.${sure}` }));
  if (component.shares) {
    const bar = make("div", { className: "purity", role: "img" });
    component.shares.forEach((share, i) => bar.append(make("i", { style: `--c:${sources[i].color};width:${100 * share}%` })));
    const main = component.shares.indexOf(Math.max(...component.shares)), words = `${(100 * component.shares[main]).toFixed(0)} % of what it holds is ${sources[main].name}`;
    bar.setAttribute("aria-label", words);
    element.append(bar, make("div", { className: "soft", textContent: words }));
  }
  const most = Math.max(4, ...component.evidence.map(([, weight]) => Math.abs(weight)));
  element.append(make("ul", { className: "evidence" }, ...component.evidence.map(([words, weight]) => {
    const length = 50 * Math.abs(weight) / most, side = weight < 0 ? `right:50%;width:${length}%` : `left:50%;width:${length}%`;
    return make("li", { title: `${weight > 0 ? "+" : "−"}${Math.abs(weight).toFixed(1)} in log-odds for ${sources[component.automatic].name}` },
      make("span", { className: "weigh" }, make("i", { className: weight < 0 ? "against" : "", style: side })), make("span", { textContent: words }));
  })));
  element.addEventListener("mouseenter", () => light(k)); element.addEventListener("mouseleave", () => light(-1));
  return { element, draw };
}
const cards = factors.all.map(card);
sources.forEach((source, i) => {
  const mine = members(i).sort((a, b) => weights[b] - weights[a]);
  if (!mine.length) return;
  const heading = make("h3", {}, make("span", { className: "key", style: `--c:${source.color}` }), `given to ${source.name}, the loudest first`);
  $("cards").append(heading, make("div", { className: "cards" }, ...mine.map(k => cards[k].element)));
});

// ---- Stems
const stored = data.masks && new StoredMasks(await decode.unpacked(data.masks.levels), data.masks.channels, sources.length, new Transform(data.masks.transform, data.samples));
let byRecipe = !!stored, version = 0;
const seen = { view: "stem" };
const maskOf = source => byRecipe ? { mask: stored.mask(source), transform: stored.transform } : { mask: factors.mask(members(source)), transform };

// The true stems; the last may be what the others leave of the recording.
const truth = data.truth && await Promise.all(data.truth.stems.map(text => decode.sound(text, rate)));
if (truth && data.truth.lastIsRest) {
  const rest = side => recording[side].map((value, i) => truth.reduce((left, stem) => left - stem[side][i], value));
  truth.push({ left: rest("left"), right: rest("right") });
}
if (!truth) document.querySelectorAll(".truth-only").forEach(element => element.remove());
const sumOf = sounds => ({ left: sounds[0].left.map((_, i) => sounds.reduce((x, s) => x + s.left[i], 0)), right: sounds[0].right.map((_, i) => sounds.reduce((x, s) => x + s.right[i], 0)) });
const others = source => sumOf(truth.filter((_, i) => i !== source));
// Spectrograms are kept: of the recording, of a true stem, of all the others.
const spectrograms = new Map();
function spectrogram(through, key, sound) {
  const name = `${key}/${through.n}/${through.hop}`;
  if (!spectrograms.has(name)) spectrograms.set(name, through === transform && key === "recording" && !data.power ? V : through.magnitudes(sound(), false));
  return spectrograms.get(name);
}

const VIEWS = [
  ["stem", "the stem", "What the mask lets through: the stem as you hear it."],
  ["mask", "its mask", "The mask itself: full colour where this source gets everything, white where it gets nothing."],
  ...truth ? [
    ["lost", "what it lost", "True sound of this source that the mask handed to others. Play it: this is what the stem lacks."],
    ["leaked", "what leaked in", "Sound of the others that the mask let into this stem."],
    ["true", "the true stem", "The stem as it was before mixing: what a perfect separation would give."],
  ] : [
    ["doubt", "where it was in doubt", "Sound that was split rather than handed to one source: twice the smaller share. Here the stems are compromises."],
  ],
];
for (const [view, name] of VIEWS) {
  const button = make("button", { type: "button", textContent: name, "aria-pressed": view === seen.view });
  button.addEventListener("click", () => {
    seen.view = view;
    for (const other of $("views").children) other.setAttribute("aria-pressed", other === button);
    stemPictures();
  });
  $("views").append(button);
}
if (stored) for (const [recipe, name] of [[true, "as the program separated them"], [false, "as sums of the components above"]]) {
  const button = make("button", { type: "button", textContent: name, "aria-pressed": recipe === byRecipe });
  button.addEventListener("click", () => setRecipe(recipe));
  $("switch").append(button);
}
function setRecipe(recipe) {
  byRecipe = recipe;
  if (stored) [...$("switch").children].forEach((button, i) => button.setAttribute("aria-pressed", (i === 0) === recipe));
  stems();
}

let boxes = [];
function stems() {
  version++; player.stop();
  const now = version;
  boxes = sources.map((source, i) => {
    const { mask, transform: through } = maskOf(i), mine = members(i), facts = make("p", { className: "soft" });
    const words = byRecipe ? "" : mine.length ? "components " + mine.join(", ") : "no component: silent";
    const buttons = [player.button("stem", () => `stem ${i} ${now}`, () => through.through(recording, mask))];
    if (truth) buttons.push(
      player.button("true stem", () => "true " + i, async () => truth[i]),
      player.button("lost", () => `lost ${i} ${now}`, () => through.through(truth[i], inverse(mask))),
      player.button("leaked in", () => `leaked ${i} ${now}`, () => through.through(others(i), mask)));
    const picture = make("canvas", { role: "img" });
    const element = make("div", { className: "stem", style: `--c:${source.color}` },
      make("div", {}, make("b", { textContent: source.name }), make("span", { className: "soft", textContent: words }), make("div", {}, ...buttons), facts),
      make("div", { className: "time" }, picture, make("i", { className: "head", hidden: true })));
    return { element, picture, mask, through, facts };
  });
  $("stems").replaceChildren(...boxes.map(box => box.element));
  stemPictures();
  if (truth) scoreStems(now);
}

function stemPictures() {
  $("viewText").textContent = VIEWS.find(([view]) => view === seen.view)[2];
  boxes.forEach(({ picture, mask, through }, i) => {
    const [g, width, height] = canvas(picture, 170), share = new Float32Array(through.bins), stemAxes = new Axes(through, rate);
    const whole = seen.view === "mask" || seen.view === "stem" || seen.view === "doubt" ? spectrogram(through, "recording", () => recording) :
      seen.view === "leaked" ? spectrogram(through, "others " + i, () => others(i)) : spectrogram(through, "true " + i, () => truth[i]);
    const amount = { stem: s => s, lost: s => 1 - s, leaked: s => s, true: () => 1, doubt: s => 2 * Math.min(s, 1 - s) }[seen.view];
    let most = 0; for (const v of spectrogram(through, "recording", () => recording)) most = Math.max(most, v);
    picture.setAttribute("aria-label", `${sources[i].name}: ${VIEWS.find(([view]) => view === seen.view)[1]}`);
    image(g, width, height, stemAxes, seen.view === "mask" ? tint(sources[i].color) : magma, seen.view === "mask" ? value => 255 * value : loudness(most, false), (t, out) => {
      mask.share(t, 0, share);
      for (let f = 0; f < out.length; f++) out[f] += seen.view === "mask" ? share[f] : whole[t * out.length + f] * amount(share[f]);
    });
    frequencyMarks(g, width, height, stemAxes, seen.view === "mask" ? "#444" : "#fff");
  });
}

// What the masks kept, lost and let in, and how close the stems come to the true ones.
async function scoreStems(now) {
  const scores = [];
  for (const [i, { mask, through, facts }] of boxes.entries()) {
    const own = spectrogram(through, "true " + i, () => truth[i]), rest = spectrogram(through, "others " + i, () => others(i)), share = new Float32Array(through.bins);
    let lost = 0, whole = 0, leaked = 0, kept = 0;
    for (let t = 0; t < through.frames; t++) {
      mask.share(t, 0, share);
      for (let f = 0; f < share.length; f++) {
        const at = t * share.length + f, s = share[f];
        whole += own[at] ** 2; lost += ((1 - s) * own[at]) ** 2; kept += (s * own[at]) ** 2; leaked += (s * rest[at]) ** 2;
      }
    }
    const stem = await through.through(recording, mask);
    if (now !== version) return;
    scores.push(siSdr(truth[i], stem));
    const percent = share => (100 * share).toFixed(share < .1 ? 1 : 0) + " %";
    facts.textContent = `The mask lost ${percent(lost / (whole || 1))} of the true sound's energy; ${percent(leaked / (kept + leaked || 1))} of what passed is others'. SI-SDR ${scores[i].toFixed(1)} dB.`;
  }
}

function drawAll() { drawV(); drawModel(); drawTemplates(); drawActivations(); cards.forEach(({ draw }) => draw()); }
function regrouped() { drawTemplates(); drawActivations(); cards.forEach(({ draw }) => draw()); setRecipe(false); }
drawAll(); stems();

