// What a person draws: boxes and strokes in seconds and Hz, as pure functions. Their form is the server's and the command line's.

import { hzToShare, shareToHz, type Picture } from "./geometry";

export interface Area {
  source: string;
  /** What it takes from every other source there: 0 nothing, 1 nearly all. */
  strength: number;
  secs: [number, number];
  hz: [number, number];
}

export interface Stroke {
  source: string;
  strength: number;
  /** Corners of the line: seconds and Hz. */
  points: [number, number][];
  /** How wide the brush is: seconds and Hz. */
  width: [number, number];
}

export interface Regions {
  boxes: Area[];
  strokes: Stroke[];
}

/** A point of the picture: seconds, and a share of its logarithmic frequency axis. */
export type Place = [secs: number, share: number];

export const nothing = (): Regions => ({ boxes: [], strokes: [] });

export const isEmpty = (regions: Regions): boolean => regions.boxes.length === 0 && regions.strokes.length === 0;

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));
const point = (picture: Picture, [secs, share]: Place): [number, number] => [rounded(Math.max(secs, 0), 4), rounded(shareToHz(picture, share), 2)];

/** Add the box between two corners. */
export function addBox(regions: Regions, picture: Picture, source: string, strength: number, a: Place, b: Place): Regions {
  const [from, to] = [point(picture, a), point(picture, b)];
  const span = (at: 0 | 1): [number, number] => [Math.min(from[at], to[at]), Math.max(from[at], to[at])];
  return { ...regions, boxes: [...regions.boxes, { source, strength, secs: span(0), hz: span(1) }] };
}

/** Say that in a span there is nothing but this source. */
export function addSpan(regions: Regions, source: string, secs: [number, number], topHz: number): Regions {
  return { ...regions, boxes: [...regions.boxes, { source, strength: 1, secs: [rounded(secs[0], 4), rounded(secs[1], 4)], hz: [0, topHz] }] };
}

/** A brush is as wide in Hz everywhere on one stroke, but should look the same wherever it is: this far (in octaves) one stroke goes. */
const MOST_OCTAVES = 0.5;

/** The strokes of a line that was drawn with a brush of this radius (in seconds and in shares of the frequency axis). */
export function strokesOf(picture: Picture, source: string, strength: number, line: Place[], radius: Place): Stroke[] {
  const strokes: Stroke[] = [];
  const octaves = Math.log2(picture.highHz / picture.lowHz);
  let part: Place[] = [];
  const end = () => {
    if (part.length === 0) return;
    const shares = part.map(([, share]) => share);
    const middle = (Math.min(...shares) + Math.max(...shares)) / 2;
    const wide = shareToHz(picture, middle + radius[1]) - shareToHz(picture, middle - radius[1]);
    strokes.push({ source, strength, points: simplified(part, [radius[0] / 4, radius[1] / 4]).map((place) => point(picture, place)), width: [rounded(2 * radius[0], 4), rounded(wide, 2)] });
  };
  for (const place of line) {
    if (part.length > 0 && Math.abs(place[1] - part[0][1]) * octaves > MOST_OCTAVES) {
      const last = part[part.length - 1];
      end();
      part = [last];
    }
    part.push(place);
  }
  end();
  return strokes;
}

/** The line without corners that lie this near to it (Ramer, Douglas and Peucker). */
export function simplified(line: Place[], near: Place): Place[] {
  if (line.length < 3) return line;
  const [first, last] = [line[0], line[line.length - 1]];
  let [worst, at] = [0, 0];
  for (let n = 1; n < line.length - 1; n++) {
    const away = distance(line[n], first, last, near);
    if (away > worst) [worst, at] = [away, n];
  }
  if (worst <= 1) return [first, last];
  return [...simplified(line.slice(0, at + 1), near).slice(0, -1), ...simplified(line.slice(at), near)];
}

/** From a point to a line's piece, in units of `unit`. */
function distance(at: Place, from: Place, to: Place, unit: Place): number {
  const [x, y] = [(at[0] - from[0]) / unit[0], (at[1] - from[1]) / unit[1]];
  const [dx, dy] = [(to[0] - from[0]) / unit[0], (to[1] - from[1]) / unit[1]];
  const along = Math.min(Math.max((x * dx + y * dy) / (dx * dx + dy * dy || 1), 0), 1);
  return Math.hypot(x - along * dx, y - along * dy);
}

/** What is left when an eraser of this radius goes over a place: boxes go as a whole, strokes where they are touched. */
export function erase(regions: Regions, picture: Picture, place: Place, radius: Place): Regions {
  const share = (hz: number) => hzToShare(picture, Math.max(hz, picture.lowHz / 4));
  const touched = ({ secs, hz }: Area) =>
    place[0] >= secs[0] - radius[0] && place[0] <= secs[1] + radius[0] && place[1] >= share(hz[0]) - radius[1] && place[1] <= share(hz[1]) + radius[1];
  const boxes = regions.boxes.filter((box) => !touched(box));
  const strokes = regions.strokes.flatMap((stroke) => {
    const line = stroke.points.map(([secs, hz]): Place => [secs, share(hz)]);
    const reach: Place = [radius[0] + stroke.width[0] / 2, radius[1]];
    // Long straight pieces get corners in between, so that they can be cut anywhere.
    const fine = subdivided(line, reach);
    const stays = fine.map((corner) => Math.hypot((corner[0] - place[0]) / reach[0], (corner[1] - place[1]) / reach[1]) > 1);
    if (stays.every((stay) => stay)) return [stroke];
    const parts: Place[][] = [];
    fine.forEach((corner, n) => {
      if (!stays[n]) return;
      if (n === 0 || !stays[n - 1]) parts.push([]);
      parts[parts.length - 1].push(corner);
    });
    return parts.map((part) => ({ ...stroke, points: simplified(part, [reach[0] / 8, reach[1] / 8]).map((corner) => point(picture, corner)) }));
  });
  return boxes.length === regions.boxes.length && strokes.every((stroke, n) => stroke === regions.strokes[n]) && strokes.length === regions.strokes.length
    ? regions : { boxes, strokes };
}

function subdivided(line: Place[], step: Place): Place[] {
  const fine: Place[] = line.slice(0, 1);
  for (let n = 1; n < line.length; n++) {
    const [from, to] = [line[n - 1], line[n]];
    const count = Math.min(Math.max(Math.ceil(Math.max(Math.abs(to[0] - from[0]) / step[0], Math.abs(to[1] - from[1]) / step[1]) * 2), 1), 500);
    for (let k = 1; k <= count; k++) fine.push([from[0] + ((to[0] - from[0]) * k) / count, from[1] + ((to[1] - from[1]) * k) / count]);
  }
  return fine;
}

/** The same with every region of one name under another (null: gone). */
export function renamed(regions: Regions, from: string, to: string | null): Regions {
  const other = <T extends { source: string }>(all: T[]): T[] =>
    all.flatMap((one) => (one.source !== from ? [one] : to === null ? [] : [{ ...one, source: to }]));
  return { boxes: other(regions.boxes), strokes: other(regions.strokes) };
}
