// ---- Sound: one thing plays at a time, and a line runs through every picture with a time axis.
class Player {
  constructor(rate, channels, heads) {
    Object.assign(this, { rate, channels, heads, made: new Map(), playing: null, turn: 0 });
  }

  // A button that plays what `sound()` makes; made once for every key.
  button(text, key, sound, attributes = {}) {
    const button = make("button", { className: "play", textContent: text, type: "button", ...attributes });
    button.addEventListener("click", () => this.playing?.button === button ? this.stop() : this.play(button, key(), sound));
    return button;
  }

  async play(button, key, sound, from = 0) {
    this.stop();
    const turn = this.turn;
    this.context ||= new AudioContext({ sampleRate: this.rate });
    await this.context.resume();
    button.classList.add("busy");
    try {
      if (!this.made.has(key)) this.made.set(key, this.buffer(await sound()));
    } finally { button.classList.remove("busy"); }
    // Something else was asked for meanwhile.
    if (turn !== this.turn) return;
    const node = this.context.createBufferSource();
    node.buffer = this.made.get(key);
    this.meter ||= this.context.createAnalyser();
    node.connect(this.meter); this.meter.connect(this.context.destination);
    node.onended = () => { if (this.playing?.node === node) this.stop(); };
    node.start(0, from);
    this.playing = { button, node, began: this.context.currentTime - from, seconds: node.buffer.duration };
    button.classList.add("on");
    this.follow();
  }

  buffer({ left, right }) {
    const buffer = this.context.createBuffer(this.channels, left.length, this.rate);
    buffer.copyToChannel(left, 0);
    if (this.channels > 1) buffer.copyToChannel(right, 1);
    return buffer;
  }

  stop() {
    this.turn++;
    if (!this.playing) return;
    const { node, button } = this.playing;
    this.playing = null;
    node.onended = null; node.stop(); node.disconnect();
    button.classList.remove("on");
    for (const head of this.heads()) head.hidden = true;
  }

  get seconds() { return this.playing ? this.context.currentTime - this.playing.began : 0; }

  follow() {
    if (!this.playing) return;
    const at = 100 * Math.min(1, this.seconds / this.playing.seconds);
    for (const head of this.heads()) { head.hidden = false; head.style.left = at + "%"; }
    requestAnimationFrame(() => this.follow());
  }
}

