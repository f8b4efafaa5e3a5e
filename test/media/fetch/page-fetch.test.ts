import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { TransientError, UnscannableError } from "../../../src/errors.js";
import { type FetchOptions, fetchMedia, fetchOptionsOf } from "../../../src/media/fetch/fetch-media.js";
import { findPageFetcher, type PageFetcher } from "../../../src/media/fetch/page-fetcher.js";
import { findFfmpeg } from "../../../src/media/find-ffmpeg.js";
import { pathOf } from "../../../src/media/sandbox/choice.js";
import { testConfig } from "../../support/config.js";
import { temporaryDir } from "../../support/temporary-dir.js";
import { video } from "../support.js";
import { PUBLIC, testNetwork } from "./download-servers.js";

const missing = pathOf("yt-dlp") ? "" : "(yt-dlp is not installed: apt-get install yt-dlp)";
const unconfined = pathOf("bwrap") ? "" : "(bubblewrap is not installed: apt-get install bubblewrap)";
const never = new AbortController().signal;
const base = temporaryDir().path;
const tmpDir = join(base, "tmp");
mkdirSync(tmpDir);

const FILM = readFileSync(video(readdirSync(video(".")).filter((name) => name.endsWith(".mp4"))[0]));
const sha256 = createHash("sha256").update(FILM).digest("hex");

const page = (body: string, head = "") =>
  `<!doctype html><html><head><title>a page</title>${head}</head><body>${body}</body></html>`;
const film = (src: string) => `<video src="${src}"></video>`;

/** The film as a list of two pieces. */
const PIECES = join(base, "pieces");
mkdirSync(PIECES);
execFileSync(
  (await findFfmpeg({})).path,
  [
    "-v",
    "error",
    "-nostdin",
    "-f",
    "lavfi",
    "-i",
    "testsrc2=s=320x180:r=25:d=4",
    "-g",
    "50",
    "-c:v",
    "libx264",
    "-f",
    "hls",
  ].concat(["-hls_time", "2", "-hls_list_size", "0", join(PIECES, "list.m3u8")]),
);

let server: Server;
let origin = "";
let port = 0;
const asked: string[] = [];
let answer: Record<string, (response: ServerResponse) => void> = {};
const html = (text: string, status = 200) => {
  return (response: ServerResponse) => void response.writeHead(status, { "content-type": "text/html" }).end(text);
};

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = request.url!.split("?")[0];
    asked.push(`${request.method} ${path}`);
    const known: typeof answer = {
      "/film.mp4": (to) => void to.writeHead(200, { "content-type": "video/mp4", "content-length": FILM.length }).end(FILM),
      "/video": html(page(film("/film.mp4"))),
      "/og": html(page("", `<meta property="og:title" content="a"><meta property="og:video" content="${origin}/film.mp4">`)),
      "/two": html(page(film("/film.mp4") + film("/other.mp4"))),
      "/text": html(page("<p>words</p>")),
      "/refuses-us": html(page(film("/film.mp4")), 403),
      "/to-private": html(page(film(`http://127.0.0.1:${port}/film.mp4`))),
      "/to-file": html(page(film("file:///etc/passwd"))),
      "/to-ftp": html(page(film(`ftp://127.0.0.1:${port}/film.mp4`))),
      "/to-missing": html(page(film("/nothing.mp4"))),
      "/to-busy": html(page(film("/busy.mp4"))),
      "/busy.mp4": (to) => void to.writeHead(503).end(),
      "/to-endless": html(page(film("/endless.mp4"))),
      "/endless.mp4": (to) => {
        to.writeHead(200, { "content-type": "video/mp4" });
        const more = () => {
          while (!to.destroyed && to.write(Buffer.alloc(65_536)));
        };
        to.on("drain", more);
        more();
      },
      "/hls": html(page(film("/list.m3u8"))),
      ...Object.fromEntries(
        readdirSync(PIECES).map((name) => [
          `/${name}`,
          (to: ServerResponse) => {
            const type = name.endsWith(".m3u8") ? "application/vnd.apple.mpegurl" : "video/mp2t";
            to.writeHead(200, { "content-type": type }).end(readFileSync(join(PIECES, name)));
          },
        ]),
      ),
      "/to-silent": html(page(film("/silent.mp4"))),
      "/silent.mp4": () => {},
      ...answer,
    };
    (known[path] ?? html("no", 404))(response);
  }).listen(0, PUBLIC);
  await once(server, "listening");
  port = (server.address() as AddressInfo).port;
  const inside = createServer((request, response) => server.emit("request", request, response)).listen(port, "127.0.0.1");
  await once(inside, "listening");
  origin = `http://videos.test:${port}`;
  afterAll(() => {
    for (const one of [server, inside]) {
      one.closeAllConnections();
      one.close();
    }
  });
});
afterEach(() => {
  asked.length = 0;
  answer = {};
});

