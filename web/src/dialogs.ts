// Questions in front of the page: settings, export, keys, names.

import * as api from "./api";
import { h, nodes } from "./dom";
import { fromWords, type Given, type Offered } from "./given";
import { OptionsForm } from "./options";
import type { Workbench } from "./workbench";

function open(title: string, ...content: Node[]): HTMLDialogElement {
  const dialog = h("dialog", { "aria-label": title }, ...content);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Ask for one name; null if the person thinks better of it. */
export function ask(title: string, label: string, value: string, problem: (value: string) => string | null, choices: string[], note = ""): Promise<string | null> {
  return new Promise((resolve) => {
    const list = h("datalist", { id: "choices" }, ...choices.map((choice) => h("option", { value: choice })));
    const input = h("input", { type: "text", value, "aria-label": label, maxLength: 80, id: "asked" });
    if (choices.length > 0) input.setAttribute("list", "choices");
    const wrong = h("small", { role: "alert", style: "color:var(--warn)" });
    const form = h("form", { method: "dialog", onsubmit: (event: Event) => {
      const text = input.value.trim();
      const said = problem(text);
      if (said) {
        event.preventDefault();
        wrong.textContent = said;
        return;
      }
      answer = text;
    } }, h("h2", {}, title), input, list,
      choices.length > 0 && h("div", { class: "buttons" }, ...choices.map((choice) => h("button", { type: "button", onclick: () => { input.value = choice; form.requestSubmit(); } }, choice))),
      note !== "" && h("small", { class: "soft" }, note), wrong,
      h("div", { class: "end" }, h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), h("button", { class: "main" }, "OK")));
    let answer: string | null = null;
    const dialog = open(title, form);
    dialog.addEventListener("close", () => resolve(answer));
    input.select();
  });
}

interface Field { label: string; help: string; input: HTMLInputElement | HTMLSelectElement }

const number = (label: string, help: string, value: number | string, least: number, most: number, step: number | "any"): Field =>
  ({ label, help, input: h("input", { type: "number", value: String(value), min: String(least), max: String(most), step: String(step) }) });
const choice = (label: string, help: string, value: string, options: [string, string][]): Field =>
  ({ label, help, input: h("select", {}, ...options.map(([name, words]) => h("option", { value: name, selected: name === value }, words))) });
const row = ({ label, help, input }: Field): HTMLElement =>
  h("label", { class: "field" }, h("span", {}, label), input, h("small", {}, help));

/** The options of the command line are asked for once: they stay the same while the server runs. */
let options: Promise<Offered[]> | null = null;
const allOptions = (): Promise<Offered[]> => (options ??= api.getOptions().catch((error) => { options = null; throw error; }));

/** How components are found: the options of the command line that are about the fit. */
export async function settingsDialog(bench: Workbench): Promise<void> {
  const { project } = bench;
  try {
    const model = (await allOptions()).filter(({ group }) => group === "Model");
    const wrong = h("div", { role: "alert", class: "wrong" });
    const options = new OptionsForm(project, model, () => { wrong.textContent = ""; }, (error) => bench.fail(error));
    const form = h("form", { method: "dialog", class: "tall", onsubmit: async (event: Event) => {
      event.preventDefault();
      try {
        const settings = await api.settingsOf(project.id, options.read());
        dialog.close();
        void bench.run(() => api.startFit(project.id, settings));
      } catch (error) {
        wrong.textContent = api.words(error);
      }
    } },
      h("h2", {}, "Find components"), options.element, wrong,
      h("div", { class: "soft" }, "This finds new components; what you assigned stays in the history, one undo away."),
      h("div", { class: "end" }, h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), h("button", { class: "main", id: "find" }, "Find components")));
    options.write(fromWords(project.told, model));
    const dialog = open("Find components", form);
    dialog.classList.add("wide");
  } catch (error) {
    bench.fail(error);
  }
}

/** What was given last, in this tab, by project. */
const last = new Map<number, Given[]>();

/** Separate with everything that is known: every option of the command line, and the line itself. */
export async function separateDialog(bench: Workbench): Promise<void> {
  const { project } = bench;
  try {
    const all = await allOptions();
    await bench.settled();
    const { own, given } = await api.keepOwn(project.id);
    const line = h("pre", { id: "told", "aria-label": "The same on the command line" });
    const wrong = h("div", { role: "alert", class: "wrong" });
    const start = h("button", { class: "main", id: "separate-now" }, "Separate");
    let asked = 0;
    let timer = 0;
    const tell = async (): Promise<void> => {
      const at = ++asked;
      try {
        const { command } = await api.tell(project.id, options.read());
        if (at !== asked) return;
        line.textContent = command;
        wrong.textContent = "";
      } catch (error) {
        if (at === asked) wrong.textContent = api.words(error);
      }
      start.disabled = wrong.textContent !== "";
    };
    const options = new OptionsForm(project, all, () => { clearTimeout(timer); timer = window.setTimeout(() => void tell(), 150); }, (error) => { wrong.textContent = api.words(error); });
    const form = h("form", { method: "dialog", class: "tall", onsubmit: () => {
      const given = options.read();
      last.set(project.id, given);
      void bench.separate(given);
    } },
      h("h2", {}, "Separate with everything you know"),
      h("div", { class: "soft" }, "Stems by the whole program, beside the components. Nothing has to be filled in; files may be dropped on their options."),
      options.element, wrong, h("details", {}, h("summary", {}, "The same on the command line"), line),
      h("div", { class: "end" }, h("button", { type: "button", class: "quiet", onclick: () => options.write([]) }, "Clear all"), h("span", { class: "grow" }),
        h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), start));
    options.offer(given, own);
    options.write(last.get(project.id) ?? project.separated?.given ?? []);
    const dialog = open("Separate with everything you know", form);
    dialog.classList.add("wide");
  } catch (error) {
    bench.fail(error);
  }
}

