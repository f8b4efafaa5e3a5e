import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TransientError, UnscannableError } from "../../../src/errors.js";
import { fetchMedia } from "../../../src/media/fetch/fetch-media.js";
import { temporaryDir } from "../../support/temporary-dir.js";
import { http, PUBLIC, type RawServer, rawServer, testNetwork } from "./download-servers.js";

const SEED = 20_261_124;
const ANSWERS = 400;
const tmpDir = join(temporaryDir().path, "tmp");
mkdirSync(tmpDir);

/** Park and Miller's generator: the same answers each time. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

const body = Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 31) % 253));
const gzip = gzipSync(body);
const brotli = brotliCompressSync(body);
const chunks = Buffer.concat([Buffer.from("bb8\r\n"), body, Buffer.from("\r\n0\r\nTrailer: x\r\n\r\n")]);
const WELL_MADE = [
  http('200 OK\nContent-Length: 3000\nETag: "a"', body),
  http("200 OK\nTransfer-Encoding: chunked", chunks),
  http(`200 OK\nContent-Encoding: gzip\nContent-Length: ${gzip.length}`, gzip),
  http(`200 OK\nContent-Encoding: br\nContent-Length: ${brotli.length}`, brotli),
  http("302 Found\nLocation: /0\nContent-Length: 0"),
  http("206 Partial Content\nContent-Range: bytes 10-2999/3000\nContent-Length: 2990", body.subarray(10)),
  http("429 Too Many Requests\nRetry-After: 5\nContent-Type: text/html\nContent-Length: 0"),
];

/** One to eight bytes of the first 200, and sometimes of all, are other ones, gone or doubled; sometimes the end is missing. */
function damaged(answer: Buffer, random: (below: number) => number): Buffer {
  let bytes = Buffer.from(answer);
  for (let i = random(8); i >= 0; i--) {
    const at = random(random(4) === 0 ? bytes.length : Math.min(200, bytes.length));
    const insert = [Buffer.from([random(256)]), Buffer.alloc(0), bytes.subarray(at, at + random(40))][random(3)];
    bytes = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + 1)]);
  }
  return random(5) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
}

let server: RawServer;
let next = WELL_MADE[0];
beforeAll(async () => {
  const answer = (socket: { end(bytes: Buffer): unknown }) => void socket.end(next);
  server = await rawServer({ "/0": answer });
});
afterAll(() => server.close());

test(`${ANSWERS} damaged answers (seed ${SEED}): each is a file or one of our errors, and leaves nothing`, {
  timeout: 120_000,
}, async () => {
  const random = randomFrom(SEED);
  const came: Record<string, number> = {};
  for (let i = 0; i < ANSWERS; i++) {
    next = damaged(WELL_MADE[i % WELL_MADE.length], random);
    const limits = { maxBytes: 100_000, timeoutMs: 5_000, stallMs: 1_000 };
    const options = { ...limits, mediaRoots: [], tmpDir, allowPrivateAddresses: false, ports: [server.port] };
    const network = testNetwork({ "media.test": [[PUBLIC]] });
    const url = `http://media.test:${server.port}/0?token=secret`;
    const result = await fetchMedia({ url }, { ...options, network }, new AbortController().signal).catch(
      (error: Error) => error,
    );
    if ("dispose" in result) await result.dispose();
    else {
      expect(result instanceof UnscannableError || result instanceof TransientError, `answer ${i}: ${result.stack}`).toBe(true);
      expect(result.message).not.toContain("secret");
    }
    const kind = "dispose" in result ? "file" : result.name;
    came[kind] = (came[kind] ?? 0) + 1;
    expect(readdirSync(tmpDir), `answer ${i}`).toEqual([]);
  }
  // All three come out of it, or the damage is too much or too little to show anything.
  expect(Object.keys(came).sort()).toEqual(["TransientError", "UnscannableError", "file"]);
});
