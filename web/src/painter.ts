// Pointer moves over the picture come in; regions, notes and pitches go out, by the tool in hand.

import { shareToHz, timeToX, xToTime, yToShare } from "./geometry";
import * as music from "./music";
import * as regions from "./regions";
import type { Workbench } from "./workbench";

interface Spot { x: number; y: number; place: regions.Place; hz: number }

/** One drag: told of every move, and of its end. */
interface Gesture { move(spot: Spot): void; end(): void }

export class Painter {
  /** The line that is being drawn by keys. */
  private line: { before: regions.Regions; after: regions.Regions; name: string; places: regions.Place[] } | null = null;

  constructor(private readonly bench: Workbench, private readonly element: HTMLElement) {
    element.addEventListener("pointermove", (event) => {
      if (bench.tool === "move") return;
      bench.pointer = this.spot(event);
      bench.draw();
    });
    element.addEventListener("pointerleave", () => {
      bench.pointer = null;
      bench.draw();
    });
  }

  /** Begin what the tool does; false if it does nothing, and the picture is to be moved instead. */
  begin(event: PointerEvent): boolean {
    const gesture = this.gesture(this.spot(event), event);
    if (!gesture) return false;
    this.element.setPointerCapture(event.pointerId);
    const move = (e: PointerEvent) => {
      // Browsers may gather several moves in one event.
      for (const each of e.getCoalescedEvents?.() ?? [e]) gesture.move(this.spot(each));
      this.bench.draw();
    };
    const end = () => {
      this.element.removeEventListener("pointermove", move);
      this.element.removeEventListener("pointerup", end);
      this.element.removeEventListener("pointercancel", end);
      gesture.end();
      this.bench.draw();
    };
    this.element.addEventListener("pointermove", move);
    this.element.addEventListener("pointerup", end);
    this.element.addEventListener("pointercancel", end);
    this.bench.draw();
    return true;
  }

  /** The brush or the eraser, moved by keys: by so many pixels, from the playhead if it was nowhere yet. */
  nudge(dx: number, dy: number): void {
    const { bench, element } = this;
    const { clientWidth: width, clientHeight: height } = element;
    const within = (value: number, most: number) => Math.min(Math.max(value, 0), most);
    const from = bench.pointer ?? { x: timeToX(bench.view, width, bench.player.at), y: height / 2 };
    const to = { x: within(from.x + dx, width), y: within(from.y + dy, height) };
    bench.pointer = to;
    if (bench.brushDown) this.mark(this.place(from.x, from.y), this.place(to.x, to.y));
    bench.draw();
  }

  /** What a step of the brush or of the eraser leaves behind. */
  private mark(from: Spot, to: Spot): void {
    const { bench } = this;
    const { regions: before } = bench.edits;
    const radius = this.radius(bench.paint.radius);
    if (bench.tool === "erase") {
      const left = regions.erase(before, bench.project.picture, to.place, radius);
      if (left !== before) bench.drawn(left, "rubbed out");
      return;
    }
    const { source, strength } = bench.paint;
    const { name } = bench.edits.sources[source];
    // A line goes on as long as nothing else was done; it is one step to undo.
    const goesOn = this.line !== null && this.line.after === before && this.line.name === name;
    if (!goesOn || !this.line) this.line = { before, after: before, name, places: [from.place] };
    this.line.places.push(to.place);
    const strokes = regions.strokesOf(bench.project.picture, name, strength, this.line.places, radius);
    this.line.after = { ...this.line.before, strokes: [...this.line.before.strokes, ...strokes] };
    bench.drawn(this.line.after, `painted for ${name}`, goesOn);
  }

  private spot(event: MouseEvent): Spot {
    const { left, top } = this.element.getBoundingClientRect();
    return this.place(event.clientX - left, event.clientY - top);
  }

  private place(x: number, y: number): Spot {
    const { width, height } = this.element.getBoundingClientRect();
    const { view, project, player } = this.bench;
    const secs = Math.min(Math.max(xToTime(view, width, x), 0), player.duration);
    const share = Math.min(Math.max(yToShare(view, height, y), 0), 1);
    return { x, y, place: [secs, share], hz: shareToHz(project.picture, share) };
  }

