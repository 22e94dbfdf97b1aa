// ---- Sixteen filters to play with: triangles that cross at one half, at equal distances on the mel scale.
const Bank = {
  count: 16,

  responses() {
    const mel = hz => 2595 * Math.log10(1 + hz / 700), step = mel(rate / 2) / this.count;
    return Array.from({ length: transform.bins }, (_, f) => {
      const at = Math.max(0, Math.min(this.count - 1, mel(f * rate / transform.n) / step - .5)), below = Math.floor(at);
      return { below, above: Math.min(this.count - 1, below + 1), part: at - below };
    });
  },

  energies(values) {
    const sums = new Float64Array(this.count);
    for (let t = 0; t < transform.frames; t++) this.bins.forEach(({ below, above, part }, f) => {
      const energy = values[t * transform.bins + f] ** 2; sums[below] += (1 - part) * energy; sums[above] += part * energy;
    });
    return sums;
  },

  mask(source) {
    const fixed = Float32Array.from(this.bins, ({ below, above, part }) => (this.owner[below] === source ? 1 - part : 0) + (this.owner[above] === source ? part : 0));
    return { channels: 1, share: (t, channel, out) => out.set(fixed) };
  },

  start() {
    this.bins = this.responses();
    const whole = this.energies(spectrogram(transform, "recording", () => recording));
    const each = truth && truth.map((sound, i) => this.energies(spectrogram(transform, "true " + i, () => sound)));
    this.owner = Array.from({ length: this.count }, (_, band) => each
      ? each.reduce((best, sums, i) => sums[band] > each[best][band] ? i : best, 0)
      : Math.min(sources.length - 1, Math.floor(band * sources.length / this.count)));
    const hz = band => 700 * (10 ** ((band + .5) * Math.log10(1 + rate / 2 / 700) / this.count) - 1), top = Math.max(...whole);
    $("bank").replaceChildren(...this.owner.map((_, band) => {
      const centre = hz(band), name = centre < 1000 ? `${Math.round(centre / 10) * 10} Hz` : `${(centre / 1000).toFixed(1)} kHz`;
      const height = Math.max(6, 100 * (1 + 10 * Math.log10(whole[band] / top + 1e-9) / 60)), bar = make("i");
      bar.style.height = .8 * height + "%";
      const button = make("button", { type: "button" }, bar, name);
      const paint = () => { bar.style.setProperty("--c", sources[this.owner[band]].color); button.setAttribute("aria-label", `band at ${name}: ${sources[this.owner[band]].name}`); button.title = sources[this.owner[band]].name; };
      button.addEventListener("click", () => { this.owner[band] = (this.owner[band] + 1) % sources.length; paint(); this.stems(); });
      paint();
      return button;
    }));
    this.stems();
  },

  stems() {
    const turn = this.turn = (this.turn || 0) + 1;
    player.stop();
    $("bankStems").replaceChildren(...sources.map((source, i) => {
      const mask = this.mask(i), facts = make("span", { className: "soft" });
      const button = player.button("through its filters", () => `bank ${i} ${turn}`, () => transform.through(recording, mask));
      if (truth) transform.through(recording, mask).then(stem => { if (turn === this.turn) facts.textContent = ` SI-SDR ${siSdr(truth[i], stem).toFixed(1)} dB`; });
      return make("div", { className: "stem", style: `--c:${source.color}` }, make("b", { textContent: source.name }), make("div", {}, button, facts));
    }));
  },
};
Bank.start();

// ---- The last step: pictures follow the window, and tests may ask.
let resizing;
addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(() => { drawAll(); stemPictures(); Experiment.draw(); }, 150); });
window.unbraidReport = {
  // The stems as the page computes them.
  stem: source => { const { mask, transform: through } = maskOf(source); return through.through(recording, mask); },
  async sumError() {
    const sum = sumOf(await Promise.all(everyone.map(source => this.stem(source))));
    return Math.max(...["left", "right"].map(side => sum[side].reduce((worst, value, i) => Math.max(worst, Math.abs(value - recording[side][i])), 0)));
  },
  loudness() { const x = new Float32Array(2048); player.meter.getFloatTimeDomainData(x); return Math.sqrt(x.reduce((s, v) => s + v * v, 0) / x.length); },
  seconds: () => player.seconds,
  setRecipe,
  experiment: gapMs => { $("gap").value = gapMs; return Experiment.draw(); },
};
document.body.dataset.ready = "true";
