import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { appendFile, rename, symlink, unlink } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InvalidSubmissionError, TransientError, UnscannableError } from "../../../src/errors.js";
import { removeLeftOvers } from "../../../src/media/fetch/download-left-overs.js";
import { type FetchOptions, fetchMedia } from "../../../src/media/fetch/fetch-media.js";
import { temporaryDir } from "../../support/temporary-dir.js";
import { failedDownload } from "./download-servers.js";

const never = new AbortController().signal;
const base = temporaryDir().path;
const roots = join(base, "roots");
const tmpDir = join(base, "tmp");
mkdirSync(roots);
mkdirSync(tmpDir);
const OPTIONS: FetchOptions = { mediaRoots: [roots], tmpDir, maxBytes: 1000, timeoutMs: 10_000, allowPrivateAddresses: true };
const BODY = "the media's bytes";
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

type Answer = (response: ServerResponse, request: IncomingMessage) => void;
const redirectTo = (location: string): Answer => {
  return (response) => response.writeHead(302, { location }).end();
};

/** Each lies in its own way. */
const ANSWERS: Record<string, Answer> = {
  "/good": (response) => response.end(BODY),
  "/echo-encoding": (response, request) => response.end(String(request.headers["accept-encoding"])),
  "/drip": (response) => {
    const timer = setInterval(() => response.write("x"), 20);
    response.on("close", () => clearInterval(timer));
  },
  "/stall": (response) => response.writeHead(200, { "content-length": "100" }).write("x"),
  "/silent": () => {},
  "/short": (response) => {
    response.writeHead(200, { "content-length": "100" }).write("only this", () => response.destroy());
  },
  "/reset": (response) => response.destroy(),
  "/announces-too-much": (response) => response.writeHead(200, { "content-length": "1001" }).write("x"),
  "/sends-too-much": (response) => {
    for (let i = 0; i < 200; i++) response.write("0123456789");
  },
  "/compressed": (response) => response.writeHead(200, { "content-encoding": "gzip" }).end(BODY),
  "/hop": redirectTo("/good"),
  "/loop": redirectTo("/loop"),
  "/to-file": redirectTo("file:///etc/hostname"),
  "/to-credentials": redirectTo("http://user:secret@example.org/"),
};

let server: Server;
let origin = "";

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = request.url!.split("?")[0];
    const status = /^\/status\/(\d+)$/.exec(path);
    if (status) response.writeHead(Number(status[1])).end("no");
    else ANSWERS[path](response, request);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const get = (path: string, options: Partial<FetchOptions> = {}, signal = never) =>
  fetchMedia({ url: `${origin}${path}?token=secret` }, { ...OPTIONS, ...options }, signal);

const failure = (fetched: Promise<unknown>) => failedDownload(fetched, tmpDir);

describe("a download", () => {
  test("is a private copy with its digest, until it is disposed of, twice if you like", async () => {
    const file = await get("/good");
    expect(readFileSync(file.path, "utf8")).toBe(BODY);
    expect(file).toMatchObject({ sha256: sha256(BODY), bytes: BODY.length });
    expect(statSync(dirname(file.path)).mode & 0o777).toBe(0o700);
    await file.dispose();
    await file.dispose();
    expect(existsSync(dirname(file.path))).toBe(false);
  });

  test("asks for the bytes as they are", async () => {
    const file = await get("/echo-encoding");
    expect(readFileSync(file.path, "utf8")).toBe("identity");
    await file.dispose();
  });

  test("follows a redirect", async () => {
    const file = await get("/hop");
    expect(file.sha256).toBe(sha256(BODY));
    await file.dispose();
  });

  test.each([401, 403, 404, 410, 451, 400, 204])("%i is unscannable", async (status) => {
    const error = await failure(get(`/status/${status}`));
    expect(error).toBeInstanceOf(UnscannableError);
    expect(error.message).toContain(`127.0.0.1 answered ${status}`);
  });

  test.each([408, 425, 429, 500, 502, 503])("%i is worth another try", async (status) => {
    expect(await failure(get(`/status/${status}`))).toBeInstanceOf(TransientError);
  });

  test.each([
    ["/short", {}, "could not be fetched from 127.0.0.1"],
    ["/reset", {}, "could not be fetched from 127.0.0.1"],
    ["/drip", { timeoutMs: 300 }, "127.0.0.1 did not deliver the file within"],
    ["/silent", { timeoutMs: 300 }, "127.0.0.1 did not deliver the file within"],
    ["/stall", { stallMs: 300 }, "could not be fetched from 127.0.0.1"],
  ])("%s is worth another try", async (path, options, message) => {
    const error = await failure(get(path, options));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toContain(message);
  });

  test.each([
    ["/announces-too-much", "larger than the limit of 1000 bytes"],
    ["/sends-too-much", "larger than the limit of 1000 bytes"],
    ["/compressed", "compressed"],
    ["/loop", "redirects more than 5 times"],
  ])("%s is unscannable", async (path, message) => {
    const error = await failure(get(path));
    expect(error).toBeInstanceOf(UnscannableError);
    expect(error.message).toContain(message);
  });

  test("a host that does not answer is worth another try", async () => {
    expect(await failure(fetchMedia({ url: "http://127.0.0.1:1/" }, OPTIONS, never))).toBeInstanceOf(TransientError);
  });

  test.each(["/to-file", "/to-credentials"])("%s is unscannable: where it leads is its server's doing", async (path) => {
    expect(await failure(get(path))).toBeInstanceOf(UnscannableError);
  });

  test("an abort throws its reason", async () => {
    const abort = new AbortController();
    server.once("request", () => abort.abort(new Error("enough")));
    expect((await failure(get("/drip", {}, abort.signal))).message).toBe("enough");
  });
});

