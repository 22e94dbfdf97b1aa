// The sources, and why the chosen component is where it is.

import { css } from "./colors";
import { h, nodes, quoted } from "./dom";
import * as edit from "./edits";
import { ask, save } from "./dialogs";
import type { Workbench } from "./workbench";

export class Side {
  readonly element: HTMLElement;
  private readonly sources = h("section", { "aria-label": "Sources" });
  private readonly inspector = h("section", { "aria-label": "The chosen component" });
  private readonly corrections = h("section", { "aria-label": "What was drawn and given" });
  private readonly separated = h("section", { "aria-label": "Stems beside the components" });
  private readonly states = h("section", { "aria-label": "States of the fit" });

  constructor(private readonly bench: Workbench) {
    this.element = h("aside", { class: "side" }, this.sources, this.inspector, this.corrections, this.separated, this.states);
  }

  refresh(): void {
    // What has the keyboard keeps it over a redraw.
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.id : "";
    const sliding = document.activeElement instanceof HTMLInputElement && this.element.contains(document.activeElement);
    if (!sliding) this.drawSources();
    this.drawInspector();
    this.drawCorrections();
    this.drawSeparated();
    this.drawStates();
    if (focused && !sliding) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  private drawSources(): void {
    const { bench } = this;
    const { edits, listening } = bench;
    const sourceOf = bench.sourceOf();
    const gains = edit.padded(edits.source_gains, edits.sources.length, 1);
    const cards = edits.sources.map((source, at) => {
      const count = sourceOf.filter((of) => of === at).length;
      const focus = listening.focus?.kind === "source" && listening.focus.at === at;
      const small = (id: string, label: string, title: string, on: boolean | null, onclick: () => void) =>
        h("button", { class: "tiny", id: `source-${at}-${id}`, title, "aria-label": `${title} ${source.name}`, "aria-pressed": on === null ? undefined : String(on), onclick }, label);
      const card = h("div", { class: `card${focus ? " focus" : ""}`, style: `--c:${css(bench.color(at))}`, role: "group", "aria-label": source.name,
        ondragover: (event: DragEvent) => { event.preventDefault(); card.classList.add("over"); },
        ondragleave: () => card.classList.remove("over"),
        ondrop: (event: DragEvent) => {
          event.preventDefault();
          const [kind, number] = (event.dataTransfer?.getData("text/plain") ?? "").split(" ");
          if (kind === "component") bench.assign(at, [Number(number)]);
        } },
        h("div", { class: "line" },
          at < 9 && h("kbd", { title: `Key ${at + 1} gives it the chosen component` }, String(at + 1)),
          h("button", { class: "quiet title", id: `source-${at}-play`, title: "Hear it alone", "aria-label": `Hear ${source.name} alone`,
            onclick: () => bench.audition("source", at) }, `▶ ${source.name}`),
          h("span", { class: "count" }, count === 1 ? "1 component" : `${count} components`)),
        h("div", { class: "line" },
          small("solo", "S", "Solo", listening.soloSources.has(at), () => bench.toggle("soloSources", at)),
          small("mute", "M", "Mute", listening.mutedSources.has(at), () => bench.toggle("mutedSources", at)),
          h("input", { type: "range", min: "0", max: "2", step: "0.01", value: String(gains[at]), id: `source-${at}-gain`,
            "aria-label": `Gain of ${source.name}`, title: "How loud it is played (exported stems stay as they are); double-click for 1",
            oninput: (event: Event) => bench.change(edit.setSourceGain(bench.edits, at, Number((event.target as HTMLInputElement).value)), `gain of ${source.name}`, true),
            ondblclick: () => bench.change(edit.setSourceGain(bench.edits, at, 1), `gain of ${source.name}`) }),
          small("rename", "✎", "Rename", null, () => void this.rename(at)),
          small("merge", "⇢", "Merge into another source:", null, () => void this.merge(at))));
      return card;
    });
    const add = h("button", { id: "add-source", onclick: () => void this.add(), disabled: !bench.fit }, "+ Add a source");
    this.sources.replaceChildren(h("h2", {}, "Sources"), ...cards, add);
  }

  private async add(): Promise<void> {
    const { bench } = this;
    const { kinds } = bench.project;
    const name = await ask("Add a source", "Name", "", (value) => edit.nameProblem(bench.edits, value),
      kinds.filter((kind) => !bench.edits.sources.some((source) => source.name === kind)), "Known kinds get suggestions; other names have what you give them.");
    if (name !== null) bench.change(edit.addSource(bench.edits, name, kinds), `source ${name} added`);
  }

  private async rename(at: number): Promise<void> {
    const { bench } = this;
    const before = bench.edits.sources[at].name;
    const name = await ask(`Rename ${before}`, "Name", before, (value) => edit.nameProblem(bench.edits, value, at), []);
    if (name !== null && name !== before) bench.change(edit.renameSource(bench.edits, at, name), `${before} renamed ${name}`);
  }

  private async merge(at: number): Promise<void> {
    const { bench } = this;
    const { sources } = bench.edits;
    if (sources.length <= 2) {
      bench.announce("A recording has at least two sources.");
      return;
    }
    const others = sources.filter((_, other) => other !== at).map((source) => source.name);
    const name = await ask(`Merge ${sources[at].name} into …`, "Source", others[0], (value) => (others.includes(value) ? null : "Choose one of the sources."), others);
    if (name === null) return;
    const into = sources.findIndex((source) => source.name === name);
    bench.change(edit.mergeSources(bench.edits, at, into, bench.sourceOf()), `${sources[at].name} merged into ${name}`);
  }

  private drawInspector(): void {
    const { bench } = this;
    const { chosen, fit } = bench;
    if (!fit || chosen === null) {
      this.inspector.replaceChildren(h("h2", {}, "Component"),
        h("div", { class: "soft" }, fit ? "Click a component to hear it alone. Give it to a source with the keys 1 to 9, or drag it onto one." : "Components appear here when they are found."));
      return;
    }
    const component = fit.components[chosen];
    const { sources, assignment } = bench.edits;
    const byHand = assignment[chosen];
    const automatic = component.automatic;
    const confidence = component.posteriors[automatic] ?? 0;
    const sure = confidence > 0.9 ? "sure" : confidence > 0.7 ? "fairly sure" : "unsure";
    const bars = sources.flatMap((source, at) => {
      const share = component.posteriors[at] ?? 0;
      return [h("span", {}, source.name), h("span", { class: "track" }, h("i", { style: `width:${(100 * share).toFixed(1)}%;background:${css(bench.color(at))}` })),
        h("span", { class: "soft" }, `${Math.round(100 * share)} %`)];
    });
    this.inspector.replaceChildren(...nodes(
      h("div", { style: "display:flex;gap:8px;align-items:center" }, bench.chip(chosen, bench.sourceOf()[chosen]), h("h2", {}, `Component ${chosen}`)),
      h("div", {}, "Suggested: ", h("b", {}, sources[automatic]?.name ?? "?"), ` (${sure})`, byHand !== null && byHand !== undefined ? ` · you chose ${sources[byHand]?.name}` : ""),
      h("div", { class: "bars" }, ...bars),
      component.evidence.length > 0 && h("h3", {}, `Why ${sources[automatic]?.name}`),
      h("ul", { class: "reasons" }, ...component.evidence.slice(0, 5).map((part) =>
        h("li", { title: `${part.logOdds.toFixed(2)} log-odds` }, h("span", { class: "sign" }, part.logOdds >= 0 ? "+" : "−"), part.words))),
      h("div", { class: "buttons" },
        ...sources.map((source, at) => h("button", { id: `give-${at}`, "aria-pressed": String(bench.sourceOf()[chosen] === at), onclick: () => bench.assign(at) }, source.name)),
        byHand !== null && byHand !== undefined && h("button", { id: "give-back", class: "quiet", onclick: () => bench.assign(null) }, "Use the suggestion") as Node),
      h("div", { class: "buttons" },
        h("button", { id: "split", disabled: bench.job?.state === "running", title: "One component for each source in its place, fitted by what was drawn; the others stay as they are", onclick: () => bench.split() }, "Split by source"),
        h("button", { id: "merge", disabled: bench.marked.size === 0 || bench.job?.state === "running", title: "Ctrl and click choose several rows", onclick: () => bench.merge() },
          bench.marked.size > 0 ? `Merge ${bench.marked.size + 1} components` : "Merge several (Ctrl-click)")),
      h("details", {}, h("summary", { class: "soft" }, "Everything measured"),
        h("ul", { class: "reasons" }, ...component.features.map((feature) => h("li", {}, feature.words))))));
  }

  private drawCorrections(): void {
    const { bench } = this;
    const { regions, music, sources } = bench.edits;
    const count = regions.boxes.length + regions.strokes.length;
    const chooser = h("input", { type: "file", accept: ".mid,.midi,.csv,.txt,.lrc,.TextGrid,.lab", class: "unseen", tabIndex: -1, id: "music-file", "aria-label": "A file of notes, pitch or words",
      onchange: () => { if (chooser.files?.[0]) void bench.giveMusic(chooser.files[0]); } });
    const name = sources[bench.paint.source]?.name ?? "";
    const parts = [[music.notes.length, "note"], [music.pitches.length, "pitch point"], [music.words.length, "word"]]
      .filter(([many]) => Number(many) > 0).map(([many, word]) => `${many} ${word}${many === 1 ? "" : "s"}`);
    this.corrections.hidden = !bench.fit;
    this.corrections.replaceChildren(...nodes(
      h("h2", {}, "Corrections"),
      h("div", { class: "soft" }, count > 0
        ? `${count === 1 ? "1 region was" : `${count} regions were`} drawn. They are heard at once; Refit learns from them.`
        : "Paint (P) or box (R) where a source is: it is heard at once, and Refit learns from it."),
      h("div", { class: "buttons" },
        h("button", { id: "only", disabled: !bench.player.loop, title: bench.player.loop ? `In the looped span there is nothing but ${name}: all of it is learnt from` : "Loop a span first: drag on the ruler, or O", onclick: () => bench.onlyHere() }, `Only ${name} in the loop`),
        h("button", { id: "boxed", disabled: !bench.player.loop, title: "A box around the looped span and the frequencies that are shown", onclick: () => bench.boxLoop() }, "Box the loop"),
        count > 0 && h("button", { id: "clear-regions", class: "quiet", onclick: () => bench.drawn({ boxes: [], strokes: [] }, "regions taken away") }, "Take all away") as Node),
      h("h3", {}, "Notes, pitch, words"),
      h("div", { class: "soft" }, parts.length > 0 ? `Given or corrected: ${parts.join(", ")}.` : `The components play ${bench.fit?.written.length ?? 0} notes.`),
      h("div", { class: "buttons" },
        h("button", { id: "give-music", title: "MIDI, a pitch track (CSV of seconds and Hz), or timed words (LRC, UltraStar, TextGrid, labels)", onclick: () => chooser.click() }, "Open a file …"),
        bench.notes().length > 0 && h("button", { id: "claim-notes", title: `The partials of every note are drawn as regions of ${name}`, onclick: () => bench.claim("notes") }, `Notes are ${name}’s`) as Node,
        music.pitches.length > 0 && h("button", { id: "claim-pitch", title: `The partials of the pitch are drawn as regions of ${name}`, onclick: () => bench.claim("pitch") }, `Pitch is ${name}’s`) as Node,
        parts.length > 0 && h("button", { id: "clear-music", class: "quiet", onclick: () => bench.change({ ...bench.edits, music: { notes: [], pitches: [], words: [] } }, "notes, pitch and words taken away") }, "Take away") as Node),
      chooser));
  }

  /** Stems by the whole program, such as of one singer and one piano, who have a model of their own: on our clips it beats even the right grouping of components. */
  private drawSeparated(): void {
    const { bench } = this;
    const { separated } = bench.project;
    const { music } = bench.edits;
    const { focus } = bench.listening;
    const busy = bench.job?.state === "running";
    const known = music.notes.length + music.pitches.length + music.words.length > 0;
    this.separated.hidden = !bench.fit;
    const open = this.separated.querySelector("details")?.open ?? false;
    this.separated.replaceChildren(...nodes(
      h("h2", {}, "Stems beside the components"),
      h("div", { class: "soft" }, separated
        ? "Made by the whole program. What it heard of notes and pitch stands over the picture: drag it where it is wrong (N, L), and separate again by it."
        : "The whole program knows more than components: dictionaries, scores, other programs’ stems, a model of one singer and one piano."),
      separated && h("div", { class: "buttons" }, ...separated.sources.map((name, at) =>
        h("button", { id: `stem-${at}`, "aria-pressed": String(focus?.kind === "stem" && focus.at === at), title: `Hear ${name} alone`, onclick: () => bench.audition("stem", at) }, `▶ ${name}`))),
      separated && h("details", { open }, h("summary", { class: "soft" }, "Files, command line, notes"),
        h("div", { class: "files" }, ...separated.files.map((file) => h("div", { class: "line" }, h("span", { style: "flex:1" }, file.replace(/.*\//, "")),
          h("button", { class: "slim", "aria-label": `Download ${file.replace(/.*\//, "")}`, onclick: () => void save(bench, file) }, "Download"))),
          separated.command !== "" && h("pre", {}, separated.command),
          ...separated.notes.map((note) => h("div", { class: "soft" }, quoted(note))),
          separated.why.length > 0 && h("details", {}, h("summary", { class: "soft" }, "Why components went where"), h("pre", {}, separated.why.join("\n"))))),
      h("div", { class: "buttons" }, h("button", { id: "open-separate", disabled: busy, title: "Every option of the command line (A)", onclick: () => bench.openSeparate() }, separated ? "Separate again …" : "Separate …")),
      h("h3", {}, "One singer, one piano"),
      h("div", { class: "buttons" },
        h("button", { id: "listen-fast", disabled: busy, title: "For a first listen (--fast)", onclick: () => void bench.listen(true, false) }, "Quickly"),
        h("button", { id: "listen", disabled: busy, title: "Three fits, the mean of their masks", onclick: () => void bench.listen(false, false) }, "Thoroughly"),
        known && h("button", { id: "listen-again", disabled: busy, title: "By the notes, the pitch and the words as they stand", onclick: () => void bench.listen(true, true) }, "Again by these notes"))));
  }

  private drawStates(): void {
    const { bench } = this;
    const { history } = bench.project;
    this.states.hidden = history.length < 2;
    const running = bench.job?.state === "running";
    this.states.replaceChildren(h("h2", {}, "States"),
      h("div", { class: "states" }, ...history.map(({ revision, what }) =>
        h("button", { class: "quiet", id: `state-${revision}`, disabled: running, "aria-pressed": String(bench.fit?.revision === revision), title: "Go back to this fit, as it was left",
          onclick: () => void bench.goBack(revision) }, `${revision} · ${what === "fit" ? "components found" : what}`))));
  }
}
