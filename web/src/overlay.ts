// Regions, notes, pitch and words come in; they are drawn over the picture.

import { css, type Rgb } from "./colors";
import { hzToShare, shareToY, timeToX, type Picture, type View } from "./geometry";
import { keyName, keyToHz, type Note, type Pitch, type Sung } from "./music";
import type { Regions } from "./regions";

export interface Paper {
  context: CanvasRenderingContext2D;
  width: number;
  height: number;
  view: View;
  picture: Picture;
  dark: boolean;
}

const yOfHz = ({ view, height, picture }: Paper, hz: number): number => shareToY(view, height, hzToShare(picture, Math.max(hz, 1)));
const FONT = "600 11px system-ui, sans-serif";

/** Text that is read on any ground. */
function label({ context, dark }: Paper, text: string, x: number, y: number, color: string): void {
  context.font = FONT;
  context.lineWidth = 3;
  context.strokeStyle = dark ? "rgb(0 0 0 / .75)" : "rgb(255 255 255 / .85)";
  context.strokeText(text, x, y);
  context.fillStyle = color;
  context.fillText(text, x, y);
}

/** What was drawn, in the colours of the sources. */
export function drawRegions(paper: Paper, regions: Regions, colorOf: (source: string) => Rgb): void {
  const { context, width, view } = paper;
  const x = (secs: number) => timeToX(view, width, secs);
  for (const box of regions.boxes) {
    const [left, right] = box.secs.map(x);
    if (right < 0 || left > width) continue;
    const [bottom, top] = box.hz.map((hz) => yOfHz(paper, hz));
    const color = colorOf(box.source);
    context.fillStyle = css(color, 0.12 + 0.2 * box.strength);
    context.fillRect(left, top, right - left, bottom - top);
    context.strokeStyle = css(color);
    context.lineWidth = 1.5;
    context.strokeRect(left, top, right - left, bottom - top);
    if (right - left > 40 && bottom - top > 14) label(paper, box.source, Math.max(left, 0) + 4, Math.max(top, 0) + 12, css(color));
  }
  for (const stroke of regions.strokes) {
    const color = colorOf(stroke.source);
    const [wide, high] = stroke.width;
    context.beginPath();
    const dot = (secs: number, hz: number) => {
      const [left, right] = [x(secs - wide / 2), x(secs + wide / 2)];
      const [top, bottom] = [yOfHz(paper, hz + high / 2), yOfHz(paper, hz - high / 2)];
      context.rect(left, top, Math.max(right - left, 1), Math.max(bottom - top, 1));
    };
    stroke.points.forEach(([secs, hz], n) => {
      const before = stroke.points[n - 1] ?? [secs, hz];
      // All of it is one path, so that it is as strong everywhere.
      const apart = Math.hypot(x(secs) - x(before[0]), yOfHz(paper, hz) - yOfHz(paper, before[1]));
      const steps = Math.min(Math.max(Math.ceil(apart / 4), 1), 400);
      for (let k = 1; k <= steps; k++) dot(before[0] + ((secs - before[0]) * k) / steps, before[1] + ((hz - before[1]) * k) / steps);
    });
    context.fillStyle = css(color, 0.25 + 0.3 * stroke.strength);
    context.fill("nonzero");
  }
}

/** A piano roll: every note a bar at its pitch. */
export function drawNotes(paper: Paper, notes: Note[], colorOf: (note: Note) => Rgb, chosen: number | null): void {
  const { context, width, view, dark } = paper;
  notes.forEach((note, at) => {
    const [left, right] = [note.onset_secs, note.offset_secs].map((secs) => timeToX(view, width, secs));
    if (right < 0 || left > width) return;
    const [top, bottom] = [0.4, -0.4].map((keys) => yOfHz(paper, keyToHz(note.key + keys)));
    const tall = Math.max(bottom - top, 4);
    context.fillStyle = css(colorOf(note), 0.35 + 0.5 * (note.velocity / 127));
    context.fillRect(left, (top + bottom - tall) / 2, Math.max(right - left, 2), tall);
    context.strokeStyle = at === chosen ? (dark ? "#fff" : "#000") : dark ? "rgb(0 0 0 / .7)" : "rgb(255 255 255 / .8)";
    context.lineWidth = at === chosen ? 2 : 1;
    context.strokeRect(left, (top + bottom - tall) / 2, Math.max(right - left, 2), tall);
    if (right - left > 28) label(paper, keyName(note.key), left + 3, (top + bottom) / 2 - tall / 2 - 2, dark ? "#fff" : "#000");
  });
}

/** The pitch as a line, broken where nothing is sung. */
export function drawPitch(paper: Paper, pitches: Pitch[]): void {
  const { context, width, view, dark } = paper;
  const path = () => {
    context.beginPath();
    let before: Pitch | null = null;
    for (const pitch of pitches) {
      if (pitch.time_secs < view.from - 0.1 || pitch.time_secs > view.to + 0.1) continue;
      const [x, y] = [timeToX(view, width, pitch.time_secs), yOfHz(paper, pitch.hz)];
      if (pitch.hz <= 0) before = null;
      else {
        if (before && pitch.time_secs - before.time_secs < 0.1) context.lineTo(x, y);
        else context.moveTo(x, y);
        before = pitch;
      }
    }
    context.stroke();
  };
  context.lineJoin = "round";
  context.strokeStyle = dark ? "rgb(0 0 0 / .8)" : "rgb(255 255 255 / .9)";
  context.lineWidth = 5;
  path();
  context.strokeStyle = dark ? "#ffe14d" : "#b00058";
  context.lineWidth = 2;
  path();
}

/** What is sung, along the bottom. */
export function drawWords(paper: Paper, words: Sung[]): void {
  const { context, width, height, view, dark } = paper;
  words.forEach((word, at) => {
    const [left, right] = [word.onset_secs, word.offset_secs].map((secs) => timeToX(view, width, secs));
    if (right < 0 || left > width) return;
    const y = height - 7;
    context.fillStyle = dark ? "rgb(255 255 255 / .5)" : "rgb(0 0 0 / .45)";
    context.fillRect(left, height - 4, Math.max(right - left - 1, 1), 3);
    const next = words[at + 1] ? timeToX(view, width, words[at + 1].onset_secs) : width;
    context.font = FONT;
    if (context.measureText(word.text).width < Math.max(next, right) - left + 4) label(paper, word.text.trim(), Math.max(left, 2), y, dark ? "#fff" : "#000");
  });
}

/** The brush where the pointer is. */
export function drawBrush({ context, dark }: Paper, at: { x: number; y: number }, radius: number, color: Rgb | null): void {
  context.beginPath();
  context.ellipse(at.x, at.y, radius, radius, 0, 0, 2 * Math.PI);
  if (color) {
    context.fillStyle = css(color, 0.3);
    context.fill();
  }
  context.strokeStyle = dark ? "#fff" : "#000";
  context.lineWidth = 1.2;
  context.stroke();
}