describe("addresses", () => {
  test.each(["not a url", "ftp://example.org/a", "file:///etc/hostname", "http://user:secret@example.org/"])(
    "%s is refused",
    async (url) => {
      const error = await failure(fetchMedia({ url }, OPTIONS, never));
      expect(error).toBeInstanceOf(InvalidSubmissionError);
      expect(error.message).toMatch(/^media\.url: /);
    },
  );

  test.each(["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "169.254.169.254", "0.0.0.0"])(
    "http://%s is inside a private network",
    async (host) => {
      const { port } = new URL(origin);
      const url = `http://${host}:${port}/good`;
      const error = await failure(fetchMedia({ url }, { ...OPTIONS, allowPrivateAddresses: false }, never));
      expect(error).toBeInstanceOf(InvalidSubmissionError);
      expect(error.message).toContain("inside a private network");
    },
  );
});

describe("a local file", () => {
  const path = join(roots, "a.mp4");
  writeFileSync(path, BODY);
  writeFileSync(join(base, "outside.mp4"), BODY);
  symlinkSync(join(base, "outside.mp4"), join(roots, "link.mp4"));
  const open = (of: string, options: Partial<FetchOptions> = {}) => fetchMedia({ path: of }, { ...OPTIONS, ...options }, never);

  test("is used where it lies and outlives dispose", async () => {
    const file = await open(path);
    expect(file).toMatchObject({ path, sha256: sha256(BODY), bytes: BODY.length });
    await file.dispose();
    expect(existsSync(path)).toBe(true);
  });

  test("may be reached through a root that is a link", async () => {
    const link = join(base, "link-to-roots");
    symlinkSync(roots, link);
    expect((await open(join(link, "a.mp4"), { mediaRoots: [link] })).path).toBe(path);
  });

  test.each([
    ["outside", () => join(base, "outside.mp4")],
    ["climbing out", () => `${roots}/../outside.mp4`],
    ["outside and missing", () => join(base, "nothing.mp4")],
    ["a link that leads out", () => join(roots, "link.mp4")],
    ["a root itself", () => roots],
  ])("%s is refused, saying what to do", async (_, of) => {
    const error = await failure(open(of()));
    expect(error).toBeInstanceOf(InvalidSubmissionError);
    expect(error.message).toMatch(/^media\.path: .*MEDIA_ROOTS$/);
  });

  test("a folder is refused", async () => {
    mkdirSync(join(roots, "folder"));
    await expect(open(join(roots, "folder"))).rejects.toThrow("media.path: is not a file");
  });

  test("missing or too large is unscannable", async () => {
    await expect(open(join(roots, "nothing.mp4"))).rejects.toThrow(UnscannableError);
    await expect(open(path, { maxBytes: 3 })).rejects.toThrow("larger than the limit of 3 bytes");
  });

  test("a pipe and a device are refused, and nobody waits for them", async () => {
    const pipe = join(roots, "pipe.mp4");
    execFileSync("mkfifo", [pipe]);
    await expect(open(pipe)).rejects.toThrow("media.path: is not a file");
    await expect(open("/dev/zero", { mediaRoots: ["/"] })).rejects.toThrow("media.path: is not a file");
  });

  test("that is still being written is worth another try", async () => {
    const growing = join(roots, "growing.mp4");
    writeFileSync(growing, BODY);
    const opened = open(growing, { maxBytes: 1e9 });
    // Never two turns without a change, until it has been read.
    let settled = false;
    const writing = (async () => {
      while (!settled) await appendFile(growing, "more");
    })();
    const error = await opened.then(
      () => undefined,
      (e: Error) => e,
    );
    settled = true;
    await writing;
    expect(error).toBeInstanceOf(TransientError);
    expect(error?.message).toBe("the file is still being written");
  });

  test("is never one outside, however fast a folder on the way becomes a link", async () => {
    const outside = join(base, "elsewhere");
    const inside = join(roots, "swapped");
    mkdirSync(outside);
    mkdirSync(inside);
    writeFileSync(join(inside, "a.mp4"), BODY);
    writeFileSync(join(outside, "a.mp4"), "not for us");
    let settled = false;
    const swapping = (async () => {
      while (!settled) {
        await rename(inside, `${inside}-away`);
        await symlink(outside, inside);
        await unlink(inside);
        await rename(`${inside}-away`, inside);
      }
    })();
    const seen = new Set<string>();
    for (let i = 0; i < 500; i++) {
      const found = await open(join(inside, "a.mp4")).then(
        (file) => file.sha256,
        (e: Error) => e.name,
      );
      seen.add(found);
    }
    settled = true;
    await swapping;
    expect(seen).not.toContain(sha256("not for us"));
  });
});

describe("what killed processes left behind", () => {
  test("is removed when it is old, and nothing else is", async () => {
    const folder = temporaryDir().path;
    const names = ["reupload-Ab12Cd", "reupload-Zz99Yy", "reupload-demo-Ab12Cd", "somebody-Ab12Cd"];
    for (const name of names) mkdirSync(join(folder, name));
    writeFileSync(join(folder, "reupload-Ab12Cd", "media"), BODY);
    for (const name of names.filter((one) => one !== "reupload-Zz99Yy")) utimesSync(join(folder, name), 0, 0);
    symlinkSync(roots, join(folder, "reupload-Li12nk"));
    expect(await removeLeftOvers(folder, 3_600_000)).toBe(1);
    expect(readdirSync(folder).sort()).toEqual(["reupload-Li12nk", ...names.slice(1)].sort());
    expect(await removeLeftOvers(join(folder, "nothing"), 0)).toBe(0);
  });
});
