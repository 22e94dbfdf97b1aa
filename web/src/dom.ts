// Elements in one line each.

type Props = Record<string, unknown>;

/** Make an element: `on…` are listeners, `class` and `data-…` and `aria-…` attributes, the rest properties. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K, props: Props = {}, ...children: (Node | string | null | false)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value as EventListener);
    else if (name.includes("-") || name === "class" || name === "role" || name === "for" || name === "list") element.setAttribute(name, String(value));
    else if (name === "style") element.style.cssText = String(value);
    else (element as unknown as Props)[name] = value;
  }
  element.append(...nodes(...children));
  return element;
}

/** Those of some children that are there. */
export const nodes = (...children: (Node | string | null | false)[]): (Node | string)[] =>
  children.filter((child): child is Node | string => child !== null && child !== false);

/** The program's words as the page shows them: names in quotes. */
export const quoted = (text: string): string => text.replace(/`([^`]*)`/g, "“$1”");

export const byId = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;

/** Give a canvas as many pixels as the screen shows of it; says whether anything is visible. */
export function fit(canvas: HTMLCanvasElement): { width: number; height: number; context: CanvasRenderingContext2D } | null {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  const context = canvas.getContext("2d");
  if (width === 0 || height === 0 || !context) return null;
  const [w, k] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== k) {
    canvas.width = w;
    canvas.height = k;
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { width, height, context };
}
