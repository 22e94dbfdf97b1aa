// Questions in front of the page: settings, export, keys, names.

import * as api from "./api";
import { h, nodes } from "./dom";
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

/** How components are found: every option of the command line, plain words first. */
export function settingsDialog(bench: Workbench): void {
  const now = structuredClone(bench.project.settings);
  const { blind } = now;
  const components = number("How many components", "Too few and sounds share one; too many and one sound falls apart. (-k)", blind.components, 1, 64, 1);
  const iterations = number("How thorough", "Steps of the fit: 60 for a first listen, 200 is thorough. (--iterations)", blind.fit.iterations, 1, 5000, 1);
  const seed = number("Another try", "Any other number starts from elsewhere. (--seed)", blind.seed, 0, 2 ** 31, 1);
  const channels = choice("Left and right", "A gain per channel helps where sources stand apart. (--channels)", now.channels, [["sum", "together"], ["pan", "tell places apart"]]);
  const sparsity = number("Fewer notes at a time", "0 is off, 0.1 a start. (--sparsity)", blind.penalties.activations_l1, 0, 100, "any");
  const continuity = number("Longer sounds", "0 is off, 1 a start. (--continuity)", blind.penalties.continuity, 0, 1000, "any");
  const beta = number("Misfit β", "1: Kullback–Leibler, 0: Itakura–Saito, 2: Euclidean. (--beta)", blind.fit.beta, -1, 3, "any");
  const quantity = choice("Of what", "Powers go with β = 0. (--quantity)", now.quantity, [["magnitude", "magnitudes"], ["power", "powers"]]);
  const init = choice("Begin from", "(--init)", blind.init, [["random", "random factors"], ["nndsvdar", "singular vectors"], ["subsampled", "a quick fit of every few frames"]]);
  const restarts = number("Further tries", "The best is kept. (--restarts)", blind.restarts, 0, 50, 1);
  const tolerance = number("Stop early", "When ten steps gain less than this share; empty: never. (--tolerance)", blind.fit.tolerance ?? "", 0, 0.99, "any");
  const fftLen = number("Samples per frame", "Empty: nearest to 93 ms. (--fft-len)", now.stft?.fft_len ?? "", 16, 1 << 17, 1);
  const hopLen = number("Samples from frame to frame", "Empty: a quarter of it. (--hop-len)", now.stft?.hop_len ?? "", 1, 1 << 17, 1);
  const window = choice("Window", "(--window)", now.stft?.window ?? "hann", ["hann", "hamming", "blackman", "sine", "rectangular"].map((name) => [name, name]));
  const exact = choice("Steps", "(--exact)", String(blind.fit.exact), [["false", "looking ahead (faster)"], ["true", "plain, as published"]]);
  const portable = choice("Instructions", "(--portable)", String(blind.fit.portable), [["false", "this processor's best"], ["true", "the same bytes on every machine"]]);
  const value = (field: Field) => field.input.value;
  const form = h("form", { method: "dialog", onsubmit: () => {
    const optional = (field: Field) => (value(field) === "" ? null : Number(value(field)));
    const settings: api.Settings = {
      ...now,
      quantity: value(quantity), channels: value(channels),
      stft: optional(fftLen) === null ? null : {
        window: value(window), window_len: Number(value(fftLen)), fft_len: Number(value(fftLen)),
        hop_len: optional(hopLen) ?? Math.max(Math.floor(Number(value(fftLen)) / 4), 1),
      },
      blind: {
        ...blind, components: Number(value(components)), init: value(init), seed: Number(value(seed)), restarts: Number(value(restarts)),
        penalties: { ...blind.penalties, activations_l1: Number(value(sparsity)), continuity: Number(value(continuity)) },
        fit: { beta: Number(value(beta)), iterations: Number(value(iterations)), tolerance: optional(tolerance), portable: value(portable) === "true", exact: value(exact) === "true" },
      },
    };
    void bench.run(() => api.startFit(bench.project.id, settings));
  } },
    h("h2", {}, "Find components"), ...[components, iterations, seed, channels, sparsity, continuity].map(row),
    h("details", {}, h("summary", {}, "Everything else"), h("div", {}, ...[beta, quantity, init, restarts, tolerance, fftLen, hopLen, window, exact, portable].map(row))),
    h("div", { class: "soft" }, "This finds new components; what you assigned stays in the history, one undo away."),
    h("div", { class: "end" }, h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), h("button", { class: "main", id: "find" }, "Find components")));
  const dialog = open("Find components", form);
}

/** Write files, and the command line that makes the same. */
export function exportDialog(bench: Workbench): void {
  const what = choice("What", "", "stems", [["stems", "a stem per source"], ["components", "a file per component"], ["music", "notes (MIDI, CSV) and pitch (f0)"],
    ...(bench.project.singer ? [["singer", "the singer and the piano"] as [string, string]] : [])]);
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

async function save(bench: Workbench, file: string): Promise<void> {
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
    ["D", "box the loop, without a pointer"], ["H, Esc", "the hand again"], ["F", "refit"], ["Ctrl-click", "choose several rows"],
  ];
  const dialog = open("Keys", h("div", { class: "inside" }, h("h2", {}, "Keys"),
    h("div", { class: "keys" }, ...keys.flatMap(([key, words]) => [h("kbd", {}, key), h("span", {}, words)])),
    h("div", { class: "soft" }, "On the picture: wheel zooms, drag moves (the middle button always), click goes there, Alt and wheel zooms frequencies. On the ruler: drag a loop."),
    h("div", { class: "end" }, h("button", { onclick: () => { dialog.close(); bench.startGuide(); } }, "Take the tour"), h("button", { class: "main", onclick: () => dialog.close() }, "Close"))));
}
