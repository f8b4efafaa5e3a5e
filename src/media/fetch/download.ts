import { type FileHandle, mkdir, mkdtemp, open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Agent } from "undici";
import { InvalidSubmissionError, TransientError } from "../../errors.js";
import type { MediaFile } from "../../model.js";
import { refusePrivateHost } from "./allowed-address.js";
import { type Received, receiveInto } from "./download-body.js";
import { isCut, translateNetworkError, translateStatus } from "./download-errors.js";
import { type Answer, createAgent, follow, unfetchable } from "./download-request.js";
import { beginsAt, type Resumable, rangeHeaders, resumableOf } from "./download-resume.js";
import type { FetchOptions } from "./fetch-media.js";
import { tooLarge } from "./local-file.js";

const DEFAULT_STALL_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** A connection that breaks is taken up again so often. */
const MAX_RESUMES = 5;

/** Downloads a URL into a folder of its own. See `fetchMedia` for limits and errors; none of them quotes the URL. */
export async function download(url: string, options: FetchOptions, signal: AbortSignal): Promise<MediaFile> {
  const first = parseUrl(url);
  if (!options.allowPrivateAddresses) refusePrivateHost(first.hostname, options.network);
  const stallMs = options.stallMs ?? DEFAULT_STALL_MS;
  const limit = new AbortController();
  const onAbort = () => limit.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const seconds = Math.round(options.timeoutMs / 1000);
  const late = new TransientError(`${first.hostname} did not deliver the file within ${seconds} s`);
  const timer = setTimeout(() => limit.abort(late), options.timeoutMs);
  const agent = createAgent(options, Math.min(stallMs, CONNECT_TIMEOUT_MS), stallMs);
  try {
    const answer = await follow(first, { method: "GET" }, agent, options, limit.signal);
    return await save(answer, agent, options, { maxBytes: options.maxBytes, stallMs }, limit.signal);
  } catch (error) {
    throw limit.signal.aborted ? limit.signal.reason : translateNetworkError(error, first.hostname);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    await agent.destroy();
  }
}

function parseUrl(text: string): URL {
  if (!URL.canParse(text)) throw new InvalidSubmissionError("media.url", "is not a URL");
  const url = new URL(text);
  const wrong = unfetchable(url);
  if (wrong !== undefined) throw new InvalidSubmissionError("media.url", wrong);
  return url;
}

type Limits = { maxBytes: number; stallMs: number };

async function save(
  answer: Answer,
  agent: Agent,
  options: FetchOptions,
  limits: Limits,
  signal: AbortSignal,
): Promise<MediaFile> {
  const { response, url } = answer;
  try {
    if (response.statusCode !== 200) throw translateStatus(response.statusCode, url.hostname, response.headers);
    if (promisedBytes(answer) > limits.maxBytes) throw tooLarge(limits.maxBytes);
    await mkdir(options.tmpDir, { recursive: true });
  } catch (error) {
    response.body.destroy();
    throw error;
  }
  // mkdtemp makes it readable by this user alone.
  const folder = await mkdtemp(join(options.tmpDir, "reupload-"));
  const dispose = () => rm(folder, { recursive: true, force: true });
  try {
    const path = join(folder, "media");
    const file = await open(path, "wx", 0o600);
    try {
      const received = await receive(file, answer, agent, options, limits, signal);
      return { path, sha256: received.sha256(), bytes: received.bytes, dispose };
    } finally {
      await file.close();
    }
  } catch (error) {
    response.body.destroy();
    await dispose();
    throw error;
  }
}

const promisedBytes = ({ response }: Answer): number => Number(response.headers["content-length"] ?? Number.NaN);

/** Writes the answer's body, and goes on where it broke off as long as the server helps. */
async function receive(
  file: FileHandle,
  first: Answer,
  agent: Agent,
  options: FetchOptions,
  limits: Limits,
  signal: AbortSignal,
): Promise<Received> {
  const received = receiveInto(file, limits);
  const resumable = resumableOf(first);
  let answer = first;
  for (let resumes = 0; ; resumes++) {
    try {
      await received.append(answer.response, answer.url.hostname, signal);
      return received;
    } catch (error) {
      if (!resumable || resumes === MAX_RESUMES || !isCut(error) || signal.aborted) throw error;
    }
    answer = await askForRest(received, resumable, agent, options, signal);
  }
}

/** The rest of the file, or all of it when the server does not know parts or the file has changed. */
async function askForRest(
  received: Received,
  resumable: Resumable,
  agent: Agent,
  options: FetchOptions,
  signal: AbortSignal,
): Promise<Answer> {
  const asked = { method: "GET" as const, headers: rangeHeaders(resumable, received.bytes) };
  const answer = await follow(resumable.url, asked, agent, options, signal);
  const { response, url } = answer;
  if (response.statusCode === 206 && beginsAt(response.headers, received.bytes, resumable)) return answer;
  if (response.statusCode === 200) {
    await received.restart();
    return answer;
  }
  response.body.destroy();
  if (response.statusCode === 206)
    throw new TransientError(`${url.hostname} answered with another part of the file than the one asked for`);
  throw translateStatus(response.statusCode, url.hostname, response.headers);
}
