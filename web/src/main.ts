// The address comes in; the welcome or a project goes out.

import * as api from "./api";
import { byId, h } from "./dom";
import { Workbench } from "./workbench";

const { project } = api.readAddress();
const root = byId("app");
let workbench: Workbench | null = null;

const stored = localStorage.getItem("theme");
const dark = stored ? stored === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
document.documentElement.dataset.theme = dark ? "dark" : "light";

/** Open a project of this server. */
async function show(id: number, guided = false): Promise<void> {
  workbench?.close();
  root.replaceChildren(h("div", { class: "waiting", style: "height:100vh" }, h("h2", {}, "Opening …"), h("progress")));
  try {
    const opened = await api.getProject(id);
    history.replaceState(null, "", `/#project=${id}`);
    document.title = `${opened.name} · Unbraid studio`;
    workbench = new Workbench(root, opened, { open: () => void welcome(), switchTo: (other) => void show(other) });
    // For tests and the curious.
    Object.assign(window, { studio: workbench });
    await workbench.start(guided);
  } catch (error) {
    await welcome(error);
  }
}

async function welcome(error: unknown = null): Promise<void> {
  workbench?.close();
  workbench = null;
  document.title = "Unbraid studio";
  history.replaceState(null, "", "/");
  let studio: api.Studio;
  try {
    studio = await api.getStudio();
  } catch (refused) {
    root.replaceChildren(lost(refused));
    return;
  }
  const opening = async (what: () => Promise<{ id: number }>, guided = false) => {
    root.replaceChildren(h("div", { class: "waiting", style: "height:100vh" }, h("h2", {}, "Reading the recording …"), h("progress")));
    try {
      await show((await what()).id, guided);
    } catch (refused) {
      await welcome(refused);
    }
  };
  const take = (file: File | undefined) => {
    if (!file) return;
    if (file.size > studio.mostUploadBytes) {
      void welcome(new api.Refusal(`${file.name} is longer than ${Math.round(studio.mostUploadBytes / 2 ** 20)} MiB.`, 0, `Open it by its path: unbraid studio "${file.name}"`));
    } else void opening(() => api.upload(file));
  };
  const chooser = h("input", { type: "file", accept: ".wav,.flac,.mp3,.ogg,.m4a,.aif,.aiff,.caf,.mka,audio/*", class: "unseen", tabIndex: -1, "aria-label": "A recording", onchange: () => take(chooser.files?.[0]) });
  const drop = h("div", {
    class: "drop",
    ondragover: (event: DragEvent) => { event.preventDefault(); drop.classList.add("over"); },
    ondragleave: () => drop.classList.remove("over"),
    ondrop: (event: DragEvent) => { event.preventDefault(); take(event.dataTransfer?.files[0]); },
  },
    h("h2", {}, "Drop a recording here"),
    h("div", { class: "soft" }, "WAV, FLAC, MP3, Ogg, M4A, AIFF and more. It stays on this computer."),
    h("div", { class: "buttons", style: "justify-content:center" },
      h("button", { class: "main", onclick: () => chooser.click() }, "Choose a file …"),
      h("button", { id: "demo", onclick: () => void opening(api.openDemo, true) }, "Try the demo clip (two-minute tour)")),
    chooser);
  root.replaceChildren(h("main", { class: "welcome" },
    h("div", {}, h("h1", {}, "Unbraid studio"), h("p", { class: "soft" }, "See what a recording is made of, hear each part, and decide what belongs together.")),
    error !== null && h("div", { class: "banner", role: "alert" }, h("span", {}, api.words(error))),
    drop,
    studio.open.length > 0 && h("section", { class: "recent" }, h("h3", {}, "Open now"),
      ...studio.open.map((one) => h("button", { onclick: () => void show(one.id) }, one.name))),
    h("section", { class: "recent" }, h("h3", {}, "Recent projects"),
      ...(studio.recent.length === 0 ? [h("div", { class: "soft" }, `None yet. Projects are kept in ${studio.folder}`)] : []),
      ...studio.recent.map((name) => h("button", { onclick: () => void opening(() => api.openRecent(name)) }, name.replace(/\.unbraid$/, ""))))));
}

function lost(error: unknown): HTMLElement {
  return h("main", { class: "welcome" }, h("h1", {}, "The studio cannot be reached"),
    h("div", { class: "banner", role: "alert" }, h("span", {}, api.words(error))),
    h("button", { class: "main", onclick: () => void welcome() }, "Try again"));
}

void (project === null ? welcome() : show(project));
