// The program and Chromium, started for whoever drives them.

import { spawn, type ChildProcess } from "node:child_process";
import { join, resolve } from "node:path";
import { chromium, type Browser } from "playwright-core";

// Started in web/.
export const root = resolve(process.cwd(), "..");
export const program = process.env.UNBRAID ?? join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug/unbraid");

export interface Studio {
  /** The page's address, with its token. */
  url: string;
  process: ChildProcess;
}

/** Start a studio that keeps its projects in a folder; it has opened the files when it answers. */
export async function startStudio(folder: string, files: string[] = [], binary = program): Promise<Studio> {
  const server = spawn(binary, ["studio", "--no-open", "--folder", folder, ...files], { stdio: ["ignore", "pipe", "inherit"] });
  const url = await new Promise<string>((found, failed) => {
    server.stdout.on("data", (text) => {
      const address = String(text).match(/http:\S+/);
      if (address) found(address[0]);
    });
    server.on("exit", () => failed(new Error("the studio did not start")));
  });
  return { url, process: server };
}

/** Chromium as the tests use it: no sandbox (they may run as root), no graphics processor, and nothing that talks to anybody. */
export const openChromium = (): Promise<Browser> => chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
