// A form of the command line's own options: grouped, searchable, plain words first; files go to the project.

import * as api from "./api";
import { h, nodes } from "./dom";
import { freeName, groups, matches, standard, tidy, worded, type Given, type Offered } from "./given";

/** What the page calls what a person drew or corrected, where an option takes it. */
const OWN: Record<string, string> = { regions: "What is drawn here", score: "The notes as they stand", melody: "The pitch as it stands", lyrics: "The words as they stand" };

export class OptionsForm {
  readonly element: HTMLElement;
  private readonly rows: { option: Offered; row: HTMLElement; read: () => Given[]; write: (given: Given[]) => void }[] = [];
  private readonly sections: { section: HTMLDetailsElement; count: HTMLElement; names: string[]; open: boolean }[] = [];
  private readonly none = h("div", { class: "soft", role: "status", hidden: true });
  private readonly names = h("datalist", { id: "source-names" });
  private entries: api.Entry[] = [];
  private own: Record<string, string> = {};
  private readonly redrawn: (() => void)[] = [];
  private searching = false;

  constructor(private readonly project: api.Project, private readonly options: Offered[], private readonly changed: () => void, private readonly failed: (error: unknown) => void) {
    const search = h("input", { type: "search", id: "search-options", placeholder: `Search ${options.length} options`, "aria-label": "Search the options", autocomplete: "off", autofocus: true,
      oninput: () => this.find(search.value) });
    this.names.append(...project.kinds.map((kind) => h("option", { value: kind })));
    const parts = groups(options).map(([group, all], at) => {
      const count = h("span", { class: "badge", hidden: true });
      const section = h("details", { class: "group", open: at === 0 }, h("summary", {}, h("span", {}, group), count),
        h("div", {}, ...all.map((option) => this.row(option))));
      this.sections.push({ section, count, names: all.map(({ name }) => name), open: at === 0 });
      return section;
    });
    this.element = h("div", { class: "options" }, search, this.names, ...parts, this.none);
  }

  /** What is given. */
  read(): Given[] {
    return tidy(this.rows.flatMap(({ read }) => read()), this.options);
  }

  write(given: Given[]): void {
    for (const { option, write } of this.rows) write(given.filter(({ name }) => name === option.name));
    this.touched();
  }

  /** The files that the project has, and what is drawn and corrected on the page, as files. */
  offer(entries: api.Entry[], own: Record<string, string>): void {
    this.entries = entries;
    this.own = own;
    for (const redraw of this.redrawn) redraw();
  }

  private find(search: string): void {
    // A search opens groups; after it they are as they were.
    if (!this.searching) for (const part of this.sections) part.open = part.section.open;
    this.searching = search !== "";
    for (const { option, row } of this.rows) row.hidden = !matches(option, search);
    const shown = new Set(this.rows.filter(({ row }) => !row.hidden).map(({ option }) => option.name));
    for (const part of this.sections) {
      part.section.hidden = !part.names.some((name) => shown.has(name));
      part.section.open = search === "" ? part.open : true;
    }
    this.none.hidden = shown.size > 0;
    this.none.textContent = `No option has “${search}” in its name or its words.`;
  }

  private touched(): void {
    const given = new Set(this.read().map(({ name }) => name));
    for (const { count, names } of this.sections) {
      const many = names.filter((name) => given.has(name)).length;
      count.hidden = many === 0;
      count.textContent = `${many} given`;
    }
    for (const { option, row } of this.rows) row.classList.toggle("given", given.has(option.name));
    const sources = this.read().find(({ name }) => name === "sources")?.value?.split(",") ?? this.project.kinds;
    this.names.replaceChildren(...sources.map((name) => h("option", { value: name.split("=")[0].trim() })));
    this.changed();
  }

