import { spawn } from "node:child_process";
import { once } from "node:events";
import { loadConfig } from "../../../src/config.js";
import { type Decoder, findDecoder } from "../../../src/media/find-decoder.js";
import { librariesOf } from "../../../src/media/sandbox/libraries.js";
import { handFilter, type Sandbox, type SandboxKind, spawnOptions } from "../../../src/media/sandbox/sandbox.js";

/** Each kind of sandbox that works here, by name; why not, of the others. */
export async function decoders(): Promise<{ kind: SandboxKind; decoder?: Decoder; missing: string }[]> {
  const kinds = ["bubblewrap", "namespaces", "limits"] as const;
  return Promise.all(
    kinds.map(async (kind) =>
      findDecoder(loadConfig({ MEDIA_SANDBOX: kind })).then(
        (decoder) => ({ kind, decoder, missing: "" }),
        (error: Error) => ({ kind, missing: `(skipped: ${error.message})` }),
      ),
    ),
  );
}

const libraries = await librariesOf([process.execPath]);

export const LIMITS = { memoryBytes: 512 * 1024 ** 2, reservedBytes: 4 * 1024 ** 3, cpuSeconds: 20 };

/** Runs JavaScript inside the sandbox, as hostile as one likes, and returns what it printed and how it ended. */
export async function attack(
  sandbox: Sandbox,
  script: string,
  given: { inputPath?: string; limits?: Partial<typeof LIMITS> } = {},
): Promise<{ said: string; exitCode: number | null; signal: NodeJS.Signals | null }> {
  const launch = sandbox.launch({
    program: process.execPath,
    args: ["-e", script],
    readable: libraries,
    inputPath: given.inputPath,
    limits: { ...LIMITS, ...given.limits },
  });
  const child = spawn(launch.command, launch.args, spawnOptions(launch, "ignore"));
  handFilter(child, launch);
  const said: Buffer[] = [];
  for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (chunk: Buffer) => said.push(chunk));
  const [exitCode, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return { said: Buffer.concat(said).toString(), exitCode, signal };
}
