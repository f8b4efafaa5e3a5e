import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { InvalidSubmissionError, TransientError, UnscannableError } from "../../../src/errors.js";
import { type FetchOptions, fetchMedia } from "../../../src/media/fetch/fetch-media.js";
import { stillThere } from "../../../src/media/fetch/still-there.js";
import { temporaryDir } from "../../support/temporary-dir.js";
import { failedDownload, http, PUBLIC, type RawAnswer, type RawServer, rawServer, testNetwork } from "./download-servers.js";

const never = new AbortController().signal;
const tmpDir = join(temporaryDir().path, "tmp");
mkdirSync(tmpDir);

const BODY = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7) % 251));
const MAX_BYTES = 10_000;
const sha256 = createHash("sha256").update(BODY).digest("hex");
const ETAG = 'ETag: "one"';
const LENGTH = `Content-Length: ${BODY.length}`;

const say =
  (head: string, body: string | Buffer = ""): RawAnswer =>
  (socket) =>
    socket.end(http(head, body));
const stay =
  (head: string, body: string | Buffer = ""): RawAnswer =>
  (socket) =>
    socket.write(http(head, body));
const redirect = (to: string) => say(`302 Found\nLocation: ${to}\nContent-Length: 0`);
const compressed = (how: string, body: Buffer) => say(`200 OK\nContent-Encoding: ${how}\nContent-Length: ${body.length}`, body);
const chunked = (text: string) => say("200 OK\nTransfer-Encoding: chunked", text);

/** Time for what was sent to be read: what lies unread when a connection breaks is lost. Its reader may still be slower. */
const BREAK_AFTER_MS = 100;

const breakOff = (socket: Socket) => void setTimeout(() => socket.destroy(), BREAK_AFTER_MS);

/** Sends `sent` bytes of the file and breaks off; then, asked for a range, answers as told. */
function cut(sent: number, head: string, rest: RawAnswer): RawAnswer {
  return (socket, request) => {
    if (/^range:/im.test(request)) return rest(socket, request);
    socket.write(http(`200 OK\n${LENGTH}\n${head}`, BODY.subarray(0, sent)), () => breakOff(socket));
  };
}

/** Sends without an end, in pieces, as long as somebody reads. */
const endless =
  (head: string, piece: Buffer): RawAnswer =>
  (socket) => {
    socket.write(http(head));
    const more = () => {
      while (!socket.destroyed && socket.write(piece));
    };
    socket.on("drain", more);
    more();
  };

const asksFrom = (request: string) => Number(/^range: bytes=(\d+)-/im.exec(request)?.[1]);
const partFrom = (from: number) => `206 Partial Content\nContent-Range: bytes ${from}-4999/5000\nContent-Length: ${5000 - from}`;
const honestRest: RawAnswer = (socket, request) => {
  const from = asksFrom(request);
  socket.end(http(partFrom(from), BODY.subarray(from)));
};
let drops = 0;

