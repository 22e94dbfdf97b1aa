// Tiles are asked for, coloured and kept.

import { getTile, Refusal, type Project } from "./api";
import { levelShare, magma, ramp, type Rgb } from "./colors";

/** What a picture shows. */
export interface Look {
  /** Sets of components with the colour of each; null is the plain spectrogram. */
  sets: { members: number[]; color: Rgb }[] | null;
  /** Everything else faintly behind the sets. */
  behind: boolean;
  dark: boolean;
  rangeDb: number;
  revision: number;
  /** What was drawn so far. */
  sound: number;
}

/** Coloured tiles kept: a screen shows five to eight. */
const MOST = 160;

const setsText = (look: Look): string | null => look.sets && look.sets.map((set) => set.members.join(",")).join(";");

const keyOf = (look: Look, width: number, index: number): string =>
  [width, index, look.dark, look.rangeDb, look.sets ? `${look.revision}|${look.sound}|${look.behind}|${setsText(look)}|${look.sets.map((s) => s.color.join())}` : ""].join("/");

export class Tiles {
  private readonly levels = new Map<string, Uint8Array>();
  private readonly drawn = new Map<string, HTMLCanvasElement>();
  private readonly asked = new Set<string>();

  constructor(private readonly project: Project, private readonly changed: () => void) {}

  /** A tile, if it is there; if not, it is asked for, and `changed` is called when it has come. */
  get(look: Look, width: number, index: number): HTMLCanvasElement | null {
    const key = keyOf(look, width, index);
    const there = this.drawn.get(key);
    if (there) {
      // The least recently used is the first to go.
      this.drawn.delete(key);
      this.drawn.set(key, there);
      return there;
    }
    if (!this.asked.has(key)) {
      this.asked.add(key);
      void this.make(key, look, width, index);
    }
    return null;
  }

  private async make(key: string, look: Look, width: number, index: number): Promise<void> {
    try {
      const { id } = this.project;
      const plain = `${width}/${index}`;
      const [levels, shares] = await Promise.all([
        this.levels.get(plain) ?? getTile(id, width, index, null),
        look.sets && look.sets.length > 0 ? getTile(id, width, index, setsText(look)) : null,
      ]);
      this.levels.set(plain, levels);
      // Components that have changed meanwhile: the next picture asks anew.
      if (shares?.length === 0) return;
      this.drawn.set(key, this.paint(look, levels, shares));
      for (const oldest of this.drawn.keys()) {
        if (this.drawn.size <= MOST) break;
        this.drawn.delete(oldest);
      }
      for (const oldest of this.levels.keys()) {
        if (this.levels.size <= MOST) break;
        this.levels.delete(oldest);
      }
      this.changed();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      // Components that have changed meanwhile: the next picture asks anew.
    } finally {
      this.asked.delete(key);
    }
  }

  private paint(look: Look, levels: Uint8Array, shares: Uint8Array | null): HTMLCanvasElement {
    const { tile, rows, topDb, stepDb, peakDb } = this.project.picture;
    const canvas = document.createElement("canvas");
    canvas.width = tile;
    canvas.height = rows;
    const context = canvas.getContext("2d") as CanvasRenderingContext2D;
    const image = context.createImageData(tile, rows);
    const pixels = new Uint32Array(image.data.buffer);
    const strength = Float32Array.from({ length: 256 }, (_, level) => levelShare(level, topDb, stepDb, peakDb, look.rangeDb));
    const pack = (r: number, g: number, b: number) => (255 << 24) | (b << 16) | (g << 8) | r;
    if (!look.sets) {
      const table = Uint32Array.from(strength, (share) => {
        const [r, g, b] = look.dark ? magma(share) : paper(share);
        return pack(r, g, b) >>> 0;
      });
      for (let x = 0; x < tile; x++) {
        for (let row = 0; row < rows; row++) pixels[(rows - 1 - row) * tile + x] = table[levels[x * rows + row]];
      }
    } else {
      const plane = tile * rows;
      const colors = look.sets.map((set) => set.color);
      const ground = look.dark ? 0 : 255;
      for (let x = 0; x < tile; x++) {
        for (let row = 0; row < rows; row++) {
          const at = x * rows + row;
          const v = strength[levels[at]];
          let [r, g, b, rest] = [0, 0, 0, 1];
          for (let s = 0; s < colors.length; s++) {
            const share = shares ? shares[s * plane + at] / 255 : 0;
            r += share * colors[s][0];
            g += share * colors[s][1];
            b += share * colors[s][2];
            rest -= share;
          }
          const faint = look.behind ? Math.max(rest, 0) * (look.dark ? 70 : 205) : Math.max(rest, 0) * ground;
          // Bright colours where it is loud, as on paper or on black.
          const w = look.dark ? v * 1.25 : v;
          const mixed = (value: number) => Math.min(ground + (value + faint - ground) * w, 255);
          pixels[(rows - 1 - row) * tile + x] = pack(mixed(r), mixed(g), mixed(b)) >>> 0;
        }
      }
    }
    context.putImageData(image, 0, 0);
    return canvas;
  }
}

const PAPER: readonly Rgb[] = [[255, 255, 255], [244, 236, 247], [214, 184, 224], [176, 120, 190], [122, 60, 140], [66, 22, 84], [20, 6, 30]];
const paper = (share: number): Rgb => ramp(PAPER, share);
