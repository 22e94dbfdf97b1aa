// The two-minute start: one thing at a time, each done and not only read.

import { h } from "./dom";
import type { Workbench } from "./workbench";

export type Deed = "fit" | "mixture" | "component" | "source" | "assign" | "paint" | "refit" | "export";

const STEPS: { title: string; text: string; deed: Deed | null }[] = [
  { title: "The picture", deed: "mixture", text: "Time runs from left to right, low sounds are at the bottom, loud ones bright. Upright stripes are drum hits, level lines are notes. Press space to hear it." },
  { title: "A component", deed: "component", text: "The recording has been explained as a sum of components: each is one spectrum (left, W) that sounds at certain times (below, H). Click a row to hear it alone." },
  { title: "Components make sources", deed: "source", text: "A kick drum may be two components, a guitar chord five. Each was suggested to a source, in the source's colour. Press ▶ on a source at the right to hear all that is its own." },
  { title: "You decide", deed: "assign", text: "Some suggestions are wrong. Go through the rows with ↑ ↓ and Enter; give the chosen one to a source with the keys 1 to 9, or drag it there. You hear the change at once, and Ctrl Z takes it back." },
  { title: "You may also draw", deed: "paint", text: "Where one component holds two sounds, take the brush (P), choose a source beside it, and paint over what is its own in the picture. The recording is shared out anew at once; Refit (F) learns from it." },
  { title: "Take it with you", deed: "export", text: "Export writes a file per source. Together they are the recording, sample by sample. You are also told the command line that does the same." },
];

export class Guide {
  private at = 0;
  private readonly element = h("div", { class: "guide", role: "dialog", "aria-label": "The tour" });

  constructor(private readonly bench: Workbench, private readonly closed: () => void) {
    document.body.append(this.element);
    this.draw();
  }

  /** Something was done: if it is what this step asks for, the next one comes. */
  did(deed: Deed): void {
    if (STEPS[this.at]?.deed !== deed) return;
    window.setTimeout(() => this.go(1), deed === "export" ? 0 : 900);
  }

  close(): void {
    this.element.remove();
    this.closed();
  }

  private go(step: number): void {
    this.at += step;
    if (this.at >= STEPS.length) {
      this.bench.announce("That was all. The keys are behind “?”.");
      this.close();
    } else this.draw();
  }

  private draw(): void {
    const step = STEPS[this.at];
    this.element.replaceChildren(
      h("div", { class: "line" }, h("h2", {}, step.title), h("span", { class: "soft" }, `${this.at + 1} of ${STEPS.length}`)),
      h("p", {}, step.text),
      h("div", { class: "line" }, h("button", { class: "quiet", onclick: () => this.close() }, "End the tour"),
        h("span", { class: "buttons" }, this.at > 0 && h("button", { onclick: () => this.go(-1) }, "Back"),
          h("button", { class: "main", onclick: () => this.go(1) }, this.at === STEPS.length - 1 ? "Done" : "Next"))));
  }
}
