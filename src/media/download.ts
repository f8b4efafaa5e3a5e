import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Agent, type Dispatcher, request } from "undici";
import { InvalidSubmissionError, TransientError, UnscannableError } from "../errors.js";
import type { MediaFile } from "../model.js";
import { lookupPublic, refusePrivateHost } from "./allowed-address.js";
import { translateNetworkError, translateStatus } from "./download-errors.js";
import type { FetchOptions } from "./fetch-media.js";
import { tooLarge } from "./local-file.js";

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const DEFAULT_STALL_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;
const USER_AGENT = "reupload";

type Response = Dispatcher.ResponseData;

/** Downloads a URL into a folder of its own. See `fetchMedia` for limits and errors; none of them quotes the URL. */
export async function download(url: string, options: FetchOptions, signal: AbortSignal): Promise<MediaFile> {
  const first = parseUrl(url);
  const stallMs = options.stallMs ?? DEFAULT_STALL_MS;
  const limit = new AbortController();
  const onAbort = () => limit.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const seconds = Math.round(options.timeoutMs / 1000);
  const late = new TransientError(`${first.hostname} did not deliver the file within ${seconds} s`);
  const timer = setTimeout(() => limit.abort(late), options.timeoutMs);
  const agent = new Agent({
    headersTimeout: stallMs,
    bodyTimeout: stallMs,
    connect: {
      timeout: Math.min(stallMs, CONNECT_TIMEOUT_MS),
      ...(options.allowPrivateAddresses ? {} : { lookup: lookupPublic }),
    },
  });
  try {
    const response = await follow(first, agent, options, limit.signal);
    return await save(response, options, limit.signal);
  } catch (error) {
    throw limit.signal.aborted ? limit.signal.reason : translateNetworkError(error, first.hostname);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    await agent.destroy();
  }
}

async function follow(first: URL, agent: Agent, options: FetchOptions, signal: AbortSignal): Promise<Response> {
  let url = first;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    if (!options.allowPrivateAddresses) refusePrivateHost(url.hostname);
    const headers = { accept: "*/*", "accept-encoding": "identity", "user-agent": USER_AGENT };
    const response = await request(url, { dispatcher: agent, signal, headers });
    const to = response.headers.location;
    if (!REDIRECTS.has(response.statusCode) || typeof to !== "string") {
      if (response.statusCode !== 200) throw translateStatus(response.statusCode, url.hostname);
      return response;
    }
    response.body.on("error", () => {}).destroy();
    url = parseUrl(to, url);
  }
  throw new UnscannableError(`${first.hostname} redirects more than ${MAX_REDIRECTS} times`);
}

function parseUrl(text: string, base?: URL): URL {
  const url = URL.canParse(text, base?.href) ? new URL(text, base?.href) : undefined;
  const where = base ? "redirects to an address that " : "";
  if (!url) throw new InvalidSubmissionError("media.url", `${where}is not a URL`);
  if (!["http:", "https:"].includes(url.protocol)) {
    throw new InvalidSubmissionError("media.url", `${where}does not start with http:// or https://`);
  }
  if (url.username || url.password) {
    throw new InvalidSubmissionError("media.url", `${where}holds a user name or password, which is not accepted`);
  }
  return url;
}

async function save(response: Response, options: FetchOptions, signal: AbortSignal): Promise<MediaFile> {
  const encoding = response.headers["content-encoding"];
  const promised = Number(response.headers["content-length"] ?? Number.NaN);
  response.body.on("error", () => {});
  if (encoding !== undefined && encoding !== "identity") {
    response.body.destroy();
    throw new UnscannableError("the server answered with compressed content, which was not asked for");
  }
  if (promised > options.maxBytes) {
    response.body.destroy();
    throw tooLarge(options.maxBytes);
  }
  await mkdir(options.tmpDir, { recursive: true });
  // mkdtemp makes it readable by this user alone.
  const folder = await mkdtemp(join(options.tmpDir, "reupload-"));
  const dispose = () => rm(folder, { recursive: true, force: true });
  try {
    const path = join(folder, "media");
    const { sha256, bytes } = await write(response.body, path, options.maxBytes, signal);
    if (bytes < promised) throw new TransientError(`the server sent ${bytes} of ${promised} bytes`);
    return { path, sha256, bytes, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function write(body: Response["body"], path: string, maxBytes: number, signal: AbortSignal) {
  const hash = createHash("sha256");
  let bytes = 0;
  async function* counted(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      hash.update(chunk);
      yield chunk;
    }
  }
  await pipeline(body, counted, createWriteStream(path, { flags: "wx", mode: 0o600 }), { signal });
  return { sha256: hash.digest("hex"), bytes };
}