const ANSWERS: Record<string, RawAnswer> = {
  "/good": say(`200 OK\n${LENGTH}`, BODY),
  "/until-closed": say("200 OK", BODY),
  "/chunked": chunked(`1388\r\n${BODY.toString("latin1")}\r\n0\r\n\r\n`),
  "/longer-than-said": say(`200 OK\n${LENGTH}`, Buffer.concat([BODY, Buffer.from("and more")])),
  "/early-hints": (socket) => {
    socket.write(http("103 Early Hints\nLink: </a>"));
    socket.end(http(`200 OK\n${LENGTH}`, BODY));
  },
  "/aws-chunked": say(`200 OK\nContent-Encoding: aws-chunked\n${LENGTH}`, BODY),
  "/gzip": compressed("gzip", gzipSync(BODY)),
  "/deflate": compressed("deflate", deflateSync(BODY)),
  "/br": compressed("br", brotliCompressSync(BODY)),

  "/negative-length": say("200 OK\nContent-Length: -5", BODY),
  "/huge-length": say("200 OK\nContent-Length: 99999999999999999999999", BODY),
  "/two-lengths": say("200 OK\nContent-Length: 5000\nContent-Length: 4", BODY),
  "/length-and-chunks": say(`200 OK\n${LENGTH}\nTransfer-Encoding: chunked`, "5\r\nhello\r\n0\r\n\r\n"),
  "/chunk-garbage": chunked("zz\r\nhello\r\n"),
  "/chunk-overflow": chunked("fffffffffffffffff\r\nhello\r\n"),
  "/no-http": (socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n"),
  "/header-bomb": say(`200 OK\n${"X-Many: more\n".repeat(20_000)}${LENGTH}`, BODY),
  "/long-header": say(`200 OK\nX-Long: ${"x".repeat(100_000)}\n${LENGTH}`, BODY),
  "/announces-too-much": stay("200 OK\nContent-Length: 99999999999", "x"),
  "/endless": endless("200 OK\nConnection: close", Buffer.alloc(4096, 1)),
  "/endless-chunks": endless("200 OK\nTransfer-Encoding: chunked", Buffer.from("1\r\nx\r\n".repeat(500))),
  "/gzip-bomb": compressed("gzip", gzipSync(Buffer.alloc(50_000_000))),
  "/br-bomb": compressed("br", brotliCompressSync(Buffer.alloc(50_000_000))),
  "/deflate-bomb": compressed("deflate", deflateSync(Buffer.alloc(50_000_000))),
  // A block of no bytes at all, for ever.
  "/gzip-of-nothing": (socket) => {
    const empty = Buffer.concat(Array<Buffer>(200).fill(Buffer.from([0, 0, 0, 0xff, 0xff])));
    const start = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
    socket.write(http("200 OK\nContent-Encoding: gzip", start));
    const more = () => {
      while (!socket.destroyed && socket.write(empty));
    };
    socket.on("drain", more);
    more();
  },
  "/twice-gzip": compressed("gzip, gzip", gzipSync(gzipSync(BODY))),
  "/zstd": compressed("zstd", BODY),
  "/gzip-damaged": compressed("gzip", Buffer.concat([gzipSync(BODY).subarray(0, 40), Buffer.alloc(40, 0xff)])),
  "/gzip-short": compressed("gzip", gzipSync(BODY).subarray(0, 60)),

  "/header-drip": (socket) => {
    socket.write("HTTP/1.1 200 OK\r\n");
    const timer = setInterval(() => socket.write("X: y\r\n"), 20);
    socket.once("close", () => clearInterval(timer));
  },
  "/hints-for-ever": endless("103 Early Hints", http("103 Early Hints")),
  "/slow": (socket) => {
    socket.write(http(`200 OK\n${LENGTH}`));
    const timer = setInterval(() => socket.write("x"), 20);
    socket.once("close", () => clearInterval(timer));
  },

  "/page": say("200 OK\nContent-Type: text/html", "\xef\xbb\xbf \n<!-- a --><!-- b -->\n<!DOCTYPE html><html></html>"),
  "/page-in-disguise": say("200 OK\nContent-Type: video/mp4", "<html><body>no video here</body></html>"),
  "/page-of-comments": say("200 OK\nContent-Type: video/mp4", `${"<!-- -->".repeat(120)}<html>`),
  "/xhtml": say("200 OK\nContent-Type: application/xhtml+xml", "<?xml version='1.0'?><html/>"),
  "/film-called-page": say(`200 OK\nContent-Type: text/html\n${LENGTH}`, BODY),

  "/resume": cut(2000, ETAG, honestRest),
  "/resume-by-date": cut(2000, "Last-Modified: Wed, 01 Jan 2025 00:00:00 GMT", honestRest),
  "/resume-often": (socket, request) => {
    const from = asksFrom(request) || 0;
    const head = from === 0 ? `200 OK\n${LENGTH}\n${ETAG}` : partFrom(from);
    const until = from + (drops++ < 4 ? 900 : BODY.length);
    socket.write(http(head, BODY.subarray(from, until)), () => breakOff(socket));
  },
  "/resume-never-ends": (socket, request) => {
    const from = asksFrom(request) || 0;
    const head = from === 0 ? `200 OK\n${LENGTH}\n${ETAG}` : partFrom(from);
    socket.write(http(head, BODY.subarray(from, from + 10)), () => breakOff(socket));
  },
  "/resume-from-start": cut(2000, ETAG, say(`200 OK\n${LENGTH}`, BODY)),
  "/resume-lies-about-place": cut(2000, ETAG, (socket) => socket.end(http(partFrom(0), BODY))),
  "/resume-lies-about-length": cut(
    2000,
    ETAG,
    say("206 Partial Content\nContent-Range: bytes 2000-2003/2004\nContent-Length: 4", "abcd"),
  ),
  "/resume-without-place": cut(2000, ETAG, say("206 Partial Content\nContent-Length: 3000", BODY.subarray(2000))),
  "/resume-gone": cut(2000, ETAG, say("404 Not Found\nContent-Length: 0")),
  "/resume-not-satisfiable": cut(2000, ETAG, say("416 Range Not Satisfiable\nContent-Length: 0")),
  "/resume-elsewhere": cut(2000, ETAG, (socket, request) => {
    const [, port] = /^host: [^:]+:(\d+)/im.exec(request) ?? [];
    socket.end(http(`302 Found\nLocation: http://127.0.0.1:${port}/good\nContent-Length: 0`));
  }),
  "/resume-endless": cut(2000, ETAG, (socket, request) =>
    endless("206 Partial Content\nContent-Range: bytes 2000-4999/5000", BODY)(socket, request),
  ),
  "/cut-without-tag": cut(2000, "", honestRest),
  "/cut-with-weak-tag": cut(2000, 'ETag: W/"one"', honestRest),
  "/cut-without-ranges": cut(2000, `${ETAG}\nAccept-Ranges: none`, honestRest),

  "/partial": say(partFrom(0), BODY),
  "/later": say("429 Too Many Requests\nRetry-After: 120\nContent-Length: 0"),
  "/later-by-date": (socket) => {
    const at = new Date(Date.now() + 600_000).toUTCString();
    socket.end(http(`503 Busy\nRetry-After: ${at}\nContent-Length: 0`));
  },
  "/much-later": say("503 Busy\nRetry-After: 99999999\nContent-Length: 0"),
  "/some-time-later": say("503 Busy\nRetry-After: soon\nContent-Length: 0"),
  "/forbidden-page": say("403 Forbidden\nContent-Type: text/html\nContent-Length: 2", "no"),
};

let server: RawServer;
beforeAll(async () => {
  server = await rawServer(ANSWERS);
});
afterAll(() => server.close());
beforeEach(() => {
  rmSync(tmpDir, { recursive: true, force: true });
  mkdirSync(tmpDir);
  server.asked.length = 0;
  drops = 0;
});

function optionsFor(more: Partial<FetchOptions> = {}): FetchOptions {
  const network = testNetwork({
    "media.test": [[PUBLIC]],
    "private.test": [["127.0.0.1"]],
    "both.test": [["127.0.0.1", PUBLIC]],
    "rebinding.test": [[PUBLIC], ["127.0.0.1"]],
  });
  const limits = { maxBytes: MAX_BYTES, timeoutMs: 20_000, ports: [server.port] };
  return { mediaRoots: [], tmpDir, allowPrivateAddresses: false, network, ...limits, ...more };
}

const get = (path: string, more: Partial<FetchOptions> = {}, host = "media.test") =>
  fetchMedia({ url: `http://${host}:${server.port}${path}?token=secret` }, optionsFor(more), never);

const failure = (fetched: Promise<unknown>) => failedDownload(fetched, tmpDir);

describe("a server of media", () => {
  test.each([
    "/good",
    "/until-closed",
    "/chunked",
    "/longer-than-said",
    "/early-hints",
    "/aws-chunked",
    "/film-called-page",
    "/gzip",
    "/deflate",
    "/br",
    "/resume",
    "/resume-by-date",
    "/resume-often",
    "/resume-from-start",
  ])("%s gives the file", async (path) => {
    const file = await get(path);
    expect(file).toMatchObject({ sha256, bytes: BODY.length });
    expect(readFileSync(file.path).equals(BODY)).toBe(true);
    await file.dispose();
    expect(readdirSync(tmpDir)).toEqual([]);
  });

  test("is asked for the rest of a broken download, of the same version", async () => {
    await (await get("/resume")).dispose();
    expect(server.asked).toHaveLength(2);
    expect(server.asked[1]).toMatch(/^range: bytes=2000-$/im);
    expect(server.asked[1]).toMatch(/^if-range: "one"$/im);
  });

  test.each([
    ["/negative-length", "does not answer by the rules of HTTP"],
    ["/huge-length", "does not answer by the rules of HTTP"],
    ["/two-lengths", "does not answer by the rules of HTTP"],
    ["/length-and-chunks", "does not answer by the rules of HTTP"],
    ["/chunk-garbage", "does not answer by the rules of HTTP"],
    ["/chunk-overflow", "does not answer by the rules of HTTP"],
    ["/no-http", "does not answer by the rules of HTTP"],
    ["/header-bomb", "the headers of media.test's answer are too long"],
    ["/long-header", "the headers of media.test's answer are too long"],
    ["/announces-too-much", "larger than the limit of 10000 bytes"],
    ["/endless", "larger than the limit of 10000 bytes"],
    ["/endless-chunks", "larger than the limit of 10000 bytes"],
    ["/gzip-bomb", "larger than the limit of 10000 bytes"],
    ["/br-bomb", "larger than the limit of 10000 bytes"],
    ["/deflate-bomb", "larger than the limit of 10000 bytes"],
    ["/gzip-of-nothing", "larger than the limit of 10000 bytes"],
    ["/twice-gzip", "compressed in a way that cannot be read"],
    ["/zstd", "compressed in a way that cannot be read"],
    ["/gzip-damaged", "compressed content that is damaged"],
    ["/gzip-short", "compressed content that is damaged"],
    ["/page", "answered with a web page, not with a file"],
    ["/page-in-disguise", "answered with a web page, not with a file"],
    ["/page-of-comments", "answered with a web page, not with a file"],
    ["/xhtml", "answered with a web page, not with a file"],
    ["/forbidden-page", "answered 403 instead of the file"],
    ["/partial", "answered 206 instead of the file"],
    ["/resume-gone", "answered 404 instead of the file"],
    ["/resume-not-satisfiable", "answered 416 instead of the file"],
    ["/resume-elsewhere", "leads to an address inside a private network"],
    ["/resume-endless", "larger than the limit of 10000 bytes"],
  ])("%s is unscannable", async (path, words) => {
    const error = await failure(get(path));
    expect(error.message).toContain(words);
    expect(error).toBeInstanceOf(UnscannableError);
  });

  test.each([
    ["/header-drip", { timeoutMs: 500 }, "did not deliver the file within"],
    ["/hints-for-ever", { timeoutMs: 500 }, "did not deliver the file within"],
    ["/slow", { stallMs: 300 }, "sends too slowly"],
    ["/resume-never-ends", {}, "could not be fetched"],
    ["/resume-lies-about-place", {}, "answered with another part of the file"],
    ["/resume-lies-about-length", {}, "answered with another part of the file"],
    ["/resume-without-place", {}, "answered with another part of the file"],
    ["/cut-without-tag", {}, "could not be fetched"],
    ["/cut-with-weak-tag", {}, "could not be fetched"],
    ["/cut-without-ranges", {}, "could not be fetched"],
  ])("%s is worth another try", async (path, more, words) => {
    const error = await failure(get(path, more));
    expect(error.message).toContain(words);
    expect(error).toBeInstanceOf(TransientError);
    if (path === "/resume-never-ends") expect(server.asked).toHaveLength(6);
  });

  test.each([
    ["/later", 120_000, 120_000],
    ["/later-by-date", 500_000, 601_000],
    ["/much-later", 3_600_000, 3_600_000],
  ])("%s says when to come again", async (path, leastMs, mostMs) => {
    const error = await failure(get(path));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.retryAfterMs).toBeGreaterThanOrEqual(leastMs);
    expect(error.retryAfterMs).toBeLessThanOrEqual(mostMs);
  });

  test("that says so in a way nobody understands is tried again as ever", async () => {
    expect(await failure(get("/some-time-later"))).toHaveProperty("retryAfterMs", 0);
  });
});

