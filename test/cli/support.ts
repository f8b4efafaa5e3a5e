import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { type App, openApp } from "../../src/app.js";
import { createLog } from "../../src/platform/log.js";
import { dir, image, make, video } from "../media/support.js";
import { reupload } from "../stories/support.js";
import { testConfig } from "../support/config.js";
import { testDatabase } from "../support/database.js";

export const copy = make("-i", image("butterfly.jpg"), "-vf", "hflip,scale=400:-2", "-q:v", "6", "copy.jpg");
export const clip = make("-i", video("friday.mp4"), "-an", "-vf", "hflip,scale=320:-2", "-preset", "ultrafast", "clip.mp4");
export const broken = join(dir, "broken.mp4");
writeFileSync(broken, "this is not a video");
/** A name that would clear the screen, and set the window's title. */
export const hostile = join(dir, "a\u001b[2J\u001b]0;gotcha\u0007\u009bb.jpg");
writeFileSync(hostile, readFileSync(image("teapot.jpg")));

export interface Run {
  code: number;
  stdout: string;
  stderr: string;
}

export interface Cli {
  app: App;
  /** Runs the program in a process of its own, on the test's database unless `variables` say otherwise. */
  run(args: string[], variables?: NodeJS.ProcessEnv): Promise<Run>;
  /** Two at a time: as many as the machine this must run on has cores. */
  inPairs(commands: string[][]): Promise<Run[]>;
  close(): Promise<void>;
}

/** The command line on a database of its own. */
export async function openCli(): Promise<Cli> {
  const database = await testDatabase();
  const config = testConfig({ DATABASE_URL: database.connectionString, MEDIA_ROOTS: dir });
  const env = {
    DATABASE_URL: database.connectionString,
    REUPLOAD_DATA_DIR: config.dataDir,
    MEDIA_ROOTS: dir,
    MEDIA_TMP_DIR: config.mediaTmpDir,
  };
  const app = await openApp(config, createLog("silent"));
  const run = (args: string[], variables: NodeJS.ProcessEnv = {}) => outputOf(args, { ...env, ...variables });
  const inPairs = async (commands: string[][]) => {
    const results: Run[] = [];
    for (let i = 0; i < commands.length; i += 2) {
      results.push(...(await Promise.all(commands.slice(i, i + 2).map((args) => run(args)))));
    }
    return results;
  };
  const close = async () => {
    await app.close();
    await database.close();
  };
  return { app, run, inPairs, close };
}

async function outputOf(args: string[], env: NodeJS.ProcessEnv): Promise<Run> {
  const child = reupload(args, env);
  const result = { code: -1, stdout: "", stderr: "" };
  child.stdout!.setEncoding("utf8").on("data", (text) => {
    result.stdout += text;
  });
  child.stderr!.setEncoding("utf8").on("data", (text) => {
    result.stderr += text;
  });
  result.code = await new Promise((resolve) => child.once("close", (code) => resolve(code ?? -1)));
  return result;
}

export const linesOf = (text: string): string[] => text.split("\n").filter((line) => line !== "");

/** One sentence that says what is wrong, and nothing of how the program is made. */
export function expectOneSentence({ stderr, stdout }: Run, says: RegExp): void {
  expect(stderr).toMatch(/^reupload: .+\n$/);
  expect(stderr).toMatch(says);
  expect(stderr).not.toMatch(/\n\s+at |node:internal|\.[jt]s:\d/);
  expect(stdout).toBe("");
}

/** Only printable text and line breaks: no colours, no progress bars, nothing a file name could smuggle in. */
export const expectPlain = ({ stdout, stderr }: Run) => expect(stdout + stderr).toMatch(/^[^\p{Cc}]*(\n[^\p{Cc}]*)*$/u);
