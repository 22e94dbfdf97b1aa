// Levels and sources come in; colours go out.

export type Rgb = readonly [number, number, number];

/** Okabe and Ito's colours, as every picture of the program draws sources. */
export const SOURCES: readonly Rgb[] = [
  [0x00, 0x72, 0xb2], [0xd5, 0x5e, 0x00], [0x00, 0x9e, 0x73], [0xcc, 0x79, 0xa7],
  [0xe6, 0x9f, 0x00], [0x56, 0xb4, 0xe9], [0xf0, 0xe4, 0x42],
];

export const sourceColor = (source: number): Rgb => SOURCES[source % SOURCES.length];

/** A little lighter on a dark page, so that blue is seen. */
export const shown = (color: Rgb, dark: boolean): Rgb =>
  dark ? [mixed(color[0], 255, 0.25), mixed(color[1], 255, 0.25), mixed(color[2], 255, 0.25)] : color;

export const css = (color: Rgb, alpha = 1): string => `rgb(${color[0]} ${color[1]} ${color[2]} / ${alpha})`;

const mixed = (a: number, b: number, share: number): number => Math.round(a + (b - a) * share);

/** Black or white, whichever is read better on a colour (WCAG's luminance). */
export function inkOn(color: Rgb): string {
  const linear = color.map((value) => ((value / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  return luminance > 0.179 ? "#000" : "#fff";
}

/** Points of the colour map magma (van der Walt and Smith, CC0), evenly apart. */
const MAGMA: readonly Rgb[] = [
  [0, 0, 4], [20, 14, 54], [59, 15, 112], [100, 26, 128], [140, 41, 129], [183, 55, 121], [222, 73, 104],
  [247, 112, 92], [254, 159, 109], [254, 207, 146], [252, 253, 191],
];

export function ramp(points: readonly Rgb[], share: number): Rgb {
  const at = Math.min(Math.max(share, 0), 1) * (points.length - 1);
  const left = Math.min(Math.floor(at), points.length - 2);
  const [a, b] = [points[left], points[left + 1]];
  const t = at - left;
  return [mixed(a[0], b[0], t), mixed(a[1], b[1], t), mixed(a[2], b[2], t)];
}

export const magma = (share: number): Rgb => ramp(MAGMA, share);

/** A level byte's place between the quietest and the loudest that is drawn. */
export function levelShare(level: number, topDb: number, stepDb: number, peakDb: number, rangeDb: number): number {
  const db = topDb - (255 - level) * stepDb;
  return Math.min(Math.max((db - (peakDb - rangeDb)) / rangeDb, 0), 1);
}
