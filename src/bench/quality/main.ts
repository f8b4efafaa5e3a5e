import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../../errors.js";
import type { Frame } from "../../model.js";
import { BASELINES } from "./baselines.js";
import { buildAttacked, toJob } from "./build-job.js";
import { loadCorpus } from "./corpus.js";
import { prepareInnocents } from "./innocents.js";
import { loadPhotos } from "./mass/photos.js";
import { clipFrames, type MassScore, scoreMass } from "./mass-innocents.js";
import { type Report, textReport, writeReport } from "./report.js";
import { type Score, score } from "./scorer.js";
import type { Detector, Split } from "./types.js";

export interface QualityBenchOptions {
  /** A folder of media; the repository's fixtures by default. */
  corpus?: string;
  split?: Split;
  /** Names of attacks or groups, comma-separated; `*` stands for anything. */
  attacks?: string;
  /** Names of detectors, comma-separated; all by default. */
  detectors?: string;
  /** At most so many known videos and so many known images. */
  limit?: number;
  /** Leave out the generated innocents ("none") or the mass tests ("files"); "all" by default. */
  innocents?: "none" | "files" | "all";
  /** Size of the mass tests: 20 hours and 2,000 pairs by default. */
  massHours?: number;
  massPairs?: number;
  /** Hours of other film that is known as well, each minute a case of its own: whether recall holds, and any of it is named, when more is known. */
  besideHours?: number;
  /** Folder for report.md, recall.svg and outcomes.json. */
  out?: string;
  cache?: string;
  onProgress?: (text: string) => void;
}

/** The repository's, three folders up from this file in `src` and in `dist`. */
const FIXTURES = fileURLToPath(new URL("../../../fixtures", import.meta.url));

/**
 * Measures the given detectors and the baselines on the same files, one after the other.
 *
 * @param onRequest detectors that are measured only when `detectors` names them
 * @returns the scores, and the report as text for a terminal.
 * @throws UsageError for an unknown detector, attack or corpus.
 */
export async function runQualityBench(
  options: QualityBenchOptions,
  ours: (() => Detector | Promise<Detector>)[] = [],
  onRequest: (() => Detector | Promise<Detector>)[] = [],
): Promise<Report & { text: string }> {
  const { split = "all", cache = join(tmpdir(), "reupload-bench"), onProgress } = options;
  const corpus = await loadCorpus(options.corpus ?? FIXTURES, split);
  const { known, attacked, skipped } = await buildAttacked({
    corpus,
    cacheDir: cache,
    attacks: options.attacks,
    limit: options.limit,
    onProgress,
  });
  if (attacked.length === 0)
    throw new UsageError(
      `attacks: none could be made of ${known.length} known files${skipped.length > 0 ? `: ${skipped[0]}` : ""}`,
    );
  const level = options.innocents ?? "all";
  const hard =
    level === "none" ? { known: [], innocents: [] } : await prepareInnocents({ corpus, known, cacheDir: cache, onProgress });
  const beside = await filmBeside(options);
  const scores: Score[] = [];
  const mass: MassScore[] = [];
  for (const create of await chosen(options.detectors, ours, onRequest)) {
    const detector = await create();
    try {
      for (const [minute, frames] of beside()) await detector.registerFrames?.(`other film, minute ${minute}`, frames, "video");
      scores.push(await score(detector, { ...toJob(known, attacked, hard.known, hard.innocents), onProgress }));
      if (level === "all")
        mass.push(
          ...(await scoreMass(detector, {
            innocents: corpus.innocent,
            hours: options.massHours,
            pairs: options.massPairs,
            onProgress,
          })),
        );
    } finally {
      await detector.close?.();
    }
  }
  const heading = `Detection quality: ${known.length} known, ${attacked.length} attacked files, ${hard.innocents.length} innocent files, split "${split}"${
    options.besideHours === undefined ? "" : `, beside ${Number(options.besideHours.toFixed(2))} h of other known film`
  }`;
  const report: Report = { heading, skipped: [...corpus.skipped, ...skipped], scores, mass };
  if (options.out) await writeReport(options.out, report);
  return { ...report, text: textReport(report) };
}

/** Minutes that the mass tests do not show. */
const FIRST_MINUTE = 1_000_000;

/** Of drawn scenes and, where only one half of the corpus is measured, of the other half's innocents framed anew: of none that is shown here. */
async function filmBeside({ corpus = FIXTURES, split, besideHours = 0 }: QualityBenchOptions) {
  const other = split === "tune" ? "report" : split === "report" ? "tune" : undefined;
  const photos = besideHours > 0 && other ? await loadPhotos((await loadCorpus(corpus, other)).innocent) : [];
  return function* (): Generator<[minute: number, frames: Frame[]]> {
    for (let minute = 0; minute < 60 * besideHours; minute++) yield [minute, clipFrames(FIRST_MINUTE + minute, photos)];
  };
}

async function chosen(
  names: string | undefined,
  ours: (() => Detector | Promise<Detector>)[],
  onRequest: (() => Detector | Promise<Detector>)[],
): Promise<(() => Detector | Promise<Detector>)[]> {
  if (names === undefined) return [...ours, ...BASELINES];
  const wanted = names.split(",").map((name) => name.trim());
  const named: { name: string; create: () => Detector | Promise<Detector> }[] = [];
  for (const create of [...ours, ...onRequest, ...BASELINES]) {
    const probe = await create();
    named.push({ name: probe.name, create });
    await probe.close?.();
  }
  const unknown = wanted.find((name) => !named.some((n) => n.name === name));
  if (unknown !== undefined)
    throw new UsageError(`detectors: there is no ${unknown}; there are ${named.map((n) => n.name).join(", ")}`);
  return named.filter((n) => wanted.includes(n.name)).map((n) => n.create);
}