  /** So many pixels in seconds and in shares of the frequency axis. */
  private radius(pixels: number): regions.Place {
    const { view } = this.bench;
    return [(pixels / this.element.clientWidth) * (view.to - view.from), (pixels / this.element.clientHeight) * (view.high - view.low)];
  }

  private gesture(begun: Spot, event: PointerEvent): Gesture | null {
    const { bench } = this;
    if (event.button !== 0 || !bench.fit) return null;
    switch (bench.tool) {
      case "move": return null;
      case "brush": return this.brush(begun);
      case "box": return this.box(begun);
      case "erase": return this.eraser(begun);
      case "note": return this.note(begun);
      case "pitch": return this.pitch(begun, event.altKey);
    }
  }

  private brush(begun: Spot): Gesture {
    const { bench } = this;
    const { source, strength } = bench.paint;
    const name = bench.edits.sources[source].name;
    const line: regions.Place[] = [begun.place];
    const before = bench.edits.regions;
    const drawn = () => ({ ...before, strokes: [...before.strokes, ...regions.strokesOf(bench.project.picture, name, strength, line, this.radius(bench.paint.radius))] });
    bench.draft = { regions: drawn() };
    return {
      move: ({ place }) => {
        line.push(place);
        bench.draft = { regions: drawn() };
      },
      end: () => bench.drawn(drawn(), `painted for ${name}`),
    };
  }

  private box(begun: Spot): Gesture {
    const { bench } = this;
    const { source, strength } = bench.paint;
    const name = bench.edits.sources[source].name;
    const before = bench.edits.regions;
    let last = begun;
    const drawn = () => regions.addBox(before, bench.project.picture, name, strength, begun.place, last.place);
    return {
      move: (spot) => {
        last = spot;
        bench.draft = { regions: drawn() };
      },
      end: () => {
        bench.draft = null;
        if (Math.abs(last.x - begun.x) > 3 && Math.abs(last.y - begun.y) > 3) bench.drawn(drawn(), `box for ${name}`);
      },
    };
  }

  private eraser(begun: Spot): Gesture {
    const { bench } = this;
    const before = bench.edits.regions;
    let left = before;
    const rub = ({ place }: Spot) => {
      left = regions.erase(left, bench.project.picture, place, this.radius(bench.paint.radius));
      bench.draft = { regions: left };
    };
    rub(begun);
    return {
      move: rub,
      end: () => {
        bench.draft = null;
        if (left !== before) bench.drawn(left, "rubbed out");
      },
    };
  }

  private note(begun: Spot): Gesture {
    const { bench } = this;
    const key = music.hzToKey(begun.hz);
    let notes = bench.notes();
    const near = this.radius(5)[0];
    let hit = music.noteAt(notes, begun.place[0], key, near);
    const made = hit === null;
    if (hit === null) {
      const onset = begun.place[0];
      notes = [...notes, { onset_secs: onset, offset_secs: onset + 0.05, key: Math.round(key), velocity: 90, track: 0, confidence: 1 }];
      hit = { at: notes.length - 1, part: "end" };
    }
    const { at, part } = hit;
    bench.chosenNote = at;
    let now = notes;
    let moved = false;
    return {
      move: ({ x, place, hz }) => {
        moved ||= Math.abs(x - begun.x) > 2 || Math.round(music.hzToKey(hz) - key) !== 0;
        now = music.dragged(notes, at, part, place[0] - begun.place[0], part === "all" ? Math.round(music.hzToKey(hz) - key) : 0);
        bench.draft = { notes: now };
      },
      end: () => {
        bench.draft = null;
        if (moved) bench.composed({ notes: now }, made ? "note added" : "note moved");
        else if (made) bench.chosenNote = null;
      },
    };
  }

  private pitch(begun: Spot, away: boolean): Gesture {
    const { bench } = this;
    const line: [number, number][] = [[begun.place[0], away ? 0 : begun.hz]];
    const drawn = () => music.redrawn(bench.edits.music.pitches, line);
    return {
      move: ({ place, hz }) => {
        line.push([place[0], away ? 0 : hz]);
        bench.draft = { pitches: drawn() };
      },
      end: () => {
        bench.draft = null;
        if (line.length > 1) bench.composed({ pitches: drawn() }, away ? "pitch taken away" : "pitch drawn");
      },
    };
  }
}

