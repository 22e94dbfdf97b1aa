// The page's sources come in; crates/unbraid-studio/assets goes out.
//
//   node build.mjs           build
//   node build.mjs --check   say whether what is committed is what would be built
//   node build.mjs --tests   bundle the tests, and what measures the page, into build/

import { build } from "esbuild";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";

const assets = new URL("../crates/unbraid-studio/assets/", import.meta.url);

if (process.argv.includes("--tests")) {
  await rm("build", { recursive: true, force: true });
  const shared = { bundle: true, platform: "node", format: "esm", packages: "external", target: "node20" };
  const tests = (await readdir("test")).filter((name) => name.endsWith(".test.ts"));
  await build({ ...shared, entryPoints: tests.map((name) => `test/${name}`), outdir: "build/tests", outExtension: { ".js": ".mjs" } });
  await build({ ...shared, entryPoints: ["browser/browsers.ts", "browser/report.ts"], outdir: "build/browser", outExtension: { ".js": ".test.mjs" } });
  await build({ ...shared, entryPoints: ["measure/studio.ts", "measure/pictures.ts"], outdir: "build/measure", outExtension: { ".js": ".mjs" } });
} else {
  const result = await build({
    entryPoints: { app: "src/main.ts", mixer: "src/worklet.ts" },
    bundle: true,
    minify: true,
    format: "esm",
    target: ["chrome115", "firefox115"],
    write: false,
    outdir: "out",
  });
  const css = await build({ entryPoints: ["src/app.css"], minify: true, write: false, outdir: "out" });
  const files = new Map([
    ["index.html", await readFile("src/index.html")],
    ["app.css", css.outputFiles[0].contents],
    ...result.outputFiles.map((file) => [file.path.replace(/.*[\\/]/, ""), file.contents]),
  ]);
  let stale = 0;
  await mkdir(assets, { recursive: true });
  for (const [name, contents] of files) {
    const path = new URL(name, assets);
    if (process.argv.includes("--check")) {
      const there = await readFile(path).catch(() => Buffer.alloc(0));
      if (!there.equals(Buffer.from(contents))) {
        console.error(`crates/unbraid-studio/assets/${name} is not what web/ builds: run npm run build`);
        stale += 1;
      }
    } else {
      await writeFile(path, contents);
      console.log(`${name}: ${contents.length} bytes`);
    }
  }
  process.exit(stale > 0 ? 1 : 0);
}
