// The options of the command line, as it defines them, come in; how the page words and fills them goes out.

/** One option, as the server hands it over. */
export interface Offered {
  name: string;
  short: string | null;
  group: string;
  help: string;
  kind: "flag" | "number" | "text" | "choice" | "file" | "folder";
  choices?: string[];
  /** Whether a source goes with a file. */
  source?: "no" | "perhaps" | "needed";
  /** Whether one of a file's tracks can be chosen. */
  track?: boolean;
  value_name: string;
  usual: string | null;
  repeats: boolean;
}

/** One option that is given, as the server takes it. */
export interface Given { name: string; value?: string | null; file?: string | null; source?: string | null; track?: string | null }

/** Longer than this, a title ends at its first comma. */
const LONG = 70;

/** What the help says, in two: what the option is, and the rest. */
export function worded(help: string): { title: string; rest: string } {
  const ends = [help.search(/[:;](?=\s)/), help.search(/\.(?=\s)/), help.indexOf(", such as"), help.search(/ [([]/)].filter((at) => at > 0);
  let end = Math.min(...ends, help.length);
  const comma = help.indexOf(", ");
  if (end > LONG && comma > 0) end = Math.min(end, comma);
  return { title: help.slice(0, end), rest: help.slice(end).replace(/^[:;.,]?\s*/, "") };
}

/** What holds without the option, where the help says so (`[default: the recording's]`). */
export const standard = (help: string): string | null => help.match(/\[default: ([^\]]*)\]/)?.[1] ?? null;

/** Whether an option is what somebody looks for: every word of it is in its name, its help or its group. */
export function matches(option: Offered, search: string): boolean {
  const text = `--${option.name} -${option.short ?? ""} ${option.help} ${option.group} ${(option.choices ?? []).join(" ")}`.toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** The groups of options, in their order. */
export function groups(options: Offered[]): [string, Offered[]][] {
  const found = new Map<string, Offered[]>();
  for (const option of options) found.set(option.group, [...(found.get(option.group) ?? []), option]);
  return [...found];
}

/** Words of the command line (`-k 24 --exact`) as what was given. */
export function fromWords(words: string[], options: Offered[]): Given[] {
  const given: Given[] = [];
  for (let at = 0; at < words.length; at++) {
    const option = options.find(({ name, short }) => words[at] === `--${name}` || (short !== null && words[at] === `-${short}`));
    if (!option) continue;
    if (option.kind === "flag") given.push({ name: option.name });
    else given.push({ name: option.name, value: words[++at] });
  }
  return given;
}

/** What is given once its empty fields are left out: an option whose value is missing is not given. */
export function tidy(given: Given[], options: Offered[]): Given[] {
  return given.flatMap((one) => {
    const option = options.find(({ name }) => name === one.name);
    if (!option) return [];
    const filled = Object.fromEntries(Object.entries(one).filter(([, value]) => typeof value === "string" && value.trim() !== "")) as unknown as Given;
    if (option.kind === "flag") return [filled];
    const takesFile = option.kind === "file" || option.kind === "folder";
    return (takesFile ? filled.file : filled.value) === undefined ? [] : [filled];
  });
}

/** A name for a folder of files that is not there yet. */
export function freeName(name: string, taken: string[]): string {
  for (let number = 1; ; number++) {
    const free = number === 1 ? name : `${name}-${number}`;
    if (!taken.includes(free)) return free;
  }
}
