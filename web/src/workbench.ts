// One project on the screen: its state, what every view and key does with it, and the server's answers.

import * as api from "./api";
import { css, inkOn, shown, sourceColor, type Rgb } from "./colors";
import { byId, h, quoted } from "./dom";
import * as edit from "./edits";
import { clock, follow, panTime, whole, zoomFrequency, zoomTime, type View } from "./geometry";
import { Guide } from "./guide";
import * as mix from "./mix";
import * as music from "./music";
import * as regions from "./regions";
import { Player } from "./player";
import { exportDialog, keysDialog, separateDialog, settingsDialog } from "./dialogs";
import type { Given } from "./given";
import { Side } from "./side";
import { Stage } from "./stage";
import { Tiles, type Look } from "./tiles";
import { Tools } from "./tools";

/** How far a key moves the brush, in pixels. */
const BRUSH_STEP = 8;

export type Mode = "levels" | "sources" | "chosen";
export type Tool = "move" | "brush" | "box" | "erase" | "note" | "pitch";
export type Overlay = "regions" | "notes" | "pitch" | "words";

/** What is being drawn and not yet decided. */
export interface Draft { regions?: regions.Regions; notes?: music.Note[]; pitches?: music.Pitch[] }

export class Workbench {
  readonly project: api.Project;
  readonly player: Player;
  readonly tiles: Tiles;
  fit: api.Fit | null;
  factors: { templates: Float32Array[]; activations: Float32Array[] } | null = null;
  history: edit.History | null = null;
  listening = mix.everything();
  view: View;
  mode: Mode = "levels";
  rangeDb = 75;
  chosen: number | null = null;
  /** Components that are chosen besides, for what is done to several. */
  readonly marked = new Set<number>();
  chosenNote: number | null = null;
  tool: Tool = "move";
  readonly overlays = new Set<Overlay>(["regions", "pitch", "words"]);
  /** What the brush draws with: whose, how strong, and so many pixels to each side. */
  readonly paint = { source: 0, strength: 0.9, radius: 10 };
  draft: Draft | null = null;
  pointer: { x: number; y: number } | null = null;
  /** Whether the brush or the eraser, moved by keys, leaves a mark. */
  brushDown = false;
  job: api.Job | null;
  saved: "saved" | "saving" | "failed" = "saved";
  guide: Guide | null = null;
  private readonly stage: Stage;
  private readonly side: Side;
  private readonly tools: Tools;
  private readonly parts: Record<string, HTMLElement> = {};
  private frame = 0;
  private closed = false;
  /** How far it was when that was said last. */
  private told = "";
  private saving: Promise<void> = Promise.resolve();
  private readonly keys = (event: KeyboardEvent) => this.key(event);
  private readonly resized = () => this.draw();

  constructor(private readonly root: HTMLElement, project: api.Project, readonly leave: { open: () => void; switchTo: (id: number) => void }) {
    this.project = project;
    this.fit = project.fit;
    this.job = project.job;
    this.player = new Player(project, () => this.draw(), (error) => this.fail(error));
    this.view = whole(this.player.duration);
    this.tiles = new Tiles(project, () => this.draw());
    this.stage = new Stage(this);
    this.side = new Side(this);
    this.tools = new Tools(this);
  }

  get edits(): edit.Edits {
    return this.history ? edit.present(this.history).edits : this.project.edits;
  }

  get dark(): boolean {
    return document.documentElement.dataset.theme === "dark";
  }

  /** The source of every component: a person's choice, or else the suggestion. */
  sourceOf(): number[] {
    return (this.fit?.components ?? []).map((component, at) => this.edits.assignment[at] ?? component.automatic);
  }

  color(source: number): Rgb {
    return shown(sourceColor(source), this.dark);
  }

