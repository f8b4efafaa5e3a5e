/**
 * Lists the licence of every package that production needs, from package-lock.json, and fails on one that is not in the lists below.
 *
 *   node scripts/licences.mjs [--lockfile FILE] [--json]
 */
import { parseArgs } from "node:util";
import { productionPackages } from "./production-packages.mjs";

/** Free to use, change and pass on in any product, as long as the notices stay. SPDX identifiers, and what some packages write instead. */
const PERMISSIVE = new Set([
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-0-Clause",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "ISC",
  "MIT",
  "MIT-0",
  "Unlicense",
]);

/** What asks for more, or does not say what it is: each looked at by a person. The rest of NOTICE tells the same to others. */
const LOOKED_AT = [
  [/^@ffmpeg-binary\//, "GPL-3.0-or-later", "ffmpeg 7: run as a process of its own; not in the container image"],
  [/^@ffmpeg-installer\/(linux|win32)-/, "GPLv3", "ffmpeg of 2018: run as a process of its own; not in the container image"],
  [/^@ffmpeg-installer\/darwin-x64$/, "LGPL-2.1", "the same for another system"],
  [/^@ffmpeg-installer\/darwin-arm64$/, /git\.ffmpeg\.org/, "the same for another system"],
  [/^@ffmpeg-installer\/ffmpeg$/, "LGPL-2.1", "finds the build above; a few lines of JavaScript"],
  [/^@img\/sharp-libvips-/, "LGPL-3.0-or-later", "libvips: loaded as a shared library, which may be replaced"],
  [/^@img\/sharp-(win32-|wasm32$)/, /LGPL-3\.0-or-later/, "the same in the builds for other systems"],
  [/^async$/, undefined, "MIT: written in an older form"],
  [/^png-js$/, undefined, "MIT: says so in its LICENSE file only"],
];

function judge({ name, entry: { license } }) {
  if (PERMISSIVE.has(license)) return "";
  const found = LOOKED_AT.find(
    ([who, what]) => who.test(name) && (what instanceof RegExp ? what.test(license ?? "") : what === license),
  );
  return found?.[2];
}

function report(packages) {
  const lines = packages.map((p) => ({
    name: p.name,
    version: p.entry.version,
    licence: p.entry.license ?? "none given",
    note: judge(p),
  }));
  return [...new Map(lines.map((line) => [`${line.name}@${line.version}`, line])).values()];
}

function print(lines) {
  const widths = ["name", "version", "licence"].map((key) => Math.min(40, Math.max(...lines.map((line) => line[key].length))));
  for (const { name, version, licence, note } of lines) {
    const columns = [name, version, licence].map((text, i) => text.padEnd(widths[i]));
    process.stdout.write(`${columns.join("  ")}  ${note ?? "NOT ALLOWED"}`.trimEnd());
    process.stdout.write("\n");
  }
}

try {
  const options = { lockfile: { type: "string", default: "package-lock.json" }, json: { type: "boolean", default: false } };
  const { values } = parseArgs({ options });
  const lines = report(productionPackages(values.lockfile).packages);
  if (values.json) process.stdout.write(`${JSON.stringify(lines, null, 1)}\n`);
  else print(lines);
  const unknown = lines.filter(({ note }) => note === undefined).map(({ name, licence }) => `${name} (${licence})`);
  if (unknown.length > 0) {
    process.stderr.write(
      `licences: nobody has looked at ${unknown.join(", ")}: read it, then add it to scripts/licences.mjs and NOTICE\n`,
    );
    process.exitCode = 1;
  }
} catch (error) {
  process.stderr.write(`licences: ${error.message}\n`);
  process.exitCode = 1;
}
