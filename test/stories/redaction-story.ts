import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { reupload } from "./support.js";

/** What must be read nowhere, each under the name that a failing test tells. */
export interface Plants {
  readonly all: Map<string, string>;
  /** A text that contains no other, to be looked for in all output. */
  plant(name: string): string;
  /** Looked for as well: something that we did not choose, such as a file's hash. */
  also(name: string, value: string): string;
  /** Which of them are in this text. */
  foundIn(text: string): string[];
}

export function createPlants(): Plants {
  const all = new Map<string, string>();
  const also = (name: string, value: string) => {
    all.set(name, value);
    return value;
  };
  return {
    all,
    plant: (name) => also(name, `Zq${createHash("sha256").update(name).digest("hex").slice(0, 10)}`),
    also,
    foundIn: (text) => [...all].filter(([, value]) => text.includes(value)).map(([name]) => name),
  };
}

export const sha256Of = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");

/** Runs a command to its end; everything that it wrote. */
export async function outputOf(args: string[], env: NodeJS.ProcessEnv): Promise<string> {
  const child = reupload(args, env);
  let text = "";
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding("utf8").on("data", (part) => {
      text += part;
    });
  await once(child, "close");
  return text;
}