  look(): Look {
    const base = { dark: this.dark, rangeDb: this.rangeDb, revision: this.fit?.revision ?? 0, sound: this.fit?.sound ?? 0, behind: false, sets: null };
    if (!this.fit || this.mode === "levels") return base;
    const sourceOf = this.sourceOf();
    const members = (source: number) => sourceOf.flatMap((of, at) => (of === source ? [at] : []));
    const focus = this.listening.focus;
    if (this.mode === "chosen") {
      if (focus?.kind === "source") return { ...base, behind: true, sets: [{ members: members(focus.at), color: this.color(focus.at) }] };
      if (this.chosen !== null) return { ...base, behind: true, sets: [{ members: [this.chosen], color: this.color(sourceOf[this.chosen]) }] };
      return base;
    }
    return { ...base, sets: this.edits.sources.map((_, at) => ({ members: members(at), color: this.color(at) })).filter((set) => set.members.length > 0) };
  }

  async start(guided: boolean): Promise<void> {
    this.build();
    addEventListener("keydown", this.keys);
    addEventListener("resize", this.resized);
    if (this.fit) await this.adopt(this.fit, "opened");
    this.refresh();
    if (this.job?.state === "running") void this.watch();
    if (guided) this.startGuide();
  }

  close(): void {
    this.closed = true;
    removeEventListener("keydown", this.keys);
    removeEventListener("resize", this.resized);
    this.guide?.close();
    this.player.close();
  }

  // ---- what people do ------------------------------------------------------------------------

  /** Hear one component or source alone, at once; the same again is everything. */
  audition(kind: "component" | "source" | "stem", at: number): void {
    const focus = this.listening.focus;
    const same = focus?.kind === kind && focus.at === at;
    this.listening = { ...this.listening, original: false, focus: same && this.player.playing ? null : { kind, at } };
    if (kind === "component") {
      this.chosen = at;
      this.marked.clear();
    }
    this.heard();
    if (!this.player.playing) void this.player.play();
    if (kind !== "stem") this.guide?.did(kind);
  }

  hearAll(): void {
    this.listening = { ...mix.everything(), levelMatched: this.listening.levelMatched };
    this.heard();
    if (!this.player.playing) void this.player.play();
    this.guide?.did("mixture");
  }

  toggle(set: "soloSources" | "soloComponents" | "mutedSources" | "mutedComponents", at: number): void {
    const changed = new Set(this.listening[set]);
    if (!changed.delete(at)) changed.add(at);
    this.listening = { ...this.listening, focus: null, original: false, [set]: changed };
    this.heard();
  }

  setListening(change: Partial<mix.Listening>): void {
    this.listening = { ...this.listening, ...change };
    this.heard();
  }

  choose(component: number | null): void {
    this.chosen = component;
    this.marked.clear();
    this.refresh();
  }

  /** Choose one more, or one less. */
  mark(component: number): void {
    if (this.chosen === null) this.chosen = component;
    else if (component !== this.chosen && !this.marked.delete(component)) this.marked.add(component);
    this.refresh();
  }

  /** Every component that is chosen, the first one first. */
  picked(): number[] {
    return this.chosen === null ? [] : [this.chosen, ...[...this.marked].sort((a, b) => a - b)];
  }

  assign(source: number | null, components = this.picked()): void {
    if (components.length === 0 || !this.fit) return;
    if (source !== null && source >= this.edits.sources.length) return;
    const what = source === null
      ? `component ${components.join(", ")} back to the suggestion`
      : `component ${components.join(", ")} to ${this.edits.sources[source].name}`;
    this.change(edit.assign(this.edits, components, source), what);
    this.guide?.did("assign");
  }

  /** Take a decision: it is heard at once, and saved. */
  change(edits: edit.Edits, what: string, merge = false): void {
    if (!this.history || !this.fit) return;
    this.history = edit.push(this.history, { revision: this.fit.revision, edits, what }, merge);
    this.announce(what);
    this.settle();
  }

  undo(): void {
    if (!this.history || !edit.canUndo(this.history)) return;
    const what = edit.present(this.history).what;
    void this.goTo(edit.undo(this.history), `Undid: ${what}`);
  }

  redo(): void {
    if (!this.history || !edit.canRedo(this.history)) return;
    const next = edit.redo(this.history);
    void this.goTo(next, `Did again: ${edit.present(next).what}`);
  }

  setView(view: View): void {
    this.view = view;
    this.draw();
  }