/** Processes whose command line names a folder of this test's. */
const runningHere = () =>
  readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(tmpDir);
    } catch {
      return false;
    }
  });

async function options(more: Partial<FetchOptions> = {}): Promise<FetchOptions> {
  const pageFetcher = await findPageFetcher({ pageFetcher: "yt-dlp" });
  const network = testNetwork({ "videos.test": [[PUBLIC]] });
  const limits = { maxBytes: 50_000_000, timeoutMs: 120_000, ports: [port] };
  return { mediaRoots: [], tmpDir, allowPrivateAddresses: false, network, pageFetcher, ...limits, ...more };
}

const get = async (path: string, more?: Partial<FetchOptions>, signal = never) =>
  fetchMedia({ url: `${origin}${path}?token=secret` }, await options(more), signal);

async function failure(fetched: Promise<unknown>): Promise<UnscannableError | TransientError> {
  const error = await fetched.then(
    () => new Error("it was fetched"),
    (e: Error) => e,
  );
  expect(readdirSync(tmpDir)).toEqual([]);
  expect(runningHere()).toEqual([]);
  expect(error.message).not.toContain("secret");
  expect(error.message).not.toContain("http://");
  return error as UnscannableError;
}

test("without a page fetcher a page is unscannable, in so many words", async () => {
  const error = await failure(get("/video", { pageFetcher: undefined }));
  expect(error).toBeInstanceOf(UnscannableError);
  expect(error.message).toContain("answered with a web page, not with a file");
  expect(asked).toEqual(["GET /video"]);
});

test.skipIf(missing)(`sockets need a short folder for temporary files ${missing}`, { timeout: 60_000 }, async () => {
  const config = { ...testConfig({ PAGE_FETCHER: "yt-dlp" }), mediaTmpDir: `/${"x".repeat(100)}` };
  await expect(fetchOptionsOf(config)).rejects.toThrow("MEDIA_TMP_DIR: may have 85 bytes");
});

