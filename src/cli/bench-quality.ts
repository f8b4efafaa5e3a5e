import { Command } from "commander";
import { runQualityBench } from "../bench/quality/main.js";
import { ourDetector, ourKeyframesFar, ourKeyframesNever } from "../bench/quality/our-detector.js";
import type { Split } from "../bench/quality/types.js";
import { UsageError } from "../errors.js";
import { say } from "./output.js";

interface Options {
  corpus?: string;
  split: string;
  attacks?: string;
  detectors?: string;
  limit?: string;
  innocents: string;
  massHours?: string;
  massPairs?: string;
  besideHours?: string;
  out?: string;
  cache?: string;
}

export const benchQualityCommand = (): Command =>
  new Command("quality")
    .description("recall by attack, false matches on innocents, location error and cost, beside vPDQ, pHash and blockhash")
    .option(
      "--corpus <dir>",
      "a folder with known/ and innocent/, or with videos/ and images/ (default: the repository's fixtures)",
    )
    .option("--split <half>", "tune, report or all", "all")
    .option("--attacks <names>", "attacks or groups, separated by commas; * stands for anything")
    .option(
      "--detectors <names>",
      "reupload, reupload-keyframes-far, reupload-keyframes-never and the baselines, separated by commas (default: all but those two)",
    )
    .option("--limit <n>", "at most so many known videos and so many known images")
    .option("--innocents <which>", "none, files (without the mass tests) or all", "all")
    .option("--mass-hours <n>", "hours of innocent frames (default: 20)")
    .option("--mass-pairs <n>", "innocent image pairs (default: 2000)")
    .option("--beside-hours <n>", "hours of other film that is known as well, each minute a case of its own")
    .option("--out <dir>", "where to write report.md, recall.svg and outcomes.json")
    .option("--cache <dir>", "where altered media is kept between runs (default: the system's temporary folder)")
    .action(async (options: Options) => {
      const { text } = await runQualityBench(
        {
          ...options,
          split: oneOf("--split", options.split, ["tune", "report", "all"]) as Split,
          innocents: oneOf("--innocents", options.innocents, ["none", "files", "all"]) as "none" | "files" | "all",
          limit: positive("--limit", options.limit),
          massHours: positive("--mass-hours", options.massHours),
          massPairs: positive("--mass-pairs", options.massPairs),
          besideHours: positive("--beside-hours", options.besideHours),
          onProgress: (line) => process.stderr.isTTY && process.stderr.write(`${line}\n`),
        },
        [ourDetector],
        [ourKeyframesFar, ourKeyframesNever],
      );
      say(text);
    });

function oneOf(name: string, value: string, allowed: string[]): string {
  if (!allowed.includes(value)) throw new UsageError(`${name}: must be ${allowed.join(", ")}, not ${value}`);
  return value;
}

function positive(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!(number > 0)) throw new UsageError(`${name}: must be a number above 0, not ${value}`);
  return number;
}
