// ---- Pictures: one time axis, one logarithmic frequency axis.
const $ = id => document.getElementById(id);
const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) name in element && name !== "style" && name !== "list" ? element[name] = value : element.setAttribute(name, value);
  element.append(...children);
  return element;
};

// Levels in magma, shares from paper to ink, and the sources' own colours.
const magma = (() => {
  const stops = [[0, 0, 4], [28, 16, 68], [79, 18, 123], [129, 37, 129], [181, 54, 122], [229, 80, 100], [251, 135, 97], [254, 194, 135], [252, 253, 191]];
  return Array.from({ length: 256 }, (_, i) => {
    const at = i / 255 * 8, a = Math.min(7, Math.floor(at));
    return stops[a].map((v, c) => Math.round(v + (stops[a + 1][c] - v) * (at - a)));
  });
})();
const tint = color => {
  const rgb = [1, 3, 5].map(at => parseInt(color.slice(at, at + 2), 16));
  return Array.from({ length: 256 }, (_, i) => rgb.map(c => Math.round(255 + (c - 255) * i / 255)));
};

const LOWEST_HZ = 40;
class Axes {
  constructor(transform, rate) { Object.assign(this, { transform, rate, top: rate / 2, seconds: transform.samples / rate }); }
  y(hz, height) { return height * (1 - Math.log(hz / LOWEST_HZ) / Math.log(this.top / LOWEST_HZ)); }
  // The bins of each row of pixels, from the top.
  rows(height) {
    const binHz = this.rate / this.transform.n, { bins } = this.transform;
    const hz = y => LOWEST_HZ * Math.pow(this.top / LOWEST_HZ, 1 - y / height);
    return Array.from({ length: height }, (_, y) => {
      const a = Math.min(bins - 1, Math.floor(hz(y + 1) / binHz + .5));
      return [a, Math.max(a + 1, Math.min(bins, Math.ceil(hz(y) / binHz + .5)))];
    });
  }
}

// A canvas of the size it has on the page, sharp on every screen.
function canvas(target, height) {
  const element = typeof target === "string" ? $(target) : target, sharp = Math.min(3, devicePixelRatio || 1);
  const width = Math.max(1, Math.round(element.clientWidth));
  element.width = width * sharp; element.height = height * sharp; element.style.height = height + "px";
  const g = element.getContext("2d"); g.scale(sharp, sharp);
  return [g, width, height];
}

// column(t, out) adds a frame's values; shade(value) is the step of the palette.
function image(g, width, height, axes, palette, shade, column) {
  const picture = g.createImageData(width, height), rows = axes.rows(height), { frames, bins } = axes.transform, sum = new Float32Array(bins);
  for (let x = 0; x < width; x++) {
    const from = Math.floor(x * frames / width), to = Math.max(from + 1, Math.floor((x + 1) * frames / width));
    sum.fill(0);
    for (let t = from; t < to; t++) column(t, sum);
    for (let y = 0; y < height; y++) {
      const [a, b] = rows[y];
      let value = 0; for (let f = a; f < b; f++) value += sum[f];
      const color = palette[Math.max(0, Math.min(255, Math.round(shade(value / (b - a) / (to - from)))))];
      const at = 4 * (y * width + x);
      picture.data[at] = color[0]; picture.data[at + 1] = color[1]; picture.data[at + 2] = color[2]; picture.data[at + 3] = 255;
    }
  }
  const buffer = make("canvas", { width, height });
  buffer.getContext("2d").putImageData(picture, 0, 0);
  g.imageSmoothingEnabled = false; g.drawImage(buffer, 0, 0, width, height);
}

const RANGE_DB = 70;
const loudness = (peak, power) => value => 255 * (1 + (power ? 10 : 20) * Math.log10(value / peak + 1e-12) / RANGE_DB);

function frequencyMarks(g, width, height, axes, color) {
  g.font = "11px system-ui, sans-serif"; g.fillStyle = color; g.textBaseline = "middle"; g.textAlign = "left";
  for (const hz of [100, 200, 500, 1000, 2000, 5000, 10000]) if (hz < .9 * axes.top) {
    const y = axes.y(hz, height);
    g.globalAlpha = .25; g.fillRect(0, y, width, .7); g.globalAlpha = 1;
    if (y > 12) g.fillText(hz < 1000 ? hz + " Hz" : hz / 1000 + " kHz", 4, y - 7);
  }
}

function timeMarks(g, width, y, axes) {
  const step = [.5, 1, 2, 5, 10, 20].find(s => axes.seconds / s <= width / 60) || 60;
  g.font = "11px system-ui, sans-serif"; g.fillStyle = "#555"; g.textBaseline = "top"; g.textAlign = "left";
  for (let s = 0; s <= axes.seconds; s += step) { const x = s / axes.seconds * width; g.fillRect(x, y, 1, 4); g.fillText(s + " s", x + 3, y + 1); }
}

// A filled curve over its own greatest value.
function curve(g, x0, y0, width, height, values, style) {
  let most = 0; for (const v of values) most = Math.max(most, v);
  const pixels = Math.max(2, Math.round(width));
  g.fillStyle = style; g.beginPath(); g.moveTo(x0, y0 + height);
  for (let x = 0; x < pixels; x++) {
    const a = Math.floor(x * values.length / pixels), b = Math.max(a + 1, Math.floor((x + 1) * values.length / pixels));
    let v = 0; for (let i = a; i < b; i++) v = Math.max(v, values[i]);
    g.lineTo(x0 + x * width / pixels, y0 + height * (1 - v / (most || 1)));
  }
  g.lineTo(x0 + width, y0 + height); g.fill();
}

