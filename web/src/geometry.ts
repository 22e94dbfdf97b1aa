// Times, frequencies and pixels: pure functions, apart from the page.

/** What is visible: seconds from left to right, and shares of the (logarithmic) frequency axis from bottom to top. */
export interface View {
  from: number;
  to: number;
  low: number;
  high: number;
}

/** How the server's picture is made. */
export interface Picture {
  rows: number;
  tile: number;
  widths: number;
  frames: number;
  hopSecs: number;
  lowHz: number;
  highHz: number;
  topDb: number;
  stepDb: number;
  peakDb: number;
}

/** The shortest time that is shown across the whole width. */
const LEAST_SECS = 0.05;
/** The smallest part of the frequency axis that is shown. */
const LEAST_SHARE = 0.05;

export const whole = (duration: number): View => ({ from: 0, to: Math.max(duration, LEAST_SECS), low: 0, high: 1 });

export const timeToX = (view: View, width: number, secs: number): number =>
  ((secs - view.from) / (view.to - view.from)) * width;

export const xToTime = (view: View, width: number, x: number): number =>
  view.from + (x / width) * (view.to - view.from);

export const hzToShare = (picture: Picture, hz: number): number =>
  Math.log(hz / picture.lowHz) / Math.log(picture.highHz / picture.lowHz);

export const shareToHz = (picture: Picture, share: number): number =>
  picture.lowHz * Math.pow(picture.highHz / picture.lowHz, share);

export const shareToY = (view: View, height: number, share: number): number =>
  height * (1 - (share - view.low) / (view.high - view.low));

export const yToShare = (view: View, height: number, y: number): number =>
  view.low + (1 - y / height) * (view.high - view.low);

const clampSpan = (from: number, length: number, least: number, most: number): [number, number] => {
  const span = Math.min(Math.max(length, Math.min(least, most)), most);
  const start = Math.min(Math.max(from, 0), most - span);
  return [start, start + span];
};

/** Zoom the time axis by a factor (above 1: closer) around a time that stays in place. */
export function zoomTime(view: View, duration: number, around: number, factor: number): View {
  const length = (view.to - view.from) / factor;
  const most = Math.max(duration, LEAST_SECS);
  const span = Math.min(Math.max(length, Math.min(LEAST_SECS, most)), most);
  const share = (around - view.from) / (view.to - view.from);
  const [from, to] = clampSpan(around - share * span, span, LEAST_SECS, most);
  return { ...view, from, to };
}

/** Move along the time axis. */
export function panTime(view: View, duration: number, secs: number): View {
  const [from, to] = clampSpan(view.from + secs, view.to - view.from, LEAST_SECS, Math.max(duration, LEAST_SECS));
  return { ...view, from, to };
}

/** Zoom the frequency axis around a share of it that stays in place. */
export function zoomFrequency(view: View, around: number, factor: number): View {
  const span = Math.min(Math.max((view.high - view.low) / factor, LEAST_SHARE), 1);
  const share = (around - view.low) / (view.high - view.low);
  const [low, high] = clampSpan(around - share * span, span, LEAST_SHARE, 1);
  return { ...view, low, high };
}

/** Bring a time into view, for a playhead that runs out of it. */
export function follow(view: View, duration: number, secs: number): View {
  if (secs >= view.from && secs <= view.to) return view;
  const [from, to] = clampSpan(secs, view.to - view.from, LEAST_SECS, Math.max(duration, LEAST_SECS));
  return { ...view, from, to };
}

export interface TileSpan {
  width: number;
  first: number;
  last: number;
  /** Seconds that one tile is wide. */
  secs: number;
}

/** The tiles that show a view of so many pixels: at least one column per pixel, unless there is no finer one. */
export function tilesFor(view: View, pixels: number, picture: Picture): TileSpan {
  const framesPerPixel = (view.to - view.from) / picture.hopSecs / Math.max(pixels, 1);
  const width = Math.min(Math.max(Math.floor(Math.log2(Math.max(framesPerPixel, 1))), 0), picture.widths - 1);
  const secs = picture.tile * picture.hopSecs * 2 ** width;
  const count = Math.ceil(picture.frames / 2 ** width / picture.tile);
  const first = Math.min(Math.max(Math.floor(view.from / secs), 0), count - 1);
  const last = Math.min(Math.max(Math.floor(view.to / secs), first), count - 1);
  return { width, first, last, secs };
}

/** Times to label, and how to write them: steps of 1, 2 or 5, about one per `apart` pixels. */
export function timeTicks(view: View, pixels: number, apart = 90): { secs: number; label: string }[] {
  const rough = ((view.to - view.from) / Math.max(pixels, 1)) * apart;
  const steps = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
  const step = steps.find((candidate) => candidate >= rough) ?? 7200;
  const ticks = [];
  for (let n = Math.ceil(view.from / step - 1e-9); n * step <= view.to + 1e-9; n++) {
    ticks.push({ secs: n * step, label: clock(n * step, step < 1 ? (step < 0.1 ? 2 : 1) : 0) });
  }
  return ticks;
}

/** Such as 1:02.5. */
export function clock(secs: number, digits = 1): string {
  const scale = 10 ** digits;
  const rounded = Math.round(Math.max(secs, 0) * scale) / scale;
  const minutes = Math.floor(rounded / 60);
  const rest = (rounded - 60 * minutes).toFixed(digits);
  return `${minutes}:${rest.padStart(digits > 0 ? digits + 3 : 2, "0")}`;
}

/** The frequencies to label that are in view. */
export function frequencyTicks(picture: Picture, view: View): { share: number; label: string }[] {
  return [50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000]
    .map((hz) => ({ share: hzToShare(picture, hz), label: hz < 1000 ? `${hz}` : `${hz / 1000}k` }))
    .filter((tick) => tick.share >= view.low - 1e-9 && tick.share <= view.high + 1e-9);
}

/** The largest value of every pixel's frames, for a row of activations. */
export function peaks(values: Float32Array, hopSecs: number, view: View, pixels: number): Float32Array {
  const out = new Float32Array(pixels);
  const perPixel = (view.to - view.from) / pixels / hopSecs;
  const begin = view.from / hopSecs;
  for (let x = 0; x < pixels; x++) {
    const from = Math.max(Math.floor(begin + x * perPixel), 0);
    const to = Math.min(Math.max(Math.floor(begin + (x + 1) * perPixel), from + 1), values.length);
    let most = 0;
    for (let frame = from; frame < to; frame++) if (values[frame] > most) most = values[frame];
    out[x] = most;
  }
  return out;
}
