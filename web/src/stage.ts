// The picture, W beside it, H below it, on shared axes.

import { css } from "./colors";
import { fit as fitCanvas, h } from "./dom";
import {
  clock, frequencyTicks, panTime, peaks, shareToY, tilesFor, timeTicks, timeToX, xToTime, yToShare, zoomFrequency, zoomTime,
} from "./geometry";
import { drawBrush, drawNotes, drawPitch, drawRegions, drawWords } from "./overlay";
import { Painter } from "./painter";
import type { Workbench } from "./workbench";

export class Stage {
  readonly element: HTMLElement;
  private readonly overview = h("canvas", { "aria-label": "The whole recording: click to go there", role: "img" });
  private readonly templates = h("canvas", { role: "img", "aria-label": "Templates: the spectrum of every component" });
  private readonly hertz = h("canvas", { role: "img", "aria-label": "Frequencies" });
  private readonly picture = h("canvas", { role: "img", "aria-label": "Spectrogram: time from left to right, frequency from bottom to top" });
  private readonly ruler = h("canvas", { role: "img", "aria-label": "Times: drag to loop a span" });
  private readonly rows = h("div", { class: "rows", role: "grid", "aria-label": "Components", "aria-multiselectable": "true", tabIndex: 0 });
  private readonly head = h("div", { class: "head" });
  private readonly painter: Painter;
  private lanes: { row: HTMLElement; canvas: HTMLCanvasElement; drawn: string }[] = [];
  private built = "";
  private drawnTemplates = "";

