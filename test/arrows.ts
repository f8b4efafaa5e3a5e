/**
 * Which file may import which (one way, from words to pure code to I/O to the program). A place is a folder of `src`, or the name of a
 * file that lies in `src` itself.
 */
const WORDS = ["model", "errors"];
const TOOLS = ["webassembly"];
const PURE = [...TOOLS, "fingerprint", "verdict"];
const STORIES = ["scan", "register", "read-fingerprints", "read-first", "hash-frames"];
const GROUND = ["platform", "config"];
const STAGES = ["intake", "media", "hash-index", "casework", "delivery", "people", "exchange"];
const BELOW_THE_APP = [...WORDS, ...PURE, ...STORIES, ...GROUND, ...STAGES];

const MAY_IMPORT = new Map<string, string[]>([
  ...WORDS.map((place) => [place, []] as [string, string[]]),
  ...TOOLS.map((place) => [place, []] as [string, string[]]),
  ["fingerprint", [...WORDS, ...TOOLS]],
  ["verdict", [...WORDS, "fingerprint"]],
  // What both stories share is a file of its own, which they import; it imports neither.
  ["scan", [...WORDS, ...PURE, "read-fingerprints"]],
  ["register", [...WORDS, ...PURE, "read-fingerprints"]],
  ["read-fingerprints", [...WORDS, ...PURE, "read-first", "hash-frames"]],
  ["read-first", [...WORDS, ...PURE, "hash-frames"]],
  ["hash-frames", [...WORDS, ...PURE]],
  ["config", [...WORDS, ...PURE]],
  ["platform", [...WORDS, ...PURE, "config"]],
  ...STAGES.map((place) => [place, [...WORDS, ...PURE, ...GROUND]] as [string, string[]]),
  ["web", BELOW_THE_APP],
  // The stories with their I/O plugged in; then the roles that run them; then the commands, and the entry that hands over.
  ["app", BELOW_THE_APP],
  ["metric-sources", [...BELOW_THE_APP, "app", "web"]],
  ["housekeeping", [...BELOW_THE_APP, "app"]],
  ["service", [...BELOW_THE_APP, "app", "web", "metric-sources", "housekeeping"]],
  // Measures the product, so it may use all of it but its faces.
  ["bench", [...BELOW_THE_APP, "app"]],
  ["cli", [...BELOW_THE_APP, "app", "web", "service", "bench"]],
  ["main", [...BELOW_THE_APP, "app", "web", "service", "cli"]],
]);

/** Packages that compute and do nothing else. */
const PACKAGES_WITHOUT_IO = ["blockhash-core"];

/** What pure code and the stories may not say: the same input must give the same answer. */
const IMPURE_WORDS: { pattern: RegExp; name: string; where: string[] }[] = [
  { pattern: /\bDate\.now\b/, name: "Date.now", where: [...WORDS, ...PURE, ...STORIES] },
  { pattern: /\bnew Date\(\s*\)/, name: "new Date()", where: [...WORDS, ...PURE, ...STORIES] },
  { pattern: /\bMath\.random\b/, name: "Math.random", where: [...WORDS, ...PURE, ...STORIES] },
  { pattern: /\bprocess\.env\b/, name: "process.env", where: [...WORDS, ...PURE, ...STORIES] },
  { pattern: /\bperformance\.now\b/, name: "performance.now", where: [...WORDS, ...PURE] },
  { pattern: /\bcrypto\./, name: "crypto", where: [...WORDS, ...PURE] },
];

const COMMENT_OR_STRING = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
const IMPORT = /\b(?:import|export)\s+(?:[\w$\s{},*]*?\bfrom\s*)?["']([^"']+)["']|\b(?:import|require)\s*\(\s*["']([^"']+)["']/g;

const withoutComments = (source: string) => source.replace(COMMENT_OR_STRING, (_, string: string | undefined) => string ?? " ");

const placeOf = (path: string) => (path.includes("/") ? path.slice(0, path.indexOf("/")) : path.replace(/\.[cm]?[jt]s$/, ""));

/** The path in `src` that `from` means by `specifier`; undefined when it leaves `src`. */
function resolveIn(from: string, specifier: string): string | undefined {
  const path = new URL(specifier, `file:///src/${from}`).pathname;
  return path.startsWith("/src/") ? path.slice("/src/".length) : undefined;
}

const rule = (allowed: string[]) => (allowed.length === 0 ? "imports nothing" : `may import only ${allowed.join(", ")}`);

function checkImport(from: string, specifier: string): string[] {
  const place = placeOf(from);
  const isPure = [...WORDS, ...PURE, ...STORIES].includes(place);
  if (!specifier.startsWith(".")) {
    if (!isPure || PACKAGES_WITHOUT_IO.includes(specifier)) return [];
    return [`src/${from} imports ${specifier}: ${place} is pure, and of packages ${rule(PACKAGES_WITHOUT_IO)}`];
  }
  const target = resolveIn(from, specifier);
  if (target === undefined) return isPure ? [`src/${from} imports ${specifier}, which is outside src: ${place} is pure`] : [];
  const targetPlace = placeOf(target);
  const allowed = MAY_IMPORT.get(place) ?? [];
  if (targetPlace === place || allowed.includes(targetPlace)) return [];
  return [`src/${from} imports src/${target.replace(/\.js$/, ".ts")}: ${place} ${rule(allowed)}`];
}

function checkFile(from: string, source: string): string[] {
  const place = placeOf(from);
  if (!MAY_IMPORT.has(place)) return [`src/${from} has no place in the order of imports: give ${place} one in test/arrows.ts`];
  const text = withoutComments(source);
  const imports = [...text.matchAll(IMPORT)].flatMap((found) => checkImport(from, found[1] ?? found[2]));
  const words = IMPURE_WORDS.filter(({ pattern, where }) => where.includes(place) && pattern.test(text));
  return [...imports, ...words.map(({ name }) => `src/${from} uses ${name}: ${place} is pure, so it must be handed in`)];
}

/** A sentence for every wrong arrow. `sources` maps a path inside `src`, such as "web/server.ts", to its text. */
export function wrongArrows(sources: Record<string, string>): string[] {
  return Object.entries(sources).flatMap(([path, source]) => checkFile(path, source));
}
