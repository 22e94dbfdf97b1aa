// The bar above the picture: what it shows, what the pointer does on it, and the refit.

import { css } from "./colors";
import { h } from "./dom";
import type { Mode, Overlay, Tool, Workbench } from "./workbench";

const TOOLS: [Tool, string, string, string][] = [
  ["move", "↔", "Move", "Drag moves the picture, click goes there (H)"],
  ["brush", "✎", "Brush", "Paint where a source is (P)"],
  ["box", "▭", "Box", "Draw a box where a source is (R)"],
  ["erase", "⌫", "Erase", "Rub out what was drawn (X)"],
  ["note", "♪", "Notes", "Drag notes; drag on an empty place for a new one; Delete removes the chosen one (N)"],
  ["pitch", "∿", "Pitch", "Draw the singer's pitch anew; with Alt take it away (L)"],
];

const OVERLAYS: [Overlay, string, string][] = [
  ["regions", "Regions", "What was drawn"],
  ["notes", "Notes", "The notes that components play, or that were given"],
  ["pitch", "Pitch", "The singer's pitch"],
  ["words", "Words", "What is sung"],
];

export class Tools {
  readonly element = h("div", { class: "tools", role: "toolbar", "aria-label": "Picture and brush" });
  private readonly mode: HTMLSelectElement;
  private readonly overlays = new Map<Overlay, HTMLButtonElement>();
  private readonly tools = new Map<Tool, HTMLButtonElement>();
  private readonly sources = h("span", { class: "group", role: "group", "aria-label": "Whose is what is drawn" });
  private readonly brush: HTMLElement;
  private readonly steps = h("input", { type: "number", min: "0", max: "1000", value: "20", id: "steps", title: "Steps of the refit", "aria-label": "Steps of the refit" });
  private readonly refit: HTMLButtonElement;

  constructor(private readonly bench: Workbench) {
    this.mode = h("select", { id: "mode", title: "What the picture shows (C)", "aria-label": "What the picture shows",
      onchange: () => bench.setMode(this.mode.value as Mode) },
      h("option", { value: "levels" }, "Levels"), h("option", { value: "sources" }, "Sources in colour"), h("option", { value: "chosen" }, "What is chosen"));
    const overlays = OVERLAYS.map(([overlay, label, title]) => {
      const button = h("button", { id: `show-${overlay}`, class: "slim", title, onclick: () => bench.toggleOverlay(overlay) }, label);
      this.overlays.set(overlay, button);
      return button;
    });
    const tools = TOOLS.map(([tool, sign, label, title]) => {
      const button = h("button", { id: `tool-${tool}`, class: "slim", title, onclick: () => bench.setTool(tool) }, h("span", { "aria-hidden": "true" }, `${sign} `), label);
      this.tools.set(tool, button);
      return button;
    });
    const slider = (id: string, label: string, title: string, min: number, max: number, step: number, value: number, set: (value: number) => void) =>
      h("label", { class: "slide", title }, label, h("input", { type: "range", id, min: String(min), max: String(max), step: String(step), value: String(value),
        "aria-label": title, oninput: (event: Event) => set(Number((event.target as HTMLInputElement).value)) }));
    this.brush = h("span", { class: "group" }, this.sources,
      slider("strength", "Strength", "How much it takes from the others: none to all", 0.1, 1, 0.05, bench.paint.strength, (value) => { bench.paint.strength = value; }),
      slider("size", "Size", "How wide the brush is", 3, 40, 1, bench.paint.radius, (value) => { bench.paint.radius = value; bench.draw(); }));
    this.refit = h("button", { id: "refit", class: "main slim", title: "Fit on from where it stands, by what was drawn and decided (F)", onclick: () => bench.refit() }, "Refit");
    this.element.replaceChildren(this.mode, h("span", { class: "group", role: "group", "aria-label": "Over the picture" }, ...overlays), h("span", { class: "bar-line" }),
      h("span", { class: "group", role: "group", "aria-label": "What the pointer does" }, ...tools), this.brush, h("span", { class: "grow" }),
      h("label", { class: "slide", title: "More steps, nearer to the end of it" }, "Steps", this.steps), this.refit);
  }

  get iterations(): number {
    return Math.min(Math.max(Math.round(Number(this.steps.value)) || 0, 0), 1000);
  }

  refresh(): void {
    const { bench } = this;
    this.mode.value = bench.mode;
    for (const [overlay, button] of this.overlays) {
      button.setAttribute("aria-pressed", String(bench.overlays.has(overlay)));
      // What is not there need not be shown.
      button.hidden = !bench.has(overlay);
    }
    for (const [tool, button] of this.tools) {
      button.setAttribute("aria-pressed", String(bench.tool === tool));
      button.disabled = !bench.fit && tool !== "move";
    }
    const paints = bench.tool === "brush" || bench.tool === "box";
    this.brush.hidden = !paints && bench.tool !== "erase";
    this.sources.hidden = !paints;
    this.sources.replaceChildren(...bench.edits.sources.map((source, at) =>
      h("button", { class: "slim paint", id: `paint-${at}`, style: `--c:${css(bench.color(at))}`, "aria-pressed": String(bench.paint.source === at),
        title: `Draw for ${source.name}${at < 9 ? ` (${at + 1})` : ""}`, onclick: () => bench.paintFor(at) }, source.name)));
    this.refit.disabled = !bench.fit || bench.job?.state === "running";
  }
}