describe("a name", () => {
  test("that leads into a private network is unscannable, and nobody is asked", async () => {
    const error = await failure(get("/good", {}, "private.test"));
    expect(error).toBeInstanceOf(UnscannableError);
    expect(error.message).toContain("private.test leads to an address inside a private network");
    expect(server.asked).toEqual([]);
  });

  test("with public and private addresses is asked by the public one", async () => {
    const file = await get("/good", {}, "both.test");
    expect(file.sha256).toBe(sha256);
    await file.dispose();
  });

  test("that changes between two connections is checked at each: a redirect to itself, a resumed download", async () => {
    const rebinding = await rawServer({
      "/again": (socket) => socket.end(http("302 Found\nLocation: /good\nContent-Length: 0\nConnection: close")),
      "/resume": ANSWERS["/resume"],
      "/good": ANSWERS["/good"],
    });
    for (const path of ["/again", "/resume"]) {
      rebinding.asked.length = 0;
      const options = optionsFor({ ports: [rebinding.port] });
      const error = await failure(fetchMedia({ url: `http://rebinding.test:${rebinding.port}${path}` }, options, never));
      expect(error.message).toContain("leads to an address inside a private network");
      expect(rebinding.asked).toHaveLength(1);
    }
    await rebinding.close();
  });

  test("that does not exist is unscannable", async () => {
    expect((await failure(get("/good", {}, "nobody.test"))).message).toBe("the host nobody.test does not exist");
  });

  test.each([
    "localhost",
    "localhost.",
    "x.localhost",
    "LOCALHOST",
    "127.0.0.1.",
    "①②⑦.0.0.1",
    "127。0。0。1",
    "0177.0.0.1",
    "0",
  ])("%s is this machine, however it is written", async (host) => {
    const error = await failure(get("/good", {}, host));
    expect(error).toBeInstanceOf(InvalidSubmissionError);
    expect(error.message).toContain("inside a private network");
    expect(server.asked).toEqual([]);
  });
});

