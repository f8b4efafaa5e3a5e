import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * Runs ffmpeg to its end, without our limits and filters: the bench's yardstick, and how it makes its files.
 *
 * @throws Error with the last line that ffmpeg said.
 */
export async function runPlainFfmpeg(ffmpegPath: string, args: string[], signal: AbortSignal): Promise<void> {
  try {
    await run(ffmpegPath, ["-nostdin", "-v", "error", "-y", ...args], { signal, maxBuffer: 64 * 1024 ** 2 });
  } catch (error) {
    signal.throwIfAborted();
    const said = (error as { stderr?: string }).stderr?.trim().split("\n").at(-1);
    throw new Error(`ffmpeg failed: ${said || (error as Error).message}`);
  }
}