/** Write files, and the command line that makes the same. */
export function exportDialog(bench: Workbench): void {
  const what = choice("What", "", "stems", [["stems", "a stem per source"], ["components", "a file per component"], ["music", "notes (MIDI, CSV) and pitch (f0)"]]);
  const format = choice("Format", "(--format)", "wav24", [["wav16", "WAV, 16 bit"], ["wav24", "WAV, 24 bit"], ["wav32f", "WAV, 32-bit float"], ["flac", "FLAC, 24 bit"], ["flac16", "FLAC, 16 bit"]]);
  const render = choice("Masks", "Each source gets its share of every bin; or the strongest gets it whole. (--render)", "ratio",
    [["ratio", "shares"], ["binary", "the strongest takes all"], ["model", "the model itself (does not add up)"]]);
  const exponent = number("Sharpness", "1 shares in proportion, 2 is the Wiener filter. (--exponent)", 1, 0.1, 16, "any");
  const residual = choice("What nothing explains", "(--residual)", "false", [["false", "is shared out"], ["true", "a stem of its own"]]);
  const status = h("div", { class: "files", role: "status" });
  const audio = h("div", { style: "display:grid;gap:12px" }, row(format),
    h("details", {}, h("summary", {}, "Masks and what is left over"), h("div", {}, ...[render, exponent, residual].map(row))));
  // Notes have no sample format.
  what.input.addEventListener("change", () => { audio.style.display = what.input.value === "music" ? "none" : "grid"; });
  const start = h("button", { class: "main", id: "write", autofocus: true }, "Write files");
  const form = h("form", { method: "dialog", onsubmit: async (event: Event) => {
    event.preventDefault();
    start.disabled = true;
    status.replaceChildren(h("progress"), h("span", { class: "soft" }, "Writing …"));
    const kind = render.input.value;
    const masks = kind === "ratio" ? { ratio: { exponent: Number(exponent.input.value) } } : kind;
    const job = await bench.run(() => api.startExport(bench.project.id, {
      what: what.input.value, format: format.input.value,
      stems: { render: masks, residual: residual.input.value === "true", portable: bench.project.settings.blind.fit.portable },
    }));
    start.disabled = false;
    if (job?.state !== "done" || !job.result) {
      status.replaceChildren(h("span", { role: "alert" }, job?.error ?? "Nothing was written."));
      return;
    }
    const { folder, files = [], commands = [], gain = 1 } = job.result;
    status.replaceChildren(...nodes(h("div", {}, "Written to ", h("b", {}, folder ?? "")),
      ...files.map((file) => h("div", { class: "line" }, h("span", { style: "flex:1" }, file.replace(/.*\//, "")),
        h("button", { type: "button", onclick: () => void save(bench, file) }, "Download"))),
      gain < 1 && h("small", { class: "soft" }, `All were turned down by ${(-20 * Math.log10(gain)).toFixed(2)} dB, or they would have clipped.`),
      commands.length > 0 && h("h3", {}, "The same on the command line"),
      ...commands.map((command) => h("pre", {}, command))));
    bench.guide?.did("export");
  } },
    h("h2", {}, "Export"), row(what), audio,
    status, h("div", { class: "end" }, h("button", { type: "button", onclick: () => dialog.close() }, "Close"), start));
  const dialog = open("Export", form);
}

/** Save a file of the project where the browser saves files. */
export async function save(bench: Workbench, file: string): Promise<void> {
  try {
    const blob = await api.getFile(bench.project.id, file);
    const url = URL.createObjectURL(blob);
    h("a", { href: url, download: file.replace(/.*\//, "") }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  } catch (error) {
    bench.fail(error);
  }
}

export function keysDialog(bench: Workbench): void {
  const keys: [string, string][] = [
    ["Space", "play, pause"], ["↑ ↓", "choose a component"], ["Enter", "hear it alone"], ["1 … 9", "give it to a source"], ["⌫", "back to the suggestion"],
    ["S, M", "solo, mute it"], ["0", "hear everything"], ["B", "compare with the untouched recording"], ["V", "level-matched or not"],
    ["← →", "a second back, on"], ["Shift ← →", "move the picture"], ["+ −", "zoom"], ["*", "the whole recording"], ["[ ]", "zoom frequencies"],
    ["O", "loop what is shown"], ["C", "levels, sources, what is chosen"], ["Ctrl Z, Ctrl Shift Z", "undo, redo"], ["E", "export"],
    ["P, R, X", "brush, box, eraser"], ["1 … 9", "with the brush: for which source"], ["N, L", "drag notes, draw the pitch"], [", .", "with notes: the one before, the next"], ["Alt arrows", "with notes: move it; with brush, eraser: move them"], ["Enter", "with brush, eraser: down, lifted"],
    ["D", "box the loop, without a pointer"], ["H, Esc", "the hand again"], ["F", "refit"], ["A", "separate with every option"], ["Ctrl-click", "choose several rows"],
  ];
  const dialog = open("Keys", h("div", { class: "inside" }, h("h2", {}, "Keys"),
    h("div", { class: "keys" }, ...keys.map(([key, words]) => h("div", {}, h("kbd", {}, key), h("span", {}, words)))),
    h("div", { class: "soft" }, "On the picture: wheel zooms, drag moves (the middle button always), click goes there, Alt and wheel zooms frequencies. On the ruler: drag a loop."),
    h("div", { class: "end" }, h("button", { onclick: () => { dialog.close(); bench.startGuide(); } }, "Take the tour"), h("button", { class: "main", autofocus: true, onclick: () => dialog.close() }, "Close"))));
  dialog.classList.add("wide");
}