  zoom(factor: number, around = this.player.at): void {
    const inside = around >= this.view.from && around <= this.view.to ? around : (this.view.from + this.view.to) / 2;
    this.setView(zoomTime(this.view, this.player.duration, inside, factor));
  }

  // ---- drawing on the picture ----------------------------------------------------------------

  setTool(tool: Tool): void {
    this.tool = this.fit ? tool : "move";
    this.pointer = null;
    this.brushDown = false;
    if (tool === "note") this.overlays.add("notes");
    if (tool === "pitch") this.overlays.add("pitch");
    if (tool === "brush" || tool === "box" || tool === "erase") this.overlays.add("regions");
    this.refresh();
  }

  paintFor(source: number): void {
    if (source < this.edits.sources.length) this.paint.source = source;
    this.refresh();
  }

  toggleOverlay(overlay: Overlay): void {
    if (!this.overlays.delete(overlay)) this.overlays.add(overlay);
    this.refresh();
  }

  /** Whether there is anything of it to show. */
  has(overlay: Overlay): boolean {
    const { regions: drawn, music: { pitches, words } } = this.edits;
    return { regions: !regions.isEmpty(drawn), notes: this.notes().length > 0, pitch: pitches.length > 0, words: words.length > 0 }[overlay];
  }

  /** The notes to show: those that were given or corrected, or else what the components play. */
  notes(): music.Note[] {
    const { notes } = this.edits.music;
    return notes.length > 0 ? notes : this.fit?.written ?? [];
  }

  drawn(drawn: regions.Regions, what: string, merge = false): void {
    this.draft = null;
    this.change({ ...this.edits, regions: drawn }, what, merge);
    this.guide?.did("paint");
  }

  composed(change: Partial<music.Music>, what: string): void {
    this.draft = null;
    const { pitches, words } = this.edits.music;
    this.change({ ...this.edits, music: { notes: this.notes(), pitches, words, ...change } }, what);
  }

  removeNote(): void {
    const at = this.chosenNote;
    if (at === null) return;
    this.chosenNote = null;
    this.composed({ notes: this.notes().filter((_, n) => n !== at) }, "note removed");
  }

  /** Choose the next note or the one before, in their order in time, by keys. */
  private chooseNote(step: number): void {
    const notes = this.notes();
    const at = music.neighbour(notes, this.chosenNote, step, this.player.at);
    if (at === null) return;
    this.overlays.add("notes");
    this.chosenNote = at;
    this.announce(`${music.describe(notes[at])}. Alt and arrows move it, Delete removes it.`);
    this.refresh();
  }

  /** What dragging a note does, by keys. */
  private moveNote(secs: number, keys: number): void {
    if (this.chosenNote === null) return;
    const notes = music.dragged(this.notes(), this.chosenNote, "all", secs, keys);
    this.composed({ notes }, `note moved: ${music.describe(notes[this.chosenNote])}`);
  }

  /** In the looped span there is nothing but one source. */
  onlyHere(): void {
    const { loop } = this.player;
    const { name } = this.edits.sources[this.paint.source] ?? this.edits.sources[0];
    if (loop) this.drawn(regions.addSpan(this.edits.regions, name, loop, this.project.sampleRate / 2), `only ${name} from ${clock(loop[0])} to ${clock(loop[1])}`);
  }

  /** A box around the looped span and the frequencies that are shown: what the pointer does, by keys. */
  boxLoop(): void {
    const { player: { loop }, view, paint, project } = this;
    const { name } = this.edits.sources[paint.source] ?? this.edits.sources[0];
    if (!loop) this.announce("Loop a span first (O): the box is drawn around it.");
    else this.drawn(regions.addBox(this.edits.regions, project.picture, name, paint.strength, [loop[0], view.low], [loop[1], view.high]), `box for ${name}`);
  }

  /** Put the brush down, or lift it: what a button of the pointer does, by keys. */
  private lowerBrush(): void {
    this.brushDown = !this.brushDown;
    this.announce(this.brushDown ? "The brush is down: Alt and arrows draw. Enter lifts it." : "The brush is lifted.");
    this.stage.nudge(0, 0);
  }

