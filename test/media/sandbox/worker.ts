/** Decodes a video (its first argument) in the sandbox of the kind that its second names, and an image, and then waits without reading. */
import { loadConfig } from "../../../src/config.js";
import { runFfmpeg } from "../../../src/media/ffmpeg.js";
import { findDecoder } from "../../../src/media/find-decoder.js";
import { openImage } from "../../../src/media/still/decoder.js";

const [inputPath, kind, image] = process.argv.slice(2);
const { signal } = new AbortController();
const decoder = await findDecoder(loadConfig({ MEDIA_SANDBOX: kind }));
const outputOptions = ["-map", "0:V:0", "-f", "rawvideo"];
const run = runFfmpeg({ decoder, inputPath, inputOptions: [], outputOptions, timeoutMs: 60_000 }, signal);
await openImage(image, decoder, { maxPixels: 50_000_000, timeoutMs: 60_000 }, signal);
await new Promise((resolve) => run.stdout.once("readable", resolve));
process.stdout.write("decoding\n");
setInterval(() => {}, 60_000);