  constructor(private readonly bench: Workbench) {
    const area = (name: string, ...children: Node[]) => h("div", { class: name }, ...children);
    const overview = area("overview", this.overview);
    const picture = area("picture", this.picture);
    const ruler = area("ruler", this.ruler);
    const templates = area("templates", this.templates);
    this.element = h("main", { class: "stage", "aria-label": "Picture and components" },
      area("corner", h("h3", {}, "W · spectra")), overview, templates, area("hertz", this.hertz), picture,
      area("ruler-label", h("span", {}, "H · when each component sounds")), ruler, this.rows, this.head);
    this.dragging(overview, (x, width, begins) => {
      const secs = (x / width) * bench.player.duration;
      if (begins) bench.player.seek(secs);
      const half = (bench.view.to - bench.view.from) / 2;
      bench.setView(panTime(bench.view, bench.player.duration, secs - half - bench.view.from));
    });
    this.painter = new Painter(bench, picture);
    this.panning(picture);
    this.looping(ruler);
    templates.addEventListener("click", (event) => {
      const count = bench.fit?.components.length ?? 0;
      const at = Math.floor((event.offsetX / this.templates.clientWidth) * count);
      if (at >= 0 && at < count) {
        bench.audition("component", at);
        this.reveal();
      }
    });
    for (const element of [picture, this.rows, overview]) {
      element.addEventListener("wheel", (event) => this.wheel(event, element === picture), { passive: false });
    }
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  // ---- gestures ------------------------------------------------------------------------------

  private dragging(element: HTMLElement, moved: (x: number, width: number, begins: boolean) => void): void {
    element.addEventListener("pointerdown", (event) => {
      element.setPointerCapture(event.pointerId);
      const { left, width } = element.getBoundingClientRect();
      moved(event.clientX - left, width, true);
      const move = (e: PointerEvent) => moved(e.clientX - left, width, false);
      element.addEventListener("pointermove", move);
      const end = () => element.removeEventListener("pointermove", move);
      element.addEventListener("pointerup", end, { once: true });
      element.addEventListener("pointercancel", end, { once: true });
    });
  }

  /** Drag to move, click to go there. */
  private panning(element: HTMLElement): void {
    element.addEventListener("pointerdown", (event) => {
      if (this.painter.begin(event) || event.button > 1) return;
      event.preventDefault();
      element.setPointerCapture(event.pointerId);
      const { bench } = this;
      const start = bench.view;
      const { left, width } = element.getBoundingClientRect();
      let moved = false;
      const move = (e: PointerEvent) => {
        const distance = e.clientX - event.clientX;
        moved ||= Math.abs(distance) > 4;
        if (moved) bench.setView(panTime(start, bench.player.duration, (-distance / width) * (start.to - start.from)));
      };
      const end = (e: PointerEvent) => {
        element.removeEventListener("pointermove", move);
        element.removeEventListener("pointerup", end);
        if (!moved) bench.player.seek(xToTime(bench.view, width, e.clientX - left));
      };
      element.addEventListener("pointermove", move);
      element.addEventListener("pointerup", end);
    });
  }

  private looping(element: HTMLElement): void {
    let from = 0;
    this.dragging(element, (x, width, begins) => {
      const { bench } = this;
      const secs = Math.min(Math.max(xToTime(bench.view, width, x), 0), bench.player.duration);
      if (begins) {
        from = secs;
        bench.player.setLoop(null);
        bench.player.seek(secs);
      } else if (Math.abs(secs - from) > 0.05) {
        bench.player.setLoop([Math.min(from, secs), Math.max(from, secs)]);
      }
      bench.refresh();
    });
  }

  private wheel(event: WheelEvent, frequencies: boolean): void {
    const { bench } = this;
    const box = this.picture.getBoundingClientRect();
    const x = event.clientX - box.left;
    const inRows = !frequencies && event.currentTarget === this.rows;
    if (inRows && !event.ctrlKey && !event.shiftKey) return;
    event.preventDefault();
    const factor = Math.exp(-event.deltaY * 0.0018);
    if (event.altKey && frequencies) {
      bench.setView(zoomFrequency(bench.view, yToShare(bench.view, box.height, event.clientY - box.top), factor));
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const distance = event.deltaX || event.deltaY;
      bench.setView(panTime(bench.view, bench.player.duration, (distance / box.width) * (bench.view.to - bench.view.from)));
    } else {
      bench.setView(zoomTime(bench.view, bench.player.duration, xToTime(bench.view, box.width, x), factor));
    }
  }

  // ---- rows ----------------------------------------------------------------------------------

  /** Bring the chosen component's row into view. */
  reveal(): void {
    const { chosen } = this.bench;
    if (chosen !== null) this.lanes[chosen]?.row.scrollIntoView({ block: "nearest" });
  }

  /** Move the brush by keys. */
  nudge(dx: number, dy: number): void {
    this.painter.nudge(dx, dy);
  }

  drawWaiting(): void {
    if (!this.bench.fit) this.refresh();
  }

  refresh(): void {
    const { bench } = this;
    const { fit, job } = bench;
    if (!fit) {
      this.built = "";
      this.lanes = [];
      const failed = job?.state === "failed" || job?.state === "cancelled" || !job;
      this.rows.replaceChildren(h("div", { class: "waiting" },
        ...(failed
          ? [h("h2", {}, "No components yet"), h("div", {}, job?.error ?? "Find what this recording is made of."),
            h("button", { class: "main", onclick: () => void bench.run(() => import("./api").then((api) => api.startFit(bench.project.id, bench.project.settings))) }, "Find components")]
          : [h("h2", {}, "Finding what repeats …"), h("progress", { max: job.total || 1, value: job.done }),
            h("div", {}, "You can listen and look around meanwhile.")])));
      return;
    }
    const key = `${bench.project.id}/${fit.components.length}`;
    if (this.built !== key) {
      this.built = key;
      this.lanes = fit.components.map((_, at) => {
        const canvas = h("canvas", { "aria-hidden": "true" });
        const row = h("div", { class: "row", role: "row", draggable: true, id: `component-${at}`,
          onclick: (event: MouseEvent) => (event.ctrlKey || event.metaKey || event.shiftKey ? bench.mark(at) : bench.audition("component", at)),
          ondragstart: (event: DragEvent) => {
            event.dataTransfer?.setData("text/plain", `component ${at}`);
            bench.choose(at);
          } }, h("div", { class: "info", role: "gridcell" }), canvas);
        return { row, canvas, drawn: "" };
      });
      this.rows.replaceChildren(...this.lanes.map((lane) => lane.row));
    }
    const sourceOf = bench.sourceOf();
    const { listening } = bench;
    fit.components.forEach((component, at) => {
      const { row } = this.lanes[at];
      const source = sourceOf[at];
      const by = bench.edits.assignment[at] !== null ? " · by hand" : component.decidedBy === "hints" ? " · as drawn" : "";
      const why = component.evidence.slice(0, 2).map((part) => part.words).join(", ") || "silent";
      const small = (label: string, title: string, on: boolean, onclick: () => void) =>
        h("button", { class: "tiny quiet", "aria-pressed": String(on), title, tabIndex: -1, "aria-label": `${title} component ${at}`,
          onclick: (event: Event) => { event.stopPropagation(); onclick(); } }, label);
      const info = h("div", { class: "info", role: "gridcell" }, bench.chip(at, source),
        h("div", { class: "words", title: component.why }, h("b", {}, `${bench.edits.sources[source]?.name ?? "?"}${by}`),
          by === "" && h("span", { class: "sure", title: "How sure the suggestion is" }, ` (${Math.round(100 * (component.posteriors[component.automatic] ?? 0))} %)`), `: ${why}`),
        small("S", "Solo", listening.soloComponents.has(at), () => bench.toggle("soloComponents", at)),
        small("M", "Mute", listening.mutedComponents.has(at), () => bench.toggle("mutedComponents", at)));
      row.firstElementChild?.replaceWith(info);
      row.setAttribute("aria-selected", String(bench.chosen === at || bench.marked.has(at)));
      row.setAttribute("aria-label", `Component ${at}, ${bench.edits.sources[source]?.name}${by}: ${why}`);
      row.classList.toggle("silent", bench.gains()[at] === 0);
    });
    if (bench.chosen !== null) this.rows.setAttribute("aria-activedescendant", `component-${bench.chosen}`);
  }

  // ---- drawing -------------------------------------------------------------------------------

  draw(): void {
    this.drawPicture();
    this.drawOverview();
    this.drawRuler();
    this.drawHertz();
    this.drawTemplates();
    this.drawLanes();
    const { bench } = this;
    const left = this.picture.parentElement?.offsetLeft ?? 0;
    const x = timeToX(bench.view, this.picture.clientWidth, bench.player.at);
    this.head.hidden = x < 0 || x > this.picture.clientWidth;
    this.head.style.transform = `translateX(${left + x}px)`;
  }

  private ink(name: string): string {
    return getComputedStyle(document.documentElement).getPropertyValue(name);
  }

  private drawPicture(): void {
    const made = fitCanvas(this.picture);
    if (!made) return;
    const { width, height, context } = made;
    const { view, tiles, project } = this.bench;
    const look = this.bench.look();
    context.fillStyle = this.bench.dark ? "#000" : "#fff";
    context.fillRect(0, 0, width, height);
    const span = tilesFor(view, width * (devicePixelRatio || 1), project.picture);
    const top = shareToY(view, height, 1);
    const bottom = shareToY(view, height, 0);
    const plain = { ...look, sets: null };
    for (let index = span.first; index <= span.last; index++) {
      const x = timeToX(view, width, index * span.secs);
      const w = timeToX(view, width, (index + 1) * span.secs) - x;
      const tile = tiles.get(look, span.width, index);
      if (tile) {
        context.drawImage(tile, x, top, w + 0.5, bottom - top);
        continue;
      }
      // Until it comes: the same in other colours, or a wider one.
      for (let wider = span.width; wider < project.picture.widths; wider++) {
        const ratio = 2 ** (wider - span.width);
        const other = wider === span.width && look.sets === null ? null : tiles.get(wider === span.width ? plain : look, wider, Math.floor(index / ratio));
        if (!other) continue;
        const part = project.picture.tile / ratio;
        context.drawImage(other, (index % ratio) * part, 0, part, project.picture.rows, x, top, w + 0.5, bottom - top);
        break;
      }
    }
    const { loop } = this.bench.player;
    if (loop) this.outside(context, view, loop, width, height);
    this.drawOverlays(context, width, height);
  }

  private drawOverlays(context: CanvasRenderingContext2D, width: number, height: number): void {
    const { bench } = this;
    const { edits, draft, overlays, paint, tool } = bench;
    const paper = { context, width, height, view: bench.view, picture: bench.project.picture, dark: bench.dark };
    const colorOf = (name: string) => bench.color(Math.max(edits.sources.findIndex((source) => source.name === name), 0));
    if (overlays.has("regions")) drawRegions(paper, draft?.regions ?? edits.regions, colorOf);
    if (overlays.has("notes")) {
      const sourceOf = bench.sourceOf();
      const own = edits.music.notes.length > 0 || draft?.notes;
      const given: [number, number, number] = bench.dark ? [255, 255, 255] : [40, 40, 48];
      drawNotes(paper, draft?.notes ?? bench.notes(), (note) => (own ? given : bench.color(sourceOf[note.track] ?? 0)), tool === "note" ? bench.chosenNote : null);
    }
    if (overlays.has("pitch")) drawPitch(paper, draft?.pitches ?? edits.music.pitches);
    if (overlays.has("words")) drawWords(paper, edits.music.words);
    if (bench.pointer && (tool === "brush" || tool === "erase")) drawBrush(paper, bench.pointer, paint.radius, tool === "brush" ? bench.color(paint.source) : null);
    const cursor = { move: "grab", brush: "none", box: "crosshair", erase: "none", note: "pointer", pitch: "crosshair" }[tool];
    const home = this.picture.parentElement;
    if (home && home.style.cursor !== cursor) home.style.cursor = cursor;
  }

  private outside(context: CanvasRenderingContext2D, view: { from: number; to: number; low: number; high: number }, loop: [number, number], width: number, height: number): void {
    context.fillStyle = this.bench.dark ? "rgb(0 0 0 / .5)" : "rgb(255 255 255 / .6)";
    const [a, b] = loop.map((secs) => timeToX(view, width, secs));
    context.fillRect(0, 0, Math.max(a, 0), height);
    context.fillRect(b, 0, Math.max(width - b, 0), height);
  }

  private drawOverview(): void {
    const made = fitCanvas(this.overview);
    if (!made) return;
    const { width, height, context } = made;
    const { waveform } = this.bench.project;
    const columns = waveform.length / 2;
    const middle = height / 2;
    context.fillStyle = this.ink("--soft");
    for (let x = 0; x < width; x++) {
      const from = Math.floor((x / width) * columns);
      const to = Math.max(Math.floor(((x + 1) / width) * columns), from + 1);
      let [low, high] = [0, 0];
      for (let at = from; at < to && at < columns; at++) {
        low = Math.min(low, waveform[2 * at]);
        high = Math.max(high, waveform[2 * at + 1]);
      }
      const top = middle - (high / 127) * (middle - 2);
      const bottom = middle - (low / 127) * (middle - 2);
      context.fillRect(x, top, 1, Math.max(bottom - top, 1));
    }
    const { view, player } = this.bench;
    const scale = width / player.duration;
    context.fillStyle = this.bench.dark ? "rgb(255 255 255 / .1)" : "rgb(0 97 160 / .12)";
    context.fillRect(view.from * scale, 0, (view.to - view.from) * scale, height);
    context.strokeStyle = this.ink("--accent");
    context.strokeRect(view.from * scale + 0.5, 0.5, Math.max((view.to - view.from) * scale - 1, 2), height - 1);
    context.fillStyle = this.ink("--ink");
    context.fillRect(player.at * scale, 0, 1.5, height);
  }

  private drawRuler(): void {
    const made = fitCanvas(this.ruler);
    if (!made) return;
    const { width, height, context } = made;
    const { view, player } = this.bench;
    if (player.loop) {
      const [a, b] = player.loop.map((secs) => timeToX(view, width, secs));
      context.fillStyle = this.ink("--accent");
      context.globalAlpha = 0.35;
      context.fillRect(a, 0, b - a, height);
      context.globalAlpha = 1;
    }
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = this.ink("--soft");
    for (const tick of timeTicks(view, width)) {
      const x = timeToX(view, width, tick.secs);
      context.fillRect(x, 0, 1, 5);
      if (x < width - 30) context.fillText(tick.label, x + 4, height - 6);
    }
    if (player.loop) this.ruler.title = `Loop ${clock(player.loop[0], 2)} – ${clock(player.loop[1], 2)}`;
  }

  private drawHertz(): void {
    const made = fitCanvas(this.hertz);
    if (!made) return;
    const { width, height, context } = made;
    const { picture } = this.bench.project;
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "right";
    context.fillStyle = this.ink("--soft");
    for (const tick of frequencyTicks(picture, this.bench.view)) {
      const y = shareToY(this.bench.view, height, tick.share);
      context.fillRect(width - 4, y, 4, 1);
      if (y > 6 && y < height - 3) context.fillText(tick.label, width - 7, y + 4);
    }
    context.save();
    context.textAlign = "left";
    context.fillText("Hz", 4, height - 5);
    context.restore();
  }

  private drawTemplates(): void {
    const { bench } = this;
    const { factors, view, project } = bench;
    const sourceOf = bench.sourceOf();
    const key = [factors ? bench.fit?.revision : "", bench.dark, sourceOf.join(), bench.chosen, view.low, view.high, this.templates.clientWidth,
      this.templates.clientHeight, bench.gains().map((g) => g > 0).join()].join("|");
    if (key === this.drawnTemplates) return;
    const made = fitCanvas(this.templates);
    if (!made) return;
    this.drawnTemplates = key;
    const { width, height, context } = made;
    if (!factors) return;
    const count = factors.templates.length;
    const gains = bench.gains();
    const slot = width / count;
    factors.templates.forEach((template, at) => {
      const left = at * slot;
      if (bench.chosen === at) {
        context.fillStyle = this.ink("--picked");
        context.fillRect(left, 0, slot, height);
      }
      context.fillStyle = css(bench.color(sourceOf[at]), gains[at] > 0 ? 1 : 0.25);
      const rows = project.picture.rows;
      for (let y = 0; y < height; y++) {
        const low = Math.max(Math.floor(yToShare(view, height, y + 1) * rows), 0);
        const high = Math.max(Math.min(Math.ceil(yToShare(view, height, y) * rows), rows), low + 1);
        let most = 0;
        for (let row = low; row < high; row++) if (template[row] > most) most = template[row];
        // 40 dB across the slot.
        const share = Math.max(1 + (20 * Math.log10(most + 1e-9)) / 40, 0);
        context.fillRect(left + 1, y, share * (slot - 2), 1);
      }
    });
    context.fillStyle = this.ink("--soft");
    context.font = "10px system-ui, sans-serif";
    context.textAlign = "center";
    if (slot >= 12) factors.templates.forEach((_, at) => context.fillText(String(at), (at + 0.5) * slot, 10));
  }

  private drawLanes(): void {
    const { bench } = this;
    const { factors, fit, view } = bench;
    if (!factors || !fit || this.lanes.length !== factors.activations.length) return;
    const sourceOf = bench.sourceOf();
    const gains = bench.gains();
    const [top, bottom] = [this.rows.scrollTop, this.rows.scrollTop + this.rows.clientHeight];
    this.lanes.forEach((lane, at) => {
      // Rows out of sight are drawn when they come into it.
      if (lane.row.offsetTop > bottom || lane.row.offsetTop + 36 < top) return;
      const key = [fit.revision, view.from, view.to, sourceOf[at], gains[at] > 0, bench.dark, lane.canvas.clientWidth, bench.player.loop?.join()].join("|");
      if (key === lane.drawn) return;
      const made = fitCanvas(lane.canvas);
      if (!made) return;
      lane.drawn = key;
      const { width, height, context } = made;
      const activation = factors.activations[at];
      let most = 0;
      for (const value of activation) if (value > most) most = value;
      const line = peaks(activation, fit.hopSecs, view, Math.floor(width));
      context.fillStyle = css(bench.color(sourceOf[at]), gains[at] > 0 ? 0.9 : 0.3);
      context.beginPath();
      context.moveTo(0, height);
      line.forEach((value, x) => context.lineTo(x, height - 1 - Math.sqrt(value / (most || 1)) * (height - 4)));
      context.lineTo(width, height);
      context.fill();
      if (bench.player.loop) this.outside(context, view, bench.player.loop, width, height);
    });
  }
}