describe.skipIf(missing)(`a page, fetched by yt-dlp ${missing}`, () => {
  test.each(["/video", "/og", "/refuses-us"])(
    "%s gives its video, which is gone after dispose",
    { timeout: 60_000 },
    async (path) => {
      if (path === "/refuses-us") answer = { "/refuses-us": refusesPlainClients() };
      const file = await get(path);
      expect(file).toMatchObject({ sha256, bytes: FILM.length });
      expect(readFileSync(file.path).equals(FILM)).toBe(true);
      await file.dispose();
      await file.dispose();
      expect(readdirSync(tmpDir)).toEqual([]);
      expect(runningHere()).toEqual([]);
    },
  );

  test("/hls gives its video, put together from its pieces", { timeout: 60_000 }, async () => {
    const file = await get("/hls");
    const pieces = readdirSync(PIECES).filter((name) => name.endsWith(".ts"));
    expect(pieces.length).toBe(2);
    const whole = Buffer.concat(pieces.sort().map((name) => readFileSync(join(PIECES, name))));
    expect(readFileSync(file.path).equals(whole)).toBe(true);
    await file.dispose();
  });

  test.each([
    ["/text", "holds no video that could be fetched"],
    ["/two", "shows several videos"],
    ["/to-private", "leads to an address inside a private network"],
    ["/to-file", "holds no video that could be fetched"],
    ["/to-missing", "is not there any more"],
  ])("%s is unscannable", { timeout: 60_000 }, async (path, words) => {
    const error = await failure(get(path));
    expect(error.message).toContain(words);
    expect(error).toBeInstanceOf(UnscannableError);
  });

  test("one that is busy is worth another try", { timeout: 60_000 }, async () => {
    expect(await failure(get("/to-busy"))).toBeInstanceOf(TransientError);
  });

  test("a video without an end is cut off", { timeout: 60_000 }, async () => {
    const error = await failure(get("/to-endless", { maxBytes: 3_000_000 }));
    expect(error.message).toBe("the file is larger than the limit of 3000000 bytes");
  });

  test("a video that never comes takes no longer than is allowed", { timeout: 60_000 }, async () => {
    const error = await failure(get("/to-silent", { timeoutMs: 8_000 }));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toContain("did not give its video within 8 s");
  });

  test("an abort ends it, and throws its reason", { timeout: 60_000 }, async () => {
    const abort = new AbortController();
    answer = { "/silent.mp4": () => abort.abort(new Error("enough")) };
    expect((await failure(get("/to-silent", {}, abort.signal))).message).toBe("enough");
  });

  test("what does not go through a proxy goes nowhere", { timeout: 60_000 }, async () => {
    expect((await failure(get("/to-ftp"))).message).toContain("the page of videos.test");
    expect(asked).not.toContain("GET /film.mp4");
  });

  test.skipIf(unconfined)(`it is confined by bubblewrap ${unconfined}`, async () => {
    expect((await findPageFetcher({ pageFetcher: "yt-dlp" }))?.bwrap).toBeDefined();
  });

  test("without bubblewrap it works as well", { timeout: 120_000 }, async () => {
    const { bwrap: _, ...open } = (await findPageFetcher({ pageFetcher: "yt-dlp" })) as PageFetcher;
    const file = await get("/video", { pageFetcher: open });
    expect(file.sha256).toBe(sha256);
    await file.dispose();
    for (const path of ["/to-private", "/to-ftp"]) {
      asked.length = 0;
      const error = await failure(get(path, { pageFetcher: open }));
      expect(error).toBeInstanceOf(UnscannableError);
      expect(asked).not.toContain("GET /film.mp4");
    }
  });
});

/** Shows its video to browsers, or what says it is one. */
function refusesPlainClients() {
  let visits = 0;
  return (response: ServerResponse) => html(page(film("/film.mp4")), visits++ === 0 ? 403 : 200)(response);
}

test("is off unless it is asked for", async () => {
  expect(await findPageFetcher({ pageFetcher: "off" })).toBeUndefined();
  expect(await fetchOptionsOf(testConfig())).toMatchObject({ pageFetcher: undefined, ports: [80, 443, 8080, 8443] });
});

test("what may be asked is configured by ports, and nothing else is taken for one", async () => {
  expect(await fetchOptionsOf(testConfig({ MEDIA_PORTS: "443, 9000" }))).toMatchObject({ ports: [443, 9000] });
  for (const MEDIA_PORTS of ["0", "65536", "https", "80;443", "80,"])
    expect(() => testConfig({ MEDIA_PORTS })).toThrow("MEDIA_PORTS must be ports, such as 80,443");
});

test.each([
  ["/nowhere/yt-dlp", "YT_DLP_PATH: "],
  ["/bin/false", "YT_DLP_PATH: yt-dlp cannot be run"],
])("a path to something else is said at once: %s", async (ytDlpPath, words) => {
  await expect(findPageFetcher({ pageFetcher: "yt-dlp", ytDlpPath })).rejects.toThrow(words);
});

afterAll(() => rmSync(base, { recursive: true, force: true }));