  /** The notes, or the pitch, as regions of the source that is drawn for. */
  claim(what: "notes" | "pitch"): void {
    const { edits, paint, project } = this;
    const { name } = edits.sources[paint.source] ?? edits.sources[0];
    const top = project.sampleRate / 2;
    const boxes = what === "notes" ? music.regionsOfNotes(this.notes(), name, paint.strength, top) : [];
    const strokes = what === "pitch" ? music.regionsOfPitch(edits.music.pitches, name, paint.strength, top) : [];
    this.drawn(music.withRegions(edits.regions, boxes, strokes), `${what} drawn for ${name}`);
  }

  async giveMusic(file: File): Promise<void> {
    try {
      const given = await api.readMusic(this.project.id, file);
      const kept = Object.fromEntries(Object.entries(given).filter(([, all]) => all.length > 0)) as Partial<music.Music>;
      for (const [overlay, key] of [["notes", "notes"], ["pitch", "pitches"], ["words", "words"]] as const) if (kept[key]) this.overlays.add(overlay);
      const { music: before } = this.edits;
      this.change({ ...this.edits, music: { ...before, ...kept } }, `${file.name} read`);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Everything that was decided until now is saved. */
  settled(): Promise<void> {
    return this.saving;
  }

  /** Separate one singer and one piano; with `keep`, by the notes, the pitch and the words as they stand. */
  async listen(fast: boolean, keep: boolean): Promise<void> {
    const given: Given[] = [{ name: "sources", value: "voice,piano" }, ...(fast ? [{ name: "fast" }] : [])];
    try {
      await this.saving;
      const { own } = keep ? await api.keepOwn(this.project.id) : { own: {} as Record<string, string> };
      for (const name of ["score", "melody", "lyrics"]) if (own[name]) given.push({ name, file: own[name] });
    } catch (error) {
      this.fail(error);
      return;
    }
    await this.separate(given);
  }

  /** Separate as the command line would, into stems that are heard beside the components. */
  async separate(given: Given[]): Promise<void> {
    await this.saving;
    const job = await this.run(() => api.startSeparate(this.project.id, given));
    if (job?.what !== "separate" || job.state !== "done" || !this.fit) return;
    const before = this.stems().length;
    this.project.separated = (await api.getProject(this.project.id)).separated;
    const { length } = this.stems();
    if (length !== before) this.player.setTracks(this.fit.components.length + length);
    else this.player.renew();
    this.listening = { ...this.listening, focus: null };
    const { notes = [], pitches = [] } = job.result?.music ?? {};
    if (notes.length > 0) this.overlays.add("notes");
    if (pitches.length > 0) this.overlays.add("pitch");
    const { music: had } = this.edits;
    const heard = { ...had, ...(notes.length > 0 ? { notes } : {}), ...(pitches.length > 0 ? { pitches } : {}) };
    if (notes.length + pitches.length > 0) this.change({ ...this.edits, music: heard }, "notes and pitch heard");
    this.heard();
    this.announce(`Separated: ${this.stems().join(", ")}. Hear them at the right.`);
  }

  /** The names of the stems that were separated. */
  stems(): string[] {
    return this.project.separated?.sources ?? [];
  }

  // ---- fitting on ----------------------------------------------------------------------------

  refit(wish: api.Wish = "on"): void {
    if (!this.fit || this.job?.state === "running") return;
    const { iterations } = this.tools;
    void this.run(async () => {
      // What was drawn a moment ago counts.
      await this.saving;
      return api.startRefit(this.project.id, wish, iterations);
    });
    this.guide?.did("refit");
  }

  split(): void {
    if (this.chosen !== null) this.refit({ split: this.chosen });
  }

  merge(): void {
    if (this.marked.size > 0) this.refit({ merge: this.picked() });
  }

  /** Go back to an earlier fit, with what was decided then; that too can be undone. */
  async goBack(revision: number): Promise<void> {
    if (!this.history || this.job?.state === "running" || revision === this.fit?.revision) return;
    try {
      await this.saving;
      const fit = await api.restore(this.project.id, revision);
      await this.adopt(fit, `back to state ${revision}`);
      this.announce(`Back at state ${revision}.`);
    } catch (error) {
      this.fail(error);
    }
  }

  setMode(mode: Mode): void {
    this.mode = mode;
    this.refresh();
  }

  theme(): void {
    const theme = this.dark ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    localStorage.setItem("theme", theme);
    this.refresh();
  }

  startGuide(): void {
    this.guide?.close();
    this.guide = new Guide(this, () => { this.guide = null; });
  }

  async run(start: () => Promise<api.Job>): Promise<api.Job | null> {
    try {
      this.job = await start();
      return await this.watch();
    } catch (error) {
      this.fail(error);
      return null;
    }
  }

  cancel(): void {
    api.cancelJob(this.project.id).catch((error) => this.fail(error));
  }

  // ---- what follows from it ------------------------------------------------------------------

  private async goTo(history: edit.History, said: string): Promise<void> {
    const before = this.fit?.revision;
    this.history = history;
    const step = edit.present(history);
    try {
      if (step.revision !== before) {
        await this.saving;
        await this.load(await api.restore(this.project.id, step.revision));
      }
    } catch (error) {
      this.fail(error);
    }
    this.announce(said);
    this.settle();
  }

  /** A new fit, with the decisions the server has for it. */
  private async adopt(fit: api.Fit, what: string): Promise<void> {
    const { edits } = await api.getProject(this.project.id);
    const step = { revision: fit.revision, edits, what };
    this.history = this.history ? edit.push(this.history, step) : edit.begin(step);
    await this.load(fit);
  }

  private async load(fit: api.Fit): Promise<void> {
    const count = fit.components.length;
    const same = this.fit?.components.length === count && this.factors !== null;
    // Both at once: a frame drawn between them would look for components that are not there.
    const factors = await api.getFactors(this.project, fit);
    this.fit = fit;
    this.factors = factors;
    if (this.mode === "levels" && !same) this.mode = "sources";
    this.chosen = this.chosen !== null && this.chosen < count ? this.chosen : null;
    this.marked.clear();
    this.chosenNote = null;
    if (same) this.player.renew();
    else {
      this.listening = { ...mix.everything(), levelMatched: this.listening.levelMatched };
      this.player.setTracks(count + this.stems().length);
    }
    this.heard();
  }

  /** Edits have changed: hear, draw, save. */
  private settle(): void {
    this.heard();
    this.saved = "saving";
    const edits = this.edits;
    this.saving = this.saving.then(async () => {
      // Only the latest is saved; those between were overtaken.
      if (edits !== this.edits) return;
      try {
        const fit = await api.putEdits(this.project.id, edits);
        const sounds = fit.sound !== this.fit?.sound;
        if (fit.revision === this.fit?.revision) this.fit = fit;
        if (sounds) this.player.renew();
        if (edits !== this.edits) return;
        this.saved = "saved";
      } catch (error) {
        this.saved = "failed";
        this.fail(error);
      }
      this.heard();
    });
    this.refresh();
  }

  /** The gain of every component. */
  gains(): number[] {
    const gains = mix.gains(this.listening, this.edits, this.sourceOf());
    if (!this.fit || !this.listening.levelMatched || this.listening.original) return gains;
    const factor = mix.levelMatch(this.fit.loudness, gains);
    return gains.map((gain) => gain * factor);
  }

  private heard(): void {
    const { focus } = this.listening;
    const stems = this.stems().map((_, at) => (focus?.kind === "stem" && focus.at === at ? 1 : 0));
    if (this.fit) this.player.setGains([...this.gains(), ...stems]);
    this.refresh();
  }

  private async watch(): Promise<api.Job | null> {
    this.refresh();
    while (!this.closed) {
      const job = await api.getJob(this.project.id);
      this.job = job;
      if (!job || job.state !== "running") break;
      this.drawFoot();
      this.stage.drawWaiting();
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    const job = this.job;
    if (job?.state === "failed") this.fail(new Error(job.error ?? "It failed."));
    if (job?.state === "cancelled") this.announce("Cancelled; everything is as it was.");
    if (job?.state === "done" && job.what !== "export" && job.what !== "separate" && !this.closed) {
      const fresh = await api.getProject(this.project.id);
      this.project.settings = fresh.settings;
      this.project.told = fresh.told;
      this.project.history = fresh.history;
      if (fresh.fit) {
        const last = fresh.history.find((step) => step.revision === fresh.fit?.revision);
        await this.adopt(fresh.fit, last?.what ?? job.what);
        this.announce(job.what === "fit" ? `${fresh.fit.components.length} components found.` : `Fitted on: state ${fresh.fit.revision}. Ctrl Z goes back.`);
        this.guide?.did("fit");
      }
    }
    this.refresh();
    return job;
  }

  fail(error: unknown): void {
    const text = quoted(api.words(error));
    const banner = this.parts.banner;
    banner.replaceChildren(h("span", {}, text),
      this.saved === "failed" ? h("button", { onclick: () => { banner.hidden = true; this.settle(); } }, "Save again") : "",
      h("button", { onclick: () => { banner.hidden = true; this.draw(); } }, "Close"));
    banner.hidden = false;
    this.refresh();
  }

  announce(text: string): void {
    byId("announce").textContent = text;
    this.parts.said.textContent = text;
  }

  // ---- the page ------------------------------------------------------------------------------

  private build(): void {
    const button = (id: string, label: string, title: string, onclick: () => void, pressed?: boolean) => {
      const element = h("button", { id, title, onclick, "aria-label": title });
      element.textContent = label;
      if (pressed !== undefined) element.setAttribute("aria-pressed", String(pressed));
      this.parts[id] = element;
      return element;
    };
    const bar = h("header", { class: "bar", role: "toolbar", "aria-label": "Studio" },
      button("home", "☰", "Other recordings", () => this.leave.open()),
      h("span", { class: "name", title: this.project.path }, this.project.name),
      h("span", { class: "gap" }),
      button("play", "▶ Play", "Play or pause (space)", () => this.playOrPause()),
      button("all", "Mixture", "Hear everything (0)", () => this.hearAll()),
      button("ab", "A/B", "Compare with the untouched recording (B)", () => this.setListening({ original: !this.listening.original }), false),
      button("loop", "Loop", "Loop a span: drag on the ruler (O)", () => this.toggleLoop(), false),
      button("level", "Level-matched", "Play every choice as loud as the recording (V)", () => this.setListening({ levelMatched: !this.listening.levelMatched }), true),
      this.parts.time = h("span", { class: "time", "aria-label": "Position" }),
      button("out", "−", "Zoom out (−)", () => this.zoom(0.5)),
      button("in", "+", "Zoom in (+)", () => this.zoom(2)),
      h("span", { class: "grow" }),
      button("undo", "↶", "Undo (Ctrl Z)", () => this.undo()),
      button("redo", "↷", "Redo (Ctrl Shift Z)", () => this.redo()),
      button("settings", "Components …", "How components are found", () => void settingsDialog(this)),
      button("separate", "Separate …", "Separate with every option (A)", () => this.openSeparate()),
      button("export", "Export …", "Write stems as files (E)", () => exportDialog(this)),
      button("theme", "◐", "Light or dark", () => this.theme()),
      button("help", "?", "Keys and the tour (?)", () => keysDialog(this)));
    this.parts.export.classList.add("main");
    this.parts.banner = h("div", { class: "banner", role: "alert", hidden: true });
    this.parts.said = h("span", {});
    this.parts.stage = h("span", {});
    this.parts.progress = h("progress", { "aria-label": "Progress" });
    // They stay the same elements: who is on Cancel with the keyboard stays there while it goes on.
    this.parts.working = h("span", { class: "working", hidden: true }, this.parts.stage, this.parts.progress,
      h("button", { id: "cancel", class: "slim", onclick: () => this.cancel() }, "Cancel"));
    this.parts.note = h("span", { class: "note" });
    this.parts.saved = h("span", { id: "saved", title: this.project.folder });
    this.parts.foot = h("footer", { class: "foot" }, this.parts.said, this.parts.working, h("span", { class: "grow" }), this.parts.note, this.parts.saved);
    this.root.replaceChildren(h("div", { class: "studio" }, bar, this.tools.element, this.parts.banner, this.stage.element, this.side.element, this.parts.foot));
  }

  openSeparate(): void {
    if (this.fit && this.job?.state !== "running") void separateDialog(this);
  }

  private playOrPause(): void {
    if (this.player.playing) this.player.pause();
    else {
      void this.player.play();
      this.guide?.did("mixture");
    }
    this.refresh();
  }

  toggleLoop(): void {
    const { from, to } = this.view;
    this.player.setLoop(this.player.loop ? null : [Math.max(from, 0), Math.min(to, this.player.duration)]);
    this.refresh();
  }

  /** Something other than the playhead or the view has changed. */
  refresh(): void {
    if (this.closed || !this.parts.foot) return;
    const press = (id: string, on: boolean) => this.parts[id].setAttribute("aria-pressed", String(on));
    press("ab", this.listening.original);
    press("level", this.listening.levelMatched);
    press("loop", this.player.loop !== null);
    const able = (id: string, on: boolean) => { (this.parts[id] as HTMLButtonElement).disabled = !on; };
    able("undo", this.history !== null && edit.canUndo(this.history));
    able("redo", this.history !== null && edit.canRedo(this.history));
    const free = this.job?.state !== "running";
    able("export", this.fit !== null && free);
    able("settings", free);
    able("separate", this.fit !== null && free);
    able("ab", this.fit !== null);
    if (this.paint.source >= this.edits.sources.length) this.paint.source = 0;
    this.tools.refresh();
    this.stage.refresh();
    this.side.refresh();
    this.drawFoot();
    this.draw();
  }

  /** Draw at the next frame. */
  draw(): void {
    if (this.frame || this.closed) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (this.closed) return;
      if (this.player.playing) this.view = follow(this.view, this.player.duration, this.player.at);
      const play = this.parts.play;
      const label = this.player.playing ? "❚❚ Pause" : "▶ Play";
      if (play.textContent !== label) play.textContent = label;
      this.parts.time.textContent = `${clock(this.player.at)} / ${clock(this.player.duration)}`;
      this.stage.draw();
      if (this.player.playing) this.draw();
    });
  }

  private drawFoot(): void {
    const { job } = this;
    const running = job?.state === "running";
    const state = { saved: "All changes saved", saving: "Saving …", failed: "Not saved" }[this.saved];
    const stage = { analyze: "Looking at the recording", fit: { refit: "Fitting on", separate: "Separating" }[job?.what ?? ""] ?? "Finding components", render: "Writing", begin: "Beginning" }[job?.stage ?? "begin"] ?? job?.stage;
    const { progress, stage: word, working, said, saved, note } = this.parts;
    working.hidden = !running;
    said.hidden = running;
    if (running && job) {
      word.textContent = `${stage} …`;
      (progress as HTMLProgressElement).max = job.total || 1;
      (progress as HTMLProgressElement).value = job.done;
      this.tellProgress(`${stage}`, job);
    } else this.told = "";
    note.textContent = quoted(this.fit?.notes[0] ?? "");
    saved.textContent = state;
  }

  /** Say how far it is to those who cannot see it: at its begin, and at every quarter of each stage. */
  private tellProgress(stage: string, job: api.Job): void {
    const quarter = Math.floor((4 * job.done) / (job.total || 1));
    const telling = `${stage}${quarter > 0 && quarter < 4 ? `, ${25 * quarter} %` : ""}`;
    if (telling === this.told) return;
    this.told = telling;
    byId("announce").textContent = telling;
  }

  private key(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    if (document.querySelector("dialog[open]") || (target instanceof HTMLInputElement && target.type !== "range") || target instanceof HTMLSelectElement) return;
    const command = event.ctrlKey || event.metaKey;
    const { key } = event;
    const count = this.fit?.components.length ?? 0;
    const brushes = this.tool === "brush" || this.tool === "erase";
    const pan = (share: number) => this.setView(panTime(this.view, this.player.duration, share * (this.view.to - this.view.from)));
    const pick = (step: number) => {
      if (count === 0) return;
      this.choose(this.chosen === null ? 0 : Math.min(Math.max(this.chosen + step, 0), count - 1));
      this.stage.reveal();
    };
    const does: Record<string, () => void> = {
      " ": () => this.playOrPause(),
      "0": () => this.hearAll(),
      ArrowDown: () => pick(1),
      ArrowUp: () => pick(-1),
      ArrowLeft: () => (event.shiftKey ? pan(-0.2) : this.player.seek(this.player.at - 1)),
      ArrowRight: () => (event.shiftKey ? pan(0.2) : this.player.seek(this.player.at + 1)),
      Home: () => this.player.seek(0),
      Enter: () => {
        if (brushes) this.lowerBrush();
        else if (this.chosen !== null) this.audition("component", this.chosen);
      },
      Backspace: () => (this.tool === "note" ? this.removeNote() : this.assign(null)),
      Delete: () => (this.tool === "note" ? this.removeNote() : this.assign(null)),
      h: () => this.setTool("move"),
      p: () => this.setTool("brush"),
      r: () => this.setTool("box"),
      x: () => this.setTool("erase"),
      n: () => this.setTool("note"),
      l: () => this.setTool("pitch"),
      f: () => this.refit(),
      d: () => this.boxLoop(),
      ",": () => { if (this.tool === "note") this.chooseNote(-1); },
      ".": () => { if (this.tool === "note") this.chooseNote(1); },
      "+": () => this.zoom(2),
      "=": () => this.zoom(2),
      "-": () => this.zoom(0.5),
      "*": () => this.setView(whole(this.player.duration)),
      "[": () => this.setView(zoomFrequency(this.view, 0.3, 0.8)),
      "]": () => this.setView(zoomFrequency(this.view, 0.3, 1.25)),
      b: () => this.setListening({ original: !this.listening.original }),
      v: () => this.setListening({ levelMatched: !this.listening.levelMatched }),
      o: () => this.toggleLoop(),
      s: () => { if (this.chosen !== null) this.toggle("soloComponents", this.chosen); },
      m: () => { if (this.chosen !== null) this.toggle("mutedComponents", this.chosen); },
      c: () => this.setMode(this.mode === "levels" ? "sources" : this.mode === "sources" ? "chosen" : "levels"),
      e: () => { if (this.fit) exportDialog(this); },
      a: () => this.openSeparate(),
      "?": () => keysDialog(this),
      Escape: () => (this.tool === "move" ? this.hearAllQuietly() : this.setTool("move")),
    };
    const nudge: Record<string, [number, number]> = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-0.01, 0], ArrowRight: [0.01, 0] };
    let action: (() => void) | undefined;
    if (event.altKey && this.tool === "note" && nudge[key]) action = () => this.moveNote(...nudge[key]);
    else if (event.altKey && brushes && nudge[key]) {
      const [right, up] = nudge[key];
      action = () => this.stage.nudge(Math.sign(right) * BRUSH_STEP, -Math.sign(up) * BRUSH_STEP);
    }
    else if (command) {
      if (key.toLowerCase() === "z") action = () => (event.shiftKey ? this.redo() : this.undo());
      else if (key.toLowerCase() === "y") action = () => this.redo();
    } else if (/^[1-9]$/.test(key)) action = () => (this.tool === "brush" || this.tool === "box" ? this.paintFor(Number(key) - 1) : this.assign(Number(key) - 1));
    else action = does[key] ?? does[key.toLowerCase()];
    // A focused button keeps its own space and enter.
    if (!action || ((key === " " || key === "Enter") && target instanceof HTMLButtonElement)) return;
    event.preventDefault();
    action();
  }

  private hearAllQuietly(): void {
    this.listening = { ...mix.everything(), levelMatched: this.listening.levelMatched };
    this.heard();
  }

  /** The chip of a component: its number in its source's colour. */
  chip(component: number, source: number): HTMLElement {
    const color = this.color(source);
    return h("button", { class: "chip", style: `background:${css(color)};color:${inkOn(color)}`, tabIndex: -1,
      "aria-label": `Hear component ${component} alone`, title: "Hear it alone (Enter)",
      onclick: (event: Event) => { event.stopPropagation(); this.audition("component", component); } }, String(component));
  }
}