describe("a redirect", () => {
  const through = async (location: string) => {
    const redirecting = await rawServer({ "/": (socket) => redirect(location)(socket, "") });
    const options = optionsFor({ ports: [redirecting.port, server.port] });
    try {
      return await fetchMedia({ url: `http://media.test:${redirecting.port}/` }, options, never);
    } finally {
      await redirecting.close();
    }
  };

  test("to another public host is followed", async () => {
    const file = await through(`http://both.test:${server.port}/good`);
    expect(file.sha256).toBe(sha256);
    await file.dispose();
  });

  test.each([
    [() => `http://127.0.0.1:${server.port}/good`, "leads to an address inside a private network"],
    [() => `http://private.test:${server.port}/good`, "leads to an address inside a private network"],
    [() => `http://[::ffff:7f00:1]:${server.port}/good`, "leads to an address inside a private network"],
    [() => "http://169.254.169.254/latest/meta-data/", "leads to an address inside a private network"],
    [() => "http://media.test:22/", "port 22 of media.test is not asked: MEDIA_PORTS"],
    [() => "file:///etc/hostname", "redirects to an address that does not start with http"],
    [() => "gopher://media.test:6379/_FLUSHALL", "redirects to an address that does not start with http"],
    [() => "data:video/mp4,AAAA", "redirects to an address that does not start with http"],
    [() => "http://user:secret@media.test/", "redirects to an address that holds a user name"],
    [() => "http://[::1", "redirects to an address that is not a URL"],
  ])("to where nothing is fetched is unscannable (%#)", async (to, words) => {
    const error = await failure(through(to()));
    expect(error).toBeInstanceOf(UnscannableError);
    expect(error.message).toContain(words);
    expect(server.asked).toEqual([]);
  });
});

test("a port that is not asked is unscannable, and the variable is named", async () => {
  const error = await failure(get("/good", { ports: [80, 443] }));
  expect(error).toBeInstanceOf(UnscannableError);
  expect(error.message).toContain(`port ${server.port} of media.test is not asked: MEDIA_PORTS`);
  expect(server.asked).toEqual([]);
});

describe("looking again", () => {
  const look = (host: string, path: string) =>
    stillThere(`http://${host}:${server.port}${path}`, "media", optionsFor({ timeoutMs: 5_000 }), never);

  test("asks public addresses only, by the same rules", async () => {
    expect(await look("media.test", "/good")).toBe("there");
    server.asked.length = 0;
    expect(await look("private.test", "/good")).toBe("unknown");
    expect(await stillThere("http://media.test:22/", "media", optionsFor(), never)).toBe("unknown");
    expect(server.asked).toEqual([]);
  });

  test("is not led astray by a server that bursts with headers or never ends", async () => {
    expect(await look("media.test", "/header-bomb")).toBe("unknown");
    expect(await look("media.test", "/endless")).toBe("there");
  });
});