  private row(option: Offered): HTMLElement {
    const { title, rest } = worded(option.help);
    const id = `option-${option.name}`;
    const { element, read, write } = option.kind === "file" || option.kind === "folder" ? this.files(option, title) : this.plain(option, id);
    const about = h("small", { id: `${id}-about` }, ...nodes(rest !== "" && `${rest.replaceAll("`", "").replace(/\.$/, "")}. `, h("code", {}, `--${option.name}${option.short ? `, -${option.short}` : ""}`)));
    const isPlain = element instanceof HTMLInputElement || element instanceof HTMLSelectElement;
    if (isPlain) element.setAttribute("aria-describedby", about.id);
    const row = h("div", { class: "field", role: isPlain ? undefined : "group", "aria-label": isPlain ? undefined : title },
      isPlain ? h("label", { for: id }, title) : h("span", {}, title), element, about);
    this.rows.push({ option, row, read, write });
    return row;
  }

  private plain({ name, kind, choices, usual, value_name, repeats, help }: Offered, id: string): Field {
    const oninput = () => this.touched();
    if (kind === "flag") {
      const input = h("input", { type: "checkbox", id, oninput });
      return { element: input, read: () => (input.checked ? [{ name }] : []), write: (given) => { input.checked = given.length > 0; } };
    }
    if (kind === "choice") {
      const select = h("select", { id, oninput }, h("option", { value: "" }, usual === null ? "as usual" : `${usual} (as usual)`),
        ...(choices ?? []).filter((choice) => choice !== usual).map((choice) => h("option", { value: choice }, choice)));
      return { element: select, read: () => [{ name, value: select.value }], write: (given) => { select.value = given[0]?.value ?? ""; } };
    }
    // Several values of an option that repeats stand apart by spaces.
    const input = h("input", { type: kind === "number" ? "number" : "text", id, placeholder: usual ?? standard(help) ?? (value_name === "HZ" ? "Hz" : value_name.toLowerCase()), autocomplete: "off", oninput });
    if (kind === "number") input.step = "any";
    return {
      element: input,
      read: () => (repeats ? input.value.split(/\s+/) : [input.value]).map((value) => ({ name, value })),
      write: (given) => { input.value = given.map(({ value }) => value ?? "").join(" "); },
    };
  }

  /** Files that are given, with the source and the track where they have one. */
  private files(option: Offered, title: string): Field {
    const { name, kind, repeats, source, track } = option;
    const isFolder = kind === "folder";
    let given: Given[] = [];
    const list = h("div", { class: "given-files" });
    const touched = () => { draw(); this.touched(); };
    const add = (file: string) => {
      const fresh: Given = { name, file };
      given = repeats ? [...given, fresh] : [fresh];
      touched();
    };
    const take = async (files: FileList | null | undefined): Promise<void> => {
      if (!files || files.length === 0) return;
      try {
        const folder = isFolder ? freeName("stems", this.entries.map((entry) => entry.name)) : null;
        for (const file of [...files].slice(0, isFolder || repeats ? 64 : 1)) {
          const kept = await api.give(this.project.id, file, folder);
          this.offer(kept.given, this.own);
          if (!isFolder) add(kept.name);
        }
        if (folder !== null) add(folder);
      } catch (error) {
        this.failed(error);
      }
    };
    const chooser = h("input", { type: "file", class: "unseen", tabIndex: -1, "aria-label": `${title}: files`, multiple: isFolder || repeats, onchange: () => { void take(chooser.files); chooser.value = ""; } });
    const draw = () => {
      const there = this.entries.filter((entry) => entry.folder === isFolder);
      const free = there.filter((entry) => !given.some(({ file }) => file === entry.name));
      const own = this.own[name];
      list.replaceChildren(...nodes(
        ...given.map((one, at) => h("div", { class: "line" },
          source !== undefined && source !== "no" && h("input", { type: "text", value: one.source ?? "", placeholder: source === "needed" ? "whose?" : "whose? (perhaps)", "aria-label": `Whose is ${one.file}?`,
            oninput: (event: Event) => { one.source = (event.target as HTMLInputElement).value; this.touched(); }, list: "source-names" }),
          h("span", { class: "file", title: one.file ?? "" }, one.file ?? ""),
          track === true && h("input", { type: "text", class: "short", value: one.track ?? "", placeholder: "track", "aria-label": `Which track of ${one.file}?`,
            oninput: (event: Event) => { one.track = (event.target as HTMLInputElement).value; this.touched(); } }),
          h("button", { type: "button", class: "tiny", "aria-label": `Do not give ${one.file}`, title: "Take away", onclick: () => { given = given.filter((_, other) => other !== at); touched(); list.querySelector<HTMLElement>("button")?.focus(); } }, "✕"))),
        (repeats || given.length === 0) && h("div", { class: "line" },
          h("button", { type: "button", class: "slim", id: `option-${name}`, "aria-label": `${title}: ${isFolder ? "choose files" : "choose a file"}`, onclick: () => chooser.click() }, isFolder ? "Choose files …" : "Choose a file …"),
          own !== undefined && !given.some(({ file }) => file === own) && h("button", { type: "button", class: "slim", onclick: () => add(own) }, OWN[name] ?? own),
          free.length > 0 && h("select", { "aria-label": `${title}: one that was given before`, onchange: (event: Event) => add((event.target as HTMLSelectElement).value) },
            h("option", { value: "" }, "given before …"), ...free.map((entry) => h("option", { value: entry.name }, entry.name))))));
    };
    this.redrawn.push(draw);
    draw();
    const element = h("div", {
      class: "files-field",
      ondragover: (event: DragEvent) => { event.preventDefault(); element.classList.add("over"); },
      ondragleave: () => element.classList.remove("over"),
      ondrop: (event: DragEvent) => { event.preventDefault(); element.classList.remove("over"); void take(event.dataTransfer?.files); },
    }, list, chooser);
    return { element, read: () => given, write: (now) => { given = now.map((one) => ({ ...one })); draw(); } };
  }
}

interface Field { element: HTMLElement; read: () => Given[]; write: (given: Given[]) => void }
